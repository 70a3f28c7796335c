"""The pinyin dictionary, built once at set-up: `python -m ui.keyboard.dictionary build/keyboard/pinyin.db`.

Words and their frequencies come from jieba's word list, readings from pypinyin (both MIT), names of places around
Jiaxing from assets/keyboard/places.txt. The result is a read-only SQLite file; nothing is ever learned into it.

    words(code, weight, text, initials, digits)   code = syllables joined by ', without tone, ü written v: nan'hu'qu;
                                                  digits = the keys they lie on: 6264878
    alone(code, weight, text)                     for each syllable, the character most often a word by itself

Weights of words are occurrences in jieba's corpus; those of characters are hundredths, counted inside words too.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ui.keyboard.nine import digits_of

FORMAT = 3  # raised with every change of this module that changes the file
PLACES = Path(__file__).parents[2] / "assets" / "keyboard" / "places.txt"
LEAST_FREQUENCY = 3  # below are 40,000 entries, nearly all scraps
LONGEST_WORD = 8
PLACE_WEIGHT, STEM_WEIGHT = 4000, 2000  # as a fairly common word; 嘉兴 itself has 407 in jieba's list
FIRST_PAGE = 6  # surnames and words of addresses stand at least here among the characters of their syllable
PLACE_SUFFIXES = ("街道", "社区", "镇", "乡", "村", "区", "县", "市", "路", "街", "小区")
HUNDREDTHS = 100  # characters are counted in them, so that rarity orders those no word list counts
SECOND_READING = 0.02  # what a reading that no known word uses is worth
_MARKS = {"ü": "v", "ê": "e"}
# Sounds without a vowel cannot be typed on a syllable keyboard: these are their usual spellings.
_SOUNDS = {"n": "en", "ng": "en", "m": "mu", "hm": "hen", "hng": "heng"}

Sounds = tuple[str, ...]
Row = tuple[str, int, str, str]


def build_dictionary(target: Path, places: Path = PLACES, words: Path | None = None) -> bool:
    """Write the dictionary, atomically; True when it was built, False when the one there is current already.

    `words` is a list in place of jieba's, in its form: a word, how often it occurs.
    """
    stamp = _stamp(places) + (f" {hashlib.sha256(words.read_bytes()).hexdigest()[:16]}" if words else "")
    if _stamp_of(target) == stamp:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(part)) as database:
            _write(database, _Lexicon(places, words), stamp)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True


def _write(database: sqlite3.Connection, lexicon: _Lexicon, stamp: str) -> None:
    rows = sorted(lexicon.rows())
    database.executescript(
        """
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        CREATE TABLE words (code TEXT, weight INTEGER, text TEXT, initials TEXT, digits TEXT,
                            PRIMARY KEY (code, weight DESC, text)) WITHOUT ROWID;
        CREATE TABLE alone (code TEXT PRIMARY KEY, weight INTEGER, text TEXT) WITHOUT ROWID;
        CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT);
        """
    )
    total = sum(weight for _, weight, text, _ in rows if len(text) > 1)
    syllables = sorted({code for code, _, text, _ in rows if len(text) == 1 and _is_gb2312(text)})
    facts = {"stamp": stamp, "total": str(total), "syllables": " ".join(syllables)}
    with database:
        database.executemany("INSERT INTO words VALUES (?, ?, ?, ?, ?)", ((*row, digits_of(row[0])) for row in rows))
        database.executemany("INSERT INTO alone VALUES (?, ?, ?)", lexicon.alone())
        database.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
        database.execute("CREATE INDEX by_initials ON words (initials, weight DESC)")
        database.execute("CREATE INDEX by_digits ON words (digits, weight DESC)")


class _Lexicon:
    """All words with their readings and weights, and what the words tell about the characters in them."""

    def __init__(self, places: Path, words: Path | None = None) -> None:
        self._readings = _Readings()
        self._words: dict[tuple[str, Sounds], int] = defaultdict(int)
        self._characters: Counter[str] = Counter()  # in all words
        self._alone: Counter[str] = Counter()  # as a word by itself
        self._used: Counter[tuple[str, str]] = Counter()  # with this reading
        self._favoured: set[tuple[str, str]] = set()
        for word, frequency in _counted_words(words or _jieba_list()):
            self._count(word, frequency)
        for name, weight, sounds in _places(places, self._readings):
            if len(name) == 1:
                self._favoured |= {(name, sound) for sound in sounds}
            elif sounds:
                self._words[name, sounds] = max(self._words[name, sounds], weight)

    def rows(self) -> Iterator[Row]:
        """Yield every word and every character with each of its readings."""
        for (word, sounds), weight in self._words.items():
            yield "'".join(sounds), weight, word, "".join(sound[0] for sound in sounds)
        yield from self._character_rows()

    def alone(self) -> list[tuple[str, int, str]]:
        """Return for each syllable its commonest one-character word and how often it occurs."""
        best: dict[str, tuple[int, str]] = {}
        for character, sounds in self._readings.of_characters():
            for sound in sounds:
                weight = int(self._alone[character] * self._share(character, sounds, sound))
                best[sound] = max(best.get(sound, (0, "")), (weight, character))
        return [(sound, weight, character) for sound, (weight, character) in best.items() if weight]

    def _character_rows(self) -> Iterator[Row]:
        found: dict[str, dict[str, int]] = defaultdict(dict)  # sound → character → weight
        for character, sounds in self._readings.of_characters():
            for at, sound in enumerate(sounds):
                weight = int(self._characters[character] * self._share(character, sounds, sound)) * HUNDREDTHS
                found[sound][character] = weight + _rarity(character) * 10 + (at == 0)
        sixth = {sound: sorted(weights.values())[-FIRST_PAGE:][0] for sound, weights in found.items()}
        for character, sound in self._favoured:
            own = found[sound].get(character, 1)
            is_common = _is_gb2312(character)  # a rare one is only given the reading that pypinyin lacks
            found[sound][character] = max(own, sixth.get(sound, 0) + own // HUNDREDTHS) if is_common else own
        for sound, weights in found.items():
            for character, weight in weights.items():
                yield sound, weight, character, sound[0]

    def _count(self, word: str, frequency: int) -> None:
        sounds = self._readings.of_word(word)
        for character, sound in zip(word, sounds, strict=False):
            self._characters[character] += frequency
            self._used[character, sound] += frequency
        if len(word) == 1:
            self._alone[word] += frequency
        elif sounds and frequency >= LEAST_FREQUENCY and len(word) <= LONGEST_WORD:
            # jieba's list holds traditional spellings among the simplified ones; people here write the latter
            weight = frequency if all(map(_is_gb2312, word)) else 1
            self._words[word, sounds] = max(self._words[word, sounds], weight)

    def _share(self, character: str, sounds: Sounds, sound: str) -> float:
        known = sum(self._used[character, one] for one in sounds)
        return max(self._used[character, sound] / known, SECOND_READING) if known else float(sound == sounds[0])


class _Readings:
    """Readings without tone, from pypinyin's own tables; ten times faster than asking it word by word."""

    def __init__(self) -> None:
        from pypinyin.phrases_dict import phrases_dict
        from pypinyin.pinyin_dict import pinyin_dict

        plain: dict[str, str] = {}

        def untoned(reading: str) -> str:
            if reading not in plain:
                plain[reading] = _untoned(reading)
            return plain[reading]

        self._characters = {
            chr(code): tuple(dict.fromkeys(untoned(reading) for reading in found.split(",")))
            for code, found in pinyin_dict.items()
        }
        self._phrases = {
            phrase: tuple(untoned(found[0]) for found in sounds)
            for phrase, sounds in phrases_dict.items()
            if len(phrase) == len(sounds)
        }

    def of_word(self, word: str) -> Sounds:
        """Return one syllable a character, by the longest phrases within the word; () when one is unknown."""
        sounds: list[str] = []
        while len(sounds) < len(word):
            at = len(sounds)
            for end in range(len(word), at + 1, -1):
                if found := self._phrases.get(word[at:end]):
                    sounds += found
                    break
            else:
                if word[at] not in self._characters:
                    return ()
                sounds.append(self._characters[word[at]][0])
        return tuple(sounds)

    def of_characters(self) -> Iterator[tuple[str, Sounds]]:
        """Yield every character with all its readings, the usual one first."""
        for character, sounds in self._characters.items():
            if unicodedata.category(character) == "Lo":
                yield character, sounds


def _jieba_list() -> Path:
    package = find_spec("jieba")  # only its list is wanted: importing it runs a tokenizer, with warnings
    if package is None or package.origin is None:
        raise ModuleNotFoundError("jieba")
    return Path(package.origin).with_name("dict.txt")


def _counted_words(path: Path) -> Iterator[tuple[str, int]]:
    is_han = re.compile("[\u4e00-\u9fff]+").fullmatch
    for line in path.read_text(encoding="utf-8").splitlines():
        word, frequency, *_ = line.split(" ")
        if is_han(word):
            yield word, int(frequency)


def _places(path: Path, readings: _Readings) -> Iterator[tuple[str, int, Sounds]]:
    """Names with weight and syllables. A line holds names; one may carry its reading: 幢=zhuang."""
    for line in path.read_text(encoding="utf-8").splitlines():
        for entry in line.partition("#")[0].split():
            name, _, reading = entry.partition("=")
            sounds = tuple(reading.split("'")) if reading else readings.of_word(name)
            yield name, PLACE_WEIGHT, sounds
            for suffix in PLACE_SUFFIXES:
                if name.endswith(suffix) and len(name) - len(suffix) >= 2:
                    yield name[: -len(suffix)], STEM_WEIGHT, sounds[: -len(suffix)]


def _untoned(reading: str) -> str:
    for marked, letter in _MARKS.items():
        for tone in ("", "\u0304", "\u0301", "\u030c", "\u0300"):
            reading = reading.replace(unicodedata.normalize("NFC", marked + tone), letter)
    bare = "".join(letter for letter in unicodedata.normalize("NFD", reading) if not unicodedata.combining(letter))
    return _SOUNDS.get(bare, bare)


def _rarity(character: str) -> int:
    """2 for GB 2312, 1 for GBK, 0 beyond: what is common comes first among characters no word list counts."""
    if _is_gb2312(character):
        return 2
    try:
        character.encode("gbk")
    except UnicodeEncodeError:
        return 0
    return 1


@cache
def _is_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _stamp(places: Path) -> str:
    names = hashlib.sha256(places.read_bytes()).hexdigest()[:16]
    return f"{FORMAT} jieba {version('jieba')} pypinyin {version('pypinyin')} places {names}"


def _stamp_of(target: Path) -> str:
    """The stamp of the dictionary there, "" when there is none that can be read."""
    if not target.is_file():
        return ""
    try:
        with closing(sqlite3.connect(f"{target.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return str(database.execute("SELECT value FROM facts WHERE name = 'stamp'").fetchone()[0])
    except (sqlite3.DatabaseError, TypeError):
        return ""


def main(arguments: list[str]) -> int:
    """Build the dictionary at the path given. Exit 0, also when it was there."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ui.keyboard.dictionary OUT\n")
        return 2
    build_dictionary(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
