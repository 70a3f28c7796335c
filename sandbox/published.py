"""What the platform publishes signed: catalogue, policy, notices. Each change of content is a new version, signed once.

Sources: `STATE/public/catalogue/*.yaml` (else the item files beside this package), `STATE/public/policy.json`,
`STATE/public/notices.json`. Nothing half-read is ever signed: a file that cannot be used leaves the last good version.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sandbox import signed, store
from sandbox.canonical import encode_canonical
from sandbox.database import insert
from sandbox.fixed import Fixed
from sandbox.platform import Platform
from sandbox.problems import Problem

UNUSABLE = (OSError, ValueError, msgspec.DecodeError)
VERSIONS = ("version-catalogue", "version-policy", "version-notices")
STAMP = "published-stamp"
OWN_CATALOGUE = Path(__file__).resolve().parents[1] / "assets" / "services"


class _QuickerFound(Exception):
    """Another request published a newer version between our look and our write."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How terminals behave, decided by the city. Times in seconds."""

    offline_max_days: Annotated[int, Meta(ge=1, le=365)] = 30
    heartbeat_s: Annotated[int, Meta(ge=10, le=3600)] = 60
    idle_s: Annotated[int, Meta(ge=15, le=600)] = 60
    warn_s: Annotated[int, Meta(ge=5, le=120)] = 30
    retention_days: Annotated[int, Meta(ge=0, le=365)] = 30
    crypto_suite: Literal["hybrid", "classic"] = "hybrid"


class NoticeTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sentence that people read."""

    zh: Annotated[str, Meta(min_length=1, max_length=500)]
    en: Annotated[str, Meta(min_length=1, max_length=500)]


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A notice to terminals. `scope` lists device ids; empty means all."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)", max_length=64)]
    level: Literal["info", "warning", "urgent"]
    texts: NoticeTexts
    from_: Annotated[int, Meta(ge=0)]
    until: Annotated[int, Meta(ge=0)]
    scope: Annotated[tuple[str, ...], Meta(max_length=1000)] = ()


def catalogue_bundle(platform: Platform) -> str:
    """Return the signed catalogue: of what is on disk, or the last good one. Raises: Problem 503 if there is none."""
    return _bundle(platform, "catalogue", lambda: {"files": _load_files(platform)})


def policy_bundle(platform: Platform) -> str:
    """Return the signed policy: of what is on disk, or the last good one. Raises: Problem 503 if there is none."""
    return _bundle(platform, "policy", lambda: {"policy": msgspec.to_builtins(_load_policy(platform))})


def notices_for(platform: Platform, dev: str) -> list[dict[str, str]]:
    """Return the signed notices in force for a device. Raises: Problem 503 while the file cannot be read."""
    try:
        notices = _load_notices(platform)
    except UNUSABLE as fault:
        raise Problem(503, "busy", retry_after_s=60) from fault
    now = platform.now()
    return [
        json.loads(_notice_wire(platform, notice))
        for notice in notices
        if notice.until > now and (not notice.scope or dev in notice.scope)
    ]


def config_version(platform: Platform) -> int:
    """Return a number that rises whenever catalogue, policy or notices change on disk.

    Called with every heartbeat: it looks at the files' times, and reads them only when those changed.
    """
    stamp = _stamp(platform)
    kept = _versions(platform)
    if kept.pop("stamp", "") != stamp:
        _publish_all(platform, stamp)
        kept = _versions(platform)
        kept.pop("stamp", "")
    return 1 + sum(int(version) for version in kept.values())


def public_folder(platform: Platform) -> Path:
    """Return `STATE/public`, where everything that is published lies."""
    return platform.keys.pins_path.parent


def _notice_wire(platform: Platform, notice: Notice) -> str:
    content = msgspec.to_builtins(notice) | {"scope": list(notice.scope)}

    def sign(version: int) -> str:
        value = {"v": 1, "typ": "notice", "version": version, "ts": platform.now(), **content}
        return json.dumps(platform.sign("notice", signed.NOTICE, value))

    name = f"notice-{hashlib.sha256(notice.id.encode()).hexdigest()[:12]}"
    return _newest(platform, name, encode_canonical(content), sign)


def _bundle(platform: Platform, name: str, load: Callable[[], dict[str, Any]]) -> str:
    try:
        content = load()
    except UNUSABLE as fault:
        kept = _settings(platform, _keys(name))
        if not kept:
            raise Problem(503, "busy", retry_after_s=60) from fault
        return kept["wire"]

    def sign(version: int) -> str:
        value = {"v": 1, "typ": name, "version": version, "ts": platform.now(), **content}
        return json.dumps(platform.sign("bundle", signed.BUNDLE, value))

    return _newest(platform, name, encode_canonical(content), sign)


def _load_files(platform: Platform) -> list[dict[str, str]]:
    return [
        {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "text": path.read_text("utf-8")}
        for path in _catalogue_paths(platform)
    ]


def _load_policy(platform: Platform) -> Policy:
    path = public_folder(platform) / "policy.json"
    return msgspec.json.decode(path.read_bytes(), type=Policy) if path.exists() else Policy()


def _load_notices(platform: Platform) -> tuple[Notice, ...]:
    path = public_folder(platform) / "notices.json"
    return msgspec.json.decode(path.read_bytes(), type=tuple[Notice, ...]) if path.exists() else ()


def _catalogue_paths(platform: Platform) -> list[Path]:
    return sorted(_catalogue_folder(platform).glob("*.yaml"))


def _catalogue_folder(platform: Platform) -> Path:
    own = public_folder(platform) / "catalogue"
    return own if own.is_dir() else OWN_CATALOGUE


def _stamp(platform: Platform) -> str:
    """Return a text that changes with any of the published files."""
    folder = public_folder(platform)
    lines = []
    for place in (_catalogue_folder(platform), folder):
        with suppress(OSError), os.scandir(place) as found:
            for entry in found:
                if entry.name.endswith(".yaml") or entry.name in ("policy.json", "notices.json"):
                    facts = entry.stat()
                    lines.append(f"{entry.name} {facts.st_mtime_ns} {facts.st_size}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:32]


def _publish_all(platform: Platform, stamp: str) -> None:
    """Bring every version up to what is on disk; a file that cannot be used is noted once and changes nothing."""
    for load in (_load_files, _load_policy, _load_notices):
        try:
            load(platform)
        except UNUSABLE as fault:
            platform.store.add_note("", "unpublishable", type(fault).__name__, platform.now())
    for publish in (catalogue_bundle, policy_bundle, _publish_list):
        with suppress(Problem, *UNUSABLE):
            publish(platform)
    with platform.store.begin() as connection:
        fresh = insert(connection, store.setting).values(k=STAMP, v=stamp)
        connection.execute(fresh.on_conflict_do_update(index_elements=["k"], set_={"v": fresh.excluded.v}))


def _publish_list(platform: Platform) -> str:
    """Give the list of notices a version: one that is withdrawn is a change, too."""
    return _newest(platform, "notices", encode_canonical(msgspec.to_builtins(_load_notices(platform))), lambda _: "")


_KEPT = Fixed(sa.select(store.setting).where(sa.or_(*(store.setting.c.k == name for name in (*VERSIONS, STAMP)))))


def _versions(platform: Platform) -> dict[str, str]:
    rows = platform.store.rows(_KEPT)  # asked with every batch of heartbeats
    return {"stamp" if row["k"] == STAMP else row["k"]: row["v"] for row in rows}


def _newest(platform: Platform, name: str, content: bytes, sign: Callable[[int], str]) -> str:
    """Return the wire text of this content: the kept one, or a new version of it."""
    digest = hashlib.sha256(content).hexdigest()
    keys = _keys(name)
    kept = _settings(platform, keys)
    if kept.get("content") == digest:
        return kept["wire"]
    version = int(kept.get("version", "0")) + 1
    fresh = {"content": digest, "wire": sign(version), "version": str(version)}
    try:
        with platform.store.begin() as connection:
            _replace(connection, keys, kept, fresh)
    except (IntegrityError, _QuickerFound):  # another request published a change first: look again
        return _newest(platform, name, content, sign)
    return fresh["wire"]


def _replace(connection: Connection, keys: dict[str, str], kept: dict[str, str], fresh: dict[str, str]) -> None:
    table = store.setting
    if not kept:
        for word, key in keys.items():
            connection.execute(table.insert().values(k=key, v=fresh[word]))
        return
    is_kept = (table.c.k == keys["version"]) & (table.c.v == kept["version"])
    if connection.execute(table.update().where(is_kept).values(v=fresh["version"])).rowcount == 0:
        raise _QuickerFound
    for word in ("content", "wire"):
        connection.execute(table.update().where(table.c.k == keys[word]).values(v=fresh[word]))


def _keys(name: str) -> dict[str, str]:
    return {word: f"{word}-{name}" for word in ("content", "wire", "version")}


def _settings(platform: Platform, keys: dict[str, str]) -> dict[str, str]:
    rows = platform.store.rows(sa.select(store.setting).where(store.setting.c.k.in_(keys.values())))
    return {row["k"].partition("-")[0]: row["v"] for row in rows}
