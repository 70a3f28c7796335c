"""Who this terminal is to the platform: its enrolled identity, its signer, the receipt verifier, the sealing keys."""

from __future__ import annotations

import hmac
import threading
from pathlib import Path

import msgspec

from kiosk.station.errors import ConfigError
from kiosk.trust.keys import DeviceKey, write_durably
from kiosk.trust.ring import KeyRing, decode_keys, is_integer
from kiosk.trust.signed import Purpose, TrustFault, decode_wire, encode_wire, from_base64url, signed_bytes
from offline_queue.api import AnswerFault, QueueError, Receipt, SealingKey, SignedObject

KEY_FILE = "device.key"
DEVICE_FILE = "device.json"
BUNDLE_FILE = "keys.json"
HEX_SHA256 = 64


class Device(msgspec.Struct, frozen=True):
    """What enrolment brought; state/trust/device.json. Certificates are DER, the issuer's chain follows."""

    device_id: str
    serial: str  # of the certificate, lower-case hex; the kid of what this device signs
    certificate: bytes
    chain: tuple[bytes, ...]
    platform_url: str
    genesis: str  # nonce that the audit chain begins with
    enrolled_s: int
    not_after_s: int  # end of the certificate
    slot: str = "device"  # where the key of this certificate lies
    former: tuple[bytes, ...] = ()  # certificates before this one, DER, oldest first: they verify older signatures

    @property
    def first_certificate(self) -> bytes:
        """Return the certificate of the enrolment, which the audit chain begins with."""
        return self.former[0] if self.former else self.certificate


def load_device(folder: Path) -> Device | None:
    """Return the enrolled identity, or None when this terminal is blank.

    Raises: ConfigError when the file is there and cannot be read: a blank start would enrol a second time.
    """
    path = folder / DEVICE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Device)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise ConfigError((f"trust: {path} cannot be read; allowed: the file that `enrol` wrote",)) from fault


def store_device(folder: Path, device: Device) -> None:
    """Write the identity atomically and durably."""
    write_device(folder / DEVICE_FILE, device)


def write_device(path: Path, device: Device) -> None:
    """Write an identity to a file of any name, atomically and durably."""
    write_durably(path, msgspec.json.encode(device))


class DeviceSigner:
    """Signs with the device key in the name of the enrolled device; implements `offline_queue.api.Signer`.

    Key and identity are exchanged together (`adopt`). What another thread composed under the former identity and
    signs a moment later is still signed by the key it names.
    """

    def __init__(self, key: DeviceKey, device: Device) -> None:
        self._held = self._former = (key, device)

    def adopt(self, key: DeviceKey, device: Device) -> None:
        """Sign with another key from now on: a rotation is through. The former key must outlive this process."""
        self._held, self._former = (key, device), self._held

    @property
    def device(self) -> Device:
        """Return the identity in force."""
        return self._held[1]

    @property
    def device_id(self) -> str:
        """Return `K-…`, the enrolled id."""
        return self._held[1].device_id

    @property
    def certificate_serial(self) -> str:
        """Return the certificate's serial in lower-case hex."""
        return self._held[1].serial

    def sign(self, purpose: str, payload: bytes) -> SignedObject:
        """Sign `purpose` ‖ 00 ‖ payload. Raises: QueueError("signer_unavailable")."""
        try:
            known = Purpose(purpose)
        except ValueError as fault:
            raise QueueError("signer_unavailable", "unknown purpose") from fault
        key, device = self._named(b"cert", payload)
        return SignedObject(payload, device.serial, key.sign(signed_bytes(known, payload)))

    def sign_assertion(self, signing_input: bytes) -> bytes:
        """Return the ES256 signature of a compact JWT's `header.claims`.

        A dot never stands where a purpose has its zero byte, so no assertion passes for a signed object.
        Raises: QueueError("signer_unavailable"), also for bytes that are no JWT signing input.
        """
        if not signing_input.startswith(b"eyJ") or signing_input.count(b".") != 1 or b"\x00" in signing_input:
            raise QueueError("signer_unavailable", "not a JWT")
        try:
            header = from_base64url(signing_input.partition(b".")[0].decode("ascii", "replace"))
        except TrustFault as fault:
            raise QueueError("signer_unavailable", "not a JWT") from fault
        return self._named(b"kid", header)[0].sign(signing_input)

    def _named(self, word: bytes, payload: bytes) -> tuple[DeviceKey, Device]:
        """Return the key in force, or the former one where the payload names its certificate."""
        key, device = self._former
        is_former = b'"%s":"%s"' % (word, device.serial.encode("ascii")) in payload
        return (key, device) if is_former else self._held


class ReceiptVerifier:
    """Checks platform receipts against the key ring; implements `offline_queue.api.Verifier`."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def verify_receipt(self, receipt: SignedObject, sid: str, dev: str, seq: int, manifest_sha256: str) -> Receipt:
        """Return the receipt if signature and all four facts agree. Raises: AnswerFault."""
        try:
            value = self._ring.verify(receipt, Purpose.RECEIPT, when="ts")
        except TrustFault as fault:
            raise AnswerFault("receipt_unverified") from fault
        if value.get("v") != 1 or value.get("typ") != "receipt" or not is_integer(value.get("seq")):
            raise AnswerFault("receipt_unverified")
        if (value.get("sid"), value.get("dev"), value["seq"]) != (sid, dev, seq):
            raise AnswerFault("receipt_of_another")
        digest = value.get("manifest_sha256")
        if not isinstance(digest, str) or len(digest) != HEX_SHA256:
            raise AnswerFault("receipt_unverified")
        if not hmac.compare_digest(digest.encode(), manifest_sha256.encode()):
            raise AnswerFault("receipt_of_another")
        case_number = value.get("case_number")
        if not isinstance(case_number, str) or not case_number:
            raise AnswerFault("receipt_unverified")
        query_code = value.get("query_code", "")
        return Receipt(
            sid=sid,
            dev=dev,
            seq=seq,
            manifest_sha256=digest,
            case_number=case_number,
            ts=value["ts"],
            query_code=query_code if isinstance(query_code, str) else "",
        )


class SealingKeys:
    """The platform's keys as signed bundles bring them: cached on disk, verified again at every start.

    Feeds the ring with every key of the bundle, and gives the queue the keys to seal to.
    """

    def __init__(self, folder: Path, ring: KeyRing) -> None:
        self._path = folder / BUNDLE_FILE
        self._ring = ring
        self._version = 0
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """Return the version of the bundle in force, 0 if none."""
        return self._version

    def load(self) -> bool:
        """Whether the cached bundle was there and still verifies; a broken cache counts as none."""
        try:
            wire = msgspec.json.decode(self._path.read_bytes())
            self._accept(decode_wire(wire))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, TrustFault):
            return False
        return True

    def update(self, bundle: SignedObject) -> None:
        """Believe a fresh bundle and keep it on disk.

        Raises: TrustFault if it does not verify or is older than the one in force; the last good one stays.
        """
        with self._lock:
            if self._accept(bundle):
                write_durably(self._path, msgspec.json.encode(encode_wire(bundle)))

    def recipients(self) -> tuple[SealingKey, ...]:
        """Return every published sealing and escrow key; the queue chooses. Raises: SealFault("no_key")."""
        return self._ring.sealing_keys()

    def _accept(self, bundle: SignedObject) -> bool:
        """Take the bundle into the ring; False if it is the one in force already."""
        value = self._ring.verify(bundle, Purpose.BUNDLE, when="ts")
        version = value.get("version")
        if value.get("typ") != "keys" or not is_integer(version) or version < max(self._version, 1):
            raise TrustFault
        keys = decode_keys(value.get("keys"))
        is_new = version > self._version
        self._ring.learn(keys)
        self._version = int(version)
        return is_new


def certificate_spki(device: Device) -> bytes:
    """Return the public key of the device's certificate, DER SubjectPublicKeyInfo."""
    return facts_of(device.certificate)[1]


def facts_of(certificate: bytes) -> tuple[str, bytes]:
    """Return serial, lower-case hex, and public key, DER SubjectPublicKeyInfo, of a DER certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    decoded = x509.load_der_x509_certificate(certificate)
    spki = decoded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{decoded.serial_number:x}", spki
