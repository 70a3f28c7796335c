# ruff: noqa: N815  QML reads these names
"""The on-screen keyboard's composition: what is typed but not yet said. Nothing is learned or kept."""

from __future__ import annotations

import calendar
import logging
from pathlib import Path
from typing import Any

from PySide6.QtCore import Property, QObject, Signal, Slot

from kiosk.session.view import Field, Option
from ui import models
from ui.syllables import first_syllables, readings

log = logging.getLogger(__name__)

LAYOUTS = {"pinyin", "digits", "idnumber", "english"}
LONGEST_COMPOSITION = 40  # letters; a longer one is no word, and no look-up may take long
CANDIDATES = 400  # the engine's own limit: every character of a syllable can be reached


class Keyboard(QObject):
    """Which keys stand there, what is being composed, and which candidates are offered.

    Signals: `committed(text)` and `erased()` are for the field, `picked(value)` is a whole date, `done()` closes.
    """

    layoutChanged = Signal()
    composed = Signal()
    dated = Signal()
    committed = Signal(str)
    erased = Signal()
    picked = Signal(str)
    done = Signal()

    def __init__(self, pinyin_path: Path | None) -> None:
        super().__init__()
        self._pinyin_path = pinyin_path
        self._pinyin: Any = None
        self._field = ""
        self._base = ""  # the layout the field asked for
        self._layout = ""
        self._is_capital = False
        self._keys: list[str] = []  # each entry: the letters one key may stand for
        self._spelling: list[str] = []  # the syllables of a nine-key row's first candidate
        self._found: list[tuple[str, int]] = []
        self._date = ""
        self._starts = [0]  # where each page of candidates starts; the last is the one shown
        self._bar = (1016.0, 1, 36.0, 96.0, 8.0)  # width, rows, a character's width, least width, gap
        self._candidates = models.options(self)
        self._readings = models.texts(self)

    # ── what the field asks for ──────────────────────────────────────────────────────────────

    def focus(self, field: Field | None) -> None:
        """Stand ready for a field, or go away. A new field starts with an empty composition."""
        layout = ""
        if field is not None and not field.is_locked:
            layout = field.kind if field.kind in ("date", "month") else field.keyboard
            layout = "" if layout == "none" else layout
        key = field.key if field is not None and layout else ""
        if (key, layout) == (self._field, self._base):
            return
        self._field, self._base, self._layout = key, layout, layout
        self._is_capital = False
        self._date = "".join(filter(str.isdigit, field.display)) if field and layout in ("date", "month") else ""
        self._date = self._date if len(self._date) == self._date_length() else ""
        self.layoutChanged.emit()
        self.dated.emit()
        self._compose([])

    def clear(self) -> None:
        """Forget everything, at the end of a visit."""
        self.focus(None)

    # ── keys ─────────────────────────────────────────────────────────────────────────────────

    @Slot(str)
    def tap(self, letters: str) -> None:
        """Take a key: a character, or the letters a nine-key stands for."""
        if self._base in ("date", "month"):
            if len(self._date) < self._date_length():
                self._date += letters
                self._tell_date()
        elif self._layout == "pinyin" and letters.isascii() and letters.isalpha():
            if len(self._keys) < LONGEST_COMPOSITION:
                self._compose([*self._keys, letters])
        else:
            text = letters.upper() if self._is_capital else letters
            if self._is_capital:
                self.shift()
            self.committed.emit(text)

    @Slot()
    def erase(self) -> None:
        """Take back the last letter of the composition, else a character of the field."""
        if self._base in ("date", "month"):
            self._date = self._date[:-1]
            self.dated.emit()
        elif self._keys:
            self._compose(self._keys[:-1])
        else:
            self.erased.emit()

    @Slot()
    def space(self) -> None:
        """Say the first candidate, or a space."""
        if self._found:
            self._say(0)
        elif not self._keys:
            self.committed.emit(" ")

    @Slot(int)
    def choose(self, place: int) -> None:
        """Say the candidate at a place of the page shown."""
        self._say(self._starts[-1] + place)

    @Slot(str)
    def read(self, syllable: str) -> None:
        """Fix the first syllable of a nine-key row."""
        self._compose([*syllable, *self._keys[len(syllable) :]])

    @Slot(str)
    def turn(self, layout: str) -> None:
        """Change between pinyin, english and symbols; "" goes back to what the field asked for."""
        self._layout = layout or self._base
        self._is_capital = False
        self.layoutChanged.emit()
        self._compose([])

    @Slot()
    def shift(self) -> None:
        """Make the next letter a capital."""
        self._is_capital = not self._is_capital
        self.layoutChanged.emit()

    @Slot()
    def close(self) -> None:
        """Say what was composed as it stands and go away."""
        if self._found:
            self._say(0)
        self.done.emit()

    # ── candidates ───────────────────────────────────────────────────────────────────────────

    @Slot(float, int, float, float, float)
    def measure(self, width: float, rows: int, char: float, least: float, gap: float) -> None:
        """Take the bar's measures: candidates are dealt into pages by them."""
        if self._bar != (width, rows, char, least, gap) and width > least:
            self._bar = (width, rows, char, least, gap)
            self._starts = [0]
            self._show_page()

    @Slot()
    def next(self) -> None:
        """Show the next candidates."""
        end = self._page_end()
        if end < len(self._found):
            self._starts.append(end)
            self._show_page()

    @Slot()
    def previous(self) -> None:
        """Show the former candidates."""
        if len(self._starts) > 1:
            self._starts.pop()
            self._show_page()

    def _compose(self, keys: list[str]) -> None:
        self._keys = keys
        self._spelling = []
        self._found = self._look_up()
        self._starts = [0]
        ambiguous = any(len(key) > 1 for key in keys)
        self._readings.patch(first_syllables(tuple(keys))[:6] if ambiguous else ())
        self._show_page()

    def _look_up(self) -> list[tuple[str, int]]:
        engine = self._engine()
        if not self._keys or engine is None:
            return []
        if all(len(key) == 1 for key in self._keys):
            return [
                (found.text, found.consumed_letters) for found in engine.candidates("".join(self._keys), CANDIDATES)
            ]
        nine = engine.candidates_nine(self._keys, CANDIDATES)
        self._spelling = nine[0].code.split("'") if nine else []
        return [(found.text, found.keys) for found in nine]

    def _engine(self) -> Any:
        if self._pinyin is None and self._pinyin_path is not None:
            if self._pinyin_path.is_file():
                from ui.keyboard.pinyin import Pinyin

                self._pinyin = Pinyin(self._pinyin_path)
            else:
                log.error("the keyboard's dictionary is missing; Chinese cannot be typed")
                self._pinyin_path = None
        return self._pinyin

    def _say(self, at: int) -> None:
        if at >= len(self._found):
            return
        text, consumed = self._found[at]
        self.committed.emit(text)
        self._compose(self._keys[consumed:])

    def _page_end(self) -> int:
        """Return where the page after the one shown starts, by laying the candidates into the bar."""
        width, rows, char, least, gap = self._bar
        at, row, x = self._starts[-1], 0, 0.0
        while at < len(self._found):
            cell = max(least, len(self._found[at][0]) * char + least - char)
            if x and x + cell > width:
                row, x = row + 1, 0.0
                if row == rows:
                    break
            x += cell + gap
            at += 1
        return max(at, self._starts[-1] + 1)

    def _show_page(self) -> None:
        start = self._starts[-1]
        page = self._found[start : self._page_end()]
        self._candidates.patch(
            [Option(value=text, label=text, is_selected=start + n == 0) for n, (text, _) in enumerate(page)]
        )
        self.composed.emit()

    # ── dates ────────────────────────────────────────────────────────────────────────────────

    def _date_length(self) -> int:
        return 8 if self._base == "date" else 6  # YYYYMMDD, YYYYMM

    def _tell_date(self) -> None:
        value = self._whole_date()
        if value:
            self.picked.emit(value)
        self.dated.emit()

    def _whole_date(self) -> str:
        """Return YYYY-MM-DD or YYYY-MM once it is whole and on the calendar, else ""."""
        if len(self._date) < self._date_length():
            return ""
        year, month, day = int(self._date[:4]), int(self._date[4:6]), int(self._date[6:] or 1)
        if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
            return ""
        return f"{year:04}-{month:02}" + (f"-{day:02}" if self._base == "date" else "")

    # ── what QML sees ────────────────────────────────────────────────────────────────────────

    layout = Property(str, lambda self: self._layout, notify=layoutChanged)
    base = Property(str, lambda self: self._base, notify=layoutChanged)
    isCapital = Property(bool, lambda self: self._is_capital, notify=layoutChanged)
    composition = Property(str, lambda self: self._shown_composition(), notify=composed)
    hasNext = Property(bool, lambda self: self._page_end() < len(self._found), notify=composed)
    hasPrevious = Property(bool, lambda self: len(self._starts) > 1, notify=composed)
    isAmbiguous = Property(bool, lambda self: bool(self._readings.items()), notify=composed)
    year = Property(str, lambda self: self._date[:4], notify=dated)
    month = Property(str, lambda self: self._date[4:6], notify=dated)
    day = Property(str, lambda self: self._date[6:8], notify=dated)
    isDateWrong = Property(
        bool, lambda self: len(self._date) == self._date_length() and not self._whole_date(), notify=dated
    )
    candidates = Property(QObject, lambda self: self._candidates, constant=True)
    readings = Property(QObject, lambda self: self._readings, constant=True)

    def _shown_composition(self) -> str:
        """Return what is composed as letters: on nine keys as the first candidate is spelled, then as it may go on."""
        keys = tuple(self._keys)
        if all(len(key) == 1 for key in keys):
            return "".join(keys)
        said = "".join(self._spelling)
        rest = keys[len(said) :]
        ways = readings(rest, 1) if rest else ((),)
        going_on = ways[0] if ways else ("".join(key[0] for key in rest),)
        whole = "'".join((*self._spelling, *going_on))
        return whole if len(said) <= len(keys) else _first_letters(whole, len(keys))


def _first_letters(spelling: str, count: int) -> str:
    """Return a spelling up to its letter number `count`, apostrophes beside it."""
    end = 0
    while count > 0 and end < len(spelling):
        count -= spelling[end] != "'"
        end += 1
    return spelling[:end]
