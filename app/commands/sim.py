"""`sim KIND …`: a simulator in this process, until it is told to end."""

from __future__ import annotations

from collections.abc import Sequence

from devices.sim.__main__ import main


def run_sim(kind: str, options: Sequence[str] = ()) -> int:
    """Serve the far end `kind` with its own options; return its exit code, 2 for an unknown kind."""
    return main((kind, *options))
