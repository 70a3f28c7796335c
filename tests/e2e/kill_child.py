"""A headless terminal that is there to be killed: forked from a process that has everything imported.

`python -m tests.e2e.kill_child CONFIG PAGE` reads one order a line. `visit`: fork a terminal that plays one visit
after the other, without end. `drain`: fork one that plays none and ends when nothing waits any more. Each prints what
it comes to, one word and an id a line; `ticket SID NUMBER` is the promise.
"""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import date
from pathlib import Path

import msgspec

from app.build import Kiosk, prepare
from devices.api import Page, Private
from devices.imaging.eye import Eye
from devices.sim.people import people
from kiosk.services.catalogue import own_catalogue
from kiosk.services.submission import uuid7
from kiosk.session import events as evt
from kiosk.session.loop import PlainLoop
from kiosk.session.session import Session, State
from kiosk.station.config import Config
from kiosk.station.texts import own_texts
from offline_queue.api import Change
from offline_queue.api import State as QueueState
from tests.fixtures.kiosk import ANSWERS, SIGNATURE

PATIENCE_S = 30.0
NOTHING_LEFT = (QueueState.READY, QueueState.CLAIMED, QueueState.SENDING)


def say(*words: object) -> None:
    """Write one line at once."""
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


class Telling(Kiosk):
    """Says each change of the queue before anybody else hears of it."""

    def _queue_changed(self, change: Change) -> None:
        say(change.new.value, change.sid)
        super()._queue_changed(change)


class Headless:
    """The composition root without devices: hands, card and pages come as events."""

    def __init__(self, config: Config) -> None:
        self.loop = PlainLoop()
        ready = prepare(config, own_texts())
        self.kiosk = Telling(ready, self.loop, lambda view: None, Eye(), lambda: say("stuck"))
        self._told = ""
        self.kiosk.runner.listeners.append(self._look)
        self.kiosk.start()

    @property
    def session(self) -> Session:
        return self.kiosk.runner.session

    def _look(self, session: Session) -> None:
        if session.ticket is not None and session.ticket.sid != self._told:
            self._told = session.ticket.sid
            say("ticket", session.ticket.sid, session.ticket.intake_number)

    def do(self, name: str, value: str = "") -> None:
        """Send one intent, as a hand would."""
        wall = self.kiosk.ready.clock.wall_s()
        self.kiosk.runner.dispatch(evt.Intent(name, Private(value), at_wall_s=wall, fresh_id=uuid7(wall)))

    def until(self, *states: State) -> None:
        """Let it work until it is in one of the states."""
        if not self.loop.run_until(lambda: self.session.state in states, PATIENCE_S):
            say("lost", self.session)
            os._exit(1)

    def visit(self, jpeg: bytes) -> None:
        """Play one visit from the first touch to the promise, then go."""
        say("visit", "-")
        self.do("start")
        self.do("choose", "item:SIM-MZ-0008")
        self.do("apply")
        self.kiosk.runner.dispatch(evt.CardRead(self.session.turn, people(date.today())["elder"].card))
        self.do("agree", "0" * 64)
        while self.session.state is State.FORM:
            self._fill()
        self.do("defer", "M-HUKOU")
        self.do("scan", "M-BANK")
        digest = hashlib.sha256(jpeg).hexdigest()
        page = Page("M-BANK", 0, Private(jpeg), width_px=640, height_px=420, dpi=200, verdicts=(), sha256=digest)
        self.kiosk.runner.dispatch(evt.PageTaken(self.session.turn, page))
        self.do("next")
        self.do("confirm")
        for stroke in SIGNATURE:
            self.do("stroke", stroke)
        say("sealing", self.session.sid)
        self.do("sign_done")
        self.until(State.DELIVERING, State.SLIP)
        self.loop.run_until(lambda: self.session.state is State.SLIP, 2.0)
        self.kiosk.runner.dispatch(evt.Tick(idle_s=0.0, place_s=11.0))
        self.until(State.SLIP)
        self.kiosk.runner.dispatch(evt.SlipFailed(self.session.turn, "SupplyOut", "paper_out"))
        self.do("finish")
        self.do("finish")
        self.until(State.ATTRACT)

    def _fill(self) -> None:
        view = self.kiosk.runner.view
        turn = self.session.turn
        for field in view.fields if view is not None else ():
            value = ANSWERS.get(field.key, "")
            if value and not field.is_locked and not field.display:
                is_text = field.kind == "text"
                self.do("focus", field.key)
                self.do("type" if is_text else "pick", value if is_text else f"{field.key}={value}")
        self.do("next")
        if self.session.turn == turn:
            say("lost", "the form refuses")
            os._exit(1)

    def drain(self) -> None:
        """Work until nothing waits any more, then end in order."""
        self.kiosk.sync.nudge()
        is_done = self.loop.run_until(lambda: not self.kiosk.store.outcomes(NOTHING_LEFT), 2 * PATIENCE_S)
        say("drained" if is_done and self.kiosk.stop() else "lost", "-")


def main() -> None:
    """Fork a terminal an order."""
    config = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Config)
    jpeg = Path(sys.argv[2]).read_bytes()
    own_texts()
    own_catalogue()  # once for all that are forked
    say("ready", os.getpid())
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            terminal = Headless(config)
            if line.strip() == "drain":
                terminal.drain()
                os._exit(0)
            while True:
                terminal.visit(jpeg)
        say("pid", pid)
        say("end", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
