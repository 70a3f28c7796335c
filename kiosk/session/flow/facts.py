"""What the item asks of a visit as it stands: form pages and faults, materials, conditions."""

from __future__ import annotations

from kiosk.services import conditions, form, materials
from kiosk.session.session import Session


def context_of(session: Session) -> form.FormContext:
    """Return what the item's conditions may ask about this visit."""
    return form.form_context(
        session.catalogue, session.today, session.situation, "self", has_card=session.card is not None
    )


def pages_of(session: Session) -> tuple[form.FormPage, ...]:
    """Return the form's pages as the answers stand."""
    if session.item is None:
        return ()
    return form.form_pages(session.item, session.answers, context_of(session))


def faults_of(session: Session) -> tuple[form.FieldFault, ...]:
    """Return everything the form still lacks or refuses."""
    if session.item is None:
        return ()
    return form.check_form(session.item, session.answers, context_of(session), session.today, session.locale)


def plan_of(session: Session) -> tuple[materials.MaterialState, ...]:
    """Return how each material stands."""
    if session.item is None:
        return ()
    counts: dict[str, int] = {}
    for page in session.pages:
        counts[page.material] = counts.get(page.material, 0) + 1
    return materials.material_plan(
        session.item,
        context_of(session),
        session.answers,
        counts,
        session.card is not None,
        session.deferred,
        session.locale,
    )


def material_of(session: Session, code: str) -> materials.MaterialState | None:
    """Return one material's state."""
    return next((state for state in plan_of(session) if state.code == code), None)


def verdicts_of(session: Session) -> tuple[conditions.ConditionVerdict, ...]:
    """Return what the item's conditions come to, as far as card, situation and answers tell."""
    if session.item is None or session.identity is None:
        return ()
    return conditions.check_conditions(
        session.item, session.identity, session.answers, context_of(session), session.today, locale=session.locale
    )
