"""`sim KIND …`: a simulator in this process, until it is told to end."""

from __future__ import annotations

from collections.abc import Sequence

from devices.sim.__main__ import main


def run_sim(words: Sequence[str]) -> int:
    """Serve the far end that the first word names, by its own words; return its exit code, 2 for one there is not."""
    return main(words)
