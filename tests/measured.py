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


def is_measured(item: pytest.Item) -> bool:
    """Whether a test proves a branch: to measure those that prove a whole would cost a third of the time.

    Nor where examples are drawn: a branch that must be taken is taken by a test that takes it every time.
    """
    is_drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return not (is_drawn or place_of(item.path).startswith(UNMEASURED))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Measure nothing of a test that is not measured, not what is made for it either."""
    control = getattr(item.config.pluginmanager.get_plugin("_cov"), "cov_controller", None)
    if control is None or is_measured(item):
        return (yield)
    control.pause()
    try:
        return (yield)
    finally:
        control.resume()


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem():
    """Make a module's tests unmeasured; the module itself was loaded by then."""
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
