"""Forms in a row: a receipt is written, and the next form leased, while another form is on its way."""

from __future__ import annotations

import threading

import msgspec
import pytest

from offline_queue.api import Change, PauseReason, State, StoreCorrupt, Unreachable
from offline_queue.sync import SyncLoop
from tests.fixtures.queue import Bench, build_manifest, make_facts, make_sid
from tests.fixtures.queue_looks import files_bounded
from tests.fixtures.queue_rig import QUICK, Highest, Rig

FORMS = 5


class Row(Rig):
    """Forms without a scan, and what stood in the store while each was on its way."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.seen: list[list[str]] = []
        inner = self.platform.put

        def put(item, meanwhile):
            def look() -> None:
                meanwhile()
                self.seen.append(self.states())

            return inner(item, look)

        self.platform.put = put
        for number in range(1, FORMS + 1):
            self.put(number)

    def put(self, number: int = 1, **changes: object) -> str:
        facts = make_facts(**changes)
        self.store.put(make_sid(number), (), build_manifest(), facts, self.bench.opener.keys)
        return make_sid(number)

    def states(self) -> list[str]:
        found = [self.store.find(make_sid(number)) for number in range(1, FORMS + 1)]
        return [str(outcome.state) for outcome in found]

    def delivered(self) -> list[str]:
        return [change.sid for change in self.changes if change.new is State.DELIVERED]


@pytest.fixture
def row(bench: Bench) -> Row:
    return Row(bench)


def test_a_receipt_is_written_while_the_next_form_is_on_its_way(row):
    for _ in range(FORMS):
        row.loop.step()
    assert row.seen == [
        ["sending", "ready", "ready", "ready", "ready"],
        ["delivered", "sending", "sending", "ready", "ready"],
        ["delivered", "delivered", "sending", "sending", "ready"],
        ["delivered", "delivered", "delivered", "sending", "sending"],
        ["delivered", "delivered", "delivered", "delivered", "sending"],
    ]
    assert row.states() == ["delivered"] * FORMS, "nothing is left unwritten after the last"
    assert row.delivered() == [make_sid(number) for number in range(1, FORMS + 1)]
    assert row.causes().count("claimed") == FORMS
    assert row.causes().count("receipt") == FORMS


def test_nobody_is_told_of_a_receipt_before_the_store_has_it(row):
    said = []

    def listen(change):
        if change.new is State.DELIVERED:
            said.append(row.store.find(change.sid).state)

    row.loop = SyncLoop(row.store, row.platform, row.bench.verifier, row.clock, listen, rng=Highest())
    row.drain()
    assert said == [State.DELIVERED] * FORMS


def test_a_receipt_that_was_not_written_before_a_kill_is_asked_for(row):
    row.loop.step()
    row.loop.step()
    assert row.states()[:3] == ["delivered", "sending", "sending"], "the second is received and not written"
    assert row.platform.commits[make_sid(2)] == 1
    row.store.close()
    row.store = row.bench.open()
    assert [row.store.find(make_sid(number)).state for number in (2, 3)] == [State.READY] * 2
    row.loop = row.start()
    row.drain()
    assert row.platform.commits == {make_sid(number): 1 for number in range(1, FORMS + 1)}
    assert ("status", make_sid(2)) in row.platform.calls
    assert row.platform.calls.count(("put", make_sid(2))) == 1, "its receipt was there to be had"


def test_the_visit_waits_for_no_form_that_was_leased_ahead(row):
    row.loop.step()
    row.loop.step()
    row.loop.nudge(make_sid(5))
    row.loop.step()
    assert row.delivered() == [make_sid(1), make_sid(2), make_sid(5)], "what was received is written first"
    row.drain()
    assert row.platform.commits == {make_sid(number): 1 for number in range(1, FORMS + 1)}


def test_the_form_of_the_visit_goes_as_it_is_when_it_was_leased_ahead(row):
    row.loop.step()
    row.loop.step()
    row.loop.nudge(make_sid(3))
    row.loop.step()
    assert row.states()[:3] == ["delivered"] * 3
    assert ("status", make_sid(3)) not in row.platform.calls, "it was not given back"


def test_a_form_whose_answer_is_lost_costs_the_one_before_nothing(row):
    row.platform.script["put"] = [None, None, "drop_reply"]
    for _ in range(3):
        row.loop.step()
    assert row.states()[:3] == ["delivered", "delivered", "ready"]
    row.drain()
    assert row.platform.commits == {make_sid(number): 1 for number in range(1, FORMS + 1)}


def test_a_wire_that_gives_no_wait_costs_no_receipt(row):
    row.loop.step()
    row.loop.step()
    row.platform.script["put"] = [Unreachable("refused_connection", pause=PauseReason.PORTAL)]
    row.loop.step()
    assert row.states()[:3] == ["delivered", "delivered", "ready"]


def test_a_correction_waits_until_its_submission_is_written(row):
    row.loop.step()
    sid = row.put(FORMS + 1, after_sid=make_sid(3))
    row.drain()
    order = row.delivered()
    assert order.index(sid) > order.index(make_sid(3))
    assert row.platform.commits[sid] == 1


def test_a_loop_that_stops_writes_what_it_has_received(row):
    row.loop.step()
    row.loop.step()
    assert row.states()[1] == "sending"
    row.loop._is_stopping = True
    row.loop._run()
    assert row.states() == ["delivered", "delivered", "ready", "ready", "ready"]


@pytest.mark.expected_log("the disk failed")
def test_a_disk_that_fails_in_the_wait_costs_neither_receipt_nor_answer(row):
    row.loop.step()
    row.loop.step()
    fail_in_the_wait(row)
    row.loop.step()
    assert row.states() == ["delivered", "delivered", "delivered", "sending", "ready"]
    row.drain()
    assert row.platform.commits == {make_sid(number): 1 for number in range(1, FORMS + 1)}
    assert [name for name, _ in row.platform.calls].count("put") == FORMS, "no answer was lost"


@pytest.mark.expected_log("the disk failed")
def test_a_disk_that_fails_for_good_leaves_what_the_platform_can_be_asked_about(row):
    row.loop.step()
    row.loop.step()
    log = row.bench.folder / "queue.db-wal"
    with files_bounded(log.stat().st_size), pytest.raises(StoreCorrupt):
        row.loop.step()
    row.store.close()
    row.store = row.bench.open()
    row.loop = row.start()
    row.drain()
    assert row.platform.commits == {make_sid(number): 1 for number in range(1, FORMS + 1)}
    assert row.store.stats().shredded == FORMS


@pytest.mark.expected_log("receipt_mismatch")
def test_a_receipt_that_the_store_will_not_take_is_no_fault_of_the_form_behind_it(row, bench):
    class Gullible:
        """Takes a receipt of the second for one of something else."""

        def verify_receipt(self, signed, sid, dev, seq, manifest_sha256):
            receipt = bench.verifier.verify_receipt(signed, sid, dev, seq, manifest_sha256)
            return msgspec.structs.replace(receipt, manifest_sha256="0" * 64) if seq == 2 else receipt

    row.loop = SyncLoop(row.store, row.platform, Gullible(), row.clock, row.changes.append, rng=Highest())
    for _ in range(3):
        row.loop.step()
    assert row.states()[:3] == ["delivered", "ready", "delivered"]
    assert row.entry(2).attempts == 1
    assert row.entry(2).last_code == "receipt_mismatch"


def fail_in_the_wait(row: Row) -> None:
    inner, log = row.platform.put, row.bench.folder / "queue.db-wal"

    def put(item, meanwhile):
        def fail() -> None:
            with files_bounded(log.stat().st_size):
                meanwhile()

        row.platform.put = inner
        return inner(item, fail)

    row.platform.put = put


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
