"""A second way in: with an escrow key pinned by configuration, archive and platform both open what was sealed."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path

import pytest

from offline_queue.api import State
from sandbox.reader import CLASSIC, HYBRID, Bad, open_bytes
from tests.e2e.test_delivery import SCAN, Terminal, enrolled
from tests.fixtures.platform import LivePlatform, running_platform
from tests.fixtures.sealed_vectors import private_key, public_bytes

ARCHIVE = "e-2026-11"


def pin_escrow(platform: LivePlatform, folder: Path) -> None:
    """Let terminals find an archive's key beside the platform's own in the file they are configured with."""
    pins = json.loads(platform.pins_path.read_text("utf-8"))
    pub = base64.urlsafe_b64encode(public_bytes(ARCHIVE)).rstrip(b"=").decode()
    entry = {"kid": ARCHIVE, "use": "escrow", "suite": CLASSIC, "pub": pub, "nbf": 1, "naf": 0, "status": "active"}
    platform.pins_path = folder / "pins.json"
    platform.pins_path.write_text(json.dumps({"keys": [*pins["keys"], entry]}), "utf-8")


def test_what_is_sealed_to_platform_and_archive_is_opened_by_both(tmp_path):
    with running_platform(tmp_path / "platform") as live:
        pin_escrow(live, tmp_path)
        terminal = Terminal(live, enrolled(live, tmp_path / "state"), tmp_path / "state")
        try:
            sid = terminal.put()
            blobs = [path.read_bytes() for path in (terminal.state / "queue" / "blobs").rglob("*.ksb1")]
            db = sqlite3.connect(f"file:{terminal.state / 'queue' / 'queue.db'}?mode=ro", uri=True)
            (manifest,) = db.execute("SELECT manifest FROM submission").fetchone()
            db.close()
            opened = [open_bytes(blob, {ARCHIVE: private_key(ARCHIVE)}) for blob in (*blobs, manifest)]
            assert len(opened) == 3
            assert SCAN in [plain for _, plain in opened]
            for facts, _ in opened:
                assert [one["suite"] for one in facts.header["to"]] == [HYBRID, CLASSIC]
                assert facts.header["to"][1]["kid"] == ARCHIVE
            with pytest.raises(Bad):
                open_bytes(manifest, {"e-2026-12": private_key(ARCHIVE)})
            assert terminal.drive(sid, State.DELIVERED).case_number
        finally:
            terminal.close()
