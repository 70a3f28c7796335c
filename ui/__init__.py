"""Qt Quick: the screens and the bridge. Only here and in app/ is PySide6 imported."""
