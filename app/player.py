"""Plays a visit as a person would: finds controls by their accessible name, taps where they are seen, and waits.

It knows a control only by what a screen reader would say. A control that is hidden, grey or covered fails the play.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtTest import QTest

from kiosk.session.session import Session
from kiosk.session.view import Field, View
from ui import probe
from ui.app import Terminal

PATIENCE_S = 60.0
STANDS_S = 0.06  # one page follows another without motion; whatever is laid out late is there after a few frames
MORE_CANDIDATES = 12
LONGEST_PAGE = 16  # turns; the smallest screen in the large scale takes nine for a review
SIGNATURE = (  # two characters' worth of strokes, in 0…1 of the pad
    ((0.12, 0.30), (0.20, 0.28), (0.30, 0.27)),
    ((0.21, 0.15), (0.21, 0.45), (0.20, 0.82)),
    ((0.12, 0.62), (0.22, 0.55), (0.33, 0.50)),
    ((0.45, 0.22), (0.56, 0.20), (0.66, 0.21)),
    ((0.55, 0.20), (0.52, 0.50), (0.44, 0.80)),
    ((0.55, 0.48), (0.63, 0.66), (0.74, 0.82)),
)

NAMES = {
    "zh": {"digits": "数字", "letters": "中文", "signature": "请在这里签名", "page_next": "下一页", "more": "更多"},
    "en": {
        "digits": "123",
        "letters": "Pinyin",
        "signature": "Please sign here",
        "page_next": "Next page",
        "more": "More",
    },
}


def settle(seconds: float) -> None:
    """Let the main loop work for a while."""
    QTest.qWait(max(1, round(seconds * 1000)))


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Let the main loop work until `done()`; return whether it did in time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        settle(0.05)
    return True


class PlayFailed(Exception):
    """The visit did not go on: what was expected, and what the screen showed."""


class Player:
    """Hands and eyes at one terminal."""

    def __init__(self, terminal: Terminal, view: Callable[[], View], session: Callable[[], Session], out: Path) -> None:
        self._terminal = terminal
        self._view = view
        self._session = session
        self._screens = out / "screens"
        self._screens.mkdir(parents=True, exist_ok=True)
        self._seen: list[str] = []

    def _name(self, control: str) -> str:
        """Return how a control of the keyboard or the pad is called in the visit's language."""
        return NAMES[self.session.locale][control]

    @property
    def view(self) -> View:
        """Return what the screen shows."""
        return self._view()

    @property
    def session(self) -> Session:
        """Return the visit."""
        return self._session()

    def wait(self, done: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
        """Let the terminal work until `done()`. Raises: PlayFailed."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise PlayFailed(
                    f"waited {seconds:.0f} s for {what}; the screen shows {self.view.key or self.view.screen}"
                )
            settle(0.02)

    def wait_screen(self, *names: str, seconds: float = PATIENCE_S) -> str:
        """Wait for one of the screens, photograph it and return its name."""
        self.wait(lambda: self.view.screen in names, " or ".join(names), seconds)
        settle(STANDS_S)
        self.photograph()
        return self.view.screen

    def photograph(self) -> None:
        """Keep a picture of the screen, once for each variant of it."""
        view = self.view
        self.photograph_as((view.key or view.screen).replace(".", "-").replace(":", "-"))

    def photograph_as(self, name: str) -> None:
        """Keep a picture of the screen under `name`, once."""
        if name in self._seen:
            return
        self._seen.append(name)
        self._terminal.grab(self._screens / f"{len(self._seen):02d}-{name}.png")

    def tap(self, name: str, role: str = "") -> None:
        """Tap the control called `name`. Raises: PlayFailed naming why it cannot be tapped."""
        probe.tap(self._terminal.window, self._find(name))
        settle(0.03)

    def _find(self, name: str) -> Any:
        """Return the control called `name`, turning a page that is longer than the screen. Raises: PlayFailed."""
        window = self._terminal.window
        for _ in range(LONGEST_PAGE):
            try:
                return probe.find(window, name)
            except probe.NotFound as error:
                reason = error
            if not self._turn_on():
                break
            settle(STANDS_S)
        raise PlayFailed(f"{name}: {reason}; on {self.view.key or self.view.screen}") from reason

    def _turn_on(self) -> bool:
        """Turn to the next page, by the pager or by the button that reads on; False when there is no further one."""
        window = self._terminal.window
        for name in filter(None, (self._name("page_next"), self.view.read_on)):
            try:
                probe.tap(window, probe.find(window, name))
            except probe.NotFound:
                continue
            return True
        return False

    def action(self, action_id: str) -> None:
        """Tap the button of the view that carries `action_id`. Raises: PlayFailed when the view has none."""
        for action in self.view.actions:
            if action.id == action_id:
                self.tap(action.label)
                return
        raise PlayFailed(f"no button {action_id} on {self.view.key or self.view.screen}")

    def has_action(self, action_id: str) -> bool:
        """Whether the view has the button, not grey."""
        return any(action.id == action_id and action.is_enabled for action in self.view.actions)

    # ── form ─────────────────────────────────────────────────────────────────────────────

    def fill(self, wanted: Mapping[str, str]) -> None:
        """Fill the page's fields that `wanted` names, by key or by its last part."""
        for key in [field.key for field in self.view.fields]:
            field = next((f for f in self.view.fields if f.key == key), None)
            value = wanted.get(key, wanted.get(key.rpartition(".")[2], ""))
            if field is None or field.is_locked or not value or (field.is_done and field.display):
                continue
            self._fill_one(field, value)

    def _fill_one(self, field: Field, value: str) -> None:
        if field.kind in ("choice", "bool", "notice"):
            option = next((o for o in field.options if o.value == value), None)
            if option is None:
                raise PlayFailed(f"{field.key}: no option {value}")
            if not option.is_selected:
                self._choose(field, option.label)
            return
        self.tap(field.label)
        self.wait(lambda: any(f.key == field.key and f.is_focused for f in self.view.fields), f"{field.key} focused", 5)
        settle(STANDS_S)
        self.photograph_as(f"keyboard-{field.keyboard}")
        self.type(value, field.keyboard)
        settle(0.1)
        self._terminal.post(lambda: None)

    def _choose(self, field: Field, label: str) -> None:
        self.tap(label)
        self.wait(
            lambda: any(
                f.key == field.key and any(o.label == label and o.is_selected for o in f.options)
                for f in self.view.fields
            ),
            f"{label} chosen",
            5,
        )

    def type(self, text: str, keyboard: str) -> None:
        """Type on the terminal's own keyboard; Chinese by its pinyin, word by word."""
        for part, letters in self.spelled(text) if keyboard == "pinyin" else ((text, ""),):
            if not letters:
                for character in part:
                    self.key(character)
                continue
            syllables = letters.split("'")
            pieces = [(part, syllables)]
            if len(probe.name_of(self._key(letters[0]))) > 1:  # nine keys: a syllable at a time is sure
                pieces = [(character, [syllable]) for character, syllable in zip(part, syllables, strict=True)]
            for piece, sounds in pieces:
                for letter in "".join(sounds):
                    self.key(letter)
                self._take_candidate(piece, sounds)

    def key(self, character: str) -> None:
        """Tap one key."""
        probe.tap(self._terminal.window, self._key(character))
        settle(0.01)

    def _key(self, character: str) -> Any:
        """Return the key that types a character, on another board when this one has none. Raises: PlayFailed."""
        window = self._terminal.window
        try:
            return probe.key_for(window, character)
        except probe.NotFound:
            self.tap(self._name("digits" if character.isdecimal() else "letters"))
            settle(0.1)
        try:
            return probe.key_for(window, character)
        except probe.NotFound as error:
            raise PlayFailed(f"{error}; on {self.view.key or self.view.screen}") from error

    def _take_candidate(self, word: str, syllables: list[str]) -> None:
        """Tap the candidate: at once, after naming the syllables of a nine-key row, or further on in the list."""
        window = self._terminal.window
        for syllable in ["", *syllables]:
            if syllable:
                try:
                    probe.tap(window, probe.find(window, syllable))
                except probe.NotFound:
                    continue
                settle(0.05)
            try:
                probe.tap(window, probe.find(window, word))
            except probe.NotFound:
                continue
            return
        for _ in range(MORE_CANDIDATES):
            self.tap(self._name("more"))
            try:
                probe.tap(window, probe.find(window, word))
            except probe.NotFound:
                continue
            return
        raise PlayFailed(f"no candidate for {'-'.join(syllables)}")

    def spelled(self, text: str) -> list[tuple[str, str]]:
        """Return the text cut into (part, its pinyin letters); what is typed directly has none."""
        from pypinyin import Style, lazy_pinyin

        parts: list[tuple[str, str]] = []
        for word in text.split(" "):
            is_han = any("一" <= character <= "鿿" for character in word)
            letters = "'".join(lazy_pinyin(word, style=Style.NORMAL, v_to_u=False)).replace("ü", "v") if is_han else ""
            parts.append((word, letters))
        return parts

    def turn_page(self) -> None:
        """Turn a list on."""
        self.tap(self._name("page_next"))

    def sign(self) -> None:
        """Write a name with the finger."""
        window = self._terminal.window
        pad = probe.find(window, self._name("signature"))
        for stroke in SIGNATURE:
            probe.draw(window, pad, list(stroke))
            settle(0.05)


def revealed(session: Session) -> Any:
    """Return the words of a visit that must be found nowhere outside it."""
    words: set[str] = set()
    if session.identity is not None:
        who = session.identity
        words |= {who.name.reveal(), who.id_number.reveal(), who.address.reveal()}
    for key, answer in session.answers.items():
        text = answer.reveal()
        personal = ("name", "id", "phone", "address", "account")
        if len(text) >= 2 and any(part in key.rpartition(".")[2].split("_") for part in personal):
            words.add(text)
    return {word for word in words if word}
