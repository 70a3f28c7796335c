"""Whether a paper runs out of the frame though four corners were found: then its edge goes on beyond one of them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture

Floats = npt.NDArray[np.float32]
Quad = npt.NDArray[np.float64]

PIECE_PX = 24.0  # of the way from a corner to the frame's edge, each compared alone
AWAY_PX = 10.0  # from the corner, that may be round, and from the frame's edge
LEAST_STEP = 6.0  # levels between paper and desk; below it the desk's own grain looks alike
LIKE = 0.55  # of the side's own step that a piece must show
LEAST_SHARE = 0.8  # of the pieces
LEAST_WAY_PX = 30.0  # less is not seen to go on; a corner so near to the edge is not whole anyway
INSIDE = np.array([3.0, 5.0, 7.0])


def runs_out(frame: Picture, quad: Quad) -> bool:
    """Whether a side of the quadrilateral (4×2 px of `frame`, clockwise) goes on as an edge to the end of the frame."""
    for number in range(4):
        start, stop = quad[number], quad[(number + 1) % 4]
        own = np.median(_steps(frame, start, stop, 0.1, 0.9), axis=0)
        strength = float(own @ own)
        if strength < LEAST_STEP**2:
            continue
        length = float(np.hypot(*(stop - start)))
        for origin, toward in ((stop, (stop - start) / length), (start, (start - stop) / length)):
            way = _way_out(origin, toward, frame.shape[1], frame.shape[0])
            if way < LEAST_WAY_PX:
                continue
            end = origin + toward * (way - 3)
            first = origin + toward * AWAY_PX
            first, end = (first, end) if origin is stop else (end, first)
            alike = _steps(frame, first, end, 0.0, 1.0) @ own / strength
            if float((alike > LIKE).mean()) >= LEAST_SHARE:
                return True
    return False


def _steps(frame: Picture, start: Quad, stop: Quad, since: float, until: float) -> Floats:
    """Return the step in colour across the line, piece by piece (n×3): its right-hand side less its left."""
    along = stop - start
    length = float(np.hypot(*along))
    normal = np.array([-along[1], along[0]]) / max(length, 1e-6)
    pieces = int(np.clip(length * (until - since) / PIECE_PX, 1, 24))
    at = since + (until - since) * (np.arange(pieces * 6) + 0.5) / (pieces * 6)
    points = start + at[:, None] * along
    offsets = np.concatenate([INSIDE, -INSIDE])
    x = (points[:, :1] + offsets * normal[0]).astype(np.float32)
    y = (points[:, 1:] + offsets * normal[1]).astype(np.float32)
    seen = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    seen = seen.reshape(pieces, 6, 2, 3, 3)
    return np.asarray(np.median(seen[:, :, 0] - seen[:, :, 1], axis=(1, 2)), np.float32)


def _way_out(origin: Quad, toward: Quad, width: int, height: int) -> float:
    """Return how far it is from a point to the frame's edge in a direction, px."""
    ways = []
    for at, step, most in ((origin[0], toward[0], width - 1), (origin[1], toward[1], height - 1)):
        if abs(step) > 1e-6:
            ways.append(((most if step > 0 else 0) - at) / step)
    return float(max(0.0, min(ways, default=0.0)))
