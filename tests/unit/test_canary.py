"""The search for a visit's words where there must be none: it finds them however they are coded, and between zeros."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from app.canary import search

WORD = "沈示例"
ZEROS = bytes(4096)


@pytest.mark.parametrize(
    "hidden",
    [
        WORD.encode(),
        WORD.encode("utf-16-le"),
        WORD.encode("gb18030").hex().encode(),
        base64.b64encode(b"x" + WORD.encode() + b"yz"),
        ZEROS + WORD.encode("utf-16-le") + ZEROS,
    ],
    ids=["utf8", "utf16", "hex", "base64", "between_zeros"],
)
def test_a_word_is_found_in_every_coding(tmp_path: Path, hidden: bytes) -> None:
    (tmp_path / "file").write_bytes(hidden)
    assert [name for name, count in search([tmp_path], [WORD]) if count] == ["file"]


def test_a_file_of_zeros_holds_no_word_but_its_name_may(tmp_path: Path) -> None:
    (tmp_path / "ballast").write_bytes(ZEROS)
    assert search([tmp_path], [WORD, "330402194503052222"]) == []
    (tmp_path / WORD).write_bytes(ZEROS)
    assert [name for name, _ in search([tmp_path], [WORD])] == [WORD]
