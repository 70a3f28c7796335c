"""The library of materials 资料库, invented for demonstration: who holds what is drawn from the person and the code.

Every name says 示例. A grant is the consent to reuse copies, once, for the notice that was shown.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox import store
from sandbox.cases import CHINA
from sandbox.platform import Platform
from sandbox.problems import Problem

NAMES = {
    "M-HUKOU": ("示例·居民户口簿", "Demo: household register"),
    "M-BIRTH": ("示例·出生医学证明", "Demo: birth certificate"),
    "M-MARRIAGE": ("示例·结婚证", "Demo: marriage certificate"),
    "M-DISABLED": ("示例·残疾人证", "Demo: disability certificate"),
    "M-BANK": ("示例·银行卡", "Demo: bank card"),
}
YEARS = 5
GRANT_LIFE_S = 3600

material = sa.Table(
    "material", store.SCHEMA,
    sa.Column("ref", sa.String(32), primary_key=True),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("issued", sa.String(10), nullable=False),
    sa.Column("valid_until", sa.String(10), nullable=False),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.UniqueConstraint("person", "code", "version"),
)  # fmt: skip
grant = sa.Table(
    "material_grant", store.SCHEMA,
    sa.Column("grant_id", sa.String(32), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("refs", sa.Text, nullable=False),
    sa.Column("notice_sha256", sa.String(64), nullable=False),
    sa.Column("exp", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("dev", "key"),
)  # fmt: skip


def search(platform: Platform, person: str, codes: tuple[str, ...]) -> list[RowMapping]:
    """Return the newest valid copy of each known code, in the order asked."""
    today = _today(platform)
    found = []
    for code in dict.fromkeys(codes):
        row = _newest(platform, person, code) if code in NAMES else None
        if row is not None and row["valid_until"] >= today.isoformat():
            found.append(row)
    return found


def give_grant(
    platform: Platform, dev: str, person: str, key: str, refs: tuple[str, ...], notice_sha256: str
) -> RowMapping:
    """Return the grant of this key, made now if new.

    Raises: Problem 404 for a copy that is not the person's, 409 `superseded`, 410 `gone` when it ran out,
    422 `id_reused` when the key stands for another request.
    """
    wanted = json.dumps(list(refs))
    known = _grant_of(platform, dev, key)
    if known is None:
        for ref in refs:
            _check(platform, person, ref)
        values = {
            "grant_id": secrets.token_hex(16), "dev": dev, "key": key, "person": person, "refs": wanted,
            "notice_sha256": notice_sha256, "exp": platform.now() + GRANT_LIFE_S,
        }  # fmt: skip
        try:
            with platform.store.begin() as connection:
                connection.execute(grant.insert().values(**values))
        except IntegrityError:
            pass  # the same request was quicker on another line: its grant is ours
        known = _grant_of(platform, dev, key)
    if known is None or (known["person"], known["refs"], known["notice_sha256"]) != (person, wanted, notice_sha256):
        raise Problem(422, "id_reused")
    return known


def renew(platform: Platform, ref: str, valid_until: str = "") -> str:
    """Put a newer copy in the place of one and return its reference. Raises: KeyError."""
    old = platform.store.one(sa.select(material).where(material.c.ref == ref))
    if old is None:
        raise KeyError(ref)
    with platform.store.begin() as connection:
        return _insert(connection, platform, old["person"], old["code"], old["version"] + 1, valid_until)


def _check(platform: Platform, person: str, ref: str) -> None:
    row = platform.store.one(sa.select(material).where(material.c.ref == ref, material.c.person == person))
    if row is None:
        raise Problem(404, "not_found")
    newest = _newest(platform, person, row["code"])
    if newest is not None and newest["ref"] != ref:
        raise Problem(409, "superseded")
    if row["valid_until"] < _today(platform).isoformat():
        raise Problem(410, "gone")


def _newest(platform: Platform, person: str, code: str) -> RowMapping | None:
    mine = sa.select(material).where(material.c.person == person, material.c.code == code)
    newest = mine.order_by(material.c.version.desc())
    row = platform.store.one(newest)
    if row is None and _holds(person, code):
        try:
            with platform.store.begin() as connection:
                _insert(connection, platform, person, code, 1)
        except IntegrityError:
            pass  # somebody else asked for the first time just now
        row = platform.store.one(newest)
    return row


def _insert(
    connection: Connection, platform: Platform, person: str, code: str, version: int, valid_until: str = ""
) -> str:
    digest = hashlib.sha256(f"{person}/{code}/{version}".encode()).hexdigest()
    today = _today(platform)
    values = {
        "ref": digest[:32], "person": person, "code": code, "version": version, "issued": f"{today.year - 1}-01-15",
        "valid_until": valid_until or f"{today.year + YEARS}-01-14", "pages": 1 + int(digest[0], 16) % 3,
        "sha256": digest,
    }  # fmt: skip
    connection.execute(material.insert().values(**values))
    return str(values["ref"])


def _holds(person: str, code: str) -> bool:
    """Whether the invented person has that paper: everybody a household register, the rest two out of three."""
    return code == "M-HUKOU" or hashlib.sha256(f"{person}?{code}".encode()).digest()[0] % 3 > 0


def _grant_of(platform: Platform, dev: str, key: str) -> RowMapping | None:
    return platform.store.one(sa.select(grant).where(grant.c.dev == dev, grant.c.key == key))


def _today(platform: Platform) -> dt.date:
    return dt.datetime.fromtimestamp(platform.now(), CHINA).date()
