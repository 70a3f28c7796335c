"""`scan --id-card FILE FILE --out DIR`: both sides of a resident ID card, in any order, on one A4 page in true size."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from app.outputs import make_folder, write_new
from devices.api import Deadline, DeviceError, WireFault
from devices.imaging.container import MAX_BYTES
from devices.imaging.eye import Examined, Eye
from devices.imaging.pdf import capture_of, join_card
from kiosk.station.texts import ASSETS, Texts

PICTURE_S = 25.0
CARD, FRONT, BACK = "card", "front", "back"


class CardScanned(msgspec.Struct, frozen=True):
    """The outcome as printed. `sides` is what each file shows, as given; `refused` is why there is no page."""

    files: tuple[str, ...]
    sides: tuple[str, ...] = ()
    dpi: int = 0
    output: str = ""
    bytes: int = 0
    refused: str = ""
    reason: str = ""  # its sentence, as the citizen reads it


def scan_card(
    names: Sequence[str],
    out: Path,
    *,
    no_gates: bool = False,
    as_json: bool = False,
    lang: str = "zh",
    write: Callable[[str], object] = print,
) -> int:
    """Write `id-card.pdf` into `out`, say what was seen, return the exit code (1: no page could be made)."""
    files = tuple(Path(name) for name in names)
    if len(files) != 2 or not all(file.is_file() for file in files):
        sys.stderr.write("scan --id-card: two picture files are needed, one of each side\n")
        return 2
    try:
        make_folder(out)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    texts = Texts.load(ASSETS / "texts")
    eye = Eye()
    try:
        result = join_files(eye, files, out, no_gates)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        eye.close()
    if result.refused:
        text = next((texts.table[key] for key in _keys(result.refused) if key in texts.table), None)
        reason = "" if text is None else (text.en if lang == "en" else text.zh)
        result = msgspec.structs.replace(result, reason=reason)
    write(msgspec.json.format(msgspec.json.encode(result)).decode() if as_json else _line(result))
    return 1 if result.refused else 0


def join_files(eye: Eye, files: tuple[Path, ...], out: Path, no_gates: bool = False) -> CardScanned:
    """Return what two picture files show, both sides written into `out` where they are the two sides of a card.

    Its name tells of no card, so one that is there may be another's: it stays, and this one is `id-card-2.pdf`.
    """
    named = tuple(str(file) for file in files)
    seen: list[Examined] = []
    for file in files:
        try:
            if file.stat().st_size > MAX_BYTES:
                raise WireFault("picture_too_large")
            seen.append(eye.examine(file.read_bytes(), Deadline(PICTURE_S), keep=no_gates, accepts=CARD))
        except DeviceError as fault:
            return CardScanned(named, refused=fault.code or "not_a_picture")
    sides = tuple(one.answer.side for one in seen)
    refused = next((one.answer.refused for one in seen if one.answer.refused), "")
    if refused or sorted(sides) != [BACK, FRONT]:
        return CardScanned(named, sides, refused=refused or "card_sides")
    front, back = sorted(seen, key=lambda one: one.answer.side == BACK)
    dpi = min(front.answer.dpi, back.answer.dpi)
    capture = capture_of((*front.answer.verdicts, *back.answer.verdicts), dpi, CARD, (0, 0))
    data = join_card(front.output, back.output, capture)
    output = write_new(out, "id-card.pdf", data)
    return CardScanned(named, sides, dpi, str(output), len(data))


def _keys(code: str) -> tuple[str, ...]:
    return (f"gate.{code}", f"picture.{code}", "picture.eye_died")


def _line(result: CardScanned) -> str:
    if result.refused:
        return f"{', '.join(result.files)}: {result.reason} ({result.refused})"
    return f"{', '.join(result.files)} → {result.output} {result.dpi} dpi, {result.bytes} B"
