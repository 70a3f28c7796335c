"""One unattended visit: the far ends, the terminal, and the hands that play it."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from app.build import Kiosk, prepare
from app.canary import search
from app.eyesight import eye_limits
from app.hands import Hands
from app.notes import VisitNotes
from app.opening import DICTIONARY
from app.player import Player, PlayFailed, until
from app.setting import enrol_if_blank, for_visit, load_setting, on_stage
from app.stage import Stage
from app.waking import LateFrames, waking_view
from devices.api import NEEDED, DeviceKind
from devices.imaging.eye import Eye
from devices.registry import driver_for
from kiosk.services.catalogue import own_catalogue
from kiosk.session.flow.route import can_apply
from kiosk.session.view import View
from kiosk.station.texts import own_texts
from offline_queue.api import State as QueueState
from ui.app import Terminal


class Script(msgspec.Struct, frozen=True):
    """What the visit is about."""

    item: str
    locale: str = "zh"
    is_elder: bool = False
    size: tuple[int, int] = (1080, 1920)


class Visit:
    """Plays one visit and writes down what it left."""

    def __init__(self, out: Path, script: Script, links: dict[str, str], undo: ExitStack) -> None:
        self._out = out
        self._script = script
        self._links = {DeviceKind(kind): link for kind, link in links.items()}
        for kind, link in self._links.items():
            driver_for(kind, link)  # a wire that cannot be one is refused before anything starts
        item = next((i for i in own_catalogue().items if i.item_code == script.item), None)
        if item is None:
            raise ValueError(f"--item: {script.item} — an item code of the catalogue, such as SIM-YB-0001")
        if not can_apply(item):
            raise ValueError(f"--item: {script.item} — its guide alone is shown here; SIM-YB-0001 can be played")
        kinds = tuple(kind for kind in NEEDED if kind not in self._links)
        self._stage = undo.enter_context(Stage(out / "work", kinds))
        self._undo = undo
        self._notes = VisitNotes(out, has_own_card=DeviceKind.READER in self._links)

    def play(self, offline: bool) -> dict[str, Any]:
        """Return the summary. Raises: KioskError, QueueError, ConfigError, RuntimeError when it cannot start."""
        staged = on_stage(load_setting(None), self._stage, self._links)
        folder = (self._out / "work" / "terminal").resolve()
        config = for_visit(staged, folder, self._script.locale, is_elder=self._script.is_elder)
        if self._stage.announced is None:
            raise RuntimeError("the local platform did not start")
        enrol_if_blank(config, self._stage.announced)
        eye, frames = Eye(eye_limits(config)), LateFrames()
        frames.source = eye
        kiosk_box: list[Kiosk] = []
        terminal = Terminal(
            lambda name, value: kiosk_box[0].runner.intent(name, value) if kiosk_box else None,
            frames=frames,
            page_jpeg=lambda key: kiosk_box[0].runner.page_jpeg(key) if kiosk_box else None,
            pinyin_path=DICTIONARY if DICTIONARY.exists() else None,
            size=self._script.size,
            title="近办 Jinban",
        )
        self._undo.callback(terminal.close)
        terminal.show(waking_view(config))
        until(lambda: terminal.first_frame_ms >= 0, 10)
        ready = prepare(config, own_texts())
        views: list[View] = []

        def show(view: View) -> None:
            views[:] = [view]
            terminal.show(view)

        kiosk = Kiosk(ready, terminal, show, eye, lambda: None)
        kiosk_box.append(kiosk)
        queue_before = _waiting(kiosk)
        kiosk.runner.listeners.append(self._notes.take)
        if offline:
            self._stage.platform.stop()
        kiosk.start()
        player = Player(terminal, lambda: views[0], lambda: kiosk.runner.session, self._out)
        refused = ""
        try:
            # the top line says what the line really is before anybody begins
            until(lambda: kiosk.central.has_asked, 15)
            until(lambda: all(lane.status.is_ready for lane in kiosk.lanes.values()), 20)
            refused = Hands(player, self._stage, self._links, self._script.item, self._notes).visit()
        except PlayFailed as error:
            refused = str(error)
            player.photograph()
            terminal.grab(self._out / "screens" / "99-failed.png")
        session = self._notes.last
        sid = session.sid if session is not None else ""
        slip_kind = ""  # which document was due, on paper or, where no printer answers, on the screen
        if session is not None and session.ticket is not None:
            is_delivered = session.outcome is not None and bool(session.outcome.case_number)
            slip_kind = "delivery_receipt" if is_delivered else "intake_slip"
        if offline:
            self._stage.restart_platform()
        stored = bool(sid) and kiosk.store.find(sid) is not None
        if stored:
            until(lambda: self._is_delivered(kiosk, sid), 90)
        queue_after = _waiting(kiosk)
        delivered = stored and self._is_delivered(kiosk, sid)
        hits = search((self._out / "work" / "terminal", self._out / "work" / "tmp"), self._notes.words)
        kiosk.stop()
        hits += search((self._out / "work" / "terminal", self._out / "work" / "tmp"), self._notes.words)
        platform = self._platform_facts(sid) if stored else {"case_number": "", "commits": 0}
        self._keep_slip()
        ticket = session.ticket if session is not None else None
        return {
            "item": self._script.item,
            "ticket": ticket.intake_number if ticket is not None else "",
            "queued_at": ticket.created_wall if ticket is not None else "",
            "offline": offline,
            "slip_kind": slip_kind,
            "slip_printed": session is not None and session.slip == "printed",
            "delivered": delivered,
            "case_number": platform["case_number"],
            "platform_saw_times": platform["commits"],
            "queue_before": queue_before,
            "queue_after": queue_after,
            "plaintext_hits": sum(count for _, count in hits),
            "refused": refused,
            "timings_ms": {
                "first_frame": round(terminal.first_frame_ms),
                **{k: round(v) for k, v in self._notes.timings.items()},
            },
        }

    def _is_delivered(self, kiosk: Kiosk, sid: str) -> bool:
        outcome = kiosk.store.find(sid)
        return outcome is not None and outcome.state in (QueueState.DELIVERED, QueueState.SHREDDED)

    def _platform_facts(self, sid: str) -> dict[str, Any]:
        from sandbox.store_view import NotThere, open_view

        with open_view(self._out / "work" / "platform") as view:
            try:
                (self._out / "submission.pdf").write_bytes(view.pdf(sid))
                return {"case_number": view.case_number(sid), "commits": view.commits(sid)}
            except NotThere:
                return {"case_number": "", "commits": view.commits(sid)}

    def _keep_slip(self) -> None:
        if DeviceKind.PRINTER in self._links:
            return
        last = self._stage.sims["printer"].control.call("last")
        if last:
            for name in ("bin", "png"):
                source = Path(str(last.get(name, "")))
                if source.is_file():
                    shutil.copyfile(source, self._out / f"slip.{name}")


def _waiting(kiosk: Kiosk) -> int:
    stats = kiosk.store.stats()
    return stats.ready + stats.sending
