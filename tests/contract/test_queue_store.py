"""The contract of the durable outbox: what a ticket promises, and what may lie on the disk."""

from __future__ import annotations

import hashlib
import json
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.api import (
    PARTS_MAX,
    Kind,
    PlainPart,
    QueueError,
    SealFault,
    State,
)
from offline_queue.intake import check_character, intake_number, wall_text
from offline_queue.migrations import SCHEMA
from tests.fixtures.queue import build_manifest, make_facts, make_parts, make_sid, verify_raw
from tests.fixtures.queue_looks import blob_files, find_plaintext

# ── the promise ─────────────────────────────────────────────────────────────────────────────


def test_a_ticket_names_what_lies_sealed_on_disk(bench):
    store = bench.open()
    parts = make_parts((300_000, 10))
    ticket = store.put(make_sid(1), parts, build_manifest("张三"), make_facts(), bench.opener.keys)
    assert (ticket.sid, ticket.seq) == (make_sid(1), 1)
    assert ticket.intake_number == "K-000123-000001-T"
    assert ticket.created_wall == "2026-11-23T02:13:20.000Z"

    item = store.claim()
    assert item.intake_number == ticket.intake_number
    assert not item.sent_once
    header, manifest = bench.opener.open(item.manifest)
    assert (header["seq"], header["part"], header["typ"]) == (1, "manifest", "manifest")
    assert json.loads(manifest)["answers"] == {"name": "张三"}
    assert item.manifest_sha256 == hashlib.sha256(item.manifest).hexdigest()
    for plain, part in zip(parts, item.parts, strict=True):
        blob = Path(part.path).read_bytes()
        assert (part.name, part.size, part.sha256) == (plain.name, len(blob), hashlib.sha256(blob).hexdigest())
        assert bench.opener.open(blob)[1] == plain.data
        assert stat.S_IMODE(Path(part.path).stat().st_mode) == 0o600


def test_the_envelope_is_signed_canonical_and_complete(bench):
    store = bench.open()
    facts = make_facts(Kind.CORRECTION, audit_head="ab" * 32, after_sid=make_sid(9), clock_ok=False)
    store.put(make_sid(1), make_parts((5, 6)), build_manifest(), facts, bench.opener.keys)
    item = store.claim()
    assert verify_raw(bench.signer.key.public_key(), "kiosk/submit/v1", item.envelope)
    value = json.loads(item.envelope.object)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")).encode() == item.envelope.object
    assert value.pop("manifest") == {"sha256": item.manifest_sha256, "bytes": len(item.manifest)}
    assert value.pop("parts") == [{"part": p.name, "sha256": p.sha256, "bytes": p.size} for p in item.parts]
    assert value == {
        "v": 1,
        "typ": "submission",
        "sid": make_sid(1),
        "dev": "K-000123",
        "seq": 1,
        "kind": "correction",
        "item": "SIM-MZ-0008",
        "cat": "2026.11.2",
        "app": "0.1.0",
        "after": make_sid(9),
        "void": [],
        "prev": "ab" * 32,
        "ts": 1_795_400_000,
        "clk": "unsure",
        "cert": bench.signer.certificate_serial,
        "alg": "ES256",
    }


def test_a_known_sid_returns_its_ticket_and_stores_nothing(bench):
    store = bench.open()
    first = bench.put(store, 1)
    files = blob_files(bench)
    bench.clock.turn(60)
    assert bench.put(store, 1) == first
    assert store.ticket(make_sid(1)) == first
    assert store.ticket(make_sid(2)) is None
    assert blob_files(bench) == files
    store.close()
    assert bench.put(bench.open(), 1) == first


def test_numbers_run_on_over_restarts_and_failures_leave_no_gap(bench):
    store = bench.open()
    assert bench.put(store, 1).seq == 1
    with pytest.raises(SealFault):
        store.put(make_sid(2), make_parts(), build_manifest(), make_facts(), ())
    store.close()
    store = bench.open()
    assert bench.put(store, 3).seq == 2


def test_what_was_put_survives_reopening(bench):
    store = bench.open()
    ticket = bench.put(store, 1)
    store.close()
    again = bench.open()
    assert again.find(make_sid(1)).intake_number == ticket.intake_number
    assert again.find(make_sid(2)) is None
    assert len(again.claim().parts) == 2


def test_the_same_bytes_in_two_slots_are_two_parts(bench):
    store = bench.open()
    parts = (PlainPart("front", b"same"), PlainPart("back", b"same"))
    store.put(make_sid(1), parts, build_manifest(), make_facts(), bench.opener.keys)
    assert [part.name for part in store.claim().parts] == ["back", "front"]


def test_a_submission_without_parts_is_one_too(bench):
    store = bench.open()
    store.put(make_sid(1), (), build_manifest(), make_facts(Kind.RATING), bench.opener.keys)
    assert store.claim().parts == ()


def test_what_no_platform_could_be_told_to_miss_is_not_promised(bench):
    """An answer lists at most so many missing parts; one more would wait here for ever."""
    parts = tuple(PlainPart(f"p-{number}", b"") for number in range(PARTS_MAX + 1))
    store = bench.open()
    with pytest.raises(SealFault, match="too_many_parts"):
        store.put(make_sid(1), parts, build_manifest(), make_facts(), bench.opener.keys)
    assert store.find(make_sid(1)) is None
    assert blob_files(bench) == []


@pytest.mark.parametrize(
    "parts",
    [
        (PlainPart("a", b""), PlainPart("a", b"")),
        (PlainPart("manifest", b""),),
        (PlainPart("../up", b""),),
    ],
)
def test_part_names_that_are_none_store_nothing(bench, parts):
    store = bench.open()
    with pytest.raises(SealFault):
        store.put(make_sid(1), parts, build_manifest(), make_facts(), bench.opener.keys)
    with pytest.raises(SealFault):
        store.put(make_sid(1), (), build_manifest(), make_facts(item="x" * 65), bench.opener.keys)
    assert blob_files(bench) == []
    assert store.find(make_sid(1)) is None


def test_a_signer_that_is_away_stores_nothing(bench):
    store = bench.open()
    bench.signer.is_available = False
    with pytest.raises(QueueError, match="signer_unavailable"):
        bench.put(store, 1)
    assert blob_files(bench) == []
    bench.signer.is_available = True
    assert bench.put(store, 1).seq == 1


def test_an_outdated_key_still_seals_and_says_so(bench, caplog):
    store = bench.open()
    key = msgspec.structs.replace(bench.opener.hybrid_key, not_after=10)
    store.put(make_sid(1), make_parts(), build_manifest(), make_facts(), (key,))
    assert "outdated key: p-2026-11" in caplog.text
    claimed = store.claim()
    assert claimed is not None
    assert json.loads(claimed.envelope.object)["stale_kid"] == "p-2026-11"


def test_find_waits_for_a_put_of_the_same_sid(bench):
    """At its deadline the runner asks the store: the answer must be final."""
    store = bench.open()
    entered, go = threading.Event(), threading.Event()

    def slow_manifest(parts):
        entered.set()
        assert go.wait(30)
        return build_manifest()(parts)

    putting = threading.Thread(
        target=store.put, args=(make_sid(1), make_parts(), slow_manifest, make_facts(), bench.opener.keys)
    )
    putting.start()
    assert entered.wait(30)
    assert store.find(make_sid(2)) is None, "another sid does not wait"
    found, asking = [], threading.Event()

    def ask() -> None:
        asking.set()
        found.append(store.find(make_sid(1)))

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(30)
    thread.join(0.05)
    assert thread.is_alive(), "no answer while it is open"
    go.set()
    thread.join(30)
    putting.join(30)
    assert found[0] is not None
    assert found[0].state is State.READY


def test_many_threads_may_put_and_claim_at_once(bench):
    store = bench.open()
    claimed: list[str] = []

    def put(first: int) -> None:
        for number in range(first, first + 5):
            store.put(make_sid(number), (), build_manifest(), make_facts(), bench.opener.keys)

    def claim() -> None:
        for _ in range(200):
            item = store.claim()
            if item:
                claimed.append(item.sid)

    threads = [threading.Thread(target=put, args=(n * 5,)) for n in range(4)] + [
        threading.Thread(target=claim) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while item := store.claim():
        claimed.append(item.sid)
    assert sorted(claimed) == [make_sid(number) for number in range(20)], "each once"
    assert [entry.seq for entry in store.entries()] == list(range(1, 21))


# ── what may lie on disk ────────────────────────────────────────────────────────────────────


def test_nothing_of_a_person_lies_in_the_state_folder(bench, tmp_path):
    words = ("欧阳建国", "330402194503121234", "13800571234", "嘉兴市南湖区中山路1号", "6222021204001234567")
    text = "，".join(words)
    part = PlainPart("form-copy", text.encode() + text.encode("utf-16le") + text.encode("gb18030"))
    store = bench.open()
    store.put(make_sid(1), (part,), build_manifest(text), make_facts(), bench.opener.keys)
    assert (bench.folder / "queue.db-wal").stat().st_size > 0
    assert find_plaintext(bench.folder, words) == []
    bench.clock.turn(1)
    store.close()
    assert find_plaintext(bench.folder, words) == []

    unsealed = tmp_path / "unsealed"
    unsealed.mkdir()
    (unsealed / "part").write_bytes(part.data)
    assert find_plaintext(unsealed, words), "the search itself must bite"
    assert "330402194503121234" not in repr(part)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────


def test_the_check_character_of_the_standard_comes_out():
    assert check_character("A12425GABC1234002") == "M"  # the GRid example of ISO 7064 MOD 37-36


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=20), st.data())
def test_every_single_misread_character_changes_the_check(text: str, data: st.DataObject):
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    misread = text[:at] + other + text[at + 1 :]
    assert (check_character(misread) == check_character(text)) == (misread == text)


def test_numbers_and_times_print_at_their_edges():
    assert intake_number("K-000123", 42) == "K-000123-000042-B"
    assert intake_number("K-000123", 1_234_567).startswith("K-000123-1234567-")
    assert wall_text(-5) == "1970-01-01T00:00:00.000Z"
    assert wall_text(float("inf")) == "9999-12-31T23:59:59.000Z"
    assert SCHEMA.name == "offline_queue"
