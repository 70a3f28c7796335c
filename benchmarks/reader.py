"""What the reader driver adds to the bare line: a read vs its bytes at 115200; and the memory of many reads."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc

from devices.api import Deadline
from devices.drivers.reader_samv import SamvReader
from devices.sim.control import spawn
from devices.wire import samv
from devices.wire.samv import Command, Request

BAUD = 115200
BITS = 10  # a byte on an 8N1 line
ROUNDS = 15
GOAL = "<= 1.10"
MOST = 1.10
HEAD = 11  # bytes of an answer around its data: preamble 5, LEN 2, SW 3, CHK 1
FINGERPRINT = 1024
MANY = 2000
FLAT_KIB = 64  # what the interpreter itself may keep
READS = (  # command, length words in the answer, bytes of fingerprint, what the far end is started with
    (Command.READ_FINGERPRINT, 3, FINGERPRINT, ("--fingerprint-bytes", str(FINGERPRINT))),
    (Command.READ_FINGERPRINT, 3, 0, ()),
    (Command.READ, 2, 0, ("--no-fingerprint",)),
)


def run() -> dict[str, dict[str, object]]:
    """Return the figures: the median of some reads through driver and simulated line, over the line's own time."""
    figures: dict[str, dict[str, object]] = {}
    for command, lengths, fingerprint, words in READS:
        request = len(samv.encode_request(Request(command)))
        answer = HEAD + 2 * lengths + 256 + samv.PHOTO_BYTES + fingerprint
        line_ms = (request + answer) * BITS / BAUD * 1000
        ours_ms = _median_ms(words)
        ratio = ours_ms / line_ms
        figures[f"read_{command >> 8:02x}_{command & 0xFF:02x}_{answer}_bytes"] = {
            "value": round(ratio, 3),
            "unit": "x (of ms)",
            "ours": round(ours_ms, 1),
            "theirs": round(line_ms, 1),
            "peer": f"bare line, {request} + {answer} bytes at {BAUD} 8N1",
            "goal": GOAL,
            "holds": ratio <= MOST,
        }
    figures["memory_of_many_reads"] = _memory()
    return figures


def _median_ms(words: tuple[str, ...]) -> float:
    """Return the median time of one read with its decoding; finding and selecting the card left out."""
    times = []
    with spawn("reader", "--baud", str(BAUD), "--put", "elder", *words) as far:
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


def _memory() -> dict[str, object]:
    """Return how much more memory Python holds after many reads than after the first few."""
    with spawn("reader", "--tcp", "--baud", "0", "--put", "elder") as far:
        reader = SamvReader(far.link)
        reader.open(Deadline(5))
        try:
            reader.read(Deadline(5))
            tracemalloc.start()
            for _ in range(20):
                reader.read_record(Deadline(5))
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(MANY):
                reader.read_record(Deadline(5))
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            reader.close()
    grown = max(0.0, (after - before) / 1024)
    return {
        "value": round(grown, 1),
        "unit": "KiB grown",
        "ours": round(grown, 1),
        "theirs": "",
        "peer": f"{MANY} reads of one reader",
        "goal": f"<= {FLAT_KIB}",
        "holds": grown <= FLAT_KIB,
    }
