"""One form: its pages, what each field shows, and what is wrong. Typing and choosing live in `form_input`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from devices.api import Private
from kiosk.services.catalogue import Field, FieldType, ServiceItem
from kiosk.services.fields import (
    FURTHER_CARD,
    GROUP_ORDER,
    Answers,
    FormContext,
    Leaf,
    entry_count,
    form_context,
    is_locked,
    is_visible,
    keyboard_of,
    max_length_of,
    options_of,
    text_of,
    variables,
    visible_leaves,
    visible_steps,
)
from kiosk.services.form_check import today_in, wrongs_in
from kiosk.services.form_display import (
    FieldOption,
    How,
    compose_hint,
    compose_options,
    compose_value,
    compose_warning,
)
from kiosk.services.form_input import add_entry, choose, erase, remove_entry, type_into
from kiosk.services.form_prefill import prefill, prefill_member, wants_further_card

__all__ = [
    "AnswerRow",
    "Answers",
    "FieldFault",
    "FieldOption",
    "FieldState",
    "FormContext",
    "FormPage",
    "add_entry",
    "answer_rows",
    "check_form",
    "choose",
    "erase",
    "field_states",
    "form_context",
    "form_pages",
    "prefill",
    "prefill_member",
    "remove_entry",
    "type_into",
    "variables",
    "visible_steps",
    "wants_further_card",
]

FIELDS_A_PAGE = 6


class FormPage(msgspec.Struct, frozen=True):
    """One page of the form. An entry of a repeat has a page of its own; a repeat without entries one with no keys."""

    key: str  # stable: `applicant.0`, `members.1`
    group: str
    keys: tuple[str, ...]
    repeat: str = ""
    entry: int = -1
    title_zh: str = ""  # of a repeat; other pages are called by their group
    title_en: str = ""
    can_add: bool = False
    can_remove: bool = False
    reads_card: bool = False  # another person's card fills this page

    def title(self, locale: str) -> str:
        """Return the repeat's name with its number, or nothing: then the group's name is the title."""
        title = self.title_en if locale == "en" else self.title_zh
        return f"{title} {self.entry + 1}" if title and self.entry >= 0 else title


class FieldState(msgspec.Struct, frozen=True):
    """What one field shows now."""

    key: str
    label: str
    type: FieldType
    keyboard: str  # pinyin digits idnumber english choice date month bool region
    options: tuple[FieldOption, ...]
    display: str  # grouped while focused, else masked as the catalogue says
    raw: Private[str]
    required: bool
    locked: bool
    is_done: bool
    is_focused: bool
    error: str
    max_length: int
    hint: str
    warning: str = ""  # a soft word that stops nobody

    def __repr__(self) -> str:
        return f"FieldState({self.key!r}, done={self.is_done}, error={self.error!r})"


class FieldFault(msgspec.Struct, frozen=True):
    """One thing wrong with the form. `key` is a field's, or a repeat's when entries are missing."""

    key: str
    page_index: int
    code: str
    text: str


class AnswerRow(msgspec.Struct, frozen=True):
    """One answer as review and manifest list it."""

    key: str
    label_zh: str
    label_en: str
    value: Private[str]
    display: Private[str]  # in the locale, in full
    masked: str  # as the review shows it: numbers masked, names and addresses to be checked
    group: str
    entry: int = -1

    def label(self, locale: str) -> str:
        """Return the field's name in the locale."""
        return self.label_en if locale == "en" else self.label_zh

    def __repr__(self) -> str:
        return f"AnswerRow({self.key!r})"


def form_pages(item: ServiceItem, answers: Answers, context: FormContext) -> tuple[FormPage, ...]:
    """Return the pages with something on them: one group a page, at most six fields, each entry of a repeat its own."""
    pages: list[FormPage] = []
    single: dict[str, list[Leaf]] = {}
    for leaf in visible_leaves(item, answers, context):
        if leaf.entry < 0:
            single.setdefault(leaf.group, []).append(leaf)
    repeats = [field for field in item.form if field.type is FieldType.REPEAT]
    for group in GROUP_ORDER:
        for number, part in enumerate(_parcels(single.get(group, []))):
            reads_card = any(leaf.field.prefill.startswith(FURTHER_CARD) for leaf in part)
            pages.append(FormPage(f"{group}.{number}", group, tuple(leaf.key for leaf in part), reads_card=reads_card))
        for field in repeats:
            if field.group == group:
                pages += _repeat_pages(field, item, answers, context)
    return tuple(pages)


def field_states(
    item: ServiceItem,
    page_index: int,
    answers: Answers,
    context: FormContext,
    locale: str,
    *,
    touched: Iterable[str] = (),
    shows_errors: bool = False,
    focus: str = "",
) -> tuple[FieldState, ...]:
    """Return the fields of one page. Errors show for `touched` keys that are not focused, or for all when asked for."""
    pages = form_pages(item, answers, context)
    if not 0 <= page_index < len(pages):
        return ()
    asked = frozenset(touched) - {focus}
    wrongs = {wrong.key: wrong for wrong in wrongs_in(item, answers, context, locale)}
    leaves = {leaf.key: leaf for leaf in visible_leaves(item, answers, context)}
    states = []
    for key in pages[page_index].keys:
        wrong = wrongs.get(key)
        error = wrong.text(locale) if wrong is not None and (shows_errors or key in asked) else ""
        states.append(_state(leaves[key], answers, context, locale, error=error, is_right=wrong is None, focus=focus))
    return tuple(states)


def check_form(
    item: ServiceItem, answers: Answers, context: FormContext, today: date, locale: str
) -> tuple[FieldFault, ...]:
    """Return what is wrong with the whole form as of `today`, in the order of its pages; empty when it may go on."""
    context = today_in(context, today)
    places: dict[str, int] = {}
    for index, page in enumerate(form_pages(item, answers, context)):
        places |= dict.fromkeys(page.keys, index)
        if page.repeat:
            places.setdefault(page.repeat, index)
    faults = (
        FieldFault(wrong.key, places.get(wrong.key, 0), wrong.code, wrong.text(locale))
        for wrong in wrongs_in(item, answers, context, locale)
    )
    return tuple(sorted(faults, key=lambda fault: fault.page_index))


def answer_rows(item: ServiceItem, answers: Answers, context: FormContext, locale: str) -> tuple[AnswerRow, ...]:
    """Return the visible, filled-in answers in the order of the pages: all that will be sent."""
    leaves = {leaf.key: leaf for leaf in visible_leaves(item, answers, context)}
    keys = (key for page in form_pages(item, answers, context) for key in page.keys)
    rows = []
    for key in keys:
        leaf, text = leaves[key], text_of(answers, key)
        if text:
            rows.append(
                AnswerRow(
                    key=key,
                    label_zh=leaf.field.label_zh,
                    label_en=leaf.field.label_en,
                    value=Private(text),
                    display=Private(compose_value(leaf, text, context, locale, How.SENDING)),
                    masked=compose_value(leaf, text, context, locale, How.CHECKING),
                    group=leaf.group,
                    entry=leaf.entry,
                )
            )
    return tuple(rows)


# ── pages ──────────────────────────────────────────────────────────────────────────────────


def _parcels(leaves: list[Leaf]) -> list[list[Leaf]]:
    """Return leaves in evenly filled pages of at most six; the parts of a group stay together."""
    blocks: list[list[Leaf]] = []
    for leaf in leaves:
        if blocks and leaf.parent is not None and blocks[-1][-1].parent is leaf.parent:
            blocks[-1].append(leaf)
        else:
            blocks.append([leaf])
    count = -(-len(leaves) // FIELDS_A_PAGE) or 1
    target = -(-len(leaves) // count)
    parcels: list[list[Leaf]] = []
    for block in blocks:
        if parcels and len(parcels[-1]) + len(block) <= target:
            parcels[-1] += block
        else:
            parcels.append(list(block))
    return parcels


def _repeat_pages(field: Field, item: ServiceItem, answers: Answers, context: FormContext) -> list[FormPage]:
    if not is_visible(Leaf(field.key, field, field.group), item, answers, context):
        return []
    count, rules = entry_count(field, answers), field.validation
    reads_card = any(part.prefill.startswith(FURTHER_CARD) for part in field.fields)
    return [
        FormPage(
            key=f"{field.key}.{entry}" if entry >= 0 else field.key,
            group=field.group,
            keys=tuple(f"{field.key}.{entry}.{part.key}" for part in field.fields) if entry >= 0 else (),
            repeat=field.key,
            entry=entry,
            title_zh=field.label_zh,
            title_en=field.label_en,
            can_add=not rules.max_items or count < rules.max_items,
            can_remove=count > rules.min_items and entry >= 0,
            reads_card=reads_card,
        )
        for entry in (range(count) if count else (-1,))
    ]


# ── one field ──────────────────────────────────────────────────────────────────────────────


def _state(
    leaf: Leaf, answers: Answers, context: FormContext, locale: str, *, error: str, is_right: bool, focus: str
) -> FieldState:
    text, locked, options = text_of(answers, leaf.key), is_locked(leaf, answers, context), options_of(leaf, context)
    is_focused = focus == leaf.key
    return FieldState(
        key=leaf.key,
        label=leaf.field.label(locale),
        type=leaf.field.type,
        keyboard=keyboard_of(leaf.field, options),
        options=compose_options(leaf, text, context, locale),
        display=compose_value(leaf, text, context, locale, How.TYPING if is_focused else How.RESTING),
        raw=Private(text),
        required=leaf.is_required,
        locked=locked,
        is_done=bool(text) and is_right,
        is_focused=is_focused,
        error=error,
        max_length=max_length_of(leaf.field),
        hint=compose_hint(leaf, locale, locked=locked, has_options=bool(options)),
        warning=compose_warning(leaf, text, context, locale),
    )
