"""Which papers a case needs, which are there, and what the person still lays down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec

from kiosk.services.catalogue import Material, ServiceItem
from kiosk.services.expressions import holds
from kiosk.services.fields import Answers, FormContext, variables

DEFAULT_PAGES = (1, 6)
"""Pages of a paper whose limits the catalogue does not say; six is the most it names for a usual one."""

_CARD = "M-ID"
_SCANNED_SOURCES = frozenset({"scan", "camera", "library", "e_licence", "agent_upload", "witness_statement"})
"""What ends in a scan for now: library and licences are not asked yet, photographs are laid on the desk."""


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
    name_zh: str
    name_en: str
    state: MaterialStatus
    min_pages: int
    max_pages: int
    pages: int
    can_defer: bool
    needs_scan: bool  # still to be laid down, or laid down already and open to change

    def name(self, locale: str) -> str:
        """Return the material's name in the locale."""
        return self.name_en if locale == "en" else self.name_zh


def material_plan(
    item: ServiceItem,
    context: FormContext,
    pages_by_code: Mapping[str, int],
    has_card: bool,
    *,
    answers: Answers | None = None,
    deferred: Collection[str] = (),
) -> tuple[MaterialState, ...]:
    """Return how every material of the item stands, in the order of the catalogue.

    `pages_by_code` counts captured pages; `deferred` are the codes the person chose to bring later.
    """
    known = variables(item, answers or {}, context)
    return tuple(
        _state(material, known, pages_by_code.get(material.code, 0), has_card, is_put_off=material.code in deferred)
        for material in item.materials
    )


def is_complete(plan: tuple[MaterialState, ...]) -> bool:
    """Whether nothing is still needed."""
    return all(material.state is not MaterialStatus.NEEDED for material in plan)


def next_needed(plan: tuple[MaterialState, ...]) -> MaterialState | None:
    """Return the first material that is still to be scanned, or None."""
    return next((material for material in plan if material.state is MaterialStatus.NEEDED), None)


def _state(
    material: Material, known: Mapping[str, str], pages: int, has_card: bool, *, is_put_off: bool
) -> MaterialState:
    least, most = (material.pages.min, material.pages.max) if material.pages else DEFAULT_PAGES
    can_defer = material.necessity == "容缺"
    if not holds(material.required_if, known):
        status = MaterialStatus.NOT_NEEDED
    elif pages >= least:
        status = MaterialStatus.SCANNED
    elif can_defer and is_put_off:
        status = MaterialStatus.DEFERRED
    else:
        status = _without_pages(material, has_card)
    return MaterialState(
        code=material.code,
        name_zh=material.name_zh,
        name_en=material.name_en,
        state=status,
        min_pages=least,
        max_pages=most,
        pages=pages,
        can_defer=can_defer,
        needs_scan=status in (MaterialStatus.NEEDED, MaterialStatus.SCANNED, MaterialStatus.DEFERRED)
        and material.reuse_scope != "shared_data"
        and _can_be_scanned(material),
    )


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


def _can_be_scanned(material: Material) -> bool:
    return bool(_SCANNED_SOURCES & {material.source, *material.fallback})
