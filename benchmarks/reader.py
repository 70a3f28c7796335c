"""What the reader driver adds to the bare line: 30 10 through the driver vs its bytes at 115200."""

from __future__ import annotations

import statistics
import time

from devices.api import Deadline
from devices.drivers.reader_samv import SamvReader
from devices.sim.control import spawn
from devices.wire import samv
from devices.wire.samv import Command, Request

BAUD = 115200
BITS = 10  # a byte on an 8N1 line
ROUNDS = 9
GOAL = "<= 1.15"
HEAD = 11  # bytes of an answer around its data: preamble 5, LEN 2, SW 3, CHK 1
FINGERPRINT = 1024


def run() -> dict[str, dict[str, object]]:
    """Return the figures: the median of some reads through driver and simulated line, over the line's own time."""
    request = len(samv.encode_request(Request(Command.READ_FINGERPRINT)))
    figures: dict[str, dict[str, object]] = {}
    for size in (FINGERPRINT, 0):
        answer = HEAD + 6 + 256 + samv.PHOTO_BYTES + size
        line_ms = (request + answer) * BITS / BAUD * 1000
        ours_ms = _median_ms(size)
        ratio = ours_ms / line_ms
        figures[f"read_30_10_{answer}_bytes"] = {
            "value": round(ratio, 3),
            "unit": "x (of ms)",
            "ours": round(ours_ms, 1),
            "theirs": round(line_ms, 1),
            "peer": f"bare line, {request} + {answer} bytes at {BAUD} 8N1",
            "goal": GOAL,
            "holds": ratio <= 1.15,
        }
    return figures


def _median_ms(fingerprint_bytes: int) -> float:
    """Return the median time of 30 10 with its decoding; finding and selecting the card left out."""
    times = []
    with spawn("reader", "--baud", str(BAUD), "--fingerprint-bytes", str(fingerprint_bytes), "--put", "elder") as far:
        reader = SamvReader(far.link)
        reader.open(Deadline(5))
        try:
            reader.read(Deadline(5))  # finds and selects; the card stays selected until it is lifted
            for _ in range(ROUNDS):
                started = time.perf_counter()
                reader.read_record(Deadline(5))
                times.append((time.perf_counter() - started) * 1000)
        finally:
            reader.close()
    return statistics.median(times)
