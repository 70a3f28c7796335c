"""收件凭证 and 收件回执 on A4: the sentences of the slip, word for word, for who needs a full page.

It never claims more than the slip does, because it is made of the slip.
"""

from __future__ import annotations

from devices.api import Sheet, StripCode, StripLine, StripRule
from kiosk.services.dates import compose_moment
from kiosk.services.sheet import Paper, build_sheet
from kiosk.services.slip import SlipFacts, build_slip, slip_kind
from kiosk.station.texts import own_texts


def build_certificate(facts: SlipFacts, wall_s: float, locale: str) -> Sheet:
    """Return the document that is due as an A4 page: masked as the slip is, marked COPY when it is printed again."""
    texts = own_texts()
    kind = slip_kind(facts)
    name, _, caution = texts(f"slip.{'receipt' if kind == 'delivery_receipt' else 'intake'}.title", locale).partition(
        " · "
    )
    paper = Paper(locale, name)
    if facts.reprint:
        paper.say(texts("slip.copy", locale), "copy")
    paper.heading(name, caution)
    shown = {name, caution, texts("slip.copy", locale)}
    for part in build_slip(facts, locale).parts:
        match part:
            case StripLine() if part.text not in shown:
                paper.say(part.text, "large" if part.scale == 2 and part.is_bold else "bold" if part.is_bold else "")
            case StripRule():
                paper.rule()
            case StripCode(payload=payload):
                paper.code(payload)
            case _:
                pass
    time = compose_moment(wall_s, locale)
    paper.foot(texts("sheets.footer", locale, station=facts.station, terminal_no=facts.terminal_no, time=time))
    return build_sheet(paper, kind.value.replace("_", "-"))
