"""What the clean-up leaves of hard shadows drawn over pages: how white paper is where they lay, what print is kept."""

from __future__ import annotations

import time
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.frames import shadows
from benchmarks.legibility import read_signs
from devices.imaging import cleanup
from devices.sim import desk, proofs, sheets

Picture = npt.NDArray[np.uint8]
SIZE = (1654, 2339)  # A4 at 200 dpi
SEED = 9001  # for reporting; parameters were chosen on 100, 500, 900 and 7001
PAGES = 60
KINDS = ("text", "table", "register", "birth", "signed", "blank")
LEFT = (0.34, 0.42, 0.5, 0.6, 0.7)  # of the light
SOFT_PX = (2.0, 12.0)
DARK = 215  # levels, on the mean of 3×3 px: paper that looks grey
RIM_PX = 12


class _Paper(NamedTuple):
    """Bare paper of one cleaned page: its mean level, and how much of it looks grey, in percent."""

    level: float
    dark_percent: float


def run() -> dict[str, dict[str, object]]:
    """Return the figures: paper within the shadow, on its edge and beside it, and signs read in the shadow."""
    cv2.setNumThreads(1)
    seen: dict[str, list[_Paper]] = {"shadow": [], "edge": [], "light": []}
    times = []
    for number in range(PAGES):
        rng = np.random.default_rng(SEED + number)
        page = _page(KINDS[int(rng.integers(len(KINDS)))], number)
        cast = _cast(number, rng)
        raw = _photographed(page, cast, number)
        started = time.process_time()
        even = cleanup.even_light(raw)
        times.append(1000 * (time.process_time() - started))
        bare = _bare(page)
        places = {"shadow": cast.cover > 250, "light": cast.cover < 5}
        places["edge"] = ~places["shadow"] & ~places["light"]
        for name, place in places.items():
            if (bare & place).sum() > 500:
                seen[name].append(_paper(even, bare & place))
    figures: dict[str, dict[str, object]] = {}
    for name, papers in seen.items():
        levels, darks = (np.array([paper[at] for paper in papers]) for at in range(2))
        figures[f"paper_{name}"] = _figure(
            "level", float(levels.mean()), f"least {levels.min():.0f}", levels.mean() > 240
        )
        figures[f"grey_{name}"] = _figure("%", float(darks.mean()), f"most {darks.max():.2f}", darks.mean() < 5)
    shaded, plain = _read()
    figures["signs_read_in_shadow"] = _figure("share", shaded, f"without {plain:.4f}", shaded > plain - 0.01)
    figures["ms_clean"] = _figure("ms CPU", float(np.median(times)), "", True)
    return figures


def _page(kind: str, seed: int) -> Picture:
    sheet = proofs.draw_signed(8.0) if kind == "signed" else sheets.draw_sheet(kind, seed, 8.0)
    return np.asarray(cv2.resize(sheet.picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def _cast(number: int, rng: np.random.Generator) -> shadows.Shadow:
    kind = tuple(shadows.SHAPES)[number % len(shadows.SHAPES)]
    return shadows.cast(kind, SIZE, rng, float(rng.choice(LEFT)), float(rng.uniform(*SOFT_PX)))


def _photographed(page: Picture, cast: shadows.Shadow | None, seed: int) -> Picture:
    across = np.linspace(0.7, 0.92, SIZE[0], dtype=np.float32)[None, :]
    light = across * np.linspace(0.96, 0.86, SIZE[1], dtype=np.float32)[:, None]
    lamp = cv2.merge([light * 0.93, light * 0.98, light])
    seen = cv2.multiply(page, lamp if cast is None else lamp * cast.light, dtype=cv2.CV_8U)
    return desk.add_noise(cv2.GaussianBlur(seen, (0, 0), 0.7), 3, seed)


def _bare(page: Picture) -> npt.NDArray[np.bool_]:
    bare = cv2.erode(cv2.inRange(page.min(axis=2), 236, 255), np.ones((7, 7), np.uint8))
    bare[:RIM_PX], bare[-RIM_PX:], bare[:, :RIM_PX], bare[:, -RIM_PX:] = 0, 0, 0, 0
    return np.asarray(bare > 0)


def _paper(even: Picture, place: npt.NDArray[np.bool_]) -> _Paper:
    darkest = even.min(axis=2)
    return _Paper(float(darkest[place].mean()), 100 * float((cv2.blur(darkest, (3, 3))[place] < DARK).mean()))


def _read() -> tuple[float, float]:
    """Return the shares of nine-point signs read on pages with a shadow, and on the same ones without."""
    shares = []
    for number in range(6):
        proof = proofs.draw_proof(SEED + number, 10.0, serif=number % 2 == 0)
        page = np.asarray(cv2.resize(proof.sheet.picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        cast = _cast(number, np.random.default_rng(SEED + 100 + number))
        cleaned = [cleanup.even_light(_photographed(page, one, number)) for one in (cast, None)]
        shares.append([read_signs(one, proof, number % 2 == 0, every=3).share for one in cleaned])
    shaded, plain = np.mean(shares, axis=0)
    return float(shaded), float(plain)


def _figure(unit: str, ours: float, beside: str, holds: bool) -> dict[str, object]:
    mine = round(ours, 4)
    return {
        "value": mine,
        "unit": unit,
        "ours": mine,
        "theirs": beside,
        "peer": "none",
        "goal": "",
        "holds": bool(holds),
    }
