"""Whether a paper runs out of the frame though four corners were found.

Then edges go on beyond a corner to the end of the frame; or the outline was closed across the paper, near the end of
the frame, and what lies beyond that side is paper.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture

Floats = npt.NDArray[np.float32]
Quad = npt.NDArray[np.float64]  # also 4×2 directions, and n×2×2 lines: start and stop

PIECES, POINTS = 16, 3  # of a line, and of a piece
PIECE_PX = 24.0  # a shorter way has fewer pieces to be compared
ACROSS_PX = np.array([3.0, 5.0, 7.0])  # to either side of a line, where its step is seen
LINE_PX = np.array([-1.0, 0.0, 1.0])  # where a printed rule lies, which has the same paper on both its sides
RIGHT_LESS_LEFT = np.kron(np.repeat([1, -1, 0], 3)[:, None], np.eye(3) / 3)  # of nine colours,
BESIDE_LESS_ON = np.kron(np.repeat([0.5, 0.5, -1], 3)[:, None], np.eye(3) / 3)  # and how dark a line is
STEP_AND_LINE = np.concatenate([RIGHT_LESS_LEFT, BESIDE_LESS_ON], axis=1).astype(np.float32)
AWAY_PX = 10.0  # from the corner, that may be round
END_PX = 3.0  # from the frame's edge
LIKE = 0.55  # of the side's own step that a piece must show
LEAST_SHARE = 0.8  # of the pieces
LEAST_STEP = 6.0  # levels between paper and desk; below it the desk's own grain looks alike,
LEAST_OF_TWO = 3.0  # unless two edges go on beyond the same side
LEAST_WAY_PX = 30.0  # less is not seen to go on,
LEAST_WAY_OF_TWO_PX = 14.0  # unless two do
NEAR_SHARE = 0.04  # of the frame's long side: there an outline is closed across a paper that leaves the frame
BROAD_PX = np.linspace(4.0, 22.0, 8)  # wide enough for a line of writing and its paper
CLEAR_STEP = 25.0  # levels, of the three clearest sides
NO_STEP = 0.25  # of theirs


def runs_out(frame: Picture, quad: Quad) -> bool:
    """Whether the paper in the quadrilateral (4×2 px of `frame`, clockwise) goes on to the end of the frame."""
    ends = np.roll(quad, -1, 0)
    along = (ends - quad) / np.maximum(1e-6, np.linalg.norm(ends - quad, axis=1, keepdims=True))
    ahead, back = _ways_out(frame, ends, along), _ways_out(frame, quad, -along)
    ways = np.concatenate([ahead, back])
    near, far = np.minimum(AWAY_PX, ways / 3)[:, None], (ways - END_PX)[:, None]
    lines = np.concatenate(
        [
            np.stack([quad + 0.1 * (ends - quad), ends + 0.1 * (quad - ends)], 1),
            np.stack([ends + near[:4] * along, ends + far[:4] * along], 1),
            np.stack([quad - far[4:] * along, quad - near[4:] * along], 1),
        ]
    )
    steps = _steps(frame, lines)
    own = np.median(steps[:4], axis=1)
    strength = np.tile(np.linalg.norm(own, axis=1), 2)
    alike = (steps[4:] * np.tile(own, (2, 1))[:, None]).sum(axis=2) / np.maximum(1e-6, strength[:, None] ** 2)
    mean = np.clip(alike, -1, 1.5).mean(axis=1)
    for path in np.flatnonzero((ways >= LEAST_WAY_PX) & (strength >= LEAST_STEP) & (mean > LIKE * LEAST_SHARE / 2)):
        if _share_alike(alike[path], float(ways[path])) >= LEAST_SHARE:
            return True
    both = np.stack([np.roll(np.arange(4), 1), np.roll(np.arange(4), -1) + 4], 1)  # beyond each side: two ways out
    goes_on = (ways >= LEAST_WAY_OF_TWO_PX) & (strength >= LEAST_OF_TWO) & (mean > LIKE)
    if goes_on[both].all(axis=1).any():
        return True
    is_near = ways[both].min(axis=1) < NEAR_SHARE * max(frame.shape[:2])
    return bool(is_near.any()) and bool((is_near & _has_no_step(frame, quad)).any())


def _share_alike(pieces: Floats, way_px: float) -> float:
    """Return the share of the pieces of a way out that look like the side it goes on from."""
    count = int(np.clip(way_px / PIECE_PX, 1, PIECES))
    joined = np.array([part.mean() for part in np.array_split(pieces, count)])
    return float((joined > LIKE).mean())


def _steps(frame: Picture, lines: Quad) -> Floats:
    """Return the step in colour across lines (n×2×2 px), right-hand side less left, and how much darker the line is
    than both, piece by piece (n×PIECES×6).
    """
    seen = seen_along(frame, lines, PIECES * POINTS, np.concatenate([ACROSS_PX, -ACROSS_PX, LINE_PX]))
    points = seen.reshape(-1, 9 * 3).astype(np.float32) @ STEP_AND_LINE
    return np.asarray(points.reshape(len(lines), PIECES, POINTS, 6).mean(axis=2), np.float32)


def _has_no_step(frame: Picture, quad: Quad) -> npt.NDArray[np.bool_]:
    """Return which of four sides have the same paper on both their sides, where the other sides end on a desk.

    Paper is what is lightest along a side, but for the few lightest px: between characters it is never far away.
    """
    lines = np.stack([quad, np.roll(quad, -1, 0)], 1)
    middle = lines.mean(axis=1, keepdims=True)
    offsets = np.concatenate([BROAD_PX, -BROAD_PX])
    seen = seen_along(frame, middle + 0.84 * (lines - middle), 24, offsets).reshape(4, 24, 2, len(BROAD_PX), 3)
    lightest = np.sort(seen, axis=3)[:, :, :, len(BROAD_PX) * 3 // 4].astype(np.float32)
    steps = np.median(lightest[:, :, 0] - lightest[:, :, 1], axis=1)
    clear = steps[np.argsort(np.linalg.norm(steps, axis=1))[1:]].mean(axis=0)
    size = float(clear @ clear)
    return np.asarray((size >= CLEAR_STEP**2) & (steps @ clear < NO_STEP * size), np.bool_)


def seen_along(frame: Picture, lines: Quad, count: int, offsets: Quad) -> Picture:
    """Return the colours at `count` points along each line, at offsets to its right: n×count×m×3."""
    along = lines[:, 1] - lines[:, 0]
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(1e-6, np.linalg.norm(along, axis=1, keepdims=True))
    at = (np.arange(count) + 0.5) / count
    points = lines[:, None, :1] + at[:, None, None] * along[:, None, None]  # n×count×1×2
    points = points + offsets[:, None] * normal[:, None, None]
    x, y = (points[..., axis].reshape(len(lines) * count, len(offsets)).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen.reshape(len(lines), count, len(offsets), 3), np.uint8)


def _ways_out(frame: Picture, origins: Quad, toward: Quad) -> Quad:
    """Return how far it is from each point to the frame's edge in its direction, px."""
    last = np.array([frame.shape[1] - 1, frame.shape[0] - 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = np.where(np.abs(toward) > 1e-6, (np.where(toward > 0, last, 0) - origins) / toward, np.inf)
    return np.asarray(np.maximum(0.0, ways.min(axis=1)), np.float64)
