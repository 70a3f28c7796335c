"""The machine readable zone of a travel document, both ways, and the key text that opens its chip.

Layouts are data. Source: ICAO Doc 9303 parts 4 (TD3), 5 (TD1) and 6 (TD2); key text: part 11 §4.3.2 and §4.4.4.1.
Pure; the only error is WireFault, whose detail names a field and never its content.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

import msgspec

from devices.api import Private, WireFault

FILLER = "<"
NUMBER_CHARS = 9
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WEIGHTS = (7, 3, 1)
_ALLOWED = re.compile(r"[0-9A-Z<]*")


class MrzForm(StrEnum):
    """Size of the document, which decides the lines."""

    TD1 = "TD1"  # a card: three lines of 30
    TD2 = "TD2"  # two lines of 36
    TD3 = "TD3"  # a passport: two lines of 44


class Mrz(msgspec.Struct, frozen=True):
    """What the zone says. Dates stay YYMMDD with < for what is not known; names have spaces for fillers."""

    form: MrzForm
    code: str  # P, I, C…: kind of document, one or two letters
    issuer: str
    surname: Private[str]
    given_names: Private[str]
    number: Private[str]
    nationality: str
    birth: Private[str]
    sex: str  # M, F or "" for not told
    expiry: str
    optional: Private[str] = Private("")
    optional_2: Private[str] = Private("")  # TD1 alone has a second


SHAPES: dict[MrzForm, tuple[int, int]] = {MrzForm.TD1: (3, 30), MrzForm.TD2: (2, 36), MrzForm.TD3: (2, 44)}

# field: (first, after the last) in the lines laid end to end; each layout tiles its zone exactly
LAYOUTS: dict[MrzForm, dict[str, tuple[int, int]]] = {
    MrzForm.TD1: {
        "code": (0, 2),
        "issuer": (2, 5),
        "number": (5, 14),
        "number_check": (14, 15),
        "optional": (15, 30),
        "birth": (30, 36),
        "birth_check": (36, 37),
        "sex": (37, 38),
        "expiry": (38, 44),
        "expiry_check": (44, 45),
        "nationality": (45, 48),
        "optional_2": (48, 59),
        "check": (59, 60),
        "names": (60, 90),
    },
    MrzForm.TD2: {
        "code": (0, 2),
        "issuer": (2, 5),
        "names": (5, 36),
        "number": (36, 45),
        "number_check": (45, 46),
        "nationality": (46, 49),
        "birth": (49, 55),
        "birth_check": (55, 56),
        "sex": (56, 57),
        "expiry": (57, 63),
        "expiry_check": (63, 64),
        "optional": (64, 71),
        "check": (71, 72),
    },
    MrzForm.TD3: {
        "code": (0, 2),
        "issuer": (2, 5),
        "names": (5, 44),
        "number": (44, 53),
        "number_check": (53, 54),
        "nationality": (54, 57),
        "birth": (57, 63),
        "birth_check": (63, 64),
        "sex": (64, 65),
        "expiry": (65, 71),
        "expiry_check": (71, 72),
        "optional": (72, 86),
        "optional_check": (86, 87),
        "check": (87, 88),
    },
}
# what the last check digit is taken over, in this order
COMPOSITE: dict[MrzForm, tuple[tuple[int, int], ...]] = {
    MrzForm.TD1: ((5, 30), (30, 37), (38, 45), (48, 59)),
    MrzForm.TD2: ((36, 46), (49, 56), (57, 71)),
    MrzForm.TD3: ((44, 54), (57, 64), (65, 87)),
}


def check_digit(text: str) -> str:
    """Return the check digit of a field: weights 7 3 1, letters from 10, the filler 0. Raises: WireFault."""
    total = 0
    for at, sign in enumerate(text):
        value = 0 if sign == FILLER else ALPHABET.find(sign)
        if value < 0:
            raise WireFault("mrz_character")
        total += value * WEIGHTS[at % 3]
    return str(total % 10)


def compose_key_text(number: str, birth: str, expiry: str) -> str:
    """Return what the chip's key is derived from: number, birth and expiry, each with its check digit.

    A short number is filled up to nine characters; one longer than nine stays whole.
    Raises: WireFault if a part cannot stand in a zone.
    """
    padded = _clean(number).replace(" ", "").ljust(NUMBER_CHARS, FILLER)
    for name, text in (("birth", birth), ("expiry", expiry)):
        if len(text) != 6 or not _ALLOWED.fullmatch(text):
            raise WireFault("mrz_date", name)
    return "".join(part + check_digit(part) for part in (padded, birth, expiry))


def derive_key_text(text: str) -> str:
    """Return the key text of what a person or a camera gave: a whole zone, or the key text itself, which is checked.

    Raises: WireFault if it is neither.
    """
    whole = _clean("".join(text.split()))
    if len(whole) in {lines * width for lines, width in SHAPES.values()}:
        mrz = decode_mrz(whole)
        return compose_key_text(mrz.number.reveal(), mrz.birth.reveal(), mrz.expiry)
    number, birth, expiry = whole[:-14], whole[-14:-7], whole[-7:]
    if len(number) <= NUMBER_CHARS:
        raise WireFault("mrz_length", str(len(whole)))
    for name, part in (("number", number), ("birth", birth), ("expiry", expiry)):
        _compare(name, part[:-1], part[-1])
    return whole


def decode_mrz(text: str) -> Mrz:
    """Return what a zone says; line ends and blanks do not matter, small letters count as capitals.

    Raises: WireFault if the length fits no layout, a character is foreign or a check digit is wrong.
    """
    whole = _clean("".join(text.split()))
    form = next((form for form, (lines, width) in SHAPES.items() if lines * width == len(whole)), None)
    if form is None:
        raise WireFault("mrz_length", str(len(whole)))
    part = {name: whole[first:last] for name, (first, last) in LAYOUTS[form].items()}
    number, optional = _whole_number(form, part)
    for name in ("birth", "expiry"):
        _compare(name, part[name], part[f"{name}_check"])
    if form is MrzForm.TD3 and (part["optional_check"] != FILLER or part["optional"].strip(FILLER)):
        _compare("optional", part["optional"], part["optional_check"])
    _compare("all", "".join(whole[first:last] for first, last in COMPOSITE[form]), part["check"])
    surname, _, given = part["names"].partition(FILLER * 2)
    return Mrz(
        form=form,
        code=_plain(part["code"]),
        issuer=_plain(part["issuer"]),
        surname=Private(_plain(surname)),
        given_names=Private(_plain(given)),
        number=Private(number),
        nationality=_plain(part["nationality"]),
        birth=Private(part["birth"]),
        sex=part["sex"].strip(FILLER),
        expiry=part["expiry"],
        optional=Private(optional),
        optional_2=Private(_plain(part.get("optional_2", ""))),
    )


def encode_mrz(mrz: Mrz) -> str:
    """Return the lines of a zone, a line end between them. Raises: WireFault if something has no room."""
    number, optional = _clean(mrz.number.reveal()), _clean(mrz.optional.reveal())
    number_check = check_digit(number.ljust(NUMBER_CHARS, FILLER))
    if len(number) > NUMBER_CHARS:  # the rest and its check digit go to the front of the optional data
        if mrz.form is MrzForm.TD3:
            raise WireFault("mrz_room", "number")
        optional = number[NUMBER_CHARS:] + number_check + (FILLER + optional if optional else "")
        number, number_check = number[:NUMBER_CHARS], FILLER
    given = _clean(mrz.given_names.reveal())
    part = {
        "code": _clean(mrz.code),
        "issuer": _clean(mrz.issuer),
        "names": _clean(mrz.surname.reveal()) + (FILLER * 2 + given if given else ""),
        "number": number,
        "number_check": number_check,
        "nationality": _clean(mrz.nationality),
        "birth": mrz.birth.reveal(),
        "birth_check": check_digit(mrz.birth.reveal()),
        "sex": mrz.sex or FILLER,
        "expiry": mrz.expiry,
        "expiry_check": check_digit(mrz.expiry),
        "optional": optional,
        "optional_2": _clean(mrz.optional_2.reveal()),
    }
    layout = LAYOUTS[mrz.form]
    first, last = layout["optional"]
    part["optional_check"] = check_digit(optional.ljust(last - first, FILLER)) if optional else FILLER
    lines, width = SHAPES[mrz.form]
    whole = [FILLER] * (lines * width)
    for name, (first, last) in layout.items():
        if len(part.get(name, "")) > last - first:
            raise WireFault("mrz_room", name)
        whole[first:last] = part.get(name, "").ljust(last - first, FILLER)
    covered = "".join("".join(whole[first:last]) for first, last in COMPOSITE[mrz.form])
    whole[layout["check"][0]] = check_digit(covered)
    return "\n".join("".join(whole[at : at + width]) for at in range(0, lines * width, width))


def resolve_birth(text: str, today: date) -> date | None:
    """Return a date of birth, in the last hundred years; None where a part is not known. Raises: WireFault."""
    found = _date(text, today.year // 100, "birth")
    if found is not None and found > today:
        return _date(text, today.year // 100 - 1, "birth")
    return found


def resolve_expiry(text: str, today: date) -> date | None:
    """Return a date of expiry: the century that lies nearer, as documents hold for years and not for fifty.

    None where a part is not known. Raises: WireFault.
    """
    century = today.year // 100
    if text[:2].isdecimal():
        ahead = int(text[:2]) - today.year % 100
        century += -1 if ahead > 50 else 1 if ahead < -50 else 0
    return _date(text, century, "expiry")


def _date(text: str, century: int, name: str) -> date | None:
    if len(text) != 6 or not _ALLOWED.fullmatch(text):
        raise WireFault("mrz_date", name)
    if FILLER in text:
        return None
    try:
        return date(century * 100 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        raise WireFault("mrz_date", name) from None  # the cause would show the date


def _whole_number(form: MrzForm, part: dict[str, str]) -> tuple[str, str]:
    """Return the number and the optional data; a number longer than nine goes on in the latter."""
    number, check, optional = part["number"], part["number_check"], part["optional"]
    if form is not MrzForm.TD3 and check == FILLER and optional[:1] not in ("", FILLER):
        rest, _, optional = optional.partition(FILLER)
        number, check = number + rest[:-1], rest[-1]
    _compare("number", number, check)
    return number.rstrip(FILLER), _plain(optional)


def _compare(name: str, text: str, check: str) -> None:
    if check_digit(text) != check:
        raise WireFault("mrz_check", name)


def _plain(text: str) -> str:
    return text.strip(FILLER).replace(FILLER, " ")


def _clean(text: str) -> str:
    clean = text.upper().replace(" ", FILLER)
    if not _ALLOWED.fullmatch(clean):
        raise WireFault("mrz_character")
    return clean
