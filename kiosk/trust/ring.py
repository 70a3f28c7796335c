"""Public keys of the platform: those pinned by the package and those of the newest verified bundle.

Source: reference/queue-and-sync.md §8 (key sets), reference/security.md §11.7. The root of trust is a public file that
comes with the package or the configuration; everything later is signed by it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from kiosk.station.errors import ConfigError
from kiosk.trust.signed import Purpose, TrustFault, from_base64url, verify
from offline_queue.api import SealFault, SealingKey, SignedObject

ACTIVE, RETIRED, REVOKED = "active", "retired", "revoked"
STATUSES = (ACTIVE, RETIRED, REVOKED)
SEAL, ESCROW = "seal", "escrow"  # what the platform opens with; a further recipient that it names
SEAL_BYTES = {"hpke-xwing-sha256-aes256gcm": 1216, "hpke-x25519-sha256-aes256gcm": 32}  # docs/sealed-format.md
USES: dict[Purpose, str] = {
    Purpose.RECEIPT: "receipt",
    Purpose.TIME: "time",
    Purpose.ORDER: "order",
    Purpose.COMMAND: "command",
    Purpose.NOTICE: "notice",
    Purpose.ENROLLED: "enrolled",
    Purpose.BUNDLE: "bundle",
    Purpose.RESULT: "notice",
}
"""Which key use signs which purpose. A key of another use never verifies, whoever holds it."""


class PlatformKey(msgspec.Struct, frozen=True):
    """One public key of the platform. `pub` is DER SPKI, or the raw KEM parts when `use` is `seal` or `escrow`."""

    kid: str
    use: str
    pub: bytes
    nbf: int  # Unix seconds
    naf: int  # Unix seconds, 0 = no end
    status: str
    suite: str = ""

    def is_valid_at(self, when_s: float) -> bool:
        """Whether something made at that time may carry this key."""
        return self.status != REVOKED and self.nbf <= when_s and (self.naf == 0 or when_s <= self.naf)


class KeyRing:
    """What the terminal believes of the platform's keys. Safe to use from several threads."""

    def __init__(self, pinned: tuple[PlatformKey, ...]) -> None:
        self._pinned = pinned
        self._learned: tuple[PlatformKey, ...] = ()
        self._lock = threading.Lock()

    def learn(self, keys: tuple[PlatformKey, ...]) -> None:
        """Put the keys of a verified bundle in the place of the former bundle's."""
        with self._lock:
            self._learned = keys

    def keys(self, use: str) -> tuple[PlatformKey, ...]:
        """Return all keys of one use, newest first.

        A bundle's word on a kid goes before the pinned one, but a revocation holds wherever it stands.
        """
        with self._lock:
            listed = self._pinned + self._learned
        revoked = {key.kid for key in listed if key.status == REVOKED}
        merged = {key.kid: key for key in listed}
        chosen = [
            msgspec.structs.replace(key, status=REVOKED) if key.kid in revoked else key
            for key in merged.values()
            if key.use == use
        ]
        return tuple(sorted(chosen, key=lambda key: (key.nbf, key.kid), reverse=True))

    def sealing_keys(self) -> tuple[SealingKey, ...]:
        """Return every key that something may be sealed to, the platform's first; the queue chooses among them.

        Raises: SealFault("no_key") if the platform has none of a known suite that is not revoked.
        """
        platform, escrow = self.keys(SEAL), self.keys(ESCROW)
        if all(key.status == REVOKED or key.suite not in SEAL_BYTES for key in platform):
            raise SealFault("no_key")
        return tuple(
            SealingKey(
                kid=key.kid,
                suite=key.suite,
                public=key.pub,
                not_before=key.nbf,
                not_after=key.naf,
                is_revoked=key.status == REVOKED,
                is_retired=key.status == RETIRED,
                is_escrow=key.use == ESCROW,
            )
            for key in platform + escrow
        )

    def verify(self, signed: SignedObject, purpose: Purpose, when: str) -> dict[str, Any]:
        """Return the object, if a key of the right use signed it while that key was valid.

        `when` names the integer field that says when it was made: a receipt is issued once and shown again for
        years, so the key must have been valid then, not now. Raises: TrustFault.
        """
        for key in self.keys(USES[purpose]):
            if key.kid == signed.kid:
                value = verify(signed, purpose, key.pub)
                made = value.get(when)
                if not is_integer(made) or not key.is_valid_at(made):
                    raise TrustFault
                return value
        raise TrustFault


def load_pinned(path: Path) -> tuple[PlatformKey, ...]:
    """Return the platform keys that come with the package or configuration.

    Shape: `{"keys": [{kid, use, pub, nbf, naf, status}]}`. Raises: ConfigError naming the file.
    """
    try:
        value = msgspec.json.decode(path.read_bytes())
        keys = decode_keys(value.get("keys") if isinstance(value, dict) else None)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, TrustFault) as fault:
        raise ConfigError(
            (
                f"platform.keys: {path} does not hold the platform's public keys; allowed: the file that "
                "the platform publishes",
            )
        ) from fault
    if not keys:
        raise ConfigError((f"platform.keys: {path} holds no key; allowed: at least one",))
    return keys


def decode_keys(value: Any) -> tuple[PlatformKey, ...]:
    """Return the keys of a published list. Raises: TrustFault if any entry is not a whole key."""
    if not isinstance(value, list):
        raise TrustFault
    return tuple(_decode_key(entry) for entry in value)


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a JSON value is an integer, true and false left out."""
    return isinstance(value, int) and not isinstance(value, bool)


def _decode_key(entry: Any) -> PlatformKey:
    if not isinstance(entry, dict):
        raise TrustFault
    texts = {name: entry.get(name) for name in ("kid", "use", "pub", "status")}
    times = {name: entry.get(name) for name in ("nbf", "naf")}
    suite = entry.get("suite", "")
    if not all(isinstance(text, str) and text for text in texts.values()) or not isinstance(suite, str):
        raise TrustFault
    if not all(is_integer(moment) for moment in times.values()) or texts["status"] not in STATUSES:
        raise TrustFault
    pub = from_base64url(entry["pub"])
    if entry["use"] in (SEAL, ESCROW) and len(pub) != SEAL_BYTES.get(suite, len(pub)):
        raise TrustFault  # found only while sealing, it would cost every submission
    return PlatformKey(
        kid=entry["kid"],
        use=entry["use"],
        pub=pub,
        nbf=entry["nbf"],
        naf=entry["naf"],
        status=entry["status"],
        suite=suite,
    )
