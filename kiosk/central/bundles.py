"""Fetching what the platform publishes signed: keys, catalogue, policy, notices (queue-and-sync.md §9.2).

A bundle is believed by its signature and only if it is not older than the one in force; the last good one stays on any
error, also over restarts. What is fetched is kept; putting a catalogue in force is somebody else's act.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec

from kiosk.central.answers import BUNDLE_LIMIT, check, decode_json
from kiosk.central.token import AuthorisedClient
from kiosk.trust.identity import SealingKeys
from kiosk.trust.keys import write_durably
from kiosk.trust.ring import KeyRing, is_integer
from kiosk.trust.signed import Purpose, TrustFault, decode_wire
from offline_queue.api import AnswerFault

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.yaml")
FILES = 500
NOTICES = 100
LEVELS = ("info", "warning", "urgent")


class KeyRefresh:
    """Keeps the platform's keys fresh; the last good bundle stays on any error."""

    def __init__(self, client: AuthorisedClient, keys: SealingKeys) -> None:
        self._client = client
        self._keys = keys
        self._etag = ""

    def refresh(self) -> bool:
        """Whether a newer bundle is now in force. Raises: delivery errors; AnswerFault if it does not verify."""
        value, etag = _fetch(self._client, "/keys", self._etag)
        if value is None:
            return False
        before = self._keys.version
        try:
            self._keys.update(decode_wire(value))
        except TrustFault as fault:
            raise AnswerFault("bundle_unverified") from fault
        self._etag = etag
        return self._keys.version > before


class CatalogueFile(msgspec.Struct, frozen=True):
    """One YAML file of a published catalogue."""

    name: str
    text: str


class Bundle(msgspec.Struct, frozen=True):
    """A verified bundle; version 0 means that none is in force."""

    version: int = 0
    content: Any = None


class BundleRefresh:
    """Keeps one bundle fresh: `catalogue` (content: tuple of CatalogueFile) or `policy` (content: a dict)."""

    def __init__(self, client: AuthorisedClient, ring: KeyRing, folder: Path, name: str) -> None:
        self._client = client
        self._ring = ring
        self._name = name
        self._path = folder / f"{name}-bundle.json"
        self._etag = ""
        self._bundle = Bundle()

    @property
    def bundle(self) -> Bundle:
        """Return the bundle in force."""
        return self._bundle

    def load(self) -> bool:
        """Whether a kept bundle was there and still verifies."""
        try:
            self._bundle = self._check(msgspec.json.decode(self._path.read_bytes()))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, TrustFault):
            return False
        return True

    def refresh(self) -> bool:
        """Whether a newer bundle is now in force, and kept. Raises: delivery errors; AnswerFault; OSError."""
        value, etag = _fetch(self._client, f"/{self._name}", self._etag)
        if value is None:
            return False
        try:
            fresh = self._check(value)
        except TrustFault as fault:
            raise AnswerFault("bundle_unverified") from fault
        is_newer = fresh.version > self._bundle.version
        if is_newer:
            write_durably(self._path, msgspec.json.encode(value))
            self._bundle = fresh
        self._etag = etag
        return is_newer

    def _check(self, wire: Any) -> Bundle:
        value = self._ring.verify(decode_wire(wire), Purpose.BUNDLE, when="ts")
        version = value.get("version")
        if value.get("typ") != self._name or not is_integer(version) or version < max(self._bundle.version, 1):
            raise TrustFault
        content = value.get("files" if self._name == "catalogue" else "policy")
        if self._name == "catalogue":
            return Bundle(version, _decode_files(content))
        if not isinstance(content, dict):
            raise TrustFault
        return Bundle(version, content)


class Notice(msgspec.Struct, frozen=True):
    """One notice of the platform, shown from `from_s` until `until_s` (Unix seconds)."""

    id: str
    level: str
    zh: str
    en: str
    from_s: int
    until_s: int


class NoticeRefresh:
    """Keeps the platform's notices; they live in memory, because an old notice is worse than none."""

    def __init__(self, client: AuthorisedClient, ring: KeyRing, device_id: str) -> None:
        self._client = client
        self._ring = ring
        self._device_id = device_id
        self._etag = ""
        self._notices: tuple[Notice, ...] = ()

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Return the notices of the last good answer; the caller looks at their times."""
        return self._notices

    def refresh(self) -> bool:
        """Whether there is anything new. Raises: delivery errors; AnswerFault if one does not verify."""
        value, etag = _fetch(self._client, "/notices", self._etag)
        if value is None:
            return False
        listed = value.get("notices")
        if not isinstance(listed, list) or len(listed) > NOTICES:
            raise AnswerFault("unexpected_answer")
        try:
            found = tuple(self._decode(wire) for wire in listed)
        except TrustFault as fault:
            raise AnswerFault("notice_unverified") from fault
        self._notices, self._etag = tuple(one for one in found if one is not None), etag
        return True

    def _decode(self, wire: Any) -> Notice | None:
        """Return a notice, or nothing if it is for other terminals. Raises: TrustFault."""
        value = self._ring.verify(decode_wire(wire), Purpose.NOTICE, when="ts")
        texts, scope = value.get("texts"), value.get("scope")
        if value.get("typ") != "notice" or value.get("level") not in LEVELS or not isinstance(texts, dict):
            raise TrustFault
        words = (value.get("id"), texts.get("zh"), texts.get("en"))
        if not all(isinstance(word, str) and 0 < len(word) <= 500 for word in words) or not isinstance(scope, list):
            raise TrustFault
        if not is_integer(value.get("from")) or not is_integer(value.get("until")):
            raise TrustFault
        if scope and self._device_id not in scope:
            return None
        return Notice(str(words[0]), value["level"], str(words[1]), str(words[2]), value["from"], value["until"])


def _fetch(client: AuthorisedClient, path: str, etag: str) -> tuple[dict[str, Any] | None, str]:
    """Return the fresh JSON of a published thing and its ETag, or nothing if ours is current."""
    wire = client.client
    headers = {"If-None-Match": etag} if etag else None
    reply = client.send("GET", wire.url(path), headers, limit=BUNDLE_LIMIT)
    check(reply, wire.clock, 200, *((304,) if etag else ()))
    if reply.status == 304:
        return None, etag
    fresh = reply.headers.get("etag", "")
    return decode_json(reply.body), fresh if fresh.isprintable() else ""  # it goes back as a header of ours


def _decode_files(listed: Any) -> tuple[CatalogueFile, ...]:
    """Return the files of a catalogue. Raises: TrustFault for a name that could leave its folder, or other bytes."""
    if not isinstance(listed, list) or not 0 < len(listed) <= FILES:
        raise TrustFault
    found: dict[str, CatalogueFile] = {}
    for entry in listed:
        name, text = (entry.get("name"), entry.get("text")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(text, str) or not FILE_NAME.fullmatch(name) or name in found:
            raise TrustFault
        if hashlib.sha256(text.encode("utf-8")).hexdigest() != entry.get("sha256"):
            raise TrustFault
        found[name] = CatalogueFile(name, text)
    return tuple(found.values())
