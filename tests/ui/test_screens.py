"""Every screen, in both languages, both scales and three sizes: drawn and checked.

A faulty one is kept as a picture below build/screens, all of them where JINBAN_PICTURES is set.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tests.ui.checks import faults, rect_of, visible_controls
from tests.ui.gallery import views
from ui import probe

BUILD = Path(__file__).parents[2] / "build" / "screens"
KEEPS_ALL = bool(os.environ.get("JINBAN_PICTURES"))  # writing the files is half of this module's time
SIZES = ((1080, 1920), (1920, 1080), (1024, 768))
TARGET = {"standard": 96, "elder": 128}  # design/ux.md


def fit(size, scale):
    """Return how much smaller a small screen may be: the same size in the hand (Theme.qml)."""
    return max(0.8 if scale == "elder" else 0.875, min(1.0, min(size) / 1080))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scale", ["standard", "elder"])
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_screen_is_whole_and_can_be_touched(open_screen, locale, scale, size):
    """Upright, the primary action lies in the lower third: looked at here, where every screen stands already."""
    screen = open_screen(size)
    least = TARGET[scale] * fit(size, scale)
    found, primaries = [], 0
    for name, plain in views(locale).items():
        view = msgspec.structs.replace(plain, scale=scale)
        screen.show(view)
        screen.draw()
        some = [f"{name}: {fault}" for fault in faults(screen.window, view, target=least, key=least)]
        tops = primary_tops(screen.window, view) if size[0] < size[1] else []
        some += [f"{name}: the primary action lies at {top:.0f}" for top in tops if top < size[1] * 2 / 3]
        primaries += len(tops)
        if some or KEEPS_ALL:
            screen.grab(BUILD / f"{name}-{locale}-{scale}-{size[0]}x{size[1]}.png")
        found += some
    assert found == []
    assert primaries > 8 or size[0] > size[1]


def primary_tops(window, view):
    """Return where the primary actions begin, from above; none on a screen that counts down."""
    labels = {action.label for action in view.actions if action.role == "primary"} if view.countdown_s < 0 else set()
    named = visible_controls(window) if labels else []
    return [rect_of(item).y() for item in named if probe.name_of(item) in labels]


def test_every_screen_stands_in_the_high_contrast_theme(open_screen):
    screen = open_screen((1080, 1920))
    for name, view in views("zh").items():
        screen.show(msgspec.structs.replace(view, contrast="high"))
        screen.draw()
        if KEEPS_ALL:
            screen.grab(BUILD / f"{name}-zh-standard-1080x1920-high.png")
    window = screen.window
    assert window.property("color").name() == "#000000"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scale", ["standard", "elder"])
def test_every_choice_is_reached_and_nothing_overlaps_on_any_page(open_screen, scale, size):
    screen = open_screen(size)
    view = msgspec.structs.replace(views("en")["form-bank"], scale=scale)
    least = TARGET[scale] * fit(size, scale)
    screen.show(view)
    wanted = {*(option.label for option in view.fields[0].options), view.fields[1].label}
    seen, found = set(), []
    for _ in range(6):
        found += faults(screen.window, view, target=least, key=least)
        seen |= wanted & {probe.name_of(item) for item in visible_controls(screen.window)}
        try:
            probe.tap(screen.window, probe.find(screen.window, "Next page"))
        except probe.NotFound:
            break
        screen.settle()
    assert found == []
    assert seen == wanted


def test_lying_many_choices_stand_in_two_columns_or_three(open_screen):
    screen = open_screen((1920, 1080))
    for locale, scale in (("zh", "elder"), ("en", "elder"), ("zh", "standard"), ("en", "standard")):
        view = msgspec.structs.replace(views(locale)["form-bank"], scale=scale)
        screen.show(view)
        labels = {option.label for option in view.fields[0].options}
        places = {rect_of(one).x() for one in visible_controls(screen.window) if probe.name_of(one) in labels}
        assert len(places) >= 2, (locale, scale)


def test_what_must_be_read_is_read_before_it_is_confirmed(open_screen):
    screen = open_screen((1920, 1080))
    view = msgspec.structs.replace(views("zh")["review"], scale="elder")
    screen.show(view)
    pages = 1
    while pages < 12:
        try:
            probe.find(screen.window, "确认无误")
            break
        except probe.NotFound:
            probe.tap(screen.window, probe.find(screen.window, "继续看"))
            screen.settle()
            pages += 1
    assert 1 < pages < 12
    assert screen.intents == []
    with pytest.raises(probe.NotFound):
        probe.find(screen.window, "继续看")
    probe.tap(screen.window, probe.find(screen.window, "上一页"))
    screen.settle()
    probe.tap(screen.window, probe.find(screen.window, "确认无误"))  # all was seen once
    screen.settle()
    assert screen.intents == [("confirm", "")]


def test_what_fits_on_one_page_needs_no_reading_on(open_screen):
    screen = open_screen((1080, 1920))
    view = views("zh")["review"]
    screen.show(msgspec.structs.replace(view, rows=view.rows[:2]))
    assert probe.find(screen.window, "确认无误")
    screen.show(views("zh")["guide"])
    with pytest.raises(probe.NotFound):
        probe.find(screen.window, "继续看")


def test_the_slip_says_its_number_once_and_shows_its_code_whole(open_screen):
    for size in ((1080, 1920), (1920, 1080)):
        screen = open_screen(size)
        for scale in ("standard", "elder"):
            view = msgspec.structs.replace(views("zh")["slip-delivered"], scale=scale)
            screen.show(view)
            every = [item for item in probe.items(screen.window) if item.isVisible()]
            texts = [item for item in every if item.property("text") == view.number]
            assert len(texts) == 1
            codes = [item for item in every if item.metaObject().className().startswith("Code_")]
            assert len(codes) == 1
            box = rect_of(codes[0])
            bar = next(item for item in every if item.metaObject().className().startswith("BottomBar"))
            assert box.height() == box.width() >= 150
            assert box.bottom() <= rect_of(bar).top()


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
