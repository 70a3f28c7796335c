"""Bytes in, bytes out, with a deadline: `open_link` turns a link as written in configuration into a Link."""

from __future__ import annotations

from urllib.parse import parse_qsl

from devices.api import Link

__all__ = ["ALLOWED", "BAUDS", "open_link"]

ALLOWED = "serial:PATH?baud=N, tcp:HOST:PORT or pipe:PATH"
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


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


def _serial(address: str, rest: str) -> Link:
    path, question, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    baud = options.pop("baud", "115200")
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
