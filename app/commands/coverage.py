"""What the tests have run of the product: one table, exit 1 below the limits. `make test` calls it after pytest."""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

PACKAGES = ("kiosk", "devices", "offline_queue")
LINES_PERCENT = 85.0
PROCESSES = 2
# What must not have an untried branch: the session's one function, the codecs, the queue's store.
EVERY_BRANCH = ("kiosk/session/step.py", "devices/wire/*.py", "offline_queue/store.py")


@dataclass(frozen=True)
class Tally:
    """How much of a file or a package was run."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def lines_percent(self) -> float:
        """Return the share of lines run; all of nothing is 100."""
        return 100 * self.lines_run / self.lines if self.lines else 100.0

    @property
    def branches_percent(self) -> float:
        """Return the share of branches taken; all of nothing is 100."""
        return 100 * self.branches_run / self.branches if self.branches else 100.0


def judge(files: dict[str, Tally]) -> tuple[list[str], list[str]]:
    """Return (rows of the table, limits missed) of the tallies by path."""
    rows, missed = [f"{'':32} {'lines':>14} {'branches':>14}"], []
    total = Tally()
    for package in PACKAGES:
        part = sum((tally for path, tally in files.items() if path.startswith(f"{package}/")), Tally())
        rows.append(_row(package, part))
        total += part
        if not part.lines:
            missed.append(f"{package}: nothing was measured")
    rows.append(_row("together", total))
    if total.lines_percent < LINES_PERCENT:
        missed.append(f"lines together: {total.lines_percent:.1f} %, at least {LINES_PERCENT:.0f} %")
    for pattern in EVERY_BRANCH:
        found = {path: tally for path, tally in sorted(files.items()) if fnmatch(path, pattern)}
        if not found:
            missed.append(f"{pattern}: nothing was measured")
        for path, tally in found.items():
            rows.append(_row(path, tally))
            left = tally.branches - tally.branches_run
            if left or (tally.lines and not tally.lines_run):
                missed.append(f"{path}: {left} of {tally.branches} branches were never taken")
    return rows, missed


def _row(name: str, tally: Tally) -> str:
    lines = f"{tally.lines_run}/{tally.lines} {tally.lines_percent:5.1f}"
    branches = f"{tally.branches_run}/{tally.branches} {tally.branches_percent:5.1f}"
    return f"{name:32} {lines:>14} {branches:>14}"


def tallies(report: dict[str, Any]) -> dict[str, Tally]:
    """Return the tallies by path of coverage's JSON report."""
    return {
        path.replace("\\", "/"): Tally(
            facts["summary"]["num_statements"],
            facts["summary"]["covered_lines"],
            facts["summary"]["num_branches"],
            facts["summary"]["covered_branches"],
        )
        for path, facts in report["files"].items()
    }


def measured() -> dict[str, Tally]:
    """Return what the last run of pytest with --cov measured, its processes' own files taken in.

    Raises: coverage.exceptions.CoverageException when there is nothing to read.
    """
    from coverage import Coverage

    data = Coverage()
    data.load()
    data.combine()
    data.save()
    names = sorted(data.get_data().measured_files())
    parts = [names[at::PROCESSES] for at in range(PROCESSES)] if names else [names]
    with ProcessPoolExecutor(PROCESSES) as pool:  # each file is parsed for its branches: seconds in all
        return {path: tally for part in pool.map(tallies_of, parts) for path, tally in part.items()}


def tallies_of(names: list[str]) -> dict[str, Tally]:
    """Return the tallies by path of files that were measured. Raises: CoverageException."""
    from coverage import Coverage

    data = Coverage()
    data.load()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "coverage.json"
        data.json_report(morfs=names, outfile=str(target))
        return tallies(json.loads(target.read_text(encoding="utf-8")))


def main() -> int:
    """Print the table; return 0 when every limit holds, 1 when not, 2 when nothing was measured."""
    from coverage.exceptions import CoverageException

    try:
        files = measured()
    except CoverageException as error:
        print(f"no coverage to judge: {error}", file=sys.stderr)
        return 2
    rows, missed = judge(files)
    print("\n".join(rows))
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
