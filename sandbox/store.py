"""The platform's tables and the few moves on them: SQLAlchemy Core, SQLite by default, one transaction per method."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox.cases import CHINA, compose_case_number

SCHEMA = sa.MetaData()
READING = "is_reading"

code = sa.Table(
    "enrolment_code", SCHEMA,
    sa.Column("code", sa.String(12), primary_key=True),
    sa.Column("site", sa.String(64), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("expires", sa.Integer, nullable=False),
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
    sa.Column("created", sa.Integer, nullable=False),
    sa.Column("dev", sa.String(14)),
    sa.Column("answer", sa.Text),  # signed once, returned byte for byte
)  # fmt: skip
device = sa.Table(
    "device", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("state", sa.String(12), nullable=False),  # pending active suspended revoked
    sa.Column("heartbeat_n", sa.Integer, nullable=False, default=0),
    sa.Column("heartbeat", sa.Text),
    sa.Column("heartbeat_at", sa.Integer),
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
    sa.Column("expires", sa.Integer, nullable=False),
)  # fmt: skip
assertion = sa.Table(
    "assertion", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("jti", sa.String(128), primary_key=True),
    sa.Column("expires", sa.Integer, nullable=False),
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
    sa.Column("expires", sa.Integer, nullable=False),
    sa.UniqueConstraint("dev", "sid", "part", "sha256"),
)  # fmt: skip
submission = sa.Table(
    "submission", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("sid", sa.String(36), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # parts_missing processing committed refused
    sa.Column("code", sa.String(32)),
    sa.Column("missing", sa.Text, nullable=False, default="[]"),
    sa.Column("envelope", sa.LargeBinary, nullable=False),  # exact signed bytes
    sa.Column("manifest", sa.LargeBinary),  # plain, once opened
    sa.Column("case_number", sa.String(40), unique=True),
    sa.Column("query_code", sa.String(6)),
    sa.Column("receipt", sa.Text),  # signed once, returned byte for byte
    sa.Column("committed", sa.Integer),
    sa.UniqueConstraint("dev", "seq"),
)  # fmt: skip
part = sa.Table(
    "part", SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("sid", sa.String(36), primary_key=True),
    sa.Column("part", sa.String(48), primary_key=True),
    sa.Column("mime", sa.String(64), nullable=False),
    sa.Column("plain_sha256", sa.String(64), nullable=False),
    sa.Column("sealed_sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("path", sa.String(160), nullable=False),  # under the blobs folder
)  # fmt: skip
request = sa.Table(  # one row a PUT that arrived: requests are counted apart from commits
    "request", SCHEMA,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sid", sa.String(36), nullable=False, index=True),
    sa.Column("at", sa.Integer, nullable=False),
)  # fmt: skip
counter = sa.Table(
    "counter", SCHEMA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)  # fmt: skip
note = sa.Table(  # what an officer should know: a gap, a cloned device, a second key for one code
    "note", SCHEMA,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Integer, nullable=False),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("detail", sa.String(80), nullable=False),
)  # fmt: skip
setting = sa.Table(
    "setting", SCHEMA,
    sa.Column("k", sa.String(32), primary_key=True),
    sa.Column("v", sa.Text, nullable=False),
)  # fmt: skip


class SeqReused(Exception):
    """A sequence number of this device already belongs to another submission."""


class IdReused(Exception):
    """This submission id is known with other bytes."""


def open_engine(url: str) -> Engine:
    """Return an engine on `url` with the schema in place. Raises: sqlalchemy errors."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin)
    SCHEMA.create_all(engine)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A deferred BEGIN that reads and then writes fails at once against a second writer, busy timeout or not.
    is_reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


class PlatformStore:
    """The platform's database. Methods may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction; the modules of the API write their own statements in it."""
        with self._engine.begin() as connection:
            yield connection

    def one(self, statement: sa.Select[Any]) -> RowMapping | None:
        """Return the first row, or nothing."""
        with self._read() as connection:
            return connection.execute(statement).mappings().first()

    def rows(self, statement: sa.Select[Any]) -> list[RowMapping]:
        """Return all rows."""
        with self._read() as connection:
            return list(connection.execute(statement).mappings())

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """A transaction that waits for no writer."""
        with self._engine.connect().execution_options(**{READING: True}) as connection, connection.begin():
            yield connection

    # ── submissions ────────────────────────────────────────────────────────────────────────

    def note_request(self, sid: str, at: int) -> None:
        """Count one PUT that arrived, whatever becomes of it."""
        with self.begin() as connection:
            connection.execute(request.insert().values(sid=sid, at=at))

    def find_submission(self, dev: str, sid: str) -> RowMapping | None:
        """Return what is known of a device's submission."""
        return self.one(sa.select(submission).where(submission.c.dev == dev, submission.c.sid == sid))

    def register(self, dev: str, sid: str, seq: int, envelope: bytes, at: int) -> RowMapping:
        """Return the submission's row, made now if new. A gap in `seq` is noted, a reuse refused and alarmed.

        Raises: SeqReused; IdReused when it is known with another envelope.
        """
        mine = (submission.c.dev == dev) & (submission.c.sid == sid)
        try:
            with self.begin() as connection:
                found = connection.execute(sa.select(submission).where(mine)).mappings().first()
                if found is not None and found["envelope"] != envelope:
                    raise IdReused  # frozen at the terminal: other bytes under one id are never honest
                if found is not None and found["state"] == "committed":
                    return found
                if found is None:
                    _note_gap(connection, dev, seq, at)
                    values = {"dev": dev, "sid": sid, "seq": seq, "state": "processing", "envelope": envelope}
                    connection.execute(submission.insert().values(**values))
                else:
                    values = {"state": "processing", "code": None, "missing": "[]"}
                    connection.execute(submission.update().where(mine).values(**values))
                return connection.execute(sa.select(submission).where(mine)).mappings().one()
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
        mine = (submission.c.dev == dev) & (submission.c.sid == sid)
        with self.begin() as connection:
            taken = connection.execute(
                submission.update().where(mine, submission.c.state != "committed").values(state="committed")
            )
            if taken.rowcount == 0:
                return False
            day = dt.datetime.fromtimestamp(at, CHINA).date()
            case_number = compose_case_number(day, _count_up(connection, f"case-{day:%Y%m%d}"))
            query_code = f"{secrets.randbelow(1_000_000):06d}"
            for values in parts:
                connection.execute(part.insert().values(sid=sid, **values))
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
        with self.begin() as connection:
            found = connection.execute(sa.select(setting.c.v).where(setting.c.k == key)).scalar()
            if found is None:
                found = make()
                connection.execute(setting.insert().values(k=key, v=found))
            return str(found)


def text_sha256(text: str) -> str:
    """Return the hex SHA-256 of a secret text, so that the secret itself is not stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def _count_up(connection: Connection, name: str) -> int:
    raised = connection.execute(counter.update().where(counter.c.name == name).values(n=counter.c.n + 1))
    if raised.rowcount == 0:
        connection.execute(counter.insert().values(name=name, n=1))
    return int(connection.execute(sa.select(counter.c.n).where(counter.c.name == name)).scalar_one())


def _note_gap(connection: Connection, dev: str, seq: int, at: int) -> None:
    last = connection.execute(sa.select(sa.func.max(submission.c.seq)).where(submission.c.dev == dev)).scalar()
    if seq != (last or 0) + 1 and seq > (last or 0):
        values = {"at": at, "dev": dev, "kind": "seq_gap", "detail": f"{(last or 0) + 1}..{seq - 1}"}
        connection.execute(note.insert().values(**values))


def utc(at: int) -> dt.datetime:
    """Return Unix seconds as a UTC time."""
    return dt.datetime.fromtimestamp(at, dt.UTC)
