"""Runs one simulator: `python -m devices.sim reader|camera|printer|barcode|card …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from devices.sim import SIMULATORS


def main(arguments: Sequence[str]) -> int:
    """Return the simulator's exit code; 2 when there is no such simulator."""
    kind, *rest = arguments or [""]
    if kind not in SIMULATORS:
        sys.stderr.write(f"simulator {kind!r}: allowed are {', '.join(SIMULATORS)}\n")
        return 2
    return int(import_module(SIMULATORS[kind]).main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
