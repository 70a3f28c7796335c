"""A hand with its sleeve, seen from above, reaching in from the lower edge of the picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

WIDTH_MM, HEIGHT_MM = 130.0, 330.0
GRIP_MM = (58.0, 46.0)  # where thumb and forefinger hold the paper's edge
SKIN = (136.0, 172.0, 224.0)  # BGR
SLEEVE = (92.0, 62.0, 40.0)
# finger: root x, y, tip x, y, thickness; mm
FINGERS = (
    (46.0, 84.0, 34.0, 30.0, 17.0),
    (62.0, 78.0, 58.0, 16.0, 18.0),
    (79.0, 80.0, 80.0, 20.0, 17.0),
    (93.0, 88.0, 99.0, 34.0, 15.0),
)
THUMB = (42.0, 112.0, 16.0, 76.0, 20.0)


@cache
def hand(px_per_mm: float) -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return the hand's colours (h×w×3 BGR) and its cover (h×w, 0 to 1)."""
    k = px_per_mm
    size = (round(HEIGHT_MM * k), round(WIDTH_MM * k))
    skin = np.zeros(size, np.uint8)
    colour = np.zeros((*size, 3), np.float32)
    shade = np.ones(size, np.float32)

    def px(*mm: float) -> list[int]:
        return [round(v * k) for v in mm]

    for x0, y0, x1, y1, thick in (*FINGERS, THUMB):
        finger = np.zeros(size, np.uint8)
        cv2.line(finger, px(x0, y0), px(x1, y1), 255, max(1, round(thick * k)), cv2.LINE_AA)
        depth = cv2.distanceTransform((finger > 127).astype(np.uint8), cv2.DIST_L2, 3) / (thick * k / 2)
        shade = np.where(finger > 0, np.minimum(shade, 0.70 + 0.34 * np.sqrt(np.clip(depth, 0, 1))), shade)
        skin = cv2.max(skin, finger)
    palm = np.zeros(size, np.uint8)
    cv2.ellipse(palm, px(69, 112), px(36, 44), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.line(palm, px(70, 130), px(70, 210), 255, round(52 * k), cv2.LINE_AA)
    depth = cv2.distanceTransform((palm > 127).astype(np.uint8), cv2.DIST_L2, 3) / (20 * k)
    shade = np.where(palm > 0, np.maximum(np.minimum(shade, 1), 0.72 + 0.3 * np.sqrt(np.clip(depth, 0, 1))), shade)
    skin = cv2.max(skin, palm)
    colour[:] = SKIN
    for _, _, x1, y1, thick in FINGERS:
        nail = px(0.26 * thick, 0.36 * thick)
        cv2.ellipse(colour, px(x1, y1 - 0.1 * thick), nail, 0, 0, 360, (176, 196, 236), -1, cv2.LINE_AA)
    sleeve = np.zeros(size, np.uint8)
    cv2.line(sleeve, px(70, 214), px(70, HEIGHT_MM + 60), 255, round(84 * k), cv2.LINE_8)
    cuff = sleeve > 0
    colour[cuff] = SLEEVE
    across = np.abs(np.linspace(0, WIDTH_MM, size[1], dtype=np.float32) - 70) / 44
    shade = np.where(cuff, 1.05 - 0.5 * across[None, :] ** 2, cv2.GaussianBlur(shade, (0, 0), 0.9 * k))
    alpha = cv2.GaussianBlur(cv2.max(skin, sleeve), (0, 0), 0.6).astype(np.float32) / 255
    return np.clip(colour * shade[:, :, None], 0, 255).astype(np.uint8), alpha
