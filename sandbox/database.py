"""The engine under the platform's tables: SQLite or PostgreSQL, schema in place, months of submissions prepared.

The schema has a version, kept in the table `setting`. A newer major is refused and nothing is written. Whatever else a
running release lacks is added at opening: tables, and columns that may be empty. One opener at a time does it.

On PostgreSQL `submission` and `part` are partitioned by month. The key is the submission's id: a UUIDv7 begins with its
time and never changes, so the primary key holds the partition column and still is unique over all months.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine

from sandbox.cases import CHINA

MAJOR, MINOR = 2, 0
VERSION_KEY = "schema"
READING = "is_reading"
LOCK = 0x4A696E62616E  # "Jinban": the advisory lock under which a schema is prepared
POOL = 8  # connections a process keeps; as many again when it is pressed
POOLED: dict[str, Any] = {
    "pool_size": POOL,
    "max_overflow": POOL,
    "pool_timeout": 10,
    "pool_use_lifo": True,  # the connection used last is the one whose server has everything at hand
}
MONTHS_AHEAD = 13  # a platform is restarted once a year at least; rows of a month nobody prepared go to `_rest`
DIALECTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
PARTITIONED = ("submission", "part")


class StoreTooNew(ValueError):
    """The database was written by a newer release than this one."""


def open_engine(url: str, schema: sa.MetaData) -> Engine:
    """Return an engine on `url` with the schema in place.

    Raises: ValueError for a URL that is not taken; StoreTooNew; sqlalchemy errors.
    """
    place = _decode_url(url)
    if place.get_backend_name() == "sqlite":
        engine = sa.create_engine(place)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin)
    else:
        engine = sa.create_engine(place, **POOLED)
    try:
        _prepare(engine, schema)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_hasty(engine: Engine) -> Engine:
    """Return what single statements are asked with, and written that may lose their last moments in a power cut.

    On PostgreSQL each is a transaction of its own and waits for no disk.
    """
    if not is_postgres(engine):
        return engine
    return sa.create_engine(
        engine.url, connect_args={"options": "-c synchronous_commit=off"}, isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None, **POOLED,
    )  # fmt: skip


def is_postgres(bind: Connection | Engine) -> bool:
    """Whether this is PostgreSQL."""
    return bind.dialect.name == "postgresql"


def insert(connection: Connection, table: sa.Table) -> Any:
    """Return an INSERT that knows ON CONFLICT, for the dialect at hand."""
    return DIALECTS[connection.dialect.name](table)


def upsert(table: sa.Table, make_insert: Any) -> Any:
    """Return an INSERT that counts `n` up where the row is there, and takes the other values as they come."""
    fresh = make_insert(table)
    named = [column.name for column in table.primary_key]
    others = {c.name: fresh.excluded[c.name] for c in table.c if c.name not in (*named, "n")}
    return fresh.on_conflict_do_update(index_elements=named, set_={"n": table.c.n + 1, **others})


def _decode_url(url: str) -> URL:
    place = sa.make_url(url)
    if place.password is not None:
        raise ValueError("--db: no password in the URL; PGPASSWORD, PGPASSFILE or a service file hold it")
    if place.get_backend_name() == "postgresql":
        return place.set(drivername="postgresql+psycopg")
    if place.get_backend_name() == "sqlite":
        return place
    raise ValueError(f"--db: {place.get_backend_name()!r} is not supported; allowed: sqlite, postgresql")


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A deferred BEGIN that reads and then writes fails at once against a second writer, busy timeout or not.
    is_reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


# ── schema ─────────────────────────────────────────────────────────────────────────────────


def _prepare(engine: Engine, schema: sa.MetaData) -> None:
    wanted = {"major": MAJOR, "minor": MINOR, "print": _fingerprint(schema)}
    with engine.connect().execution_options(**{READING: True}) as connection, connection.begin():
        found = _find_version(connection)
    if found == wanted:
        return
    with engine.begin() as connection:
        if is_postgres(connection):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        found = _find_version(connection)  # another opener may have been quicker
        if found is not None and found["major"] > MAJOR:
            raise StoreTooNew(f"the database has schema {found['major']}, this release knows {MAJOR} and older")
        is_first_layout = found is None and sa.inspect(connection).has_table("submission")
        schema.create_all(connection)
        _add_columns(connection, schema)
        if is_first_layout:
            _leave_first_layout(connection)
        if is_postgres(connection):
            prepare_months(connection, dt.datetime.now(CHINA).date())
        if found is None or (found["major"], found["minor"]) <= (MAJOR, MINOR):  # a newer minor stays what it is
            _write_version(connection, schema, wanted)


def _fingerprint(schema: sa.MetaData) -> str:
    names = sorted(str(column) for table in schema.tables.values() for column in table.columns)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]


def _find_version(connection: Connection) -> dict[str, Any] | None:
    if not sa.inspect(connection).has_table("setting"):
        return None
    query = sa.text("SELECT v FROM setting WHERE k = :k")
    found = connection.execute(query, {"k": VERSION_KEY}).scalar()
    return dict(json.loads(found)) if found else None


def _write_version(connection: Connection, schema: sa.MetaData, version: dict[str, Any]) -> None:
    setting = schema.tables["setting"]
    connection.execute(setting.delete().where(setting.c.k == VERSION_KEY))
    connection.execute(setting.insert().values(k=VERSION_KEY, v=json.dumps(version)))


def _add_columns(connection: Connection, schema: sa.MetaData) -> None:
    """Add the columns that a former release of this layout did not have. They may be empty, or have a default."""
    look = sa.inspect(connection)
    quote = connection.dialect.identifier_preparer.quote
    for table in schema.sorted_tables:
        there = {column["name"] for column in look.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                text = str(sa.schema.CreateColumn(column).compile(dialect=connection.dialect))
                connection.exec_driver_sql(f"ALTER TABLE {quote(table.name)} ADD COLUMN {text}")


def _leave_first_layout(connection: Connection) -> None:
    """Carry over what the first layout, SQLite only and without a version, kept elsewhere."""
    for text in (
        "INSERT INTO sequence (dev, seq, sid) SELECT dev, seq, sid FROM submission",
        "INSERT INTO numbered (case_number, dev, sid) SELECT case_number, dev, sid FROM submission"
        " WHERE case_number IS NOT NULL",
        "INSERT INTO arrival (sid, n, at) SELECT sid, count(*), max(at) FROM request GROUP BY sid",
        "DROP TABLE request",
    ):
        connection.exec_driver_sql(text)


# ── months ─────────────────────────────────────────────────────────────────────────────────


def prepare_months(connection: Connection, today: dt.date, ahead: int = MONTHS_AHEAD) -> list[str]:
    """Make the partitions of this month and those ahead that are not there yet; return their names.

    A month that already has rows in `_rest` is left there: correct, only not apart.
    """
    made = []
    for table in PARTITIONED:
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {table}_rest PARTITION OF {table} DEFAULT")
        for number in range(today.year * 12 + today.month - 1, today.year * 12 + today.month + ahead):
            name = f"{table}_{number // 12:04d}{number % 12 + 1:02d}"
            low, high = _first_sid(number), _first_sid(number + 1)
            rest = f"SELECT 1 FROM {table}_rest WHERE sid >= '{low}' AND sid < '{high}' LIMIT 1"  # noqa: S608
            is_there = connection.execute(sa.select(sa.func.to_regclass(name))).scalar() is not None
            if is_there or connection.exec_driver_sql(rest).first() is not None:
                continue
            bounds = f"FOR VALUES FROM ('{low}') TO ('{high}')"
            connection.exec_driver_sql(f"CREATE TABLE {name} PARTITION OF {table} {bounds}")
            made.append(name)
    return made


def _first_sid(number: int) -> str:
    """Return what every id of the month `number` (months since year 0) is above: its first 48 bits, as text."""
    begin = dt.datetime(number // 12, number % 12 + 1, 1, tzinfo=CHINA)
    digits = f"{int(begin.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"
