"""`calibrate camera`: sheets of known size laid down at the desk, and what the gates learn of them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.commands.calibrate_told import Outcome, PassedOver, Words, tell
from app.commands.scan_files import SUFFIXES, read_picture
from app.eyesight import FILE, camera_name
from app.outputs import text_of
from devices.api import Camera, Deadline, DeviceError, DeviceKind, HardwareFault, Page, WireFault
from devices.imaging.calibration import (
    CalibrationFault,
    Lamp,
    Sample,
    Sheet,
    build_calibration,
    build_sample,
    keep_calibration,
)
from devices.imaging.eye import Eye
from devices.imaging.values import TakeAnswer
from devices.registry import make_device
from devices.sim.control import spawn
from kiosk.station.config import Config, DeviceConfig
from kiosk.station.errors import ConfigError
from kiosk.station.texts import own_texts

TAKES = 4  # at each place
PLACES = ("middle", "top_left", "top_right", "bottom_right", "bottom_left")
SPOILT = (("a4", "moved"), ("a4", "lifted"), ("card", "moved"), ("card", "lifted"))
SPOILT_TAKES = 5
NOT_STARTED = ("terminal_runs", "no_folder", "no_camera")
TRIES = 3  # of a step whose sheet was not seen
CAPTURE_S = 30.0
NAMES = ("a4-", "card-", "spoilt-")
SIM_SHEETS = {"a4": "text", "card": "card"}


class Step(NamedTuple):
    """One thing to do at the desk, and how many pictures are taken then. `how`: a place, `moved` or `lifted`."""

    sheet: Sheet
    how: str
    takes: int

    @property
    def is_spoilt(self) -> bool:
        """Whether its pictures show what the gate must refuse."""
        return self.how not in PLACES


STEPS: tuple[Step, ...] = (
    *(Step(sheet, place, TAKES) for sheet in ("a4", "card") for place in PLACES),
    *(Step(sheet, how, SPOILT_TAKES) for sheet, how in SPOILT),  # type: ignore[arg-type]
)
Hand = Callable[[Step], None]


def calibrate_camera(
    config: Path | None, folder: Path | None, lamp: Lamp, as_json: bool, hand: Hand | None = None
) -> int:
    """Calibrate this terminal's camera, keep what was found; return 0, 1 where it is not good enough, 2 not started.

    `folder` holds pictures taken before: a4-*.jpg and card-*.jpg that lay still, spoilt-*.jpg that did not.
    `hand` does what the technician is asked to do; by default it is told to them, and Enter goes on.
    """
    from app.opening import refuse
    from app.setting import check_setting, load_setting

    try:
        setting = load_setting(config)
        check_setting(setting)
        if setting.devices.camera is None:
            raise ConfigError(("devices.camera: is missing — the camera to be calibrated",))
    except ConfigError as error:
        if as_json:
            sys.stdout.write(f"{Outcome('configuration', '; '.join(error.mistakes)).as_json()}\n")
        return refuse(error)
    words = Words(own_texts(), setting.screen.locale)
    outcome = _calibrated(setting, folder, lamp, hand, words)
    tell(outcome, as_json)
    return 0 if not outcome.refused else 2 if outcome.refused in NOT_STARTED else 1


def _calibrated(setting: Config, folder: Path | None, lamp: Lamp, hand: Hand | None, words: Words) -> Outcome:
    """Return how it ended; a calibration that was found is kept."""
    from app.setting import is_held

    if folder is None and is_held(setting):
        return Outcome("terminal_runs", words("terminal_runs"))
    if folder is not None and not os.path.isdir(folder):  # noqa: PTH112  never raises
        why = "is no folder" if os.path.lexists(folder) else "is missing"
        return Outcome("no_folder", words("no_folder"), f"--folder: {text_of(folder)!r} {why}")
    passed_over: list[PassedOver] = []
    with ExitStack() as undo:
        eye = Eye()
        undo.callback(eye.close)
        try:
            if folder is not None:
                sharp, spoilt = _from_folder(eye, folder, words, passed_over)
            else:
                camera, hand = _at_desk(setting, eye, words, undo, hand)
                sharp, spoilt = _from_desk(camera, hand, words)
            found = build_calibration(
                sharp, spoilt, camera=camera_name(setting), lamp=lamp, date=datetime.now(UTC).date().isoformat()
            )
            if folder is None and is_simulated(setting):
                found = msgspec.structs.replace(found, is_simulated=True)
        except CalibrationFault as fault:
            return Outcome(fault.code, words(fault.code), fault.detail, tuple(passed_over))
        except DeviceError as error:
            return Outcome("no_camera", words("no_camera"), error.code or type(error).__name__)
    try:
        keep_calibration(setting.state_folder / FILE, found)
    except OSError as error:
        return Outcome("not_kept", words("not_kept"), str(error), tuple(passed_over))
    refused = "" if found.is_trusted else "warns"
    return Outcome(refused, words.of(found), "", tuple(passed_over), found)


class Watching:
    """The eye as the camera's driver knows it, which keeps what it said of the last still."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self.answer: TakeAnswer | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._eye, name)

    def take(
        self, still: bytes, material: str, index: int, deadline: Deadline, keep: bool = False, accepts: str = "any"
    ) -> Page:
        """Return the page on a still, as the eye does."""
        self.answer = self._eye.examine(still, deadline).answer
        return self._eye.take(still, material, index, deadline, keep=True)


class _Desk(NamedTuple):
    camera: Camera
    eye: Watching


def is_simulated(config: Config) -> bool:
    """Whether the camera that would be calibrated is the simulated one."""
    return config.devices.camera is not None and config.devices.camera.link.startswith("sim:")


def _at_desk(config: Config, eye: Eye, words: Words, undo: ExitStack, hand: Hand | None) -> tuple[_Desk, Hand]:
    """Return the camera that is configured and the hand that lays sheets under it; a simulated one has its own."""
    device = config.devices.camera or DeviceConfig(driver="", link="sim:camera")
    if is_simulated(config):
        sim = undo.enter_context(spawn("camera", folder=Path(undo.enter_context(tempfile.TemporaryDirectory()))))
        device = DeviceConfig(driver="", link=sim.link, options=device.options)

        def lay(step: Step) -> None:
            sim.control.call("calm")
            sim.control.call("fault", name="blur", on=step.is_spoilt)
            seed = PLACES.index(step.how) if step.how in PLACES else 0
            sim.control.call("lay", kind=SIM_SHEETS[step.sheet], seed=seed, at_once=True)

        hand = hand or lay
    watching = Watching(eye)
    options = dict(device.options) | {"eye": watching}
    camera: Any = make_device(DeviceKind.CAMERA, device.driver, device.link, **options)  # type: ignore[arg-type]
    undo.callback(camera.close)
    camera.open(Deadline(CAPTURE_S))
    return _Desk(camera, watching), hand or asking(words)


def asking(words: Words) -> Hand:
    """Return a hand that asks the technician on stderr, and goes on with Enter."""

    def ask(step: Step) -> None:
        sys.stderr.write(f"[{STEPS.index(step) + 1}/{len(STEPS)}] {words(step.sheet)} {words(step.how)} ")
        sys.stderr.flush()
        try:
            input()
        except EOFError as error:
            raise CalibrationFault("nobody", "no Enter came") from error

    return ask


def _from_desk(desk: _Desk, hand: Hand, words: Words) -> tuple[list[Sample], list[float]]:
    """Return the samples of every step. Raises: CalibrationFault where a sheet is not seen, DeviceError."""
    sharp: list[Sample] = []
    spoilt: list[float] = []
    for step in STEPS:
        for attempt in range(TRIES):
            hand(step)
            try:
                answers = [_taken(desk, step, number) for number in range(step.takes)]
                if step.is_spoilt:
                    spoilt += [_score(answer) for answer in answers]
                else:
                    sharp += [build_sample(answer, step.sheet) for answer in answers]
                break
            except CalibrationFault as fault:
                if attempt + 1 == TRIES or fault.code == "nobody":
                    raise
                sys.stderr.write(f"{words(fault.code)}\n")
    return sharp, spoilt


def _taken(desk: _Desk, step: Step, number: int) -> TakeAnswer:
    desk.camera.capture(f"calibration-{step.sheet}", number, Deadline(CAPTURE_S), keep=True)
    if desk.eye.answer is None:
        raise CalibrationFault("no_sheet", "no picture")
    return desk.eye.answer


def _score(answer: TakeAnswer) -> float:
    """Return the sharpness of a spoilt picture; where not even the sheet was found, it is as spoilt as can be."""
    return next((one.value for one in answer.verdicts if one.gate == "sharp"), 0.0)


def _from_folder(
    eye: Eye, folder: Path, words: Words, passed_over: list[PassedOver]
) -> tuple[list[Sample], list[float]]:
    """Return the samples of pictures by their names; what is no picture, or has another name, is `passed_over`.

    Raises: CalibrationFault naming the picture that does not show its sheet.
    """
    sharp: list[Sample] = []
    spoilt: list[float] = []
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise CalibrationFault("no_folder", f"{text_of(folder)}: {error.strerror}") from error
    for file in files:
        if file.suffix.lower() not in SUFFIXES or file.is_dir():
            continue
        if not file.name.startswith(NAMES):
            passed_over.append(words.passed_over(file, "other_name"))
            continue
        try:
            answer = eye.examine(read_picture(file), Deadline(CAPTURE_S)).answer
        except (WireFault, HardwareFault) as fault:
            passed_over.append(words.passed_over(file, fault.code, fault.detail))
            continue
        except OSError as error:
            passed_over.append(words.passed_over(file, "not_readable", error.strerror or ""))
            continue
        if file.name.startswith("spoilt-"):
            spoilt.append(_score(answer))
            continue
        try:
            sharp.append(build_sample(answer, "card" if file.name.startswith("card-") else "a4"))
        except CalibrationFault as fault:
            raise CalibrationFault(fault.code, f"{text_of(file)}: {fault.detail}") from fault
    return sharp, spoilt
