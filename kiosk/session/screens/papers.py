"""Materials and the scan of one material."""

from __future__ import annotations

from unicodedata import east_asian_width

from devices.api import DeviceKind
from kiosk.services.materials import MaterialState
from kiosk.session.flow import facts
from kiosk.session.flow.both_sides import SIDE_AGAIN, wanted_side
from kiosk.session.flow.scanning import REFUSALS_BEFORE_KEEP, can_keep, twin_of
from kiosk.session.screens.frame import Scene, standard_actions, whose_move
from kiosk.session.view import Action, Note, Row, ScanView, View

MACHINES_GATES = ("sharp", "dark", "bright")  # the light and the lens: nothing a citizen can mend
MACHINES_TRIES = 2
MOODS = {"on_card": "good", "scanned": "good", "signed_form": "plain", "deferred": "care", "needed": "care"}


# columns (a Han character takes two) of a paper's name that the button holds in two lines, 1080 px wide
NAME_COLUMNS = {"standard": 36, "elder": 16}


def materials_screen(scene: Scene) -> View:
    """What is on file, scanned, still needed; the next one missing is the primary action."""
    session, say = scene.session, scene.say
    plan = [state for state in facts.plan_of(session) if state.state != "not_needed"]
    missing = [state for state in plan if state.state == "needed"]
    notes: list[Note] = []
    if session.fault is not None:
        notes.extend(whose_move(scene, session.fault, "Camera"))
    camera_is_there = scene.station.has(DeviceKind.CAMERA)
    if missing:
        notes.append(Note(key="missing", text=say("materials.missing", n=len(missing)), mood="care"))
    if twin_of(session) is not None:
        notes.append(Note(key="twin", text=say("materials.twin"), mood="care"))
    own: list[Action] = []
    if missing:
        first = missing[0]
        if first.can_defer:
            own.append(Action(id="defer", label=say("materials.defer"), value=first.code))
        own.append(
            Action(
                id="scan",
                label=_scan_label(scene, first.name),
                role="primary",
                value=first.code,
                is_enabled=camera_is_there,
                reason="" if camera_is_there else say("failures.camera_away"),
            )
        )
    else:
        own.append(Action(id="next", label=say("frame.next"), role="primary"))
    return View(
        screen="materials",
        key="materials.missing" if missing else "materials.complete",
        title=say("materials.title"),
        lead=say("materials.lead"),
        rows=tuple(_row(scene, state, camera_is_there) for state in plan),
        notes=tuple(notes),
        actions=standard_actions(scene, *own),
    )


def _scan_label(scene: Scene, name: str) -> str:
    """Return the button's words: the paper's name where they fit, else "this one", which stands out in the list."""
    columns = sum(2 if east_asian_width(one) in "WF" else 1 for one in name)
    fits = columns <= NAME_COLUMNS[scene.session.scale]
    return scene.say("materials.scan_this", name=name) if fits else scene.say("materials.scan_next")


def _row(scene: Scene, state: MaterialState, camera_is_there: bool) -> Row:
    say = scene.say
    word = say(f"materials.state_{state.state}")
    if state.state == "scanned":
        word = say("materials.pages", n=state.pages)
    action, action_label = "", ""
    if state.state in ("needed", "deferred") and state.needs_scan and camera_is_there:
        action, action_label = "scan", say("materials.scan")
    elif state.state == "scanned":
        action, action_label = "rescan", say("materials.rescan")
    return Row(
        key=state.code,
        label=state.name,
        state=word,
        icon="document",
        mood=MOODS.get(state.state, "plain"),  # type: ignore[arg-type]  # the words are View's own
        action=action,
        action_label=action_label,
    )


def _refusal(scene: Scene) -> str:
    """Return why the still was refused; what the machine cannot mend twice running is for staff."""
    session, say = scene.session, scene.say
    if session.gate == SIDE_AGAIN:
        return say("scan.side_again", side=say(f"scan.side_{wanted_side(session)}"))
    if session.gate in MACHINES_GATES and session.refusals >= MACHINES_TRIES:
        return say("gate.lens")
    return say("scan.refused", why=say(f"gate.{session.gate}"))


def scan(scene: Scene) -> View:
    """The live desk: says what to do, takes the picture itself, says what was wrong."""
    session, say = scene.session, scene.say
    state = facts.material_of(session, session.material)
    name = state.name if state is not None else ""
    taken = [page for page in session.pages if page.material == session.material]
    limit = state.max_pages if state is not None else 1
    preview, side = session.preview, wanted_side(session)
    gate = preview.gate if preview is not None else "page"
    mood, sentence = "plain", say(f"gate.{gate}") if gate else say("scan.hold_still")
    key = f"scan.{gate or 'good'}"
    notes: tuple[Note, ...] = ()
    if session.is_capturing:
        sentence, key, mood = say("scan.taking"), "scan.taking", "good"
    elif session.gate:
        notes = (Note(key="refused", text=_refusal(scene), mood="care"),)
        key = "scan.refused"
    elif twin_of(session) is not None and gate != "again":  # one of the two says it
        notes = (Note(key="twin", text=say("scan.twin"), mood="care"),)
    own = []
    if can_keep(session):
        is_blank = session.refusals < REFUSALS_BEFORE_KEEP
        own.append(Action(id="keep", label=say("gate.blank_keep" if is_blank else "scan.keep")))
    if taken:
        own.append(Action(id="retake", label=say("scan.retake")))
    label = say(f"gate.{gate}_keep" if gate in ("again", "several") else "scan.shoot")
    own.append(Action(id="shoot", label=label, is_enabled=not session.is_capturing))
    if state is not None and len(taken) >= max(1, state.min_pages):
        own.append(Action(id="done", label=say("scan.done"), role="primary"))
    outline: tuple[float, ...] = ()
    if preview is not None and preview.corners is not None:
        outline = tuple(n for x, y in preview.corners for n in (x / preview.width_px, y / preview.height_px))
    return View(
        screen="scan",
        key=key,
        title=say("scan.title", name=name),
        lead=say("scan.lead_side", side=say(f"scan.side_{side}")) if side else say("scan.lead"),
        notes=notes,
        scan=ScanView(
            material=name,
            page=min(len(taken) + 1, limit),
            page_limit=limit,
            sentence=sentence,
            mood="good" if not gate else mood,  # type: ignore[arg-type]
            outline=outline,
            is_live=preview is not None,
            aspect=preview.width_px / preview.height_px if preview is not None else 16 / 9,
            thumbnails=tuple(f"{page.material}/{page.index}" for page in taken),
        ),
        actions=standard_actions(scene, *own, end=False),
    )
