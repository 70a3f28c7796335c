"""The platform's contract for uploads and the commit point, over real HTTPS."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox.cases import is_case_number
from tests.fixtures.platform import LivePlatform, running_platform
from tests.fixtures.platform_terminal import CLASSIC, HYBRID, Consignment, TestTerminal, make_sid, unb64url

SCAN = (b"\xff\xd8\xff\xe0 a scan, as the platform sees it " * 9000, "image/jpeg")
SIGNATURE = (b"\x89PNG\r\n\x1a\n strokes", "image/png")


def receipt_of(answer: requests.Response) -> dict:
    return json.loads(unb64url(answer.json()["o"]))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file: every test has a terminal of its own."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture
def consignment(sender: TestTerminal) -> Consignment:
    return sender.pack({"m-bank-1": SCAN, "signature": SIGNATURE})


def test_a_submission_becomes_one_case_with_a_signed_receipt(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    sender.upload(consignment)
    answer = sender.put(consignment)
    assert answer.status_code == 201, answer.text
    receipt = receipt_of(answer)
    assert receipt["typ"] == "receipt"
    assert (receipt["sid"], receipt["dev"], receipt["seq"]) == (consignment.sid, sender.dev, 1)
    assert receipt["manifest_sha256"] == hashlib.sha256(consignment.sealed_manifest).hexdigest()
    assert is_case_number(receipt["case_number"])
    assert len(receipt["query_code"]) == 6
    assert platform.commits(consignment.sid) == 1
    assert platform.case_number(consignment.sid) == receipt["case_number"]
    parts = platform.parts(consignment.sid)
    assert parts["m-bank-1"].path.read_bytes() == SCAN[0]
    assert parts["signature"].path.read_bytes() == SIGNATURE[0]
    assert platform.manifest(consignment.sid)["item"] == "SIM-YB-0001"
    status = sender.status(consignment.sid).json()
    assert (status["state"], status["missing"], status["receipt"]) == ("committed", [], answer.json())


def test_putting_twice_gives_the_same_bytes_and_one_commit(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    sender.upload(consignment)
    first, second = sender.put(consignment), sender.put(consignment)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert platform.commits(consignment.sid) == 1
    assert platform.requests(consignment.sid) == 2


def test_concurrent_puts_serialise(platform: LivePlatform, sender: TestTerminal, consignment: Consignment) -> None:
    sender.upload(consignment)
    body = {
        "envelope": sender.sign_object("kiosk/submit/v1", consignment.envelope),
        "manifest": "",
    }
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: put_alone(sender, consignment, body["envelope"]), range(16)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [201]
    assert len({content for _, content in answers}) == 1
    assert platform.commits(consignment.sid) == 1
    assert platform.requests(consignment.sid) == 16


def put_alone(sender: TestTerminal, consignment: Consignment, envelope: dict) -> tuple[int, bytes]:
    """PUT on a connection of its own."""
    alone = TestTerminal(sender.url, sender.ca, key=sender.key, dev=sender.dev, serial=sender.serial)
    alone.token = sender.token
    try:
        answer = alone.put(consignment, envelope=envelope)
    finally:
        alone.close()
    return answer.status_code, answer.content


def test_a_put_before_the_parts_is_kept_and_names_what_is_missing(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    sender.upload(consignment, only=("signature",))
    early = sender.put(consignment)
    assert early.status_code == 202
    assert early.json() == {"state": "parts_missing", "missing": ["m-bank-1"]}
    assert early.headers["Retry-After"]
    assert sender.status(consignment.sid).json() == {"state": "parts_missing", "missing": ["m-bank-1"]}
    assert platform.commits(consignment.sid) == 0
    sender.upload(consignment, only=("m-bank-1",))
    assert sender.put(consignment).status_code == 201


def test_the_classic_suite_is_opened_though_not_published(platform: LivePlatform, sender: TestTerminal) -> None:
    assert {key["suite"] for key in sender.seal_keys} == {HYBRID}
    sender.seal_keys.append(platform.unpublished_seal_key())
    consignment = sender.pack({"signature": SIGNATURE}, suite=CLASSIC)
    sender.upload(consignment)
    assert sender.put(consignment).status_code == 201


def test_receipts_survive_a_kill_of_the_platform(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    sender.upload(consignment)
    first = sender.put(consignment)
    platform.kill()
    platform.start()
    assert sender.put(consignment).content == first.content
    assert sender.status(consignment.sid).json()["state"] == "committed"


# ── tus ────────────────────────────────────────────────────────────────────────────────────


def test_an_upload_resumes_after_a_cut(platform: LivePlatform, sender: TestTerminal) -> None:
    consignment = sender.pack({"m-bank-1": (os.urandom(700_000), "image/jpeg")})
    blob = consignment.sealed["m-bank-1"]
    digest = hashlib.sha256(blob).hexdigest()
    location = sender.create_upload(consignment.sid, "m-bank-1", digest, len(blob)).headers["Location"]
    platform.faults.next("patch", "cut", after_bytes=200_001)
    with pytest.raises(requests.ConnectionError):
        sender.patch(location, 0, blob)
    here = sender.head(location)
    offset = int(here.headers["Upload-Offset"])
    assert offset == 200_001
    assert int(here.headers["Upload-Length"]) == len(blob)
    assert here.headers["Cache-Control"] == "no-store"
    again = sender.create_upload(consignment.sid, "m-bank-1", digest, len(blob))
    assert (again.status_code, again.headers["Location"]) == (201, location)
    assert sender.patch(location, offset, blob[offset : offset + 100]).headers["Upload-Offset"] == str(offset + 100)
    assert sender.patch(location, offset + 100, blob[offset + 100 :]).status_code == 204
    assert sender.put(consignment).status_code == 201


def test_a_connection_cut_by_the_client_keeps_what_arrived(sender: TestTerminal) -> None:
    consignment = sender.pack({"m-bank-1": SCAN})
    blob = consignment.sealed["m-bank-1"]
    digest = hashlib.sha256(blob).hexdigest()
    location = sender.create_upload(consignment.sid, "m-bank-1", digest, len(blob)).headers["Location"]
    context = ssl.create_default_context(cafile=str(sender.ca))
    host, port = sender.url.removeprefix("https://").split(":")
    head = (
        f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {sender.token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(blob)}\r\n\r\n"
    )
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as line,
    ):
        line.sendall(head.encode() + blob[:50_000])
        for _ in range(500):  # bytes count as soon as they are written, before the request has ended
            if int(sender.head(location).headers["Upload-Offset"]) > 0:
                break
    for _ in range(200):  # the platform notices the cut when its loop comes round
        offset = int(sender.head(location).headers["Upload-Offset"])
        answer = sender.patch(location, offset, blob[offset:])
        if answer.status_code == 204:
            break
        assert answer.status_code in (409, 423)
    assert answer.status_code == 204
    assert offset > 0
    assert sender.put(consignment).status_code == 201


def test_a_wrong_offset_is_harmless(sender: TestTerminal, consignment: Consignment) -> None:
    blob = consignment.sealed["m-bank-1"]
    digest = hashlib.sha256(blob).hexdigest()
    location = sender.create_upload(consignment.sid, "m-bank-1", digest, len(blob)).headers["Location"]
    assert sender.patch(location, 0, blob[:1000]).status_code == 204
    for offset in (0, 999, 1001):
        answer = sender.patch(location, offset, blob[offset:])
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_conflict")
    assert sender.head(location).headers["Upload-Offset"] == "1000"


def test_tus_says_what_it_can_and_refuses_what_it_cannot(sender: TestTerminal, consignment: Consignment) -> None:
    described = sender.ask("OPTIONS", "/v1/uploads")
    assert described.status_code == 204
    assert described.headers["Tus-Version"] == "1.0.0"
    assert "creation" in described.headers["Tus-Extension"].split(",")
    assert described.headers["Tus-Max-Size"] == str(64 * 1024 * 1024)
    assert sender.ask("POST", "/v1/uploads", headers={"Upload-Length": "5"}).status_code == 412
    sid = consignment.sid
    too_large = sender.create_upload(sid, "m-bank-1", "0" * 64, 64 * 1024 * 1024 + 1)
    assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")
    for part, sha256 in (("../x", "0" * 64), ("m-bank-1", "0" * 63)):
        assert sender.create_upload(sid, part, sha256, 5).status_code == 400
    made = sender.create_upload(sid, "m-bank-1", "0" * 64, 5)
    assert made.headers["Tus-Resumable"] == "1.0.0"
    assert made.headers["Upload-Expires"].endswith("GMT")
    location = made.headers["Location"]
    assert sender.patch(location, 0, b"123456").status_code == 400
    wrong_type = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "text/plain"}
    assert sender.ask("PATCH", location, headers=wrong_type, data=b"1").status_code == 415
    assert sender.head("/v1/uploads/0000").status_code == 404


def test_bytes_of_another_hash_are_thrown_away_and_twice_is_for_good(sender: TestTerminal) -> None:
    location = sender.create_upload(make_sid(), "m-bank-1", "0" * 64, 5).headers["Location"]
    first = sender.patch(location, 0, b"12345")
    assert (first.status_code, first.json()["code"]) == (410, "upload_spoiled")
    assert sender.head(location).headers["Upload-Offset"] == "0"
    second = sender.patch(location, 0, b"12345")
    assert (second.status_code, second.json()["code"]) == (422, "hash_mismatch")


def test_an_upload_belongs_to_its_device(
    platform: LivePlatform, sender: TestTerminal, new_sender: Callable[[], TestTerminal]
) -> None:
    other = new_sender()
    other.enrol(platform.create_code())
    location = sender.create_upload(make_sid(), "m-bank-1", "0" * 64, 5).headers["Location"]
    assert other.head(location).status_code == 404
    assert other.patch(location, 0, b"12345").status_code == 404


# ── what is refused ────────────────────────────────────────────────────────────────────────


def refusal(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_manifest_of_another_hash_is_refused(sender: TestTerminal, consignment: Consignment) -> None:
    sender.upload(consignment)
    consignment.sealed_manifest = sender.seal_one(consignment.sid, consignment.seq, "manifest", b"{}")
    assert refusal(sender.put(consignment)) == (422, "hash_mismatch")
    assert sender.status(consignment.sid).json() == {"state": "refused", "missing": [], "code": "hash_mismatch"}


@pytest.mark.parametrize("key", ["plain_sha256", "sealed_sha256", "bytes"])
def test_a_manifest_that_lists_something_else_is_refused(
    platform: LivePlatform, sender: TestTerminal, key: str
) -> None:
    sid = make_sid()
    sealed = sender.seal_one(sid, 1, "signature", SIGNATURE[0])
    entry = {
        "part": "signature",
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
        "plain_sha256": hashlib.sha256(SIGNATURE[0]).hexdigest(),
        "bytes": len(SIGNATURE[0]),
        "mime": "image/png",
    }
    entry[key] = 1 if key == "bytes" else "0" * 64
    consignment = sender.pack({}, {"parts": [entry]}, sid, 1)
    consignment.sealed["signature"] = sealed
    listed = {"part": "signature", "sha256": hashlib.sha256(sealed).hexdigest(), "bytes": len(sealed)}
    consignment.envelope["parts"] = [listed]
    sender.upload(consignment)
    assert refusal(sender.put(consignment)) == (422, "hash_mismatch")
    assert platform.commits(sid) == 0


def test_a_part_moved_from_another_submission_is_unreadable(sender: TestTerminal) -> None:
    first, second = sender.pack({"signature": SIGNATURE}), sender.pack({"signature": SIGNATURE})
    moved = first.sealed["signature"]
    digest = hashlib.sha256(moved).hexdigest()
    entry = {
        "part": "signature", "sealed_sha256": digest, "plain_sha256": hashlib.sha256(SIGNATURE[0]).hexdigest(),
        "bytes": len(SIGNATURE[0]), "mime": "image/png",
    }  # fmt: skip
    again = sender.pack({}, {"parts": [entry]}, second.sid, second.seq)
    again.sealed["signature"] = moved
    again.envelope["parts"] = [{"part": "signature", "sha256": digest, "bytes": len(moved)}]
    sender.upload(again)
    assert refusal(sender.put(again)) == (422, "unreadable")


def test_what_is_not_sealed_for_the_platform_is_unreadable(sender: TestTerminal, consignment: Consignment) -> None:
    sender.upload(consignment)
    raw = bytearray(consignment.sealed_manifest)
    raw[-1] ^= 1
    consignment.sealed_manifest = bytes(raw)
    consignment.envelope["manifest"]["sha256"] = hashlib.sha256(raw).hexdigest()
    assert refusal(sender.put(consignment)) == (422, "unreadable")


def test_a_bad_signature_is_refused(sender: TestTerminal, consignment: Consignment) -> None:
    sender.upload(consignment)
    good = sender.sign_object("kiosk/submit/v1", consignment.envelope)
    other_purpose = sender.sign_object("kiosk/heartbeat/v1", consignment.envelope)
    other_sid = sender.sign_object("kiosk/submit/v1", consignment.envelope | {"sid": make_sid()})
    other_dev = sender.sign_object("kiosk/submit/v1", consignment.envelope | {"dev": "K-999999"})
    unknown = sender.sign_object("kiosk/submit/v1", consignment.envelope, kid="abc123")
    flipped = good | {"sig": ("A" if good["sig"][0] != "A" else "B") + good["sig"][1:]}
    for wire in (other_purpose, other_sid, other_dev, unknown, flipped, {}, None, good | {"x": "y"}):
        assert refusal(sender.put(consignment, envelope=wire)) == (422, "bad_signature")
    assert sender.put(consignment, envelope=good).status_code == 201


def test_another_device_cannot_send_in_my_name(
    platform: LivePlatform,
    sender: TestTerminal,
    consignment: Consignment,
    new_sender: Callable[[], TestTerminal],
) -> None:
    other = new_sender()
    other.enrol(platform.create_code())
    stolen = sender.sign_object("kiosk/submit/v1", consignment.envelope)
    forged = {**stolen, "sig": other.sign_object("kiosk/submit/v1", consignment.envelope)["sig"]}
    assert refusal(other.put(consignment, envelope=forged)) == (422, "bad_signature")
    assert other.put(consignment, envelope=stolen).status_code == 202  # a courier brings it whole, or to no effect
    sender.upload(consignment)
    assert sender.put(consignment).status_code == 201
    assert refusal(other.status(consignment.sid)) == (404, "unknown_submission")


def test_an_id_with_other_bytes_is_refused(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    sender.upload(consignment)
    first = sender.put(consignment)
    changed = sender.pack({"signature": SIGNATURE}, sid=consignment.sid)
    sender.upload(changed)
    assert refusal(sender.put(changed)) == (422, "id_reused")
    assert sender.put(consignment).content == first.content
    assert platform.commits(consignment.sid) == 1


def test_a_sequence_number_used_twice_is_refused_and_alarmed(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    sender.upload(consignment)
    assert sender.put(consignment).status_code == 201
    clone = sender.pack({"signature": SIGNATURE}, seq=consignment.seq)
    sender.upload(clone)
    assert refusal(sender.put(clone)) == (422, "seq_reused")
    gap = sender.pack({"signature": SIGNATURE}, seq=consignment.seq + 3)
    sender.upload(gap)
    assert sender.put(gap).status_code == 201
    mine = [note for note in platform.notes() if note[0] == sender.dev]
    assert mine == [(sender.dev, "seq_reused", "seq 1"), (sender.dev, "seq_gap", "2..3")]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "wish"},
        {"seq": 0},
        {"manifest": {"sha256": "x", "bytes": 1}},
        {"parts": "none"},
        {"parts": [{"part": "manifest", "sha256": "0" * 64, "bytes": 1}]},
        {"parts": [{"part": "b", "sha256": "0" * 64, "bytes": 1}, {"part": "a", "sha256": "0" * 64, "bytes": 1}]},
    ],
)
def test_a_signed_envelope_that_makes_no_sense_is_unreadable(sender: TestTerminal, changes: dict) -> None:
    consignment = sender.pack({})
    consignment.envelope.update(changes)
    assert refusal(sender.put(consignment)) == (422, "unreadable")


@pytest.mark.parametrize("manifest", [{"v": 2}, {"item": "SIM-OTHER", "sid": make_sid()}, {"parts": [1]}])
def test_a_manifest_that_makes_no_sense_is_unreadable(sender: TestTerminal, manifest: dict) -> None:
    consignment = sender.pack({}, manifest)
    assert refusal(sender.put(consignment)) == (422, "unreadable")


def test_too_large_and_malformed_bodies_are_refused(sender: TestTerminal, consignment: Consignment) -> None:
    path = f"/v1/submissions/{consignment.sid}"
    assert refusal(sender.ask("PUT", path, data=b"{" + b" " * 1024 * 1024)) == (413, "too_large")
    assert refusal(sender.ask("PUT", path, data=b"{not json")) == (400, "bad_request")
    assert refusal(sender.ask("PUT", path, data=b"[]")) == (400, "bad_request")
    assert refusal(sender.ask("PUT", "/v1/submissions/1", json={})) == (400, "bad_request")
    assert refusal(sender.status(make_sid())) == (404, "unknown_submission")
