"""`scan --link`: what it prints, what it writes, how it ends, on SANE's test back end."""

from __future__ import annotations

import json
from pathlib import Path

import pikepdf
import pytest
from click.testing import CliRunner

from app.outputs import write_new
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
        ["scan", "--link", "sane:test:0", "--dpi", "-5", "--out", "x"],
        ["scan", "a.jpg", "--dpi", "-5", "--out", "x"],
        ["scan", "a.jpg", "--dpi", "300", "--out", "x"],
        ["scan", "a.jpg", "--source", "flatbed", "--out", "x"],
        ["scan", "a.jpg", "a.jpg", "--id-card", "--mode", "gray", "--out", "x"],
        ["scan", "--link", "sane:test:0", "--no-gates", "--out", "x"],
        ["scan", "--link", "sane:test:0", "--id-card", "--out", "x"],
    ],
)
def test_bad_arguments_are_told_in_a_line(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert any(word in done.stderr for word in ("allowed", "one of them", " is for --link LINK", " is for FILE…"))
    assert list(tmp_path.glob("x")) == []


def test_a_second_scan_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    first = ran(tmp_path / "out", "--dpi", "75")[1]
    file = Path(str(first["output"]))
    before = file.read_bytes()
    code, second = ran(tmp_path / "out", "--dpi", "75")
    assert (code, Path(str(second["output"])).name, file.name) == (0, "scan-2.pdf", "scan.pdf")
    assert file.read_bytes() == before


def test_a_scanner_that_is_not_there_is_told_with_what_helps(tmp_path: Path) -> None:
    words = ["scan", "--link", "sane:nope", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, words)
    assert (done.exit_code, done.stdout) == (
        2,
        "sane:nope: no such scanner; check its cable, its power and its name: scanimage -L (noDevice)\n",
    )
    told = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert (told["stopped_by"], told["remedy"].split(";")[0]) == ("noDevice", "no such scanner")


@pytest.mark.parametrize("words", [["--link", "sane:test:0"], ["a.png"]])
def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    file = tmp_path / "file"
    file.write_bytes(b"kept")
    named = [str(tmp_path / word) if word == "a.png" else word for word in words]
    done = CliRunner().invoke(cli, ["scan", *named, "--out", str(file)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"--out: {str(file)!r} — a folder, or a path where one can be made (is a file)\n"
    assert file.read_bytes() == b"kept"


def test_a_name_that_is_taken_is_never_written_over(tmp_path: Path) -> None:
    assert [write_new(tmp_path, "a.pdf", data).name for data in (b"1", b"2", b"3")] == ["a.pdf", "a-2.pdf", "a-3.pdf"]
    (tmp_path / "b.pdf").symlink_to(tmp_path / "nowhere")
    assert write_new(tmp_path, "b.pdf", b"4").name == "b-2.pdf"
