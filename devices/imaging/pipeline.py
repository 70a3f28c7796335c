"""One preview frame judged, one still made a page: the two things the eye is asked for."""

from __future__ import annotations

import time
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from devices.api import Corners, Verdict, WireFault
from devices.imaging import cleanup, decode, dewarp, output, quality, sides, track
from devices.imaging.bends import find_bends, unbend
from devices.imaging.container import Header, least_side
from devices.imaging.direction import LONG_PX, Direction, find_direction, find_strokes, letter_px
from devices.imaging.fields import Picture, darkest, fit_long, shrink, shrink_factor
from devices.imaging.outline import find_outline
from devices.imaging.pdf import capture_of
from devices.imaging.quads import clockwise, frame_corners
from devices.imaging.refine import refine_outline
from devices.imaging.sameness import find_twin, fingerprint
from devices.imaging.unchanged import blocks_of, looked_at, reusable
from devices.imaging.values import (
    FoundCode,
    Limits,
    LookAnswer,
    Looked,
    LookRequest,
    Outline,
    TakeAnswer,
    TakeRequest,
)

PREVIEW_PX = (960, 540)  # the largest picture handed to the screen
PREVIEW_BYTES = PREVIEW_PX[0] * PREVIEW_PX[1] * 3
SKIN_PERCENT = 1.0  # of the page's edge under a hand; a finger takes 1.7 of an A4
LETTER_PX = 7.0  # at 72 dpi, of 8 points: a passport's, and the small print of an A5
STRIP = 50  # times as long as wide: no card
JUDGED_PX = 520  # long side of the page on which preview gates are judged


def look(data: bytes, request: LookRequest) -> tuple[LookAnswer, bytes]:
    """Return what one preview frame (JPEG bytes) shows, and its picture as width×height×3 RGB bytes.

    Raises: WireFault where it is no picture.
    """
    header = decode.read_header(data)
    frame, _ = decode.decode_picture(data, _reduction(max(header.width_px, header.height_px)))
    frame = _fit(frame)
    height, width = frame.shape[:2]
    factor = shrink_factor(width, height)
    shrunk = shrink(frame, factor)
    sight = _see(frame, shrunk, request)
    outline = sight.outline
    state, shown, is_ready = track.follow(request.track, sight, request.limits, float(np.hypot(width, height)))
    answer = LookAnswer(
        width_px=width,
        height_px=height,
        gate=shown,
        corners=state.corners if outline is not None else None,
        score=0.0 if outline is None else outline.score,
        stable_frames=state.stable_frames,
        is_ready=is_ready,
        track=state,
    )
    return answer, bytes(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).tobytes())


def _see(frame: Picture, shrunk: Picture, request: LookRequest) -> track.Sight:
    """Return what a frame shows (`shrunk`: for the outline search), searched where it was not seen before."""
    height, width = frame.shape[:2]
    blocks, small = blocks_of(shrunk), track.small_frame(shrunk)
    known = reusable(request.track, blocks, request.accepts, request.limits)
    if known is None:
        outline = find_outline(frame, small=shrunk)
        if outline is not None:  # 3 ms that end the jitter of the coarse grid: a dark page would never count as still
            outline, frame, shrunk = _exact(frame, shrunk, outline, in_place=False, former=request.track.looked)
    else:
        outline = known.outline
    quad = None if outline is None else np.array(outline.corners)
    moved = track.moved_percent(request.track.small, small, quad, width, height)
    if known is None:
        gate, mark = _preview_gate(frame, shrunk, outline, moved, request)
        known = looked_at(request.track.looked, blocks, request.accepts, (outline, gate, mark))
    else:
        known = msgspec.structs.replace(known, reused_frames=known.reused_frames + 1)
    return track.Sight(outline, known.gate, small, moved, known.fingerprint, known)


def take(data: bytes, request: TakeRequest) -> tuple[TakeAnswer, bytes]:
    """Return the verdicts on one still (JPEG or PNG bytes) and the page as JPEG or PDF, empty where a gate refused.

    Raises: WireFault where it is no picture, or is to be kept and so small that no page can be made of it.
    """
    watch = _StopWatch()
    still, header = decode.decode_picture(data)
    watch.lap("decode")
    if min(header.width_px, header.height_px) < least_side(header):
        return _too_small(header, request, watch.laps), b""
    factor = shrink_factor(still.shape[1], still.shape[0])
    small = shrink(still, min(factor, *still.shape[:2]))
    outline = find_outline(still, small=small, looks_beside=True)
    watch.lap("outline")
    if outline is not None:
        outline, still, small = _exact(still, small, outline, in_place=True)
    watch.lap("refine")
    height, width = still.shape[:2]
    verdicts = quality.judge_outline(outline, still, request.limits)
    corners = frame_corners(width, height) if outline is None else outline.corners
    scale = _scale(request.limits, width, height)
    is_strip = outline is None and max(width, height) > STRIP * min(width, height)
    accepts = "any" if is_strip else request.accepts  # it would be drawn as thin as nothing
    seen = _way_up(still, corners, accepts, scale)
    a, b, c, d = (corners[(at - seen.turn_deg // 90) % 4] for at in range(4))
    corners = (a, b, c, d)
    flat = dewarp.dewarp(still, corners, accepts, scale)
    watch.lap("dewarp")
    is_far = False
    if outline is not None:
        least = request.limits.reblur_at(header.width_px, header.height_px)
        judged = quality.judge_page(flat, request.accepts, request.limits)
        sharp = quality.judge_sharp(
            still,
            np.array(outline.corners),
            flat.picture,
            min(flat.dpi_x, flat.dpi_y),
            least,
            is_card=flat.format == "card",
        )
        is_far = _is_far(flat, request.limits.least_dpi)
        sharp = msgspec.structs.replace(sharp, ok=sharp.ok and not is_far)  # its score says how sharp it is, as ever
        verdicts += (_hand_verdict(small, outline, factor), *judged, sharp)
    refused = quality.first_refusal(verdicts, request.limits.warned, is_far=is_far)
    watch.lap("gates")
    small = cleanup.quarter(flat.picture)
    mark = fingerprint(np.ascontiguousarray(np.rot90(small, seen.turn_deg // 90)))  # as it lies: previews know no turn
    body, picture_bytes = b"", 0
    found: tuple[FoundCode, ...] = ()
    page = flat.picture
    if not refused or request.keep:
        if request.reads_codes:
            from devices.imaging.codes import on_page  # zxing-cpp: only where codes are read

            found = on_page(flat.picture)
            watch.lap("codes")
        is_paper = outline is not None and flat.format != "card"
        if is_paper:
            flat = dewarp.level(still, corners, flat, cleanup.find_skew(small))
            page = cleanup.even_light(flat.picture)
        watch.lap("clean")
        del still  # 120 MB of the largest: nothing is drawn from it any more
        capture = capture_of(verdicts, flat.dpi, flat.format, (page.shape[1], page.shape[0]))
        body, picture_bytes = output.encode_page(
            page, capture, request.quality, is_paper=is_paper, as_pdf=request.as_pdf
        )
        watch.lap("encode")
    thumbnail = b""
    if body and request.thumbnail_px:
        thumbnail = output.encode_jpeg(fit_long(page, request.thumbnail_px), max(1, flat.dpi // 8))
    answer = TakeAnswer(
        width_px=header.width_px,
        height_px=header.height_px,
        outline=None if outline is None else _as_stored(outline, header),
        turn_deg=(decode.TURN_OF_ORIENTATION[header.orientation] + seen.turn_deg) % 360,
        verdicts=verdicts,
        refused="" if request.keep else refused,
        is_kept_despite=bool(refused) and request.keep,
        page_width_px=int(page.shape[1]),
        page_height_px=int(page.shape[0]),
        dpi=flat.dpi,
        format=flat.format,
        fingerprint=mark,
        ms=watch.laps,
        alike=find_twin(mark, request.seen),
        codes=found,
        picture_bytes=picture_bytes,
        side=seen.side.value,
        thumbnail_bytes=len(thumbnail),
        is_turn_known=seen.is_known,
        is_scale_known=scale > 0 or flat.format == "card",
    )
    return answer, body + thumbnail


def _too_small(header: Header, request: TakeRequest, laps: dict[str, float]) -> TakeAnswer:
    """Return the answer that no page lies there. Raises: WireFault where one is asked for all the same."""
    if request.keep:
        found = f"{header.width_px}×{header.height_px} px"
        raise WireFault("too_small", f"{found}; at least {least_side(header)} px a side")
    return TakeAnswer(
        width_px=header.width_px,
        height_px=header.height_px,
        outline=None,
        turn_deg=decode.TURN_OF_ORIENTATION[header.orientation],
        verdicts=quality.judge_outline(None, np.empty((0, 0, 3), np.uint8), request.limits),
        refused="page",
        is_kept_despite=False,
        page_width_px=0,
        page_height_px=0,
        dpi=0,
        format="free",
        fingerprint=b"",
        ms=laps,
    )


def _exact(
    frame: Picture, small: Picture, outline: Outline, *, in_place: bool, former: Looked | None = None
) -> tuple[Outline, Picture, Picture]:
    """Return the outline to a part of a px, and the frame and the same one shrunk with the paper's sides straight.

    `in_place`: the frame is changed where they are not; a second one of the largest would be too much. `former`: the
    frame looked at before.
    """
    factor = shrink_factor(frame.shape[1], frame.shape[0])
    outline = refine_outline(frame, outline, factor)
    was_curved = () if former is None or former.outline is None else former.outline.curved
    bent = find_bends(frame, outline, factor, was_curved)
    if bent is None:
        return outline, frame, small
    frame = frame if in_place else frame.copy()
    unbend(frame, bent)
    return bent.outline, frame, shrink(frame, min(factor, *frame.shape[:2]))


def _turn(flat: dewarp.Flat) -> Direction:
    """Return how far the page must be turned to be read; a wide A4 whose lines do not say is stood up, by a guess."""
    found = find_direction(flat.picture)
    is_wide = flat.format == "a4" and flat.picture.shape[1] > flat.picture.shape[0]
    return Direction(dewarp.text_turn(flat.picture), False) if is_wide and not found.is_known else found


def _is_far(flat: dewarp.Flat, least_dpi: float) -> bool:
    """Whether the page has too few pixels.

    An A4's shape is an A5's and a passport's page's too: where no scale tells them apart the height of letters says.
    """
    if flat.most_dpi < least_dpi:
        return True
    if min(flat.dpi_x, flat.dpi_y) >= least_dpi or flat.format == "free":
        return False
    return letter_px(find_strokes(flat.picture)) < LETTER_PX * least_dpi / 72


def _scale(limits: Limits, width_px: int, height_px: int) -> float:
    """Return the desk's px per mm in a still of that size, 0.0 where it was never calibrated or another mode was."""
    wide, high = limits.camera_px
    if not limits.px_per_mm or not wide or not high or abs(width_px * high / (height_px * wide) - 1) > 0.02:
        return 0.0
    return limits.px_per_mm * width_px / wide


def _way_up(still: Picture, corners: Corners, accepts: str, px_per_mm: float) -> sides.Seen:
    """Return by how much the paper must be turned to be read, and which side of an ID card it is.

    Looked at small, so that the page itself is drawn once and the right way up.
    """
    factor = max(1, int(max(dewarp.mean_sides(np.array(corners))) // LONG_PX))
    a, b, c, d = (((x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5) for x, y in corners)
    small = dewarp.dewarp(shrink(still, factor), (a, b, c, d), accepts, px_per_mm / factor, LONG_PX)
    if small.format == "card":
        return sides.tell_side(small.picture)
    return sides.Seen(sides.Side.NEITHER, *_turn(small))


class _StopWatch:
    """Milliseconds of each stage, for reports; no decision hangs on them."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(1000 * (now - self._last), 1)
        self._last = now


class _Judged(NamedTuple):
    gate: str
    fingerprint: bytes


def _reduction(long_px: int) -> decode.Reduction:
    if long_px <= 1300:
        return 1
    return 2 if long_px <= 2600 else 4


def _fit(frame: Picture) -> Picture:
    """Return the frame shrunk into PREVIEW_PX where it is larger."""
    scale = min(PREVIEW_PX[0] / frame.shape[1], PREVIEW_PX[1] / frame.shape[0])
    if scale >= 1:
        return frame
    size = (max(1, int(frame.shape[1] * scale)), max(1, int(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _preview_gate(
    frame: Picture, shrunk: Picture, outline: Outline | None, moved: float, request: LookRequest
) -> _Judged:
    """Return the first failed gate of a frame, `still` left out, and the page's fingerprint."""
    height, width = frame.shape[:2]
    limits = request.limits
    verdicts = quality.judge_outline(outline, frame, limits)
    if outline is None:
        moving = moved > 4 * limits.hand_percent
        return _Judged("hands" if moving else "page", b"")
    quad = np.array(outline.corners)
    verdicts += (Verdict("hands", moved, limits.hand_percent, moved <= limits.hand_percent),)
    verdicts += (_hand_verdict(shrunk, outline, shrink_factor(width, height)),)
    wide, high = dewarp.mean_sides(quad)
    scale = min(1.0, JUDGED_PX / max(wide, high))
    page = dewarp.straighten(frame, quad, (max(8, int(wide * scale)), max(8, int(high * scale))))
    verdicts += quality.judge_format(dewarp.true_ratio(quad, (width, height)), request.accepts, limits)
    dark = darkest(page)  # looked at by two gates
    verdicts += quality.judge_light(page, limits, dark)
    if request.track.stable_frames + 1 >= limits.stable_frames:  # before that `still` speaks
        verdicts += (quality.judge_ink(page, quality.PREVIEW_INK * limits.ink_percent, dark),)
        verdicts += (quality.judge_preview_sharp(frame, quad),)
    fine = dewarp.measure(quad, (width, height), request.accepts, _scale(limits, width, height)).most_dpi
    is_far = 0 < fine * request.still_px / width < limits.least_dpi
    return _Judged(quality.first_refusal(verdicts, limits.warned, is_far=is_far), fingerprint(page))


def _hand_verdict(small: Picture, outline: Outline, factor: int) -> Verdict:
    covered = quality.skin_across(small, (np.array(outline.corners) + 0.5) / factor - 0.5)
    return Verdict("hands", covered, SKIN_PERCENT, covered <= SKIN_PERCENT)


def _as_stored(outline: Outline, header: Header) -> Outline:
    """Return the outline in px of the picture as stored, clockwise on screen from the top left there."""
    points = [decode.stored_point(x, y, header) for x, y in outline.corners]
    if header.orientation == 1:
        return outline
    quad: npt.NDArray[np.float64] = np.array(points)
    a, b, c, d = ((float(x), float(y)) for x, y in clockwise(quad[None])[0])
    return msgspec.structs.replace(outline, corners=(a, b, c, d))
