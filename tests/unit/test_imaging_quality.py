"""Each gate has a picture that triggers it, and a good page passes them all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from devices.imaging import quality
from devices.imaging.dewarp import Flat
from devices.imaging.pipeline import take
from devices.imaging.sameness import find_twin, is_same_page
from devices.imaging.values import GATES, Limits, TakeAnswer, TakeRequest
from devices.sim import desk
from devices.sim.scene import Scene
from tests.fixtures.camera import encoded

Still = Callable[..., bytes]


def judged(data: bytes, accepts: str = "any") -> TakeAnswer:
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


def test_a_page_blurred_beyond_any_edge_is_not_sharp() -> None:
    import cv2

    page = np.full((1600, 1130, 3), 235, np.uint8)
    for line in range(14):
        cv2.putText(page, "Sample text line", (80, 120 + line * 100), cv2.FONT_HERSHEY_SIMPLEX, 2, (30, 30, 30), 5)
    for sigma in (3, 6, 10, 14, 18):
        ratio = quality.reblur_ratio(cv2.GaussianBlur(page, (0, 0), sigma))
        assert ratio < 0.465, sigma
