"""What `calibrate camera` says of its end: a sentence for the technician, or JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from app.outputs import printable, text_of
from devices.imaging.calibration import Calibration
from kiosk.station.texts import Texts


class PassedOver(msgspec.Struct, frozen=True):
    """A picture in the folder that was not counted: why, as a closed word, as a sentence, and what was found."""

    file: str
    refused: str
    reason: str
    detail: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How it ended, as printed. `refused` is a closed word, "" where the calibration is good."""

    refused: str = ""
    reason: str = ""  # a sentence
    detail: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    calibration: Calibration | None = None  # kept, though the gate may only warn

    def as_json(self) -> str:
        """Return the outcome as JSON: the calibration's own fields stand beside the others."""
        told = msgspec.to_builtins(self)
        told |= told.pop("calibration") or {}
        return msgspec.json.format(msgspec.json.encode(told)).decode()


class Words(NamedTuple):
    """What the technician reads, in the screen's language."""

    texts: Texts
    locale: str

    def __call__(self, code: str) -> str:
        return self.texts(f"calibrate.{code}", self.locale)

    def passed_over(self, file: Path, code: str, detail: str = "") -> PassedOver:
        """Return why a picture file was not counted."""
        keys = (f"calibrate.{code}", f"picture.{code}", "picture.eye_died")
        reason = self.texts(next(key for key in keys if self.texts.has(key)), self.locale)
        return PassedOver(text_of(file), code, reason, detail)

    def of(self, found: Calibration) -> str:
        """Return what was found, in a sentence."""
        said = self.texts(
            "calibrate.good" if found.is_trusted else "calibrate.warns",
            self.locale,
            sharp=f"{found.sharp:.3f}",
            caught=round(100 * found.caught),
            px=f"{found.width_px}×{found.height_px}",
            scale=f"{found.px_per_mm:.2f}",
            dpi=round(found.px_per_mm * 25.4),
        )
        return f"{said} {self('simulated')}" if found.is_simulated else said


def tell(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome: what failed on stderr, what was found on stdout; as JSON both on stdout."""
    if as_json:
        sys.stdout.write(f"{outcome.as_json()}\n")
        return
    for one in outcome.passed_over:
        sys.stderr.write(
            f"{printable(one.file)}: {one.reason} ({one.refused}{f': {one.detail}' if one.detail else ''})\n"
        )
    if outcome.calibration is not None:
        sys.stdout.write(f"{outcome.reason}\n")
    else:
        sys.stderr.write(f"{outcome.reason} ({_why(outcome)})\n")


def _why(told: Outcome | PassedOver) -> str:
    return f"{told.refused}: {printable(told.detail)}" if told.detail else told.refused
