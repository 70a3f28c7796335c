"""Everything an enrolled terminal needs to speak to its platform, put together once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kiosk.central.bundles import KeyRefresh
from kiosk.central.client import PlatformClient, Timeouts
from kiosk.central.delivery import PlatformDelivery
from kiosk.central.heartbeat import Heartbeat
from kiosk.central.token import AuthorisedClient, TokenSource
from kiosk.trust.identity import Device, DeviceSigner, ReceiptVerifier, SealingKeys
from kiosk.trust.keys import DeviceKey
from kiosk.trust.ring import KeyRing
from kiosk.trust.time import LearningClock, TrustedTime


class Link(msgspec.Struct, frozen=True):
    """The parts of an enrolled terminal's connection; `client.close()` ends it."""

    client: PlatformClient
    authorised: AuthorisedClient
    signer: DeviceSigner
    verifier: ReceiptVerifier
    sealing: SealingKeys
    time: TrustedTime
    delivery: PlatformDelivery
    refresh: KeyRefresh
    heartbeat: Heartbeat


def open_link(
    device: Device,
    key: DeviceKey,
    ring: KeyRing,
    clock: LearningClock,
    folder: Path,
    *,
    url: str,
    ca_path: Path,
    version: str,
    timeouts: Timeouts | None = None,
) -> Link:
    """Return the connection; nothing is sent yet and no request library imported.

    `folder` is state/trust. `url` comes from the configuration, because a platform may move. The cached key bundle
    is in force afterwards if it verifies. Raises: ConfigError.
    """
    client = PlatformClient(url, ca_path, clock, version, timeouts)
    signer = DeviceSigner(key, device)
    time = TrustedTime(folder, ring, clock)
    authorised = AuthorisedClient(client, TokenSource(client, signer, time))
    sealing = SealingKeys(folder, ring)
    sealing.load()
    return Link(
        client=client,
        authorised=authorised,
        signer=signer,
        verifier=ReceiptVerifier(ring),
        sealing=sealing,
        time=time,
        delivery=PlatformDelivery(authorised, time),
        refresh=KeyRefresh(authorised, sealing),
        heartbeat=Heartbeat(authorised, signer, ring, time, folder),
    )
