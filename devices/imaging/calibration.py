"""What the gates learn about one camera at installation: its sharpness, and how large a millimetre of its desk is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from devices.api import Corners
from devices.imaging.values import Limits, TakeAnswer

Sheet = Literal["a4", "card"]
Lamp = Literal["on", "off"]

SHEETS_MM: dict[Sheet, tuple[float, float]] = {"a4": (210.0, 297.0), "card": (85.6, 53.98)}
FALSE_SHARE = 0.05  # of sharp pictures that the limit may refuse (reference/imaging.md §5)
LEAST_CAUGHT = 0.80  # of the spoilt ones that it must refuse, or the gate only warns
LEAST_SHARP, LEAST_SPOILT = 12, 8  # pictures: fewer say nothing of a twentieth
MOST_APART = 0.03  # between the scales that two sheets tell: more, and one of them has not the size it is said to have


class CalibrationFault(Exception):  # told to the technician in one line, with what to do
    """The pictures do not make a calibration; `code` is a closed word."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail


class Sample(msgspec.Struct, frozen=True):
    """One picture of a sheet of known size."""

    width_px: int
    height_px: int
    sharp: float
    px_per_mm: float


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a calibration, and of which camera it is true."""

    camera: str  # driver and link, as configured
    width_px: Annotated[int, Meta(ge=1, le=20_000)]  # of its stills
    height_px: Annotated[int, Meta(ge=1, le=20_000)]
    lamp: Lamp
    date: str  # ISO 8601
    px_per_mm: Annotated[float, Meta(gt=0, le=200)]
    sharp: Annotated[float, Meta(ge=0, le=1)]  # the least score of a sharp page
    caught: Annotated[float, Meta(ge=0, le=1)]  # share of the spoilt pictures below it
    sharp_pictures: int
    spoilt_pictures: int
    is_simulated: bool = False  # of the simulated camera: it says nothing of any real one

    @property
    def is_trusted(self) -> bool:
        """Whether the limit tells spoilt pictures from sharp ones; if not, the gate only warns."""
        return self.caught >= LEAST_CAUGHT


def build_sample(answer: TakeAnswer, sheet: Sheet) -> Sample:
    """Return what one judged still says. Raises: CalibrationFault where it does not show the whole sheet."""
    if answer.outline is None:
        raise CalibrationFault("no_sheet", f"no {sheet} in sight")
    failed = {one.gate for one in answer.verdicts if not one.ok}
    if "whole" in failed or answer.format != sheet:
        raise CalibrationFault("other_sheet", f"{answer.format} instead of {sheet}, or not whole")
    score = next(one.value for one in answer.verdicts if one.gate == "sharp")
    return Sample(answer.width_px, answer.height_px, score, scale_of(answer.outline.corners, sheet))


def scale_of(corners: Corners, sheet: Sheet) -> float:
    """Return px per mm of the desk from the outline of a sheet of known size."""
    width_mm, height_mm = SHEETS_MM[sheet]
    area = 0.0
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        area += (x0 * y1 - x1 * y0) / 2
    return float((abs(area) / (width_mm * height_mm)) ** 0.5)


def build_calibration(
    sharp: Sequence[Sample], spoilt: Sequence[float], *, camera: str, lamp: Lamp, date: str
) -> Calibration:
    """Return the calibration of pictures of sheets that lay still, and the scores of those that did not.

    Raises: CalibrationFault for too few pictures, pictures of different sizes, sheets of another size than they say.
    """
    if len(sharp) < LEAST_SHARP or len(spoilt) < LEAST_SPOILT:
        have = f"{len(sharp)} sharp, {len(spoilt)} spoilt"
        raise CalibrationFault("too_few", f"{have}; at least {LEAST_SHARP} and {LEAST_SPOILT}")
    sizes = {(one.width_px, one.height_px) for one in sharp}
    if len(sizes) > 1:
        raise CalibrationFault("sizes", ", ".join(f"{w}×{h}" for w, h in sorted(sizes)))
    scales = [one.px_per_mm for one in sharp]
    scale = statistics.median(scales)
    worst = max(abs(one / scale - 1) for one in scales)
    if worst > MOST_APART:
        raise CalibrationFault("scales", f"{min(scales):.2f} to {max(scales):.2f} px per mm")
    limit = low_point([one.sharp for one in sharp], FALSE_SHARE)
    return Calibration(
        camera=camera,
        width_px=sharp[0].width_px,
        height_px=sharp[0].height_px,
        lamp=lamp,
        date=date,
        px_per_mm=round(scale, 4),
        sharp=round(limit, 4),
        caught=round(sum(one < limit for one in spoilt) / len(spoilt), 4),
        sharp_pictures=len(sharp),
        spoilt_pictures=len(spoilt),
    )


def low_point(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie, between two of them by their distance."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def limits_of(calibration: Calibration, limits: Limits | None = None) -> Limits:
    """Return the limits with what the camera's calibration knows."""
    return msgspec.structs.replace(
        limits or Limits(),
        camera_reblur=calibration.sharp,
        warned=() if calibration.is_trusted else ("sharp",),
        px_per_mm=calibration.px_per_mm,
        camera_px=(calibration.width_px, calibration.height_px),
    )


def load_calibration(file: Path) -> Calibration | None:
    """Return the calibration kept in `file`, None where there is none. Raises: CalibrationFault for another content."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Calibration)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CalibrationFault("unreadable", str(file)) from error


def keep_calibration(file: Path, calibration: Calibration) -> None:
    """Write the calibration; a former one is there until the new one is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(calibration)) + b"\n")
    part.replace(file)
