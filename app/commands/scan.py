"""`scan FILE… --out DIR`: the imaging pipeline on picture files, in the same process of its own as at the counter."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from devices.api import Corners, Deadline, DeviceError, HardwareFault, WireFault
from devices.imaging.eye import Examined, Eye
from devices.imaging.values import TakeAnswer
from kiosk.station.texts import ASSETS, Texts

SUFFIXES = (".jpg", ".jpeg", ".png")
PICTURE_S = 25.0  # the eye has 20 s of processor time for one picture
MAX_BYTES = 20_000_000


class Gate(msgspec.Struct, frozen=True):
    """One gate's answer as printed."""

    value: float
    limit: float
    ok: bool


class Scanned(msgspec.Struct, frozen=True):
    """One file as printed. Corners in px of the picture as stored, clockwise on screen from the top left."""

    file: str
    width: int = 0
    height: int = 0
    found: bool = False
    corners: Corners | None = None
    turn: int = 0  # degrees clockwise to upright
    confidence: float = 0.0
    gates: Mapping[str, Gate] = msgspec.field(default_factory=dict)
    dpi: int = 0
    output: str = ""
    bytes: int = 0
    ms: Mapping[str, float] = msgspec.field(default_factory=dict)
    refused: str = ""  # the gate or reason that speaks, "" where there is an output
    reason: str = ""  # its sentence, as the citizen reads it


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
) -> int:
    """Write a PDF per picture into `out`, say what was found, return the exit code (1: one was refused)."""
    try:
        files = find_pictures(names)
        out.mkdir(parents=True, exist_ok=True)
    except (NothingToScan, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    texts = Texts.load(ASSETS / "texts")
    results: list[Scanned] = []
    eye = Eye()
    try:
        for number, file in enumerate(files):
            _progress(number, len(files), as_json)
            result = scan_file(eye, file, out / _output_name(file, files), no_gates, _sentence_of(texts, lang))
            results.append(result)
            if not as_json:
                write(_line(result))
    finally:
        eye.close()
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(results if len(results) != 1 else results[0])).decode())
    return 1 if any(result.refused for result in results) else 0


def scan_file(eye: Eye, file: Path, output: Path, no_gates: bool, sentence: Callable[[str, str], str]) -> Scanned:
    """Return what was found on one picture file, its page written to `output` unless refused."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise WireFault("picture_too_large")
        examined = eye.examine(file.read_bytes(), Deadline(PICTURE_S), keep=no_gates, as_pdf=True)
    except (WireFault, HardwareFault) as fault:
        return Scanned(file=str(file), refused=fault.code, reason=sentence("picture", fault.code))
    except (OSError, DeviceError):
        return Scanned(file=str(file), refused="not_a_picture", reason=sentence("picture", "not_a_picture"))
    if examined.answer.refused:
        reason = sentence("gate", examined.answer.refused)
        return msgspec.structs.replace(
            _described(file, examined.answer), refused=examined.answer.refused, reason=reason
        )
    return _written(file, examined, output)


def find_pictures(names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files meant by file names, folders (their pictures, by name) and patterns. Raises: NothingToScan."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
        elif path.is_file():
            inside = [path]
        else:
            inside = [Path(match) for match in sorted(glob.glob(name)) if Path(match).is_file()]  # noqa: PTH207
        if not inside:
            raise NothingToScan(
                f"scan: {name!r} is no picture file, no folder with pictures and no pattern that matches"
            )
        found += [file for file in inside if file not in found]
    if not found:
        raise NothingToScan("scan: name at least one picture file, folder or pattern")
    return tuple(found)


def _described(file: Path, answer: TakeAnswer) -> Scanned:
    gates: dict[str, Gate] = {}
    for verdict in answer.verdicts:
        if verdict.gate not in gates or not verdict.ok:
            gates[verdict.gate] = Gate(round(verdict.value, 4), verdict.limit, verdict.ok)
    outline = answer.outline
    return Scanned(
        file=str(file),
        width=answer.width_px,
        height=answer.height_px,
        found=outline is not None,
        corners=None if outline is None else outline.corners,
        turn=answer.turn_deg,
        confidence=0.0 if outline is None else round(outline.score, 4),
        gates=gates,
        dpi=answer.dpi,
        ms=answer.ms,
    )


def _written(file: Path, examined: Examined, output: Path) -> Scanned:
    output.write_bytes(examined.output)
    return msgspec.structs.replace(_described(file, examined.answer), output=str(output), bytes=len(examined.output))


def _output_name(file: Path, files: tuple[Path, ...]) -> str:
    """Return the PDF's name: the picture's own, with its place in the list where two pictures share one."""
    same = [other for other in files if other.stem == file.stem]
    return f"{file.stem}.pdf" if len(same) == 1 else f"{file.stem}-{files.index(file) + 1}.pdf"


def _sentence_of(texts: Texts, lang: str) -> Callable[[str, str], str]:
    def sentence(group: str, code: str) -> str:
        text = texts.table.get(f"{group}.{code}") or texts.table["picture.eye_died"]
        return text.en if lang == "en" else text.zh

    return sentence


def _line(result: Scanned) -> str:
    if result.refused:
        return f"{result.file}: {result.reason} ({result.refused})"
    kept = ", ".join(gate for gate, answer in result.gates.items() if not answer.ok)
    return f"{result.file} → {result.output} {result.dpi} dpi, {result.bytes} B" + (f" ({kept})" if kept else "")


def _progress(number: int, count: int, as_json: bool) -> None:
    if not as_json and count > 1 and sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{number + 1}/{count} " if number + 1 < count else "\r\x1b[K")
