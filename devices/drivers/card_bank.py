"""Reads a bank card as far as it tells without a PIN; the number arrives here masked.

GET PROCESSING OPTIONS advances the card's own counter, as at any till; no transaction follows.
"""

from __future__ import annotations

from datetime import date

from devices.api import BankCard, CardChannel, CardKeys, Deadline, UserFault, WireFault
from devices.drivers.card_channel import ask
from devices.drivers.card_options import CardOptions
from devices.wire import emv
from devices.wire.apdu import DONE, SHORT, build_read_record, build_select
from devices.wire.emv import Application

MAX_ENTRIES = 16  # records of a directory


def read_bank(
    channel: CardChannel, answer: bytes, deadline: Deadline, keys: CardKeys, options: CardOptions
) -> BankCard:
    """Return the card's first application.

    Shape: `answer` is what SELECT of PSE or PPSE said, or of an application where the card has neither.
    Raises: UserFault("card_unreadable" | "card_removed"), WireFault, and what the channel raises.
    """
    is_contactless = b"2PAY." in answer
    last: UserFault | None = None
    for application in _applications(channel, answer, deadline):
        data, sw = channel.transmit(build_select(application.name, expected=SHORT), deadline)
        if sw != DONE:  # blocked or not yet there: the next one may do
            last = UserFault("card_unreadable", f"A4 {sw:04X}")
            continue
        return _read(channel, application, data, deadline, is_contactless)
    raise last or UserFault("card_unreadable", "no application")


def _applications(channel: CardChannel, answer: bytes, deadline: Deadline) -> tuple[Application, ...]:
    """Return what the card offers, first choice first."""
    if emv.PSE in answer:
        records = _directory(channel, emv.decode_directory_file(answer), deadline)
        found = [one for record in records for one in emv.decode_applications(record)]
        return tuple(sorted(found, key=lambda one: one.priority or MAX_ENTRIES))
    if emv.PPSE in answer:
        return emv.decode_applications(answer)
    return (Application(emv.decode_name(answer)),)


def _directory(channel: CardChannel, sfi: int, deadline: Deadline) -> list[bytes]:
    records: list[bytes] = []
    for number in range(1, MAX_ENTRIES + 1):
        data, sw = channel.transmit(build_read_record(number, sfi << 3 | 4), deadline)
        if sw != DONE:  # 6A83 ends the directory
            break
        records.append(data)
    return records


def _read(
    channel: CardChannel, application: Application, answer: bytes, deadline: Deadline, is_contactless: bool
) -> BankCard:
    label, pdol = emv.decode_application(answer)
    options = emv.decode_options(ask(channel, emv.build_options_request(pdol, date.today()), deadline))
    fields = emv.decode_fields(
        ask(channel, build_read_record(number, entry.sfi << 3 | 4), deadline)
        for entry in options.files
        for number in range(entry.first, entry.last + 1)
    )
    if not fields.masked_number:
        raise WireFault("emv", "no card number")
    return BankCard(
        application=application.name.hex().upper(),
        label=label or application.label,
        masked_number=fields.masked_number,
        sequence=fields.sequence,
        valid_until=fields.valid_until,
        holder_name=fields.holder_name,
        is_contactless=is_contactless,
    )
