"""One unattended visit: the far ends, the terminal, and the hands that play it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from app.build import Kiosk, load_texts, prepare
from app.canary import search
from app.commands.demo import lit, until
from app.commands.run import DICTIONARY
from app.player import Player, PlayFailed, revealed, settle
from app.setting import enrol_if_blank, load_setting, on_stage
from app.stage import Stage
from app.waking import LateFrames, waking_view
from devices.api import DeviceKind
from devices.imaging.eye import Eye
from devices.registry import driver_for
from devices.sim.people import people
from kiosk.services.catalogue import load_catalogue
from kiosk.session.flow.facts import plan_of
from kiosk.session.session import Session, State
from kiosk.session.view import View
from kiosk.station.clock import SystemClock
from kiosk.station.texts import ASSETS
from offline_queue.api import State as QueueState
from ui.app import Terminal

SCREENS_AFTER_CARD = ("notice", "trouble", "identify")
CARD_S = 60.0
PAGE_S = 30.0  # patience for one page before the button is pressed
EMPTY_DESK_S = 4.0  # a folder shows 1 s of empty desk between two pictures
MOST_PAGES = 20
PICTURES = (".jpg", ".jpeg", ".png")
PHONE = "13805738899"


class Script(msgspec.Struct, frozen=True):
    """What the visit is about."""

    item: str
    locale: str = "zh"
    is_elder: bool = False
    size: tuple[int, int] = (1080, 1920)


class Role(msgspec.Struct, frozen=True):
    """Who comes for an item, with what answers and papers. Keys of the form, kinds of the simulated desk."""

    person: str
    answers: dict[str, str]
    papers: dict[str, tuple[str, ...]]
    situation: str = ""
    relative: str = ""


COMMON = {"phone": PHONE, "living_address": "嘉兴市 南湖区 凤桥镇 8 号"}
REGISTER = ("register", "register")
ROLES: dict[str, Role] = {
    "SIM-MZ-0008": Role(
        person="elder",
        answers={**COMMON, "bank_name": "农商银行", "bank_account": "6228480402564890018", "contact_relation": "子女"},
        papers={"M-BANK": ("card",), "M-HUKOU": REGISTER},
    ),
    "SIM-YB-0001": Role(
        person="father",
        situation="family",
        relative="child",
        answers={**COMMON, "person_type": "普通居民", "relation": "子女", "pay_now": "true"},
        papers={"M-HUKOU": REGISTER},
    ),
}


class Visit:
    """Plays one visit and writes down what it left."""

    def __init__(self, out: Path, script: Script, links: dict[str, str], undo: ExitStack) -> None:
        self._out = out
        self._script = script
        self._links = {DeviceKind(kind): link for kind, link in links.items()}
        self._role = ROLES.get(script.item) or Role("elder", dict(COMMON), {})
        for kind, link in self._links.items():
            driver_for(kind, link)  # a wire that cannot be one is refused before anything starts
        if all(item.item_code != script.item for item in load_catalogue(ASSETS / "services").items):
            raise ValueError(f"--item: {script.item} — an item code of the catalogue, such as SIM-YB-0001")
        kinds = tuple(kind for kind in DeviceKind if kind not in self._links)
        self._stage = undo.enter_context(Stage(out / "work", kinds))
        self._undo = undo
        self._marks: dict[str, float] = {}
        self._timings: dict[str, float] = {}
        self._saved_pages: set[str] = set()
        self._words: set[str] = set()
        self._last: Session | None = None

    # ── the whole ────────────────────────────────────────────────────────────────────────

    def play(self, offline: bool) -> dict[str, Any]:
        """Return the summary. Raises: KioskError, QueueError, ConfigError, RuntimeError when it cannot start."""
        config = lit(on_stage(load_setting(None), self._stage, self._links), self._script, self._out)
        if self._stage.announced is None:
            raise RuntimeError("the local platform did not start")
        enrol_if_blank(config, self._stage.announced)
        eye, frames = Eye(), LateFrames()
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
        until(lambda: terminal.first_frame_ms >= 0, 10, settle)
        ready = prepare(config, load_texts())
        views: list[View] = []

        def show(view: View) -> None:
            views[:] = [view]
            terminal.show(view)

        kiosk = Kiosk(ready, terminal, show, eye, lambda: None)
        kiosk_box.append(kiosk)
        queue_before = _waiting(kiosk)
        kiosk.runner.listeners.append(self._note)
        if offline:
            self._stage.platform.stop()
        kiosk.start()
        player = Player(terminal, lambda: views[0], lambda: kiosk.runner.session, self._out)
        refused = ""
        try:
            # the top line says what the line really is before anybody begins
            until(lambda: kiosk.central.has_asked, 15, settle)
            until(lambda: all(lane.status.is_ready for lane in kiosk.lanes.values()), 20, settle)
            refused = self._visit(player, kiosk)
        except PlayFailed as error:
            refused = str(error)
            player.photograph()
            terminal.grab(self._out / "screens" / "99-failed.png")
        session = self._last
        sid = session.sid if session is not None else ""
        slip_kind = ""
        if session is not None and session.slip == "printed":
            is_delivered = session.outcome is not None and bool(session.outcome.case_number)
            slip_kind = "delivery_receipt" if is_delivered else "intake_slip"
        if offline:
            self._stage.restart_platform()
        stored = bool(sid) and kiosk.store.find(sid) is not None
        if stored:
            until(lambda: self._is_delivered(kiosk, sid), 90, settle)
        queue_after = _waiting(kiosk)
        delivered = stored and self._is_delivered(kiosk, sid)
        hits = search((self._out / "work" / "terminal", self._out / "work" / "tmp"), self._words)
        kiosk.stop()
        hits += search((self._out / "work" / "terminal", self._out / "work" / "tmp"), self._words)
        platform = self._platform_facts(sid) if stored else {"case_number": "", "commits": 0}
        self._keep_slip()
        ticket = session.ticket if session is not None else None
        return {
            "item": self._script.item,
            "ticket": ticket.intake_number if ticket is not None else "",
            "queued_at": ticket.created_wall if ticket is not None else "",
            "offline": offline,
            "slip_kind": slip_kind,
            "delivered": delivered,
            "case_number": platform["case_number"],
            "platform_saw_times": platform["commits"],
            "queue_before": queue_before,
            "queue_after": queue_after,
            "plaintext_hits": sum(count for _, count in hits),
            "refused": refused,
            "timings_ms": {
                "first_frame": round(terminal.first_frame_ms),
                **{k: round(v) for k, v in self._timings.items()},
            },
        }

    # ── the visit, screen by screen ──────────────────────────────────────────────────────

    def _visit(self, player: Player, kiosk: Kiosk) -> str:
        """Play from attract to farewell; return why it ended early, or ""."""
        player.wait(lambda: player.has_action("start"), "attract", 30)
        player.wait_screen("attract")
        player.action("start")
        player.wait_screen("home")
        self._choose_item(player)
        player.wait_screen("guide")
        player.wait(lambda: player.has_action("apply"), "the reader and room for another submission", 20)
        player.action("apply")
        while True:
            screen = player.wait_screen(*(state.value for state in State if state is not State.ATTRACT), seconds=90)
            if screen == "identify" and player.view.key != "form.further_card":
                ended = self._identify(player)
                if ended:
                    return ended
            elif screen == "notice":
                player.action("agree")
                player.wait(lambda: player.view.screen != "notice", "the next screen")
            elif screen == "situation":
                self._situation(player)
            elif screen == "form":
                self._form(player)
            elif screen == "materials":
                self._materials(player)
            elif screen == "review":
                self._review(player)
            elif screen == "sign":
                self._sign(player)
            elif screen in ("sealing", "delivering"):
                player.wait(lambda: player.view.screen not in ("sealing", "delivering"), "the slip", 60)
            elif screen == "slip":
                self._slip(player)
            elif screen == "farewell":
                self._leave(player)
                return ""
            elif screen == "trouble":
                return "; ".join(note.text for note in player.view.notes[:1])
            else:
                raise PlayFailed(f"came to {screen}")

    def _choose_item(self, player: Player) -> None:
        session = player.session
        item = next(i for i in session.catalogue.items if i.item_code == self._script.item)
        wanted = f"window:{item.window_class}"
        player.tap(next(tile.label for tile in player.view.tiles if tile.key == wanted))
        player.wait(lambda: player.view.key == "home.items", "the items of the class")
        player.photograph()
        for _ in range(10):
            tile = next((t for t in player.view.tiles if t.key == f"item:{item.item_code}"), None)
            if tile is not None:
                settle(0.25)
                player.tap(tile.label)
                return
            player.turn_page()
        raise PlayFailed("the item is on no page")

    def _identify(self, player: Player) -> str:
        player.photograph()
        if DeviceKind.READER not in self._links:
            self._marks["card"] = time.monotonic()
        self._lay_card(self._role.person)
        player.wait(
            lambda: player.view.screen in ("notice", "trouble", "situation", "form"), "the card to be read", CARD_S
        )
        return ""

    def _lay_card(self, key: str) -> None:
        if DeviceKind.READER not in self._links:
            self._stage.sims["reader"].control.call("put", card=key)

    def _take_card(self) -> None:
        if DeviceKind.READER not in self._links:
            self._stage.sims["reader"].control.call("take")

    def _situation(self, player: Player) -> None:
        wanted = f"situation:{self._role.situation}"
        tiles = player.view.tiles
        player.tap(next((tile.label for tile in tiles if tile.key == wanted), tiles[0].label))
        player.wait(lambda: player.view.screen != "situation", "the form")

    def _form(self, player: Player) -> None:
        view = player.view
        if DeviceKind.READER in self._links and not view.fields and player.has_action("add_entry"):
            player.action("add_entry")  # only the one card lies on a reader that is not ours: the relative is typed
            player.wait(lambda: bool(player.view.fields), "the fields of a person")
        is_blank = not view.fields or any(f.key.endswith(".member_id") and not f.display for f in view.fields)
        if (
            DeviceKind.READER not in self._links
            and player.has_action("read_further")
            and self._role.relative
            and is_blank
        ):
            player.action("read_further")
            player.wait(lambda: player.view.key == "form.further_card", "the question for a further card")
            settle(0.25)
            player.photograph()
            self._take_card()
            self._lay_card(self._role.relative)
            player.wait(lambda: player.view.screen == "form", "the further card to be read", CARD_S)
            return
        player.fill({**self._role.answers, **self._typed_relative()})
        page, before = player.view.page, player.session.turn
        player.photograph()
        player.action("next")
        player.wait(lambda: player.session.turn != before or player.session.shows_errors, "the next page")
        if player.session.shows_errors and player.view.screen == "form" and player.view.page == page:
            wrong = [f"{field.key}: {field.error}" for field in player.view.fields if field.error]
            raise PlayFailed(f"the form refuses {wrong or [note.text for note in player.view.notes]}")

    def _typed_relative(self) -> dict[str, str]:
        """Return name and number of the relative, for a form that is filled without their card."""
        found = people(SystemClock().today()).get(self._role.relative)
        if found is None:
            return {}
        return {"member_name": found.card.name.reveal(), "member_id": found.card.id_number.reveal()}

    def _materials(self, player: Player) -> None:
        missing = [action for action in player.view.actions if action.id == "scan"]
        if missing and player.has_action("defer") and self._must_defer(player):
            player.action("defer")
            settle(0.25)
            player.photograph()
            return
        if not missing:
            player.action("next")
            player.wait(lambda: player.view.screen != "materials", "the review")
            return
        player.wait(lambda: player.has_action("scan"), "the camera", 30)
        code = missing[0].value
        player.action("scan")
        player.wait_screen("scan")
        self._scan(player, code)

    def _must_defer(self, player: Player) -> bool:
        """Whether a folder holds too few pictures for every material, so that what may follow later does."""
        link = self._links.get(DeviceKind.CAMERA, "")
        needed = sum(state.state == "needed" for state in plan_of(player.session))
        return link.startswith("folder:") and self._pictures_left(player) < needed

    def _scan(self, player: Player, code: str) -> None:
        """Hand in one material, page by page, until there are no more papers or no more room."""
        if DeviceKind.CAMERA in self._links:
            self._scan_what_lies_there(player)
        else:
            for number, kind in enumerate(self._role.papers.get(code, ("text",))):
                camera = self._stage.sims["camera"].control
                if number:
                    camera.call("take")
                    self._wait_empty_desk(player)
                camera.call("lay", kind=kind, seed=number)
                if not self._wait_page(player, lambda: False):
                    raise PlayFailed("no page was taken")
                if player.view.screen != "scan":
                    break
            self._stage.sims["camera"].control.call("take")
        if player.view.screen == "scan":
            player.wait(lambda: player.has_action("done"), "enough pages", 30)
            settle(0.25)
            player.photograph()
            player.action("done")
        player.wait(lambda: player.view.screen == "materials", "the list of papers", 30)

    def _scan_what_lies_there(self, player: Player) -> None:
        """Take pages while the desk shows new ones; leave one for each material that is still to come."""
        files = self._pictures_left(player)
        others = sum(state.state == "needed" for state in plan_of(player.session)) - 1
        room = max(1, files - others) if files else MOST_PAGES
        for _ in range(room):
            empty_since = [0.0]

            def is_over() -> bool:
                preview = player.session.preview
                if preview is None or preview.gate != "page":
                    empty_since[0] = 0.0  # noqa: B023  one closure a page, used up before the next
                    return False
                empty_since[0] = empty_since[0] or time.monotonic()  # noqa: B023
                return time.monotonic() - empty_since[0] > EMPTY_DESK_S  # noqa: B023

            if not self._wait_page(player, is_over) or player.view.screen != "scan":
                break

    def _pictures_left(self, player: Player) -> int:
        """Return how many pictures of a folder have not been taken, 0 where the camera is no folder."""
        link = self._links.get(DeviceKind.CAMERA, "")
        folder = Path(link.removeprefix("folder:")).expanduser()
        if not link.startswith("folder:") or not folder.is_dir():
            return 0
        total = sum(path.suffix.lower() in PICTURES for path in folder.iterdir())
        return max(0, total - len(player.session.pages))

    def _wait_page(self, player: Player, is_over: Callable[[], bool]) -> bool:
        """Wait for one more page; a page refused three times is kept and marked. Return False when `is_over()`."""
        before = len(player.session.pages)
        end = time.monotonic() + PAGE_S
        while len(player.session.pages) == before and player.view.screen == "scan":
            player.photograph()
            if is_over():
                return False
            if player.has_action("keep"):
                player.action("keep")
                player.wait(lambda: not player.has_action("keep"), "the page that was kept", 30)
            elif player.session.refusals and player.has_action("shoot") and time.monotonic() > end:
                player.action("shoot")
                end = time.monotonic() + PAGE_S
            elif time.monotonic() > end + PAGE_S:
                return False
            settle(0.1)
        return len(player.session.pages) > before

    def _wait_empty_desk(self, player: Player) -> None:
        """Let the eye see an empty desk for a second: then the former page counts as gone."""
        since = [0]

        def is_empty() -> bool:
            preview = player.session.preview
            if preview is None or preview.gate != "page":
                since[0] = 0
                return False
            since[0] = since[0] or preview.number
            return preview.number >= since[0] + 12

        player.wait(is_empty, "the empty desk", 30)

    def _review(self, player: Player) -> None:
        for _ in range(20):
            player.photograph()
            if player.has_action("confirm"):
                break
            page = player.view.page
            player.action("page_next")
            player.wait(lambda shown=page: player.view.page != shown, "the next lines")
            self._terminal_settle(player, page)
        player.action("confirm")
        player.wait(lambda: player.view.screen == "sign", "the signature")

    def _terminal_settle(self, player: Player, page: int) -> None:
        settle(0.25)
        player.photograph_as(f"review-{page + 2}")

    def _sign(self, player: Player) -> None:
        player.sign()
        player.wait(lambda: player.view.has_signature, "ink on the pad", 5)
        player.photograph_as("sign-signed")
        self._words |= revealed(player.session)
        self._marks["sign"] = time.monotonic()
        player.action("sign_done")
        player.wait(lambda: player.view.screen != "sign", "sealing")

    def _slip(self, player: Player) -> None:
        player.wait(lambda: player.session.slip in ("printed", "failed"), "the slip", 60)
        settle(0.25)
        player.photograph()
        player.action("finish")
        player.wait(lambda: player.view.screen != "slip", "the farewell")

    def _leave(self, player: Player) -> None:
        self._take_card()
        if DeviceKind.READER not in self._links:  # nobody lifts the card from a reader that is not ours
            player.wait(lambda: not player.session.is_card_left, "the card to be taken", 30)
        settle(0.25)
        player.photograph()
        player.action("finish")
        player.wait(lambda: player.view.screen == "attract", "attract")

    # ── what is noted on the way ─────────────────────────────────────────────────────────

    def _note(self, session: Session) -> None:
        """Time the steps, keep the pages' pictures and the session as it was at its fullest."""
        now = time.monotonic()
        former, self._last_state = getattr(self, "_last_state", State.ATTRACT), session.state
        if session.state is State.IDENTIFY and former is not State.IDENTIFY and DeviceKind.READER in self._links:
            self._marks["card"] = now
        if session.identity is not None and "card" in self._marks:
            self._timings.setdefault("card_to_fields", (now - self._marks.pop("card")) * 1000)
        for number, page in enumerate(session.pages, start=1):
            if page.sha256 not in self._saved_pages:
                self._saved_pages.add(page.sha256)
                (self._out / f"scan-{number:02d}.jpg").write_bytes(page.jpeg.reveal())
                self._timings.setdefault("still_to_page", (now - self._marks.get("capture", now)) * 1000)
        if session.is_capturing:
            self._marks["capture"] = self._marks.get("capture", now) if former is State.SCAN else now
        if session.ticket is not None and "sign" in self._marks:
            self._timings["seal_and_store"] = (now - self._marks.pop("sign")) * 1000
            self._marks["ticket"] = now
        if session.state is State.SLIP and former is not State.SLIP and "ticket" in self._marks:
            if session.outcome is not None and session.outcome.case_number:
                self._timings["deliver"] = (now - self._marks["ticket"]) * 1000
            self._marks["slip"] = now
        if session.slip == "printed" and "slip" in self._marks:
            self._timings["print"] = (now - self._marks.pop("slip")) * 1000
        if session.sid:
            self._last = session

    def _is_delivered(self, kiosk: Kiosk, sid: str) -> bool:
        outcome = kiosk.store.find(sid)
        return outcome is not None and outcome.state in (QueueState.DELIVERED, QueueState.SHREDDED)

    def _platform_facts(self, sid: str) -> dict[str, Any]:
        from sandbox.store_view import NotThere, open_view

        view = open_view(self._out / "work" / "platform")
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
