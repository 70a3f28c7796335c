"""Journeys that together take every edge of the table. Each begins at ATTRACT with a strict catalogue."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kiosk.services.catalogue import Catalogue
from kiosk.session import events as evt
from kiosk.session.compose import view_of
from kiosk.session.session import Session, State
from offline_queue.api import State as QueueState
from tests.fixtures.flow import COUPLE, ELDER, INSURANCE, QUERY, Walk, outcome_of, preview_of

S = State


def look_around(walk: Walk) -> None:
    """Somebody plays with the frame and the tiles, and leaves."""
    for name in ("locale", "scale", "contrast"):
        walk.do(name)
    walk.wait(10)
    walk.wait(500)
    assert walk.session.locale == "zh"
    walk.press("start")
    walk.do("help")
    walk.do("stay")
    walk.do("choose", "window:社会事务")
    walk.press("back")
    walk.press("choose")
    walk.do("type", QUERY)
    walk.do("erase")
    walk.press("back")
    walk.do("choose", f"item:{ELDER}")
    walk.press("back")
    walk.press("back")
    assert walk.state is S.ATTRACT


def too_young(walk: Walk) -> None:
    """A card that is expired, one that cannot be read, none at all, and one that meets no condition."""
    walk.go(S.IDENTIFY)
    walk.press("back")
    walk.press("apply")
    walk.card("expired")
    walk.tell(evt.CardFailed(walk.session.turn, "UserFault", "card_unreadable"))
    walk.tell(evt.CardFailed(walk.session.turn, "TimedOut", "no_card"))
    walk.card("sixty")
    assert walk.state is S.TROUBLE
    walk.press("home")
    walk.tell(evt.CardGone(walk.session.turn))
    walk.press("finish")
    assert walk.state is S.ATTRACT


def refuses_notice(walk: Walk) -> None:
    """Somebody reads the notice and goes to a window; the card is forgotten until the reminder ends."""
    walk.go(S.NOTICE)
    walk.press("refuse")
    walk.wait(61)
    assert walk.state is S.ATTRACT


def wants_the_list(walk: Walk) -> None:
    """Somebody only wants to know what to bring, on paper; the first sheet does not come out."""
    walk.go(S.GUIDE)
    for reply in (
        lambda turn: evt.ListFailed(turn, "SupplyOut", "paper_out"),
        evt.ListPrinted,
    ):
        walk.do("print_list")
        walk.tell(reply(walk.session.turn))
        assert walk.state is S.GUIDE
    walk.press("back")
    walk.press("back")
    assert walk.state is S.ATTRACT


def walks_away(walk: Walk) -> None:
    """Somebody ends in the middle of the form, another just walks away."""
    walk.go(S.FORM)
    walk.press("end")
    walk.press("finish")
    walk.go(S.FORM)
    walk.wait(500)
    assert walk.state is S.FAREWELL


def insures_family(walk: Walk) -> None:
    """A father insures a child: every way of filling the form, and of being stopped by it."""
    walk.go(S.SITUATION, INSURANCE)
    walk.do("choose", "situation:newborn")
    assert walk.state is S.TROUBLE
    walk.press("back")
    walk.press("back")
    assert walk.state is S.GUIDE
    walk.press("apply")
    walk.do("choose", "situation:family")
    assert walk.state is S.FORM
    walk.press("back")
    walk.do("choose", "situation:family")
    while not any(a.id == "read_further" for a in walk.view.actions):
        walk.fill()
        for field in walk.view.fields:
            if field.key == "person_type":
                walk.do("pick", "person_type=在校学生")
        walk.press("next")
    _relatives(walk)
    walk.fill()
    walk.press("next")
    while walk.state is S.FORM:
        walk.fill()
        walk.press("next")
    assert walk.state is S.TROUBLE
    walk.press("back")
    while not any(field.key == "person_type" for field in walk.view.fields):
        walk.press("back")
    walk.do("pick", "person_type=普通居民")
    walk.go(S.MATERIALS, INSURANCE)


def _relatives(walk: Walk) -> None:
    walk.press("read_further")
    walk.tell(evt.CardFailed(walk.session.turn, "TimedOut", "no_card"))
    walk.card("father")
    assert walk.session.is_reading_further
    walk.card("expired")
    walk.press("read_further")
    walk.tell(evt.CardFailed(walk.session.turn, "UserFault", "card_unreadable"))
    walk.press("read_further")
    walk.press("stop_further")
    walk.press("read_further")
    walk.card("child")
    assert not walk.session.is_reading_further
    walk.press("add_entry")
    walk.press("remove_entry")
    walk.do("focus", "members.0.member_name")
    walk.do("erase")
    walk.do("type", "例")
    walk.do("focus")


def forgets_a_field(walk: Walk) -> None:
    """Nothing is written: the form says so; then everything, forward and back."""
    walk.go(S.FORM)
    walk.press("next")
    walk.press("next")
    assert walk.session.shows_errors
    walk.press("back")
    walk.go(S.MATERIALS)
    walk.press("back")
    assert walk.state is S.FORM


def hands_in_papers(walk: Walk) -> None:
    """Papers by machine and by hand; refused, kept, taken again, put off; the camera goes away."""
    walk.go(S.SCAN)
    turn = walk.session.turn
    walk.tell(evt.PreviewChanged(turn, preview_of("hands")))
    walk.tell(evt.CameraFailed(turn, "TimedOut", "watch"))
    for _ in range(3):
        walk.press("shoot")
        walk.tell(evt.PageRefused(walk.session.turn, "glare"))
    walk.press("keep")
    walk.tell(evt.PageTaken(walk.session.turn, _page(walk)))
    walk.press("retake")
    walk.tell(evt.PreviewChanged(walk.session.turn, preview_of(is_ready=True)))
    walk.tell(evt.PageTaken(walk.session.turn, _page(walk)))
    walk.press("done")
    walk.do("rescan", "M-HUKOU")
    walk.press("defer")
    assert walk.session.deferred == ("M-HUKOU",)
    walk.press("scan")
    walk.press("back")
    walk.press("scan")
    walk.tell(evt.CameraFailed(walk.session.turn, "NotReady", "gone"))
    walk.press("scan")
    walk.press("shoot")
    walk.tell(evt.PageTaken(walk.session.turn, _page(walk)))
    assert walk.state is S.MATERIALS
    walk.press("next")
    assert walk.state is S.REVIEW


def lays_a_card(walk: Walk) -> None:
    """The spouse's ID card: its front, the front once more, then its back; all of it is sent."""
    walk.go(S.SCAN, COUPLE, situation="after")
    for side in ("front", "front", "back"):
        walk.press("shoot")
        walk.tell(evt.PageTaken(walk.session.turn, replace(_page(walk), side=side)))
    assert walk.state is S.MATERIALS
    assert [page.side for page in walk.session.pages] == ["front", "back"]
    walk.go(S.ATTRACT, COUPLE)


def _page(walk: Walk):
    from tests.fixtures.flow import page_of

    material = walk.session.material
    return page_of(material, sum(page.material == material for page in walk.session.pages))


def looks_again(walk: Walk) -> None:
    """From the review to what is wrong and back; signs too little, then well; the disk is full, then not."""
    walk.go(S.REVIEW)
    walk.press("back")
    walk.press("next")
    walk.do("edit", "materials")
    walk.press("next")
    walk.do("edit", "form:1")
    walk.press("next")
    assert walk.state is S.REVIEW
    walk.do("edit", "form:1")
    walk.press("back")
    walk.go(S.SIGN)
    walk.press("back")
    walk.go(S.SIGN)
    walk.do("stroke", "[0.5,0.5,0]")
    walk.press("sign_done")
    assert walk.session.fault is not None
    walk.press("clear_signature")
    walk.go(S.SEALING)
    walk.wait(21)
    walk.tell(evt.NotStored(walk.session.turn, "free_floor"))
    assert walk.state is S.TROUBLE
    walk.press("retry")
    walk.go(S.DELIVERING)


def gets_a_slip_offline(walk: Walk) -> None:
    """The line is down; the paper ends, is filled, and the person finishes."""
    walk.go(S.SEALING)
    walk.tell(evt.OutcomeKnown(outcome_of(QueueState.READY)))
    walk.go(S.DELIVERING)
    walk.tell(evt.OutcomeKnown(outcome_of(QueueState.READY)))
    assert walk.view.title == "已存好，等待上报"
    walk.tell(evt.SlipFailed(walk.session.turn, "SupplyOut", "paper_out"))
    walk.press("print")
    walk.go(S.ATTRACT)


def gets_a_slip_online(walk: Walk) -> None:
    """The platform answers, late; the person has gone before the screen is read."""
    walk.go(S.DELIVERING)
    walk.wait(11)
    assert walk.state is S.SLIP
    walk.wait(500)
    assert walk.state is S.FAREWELL
    walk.wait(61)
    walk.go(S.SLIP)
    assert walk.view.title == "平台已收到"


def serves_the_machine(walk: Walk) -> None:
    """A technician mistypes the code, then tests a reader with a card and a printer without paper, and leaves."""
    walk.do("technician")
    for digit in "1234567":
        walk.do("type", digit)
    walk.do("erase")
    assert walk.view.fields[0].display == "●" * 6
    walk.press("pin_done")
    walk.tell(evt.PinChecked(walk.session.turn, "wrong"))
    walk.press("back")
    walk.do("technician")
    walk.do("type", "9")
    walk.press("pin_done")
    walk.tell(evt.PinChecked(walk.session.turn, "closed", 15.0))
    walk.do("type", "9")
    walk.do("focus")
    walk.tell(evt.PinChecked(walk.session.turn, "right"))
    assert walk.session.pin.reveal() == ""
    walk.tell(evt.AbilitiesTold(walk.session.turn, "reader", "05.01", ("card_R",), ("card_Y",)))
    walk.do("self_test", "reader")
    good = {"layout": "R", "photo": "1024"}
    walk.tell(evt.DeviceTested(walk.session.turn, "reader", "selftest.reader_good", facts=good))
    walk.do("self_test", "printer")
    out = {"code": "paper_out", "how": "SupplyOut"}
    walk.tell(
        evt.DeviceTested(walk.session.turn, "printer", "selftest.failed_SupplyOut", "paper_out", out, "SupplyOut")
    )
    walk.press("back")
    assert walk.state is S.ATTRACT


JOURNEYS: tuple[Callable[[Walk], None], ...] = (
    look_around,
    too_young,
    refuses_notice,
    wants_the_list,
    walks_away,
    insures_family,
    forgets_a_field,
    hands_in_papers,
    lays_a_card,
    looks_again,
    gets_a_slip_offline,
    gets_a_slip_online,
    serves_the_machine,
)


def moments(catalogue: Catalogue) -> tuple[Session, ...]:
    """Return one session for each place and variant of a screen that the journeys pass."""
    found: dict[tuple[object, ...], Session] = {}
    for journey in JOURNEYS:
        walk = Walk(catalogue)
        journey(walk)
        for session in walk.seen:
            shown = view_of(session, walk.station, walk.texts)
            mark = (session.state, shown.key, session.focus, session.is_reading_further, shown.title, session.tries)
            found.setdefault((*mark, session.item and session.item.item_code, session.came_from), session)
    return tuple(found.values())
