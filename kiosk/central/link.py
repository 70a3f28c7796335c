"""Everything an enrolled terminal needs to speak to its platform, put together once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kiosk.central.bundles import KeyRefresh
from kiosk.central.client import PlatformClient, Timeouts
from kiosk.central.delivery import PlatformDelivery
from kiosk.central.endpoints import Endpoints, ReturnPace
from kiosk.central.heartbeat import Heartbeat
from kiosk.central.pieces import Limiter, Pieces
from kiosk.central.token import AuthorisedClient, TokenSource
from kiosk.trust.identity import Device, DeviceSigner, ReceiptVerifier, SealingKeys
from kiosk.trust.keys import DeviceKey
from kiosk.trust.ring import KeyRing
from kiosk.trust.time import LearningClock, TrustedTime


class Link(msgspec.Struct, frozen=True):
    """The parts of an enrolled terminal's connection; `close()` ends it. `client` speaks to the first address."""

    client: PlatformClient
    authorised: AuthorisedClient
    signer: DeviceSigner
    verifier: ReceiptVerifier
    sealing: SealingKeys
    time: TrustedTime
    delivery: PlatformDelivery
    refresh: KeyRefresh
    heartbeat: Heartbeat
    clients: tuple[PlatformClient, ...] = ()

    def close(self) -> None:
        """Close every connection to every address."""
        for client in (self.client, *self.clients):
            client.close()

    def look_back(self) -> None:
        """See whether the first address works again. Takes one request's time at most."""
        self.authorised.look_back(self.time)


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
    others: tuple[str, ...] = (),
    bytes_per_s: int = 0,
    pace: ReturnPace | None = None,
) -> Link:
    """Return the connection; nothing is sent yet and no request library imported.

    `folder` is state/trust. `url` comes from the configuration, because a platform may move; `others` are further
    addresses of the same platform. Bodies of uploads leave at `bytes_per_s` at most, 0 for no limit. The cached key
    bundle is in force afterwards if it verifies. Raises: ConfigError.
    """
    limiter = Limiter(bytes_per_s, clock)
    clients = tuple(PlatformClient(one, ca_path, clock, version, timeouts, limiter) for one in (url, *others))
    signer = DeviceSigner(key, device)
    time = TrustedTime(folder, ring, clock)
    ways = tuple(AuthorisedClient(client, TokenSource(client, signer, time)) for client in clients)
    authorised = Endpoints(ways, pace) if others else ways[0]
    sealing = SealingKeys(folder, ring)
    sealing.load()
    return Link(
        client=clients[0],
        authorised=authorised,
        signer=signer,
        verifier=ReceiptVerifier(ring),
        sealing=sealing,
        time=time,
        delivery=PlatformDelivery(authorised, time, Pieces(bytes_per_s)),
        refresh=KeyRefresh(authorised, sealing),
        heartbeat=Heartbeat(authorised, signer, ring, time, folder),
        clients=clients[1:],
    )
