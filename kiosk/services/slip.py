"""收件凭证 and 收件回执: what the receipt printer prints at the end of a visit. It never claims more than is known.

Wording, masks and the rule on 受理: reference/product.md §4; the sentences are `assets/texts/slip.yaml`.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Literal

import msgspec

from devices.api import Private, Strip, StripCode, StripGap, StripLine, StripRule
from kiosk.services.catalogue import ServiceItem
from kiosk.services.dates import compose_moment
from kiosk.services.fields import Answers, FormContext, visible_steps
from kiosk.services.masks import mask_id, mask_name, mask_phone
from kiosk.services.materials import MaterialState, MaterialStatus
from kiosk.station.texts import own_texts

COLUMNS = 48  # font A on 80 mm paper
CHECK_SIGNS = 6


class Word(StrEnum):
    """How far a submission got, as far as the terminal knows (product.md §4)."""

    QUEUED = "queued"
    UNCONFIRMED = "unconfirmed"
    HELD = "held"
    DELIVERED = "delivered"


class SlipKind(StrEnum):
    """Which of the two documents it is."""

    INTAKE_SLIP = "intake_slip"
    DELIVERY_RECEIPT = "delivery_receipt"


class SlipMaterial(msgspec.Struct, frozen=True):
    """One line of the list of materials. `state` is captured, library or deferred."""

    name_zh: str
    name_en: str
    pages: int = 0
    state: str = "captured"


class SlipFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All a slip says, unmasked where it is personal; times are Unix seconds."""

    word: Word
    intake_number: str
    item: ServiceItem
    situation: str
    name: Private[str]
    id_number: Private[str]
    materials: tuple[SlipMaterial, ...]
    delivery: tuple[str, ...]  # labels in the slip's locale
    signed_at_s: float
    station: str  # in the slip's locale, as the two below
    agent_name: str
    agent_phone: str
    terminal_no: str
    is_clock_ok: bool = True
    is_verified: bool = False
    phone: Private[str] = Private("")  # where an SMS goes; empty = none is promised
    filed_by: Private[str] = Private("")  # the agent's name; empty = the applicant
    case_number: str = ""
    query_code: str = ""
    platform_at_s: float = 0.0
    is_payment_due: bool = False
    reprint: int = 0
    scale: str = "standard"

    def __repr__(self) -> str:
        return f"SlipFacts({self.word}, {self.intake_number!r})"


def slip_kind(facts: SlipFacts) -> SlipKind:
    """Return which document is due: a receipt only where the platform's case number is there."""
    is_receipt = facts.word is Word.DELIVERED and bool(facts.case_number)
    return SlipKind.DELIVERY_RECEIPT if is_receipt else SlipKind.INTAKE_SLIP


def build_slip(facts: SlipFacts, locale: str) -> Strip:
    """Return the slip to print. In the elder scale all text is double size, but words too long for a row of it."""
    is_receipt = slip_kind(facts) is SlipKind.DELIVERY_RECEIPT
    pen = _Pen(locale, is_elder=facts.scale == "elder")
    if facts.reprint:  # seen at once, whichever end of a folded slip is looked at
        pen.banner("slip.copy")
        pen.rule()
    pen.title("slip.receipt.title" if is_receipt else "slip.intake.title")
    if is_receipt:
        pen.say("slip.receipt.case_number", is_large=True, case_number=facts.case_number)
    pen.say("slip.intake_number", is_large=not is_receipt, intake_number=facts.intake_number)
    pen.rule()
    _say_matter(pen, facts, locale)
    _say_materials(pen, facts, locale)
    pen.say("slip.signed", time=compose_moment(facts.signed_at_s, locale))
    if not facts.is_clock_ok:
        pen.say("slip.clock_unsure")
    if is_receipt:
        pen.say("slip.receipt.received", platform_time=compose_moment(facts.platform_at_s, locale))
    pen.rule()
    _say_status(pen, facts, is_receipt=is_receipt)
    pen.say("slip.limits")
    pen.say("slip.delivery", delivery=(", " if locale == "en" else "、").join(facts.delivery))
    pen.say("slip.trips", k=trips(facts.item))
    if facts.is_payment_due:
        pen.say("slip.payment_due", is_bold=True)
    _say_way_back(pen, facts, is_receipt=is_receipt)
    pen.rule()
    pen.say("slip.help", station=facts.station, agent_name=facts.agent_name, agent_phone=facts.agent_phone)
    pen.say("slip.terminal", terminal_no=facts.terminal_no)
    pen.code(code_payload(facts.case_number if is_receipt else facts.intake_number))
    if facts.reprint:
        pen.say("slip.reprint", n=facts.reprint)
    return Strip(tuple(pen.parts), COLUMNS)


def code_payload(number: str) -> str:
    """Return what the QR code holds: an intake or case number, a space and its check code, nothing else."""
    return f"{number} {check_code(number)}"


def check_code(number: str) -> str:
    """Return the six hex signs that tell a mistyped number: the beginning of its SHA-256. Proves nothing else."""
    return hashlib.sha256(number.encode()).hexdigest()[:CHECK_SIGNS]


def trips(item: ServiceItem) -> int:
    """Return how often the person is still expected to come."""
    return 0 if item.visits == "不用跑一次" else 1


def is_payment_due(item: ServiceItem, answers: Answers, context: FormContext) -> bool:
    """Whether the person's path through the item ends in a payment: it is named on the slip and taken later."""
    return "pay" in visible_steps(item, answers, context)


def slip_materials(item: ServiceItem, plan: tuple[MaterialState, ...]) -> tuple[SlipMaterial, ...]:
    """Return the lines for what was handed in and what may follow; nothing for what was never asked."""
    lines = []
    for state in plan:
        material = item.material(state.code)
        if material is None or state.state in (MaterialStatus.NOT_NEEDED, MaterialStatus.NEEDED):
            continue
        word = "deferred" if state.state is MaterialStatus.DEFERRED else "captured"
        pages = state.pages if state.state is MaterialStatus.SCANNED else 0
        lines.append(SlipMaterial(material.name_zh, material.name_en, pages, word))
    return tuple(lines)


# ── the paragraphs ─────────────────────────────────────────────────────────────────────────


def _say_matter(pen: _Pen, facts: SlipFacts, locale: str) -> None:
    situation = facts.item.situation(facts.situation)
    if situation is None:
        pen.say("slip.item", item=facts.item.name(locale))
    else:
        pen.say("slip.item_situation", item=facts.item.name(locale), situation=situation.label(locale))
    if facts.name.reveal():  # an anonymous report has no applicant
        pen.say("slip.applicant", name_masked=mask_name(facts.name.reveal()))
        pen.say("slip.id", id_masked=mask_id(facts.id_number.reveal()))
    if facts.name.reveal() and not facts.is_verified:
        pen.say("slip.to_be_verified")
    if facts.filed_by.reveal():
        pen.say("slip.agent", agent_masked=mask_name(facts.filed_by.reveal()))


def _say_materials(pen: _Pen, facts: SlipFacts, locale: str) -> None:
    texts = own_texts()
    handed_in = [material for material in facts.materials if material.state != "deferred"]
    pen.say("slip.materials", n=len(handed_in), m=sum(material.pages for material in handed_in))
    for material in facts.materials:
        key = "slip.material_pages" if material.pages else "slip.material"
        name = material.name_en if locale == "en" else material.name_zh
        pen.say(key, material=name, pages=material.pages, state=texts(f"slip.state.{material.state}", locale))


def _say_status(pen: _Pen, facts: SlipFacts, *, is_receipt: bool) -> None:
    # delivered, but no case number to show: the slip says only that it was sent
    word = facts.word if is_receipt or facts.word is not Word.DELIVERED else Word.UNCONFIRMED
    pen.say(f"slip.status.{word}", is_bold=True)


def _say_way_back(pen: _Pen, facts: SlipFacts, *, is_receipt: bool) -> None:
    phone = facts.phone.reveal()
    if is_receipt and facts.query_code:
        pen.say("slip.receipt.query", query_code=facts.query_code)
    elif is_receipt:
        pen.say("slip.receipt.query_card")
    elif phone:
        pen.say("slip.ask_sms", phone_masked=mask_phone(phone))
    else:
        pen.say("slip.ask")


class _Pen:
    """Collects the strip's parts and decides their size."""

    def __init__(self, locale: str, *, is_elder: bool) -> None:
        self.parts: list[StripLine | StripRule | StripCode | StripGap] = []
        self._locale = locale
        self._is_elder = is_elder

    def banner(self, key: str) -> None:
        """Add a large line above everything."""
        self.parts.append(StripLine(own_texts()(key, self._locale), scale=2, align="center", is_bold=True))

    def title(self, key: str) -> None:
        """Add the document's name, large, and under it what it does not mean."""
        name, _, caution = own_texts()(key, self._locale).partition(" · ")
        self.parts.append(StripLine(name, scale=2, align="center", is_bold=True))
        self.parts.append(StripLine(caution, scale=2 if self._fits(caution) else 1, align="center", is_bold=True))
        self.rule()

    def say(self, key: str, *, is_large: bool = False, is_bold: bool = False, **values: object) -> None:
        """Add a sentence; label and value are broken apart when only so the value fits at double size."""
        text = own_texts()(key, self._locale, **values)
        is_double = is_large or self._is_elder
        if ":" in text and ((is_large and not self._fits(text)) or (is_double and not self._words_fit(text))):
            label, _, text = text.partition(":")
            self._line(f"{label}:", is_double=self._is_elder, is_bold=False)
        self._line(text.strip(), is_double=is_double, is_bold=is_bold or is_large)

    def rule(self) -> None:
        """Add a dashed line."""
        self.parts.append(StripRule())

    def code(self, payload: str) -> None:
        """Add a QR code with air around it."""
        self.parts += [StripGap(), StripCode(payload, module_dots=8 if self._is_elder else 6), StripGap()]

    def _line(self, text: str, *, is_double: bool, is_bold: bool) -> None:
        scale: Literal[1, 2] = 2 if is_double and self._words_fit(text) else 1
        self.parts.append(StripLine(text, scale=scale, is_bold=is_bold))

    def _words_fit(self, text: str) -> bool:
        return all(self._fits(word) for word in _WORD.findall(text))

    def _fits(self, text: str) -> bool:
        """Whether a text stands on one row at double size."""
        return 2 * sum(1 if " " <= sign <= "~" else 2 for sign in text) <= COLUMNS


_WORD = re.compile(r"[!-~]+")
"""What a printer's row breaks only when it must: a run without spaces or Han letters."""
