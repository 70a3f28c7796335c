"""One target in a process of its own: `python -m tests.fuzz.one NAME CORPUS… -flag=…`. The flags are libFuzzer's."""

from __future__ import annotations

import contextlib
import logging
import resource
import sys
from importlib import import_module

import atheris

from tests.fuzz.targets import CORPUS, TARGETS

MEMORY_BYTES = 8 << 30  # of addresses, most of them never touched; the resident set has libFuzzer's own limit


def main() -> None:
    """Fuzz until the time is over or something fails; libFuzzer ends the process."""
    name = sys.argv.pop(1)
    target = TARGETS[name]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    logging.disable()
    with atheris.instrument_imports(include=[target.looks_into], enable_loader_override=False):
        way, errors = target.load()
        import_module(target.looks_into)
        for path in (CORPUS / name).iterdir():  # what a way imports late is imported now, and so seen into
            with contextlib.suppress(errors):
                way(path.read_bytes())

    def once(data: bytes) -> None:
        try:
            way(data)
        except errors:
            return

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
