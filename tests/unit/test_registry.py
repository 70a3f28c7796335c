"""Drivers by name and by link."""

from __future__ import annotations

import subprocess
import sys

import pytest

from devices.api import Device, DeviceKind
from devices.registry import DRIVERS, device_mistakes, driver_for, load_driver, make_device

LINKS = {
    "reader": "serial:/dev/ttyUSB0",
    "printer": "tcp:127.0.0.1:9100",
    "camera": "http://127.0.0.1:1/",
    "card": "pcsc:*",
}


@pytest.mark.parametrize("name", DRIVERS)
def test_every_registered_driver_is_of_the_kind_its_name_says(name):
    assert name.startswith(f"{load_driver(name).kind.value.replace('_', '-')}-")


@pytest.mark.parametrize("kind", [DeviceKind.READER, DeviceKind.PRINTER, DeviceKind.CARD])
def test_a_link_alone_is_enough_to_make_a_device(kind):
    device = make_device(kind, "", LINKS[kind.value])
    assert isinstance(device, Device)
    assert device.kind is kind
    device.close()


def test_the_drivers_of_links():
    assert driver_for(DeviceKind.READER, "serial:/dev/ttyS0") == "reader-samv"
    assert driver_for(DeviceKind.PRINTER, "tcp:h:1") == "printer-escpos"
    assert driver_for(DeviceKind.CAMERA, "http://h/") == "camera-http"
    assert driver_for(DeviceKind.CARD, "pcsc:*") == "card-pcsc"
    assert driver_for(DeviceKind.CAMERA, "folder:x") == "camera-folder"


@pytest.mark.parametrize(
    ("kind", "driver", "link", "hint"),
    [
        (DeviceKind.READER, "", "folder:x", "for a reader allowed are"),
        (DeviceKind.READER, "reader-none", "tcp:h:1", "allowed are .*camera-folder, "),
        (DeviceKind.READER, "printer-escpos", "tcp:h:1", "is for a printer, not for a reader"),
        (DeviceKind.READER, "reader-samv", "usb:1", "usb:VID:PID"),
        (DeviceKind.READER, "reader-samv", "pcsc:1", "allowed are serial.*hid:VID:PID"),
        (DeviceKind.READER, "", "serial:/dev/x?baud=7", "baud is one of"),
    ],
)
def test_what_cannot_be_made_says_what_is_allowed(kind, driver, link, hint):
    with pytest.raises(ValueError, match=hint):
        make_device(kind, driver, link)


def test_no_vendor_module_is_loaded_before_its_device_is_made():
    vendors = "{'serial', 'cv2', 'usb', 'hid', 'smartcard', 'cups'}"
    code = f"import devices.registry, devices.lane, devices.links, sys; print(*sorted({vendors} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("kind", "driver", "link", "options", "key", "text"),
    [
        (DeviceKind.READER, "", "pcsc:x", {}, "link", "for a reader allowed are hid:…, pipe:…, serial:…, tcp:…, usb:…"),
        (DeviceKind.READER, "reader-samv", "pcsc:x", {}, "link", "'pcsc:x' — allowed are serial:"),
        (DeviceKind.READER, "", "usb:0400", {}, "link", "'usb:0400' — a USB link is usb:VID:PID"),
        (DeviceKind.READER, "", "hid:10C4:0007?baud=9600", {}, "link", "the only option of a USB link is serial"),
        (DeviceKind.READER, "", "usb:auto", {"rf_frame": 256}, "options.rf_frame", "256 — a byte, 1 to 255"),
        (DeviceKind.READER, "", "usb:auto", {"photo_decoder": "wlt"}, "options.photo_decoder", "'wlt' — the full path"),
        (DeviceKind.READER, "reader-samv", "tcp:h:99999", {}, "link", "a port from 1 to 65535"),
        (DeviceKind.CAMERA, "camera-http", "http://h:99999/s", {}, "link", "'http://h:99999/s' — "),
        (DeviceKind.CAMERA, "camera-folder", "http://h/s", {}, "link", "allowed is folder:PATH"),
        (DeviceKind.READER, "reader-samv", "serial:/dev/x?baud=fast", {}, "link", "baud is one of"),
        (
            DeviceKind.READER,
            "reader-none",
            "tcp:h:1",
            {},
            "driver",
            "'reader-none' — a driver for a reader",
        ),
        (DeviceKind.READER, "printer-escpos", "tcp:h:1", {}, "driver", "a driver for a reader: reader-samv"),
        (DeviceKind.READER, "reader-samv", "tcp:h:1", {"speed": 3}, "options.speed", "known are answer_s, read_s"),
        (DeviceKind.READER, "reader-samv", "tcp:h:1", {"read_s": "x"}, "options.read_s", "'x' — a number above 0"),
        (DeviceKind.PRINTER, "printer-escpos", "tcp:h:1", {"mm_per_s": 0}, "options.mm_per_s", "0 — a number above 0"),
        (DeviceKind.PRINTER, "printer-escpos", "tcp:h:1", {"mm_per_s": True}, "options.mm_per_s", "True — a number"),
        (DeviceKind.PRINTER, "printer-escpos", "tcp:h:1", {"rasterize": "x"}, "options.rasterize", "unknown key"),
        (DeviceKind.CAMERA, "camera-folder", "folder:x", {"eye": "x"}, "options.eye", "unknown key — known are none"),
        (DeviceKind.CARD, "", "pcsc:", {}, "link", "'pcsc:' — allowed is pcsc:READER NAME"),
        (DeviceKind.CARD, "", "pcsc:*", {"order": "tax"}, "options.order", "'tax' — allowed are "),
        (DeviceKind.CARD, "", "pcsc:*", {"social_regions": "/none"}, "options.social_regions", "'/none' — "),
        (DeviceKind.CARD, "", "pcsc:*", {"pin": "1"}, "options.pin", "unknown key — known are order, social_regions"),
        (DeviceKind.CAMERA, "camera-http", "http://h/s", {"still_url": 3}, "options.still_url", "3 — a text"),
    ],
)
def test_each_mistake_of_a_device_names_key_value_and_what_is_allowed(kind, driver, link, options, key, text):
    ((found, told),) = device_mistakes(kind, driver, link, options)
    assert found == key
    assert text in told


def test_what_can_be_made_has_no_mistake():
    assert list(device_mistakes(DeviceKind.CARD, "", "pcsc:ACS", {"order": "bank", "social_holder": False})) == []
    assert list(device_mistakes(DeviceKind.CAMERA, "camera-http", "http://h/s", {"still_url": "stream"})) == []
    assert list(device_mistakes(DeviceKind.READER, "", "serial:/dev/x?baud=9600", {"read_s": 6})) == []
    for link in ("usb:0400:C35A", "usb:0483:5652?serial=12", "usb:auto", "hid:10c4:0007", "hid:auto"):
        assert list(device_mistakes(DeviceKind.READER, "", link, {"rf_frame": 0x50, "photo_decoder": "/opt/wlt"})) == []
    assert list(device_mistakes(DeviceKind.PRINTER, "", "tcp:h:9100", {"mm_per_s": 120})) == []


def test_a_wiring_that_only_the_driver_can_read_is_a_mistake_of_the_options():
    mistakes = tuple(device_mistakes(DeviceKind.AUXILIARIES, "", "tcp:127.0.0.1:9", {"lights": "lamp=1"}))
    assert [key for key, _ in mistakes] == ["options.lights"]
    assert "lamp=1" in mistakes[0][1]
