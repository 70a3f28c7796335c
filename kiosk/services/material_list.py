"""材料清单: what to bring for a service item, with a box to tick for each paper. Nothing in it is about a person."""

from __future__ import annotations

import msgspec

from devices.api import Sheet
from kiosk.services.catalogue import Catalogue, Material, ServiceItem
from kiosk.services.dates import compose_moment
from kiosk.services.expressions import holds, parse_condition
from kiosk.services.sheet import Paper, build_sheet
from kiosk.station.config import StationConfig
from kiosk.station.texts import own_texts

TITLE = "material-list"
_MAY_FOLLOW = "容缺"
# what nobody carries: the chip has it, the terminal makes it, or departments ask each other
_NOT_CARRIED = ("id_card_photo", "camera", "generated_form", "self_declaration", "manual_number", "witness_statement")


class Group(msgspec.Struct, frozen=True):
    """The papers of one heading. `situation` is a code, "" for always, "?" where the answers decide."""

    situation: str
    materials: tuple[Material, ...]


def material_groups(item: ServiceItem, situation: str = "") -> tuple[Group, ...]:
    """Return what to bring: always, for each situation (only the one given), and as the case requires."""
    carried = tuple(
        one for one in item.materials if one.source not in _NOT_CARRIED and one.reuse_scope != "shared_data"
    )
    always = tuple(one for one in carried if not one.required_if)
    of_situation = tuple(one for one in carried if one.required_if and _asks_situation(one))
    groups = [Group("", always)]
    for one in item.situations:
        if situation in ("", one.code):
            known = {"situation": one.code}
            groups.append(Group(one.code, tuple(m for m in of_situation if holds(m.required_if, known))))
    groups.append(Group("?", tuple(one for one in carried if one.required_if and not _asks_situation(one))))
    return tuple(group for group in groups if group.materials)


def build_material_list(
    item: ServiceItem,
    catalogue: Catalogue,
    site: StationConfig,
    wall_s: float,
    locale: str,
    situation: str = "",
) -> Sheet:
    """Return the list as an A4 document; with a situation only what that one asks for."""
    texts = own_texts()
    paper = Paper(locale, texts("sheets.list.title", locale))
    paper.heading(texts("sheets.list.title", locale))
    paper.say(texts("sheets.list.item", locale, item=item.name(locale)), "large")
    department = catalogue.department(item.department, locale)
    paper.say(texts("sheets.list.department", locale, department=department))
    chosen = item.situation(situation)
    if chosen is not None:
        paper.say(texts("sheets.list.situation", locale, situation=chosen.label(locale)))
    groups = material_groups(item, situation)
    for group in groups:
        paper.section(_heading(group, item, locale))
        paper.boxes(tuple((one.name(locale), _note(one, catalogue, locale)) for one in group.materials))
    if not groups:
        paper.say(texts("sheets.list.nothing", locale))
    paper.rule()
    paper.say(_limits(item, catalogue, locale))
    is_free = item.fee.kind == "free"
    paper.say(texts("sheets.list.fee_free" if is_free else "sheets.list.fee", locale, basis=item.fee.basis_zh))
    agent, hours = site.agent(locale), site.hours(locale)
    help_line = {"station": site.name(locale), "agent": agent, "phone": site.phone, "hours": hours}
    paper.say(texts("sheets.list.help", locale, **help_line))
    day = compose_moment(wall_s, locale)
    paper.foot(texts("sheets.list.dated", locale, version=catalogue.version, date=day))
    return build_sheet(paper, TITLE)


def _asks_situation(material: Material) -> bool:
    return parse_condition(material.required_if).variable == "situation"


def _heading(group: Group, item: ServiceItem, locale: str) -> str:
    texts = own_texts()
    situation = item.situation(group.situation)
    if situation is not None:
        return texts("sheets.list.only", locale, situation=situation.label(locale))
    return texts("sheets.list.as_needed" if group.situation else "sheets.list.always", locale)


def _note(material: Material, catalogue: Catalogue, locale: str) -> str:
    texts = own_texts()
    words = []
    if material.original_form:
        words.append(catalogue.label("original_form", material.original_form, locale))
    if material.pages is not None:
        least, most = material.pages.min, material.pages.max
        is_range = most > least
        words.append(texts("sheets.list.pages_range" if is_range else "sheets.list.pages", locale, n=least, m=most))
    if material.necessity == _MAY_FOLLOW:
        words.append(texts("sheets.list.may_follow", locale))
    if locale != "en" and material.validity_zh:
        words.append(material.validity_zh)
    return (", " if locale == "en" else "、").join(words)


def _limits(item: ServiceItem, catalogue: Catalogue, locale: str) -> str:
    unit = catalogue.label("time_unit", item.time.unit, locale)
    at_once = own_texts()("sheets.list.at_once", locale)
    one = unit.removesuffix("s") if locale == "en" else unit
    legal, promised = (
        f"{days} {one if days == 1 else unit}" if days else at_once
        for days in (item.time.legal_limit, item.time.promised_limit)
    )
    return own_texts()("sheets.list.limits", locale, legal=legal, promised=promised)
