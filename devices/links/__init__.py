"""Bytes in, bytes out, with a deadline: `open_link` turns a link as written in configuration into a Link.

`open_packets` does the same for what speaks in packets: USB bulk endpoints and HID reports.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from devices.api import Link

if TYPE_CHECKING:
    from devices.links.packets import PacketLink

__all__ = ["ALLOWED", "BAUDS", "bytes_per_s", "open_link", "open_packets"]

ALLOWED = "serial:PATH?baud=N, tcp:HOST:PORT or pipe:PATH"
SLOWEST_BYTES = 960  # a second at 9600 8N1: what a serial server or an adapter of unknown speed carries at least
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
DEFAULT_BAUD = 115200
BITS = 10  # a byte on an 8N1 line


def open_link(address: str) -> Link:
    """Return the link `address` names, not yet opened.

    Shape: `serial:/dev/ttyUSB0?baud=115200` (8N1, no flow control; 115200 when left out) · `tcp:127.0.0.1:9100` ·
    `tcp:[::1]:9100` · `pipe:PATH` (a device node such as /dev/usb/lp0, or a UNIX stream socket).
    Raises: ValueError, one sentence with the link and what is allowed.
    """
    kind, colon, rest = address.partition(":")
    if colon and kind == "serial":
        return _serial(address, rest)
    if colon and kind == "tcp":
        return _tcp(address, rest)
    if colon and kind == "pipe" and rest:
        from devices.links.pipe import PipeLink

        return PipeLink(address, rest)
    raise ValueError(f"link {address!r}: allowed are {ALLOWED}")


def bytes_per_s(address: str) -> int:
    """Return how many bytes a second a link carries at least; only a serial one tells."""
    baud = dict(parse_qsl(address.partition("?")[2])).get("baud", str(DEFAULT_BAUD))
    return int(baud) // BITS if address.startswith("serial:") else SLOWEST_BYTES


def _serial(address: str, rest: str) -> Link:
    path, question, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    baud = options.pop("baud", str(DEFAULT_BAUD))
    if not path.startswith("/"):
        raise ValueError(f"link {address!r}: a serial port is a full path, such as serial:/dev/ttyUSB0?baud=115200")
    if options or (question and not query):
        raise ValueError(f"link {address!r}: the only option of a serial link is baud")
    if not (baud.isascii() and baud.isdigit()) or int(baud) not in BAUDS:
        raise ValueError(f"link {address!r}: baud is one of {', '.join(map(str, BAUDS))}")
    from devices.links.serial import SerialLink

    return SerialLink(address, path, int(baud))


def _tcp(address: str, rest: str) -> Link:
    host, colon, port = rest.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"link {address!r}: a TCP link is tcp:HOST:PORT with a port from 1 to 65535")
    from devices.links.tcp import TcpLink

    return TcpLink(address, host, int(port))


_IDS = re.compile(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})")
AUTO = "auto"


def open_packets(address: str, usual: tuple[tuple[int, int], ...] = ()) -> PacketLink:
    """Return the packet link `address` names, not yet opened.

    Shape: `usb:0400:C35A` · `hid:10C4:0007` (vendor and product; `?serial=TEXT` picks one of several) · `usb:auto` ·
    `hid:auto` (the first of `usual` that is there) · `usb:pipe:PATH` · `hid:pipe:PATH` (a bus on a UNIX socket).
    Raises: ValueError, one sentence with the link and what is allowed.
    """
    kind, _, rest = address.partition(":")
    name, _, query = rest.partition("?")
    if kind not in ("usb", "hid"):
        raise ValueError(f"link {address!r}: allowed are usb:VID:PID or hid:VID:PID")
    if rest.startswith("pipe:") and len(rest) > len("pipe:"):
        return _piped(address, rest.removeprefix("pipe:"))
    options = dict(parse_qsl(query, keep_blank_values=True))
    serial = options.pop("serial", "")
    if options or ("?" in rest and not serial):
        raise ValueError(f"link {address!r}: the only option of a USB link is serial")
    found = _IDS.fullmatch(name)
    ids = ((int(found[1], 16), int(found[2], 16)),) if found else usual if name == AUTO else ()
    if not ids:
        raise ValueError(f"link {address!r}: a USB link is {kind}:VID:PID, four hexadecimal digits each")
    return _hid(address, ids, serial) if kind == "hid" else _usb(address, ids, serial)


def _piped(address: str, path: str) -> PacketLink:
    from devices.links.packets import PacketLink, PipeEndpoints

    return PacketLink(address, lambda: PipeEndpoints(path))


def _usb(address: str, ids: tuple[tuple[int, int], ...], serial: str) -> PacketLink:
    from devices.links.packets import PacketLink
    from devices.links.usb import open_usb

    return PacketLink(address, lambda: open_usb(ids, serial))


def _hid(address: str, ids: tuple[tuple[int, int], ...], serial: str) -> PacketLink:
    from devices.links.hid import open_hid
    from devices.links.packets import PacketLink

    return PacketLink(address, lambda: open_hid(ids, serial))
