"""What a screen shows, as plain data, and the Protocols of the three things that are not View.

`View` is the only source of a screen. QML renders it and sends intents back; it decides nothing.
Keys of list entries are stable, so that the bridge can patch models instead of rebuilding them.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from devices.api import Frames

__all__ = [
    "Action",
    "Dock",
    "DockControl",
    "Field",
    "Frames",
    "Note",
    "Option",
    "Row",
    "ScanView",
    "Step",
    "Tile",
    "Top",
    "View",
]

Role = Literal["primary", "secondary", "back", "help", "end"]
Mood = Literal["plain", "good", "care", "stop"]


class Action(msgspec.Struct, frozen=True):
    """A button. Pressing it sends `intent(id, value)`."""

    id: str
    label: str
    role: Role = "secondary"
    value: str = ""
    is_enabled: bool = True
    reason: str = ""  # why it is grey, shown beside it


class Note(msgspec.Struct, frozen=True):
    """A sentence in a quiet panel; colour always comes with an icon and the words."""

    key: str
    text: str
    mood: Mood = "plain"


class Tile(msgspec.Struct, frozen=True):
    """A large choice: a window class, a service item, a situation. Sends `intent(action, key)`."""

    key: str
    label: str
    caption: str = ""
    icon: str = ""  # name of a drawn icon
    badge: str = ""  # 最多跑一次 …
    action: str = "choose"
    is_enabled: bool = True
    leads_on: bool = False  # can be pressed though it is grey: what lies behind can be read
    is_selected: bool = False
    reason: str = ""


class Row(msgspec.Struct, frozen=True):
    """A line of a guide, a material list or a review. Tapping sends `intent(action, key)` if `action` is set."""

    key: str
    label: str
    value: str = ""
    section: str = ""  # heading; consecutive rows with the same section stand under one heading
    icon: str = ""
    mood: Mood = "plain"
    state: str = ""  # word with the icon: 已扫描, 需扫描 …
    action: str = ""
    action_label: str = ""


class Option(msgspec.Struct, frozen=True):
    """One choice of a field."""

    value: str
    label: str
    is_selected: bool = False


class Field(msgspec.Struct, frozen=True):
    """One form field.

    Text is typed on our own keyboard: `intent("focus", key)`, `intent("type", text)`, `intent("erase")`.
    Choices send `intent("pick", key + "=" + value)`.
    """

    key: str
    label: str
    kind: Literal["text", "choice", "bool", "date", "month", "notice"]
    display: str = ""  # grouped or masked, as it stands in the box
    hint: str = ""
    error: str = ""
    keyboard: Literal["none", "pinyin", "digits", "idnumber", "english"] = "none"
    options: tuple[Option, ...] = ()
    is_required: bool = False
    is_locked: bool = False  # read from the card, not to be changed
    is_done: bool = False
    is_focused: bool = False


class Step(msgspec.Struct, frozen=True):
    """One step of the bar."""

    key: str
    label: str
    state: Literal["done", "now", "ahead"]


class Top(msgspec.Struct, frozen=True):
    """The frame's top line."""

    station: str = ""
    clock: str = ""
    network: str = ""
    is_online: bool = True
    notice: str = ""  # a device that is away, in words; "" when all is well


class ScanView(msgspec.Struct, frozen=True):
    """The live desk. The picture itself comes from Frames through the image provider `image://eye/<number>`."""

    material: str = ""
    page: int = 0
    page_limit: int = 0
    sentence: str = ""  # what to do now: 请放好，先别动
    mood: Mood = "plain"
    outline: tuple[float, ...] = ()  # x0 y0 … x3 y3 in 0…1 of the preview; empty = no outline
    is_live: bool = False
    aspect: float = 1.7778
    thumbnails: tuple[str, ...] = ()  # keys "material/index" of taken pages: image://page/<key>


class View(msgspec.Struct, frozen=True):
    """Everything one screen shows."""

    screen: str  # a state in lower case: attract, home, guide …
    key: str = ""  # the variant, for tests and voice: "slip.on_screen"
    turn: int = 0
    locale: Literal["zh", "en"] = "zh"
    scale: Literal["standard", "elder"] = "standard"
    contrast: Literal["normal", "high"] = "normal"
    top: Top = Top()
    title: str = ""
    lead: str = ""
    picture: str = ""  # drawn picture: card, card_pull, paper, hand_sign, slip, farewell, sealing, trouble …
    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    tiles: tuple[Tile, ...] = ()
    life_tiles: tuple[Tile, ...] = ()  # home: the ten life fields
    rows: tuple[Row, ...] = ()
    fields: tuple[Field, ...] = ()
    actions: tuple[Action, ...] = ()
    page: int = 0  # of `pages`: the form's groups. Lists longer than the screen are dealt into pages by QML
    pages: int = 0
    read_on: str = ""  # label of the primary button while rows have not been seen; "" = nothing has to be read first
    number: str = ""  # the big number on slip and farewell
    code: str = ""  # payload of the QR to photograph: image://code/<payload>
    query: str = ""  # home: what is being searched
    progress: float = -1.0  # 0…1; below 0 = no bar
    progress_text: str = ""
    scan: ScanView = ScanView()
    has_signature: bool = False
    signature_ink: tuple[tuple[float, ...], ...] = ()  # strokes as x y x y … in 0…1 of the pad
    countdown_s: int = -1  # idle overlay: seconds left; below 0 = hidden
    countdown_text: str = ""


class DockControl(msgspec.Struct, frozen=True):
    """One switch of the simulation dock."""

    id: str
    label: str
    group: str  # card, paper, printer, network
    value: str = ""
    is_on: bool = False


class Dock(Protocol):
    """Simulation only: speaks to the simulators' control sockets, never to the product."""

    def controls(self) -> tuple[DockControl, ...]:
        """Return the switches and how they stand."""

    def press(self, control: str, value: str) -> None:
        """Do what the switch says, at the far end."""
