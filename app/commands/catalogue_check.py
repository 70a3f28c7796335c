"""`catalogue check PATH`: every mistake of a catalogue, with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from kiosk.services.catalogue_check import check_catalogue


def check(path: Path, as_json: bool = False) -> int:
    """Print every mistake of the catalogue at `path`; return 0 when there is none, 1 else, 2 when nothing is there."""
    if not path.exists():
        missing = {"file": str(path), "line": 0, "where": "", "text": "no such file or folder"}
        print(json.dumps([missing], ensure_ascii=False) if as_json else f"{path}: no such file or folder")
        return 2
    mistakes = check_catalogue(path)
    if as_json:
        print(json.dumps(msgspec.to_builtins(mistakes), ensure_ascii=False, indent=2))
    else:
        for mistake in mistakes:
            print(mistake)
        print(f"{len(mistakes)} mistakes" if mistakes else "no mistakes")
    return 1 if mistakes else 0
