"""How well the gates tell good pages from bad ones, on measured frames, beside the usual simple measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import frames
from benchmarks.frames import Frame
from devices.imaging import dewarp, quality
from devices.imaging.cut import runs_out
from devices.imaging.fields import darkest, shrink_factor
from devices.imaging.glare import glare_percent
from devices.imaging.outline import find_outline
from devices.imaging.quads import overlap
from devices.imaging.refine import refine_outline
from devices.imaging.sharpness import sharpness
from devices.imaging.values import Limits, Outline

PLAIN, BLURRED, SHINING, CUT, BLANK = 120, 80, 60, 60, 40  # frames of each slice
FAR = 10_000  # between the indices of two slices
BLANKS = ("blank", "a5blank")
HIT_IOU = 0.9  # what is not found is the outline's matter, not a gate's
FALSE_SHARE = 0.05
Picture = npt.NDArray[np.uint8]


class Seen(NamedTuple):
    """What the gates and their peers made of one frame. Scores grow with what is good, shines with what is not."""

    frame: Frame
    outline: Outline | None
    is_hit: bool
    sharp: float = 0.0
    laplacian: float = 0.0
    glare: float = 0.0
    white: float = 0.0
    ink: float = 0.0
    dark: float = 0.0
    refused: str = ""  # by the outline's own gates
    spent_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of a preview: the page's gates, `whole`, Canny


def run(seed: int = frames.REPORTING_SEED) -> dict[str, dict[str, object]]:
    """Return the figures; with a tuning seed they are those that the limits were chosen on."""
    cv2.setNumThreads(1)
    seen = [look_at(frame) for frame in _frames(seed)]
    return {**_blur(seen, seed), **_glare(seen, seed), **_cut(seen, seed), **_blank(seen, seed), **_cost(seen)}


def look_at(frame: Frame) -> Seen:
    """Return what is seen on one frame, without its pixels."""
    picture = frame.picture
    height, width = picture.shape[:2]
    outline = find_outline(picture)
    if outline is not None:
        outline = refine_outline(picture, outline, shrink_factor(width, height))
    bare = frame._replace(picture=np.empty((height, width, 0), np.uint8), ink=np.empty(0, np.uint8))
    refused = quality.first_refusal(quality.judge_outline(outline, picture, Limits()))
    if outline is None or frame.corners is None:
        return Seen(bare, outline, False, refused=refused)
    quad = np.array(outline.corners)
    if "cut" in frame.defects or overlap(quad, frame.outline) < HIT_IOU:
        return Seen(bare, outline, False, refused=refused)
    flat = dewarp.dewarp(picture, outline.corners)
    grey = cv2.cvtColor(flat.picture, cv2.COLOR_BGR2GRAY)
    return Seen(
        frame=bare,
        outline=outline,
        is_hit=True,
        sharp=sharpness(picture, quad, flat.picture, min(flat.dpi_x, flat.dpi_y), is_card=flat.format == "card"),
        laplacian=float(cv2.Laplacian(grey, cv2.CV_32F)[4:-4, 4:-4].var()),
        glare=glare_percent(flat.picture),
        white=_white_percent(flat.picture),
        ink=quality.ink_percent(flat.picture),
        dark=100 * float((grey[20:-20, 20:-20] < 0.6 * np.median(grey)).mean()),
        refused=refused,
        spent_ms=_preview_cost(picture, quad),
    )


def _frames(seed: int) -> Iterator[Frame]:
    for index in range(PLAIN):
        yield frames.frame(seed, index)
    for index in range(BLURRED):
        yield frames.frame(seed, FAR + index, wanted=frozenset({("focus", "motion")[index % 2]}))
    for index in range(SHINING):
        yield frames.frame(seed, 2 * FAR + index, wanted=frozenset({"glare"}))
    for index in range(CUT):
        yield frames.frame(seed, 3 * FAR + index, wanted=frozenset({"cut"}))
    for index in range(BLANK):
        yield frames.frame(seed, 4 * FAR + index, kind=BLANKS[index % 2])


# ── the figures ────────────────────────────────────────────────────────────────────────────


def _blur(seen: Sequence[Seen], seed: int) -> dict[str, dict[str, object]]:
    """Sharp and blurred as in reference/imaging.md §5: σ to 1.1 px without motion, σ from 1.5 px or motion from 8."""
    hits = [one for one in seen if one.is_hit]
    good = [one for one in hits if one.frame.blur_px <= 1.1 and one.frame.motion_px == 0]
    bad = [one for one in hits if one.frame.blur_px >= 1.5 or one.frame.motion_px >= 8]
    ours = _area([one.sharp for one in good], [one.sharp for one in bad])
    theirs = _area([one.laplacian for one in good], [one.laplacian for one in bad])
    limit = Limits().reblur
    missed = sum(one.sharp >= limit for one in bad) / len(bad)
    alarms = sum(one.sharp < limit for one in good) / len(good)
    peer = f"variance of the Laplacian; {len(good)} sharp, {len(bad)} blurred, seed {seed}"
    ours_caught = _caught([one.sharp for one in good], [one.sharp for one in bad])
    theirs_caught = _caught([one.laplacian for one in good], [one.laplacian for one in bad])
    return {
        "blur_auc": _figure("AUC", ours, theirs, peer, ">= 0.95", ours >= 0.95),
        "blur_caught_at_5": _figure("share at 5 % false alarm", ours_caught, theirs_caught, peer),
        "blur_as_built": _figure("share caught, as built", 1 - missed, "", f"false alarms {alarms:.3f}"),
    }


def _glare(seen: Sequence[Seen], seed: int) -> dict[str, dict[str, object]]:
    """Glare: a highlight that bleached more than 0.2 % of the page; none: one that bleached nothing."""
    hits = [one for one in seen if one.is_hit]
    bad = [one for one in hits if one.frame.glare_percent > 0.2]
    good = [one for one in hits if one.frame.glare_percent < 0.02]
    limit = Limits().glare_percent
    found, false = (sum(one.glare > limit for one in some) / len(some) for some in (bad, good))
    their_found, their_false = (sum(one.white > limit for one in some) / len(some) for some in (bad, good))
    peer = f"V ≥ 250, S < 30, opened 7×7, largest; {len(bad)} with, {len(good)} without, seed {seed}"
    return {
        "glare_found": _figure("share", found, their_found, peer, ">= 0.85", found >= 0.85),
        "glare_false": _figure("share", false, their_false, peer, "<= 0.05", false <= 0.05),
    }


def _cut(seen: Sequence[Seen], seed: int) -> dict[str, dict[str, object]]:
    """Cut off: the page runs out of the frame. A whole page that was not found at all is the outline's matter."""
    cut = [one for one in seen if "cut" in one.frame.defects]
    whole = [one for one in seen if one.is_hit]
    caught = sum(bool(one.refused) for one in cut) / len(cut)
    passed = sum(not one.refused for one in whole) / len(whole)
    value = (caught + passed) / 2
    peer = f"{len(cut)} cut ({caught:.3f} refused), {len(whole)} whole ({passed:.3f} passed), seed {seed}"
    return {"cut_off": _figure("balanced accuracy", value, "", peer, ">= 0.98", value >= 0.98)}


def _blank(seen: Sequence[Seen], seed: int) -> dict[str, dict[str, object]]:
    hits = [one for one in seen if one.is_hit and one.frame.paper != "whitecard"]  # a white card is blank, or nearly so
    blank = [one for one in hits if one.frame.paper in BLANKS]
    inked = [one for one in hits if one.frame.paper not in BLANKS]
    ours, theirs = (_area([get(one) for one in inked], [get(one) for one in blank]) for get in (_ink, _dark))
    limit = Limits().ink_percent
    right = (
        sum(one.ink < limit for one in blank) / len(blank) / 2 + sum(one.ink >= limit for one in inked) / len(inked) / 2
    )
    peer = f"darker than 0.6 of the median; {len(blank)} blank, {len(inked)} not, seed {seed}"
    return {
        "blank_auc": _figure("AUC", ours, theirs, peer, ">= 0.98", ours >= 0.98),
        "blank_as_built": _figure("balanced accuracy", right, "", peer, ">= 0.98", right >= 0.98),
    }


def _ink(one: Seen) -> float:
    return one.ink


def _dark(one: Seen) -> float:
    return one.dark


def _cost(seen: Sequence[Seen]) -> dict[str, dict[str, object]]:
    """Processor time, which other work on the machine inflates, and its ratio to a known cost, which it does not."""
    spent = np.array([one.spent_ms for one in seen if one.is_hit])
    page, whole, canny = np.median(spent, axis=0).tolist()
    ratio, whole_ratio = np.median(spent[:, :2] / spent[:, 2:], axis=0).tolist()
    peer = "cv2.Canny on the same frame of 960×540, in turn"
    return {
        "preview_cost": _figure("ms of processor time a frame", page, canny, peer, "<= 2", page <= 2),
        "gates_ratio": _figure("times Canny", ratio, 1.0, peer),
        "preview_whole_cost": _figure("ms of processor time a frame", whole, canny, peer),
        "preview_whole_ratio": _figure("times Canny", whole_ratio, 1.0, peer),
    }


def _figure(
    unit: str, ours: float, theirs: float | str, peer: str, goal: str = "", holds: bool = True
) -> dict[str, object]:
    mine = round(ours, 3)
    beside = round(theirs, 3) if isinstance(theirs, float) else theirs
    return {"value": mine, "unit": unit, "ours": mine, "theirs": beside, "peer": peer, "goal": goal, "holds": holds}


# ── measures ───────────────────────────────────────────────────────────────────────────────


def _area(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return how often a good one scores above a bad one (area under the ROC curve); equal scores count half."""
    first, second = np.array(good)[:, None], np.array(bad)[None]
    return float((first > second).mean() + 0.5 * (first == second).mean())


def _caught(good: Sequence[float], bad: Sequence[float]) -> float:
    return float((np.array(bad) < np.percentile(good, 100 * FALSE_SHARE)).mean())


def _white_percent(page: Picture) -> float:
    """Return the reference's first highlight measure, nothing for a page that is bright as a whole, percent."""
    high, low = page.max(axis=2), page.min(axis=2)
    if np.median(high[::4, ::4]) >= 235:
        return 0.0
    bright = ((high >= 250) & (high - low < 30)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    )
    return 100.0 * int(stats[1:, cv2.CC_STAT_AREA].max()) / bright.size if count > 1 else 0.0


def _preview_cost(picture: Picture, quad: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return what a preview of a still paper costs, ms: its light, glare, ink and sharpness; `whole`; Canny."""
    small = np.asarray(cv2.resize(picture, (960, 540), interpolation=cv2.INTER_AREA), np.uint8)
    half = (quad + 0.5) / 2 - 0.5
    wide, high = dewarp.mean_sides(half)
    scale = min(1.0, 520 / max(wide, high))
    page = dewarp.straighten(small, half, (max(8, int(wide * scale)), max(8, int(high * scale))))
    limits = Limits()

    def gates() -> None:
        dark = darkest(page)
        quality.judge_light(page, limits, dark)
        quality.judge_ink(page, limits.ink_percent, dark)
        quality.judge_preview_sharp(small, half)

    def whole() -> None:
        runs_out(small, half)

    def canny() -> None:
        cv2.Canny(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 60, 160)

    spent = np.array([[_spent_ms(work) for work in (gates, whole, canny)] for _ in range(3)])
    first, second, third = spent.min(axis=0).tolist()
    return first, second, third


def _spent_ms(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)
