"""The signed heartbeat: how this terminal is, and the platform's time in return (queue-and-sync.md §9.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from kiosk.central.answers import check, decode_json
from kiosk.central.commands import Result
from kiosk.central.token import AuthorisedClient
from kiosk.station.audit_format import Head
from kiosk.trust.identity import DeviceSigner
from kiosk.trust.keys import write_durably
from kiosk.trust.ring import KeyRing
from kiosk.trust.signed import Purpose, TrustFault, decode_wire, encode_canonical, encode_wire
from kiosk.trust.time import TrustedTime
from offline_queue.api import AnswerFault, QueueError, QueueStats

COUNTER_FILE = "heartbeat.json"
BLOCK = 60  # numbers reserved by one durable write: an hour at one a minute
BODY_LIMIT = 16 * 1024  # §9.1


class Pulse(msgspec.Struct, frozen=True):
    """What a heartbeat tells beside its number and the clock; no personal data. Sizes in bytes."""

    app: str
    catalogue: str
    queue: QueueStats
    audit: Head
    devices: dict[str, str] = {}  # kind → device word
    paper: str = "unknown"
    memory_bytes: int = 0
    faults: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()  # of commands, until the platform has them


class Heartbeat:
    """Sends heartbeats and learns the time from their answers. One thread at a time."""

    def __init__(
        self, client: AuthorisedClient, signer: DeviceSigner, ring: KeyRing, time: TrustedTime, folder: Path
    ) -> None:
        self._client = client
        self._signer = signer
        self._ring = ring
        self._time = time
        self._path = folder / COUNTER_FILE
        self._next_n = self._reserved_n = _load_counter(self._path)

    def send(
        self, pulse: Pulse, *, client: AuthorisedClient | None = None, signer: DeviceSigner | None = None
    ) -> dict[str, Any]:
        """Return the platform's verified answer `{now, config_version, commands, ack_results}`.

        `client` and `signer` speak with another key of the same device: the first heartbeat after a rotation.
        Raises: delivery errors; AnswerFault if the answer does not verify; QueueError("signer_unavailable").
        """
        number = self._draw()
        beat = compose_heartbeat(pulse, self._signer.device_id, number, self._time.offset_s)
        signed = (signer or self._signer).sign(Purpose.HEARTBEAT, encode_canonical(beat))
        body = msgspec.json.encode(encode_wire(signed))
        if len(body) > BODY_LIMIT:
            raise QueueError("heartbeat_too_large")
        wire = self._client.client
        reply = (client or self._client).send(
            "POST", wire.url("/heartbeat"), {"Content-Type": "application/json"}, body
        )
        check(reply, wire.clock, 200)
        try:
            answer = self._ring.verify(decode_wire(decode_json(reply.body)), Purpose.TIME, when="now")
        except TrustFault as fault:
            raise AnswerFault("heartbeat_unverified") from fault
        if answer.get("typ") != "heartbeat" or answer.get("n") != number:  # an older answer, played again
            raise AnswerFault("heartbeat_unverified")
        self._time.take(float(answer["now"]))
        return answer

    def _draw(self) -> int:
        """Return the next number; it rises over restarts, at the price of gaps."""
        self._next_n += 1
        if self._next_n > self._reserved_n:
            self._reserved_n = self._next_n + BLOCK
            write_durably(self._path, msgspec.json.encode({"n": self._reserved_n}))
        return self._next_n


def compose_heartbeat(pulse: Pulse, device_id: str, number: int, offset_s: float) -> dict[str, Any]:
    """Return the heartbeat's object, about 370 bytes as canonical JSON."""
    return {
        "app": pulse.app,
        "audit": {"h": pulse.audit.h, "n": pulse.audit.n},
        "cat": pulse.catalogue,
        "clk_offset_ms": round(offset_s * 1000),
        "dev": device_id,
        "devices": dict(pulse.devices),
        "disk_free": pulse.queue.free_bytes,
        "faults": list(pulse.faults),
        "n": number,
        "paper": pulse.paper,
        "pause": str(pulse.queue.pause),
        "policy": 1,
        "queue": {
            "bytes": pulse.queue.bytes_waiting,
            "dead": pulse.queue.dead,
            "oldest": pulse.queue.oldest_wall,
            "ready": pulse.queue.ready + pulse.queue.sending,
        },
        "results": [{"id": result.id, "outcome": str(result.outcome)} for result in pulse.results],
        "rss": pulse.memory_bytes,
        "typ": "heartbeat",
        "v": 1,
    }


def _load_counter(path: Path) -> int:
    try:
        value = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return 0
    return max(value.get("n", 0), 0)
