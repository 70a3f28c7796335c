"""Which paper lies where, how it is laid, and what the camera gets of it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.frames import folds, papers, things
from benchmarks.frames.optics import cast_shadow
from devices.sim import desk
from devices.sim.sheets import Sheet

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
MM_PER_INCH = 25.4
STILL_LINES = 1400  # pictures higher than this are drawn from finer papers
MARGIN = 0.012  # of the frame's width stays free around a page that lies wholly in sight
CARD_SHARE = (0.25, 0.55)  # a card's long side in frame heights: the camera sees an A4
PAGE_SHARE = (0.62, 0.97)  # other papers, of the largest that fits
TINTED = 0.25


def any_paper(rng: np.random.Generator, kind: str, size: tuple[int, int]) -> Sheet:
    """Return a paper by chance, or one of `kind`; a quarter of them on tinted stock."""
    formats = papers.FORMAT_SHARES
    group = papers.FORMATS[str(rng.choice(list(formats), p=list(formats.values())))]
    drawn = str(rng.choice([name for name, _ in group], p=[share for _, share in group]))
    variant, luck = int(rng.integers(0, papers.VARIANTS)), rng.random()
    sheet = papers.paper(kind or drawn, variant, size[1] > STILL_LINES)
    tint = 1 - rng.uniform(0, 0.16, 3)
    return sheet._replace(picture=things.tinted(sheet.picture, tint)) if luck < TINTED else sheet


def any_place(
    sheet: Sheet, size: tuple[int, int], rng: np.random.Generator, defects: frozenset[str]
) -> npt.NDArray[np.float64]:
    """Return the homography mm → px of a place where the whole page is in sight (`cut`: where it is not)."""
    is_card = papers.FORMAT_OF[sheet.kind] == "card"
    turn = 90.0 * int(rng.integers(0, 4)) + (rng.uniform(-45, 45) if "oblique" in defects else rng.normal(0, 9))
    tilt_x, tilt_y = float(rng.normal(0, 5)), float(rng.normal(0, 5))
    share = float(rng.uniform(*(CARD_SHARE if is_card else PAGE_SHARE)))
    wander = rng.uniform(-1, 1, 2)
    frame = np.array(size, float)

    def matrix(scale: float, at_mm: Points) -> npt.NDArray[np.float64]:
        view = desk.View(size[0], size[1], scale, tilt_x, tilt_y)
        return desk.matrix_of(view, desk.Pose(float(at_mm[0]), float(at_mm[1]), float(turn)), sheet)

    middle = np.zeros(2)
    if is_card:
        scale = share * size[1] / sheet.width_mm
    else:
        at_one = desk.corners_of(matrix(1.0, middle), sheet)
        scale = share * float((frame * (1 - 2 * MARGIN) / np.ptp(at_one, axis=0)).min())
    for attempt in range(40):
        reach = frame / scale / 2 * (1.1 if "cut" in defects else 1 - attempt / 40)
        found = matrix(scale, wander * reach)
        corners = desk.corners_of(found, sheet)
        is_whole = bool((corners > MARGIN * size[0]).all() and (corners < frame - MARGIN * size[0]).all())
        inside = int(((corners > 0) & (corners < frame)).all(axis=1).sum())
        if (1 <= inside <= 3) if "cut" in defects else is_whole:
            return found
        if "cut" in defects:
            wander = rng.uniform(-1, 1, 2)
        else:
            scale *= 0.985
    return found


def lay(
    picture: Picture,
    sheet: Sheet,
    matrix: npt.NDArray[np.float64],
    scale: float,
    defects: frozenset[str],
    rng: np.random.Generator,
) -> None:
    """Lay the page at its place with all that lies under, beside and on it, hands left out (changed in place)."""
    corners = desk.corners_of(matrix, sheet)
    shift = rng.normal(0, 3, 2) * picture.shape[0] / 1080
    strength = float(rng.uniform(0.08, 0.4))
    if "clutter" in defects:
        things.scatter(picture, rng)
    if "clipboard" in defects:
        things.lay_clipboard(picture, corners, scale, rng)
    if defects & {"overlap", "beside"}:
        other = papers.paper(
            "card" if "beside" in defects else sheet.kind, int(rng.integers(0, papers.VARIANTS)), False
        )
        _put(picture, other, _elsewhere(sheet, other, matrix, picture, rng, "overlap" in defects), shift, strength, 0)
    bow = float(rng.uniform(0.012, 0.04)) * rng.choice((-1, 1)) if "curl" in defects else 0.0
    creases: tuple[folds.Crease, ...] = ()
    if "folded" in defects:
        sheet, creases = folds.fold(sheet, rng)
    _put(picture, sheet, matrix, shift, strength, bow, creases)
    if "clipboard" in defects:
        things.lay_clip(picture, corners, scale, rng)


def fade(picture: Picture, sheet: Sheet, rng: np.random.Generator) -> bool:
    """Bring the desk within 3 to 10 levels of the paper (changed in place); return whether the paper is pale enough."""
    blank = np.median(sheet.picture[::9, ::9].reshape(-1, 3), axis=0)
    if blank.min() < 190:  # a blue card meets no blue marble
        return False
    step = rng.uniform(3, 10) * rng.choice((-1.0, 1.0), p=(0.2, 0.8)) + rng.normal(0, 1, 3)
    shift = np.minimum(blank + step, 252) - np.median(picture[::9, ::9].reshape(-1, 3), axis=0)
    levels = np.arange(256)[:, None] + shift[None, :]
    picture[:] = cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)[None])
    return True


def flat(sheet: Sheet, dpi: float) -> Picture:
    """Return the clean page at `dpi`, h×w×3."""
    size = tuple(max(1, round(mm * dpi / MM_PER_INCH)) for mm in (sheet.width_mm, sheet.height_mm))
    return np.asarray(cv2.resize(sheet.picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def dpi_of(corners: Points, sheet: Sheet) -> float:
    """Return the resolution at which the page is seen: the worse axis."""
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    across, down = (sides[0] + sides[2]) / 2 / sheet.width_mm, (sides[1] + sides[3]) / 2 / sheet.height_mm
    return float(min(across, down) * MM_PER_INCH)


def area(corners: Points) -> float:
    """Return the area of a quadrilateral, px²."""
    x, y = corners[:, 0], corners[:, 1]
    return 0.5 * abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()))


def _elsewhere(
    sheet: Sheet,
    other: Sheet,
    matrix: npt.NDArray[np.float64],
    picture: Picture,
    rng: np.random.Generator,
    is_under: bool,
) -> npt.NDArray[np.float64]:
    """Return a homography for another paper: shifted and turned under the first, or beside it where there is room."""
    corners = desk.corners_of(matrix, sheet).astype(np.float32)
    size = np.array([picture.shape[1], picture.shape[0]])
    found = matrix
    for _ in range(40):
        turn = float(rng.normal(0, 0.25) if is_under else rng.uniform(0, 2 * np.pi))
        reach = np.array([sheet.width_mm, sheet.height_mm]) * (0.2 if is_under else 1.0)
        at = np.array([sheet.width_mm, sheet.height_mm]) / 2 + rng.uniform(-1, 1, 2) * reach
        cos, sin = np.cos(turn), np.sin(turn)
        move = np.array([[cos, -sin, at[0]], [sin, cos, at[1]], [0, 0, 1]])
        back = np.array([[1, 0, -other.width_mm / 2], [0, 1, -other.height_mm / 2], [0, 0, 1.0]])
        found = matrix @ move @ back
        spots = desk.corners_of(found, other)
        gap = min(cv2.pointPolygonTest(spots.astype(np.float32), (float(x), float(y)), True) for x, y in corners)
        apart = max(cv2.pointPolygonTest(corners, (float(x), float(y)), True) for x, y in spots)
        is_in = bool((spots > 0).all() and (spots < size).all())
        if is_under or (apart < -15 and gap < -15 and is_in):
            return found
    return found


def _put(
    picture: Picture,
    sheet: Sheet,
    matrix: npt.NDArray[np.float64],
    shift: npt.NDArray[np.float64],
    strength: float,
    bow: float,
    creases: tuple[folds.Crease, ...] = (),
) -> None:
    """Blend one paper and its contact shadow into the picture; `bow`: how far its long waves rise, of its height."""
    corners = desk.corners_of(matrix, sheet)
    height, width = picture.shape[:2]
    margin = int(16 + abs(bow) * 2 * height + (0.04 * height if creases else 0))
    x0, y0 = (int(v) for v in np.floor(corners.min(axis=0) - margin).clip(0, (width - 1, height - 1)))
    x1, y1 = (int(v) for v in np.ceil(corners.max(axis=0) + margin + 1).clip(1, (width, height)))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    colour, cover = desk.warp_sheet(sheet, matrix, (x0, y0, x1, y1))
    if bow:
        colour, cover = _bowed(colour, cover, corners - np.array([x0, y0]), bow)
    if creases:
        colour, cover = _taken_from(colour, cover, *folds.lift(creases, corners - np.array([x0, y0]), colour.shape[:2]))
    cast_shadow(picture, cover, (x0, y0), strength, shift)
    desk.blend(picture[y0:y1, x0:x1], colour, cover)


def _bowed(
    colour: Picture, cover: npt.NDArray[np.float32], corners: Points, bow: float
) -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return the paper with its first and third side bent into an arc; the corners stay where they are."""
    across = corners[1] - corners[0]
    down = corners[3] - corners[0]
    y, x = np.mgrid[0 : cover.shape[0], 0 : cover.shape[1]].astype(np.float32)
    share = ((x - corners[0][0]) * across[0] + (y - corners[0][1]) * across[1]) / float(across @ across)
    lift = np.sin(np.pi * np.clip(share, 0, 1)) * bow
    at_x, at_y = (x - lift * down[0]).astype(np.float32), (y - lift * down[1]).astype(np.float32)
    return _taken_from(colour, cover, at_x, at_y)


def _taken_from(
    colour: Picture, cover: npt.NDArray[np.float32], at_x: npt.NDArray[np.float32], at_y: npt.NDArray[np.float32]
) -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return a paper and its cover, each place taken from another."""
    bent = cv2.remap(colour, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.remap(cover, at_x, at_y, cv2.INTER_LINEAR)
    return np.asarray(bent, dtype=np.uint8), np.asarray(seen, dtype=np.float32)
