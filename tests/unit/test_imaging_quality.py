"""Each gate has a picture that triggers it, and a good page passes them all."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from benchmarks import direction_pages
from benchmarks.direction_pages import SCRIPTS
from benchmarks.gate_pictures import ACCEPTS
from benchmarks.gate_pictures import FOLDER as PICTURES
from devices.imaging import quality
from devices.imaging.dewarp import Flat, measure
from devices.imaging.direction import find_direction
from devices.imaging.glare import glare_percent
from devices.imaging.pipeline import take
from devices.imaging.sameness import find_twin, is_same_page
from devices.imaging.sharpness import UNSEEN, blur_of, edge_blur, ratio_of, sharpness
from devices.imaging.values import GATES, Limits, Outline, TakeAnswer, TakeRequest
from devices.sim import desk, proofs
from devices.sim.scene import Scene
from devices.sim.sheets import draw_sheet
from tests.fixtures.camera import encoded

Still = Callable[..., bytes]
Quad = npt.NDArray[np.float64]


@cache
def judged(data: bytes, accepts: str = "any") -> TakeAnswer:
    """What is said of a still; said once, for several tests ask it of the same."""
    return take(data, TakeRequest(Limits(), accepts))[0]


@pytest.mark.parametrize("kind", ["register", "birth", "card", "text", "table"])
def test_a_good_page_passes_every_gate(desk_still: Still, kind: str) -> None:
    answer = judged(desk_still(kind))
    assert answer.refused == ""
    assert {v.gate for v in answer.verdicts} == set(GATES) - {"still"}


@pytest.mark.parametrize(
    ("kind", "faults", "gate"),
    [
        ("register", ("hand_stays",), "hands"),
        ("register", ("dark",), "dark"),
        ("blurred", (), "sharp"),
        ("glare", (), "glare"),
        ("blank", (), "blank"),
    ],
)
def test_each_defect_on_the_desk_is_named(desk_still: Still, kind: str, faults: tuple[str, ...], gate: str) -> None:
    assert judged(desk_still(kind, *faults)).refused == gate


def test_an_empty_picture_has_no_page() -> None:
    answer = judged(encoded(Image.new("RGB", (800, 600), (90, 120, 140)), "JPEG"))
    assert (answer.refused, answer.outline) == ("page", None)


def test_a_page_that_touches_the_frames_edge_is_not_whole() -> None:
    page = Image.new("RGB", (800, 600), (60, 90, 60))
    page.paste((245, 245, 245), (3, 60, 500, 540))
    assert judged(encoded(page, "JPEG")).refused == "whole"


@pytest.mark.parametrize(("kind", "accepts"), [("register", "card"), ("card", "a4")])
def test_the_wrong_kind_of_paper_is_refused_when_one_is_asked_for(desk_still: Still, kind: str, accepts: str) -> None:
    assert judged(desk_still(kind), accepts).refused == "format"
    assert judged(desk_still(kind), "card" if accepts == "a4" else "a4").refused == ""


def test_an_overexposed_page_is_too_bright() -> None:
    page = np.full((600, 430, 3), 252, np.uint8)
    failed = [v.gate for v in quality.judge_light(page, Limits()) if not v.ok]
    assert failed == ["bright"]


def test_a_page_that_is_not_flat_is_told_by_its_ratio() -> None:
    page = np.full((60, 43, 3), 200, np.uint8)
    (curled,) = quality.judge_flatness(Flat(page, "a4", 100, 100.0, 107.0, 1.414 * 1.07), Limits())
    (plane,) = quality.judge_flatness(Flat(page, "a4", 100, 100.0, 102.0, 1.414 * 1.02), Limits())
    (free,) = quality.judge_flatness(Flat(page, "free", 100, 100.0, 107.0, 2.5), Limits())
    assert (curled.ok, plane.ok, free.ok) == (False, True, True)


@pytest.mark.parametrize(
    ("kind", "least", "refused"), [("text", 400.0, "far"), ("card", 300.0, "far"), ("text", 150.0, "")]
)
def test_a_page_of_too_few_pixels_fails_by_its_own_gate_in_its_own_words(
    desk_still: Still, kind: str, least: float, refused: str
) -> None:
    answer = take(desk_still(kind), TakeRequest(Limits(least_dpi=least)))[0]
    (sharp,) = (v for v in answer.verdicts if v.gate == "sharp")
    assert (answer.refused, sharp.ok) == (refused, not refused)
    assert sharp.value > sharp.limit, "it is sharp"


def test_a_paper_whose_size_nobody_knows_is_too_far_away_only_where_the_narrowest_would_be() -> None:
    receipt = np.array([[0, 0], [300, 0], [300, 710], [0, 710]], np.float64)  # 80 mm wide: 95 dpi
    tiny = receipt / 3
    seen = [measure(quad, (1920, 1080)) for quad in (receipt, tiny)]
    assert [one.format for one in seen] == ["free", "free"]
    assert seen[0].most_dpi > Limits().least_dpi > seen[1].most_dpi
    a4 = np.array([[0, 0], [298, 0], [298, 421], [0, 421]], np.float64)
    assert measure(a4, (1920, 1080), "a4").most_dpi == pytest.approx(36, abs=0.5)
    assert measure(a4, (1920, 1080)).most_dpi == pytest.approx(36 * 297 / 125, abs=0.5)  # it may be a passport's page
    assert measure(a4, (1920, 1080), "any", 298 / 105).most_dpi == pytest.approx(72, abs=0.5)


def test_the_first_gate_in_order_speaks_alone(desk_still: Still) -> None:
    answer = judged(desk_still("blank", "hand_stays"))
    assert {v.gate for v in answer.verdicts if not v.ok} >= {"hands"}
    assert answer.refused == "hands"


def test_kept_despite_is_marked_and_has_a_picture(desk_still: Still) -> None:
    refused, nothing = take(desk_still("glare"), TakeRequest(Limits()))
    kept, body = take(desk_still("glare"), TakeRequest(Limits(), keep=True))
    assert (refused.refused, nothing) == ("glare", b"")
    assert (kept.refused, kept.is_kept_despite) == ("", True)
    assert body.startswith(b"\xff\xd8\xff")


def test_a_picture_without_any_page_can_be_kept_whole() -> None:
    answer, body = take(encoded(Image.new("RGB", (80, 60), (90, 120, 140)), "PNG"), TakeRequest(Limits(), keep=True))
    assert answer.is_kept_despite
    assert body.startswith(b"\xff\xd8\xff")


def test_pages_are_known_again_and_told_apart(desk_still: Still) -> None:
    marks = {kind: judged(desk_still(kind)).fingerprint for kind in ("register", "birth", "text", "card", "blank")}
    again = judged(desk_still("register", seed=0)).fingerprint
    assert is_same_page(marks["register"], again)
    assert is_same_page(marks["register"], bytes(reversed(again)))  # the other way up
    kinds = list(marks)
    for number, first in enumerate(kinds):
        assert not any(is_same_page(marks[first], marks[second]) for second in kinds[number + 1 :])
    assert not is_same_page(b"", b"")


def test_a_page_laid_down_twice_is_found_and_another_page_of_its_form_is_not(desk_still: Still) -> None:
    first, other = (judged(desk_still("register", seed=seed)).fingerprint for seed in (0, 1))
    scene = Scene(seed=2, surface="grey")
    scene.lay("register", 0.0, 0, at_once=True)
    again = judged(bytes(desk.encode(scene.still_picture(0.0), 90))).fingerprint
    assert find_twin(again, (other, first)) == 1
    assert find_twin(again, (other,)) == -1


@pytest.fixture(scope="module")
def written() -> npt.NDArray[np.uint8]:
    """A page of Chinese at 130 dpi, upright."""
    paper = draw_sheet("text", 0, 5.1).picture
    return np.asarray(cv2.convertScaleAbs(cv2.GaussianBlur(paper, (0, 0), 0.8), alpha=0.85), np.uint8)


def on_a_desk(page: npt.NDArray[np.uint8], blur: float, motion: int = 0) -> tuple[npt.NDArray[np.uint8], Quad]:
    """The page askew on a grey desk, and its corners."""
    frame = np.full((1700, 1500, 3), 120, np.uint8)
    height, width = page.shape[:2]
    quad = np.array([[100, 80], [1200, 130], [1150, 1600], [60, 1540]], np.float64)
    box = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]], np.float32)
    matrix = cv2.getPerspectiveTransform(box, quad.astype(np.float32))
    cv2.warpPerspective(page, matrix, (1500, 1700), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
    frame = cv2.GaussianBlur(frame, (0, 0), blur)
    return (cv2.blur(frame, (motion, 1)) if motion else frame), quad


@pytest.mark.parametrize("blur", [0.8, 1.2, 1.8, 2.2])
def test_the_blur_of_a_page_is_measured_at_its_edge_whatever_stands_on_it(
    blur: float, written: npt.NDArray[np.uint8]
) -> None:
    for page in (written, np.full_like(written, 200)):
        frame, quad = on_a_desk(page, blur)
        assert edge_blur(frame, quad) == pytest.approx(blur, abs=0.25)
        assert blur_of(ratio_of(blur)) == pytest.approx(blur)


def test_motion_along_one_axis_is_found_and_a_desk_like_the_paper_leaves_the_ink(
    written: npt.NDArray[np.uint8],
) -> None:
    still, quad = on_a_desk(written, 0.8)
    moved, _ = on_a_desk(written, 0.8, motion=9)
    assert edge_blur(still, quad) < 1.1
    assert sharpness(moved, quad, written, 130) < 0.3
    plain = np.full((1700, 1500, 3), 205, np.uint8)
    assert edge_blur(plain, quad) == UNSEEN
    assert sharpness(plain, quad, written, 130) > 0.5
    assert sharpness(plain, quad, cv2.GaussianBlur(written, (0, 0), 2), 130) < 0.35


def test_a_still_of_many_pixels_is_judged_by_what_is_sent(written: npt.NDArray[np.uint8]) -> None:
    frame, quad = on_a_desk(written, 1.8)
    assert sharpness(on_a_desk(written, 4.0)[0], quad, written, 130) < 0.2  # beyond the reach of a fine profile
    assert sharpness(frame, quad, written, 130) < Limits().reblur < sharpness(frame, quad, written, 320)


def shadowed_card(blur: float) -> tuple[npt.NDArray[np.uint8], Quad, npt.NDArray[np.uint8]]:
    """A white card on a desk as white, which shows its soft shadow at two sides; its corners, and the card alone."""
    card = cv2.resize(draw_sheet("card", 0, 8.0).picture, (860, 542), interpolation=cv2.INTER_AREA)
    inside = np.zeros((800, 1200, 1), np.float32)
    inside[130:672, 170:1030] = 1
    shadow = cv2.GaussianBlur(np.roll(inside, (12, 12), (0, 1)), (0, 0), 14)[..., None]
    desk = 234 * (1 - 0.2 * shadow)
    soft = cv2.GaussianBlur(inside, (0, 0), 1.6)[..., None]  # what is left of the card's own edge
    frame = desk * (1 - soft) + 234 * soft + np.zeros((1, 1, 3), np.float32)
    frame[150:652, 190:1010] = np.minimum(card[20:-20, 20:-20], 234)
    seen = cv2.GaussianBlur(np.clip(frame, 0, 255).astype(np.uint8), (0, 0), blur)
    quad = np.array([[169.5, 129.5], [1029.5, 129.5], [1029.5, 671.5], [169.5, 671.5]], np.float64)
    return seen, quad, seen[130:672, 170:1030].copy()


def test_a_white_card_on_a_white_desk_is_not_judged_by_its_shadow() -> None:
    sharp, quad, card = shadowed_card(0.6)
    assert sharpness(sharp, quad, card, 190) < Limits().reblur <= sharpness(sharp, quad, card, 190, is_card=True)
    soft, quad, card = shadowed_card(2.0)
    assert sharpness(soft, quad, card, 190, is_card=True) < Limits().reblur


def test_a_highlight_is_told_from_a_page_that_is_bright_as_a_whole(written: npt.NDArray[np.uint8]) -> None:
    assert glare_percent(written) == 0
    shining = written.copy()
    desk.add_glare(shining, 500, 700, 120, 200)
    assert glare_percent(shining) > 1
    bright = np.full_like(written, 255)
    bright[200:900:40, 100:900] = 60
    assert glare_percent(bright) == 0


def test_strong_light_from_one_side_is_no_glare_and_a_reflection_in_it_is(written: npt.NDArray[np.uint8]) -> None:
    height, width = written.shape[:2]
    lit = np.linspace(0.7, 1.45, width)[None, :, None] * np.linspace(1.1, 0.9, height)[:, None, None]
    slope = np.clip(written * lit, 0, 255).astype(np.uint8)
    shaded = written.copy()  # in the shadow of a head, beside a bright lamp
    shaded[:, : width // 2] = np.clip(1.3 * shaded[:, : width // 2].astype(np.float32), 0, 255).astype(np.uint8)
    assert (slope.min(axis=2) > 250).mean() > 0.1
    assert (glare_percent(slope), glare_percent(shaded)) == (0, 0)
    desk.add_glare(slope, 0.3 * width, 0.5 * height, 100, 200)
    assert glare_percent(slope) > 1


def test_a_reflection_on_a_dark_card_hides_its_writing_before_it_is_white() -> None:
    card = np.full((540, 856, 3), (40, 30, 150), np.uint8)
    assert glare_percent(card) == 0
    desk.add_glare(card, 400, 260, 120, 210)
    assert card.min(axis=2).max() < 248
    assert glare_percent(card) > 0.5


def test_fingers_on_a_blank_page_are_no_ink_and_take_none_from_a_written_one(written: npt.NDArray[np.uint8]) -> None:
    held = []
    for page in (np.full_like(written, 205), written.copy()):
        for across in (400, 480):
            cv2.line(page, (across, 0), (across, 130), (80, 104, 160), 70)
        held.append(quality.ink_percent(page))
    assert held[0] == 0
    assert held[1] > 0.9 * quality.ink_percent(written)


def test_light_writing_on_a_dark_card_and_faint_writing_on_paper_are_ink(written: npt.NDArray[np.uint8]) -> None:
    card = np.full((540, 856, 3), (12, 10, 120), np.uint8)
    assert quality.ink_percent(card) == 0
    cv2.putText(card, "6200 0000 4054 9790", (80, 300), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (100, 100, 190), 2)
    assert quality.ink_percent(card) > 0.5
    faint = np.asarray(cv2.GaussianBlur(cv2.convertScaleAbs(written, alpha=0.4, beta=60), (0, 0), 1.5), np.uint8)
    assert quality.ink_percent(faint) > 5 * Limits().ink_percent


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("kind", ["text", "table", "receipt", "a5", "birth", "register"])
def test_a_page_of_writing_says_which_way_up_it_lies(kind: str, turn: int) -> None:
    paper = draw_sheet(kind, 3, 5.0).picture
    found = find_direction(np.ascontiguousarray(np.rot90(paper, turn // 90)))
    assert found == (turn, True)


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("hans", "NotoSansCJK-Bold-2"),
        ("hant", "NotoSansCJK-Regular-3"),
        ("mixed", "NotoSerifCJK-Bold-2"),
        ("latin", "NotoSansCJK-Regular-2"),
        ("latin", "hershey-1"),
        ("digits", "hershey-4"),
    ],
)
def test_every_face_says_which_way_up_it_lies(script: str, name: str) -> None:
    face = next(one for one in direction_pages.faces(script, is_held_out=True) if one.name == name)
    page = direction_pages.draw_page(9, SCRIPTS.index(script), is_held_out=True, dpi=118, face=face)
    assert (page.script, page.face) == (script, name)
    for turn in (0, 180):
        assert find_direction(np.ascontiguousarray(np.rot90(page.picture, turn // 90))) == (turn, True)


def test_a_photograph_says_nothing_and_a_strip_neither() -> None:
    for size in ((1, 1), (1, 3000), (3000, 59), (60, 60), (60, 2000)):
        assert find_direction(np.full((*size, 3), 240, np.uint8)) == (0, False)
    for seed in range(3):
        assert not find_direction(proofs.draw_photograph(5.0, seed).picture).is_known


@pytest.mark.parametrize("kind", ["blank", "card"])
def test_a_page_whose_lines_do_not_say_is_left_as_it_lies(kind: str) -> None:
    paper = draw_sheet(kind, 3, 5.0).picture
    for turn in range(4):
        assert find_direction(np.ascontiguousarray(np.rot90(paper, turn))) == (0, False)


def test_a_page_laid_upside_down_comes_out_upright(desk_still: Still) -> None:
    upright = judged(desk_still("text"))
    picture = cv2.imdecode(np.frombuffer(desk_still("text"), np.uint8), cv2.IMREAD_COLOR)
    turned, _ = take(bytes(desk.encode(cv2.rotate(picture, cv2.ROTATE_180), 90)), TakeRequest(Limits()))
    assert (upright.turn_deg, turned.turn_deg) == (0, 180)
    assert (upright.is_turn_known, turned.is_turn_known) == (True, True)


def test_an_answer_tells_an_upright_page_from_one_that_does_not_say_and_a_guessed_size_from_a_known_one(
    desk_still: Still,
) -> None:
    silent = judged(desk_still("blank"))
    assert (silent.turn_deg, silent.is_turn_known, silent.is_scale_known) == (0, False, False)
    wide, high = silent.width_px, silent.height_px
    calibrated = Limits(px_per_mm=8.0, camera_px=(wide, high))
    assert take(desk_still("blank"), TakeRequest(calibrated))[0].is_scale_known


@pytest.mark.parametrize("side", range(4))
def test_a_page_that_runs_out_of_the_frame_is_not_whole_wherever_corners_are_seen(side: int) -> None:
    frame = np.full((600, 800, 3), 90, np.uint8)
    frame[:420, 250:550] = 220  # it goes on above
    quad = np.array([[249.5, 120], [549.5, 120], [549.5, 419.5], [249.5, 419.5]], np.float64)  # a frame printed on it
    whole = np.full((600, 800, 3), 90, np.uint8)
    whole[120:420, 250:550] = 220
    for _ in range(side):
        width = frame.shape[1]
        frame, whole = (np.ascontiguousarray(np.rot90(one)) for one in (frame, whole))
        quad = np.roll(np.column_stack([quad[:, 1], width - 1 - quad[:, 0]]), -1, 0)
    corners = tuple((float(x), float(y)) for x, y in quad)
    verdicts = quality.judge_outline(Outline(corners, 0.9), frame, Limits())  # type: ignore[arg-type]
    assert quality.first_refusal(verdicts) == "whole"
    verdicts = quality.judge_outline(Outline(corners, 0.9), whole, Limits())  # type: ignore[arg-type]
    assert quality.first_refusal(verdicts) == ""


def refused(frame: npt.NDArray[np.uint8], quad: Quad) -> str:
    """The outline's own gate that speaks."""
    corners = tuple((float(x), float(y)) for x, y in quad)
    return quality.first_refusal(quality.judge_outline(Outline(corners, 0.9), frame, Limits()))  # type: ignore[arg-type]


def test_a_page_closed_across_just_inside_the_frame_is_not_whole() -> None:
    frame = np.full((600, 800, 3), 90, np.uint8)
    frame[200:, 250:550] = 220  # it goes on below, by too little to be followed
    cut = np.array([[249.5, 199.5], [549.5, 199.5], [549.5, 586], [249.5, 586]], np.float64)
    assert refused(frame, cut) == "whole"
    frame[587:] = 90
    assert refused(frame, cut) == ""


def test_two_faint_edges_that_go_on_together_are_a_page_that_is_cut() -> None:
    rng = np.random.default_rng(3)
    frame = np.full((600, 800, 3), 200, np.uint8)
    frame[200:, 250:550] = 202
    frame = np.clip(frame + rng.normal(0, 1, frame.shape), 0, 255).astype(np.uint8)
    quad = np.array([[249.5, 199.5], [549.5, 199.5], [549.5, 560], [249.5, 560]], np.float64)
    assert refused(frame, quad) == "whole"
    frame[561:] = np.clip(200 + rng.normal(0, 1, frame[561:].shape), 0, 255).astype(np.uint8)
    assert refused(frame, quad) == ""


@pytest.mark.parametrize("file", sorted(PICTURES.glob("*.jpg")), ids=lambda file: file.stem)
def test_every_picture_of_the_docs_triggers_the_gate_it_is_named_after(file: Path) -> None:
    limits = Limits(least_dpi=10.0)  # they are shown small
    answer, _ = take(file.read_bytes(), TakeRequest(limits, ACCEPTS.get(file.stem, "any")))
    gate = "" if file.stem == "good" else file.stem
    assert answer.refused == gate
    also = {"flat"} if gate == "format" else set()  # a card is no flat A4 either
    assert {one.gate for one in answer.verdicts if not one.ok} == {gate, *also} - {""}
    assert file.stat().st_size < 40_000


def test_every_gate_but_still_has_a_picture() -> None:
    assert {file.stem for file in PICTURES.glob("*.jpg")} == {*GATES, "good"} - {"still"}
