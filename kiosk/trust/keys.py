"""The one P-256 key of this machine: the protocol every backend follows, and the `file` backend of development.

Source: reference/security.md §6.1. Private bytes never leave the backend; a signature comes out as 64 bytes r‖s.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kiosk.station.errors import ConfigError
from kiosk.trust.soft import decode_pem, generate_pem, sign_with, spki_of
from offline_queue.api import QueueError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

log = logging.getLogger(__name__)

PRODUCTION = "production"
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # AlgorithmIdentifier 1.2.840.10045.4.3.2, RFC 5758


class DeviceKey(Protocol):
    """The one P-256 key of this machine. Private bytes never leave the backend."""

    @property
    def backend(self) -> str:
        """Return the backend's name: `tpm2`, `systemd-creds`, `windows`, `file`."""

    def exists(self) -> bool:
        """Whether a key was created and not destroyed."""

    def create(self) -> None:
        """Make a new key. Raises: QueueError("signer_unavailable") if one exists or cannot be made."""

    def spki(self) -> bytes:
        """Return DER SubjectPublicKeyInfo. Raises: QueueError("signer_unavailable")."""

    def sign(self, message: bytes) -> bytes:
        """Return ECDSA P-256 SHA-256, r‖s, 64 bytes. Raises: QueueError("signer_unavailable")."""

    def destroy(self) -> None:
        """Make the key unusable for ever; nothing happens if there is none."""


class FileKey:
    """A key in a file of mode 0600, for development and demonstration.

    Raises: ConfigError when the profile is `production`: there a key belongs into hardware or the service manager.
    """

    backend = "file"

    def __init__(self, path: Path, profile: str) -> None:
        if profile == PRODUCTION:
            allowed = "allowed there: tpm2, systemd-creds or windows"
            raise ConfigError((f"platform.key_backend: 'file' with profile 'production'; {allowed}",))
        self._path = path
        self._lock = threading.Lock()
        self._key: ec.EllipticCurvePrivateKey | None = None

    def exists(self) -> bool:
        """Whether the key file is there."""
        return self._path.exists()

    def create(self) -> None:
        """Make a new key and write it durably, never over another one."""
        pem = generate_pem()
        log.info("DEVELOPMENT KEY: the device key lies in a plain file; never put this machine into service")
        try:
            create_durably(self._path, pem)
        except OSError as fault:
            raise QueueError("signer_unavailable", type(fault).__name__) from fault
        with self._lock:
            self._key = decode_pem(pem)

    def spki(self) -> bytes:
        """Return DER SubjectPublicKeyInfo, 91 bytes."""
        return spki_of(self._load())

    def sign(self, message: bytes) -> bytes:
        """Return ECDSA P-256 SHA-256 over the message, r‖s, 64 bytes."""
        return sign_with(self._load(), message)

    def destroy(self) -> None:
        """Overwrite and remove the file. A copy in the disk's spare cells may outlive it: development only."""
        with self._lock:
            self._key = None
        erase(self._path)

    def _load(self) -> ec.EllipticCurvePrivateKey:
        with self._lock:
            if self._key is None:
                try:
                    if self._path.stat().st_mode & 0o077:
                        raise QueueError("signer_unavailable", "key file is readable by others")
                    pem = self._path.read_bytes()
                except OSError as fault:
                    raise QueueError("signer_unavailable", type(fault).__name__) from fault
                self._key = decode_pem(pem)
            return self._key


def build_csr(key: DeviceKey) -> bytes:
    """Return a DER PKCS #10 request with an empty name, signed through the backend (about 190 bytes).

    Built by hand, because the key may live where no library can reach it. Source: RFC 2986 §4.
    """
    info = _der(0x30, b"\x02\x01\x00" + b"\x30\x00" + key.spki() + b"\xa0\x00")
    return _der(0x30, info + ECDSA_WITH_SHA256 + _der(0x03, b"\x00" + _der_signature(key.sign(info))))


def sync_folder(folder: Path) -> None:
    """Make a rename or creation in the folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create_durably(path: Path, data: bytes) -> None:
    """Make a file that must not be there yet, whole or not at all: 0600, synced, folder synced. Raises: OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    erase(temporary)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename it never replaces
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def erase(path: Path) -> None:
    """Overwrite and remove a file; nothing happens if there is none. Spare cells of a disk may keep a copy.

    It loses its name first, so that a kill never leaves half of it under that name; what a kill left is removed too.
    """
    grave = path.with_name(f".{path.name}.erased")
    if path.exists():
        path.rename(grave)
    elif not grave.exists():
        return
    with grave.open("r+b") as file:
        size = len(file.read())
        file.seek(0)
        file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())
    grave.unlink()
    sync_folder(path.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file atomically: temporary name, 0600, synced, renamed, folder synced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _der_signature(signature: bytes) -> bytes:
    return _der(0x30, _der_integer(signature[:32]) + _der_integer(signature[32:]))


def _der_integer(value: bytes) -> bytes:
    stripped = value.lstrip(b"\x00") or b"\x00"
    return _der(0x02, (b"\x00" if stripped[0] & 0x80 else b"") + stripped)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        length = bytes((size,))
    elif size < 0x100:
        length = bytes((0x81, size))
    else:
        length = bytes((0x82,)) + size.to_bytes(2, "big")
    return bytes((tag,)) + length + content
