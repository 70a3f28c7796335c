"""Whom a submission is sealed to: one key of the platform, and the escrow keys that the platform names (§8)."""

from __future__ import annotations

from offline_queue.api import SealFault, SealingKey
from offline_queue.seal import RECIPIENTS_MAX, SUITES, XWING


def choose_keys(keys: tuple[SealingKey, ...], now_s: float | None) -> tuple[tuple[SealingKey, ...], bool]:
    """Return the keys to seal to, the platform's first, and whether that one is outdated.

    One key of the platform: of those valid now a hybrid one before a classic one, then the newest. Every further
    recipient is a further lock that opens the whole, so a published classic key must not undercut the hybrid one.
    An escrow key is a lock that the platform asks for by name: those valid now are added, newest first, three at most.

    A revoked key or one of an unknown suite never serves. Where none of the platform's is valid, one that has run out
    or was retired does, else one that has not begun: a terminal long offline still seals. `now_s` is None while the
    clock is unsure: then no date is judged and nothing counts as outdated. Raises: SealFault("no_key").
    """
    sound = [key for key in keys if not key.is_revoked and key.suite in SUITES]
    platform = [key for key in sound if not key.is_escrow]
    if not platform:
        raise SealFault("no_key")
    chosen = min(platform, key=lambda key: (_rank(key, now_s), *_preference(key)))
    escrow = sorted((key for key in sound if key.is_escrow and _rank(key, now_s) == 0), key=_preference)
    return (chosen, *escrow[: RECIPIENTS_MAX - 1]), _rank(chosen, now_s) > 0


def _rank(key: SealingKey, now_s: float | None) -> int:
    """Return 0 for a key in force, 1 for one that was, 2 for one that will be."""
    if now_s is not None and key.not_before > now_s:
        return 2
    has_ended = now_s is not None and 0 < key.not_after <= now_s
    return 1 if has_ended or key.is_retired else 0


def _preference(key: SealingKey) -> tuple[bool, int, str]:
    return key.suite != XWING, -key.not_before, key.kid
