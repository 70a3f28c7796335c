"""Typing Chinese: every character of GB 2312, common words and the places around Jiaxing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.keyboard import dictionary
from ui.keyboard.pinyin import Candidate, DictionaryError, Pinyin

DATA = Path(__file__).parents[1] / "fixtures" / "data"
PAGE = 9


@pytest.fixture
def dictionary_path(dictionary_file):
    return dictionary_file


@pytest.fixture(scope="module")
def keyboard(dictionary_file):
    engine = Pinyin(dictionary_file)
    yield engine
    engine.close()


def texts(keyboard, letters, limit=400):
    return [candidate.text for candidate in keyboard.candidates(letters, limit)]


def gb2312():
    rows = range(0xB0, 0xF8)
    cells = range(0xA1, 0xFF)
    every = (bytes((row, cell)) for row in rows for cell in cells)
    return [code.decode("gb2312") for code in every if not (code[0] == 0xD7 and code[1] > 0xF9)]


def test_all_characters_of_gb_2312_can_be_typed_by_one_of_their_readings(keyboard):
    from pypinyin import Style
    from pypinyin import pinyin as readings_of

    characters = gb2312()
    assert len(characters) == 6763
    offered: dict[str, set[str]] = {}
    missing = []
    for character in characters:
        readings = [sound.replace("ü", "v") for sound in readings_of(character, style=Style.NORMAL, heteronym=True)[0]]
        readings = ["en"] if character == "嗯" else readings  # its own n and ng have no vowel to type
        for letters in readings:
            if letters not in offered:
                found = keyboard.candidates(letters)
                offered[letters] = {one.text for one in found if one.consumed_letters == len(letters)}
        if not any(character in offered[letters] for letters in readings):
            missing.append(character)
    assert missing == []


def _sounds(word):
    from pypinyin import lazy_pinyin  # its tables take half a second, and each worker collects this module

    return lazy_pinyin(word)


def _words(name):
    for entry in (DATA / name).read_text(encoding="utf-8").split():
        word, _, letters = entry.partition("=")
        yield word, letters or "".join(_sounds(word))


@pytest.mark.parametrize(("name", "count"), [("pinyin_words.txt", 500), ("pinyin_places.txt", 100)])
def test_the_first_page_holds_nine_of_ten(keyboard, name, count):
    words = list(_words(name))
    assert len(words) == count == len({word for word, _ in words})
    missed = [word for word, letters in words if word not in texts(keyboard, letters)[:PAGE]]
    assert len(missed) <= count // 10, missed


@pytest.mark.parametrize("word", [*"村组号路幢室弄巷街镇王李张陈沈朱钱吴陆徐姚俞", "单元"])
def test_words_of_addresses_and_surnames_are_on_the_first_page(keyboard, word):
    letters = {"幢": "zhuang"}.get(word, "".join(_sounds(word)))
    assert word in texts(keyboard, letters)[:PAGE]


@pytest.mark.parametrize(
    ("letters", "first"),
    [
        ("nihao", "你好"),
        ("nanhuqu", "南湖区"),
        ("jiaxingshinanhuqu", "嘉兴市南湖区"),
        ("wodeshenfenzhengdiule", "我的身份证丢了"),
        ("haiyanxianwuyuanjiedao", "海盐县武原街道"),
        ("wojiazaifengqiaozhen", "我家在凤桥镇"),
        ("gaolingjintie", "高龄津贴"),
        ("jxs", "嘉兴市"),
        ("nhq", "南湖区"),
        ("jiax", "嘉兴"),
        ("nvxing", "女性"),
        ("NVXING", "女性"),
        ("nüxing", "女性"),
        ("lve", "略"),
        ("lue", "略"),
        ("qvxiao", "取消"),
        ("xi'an", "西安"),
        ("fang'an", "方案"),
        ("fan'gan", "反感"),
        ("de", "的"),
        ("sh", "是"),
    ],
)
def test_what_comes_first(keyboard, letters, first):
    found = keyboard.candidates(letters)[0]
    assert found == Candidate(first, len(letters))


def test_one_spelling_may_be_split_in_several_ways(keyboard):
    assert {"先", "西安"} <= set(texts(keyboard, "xian")[:PAGE])
    assert "先" not in texts(keyboard, "xi'an")
    assert {"方案", "反感"} <= set(texts(keyboard, "fangan")[:PAGE])
    assert {"是", "社会"} <= set(texts(keyboard, "sh")[:PAGE])


def test_candidates_say_how_many_letters_they_take_apostrophes_included(keyboard):
    found = keyboard.candidates("xi'anshi")
    assert Candidate("西安市", 8) in found
    assert Candidate("西安", 5) in found
    assert Candidate("西", 3) in found
    consumed = [one.consumed_letters for one in found]
    assert consumed == sorted(consumed, reverse=True)


def test_a_sentence_also_offers_its_beginnings(keyboard):
    found = keyboard.candidates("wodeshenfenzheng")
    assert [one.text for one in found if len(one.text) > 1][:2] == ["我的身份证", "我的身份"]
    assert Candidate("我的", 4) in found


@pytest.mark.parametrize("letters", ["", "v", "i", "'", "1", "𠮷", " ", "vab"])
def test_what_begins_no_syllable_gives_nothing(keyboard, letters):
    assert keyboard.candidates(letters) == ()


def test_letters_that_begin_nothing_end_the_reading(keyboard):
    assert keyboard.candidates("nihaov")[0] == Candidate("你好", 5)
    assert keyboard.candidates("ni'v'hao")[0] == Candidate("你", 3)


def test_rare_characters_of_names_are_there_after_the_common_ones(keyboard):
    for letters, character in (("zhe", "喆"), ("kun", "堃"), ("ji", "𠮷"), ("yan", "䶮")):
        assert character in texts(keyboard, letters, limit=2000)


def test_simplified_words_stand_before_traditional_ones(keyboard):
    assert texts(keyboard, "diule")[0] == "丢了"


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzü'"), max_size=70), st.integers(1, 80))
def test_any_letters_give_candidates_that_fit(keyboard, letters, limit):
    found = keyboard.candidates(letters, limit)
    assert len(found) <= limit
    assert len(set(found)) == len(found)
    for candidate in found:
        assert candidate.text
        assert 0 < candidate.consumed_letters <= len(letters)


def test_nothing_typed_is_learned_or_stored(dictionary_path):
    before = dictionary_path.read_bytes()
    engine = Pinyin(dictionary_path)
    first = engine.candidates("wangxiaoming")
    for _ in range(5):
        assert engine.candidates("wangxiaoming") == first
    engine.close()
    assert dictionary_path.read_bytes() == before
    assert [path.name for path in dictionary_path.parent.iterdir()] == [dictionary_path.name]


def test_the_dictionary_is_opened_at_the_first_look_up_only(tmp_path, dictionary_path):
    late = tmp_path / "late.db"
    engine = Pinyin(late)
    late.write_bytes(dictionary_path.read_bytes())
    assert engine.candidates("nihao")[0].text == "你好"
    engine.close()
    assert engine.candidates("nihao")[0].text == "你好"
    engine.close()
    engine.close()


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_a_dictionary_that_cannot_be_read_is_one_error(tmp_path, content):
    path = tmp_path / "pinyin.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DictionaryError):
        Pinyin(path).candidates("ni")


# ── nine keys ──────────────────────────────────────────────────────────────────────────────

KEYS = {letter: key for key in ["abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"] for letter in key}


def nine(keyboard, letters, limit=400):
    return keyboard.candidates_nine([KEYS[letter] for letter in letters], limit)


@pytest.mark.parametrize("name", ["pinyin_words.txt", "pinyin_places.txt"])
def test_on_nine_keys_the_first_page_holds_nineteen_of_twenty(keyboard, name):
    words = list(_words(name))
    plain = [(word, letters.replace("ü", "v").replace("'", "")) for word, letters in words]
    missed = [word for word, letters in plain if word not in [one.text for one in nine(keyboard, letters, PAGE)]]
    assert len(missed) <= len(words) // 20, missed


@pytest.mark.parametrize(
    ("letters", "first", "code"),
    [
        ("nanhuqu", "南湖区", "nan'hu'qu"),
        ("jiaxingshinanhuqu", "嘉兴市南湖区", "jia'xing'shi'nan'hu'qu"),
        ("wodeshenfenzhengdiule", "我的身份证丢了", "wo'de'shen'fen'zheng'diu'le"),
        ("haiyanxianwuyuanjiedao", "海盐县武原街道", "hai'yan'xian'wu'yuan'jie'dao"),
        ("gaolingjintie", "高龄津贴", "gao'ling'jin'tie"),
        ("nvxing", "女性", "nv'xing"),
    ],
)
def test_what_comes_first_on_nine_keys(keyboard, letters, first, code):
    assert nine(keyboard, letters)[0] == (first, len(letters), code)


def test_on_nine_keys_the_last_syllable_may_be_unfinished(keyboard):
    assert nine(keyboard, "nanhuq")[0] == ("南湖区", 6, "nan'hu'qu")
    assert nine(keyboard, "n")[0].keys == 1


def test_a_chosen_reading_holds_on_nine_keys(keyboard):
    assert {one.text for one in nine(keyboard, "xi")} >= {"一", "西", "子"}
    chosen = keyboard.candidates_nine([*"zi", *(KEYS[letter] for letter in "ji")])
    assert chosen[0] == ("自己", 4, "zi'ji")
    assert all(one.code.replace("'", "").startswith("zi"[: one.keys]) for one in chosen)


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=60), st.integers(0, 60), st.integers(1, 80))
def test_any_row_of_keys_gives_candidates_that_fit(keyboard, letters, chosen, limit):
    groups = [letter if at < chosen else KEYS[letter] for at, letter in enumerate(letters)]
    found = keyboard.candidates_nine(groups, limit)
    assert len(found) <= limit
    assert len({one[:2] for one in found}) == len(found)
    assert keyboard.candidates_nine(groups, 400)[:limit] == found
    for one in found:
        assert 0 < one.keys <= len(letters)
        spelled = one.code.replace("'", "")[: one.keys]
        assert all(letter in group for letter, group in zip(spelled, groups, strict=False))


# ── building ───────────────────────────────────────────────────────────────────────────────


def test_building_again_changes_nothing(dictionary_path):
    before = dictionary_path.stat()
    assert dictionary.build_dictionary(dictionary_path) is False
    assert dictionary.main([str(dictionary_path)]) == 0
    after = dictionary_path.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_a_broken_or_outdated_dictionary_is_built_anew_and_whole(tmp_path):
    target = tmp_path / "deep" / "pinyin.db"
    target.parent.mkdir()
    target.write_bytes(b"half a database")
    places = tmp_path / "places.txt"
    places.write_text("# one place\n测试埭=ce'shi'dai\n某某街道 幢=zhuang\n", encoding="utf-8")
    words = tmp_path / "words.txt"  # jieba's own takes a quarter of a minute; set-up builds with it
    words.write_text("某某 12 nr\n街道 240 n\n街 30 n\nabc 9 eng\n", encoding="utf-8")
    assert dictionary.build_dictionary(target, places, words)
    assert dictionary.build_dictionary(target, places, words) is False
    assert [path.name for path in target.parent.iterdir()] == ["pinyin.db"]
    with sqlite3.connect(target) as database:
        found = dict(
            database.execute("SELECT text, code FROM words WHERE text IN ('测试埭', '某某', '某某街道', '街道')")
        )
    database.close()
    assert found == {"测试埭": "ce'shi'dai", "某某": "mou'mou", "某某街道": "mou'mou'jie'dao", "街道": "jie'dao"}


def test_a_build_that_fails_leaves_the_old_dictionary(dictionary_path, tmp_path, monkeypatch):
    before = dictionary_path.read_bytes()
    places = tmp_path / "places.txt"
    places.write_text("新地方", encoding="utf-8")

    def fail(database, lexicon, stamp):
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(dictionary, "_Lexicon", lambda places, words: None)
    monkeypatch.setattr(dictionary, "_write", fail)
    with pytest.raises(sqlite3.OperationalError):
        dictionary.build_dictionary(dictionary_path, places)
    assert dictionary_path.read_bytes() == before
    assert [path.name for path in dictionary_path.parent.iterdir()] == [dictionary_path.name]


def test_the_command_wants_one_path(capsys):
    assert dictionary.main([]) == 2
    assert "usage" in capsys.readouterr().err
