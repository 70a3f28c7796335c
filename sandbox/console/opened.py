"""One opened case, composed for its page: forms as filled, papers with their pictures, verdicts, history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from sandbox import store
from sandbox.case_views import documents_of, find_case, find_open_request, manifest_of, moves_of, requests_of
from sandbox.cases import compose_intake_number
from sandbox.casework import REFUSALS, Move, NoCase
from sandbox.console.integrity import Verdict, fingerprint, judge_submission
from sandbox.console.web import Call, Refusal, day
from sandbox.couriers import carrier_of
from sandbox.form_facts import Form, compose_form
from sandbox.platform import Platform
from sandbox.store_view import PlainPart

PICTURES = ("image/jpeg", "image/png")
PDF = "application/pdf"
HEADS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-"}


@dataclass(frozen=True)
class Scan:
    """One stored part under a material: how to show it, and what the terminal said of it."""

    part: str
    mime: str
    size: int
    dpi: str
    picture: str  # where its picture is, behind the parts' address; empty for what cannot be looked at
    needs_review: bool


@dataclass(frozen=True)
class Paper:
    """One material as handed in."""

    code: str
    zh: str
    en: str
    state: str
    scans: tuple[Scan, ...]


@dataclass(frozen=True)
class Sent:
    """One submission of a case: the application itself, or a correction."""

    sid: str
    dev: str
    intake_number: str
    committed: int
    carrier: str  # who brought it by hand, empty when it came from the terminal itself
    form: Form
    papers: tuple[Paper, ...]
    signature: str  # the part's name, empty without one
    verdict: Verdict
    fingerprint: str


@dataclass(frozen=True)
class Asked:
    """One request for a correction and, if it came, the submission that answered."""

    materials: list[dict[str, Any]]
    deadline: str
    state: str
    step: int
    answer: Sent | None
    is_late: bool


@dataclass(frozen=True)
class Opened:
    """Everything of one case."""

    row: RowMapping
    sent: Sent
    asked: tuple[Asked, ...]
    moves: tuple[dict[str, Any], ...]
    documents: tuple[RowMapping, ...]
    open_request: dict[str, Any] | None


def open_case(call: Call) -> RowMapping:
    """Return the row of the case whose number is in the path. Raises: Refusal 404."""
    try:
        return find_case(call.platform.store, call.path("number"))
    except NoCase as fault:
        raise Refusal(404, "没有这个办件。", "There is no such case.") from fault


def compose_opened(platform: Platform, row: RowMapping) -> Opened:
    """Return the case with all that belongs to it."""
    tables, number = platform.store, row["case_number"]
    asked = []
    for one in requests_of(tables, number):
        answer = _sent(platform, one["dev"], one["sid"], number) if one["sid"] else None
        is_late = bool(answer) and day(one["answered"]) > one["deadline"]
        asked.append(Asked(json.loads(one["materials"]), one["deadline"], one["state"], one["step"], answer, is_late))
    return Opened(
        row=row,
        sent=_sent(platform, row["dev"], row["sid"], number),
        asked=tuple(asked),
        moves=tuple(_told(move) for move in moves_of(tables, number)),
        documents=tuple(documents_of(tables, number)),
        open_request=find_open_request(tables, number),
    )


def read_part(platform: Platform, row: RowMapping) -> bytes:
    """Return the bytes of a part's row. Raises: OSError."""
    return platform.blobs.plain_file(row["path"]).read_bytes()


def parts_of(platform: Platform, dev: str, sid: str) -> dict[str, RowMapping]:
    """Return the rows of a submission's parts by name."""
    mine = (store.part.c.dev == dev) & (store.part.c.sid == sid)
    rows = platform.store.rows(sa.select(store.part).where(mine).order_by(store.part.c.part))
    return {row["part"]: row for row in rows}


def plain_parts(platform: Platform, dev: str, sid: str) -> dict[str, PlainPart]:
    """Return a submission's parts as the form's renderer wants them."""
    return {
        name: PlainPart(
            name, row["mime"], row["plain_sha256"], row["sealed_sha256"], row["size"],
            platform.blobs.plain_file(row["path"]),
        )
        for name, row in parts_of(platform, dev, sid).items()
    }  # fmt: skip


def submissions_of(platform: Platform, row: RowMapping) -> dict[str, str]:
    """Return the submissions that belong to a case: id → device."""
    answers = {one["sid"]: one["dev"] for one in requests_of(platform.store, row["case_number"]) if one["sid"]}
    return {row["sid"]: row["dev"], **answers}


def _sent(platform: Platform, dev: str, sid: str, number: str) -> Sent:
    mine = (store.submission.c.dev == dev) & (store.submission.c.sid == sid)
    row = platform.store.one(sa.select(store.submission).where(mine))
    if row is None:
        raise NoCase(number)
    manifest = manifest_of(platform.store, row)
    parts = plain_parts(platform, dev, sid)
    intake = compose_intake_number(dev, row["seq"])
    form = compose_form(manifest, parts, intake_number=intake, case_number=number, received=row["committed"])
    signature = manifest.get("signature")
    name = str(signature.get("part", "")) if isinstance(signature, Mapping) else ""
    return Sent(
        sid=sid,
        dev=dev,
        intake_number=intake,
        committed=row["committed"],
        carrier=carrier_of(platform, dev, sid),
        form=form,
        papers=tuple(_papers(manifest, parts, without=name)),
        signature=name if name in parts and parts[name].mime in PICTURES else "",
        verdict=judge_submission(platform, row, lambda part: read_part(platform, part)),
        fingerprint=fingerprint(row),
    )


def _papers(manifest: Mapping[str, Any], parts: Mapping[str, PlainPart], *, without: str) -> list[Paper]:
    facts = {str(one.get("part")): one for one in _maps(manifest.get("parts"))}
    strokes = manifest.get("signature")
    left = [name for name in parts if name != without]
    if isinstance(strokes, Mapping):
        left = [name for name in left if name not in (strokes.get("strokes"), strokes.get("svg"))]
    papers = []
    for material in _maps(manifest.get("materials")):
        listed = material.get("parts")
        own = [name for name in (listed if isinstance(listed, list) else []) if name in left]
        left = [name for name in left if name not in own]
        name = material.get("name")
        named = name if isinstance(name, Mapping) else {}
        code = str(material.get("code", ""))
        papers.append(
            Paper(
                code, str(named.get("zh") or code), str(named.get("en") or ""), str(material.get("state", "")),
                tuple(_scan(parts[one], facts.get(one, {})) for one in own),
            )
        )  # fmt: skip
    if left:
        papers.append(
            Paper("", "其他文件", "Other files", "", tuple(_scan(parts[one], facts.get(one, {})) for one in left))
        )
    return papers


def _scan(part: PlainPart, facts: Mapping[str, Any]) -> Scan:
    dpi = facts.get("dpi")
    shown = str(dpi) if isinstance(dpi, int) and dpi > 0 else ""
    picture = {PDF: f"{part.part}/picture"}.get(part.mime, part.part if part.mime in PICTURES else "")
    return Scan(part.part, part.mime, part.size, shown, picture, facts.get("review") is True)


def _told(move: RowMapping) -> dict[str, Any]:
    return {**move, "move": Move(move["move"]), "reason": REFUSALS.get(move["reason"], ("", ""))}


def _maps(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
