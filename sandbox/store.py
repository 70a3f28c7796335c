"""The few moves on the platform's tables (`schema.py`): SQLAlchemy Core, one transaction per method.

SQLite by default, PostgreSQL when one machine is not enough (`database.py`). Nothing here relies on one writer: what
must happen once happens by a unique key, or by a row that only one transaction can take.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from sandbox import database
from sandbox.cases import CHINA, compose_case_number
from sandbox.database import DIALECTS, insert, upsert
from sandbox.fixed import Fixed, Row
from sandbox.problems import Problem
from sandbox.schema import (  # noqa: F401 - other modules find the tables here
    SCHEMA,
    arrival,
    assertion,
    certificate,
    code,
    counter,
    device,
    enrolment,
    note,
    numbered,
    part,
    sequence,
    setting,
    submission,
    token,
    upload,
)

BUSY_S = 5  # when a caller may come again after the database was too busy, or away

DEVICE_CHANGES = {  # from → to (security.md §6.3)
    "pending": ("suspended", "revoked"),
    "active": ("suspended", "revoked"),
    "suspended": ("active", "revoked"),
    "revoked": (),
}

_SID, _DEV = sa.bindparam("v_sid"), sa.bindparam("v_dev")
_MINE = (submission.c.sid == _SID, submission.c.dev == _DEV)
FIND_SUBMISSION = Fixed(sa.select(submission).where(*_MINE))


class SeqReused(Exception):
    """A sequence number of this device already belongs to another submission."""


class IdReused(Exception):
    """This submission id is known with other bytes."""


class NoSuchChange(ValueError):
    """A device cannot be made that: a revoked one stays revoked, and its first heartbeat alone makes one active."""

    def __init__(self, dev: str, state: str) -> None:
        allowed = ", ".join(DEVICE_CHANGES[state]) or "nothing; a machine that comes back enrols anew"
        super().__init__(f"{dev} is {state}; allowed: {allowed}")


def open_engine(url: str) -> Engine:
    """Return an engine on `url` with the schema in place. Raises: ValueError, StoreTooNew, sqlalchemy errors."""
    return database.open_engine(url, SCHEMA)


class PlatformStore:
    """The platform's database. Methods may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hasty = database.open_hasty(engine)

    def close(self) -> None:
        """Let go of every connection."""
        for engine in {self._engine, self._hasty}:
            engine.dispose()

    @property
    def dialect(self) -> str:
        """Return `postgresql` or `sqlite`."""
        return self._engine.dialect.name

    @contextmanager
    def begin(self, *, is_lasting: bool = True) -> Iterator[Connection]:
        """One transaction; the modules of the API write their own statements in it.

        Not `is_lasting`: nothing promised hangs on it. On PostgreSQL its statements stand alone and wait for no disk.
        Raises: Problem 503 when the database is away or too busy, 400 for text that it cannot hold.
        """
        with self._guarded(), (self._engine if is_lasting else self._hasty).begin() as connection:
            yield connection

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, sa.exc.TimeoutError) as fault:  # away, restarting, locked for long, a deadlock
            if isinstance(fault, OperationalError) and fault.connection_invalidated:
                self.close()  # the connections that lie in the pools are no better
            raise Problem(503, "busy", retry_after_s=BUSY_S) from fault
        except (DataError, UnicodeEncodeError) as fault:  # a NUL, half a surrogate, longer than any id of ours
            raise Problem(400, "bad_request", "A text is not of a form that can be kept.") from fault

    def one(self, question: sa.Select[Any] | Fixed, values: Mapping[str, Any] | None = None) -> RowMapping | Row | None:
        """Return the first row, or nothing. What is asked all the time is a `Fixed`."""
        with self._read() as connection:
            if isinstance(question, Fixed):
                return question.first(connection, values or {})
            return connection.execute(question, values).mappings().first()

    def rows(self, question: sa.Select[Any] | Fixed, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Return all rows, mappings each."""
        with self._read() as connection:
            if isinstance(question, Fixed):
                return question.rows(connection, values or {})
            return list(connection.execute(question, values).mappings())

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """A connection that waits for no writer."""
        with self._guarded(), self._hasty.connect() as connection:
            if self._hasty is not self._engine:
                yield connection
                return
            with connection.execution_options(**{database.READING: True}).begin():
                yield connection

    # ── submissions ────────────────────────────────────────────────────────────────────────

    def note_request(self, sid: str, at: int) -> None:
        """Count one PUT that arrived, whatever becomes of it."""
        with self.begin(is_lasting=False) as connection:
            _ARRIVE.run(connection, {"sid": sid, "n": 1, "at": at})

    def find_submission(self, dev: str, sid: str) -> RowMapping | Row | None:
        """Return what is known of a device's submission."""
        return self.one(FIND_SUBMISSION, {"v_dev": dev, "v_sid": sid})

    def register(self, dev: str, sid: str, seq: int, envelope: bytes, at: int) -> Row:
        """Return the submission's row, made now if new. A gap in `seq` is noted, a reuse refused and alarmed.

        Raises: SeqReused; IdReused when it is known with another envelope.
        """
        mine = {"v_dev": dev, "v_sid": sid}
        fresh = {"dev": dev, "sid": sid, "seq": seq, "state": "processing", "envelope": envelope, "missing": "[]"}
        try:
            with self.begin() as connection:
                if _REGISTER.run(connection, fresh):
                    _note_gap(connection, dev, seq, at)
                    _TAKE_SEQUENCE.run(connection, {"dev": dev, "seq": seq, "sid": sid})
                    return fresh
                found = FIND_SUBMISSION.rows(connection, mine)[0]
                if found["envelope"] != envelope:
                    raise IdReused  # frozen at the terminal: other bytes under one id are never honest
                if found["state"] in ("committed", "processing"):
                    return found
                _TRY_AGAIN.run(connection, mine)
                return FIND_SUBMISSION.rows(connection, mine)[0]
        except IntegrityError as fault:
            known = self.find_submission(dev, sid)
            if known is not None and known["seq"] == seq:
                return self.register(dev, sid, seq, envelope, at)  # another PUT of the same sid was quicker
            self.add_note(dev, "seq_reused", f"seq {seq}", at)
            raise SeqReused from fault

    def set_state(self, dev: str, sid: str, state: str, code_word: str = "", missing: tuple[str, ...] = ()) -> None:
        """Write down where an uncommitted submission stands; a committed one is never touched."""
        with self.begin() as connection:
            connection.execute(
                submission.update()
                .where(submission.c.dev == dev, submission.c.sid == sid, submission.c.state != "committed")
                .values(state=state, code=code_word or None, missing=json.dumps(list(missing)))
            )

    def commit(
        self,
        dev: str,
        sid: str,
        *,
        manifest: bytes,
        parts: list[dict[str, Any]],
        make_receipt: Callable[[str, str], str],
        at: int,
        file_case: Callable[[Connection, str, str], tuple[str, str]] = lambda _, number, query: (number, query),
    ) -> bool:
        """Commit a submission in one transaction: number, parts, case, receipt. Return whether this call did it.

        `make_receipt(case_number, query_code)` returns the receipt's wire text; the numbers are what `file_case`
        returns, because a correction names its case. Concurrent commits serialise here.
        """
        mine = {"v_dev": dev, "v_sid": sid}
        with self.begin() as connection:
            if not _TAKE.run(connection, mine):
                return False
            _ADD_PART.run_each(connection, ({"sid": sid, **values} for values in parts))
            query_code = f"{secrets.randbelow(1_000_000):06d}"
            day = dt.datetime.fromtimestamp(at, CHINA).date()
            case_number = compose_case_number(day, _count_up(connection, f"case-{day:%Y%m%d}"))  # late: others wait
            _NUMBER.run(connection, {"case_number": case_number, "dev": dev, "sid": sid})
            named = file_case(connection, case_number, query_code)
            found = {"v_manifest": manifest, "v_case": case_number, "v_query": query_code, "v_at": at}
            _FINISH.run(connection, {**mine, **found, "v_receipt": make_receipt(*named)})
        return True

    # ── the rest ───────────────────────────────────────────────────────────────────────────

    def add_note(self, dev: str, kind: str, detail: str, at: int) -> None:
        """Write down something an officer should know."""
        with self.begin() as connection:
            connection.execute(note.insert().values(at=at, dev=dev, kind=kind, detail=detail))

    def set_device_state(self, dev: str, state: str) -> str:
        """Make a device active, suspended or revoked, and return what it was; what it is already changes nothing.

        Raises: KeyError if there is none of that id; NoSuchChange.
        """
        with self.begin() as connection:
            former = connection.execute(
                sa.select(device.c.state).where(device.c.dev == dev).with_for_update()
            ).scalar_one_or_none()
            if former is None:
                raise KeyError(dev)
            if state != former and state not in DEVICE_CHANGES[former]:
                raise NoSuchChange(dev, former)
            connection.execute(device.update().where(device.c.dev == dev).values(state=state))
            return str(former)

    def next_device_id(self, connection: Connection) -> str:
        """Return the next `K-…` id, within the caller's transaction."""
        return f"K-{_count_up(connection, 'device'):06d}"

    def keep_setting(self, key: str, make: Callable[[], str]) -> str:
        """Return a stored text; `make()` gives it the first time."""
        look = sa.select(setting.c.v).where(setting.c.k == key)
        known = self.one(look)
        if known is not None:
            return str(known["v"])
        with self.begin() as connection:
            fresh = insert(connection, setting).values(k=key, v=make())
            connection.execute(fresh.on_conflict_do_nothing())  # another process may have been quicker
            return str(connection.execute(look).scalar_one())

    def take_turn(self, name: str, every_s: int, at: int) -> bool:
        """Whether this process may do a thing that is done once in `every_s` seconds, by whichever comes first."""
        with self.begin() as connection:
            fresh = insert(connection, counter).values(name=name, n=at)
            due = {"set_": {"n": at}, "where": counter.c.n <= at - every_s}
            return connection.execute(fresh.on_conflict_do_update(index_elements=["name"], **due)).rowcount > 0


_ARRIVE = Fixed(lambda dialect: upsert(arrival, DIALECTS[dialect]))
_COUNT = Fixed(lambda dialect: upsert(counter, DIALECTS[dialect]).returning(counter.c.n))
_REGISTER = Fixed(
    lambda dialect: (
        DIALECTS[dialect](submission)
        .values({name: sa.bindparam(name) for name in ("dev", "sid", "seq", "state", "envelope", "missing")})
        .on_conflict_do_nothing(index_elements=["sid", "dev"])
    )
)
_TAKE_SEQUENCE = Fixed(sequence.insert())
_NOT_YET = submission.update().where(*_MINE, submission.c.state != "committed")
_TRY_AGAIN = Fixed(_NOT_YET.values(state="processing", code=None, missing="[]"))
_TAKE = Fixed(_NOT_YET.values(state="committed"))
_ADD_PART = Fixed(part.insert())
_NUMBER = Fixed(numbered.insert())
_FINISH = Fixed(
    submission.update().where(*_MINE).values(
        manifest=sa.bindparam("v_manifest"), case_number=sa.bindparam("v_case"), query_code=sa.bindparam("v_query"),
        committed=sa.bindparam("v_at"), receipt=sa.bindparam("v_receipt"), code=None, missing="[]",
    )
)  # fmt: skip


def text_sha256(text: str) -> str:
    """Return the hex SHA-256 of a secret text, so that the secret itself is not stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def _count_up(connection: Connection, name: str) -> int:
    return int(_COUNT.rows(connection, {"name": name, "n": 1})[0]["n"])


_LAST_SEQ = Fixed(sa.select(sa.func.max(sequence.c.seq).label("seq")).where(sequence.c.dev == _DEV))


def _note_gap(connection: Connection, dev: str, seq: int, at: int) -> None:
    last = _LAST_SEQ.rows(connection, {"v_dev": dev})[0]["seq"] or 0
    if seq > last + 1:
        values = {"at": at, "dev": dev, "kind": "seq_gap", "detail": f"{last + 1}..{seq - 1}"}
        connection.execute(note.insert().values(**values))


def utc(at: int) -> dt.datetime:
    """Return Unix seconds as a UTC time."""
    return dt.datetime.fromtimestamp(at, dt.UTC)
