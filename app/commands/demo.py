"""`demo`: a whole visit, unattended, through the real composition root over simulated wires and a live sandbox."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiosk.station.errors import ConfigError, KioskError
from offline_queue.api import QueueError

if TYPE_CHECKING:
    pass

DELIVERY_S = 90.0


def run_demo(
    out: Path,
    offline: bool = False,
    item: str = "SIM-YB-0001",
    reader: str = "",
    camera: str = "",
    printer: str = "",
    size: str = "1080x1920",
    lang: str = "zh",
    elder: bool = False,
    as_json: bool = False,
) -> int:
    """Play one visit; return 0 when the platform has it, 1 when not, 2 when it could not start."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_QUICK_BACKEND"] = "software"
    from app.opening import parse_size, refuse
    from app.visit import Script, Visit

    try:
        wanted = parse_size(size)
        script = Script(item=item, locale=lang, is_elder=elder, size=wanted if wanted[0] else (1080, 1920))
        links = {"reader": reader, "camera": camera, "printer": printer}
        _clear(out)
        with ExitStack() as undo:
            tempfile.tempdir = str(out / "work" / "tmp")  # what a library puts aside is searched too
            os.environ["TMPDIR"] = tempfile.tempdir
            visit = Visit(out, script, {kind: link for kind, link in links.items() if link}, undo)
            summary = visit.play(offline)
    except (ConfigError, ValueError) as error:
        return refuse(error)
    except (KioskError, QueueError, RuntimeError) as error:
        print(f"the demo could not start: {error}", file=sys.stderr)
        return 2
    (out / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        _tell(summary, out)
    is_good = summary["delivered"] and summary["platform_saw_times"] == 1 and summary["plaintext_hits"] == 0
    return 0 if is_good else 1


def _clear(out: Path) -> None:
    """Make room for a new play. Raises: ConfigError where something else than a former play lies."""
    known = {"screens", "work", "summary.json", "slip.bin", "slip.png", "submission.pdf"}
    if out.is_dir():
        others = [path.name for path in out.iterdir() if path.name not in known and not path.name.startswith("scan-")]
        if others:
            raise ConfigError((f"--out: {out} holds {others[0]} — an empty folder, or one of a former demo",))
        for path in out.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    elif out.exists():
        raise ConfigError((f"--out: {out} is a file — a folder",))
    try:
        (out / "work" / "tmp").mkdir(parents=True)
    except OSError as error:
        raise ConfigError((f"--out: {out}: {error.strerror} — a folder that can be made",)) from error


def _tell(summary: dict[str, Any], out: Path) -> None:
    if summary.get("refused"):
        print(f"ended: {summary['refused']}")
    print(f"{summary['item']}: ticket {summary['ticket'] or '—'}, {summary['slip_kind'] or 'no slip'}, ", end="")
    print(f"delivered {summary['delivered']}, case {summary['case_number'] or '—'}, ", end="")
    print(f"seen {summary['platform_saw_times']}×, plaintext hits {summary['plaintext_hits']}; all in {out}")
