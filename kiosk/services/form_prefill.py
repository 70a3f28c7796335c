"""What a form holds before anybody types: the card's data, defaults, and what the kiosk works out."""

from __future__ import annotations

from datetime import date

from devices.api import IdCard, Private
from kiosk.services.catalogue import Field, FieldType, ServiceItem
from kiosk.services.expressions import parse_date_word
from kiosk.services.fields import FURTHER_CARD, Answers, entry_count, leaves_of, max_length_of, text_of
from kiosk.services.form_input import add_entry
from kiosk.services.identity import age_on
from kiosk.station.errors import FormError


def prefill(item: ServiceItem, card: IdCard | None, today: date, locale: str = "zh") -> Answers:
    """Return the answers a fresh form opens with. What a card holds is taken as it stands, never cut or changed.

    Library and profile prefill stay empty: the form asks.
    """
    answers: dict[str, Private[str]] = {}
    birth = card.birth_date.reveal() if card is not None else None
    for leaf in leaves_of(item, answers):
        text = _from_card(leaf.field, card) or _default(leaf.field, today, birth) or _derived(leaf.field, today, birth)
        if text:
            answers[leaf.key] = Private(text)
    return answers


def prefill_member(item: ServiceItem, answers: Answers, card: IdCard) -> Answers:
    """Return the answers with a further card's person filled in: an entry of a repeat, or the fields that ask for it.

    Raises: FormError("own_card" | "duplicate" | "too_many" | "no_place").
    """
    number = card.id_number.reveal()
    own = [leaf for leaf in leaves_of(item, answers) if leaf.field.prefill == "id_card.id_number"]
    if any(text_of(answers, leaf.key) == number for leaf in own):
        raise FormError("own_card")
    for field in item.form:
        if field.type is FieldType.REPEAT and any(_wants_number(part) for part in field.fields):
            return _fill_entry(item, field, answers, card)
    filled = dict(answers)
    for leaf in leaves_of(item, answers):
        text = _further(leaf.field, card)
        if text:
            filled[leaf.key] = Private(text)
    if filled == dict(answers):
        raise FormError("no_place")
    return filled


def wants_further_card(item: ServiceItem) -> bool:
    """Whether some field can be filled from another person's card."""
    return any(
        field.prefill.startswith(FURTHER_CARD) or any(part.prefill.startswith(FURTHER_CARD) for part in field.fields)
        for field in item.form
    )


def _wants_number(field: Field) -> bool:
    return field.prefill in (FURTHER_CARD, f"{FURTHER_CARD}.id_number") and field.type is FieldType.ID_NUMBER


def _fill_entry(item: ServiceItem, field: Field, answers: Answers, card: IdCard) -> Answers:
    number_part = next(part for part in field.fields if _wants_number(part))
    numbers = [
        text_of(answers, f"{field.key}.{entry}.{number_part.key}") for entry in range(entry_count(field, answers))
    ]
    if card.id_number.reveal() in numbers:
        raise FormError("duplicate")
    if "" in numbers:
        entry, grown = numbers.index(""), answers
    else:
        entry, grown = len(numbers), add_entry(item, field.key, answers)
    filled = dict(grown)
    for part in field.fields:
        # the number asks for the card; the name beside it comes from the same card
        text = card.name.reveal() if part.type is FieldType.NAME else _further(part, card)
        key = f"{field.key}.{entry}.{part.key}"
        filled[key] = Private(text) if text else filled.get(key, Private(""))
    return filled


def _further(field: Field, card: IdCard) -> str:
    if field.prefill == f"{FURTHER_CARD}.name":
        return card.name.reveal()
    return card.id_number.reveal() if _wants_number(field) else ""


def _from_card(field: Field, card: IdCard | None) -> str:
    if card is None or not field.prefill.startswith("id_card."):
        return ""
    match field.prefill.removeprefix("id_card."):
        case "name":
            return card.name.reveal() or card.english_name.reveal()
        case "id_number":
            return card.id_number.reveal()
        case "sex":
            return card.sex if any(option.value == card.sex for option in field.options) else ""
        case "birth_date":
            return card.birth_date.reveal().isoformat()
        case "address":
            return card.address.reveal()
    return ""


def _default(field: Field, today: date, birth: date | None) -> str:
    value = field.default
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value == "all" and field.type is FieldType.MULTI_ENUM:
        return "|".join(option.value for option in field.options)
    if value and field.type in (FieldType.DATE, FieldType.MONTH, FieldType.INTEGER):
        return parse_date_word(value).evaluate(today, birth)[: max_length_of(field)]
    return value


def _derived(field: Field, today: date, birth: date | None) -> str:
    if field.derived is None or birth is None:
        return ""
    age = age_on(birth, today)
    cases = sorted(field.derived.cases, key=lambda case: -case.min)
    return next((case.value for case in cases if age >= case.min), "")
