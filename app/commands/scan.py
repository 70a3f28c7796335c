"""`scan FILE… --out DIR`: the imaging pipeline on picture files, in the same process of its own as at the counter."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from app.commands.scan_files import NothingToScan, find_pictures, read_picture
from app.outputs import make_folder, numbered, printable, text_of, write_once
from devices.api import Corners, Deadline, DeviceError, HardwareFault, WireFault
from devices.imaging.eye import Eye
from devices.imaging.values import FAR, GATES, TakeAnswer
from kiosk.station.texts import ASSETS, Texts

PICTURE_S = 25.0  # the eye has 20 s of processor time for one picture
STAGES = ("decode", "outline", "refine", "dewarp", "gates", "deskew", "clean", "encode")
BAR_SIGNS = 20


class Gate(msgspec.Struct, frozen=True):
    """One gate's answer as printed. All three are null where a picture file gives no answer, such as *still*."""

    value: float | None = None
    limit: float | None = None
    ok: bool | None = None


def _no_gates() -> dict[str, Gate]:
    return {gate: Gate() for gate in GATES}


def _no_time() -> dict[str, float]:
    return dict.fromkeys(STAGES, 0.0)


class Scanned(msgspec.Struct, frozen=True):
    """One file as printed. Corners in px of the picture as stored, clockwise on screen from the top left.

    A name that is not UTF-8 is told as `app.outputs.text_of` writes it.
    """

    file: str
    width: int = 0
    height: int = 0
    found: bool = False
    corners: Corners | None = None
    turn: int = 0  # degrees clockwise to upright
    turn_known: bool = False  # or it stays as it lies
    confidence: float = 0.0
    gates: Mapping[str, Gate] = msgspec.field(default_factory=_no_gates)
    dpi: int | None = None  # null where no paper was found
    dpi_known: bool = False  # or it is that of an A4, or of a paper as long as one
    others: int = 0  # more papers that were seen beside it
    output: str = ""  # the page, "" where there is none
    bytes: int = 0
    ms: Mapping[str, float] = msgspec.field(default_factory=_no_time)  # 0 where a stage was not reached
    refused: str = ""  # the gate or reason that speaks, "" where there is an output
    reason: str = ""  # its sentence, as the citizen reads it
    detail: str = ""  # what was found and what is allowed, for a technician
    stands: str = ""  # where it was refused: a page of its name that is there, another picture's or an earlier run's


def scan(
    names: Iterable[str],
    out: Path,
    *,
    no_gates: bool = False,
    as_json: bool = False,
    lang: str = "zh",
    write: Callable[[str], object] = print,
    eye: Eye | None = None,
) -> int:
    """Write a PDF per picture into `out`, say what was found, return the exit code (1: one was refused).

    A page has its picture's name. What is there already stays: the same page is not written again, another one is
    `NAME-2.pdf`. Without an `eye` that runs already one is started, and ended with the last picture.
    """
    asked = tuple(names)
    try:
        files, passed_over = find_pictures(asked)
        make_folder(out)
    except (NothingToScan, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in passed_over:
        sys.stderr.write(f"{line}\n")
    words = Words(Texts.load(ASSETS / "texts"), lang)
    results: list[Scanned] = []
    taken: set[str] = set()  # by the pages of this run
    bar = Bar(len(files), sys.stderr)
    with contextlib.ExitStack() as undo:
        if eye is None:
            eye = Eye()
            undo.callback(eye.close)
        undo.callback(bar.clear)
        for file in files:
            bar.show(len(results), file.name)
            results.append(scan_file(eye, file, out, taken, no_gates, words))
            bar.clear()
            if not as_json:
                write(_line(results[-1], words))
    if as_json:
        one = len(asked) == 1 and Path(asked[0]).is_file()  # a folder or a pattern asks for many, however few it holds
        write(msgspec.json.format(msgspec.json.encode(results[0] if one else results)).decode())
    return 1 if any(result.refused for result in results) else 0


def scan_file(eye: Eye, file: Path, out: Path, taken: set[str], no_gates: bool, words: Words) -> Scanned:
    """Return what was found on one picture file, its page written into `out` unless refused.

    `taken` holds the names of the other pages of this run, folded case, and gets this one's.
    """
    name = f"{file.stem}.pdf"

    def refused(code: str, detail: str = "", known: Scanned | None = None) -> Scanned:
        answer = known or Scanned(file=text_of(file))
        page = out / numbered(out, name)
        stands = text_of(page) if os.path.isfile(page) else ""  # noqa: PTH113  never raises
        return msgspec.structs.replace(answer, refused=code, reason=words.why(code), detail=detail, stands=stands)

    try:
        examined = eye.examine(read_picture(file), Deadline(PICTURE_S), keep=no_gates, as_pdf=True)
    except (WireFault, HardwareFault) as fault:
        return refused(fault.code, fault.detail)
    except DeviceError as error:
        return refused("eye_died", error.code)
    except OSError as error:
        return refused("not_readable", error.strerror or "")
    found = _described(file, examined.answer)
    if gate := examined.answer.refused:
        return refused(gate, _measured(found, gate), found)
    try:
        output = write_once(out, name, examined.output, taken)
    except OSError as error:
        return refused("not_written", error.strerror or "", found)
    taken.add(output.name.casefold())
    return msgspec.structs.replace(found, output=text_of(output), bytes=len(examined.output))


def _measured(found: Scanned, gate: str) -> str:
    """Return what the gate that speaks measured, beside its limit; of `page` what was searched in vain."""
    if gate == FAR:
        return f"{found.dpi} dpi"
    answer = found.gates[gate]
    return f"{found.width}×{found.height} px" if gate == "page" else f"{answer.value:g}, limit {answer.limit:g}"


def _rounded(corners: Corners) -> Corners:
    a, b, c, d = ((round(x, 3), round(y, 3)) for x, y in corners)
    return a, b, c, d


class Words(NamedTuple):
    """The sentences of one language."""

    texts: Texts
    lang: str

    def why(self, code: str) -> str:
        """Return why a picture was refused: a file's own sentence, else the one that is spoken at the counter."""
        keys = (f"picture.{code}", f"gate.{code}", "picture.eye_died")
        return self.say(next(key for key in keys if self.texts.has(key)))

    def say(self, key: str, **values: object) -> str:
        """Return a sentence."""
        return self.texts(key, self.lang, **values)


class Bar:
    """A progress bar below the lines, on a terminal alone; elsewhere nothing."""

    def __init__(self, count: int, stream: TextIO) -> None:
        self._count, self._stream = count, stream
        self._is_live = count > 1 and stream.isatty()

    def show(self, done: int, name: str) -> None:
        """Draw how many are done and which is next."""
        if self._is_live:
            full = BAR_SIGNS * done // self._count
            bar = "█" * full + "░" * (BAR_SIGNS - full)
            self._stream.write(f"\r\x1b[K{bar} {done}/{self._count} {printable(name)[:40]}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the bar away, so that a line can be written."""
        if self._is_live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _described(file: Path, answer: TakeAnswer) -> Scanned:
    gates = _no_gates()
    for verdict in answer.verdicts:
        if gates.get(verdict.gate, Gate()).ok is not False:  # of two answers the one that refuses
            gates[verdict.gate] = Gate(round(verdict.value, 4), verdict.limit, verdict.ok)
    outline = answer.outline
    return Scanned(
        file=text_of(file),
        width=answer.width_px,
        height=answer.height_px,
        found=outline is not None,
        corners=None if outline is None else _rounded(outline.corners),
        turn=answer.turn_deg,
        turn_known=answer.is_turn_known,
        confidence=0.0 if outline is None else round(outline.score, 4),
        gates=gates,
        dpi=None if outline is None else answer.dpi,
        dpi_known=outline is not None and answer.is_scale_known,
        others=0 if outline is None else outline.others,
        ms=_no_time() | answer.ms,
    )


def _line(result: Scanned, words: Words) -> str:
    name = printable(result.file)
    others = words.say("picture.others", count=result.others) if result.others else ""
    if result.refused:
        why = result.detail
        if result.refused == "not_a_picture":
            why = why.partition(";")[0]  # what is allowed stands in the sentence
        stands = words.say("picture.stands", file=printable(result.stands)) if result.stands else ""
        told = f"{name}: {result.reason} ({result.refused}{f': {why}' if why else ''})"
        return "; ".join(filter(None, (told, others, stands)))
    dpi = f"{'' if result.dpi_known else '≈ '}{result.dpi} dpi" if result.found else words.say("picture.nothing_found")
    kept = ", ".join(gate for gate, answer in result.gates.items() if answer.ok is False)
    told = f"{name} → {printable(result.output)} {dpi}, {result.bytes} B{f' ({kept})' if kept else ''}"
    return f"{told}; {others}" if others else told
