"""Where a simulated terminal keeps what, and its enrolment at its own local platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from app import VERSION
from devices.api import DeviceKind
from kiosk.station.config import Config, DeviceConfig, DevicesConfig, load_config

if TYPE_CHECKING:
    from app.stage import Announcement, Stage

QUEUE = "queue"  # below the state folder
DEFAULT_CONFIG = Path(__file__).resolve().parent.parent / "deploy" / "models" / "simulated" / "kiosk.toml"


def load_setting(path: Path | None) -> Config:
    """Return the configuration asked for, or the simulated terminal's. Raises: ConfigError."""
    return load_config(path or DEFAULT_CONFIG)


def is_held(config: Config) -> bool:
    """Whether a running terminal holds this state folder: its store, and its simulated far ends beside it."""
    from offline_queue.api import StoreBusy
    from offline_queue.lock import LockFile

    lock = config.state_folder / QUEUE / "queue.lock"
    if not lock.exists():
        return False
    try:
        LockFile(lock).release()
    except StoreBusy:
        return True
    return False


def on_stage(config: Config, stage: Stage, links: dict[DeviceKind, str]) -> Config:
    """Return the configuration with every `sim:` link and the platform led to the stage.

    `links` are other wires that stand in for simulated ones; their drivers are chosen by the link.
    """

    def led(kind: DeviceKind, device: DeviceConfig | None) -> DeviceConfig | None:
        if links.get(kind):
            return DeviceConfig(driver="", link=links[kind])
        if device is not None and device.link.startswith("sim:"):
            return DeviceConfig(driver="", link=stage.link(kind), options=device.options)
        return device

    announced = stage.announced
    if announced is None:
        return config
    devices = config.devices
    return replace(
        config,
        devices=DevicesConfig(
            reader=led(DeviceKind.READER, devices.reader),
            camera=led(DeviceKind.CAMERA, devices.camera),
            printer=led(DeviceKind.PRINTER, devices.printer),
        ),
        platform=replace(config.platform, urls=(stage.url,), ca=announced.ca, pins=announced.pins),
    )


def enrol_if_blank(config: Config, announced: Announcement) -> None:
    """Enrol a blank simulated terminal at its own platform. Raises: EnrolFault, QueueError, ConfigError."""
    from app.build import PROFILE, TRUST
    from app.commands.enrol import enrol_terminal
    from kiosk.trust.identity import load_device

    state = config.state_folder
    if load_device(state / TRUST) is not None:
        return
    enrol_terminal(
        announced.code,
        url=config.platform.urls[0],
        ca_path=Path(announced.ca),
        pins_path=Path(announced.pins),
        state=state,
        profile=PROFILE,
        version=VERSION,
        show_digits=lambda digits: None,
        patience_s=60.0,
    )


def for_visit(config: Config, folder: Path, locale: Literal["zh", "en"], is_elder: bool) -> Config:
    """Return the configuration with its state in `folder`, opening in the language and scale asked for."""
    screen = replace(config.screen, locale=locale, scale="elder" if is_elder else config.screen.scale)
    return replace(config, screen=screen, state=replace(config.state, folder=str(folder)))
