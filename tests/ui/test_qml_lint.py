"""The QML is clean: linted, formatted, plain text only, and without what reference/security.md §10 bans."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

ROOT = Path(__file__).parents[2]
QML = sorted((ROOT / "ui" / "qml").rglob("*.qml"))
TOOLS = Path(sys.executable).parent
QMLFORMAT = Path(PySide6.__file__).with_name("qmlformat")  # what pyside6-qmlformat starts, a Python for each file

BANNED = (
    "openUrlExternally",
    "XMLHttpRequest",
    "WebSocket",
    "QtWebEngine",
    "QtWebView",
    "Qt.labs",
    "FileDialog",
    "ColorDialog",
    "LocalStorage",
    "Settings",
    "createQmlObject",
    "DropArea",
    "console.",
    "RichText",
    "AutoText",
    "StyledText",
    "MarkdownText",
    "TextField",
    "TextArea",
    "TextInput",
    "TextEdit",
    "linkActivated",
    "ShaderEffect",
    "MultiEffect",
    "VideoOutput",
)
SINGLETONS = {"Theme.qml", "Words.qml"}


def test_there_is_something_to_check():
    assert len(QML) > 40


def test_qmllint_finds_nothing():
    done = subprocess.run(
        [TOOLS / "pyside6-qmllint", "--max-warnings", "0", *QML],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_qmlformat_would_change_nothing():
    changed = []
    for path in QML:
        done = subprocess.run([QMLFORMAT, path], capture_output=True, text=True, check=True, timeout=60)
        if done.stdout != path.read_text(encoding="utf-8"):
            changed.append(path.name)
    assert changed == []


@pytest.mark.parametrize("word", BANNED)
def test_nothing_banned_is_named(word):
    assert [path.name for path in QML if word in path.read_text(encoding="utf-8")] == []


def test_texts_are_plain_and_come_from_the_one_component():
    bare = []
    for path in QML:
        text = path.read_text(encoding="utf-8")
        if (
            path.name != "Line.qml"
            and re.search(r"^\s*Text \{", text, re.M)
            and "textFormat: Text.PlainText" not in text
        ):
            bare.append(path.name)
    assert bare == []
    assert "textFormat: Text.PlainText" in (ROOT / "ui/qml/controls/Line.qml").read_text(encoding="utf-8")


def test_sizes_and_colours_come_from_the_theme():
    loose = []
    for path in QML:
        if path.name in SINGLETONS or path.parent.name == "dock":
            continue
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"(?:pixelSize|radius|spacing|[mM]argins?): (\d+)\b", text):
            if match[1] != "0":
                loose.append(f"{path.name}: {match[0]}")
        loose += [f"{path.name}: {colour}" for colour in re.findall(r'"#[0-9A-Fa-f]{6,8}"', text)]
    assert loose == []


def test_images_come_from_our_providers_only():
    for path in QML:
        for source in re.findall(r"\bsource: (.+)", path.read_text(encoding="utf-8")):
            assert re.search(r"Theme\.(icon|drawing|scene|isHigh)|image://|codeSource|resolvedUrl", source), (
                path.name,
                source,
            )


def test_contrast_holds_on_every_ground():
    text = (ROOT / "ui/qml/Theme.qml").read_text(encoding="utf-8")
    pairs = re.findall(r'property color (\w+): isHigh \? "#(\w+)" : "#(\w+)"', text)
    for theme in (1, 2):
        colour = {pair[0]: luminance(pair[theme]) for pair in pairs}
        for front, ground, least in (
            ("ink", "paper", 7),
            ("ink", "card", 7),
            ("ink", "lakeMist", 7),
            ("inkSoft", "paper", 7),
            ("inkSoft", "card", 7),
            ("inkSoft", "lakeMist", 7),
            ("lake", "card", 7),
            ("lake", "paper", 7),
            ("lake", "lakeMist", 7),
            ("lakeFront", "lake", 7),
            ("lakeFront", "lakeDeep", 7),
            ("good", "card", 7),
            ("care", "card", 7),
            ("stop", "card", 7),
            ("ink", "tray", 7),
            ("boat", "card", 4.5),
            ("edge", "card", 3),
        ):
            high, low = sorted((colour[front], colour[ground]), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= least, (front, ground, theme)


def luminance(rgb: str) -> float:
    """Return the relative luminance of a colour (WCAG 2)."""
    parts = [int(rgb[-6:][n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
