"""What a scanned code may be for. A code is a stranger's words: each use has a grammar, what does not fit is refused.

Nothing here opens, fetches, runs or looks up what a code says; a link is refused as any other text, by its own word.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

import msgspec

from devices.api import Code, Private
from kiosk.services.catalogue_types import PAGE_CODE, Field, FieldType
from kiosk.services.numbers import is_valid_id_number, is_valid_permanent_number, is_valid_uscc
from kiosk.services.slip import check_code
from kiosk.station.errors import KioskError

MAX_CHARS = 128  # the longest thing asked for is a decision's number with 41 characters


class CodeUse(StrEnum):
    """What the person was asked to show."""

    SLIP = "slip"  # the QR code of our own slip: intake or case number, a space, its check code
    ID_NUMBER = "id_number"  # a citizen's number, or that of the 2017 permanent residence card
    PERMIT_NUMBER = "permit_number"  # a travel permit or passport


class CodeRefused(KioskError):
    """A code that is not what was asked for.

    `code`: code_empty, code_too_long, code_hidden (control or invisible signs), code_link, code_grammar, code_check.
    The text of the code is never in it.
    """


class AcceptedCode(msgspec.Struct, frozen=True):
    """A code that fits its use: the number alone, as it is written."""

    use: str
    value: Private[str]


_SLIP = re.compile(r"([A-Z0-9]{1,12}(?:-[A-Z0-9]{1,12}){1,5}) ([0-9a-f]{6})")
_PERMITS = re.compile(  # forms as printed on the documents; only the chip proves one
    r"[HM][0-9]{8}(?:[0-9]{2})?"  # 港澳居民来往内地通行证
    r"|[0-9]{8}"  # 台湾居民来往大陆通行证
    r"|[CWL][A-Z0-9][0-9]{7}"  # 往来港澳, 往来台湾通行证
    r"|E[A-HJ-NP-Z0-9][0-9]{7}"  # 普通护照
)
_LINK = re.compile(r"[a-z][a-z0-9+.-]{1,20}:|www\.|[a-z0-9-]+\.(com|cn|net|org|top|vip|cc|xyz|gov)\b|/", re.IGNORECASE)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def accept_code(code: Code, use: CodeUse) -> AcceptedCode:
    """Return the number on a code shown for `use`. Raises: CodeRefused."""
    text = _plain(code)
    match use:
        case CodeUse.SLIP:
            found = _SLIP.fullmatch(text)
            if found is None:
                raise CodeRefused(_why(text))
            if check_code(found[1]) != found[2]:
                raise CodeRefused("code_check")
            return AcceptedCode(use, Private(found[1]))
        case CodeUse.ID_NUMBER:
            if re.fullmatch(r"[0-9]{17}[0-9X]|[A-Z]{3}[0-9]{12}", text) is None:
                raise CodeRefused(_why(text))
            if not (is_valid_id_number(text) or is_valid_permanent_number(text)):
                raise CodeRefused("code_check")
        case CodeUse.PERMIT_NUMBER:
            if _PERMITS.fullmatch(text) is None:
                raise CodeRefused(_why(text))
    return AcceptedCode(use, Private(text))


def accept_for_field(code: Code, field: Field) -> AcceptedCode:
    """Return the text on a code shown for a field that takes one, by that field's own grammar.

    Such a field says `prefill: barcode` or names the paper that carries the code (`kiosk.services.page_codes`). One
    without a grammar takes no code. Raises: CodeRefused.
    """
    text = _plain(code)
    rules = field.validation
    if not (field.prefill == "barcode" or field.prefill.startswith(PAGE_CODE)):
        raise CodeRefused("code_grammar")
    if field.type is FieldType.USCC:
        if not is_valid_uscc(text):
            raise CodeRefused(_why(text))
        return AcceptedCode(field.key, Private(text))
    if field.type is not FieldType.TEXT or not rules.regex:
        raise CodeRefused("code_grammar")
    if re.fullmatch(rules.regex, text) is None or (rules.max_length and len(text) > rules.max_length):
        raise CodeRefused(_why(text))
    return AcceptedCode(field.key, Private(text))


def _plain(code: Code) -> str:
    """Return the text, blanks at its ends aside. Raises: CodeRefused for one that no use may have."""
    text = code.text.reveal()
    if len(text) > MAX_CHARS:
        raise CodeRefused("code_too_long")
    text = text.strip(" ")
    if not text:
        raise CodeRefused("code_empty")
    if any(unicodedata.category(sign) in _HIDDEN for sign in text):
        raise CodeRefused("code_hidden")
    return text


def _why(text: str) -> str:
    return "code_link" if _LINK.search(text) else "code_grammar"
