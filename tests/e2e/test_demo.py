"""The demo as a command: what it promises in its summary, and what it leaves in its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from devices.sim import desk
from devices.sim.control import spawn

ROOT = Path(__file__).parents[2]
KEYS = {
    "item",
    "ticket",
    "queued_at",
    "offline",
    "slip_kind",
    "delivered",
    "case_number",
    "platform_saw_times",
    "queue_before",
    "queue_after",
    "plaintext_hits",
    "timings_ms",
}
TIMINGS = {"first_frame", "card_to_fields", "still_to_page", "seal_and_store", "deliver", "print"}
LIMIT_S = 240


def _demo(out: Path, *words: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "main.py", "demo", "--out", str(out), "--json", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    lines = done.stdout.strip().splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}


@pytest.mark.cold_start
def test_the_default_visit_is_delivered_once_and_leaves_its_papers(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    code, summary = _demo(out)
    assert code == 0, summary
    assert summary.keys() >= KEYS
    assert summary["item"] == "SIM-YB-0001"
    assert (summary["delivered"], summary["platform_saw_times"], summary["plaintext_hits"]) == (True, 1, 0)
    assert summary["slip_kind"] == "delivery_receipt"
    assert isinstance(summary["timings_ms"], dict)
    assert summary["timings_ms"].keys() == TIMINGS
    screens = sorted(path.name for path in (out / "screens").iterdir())
    for name in ("attract", "home", "guide", "identify", "notice", "situation", "form", "materials", "scan", "review"):
        assert any(name in screen for screen in screens), name
    for name in ("sign", "sealing", "slip", "farewell"):
        assert any(name in screen for screen in screens), name
    assert (out / "slip.bin").read_bytes().startswith(b"\x1b@") or b"\x1b@" in (out / "slip.bin").read_bytes()[:40]
    assert (out / "slip.png").stat().st_size > 2000
    assert (out / "submission.pdf").read_bytes().startswith(b"%PDF-")
    assert len(list(out.glob("scan-*.jpg"))) == 2
    assert json.loads((out / "summary.json").read_text()) == summary


def test_offline_in_english_from_photographs_the_slip_is_an_intake_slip_and_the_queue_drains(tmp_path: Path) -> None:
    """The other of everything: no line, English, a lying screen, and photographs that stand in for the camera."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2):
        frame = desk.frame(7, number)
        cv2.imwrite(str(photos / f"{number}.jpg"), frame[0])
    words = ("--offline", "--item", "SIM-MZ-0008", "--lang", "en", "--size", "1920x1080")
    code, summary = _demo(tmp_path / "demo", *words, "--camera", f"folder:{photos}")
    assert code == 0, summary
    assert (summary["offline"], summary["slip_kind"]) == (True, "intake_slip")
    assert (summary["delivered"], summary["platform_saw_times"], summary["plaintext_hits"]) == (True, 1, 0)
    assert (summary["queue_before"], summary["queue_after"]) == (0, 0)
    assert len(list((tmp_path / "demo").glob("scan-*.jpg"))) == 2


def test_a_card_that_does_not_meet_a_condition_ends_with_its_sentence(tmp_path: Path) -> None:
    with spawn("reader", "--tcp", "--put", "sixty", folder=tmp_path / "control") as reader:
        code, summary = _demo(tmp_path / "demo", "--item", "SIM-MZ-0008", "--reader", reader.link)
    assert code == 1
    assert "您还未满80周岁" in str(summary["refused"])
    assert (summary["ticket"], summary["delivered"], summary["plaintext_hits"]) == ("", False, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--item", "SIM-XX-9999"), "SIM-XX-9999"),
        (("--item", "SIM-GA-0003"), "guide alone"),
        (("--size", "10x10"), "--size"),
        (("--camera", "ftp:somewhere"), "ftp:somewhere"),
    ],
)
def test_a_demo_that_cannot_start_says_so_in_one_line(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "main.py", "demo", "--out", str(tmp_path / "demo"), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
