"""One run of `scanimage`: its words bounded, its time too, and killed by its own id when it is over."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devices.api import Deadline, NotReady, WireFault

PROGRAM = "scanimage"
LOOK_S = 0.05  # how often a run looks whether it was called off
MAX_OUTPUT = 200_000  # bytes of standard output: an option listing, or the names of a hundred pages
KEPT_ERRORS = 8_000  # the end of standard error is what tells
KILL_S = 5.0
GRACE_S = 5.0  # a carriage that runs home is not to be cut off
_KEPT_ENVIRONMENT = ("PATH", "HOME", "SANE_CONFIG_DIR", "LD_LIBRARY_PATH")


class Ended:
    """How a run ended."""

    def __init__(self, status: int, output: str, said: str) -> None:
        self.status, self.output, self.said = status, output, said


def run_scanimage(
    words: Sequence[str],
    deadline: Deadline,
    config_dir: str = "",
    on_line: Callable[[str], None] = lambda line: None,
    last_words: re.Pattern[bytes] | None = None,
) -> Ended:
    """Return how `scanimage WORDS` ended; `on_line` hears each line of its output as it comes.

    After its `last_words` on standard error it has GRACE_S to end by itself: it was seen to hang in its tidying up.

    Raises: NotReady where the program is missing, TimedOut, Cancelled, WireFault where it says too much, and what
    `on_line` raises. The process is gone when this returns or raises.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise NotReady("no_scanimage")
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ} | {"LC_ALL": "C"}
    if config_dir:
        kept["SANE_CONFIG_DIR"] = config_dir
    process = subprocess.Popen(
        [program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=kept,
        umask=0o077,
        start_new_session=True,
    )
    try:
        return _listen(process, deadline, on_line, last_words)
    finally:
        _end(process)


def _listen(
    process: subprocess.Popen[bytes],
    deadline: Deadline,
    on_line: Callable[[str], None],
    last_words: re.Pattern[bytes] | None,
) -> Ended:
    output, said, line = bytearray(), bytearray(), bytearray()
    until: float | None = None
    with selectors.DefaultSelector() as ends:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                ends.register(pipe, selectors.EVENT_READ)
        while ends.get_map() or process.poll() is None:
            deadline.check("scanner")
            if until is not None and time.monotonic() >= until:
                break
            for key, _ in ends.select(min(LOOK_S, deadline.left_s())):
                data = os.read(key.fd, 65536)
                if not data:
                    ends.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    said = (said + data)[-KEPT_ERRORS:]
                    if until is None and last_words is not None and last_words.search(said):
                        until = time.monotonic() + GRACE_S
                else:
                    output += data
                    if len(output) > MAX_OUTPUT:
                        raise WireFault("scanner_output", "more than it has to say")
                    *whole, line = (line + data).split(b"\n")
                    for one in whole:
                        on_line(one.decode("utf-8", "replace"))
            if not ends.get_map():  # its pipes are closed: it is about to end
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(min(LOOK_S, deadline.left_s()))
    return Ended(process.poll() or 0, output.decode("utf-8", "replace"), said.decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # its whole session: back ends leave readers behind
        os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_S)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


# ── where pages wait for the eye ───────────────────────────────────────────────────────────

_PREFIX = "jinban-scan-"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of 0700 in it; a page on its way need not touch a disk


def make_folder() -> Path:
    """Return a new folder for our eyes alone, in memory where there is such a place; whoever asks removes it."""
    import tempfile

    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))


def sweep() -> None:
    """Remove the folders of terminals of ours that were killed in the middle of a scan."""
    import tempfile

    for place in {MEMORY, Path(tempfile.gettempdir())}:
        for folder in place.glob(f"{_PREFIX}*-*"):
            pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
            with contextlib.suppress(OSError):
                if pid.isdigit() and not Path(f"/proc/{pid}").exists() and folder.stat().st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)
