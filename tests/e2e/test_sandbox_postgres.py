"""The same contract on PostgreSQL, an object store and two workers; and what only several processes can get wrong."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import queue
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from sandbox import casework, database, store
from sandbox.beats import Letter
from sandbox.main import Options, open_platform
from sandbox.problems import Problem
from sandbox.pulse import take_letters
from sandbox.store import PlatformStore, open_engine
from tests.e2e import test_sandbox_delivery, test_sandbox_trust
from tests.e2e.test_sandbox_delivery import SCAN, SIGNATURE
from tests.fixtures.platform import LivePlatform, running_platform
from tests.fixtures.platform_terminal import Consignment, TestTerminal, make_sid, unb64url
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.s3 import SECRETS, S3Server

pytestmark = pytest.mark.xdist_group("postgres")

IS_LONG = os.environ.get("JINBAN_CHAOS") == "1"
REPEATS = 50
LINES = 10
CORE = (  # the promises that a store and several processes carry; JINBAN_CHAOS=1 runs the whole contract
    "test_a_submission_becomes_one_case_with_a_signed_receipt",
    "test_putting_twice_gives_the_same_bytes_and_one_commit",
    "test_a_put_before_the_parts_is_kept_and_names_what_is_missing",
    "test_an_upload_resumes_after_a_cut",
    "test_a_wrong_offset_is_harmless",
    "test_bytes_of_another_hash_are_thrown_away_and_twice_is_for_good",
    "test_a_manifest_of_another_hash_is_refused",
    "test_an_id_with_other_bytes_is_refused",
    "test_a_sequence_number_used_twice_is_refused_and_alarmed",
    "test_receipts_survive_a_kill_of_the_platform",
    "test_the_first_heartbeat_makes_the_device_active_and_closes_the_enrolment",
    "test_a_used_code_belongs_to_the_first_key_and_burns_after_five_tries",
    "test_an_assertion_is_good_once",
    "test_the_key_bundle_is_signed_once_and_has_an_etag",
)
consignment, known = test_sandbox_delivery.consignment, test_sandbox_trust.known
for module in (test_sandbox_delivery, test_sandbox_trust):
    for name in dir(module):
        if name in CORE or (IS_LONG and name.startswith("test_")):
            globals()[name] = getattr(module, name)


@pytest.fixture(scope="module")
def places(postgres: PostgresServer, s3: S3Server) -> Iterator[tuple[str, str]]:
    """A database and a bucket, and the credentials in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        yield postgres.create_database(), s3.create_bucket()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, places: tuple[str, str]) -> Iterator[LivePlatform]:
    """Two workers on PostgreSQL and the object store."""
    db, blobs = places
    options = ("--auto-approve", "--db", db, "--blobs", blobs, "--workers", "2", "--metrics-port", "0")
    with running_platform(tmp_path_factory.mktemp("workers"), *options) as live:
        yield live


def at_once(
    sender: TestTerminal, count: int, act: Callable[[TestTerminal, int], requests.Response]
) -> list[tuple[int, bytes]]:
    """Return the answers of `count` requests, sent by as many threads as there are lines, each over its own."""
    lines: queue.SimpleQueue[TestTerminal] = queue.SimpleQueue()
    for _ in range(LINES):
        other = TestTerminal(sender.url, sender.ca, key=sender.key, dev=sender.dev, serial=sender.serial)
        other.token = sender.token
        lines.put(other)

    def alone(number: int) -> tuple[int, bytes]:
        other = lines.get()
        answer = act(other, number)
        lines.put(other)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(LINES) as pool:
        answers = list(pool.map(alone, range(count)))
    for _ in range(LINES):
        lines.get().close()
    return answers


def test_fifty_identical_puts_and_patches_are_one_case(
    platform: LivePlatform,
    sender: TestTerminal,
    consignment: Consignment,
) -> None:
    blob = consignment.sealed["m-bank-1"]
    sender.upload(consignment, only=("signature",))
    made = sender.create_upload(consignment.sid, "m-bank-1", hashlib.sha256(blob).hexdigest(), len(blob))
    location = made.headers["Location"]
    patched = at_once(sender, REPEATS, lambda other, _: other.patch(location, 0, blob))
    assert sorted({status for status, _ in patched} - {409, 423}) == [204]
    assert sum(status == 204 for status, _ in patched) == 1
    envelope = sender.sign_object("kiosk/submit/v1", consignment.envelope)
    put = at_once(sender, REPEATS, lambda other, _: other.put(consignment, envelope=envelope))
    assert sorted(status for status, _ in put) == [200] * (REPEATS - 1) + [201]
    assert len({content for _, content in put}) == 1
    assert platform.commits(consignment.sid) == 1
    assert platform.requests(consignment.sid) == REPEATS
    tables = PlatformStore(open_engine(platform.places.db))
    mine = sa.select(store.numbered.c.case_number).where(store.numbered.c.sid == consignment.sid)
    assert [row["case_number"] for row in tables.rows(mine)] == [platform.case_number(consignment.sid)]
    tables.close()


def test_many_submissions_at_once_get_numbers_without_a_gap(platform: LivePlatform, sender: TestTerminal) -> None:
    before = len(platform.sids())
    packed = [sender.pack({}) for _ in range(20)]
    answers = at_once(sender, len(packed), lambda other, number: other.put(packed[number]))
    assert {status for status, _ in answers} == {201}
    receipts = [json.loads(unb64url(json.loads(content)["o"])) for _, content in answers]
    numbers = sorted(int(receipt["case_number"].split("-")[2]) for receipt in receipts)
    assert numbers == list(range(numbers[0], numbers[0] + len(packed)))
    assert len(platform.sids()) == before + len(packed)


def test_objects_go_to_the_store_and_nothing_plain_stays_here(
    platform: LivePlatform,
    sender: TestTerminal,
    consignment: Consignment,
    s3: S3Server,
    places: tuple[str, str],
) -> None:
    sender.upload(consignment)
    assert sender.put(consignment).status_code == 201
    kept = [key for key in s3.keys(places[1]) if consignment.sid in key]
    assert sorted(kept) == [
        f"jinban/plain/{sender.dev}/{consignment.sid}/m-bank-1.jpg",
        f"jinban/plain/{sender.dev}/{consignment.sid}/signature.png",
    ]
    scratch = platform.state / "scratch"
    left = [path for name in ("uploads", "opening", "plain") for path in (scratch / name).rglob("*")]
    assert [path for path in left if path.is_file() and SCAN[0][:64] in path.read_bytes()] == []
    parts = platform.parts(consignment.sid)
    assert {part: found.path.read_bytes() for part, found in parts.items()} == {
        "m-bank-1": SCAN[0],
        "signature": SIGNATURE[0],
    }


def figures(platform: LivePlatform) -> dict[str, float]:
    """Return the platform's figures by name and labels."""
    page = requests.get(platform.metrics_url, timeout=10).text
    return {name: float(value) for name, value in re.findall(r"^(jinban_\S+) (\S+)$", page, re.MULTILINE)}


def test_figures_are_of_all_workers_and_name_no_terminal(platform: LivePlatform, sender: TestTerminal) -> None:
    assert sender.put(sender.pack({})).status_code == 201
    before = figures(platform)
    old = int(time.time()) - 5 * 3600
    assert sender.beat(1, queue={"ready": 2, "dead": 1, "oldest": old}, faults=["door_open"]).status_code == 200
    now = figures(platform)
    risen = {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}
    assert risen['jinban_requests_total{method="POST",route="/v1/heartbeat",status="200"}'] == 1
    assert (risen["jinban_dead_letters"], risen["jinban_queue_ready"]) == (1, 2)
    alarms = {name.split('"')[1]: change for name, change in risen.items() if name.startswith("jinban_alarms")}
    assert alarms == {"dead_letters": 1, "unsent_old": 1, "door_open": 1}
    assert now["jinban_commits_total"] >= 1
    assert not [name for name in now if sender.dev in name]
    assert sender.ask("GET", "/metrics").status_code == 404
    assert requests.get(platform.metrics_url + "/x", timeout=10).status_code == 404


# ── two processes, each with an address of its own ─────────────────────────────────────────


@pytest.fixture(scope="module")
def twins(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Iterator[tuple[LivePlatform, LivePlatform]]:
    """Two processes of one platform: the same state folder, database and blobs, two ports."""
    state = tmp_path_factory.mktemp("twins")
    with (
        running_platform(state, "--auto-approve", "--db", postgres.create_database()) as first,
        running_platform(state, "--auto-approve") as second,
    ):
        yield first, second


def test_an_upload_that_one_process_receives_is_locked_in_the_other(twins: tuple[LivePlatform, LivePlatform]) -> None:
    first, second = twins
    sender = TestTerminal(first.base_url, first.ca_path)
    sender.enrol(first.create_code())
    other = replace(sender, url=second.base_url)
    location = sender.create_upload(make_sid(), "m-1", hashlib.sha256(b"12345").hexdigest(), 5).headers["Location"]

    def half() -> Iterator[bytes]:
        yield b"123"
        for _ in range(1000):  # the first bytes are on disk: the other process sees them
            if other.head(location).headers["Upload-Offset"] == "3":
                break
        locked = other.patch(location, 3, b"45")
        assert (locked.status_code, locked.json()["code"]) == (423, "locked")
        assert locked.headers["Retry-After"]
        yield b"4"

    sender.patch(location, 0, half())  # a body without a length ends where it ends
    assert other.head(location).headers["Upload-Offset"] == "4"
    assert other.patch(location, 4, b"5").status_code == 204
    other.close()
    sender.close()


def test_a_terminal_may_change_process_at_every_step(twins: tuple[LivePlatform, LivePlatform]) -> None:
    first, second = twins
    here = TestTerminal(first.base_url, first.ca_path)
    there = replace(here, url=second.base_url)
    enrolment = here.begin_enrolment(first.create_code()).json()["enrol_id"]
    assert there.poll_enrolment(enrolment).content == here.poll_enrolment(enrolment).content
    here.enrol(first.create_code())
    there = replace(here, url=second.base_url)
    packed = here.pack({"m-1": SCAN, "signature": SIGNATURE})
    here.upload(packed, only=("m-1",))
    there.upload(packed, only=("signature",))
    assert there.put(packed).content == here.put(packed).content
    assert here.beat(5).status_code == there.beat(4).status_code == 200
    assert second.heartbeat(here.dev)["n"] == 5
    for one in (here, there):
        one.close()


# ── the schema ─────────────────────────────────────────────────────────────────────────────


def test_months_are_partitions_and_an_id_of_no_month_has_a_place(postgres: PostgresServer) -> None:
    engine = open_engine(postgres.create_database())
    tables = PlatformStore(engine)
    tables.register("K-000001", make_sid(), 1, b"a", 1)
    tables.register("K-000001", "e676e014-f800-7000-8000-000000000001", 2, b"b", 1)  # a clock of the year 9999
    this_month = f"submission_{dt.datetime.now(database.CHINA):%Y%m}"
    with engine.begin() as connection:
        counts = {
            name: connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar()
            for name in (this_month, "submission_rest", "submission")
        }
        assert counts == {this_month: 1, "submission_rest": 1, "submission": 2}
        assert database.prepare_months(connection, dt.date(2026, 1, 31), ahead=0) == [
            "submission_202601",
            "part_202601",
        ]
        assert database.prepare_months(connection, dt.date(9999, 11, 30), ahead=0) == ["part_999911"]  # it stays there
    with pytest.raises(store.SeqReused):
        tables.register("K-000001", "ffffffff-0000-7000-8000-000000000002", 2, b"c", 1)
    tables.close()


def test_a_database_of_a_newer_release_is_refused(postgres: PostgresServer, tmp_path: Path) -> None:
    for url in (postgres.create_database(), f"sqlite:///{tmp_path / 'p.db'}"):
        tables = PlatformStore(open_engine(url))
        with tables.begin() as connection:
            newer = f'{{"major": {database.MAJOR + 1}, "minor": 0, "print": ""}}'
            connection.execute(store.setting.update().where(store.setting.c.k == "schema").values(v=newer))
        tables.close()
        with pytest.raises(database.StoreTooNew, match=f"schema {database.MAJOR + 1}"):
            open_engine(url)


def test_workers_that_start_together_put_former_cases_on_the_desk_once(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    tables = PlatformStore(open_engine(url))
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool, postgres.connect() as looking:
        with tables.begin() as connection:
            connection.execute(store.setting.insert().values(k=casework.FORMER, v="1"))  # the first, not done yet
            second = pool.submit(casework.file_former, tables, 2)
            name = sa.make_url(url).database
            assert any(looking.execute(waiting, (name,)).fetchone() or second.done() for _ in range(20_000))
            assert not second.done()
        assert second.result(45) == 0
    kept = tables.one(sa.select(store.setting.c.v).where(store.setting.c.k == casework.FORMER))
    assert kept is not None
    assert kept["v"] == "1"
    tables.close()


def test_a_text_that_no_database_holds_is_a_bad_request(platform: LivePlatform, sender: TestTerminal) -> None:
    answer = sender.ask_token(sender.assertion(jti="a\0b"))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_what_one_terminal_writes_amiss_is_not_the_trouble_of_those_that_beat_with_it(
    twins: tuple[LivePlatform, LivePlatform],
) -> None:
    live, _ = twins
    senders = [TestTerminal(live.base_url, live.ca_path) for _ in range(3)]
    odd_words = ({}, {"app": "a\0b"}, {"results": [{"id": "a\0b", "outcome": "done"}]})
    letters = []
    for sender, more in zip(senders, odd_words, strict=True):
        sender.enrol(live.create_code())
        body = sender.sign_object("kiosk/heartbeat/v1", sender.compose_beat(1, **more))
        letters.append(Letter(store.text_sha256(sender.token), json.dumps(body).encode()))
        sender.close()
    platform = open_platform(Options(state=live.state))
    good, odd, bad, stranger = take_letters(platform, [*letters, Letter("0" * 64, letters[0].body)])
    platform.store.close()
    assert isinstance(good, bytes)
    assert isinstance(odd, bytes)
    assert [(one.status, one.code) for one in (bad, stranger) if isinstance(one, Problem)] == [
        (422, "unreadable"), (401, "token_expired"),
    ]  # fmt: skip
    assert [live.heartbeat(sender.dev)["n"] for sender in senders[:2]] == [1, 1]


def test_a_database_that_is_away_is_busy_and_comes_back(
    twins: tuple[LivePlatform, LivePlatform], postgres: PostgresServer
) -> None:
    live, _ = twins
    sender = TestTerminal(live.base_url, live.ca_path)
    sender.enrol(live.create_code())
    name = sa.make_url(live.places.db).database
    with postgres.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        away = sender.beat(1)
        assert (away.status_code, away.json()["code"]) == (503, "busy")
        assert away.headers["Retry-After"]
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert sender.beat(2).status_code == 200
    assert live.heartbeat(sender.dev)["n"] == 2
    sender.close()
