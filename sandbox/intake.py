"""The commit point: an envelope and its manifest become a numbered case, once.

Order of queue-and-sync.md §9.2: certificate → signature → already committed? → seq unique → parts present → open →
manifest hashes → one transaction → receipt.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from sandbox import casework, couriers, ratings, signed, store
from sandbox.api.common import device_key
from sandbox.api.described import Envelope
from sandbox.api.uploads import is_settled
from sandbox.blobs import plain_key
from sandbox.canonical import NotCanonical, decode_b64url, decode_canonical
from sandbox.fixed import Fixed
from sandbox.keeping import keep_uploads
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.reader import Bad, Origin, open_bytes, open_file

MIME = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")
RETRY_S = 5


@dataclass(frozen=True)
class Answer:
    """Status and JSON text of what a PUT or GET says."""

    status: int
    text: str
    retry_after_s: int = 0


@dataclass(frozen=True)
class Claim:
    """A verified envelope: what the device says it hands over."""

    sid: str
    dev: str
    seq: int
    kind: str
    item: str
    after: str
    manifest_sha256: str
    manifest_bytes: int
    parts: dict[str, tuple[str, int]]  # part → sealed sha256, sealed bytes
    payload: bytes
    kid: str
    signature: str


def take(platform: Platform, dev: str, sid: str, body: dict[str, Any], carrier: str = "") -> Answer:
    """Return the answer to PUT /submissions/{sid}: 201, 200 or 202. Raises: Problem 400, 422.

    `dev` is who must have signed the envelope; `carrier` brought it for them, if not they themselves.
    """
    now = platform.now()
    platform.store.note_request(sid, now)
    claim = _verify_envelope(platform, dev, sid, body.get("envelope"))
    try:
        row = platform.store.register(dev, sid, claim.seq, claim.payload, now)
    except store.IdReused as fault:
        raise Problem(422, "id_reused") from fault
    except store.SeqReused as fault:
        raise Problem(422, "seq_reused") from fault
    if row["state"] == "committed":
        return Answer(200, row["receipt"])
    try:
        return _commit(platform, claim, body.get("manifest"), carrier)
    except Problem as problem:
        if problem.status == 422:
            platform.store.set_state(dev, sid, "refused", problem.code)
        raise


def tell(platform: Platform, dev: str, sid: str) -> Answer:
    """Return the answer to GET /submissions/{sid}. Raises: Problem 404 `unknown_submission`."""
    row = platform.store.find_submission(dev, sid)
    if row is None:
        raise Problem(404, "unknown_submission")
    body: dict[str, Any] = {"state": row["state"], "missing": json.loads(row["missing"])}
    if row["state"] == "committed":
        body["receipt"] = json.loads(row["receipt"])
    if row["code"]:
        body["code"] = row["code"]
    return Answer(200, json.dumps(body), RETRY_S if row["state"] == "processing" else 0)


def _verify_envelope(platform: Platform, dev: str, sid: str, wire: object) -> Claim:
    try:
        value, payload, kid = signed.open_object(wire, signed.SUBMIT, lambda serial: device_key(platform, serial, dev))
    except signed.BadSignature as fault:
        raise Problem(422, "bad_signature") from fault
    named = {"sid": sid, "dev": dev, "cert": kid, "alg": "ES256", "v": 1, "typ": "submission"}
    if any(value.get(key) != expected or isinstance(value.get(key), bool) for key, expected in named.items()):
        raise Problem(422, "bad_signature", "The envelope speaks of something else than the request.")
    try:
        said = msgspec.convert(value, Envelope)
    except msgspec.ValidationError as fault:
        raise Problem(422, "unreadable", "The envelope does not have the form of the contract.") from fault
    parts = {one.part: (one.sha256, one.bytes) for one in said.parts}
    if list(parts) != sorted(parts) or len(parts) != len(said.parts) or "manifest" in parts:
        raise Problem(422, "unreadable", "Parts are sorted by name, each once.")
    return Claim(
        sid, dev, said.seq, said.kind, said.item, said.after, said.manifest.sha256, said.manifest.bytes, parts, payload,
        kid, wire["sig"] if isinstance(wire, dict) else "",
    )  # fmt: skip


def _commit(platform: Platform, claim: Claim, sealed: object, carrier: str) -> Answer:
    uploads = _find_uploads(platform, claim, carrier)
    missing = tuple(part for part in claim.parts if part not in uploads)
    if missing:
        platform.store.set_state(claim.dev, claim.sid, "parts_missing", missing=missing)
        return Answer(202, json.dumps({"state": "parts_missing", "missing": list(missing)}), RETRY_S)
    manifest_bytes, manifest, listed = _open_manifest(platform, claim, sealed)
    rows = [_open_part(platform, claim, uploads[part], listed[part]) for part in claim.parts]
    platform.blobs.sync_plain(claim.dev, claim.sid)
    now = platform.now()
    signed_receipt: list[str] = []

    def make_receipt(case_number: str, query_code: str) -> str:
        receipt = {
            "v": 1, "typ": "receipt", "sid": claim.sid, "dev": claim.dev, "seq": claim.seq,
            "manifest_sha256": claim.manifest_sha256, "case_number": case_number, "query_code": query_code, "ts": now,
        }  # fmt: skip
        signed_receipt.append(json.dumps(platform.sign("receipt", signed.RECEIPT, receipt)))
        return signed_receipt[-1]

    def file_case(connection: Connection, case_number: str, query_code: str) -> tuple[str, str]:
        keep_uploads(connection, [upload["id"] for upload in uploads.values()], now)
        casework.keep_evidence(connection, claim.dev, claim.sid, claim.kid, claim.signature)
        if carrier:
            couriers.note_carried(connection, claim.dev, claim.sid, carrier, now)
        if claim.kind == "rating":
            ratings.file_rating(
                connection, dev=claim.dev, sid=claim.sid, after=claim.after, manifest=manifest, at=now
            )  # fmt: skip
        return casework.file_case(
            connection, dev=claim.dev, sid=claim.sid, seq=claim.seq, kind=claim.kind, manifest=manifest,
            case_number=case_number, query_code=query_code, at=now,
        )  # fmt: skip

    try:
        is_first = platform.store.commit(
            claim.dev,
            claim.sid,
            manifest=manifest_bytes,
            parts=rows,
            make_receipt=make_receipt,
            at=now,
            file_case=file_case,
        )
    except casework.CorrectionClosed as fault:
        raise Problem(422, "correction_closed") from fault
    except ratings.AlreadyRated as fault:
        raise Problem(422, "already_rated") from fault
    except ratings.NotHereYet as fault:
        raise Problem(409, "in_progress", retry_after_s=RETRY_S) from fault
    except (ratings.NothingToRate, ratings.Unrated) as fault:
        raise Problem(422, "refused") from fault
    for upload in uploads.values():
        platform.blobs.release(upload["id"])
    if is_first:
        return Answer(201, signed_receipt[-1])
    row = platform.store.find_submission(claim.dev, claim.sid)
    if row is None:
        raise Problem(503, "busy", retry_after_s=RETRY_S)
    return Answer(200, row["receipt"])


_BY_EITHER = (store.upload.c.dev == sa.bindparam("v_dev")) | (store.upload.c.dev == sa.bindparam("v_carrier"))
_UPLOADS = Fixed(sa.select(store.upload).where(_BY_EITHER, store.upload.c.sid == sa.bindparam("v_sid")))


def _find_uploads(platform: Platform, claim: Claim, carrier: str) -> dict[str, RowMapping]:
    """Return the complete uploads of this submission by part, each of the claimed hash and size."""
    found: dict[str, RowMapping] = {}
    for row in platform.store.rows(_UPLOADS, {"v_dev": claim.dev, "v_carrier": carrier, "v_sid": claim.sid}):
        is_claimed = claim.parts.get(row["part"]) == (row["sha256"], row["length"])
        if is_claimed and is_settled(platform, row):
            found[row["part"]] = row
    return found


def _open_manifest(
    platform: Platform, claim: Claim, sealed: object
) -> tuple[bytes, dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the manifest, as bytes and opened, and its list of parts by name. Raises: Problem 422."""
    try:
        blob = decode_b64url(sealed if isinstance(sealed, str) else "!")
    except NotCanonical as fault:
        raise Problem(400, "bad_request", "The manifest is not base64url.") from fault
    if len(blob) != claim.manifest_bytes or hashlib.sha256(blob).hexdigest() != claim.manifest_sha256:
        raise Problem(422, "hash_mismatch")
    try:
        origin = Origin(claim.sid, claim.dev, claim.seq, "manifest")
        _, plain = open_bytes(blob, platform.keys.sealing, origin)
        value = decode_canonical(plain)
    except (Bad, NotCanonical) as fault:
        raise Problem(422, "unreadable") from fault
    if not isinstance(value, dict) or value.get("v") != 1 or not isinstance(value.get("parts"), list):
        raise Problem(422, "unreadable")
    if value.get("sid") != claim.sid or value.get("item") != claim.item:
        raise Problem(422, "unreadable", "The manifest speaks of another submission.")
    listed: dict[str, dict[str, Any]] = {}
    for one in value["parts"]:
        if not isinstance(one, dict) or not isinstance(one.get("part"), str) or one["part"] in listed:
            raise Problem(422, "unreadable")
        listed[one["part"]] = one
    if {part: one.get("sealed_sha256") for part, one in listed.items()} != {
        part: sha256 for part, (sha256, _) in claim.parts.items()
    }:
        raise Problem(422, "hash_mismatch")
    return plain, value, listed


def _open_part(platform: Platform, claim: Claim, upload: RowMapping, listed: dict[str, Any]) -> dict[str, Any]:
    """Open one sealed part into the platform's own store and return its row. Raises: Problem 422."""
    mime = listed.get("mime")
    if not isinstance(mime, str) or not MIME.fullmatch(mime):
        raise Problem(422, "unreadable")
    part = upload["part"]
    target = platform.blobs.plain_path(claim.dev, claim.sid, part, mime)
    origin = Origin(claim.sid, claim.dev, claim.seq, part)
    try:
        with platform.blobs.sealed_file(upload["id"]) as sealed:
            opened = open_file(sealed, target, platform.keys.sealing, origin)
    except Bad as fault:
        raise Problem(422, "unreadable") from fault
    sizes = (opened.plain_bytes, opened.sealed_bytes)  # the manifest may count either
    if (opened.sealed_sha256, opened.plain_sha256) != (upload["sha256"], listed.get("plain_sha256")) or (
        listed.get("bytes") not in sizes
    ):
        target.unlink(missing_ok=True)
        raise Problem(422, "hash_mismatch")
    key = plain_key(claim.dev, claim.sid, part, mime)
    platform.blobs.keep_plain(target, key, opened.plain_sha256)
    return {
        "dev": claim.dev,
        "part": part,
        "mime": mime,
        "plain_sha256": opened.plain_sha256,
        "sealed_sha256": opened.sealed_sha256,
        "size": opened.plain_bytes,
        "path": key,
        "sealed_path": platform.blobs.sealed_key(upload["id"]),
    }
