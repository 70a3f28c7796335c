"""Is this what the device signed, whole and unchanged? Asked anew from the stored bytes whenever a case is opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import RowMapping

from sandbox import signed, store
from sandbox.canonical import NotCanonical, decode_b64url
from sandbox.case_tables import evidence
from sandbox.platform import Platform


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what, and what came of it, in words. `state` is good, care or stop."""

    state: str
    zh: str
    en: str
    said_zh: str
    said_en: str


@dataclass(frozen=True)
class Verdict:
    """All findings of one submission. It is sound when none says stop."""

    findings: tuple[Finding, ...]

    @property
    def state(self) -> str:
        """The gravest state of all findings."""
        states = {finding.state for finding in self.findings}
        return next((state for state in ("stop", "care") if state in states), "good")


def judge_submission(platform: Platform, row: RowMapping, read: Callable[[RowMapping], bytes]) -> Verdict:
    """Return the verdict on one committed submission; `read` returns the bytes of a part's row."""
    envelope = json.loads(row["envelope"])
    manifest = json.loads(row["manifest"])
    mine = (evidence.c.dev == row["dev"]) & (evidence.c.sid == row["sid"])
    kept = platform.store.one(sa.select(evidence).where(mine))
    serial = kept["kid"] if kept is not None else str(envelope.get("cert", ""))
    known = platform.store.one(sa.select(store.certificate).where(store.certificate.c.serial == serial))
    certificate = x509.load_pem_x509_certificate(known["pem"].encode()) if known is not None else None
    return Verdict(
        (
            _judge_signature(row, kept, certificate),
            _judge_certificate(platform, row, certificate),
            _judge_parts(platform, row, envelope, manifest, read),
            _judge_receipt(platform, row),
            _judge_clock(envelope),
        )
    )


def _judge_signature(row: RowMapping, kept: RowMapping | None, certificate: x509.Certificate | None) -> Finding:
    names = ("终端签名", "Device signature")
    if kept is None or certificate is None:
        return Finding("care", *names, "未存签名，无法复核", "No signature was kept: it cannot be checked again")
    key = certificate.public_key()
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise signed.BadSignature("key")
        message = signed.SUBMIT.encode() + b"\0" + row["envelope"]
        signed.verify_raw(key, message, decode_b64url(kept["sig"]))
    except (signed.BadSignature, NotCanonical):
        return Finding("stop", *names, "签名不符，请勿受理", "The signature does not hold: do not accept")
    return Finding("good", *names, f"有效，由 {row['dev']} 签署", f"Valid, made by {row['dev']}")


def _judge_certificate(platform: Platform, row: RowMapping, certificate: x509.Certificate | None) -> Finding:
    names = ("终端证书", "Device certificate")
    if certificate is None:
        return Finding("stop", *names, "查无此证书", "There is no such certificate")
    try:
        certificate.verify_directly_issued_by(platform.keys.device_ca.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return Finding("stop", *names, "不是本平台签发", "Not issued by this platform")
    at = store.utc(row["committed"])
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return Finding("care", *names, "收到时已不在有效期", "Not valid when the submission came")
    state = platform.store.one(sa.select(store.device.c.state).where(store.device.c.dev == row["dev"]))
    if state is not None and state["state"] in ("suspended", "revoked"):
        return Finding("care", *names, "有效；该终端现已停用", "Valid; the terminal has been stopped since")
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    return Finding("good", *names, f"本平台签发，有效至 {until}", f"Issued by this platform, valid until {until}")


def _judge_parts(
    platform: Platform, row: RowMapping, envelope: dict[str, Any], manifest: dict[str, Any],
    read: Callable[[RowMapping], bytes],
) -> Finding:  # fmt: skip
    """The stored bytes against the manifest, the manifest's list against the signed envelope."""
    names = ("材料与清单", "Papers and list")
    listed = {str(one["part"]): one for one in manifest["parts"]}
    sealed = {one["part"]: one["sha256"] for one in envelope["parts"]}
    mine = (store.part.c.dev == row["dev"]) & (store.part.c.sid == row["sid"])
    rows = {one["part"]: one for one in platform.store.rows(sa.select(store.part).where(mine))}
    wrong = [name for name in sealed if sealed[name] != listed.get(name, {}).get("sealed_sha256")]
    for name, one in listed.items():
        try:
            digest = hashlib.sha256(read(rows[name])).hexdigest()
        except (OSError, KeyError):
            digest = ""
        if digest != one["plain_sha256"]:
            wrong.append(name)
    if wrong or set(sealed) != set(listed):
        text = "、".join(sorted(set(wrong))) or "?"
        return Finding("stop", *names, f"与签署时不同：{text}", f"Not as signed: {text}")
    count = len(listed)
    return Finding("good", *names, f"{count} 个文件逐一核对，未改动", f"{count} files compared, none changed")


def _judge_receipt(platform: Platform, row: RowMapping) -> Finding:
    names = ("收件回执", "Receipt")
    key = platform.keys.signing["receipt"]

    def key_of(kid: str) -> ec.EllipticCurvePublicKey:
        if kid != key.kid:
            raise KeyError(kid)
        return key.private.public_key()

    try:
        value, _, _ = signed.open_object(json.loads(row["receipt"]), signed.RECEIPT, key_of)
    except signed.BadSignature:
        return Finding("stop", *names, "回执不符", "The receipt does not hold")
    envelope = json.loads(row["envelope"])
    expected = (row["sid"], row["dev"], row["seq"], envelope["manifest"]["sha256"])
    if (value["sid"], value["dev"], value["seq"], value["manifest_sha256"]) != expected:
        return Finding("stop", *names, "回执属于另一份提交", "The receipt is another submission's")
    return Finding("good", *names, "已签发，与本件一致", "Issued, and for this submission")


def _judge_clock(envelope: dict[str, Any]) -> Finding:
    names = ("终端时间", "Terminal's clock")
    if envelope.get("clk") == "ok":
        return Finding("good", *names, "已校准", "Set by the platform")
    return Finding("care", *names, "签署时未校准，时间仅供参考", "Not set when signed: its time is a hint only")


def fingerprint(row: RowMapping) -> str:
    """Return the SHA-256 of the signed envelope, as a person compares it: groups of four, the first 32 digits."""
    digest = hashlib.sha256(row["envelope"]).hexdigest()[:32]
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))
