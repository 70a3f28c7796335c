"""A chip card reader of the PC/SC service: tells what kind of card lies in it, and reads that.

A card that was read has to be lifted before it is read again: what the last person left is never the next one's.
Source: reference/devices.md §5 to §8; no physical reader or card has been met.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

import msgspec

from devices.api import (
    NO_KEYS,
    Capabilities,
    CardChannel,
    CardKeys,
    ChipCard,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    MediaState,
    NotReady,
    Status,
    TimedOut,
    UserFault,
)
from devices.drivers.card_channel import Channel
from devices.drivers.card_options import CardOptions
from devices.drivers.card_social import load_regions
from devices.links.pcsc import ANSWER_S, PcscLink, Slot
from devices.wire import emrtd, emv, social
from devices.wire.apdu import DONE, SHORT, build_select

DRIVER = "card-pcsc"
LOOK_S = 0.1  # between two looks for a card; pcscd itself looks five times a second

ReadApplication = Callable[[CardChannel, bytes, Deadline, CardKeys, CardOptions], ChipCard]


class Application(msgspec.Struct, frozen=True):
    """One kind of card: the SELECT commands it is known by, and `module:function` that reads it."""

    selects: tuple[bytes, ...]
    reads: str


APPLICATIONS: dict[str, Application] = {
    "social": Application((build_select(social.AID),), "devices.drivers.card_social:read_social"),
    "bank": Application(
        tuple(build_select(name, expected=SHORT) for name in (emv.PSE, emv.PPSE, *emv.UNIONPAY)),
        "devices.drivers.card_bank:read_bank",
    ),
    # a chip that offers PACE may refuse its application until that was done: its EF.CardAccess gives it away
    "travel": Application(
        (build_select(emrtd.APPLICATION, p2=0x0C), emrtd.SELECT_CARD_ACCESS),
        "devices.drivers.card_emrtd:read_travel",
    ),
}
ORDER = ",".join(APPLICATIONS)


class PcscCardReader:
    """Reads chip cards. All calls come from one thread."""

    kind = DeviceKind.CARD

    def __init__(
        self,
        address: str,
        *,
        order: str = ORDER,
        social_regions: str = "",
        social_holder: bool = True,
        csca: str = "",
        answer_s: float = ANSWER_S,
    ) -> None:
        """Take `pcsc:NAME` (the beginning is enough) or `pcsc:*`.

        `order`: the kinds of card that are looked for, with commas. `social_regions`: a TOML file with one `[[region]]`
        for each region whose cards differ. `social_holder`: whether the holder's file is read at all.
        `csca`: the folder of certificates that vouch for travel documents; without it none is ever called genuine.
        Raises: ValueError.
        """
        self._order = tuple(word.strip() for word in order.split(","))
        for word in self._order:
            if word not in APPLICATIONS:
                raise ValueError(f"order {order!r}: allowed are {', '.join(APPLICATIONS)}")
        self._options = CardOptions(load_regions(social_regions), social_holder, _load_csca(csca))
        self._link = PcscLink(address, answer_s=answer_s)
        self._reader = ""
        self._read_already = -1  # the insertion whose card was read
        self._was_away = False  # pcscd counts from nought again after it was

    # ── Device ─────────────────────────────────────────────────────────────────────────────

    def open(self, deadline: Deadline) -> None:
        """Find the reader. Raises: NotReady("noService" | "noDevice"), TimedOut, Cancelled."""
        try:
            self._reader = self._link.slot(deadline).reader
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the service; closing twice is harmless."""
        self._link.close()

    def status(self, deadline: Deadline) -> Status:
        """Return how the reader is. One that is away is a state too. Raises: Cancelled."""
        try:
            slot = self._look(deadline)
        except NotReady as error:
            return Status(self.kind, DRIVER, DeviceState.NO_DEVICE, code=error.code)
        except TimedOut as error:
            return Status(self.kind, DRIVER, DeviceState.OFFLINE, code=error.code)
        media = MediaState.PRESENT if slot.is_present else MediaState.NOT_PRESENT
        return Status(self.kind, DRIVER, DeviceState.ONLINE, media)

    def capabilities(self) -> Capabilities:
        """Return what this reader can do; no card has confirmed any of it yet."""
        features = tuple(f"card_{word}" for word in self._order)
        return Capabilities(
            self.kind, DRIVER, (*features, "card_present"), provisional=features, identifier=self._reader
        )

    # ── CardReader ─────────────────────────────────────────────────────────────────────────

    def read(self, deadline: Deadline, keys: CardKeys = NO_KEYS) -> ChipCard:
        """Return what the next card holds.

        A card that could not be read may be tried again where it lies; one that was read has to be lifted first.
        Raises: UserFault("card_removed" | "card_unreadable" | "card_unknown" | "pin_wrong" | "pin_locked"),
        Unsupported("pin_needed" | "psam_needed" | "backoffice_needed" | "holder_locked"), TimedOut("no_card" | "mute" |
        "deadline"), Cancelled, NotReady, WireFault.
        """
        self._wait_for_card(deadline)
        card = self._link.connect(deadline)
        try:
            found = self._recognise(Channel(card), deadline, keys)
        finally:
            card.close()
        self._read_already = card.insertion
        return found

    def is_card_present(self, deadline: Deadline) -> bool:
        """Whether a card lies in the reader. Raises: DeviceError."""
        return self._look(deadline).is_present

    # ── steps ──────────────────────────────────────────────────────────────────────────────

    def _look(self, deadline: Deadline) -> Slot:
        """Return how the reader is. A card that lies there after it was away may be the one already read."""
        try:
            slot = self._link.slot(deadline)
        except NotReady:
            self._was_away = True
            raise
        if self._was_away and slot.is_present and self._read_already >= 0:
            self._read_already = slot.insertion
        self._was_away = False
        return slot

    def _wait_for_card(self, deadline: Deadline) -> None:
        """Wait for a card not read yet. Raises: TimedOut("no_card"), also when time ends within a further look."""
        is_new = self._is_new(self._look(deadline))
        while not is_new:
            try:
                deadline.wait(LOOK_S)
                is_new = self._is_new(self._look(deadline))
            except TimedOut as error:
                if error.code != "deadline":
                    raise
                raise TimedOut("no_card") from error

    def _is_new(self, slot: Slot) -> bool:
        """Whether a card lies there that was not read yet. Raises: UserFault for one that does not speak."""
        if not slot.is_present:
            self._read_already = -1
            return False
        if slot.insertion == self._read_already:
            return False
        if slot.is_powerless:  # the wrong way round, or no chip card at all
            raise UserFault("card_unreadable", "no answer to reset")
        return True

    def _recognise(self, channel: CardChannel, deadline: Deadline, keys: CardKeys) -> ChipCard:
        """Try the kinds of card in their order. Raises: UserFault("card_unknown") when it is none of them."""
        for word in self._order:
            application = APPLICATIONS[word]
            for select in application.selects:
                answer, sw = channel.transmit(select, deadline)
                if sw == DONE:
                    module, _, name = application.reads.partition(":")
                    read = cast("ReadApplication", getattr(import_module(module), name))
                    return read(channel, answer, deadline, keys, self._options)
        raise UserFault("card_unknown")


def _load_csca(folder: str) -> tuple[bytes, ...]:
    """Return the certificates of a folder; what takes them apart is loaded where there is one. Raises: ValueError."""
    if not folder:
        return ()
    from devices.drivers.card_emrtd_trust import load_csca

    return load_csca(folder)
