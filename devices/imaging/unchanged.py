"""Whether a frame shows what was looked at last: an empty desk, or a page that still lies there, is not searched again.

Two scales: what moved changes a small block by much, a white paper on a white desk a large one by little.
"""

from __future__ import annotations

import cv2
import numpy as np

from devices.imaging.fields import Picture, shrink
from devices.imaging.values import Limits, Looked, Outline, Track

WIDE = 120  # blocks across at least; 8 px of a preview 960 px wide
FINE_LEVELS = 6.0  # of any channel in any block; noise of σ 6 a pixel of the camera, and JPEG, make 4 at most
COARSE = 8  # blocks a side of a large one
COARSE_LEVELS = 0.75  # of the channels' mean in any; noise makes 0.3 at most, a white paper on a white desk 1.6
LAMP_LEVELS = 3.0  # a lamp that flickers may change the whole by so much
MOST_REUSED = 20  # frames: after 2 s what lies there is looked at again, whatever it is
RESTLESS = ("hands", "sharp", "dark", "bright")  # told by what moved, or mended by the camera without a change
EMPTY_LOOKS = 8  # in a row that find nothing in one picture: a faint paper is seen in most frames, not in each


def blocks_of(shrunk: Picture) -> Picture:
    """Return the small picture of an outline search (h×w×3 BGR) averaged to blocks, about 120 across."""
    return shrink(shrunk, max(1, shrunk.shape[1] // WIDE))


def reusable(track: Track, blocks: Picture, accepts: str, limits: Limits) -> Looked | None:
    """Return what the frame of these blocks shows where it was seen before and is settled, else None: look.

    Settled: time and again nothing was there, or a page that lay still and was judged by all gates. All frames that
    lead there are looked at, so that a page is still and judged after as many frames as ever.
    """
    looked = track.looked
    if looked is None or looked.reused_frames >= MOST_REUSED or looked.accepts != accepts:
        return None
    if looked.outline is None:
        is_settled = looked.gate == "page" and looked.empty_looks >= EMPTY_LOOKS
    else:
        is_settled = looked.gate not in RESTLESS and track.stable_frames >= limits.stable_frames
    return looked if is_settled and is_unchanged(looked.blocks, blocks) else None


def looked_at(former: Looked | None, blocks: Picture, accepts: str, seen: tuple[Outline | None, str, bytes]) -> Looked:
    """Return what the next frames may be compared with. `seen`: outline, gate and fingerprint of this frame."""
    outline, gate, mark = seen
    empty_looks = 0
    if outline is None and former is not None and former.outline is None and is_unchanged(former.blocks, blocks):
        empty_looks = min(former.empty_looks + 1, EMPTY_LOOKS)
    return Looked(blocks.tobytes(), accepts, outline, gate, mark, empty_looks)


def is_unchanged(former: bytes, blocks: Picture) -> bool:
    """Return whether blocks (h×w×3 BGR) are those of a former frame but for noise and a lamp's flicker."""
    if len(former) != blocks.size:
        return False
    before = np.frombuffer(former, np.uint8).reshape(blocks.shape)
    apart = cv2.subtract(blocks, before, dtype=cv2.CV_32F)
    shift = cv2.mean(apart)[:3]
    if max(abs(one) for one in shift) > LAMP_LEVELS:
        return False
    apart -= np.array(shift, np.float32)
    size = (max(1, blocks.shape[1] // COARSE), max(1, blocks.shape[0] // COARSE))
    large = cv2.resize(apart, size, interpolation=cv2.INTER_AREA)
    return bool(np.abs(apart).max() <= FINE_LEVELS and np.abs(large.mean(axis=2)).max() <= COARSE_LEVELS)
