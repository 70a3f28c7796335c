"""What a receipt printer is behind its wire: a buffer, a roll of paper, a blade, and things that go wrong.

No sockets and no clock of its own: bytes come in by `hear`, answers come back from it, and `advance(now)` prints as
far as the paper would have come by then.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from devices.api import WireFault
from devices.sim.paper import Paper, height_dots
from devices.wire import escpos, escpos_decode, escpos_status
from devices.wire.escpos import DOTS_PER_MM, Operation
from devices.wire.escpos_status import Signal


class Faulty(msgspec.Struct, frozen=True):
    """Bytes that were no command, in their place among the commands."""

    code: str
    detail: str


class Job(msgspec.Struct, frozen=True):
    """One piece of paper that came out. `is_complete`: cut, whole, and nothing in it was wrong."""

    number: int
    rows: tuple[str, ...]
    codes: tuple[str, ...]
    errors: tuple[str, ...]
    is_complete: bool
    bin: str
    png: str


class FarEnd:
    """One printer. `mm_per_s` 0 prints at once. Not thread-safe: its process holds a lock around every call."""

    def __init__(self, out: Path, mm_per_s: float = 150.0, is_drawn: bool = True) -> None:
        self._out = out
        self._mm_per_s = mm_per_s
        self._is_drawn = is_drawn
        self._noise = random.Random(4)
        self._artists: list[threading.Thread] = []
        self.reset()

    def reset(self) -> None:
        """Begin anew, as from the box; slips already written stay where they are until they are overwritten."""
        self.jobs: list[Job] = []
        self.errors: list[Faulty] = []
        self._decoder = escpos_decode.Decoder(knows_more=True)
        self._queue: deque[tuple[Operation | Faulty, bytes]] = deque()
        self._due: float | None = None  # when the operation at the head of the queue will be done
        self._height = 1
        self.mend()
        self._new_sheet()

    # ── the wire ───────────────────────────────────────────────────────────────────────────

    def hear(self, data: bytes) -> bytes:
        """Take bytes from the wire and return the answers to the real-time requests among them."""
        answers = b""
        requests = self._decoder.feed(data)
        for request in requests[:1] if self.answers_one else requests:
            if isinstance(request, escpos.ClearBuffer):
                if not self.knows_no_clear:
                    self._clear()
                    answers += b"" if self.is_mute else escpos.CLEARED
            else:
                answers += self._answer(request.n)
        while True:
            try:
                found = self._decoder.take()
            except WireFault as fault:
                self._queue.append((Faulty(fault.code, fault.detail), b""))
                continue
            if found is None:
                return answers
            self._queue.append(found)

    def advance(self, now: float) -> float | None:
        """Print what is due by `now`; return when there is more to do, None when idle or stopped."""
        began = now
        while self._queue and not self._is_stopped:
            operation, raw = self._queue[0]
            if self._due is None:
                self._due = began + self._seconds_for(operation)
            if now < self._due:
                return self._due
            began, self._due = self._due, None
            self._queue.popleft()
            self._carry_out(operation, raw)
        return None

    # ── what happens to it ─────────────────────────────────────────────────────────────────

    def mend(self) -> None:
        """Put everything right, paper included."""
        self.is_paper_out = self.is_near_end = self.is_cover_open = self.is_jammed = False
        self.is_hot = self.is_broken = self.is_offline = False
        self.is_mute = self.is_garbled = self.knows_no_clear = self.answers_one = False
        self._rows_left: int | None = None

    def end_paper_after(self, rows: int) -> None:
        """Let the paper end when this many more rows are printed; 0 is now."""
        self._rows_left, self.is_paper_out = rows, rows == 0

    def refill(self) -> None:
        """Put a new roll in: the old end comes out with what was on it, and printing goes on if there is more."""
        self.is_paper_out = self.is_near_end = self.is_cover_open = False
        self._rows_left = None
        if self._is_torn and not self._paper.is_blank:
            self._finish()

    @property
    def buffered(self) -> int:
        """Return how many operations wait to be printed."""
        return len(self._queue)

    @property
    def rows_out(self) -> int:
        """Return how many rows are on the paper that is not cut yet."""
        return len(self._paper.rows)

    def faults(self) -> dict[str, bool | int | None]:
        """Return what is wrong now."""
        return {
            "paper_out": self.is_paper_out,
            "paper_out_after": self._rows_left,
            "near_end": self.is_near_end,
            "cover_open": self.is_cover_open,
            "jam": self.is_jammed,
            "hot": self.is_hot,
            "broken": self.is_broken,
            "offline": self.is_offline,
            "mute": self.is_mute,
            "garbage": self.is_garbled,
            "no_clear": self.knows_no_clear,
            "one_answer": self.answers_one,
        }

    # ── inside ─────────────────────────────────────────────────────────────────────────────

    @property
    def _is_stopped(self) -> bool:
        is_faulty = self.is_jammed or self.is_hot or self.is_broken
        return self.is_paper_out or self.is_cover_open or is_faulty or self.is_offline

    def _answer(self, n: int) -> bytes:
        if self.is_mute:
            return b""
        if self.is_garbled:
            return bytes((self._noise.choice((0x00, 0x41, 0x93, 0xFF)),))
        signals = Signal.NONE
        for holds, signal in (
            (self._is_stopped, Signal.OFFLINE),
            (self.is_cover_open, Signal.COVER_OPEN),
            (self.is_paper_out, Signal.PAPER_END | Signal.PAPER_LOW),
            (self.is_near_end, Signal.PAPER_LOW),
            (self.is_jammed, Signal.CUTTER | Signal.ERROR),
            (self.is_hot, Signal.AUTO_RECOVERABLE | Signal.ERROR),
            (self.is_broken, Signal.UNRECOVERABLE | Signal.ERROR),
        ):
            if holds:
                signals |= signal
        return escpos_status.encode_status(n, signals)

    def _seconds_for(self, operation: Operation | Faulty) -> float:
        if self._mm_per_s <= 0 or isinstance(operation, Faulty):
            return 0.0
        return height_dots(operation, self._height) / DOTS_PER_MM / self._mm_per_s

    def _carry_out(self, operation: Operation | Faulty, raw: bytes) -> None:
        self._raw += raw
        match operation:
            case Faulty():
                self.errors.append(operation)
                self._errors.append(f"{operation.code} {operation.detail}".strip())
            case escpos.Cut():
                if not self._paper.is_blank or self._errors:
                    self._finish()
                else:
                    self._new_sheet()
            case _:
                if isinstance(operation, escpos.Size):
                    self._height = operation.height
                elif isinstance(operation, escpos.Reset):
                    self._height = 1
                if self._paper.apply(operation):
                    self._row_printed()

    def _row_printed(self) -> None:
        if self._rows_left is None:
            return
        self._rows_left -= 1
        if self._rows_left <= 0:
            self.is_paper_out = True

    def _clear(self) -> None:
        self._queue.clear()
        self._decoder.clear()
        self._due = None
        if self._paper.is_blank:
            self._new_sheet()
        else:
            self._is_torn = True

    def _new_sheet(self) -> None:
        self._paper = Paper()
        self._raw = b""
        self._errors: list[str] = []
        self._is_torn = False

    def _finish(self) -> None:
        number = len(self.jobs) + 1
        folder = self._out / f"job-{number:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "slip.bin").write_bytes(self._raw)
        if self._is_drawn:
            self._draw(self._paper, folder / "slip.png")
        for fault in self._paper.faults:
            self.errors.append(Faulty(fault, ""))
        errors = (*self._errors, *self._paper.faults)
        self.jobs.append(
            Job(
                number=number,
                rows=tuple(self._paper.rows),
                codes=tuple(self._paper.codes),
                errors=errors,
                is_complete=not errors and not self._is_torn,
                bin=str(folder / "slip.bin"),
                png=str(folder / "slip.png") if self._is_drawn else "",
            )
        )
        self._new_sheet()

    def _draw(self, paper: Paper, file: Path) -> None:
        """Draw the slip beside the wire: a printer that draws must still answer within a second."""
        self._artists = [artist for artist in self._artists if artist.is_alive()]
        # grain hardly shrinks: at level 1 the file is a sixth larger and costs a third of the time

        def draw() -> None:
            paper.render().save(file, compress_level=1)

        artist = threading.Thread(target=draw, name="artist", daemon=True)
        artist.start()
        self._artists.append(artist)

    def wait_for_pictures(self) -> None:
        """Return when every slip that came out is drawn."""
        for artist in tuple(self._artists):
            artist.join()


def as_json(value: Any) -> Any:
    """Return a job or fault as plain JSON data."""
    return msgspec.to_builtins(value)
