"""What `read-card` prints of chip cards, and what it says when one cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import click

from devices.api import BankCard, CardKeys, ChipCard, Private, SocialCard, TravelDocument, WireFault
from devices.wire.mrz import compose_key_text
from kiosk.services.masks import mask_id, mask_name

MASKED_DATE = "****-**-**"
PROMPTS = {"pin": "PIN", "can": "card access number"}
ZONE = ("document number", "birth date YYMMDD", "expiry date YYMMDD")
REMEDIES = {
    "noService": "the smart card service is not running; start it: systemctl start pcscd",
    "noDevice": "no such reader; check its cable and its name in the link (pcsc:* takes the first)",
    "inUse": "another program has the card; end it",
    "mute": "the card does not answer; take it out and insert it again",
    "no_card": "no card was inserted in time; one that was read before must be taken out first",
    "card_removed": "the card was taken out too early; insert it again",
    "card_unreadable": "the card could not be read; clean its contacts and insert it again, chip up",
    "card_unknown": "no application on the card is known here; see docs/devices/card-pcsc.md for those that are",
    "pin_needed": "cards of this region open their holder with a PIN: run again with --ask pin",
    "pin_wrong": "the card did not take that PIN; a few wrong ones lock it",
    "pin_locked": "the card's PIN is locked; its issuer can unlock it",
    "psam_needed": "cards of this region open their holder to a security module (PSAM), which is not supported",
    "backoffice_needed": "cards of this region open their holder to the issuer's service, which is not supported",
    "key_needed": "the chip opens with what is printed on the document: run again with --ask mrz or --ask can",
    "mrz_needed": "this chip does not know the card access number: run again with --ask mrz",
    "wrong_mrz": "number, birth date and expiry do not open the chip; compare them with the document",
    "wrong_can": "the six digits do not open the chip; compare them with the document",
    "no_access": "the chip opens neither by PACE nor by BAC",
    "access_denied": "the chip keeps its files closed even to the right key",
    "no_application": "the chip holds no travel document",
    "holder_locked": "the card keeps its holder closed; give the rule of its region in social_regions",
}


def describe_chip(card: ChipCard, is_revealed: bool) -> dict[str, object]:
    """Return what `read-card` prints of a chip card. A bank card's number is never shown whole: it is not kept."""
    return DESCRIBED[type(card)](card, is_revealed)


def ask_keys(words: Sequence[str]) -> CardKeys:
    """Ask for what opens a chip, "pin", "mrz" or "can", without showing it; the zone by its three parts.

    Raises: click.BadParameter if a part cannot stand in a zone.
    """
    asked = {word: _ask(PROMPTS[word]) for word in words if word in PROMPTS}
    try:
        zone = compose_key_text(*(_ask(part) for part in ZONE)) if "mrz" in words else ""
    except WireFault as error:
        raise click.BadParameter(f"{error.detail or 'number'}: not as the document has it") from error
    return CardKeys(Private(asked.get("pin", "")), Private(zone), Private(asked.get("can", "")))


def _ask(what: str) -> str:
    return str(click.prompt(what, hide_input=True, err=True))


def _social(card: SocialCard, is_revealed: bool) -> dict[str, object]:
    name, number = card.name.reveal(), card.id_number.reveal()
    birth = card.birth_date.reveal().isoformat() if card.birth_date else ""
    return {
        "kind": "social",
        "region": card.region,
        "card_number": card.card_number.reveal() if is_revealed else mask_id(card.card_number.reveal()),
        "card_type": card.card_type,
        "version": card.version,
        "issued_on": _date(card.issued_on),
        "valid_until": _date(card.valid_until),
        "holder": card.holder.value,
        "name": name if is_revealed else mask_name(name),
        "id_number": number if is_revealed else mask_id(number),
        "sex": card.sex,
        "nation": card.nation,
        "birth_place": card.birth_place,
        "birth_date": birth if is_revealed or not birth else MASKED_DATE,
    }


def _bank(card: BankCard, is_revealed: bool) -> dict[str, object]:
    name = card.holder_name.reveal()
    return {
        "kind": "bank",
        "application": card.application,
        "label": card.label,
        "masked_number": card.masked_number,
        "sequence": card.sequence,
        "valid_until": _date(card.valid_until),
        "holder_name": name if is_revealed else mask_name(name),
        "is_contactless": card.is_contactless,
    }


def _travel(card: TravelDocument, is_revealed: bool) -> dict[str, object]:
    surname, given, number = card.surname.reveal(), card.given_names.reveal(), card.number.reveal()
    birth = _date(card.birth_date.reveal())
    return {
        "kind": "travel",
        "code": card.code,
        "issuer": card.issuer,
        "number": number if is_revealed else mask_id(number),
        "surname": surname if is_revealed else mask_name(surname),
        "given_names": given if is_revealed else mask_name(given),
        "nationality": card.nationality,
        "birth_date": birth if is_revealed or not birth else MASKED_DATE,
        "sex": card.sex,
        "valid_until": _date(card.expiry_date),
        "portrait": card.portrait_kind.value,
        "portrait_bytes": len(card.portrait.reveal()),
        "access": card.access.value,
        "authenticity": card.authenticity.value,
        "signer": card.signer,
    }


def _date(value: date | None) -> str:
    return value.isoformat() if value else ""


DESCRIBED: dict[type, Callable[[Any, bool], dict[str, object]]] = {
    SocialCard: _social,
    BankCard: _bank,
    TravelDocument: _travel,
}
