"""The status a receipt printer answers to DLE EOT n: one byte, both ways. Source: reference/devices.md §9.2."""

from __future__ import annotations

from enum import IntFlag

from devices.api import WireFault


class Signal(IntFlag):
    """What the status bytes tell. Several may hold at once; none means all is well."""

    NONE = 0
    OFFLINE = 1
    COVER_OPEN = 2
    PAPER_END = 4
    PAPER_LOW = 8
    ERROR = 16
    CUTTER = 32
    UNRECOVERABLE = 64
    AUTO_RECOVERABLE = 128


_STATUS_BITS: dict[int, tuple[tuple[Signal, int], ...]] = {
    1: ((Signal.OFFLINE, 0x08),),
    2: ((Signal.COVER_OPEN, 0x04), (Signal.PAPER_END, 0x20), (Signal.ERROR, 0x40)),
    3: ((Signal.CUTTER, 0x08), (Signal.UNRECOVERABLE, 0x20), (Signal.AUTO_RECOVERABLE, 0x40)),
    4: ((Signal.PAPER_LOW, 0x0C), (Signal.PAPER_END, 0x60)),
}


def encode_status(n: int, signals: Signal) -> bytes:
    """Return a printer's one answer byte to DLE EOT n."""
    byte = 0x12
    for signal, bits in _STATUS_BITS[n]:
        if signal in signals:
            byte |= bits
    return bytes((byte,))


def decode_status(n: int, answer: bytes) -> Signal:
    """Return what one answer byte to DLE EOT n tells. Raises: WireFault when it is not one byte or a fixed bit is off.

    Source: reference/devices.md §9.2; 12 when all is well, 16 with the drawer pin high.
    """
    if len(answer) != 1 or answer[0] & 0x93 != 0x12:
        raise WireFault("status_bits")
    signals = Signal.NONE
    for signal, bits in _STATUS_BITS[n]:
        if answer[0] & bits:
            signals |= signal
    if n == 3 and answer[0] != 0x12:
        signals |= Signal.ERROR
    return signals
