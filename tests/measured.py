"""Which tests are measured for coverage: those that prove a branch, not those that prove a whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

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
    is_told = item.get_closest_marker("unmeasured") is not None
    return not (is_drawn or is_told or place_of(item.path).startswith(UNMEASURED))


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "unmeasured: what the test proves is measured by other tests, one by one")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Measure nothing of a test that is not measured, not what is made for it either. A debugger's trace stays."""
    is_covered = getattr(item.config.pluginmanager.get_plugin("_cov"), "cov_controller", None) is not None
    with unmeasured() if is_covered and not is_measured(item) else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem():
    """Make a module's tests unmeasured; the module itself was loaded by then."""
    with unmeasured():
        return (yield)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure nothing of this thread, nor of the threads it starts.

    Coverage's own pause and resume give this thread the tracers of all others, asleep or at work: two threads would
    then write into one, and an error of that ends the thread it meets.
    """
    here, there = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        sys.settrace(here)
        threading.settrace(there)
