"""Where assets/imaging/paper_map.npz comes from: `python -m benchmarks.paper_map_train [FRAMES [STEPS]]` writes it.

A small U-Net (Ronneberger, Fischer and Brox, 2015) learns paper and its rim on drawn frames: four in five as they are
measured, of a seed of their own and mostly of pale desks, the others invented (benchmarks/invented.py). Learning wants
torch, which nothing else does: install it beside what is locked. Drawing 14,000 frames takes an hour of one core, and
they are kept in build/paper_map; 5,000 steps take another.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import frames
from benchmarks.invented import invent
from devices.imaging.fields import colours, shrink, shrink_factor
from devices.imaging.paper_map import CELL_PX, FILE, features

if TYPE_CHECKING:
    import torch

Picture = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[np.float32]]
SEED = 20261  # of learning; no frame of it is ever measured
FRAMES, STEPS = 14_000, 5_000
PART = 200  # frames a file
INVENTED = 5  # one part in so many
KEPT = Path(__file__).resolve().parent.parent / "build" / "paper_map"
DESKS = {"white": 0.38, "marble": 0.18, "wood": 0.16, "grey": 0.08, "mat": 0.07, "dark": 0.06, "fabric": 0.07}
EMPTY, FAINT, APART = 0.2, 0.6, 0.06  # of the frames; of white and marble ones; with something outside the goal
SLICES = ("overlap", "curl", "clipboard", "covered")
WIDTHS = (16, 24, 32, 40, 40)  # channels, from cells to sixteenths of them
BATCH, PACE = 16, 3e-3
BRIGHTER = (0.75, 1.25)
SUBPIXEL_BITS = 4


class Frames(NamedTuple):
    """Small pictures n×h×w×3 BGR and their corners n×4×2 px (NaN: an empty desk)."""

    pictures: Picture
    corners: npt.NDArray[np.float64]


def main(count: int, steps: int) -> None:
    """Draw so many frames, learn for so many steps and write the weights."""
    cv2.setNumThreads(1)
    write(learn(draw(count), steps))


def draw(count: int) -> Frames:
    """Return drawn frames; those of former runs are read, so that a run can go on."""
    KEPT.mkdir(parents=True, exist_ok=True)
    parts = []
    for number in range(-(-count // PART)):
        file = KEPT / f"{number}.npz"
        if not file.exists():
            one = invent if number % INVENTED == INVENTED - 1 else _measured
            drawn = [one(np.random.default_rng([SEED, number, at])) for at in range(PART)]
            np.savez(file, pictures=np.stack([a for a, _ in drawn]), corners=np.stack([b for _, b in drawn]))
            print(f"drawn: {(number + 1) * PART} of {count}")
        with np.load(file) as read:
            parts.append(Frames(read["pictures"], read["corners"]))
    return Frames(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _measured(rng: np.random.Generator) -> tuple[Picture, npt.NDArray[np.float64]]:
    """Return a frame as benchmarks/frames draws them, shrunk, and its corners there."""
    surface = str(rng.choice(list(DESKS), p=list(DESKS.values())))
    number = int(rng.integers(1, 1 << 30))
    wanted = {"low_contrast"} if surface in frames.LOW_CONTRAST and rng.random() < FAINT else set()
    if rng.random() < APART:
        wanted.add(str(rng.choice(SLICES)))
    is_empty = rng.random() < EMPTY
    frame = frames.frame(
        SEED, -number if is_empty else number, surface=surface, wanted=frozenset() if is_empty else frozenset(wanted)
    )
    factor = shrink_factor(*frames.FRAME)
    corners = np.full((4, 2), np.nan) if frame.corners is None else (frame.outline + 0.5) / factor - 0.5
    return shrink(frame.picture, factor), corners


def learn(drawn: Frames, steps: int) -> Arrays:
    """Return weights after so many steps, by name: convolutions rows × columns × from × to, and biases."""
    import torch
    from torch.nn import functional

    torch.manual_seed(1)
    rng = np.random.default_rng(2)
    network = _network().to(memory_format=torch.channels_last)
    adam = torch.optim.AdamW(network.parameters(), lr=PACE, weight_decay=1e-4)
    usual = 0.0
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = PACE * min(1, (step + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-5
        seen, truth = _batch(drawn, rng)
        cells = torch.from_numpy(seen).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        paper, rim = (torch.from_numpy(np.ascontiguousarray(truth[:, one])) for one in (0, 1))
        with torch.autocast("cpu", torch.bfloat16):
            said = network(cells)
        said = said.float()
        sure = torch.sigmoid(said[:, 0])
        common, both = (sure * paper).sum((1, 2)), sure.sum((1, 2)) + paper.sum((1, 2))
        loss = functional.binary_cross_entropy_with_logits(said[:, 0], paper)
        loss = loss + 2 * functional.binary_cross_entropy_with_logits(said[:, 1], rim)
        loss = loss + 0.3 * (1 - (2 * common + 50) / (both + 50)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        usual = loss.item() if not step else 0.98 * usual + 0.02 * loss.item()
        if step % 200 == 0:
            print(f"step {step} of {steps}: loss {usual:.4f}")
    return _folded({name: value.float().numpy() for name, value in network.state_dict().items()})


def _batch(drawn: Frames, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return features (n×h×w×20) and truth (n×2×h×w, 0 to 1) of some frames, mirrored, turned and lit by chance."""
    chosen = rng.integers(0, len(drawn.pictures), BATCH)
    pictures, corners = drawn.pictures[chosen], drawn.corners[chosen].copy()
    high, wide = pictures.shape[1:3]
    if rng.random() < 0.5:
        pictures, corners[..., 0] = pictures[:, :, ::-1], wide - 1 - corners[..., 0]
    if rng.random() < 0.5:
        pictures, corners[..., 1] = pictures[:, ::-1], high - 1 - corners[..., 1]
    if rng.random() < 0.25:
        pictures, corners = pictures.transpose(0, 2, 1, 3), corners[..., ::-1]
    lit = np.clip(pictures * rng.uniform(*BRIGHTER, (BATCH, 1, 1, 1)), 0, 255).astype(np.uint8)
    seen = np.stack([features(colours(np.ascontiguousarray(one))) for one in lit])
    return seen, np.stack([_truth(one, seen.shape[1:3]) for one in corners])


def _truth(corners: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return where paper is and where it ends, 2×h×w cells, 0 to 1."""
    planes = np.zeros((2, *shape[:2]), np.uint8)
    if not np.isnan(corners).any():
        cells = (corners + 0.5) / CELL_PX - 0.5
        spots = [np.round(cells * (1 << SUBPIXEL_BITS)).astype(np.int32).reshape(-1, 1, 2)]
        cv2.fillPoly(planes[0], spots, 255, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.polylines(planes[1], spots, True, 255, 2, cv2.LINE_AA, SUBPIXEL_BITS)
    return planes.astype(np.float32) / 255


def _network() -> torch.nn.Module:
    from torch import nn

    def fold(before: int, after: int, stride: int = 1, reach: int = 1) -> nn.Sequential:
        layer = nn.Conv2d(before, after, 3, stride, reach, dilation=reach, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU())

    class Network(nn.Module):
        """What devices/imaging/paper_map.py runs: names and order are its own."""

        def __init__(self) -> None:
            super().__init__()
            for depth, width in enumerate(WIDTHS):
                before = 5 * CELL_PX**2 if not depth else WIDTHS[depth - 1]
                layers = [fold(before, width, 2 if depth else 1), fold(width, width)]
                self.add_module(f"d{depth}", nn.Sequential(*layers, *([fold(width, width, 1, 2)] if depth > 2 else [])))
                if depth:
                    self.add_module(f"p{depth - 1}", nn.Conv2d(width, before, 1))
                    self.add_module(f"u{depth - 1}", nn.Sequential(*fold(before, before)))
            self.head = nn.Conv2d(WIDTHS[0], 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = []
            for depth in range(len(WIDTHS)):
                x = self.get_submodule(f"d{depth}")(x)
                kept.append(x)
            kept.pop()
            for depth in range(len(WIDTHS) - 2, -1, -1):
                beside = kept.pop()
                wider = nn.functional.interpolate(self.get_submodule(f"p{depth}")(x), scale_factor=2, mode="nearest")
                x = self.get_submodule(f"u{depth}")(wider[..., : beside.shape[2], : beside.shape[3]] + beside)
            return self.head(x)

    return Network()


def _folded(state: Arrays) -> Arrays:
    """Return the convolutions with what normalizes their results taken in."""
    found: Arrays = {}
    for name in [key.removesuffix(".0.weight") for key in state if key.endswith(".0.weight")]:
        gain = state[f"{name}.1.weight"] / np.sqrt(state[f"{name}.1.running_var"] + 1e-5)
        found[f"{name}.weight"] = (state[f"{name}.0.weight"] * gain[:, None, None, None]).transpose(2, 3, 1, 0)
        found[f"{name}.bias"] = state[f"{name}.1.bias"] - state[f"{name}.1.running_mean"] * gain
    for name in ("head", *(f"p{depth}" for depth in range(len(WIDTHS) - 1))):
        found[f"{name}.weight"], found[f"{name}.bias"] = (
            state[f"{name}.weight"].transpose(2, 3, 1, 0),
            state[f"{name}.bias"],
        )
    return found


def write(weights: Arrays, file: Path = FILE) -> None:
    """Keep a byte a weight, and what one is worth for each result."""
    kept: dict[str, npt.NDArray[np.generic]] = {}
    for name, values in weights.items():
        if name.endswith(".bias"):
            kept[name] = values.astype(np.float32)
            continue
        unit = np.maximum(np.abs(values).max(axis=(0, 1, 2)), 1e-9) / 127
        kept[name], kept[name.replace(".weight", ".unit")] = (
            np.round(values / unit).astype(np.int8),
            unit.astype(np.float32),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **kept)


if __name__ == "__main__":
    asked = [int(given) for given in sys.argv[1:]]
    main(*asked, *(FRAMES, STEPS)[len(asked) :])
