"""Signed time over the wire: the one question that tells *online* from *somebody answers* (queue-and-sync.md §11.3)."""

from __future__ import annotations

from kiosk.central.answers import check, decode_json
from kiosk.central.client import PlatformClient
from kiosk.trust.signed import TrustFault, decode_wire
from kiosk.trust.time import TrustedTime, draw_nonce
from offline_queue.api import AnswerFault, PauseReason, Unreachable


def ask_time(client: PlatformClient, time: TrustedTime) -> float:
    """Return the platform's Unix seconds; the clock has learned them.

    Raises: Busy; Unreachable, with pause=PORTAL when something answers that cannot sign for the platform.
    """
    nonce = draw_nonce()
    reply = check(client.exchange("GET", f"{client.url('/time')}?nonce={nonce}"), client.clock, 200)
    try:
        return time.learn(decode_wire(decode_json(reply.body)), nonce)
    except (AnswerFault, TrustFault) as fault:
        raise Unreachable("portal", status=reply.status, pause=PauseReason.PORTAL) from fault
