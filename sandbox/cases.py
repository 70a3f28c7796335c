"""Numbers that people read: the platform's case number and the terminal's intake number."""

from __future__ import annotations

import datetime as dt
import re
import string
import unicodedata

CHINA = dt.timezone(dt.timedelta(hours=8))
ALPHABET = string.digits + string.ascii_uppercase
INTAKE = re.compile(r"(K-[0-9A-Z]{1,12})-([0-9]{1,9})-[0-9A-Z]")
DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー－", "-"))


def compose_case_number(day: dt.date, count: int) -> str:
    """Return `SIM-YYYYMMDD-NNNNNN-C`; C is the ISO 7064 MOD 11,10 check digit of all digits before it.

    21 characters: it has to stand on a slip in double size, 24 to a line.
    """
    body = f"{day:%Y%m%d}{count:06d}"
    return f"SIM-{day:%Y%m%d}-{count:06d}-{_hybrid(body, 10)}"


def is_case_number(text: str) -> bool:
    """Whether `text` is a case number of ours whose check digit holds."""
    pieces = text.split("-")
    if len(pieces) != 4 or pieces[0] != "SIM" or [len(piece) for piece in pieces[1:]] != [8, 6, 1]:
        return False
    digits = "".join(pieces[1:])
    return digits.isascii() and digits.isdigit() and _hybrid(digits[:-1], 10) == digits[-1]


def compose_intake_number(device: str, seq: int) -> str:
    """Return the 收件流水号 of a terminal's submission: device, seq and an ISO 7064 MOD 37,36 check character."""
    body = f"{device}-{seq:06d}"
    return f"{body}-{_hybrid(body.replace('-', ''), 36)}"


def decode_intake_number(text: str) -> tuple[str, int] | None:
    """Return device and seq of an intake number whose check character holds."""
    found = INTAKE.fullmatch(text)
    if found is None or compose_intake_number(found[1], int(found[2])) != text:
        return None
    return found[1], int(found[2])


def tidy_number(typed: str) -> str:
    """Return a number as it stands on a slip: an input method may have typed it in wide characters, or with a dash."""
    return "".join(unicodedata.normalize("NFKC", typed.translate(DASHES)).split()).upper()


def _hybrid(text: str, modulus: int) -> str:
    """Return the check character of an ISO 7064 hybrid system (MOD modulus+1, modulus)."""
    rest = modulus
    for character in text:
        total = (rest + ALPHABET.index(character)) % modulus or modulus
        rest = total * 2 % (modulus + 1)
    return ALPHABET[(modulus + 1 - rest) % modulus]
