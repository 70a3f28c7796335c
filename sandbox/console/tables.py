"""The console's own tables: accounts, sessions, failed sign-ins, and the chained record of what officers did."""

from __future__ import annotations

import sqlalchemy as sa

from sandbox.store import SCHEMA

account = sa.Table(
    "console_account",
    SCHEMA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("role", sa.String(12), nullable=False),
    sa.Column("password", sa.String(160), nullable=False),  # scrypt$log2 n$r$p$salt$hash
    sa.Column("is_first", sa.Boolean, nullable=False),  # a one-time password: it only buys a new one
    sa.Column("expires", sa.BigInteger, nullable=False),  # of a one-time password; 0 = never
    sa.Column("is_locked", sa.Boolean, nullable=False, default=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
session = sa.Table(
    "console_session",
    SCHEMA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("account", sa.String(32), nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("begun", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),
)
known = sa.Table(  # which accounts signed in from where of late
    "console_known",
    SCHEMA,
    sa.Column("account", sa.String(32), primary_key=True),
    sa.Column("address", sa.String(64), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)
attempt = sa.Table(  # one row a name or address with failed sign-ins
    "console_attempt",
    SCHEMA,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),  # nothing is tried before
)
record = sa.Table(
    "console_record",
    SCHEMA,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("account", sa.String(32), nullable=False),
    sa.Column("role", sa.String(12), nullable=False),
    sa.Column("action", sa.String(32), nullable=False, index=True),
    sa.Column("subject", sa.String(80), nullable=False),  # a case number, a device, an account; never a person
    sa.Column("detail", sa.String(160), nullable=False),
    sa.Column("chain", sa.String(64), nullable=False),  # SHA-256 over the former chain and this row
)
record_head = sa.Table(  # one row: whoever writes next holds its lock
    "console_record_head",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("chain", sa.String(64), nullable=False),
    sa.Column("seal", sa.String(64)),  # HMAC of number and chain; none from a release without seals
)
