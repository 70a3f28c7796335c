"""ESC/POS as others write it: python-escpos prints on our far end, receiptline's Chinese is our encoder's."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from devices.links import open_link
from devices.wire import escpos, escpos_decode
from tests.fixtures.printer import soon

# What receiptline 4.0.4 (npm, Apache-2.0) makes with {cpl: 48, encoding: 'gb18030', command: 'escpos', spacing: false,
# cutting: false} of the document below; recorded once, since a change of its would be no mistake of ours.
RECEIPTLINE_4_0_4 = bytes.fromhex(
    "1b401d61001b4d301c2841020030001b20001c5300001b33001b7b001c2e1b2d301c2d301b45301d42301d21001d4c00001d5740021b"
    "61001b2400001b5c90001b2d301c2d301b45301d42301d21001d21111b74001c26d5fecef1b7fecef1bbd8d6b40a1b2d301c2d301b45"
    "301d42301d21001d4c00001d5740021b61001b2400001b5cf6001b2d301c2d301b45301d42301d21001b74001c26d6d0cec46162630a"
    "1b2d301c2d301b45301d42301d21001d4c00001d5740021b61001b2400001b5cd8001b2d301c2d301b45301d42301d21001b74001c26"
    "d0d5c3fba3bacdf5d0a1c3f70a1b2d301c2d301b45301d42301d21001d4c00001d5740021b61001b2400001b5ccc001b2d301c2d301b"
    "45301d42301d21001b74001c26d6a4bcfebac51b2420011b5c00001b2d301c2d301b45301d42301d21001b74001c263333303430322a"
    "2a2a2a2a2a2a2a313233340a1b2d301c2d301b45301d42301d21001d4c00001d5740021b61001b2400001b5cd8001b2d301c2d301b45"
    "301d42301d21001b74001c26a3aca1a3a1bea1bfa2d9a3a40a1b2d301c2d301b45301d42301d21001d4c00001d5740021b61001b2400"
    "001b5cc6001b2d301c2d301b45301d42301d21001b74001c26c9fac6a7d7d6209534b235208139ee3920e9460a1b2d301c2d301b4530"
    "1d42301d21001d4c00001d5740021b61001b2400001b2d301c2d301b45301d42301d21001b74001c26200a1d7231"
)
DOCUMENT = ("政务服务回执", "中文abc", "姓名：王小明", "证件号", "330402********1234", "，。【】①￥", "生僻字 𠮷 㐀 镕")
CHINESE = re.compile(rb"\x1c&([^\x0a\x1b\x1c\x1d]+)")  # between FS & and the next command


def test_receiptlines_gb18030_is_what_our_encoder_makes():
    segments = CHINESE.findall(RECEIPTLINE_4_0_4)
    ours = [escpos.encode_text(text) for text in DOCUMENT]
    assert [segment for segment in segments if segment != b" "] == ours
    assert bytes.fromhex("9534b235") in ours[-1]  # 𠮷, four bytes
    assert bytes.fromhex("8139ee39") in ours[-1]  # 㐀


def test_receiptlines_whole_output_decodes_without_an_unknown_command():
    decoder = escpos_decode.Decoder(knows_more=True)
    decoder.feed(RECEIPTLINE_4_0_4)
    decoder.end()
    texts = []
    while (found := decoder.take()) is not None:
        texts += [found[0].text] if isinstance(found[0], escpos.Text) else []
    assert decoder.pending == b""
    assert [text for text in texts if text.strip()] == list(DOCUMENT)


def _receipt() -> bytes:
    from escpos.printer import Dummy
    from PIL import Image

    printer = Dummy()
    printer.hw("INIT")
    printer.set(align="center", bold=True, double_width=True, double_height=True)
    printer.text("RECEIPT\n")
    printer.set(align="left", bold=False, normal_textsize=True)
    printer.textln("Jinban self-service terminal")
    printer.set(underline=1, align="right")
    printer.textln("right, underlined")
    printer.set_with_default()
    printer.qr("330402-T01", native=True, size=6)
    printer.image(Image.new("1", (48, 24), 0), impl="bitImageRaster")
    printer.cashdraw(2)
    printer.cut()
    return bytes(printer.output)


def test_a_receipt_of_python_escpos_comes_out_of_our_far_end(printer_rig):
    """Its output is another program's reading of the same standard."""
    assert version("python-escpos").startswith("3.")
    link = open_link(printer_rig.link)
    link.open()
    link.write(_receipt(), soon())
    (job,) = printer_rig.wait_for_jobs(1)
    link.close()
    assert (job["errors"], job["is_complete"]) == ([], True)
    assert job["rows"] == [
        "RECEIPT",
        "Jinban self-service terminal",
        "right, underlined",
        "[code 126×126]",
        "[picture 48×24]",
    ]
    assert job["codes"] == ["330402-T01"]


def test_its_chinese_is_refused_by_our_far_end(printer_rig):
    """It sends GB18030 without FS &: a Chinese printer in any other mode prints European letters."""
    from escpos.printer import Dummy

    library = Dummy()
    library.text("中文abc\n")
    library.cut()
    link = open_link(printer_rig.link)
    link.open()
    link.write(bytes(library.output), soon())
    (job,) = printer_rig.wait_for_jobs(1)
    link.close()
    assert not job["is_complete"]
    assert job["errors"][0].startswith("text_outside_chinese_mode")


@pytest.mark.parametrize("raw", [b"\x1bt\x00??", b"\x1b!\x30", b"\x1dB\x01"])
def test_what_others_send_is_still_none_of_ours(raw):
    with pytest.raises(escpos.WireFault, match="unknown_command"):
        escpos_decode.decode(raw)
