"""A conversation with an eMRTD chip: opening it by PACE or BAC, and reading whole files.

Source: ICAO Doc 9303-11 §4; READ BINARY beyond 32767 by INS B1: ISO 7816-4, reference/devices.md §8.
"""

from __future__ import annotations

import secrets

from devices.api import CardChannel, Deadline, Unsupported, UserFault, WireFault
from devices.wire import pace
from devices.wire.apdu import DONE, SHORT, Command, encode_command
from devices.wire.curve import Point, encode_point, multiply
from devices.wire.emrtd import APPLICATION, File
from devices.wire.emrtd_keys import (
    CHALLENGE_BYTES,
    KEY_BYTES,
    MAC_BYTES,
    BacSecret,
    build_bac_keys,
    build_bac_session,
    decode_bac_answer,
    encode_bac_request,
)
from devices.wire.pace import PaceInfo, Password, Step
from devices.wire.secure_messaging import DO_PLAIN_ODD, SecureSession
from devices.wire.tlv import decode_flat, decode_head, encode_tlv, pick

END_OF_FILE = 0x6282
BLOCK_BYTES = 0xDF  # the most that fits a short answer once it is padded and protected, in 3DES and AES
HEAD_BYTES = 6  # enough for any file's tag and length
FAR = 0x8000  # the first offset INS B0 cannot name
MAX_FILE_BYTES = 1 << 20  # faces have tens of kilobytes; a chip that says more is not believed
_MASTER, _OFFSET = bytes.fromhex("3F00"), 0x54
_DO_HEAD_BYTES = 3  # 53 81 LL before what INS B1 gives


class ChipSession:
    """One chip, opened or not. Its keys end with it."""

    def __init__(self, channel: CardChannel, deadline: Deadline) -> None:
        self._channel = channel
        self._deadline = deadline
        self._secure: SecureSession | None = None
        self.commands = 0

    # ── access ─────────────────────────────────────────────────────────────────────────────

    def read_ways(self) -> tuple[PaceInfo, ...]:
        """Return the ways of PACE that the chip offers and we know; none where its EF.CardAccess cannot be read."""
        self.send(Command(0x00, 0xA4, 0x00, 0x0C, _MASTER))  # a chip without a master file says so; no matter
        try:
            data = self.read_file(File.CARD_ACCESS)
            return tuple(way for way in pace.decode_card_access(data) if way.is_known) if data else ()
        except (Unsupported, WireFault):  # chips made before PACE answer as they like; BAC is asked next
            return ()

    def select_application(self) -> None:
        """Select the eMRTD application. Raises: Unsupported("no_application")."""
        _, status = self.send(Command(0x00, 0xA4, 0x04, 0x0C, APPLICATION))
        if status != DONE:
            raise Unsupported("no_application", f"{status:04X}")

    def open_pace(self, info: PaceInfo, password: Password, text: str) -> bool:
        """Open the chip by PACE; False where it will not after all.

        Raises: UserFault("wrong_mrz" | "wrong_can"), WireFault.
        """
        _, status = self.send(Command(0x00, 0x22, 0xC1, 0xA4, pace.encode_set_at(info, password)))
        if status != DONE and status & 0xFFF0 != 0x63C0:  # 63Cx: done, and x tries are left
            return False
        curve, suite = info.curve, info.suite
        hidden = self._authenticate(Step.NONCE, None)
        nonce = pace.decode_nonce(suite, pace.derive_password_key(suite, password, text), hidden)
        secret, own = _draw(info, curve.base)
        answer = self._authenticate(Step.MAP_CHIP, Step.MAP_TERMINAL, encode_point(curve, own))
        base = pace.map_base(curve, nonce, secret, pace.decode_other_point(info, answer, own))
        secret, own = _draw(info, base)
        answer = self._authenticate(Step.KEY_CHIP, Step.KEY_TERMINAL, encode_point(curve, own))
        other = pace.decode_other_point(info, answer, own)
        keys = pace.agree_keys(info, secret, other)
        wrong = "wrong_can" if password is Password.CAN else "wrong_mrz"
        token = self._authenticate(Step.TOKEN_CHIP, Step.TOKEN_TERMINAL, pace.compute_token(info, keys, other), wrong)
        if not pace.is_token(info, keys, own, token):
            raise WireFault("pace_token")
        self._secure = SecureSession(keys)
        return True

    def open_bac(self, key_text: str) -> None:
        """Open the chip by BAC. Raises: UserFault("wrong_mrz"), Unsupported("no_access"), WireFault."""
        challenge, status = self.send(Command(0x00, 0x84, 0x00, 0x00, expected=CHALLENGE_BYTES))
        if status != DONE:
            raise Unsupported("no_access", f"{status:04X}")
        if len(challenge) != CHALLENGE_BYTES:
            raise WireFault("bac_length")
        keys = build_bac_keys(key_text)
        secret = BacSecret(challenge, secrets.token_bytes(CHALLENGE_BYTES), secrets.token_bytes(KEY_BYTES))
        request = encode_bac_request(keys, secret)
        answer, status = self.send(Command(0x00, 0x82, 0x00, 0x00, request, 2 * KEY_BYTES + MAC_BYTES))
        if status != DONE:  # chips say 6300, 6982 or 6988 for the same thing
            raise UserFault("wrong_mrz", f"{status:04X}")
        self._secure = SecureSession(*build_bac_session(secret, decode_bac_answer(keys, answer, secret)))

    def _authenticate(self, wanted: Step, step: Step | None, value: bytes = b"", wrong: str = "") -> bytes:
        """Return what the wanted step holds; `wrong` is the word where a refusal means the key."""
        cla = 0x00 if step is Step.TOKEN_TERMINAL else 0x10  # chained but for the last
        data, status = self.send(Command(cla, 0x86, 0x00, 0x00, pace.encode_step(step, value), SHORT))
        if status != DONE:
            if wrong:
                raise UserFault(wrong, f"{status:04X}")
            raise WireFault("pace_refused", f"{status:04X}")
        return pace.decode_answer(data, wanted)

    # ── files ──────────────────────────────────────────────────────────────────────────────

    def read_file(self, file: File) -> bytes:
        """Return a whole file; b"" where the chip has none.

        Raises: Unsupported("access_denied"), WireFault, and what the channel raises.
        """
        number = int(file).to_bytes(2, "big")
        _, status = self.send(Command(0x00, 0xA4, 0x02, 0x0C, number))
        if status == 0x6982:
            raise Unsupported("access_denied", file.name)
        if status != DONE:
            return b""
        found = self._read(0, HEAD_BYTES)
        _, start, length = decode_head(found)
        size = start + length
        if size > MAX_FILE_BYTES:
            raise WireFault("file_length", file.name)
        parts, at = [found[:size]], min(len(found), size)
        while at < size:
            part = self._read(at, min(BLOCK_BYTES, size - at))[: size - at]
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _read(self, offset: int, size: int) -> bytes:
        """Return 1…size bytes of the selected file. Raises: WireFault where the chip gives none."""
        if offset < FAR:
            data, status = self.send(Command(0x00, 0xB0, offset >> 8, offset & 0xFF, expected=size))
        else:
            where = encode_tlv(_OFFSET, offset.to_bytes(3, "big"))
            asked = min(size + _DO_HEAD_BYTES, BLOCK_BYTES)
            data, status = self.send(Command(0x00, 0xB1, 0x00, 0x00, where, asked))
            data = pick(decode_flat(data), DO_PLAIN_ODD) if data else b""
        if status not in (DONE, END_OF_FILE) or not data:
            raise WireFault("file_read", f"{status:04X}")
        return data

    def send(self, command: Command) -> tuple[bytes, int]:
        """Return what the chip answers, through secure messaging once it is open.

        Raises: WireFault("sm_lost") where the chip no longer protects what it says, and what the channel raises.
        """
        self._deadline.check()
        self.commands += 1
        if self._secure is None:
            return self._channel.transmit(encode_command(command), self._deadline)
        protected = encode_command(self._secure.protect(command))
        data, status = self._channel.transmit(protected, self._deadline)
        if not data:
            raise WireFault("sm_lost", f"{status:04X}")
        return self._secure.open_answer(data)


def _draw(info: PaceInfo, base: Point) -> tuple[int, Point]:
    """Return a new secret and the key that goes with it."""
    secret = secrets.randbelow(info.curve.order - 1) + 1
    return secret, multiply(info.curve, secret, base)
