"""Where this terminal's key lives: the backend that the configuration names, and its two slots.

Two slots, because a rotation holds the old key and the new one for some days; `Device.slot` says which is in force.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kiosk.station.errors import ConfigError
from kiosk.trust.keys import DeviceKey, FileKey

if TYPE_CHECKING:
    from kiosk.station.config import Config

SLOTS = ("device", "device-b")
TPM = "device:/dev/tpmrm0"
BACKENDS: dict[str, str] = {
    "file": "a plain file, for development",
    "systemd-creds": "a file encrypted to TPM and host by systemd; root can copy the key while the terminal runs",
    "tpm2": "inside the TPM; proven on a software TPM, not on a chip",
    "windows": "CNG; unproven: never run on Windows",
}
"""The backends, and how far each can be believed. `doctor` and docs/operating.md say the same."""


class KeyPlace(msgspec.Struct, frozen=True):
    """The backend of this terminal's key and where it keeps its files; `folder` is state/trust."""

    backend: str
    folder: Path
    profile: str
    tpm: str = TPM

    def key(self, slot: str = SLOTS[0]) -> DeviceKey:
        """Return the key of a slot, there or not. Raises: ConfigError for a backend that cannot be used here."""
        if slot not in SLOTS:
            raise ConfigError((f"trust: slot {slot!r}; allowed: {', '.join(SLOTS)}",))
        match self.backend:
            case "file":
                return FileKey(self.folder / f"{slot}.key", self.profile)
            case "systemd-creds":
                from kiosk.trust.creds import CredsKey

                return CredsKey(self.folder / f"{slot}.cred", f"jinban-{slot}-key")
            case "tpm2":
                from kiosk.trust.tpm import TpmKey

                return TpmKey(self.folder / f"{slot}.tpm", self.tpm)
            case "windows":
                from kiosk.trust.windows import WindowsKey

                return WindowsKey(f"jinban-{slot}-key")
        raise ConfigError((f"platform.key_backend: {self.backend!r}; allowed: {', '.join(BACKENDS)}",))

    def other(self, slot: str) -> str:
        """Return the slot that is not this one."""
        return SLOTS[1] if slot == SLOTS[0] else SLOTS[0]


def key_place(config: Config, folder: Path) -> KeyPlace:
    """Return the place that the configuration names; `folder` is state/trust."""
    return KeyPlace(config.platform.key_backend, folder, config.profile, config.platform.tpm)
