"""The document eye as a whole: outline, gates, pages and the eye's process, each measured by its own module."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

PARTS = ("imaging_outline", "imaging_gates", "imaging_pages", "imaging_eye")


def run() -> dict[str, dict[str, object]]:
    """Return the figures of every part, under its own names. Raises: ValueError where two parts use one name."""
    figures: dict[str, dict[str, object]] = {}
    for part in PARTS:
        if find_spec(f"benchmarks.{part}") is None:
            continue
        found = import_module(f"benchmarks.{part}").run()
        twice = figures.keys() & found.keys()
        if twice:
            raise ValueError(f"{part}: figures {', '.join(sorted(twice))} have those names already")
        figures.update(found)
    return figures
