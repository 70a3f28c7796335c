"""The statements of the store, and how a row becomes a value."""

from __future__ import annotations

import json
import sqlite3

from offline_queue.api import Cause, Consignment, Kind, Outcome, PartUpload, QueueEntry, SignedObject, State, Transition
from offline_queue.blobs import BlobFolder

LEGAL: frozenset[tuple[State, State]] = frozenset(
    {
        (State.READY, State.CLAIMED),
        (State.CLAIMED, State.SENDING),
        (State.CLAIMED, State.READY),
        (State.CLAIMED, State.DEAD),
        (State.SENDING, State.DELIVERED),
        (State.SENDING, State.READY),
        (State.SENDING, State.DEAD),
        (State.DELIVERED, State.SHREDDED),
        (State.DEAD, State.READY),
        (State.DEAD, State.DELIVERED),
    }
)
"""Every change of state that a caller can bring about (§5); anything else is a defect and raises.

The one other is ready → dead by the store itself, at start, for a submission that lost a part.
"""

NEXT_SEQ = "UPDATE meta SET v = ? WHERE k = 'next_seq' AND v = ?"

INSERT_SUBMISSION = """
INSERT INTO submission (seq, sid, intake_number, kind, item, after_sid, priority, state, envelope, envelope_kid,
  envelope_sig, manifest, manifest_sha256, bytes, created_wall, clock_ok)
VALUES (?, ?, ?, ?, ?, ?, ?, 'ready', ?, ?, ?, ?, ?, ?, ?, ?)"""

INSERT_ATTACHMENT = "INSERT INTO attachment (submission_seq, part, sha256, size, path) VALUES (?, ?, ?, ?, ?)"

INSERT_TRANSITION = """
INSERT INTO transition (submission_seq, sid, old, new, cause, status, code, at_wall, boot, mono_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_DUE = "(not_before_boot IS NOT :boot OR not_before_mono_ms <= :mono_ms)"  # another boot's due time means now
_FREE = "NOT EXISTS (SELECT 1 FROM submission a WHERE a.sid = s.after_sid AND a.state NOT IN ('delivered','shredded'))"

_BRIEF = """seq, sid, intake_number, kind, item, state, sent_once, manifest_sha256, bytes, attempts, last_status,
  last_code, dead_reason, case_number, query_code, delivered_wall, created_wall"""  # all but the large columns

ONE = f"SELECT {_BRIEF} FROM submission WHERE sid = ?"  # noqa: S608

LEASED = f"SELECT {_BRIEF} FROM submission WHERE state IN ('claimed','sending')"  # noqa: S608

READY = f"SELECT {_BRIEF} FROM submission WHERE state = 'ready'"  # noqa: S608

NEWEST = f"""
SELECT {_BRIEF} FROM submission WHERE state IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT ?"""  # noqa: S608

PARTS = """
SELECT * FROM attachment WHERE submission_seq = (SELECT seq FROM submission WHERE sid = ?) ORDER BY part"""

CLAIMABLE_PREFERRED = f"""
SELECT seq FROM submission s WHERE sid = :sid AND state = 'ready' AND (:waived OR {_DUE}) AND {_FREE}"""  # noqa: S608

CLAIMABLE = f"""
SELECT seq FROM submission s INDEXED BY submission_ready
WHERE state = 'ready' AND {_DUE} AND {_FREE} ORDER BY priority, seq LIMIT 1"""  # noqa: S608

CLAIMABLE_UNSENT = f"""
SELECT seq FROM submission s INDEXED BY submission_ready
WHERE state = 'ready' AND {_DUE} AND {_FREE} ORDER BY sent_once, priority, seq LIMIT 1"""  # noqa: S608

CLAIM = """
UPDATE submission SET state = 'claimed', lease_owner = ?, lease_mono_ms = ? WHERE seq = ? RETURNING *"""

SENDING = "UPDATE submission SET state = 'sending', sent_once = 1 WHERE seq = ?"

RELEASE = """
UPDATE submission SET state = 'ready', lease_owner = NULL, lease_mono_ms = NULL, not_before_boot = ?,
  not_before_mono_ms = ?, attempts = attempts + ?, last_status = ?, last_code = ? WHERE seq = ?"""

DEAD = """
UPDATE submission SET state = 'dead', lease_owner = NULL, lease_mono_ms = NULL, dead_reason = ?, last_status = ?,
  last_code = ? WHERE seq = ?"""

DELIVERED = """
UPDATE submission SET state = 'delivered', lease_owner = NULL, lease_mono_ms = NULL, dead_reason = NULL, receipt = ?,
  receipt_kid = ?, receipt_sig = ?, case_number = ?, query_code = ?, delivered_wall = ?, last_status = 200,
  last_code = NULL WHERE seq = ?"""

REQUEUED = """
UPDATE submission SET state = 'ready', attempts = 0, dead_reason = NULL, not_before_boot = NULL,
  not_before_mono_ms = NULL WHERE seq = ?"""

NAMED_BLOBS = """
SELECT a.submission_seq, a.path, a.size FROM attachment a JOIN submission s ON s.seq = a.submission_seq
WHERE s.state <> 'shredded'"""

GONE = "UPDATE attachment SET state = 'gone' WHERE submission_seq = ? RETURNING path"

PROGRESS = """
UPDATE attachment SET upload_url = ?, acked_offset = ?,
  state = CASE WHEN ? = 0 THEN 'local' WHEN ? >= size THEN 'uploaded' ELSE 'uploading' END
WHERE submission_seq = (SELECT seq FROM submission WHERE sid = ?) AND part = ?"""

NEXT_DUE = """
SELECT min(not_before_mono_ms) FROM submission
WHERE state = 'ready' AND not_before_boot = ? AND not_before_mono_ms > ?"""

HASTEN = """
UPDATE submission SET not_before_boot = NULL, not_before_mono_ms = NULL
WHERE state = 'ready' AND last_code = 'unreachable' AND not_before_boot IS NOT NULL"""

STATS = """
SELECT count(*) FILTER (WHERE state = 'ready') AS ready,
  count(*) FILTER (WHERE state IN ('claimed','sending')) AS sending,
  count(*) FILTER (WHERE state = 'delivered') AS delivered,
  count(*) FILTER (WHERE state = 'shredded') AS shredded,
  count(*) FILTER (WHERE state = 'dead') AS dead,
  coalesce(sum(bytes) FILTER (WHERE state IN ('ready','claimed','sending')), 0) AS bytes_waiting,
  coalesce(min(created_wall) FILTER (WHERE state IN ('ready','claimed','sending')), '') AS oldest_wall,
  count(*) FILTER (WHERE state <> 'shredded') AS rows_held,
  coalesce(sum(bytes) FILTER (WHERE state <> 'shredded'), 0) AS bytes_held
FROM submission"""


def select_entries(db: sqlite3.Connection, states: tuple[State, ...], limit: int) -> tuple[QueueEntry, ...]:
    """Return the newest submissions of the given states, or of all, in order of `seq`."""
    wanted = json.dumps(states or tuple(State))
    return tuple(to_entry(row) for row in reversed(db.execute(NEWEST, (wanted, limit)).fetchall()))


def to_outcome(row: sqlite3.Row) -> Outcome:
    """Return what the store knows of one submission."""
    return Outcome(
        sid=row["sid"],
        intake_number=row["intake_number"],
        state=State(row["state"]),
        sent_once=bool(row["sent_once"]),
        case_number=row["case_number"] or "",
        delivered_wall=row["delivered_wall"] or "",
        query_code=row["query_code"] or "",
        dead_reason=row["dead_reason"] or "",
    )


def to_entry(row: sqlite3.Row) -> QueueEntry:
    """Return a submission as a technician may see it."""
    return QueueEntry(
        outcome=to_outcome(row),
        seq=row["seq"],
        kind=Kind(row["kind"]),
        item=row["item"],
        bytes=row["bytes"],
        attempts=row["attempts"],
        last_status=row["last_status"] or 0,
        last_code=row["last_code"] or "",
        created_wall=row["created_wall"],
    )


def to_consignment(row: sqlite3.Row, parts: list[sqlite3.Row], blobs: BlobFolder) -> Consignment:
    """Return a submission as a Delivery needs it."""
    return Consignment(
        sid=row["sid"],
        seq=row["seq"],
        intake_number=row["intake_number"],
        envelope=SignedObject(row["envelope"], row["envelope_kid"], row["envelope_sig"]),
        manifest=row["manifest"],
        manifest_sha256=row["manifest_sha256"].hex(),
        parts=tuple(
            PartUpload(
                name=part["part"],
                path=str(blobs.absolute(part["path"])),
                size=part["size"],
                sha256=part["sha256"].hex(),
                upload_url=part["upload_url"],
                acked_offset=part["acked_offset"],
            )
            for part in parts
        ),
        sent_once=bool(row["sent_once"]),
        attempts=row["attempts"],
    )


def to_transition(row: sqlite3.Row) -> Transition:
    """Return a state change for the audit log."""
    return Transition(
        n=row["n"],
        sid=row["sid"],
        seq=row["submission_seq"],
        old=row["old"] or "",
        new=row["new"],
        cause=Cause(row["cause"]),
        status=row["status"] or 0,
        code=row["code"] or "",
        at_wall=row["at_wall"],
    )
