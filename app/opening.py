"""What every way of opening the terminal shares: the window's size, the keyboard's dictionary, a refusal in words."""

from __future__ import annotations

import sys
from pathlib import Path

from kiosk.station.errors import ConfigError
from offline_queue.api import StoreCorrupt, StoreTooNew

DICTIONARY = Path(__file__).resolve().parents[1] / "build" / "keyboard" / "pinyin.db"


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) of `WxH`; (0, 0) for `auto`. Raises: ConfigError."""
    if text == "auto":
        return 0, 0
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 768 and int(height) >= 768):
        raise ConfigError((f"--size: {text!r} — WxH in pixels, neither side below 768, such as 1080x1920",))
    return int(width), int(height)


REFUSALS = {
    "store_busy": "another terminal is running with this state folder: end it first",
    "not_enrolled": "this terminal is blank: enrol it first, main.py enrol --code CODE",
}


def refuse(error: Exception, locale: str = "en") -> int:
    """Print why it could not start, one line a mistake; return 2."""
    mistakes = getattr(error, "mistakes", ()) or (REFUSALS.get(getattr(error, "code", ""), str(error)),)
    if isinstance(error, StoreCorrupt | StoreTooNew):
        from app.stores import store_words

        mistakes = store_words(error, locale)
    for mistake in mistakes:
        sys.stderr.write(f"{mistake}\n")
    return 2
