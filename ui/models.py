"""List models for QML, patched by key: a change of one entry signals that entry alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QByteArray, QModelIndex, QObject, QPersistentModelIndex, Qt

from kiosk.session.view import Field, Row, Step, Tile

Index = QModelIndex | QPersistentModelIndex
Roles = Mapping[str, Callable[[Any], object]]
ROOT = QModelIndex()


def _plain(*names: str) -> Roles:
    """Return roles that read struct fields; `is_enabled` becomes the role `isEnabled`."""
    return {_camel(name): lambda item, name=name: getattr(item, name) for name in names}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class PatchedModel(QAbstractListModel):
    """A list whose entries are patched in place, so that delegates live as long as their key."""

    def __init__(self, roles: Roles, key: Callable[[Any], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read = {Qt.ItemDataRole.UserRole + 1 + n: read for n, read in enumerate(roles.values())}
        self._names = {role: QByteArray(name.encode()) for role, name in zip(self._read, roles, strict=True)}
        self._key = key
        self._keys: list[str] = []
        self._items: list[Any] = []

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802  Qt's name
        """Return how many entries there are."""
        return 0 if parent.isValid() else len(self._items)

    def roleNames(self) -> dict[int, QByteArray]:  # noqa: N802  Qt's name
        """Return the names QML knows the roles by."""
        return self._names

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return one role of one entry."""
        read = self._read.get(role)
        if read is None or not 0 <= index.row() < len(self._items):
            return None
        return read(self._items[index.row()])

    def items(self) -> tuple[Any, ...]:
        """Return the entries as they stand."""
        return tuple(self._items)

    def patch(self, items: Sequence[Any]) -> None:
        """Make the list equal to `items` with the fewest signals. A repeated key is told apart by its turn."""
        wanted = _distinct(self._key(item) for item in items)
        if wanted == self._keys:
            self._change(items)
            return
        keep = set(wanted)
        for row in range(len(self._keys) - 1, -1, -1):
            if self._keys[row] not in keep:
                self.beginRemoveRows(ROOT, row, row)
                del self._keys[row], self._items[row]
                self.endRemoveRows()
        for row, (key, item) in enumerate(zip(wanted, items, strict=True)):
            if row < len(self._keys) and self._keys[row] == key:
                continue
            if key in self._keys:
                old = self._keys.index(key)
                self.beginMoveRows(ROOT, old, old, ROOT, row)
                self._keys.insert(row, self._keys.pop(old))
                self._items.insert(row, self._items.pop(old))
                self.endMoveRows()
            else:
                self.beginInsertRows(ROOT, row, row)
                self._keys.insert(row, key)
                self._items.insert(row, item)
                self.endInsertRows()
        self._change(items)

    def _change(self, items: Sequence[Any]) -> None:
        for row, item in enumerate(items):
            old = self._items[row]
            if old == item:
                continue
            changed = [role for role, read in self._read.items() if read(old) != read(item)]
            self._items[row] = item
            if changed:
                self.dataChanged.emit(self.index(row), self.index(row), changed)


def _distinct(keys: Any) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        out.append(key if seen[key] == 1 else f"{key}\x00{seen[key]}")
    return out


class FieldModel(PatchedModel):
    """Form fields; each field's options are a model of their own, patched with it."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._options: dict[str, PatchedModel] = {}
        roles = dict(_FIELD) | {"options": lambda field: self._options[field.key]}
        super().__init__(roles, lambda field: field.key, parent)

    def patch(self, items: Sequence[Field]) -> None:
        """Patch the fields and, below them, their options."""
        for field in items:
            model = self._options.get(field.key)
            if model is None:
                model = self._options[field.key] = PatchedModel(_OPTION, lambda option: option.value, self)
            model.patch(field.options)
        super().patch(items)
        for key in self._options.keys() - {field.key for field in items}:
            self._options.pop(key).deleteLater()


_STEP: Roles = {**_plain("key", "label"), "phase": lambda step: step.state}
_TILE = _plain("key", "label", "caption", "icon", "badge", "action", "is_enabled", "leads_on", "is_selected", "reason")
_ROW: Roles = {
    "heading": lambda entry: entry[0],
    "standing": lambda entry: entry[1].state,
    **{
        name: lambda entry, read=read: read(entry[1])
        for name, read in _plain("key", "label", "value", "icon", "mood", "action", "action_label").items()
    },
}
_NOTE = _plain("key", "text", "mood")
_OPTION = _plain("value", "label", "is_selected")
_ACTION: Roles = {"key": lambda action: action.id, **_plain("label", "value", "is_enabled", "reason")}
_FIELD = _plain(
    "key", "label", "kind", "display", "hint", "error", "keyboard", "is_required", "is_locked", "is_done", "is_focused"
)


def steps(parent: QObject) -> PatchedModel:
    """Return a model of `Step`."""
    return PatchedModel(_STEP, _key_of(Step), parent)


def tiles(parent: QObject) -> PatchedModel:
    """Return a model of `Tile`."""
    return PatchedModel(_TILE, _key_of(Tile), parent)


def rows(parent: QObject) -> PatchedModel:
    """Return a model of (heading, Row); see `with_headings`."""
    return PatchedModel(_ROW, lambda entry: entry[1].key, parent)


def with_headings(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Return each row with the heading that stands above it: its section, where a new one begins."""
    before = ("", *(row.section for row in rows))
    return [("" if row.section == former else row.section, row) for former, row in zip(before, rows, strict=False)]


def notes(parent: QObject) -> PatchedModel:
    """Return a model of `Note`."""
    return PatchedModel(_NOTE, lambda note: note.key, parent)


def options(parent: QObject) -> PatchedModel:
    """Return a model of `Option`."""
    return PatchedModel(_OPTION, lambda option: option.value, parent)


def actions(parent: QObject) -> PatchedModel:
    """Return a model of `Action`; its role `key` is the action's id."""
    return PatchedModel(_ACTION, lambda action: f"{action.id}={action.value}", parent)


def texts(parent: QObject) -> PatchedModel:
    """Return a model of strings, with the role `text`."""
    return PatchedModel({"text": str}, str, parent)


def _key_of(kind: type[Step | Tile | Field]) -> Callable[[Any], str]:
    return lambda item: item.key
