"""A code scanner that sends what it reads over a line: serial (USB CDC too), TCP or pipe. It is never told anything."""

from __future__ import annotations

import time

from devices.api import (
    Capabilities,
    Code,
    CodeSource,
    Deadline,
    DeviceKind,
    DeviceState,
    NotReady,
    Private,
    Status,
    Symbology,
    TimedOut,
    UserFault,
    WireFault,
)
from devices.links import open_link
from devices.wire import barcode
from devices.wire.barcode import Suffix

DRIVER = "barcode-serial"
SILENCE_MS = 80  # between two bytes: reference/devices.md §13 has 50 to 100
CUT_MS = 1000  # a code that ends with a suffix may be torn apart on its way by a USB hub or a serial server
FLOOD_BYTES = 16 * barcode.MAX_BYTES  # without an end: that is no code, that is a broken scanner
CHUNK = 4096


class SerialBarcode:
    """A code scanner on a line. Keyboard emulation is not supported: order, or set, the scanner's serial mode.

    Options: `suffix` (any, cr, lf, crlf, none), `charset` (utf-8, gb18030, ascii), `silence_ms` (what ends a code
    without a suffix, 50 to 100).
    """

    kind = DeviceKind.BARCODE

    def __init__(
        self, address: str, *, suffix: str = "any", charset: str = "utf-8", silence_ms: int = SILENCE_MS
    ) -> None:
        if suffix not in list(Suffix):
            raise ValueError(f"suffix {suffix!r}: allowed are {', '.join(Suffix)}")
        if charset not in barcode.CHARSETS:
            raise ValueError(f"charset {charset!r}: allowed are {', '.join(barcode.CHARSETS)}")
        if not 50 <= silence_ms <= 100:
            raise ValueError(f"silence_ms {silence_ms!r}: allowed is 50 to 100")
        self.address = address
        self._link = open_link(address)
        self._suffix = Suffix(suffix)
        self._decoder = barcode.Decoder(self._suffix)
        self._heard_at = 0.0  # when the last bytes came
        self._charset = charset
        self._pause_s = (silence_ms if self._suffix is Suffix.NONE else CUT_MS) / 1000

    def open(self, deadline: Deadline) -> None:
        """Take the line for ourselves. Nothing can be asked of a scanner that only sends. Raises: NotReady."""
        deadline.check("barcode")
        self._link.open()
        self._drop()

    def close(self) -> None:
        """Give the line back; closing twice is harmless."""
        self._link.close()
        self._decoder.silence()

    def status(self, deadline: Deadline) -> Status:
        """Return online while the line is there; what was shown while nobody asked is dropped. Raises: Cancelled."""
        deadline.check("barcode")
        try:
            self._drop()
        except NotReady as fault:
            return Status(self.kind, DRIVER, device=DeviceState.NO_DEVICE, code=fault.code)
        return Status(self.kind, DRIVER, device=DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what it can do; whether a scanner hangs on the line shows with its first code."""
        return Capabilities(self.kind, DRIVER, features=("read",), provisional=("presence",))

    def read(self, deadline: Deadline) -> Code:
        """Return the next code shown. Raises: as the contract says; UserFault("code_cut" | "code_charset" | …).

        One that had begun before anybody asked is not read: of that only the end might be left.
        """
        self._drop()
        codes = self._let_pass(deadline)
        self._decoder.too_long = self._decoder.cut = 0
        while not codes:
            codes = self._listen(deadline)
            if not codes and self._decoder.too_long:
                raise UserFault("code_too_long")
            if not codes and self._decoder.cut:
                raise UserFault("code_cut")
        return self._code(codes[0])  # of several at once the first: a person shows one

    # ── steps ──────────────────────────────────────────────────────────────────────────────

    def _drop(self) -> None:
        """Drop what has come. Raises: NotReady."""
        data = self._link.drain()
        if data:
            self._decoder.feed(data)
            self._heard_at = time.monotonic()

    def _let_pass(self, deadline: Deadline) -> tuple[bytes, ...]:
        """Wait for the end of what had begun, if that may still come; return what came after it at once."""
        if time.monotonic() - self._heard_at > self._pause_s:
            self._decoder.silence()
        while self._decoder.is_midway:
            codes = self._listen(deadline)
            if codes:
                return codes[1:]
        return ()

    def _listen(self, deadline: Deadline) -> tuple[bytes, ...]:
        """Return the codes that end now; of one that has begun the rest comes soon, or it is over."""
        if not self._decoder.is_midway:
            return self._hear(deadline)
        flood = self._decoder.flood
        if flood > FLOOD_BYTES:
            self._decoder.silence()  # what comes now is judged anew
            raise WireFault("code_flood", f"{flood} bytes without an end")
        try:
            return self._hear(Deadline(min(self._pause_s, deadline.left_s()), deadline.cancelled))
        except TimedOut:
            deadline.check("read")
            return self._decoder.silence()

    def _hear(self, deadline: Deadline) -> tuple[bytes, ...]:
        data = self._link.read(CHUNK, deadline)
        self._heard_at = time.monotonic()
        return self._decoder.feed(data)

    def _code(self, data: bytes) -> Code:
        try:
            text = barcode.decode_code(data, self._charset)
        except WireFault as fault:  # the scanner is well: this code is none for us
            raise UserFault(fault.code) from fault
        return Code(Private(text), Symbology.UNKNOWN, CodeSource.SCANNER)
