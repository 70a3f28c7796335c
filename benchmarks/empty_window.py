"""The peer of `start`: an empty Qt Quick window in Python. Says on stderr that its first frame was shown."""

from __future__ import annotations

import os
import signal
import sys

os.environ.setdefault("QT_QUICK_BACKEND", "software")

from PySide6.QtCore import QByteArray, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow  # noqa: F401  without it the root is no window

QML = b"import QtQuick\nWindow { width: 1024; height: 768; visible: true }\n"


def main() -> int:
    """Show the window until SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    app = QGuiApplication([])
    engine = QQmlApplicationEngine()
    engine.loadData(QByteArray(QML), QUrl())
    window = engine.rootObjects()[0]

    def tell() -> None:
        window.frameSwapped.disconnect(tell)
        sys.stderr.write("first frame\n")
        sys.stderr.flush()

    window.frameSwapped.connect(tell)
    return int(app.exec())


if __name__ == "__main__":
    sys.exit(main())
