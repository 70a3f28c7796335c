"""Where the platform keeps things: which places it takes, what an older database becomes, who may write when."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from sandbox import beats, store
from sandbox.beats import Beat, BeatBook, Letter, newest_of, store_beats
from sandbox.blobs import BlobFolder, Held, open_blobs
from sandbox.fixed import Fixed
from sandbox.problems import Problem
from sandbox.recent import Recent
from sandbox.store import PlatformStore, open_engine

SID = "01990000-0000-7000-8000-00000000000{}"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE")


@pytest.fixture
def tables(tmp_path: Path) -> PlatformStore:
    made = PlatformStore(open_engine(f"sqlite:///{tmp_path / 'p.db'}"))
    with made.begin() as connection:
        connection.execute(store.device.insert(), [{"dev": f"K-00000{n}", "state": "pending"} for n in range(10)])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://jinban:geheim@127.0.0.1/x", "PGPASSFILE"),
        ("mysql://127.0.0.1/x", "allowed: sqlite, postgresql"),
        ("nonsense", "parse"),
    ],
)
def test_a_database_that_is_not_taken_is_named_without_its_password(url: str, word: str) -> None:
    with pytest.raises((ValueError, sa.exc.ArgumentError), match=word) as refused:
        open_engine(url)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("s3://key:geheim@bucket/x", "no credentials in the URL"),
        ("s3://bucket/x?secret=geheim", "credentials, endpoint, region"),
        ("s3:///x", "BUCKET"),
        ("s3://bucket/x?endpoint=http://store.example", "https"),
        ("s3://bucket/x", "no credentials in the environment"),
        ("ftp://bucket/x", "allowed"),
    ],
)
def test_an_object_store_that_is_not_taken(
    url: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=word) as refused:
        open_blobs(url, tmp_path)
    assert "geheim" not in str(refused.value)


@pytest.mark.expected_log("object store: terminals are told to wait")
def test_an_object_store_that_is_away_is_named_at_the_start_and_told_once(
    tmp_path: Path, s3_secrets: None, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # bound and closed: nobody answers there
        port = taken.getsockname()[1]
    blobs = open_blobs(f"s3://bucket/city?endpoint=http://127.0.0.1:{port}", tmp_path)
    with pytest.raises(ValueError, match=rf"--blobs: s3://bucket/city/: .*127\.0\.0\.1:{port}"):
        blobs.check()
    blobs.upload_path("u1").write_bytes(b"sealed")
    for _ in range(2):
        with pytest.raises(Problem, match="busy"):
            blobs.keep_sealed("u1", "00" * 32)
    told = [record.getMessage() for record in caplog.records if record.name == "sandbox.bucket"]
    assert len(told) == 1
    assert "terminals are told to wait" in told[0]


def test_credentials_come_from_a_file_that_holds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b%\n")
    assert open_blobs(f"s3://bucket/x?credentials={file}", tmp_path / "one").root == tmp_path / "one"
    monkeypatch.setenv(KEYS[2], str(file))
    open_blobs("s3://bucket/x", tmp_path / "two")
    file.write_text("[other]\n")
    with pytest.raises(ValueError, match="has no \\[default\\]"):
        open_blobs("s3://bucket/x", tmp_path / "three")


def test_the_first_layout_is_carried_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'p.db'}"
    old = sa.create_engine(url)
    with old.begin() as connection:
        for text in (
            "CREATE TABLE setting (k VARCHAR(32) PRIMARY KEY, v TEXT NOT NULL)",
            "CREATE TABLE submission (dev VARCHAR(14), sid VARCHAR(36), seq INTEGER NOT NULL, state VARCHAR(16),"
            " code VARCHAR(32), missing TEXT NOT NULL, envelope BLOB NOT NULL, manifest BLOB, query_code VARCHAR(6),"
            " case_number VARCHAR(40) UNIQUE, receipt TEXT, committed INTEGER, PRIMARY KEY (dev, sid),"
            " UNIQUE (dev, seq))",
            "CREATE TABLE request (n INTEGER PRIMARY KEY, sid VARCHAR(36) NOT NULL, at INTEGER NOT NULL)",
            "INSERT INTO submission (dev, sid, seq, state, missing, envelope, case_number, receipt) VALUES"
            " ('K-000001', '01990000-0000-7000-8000-000000000001', 1, 'committed', '[]', x'61', 'SIM-1', 'r')",
            "INSERT INTO request (sid, at) VALUES ('01990000-0000-7000-8000-000000000001', 5),"
            " ('01990000-0000-7000-8000-000000000001', 9)",
        ):
            connection.exec_driver_sql(text)
    old.dispose()
    tables = PlatformStore(open_engine(url))
    assert tables.register("K-000001", SID.format(1), 1, b"a", 10)["receipt"] == "r"
    with pytest.raises(store.SeqReused):
        tables.register("K-000001", SID.format(2), 1, b"b", 10)
    assert dict(tables.one(sa.select(store.arrival))) == {"sid": SID.format(1), "n": 2, "at": 9}
    assert tables.one(sa.select(store.numbered.c.sid))["sid"] == SID.format(1)
    tables.close()


def test_a_column_that_a_former_release_did_not_have_is_added(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'p.db'}"
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE device DROP COLUMN app")
        former = json.dumps({"major": 2, "minor": 0, "print": "of a former release"})
        connection.execute(store.setting.update().values(v=former))
    engine.dispose()
    tables = PlatformStore(open_engine(url))
    with tables.begin() as connection:
        connection.execute(store.device.insert().values(dev="K-000001", state="active", app="x"))
    assert tables.one(sa.select(store.device.c.app))["app"] == "x"
    tables.close()


def test_a_turn_is_taken_once_in_its_time(tables: PlatformStore) -> None:
    assert [tables.take_turn("house", 60, at) for at in (1000, 1001, 1059, 1060, 1061)] == [
        True, False, False, True, False,
    ]  # fmt: skip


def test_an_upload_is_held_by_one_and_a_dropped_file_by_nobody(tmp_path: Path) -> None:
    here, there = BlobFolder(tmp_path), BlobFolder(tmp_path)  # two processes, as far as the lock knows
    with here.hold("u") as file:
        file.write(b"123")
        with pytest.raises(Held), there.hold("u"):
            pass
        here.drop("u")
        with there.hold("u") as fresh:  # another file under the old name: the old one is nobody's any more
            assert fresh.tell() == 0
    with there.hold("u"):
        assert there.offset("u") == 0


# ── heartbeats ─────────────────────────────────────────────────────────────────────────────


def beat(dev: str, n: int, **value: object) -> Beat:
    return Beat(dev, "abc", n, json.dumps({"n": n, **value}), {"n": n, **value}, 1_795_400_000)


def test_beats_of_one_moment_are_one_transaction_and_the_newest_counts(tables: PlatformStore) -> None:
    begun: list[object] = []
    sa.event.listen(tables._engine, "commit", begun.append)
    sent = [beat(f"K-00000{n % 10}", n) for n in (*range(20, 0, -1), *range(1, 31))]
    newest = newest_of(sent)
    assert [one.dev for one in newest] == [f"K-00000{n}" for n in range(10)]
    store_beats(tables, newest, {})
    assert len(begun) == 1
    kept = tables.rows(sa.select(store.device.c.heartbeat_n).order_by(store.device.c.dev))
    assert [row["heartbeat_n"] for row in kept] == [30, 21, 22, 23, 24, 25, 26, 27, 28, 29]
    store_beats(tables, [beat("K-000000", 29)], {})
    assert (
        tables.one(sa.select(store.device.c.heartbeat_n).where(store.device.c.dev == "K-000000"))["heartbeat_n"] == 30
    )


def test_letters_of_one_moment_are_taken_together_and_each_has_its_own_answer() -> None:
    letters = [Letter(str(n), b"%d" % n) for n in range(20)]
    taken: list[Sequence[Letter]] = []

    def take(come: Sequence[Letter]) -> list[bytes | Problem]:
        taken.append(come)
        return [Problem(403, "bad_signature") if one.body == b"7" else b"to " + one.body for one in come]

    async def all_at_once() -> list[bytes | BaseException]:
        book = BeatBook(pause_s=0.01)
        first = await asyncio.gather(*(book.keep(one, take) for one in letters), return_exceptions=True)
        return [*first, await book.keep(letters[0], take)]

    *answers, later = asyncio.run(all_at_once())
    assert taken == [letters, letters[:1]]
    refused = answers[7]
    assert isinstance(refused, Problem)
    assert refused.code == "bad_signature"
    assert [one for one in answers if one is not refused] == [b"to %d" % n for n in range(20) if n != 7]
    assert later == b"to 0"


def test_what_alarms_count_is_taken_out_and_odd_values_are_nought(tables: PlatformStore) -> None:
    queue = {"ready": 3, "dead": 1, "oldest": "2026-11-23T10:00:00+08:00"}
    store_beats(tables, [
        beat("K-000001", 1, queue=queue, clk_offset_ms=-400_000, app="a/1", faults=["usb_refused", "x", "door_open"]),
        beat("K-000002", 1, queue=[], clk_offset_ms="x", app=None, faults={"a": 1}, audit=7),
        beat("K-000003", 1, queue={"ready": True, "dead": 2**60, "oldest": "soon"}),
    ], {})  # fmt: skip
    rows = tables.rows(sa.select(store.device).where(store.device.c.heartbeat_n == 1).order_by(store.device.c.dev))
    assert [(row["ready"], row["dead"], row["clock_off_s"]) for row in rows] == [
        (3, 1, -400), (0, 0, 0), (0, beats.COUNT_MAX, 0),
    ]  # fmt: skip
    assert [row["alarms"] for row in rows] == [0b11, 0, 0]
    assert [row["oldest_at"] for row in rows] == [1_795_399_200, None, None]


def test_an_audit_chain_that_went_back_is_noted_once(tables: PlatformStore) -> None:
    for n, audit in enumerate([{"n": 5, "h": "a"}, {"n": 6, "h": "b"}, {"n": 6, "h": "c"}, {"n": 4, "h": "d"}], 1):
        former = tables.one(sa.select(store.device).where(store.device.c.dev == "K-000001"))
        assert former is not None
        store_beats(tables, [beat("K-000001", n, audit=audit)], {"K-000001": former})
    notes = tables.rows(sa.select(store.note.c.kind, store.note.c.detail))
    assert [tuple(row.values()) for row in notes] == [("audit_gap", "heartbeat 3")]
    assert tables.one(sa.select(store.device.c.alarms).where(store.device.c.dev == "K-000001"))["alarms"] == (
        beats.AUDIT_GAP
    )


# ── statements in the driver's words ───────────────────────────────────────────────────────


def test_a_fixed_statement_is_part_of_its_transaction_and_fails_as_sqlalchemy_would(tables: PlatformStore) -> None:
    write = Fixed(store.setting.insert())
    read = Fixed(sa.select(store.setting.c.v).where(store.setting.c.k == sa.bindparam("v_k"), store.setting.c.v != "b"))
    with tables.begin() as connection:
        assert write.run(connection, {"k": "one", "v": "a"}) == 1
        assert read.rows(connection, {"v_k": "one"}) == [{"v": "a"}]
    with pytest.raises(sa.exc.IntegrityError, match="UNIQUE") as refused, tables.begin() as connection:
        write.run_each(connection, [{"k": "two", "v": "geheim"}, {"k": "one", "v": "a"}])
    assert "geheim" not in str(refused.value)
    assert tables.one(read, {"v_k": "two"}) is None, "rolled back as a whole"
    with tables.begin() as connection:
        write.run_each(connection, [])
        write.run_each(connection, [{"k": name, "v": "b"} for name in ("two", "three")])
    assert tables.one(read, {"v_k": "two"}) is None, "a value that is part of the statement counts"
    assert len(tables.rows(sa.select(store.setting.c.k).where(store.setting.c.v == "b"))) == 2


def test_what_was_learnt_is_forgotten_in_time_and_the_oldest_first() -> None:
    now = [100.0]
    recent: Recent[int] = Recent(5.0, 3, lambda: now[0])
    for n in range(3):
        recent.put(n, n)
    recent.put(0, 10)  # learnt again: now the youngest
    recent.put(3, 3)
    assert [recent.get(n) for n in range(4)] == [10, None, 2, 3]
    recent.drop(3)
    recent.drop(7)
    now[0] += 4.9
    assert [recent.get(n) for n in range(4)] == [10, None, 2, None]
    now[0] += 0.1
    assert [recent.get(n) for n in range(4)] == [None] * 4
