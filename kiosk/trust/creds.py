"""The `systemd-creds` backend: the key lies encrypted to this machine's TPM and host secret, and opens nowhere else.

Two ways to the open key, tried in this order: the service manager has decrypted it for our unit into the memory file
system of `$CREDENTIALS_DIRECTORY` (`LoadCredentialEncrypted=`), or we may ask `systemd-creds` ourselves (root).
Source: reference/security.md §6.1; systemd-creds(1), systemd.exec(5). What it cannot do: keep root from copying the
key while the terminal runs.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.trust.keys import create_durably, erase
from kiosk.trust.soft import decode_pem, generate_pem, sign_with, spki_of
from kiosk.trust.tools import run_tool
from offline_queue.api import QueueError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

COMMAND = "systemd-creds"


class CredsKey:
    """A key in an encrypted credential file. `name` is bound into the file: another credential does not open as it."""

    backend = "systemd-creds"

    def __init__(self, path: Path, name: str, command: str = COMMAND) -> None:
        self._path = path
        self._name = name
        self._command = command
        self._lock = threading.Lock()
        self._key: ec.EllipticCurvePrivateKey | None = None

    def exists(self) -> bool:
        """Whether the credential file is there."""
        return self._path.exists()

    def create(self) -> None:
        """Make a new key; only its encrypted form is ever written.

        `auto` encrypts to TPM and host secret where there is a TPM, else to the host secret alone.
        """
        pem = generate_pem()
        if self._path.exists():
            raise QueueError("signer_unavailable", "a key is there already")
        sealed = run_tool((self._command, "encrypt", f"--name={self._name}", "--with-key=auto", "-", "-"), pem)
        if not sealed or b"PRIVATE KEY" in sealed:
            raise QueueError("signer_unavailable", "nothing was encrypted")
        try:
            create_durably(self._path, sealed)
        except OSError as fault:
            raise QueueError("signer_unavailable", type(fault).__name__) from fault
        try:
            self._load()
        except QueueError:  # what does not open again must not be enrolled
            erase(self._path)
            raise

    def spki(self) -> bytes:
        """Return DER SubjectPublicKeyInfo, 91 bytes."""
        return spki_of(self._load())

    def sign(self, message: bytes) -> bytes:
        """Return ECDSA P-256 SHA-256 over the message, r‖s, 64 bytes."""
        return sign_with(self._load(), message)

    def destroy(self) -> None:
        """Remove the credential file. A copy of it still opens on this machine, and only on this machine."""
        with self._lock:
            self._key = None
        erase(self._path)

    def _load(self) -> ec.EllipticCurvePrivateKey:
        with self._lock:
            if self._key is None:
                if not self._path.exists():
                    raise QueueError("signer_unavailable", "no key")
                self._key = decode_pem(self._read_passed() or self._decrypt())
            return self._key

    def _read_passed(self) -> bytes:
        """Return what the service manager has decrypted for us, or nothing."""
        folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
        try:
            return (Path(folder) / self._name).read_bytes() if folder else b""
        except OSError:
            return b""

    def _decrypt(self) -> bytes:
        return run_tool((self._command, "decrypt", f"--name={self._name}", str(self._path), "-"))
