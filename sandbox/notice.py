"""Notices that the platform writes itself: 受理通知书, 不予受理通知书, 补正告知书, 办理结果. One page, PDF."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.case_views import DOCUMENT_WORDS, acceptance_number
from sandbox.cases import CHINA
from sandbox.casework import Wanted
from sandbox.form_facts import TEMPLATES


@dataclass(frozen=True)
class Notice:
    """What one notice says. Dates are Unix seconds, `due` and `deadline` are days."""

    kind: str  # acceptance refusal correction result
    case_number: str
    item_zh: str
    item_en: str
    applicant: str
    received: int
    at: int
    reason: tuple[str, str] = ("", "")
    words: str = ""
    due: str = ""
    legal_days: int = 0
    outcome: tuple[str, str] = ("", "")
    wanted: Sequence[Wanted] = ()
    deadline: str = ""


def render_notice(notice: Notice) -> bytes:
    """Return the notice as PDF."""
    from weasyprint import HTML  # type: ignore[import-untyped]  # heavy; only a decision needs it

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    text = environment.get_template("notice.html").render(
        n=notice,
        title=DOCUMENT_WORDS[notice.kind],
        day=_day(notice.at),
        received=_day(notice.received),
        acceptance_number=acceptance_number(notice.case_number),
        qr=segno.make(notice.case_number, error="m", micro=False).svg_inline(scale=1, border=0, omitsize=True),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the layout library about itself
        made = HTML(string=text, url_fetcher=_fetch_nothing).write_pdf()
    return bytes(made or b"")


def _fetch_nothing(url: str, *_: object, **__: object) -> None:
    raise ValueError("a notice loads nothing")


def _day(at: int) -> str:
    return dt.datetime.fromtimestamp(at, CHINA).strftime("%Y年%m月%d日").replace("年0", "年").replace("月0", "月")
