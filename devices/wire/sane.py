"""What `scanimage` says, and what it is told: its options as a table, its exit codes as errors. Pure text.

Source: scanimage 1.1.1 of Debian 12 and the SANE status numbers; measured in reference/devices.md §11.
"""

from __future__ import annotations

import re

import msgspec

from devices.api import (
    DeviceError,
    HardwareFault,
    Jammed,
    NotReady,
    ScanMode,
    ScanSettings,
    ScanSource,
    Unsupported,
    UserFault,
    WireFault,
)

MAX_LISTING = 200_000  # characters of an option listing; the largest back end's has 30,000
NO_MEDIA = "noMedia"  # XFS4IoT's word: nothing lies in the feeder
_OPTION = re.compile(r"^ {4}(?:--|-)([a-z][a-z0-9-]*)(?:=| )(\S.*?)(?: \[([^\]]*)\])?$")
_NUMBER = r"(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)"
_RANGE = re.compile(rf"^{_NUMBER}\.\.{_NUMBER}(?![0-9.])")
_STEP = re.compile(r"([0-9]{1,5})(?:\.[0-9]{1,6})?(?:dpi)?")
_FEEDERS = ("feeder", "adf")
_BEDS = ("flatbed", "flat bed", "platen", "normal")


class ScannerOptions(msgspec.Struct, frozen=True):
    """What a scanner can be asked for, in its back end's own words; "" is an option it does not have."""

    flatbed: str = ""
    feeder: str = ""
    gray: str = ""
    colour: str = ""
    has_source: bool = False
    dpi: tuple[int, ...] = ()  # the steps there are, rising
    dpi_range: tuple[int, int] = (0, 0)
    width_mm: int = 0  # 0: the size cannot be set
    height_mm: int = 0

    @property
    def most_dpi(self) -> int:
        """Return the finest resolution."""
        return self.dpi[-1] if self.dpi else self.dpi_range[1]

    def dpi_for(self, wanted: int) -> int:
        """Return the coarsest resolution that is at least the wanted one, else the finest; 0 where it cannot be set."""
        if self.dpi:
            return next((step for step in self.dpi if step >= wanted), self.dpi[-1])
        return min(max(wanted, self.dpi_range[0]), self.dpi_range[1])


def decode_options(listing: str) -> ScannerOptions:
    """Return what a `scanimage -A` listing offers. Raises: WireFault where it is no listing."""
    if len(listing) > MAX_LISTING or ("Options specific to device" not in listing and "All options" not in listing):
        raise WireFault("scanner_options", "no option listing")
    found = {
        match[1]: match[2]
        for line in listing.splitlines()
        if (match := _OPTION.match(line)) is not None and match[3] != "inactive"
    }
    sources, modes = _words(found.get("source", "")), _words(found.get("mode", ""))
    feeder = next((word for word in sources if any(sign in word.lower() for sign in _FEEDERS)), "")
    dpi, dpi_range = _resolutions(found.get("resolution", ""))
    return ScannerOptions(
        flatbed=next((word for word in sources if any(sign in word.lower() for sign in _BEDS)), ""),
        feeder=feeder,
        gray=next((word for word in modes if "gray" in word.lower() or "grey" in word.lower()), ""),
        colour=next((word for word in modes if "colo" in word.lower() and "pattern" not in word.lower()), ""),
        has_source=bool(sources),
        dpi=dpi,
        dpi_range=dpi_range,
        width_mm=_most(found.get("x", "")),
        height_mm=_most(found.get("y", "")),
    )


def encode_settings(settings: ScanSettings, options: ScannerOptions) -> tuple[tuple[str, ...], int]:
    """Return scanimage's options for a scan, and the resolution it will have. Raises: Unsupported."""
    words = []
    source = options.feeder if settings.source is ScanSource.FEEDER else options.flatbed
    if source:
        words.append(f"--source={source}")
    elif settings.source is ScanSource.FEEDER or options.has_source:
        raise Unsupported(settings.source.value)
    mode = options.colour if settings.mode is ScanMode.COLOUR else options.gray or options.colour
    if mode:
        words.append(f"--mode={mode}")
    dpi = options.dpi_for(settings.dpi)
    if dpi:
        words.append(f"--resolution={dpi}")
    if options.width_mm and options.height_mm:
        words += ["-x", str(min(settings.width_mm, options.width_mm))]
        words += ["-y", str(min(settings.height_mm, options.height_mm))]
    return tuple(words), dpi or settings.dpi


_OPENING = re.compile(r"open of device .{0,300} failed|no SANE devices found")
_BY_STATUS: dict[int, tuple[type[DeviceError], str]] = {
    1: (Unsupported, "scanner_unsupported"),
    2: (HardwareFault, "scanner_cancelled"),  # at the device's own button
    3: (NotReady, "deviceBusy"),
    4: (HardwareFault, "scanner_invalid"),
    5: (HardwareFault, "scanner_no_data"),
    6: (Jammed, "mediaJammed"),
    7: (UserFault, NO_MEDIA),
    8: (HardwareFault, "cover_open"),
    9: (HardwareFault, "scanner_io"),
    10: (HardwareFault, "scanner_memory"),
    11: (NotReady, "access_denied"),
}
_STATUS_OF = {
    "Operation not supported": 1,
    "Operation was canceled": 2,
    "Device busy": 3,
    "Invalid argument": 4,
    "End of file reached": 5,
    "Document feeder jammed": 6,
    "Document feeder out of documents": 7,
    "Scanner cover is open": 8,
    "Error during device I/O": 9,
    "Out of memory": 10,
    "Access to resource has been denied": 11,
}
_TROUBLE = re.compile(r"sane_(?:start|read): (.+)")
LAST_WORDS = re.compile(rb"Batch terminated, [0-9]+ page|: sane_read: ")  # nothing more is scanned after these


def error_of(status: int, said: str) -> DeviceError | None:
    """Return the error that standard error and the exit status tell; None where all went well.

    What was said counts first: a scanimage that failed in tidying up was seen to exit with 0 after an I/O error; where
    opening fails it exits with 1, whatever the reason.
    """
    troubles = _TROUBLE.findall(said)
    opening = _OPENING.search(said)
    if troubles:
        number = _STATUS_OF.get(troubles[-1].strip(), status or -1)
    elif opening is not None:
        told = next((one for text, one in _STATUS_OF.items() if text in said), 4)
        if told == _STATUS_OF["Invalid argument"]:
            return NotReady("noDevice")
        number = told
    elif status == 0:
        return None
    else:
        number = status
    kind, code = _BY_STATUS.get(number, (HardwareFault, "scanner_died"))
    return kind(code)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split("|") if word.strip()) if text else ()


def _resolutions(text: str) -> tuple[tuple[int, ...], tuple[int, int]]:
    span = _RANGE.match(text)
    if span is not None:
        return (), (max(0, int(float(span[1]))), max(0, int(float(span[2]))))
    steps = (_STEP.fullmatch(word) for word in _words(text))
    return tuple(sorted({int(step[1]) for step in steps if step is not None} - {0})), (0, 0)


def _most(text: str) -> int:
    span = _RANGE.match(text)
    return max(0, int(float(span[2]))) if span is not None else 0
