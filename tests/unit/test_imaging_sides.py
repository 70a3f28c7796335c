"""Both sides of an ID card: told apart, turned upright, joined on one A4 page in true size."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest

from app.commands.scan_card import join_files, scan_card
from devices.imaging.eye import Eye
from devices.imaging.pdf import capture_of, join_card
from devices.imaging.pipeline import take
from devices.imaging.sides import Seen, Side, tell_side
from devices.imaging.values import Limits, TakeRequest
from devices.sim import desk
from devices.sim.id_cards import draw_id_card
from devices.sim.sheets import draw_sheet
from tests.fixtures.pdf_pages import read_pages


def seen_card(picture: np.ndarray, seed: int) -> np.ndarray:
    """Return a card as a straightened still shows it, under light of any kind."""
    rng = np.random.default_rng(seed)
    small = cv2.resize(picture, (685, 432), interpolation=cv2.INTER_AREA)
    across = np.linspace(*rng.uniform(0.5, 1.05, 2), 685, dtype=np.float32)[None, :]
    light = across * np.linspace(*rng.uniform(0.7, 1.0, 2), 432, dtype=np.float32)[:, None]
    cast = [light * float(gain) for gain in (rng.uniform(0.85, 1.05), 1, rng.uniform(0.9, 1.08))]
    lit = cv2.multiply(small, cv2.merge(cast), dtype=cv2.CV_8U)
    return desk.add_noise(cv2.GaussianBlur(lit, (0, 0), float(rng.uniform(0.6, 2))), 4, seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_side_is_told_whichever_way_up_it_lies(seed: int) -> None:
    for side in (Side.FRONT, Side.BACK):
        card = seen_card(draw_id_card(side.value, seed, 8.0).picture, seed)
        for quarters in range(4):
            assert tell_side(np.ascontiguousarray(np.rot90(card, quarters))) == Seen(side, 90 * quarters, True)


@pytest.mark.parametrize("seed", range(3))
def test_a_card_of_another_kind_is_neither_side(seed: int) -> None:
    card = seen_card(draw_sheet("card", seed, 12.0).picture, seed)
    assert tell_side(card) == Seen(Side.NEITHER, 0)
    assert tell_side(np.full((432, 685, 3), 230, np.uint8)) == Seen(Side.NEITHER, 0)


def on_desk(side: str, turn_deg: float) -> bytes:
    """Return a 2 MP still of a card on a dark desk: a side of an ID card, or another card."""
    sheet = draw_sheet("card", 1, 14.0) if side == "other" else draw_id_card(side, 1, 14.0)  # type: ignore[arg-type]
    picture = np.full((1296, 1728, 3), (58, 52, 46), np.uint8)
    matrix = desk.matrix_of(desk.View(1728, 1296, 9.0, 2.0, 1.0), desk.Pose(6, -4, turn_deg), sheet)
    desk.put_sheet(picture, sheet, matrix)
    dim = (picture * 0.9).astype(np.uint8)
    return bytes(desk.encode(desk.add_noise(cv2.GaussianBlur(dim, (0, 0), 0.6), 2, 5), 92))


def test_a_card_upside_down_becomes_a_page_that_can_be_read() -> None:
    answer, body = take(on_desk("back", 183.0), TakeRequest(Limits(), "card"))
    assert (answer.refused, answer.side, answer.turn_deg) == ("", "back", 180)
    assert (answer.is_turn_known, answer.is_scale_known) == (True, True)
    page = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert tell_side(page) == Seen(Side.BACK, 0, True)


def test_two_pictures_in_any_order_make_one_page_in_true_size(tmp_path: Path) -> None:
    for side in ("back", "front"):
        (tmp_path / f"{side}.jpg").write_bytes(on_desk(side, -4.0))
    printed: list[str] = []
    names = [str(tmp_path / f"{side}.jpg") for side in ("back", "front")]
    assert scan_card(names, tmp_path / "out", as_json=True, write=printed.append) == 0
    said = json.loads("".join(printed))
    assert said["sides"] == ["back", "front"]
    data = Path(said["output"]).read_bytes()
    (page,) = read_pages(data)
    assert page.size_pt == pytest.approx((595.28, 841.89), abs=0.3)
    assert page.capture["dpi"] == said["dpi"] == pytest.approx(9.0 * 25.4, abs=4)
    with pikepdf.open(io.BytesIO(data)) as document:
        drawn = [step for step in pikepdf.parse_content_stream(document.pages[0]) if str(step.operator) == "cm"]
    for step in drawn:
        assert float(step.operands[0]) == pytest.approx(85.6 / 25.4 * 72, abs=0.2)
        assert float(step.operands[3]) == pytest.approx(53.98 / 25.4 * 72, abs=0.2)
    picture = np.ascontiguousarray(np.asarray(page.picture)[:, :, ::-1])
    k = said["dpi"] / 25.4
    for top, side in ((70.0, Side.FRONT), (154.0, Side.BACK)):
        rows, columns = (slice(round(a * k), round((a + b) * k)) for a, b in ((top, 53.98), (62.2, 85.6)))
        assert tell_side(picture[rows, columns]) == Seen(side, 0, True)


def test_one_side_twice_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "back.jpg").write_bytes(on_desk("back", 2.0))
    printed: list[str] = []
    names = [str(tmp_path / "back.jpg")] * 2
    assert scan_card(names, tmp_path / "out", write=printed.append) == 1
    assert printed[0].endswith(f"(card_sides: {names[0]}: back, {names[1]}: back)")
    assert list((tmp_path / "out").iterdir()) == []
    assert scan_card(names[:1], tmp_path / "out") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_gates_two_cards_of_any_kind_are_joined_and_the_same_ones_once(camera_eye: Eye, tmp_path: Path) -> None:
    for name in ("back", "other"):
        (tmp_path / f"{name}.jpg").write_bytes(on_desk(name, -4.0))
    files = tmp_path / "back.jpg", tmp_path / "other.jpg"
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(bytes(desk.encode(np.full((600, 800, 3), 90, np.uint8), 90)))
    out = tmp_path / "out"
    out.mkdir()
    refused = join_files(camera_eye, files, out)
    assert (refused.refused, refused.detail) == ("card_sides", f"{files[0]}: back, {files[1]}: card")
    joined = join_files(camera_eye, files, out, no_gates=True)
    assert (joined.refused, joined.sides, joined.output) == ("", ("back", ""), str(out / "id-card.pdf"))
    assert joined.dpi is not None
    (page,) = read_pages(Path(joined.output).read_bytes())
    picture, k = np.asarray(page.picture)[:, :, ::-1], joined.dpi / 25.4
    rows, columns = (slice(round(a * k), round((a + b) * k)) for a, b in ((154.0, 53.98), (62.2, 85.6)))
    assert tell_side(np.ascontiguousarray(picture[rows, columns])).side is Side.BACK, "what is a back lies below"
    assert join_files(camera_eye, files, out, no_gates=True).output == joined.output
    refused = join_files(camera_eye, (files[0], empty), out, no_gates=True)
    assert (refused.refused, refused.detail) == ("card_sides", f"{files[0]}: back, {empty}: nothing")


def test_a_file_that_is_no_side_is_named_whatever_it_is_called(tmp_path: Path) -> None:
    names = [str(tmp_path / "a.jpg"), str(tmp_path / os.fsdecode(b"\xff.jpg"))]
    Path(names[0]).write_bytes(on_desk("back", 2.0))
    Path(names[1]).touch()
    printed: list[str] = []
    assert scan_card(names, tmp_path / "out", as_json=True, write=printed.append) == 1
    found = json.loads("".join(printed))
    assert (found["refused"], Path(found["files"][1]).name) == ("not_a_picture", "\\xff.jpg")
    assert found["detail"].startswith(f"{found['files'][1]}: an empty file")


def test_neither_side_is_encoded_again() -> None:
    jpegs = [bytes(desk.encode(np.full((540, 856, 3), level, np.uint8), 80)) for level in (90, 200)]
    joined = join_card(*jpegs, capture_of((), 254, "card", (0, 0)))
    assert all(jpeg in joined for jpeg in jpegs)
    assert joined == join_card(*jpegs, capture_of((), 254, "card", (0, 0)))
    assert len(joined) < sum(map(len, jpegs)) + 2500
