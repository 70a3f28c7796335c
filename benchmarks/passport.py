"""How long a virtual passport with a face of 15 kB takes: whole reads through a real pcscd, per way of opening it."""

from __future__ import annotations

import statistics
import time

from devices.api import Authenticity, CardKeys, Deadline, Private, TravelDocument
from devices.drivers.card_pcsc import PcscCardReader
from devices.sim.chips.passport import PASSPORTS
from devices.wire.mrz import encode_mrz
from tests.fixtures.pcsc import READER, CardRig, PcscHost

ROUNDS = 7
VARIANTS = ("bac", "pace", "pace_256", "large")
GOAL_S = 0.5  # for `bac` and `pace`; the others are told, not judged


def run() -> dict[str, dict[str, object]]:
    """Return the figures: the median of some reads by the driver, from the card's being there to its document."""
    figures: dict[str, dict[str, object]] = {}
    host = PcscHost()
    try:
        host.start()
        with host.card("passport", "--out") as process:
            rig = CardRig(host, process)
            for variant in VARIANTS:
                ms, commands = _median_ms(rig, variant)
                is_judged = variant in VARIANTS[:2]
                figures[f"passport_{variant}"] = {
                    "value": round(ms / 1000 / GOAL_S, 3),
                    "unit": "x (of the goal)",
                    "ours": round(ms, 1),
                    "theirs": GOAL_S * 1000,
                    "peer": f"{commands} commands, face of {PASSPORTS[variant].face_bytes} bytes, real pcscd",
                    "goal": "<= 1.00" if is_judged else "",
                    "holds": ms / 1000 <= GOAL_S if is_judged else True,
                }
            rig.close()
    finally:
        host.close()
    return figures


def _median_ms(rig: CardRig, variant: str) -> tuple[float, int]:
    """Return (median ms, commands) of reading one passport, put in anew for each read."""
    keys = CardKeys(mrz=Private(encode_mrz(PASSPORTS[variant].mrz)))
    reader = PcscCardReader(READER, order="travel")
    times = []
    try:
        for _ in range(ROUNDS):
            rig.reset()
            rig.insert(f"passport:{variant}")
            started = time.perf_counter()
            found = reader.read(Deadline(30), keys)
            times.append((time.perf_counter() - started) * 1000)
            assert isinstance(found, TravelDocument)
            assert found.authenticity is Authenticity.NO_CSCA
        return statistics.median(times), len(rig.asked())
    finally:
        reader.close()
