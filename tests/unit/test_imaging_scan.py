"""`scan`: what it prints, what it writes, how it ends."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from app.commands.scan import Bar, Words, scan
from app.commands.scan_files import find_pictures
from app.outputs import text_of
from devices.imaging.eye import Eye
from devices.imaging.values import GATES
from devices.sim import desk
from devices.sim.id_cards import draw_id_card
from devices.sim.scene import Scene
from kiosk.station.texts import own_texts
from main import cli
from tests.fixtures.camera import encoded
from tests.fixtures.pictures import PROGRESSIVE, RED_TOP_LEFT, TRANSPARENT, grey_jpeg, png
from tests.unit.test_imaging_decode import BOMBS

Still = Callable[..., bytes]
KEYS = {"file", "width", "height", "found", "corners", "turn", "confidence", "gates", "dpi", "output", "bytes", "ms"}


Ran = Callable[..., tuple[int, object]]


@pytest.fixture
def ran(camera_eye: Eye) -> Ran:
    """Return a function: names, folder → exit code and what was printed as JSON."""

    def run(names: list[str], out: Path, no_gates: bool = False) -> tuple[int, object]:
        printed: list[str] = []
        code = scan(names, out, no_gates=no_gates, as_json=True, write=printed.append, eye=camera_eye)
        return code, json.loads("".join(printed)) if printed else None

    return run


def test_a_good_picture_gives_a_pdf_and_every_key(ran: Ran, tmp_path: Path, desk_still: Still) -> None:
    file = tmp_path / "page.jpg"
    file.write_bytes(desk_still("register"))
    code, found = ran([str(file)], tmp_path / "out")
    assert code == 0
    assert isinstance(found, dict)
    assert set(found) >= KEYS
    assert tuple(found["gates"]) == GATES
    assert found["gates"]["still"] == {"value": None, "limit": None, "ok": None}
    assert found["gates"]["sharp"]["ok"] is True
    assert (found["width"], found["height"], found["found"], found["turn"]) == (3264, 2448, True, 0)
    assert set(found["ms"]) >= {"outline", "refine", "dewarp", "clean", "encode"}
    assert all(value == round(value, 3) for corner in found["corners"] for value in corner)
    assert (found["turn_known"], found["dpi_known"], found["others"]) == (True, False, 0), "an A5 has an A4's shape"
    data = Path(found["output"]).read_bytes()
    assert data.startswith(b"%PDF")
    assert len(data) == found["bytes"]


def test_folders_patterns_and_refusals_make_one_list_and_exit_1(ran: Ran, tmp_path: Path, desk_still: Still) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(desk_still("card"))
    (folder / "b.jpg").write_bytes(desk_still("glare"))
    (folder / "c.png").write_text("no picture", encoding="utf-8")
    code, found = ran([str(folder), str(folder / "*.jpg")], tmp_path / "out")
    assert code == 1
    assert isinstance(found, list)
    assert {"outline", "refine", "dewarp", "clean", "encode"} <= set(found[2]["ms"])
    assert [(Path(f["file"]).name, f["refused"]) for f in found] == [
        ("a.jpg", ""),
        ("b.jpg", "glare"),
        ("c.png", "not_a_picture"),
    ]
    assert found[1]["reason"] == "请转一点，避开反光"
    assert found[1]["gates"]["glare"]["ok"] is False
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.pdf"]


def test_no_gates_always_gives_an_output_for_a_picture(ran: Ran, tmp_path: Path, desk_still: Still) -> None:
    (tmp_path / "a.jpg").write_bytes(desk_still("glare"))
    (tmp_path / "b.png").write_bytes(encoded(RED_TOP_LEFT, "PNG"))
    code, found = ran([str(tmp_path / "a.jpg"), str(tmp_path / "b.png")], tmp_path / "out", no_gates=True)
    assert code == 0
    assert isinstance(found, list)
    assert [Path(f["output"]).exists() for f in found] == [True, True]
    assert found[1]["found"] is False
    assert (found[1]["dpi"], found[1]["dpi_known"], found[1]["turn_known"]) == (None, False, False)
    assert isinstance(found[0]["dpi"], int)


@cache
def two_cards() -> np.ndarray:
    """Return both sides of an ID card beside each other, of 2 MP."""
    picture = np.full((1296, 1728, 3), (58, 52, 46), np.uint8)
    for side, across_mm in (("front", -60.0), ("back", 60.0)):
        sheet = draw_id_card(side, 1, 14.0)  # type: ignore[arg-type]
        desk.put_sheet(picture, sheet, desk.matrix_of(desk.View(1728, 1296, 6.0), desk.Pose(across_mm, 0, 3), sheet))
    return picture


def photographed(picture: np.ndarray, blur_px: float = 0.6) -> bytes:
    return bytes(desk.encode(desk.add_noise(cv2.GaussianBlur(picture, (0, 0), blur_px), 2, 5), 92))


def test_what_was_not_found_is_told_and_what_was_left_too(ran: Ran, camera_eye: Eye, tmp_path: Path) -> None:
    file = tmp_path / "two.jpg"
    file.write_bytes(photographed(two_cards()))
    code, found = ran([str(file)], tmp_path / "out")
    assert code == 0
    assert isinstance(found, dict)
    assert (found["others"], found["turn_known"], found["dpi_known"]) == (1, True, True)
    lines: list[str] = []
    names = [str(file), str(picture(tmp_path / "p.png"))]
    scan(names, tmp_path / "out", lang="en", no_gates=True, write=lines.append, eye=camera_eye)
    assert f"two.pdf {found['dpi']} dpi, " in lines[0]
    assert lines[0].endswith("; papers beside it, not taken: 1")
    assert "no paper found" in lines[1]
    assert "dpi" not in lines[1]


TOO_SMALL = {(1, 1): 16, (8, 8): 16, (300, 1): 16, (1, 5000): 25, (20000, 3): 100, (15, 900): 16, (10, 10000): 50}
THIN = ((16, 16), (20, 2000), (3200, 16), (17, 3383), (100, 4000), (20000, 100))
"""Width and height; of those too small the least number of px a side."""


def test_a_picture_of_few_px_is_a_picture_without_a_page(ran: Ran, tmp_path: Path) -> None:
    for size in (*TOO_SMALL, *THIN):
        Image.new("L", size, 255).save(tmp_path / f"{size[0]}x{size[1]}.png")
    names = [str(tmp_path / f"{width}x{height}.png") for width, height in (*TOO_SMALL, *THIN)]
    code, found = ran(names, tmp_path / "out")
    assert code == 1
    assert isinstance(found, list)
    assert [(one["refused"], one["width"], one["height"], one["found"], one["detail"]) for one in found] == [
        ("page", *size, False, f"{size[0]}×{size[1]} px") for size in (*TOO_SMALL, *THIN)
    ]
    code, found = ran(names, tmp_path / "out", no_gates=True)
    assert code == 1
    assert isinstance(found, list)
    told = [(one["refused"], one["reason"], one["detail"]) for one in found[: len(TOO_SMALL)]]
    assert told == [
        ("too_small", "图片太小", f"{width}×{height} px; at least {least} px a side")
        for (width, height), least in TOO_SMALL.items()
    ]
    assert all(Path(one["output"]).read_bytes().startswith(b"%PDF") for one in found[len(TOO_SMALL) :])


@pytest.mark.parametrize("names", [[], ["/nowhere/at-all.jpg"]])
def test_a_name_that_is_nothing_is_said_in_one_line(
    ran: Ran, names: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = ran(names, tmp_path / "out")
    assert (code, found) == (2, None)
    assert capsys.readouterr().err.count("\n") == 1


def picture(file: Path) -> Path:
    """Write a small picture, whatever the file is called."""
    file.parent.mkdir(exist_ok=True)
    RED_TOP_LEFT.save(file, "PNG")
    return file


def test_no_output_overwrites_another_or_a_picture(ran: Ran, tmp_path: Path) -> None:
    one = picture(tmp_path / "x" / "p.jpg")
    names = [one, picture(tmp_path / "y" / "p.png"), picture(tmp_path / "x" / "p-2.png"), picture(tmp_path / "P.PNG")]
    renamed = picture(tmp_path / "out" / "r.pdf")
    before = renamed.read_bytes()
    code, found = ran([str(name) for name in (*names, renamed)], tmp_path / "out", no_gates=True)
    assert code == 0
    assert isinstance(found, list)
    assert [Path(f["output"]).name for f in found] == ["p.pdf", "p-2.pdf", "p-2-2.pdf", "P-3.pdf", "r-2.pdf"]
    assert renamed.read_bytes() == before
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(
        ["p.pdf", "p-2.pdf", "p-2-2.pdf", "P-3.pdf", "r-2.pdf", "r.pdf"]
    )


def of_colour(file: Path, colour: str) -> str:
    """Write a picture of one colour and return its name."""
    file.parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), colour).save(file)
    return str(file)


def test_another_run_writes_over_nothing_and_the_same_page_once(ran: Ran, tmp_path: Path) -> None:
    out = tmp_path / "out"
    colours = {"a": "red", "b": "blue", "c": "red"}
    names = [of_colour(tmp_path / folder / "p.png", colour) for folder, colour in colours.items()]

    def outputs(*asked: str) -> list[str]:
        found = [ran([name], out, no_gates=True)[1] for name in asked]
        return [Path(one["output"]).name for one in found if isinstance(one, dict)]

    assert outputs(*names) == ["p.pdf", "p-2.pdf", "p.pdf"], "a page that is there already is not written again"
    before = {file.name: (file.read_bytes(), file.stat().st_ino) for file in out.iterdir()}
    assert outputs(*reversed(names)) == ["p.pdf", "p-2.pdf", "p.pdf"]
    (out / "q.pdf").mkdir()
    (out / "q-2.pdf").symlink_to(tmp_path / "nowhere")
    os.mkfifo(out / "q-3.pdf")  # opened it would wait for ever
    assert outputs(of_colour(tmp_path / "q.png", "green")) == ["q-4.pdf"]
    assert {name: ((out / name).read_bytes(), (out / name).stat().st_ino) for name in before} == before
    assert {file.name for file in out.iterdir()} == {*before, "q.pdf", "q-2.pdf", "q-3.pdf", "q-4.pdf"}


def test_each_picture_of_a_run_has_a_page_of_its_own_in_every_run(ran: Ran, tmp_path: Path) -> None:
    names = [str(picture(tmp_path / folder / "p.png")) for folder in ("a", "b")]
    for _ in range(2):
        _, found = ran(names, tmp_path / "out", no_gates=True)
        assert isinstance(found, list)
        assert [Path(one["output"]).name for one in found] == ["p.pdf", "p-2.pdf"]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_page_that_stands_where_a_picture_is_refused_is_told(ran: Ran, camera_eye: Eye, tmp_path: Path) -> None:
    file, out = picture(tmp_path / "p.png"), tmp_path / "out"
    _, first = ran([str(file)], out)
    assert isinstance(first, dict)
    assert (first["refused"], first["stands"]) == ("page", "")
    ran([str(file)], out, no_gates=True)
    _, found = ran([str(file)], out)
    assert isinstance(found, dict)
    assert (found["refused"], found["output"], found["stands"]) == ("page", "", str(out / "p.pdf"))
    lines: list[str] = []
    scan([str(file)], out, lang="en", write=lines.append, eye=camera_eye)
    assert "p.pdf was there before and is not of this picture" in lines[0]


def test_files_of_a_folder_or_pattern_come_in_natural_order_and_once(tmp_path: Path) -> None:
    for name in ("10.png", "2.png", "1.PNG", "b/3.jpeg", "note.txt"):
        picture(tmp_path / name)
    folder = [file.name for file in find_pictures([str(tmp_path)]).files]
    assert folder == ["1.PNG", "2.png", "10.png"]
    named = [str(tmp_path / "10.png"), str(tmp_path / "**" / "*.[pj]*"), str(tmp_path / "10.png")]
    pattern = [file.name for file in find_pictures(named).files]
    assert pattern == ["10.png", "2.png", "3.jpeg"]


def test_a_folder_gives_a_list_however_few_it_holds(ran: Ran, tmp_path: Path) -> None:
    file = picture(tmp_path / "in" / "p.png")
    assert isinstance(ran([str(file.parent)], tmp_path / "out", no_gates=True)[1], list)
    assert isinstance(ran([str(file)], tmp_path / "out", no_gates=True)[1], dict)


def test_hostile_files_are_a_line_each_and_the_rest_goes_on(camera_eye: Eye, tmp_path: Path) -> None:
    for name, (build, _) in BOMBS.items():
        (tmp_path / f"{name}.jpg").write_bytes(build())
    picture(tmp_path / "zz.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")  # opened it would wait for ever
    lines: list[str] = []
    assert scan([str(tmp_path)], tmp_path / "out", lang="en", no_gates=True, write=lines.append, eye=camera_eye) == 1
    assert len(lines) == len(BOMBS) + 1
    told = {Path(line.split(".jpg")[0]).name: line for line in lines}
    for name, (_, code) in BOMBS.items():
        assert f"({code}" in told[name]
    assert "The picture is too large" in told["one scan too many"]
    assert "→" in told["zz"]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["zz.pdf"]


def test_a_limit_is_told_as_it_is(camera_eye: Eye, tmp_path: Path) -> None:
    pictures = {
        "progressive.jpg": grey_jpeg(PROGRESSIVE, 6000, 6600),
        "wide.png": png(30_000, 2),
        "deep.png": png(6000, 6000, depth=16, colour=TRANSPARENT, interlace=1),
        "scans.jpg": grey_jpeg(PROGRESSIVE, 160, 160, 101),
    }
    for name, data in pictures.items():
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "z.jpg").open("wb") as file:
        file.truncate(20_500_001)
    lines: list[str] = []
    scan([str(tmp_path)], tmp_path / "out", lang="en", write=lines.append, eye=camera_eye)
    told = [line.split("(picture_too_large: ")[1].rstrip(")") for line in lines]
    held = "allowed is at most 16 megapixels where progressive, in several scans, interlaced or of 16 bits"
    assert told == [
        f"6000×6000 px (36.0 megapixels), interlaced and of 16 bits; {held}",
        f"6000×6600 px (39.6 megapixels), progressive; {held}",
        "101 scans or more of 160×160 px (0.0 megapixels); allowed is at most 100 scans, and 320 megapixels in all of "
        "them together",
        "30000×2 px (0.1 megapixels); allowed is at most 40 megapixels and 20000 px a side",
        "20.5 MB; allowed is at most 20 MB",
    ]


def test_a_file_is_not_told_to_wait(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(photographed(two_cards(), 5.0))
    _, found = ran([str(tmp_path / "p.jpg")], tmp_path / "out")
    assert isinstance(found, dict)
    assert (found["refused"], found["reason"]) == ("sharp", "照片不清楚，请拿稳、对好焦重拍")
    assert found["detail"] == f"{found['gates']['sharp']['value']:g}, limit 0.345"
    words = Words(own_texts(), "zh")
    promises = [gate for gate in GATES if "稍等" in own_texts()(f"gate.{gate}", "zh")]
    assert promises == ["bright", "sharp"]
    assert not any("稍等" in words.why(gate) for gate in GATES)
    assert [gate for gate in GATES if words.why(gate) != own_texts()(f"gate.{gate}", "zh")] == promises


def test_a_page_of_too_few_pixels_is_said_to_be_too_far_away(
    ran: Ran, camera_eye: Eye, tmp_path: Path, desk_still: Still
) -> None:
    far = tmp_path / "far.jpg"
    still = cv2.imdecode(np.frombuffer(desk_still("text"), np.uint8), cv2.IMREAD_COLOR)
    far.write_bytes(bytes(desk.encode(cv2.resize(still, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), 92)))
    code, found = ran([str(far)], tmp_path / "out")
    assert isinstance(found, dict)
    assert (code, found["refused"], found["reason"]) == (1, "far", own_texts()("gate.far", "zh"))
    assert found["dpi"] < 72
    assert found["gates"]["sharp"]["ok"] is False
    assert found["detail"] == f"{found['dpi']} dpi"


def test_corners_lie_in_the_picture_as_stored_however_it_is_turned(ran: Ran, tmp_path: Path) -> None:
    scene = Scene()
    scene.lay("register", 0.0, at_once=True)
    upright = Image.open(io.BytesIO(desk.encode(scene.stream_picture(0.0, 0), 90))).reduce(2)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright.transpose(STORED[orientation]) if orientation in STORED else upright
        stored.save(tmp_path / f"{orientation}.jpg", exif=exif, quality=95)
    _, found = ran([str(tmp_path / "*.jpg")], tmp_path / "out", no_gates=True)
    assert isinstance(found, list)
    assert [one["turn"] for one in found] == [0, 0, 180, 180, 90, 90, 270, 270]
    across, down = upright.width - 1, upright.height - 1
    for one, place in zip(found, PLACES, strict=True):
        assert (one["width"], one["height"]) == (upright.size if place in PLACES[:4] else upright.size[::-1])
        truth = [place(x, y, across, down) for x, y in found[0]["corners"]]
        assert all(min(math.dist(point, other) for other in truth) < 3 for point in one["corners"])
        tops = sorted(range(4), key=lambda at: one["corners"][at][1])[:2]
        assert sorted(tops) == [0, 1], "clockwise on screen, from the top left"
        assert one["corners"][0][0] < one["corners"][1][0]


STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
PLACES: tuple[Callable[[float, float, float, float], tuple[float, float]], ...] = (
    lambda x, y, w, h: (x, y),
    lambda x, y, w, h: (w - x, y),
    lambda x, y, w, h: (w - x, h - y),
    lambda x, y, w, h: (x, h - y),
    lambda x, y, w, h: (y, x),
    lambda x, y, w, h: (y, w - x),
    lambda x, y, w, h: (h - y, w - x),
    lambda x, y, w, h: (h - y, x),
)
"""Where a point of the upright picture lies after Pillow stored it that way, worked out by hand; orientation 1 to 8."""


def test_a_page_that_cannot_be_written_is_said_and_leaves_nothing_half(ran: Ran, tmp_path: Path) -> None:
    code, found = ran([str(picture(tmp_path / "p.png"))], Path("/proc/self"), no_gates=True)  # nothing is made there
    assert code == 1
    assert isinstance(found, dict)
    assert (found["refused"], found["output"], found["bytes"]) == ("not_written", "", 0)
    (tmp_path / "file").touch()
    assert ran([str(tmp_path / "p.png")], tmp_path / "file")[0] == 2


def test_a_name_that_is_no_text_and_one_that_steers_a_terminal_do_no_harm(
    ran: Ran, camera_eye: Eye, tmp_path: Path
) -> None:
    names = [picture(tmp_path / name) for name in (os.fsdecode(b"\xff.png"), "\x1b[2Jq.png")]
    code, found = ran([str(name) for name in names], tmp_path / "out", no_gates=True)
    assert code == 0
    assert isinstance(found, list)
    assert [Path(one["file"]).name for one in found] == ["\\xff.png", "\x1b[2Jq.png"]
    lines: list[str] = []
    scan([str(name) for name in names], tmp_path / "out", no_gates=True, write=lines.append, eye=camera_eye)
    assert "\x1b" not in "".join(lines)


def test_a_name_as_long_as_a_name_may_be_is_written(ran: Ran, tmp_path: Path) -> None:
    longest = ("a" * 255, "近" * 85, "bb" + "近" * 84, "a" * 254 + "c", "d" * 251 + ".png")
    names = [picture(tmp_path / "x" / name) for name in longest]
    code, found = ran([str(name) for name in names], tmp_path / "out", no_gates=True)
    assert code == 0
    assert isinstance(found, list)
    stems = [Path(one["output"]).name.removesuffix(".pdf") for one in found]
    assert stems == ["a" * 251, "近" * 83, "bb" + "近" * 83, "a" * 249 + "-2", "d" * 251]


def test_every_path_has_a_text_of_its_own() -> None:
    names = [b"a.jpg", b"\xff.jpg", rb"\xff.jpg", rb"\\xff.jpg", b"\\\xff.jpg", rb"c:\a.jpg", "近.jpg".encode()]
    told = [text_of(Path(os.fsdecode(name))) for name in names]
    assert told[:2] == ["a.jpg", "\\xff.jpg"]
    assert told[-2:] == ["c:\\a.jpg", "近.jpg"]
    assert len(set(told)) == len(names)


def test_what_lies_in_a_folder_and_is_not_read_is_told_by_type(tmp_path: Path) -> None:
    for name in ("a.PNG", "b.jpg", "c.tif", "d.TIF", "e", "f.heic", "g/h.bmp"):
        picture(tmp_path / name)
    (tmp_path / "i.jpg").symlink_to("nowhere")
    out = tmp_path.parent / f"{tmp_path.name}-out"
    done = CliRunner().invoke(cli, ["scan", str(tmp_path), "--out", str(out), "--no-gates", "--json"])
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == 2
    assert done.stderr.startswith(f"scan: {str(tmp_path)!r}: 5 passed over: 2 × .tif, ")
    for other in ("1 × no type", "1 × .heic", "1 × no file"):
        assert other in done.stderr
    done = CliRunner().invoke(cli, ["scan", str(tmp_path / "g"), "--out", str(out)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "1 × .bmp" in done.stderr


def test_a_name_that_leads_nowhere_is_refused_and_the_others_are_done(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("a.png", "gone.png", "b.png", "none*")]
    for name in (names[0], names[2]):
        picture(Path(name))
    asked = ["scan", *names, "--out", str(tmp_path / "out"), "--no-gates", "--json"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert [Path(one["file"]).name for one in told] == ["a.png", "gone.png", "b.png", "none*"]
    assert [one["refused"] for one in told] == ["", "not_readable", "", "not_readable"]
    assert [Path(one["output"]).name for one in told] == ["a.pdf", "", "b.pdf", ""]
    assert [line.split("' is ")[0] for line in done.stderr.splitlines()] == [f"scan: '{names[at]}" for at in (1, 3)]
    done = CliRunner().invoke(cli, ["scan", names[1], names[3], names[1], "--out", str(tmp_path / "out")])
    assert (done.exit_code, done.stdout) == (2, ""), "none leads anywhere"


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_grows_on_a_terminal_and_nowhere_else() -> None:
    screen, paper = _Screen(), io.StringIO()
    for stream in (screen, paper):
        bar = Bar(4, stream)
        bar.show(1, "scan\x1b.jpg")
        bar.clear()
    assert screen.getvalue() == "\r\x1b[K█████░░░░░░░░░░░░░░░ 1/4 scan\ufffd.jpg\r\x1b[K"
    assert paper.getvalue() == ""


def test_the_command_prints_json_and_nothing_else(tmp_path: Path) -> None:
    files = [str(picture(tmp_path / name)) for name in ("a.png", "b.png")]
    result = CliRunner().invoke(cli, ["scan", *files, "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 1
    assert [found["reason"] for found in json.loads(result.stdout)] == ["请放上材料，正面朝上"] * 2
