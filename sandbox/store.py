"""The platform's tables and the few moves on them: SQLAlchemy Core, one transaction per method.

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
from sandbox.problems import Problem

SCHEMA = sa.MetaData()
BUSY_S = 5  # when a caller may come again after the database was too busy, or away
Moment = sa.BigInteger  # Unix seconds
Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up only what is called INTEGER
Sid = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")  # months are ranges of its bytes
BY_MONTH = {"postgresql_partition_by": "RANGE (sid)"}

code = sa.Table(
    "enrolment_code", SCHEMA,
    sa.Column("code", sa.String(12), primary_key=True),
    sa.Column("site", sa.String(64), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("is_burnt", sa.Boolean, nullable=False, default=False),
)  # fmt: skip
enrolment = sa.Table(
    "enrolment", SCHEMA,
    sa.Column("enrol_id", sa.String(36), primary_key=True),
    sa.Column("code", sa.String(12), nullable=False, unique=True),  # a code binds to one key, first come
    sa.Column("spki", sa.LargeBinary, nullable=False),
    sa.Column("sas_nonce", sa.String(32), nullable=False),
    sa.Column("hw", sa.Text, nullable=False),
    sa.Column("app", sa.String(64), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),  # waiting approved refused active
    sa.Column("created", Moment, nullable=False),
    sa.Column("dev", sa.String(14), index=True),
    sa.Column("answer", sa.Text),  # signed once, returned byte for byte
)  # fmt: skip
device = sa.Table(
    "device", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("state", sa.String(12), nullable=False),  # pending active suspended revoked
    sa.Column("heartbeat_n", sa.BigInteger, nullable=False, default=0),
    sa.Column("heartbeat", sa.Text),
    sa.Column("heartbeat_at", Moment),
    # What fleet alarms count, taken out of the newest heartbeat (security.md §14)
    sa.Column("ready", sa.Integer),
    sa.Column("dead", sa.Integer),
    sa.Column("oldest_at", Moment),  # when the oldest unsent thing was handed over
    sa.Column("clock_off_s", sa.Integer),
    sa.Column("app", sa.String(64)),
    sa.Column("alarms", sa.Integer),  # bits of fleet_alarms.FLAGS
    sa.Column("renew_at", Moment),  # two thirds of the certificate's life
    postgresql_with={"fillfactor": 70},  # each heartbeat writes its row anew: room for it on the same page
)  # fmt: skip
certificate = sa.Table(  # past certificates stay, so that a key change never strands an older queue
    "certificate", SCHEMA,
    sa.Column("serial", sa.String(40), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("pem", sa.Text, nullable=False),
)  # fmt: skip
token = sa.Table(
    "token", SCHEMA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("scope", sa.String(8), nullable=False),  # all drain
    sa.Column("expires", Moment, nullable=False, index=True),
)  # fmt: skip
assertion = sa.Table(
    "assertion", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("jti", sa.String(128), primary_key=True),
    sa.Column("expires", Moment, nullable=False, index=True),
)  # fmt: skip
upload = sa.Table(
    "upload", SCHEMA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("sid", sa.String(36), nullable=False),
    sa.Column("part", sa.String(48), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
    sa.Column("is_complete", sa.Boolean, nullable=False, default=False),
    sa.Column("spoiled", sa.Integer, nullable=False, default=0),  # times all bytes were here with another hash
    sa.Column("expires", Moment, nullable=False, index=True),
    sa.UniqueConstraint("dev", "sid", "part", "sha256"),
)  # fmt: skip
submission = sa.Table(  # by month of its id, see database.py
    "submission", SCHEMA,
    sa.Column("sid", Sid, primary_key=True),
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # parts_missing processing committed refused
    sa.Column("code", sa.String(32)),
    sa.Column("missing", sa.Text, nullable=False, default="[]"),
    sa.Column("envelope", sa.LargeBinary, nullable=False),  # exact signed bytes
    sa.Column("manifest", sa.LargeBinary),  # plain, once opened
    sa.Column("case_number", sa.String(40), index=True),
    sa.Column("query_code", sa.String(6)),
    sa.Column("receipt", sa.Text),  # signed once, returned byte for byte
    sa.Column("committed", Moment),
    **BY_MONTH,
)  # fmt: skip
part = sa.Table(
    "part", SCHEMA,
    sa.Column("sid", Sid, primary_key=True),
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("part", sa.String(48), primary_key=True),
    sa.Column("mime", sa.String(64), nullable=False),
    sa.Column("plain_sha256", sa.String(64), nullable=False),
    sa.Column("sealed_sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("path", sa.String(160), nullable=False),  # in the blob store
    sa.Column("sealed_path", sa.String(160)),  # the sealed bytes as they came: what the envelope's hash is of
    **BY_MONTH,
)  # fmt: skip
sequence = sa.Table(  # a number of a device is one submission's, whatever month: it outlives the months
    "sequence", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("sid", Sid, nullable=False),
)  # fmt: skip
numbered = sa.Table(  # a case number is one submission's
    "numbered", SCHEMA,
    sa.Column("case_number", sa.String(40), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("sid", Sid, nullable=False),
)  # fmt: skip
arrival = sa.Table(  # how often a PUT arrived: requests are counted apart from commits
    "arrival", SCHEMA,
    sa.Column("sid", Sid, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
)  # fmt: skip
counter = sa.Table(
    "counter", SCHEMA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
)  # fmt: skip
note = sa.Table(  # what an officer should know: a gap, a cloned device, a second key for one code
    "note", SCHEMA,
    sa.Column("n", Serial, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("detail", sa.String(80), nullable=False),
)  # fmt: skip
setting = sa.Table(
    "setting", SCHEMA,
    sa.Column("k", sa.String(32), primary_key=True),
    sa.Column("v", sa.Text, nullable=False),
)  # fmt: skip


FIND_SUBMISSION = sa.select(submission).where(
    submission.c.sid == sa.bindparam("v_sid"), submission.c.dev == sa.bindparam("v_dev")
)


_REGISTER = submission.insert().returning(*submission.c)


class SeqReused(Exception):
    """A sequence number of this device already belongs to another submission."""


class IdReused(Exception):
    """This submission id is known with other bytes."""


def open_engine(url: str) -> Engine:
    """Return an engine on `url` with the schema in place. Raises: ValueError, StoreTooNew, sqlalchemy errors."""
    return database.open_engine(url, SCHEMA)


class PlatformStore:
    """The platform's database. Methods may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = database.open_reader(engine)
        self._hasty = database.open_hasty(engine)

    def close(self) -> None:
        """Let go of every connection."""
        for engine in {self._engine, self._reader, self._hasty}:
            engine.dispose()

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

    def one(self, statement: sa.Select[Any], values: Mapping[str, Any] | None = None) -> RowMapping | None:
        """Return the first row, or nothing. A statement built once, with `values` for its parameters, is cheaper."""
        with self._read() as connection:
            return connection.execute(statement, values).mappings().first()

    def rows(self, statement: sa.Select[Any], values: Mapping[str, Any] | None = None) -> list[RowMapping]:
        """Return all rows."""
        with self._read() as connection:
            return list(connection.execute(statement, values).mappings())

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """A connection that waits for no writer."""
        with self._guarded(), self._reader.connect() as connection:
            if self._reader is not self._engine:
                yield connection
                return
            with connection.execution_options(**{database.READING: True}).begin():
                yield connection

    # ── submissions ────────────────────────────────────────────────────────────────────────

    def note_request(self, sid: str, at: int) -> None:
        """Count one PUT that arrived, whatever becomes of it."""
        with self.begin(is_lasting=False) as connection:
            connection.execute(_ARRIVE[connection.dialect.name], {"sid": sid, "n": 1, "at": at})

    def find_submission(self, dev: str, sid: str) -> RowMapping | None:
        """Return what is known of a device's submission."""
        return self.one(FIND_SUBMISSION, {"v_dev": dev, "v_sid": sid})

    def register(self, dev: str, sid: str, seq: int, envelope: bytes, at: int) -> RowMapping:
        """Return the submission's row, made now if new. A gap in `seq` is noted, a reuse refused and alarmed.

        Raises: SeqReused; IdReused when it is known with another envelope.
        """
        mine = (submission.c.sid == sid) & (submission.c.dev == dev)
        look, this = FIND_SUBMISSION, {"v_dev": dev, "v_sid": sid}
        try:
            with self.begin() as connection:
                found = connection.execute(look, this).mappings().first()
                if found is not None and found["envelope"] != envelope:
                    raise IdReused  # frozen at the terminal: other bytes under one id are never honest
                if found is None:
                    _note_gap(connection, dev, seq, at)
                    connection.execute(sequence.insert(), {"dev": dev, "seq": seq, "sid": sid})
                    values = {"dev": dev, "sid": sid, "seq": seq, "state": "processing", "envelope": envelope}
                    return connection.execute(_REGISTER, values).mappings().one()
                if found["state"] not in ("committed", "processing"):
                    again = submission.update().where(mine, submission.c.state != "committed")
                    connection.execute(again.values(state="processing", code=None, missing="[]"))
                    return connection.execute(look, this).mappings().one()
                return found
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
        mine = (submission.c.sid == sid) & (submission.c.dev == dev)
        with self.begin() as connection:
            taken = connection.execute(
                submission.update().where(mine, submission.c.state != "committed").values(state="committed")
            )
            if taken.rowcount == 0:
                return False
            if parts:
                connection.execute(part.insert(), [{"sid": sid, **values} for values in parts])
            query_code = f"{secrets.randbelow(1_000_000):06d}"
            day = dt.datetime.fromtimestamp(at, CHINA).date()
            case_number = compose_case_number(day, _count_up(connection, f"case-{day:%Y%m%d}"))  # late: others wait
            connection.execute(numbered.insert(), {"case_number": case_number, "dev": dev, "sid": sid})
            named = file_case(connection, case_number, query_code)
            connection.execute(
                submission.update().where(mine).values(
                    manifest=manifest, case_number=case_number, query_code=query_code, committed=at,
                    receipt=make_receipt(*named), code=None, missing="[]",
                )
            )  # fmt: skip
        return True

    # ── the rest ───────────────────────────────────────────────────────────────────────────

    def add_note(self, dev: str, kind: str, detail: str, at: int) -> None:
        """Write down something an officer should know."""
        with self.begin() as connection:
            connection.execute(note.insert().values(at=at, dev=dev, kind=kind, detail=detail))

    def set_device_state(self, dev: str, state: str) -> None:
        """Make a device active, suspended or revoked. Raises: KeyError if there is none of that id."""
        with self.begin() as connection:
            done = connection.execute(device.update().where(device.c.dev == dev).values(state=state))
            if done.rowcount == 0:
                raise KeyError(dev)

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


_ARRIVE = {name: upsert(arrival, make) for name, make in DIALECTS.items()}
_COUNT = {name: upsert(counter, make).returning(counter.c.n) for name, make in DIALECTS.items()}


def text_sha256(text: str) -> str:
    """Return the hex SHA-256 of a secret text, so that the secret itself is not stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def _count_up(connection: Connection, name: str) -> int:
    return int(connection.execute(_COUNT[connection.dialect.name], {"name": name, "n": 1}).scalar_one())


_LAST_SEQ = sa.select(sa.func.max(sequence.c.seq)).where(sequence.c.dev == sa.bindparam("v_dev"))


def _note_gap(connection: Connection, dev: str, seq: int, at: int) -> None:
    last = connection.execute(_LAST_SEQ, {"v_dev": dev}).scalar() or 0
    if seq > last + 1:
        values = {"at": at, "dev": dev, "kind": "seq_gap", "detail": f"{last + 1}..{seq - 1}"}
        connection.execute(note.insert().values(**values))


def utc(at: int) -> dt.datetime:
    """Return Unix seconds as a UTC time."""
    return dt.datetime.fromtimestamp(at, dt.UTC)
