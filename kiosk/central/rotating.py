"""The wire of a key rotation: ask for the certificate, prove the new key by a heartbeat, put it in force."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kiosk.central.answers import check, decode_json, problem_code
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.central.token import AuthorisedClient, TokenSource
from kiosk.trust.backends import KeyPlace
from kiosk.trust.identity import Device, DeviceSigner, certificate_spki
from kiosk.trust.keys import DeviceKey
from kiosk.trust.rotation import (
    RotationFault,
    abandon,
    build_request,
    commit,
    is_due,
    keep_candidate,
    load_candidate,
    prepare_key,
)
from kiosk.trust.signed import encode_wire
from offline_queue.api import Unauthorised


class KeyRotation:
    """Rotates the key of a running terminal. One thread at a time; a rotation that broke off goes on."""

    def __init__(self, link: Link, place: KeyPlace) -> None:
        self._link = link
        self._place = place

    def is_due(self) -> bool:
        """Whether two thirds of the certificate's life have passed, or a rotation waits to be ended."""
        now_s = self._link.time.now_s()
        return is_due(self._link.signer.device, now_s) or load_candidate(self._place.folder) is not None

    def rotate(self, pulse: Callable[[], Pulse]) -> Device:
        """Return the identity now in force, after a heartbeat with its key. The old key lies there until a start.

        Raises: delivery errors, RotationFault, QueueError("signer_unavailable"): the old key stays in force.
        """
        device = self._link.signer.device
        key = prepare_key(self._place, device)
        candidate = load_candidate(self._place.folder)
        if candidate is None or certificate_spki(candidate) != key.spki():
            candidate = keep_candidate(self._place, device, key, self._ask(device, key), self._link.time.now_s())
        self._prove(key, candidate, pulse())
        commit(self._place.folder)
        self._link.signer.adopt(key, candidate)
        return candidate

    def _ask(self, device: Device, key: DeviceKey) -> object:
        """Return the platform's answer `{cert, chain}`."""
        wire = self._link.client
        request = build_request(self._place.key(device.slot), device, key, self._link.time.now_s())
        reply = self._link.authorised.send(
            "POST",
            wire.url("/devices/self/certificate"),
            {"Content-Type": "application/json"},
            msgspec.json.encode(encode_wire(request)),
        )
        if problem_code(reply) == "rotation_pending":
            raise RotationFault("rotation_pending")
        check(reply, wire.clock, 200)
        return decode_json(reply.body)

    def _prove(self, key: DeviceKey, candidate: Device, pulse: Pulse) -> None:
        """Sign in and send a heartbeat with the new key: only then is it the platform's key too."""
        signer = DeviceSigner(key, candidate)
        client = AuthorisedClient(self._link.client, TokenSource(self._link.client, signer, self._link.time))
        try:
            self._link.heartbeat.send(pulse, client=client, signer=signer)
        except Unauthorised as fault:
            if fault.code == "bad_assertion":  # it waited too long and lapsed
                abandon(self._place.folder)
            raise
