"""The decoder slot: a program of its own for each photo. The programs here are toys: none of them decodes WLT."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from devices.api import Cancelled, Deadline, Private, Unsupported
from devices.drivers.photo_decoder import BMP_BYTES, PhotoDecoder, is_portrait
from devices.drivers.reader_samv import SamvReader
from tests.fixtures.reader import wait_until, within

SLOW_S = 30.0  # a busy machine starts a program late
WLT = Private(b"WLf~ simulated".ljust(1024, b"\1"))
HEAD = """
import os, struct, sys, time
wlt = sys.stdin.buffer.read()
head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 38862, 0, 0, 54, 40, 102, 126, 1, 24, 0, 38808, 0, 0, 0, 0)
rows = bytes([sum(wlt) % 256]) * 38808
out = sys.stdout.buffer
"""
GOOD = "out.write(head + rows)\n"


@pytest.fixture
def program(tmp_path: Path):
    """Return what writes a toy decoder and gives its path."""

    def write(ending: str, begin: str = HEAD) -> str:
        path = tmp_path / "decoder"
        path.write_text(f"#!{sys.executable} -IS\n{begin}{ending}")
        path.chmod(stat.S_IRWXU)
        return str(path)

    return write


def reason(program: str, wlt: Private[bytes] = WLT) -> str:
    with pytest.raises(Unsupported) as found:
        PhotoDecoder(program, SLOW_S).decode(wlt, within())
    assert found.value.code == "photo_not_available"
    return found.value.detail


def test_a_portrait_is_what_the_program_makes_of_the_1024_bytes(program):
    picture = PhotoDecoder(program(GOOD), SLOW_S).decode(WLT, within())
    assert (len(picture.reveal()), picture.reveal()[-1]) == (BMP_BYTES, sum(WLT.reveal()) % 256)
    assert is_portrait(picture.reveal())
    assert repr(picture) == "•••"


def test_without_a_program_or_a_photo_there_is_no_portrait(program):
    assert reason("") == "no_decoder"
    assert reason(program(GOOD), Private(b"")) == "no_photo"
    assert reason(program(GOOD), Private(bytes(1024))) == "no_photo"
    assert reason("/nonexistent/decoder") == "not_started"
    with pytest.raises(ValueError, match="photo_decoder"):
        PhotoDecoder("decoder")


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ("out.write(head)", "wrong_size"),
        ("out.write(head + rows + b'x')", "wrong_size"),
        ("out.write(rows + head)", "not_a_bmp"),
        ("out.write(head.replace(b'f', b'e') + rows)", "not_a_bmp"),
        ("while True: out.write(rows)", "wrong_size"),
        ("", "wrong_size"),
        ("out.write(head + rows); out.flush(); os._exit(3)", "crashed"),
        ("os.kill(os.getpid(), 11)", "crashed"),
        ("bytearray(700_000_000); out.write(head + rows)", "crashed"),
    ],
)
def test_what_goes_wrong_is_a_photo_not_available(program, ending, why):
    assert reason(program(ending)) == why


def test_a_program_writes_no_picture_to_a_disk(program, tmp_path):
    copy = tmp_path / "copy"
    assert reason(program(f"open({str(copy)!r}, 'wb').write(rows); out.write(head + rows)")) == "crashed"
    assert copy.stat().st_size == 0


def test_a_program_that_reads_nothing_and_says_nothing_is_ended_in_time(program):
    decoder = PhotoDecoder(program("time.sleep(600)", begin="import time\n"))
    with pytest.raises(Unsupported) as found:
        decoder.decode(WLT, Deadline(0.2))
    assert found.value.detail == "timed_out"


def test_what_a_program_starts_ends_with_it(program, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    ending = f"os.write(os.open({str(fifo)!r}, os.O_WRONLY), bytes((os.fork() == 0,)))\ntime.sleep(600)"
    heard: list[bytes] = []

    def hear() -> bool:  # one byte of each, then nothing when neither holds the fifo open any more
        with contextlib.suppress(BlockingIOError):
            heard.append(os.read(reading, 1))
        return sorted(heard[:2]) == [b"\0", b"\1"]

    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    holding = os.open(fifo, os.O_WRONLY)
    cancelled = threading.Event()
    decoder = PhotoDecoder(program(ending), SLOW_S)
    failed: list[BaseException] = []

    def decode() -> None:
        try:
            decoder.decode(WLT, Deadline(30, cancelled))
        except (Cancelled, Unsupported) as error:
            failed.append(error)

    thread = threading.Thread(target=decode)
    thread.start()
    wait_until(hear, "both processes")
    cancelled.set()
    thread.join(20)
    assert len(failed) == 1
    os.close(holding)
    wait_until(lambda: hear() and heard[-1] == b"", "the end of both")
    os.close(reading)


def test_a_wait_for_a_portrait_is_called_off(program):
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(Cancelled):
        PhotoDecoder(program("time.sleep(600)")).decode(WLT, Deadline(30, cancelled))


def test_nothing_of_ours_reaches_the_program(program, monkeypatch):
    monkeypatch.setenv("JINBAN_SECRET", "x")
    ending = (
        "ok = sorted(set(os.environ) - {'LC_CTYPE'}) == ['LANG', 'PATH']\n"
        "ok = ok and os.getcwd() == '/' and len(sys.argv) == 1\n"
        "ok = ok and sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3] == [0, 1, 2]\n"
        "ok = ok and len(os.listdir('/proc/self/fd')) == 4\n"
        "out.write(head + rows if ok else b'')"
    )
    assert is_portrait(PhotoDecoder(program(ending), SLOW_S).decode(WLT, within()).reveal())


def test_the_driver_offers_a_portrait_only_where_there_is_a_decoder(program):
    plain, able = SamvReader("tcp:h:1"), SamvReader("tcp:h:1", photo_decoder=program(GOOD))
    assert "photo" not in plain.capabilities().features
    assert "photo" in able.capabilities().features
    assert "photo" in able.capabilities().provisional
