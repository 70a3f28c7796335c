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
            mistake = "trust.key_backend: 'file' with profile 'production'; allowed there: a backend in hardware"
            raise ConfigError((mistake,))
        self._path = path
        self._lock = threading.Lock()
        self._key: ec.EllipticCurvePrivateKey | None = None

    def exists(self) -> bool:
        """Whether the key file is there."""
        return self._path.exists()

    def create(self) -> None:
        """Make a new key and write it durably, never over another one."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        log.info("DEVELOPMENT KEY: the device key lies in a plain file; never put this machine into service")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self._path.parent)
        except OSError as fault:
            raise QueueError("signer_unavailable", type(fault).__name__) from fault
        with self._lock:
            self._key = key

    def spki(self) -> bytes:
        """Return DER SubjectPublicKeyInfo, 91 bytes."""
        from cryptography.hazmat.primitives import serialization

        return (
            self._load()
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def sign(self, message: bytes) -> bytes:
        """Return ECDSA P-256 SHA-256 over the message, r‖s, 64 bytes."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        r, s = utils.decode_dss_signature(self._load().sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def destroy(self) -> None:
        """Overwrite and remove the file. A copy in the disk's spare cells may outlive it: development only."""
        with self._lock:
            self._key = None
        if not self._path.exists():
            return
        with self._path.open("r+b") as file:
            size = len(file.read())
            file.seek(0)
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
        self._path.unlink()
        sync_folder(self._path.parent)

    def _load(self) -> ec.EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        with self._lock:
            if self._key is None:
                try:
                    if self._path.stat().st_mode & 0o077:
                        raise QueueError("signer_unavailable", "key file is readable by others")
                    key = serialization.load_pem_private_key(self._path.read_bytes(), password=None)
                except (OSError, ValueError) as fault:
                    raise QueueError("signer_unavailable", type(fault).__name__) from fault
                if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
                    raise QueueError("signer_unavailable", "not a P-256 key")
                self._key = key
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
