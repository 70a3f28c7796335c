"""The scan screen at work for a minute: how long our Python keeps the main thread, and how far apart frames are.

A whole simulated terminal, offscreen: camera, eye, lanes and platform run beside it; a hand lays papers down and takes
them away, pages are taken and taken back. Beside a call's wall time stand its processor time and the wall less what
the kernel let it wait for a core: on a busy machine the wall also holds what others did.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from benchmarks.main_thread import MainThread, gaps_ms, median, percentile

if TYPE_CHECKING:
    from app.build import Kiosk
    from app.stage import Stage
    from kiosk.session.session import Session

SECONDS = 60.0
ITEM = "SIM-MZ-0008"
GOAL_MS = 8.0  # design/architecture.md: no Python call longer on the main thread
SIZE = (1080, 1920)
PAPERS = ("register", "card", "text", "birth")
LIES_S = 4.5  # a paper is laid, lies still long enough to be taken, and goes
KEEP_PAGES = 3  # taken pages shown beside the preview; then the last one is taken back
Figure = dict[str, object]
Span = tuple[float, float]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def run(seconds: float = SECONDS) -> dict[str, Figure]:
    """Return the figures. Raises: RuntimeError where the visit does not come to the scan screen."""
    stills: list[Span] = []
    with MainThread() as thread:
        eye_ms = _preview(thread, seconds, stills)
    calls = [took for calls in thread.calls.values() for took in calls]
    wall, cpu = [took.wall for took in calls], [took.cpu for took in calls]
    free = [took.less_queue for took in calls]
    gaps = gaps_ms(thread.frames)
    live = [
        gap
        for gap, began, ended in zip(gaps, thread.frames, thread.frames[1:], strict=False)
        if not any(began < over and ended > start for start, over in stills)
    ]
    spans = [1000 * (over - start) for start, over in stills]
    worst = sorted(((max(one.less_queue for one in took), name) for name, took in thread.calls.items()), reverse=True)[
        :4
    ]
    told = f"{len(calls)} calls in {seconds:.0f} s; longest: " + ", ".join(f"{name} {ms:.1f}" for ms, name in worst)
    return {
        "call_p99": _figure(percentile(wall, 0.99), "ms", told, f"<= {GOAL_MS:.0f}", percentile(wall, 0.99) <= GOAL_MS),
        "call_p50": _figure(median(wall), "ms", told),
        "call_max": _figure(max(wall), "ms", told),
        "call_free_p99": _figure(percentile(free, 0.99), "ms less waiting for a core", told),
        "call_free_max": _figure(max(free), "ms less waiting for a core", told),
        "call_cpu_p99": _figure(percentile(cpu, 0.99), "ms of processor", told),
        "call_cpu_max": _figure(max(cpu), "ms of processor", told),
        "frame_gap_p50": _figure(median(gaps), "ms", f"{len(thread.frames)} frames"),
        "frame_gap_p99": _figure(percentile(gaps, 0.99), "ms", f"{len(thread.frames)} frames"),
        "frame_gap_max": _figure(max(gaps, default=0.0), "ms", f"{len(thread.frames)} frames"),
        "live_gap_p99": _figure(percentile(live, 0.99), "ms", f"{len(live)} gaps in which no still was taken"),
        "live_gap_max": _figure(max(live, default=0.0), "ms", f"{len(live)} gaps in which no still was taken"),
        "still_p50": _figure(median(spans), "ms", f"{len(spans)} stills, from asked for to the page"),
        "still_max": _figure(max(spans, default=0.0), "ms", f"{len(spans)} stills, from asked for to the page"),
        "eye_cpu": _figure(eye_ms, "ms of processor a second", "the eye's process, stills and all"),
    }


def _figure(value: float, unit: str, beside: str, goal: str = "", holds: bool = True) -> Figure:
    shown = round(value, 2)
    return {"value": shown, "unit": unit, "ours": shown, "theirs": "", "peer": beside, "goal": goal, "holds": holds}


def _preview(thread: MainThread, seconds: float, stills: list[Span]) -> float:
    """Play the visit; add when each still was taken, and return what the eye used, ms of processor a second."""
    from app.build import Kiosk, prepare
    from app.player import until
    from app.setting import enrol_if_blank, for_visit, load_setting, on_stage
    from app.stage import Stage
    from app.waking import LateFrames, waking_view
    from devices.imaging.eye import Eye
    from kiosk.session.view import View
    from kiosk.station.texts import own_texts
    from ui.app import Terminal

    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="jinban-preview-")))
        stage = undo.enter_context(Stage(folder / "far"))
        config = for_visit(on_stage(load_setting(None), stage, {}), folder / "terminal", "zh", is_elder=False)
        if stage.announced is None:
            raise RuntimeError("the local platform did not start")
        enrol_if_blank(config, stage.announced)
        eye, frames, box, views = Eye(), LateFrames(), [], []
        frames.source = eye
        terminal = Terminal(
            lambda name, value: box[0].runner.intent(name, value) if box else None,
            frames=frames,
            page_jpeg=lambda key: box[0].runner.page_jpeg(key) if box else None,
            size=SIZE,
        )
        undo.callback(terminal.close)
        terminal.show(waking_view(config))

        def show(view: View) -> None:
            views[:] = [view]
            terminal.show(view)

        kiosk = Kiosk(prepare(config, own_texts()), terminal, show, eye, lambda: None)
        box.append(kiosk)
        kiosk.start()
        undo.callback(kiosk.stop)
        until(lambda: all(lane.status.is_ready for lane in kiosk.lanes.values()), 60)
        _walk_to_desk(kiosk, stage)
        thread.watch(terminal.window)
        _note_stills(kiosk, stills)
        used = _used_ms(eye.pid)
        _lay_papers(thread, kiosk, stage, terminal.post, seconds)
        return (_used_ms(eye.pid) - used) / seconds


def _lay_papers(
    thread: MainThread, kiosk: Kiosk, stage: Stage, post: Callable[[Callable[[], None]], None], seconds: float
) -> None:
    """Lay papers down and take them away for so long, while the calls are counted."""
    from app.player import settle

    over = threading.Event()

    def lay() -> None:
        camera, number = stage.sims["camera"].control, 0
        while not over.is_set():
            camera.call("lay", kind=PAPERS[number % len(PAPERS)], seed=number)
            over.wait(LIES_S)
            camera.call("take")
            over.wait(1.5)
            number += 1
            if len(kiosk.runner.session.pages) >= KEEP_PAGES:
                post(lambda: kiosk.runner.intent("retake"))

    hand = threading.Thread(target=lay, name="hand", daemon=True)
    hand.start()
    thread.is_counting = True
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        settle(0.5)
    thread.is_counting = False
    over.set()
    hand.join(30)


def _note_stills(kiosk: Kiosk, stills: list[Span]) -> None:
    """Add to `stills` from when to when each was taken."""
    asked: list[float] = []

    def note(session: Session) -> None:
        now = time.perf_counter()
        if session.is_capturing and not asked:
            asked.append(now)
        elif asked and not session.is_capturing:
            stills.append((asked.pop(), now))

    kiosk.runner.listeners.append(note)


def _used_ms(pid: int) -> float:
    """Return the processor time a process has used, ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _walk_to_desk(kiosk: Kiosk, stage: Stage) -> None:
    """Send what a person would do until the scan screen is open. Raises: RuntimeError."""
    from app.player import until
    from app.roles import role_for

    runner, role = kiosk.runner, role_for(ITEM)
    for _ in range(40):
        state, turn = runner.session.state.value, runner.session.turn
        if state == "scan":
            return
        if state == "identify":
            stage.sims["reader"].control.call("put", card=role.person)
        for name, value in _intents(kiosk, role.answers):
            runner.intent(name, value)
        until(lambda before=turn: runner.session.turn != before, 30)  # type: ignore[misc]
    raise RuntimeError(f"the visit stays at {runner.session.state}")


def _intents(kiosk: Kiosk, answers: dict[str, str]) -> list[tuple[str, str]]:
    view = kiosk.runner.view
    match kiosk.runner.session.state.value:
        case "attract":
            return [("start", "")]
        case "home":
            return [("choose", f"item:{ITEM}")]
        case "guide":
            return [("apply", "")]
        case "notice":
            return [(action.id, action.value) for action in view.actions if action.id == "agree"] if view else []
        case "form":
            typed = [
                (
                    (("focus", field.key), ("type", answers[field.key]))
                    if field.kind == "text"
                    else (("pick", f"{field.key}={answers[field.key]}"),)
                )
                for field in (view.fields if view else ())
                if field.key in answers and not field.display and not field.is_locked
            ]
            return [*(one for pair in typed for one in pair), ("next", "")]
        case "materials":
            return [(action.id, action.value) for action in view.actions if action.id == "scan"][:1] if view else []
    return []
