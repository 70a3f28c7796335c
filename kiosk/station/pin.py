"""The technician's code: kept as a salted hash, and the longer refused the more often it was wrong."""

from __future__ import annotations

import hashlib
import hmac
import secrets

FREE_TRIES = 5  # security.md §5: five wrong → 15 s, doubling
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 3600.0
COST = {"n": 2**14, "r": 8, "p": 1}  # about 50 ms and 16 MB: a code is short, a guess must not be cheap
DIGITS = (6, 12)


def hash_pin(pin: str, salt: bytes = b"") -> str:
    """Return what configuration keeps of a code. Raises: ValueError for one that is not 6 to 12 digits."""
    if not (pin.isascii() and pin.isdecimal() and DIGITS[0] <= len(pin) <= DIGITS[1]):
        raise ValueError(f"a code has {DIGITS[0]} to {DIGITS[1]} digits")
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(pin.encode(), salt=salt, n=COST["n"], r=COST["r"], p=COST["p"], dklen=32)
    return f"scrypt:{salt.hex()}:{digest.hex()}"


class PinGate:
    """Judges codes for one terminal. It outlives visits, so that leaving and coming back wins nothing."""

    def __init__(self, kept: str) -> None:
        """Take what configuration keeps; "" means that nobody may enter."""
        self._kept = kept
        self._wrong = 0
        self._closed_until = 0.0

    @property
    def is_set(self) -> bool:
        """Whether there is a code at all."""
        return bool(self._kept)

    def wait_s(self, now_mono_s: float) -> float:
        """Return the seconds for which every code is refused."""
        return max(0.0, self._closed_until - now_mono_s)

    def check(self, pin: str, now_mono_s: float) -> bool:
        """Return whether the code is right. While the gate is closed none is, and none is counted."""
        if not self.is_set or self.wait_s(now_mono_s):
            return False
        try:
            found = hash_pin(pin, bytes.fromhex(self._kept.split(":")[1]))
        except ValueError:
            found = ""
        if hmac.compare_digest(found.encode(), self._kept.encode()):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= FREE_TRIES:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (self._wrong - FREE_TRIES))
            self._closed_until = now_mono_s + wait_s
        return False
