"""A virtual passport after ICAO 9303: basic access control, PACE, secure messaging, the files behind them.

Wrong key → 6300; a command whose MAC is wrong → 6988 and the session is over; reading before access → 6982.
Variants: `bac`, `pace` (AES-128, brainpoolP256r1, BAC beside it), `pace_only`, `pace_des`, `pace_192`, `pace_256`,
`large` and `large_pace` (a face beyond 32 kB), `permit` (a card, long number), `jpeg2000`, `small_blocks` (hands over
little at a time), `no_common`, and what the signature may be: `no_sod`, `wrong_hash`, `wrong_signature`, `unknown`,
`forged`, `expired`.
"""

from __future__ import annotations

import secrets

import msgspec

from devices.api import PictureKind, WireFault
from devices.sim.chips.passport_files import PACE_BRAINPOOL, PERMIT, Passport, build_files
from devices.sim.chips.passport_signer import Signing
from devices.wire import pace
from devices.wire.apdu import Command, decode_command
from devices.wire.curve import Point, encode_point, multiply
from devices.wire.emrtd import APPLICATION, File
from devices.wire.emrtd_keys import (
    AES192,
    AES256,
    CHALLENGE_BYTES,
    DES3,
    KEY_BYTES,
    Keys,
    build_bac_keys,
    build_bac_session,
    decode_bac_request,
    encode_bac_answer,
)
from devices.wire.mrz import compose_key_text
from devices.wire.pace import PaceInfo, Password, Step
from devices.wire.secure_messaging import DO_PLAIN_ODD, SECURE, SecureSession
from devices.wire.tlv import decode_flat, encode_tlv, pick

ATR = bytes.fromhex("3B80800101")  # as PC/SC part 3 makes it for a chip without historical bytes
DONE, END_OF_FILE = 0x9000, 0x6282
WRONG_KEY, WRONG_LENGTH, NOT_ALLOWED, NOT_NOW = 0x6300, 0x6700, 0x6982, 0x6985
MISSING_SM, WRONG_SM, WRONG_DATA, NO_FILE, NO_OFFSET, NO_REFERENCE, NO_COMMAND = (
    0x6987,
    0x6988,
    0x6A80,
    0x6A82,
    0x6B00,
    0x6A88,
    0x6D00,
)
_OFFSET = 0x54
_MASTER = 0x3F00

_BOTH = Passport(ways=(PACE_BRAINPOOL,))
PASSPORTS: dict[str, Passport] = {
    "bac": Passport(),
    "pace": _BOTH,
    "pace_only": msgspec.structs.replace(_BOTH, has_bac=False),
    "pace_des": Passport(ways=(PaceInfo(pace.protocol_of(DES3), 12),)),
    "pace_192": Passport(ways=(PaceInfo(pace.protocol_of(AES192), 15),)),
    "pace_256": Passport(ways=(PACE_BRAINPOOL, PaceInfo(pace.protocol_of(AES256), 17))),
    "large": Passport(face_bytes=37_000),
    "large_pace": msgspec.structs.replace(_BOTH, face_bytes=70_000),
    "permit": Passport(mrz=PERMIT, ways=(PACE_BRAINPOOL,)),
    "jpeg2000": Passport(face_kind=PictureKind.JPEG2000),
    "small_blocks": Passport(block_bytes=100),
    "no_common": Passport(has_common=False),
    "no_sod": Passport(signing=Signing.NONE),
    **{
        one.value: Passport(signing=one)
        for one in (Signing.WRONG_HASH, Signing.WRONG_SIGNATURE, Signing.UNKNOWN, Signing.FORGED, Signing.EXPIRED)
    },
}
VARIANTS = tuple(PASSPORTS)


def make_chip(variant: str) -> PassportChip:
    """Return a passport of one of the VARIANTS."""
    return PassportChip(PASSPORTS[variant])


class _PaceRun:
    """One run of PACE, as far as it came."""

    def __init__(self, info: PaceInfo, password_key: bytes) -> None:
        self.info = info
        self.password_key = password_key
        self.step: Step | None = None  # what was answered last
        self.nonce = int.from_bytes(secrets.token_bytes(pace.NONCE_BYTES), "big")
        self.base: Point = info.curve.base
        self.keys: Keys | None = None
        self.own: Point = info.curve.base
        self.other: Point = info.curve.base

    def draw(self) -> int:
        """Return a new secret, and remember the key that goes with it over the present base."""
        secret = secrets.randbelow(self.info.curve.order - 1) + 1
        self.own = multiply(self.info.curve, secret, self.base)
        return secret


class PassportChip:
    """The chip. It forgets all but its files when the power goes."""

    def __init__(self, passport: Passport) -> None:
        self.atr = ATR
        self._passport = passport
        self._files = build_files(passport)
        mrz = passport.mrz
        self.key_text = compose_key_text(mrz.number.reveal(), mrz.birth.reveal(), mrz.expiry)
        self.reset()

    def reset(self) -> None:
        """Forget what was selected and opened."""
        self._secure: SecureSession | None = None
        self._is_application = False
        self._selected = b""
        self._challenge = b""
        self._pace: _PaceRun | None = None

    def answer(self, apdu: bytes) -> bytes:
        """Return data and status word."""
        try:
            command = decode_command(apdu)
        except WireFault:
            return WRONG_LENGTH.to_bytes(2, "big")
        if command.cla & SECURE != SECURE:
            if self._secure is not None:  # a plain command ends the session
                self.reset()
            data, status = self._do(command)
        else:
            data, status = self._do_secure(command)
        return data + status.to_bytes(2, "big")

    def _do_secure(self, command: Command) -> tuple[bytes, int]:
        secure = self._secure
        if secure is None:
            return b"", MISSING_SM
        try:
            plain = secure.open_command(command)
        except WireFault:
            self.reset()
            return b"", WRONG_SM
        data, status = self._do(plain)
        return secure.protect_answer(data, status, is_odd=bool(plain.ins & 1)), status

    def _do(self, command: Command) -> tuple[bytes, int]:
        try:
            match (command.cla, command.ins):
                case (0x00, 0xA4):
                    return b"", self._select(command)
                case (0x00, 0xB0):
                    return self._read(command)
                case (0x00, 0xB1):
                    return self._read_far(command)
                case (0x00, 0x84):
                    return self._give_challenge()
                case (0x00, 0x82):
                    return self._authenticate(command.data)
                case (0x00, 0x22):
                    return b"", self._begin_pace(command)
                case (0x00 | 0x10, 0x86):
                    return self._go_on_pace(command.data)
                case _:
                    return b"", NO_COMMAND
        except WireFault:
            return b"", WRONG_DATA

    # ── files ──────────────────────────────────────────────────────────────────────────────

    def _select(self, command: Command) -> int:
        if command.p1 == 0x04:
            if command.data != APPLICATION:
                return NO_FILE
            self._is_application, self._selected = True, b""
            return DONE
        number = int.from_bytes(command.data, "big")
        if command.p1 == 0x00 and number in (0, _MASTER):
            self._is_application, self._selected = False, b""
            return DONE
        if command.p1 not in (0x00, 0x02):
            return NO_REFERENCE
        if (number == File.CARD_ACCESS) == self._is_application or number not in self._files:
            return NO_FILE
        if self._is_application and self._secure is None:
            return NOT_ALLOWED
        self._selected = self._files[number]
        return DONE

    def _read(self, command: Command) -> tuple[bytes, int]:
        if self._is_application and self._secure is None:
            return b"", NOT_ALLOWED
        offset = command.p1 << 8 | command.p2
        if command.p1 & 0x80:  # a short file identifier instead
            near = (number for number in self._files if number & 0x1F == command.p1 & 0x1F)
            number = next((one for one in near if (one == File.CARD_ACCESS) != self._is_application), 0)
            self._selected, offset = self._files.get(number, b""), command.p2
        return self._piece(offset, command.expected)

    def _read_far(self, command: Command) -> tuple[bytes, int]:
        if self._is_application and self._secure is None:
            return b"", NOT_ALLOWED
        offset = int.from_bytes(pick(decode_flat(command.data), _OFFSET), "big")
        head = 2 if command.expected < 130 else 3 if command.expected < 259 else 4
        data, status = self._piece(offset, max(1, command.expected - head))
        return (encode_tlv(DO_PLAIN_ODD, data) if data else b""), status

    def _piece(self, offset: int, size: int) -> tuple[bytes, int]:
        if not self._selected:
            return b"", NOT_NOW
        if offset >= len(self._selected):
            return b"", NO_OFFSET
        data = self._selected[offset : offset + min(size, self._passport.block_bytes)]
        return data, END_OF_FILE if offset + size > len(self._selected) else DONE

    # ── basic access control ───────────────────────────────────────────────────────────────

    def _give_challenge(self) -> tuple[bytes, int]:
        if not self._passport.has_bac or not self._is_application:
            return b"", NOT_ALLOWED
        self._challenge = secrets.token_bytes(CHALLENGE_BYTES)
        return self._challenge, DONE

    def _authenticate(self, data: bytes) -> tuple[bytes, int]:
        challenge, self._challenge = self._challenge, b""
        if not challenge:
            return b"", NOT_NOW
        keys = build_bac_keys(self.key_text)
        try:
            secret = decode_bac_request(keys, data, challenge)
        except WireFault:
            return b"", WRONG_KEY
        material = secrets.token_bytes(KEY_BYTES)
        self._secure = SecureSession(*build_bac_session(secret, material))
        return encode_bac_answer(keys, secret, material), DONE

    # ── PACE ───────────────────────────────────────────────────────────────────────────────

    def _begin_pace(self, command: Command) -> int:
        if (command.p1, command.p2) != (0xC1, 0xA4):
            return NO_REFERENCE
        protocol, password, parameters = pace.decode_set_at(command.data)
        ways = [way for way in self._passport.ways if way.protocol == protocol]
        info = next((way for way in ways if parameters in (None, way.parameter_id)), None)
        if info is None:
            return NO_REFERENCE
        text = self.key_text if password is Password.MRZ else self._passport.can
        self._pace = _PaceRun(info, pace.derive_password_key(info.suite, password, text))
        return DONE

    def _go_on_pace(self, data: bytes) -> tuple[bytes, int]:
        run = self._pace
        if run is None:
            return b"", NOT_NOW
        step, value = pace.decode_step(data)
        match (run.step, step):
            case (None, None):
                answer = pace.encode_nonce(run.info.suite, run.password_key, run.nonce)
                run.step = Step.NONCE
            case (Step.NONCE, Step.MAP_TERMINAL):
                answer = self._map(run, value)
                run.step = Step.MAP_CHIP
            case (Step.MAP_CHIP, Step.KEY_TERMINAL):
                answer = self._agree(run, value)
                run.step = Step.KEY_CHIP
            case (Step.KEY_CHIP, Step.TOKEN_TERMINAL) if run.keys is not None:
                self._pace = None
                if not pace.is_token(run.info, run.keys, run.own, value):
                    return b"", WRONG_KEY
                self._secure = SecureSession(run.keys)
                token = pace.compute_token(run.info, run.keys, run.other)
                return pace.encode_step(Step.TOKEN_CHIP, token), DONE
            case _:
                self._pace = None
                return b"", NOT_NOW
        return pace.encode_step(run.step, answer), DONE

    def _map(self, run: _PaceRun, value: bytes) -> bytes:
        curve = run.info.curve
        secret = run.draw()
        own = run.own
        run.base = pace.map_base(curve, run.nonce, secret, pace.decode_other_point(run.info, value, own))
        return encode_point(curve, own)

    def _agree(self, run: _PaceRun, value: bytes) -> bytes:
        secret = run.draw()
        run.other = pace.decode_other_point(run.info, value, run.own)
        run.keys = pace.agree_keys(run.info, secret, run.other)
        return encode_point(run.info.curve, run.own)
