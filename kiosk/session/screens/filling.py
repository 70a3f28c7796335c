"""The form: one group a page, card fields done and locked, the reason beside each mistake."""

from __future__ import annotations

from kiosk.services import form
from kiosk.session.flow import folds
from kiosk.session.screens.frame import Scene, standard_actions, whose_move
from kiosk.session.view import Action, Field, Note, Option, View


def form_screen(scene: Scene) -> View:
    """Return one page of the form."""
    session, say = scene.session, scene.say
    if session.item is None:
        return View(screen="form")
    pages = folds.pages_of(session)
    index = min(session.form_page, len(pages) - 1)
    page = pages[index]
    errors = {fault.key: fault.text for fault in folds.faults_of(session)} if session.shows_errors else {}
    states = form.field_states(session.item, index, session.answers, folds.context_of(session), session.locale)
    fields = tuple(_field(state, session.focus, errors.get(state.key, "")) for state in states)
    notes: tuple[Note, ...] = ()
    if session.fault is not None:
        notes = whose_move(scene, session.fault, "Reader")
    elif session.shows_errors and errors:
        on_page = {state.key for state in states}
        if page.repeat_key and page.repeat_key in errors:
            notes = (Note(key="page_error", text=errors[page.repeat_key], mood="stop"),)
        elif any(key in on_page for key in errors):
            notes = (Note(key="look", text=say("form.look_at_marked"), mood="care"),)
    if session.is_reading_further:
        return View(
            screen="identify",
            key="form.further_card",
            title=say("form.further_title"),
            lead=say("form.further_lead"),
            picture="card",
            notes=notes,
            actions=standard_actions(scene, Action(id="stop_further", label=say("form.type_instead")), back=False),
        )
    own: list[Action] = []
    if page.repeat_key:
        own.append(Action(id="read_further", label=say("form.read_further"), value=page.repeat_key))
        if page.can_add:
            own.append(Action(id="add_entry", label=say("form.add_entry"), value=page.repeat_key))
        if page.entries:
            own.append(
                Action(id="remove_entry", label=say("form.remove_entry"), value=f"{page.repeat_key}.{page.entries - 1}")
            )
    label = "form.back_to_review" if session.edits_from_review else "frame.next"
    own.append(Action(id="next", label=say(label), role="primary"))
    return View(
        screen="form",
        key=f"form.{page.group}",
        title=page.title,
        lead=say("form.lead_card") if page.group == "applicant" else say("form.lead"),
        fields=fields,
        notes=notes,
        page=index,
        pages=len(pages),
        actions=standard_actions(scene, *own, back=not session.edits_from_review),
    )


def _field(state: form.FieldState, focus: str, error: str) -> Field:
    kinds = {"bool": "bool", "choice": "choice", "date": "date", "month": "month"}
    kind = kinds.get(state.keyboard, "text")
    typed = state.keyboard in ("pinyin", "digits", "idnumber", "english")
    return Field(
        key=state.key,
        label=state.label,
        kind=kind,  # type: ignore[arg-type]  # the five words are View's own
        display=state.display,
        hint=state.hint,
        error=error,
        keyboard=state.keyboard if typed and not state.locked else "none",  # type: ignore[arg-type]
        options=tuple(Option(o.value, o.label, is_selected=_is_chosen(state, o.value)) for o in state.options),
        is_required=state.required,
        is_locked=state.locked,
        is_done=state.is_done,
        is_focused=state.key == focus and not state.locked,
    )


def _is_chosen(state: form.FieldState, value: str) -> bool:
    return value in state.raw.reveal().split("|")
