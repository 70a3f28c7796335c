"""The `tpm2` backend: the key is made inside the TPM, stays there under a persistent handle and cannot be exported.

tpm2-tools run as processes of their own with fixed argument lists; `TPM2TOOLS_TCTI` says which TPM. Source:
reference/security.md §6.1; tpm2_create(1), tpm2_evictcontrol(1), tpm2_sign(1). Proven on swtpm, not on a chip.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from pathlib import Path

import msgspec

from kiosk.trust.keys import write_durably
from kiosk.trust.soft import to_raw
from kiosk.trust.tools import run_tool
from offline_queue.api import QueueError

FIRST_HANDLE = 0x81204A00  # owner hierarchy, outside the ranges that the TCG registry sets aside for SRK and EK
HANDLES = 64
ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda"  # made here, never leaves, only signs
SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")  # P-256, RFC 5480
SPKI_BYTES = 91


class _Place(msgspec.Struct, frozen=True):
    """What the terminal remembers of its key: the handle, and the public key once it is made."""

    handle: int
    spki: bytes = b""


class TpmKey:
    """A key under a persistent handle; `path` is the note of handle and public key. `tcti` as TPM2TOOLS_TCTI takes."""

    backend = "tpm2"

    def __init__(self, path: Path, tcti: str) -> None:
        self._path = path
        self._tcti = tcti
        self._lock = threading.Lock()  # a TPM does one thing at a time
        self._is_compared = False

    def exists(self) -> bool:
        """Whether a key was made and not destroyed. The TPM is not asked."""
        place = self._read()
        return place is not None and place.spki != b""

    def create(self) -> None:
        """Make a new key in the TPM. The handle is noted before it is taken, so that a kill leaves nothing behind."""
        with self._lock:
            place = self._read()
            if place is not None and place.spki:
                raise QueueError("signer_unavailable", "a key is there already")
            taken = self._handles()
            if place is not None and place.handle in taken:
                self._evict(place.handle)  # ours, from a creation that broke off
            if place is None:
                free = next((n for n in range(FIRST_HANDLE, FIRST_HANDLE + HANDLES) if n not in taken), None)
                if free is None:
                    raise QueueError("signer_unavailable", "no handle is free")
                place = _Place(free)
                self._write(place)
            spki = self._make(place.handle)
            self._write(_Place(place.handle, spki))
            self._is_compared = True

    def spki(self) -> bytes:
        """Return DER SubjectPublicKeyInfo, 91 bytes, as noted when the key was made."""
        return self._require().spki

    def sign(self, message: bytes) -> bytes:
        """Return ECDSA P-256 SHA-256 over the message, r‖s, 64 bytes."""
        with self._lock:
            place = self._require()
            if not self._is_compared:
                self._compare(place)
            arguments = ("tpm2_sign", "-Q", "-c", hex(place.handle), "-g", "sha256", "-s", "ecdsa", "-f", "plain", "-o")
            with _Scratch() as folder:
                target = folder / "signature"
                self._run((*arguments, str(target)), message)
                return to_raw(_read(target))

    def destroy(self) -> None:
        """Take the key out of the TPM: no copy of it exists anywhere."""
        with self._lock:
            place = self._read()
            if place is None:
                return
            if place.handle in self._handles() and (not place.spki or self._public(place.handle) == place.spki):
                self._evict(place.handle)
            self._path.unlink(missing_ok=True)

    def _make(self, handle: int) -> bytes:
        """Make a primary and the key below it, keep the key under its handle; return its public key."""
        with _Scratch() as folder:
            primary, key = folder / "primary", folder / "key"
            public, private = str(folder / "public"), str(folder / "private")
            made = ("-u", public, "-r", private)
            try:
                self._run(("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc256", "-c", str(primary)))
                self._run(
                    ("tpm2_create", "-Q", "-C", str(primary), "-G", "ecc256:ecdsa-sha256", "-a", ATTRIBUTES, *made)
                )
                self._flush()
                self._run(("tpm2_load", "-Q", "-C", str(primary), *made, "-c", str(key)))
                self._run(("tpm2_evictcontrol", "-Q", "-C", "o", "-c", str(key), hex(handle)))
            finally:
                self._flush()
        return self._public(handle)

    def _public(self, handle: int) -> bytes:
        with _Scratch() as folder:
            target = folder / "spki"
            self._run(("tpm2_readpublic", "-Q", "-c", hex(handle), "-f", "der", "-o", str(target)))
            spki = _read(target)
        if len(spki) != SPKI_BYTES or not spki.startswith(SPKI_HEAD):
            raise QueueError("signer_unavailable", "not a P-256 key")
        return spki

    def _compare(self, place: _Place) -> None:
        """Refuse a TPM that was cleared or exchanged, once a start. Raises: QueueError("signer_unavailable")."""
        if self._public(place.handle) != place.spki:
            raise QueueError("signer_unavailable", "another key stands in the TPM")
        self._is_compared = True

    def _handles(self) -> frozenset[int]:
        """Return the persistent handles in use."""
        said = self._run(("tpm2_getcap", "handles-persistent")).decode("ascii", "replace")
        return frozenset(int(word, 16) for word in said.split() if word.startswith("0x"))

    def _evict(self, handle: int) -> None:
        self._run(("tpm2_evictcontrol", "-Q", "-C", "o", "-c", hex(handle)))

    def _flush(self) -> None:
        """Give transient slots back: without a resource manager a TPM has three."""
        self._run(("tpm2_flushcontext", "-Q", "-t"))

    def _run(self, arguments: tuple[str, ...], given: bytes = b"") -> bytes:
        return run_tool(arguments, given, TPM2TOOLS_TCTI=self._tcti)

    def _require(self) -> _Place:
        place = self._read()
        if place is None or not place.spki:
            raise QueueError("signer_unavailable", "no key")
        return place

    def _read(self) -> _Place | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Place)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise QueueError("signer_unavailable", type(fault).__name__) from fault

    def _write(self, place: _Place) -> None:
        try:
            write_durably(self._path, msgspec.json.encode(place))
        except OSError as fault:
            raise QueueError("signer_unavailable", type(fault).__name__) from fault


class _Scratch:
    """A folder for what tpm2-tools hand to each other: public parts and blobs that only this TPM opens."""

    def __enter__(self) -> Path:
        self._folder = Path(tempfile.mkdtemp(prefix=f"jinban-tpm-{secrets.token_hex(4)}-"))
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise QueueError("signer_unavailable", type(fault).__name__) from fault
