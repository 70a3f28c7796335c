"""How well and how fast pages are found, beside plain Canny with the biggest quadrilateral, on the same frames."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import shrink_factor
from devices.imaging.outline import find_outline
from devices.imaging.quads import clockwise, overlap
from devices.imaging.refine import refine_outline
from devices.sim import desk

SEED = 31  # for reporting; no parameter was chosen on it
PAGES, EMPTY = 100, 30
Quad = npt.NDArray[np.float64]
Finder = Callable[[npt.NDArray[np.uint8]], Quad | None]


def run() -> dict[str, dict[str, object]]:
    """Return the figures: recall at IoU 0.9, mean IoU, false pages, milliseconds; ours and the peer's."""
    cv2.setNumThreads(1)
    ours, theirs = _Tally(_refined), _Tally(_canny)
    digest = hashlib.sha256()
    for index in range(PAGES):
        frame, corners = desk.frame(SEED, index)
        digest.update(frame.tobytes())
        if corners is not None:
            truth = clockwise(corners[None])[0]
            ours.judge(frame, truth)
            theirs.judge(frame, truth)
    for index in range(EMPTY):
        frame, _ = desk.frame(SEED, -1 - index)
        ours.judge(frame, None)
        theirs.judge(frame, None)
    peer = f"Canny + biggest quadrilateral; seed {SEED}, frames sha256 {digest.hexdigest()[:16]}"

    def figure(unit: str, a: float, b: float, goal: str, holds: bool) -> dict[str, object]:
        mine, peers = round(a, 3), round(b, 3)
        return {"value": mine, "unit": unit, "ours": mine, "theirs": peers, "peer": peer, "goal": goal, "holds": holds}

    recall, shared = ours.recall(), ours.mean()
    return {
        "recall_at_iou_0.9": figure("share", recall, theirs.recall(), ">= 0.80", recall >= 0.8),
        "mean_iou": figure("IoU", shared, theirs.mean(), ">= 0.90", shared >= 0.9),
        "false_pages": figure(f"of {EMPTY} empty desks", ours.false, theirs.false, "<= 1", ours.false <= 1),
        "frame_ms": figure("ms a 1080p frame, refined", ours.median_ms(), theirs.median_ms(), "", True),
    }


class _Tally:
    """One finder's results over all frames."""

    def __init__(self, find: Finder) -> None:
        self._find = find
        self._shared: list[float] = []
        self._ms: list[float] = []
        self.false = 0

    def judge(self, frame: npt.NDArray[np.uint8], truth: Quad | None) -> None:
        started = time.perf_counter()
        quad = self._find(frame)
        self._ms.append(1000 * (time.perf_counter() - started))
        if truth is None:
            self.false += quad is not None
        else:
            self._shared.append(0.0 if quad is None else overlap(quad, truth))

    def recall(self) -> float:
        return sum(shared > 0.9 for shared in self._shared) / len(self._shared)

    def mean(self) -> float:
        return statistics.fmean(self._shared)

    def median_ms(self) -> float:
        return statistics.median(self._ms)


def _refined(frame: npt.NDArray[np.uint8]) -> Quad | None:
    outline = find_outline(frame)
    if outline is None:
        return None
    return np.array(refine_outline(frame, outline, shrink_factor(frame.shape[1], frame.shape[0])).corners)


def _canny(frame: npt.NDArray[np.uint8]) -> Quad | None:
    """The usual recipe: grey, blur, Canny 50/150 at quarter size, the largest contour with four corners."""
    grey = cv2.cvtColor(cv2.resize(frame, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    edges = cv2.dilate(cv2.Canny(cv2.GaussianBlur(grey, (5, 5), 0), 50, 150), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:5]:
        shape = cv2.approxPolyDP(contour, 0.02 * cv2.arcLength(contour, True), True)
        if len(shape) == 4 and cv2.isContourConvex(shape) and cv2.contourArea(shape) > 0.015 * grey.size:
            return np.asarray(clockwise((shape.reshape(1, 4, 2) + 0.5) * 4 - 0.5)[0])
    return None
