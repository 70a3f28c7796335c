"""Pages as PDF, written by us: true size, layers in order, what was captured beside them; equal pages, equal bytes.

No date but one that is the same in all pages, no names, no identifiers but hashes of the content. PDF/A is not claimed.
Source: ISO 32000-1, 7.3 to 7.5 (objects, file structure), 8.9.6.2 (stencil masks), 14.5 (page-piece dictionaries).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence

import msgspec

from devices.api import Verdict, WireFault
from devices.imaging.layers import Box, Layers, Patch

HEAD = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
FIXED_DATE = b"(D:20000101000000Z)"  # a page-piece dictionary must have one, and its page
POINTS_PER_INCH = 72.0
MM_PER_INCH = 25.4
A4_MM, CARD_MM = (210.0, 297.0), (85.6, 53.98)  # ISO 216; ISO/IEC 7810 ID-1
CARD_TOPS_MM = (70.0, 154.0)  # front and back: as an office's copier lays them
_IMAGE = b"/Type /XObject /Subtype /Image"
_FRAMES = (0xC0, 0xC1, 0xC2)


class Capture(msgspec.Struct, frozen=True):
    """What is written beside a page: how it was captured and judged. `sha256` is of its layers, in drawing order."""

    dpi: int
    format: str
    width_px: int
    height_px: int
    gates: Mapping[str, float]
    failed: tuple[str, ...] = ()  # gates that it did not pass and was kept despite
    sha256: str = ""


class PdfPage(msgspec.Struct, frozen=True):
    """One page: its layers (a page that is a picture has a background alone) and how it was captured."""

    layers: Layers
    capture: Capture


def capture_of(verdicts: Sequence[Verdict], dpi: int, format: str, size: tuple[int, int]) -> Capture:
    """Return what is to be written beside a page of `size` px. Where a gate spoke twice, the worse word counts."""
    gates: dict[str, float] = {}
    failed: list[str] = []
    for verdict in verdicts:
        if verdict.gate not in gates or not verdict.ok:
            gates[verdict.gate] = round(verdict.value, 4)
        if not verdict.ok and verdict.gate not in failed:
            failed.append(verdict.gate)
    return Capture(dpi, format, size[0], size[1], gates, tuple(failed))


def wrap_jpeg(jpeg: bytes, capture: Capture) -> bytes:
    """Return a one-page PDF in true size that holds a JPEG unchanged. Raises: ValueError where it is none."""
    width, height, _ = jpeg_shape(jpeg)
    return build_pdf([PdfPage(Layers(width, height, jpeg), capture)])


def join_card(front: bytes, back: bytes, capture: Capture) -> bytes:
    """Return both sides of a card (JPEG) on one A4 page, in true size, front above back, neither encoded again.

    `capture.dpi` is the worse of the two: each picture keeps its own pixels. Raises: ValueError where one is no JPEG.
    """
    k = capture.dpi / MM_PER_INCH
    width, height = (round(side * k) for side in A4_MM)
    wide, high = (side * k for side in CARD_MM)
    left = (width - wide) / 2
    patches = tuple(
        Patch(Box(round(left), round(top * k), round(wide), round(high)), jpeg)
        for top, jpeg in zip(CARD_TOPS_MM, (front, back), strict=True)
    )
    whole = msgspec.structs.replace(capture, width_px=width, height_px=height)
    return build_pdf([PdfPage(Layers(width, height, b"", patches=patches), whole)])


def build_pdf(pages: Sequence[PdfPage]) -> bytes:
    """Return the pages, in their order, as one PDF. Raises: ValueError where there is none or a layer is no JPEG."""
    if not pages:
        raise ValueError("a PDF of no pages")
    file = _File()
    catalog, tree, info = file.reserve(), file.reserve(), file.reserve()
    leaves = [_add_page(file, page, tree) for page in pages]
    kids = b" ".join(b"%d 0 R" % leaf for leaf in leaves)
    file.add(catalog, b"<< /Type /Catalog /Pages %d 0 R >>" % tree)
    file.add(tree, b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(leaves), kids))
    file.add(info, b"<< /Producer (Jinban) >>")
    return file.finish(catalog, info)


def join_pdfs(documents: Sequence[bytes]) -> bytes:
    """Return our own PDFs as one, pages in the order given, each with what was captured. Raises: WireFault."""
    import pikepdf  # 100 ms: only who joins files pays

    try:
        with pikepdf.new() as whole:
            for data in documents:
                with pikepdf.open(io.BytesIO(data)) as part:
                    whole.pages.extend(part.pages)
            whole.docinfo["/Producer"] = "Jinban"
            out = io.BytesIO()
            whole.save(out, deterministic_id=True)
    except pikepdf.PdfError as error:
        raise WireFault("not_a_pdf", "a page that is no PDF of ours") from error
    return out.getvalue()


class _File:
    """A PDF being written: numbered objects, then their table."""

    def __init__(self) -> None:
        self._objects: dict[int, bytes] = {}
        self._count = 0

    def reserve(self) -> int:
        """Return the number of an object that is added later."""
        self._count += 1
        return self._count

    def add(self, number: int, body: bytes) -> int:
        self._objects[number] = body
        return number

    def stream(self, head: bytes, data: bytes) -> int:
        """Add a stream whose dictionary says `head` and return its number."""
        return self.add(self.reserve(), b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data))

    def finish(self, catalog: int, info: int) -> bytes:
        out = bytearray(HEAD)
        offsets = []
        for number in range(1, self._count + 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, self._objects[number])
        name = hashlib.sha256(out).hexdigest()[:32].encode()
        table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        size = self._count + 1
        trailer = b"<< /Size %d /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>] >>" % (size, catalog, info, name, name)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (
            size,
            table,
            trailer,
            start,
        )
        return bytes(out)


def _add_page(file: _File, page: PdfPage, tree: int) -> int:
    layers, dpi = page.layers, page.capture.dpi
    width, height = (side * POINTS_PER_INCH / dpi for side in (layers.width_px, layers.height_px))
    names: list[tuple[str, int]] = []
    draw: list[str] = []
    digest = hashlib.sha256()

    def place(name: str, number: int, x_px: float, y_px: float, w_px: float, h_px: float) -> None:
        names.append((name, number))
        scale = POINTS_PER_INCH / dpi
        low = height - (y_px + h_px) * scale
        matrix = " ".join(f"{v:.4f}" for v in (w_px * scale, 0, 0, h_px * scale, x_px * scale, low))
        draw.append(f"q {matrix} cm /{name} Do Q")

    if layers.background:
        digest.update(layers.background)
        number, wide, high = _add_jpeg(file, layers.background, is_smooth=layers.shrink > 1)
        place("B", number, 0, 0, wide * layers.shrink, high * layers.shrink)
    for at, patch in enumerate(layers.patches):
        digest.update(patch.jpeg)
        number, _, _ = _add_jpeg(file, patch.jpeg, is_smooth=False)
        place(f"P{at}", number, *patch.box)
    if layers.ink:
        digest.update(layers.ink)
        draw.append(" ".join(f"{v / 255:.3f}" for v in layers.colour) + " rg")
        place("I", _add_ink(file, layers), 0, 0, layers.width_px, layers.height_px)
    capture = msgspec.structs.replace(page.capture, sha256=digest.hexdigest())
    private = file.stream(b"", msgspec.json.encode(capture))
    contents = file.stream(b"", "\n".join(draw).encode())
    things = " ".join(f"/{name} {number} 0 R" for name, number in names).encode()
    return file.add(
        file.reserve(),
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %s %s] /Resources << /XObject << %s >> >> /Contents %d 0 R"
        b" /LastModified %s /PieceInfo << /Jinban << /LastModified %s /Private %d 0 R >> >> >>"
        % (tree, b"%.4f" % width, b"%.4f" % height, things, contents, FIXED_DATE, FIXED_DATE, private),
    )


def _add_jpeg(file: _File, jpeg: bytes, is_smooth: bool) -> tuple[int, int, int]:
    width, height, channels = jpeg_shape(jpeg)
    space = b"/DeviceGray" if channels == 1 else b"/DeviceRGB"
    smooth = b" /Interpolate true" if is_smooth else b""
    head = b"%s /Width %d /Height %d /ColorSpace %s /BitsPerComponent 8%s /Filter /DCTDecode"
    return file.stream(head % (_IMAGE, width, height, space, smooth), jpeg), width, height


def _add_ink(file: _File, layers: Layers) -> int:
    w, h = layers.width_px, layers.height_px
    head = (
        b"%s /ImageMask true /Width %d /Height %d /BitsPerComponent 1 /Filter /CCITTFaxDecode"
        b" /DecodeParms << /K -1 /Columns %d /Rows %d >>"
    )
    return file.stream(head % (_IMAGE, w, h, w, h), layers.ink)


def jpeg_shape(jpeg: bytes) -> tuple[int, int, int]:
    """Return width, height (px) and channels from a JPEG's own frame header. Raises: ValueError where it has none."""
    at = 2
    while jpeg[:2] == b"\xff\xd8" and at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] in _FRAMES:
            high, wide = int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
            return wide, high, jpeg[at + 9]
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    raise ValueError("not a JPEG")
