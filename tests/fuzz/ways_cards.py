"""Ways into what chip cards, passports and the readers' wrappings say. Each checks what must hold whatever comes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date
from typing import Any

from devices.api import WireFault
from tests.fuzz.ways import cut

TODAY = date(2026, 11, 29)
SECRET = b"a shared secret"


def _each(*reads: Callable[[], object]) -> list[Any]:
    """Return what those gave that raised no WireFault."""
    found = []
    for read in reads:
        with contextlib.suppress(WireFault):
            found.append(read())
    return found


def apdu(data: bytes) -> None:
    from devices.wire import apdu

    _each(lambda: apdu.decode_response(data), lambda: apdu.without_expected(data), lambda: apdu.with_expected(data, 7))
    command = apdu.decode_command(data)
    assert apdu.decode_command(apdu.encode_command(command)) == command


def tlv(data: bytes) -> None:
    from devices.wire import tlv

    _each(lambda: tlv.decode_flat(data), lambda: tlv.decode_head(data), lambda: tlv.decode_tag_lengths(data))
    nodes = tlv.decode_tlv(data)
    assert sum(1 for _ in tlv.walk(nodes)) <= len(data) // 2
    for node in tlv.walk(nodes):
        assert tlv.decode_tlv(tlv.encode_tlv(node.tag, node.value))[0] == node


def social(data: bytes) -> None:
    from devices.wire import social

    fields = (*social.CardField, *social.HolderField)
    if not data:
        return
    field = fields[data[0] % len(fields)]
    value = social.decode_record(data[1:], data[1] if len(data) > 1 else 0)
    text = social.decode_field(field, value)
    assert text.isprintable()
    social.decode_date(text)


def emv(data: bytes) -> None:
    from devices.wire import emv

    for _, pdol in _each(lambda: emv.decode_application(data)):
        _each(lambda pdol=pdol: emv.build_options_request(pdol, TODAY))
    for options in _each(lambda: emv.decode_options(data)):
        assert sum(one.last - one.first + 1 for one in options.files) <= emv.MAX_RECORDS
    for fields in _each(lambda: emv.decode_fields(cut(data))):
        assert fields.masked_number.count(emv.STAR) >= 2
        assert fields.holder_name.reveal().isprintable()
    _each(lambda: emv.decode_directory_file(data), lambda: emv.decode_applications(data), lambda: emv.decode_name(data))


def mrz(data: bytes) -> None:
    from devices.wire import mrz

    text = data.decode("utf-8", "replace")
    for key in _each(lambda: mrz.derive_key_text(text)):
        assert mrz.derive_key_text(key)
    _each(
        lambda: mrz.compose_key_text(text[12:], text[:6], text[6:12]),
        lambda: mrz.resolve_birth(text[:6], TODAY),
        lambda: mrz.resolve_expiry(text[:6], TODAY),
    )
    for zone in _each(lambda: mrz.decode_mrz(text), lambda: mrz.decode_mrz(_checked(text))):
        _each(
            lambda zone=zone: mrz.resolve_birth(zone.birth.reveal(), TODAY),
            lambda zone=zone: mrz.resolve_expiry(zone.expiry, TODAY),
        )
        for again in _each(lambda zone=zone: mrz.encode_mrz(zone)):
            assert mrz.decode_mrz(again).number == zone.number


def _checked(text: str) -> str:
    """Return a zone with the check digits its fields want, as no chance finds them; other text as it is."""
    from devices.wire import mrz

    signs = list("".join(text.upper().split()))
    form = next((form for form, (lines, width) in mrz.SHAPES.items() if lines * width == len(signs)), None)
    if form is None:
        return text
    for name in ("number", "birth", "expiry", "optional"):
        at = mrz.LAYOUTS[form].get(f"{name}_check")
        if at is not None:
            first, last = mrz.LAYOUTS[form][name]
            signs[at[0]] = mrz.check_digit("".join(signs[first:last]))
    covered = "".join("".join(signs[first:last]) for first, last in mrz.COMPOSITE[form])
    signs[mrz.LAYOUTS[form]["check"][0]] = mrz.check_digit(covered)
    return "".join(signs)


def emrtd(data: bytes) -> None:
    from devices.wire import emrtd

    for common in _each(lambda: emrtd.decode_common(data)):
        assert emrtd.decode_common(emrtd.encode_common(common)) == common
    for face in _each(lambda: emrtd.decode_dg2(data)):
        assert 0 < len(face.picture.reveal()) < len(data)
    _each(lambda: emrtd.decode_dg1(data))


def _suite(byte: int) -> Any:
    from devices.wire import emrtd_keys

    return (emrtd_keys.DES3, emrtd_keys.AES128, emrtd_keys.AES192, emrtd_keys.AES256)[byte % 4]


def emrtd_keys(data: bytes) -> None:
    """The second byte says whether the MAC is made to fit: without that nothing behind it is ever seen."""
    from devices.wire import emrtd_keys as keys_of

    if len(data) < 2:
        return
    keys, body = keys_of.derive_keys(_suite(data[0]), SECRET), data[2:]
    if data[1] & 1:
        body = body[:32] + keys_of.compute_mac(keys.suite, keys.mac, keys_of.pad(body[:32], keys.suite.block_bytes))
    secret = keys_of.BacSecret(bytes(8), bytes(8), bytes(16))
    for heard in _each(lambda: keys_of.decode_bac_request(keys, body, bytes(8))):
        keys_of.build_bac_session(heard, bytes(16))
    for material in _each(lambda: keys_of.decode_bac_answer(keys, body, secret)):
        keys_of.build_bac_session(secret, material)
    for plain in _each(lambda: keys_of.unpad(keys_of.decrypt(keys.suite, keys.encrypt, body))):
        assert len(plain) < len(body)


def secure_messaging(data: bytes) -> None:
    """The second byte says whether the MAC is made to fit: without that nothing behind it is ever seen."""
    from devices.wire.apdu import Command
    from devices.wire.emrtd_keys import compute_mac, derive_keys, pad
    from devices.wire.secure_messaging import DO_MAC, SECURE, SecureSession
    from devices.wire.tlv import encode_tlv

    if len(data) < 2:
        return
    keys, objects = derive_keys(_suite(data[0]), SECRET), data[2:]
    size = keys.suite.block_bytes

    def closed(head: bytes) -> bytes:
        if not data[1] & 1:
            return objects
        covered = pad((1).to_bytes(size, "big") + head + objects, size)
        return objects + encode_tlv(DO_MAC, compute_mac(keys.suite, keys.mac, covered))

    for plain, status in _each(lambda: SecureSession(keys).open_answer(closed(b""))):
        assert len(plain) <= len(objects)
        assert 0 <= status <= 0xFFFF
    head = pad(bytes((SECURE, 0xB0, 0, data[1])), size)
    asked = Command(SECURE, 0xB0, 0, data[1], closed(head), 256)
    for command in _each(lambda: SecureSession(keys).open_command(asked)):
        SecureSession(keys).protect(command)


def curve(data: bytes) -> None:
    from devices.wire import curve

    if not data:
        return
    one = tuple(curve.CURVES.values())[data[0] % len(curve.CURVES)]
    point = curve.decode_point(one, data[1:])
    assert curve.encode_point(one, point) == data[1:]
    assert curve.add(one, point, point) == curve.multiply(one, 2, point)


def pace(data: bytes) -> None:
    from devices.wire import pace

    if not data:
        return
    info = pace.PaceInfo(tuple(pace.SUITES)[data[0] % len(pace.SUITES)], data[0] >> 2)
    body = data[1:]
    for step, value in _each(lambda: pace.decode_step(body)):
        if step is not None:
            assert pace.decode_answer(pace.encode_step(step, value), step) == value
    for _, _, number in _each(lambda: pace.decode_set_at(body)):
        _each(lambda number=number: pace.PaceInfo(info.protocol, number or 0).curve)
    for told in _each(lambda: pace.decode_card_access(data)):
        for offer in told:
            assert offer.is_known == (len(_each(lambda offer=offer: (offer.suite, offer.curve))) == 1)
    key = pace.derive_password_key(info.suite, pace.Password.CAN, "123456")
    _each(lambda: pace.decode_nonce(info.suite, key, body))
    for point in _each(lambda: pace.decode_other_point(info, body, (0, 0))):
        pace.agree_keys(info, 3, point)


def sod(data: bytes) -> None:
    from devices.wire import sod

    for found in _each(lambda: sod.decode_sod(data)):
        found.compute_hash(data)
        assert all(isinstance(number, int) and isinstance(value, bytes) for number, value in found.hashes.items())
        assert isinstance(found.signature, bytes)
        assert isinstance(found.digest, bytes)
    sod.decode_master_list(data)


def pn532(data: bytes) -> None:
    from devices.wire import pn532

    decoder = pn532.Decoder()
    found = [payload for part in cut(data) for payload in decoder.feed(part)]
    assert sum(map(len, found)) <= len(data)
    decoder.feed(bytes(pn532.MAX_BYTES + 20))  # whatever came, what waits for its end has had it
    assert decoder.feed(pn532.encode_frame(b"\xd5\x03")) == [b"\xd5\x03"]


def samv_hid(data: bytes) -> None:
    from devices.wire import samv_hid

    for command, frame in _each(lambda: samv_hid.decode_ask(data)):
        assert samv_hid.decode_ask(samv_hid.encode_ask(frame, command)) == (command, frame)
    told = samv_hid.decode_tell(data)
    assert samv_hid.decode_tell(samv_hid.encode_tell(told)) == told


def samv_usb(data: bytes) -> None:
    from devices.wire import samv, samv_usb

    if not data:
        return
    count, body = 1 + data[0] % 5, data[1:]
    ways = samv_usb.choose_ways(tuple(body[:count]))
    heard = body[count:]
    for end in range(min(len(heard), 16)):
        endpoint, asked = samv_usb.next_transfer(heard[:end], ways)
        assert endpoint in ways.ins
        assert 0 < asked <= samv.MAX_LEN + samv_usb.PACKET
        assert asked % samv_usb.PACKET == 0
    for endpoint in (*ways.outs, *ways.ins):
        _each(lambda endpoint=endpoint: samv_usb.decode_transfer(endpoint, heard, ways))
