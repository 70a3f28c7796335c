"""From the card to the slip, over real sockets and ptys, with the platform alive and with it away."""

from __future__ import annotations

from app.canary import search
from kiosk.session.session import State
from tests.fixtures.kiosk import CUT_WHILE_GREETING, Terminal

pytestmark = CUT_WHILE_GREETING


def test_a_visit_from_card_to_slip_is_committed_once(blank_terminal: Terminal) -> None:
    """The other item that is proven, SIM-YB-0001, is the demo's (test_demo.py)."""
    blank_terminal.lays_by_hand = True
    terminal = blank_terminal.start()
    terminal.play(until=State.SLIP)
    sid = terminal.sid
    terminal.until(lambda: terminal.session.slip == "printed", "the slip")
    assert terminal.commits(sid) == 1
    assert terminal.session.outcome is not None
    assert terminal.session.outcome.case_number in terminal.view.number


def test_offline_the_slip_says_stored_and_the_queue_drains_by_itself(terminal: Terminal) -> None:
    terminal.control("line", "cut")
    terminal.play("SIM-MZ-0008", until=State.SLIP)
    sid = terminal.sid
    terminal.until(lambda: terminal.session.slip == "printed", "the slip")
    assert terminal.view.title == "已存好，等待上报"
    assert terminal.commits(sid) == 0
    terminal.control("line", "mend")
    terminal.until_delivered(sid)
    assert terminal.commits(sid) == 1


def test_nothing_of_a_person_lies_in_the_clear(terminal: Terminal) -> None:
    from app.player import revealed

    terminal.control("line", "cut")
    terminal.play("SIM-MZ-0008", until=State.SIGN)
    words = revealed(terminal.session)
    assert len(words) >= 5
    terminal.play("SIM-MZ-0008", until=State.SLIP)
    state = terminal.folder / "terminal"
    assert search([state], words) == []
    copy = terminal.folder / "unsealed"
    copy.mkdir()
    (copy / "answers.json").write_text("\n".join(words), encoding="utf-8")
    assert search([copy], words) != []
