"""The sync loop, one step at a time: every answer of the status table, every way the line can fail."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import msgspec
import pytest

from offline_queue.api import (
    Answer,
    AnswerFault,
    Busy,
    Cause,
    Change,
    Line,
    PauseReason,
    QueueError,
    Refused,
    SignedObject,
    State,
    StoreCorrupt,
    Unauthorised,
    Unreachable,
)
from offline_queue.backoff import bounded_wait, full_jitter
from offline_queue.line import Pace
from offline_queue.retention import Retention
from offline_queue.sync import SyncLoop
from tests.fixtures.queue import Bench, build_manifest, make_facts, make_parts, make_sid


class Highest(random.Random):
    """Jitter at its upper end, so that due times can be told."""

    def uniform(self, low: float, high: float) -> float:
        return high


class Rig:
    """A bench with an open store and a loop that is stepped by hand."""

    def __init__(self, bench: Bench, **options: object) -> None:
        self.bench = bench
        self.clock = bench.clock
        self.platform = bench.platform
        self.store = bench.open()
        self.changes: list[Change] = []
        self.lines: list[Line] = []
        self.loop = self.start(**options)

    def start(self, **options: object) -> SyncLoop:
        values = {"rng": Highest(), "on_line": self.lines.append, **options}
        return SyncLoop(self.store, self.platform, self.bench.verifier, self.clock, self.changes.append, **values)

    def put(self, number: int = 1, **changes: object) -> str:
        self.bench.put(self.store, number, **changes)
        return make_sid(number)

    def state(self, number: int = 1) -> State:
        return self.store.find(make_sid(number)).state

    def entry(self, number: int = 1):
        return next(entry for entry in self.store.entries() if entry.outcome.sid == make_sid(number))

    def wait_s(self) -> float:
        return self.store.wait_s() or 0.0

    def causes(self) -> list[str]:
        return [change.cause for change in self.changes]

    def drain(self, turn_s: float = 1.0) -> None:
        """Step and let time pass until nothing waits any more; bounded."""
        for _ in range(400):
            wait_s = self.loop.step()
            stats = self.store.stats()
            if not stats.ready and not stats.sending:
                self.loop.step()
                return
            self.clock.turn(min(max(wait_s, 0.0), turn_s))
        raise AssertionError("the queue did not drain")


@pytest.fixture
def rig(bench: Bench) -> Rig:
    return Rig(bench)


# ── the straight way ────────────────────────────────────────────────────────────────────────


def test_a_submission_is_delivered_once_and_shredded(rig):
    sid = rig.put()
    assert rig.loop.step() == 0.0
    outcome = rig.store.find(sid)
    assert (outcome.state, outcome.case_number, outcome.query_code) == (State.DELIVERED, "JX00000001", "4821")
    assert rig.loop.step() == Pace().idle_s
    assert rig.state() is State.SHREDDED
    assert rig.causes() == ["claimed", "sending", "receipt", "shredded"]
    assert [(c.old, c.new) for c in rig.changes][-1] == (State.DELIVERED, State.SHREDDED)
    assert rig.platform.commits == {sid: 1}
    assert list(rig.platform.plain[sid].values()) == [part.data for part in make_parts(seed=1)]


def test_the_submission_of_the_visit_goes_first(rig):
    for number in (1, 2, 3):
        rig.put(number)
    rig.loop.nudge(make_sid(3))
    rig.drain()
    assert [change.sid for change in rig.changes if change.new is State.DELIVERED] == [
        make_sid(3),
        make_sid(1),
        make_sid(2),
    ]


def test_a_nudge_interrupts_the_upload_of_another(rig):
    rig.put(1)
    rig.put(2)
    interrupted = []

    def upload(sid, part, progress, inner=rig.platform.upload):
        if sid == make_sid(1) and not interrupted:
            interrupted.append(sid)
            rig.loop.nudge(make_sid(2))
        inner(sid, part, progress)

    rig.platform.upload = upload
    rig.loop.step()
    assert (rig.state(1), rig.causes()[-1]) == (State.READY, "interrupted")
    assert rig.entry(1).attempts == 0
    rig.loop.step()
    assert rig.state(2) is State.DELIVERED
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1, make_sid(2): 1}


def test_a_nudge_waives_the_due_time_once(rig):
    rig.put()
    rig.platform.script["put"] = [Busy("in_progress", 600, 409)]
    rig.loop.step()
    assert rig.loop.step() > 0
    rig.loop.nudge(make_sid(1))
    assert rig.loop.step() == 0.0
    assert rig.state() is State.DELIVERED


# ── leased ahead, with the receipt of the one before ────────────────────────────────────────


def test_a_receipt_and_the_next_lease_take_one_transaction(rig):
    for number in (1, 2, 3):
        rig.put(number)
    rig.loop.step()
    assert [rig.state(number) for number in (1, 2, 3)] == [State.DELIVERED, State.CLAIMED, State.READY]
    rig.drain()
    assert rig.platform.commits == {make_sid(number): 1 for number in (1, 2, 3)}
    assert rig.causes().count("claimed") == 3


def test_what_was_leased_ahead_gives_way_to_the_visit(rig):
    rig.put(1)
    rig.put(2)
    rig.loop.step()
    assert rig.state(2) is State.CLAIMED
    rig.put(3)
    rig.loop.nudge(make_sid(3))
    rig.loop.step()
    assert [rig.state(number) for number in (2, 3)][1] is State.DELIVERED
    rig.drain()
    assert [change.sid for change in rig.changes if change.new is State.DELIVERED] == [
        make_sid(1),
        make_sid(3),
        make_sid(2),
    ]
    assert rig.platform.commits == {make_sid(number): 1 for number in (1, 2, 3)}


@pytest.mark.expected_log("receipt_mismatch")
def test_a_mismatched_receipt_leases_nothing(rig, bench):
    rig.put(1)
    rig.put(2)

    class Gullible:
        def verify_receipt(self, signed, sid, dev, seq, manifest_sha256):
            receipt = bench.verifier.verify_receipt(signed, sid, dev, seq, manifest_sha256)
            return msgspec.structs.replace(receipt, manifest_sha256="0" * 64)

    loop = SyncLoop(rig.store, rig.platform, Gullible(), rig.clock, rig.changes.append, rng=Highest())
    loop.step()
    assert (rig.state(1), rig.state(2)) == (State.READY, State.READY)


def test_what_was_leased_ahead_comes_back_after_a_kill(rig):
    rig.put(1)
    rig.put(2)
    rig.loop.step()
    assert rig.state(2) is State.CLAIMED
    rig.store.close()
    rig.store = rig.bench.open()
    assert (rig.state(1), rig.state(2)) == (State.DELIVERED, State.READY)


def test_what_was_leased_ahead_comes_back_when_the_loop_stops(rig):
    rig.put(1)
    rig.put(2)
    delivered, asked = threading.Event(), threading.Event()

    def listen(change: Change) -> None:
        if change.new is State.DELIVERED:
            delivered.set()
            assert asked.wait(30)

    loop = SyncLoop(rig.store, rig.platform, rig.bench.verifier, rig.clock, listen, pace=QUICK)
    loop.start()
    assert delivered.wait(30)
    assert rig.state(2) is State.CLAIMED
    assert not loop.stop(0.0)  # it hears of it before it goes on
    asked.set()
    assert loop.stop()
    assert (rig.state(1), rig.state(2)) == (State.DELIVERED, State.READY)


# ── resuming ───────────────────────────────────────────────────────────────────────────────


def test_an_upload_resumes_where_it_was_cut(rig, bench):
    rig.store.put(make_sid(1), make_parts((300_000,)), build_manifest(), make_facts(), bench.opener.keys)
    rig.platform.script["upload"] = ["drop_reply"]
    rig.loop.step()
    assert (rig.state(), rig.entry().attempts, rig.entry().last_code) == (State.READY, 1, "unreachable")
    offsets = []

    def upload(sid, part, progress, inner=rig.platform.upload):
        offsets.append((part.upload_url != "", part.acked_offset))
        inner(sid, part, progress)

    rig.platform.upload = upload
    rig.drain()
    assert offsets == [(True, 0)], "the address was saved before the first byte"
    assert rig.platform.commits == {make_sid(1): 1}


def test_a_lost_last_acknowledgement_counts_as_uploaded(rig):
    rig.put()

    def upload(sid, part, progress):
        rig.platform.uploads[sid, part.name] = Path(part.path).read_bytes()
        progress("https://platform/u", 0)

    rig.platform.upload = upload
    rig.platform.script["put"] = [Unreachable("reset")]
    rig.loop.step()
    rig.drain()
    assert rig.state() is State.SHREDDED
    assert [call for call in rig.platform.calls if call[0] == "put"] == [("put", make_sid(1))] * 2


# ── after an ambiguous PUT ──────────────────────────────────────────────────────────────────


def test_after_a_lost_reply_the_status_is_asked_first_and_nothing_is_sent_again(rig):
    sid = rig.put()
    rig.platform.script["put"] = ["drop_reply"]
    rig.loop.step()
    outcome = rig.store.find(sid)
    assert (outcome.state, outcome.sent_once) == (State.READY, True)
    before = len(rig.platform.calls)
    rig.drain()
    after = [operation for operation, _ in rig.platform.calls[before:] if operation != "probe"]
    assert after == ["status"]
    assert rig.platform.commits == {sid: 1}


def test_a_request_that_never_arrived_is_sent_again(rig):
    sid = rig.put()
    rig.platform.script["put"] = [Unreachable("timeout")]
    rig.loop.step()
    rig.drain()
    operations = [operation for operation, _ in rig.platform.calls if operation not in {"probe", "upload"}]
    assert operations == ["put", "status", "put"]
    assert rig.platform.commits == {sid: 1}


def test_a_status_that_still_processes_waits(rig):
    rig.put()
    rig.platform.script["put"] = ["drop_reply"]
    rig.platform.script["status"] = [Answer("processing", retry_after_s=7)]
    rig.loop.step()
    rig.clock.turn(2)
    rig.loop.step()
    assert (rig.state(), rig.causes()[-1], rig.wait_s()) == (State.READY, "waiting", 7)
    assert rig.entry().attempts == 1, "waiting counts as no attempt"
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1}


def test_a_refusal_in_the_status_is_checked_by_another_put(rig):
    """A technician may have had the reason repaired and sent the dead letter again."""
    sid = rig.put()
    rig.platform.script["put"] = [Refused("unreadable", 422)]
    rig.platform.refusals[sid] = "unreadable"
    rig.loop.step()
    assert rig.store.find(sid).dead_reason == "unreadable"
    rig.store.requeue(sid)
    rig.drain()
    assert rig.platform.commits == {sid: 1}


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


# ── the line ────────────────────────────────────────────────────────────────────────────────


def test_a_line_that_is_down_is_probed_and_drains_within_five_seconds_of_its_return(rig):
    for number in (1, 2, 3):
        rig.put(number)
    rig.platform.is_down = True
    rig.loop.step()
    for _ in range(200):
        rig.clock.turn(rig.loop.step())
    assert rig.loop.line == Line(is_reachable=False)
    operations = [operation for operation, _ in rig.platform.calls]
    assert operations.count("upload") == 1, "one item tried, then only light probes"
    assert operations.count("probe") >= 100
    rig.platform.is_down = False
    since = rig.clock.mono
    rig.drain()
    assert rig.clock.mono - since <= 5.0
    assert sorted(rig.platform.commits.values()) == [1, 1, 1]
    assert rig.lines == [Line(is_reachable=False), Line(is_reachable=True)]


def test_a_single_bad_upload_does_not_put_the_rest_off(rig):
    for number in (1, 2):
        rig.put(number)
    rig.platform.script["upload"] = [Unreachable("reset")]
    rig.loop.step()
    rig.loop.step()
    assert (rig.state(1), rig.state(2)) == (State.READY, State.DELIVERED)
    assert rig.wait_s() == 2.0, "the bad one keeps its own time"
    assert rig.lines == []


def test_the_news_that_the_network_is_back_is_checked_at_once(rig):
    rig.put()
    rig.platform.is_down = True
    rig.loop.step()
    assert rig.loop.step() > 0
    rig.platform.is_down = False
    assert rig.loop.step() > 0
    rig.loop.network_returned()
    assert rig.loop.step() == 0.0
    assert rig.state() is State.DELIVERED


def test_five_faults_in_a_row_open_the_breaker_and_one_probe_closes_it(rig):
    for number in range(1, 8):
        rig.put(number)
    rig.platform.script["put"] = [Unreachable("server_error", status=500)] * 5
    for _ in range(5):
        rig.loop.step()
    calls = len(rig.platform.calls)
    assert rig.loop.step() == 4.0
    assert len(rig.platform.calls) == calls
    rig.clock.turn(4)
    rig.loop.step()
    assert rig.platform.calls[calls][0] == "probe"
    rig.drain()
    assert sorted(rig.platform.commits.values()) == [1] * 7


def test_an_overloaded_platform_is_left_alone_even_when_hurried(rig):
    rig.put(1)
    rig.put(2)
    rig.platform.script["put"] = [Busy("busy", 30.0, 429)]
    rig.platform.script["probe"] = [Busy("busy", 10.0, 503)]
    rig.loop.step()
    rig.loop.nudge(make_sid(1))
    assert rig.loop.step() == 60.0, "Retry-After and a jitter as long again"
    calls = len(rig.platform.calls)
    rig.clock.turn(60)
    assert rig.loop.step() == 20.0
    assert [name for name, _ in rig.platform.calls[calls:]] == ["probe"]
    rig.drain(turn_s=20)
    assert sorted(rig.platform.commits.values()) == [1, 1]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (AnswerFault("bad_time"), Line(is_reachable=False, pause=PauseReason.PORTAL)),
        (Unreachable("portal", pause=PauseReason.PORTAL), Line(is_reachable=False, pause=PauseReason.PORTAL)),
        (Unreachable("certificate_time", pause=PauseReason.CLOCK), Line(is_reachable=False, pause=PauseReason.CLOCK)),
        (Unauthorised("device_suspended", 403), Line(is_reachable=True, pause=PauseReason.SUSPENDED)),
        ("drop_reply", Line(is_reachable=False)),
    ],
)
def test_what_a_probe_may_bring(rig, answer, line):
    rig.put()
    rig.platform.script["upload"] = [Unreachable("timeout")]
    rig.platform.script["probe"] = [answer]
    rig.loop.step()
    assert rig.loop.step() > 0
    assert rig.loop.line == line
    rig.drain(turn_s=1000)
    assert rig.loop.line == Line(is_reachable=True)


def test_a_pause_by_a_portal_is_still_probed_after_a_restart(rig):
    rig.put()
    rig.platform.script["put"] = [Unreachable("portal", pause=PauseReason.PORTAL)]
    rig.loop.step()
    rig.loop = rig.start()
    assert rig.loop.line.pause is PauseReason.PORTAL
    rig.platform.calls.clear()
    rig.drain()
    assert rig.platform.calls[0][0] == "probe"
    assert rig.loop.line.pause is PauseReason.NONE


# ── defects ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.expected_log("defect at")
@pytest.mark.parametrize("error", [ValueError("x"), QueueError("blob_unreadable")])
def test_a_defect_at_one_item_is_logged_and_the_rest_goes_on(rig, caplog, error):
    rig.put(1)
    rig.put(2)
    rig.platform.script["upload"] = [error]
    rig.loop.step()
    assert (rig.state(1), rig.causes()[-1], rig.entry().attempts) == (State.READY, "defect", 1)
    rig.loop.step()
    assert rig.state(2) is State.DELIVERED
    rig.drain()
    assert f"defect at {make_sid(1)}" in caplog.text


@pytest.mark.expected_log("listener failed")
def test_a_listener_that_fails_undoes_nothing(rig):
    rig.put()

    def fail(change: Change) -> None:
        raise RuntimeError

    rig.loop = SyncLoop(rig.store, rig.platform, rig.bench.verifier, rig.clock, fail)
    rig.drain()
    assert rig.state() is State.SHREDDED


def test_an_attempt_that_could_not_be_written_down_is_taken_up_again(rig, monkeypatch):
    rig.put()
    monkeypatch.setattr(rig.store, "mark_sending", _raise(StoreCorrupt("sqlite")))
    with pytest.raises(StoreCorrupt):
        rig.loop.step()
    assert rig.state() is State.CLAIMED
    monkeypatch.undo()
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1}


def _raise(error: Exception):
    def fail(*values: object, **named: object) -> None:
        raise error

    return fail


# ── the thread ──────────────────────────────────────────────────────────────────────────────

QUICK = Pace(probe_min_s=0.0, probe_max_s=0.01, busy_s=0.01, start_jitter_s=0.0, idle_s=0.05)


def test_the_thread_delivers_what_is_nudged_and_stops(rig):
    loop = rig.start(pace=QUICK)
    loop.start()
    try:
        sid = rig.put()
        loop.nudge(sid)
        outcome = loop.wait_settled(sid, 30)
        assert outcome.state in {State.DELIVERED, State.SHREDDED}
    finally:
        assert loop.stop()
    assert loop.wait_settled(make_sid(9), 0.0) is None


def test_stopping_gives_the_claimed_item_back(rig):
    rig.put()
    uploading = threading.Event()

    def upload(sid, part, progress):
        progress("https://platform/u", 0)
        uploading.set()
        for _ in range(10_000_000):
            progress("https://platform/u", 1)

    rig.platform.upload = upload
    loop = rig.start(pace=QUICK)
    loop.start()
    assert uploading.wait(30)
    assert loop.stop()
    assert (rig.state(), rig.causes()[-1]) == (State.READY, "interrupted")


def test_a_loop_that_never_started_stops(rig):
    assert rig.loop.stop()


@pytest.mark.expected_log("sync loop: ")
@pytest.mark.parametrize("error", [StoreCorrupt("sqlite"), RuntimeError("x")])
def test_the_thread_outlives_trouble_with_the_store(rig, monkeypatch, caplog, error):
    failed = threading.Event()
    inner, faults = rig.store.claim, [error, error]

    def claim(*values: object, **named: object):
        if faults:
            failed.set()
            raise faults.pop()
        return inner(*values, **named)

    monkeypatch.setattr(rig.store, "claim", claim)
    loop = rig.start(pace=QUICK)
    loop.start()
    try:
        assert failed.wait(30)
        sid = rig.put()
        loop.nudge(sid)
        assert loop.wait_settled(sid, 30).state in {State.DELIVERED, State.SHREDDED}
    finally:
        loop.stop()
    lines = [record.getMessage() for record in caplog.records if "sync loop" in record.getMessage()]
    assert len(lines) == 2, "the trouble once, the recovery once"


# ── back-off and retention ──────────────────────────────────────────────────────────────────


def test_backoff_is_full_jitter_with_a_ceiling():
    rng = random.Random(5)
    for attempts, ceiling in ((-1, 2.0), (0, 2.0), (1, 4.0), (5, 64.0), (9, 900.0), (10_000, 900.0)):
        draws = [full_jitter(attempts, rng) for _ in range(500)]
        assert 0 <= min(draws) < ceiling * 0.05
        assert ceiling * 0.95 < max(draws) <= ceiling


def test_retry_after_is_bounded():
    assert bounded_wait(None, 5.0) == 5.0
    assert bounded_wait(-1.0, 5.0) == 5.0
    assert bounded_wait(0.0, 5.0) == 0.0
    assert bounded_wait(7200.0, 5.0) == 3600.0


def test_nothing_waits_longer_than_its_attempts_say_however_often_it_fails(rig):
    rig.put()
    rig.platform.script["put"] = [Unreachable("server_error", status=500)] * 40
    for _ in range(400):
        rig.loop.step()
        if rig.state() is not State.READY:
            break
        assert rig.wait_s() <= 900
        rig.clock.turn(900)
    assert rig.state() in {State.DELIVERED, State.SHREDDED}, "transient faults never dead-letter"


def test_content_stays_for_the_grace_time(rig):
    rig.loop = rig.start(retention=Retention(rig.store, rig.clock, grace_s=60))
    rig.put()
    rig.loop.step()
    rig.loop.step()
    assert rig.state() is State.DELIVERED
    rig.clock.turn(60)
    rig.loop.step()
    assert rig.state() is State.SHREDDED


def test_tombstones_stay_a_month_and_longer_by_a_clock_that_is_unsure(rig):
    sid = rig.put()
    rig.drain()
    rig.clock.turn(31 * 86_400)
    rig.clock.is_sure = False
    rig.loop.step()
    assert rig.store.find(sid).state is State.SHREDDED
    rig.clock.is_sure = True
    rig.loop.step()
    assert rig.store.find(sid) is None


def test_logs_name_sids_and_codes_only(rig, caplog, bench):
    rig.store.put(make_sid(1), make_parts(), build_manifest("欧阳建国"), make_facts(), bench.opener.keys)
    rig.platform.is_down = True
    rig.loop.step()
    rig.loop.step()
    rig.platform.is_down = False
    rig.drain()
    assert "reachable=False" in caplog.text
    assert "欧阳建国" not in caplog.text
