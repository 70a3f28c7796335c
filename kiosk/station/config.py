"""This terminal's configuration: a TOML file → typed. Unknown keys are refused, each mistake names what is allowed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, inspect

from devices.api import DeviceKind
from kiosk.station.errors import ConfigError
from kiosk.station.schema import schema_mistakes, words_of

LINK_KINDS = (
    "serial",
    "tcp",
    "pipe",
    "usb",
    "hid",
    "pcsc",
    "http",
    "https",
    "rtsp",
    "v4l2",
    "folder",
    "cups",
    "sane",
    "sim",
)

SLOWEST_BYTES_PER_S = 4096  # below it a piece of 64 KiB would outlast the platform's patience

Line = Annotated[str, Meta(min_length=1, max_length=80)]
Link = Annotated[
    str,
    Meta(
        pattern=rf"^({'|'.join(LINK_KINDS)}):\S.*$",
        extra={"allowed": f"kind:rest, where kind is one of {', '.join(LINK_KINDS)}"},
    ),
]
Driver = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$", extra={"allowed": "a driver's name: printer-escpos"})]
Phone = Annotated[str, Meta(pattern=r"^[0-9][0-9 -]{4,19}$", extra={"allowed": "digits, spaces and dashes"})]
TerminalNo = Annotated[
    str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{0,19}$", extra={"allowed": "capital letters, digits and dashes, at most 20"})
]
Url = Annotated[str, Meta(pattern=r"^https://[^\s/]+(/\S*)?$", extra={"allowed": "an address that begins https://"})]
BytesPerS = Annotated[int, Meta(ge=0, le=1_000_000_000)]  # 0 = no limit, else 4096 or more
Hours = Annotated[
    str,
    Meta(
        pattern=r"^$|^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
        extra={"allowed": "two times of day, 22:00-06:00; empty for at any time"},
    ),
]
Tpm = Annotated[
    str,
    Meta(
        pattern=r"^(device:/dev/tpm(rm)?[0-9]|swtpm:host=[0-9A-Za-z.-]+,port=[0-9]{1,5})$",
        extra={"allowed": "device:/dev/tpmrm0, or swtpm:host=HOST,port=PORT of a software TPM"},
    ),
]
PinHash = Annotated[
    str, Meta(pattern=r"^$|^scrypt:[0-9a-f]{32}:[0-9a-f]{64}$", extra={"allowed": "what `config pin` prints; or empty"})
]
Seconds = Annotated[int, Meta(ge=5, le=3600)]
Days = Annotated[int, Meta(ge=1, le=365)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of all tables of the file: unknown keys are mistakes."""


class StationConfig(Section, frozen=True, kw_only=True):
    """Where the terminal stands and who helps there; printed on slips and shown on every screen."""

    name_zh: Line
    name_en: Line
    hours_zh: Line
    hours_en: Line
    agent_zh: Line
    agent_en: Line
    phone: Phone
    terminal_no: TerminalNo
    site: Literal["village", "town", "bank"]

    def name(self, locale: str) -> str:
        """Return the station's name in the locale."""
        return self.name_en if locale == "en" else self.name_zh

    def hours(self, locale: str) -> str:
        """Return the opening hours in the locale."""
        return self.hours_en if locale == "en" else self.hours_zh

    def agent(self, locale: str) -> str:
        """Return the name of who helps in the locale."""
        return self.agent_en if locale == "en" else self.agent_zh


class ScreenConfig(Section, frozen=True, kw_only=True):
    """How a visit opens and how long it waits. Times in seconds (design/ux.md)."""

    locale: Literal["zh", "en"] = "zh"
    scale: Literal["standard", "elder"] = "standard"
    contrast: Literal["normal", "high"] = "normal"
    elder_from_age: Annotated[int, Meta(ge=50, le=120)] = 65  # product.md §6
    idle_s: Seconds = 60
    warn_s: Seconds = 30
    elder_idle_s: Seconds = 120
    elder_warn_s: Seconds = 60

    def idle(self, scale: str) -> tuple[int, int]:
        """Return seconds until the warning, and from the warning to the end of the visit."""
        return (self.elder_idle_s, self.elder_warn_s) if scale == "elder" else (self.idle_s, self.warn_s)


class DeviceConfig(Section, frozen=True, kw_only=True):
    """One device: the link it hangs on, its driver where the link's usual one is wrong, and what only that knows."""

    driver: Driver = ""
    link: Link
    options: dict[str, str | int | float | bool] = {}


class DevicesConfig(Section, frozen=True, kw_only=True):
    """What is plugged in. A device that is not named is not there, and the terminal says so."""

    reader: DeviceConfig | None = None
    camera: DeviceConfig | None = None
    printer: DeviceConfig | None = None
    card: DeviceConfig | None = None
    document_printer: DeviceConfig | None = None
    scanner: DeviceConfig | None = None
    barcode: DeviceConfig | None = None
    auxiliaries: DeviceConfig | None = None

    def of(self, kind: DeviceKind) -> DeviceConfig | None:
        """Return what is configured for this kind of device; None means the station has none."""
        found: DeviceConfig | None = getattr(self, kind.value)
        return found


class TechnicianConfig(Section, frozen=True, kw_only=True):
    """Who may open the maintenance page. `pin` is what `config pin` prints; empty = nobody."""

    pin: PinHash = ""


class PlatformConfig(Section, frozen=True, kw_only=True):
    """The central platform. No address at all means a terminal that only stores."""

    urls: tuple[Url, ...] = ()  # of one platform, the usual one first; the next is used while it does not answer
    ca: str = ""  # file of the private CA, relative to this file
    pins: str = ""  # file of the platform's public keys, relative to this file
    profile: Literal["international"] = "international"  # cipher profile; others come with their key backends
    code: str = ""  # one-time enrolment code; used once, then worthless
    key_backend: Literal["file", "systemd-creds", "tpm2", "windows"] = "file"  # where the device key lives
    tpm: Tpm = "device:/dev/tpmrm0"  # which TPM, for key_backend tpm2


class SyncConfig(Section, frozen=True, kw_only=True):
    """How the line is used. Nothing set: as fast as it carries, at any time of the day."""

    max_bytes_per_s: BytesPerS = 0
    large_parts: Hours = ""  # large scans go only then, by China's time of day; forms and small parts always go
    large_from_kib: Annotated[int, Meta(ge=16, le=65_536)] = 256


class StateConfig(Section, frozen=True, kw_only=True):
    """Where the terminal keeps what must survive, and how much."""

    folder: Annotated[str, Meta(min_length=1)]  # relative to this file, or absolute, or below ~
    offline_max_days: Days = 30  # security.md §4 row 2: no new citizen service without contact for longer
    quota_mb: Annotated[int, Meta(ge=50, le=1_000_000)] = 2000
    reserve_mb: Annotated[int, Meta(ge=10, le=1_000_000)] = 200


class ImagingConfig(Section, frozen=True, kw_only=True):
    """When a page on the desk is refused (docs/imaging.md, Gates). What is not named: as calibrated, else as built."""

    edge_percent: Annotated[float, Meta(ge=0, le=10)] | None = None  # whole: a corner nearer to the frame's edge
    stable_frames: Annotated[int, Meta(ge=3, le=60)] | None = None  # still: so many frames without motion
    motion_percent: Annotated[float, Meta(ge=0.05, le=5)] | None = None  # of the frame's diagonal
    hand_percent: Annotated[float, Meta(ge=0.05, le=20)] | None = None  # of the frame changed beside the page
    format_percent: Annotated[float, Meta(ge=1, le=20)] | None = None  # side ratio off what was asked for
    flat_percent: Annotated[float, Meta(ge=1, le=20)] | None = None  # side ratio off the paper's own format
    dark_level: Annotated[float, Meta(ge=10, le=200)] | None = None  # 0 to 255, the page's middle brightness
    bright_level: Annotated[float, Meta(ge=180, le=255)] | None = None
    sharp: Annotated[float, Meta(ge=0.05, le=0.95)] | None = None  # the least score, as `calibrate camera` prints it
    least_dpi: Annotated[float, Meta(ge=30, le=300)] | None = None  # sharp: what is captured coarser is too far away
    glare_percent: Annotated[float, Meta(ge=0.01, le=50)] | None = None  # of the page under a highlight
    ink_percent: Annotated[float, Meta(ge=0.005, le=5)] | None = None  # less is a blank page


class SimulationConfig(Section, frozen=True, kw_only=True):
    """Training and demonstration: simulated far ends, the dock that plays with them, a local sandbox."""

    is_on: bool = False
    has_dock: bool = False
    has_sandbox: bool = False


class Config(Section, frozen=True, kw_only=True):
    """All of it. `folder` is where the file lies; paths inside are relative to it."""

    station: StationConfig
    state: StateConfig
    screen: ScreenConfig = ScreenConfig()
    devices: DevicesConfig = DevicesConfig()
    platform: PlatformConfig = PlatformConfig()
    sync: SyncConfig = SyncConfig()
    technician: TechnicianConfig = TechnicianConfig()
    imaging: ImagingConfig = ImagingConfig()
    simulation: SimulationConfig = SimulationConfig()
    profile: Literal["development", "production"] = "development"  # production: no device key in a plain file
    catalogue: str = ""  # folder of service items, relative to this file; empty = the one that comes with the program
    folder: str = ""

    def path(self, text: str) -> Path:
        """Return a path of the file as an absolute one: below ~, absolute, or relative to the file."""
        return (Path(self.folder) / Path(text).expanduser()).resolve()

    @property
    def state_folder(self) -> Path:
        """Return the absolute state folder."""
        return self.path(self.state.folder)


def load_config(path: Path) -> Config:
    """Return the configuration of a TOML file.

    Raises: ConfigError naming every mistake as `key: value — what is allowed`.
    """
    try:
        raw = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError((f"{path}: is not TOML — {fault}",)) from fault
    return build_config(raw, path.resolve().parent)


def read_text(path: Path) -> str:
    """Return a configuration's text, without the mark that some editors put in front. Raises: ConfigError."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as fault:
        raise ConfigError((f"{path}: cannot be read — {fault.strerror}",)) from fault
    except UnicodeDecodeError as fault:
        raise ConfigError((f"{path}: is not UTF-8 — at byte {fault.start}",)) from fault


def build_config(raw: dict[str, Any], folder: Path) -> Config:
    """Return the configuration of plain data whose paths are relative to `folder`. Raises: ConfigError."""
    mistakes = [f"{words_of(keys)}: {text}" for keys, text in schema_mistakes(raw, _CONFIG, {})]
    if "folder" in raw:
        mistakes.append("folder: unknown key — it is where the file lies")
    if not mistakes:
        config = msgspec.convert({**raw, "folder": str(folder)}, Config)
        mistakes = _conflicts(config)
    if mistakes:
        raise ConfigError(tuple(mistakes))
    return config


def _is_path(config: Config, text: str) -> bool:
    try:
        config.path(text)
    except (RuntimeError, ValueError):  # ~somebody who is not known here; a NUL
        return False
    return text.isprintable()


def _conflicts(config: Config) -> list[str]:
    """Return what each key alone cannot tell."""
    mistakes = [
        f"{key}: {text!r} — a path without unknown users and control characters"
        for key, text in (
            ("state.folder", config.state.folder),
            ("platform.ca", config.platform.ca),
            ("platform.pins", config.platform.pins),
            ("catalogue", config.catalogue),
        )
        if not _is_path(config, text)
    ]
    if mistakes:
        return mistakes  # what follows looks there
    for kind, device in (
        ("reader", config.devices.reader),
        ("camera", config.devices.camera),
        ("printer", config.devices.printer),
    ):
        if device is not None and device.link.startswith("sim:") and not config.simulation.is_on:
            mistakes.append(f"devices.{kind}.link: {device.link!r} — sim: needs simulation.is_on = true")
    if config.simulation.has_dock and not config.simulation.is_on:
        mistakes.append("simulation.has_dock: True — needs simulation.is_on = true")
    if config.simulation.has_sandbox and not config.simulation.is_on:
        mistakes.append("simulation.has_sandbox: True — needs simulation.is_on = true")
    if config.platform.urls and not config.platform.ca and not config.simulation.has_sandbox:
        mistakes.append("platform.ca: '' — the file of the private CA, when platform.urls is given")
    for at, url in enumerate(config.platform.urls):
        if url.rstrip("/") in {one.rstrip("/") for one in config.platform.urls[:at]}:
            mistakes.append(f"platform.urls[{at}]: {url!r} — each address once, the usual one first")
    dark, bright = config.imaging.dark_level, config.imaging.bright_level
    if dark is not None and dark >= (235 if bright is None else bright):
        mistakes.append(f"imaging.dark_level: {dark} — below imaging.bright_level")
    if 0 < config.sync.max_bytes_per_s < SLOWEST_BYTES_PER_S:
        mistakes.append(f"sync.max_bytes_per_s: {config.sync.max_bytes_per_s} — 0 for no limit, or at least 4096")
    hours = config.sync.large_parts
    if hours and hours[:5] == hours[6:]:
        mistakes.append(f"sync.large_parts: {hours!r} — two different times of day")
    if config.profile == "production" and config.platform.key_backend == "file":
        mistakes.append("platform.key_backend: 'file' — tpm2, systemd-creds or windows, when profile is 'production'")
    if config.simulation.is_on and not config.simulation.has_sandbox:
        mistakes.append("simulation.has_sandbox: False — true where is_on is: they come with a local platform")
    if config.catalogue and not config.path(config.catalogue).is_dir():
        mistakes.append(f"catalogue: {config.catalogue!r} — an existing folder")
    return mistakes


_CONFIG = inspect.type_info(Config)
