"""Runs one simulator: `python -m devices.sim KIND …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from devices.sim import SIMULATORS, asking
from devices.sim.starting import CANNOT_START, CannotServe

HELP = ("-h", "--help")


def main(arguments: Sequence[str]) -> int:
    """Return the simulator's exit code; 2 when there is no such simulator, or it cannot start."""
    kind, *rest = arguments or [""]
    if kind in HELP:
        sys.stdout.write(compose_help())
        return 0
    if kind == "ask":
        return asking.main(rest)
    if kind not in SIMULATORS:
        sys.stderr.write(f"simulator {kind!r}: allowed are {', '.join(SIMULATORS)}; --help tells of each\n")
        return CANNOT_START
    try:
        return int(import_module(SIMULATORS[kind]).main(rest))
    except CannotServe as error:
        sys.stderr.write(f"sim {kind}: {error}\n")
        return CANNOT_START


def compose_help() -> str:
    """Return what there is to choose from, a line each."""
    lines = [f"  {kind:12} {import_module(place).words().description}\n" for kind, place in SIMULATORS.items()]
    usage = f"Usage: sim KIND [words]; sim KIND --help names them.\n       {asking.USAGE}.\n\n"
    return "".join((usage, *lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
