"""The simulated desk as a camera sees it: surfaces, light, papers in perspective with corners exact by construction."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.sim.sheets import Sheet, draw_sheet

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

SURFACES = ("wood", "fabric", "dark", "grey", "white", "mat", "marble")
CAMERA_HEIGHT_MM = 620.0  # a document camera's arm above the desk
KINDS = (("register", "birth", "text", "table", "blank"), ("card",), ("a5",), ("receipt",))
KIND_SHARES = (0.50, 0.28, 0.12, 0.10)  # imaging.md §4, formats
SURFACE_SHARES = (0.22, 0.14, 0.18, 0.14, 0.12, 0.12, 0.08)


class View(NamedTuple):
    """A camera over the desk: frame in px, scale in px per mm at its centre, tilt about both axes in degrees."""

    width_px: int
    height_px: int
    px_per_mm: float
    tilt_x_deg: float = 0.0
    tilt_y_deg: float = 0.0


class Pose(NamedTuple):
    """Where a paper's centre lies (mm from the middle of the view, y down) and how it is turned (degrees)."""

    x_mm: float
    y_mm: float
    turn_deg: float


def frame(seed: int, index: int, size: tuple[int, int] = (1920, 1080)) -> tuple[Picture, Points | None]:
    """Return picture `index` of series `seed` and the paper's corners (4×2 px, clockwise from the paper's top left).

    The picture is h×w×3 BGR and depends on the two numbers alone. A negative index gives an empty desk and None.
    """
    rng = np.random.default_rng([seed, index & 0xFFFFFFFF])
    width, height = size
    surface = str(rng.choice(SURFACES, p=SURFACE_SHARES))
    picture = lay_surface(surface, size, rng)
    corners = None
    if index >= 0:
        sheet = _any_sheet(rng)
        view = View(width, height, _scale(sheet, size, rng), rng.normal(0, 5), rng.normal(0, 5))
        pose = _any_pose(sheet, view, rng)
        matrix = matrix_of(view, pose, sheet)
        corners = corners_of(matrix, sheet)
        if (
            surface == "white" and sheet.kind != "card" and rng.random() < 0.6
        ):  # the low contrast slice: step under 10 of 255
            paper = np.median(sheet.picture.reshape(-1, 3), axis=0)
            shift = paper - rng.uniform(5, 12) - np.median(picture.reshape(-1, 3), axis=0)
            picture = np.clip(picture + shift, 0, 255).astype(np.uint8)
        put_sheet(picture, sheet, matrix, shadow=float(rng.uniform(0.1, 0.4)))
    if rng.random() < 0.15 and corners is not None:
        _fingers(picture, corners, rng)
    return develop(light(picture, rng), rng), corners


def matrix_of(view: View, pose: Pose, sheet: Sheet) -> npt.NDArray[np.float64]:
    """Return the 3×3 homography from millimetres on the sheet to pixels of the view (centres at integers)."""
    turn = np.deg2rad(pose.turn_deg)
    spin = np.array([[np.cos(turn), -np.sin(turn), pose.x_mm], [np.sin(turn), np.cos(turn), pose.y_mm], [0, 0, 1]])
    place = spin @ np.array([[1, 0, -sheet.width_mm / 2], [0, 1, -sheet.height_mm / 2], [0, 0, 1.0]])
    ax, ay = np.deg2rad(view.tilt_x_deg), np.deg2rad(view.tilt_y_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(ax), -np.sin(ax)], [0, np.sin(ax), np.cos(ax)]])
    about_y = np.array([[np.cos(ay), 0, np.sin(ay)], [0, 1, 0], [-np.sin(ay), 0, np.cos(ay)]])
    turned = about_y @ about_x
    plane = np.column_stack([turned[:, 0], turned[:, 1], [0, 0, CAMERA_HEIGHT_MM]])
    focal = view.px_per_mm * CAMERA_HEIGHT_MM
    lens = np.array([[focal, 0, (view.width_px - 1) / 2], [0, focal, (view.height_px - 1) / 2], [0, 0, 1]])
    return np.asarray(lens @ plane @ place, dtype=np.float64)


def corners_of(matrix: npt.NDArray[np.float64], sheet: Sheet) -> Points:
    """Return the sheet's four (virtual) corners in pixels of the view, 4×2."""
    w, h = sheet.width_mm, sheet.height_mm
    points = matrix @ np.array([[0, w, w, 0], [0, 0, h, h], [1, 1, 1, 1.0]])
    return np.asarray((points[:2] / points[2]).T, dtype=np.float64)


def put_sheet(picture: Picture, sheet: Sheet, matrix: npt.NDArray[np.float64], shadow: float = 0.3) -> None:
    """Lay the sheet onto the picture (changed in place), drawn twice as large and averaged, with its shadow."""
    corners = corners_of(matrix, sheet)
    margin = 14
    x0, y0 = (np.floor(corners.min(axis=0)).astype(int) - margin).clip(0)
    x1, y1 = (np.ceil(corners.max(axis=0)).astype(int) + margin + 1).clip(0, (picture.shape[1], picture.shape[0]))
    if x1 <= x0 or y1 <= y0:
        return
    colour, alpha = warp_sheet(sheet, matrix, (int(x0), int(y0), int(x1), int(y1)))
    region = picture[y0:y1, x0:x1]
    if shadow > 0:
        darken(region, alpha, shadow, 3, 4.0)
    blend(region, colour, alpha)


def warp_sheet(
    sheet: Sheet, matrix: npt.NDArray[np.float64], box: tuple[int, int, int, int]
) -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return the sheet as seen inside `box` (x0, y0, x1, y1 px): colour h×w×3 and cover h×w from 0 to 1."""
    x0, y0, x1, y1 = box
    source = sheet.picture
    corners = corners_of(matrix, sheet)
    seen = float(np.linalg.norm(corners[1] - corners[0])) * 2
    if source.shape[1] > 1.4 * seen:  # shrink first, or the warp would alias
        factor = max(seen / source.shape[1], 0.05)
        source = cv2.resize(source, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    k = source.shape[1] / sheet.width_mm
    across, down = sheet.width_mm / source.shape[1], sheet.height_mm / source.shape[0]  # whole px: not quite the same
    pixels = np.array([[across, 0, across / 2], [0, down, down / 2], [0, 0, 1]])  # px centre of the source → mm
    double = np.array([[2, 0, 0.5 - 2 * x0], [0, 2, 0.5 - 2 * y0], [0, 0, 1.0]])
    size = (2 * (x1 - x0), 2 * (y1 - y0))
    colour = cv2.warpPerspective(
        source, double @ matrix @ pixels, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = cv2.warpPerspective(
        _cover(source.shape[1], source.shape[0], sheet.radius_mm * k),
        double @ matrix @ pixels,
        size,
        flags=cv2.INTER_LINEAR,
    )
    half = (x1 - x0, y1 - y0)
    colour = cv2.resize(colour, half, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return colour, alpha


def blend(region: Picture, colour: Picture, alpha: npt.NDArray[np.float32]) -> None:
    """Put `colour` over `region` (both h×w×3, changed in place) where `alpha` (h×w, 0 to 1) says so."""
    region[:] = cv2.blendLinear(colour, region, alpha, 1 - alpha)


def darken(region: Picture, alpha: npt.NDArray[np.float32], strength: float, shift_px: int, soft_px: float) -> None:
    """Take light from `region` beside a thing whose cover is `alpha`: its shadow (changed in place)."""
    moved = np.zeros_like(alpha)
    moved[shift_px:, shift_px:] = alpha[:-shift_px, :-shift_px]
    cast = cv2.GaussianBlur(moved, (0, 0), soft_px)
    region[:] = cv2.multiply(region, cv2.merge([1 - strength * cast] * 3), dtype=cv2.CV_8U)


def lay_surface(surface: str, size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return an empty desk of one of SURFACES, h×w×3 BGR."""
    tile = _surface(surface)
    width, height = size
    y = int(rng.integers(0, 200))
    x = int(rng.integers(0, 200))
    part = tile[y : y + 1080, x : x + 1920]
    if (width, height) != (1920, 1080):
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
    tint = rng.uniform(0.85, 1.1) * rng.uniform(0.96, 1.04, 3)
    return np.clip(part * tint, 0, 255).astype(np.uint8)


def light(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture under uneven light: gradient, vignette, cast shadow, exposure, colour cast, highlight."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:54, 0:96].astype(np.float32)
    x, y = x / 95 * 2 - 1, y / 53 * 2 - 1
    angle = rng.uniform(0, 2 * np.pi)
    field = 1 - rng.uniform(0, 0.28) * (x * np.cos(angle) + y * np.sin(angle))
    field = field * (1 - rng.uniform(0, 0.18) * (x * x + y * y) / 2)
    if rng.random() < 0.4:
        offset, turn = rng.uniform(-0.7, 0.7), rng.uniform(0, np.pi)
        side = (x * np.cos(turn) + y * np.sin(turn) - offset) * rng.uniform(6, 25)
        field = field * (1 - rng.uniform(0.12, 0.35) / (1 + np.exp(-side)))
    cast = rng.uniform(0.66, 1.02) * rng.normal(1, 0.025, 3)
    gain = cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    lit = cv2.multiply(picture, cv2.merge([gain * float(c) for c in cast]), dtype=cv2.CV_8U)
    if rng.random() < 0.18:
        add_glare(lit, float(rng.uniform(0.1, 0.9)) * width, float(rng.uniform(0.1, 0.9)) * height, 0.05 * width, 140.0)
    return np.asarray(lit, dtype=np.uint8)


def add_glare(picture: Picture, x: float, y: float, radius_px: float, strength: float) -> None:
    """Add the reflection of a lamp at (x, y), `strength` levels at its middle (changed in place)."""
    height, width = picture.shape[:2]
    reach = int(3 * radius_px)
    x0, x1, y0, y1 = (
        max(0, int(x) - reach),
        min(width, int(x) + reach),
        max(0, int(y) - reach),
        min(height, int(y) + reach),
    )
    if x1 <= x0 or y1 <= y0:
        return
    yy, xx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    spot = strength * np.exp(-(((xx - x) / radius_px) ** 2 + ((yy - y) / (0.7 * radius_px)) ** 2))
    region = picture[y0:y1, x0:x1]
    region[:] = cv2.add(region, cv2.merge([spot] * 3), dtype=cv2.CV_8U)


def develop(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture after lens and sensor: blur σ 0.5–1.1 px, noise σ 1–6, JPEG quality 90."""
    soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 1.1)))
    noisy = add_noise(soft, float(rng.uniform(1, 6)), int(rng.integers(0, 1 << 20)))
    return np.asarray(cv2.imdecode(encode(noisy, 90), cv2.IMREAD_COLOR), dtype=np.uint8)


def add_noise(picture: Picture, sigma: float, shift: int) -> Picture:
    """Return the picture with sensor noise; `shift` picks which, so that equal numbers give equal pictures."""
    grain = _grain()
    height, width = picture.shape[:2]
    rows, columns = divmod(shift, grain.shape[1])
    moved = np.roll(grain, (rows % grain.shape[0], columns), (0, 1))
    up = cv2.convertScaleAbs(cv2.max(moved, 0), alpha=sigma / 16)
    down = cv2.convertScaleAbs(cv2.min(moved, 0), alpha=sigma / 16)
    noisy = picture.copy()
    for y in range(0, height, grain.shape[0]):
        for x in range(0, width, grain.shape[1]):
            part = noisy[y : y + grain.shape[0], x : x + grain.shape[1]]
            inner = (slice(0, part.shape[0]), slice(0, part.shape[1]))
            part[:] = cv2.subtract(cv2.add(part, up[inner]), down[inner])
    return noisy


def encode(picture: Picture, quality: int) -> npt.NDArray[np.uint8]:
    """Return the picture as JPEG bytes (1-D array)."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(data, dtype=np.uint8)


@cache
def _grain() -> npt.NDArray[np.float32]:
    return np.random.default_rng(7).normal(0, 16, (540, 960, 3)).astype(np.float32)


@lru_cache(maxsize=32)  # papers come at any scale
def _cover(width_px: int, height_px: int, radius_px: float) -> Picture:
    """Return 255 where the sheet is paper: all of it but what lies outside the corner radius."""
    cover = np.full((height_px, width_px), 255, np.uint8)
    if radius_px > 0:
        y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
        dx = np.maximum(0, np.maximum(radius_px - 0.5 - x, x - (width_px - 0.5 - radius_px)))
        dy = np.maximum(0, np.maximum(radius_px - 0.5 - y, y - (height_px - 0.5 - radius_px)))
        cover = (np.clip(radius_px + 0.5 - np.hypot(dx, dy), 0, 1) * 255).astype(np.uint8)
    return cover


@cache
def _sheet(kind: str, variant: int) -> Sheet:
    return draw_sheet(kind, variant, 5.0 if kind != "card" else 10.0)


def _any_sheet(rng: np.random.Generator) -> Sheet:
    group = KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES))]
    return _sheet(str(rng.choice(group)), int(rng.integers(0, 6)))


def _scale(sheet: Sheet, size: tuple[int, int], rng: np.random.Generator) -> float:
    """Return px per mm so that the paper fills 60–92 % (a card 25–55 %) of the frame's height."""
    share = rng.uniform(0.25, 0.55) if sheet.kind == "card" else rng.uniform(0.6, 0.92)
    return float(share * size[1] / max(sheet.width_mm, sheet.height_mm))


def _any_pose(sheet: Sheet, view: View, rng: np.random.Generator) -> Pose:
    """Return a place where all four corners are at least 2 % inside the frame."""
    for attempt in range(60):
        calm = 1 - attempt / 60
        turn = float(rng.uniform(-45, 45)) if rng.random() < 0.25 * calm else float(rng.normal(0, 9 * calm))
        turn += 90.0 * int(rng.integers(0, 4))
        reach = np.array([view.width_px, view.height_px]) / view.px_per_mm / 2
        x, y = rng.uniform(-1, 1, 2) * reach * 0.6 * calm
        pose = Pose(float(x), float(y), turn)
        corners = corners_of(matrix_of(view, pose, sheet), sheet)
        low, high = corners.min(axis=0), corners.max(axis=0)
        edge = 0.02 * view.width_px
        if low.min() > edge and high[0] < view.width_px - edge and high[1] < view.height_px - edge:
            return pose
    return Pose(0.0, 0.0, 90.0 if sheet.height_mm > sheet.width_mm else 0.0)


def _fingers(picture: Picture, corners: Points, rng: np.random.Generator) -> None:
    """Lay one finger over the middle of the side nearest the frame's lower edge."""
    lowest = int(np.argmax([(corners[i][1] + corners[(i + 1) % 4][1]) for i in range(4)]))
    start, stop = corners[lowest], corners[(lowest + 1) % 4]
    at = start + (stop - start) * rng.uniform(0.35, 0.65)
    width = 0.08 * float(np.linalg.norm(stop - start))
    tip = at + np.array([0, -1.2 * width])
    mask = np.zeros(picture.shape[:2], np.uint8)
    for thickness, end in ((1.0, tip), (1.35, at + np.array([0, 1.6 * width]))):
        foot = (int(at[0] + rng.normal(0, 8)), picture.shape[0] + 60)
        cv2.line(mask, foot, (int(end[0]), int(end[1])), 255, max(8, int(width * thickness)), cv2.LINE_AA)
    skin = np.empty_like(picture)
    skin[:] = np.array([128, 158, 212]) * rng.uniform(0.7, 1.05)
    blend(picture, skin, cv2.GaussianBlur(mask, (5, 5), 1).astype(np.float32) / 255)


@cache
def _surface(name: str) -> Picture:
    """Return a 1300×2140 tile of a surface, made once from a fixed seed."""
    rng = np.random.default_rng(100 + SURFACES.index(name))
    height, width = 1300, 2140

    def clouds(rows: int, columns: int) -> npt.NDArray[np.float32]:
        noise = rng.normal(0, 1, (rows, columns)).astype(np.float32)
        return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)

    if name == "wood":
        grain = clouds(260, 6) * 9 + clouds(650, 14) * 5 + clouds(12, 4) * 8
        base = np.array([88, 132, 176], np.float32) + grain[:, :, None] * np.array([0.8, 1.0, 1.1], np.float32)
    elif name == "fabric":
        weave = clouds(650, 1070) * 5 + clouds(40, 60) * 3
        base = np.array([112, 98, 84], np.float32) + weave[:, :, None]
    elif name == "mat":
        base = np.array([96, 92, 40], np.float32) + clouds(300, 500)[:, :, None] * 2
        base[::100, :] += 42
        base[:, ::100] += 42
    elif name == "marble":
        veins = np.abs(clouds(9, 14) + 0.4 * clouds(40, 60))
        base = np.array([206, 210, 212], np.float32) - (np.exp(-veins * 6) * 60)[:, :, None]
    else:
        level = {"dark": 46.0, "grey": 142.0, "white": 226.0}[name]
        base = np.array([level, level, level * 1.01], np.float32) + (clouds(20, 30) * 2 + clouds(400, 700))[:, :, None]
    return np.asarray(cv2.GaussianBlur(base, (0, 0), 0.8).clip(0, 255), dtype=np.uint8)
