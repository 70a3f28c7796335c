"""What an export takes of a store that is whole, damaged, unreadable or another device's, and what a stick may hold."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from offline_queue.api import QueueError, SignedObject, State, StoreBusy, StoreCorrupt
from offline_queue.evacuation import (
    Written,
    check_files,
    find_evacuations,
    read_certificates,
    read_evacuation,
    read_receipt,
    write_evacuation,
    write_receipt,
)
from offline_queue.lock import LockFile, ReadingLock
from offline_queue.peek import read_entries
from tests.fixtures.queue import DEVICE, DeviceSigner, make_sid
from tests.fixtures.queue_looks import deliver

ROOT = Path(__file__).parents[2]
EVERY_PAGE = os.environ.get("JINBAN_CHAOS") == "1"
RECEIPT = SignedObject(b"{}", "r-1", bytes(64))


def stored(bench, count: int) -> None:
    store = bench.open()
    for number in range(1, count + 1):
        bench.put(store, number)
    store.close()


def export(bench, target: Path, signer: DeviceSigner | None = None) -> Written:
    return write_evacuation(bench.folder, target, signer or bench.signer, "", 1)


def sids(written: Written) -> list[str]:
    return [entry.sid for entry in written.entries]


# ── a damaged disk ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pages(bench) -> dict[int, str]:
    """Eight submissions, one of them delivered, all in the file; which table or index each page of it belongs to."""
    store = bench.open()
    for number in range(1, 9):
        bench.put(store, number)
    deliver(bench, store, 8)
    store.checkpoint()
    store.close()
    db = sqlite3.connect(bench.folder / "queue.db")
    try:
        return dict(db.execute("SELECT pageno, name FROM dbstat ORDER BY pageno").fetchall())
    finally:
        db.close()


def spoil(bench, page: int) -> None:
    data = bytearray((bench.folder / "queue.db").read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    (bench.folder / "queue.db").write_bytes(bytes(data))


def test_whatever_page_is_lost_the_rest_goes_out_and_what_does_not_is_named(bench, pages, tmp_path):
    """Page by page: every submission is on the stick whole, or its sid or number is among the lost.

    A table's or index's first page each; with JINBAN_CHAOS=1 every page there is.
    """
    whole = (bench.folder / "queue.db").read_bytes()
    numbers = {entry.outcome.sid: entry.outcome.intake_number for entry in read_entries(bench.folder)}
    waiting = {make_sid(number) for number in range(1, 8)}
    taken = []
    chosen = pages if EVERY_PAGE else {name: page for page, name in reversed(pages.items())}.values()
    for page in chosen:
        (bench.folder / "queue.db").write_bytes(whole)
        spoil(bench, page)
        try:
            written = export(bench, tmp_path / f"stick-{page}")
        except StoreCorrupt:
            assert pages[page] in ("sqlite_schema", "meta"), pages[page]
            continue
        assert not written.is_sound
        out = set(sids(written))
        named = {*written.lost, *written.unread}
        assert not [sid for sid in waiting - out if sid not in named and numbers[sid] not in named], pages[page]
        for entry in written.entries:
            check_files(read_evacuation(written.root), entry)
        taken.append(len(out))
    assert max(taken) == 7, "an index or a transition that is lost keeps nothing here"
    assert sum(taken) > 7 * len(taken) // 2


@pytest.mark.parametrize("left", [1, 5, 12, -1])
def test_a_database_that_was_cut_short_gives_what_is_left(bench, pages, tmp_path, left):
    numbers = {entry.outcome.sid: entry.outcome.intake_number for entry in read_entries(bench.folder)}
    os.truncate(bench.folder / "queue.db", 4096 * (left if left > 0 else len(pages) + left))
    with pytest.raises(StoreCorrupt):
        read_entries(bench.folder)
    written = export(bench, tmp_path / "stick")
    assert not written.is_sound
    named = {*sids(written), *written.lost, *written.unread}
    assert not [sid for sid in map(make_sid, range(1, 8)) if sid not in named and numbers[sid] not in named]
    assert len(named) < 20, "no number is named that nobody was given"
    assert bool(written.entries) == (left == -1)


def test_a_sealed_part_that_no_row_answers_for_is_named(bench, tmp_path):
    """The row is away without an error, as after a repair by hand: its part still says its number."""
    stored(bench, 3)
    db = sqlite3.connect(bench.folder / "queue.db")
    (number,) = db.execute("SELECT intake_number FROM submission WHERE seq = 2").fetchone()
    db.execute("DELETE FROM attachment WHERE submission_seq = 2")
    db.execute("DELETE FROM submission WHERE seq = 2")
    root = {name: page for page, name in db.execute("SELECT pageno, name FROM dbstat ORDER BY pageno DESC").fetchall()}
    db.commit()
    db.close()
    spoil(bench, root["submission_counted"])
    written = export(bench, tmp_path / "stick")
    assert (sids(written), written.unread, written.is_sound) == ([make_sid(1), make_sid(3)], (number,), False)


# ── a folder that cannot be written ─────────────────────────────────────────────────────────

LOOK = """
import json, sys
from pathlib import Path
from app.stores import is_writable
from offline_queue.evacuation import write_evacuation
from offline_queue.lock import ReadingLock
from offline_queue.peek import read_entries
path, target = Path(sys.argv[1]), Path(sys.argv[2])
seen = [entry.outcome.sid for entry in read_entries(path)]
lock = ReadingLock(path / "queue.lock")
written = write_evacuation(path, target, None, "", 1)
print(json.dumps([seen, [entry.sid for entry in written.entries], is_writable(path)]))
"""
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


@pytest.mark.parametrize(("log", "lock"), [("closed", "away"), ("left", "there")])
def test_a_folder_that_cannot_be_written_is_read_all_the_same(bench, tmp_path, log, lock):
    """`left`: the terminal was killed, and the last submissions stand in the log alone."""
    store = bench.open()
    for number in (1, 2):
        bench.put(store, number)
    if log == "closed":
        store.close()
    else:
        kept = {name: (bench.folder / name).read_bytes() for name in ("queue.db", "queue.db-wal")}
        assert kept["queue.db-wal"]
        store.close()
        for name, content in kept.items():
            (bench.folder / name).write_bytes(content)
    if lock == "away":
        (bench.folder / "queue.lock").unlink()
    bench.folder.chmod(0o500)
    try:
        command = [*(UNPRIVILEGED if os.geteuid() == 0 else []), sys.executable, "-c", LOOK]
        command += [str(bench.folder), str(tmp_path / "stick")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    finally:
        bench.folder.chmod(0o700)
    assert done.returncode == 0, done.stderr
    expected = f'["{make_sid(1)}", "{make_sid(2)}"]'
    assert done.stdout.strip() == f"[{expected}, {expected}, false]"


def test_the_lock_for_reading_gives_way_to_a_running_store_too(bench):
    with bench.open(), pytest.raises(StoreBusy):
        ReadingLock(bench.folder / "queue.lock")
    held = ReadingLock(bench.folder / "queue.lock")
    with pytest.raises(StoreBusy):
        LockFile(bench.folder / "queue.lock")
    held.release()
    held.release()
    bench.open()


# ── whose it is, and where it goes ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("signer", [None, DeviceSigner("K-777777")])
def test_nobody_but_the_stores_own_device_signs_an_index(bench, tmp_path, signer):
    stored(bench, 1)
    written = write_evacuation(bench.folder, tmp_path / "stick", signer, "", 1)
    found = read_evacuation(written.root)
    assert (written.is_signed, written.dev, found.dev) == (False, DEVICE, DEVICE)
    assert (found.signed.signature, found.signed.kid) == (b"", "")
    assert sids(written) == [make_sid(1)]


def test_an_export_into_the_queues_own_folder_is_refused(bench, tmp_path):
    stored(bench, 1)
    (tmp_path / "link").symlink_to(bench.folder / "blobs")
    for target in (bench.folder, bench.folder / "out", bench.folder / "blobs" / "00", tmp_path / "link"):
        with pytest.raises(QueueError, match="target_in_store"):
            export(bench, target)
    assert [one.state for one in bench.open().outcomes()] == [State.READY]


@pytest.mark.parametrize("is_stick", [True, False])
def test_what_a_killed_export_left_is_cleared_by_the_next(bench, tmp_path, is_stick):
    stored(bench, 1)
    stick = tmp_path / "stick"
    place = stick if is_stick else tmp_path
    place.mkdir(exist_ok=True)
    name = f"evacuation-{DEVICE}-1-abcd" if is_stick else "stick"
    (place / f".{name}.0123abcd.unfinished" / "K-1").mkdir(parents=True)
    others = [place / ".evacuation-K-777777-1-abcd.0123abcd.unfinished", place / ".papers.unfinished"]
    for one in others:
        one.mkdir()
    written = export(bench, stick)
    assert [one for one in place.glob(".*.unfinished") if one not in others] == []
    assert all(one.is_dir() for one in others)
    assert find_evacuations(stick) == (written.root,)


# ── a stick that somebody has prepared ──────────────────────────────────────────────────────


@pytest.fixture
def root(bench, tmp_path: Path) -> Path:
    """An evacuation of one submission on a stick."""
    stored(bench, 1)
    return export(bench, tmp_path / "stick").root


def test_a_receipt_is_written_through_no_link(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (root / "receipts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QueueError, match="target_unwritable"):
        write_receipt(root, make_sid(1), RECEIPT)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (root / "receipts").unlink()
    (root / "receipts").mkdir()
    (tmp_path / "file").write_bytes(b"mine")
    (root / "receipts" / f"{make_sid(1)}.json").symlink_to(tmp_path / "file")
    write_receipt(root, make_sid(1), RECEIPT)
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert read_receipt(root, make_sid(1)) == RECEIPT
    assert [path.name for path in (root / "receipts").iterdir()] == [f"{make_sid(1)}.json"]


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "endless"])
@pytest.mark.parametrize("name", ["index.json", "certificates.pem", "receipt", "part"])
def test_only_plain_files_of_a_stick_are_read(root, tmp_path, kind, name):
    evacuation = read_evacuation(root)
    (entry,) = evacuation.entries
    write_receipt(root, entry.sid, RECEIPT)
    paths = {"receipt": root / "receipts" / f"{entry.sid}.json", "part": root / entry.folder / "scan-0.ksb1"}
    path = paths.get(name, root / name)
    copy = tmp_path / "copy"
    path.rename(copy)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(copy)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(QueueError, match="damaged"):
        {
            "index.json": lambda: read_evacuation(root),
            "certificates.pem": lambda: read_certificates(root),
            "receipt": lambda: read_receipt(root, entry.sid),
            "part": lambda: check_files(evacuation, entry),
        }[name]()


def test_a_folder_of_a_stick_that_is_a_link_is_not_gone_into(root, tmp_path):
    evacuation = read_evacuation(root)
    (entry,) = evacuation.entries
    (root / entry.folder).rename(tmp_path / "away")
    (root / entry.folder).symlink_to(tmp_path / "away")
    with pytest.raises(QueueError, match="damaged"):
        check_files(evacuation, entry)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "linked").symlink_to(root)
    assert find_evacuations(tmp_path / "second") == ()
