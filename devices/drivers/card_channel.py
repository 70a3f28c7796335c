"""One command, one whole answer: what a card keeps back is fetched, what it wants asked otherwise is asked again.

PC/SC leaves both to its clients (reference/devices.md §5).
"""

from __future__ import annotations

from typing import Protocol

from devices.api import CardChannel, Deadline, UserFault, WireFault
from devices.wire import apdu as iso

CHAIN = 300  # answers fetched for one command: 64 kB and some
MAX_ANSWER = 70_000
GET_RESPONSE = 0xC0


class RawCard(Protocol):
    """A connected card as its link has it."""

    @property
    def atr(self) -> bytes:
        """Return what the card said when it was powered."""

    @property
    def is_block(self) -> bool:
        """Whether it speaks T=1."""

    def exchange(self, apdu: bytes, deadline: Deadline) -> bytes:
        """Return the answer as it came."""


class Channel:
    """The CardChannel over any card."""

    def __init__(self, card: RawCard) -> None:
        self._card = card

    @property
    def atr(self) -> bytes:
        """Return what the card said when it was powered."""
        return self._card.atr

    def transmit(self, apdu: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Return data and status word; see CardChannel."""
        answer = self._ask(apdu, deadline)
        if answer.sw >> 8 == iso.WRONG_LENGTH:
            answer = self._ask(iso.with_expected(apdu, answer.sw & 0xFF), deadline)
        data = answer.data
        for _ in range(CHAIN):
            if answer.sw >> 8 != iso.MORE:
                return data, answer.sw
            fetch = iso.Command(apdu[0] & 0x0F, GET_RESPONSE, 0x00, 0x00, b"", answer.sw & 0xFF or iso.SHORT)
            answer = self._ask(iso.encode_command(fetch), deadline)
            data += answer.data
            if len(data) > MAX_ANSWER:
                break
        raise WireFault("endless", "the card never stops answering")

    def _ask(self, apdu: bytes, deadline: Deadline) -> iso.Response:
        sent = apdu if self._card.is_block else iso.without_expected(apdu)
        return iso.decode_response(self._card.exchange(sent, deadline))


def ask(channel: CardChannel, apdu: bytes, deadline: Deadline) -> bytes:
    """Return the data of a command that must succeed. Raises: UserFault("card_unreadable") with the status word."""
    data, sw = channel.transmit(apdu, deadline)
    if sw != iso.DONE:
        raise UserFault("card_unreadable", f"{apdu[1]:02X} {sw:04X}")
    return data
