"""What every endpoint needs of the running platform, in one value."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.beats import BeatBook
from sandbox.blobs import BlobFolder
from sandbox.fixed import Row
from sandbox.keys import PlatformKeys
from sandbox.recent import Recent
from sandbox.signed import sign_object
from sandbox.store import PlatformStore

CALLER_S, CALLERS_KEPT = 5.0, 20_000
UPLOAD_S, UPLOADS_KEPT = 300.0, 20_000


@dataclass(frozen=True)
class Caller:
    """The device behind a token. `scope` is `all`, or `drain` while the device is suspended."""

    dev: str
    scope: str


@dataclass(frozen=True)
class Platform:
    """Keys, tables, blobs and the clock. No state of any request: another process may serve the next one."""

    keys: PlatformKeys
    store: PlatformStore
    blobs: BlobFolder
    is_auto_approving: bool = False
    stall_s: float = (
        30.0  # a PATCH that brings nothing for so long is let go, so that its upload is not locked for ever
    )
    wall_s: Callable[[], float] = time.time
    beats: BeatBook = field(default_factory=BeatBook)
    device_keys: dict[str, tuple[str, ec.EllipticCurvePublicKey]] = field(default_factory=dict)  # by serial
    seen_serials: set[str] = field(default_factory=set)  # saves asking; nothing depends on what it holds
    callers: Recent[Caller] = field(default_factory=lambda: Recent(CALLER_S, CALLERS_KEPT))  # by their token's hash
    open_uploads: Recent[Row] = field(default_factory=lambda: Recent(UPLOAD_S, UPLOADS_KEPT))  # by device and id

    def now(self) -> int:
        """Return Unix seconds."""
        return int(self.wall_s())

    def sign(self, use: str, purpose: str, value: object) -> dict[str, str]:
        """Return `value` as an object signed by the platform's key of that use."""
        key = self.keys.signing[use]
        return sign_object(key.private, key.kid, purpose, value)
