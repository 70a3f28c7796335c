"""Which tests are measured for coverage: those that prove a branch, not those that prove a whole."""

from __future__ import annotations

import sys

import pytest

from tests.groups import place_of

UNMEASURED = (  # whole processes and screens: coverage asks what the direct tests leave untried
    *("e2e", "fuzz", "ui", "peers", "test_docs", "test_layers", "unit/test_docs_devices"),
    # and what is not of the measured packages. Nothing that is the first to load a driver: its lines would be missed
    *("contract/test_platform_document", "unit/test_pinyin", "unit/test_sandbox_", "unit/test_console_"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage where a test proves a whole and not a branch: it would cost a third of the time.

    Nor where examples are drawn: a branch that must be taken is taken by a test that takes it every time.
    """
    for item in items:
        is_drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if is_drawn or place_of(item.path).startswith(UNMEASURED):
            item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem():
    """Make a module's tests unmeasured; the module itself was loaded by then."""
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
