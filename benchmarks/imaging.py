"""The document eye as a whole: outline, gates, pages and the eye's process, each measured by its own module."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec

PARTS = ("imaging_outline", "imaging_gates", "imaging_direction", "imaging_pages", "imaging_shadows", "imaging_eye")


def run() -> dict[str, dict[str, object]]:
    """Return the figures of every part, under its own names, and of two of one name the second under its part's too."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the eye has it; read when numpy is first imported
    figures: dict[str, dict[str, object]] = {}
    for part in PARTS:
        if find_spec(f"benchmarks.{part}") is None:
            continue
        found = import_module(f"benchmarks.{part}").run()
        figures |= {f"{part}_{name}" if name in figures else name: figure for name, figure in found.items()}
    return figures
