"""An A4 document from paragraphs: text that can be selected, the same bytes for the same content.

WeasyPrint lays it out, with the fonts of the machine; it fetches nothing. Heavy (a second, the first time several): for
the work lane, never for the main thread.
"""

from __future__ import annotations

import io
import logging
from html import escape
from typing import NoReturn

from devices.api import Private, Sheet

FONT = "Noto Sans CJK SC"
STYLE = f"""
@page {{ size: A4; margin: 20mm 20mm 24mm; @bottom-left {{ content: string(foot); font: 8.5pt "{FONT}"; color: #444 }}
  @bottom-right {{ content: counter(page) " / " counter(pages); font: 8.5pt "{FONT}"; color: #444 }} }}
body {{ font: 11pt/1.5 "{FONT}", "HanaMinB"; color: #000; margin: 0 }}
.foot {{ string-set: foot attr(data-foot) }}
h1 {{ font-size: 22pt; line-height: 1.3; text-align: center; margin: 0 0 2mm }}
.caution, .center {{ text-align: center }} .caution {{ font-weight: bold; margin: 0 0 5mm }}
.copy {{ text-align: center; font: bold 15pt "{FONT}"; border: 0.6mm solid #000; margin: 0 auto 4mm; width: 90mm }}
h2 {{ font-size: 13pt; margin: 5mm 0 1mm; break-after: avoid }}
p {{ margin: 0 0 1mm }} .bold {{ font-weight: bold }} .large {{ font-size: 15pt; font-weight: bold }}
hr {{ border: 0; border-top: 0.3mm solid #000; margin: 3mm 0 }}
table {{ width: 100%; border-collapse: collapse }}
td {{ border-bottom: 0.2mm solid #888; padding: 2mm 1mm; vertical-align: top }}
tr {{ break-inside: avoid }} td.box {{ width: 8mm }} td.note {{ width: 62mm; color: #222; font-size: 10pt }}
.tick {{ display: inline-block; width: 4mm; height: 4mm; border: 0.4mm solid #000; margin-top: 0.6mm }}
.code {{ width: 34mm; margin: 3mm auto }} .code svg {{ display: block; width: 34mm; height: 34mm }}
"""


class Paper:
    """Collects the parts of one document, top to bottom. Every text is escaped here."""

    def __init__(self, locale: str, title: str) -> None:
        self._locale = locale
        self._title = title
        self._parts: list[str] = []
        self._foot = ""

    def heading(self, text: str, caution: str = "") -> None:
        """Add the document's name and under it what it does not mean."""
        self._parts.append(f"<h1>{escape(text)}</h1>")
        if caution:
            self.say(caution, "caution")

    def section(self, text: str) -> None:
        """Add a heading inside the document."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def say(self, text: str, look: str = "") -> None:
        """Add a paragraph; `look` is a class of the style."""
        self._parts.append(f'<p class="{look}">{escape(text)}</p>')

    def rule(self) -> None:
        """Add a line across the page."""
        self._parts.append("<hr>")

    def boxes(self, rows: tuple[tuple[str, str], ...]) -> None:
        """Add rows (text, note) with a box to tick before each."""
        cells = (
            f'<tr><td class="box"><span class="tick"></span></td><td>{escape(text)}</td>'
            f'<td class="note">{escape(note)}</td></tr>'
            for text, note in rows
        )
        self._parts.append(f"<table>{''.join(cells)}</table>")

    def code(self, payload: str) -> None:
        """Add a QR code."""
        import segno

        svg = segno.make(payload, error="m", micro=False).svg_inline(scale=1, border=0, omitsize=True)
        self._parts.append(f'<div class="code">{svg}</div>')

    def drawing(self, svg: str) -> None:
        """Add a drawing of our own."""
        self._parts.append(svg)

    def foot(self, text: str) -> None:
        """Set what stands at the foot of every page, beside its number."""
        self._foot = text

    def html(self) -> str:
        """Return the whole document."""
        head = f'<meta charset="utf-8"><title>{escape(self._title)}</title><style>{STYLE}</style>'
        body = f'<div class="foot" data-foot="{escape(self._foot)}"></div>{"".join(self._parts)}'
        return (
            f'<html lang="{"en" if self._locale == "en" else "zh-Hans"}"><head>{head}</head><body>{body}</body></html>'
        )


def build_sheet(paper: Paper, title: str, *, copies: int = 1) -> Sheet:
    """Return the document as an A4 PDF; `title` is the word that print queues show."""
    pdf, pages = _render(paper.html())
    return Sheet(title, Private(pdf), pages=pages, copies=copies)


def _render(html: str) -> tuple[bytes, int]:
    from weasyprint import HTML  # type: ignore[import-untyped]

    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # of its own CSS rules; what it cannot show we look at
    document = HTML(string=html, url_fetcher=_nothing).render()
    out = io.BytesIO()
    document.write_pdf(out, pdf_identifier=b"")
    return out.getvalue(), len(document.pages)


def _nothing(url: str, *_: object, **__: object) -> NoReturn:
    raise ValueError("nothing is fetched")
