"""Our scanner driver beside bare scanimage for the same pages, zxing-cpp beside OpenCV's detector on spoilt frames."""

from __future__ import annotations

import io
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import segno

from devices.api import Deadline, ScanMode, ScanSettings, ScanSource
from devices.drivers.scanner_sane import SaneScanner
from devices.imaging import codes
from devices.imaging.eye import Eye

ROUNDS = 3
PAGES = 4  # a stack: the eye works on one page while the next one runs through
GOAL = "<= 1.10"
DELAY_US = 25_000  # a piece: about as long as a feeder of 24 pages a minute takes for a page
SETTINGS = ScanSettings(ScanSource.FEEDER, ScanMode.COLOUR, 300, PAGES, width_mm=200, height_mm=200)
PAYLOAD = "SIM-20261123-000123-4 0a1b2c"
Frame = npt.NDArray[np.uint8]


def run() -> dict[str, dict[str, object]]:
    """Return the figures."""
    return {**_scan_figures(), **_code_figures()}


# ── one page ───────────────────────────────────────────────────────────────────────────────


def _scan_figures() -> dict[str, dict[str, object]]:
    """Return a stack through driver and eye over the same stack by bare scanimage, at the pace of a real device.

    The test back end makes its pixels in no time; with its delay it takes as long as paper does, and so does scanimage.
    """
    with tempfile.TemporaryDirectory(prefix="bench-sane-") as name:
        folder = Path(name)
        eye = Eye()
        try:
            figures = {}
            for paced in (True, False):
                _configure(folder, paced)
                ours, bare = _both(folder, eye)
                figures["stack_300dpi" if paced else "stack_300dpi_no_device_time"] = _ratio(ours, bare, paced)
            return figures
        finally:
            eye.close()


def _both(folder: Path, eye: Eye) -> tuple[float, float]:
    scanner = SaneScanner("sane:test:0", eye=eye, config_dir=str(folder))
    scanner.open(Deadline(30))

    def ours() -> None:
        scanner.scan(SETTINGS, "m", 0, Deadline(60))

    def bare() -> None:
        words = [
            "scanimage",
            "-d",
            "test:0",
            "--format=pnm",
            "--mode=Color",
            "--resolution=300",
            "-x",
            "200",
            "-y",
            "200",
        ]
        words += ["--source=Automatic Document Feeder", f"--batch={folder}/p%d.pnm", f"--batch-count={PAGES}"]
        kept = {"PATH": "/usr/bin", "SANE_CONFIG_DIR": str(folder)}
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=kept)

    ours()  # the eye starts
    times: dict[Callable[[], None], list[float]] = {ours: [], bare: []}
    for _ in range(ROUNDS):  # in turns, so that a busy machine is busy for both
        for act, taken in times.items():
            started = time.perf_counter()
            act()
            taken.append((time.perf_counter() - started) * 1000)
    scanner.close()
    return statistics.median(times[ours]), statistics.median(times[bare])


def _configure(folder: Path, paced: bool) -> None:
    (folder / "dll.conf").write_text("test\n", encoding="ascii")
    lines = ["number_of_devices 1", "mode Color", "resolution 300", 'test-picture "Color pattern"']
    lines += ["geometry_min 0", "geometry_max 200", "geometry_quant 1"]
    if paced:
        lines += ["read-delay true", f"read-delay-duration {DELAY_US}"]
    (folder / "test.conf").write_text("\n".join(lines) + "\n", encoding="ascii")


def _ratio(ours_ms: float, bare_ms: float, paced: bool) -> dict[str, object]:
    ratio = ours_ms / bare_ms
    theirs_s = round(bare_ms / PAGES / 1000, 1)
    pace = f"about {theirs_s} s a page" if paced else "no device time at all: what process, eye and JPEG cost"
    return {
        "value": round(ratio, 3),
        "unit": "x (of ms)",
        "ours": round(ours_ms, 1),
        "theirs": round(bare_ms, 1),
        "peer": f"scanimage --format=pnm of the same {PAGES} pages, SANE test back end, {pace}",
        "goal": GOAL if paced else "",
        "holds": ratio <= 1.10 if paced else True,
    }


# ── codes ──────────────────────────────────────────────────────────────────────────────────


def _code_figures() -> dict[str, dict[str, object]]:
    frames = spoilt_frames()
    detector = cv2.QRCodeDetector()
    ours, ours_ms = _hits(frames, lambda frame: [one.text for one in codes.find_codes(frame).codes])
    theirs, theirs_ms = _hits(frames, lambda frame: [detector.detectAndDecode(frame)[0]])
    peer = f"OpenCV {cv2.__version__} QRCodeDetector on the same {len(frames)} frames of 720p"
    return {
        "codes_read": {
            "value": ours,
            "unit": f"of {len(frames)}",
            "ours": ours,
            "theirs": theirs,
            "peer": peer,
            "goal": "more than the peer",
            "holds": ours > theirs,
        },
        "code_frame": {
            "value": round(ours_ms / theirs_ms, 3),
            "unit": "x (of ms)",
            "ours": round(ours_ms, 1),
            "theirs": round(theirs_ms, 1),
            "peer": peer,
            "goal": "",
            "holds": True,
        },
    }


def spoilt_frames() -> list[Frame]:
    """Return 27 frames of 720p: a QR code turned by 0, 15, 33°, blurred by 0, 1, 2 px, with noise of 0, 15, 30."""
    buffer = io.BytesIO()
    segno.make_qr(PAYLOAD, error="m").save(buffer, kind="png", scale=5, border=4)
    code = np.asarray(cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
    noise = np.random.default_rng(27)
    frames = []
    for turn in (0, 15, 33):
        desk = np.full((720, 1280, 3), (150, 165, 175), np.uint8)
        top, left = (720 - code.shape[0]) // 2, (1280 - code.shape[1]) // 2
        desk[top : top + code.shape[0], left : left + code.shape[1]] = code
        matrix = cv2.getRotationMatrix2D((640, 360), turn, 0.7)
        turned = cv2.warpAffine(desk, matrix, (1280, 720), borderMode=cv2.BORDER_REPLICATE)
        for blur in (0, 1, 2):
            soft = cv2.GaussianBlur(turned, (0, 0), blur) if blur else turned
            for sigma in (0, 15, 30):
                grain = noise.normal(0, sigma, soft.shape) if sigma else np.zeros(soft.shape)
                frames.append(np.clip(soft + grain, 0, 255).astype(np.uint8))
    return frames


def _hits(frames: list[Frame], read: Callable[[Frame], list[str]]) -> tuple[int, float]:
    hits, times = 0, []
    for frame in frames:
        started = time.perf_counter()
        hits += PAYLOAD in read(frame)
        times.append((time.perf_counter() - started) * 1000)
    return hits, statistics.median(times)
