"""One visit: a frozen value. Returning to ATTRACT builds a new one; nothing is cleared field by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Literal

import msgspec
from msgspec.structs import replace

from devices.api import IdCard, Page, Preview, Private
from kiosk.services.catalogue import Catalogue, ServiceItem
from kiosk.services.identity import Identity
from kiosk.services.signature import Stroke
from kiosk.session.events import AbilitiesTold, DeviceTested
from kiosk.station.config import ScreenConfig
from offline_queue.api import Outcome, Ticket


class State(StrEnum):
    """Where a visit can be. NEXT, BACK and STAY are directions of an edge, not places."""

    ATTRACT = "attract"
    HOME = "home"
    GUIDE = "guide"
    IDENTIFY = "identify"
    NOTICE = "notice"
    SITUATION = "situation"
    FORM = "form"
    MATERIALS = "materials"
    SCAN = "scan"
    REVIEW = "review"
    SIGN = "sign"
    SEALING = "sealing"
    DELIVERING = "delivering"
    SLIP = "slip"
    FAREWELL = "farewell"
    TROUBLE = "trouble"
    PIN = "pin"
    TECHNICIAN = "technician"


class Fault(msgspec.Struct, frozen=True):
    """What is in the way: a code of the failures table, and where it came from."""

    code: str
    kind: str = ""  # the error type's name


class Session(msgspec.Struct, frozen=True):
    """A visit from attract to farewell. Personal values are Private; repr shows none."""

    catalogue: Catalogue
    today: date
    screen: ScreenConfig = ScreenConfig()
    id: str = ""
    turn: int = 0
    state: State = State.ATTRACT
    locale: Literal["zh", "en"] = "zh"
    scale: Literal["standard", "elder"] = "standard"
    contrast: Literal["normal", "high"] = "normal"
    is_scale_chosen: bool = False  # the person has set the scale; age does not change it any more
    # home
    filter: str = ""  # "window:社会事务", "life:养老" or "search"
    query: Private[str] = Private("")
    # the matter
    item: ServiceItem | None = None
    situation: str = ""
    identity: Identity | None = None
    card: Private[IdCard] | None = None
    consent_hash: str = ""
    consent_at_wall_s: float = 0.0
    answers: Mapping[str, Private[str]] = {}
    coded: tuple[str, ...] = ()  # keys of answers that a code on a scanned page filled
    form_page: int = 0
    focus: str = ""
    shows_errors: bool = False
    is_reading_further: bool = False
    edits_from_review: bool = False
    # papers
    pages: tuple[Page, ...] = ()
    deferred: tuple[str, ...] = ()
    material: str = ""
    is_capturing: bool = False
    keeps_page: bool = False
    refusals: int = 0
    gate: str = ""
    preview: Preview | None = None
    # signature and submission
    strokes: Private[tuple[Stroke, ...]] = Private(())
    signed_at_wall_s: float = 0.0
    sid: str = ""
    is_asking_store: bool = False
    ticket: Ticket | None = None
    outcome: Outcome | None = None
    # slip
    slip: Literal["", "printing", "printed", "failed"] = ""
    reprints: int = 0
    # the material list on A4, asked for at the guide
    sheet: Literal["", "printing", "printed", "failed"] = ""
    # the technician
    pin: Private[str] = Private("")
    is_checking_pin: bool = False
    pin_verdict: str = ""
    pin_wait_s: int = 0
    testing: str = ""  # a DeviceKind
    tested: tuple[DeviceTested, ...] = ()
    abilities: tuple[AbilitiesTold, ...] = ()
    # the moment
    tries: int = 0
    fault: Fault | None = None
    came_from: State | None = None  # at TROUBLE: where what is wrong can be put right
    is_help_open: bool = False
    is_card_left: bool = False  # a card may lie on the reader, read or not
    idle_s: float = 0.0
    place_s: float = 0.0
    strays: int = 0  # intents that no edge lists, counted once a visit in the audit

    def __repr__(self) -> str:
        return f"Session({self.state}, turn {self.turn})"


def fresh_session(former: Session) -> Session:
    """Return the next visit: only catalogue, date, the site's settings and the rising turn are carried over."""
    return first_session(former.catalogue, former.today, former.screen, former.turn + 1)


def next_matter(session: Session) -> Session:
    """Return the same visit before its matter was chosen: what was known for a former one is not taken along."""
    fresh = first_session(session.catalogue, session.today, session.screen, session.turn)
    return replace(
        fresh,
        id=session.id,
        state=session.state,
        locale=session.locale,
        scale=session.scale,
        contrast=session.contrast,
        is_scale_chosen=session.is_scale_chosen,
        filter=session.filter,
        query=session.query,
        is_card_left=session.is_card_left or session.card is not None,
        strays=session.strays,
    )


def first_session(catalogue: Catalogue, today: date, screen: ScreenConfig, turn: int = 0) -> Session:
    """Return a visit that nobody has begun, in the language and scale of the site."""
    return Session(
        catalogue=catalogue,
        today=today,
        screen=screen,
        turn=turn,
        locale=screen.locale,
        scale=screen.scale,
        contrast=screen.contrast,
    )
