"""Reads a social security card whose application is selected, by the rules of its region.

A PIN is never guessed and never tried twice: a card blocks itself after a few wrong ones.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from devices.api import (
    CardChannel,
    CardKeys,
    Deadline,
    HolderState,
    Private,
    SocialCard,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.drivers.card_channel import ask
from devices.drivers.card_options import CardOptions
from devices.wire import social
from devices.wire.apdu import DONE
from devices.wire.social import CardField, Field, HolderField, HolderRule, Region

NOT_THERE = frozenset({0x6A83, 0x6A82, 0x9403})  # this card has no such record: older versions lack some
LOCKED = frozenset({0x6983, 0x6984})
NEEDED = frozenset({CardField.IDENTIFICATION, CardField.CARD_NUMBER, HolderField.ID_NUMBER, HolderField.NAME})
RULE_CODES = {HolderRule.PSAM: "psam_needed", HolderRule.BACK_OFFICE: "backoffice_needed"}


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    region: tuple[Region, ...] = ()


def load_regions(path: str) -> tuple[Region, ...]:
    """Return the regions of a TOML file, `[[region]]` each; none for "". Raises: ValueError naming file and mistake."""
    if not path:
        return ()
    try:
        return msgspec.convert(tomllib.loads(Path(path).read_text(encoding="utf-8")), _Table).region
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ValueError(f"social_regions {path!r}: {error}") from error


def read_social(
    channel: CardChannel, answer: bytes, deadline: Deadline, keys: CardKeys, options: CardOptions
) -> SocialCard:
    """Return the card, with its holder where configuration wants that.

    Raises: Unsupported("pin_needed" | "psam_needed" | "backoffice_needed"), UserFault("pin_wrong" | "pin_locked" |
    "card_unreadable" | "card_removed"), WireFault, and what the channel raises.
    """
    ask(channel, social.build_select_file(social.CARD_FILE), deadline)
    found = {field: _read(channel, field, social.STANDARD, deadline) for field in CardField}
    identification = found[CardField.IDENTIFICATION]
    card = SocialCard(
        region=identification[:6],
        identification=Private(identification),
        card_number=Private(found[CardField.CARD_NUMBER]),
        card_type=found[CardField.CARD_TYPE],
        version=found[CardField.VERSION],
        organisation=found[CardField.ORGANISATION],
        issued_on=social.decode_date(found[CardField.ISSUED_ON]),
        valid_until=social.decode_date(found[CardField.VALID_UNTIL]),
    )
    if not options.is_holder_read:
        return card
    region = social.region_for(identification, options.regions)
    _unlock(channel, region, deadline, keys)
    return _with_holder(card, channel, region, deadline)


def _unlock(channel: CardChannel, region: Region, deadline: Deadline, keys: CardKeys) -> None:
    """Do what the region's rule asks for before the holder's file."""
    if region.rule is HolderRule.NONE:
        return
    if region.rule is not HolderRule.PIN:
        raise Unsupported(RULE_CODES[region.rule], region.prefix)
    if not keys.pin.reveal():
        raise Unsupported("pin_needed", region.prefix)
    _, sw = channel.transmit(social.build_verify(keys.pin.reveal()), deadline)
    if sw in LOCKED or sw == 0x63C0:
        raise UserFault("pin_locked", f"{sw:04X}")
    if sw != DONE:
        raise UserFault("pin_wrong", f"{sw:04X}")


def _with_holder(card: SocialCard, channel: CardChannel, region: Region, deadline: Deadline) -> SocialCard:
    ask(channel, social.build_select_file(social.HOLDER_FILE, region), deadline)
    found = {field: _read(channel, field, region, deadline) for field in HolderField if field in region.records}
    birth = social.decode_date(found.get(HolderField.BIRTH_DATE, ""))
    return msgspec.structs.replace(
        card,
        holder=HolderState.READ,
        name=Private(found[HolderField.NAME]),
        id_number=Private(found[HolderField.ID_NUMBER]),
        sex=found.get(HolderField.SEX, ""),
        nation=found.get(HolderField.NATION, ""),
        birth_place=found.get(HolderField.BIRTH_PLACE, ""),
        birth_date=Private(birth) if birth else None,
    )


def _read(channel: CardChannel, field: Field, region: Region, deadline: Deadline) -> str:
    """Return one field; "" where the card has no such record and none needs it."""
    apdu = social.build_read(field, region)
    data, sw = channel.transmit(apdu, deadline)
    if sw in NOT_THERE and field not in NEEDED:
        return ""
    if sw == 0x6982:  # the card's rule is not the one configured
        raise Unsupported("holder_locked", region.prefix)
    if sw != DONE:
        raise UserFault("card_unreadable", f"{field.value} {sw:04X}")
    text = social.decode_field(field, social.decode_record(data, apdu[2]))
    if not text and field in NEEDED:
        raise WireFault("record", f"{field.value}: empty")
    return text
