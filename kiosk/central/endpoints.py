"""Several addresses of one platform: the one that works is kept, and the first is gone back to once it is well again.

All addresses lead to the same platform: they share its records, its keys and its receipts. Each has its own token.
Moving is safe because nothing depends on where a thing was begun: an upload is asked after (HEAD) before it goes on,
a submission (GET) before it is sent again. Rules:
- A probe that fails here is tried at the others; the first that answers with a signed time is used from then on.
- 429 and 503 let an address rest for as long as it asks; while it rests another one is used, without waiting.
- Three faults of an address in a row (5xx) move on as well, if another can be had.
- The first address is asked now and then; when it has answered for a while, it is used again.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

import msgspec

from kiosk.central.answers import JSON_LIMIT, Reply, is_portal, retry_after_s
from kiosk.central.client import PlatformClient
from kiosk.central.now import ask_time
from kiosk.central.token import AuthorisedClient
from kiosk.trust.time import TrustedTime
from offline_queue.api import AnswerFault, Busy, PauseReason, QueueError, Unreachable, idle

log = logging.getLogger(__name__)

REST_DEFAULT_S = 30.0  # a 503 without Retry-After
FAULTS_MAX = 3


class ReturnPace(msgspec.Struct, frozen=True):
    """When to go back to the first address, in seconds."""

    look_s: float = 30.0
    well_s: float = 300.0


class _Way(msgspec.Struct):
    """One address and what is known of it."""

    client: AuthorisedClient
    rests_until_s: float = -math.inf
    faults: int = 0


class Endpoints(AuthorisedClient):
    """Requests to whichever address of the platform works. Safe to use from several threads."""

    def __init__(self, ways: tuple[AuthorisedClient, ...], pace: ReturnPace | None = None) -> None:
        self._ways = tuple(_Way(client) for client in ways)
        self._pace = pace or ReturnPace()
        self._clock = ways[0].client.clock
        self._lock = threading.Lock()
        self._active = 0
        self._look_at_s = -math.inf
        self._well_since_s = math.inf

    @property
    def client(self) -> PlatformClient:
        """Return the client of the address in use."""
        return self._ways[self._active].client.client

    def moved_url(self, url: str, wire: PlatformClient) -> str:
        """Return where an upload that was begun at any of our addresses lies at `wire`."""
        for way in self._ways:
            theirs = way.client.client
            if url.startswith(theirs.base_url + "/"):
                return wire.own_url(wire.base_url + url[len(theirs.base_url) :])
        return ""

    def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        limit: int = JSON_LIMIT,
        *,
        meanwhile: Callable[[], None] = idle,
    ) -> Reply:
        """Return the answer to one authorised request at the address that `url` belongs to.

        Raises: as AuthorisedClient; Busy("moved") if this address rests and another one is ready now.
        """
        way = self._way_of(url)
        try:
            reply = way.client.send(method, url, headers, body, limit, meanwhile=meanwhile)
        except Busy as error:
            self._let_rest(way, error.retry_after_s)
            raise
        except Unreachable as error:
            self._count(way, error.status)
            raise
        if reply.status in (429, 503):
            self._let_rest(way, retry_after_s(reply, self._clock))
        else:
            self._count(way, 511 if is_portal(reply) else reply.status)
        return reply

    def probe(self, time: TrustedTime) -> None:
        """Return if any address answers by a signed time; it is used from here on. Raises: delivery errors."""
        faults: list[QueueError] = []
        for way in self._in_order():
            try:
                ask_time(way.client.client, time)
            except Busy as error:
                self._rest(way, error.retry_after_s)
                faults.append(error)
            except (Unreachable, AnswerFault) as error:
                faults.append(error)
            else:
                self._use(way)
                return
        raise next((fault for fault in faults if getattr(fault, "pause", PauseReason.NONE)), faults[0])

    def look_back(self, time: TrustedTime) -> None:
        """Ask now and then how the first address is; go back to it when it has been well for a while."""
        now = self._clock.mono_s()
        if self._active == 0 or now < self._look_at_s:
            return
        self._look_at_s = now + self._pace.look_s
        first = self._ways[0]
        try:
            ask_time(first.client.client, time)
        except QueueError:
            self._well_since_s = math.inf
            return
        self._well_since_s = min(self._well_since_s, now)
        if now - self._well_since_s >= self._pace.well_s and now >= first.rests_until_s:
            self._use(first)

    def _way_of(self, url: str) -> _Way:
        for way in self._ways:
            if url.startswith(way.client.client.base_url + "/"):
                return way
        raise ValueError("an address of somebody else")

    def _in_order(self) -> list[_Way]:
        """Return the addresses to try: the one in use, then the others by rank; those that rest only if all do."""
        order = [self._ways[self._active], *(way for way in self._ways if way is not self._ways[self._active])]
        now = self._clock.mono_s()
        return [way for way in order if way.rests_until_s <= now] or order[:1]

    def _let_rest(self, way: _Way, asked_s: float | None) -> None:
        """Let an address rest. Raises: Busy("moved") if another one is used now."""
        self._rest(way, asked_s)
        if self._move_on(way):
            raise Busy("moved", 0.0)

    def _rest(self, way: _Way, asked_s: float | None) -> None:
        rest_s = REST_DEFAULT_S if asked_s is None else max(asked_s, 1.0)
        with self._lock:
            way.rests_until_s = self._clock.mono_s() + rest_s

    def _count(self, way: _Way, status: int) -> None:
        """Count faults in a row; any other answer starts the count again."""
        way.faults = way.faults + 1 if status == 0 or status >= 500 else 0
        if way.faults >= FAULTS_MAX:
            way.faults = 0
            self._rest(way, None)
            self._move_on(way)

    def _move_on(self, way: _Way) -> bool:
        """Use another address that does not rest, if `way` is the one in use; return whether there is one."""
        ready = self._in_order()
        if ready[0] is way:
            return False
        self._use(ready[0])
        return True

    def _use(self, way: _Way) -> None:
        at = next(at for at, one in enumerate(self._ways) if one is way)
        with self._lock:
            if at == self._active:
                return
            self._active = at
            self._well_since_s = math.inf
        log.info("platform address %d of %d is used now", at + 1, len(self._ways))
