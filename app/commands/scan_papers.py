"""`scan --link LINK --out DIR`: papers through the production scanner driver into one PDF."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec

from devices.api import (
    Deadline,
    DeviceError,
    DeviceKind,
    DocumentScanner,
    Page,
    ScanMode,
    Scanned,
    ScanSettings,
    ScanSource,
)
from devices.imaging.pdf import capture_of, join_pdfs, wrap_jpeg
from devices.registry import make_device

SCAN_S = 300.0  # a stack of twenty at 300 dpi on a slow scanner


class PapersScanned(msgspec.Struct, frozen=True):
    """The outcome as printed. `stopped_by` is what ended the stack before its time, or why there is no page at all."""

    link: str
    pages: int = 0
    blank: tuple[int, ...] = ()  # pages without ink, counted from 1
    dpi: int = 0
    output: str = ""
    bytes: int = 0
    stopped_by: str = ""


def scan_papers(
    link: str,
    out: Path,
    *,
    source: str = "flatbed",
    mode: str = "colour",
    dpi: int = 300,
    as_json: bool = False,
    write: Callable[[str], object] = print,
) -> int:
    """Write `scan.pdf` into `out`, say what was scanned, return the exit code (1: something stopped it)."""
    try:
        settings = ScanSettings(ScanSource(source), ScanMode(mode), dpi)
        scanner = cast("DocumentScanner", make_device(DeviceKind.SCANNER, "", link))
        out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        deadline = Deadline(SCAN_S)
        scanner.open(deadline)
        scanned = scanner.scan(settings, "scan", 1, deadline)
    except DeviceError as fault:
        scanned = Scanned((), fault.code)
    finally:
        scanner.close()
    result = _written(link, scanned, out / "scan.pdf")
    write(msgspec.json.format(msgspec.json.encode(result)).decode() if as_json else _line(result))
    return 1 if result.stopped_by else 0


def _written(link: str, scanned: Scanned, output: Path) -> PapersScanned:
    if not scanned.pages:
        return PapersScanned(link, stopped_by=scanned.stopped_by)
    data = join_pdfs([_pdf_of(page) for page in scanned.pages])
    output.write_bytes(data)
    blank = tuple(
        page.index for page in scanned.pages if any(one.gate == "blank" and not one.ok for one in page.verdicts)
    )
    return PapersScanned(
        link, len(scanned.pages), blank, scanned.pages[0].dpi, str(output), len(data), scanned.stopped_by
    )


def _pdf_of(page: Page) -> bytes:
    """Return one page as a PDF: as it is stored, or its JPEG wrapped."""
    if page.pdf.reveal():
        return page.pdf.reveal()
    return wrap_jpeg(page.jpeg.reveal(), capture_of(page.verdicts, page.dpi, "sheet", (page.width_px, page.height_px)))


def _line(result: PapersScanned) -> str:
    if not result.pages:
        return f"{result.link}: {result.stopped_by}"
    stopped = f", stopped: {result.stopped_by}" if result.stopped_by else ""
    blank = f", blank: {', '.join(map(str, result.blank))}" if result.blank else ""
    return f"{result.link} → {result.output} {result.pages} pages, {result.dpi} dpi, {result.bytes} B{blank}{stopped}"
