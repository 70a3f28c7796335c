"""Who stands here: the identity a card gives, its check, age, and the masks that show it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec

from devices.api import CardKind, IdCard, Private
from kiosk.services.masks import (
    group4,
    group_id,
    group_phone,
    last4,
    mask_id,
    mask_name,
    mask_phone,
    mask_to_village,
)
from kiosk.services.numbers import is_valid_id_number, is_valid_permanent_number, is_valid_uscc, luhn
from kiosk.station.errors import IdentityError

__all__ = [
    "Assurance",
    "Identity",
    "Method",
    "age_on",
    "birthday_of_age",
    "group4",
    "group_id",
    "group_phone",
    "identity_of",
    "is_valid_id_number",
    "is_valid_permanent_number",
    "is_valid_uscc",
    "last4",
    "luhn",
    "mask_id",
    "mask_name",
    "mask_phone",
    "mask_to_village",
]


class Method(StrEnum):
    """How a person identified."""

    ID_CARD = "id_card"


class Assurance(StrEnum):
    """How sure the identity is; its words are texts `identity.<value>`."""

    OFFLINE_CARD = "offline_card"  # 离线身份,待核验: the chip was read, nobody else was asked


class Identity(msgspec.Struct, frozen=True):
    """One person as their card tells it. Codes stay as on the card; `valid_until` None means 长期."""

    method: Method
    assurance: Assurance
    card_kind: CardKind
    name: Private[str]
    id_number: Private[str]
    birth_date: Private[date]
    sex: str  # GB/T 2261.1
    nation: str  # GB/T 3304; "" where the card has none
    address: Private[str]
    authority: str
    valid_from: date | None
    valid_until: date | None
    portrait: Private[bytes]

    def __repr__(self) -> str:
        return f"Identity({self.method}, {self.assurance})"


def identity_of(card: IdCard, today: date, accepts_expired: bool = False) -> Identity:
    """Return the identity a card gives. `accepts_expired` is for items that renew the card itself.

    Raises: IdentityError("id_number_bad" | "name_missing" | "birth_date_bad" | "card_expired").
    """
    number = card.id_number.reveal()
    is_valid = is_valid_permanent_number if card.kind is CardKind.FOREIGNER_2017 else is_valid_id_number
    if not is_valid(number):
        raise IdentityError("id_number_bad")
    name = card.name if card.name.reveal().strip() else card.english_name
    if not name.reveal().strip():
        raise IdentityError("name_missing")
    if card.birth_date.reveal() > today:
        raise IdentityError("birth_date_bad")
    if not card.is_permanent and card.valid_until is not None and card.valid_until < today and not accepts_expired:
        raise IdentityError("card_expired")
    return Identity(
        method=Method.ID_CARD,
        assurance=Assurance.OFFLINE_CARD,
        card_kind=card.kind,
        name=name,
        id_number=card.id_number,
        birth_date=card.birth_date,
        sex=card.sex,
        nation=card.nation,
        address=card.address,
        authority=card.authority,
        valid_from=card.valid_from,
        valid_until=None if card.is_permanent else card.valid_until,
        portrait=card.photo,
    )


def age_on(birth: date, today: date) -> int:
    """Return the full years of age. Who was born on 29 February turns a year older on 1 March of common years."""
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def birthday_of_age(birth: date, age: int) -> date:
    """Return the day on which `age_on` first gives `age`."""
    try:
        return birth.replace(year=birth.year + age)
    except ValueError:  # 29 February in a common year
        return date(birth.year + age, 3, 1)
