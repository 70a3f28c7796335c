"""The gates: what is wrong with a page, as numbers against limits. Pixels stay unchanged."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import Corners, Verdict
from devices.imaging.cut import runs_out
from devices.imaging.dewarp import FORMATS_MM, Flat, side_ratio
from devices.imaging.fields import Picture, darkest, fit_long, lightest
from devices.imaging.glare import glare_percent
from devices.imaging.quads import NEXT
from devices.imaging.sharpness import preview_sharpness, sharpness
from devices.imaging.values import FAR, GATES, Limits, Outline

PREVIEW_SHARP = 0.36  # of a preview 960 px wide: blurred by 1.4 of its px; a sharp card with round corners has 0.43
PREVIEW_INK = 0.5  # small characters vanish in a preview: the still may find ink where it does not
INK_PX = 1000  # long side on which ink is looked for
INK_STEP = 24  # levels between ink and what is around it: faint print out of focus has no more
INK_REACH = 51  # px around it
DARK_PAPER = 110  # below it writing may be lighter than its paper
RIM_PX = 2
FINGER_SHARE = 0.2  # of the page's short side
SKIN_STEP = 36.0  # levels of Y, Cr and Cb together between skin on the page and skin beside it


def first_refusal(verdicts: tuple[Verdict, ...], warned: tuple[str, ...] = (), *, is_far: bool = False) -> str:
    """Return the gate that speaks: the first failed one in the order of GATES, "" where all pass.

    A gate in `warned` speaks never: its limit is not to be trusted with this camera, its verdict stays on the page.
    For `sharp` speaks FAR where the page has too few pixels (`is_far`), whatever its sharpness is.
    """
    failed = {v.gate for v in verdicts if not v.ok and v.gate not in warned}
    failed |= {"sharp"} if is_far else set()
    gate = next((gate for gate in GATES if gate in failed), "")
    return FAR if is_far and gate == "sharp" else gate


def judge_outline(outline: Outline | None, frame: Picture, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdicts on the outline in its frame (h×w×3 BGR): page, whole."""
    if outline is None:
        return (Verdict("page", 0.0, 1.0, False),)
    height, width = frame.shape[:2]
    margin = edge_margin(outline.corners, width, height)
    if margin >= limits.edge_share and runs_out(frame, np.array(outline.corners)):
        margin = 0.0
    return (
        Verdict("page", outline.score, 0.0, True),
        Verdict("whole", margin, limits.edge_share, margin >= limits.edge_share),
    )


def edge_margin(corners: Corners, width_px: int, height_px: int) -> float:
    """Return how far the nearest corner is from the frame's edge, as a share of the frame's long side: a millimetre
    of desk is as many px across as down."""
    return min(min(x, width_px - x, y, height_px - y) for x, y in corners) / max(width_px, height_px)


def judge_page(flat: Flat, accepts: str, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdicts of a straightened page: format, flat, dark, bright, glare, blank."""
    return (
        *judge_format(flat.ratio, accepts, limits),
        *judge_flatness(flat, limits),
        *judge_light(flat.picture, limits),
        judge_ink(flat.picture, limits.ink_percent),
    )


def judge_format(ratio: float, accepts: str, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdict `format`: by how many percent the side ratio (any way up) misses what is accepted, if any."""
    off = 100 * abs(max(ratio, 1 / ratio) / side_ratio(accepts) - 1) if accepts in FORMATS_MM else 0.0
    return (Verdict("format", off, limits.format_percent, off <= limits.format_percent),)


def judge_sharp(
    frame: Picture, quad: npt.NDArray[np.float64], page: Picture, dpi: float, least: float, *, is_card: bool = False
) -> Verdict:
    """Return the verdict `sharp` on the page (h×w×3 BGR, at `dpi`) inside `quad` (4×2 px of the frame)."""
    score = sharpness(frame, quad, page, dpi, is_card=is_card)
    return Verdict("sharp", score, least, score >= least)


def judge_preview_sharp(frame: Picture, quad: npt.NDArray[np.float64]) -> Verdict:
    """Return the verdict `sharp` on a preview (h×w×3 BGR): only what is plainly blurred fails."""
    score = preview_sharpness(frame, quad)
    return Verdict("sharp", score, PREVIEW_SHARP, score >= PREVIEW_SHARP)


def judge_flatness(flat: Flat, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdict `flat`: by how many percent a known format's side ratio is off. A free format has none."""
    apart = 100 * abs(flat.ratio / side_ratio(flat.format) - 1) if flat.format in FORMATS_MM else 0.0
    return (Verdict("flat", apart, limits.flat_percent, apart <= limits.flat_percent),)


def judge_light(page: Picture, limits: Limits, dark: Picture | None = None) -> tuple[Verdict, ...]:
    """Return the verdicts dark, bright and glare of a page (h×w×3 BGR); `dark`: its darkest channel, where it is known
    and the page at most glare.LONG_PX long.
    """
    levels = lightest(np.ascontiguousarray(page[::4, ::4])).ravel()
    middle = float(np.partition(levels, len(levels) // 2)[len(levels) // 2])
    shine = glare_percent(page, dark)
    return (
        Verdict("dark", middle, limits.dark_v, middle >= limits.dark_v),
        Verdict("bright", middle, limits.bright_v, middle <= limits.bright_v),
        Verdict("glare", shine, limits.glare_percent, shine <= limits.glare_percent),
    )


def judge_ink(page: Picture, least_percent: float, dark: Picture | None = None) -> Verdict:
    """Return the verdict `blank` of a page (h×w×3 BGR); `dark`: its darkest channel, where it is known and the page at
    most INK_PX long.
    """
    ink = ink_percent(page, dark)
    return Verdict("blank", ink, least_percent, ink >= least_percent)


def ink_percent(page: Picture, dark: Picture | None = None) -> float:
    """Return the share of ink inside a 4 % margin, in percent: clearly darker than its surroundings, or on a dark
    paper lighter. What lies across the page's edge is a hand or a shadow, and no ink."""
    tone = darkest(fit_long(page, INK_PX)) if dark is None else dark  # red ink is dark in green and blue
    height, width = tone.shape
    around = cv2.blur(tone, (INK_REACH, INK_REACH), borderType=cv2.BORDER_REFLECT)
    ink = cv2.inRange(cv2.subtract(around, tone), INK_STEP, 255)
    is_dark = cv2.inRange(around, 0, DARK_PAPER)
    if cv2.countNonZero(is_dark):
        light = cv2.inRange(cv2.subtract(tone, around), INK_STEP, 255)
        ink = cv2.bitwise_or(ink, cv2.bitwise_and(light, is_dark))
    top, left = int(0.04 * height), int(0.04 * width)
    inside = _without_intruders(np.asarray(ink, np.uint8))[top : height - top, left : width - left]
    return 100.0 * cv2.countNonZero(inside) / max(1, int(inside.size))


def _without_intruders(ink: Picture) -> Picture:
    """Return the ink (h×w, 0 or 255) without what is joined to the page's edge and no further in than a finger."""
    height, width = ink.shape
    rim = _on_rim(ink)
    if not len(rim):
        return ink
    bridge = 1 + 2 * round(max(height, width) / 500)  # two fingers are one, and a finger and its shadow
    joined = cv2.dilate(ink, np.ones((bridge, bridge), np.uint8))[::2, ::2]
    count, labels = cv2.connectedComponents(np.ascontiguousarray(joined))
    is_kept = np.full(count, 255, np.uint8)
    is_kept[labels[rim[:, 0] // 2, rim[:, 1] // 2]] = 0
    kept = _twice(np.take(is_kept, labels))[:height, :width]
    reach = int(FINGER_SHARE * min(height, width))
    kept[reach : height - reach, reach : width - reach] = 255
    return np.asarray(cv2.bitwise_and(ink, kept), np.uint8)


def _twice(mask: Picture) -> Picture:
    """Return a mask of bytes 0 and 255 at twice its size; cv2.resize takes five times as long."""
    return np.repeat(mask.astype(np.uint16) * 257, 2, axis=0).view(np.uint8)


def _on_rim(ink: Picture) -> npt.NDArray[np.intp]:
    """Return row and column (n×2) of the ink within RIM_PX of the page's edge."""
    rim = ink.copy()
    rim[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = 0
    found = cv2.findNonZero(rim)
    return np.empty((0, 2), np.intp) if found is None else found.reshape(-1, 2)[:, ::-1].astype(np.intp)


def skin_across(frame: Picture, corners: npt.NDArray[np.float64]) -> float:
    """Return the longest stretch of the page's edge under a hand, in percent of its length.

    `frame` h×w×3 BGR (about 480 px wide), corners in its px. There the colour of skin, redder than the paper, runs
    from the page onto the desk without a step. Where most of the edge looks so, the paper itself is brown: 0.
    """
    ycc = cv2.cvtColor(cv2.blur(frame, (3, 3)), cv2.COLOR_BGR2YCrCb).astype(np.float32)
    height, width = ycc.shape[:2]
    sides = np.take(corners, NEXT, axis=0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    spots, normals = [], []
    for corner, side, length in zip(corners, sides, lengths, strict=True):
        at = np.arange(6.0, max(7.0, length - 6))
        spots.append(corner + at[:, None] * side / length)
        normals.append(np.repeat([[-side[1] / length, side[0] / length]], len(at), 0))
    points, normal = np.concatenate(spots), np.concatenate(normals)

    def seen(offset: float) -> npt.NDArray[np.float32]:
        x = np.clip(np.round(points[:, 0] + offset * normal[:, 0]).astype(int), 0, width - 1)
        y = np.clip(np.round(points[:, 1] + offset * normal[:, 1]).astype(int), 0, height - 1)
        return np.asarray(ycc[y, x], dtype=np.float32)

    inside, outside = seen(4), seen(-4)
    paper_cr = float(np.median(seen(8)[:, 1]))
    skin = _is_skin(inside, paper_cr) & _is_skin(outside, paper_cr)
    skin &= np.abs(inside - outside).sum(axis=1) < SKIN_STEP
    if skin.mean() > 0.4:
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], skin.astype(np.int8), [0]])))
    longest = int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
    return 100.0 * longest / len(skin)


def _is_skin(ycc: npt.NDArray[np.float32], paper_cr: float) -> npt.NDArray[np.bool_]:
    """Return which of n YCrCb colours may be skin; the chroma box is Chai and Ngan's (1999), widened for lamp light."""
    y, cr, cb = ycc.T
    return np.asarray((y > 40) & (cr > max(133.0, paper_cr + 8)) & (cr < 182) & (cb > 74) & (cb < 127))
