"""Whether each sign of a proof can still be read on a page: nearest of many templates, without OCR.

Each sign's square is compared, by normalised correlation over shifts of ± 2 px, with every sign of the proof's list
drawn afresh at the page's resolution; the sign counts as read where the one that was written is nearest. The list
holds pairs that differ by one stroke (未末, 己已, 戌戍), so that a lost stroke is a misread sign.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from devices.sim.proofs import SIGNS, Proof
from devices.sim.sheets import A4_MM, INK, font

OVER = 12.0  # px per mm at which a template is drawn before it is averaged down
SHIFT_PX = 2
SOFT_PX = 0.6  # a lens's blur, so that a template is no sharper than a photograph


class Read(NamedTuple):
    """The share of signs read, and the median correlation of a sign with its own template."""

    share: float
    likeness: float
    misread: tuple[tuple[str, str], ...]  # written, taken for


def read_signs(page: npt.NDArray[np.uint8], proof: Proof, serif: bool = True, every: int = 1) -> Read:
    """Return how many signs of a proof can be read on its page (h×w×3 BGR, an upright A4 page edge to edge)."""
    grey = 255 - cv2.cvtColor(page, cv2.COLOR_BGR2GRAY).astype(np.float32)
    across, down = page.shape[1] / A4_MM[0], page.shape[0] / A4_MM[1]
    side = int(proof.size_mm * 0.56 * across)
    templates = _templates(round(across, 3), round(proof.size_mm, 4), side, serif)
    placed = proof.signs[::every]
    best = np.full((len(placed), len(SIGNS)), -1, np.float32)
    for dy in range(-SHIFT_PX, SHIFT_PX + 1):
        for dx in range(-SHIFT_PX, SHIFT_PX + 1):
            middles = [(round(one.x_mm * across - 0.5) + dx, round(one.y_mm * down - 0.5) + dy) for one in placed]
            cells = [grey[y - side : y + side + 1, x - side : x + side + 1].ravel() for x, y in middles]
            best = np.maximum(best, _even(np.array(cells)) @ templates.T)
    written = np.array([SIGNS.index(one.sign) for one in placed])
    taken = best.argmax(axis=1)
    wrong = tuple((SIGNS[a], SIGNS[b]) for a, b in zip(written, taken, strict=True) if a != b)
    return Read(1 - len(wrong) / len(placed), float(np.median(best[np.arange(len(placed)), written])), wrong)


@cache
def _templates(px_per_mm: float, size_mm: float, side: int, serif: bool) -> npt.NDArray[np.float32]:
    count = 2 * side + 1
    large = round(count / px_per_mm * OVER)
    found = []
    for sign in SIGNS:
        image = Image.new("L", (large, large), 255)
        face = font(round(size_mm * OVER), serif=serif)
        ImageDraw.Draw(image).text((large / 2, large / 2), sign, font=face, fill=INK[0], anchor="mm")
        small = cv2.resize(np.asarray(image), (count, count), interpolation=cv2.INTER_AREA).astype(np.float32)
        found.append((255 - cv2.GaussianBlur(small, (0, 0), SOFT_PX)).ravel())
    return _even(np.array(found))


def _even(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return each row with mean 0 and length 1."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), dtype=np.float32)
