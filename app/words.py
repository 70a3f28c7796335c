"""Words of the command line: what click takes for a number, a folder, a name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click


class Number(click.FloatRange):
    """A number in a range. `nan` is none: it is neither below nor above anything, so no range keeps it out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. Raises: click.BadParameter naming what is allowed."""
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number from {self.min:g} to {self.max:g}.", param, ctx)
        return float(super().convert(number, param, ctx))


class Place(click.Path):
    """A path that says something: an empty one would silently mean the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises: click.BadParameter."""
        if isinstance(value, str) and not value.strip():
            self.fail("'' is no path; the current folder is .", param, ctx)
        return super().convert(value, param, ctx)
