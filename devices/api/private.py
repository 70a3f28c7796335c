"""A personal value that no repr, log or format can show."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

MASK = "•••"


class Private(msgspec.Struct, Generic[T], frozen=True, repr_omit_defaults=False):
    """A personal value. Only `reveal()` gives it back; repr, str and format give `•••`."""

    value: T

    def reveal(self) -> T:
        """Return the value, at the last line that must show it."""
        return self.value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __rich_repr__(self):  # type: ignore[no-untyped-def]  # msgspec's own would show the value
        yield MASK
