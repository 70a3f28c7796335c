"""A far end of our own for one command: `sim:reader` and its like stand for a simulator that ends with the command."""

from __future__ import annotations

from contextlib import ExitStack

from devices.api import DeviceKind
from devices.sim.control import spawn


def lead_to_far_end(kind: DeviceKind, link: str, undo: ExitStack, *words: str) -> str:
    """Return the link of a simulator started with `words` where `sim:KIND` is asked for; any other link as it is."""
    if link != f"sim:{kind.value}":
        return link
    return undo.enter_context(spawn(kind.value, *words)).link
