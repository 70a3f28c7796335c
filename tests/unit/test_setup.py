"""Set-up on somebody else's machine, the lock, and the rule that nothing is skipped."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SETUP = (ROOT / "deploy" / "setup.sh").read_text(encoding="utf-8")
LISTS = ("packages.txt", "packages-tests.txt")
PACKAGES = [name for each in LISTS for name in (ROOT / "deploy" / each).read_text(encoding="utf-8").split()]
TOOLS = ("sh", "cat", "dirname", "sha256sum", "cut", "dpkg-query", "mkdir", "touch")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what set-up reads, already set up: stamp and dictionary lie there."""
    place = tmp_path / "tree"
    (place / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "setup.sh", place / "deploy")
    (place / "deploy" / "packages.txt").write_text("dpkg\n")
    (place / "requirements.lock").write_text(LOCK, encoding="utf-8")
    for path in (
        "ui/keyboard/dictionary.py",
        ".venv/.jinban-" + hashlib.sha256(LOCK.encode()).hexdigest()[:16],
        "build/keyboard/pinyin.db",
    ):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).touch()
    return place


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a person who is neither root nor in sudo: there is no sudo on the path."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found is not None:
            (tools / tool).symlink_to(found)
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    return {"PATH": str(tools), "HOME": str(tmp_path)}


def set_up(place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(place / "deploy" / "setup.sh")],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_person_with_neither_root_nor_sudo_gets_the_one_line_to_hand_on(tree, stranger):
    (tree / "deploy" / "packages.txt").write_text("dpkg\nno-such-package-a\nno-such-package-b\n")
    done = set_up(tree, stranger)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1].strip() == "apt-get install -y --no-install-recommends no-such-package-a no-such-package-b"
    assert "Ask somebody" in lines[0]


def test_a_second_run_says_and_touches_nothing(tree, stranger):
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    done = set_up(tree, stranger)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_system_packages_are_named_once():
    assert len(PACKAGES) == len(set(PACKAGES))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name) for name in PACKAGES)


def test_the_lock_holds_names_versions_and_hashes_only():
    entry = re.compile(
        r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[A-Za-z0-9.+!]+( ; [^\\]+)? \\|"
        r"    --hash=sha256:[0-9a-f]{64}( \\)?|"
        r"    #.*|#.*|"
    )
    strange = [line for line in LOCK.splitlines() if not entry.fullmatch(line)]
    assert strange == []
    assert "://" not in LOCK


def test_the_lock_pins_all_that_is_required():
    wanted = [
        re.split(r"[=<>;\[ ]", line)[0].lower()
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    pinned = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", LOCK, re.MULTILINE)
    assert [name for name in wanted if name.replace("_", "-") not in pinned] == []
    assert len(pinned) == len(set(pinned))


def test_what_is_installed_agrees_with_itself():
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_lock_alone_decides_what_is_installed():
    installs = [line for line in SETUP.splitlines() if "pip install" in line]
    assert len(installs) == 1
    # without --no-deps an extra that a package asks for is looked up anew, and refused the day after a release
    assert "--no-deps" in installs[0]
    assert "--require-hashes" in installs[0]


SKIPPING = """
import pytest

def test_good():
    pass

@pytest.mark.skip(reason="tired")
def test_skipped():
    pass

@pytest.mark.xfail(reason="hopeless")
def test_expected_to_fail():
    raise ValueError
"""


@pytest.mark.parametrize(("rule", "failed"), [("1", 2), ("", 0)])
def test_where_nothing_may_be_skipped_a_skip_fails(tmp_path, rule, failed):
    (tmp_path / "test_some.py").write_text(SKIPPING)
    done = play(tmp_path, rule)
    assert done.returncode == (1 if failed else 0), done.stdout
    assert done.stdout.count(": nothing may be skipped here") == failed
    assert "1 passed" in done.stdout


def test_a_module_that_skips_itself_fails_too(tmp_path):
    (tmp_path / "test_some.py").write_text("import pytest\npytest.importorskip('no_such_module_here')\n")
    done = play(tmp_path, "1")
    assert done.returncode != 0
    assert ": nothing may be skipped here" in done.stdout


def play(folder: Path, rule: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over `folder` with our rule."""
    words = ["-p", "tests.skips", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder), str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words],
        cwd=ROOT,
        # pytest tells its failures twice where it thinks itself in CI; other plugins have no say here and load long
        env={
            **{k: v for k, v in os.environ.items() if k not in ("CI", "BUILD_NUMBER")},
            "JINBAN_NO_SKIPS": rule,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
