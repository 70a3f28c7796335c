"""One confirmed submission: the parts to seal, the plain manifest that lists them, the envelope's facts.

The manifest is canonical JSON (keys by code point, no spaces, integers only); it names hashes that exist only after
sealing, so it is handed on as a function from the sealed parts' facts to bytes (reference/queue-and-sync.md §7).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from uuid import UUID

import msgspec

from devices.api import Page, Private
from kiosk.services.catalogue import Catalogue, ServiceItem
from kiosk.services.fields import Answers, FormContext, text_of
from kiosk.services.form import answer_rows
from kiosk.services.identity import Identity
from kiosk.services.materials import MaterialState, MaterialStatus
from kiosk.services.signature import Stroke, compose_svg, has_pressure
from offline_queue.api import EnvelopeFacts, Kind, ManifestBuilder, PartFacts, PlainPart

PEN_UNIT = 10_000
"""Strokes run from 0 to 1 across the pad; in JSON they are whole ten-thousandths."""

SIGNATURE, STROKES, VECTORS = "signature", "signature-strokes", "signature-svg"
MIME_PNG, MIME_SVG, MIME_JSON = "image/png", "image/svg+xml", "application/json"

_STATES = {
    MaterialStatus.ON_CARD: "card_read",
    MaterialStatus.SCANNED: "scanned",
    MaterialStatus.SIGNED_FORM: "signed_form",
    MaterialStatus.DEFERRED: "deferred",
    MaterialStatus.NEEDED: "missing",  # never sent by a flow that waits for is_complete
}


class Consent(msgspec.Struct, frozen=True):
    """The record of a notice agreed to: the hash of what was shown, and when (Unix seconds)."""

    notice_sha256: str
    at: int


class SubmissionFacts(msgspec.Struct, frozen=True):
    """All of a visit that is sent. Times are Unix seconds by the wall clock."""

    sid: str
    catalogue: Catalogue
    item: ServiceItem
    context: FormContext
    identity: Identity | None
    answers: Answers
    plan: tuple[MaterialState, ...]
    pages: tuple[Page, ...]
    consents: tuple[Consent, ...]
    signature_png: Private[bytes]
    strokes: Private[tuple[Stroke, ...]]
    signed_at_s: float
    clock_ok: bool
    locale: str
    app_version: str
    audit_head: str = ""

    def __repr__(self) -> str:
        return f"SubmissionFacts({self.sid!r}, {self.item.item_code!r}, {len(self.pages)} pages)"


def build_submission(facts: SubmissionFacts) -> tuple[tuple[PlainPart, ...], ManifestBuilder, EnvelopeFacts]:
    """Return the parts to seal, the manifest as a function of their facts, and what the envelope says.

    Only visible answers are sent. The builder raises ValueError when it is given facts of other parts.
    """
    described = _parts_of(facts)
    parts = tuple(PlainPart(name, data) for name, data, _ in described)
    about = {name: entry for name, _, entry in described}

    def build_manifest(sealed: tuple[PartFacts, ...]) -> bytes:
        if {part.name for part in sealed} != set(about) or len(sealed) != len(about):
            raise ValueError("facts of other parts")
        return canonical_json(_manifest(facts, [_sealed_entry(part, about[part.name]) for part in sealed]))

    envelope = EnvelopeFacts(
        kind=Kind.SUBMISSION,
        item=facts.item.item_code,
        catalogue=facts.catalogue.version,
        app=facts.app_version,
        ts=int(facts.signed_at_s),
        clock_ok=facts.clock_ok,
        audit_head=facts.audit_head,
    )
    return parts, build_manifest, envelope


def uuid7(wall_s: float) -> str:
    """Return a fresh UUID version 7 in lower case: 48 bits of milliseconds, version, variant, 74 random bits."""
    stamp = (int(wall_s * 1000) & (1 << 48) - 1) << 80
    noise = int.from_bytes(secrets.token_bytes(10), "big")
    version = 7 << 76
    variant = 0b10 << 62
    free = (1 << 76) - 1 ^ (0b11 << 62)
    return str(UUID(int=stamp | version | variant | noise & free))


def canonical_json(value: object) -> bytes:
    """Return canonical JSON: keys by code point, no spaces, shortest escapes, UTF-8.

    Raises: TypeError for a float or anything else that JSON or the rule does not know.
    """
    _refuse_floats(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def part_name(material: str, number: int) -> str:
    """Return the KSB1 slot of one page: `m-bank-1` for the first page of M-BANK; at most 48 characters."""
    stem = re.sub(r"[^a-z0-9]+", "-", material.lower()).strip("-") or "m"
    return f"{stem[:40].rstrip('-')}-{number}"


# ── parts ──────────────────────────────────────────────────────────────────────────────────

_Described = tuple[str, bytes, dict[str, object]]


def _parts_of(facts: SubmissionFacts) -> list[_Described]:
    """Return name, bytes and what the manifest says of each part beside its hashes."""
    at = int(facts.signed_at_s)
    found: list[_Described] = []
    counts: dict[str, int] = {}
    for page in facts.pages:
        counts[page.material] = counts.get(page.material, 0) + 1
        about: dict[str, object] = {
            "mime": page.mime,
            "pages": 1,
            "dpi": page.dpi,
            "at": at,
            "review": page.is_kept_despite,
            "width": page.width_px,
            "height": page.height_px,
        }
        found.append((part_name(page.material, counts[page.material]), page.stored.reveal(), about))
    png = facts.signature_png.reveal()
    if png:
        about = {"mime": MIME_PNG, "pages": 1, "dpi": 0, "at": at, "review": False}
        found.append((SIGNATURE, png, about))
        about = {"mime": MIME_JSON, "pages": 0, "dpi": 0, "at": at, "review": False}
        found.append((STROKES, _stroke_json(facts.strokes.reveal()), about))
        about = {"mime": MIME_SVG, "pages": 1, "dpi": 0, "at": at, "review": False}
        found.append((VECTORS, compose_svg(facts.strokes.reveal()), about))
    return found


def _stroke_json(strokes: tuple[Stroke, ...]) -> bytes:
    """Return the points; version 2 has a fourth number each, the pressure, and is written only where a pad feels it."""
    version = 2 if has_pressure(strokes) else 1
    points = [
        [
            [round(x * PEN_UNIT), round(y * PEN_UNIT), ms, round(pressure * PEN_UNIT)][: 2 + version]
            for x, y, ms, pressure in stroke
        ]
        for stroke in strokes
    ]
    return canonical_json({"v": version, "unit": PEN_UNIT, "strokes": points})


def _sealed_entry(part: PartFacts, about: Mapping[str, object]) -> dict[str, object]:
    return {
        "part": part.name,
        "sealed_sha256": part.sealed_sha256,
        "plain_sha256": part.plain_sha256,
        "bytes": part.plain_bytes,
        **about,
    }


# ── manifest ───────────────────────────────────────────────────────────────────────────────


def _manifest(facts: SubmissionFacts, parts: list[dict[str, object]]) -> dict[str, object]:
    item, context = facts.item, facts.context
    situation = item.situation(context.situation)
    return {
        "v": 1,
        "sid": facts.sid,
        "item": item.item_code,
        "item_version": item.task_version,
        "item_name": {"zh": item.name_zh, "en": item.name_en},
        "situation": context.situation,
        "situation_name": {"zh": situation.zh, "en": situation.en} if situation else {},
        "identity": _identity(facts.identity),
        "answers": _answers(facts),
        "consents": [{"notice_sha256": consent.notice_sha256, "at": consent.at} for consent in facts.consents],
        "filed_by": context.filed_by,
        "materials": _materials(facts),
        "parts": parts,
        "reuse": [],
        "capture": {},
        "signature": _signature(facts),
        "delivery": _delivery(facts),
        "locale": facts.locale,
    }


def _identity(identity: Identity | None) -> dict[str, object]:
    if identity is None:
        return {"kind": "anonymous", "verified": False}
    return {
        "kind": str(identity.method),
        "name": identity.name.reveal(),
        "id_number": identity.id_number.reveal(),
        "sex": identity.sex,
        "nation": identity.nation,
        "birth_date": identity.birth_date.reveal().isoformat(),
        "address": identity.address.reveal(),
        "authority": identity.authority,
        "valid_until": identity.valid_until.isoformat() if identity.valid_until else "长期",
        "verified": False,
    }


def _answers(facts: SubmissionFacts) -> list[dict[str, object]]:
    """Return the visible answers; `display` is in Chinese, for the officer, whatever the person read."""
    return [
        {
            "key": row.key,
            "label": {"zh": row.label_zh, "en": row.label_en},
            "value": row.value.reveal(),
            "display": row.display.reveal(),
            "group": {locale: _group(facts, row.group, locale) for locale in ("zh", "en")},
        }
        for row in answer_rows(facts.item, facts.answers, facts.context, "zh")
    ]


def _group(facts: SubmissionFacts, group: str, locale: str) -> str:
    return facts.catalogue.label("field_group", group, locale)


def _materials(facts: SubmissionFacts) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for state in facts.plan:
        material = facts.item.material(state.code)
        if material is None or state.state is MaterialStatus.NOT_NEEDED:
            continue
        count = sum(1 for page in facts.pages if page.material == state.code)
        parts = [part_name(state.code, number + 1) for number in range(count)]
        if state.state is MaterialStatus.SIGNED_FORM and facts.signature_png.reveal():
            parts = [SIGNATURE, STROKES, VECTORS]
        name = {"zh": material.name_zh, "en": material.name_en}
        entries.append({"code": state.code, "name": name, "state": _STATES[state.state], "parts": parts})
    return entries


def _signature(facts: SubmissionFacts) -> dict[str, object]:
    if not facts.signature_png.reveal():
        return {}
    return {
        "part": SIGNATURE,
        "strokes": STROKES,
        "svg": VECTORS,
        "at": int(facts.signed_at_s),
        "clock_ok": facts.clock_ok,
    }


def _delivery(facts: SubmissionFacts) -> dict[str, object]:
    codes = delivery_codes(facts.item, facts.answers)
    joined = {"zh": "、", "en": ", "}
    name = {
        locale: join.join(facts.catalogue.label("delivery", code, locale) for code in codes)
        for locale, join in joined.items()
    }
    return {"methods": list(codes), "name": name}


def delivery_codes(item: ServiceItem, answers: Answers) -> tuple[str, ...]:
    """Return how the result comes: the way the person chose, or every way the item offers."""
    chosen = (text_of(answers, f"{field.key}.method") for field in item.form if field.type == "delivery_choice")
    method = next((code for code in chosen if code), "")
    return (method,) if method else item.delivery


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("canonical JSON holds whole numbers only")
    if isinstance(value, Mapping):
        for entry in value.values():
            _refuse_floats(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            _refuse_floats(entry)
