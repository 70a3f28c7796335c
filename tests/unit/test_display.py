"""Whether a window can be opened: an address is not enough, somebody has to serve it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.commands.run import has_display


@pytest.fixture(autouse=True)
def _no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_address_there_is_no_display() -> None:
    assert not has_display()


@pytest.mark.parametrize("address", [":987", "unix:987", ":x", "nonsense", "127.0.0.1:987.0"])
def test_an_address_that_nobody_serves_is_no_display(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DISPLAY", address)
    assert not has_display()


def test_a_served_address_is_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X987")
        server.listen()
        monkeypatch.setenv("DISPLAY", ":987.0")
        assert has_display()


def test_a_platform_chosen_by_name_is_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert has_display()
