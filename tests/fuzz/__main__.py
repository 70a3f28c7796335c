"""`python -m tests.fuzz --seconds N [TARGET …]`: each target so long, guided by coverage, in a process of its own.

A process has a memory limit and a limit for each input. What it finds worth keeping goes to build/fuzz/TARGET/new;
what fails goes to build/fuzz/TARGET/. `--keep` takes the latest finds into the corpus.
Exit 0 · 1 when a target failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "fuzz"
RSS_MB = 1024
INPUT_S = 10  # one input that takes longer hangs; the machine may be busy
KEEP_MOST, KEEP_BYTES = 30, 1024  # files that a target has in the corpus, and the size of a find


def main() -> int:
    """Fuzz; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--keep", action="store_true", help="take what covers more into the corpus")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    failed = [name for name in options.targets or TARGETS if not _fuzz(name, options.seconds, options.keep)]
    _say(f"fuzz: {len(options.targets or TARGETS)} targets, {len(failed)} failed {' '.join(failed)}".rstrip())
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fuzz(name: str, seconds: int, keep: bool) -> bool:
    """Run one target; say what it did; return whether it stood."""
    new = OUT / name / "new"
    new.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        done = _run(name, new, CORPUS / name, f"-max_total_time={seconds}", "-print_final_stats=1", patience_s=seconds)
    except subprocess.TimeoutExpired:
        _say(f"{name}: did not end {time.monotonic() - began:.0f} s after it began")
        return False
    runs = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    peak = re.search(r"stat::peak_rss_mb: +(\d+)", done.stderr)
    covered = re.findall(r" ft: (\d+)", done.stderr)
    is_good = done.returncode == 0 and runs is not None
    _say(
        f"{name}: {'stood' if is_good else 'FAILED'} {runs[1] if runs else '?'} inputs, "
        f"{covered[-1] if covered else '?'} features, {peak[1] if peak else '?'} MB",
    )
    if not is_good:
        _say(done.stderr[-3000:])
    elif keep:
        _keep(name, new)
    return is_good


def _run(name: str, *words: str | Path, patience_s: int) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "tests.fuzz.one", name, *map(str, words),
        f"-rss_limit_mb={RSS_MB}", f"-timeout={INPUT_S}", f"-max_len={TARGETS[name].max_bytes}",
        f"-artifact_prefix={OUT / name}/", "-verbosity=1",
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=patience_s + 120, check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip


def _keep(name: str, new: Path) -> None:
    """Take the latest finds into the corpus: each covers what all before it did not. The seeds stay."""
    from tests.fuzz.seeds import SEEDS, file_name

    seeds = {file_name(seed) for seed in SEEDS.get(name, ())}
    found = [path for path in new.iterdir() if path.stat().st_size <= KEEP_BYTES]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[: KEEP_MOST - len(seeds)]:
        (CORPUS / name / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
