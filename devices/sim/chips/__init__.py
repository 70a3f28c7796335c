"""The applications on the virtual cards, one file a chip.

Each module has `VARIANTS` (names, the usual one first) and `make_chip(variant) -> Chip`. A card is named
`chip` or `chip:variant`, such as `social:pin`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

# name → module, imported only when such a card is made
CHIPS: dict[str, str] = {
    "social": "devices.sim.chips.social",
    "bank": "devices.sim.chips.bank",
    "passport": "devices.sim.chips.passport",
}


class Chip(Protocol):
    """What speaks when a card is powered."""

    atr: bytes

    def reset(self) -> None:
        """Forget what was selected and opened: the power was off."""

    def answer(self, apdu: bytes) -> bytes:
        """Return data and status word."""


def make_chip(key: str) -> Chip:
    """Return the chip called `name` or `name:variant`. Raises: ValueError naming those there are."""
    name, _, variant = key.partition(":")
    if name not in CHIPS:
        raise ValueError(f"card {key!r}: allowed are {', '.join(CHIPS)}")
    module = import_module(CHIPS[name])
    variants: tuple[str, ...] = module.VARIANTS
    if variant and variant not in variants:
        raise ValueError(f"card {key!r}: allowed are {', '.join(f'{name}:{one}' for one in variants)}")
    return cast("Chip", module.make_chip(variant or variants[0]))


def list_cards() -> list[str]:
    """Return the key of every card that can be made."""
    return [f"{name}:{variant}" for name, module in CHIPS.items() for variant in import_module(module).VARIANTS]
