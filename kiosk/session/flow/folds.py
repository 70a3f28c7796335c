"""Folds and guards of the apply journey: pure, each a few lines, named for what they mean."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable

from msgspec.structs import replace

from devices.api import Private
from kiosk.services import conditions, form, identity, materials
from kiosk.services.catalogue import ServiceItem
from kiosk.session.events import (
    CameraFailed,
    CardFailed,
    CardRead,
    Intent,
    NotStored,
    OutcomeKnown,
    PageRefused,
    PageTaken,
    PreviewChanged,
    SlipFailed,
    Stored,
    Tick,
)
from kiosk.session.flow.route import can_apply
from kiosk.session.session import Fault, Session, State, Stroke
from kiosk.station.errors import FormError, IdentityError
from offline_queue.api import State as QueueState

REFUSALS_BEFORE_KEEP = 3  # product.md F08
MAX_QUERY = 24
MAX_STROKES = 60
MAX_POINTS = 4000
MIN_INK = 0.25  # length of all strokes in pad widths; less is a slip of the finger, not a name
CARD_TRIES = 3  # product.md F01


def value_of(event: Intent) -> str:
    """Return the intent's value."""
    return event.value.reveal()


def context_of(session: Session) -> form.FormContext:
    """Return what the item's conditions may ask about this visit."""
    return form.form_context(
        session.catalogue, session.today, session.situation, "self", has_card=session.card is not None
    )


def age_of(session: Session) -> int | None:
    """Return the age on the card, or None before the card."""
    if session.identity is None:
        return None
    return identity.age_on(session.identity.birth_date.reveal(), session.today)


# ── frame ────────────────────────────────────────────────────────────────────────────────


def set_locale(session: Session, event: Intent) -> Session:
    """Switch the language; input stays."""
    return replace(session, locale="en" if session.locale == "zh" else "zh")


def set_scale(session: Session, event: Intent) -> Session:
    """Switch the scale; from now on age does not change it."""
    return replace(
        session, scale="standard" if session.scale == "elder" else "elder", is_scale_chosen=True, list_page=0
    )


def set_contrast(session: Session, event: Intent) -> Session:
    """Switch the contrast."""
    return replace(session, contrast="normal" if session.contrast == "high" else "high")


def toggle_help(session: Session, event: Intent) -> Session:
    """Open or close the help panel."""
    return replace(session, is_help_open=not session.is_help_open)


def note_time(session: Session, event: Tick) -> Session:
    """Take the seconds over."""
    return replace(session, idle_s=event.idle_s, place_s=event.place_s)


def stay(session: Session, event: Intent) -> Session:
    """Close the idle warning."""
    return replace(session, idle_s=0.0)


def page_forward(session: Session, event: Intent) -> Session:
    """Turn the list on."""
    return replace(session, list_page=session.list_page + 1)


def page_back(session: Session, event: Intent) -> Session:
    """Turn the list back."""
    return replace(session, list_page=max(0, session.list_page - 1))


# ── home ─────────────────────────────────────────────────────────────────────────────────


def is_item(session: Session, event: Intent) -> bool:
    """Whether an item of the catalogue was chosen."""
    kind, _, code = value_of(event).partition(":")
    return kind == "item" and any(item.item_code == code for item in session.catalogue.items)


def is_filter(session: Session, event: Intent) -> bool:
    """Whether a window class, a life field or the search was chosen."""
    return value_of(event).partition(":")[0] in ("window", "life", "search")


def take_item(session: Session, event: Intent) -> Session:
    """Take the chosen item; everything a former choice had filled is new."""
    code = value_of(event).partition(":")[2]
    item = next(item for item in session.catalogue.items if item.item_code == code)
    return replace(session, item=item, situation="", answers={}, pages=(), deferred=(), form_page=0)


def take_filter(session: Session, event: Intent) -> Session:
    """Show one class, one life field, or the search."""
    return replace(session, filter=value_of(event), list_page=0, query=Private(""))


def clear_filter(session: Session, event: Intent) -> Session:
    """Back to all tiles."""
    return replace(session, filter="", list_page=0, query=Private(""))


def type_query(session: Session, event: Intent) -> Session:
    """Add to what is searched for."""
    text = (session.query.reveal() + value_of(event))[:MAX_QUERY]
    return replace(session, query=Private(text), list_page=0)


def erase_query(session: Session, event: Intent) -> Session:
    """Take the last character of the search away."""
    return replace(session, query=Private(session.query.reveal()[:-1]), list_page=0)


def has_filter(session: Session, event: Intent) -> bool:
    """Whether home shows a part of the catalogue."""
    return bool(session.filter)


def is_applicable(session: Session, event: Intent) -> bool:
    """Whether this terminal can take the application."""
    return session.item is not None and can_apply(session.item)


# ── card ─────────────────────────────────────────────────────────────────────────────────


def _identity_fault(session: Session, event: CardRead) -> str:
    try:
        identity.identity_of(event.card, session.today)
    except IdentityError as error:
        return error.code
    return ""


def card_holds(session: Session, event: CardRead) -> bool:
    """Whether the card's own data agree and it is in force."""
    return _identity_fault(session, event) == ""


def card_meets_conditions(session: Session, event: CardRead) -> bool:
    """Whether no condition of the item blocks this person."""
    return card_holds(session, event) and not _blocks(take_card(session, event))


def _blocks(session: Session) -> tuple[conditions.ConditionVerdict, ...]:
    return tuple(verdict for verdict in _verdicts(session) if verdict.outcome == "block")


def _verdicts(session: Session) -> tuple[conditions.ConditionVerdict, ...]:
    if session.item is None or session.identity is None:
        return ()
    return conditions.check_conditions(
        session.item, session.identity, session.answers, context_of(session), session.today, locale=session.locale
    )


def take_card(session: Session, event: CardRead) -> Session:
    """Take the identity, fill the form, open the elder scale by age."""
    if session.item is None:
        return session
    who = identity.identity_of(event.card, session.today)
    situation = session.situation
    if session.item.situation_mode == "derived":
        situation = conditions.derive_situation(session.item, who, session.today)
    is_elder = identity.age_on(who.birth_date.reveal(), session.today) >= session.screen.elder_from_age
    taken = replace(
        session,
        identity=who,
        card=Private(event.card),
        situation=situation,
        answers=form.prefill(session.item, event.card, session.today, session.locale),
        scale="elder" if is_elder and not session.is_scale_chosen else session.scale,
        fault=None,
    )
    warnings = tuple(verdict.text for verdict in _verdicts(taken) if verdict.outcome == "warn")
    return replace(taken, warnings=warnings)


def fault_of_card(session: Session, event: CardRead) -> Session:
    """Say what is wrong with the card itself."""
    return replace(
        session, fault=Fault(code=_identity_fault(session, event), kind="IdentityError"), tries=session.tries + 1
    )


def fault_of_condition(session: Session, event: CardRead) -> Session:
    """Say which condition is not met, in the catalogue's words; the card stays known to be taken back."""
    taken = take_card(session, event)
    first = _blocks(taken)[0]
    return replace(
        taken, fault=Fault(code="condition_not_met", kind="Condition", text=first.text), came_from=State.HOME
    )


def fault_of_reader(session: Session, event: CardFailed) -> Session:
    """Count a failed try and say whose move it is. A silent wait for a card is no failure."""
    if event.kind in ("TimedOut", "Cancelled") and event.code == "no_card":
        return session
    tries = session.tries + (event.kind == "UserFault")
    return replace(session, fault=Fault(code=event.code, kind=event.kind), tries=tries)


# ── notice, situation ────────────────────────────────────────────────────────────────────


def agree(session: Session, event: Intent) -> Session:
    """Record which notice was agreed to, by its hash, and when."""
    return replace(session, consent_hash=value_of(event), consent_at_wall_s=event.at_wall_s)


def is_situation(session: Session, event: Intent) -> bool:
    """Whether one of the item's situations was chosen."""
    kind, _, code = value_of(event).partition(":")
    known = session.item.situations if session.item is not None else ()
    return kind == "situation" and any(situation.code == code for situation in known)


def take_situation(session: Session, event: Intent) -> Session:
    """Take the situation."""
    return replace(session, situation=value_of(event).partition(":")[2], form_page=0)


# ── form ─────────────────────────────────────────────────────────────────────────────────


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


def page_is_good(session: Session, event: Intent) -> bool:
    """Whether the page shown holds no mistake."""
    return all(fault.page_index != session.form_page for fault in faults_of(session))


def has_next_page(session: Session, event: Intent) -> bool:
    """Whether the page shown is good and another follows."""
    return (
        page_is_good(session, event)
        and session.form_page + 1 < len(pages_of(session))
        and not session.edits_from_review
    )


def form_is_good(session: Session, event: Intent) -> bool:
    """Whether nothing is missing on any page."""
    return not faults_of(session)


def next_page(session: Session, event: Intent) -> Session:
    """Turn to the next page."""
    return replace(session, form_page=session.form_page + 1, focus="", shows_errors=False)


def has_former_page(session: Session, event: Intent) -> bool:
    """Whether a page stands before this one."""
    return session.form_page > 0 and not session.edits_from_review


def former_page(session: Session, event: Intent) -> Session:
    """Turn to the page before."""
    return replace(session, form_page=session.form_page - 1, focus="", shows_errors=False)


def show_errors(session: Session, event: Intent) -> Session:
    """Show the reason beside each field; turn to the first page that has one if this page is good."""
    faults = faults_of(session)
    on_page = [fault for fault in faults if fault.page_index == session.form_page]
    page = session.form_page if on_page or not faults else faults[0].page_index
    return replace(session, shows_errors=True, form_page=page, focus="")


def leave_form(session: Session, event: Intent) -> Session:
    """Close the keyboard; papers of materials that are no longer asked for are let go."""
    kept = {state.code for state in plan_of(session) if state.state != "not_needed"}
    pages = tuple(page for page in session.pages if page.material in kept)
    return replace(session, focus="", shows_errors=False, edits_from_review=False, pages=pages)


def focus(session: Session, event: Intent) -> Session:
    """Give a field the keyboard."""
    return replace(session, focus=value_of(event))


def _answered(session: Session, change: Callable[[ServiceItem], form.Answers]) -> Session:
    """Return the session with the answers changed; what the form engine refuses changes nothing."""
    if session.item is None:
        return session
    try:
        return replace(session, answers=change(session.item))
    except FormError:
        return session


def type_text(session: Session, event: Intent) -> Session:
    """Type into the focused field; what the field does not allow is not taken."""
    return _answered(session, lambda item: form.type_into(item, session.focus, session.answers, value_of(event)))


def erase_text(session: Session, event: Intent) -> Session:
    """Take the last character away."""
    return _answered(session, lambda item: form.erase(item, session.focus, session.answers))


def pick(session: Session, event: Intent) -> Session:
    """Take a choice: `key=value`."""
    key, _, value = value_of(event).partition("=")
    return _answered(session, lambda item: form.choose(item, key, session.answers, value))


def add_entry(session: Session, event: Intent) -> Session:
    """Add an empty entry to a repeated group, and turn to its page."""
    grown = _answered(session, lambda item: form.add_entry(item, value_of(event), session.answers))
    return _turned_to_last(grown, value_of(event)) if grown is not session else session


def remove_entry(session: Session, event: Intent) -> Session:
    """Take an entry of a repeated group out: `members.1`."""
    key, _, entry = value_of(event).rpartition(".")
    if not entry.isdecimal():
        return session
    cut = _answered(session, lambda item: form.remove_entry(item, key, session.answers, int(entry)))
    return replace(cut, focus="", form_page=min(session.form_page, len(pages_of(cut)) - 1), shows_errors=False)


def _turned_to_last(session: Session, repeat: str) -> Session:
    """Return the session turned to the newest entry of a repeat."""
    last = max((i for i, page in enumerate(pages_of(session)) if page.repeat == repeat), default=session.form_page)
    return replace(session, form_page=last, shows_errors=False, focus="")


def read_further(session: Session, event: Intent) -> Session:
    """Ask for a further card."""
    return replace(session, is_reading_further=True, fault=None, focus="")


def stop_further(session: Session, event: object) -> Session:
    """Ask for no further card."""
    return replace(session, is_reading_further=False)


def is_own_card(session: Session, event: CardRead) -> bool:
    """Whether the further card is the applicant's own, put down again."""
    return session.identity is not None and event.card.id_number.reveal() == session.identity.id_number.reveal()


def refuse_own_card(session: Session, event: CardRead) -> Session:
    """Say that another person's card is needed."""
    return replace(session, is_reading_further=False, fault=Fault(code="own_card_again", kind="IdentityError"))


def refuse_further(session: Session, event: CardRead) -> Session:
    """Say what is wrong with the further card."""
    fault = Fault(code=_identity_fault(session, event), kind="IdentityError")
    return replace(session, is_reading_further=False, fault=fault)


def take_further(session: Session, event: CardRead) -> Session:
    """Take name and number of a further person from the card."""
    if session.item is None:
        return session
    try:
        answers = form.prefill_member(session.item, session.answers, event.card)
    except FormError as error:
        return replace(session, is_reading_further=False, fault=Fault(code=error.code, kind="FormError"))
    taken = replace(session, answers=answers, is_reading_further=False, fault=None)
    here = pages_of(session)[session.form_page]
    return _turned_to_last(taken, here.repeat) if here.repeat else taken


def further_failed(session: Session, event: CardFailed) -> Session:
    """A further card could not be read: the fields can be typed."""
    return replace(session, is_reading_further=False, fault=Fault(code=event.code, kind=event.kind))


# ── papers ───────────────────────────────────────────────────────────────────────────────


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


def papers_are_complete(session: Session, event: Intent) -> bool:
    """Whether no material is still needed."""
    return all(state.state != "needed" for state in plan_of(session))


def can_scan(session: Session, event: Intent) -> bool:
    """Whether the material named may be scanned."""
    state = material_of(session, value_of(event))
    return state is not None and state.needs_scan and state.pages < state.max_pages


def start_scan(session: Session, event: Intent) -> Session:
    """Turn to the desk for one material."""
    return replace(
        session, material=value_of(event), refusals=0, gate="", is_capturing=False, keeps_page=False, fault=None
    )


def can_defer(session: Session, event: Intent) -> bool:
    """Whether the material may follow later."""
    state = material_of(session, value_of(event))
    return state is not None and state.can_defer and state.pages == 0


def defer(session: Session, event: Intent) -> Session:
    """Let the material follow later, or take that back."""
    code = value_of(event)
    kept = tuple(other for other in session.deferred if other != code)
    return replace(session, deferred=kept if code in session.deferred else (*kept, code))


def is_ready_to_shoot(session: Session, event: PreviewChanged) -> bool:
    """Whether the eye says: now."""
    return event.preview.is_ready and not session.is_capturing and not _is_full(session)


def _is_full(session: Session) -> bool:
    state = material_of(session, session.material)
    return state is None or state.pages >= state.max_pages


def may_shoot(session: Session, event: Intent) -> bool:
    """Whether a page can still be taken."""
    return not session.is_capturing and not _is_full(session)


def note_preview(session: Session, event: PreviewChanged) -> Session:
    """Take what the eye says."""
    return replace(session, preview=event.preview)


def shoot(session: Session, event: object) -> Session:
    """Take the still."""
    return replace(session, is_capturing=True, keeps_page=False)


def may_keep(session: Session, event: Intent) -> bool:
    """Whether the person may insist on a page that was refused."""
    return session.refusals >= REFUSALS_BEFORE_KEEP and may_shoot(session, event)


def keep(session: Session, event: Intent) -> Session:
    """Take the still whatever the gates say, marked for review."""
    return replace(session, is_capturing=True, keeps_page=True)


def is_last_page(session: Session, event: PageTaken) -> bool:
    """Whether the material has no room for a further page."""
    state = material_of(session, session.material)
    return state is None or state.pages + 1 >= state.max_pages


def take_page(session: Session, event: PageTaken) -> Session:
    """Add the page."""
    deferred = tuple(code for code in session.deferred if code != event.page.material)
    return replace(
        session,
        pages=(*session.pages, event.page),
        deferred=deferred,
        is_capturing=False,
        keeps_page=False,
        refusals=0,
        gate="",
    )


def refuse_page(session: Session, event: PageRefused) -> Session:
    """Count the refusal and remember which gate spoke."""
    return replace(session, is_capturing=False, refusals=session.refusals + 1, gate=event.gate)


def has_page(session: Session, event: Intent) -> bool:
    """Whether a page of this material can be taken back."""
    return any(page.material == session.material for page in session.pages) and not session.is_capturing


def retake(session: Session, event: Intent) -> Session:
    """Drop the material's last page."""
    last = max(i for i, page in enumerate(session.pages) if page.material == session.material)
    return replace(session, pages=session.pages[:last] + session.pages[last + 1 :], refusals=0, gate="")


def drop_pages(session: Session, event: Intent) -> Session:
    """Drop every page of one material, to scan it anew."""
    return replace(session, pages=tuple(page for page in session.pages if page.material != value_of(event)))


def camera_is_waiting(session: Session, event: CameraFailed) -> bool:
    """Whether nothing is wrong but the time."""
    return event.kind == "TimedOut" and event.code == "watch" and not session.is_capturing


def fault_of_camera(session: Session, event: CameraFailed) -> Session:
    """Scanning is not available; the visit goes on without it."""
    return replace(session, is_capturing=False, fault=Fault(code=event.code, kind=event.kind or "NotReady"))


# ── review, signature ────────────────────────────────────────────────────────────────────


def all_is_complete(session: Session, event: Intent) -> bool:
    """Whether form and papers have all that is asked."""
    return not faults_of(session) and papers_are_complete(session, event)


def draw_sid(session: Session, event: Intent) -> Session:
    """Take the submission's id, for ever."""
    return replace(session, sid=session.sid or event.fresh_id)


def is_form_page(session: Session, event: Intent) -> bool:
    """Whether the place to change is a page of the form."""
    kind, _, index = value_of(event).partition(":")
    return kind == "form" and index.isdecimal() and int(index) < len(pages_of(session))


def edit_form(session: Session, event: Intent) -> Session:
    """Back to one page of the form; `next` returns to the review."""
    return replace(
        session, form_page=int(value_of(event).partition(":")[2]), edits_from_review=True, shows_errors=False
    )


def decode_stroke(text: str) -> Stroke | None:
    """Return the stroke in `[x, y, ms, …]`, or None when it is no stroke inside the pad."""
    try:
        flat = json.loads(text)
    except ValueError:
        return None
    if not isinstance(flat, list) or not flat or len(flat) % 3 or len(flat) > 3 * MAX_POINTS:
        return None
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in flat):
        return None
    points = tuple((float(x), float(y), int(ms)) for x, y, ms in zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    return points if all(0 <= x <= 1 and 0 <= y <= 1 and ms >= 0 for x, y, ms in points) else None


def is_stroke(session: Session, event: Intent) -> bool:
    """Whether the intent carries a stroke."""
    return len(session.strokes.reveal()) < MAX_STROKES and decode_stroke(value_of(event)) is not None


def add_stroke(session: Session, event: Intent) -> Session:
    """Add the stroke."""
    stroke = decode_stroke(value_of(event))
    return (
        session
        if stroke is None
        else replace(session, strokes=Private((*session.strokes.reveal(), stroke)), fault=None)
    )


def clear_signature(session: Session, event: Intent) -> Session:
    """Sign anew."""
    return replace(session, strokes=Private(()), fault=None)


def ink_of(session: Session) -> float:
    """Return the length of all strokes, in pad widths."""
    return sum(math.dist(a[:2], b[:2]) for stroke in session.strokes.reveal() for a, b in itertools.pairwise(stroke))


def is_signed(session: Session, event: Intent) -> bool:
    """Whether there is ink enough for a name."""
    return ink_of(session) >= MIN_INK


def sign(session: Session, event: Intent) -> Session:
    """The moment of signing. From here there is no cancel."""
    return replace(session, signed_at_wall_s=event.at_wall_s, focus="")


def ask_for_signature(session: Session, event: Intent) -> Session:
    """Say that the name is still missing."""
    return replace(session, fault=Fault(code="not_signed", kind="FormError"))


# ── sealing, delivery, slip ──────────────────────────────────────────────────────────────


def ask_store(session: Session, event: Tick) -> Session:
    """The deadline has passed: nobody guesses, the store is asked."""
    return replace(session, is_asking_store=True)


def take_ticket(session: Session, event: Stored) -> Session:
    """The promise is made."""
    return replace(session, ticket=event.ticket, fault=None, is_asking_store=False)


def not_stored(session: Session, event: NotStored) -> Session:
    """The store has said so: nothing was kept. What was filled in is still here."""
    return replace(
        session, fault=Fault(code=event.code, kind="DiskFull"), came_from=State.REVIEW, is_asking_store=False
    )


def is_ours(session: Session, event: OutcomeKnown) -> bool:
    """Whether the outcome is this visit's own."""
    return bool(session.sid) and event.outcome.sid == session.sid


def is_settled(session: Session, event: OutcomeKnown) -> bool:
    """Whether waiting longer in front of the screen has no use: delivered, or a person must look at it."""
    done = (QueueState.DELIVERED, QueueState.SHREDDED, QueueState.DEAD)
    return is_ours(session, event) and event.outcome.state in done


def is_put_off(session: Session, event: OutcomeKnown) -> bool:
    """Whether nothing has left yet and the line is down: the slip can be printed now."""
    return is_ours(session, event) and event.outcome.state is QueueState.READY and not event.outcome.sent_once


def note_outcome(session: Session, event: OutcomeKnown) -> Session:
    """Take what the queue knows."""
    return replace(session, outcome=event.outcome)


def slip_is_out(session: Session, event: object) -> Session:
    """The printer confirmed."""
    return replace(session, slip="printed", fault=None)


def slip_failed(session: Session, event: SlipFailed) -> Session:
    """The number stays on the screen."""
    return replace(session, slip="failed", fault=Fault(code=event.code, kind=event.kind))


def print_again(session: Session, event: Intent) -> Session:
    """Print once more, counted."""
    return replace(session, slip="printing", reprints=session.reprints + 1, fault=None)


def decline_slip(session: Session, event: Intent) -> Session:
    """Only look at the number."""
    return replace(session, slip="declined")


def card_taken(session: Session, event: object) -> Session:
    """No card lies about any more."""
    return replace(session, is_card_left=False)
