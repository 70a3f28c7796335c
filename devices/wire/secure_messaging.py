"""Secure messaging of eMRTD chips: commands and answers, protected and opened, for terminal and chip.

Source: ICAO Doc 9303-11 §9.8, ISO 7816-4. Bytes of a command go in and come out whole, short or extended. The counter
goes up before every command and every answer, on both sides; one that is out of step never finds its way back.
Nothing here waits or asks; the only error is WireFault.
"""

from __future__ import annotations

from devices.api import WireFault
from devices.wire.apdu import EXTENDED, SHORT, Command
from devices.wire.emrtd_keys import MAC_BYTES, Keys, compute_mac, decrypt, encrypt, is_mac, pad, unpad
from devices.wire.tlv import decode_flat, encode_tlv

SECURE = 0x0C  # CLA bits: secure messaging, header authenticated
DO_PLAIN_ODD, DO_CIPHER, DO_CIPHER_ODD, DO_LE, DO_STATUS, DO_MAC = 0x53, 0x87, 0x85, 0x97, 0x99, 0x8E


class SecureSession:
    """The keys and the counter of one side; either side of a conversation has one of its own."""

    def __init__(self, keys: Keys, counter: int = 0) -> None:
        self._keys = keys
        self._suite = keys.suite
        self._modulus = 1 << 8 * keys.suite.block_bytes
        self.counter = counter

    # ── terminal ───────────────────────────────────────────────────────────────────────────

    def protect(self, command: Command) -> Command:
        """Return the command as it goes to the chip."""
        self._step()
        objects = b""
        if command.data:
            objects += self._hide(command.data, is_odd=bool(command.ins & 1))
        long = len(command.data) >= SHORT or command.expected > SHORT
        if command.expected:
            asked = command.expected % (EXTENDED if long else SHORT)
            objects += encode_tlv(DO_LE, asked.to_bytes(2 if long else 1, "big"))
        objects += encode_tlv(DO_MAC, self._mac(_head(command, self._suite.block_bytes), objects))
        long = long or len(objects) >= SHORT
        asked = EXTENDED if long else SHORT
        return Command(command.cla | SECURE, command.ins, command.p1, command.p2, objects, asked)

    def open_answer(self, data: bytes) -> tuple[bytes, int]:
        """Return the plain data and the status word the chip protected. Raises: WireFault if the MAC is wrong."""
        self._step()
        plain, status = b"", b""
        for tag, value in self._checked(b"", data):
            if tag in (DO_CIPHER, DO_CIPHER_ODD):
                plain = self._show(tag, value)
            elif tag == DO_STATUS:
                status = value
        if len(status) != 2:
            raise WireFault("sm_status")
        return plain, int.from_bytes(status, "big")

    # ── chip ───────────────────────────────────────────────────────────────────────────────

    def open_command(self, command: Command) -> Command:
        """Return the plain command that a protected one carries. Raises: WireFault if the MAC is wrong."""
        self._step()
        if command.cla & SECURE != SECURE:
            raise WireFault("sm_class")
        plain, asked = b"", 0
        for tag, value in self._checked(_head(command, self._suite.block_bytes), command.data):
            if tag in (DO_CIPHER, DO_CIPHER_ODD):
                plain = self._show(tag, value)
            elif tag == DO_LE:
                if len(value) not in (1, 2):
                    raise WireFault("sm_le")
                asked = int.from_bytes(value, "big") or (SHORT if len(value) == 1 else EXTENDED)
        return Command(command.cla & ~SECURE, command.ins, command.p1, command.p2, plain, asked)

    def protect_answer(self, data: bytes, status: int, *, is_odd: bool = False) -> bytes:
        """Return the protected answer; `is_odd` when the command's INS was odd (DO 85 instead of 87)."""
        self._step()
        objects = self._hide(data, is_odd=is_odd) if data else b""
        objects += encode_tlv(DO_STATUS, status.to_bytes(2, "big"))
        return objects + encode_tlv(DO_MAC, self._mac(b"", objects))

    # ── both ───────────────────────────────────────────────────────────────────────────────

    def _step(self) -> None:
        self.counter = (self.counter + 1) % self._modulus

    def _hide(self, data: bytes, *, is_odd: bool) -> bytes:
        body = encrypt(self._suite, self._keys.encrypt, pad(data, self._suite.block_bytes), self._vector())
        return encode_tlv(DO_CIPHER_ODD, body) if is_odd else encode_tlv(DO_CIPHER, b"\x01" + body)

    def _show(self, tag: int, value: bytes) -> bytes:
        if tag == DO_CIPHER:
            if value[:1] != b"\x01":
                raise WireFault("sm_padding")
            value = value[1:]
        return unpad(decrypt(self._suite, self._keys.encrypt, value, self._vector()))

    def _checked(self, head: bytes, data: bytes) -> tuple[tuple[int, bytes], ...]:
        """Return the objects before the MAC, once the MAC over them is right. Raises: WireFault."""
        objects = decode_flat(data)
        if not objects or objects[-1][0] != DO_MAC or len(objects[-1][1]) != MAC_BYTES:
            raise WireFault("sm_mac", "none")
        covered = data[: -2 - MAC_BYTES]
        if not is_mac(self._suite, self._keys.mac, self._covered(head, covered), objects[-1][1]):
            raise WireFault("sm_mac")
        return objects[:-1]

    def _mac(self, head: bytes, objects: bytes) -> bytes:
        return compute_mac(self._suite, self._keys.mac, self._covered(head, objects))

    def _covered(self, head: bytes, objects: bytes) -> bytes:
        return pad(self._counter_bytes() + head + objects, self._suite.block_bytes)

    def _vector(self) -> bytes:
        """Return the initial vector: zero for 3DES, the encrypted counter for AES."""
        return encrypt(self._suite, self._keys.encrypt, self._counter_bytes()) if self._suite.is_aes else b""

    def _counter_bytes(self) -> bytes:
        return self.counter.to_bytes(self._suite.block_bytes, "big")


def _head(command: Command, block_bytes: int) -> bytes:
    return pad(bytes((command.cla | SECURE, command.ins, command.p1, command.p2)), block_bytes)
