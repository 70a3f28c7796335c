"""The schema of the store and its steps (queue-and-sync.md §6). `user_version` = 1000 × major + minor."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from offline_queue.api import StoreCorrupt, StoreTooNew
from offline_queue.blobs import sync_folder

SCHEMA = Migrations("offline_queue")

_TABLES = """
CREATE TABLE submission (
  seq INTEGER PRIMARY KEY,
  sid TEXT NOT NULL UNIQUE CHECK (length(sid) = 36),
  intake_number TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('submission','correction','consultation','complaint','rating','log')),
  item TEXT NOT NULL CHECK (length(item) <= 64),
  after_sid TEXT,
  priority INTEGER NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
  state TEXT NOT NULL CHECK (state IN ('ready','claimed','sending','delivered','shredded','dead')),
  sent_once INTEGER NOT NULL DEFAULT 0 CHECK (sent_once IN (0, 1)),
  envelope BLOB NOT NULL,
  envelope_kid TEXT NOT NULL,
  envelope_sig BLOB NOT NULL CHECK (length(envelope_sig) = 64),
  manifest BLOB,
  manifest_sha256 BLOB NOT NULL CHECK (length(manifest_sha256) = 32),
  bytes INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  lease_owner TEXT,
  lease_mono_ms INTEGER,
  not_before_boot TEXT,
  not_before_mono_ms INTEGER,
  last_status INTEGER,
  last_code TEXT,
  dead_reason TEXT,
  created_wall TEXT NOT NULL,
  clock_ok INTEGER NOT NULL CHECK (clock_ok IN (0, 1)),
  receipt BLOB,
  receipt_kid TEXT,
  receipt_sig BLOB,
  case_number TEXT,
  query_code TEXT,
  delivered_wall TEXT,
  CHECK ((state IN ('delivered','shredded')) = (receipt IS NOT NULL)),
  CHECK ((receipt IS NULL) = (receipt_kid IS NULL)),
  CHECK ((receipt IS NULL) = (receipt_sig IS NULL)),
  CHECK ((receipt IS NULL) = (case_number IS NULL)),
  CHECK ((receipt IS NULL) = (query_code IS NULL)),
  CHECK ((receipt IS NULL) = (delivered_wall IS NULL)),
  CHECK ((state = 'shredded') = (manifest IS NULL)),
  CHECK ((state = 'dead') = (dead_reason IS NOT NULL))
) STRICT;
CREATE INDEX submission_ready ON submission (priority, seq) WHERE state = 'ready';
CREATE INDEX submission_delivered ON submission (delivered_wall) WHERE state = 'delivered';
CREATE TABLE attachment (
  submission_seq INTEGER NOT NULL REFERENCES submission (seq),
  part TEXT NOT NULL,
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
  size INTEGER NOT NULL,
  upload_url TEXT NOT NULL DEFAULT '',
  acked_offset INTEGER NOT NULL DEFAULT 0,
  path TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'local' CHECK (state IN ('local','uploading','uploaded','gone')),
  PRIMARY KEY (submission_seq, part)
) STRICT;
CREATE TABLE transition (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  submission_seq INTEGER NOT NULL,
  sid TEXT NOT NULL,
  old TEXT,
  new TEXT NOT NULL,
  cause TEXT NOT NULL,
  status INTEGER,
  code TEXT,
  at_wall TEXT NOT NULL,
  boot TEXT NOT NULL,
  mono_ms INTEGER NOT NULL,
  audited INTEGER NOT NULL DEFAULT 0 CHECK (audited IN (0, 1))
) STRICT;
CREATE INDEX transition_unaudited ON transition (n) WHERE audited = 0;
CREATE TABLE meta (k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT;
INSERT INTO meta (k, v) VALUES ('next_seq', '1');
PRAGMA user_version = 1000;
"""


_DUE = """
DROP INDEX submission_ready;
CREATE INDEX submission_ready ON submission (priority, seq, not_before_boot, not_before_mono_ms, after_sid)
  WHERE state = 'ready';
CREATE INDEX submission_unsent ON submission (sent_once, priority, seq) WHERE state = 'ready';
CREATE INDEX submission_due ON submission (not_before_boot, not_before_mono_ms)
  WHERE state = 'ready' AND not_before_boot IS NOT NULL;
CREATE INDEX submission_counted ON submission (state, bytes, created_wall);
CREATE INDEX submission_leased ON submission (lease_mono_ms) WHERE state IN ('claimed','sending');
PRAGMA user_version = 1001;
"""
"""No question of the sync loop, and none at the start, reads a row it does not need: a large backlog costs nothing."""


def m001_tables(db: Database) -> None:
    """Lay the four tables."""
    run_script(db.conn, _TABLES)


SCHEMA()(m001_tables)


def m002_due(db: Database) -> None:
    """Lay the indexes of due times, leases, counts and slow lines."""
    run_script(db.conn, _DUE)


SCHEMA()(m002_due)


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run statements one by one inside the open transaction (`executescript` would commit it)."""
    for statement in script.split(";\n"):
        connection.execute(statement)


class Schema(msgspec.Struct, frozen=True):
    """The highest major version that this program understands, the steps that lead there, and where they lead."""

    major: int = 1
    steps: Migrations = SCHEMA
    minor: int = 1


def migrate(connection: sqlite3.Connection, root: Path, schema: Schema) -> str:
    """Bring an existing store up to date; return the name of the copy made first, or "".

    Raises: StoreTooNew, before anything is written; StoreCorrupt for a database that is no store of ours.
    """
    version = require_version(connection, schema)
    if version >= 1000 * schema.major + schema.minor:
        return ""
    db = Database(connection, execute_plugins=False)
    copy = f"queue-{version}.copy.db"  # there is no way down but this
    _copy(connection, root / copy)
    schema.steps.apply(db)
    return copy


def require_version(connection: sqlite3.Connection, schema: Schema) -> int:
    """Return the version of a store that this program understands.

    Raises: StoreTooNew; StoreCorrupt("not_a_store") for a database that is none of ours.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version // 1000 > schema.major:
        raise StoreTooNew("store_too_new", f"{version // 1000} > {schema.major}")
    if version < 1000:
        raise StoreCorrupt("not_a_store")
    return version


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """Write a whole copy, durably: under its name it is complete or not there."""
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(fresh),))
    descriptor = os.open(fresh, os.O_RDWR)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(target)
    sync_folder(target.parent)
