"""Every screen, in both languages, both scales and three sizes: drawn, checked, and kept as a picture."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.ui.checks import faults, rect_of, visible_controls
from tests.ui.gallery import views
from ui import probe

BUILD = Path(__file__).parents[2] / "build" / "screens"
SIZES = ((1080, 1920), (1920, 1080), (1024, 768))
TARGET = {"standard": 96, "elder": 128}  # design/ux.md


def fit(size, scale):
    """Return how much smaller a small screen may be: the same size in the hand (Theme.qml)."""
    return max(0.8 if scale == "elder" else 0.875, min(1.0, min(size) / 1080))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scale", ["standard", "elder"])
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_screen_is_whole_and_can_be_touched(open_screen, locale, scale, size):
    screen = open_screen(size)
    least = TARGET[scale] * fit(size, scale)
    found = []
    for name, plain in views(locale).items():
        view = msgspec.structs.replace(plain, scale=scale)
        screen.show(view)
        screen.grab(BUILD / f"{name}-{locale}-{scale}-{size[0]}x{size[1]}.png")
        found += [f"{name}: {fault}" for fault in faults(screen.window, view, target=least, key=least)]
    assert found == []


def test_every_screen_stands_in_the_high_contrast_theme(open_screen):
    screen = open_screen((1080, 1920))
    for name, view in views("zh").items():
        screen.show(msgspec.structs.replace(view, contrast="high"))
        screen.grab(BUILD / f"{name}-zh-standard-1080x1920-high.png")
    window = screen.window
    assert window.property("color").name() == "#000000"


@pytest.mark.parametrize("scale", ["standard", "elder"])
def test_upright_the_primary_action_lies_in_the_lower_third(open_screen, scale):
    screen = open_screen((1080, 1920))
    seen = 0
    for view in views("zh").values():
        screen.show(msgspec.structs.replace(view, scale=scale))
        labels = {action.label for action in view.actions if action.role == "primary"}
        for item in visible_controls(screen.window):
            if probe.name_of(item) in labels and view.countdown_s < 0:
                assert rect_of(item).y() >= 1920 * 2 / 3
                seen += 1
    assert seen > 8


def test_the_bars_controls_stay_in_their_places(open_screen):
    screen = open_screen((1080, 1920))
    places = set()
    for name in ("guide", "notice", "form", "materials", "review", "sign"):
        screen.show(views("zh")[name])
        places.add(tuple(rect_of(probe.find(screen.window, label)).getRect() for label in ("返回", "帮助", "结束")))
    assert len(places) == 1


def test_the_former_screens_data_are_gone_from_the_next(open_screen):
    screen = open_screen((1080, 1920))
    screen.show(views("zh")["review"])
    screen.show(views("zh")["attract"])
    texts = {str(item.property("text")) for item in probe.items(screen.window) if item.property("text")}
    assert not any("沈阿宝" in text or "6228" in text for text in texts)


def test_a_screen_without_a_file_of_its_own_is_shown_plainly(open_screen):
    screen = open_screen((1080, 1920))
    screen.show(msgspec.structs.replace(views("zh")["situation"], screen="delivery"))
    assert probe.find(screen.window, "本人参保")
