"""The platform's tables. Those of the desk (`case_tables.py`) and of single endpoints join the same `SCHEMA`."""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = sa.MetaData()
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
