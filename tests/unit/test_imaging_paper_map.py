"""The map of paper on drawn frames, and its arithmetic beside a plain one."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import frames
from benchmarks.invented import invent
from devices.imaging.fields import Fields, prepare, shrink_factor
from devices.imaging.outline import find_outline
from devices.imaging.paper_map import (
    CELL_PX,
    Layer,
    PaperMap,
    agreement,
    convolved,
    find_map,
    from_map,
    laid,
    sees_paper,
)
from devices.imaging.quads import overlap
from devices.imaging.refine import refine_outline

SEED = 8837  # spent: these faint pages were lost before there was a map
Quad = npt.NDArray[np.float64]


@cache
def shown(index: int) -> frames.Frame:
    return frames.frame(SEED, index)


@cache
def mapped(index: int) -> tuple[Fields, PaperMap]:
    fields = prepare(shown(index).picture)
    return fields, find_map(fields)


def small(quad: Quad) -> Quad:
    """Return corners in px of the small picture."""
    return (quad + 0.5) / shrink_factor(*frames.FRAME) - 0.5


FAINT = (122, 417, 254, 161)


@pytest.mark.parametrize("index", FAINT)
def test_a_faint_page_is_found_with_all_its_sides(index: int) -> None:
    picture, truth = shown(index).picture, shown(index).outline
    outline = find_outline(picture)
    assert outline is not None
    corners = np.array(refine_outline(picture, outline, shrink_factor(*frames.FRAME)).corners)
    assert overlap(corners, truth) > 0.9


@pytest.mark.parametrize("index", FAINT)
def test_the_map_proposes_the_page_and_speaks_for_it(index: int) -> None:
    _, seen = mapped(index)
    truth = small(shown(index).outline)
    assert sees_paper(seen)
    assert max(overlap(quad, truth) for quad in from_map(seen)) > 0.9
    middle = truth.mean(axis=0)
    others = np.stack(
        [truth, middle + 0.8 * (truth - middle), truth + 40, np.clip(1.2 * truth - 0.2 * middle, 0, None)]
    )
    said = agreement(seen, others)
    assert said[0] > 0.2
    assert said[0] > said[1:].max() + 0.2


def test_sides_are_laid_onto_the_rim() -> None:
    _, seen = mapped(417)
    truth = small(shown(417).outline)
    middle = truth.mean(axis=0)
    wrong = middle + 1.06 * (truth - middle)
    assert overlap(laid(seen, wrong[None])[0], truth) > max(0.95, overlap(wrong, truth) + 0.03)


def test_an_empty_desk_has_no_paper() -> None:
    for surface in ("white", "marble", "wood", "mat"):
        desk = frames.frame(SEED, -7, surface=surface, wanted=frozenset({"clutter"}))
        seen = find_map(prepare(desk.picture))
        assert not sees_paper(seen), surface
        assert not len(from_map(seen)), surface


def test_papers_and_desks_of_another_make_are_told_too() -> None:
    """Invented ones of a series that was not learned from: most papers are seen, and next to none on an empty desk."""
    shares, empty = [], []
    for index in range(40):
        picture, corners = invent(np.random.default_rng([4, index]))
        inside = not np.isnan(corners).any() and bool((corners > 0).all() and (corners < (480, 270)).all())
        seen = find_map(prepare(picture))
        if np.isnan(corners).any():
            empty.append(sees_paper(seen))
        elif inside:
            quads = from_map(seen)
            shares.append(max((overlap(quad, corners) for quad in quads), default=0.0))
    assert sum(empty) <= 1
    assert np.median(shares) > 0.9


@pytest.mark.parametrize("size", [(480, 270), (270, 480), (479, 333), (962, 481), (120, 90), (60, 48)])
def test_the_map_has_a_cell_for_every_two_pixels_whatever_the_size(size: tuple[int, int]) -> None:
    fields = prepare(np.full((size[1], size[0], 3), 200, np.uint8))
    seen = find_map(fields)
    assert seen.paper.shape == seen.rim.shape == tuple(-(-side // CELL_PX) for side in fields.gx.shape)
    assert not sees_paper(seen)
    assert agreement(seen, np.empty((0, 4, 2))).shape == (0,)
    assert laid(seen, np.empty((0, 4, 2))).shape == (0, 4, 2)


@pytest.mark.parametrize(("stride", "reach"), [(1, 1), (2, 1), (1, 2)])
def test_a_convolution_is_what_a_plain_one_gives(stride: int, reach: int) -> None:
    rng = np.random.default_rng(3)
    cells = rng.normal(size=(17, 30, 5)).astype(np.float32)
    layer = Layer(rng.normal(size=(3, 3, 5, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32))
    wide = np.zeros((2 * reach + 1, 2 * reach + 1, 5, 4), np.float32)
    wide[::reach, ::reach] = layer.weights
    plain = np.stack(
        [
            sum(cv2.filter2D(cells[..., a], -1, wide[..., a, b], borderType=cv2.BORDER_CONSTANT) for a in range(5))
            + layer.bias[b]
            for b in range(4)
        ],
        axis=2,
    )
    ours = convolved(cells, layer, stride, reach)
    assert ours.shape == (-(-17 // stride), -(-30 // stride), 4)
    np.testing.assert_allclose(ours, np.maximum(plain, 0)[::stride, ::stride], atol=1e-4)
