"""Light, lens and sensor of the measured frames. Choices are values first, so that a frame can say what it shows."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.sim import desk

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
GRID = (96, 54)  # light changes slowly: the field is drawn this small
NOMINAL_PX = 1080  # heights are compared with this one where an effect belongs to the lens, not to the pixels


class Optics(NamedTuple):
    """What lies between a scene and its picture. Widths in px of a 1080-line frame, angles in radians."""

    gradient: float
    gradient_angle: float
    vignette: float
    shadow: float  # 0: none
    shadow_at: tuple[float, float, float]  # offset, angle, softness
    exposure: float
    cast: tuple[float, float, float]
    glare: float  # levels added at the middle of the highlight, 0: none
    glare_at: tuple[float, float]  # share of the frame
    glare_px: float
    blur_px: float
    motion_px: float  # 0: none
    motion_angle: float
    noise: float


def draw_optics(rng: np.random.Generator, defects: frozenset[str]) -> Optics:
    """Return one choice of light and lens; defects `shadow`, `glare`, `focus`, `motion` are made as told."""
    return Optics(
        gradient=float(rng.uniform(0, 0.55)) / 2,
        gradient_angle=float(rng.uniform(0, 2 * np.pi)),
        vignette=float(rng.uniform(0, 0.2)),
        shadow=float(rng.uniform(0.12, 0.4)) * ("shadow" in defects),
        shadow_at=(float(rng.uniform(-0.7, 0.7)), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(6, 30))),
        exposure=float(rng.uniform(0.62, 1.02)),
        cast=(float(rng.normal(1, 0.025)), float(rng.normal(1, 0.015)), float(rng.normal(1, 0.025))),
        glare=float(rng.uniform(110, 260)) * ("glare" in defects),
        glare_at=(float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9))),
        glare_px=float(rng.uniform(25, 95)),
        blur_px=float(rng.uniform(1.2, 2.6) if "focus" in defects else rng.uniform(0.5, 1.1)),
        motion_px=float(rng.uniform(5, 14)) * ("motion" in defects),
        motion_angle=float(rng.uniform(0, np.pi)),
        noise=float(rng.uniform(1, 6)),
    )


def light_up(picture: Picture, optics: Optics) -> Picture:
    """Return the scene (h×w×3 BGR) under its light: gradient, vignette, cast shadow, exposure, cast."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : GRID[1] * 1j, -1 : 1 : GRID[0] * 1j].astype(np.float32)
    slope = x * np.cos(optics.gradient_angle) + y * np.sin(optics.gradient_angle)
    field = (1 - optics.gradient * slope) * (1 - optics.vignette * (x * x + y * y) / 2)
    if optics.shadow:
        offset, turn, soft = optics.shadow_at
        side = (x * np.cos(turn) + y * np.sin(turn) - offset) * soft
        field = field * (1 - optics.shadow / (1 + np.exp(-side)))
    gain = cv2.resize((field * optics.exposure).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    lit = cv2.multiply(picture, cv2.merge([gain * np.float32(c) for c in optics.cast]), dtype=cv2.CV_8U)
    return np.asarray(lit, dtype=np.uint8)


def shine(lit: Picture, optics: Optics, corners: npt.NDArray[np.float64] | None) -> float:
    """Add the lamp's reflection (changed in place); return what share of the page it bleached beyond white, percent."""
    height, width = lit.shape[:2]
    before = _bleached(lit, corners)
    x, y = optics.glare_at
    desk.add_glare(lit, x * width, y * height, optics.glare_px * height / NOMINAL_PX, optics.glare)
    return _bleached(lit, corners) - before


def expose(picture: Picture, optics: Optics, grain: int) -> Picture:
    """Return what the sensor makes of the lit scene: blur, motion, noise (number `grain`), JPEG of quality 90."""
    scale = picture.shape[0] / NOMINAL_PX
    is_soft = optics.blur_px > 1.1  # out of focus belongs to the lens: it grows with the resolution
    seen = cv2.GaussianBlur(picture, (0, 0), optics.blur_px * (scale if is_soft else 1.0))
    if optics.motion_px:
        seen = cv2.filter2D(seen, -1, _streak(optics.motion_px * scale, optics.motion_angle))
    noisy = desk.add_noise(np.asarray(seen, np.uint8), optics.noise, grain)
    return np.asarray(cv2.imdecode(desk.encode(noisy, 90), cv2.IMREAD_COLOR), dtype=np.uint8)


def cast_shadow(picture: Picture, cover: Floats, at: tuple[int, int], strength: float, shift: npt.ArrayLike) -> None:
    """Darken `picture` (changed in place) beside a thing of cover h×w lying at `at` (x, y px), light from −`shift`."""
    dx, dy = (float(v) / 4 for v in np.asarray(shift))
    height, width = cover.shape
    small = cv2.resize(cover, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    moved = cv2.warpAffine(small, np.array([[1, 0, dx], [0, 1, dy]], np.float32), small.shape[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), 0.4 + 0.8 * float(np.hypot(dx, dy)))
    gain = cv2.resize(1 - np.float32(strength) * soft, (width, height), interpolation=cv2.INTER_LINEAR)
    region = picture[at[1] : at[1] + cover.shape[0], at[0] : at[0] + cover.shape[1]]
    region[:] = cv2.multiply(region, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def _bleached(lit: Picture, corners: npt.NDArray[np.float64] | None) -> float:
    """Return the share of the page whose darkest channel is at 250 or more, percent."""
    if corners is None:
        return 0.0
    page = np.zeros(lit.shape[:2], np.uint8)
    cv2.fillConvexPoly(page, np.round(corners).astype(np.int32), 255)
    white = cv2.inRange(lit, (250, 250, 250), (255, 255, 255))
    return 100.0 * cv2.countNonZero(cv2.bitwise_and(white, page)) / max(1, cv2.countNonZero(page))


def _streak(length_px: float, angle: float) -> Floats:
    """Return the kernel of a straight motion."""
    size = int(np.ceil(length_px)) | 1
    middle = size // 2
    kernel = np.zeros((size, size), np.float32)
    step = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    start, stop = (np.array([middle, middle]) - step) * 16, (np.array([middle, middle]) + step) * 16
    cv2.line(kernel, start.astype(int).tolist(), stop.astype(int).tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return kernel / max(float(kernel.sum()), 1e-6)
