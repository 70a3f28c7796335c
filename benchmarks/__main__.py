"""Measures ratios: `python -m benchmarks NAME… [--json] [--strict] [--markdown FILE]`."""

from __future__ import annotations

import json
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

import click

from benchmarks.report import (
    Result,
    compose_failure,
    compose_markdown,
    compose_text,
    describe_machine,
    missed_goals,
)

NAMES = (
    "start",
    "reader",
    "printer",
    "scanner",
    "queue",
    "seal",
    "sync",
    "imaging",
    "fleet",
    "card",
    "passport",
    "preview",
)
ALL = "all"


def choose(words: tuple[str, ...]) -> list[str]:
    """Return the benchmarks that `words` name, each once. Raises: ValueError naming those there are."""
    for word in words:
        if word not in (*NAMES, ALL):
            raise ValueError(f"benchmark {word!r}: allowed are {', '.join((*NAMES, ALL))}")
    return list(NAMES) if ALL in words else list(dict.fromkeys(words))


def measure(name: str, machine: dict[str, object]) -> Result:
    """Run one benchmark."""
    return {"name": name, "machine": machine, "figures": import_module(f"benchmarks.{name}").run()}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object, or an array of them.")
@click.option("--strict", is_flag=True, help="Exit 1 when a goal does not hold.")
@click.option("--markdown", type=click.Path(path_type=Path), default=None, help="Also write a page.")
def main(names: tuple[str, ...], as_json: bool, strict: bool, markdown: Path | None) -> None:
    """Run benchmarks.

    start, reader, printer, scanner, queue, seal, sync, imaging, fleet, card, passport, preview; all of them: all.
    """
    try:
        chosen = choose(names)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    machine = describe_machine()
    results, failed = [], []
    for name in chosen:
        begun = time.monotonic()
        print(f"measuring {name} …", file=sys.stderr)
        try:
            results.append(measure(name, machine))
        except Exception as fault:  # the others' figures are not lost with it
            traceback.print_exc()
            failed.append(name)
            results.append({"name": name, "machine": machine, "figures": {"runs": compose_failure(fault)}})
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    if as_json:
        is_one = len(names) == 1 and names[0] != ALL
        print(json.dumps(results[0] if is_one else results, ensure_ascii=False, indent=2))
    else:
        print(compose_text(results))
    if markdown is not None:
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text(compose_markdown(results), encoding="utf-8")
    missed = missed_goals(results)
    if missed:
        print(f"goals that do not hold: {', '.join(missed)}", file=sys.stderr)
    if failed:
        print(f"did not run to their end: {', '.join(failed)}", file=sys.stderr)
    sys.exit(1 if failed or (missed and strict) else 0)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
