"""What an IPP printer's state reasons mean for us.

The stem is believed, the suffix is not: one printer's `-error` is another's `-warning`, and the same fault comes as
`-report` when it is idle. Source: reference/devices.md §10; stems of RFC 8011 §5.4.12 and PWG 5100.9.
"""

from __future__ import annotations

from collections.abc import Iterable

from devices.api import DeviceError, DeviceState, HardwareFault, Jammed, NotReady, SupplyOut, SupplyState

SUFFIXES = ("-error", "-warning", "-report")

# stem → our word, the one that matters most first
WORDS: dict[str, str] = {
    "media-jam": "jammed",
    "input-media-tray-missing": "cover_open",
    "cover-open": "cover_open",
    "door-open": "cover_open",
    "interlock-open": "cover_open",
    "media-empty": "paper_out",
    "media-needed": "paper_out",
    "marker-supply-empty": "toner_out",
    "toner-empty": "toner_out",
    "fuser-over-temp": "printer_error",
    "marker-waste-full": "printer_error",
    "output-area-full": "printer_error",
    "output-tray-missing": "printer_error",
    "cups-missing-filter": "printer_error",
    "paused": "paused",
    "moving-to-paused": "paused",
    "stopped-partly": "paused",
    "offline": "offline",
    "shutdown": "offline",
    "timed-out": "offline",
    "media-low": "paper_low",
    "marker-supply-low": "toner_low",
    "toner-low": "toner_low",
}
GOES_ON = ("", "paper_low", "toner_low")  # words with which the printer still prints
_ORDER = tuple(dict.fromkeys(WORDS.values()))


def stem(reason: str) -> str:
    """Return a reason without its suffix."""
    return next((reason.removesuffix(end) for end in SUFFIXES if reason.endswith(end)), reason)


def word_of(reasons: Iterable[str]) -> str:
    """Return the one word that matters most, "" when nothing known is wrong."""
    found = {WORDS[stem(reason)] for reason in reasons if stem(reason) in WORDS}
    return next((word for word in _ORDER if word in found), "")


def supply_of(reasons: Iterable[str]) -> SupplyState:
    """Return how paper and toner stand; without a complaint they count as full."""
    found = {WORDS.get(stem(reason), "") for reason in reasons}
    if "jammed" in found:
        return SupplyState.JAMMED
    if found & {"paper_out", "toner_out"}:
        return SupplyState.OUT
    return SupplyState.LOW if found & {"paper_low", "toner_low"} else SupplyState.FULL


def device_of(word: str) -> DeviceState:
    """Return the device's state for a word of ours."""
    if word in ("jammed", "printer_error"):
        return DeviceState.HARDWARE_ERROR
    return DeviceState.OFFLINE if word in ("cover_open", "paused", "offline") else DeviceState.ONLINE


def fault_of(word: str, *, during: bool = False) -> DeviceError:
    """Return the error for a word with which nothing is printed."""
    if word == "paper_out":
        return SupplyOut("paper_out_during" if during else word)
    if word == "toner_out":
        return SupplyOut(word)
    if word == "jammed":
        return Jammed(word)
    return HardwareFault(word) if word == "printer_error" else NotReady(word)
