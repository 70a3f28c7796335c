"""Plain questions about what the platform holds, for the demo, tests and the command line. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from sandbox import store
from sandbox.blobs import BlobFolder, open_blobs
from sandbox.cases import compose_intake_number

PLACES_FILE = "sandbox.json"  # where a state folder's database and blobs are
SCRATCH = "scratch"  # where uploads to an object store are gathered


class NotThere(Exception):
    """The platform has nothing under that id."""


@dataclass(frozen=True)
class Places:
    """Where a platform keeps its things."""

    db: str
    blobs: str


@dataclass(frozen=True)
class PlainPart:
    """One opened part as the platform keeps it."""

    part: str
    mime: str
    plain_sha256: str
    sealed_sha256: str
    size: int
    path: Path


class StoreView:
    """Read access to one platform's store; a context manager, or `close()` it."""

    def __init__(self, tables: store.PlatformStore, blobs: BlobFolder) -> None:
        self._tables = tables
        self._blobs = blobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._tables.close()

    def commits(self, sid: str) -> int:
        """Return how many cases this submission became: 0 or 1, whatever was sent how often."""
        rows = sa.select(sa.func.count().label("n")).where(
            store.submission.c.sid == sid, store.submission.c.state == "committed"
        )
        found = self._tables.one(rows)
        return int(found["n"]) if found else 0

    def requests(self, sid: str) -> int:
        """Return how many PUTs of this submission arrived."""
        found = self._tables.one(sa.select(store.arrival.c.n).where(store.arrival.c.sid == sid))
        return int(found["n"]) if found else 0

    def sids(self) -> list[str]:
        """Return the ids of all committed submissions, oldest first."""
        committed = sa.select(store.submission.c.sid).where(store.submission.c.state == "committed")
        return [row["sid"] for row in self._tables.rows(committed.order_by(store.submission.c.case_number))]

    def case_number(self, sid: str) -> str:
        """Return the case number. Raises: NotThere."""
        return str(self._committed(sid)["case_number"])

    def manifest(self, sid: str) -> dict[str, Any]:
        """Return the plain manifest. Raises: NotThere."""
        value = json.loads(self._committed(sid)["manifest"])
        if not isinstance(value, dict):
            raise NotThere(sid)
        return value

    def parts(self, sid: str) -> dict[str, PlainPart]:
        """Return the opened parts by name. Raises: NotThere."""
        row = self._committed(sid)
        return {
            found["part"]: PlainPart(
                found["part"], found["mime"], found["plain_sha256"], found["sealed_sha256"], found["size"],
                self._blobs.plain_file(found["path"]),
            )
            for found in self._part_rows(row["dev"], sid)
        }  # fmt: skip

    def _part_rows(self, dev: str, sid: str) -> list[RowMapping]:
        mine = sa.select(store.part).where(store.part.c.sid == sid, store.part.c.dev == dev)
        return self._tables.rows(mine.order_by(store.part.c.part))

    def show(self, sid: str) -> dict[str, Any]:
        """Return the facts of a submission, without a word of its content. Raises: NotThere."""
        row = self._tables.one(sa.select(store.submission).where(store.submission.c.sid == sid))
        if row is None:
            raise NotThere(sid)
        return {
            "sid": sid,
            "dev": row["dev"],
            "seq": row["seq"],
            "intake_number": compose_intake_number(row["dev"], row["seq"]),
            "state": row["state"],
            "code": row["code"] or "",
            "case_number": row["case_number"] or "",
            "query_code": row["query_code"] or "",
            "committed": store.utc(row["committed"]).isoformat() if row["committed"] else "",
            "commits": self.commits(sid),
            "requests": self.requests(sid),
            "parts": [
                {key: part[key] for key in ("part", "mime", "size", "plain_sha256")}
                for part in self._part_rows(row["dev"], sid)
            ],
        }

    def device_state(self, dev: str) -> str:
        """Return pending, active, suspended or revoked. Raises: NotThere."""
        found = self._tables.one(sa.select(store.device.c.state).where(store.device.c.dev == dev))
        if found is None:
            raise NotThere(dev)
        return str(found["state"])

    def heartbeat(self, dev: str) -> dict[str, Any]:
        """Return the newest heartbeat of a device. Raises: NotThere."""
        found = self._tables.one(sa.select(store.device.c.heartbeat).where(store.device.c.dev == dev))
        if found is None or found["heartbeat"] is None:
            raise NotThere(dev)
        return dict(json.loads(found["heartbeat"]))

    def notes(self) -> list[tuple[str, str, str]]:
        """Return what an officer should know, oldest first: device, kind, detail."""
        rows = self._tables.rows(sa.select(store.note).order_by(store.note.c.n))
        return [(row["dev"], row["kind"], row["detail"]) for row in rows]

    def pdf(self, sid: str) -> bytes:
        """Return the application form as PDF, rendered now from manifest, signature and pages. Raises: NotThere."""
        from sandbox.form import render_submission  # WeasyPrint is heavy; only this question needs it

        row = self._committed(sid)
        return render_submission(
            self.manifest(sid),
            self.parts(sid),
            intake_number=compose_intake_number(row["dev"], row["seq"]),
            case_number=row["case_number"],
            received=row["committed"],
        )

    def _committed(self, sid: str) -> RowMapping:
        mine = (store.submission.c.sid == sid) & (store.submission.c.state == "committed")
        row = self._tables.one(sa.select(store.submission).where(mine))
        if row is None:
            raise NotThere(sid)
        return row


def open_view(state: Path) -> StoreView:
    """Return a view of the platform whose state folder this is, running or not. Raises: NotThere."""
    places = load_places(state)
    return StoreView(store.PlatformStore(store.open_engine(places.db)), open_blobs(places.blobs, state / SCRATCH))


def load_places(state: Path) -> Places:
    """Return where the platform of a state folder keeps its things. Raises: NotThere."""
    try:
        return Places(**json.loads((state / PLACES_FILE).read_text()))
    except (OSError, ValueError, TypeError) as fault:
        raise NotThere(str(state)) from fault


def store_places(state: Path, places: Places) -> None:
    """Write down where the platform keeps its things."""
    (state / PLACES_FILE).write_text(json.dumps({"db": places.db, "blobs": places.blobs}))
