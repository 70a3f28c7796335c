"""From what was seen to a configuration: a proposal in TOML, and its place in a file that stays otherwise as it is."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import msgspec

from devices.api import DeviceKind
from devices.discovery import Seen, Sight
from kiosk.station.config import load_config, read_text
from kiosk.station.errors import ConfigError


class Proposal(msgspec.Struct, frozen=True):
    """What each kind of device would be set to, and between which devices somebody has to choose."""

    chosen: tuple[Sight, ...]
    rivals: tuple[Sight, ...]


def propose(sights: tuple[Sight, ...]) -> Proposal:
    """Return one device a kind where there is one; where there are several, nobody but the technician can choose."""
    found = [sight for sight in sights if sight.seen is Seen.FOUND and sight.kind is not None]
    kinds = [sight.kind for sight in found]
    return Proposal(
        tuple(sight for sight in found if kinds.count(sight.kind) == 1),
        tuple(sight for sight in found if kinds.count(sight.kind) > 1),
    )


def compose_toml(proposal: Proposal) -> str:
    """Return the proposal as it would stand in a configuration; rivals as comments."""
    blocks = [f"# {sight.why}\n{_table(sight)}" for sight in proposal.chosen]
    if proposal.rivals:
        lines = ["# More than one of a kind: choose, and take the # away."]
        lines += ["#\n# " + "\n# ".join((sight.why, *_table(sight).splitlines())) for sight in proposal.rivals]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _table(sight: Sight) -> str:
    kind = sight.kind.value if sight.kind is not None else ""
    return f"[devices.{kind}]\ndriver = {_quoted(sight.driver)}\nlink = {_quoted(sight.link)}\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are TOML's too."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def write_proposal(path: Path, proposal: Proposal, replacing: Collection[str] = ()) -> Path:
    """Put the chosen devices into the file and return where the former file was kept.

    All else in the file stays as it is, comments too. The result is checked before it takes the file's place.
    Raises: ConfigError; then the file is untouched.
    """
    from app.setting import check_setting

    before = _raw(path)
    devices = before.get("devices", {})
    configured = [kind.value for kind in DeviceKind if kind.value in devices]
    chosen = {sight.kind.value: sight for sight in proposal.chosen if sight.kind is not None}
    refused = [kind for kind in chosen if kind in configured and kind not in replacing]
    if refused:
        raise ConfigError(
            tuple(f"devices.{kind}: is configured already — --replace {kind} to overwrite it" for kind in refused)
        )
    text = read_text(path)
    for kind in chosen:
        if kind in configured:
            text = _without(text, kind)
    text = text.rstrip("\n") + "\n" + "".join(f"\n{_table(sight)}" for sight in chosen.values())
    _check_rest(path, before, text, chosen)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, "utf-8")
        shutil.copymode(path, fresh)
        check_setting(load_config(fresh))
        kept = _backup(path)
        fresh.replace(path)
    except OSError as fault:
        raise ConfigError((f"{path}: cannot be written — {fault.strerror}",)) from fault
    finally:
        fresh.unlink(missing_ok=True)
    return kept


def _raw(path: Path) -> dict[str, object]:
    load_config(path)  # a file that is wrong already is not touched. Raises: ConfigError
    return tomllib.loads(read_text(path))


def _without(text: str, kind: str) -> str:
    """Return the text without the tables of one device. Only tables with a head of their own can be cut out."""
    heads = (f"[devices.{kind}]", f"[devices.{kind}.")
    kept, is_cut = [], False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            is_cut = line.lstrip().replace(" ", "").startswith(heads)
        if not is_cut or line.lstrip().startswith("#"):
            kept.append(line)
    return "".join(kept)


def _check_rest(path: Path, before: dict[str, object], text: str, chosen: Collection[str]) -> None:
    """Make sure that nothing but the chosen devices differs. Raises: ConfigError."""
    try:
        after = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError((f"{path}: its devices are written inline — change them by hand",)) from fault
    if _rest(after, chosen) != _rest(before, chosen):
        raise ConfigError((f"{path}: cannot be changed without touching the rest — change it by hand",))


def _rest(raw: dict[str, object], chosen: Collection[str]) -> dict[str, object]:
    devices = raw.get("devices", {})
    others = (
        {kind: one for kind, one in devices.items() if kind not in chosen} if isinstance(devices, dict) else devices
    )
    return {**raw, "devices": others}


def _backup(path: Path) -> Path:
    """Keep the former file beside the new one, under a name that is free."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    kept = next(
        name
        for n in range(1000)
        if not (name := path.with_name(f"{path.name}.{stamp}{f'-{n}' if n else ''}.bak")).exists()
    )
    shutil.copy2(path, kept)
    return kept
