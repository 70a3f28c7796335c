"""Simulated terminals on a bad line: whatever is cut, each submission is one case with one receipt."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import fleet
from sandbox.enrolment import create_codes
from sandbox.fleet_seal import load_recipient, seal
from sandbox.reader import CLASSIC, HYBRID, Origin, open_bytes
from sandbox.store import PlatformStore, open_engine
from tests.fixtures.platform import LivePlatform, running_platform

IS_LONG = os.environ.get("JINBAN_CHAOS") == "1"
KIOSKS, SUBMISSIONS = (40, 400) if IS_LONG else (4, 16)
BUSY = fleet.Pace(look_s=0, minutes=5, submissions_per_day=50, heartbeat_s=60, speedup=600, submissions_max=SUBMISSIONS)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


def codes_of(platform: LivePlatform, count: int) -> list[str]:
    tables = PlatformStore(open_engine(platform.places.db))
    try:
        return create_codes(tables, int(time.time()), count)
    finally:
        tables.close()


def test_a_fleet_on_flaky_lines_loses_nothing_and_sends_nothing_twice(platform: LivePlatform) -> None:
    simulated = fleet.Fleet(platform.base_url, platform.ca_path, KIOSKS, flaky=0.15, seed=3)
    load = fleet.make_load(parts=2, part_kb=40, repeat=0.5)
    seconds = asyncio.run(fleet.simulate(simulated, codes_of(platform, KIOSKS), BUSY, load))
    seen = fleet.summarise(simulated.tally, KIOSKS, seconds)
    assert (seen["errors"], seen["mismatches"]) == ({}, 0)
    assert seen["submissions"]["count"] == seen["case_numbers"] == SUBMISSIONS
    assert seen["cuts"] > KIOSKS
    assert seen["repeats"] > 0
    held = platform.sids()
    assert len(held) == SUBMISSIONS
    assert {platform.case_number(sid) for sid in held} == simulated.tally.case_numbers
    assert all(platform.commits(sid) == 1 for sid in held)
    sys.stdout.write(f"fleet: {KIOSKS} terminals, {seen['cuts']} cuts, {len(held)} submissions, 0 lost, 0 twice\n")


def test_a_terminal_that_has_just_heard_of_the_platform_does_not_ask_for_the_time(platform: LivePlatform) -> None:
    simulated = fleet.Fleet(platform.base_url, platform.ca_path, 1)
    (terminal,) = simulated._terminals

    async def live() -> list[int]:
        try:
            await simulated.enrol(codes_of(platform, 1))
            asked = []
            for quiet_s in (300.0, 0.0, 300.0):
                await terminal.look(quiet_s)
                asked.append(simulated.tally.probes)
            return asked
        finally:
            simulated.close()

    assert asyncio.run(live()) == [0, 1, 1], "the heartbeat's answer will do, and so will the first to the question"


def test_the_command_says_what_it_saw_or_why_it_cannot_start(
    platform: LivePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = tmp_path / "codes"
    assert platform.command("code", "--count", "3", "--out", str(codes)) == {"codes": 3, "out": str(codes)}
    where = ["--url", platform.base_url, "--ca", str(platform.ca_path), "--codes", str(codes)]
    small = ["--submissions-max", "3", "--parts", "1", "--part-kb", "1", "--speedup", "3000", "--minutes", "1"]
    assert fleet.main(["--kiosks", "3", *where, *small, "--repeat", "1"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["submissions"]["count"], seen["repeats"], seen["errors"]) == (3, 3, {})
    assert seen["heartbeats"]["p50_ms"] > 0
    assert fleet.main(["--kiosks", "4", *where]) == 2
    assert fleet.main(["--kiosks", "3", "--url", platform.base_url]) == 2
    assert fleet.main(["--kiosks", "3", *where]) == 2  # used codes
    assert all(line.startswith("fleet: ") for line in capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145])
@pytest.mark.parametrize("suite", [HYBRID, CLASSIC])
def test_what_the_fleet_seals_the_reader_opens(platform: LivePlatform, size: int, suite: str) -> None:
    from sandbox.keys import load_or_create_keys
    from sandbox.store import utc

    keys = load_or_create_keys(platform.state, utc(0))
    entries = json.loads((platform.state / "keys" / "index.json").read_text())
    recipients = [load_recipient(entry) for entry in entries if entry.get("suite") == suite]
    sid = "01990000-0000-7000-8000-000000000001"
    plain = os.urandom(size)
    facts = {"sid": sid, "dev": "K-000001", "part": "m-1", "seq": 1, "ts": 1_795_400_000, "cat": "t"}
    blob = seal(facts, recipients, plain)
    opened, text = open_bytes(blob, keys.sealing, Origin(sid, "K-000001", 1, "m-1"))
    assert text == plain
    assert (opened.sealed_sha256, opened.plain_bytes) == (hashlib.sha256(blob).hexdigest(), size)
