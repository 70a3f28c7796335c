"""What the platform may answer: each time the screen says whose move it is, and the application arrives once."""

from __future__ import annotations

import pytest

from app.commands.queue import run_queue
from kiosk.session.session import State
from offline_queue.api import PauseReason
from offline_queue.api import State as QueueState
from tests.fixtures.kiosk import CUT_WHILE_GREETING, Terminal

pytestmark = CUT_WHILE_GREETING
LATE_S = 11.0  # the screen waits ten seconds for the platform
DELIVERED, UNCONFIRMED, QUEUED, HELD = (
    "平台已收到",
    "已发出，等待平台确认",
    "已存好，等待上报",
    "已存好，需要工作人员处理",
)


def send(kiosk: Terminal) -> str:
    """Sign and wait until the submission is stored; return its id."""
    kiosk.play(until=State.SIGN)
    kiosk.play(until=State.DELIVERING)
    return kiosk.sid


def slip(kiosk: Terminal) -> str:
    """Return the title over the slip once it is printed, and what the paper says."""
    kiosk.until_state(State.SLIP)
    kiosk.until(lambda: kiosk.session.slip == "printed", "the slip")
    return kiosk.view.title


@pytest.mark.parametrize(
    ("on", "answer"),
    [
        ("put", {"status": 500}),
        ("create", {"status": 500}),
        ("put", {"status": 429, "retry_after": "1"}),
        ("put", {"status": 503, "code": "busy", "retry_after": "1"}),
        ("put", {"status": 409, "code": "in_progress", "retry_after": "1"}),
        ("put", {"status": 401, "code": "token_expired"}),
    ],
    ids=["500", "500_at_upload", "429", "503", "409", "401"],
)
def test_an_answer_that_passes_is_waited_for(kiosk: Terminal, on: str, answer: dict[str, object]) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.faults.next(on, **answer)
    sid = send(kiosk)
    kiosk.until_delivered(sid)
    assert kiosk.faults.left() == 0
    assert kiosk.commits(sid) == 1
    slip(kiosk)
    kiosk.until(lambda: kiosk.view.title == DELIVERED, "the platform's word on the screen")
    assert kiosk.view.number == kiosk.session.outcome.case_number


def test_a_platform_that_stays_broken_makes_an_intake_slip(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.faults.next("put", status=500, times=20)
    sid = send(kiosk)
    kiosk.until(lambda: kiosk.outcome_state(sid) is QueueState.READY and kiosk.faults.left() < 20, "the first answer")
    kiosk.pass_time(place_s=LATE_S)
    assert slip(kiosk) == UNCONFIRMED
    assert "终端会继续核实，不用再办" in kiosk.said
    assert kiosk.view.number == kiosk.session.ticket.intake_number
    kiosk.faults.clear()
    kiosk.go_home()
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1


def test_html_from_a_portal_is_not_believed(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.faults.next("create", "html")
    sid = send(kiosk)
    kiosk.until_state(State.SLIP)
    assert slip(kiosk) in (QUEUED, DELIVERED)  # the portal was the first to answer; the platform may be the next
    kiosk.until_delivered(sid)
    kiosk.until(lambda: kiosk.view.title == DELIVERED, "the screen to follow")
    assert kiosk.commits(sid) == 1


def test_a_platform_that_says_nothing_does_not_hold_the_visit(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.faults.next("put", "hang")
    sid = send(kiosk)
    kiosk.until(lambda: kiosk.faults.left() == 0, "the silence")
    kiosk.pass_time(place_s=LATE_S)
    assert slip(kiosk) == UNCONFIRMED
    kiosk.go_home()
    kiosk.control("line", "mend")  # which drops the connection that hangs
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1


def test_a_mute_line_is_told_from_a_living_one(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.control("line", "mute")
    sid = send(kiosk)
    kiosk.pass_time(place_s=LATE_S)
    assert slip(kiosk) == QUEUED
    assert "有网后自动上报，不用再办" in kiosk.said
    assert kiosk.commits(sid) == 0
    kiosk.go_home()
    kiosk.control("line", "mend")
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1


def test_a_reply_lost_after_the_commit_makes_no_second_case(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.faults.next("put", "drop_reply")
    sid = send(kiosk)
    assert slip(kiosk) == DELIVERED
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1


def test_a_line_cut_in_the_middle_of_an_upload_goes_on_where_it_was(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.control("line", "cut_after", count=60_000)
    sid = send(kiosk)
    kiosk.pass_time(place_s=LATE_S)
    assert slip(kiosk) in (QUEUED, UNCONFIRMED, DELIVERED)
    kiosk.control("line", "cut_after", count=0)
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1


def test_a_device_that_is_suspended_stores_and_waits(kiosk: Terminal) -> None:
    def told() -> list[tuple[object, object]]:
        lines = [(line["e"], line["a"].get("reason")) for line in kiosk.audit_lines()]
        return [line for line in lines if line[0] in {"queue.paused", "queue.resumed"}]

    kiosk.play(until=State.SIGN)
    before = len(told())  # the terminal is shared: a former misfortune may have paused it too
    kiosk.faults.next("create", status=403, code="device_suspended", times=3)
    sid = send(kiosk)
    kiosk.until(lambda: kiosk.running.sync.line.pause is PauseReason.SUSPENDED, "the pause")
    assert slip(kiosk) == QUEUED
    assert kiosk.commits(sid) == 0
    kiosk.faults.clear()
    kiosk.running.sync.resume()
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1
    kiosk.until(lambda: ("queue.resumed", None) in told()[before:], "the end of the pause in the audit log")
    assert ("queue.paused", "device_suspended") in told()[before:]


def test_a_refusal_is_held_for_staff_and_can_be_sent_again(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.hands_in_less = True
    terminal.play(until=State.SIGN)
    terminal.faults.refuse_next()
    sid = send(terminal)
    assert slip(terminal) == HELD
    assert "工作人员会联系您" in terminal.said
    assert terminal.commits(sid) == 0
    config = terminal.write_config()
    assert run_queue("retry", config, False) == 2
    assert "a terminal is running" in capsys.readouterr().err
    terminal.stop()
    assert run_queue("retry", config, False, sid) == 0
    terminal.start()
    terminal.until_delivered(sid)
    assert terminal.commits(sid) == 1
