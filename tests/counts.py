"""At the end, what the fault suites have counted: a test that passed shows nothing, nor does a worker."""

from __future__ import annotations

import pytest

WORDS = ("chaos ", "fleet: ", "hotplug ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the counts in the order of their tests; with `-s` they were seen as they came.

    Some are told when the last test of a module is put away: such a report stands under no word.
    """
    told = [report for word in ("passed", "") for report in terminalreporter.stats.get(word, [])]
    reports = sorted((report for report in told if report.passed), key=lambda report: report.location)
    lines = dict.fromkeys(
        (report.nodeid, line) for report in reports for line in report.capstdout.splitlines() if line.startswith(WORDS)
    )
    if lines:
        terminalreporter.section("counted")
        for _, line in lines:
            terminalreporter.write_line(line)
