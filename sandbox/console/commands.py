"""`python -m sandbox account …`, `console` and `record`: the console from the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sandbox import store
from sandbox.console.accounts import Role, create_account, list_accounts, lock_account, reset_account
from sandbox.console.record import Book, open_book, prepare_record, verify_record, write_record
from sandbox.keys import load_or_create_keys
from sandbox.store_view import NotThere, load_places

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Add the console's commands to the platform's parser."""
    account = add("account", "accounts of the console: add, reset, lock, list", _account)
    account.add_argument("deed", choices=("add", "reset", "lock", "list"))
    account.add_argument("name", nargs="?", default="", help="2 to 32 of a-z 0-9 . _ -, a letter first")
    account.add_argument("--role", type=Role, choices=tuple(Role), default=Role.OFFICER)
    add("record", "verify the console's record of actions", _record)


def _account(options: argparse.Namespace) -> int:
    tables = _tables(options.state)
    now, name = int(time.time()), options.name
    try:
        if options.deed == "list":
            return _say([dict(row) for row in list_accounts(tables)])
        if options.deed == "add":
            password = create_account(tables, name, options.role, now)
            said = {"name": name, "role": options.role.value, "password": password}
        elif options.deed == "reset":
            said = {"name": name, "password": reset_account(tables, name, now)}
        else:
            lock_account(tables, name)
            said = {"name": name, "locked": True}
        note_deed(options.state, tables, f"account.{options.deed}", name)
        return _say(said)
    except KeyError as fault:
        raise NotThere(name) from fault
    finally:
        tables.close()


def _record(options: argparse.Namespace) -> int:
    tables = _tables(options.state)
    try:
        report = verify_record(_book(options.state, tables))
    finally:
        tables.close()
    _say({"rows": report.rows, "sound": report.is_sound, "broken_at": report.broken_at, "chain": report.chain})
    return 0 if report.is_sound else 1


def note_deed(state: Path, tables: store.PlatformStore, action: str, subject: str = "", detail: str = "") -> None:
    """Write down what was done on the command line: under no account, whoever sat there."""
    book = _book(state, tables)
    prepare_record(book)
    write_record(book, int(time.time()), "", "", action, subject, detail)


def _book(state: Path, tables: store.PlatformStore) -> Book:
    return open_book(tables, load_or_create_keys(state, store.utc(int(time.time()))))


def _tables(state: Path) -> store.PlatformStore:
    return store.PlatformStore(store.open_engine(load_places(state).db))


def _say(value: object) -> int:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    return 0
