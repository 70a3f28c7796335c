"""Quadrilaterals as plain geometry: order, area, overlap, which can be a paper, where their sides meet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.api import Corners
from devices.imaging.fields import OutlineParameters, Quads

Floats = npt.NDArray[np.float64]
FOCAL_SHARE = 0.9  # of the frame's long side: usual lenses have 0.7 to 1.2, and it matters little
Lines = npt.NDArray[np.float64]  # n×3: nx, ny, d with n·p = d
Complex = npt.NDArray[np.complex128]
SHAPES = (2**0.5, 85.6 / 53.98)  # × as long as wide: A4, A5 and, nearly, passports; cards (ISO/IEC 7810)
NEXT, BEFORE = np.array([1, 2, 3, 0]), np.array([3, 0, 1, 2])  # corners; np.roll takes five times as long
FROM = (np.arange(4)[:, None] + np.arange(4)) % 4  # corners, beginning with each


def flat(quads: Quads) -> Complex:
    """Return the corners (…×2 px) as complex numbers: half as many calls, and what they cost is what few quadrilaterals
    cost.
    """
    return np.asarray(np.ascontiguousarray(quads, np.float64).view(np.complex128)[..., 0])


def clockwise(quads: Quads) -> Quads:
    """Return each quadrilateral's corners clockwise on screen, the top left (least x + y) first."""
    each = np.arange(len(quads))[:, None]
    away = quads - quads.sum(axis=1, keepdims=True) / 4
    order = np.arctan2(away[..., 1], away[..., 0]).argsort(axis=1)
    first = away.sum(axis=2)[each, order].argmin(axis=1)
    return np.asarray(quads[each, order[each, FROM[first]]])


def areas(quads: Quads) -> Floats:
    """Return the areas of polygons n×m×2, positive for clockwise on screen."""
    x, y = quads[:, :, 0], quads[:, :, 1]
    inner = (x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1]).sum(axis=1)
    return np.asarray(0.5 * (inner + x[:, -1] * y[:, 0] - x[:, 0] * y[:, -1]))


def frame_corners(width_px: int, height_px: int) -> Corners:
    """Return the corners of a whole picture, clockwise from the top left: pixels' centres are whole numbers."""
    right, bottom = width_px - 0.5, height_px - 0.5
    return ((-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom))


def apart(quads: Quads, least_px: float) -> npt.NDArray[np.intp]:
    """Return the numbers of those that differ from all before them by more than so much at a corner."""
    places = np.ascontiguousarray(quads.reshape(len(quads), 8).T)
    far = np.abs(places[:, :, None] - places[:, None]).max(axis=0) > least_px
    left = np.ones(len(quads), np.bool_)
    kept: list[int] = []
    for number in range(len(quads)):
        if left[number]:
            kept.append(number)
            left &= far[number]
    return np.array(kept, np.intp)


def plausible(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which quadrilaterals (clockwise on screen) can be a paper seen in a frame of `size` (w, h)."""
    skew, tilt, _ = in_space(quads, size)
    return np.asarray(fits(quads, size, p) & (skew < p.skew[1]) & (tilt < p.tilt_deg[1]))


def fits(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which quadrilaterals have corners, sides and a place in the frame that a paper can have, whatever a
    camera makes of them in space: half the work of `plausible`.
    """
    width, height = size
    spots = flat(quads)
    after = spots.take(NEXT, axis=1)
    sides = after - spots
    lengths = np.abs(sides) + 1e-9
    units = sides / lengths
    turns = units * units.take(BEFORE, axis=1).conj()
    share = (spots.conj() * after).imag.sum(axis=1) / (2 * width * height)
    shortest, longest = lengths.min(axis=1), lengths.max(axis=1)
    one, two = lengths[:, :2], lengths[:, 2:]
    alike = np.minimum(one, two) > (1 - p.side_difference) * np.maximum(one, two)
    x, y = spots.real, spots.imag
    return np.asarray(
        (turns.imag.min(axis=1) > 0)
        & (np.abs(turns.real).max(axis=1) < p.corner_cos)
        & (np.minimum(x, y).min(axis=1) >= -3)
        & (x.max(axis=1) <= width + 2)
        & (y.max(axis=1) <= height + 2)
        & (share > p.area_share[0])
        & (share < p.area_share[1])
        & (shortest > p.shortest_side_share * min(width, height))
        & (longest < p.longest * shortest)
        & alike.all(axis=1)
    )


def in_space(quads: Quads, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Return how far each quadrilateral is from any rectangle seen by a camera in the middle of a frame of `size`: the
    cosine between its sides in space, by how many degrees it would be turned away from the camera, and how many times
    as long as wide it would be, n each.

    How far away the corners lie follows from the triangles that they make on screen (Zhang and He, Whiteboard Scanning
    and Image Enhancement, 2003): as a parallelogram's, one and its two neighbours give the fourth.
    """
    spots = flat(quads) - complex(size[0] - 1, size[1] - 1) / 2
    spots = spots / (FOCAL_SHARE * max(size))
    away = spots[:, :3] - spots[:, 2:3]  # from the corner that lies across from the first
    beyond = spots[:, 3] - spots[:, 2]
    whole = _cross(away[:, 1], beyond)
    whole = np.where(np.abs(whole) < 1e-12, 1e-12, whole)
    far = np.stack([_cross(away[:, 0], beyond), -_cross(away[:, 0], away[:, 1])], axis=1) / whole[:, None]
    ways = far * spots[:, 1::2] - spots[:, :1]  # in space, and how much nearer:
    depth = far - 1
    lengths = np.sqrt(ways.real**2 + ways.imag**2 + depth * depth) + 1e-12
    whole = lengths.prod(axis=1)
    both = ways[:, 0].conj() * ways[:, 1]
    cosine = np.minimum(1, np.abs(both.real + depth[:, 0] * depth[:, 1]) / whole)
    facing = np.abs(both.imag) / (whole * np.sqrt(1 - cosine * cosine) + 1e-12)
    tilt = np.rad2deg(np.arccos(np.minimum(1, facing)))
    return np.asarray(cosine), tilt, lengths.max(axis=1) / lengths.min(axis=1)


def _cross(a: Complex, b: Complex) -> Floats:
    return np.asarray((a.conj() * b).imag)


def likely(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> Floats:
    """Return what is left of a score (0–1, n) for the shape's sake: a paper is a rectangle and faces the camera; 0
    where no camera would see one so.
    """
    left = np.ones(len(quads))
    for value, (least, most) in zip(in_space(quads, size)[:2], (p.skew, p.tilt_deg), strict=True):
        odd = (value - least) / (most - least)
        left *= np.where(odd < 1, 1 - p.odd_shape * np.maximum(odd, 0), 0)
    return left


def usual(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> Floats:
    """Return how near each quadrilateral's shape in space is to one that papers have, 0 to 1 (n)."""
    long = np.log(in_space(quads, size)[2])
    off = np.min([np.abs(long - np.log(shape)) for shape in SHAPES], axis=0)
    return np.asarray(np.exp(-0.5 * (off / p.shape_spread) ** 2))


def normals_of(quads: Quads) -> Quads:
    """Return the inward unit normals of all sides, n×4×2."""
    spots = flat(quads)
    return pairs(_normals(spots.take(NEXT, axis=1) - spots))


def _normals(sides: Complex) -> Complex:
    return np.asarray(sides * 1j / (np.abs(sides) + 1e-9))


def pairs(spots: Complex) -> Quads:
    """Return complex numbers as pairs, …×2."""
    return spots.view(np.float64).reshape(*spots.shape, 2)


def moved(quads: Quads, inward: Floats) -> Quads:
    """Return the quadrilaterals with the two ends of their sides moved inward by n×4×2 px."""
    spots = flat(quads)
    after = spots.take(NEXT, axis=1)
    normals = _normals(after - spots)
    start = spots + normals * inward[:, :, 0]
    step = after + normals * inward[:, :, 1] - start
    before = step.take(BEFORE, axis=1)
    sine = _cross(before, step)
    least = 1e-6 * np.abs(before * step) + 1e-12
    sine = np.where(np.abs(sine) < least, least, sine)
    along = _cross(before, start.take(BEFORE, axis=1) - start) / sine
    return pairs(start + along * step)


def crossings(a: Lines, b: Lines) -> Floats:
    """Return where lines (n×3 each) meet, n×2; far away where they are nearly parallel."""
    sine = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    sine = np.where(np.abs(sine) < 1e-6, 1e-6, sine)
    x, y = (a[:, 2] * b[:, 1] - a[:, 1] * b[:, 2]) / sine, (a[:, 0] * b[:, 2] - a[:, 2] * b[:, 0]) / sine
    return np.stack([x, y], axis=1)


def lines_through(first: Floats, second: Floats) -> Lines:
    """Return the lines through pairs of points (n×2 each)."""
    way = second - first
    normal = np.stack([-way[:, 1], way[:, 0]], axis=1) / np.hypot(way[:, 0], way[:, 1])[:, None]
    return np.concatenate([normal, (normal * first).sum(axis=1)[:, None]], axis=1)


def overlap(a: Floats, b: Floats) -> float:
    """Return intersection over union of two convex quadrilaterals (4×2 each, clockwise on screen)."""
    common = common_area(a, b)
    union = float(areas(a[None])[0] + areas(b[None])[0]) - common
    return common / union if union > 0 else 0.0


def common_area(a: Floats, b: Floats) -> float:
    """Return the area two convex polygons share (n×2 each, clockwise on screen): `a` clipped by each side of `b`.

    cv2.intersectConvexConvex is not used: for nearly equal quadrilaterals it returned a third of their area.
    """
    polygon = [(float(x), float(y)) for x, y in a]
    for start, stop in zip(b, np.roll(b, -1, 0), strict=True):
        nx, ny = float(start[1] - stop[1]), float(stop[0] - start[0])
        d = nx * float(start[0]) + ny * float(start[1])
        kept: list[tuple[float, float]] = []
        for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            inside0, inside1 = nx * x0 + ny * y0 - d, nx * x1 + ny * y1 - d
            if inside0 >= 0:
                kept.append((x0, y0))
            if (inside0 >= 0) != (inside1 >= 0):
                t = inside0 / (inside0 - inside1)
                kept.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0)))
        polygon = kept
        if len(polygon) < 3:
            return 0.0
    return abs(float(areas(np.array([polygon]))[0]))
