"""The journey of an application, from attract to farewell, as one table."""

from __future__ import annotations

from kiosk.session.effects import (
    AskStore,
    Capture,
    Deliver,
    Effect,
    PrintSlip,
    ReadCard,
    Seal,
    WaitCardGone,
    WatchDesk,
)
from kiosk.session.events import Tick
from kiosk.session.flow import folds as f
from kiosk.session.flow.table import Edge, Place, Way
from kiosk.session.session import Session, State

S = State

READ_S = 60.0  # one wait for a card; renewed until the idle limit
WATCH_S = 120.0
STILL_S = 15.0  # capture, download and straightening of an 8 MP still
SEALING_S = 20.0  # after it the store itself is asked
DELIVERING_S = 10.0  # product.md §4: no confirmation within 10 s makes an intake slip
PRINT_S = 25.0
FAREWELL_S = {"standard": 8.0, "elder": 15.0}
CARD_LEFT_S = 60.0  # product.md F03
SLIP_S = {"standard": 60.0, "elder": 90.0}  # the number stays to be copied: product.md F18
TROUBLE_S = 60.0


# ── what places ask for ──────────────────────────────────────────────────────────────────


def read_card(session: Session) -> tuple[Effect, ...]:
    """Ask for the applicant's card."""
    return (ReadCard(session.turn, READ_S),)


def read_further_card(session: Session) -> tuple[Effect, ...]:
    """Ask for a further card while the form wants one."""
    return (ReadCard(session.turn, READ_S),) if session.is_reading_further else ()


def look_at_desk(session: Session) -> tuple[Effect, ...]:
    """Take the still when told to, else look."""
    if session.is_capturing:
        index = sum(page.material == session.material for page in session.pages)
        return (Capture(session.turn, session.material, index, STILL_S, session.keeps_page),)
    return (WatchDesk(session.turn, session.material, WATCH_S),)


def seal(session: Session) -> tuple[Effect, ...]:
    """Seal and store; past the deadline ask the store."""
    return (AskStore(session.turn, session.sid),) if session.is_asking_store else (Seal(session.turn, session.sid),)


def deliver(session: Session) -> tuple[Effect, ...]:
    """Let this one go first."""
    return (Deliver(session.turn, session.sid),)


def print_slip(session: Session) -> tuple[Effect, ...]:
    """Print, unless the slip is out, has failed or is not wanted."""
    return (PrintSlip(session.turn, session.reprints, PRINT_S),) if session.slip in ("", "printing") else ()


def wait_for_card_to_go(session: Session) -> tuple[Effect, ...]:
    """Watch the card that was read."""
    return (WaitCardGone(session.turn, CARD_LEFT_S),) if session.is_card_left else ()


PLACES: dict[State, Place] = {
    place.state: place
    for place in (
        Place(S.ATTRACT, waits=False),
        Place(S.HOME),
        Place(S.GUIDE),
        Place(S.IDENTIFY, read_card),
        Place(S.NOTICE),
        Place(S.SITUATION),
        Place(S.FORM, read_further_card),
        Place(S.MATERIALS),
        Place(S.SCAN, look_at_desk),
        Place(S.REVIEW),
        Place(S.SIGN),
        Place(S.SEALING, seal, waits=False, deadline_s=SEALING_S),
        Place(S.DELIVERING, deliver, waits=False, deadline_s=DELIVERING_S),
        Place(S.SLIP, print_slip, waits=False, deadline_s=SLIP_S["standard"]),
        Place(S.FAREWELL, wait_for_card_to_go, waits=False, deadline_s=CARD_LEFT_S),
        Place(S.TROUBLE, waits=False, deadline_s=TROUBLE_S),
    )
}


# ── when time moves a visit ──────────────────────────────────────────────────────────────


def idle_is_over(session: Session, event: Tick) -> bool:
    """Whether idle time and warning have both passed."""
    idle, warn = session.screen.idle(session.scale)
    return event.idle_s >= idle + warn


def deadline_has_passed(session: Session, event: Tick) -> bool:
    """Whether a place that works by itself has had its time."""
    return event.place_s >= PLACES[session.state].deadline_s


def slip_time_is_over(session: Session, event: Tick) -> bool:
    """Whether the number has stood on the screen long enough."""
    if session.slip in ("", "printing"):
        return event.place_s >= PRINT_S + SLIP_S[session.scale]
    return event.place_s >= (FAREWELL_S if session.slip == "printed" else SLIP_S)[session.scale]


def farewell_is_over(session: Session, event: Tick) -> bool:
    """Whether card and papers are taken, or nobody is there to take them."""
    return event.place_s >= (CARD_LEFT_S if session.is_card_left else FAREWELL_S[session.scale])


VISIT = tuple(state for state in State if state not in (S.ATTRACT, S.SEALING, S.DELIVERING, S.FAREWELL))
WAITING = tuple(state for state in State if PLACES[state].waits)
EVERYWHERE = tuple(State)
LISTS = (S.HOME, S.GUIDE, S.MATERIALS, S.REVIEW, S.NOTICE)

EDGES: tuple[Edge, ...] = (
    # time first: an idle visit ends whatever else is true
    Edge(WAITING, "Tick", Way.LEAVE, when=idle_is_over),
    Edge((S.TROUBLE,), "Tick", Way.LEAVE, when=deadline_has_passed),
    Edge((S.SEALING,), "Tick", S.SEALING, when=deadline_has_passed, fold=f.ask_store),
    Edge((S.DELIVERING,), "Tick", S.SLIP, when=deadline_has_passed),
    Edge((S.SLIP,), "Tick", Way.LEAVE, when=slip_time_is_over),
    Edge((S.FAREWELL,), "Tick", S.ATTRACT, when=farewell_is_over),
    Edge(EVERYWHERE, "Tick", Way.STAY, fold=f.note_time),
    # the frame
    Edge(EVERYWHERE, "locale", Way.STAY, fold=f.set_locale),
    Edge(EVERYWHERE, "scale", Way.STAY, fold=f.set_scale),
    Edge(EVERYWHERE, "contrast", Way.STAY, fold=f.set_contrast),
    Edge(VISIT, "help", Way.STAY, fold=f.toggle_help),
    Edge(WAITING, "stay", Way.STAY, fold=f.stay),
    Edge(VISIT, "end", Way.LEAVE),
    Edge(LISTS, "page_next", Way.STAY, fold=f.page_forward),
    Edge(LISTS, "page_back", Way.STAY, fold=f.page_back),
    # attract, home, guide
    Edge((S.ATTRACT,), "start", S.HOME),
    Edge((S.HOME,), "choose", S.GUIDE, when=f.is_item, fold=f.take_item),
    Edge((S.HOME,), "choose", Way.STAY, when=f.is_filter, fold=f.take_filter),
    Edge((S.HOME,), "type", Way.STAY, fold=f.type_query),
    Edge((S.HOME,), "erase", Way.STAY, fold=f.erase_query),
    Edge((S.HOME,), "back", Way.STAY, when=f.has_filter, fold=f.clear_filter),
    Edge((S.HOME,), "back", S.ATTRACT),
    Edge((S.GUIDE,), "apply", Way.NEXT, when=f.is_applicable),
    Edge((S.GUIDE,), "back", S.HOME),
    # the card
    Edge((S.IDENTIFY,), "CardRead", Way.NEXT, when=f.card_meets_conditions, fold=f.take_card),
    Edge((S.IDENTIFY,), "CardRead", S.TROUBLE, when=f.card_holds, fold=f.fault_of_condition),
    Edge((S.IDENTIFY,), "CardRead", S.IDENTIFY, fold=f.fault_of_card),
    Edge((S.IDENTIFY,), "CardFailed", S.IDENTIFY, fold=f.fault_of_reader),
    Edge((S.IDENTIFY,), "back", S.GUIDE),
    # notice and situation
    Edge((S.NOTICE,), "agree", Way.NEXT, fold=f.agree),
    Edge((S.NOTICE,), "refuse", Way.LEAVE),
    Edge((S.SITUATION,), "choose", Way.NEXT, when=f.is_situation, fold=f.take_situation),
    Edge((S.SITUATION,), "back", Way.BACK),
    # the form
    Edge((S.FORM,), "focus", Way.STAY, fold=f.focus),
    Edge((S.FORM,), "type", Way.STAY, fold=f.type_text),
    Edge((S.FORM,), "erase", Way.STAY, fold=f.erase_text),
    Edge((S.FORM,), "pick", Way.STAY, fold=f.pick),
    Edge((S.FORM,), "add_entry", Way.STAY, fold=f.add_entry),
    Edge((S.FORM,), "remove_entry", Way.STAY, fold=f.remove_entry),
    Edge((S.FORM,), "read_further", S.FORM, fold=f.read_further),
    Edge((S.FORM,), "stop_further", S.FORM, fold=f.stop_further),
    Edge((S.FORM,), "CardRead", S.FORM, when=f.is_own_card, fold=f.refuse_own_card),
    Edge((S.FORM,), "CardRead", S.FORM, when=f.card_holds, fold=f.take_further),
    Edge((S.FORM,), "CardRead", S.FORM, fold=f.refuse_further),
    Edge((S.FORM,), "CardFailed", S.FORM, fold=f.further_failed),
    Edge((S.FORM,), "next", S.FORM, when=f.has_next_page, fold=f.next_page),
    Edge((S.FORM,), "next", Way.NEXT, when=f.form_is_good, fold=f.leave_form),
    Edge((S.FORM,), "next", Way.STAY, fold=f.show_errors),
    Edge((S.FORM,), "back", S.FORM, when=f.has_former_page, fold=f.former_page),
    Edge((S.FORM,), "back", Way.BACK, fold=f.leave_form),
    # the papers
    Edge((S.MATERIALS,), "scan", S.SCAN, when=f.can_scan, fold=f.start_scan),
    Edge((S.MATERIALS,), "rescan", Way.STAY, fold=f.drop_pages),
    Edge((S.MATERIALS,), "defer", Way.STAY, when=f.can_defer, fold=f.defer),
    Edge((S.MATERIALS,), "next", Way.NEXT, when=f.papers_are_complete),
    Edge((S.MATERIALS,), "back", Way.BACK),
    Edge((S.SCAN,), "PreviewChanged", S.SCAN, when=f.is_ready_to_shoot, fold=f.shoot),
    Edge((S.SCAN,), "PreviewChanged", Way.STAY, fold=f.note_preview),
    Edge((S.SCAN,), "shoot", S.SCAN, when=f.may_shoot, fold=f.shoot),
    Edge((S.SCAN,), "keep", S.SCAN, when=f.may_keep, fold=f.keep),
    Edge((S.SCAN,), "retake", S.SCAN, when=f.has_page, fold=f.retake),
    Edge((S.SCAN,), "PageTaken", S.MATERIALS, when=f.is_last_page, fold=f.take_page),
    Edge((S.SCAN,), "PageTaken", S.SCAN, fold=f.take_page),
    Edge((S.SCAN,), "PageRefused", S.SCAN, fold=f.refuse_page),
    Edge((S.SCAN,), "CameraFailed", S.SCAN, when=f.camera_is_waiting),
    Edge((S.SCAN,), "CameraFailed", S.MATERIALS, fold=f.fault_of_camera),
    Edge((S.SCAN,), "done", S.MATERIALS),
    Edge((S.SCAN,), "back", S.MATERIALS),
    # review and signature
    Edge((S.REVIEW,), "confirm", Way.NEXT, when=f.all_is_complete, fold=f.draw_sid),
    Edge((S.REVIEW,), "edit", S.FORM, when=f.is_form_page, fold=f.edit_form),
    Edge((S.REVIEW,), "edit", S.MATERIALS),
    Edge((S.REVIEW,), "back", Way.BACK),
    Edge((S.SIGN,), "stroke", Way.STAY, when=f.is_stroke, fold=f.add_stroke),
    Edge((S.SIGN,), "clear_signature", Way.STAY, fold=f.clear_signature),
    Edge((S.SIGN,), "sign_done", Way.NEXT, when=f.is_signed, fold=f.sign),
    Edge((S.SIGN,), "sign_done", Way.STAY, fold=f.ask_for_signature),
    Edge((S.SIGN,), "back", S.REVIEW, fold=f.clear_signature),
    # sealed, sent, printed: no cancel from here
    Edge((S.SEALING,), "Stored", S.DELIVERING, fold=f.take_ticket),
    Edge((S.SEALING,), "NotStored", S.TROUBLE, fold=f.not_stored),
    Edge((S.DELIVERING,), "OutcomeKnown", S.SLIP, when=f.is_settled, fold=f.note_outcome),
    Edge((S.DELIVERING,), "OutcomeKnown", S.SLIP, when=f.is_put_off, fold=f.note_outcome),
    Edge((S.DELIVERING, S.SLIP), "OutcomeKnown", Way.STAY, when=f.is_ours, fold=f.note_outcome),
    Edge((S.SLIP,), "SlipPrinted", Way.STAY, fold=f.slip_is_out),
    Edge((S.SLIP,), "SlipFailed", Way.STAY, fold=f.slip_failed),
    Edge((S.SLIP,), "print", S.SLIP, fold=f.print_again),
    Edge((S.SLIP,), "no_print", Way.STAY, fold=f.decline_slip),
    Edge((S.SLIP,), "finish", Way.LEAVE),
    # the way out
    Edge((S.TROUBLE,), "retry", S.REVIEW, when=lambda session, _: session.came_from is S.REVIEW),
    Edge((S.TROUBLE,), "home", Way.LEAVE),
    Edge((S.FAREWELL,), "CardGone", Way.STAY, fold=f.card_taken),
    Edge((S.FAREWELL,), "CardFailed", Way.STAY, fold=f.card_taken),
    Edge((S.FAREWELL,), "finish", S.ATTRACT),
)
