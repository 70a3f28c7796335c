"""Statements that every request needs, put into the driver's words once.

A `Fixed` is built with SQLAlchemy Core like any other statement and runs in the same connection and transaction, but on
the driver's own cursor: SQLAlchemy spends six times as much processor time on a small statement as the driver does
(0.65 against 0.09 ms, docs/scaling.md). Rows are plain dictionaries, values as the driver gives them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Dialect

CURSOR = "fixed"
Row = dict[str, Any]
Values = Mapping[str, Any]
Build = Callable[[str], Any]


def among(column: sa.Column[Any], name: str, dialect: str) -> sa.ColumnElement[bool]:
    """Return whether a column is one of the texts that `listed` puts into one parameter, however many they are."""
    if dialect == "sqlite":
        each = sa.func.json_each(sa.bindparam(name)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column == sa.func.any(sa.bindparam(name, type_=sa.ARRAY(sa.String)))


def listed(dialect: str, texts: Sequence[str]) -> object:
    """Return the value of a parameter of `among`."""
    return json.dumps(list(texts)) if dialect == "sqlite" else list(texts)


class Fixed:
    """One statement whose text never changes; no `IN` of many, no defaults of columns: every value is given.

    `statement` is a clause, or makes one for the name of a dialect. A column or `bindparam` without a value takes it
    from `values` by its name. Raises, at each use: what SQLAlchemy would.
    """

    def __init__(self, statement: sa.Executable | Build) -> None:
        self._statement = statement
        self._made: dict[str, tuple[str, Row]] = {}

    def rows(self, connection: Connection, values: Values) -> list[Row]:
        """Return all rows."""
        cursor = self._run(connection, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def first(self, connection: Connection, values: Values) -> Row | None:
        """Return the first row, or nothing."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def run(self, connection: Connection, values: Values) -> int:
        """Return how many rows it touched."""
        return int(self._run(connection, values).rowcount)

    def run_each(self, connection: Connection, many: Iterable[Values]) -> None:
        """Run it once for each set of values."""
        text, constants = self._words(connection.dialect)
        rows = [{**constants, **values} for values in many]
        if rows:
            self._guard(connection, lambda cursor: cursor.executemany(text, rows), text)

    def _run(self, connection: Connection, values: Values) -> Any:
        text, constants = self._words(connection.dialect)
        return self._guard(connection, lambda cursor: cursor.execute(text, {**constants, **values}), text)

    def _words(self, dialect: Dialect) -> tuple[str, Row]:
        """Return the text and the values that are part of the statement."""
        known = self._made.get(dialect.name)
        if known is None:
            clause = self._statement if isinstance(self._statement, sa.Executable) else self._statement(dialect.name)
            named = sqlite.dialect(paramstyle="named") if dialect.name == "sqlite" else dialect
            compiled = clause.compile(dialect=named)
            constants = {name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required}
            known = self._made[dialect.name] = (str(compiled), constants)
        return known

    @staticmethod
    def _guard(connection: Connection, act: Callable[[Any], Any], text: str) -> Any:
        raw, dialect = connection.connection, connection.dialect
        cursor = connection.info.get(CURSOR)  # kept: making one costs as much as a small statement
        if cursor is None:
            cursor = connection.info[CURSOR] = raw.driver_connection.cursor()
        errors = dialect.loaded_dbapi.Error
        try:
            act(cursor)
        except errors as fault:
            is_gone = dialect.is_disconnect(fault, raw.driver_connection, cursor)
            if is_gone:
                connection.invalidate(fault)
            raise sa.exc.DBAPIError.instance(  # values stay out of the error: some of them are secret
                text, None, fault, errors, connection_invalidated=is_gone, dialect=dialect
            ) from fault
        return cursor
