"""Runs one simulator: `python -m devices.sim reader|camera|printer|barcode|card …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from devices.sim import SIMULATORS
from devices.sim.starting import CANNOT_START, CannotServe


def main(arguments: Sequence[str]) -> int:
    """Return the simulator's exit code; 2 when there is no such simulator, or it cannot start."""
    kind, *rest = arguments or [""]
    if kind not in SIMULATORS:
        sys.stderr.write(f"simulator {kind!r}: allowed are {', '.join(SIMULATORS)}\n")
        return CANNOT_START
    try:
        return int(import_module(SIMULATORS[kind]).main(rest))
    except CannotServe as error:
        sys.stderr.write(f"sim {kind}: {error}\n")
        return CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
