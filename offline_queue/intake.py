"""收件流水号: the number a person takes home, with a check character that catches a misread."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

LATEST_S = 253_402_300_799.0  # the last second of the year 9999
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def intake_number(device_id: str, seq: int) -> str:
    """Return `K-000123-000042-X`: device, running number, ISO 7064 MOD 37-36 check character."""
    body = f"{device_id}-{seq:06d}"
    return f"{body}-{check_character(body.replace('-', ''))}"


def check_character(text: str) -> str:
    """Return the ISO 7064 MOD 37-36 check character of `text` (digits and capital letters).

    Raises: ValueError for any other character. Source: ISO/IEC 7064:2003, hybrid systems.
    """
    product = 36
    for character in text:
        total = (product + ALPHABET.index(character)) % 36 or 36
        product = total * 2 % 37
    return ALPHABET[(37 - product) % 36]


def wall_text(wall_s: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC, whole milliseconds; sorts as text. Any clock error still prints."""
    seconds, micros = divmod(round(min(max(wall_s, 0.0), LATEST_S) * 1_000_000), 1_000_000)
    return f"{_second_text(seconds)}.{micros // 1000:03d}Z"


@functools.lru_cache(maxsize=8)
def _second_text(seconds: int) -> str:
    """Return a whole second; one put asks for the same one several times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
