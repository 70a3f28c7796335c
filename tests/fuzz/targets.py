"""What is fuzzed: one line a target. `way` takes bytes from outside; anything but `errors` is a defect.

A new codec is a line here and a seed in `seeds.py` (or a file laid into corpus/NAME/ by hand).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
WIRE = ("devices.api:WireFault",)
WAYS = "tests.fuzz.ways:"
CARDS = "tests.fuzz.ways_cards:"
SCANNERS = "tests.fuzz.ways_scanners:"


@dataclass(frozen=True)
class Target:
    """One way in. `way` and `errors` are `module:name`, imported only when it is run; `looks_into` is instrumented."""

    way: str
    looks_into: str
    errors: tuple[str, ...] = WIRE
    max_bytes: int = 4096

    def load(self) -> tuple[Callable[[bytes], object], tuple[type[BaseException], ...]]:
        """Return the function and the errors it may raise."""
        return _named(self.way), tuple(_named(name) for name in self.errors)


TARGETS: dict[str, Target] = {
    # devices/wire
    "samv-stream": Target(WAYS + "samv_stream", "devices.wire.samv"),
    "samv-data": Target(WAYS + "samv_data", "devices.wire.samv"),
    "samv-record": Target("devices.wire.samv_records:decode_text_record", "devices.wire.samv_records"),
    "escpos": Target("devices.wire.escpos_decode:decode", "devices.wire.escpos_decode"),
    "escpos-written": Target(WAYS + "escpos_written", "devices.wire.escpos"),
    "escpos-answer": Target(WAYS + "escpos_answer", "devices.wire.escpos_status", max_bytes=2),
    "escpos-stream": Target(WAYS + "escpos_stream", "devices.wire.escpos_decode"),
    "strip": Target(WAYS + "strip", "devices.wire.strip"),
    "mjpeg": Target(WAYS + "mjpeg", "devices.wire.mjpeg", max_bytes=16_384),
    "modbus-answer": Target(WAYS + "modbus_answer", "devices.wire.modbus"),
    "modbus-request": Target(WAYS + "modbus_request", "devices.wire.modbus"),
    "escpos-more": Target(WAYS + "escpos_more", "devices.wire.escpos_more"),
    "ipp": Target("devices.wire.ipp:decode_answer", "devices.wire.ipp"),
    # what chip cards and passports say, and what carries it
    "apdu": Target(CARDS + "apdu", "devices.wire.apdu"),
    "tlv": Target(CARDS + "tlv", "devices.wire.tlv"),
    "social": Target(CARDS + "social", "devices.wire.social"),
    "emv": Target(CARDS + "emv", "devices.wire.emv"),
    "mrz": Target(CARDS + "mrz", "devices.wire.mrz"),
    "emrtd": Target(CARDS + "emrtd", "devices.wire.emrtd"),
    "emrtd-keys": Target(CARDS + "emrtd_keys", "devices.wire.emrtd_keys"),
    "secure-messaging": Target(CARDS + "secure_messaging", "devices.wire.secure_messaging"),
    "curve": Target(CARDS + "curve", "devices.wire.curve", max_bytes=140),
    "pace": Target(CARDS + "pace", "devices.wire.pace"),
    "sod": Target(CARDS + "sod", "devices.wire.sod"),
    "pn532": Target(CARDS + "pn532", "devices.wire.pn532"),
    "samv-hid": Target(CARDS + "samv_hid", "devices.wire.samv_hid", max_bytes=80),
    "samv-usb": Target(CARDS + "samv_usb", "devices.wire.samv_usb"),
    # what scanners say
    "barcode": Target(SCANNERS + "barcode", "devices.wire.barcode", max_bytes=8192),
    "sane": Target(SCANNERS + "sane", "devices.wire.sane"),
    # devices/imaging
    "eye-answer": Target(WAYS + "eye_answer", "devices.imaging.wire", (*WIRE, "builtins:EOFError")),
    "eye-request": Target(WAYS + "eye_request", "devices.imaging.wire", (*WIRE, "builtins:EOFError")),
    "picture-header": Target("devices.imaging.container:open_picture", "devices.imaging.container"),
    # what is sealed and signed
    "sealed": Target(WAYS + "sealed", "sandbox.reader", ("sandbox.reader:Bad",), max_bytes=8192),
    "sealed-header": Target("sandbox.reader:decode_header", "sandbox", ("sandbox.reader:Bad",)),
    "signed-wire": Target(WAYS + "signed_wire", "kiosk.trust.signed", ("kiosk.trust.signed:TrustFault",)),
    "evacuation-wire": Target(
        "offline_queue.evacuation:decode_wire", "offline_queue.evacuation", ("offline_queue.api:QueueError",)
    ),
    "audit-line": Target("kiosk.station.audit_format:decode_line", "kiosk.station.audit_format", ()),
    # the platform's word
    "central-reply": Target(
        WAYS + "central_reply", "kiosk.central.answers", ("offline_queue.api:QueueError",), max_bytes=8192
    ),
    "central-value": Target(WAYS + "central_value", "kiosk.central.query_values", ("offline_queue.api:AnswerFault",)),
    # files of the station
    "config": Target(WAYS + "config", "kiosk.station", ("kiosk.station.errors:ConfigError",)),
    "catalogue": Target(WAYS + "catalogue", "kiosk.services", (), max_bytes=16_384),
    "condition": Target(
        WAYS + "condition", "kiosk.services.expressions", ("kiosk.services.expressions:ExpressionError",), max_bytes=400
    ),
    "state-files": Target(WAYS + "state_files", "kiosk.trust", ("kiosk.station.errors:ConfigError",)),
    # the person's hand, and the console's
    "stroke": Target(WAYS + "stroke", "kiosk.session.flow.signature", ()),
    "form-body": Target(WAYS + "form_body", "sandbox.console.bodies", ("sandbox.problems:Problem",)),
}


def _named(text: str) -> Any:
    module, _, name = text.partition(":")
    return getattr(import_module(module), name)
