"""`calibrate camera`: sheets of known size laid down at the desk, and what the gates learn of them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.eyesight import FILE, camera_name
from devices.api import Camera, Deadline, DeviceError, DeviceKind, Page
from devices.imaging.calibration import (
    Calibration,
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
from kiosk.station.texts import Texts, own_texts

TAKES = 4  # at each place
PLACES = ("middle", "top_left", "top_right", "bottom_right", "bottom_left")
SPOILT = (("a4", "moved"), ("a4", "lifted"), ("card", "moved"), ("card", "lifted"))
SPOILT_TAKES = 5
TRIES = 3  # of a step whose sheet was not seen
CAPTURE_S = 30.0
PICTURES = (".jpg", ".jpeg", ".png")
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
    from app.setting import check_setting, is_held, load_setting

    try:
        setting = load_setting(config)
        check_setting(setting)
        if setting.devices.camera is None:
            raise ConfigError(("devices.camera: is missing — the camera to be calibrated",))
    except ConfigError as error:
        return refuse(error)
    texts = own_texts()
    if folder is None and is_held(setting):
        sys.stderr.write("another terminal is running with this state folder: end it first\n")
        return 2
    with ExitStack() as undo:
        eye = Eye()
        undo.callback(eye.close)
        try:
            if folder is not None:
                sharp, spoilt = _from_folder(eye, folder)
            else:
                camera, hand = _at_desk(setting, eye, texts, undo, hand)
                sharp, spoilt = _from_desk(camera, hand, texts, setting.screen.locale)
            found = build_calibration(
                sharp, spoilt, camera=camera_name(setting), lamp=lamp, date=datetime.now(UTC).date().isoformat()
            )
        except CalibrationFault as fault:
            sys.stderr.write(f"{_word(texts, setting, fault.code)} ({fault})\n")
            return 1
        except DeviceError as error:
            sys.stderr.write(f"{_word(texts, setting, 'no_camera')} ({error.code or type(error).__name__})\n")
            return 2
    keep_calibration(setting.state_folder / FILE, found)
    _tell(found, texts, setting, as_json)
    return 0 if found.is_trusted else 1


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


def _at_desk(config: Config, eye: Eye, texts: Texts, undo: ExitStack, hand: Hand | None) -> tuple[_Desk, Hand]:
    """Return the camera that is configured and the hand that lays sheets under it; a simulated one has its own."""
    device = config.devices.camera or DeviceConfig(driver="", link="sim:camera")
    if device.link.startswith("sim:"):
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
    return _Desk(camera, watching), hand or _asking(texts, config.screen.locale)


def _asking(texts: Texts, locale: str) -> Hand:
    def ask(step: Step) -> None:
        what = texts(f"calibrate.{step.sheet}", locale)
        how = texts(f"calibrate.{step.how}", locale)
        input(f"[{STEPS.index(step) + 1}/{len(STEPS)}] {what} {how} ")

    return ask


def _from_desk(desk: _Desk, hand: Hand, texts: Texts, locale: str) -> tuple[list[Sample], list[float]]:
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
                if attempt + 1 == TRIES:
                    raise
                sys.stderr.write(f"{texts(f'calibrate.{fault.code}', locale)}\n")
    return sharp, spoilt


def _taken(desk: _Desk, step: Step, number: int) -> TakeAnswer:
    desk.camera.capture(f"calibration-{step.sheet}", number, Deadline(CAPTURE_S), keep=True)
    if desk.eye.answer is None:
        raise CalibrationFault("no_sheet", "no picture")
    return desk.eye.answer


def _score(answer: TakeAnswer) -> float:
    """Return the sharpness of a spoilt picture; where not even the sheet was found, it is as spoilt as can be."""
    return next((one.value for one in answer.verdicts if one.gate == "sharp"), 0.0)


def _from_folder(eye: Eye, folder: Path) -> tuple[list[Sample], list[float]]:
    """Return the samples of pictures by their names. Raises: CalibrationFault naming the picture."""
    sharp: list[Sample] = []
    spoilt: list[float] = []
    for file in _pictures(folder):
        try:
            answer = eye.examine(file.read_bytes(), Deadline(CAPTURE_S)).answer
            if file.name.startswith("spoilt-"):
                spoilt.append(_score(answer))
            else:
                sharp.append(build_sample(answer, "card" if file.name.startswith("card-") else "a4"))
        except (CalibrationFault, DeviceError, OSError) as fault:
            raise CalibrationFault(getattr(fault, "code", "") or "no_sheet", str(file)) from fault
    return sharp, spoilt


def _pictures(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.glob("*")):
        if file.suffix.lower() in PICTURES and file.name.startswith(("a4-", "card-", "spoilt-")):
            yield file


def _word(texts: Texts, config: Config, code: str) -> str:
    key = f"calibrate.{code}"
    return texts(key if key in texts.table else "calibrate.no_camera", config.screen.locale)


def _tell(found: Calibration, texts: Texts, config: Config, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
        return
    key = "calibrate.good" if found.is_trusted else "calibrate.warns"
    said = texts(
        key,
        config.screen.locale,
        sharp=f"{found.sharp:.3f}",
        caught=round(100 * found.caught),
        px=f"{found.width_px}×{found.height_px}",
        scale=f"{found.px_per_mm:.2f}",
        dpi=round(found.px_per_mm * 25.4),
    )
    sys.stdout.write(f"{said}\n")
