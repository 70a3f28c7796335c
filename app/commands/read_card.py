"""`read-card`: one card through the production driver, masked unless revealed."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from typing import cast

from app.commands import read_chip
from app.far_end import lead_to_far_end
from devices.api import (
    CardKeys,
    CardReader,
    ChipCard,
    Deadline,
    Device,
    DeviceError,
    DeviceKind,
    IdCard,
    IdReader,
    TimedOut,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.registry import DEFAULTS, device_mistakes, make_device, read_options
from devices.wire.samv_records import PERMANENT
from kiosk.services.masks import mask_id, mask_name, mask_to_village
from kiosk.station.failures import failure_of
from kiosk.station.texts import own_texts

OUR_OWN = f"sim:{DeviceKind.READER.value}"
LINKS = tuple(dict.fromkeys(link for kind, link in DEFAULTS if kind in (DeviceKind.READER, DeviceKind.CARD)))
OPEN_S = 8.0
LOOK_S = 5.0
LEFT = "the card that lies there was read before; lift it and lay it down again"
MASKED_DATE = "****-**-**"  # a birth date is eight of the number's hidden digits
TIMES = {
    "no_card": "no card was laid down in time",
    "deadline": "the time was over before the card was read",
}


def run_read_card(
    link: str,
    driver: str = "",
    reveal: bool = False,
    timeout: float = 30.0,
    as_json: bool = False,
    keys: CardKeys | None = None,
    options: Mapping[str, str] | None = None,
    photo_decoder: str = "",
) -> int:
    """Wait `timeout` seconds for a card and print it; a `pcsc:` link reads chip cards, with `keys` and driver options.

    With a decoder of photos it also says whether that makes a portrait of this card's.
    As JSON a card has the keys of its kind, and what was no card `code` and `reason`.
    Return 0 when it was read, 1 when it was refused or none came, 2 when there is no such link, driver or reader.
    """
    if link.partition(":")[0] not in LINKS and link != OUR_OWN:
        return _fail(f"link {link!r}: allowed are {', '.join(f'{kind}:…' for kind in LINKS)} and {OUR_OWN}", 2)
    is_chip = link.startswith("pcsc:")
    kind = DeviceKind.CARD if is_chip else DeviceKind.READER
    with contextlib.ExitStack() as stack:
        link = lead_to_far_end(DeviceKind.READER, link, stack, "--put", "elder")
        texts = {**(options or {}), **({"photo_decoder": photo_decoder} if photo_decoder else {})}
        named = read_options(kind, driver, link, texts)
        try:
            for name, told in device_mistakes(kind, driver, link, named):
                if name.startswith("options."):
                    return _fail(f"{name}: {told}", 2)
            reader = make_device(kind, driver, link, **named)
        except ValueError as error:
            return _fail(str(error), 2)
        stack.callback(reader.close)
        try:
            reader.open(Deadline(OPEN_S))
        except DeviceError as error:
            return _tell_fault(link, error.code, explain(error, is_chip), 2, as_json)
        try:
            card = _read(reader, Deadline(timeout), keys or CardKeys(), is_chip)
        except DeviceError as error:
            is_card = isinstance(error, (UserFault, WireFault, TimedOut, Unsupported))
            is_left = not is_chip and error.code == "no_card" and _is_left(cast("IdReader", reader))
            why = LEFT if is_left else explain(error, is_chip)
            return _tell_fault(link, error.code, why, 1 if is_card else 2, as_json)
        found = describe_card(card, reveal) if isinstance(card, IdCard) else read_chip.describe_chip(card, reveal)
        if photo_decoder and isinstance(card, IdCard):
            found["photo"] = _try_photo(cast("IdReader", reader), card)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for key, value in found.items():
            print(f"{key:16} {'; '.join(value) if isinstance(value, list) else value}")
    return 0


def _read(reader: Device, deadline: Deadline, keys: CardKeys, is_chip: bool) -> IdCard | ChipCard:
    if is_chip:
        return cast("CardReader", reader).read(deadline, keys)
    return cast("IdReader", reader).read(deadline)


def describe_card(card: IdCard, is_revealed: bool) -> dict[str, object]:
    """Return what `read-card` prints of a card. Codes stay as on the card; the photo is only counted."""
    name = card.name.reveal() or card.english_name.reveal()
    birth = card.birth_date.reveal().isoformat()
    number = card.id_number.reveal()
    address = card.address.reveal()
    extra = [one.reveal() for one in card.extra_addresses]
    return {
        "kind": card.kind.value,
        "name": name if is_revealed else mask_name(name),
        "id_number": number if is_revealed else mask_id(number),
        "sex": card.sex,
        "nation": card.nation,
        "birth_date": birth if is_revealed else MASKED_DATE,
        "address": address if is_revealed else _masked(address),
        "authority": card.authority,
        "valid_from": card.valid_from.isoformat() if card.valid_from else "",
        "valid_until": card.valid_until.isoformat() if card.valid_until else PERMANENT,
        "photo_bytes": len(card.photo.reveal()),
        "extra_addresses": extra if is_revealed else [_masked(one) for one in extra],
    }


def _try_photo(reader: IdReader, card: IdCard) -> str:
    """Return whether the decoder makes a portrait of the card's photo; the picture itself goes nowhere."""
    try:
        picture = reader.decode_photo(card, Deadline(LOOK_S))
    except DeviceError as error:
        return f"not available ({error.detail})"
    return f"a portrait of {len(picture.reveal())} bytes"


def _masked(address: str) -> str:
    return mask_to_village(address) if address else ""


def _is_left(reader: IdReader) -> bool:
    """Whether a card lies there that the reader does not tell of again before it was lifted."""
    try:
        return reader.is_card_present(Deadline(LOOK_S))
    except DeviceError:
        return False


def explain(error: DeviceError, is_chip: bool = False) -> str:
    """Return what went wrong and what to do, then the code for whoever looks it up."""
    if is_chip and error.code in read_chip.REMEDIES:
        return read_chip.REMEDIES[error.code]
    if error.code in TIMES:
        return TIMES[error.code]
    row = failure_of(type(error).__name__, error.code, "" if is_chip else "Reader")
    if error.code in row.codes:
        return f"{own_texts()(row.remedy, 'en')} ({error.code})"
    told = "what the card tells is no record we know" if isinstance(error, WireFault) else "the reader reports a fault"
    return f"{told} ({error.code}); try another card, then another reader"


def _tell_fault(link: str, code: str, why: str, exit_code: int, as_json: bool) -> int:
    """Say why no card was read: a line, or an object of its own keys."""
    if not as_json:
        return _fail(f"{link}: {why}", exit_code)
    print(json.dumps({"code": code, "reason": why}, ensure_ascii=False))
    return exit_code


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code
