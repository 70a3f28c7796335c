"""Ways in that are more than one function of bytes. Each checks what must hold whatever comes."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from devices.api import WireFault


def cut(data: bytes) -> tuple[bytes, ...]:
    """Return the bytes as three portions, cut where the first two bytes say: a line delivers as it likes."""
    if len(data) < 2:
        return (data,)
    rest = data[2:]
    first, second = sorted((data[0] % (len(rest) + 1), data[1] % (len(rest) + 1)))
    return rest[:first], rest[first:second], rest[second:]


def samv_stream(data: bytes) -> None:
    from devices.wire import samv

    decoder = samv.Decoder()
    payloads = [payload for part in cut(data) for payload in decoder.feed(part)]
    payloads += decoder.flush()
    assert sum(map(len, payloads)) <= len(data)
    for payload in payloads:
        for decode in (samv.decode_request, samv.decode_answer):
            try:
                decode(payload)
            except WireFault:
                continue


def samv_data(data: bytes) -> None:
    from devices.wire import samv

    for decode in (
        lambda: samv.decode_card_data(data, False),
        lambda: samv.decode_card_data(data, True),
        lambda: samv.decode_addresses(data),
        lambda: samv.decode_sam_id(data),
        lambda: samv.decode_management_number(data),
    ):
        try:
            decode()
        except WireFault:
            continue


def escpos_written(data: bytes) -> None:
    """What a text or a picture becomes on its way to the printer holds no command and reads back."""
    from devices.wire import escpos
    from devices.wire.escpos_decode import decode

    picture = escpos.Raster(1, max(1, len(data)), escpos.defuse(data or b"\0"))
    assert decode(escpos.encode((picture,))) == (picture,)
    text = escpos.Text(data.decode("utf-8", "surrogateescape"))
    raw = escpos.encode((escpos.Chinese(True), text))
    assert decode(raw)[1:] == ((text,) if text.text else ())


def escpos_answer(data: bytes) -> None:
    from devices.wire.escpos_status import decode_status, encode_status

    for n in (1, 2, 3, 4):
        signals = decode_status(n, data)
        assert signals & ~decode_status(n, encode_status(n, signals)) in (0, 16)  # an error of no named kind


def escpos_more(data: bytes) -> None:
    escpos_stream(data, knows_more=True)


def escpos_stream(data: bytes, *, knows_more: bool = False) -> None:
    from devices.wire.escpos_decode import Decoder

    decoder = Decoder(knows_more=knows_more)
    for part in cut(data):
        decoder.feed(part)
        for _ in range(len(data) + 1):  # each turn uses up a byte at least
            try:
                if decoder.take() is None:
                    break
            except WireFault:
                continue
        else:
            raise AssertionError("the decoder does not come to an end")
    decoder.end()
    assert len(decoder.pending) <= len(data)


def strip(data: bytes) -> None:
    from devices.api import Strip, StripCode, StripLine
    from devices.wire.escpos_decode import decode
    from devices.wire.strip import Bitmap, columns, encode_strip

    text = data[1:].decode("utf-8", "surrogateescape" if data[:1] > b"\x7f" else "replace")
    part = StripCode(text) if data[:1] < b"\x20" else StripLine(text, scale=1 + data[0] % 2)

    def white(row: str, scale: int) -> Bitmap:
        width_px = columns(row) * 12 * scale
        return Bitmap(width_px, 24 * scale, bytes((width_px + 7) // 8 * 24 * scale))

    for piece in encode_strip(Strip((part,)), white):
        decode(b"\x1b@" + piece.data)


def mjpeg(data: bytes) -> None:
    from devices.wire import mjpeg as wire

    found = wire.decode_head(data)
    if found is None:
        return
    head, rest = found
    decoder = wire.PartDecoder(head.boundary())
    bodies = [body for part in cut(rest) for body in decoder.feed(part)]
    assert sum(map(len, bodies)) <= len(data)


def modbus_answer(data: bytes) -> None:
    from devices.wire import modbus

    if len(data) < 4:
        return
    function = tuple(modbus.Function)[data[0] % 4]
    bits = () if function in modbus.READS else tuple(bool(data[1] >> n & 1) for n in range(8))
    asked = modbus.Request(
        data[2] % 248, function, data[3], 8, bits if function != modbus.Function.WRITE_COIL else bits[:1]
    )
    decoder = modbus.AnswerDecoder(asked)
    for part in cut(data[4:]):
        answer = decoder.feed(part)
        if answer is not None:
            assert modbus.is_answer_to(answer, asked)
            return
    modbus.decode_answer(data[4:])


def modbus_request(data: bytes) -> None:
    from devices.wire import modbus

    decoder = modbus.RequestDecoder()
    for part in cut(data):
        for request in decoder.feed(part):
            assert modbus.decode_request(modbus.encode_request(request)) == request
    modbus.decode_request(data)


def _reader(data: bytes) -> Any:
    source = io.BytesIO(data)

    def read(count: int) -> bytes:
        found = source.read(count)
        if len(found) < count:
            raise EOFError
        return found

    return read


def eye_answer(data: bytes) -> None:
    from devices.imaging.wire import receive_answer

    receive_answer(_reader(data))


def eye_request(data: bytes) -> None:
    from devices.imaging.wire import receive_request

    receive_request(_reader(data))


@cache
def _keys() -> dict[str, Any]:
    from tests.fixtures.sealed_vectors import RECIPIENTS, private_key

    return {kid: private_key(kid) for kid in RECIPIENTS}


def sealed(data: bytes) -> None:
    from sandbox.reader import open_bytes

    opened, plain = open_bytes(data, _keys())
    assert opened.plain_bytes == len(plain) <= len(data)


def signed_wire(data: bytes) -> None:
    from kiosk.trust.signed import decode_object, decode_wire, encode_wire

    value = decode_object(data)
    if set(value) == {"o", "kid", "sig"}:
        assert encode_wire(decode_wire(value)) == value


class _Clock:
    def wall_s(self) -> float:
        return 1_795_400_000.0

    def is_trusted(self) -> bool:
        return True


def central_reply(data: bytes) -> None:
    from kiosk.central.answers import Reply, check, decode_json, is_portal, problem_code

    head, _, body = data.partition(b"\n\n")
    lines = head.decode("latin-1").splitlines()
    status = int(lines[0]) if lines and lines[0].isascii() and lines[0].isdigit() and len(lines[0]) <= 3 else 200
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    reply = Reply(status, headers, body)
    is_portal(reply)
    problem_code(reply)
    check(reply, _Clock(), 200, 201)  # type: ignore[arg-type]  # no more of it is asked
    decode_json(body)


def central_value(data: bytes) -> None:
    from kiosk.central import query_values
    from kiosk.central.answers import decode_json

    kinds = (
        query_values.CasePage,
        query_values.Case,
        query_values.Materials,
        query_values.PaymentOrder,
        query_values.Sites,
        query_values.Slots,
        query_values.Booking,
        query_values.Questions,
    )
    if not data:
        return
    value = query_values.decode_value(kinds[data[0] % len(kinds)], decode_json(data[1:]))
    repr(value)


@cache
def _place() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - a file of our own in a folder of our own, on no disk
    return Path(tempfile.mkdtemp(prefix="jinban-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))


def config(data: bytes) -> None:
    from kiosk.station.config import load_config

    path = _place() / "kiosk.toml"
    path.write_bytes(data)
    load_config(path)


def state_files(data: bytes) -> None:
    from kiosk.station.audit_format import HEAD_FILE, load_head
    from kiosk.station.errors import ConfigError
    from kiosk.trust.identity import DEVICE_FILE, load_device
    from kiosk.trust.ring import load_pinned
    from kiosk.trust.rotation import NEXT_FILE, load_candidate
    from kiosk.trust.time import FLOOR_FILE, load_floor

    for name in (HEAD_FILE, DEVICE_FILE, NEXT_FILE, FLOOR_FILE):
        (_place() / name).write_bytes(data)
    assert load_floor(_place()) >= 0
    load_head(_place())
    load_candidate(_place())
    with contextlib.suppress(ConfigError):
        load_device(_place())
    load_pinned(_place() / FLOOR_FILE)


def catalogue(data: bytes) -> None:
    from kiosk.services.catalogue_check import check_catalogue

    path = _place() / "SIM-FUZZ-0001.yaml"
    path.write_bytes(data)
    for mistake in check_catalogue(path):
        str(mistake)


def condition(data: bytes) -> None:
    from kiosk.services.expressions import ExpressionError, parse_condition, parse_date_word

    text = data.decode("utf-8", "replace")
    with contextlib.suppress(ExpressionError):
        parse_date_word(text)
    parse_condition(text)


def stroke(data: bytes) -> None:
    from kiosk.session.flow.signature import decode_stroke

    found = decode_stroke(data.decode("utf-8", "replace"))
    for point in found or ():
        assert 0 <= point[0] <= 1
        assert 0 <= point[1] <= 1
        assert isinstance(point[2], int)


def form_body(data: bytes) -> None:
    from sandbox.console.bodies import decode_multipart, decode_urlencoded
    from sandbox.problems import Problem

    try:
        decode_urlencoded(data)
    except Problem:
        decode_multipart(data, b"cut")
