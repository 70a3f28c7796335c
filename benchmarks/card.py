"""Chip cards through a real pcscd: what 200 insertions and removals miss and leave, and what a read takes."""

from __future__ import annotations

from tests.fixtures.card_cycles import run_cycles
from tests.fixtures.pcsc import CardRig, PcscHost

ROUNDS = 200
PEER = "pcscd 1.9.9 with vpcd, in a namespace of its own"


def run() -> dict[str, dict[str, object]]:
    """Return the figures."""
    host = PcscHost()
    try:
        host.start()
        with host.card("social", "--out") as process:
            rig = CardRig(host, process)
            found = run_cycles(rig, ROUNDS)
            rig.close()
    finally:
        host.close()
    return {
        "cycles_missed": _count(found.missed + found.unread, "events or reads", 0),
        "cycles_rss_growth": _count(found.rss_growth_kib, "KiB", 2048),
        "cycles_threads_and_files_left": _count(found.threads_left + found.files_left, "threads and files", 0),
        "insert_to_news": _time(found.insert_ms),
        "remove_to_news": _time(found.remove_ms),
        "read": _time(found.read_ms),
    }


def _count(value: int, unit: str, most: int) -> dict[str, object]:
    return {
        "value": value,
        "unit": f"{unit} in {ROUNDS} cycles",
        "ours": value,
        "theirs": 0,
        "peer": PEER,
        "goal": f"<= {most}",
        "holds": value <= most,
    }


def _time(value: float) -> dict[str, object]:
    return {
        "value": round(value, 1),
        "unit": "ms, median",
        "ours": round(value, 1),
        "theirs": "",
        "peer": PEER,
        "goal": "<= 2000",
        "holds": value <= 2000,
    }
