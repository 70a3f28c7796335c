"""What msgspec finds out about a struct when it first meets it, found out before there are threads.

msgspec 0.22 keeps what it knows of a type where every thread sees it, and does so before it is complete: of two threads
that decode one type for the first time, one reads what is not there yet, and the process dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import msgspec

OURS = ("app", "devices", "kiosk", "offline_queue")


def know_structs() -> None:
    """Let msgspec meet every struct of the terminal that is loaded, here and now."""
    for kind in _kinds_of(msgspec.Struct):
        if kind.__module__.partition(".")[0] in OURS:
            with suppress(TypeError):  # of a kind that nobody can decode
                msgspec.json.Decoder(kind)


def _kinds_of(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds_of(one)
