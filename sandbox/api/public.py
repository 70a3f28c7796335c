"""GET /catalogue, /policy, /notices: what the platform publishes, signed, with an ETag."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sandbox import published, signed
from sandbox.api.contract import Answer, Auth, Call, Endpoint, Yes, etagged
from sandbox.api.words import Count, ETags, Id, Seconds, Sha256, Signed

IF_NONE_MATCH = {"If-None-Match": ETags}
NOT_MODIFIED = Yes("what you have is current", media=(), headers=("ETag",))


class CatalogueFile(msgspec.Struct, frozen=True):
    """One YAML file of the catalogue as it stands."""

    name: str
    sha256: Sha256
    text: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What every bundle says; `version` only rises and a terminal takes none that is lower than its own."""

    v: Literal[1]
    version: Count
    ts: Seconds


class CatalogueBundle(Bundle, frozen=True, kw_only=True):
    """The items that can be applied for."""

    typ: Literal["catalogue"]
    files: tuple[CatalogueFile, ...]


class PolicyBundle(Bundle, frozen=True, kw_only=True):
    """How terminals behave."""

    typ: Literal["policy"]
    policy: published.Policy


class NoticeObject(Bundle, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One notice, shown from `from` until `until`."""

    typ: Literal["notice"]
    id: Id
    level: Literal["info", "warning", "urgent"]
    texts: published.NoticeTexts
    from_: Seconds
    until: Seconds
    scope: tuple[str, ...]


class NoticeList(msgspec.Struct, frozen=True):
    """The notices in force for the device that asks."""

    notices: tuple[Signed, ...]


def _catalogue(call: Call) -> Answer:
    return etagged(call, published.catalogue_bundle(call.platform).encode())


def _policy(call: Call) -> Answer:
    return etagged(call, published.policy_bundle(call.platform).encode())


def _notices(call: Call) -> Answer:
    wires = published.notices_for(call.platform, call.caller.dev)
    return etagged(call, NoticeList(tuple(msgspec.convert(wire, Signed) for wire in wires)))


def _bundle(says: str, kind: Any, purpose: str) -> dict[int, Yes]:
    return {200: Yes(says, Signed, signs=kind, purpose=purpose, headers=("ETag",)), 304: NOT_MODIFIED}


ENDPOINTS = (
    Endpoint(
        "GET", "/catalogue", "The service items, signed.",
        _bundle("the newest catalogue", CatalogueBundle, signed.BUNDLE),
        auth=Auth.DEVICE, headers=IF_NONE_MATCH, may_drain=True, handle=_catalogue,
    ),
    Endpoint(
        "GET", "/policy", "How terminals behave, signed.",
        _bundle("the newest policy", PolicyBundle, signed.BUNDLE),
        auth=Auth.DEVICE, headers=IF_NONE_MATCH, may_drain=True, handle=_policy,
    ),
    Endpoint(
        "GET", "/notices", "Notices for this device, each signed.",
        {200: Yes("the notices in force", NoticeList, signs=NoticeObject, purpose=signed.NOTICE, headers=("ETag",)),
         304: NOT_MODIFIED},
        auth=Auth.DEVICE, headers=IF_NONE_MATCH, may_drain=True, handle=_notices,
    ),
)  # fmt: skip
