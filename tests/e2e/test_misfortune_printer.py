"""The slip does not come: the number stands on the screen, and the submission is where it belongs."""

from __future__ import annotations

import pytest

from devices.api import DeviceKind, SupplyState
from kiosk.session.session import State
from tests.fixtures.kiosk import Terminal

STAFF = "请找工作人员 代办员 陈阿姨 0573-8300 0000"
OUT, BROKEN, AWAY = "缺纸，号码在屏幕上，可稍后补打", "凭条没有打完，号码在屏幕上", "暂不能打印凭条，号码在屏幕上"


def come_to_the_slip(kiosk: Terminal) -> str:
    """Play to the slip and wait until the printer has failed; return the submission's id."""
    kiosk.play(until=State.SLIP)
    kiosk.until(lambda: kiosk.session.slip == "failed", "the printer's trouble")
    assert kiosk.view.key == "slip.on_screen"
    assert kiosk.view.number == kiosk.session.outcome.case_number
    assert kiosk.view.code != ""
    return kiosk.sid


def printer_is_ready(kiosk: Terminal, is_ready: bool = True) -> None:
    lane = kiosk.running.lanes[DeviceKind.PRINTER]
    kiosk.until(lambda: lane.status.is_ready is is_ready, f"a printer that is {is_ready}")


def jobs(kiosk: Terminal) -> list[dict[str, object]]:
    found = kiosk.control("printer", "jobs")
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("trouble", ["paper_out_after", "cover_open", "jam"])
def test_trouble_under_the_job_keeps_the_number_and_prints_again(kiosk: Terminal, trouble: str) -> None:
    kiosk.play(until=State.SIGN)
    if trouble == "paper_out_after":
        kiosk.control("printer", trouble, lines=2)
    else:
        kiosk.control("printer", trouble)
    sid = come_to_the_slip(kiosk)
    assert kiosk.commits(sid) == 1
    assert kiosk.said[-1] == STAFF
    assert kiosk.said[-2] == {"paper_out_after": BROKEN, "cover_open": AWAY, "jam": BROKEN}[trouble]
    assert kiosk.session.fault is not None
    assert (kiosk.session.fault.kind == "SlipHalf") is (trouble == "paper_out_after")  # the others came before the job
    kiosk.control("printer", "mend")
    printer_is_ready(kiosk)
    before = len(jobs(kiosk))
    kiosk.press("print")
    kiosk.until(lambda: kiosk.session.slip == "printed", "the slip")
    assert kiosk.session.reprints == 1
    done = jobs(kiosk)[before:]
    assert [job["is_complete"] for job in done].count(True) == 1
    assert any("补打" in row for row in done[-1]["rows"])


def test_without_paper_the_visit_ends_with_the_number_on_the_screen(kiosk: Terminal) -> None:
    kiosk.control("printer", "paper_out_after", lines=0)
    kiosk.until(
        lambda: kiosk.running.lanes[DeviceKind.PRINTER].status.supply is SupplyState.OUT, "a printer that has no paper"
    )
    kiosk.until(lambda: kiosk.view.top.notice == AWAY, "the notice that no slip can be printed")
    sid = come_to_the_slip(kiosk)
    assert OUT in kiosk.said
    assert STAFF in kiosk.said
    kiosk.press("finish")
    kiosk.until_state(State.FAREWELL)
    assert kiosk.commits(sid) == 1


def test_a_mute_printer_is_not_believed_to_have_printed(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.control("printer", "mute")
    sid = come_to_the_slip(kiosk)
    assert AWAY in kiosk.said
    assert kiosk.commits(sid) == 1
    printer_is_ready(kiosk, False)
    kiosk.control("printer", "mend")
    kiosk.control("printer", "mute", on=False)
    printer_is_ready(kiosk)


def test_a_printer_pulled_out_costs_only_the_paper(terminal: Terminal) -> None:
    terminal.hands_in_less = True
    terminal.play(until=State.FORM)
    terminal.stage.unplug(DeviceKind.PRINTER)
    printer_is_ready(terminal, False)
    terminal.until(lambda: terminal.view.top.notice == AWAY, "the notice that no slip can be printed")
    sid = come_to_the_slip(terminal)
    assert AWAY in terminal.said
    assert terminal.commits(sid) == 1
    terminal.press("finish")
    terminal.until_state(State.FAREWELL)
