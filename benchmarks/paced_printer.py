"""A printer that only listens at the speed of its line: a pty in a process of its own, for the printer benchmark.

`python -m benchmarks.paced_printer BAUD` prints its port and ends with its standard input. A byte counts as heard when
the line would have carried it, an answer leaves when the line would have carried that. It answers that all is well;
paper there is none, because drawing it would be measured too.
"""

from __future__ import annotations

import os
import select
import sys
import time
import tty

from devices.wire import escpos, escpos_decode

CHUNK = 16  # bytes that arrive together, as from a UART with a small buffer
WELL = b"\x12"


def serve(baud: int) -> None:
    """Answer status requests until standard input ends."""
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    byte_s = 10 / baud
    decoder = escpos_decode.Decoder()
    due_at = time.monotonic()
    while True:
        if not select.select([master], [], [], 0)[0]:  # the line falls idle: what comes next begins when it comes
            if 0 in select.select([master, 0], [], [])[0]:
                return
            due_at = time.monotonic()
        data = os.read(master, CHUNK)
        due_at += len(data) * byte_s
        asked = decoder.feed(data)
        answers = [WELL if isinstance(one, escpos.Ask) else escpos.CLEARED for one in asked]
        _wait_until(due_at + len(b"".join(answers)) * byte_s)
        for answer in answers:
            os.write(master, answer)


def _wait_until(moment: float) -> None:
    while (left_s := moment - time.monotonic()) > 0:
        time.sleep(left_s)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
