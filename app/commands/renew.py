"""`queue renew`: another store where the old one cannot be gone on with; nothing is deleted, no number used twice."""

from __future__ import annotations

import json

from app.setting import QUEUE
from app.stores import audited_number
from kiosk.station.config import Config
from kiosk.trust.identity import load_device
from offline_queue.renewal import renew_store

TRUST = "trust"  # below the state folder


def renew(config: Config, above: int, as_json: bool) -> int:
    """Move the old store to `lost/` and begin another above every number known; return 0.

    Raises: QueueError("no_store", "store_is_well", "number_unknown"), StoreBusy, StoreTooNew, DiskFull.
    """
    state = config.state_folder
    device = load_device(state / TRUST)
    known = max(above, audited_number(state))
    renewed = renew_store(state / QUEUE, device.device_id if device is not None else "", known)
    if as_json:
        print(json.dumps({"first_number": renewed.first_seq, "moved_to": str(renewed.moved_to)}))
    else:
        print(f"the old store lies in {renewed.moved_to}, whole: keep it, and call maintenance")
        print(f"the next number is {renewed.first_seq}")
    return 0
