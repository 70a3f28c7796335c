"""Where a corpus begins: the golden vectors of the codecs' own tests. `python -m tests.fuzz.seeds` writes them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

from devices.api import Strip, StripCode, StripLine, StripRule
from devices.drivers.glyphs import rasterize
from devices.imaging.values import Hello, Limits, LookRequest, Refusal, TakeRequest, Track
from devices.imaging.wire import send
from devices.wire.strip import encode_strip
from tests.fixtures.pictures import RED_TOP_LEFT, png
from tests.fixtures.sealed_vectors import load_vectors
from tests.fuzz.seeds_cards import CARD_SEEDS
from tests.fuzz.targets import CORPUS, TARGETS
from tests.unit.test_sandbox_reader import EXAMPLE
from tests.wire import test_barcode, test_mjpeg, test_modbus, test_samv, test_samv_records, test_sane

ROOT = Path(__file__).resolve().parents[2]
RECEIPT = Strip(
    (StripLine("收件凭证", scale=2, align="center"), StripRule(), StripLine("A1 王*明"), StripCode("330402"))
)


def file_name(seed: bytes) -> str:
    """Return how libFuzzer itself names a file: the SHA-1 of its bytes."""
    return hashlib.sha1(seed, usedforsecurity=False).hexdigest()


def _hex(texts: object) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(text) for text in texts)  # type: ignore[attr-defined]


def _said(message: object) -> bytes:
    out = io.BytesIO()
    send(out.write, 7, message)  # type: ignore[arg-type]
    return out.getvalue()


def _jpeg() -> bytes:
    out = io.BytesIO()
    exif = RED_TOP_LEFT.getexif()
    exif[0x0112] = 6
    RED_TOP_LEFT.save(out, "JPEG", exif=exif)
    return out.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _service() -> bytes:
    """Return the smallest item of the catalogue."""
    folder = ROOT / "assets" / "services"
    return min((path.read_bytes() for path in folder.glob("SIM-*.yaml")), key=len)


SIGNED = _json({"kid": "s-2026-11", "o": "e30", "sig": "A" * 86})
SLIP = b"".join(piece.data for piece in encode_strip(RECEIPT, rasterize))
SAMV = _hex(words[-1] for words in (*test_samv.REQUESTS.values(), *test_samv.ANSWERS.values()))
PAIR = bytes((9, 20))  # where the ways cut what arrives
CONFIG = (ROOT / "deploy" / "models" / "simulated" / "kiosk.toml").read_bytes()
READ_8 = bytes((1, 0, 1, 0)) + PAIR  # inputs 0 to 7 of unit 1 were asked for

SEEDS: dict[str, tuple[bytes, ...]] = {
    **CARD_SEEDS,
    "samv-stream": (
        *(PAIR + frame for frame in SAMV),
        PAIR + b"".join(SAMV[:3]),
        PAIR + bytes.fromhex(test_samv.SAM_42),
    ),
    "samv-data": (
        b"\1\0\0\4" + test_samv_records.RESIDENT + b"WLf\0",
        b"\1\0\0\4\0\2" + test_samv_records.RESIDENT + b"WLf\0FP",
        bytes.fromhex(test_samv.SAM_ID),
        "浙江省嘉兴市".ljust(35).encode("utf-16-le"),
        bytes(28),
    ),
    "samv-record": (
        test_samv_records.RESIDENT,
        test_samv_records.RESIDENT[:248] + "I".encode("utf-16-le") + test_samv_records.RESIDENT[250:],
        test_samv_records.RESIDENT[:248] + "J".encode("utf-16-le") + test_samv_records.RESIDENT[250:],
        test_samv_records.RESIDENT[:248] + "Y".encode("utf-16-le") + test_samv_records.RESIDENT[250:],
    ),
    "escpos": (SLIP, SLIP[:300]),
    "escpos-written": ("收件凭证 𠮷".encode(), b"\x10\x04\x01\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", b"\x1b@"),
    "escpos-answer": (b"\x12", b"\x16", b"\x1a", b"\x7e", b"\x00", b""),
    "escpos-stream": (PAIR + SLIP[:300], PAIR + b"\x10\x04\x01" + SLIP[-200:]),
    "escpos-more": (
        PAIR + b"\x1b@\x1d\x4c\x08\x00\x1dW\x40\x02\x1b$\x10\x00A\n",
        PAIR + b"\x1b3\x18\x1bd\x02\x1dh\x50\x1dk\x04A1\x00",
    ),
    "ipp": (
        b"\x01\x01\x00\x00\x00\x00\x00\x01\x01\x47\x00\x12attributes-charset\x00\x05utf-8\x04"
        b"\x23\x00\x0dprinter-state\x00\x04\x00\x00\x00\x03\x44\x00\x15printer-state-reasons\x00\x04none\x03",
        b"\x01\x01\x04\x06\x00\x00\x00\x01\x01\x03",
    ),
    "strip": ("\x80收件凭证 Café".encode(), b"\0https://x.cn/?a=1", "\x81，。“𠮷”\u200b\x1b@".encode()),
    "barcode": (
        *(bytes((number,)) + PAIR + test_barcode.VECTOR for number in range(5)),
        b"\x80" + PAIR + "近办🙂\r".encode(),
        b"\x05" + PAIR + "近办\r\n".encode("gb18030"),
    ),
    "sane": (
        *(listing.encode() for listing in (test_sane.STEPPED, test_sane.BED_ONLY, test_sane.FEEDER_ONLY)),
        b"scanimage: sane_start: Document feeder out of documents\nBatch terminated, 3 pages scanned\n",
        b"scanimage: open of device test:0 failed: Invalid argument\n",
        f"{test_sane.HEAD}    -x 1.2.3..5 [1]\n    --resolution -9..-1dpi [1]\n".encode(),  # once a ValueError
    ),
    "mjpeg": (test_mjpeg.FFMPEG, test_mjpeg.FFMPEG.replace(b"Content-length: 5\r\n", b"")),
    "modbus-answer": tuple(
        READ_8 + bytes.fromhex(raw) for raw in ("010201006188", "0182028161", "01050000ff008c3a", "010f000000085400")
    ),
    "modbus-request": (*(PAIR + frame for frame in _hex(test_modbus.REQUESTS)), *_hex(test_modbus.REQUESTS)),
    "eye-answer": (
        _said(Hello("4.12", {"as_mb": 1024}, False)),
        _said(Refusal("not_a_picture", "JPEG")),
    ),
    "eye-request": (
        _said(LookRequest(1, 0, Track(), Limits())),
        _said(TakeRequest(Limits(), "a4")),
    ),
    "picture-header": (_jpeg(), png(4, 4, bytes(20))),
    "sealed": tuple(vector.blob for vector in load_vectors()[1]),
    "sealed-header": (EXAMPLE,),
    "signed-wire": (SIGNED, _json({"a": [1, True, None, "近办"]})),
    "evacuation-wire": (SIGNED,),
    "audit-line": (_json({"a": {"n": 1}, "e": "app.start", "m": 1, "n": 1, "p": "0" * 64, "t": 1}),),
    "central-reply": (
        b'503\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\n\n{"code":"busy"}',
        b'409\nContent-Type: application/problem+json\n\n{"code":"id_reused","status":409}',
        b"200\ncontent-type: text/html\n\n<html>",
        b'201\n\n{"a":[{"b":1.5}]}',
        b"503\nRetry-After: Sun, 06 Nov " + b"9" * 30 + b" 08:49:37 GMT\n\n",  # once an OverflowError
    ),
    "central-value": (
        b'\0{"items":[]}',
        b'\1{"case":"J-1"}',
        b'\4{"sites":[]}',
        b'\6{"id":"b","slip":{}}',
    ),
    "config": (CONFIG, b'[devices.printer]\ndriver = "printer-escpos"\nlink = "tcp:127.0.0.1:9100"\n'),
    "catalogue": (_service(), b"item_code: SIM-MZ-0008\nname_zh: &a x\nname_en: *a\n"),
    "condition": (b"age >= 80", b"situation in [a, b]", b"relation != self", b"today+30", b"today"),
    "state-files": (b'{"floor_s":1795400000}', b'{"n":3,"h":"ab"}', b'{"keys":[]}', b'{"a":"\xff"}'),
    "stroke": (b"[0.1,0.3,0,0.3,0.28,90]", b"[0.1,0.3,0,0.5,0.3,0.28,90,0.7]", b"[0,1e400,-1]"),
    "form-body": (b"a=1&b=%E8%BF%91", b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--cut--\r\n'),
}


def main() -> None:
    """Write every seed that is not there."""
    for name in TARGETS:
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed in SEEDS.get(name, ()):
            (folder / file_name(seed)).write_bytes(seed)


if __name__ == "__main__":
    main()
