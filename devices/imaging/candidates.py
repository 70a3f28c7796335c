"""Quadrilaterals that might be the paper: from contours, from what differs from the desk."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import PARAMETERS, UNIT, Fields, OutlineParameters, Picture, Quads

Hull = npt.NDArray[np.int32]
NONE: Quads = np.empty((0, 4, 2), np.float64)


def from_contours(
    fields: Fields, sensitivities: tuple[tuple[float, float, float], ...], parameters: OutlineParameters = PARAMETERS
) -> Quads:
    """Return candidates from closed edges, n×4×2 px of the small picture; `sensitivities` as in the parameters."""
    found: list[Quads] = []
    for floor, factor, low in sensitivities:
        high = 2 * UNIT * max(floor, factor * fields.noise)  # Canny adds |gx| and |gy|; our noise is their mean
        edges = cv2.Canny(fields.gx, fields.gy, low * high, high)
        edges = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        found += from_mask(edges, parameters.contours, parameters.contour_box_share)
    return _joined(found)


def from_segments(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates from regions that differ from the frame's border, searched at half the small size."""
    halves = [cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for plane in fields.planes]
    distance = _distance_to_border(cv2.merge([half.astype(np.float32) / UNIT for half in halves]), parameters)
    level = cv2.convertScaleAbs(halves[0], alpha=1 / UNIT)
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
        found += from_mask(clean, 3, 0.015)
    return (_joined(found) + 0.5) * 2 - 0.5


def _joined(found: list[Quads]) -> Quads:
    return np.concatenate(found) if found else NONE


def from_mask(mask: Picture, count: int, box_share: float) -> list[Quads]:
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


def _distance_to_border(half: npt.NDArray[np.float32], p: OutlineParameters) -> Picture:
    """Return, per pixel, how far its colour is from the nearest colour of the frame's border, × 2.5, median 5."""
    band = 4
    border = np.concatenate(
        [
            half[:band].reshape(-1, 3),
            half[-band:].reshape(-1, 3),
            half[:, :band].reshape(-1, 3),
            half[:, -band:].reshape(-1, 3),
        ]
    )
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, labels, middles = cv2.kmeans(np.ascontiguousarray(border[::2]), 3, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=3) / len(labels)
    nearest: npt.NDArray[np.float32] | None = None
    weights = np.array([[0.6, 2 / p.chroma_weight, 2 / p.chroma_weight]], np.float32)
    for middle in middles[shares >= 0.08]:
        apart = cv2.transform(cv2.absdiff(half, (*(float(m) for m in middle), 0.0)), weights)
        nearest = apart if nearest is None else cv2.min(nearest, apart)
    return np.asarray(cv2.medianBlur(cv2.convertScaleAbs(nearest, alpha=2.5), 5), dtype=np.uint8)
