"""What no screen may show: cut or overlapping text, nameless or small controls, Chinese on an English screen."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QTextLayout, QTextOption
from PySide6.QtQuick import QQuickItem, QQuickWindow

from kiosk.session.view import View
from ui import probe

SLACK = 2.0  # px; glyphs may touch their line
HAN = re.compile(r"[㐀-鿿]")
NAMES_OF_LANGUAGES = {"中文"}  # each language is offered in its own words
PAPERS = re.compile("银\u2060?行\u2060?卡|社\u2060?保\u2060?卡|身\u2060?份\u2060?证|户\u2060?口\u2060?簿")


def rect_of(item: QQuickItem) -> QRectF:
    """Return an item's rectangle in the window."""
    corner = item.mapToScene(QPointF(0, 0))
    return QRectF(corner.x(), corner.y(), item.width(), item.height())


def _texts_of(seen: _Seen) -> list[QQuickItem]:
    """Return the texts a person sees: visible, not empty, not under the idle overlay."""
    return seen.uncovered(item for item in seen.of(("QQuickText", "Line_")) if item.property("text"))


def visible_controls(window: QQuickWindow) -> list[QQuickItem]:
    """Return the controls a person can see, not under the idle overlay."""
    return _controls_of(_Seen(window))


def _controls_of(seen: _Seen) -> list[QQuickItem]:
    return seen.uncovered(item for item in seen.targets if item.width() > 0 and item.height() > 0)


class _Seen:
    """What a person sees of a window, in painting order. Walked through once: that is most of the work."""

    def __init__(self, window: QQuickWindow) -> None:
        self._classes = [(item, item.metaObject().className()) for item in probe.items(window, hidden=False)]
        self.targets: list[QQuickItem] = []
        self.shields: list[QQuickItem] = []
        self.solid: list[QQuickItem] = []  # both: what a touch can meet
        for item, _ in self._classes:
            is_target, is_shield = item.property("isTapTarget"), item.property("isShield")
            if is_target:
                self.targets.append(item)
            if is_shield:
                self.shields.append(item)
            if is_target or is_shield:
                self.solid.append(item)

    def of(self, beginnings: tuple[str, ...]) -> list[QQuickItem]:
        """Return the items whose class begins with one of these words."""
        return [item for item, name in self._classes if name.startswith(beginnings)]

    def uncovered(self, items: Iterable[QQuickItem]) -> list[QQuickItem]:
        """Return those that lie under no shield."""
        return [item for item in items if all(_is_below(shield, item) for shield in self.shields)]


def _is_below(ancestor: QQuickItem, item: QQuickItem | None) -> bool:
    while item is not None and item is not ancestor:
        item = item.parentItem()
    return item is ancestor


def faults(window: QQuickWindow, view: View, *, target: float, key: float) -> list[str]:
    """Return every fault of the screen in words; none on a good one."""
    seen = _Seen(window)
    texts = _texts_of(seen)
    return [
        *_text_faults(window, texts, view),
        *_overlaps(seen, texts),
        *_control_faults(window, _controls_of(seen), seen, target=target, key=key),
    ]


def _text_faults(window: QQuickWindow, texts: list[QQuickItem], view: View) -> list[str]:
    found = []
    pane = QRectF(0, 0, window.width(), window.height()).adjusted(-SLACK, -SLACK, SLACK, SLACK)
    data = _data_of(view)
    for item in texts:
        text = str(item.property("text"))
        is_parted = bool(HAN.search(text)) and int(item.property("lineCount")) > 1
        starts = _line_starts(item, text) if is_parted else ()
        alone = is_parted and len(text[starts[-1] :].strip(" 。，、）)”\u2060")) == 1
        is_heading = _ancestor(item, "evened") is not None
        torn = [name for name in PAPERS.finditer(text) if any(name.start() < at < name.end() for at in starts)]
        text = text.replace("\u2060", "")  # keeps two characters together
        box = rect_of(item)
        wide, tall = float(item.property("contentWidth")), float(item.property("contentHeight"))
        if item.property("truncated") or wide > box.width() + SLACK or tall > box.height() + SLACK:
            found.append(f"cut: “{text}” needs {wide:.0f}×{tall:.0f}, has {box.width():.0f}×{box.height():.0f}")
        if not pane.contains(box):
            found.append(f"outside the window: “{text}” at {box.x():.0f},{box.y():.0f}")
        longest = max(re.split(r"[\s-]", text), key=len, default="")
        least = 0.0 if HAN.search(longest) else QFontMetricsF(item.property("font")).horizontalAdvance(longest)
        if least > item.width():
            found.append(f"a word is broken: “{longest}” needs {least:.1f}, has {item.width():.1f}")
        if alone:
            found.append(f"one character stands alone: “{text}”")
        if torn and is_heading:
            found.append(f"a paper's name is in two lines: “{text}”")
        button = _ancestor(item, "ground")
        if button is not None and int(item.property("lineCount")) > 2:
            found.append(f"a button of {item.property('lineCount')} lines: “{text}”")
        if button is not None and not rect_of(button).adjusted(-SLACK, -SLACK, SLACK, SLACK).contains(box):
            found.append(f"wider than its button: “{text}”")
        if view.locale == "en" and HAN.search(text) and text not in NAMES_OF_LANGUAGES and text not in data:
            found.append(f"Chinese on an English screen: “{text}”")
    return found


def _line_starts(item: QQuickItem, text: str) -> list[int]:
    """Return where in the text each of its lines begins."""
    laid = QTextLayout(text.replace("\n", "\u2028"), item.property("font"))
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    laid.setTextOption(option)
    laid.beginLayout()
    starts = []
    while (line := laid.createLine()).isValid():
        line.setLineWidth(item.width())
        starts.append(line.textStart())
    laid.endLayout()
    return starts or [0]


def _ancestor(item: QQuickItem | None, name: str) -> QQuickItem | None:
    while item is not None and item.property(name) is None:
        item = item.parentItem()
    return item


def _data_of(view: View) -> set[str]:
    values = {field.display for field in view.fields} | {row.value for row in view.rows}
    return values | {view.query, view.number}


def _overlaps(seen: _Seen, texts: list[QQuickItem]) -> list[str]:
    """Texts over texts, and texts under the bars or the keyboard."""
    found = []
    boxes = [(item, rect_of(item)) for item in texts]
    for (one, box), (other, against) in itertools.combinations(boxes, 2):
        common = box.intersected(against)
        if common.width() > SLACK and common.height() > one.property("font").pixelSize() * 0.25:
            found.append(f"“{one.property('text')}” overlaps “{other.property('text')}”")
    bars = (item for item in seen.of(("BottomBar", "KeyboardPanel", "TopBar", "Pager")) if item.height() > 0)
    for bar in seen.uncovered(bars):
        area = rect_of(bar)
        for item, box in boxes:
            common = area.intersected(box)
            if common.height() > SLACK and common.width() > SLACK and not _is_below(bar, item):
                found.append(f"“{item.property('text')}” lies under {bar.metaObject().className().split('_')[0]}")
    return found


def _control_faults(
    window: QQuickWindow, controls: list[QQuickItem], seen: _Seen, *, target: float, key: float
) -> list[str]:
    found = []
    for item in controls:
        name = probe.name_of(item)
        if not name:
            found.append(f"a control without a name: {item.metaObject().className()}")
        is_key = item.metaObject().className().startswith("KeyCap")
        least = (key * 84 / 96, key) if is_key else (target, target)
        is_passive = not item.isEnabled() and item.metaObject().className().startswith("Tap")
        if not is_passive and (item.width() < least[0] - 1 or item.height() < least[1] - 1):
            found.append(
                f"small: “{name}” is {item.width():.0f}×{item.height():.0f}, not {least[0]:.0f}×{least[1]:.0f}"
            )
        if item.isEnabled():
            reason = probe.why_not(window, item, seen.solid)
            if reason:
                found.append(f"“{name}” is {reason}")
    boxes = [(item, rect_of(item)) for item in controls]
    for (one, box), (other, against) in itertools.combinations(boxes, 2):
        common = box.intersected(against)
        if common.width() > 1 and common.height() > 1 and not _is_below(one, other) and not _is_below(other, one):
            found.append(f"“{probe.name_of(one)}” overlaps “{probe.name_of(other)}”")
    return found
