"""What a batch of heartbeats comes to: who sent each and whether it is theirs, what is stored, the signed answers.

All of it in one thread and with three questions to the database, however many beats there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography import x509

from sandbox import device_commands, signed, store
from sandbox.api import described
from sandbox.api.common import check_json, device_key, unknown_token
from sandbox.beats import Beat, Letter, Outcome, newest_of, store_beats
from sandbox.fixed import Fixed, Row, among, listed
from sandbox.platform import Platform
from sandbox.problems import Problem

SEEN_MAX = 200_000


def take_letters(platform: Platform, letters: Sequence[Letter]) -> list[Outcome]:
    """Return the answer to each heartbeat, once all that are good are stored. Raises: Problem when they cannot be."""
    senders = _find_senders(platform, {letter.token_hash for letter in letters})
    read = [_read(platform, senders.get(letter.token_hash), letter.body) for letter in letters]
    beats = newest_of([one for one in read if isinstance(one, Beat)])
    if beats:
        store_beats(platform.store, beats, {row["dev"]: row for row in senders.values()})
        if len(platform.seen_serials) >= SEEN_MAX:
            platform.seen_serials.clear()
        platform.seen_serials.update(beat.serial for beat in beats)
    settled = [_take_results(platform, one) if isinstance(one, Beat) else one for one in read]  # then commands are due
    told = device_commands.answer_beats(platform, [beat.dev for beat in beats]) if beats else {}
    return [
        _answer(platform, one, told[one.dev], ids) if isinstance(one, Beat) and not isinstance(ids, Problem) else ids
        for one, ids in zip(read, settled, strict=True)
    ]


_SENDERS = Fixed(
    lambda dialect: (
        sa.select(
            store.token.c.sha256, store.token.c.dev, store.device.c.state, store.device.c.heartbeat,
            store.device.c.alarms,
        )
        .join(store.device, store.device.c.dev == store.token.c.dev)
        .where(among(store.token.c.sha256, "v_hashes", dialect), store.token.c.expires > sa.bindparam("v_now"))
    )
)  # fmt: skip


def _find_senders(platform: Platform, hashes: set[str]) -> dict[str, Row]:
    """Return the device of each token that is good now, with its row as it is before this batch."""
    values = {"v_hashes": listed(platform.store.dialect, sorted(hashes)), "v_now": platform.now()}
    return {row["sha256"]: row for row in platform.store.rows(_SENDERS, values)}


def _read(platform: Platform, sender: Row | None, body: bytes) -> Beat | Problem:
    try:
        if sender is None:
            raise unknown_token()
        if sender["state"] == "revoked":
            raise Problem(403, "device_revoked")
        return verify_heartbeat(platform, sender["dev"], check_json(body))
    except Problem as problem:
        return problem


def verify_heartbeat(platform: Platform, dev: str, body: Mapping[str, Any]) -> Beat:
    """Return the heartbeat that a device signed. Raises: Problem 400, 403 `bad_signature`, 422 `unreadable`."""
    try:
        value, payload, serial = signed.open_object(
            body, signed.HEARTBEAT, lambda serial: device_key(platform, serial, dev)
        )
    except signed.BadSignature as fault:
        raise Problem(403, "bad_signature") from fault
    number = value.get("n")
    if value.get("dev") != dev or not isinstance(number, int) or isinstance(number, bool):
        raise Problem(400, "bad_request", "A heartbeat names its device and number.")
    try:
        msgspec.convert(value, described.Beat)
    except msgspec.ValidationError as fault:
        raise Problem(422, "unreadable", "The heartbeat does not have the form of the contract.") from fault
    renew_at = 0 if serial in platform.seen_serials else _find_renewal(platform, serial)
    return Beat(dev, serial, number, payload.decode(), value, platform.now(), renew_at)


def _find_renewal(platform: Platform, serial: str) -> int:
    """Return when two thirds of a certificate's life are over; asked until a beat with it is stored."""
    found = platform.store.one(sa.select(store.certificate.c.pem).where(store.certificate.c.serial == serial))
    if found is None:
        return 0
    certificate = x509.load_pem_x509_certificate(found["pem"].encode())
    begin, end = (int(m.timestamp()) for m in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    return begin + (end - begin) * 2 // 3


def _take_results(platform: Platform, beat: Beat) -> list[str] | Problem:
    """Return the ids that are settled; or what is wrong with them, which is nobody's trouble but this terminal's."""
    found = beat.value.get("results")
    try:
        return device_commands.take_results(platform, beat.dev, found) if found else []
    except Problem as problem:
        return problem


def _answer(platform: Platform, beat: Beat, told: Mapping[str, Any], settled: Sequence[str]) -> bytes:
    answer = {"typ": "heartbeat", "n": beat.n, "now": platform.now(), **told, "ack_results": list(settled)}
    return json.dumps(platform.sign("time", signed.TIME, answer)).encode()
