"""Finds controls by their accessible name and touches them where a person would: for the demo and the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtQuick import QQuickItem, QQuickWindow
from PySide6.QtTest import QTest


class NotFound(LookupError):
    """No control of that name can be touched; the message says why."""


def items(window: QQuickWindow, *, hidden: bool = True) -> Iterator[QQuickItem]:
    """Yield every item of the window, delegates included, in painting order; the `hidden` ones only when wanted."""
    yield from _below(window.contentItem(), hidden)


def lay_out(window: QQuickWindow) -> None:
    """Place what waits for the next frame to be placed, so that a touch lands where a person would see it."""
    window.grabWindow()  # a frame does it in half the time of a walk through every item


def name_of(item: QQuickItem) -> str:
    """Return an item's accessible name; "" when it has none or is left out of the accessibility tree."""
    interface = QAccessible.queryAccessibleInterface(item)
    return interface.text(QAccessible.Text.Name) if interface is not None else ""


def role_of(item: QQuickItem) -> QAccessible.Role | None:
    """Return an item's accessible role, None when it is no part of the accessibility tree."""
    interface = QAccessible.queryAccessibleInterface(item)
    return interface.role() if interface is not None else None


def controls(window: QQuickWindow) -> Iterator[QQuickItem]:
    """Yield every control that can be touched when it is visible and enabled."""
    return (item for item in items(window) if item.property("isTapTarget"))


def find(window: QQuickWindow, name: str, role: QAccessible.Role | None = None) -> QQuickItem:
    """Return the control of this accessible name: visible, enabled, and on top at its centre.

    Raises: NotFound naming why not (absent, hidden, disabled, outside, covered and by what).
    """
    lay_out(window)
    reasons = []
    solid = solids(window)
    for item in solid:
        if name_of(item) != name or (role is not None and role_of(item) != role) or not item.property("isTapTarget"):
            continue
        reason = why_not(window, item, solid)
        if not reason:
            return item
        reasons.append(reason)
    raise NotFound(f"“{name}” is " + (", ".join(sorted(set(reasons))) if reasons else "not on this screen"))


def solids(window: QQuickWindow) -> list[QQuickItem]:
    """Return the controls and shields, in painting order: what a touch can meet."""
    return [item for item in items(window) if item.property("isTapTarget") or item.property("isShield")]


def why_not(window: QQuickWindow, item: QQuickItem, solid: Sequence[QQuickItem]) -> str:
    """Return why a control cannot be touched, among all that a touch can meet; "" when it can."""
    if not item.isVisible() or item.width() <= 0 or item.height() <= 0:
        return "hidden"
    if not item.isEnabled():
        return "disabled"
    centre = centre_of(item)
    if not (0 <= centre.x() < window.width() and 0 <= centre.y() < window.height()):
        return "outside the window"
    on_top = _top_at(solid, centre)
    if on_top is not item:
        return f"covered by “{name_of(on_top) or on_top.metaObject().className()}”" if on_top is not None else "covered"
    return ""


def centre_of(item: QQuickItem) -> QPoint:
    """Return an item's centre in the window."""
    return item.mapToScene(QPointF(item.width() / 2, item.height() / 2)).toPoint()


def tap(window: QQuickWindow, item: QQuickItem) -> None:
    """Press and release the mouse at the item's centre."""
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, centre_of(item))


def draw(window: QQuickWindow, item: QQuickItem, points: Sequence[tuple[float, float]]) -> None:
    """Draw one stroke over an item, its points in 0…1 of the item."""
    spots = [item.mapToScene(QPointF(x * item.width(), y * item.height())).toPoint() for x, y in points]
    QTest.mousePress(window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spots[0])
    for spot in spots[1:]:
        QTest.mouseMove(window, spot)
    QTest.mouseRelease(window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spots[-1])


def key_for(window: QQuickWindow, character: str) -> QQuickItem:
    """Return the key that types a character: its own, or the one of nine that stands for it. Raises: NotFound."""
    for item in controls(window):
        label = name_of(item)
        is_key = item.property("isCharacter") and item.isVisible()
        if is_key and (label == character or (len(label) > 1 and character.upper() in label)):
            return find(window, label)
    raise NotFound(f"no key types “{character}”")


def _below(item: QQuickItem, hidden: bool) -> Iterator[QQuickItem]:
    waiting = _stacked(item)[::-1]
    while waiting:
        child = waiting.pop()
        if not (hidden or child.isVisible()):
            continue  # and so is all that it holds
        yield child
        waiting += reversed(_stacked(child))


def _stacked(item: QQuickItem) -> list[QQuickItem]:
    children = item.childItems()
    return sorted(children, key=QQuickItem.z) if len(children) > 1 else children


def _top_at(solid: Sequence[QQuickItem], point: QPoint) -> QQuickItem | None:
    """Return the topmost of the controls and shields under a point of the window."""
    return next((item for item in reversed(solid) if item.isVisible() and _is_drawn_at(item, QPointF(point))), None)


def _is_drawn_at(item: QQuickItem, point: QPointF) -> bool:
    if not item.contains(item.mapFromScene(point)):
        return False
    above = item.parentItem()
    while above is not None:
        if above.clip() and not above.contains(above.mapFromScene(point)):
            return False
        above = above.parentItem()
    return True
