"""Fetching what the platform publishes signed: for now its key bundle (queue-and-sync.md §9.2, GET /keys)."""

from __future__ import annotations

from kiosk.central.answers import BUNDLE_LIMIT, check, decode_json
from kiosk.central.token import AuthorisedClient
from kiosk.trust.identity import SealingKeys
from kiosk.trust.signed import TrustFault, decode_wire
from offline_queue.api import AnswerFault


class KeyRefresh:
    """Keeps the platform's keys fresh; the last good bundle stays on any error."""

    def __init__(self, client: AuthorisedClient, keys: SealingKeys) -> None:
        self._client = client
        self._keys = keys
        self._etag = ""

    def refresh(self) -> bool:
        """Whether a newer bundle is now in force. Raises: delivery errors; AnswerFault if it does not verify."""
        wire = self._client.client
        headers = {"If-None-Match": self._etag} if self._etag else None
        reply = self._client.send("GET", wire.url("/keys"), headers, limit=BUNDLE_LIMIT)
        check(reply, wire.clock, 200, *((304,) if self._etag else ()))
        if reply.status == 304:
            return False
        before = self._keys.version
        try:
            self._keys.update(decode_wire(decode_json(reply.body)))
        except TrustFault as fault:
            raise AnswerFault("bundle_unverified") from fault
        self._etag = reply.headers.get("etag", "")
        return self._keys.version > before
