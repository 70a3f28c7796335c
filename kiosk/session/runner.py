"""Runs a visit: turns effects into commands, replies into events, sessions into views. Main thread only.

Everything slow happens on a lane; a reply comes back through `Loop.post`. When the turn changes every command of
the former turn is called off, and whatever it still answers is dropped by `step`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from devices.api import (
    Camera,
    Cancelled,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    IdReader,
    Preview,
    Private,
    ReceiptPrinter,
    Status,
    TimedOut,
    UserFault,
)
from kiosk.services.submission import uuid7
from kiosk.session import effects as ask
from kiosk.session import events as evt
from kiosk.session.compose import view_of
from kiosk.session.flow.both_sides import joined_pages
from kiosk.session.outgoing import compose_slip, submission_of
from kiosk.session.parts import Parts
from kiosk.session.servicing import Servicing
from kiosk.session.session import Session, State, first_session
from kiosk.session.sheets import print_list
from kiosk.session.step import step
from kiosk.session.view import View
from kiosk.station.failures import LEFT
from offline_queue.api import Change, QueueError, QueueStats

log = logging.getLogger(__name__)

TICK_S = 1.0
PAUSE_AFTER_FAULT_S = 1.0  # a reader that is away answers at once; asking it in a tight loop helps nobody
ACTS = (
    evt.Intent,
    evt.CardRead,
    evt.PageTaken,
    evt.Stored,
    evt.NotStored,
    evt.SlipPrinted,
    evt.SlipFailed,
    evt.ListPrinted,
    evt.CardGone,
    evt.PinChecked,
    evt.DeviceTested,
)
"""What counts as activity. A device that only says it is away, or that nobody came, must not keep a visit alive."""
WATCH_STEP = 0.01  # outlines that moved less (of the frame) are the same picture
STUCK_S = 30.0  # work that takes longer is a defect: audit and exit for the supervisor


class SessionRunner:
    """Owns the session. All public methods run on the main thread but `queue_changed` and `device_changed`."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self.session = first_session(parts.catalogue, parts.clock.today(), parts.screen)
        self.station = parts.station
        self.view: View | None = None
        self.listeners: list[Callable[[Session], None]] = []
        self._active_at = parts.loop.now()
        self._placed_at = parts.loop.now()
        self._ticking: Callable[[], None] | None = None
        self._last_corners: tuple[float, ...] = ()
        self._last_gate = ("", False)
        self._servicing = Servicing(parts, self._took)

    # ── life ─────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Show ATTRACT and begin to tick. Raises: StoreCorrupt."""
        self.session = self._named(self.session)
        self.station = replace(self.station, queue=self._p.store.stats())  # once: nobody is waiting yet
        self._refresh_station()
        self._show()
        self._ticking = self._p.loop.after(TICK_S, self._tick)

    def stop(self) -> None:
        """Stop ticking and call off what runs."""
        if self._ticking is not None:
            self._ticking()
        self._cancel(self.session.turn)

    def intent(self, name: str, value: str = "") -> None:
        """Take what the person did. A grey button does nothing."""
        self._active_at = self._p.loop.now()
        if self.view is not None and any(
            action.id == name and action.value in ("", value) and not action.is_enabled for action in self.view.actions
        ):
            return
        wall = self._p.clock.wall_s()
        self.dispatch(evt.Intent(name, Private(value), at_wall_s=wall, fresh_id=uuid7(wall)))

    def page_jpeg(self, key: str) -> bytes | None:
        """Return the picture `material/index` of this visit, the small one where there is one, or None."""
        for page in self.session.pages:
            if f"{page.material}/{page.index}" == key:
                return page.thumbnail.reveal() or page.jpeg.reveal()
        return None

    def device_changed(self, status: Status) -> None:
        """Take a device's new status. Any thread."""
        self._p.loop.post(lambda: self._device_changed(status))

    def line_changed(self) -> None:
        """Show at once that the platform answers, or no longer does. Any thread."""
        self._p.loop.post(self._line_changed)

    def queue_changed(self, change: Change) -> None:
        """Take what the queue learned. Any thread."""
        self._p.loop.post(lambda: self._queue_changed(change))

    # ── events ───────────────────────────────────────────────────────────────────────────

    def dispatch(self, event: evt.Event) -> None:
        """Step, call off the former turn, run the effects, show."""
        before = self.session
        if isinstance(event, evt.PreviewChanged) and _is_handled(before.preview, event.preview):
            self._active_at = self._p.loop.now()
        session, wanted = step(before, event)
        if session.turn != before.turn:
            self._cancel(before.turn)
            self._placed_at = self._p.loop.now()
            if _is_act(event):
                self._active_at = self._placed_at
            if session.id != before.id:
                session = self._named(session)
                if before.state not in (State.ATTRACT, State.FAREWELL):
                    self._p.journal.visit_ended(before, was_idle=isinstance(event, evt.Tick))
            elif before.state is State.ATTRACT:
                self._p.journal.visit_began(session)
        self.session = session
        for effect in wanted:
            self._run(effect)
        self._show()
        for listener in tuple(self.listeners):
            listener(self.session)

    def _named(self, session: Session) -> Session:
        return replace(session, id=secrets.token_hex(16), today=self._p.clock.today(), catalogue=self._p.catalogue)

    def _tick(self) -> None:
        now = self._p.loop.now()
        if self._p.work.busy_s() > STUCK_S or self._rests_with_a_stuck_lane():
            self._p.journal.stuck()
            self._p.on_stuck()
            return
        self._count()
        self._refresh_station()
        self.dispatch(evt.Tick(idle_s=now - self._active_at, place_s=now - self._placed_at))
        self._ticking = self._p.loop.after(TICK_S, self._tick)

    def _rests_with_a_stuck_lane(self) -> bool:
        """Whether nobody is here and a device's thread is lost: only a new process gets its port back."""
        return self.session.state is State.ATTRACT and any(lane.is_stuck for lane in self._p.lanes.values())

    def _line_changed(self) -> None:
        self._refresh_station()
        self._show()

    def _show(self) -> None:
        view = view_of(self.session, self.station, self._p.texts)
        if view != self.view:
            self.view = view
            self._p.show(view)

    # ── station ──────────────────────────────────────────────────────────────────────────

    def _refresh_station(self) -> None:
        local = self._p.clock.local_time()
        self.station = replace(
            self.station,
            clock_text=local.strftime("%H:%M"),
            is_clock_ok=self._p.clock.is_plausible(),
            is_online=self._p.sync.is_online(),
        )

    def _count(self) -> None:
        """Let the work lane ask the store for its counts: the store may wait for the disk, this thread never does."""
        if not self._p.work.busy_s():
            self._p.work.submit(self._count_on_lane)

    def _count_on_lane(self) -> None:
        try:
            stats = self._p.store.stats()
        except QueueError as error:  # a store that cannot even count takes no visit in
            if self.station.queue.is_accepting:
                log.error("the store does not count: %s", error.code or type(error).__name__)
            stats = replace(self.station.queue, is_accepting=False)
        self._p.loop.post(lambda: self._counted(stats))

    def _counted(self, stats: QueueStats) -> None:
        if stats != self.station.queue:
            self.station = replace(self.station, queue=stats)
            self._show()

    def _device_changed(self, status: Status) -> None:
        known = self.station.devices.get(status.kind)
        self.station = replace(self.station, devices={**self.station.devices, status.kind: status})
        if not status.is_ready and status.device is not DeviceState.STARTING:
            self.station = replace(self.station, faults={**self.station.faults, status.kind: status})
        if known is None or known.device is not status.device or known.supply is not status.supply:
            self._p.journal.device_changed(status)
        self._show()

    def _queue_changed(self, change: Change) -> None:
        self._count()
        self.dispatch(evt.OutcomeKnown(change.outcome))

    # ── effects ──────────────────────────────────────────────────────────────────────────

    def _cancel(self, turn: int) -> None:
        for lane in self._p.lanes.values():
            lane.cancel(turn)

    def _run(self, effect: ask.Effect) -> None:
        match effect:
            case ask.ReadCard(turn=turn, deadline_s=seconds):
                self._device(DeviceKind.READER, turn, seconds, _read_card, self._card_read, self._card_failed)
            case ask.WaitCardGone(turn=turn, deadline_s=seconds):
                self._device(
                    DeviceKind.READER, turn, seconds, _wait_card_gone, lambda t, _: evt.CardGone(t), self._card_failed
                )
            case ask.WatchDesk(turn=turn, deadline_s=seconds):
                self._last_gate, self._last_corners = ("", False), ()
                self._device(
                    DeviceKind.CAMERA, turn, seconds, self._watcher(turn), lambda t, _: None, self._camera_failed
                )
            case ask.Capture(turn=turn, material=material, index=index, deadline_s=seconds, keep=keep):
                self._device(
                    DeviceKind.CAMERA,
                    turn,
                    seconds,
                    lambda camera, deadline: camera.capture(material, index, deadline, keep),
                    evt.PageTaken,
                    self._camera_failed,
                )
            case ask.Seal(turn=turn, sid=sid):
                self._seal(turn, sid)
            case ask.AskStore(turn=turn, sid=sid):
                self._p.work.submit(lambda: self._report_store(turn, sid, "store_silent"))
            case ask.Deliver(sid=sid):
                self._p.sync.nudge(sid)
            case ask.PrintSlip(turn=turn, reprint=reprint, deadline_s=seconds):
                strip = compose_slip(self.session, self.station, self._p.clock, reprint)
                self._device(
                    DeviceKind.PRINTER,
                    turn,
                    seconds,
                    lambda printer, deadline: _print(printer, strip, deadline),
                    lambda t, _: evt.SlipPrinted(t),
                    self._slip_failed,
                )
            case ask.CheckPin() | ask.AskAbilities() | ask.TestDevice():
                self._servicing.run(effect)
            case ask.PrintList():
                print_list(self._p, self.session, self.station, effect, self._took)
            case ask.EndVisit():
                self._p.on_end()

    def _device(
        self,
        kind: DeviceKind,
        turn: int,
        seconds: float,
        command: Callable[[Any, Deadline], object],
        good: Callable[[int, Any], evt.Event | None],
        bad: Callable[[int, DeviceError], evt.Event],
    ) -> None:
        """Queue a device command; its reply becomes an event of the same turn."""

        def replied(answered: int, value: object) -> None:
            if isinstance(value, DeviceError):
                self._p.loop.post(lambda: self._device_failed(kind, answered, value))
                event: evt.Event | None = bad(answered, value)
                pause = 0.0 if isinstance(value, UserFault) or kind is DeviceKind.PRINTER else PAUSE_AFTER_FAULT_S
            else:
                event, pause = good(answered, value), 0.0
            if event is None:
                return
            found = event
            if pause:
                self._p.loop.post(lambda: self._later(pause, found))
            else:
                self._p.loop.post(lambda: self._took(found))

        lane = self._p.lanes.get(kind)
        if lane is None:
            self._later(PAUSE_AFTER_FAULT_S, bad(turn, DeviceError("not_configured")))
            return
        lane.call(turn, command, seconds, replied)

    def _later(self, seconds: float, event: evt.Event) -> None:
        self._p.loop.after(seconds, lambda: self.dispatch(event))

    def _took(self, event: evt.Event) -> None:
        if _is_act(event):
            self._active_at = self._p.loop.now()  # every device act counts as activity: product.md §6
        before = self.session
        self.dispatch(event)
        if not isinstance(event, evt.Reply) or event.turn != before.turn:
            return
        if isinstance(event, evt.CardRead):
            fault = self.session.fault
            self._p.journal.card_read(self.session, fault.code if fault is not None else "")
        elif isinstance(event, evt.PageTaken):
            if any(page is event.page for page in self.session.pages):
                self._p.journal.page_taken(self.session, event.page)
            else:
                self._p.journal.page_refused(self.session, self.session.gate)
        elif isinstance(event, evt.SlipPrinted):
            is_delivered = self.session.outcome is not None and bool(self.session.outcome.case_number)
            self._p.journal.printed(self.session, "delivery_receipt" if is_delivered else "intake_slip")

    def _device_failed(self, kind: DeviceKind, turn: int, error: DeviceError) -> None:
        if turn != self.session.turn or isinstance(error, Cancelled):
            return
        if kind is DeviceKind.CAMERA and isinstance(error, UserFault):
            self._p.journal.page_refused(self.session, error.code)
        elif not isinstance(error, TimedOut):  # waiting for a hand is no failure
            self._p.journal.device_failed(self.session, kind, error)

    def _card_read(self, turn: int, card: Any) -> evt.Event:
        return evt.CardRead(turn, card)

    def _card_failed(self, turn: int, error: DeviceError) -> evt.Event:
        return evt.CardFailed(turn, type(error).__name__, error.code)

    def _camera_failed(self, turn: int, error: DeviceError) -> evt.Event:
        if isinstance(error, UserFault):
            return evt.PageRefused(turn, error.code)
        return evt.CameraFailed(turn, type(error).__name__, error.code)

    def _slip_failed(self, turn: int, error: DeviceError) -> evt.Event:
        return evt.SlipFailed(turn, LEFT.get(error.left, type(error).__name__), error.code)

    def _watcher(self, turn: int) -> Callable[[Camera, Deadline], None]:
        def seen(preview: Preview) -> None:
            corners = tuple(n for x, y in preview.corners or () for n in (x / preview.width_px, y / preview.height_px))
            gate = (preview.gate, preview.is_ready)
            is_same = len(corners) == len(self._last_corners) and all(
                abs(a - b) < WATCH_STEP for a, b in zip(corners, self._last_corners, strict=True)
            )
            if is_same and gate == self._last_gate and preview.number % 5:
                return  # newest picture is in Frames; only a change, or every fifth frame for the view, is an event
            self._last_corners, self._last_gate = corners, gate
            self._p.loop.post(lambda: self.dispatch(evt.PreviewChanged(turn, preview)))

        return lambda camera, deadline: camera.watch(seen, deadline)

    # ── sealing ──────────────────────────────────────────────────────────────────────────

    def _seal(self, turn: int, sid: str) -> None:
        session = self.session
        journal = self._p.journal

        def job() -> None:
            try:
                whole = replace(session, pages=joined_pages(session, self._p.join_sides))
                parts, manifest, facts = submission_of(whole, self._p.clock, self._p.app_version, journal.head())
                journal.seal_began(sid, len(parts))
                ticket = self._p.store.put(sid, parts, manifest, facts, self._p.sealing_keys())
            except QueueError as error:
                code = error.code or type(error).__name__
                log.info("submission %s not stored: %s", sid, code)
                journal.seal_ended(sid, error)
                self._report_store(turn, sid, code)
                return
            journal.seal_ended(sid, None)
            self._p.loop.post(lambda: self.dispatch(evt.Stored(turn, ticket)))

        self._p.work.submit(job)

    def _report_store(self, turn: int, sid: str, code: str) -> None:
        """Say what the store itself says; on the work lane."""
        try:
            ticket = self._p.store.ticket(sid)
        except QueueError as error:
            ticket, code = None, error.code or code
        if ticket is not None:
            found = ticket
            self._p.loop.post(lambda: self.dispatch(evt.Stored(turn, found)))
        else:
            self._p.loop.post(lambda: self.dispatch(evt.NotStored(turn, code)))


def _is_act(event: evt.Event) -> bool:
    """Whether somebody did something; a card laid down badly is an act too."""
    return isinstance(event, ACTS) or (isinstance(event, evt.CardFailed) and event.kind == UserFault.__name__)


def _is_handled(former: Preview | None, preview: Preview) -> bool:
    """Whether a paper is being moved: what the eye says of a page it sees has changed."""
    return preview.corners is not None and (former is None or former.gate != preview.gate)


def _read_card(reader: IdReader, deadline: Deadline) -> object:
    return reader.read(deadline)


def _wait_card_gone(reader: IdReader, deadline: Deadline) -> None:
    while reader.is_card_present(deadline):
        deadline.wait(0.3)  # the reader's own polling interval, devices.md §4.5


def _print(printer: ReceiptPrinter, strip: Any, deadline: Deadline) -> object:
    return printer.print(strip, deadline)
