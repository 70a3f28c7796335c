"""The rules of a visit that a table does not show by itself."""

from __future__ import annotations

import hashlib

import pytest
from msgspec.structs import replace

from devices.api import DeviceKind
from kiosk.session import effects as ask
from kiosk.session import events as evt
from kiosk.session.flow import card, facts, filling, further
from kiosk.session.flow.facts import stops_of, warnings_of
from kiosk.session.flow.route import can_apply, route
from kiosk.session.flow.signature import MAX_POINTS, decode_stroke, ink_of
from kiosk.session.session import State
from offline_queue.api import State as QueueState
from tests.fixtures.flow import (
    ANSWERS,
    ELDER,
    INSURANCE,
    SID,
    Walk,
    canaries,
    everybody,
    found_in,
    make_station,
    outcome_of,
    page_of,
)

S = State


# ── the way ──────────────────────────────────────────────────────────────────────────────


def test_the_notice_follows_the_card_and_comes_before_the_situation(catalogue):
    for item in catalogue.items:
        walk = Walk(catalogue)
        states = route(replace(walk.session, item=item))
        if can_apply(item):
            assert states.index(S.NOTICE) == states.index(S.IDENTIFY) + 1
            if S.SITUATION in states:
                assert states.index(S.SITUATION) == states.index(S.NOTICE) + 1
            assert states[-2:] == (S.DELIVERING, S.SLIP)


def test_every_item_has_a_guide_and_only_some_can_be_applied_for(catalogue):
    able = set()
    for item in catalogue.items:
        walk = Walk(catalogue).go(S.HOME)
        walk.do("choose", f"item:{item.item_code}")
        assert walk.state is S.GUIDE
        walk.do("apply")
        assert (walk.state is S.IDENTIFY) is can_apply(item)
        if can_apply(item):
            able.add(item.item_code)
    assert {ELDER, INSURANCE} <= able < {item.item_code for item in catalogue.items}


def test_an_item_that_asks_but_knows_no_situation_goes_straight_to_the_form(catalogue):
    item = replace(catalogue.item(INSURANCE), situations=())
    assert S.SITUATION not in route(replace(Walk(catalogue).session, item=item))


def test_without_an_item_there_is_only_home(walk):
    assert route(walk.session) == (S.HOME,)


def test_the_card_and_the_notice_are_not_asked_for_twice(walk):
    walk.go(S.FORM)
    walk.do("focus", "household_address")
    walk.do("type", "甲")
    typed = walk.session.answers
    walk.do("back")
    assert walk.state is S.GUIDE
    walk.press("apply")
    assert walk.state is S.FORM
    assert walk.session.answers == typed


def test_the_elder_scale_opens_by_age_and_can_be_refused(catalogue):
    walk = Walk(catalogue).go(S.NOTICE)
    assert walk.session.scale == "elder"
    other = Walk(catalogue)
    other.do("scale")
    other.do("scale")
    other.go(S.NOTICE)
    assert other.session.scale == "standard"
    young = Walk(catalogue).go(S.NOTICE, INSURANCE)
    assert young.session.scale == "standard"


def test_the_hash_agreed_to_is_that_of_the_text_shown(catalogue):
    for locale in ("zh", "en"):
        walk = Walk(catalogue)
        if locale == "en":
            walk.do("locale")
        walk.go(S.NOTICE)
        shown = "\n".join(row.label for row in walk.view.rows if row.key != "who")
        walk.press("agree")
        assert walk.session.consent_hash == hashlib.sha256(shown.encode()).hexdigest()
        assert walk.session.consent_at_wall_s > 0


# ── the card ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("person", ["expired"])
def test_a_card_that_does_not_hold_is_said_and_has_to_be_taken_back(walk, person):
    walk.go(S.IDENTIFY)
    walk.card(person)
    assert walk.state is S.IDENTIFY
    assert [note.text for note in walk.view.notes] == ["证件已过期，请先换领新证"]
    assert walk.session.identity is None
    assert found_in(walk.session, canaries(everybody()[person])) == []
    walk.press("end")
    assert walk.view.key == "farewell.card"


def test_after_three_tries_the_staff_is_named(walk):
    walk.go(S.IDENTIFY)
    for count in range(1, 4):
        walk.tell(evt.CardFailed(walk.session.turn, "UserFault", "card_unreadable"))
        assert walk.session.tries == count
        happened, whose = walk.view.notes
        assert happened.text == "没读到证件，请擦净后再放一次"
        assert whose.text == ("请您再试一次" if count < 3 else "请找工作人员 张代办 0573-83000000")


def test_a_reader_that_is_back_is_not_called_away(walk):
    walk.go(S.IDENTIFY)
    walk.tell(evt.CardFailed(walk.session.turn, "NotReady", "gone"))
    assert walk.session.tries == 0
    assert walk.view.key == "identify"
    walk.station = make_station(away=(DeviceKind.READER,))
    assert walk.view.key == "identify.again"
    assert walk.view.notes[0].text == "读卡暂不可用，请找工作人员"


def test_a_condition_not_met_is_said_in_the_language_of_the_screen(walk):
    walk.go(S.IDENTIFY)
    walk.card("sixty")
    assert walk.state is S.TROUBLE
    assert walk.view.notes[0].text.startswith("您还未满80周岁")
    assert len(walk.view.notes) == 1, "nobody is sent to try again"
    walk.do("locale")
    assert walk.view.notes[0].text.startswith("Please come back after")
    walk.press("home")
    assert walk.view.key == "farewell.card"


# ── conditions again ─────────────────────────────────────────────────────────────────────


def test_a_situation_of_the_window_is_said_and_another_can_be_chosen(strict_catalogue):
    walk = Walk(strict_catalogue).go(S.SITUATION, INSURANCE)
    walk.do("choose", "situation:newborn")
    assert (walk.state, walk.session.came_from) == (S.TROUBLE, S.SITUATION)
    assert walk.view.notes[0].text == "请到窗口办理：普通居民"
    walk.press("back")
    assert (walk.state, walk.session.came_from, walk.session.fault) == (S.SITUATION, None, None)
    walk.do("choose", "situation:self")
    assert walk.state is S.FORM


def test_an_answer_that_meets_no_condition_is_said_after_the_form_and_can_be_changed(strict_catalogue):
    walk = Walk(strict_catalogue).go(S.FORM, INSURANCE)
    for _ in range(9):
        if walk.state is not S.FORM:
            break
        walk.fill()
        if any(field.key == "person_type" for field in walk.view.fields):
            walk.do("pick", "person_type=在校学生")
        walk.press("next")
    assert walk.state is S.TROUBLE
    assert walk.view.notes[0].text == stops_of(walk.session)[0] == "您还不符合“普通居民”"
    walk.press("back")
    walk.do("pick", "person_type=普通居民")
    assert stops_of(walk.session) == ()
    walk.press("next")
    assert walk.state is S.MATERIALS


def test_warnings_follow_the_answers_and_the_language(catalogue):
    walk = Walk(catalogue).go(S.NOTICE, INSURANCE)
    late = replace(walk.session, today=walk.session.today.replace(month=3))
    assert len(warnings_of(late)) == len(warnings_of(walk.session)) + 1
    assert warnings_of(replace(late, situation="newborn")) == warnings_of(walk.session)
    assert all(not _is_han(text) for text in warnings_of(replace(late, locale="en")))


def _is_han(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


# ── the form ─────────────────────────────────────────────────────────────────────────────


def test_an_edit_from_the_review_goes_back_to_the_review(walk):
    walk.go(S.REVIEW)
    pages = walk.session.pages
    walk.do("edit", "form:1")
    assert any(action.id == "back" for action in walk.view.actions)
    walk.do("focus", "phone")
    walk.do("erase")
    walk.press("next")
    assert walk.state is S.FORM
    assert walk.session.shows_errors
    walk.do("focus", "phone")
    walk.do("type", ANSWERS["phone"][-1])
    walk.press("next")
    assert (walk.state, walk.session.edits_from_review, walk.session.pages) == (S.REVIEW, False, pages)


def test_a_review_that_lacks_something_leads_there(walk):
    walk.go(S.REVIEW)
    walk.do("edit", "form:1")
    walk.do("focus", "phone")
    walk.do("erase")
    walk.press("back")
    assert walk.state is S.REVIEW
    walk.do("confirm")
    assert walk.state is S.REVIEW
    walk.press("edit")
    assert (walk.state, walk.session.form_page) == (S.FORM, 1)


def test_an_edit_that_asks_for_a_new_paper_leads_to_the_papers(walk):
    walk.go(S.REVIEW)
    walk.do("edit", "form:1")
    walk.session = replace(walk.session, pages=walk.session.pages[:1])
    walk.press("next")
    assert walk.state is S.MATERIALS
    walk.session = replace(walk.session, state=S.REVIEW)
    walk.press("edit")
    assert walk.state is S.MATERIALS


def test_papers_no_longer_asked_for_are_let_go(catalogue):
    walk = Walk(catalogue).go(S.REVIEW, INSURANCE, situation="family")
    assert walk.session.pages
    for _ in range(9):
        if walk.state is S.SITUATION:
            break
        walk.press("back")
    walk.do("choose", "situation:self")
    walk.go(S.REVIEW, INSURANCE)
    assert walk.session.pages == ()


def test_an_answer_that_hides_a_page_leaves_nobody_on_a_page_that_is_gone(walk):
    walk.go(S.FORM)
    walk.session = replace(walk.session, form_page=40)
    walk.do("focus", "contact_relation")
    walk.do("pick", "contact_relation=子女")
    assert walk.session.form_page < 10
    assert walk.view.fields


def test_one_relative_is_not_insured_twice(catalogue):
    walk = Walk(catalogue).go(S.FORM, INSURANCE, situation="family")
    while not any(action.id == "read_further" for action in walk.view.actions):
        walk.fill()
        walk.press("next")
    for _ in range(2):
        walk.press("read_further")
        walk.card("child")
    assert walk.view.notes[0].text == "这个人已经填过了"
    walk.press("read_further")
    assert walk.session.fault is None
    walk.card("father")
    assert walk.view.key == "form.further_card"
    assert walk.view.notes[0].text == "这是您自己的证，请换家人的证"
    assert walk.effects == (ask.ReadCard(walk.session.turn, 60.0),)


def test_a_fault_of_the_form_is_not_said_among_the_papers(catalogue):
    walk = Walk(catalogue).go(S.FORM, INSURANCE, situation="family")
    while not any(action.id == "read_further" for action in walk.view.actions):
        walk.fill()
        walk.press("next")
    walk.press("read_further")
    walk.tell(evt.CardFailed(walk.session.turn, "NotReady", "gone"))
    assert walk.session.fault is not None
    walk.go(S.MATERIALS, INSURANCE)
    assert walk.session.fault is None


# ── papers, signature ────────────────────────────────────────────────────────────────────


def test_a_camera_that_is_away_is_said_among_the_papers_and_the_visit_goes_on(walk):
    walk.go(S.SCAN)
    walk.tell(evt.CameraFailed(walk.session.turn, "NotReady", "gone"))
    assert walk.state is S.MATERIALS
    assert walk.view.notes[0].text == "扫描暂不可用，请找工作人员"
    walk.press("defer")
    walk.press("scan")
    assert walk.session.fault is None


def test_a_page_can_be_kept_only_after_three_refusals(walk):
    walk.go(S.SCAN)
    for refusals in range(3):
        assert walk.session.refusals == refusals
        walk.do("keep")
        assert not walk.session.is_capturing
        walk.do("shoot")
        assert walk.effects == (ask.Capture(walk.session.turn, "M-HUKOU", 0, 15.0, False),)
        walk.tell(evt.PageRefused(walk.session.turn, "glare"))
    walk.press("keep")
    assert walk.effects == (ask.Capture(walk.session.turn, "M-HUKOU", 0, 15.0, True),)


def test_no_more_pages_are_taken_than_the_material_has(walk):
    walk.go(S.SCAN)
    for index in range(6):
        assert walk.state is S.SCAN
        walk.do("shoot")
        walk.tell(evt.PageTaken(walk.session.turn, page_of("M-HUKOU", index)))
    assert walk.state is S.MATERIALS
    walk.do("scan", "M-HUKOU")
    assert walk.state is S.MATERIALS


def test_what_is_confirmed_anew_is_signed_anew(walk):
    walk.go(S.SIGN)
    walk.sign()
    assert ink_of(walk.session) > 0.25
    walk.press("sign_done")
    walk.tell(evt.NotStored(walk.session.turn, "free_floor"))
    sid = walk.session.sid
    walk.press("retry")
    walk.go(S.SIGN)
    assert (walk.session.strokes.reveal(), walk.session.sid) == ((), sid)
    assert sid == SID


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("free_floor", "本机暂停收件，您填的内容没有提交"),
        ("DiskFull", "本机暂停收件，您填的内容没有提交"),
        ("signer_unavailable", "还没有存好，您填的内容还在"),
        ("store_silent", "还没有存好，您填的内容还在"),
    ],
)
def test_what_was_not_stored_is_said_only_after_the_store_has_said_so(walk, code, text):
    walk.go(S.SEALING)
    walk.tell(evt.NotStored(walk.session.turn, code))
    assert (walk.state, walk.view.notes[0].text) == (S.TROUBLE, text)


def test_a_pad_has_an_end(walk):
    walk.go(S.SIGN)
    long = "[" + ",".join("0.1,0.1,5" for _ in range(MAX_POINTS // 2)) + "]"
    for _ in range(3):
        walk.do("stroke", long)
    assert sum(len(stroke) for stroke in walk.session.strokes.reveal()) == MAX_POINTS
    assert decode_stroke("[]") is None
    walk.press("clear_signature")
    for _ in range(70):
        walk.do("stroke", "[0.5,0.5,0]")
    assert len(walk.session.strokes.reveal()) == 60


# ── sealed, sent, printed ────────────────────────────────────────────────────────────────


def test_the_word_on_the_slip_is_what_the_queue_knows(catalogue):
    for state, sent, title in (
        (QueueState.READY, False, "已存好，等待上报"),
        (QueueState.READY, True, "已发出，等待平台确认"),
        (QueueState.SENDING, False, "已发出，等待平台确认"),
        (QueueState.DEAD, False, "已存好，需要工作人员处理"),
        (QueueState.DELIVERED, True, "平台已收到"),
        (QueueState.SHREDDED, True, "平台已收到"),
    ):
        walk = Walk(catalogue).go(S.SLIP)
        walk.tell(evt.OutcomeKnown(outcome_of(state, sent=sent)))
        assert walk.view.title == title
        assert bool(walk.view.rows[0].key == "case") is (title == "平台已收到")


def test_an_outcome_learned_while_the_store_is_asked_is_not_lost(walk):
    walk.go(S.SEALING)
    walk.tell(evt.OutcomeKnown(outcome_of(QueueState.DELIVERED)))
    assert walk.state is S.SEALING
    walk.go(S.DELIVERING)
    walk.wait(10)
    assert walk.view.title == "平台已收到"


def test_what_the_queue_learns_of_another_submission_is_nobodys_here(catalogue):
    for place in (S.SEALING, S.DELIVERING, S.SLIP):
        walk = Walk(catalogue).go(place)
        before = walk.session
        for state in QueueState:
            walk.tell(evt.OutcomeKnown(outcome_of(state, sid="019a0000-0000-7000-8000-00000000000f")))
            walk.tell(evt.OutcomeKnown(outcome_of(state, sid="")))
        assert walk.session is before


def test_a_slip_that_is_out_is_not_printed_again_by_a_touch(walk):
    walk.go(S.SLIP)
    assert walk.effects == (ask.PrintSlip(walk.session.turn, 0, 25.0),)
    walk.do("print")
    walk.do("finish")
    assert walk.session.slip == ""
    walk.tell(evt.SlipPrinted(walk.session.turn))
    assert walk.effects == ()
    walk.do("print")
    assert (walk.session.slip, walk.session.reprints) == ("printed", 0)


def test_the_farewell_speaks_of_a_slip_only_when_there_is_one(catalogue):
    with_slip = Walk(catalogue).go(S.FAREWELL)
    assert with_slip.view.lead == "身份证、材料和凭条"
    without = Walk(catalogue).go(S.FORM)
    without.press("end")
    assert without.view.lead == "身份证和材料"


# ── where nothing is chosen ──────────────────────────────────────────────────────────────


def test_without_a_matter_nothing_is_asked_and_nothing_breaks(walk):
    bare, read = walk.session, evt.CardRead(0, everybody()["elder"])
    assert (facts.pages_of(bare), facts.faults_of(bare), facts.plan_of(bare)) == ((), (), ())
    assert (facts.page_of(bare), facts.is_elder(bare), stops_of(bare), warnings_of(bare)) == (None, False, (), ())
    assert not facts.is_open_field(bare, "phone")
    assert card.take_card(bare, read) is bare
    assert further.take_further(bare, read) is bare
    assert filling.type_text(bare, evt.Intent("type")) is bare


def test_a_step_that_is_left_out_while_one_stands_on_it_leads_home(catalogue):
    item = catalogue.item(ELDER)
    item = replace(item, kiosk_flow=tuple(step for step in item.kiosk_flow if step != "materials"))
    walk = Walk(catalogue).go(S.MATERIALS)
    walk.session = replace(walk.session, item=item)
    walk.do("back")
    assert walk.state is S.HOME


def test_typing_into_a_choice_changes_nothing(walk):
    walk.go(S.FORM)
    while not any(field.key == "bank_name" for field in walk.view.fields):
        walk.fill()
        walk.press("next")
    walk.do("focus", "bank_name")
    answers = walk.session.answers
    walk.do("type", "农")
    assert walk.session.answers == answers


@pytest.mark.parametrize(
    "change",
    [
        {"kiosk_flow": ("guide", "identify", "form", "materials", "sign", "confirm", "submit", "slip")},
        {"kiosk_flow": ("guide", "identify", "form", "confirm", "submit", "slip")},
        {"step_conditions": {"sign": "situation == self"}},
        {"identity_level": "face"},
    ],
)
def test_an_item_is_not_taken_where_something_could_be_sealed_unsigned(catalogue, change):
    item = catalogue.item(ELDER)
    assert can_apply(item)
    assert not can_apply(replace(item, **change))
