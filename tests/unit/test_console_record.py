"""The record of what officers did: one chain, whose head only the platform can write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sandbox.console.record import (
    GENESIS,
    Book,
    Report,
    _link,
    list_record,
    note_anchor,
    open_book,
    prepare_record,
    verify_record,
    write_record,
)
from sandbox.console.tables import record, record_head
from sandbox.main import Options, open_platform
from tests.fixtures.platform import console_command

ROWS = 40


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a platform; each test begins its record anew."""
    return tmp_path_factory.mktemp("platform")


@pytest.fixture
def book(state: Path) -> Iterator[Book]:
    platform = open_platform(Options(state=state))
    made = open_book(platform.store, platform.keys)
    for table in (record, record_head):
        run(made, table.delete())
    made.anchor.unlink(missing_ok=True)
    prepare_record(made)
    yield made
    platform.store.close()


@pytest.fixture
def written(book: Book) -> Book:
    """A record with some rows."""
    write(book, ROWS)
    return book


def run(book: Book, statement: sa.Executable) -> None:
    with book.tables.begin() as connection:
        connection.execute(statement)


def write(book: Book, count: int, account: str = "li") -> None:
    for n in range(count):
        write_record(book, n, account, "officer", "case.open", f"case {n}")


def head_of(book: Book) -> dict[str, Any]:
    row = book.tables.one(sa.select(record_head))
    assert row is not None
    return dict(row)


def cut(book: Book, after: int) -> str:
    """Take the tail away and return the chain of what is the last row now."""
    run(book, record.delete().where(record.c.n > after))
    last = book.tables.one(sa.select(record.c.chain).where(record.c.n == after))
    return str(last["chain"]) if last is not None else GENESIS


def test_it_is_one_chain_under_many_hands(book: Book) -> None:
    prepare_record(book)
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: write_record(book, n, "li", "officer", "case.open", f"{n}"), range(ROWS)))
    assert sorted(numbers) == list(range(1, ROWS + 1))
    assert verify_record(book, batch=7) == Report(ROWS, 0, head_of(book)["chain"])
    assert [row["n"] for row in list_record(book.tables, 1)][:2] == [ROWS, ROWS - 1]


def test_every_change_of_a_row_is_found(written: Book) -> None:
    mine = record.c.n == 17
    for change in (record.update().where(mine).values(account="wu"), record.update().where(mine).values(chain="0" * 64),
                   record.delete().where(mine)):  # fmt: skip
        kept = written.tables.one(sa.select(record).where(mine))
        assert kept is not None
        run(written, change)
        assert verify_record(written, batch=7).broken_at == 17
        run(written, record.delete().where(mine))
        run(written, record.insert().values(**kept))
    assert verify_record(written).is_sound


def test_a_cut_tail_is_found_whatever_the_head_says(written: Book) -> None:
    chain = cut(written, 30)
    assert verify_record(written).broken_at == 31, "the head knows of more"
    run(written, record_head.update().values(n=30, chain=chain))
    assert verify_record(written).broken_at == 31, "the seal is of another head"
    run(written, record_head.update().values(seal=None))
    prepare_record(written)
    assert verify_record(written).broken_at == 31, "no seal is made for it, it is not a former release's"
    run(written, record_head.delete())
    assert verify_record(written).broken_at == 31
    prepare_record(written)
    write(written, 1)
    assert verify_record(written).broken_at == 32, "nor is a new head sealed, nor what is written on after it"


def test_a_chain_written_anew_is_found(written: Book) -> None:
    chain = ""
    for row in written.tables.rows(sa.select(record).order_by(record.c.n)):
        changed = {**row, "account": "wu"} if row["n"] == 20 else dict(row)
        chain = _link(chain or GENESIS, changed)
        run(written, record.update().where(record.c.n == row["n"]).values(account=changed["account"], chain=chain))
    run(written, record_head.update().values(chain=chain))
    assert verify_record(written) == Report(ROWS, ROWS + 1, chain)


def test_a_record_that_is_gone_altogether_is_no_new_one(written: Book) -> None:
    for table in (record, record_head):
        run(written, table.delete())
    assert not verify_record(written).is_sound
    prepare_record(written)
    assert not verify_record(written).is_sound


def test_an_older_head_put_back_with_its_seal_is_found_by_the_note_outside(written: Book) -> None:
    older = head_of(written)
    write(written, 5)
    note_anchor(written)
    cut(written, ROWS)
    run(written, record_head.update().values(**older))
    assert verify_record(written).broken_at == ROWS + 1
    note_anchor(written)
    assert verify_record(written).broken_at == ROWS + 1, "what does not go on from the note does not replace it"
    write(written, 9, "wu")  # as many as were there, and more
    assert verify_record(written).broken_at == ROWS + 5
    for torn in ("", "{}", '{"n": 0, "chain": ""}', "[]"):
        written.anchor.write_text(torn)
        assert not verify_record(written).is_sound


def test_the_note_goes_on_with_the_record(written: Book) -> None:
    note_anchor(written)
    write(written, 3)
    prepare_record(written)
    assert json.loads(written.anchor.read_text())["n"] == ROWS + 3
    assert verify_record(written).is_sound


def test_another_platforms_key_seals_nothing_here(written: Book) -> None:
    stranger = replace(written, key=bytes(32))
    assert not verify_record(stranger).is_sound
    write(stranger, 1)
    assert not verify_record(written).is_sound


def test_the_head_of_a_release_without_seals_is_sealed_once_if_its_chain_holds(written: Book) -> None:
    written.anchor.unlink()
    run(written, record_head.update().values(seal=None))
    prepare_record(written)
    assert verify_record(written).is_sound
    written.anchor.unlink()
    run(written, record_head.update().values(seal=None))
    run(written, record.update().where(record.c.n == 3).values(account="wu"))
    prepare_record(written)
    run(written, record.update().where(record.c.n == 3).values(account="li"))
    assert not verify_record(written).is_sound


def test_what_is_done_on_the_command_line_stands_in_it(book: Book, state: Path, tmp_path: Path) -> None:
    for words, code in (
        (("code", "--count", "3"), 0), (("approve", "nobody"), 1), (("account", "add", "zhao"), 0),
        (("import", str(tmp_path)), 2),
    ):  # fmt: skip
        assert console_command(words[0], "--state", str(state), *words[1:]).returncode == code, words
    actions = [(row["action"], row["subject"]) for row in reversed(list_record(book.tables, 1))]
    assert actions == [("enrol.code", ""), ("account.add", "zhao")]
    assert console_command("record", "--state", str(state)).returncode == 0
