"""What the benchmarks found, for people: a table for the terminal, a page for docs/."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

RATIO = "x"


class Result(TypedDict):
    """One benchmark's outcome; the shape that `--json` prints."""

    name: str
    machine: dict[str, object]
    figures: dict[str, dict[str, object]]


def describe_machine() -> dict[str, object]:
    """Return processor, cores, memory, kernel, Python and today."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "ram_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def compose_failure(fault: Exception) -> dict[str, object]:
    """Return the one figure of a benchmark that did not run to its end."""
    said = " ".join(f"{type(fault).__name__}: {fault}".split())[:200]
    return {"value": 0, "unit": "", "ours": said, "theirs": "", "peer": "", "goal": "to its end", "holds": False}


def missed_goals(results: Sequence[Result]) -> list[str]:
    """Return `benchmark.figure` of every goal that does not hold."""
    return [
        f"{result['name']}.{name}"
        for result in results
        for name, figure in result["figures"].items()
        if not figure["holds"]
    ]


def compose_text(results: Sequence[Result]) -> str:
    """Return one line a figure."""
    lines = []
    for result in results:
        lines.append(result["name"])
        for name, figure in result["figures"].items():
            goal = f"goal {figure['goal']}: {_verdict(figure)}" if figure["goal"] else "no goal"
            beside = (
                f"ours {figure['ours']}, theirs {figure['theirs']}" if figure["theirs"] != "" else f"{figure['ours']}"
            )
            lines.append(f"  {name}: {figure['value']} {figure['unit']} ({goal}); {beside}; peer: {figure['peer']}")
    return "\n".join(lines)


def compose_markdown(results: Sequence[Result]) -> str:
    """Return the page docs/benchmarks.md: what is comparable first, then what this machine measured."""
    machine = results[0]["machine"]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Ratios compare two sides in one run on one machine and travel;",
        "absolute values are this machine's only.",
        "",
        "## Ratios, counts and goals",
        "",
        "| benchmark | figure | value | goal | holds | beside |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        for name, figure in result["figures"].items():
            if figure["goal"] or figure["unit"] == RATIO:
                cells = (
                    result["name"],
                    name,
                    f"{figure['value']} {figure['unit']}",
                    figure["goal"],
                    _verdict(figure) if figure["goal"] else "",
                    figure["peer"],
                )
                lines.append(_row(cells))
    lines += [
        "",
        "## Absolute values, of this machine",
        "",
        ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in machine.items()),
        "",
        "| benchmark | figure | ours | theirs | unit |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        for name, figure in result["figures"].items():
            unit = "" if figure["unit"] == RATIO else figure["unit"]
            cells = (result["name"], name, figure["ours"], figure["theirs"], unit)
            lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _verdict(figure: dict[str, object]) -> str:
    return "yes" if figure["holds"] else "NO"


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
