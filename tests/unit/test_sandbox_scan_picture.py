"""A scan in layers as the officer sees it: drawn by the platform's own reader, and nothing but scans is drawn."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image

from devices.imaging import mrc, output
from devices.imaging.pdf import capture_of
from devices.sim import sheets
from sandbox.scan_picture import NotShown, draw_first_page


@pytest.fixture(scope="module")
def layered() -> tuple[np.ndarray, bytes]:
    """A page of text under a seal, and its PDF."""
    page = cv2.resize(sheets.draw_sheet("register", 0, 6.0).picture, (1240, 1754), interpolation=cv2.INTER_AREA)
    body = output.encode_page(page, capture_of((), 150, "a4", (1240, 1754)), as_pdf=True).body
    assert mrc.split_page(page, 150) is not None
    return page, body


def test_the_officer_sees_the_page(layered: tuple[np.ndarray, bytes], tmp_path: Path) -> None:
    page, body = layered
    (tmp_path / "scan.pdf").write_bytes(body)
    with Image.open(io.BytesIO(draw_first_page(tmp_path / "scan.pdf"))) as picture:
        assert picture.size == pytest.approx((210 / 25.4 * 110, 297 / 25.4 * 110), abs=1.5)
        seen = np.asarray(picture.convert("RGB"))[:, :, ::-1].astype(np.float32)
    truth = cv2.resize(page, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = [cv2.GaussianBlur(each, (0, 0), 1.5) for each in (seen, truth)]
    assert np.corrcoef(soft[0].ravel(), soft[1].ravel())[0, 1] > 0.93


def _changed(body: bytes, way: str) -> bytes:
    """Return a PDF that is not what a terminal writes, in one way."""
    if way == "torn":
        return body[: len(body) // 2]
    with pikepdf.open(io.BytesIO(body)) as document:
        page = document.pages[0]
        things = page.resources.XObject
        if way == "other words":
            page.contents_add(b"BT /F1 12 Tf (hello) Tj ET")
        elif way == "turned":
            page.contents_add(b"q 0 90 -90 0 10 10 cm /B Do Q")
        elif way == "unknown thing":
            page.contents_add(b"q 9 0 0 9 0 0 cm /X9 Do Q")
        elif way == "short matrix":
            page.contents_add(b"q 9 0 0 cm /B Do Q")
        elif way == "endless":
            page.contents_add(b"q Q " * 400)
        elif way == "vast page":
            page.mediabox = [0, 0, 90_000, 90_000]
        elif way == "vast stencil":
            things["/I"].Width = 90_000
        elif way == "other fax":
            things["/I"].DecodeParms.K = 0
        elif way == "no picture":
            things["/B"].write(b"GIF89a", filter=pikepdf.Name.DCTDecode)
        elif way == "no pages":
            del document.pages[0]
        out = io.BytesIO()
        document.save(out, encryption=pikepdf.Encryption(user="u", owner="o") if way == "locked" else False)
    return out.getvalue()


@pytest.mark.parametrize(
    "way",
    [
        "torn",
        "other words",
        "turned",
        "unknown thing",
        "short matrix",
        "endless",
        "vast page",
        "vast stencil",
        "other fax",
        "no picture",
        "no pages",
        "locked",
    ],
)
def test_what_a_terminal_would_not_write_is_not_drawn(
    way: str, layered: tuple[np.ndarray, bytes], tmp_path: Path
) -> None:
    (tmp_path / "scan.pdf").write_bytes(_changed(layered[1], way))
    with pytest.raises(NotShown):
        draw_first_page(tmp_path / "scan.pdf")
