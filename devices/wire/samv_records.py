"""The 256-byte text record of an identity card, both ways. Layouts are data, so that a correction is one line.

Source: reference/devices.md §4.6. R: five agreeing sources. J, I and Y are provisional: one source each.
Pure; the only error is WireFault.
"""

from __future__ import annotations

from datetime import date

from devices.api import CardKind, IdCard, Private, WireFault
from devices.wire.samv_codes import former_number

RECORD_BYTES = 256
TYPE_AT = 248  # one character: I, Y or J; anything else is a resident card
PERMANENT = "长期"
PROVISIONAL = (CardKind.RESIDENCE_PERMIT, CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023)

# field: (offset, length) in bytes; each layout tiles the record exactly
LAYOUTS: dict[CardKind, dict[str, tuple[int, int]]] = {
    CardKind.RESIDENT: {
        "name": (0, 30),
        "sex": (30, 2),
        "nation": (32, 4),
        "birth": (36, 16),
        "address": (52, 70),
        "id_number": (122, 36),
        "authority": (158, 30),
        "valid_from": (188, 16),
        "valid_until": (204, 16),
        "reserved": (220, 36),
    },
    CardKind.RESIDENCE_PERMIT: {
        "name": (0, 30),
        "sex": (30, 2),
        "reserved": (32, 4),
        "birth": (36, 16),
        "address": (52, 70),
        "id_number": (122, 36),
        "authority": (158, 30),
        "valid_from": (188, 16),
        "valid_until": (204, 16),
        "permit_number": (220, 18),
        "issue_count": (238, 4),
        "reserved_2": (242, 6),
        "type": (248, 2),
        "reserved_3": (250, 6),
    },
    CardKind.FOREIGNER_2017: {
        "english_name": (0, 120),
        "sex": (120, 2),
        "id_number": (122, 30),
        "nationality": (152, 6),
        "name": (158, 30),
        "valid_from": (188, 16),
        "valid_until": (204, 16),
        "birth": (220, 16),
        "version": (236, 4),
        "authority": (240, 8),
        "type": (248, 2),
        "reserved": (250, 6),
    },
    CardKind.FOREIGNER_2023: {
        "name": (0, 30),
        "sex": (30, 2),
        "renewals": (32, 4),
        "birth": (36, 16),
        "english_name": (52, 70),
        "id_number": (122, 36),
        "reserved": (158, 30),
        "valid_from": (188, 16),
        "valid_until": (204, 16),
        "english_name_rest": (220, 22),
        "nationality": (242, 6),
        "type": (248, 2),
        "old_number_link": (250, 6),
    },
}
ENGLISH_NAME_SIGNS = 35  # of layout Y before the name goes on in its second place


def kind_of(block: bytes) -> CardKind:
    """Return the layout of a text record, by its type mark. Raises: WireFault if the length is wrong."""
    if len(block) != RECORD_BYTES:
        raise WireFault("record_length", f"{len(block)} bytes")
    mark = block[TYPE_AT : TYPE_AT + 2]
    return next((kind for kind in PROVISIONAL if mark == kind.value.encode("utf-16-le")), CardKind.RESIDENT)


def decode_fields(block: bytes) -> dict[str, str]:
    """Return every field of a text record by its layout's name, without padding; reserved ones left out.

    Raises: WireFault if the length is wrong or a field is not text.
    """
    layout = LAYOUTS[kind_of(block)]
    return {
        name: decode_text(block[at : at + length])
        for name, (at, length) in layout.items()
        if not name.startswith("reserved")
    }


def encode_fields(kind: CardKind, fields: dict[str, str]) -> bytes:
    """Return a text record; fields not given are blank. Raises: WireFault if one is too long or not in the layout."""
    layout = LAYOUTS[kind]
    if unknown := fields.keys() - layout.keys():
        raise WireFault("record_field", ", ".join(sorted(unknown)))
    return b"".join(encode_text(fields.get(name, ""), length) for name, (_, length) in layout.items())


def decode_text_record(block: bytes) -> IdCard:
    """Return the card a text record tells of, without photo and appended addresses.

    Shape: 256 bytes, UTF-16LE, space-padded; dates YYYYMMDD, 长期 for no end. Nothing is checked against the number's
    check digit: that is for who relies on it.
    Raises: WireFault if the length is wrong, a field is not text or a date does not parse.
    """
    fields = decode_fields(block)
    until = fields["valid_until"]
    english = fields.get("english_name", "")
    if fields.get("english_name_rest"):
        english = english.ljust(ENGLISH_NAME_SIGNS) + fields["english_name_rest"]
    return IdCard(
        kind=kind_of(block),
        name=Private(fields["name"]),
        id_number=Private(fields["id_number"]),
        sex=fields["sex"],
        nation=fields.get("nation", ""),
        birth_date=Private(_decode_date(fields["birth"], "birth")),
        address=Private(fields.get("address", "")),
        authority=fields.get("authority", ""),
        valid_from=_decode_date(fields["valid_from"], "valid_from") if fields["valid_from"] else None,
        valid_until=None if until == PERMANENT else _decode_date(until, "valid_until"),
        is_permanent=until == PERMANENT,
        english_name=Private(english),
        nationality=fields.get("nationality", ""),
        permit_number=Private(fields.get("permit_number", "")),
        former_number=Private(_decode_former(fields)),
    )


def encode_text_record(card: IdCard) -> bytes:
    """Return the 256 bytes of a card's text. Raises: WireFault if something does not fit its layout."""
    layout = LAYOUTS[card.kind]
    if card.valid_until is None and not card.is_permanent:
        raise WireFault("record_date", "valid_until")
    english = card.english_name.reveal()
    fields = {
        "name": card.name.reveal(),
        "sex": card.sex,
        "nation": card.nation,
        "birth": _encode_date(card.birth_date.reveal()),
        "address": card.address.reveal(),
        "id_number": card.id_number.reveal(),
        "authority": card.authority,
        "valid_from": "" if card.valid_from is None else _encode_date(card.valid_from),
        "valid_until": PERMANENT if card.valid_until is None else _encode_date(card.valid_until),
        "english_name": english,
        "nationality": card.nationality,
        "permit_number": card.permit_number.reveal(),
        "old_number_link": _encode_former(card),
        "type": card.kind.value,
    }
    if card.kind is CardKind.FOREIGNER_2023:
        fields["english_name"] = english[:ENGLISH_NAME_SIGNS].rstrip()
        fields["english_name_rest"] = english[ENGLISH_NAME_SIGNS:]
    if missing := [name for name, value in fields.items() if value and name not in layout and name != "type"]:
        raise WireFault("record_field", ", ".join(missing))
    return encode_fields(card.kind, {name: value for name, value in fields.items() if name in layout})


def decode_text(field: bytes) -> str:
    """Return a space-padded UTF-16LE field. Raises: WireFault if it is not text, or holds control characters."""
    try:
        text = field.decode("utf-16-le").rstrip(" \0")
    except UnicodeDecodeError as error:
        raise WireFault("record_text") from error
    if any(sign < " " or "\x7f" <= sign < "\xa0" for sign in text):  # would be commands to a printer, not a name
        raise WireFault("record_text")
    return text


def encode_text(text: str, length: int) -> bytes:
    """Return a space-padded UTF-16LE field of `length` bytes. Raises: WireFault if the text does not fit."""
    try:
        field = text.encode("utf-16-le")
    except UnicodeEncodeError as error:
        raise WireFault("record_text") from error
    if len(field) > length:
        raise WireFault("record_text", "too long")
    return field + b"\x20\x00" * ((length - len(field)) // 2)


def _decode_former(fields: dict[str, str]) -> str:
    """Return the number of the card that this one replaces; "" where the card names none, or nothing that gives one."""
    if not fields.get("old_number_link"):
        return ""
    try:
        return former_number(fields["nationality"], fields["id_number"], fields["old_number_link"])
    except WireFault:  # the number is extra: a good card is not lost over it
        return ""


def _encode_former(card: IdCard) -> str:
    """Return the three digits from which a former number is worked out. Raises: WireFault if they do not give it."""
    former = card.former_number.reveal()
    if not former:
        return ""
    link = former[5:7] + former[13:14]
    if former_number(card.nationality, card.id_number.reveal(), link) != former:
        raise WireFault("former_number")
    return link


def _decode_date(text: str, what: str) -> date:
    """Return a date. Raises: WireFault."""
    if len(text) == 8 and text.isascii() and text.isdigit():
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError as error:
            raise WireFault("record_date", what) from error
    raise WireFault("record_date", what)


def _encode_date(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
