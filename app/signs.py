"""What is printed where the terminal's encoding has no such sign: a plain one, else its number as JSON writes it."""

from __future__ import annotations

import codecs
import io
import sys

# signs of ours that a GBK or Latin-1 terminal may lack
PLAIN = {"✓": "+", "✗": "x", "·": "-", "•": "*", "—": "-", "–": "-", "→": "->", "…": "...", "×": "x", "§": "S."}
NAME = "jinban-signs"


def print_anywhere() -> None:
    """From now on no sign ends the program because standard output or error cannot carry it."""
    codecs.register_error(NAME, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors=NAME)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(sign) or _escaped(sign) for sign in error.object[error.start : error.end]), error.end


def _escaped(sign: str) -> str:
    """Return the sign as JSON escapes it, so that what `--json` prints stays JSON."""
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
