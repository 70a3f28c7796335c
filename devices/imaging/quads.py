"""Quadrilaterals as plain geometry: order, area, overlap, which can be a paper, where their sides meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from devices.imaging.fields import OutlineParameters, Quads

Floats = npt.NDArray[np.float64]
FOCAL_SHARE = 0.9  # of the frame's long side: usual lenses have 0.7 to 1.2, and it matters little
Lines = npt.NDArray[np.float64]  # n×3: nx, ny, d with n·p = d
NEXT, BEFORE = np.array([1, 2, 3, 0]), np.array([3, 0, 1, 2])  # corners; np.roll takes five times as long


def clockwise(quads: Quads) -> Quads:
    """Return each quadrilateral's corners clockwise on screen, the top left (least x + y) first."""
    middle = quads.mean(axis=1, keepdims=True)
    angle = np.arctan2(quads[:, :, 1] - middle[:, :, 1], quads[:, :, 0] - middle[:, :, 0])
    turned = np.take_along_axis(quads, np.argsort(angle, axis=1)[:, :, None], axis=1)
    first = np.argmin(turned.sum(axis=2), axis=1)
    order = (first[:, None] + np.arange(4)) % 4
    return np.asarray(np.take_along_axis(turned, order[:, :, None], axis=1))


def areas(quads: Quads) -> Floats:
    """Return the areas of polygons n×m×2, positive for clockwise on screen."""
    x, y = quads[:, :, 0], quads[:, :, 1]
    inner = (x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1]).sum(axis=1)
    return np.asarray(0.5 * (inner + x[:, -1] * y[:, 0] - x[:, 0] * y[:, -1]))


def apart(quads: Quads, least_px: float) -> npt.NDArray[np.intp]:
    """Return the numbers of those that differ from all before them by more than so much at a corner."""
    near = np.ones((len(quads), len(quads)), np.bool_)
    for places in quads.reshape(len(quads), 8).T:
        near &= np.abs(places[:, None] - places) <= least_px
    kept: list[int] = []
    for number in range(len(quads)):
        if not near[number, kept].any():
            kept.append(number)
    return np.array(kept, np.intp)


def plausible(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which quadrilaterals (clockwise on screen) can be a paper seen in a frame of `size` (w, h)."""
    skew, tilt = skew_and_tilt(quads, size)
    return np.asarray(fits(quads, size, p) & (skew < p.skew[1]) & (tilt < p.tilt_deg[1]))


def fits(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which quadrilaterals have corners, sides and a place in the frame that a paper can have, whatever a
    camera makes of them in space: half the work of `plausible`.
    """
    width, height = size
    sides = np.take(quads, NEXT, axis=1) - quads
    lengths = np.hypot(sides[:, :, 0], sides[:, :, 1]) + 1e-9
    units = sides / lengths[:, :, None]
    before = np.take(units, BEFORE, axis=1)
    cosine = (units * before).sum(axis=2)
    turn = before[:, :, 0] * units[:, :, 1] - before[:, :, 1] * units[:, :, 0]
    share = areas(quads) / (width * height)
    opposite = np.abs(lengths[:, :2] - lengths[:, 2:]) / np.maximum(lengths[:, :2], lengths[:, 2:])
    inside = (quads >= -3).all(axis=(1, 2)) & (quads <= np.array([width + 2, height + 2])).all(axis=(1, 2))
    return np.asarray(
        (turn > 0).all(axis=1)
        & inside
        & (share > p.area_share[0])
        & (share < p.area_share[1])
        & (lengths.min(axis=1) > p.shortest_side_share * min(width, height))
        & (lengths.max(axis=1) < p.longest * lengths.min(axis=1))
        & (np.abs(cosine) < p.corner_cos).all(axis=1)
        & (opposite < p.side_difference).all(axis=1)
    )


def skew_and_tilt(quads: Quads, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return how far each quadrilateral is from any rectangle seen by a camera in the middle of a frame of `size`: the
    cosine between its sides in space, n, and by how many degrees it would be turned away from the camera, n.
    """
    focal = FOCAL_SHARE * max(size)
    x, y = ((quads[:, :, axis] - (size[axis] - 1) / 2) / focal for axis in (0, 1))
    after_x, after_y = np.roll(x, -1, 1), np.roll(y, -1, 1)
    planes = (y - after_y, after_x - x, x * after_y - y * after_x)  # through the camera and each side
    one, two = (
        _across_both([plane[:, side] for plane in planes], [plane[:, side + 2] for plane in planes]) for side in (0, 1)
    )
    normal = _across_both(one, two)
    sizes = [np.sqrt(sum(part * part for part in way)) + 1e-12 for way in (one, two, normal)]
    cosine = np.abs(sum(a * b for a, b in zip(one, two, strict=True))) / (sizes[0] * sizes[1])
    return np.asarray(cosine), np.rad2deg(np.arccos(np.minimum(1, np.abs(normal[2]) / sizes[2])))


def _across_both(a: Sequence[Floats], b: Sequence[Floats]) -> list[Floats]:
    """Return the vectors square to both, component by component."""
    return [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]


def likely(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> Floats:
    """Return what is left of a score (0–1, n) for the shape's sake: a paper is a rectangle and faces the camera; 0
    where no camera would see one so.
    """
    left = np.ones(len(quads))
    for value, (least, most) in zip(skew_and_tilt(quads, size), (p.skew, p.tilt_deg), strict=True):
        odd = (value - least) / (most - least)
        left *= np.where(odd < 1, 1 - p.odd_shape * np.maximum(odd, 0), 0)
    return left


def normals_of(quads: Quads) -> Quads:
    """Return the inward unit normals of all sides, n×4×2."""
    sides = np.take(quads, NEXT, axis=1) - quads
    lengths = np.hypot(sides[:, :, 0], sides[:, :, 1])[:, :, None] + 1e-9
    return np.asarray(np.stack([-sides[:, :, 1], sides[:, :, 0]], axis=2) / lengths)


def moved(quads: Quads, inward: Floats) -> Quads:
    """Return the quadrilaterals with the two ends of their sides moved inward by n×4×2 px."""
    normals = normals_of(quads)
    start = quads + normals * inward[:, :, :1]
    step = np.take(quads, NEXT, axis=1) + normals * inward[:, :, 1:] - start
    length = np.hypot(step[:, :, 0], step[:, :, 1]) + 1e-9
    x, y = -step[:, :, 1] / length, step[:, :, 0] / length
    lines = np.stack([x, y, x * start[:, :, 0] + y * start[:, :, 1]], axis=2)
    return crossings(np.take(lines, BEFORE, axis=1).reshape(-1, 3), lines.reshape(-1, 3)).reshape(quads.shape)


def crossings(a: Lines, b: Lines) -> Floats:
    """Return where lines (n×3 each) meet, n×2; far away where they are nearly parallel."""
    sine = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    sine = np.where(np.abs(sine) < 1e-6, 1e-6, sine)
    x, y = (a[:, 2] * b[:, 1] - a[:, 1] * b[:, 2]) / sine, (a[:, 0] * b[:, 2] - a[:, 2] * b[:, 0]) / sine
    return np.stack([x, y], axis=1)


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
