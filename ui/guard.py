"""Keeps a person inside the kiosk's window: what reference/security.md §9 lists is dropped here."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QTouchEvent

FINGERS = 2  # three or more at once are no touch of ours

DROPPED = {
    QEvent.Type.ContextMenu,
    QEvent.Type.DragEnter,
    QEvent.Type.DragMove,
    QEvent.Type.DragLeave,
    QEvent.Type.Drop,
    QEvent.Type.WhatsThis,
    QEvent.Type.WhatsThisClicked,
    QEvent.Type.FileOpen,
    QEvent.Type.NativeGesture,
    QEvent.Type.Shortcut,
}
KEYS = {QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride}
TOUCHES = {QEvent.Type.TouchBegin, QEvent.Type.TouchUpdate, QEvent.Type.TouchEnd}
HELD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
# The only keys that reach the screen: moving the focus and pressing what has it.
ALLOWED = {Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}


class Guard(QObject):
    """An event filter for the one window."""

    def __init__(self, *, may_close: bool) -> None:
        super().__init__()
        self._may_close = may_close

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Return whether the event goes no further."""
        kind = event.type()
        if kind in DROPPED:
            event.ignore()
            return True
        if kind in KEYS and isinstance(event, QKeyEvent):
            return bool(event.modifiers() & HELD) or Qt.Key(event.key()) not in ALLOWED
        if kind in TOUCHES and isinstance(event, QTouchEvent):
            return event.pointCount() > FINGERS
        if kind is QEvent.Type.Close and not self._may_close:
            event.ignore()
            return True
        return False
