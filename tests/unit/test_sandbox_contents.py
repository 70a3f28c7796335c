"""What a device signs has the form of the contract, or is refused for good; our own terminal's words have it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.central.commands import Outcome, Result
from kiosk.central.heartbeat import Pulse, compose_heartbeat
from kiosk.station.audit_format import Head
from offline_queue.api import EnvelopeFacts, Kind, PartFacts, QueueStats
from offline_queue.envelope import build_envelope
from offline_queue.seal import SealHeader
from sandbox.api.described import PARTS_MAX, Beat, Envelope
from sandbox.openapi import PATH
from sandbox.problems import Problem
from sandbox.pulse import verify_heartbeat
from tests.fixtures.platform_terminal import make_sid
from tests.unit.test_sandbox_keeping import Desk

HASH = "ab" * 32
LONGEST_PART = "m" * 48
OTHER_ENVELOPES: list[dict[str, Any]] = [
    {"ts": None}, {"ts": -1}, {"after": [1]}, {"after": "x"}, {"void": "x"}, {"void": [0]}, {"prev": 1}, {"seq": True},
    {"seq": 0}, {"kind": "x"}, {"item": "x" * 65}, {"clk": "late"}, {"cat": None}, {"app": "x" * 201},
    {"manifest": {"sha256": HASH.upper(), "bytes": 1}}, {"manifest": {"sha256": HASH, "bytes": 0}}, {"parts": None},
    {"parts": [{"part": "manifest", "sha256": HASH, "bytes": 1}]},
    {"parts": [{"part": "A", "sha256": HASH, "bytes": 1}]},
    {"parts": [{"part": LONGEST_PART + "m", "sha256": HASH, "bytes": 1}]},
    {"parts": [{"part": "a", "sha256": HASH, "bytes": 1}] * 2},
    {"parts": [{"part": f"m-{n:03d}", "sha256": HASH, "bytes": 1} for n in range(PARTS_MAX + 1)]},
]  # fmt: skip
OTHER_BEATS: list[dict[str, Any]] = [
    {"n": -1}, {"devices": [1]}, {"devices": {"printer": 1}}, {"typ": "time"}, {"faults": "x"}, {"faults": [1]},
    {"disk_free": -1}, {"clk_offset_ms": "3"}, {"audit": None}, {"audit": {"n": -1, "h": ""}}, {"app": "x" * 201},
    {"results": [{"id": "x", "outcome": "perhaps"}]}, {"policy": None}, {"queue": None},
    {"queue": {"ready": -1, "dead": 0, "bytes": 0, "oldest": 0}},
    {"queue": {"ready": 0, "dead": 0, "bytes": 0, "oldest": None}}, {"queue": {"ready": 0}},
]  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_an_envelope_outside_the_contract_is_refused_for_good(desk: Desk) -> None:
    for change in OTHER_ENVELOPES:
        packed = desk.device.pack({})
        packed.envelope.update(change)
        with pytest.raises(Problem) as refused:
            desk.put(packed)
        assert (refused.value.status, refused.value.code) == (422, "unreadable"), change
        assert desk.platform.store.find_submission(desk.device.dev, packed.sid) is None
        desk.device.seq -= 1  # nothing of it was kept: its number is free
    assert desk.put(desk.device.pack({})) == 201


def test_a_heartbeat_outside_the_contract_is_refused_for_good(desk: Desk) -> None:
    for change in OTHER_BEATS:
        body = desk.device.sign_object("kiosk/heartbeat/v1", desk.device.compose_beat(9) | change)
        with pytest.raises(Problem) as refused:
            verify_heartbeat(desk.platform, desk.device.dev, body)
        assert (refused.value.status, refused.value.code) == (422, "unreadable"), change


def test_our_own_terminal_says_what_the_contract_asks() -> None:
    queue = QueueStats(3, 1, 2, 1, 0, 9, "2026-11-23T10:00:00+08:00", free_bytes=10)
    pulse = Pulse(
        "0.1.0", "2017.1", queue, Head(4, HASH), {"printer": "online"}, results=(Result("c-1", Outcome.DONE),)
    )
    for one in (pulse, msgspec.structs.replace(pulse, queue=QueueStats(0, 0, 0, 0, 0, 0, ""), audit=Head(0, ""))):
        msgspec.convert(compose_heartbeat(one, "K-000001", 7, -0.25), Beat)
    sid = make_sid()
    header = SealHeader(sid=sid, dev="K-000001", part="manifest", seq=1, ts=1, cat="2017.1")
    parts = tuple(PartFacts(name, HASH, 1, HASH, 1) for name in (LONGEST_PART, "signature"))
    for facts in (
        EnvelopeFacts(Kind.SUBMISSION, "SIM-MZ-0008", "2017.1", "0.1.0", 1, True),
        EnvelopeFacts(Kind.RATING, "rating", "2017.1", "0.1.0", 1, False, HASH, make_sid()),
    ):
        said = json.loads(build_envelope(header, facts, parts, b"sealed", "ab12", stale_kid="seal-2025"))
        assert set(said) <= {field.encode_name for field in msgspec.structs.fields(Envelope)}
        msgspec.convert(said, Envelope)


def test_the_longest_part_fits_into_an_upload_and_its_name_means_the_same_everywhere() -> None:
    document = json.loads(Path(PATH).read_text("utf-8"))
    pairs = {"sid": make_sid(), "part": LONGEST_PART, "sha256": HASH}
    metadata = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in pairs.items())
    asked = {one["name"]: one["schema"] for one in document["paths"]["/uploads"]["post"]["parameters"]}
    assert len(metadata) <= asked["Upload-Metadata"]["maxLength"]
    schemas = document["components"]["schemas"]
    name = schemas["PartFacts"]["properties"]["part"]
    assert name == schemas["PartsMissing"]["properties"]["missing"]["items"]
    assert re.search(name["pattern"], LONGEST_PART)
    assert not re.search(name["pattern"], "M.bank_1")
    lists = (schemas["Envelope"]["properties"]["parts"], schemas["SubmissionState"]["properties"]["missing"])
    assert [one["maxItems"] for one in lists] == [PARTS_MAX, PARTS_MAX]
