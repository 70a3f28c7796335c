"""What a still becomes: how small its page is, whether nine-point signs can still be read, and how long it takes.

Sizes stand beside img2pdf on JPEG q65 and on CCITT G4 of the same clean pages. Times are processor time of this
process, so that a busy machine lengthens them less than a clock would; they end at the finished PDF.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import img2pdf
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.legibility import read_signs
from devices.imaging import cleanup, decode, dewarp, output, pipeline
from devices.imaging.fields import shrink_factor
from devices.imaging.outline import find_outline
from devices.imaging.pdf import capture_of
from devices.imaging.quads import clockwise
from devices.imaging.refine import refine_outline
from devices.imaging.values import Limits, TakeRequest
from devices.sim import desk, proofs, sheets
from tests.fixtures.pdf_pages import render_page

Picture = npt.NDArray[np.uint8]
STILL = (3264, 2448)  # 8 MP
PX_PER_MM = 200 / 25.4  # an A4 at 200 dpi, lying across the view
SEED = 4417  # for reporting; no parameter was chosen on it
PEERS = "img2pdf: JPEG q65 · CCITT G4"
ROUNDS = 3


class Laid(NamedTuple):
    """A paper on the desk, photographed: JPEG bytes, and its corners in px of the still."""

    jpeg: bytes
    corners: npt.NDArray[np.float64]


def run() -> dict[str, dict[str, object]]:
    """Return the figures: legible signs, sizes of four kinds of page, milliseconds from still to page."""
    cv2.setNumThreads(1)
    figures: dict[str, dict[str, object]] = {}
    shares = [_read(serif) for serif in (True, False)]
    ours, jpeg, fax = (min(one[at] for one in shares) for at in range(3))
    figures["signs_read_9pt_200dpi"] = _figure("share", ours, f"{jpeg} · {fax}", ">= 0.98", ours >= 0.98)
    for name, sheet in _papers():
        page = _clean(photograph(sheet))
        dpi = round(page.shape[1] / 210 * 25.4)
        body = output.encode_page(page, _facts(page, dpi), as_pdf=True).body
        size, photo, fax = (round(len(data) / 1000, 1) for data in (body, _jpeg_pdf(page, dpi), _fax_pdf(page, dpi)))
        is_text = name != "photograph"
        figures[f"kilobytes_{name}"] = _figure(
            "kB", size, f"{photo} · {fax}", "<= 150" if is_text else "", size <= 150 or not is_text
        )
    stages = _time_stages(photograph(proofs.draw_signed(10.0)))
    for name, ms in stages.items():
        figures[f"ms_{name}"] = _figure("ms CPU", ms, "", "", True, peer="none")
    whole = statistics.median(
        _timed(lambda still=laid.jpeg: pipeline.take(still, TakeRequest(Limits(), keep=True, as_pdf=True)))
        for laid in (photograph(sheet) for _, sheet in _papers())
    )
    figures["ms_still_to_pdf"] = _figure("ms CPU", whole, "", "<= 400", whole <= 400, peer="none")
    return figures


def photograph(sheet: sheets.Sheet) -> Laid:
    """Return an 8 MP still of an A4 sheet on a dark desk, under uneven warm light, through a lens and a sensor."""
    rng = np.random.default_rng(SEED)
    picture = desk.lay_surface("dark", STILL, rng)
    view = desk.View(*STILL, PX_PER_MM, 1.2, -0.8)
    matrix = desk.matrix_of(view, desk.Pose(4, -3, -89.3), sheet)
    desk.put_sheet(picture, sheet, matrix)
    across = np.linspace(0.7, 0.95, STILL[0], dtype=np.float32)[None, :]
    light = across * np.linspace(0.98, 0.85, STILL[1], dtype=np.float32)[:, None]
    lit = cv2.multiply(picture, cv2.merge([light * 0.93, light * 0.98, light]), dtype=cv2.CV_8U)
    seen = desk.add_noise(cv2.GaussianBlur(lit, (0, 0), 0.7), 3, SEED)
    return Laid(bytes(desk.encode(seen, 90)), desk.corners_of(matrix, sheet))


def _papers() -> Iterator[tuple[str, sheets.Sheet]]:
    yield "nine_point_text", proofs.draw_proof(SEED, 12.0).sheet
    yield "sealed_and_signed", proofs.draw_signed(12.0)
    yield "register", sheets.draw_sheet("register", SEED, 10.0)
    yield "table", sheets.draw_sheet("table", SEED, 10.0)
    yield "photograph", proofs.draw_photograph(10.0, SEED)


def _read(serif: bool) -> tuple[float, float, float]:
    """Return the shares of signs read on our page, as JPEG q65, and as plain G4."""
    proof = proofs.draw_proof(SEED, 14.0, serif=serif)
    page = _clean(photograph(proof.sheet))
    ours = render_page(output.encode_page(page, _facts(page, 200), as_pdf=True).body)
    photo = cv2.imdecode(desk.encode(page, 65), cv2.IMREAD_COLOR)
    fax = cv2.cvtColor(cv2.bitwise_not(_plain_ink(page)), cv2.COLOR_GRAY2BGR)
    a, b, c = (round(read_signs(np.asarray(one, np.uint8), proof, serif).share, 4) for one in (ours, photo, fax))
    return a, b, c


def _clean(laid: Laid) -> Picture:
    still, _ = decode.decode_picture(laid.jpeg)
    flat = dewarp.dewarp(still, _corners(laid))
    page = np.asarray(cv2.rotate(flat.picture, cv2.ROTATE_90_CLOCKWISE), np.uint8)
    return cleanup.even_light(page)


def _corners(laid: Laid) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in clockwise(laid.corners[None])[0])


def _facts(page: Picture, dpi: int) -> object:
    return capture_of((), dpi, "a4", (page.shape[1], page.shape[0]))


def _jpeg_pdf(page: Picture, dpi: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(page[:, :, ::-1])).save(file, "JPEG", quality=65, dpi=(dpi, dpi))
    return bytes(img2pdf.convert(file.getvalue()))


def _fax_pdf(page: Picture, dpi: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(cv2.bitwise_not(_plain_ink(page)))).convert("1").save(
        file, "TIFF", compression="group4", dpi=(dpi, dpi)
    )
    return bytes(img2pdf.convert(file.getvalue()))


def _plain_ink(page: Picture) -> Picture:
    """Return the mask that Sauvola's recipe gives as it stands: grey, k 0.2, 41 px."""
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY).astype(np.float32)
    mean, square = cv2.blur(grey, (41, 41)), cv2.sqrBoxFilter(grey, cv2.CV_32F, (41, 41))
    spread = cv2.sqrt(np.maximum(square - mean * mean, 0))
    return np.where(grey < mean * (1 + 0.2 * (spread / 128 - 1)), 255, 0).astype(np.uint8)


def _time_stages(laid: Laid) -> dict[str, float]:
    """Return processor milliseconds of each stage on one still, the least of ROUNDS."""
    times: dict[str, float] = {}

    def lap(name: str, work: Callable[[], object]) -> object:
        kept: list[object] = []
        times[name] = min(_timed(lambda: kept.append(work())) for _ in range(ROUNDS))
        return kept[-1]

    still = lap("decode", lambda: decode.decode_picture(laid.jpeg)[0])
    outline = lap("outline", lambda: find_outline(still))
    found = lap("refine", lambda: refine_outline(still, outline, shrink_factor(*STILL)))
    flat = lap("dewarp", lambda: dewarp.dewarp(still, found.corners))
    page = cv2.rotate(flat.picture, cv2.ROTATE_90_CLOCKWISE)
    lap("skew", lambda: cleanup.find_skew(cleanup.quarter(page)))
    clean = lap("clean", lambda: cleanup.even_light(page))
    lap("layers_and_pdf", lambda: output.encode_page(clean, _facts(clean, flat.dpi), as_pdf=True))
    parts = sum(times.values())
    request = TakeRequest(Limits(), keep=True, as_pdf=True)
    times["gates_and_rest"] = min(_timed(lambda: pipeline.take(laid.jpeg, request)) for _ in range(ROUNDS)) - parts
    return {name: round(ms, 1) for name, ms in times.items()}


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def _figure(unit: str, ours: float, theirs: str, goal: str, holds: bool, peer: str = PEERS) -> dict[str, object]:
    mine = round(ours, 4)
    return {"value": mine, "unit": unit, "ours": mine, "theirs": theirs, "peer": peer, "goal": goal, "holds": holds}
