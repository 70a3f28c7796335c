"""The `windows` backend: a key of the Cryptography API: Next Generation, in the TPM where there is one.

UNPROVEN: written from the documentation of NCrypt and tried against a stand-in of the library, never on Windows.
Without a TPM provider the machine's software provider keeps the key under DPAPI with machine scope. No export policy
is set, so the private part cannot be exported. Source: reference/security.md §6.1; Microsoft's pages on
NCryptCreatePersistedKey, NCryptSignHash and BCRYPT_ECCKEY_BLOB.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
import threading
from typing import Any

from offline_queue.api import QueueError

IS_PROVEN = False
PROVIDERS = ("Microsoft Platform Crypto Provider", "Microsoft Software Key Storage Provider")  # TPM, else DPAPI
ALGORITHM = "ECDSA_P256"
PUBLIC_BLOB = "ECCPUBLICBLOB"
MACHINE_KEY = 0x20  # NCRYPT_MACHINE_KEY_FLAG
SILENT = 0x40  # NCRYPT_SILENT_FLAG: no dialog, ever
NO_SUCH_KEY = (0x80090016, 0x80090011)  # NTE_BAD_KEYSET, NTE_NOT_FOUND
ECS1 = 0x31534345  # BCRYPT_ECDSA_PUBLIC_P256_MAGIC
HALF = 32
BLOB_BYTES = 8 + 2 * HALF
SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # P-256, point not compressed


class WindowsKey:
    """A persisted, named CNG key of this machine. `library` is ncrypt.dll, or what stands in for it in tests."""

    backend = "windows"

    def __init__(self, name: str, library: Any = None) -> None:
        if library is None and sys.platform != "win32":
            raise QueueError("signer_unavailable", "not Windows")
        self._name = name
        self._ncrypt = library if library is not None else ctypes.WinDLL("ncrypt")  # type: ignore[attr-defined,unused-ignore]
        self._lock = threading.Lock()

    def exists(self) -> bool:
        """Whether a provider holds the key."""
        with self._lock:
            handle = self._open()
            if handle is None:
                return False
            self._free(handle)
            return True

    def create(self) -> None:
        """Make a new key in the first provider that can."""
        with self._lock:
            existing = self._open()
            if existing is not None:
                self._free(existing)
                raise QueueError("signer_unavailable", "a key is there already")
            if not any(self._make(provider) for provider in PROVIDERS):
                raise QueueError("signer_unavailable", "no provider makes a P-256 key")

    def spki(self) -> bytes:
        """Return DER SubjectPublicKeyInfo, 91 bytes."""
        blob = ctypes.create_string_buffer(BLOB_BYTES)
        size = ctypes.c_uint32()
        with self._lock:
            handle = self._require()
            try:
                code = self._ncrypt.NCryptExportKey(
                    handle, None, PUBLIC_BLOB, None, blob, BLOB_BYTES, ctypes.byref(size), SILENT
                )
            finally:
                self._free(handle)
        self._check("NCryptExportKey", code)
        return decode_blob(blob.raw[: size.value])

    def sign(self, message: bytes) -> bytes:
        """Return ECDSA P-256 SHA-256 over the message; CNG gives r‖s, 64 bytes, by itself."""
        digest = hashlib.sha256(message).digest()
        signature = ctypes.create_string_buffer(2 * HALF)
        size = ctypes.c_uint32()
        with self._lock:
            handle = self._require()
            try:
                code = self._ncrypt.NCryptSignHash(
                    handle, None, digest, len(digest), signature, 2 * HALF, ctypes.byref(size), SILENT
                )
            finally:
                self._free(handle)
        self._check("NCryptSignHash", code)
        if size.value != 2 * HALF:
            raise QueueError("signer_unavailable", "not a signature")
        return signature.raw

    def destroy(self) -> None:
        """Delete the key from its provider."""
        with self._lock:
            handle = self._open()
            if handle is not None:  # NCryptDeleteKey frees the handle too
                self._check("NCryptDeleteKey", self._ncrypt.NCryptDeleteKey(handle, SILENT))

    def _make(self, provider_name: str) -> bool:
        """Whether this provider has made the key."""
        provider = self._provider(provider_name)
        if provider is None:
            return False
        handle = ctypes.c_void_p()
        try:
            code = self._ncrypt.NCryptCreatePersistedKey(
                provider, ctypes.byref(handle), ALGORITHM, self._name, 0, MACHINE_KEY
            )
            if code:
                return False
            done: int = self._ncrypt.NCryptFinalizeKey(handle, SILENT)  # only now it exists
            self._free(handle)
            return done == 0
        finally:
            self._free(provider)

    def _open(self) -> ctypes.c_void_p | None:
        for name in PROVIDERS:
            provider = self._provider(name)
            if provider is None:
                continue
            handle = ctypes.c_void_p()
            code = self._ncrypt.NCryptOpenKey(provider, ctypes.byref(handle), self._name, 0, MACHINE_KEY | SILENT)
            self._free(provider)
            if not code:
                return handle
            if code & 0xFFFFFFFF not in NO_SUCH_KEY:
                self._check("NCryptOpenKey", code)
        return None

    def _provider(self, name: str) -> ctypes.c_void_p | None:
        handle = ctypes.c_void_p()
        return None if self._ncrypt.NCryptOpenStorageProvider(ctypes.byref(handle), name, 0) else handle

    def _require(self) -> ctypes.c_void_p:
        handle = self._open()
        if handle is None:
            raise QueueError("signer_unavailable", "no key")
        return handle

    def _free(self, handle: ctypes.c_void_p) -> None:
        self._ncrypt.NCryptFreeObject(handle)

    def _check(self, name: str, code: int) -> None:
        if code:
            raise QueueError("signer_unavailable", f"{name}: {code & 0xFFFFFFFF:08x}")


def decode_blob(blob: bytes) -> bytes:
    """Return the DER SPKI of a BCRYPT_ECCKEY_BLOB: magic, length of a coordinate, x, y; integers little-endian.

    Raises: QueueError("signer_unavailable") for anything but a public P-256 key.
    """
    magic, length = int.from_bytes(blob[:4], "little"), int.from_bytes(blob[4:8], "little")
    if (len(blob), magic, length) != (BLOB_BYTES, ECS1, HALF):
        raise QueueError("signer_unavailable", "not a P-256 key")
    return SPKI_HEAD + blob[8:]
