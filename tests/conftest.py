"""What every test shares: fixtures by area, and a warning in the log fails the test."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys

import pytest
from hypothesis import settings

from kiosk.station import structs as terminal_structs
from sandbox import structs as platform_structs
from tests.fixtures import zygote
from tests.fixtures.compiled import compile_for_workers

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_QUICK_BACKEND", "software")

AREAS = (
    "queue",
    "queue_rig",
    "platform",
    "postgres",
    "s3",
    "central",
    "trust",
    "console",
    "browser",
    "reader",
    "pcsc",
    "printer",
    "cups",
    "camera",
    "auxiliaries",
    "scanner",
    "services",
    "ui",
    "keyboard",
    "kiosk",
    "flow",
)
# A busy machine is slow, not wrong. Fresh examples each time: many runs try more than one long one does.
settings.register_profile("run", deadline=None, max_examples=20)
settings.register_profile("chaos", deadline=None, max_examples=300)
settings.load_profile("chaos" if os.environ.get("JINBAN_CHAOS") else "run")
pytest_plugins = [
    "tests.skips",
    "tests.counts",
    "tests.groups",
    "tests.measured",
    *(f"tests.fixtures.{area}" for area in AREAS),
]


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Start our own programs from warm processes, but not where a test is about the start."""
    zygote.start_cold(item.get_closest_marker("cold_start") is not None)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Fail a test whose log holds a warning it did not announce with the `expected_log` marker."""
    expected = [str(text) for mark in item.iter_markers("expected_log") for text in mark.args]
    handler = _Warnings()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        result = yield
    finally:
        root.removeHandler(handler)
    stray = [r.getMessage() for r in handler.records if not any(text in r.getMessage() for text in expected)]
    if stray:
        pytest.fail(f"unexpected warning in the log: {stray[:3]}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Import and collect without looking for garbage: nearly all of it stays, in every worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_finish() -> None:
    """Meet every struct, as our programs do before they have threads: many tests have some of their own."""
    terminal_structs.know_structs()
    platform_structs.know_structs()


def pytest_addoption() -> None:
    """Begin what the workers will be forked from, if there will be any: it imports while we load our plugins."""
    if "-n" in sys.argv:
        zygote.prepare_for_workers()


def pytest_configure(config: pytest.Config) -> None:
    """Declare our markers; have processes ready."""
    config.addinivalue_line("markers", "expected_log(*texts): log warnings that this test brings about on purpose")
    config.addinivalue_line("markers", "cold_start: each program is started by an interpreter of its own")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a shell: our children are asked
        signal.signal(signal.SIGINT, signal.default_int_handler)
    zygote.install()
    compile_for_workers(config)
