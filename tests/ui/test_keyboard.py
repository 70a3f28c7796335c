"""Our keyboard: what keys say, candidates in pages, nine keys, dates. Touched at real positions."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from kiosk.session.view import Field
from tests.ui.gallery import views
from ui import probe, syllables
from ui.keys import Keyboard

replace = msgspec.structs.replace


def typing(screen, name="form-pinyin", scale="standard"):
    """Let the screen type into its view as the session would; return what stands in the field."""
    box = {"view": replace(views("zh")[name], scale=scale)}

    def react(intent, value):
        view = box["view"]
        fields = []
        for field in view.fields:
            if field.is_focused and intent == "type":
                field = replace(field, display=field.display + value)  # noqa: PLW2901  the session's own answer
            if field.is_focused and intent == "erase":
                field = replace(field, display=field.display[:-1])  # noqa: PLW2901
            if intent == "focus":
                field = replace(field, is_focused=field.key == value)  # noqa: PLW2901
            fields.append(field)
        box["view"] = replace(view, fields=tuple(fields))
        screen.terminal.show(box["view"])

    screen.react = react
    screen.show(box["view"])
    return lambda: next((field.display for field in box["view"].fields if field.is_focused), None)


def press(screen, *names):
    for name in names:
        probe.tap(screen.window, probe.find(screen.window, name))
        screen.settle()


def test_jiaxing_is_typed_by_its_pinyin(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen)
    press(screen, *"jiaxing")
    assert display() == ""
    press(screen, "嘉兴")
    assert display() == "嘉兴"
    press(screen, *"shi", "空格")
    assert display().startswith("嘉兴")
    assert len(display()) == 3


def test_jiaxing_is_typed_on_nine_keys_in_the_elder_scale(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen, scale="elder")
    for letter in "jiaxing":
        probe.tap(screen.window, probe.key_for(screen.window, letter))
        screen.settle()
    press(screen, "嘉兴")
    assert display() == "嘉兴"


def test_a_reading_can_be_chosen_on_nine_keys(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen, scale="elder")
    for letter in "xi":
        probe.tap(screen.window, probe.key_for(screen.window, letter))
        screen.settle()
    press(screen, "zi", "子")
    assert display() == "子"


def test_nine_keys_show_how_the_first_candidate_is_spelled(qapp, dictionary_file):
    keyboard = Keyboard(dictionary_file)
    keyboard.focus(Field("a", "地址", "text", keyboard="pinyin"))
    shown = []
    for key in ("mno", "abc", "mno", "ghi", "tuv", "pqrs", "tuv"):
        keyboard.tap(key)
        shown.append(keyboard.property("composition"))
    assert [len(one.replace("'", "")) for one in shown] == [1, 2, 3, 4, 5, 6, 7]
    assert shown[-1] == "nan'hu'qu"


@pytest.mark.parametrize("is_nine", [False, True], ids=["letters", "nine keys"])
def test_every_character_of_gb_2312_is_reached_by_paging(qapp, dictionary_file, is_nine):
    keyboard = Keyboard(dictionary_file)
    keyboard.focus(Field("a", "地址", "text", keyboard="pinyin"))
    every = {bytes((row, cell)) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)}
    every -= {bytes((0xD7, cell)) for cell in range(0xFA, 0xFF)}
    wanted = {code.decode("gb2312") for code in every}
    assert len(wanted) == 6763
    keys = {letter: key for key in ["abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"] for letter in key}
    rows: dict[tuple[str, ...], list[str]] = {}  # what is tapped, and the syllables it may stand for
    for syllable in syllables.SYLLABLES:
        rows.setdefault(tuple(keys[letter] if is_nine else letter for letter in syllable), []).append(syllable)
    seen = set()
    for row, readings in rows.items():
        keyboard._keys = list(row[:-1])  # what the letters before would have shown is not looked up
        keyboard.tap(row[-1])
        for syllable in readings:
            if is_nine:
                keyboard.read(syllable)
            seen |= {option.value for option in keyboard.property("candidates").items()}
            while keyboard.property("hasNext"):
                keyboard.next()
                seen |= {option.value for option in keyboard.property("candidates").items()}
    assert sorted(wanted - seen) == []


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (1024, 768)])
@pytest.mark.parametrize("scale", ["standard", "elder"])
def test_the_field_being_typed_stays_in_sight(open_screen, dictionary_file, size, scale):
    screen = open_screen(size, pinyin_path=dictionary_file)
    typing(screen, scale=scale)
    press_letters = "zhulincun"
    for letter in press_letters:
        probe.tap(screen.window, probe.key_for(screen.window, letter))
        screen.settle()
    assert probe.find(screen.window, "现居住地址")


def test_erase_takes_the_composition_first_and_then_the_field(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen)
    press(screen, *"ni", "你", *"hao", "删除", "删除", "删除")
    assert display() == "你"
    press(screen, "删除")
    assert display() == ""
    assert screen.intents[-1] == ("erase", "")


def test_erase_held_down_goes_on_erasing(open_screen, dictionary_file, qtbot):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen, "form-digits")
    assert len(display()) > 3
    spot = probe.centre_of(probe.find(screen.window, "删除"))
    QTest.mousePress(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    qtbot.waitUntil(lambda: screen.intents.count(("erase", "")) >= 3, timeout=5000)
    QTest.mouseRelease(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    screen.settle()
    settled = screen.intents.count(("erase", ""))
    QTest.qWait(300)
    assert screen.intents.count(("erase", "")) == settled


def test_done_says_what_is_composed_and_closes(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen)
    press(screen, *"jiaxing", "完成")
    assert ("type", "嘉兴") in screen.intents
    assert screen.intents[-1] == ("focus", "")
    assert display() is None
    with pytest.raises(probe.NotFound):
        probe.find(screen.window, "q")


def test_digits_symbols_and_english_are_one_key_away(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    display = typing(screen)
    press(screen, "数字", *"12-3", "中文", "英文", "大写", "A", "b", "中文")
    assert display() == "12-3Ab"


def touchable(window):
    """Return the names of all that can be touched now, looked for at once."""
    probe.lay_out(window)
    solid = probe.solids(window)
    return {probe.name_of(item) for item in probe.controls(window) if not probe.why_not(window, item, solid)}


def test_candidates_come_in_pages_and_none_is_lost(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    typing(screen)
    press(screen, *"yi")
    seen = []
    keyboard = screen.terminal._keyboard
    for _ in range(60):
        page = [option.value for option in keyboard.property("candidates").items()]
        assert set(page) <= touchable(screen.window)
        seen += page
        if not keyboard.property("hasNext"):
            break
        press(screen, "更多")
    assert len(seen) == len(set(seen)) == len(keyboard._found)
    assert len(seen) > 100
    press(screen, "前面")


def test_a_new_field_starts_with_an_empty_composition(open_screen, dictionary_file):
    screen = open_screen((1080, 1920), pinyin_path=dictionary_file)
    typing(screen)
    press(screen, *"jia")
    screen.show(views("zh")["form-english"])
    screen.show(views("zh")["form-pinyin"])
    assert screen.terminal._keyboard.property("composition") == ""


def test_an_id_number_has_its_x(open_screen):
    screen = open_screen((1080, 1920))
    display = typing(screen, "form-idnumber")
    press(screen, "X")
    assert display().endswith("X")


def test_a_whole_date_is_picked_and_a_day_that_does_not_exist_is_not(open_screen):
    screen = open_screen((1080, 1920))
    typing(screen, "form-date")
    press(screen, *"20260230")
    assert [one for one in screen.intents if one[0] == "pick"] == []
    assert screen.terminal._keyboard.property("isDateWrong")
    press(screen, "删除", "删除", *"28")
    assert screen.intents[-1] == ("pick", "since=2026-02-28")


def test_without_a_dictionary_the_keys_still_stand(open_screen, tmp_path, caplog):
    screen = open_screen((1080, 1920), pinyin_path=None)
    typing(screen)
    press(screen, *"jia", "英文", "a")
    assert screen.intents[-1] == ("type", "a")


@pytest.mark.expected_log("dictionary is missing")
def test_a_missing_dictionary_is_said_once(qapp, tmp_path, caplog):
    keyboard = Keyboard(tmp_path / "none.db")
    keyboard.focus(Field("a", "地址", "text", keyboard="pinyin"))
    for letter in "jia":
        keyboard.tap(letter)
    assert [record.message for record in caplog.records].count(
        "the keyboard's dictionary is missing; Chinese cannot be typed"
    ) == 1


def test_a_row_of_keys_is_read_as_syllables():
    sets = {letter: keys for keys in ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz") for letter in keys}
    row = tuple(sets[letter] for letter in "jiaxing")
    assert ("jia", "xing") in syllables.readings(row)
    assert "jia" in syllables.first_syllables(row)
    assert syllables.readings(tuple(sets[letter] for letter in "zhongguo"))[0] == ("zhong", "guo")


def test_the_syllables_are_those_of_the_language():
    assert len(syllables.SYLLABLES) > 390
    for whole in ("jia", "xing", "zhuang", "lv", "nve", "er", "yuan", "shuang", "n"):
        assert (whole in syllables.SYLLABLES) == (whole != "n")
