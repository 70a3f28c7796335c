"""The form: one group a page, card fields done and locked, the reason beside each mistake."""

from __future__ import annotations

from devices.api import DeviceKind
from kiosk.services import form
from kiosk.session.flow import facts
from kiosk.session.screens.frame import Scene, capital, standard_actions, whose_move
from kiosk.session.view import Action, Field, Note, Option, View


def form_screen(scene: Scene) -> View:
    """Return one page of the form."""
    session, say = scene.session, scene.say
    if session.item is None:
        return View(screen="form", title=say("steps.form"), actions=standard_actions(scene))
    pages = facts.pages_of(session)
    index = min(session.form_page, len(pages) - 1)
    page = pages[index]
    states = form.field_states(
        session.item,
        index,
        session.answers,
        facts.context_of(session),
        session.locale,
        shows_errors=session.shows_errors,
        focus=session.focus,
    )
    notes: tuple[Note, ...] = ()
    if session.fault is not None:
        notes = whose_move(scene, session.fault, "Reader")
    elif session.shows_errors:
        missing = [fault.text for fault in facts.faults_of(session) if fault.key == page.repeat]
        if missing:
            notes = (Note(key="page_error", text=missing[0], mood="stop"),)
        elif any(state.error for state in states):
            notes = (Note(key="look", text=say("form_screen.look_at_marked"), mood="care"),)
    notes += tuple(Note(key=f"warn.{s.key}", text=s.warning, mood="care") for s in states if s.warning)
    if session.is_reading_further:
        return View(
            screen="identify",
            key="form.further_card",
            title=say("form_screen.further_title"),
            lead=say("form_screen.further_lead"),
            picture="card",
            notes=notes,
            actions=standard_actions(
                scene, Action(id="stop_further", label=say("form_screen.type_instead")), back=False
            ),
        )
    label = "form_screen.back_to_review" if session.edits_from_review else "frame.next"
    return View(
        screen="form",
        key=f"form.{page.key}",
        title=page.title(session.locale) or scene.group(page.group),
        lead=say("form_screen.lead_card" if page.group == "applicant" else "form_screen.lead"),
        fields=tuple(_field(state) for state in states),
        notes=notes,
        page=index,
        pages=len(pages),
        actions=standard_actions(
            scene,
            *_repeat_actions(scene, page),
            Action(id="next", label=say(label), role="primary"),
        ),
    )


def _repeat_actions(scene: Scene, page: form.FormPage) -> tuple[Action, ...]:
    say = scene.say
    actions: list[Action] = []
    if page.reads_card:
        has_reader = scene.station.has(DeviceKind.READER)
        actions.append(Action(id="read_further", label=say("form_screen.read_further"), is_enabled=has_reader))
    if page.repeat and page.can_add:
        actions.append(Action(id="add_entry", label=say("form_screen.add_entry"), value=page.repeat))
    if page.repeat and page.can_remove:
        place = f"{page.repeat}.{page.entry}"
        actions.append(Action(id="remove_entry", label=say("form_screen.remove_entry"), value=place))
    return tuple(actions)


KINDS = {"bool": "bool", "choice": "choice", "region": "choice", "date": "date", "month": "month"}
TYPED = ("pinyin", "digits", "idnumber", "english")


def _field(state: form.FieldState) -> Field:
    typed = state.keyboard in TYPED and not state.locked
    return Field(
        key=state.key,
        label=state.label,
        kind=KINDS.get(state.keyboard, "text"),  # type: ignore[arg-type]  # the words are View's own
        display=state.display,
        hint=state.hint,
        error=state.error,
        keyboard=state.keyboard if typed else "none",  # type: ignore[arg-type]
        options=tuple(Option(o.value, capital(o.label), is_selected=o.is_selected) for o in state.options),
        is_required=state.required,
        is_locked=state.locked,
        is_done=state.is_done,
        is_focused=state.is_focused and not state.locked,
    )
