"""The simulation's dock: plays with cards, papers, printer and network at the far ends, never in the product."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from devices.api import DeviceKind
from kiosk.session.view import DockControl
from kiosk.station.clock import SystemClock

if TYPE_CHECKING:
    from app.stage import Stage

log = logging.getLogger(__name__)

PAPERS = (("register", "户口簿页"), ("card", "银行卡"), ("birth", "出生证明"), ("text", "文字材料"), ("blank", "白纸"))


class StageDock:
    """Implements `kiosk.session.view.Dock` over a stage that may still be starting."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._clock = SystemClock()
        self._card = ""
        self._paper = ""
        self._on: set[str] = set()

    def take_stage(self, stage: Stage) -> None:
        """Begin to play."""
        self._stage = stage

    def controls(self) -> tuple[DockControl, ...]:
        """Return the switches and how they stand; none before the stage is up."""
        if self._stage is None:
            return ()
        from devices.sim.people import people  # not on the way to the first frame

        cards = [
            DockControl(id="card", label=person.note_zh, group="card", value=key, is_on=self._card == key)
            for key, person in people(self._clock.today()).items()
        ]
        papers = [
            DockControl(id="paper", label=label, group="paper", value=kind, is_on=self._paper == kind)
            for kind, label in PAPERS
        ]
        rest = [
            DockControl(id="card_away", label="取走证件", group="card"),
            DockControl(id="reader_plug", label="拔掉读卡器", group="card", is_on="reader" in self._on),
            DockControl(id="paper_away", label="取走纸张", group="paper"),
            DockControl(id="paper_out", label="打印机缺纸", group="printer", is_on="paper_out" in self._on),
            DockControl(id="jam", label="打印机卡纸", group="printer", is_on="jam" in self._on),
            DockControl(id="line", label="断开网络", group="network", is_on="line" in self._on),
        ]
        return (*cards, *papers, *rest)

    def press(self, control: str, value: str) -> None:
        """Do what the switch says."""
        stage = self._stage
        if stage is None:
            return
        from devices.sim.control import ControlError

        acts: dict[str, Callable[[], object]] = {
            "card": lambda: self._lay_card(stage, value),
            "card_away": lambda: self._take_card(stage),
            "paper": lambda: self._lay_paper(stage, value),
            "paper_away": lambda: self._take_paper(stage),
            "reader_plug": lambda: self._switch("reader", lambda on: self._plug(stage, on)),
            "paper_out": lambda: self._switch("paper_out", lambda on: self._paper_out(stage, on)),
            "jam": lambda: self._switch("jam", lambda on: stage.sims["printer"].control.call("jam", on=on)),
            "line": lambda: self._switch("line", lambda on: stage.sims["line"].control.call("cut" if on else "mend")),
        }
        act = acts.get(control)
        if act is None:
            return
        try:
            act()
        except (ControlError, RuntimeError) as error:
            log.info("dock: %s did not answer: %s", control, error)

    def _switch(self, name: str, act: Callable[[bool], object]) -> None:
        on = name not in self._on
        act(on)
        self._on ^= {name}

    def _lay_card(self, stage: Stage, key: str) -> None:
        stage.sims["reader"].control.call("put", card=key)
        self._card = key

    def _take_card(self, stage: Stage) -> None:
        stage.sims["reader"].control.call("take")
        self._card = ""

    def _lay_paper(self, stage: Stage, kind: str) -> None:
        stage.sims["camera"].control.call("lay", kind=kind)
        self._paper = kind

    def _take_paper(self, stage: Stage) -> None:
        stage.sims["camera"].control.call("take")
        self._paper = ""

    def _plug(self, stage: Stage, is_pulled: bool) -> None:
        if is_pulled:
            stage.unplug(DeviceKind.READER)
        else:
            stage.plug_in(DeviceKind.READER)

    def _paper_out(self, stage: Stage, on: bool) -> None:
        if on:
            stage.sims["printer"].control.call("paper_out_after", lines=0)
        else:
            stage.sims["printer"].control.call("refill")
