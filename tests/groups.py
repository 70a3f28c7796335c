"""Which tests go to one worker (`-n 6 --dist loadgroup`): what they make for their module is made once, not six times.

The groups are written into the names of the tests, for a scheduler knows nothing else of them.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId

HERE = Path(__file__).parent
WAITING = ("chaos", "contract", "e2e", "peers")  # tests that wait for other processes much of the time
# what takes a worker half a minute and more: begun last, the others would wait for it
LONGEST = (
    *("contract/test_hotplug", "contract/test_reader", "contract/test_travel_document"),
    *("e2e/test_console_", "e2e/test_demo", "e2e/test_kill_", "e2e/test_sandbox_postgres", "e2e/test_whole_"),
)
IS_LONG = bool(os.environ.get("JINBAN_CHAOS"))  # then nearly all of a test is waiting
BY_FILE = () if IS_LONG else ("contract", "flow", "fuzz", "peers", "test_", "ui", "unit", "wire")
"""Where a file's tests stay together, for what they draw, parse and load. Elsewhere most wait, best side by side."""


def pytest_configure(config: pytest.Config) -> None:
    """Leave the tests in our order."""
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name each test after its group. xdist 3.8 does so where pytest 9.2 no longer looks."""
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        group = group_of(item)
        if group and not item.nodeid.endswith(f"@{group}"):
            item._id = NodeId(path=item.id.path, names=(f"{item.id.rest}@{group}",))
    if not IS_LONG:
        kinds: dict[str, list[pytest.Item]] = {}
        for item in sorted(items, key=lambda item: not place_of(item.path).startswith(LONGEST)):
            folder = place_of(item.path).partition("/")[0]
            kinds.setdefault(folder if folder in WAITING else "", []).append(item)
        items[:] = evenly(*kinds.values())


def evenly(*kinds: list[pytest.Item]) -> list[pytest.Item]:
    """Return all, each kind in its order and spread over the whole: while some wait, others use the processor."""
    placed = [(at / len(tests), kind, at) for kind, tests in enumerate(kinds) for at in range(len(tests))]
    return [kinds[kind][at] for _, kind, at in sorted(placed)]


def group_of(item: pytest.Item) -> str:
    """Return the group a test is marked with, or its file where it shares something with that; or nothing."""
    mark = item.get_closest_marker("xdist_group")
    if mark is not None:
        return str(mark.args[0])
    place = place_of(item.path)
    return place if place.startswith(BY_FILE) or _shares_with_its_module(item) else ""


@cache
def place_of(path: Path) -> str:
    """Return a file's place among the tests, without its suffix; nothing for one of elsewhere."""
    return path.relative_to(HERE).with_suffix("").as_posix() if path.is_relative_to(HERE) else ""


def _shares_with_its_module(item: pytest.Item) -> bool:
    """Whether a fixture of the test lives as long as its module: a platform, a far end, a browser."""
    fixtures = getattr(item, "_fixtureinfo", None)
    named = fixtures.name2fixturedefs.values() if fixtures is not None else ()
    return any(found[-1].scope == "module" for found in named if found)
