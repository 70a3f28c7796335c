# ruff: noqa: N815  QML reads these names
"""`View` as typed properties and list models. Only what changed is signalled; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from PySide6.QtCore import Property, QObject, Qt, Signal, Slot

from kiosk.session.view import Row, View
from ui import models

# One line a property: its name in QML, its type, what it reads from the view.
PLAIN: dict[str, tuple[str | type, Callable[[View], object]]] = {
    "key": (str, lambda view: view.key),
    "turn": (int, lambda view: view.turn),
    "locale": (str, lambda view: view.locale),
    "scale": (str, lambda view: view.scale),
    "contrast": (str, lambda view: view.contrast),
    "station": (str, lambda view: view.top.station),
    "clock": (str, lambda view: view.top.clock),
    "network": (str, lambda view: view.top.network),
    "isOnline": (bool, lambda view: view.top.is_online),
    "topNotice": (str, lambda view: view.top.notice),
    "title": (str, lambda view: view.title),
    "lead": (str, lambda view: view.lead),
    "picture": (str, lambda view: view.picture),
    "page": (int, lambda view: view.page),
    "pages": (int, lambda view: view.pages),
    "readOn": (str, lambda view: view.read_on),
    "number": (str, lambda view: view.number),
    "codeSource": (str, lambda view: code_source(view.code)),
    "query": (str, lambda view: view.query),
    "progress": (float, lambda view: view.progress),
    "progressText": (str, lambda view: view.progress_text),
    "hasSignature": (bool, lambda view: view.has_signature),
    "ink": ("QVariantList", lambda view: [list(stroke) for stroke in view.signature_ink]),
    "countdown": (int, lambda view: view.countdown_s),
    "countdownText": (str, lambda view: view.countdown_text),
    "scanMaterial": (str, lambda view: view.scan.material),
    "scanPage": (int, lambda view: view.scan.page),
    "scanPageLimit": (int, lambda view: view.scan.page_limit),
    "scanSentence": (str, lambda view: view.scan.sentence),
    "scanMood": (str, lambda view: view.scan.mood),
    "scanOutline": ("QVariantList", lambda view: list(view.scan.outline)),
    "isScanLive": (bool, lambda view: view.scan.is_live),
    "scanAspect": (float, lambda view: view.scan.aspect),
    "focusKey": (str, lambda view: next((field.key for field in view.fields if field.is_focused), "")),
}


def code_source(payload: str) -> str:
    """Return the address of the QR picture of a payload; "" for none."""
    return f"image://code/{quote(payload, safe='')}" if payload else ""


def _shown_rows(view: View) -> list[tuple[str, Row]]:
    """Return the rows with their headings, without a row that says the big number once more."""
    return models.with_headings([row for row in view.rows if not view.number or row.value != view.number])


def _reads(name: str) -> Callable[[Bridge], object]:
    return lambda self: self.values[name]


class _Values(QObject):
    """The plain properties, made from the table above."""

    for _name, (_kind, _read) in PLAIN.items():
        vars()[f"{_name}Changed"] = Signal()
        vars()[_name] = Property(_kind, _reads(_name), notify=vars()[f"{_name}Changed"])
    del _name, _kind, _read

    def __init__(self, view: View) -> None:
        super().__init__()
        self.values = {name: read(view) for name, (_, read) in PLAIN.items()}

    def patch_values(self, view: View) -> None:
        """Take the view's values; each that changed signals once, after all are in place."""
        changed = []
        for name, (_, read) in PLAIN.items():
            value = read(view)
            if value != self.values[name]:
                self.values[name] = value
                changed.append(name)
        for name in changed:
            getattr(self, f"{name}Changed").emit()


class Bridge(_Values):
    """What QML sees of a visit, and the one way back: `send(name, value)`."""

    screenChanged = Signal()
    eyeNumberChanged = Signal()
    intent = Signal(str, str)

    def __init__(self, on_intent: Callable[[str, str], None]) -> None:
        self._view = View(screen="")
        super().__init__(self._view)
        self._screen = ""
        self._eye_number = 0
        self._steps = models.steps(self)
        self._notes = models.notes(self)
        self._tiles = models.tiles(self)
        self._life_tiles = models.tiles(self)
        self._rows = models.rows(self)
        self._fields = models.FieldModel(self)
        self._thumbnails = models.texts(self)
        self._actions = {role: models.actions(self) for role in ("primary", "secondary", "back", "help", "end")}
        self._on_intent = on_intent
        # Queued, so that no item is taken away while it still handles the tap that asked for it.
        self.intent.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def show(self, view: View) -> None:
        """Make everything QML sees equal to `view`.

        When the screen changes, the former one is taken down first, so that it never shows the next one's data.
        """
        if view == self._view:
            return
        changes_screen = view.screen != self._screen
        if changes_screen:
            self._set_screen("")
        old, self._view = self._view, view
        self.patch_values(view)
        for model, now, before in (
            (self._steps, view.steps, old.steps),
            (self._notes, view.notes, old.notes),
            (self._tiles, view.tiles, old.tiles),
            (self._life_tiles, view.life_tiles, old.life_tiles),
            (self._rows, _shown_rows(view), _shown_rows(old)),
            (self._fields, view.fields, old.fields),
            (self._thumbnails, view.scan.thumbnails, old.scan.thumbnails),
        ):
            if now != before:
                model.patch(now)
        if view.actions != old.actions:
            for role, model in self._actions.items():
                model.patch([action for action in view.actions if action.role == role])
        if changes_screen:
            self._set_screen(view.screen)

    @property
    def view(self) -> View:
        """The view shown last."""
        return self._view

    def set_eye_number(self, number: int) -> None:
        """Say that a newer preview picture can be fetched."""
        if number != self._eye_number:
            self._eye_number = number
            self.eyeNumberChanged.emit()

    @Slot(str, str)
    def send(self, name: str, value: str) -> None:
        """Pass an intent on, in order, after the handler that sent it has returned."""
        self.intent.emit(name, value)

    @Slot(str, str)
    def _deliver(self, name: str, value: str) -> None:
        self._on_intent(name, value)

    def _set_screen(self, screen: str) -> None:
        if screen != self._screen:
            self._screen = screen
            self.screenChanged.emit()

    screen = Property(str, lambda self: self._screen, notify=screenChanged)
    eyeNumber = Property(int, lambda self: self._eye_number, notify=eyeNumberChanged)
    steps = Property(QObject, lambda self: self._steps, constant=True)
    notes = Property(QObject, lambda self: self._notes, constant=True)
    tiles = Property(QObject, lambda self: self._tiles, constant=True)
    lifeTiles = Property(QObject, lambda self: self._life_tiles, constant=True)
    rows = Property(QObject, lambda self: self._rows, constant=True)
    fields = Property(QObject, lambda self: self._fields, constant=True)
    thumbnails = Property(QObject, lambda self: self._thumbnails, constant=True)
    primaryActions = Property(QObject, lambda self: self._actions["primary"], constant=True)
    secondaryActions = Property(QObject, lambda self: self._actions["secondary"], constant=True)
    backActions = Property(QObject, lambda self: self._actions["back"], constant=True)
    helpActions = Property(QObject, lambda self: self._actions["help"], constant=True)
    endActions = Property(QObject, lambda self: self._actions["end"], constant=True)
