"""Seeds of what cards, passports and readers' wrappings say: the golden vectors of their codecs' tests.

Those of `sod` lie in its corpus alone: an EF.SOD and a master list of the virtual passports' state, which signs anew,
and so writes other bytes, each time it is asked.
"""

from __future__ import annotations

from devices.api import PictureKind, Private
from devices.sim.chips.passport_files import ERIKSSON, PERMIT
from devices.wire import emrtd, emrtd_keys, samv_hid, social
from devices.wire.curve import CURVES, encode_point
from devices.wire.emrtd import Face
from devices.wire.emrtd_keys import AES128, DES3
from devices.wire.pace import PaceInfo, Password, Step, encode_card_access, encode_set_at, encode_step
from devices.wire.pn532 import ACK
from devices.wire.tlv import encode_tlv
from tests.fuzz.ways_cards import SECRET
from tests.wire import test_apdu, test_emrtd_files, test_emrtd_keys, test_mrz, test_pace, test_pn532, test_samv_usb

PAIR = bytes((9, 20))  # where the ways cut what arrives
_BAC = emrtd_keys.derive_keys(DES3, SECRET)
_AES = emrtd_keys.derive_keys(AES128, SECRET)
_UNSIGNED, _FITTED = b"\0", b"\1"  # the second byte: whether the way closes it with a MAC that fits
_DIRECTORY = bytes.fromhex("701B61194F08A000000333010101500A556E696F6E5061792044870101")
_APPLICATION = encode_tlv(
    0x6F,
    encode_tlv(0x84, bytes.fromhex("A000000333010101")),
    encode_tlv(0xA5, encode_tlv(0x50, b"UnionPay"), encode_tlv(0x9F38, bytes.fromhex("9F66049F02069F1A025F2A029A03"))),
)
_CARD = encode_tlv(
    0x70,
    bytes.fromhex("5A0A6217001234567890128F5F24033012315F340101"),
    encode_tlv(0x5F20, b"ZHANG GUILAN"),
)


def _points() -> tuple[bytes, ...]:
    return tuple(bytes((number,)) + encode_point(one, one.base) for number, one in enumerate(tuple(CURVES.values())))


def _records() -> tuple[bytes, ...]:
    """Return a record of each field of a social security card, behind the number of the field."""
    fields: tuple[social.Field, ...] = (*social.CardField, *social.HolderField)
    texts = {
        social.CardField.VERSION: "1.00",
        social.CardField.CARD_NUMBER: "A12345678",
        social.HolderField.ID_NUMBER: "330402194811290028",
        social.HolderField.NAME: "张桂兰",
        social.HolderField.SEX: "2",
    }
    found = []
    for number, field in enumerate(fields):
        digits = "20261129" if social.SIZES[field] == 4 else "11" * social.SIZES[field]
        value = social.encode_field(field, texts.get(field, digits))
        found.append(bytes((number,)) + social.encode_record(number + 1, value))
    return tuple(found)


CARD_SEEDS: dict[str, tuple[bytes, ...]] = {
    "apdu": tuple(bytes.fromhex(text) for _, text in test_apdu.GOLDEN),
    "tlv": (_DIRECTORY, _APPLICATION, encode_tlv(0x53, bytes(200)), b"\0\0" + encode_tlv(0xDF8101, b"x")),
    "social": _records(),
    "emv": (
        _DIRECTORY,
        _APPLICATION,
        PAIR + _CARD,
        bytes.fromhex("800A3C000801010010010100"),
        encode_tlv(0x77, encode_tlv(0x82, b"\x3c\x00"), encode_tlv(0x94, bytes.fromhex("0801010010010100"))),
        encode_tlv(0x6F, encode_tlv(0xA5, encode_tlv(0x88, b"\1"))),
    ),
    "mrz": tuple(
        text.encode()
        for text in (test_mrz.TD3, test_mrz.TD2, test_mrz.TD1_LONG, test_mrz.TD1_LONG_KEY, "740812120415L898902C")
    ),
    "emrtd": (
        bytes.fromhex(test_emrtd_files.COM),
        emrtd.encode_dg1(ERIKSSON),
        emrtd.encode_dg1(PERMIT),
        emrtd.encode_dg2(Face(PictureKind.JPEG, Private(test_emrtd_files.JPEG), 240, 320)),
    ),
    "emrtd-keys": (
        b"\0" + _UNSIGNED + emrtd_keys.encode_bac_request(_BAC, emrtd_keys.BacSecret(bytes(8), bytes(8), bytes(16))),
        b"\1" + _UNSIGNED + emrtd_keys.encrypt(AES128, _AES.encrypt, emrtd_keys.pad(b"plain", 16)),
        b"\0" + _FITTED + bytes(32),
    ),
    "secure-messaging": (
        *(b"\0" + _UNSIGNED + bytes.fromhex(hidden) for _, _, _, hidden in test_emrtd_keys.TALK),
        b"\0" + _FITTED + bytes.fromhex("99029000"),
        b"\0" + _FITTED + encode_tlv(0x87, b"\1" + emrtd_keys.encrypt(DES3, _BAC.encrypt, b"plain\x80\0\0")),
        b"\1" + _FITTED + encode_tlv(0x87, b"\1" + bytes(16)) + bytes.fromhex("97010499029000"),
    ),
    "curve": _points(),
    "pace": (
        b"\x35" + encode_set_at(test_pace.INFO, Password.CAN),
        b"\x35" + encode_step(Step.NONCE, bytes.fromhex(test_pace.HIDDEN_NONCE)),
        b"\x35" + bytes.fromhex(test_pace.MAP_IC_KEY),
        b"\x35" + bytes.fromhex(test_pace.HIDDEN_NONCE),
        encode_card_access((test_pace.INFO, PaceInfo(b"\x04\x00\x7f", 99))),
    ),
    "pn532": (
        PAIR + ACK + bytes.fromhex(test_pn532.TELL_VERSION),
        PAIR + bytes.fromhex(test_pn532.ASK_VERSION) + ACK,
        PAIR + b"\x00\x00\xff\xff\xff\x01\x00\xff" + b"\xd5" + bytes(255) + b"\x2b\x00",
    ),
    "samv-hid": (
        bytes.fromhex(test_samv_usb.HID_FIND).ljust(64, b"\0"),
        samv_hid.encode_tell(samv_hid.Told(0, bytes(range(54)))),
        samv_hid.encode_tell(samv_hid.Told(1, b"", 5)),
    ),
    "samv-usb": (
        b"\3\x02\x81\x06\x85" + test_samv_usb.LONG[:40],
        b"\3\x02\x81\x06\x85" + test_samv_usb.FIND,
        b"\1\x81\x02" + test_samv_usb.FIND,
    ),
}
