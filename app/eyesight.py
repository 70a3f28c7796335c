"""What the eye compares with at this terminal: as built, as its camera was calibrated, as the configuration says."""

from __future__ import annotations

import logging
from pathlib import Path

from msgspec.structs import replace

from app.setting import driver_of
from devices.api import DeviceKind
from devices.imaging.calibration import Calibration, CalibrationFault, limits_of, load_calibration
from devices.imaging.values import Limits
from kiosk.station.config import Config, ImagingConfig

FILE = Path("imaging") / "camera.json"  # below the state folder

log = logging.getLogger(__name__)


def eye_limits(config: Config) -> Limits:
    """Return the limits of the gates. A calibration of another camera, or one that cannot be read, counts for none."""
    return named_limits(config.imaging, calibrated_limits(config))


def calibrated_limits(config: Config) -> Limits:
    """Return the limits as this terminal's camera was calibrated; as built where it was not."""
    try:
        calibration = load_calibration(config.state_folder / FILE)
    except CalibrationFault as fault:
        log.info("camera's calibration: %s", fault.code)  # the doctor says what to do
        return Limits()
    if calibration is None or not is_of_camera(calibration, config):
        return Limits()
    return limits_of(calibration)


def is_of_camera(calibration: Calibration, config: Config) -> bool:
    """Whether it is a calibration of the camera that is configured now."""
    return calibration.camera == camera_name(config)


def camera_name(config: Config) -> str:
    """Return driver and link as configured: what a calibration is bound to. A simulated camera has no address."""
    device = config.devices.of(DeviceKind.CAMERA)
    if device is None:
        return ""
    return "sim" if config.simulation.is_on else f"{driver_of(DeviceKind.CAMERA, device)} {device.link}"


def camera_facts(config: Config) -> tuple[dict[str, str], str]:
    """Return what is known of the camera's calibration, and what is wrong with it: a closed word, "" for nothing.

    A camera that was never calibrated is judged by the limits as built: a fact, not a fault.
    """
    try:
        found = load_calibration(config.state_folder / FILE)
    except CalibrationFault:
        return {}, "calibration_unreadable"
    if found is None or not is_of_camera(found, config):
        return {"calibrated": "—"}, "" if found is None else "calibration_of_another"
    size = f"{found.width_px}×{found.height_px}"
    told = f"{found.date} · {size} · {found.px_per_mm:.2f} px/mm · {found.sharp:.3f} · {found.caught:.0%}"
    return {"calibrated": told}, "" if found.is_trusted else "calibration_warns"


def named_limits(imaging: ImagingConfig, limits: Limits) -> Limits:
    """Return the limits with what the configuration names."""
    named = {
        "edge_share": None if imaging.edge_percent is None else imaging.edge_percent / 100,
        "stable_frames": imaging.stable_frames,
        "motion_percent": imaging.motion_percent,
        "hand_percent": imaging.hand_percent,
        "format_percent": imaging.format_percent,
        "flat_percent": imaging.flat_percent,
        "dark_v": imaging.dark_level,
        "bright_v": imaging.bright_level,
        "reblur": imaging.sharp,
        "least_dpi": imaging.least_dpi,
        "glare_percent": imaging.glare_percent,
        "ink_percent": imaging.ink_percent,
    }
    chosen = {key: value for key, value in named.items() if value is not None}
    if "reblur" in chosen:  # a limit set by hand is meant
        chosen |= {"camera_reblur": 0.0, "warned": tuple(gate for gate in limits.warned if gate != "sharp")}
    return replace(limits, **chosen)
