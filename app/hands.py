"""The hands of one unattended visit: lays down cards and papers, and plays the terminal screen by screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from app.notes import VisitNotes
from app.player import STANDS_S, Player, PlayFailed, settle
from app.roles import role_for
from app.stage import Stage
from devices.api import DeviceKind
from devices.sim.people import people
from kiosk.session.flow.facts import plan_of
from kiosk.session.session import State
from kiosk.station.clock import SystemClock

CARD_S = 60.0
PAGE_S = 30.0  # patience for one page before the button is pressed
EMPTY_DESK_S = 4.0  # a folder shows 1 s of empty desk between two pictures
MOST_PAGES = 20
PHOTO_S = 8.0  # patience for a photograph: it lies as it lies, nobody will lay it better
RETRY_S = 3.0
PICTURES = (b"\xff\xd8\xff", b"\x89PNG")  # how JPEG and PNG files begin


def is_picture(path: Path) -> bool:
    """Whether a file begins like a picture, whatever it is called."""
    with path.open("rb") as file:
        return file.read(4).startswith(PICTURES)


class Hands:
    """Somebody who does everything right. `links` are wires that are not ours: nobody lays anything down there."""

    def __init__(
        self, player: Player, stage: Stage, links: dict[DeviceKind, str], item: str, notes: VisitNotes
    ) -> None:
        self._player = player
        self._stage = stage
        self._links = links
        self._item = item
        self._role = role_for(item)
        self._notes = notes

    def visit(self) -> str:
        """Play from attract to farewell; return why it ended early, or ""."""
        player = self._player
        player.wait(lambda: player.has_action("start"), "attract", 30)
        player.wait_screen("attract")
        player.action("start")
        player.wait_screen("home")
        self._choose_item()
        player.wait_screen("guide")
        player.wait(lambda: player.has_action("apply"), "the reader and room for another submission", 20)
        player.action("apply")
        while True:
            screen = player.wait_screen(*(state.value for state in State if state is not State.ATTRACT), seconds=90)
            if screen == "identify" and player.view.key != "form.further_card":
                ended = self._identify()
                if ended:
                    return ended
            elif screen == "notice":
                player.action("agree")
                player.wait(lambda: player.view.screen != "notice", "the next screen")
            elif screen == "situation":
                self._situation()
            elif screen == "form":
                self._form()
            elif screen == "materials":
                self._materials()
            elif screen == "review":
                self._review()
            elif screen == "sign":
                self._sign()
            elif screen in ("sealing", "delivering"):
                player.wait(lambda: player.view.screen not in ("sealing", "delivering"), "the slip", 60)
            elif screen == "slip":
                self._slip()
            elif screen == "farewell":
                self._leave()
                return ""
            elif screen == "trouble":
                return "; ".join(note.text for note in player.view.notes[:1])
            else:
                raise PlayFailed(f"came to {screen}")

    def _choose_item(self) -> None:
        player = self._player
        session = player.session
        item = next(i for i in session.catalogue.items if i.item_code == self._item)
        wanted = f"window:{item.window_class}"
        player.tap(next(tile.label for tile in player.view.tiles if tile.key == wanted))
        player.wait(lambda: player.view.key == "home.items", "the items of the class")
        player.photograph()
        for _ in range(10):
            tile = next((t for t in player.view.tiles if t.key == f"item:{item.item_code}"), None)
            if tile is not None:
                settle(STANDS_S)
                player.tap(tile.label)
                return
            player.turn_page()
        raise PlayFailed("the item is on no page")

    def _identify(self) -> str:
        player = self._player
        player.photograph()
        if DeviceKind.READER not in self._links:
            self._notes.mark("card")
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

    def _situation(self) -> None:
        player = self._player
        wanted = f"situation:{self._role.situation}"
        tiles = player.view.tiles
        player.tap(next((tile.label for tile in tiles if tile.key == wanted), tiles[0].label))
        player.wait(lambda: player.view.screen != "situation", "the form")

    def _form(self) -> None:
        player = self._player
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
            settle(STANDS_S)
            player.photograph()
            self._take_card()
            self._lay_card(self._role.relative)
            player.wait(lambda: player.view.screen == "form", "the further card to be read", CARD_S)
            return
        player.fill({**self._role.answers, **self._typed_relative()})
        page, before = player.view.page, player.session.turn
        settle(STANDS_S)
        player.photograph_as(f"{player.view.key.replace('.', '-')}-filled")
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

    def _materials(self) -> None:
        player = self._player
        missing = [action for action in player.view.actions if action.id == "scan"]
        if missing and player.has_action("defer") and self._must_defer():
            player.action("defer")
            settle(STANDS_S)
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
        self._scan(code)

    def _must_defer(self) -> bool:
        """Whether a folder holds too few pictures for every material, so that what may follow later does."""
        player = self._player
        link = self._links.get(DeviceKind.CAMERA, "")
        needed = sum(state.state == "needed" for state in plan_of(player.session))
        return link.startswith("folder:") and self._pictures_left() < needed

    def _scan(self, code: str) -> None:
        """Hand in one material, page by page, until there are no more papers or no more room."""
        player = self._player
        if DeviceKind.CAMERA in self._links:
            self._scan_what_lies_there()
        else:
            for number, kind in enumerate(self._role.papers.get(code, ("text",))):
                camera = self._stage.sims["camera"].control
                if number:
                    camera.call("take")
                    self._wait_empty_desk()
                camera.call("lay", kind=kind, seed=number)
                if not self._wait_page(lambda: False):
                    raise PlayFailed("no page was taken")
                if player.view.screen != "scan":
                    break
            self._stage.sims["camera"].control.call("take")
        if player.view.screen == "scan":
            player.wait(lambda: player.has_action("done"), "enough pages", 30)
            settle(STANDS_S)
            player.photograph()
            player.action("done")
        player.wait(lambda: player.view.screen == "materials", "the list of papers", 30)

    def _scan_what_lies_there(self) -> None:
        """Take pages while the desk shows new ones; leave one for each material that is still to come."""
        others = sum(state.state == "needed" for state in plan_of(self._player.session)) - 1
        files = self._pictures_left()
        room = max(1, files - others) if files else MOST_PAGES
        for _ in range(room):
            if not self._wait_page(self._is_bare_for(EMPTY_DESK_S)) or self._player.view.screen != "scan":
                break

    def _is_bare_for(self, seconds: float) -> Callable[[], bool]:
        """Return what tells that the desk has been empty so long and nothing more can come."""
        since = [0.0]

        def is_over() -> bool:
            preview = self._player.session.preview
            if preview is None or preview.gate != "page" or self._pictures_left():
                since[0] = 0.0
                return False
            since[0] = since[0] or time.monotonic()
            return time.monotonic() - since[0] > seconds

        return is_over

    def _pictures_left(self) -> int:
        """Return how many pictures of a folder have not been taken, 0 where the camera is no folder."""
        link = self._links.get(DeviceKind.CAMERA, "")
        folder = Path(link.removeprefix("folder:")).expanduser()
        if not link.startswith("folder:") or not folder.is_dir():
            return 0
        total = sum(path.is_file() and is_picture(path) for path in folder.iterdir())
        return max(0, total - len(self._player.session.pages))

    def _wait_page(self, is_over: Callable[[], bool]) -> bool:
        """Wait for one more page, pressing the button when the machine does not take it by itself.

        A page refused three times is kept and marked for review. Return False when `is_over()`, or when nothing helps.
        """
        player = self._player
        before = len(player.session.pages)
        last = time.monotonic() + 2 * PAGE_S
        patience = time.monotonic() + (PHOTO_S if DeviceKind.CAMERA in self._links else PAGE_S)
        while len(player.session.pages) == before and player.view.screen == "scan":
            player.photograph()
            if is_over() or time.monotonic() > last:
                return False
            if player.has_action("keep"):
                player.action("keep")
                player.wait(lambda: not player.has_action("keep"), "the page that was kept", 30)
            elif time.monotonic() > patience and player.has_action("shoot"):
                player.action("shoot")
                patience = time.monotonic() + RETRY_S
            settle(0.1)
        return len(player.session.pages) > before

    def _wait_empty_desk(self) -> None:
        """Let the eye see an empty desk for a second: then the former page counts as gone."""
        player = self._player
        since = [0]

        def is_empty() -> bool:
            preview = player.session.preview
            if preview is None or preview.gate != "page":
                since[0] = 0
                return False
            since[0] = since[0] or preview.number
            return preview.number >= since[0] + 12

        player.wait(is_empty, "the empty desk", 30)

    def _review(self) -> None:
        player = self._player
        for _ in range(20):
            player.photograph()
            if player.has_action("confirm"):
                break
            page = player.view.page
            player.action("page_next")
            player.wait(lambda shown=page: player.view.page != shown, "the next lines")
            self._next_lines(page)
        player.action("confirm")
        player.wait(lambda: player.view.screen == "sign", "the signature")

    def _next_lines(self, page: int) -> None:
        player = self._player
        settle(STANDS_S)
        player.photograph_as(f"review-{page + 2}")

    def _sign(self) -> None:
        player = self._player
        player.sign()
        player.wait(lambda: player.view.has_signature, "ink on the pad", 5)
        player.photograph_as("sign-signed")
        self._notes.mark("sign")
        player.action("sign_done")
        player.wait(lambda: player.view.screen != "sign", "sealing")

    def _slip(self) -> None:
        player = self._player
        player.wait(lambda: player.session.slip in ("printed", "failed"), "the slip", 60)
        settle(STANDS_S)
        player.photograph()
        player.action("finish")
        player.wait(lambda: player.view.screen != "slip", "the farewell")

    def _leave(self) -> None:
        player = self._player
        self._take_card()
        if DeviceKind.READER not in self._links:  # nobody lifts the card from a reader that is not ours
            player.wait(lambda: not player.session.is_card_left, "the card to be taken", 30)
        settle(STANDS_S)
        player.photograph()
        player.action("finish")
        player.wait(lambda: player.view.screen == "attract", "attract")
