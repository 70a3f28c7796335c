"""The catalogue of audit events and the closed types of their arguments (security.md §7; assets/audit/events.toml)."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from kiosk.station.errors import ConfigError, KioskError

CATALOGUE = Path(__file__).resolve().parents[2] / "assets" / "audit" / "events.toml"
INTEGER_MAX = 2**31 - 1  # ten digits: neither an ID number (18) nor a mobile number (11) fits
CLASSES = ("user-action", "application-status", "system-action")

TEXT_TYPES = {
    "hash": re.compile(r"[0-9a-f]{64}"),
    "version": re.compile(r"\d{1,4}(\.\d{1,4}){1,3}"),
    "sid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "session": re.compile(r"[0-9a-f]{32}"),
    "boot": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "device": re.compile(r"K-[0-9A-Z]{6,12}"),
    "serial": re.compile(r"[0-9a-f]{8,40}"),
    "signature": re.compile(r"[0-9A-Za-z_-]{86}"),
}
NUMBER_TYPES = ("integer", "duration")


class Event(StrEnum):
    """Every event of the catalogue; a test keeps it equal to events.toml."""

    APP_START = "app.start"
    APP_STOP = "app.stop"
    CONFIG_LOADED = "config.loaded"
    DEVICE_ENROLLED = "device.enrolled"
    KEY_ROTATED = "device.key-rotated"
    DEVICE_STATE = "device.state"
    CABINET_SENSOR = "cabinet.sensor"
    DEVICE_TESTED = "device.tested"
    TECHNICIAN_CODE = "technician.code"
    VISIT_START = "visit.start"
    VISIT_END = "visit.end"
    CARD_READ_OK = "card.read-ok"
    CARD_READ_FAILED = "card.read-failed"
    PAGE_TAKEN = "page.taken"
    PAGE_REFUSED = "page.refused"
    SEAL_INIT = "submission.seal-init"
    SEAL_COMPLETE = "submission.seal-complete"
    QUEUE_TRANSITION = "queue.transition"
    QUEUE_PAUSED = "queue.paused"
    QUEUE_RESUMED = "queue.resumed"
    RECEIPT_VERIFIED = "receipt.verified"
    RECEIPT_REJECTED = "receipt.rejected"
    PRINT_OK = "print.ok"
    PRINT_FAILED = "print.failed"
    STAFF_LOGIN = "staff.login"
    USB_REFUSED = "usb.refused"
    DEFECT = "defect"
    CHECKPOINT = "audit.checkpoint"
    TAIL_CUT = "audit.tail-cut"
    GAP = "audit.gap"


class AuditFault(KioskError):
    """The audit log refused an event, or cannot be written. `code`: `bad_event` or `audit_unwritable`."""


class Argument(msgspec.Struct, frozen=True):
    """One argument of an event: its closed type, the words of an enum, and whether it may be left out."""

    kind: str
    words: frozenset[str]
    is_optional: bool

    def accepts(self, value: Any) -> bool:
        """Whether the value is of this closed type."""
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind in NUMBER_TYPES:
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX
        if not isinstance(value, str):
            return False
        if self.kind == "enum":
            return value in self.words
        return TEXT_TYPES[self.kind].fullmatch(value) is not None


class EventKind(msgspec.Struct, frozen=True):
    """One event of the catalogue."""

    id: str
    group: str  # user-action, application-status or system-action
    arguments: dict[str, Argument]
    is_urgent: bool


class EventCatalogue(msgspec.Struct, frozen=True):
    """All events by id."""

    kinds: dict[str, EventKind]

    def check(self, event: Event, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as plain JSON values. Raises: AuditFault("bad_event") for any that is not listed."""
        kind = self.kinds[event]
        unknown = set(arguments) - set(kind.arguments)
        missing = {name for name, argument in kind.arguments.items() if not argument.is_optional} - set(arguments)
        wrong = {name for name in set(arguments) - unknown if not kind.arguments[name].accepts(arguments[name])}
        if unknown or missing or wrong:
            raise AuditFault("bad_event", f"{event}: {sorted(unknown | missing | wrong)}")  # names only, never values
        return {name: str(value) if isinstance(value, str) else value for name, value in arguments.items()}


def load_events(path: Path = CATALOGUE) -> EventCatalogue:
    """Return the catalogue of events. Raises: ConfigError naming every mistake."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigError((f"{path}: cannot be read as TOML",)) from fault
    mistakes: list[str] = []
    enums = {name: frozenset(words) for name, words in document.get("enums", {}).items()}
    kinds = {name: _decode_kind(name, entry, enums, mistakes) for name, entry in document.get("events", {}).items()}
    known = {event.value for event in Event}
    mistakes += [f"{path}: events.{name}: not in the program's list" for name in sorted(set(kinds) - known)]
    mistakes += [f"{path}: events.{name}: missing" for name in sorted(known - set(kinds))]
    if mistakes:
        raise ConfigError(tuple(mistakes))
    return EventCatalogue(kinds)


def compose_page(catalogue: EventCatalogue) -> str:
    """Return the catalogue as a Markdown table, for docs/."""
    lines = ["| event | class | arguments | signed at once |", "|---|---|---|---|"]
    for kind in catalogue.kinds.values():
        described = [f"`{name}` {_describe(argument)}" for name, argument in kind.arguments.items()]
        lines.append(
            f"| `{kind.id}` | {kind.group} | {', '.join(described) or '–'} | {'yes' if kind.is_urgent else ''} |"
        )
    return "\n".join(lines) + "\n"


def _describe(argument: Argument) -> str:
    words = " ".join(sorted(argument.words)) if argument.kind == "enum" else argument.kind
    return f"({words}{', optional' if argument.is_optional else ''})"


def _decode_kind(name: str, entry: dict[str, Any], enums: dict[str, frozenset[str]], mistakes: list[str]) -> EventKind:
    group = entry.get("class", "")
    if group not in CLASSES:
        mistakes.append(f"events.{name}.class: {group!r}; allowed: {', '.join(CLASSES)}")
    arguments = {}
    for argument, text in entry.get("args", {}).items():
        kind, _, words = text.removesuffix("?").partition(":")
        known = kind in TEXT_TYPES or kind in NUMBER_TYPES or kind == "boolean" or (kind == "enum" and words in enums)
        if not known:
            mistakes.append(f"events.{name}.args.{argument}: {text!r}; allowed: the types at the head of the file")
        arguments[argument] = Argument(kind, enums.get(words, frozenset()), text.endswith("?"))
    return EventKind(name, group, arguments, bool(entry.get("urgent", False)))
