"""Who comes for which service item in a demo: an invented person, what they answer, the papers they bring."""

from __future__ import annotations

import msgspec

PHONE = "13805738899"


class Role(msgspec.Struct, frozen=True):
    """Who comes for an item, with what answers and papers. Keys of the form, kinds of the simulated desk."""

    person: str
    answers: dict[str, str]
    papers: dict[str, tuple[str, ...]]
    situation: str = ""
    relative: str = ""


COMMON = {"phone": PHONE, "living_address": "嘉兴市 南湖区 凤桥镇 8 号"}
REGISTER = ("register", "register")
ROLES: dict[str, Role] = {
    "SIM-MZ-0008": Role(
        person="elder",
        answers={**COMMON, "bank_name": "农商银行", "bank_account": "6228480402564890018", "contact_relation": "子女"},
        papers={"M-BANK": ("card",), "M-HUKOU": REGISTER},
    ),
    "SIM-YB-0001": Role(
        person="father",
        situation="family",
        relative="child",
        answers={**COMMON, "person_type": "普通居民", "relation": "子女", "pay_now": "true"},
        papers={"M-HUKOU": REGISTER},
    ),
    "SIM-WJ-0005": Role(
        person="father",
        situation="after",
        answers={**COMMON, "spouse_name": "文静", "spouse_id": "330402199003120027", "children_count": "1"},
        papers={"M-SPOUSE-ID": ("id_front", "id_back"), "M-MARRY": REGISTER, "M-HUKOU": REGISTER},
    ),
}


def role_for(item: str) -> Role:
    """Return who comes for an item; the 81-year-old for those nobody is written for."""
    return ROLES.get(item) or Role("elder", dict(COMMON), {})
