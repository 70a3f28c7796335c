"""What the item asks of a visit as it stands: form pages and faults, materials, conditions."""

from __future__ import annotations

from kiosk.services import conditions, form, materials
from kiosk.services.fields import is_locked, visible_leaves
from kiosk.services.identity import age_on
from kiosk.session.session import Session


def context_of(session: Session) -> form.FormContext:
    """Return what the item's conditions may ask about this visit."""
    return form.form_context(
        session.catalogue, session.today, session.situation, "self", has_card=session.card is not None
    )


def is_elder(session: Session) -> bool:
    """Whether the large scale opens by the age on the card."""
    if session.identity is None:
        return False
    return age_on(session.identity.birth_date.reveal(), session.today) >= session.screen.elder_from_age


def pages_of(session: Session) -> tuple[form.FormPage, ...]:
    """Return the form's pages as the answers stand."""
    if session.item is None:
        return ()
    return form.form_pages(session.item, session.answers, context_of(session))


def page_of(session: Session) -> form.FormPage | None:
    """Return the form page that is shown, or None for a form without pages."""
    pages = pages_of(session)
    return pages[min(session.form_page, len(pages) - 1)] if pages else None


def is_open_field(session: Session, key: str) -> bool:
    """Whether the field stands on the page shown and may be changed: what the card says may not."""
    page = page_of(session)
    if session.item is None or page is None or key not in page.keys:
        return False
    context = context_of(session)
    leaf = next(leaf for leaf in visible_leaves(session.item, session.answers, context) if leaf.key == key)
    return not is_locked(leaf, session.answers, context)


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


def stops_of(session: Session) -> tuple[str, ...]:
    """Return a sentence for each condition that ends the matter here: not met, or a window's to decide."""
    return _sentences(session, conditions.Verdict.BLOCK, conditions.Verdict.ROUTE)


def warnings_of(session: Session) -> tuple[str, ...]:
    """Return a sentence for each condition that the back office will look at."""
    return _sentences(session, conditions.Verdict.WARN)


def _sentences(session: Session, *outcomes: conditions.Verdict) -> tuple[str, ...]:
    if session.item is None or session.identity is None:
        return ()
    verdicts = conditions.check_conditions(
        session.item, session.identity, session.answers, context_of(session), session.today, locale=session.locale
    )
    return tuple(verdict.text for verdict in verdicts if verdict.outcome in outcomes)
