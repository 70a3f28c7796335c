"""`sim KIND …`: a simulator in this process, until it is told to end."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from devices.sim.__main__ import main


def run_sim(kind: str, options: Sequence[str] = ()) -> int:
    """Serve the far end `kind` with its own options; return its exit code, 2 for an unknown kind."""
    words = list(options)
    if "--control" not in words and not {"-h", "--help"} & set(words):
        words += ["--control", str(Path(tempfile.mkdtemp(prefix="sim-")) / f"{kind}.sock")]
    return main((kind, *words))
