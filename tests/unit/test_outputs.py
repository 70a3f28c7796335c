"""Where a command writes what it makes: nothing is written over, nothing is left half."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from app.outputs import numbered, write_new, write_once


def no_links(self: Path, target: Path) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(target))  # what FAT says


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_gets_its_name_whole_with_links_and_without(
    tmp_path: Path, has_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert [write_new(tmp_path, "a.pdf", data).name for data in (b"1", b"1")] == ["a.pdf", "a-2.pdf"]
    assert [write_once(tmp_path, "b.pdf", data).name for data in (b"1", b"2", b"1", b"2")] == ["b.pdf", "b-2.pdf"] * 2
    assert write_once(tmp_path, "b.pdf", b"1", {"b.pdf"}).name == "b-3.pdf"
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "a.pdf": b"1",
        "a-2.pdf": b"1",
        "b.pdf": b"1",
        "b-2.pdf": b"2",
        "b-3.pdf": b"1",
    }


def test_what_cannot_be_written_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    monkeypatch.setattr(Path, "replace", no_links)
    with pytest.raises(OSError, match="not permitted"):
        write_once(tmp_path, "a.pdf", b"1")
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_cut_between_characters(tmp_path: Path) -> None:
    most = os.pathconf(tmp_path, "PC_NAME_MAX")
    stems = [
        "a" * 300,
        "近" * 100,
        "a" + "近" * 100,
        "𠮷" * 80,
        *(os.fsdecode(byte * 300) for byte in (b"\xff", b"\x80")),
    ]
    for stem in stems:
        for number in (1, 12):
            name = numbered(tmp_path, f"{stem}.pdf", number)
            assert most - 4 < len(os.fsencode(name)) <= most
            assert name.endswith(".pdf" if number == 1 else "-12.pdf")
            assert name[: name.rindex(stem[-1]) + 1] in stem, "no character is cut in two"
    assert numbered(tmp_path, "a.pdf", 2) == "a-2.pdf"
