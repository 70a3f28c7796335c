"""The fields of one form laid flat: which there are, which show, and what each type of field is like.

Answers are a flat mapping from key to canonical text: dates `YYYY-MM-DD`, months `YYYY-MM`, `true`/`false`, several
choices joined by `|`, entries of a repeat `members.0.member_name`, parts of a group `delivery.method`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import msgspec

from devices.api import Private
from kiosk.services.catalogue import Catalogue, Field, FieldType, Option, Region, ServiceItem
from kiosk.services.expressions import holds

Answers = Mapping[str, Private[str]]

GROUP_ORDER = ("applicant", "contact", "address", "bank", "delivery", "item")
COMPOUND = (FieldType.GROUP, FieldType.DELIVERY_CHOICE, FieldType.REGION)
"""Types that stand for their parts; a repeat stands for entries of parts."""

CHOICES = (
    FieldType.ENUM,
    FieldType.MULTI_ENUM,
    FieldType.ENUM_TREE,
    FieldType.SITE_CHOICE,
    FieldType.APPOINTMENT_SLOT,
    FieldType.AGENT_REF,
)
FURTHER_CARD = "id_card_additional_read"
AGENTS = "station.agents"
"""Key of `FormContext.lists` for fields of type agent_ref; other keys are the catalogue's data sources."""


class FormContext(msgspec.Struct, frozen=True):
    """What a form depends on beside its answers."""

    today: date
    situation: str = ""
    filed_by: str = "self"
    agency_reason: str = ""
    has_card: bool = False  # the applicant's card was read: what it filled and locks stays locked
    is_online: bool = False
    lists: Mapping[str, tuple[Option, ...]] = {}  # choices that others keep: sites, slots, scope terms, agents
    regions: tuple[Region, ...] = ()  # the city and its counties


def form_context(
    catalogue: Catalogue,
    today: date,
    situation: str = "",
    filed_by: str = "self",
    *,
    agency_reason: str = "",
    has_card: bool = False,
    is_online: bool = False,
    lists: Mapping[str, tuple[Option, ...]] | None = None,
) -> FormContext:
    """Return the context of a visit's form, with the region names of the catalogue."""
    regions = (catalogue.region, *catalogue.counties)
    return FormContext(today, situation, filed_by, agency_reason, has_card, is_online, lists or {}, regions)


class Leaf(msgspec.Struct, frozen=True):
    """One field that holds an answer, with its full key. `parent` is the repeat or group it lies in."""

    key: str
    field: Field
    group: str
    parent: Field | None = None
    entry: int = -1  # position in a repeat

    @property
    def scope(self) -> str:
        """Return what stands before the keys of its siblings: `members.0.`, `delivery.`, or nothing."""
        return self.key[: -len(self.field.key)]

    @property
    def is_required(self) -> bool:
        """Whether a visible field needs an answer; the parts of an optional group do not."""
        field, parent = self.field, self.parent
        needs = field.required or bool(field.required_if)
        return needs and (parent is None or parent.required or bool(parent.required_if))


def leaves_of(item: ServiceItem, answers: Answers) -> tuple[Leaf, ...]:
    """Return every field that holds an answer, visible or not, in the order of the form."""
    found: list[Leaf] = []
    for field in item.form:
        if field.type is FieldType.REPEAT:
            for entry in range(entry_count(field, answers)):
                found += [
                    Leaf(f"{field.key}.{entry}.{part.key}", part, field.group, field, entry) for part in field.fields
                ]
        elif field.type in COMPOUND and field.fields:
            found += [Leaf(f"{field.key}.{part.key}", part, field.group, field) for part in field.fields]
        else:
            found.append(Leaf(field.key, field, field.group))
    return tuple(found)


def visible_leaves(item: ServiceItem, answers: Answers, context: FormContext) -> tuple[Leaf, ...]:
    """Return the fields that show: a field with `required_if` shows only while it holds."""
    known: dict[str, dict[str, str]] = {}  # by scope: gathered once for all siblings, and only where somebody asks

    def asked(scope: str) -> dict[str, str]:
        if scope not in known:
            known[scope] = variables(item, answers, context, scope)
        return known[scope]

    return tuple(leaf for leaf in leaves_of(item, answers) if _shows(leaf, asked))


def is_visible(leaf: Leaf, item: ServiceItem, answers: Answers, context: FormContext) -> bool:
    """Whether the leaf and what it lies in show."""
    return _shows(leaf, lambda scope: variables(item, answers, context, scope))


def _shows(leaf: Leaf, asked: Callable[[str], dict[str, str]]) -> bool:
    parent, own = leaf.parent, leaf.field.required_if
    if parent is not None and parent.required_if and not holds(parent.required_if, asked(leaf.scope)):
        return False
    return not own or holds(own, asked(leaf.scope))


def variables(item: ServiceItem, answers: Answers, context: FormContext, scope: str = "") -> dict[str, str]:
    """Return what conditions may ask for: the context's variables, the item's own fields, and siblings in `scope`."""
    known = {field.key: text_of(answers, field.key) for field in item.form}
    if scope:
        siblings = (key for key in answers if key.startswith(scope))
        known |= {key[len(scope) :]: text_of(answers, key) for key in siblings}
    methods = (f"{field.key}.method" for field in item.form if field.type is FieldType.DELIVERY_CHOICE)
    known["method"] = next((text for text in (text_of(answers, key) for key in methods) if text), "")
    known |= {"situation": context.situation, "filed_by": context.filed_by, "agency_reason": context.agency_reason}
    return known


def visible_steps(item: ServiceItem, answers: Answers, context: FormContext) -> tuple[str, ...]:
    """Return the steps of the item's kiosk_flow whose condition holds."""
    if not item.step_conditions:
        return item.kiosk_flow
    known = variables(item, answers, context)
    return tuple(step for step in item.kiosk_flow if holds(item.step_conditions.get(step, ""), known))


def text_of(answers: Answers, key: str) -> str:
    """Return an answer's canonical text, or nothing."""
    answer = answers.get(key)
    return answer.reveal() if answer is not None else ""


def entry_count(field: Field, answers: Answers) -> int:
    """Return how many entries a repeat shows: those there are, and one to fill when at least one is asked for."""
    prefix = f"{field.key}."
    numbers = (key[len(prefix) :].partition(".")[0] for key in answers if key.startswith(prefix))
    return max((int(number) + 1 for number in numbers), default=min(field.validation.min_items, 1))


def options_of(leaf: Leaf, context: FormContext) -> tuple[Option, ...]:
    """Return the choices of a field: its own, or the list its data source brings (empty while offline)."""
    field = leaf.field
    if field.options:
        return field.options
    if field.type is FieldType.AGENT_REF:
        return context.lists.get(AGENTS, ())
    return context.lists.get(field.data_source, ()) if field.data_source else ()


def is_locked(leaf: Leaf, answers: Answers, context: FormContext) -> bool:
    """Whether the answer came from the card or the platform and is not to be changed."""
    field = leaf.field
    if field.readonly:
        return True
    if not context.has_card or not text_of(answers, leaf.key):
        return False
    is_of_card = field.prefill.startswith("id_card.") and field.readonly_if_prefilled
    return is_of_card or field.derived is not None


def is_in_region(address: str, prefix: str, context: FormContext) -> bool | None:
    """Whether a written address names a place whose division code starts with `prefix`; None when nobody knows.

    Names only: digits of an ID number are never looked at, and an address without a county's name may still lie there.
    """
    names = [region.name_zh.rstrip("市区县") for region in context.regions if region.code.startswith(prefix)]
    if not address or not names:
        return None
    return any(name in address for name in names)


# ── what each type is like ─────────────────────────────────────────────────────────────────


class Trait(msgspec.Struct, frozen=True):
    """How a type is filled in: the keyboard that helps, and the most characters it holds."""

    keyboard: str
    limit: int


TRAITS: dict[FieldType, Trait] = {
    FieldType.NAME: Trait("pinyin", 30),
    FieldType.TEXT: Trait("pinyin", 200),
    FieldType.ADDRESS: Trait("pinyin", 120),
    FieldType.ID_NUMBER: Trait("idnumber", 18),
    FieldType.ID_OR_USCC: Trait("english", 18),
    FieldType.USCC: Trait("english", 18),
    FieldType.PHONE: Trait("digits", 11),
    FieldType.BANK_ACCOUNT: Trait("digits", 19),
    FieldType.INTEGER: Trait("digits", 9),
    FieldType.DECIMAL: Trait("digits", 12),
    FieldType.MONEY: Trait("digits", 12),
    FieldType.DATE: Trait("date", 10),
    FieldType.MONTH: Trait("month", 7),
    FieldType.BOOL: Trait("bool", 5),
    FieldType.CONSENT: Trait("bool", 5),
    FieldType.REGION: Trait("pinyin", 120),  # only where a catalogue gives it no parts
    **dict.fromkeys(CHOICES, Trait("choice", 200)),
}


def keyboard_of(field: Field, options: tuple[Option, ...] = ()) -> str:
    """Return which keyboard helps: pinyin, digits, idnumber, english, choice, date, month, bool."""
    if field.keypad == "numeric":
        return "digits"
    if field.options_from == "counties":
        return "region"
    return "choice" if options and field.type is FieldType.TEXT else TRAITS[field.type].keyboard


def max_length_of(field: Field) -> int:
    """Return how many characters may be typed."""
    rules, trait = field.validation, TRAITS[field.type]
    if field.type is FieldType.INTEGER and isinstance(rules.max, int):
        return len(str(rules.max))
    if field.type is FieldType.INTEGER and isinstance(rules.max, str):
        return 4  # a year
    return min(rules.max_length or trait.limit, 1000)
