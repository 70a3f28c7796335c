"""Serial ports: who answers the harmless questions of our three protocols, and at which speed.

The printer is asked first, at every speed: DLE EOT 1 is answered at once, in any state, and prints nothing. Only a port
where no printer answers hears the others, since to a printer their bytes would be text. (A slip begins with ESC @, so
even that would be forgotten before it is printed.)
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from devices.api import Deadline, DeviceError, DeviceKind, Link, NotReady, TimedOut, WireFault
from devices.discovery import Scope, Seen, Sight, found_as
from devices.links import open_link
from devices.wire import escpos, escpos_status, samv

PORT_S = 3.0  # what one port may cost, whatever hangs there
PATTERNS = ("ttyUSB*", "ttyACM*", "ttyS*", "ttyAMA*")
PRINTER_SPEEDS = (115200, 19200, 9600, 38400)  # factory settings of the printers of reference/devices.md §9
READER_SPEEDS = (115200, 57600, 38400, 19200, 9600)  # devices.md §4: the order in which Routon's library looks
BOARD_SPEED = 9600  # what relay boards come with
PRINTER_S, READER_S, BOARD_S = 0.15, 0.25, 0.25  # all of them answer within some ten milliseconds
MAX_ANSWER = 256


class Question(msgspec.Struct, frozen=True):
    """One harmless question: what is sent, and what the answer says ("" = that is no answer of such a device)."""

    kind: DeviceKind
    name: str
    speeds: tuple[int, ...]
    wait_s: float
    ask: bytes
    decode: Callable[[bytes], str]


def find_serial(scope: Scope) -> tuple[Sight, ...]:
    """Return what hangs on each serial port. All ports are asked at once; none costs more than PORT_S."""
    named = (*map(os.path.abspath, scope.ports), *(() if scope.is_alone else _ports(Path(scope.root))))
    names: dict[str, str] = {}
    for name in named:
        names.setdefault(os.path.realpath(name), name)
    ports = tuple(names.values())
    found: dict[str, Sight] = {}

    def look(port: str) -> None:
        try:
            found[port] = look_at_port(port, scope.patience)
        except Exception as error:  # a driver of the kernel that does what no other does
            found[port] = Sight(port, Seen.ABSENT, f"cannot be asked: {type(error).__name__}")

    threads = [threading.Thread(target=look, args=(port,), name=f"probe {port}", daemon=True) for port in ports]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PORT_S * scope.patience
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return tuple(found.get(port, Sight(port, Seen.HANGS, f"does not come back within {PORT_S:g} s")) for port in ports)


def look_at_port(port: str, patience: float = 1.0) -> Sight:
    """Return what answers on one port."""
    if odd := _what_else(port):
        return Sight(port, Seen.ABSENT, odd)
    if holder := _holder(port):
        return Sight(port, Seen.HELD, f"in use by {holder}; not touched")
    deadline = Deadline(PORT_S * patience)
    heard = b""
    for question in QUESTIONS:
        for speed in question.speeds:
            if deadline.left_s() == 0.0:
                return Sight(port, Seen.HANGS, f"not all questions could be asked within {PORT_S:g} s")
            try:
                answer = _ask(port, speed, question.ask, Deadline(min(question.wait_s * patience, deadline.left_s())))
            except NotReady as error:
                return _closed(port, error)
            except DeviceError:
                continue
            heard = heard or answer
            if said := question.decode(answer):
                link = f"serial:{port}?baud={speed}"
                return found_as(question.kind, link, port, f"{question.name} at {speed} baud: {said}")
    if heard:
        return Sight(port, Seen.UNUSED, f"answers, but nothing we know ({len(heard)} bytes)")
    return Sight(port, Seen.MUTE, "nobody answers: no printer, reader or relay board that is switched on")


def _what_else(port: str) -> str:
    """Return why this can be no serial port, "" where it may be one. Files are not even opened."""
    try:
        mode = Path(port).stat().st_mode
    except OSError:
        return "no such port"
    if not stat.S_ISCHR(mode):
        return f"{'a folder' if stat.S_ISDIR(mode) else 'a file'}, not a serial port"
    return "a name with ? cannot stand in a link; give the port another one: ln -s" if "?" in port else ""


def _closed(port: str, error: NotReady) -> Sight:
    """Return what a port is that could not be opened, or not talked to any more."""
    code = getattr(error.__cause__, "errno", None)
    if code in (errno.EACCES, errno.EPERM):
        return Sight(port, Seen.HELD, "we may not open it: this user belongs into the group dialout")
    if code in (errno.EBUSY, errno.EAGAIN):
        return Sight(port, Seen.HELD, "cannot be opened: another program holds it")
    if error.detail.startswith("cannot open") and Path(port).exists():
        return Sight(port, Seen.ABSENT, "no serial port, or one the kernel gives no line to")
    return Sight(port, Seen.ABSENT, "went away")


def _ask(port: str, speed: int, ask: bytes, deadline: Deadline) -> bytes:
    """Return all that comes until it is quiet, b"" for silence. Raises: NotReady, TimedOut when nothing is taken."""
    link: Link = open_link(f"serial:{port}?baud={speed}")
    link.open()
    try:
        link.drain()
        link.write(ask, deadline)
        heard = b""
        quiet = deadline
        with suppress(TimedOut):
            while len(heard) < MAX_ANSWER:
                heard += link.read(MAX_ANSWER, quiet)
                quiet = Deadline(min(0.05, deadline.left_s()))
        return heard
    finally:
        link.close()


# ── the questions ────────────────────────────────────────────────────────────────────────


def _as_printer(answer: bytes) -> str:
    try:
        signals = escpos_status.decode_status(1, answer)
    except WireFault:
        return ""
    return "answers DLE EOT 1" + ("" if not signals else f", {str(signals).partition('.')[2].lower() or 'not ready'}")


def _as_reader(answer: bytes) -> str:
    decoder = samv.Decoder()
    try:
        for payload in (*decoder.feed(answer), *decoder.flush()):
            return f"answers the status question, {samv.decode_answer(payload).meaning}"
    except WireFault:
        return ""
    return ""


def _as_board(answer: bytes) -> str:
    """Tell a Modbus answer by its check sum: coils, or an exception, of unit 1. Source: Modbus serial line V1.02 §6."""
    is_whole = len(answer) >= 5 and answer[0] == 1 and answer[1] in (0x01, 0x81)
    if not is_whole or crc16(answer[:-2]) != int.from_bytes(answer[-2:], "little"):
        return ""
    return "answers as Modbus unit 1" + (", with an exception" if answer[1] & 0x80 else "")


def crc16(data: bytes) -> int:
    """Return the CRC-16 of a Modbus frame."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


READ_COIL = bytes((1, 0x01, 0, 0, 0, 1))  # unit 1: how is coil 0; nothing is switched
QUESTIONS = (
    Question(
        DeviceKind.PRINTER,
        "receipt printer",
        PRINTER_SPEEDS,
        PRINTER_S,
        escpos.encode_operation(escpos.Ask(1)),
        _as_printer,
    ),
    Question(
        DeviceKind.READER,
        "SAM-V reader",
        READER_SPEEDS,
        READER_S,
        samv.encode_request(samv.Request(samv.Command.STATUS)),
        _as_reader,
    ),
    Question(
        DeviceKind.AUXILIARIES,
        "relay board",
        (BOARD_SPEED,),
        BOARD_S,
        READ_COIL + crc16(READ_COIL).to_bytes(2, "little"),
        _as_board,
    ),
)


# ── which ports there are, and who has them ──────────────────────────────────────────────


def _ports(root: Path) -> tuple[str, ...]:
    found = []
    for pattern in PATTERNS:
        for path in sorted((root / "dev").glob(pattern)):
            uart = root / "sys/class/tty" / path.name / "type"
            if path.name.startswith("ttyS") and uart.is_file() and uart.read_text().strip() == "0":
                continue  # a name the kernel keeps for a port that is not there
            found.append(str(path))
    return tuple(found)


def _holder(port: str) -> str:
    """Return who else has the port open, as `name (pid)`; "" for nobody we may see. A pty's far end is no holder."""
    device = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            open_files = {str(one.readlink()) for one in (process / "fd").iterdir()}
            if device in open_files and "/dev/ptmx" not in open_files and "/dev/pts/ptmx" not in open_files:
                return f"{(process / 'comm').read_text().strip()} ({process.name})"
        except OSError:  # another user's, or just ended
            continue
    return ""
