"""A terminal whose encoding lacks our signs is told all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cold_start  # what an interpreter makes of its environment when it starts

ROOT = Path(__file__).resolve().parents[2]


def main(encoding: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, str(ROOT / "main.py"), *words]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, env=environment)


def test_signs_that_an_encoding_lacks_are_plain_ones(tmp_path):
    port = tmp_path / "口✓"
    done = main("gbk", "devices", "find", "--only-ports", "--port", str(port))
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.decode("gbk") == f"# · {tmp_path / '口+'}: absent, no such port\n"


def test_what_json_prints_stays_json_where_the_encoding_is_ascii(tmp_path):
    port = str(tmp_path / "口𠮷✓")
    done = main("ascii", "devices", "find", "--only-ports", "--port", port, "--json")
    assert json.loads(done.stdout)["seen"][0]["where"] == port.replace("✓", "+")
