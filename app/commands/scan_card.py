"""`scan --id-card FILE FILE --out DIR`: both sides of a resident ID card, in any order, on one A4 page in true size."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from app.commands.scan import PICTURE_S, Words
from app.commands.scan_files import read_picture
from app.outputs import make_folder, printable, text_of, write_once
from devices.api import Deadline, DeviceError, HardwareFault, WireFault
from devices.imaging.eye import Examined, Eye
from devices.imaging.pdf import capture_of, join_card
from kiosk.station.texts import ASSETS, Texts

CARD, FRONT, BACK = "card", "front", "back"
ABOVE = {FRONT: 0, "": 1, BACK: 2}  # which of two lies above on the page


class CardScanned(msgspec.Struct, frozen=True):
    """The outcome as printed. `sides` is what each file shows, as given; `refused` is why there is no page."""

    files: tuple[str, ...]
    sides: tuple[str, ...] = ()
    dpi: int | None = None
    output: str = ""
    bytes: int = 0
    refused: str = ""
    reason: str = ""  # its sentence, as the citizen reads it
    detail: str = ""  # of which file, and what was found


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
    words = Words(Texts.load(ASSETS / "texts"), lang)
    eye = Eye()
    try:
        result = join_files(eye, files, out, no_gates)
    finally:
        eye.close()
    if result.refused:
        result = msgspec.structs.replace(result, reason=words.why(result.refused))
    write(msgspec.json.format(msgspec.json.encode(result)).decode() if as_json else _line(result))
    return 1 if result.refused else 0


def join_files(eye: Eye, files: tuple[Path, ...], out: Path, no_gates: bool = False) -> CardScanned:
    """Return what two picture files show, both sides written into `out` where they are the two sides of a card.

    With `no_gates` two cards of any kind will do: what is a front goes above, what is a back below, else as given.
    The file's name tells of no card, so one that is there may be another's: it stays, and this one is `id-card-2.pdf`.
    """
    known = CardScanned(tuple(text_of(file) for file in files))
    seen: list[Examined] = []
    for file in files:
        try:
            seen.append(eye.examine(read_picture(file), Deadline(PICTURE_S), keep=no_gates, accepts=CARD))
        except (WireFault, HardwareFault) as fault:
            return _refused(known, fault.code, _of(file, fault.detail))
        except DeviceError as error:
            return _refused(known, "eye_died", _of(file, error.code))
        except OSError as error:
            return _refused(known, "not_readable", _of(file, error.strerror))
    known = msgspec.structs.replace(known, sides=tuple(one.answer.side for one in seen))
    for file, one in zip(files, seen, strict=True):
        if one.answer.refused:
            return _refused(known, one.answer.refused, text_of(file))
    shown = tuple(side or ("card" if _is_card(one) else "nothing") for side, one in zip(known.sides, seen, strict=True))
    if "nothing" in shown or (not no_gates and set(shown) != {FRONT, BACK}):
        told = (f"{name}: {what}" for name, what in zip(known.files, shown, strict=True))
        return _refused(known, "card_sides", ", ".join(told))
    above, below = sorted(seen, key=lambda one: ABOVE[one.answer.side])
    dpi = min(above.answer.dpi, below.answer.dpi)
    capture = capture_of((*above.answer.verdicts, *below.answer.verdicts), dpi, CARD, (0, 0))
    data = join_card(above.output, below.output, capture)
    try:
        output = write_once(out, "id-card.pdf", data)
    except OSError as error:
        return _refused(known, "not_written", error.strerror or "")
    return msgspec.structs.replace(known, dpi=dpi, output=text_of(output), bytes=len(data))


def _of(file: Path, detail: str | None) -> str:
    return f"{text_of(file)}: {detail}" if detail else text_of(file)


def _refused(known: CardScanned, code: str, detail: str) -> CardScanned:
    return msgspec.structs.replace(known, refused=code, detail=detail)


def _is_card(seen: Examined) -> bool:
    """Whether a paper of a card's shape was found."""
    return seen.answer.outline is not None and all(one.ok for one in seen.answer.verdicts if one.gate == "format")


def _line(result: CardScanned) -> str:
    files = ", ".join(map(printable, result.files))
    if result.refused:
        return f"{files}: {result.reason} ({result.refused}: {printable(result.detail)})"
    return f"{files} → {printable(result.output)} {result.dpi} dpi, {result.bytes} B"
