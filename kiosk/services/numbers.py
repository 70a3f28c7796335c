"""Check digits: GB 11643 citizen numbers, GB 32100 credit codes, Luhn, and the 2017 permanent residence card."""

from __future__ import annotations

import re
from datetime import date

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECK = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: no I, O, S, V, Z
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)

_ID = re.compile(r"[1-9][0-9]{16}[0-9X]")
_PERMANENT = re.compile(r"[A-Z]{3}[0-9]{12}")
_DIGITS = re.compile(r"[0-9]{2,32}")


def is_valid_id_number(text: str) -> bool:
    """Whether `text` is an 18-character citizen number: form, birth date and check digit.

    The first six digits are never judged: abolished divisions stay on cards.
    Source: GB 11643 = ISO 7064 MOD 11-2; vectors in reference/devices.md §4.7.
    """
    if _ID.fullmatch(text) is None or birth_date_in(text) is None:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text, ID_WEIGHTS, strict=False))
    return ID_CHECK[total % 11] == text[17]


def birth_date_in(id_number: str) -> date | None:
    """Return the birth date in digits 7 to 14, or None when they are no date."""
    try:
        return date.fromisoformat(id_number[6:14])
    except ValueError:
        return None


def sex_in(id_number: str) -> str:
    """Return the sex code digit 17 stands for: `1` or `2`."""
    return "1" if int(id_number[16]) % 2 else "2"


def is_valid_uscc(text: str) -> bool:
    """Whether `text` is an 18-character unified social credit code. Source: GB 32100, MOD 31."""
    if len(text) != 18 or any(sign not in USCC_ALPHABET for sign in text):
        return False
    total = sum(USCC_ALPHABET.index(sign) * weight for sign, weight in zip(text, USCC_WEIGHTS, strict=False))
    return USCC_ALPHABET[-total % 31] == text[17]


def luhn(text: str) -> bool:
    """Whether the digits hold by Luhn's rule, as bank card numbers do."""
    if _DIGITS.fullmatch(text) is None:
        return False
    doubled = (int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(text)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_valid_permanent_number(text: str) -> bool:
    """Whether `text` is the 15-character number of the 2017 permanent residence card (weights 7, 3, 1; MOD 10).

    Source: reference/devices.md §4.6, vector USA110880010117.
    """
    if _PERMANENT.fullmatch(text) is None:
        return False
    values = (int(sign, 36) for sign in text[:14])
    return sum(value * (7, 3, 1)[at % 3] for at, value in enumerate(values)) % 10 == int(text[14])
