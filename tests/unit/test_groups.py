"""Tests of one group really go to one worker: where they do not, nothing fails and everything is made four times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.groups import evenly, group_of

ROOT = Path(__file__).resolve().parents[2]
SOME = """
import pytest

@pytest.mark.parametrize("number", range(4))
@pytest.mark.xdist_group("mine")
def test_of_a_group(number):
    pass

def test_of_none():
    pass
"""


@pytest.fixture(scope="module")
def shared() -> str:
    return "made once"


def test_tests_are_grouped_by_their_mark_or_by_the_file_they_share_something_with(request):
    assert group_of(request.node) == "unit/test_groups"
    request.node.add_marker(pytest.mark.xdist_group("mine"))
    assert group_of(request.node) == "mine"


def test_elsewhere_only_a_test_that_shares_a_fixture_with_its_module_stays_with_it(request, shared, monkeypatch):
    monkeypatch.setattr("tests.groups.BY_FILE", ("nowhere",))
    assert shared == "made once"
    assert group_of(request.node) == "unit/test_groups"
    monkeypatch.delitem(request.node._fixtureinfo.name2fixturedefs, "shared")
    assert group_of(request.node) == ""


def test_a_group_goes_to_one_worker(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.groups"]')
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(SOME)
    plugins = ["-p", "xdist.plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    words = ["-v", "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *words],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    passed = [line for line in done.stdout.splitlines() if " PASSED " in line]
    assert len(passed) == 10
    ours = [line for line in passed if "@mine" in line]
    assert len(ours) == 8
    assert len({line.split("]")[0] for line in ours}) == 1


def test_tests_that_wait_are_spread_evenly_among_those_that_do_not():
    assert evenly([], list("abc")) == list("abc")
    assert evenly(list("AB"), []) == list("AB")
    assert "".join(evenly(list("ABC"), list("abcdef"))) == "AabBcdCef"
    assert "".join(evenly(list("12"), list("ABCD"), list("abcd"))) == "1AaBb2CcDd"
