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
from kiosk.session.flow import (
    both_sides,
    card,
    filling,
    frame,
    further,
    home,
    listing,
    notice,
    papers,
    review,
    scanning,
    signature,
    submit,
    technician,
)
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
SLIP_TAKEN_S = {"standard": 20.0, "elder": 40.0}  # our guess: two sentences read, the slip torn off


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
    """Print, unless the slip is out or has failed."""
    return (PrintSlip(session.turn, session.reprints, PRINT_S),) if submit.is_printing(session) else ()


def wait_for_card_to_go(session: Session) -> tuple[Effect, ...]:
    """Watch the card that was read."""
    return (WaitCardGone(session.turn, CARD_LEFT_S),) if session.is_card_left else ()


PLACES: dict[State, Place] = {
    place.state: place
    for place in (
        Place(S.ATTRACT, waits=False),
        Place(S.HOME),
        Place(S.GUIDE, listing.print_list),
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
        Place(S.TROUBLE),
        Place(S.PIN, technician.check_pin),
        Place(S.TECHNICIAN, technician.serve),
    )
}


# ── when time moves a visit ──────────────────────────────────────────────────────────────


def is_at_work(session: Session) -> bool:
    """Whether the machine works and the person waits: nobody is warned for being idle."""
    is_capturing = session.is_capturing and session.place_s < STILL_S
    return not PLACES[session.state].waits or is_capturing or technician.is_testing(session)


def idle_is_over(session: Session, event: Tick) -> bool:
    """Whether idle time and warning have both passed, with nothing going on."""
    idle, warn = session.screen.idle(session.scale)
    return event.idle_s >= idle + warn and not is_at_work(frame.note_time(session, event))


def deadline_has_passed(session: Session, event: Tick) -> bool:
    """Whether a place that works by itself has had its time."""
    return event.place_s >= PLACES[session.state].deadline_s


def slip_time_is_over(session: Session, event: Tick) -> bool:
    """Whether the number has stood on the screen long enough."""
    if submit.is_printing(session):
        return event.place_s >= PRINT_S + SLIP_S[session.scale]
    return event.place_s >= (SLIP_TAKEN_S if session.slip == "printed" else SLIP_S)[session.scale]


def farewell_is_over(session: Session, event: Tick) -> bool:
    """Whether card and papers are taken, or nobody is there to take them."""
    return event.place_s >= (CARD_LEFT_S if session.is_card_left else FAREWELL_S[session.scale])


WAITING = tuple(state for state in State if PLACES[state].waits)
EVERYWHERE = tuple(State)
HELPED = (*WAITING, S.SLIP)

EDGES: tuple[Edge, ...] = (
    # time first: an idle visit ends whatever else is true
    Edge(WAITING, "Tick", Way.LEAVE, when=idle_is_over),
    Edge((S.ATTRACT,), "Tick", S.ATTRACT, when=frame.is_left_switched),
    Edge((S.SEALING,), "Tick", S.SEALING, when=deadline_has_passed, fold=submit.ask_store),
    Edge((S.DELIVERING,), "Tick", S.SLIP, when=deadline_has_passed),
    Edge((S.SLIP,), "Tick", Way.LEAVE, when=slip_time_is_over),
    Edge((S.FAREWELL,), "Tick", S.ATTRACT, when=farewell_is_over),
    Edge(EVERYWHERE, "Tick", Way.STAY, fold=frame.note_time),
    # the frame
    Edge(EVERYWHERE, "locale", Way.STAY, fold=frame.set_locale),
    Edge(EVERYWHERE, "scale", Way.STAY, fold=frame.set_scale),
    Edge(EVERYWHERE, "contrast", Way.STAY, fold=frame.set_contrast),
    Edge(HELPED, "help", Way.STAY, fold=frame.toggle_help),
    Edge(WAITING, "stay", Way.STAY, fold=frame.stay),
    Edge(WAITING, "end", Way.LEAVE),
    # attract, home, guide
    Edge((S.ATTRACT,), "start", S.HOME),
    Edge((S.HOME,), "choose", S.GUIDE, when=home.is_item, fold=home.take_item),
    Edge((S.HOME,), "choose", Way.STAY, when=home.is_filter, fold=home.take_filter),
    Edge((S.HOME,), "type", Way.STAY, when=home.is_searching, fold=home.type_query),
    Edge((S.HOME,), "erase", Way.STAY, when=home.is_searching, fold=home.erase_query),
    Edge((S.HOME,), "back", Way.STAY, when=home.has_filter, fold=home.clear_filter),
    Edge((S.HOME,), "back", Way.LEAVE),
    Edge((S.GUIDE,), "apply", Way.NEXT, when=home.is_applicable, fold=listing.leave_guide),
    Edge((S.GUIDE,), "print_list", S.GUIDE, when=listing.may_ask_list, fold=listing.ask_list),
    Edge((S.GUIDE,), "ListPrinted", Way.STAY, fold=listing.list_is_out),
    Edge((S.GUIDE,), "ListFailed", Way.STAY, fold=listing.list_failed),
    Edge((S.GUIDE,), "back", S.HOME, fold=listing.leave_guide),
    # the card
    Edge((S.IDENTIFY,), "CardRead", Way.NEXT, when=card.card_meets_conditions, fold=card.take_card),
    Edge((S.IDENTIFY,), "CardRead", S.TROUBLE, when=card.card_holds, fold=card.take_card_that_is_stopped),
    Edge((S.IDENTIFY,), "CardRead", S.IDENTIFY, fold=card.fault_of_card),
    Edge((S.IDENTIFY, S.FORM), "CardFailed", Way.AGAIN, when=card.is_silent),
    Edge((S.IDENTIFY,), "CardFailed", Way.AGAIN, fold=card.fault_of_reader),
    Edge((S.IDENTIFY,), "back", S.GUIDE),
    # notice and situation
    Edge((S.NOTICE,), "agree", Way.NEXT, when=notice.names_a_notice, fold=notice.agree),
    Edge((S.NOTICE,), "refuse", Way.LEAVE),
    Edge(
        (S.SITUATION,),
        "choose",
        S.TROUBLE,
        when=notice.situation_stops,
        fold=notice.take_situation_that_is_stopped,
    ),
    Edge((S.SITUATION,), "choose", Way.NEXT, when=notice.is_situation, fold=notice.take_situation),
    Edge((S.SITUATION,), "back", Way.BACK),
    # the form
    Edge((S.FORM,), "focus", Way.STAY, when=filling.can_focus, fold=filling.focus),
    Edge((S.FORM,), "type", Way.STAY, when=filling.is_typing, fold=filling.type_text),
    Edge((S.FORM,), "erase", Way.STAY, when=filling.is_typing, fold=filling.erase_text),
    Edge((S.FORM,), "pick", Way.STAY, when=filling.can_pick, fold=filling.pick),
    Edge((S.FORM,), "add_entry", Way.STAY, when=filling.can_add_entry, fold=filling.add_entry),
    Edge((S.FORM,), "remove_entry", Way.STAY, when=filling.can_remove_entry, fold=filling.remove_entry),
    Edge((S.FORM,), "read_further", S.FORM, when=further.wants_further, fold=further.read_further),
    Edge((S.FORM,), "stop_further", S.FORM, when=further.is_reading, fold=further.stop_further),
    Edge((S.FORM,), "CardRead", S.FORM, when=further.is_own_card, fold=further.refuse_own_card),
    Edge((S.FORM,), "CardRead", S.FORM, when=card.card_holds, fold=further.take_further),
    Edge((S.FORM,), "CardRead", S.FORM, fold=further.refuse_further),
    Edge((S.FORM,), "CardFailed", S.FORM, fold=further.further_failed),
    Edge((S.FORM,), "next", S.FORM, when=filling.has_next_page, fold=filling.next_page),
    Edge((S.FORM,), "next", S.TROUBLE, when=filling.form_stops, fold=filling.leave_stopped),
    Edge((S.FORM,), "next", S.REVIEW, when=filling.edit_is_done, fold=filling.leave_form),
    Edge((S.FORM,), "next", Way.NEXT, when=filling.form_is_good, fold=filling.leave_form),
    Edge((S.FORM,), "next", Way.STAY, fold=filling.show_errors),
    Edge((S.FORM,), "back", S.REVIEW, when=filling.is_editing, fold=filling.leave_form),
    Edge((S.FORM,), "back", S.FORM, when=filling.has_former_page, fold=filling.former_page),
    Edge((S.FORM,), "back", Way.BACK, fold=filling.leave_form),
    # the papers
    Edge((S.MATERIALS,), "scan", S.SCAN, when=papers.can_scan, fold=papers.start_scan),
    Edge((S.MATERIALS,), "rescan", Way.STAY, when=papers.has_pages, fold=papers.drop_pages),
    Edge((S.MATERIALS,), "defer", Way.STAY, when=papers.can_defer, fold=papers.defer),
    Edge((S.MATERIALS,), "next", Way.NEXT, when=papers.papers_are_complete),
    Edge((S.MATERIALS,), "back", Way.BACK),
    Edge((S.SCAN,), "PreviewChanged", S.SCAN, when=scanning.is_ready_to_shoot, fold=scanning.shoot),
    Edge((S.SCAN,), "PreviewChanged", Way.STAY, fold=scanning.note_preview),
    Edge((S.SCAN,), "shoot", S.SCAN, when=scanning.may_shoot, fold=scanning.shoot),
    Edge((S.SCAN,), "keep", S.SCAN, when=scanning.may_keep, fold=scanning.keep),
    Edge((S.SCAN,), "retake", S.SCAN, when=scanning.has_page, fold=scanning.retake),
    Edge((S.SCAN,), "PageTaken", S.SCAN, when=both_sides.is_taken_side, fold=both_sides.refuse_side),
    Edge((S.SCAN,), "PageTaken", S.MATERIALS, when=scanning.is_last_page, fold=scanning.take_page),
    Edge((S.SCAN,), "PageTaken", S.SCAN, fold=scanning.take_page),
    Edge((S.SCAN,), "PageRefused", S.SCAN, fold=scanning.refuse_page),
    Edge((S.SCAN,), "CameraFailed", Way.AGAIN, when=scanning.camera_is_waiting),
    Edge((S.SCAN,), "CameraFailed", S.MATERIALS, fold=scanning.fault_of_camera),
    Edge((S.SCAN,), "done", S.MATERIALS),
    Edge((S.SCAN,), "back", S.MATERIALS),
    # review and signature
    Edge((S.REVIEW,), "confirm", Way.NEXT, when=review.all_is_complete, fold=review.draw_sid),
    Edge((S.REVIEW,), "edit", S.FORM, when=review.is_form_page, fold=review.edit_form),
    Edge((S.REVIEW,), "edit", S.MATERIALS, when=review.is_paper),
    Edge((S.REVIEW,), "back", Way.BACK),
    Edge((S.SIGN,), "stroke", Way.STAY, when=signature.is_stroke, fold=signature.add_stroke),
    Edge((S.SIGN,), "clear_signature", Way.STAY, fold=signature.clear_signature),
    Edge((S.SIGN,), "sign_done", Way.NEXT, when=signature.is_signed, fold=signature.sign),
    Edge((S.SIGN,), "sign_done", Way.STAY, fold=signature.ask_for_signature),
    Edge((S.SIGN,), "back", S.REVIEW, fold=signature.clear_signature),
    # sealed, sent, printed: no cancel from here
    Edge((S.SEALING,), "Stored", S.DELIVERING, fold=submit.take_ticket),
    Edge((S.SEALING,), "NotStored", S.TROUBLE, fold=submit.not_stored),
    Edge((S.DELIVERING,), "OutcomeKnown", S.SLIP, when=submit.is_settled, fold=submit.note_outcome),
    Edge((S.DELIVERING,), "OutcomeKnown", S.SLIP, when=submit.is_put_off, fold=submit.note_outcome),
    Edge((S.SEALING, S.DELIVERING, S.SLIP), "OutcomeKnown", Way.STAY, when=submit.is_ours, fold=submit.note_outcome),
    Edge((S.SLIP,), "SlipPrinted", S.SLIP, fold=submit.slip_is_out),
    Edge((S.SLIP,), "SlipFailed", S.SLIP, fold=submit.slip_failed),
    Edge((S.SLIP,), "print", S.SLIP, when=submit.may_print, fold=submit.print_again),
    Edge((S.SLIP,), "finish", Way.LEAVE, when=submit.may_finish),
    # the way out
    Edge((S.TROUBLE,), "retry", S.REVIEW, when=submit.was_not_stored),
    Edge((S.TROUBLE,), "back", S.SITUATION, when=notice.was_stopped),
    Edge((S.TROUBLE,), "back", S.FORM, when=filling.was_stopped),
    Edge((S.TROUBLE,), "home", Way.LEAVE),
    Edge((S.FAREWELL,), "CardGone", Way.STAY, fold=submit.card_taken),
    Edge((S.FAREWELL,), "finish", S.ATTRACT),
    # the technician: a hand that rests on the boat of the first screen, then a code
    Edge((S.ATTRACT,), "technician", S.PIN),
    Edge((S.PIN,), "type", Way.STAY, when=technician.is_digit, fold=technician.add_digit),
    Edge((S.PIN,), "erase", Way.STAY, fold=technician.drop_digit),
    Edge((S.PIN,), "pin_done", S.PIN, when=technician.has_digits, fold=technician.ask_check),
    Edge((S.PIN,), "focus", S.PIN, when=technician.has_finished, fold=technician.ask_check),
    Edge((S.PIN,), "PinChecked", S.TECHNICIAN, when=technician.is_right, fold=technician.open_page),
    Edge((S.PIN,), "PinChecked", S.PIN, fold=technician.refuse),
    Edge((S.TECHNICIAN,), "self_test", S.TECHNICIAN, when=technician.can_test, fold=technician.begin_test),
    Edge((S.TECHNICIAN,), "DeviceTested", S.TECHNICIAN, fold=technician.take_result),
    Edge((S.TECHNICIAN,), "AbilitiesTold", Way.STAY, fold=technician.take_abilities),
    Edge((S.PIN, S.TECHNICIAN), "back", Way.LEAVE),
)
