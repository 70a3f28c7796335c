"""The slot for a portrait decoder: a program of the reader's maker, in a process of its own for each photo.

A card's photo is WLT, 1024 bytes of a proprietary format; every decoder known is a closed library, and none comes with
us. A station that has one puts a small program around it:

    stdin : the 1024 bytes of WLT, then the end
    stdout: one BMP of 102 × 126 pixels, 24 bits, no compression: 38,862 bytes, and nothing else
    exit  : 0

It starts with no arguments, no network settings, no files of ours and an almost empty environment, gets no photo
before its limits stand, and is killed with all it started when its time is over. What goes wrong is "photo not
available", never a fault of the reader; nothing is ever written to a disk by us.
Source of the sizes: reference/devices.md §4.9.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
from pathlib import Path
from struct import Struct as Layout
from typing import IO, cast

from devices.api import Deadline, Private, TimedOut, Unsupported

WLT_BYTES = 1024
WIDTH_PX, HEIGHT_PX = 102, 126
BMP_HEAD = 54
BMP_BYTES = BMP_HEAD + HEIGHT_PX * (WIDTH_PX * 3 + 2)  # each row is filled up to four bytes
DECODE_S = 3.0
LOOK_S = 0.05
NOT_AVAILABLE = "photo_not_available"
LIMITS = (
    (resource.RLIMIT_AS, 512 * 1024 * 1024),  # a shared library and a picture of 38 kB need a tenth of it
    (resource.RLIMIT_CPU, 3),
    (resource.RLIMIT_FSIZE, 0),  # no file: the portrait stays in memory
    (resource.RLIMIT_CORE, 0),
)
_HEAD = Layout("<2sIHHIIiiHHI")


class PhotoDecoder:
    """Runs the station's decoder program. Without one there is no portrait, and that is no fault."""

    def __init__(self, program: str, decode_s: float = DECODE_S) -> None:
        """Take the program's full path, "" for none, and the seconds it has for a photo.

        Raises: ValueError for a path that is not full.
        """
        if program and not Path(program).is_absolute():
            raise ValueError(f"photo_decoder {program!r}: the full path of a program")
        self._program = program
        self._decode_s = decode_s

    @property
    def is_configured(self) -> bool:
        """Whether the station has a decoder."""
        return bool(self._program)

    def decode(self, wlt: Private[bytes], deadline: Deadline) -> Private[bytes]:
        """Return the portrait as a BMP, within its seconds and the deadline.

        Raises: Unsupported("photo_not_available", why), where why is one of no_decoder, no_photo, not_started, crashed,
        timed_out, wrong_size, not_a_bmp; Cancelled.
        """
        if not self._program:
            raise Unsupported(NOT_AVAILABLE, "no_decoder")
        if len(wlt.reveal()) != WLT_BYTES or not any(wlt.reveal()):
            raise Unsupported(NOT_AVAILABLE, "no_photo")
        until = Deadline(min(self._decode_s, deadline.left_s()), deadline.cancelled)
        try:
            process = self._start()
        except OSError as error:  # not there, not executable
            raise Unsupported(NOT_AVAILABLE, "not_started") from error
        try:
            picture = _exchange(process, wlt.reveal(), until)
        except TimedOut as error:
            raise Unsupported(NOT_AVAILABLE, "timed_out") from error
        finally:
            _end(process)
        if process.returncode != 0 and len(picture) <= BMP_BYTES:  # a talker was killed by us
            raise Unsupported(NOT_AVAILABLE, "crashed")
        if len(picture) != BMP_BYTES:
            raise Unsupported(NOT_AVAILABLE, "wrong_size")
        if not is_portrait(picture):
            raise Unsupported(NOT_AVAILABLE, "not_a_bmp")
        return Private(picture)

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            start_new_session=True,  # so that what it starts can be ended with it
            bufsize=0,
        )
        with contextlib.suppress(ProcessLookupError):  # it has ended already, and is told of below
            for what, most in LIMITS:
                resource.prlimit(process.pid, what, (most, most))
        return process


def is_portrait(picture: bytes) -> bool:
    """Return whether bytes are a BMP of the one size and kind a card's portrait has."""
    if len(picture) != BMP_BYTES:
        return False
    mark, size, _, _, begins, head, width, height, planes, bits, packing = _HEAD.unpack_from(picture)
    is_whole = (mark, size, begins, head) == (b"BM", BMP_BYTES, BMP_HEAD, 40)
    return is_whole and (width, abs(height), planes, bits, packing) == (WIDTH_PX, HEIGHT_PX, 1, 24, 0)


def _exchange(process: subprocess.Popen[bytes], wlt: bytes, until: Deadline) -> bytes:
    """Return what the program has said when it ended, one byte more than a portrait at most.

    Raises: TimedOut, Cancelled.
    """
    with contextlib.suppress(BrokenPipeError), cast("IO[bytes]", process.stdin) as into:
        into.write(wlt)  # a pipe holds 64 KiB: never waits
    out = cast("IO[bytes]", process.stdout).fileno()
    found = b""
    while len(found) <= BMP_BYTES:
        until.check("decode")
        if select.select([out], [], [], min(LOOK_S, until.left_s()))[0]:
            data = os.read(out, BMP_BYTES + 1 - len(found))
            if not data:
                break
            found += data
    if len(found) > BMP_BYTES:
        return found
    while process.poll() is None:  # it has closed its output and should be ending
        until.wait(0.005)
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the program and all it started, and take its pipes back."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
