"""Cards in clear, as a training file or a control request holds them, and their numbers' check digit."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from devices.api import CardKind, IdCard, Private, WireFault
from devices.wire.samv_records import PERMANENT, encode_text_record

TEXTS = ("name", "id_number", "sex", "nation", "address", "authority", "english_name", "nationality")
NUMBERS = ("permit_number", "former_number")
OTHERS = ("kind", "birth_date", "valid_from", "valid_until", "photo", "extra_addresses")


def card_from(fields: Mapping[str, Any]) -> IdCard:
    """Return the card a JSON object describes.

    Keys: kind (R J I Y), name, id_number, sex, nation, birth_date, address, authority, valid_from, valid_until (ISO
    dates, or 长期), photo (base64 of 1024 bytes), extra_addresses, english_name, nationality,
    permit_number, former_number. All but name, id_number and birth_date
    may be left out.
    Raises: ValueError naming the key.
    """
    if unknown := sorted(set(fields) - {*TEXTS, *NUMBERS, *OTHERS}):
        raise ValueError(f"card: unknown key {unknown[0]!r}; allowed are {', '.join((*TEXTS, *NUMBERS, *OTHERS))}")
    for key in ("name", "id_number", "birth_date"):
        if not isinstance(fields.get(key), str):
            raise ValueError(f"card: {key} is missing")
    texts = {key: str(fields.get(key, "")) for key in (*TEXTS, *NUMBERS)}
    until = str(fields.get("valid_until", PERMANENT))
    try:
        card = IdCard(
            kind=CardKind(fields.get("kind", "R")),
            name=Private(texts["name"]),
            id_number=Private(texts["id_number"]),
            sex=texts["sex"],
            nation=texts["nation"],
            birth_date=Private(date.fromisoformat(fields["birth_date"])),
            address=Private(texts["address"]),
            authority=texts["authority"],
            valid_from=date.fromisoformat(fields["valid_from"]) if fields.get("valid_from") else None,
            valid_until=None if until == PERMANENT else date.fromisoformat(until),
            is_permanent=until == PERMANENT,
            photo=Private(base64.b64decode(fields.get("photo", ""), validate=True)),
            extra_addresses=tuple(Private(str(address)) for address in fields.get("extra_addresses", ())),
            english_name=Private(texts["english_name"]),
            nationality=texts["nationality"],
            permit_number=Private(texts["permit_number"]),
            former_number=Private(texts["former_number"]),
        )
        encode_text_record(card)  # a card that no chip can hold is refused here, not at the reader
    except (TypeError, ValueError, WireFault) as error:
        raise ValueError(f"card: {error}") from error
    return card


def load_cards(path: Path) -> dict[str, IdCard]:
    """Return the cards of a JSON file, `{"key": {…}, …}`. Raises: ValueError, OSError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON") from error
    if not isinstance(found, dict) or not all(isinstance(card, dict) for card in found.values()):
        raise ValueError(f"{path}: an object of cards by key is needed")
    return {str(key): card_from(card) for key, card in found.items()}


def id_number(division: str, birth: date, sequence: int) -> str:
    """Return a citizen number with its check digit (GB 11643 = ISO 7064 MOD 11-2)."""
    body = f"{division}{birth:%Y%m%d}{sequence:03d}"
    total = sum(int(sign) * (1 << (17 - at)) for at, sign in enumerate(body))
    return f"{body}{'10X98765432'[total % 11]}"
