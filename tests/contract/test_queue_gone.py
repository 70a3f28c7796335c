"""A store whose database is gone, older than its parts, or of another device: nothing goes, no number comes twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from offline_queue.api import QueueError, State, StoreBusy, StoreCorrupt
from offline_queue.peek import read_entries
from offline_queue.renewal import GAP, renew_store
from offline_queue.store import QueueStore
from tests.fixtures.queue import DEVICE, Bench, make_sid
from tests.fixtures.queue_looks import blob_files, deliver


def stored(bench: Bench, count: int) -> None:
    """Leave so many submissions in a closed store."""
    store = bench.open()
    for number in range(1, count + 1):
        bench.put(store, number)
    store.close()


def lose_database(bench: Bench, folder: Path) -> None:
    """Take the database away, as a mistaken hand or a repaired file system would."""
    folder.mkdir()
    for path in bench.folder.glob("queue.db*"):
        path.rename(folder / path.name)


# ── the database is gone ────────────────────────────────────────────────────────────────────


def test_a_store_whose_database_is_gone_is_refused_and_keeps_its_parts(bench, tmp_path):
    stored(bench, 3)
    parts = sorted(blob_files(bench))
    lose_database(bench, tmp_path / "away")
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match="database_gone"):
            bench.open()
    with pytest.raises(StoreCorrupt, match="database_gone"):
        read_entries(bench.folder)
    assert sorted(blob_files(bench)) == parts
    for path in (tmp_path / "away").iterdir():
        path.rename(bench.folder / path.name)
    assert [one.state for one in bench.open().outcomes()] == [State.READY] * 3


def test_numbers_do_not_begin_anew_where_no_part_is_left(bench, tmp_path):
    """Everything was delivered and shredded: the platform would refuse number 1 of this device, seq_reused."""
    store = bench.open()
    bench.put(store, 1)
    deliver(bench, store, 1)
    store.shred(make_sid(1))
    store.close()
    assert blob_files(bench) == []
    lose_database(bench, tmp_path / "away")
    with pytest.raises(StoreCorrupt, match="database_gone"):
        bench.open()


def test_a_log_that_was_left_alone_is_a_trace_too(bench):
    bench.folder.mkdir()
    (bench.folder / "queue.db-wal").write_bytes(b"x")
    with pytest.raises(StoreCorrupt, match="database_gone"):
        bench.open()


def test_a_folder_in_which_nothing_was_stored_yet_is_no_trace(bench):
    """A first start that was killed after the folders and before the database."""
    (bench.folder / "blobs" / "incoming").mkdir(parents=True)
    (bench.folder / "blobs" / "incoming" / "half.part").write_bytes(b"x")
    (bench.folder / "queue.db.new").write_bytes(b"half")
    (bench.folder / "queue.lock").touch()
    assert bench.put(bench.open(), 1).seq == 1


# ── the database is older ───────────────────────────────────────────────────────────────────


def test_a_former_copy_of_the_database_is_refused_and_sweeps_nothing(bench, tmp_path):
    stored(bench, 1)
    shutil.copy(bench.folder / "queue.db", tmp_path / "former.db")
    store = bench.open()
    for number in (2, 3):
        bench.put(store, number)
    store.close()
    parts = sorted(blob_files(bench))
    for path in bench.folder.glob("queue.db*"):
        path.unlink()
    shutil.copy(tmp_path / "former.db", bench.folder / "queue.db")
    with pytest.raises(StoreCorrupt, match="database_old"):
        bench.open()
    assert sorted(blob_files(bench)) == parts


def test_what_a_killed_put_left_on_a_shelf_is_swept(bench, tmp_path):
    """Its number is the next one, which nobody has been promised."""
    stored(bench, 1)
    kept = set(blob_files(bench))
    other = Bench(tmp_path / "other")
    stored(other, 2)
    for path in blob_files(other):
        target = bench.folder / path.relative_to(other.folder)
        if path.parent.name == "02":
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
    assert len(blob_files(bench)) > len(kept)
    bench.open()
    assert set(blob_files(bench)) == kept


def test_sealed_parts_of_another_device_are_left_where_they_lie(bench, tmp_path):
    other = Bench(tmp_path / "other")
    with other.open(device_id="K-777777") as store:
        other.put(store, 1)
    stored(bench, 1)
    for path in blob_files(other):
        target = bench.folder / path.relative_to(other.folder)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    before = sorted(blob_files(bench))
    bench.open()
    assert sorted(blob_files(bench)) == before


@pytest.mark.expected_log("no sealed part")
def test_a_folder_or_a_link_on_a_shelf_is_named_and_left(bench):
    stored(bench, 1)
    shelf = next(path.parent for path in blob_files(bench))
    (shelf / "stray").mkdir()
    (shelf / "stray" / "file").write_bytes(b"x")
    (shelf / "link").symlink_to("/etc/hostname")
    store = bench.open()
    assert [one.state for one in store.outcomes()] == [State.READY]
    assert (shelf / "stray" / "file").read_bytes() == b"x"
    assert (shelf / "link").is_symlink()


# ── beginning anew ──────────────────────────────────────────────────────────────────────────


def test_a_renewed_store_keeps_the_old_parts_and_begins_above_their_numbers(bench, tmp_path):
    stored(bench, 3)
    contents = sorted(path.read_bytes() for path in blob_files(bench))
    lose_database(bench, tmp_path / "away")
    renewed = renew_store(bench.folder, DEVICE)
    assert renewed.first_seq == 3 + 1 + GAP
    kept = sorted(path.read_bytes() for path in renewed.moved_to.rglob("*.ksb1"))
    assert kept == contents
    with bench.open() as store:
        assert bench.put(store, 9).seq == renewed.first_seq
    assert sorted(path.read_bytes() for path in renewed.moved_to.rglob("*.ksb1")) == contents


def test_a_number_known_from_elsewhere_is_gone_above_too(bench, tmp_path):
    stored(bench, 1)
    lose_database(bench, tmp_path / "away")
    assert renew_store(bench.folder, DEVICE, above=4711).first_seq == 4712 + GAP
    lose_database(bench, tmp_path / "again")
    assert renew_store(bench.folder, DEVICE).first_seq > 4712 + GAP, "what was begun with is known from then on"


def test_where_nothing_tells_the_numbers_one_has_to_be_given(bench, tmp_path):
    bench.open().close()
    lose_database(bench, tmp_path / "away")
    with pytest.raises(QueueError, match="number_unknown"):
        renew_store(bench.folder, DEVICE)
    with pytest.raises(StoreCorrupt, match="database_gone"):
        bench.open()
    assert renew_store(bench.folder, DEVICE, above=7).first_seq == 8 + GAP


def test_a_store_that_can_be_gone_on_with_is_not_begun_anew(bench, tmp_path):
    stored(bench, 1)
    with pytest.raises(QueueError, match="store_is_well"):
        renew_store(bench.folder, DEVICE)
    with pytest.raises(QueueError, match="no_store"):
        renew_store(tmp_path / "nowhere", DEVICE)
    with bench.open(), pytest.raises(StoreBusy):
        renew_store(bench.folder, DEVICE)
    assert [one.state for one in bench.open().outcomes()] == [State.READY]


def test_papers_of_another_device_are_moved_aside_whole(bench):
    with bench.open(device_id="K-777777") as store:
        bench.put(store, 1)
    with pytest.raises(StoreCorrupt, match="other_device"):
        bench.open()
    renewed = renew_store(bench.folder, DEVICE)
    assert renewed.first_seq == 2
    assert bench.put(bench.open(), 2).seq == 2
    with QueueStore(renewed.moved_to, clock=bench.clock, signer=bench.signer, device_id="K-777777") as old:
        assert [one.state for one in old.outcomes()] == [State.READY]


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_renewal_that_was_cut_off_goes_on_where_it_stood(bench, monkeypatch, moves):
    """Whatever is moved when it stops, no store opens until it is done, and all of the old one ends in one folder."""
    stored(bench, 2)
    data = bytearray((bench.folder / "queue.db").read_bytes())
    data[4096:8192] = bytes(4096)
    (bench.folder / "queue.db").write_bytes(data)
    (bench.folder / "queue.db-wal").write_bytes(b"log")
    names = sorted(path.name for path in blob_files(bench))
    left = [moves]
    rename = Path.rename

    def cut(path: Path, target: Path) -> Path:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            renew_store(bench.folder, DEVICE)
    with pytest.raises(StoreCorrupt):
        bench.open()
    renewed = renew_store(bench.folder, DEVICE)
    assert renewed.first_seq > 2
    (folder,) = (bench.folder / "lost").iterdir()
    assert sorted(path.name for path in folder.rglob("*.ksb1")) == names
    assert {"queue.db", "queue.db-wal", "blobs"} <= {path.name for path in folder.iterdir()}
    assert bench.put(bench.open(), 9).seq == renewed.first_seq
