"""The tables of the officer's desk: cases, their moves, what was asked for, the documents.

Keyed by case number, whose head is a date, so that they can be cut into months.
"""

from __future__ import annotations

import sqlalchemy as sa

from sandbox.store import SCHEMA

case_file = sa.Table(
    "case_file", SCHEMA,
    sa.Column("case_number", sa.String(40), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("sid", sa.String(36), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),  # with the device: the 收件流水号 on the slip
    sa.Column("kind", sa.String(16), nullable=False),  # submission consultation complaint
    sa.Column("item", sa.String(64), nullable=False),
    sa.Column("window_class", sa.String(32), nullable=False),
    sa.Column("person", sa.String(64), nullable=False),  # see person_of; empty for an anonymous one
    sa.Column("applicant", sa.String(40), nullable=False),  # masked: it stands in lists
    sa.Column("query_code", sa.String(6), nullable=False),
    sa.Column("state", sa.String(24), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),  # the number of the last move
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),
    sa.Column("promised", sa.String(10), nullable=False, default=""),  # 承诺办结日期
    sa.Column("outcome", sa.String(16), nullable=False, default=""),
    sa.UniqueConstraint("dev", "sid"),
    sa.Index("case_file_intake", "dev", "seq"),
    sa.Index("case_file_desk", "state", "window_class", "received"),
    sa.Index("case_file_person", "person", "received"),
)  # fmt: skip
case_move = sa.Table(
    "case_move", SCHEMA,
    sa.Column("case_number", sa.String(40), primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("move", sa.String(16), nullable=False),
    sa.Column("state", sa.String(24), nullable=False),  # after it
    sa.Column("officer", sa.String(64), nullable=False),  # empty: the platform itself
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(24), nullable=False, default=""),  # a word of REFUSALS
    sa.Column("words", sa.Text, nullable=False, default=""),
)  # fmt: skip
case_request = sa.Table(  # 补正: what an officer asked for, and the submission that answered
    "case_request", SCHEMA,
    sa.Column("request_id", sa.String(32), primary_key=True),
    sa.Column("case_number", sa.String(40), nullable=False, index=True),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("materials", sa.Text, nullable=False),  # JSON: [{code, name: {zh, en}, reason}]
    sa.Column("deadline", sa.String(10), nullable=False),  # the last day, China time
    sa.Column("state", sa.String(12), nullable=False),  # open answered closed
    sa.Column("dev", sa.String(14), nullable=False, default=""),
    sa.Column("sid", sa.String(36), nullable=False, default=""),
    sa.Column("answered", sa.BigInteger, nullable=False, default=0),
)  # fmt: skip
case_document = sa.Table(
    "case_document", SCHEMA,
    sa.Column("case_number", sa.String(40), primary_key=True),
    sa.Column("doc", sa.String(24), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),  # acceptance refusal correction result
    sa.Column("mime", sa.String(64), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("path", sa.String(160), nullable=False),  # in the blob store
    sa.Column("signed", sa.Text, nullable=False),  # the platform's signed object over hash and number, see documents.py
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("prints", sa.Integer, nullable=False, default=0),
)  # fmt: skip
evidence = sa.Table(  # the device's signature over the envelope, so that it can be verified again in years
    "evidence",
    SCHEMA,
    sa.Column("dev", sa.String(14), primary_key=True),
    sa.Column("sid", sa.String(36), primary_key=True),
    sa.Column("kid", sa.String(40), nullable=False),  # serial of the certificate
    sa.Column("sig", sa.String(88), nullable=False),
)
