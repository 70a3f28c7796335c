"""What can be read of a store that is to be evacuated, whole or damaged: its undelivered submissions one by one.

No index is asked: one that is damaged may leave out what the table holds, and no quick check would say so. In a
damaged store every number that was ever given is looked up by itself; one whose page cannot be read is named, and the
next goes on.
The signed envelope names a submission's parts, so no further row is needed for them.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from offline_queue.api import State, StoreCorrupt
from offline_queue.blobs import SHELVES
from offline_queue.canonical import encode_canonical
from offline_queue.intake import intake_number
from offline_queue.ledger import get_meta
from offline_queue.peek import copy_durably, to_base64url, write_durably
from offline_queue.reading import reading
from offline_queue.traces import LOST, find_parts, read_origin

UNDELIVERED = (State.READY, State.CLAIMED, State.SENDING, State.DEAD)


class Salvage:
    """One reading of a store: `numbers` are the undelivered ones, `unread` those that nobody can tell of any more."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        """Look through the store. Raises: StoreCorrupt where nothing of it can be read."""
        self._db = db
        self._path = path
        self.is_sound = self._check()
        self.device_id = self._note("device_id")
        self.numbers: list[int] = []
        self.unread: list[str] = []
        if self.is_sound:
            states = json.dumps(UNDELIVERED)
            self.numbers = [row["seq"] for row in db.execute(WAITING, (states,))]
        else:
            self._look_up_all()

    def copy(self, seq: int, folder: Path) -> str:
        """Copy a submission, sealed as it is, into a new folder: envelope, manifest and parts; return its sid.

        Raises: StoreCorrupt: it is not whole any more. OSError, also for a part that is gone.
        """
        row = self._row(seq)
        signed = {
            "o": to_base64url(row["envelope"]),
            "kid": row["envelope_kid"],
            "sig": to_base64url(row["envelope_sig"]),
        }
        folder.mkdir(mode=0o700, parents=True)
        write_durably(folder / "envelope.json", encode_canonical(signed))
        write_durably(folder / "manifest.ksb1", row["manifest"])
        for part in _named_parts(row):
            copy_durably(self._blob(part["sha256"], seq), folder / f"{part['part']}.ksb1")
        return str(row["sid"])

    def name(self, seq: int) -> tuple[str, str]:
        """Return sid and intake number. Raises: StoreCorrupt, also where a damaged row holds anything else."""
        row = self._row(seq)
        sid, number = str(row["sid"]), str(row["intake_number"])
        if not (SID.fullmatch(sid) and NUMBER.fullmatch(number)):
            raise StoreCorrupt("row_unread", str(seq))
        return sid, number

    def _row(self, seq: int) -> sqlite3.Row:
        try:
            row: sqlite3.Row | None = self._db.execute(ONE, (seq,)).fetchone()
        except sqlite3.Error as error:
            raise StoreCorrupt("row_unread", str(seq)) from error
        if row is None or not isinstance(row["manifest"], bytes) or not isinstance(row["envelope"], bytes):
            raise StoreCorrupt("row_unread", str(seq))
        return row

    def _blob(self, sha256: str, seq: int) -> Path:
        """Return where a sealed part lies: on the shelf of its number, or on one of a former layout."""
        path = self._path / "blobs" / f"{seq % SHELVES:02x}" / f"{sha256}.ksb1"
        return path if path.exists() else next((self._path / "blobs").glob(f"*/{path.name}"), path)

    def _check(self) -> bool:
        try:
            return bool(self._db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        except sqlite3.Error:
            return False

    def _note(self, key: str) -> str:
        try:
            return get_meta(self._db, key)
        except sqlite3.Error:
            return ""

    def _look_up_all(self) -> None:
        """Ask for every number by itself, then for every sealed part whose number has not answered."""
        parts = (part for part in find_parts(self._path) if not part.startswith(f"{LOST}/"))
        origins = {origin for part in parts if (origin := read_origin(self._path / part)) is not None}
        self.device_id = self.device_id or next(iter(sorted(origin.dev for origin in origins)), "")
        known = min(self._highest(), NUMBER_MAX)
        sealed = {origin.seq for origin in origins}
        answered: set[int] = set()
        unread: set[tuple[str, int]] = set()
        for seq in sorted({*range(1, known + BEYOND), *sealed}):
            try:
                row = self._db.execute(STATE, (seq,)).fetchone()
            except sqlite3.Error:
                if seq <= known or seq in sealed:
                    unread.add((self.device_id, seq))
                continue
            if row is not None:
                answered.add(seq)
                if row["state"] in UNDELIVERED:
                    self.numbers.append(seq)
        unread |= {(one.dev, one.seq) for one in origins if one.seq not in answered}
        self.unread = [intake_number(dev, seq) for dev, seq in sorted(unread)]

    def _highest(self) -> int:
        """Return the highest number that the database can tell of, 0 where it tells nothing."""
        if (noted := self._note("next_seq")).isdecimal():
            return int(noted) - 1
        try:
            return int(self._db.execute(HIGHEST).fetchone()[0] or 0)
        except sqlite3.Error:
            return 0


@contextmanager
def salvaging(path: Path) -> Iterator[Salvage]:
    """Give a reading of the store in folder `path`, whose lock the caller holds.

    Raises: QueueError("no_store"), StoreTooNew, StoreCorrupt.
    """
    with reading(path, is_owned=True) as db:
        yield Salvage(db, path)


PART = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
DIGEST = re.compile(r"[0-9a-f]{64}")
BEYOND = 1000  # numbers looked up above the last one known: a note may be older than the table
NUMBER_MAX = 5_000_000  # looked up one by one in some seconds; no terminal takes as many
SID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NUMBER = re.compile(r"K-[0-9A-Z]{6,12}-[0-9]{6,16}-[0-9A-Z]")
WAITING = "SELECT seq FROM submission NOT INDEXED WHERE state IN (SELECT value FROM json_each(?)) ORDER BY seq"
HIGHEST = "SELECT max(seq) FROM submission NOT INDEXED"
STATE = "SELECT state FROM submission NOT INDEXED WHERE seq = ?"
ONE = """
SELECT sid, intake_number, envelope, envelope_kid, envelope_sig, manifest FROM submission NOT INDEXED WHERE seq = ?"""


def _named_parts(row: sqlite3.Row) -> list[dict[str, Any]]:
    """Return the parts that an envelope names. Raises: StoreCorrupt where it cannot be read."""
    try:
        parts: list[dict[str, Any]] = json.loads(row["envelope"])["parts"]
        is_sound = all(PART.fullmatch(one["part"]) and DIGEST.fullmatch(one["sha256"]) for one in parts)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt("row_unread", row["sid"]) from error
    if not is_sound:
        raise StoreCorrupt("row_unread", row["sid"])
    return parts
