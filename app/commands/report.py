"""The readiness report: one A4 page or two that say what this terminal is, how it stands, and which code it runs."""

from __future__ import annotations

import platform
import sys
import warnings
from datetime import datetime
from html import escape
from pathlib import Path

from app import VERSION
from app.code_hash import code_hash
from app.findings import MARKS, Finding, Verdict
from devices.api import DeviceKind
from kiosk.station.config import Config
from kiosk.station.texts import Texts

RECIPE = (
    "find app assets devices kiosk main.py offline_queue ui -type f ! -path '*/__pycache__/*' -print0 \\\n"
    "  | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
)
PACKED_RECIPE = "find . -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
COLOURS = {"good": "#14603B", "care": "#7A4700", "fault": "#9E1C13"}
STYLE = """
@page { size: A4; margin: 16mm 15mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
body { font-family: "Noto Sans CJK SC", sans-serif; font-size: 9.5pt; line-height: 1.4; color: #14213D }
h1 { font-size: 20pt; margin: 0 } h2 { font-size: 12pt; margin: 6mm 0 1.5mm; color: #083F70 }
table { border-collapse: collapse; width: 100% }
td { padding: 1.2mm 2mm; border-top: 0.3mm solid #D5DCE6; vertical-align: top }
tr { break-inside: avoid } td.what { width: 32mm; font-weight: bold } td.mark { width: 6mm; font-weight: bold }
.facts { color: #43506A; font-size: 8pt; overflow-wrap: anywhere } .remedy { color: #7A4700 }
.head { display: flex; justify-content: space-between } .head svg { width: 32mm; height: 32mm }
.verdict { font-size: 13pt; font-weight: bold; margin: 1mm 0 3mm }
code, pre { font-family: "Noto Sans Mono CJK SC", monospace; font-size: 7.5pt }
code, pre { overflow-wrap: anywhere; white-space: pre-wrap }
"""


def write_report(
    path: Path, config: Config, texts: Texts, findings: tuple[Finding, ...], tested: tuple[Finding, ...]
) -> None:
    """Write the report as PDF. Raises: OSError."""
    path.write_bytes(render_pdf(compose_report(config, texts, findings, tested, datetime.now().astimezone())))


def compose_report(
    config: Config, texts: Texts, findings: tuple[Finding, ...], tested: tuple[Finding, ...], now: datetime
) -> str:
    """Return the report as HTML, in the language of the station. Nothing of any person is in it."""
    locale = config.screen.locale

    def say(key: str) -> str:
        return escape(texts(f"report.{key}", locale))

    def row(finding: Finding) -> str:
        return _row(finding, texts(f"doctor.{finding.what}", locale))

    digest, terminal = code_hash(), config.station.terminal_no
    recipe = PACKED_RECIPE if getattr(sys, "frozen", False) else RECIPE
    kinds = [kind.value for kind in DeviceKind]
    state = overall((*findings, *tested))
    facts = {
        "terminal": terminal,
        "station": config.station.name(locale),
        "made": now.isoformat(timespec="seconds"),
        "version": VERSION,
        "profile": config.profile,
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "catalogue": next((one.text for one in findings if one.what == "catalogue"), "—"),
    }
    devices = [row(one) for one in findings if one.what in kinds]
    rest = [row(one) for one in findings if one.what not in kinds]
    tests = [row(one) for one in tested]
    rows = "".join(f"<tr><td class=what>{say(key)}<td>{escape(value)}</tr>" for key, value in facts.items())
    return f"""<!doctype html><html lang="{locale}"><meta charset="utf-8"><title>{say("title")}</title>
<style>{STYLE}</style>
<div class=head><div><h1>{say("title")}</h1>
<p class=verdict style="color:{COLOURS[state]}">{MARKS[state]} {say(state)}</p></div>
{_qr(payload(terminal, now, digest))}</div>
<table>{rows}</table>
<h2>{say("devices")}</h2><table>{"".join(devices)}</table>
<h2>{say("tests")}</h2>{f"<table>{''.join(tests)}</table>" if tests else f"<p>{say('none_tested')}</p>"}
<h2>{say("rest")}</h2><table>{"".join(rest)}</table>
<h2>{say("code")}</h2><p><code>sha256 {digest}</code></p><p>{say("verify")}</p><pre>{escape(recipe)}</pre>
<p class=facts>{say("unsigned")}</p></html>"""


def overall(findings: tuple[Finding, ...]) -> Verdict:
    """Return the worst of all states."""
    states = {finding.state for finding in findings}
    return "fault" if "fault" in states else "care" if "care" in states else "good"


def payload(terminal: str, now: datetime, digest: str) -> str:
    """Return what the code on the report says: which terminal, when, which program."""
    return f"JINBAN-CODE {VERSION} {terminal} {now.isoformat(timespec='seconds')} sha256:{digest}"


def render_pdf(html: str) -> bytes:
    """Return the page as PDF; nothing is loaded from anywhere."""
    from weasyprint import HTML  # type: ignore[import-untyped]  # heavy: only a report needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the layout library about itself
        return bytes(HTML(string=html, url_fetcher=_fetch_nothing).write_pdf() or b"")


def _fetch_nothing(url: str, *_: object, **__: object) -> None:
    raise ValueError("a report loads nothing")


def _row(finding: Finding, name: str) -> str:
    facts = " · ".join(f"{escape(key)}: {escape(value)}" for key, value in finding.details.items())
    remedy = f"<div class=remedy>→ {escape(finding.remedy)}</div>" if finding.remedy else ""
    return (
        f'<tr><td class=mark style="color:{COLOURS[finding.state]}">{MARKS[finding.state]}<td class=what>{escape(name)}'
        f"<td>{escape(finding.text)}{remedy}<div class=facts>{facts}</div></tr>"
    )


def _qr(text: str) -> str:
    import segno

    return str(segno.make(text, error="m", micro=False).svg_inline(scale=1, border=4, omitsize=True))
