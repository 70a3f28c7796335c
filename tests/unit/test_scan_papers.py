"""`scan --link`: what it prints, what it writes, how it ends, on SANE's test back end."""

from __future__ import annotations

import json
from pathlib import Path

import pikepdf
import pytest
from click.testing import CliRunner

from main import cli
from tests.fixtures.scanner import SaneBench


@pytest.fixture(autouse=True)
def _sane(sane_bench: SaneBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANE_CONFIG_DIR", str(sane_bench.folder))


def ran(out: Path, *words: str) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(cli, ["scan", "--link", "sane:test:0", "--out", str(out), "--json", *words])
    return done.exit_code, json.loads(done.stdout)


def test_a_stack_becomes_one_pdf(tmp_path: Path) -> None:
    code, found = ran(tmp_path / "out", "--source", "feeder", "--mode", "gray", "--dpi", "75")
    assert (code, found["pages"], found["dpi"], found["stopped_by"]) == (0, 10, 75, "")
    file = Path(str(found["output"]))
    assert file.stat().st_size == found["bytes"]
    with pikepdf.open(file) as document:
        assert len(document.pages) == 10
        assert abs(float(document.pages[0].mediabox[2]) - 200 / 25.4 * 72) < 2, "in true size"


def test_what_stops_a_scan_is_told_and_ends_with_1(tmp_path: Path, sane_bench: SaneBench) -> None:
    sane_bench.script(read_status_code='"SANE_STATUS_JAMMED"')
    code, found = ran(tmp_path / "out", "--dpi", "75")
    assert (code, found["pages"], found["stopped_by"], found["output"]) == (1, 0, "mediaJammed", "")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["scan", "--out", "x"],
        ["scan", "a.jpg", "--link", "sane:test:0", "--out", "x"],
        ["scan", "--link", "usb:1", "--out", "x"],
        ["scan", "--link", "sane:test:0", "--dpi", "9", "--out", "x"],
    ],
)
def test_bad_arguments_are_told_in_a_line(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "allowed" in done.stderr or "one of them" in done.stderr
    assert list(tmp_path.glob("x")) == []
