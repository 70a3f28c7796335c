"""Review, signature, sealing, delivery, slip, farewell and trouble."""

from __future__ import annotations

from kiosk.services import form, slip
from kiosk.session.flow import facts
from kiosk.session.outgoing import word_of
from kiosk.session.screens.frame import Scene, standard_actions, warning_notes, whose_move
from kiosk.session.session import Fault, Session, State
from kiosk.session.view import Action, Note, Row, View


def review(scene: Scene) -> View:
    """All that will be sent, line by line, each page with its way back."""
    session, say = scene.session, scene.say
    how = Note(key="how", text=say("review.online" if scene.station.is_online else "review.offline"))
    lacking = _lacking(session)
    if lacking:
        primary = Action(id="edit", label=say("review.complete"), role="primary", value=lacking)
    else:
        primary = Action(id="confirm", label=say("review.confirm"), role="primary")
    return View(
        screen="review",
        key="review",
        title=say("review.title"),
        lead=say("review.lead"),
        rows=tuple(review_rows(scene)),
        read_on=say("review.read_on"),
        notes=(how, *warning_notes(scene)),
        actions=standard_actions(scene, primary),
    )


def _lacking(session: Session) -> str:
    """Return the first place that is not complete, as the intent `edit` names it; "" when all is there."""
    faults = facts.faults_of(session)
    if faults:
        return f"form:{faults[0].page_index}"
    return "" if all(state.state != "needed" for state in facts.plan_of(session)) else "materials"


def review_rows(scene: Scene) -> list[Row]:
    """Return every visible answer and every material."""
    session, say = scene.session, scene.say
    if session.item is None:
        return []
    rows: list[Row] = []
    answers = form.answer_rows(session.item, session.answers, facts.context_of(session), session.locale)
    by_key = {row.key: row for row in answers}
    for index, page in enumerate(facts.pages_of(session)):
        title = page.title(session.locale) or scene.group(page.group)
        found = [by_key[key] for key in page.keys if key in by_key]
        rows.extend(
            Row(
                key=f"form:{index}" if n == 0 else row.key,
                section=title,
                label=row.label(session.locale),
                value=row.masked,
                action="edit" if n == 0 else "",
                action_label=say("review.edit") if n == 0 else "",
            )
            for n, row in enumerate(found)
        )
    plan = [state for state in facts.plan_of(session) if state.state != "not_needed"]
    rows.extend(
        Row(
            key="materials" if n == 0 else state.code,
            section=say("review.materials"),
            label=state.name,
            value=say("materials.pages", n=state.pages) if state.pages else say(f"materials.state_{state.state}"),
            action="edit" if n == 0 else "",
            action_label=say("review.edit") if n == 0 else "",
        )
        for n, state in enumerate(plan)
    )
    return rows


def sign(scene: Scene) -> View:
    """The declaration and the pad."""
    session, say = scene.session, scene.say
    strokes = session.strokes.reveal()
    notes = whose_move(scene, session.fault)[:1] if session.fault is not None else ()
    return View(
        screen="sign",
        key="sign",
        title=say("sign.title"),
        lead=say("sign.declaration"),
        picture="hand_sign",
        notes=notes,
        has_signature=bool(strokes),
        signature_ink=tuple(tuple(n for x, y, *_ in stroke for n in (x, y)) for stroke in strokes),
        actions=standard_actions(
            scene,
            Action(id="clear_signature", label=say("sign.clear"), is_enabled=bool(strokes)),
            Action(id="sign_done", label=say("sign.done"), role="primary", is_enabled=bool(strokes)),
            end=False,
        ),
    )


def sealing(scene: Scene) -> View:
    """Saving. There is no cancel any more."""
    say = scene.say
    return View(
        screen="sealing",
        key="sealing",
        title=say("sealing.title"),
        lead=say("sealing.lead"),
        picture="sealing",
        progress=0.35,
        progress_text=say("sealing.progress"),
    )


def delivering(scene: Scene) -> View:
    """Stored; on its way."""
    session, say = scene.session, scene.say
    return View(
        screen="delivering",
        key="delivering",
        title=say("delivering.title"),
        lead=say("delivering.lead"),
        picture="delivering",
        number=session.ticket.intake_number if session.ticket is not None else "",
        progress=min(0.95, 0.6 + session.place_s / 30),
        progress_text=say("delivering.progress"),
    )


def slip_code(session: Session) -> str:
    """Return the payload of the code to photograph: a number and its check code, nothing else."""
    if session.ticket is None:
        return ""
    outcome = session.outcome
    is_delivered = word_of(outcome) is slip.Word.DELIVERED and outcome is not None
    return slip.code_payload(outcome.case_number if is_delivered and outcome else session.ticket.intake_number)


def slip_screen(scene: Scene) -> View:
    """What happened, whose move is next, the number, and the code."""
    session, say = scene.session, scene.say
    word = word_of(session.outcome)
    notes: list[Note] = [Note(key="next", text=say(f"slip_screen.next_{word.value}"))]
    key = {
        "": "slip.printing",
        "printing": "slip.printing",
        "printed": "slip.printed",
    }.get(session.slip, "slip.on_screen")
    if session.slip == "failed" and session.fault is not None:
        notes.extend(whose_move(scene, session.fault, "Printer"))
    own: list[Action] = []
    if session.slip in ("printed", "failed"):
        if session.slip == "failed":
            own.append(Action(id="print", label=say("slip_screen.print_again")))
        own.append(Action(id="finish", label=say("slip_screen.finish"), role="primary"))
    case_number = session.outcome.case_number if session.outcome is not None else ""
    rows = [
        Row(key="intake", label=say("slip_screen.intake"), value=session.ticket.intake_number if session.ticket else "")
    ]
    if case_number and word is slip.Word.DELIVERED:
        rows.insert(0, Row(key="case", label=say("slip_screen.case"), value=case_number))
    return View(
        screen="slip",
        key=key,
        title=say(f"slip_screen.title_{word.value}"),
        lead=say(f"slip_screen.paper_{session.slip or 'printing'}"),
        picture="slip",
        rows=tuple(rows),
        number=case_number if case_number and word is slip.Word.DELIVERED else rows[-1].value,
        code=slip_code(session),
        notes=tuple(notes),
        actions=standard_actions(scene, *own, back=False, end=False),
    )


def farewell(scene: Scene) -> View:
    """Take the card, the papers, the slip. Nothing of the visit is left to be shown."""
    session, say = scene.session, scene.say
    notes: tuple[Note, ...] = ()
    if session.is_card_left:
        notes = (Note(key="card", text=say("failures.card_left"), mood="care"),)
    return View(
        screen="farewell",
        key="farewell.card" if session.is_card_left else "farewell",
        title=say("farewell.title"),
        lead=say("farewell.lead" if session.slip == "printed" else "farewell.lead_no_slip"),
        picture="farewell",
        notes=notes,
        actions=(Action(id="finish", label=say("farewell.finish"), role="primary"),),
    )


def trouble(scene: Scene) -> View:
    """What is in the way, whose move it is, and at least one way on."""
    session, say = scene.session, scene.say
    fault = session.fault or Fault(code="other")
    has_way_back = session.came_from is not None
    actions = [Action(id="home", label=say("trouble.home"), role="secondary" if has_way_back else "primary")]
    if session.came_from is State.REVIEW:
        actions.append(Action(id="retry", label=say("trouble.retry"), role="primary"))
    elif has_way_back:
        actions.append(Action(id="back", label=say("trouble.mend"), role="primary"))
    return View(
        screen="trouble",
        key=f"trouble.{fault.code}",
        title=say("trouble.title"),
        picture="trouble",
        notes=whose_move(scene, fault),
        actions=standard_actions(scene, *actions, back=False, end=False),
    )
