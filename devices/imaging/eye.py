"""The eye as the product sees it: a process that may die over a picture, asked with a deadline. Never imports cv2."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from devices.api import (
    Cancelled,
    Code,
    CodeSource,
    Deadline,
    HardwareFault,
    Page,
    Preview,
    Private,
    TimedOut,
    UserFault,
    WireFault,
)
from devices.imaging import wire
from devices.imaging.values import (
    Answer,
    CodesAnswer,
    CodesRequest,
    FoundCode,
    Hello,
    Limits,
    LookAnswer,
    LookRequest,
    Refusal,
    Request,
    SheetRequest,
    TakeAnswer,
    TakeRequest,
    Track,
    remember,
)

SLOTS = 3  # the screen may copy one while the eye draws the next two
SLOT_BYTES = 960 * 540 * 3
START_S = 20.0  # importing cv2 on a busy, cold machine
LOOK_S = 5.0  # a frame takes 0.05; on a machine busy with everything else a hundred times that
TAKE_S = 20.0
THUMBNAIL_PX = 320  # long side; the screen shows 288 at most, and decodes it in under a millisecond
MOST_SEEN = 64  # pages of a visit that a further one is compared with
STALE_S = 2.0  # a picture older than that is not what the camera sees: nothing is shown, and nobody's page stays
_ROOT = Path(__file__).resolve().parents[2]
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TZ")


class Examined(msgspec.Struct, frozen=True):
    """A picture judged on its own, for `scan`: what was found and the encoded page (empty when refused)."""

    answer: TakeAnswer
    output: bytes


class Eye:
    """Looks at pictures in a process of its own. Implements Frames. One request at a time, from any thread.

    A picture ends in an answer, in WireFault (not a picture, too large, truncated), or in HardwareFault("eye_died")
    where the process died or passed its deadline; then the next request starts a new process.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.coded: frozenset[str] = frozenset()  # materials on whose pages codes are read
        self.track = Track()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._hello: Hello | None = None
        self._memory_fd = os.memfd_create("preview", os.MFD_CLOEXEC)
        os.ftruncate(self._memory_fd, SLOTS * SLOT_BYTES)
        self._memory = mmap.mmap(self._memory_fd, SLOTS * SLOT_BYTES)
        self._number = 0
        self._still_px = 0  # width of the last still: previews tell by it how fine the next will be
        self._latest: tuple[int, int, int, int, float] | None = None  # number, slot, width, height, when
        self._marks: dict[tuple[str, int], bytes] = {}  # of the visit's pages: what is laid down twice is noticed
        self._visit = 0  # raised by `forget`: what was asked for before is not kept
        self._is_closed = False

    @property
    def pid(self) -> int:
        """Return the process id, 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def warm(self) -> None:
        """Start the process without waiting for it."""
        with self._lock:
            self._start()

    def close(self) -> None:
        """End the process and forget all; closing twice is harmless."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._end()
            self.forget()
            os.close(self._memory_fd)

    def forget(self) -> None:
        """Forget the picture on the screen and the page taken last: the next visit must not see them."""
        self._visit += 1
        self.track = Track()
        self._marks = {}
        self.rest()

    def rest(self) -> None:
        """Show no picture; what was taken stays known."""
        self._latest = None
        self._memory[:] = bytes(len(self._memory))

    def latest(self) -> tuple[int, int, int, bytes] | None:
        """Return (number, width_px, height_px, RGB888 bytes) of the newest frame, or None."""
        for _ in range(SLOTS):
            latest = self._latest
            if latest is None:
                return None
            number, slot, width, height, at_s = latest
            if time.monotonic() - at_s > STALE_S:
                self.rest()
                return None
            pixels = self._memory[slot * SLOT_BYTES : slot * SLOT_BYTES + width * height * 3]
            newest = self._latest
            if newest is not None and newest[0] < number + SLOTS - 1:  # not drawn over while we copied
                return number, width, height, pixels
        return None

    def look(self, frame: bytes, deadline: Deadline, accepts: str = "any") -> Preview:
        """Return what one preview frame (JPEG bytes) shows, and keep its picture for `latest`.

        Raises: WireFault, HardwareFault, TimedOut, Cancelled.
        """
        with self._lock:
            visit, number = self._visit, self._number + 1
            slot = number % SLOTS
            still_px = self._still_px or self.limits.camera_px[0]
            request = LookRequest(number, slot, self.track, self.limits, accepts, still_px)
            answer, _ = self._ask(request, frame, deadline, LOOK_S)
            if not isinstance(answer, LookAnswer) or not _fits(answer):
                raise self._broken("an answer to another question")
            if visit != self._visit:
                self.rest()
                raise Cancelled("forgotten")
            self.track = answer.track
            self._latest = (number, slot, answer.width_px, answer.height_px, time.monotonic())
        return Preview(
            number=number,
            width_px=answer.width_px,
            height_px=answer.height_px,
            gate=answer.gate,
            corners=answer.corners,
            score=answer.score,
            stable_frames=answer.stable_frames,
            is_ready=answer.is_ready,
        )

    def take(
        self, still: bytes, material: str, index: int, deadline: Deadline, keep: bool = False, accepts: str = "any"
    ) -> Page:
        """Return the page on a still (JPEG or PNG bytes), straightened, cleaned and encoded.

        Raises: UserFault whose code is the gate that refused it (never when `keep`), WireFault, HardwareFault,
        TimedOut, Cancelled.
        """
        with self._lock:
            visit = self._visit
            others = {key: mark for key, mark in self._marks.items() if key != (material, index)}
            others = dict(list(others.items())[-MOST_SEEN:])
            seen, is_coded = tuple(others.values()), material in self.coded
            request = TakeRequest(
                self.limits, accepts, keep, seen=seen, reads_codes=is_coded, thumbnail_px=THUMBNAIL_PX
            )
            examined = self._examine(still, request, deadline)
            if visit != self._visit:
                raise Cancelled("forgotten")
            answer = examined.answer
            self._still_px = answer.width_px
            self.track = remember(self.track, b"" if answer.refused else answer.fingerprint)
            if answer.refused:
                raise UserFault(answer.refused)
            self._marks[material, index] = answer.fingerprint
        page = _page(answer, examined.output, material, index)
        twin = tuple(others)[answer.alike] if 0 <= answer.alike < len(others) else None
        return msgspec.structs.replace(page, looks_like=f"{twin[0]}/{twin[1]}") if twin is not None else page

    def sheet(self, scan: bytes, material: str, index: int, deadline: Deadline, dpi: int) -> Page:
        """Return a page of a document scanner (binary PNM bytes), judged for ink alone, encoded.

        Raises: WireFault, HardwareFault, TimedOut, Cancelled.
        """
        with self._lock:
            visit = self._visit
            answer, output = self._ask(SheetRequest(self.limits, dpi), scan, deadline, TAKE_S)
            if not isinstance(answer, TakeAnswer):
                raise self._broken("an answer to another question")
            if visit != self._visit:
                raise Cancelled("forgotten")
        return _page(answer, output, material, index)

    def codes(self, picture: bytes, deadline: Deadline) -> tuple[Code, ...]:
        """Return the codes on a picture (JPEG or PNG bytes), those nearest to its middle first.

        Raises: WireFault, HardwareFault, TimedOut, Cancelled.
        """
        with self._lock:
            visit = self._visit
            answer, _ = self._ask(CodesRequest(), picture, deadline, LOOK_S)
            if not isinstance(answer, CodesAnswer):
                raise self._broken("an answer to another question")
            if visit != self._visit:
                raise Cancelled("forgotten")
        return _codes(answer.codes)

    def examine(
        self, picture: bytes, deadline: Deadline, keep: bool = False, as_pdf: bool = False, accepts: str = "any"
    ) -> Examined:
        """Return all there is to say about a picture file, and the page as JPEG or PDF (empty where a gate refused).

        Raises: WireFault, HardwareFault, TimedOut, Cancelled.
        """
        with self._lock:
            return self._examine(picture, TakeRequest(self.limits, accepts, keep, as_pdf=as_pdf), deadline)

    def _examine(self, picture: bytes, request: TakeRequest, deadline: Deadline) -> Examined:
        answer, body = self._ask(request, picture, deadline, TAKE_S)
        if not isinstance(answer, TakeAnswer):
            raise self._broken("an answer to another question")
        return Examined(answer, body)

    def _ask(self, request: Request, picture: bytes, deadline: Deadline, most_s: float) -> tuple[Answer, bytes]:
        """Return the answer to one request. The lock is held."""
        deadline.check("eye")
        if len(picture) > wire.MAX_PAYLOAD:
            raise WireFault("picture_too_large", "more than 64 MB")
        self._start()
        link = self._link
        if link is None:
            raise HardwareFault("eye_died", "closed")
        if self._hello is None:
            _, hello, _ = self._hear(link, deadline, START_S, may_wait=True)
            if not isinstance(hello, Hello):
                raise self._broken("no hello")
            self._hello = hello
        self._number += 1
        self._tell(link, request, picture, deadline, most_s)
        answered = -1
        while answered != self._number:  # what was asked for before a cancel is dropped
            answered, answer, body = self._hear(link, deadline, most_s, may_wait=isinstance(request, LookRequest))
        if isinstance(answer, Refusal):
            raise WireFault(answer.code, answer.detail)
        return answer, body

    def _tell(self, link: socket.socket, request: Request, picture: bytes, deadline: Deadline, most_s: float) -> None:
        """Send one request. A process that does not take it in time is killed: half a request cannot be taken back.

        One called off on its way is sent to its end, while the eye looks at what came before: a new process costs more.
        """
        patience = wire.Patience(link, deadline, most_s)
        try:
            wire.send(patience.write, self._number, request, picture)
        except Cancelled:
            if patience.is_midway:
                self._end()
            raise
        except TimedOut:
            if not patience.is_midway and not patience.is_over():
                raise  # the time was up before a word was said: the eye is well
            self._end()
            raise HardwareFault("eye_died", "deadline") from None
        except OSError as error:
            raise HardwareFault("eye_died", f"exit {self._end()}") from error

    def _hear(
        self, link: socket.socket, deadline: Deadline, most_s: float, may_wait: bool
    ) -> tuple[int, Answer, bytes]:
        """Return the next message. A caller's deadline kills the process unless it `may_wait` for the next request."""
        patience = wire.Patience(link, deadline, most_s)
        try:
            return wire.receive_answer(patience.read)
        except Cancelled:
            raise  # between two messages: the eye is well, its answer is dropped with the next request
        except TimedOut:
            if may_wait and not patience.is_midway and not patience.is_over():
                raise
            self._end()
            raise HardwareFault("eye_died", "deadline") from None
        except (OSError, EOFError, WireFault) as error:
            raise HardwareFault("eye_died", f"exit {self._end()}") from error

    def _broken(self, why: str) -> HardwareFault:
        self._end()
        return HardwareFault("eye_died", why)

    def _start(self) -> None:
        if self._is_closed:
            return
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        ours, theirs = socket.socketpair()
        with theirs:
            fds = (theirs.fileno(), self._memory_fd)
            self._process = subprocess.Popen(
                [*worker_command(), *(str(fd) for fd in fds)],
                cwd=_ROOT,
                env=worker_environment(),
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._link = ours

    def _end(self) -> int | None:
        """Kill the process and return its exit code."""
        code = None
        if self._link is not None:
            self._link.close()
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(5)
        self._process = self._link = self._hello = None
        return code


def worker_command() -> list[str]:
    """Return how the eye's process is started; a frozen program starts itself with a word of its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "eye-worker"]
    return [sys.executable, "-m", "devices.imaging.eye_worker"]


def worker_environment() -> dict[str, str]:
    """Return the little the process needs to know; the pixel limit is read when cv2 loads."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return kept | {
        "OPENCV_IO_MAX_IMAGE_PIXELS": "40000000",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        # pictures come and go: memory that is kept need not be zeroed again by the kernel, an eighth of a still's time
        "MALLOC_MMAP_THRESHOLD_": "268435456",
        "MALLOC_TRIM_THRESHOLD_": "268435456",
        "MALLOC_TOP_PAD_": "67108864",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _page(answer: TakeAnswer, output: bytes, material: str, index: int) -> Page:
    """Return the page an answer tells of. Raises: HardwareFault where it is none."""
    end = len(output) - answer.thumbnail_bytes
    at = answer.picture_bytes or end
    picture, pdf, thumbnail = output[:at], output[at:end], output[end:]
    if not _is_jpeg(picture) or (thumbnail and not _is_jpeg(thumbnail)):
        raise HardwareFault("eye_answer", "a page that is no JPEG")
    if pdf and not (pdf.startswith(b"%PDF-") and pdf.endswith(b"%%EOF\n")):
        raise HardwareFault("eye_answer", "a page that is no PDF")
    return Page(
        material=material,
        index=index,
        jpeg=Private(picture),
        pdf=Private(pdf),
        width_px=answer.page_width_px,
        height_px=answer.page_height_px,
        dpi=answer.dpi,
        verdicts=answer.verdicts,
        sha256=hashlib.sha256(pdf or picture).hexdigest(),
        is_kept_despite=answer.is_kept_despite,
        codes=_codes(answer.codes),
        side="front" if answer.side == "front" else "back" if answer.side == "back" else "",
        thumbnail=Private(thumbnail),
    )


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")


def _codes(found: tuple[FoundCode, ...]) -> tuple[Code, ...]:
    return tuple(Code(Private(one.text), one.symbology, CodeSource.CAMERA) for one in found)


def _fits(answer: LookAnswer) -> bool:
    return answer.width_px > 0 and answer.height_px > 0 and answer.width_px * answer.height_px * 3 <= SLOT_BYTES
