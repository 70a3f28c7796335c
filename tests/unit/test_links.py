"""Links: how they are written, and what they do when the other end is slow, full, taken or gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.api import Cancelled, Deadline, Link, NotReady, TimedOut
from devices.links import bytes_per_s, open_link

PTY = """
import os, sys, tty
master, slave = os.openpty()
tty.setraw(master); tty.setraw(slave)
print(os.ttyname(slave), flush=True)
while True:
    os.write(master, os.read(master, 4096))
"""


@pytest.fixture
def echo() -> Iterator[subprocess.Popen[str]]:
    """A serial port in a process of its own that says back what it hears: killing it is unplugging."""
    with subprocess.Popen([sys.executable, "-c", PTY], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def serial_link(echo: subprocess.Popen[str]) -> Iterator[Link]:
    link = open_link(f"serial:{echo.stdout.readline().strip()}?baud=9600")
    link.open()
    yield link
    link.close()


@pytest.fixture
def far_socket() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("", "allowed are"),
        ("serial", "allowed are"),
        ("pcsc:READER", "allowed are"),
        ("pipe:", "allowed are"),
        ("serial:ttyUSB0", "full path"),
        ("serial:/dev/ttyUSB0?baud=115201", "baud is one of"),
        ("serial:/dev/ttyUSB0?baud=", "baud is one of"),
        ("serial:/dev/ttyUSB0?parity=odd", "only option"),
        ("serial:/dev/ttyUSB0?", "only option"),
        ("tcp:9100", "tcp:HOST:PORT"),
        ("tcp:host:0", "tcp:HOST:PORT"),
        ("tcp:host:65536", "tcp:HOST:PORT"),
        ("tcp::9100", "tcp:HOST:PORT"),
    ],
)
def test_a_link_that_cannot_be_says_what_is_allowed(address, hint):
    with pytest.raises(ValueError, match=hint) as found:
        open_link(address)
    assert repr(address) in str(found.value)


def test_a_link_keeps_its_address():
    for address in ("serial:/dev/ttyUSB0?baud=9600", "serial:/dev/x", "tcp:[::1]:9100", "pipe:a/b"):
        assert open_link(address).address == address


@pytest.mark.parametrize(
    ("address", "rate"),
    [("serial:/dev/x?baud=19200", 1920), ("serial:/dev/x", 11520), ("tcp:host:9100", 960), ("pipe:/dev/usb/lp0", 960)],
)
def test_a_link_carries_at_least_what_its_line_does(address, rate):
    assert bytes_per_s(address) == rate


def test_bytes_go_both_ways_over_a_serial_port(serial_link):
    serial_link.write(bytes(range(256)), Deadline(10))
    found = b""
    while len(found) < 256:
        found += serial_link.read(100, Deadline(10))
    assert found == bytes(range(256))
    assert serial_link.drain() == b""


def test_a_serial_port_is_ours_alone(serial_link):
    second = open_link(serial_link.address)
    with pytest.raises(NotReady, match="noDevice"):
        second.open()
    serial_link.open()  # again: harmless
    serial_link.close()
    second.open()
    second.close()


def test_a_missing_serial_port_is_no_device(tmp_path):
    with pytest.raises(NotReady, match="noDevice"):
        open_link(f"serial:{tmp_path}/ttyUSB9").open()


def test_an_unplugged_serial_port_is_no_device_in_every_call(serial_link, echo):
    blocked: list[BaseException] = []

    def wait() -> None:
        try:
            serial_link.read(1, Deadline(30))
        except NotReady as error:
            blocked.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    echo.kill()
    echo.wait()
    thread.join(20)
    assert [error.code for error in blocked] == ["noDevice"]
    for call in (
        lambda: serial_link.write(b"x", Deadline(5)),
        lambda: serial_link.read(1, Deadline(5)),
        serial_link.drain,
    ):
        with pytest.raises(NotReady, match="noDevice"):
            call()


def test_a_closed_link_is_no_device(serial_link):
    serial_link.close()
    serial_link.close()
    for call in (lambda: serial_link.write(b"x", Deadline(1)), lambda: serial_link.read(1, Deadline(1))):
        with pytest.raises(NotReady):
            call()


def test_a_read_ends_with_its_deadline_or_when_called_off(serial_link):
    with pytest.raises(TimedOut):
        serial_link.read(1, Deadline(0.02))
    cancelled = threading.Event()
    threading.Timer(0.05, cancelled.set).start()
    with pytest.raises(Cancelled):
        serial_link.read(1, Deadline(30, cancelled))


def test_a_port_that_takes_no_more_bytes_times_out():
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    link = open_link(f"serial:{os.ttyname(slave)}")
    link.open()
    try:
        with pytest.raises(TimedOut):
            link.write(bytes(1_000_000), Deadline(0.2))
    finally:
        link.close()
        os.close(slave)
        os.close(master)


def test_what_lay_in_the_port_before_opening_is_not_read():
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    os.write(master, b"the last answer")
    link = open_link(f"serial:{os.ttyname(slave)}")
    link.open()
    try:
        assert link.drain() == b""
        os.write(master, b"new")
        assert link.read(10, Deadline(10)) == b"new"
    finally:
        link.close()
        os.close(slave)
        os.close(master)


def test_bytes_go_both_ways_over_tcp_until_the_peer_hangs_up(far_socket):
    link = open_link(f"tcp:127.0.0.1:{far_socket.getsockname()[1]}")
    link.open()
    peer, _ = far_socket.accept()
    with peer:
        link.write(b"question", Deadline(10))
        assert peer.recv(100) == b"question"
        peer.sendall(b"answer")
        assert link.read(3, Deadline(10)) == b"ans"
        assert link.read(100, Deadline(10)) == b"wer"
    with pytest.raises(NotReady, match="noDevice"):
        link.read(1, Deadline(10))
    with pytest.raises(NotReady, match="noDevice"):
        link.drain()
    link.close()


def test_a_peer_that_resets_is_no_device(far_socket):
    link = open_link(f"tcp:127.0.0.1:{far_socket.getsockname()[1]}")
    link.open()
    peer, _ = far_socket.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    with pytest.raises(NotReady, match="noDevice"):
        link.read(1, Deadline(10))
    with pytest.raises(NotReady, match="noDevice"):
        link.write(b"x" * 100, Deadline(10))
    link.close()


def test_a_port_where_nobody_listens_is_no_device(far_socket):
    port = far_socket.getsockname()[1]
    far_socket.close()
    with pytest.raises(NotReady, match="noDevice"):
        open_link(f"tcp:127.0.0.1:{port}").open()


def test_a_pipe_carries_bytes_like_any_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("far")
        listener.listen()
        link = open_link("pipe:far")
        link.open()
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"hello")
            assert link.read(100, Deadline(10)) == b"hello"
            peer.sendall(b"more")
            link.close()
    with pytest.raises(NotReady, match="noDevice"):
        open_link("pipe:nothing").open()


def test_a_node_that_never_answers_is_waited_for_and_no_hang_up():
    """As a USB printer that cannot be read: writing goes, reading brings nothing, and nothing is not a loss."""
    link = open_link("pipe:/dev/null")
    link.open()
    link.write(b"\x10\x04\x01", Deadline(10))
    assert link.drain() == b""
    with pytest.raises(TimedOut):
        link.read(1, Deadline(0.12))
    link.close()
    link.close()


def test_a_node_is_read_and_written_until_its_device_goes(echo):
    link = open_link(f"pipe:{echo.stdout.readline().strip()}")
    link.open()
    link.write(b"question", Deadline(10))
    found = b""
    while len(found) < len(b"question"):
        found += link.read(100, Deadline(10))
    assert found == b"question"
    echo.kill()
    echo.wait()
    with pytest.raises(NotReady, match="noDevice"):
        link.read(1, Deadline(10))
    with pytest.raises(NotReady, match="noDevice"):
        link.drain()
    link.close()
