"""`devices find`: what is attached, and the configuration it would make. Nothing is written unless told."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import msgspec

from app.proposing import compose_toml, propose, write_proposal
from devices.discovery import Scope, Seen, Sight, find_devices
from kiosk.station.errors import ConfigError

MARKS = {Seen.FOUND: "✓", Seen.UNUSED: "!", Seen.HELD: "!", Seen.MUTE: "·", Seen.HANGS: "✗", Seen.ABSENT: "·"}

ENDED = 128 + signal.SIGTERM  # as a shell tells it


def run_find(
    as_json: bool,
    write: Path | None = None,
    ports: tuple[str, ...] = (),
    only_ports: bool = False,
    replacing: tuple[str, ...] = (),
    patience: float = 1.0,
) -> int:
    """Look, say what was seen and why, print the proposal; with `write` put it into that file.

    Return 0 when something was found (and written, where asked), 1 when nothing was, 2 when it could not be written.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))  # so that programs we asked end with us
    sights = find_devices(Scope(ports=ports, is_alone=only_ports, patience=patience))
    proposal = propose(sights)
    kept: Path | None = None
    if write is not None and proposal.chosen:
        try:
            kept = write_proposal(write, proposal, replacing)
        except ConfigError as error:
            _tell(sights, as_json, compose_toml(proposal), "")
            for mistake in error.mistakes:
                print(mistake, file=sys.stderr)
            return 2
    _tell(sights, as_json, compose_toml(proposal), str(kept or ""))
    return 0 if proposal.chosen or proposal.rivals else 1


def _tell(sights: tuple[Sight, ...], as_json: bool, toml: str, kept: str) -> None:
    if as_json:
        told = {"seen": msgspec.to_builtins(sights), "toml": toml, "backup": kept}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for sight in sights:
        print(f"# {MARKS[sight.seen]} {sight.where}: {sight.seen.value}, {sight.why}")
    if toml:
        print(f"\n{toml}", end="")
    if kept:
        print(f"# written; the former file is {kept}")
