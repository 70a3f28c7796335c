"""What happens on the simulated desk: a hand lays a paper down, it lies still, a hand takes it away again."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.sim import desk
from devices.sim.hand import GRIP_MM, hand
from devices.sim.id_cards import Side, draw_id_card
from devices.sim.sheets import DRAWERS, Sheet, draw_sheet

Picture = npt.NDArray[np.uint8]

STREAM = desk.View(1920, 1080, 3.27, 1.2, -0.8)  # A4 takes 90 % of the height
STILL_SCALE = 2448 / 1080  # the still sees the stream's full height and the middle of its width
STILL = desk.View(3264, 2448, 3.27 * STILL_SCALE, 1.2, -0.8)
ARRIVE_S, SETTLE_S, LEAVE_S = 0.7, 0.25, 0.45  # a person laying a sheet down, filmed once and counted
AWAY_MM = 360.0  # from its place to below the frame
SHADOW = 0.3
VARIANTS = 3  # of sensor noise, while nothing moves
SPECIAL = {"blurred": "register", "glare": "register"}  # a register page under a fault of the optics
CARD_SIDES: dict[str, Side] = {"id_front": "front", "id_back": "back"}  # of a resident ID card
KINDS = (*DRAWERS, *SPECIAL, *CARD_SIDES)  # all that can be laid down
FAULTS = frozenset({"blur", "glare", "hand_stays", "dark"})


class Drawn(NamedTuple):
    """A paper with its place and how the stream sees it there."""

    sheet: Sheet
    pose: desk.Pose
    box: tuple[int, int, int, int]
    colour: Picture
    alpha: npt.NDArray[np.float32]

    @property
    def corners(self) -> desk.Points:
        """Return the true corners in the stream, 4×2 px, clockwise from the paper's top left."""
        return desk.corners_of(desk.matrix_of(STREAM, self.pose, self.sheet), self.sheet)


class Laid:
    """A paper on the desk, drawn when it is first looked at: of one at rest the pictures may be there already."""

    def __init__(self, kind: str, seed: int, light: npt.NDArray[np.float32]) -> None:
        self.kind, self.seed = kind, seed
        self._light = light

    @cached_property
    def drawn(self) -> Drawn:
        """Return the sheet laid where a person would: near the middle, a little askew."""
        kind = self.kind
        if kind in CARD_SIDES:
            sheet = draw_id_card(CARD_SIDES[kind], self.seed, 8.0)
        else:
            sheet = draw_sheet(SPECIAL.get(kind, kind), self.seed, 8.0)
        rng = np.random.default_rng([self.seed, len(kind), 11])
        wide, high, turn = (60.0, 40.0, 10.0) if sheet.kind == "card" else (40.0, 4.0, 2.0)
        pose = desk.Pose(
            float(rng.uniform(-wide, wide)), float(rng.uniform(-high, high)), float(rng.uniform(-turn, turn))
        )
        matrix = desk.matrix_of(STREAM, pose, sheet)
        box = _box(desk.corners_of(matrix, sheet), 1920, 1080, 20)
        colour, alpha = desk.warp_sheet(sheet, matrix, box)
        light = self._light[box[1] : box[3], box[0] : box[2]]
        return Drawn(sheet, pose, box, cv2.GaussianBlur(_lit(colour, light), (0, 0), 0.5), alpha)


class Moment(NamedTuple):
    """Where things are: the paper's and the hand's distance from their place, mm (None: out of sight)."""

    paper_mm: float | None
    hand_mm: float | None

    @property
    def is_still(self) -> bool:
        """Whether nothing moves."""
        return self.paper_mm in (None, 0.0) and self.hand_mm in (None, 0.0)


class Scene:
    """The desk, its paper and the hand. Times are seconds on any steady clock, given by the caller."""

    def __init__(self, seed: int = 1, surface: str = "wood") -> None:
        rng = np.random.default_rng([seed, 5])
        y, x = np.mgrid[-1:1:68j, -1:1:120j].astype(np.float32)
        field = (0.86 - 0.045 * x + 0.03 * y) * (1 - 0.06 * (x * x + y * y))
        self._light = cv2.resize(field, (1920, 1080), interpolation=cv2.INTER_CUBIC)
        surface_picture = desk.lay_surface(surface, (1920, 1080), rng)
        self._bare = _lit(surface_picture, self._light)
        self._desk = f"{surface} {seed}"
        self.faults: frozenset[str] = frozenset()
        self._laid: Laid | None = None
        self._former: Laid | None = None  # taken away first, when papers are swapped
        self._since, self._is_leaving = 0.0, False

    @property
    def kind(self) -> str:
        """Return the kind of the paper that lies there or is being laid, "" for none."""
        return "" if self._laid is None or self._is_leaving else self._laid.kind

    def lay(self, kind: str, now: float, seed: int = 0, at_once: bool = False) -> None:
        """Lay a paper of `kind` (one of KINDS), after taking away what lies there. Raises: KeyError."""
        if kind not in KINDS:
            raise KeyError(kind)
        laid = Laid(kind, seed, self._light)
        if not at_once:
            _ = laid.drawn  # now: the hand would else be halfway before its first picture
        self._former = self._laid if not self._is_leaving else None
        self._laid, self._since, self._is_leaving = laid, now - (ALL_S if at_once else 0.0), False

    def take(self, now: float, at_once: bool = False) -> None:
        """Take the paper away."""
        if self._laid is not None and not self._is_leaving:
            self._former, self._since, self._is_leaving = None, now - (ALL_S if at_once else 0.0), True

    def state(self, now: float) -> tuple[Laid | None, Moment]:
        """Return the paper in sight and where it and the hand are."""
        past = now - self._since
        if self._former is not None:
            if past < _TAKE_S:
                return self._former, _taking(past)
            past -= _TAKE_S
        if self._laid is None:
            return None, Moment(None, None)
        if self._is_leaving:
            if past >= _TAKE_S:
                return None, Moment(None, None)
            return self._laid, _taking(past)
        moment = _laying(past)
        if "hand_stays" in self.faults and moment.paper_mm == 0.0:
            moment = Moment(0.0, 0.0)
        return self._laid, moment

    def stream_key(self, now: float, number: int) -> str:
        """Return what the stream's picture hangs on: equal keys are equal pictures, over any desk; "" in movement."""
        laid, moment = self.state(now)
        if not moment.is_still:
            return ""
        paper = "" if laid is None else f"{laid.kind} {laid.seed}"
        faults = " ".join(sorted(self._faults_of(laid)))
        return f"{self._desk} | {paper} | {moment.paper_mm} {moment.hand_mm} | {faults} | {number % VARIANTS}"

    def stream_picture(self, now: float, number: int) -> Picture:
        """Return the 1080×1920×3 BGR frame of this moment; `number` picks the noise."""
        laid, moment = self.state(now)
        picture = self._bare.copy()
        if laid is not None and moment.paper_mm is not None:
            paper = laid.drawn
            top = paper.box[1] + round(moment.paper_mm * STREAM.px_per_mm)
            _put(picture, paper.colour, paper.alpha, paper.box[0], top)
        if laid is not None and moment.hand_mm is not None:
            x, y = _grip(laid)
            _put_hand(picture, STREAM.px_per_mm, x, y + moment.hand_mm * STREAM.px_per_mm)
        picture = _optics(picture, laid, self._faults_of(laid), 1.0)
        return desk.add_noise(picture, 1.6, 7919 * (number % VARIANTS))

    def still_picture(self, now: float) -> Picture:
        """Return the 2448×3264×3 BGR still of this moment, drawn anew at its own size."""
        laid, moment = self.state(now)
        crop = (1920 - 1440) // 2
        picture = cv2.resize(self._bare[:, crop : crop + 1440], (3264, 2448), interpolation=cv2.INTER_LINEAR)
        if laid is not None and moment.paper_mm is not None:
            sheet, pose = laid.drawn.sheet, laid.drawn.pose
            matrix = desk.matrix_of(STILL, pose._replace(y_mm=pose.y_mm + moment.paper_mm), sheet)
            light = cv2.resize(self._light[:, crop : crop + 1440], (3264, 2448), interpolation=cv2.INTER_LINEAR)
            corners = desk.corners_of(matrix, sheet)
            box = _box(corners, 3264, 2448, 40)
            if box[2] > box[0] and box[3] > box[1]:
                colour, alpha = desk.warp_sheet(sheet, matrix, box)
                part = (slice(box[1], box[3]), slice(box[0], box[2]))
                desk.darken(picture[part], alpha, SHADOW, 5, 7.0)
                desk.blend(picture[part], _lit(colour, np.ascontiguousarray(light[part])), alpha)
        if laid is not None and moment.hand_mm is not None:
            x, y = _grip(laid)
            y += moment.hand_mm * STREAM.px_per_mm
            _put_hand(picture, STILL.px_per_mm, (x - crop) * STILL_SCALE, y * STILL_SCALE)
        picture = _optics(picture, laid, self._faults_of(laid), STILL_SCALE)
        soft = cv2.GaussianBlur(picture, (0, 0), 0.7)
        return desk.add_noise(soft, 2.0, 4242)

    def corners(self, now: float) -> npt.NDArray[np.float64] | None:
        """Return the true corners in the stream (4×2 px) for tests, None where no paper lies still."""
        laid, moment = self.state(now)
        if laid is None or moment.paper_mm != 0.0:
            return None
        return laid.drawn.corners

    def _faults_of(self, laid: Laid | None) -> frozenset[str]:
        more = {"blurred": {"blur"}, "glare": {"glare"}}.get(laid.kind if laid else "", set())
        return self.faults | more


ALL_S = 60.0  # longer than any of it: no hand is seen
_TAKE_S = LEAVE_S + 0.15 + ARRIVE_S


def _ease(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def _laying(past: float) -> Moment:
    """A hand brings the paper, lets go, withdraws."""
    if past < ARRIVE_S:
        away = AWAY_MM * (1 - _ease(past / ARRIVE_S))
        return Moment(away, away)
    past -= ARRIVE_S
    if past < SETTLE_S:
        return Moment(0.0, 2.0 * math.sin(past / SETTLE_S * math.pi))
    past -= SETTLE_S
    return Moment(0.0, AWAY_MM * _ease(past / LEAVE_S)) if past < LEAVE_S else Moment(0.0, None)


def _taking(past: float) -> Moment:
    """A hand comes, grips, pulls the paper out of sight."""
    if past < LEAVE_S:
        return Moment(0.0, AWAY_MM * (1 - _ease(past / LEAVE_S)))
    past -= LEAVE_S
    if past < 0.15:
        return Moment(0.0, 0.0001)
    away = AWAY_MM * _ease((past - 0.15) / ARRIVE_S)
    return Moment(away, away)


def _lit(colour: Picture, light: npt.NDArray[np.float32]) -> Picture:
    return np.asarray(cv2.multiply(colour, cv2.merge([light] * 3), dtype=cv2.CV_8U), dtype=np.uint8)


def _box(corners: npt.NDArray[np.float64], width: int, height: int, margin: int) -> tuple[int, int, int, int]:
    x0, y0 = np.floor(corners.min(axis=0)).astype(int) - margin
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int) + margin
    return max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1))


def _put(picture: Picture, colour: Picture, alpha: npt.NDArray[np.float32], x: int, y: int, shade: bool = True) -> None:
    """Blend a drawn thing whose top left is (x, y) into the picture, as far as it is inside (changed in place)."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + colour.shape[1]), min(height, y + colour.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    inner = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    region = picture[y0:y1, x0:x1]
    if shade:
        desk.darken(region, alpha[inner], SHADOW, 2, 3.0)
    desk.blend(region, np.ascontiguousarray(colour[inner]), np.ascontiguousarray(alpha[inner]))


def _put_hand(picture: Picture, px_per_mm: float, x: float, y: float) -> None:
    colour, alpha = hand(round(px_per_mm, 3))
    _put(picture, colour, alpha, round(x - GRIP_MM[0] * px_per_mm), round(y - GRIP_MM[1] * px_per_mm))


def _grip(laid: Laid) -> tuple[float, float]:
    """Return where the hand holds the paper in the stream, px: the right part of its lower edge."""
    corners = laid.drawn.corners
    at = corners[3] + (corners[2] - corners[3]) * 0.7
    return float(at[0]), float(at[1])


def _optics(picture: Picture, laid: Laid | None, faults: frozenset[str], scale: float) -> Picture:
    if "glare" in faults and laid is not None:
        box = laid.drawn.box
        middle = (box[0] + box[2]) / 2 + 60, (box[1] + box[3]) / 2 - 90
        crop = (1920 - 1440) / 2 if scale > 1 else 0.0
        desk.add_glare(picture, (middle[0] - crop) * scale, middle[1] * scale, 70 * scale, 220.0)
    if "blur" in faults:
        picture = cv2.GaussianBlur(picture, (0, 0), 2.2 * scale)
    if "dark" in faults:
        picture = cv2.convertScaleAbs(picture, alpha=0.28)
    return picture
