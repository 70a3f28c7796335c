# ruff: noqa: N815  QML reads these names
"""The simulation's dock for QML: its switches in groups. Never there on a real terminal."""

from __future__ import annotations

from PySide6.QtCore import Property, QObject, QTimer, Slot

from kiosk.session.view import Dock, DockControl
from ui.models import PatchedModel

POLL_MS = 1000  # a switch may be turned from elsewhere (a script at the control socket)


class DockBridge(QObject):
    """The dock's switches, asked for again after each press and each second."""

    def __init__(self, dock: Dock | None) -> None:
        super().__init__()
        self._dock = dock
        self._controls = PatchedModel(
            {
                "control": lambda control: control.id,
                "label": lambda control: control.label,
                "group": lambda control: control.group,
                "value": lambda control: control.value,
                "isOn": lambda control: control.is_on,
            },
            _key,
            self,
        )
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self.refresh)
        if dock is not None:
            self.refresh()
            self._timer.start()

    def close(self) -> None:
        """Ask no more."""
        self._timer.stop()

    @Slot()
    def refresh(self) -> None:
        """Show the switches as they stand."""
        if self._dock is not None:
            self._controls.patch(self._dock.controls())

    @Slot(str, str)
    def press(self, control: str, value: str) -> None:
        """Turn a switch at the far end."""
        if self._dock is not None:
            self._dock.press(control, value)
            self.refresh()

    hasDock = Property(bool, lambda self: self._dock is not None, constant=True)
    controls = Property(QObject, lambda self: self._controls, constant=True)


def _key(control: DockControl) -> str:
    return f"{control.id}={control.value}"
