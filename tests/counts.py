"""At the end, what the fault suites have counted: a test that passed shows nothing, nor does a worker."""

from __future__ import annotations

import pytest

WORDS = ("chaos ", "fleet: ", "hotplug ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the counts in the order of their tests; with `-s` they were seen as they came."""
    passed = sorted(terminalreporter.stats.get("passed", []), key=lambda report: report.location)
    lines = [line for report in passed for line in report.capstdout.splitlines() if line.startswith(WORDS)]
    if lines:
        terminalreporter.section("counted")
        for line in lines:
            terminalreporter.write_line(line)
