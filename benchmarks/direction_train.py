"""Where devices/imaging/direction_weights.py comes from: `python -m benchmarks.direction_train [PAGES]` writes it anew.

Logistic regression over lines of drawn pages (direction_pages.py): upright ones against the same turned over, and lines
against what is cut out of the page across its lines. Neither the faces held out nor the other half of the texts are
seen. Processor time: about a quarter of an hour, memory 3 GB.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.direction_pages import draw_columns, draw_page
from devices.imaging.direction import APART, BANDS, SHAPES, find_shapes, find_strokes, text_lines
from devices.imaging.direction_weights import TURNED

Rows = npt.NDArray[np.float16]
SEED = 1911  # for learning
PAGES = 2400
LINES, CROSS = 24, 16  # of a page
COLUMNS = 10  # of so many pages one is set in columns
ROUNDS = 12
BATCH = 256
UPRIGHT_DECAY, LEVEL_DECAY = 3e-5, 1e-4
DPI = (85, 100, 110, 118, 131, 140, 150, 200)  # finer ones are seen no larger
FILE = Path(__file__).resolve().parent.parent / "devices" / "imaging" / "direction_weights.py"
DENSITY = 4.0  # a shape on every column counts so much: keeps float16 and the steps in a good range


class Lines(NamedTuple):
    """Lines of pages: what sets each apart from itself turned over, and what it shares with it; cross ones' latter."""

    odd: Rows
    even: Rows
    cross: Rows


def main(pages: int) -> None:
    """Learn from that many pages and write the weights."""
    cv2.setNumThreads(1)
    lines = read_pages(pages)
    upright = learn(lines.odd, np.ones(len(lines.odd), np.float32), UPRIGHT_DECAY)
    both = np.concatenate([_with_one(lines.even), -_with_one(lines.cross)])
    share = len(lines.even) / max(1, len(lines.cross))
    counts = np.concatenate([np.ones(len(lines.even)), np.full(len(lines.cross), share)]).astype(np.float32)
    level = learn(both, counts, LEVEL_DECAY)
    right = float((lines.odd.astype(np.float32) @ upright > 0).mean())
    print(f"{len(lines.odd)} lines, {len(lines.cross)} across; {right:.3f} of those learned on are right")
    write(upright * DENSITY, level[:-1] * DENSITY, float(level[-1]))


def read_pages(pages: int, seed: int = SEED) -> Lines:
    """Return some lines of each of `pages` drawn pages."""
    rng = np.random.default_rng(seed)
    odd: list[Rows] = []
    even: list[Rows] = []
    cross: list[Rows] = []
    for number in range(pages):
        draw = draw_columns if number % COLUMNS == 0 else draw_page
        page = draw(seed, number, is_held_out=False, dpi=int(rng.choice(DPI)))
        ink = find_strokes(page.picture)
        for counts in _counts(text_lines(ink), LINES, rng):
            odd.append(_half(counts, -1))
            even.append(_half(counts, 1))
        cross += [_half(counts, 1) for counts in _counts(text_lines(np.rot90(ink)), CROSS, rng)]
    return Lines(*(np.stack(one) for one in (odd, even, cross)))


def learn(rows: Rows, counts: npt.NDArray[np.float32], decay: float) -> npt.NDArray[np.float32]:
    """Return weights under which as many rows as possible score above zero (logistic loss, Adam)."""
    rng = np.random.default_rng(0)
    weights, mean, square = (np.zeros(rows.shape[1], np.float32) for _ in range(3))
    step = 0
    for round_ in range(ROUNDS):
        order = rng.permutation(len(rows))
        for start in range(0, len(rows), BATCH):
            chosen = order[start : start + BATCH]
            batch = rows[chosen].astype(np.float32)
            off = counts[chosen] / (1 + np.exp(np.clip(batch @ weights, -30, 30)))
            slope = decay * weights - off @ batch / len(chosen)
            step += 1
            mean = 0.9 * mean + 0.1 * slope
            square = 0.999 * square + 0.001 * slope * slope
            pace = 0.02 * (1 - round_ / ROUNDS)
            weights -= pace * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def write(upright: npt.NDArray[np.float32], level: npt.NDArray[np.float32], bias: float) -> None:
    """Put the weights, a byte each, into the module that holds them."""
    source = FILE.read_text("utf-8")
    head = source[: source.index("# Written by")]
    parts = [head + "# Written by benchmarks/direction_train.py\n", f"LEVEL_BIAS = {bias:.4f}\n"]
    for name, weights in (("UPRIGHT", upright), ("LEVEL", level)):
        unit = float(np.percentile(np.abs(weights), 99.9)) / 127
        text = base64.b85encode(np.clip(np.round(weights / unit), -127, 127).astype(np.int8).tobytes()).decode()
        rows = "\n".join(f'    "{text[at : at + 100]}"' for at in range(0, len(text), 100))
        sign = -1 if name == "UPRIGHT" else 1
        parts.append(f"{name} = _unpack(\n    {unit:.7f},\n    {sign},\n{rows},\n)\n")
    FILE.write_text("".join(parts), "utf-8")


def _counts(lines: list[npt.NDArray[np.float32]], most: int, rng: np.random.Generator) -> list[npt.NDArray[np.float32]]:
    """Return how often each shape stands in each band, a column on the average, of `most` of the lines at most."""
    lines = [lines[at] for at in sorted(rng.permutation(len(lines))[:most])]
    if not lines:
        return []
    shapes, starts, widths = find_shapes(lines)
    size = len(APART) * BANDS * SHAPES
    return [
        (np.bincount(shapes[:, :, start : start + int(width)].ravel(), minlength=size) / width * DENSITY)
        .reshape(len(APART), BANDS, SHAPES)
        .astype(np.float32)
        for start, width in zip(starts, widths, strict=True)
    ]


def _half(counts: npt.NDArray[np.float32], sign: int) -> Rows:
    """Return the upper half's counts plus `sign` times those of the lower half, turned over."""
    turned = counts[:, ::-1][:, :, TURNED]
    return (counts + sign * turned)[:, : BANDS // 2].ravel().astype(np.float16)


def _with_one(rows: Rows) -> Rows:
    return np.concatenate([rows, np.ones((len(rows), 1), np.float16)], axis=1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAGES)
