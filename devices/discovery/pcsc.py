"""Chip card readers, as pcscd lists them. Asked through its own library, so that no driver of ours is loaded."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from pathlib import Path

from devices.api import DeviceKind
from devices.discovery import Scope, Seen, Sight, found_as

SOCKET = "/run/pcscd/pcscd.comm"  # where pcscd listens; without it the library would wait
SYSTEM = 2  # SCARD_SCOPE_SYSTEM
NO_SERVICE, NO_READERS = 0x8010001D, 0x8010002E
MAX_NAMES = 64 * 1024


def find_pcsc(scope: Scope) -> tuple[Sight, ...]:
    """Return each reader by the name pcscd gives it."""
    if not Path(os.environ.get("PCSCLITE_CSOCK_NAME", SOCKET)).exists():
        return (Sight("pcsc", Seen.ABSENT, "pcscd is not running"),)
    library = ctypes.util.find_library("pcsclite")
    if library is None:
        return (Sight("pcsc", Seen.ABSENT, "libpcsclite is not installed"),)
    code, names = _names(ctypes.CDLL(library))
    if code == NO_READERS or not (code or names):
        return (Sight("pcsc", Seen.ABSENT, "pcscd runs and has no reader"),)
    if code:
        return (Sight("pcsc", Seen.ABSENT, f"pcscd does not answer (0x{code:08X})"),)
    return tuple(found_as(DeviceKind.CARD, f"pcsc:{name}", f"pcsc {name}", "a reader of pcscd") for name in names)


def _names(library: ctypes.CDLL) -> tuple[int, tuple[str, ...]]:
    """Return the return code (0 = good) and the readers' names."""
    context, length = ctypes.c_long(), ctypes.c_ulong(MAX_NAMES)
    code = library.SCardEstablishContext(ctypes.c_ulong(SYSTEM), None, None, ctypes.byref(context)) & 0xFFFFFFFF
    if code:
        return code, ()
    try:
        room = ctypes.create_string_buffer(MAX_NAMES)
        code = library.SCardListReaders(context, None, room, ctypes.byref(length)) & 0xFFFFFFFF
        found = room.raw[: length.value] if not code else b""
        return code, tuple(name.decode("utf-8", "replace") for name in found.split(b"\0") if name)
    finally:
        library.SCardReleaseContext(context)
