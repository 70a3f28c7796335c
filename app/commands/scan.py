"""`scan FILE… --out DIR`: the imaging pipeline on picture files, in the same process of its own as at the counter."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from app.outputs import make_folder
from devices.api import Corners, Deadline, DeviceError, HardwareFault, WireFault
from devices.imaging.container import MAX_BYTES
from devices.imaging.eye import Examined, Eye
from devices.imaging.values import GATES, TakeAnswer
from kiosk.station.texts import ASSETS, Texts

SUFFIXES = (".jpg", ".jpeg", ".png")
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
    """One file as printed. Corners in px of the picture as stored, clockwise on screen from the top left."""

    file: str
    width: int = 0
    height: int = 0
    found: bool = False
    corners: Corners | None = None
    turn: int = 0  # degrees clockwise to upright
    confidence: float = 0.0
    gates: Mapping[str, Gate] = msgspec.field(default_factory=_no_gates)
    dpi: int = 0
    output: str = ""
    bytes: int = 0
    ms: Mapping[str, float] = msgspec.field(default_factory=_no_time)  # 0 where a stage was not reached
    refused: str = ""  # the gate or reason that speaks, "" where there is an output
    reason: str = ""  # its sentence, as the citizen reads it
    detail: str = ""  # what was found and what is allowed, for a technician


class NothingToScan(Exception):  # a bad argument, told in one line
    """A name that is neither a file, a folder with pictures, nor a pattern that matches."""


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

    Without an `eye` that runs already one is started, and ended with the last picture.
    """
    asked = tuple(names)
    try:
        files = find_pictures(asked)
        make_folder(out)
        outputs = name_outputs(files, out)
    except (NothingToScan, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sentence = _sentence_of(Texts.load(ASSETS / "texts"), lang)
    results: list[Scanned] = []
    bar = Bar(len(files), sys.stderr)
    with contextlib.ExitStack() as undo:
        if eye is None:
            eye = Eye()
            undo.callback(eye.close)
        undo.callback(bar.clear)
        for file, output in zip(files, outputs, strict=True):
            bar.show(len(results), file.name)
            results.append(scan_file(eye, file, output, no_gates, sentence))
            bar.clear()
            if not as_json:
                write(_line(results[-1]))
    if as_json:
        one = len(asked) == 1 and Path(asked[0]).is_file()  # a folder or a pattern asks for many, however few it holds
        write(msgspec.json.format(msgspec.json.encode(results[0] if one else results)).decode())
    return 1 if any(result.refused for result in results) else 0


def scan_file(eye: Eye, file: Path, output: Path, no_gates: bool, sentence: Callable[[str, str], str]) -> Scanned:
    """Return what was found on one picture file, its page written to `output` unless refused."""

    def refused(code: str, detail: str = "", known: Scanned | None = None) -> Scanned:
        answer = known or Scanned(file=_text(file))
        return msgspec.structs.replace(answer, refused=code, reason=sentence("picture", code), detail=detail)

    try:
        data = _read(file)
        examined = eye.examine(data, Deadline(PICTURE_S), keep=no_gates, as_pdf=True)
    except (WireFault, HardwareFault) as fault:
        return refused(fault.code, fault.detail)
    except DeviceError as error:
        return refused("eye_died", error.code)
    except OSError as error:
        return refused("not_readable", error.strerror or "")
    found = _described(file, examined.answer)
    if gate := examined.answer.refused:
        return msgspec.structs.replace(found, refused=gate, reason=sentence("gate", gate))
    try:
        return _written(found, examined, output)
    except OSError as error:
        return refused("not_written", error.strerror or "", found)


def find_pictures(names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files meant by file names, folders (their pictures) and patterns, each once.

    Files come in the order named, those of a folder or pattern in natural order: 2 before 10. Raises: NothingToScan.
    """
    found: dict[Path, Path] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()]
        elif path.is_file():
            inside = [path]
        else:
            inside = [Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file()]  # noqa: PTH207
        if not inside:
            raise NothingToScan(
                f"scan: {name!r} is no picture file, no folder with pictures and no pattern that matches"
            )
        for file in sorted(inside, key=_natural):
            found.setdefault(file.absolute(), file)
    if not found:
        raise NothingToScan("scan: name at least one picture file, folder or pattern")
    return tuple(found.values())


def name_outputs(files: Sequence[Path], out: Path) -> tuple[Path, ...]:
    """Return a PDF in `out` for each file, by its own name: no two the same, none of them a file to be read."""
    inputs = {(status.st_dev, status.st_ino) for status in (file.stat() for file in files)}
    named: dict[str, Path] = {}
    for file in files:
        number, name = 1, f"{file.stem}.pdf"
        while name.casefold() in named or _is_among(out / name, inputs):
            number += 1
            name = f"{file.stem}-{number}.pdf"
        named[name.casefold()] = out / name
    return tuple(named.values())


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
            self._stream.write(f"\r\x1b[K{bar} {done}/{self._count} {_printable(name)[:40]}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the bar away, so that a line can be written."""
        if self._is_live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _read(file: Path) -> bytes:
    """Return a file's bytes, one more than allowed at most. Raises: OSError."""
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _is_among(path: Path, inputs: set[tuple[int, int]]) -> bool:
    return path.exists() and (path.stat().st_dev, path.stat().st_ino) in inputs


def _natural(file: Path) -> tuple[tuple[str | int, ...], str]:
    """Return a key by which numbers in a name count as numbers."""
    parts = re.split(r"([0-9]+)", str(file).casefold())
    return tuple(int(part) if at % 2 else part for at, part in enumerate(parts)), str(file)


def _described(file: Path, answer: TakeAnswer) -> Scanned:
    gates = _no_gates()
    for verdict in answer.verdicts:
        if gates.get(verdict.gate, Gate()).ok is not False:  # of two answers the one that refuses
            gates[verdict.gate] = Gate(round(verdict.value, 4), verdict.limit, verdict.ok)
    outline = answer.outline
    return Scanned(
        file=_text(file),
        width=answer.width_px,
        height=answer.height_px,
        found=outline is not None,
        corners=None if outline is None else outline.corners,
        turn=answer.turn_deg,
        confidence=0.0 if outline is None else round(outline.score, 4),
        gates=gates,
        dpi=answer.dpi,
        ms=_no_time() | answer.ms,
    )


def _written(found: Scanned, examined: Examined, output: Path) -> Scanned:
    """Write the page under a name of its own first: what stands under `output` is whole. Raises: OSError."""
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        part.write_bytes(examined.output)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return msgspec.structs.replace(found, output=_text(output), bytes=len(examined.output))


def _sentence_of(texts: Texts, lang: str) -> Callable[[str, str], str]:
    def sentence(group: str, code: str) -> str:
        text = texts.table.get(f"{group}.{code}") or texts.table["picture.eye_died"]
        return text.en if lang == "en" else text.zh

    return sentence


def _line(result: Scanned) -> str:
    name = _printable(result.file)
    if result.refused:
        why = result.detail.partition(";")[0]  # what is allowed stands in the sentence
        return f"{name}: {result.reason} ({result.refused}{f': {why}' if why else ''})"
    kept = ", ".join(gate for gate, answer in result.gates.items() if answer.ok is False)
    return f"{name} → {_printable(result.output)} {result.dpi} dpi, {result.bytes} B" + (f" ({kept})" if kept else "")


def _text(path: Path) -> str:
    """Return a path as text that JSON can hold, whatever bytes a name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")


def _printable(name: str) -> str:
    """Return a file's name without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in name)
