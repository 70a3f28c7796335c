"""`scan --link LINK --out DIR`: papers through the production scanner driver into one PDF."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec

from app.outputs import make_folder, text_of, write_new
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
REMEDIES = {  # docs/devices/scanner-sane.md names the codes
    "noDevice": "no such scanner; check its cable, its power and its name: scanimage -L",
    "no_scanimage": "scanimage is not installed: apt-get install sane-utils",
    "deviceBusy": "another program has the scanner; end it",
    "access_denied": "this user may not use the scanner; add it to the group scanner",
    "mediaJammed": "paper is stuck in the feeder; free it and scan the rest",
    "noMedia": "the feeder is empty; lay papers in, or use --source flatbed",
    "cover_open": "the scanner's cover is open; close it",
    "scanner_unsupported": "the scanner cannot do this; try another --source, --mode or --dpi",
    "scanner_invalid": "the scanner does not take these settings; try another --source, --mode or --dpi",
    "scan_too_large": "such a page is too large; a lower --dpi",
    "flatbed": "the scanner has no flatbed; --source feeder",
    "feeder": "the scanner has no feeder; --source flatbed",
    "deadline": "the scanner was not done in time; fewer pages, or a lower --dpi",
    "scanner_io": "the line to the scanner breaks; check its cable",
    "not_written": "the pages could not be written; free some room or name another --out",
}
AWAY = ("noDevice", "no_scanimage")
USUAL = "the scanner reports a fault; switch it off and on, and look at it with scanimage"


class PapersScanned(msgspec.Struct, frozen=True):
    """The outcome as printed. `stopped_by` is what ended the stack before its time, or why there is no page at all."""

    link: str
    pages: int = 0
    blank: tuple[int, ...] = ()  # pages without ink, counted from 1
    dpi: int = 0
    output: str = ""
    bytes: int = 0
    stopped_by: str = ""
    remedy: str = ""


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
    """Write `scan.pdf` into `out`, say what was scanned, return the exit code (1: something stopped it, 2: no scanner).

    Papers cannot be asked for again as picture files can: `scan.pdf` of a former scan stays, this one is `scan-2.pdf`.
    """
    try:
        settings = ScanSettings(ScanSource(source), ScanMode(mode), dpi)
        scanner = cast("DocumentScanner", make_device(DeviceKind.SCANNER, "", link))
        make_folder(out)
    except ValueError as error:
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
    result = _written(link, scanned, out)
    write(msgspec.json.format(msgspec.json.encode(result)).decode() if as_json else _line(result))
    return 0 if not result.stopped_by else 2 if result.stopped_by in AWAY else 1


def _written(link: str, scanned: Scanned, out: Path) -> PapersScanned:
    if not scanned.pages:
        return _stopped(link, scanned.stopped_by)
    data = join_pdfs([_pdf_of(page) for page in scanned.pages])
    try:
        output = write_new(out, "scan.pdf", data)
    except OSError:
        return _stopped(link, "not_written")
    blank = tuple(
        page.index for page in scanned.pages if any(one.gate == "blank" and not one.ok for one in page.verdicts)
    )
    return msgspec.structs.replace(
        _stopped(link, scanned.stopped_by),
        pages=len(scanned.pages),
        blank=blank,
        dpi=scanned.pages[0].dpi,
        output=text_of(output),
        bytes=len(data),
    )


def _stopped(link: str, code: str) -> PapersScanned:
    return PapersScanned(link, stopped_by=code, remedy=REMEDIES.get(code, USUAL) if code else "")


def _pdf_of(page: Page) -> bytes:
    """Return one page as a PDF: as it is stored, or its JPEG wrapped."""
    if page.pdf.reveal():
        return page.pdf.reveal()
    return wrap_jpeg(page.jpeg.reveal(), capture_of(page.verdicts, page.dpi, "sheet", (page.width_px, page.height_px)))


def _line(result: PapersScanned) -> str:
    if not result.pages:
        return f"{result.link}: {result.remedy} ({result.stopped_by})"
    stopped = f", stopped: {result.remedy} ({result.stopped_by})" if result.stopped_by else ""
    blank = f", blank: {', '.join(map(str, result.blank))}" if result.blank else ""
    return f"{result.link} → {result.output} {result.pages} pages, {result.dpi} dpi, {result.bytes} B{blank}{stopped}"
