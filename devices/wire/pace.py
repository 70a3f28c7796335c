"""PACE with generic mapping over elliptic curves: messages, mapping, keys and tokens, for terminal and chip.

Source: ICAO Doc 9303-11 §4.4 and its worked example (appendix G.1), BSI TR-03110-3. Passwords: the printed zone (MRZ)
or the card access number (CAN). Pure; the only error is WireFault.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
from cryptography.hazmat.primitives import constant_time

from devices.api import WireFault
from devices.wire.curve import CURVES, Curve, Point, add, decode_point, encode_point, multiply
from devices.wire.emrtd_keys import (
    AES128,
    AES192,
    AES256,
    DES3,
    Keys,
    Suite,
    Use,
    compute_mac,
    decrypt,
    derive_key,
    derive_keys,
    encrypt,
    hash_key_text,
    pad,
)
from devices.wire.tlv import decode_flat, encode_tlv, pick

NONCE_BYTES = 16
_ECDH_GM = bytes.fromhex("04007F000702020402")  # id-PACE-ECDH-GM, 0.4.0.127.0.7.2.2.4.2
SUITES: dict[bytes, Suite] = {
    _ECDH_GM + bytes((number,)): suite for number, suite in enumerate((DES3, AES128, AES192, AES256), 1)
}
_DYNAMIC, _PUBLIC_KEY, _OID, _POINT = 0x7C, 0x7F49, 0x06, 0x86
_PROTOCOL, _PASSWORD, _PARAMETERS = 0x80, 0x83, 0x84


class Step(IntEnum):
    """Tags of the dynamic authentication data: what the terminal sends, then what the chip answers."""

    NONCE = 0x80
    MAP_TERMINAL = 0x81
    MAP_CHIP = 0x82
    KEY_TERMINAL = 0x83
    KEY_CHIP = 0x84
    TOKEN_TERMINAL = 0x85
    TOKEN_CHIP = 0x86


class Password(IntEnum):
    """Which secret is used, as MSE:Set AT names it."""

    MRZ = 1
    CAN = 2


class PaceInfo(msgspec.Struct, frozen=True):
    """One way of PACE a chip offers: protocol (OID bytes) and the number of its curve."""

    protocol: bytes
    parameter_id: int

    @property
    def is_known(self) -> bool:
        """Whether we can do it: generic mapping, one of our curves."""
        return self.protocol in SUITES and self.parameter_id in CURVES

    @property
    def suite(self) -> Suite:
        """Return the cipher. Raises: WireFault if it is none of ours."""
        if self.protocol not in SUITES:
            raise WireFault("pace_protocol")
        return SUITES[self.protocol]

    @property
    def curve(self) -> Curve:
        """Return the curve. Raises: WireFault if it is none of ours."""
        if self.parameter_id not in CURVES:
            raise WireFault("pace_curve")
        return CURVES[self.parameter_id]


def protocol_of(suite: Suite) -> bytes:
    """Return the OID bytes of generic mapping with this cipher."""
    return next(protocol for protocol, one in SUITES.items() if one == suite)


def derive_password_key(suite: Suite, password: Password, text: str) -> bytes:
    """Return the key that hides the nonce. `text` is the key text of the zone, or the digits of the CAN."""
    if password is Password.MRZ:
        return derive_key(suite, hash_key_text(text), Use.PASSWORD)
    try:
        return derive_key(suite, text.encode("ascii"), Use.PASSWORD)
    except UnicodeEncodeError:
        raise WireFault("can_character") from None


def decode_nonce(suite: Suite, password_key: bytes, hidden: bytes) -> int:
    """Return the nonce. Raises: WireFault if its length is wrong."""
    if len(hidden) != NONCE_BYTES:
        raise WireFault("pace_nonce")
    return int.from_bytes(decrypt(suite, password_key, hidden), "big")


def encode_nonce(suite: Suite, password_key: bytes, nonce: int) -> bytes:
    """Return the nonce as the chip sends it."""
    return encrypt(suite, password_key, nonce.to_bytes(NONCE_BYTES, "big"))


def map_base(curve: Curve, nonce: int, secret: int, other: Point) -> Point:
    """Return the session's own base point: nonce · G + secret · other."""
    return add(curve, multiply(curve, nonce, curve.base), multiply(curve, secret, other))


def agree_keys(info: PaceInfo, secret: int, other: Point) -> Keys:
    """Return the session keys from the second exchange; the x of the shared point is what both know."""
    x, _ = multiply(info.curve, secret, other)
    return derive_keys(info.suite, x.to_bytes(info.curve.size_bytes, "big"))


def compute_token(info: PaceInfo, keys: Keys, other: Point) -> bytes:
    """Return the token by which one side shows the other that it has the keys: a MAC over the other's key."""
    body = encode_tlv(_OID, info.protocol) + encode_tlv(_POINT, encode_point(info.curve, other))
    data = encode_tlv(_PUBLIC_KEY, body)
    return compute_mac(keys.suite, keys.mac, data if keys.suite.is_aes else pad(data, keys.suite.block_bytes))


def is_token(info: PaceInfo, keys: Keys, own: Point, token: bytes) -> bool:
    """Whether the other side's token is right, told in constant time."""
    return constant_time.bytes_eq(compute_token(info, keys, own), token)


# ── messages ───────────────────────────────────────────────────────────────────────────────


def encode_set_at(info: PaceInfo, password: Password) -> bytes:
    """Return the data of MSE:Set AT: protocol, password and curve."""
    return (
        encode_tlv(_PROTOCOL, info.protocol)
        + encode_tlv(_PASSWORD, bytes((password,)))
        + encode_tlv(_PARAMETERS, bytes((info.parameter_id,)))
    )


def decode_set_at(data: bytes) -> tuple[bytes, Password, int | None]:
    """Return protocol, password and curve (None where not named). Raises: WireFault."""
    objects = decode_flat(data)
    try:
        password = Password(int.from_bytes(pick(objects, _PASSWORD), "big"))
    except ValueError:
        raise WireFault("pace_password") from None
    parameters = dict(objects).get(_PARAMETERS)
    return pick(objects, _PROTOCOL), password, int.from_bytes(parameters, "big") if parameters else None


def encode_step(step: Step | None = None, value: bytes = b"") -> bytes:
    """Return dynamic authentication data with one object, or none: the terminal's first word."""
    return encode_tlv(_DYNAMIC, encode_tlv(step, value) if step else b"")


def decode_step(data: bytes) -> tuple[Step | None, bytes]:
    """Return what dynamic authentication data holds. Raises: WireFault."""
    objects = decode_flat(pick(decode_flat(data), _DYNAMIC))
    if not objects:
        return None, b""
    tag, value = objects[0]
    try:
        return Step(tag), value
    except ValueError:
        raise WireFault("pace_step") from None


def decode_answer(data: bytes, step: Step) -> bytes:
    """Return the value of the step we wait for. Raises: WireFault if it is another."""
    found, value = decode_step(data)
    if found is not step:
        raise WireFault("pace_step", step.name)
    return value


def decode_other_point(info: PaceInfo, data: bytes, own: Point) -> Point:
    """Return the other side's key. Raises: WireFault if it is off the curve, or our own sent back."""
    point = decode_point(info.curve, data)
    if point == own:
        raise WireFault("pace_mirror")
    return point


# ── EF.CardAccess ──────────────────────────────────────────────────────────────────────────

_SET, _SEQUENCE, _INTEGER = 0x31, 0x30, 0x02
_VERSION = b"\x02"


def decode_card_access(data: bytes) -> tuple[PaceInfo, ...]:
    """Return the ways of PACE that a chip offers, in its order; other security infos are passed over.

    Raises: WireFault.
    """
    found: list[PaceInfo] = []
    for tag, value in decode_flat(pick(decode_flat(data), _SET)):
        parts = decode_flat(value) if tag == _SEQUENCE else ()
        shape = tuple(one for one, _ in parts)
        if shape == (_OID, _INTEGER, _INTEGER) and parts[1][1] == _VERSION:
            found.append(PaceInfo(parts[0][1], int.from_bytes(parts[2][1], "big")))
    return tuple(found)


def encode_card_access(infos: tuple[PaceInfo, ...]) -> bytes:
    """Return EF.CardAccess with these ways of PACE."""
    entries = (
        encode_tlv(_OID, info.protocol)
        + encode_tlv(_INTEGER, _VERSION)
        + encode_tlv(_INTEGER, bytes((info.parameter_id,)))
        for info in infos
    )
    return encode_tlv(_SET, b"".join(encode_tlv(_SEQUENCE, entry) for entry in entries))
