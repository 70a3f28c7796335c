"""`sim ask CONTROL WORD [NAME=VALUE …]`: one question to a simulator that runs, from a shell."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from devices.sim.control import Control, ControlError
from devices.sim.starting import CANNOT_START

USAGE = (
    "sim ask CONTROL WORD [NAME=VALUE …], such as: sim ask unix:/tmp/reader.sock put card=elder; WORD help names all"
)


def main(arguments: Sequence[str]) -> int:
    """Print the answer as JSON. Exit 0; 1 when it refuses or is not there, 2 for words that ask nothing."""
    if set(arguments) & {"-h", "--help"}:
        sys.stdout.write(f"Usage: {USAGE}.\n")
        return 0
    if len(arguments) < 2 or not all(name.isidentifier() for name in _names(arguments[2:])):
        sys.stderr.write(f"{USAGE}\n")
        return CANNOT_START
    address, word, *given = arguments
    try:
        value = Control(address).call(
            word, **{name: _value(text) for name, _, text in (one.partition("=") for one in given)}
        )
    except ControlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    return 0


def _names(given: Sequence[str]) -> list[str]:
    return [one.partition("=")[0] if "=" in one else "" for one in given]


def _value(text: str) -> object:
    """Return what JSON says, else the text as it is."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value
