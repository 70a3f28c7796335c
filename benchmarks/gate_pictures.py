"""The pictures of docs/imaging.md, one a gate, drawn on the simulated desk: `python -m benchmarks.gate_pictures`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from devices.sim.scene import Scene

Picture = npt.NDArray[np.uint8]

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "gates"
WIDTH_PX = 1000
QUALITY = 50
ACCEPTS = {"format": "a4"}  # what is asked for there; elsewhere any paper


def draw_gates() -> dict[str, Picture]:
    """Return a picture (h×w×3 BGR) for every gate that one picture can show; `still` needs several."""
    page = _still("register")
    wide = page.shape[1]
    return {
        "good": page,
        "page": _still(""),
        "whole": np.ascontiguousarray(page[:, int(0.36 * wide) :]),
        "hands": _still("register", "hand_stays"),
        "format": _still("card"),
        "flat": _stretched(page, 1.072),
        "dark": _still("register", "dark"),
        "bright": np.asarray(cv2.convertScaleAbs(page, alpha=1.45), np.uint8),
        "sharp": _still("blurred"),
        "glare": _still("glare"),
        "blank": _still("blank"),
    }


def write_gates(folder: Path = FOLDER) -> None:
    """Write the pictures as small JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for gate, picture in draw_gates().items():
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
        (folder / f"{gate}.jpg").write_bytes(data.tobytes())


def _still(kind: str, *faults: str) -> Picture:
    scene = Scene(surface="grey")
    if kind:
        scene.lay(kind, 0.0, 0, at_once=True)
    scene.faults = frozenset(faults)
    still = scene.still_picture(0.0)
    size = (WIDTH_PX, round(still.shape[0] * WIDTH_PX / still.shape[1]))
    return np.asarray(cv2.resize(still, size, interpolation=cv2.INTER_AREA), np.uint8)


def _stretched(picture: Picture, factor: float) -> Picture:
    """Return the picture drawn out in width: a page that bulges is seen shorter than it is."""
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=1.0, interpolation=cv2.INTER_CUBIC), np.uint8)


if __name__ == "__main__":
    write_gates()
    sys.exit(0)
