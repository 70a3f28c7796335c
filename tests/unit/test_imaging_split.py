"""Two papers side by side are two papers, and what runs across one paper does not part it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from devices.imaging.outline import find_outline
from devices.imaging.quads import overlap
from devices.imaging.split import split
from devices.sim import desk

Picture = npt.NDArray[np.uint8]
PX_PER_MM = 3.6
ONE = np.array([[210.0, 120], [210 + 210 * PX_PER_MM, 120], [210 + 210 * PX_PER_MM, 890], [210, 890]])


def with_rows(gap_mm: float, kind: str = "grey") -> tuple[Picture, list[npt.NDArray[np.float64]]]:
    """Return two pages with a table each, so far apart, on a desk, 1920×1080, and their corners."""
    picture = desk.lay_surface(kind, (1920, 1080), np.random.default_rng(3))
    papers = [ONE, ONE + np.array([(210 + gap_mm) * PX_PER_MM, 0])]
    for corners in papers:
        cv2.fillPoly(picture, [np.round(corners).astype(int)], (228, 230, 231), cv2.LINE_AA)
        left, right = int(corners[0, 0]) + 70, int(corners[1, 0]) - 70
        for y in range(200, 860, 40):
            cv2.line(picture, (left, y), (right, y), (40, 40, 40), 2)
    return desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 0.8), 2.0, 5), papers


@pytest.mark.parametrize("gap_mm", [3, 6, 15])
def test_two_pages_that_nearly_touch_are_two(gap_mm: float) -> None:
    picture, papers = with_rows(gap_mm)
    outline = find_outline(picture, looks_beside=True)
    assert outline is not None
    assert outline.others == 1
    assert max(overlap(np.array(outline.corners), one) for one in papers) > 0.95


@pytest.mark.parametrize("across", ["nothing", "a fold", "a printed rule", "a grey band", "a pen"])
def test_one_page_stays_one_whatever_runs_across_it(across: str) -> None:
    picture, papers = with_rows(0)
    both = np.array([papers[0][0], papers[1][1], papers[1][2], papers[0][3]])
    middle, y = int(both[:, 0].mean()), slice(120, 890)
    picture[y, middle - 40 : middle + 40] = (228, 230, 231)
    if across == "a fold":
        picture[y, middle - 3 : middle + 3] = (196, 198, 199)
    elif across == "a printed rule":
        picture[slice(150, 860), middle - 3 : middle + 3] = (30, 30, 30)
    elif across == "a grey band":
        picture[slice(150, 860), middle - 30 : middle + 30] = (190, 150, 120)
    elif across == "a pen":
        picture[slice(60, 950), middle - 12 : middle + 12] = (30, 30, 30)
    assert split(picture, both) is None
