"""Every file of every corpus gives a value or a typed error, and no codec of a wire is without a target."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, TARGETS

ROOT = Path(__file__).resolve().parents[2]
FILES = [path for path in sorted(CORPUS.glob("*/*")) if path.is_file()]
LARGEST = 8192
NO_WAY_IN = {"devices.wire.samv_codes", "devices.wire.ipp_reasons"}  # tables alone


@pytest.mark.parametrize("name", TARGETS)
def test_every_file_of_the_corpus_gives_a_value_or_a_typed_error(name):
    way, errors = TARGETS[name].load()
    files = [path for path in FILES if path.parent.name == name]
    assert files, f"no seed: lay one into {CORPUS / name}, or name it in tests/fuzz/seeds.py"
    for path in files:
        data = path.read_bytes()
        try:
            way(data)
        except errors:
            continue


@pytest.mark.parametrize("name", TARGETS)
def test_bytes_bent_from_the_corpus_give_a_value_or_a_typed_error(name):
    way, errors = TARGETS[name].load()
    seeds = [path.read_bytes() for path in FILES if path.parent.name == name]

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.sampled_from(seeds), st.integers(0, LARGEST), st.integers(0, 8), st.binary(max_size=8))
    def bent(seed, at, gone, new):
        at %= len(seed) + 1
        try:
            way(seed[:at] + new + seed[at + gone :])
        except errors:
            return

    bent()


def test_the_corpus_is_small_and_belongs_to_targets():
    assert {path.parent.name for path in FILES} <= set(TARGETS)
    assert max(path.stat().st_size for path in FILES) <= LARGEST
    assert sum(path.stat().st_size for path in FILES) < 1_500_000


def test_every_codec_of_a_wire_has_a_target():
    seen = " ".join(f"{target.way} {target.looks_into}" for target in TARGETS.values())
    modules = {f"devices.wire.{path.stem}" for path in (ROOT / "devices" / "wire").glob("[a-z]*.py")}
    missing = sorted(name for name in modules - NO_WAY_IN if not re.search(rf"{re.escape(name)}\b(?!_)", seen))
    assert not missing, f"name a target for {missing} in tests/fuzz/targets.py"
