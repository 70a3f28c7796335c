"""One question, one answer: how a SAM-V reader is spoken to over whatever line leads to it.

The answers carry no mark of their question. So an answer that was not waited for is awaited before anything else is
asked: a former person's card can never be taken for the next one's.
"""

from __future__ import annotations

import time

from devices.api import Deadline, DeviceError, Link, NotReady, TimedOut, WireFault
from devices.drivers.samv_faults import DISTURBED
from devices.drivers.samv_line import describe_line
from devices.wire import samv
from devices.wire.samv import Answer, Command, Request

MUTE = "mute"
SPEED_S = 0.3  # status is answered at once by a reader that hears it
GAP_S = 0.3  # silence that ends an answer; a USB adapter holds bytes back 16 ms, a byte at 9600 takes 1 ms
TRIES = 2  # a disturbed line is asked once more
MAX_ANSWER = 16384  # a reader that never stops talking is not one


class Talk:
    """The line to one reader. All calls come from one thread."""

    def __init__(self, lines: tuple[Link, ...], answer_s: float) -> None:
        """Take the lines to try, the likeliest first."""
        self._lines = lines
        self._line: Link | None = None
        self._answer_s = answer_s
        self._owed_until = 0.0  # an answer is still under way, at the latest until then (monotonic)
        self.description = ""  # of the line as it was found last

    @property
    def is_open(self) -> bool:
        """Whether a reader has answered and was not let go."""
        return self._line is not None

    def open(self, deadline: Deadline) -> Answer:
        """Connect, find the reader's speed and return its answer to *status*.

        The speed found is the first that is tried from then on.
        Raises: NotReady, TimedOut("mute"), WireFault, Cancelled.
        """
        fault: DeviceError | None = None
        for line in self._lines:
            deadline.check()
            line.open()
            self._line = line
            try:
                answer = self.ask_once(Request(Command.STATUS), deadline, SPEED_S)
            except (TimedOut, WireFault) as error:
                fault = fault or error  # what it was like at the speed it should have
                self.close()
            except DeviceError:
                self.close()
                raise
            else:
                self._lines = (line, *(other for other in self._lines if other is not line))
                self.description = describe_line(line)
                return answer
        raise fault or TimedOut(MUTE)

    def close(self) -> None:
        """Let go of the line; closing twice is harmless."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def ask(self, command: Command, deadline: Deadline, wait_s: float = 0.0, data: bytes = b"") -> Answer:
        """Return the reader's answer. Raises: NotReady, Cancelled, TimedOut("mute" | "deadline"), WireFault."""
        for attempt in range(TRIES):
            try:
                return self.ask_once(Request(command, data), deadline, wait_s or self._answer_s)
            except WireFault:
                if attempt == TRIES - 1:
                    raise
        raise WireFault("garbled")

    def ask_once(self, request: Request, deadline: Deadline, wait_s: float) -> Answer:
        """Return the reader's answer to a question put once. Raises: as `ask`."""
        line = self._line
        if line is None:
            raise NotReady("noDevice", "not open")
        self._settle(line, deadline)
        line.drain()
        self._owed_until = time.monotonic() + wait_s
        try:
            say(line, samv.encode_request(request), deadline, wait_s)
            answer = listen(line, deadline, wait_s)
        except (WireFault, NotReady):  # it came, or never will; when called off, it still may
            self._owed_until = 0.0
            raise
        self._owed_until = 0.0
        if answer.sw3 in DISTURBED:
            raise WireFault(answer.meaning)
        return answer

    def _settle(self, line: Link, deadline: Deadline) -> None:
        """Wait for the answer to a question that was called off, and throw it away."""
        left_s = self._owed_until - time.monotonic()
        if left_s > 0:
            try:
                listen(line, deadline, left_s)
            except (TimedOut, WireFault):
                deadline.check()
        self._owed_until = 0.0


def say(line: Link, frame: bytes, deadline: Deadline, wait_s: float) -> None:
    """Send a request. Raises: NotReady, Cancelled, TimedOut("mute" | "deadline")."""
    try:
        line.write(frame, Deadline(min(wait_s, deadline.left_s()), deadline.cancelled))
    except TimedOut as error:  # nobody takes the bytes
        deadline.check()
        raise TimedOut(MUTE) from error


def listen(line: Link, deadline: Deadline, wait_s: float) -> Answer:
    """Return the first whole answer. Raises: NotReady, Cancelled, TimedOut("mute" | "deadline"), WireFault."""
    decoder = samv.Decoder()
    heard = 0
    try:
        while heard < MAX_ANSWER:
            quiet_s = GAP_S if heard else wait_s
            data = line.read(4096, Deadline(min(quiet_s, deadline.left_s()), deadline.cancelled))
            heard += len(data)
            for payload in decoder.feed(data):
                return samv.decode_answer(payload)
    except TimedOut as error:
        for payload in decoder.flush():
            return samv.decode_answer(payload)
        deadline.check()
        if not heard:
            raise TimedOut(MUTE) from error
    raise WireFault("garbled", f"{heard} bytes")
