"""Every answer of the status table, and every receipt that is none (queue-and-sync.md §10)."""

from __future__ import annotations

import msgspec
import pytest

from offline_queue.api import (
    Answer,
    AnswerFault,
    Busy,
    Cause,
    Line,
    PauseReason,
    Refused,
    SignedObject,
    State,
    Unauthorised,
    Unreachable,
)
from tests.fixtures.queue import Bench, make_sid

# ── the status table, §10 ───────────────────────────────────────────────────────────────────

KEPT = Answer("processing", retry_after_s=None, status=202)
ROWS = [
    # answer, cause, attempts, wait, last code
    pytest.param(Answer("committed"), "bad_receipt", 1, 2.0, "bad_receipt", id="2xx without receipt"),
    pytest.param(AnswerFault("not_json"), "bad_receipt", 1, 2.0, "bad_receipt", id="2xx that is none of ours"),
    pytest.param(Answer("gone fishing"), "bad_receipt", 1, 2.0, "bad_receipt", id="2xx with an unknown state"),
    pytest.param(KEPT, "waiting", 0, 5.0, "processing", id="202 without Retry-After"),
    pytest.param(msgspec.structs.replace(KEPT, retry_after_s=9.0), "waiting", 0, 9.0, "processing", id="202"),
    pytest.param(
        Answer("parts_missing", None, ("no-such",)), "waiting", 0, 5.0, "parts_missing", id="202 missing nothing"
    ),
    pytest.param(Busy("in_progress", None, 409), "waiting", 0, 5.0, "in_progress", id="409 on PUT"),
    pytest.param(Busy("", 8.0, 423), "waiting", 0, 8.0, "busy", id="423"),
    pytest.param(Busy("busy", 30.0, 429), "waiting", 0, 30.0, "busy", id="429"),
    pytest.param(Busy("busy", 1e9, 503), "waiting", 0, 3600.0, "busy", id="503 is capped at an hour"),
    pytest.param(Busy("busy", float("nan"), 503), "waiting", 0, 5.0, "busy", id="503 with nonsense"),
    pytest.param(Unreachable("gateway", status=412), "unreachable", 1, 2.0, "gateway", id="412"),
    pytest.param(Unreachable("gateway", status=413), "unreachable", 1, 2.0, "gateway", id="413 without our code"),
    pytest.param(Refused("no_such_code", 422), "unreachable", 1, 2.0, "no_such_code", id="422 with a foreign code"),
    pytest.param(Refused("", 422), "unreachable", 1, 2.0, "gateway", id="422 without a code"),
    pytest.param(Refused("busy", 422), "unreachable", 1, 2.0, "busy", id="422 with a code that is not terminal"),
    pytest.param(Unreachable("server_error", status=500), "unreachable", 1, 2.0, "server_error", id="500"),
    pytest.param(Unreachable("gateway", status=408), "unreachable", 1, 2.0, "gateway", id="408"),
    pytest.param(Unreachable("storage_full", status=507), "unreachable", 1, 2.0, "storage_full", id="507"),
    pytest.param(Unreachable("timeout"), "unreachable", 1, 2.0, "unreachable", id="timeout"),
    pytest.param(Unreachable("gateway", status=404), "unreachable", 1, 2.0, "gateway", id="404 on PUT from a gateway"),
]


@pytest.mark.parametrize(("answer", "cause", "attempts", "wait_s", "code"), ROWS)
def test_an_answer_that_is_not_final_brings_the_item_back(rig, answer, cause, attempts, wait_s, code):
    sid = rig.put()
    rig.platform.script["put"] = [answer]
    rig.loop.step()
    entry = rig.entry()
    assert (rig.state(), rig.causes()[-1]) == (State.READY, cause)
    assert (entry.attempts, rig.wait_s(), entry.last_code) == (attempts, wait_s, code)
    assert rig.store.stats().pause is BREAKER.get(getattr(answer, "status", 0), PauseReason.NONE)
    rig.drain(turn_s=1000)
    assert rig.platform.commits == {sid: 1}, "and it takes effect once in the end"
    assert rig.store.stats().pause is PauseReason.NONE


BREAKER = {429: PauseReason.OVERLOADED, 503: PauseReason.MAINTENANCE}
TERMINAL = (
    "id_reused",
    "bad_signature",
    "hash_mismatch",
    "unreadable",
    "seq_reused",
    "refused",
    "too_large",
    "correction_closed",
    "already_rated",
)


@pytest.mark.parametrize("code", TERMINAL)
def test_a_terminal_code_of_ours_makes_a_dead_letter(rig, code):
    sid = rig.put(1)
    rig.put(2)
    rig.platform.script["put"] = [Refused(code, 422)]
    rig.loop.step()
    outcome = rig.store.find(sid)
    assert (outcome.state, outcome.dead_reason) == (State.DEAD, code)
    assert (rig.changes[-1].old, rig.changes[-1].cause) == (State.SENDING, "refused")
    rig.loop.step()
    assert rig.state(2) is State.DELIVERED, "one bad item never blocks the rest"


def test_a_terminal_answer_to_an_upload_makes_a_dead_letter_too(rig):
    rig.put()
    rig.platform.script["upload"] = [Refused("too_large", 413)]
    rig.loop.step()
    assert (rig.changes[-1].old, rig.changes[-1].new) == (State.CLAIMED, State.DEAD)
    assert not rig.store.find(make_sid(1)).sent_once


PAUSES = [
    pytest.param(Unauthorised("bad_assertion", 401), PauseReason.UNAUTHORISED, id="401"),
    pytest.param(Unauthorised("clock_skew", 401), PauseReason.UNAUTHORISED, id="401 clock_skew again"),
    pytest.param(Unauthorised("device_suspended", 403), PauseReason.SUSPENDED, id="403 suspended"),
    pytest.param(Unauthorised("not_enrolled", 0), PauseReason.NOT_ENROLLED, id="not enrolled"),
    pytest.param(Unreachable("portal", status=302, pause=PauseReason.PORTAL), PauseReason.PORTAL, id="3xx, HTML"),
    pytest.param(Unreachable("certificate_time", pause=PauseReason.CLOCK), PauseReason.CLOCK, id="certificate dates"),
]


@pytest.mark.parametrize(("error", "pause"), PAUSES)
@pytest.mark.parametrize("operation", ["upload", "put"])
def test_an_answer_that_pauses_keeps_the_item_and_ends_by_itself(rig, error, pause, operation):
    sid = rig.put(1)
    rig.put(2)
    rig.platform.script[operation] = [error]
    rig.loop.step()
    assert (rig.state(), rig.causes()[-1], rig.entry().attempts) == (State.READY, "paused", 0)
    assert rig.store.stats().pause is pause
    assert rig.loop.line == rig.lines[-1] == Line(is_reachable=error.__class__ is Unauthorised, pause=pause)
    calls = len(rig.platform.calls)
    assert rig.loop.step() > 0
    assert len(rig.platform.calls) == calls, "nothing goes out while it stands still"
    rig.drain(turn_s=1000)
    assert rig.store.stats().pause is PauseReason.NONE
    assert rig.platform.commits == {sid: 1, make_sid(2): 1}


def test_a_revoked_device_waits_for_a_person(rig):
    sid = rig.put()
    rig.platform.script["put"] = [Unauthorised("device_revoked", 403)]
    rig.loop.step()
    calls = len(rig.platform.calls)
    for _ in range(20):
        rig.clock.turn(3600)
        rig.loop.nudge(sid)
        assert rig.loop.step() > 0
    assert len(rig.platform.calls) == calls
    rig.loop = rig.start()
    assert rig.loop.step() > 0, "a restart does not help either"
    rig.loop.resume()
    rig.drain()
    assert rig.platform.commits == {sid: 1}


def test_a_pause_that_comes_again_is_told_once(rig):
    rig.put()
    rig.platform.script["upload"] = [Unauthorised("bad_assertion", 401)] * 3
    for _ in range(3):
        rig.loop.step()
        rig.clock.turn(1000)
    assert [line.pause for line in rig.lines] == [PauseReason.UNAUTHORISED]
    rig.drain()
    assert [line.pause for line in rig.lines] == [PauseReason.UNAUTHORISED, PauseReason.NONE]


def test_an_upload_that_the_platform_forgot_starts_from_nothing(rig):
    rig.put()
    rig.platform.script["upload"] = ["drop_reply", Unreachable("upload_gone", status=410)]
    rig.loop.step()
    rig.clock.turn(5)
    rig.loop.step()
    assert (rig.causes()[-1], rig.entry().last_code, rig.entry().last_status) == ("waiting", "upload_gone", 410)
    assert rig.entry().attempts == 1, "only the cut counted"
    item = rig.store.claim(make_sid(1), is_due_waived=True)
    assert (item.parts[0].upload_url, item.parts[0].acked_offset) == ("", 0)
    rig.store.release(item.sid, Cause.INTERRUPTED)
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1}


def test_parts_that_the_platform_lost_are_brought_again(rig):
    sid = rig.put()
    inner = rig.platform.put

    def put(item, meanwhile):
        rig.platform.uploads.pop((sid, "scan-1"), None)
        rig.platform.put = inner
        return inner(item, meanwhile)

    rig.platform.put = put
    rig.loop.step()
    assert rig.state() is State.DELIVERED
    assert [name for name, _ in rig.platform.calls] == ["upload", "upload", "put", "upload", "put"]


def test_a_platform_that_never_has_enough_is_left_alone_for_a_while(rig):
    rig.put()
    rig.platform.script["put"] = [Answer("parts_missing", None, ("scan-0",), 3.0, 202)] * 3
    rig.loop.step()
    assert (rig.state(), rig.wait_s(), rig.entry().last_code) == (State.READY, 3.0, "parts_missing")


def test_missing_parts_named_by_the_status_are_brought_before_the_put(rig):
    rig.put()
    rig.platform.script["put"] = [Unreachable("timeout")]
    rig.platform.script["status"] = [Answer("parts_missing", None, ("scan-1",))]
    rig.loop.step()
    rig.platform.calls.clear()
    rig.drain()
    assert [name for name, _ in rig.platform.calls if name != "probe"] == ["status", "upload", "put"]


# ── receipts ────────────────────────────────────────────────────────────────────────────────


def _forgeries(bench: Bench):
    other = Bench(bench.folder / "other")
    make = bench.platform.make_receipt

    def sha(receipt: SignedObject) -> str:
        return msgspec.json.decode(receipt.object)["manifest_sha256"]

    return {
        "wrong key": lambda r: other.platform.make_receipt(make_sid(1), 1, sha(r)),
        "wrong sid": lambda r: make(make_sid(2), 1, sha(r)),
        "wrong seq": lambda r: make(make_sid(1), 2, sha(r)),
        "wrong device": lambda r: make(make_sid(1), 1, sha(r), dev="K-999999"),
        "wrong hash": lambda r: make(make_sid(1), 1, "00" * 32),
        "old kid": lambda r: SignedObject(r.object, "r-0", r.signature),
        "DER": lambda r: SignedObject(r.object, r.kid, b"\x30\x44" + r.signature),
        "truncated": lambda r: SignedObject(r.object[:-1], r.kid, r.signature),
        "none": lambda r: None,
    }


@pytest.mark.expected_log("no valid receipt 3 times")
@pytest.mark.parametrize(
    "forgery",
    ["wrong key", "wrong sid", "wrong seq", "wrong device", "wrong hash", "old kid", "DER", "truncated", "none"],
)
def test_a_forged_receipt_never_delivers(rig, bench, forgery):
    sid = rig.put()
    rig.platform.forge = _forgeries(bench)[forgery]
    for _ in range(8):
        rig.loop.step()
        rig.clock.turn(1000)
    assert rig.state() is State.READY
    assert rig.entry().attempts >= 4
    assert rig.store.shreddable(1e12) == ()
    rig.platform.forge = lambda receipt: receipt
    rig.drain()
    assert rig.platform.commits == {sid: 1}
    assert rig.state() is State.SHREDDED


@pytest.mark.expected_log("defect at")
def test_a_verifier_that_errs_is_caught_by_the_store(rig):
    rig.put()
    receipt = rig.bench.verifier.verify_receipt

    def careless(*facts):
        return msgspec.structs.replace(receipt(*facts), sid=make_sid(2))

    rig.bench.verifier.verify_receipt = careless
    rig.loop.step()
    assert (rig.state(), rig.causes()[-1], rig.entry().last_code) == (State.READY, "defect", "receipt_mismatch")


def test_a_dead_letter_whose_receipt_arrives_late_is_delivered(rig):
    sid = rig.put(1)
    for number in (2, 3, 4):
        rig.put(number)
    rig.platform.script["put"] = [Refused("refused", 422)] * 4
    for _ in range(4):
        rig.loop.step()
    item = rig.store.dead_letters()[0]
    rig.platform.receipts[sid] = rig.platform.make_receipt(sid, 1, item.manifest_sha256)
    rig.platform.receipts[make_sid(2)] = SignedObject(b"{}", "r-1", bytes(64))
    rig.platform.refusals[make_sid(3)] = "refused"
    rig.platform.script["status"] = [Unreachable("timeout")]
    rig.clock.turn(6 * 3600)
    rig.loop.step()
    assert rig.state() is State.DEAD, "the line failed: next time"
    rig.clock.turn(6 * 3600)
    rig.loop.step()
    assert (rig.state(), rig.causes()[-1]) == (State.DELIVERED, "late_receipt")
    assert [rig.state(number) for number in (2, 3, 4)] == [State.DEAD] * 3
