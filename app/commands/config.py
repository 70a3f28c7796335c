"""`config show` and `config check`: what the terminal would run with, and every mistake of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.setting import check_setting, driver_of
from devices.api import DeviceKind
from kiosk.station.config import Config, load_config
from kiosk.station.errors import ConfigError

HIDDEN = "•••"


def show(path: Path, as_json: bool = False) -> int:
    """Print the configuration with its defaults, without the enrolment code; return 0, or 2 when it cannot be used."""
    config = _load(path, as_json)
    if config is None:
        return 2
    values = msgspec.to_builtins(config)
    for kind in DeviceKind:
        if (device := config.devices.of(kind)) is not None:
            values["devices"][kind.value]["driver"] = driver_of(kind, device)
    if config.platform.code:
        values["platform"]["code"] = HIDDEN
    if as_json:
        print(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        _print_table(values, "")
    return 0


def check(path: Path, as_json: bool = False) -> int:
    """Print every mistake of the configuration; return 0 when there is none, 2 when it cannot be used."""
    if _load(path, as_json, check_setting) is None:
        return 2
    print("[]" if as_json else f"{path}: can be used")
    return 0


def _load(path: Path, as_json: bool, look_at: Callable[[Config], None] = lambda config: None) -> Config | None:
    try:
        config = load_config(path)
        look_at(config)
        return config
    except ConfigError as fault:
        if as_json:
            print(json.dumps(list(fault.mistakes), ensure_ascii=False, indent=2))
        else:
            for mistake in fault.mistakes:
                print(mistake)
        return None


def _print_table(values: dict[str, object], prefix: str) -> None:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            _print_table(value, f"{key}.")
        else:
            print(f"{key} = {json.dumps(value, ensure_ascii=False)}")


def keep_pin(pin: str) -> int:
    """Print what `[technician]` keeps of a code. Return 0, or 2 for a code that is none."""
    from kiosk.station.pin import hash_pin

    try:
        kept = hash_pin(pin)
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 2
    print(f'[technician]\npin = "{kept}"')
    return 0
