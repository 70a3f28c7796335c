"""What is noted on the way through a demo's visit: times, pages, and the words that must be found nowhere."""

from __future__ import annotations

import time
from pathlib import Path

from app.player import revealed
from kiosk.session.session import Session, State


class VisitNotes:
    """Listens to the runner. `timings` in milliseconds; `last` is the session as it was at its fullest."""

    def __init__(self, out: Path, has_own_card: bool) -> None:
        self._out = out
        self._has_own_card = has_own_card  # a card that already lies on a reader which is not ours
        self._marks: dict[str, float] = {}
        self._saved_pages: set[str] = set()
        self._state = State.ATTRACT
        self.timings: dict[str, float] = {}
        self.words: set[str] = set()
        self.last: Session | None = None

    def mark(self, name: str) -> None:
        """Begin to count."""
        self._marks[name] = time.monotonic()

    def take(self, session: Session) -> None:
        """Time the steps, keep the pages' pictures and the session as it was at its fullest."""
        now = time.monotonic()
        former, self._state = self._state, session.state
        if session.identity is not None and session.state is not former:
            self.words |= revealed(session)
        if session.state is State.IDENTIFY and former is not State.IDENTIFY and self._has_own_card:
            self._marks["card"] = now
        if session.identity is not None and "card" in self._marks:
            self.timings.setdefault("card_to_fields", (now - self._marks.pop("card")) * 1000)
        for number, page in enumerate(session.pages, start=1):
            if page.sha256 not in self._saved_pages:
                self._saved_pages.add(page.sha256)
                (self._out / f"scan-{number:02d}.jpg").write_bytes(page.jpeg.reveal())
                if page.pdf.reveal():
                    (self._out / f"scan-{number:02d}.pdf").write_bytes(page.pdf.reveal())
                self.timings.setdefault("still_to_page", (now - self._marks.get("capture", now)) * 1000)
        if session.is_capturing:
            self._marks["capture"] = self._marks.get("capture", now) if former is State.SCAN else now
        if session.ticket is not None and "sign" in self._marks:
            self.timings["seal_and_store"] = (now - self._marks.pop("sign")) * 1000
            self._marks["ticket"] = now
        if session.state is State.SLIP and former is not State.SLIP and "ticket" in self._marks:
            if session.outcome is not None and session.outcome.case_number:
                self.timings["deliver"] = (now - self._marks["ticket"]) * 1000
            self._marks["slip"] = now
        if session.slip == "printed" and "slip" in self._marks:
            self.timings["print"] = (now - self._marks.pop("slip")) * 1000
        if session.sid:
            self.last = session
