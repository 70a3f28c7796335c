"""Where a simulated terminal keeps what, and its enrolment at its own local platform."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from msgspec.structs import replace

from app import VERSION
from devices.api import DeviceKind
from kiosk.station.config import Config, DeviceConfig, DevicesConfig, load_config
from kiosk.station.errors import ConfigError

if TYPE_CHECKING:
    from app.stage import Announcement, Stage

QUEUE = "queue"  # below the state folder
CA_BYTES = 1 << 20  # a bundle of certificates is smaller
# the wires on which simulated far ends hang: a driver that cannot use them cannot be simulated
SIMULATED = {
    DeviceKind.READER: "serial:/dev/pts/0",
    DeviceKind.CAMERA: "http://127.0.0.1:1/stream",
    DeviceKind.PRINTER: "tcp:127.0.0.1:1",
    DeviceKind.AUXILIARIES: "serial:/dev/pts/0",
}
DEFAULT_CONFIG = Path(__file__).resolve().parent.parent / "deploy" / "models" / "simulated" / "kiosk.toml"


def load_setting(path: Path | None) -> Config:
    """Return the configuration asked for, or the simulated terminal's. Raises: ConfigError.

    It needs no driver, so that the first frame is early; `check_setting` looks at what is left.
    """
    return load_config(path or DEFAULT_CONFIG)


def check_setting(config: Config) -> None:
    """Make sure that drivers, links, options and files of a typed configuration can be used; nothing is opened.

    Raises: ConfigError naming every mistake.
    """
    mistakes = (*_device_mistakes(config), *_platform_mistakes(config))
    if mistakes:
        raise ConfigError(mistakes)


def _device_mistakes(config: Config) -> Iterator[str]:
    from devices.registry import device_mistakes, driver_for

    ports: dict[str, str] = {}
    for kind in DeviceKind:
        device = config.devices.of(kind)
        if device is None:
            continue
        former = ports.setdefault(_port_of(device.link) or kind.value, kind.value)
        if former != kind.value:
            yield f"devices.{kind.value}.link: {device.link!r} — a port of its own: devices.{former} has this one"
        where, is_simulated = f"devices.{kind.value}", device.link.startswith("sim:")
        if is_simulated and (device.link != f"sim:{kind.value}" or kind not in SIMULATED):
            ours = f"sim:{kind.value}" if kind in SIMULATED else "a wire; there is no far end of our own for it here"
            yield f"{where}.link: {device.link!r} — {ours}"
            continue
        link = SIMULATED[kind] if is_simulated else device.link
        for key, text in device_mistakes(kind, device.driver, link, device.options):
            if is_simulated and key == "link":
                yield f"{where}.driver: {device.driver!r} — one that can be simulated: {driver_for(kind, link)}"
            else:
                yield f"{where}.{key}: {text}"


def _port_of(link: str) -> str:
    """Return what only one device can hold, whatever its name; "" for links that several may share."""
    kind, _, rest = link.partition(":")
    if kind in ("serial", "pipe"):
        return os.path.realpath(rest.partition("?")[0])
    return link.lower() if kind in ("tcp", "usb", "hid") else ""


def driver_of(kind: DeviceKind, device: DeviceConfig) -> str:
    """Return the driver in force: the one that is named, else the link's usual one; "" where there is none."""
    from devices.registry import DEFAULTS

    link = SIMULATED.get(kind, "") if device.link.startswith("sim:") else device.link
    return device.driver or DEFAULTS.get((kind, link.partition(":")[0]), "")


def _platform_mistakes(config: Config) -> Iterator[str]:
    platform = config.platform
    for at, url in enumerate(platform.urls):
        if not _is_https_origin(url):
            yield f"platform.urls[{at}]: {url!r} — https://HOST or https://HOST:PORT with a port from 1 to 65535"
    for key, text in (("ca", platform.ca), ("pins", platform.pins)):
        if text and not config.path(text).is_file():
            yield f"platform.{key}: {text!r} — an existing file"
    if platform.ca and config.path(platform.ca).is_file() and not _is_certificate(config.path(platform.ca)):
        yield f"platform.ca: {platform.ca!r} — a certificate (PEM)"
    if not _can_be_made(config.state_folder):
        yield f"state.folder: {config.state.folder!r} — a folder, or a path where this user can make one"


def _can_be_made(folder: Path) -> bool:
    """Whether the folder is there, whoever's it is, or can be made: tried where it would lie, and taken away again."""
    try:
        if folder.is_dir():
            return True
        near = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
        with TemporaryDirectory(prefix=".jinban-", dir=near):  # permissions do not tell root what /proc refuses
            return True
    except OSError:
        return False


def _is_certificate(path: Path) -> bool:
    return b"-----BEGIN CERTIFICATE-----" in path.read_bytes()[:CA_BYTES]


def _is_https_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number, or none that can be
        return False
    return bool(parts.hostname) and port != 0 and not (parts.query or parts.fragment or parts.username)


def is_held(config: Config) -> bool:
    """Whether a running terminal holds this state folder: its store, and its simulated far ends beside it."""
    from offline_queue.api import StoreBusy
    from offline_queue.lock import ReadingLock

    lock = config.state_folder / QUEUE / "queue.lock"
    if not lock.exists():
        return False
    try:
        ReadingLock(lock).release()
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
        devices=DevicesConfig(**{kind.value: led(kind, devices.of(kind)) for kind in DeviceKind}),
        platform=replace(config.platform, urls=(stage.url,), ca=announced.ca, pins=announced.pins),
    )


def enrol_if_blank(config: Config, announced: Announcement) -> None:
    """Enrol a blank simulated terminal at its own platform. Raises: EnrolFault, QueueError, ConfigError."""
    from app.build import TRUST
    from app.commands.enrol import enrol_terminal
    from kiosk.trust.backends import key_place
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
        profile=config.profile,
        keys=key_place(config, state / TRUST),
        version=VERSION,
        show_digits=lambda digits: None,
        patience_s=60.0,
    )


def for_visit(config: Config, folder: Path, locale: Literal["zh", "en"], is_elder: bool) -> Config:
    """Return the configuration with its state in `folder`, opening in the language and scale asked for."""
    screen = replace(config.screen, locale=locale, scale="elder" if is_elder else config.screen.scale)
    return replace(config, screen=screen, state=replace(config.state, folder=str(folder)))
