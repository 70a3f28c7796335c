"""Evacuations under load: every way at once, and a stick with any one bit wrong.

Pass: one case for each promised submission, and nothing comes in from a stick that is not what the terminal wrote.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
from pathlib import Path

import pytest

from sandbox.evacuation import take_evacuation
from tests.e2e.test_evacuation import Station, flip, inside, new_station, platform, receipt_at, words

__all__ = ["inside", "new_station", "platform"]

IS_LONG = bool(os.environ.get("JINBAN_CHAOS"))
COUNT = 40 if IS_LONG else 3
FLIPS = 1000 if IS_LONG else 40


def test_all_ways_at_once_make_one_case_each(platform, inside, new_station, tmp_path) -> None:
    first, courier = new_station("one"), new_station("two")
    sids = first.store(COUNT)
    one, two = first.export(tmp_path / "stick 1"), tmp_path / "stick 2"
    shutil.copytree(one, two)
    cases: list[str] = []
    ways = [
        threading.Thread(target=lambda: cases.extend(first.deliver(*sids))),
        *(threading.Thread(target=take_evacuation, args=(inside, one)) for _ in range(2)),
    ]
    for way in ways:
        way.start()
    assert courier.command("import", two) in (0, 1)
    for way in ways:
        way.join(120)
    assert cases == [platform.case_number(sid) for sid in sids]
    assert {platform.commits(sid) for sid in sids} == {1}
    for folder in (one, two):  # whatever was in each other's way is settled by the next run
        assert set(words(take_evacuation(inside, folder))) == {"was_here"}
        for sid in sids:
            receipt_at(platform, folder, sid)
    sys.stdout.write(f"\nchaos evacuation: {COUNT} submissions by 4 ways at once, 0 lost, 0 twice\n")


@pytest.mark.parametrize("has_index", [True, False])
def test_a_stick_with_any_one_bit_wrong_brings_nothing_wrong_in(
    platform, inside, new_station, tmp_path, has_index
) -> None:
    first: Station = new_station("one")
    (sid,) = first.store(1)
    root = first.export(tmp_path / "stick")
    rng = random.Random(20261129)
    said: dict[str, int] = {}
    for _ in range(FLIPS):
        files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in LEFT_ALONE[has_index]]
        path: Path = rng.choice(files)
        whole = path.read_bytes()
        flip(path, rng.randrange(len(whole)), 1 << rng.randrange(8))
        (result,) = take_evacuation(inside, root, has_index=has_index)
        said[result["word"]] = said.get(result["word"], 0) + 1
        assert result["word"] not in ("committed", "was_here"), path
        path.write_bytes(whole)
    assert platform.commits(sid) == 0
    assert words(take_evacuation(inside, root, has_index=has_index)) == ["committed"]
    assert platform.commits(sid) == 1
    counts = ", ".join(f"{count} {word}" for word, count in sorted(said.items()))
    sys.stdout.write(f"\nchaos stick: {FLIPS} flipped bits, {counts}, 0 taken\n")


LEFT_ALONE = {True: ("certificates.pem",), False: ("certificates.pem", "index.json")}  # what the platform does not read
