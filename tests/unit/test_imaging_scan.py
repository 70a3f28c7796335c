"""`scan`: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.scan import scan
from tests.fixtures.camera import encoded
from tests.fixtures.pictures import RED_TOP_LEFT

Still = Callable[..., bytes]
KEYS = {"file", "width", "height", "found", "corners", "turn", "confidence", "gates", "dpi", "output", "bytes", "ms"}


def ran(names: list[str], out: Path, **options: bool) -> tuple[int, object]:
    printed: list[str] = []
    code = scan(names, out, as_json=True, write=printed.append, **options)
    return code, json.loads("".join(printed)) if printed else None


def test_a_good_picture_gives_a_pdf_and_every_key(tmp_path: Path, desk_still: Still) -> None:
    file = tmp_path / "page.jpg"
    file.write_bytes(desk_still("register"))
    code, found = ran([str(file)], tmp_path / "out")
    assert code == 0
    assert isinstance(found, dict)
    assert set(found) >= KEYS
    assert (found["width"], found["height"], found["found"], found["turn"]) == (3264, 2448, True, 0)
    assert set(found["ms"]) >= {"outline", "refine", "dewarp", "clean", "encode"}
    data = Path(found["output"]).read_bytes()
    assert data.startswith(b"%PDF")
    assert len(data) == found["bytes"]


def test_folders_patterns_and_refusals_make_one_list_and_exit_1(tmp_path: Path, desk_still: Still) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(desk_still("card"))
    (folder / "b.jpg").write_bytes(desk_still("glare"))
    (folder / "c.png").write_text("no picture", encoding="utf-8")
    code, found = ran([str(folder), str(folder / "*.jpg")], tmp_path / "out")
    assert code == 1
    assert isinstance(found, list)
    assert [(Path(f["file"]).name, f["refused"]) for f in found] == [
        ("a.jpg", ""),
        ("b.jpg", "glare"),
        ("c.png", "not_a_picture"),
    ]
    assert found[1]["reason"] == "请转一点，避开反光"
    assert found[1]["gates"]["glare"]["ok"] is False
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.pdf"]


def test_no_gates_always_gives_an_output_for_a_picture(tmp_path: Path, desk_still: Still) -> None:
    (tmp_path / "a.jpg").write_bytes(desk_still("glare"))
    (tmp_path / "b.png").write_bytes(encoded(RED_TOP_LEFT, "PNG"))
    code, found = ran([str(tmp_path / "a.jpg"), str(tmp_path / "b.png")], tmp_path / "out", no_gates=True)
    assert code == 0
    assert isinstance(found, list)
    assert [Path(f["output"]).exists() for f in found] == [True, True]
    assert found[1]["found"] is False


@pytest.mark.parametrize("names", [[], ["/nowhere/at-all.jpg"]])
def test_a_name_that_is_nothing_is_said_in_one_line(
    names: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = ran(names, tmp_path / "out")
    assert (code, found) == (2, None)
    assert capsys.readouterr().err.count("\n") == 1


def test_two_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path, desk_still: Still) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.jpg").write_bytes(desk_still("card"))
    code, _ = ran([str(tmp_path / "x"), str(tmp_path / "y")], tmp_path / "out")
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["p-1.pdf", "p-2.pdf"]
