"""The audit log: what it can say, that any change to it is found, and that a power cut only takes the tail."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands.audit import audit_export, audit_verify, signature_check
from kiosk.session.journal import AuditJournal
from kiosk.station.audit import AuditLog
from kiosk.station.audit_events import AuditFault, Event, compose_page, load_events
from kiosk.station.audit_format import Head, encode_line, genesis_hash, lines, read_lines, segments
from kiosk.station.audit_verify import AuditReport, verify
from kiosk.station.errors import ConfigError
from kiosk.trust.identity import Device, DeviceSigner, store_device
from offline_queue.api import DiskFull, QueueError, SealFault, SignedObject, StoreCorrupt
from tests.fixtures.central import SID, ManualClock, issue_device

SESS = "0123456789abcdef" * 2
DIGEST = "ab" * 32
EXAMPLES: dict[Event, dict[str, object]] = {
    Event.APP_START: {"boot": "01234567-89ab-cdef-0123-456789abcdef", "app": "0.1.0", "profile": "demo"},
    Event.APP_STOP: {"reason": "requested", "uptime": 1000},
    Event.CONFIG_LOADED: {"config": DIGEST, "catalogue": "2026.11.2"},
    Event.DEVICE_ENROLLED: {"device": "K-000123", "certificate": DIGEST},
    Event.KEY_ROTATED: {"device": "K-000123", "certificate": DIGEST},
    Event.DEVICE_STATE: {"kind": "reader", "state": "noDevice"},
    Event.DEVICE_TESTED: {"kind": "document_printer", "result": "dirty"},
    Event.TECHNICIAN_CODE: {"verdict": "closed"},
    Event.CABINET_SENSOR: {"sensor": "door", "state": "open"},
    Event.VISIT_START: {"sess": SESS, "elder": True},
    Event.VISIT_END: {"sess": SESS, "disposition": "done", "sid": SID},
    Event.CARD_READ_OK: {"sess": SESS, "kind": "reader", "took": 900},
    Event.CARD_READ_FAILED: {"sess": SESS, "kind": "reader", "reason": "TimedOut"},
    Event.PAGE_TAKEN: {"sess": SESS, "page": 1, "forced": False},
    Event.PAGE_REFUSED: {"sess": SESS, "page": 1, "reason": "blurred"},
    Event.SEAL_INIT: {"sid": SID, "parts": 3},
    Event.SEAL_COMPLETE: {"sid": SID, "parts": 3, "disposition": "ok"},
    Event.QUEUE_TRANSITION: {"row": 7, "sid": SID, "old": "none", "new": "ready"},
    Event.QUEUE_PAUSED: {"reason": "portal"},
    Event.QUEUE_RESUMED: {"after": 12},
    Event.RECEIPT_VERIFIED: {"sid": SID, "receipt": DIGEST},
    Event.RECEIPT_REJECTED: {"sid": SID, "reason": "receipt_unverified"},
    Event.PRINT_OK: {"sess": SESS, "kind": "intake_slip"},
    Event.PRINT_FAILED: {"kind": "test", "reason": "SupplyOut"},
    Event.STAFF_LOGIN: {"ok": False},
    Event.USB_REFUSED: {"count": 1},
    Event.DEFECT: {"place": DIGEST},
}


@pytest.fixture
def device(device_key) -> Device:
    return issue_device(device_key, "https://p")


@pytest.fixture
def genesis(device) -> str:
    return genesis_hash(device.device_id, device.certificate, device.genesis)


@pytest.fixture
def open_log(tmp_path, device, device_key, genesis, clock):
    """A function that opens the log of this terminal; logs left open are closed."""
    opened: list[AuditLog] = []

    def make(**more: object) -> AuditLog:
        opened.append(AuditLog(tmp_path / "audit", genesis, DeviceSigner(device_key, device), clock, **more))
        return opened[-1]

    yield make
    for log in opened:
        log.close()


@pytest.fixture
def check(tmp_path, device, genesis):
    """A function that verifies the log."""

    def verified(path: Path | None = None, **more: object) -> AuditReport:
        return verify(path or tmp_path / "audit", signature_check(device), genesis, **more)

    return verified


# ── what it can say ────────────────────────────────────────────────────────────────────────


def test_every_event_of_the_catalogue_can_be_written_and_read(open_log, check, tmp_path):
    log = open_log()
    for event, arguments in EXAMPLES.items():
        log.record(event, **arguments)
    log.close()
    report = check()
    assert report.is_sound
    written = [line for line in read_lines(tmp_path / "audit") if line["e"] != Event.CHECKPOINT]
    assert [line["e"] for line in written] == [event.value for event in EXAMPLES]
    assert [line["a"] for line in written] == list(EXAMPLES.values())
    assert set(Event) - set(EXAMPLES) == {Event.CHECKPOINT, Event.TAIL_CUT, Event.GAP}  # written by the log itself


def test_the_line_is_the_one_of_the_reference(open_log, tmp_path, genesis):
    open_log().record(Event.SEAL_COMPLETE, disposition="ok", parts=3, sid=SID)
    (segment,) = segments(tmp_path / "audit")
    line = segment.read_bytes().split(b"\n")[0]
    expected = (
        '{"a":{"disposition":"ok","parts":3,"sid":"01990000-0000-7000-8000-000000000001"},'
        f'"e":"submission.seal-complete","m":1000000,"n":1,"p":"{genesis}","t":1795400000000}}'
    )
    assert line.decode() == expected


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        (Event.VISIT_START, {}),
        (Event.VISIT_START, {"sess": SESS, "name": "王小明"}),
        (Event.VISIT_START, {"sess": "王小明"}),
        (Event.VISIT_START, {"sess": SESS + "\n"}),
        (Event.VISIT_START, {"sess": SESS, "elder": 1}),
        (Event.VISIT_END, {"sess": SESS, "disposition": "王小明"}),
        (Event.PAGE_TAKEN, {"sess": SESS, "page": True}),
        (Event.PAGE_TAKEN, {"sess": SESS, "page": -1}),
        (Event.PAGE_TAKEN, {"sess": SESS, "page": "1"}),
        (Event.PAGE_TAKEN, {"sess": SESS, "page": 1.5}),
        (Event.PAGE_TAKEN, {"sess": SESS, "page": None}),
        (Event.CONFIG_LOADED, {"config": DIGEST, "catalogue": "330411194501011234"}),
    ],
)
def test_anything_outside_the_catalogue_raises_without_naming_the_value(open_log, event, arguments):
    log = open_log()
    with pytest.raises(AuditFault, match="bad_event") as caught:
        log.record(event, **arguments)
    assert "王小明" not in str(caught.value)
    assert log.head().n == 0


def test_in_the_field_a_bad_event_is_dropped_and_counted(open_log):
    log = open_log(is_strict=False)
    assert log.record(Event.VISIT_START, sess="王小明") == 0
    assert log.dropped == 1
    assert log.head().n == 0


PERSONAL = st.one_of(
    st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True),  # ID number
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),  # mobile number
    st.from_regex(r"62[0-9]{14,17}", fullmatch=True),  # bank account
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=2, max_size=8),
)


@given(PERSONAL, st.sampled_from(sorted(EXAMPLES)), st.data())
def test_nothing_of_a_person_fits_any_argument(personal, event, data):
    name = data.draw(st.sampled_from(sorted(EXAMPLES[event])))
    values = [personal, int(personal)] if personal.isascii() and personal.isdigit() else [personal]
    for value in values:
        with pytest.raises(AuditFault):
            CATALOGUE.check(event, {**EXAMPLES[event], name: value})


CATALOGUE = load_events()


def test_the_catalogue_page_lists_every_event():
    page = compose_page(CATALOGUE)
    assert all(f"| `{event}` |" in page for event in Event)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ('[events."new.event"]\nclass = "user-action"\n', "not in the program's list"),
        ('[events."app.again"]\nclass = "fun"\nargs = { a = "text" }\n', "allowed"),
    ],
)
def test_a_catalogue_with_mistakes_names_them(tmp_path, change, word):
    source = Path("assets/audit/events.toml").read_text(encoding="utf-8")
    (tmp_path / "events.toml").write_text(source + change, encoding="utf-8")
    with pytest.raises(ConfigError, match=word):
        load_events(tmp_path / "events.toml")


@pytest.mark.parametrize("content", ["[events", "", "[enums]\n"])
def test_a_catalogue_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "events.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_events(tmp_path / "events.toml")


# ── checkpoints ────────────────────────────────────────────────────────────────────────────


def checkpoints(folder: Path) -> list[int]:
    return [line["n"] for line in read_lines(folder) if line["e"] == Event.CHECKPOINT]


def test_a_checkpoint_comes_after_a_hundred_events_five_minutes_or_an_urgent_one(open_log, clock, tmp_path):
    log = open_log()
    for _ in range(99):
        log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    assert checkpoints(tmp_path / "audit") == []
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    assert checkpoints(tmp_path / "audit") == [101]
    clock.advance(301)
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    assert checkpoints(tmp_path / "audit") == [101, 103]
    log.record(Event.STAFF_LOGIN, ok=True)
    assert checkpoints(tmp_path / "audit") == [101, 103, 105]
    log.checkpoint()
    assert log.head().n == 105


def test_the_head_is_number_and_hash_of_the_last_line(open_log, tmp_path):
    log = open_log()
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    (segment,) = segments(tmp_path / "audit")
    assert log.head() == Head(1, hashlib.sha256(segment.read_bytes().rstrip(b"\n")).hexdigest())


def test_many_threads_write_one_chain(open_log, check):
    log = open_log()
    log.start()

    def work() -> None:
        for _ in range(150):
            log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
            log.record(Event.STAFF_LOGIN, ok=True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    report = check()
    assert report.is_sound
    assert report.lines - report.checkpoints == 1200
    assert report.unsigned == 0
    assert log.is_healthy


class BrokenSigner:
    device_id, certificate_serial = "K-000123", "ab" * 8

    def sign(self, purpose: str, payload: bytes) -> SignedObject:
        raise QueueError("signer_unavailable")


def test_a_signer_that_fails_is_said_and_nothing_is_lost(tmp_path, genesis):
    log = AuditLog(tmp_path / "audit", genesis, BrokenSigner(), ManualClock())
    with pytest.raises(QueueError, match="signer_unavailable"):
        log.record(Event.STAFF_LOGIN, ok=True)
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    log.start()
    log.record(Event.STAFF_LOGIN, ok=True)
    wait_for(lambda: not log.is_healthy)
    with pytest.raises(QueueError):
        log.close()
    assert len(list(lines(tmp_path / "audit"))) == 3


def wait_for(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("never came true")


def test_a_log_that_cannot_be_written_says_so(tmp_path, genesis, device, device_key, clock):
    (tmp_path / "audit").write_bytes(b"a file, not a folder")
    with pytest.raises(AuditFault, match="audit_unwritable"):
        AuditLog(tmp_path / "audit", genesis, DeviceSigner(device_key, device), clock)


def test_a_checkpoint_that_cannot_be_kept_says_so(open_log, tmp_path):
    log = open_log()
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    (tmp_path / "audit" / "head.json").mkdir()
    with pytest.raises(AuditFault, match="audit_unwritable"):
        log.checkpoint()
    (tmp_path / "audit" / "head.json").rmdir()


# ── after a restart ────────────────────────────────────────────────────────────────────────


def test_a_restart_goes_on_with_number_and_chain(open_log, check, clock):
    log = open_log()
    log.record(Event.APP_START, **EXAMPLES[Event.APP_START])
    log.close()
    head = log.head()
    clock.mono = 5.0  # a reboot
    again = open_log()
    assert again.head() == head
    again.record(Event.APP_START, **EXAMPLES[Event.APP_START])
    again.close()
    assert check().is_sound


@pytest.mark.parametrize("keep", [1, 30, 120])
def test_a_torn_last_line_is_cut_off_and_reported(open_log, check, tmp_path, keep):
    log = open_log()
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    log.checkpoint()
    log.record(Event.PAGE_TAKEN, sess=SESS, page=2)  # never synced: a power cut may tear it
    (segment,) = segments(tmp_path / "audit")
    data = segment.read_bytes()
    torn = data[: data[:-1].rfind(b"\n") + 1 + keep]
    segment.write_bytes(torn)
    report = check()
    assert (report.is_sound, report.is_tail_torn) == (True, True)
    open_log().close()
    report = check()
    assert (report.is_sound, report.is_tail_torn) == (True, False)
    cut = [line["a"] for line in read_lines(tmp_path / "audit") if line["e"] == Event.TAIL_CUT]
    assert cut == [{"bytes": keep}]


def test_lines_lost_after_a_checkpoint_are_a_gap(open_log, tmp_path):
    log = open_log()
    for page in range(5):
        log.record(Event.PAGE_TAKEN, sess=SESS, page=page)
    log.close()
    (segment,) = segments(tmp_path / "audit")
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:2]))
    open_log().close()
    gaps = [line["a"] for line in read_lines(tmp_path / "audit") if line["e"] == Event.GAP]
    assert gaps == [{"expected": 6, "found": 2}]


def test_segments_are_one_chain(open_log, check, tmp_path):
    log = open_log(segment_bytes=2000)
    for page in range(350):
        log.record(Event.PAGE_TAKEN, sess=SESS, page=page)
    log.close()
    assert len(segments(tmp_path / "audit")) == 5  # three checkpoints of a hundred, the one at the end, and a fresh one
    assert check().is_sound
    open_log(segment_bytes=2000).record(Event.PAGE_TAKEN, sess=SESS, page=9)
    assert check().is_sound
    middle = segments(tmp_path / "audit")[1]
    middle.unlink()
    assert {finding.word for finding in check().findings} >= {"number", "chain"}


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (None, "ok"),
        (DiskFull("free_floor"), "disk_full"),
        (SealFault("no_key"), "no_key"),
        (SealFault("bad_key", "K1"), "no_key"),
        (SealFault("too_many_parts"), "refused"),
        (QueueError("signer_unavailable"), "signer"),
        (StoreCorrupt("io_error"), "store"),
    ],
)
def test_the_end_of_a_sealing_is_told_in_one_word(open_log, tmp_path, error, word):
    log = open_log()
    AuditJournal(log).seal_ended(SID, error)
    log.close()
    (told,) = [line["a"] for line in read_lines(tmp_path / "audit") if line["e"] == Event.SEAL_COMPLETE]
    assert told == {"sid": SID, "disposition": word}


# ── tampering ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def whole(open_log, tmp_path) -> list[bytes]:
    """The lines of a log with two checkpoints, the last at its end."""
    log = open_log()
    for page in range(4):
        log.record(Event.PAGE_TAKEN, sess=SESS, page=page)
    log.record(Event.STAFF_LOGIN, ok=True)
    log.record(Event.VISIT_END, sess=SESS, disposition="done", sid=SID)
    log.close()
    return [line for line, _ in lines(tmp_path / "audit")]


def put(tmp_path: Path, changed: list[bytes]) -> None:
    (segment,) = segments(tmp_path / "audit")
    segment.write_bytes(b"".join(line + b"\n" for line in changed))


def test_the_whole_log_is_sound(whole, check):
    report = check()
    assert (report.is_sound, report.lines, report.checkpoints, report.unsigned) == (True, 8, 2, 0)


def test_a_flip_anywhere_is_found(whole, check, tmp_path):
    for index, line in enumerate(whole):
        for at in range(0, len(line), 3):
            raw = bytearray(line)
            raw[at] ^= 1
            put(tmp_path, [*whole[:index], bytes(raw), *whole[index + 1 :]])
            assert not check().is_sound, (index, at)


def test_a_change_of_meaning_in_canonical_form_is_found(whole, check, tmp_path):
    for index, line in enumerate(whole):
        for key, value in (("t", 1), ("m", 999_999_999), ("e", "app.stop"), ("a", {}), ("n", 99), ("p", DIGEST)):
            changed = {**json.loads(line), key: value}
            put(tmp_path, [*whole[:index], encode_line(changed), *whole[index + 1 :]])
            assert not check().is_sound, (index, key)


def test_a_deleted_line_is_found_wherever_it_was(whole, check, tmp_path):
    for index in range(len(whole)):
        put(tmp_path, [*whole[:index], *whole[index + 1 :]])
        assert not check().is_sound, index


def test_an_inserted_line_is_found_wherever_it_is(whole, check, tmp_path):
    for index in range(len(whole) + 1):
        for extra in (whole[0], whole[-1], b"", b"{}", b"free text"):
            put(tmp_path, [*whole[:index], extra, *whole[index:]])
            assert not check().is_sound, (index, extra)


def test_two_lines_in_another_order_are_found(whole, check, tmp_path):
    for first in range(len(whole)):
        for second in range(first + 1, len(whole)):
            changed = list(whole)
            changed[first], changed[second] = changed[second], changed[first]
            put(tmp_path, changed)
            assert not check().is_sound, (first, second)


def test_a_chain_made_anew_without_the_key_is_found(whole, check, tmp_path, genesis):
    """Someone with the file but not the key re-hashes everything after a change, and the kept head as well."""
    previous = genesis
    forged = []
    for line in whole:
        record = {**json.loads(line), "p": previous}
        if record["e"] == Event.PAGE_TAKEN:
            record["a"] = {**record["a"], "page": 77}
        forged.append(encode_line(record))
        previous = hashlib.sha256(forged[-1]).hexdigest()
    put(tmp_path, forged)
    (tmp_path / "audit" / "head.json").write_text(json.dumps({"n": len(forged), "h": previous}))
    assert {finding.word for finding in check().findings} == {"checkpoint"}


def test_a_log_of_another_terminal_is_found(whole, tmp_path, device, genesis):
    assert not verify(tmp_path / "audit", signature_check(device), DIGEST).is_sound
    assert not verify(tmp_path / "audit", lambda *_: False, genesis).is_sound


def test_a_head_that_somebody_else_kept_pins_the_log(whole, check, tmp_path):
    pinned = Head(len(whole), hashlib.sha256(whole[-1]).hexdigest())
    assert check(anchor=pinned).is_sound
    assert not check(anchor=Head(pinned.n, DIGEST)).is_sound
    shutil.copytree(tmp_path / "audit", tmp_path / "rolled-back")
    (segment,) = segments(tmp_path / "rolled-back")
    segment.write_bytes(b"".join(line + b"\n" for line in whole[:6]))
    (tmp_path / "rolled-back" / "head.json").unlink()
    assert check(tmp_path / "rolled-back").is_sound  # a rollback of everything: only the outside head finds it
    report = check(tmp_path / "rolled-back", anchor=pinned)
    assert [finding.word for finding in report.findings] == ["lines_missing"]


def test_time_going_back_within_a_boot_is_found(open_log, check, clock):
    log = open_log()
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    clock.mono = 1.0
    log.record(Event.PAGE_TAKEN, sess=SESS, page=1)
    log.close()
    assert [finding.word for finding in check().findings] == ["time"]


@given(st.binary(max_size=80))
def test_random_bytes_are_findings_and_never_an_error(data):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        path.write_bytes(data)
        report = verify(path, lambda *_: True)
        assert report.lines == data.count(b"\n")


# ── commands ───────────────────────────────────────────────────────────────────────────────


def test_the_command_tells_whole_from_broken(whole, tmp_path, device, capsys):
    assert audit_verify(tmp_path, as_json=True) == 2  # not enrolled
    store_device(tmp_path / "trust", device)
    capsys.readouterr()
    assert audit_verify(tmp_path, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sound"], told["lines"], told["findings"]) == (True, 8, [])
    put(tmp_path, whole[1:])
    assert audit_verify(tmp_path, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0] == {"line": 1, "word": "number"}
    assert audit_verify(tmp_path) == 1
    assert capsys.readouterr().out.startswith("BROKEN")
    assert audit_verify(tmp_path, path=tmp_path / "nowhere") == 2


def test_an_export_can_be_verified_elsewhere(whole, tmp_path, device, capsys):
    store_device(tmp_path / "trust", device)
    assert audit_export(tmp_path) == 0
    exported = tmp_path / "export.jsonl"
    exported.write_text(capsys.readouterr().out)
    assert audit_verify(tmp_path, path=exported) == 0
    capsys.readouterr()
    assert audit_export(tmp_path, as_json=True) == 0
    assert len(json.loads(capsys.readouterr().out)) == 8
    assert audit_export(tmp_path, path=tmp_path / "nowhere") == 2
