"""Which papers a case needs, which are there, and what the person still lays down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec

from kiosk.services.catalogue import Material, ServiceItem
from kiosk.services.catalogue_types import DEFAULT_PAGES, SCANNED_SOURCES
from kiosk.services.expressions import holds
from kiosk.services.fields import Answers, FormContext, variables

"""Pages of a paper whose limits the catalogue does not say; six is the most it names for a usual one."""

BOTH_SIDES = (2, 2)
"""Pages of an ID card that is laid on the desk instead of being read."""

_CARD = "M-ID"
_MAY_FOLLOW = "容缺"


class MaterialStatus(StrEnum):
    """How one material stands."""

    ON_CARD = "on_card"  # the chip has it
    NEEDED = "needed"
    SCANNED = "scanned"
    SIGNED_FORM = "signed_form"  # the platform renders it from the form and the signature
    DEFERRED = "deferred"  # 容缺: may follow; or shared between departments, never asked of the applicant
    NOT_NEEDED = "not_needed"


class MaterialState(msgspec.Struct, frozen=True):
    """One material of the item and how it stands now."""

    code: str
    name: str
    state: MaterialStatus
    min_pages: int
    max_pages: int
    pages: int
    can_defer: bool
    needs_scan: bool  # still to be laid down, or laid down already and open to change
    is_two_sided: bool = False  # an ID card: its front and its back, one after the other


def material_plan(
    item: ServiceItem,
    context: FormContext,
    answers: Answers,
    pages_by_code: Mapping[str, int],
    has_card: bool,
    deferred: Collection[str] = (),
    locale: str = "zh",
) -> tuple[MaterialState, ...]:
    """Return how every material of the item stands, in the order of the catalogue.

    `pages_by_code` counts captured pages; `deferred` are the codes the person chose to bring later.
    """
    known = variables(item, answers, context)
    states = []
    for material in item.materials:
        pages = pages_by_code.get(material.code, 0)
        status = _status(material, known, pages, has_card=has_card, is_put_off=material.code in deferred)
        states.append(_state(material, status, pages, locale))
    return tuple(states)


def is_complete(plan: tuple[MaterialState, ...]) -> bool:
    """Whether nothing is still needed."""
    return all(material.state is not MaterialStatus.NEEDED for material in plan)


def next_needed(plan: tuple[MaterialState, ...]) -> MaterialState | None:
    """Return the first material that is still to be scanned, or None."""
    return next((material for material in plan if material.state is MaterialStatus.NEEDED), None)


def always_laid_down(item: ServiceItem) -> bool:
    """Whether every applicant has a paper to lay down: one without a condition that may not follow."""
    return any(not material.required_if and material.necessity != _MAY_FOLLOW for material in _papers(item))


def perhaps_laid_down(item: ServiceItem) -> bool:
    """Whether some applicant has a paper to lay down, who cannot let it follow."""
    return any(material.necessity != _MAY_FOLLOW for material in _papers(item))


def _papers(item: ServiceItem) -> tuple[Material, ...]:
    """Return the materials that a card and a form do not settle, whose condition may hold."""
    return tuple(m for m in item.materials if _without_pages(m, has_card=True) is MaterialStatus.NEEDED)


def _status(
    material: Material, known: Mapping[str, str], pages: int, *, has_card: bool, is_put_off: bool
) -> MaterialStatus:
    if not holds(material.required_if, known):
        return MaterialStatus.NOT_NEEDED
    if pages >= _limits(material)[0]:
        return MaterialStatus.SCANNED
    if is_put_off and material.necessity == _MAY_FOLLOW:
        return MaterialStatus.DEFERRED
    return _without_pages(material, has_card)


def _state(material: Material, status: MaterialStatus, pages: int, locale: str) -> MaterialState:
    least, most = _limits(material)
    is_open = status in (MaterialStatus.NEEDED, MaterialStatus.SCANNED, MaterialStatus.DEFERRED)
    is_asked = material.reuse_scope != "shared_data" and bool(SCANNED_SOURCES & {material.source, *material.fallback})
    return MaterialState(
        code=material.code,
        name=material.name(locale),
        state=status,
        min_pages=least,
        max_pages=most,
        pages=pages,
        can_defer=material.necessity == _MAY_FOLLOW,
        needs_scan=is_open and is_asked,
        is_two_sided=_is_two_sided(material),
    )


def _limits(material: Material) -> tuple[int, int]:
    if _is_two_sided(material):
        return BOTH_SIDES
    return (material.pages.min, material.pages.max) if material.pages else DEFAULT_PAGES


def _is_two_sided(material: Material) -> bool:
    return material.source == "id_card_read" and not material.repeat


def _without_pages(material: Material, has_card: bool) -> MaterialStatus:
    if material.code == _CARD and has_card:
        return MaterialStatus.ON_CARD
    if material.reuse_scope == "shared_data":
        return MaterialStatus.DEFERRED
    is_of_form = material.source in ("generated_form", "self_declaration")
    if is_of_form and material.signature == "applicant":  # others' signatures are given on paper, for now
        return MaterialStatus.SIGNED_FORM
    if material.source == "barcode" and "manual_number" in material.fallback:
        return MaterialStatus.SIGNED_FORM  # its number is a field of the form
    return MaterialStatus.NEEDED
