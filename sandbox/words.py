"""Words of the platform's command lines: numbers in a range, and paths that say something."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: {least} to {most}")

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    """Return what reads a number; nan is none."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = most + 1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: {least:g} to {most:g}")
        return found

    return read


def place(text: str) -> Path:
    """Return a path; an empty one would silently mean the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("'' is no path; the current folder is .")
    return Path(text)
