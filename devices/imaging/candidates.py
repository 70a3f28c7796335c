"""Quadrilaterals that might be the paper: from contours, from what differs from the desk, from straight lines."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Picture, Quads

Hull = npt.NDArray[np.int32]
NONE: Quads = np.empty((0, 4, 2), np.float64)


def from_contours(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates from closed edges at three sensitivities, n×4×2 px of the small picture."""
    found: list[Quads] = []
    for floor, factor, low in parameters.canny:
        high = 2 * max(floor, factor * fields.noise)  # Canny adds |gx| and |gy|; our noise is their mean
        edges = cv2.Canny(fields.gx, fields.gy, low * high, high)
        edges = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        found += _from_mask(edges, parameters.contours, parameters.contour_box_share)
    return _joined(found)


def from_segments(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates from regions that differ from the frame's border, searched at half the small size."""
    half = cv2.resize(fields.lab, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    distance = _distance_to_border(half)
    level = np.ascontiguousarray(half[:, :, 0])
    masks: list[Picture] = []
    otsu, mask = cv2.threshold(distance, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    masks += [mask, cv2.threshold(distance, 0.6 * otsu, 255, cv2.THRESH_BINARY)[1]]
    otsu, mask = cv2.threshold(level, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    brighter = (otsu + float(level.max())) / 2
    masks += [mask, cv2.threshold(level, brighter, 255, cv2.THRESH_BINARY)[1]]
    found: list[Quads] = []
    for mask in masks:
        clean = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        clean = cv2.morphologyEx(clean, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        found += _from_mask(clean, 3, 0.015)
    return (_joined(found) + 0.5) * 2 - 0.5


def from_lines(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates from pairs of nearly parallel straight lines; the costly last resort."""
    width, height = fields.size
    diagonal = float(np.hypot(width, height))
    level = np.ascontiguousarray(fields.lab[:, :, 0])
    segments = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(level)[0]
    if segments is None:
        return NONE
    ends = segments.reshape(-1, 4).astype(np.float64)
    lengths = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    ends = ends[lengths > parameters.line_share * diagonal]
    lines = _merged(ends, parameters.lines)
    if len(lines) < 4:
        return NONE
    pairs = _parallel_pairs(lines, 0.1 * min(width, height), parameters.line_pairs)
    quads = []
    for number, (first, second, angle) in enumerate(pairs):
        for third, fourth, other in pairs[number + 1 :]:
            turn = abs(angle - other) % np.pi
            if min(turn, np.pi - turn) < np.pi / 3:
                continue
            corners = [crossing(lines[a], lines[b]) for a in (first, second) for b in (third, fourth)]
            if all(corner is not None for corner in corners):
                a, b, c, d = corners
                quads.append([a, b, d, c])
    return clockwise(np.array(quads, np.float64)) if quads else NONE


def clockwise(quads: Quads) -> Quads:
    """Return each quadrilateral's corners clockwise on screen, the top left (least x + y) first."""
    middle = quads.mean(axis=1, keepdims=True)
    angle = np.arctan2(quads[:, :, 1] - middle[:, :, 1], quads[:, :, 0] - middle[:, :, 0])
    turned = np.take_along_axis(quads, np.argsort(angle, axis=1)[:, :, None], axis=1)
    first = np.argmin(turned.sum(axis=2), axis=1)
    order = (first[:, None] + np.arange(4)) % 4
    return np.asarray(np.take_along_axis(turned, order[:, :, None], axis=1))


def crossing(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Return where two lines (nx, ny, d with n·p = d) meet, or None where they are nearly parallel."""
    sine = a[0] * b[1] - a[1] * b[0]
    if abs(sine) < 0.2:
        return None
    return np.array([(a[2] * b[1] - a[1] * b[2]) / sine, (a[0] * b[2] - a[2] * b[0]) / sine])


def _joined(found: list[Quads]) -> Quads:
    return clockwise(np.concatenate(found)) if found else NONE


def _from_mask(mask: Picture, count: int, box_share: float) -> list[Quads]:
    """Return the quadrilaterals of the mask's largest outer contours, each as a 1×4×2 array."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    frame = mask.shape[0] * mask.shape[1]
    boxes = [(cv2.boundingRect(c), c) for c in contours]
    large = sorted(
        ((b[2] * b[3], n) for n, (b, _) in enumerate(boxes) if b[2] * b[3] >= box_share * frame), reverse=True
    )
    found: list[Quads] = []
    for _, number in large[:count]:
        hull = cv2.convexHull(boxes[number][1])
        if len(hull) < 4:
            continue
        shapes = [cv2.approxPolyN(hull, 4)] if len(hull) > 4 else [hull]
        shapes.append(cv2.approxPolyDP(hull, 0.02 * cv2.arcLength(hull, True), True))
        found += [np.asarray(s, np.float64).reshape(1, 4, 2) for s in shapes if s is not None and s.size == 8]
    return found


def _distance_to_border(half: Picture) -> Picture:
    """Return, per pixel, how far its colour is from the nearest colour of the frame's border, × 2.5, median 5."""
    band = 4
    border = np.concatenate(
        [
            half[:band].reshape(-1, 3),
            half[-band:].reshape(-1, 3),
            half[:, :band].reshape(-1, 3),
            half[:, -band:].reshape(-1, 3),
        ]
    ).astype(np.float32)
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, labels, middles = cv2.kmeans(border, 3, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=3) / len(border)
    pixels = half.astype(np.float32)
    nearest: npt.NDArray[np.float32] | None = None
    weights = np.array([[0.6, 2, 2]], np.float32)
    for middle in middles[shares >= 0.08]:
        apart = cv2.transform(cv2.absdiff(pixels, (*(float(m) for m in middle), 0.0)), weights)
        nearest = apart if nearest is None else cv2.min(nearest, apart)
    return np.asarray(cv2.medianBlur(cv2.convertScaleAbs(nearest, alpha=2.5), 5), dtype=np.uint8)


def _merged(ends: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return the longest lines (nx, ny, d), segments within 0.06 rad and 3 px merged, longest first."""
    if not len(ends):
        return np.empty((0, 3))
    step = ends[:, 2:] - ends[:, :2]
    lengths = np.hypot(step[:, 0], step[:, 1])
    angles = np.arctan2(step[:, 1], step[:, 0]) % np.pi
    order = np.argsort(-lengths, kind="stable")
    lines: list[tuple[float, float, float]] = []
    sums: list[float] = []
    for i in order:
        normal = np.array([-np.sin(angles[i]), np.cos(angles[i])])
        middle = (ends[i, :2] + ends[i, 2:]) / 2
        for n, (nx, ny, d) in enumerate(lines):
            along = abs(nx * normal[0] + ny * normal[1])
            if along > np.cos(0.06) and abs(nx * middle[0] + ny * middle[1] - d) < 3:
                sums[n] += lengths[i]
                break
        else:
            lines.append((float(normal[0]), float(normal[1]), float(normal @ middle)))
            sums.append(float(lengths[i]))
    best = np.argsort(-np.array(sums), kind="stable")[:count]
    return np.array(lines)[best]


def _parallel_pairs(lines: npt.NDArray[np.float64], apart_px: float, count: int) -> list[tuple[int, int, float]]:
    """Return (line, line, angle) for pairs within 0.4 rad and far enough apart; lines come longest first."""
    angles = np.arctan2(lines[:, 1], lines[:, 0]) % np.pi
    pairs = []
    for a in range(len(lines)):
        for b in range(a + 1, len(lines)):
            turn = abs(angles[a] - angles[b])
            if min(turn, np.pi - turn) > 0.4:
                continue
            sign = 1.0 if lines[a, :2] @ lines[b, :2] > 0 else -1.0
            if abs(lines[a, 2] - sign * lines[b, 2]) > apart_px:
                pairs.append((a + b, a, b, float(angles[a])))
    return [(a, b, angle) for _, a, b, angle in sorted(pairs)[:count]]
