"""What leaves a visit: the submission to seal and the slip to print, built from the frozen session."""

from __future__ import annotations

from datetime import datetime

from devices.api import Private, Strip
from kiosk.services.signature import draw_signature
from kiosk.services.slip import SlipFacts, Word, build_slip, is_payment_due, slip_materials
from kiosk.services.submission import Consent, SubmissionFacts, build_submission, delivery_codes
from kiosk.session.flow.facts import context_of, plan_of
from kiosk.session.session import Session
from kiosk.station.clock import SystemClock
from kiosk.station.health import Station
from offline_queue.api import EnvelopeFacts, ManifestBuilder, Outcome, PlainPart, QueueError
from offline_queue.api import State as QueueState


def submission_of(
    session: Session, clock: SystemClock, app_version: str, audit_head: str
) -> tuple[tuple[PlainPart, ...], ManifestBuilder, EnvelopeFacts]:
    """Return parts, manifest builder and envelope facts of a signed session. Work lane: draws the signature.

    Raises: QueueError("not_signed") for a session that cannot be sent.
    """
    if session.item is None or session.identity is None or not session.sid:
        raise QueueError("not_signed")
    strokes = session.strokes.reveal()
    return build_submission(
        SubmissionFacts(
            sid=session.sid,
            catalogue=session.catalogue,
            item=session.item,
            context=context_of(session),
            identity=session.identity,
            answers=session.answers,
            plan=plan_of(session),
            pages=session.pages,
            consents=(Consent(session.consent_hash, int(session.consent_at_wall_s)),),
            signature_png=Private(draw_signature(strokes)),
            strokes=Private(strokes),
            signed_at_s=session.signed_at_wall_s,
            clock_ok=clock.is_trusted(),
            locale=session.locale,
            app_version=app_version,
            audit_head=audit_head,
        )
    )


def compose_slip(session: Session, station: Station, clock: SystemClock, reprint: int) -> Strip:
    """Return the slip for the session as it stands. Raises: ValueError for a session without a ticket."""
    item, identity, ticket, outcome = session.item, session.identity, session.ticket, session.outcome
    if item is None or identity is None or ticket is None:
        raise ValueError("a slip needs a ticket")
    context, locale = context_of(session), session.locale
    word = word_of(outcome)
    is_delivered = word is Word.DELIVERED and outcome is not None
    situation = item.situation(session.situation)
    facts = SlipFacts(
        word=word,
        intake_number=ticket.intake_number,
        item=item,
        situation=(situation.en if locale == "en" else situation.zh) if situation is not None else "",
        name=identity.name,
        id_number=identity.id_number,
        materials=slip_materials(item, plan_of(session)),
        delivery=tuple(
            session.catalogue.label("delivery", code, locale) for code in delivery_codes(item, session.answers)
        ),
        signed_at_s=session.signed_at_wall_s + clock.offset_s,
        station=station.site.name(locale),
        agent_name=station.site.agent(locale),
        agent_phone=station.site.phone,
        terminal_no=station.site.terminal_no,
        is_clock_ok=clock.is_trusted(),
        case_number=outcome.case_number if is_delivered and outcome is not None else "",
        query_code=outcome.query_code if is_delivered and outcome is not None else "",
        platform_at_s=_moment(outcome.delivered_wall) if is_delivered and outcome is not None else 0.0,
        is_payment_due=is_payment_due(item, session.answers, context),
        reprint=reprint,
        scale=session.scale,
    )
    return build_slip(facts, locale)


def word_of(outcome: Outcome | None) -> Word:
    """Return the word a person sees for what the queue knows (product.md §4)."""
    if outcome is None:
        return Word.QUEUED
    if outcome.state in (QueueState.DELIVERED, QueueState.SHREDDED):
        return Word.DELIVERED
    if outcome.state is QueueState.DEAD:
        return Word.HELD
    if outcome.sent_once or outcome.state is QueueState.SENDING:
        return Word.UNCONFIRMED
    return Word.QUEUED


def _moment(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() if iso else 0.0
