"""A helper process whose disk can be recorded, broken, filled, or die at any step; it forks a child for each order.

The preload `preload/disk.c` is compiled by whoever starts the helper. An order is a function of a test module, by name,
with plain arguments; the child runs it with a `Bench` and a `Disk` and says what it found in lines of JSON.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fixtures.queue import Bench

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "preload" / "disk.c"
IS_FULL = bool(os.environ.get("JINBAN_CHAOS"))
FAIL_WRITE, FAIL_SYNC = 1, 2


def rounds(few: int, many: int) -> int:
    """Return how often a fault is tried: few in every run of the tests, many with JINBAN_CHAOS=1."""
    return many if IS_FULL else few


def report(line: str) -> None:
    """Print the one line of a suite: its counts."""
    sys.stdout.write(f"{line}\n")


class Disk:
    """The preload of this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)

    def __getattr__(self, name: str) -> Any:
        """Return `disk_<name>` of the preload; text goes as bytes."""
        call = getattr(self._library, f"disk_{name}")
        call.restype = ctypes.c_long
        return lambda *values: call(*(v.encode() if isinstance(v, str) else ctypes.c_long(v) for v in values))


def say(**facts: object) -> None:
    """Tell the test something, at once."""
    os.write(1, (json.dumps(facts) + "\n").encode())


class Helper:
    """The forking process, seen from the test."""

    def __init__(self, library: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.disk"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LD_PRELOAD": str(library)},
        )

    def start(self, job: object, **values: object) -> int:
        """Begin a function of a test module in a fork; return its process id."""
        assert self.process.stdin is not None
        order = {"module": job.__module__, "name": job.__name__, "values": values}  # type: ignore[attr-defined]
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.read()["pid"])

    def read(self) -> dict[str, Any]:
        """Return the next thing said."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the helper ended"
        return dict(json.loads(line))

    def finish(self) -> tuple[list[dict[str, Any]], int]:
        """Return what was said until the fork ended, and its exit code."""
        said = []
        while "end" not in (words := self.read()):
            said.append(words)
        return said, int(words["end"])

    def run(self, job: object, **values: object) -> list[dict[str, Any]]:
        """Return what a function said that must end well."""
        self.start(job, **values)
        said, code = self.finish()
        assert code == 0, (code, said)
        return said

    def close(self) -> None:
        """End the helper."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@contextmanager
def started_helper(folder: Path) -> Iterator[Helper]:
    """Compile the preload into a folder and give a helper that runs with it."""
    library = folder / "disk.so"
    command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run([*command, "-lpthread"], check=True, timeout=60)
    helper = Helper(library)
    try:
        yield helper
    finally:
        helper.close()


@functools.cache
def shared_bench() -> Bench:
    """Return the one bench of the helper: keys that all its forks share."""
    return Bench(Path())


def serve() -> None:
    """Fork for each line of standard input."""
    shared_bench()
    for line in sys.stdin:
        order = json.loads(line)
        job = getattr(importlib.import_module(order["module"]), order["name"])
        begin, announced = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(announced)
            os.read(begin, 1)  # its end: the test knows who we are before we say anything
            os.close(begin)
            code = 1
            try:
                job(shared_bench(), Disk(), **order["values"])
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(begin)
        say(pid=pid)
        os.close(announced)
        say(end=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    importlib.import_module("tests.chaos.disk").serve()
