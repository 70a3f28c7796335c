"""The application form 申请表 as PDF: composed by the platform from manifest, signature and scanned pages.

WeasyPrint lays the form out; pages that arrived as PDF are set into frames left free for them. Nothing is fetched:
pictures come from the platform's own plain parts, by name.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pikepdf
import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError
from weasyprint import HTML  # type: ignore[import-untyped]
from weasyprint.urls import URLFetcher, URLFetcherResponse  # type: ignore[import-untyped]

from sandbox.form_facts import TEMPLATES, compose_form, material_names
from sandbox.store_view import PlainPart

PICTURES = ("image/jpeg", "image/png")
PDF = "application/pdf"
MAX_PIXELS = 40_000_000  # security.md §8
MAX_PDF_PAGES = 50
SCHEME = "part:"
MM = 72 / 25.4
FRAME = (16.0, 22.0, 194.0, 268.0)  # mm from the lower left of an A4 page; the same box as `.frame` in form.html


@dataclass(frozen=True)
class Sheet:
    """One appended page: its caption, and what fills the frame: a picture, page `index` of a PDF, or neither."""

    caption: str
    picture: str = ""
    pdf: str = ""
    index: int = 0


def render_submission(
    manifest: Mapping[str, Any],
    parts: Mapping[str, PlainPart],
    *,
    intake_number: str,
    case_number: str,
    received: int,
) -> bytes:
    """Return the form and every scanned page as one PDF."""
    form = compose_form(manifest, parts, intake_number=intake_number, case_number=case_number, received=received)
    signature = manifest.get("signature")
    name = str(signature.get("part", "signature")) if isinstance(signature, Mapping) else "signature"
    sheets = list(_sheets(manifest, parts, without=name))
    page = (
        _environment()
        .get_template("form.html")
        .render(
            form=form,
            sheets=sheets,
            signature=_source(name) if name in parts and _is_picture(parts[name]) else "",
            qr=segno.make(case_number, error="m", micro=False).svg_inline(scale=1, border=0, omitsize=True),
        )
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the layout library about itself; what it cannot show we checked before
        flat = HTML(string=page, url_fetcher=_PartFetcher(parts)).write_pdf()
    return _set_pages(flat or b"", sheets, parts)


def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)


def _sheets(manifest: Mapping[str, Any], parts: Mapping[str, PlainPart], *, without: str) -> Iterator[Sheet]:
    """Yield one sheet for each scanned page, in the order of the materials."""
    names = material_names(manifest)
    ordered = [part for part in names if part in parts] + [part for part in parts if part not in names]
    for part in (parts[name] for name in ordered if name != without):
        title = names.get(part.part, part.part)
        if part.mime == PDF:
            count = _count_pages(part)
            for index in range(count):
                yield Sheet(f"{title} · 第 {index + 1} 页，共 {count} 页", pdf=part.part, index=index)
            if not count:
                yield Sheet(f"{title} · 此文件无法显示，请查看原件")
        elif part.mime in PICTURES:
            is_shown = _is_picture(part)
            caption = title if is_shown else f"{title} · 此影像无法显示，请查看原件"
            yield Sheet(_numbered(caption, part, names), picture=_source(part.part) if is_shown else "")


def _numbered(caption: str, part: PlainPart, names: Mapping[str, str]) -> str:
    family = [name for name, title in names.items() if title == names.get(part.part)]
    if len(family) < 2:
        return caption
    return f"{caption} · 第 {family.index(part.part) + 1} 张，共 {len(family)} 张"


def _is_picture(part: PlainPart) -> bool:
    """Whether a part is a whole picture of a sane size."""
    if part.mime not in PICTURES:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(part.path, formats=("JPEG", "PNG")) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return False
                picture.load()
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError, Warning):
        return False
    return True


def _count_pages(part: PlainPart) -> int:
    """Return how many pages a PDF has, 0 if it cannot be read or has too many."""
    try:
        with pikepdf.open(part.path) as document:
            count = len(document.pages)
    except pikepdf.PdfError:
        return 0
    return count if count <= MAX_PDF_PAGES else 0


def _set_pages(flat: bytes, sheets: list[Sheet], parts: Mapping[str, PlainPart]) -> bytes:
    """Return the laid-out form with the pages of PDF parts set into their frames."""
    if not any(sheet.pdf for sheet in sheets):
        return flat
    left, low, right, high = (side * MM for side in FRAME)
    frame = pikepdf.Rectangle(left, low, right, high)
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(flat)) as form:
        first = len(form.pages) - len(sheets)
        for at, sheet in enumerate(sheets):
            if sheet.pdf:
                with pikepdf.open(parts[sheet.pdf].path) as document:
                    form.pages[first + at].add_overlay(document.pages[sheet.index], frame)
        form.save(out)
    return out.getvalue()


def _source(part: str) -> str:
    return f"{SCHEME}{part}"


class _PartFetcher(URLFetcher):  # type: ignore[misc]
    """Gives the layout our own parts and nothing else: no file, no network."""

    def __init__(self, parts: Mapping[str, PlainPart]) -> None:
        super().__init__(allowed_protocols=set(), allow_redirects=False, fail_on_errors=True)
        self._parts = parts

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        """Return the bytes of `part:NAME`. Raises: ValueError for any other address."""
        part = self._parts.get(url.removeprefix(SCHEME)) if url.startswith(SCHEME) else None
        if part is None:
            raise ValueError("only the platform's own parts can be shown")
        return URLFetcherResponse(url, part.path.read_bytes(), {"Content-Type": part.mime})
