"""Invented people for training and tests, so old on every day as their story needs.

The names say that nobody is meant: 示例, 样例, 演示 … The village is invented too.
"""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
from msgspec.structs import replace

from devices.api import CardKind, IdCard, Private
from devices.sim.cards import id_number

DIVISION = "330402"  # 嘉兴市南湖区
VILLAGE = "浙江省嘉兴市南湖区凤桥镇示例村"
AUTHORITY = "嘉兴市公安局南湖区分局"
PORTRAIT = b"WLf~ simulated, not a portrait".ljust(1024, b"\0")  # WLT is proprietary: nobody decodes it here
PERMANENT_FROM = 46  # at this age cards stop running out


class Person(msgspec.Struct, frozen=True):
    """One invented person and their card. `note_*` says what the card is good for."""

    key: str
    card: IdCard
    note_zh: str
    note_en: str


def people(today: date) -> dict[str, Person]:
    """Return everybody by key, with ages as of `today`."""
    rows = (
        ("elder", "沈示例", 81, "2", "样板组8号", "81岁,高龄津贴", "81: old-age allowance"),
        ("father", "陆样例", 45, "1", "样板组21号", "45岁,为家人参保", "45: insures the family"),
        ("child", "陆小例", 9, "1", "样板组21号", "9岁,上一位的孩子", "9: his child"),
        ("spouse", "周试例", 43, "2", "样板组21号", "43岁,上一位的配偶", "43: his wife"),
        ("sixty", "钱试用", 62, "1", "样板组3号", "62岁,不满80周岁", "62: too young for the allowance"),
        ("rare", "𠮷演㐀", 83, "2", "样板组15号", "生僻字姓名", "rare characters in the name"),
    )
    found = {
        key: Person(key, _card(name, sex, age, f"{VILLAGE}{house}", 900 + 2 * at, today), zh, en)
        for at, (key, name, age, sex, house, zh, en) in enumerate(rows, start=1)
    }
    expired = _card("郑过期", "1", 39, f"{VILLAGE}样板组30号", 940, today)
    until = _years(today - timedelta(days=40), 0)
    expired = replace(expired, valid_from=_years(until, -20), valid_until=until)
    found["expired"] = Person("expired", expired, "证件已过期", "the card has expired")
    moved = _card("冯长期", "2", 70, f"{VILLAGE}样板组2号", 950, today)
    moved = replace(moved, extra_addresses=(Private("浙江省嘉兴市南湖区新丰镇演示村9号"),))
    found["permanent"] = Person("permanent", moved, "长期有效,有追加地址", "no end date, one appended address")
    found["hongkong"] = Person("hongkong", _residence_permit(today), "港澳台居民居住证", "residence permit, Hong Kong")
    found["foreigner"] = Person("foreigner", _foreigner(today), "外国人永久居留身份证", "permanent residence card")
    return found


def _card(name: str, sex: str, age: int, address: str, sequence: int, today: date) -> IdCard:
    born = _years(today - timedelta(days=100), -age)
    issued = _years(today - timedelta(days=500), 0)
    years = 5 if age < 16 else 10 if age < 26 else 20
    is_permanent = age >= PERMANENT_FROM
    return IdCard(
        kind=CardKind.RESIDENT,
        name=Private(name),
        id_number=Private(id_number(DIVISION, born, sequence + (sex == "1"))),  # the last but one: odd for men
        sex=sex,
        nation="01",
        birth_date=Private(born),
        address=Private(address),
        authority=AUTHORITY,
        valid_from=issued,
        valid_until=None if is_permanent else _years(issued, years),
        is_permanent=is_permanent,
        photo=Private(PORTRAIT),
    )


def _residence_permit(today: date) -> IdCard:
    issued = _years(today - timedelta(days=300), 0)
    return IdCard(
        kind=CardKind.RESIDENCE_PERMIT,
        name=Private("何港例"),
        id_number=Private("810000199001010019"),
        sex="1",
        nation="",
        birth_date=Private(date(1990, 1, 1)),
        address=Private("浙江省嘉兴市南湖区凤桥镇示例社区1号"),
        authority=AUTHORITY,
        valid_from=issued,
        valid_until=_years(issued, 5),
        photo=Private(PORTRAIT),
        permit_number=Private("H12345678"),
    )


def _foreigner(today: date) -> IdCard:
    issued = _years(today - timedelta(days=200), 0)
    return IdCard(
        kind=CardKind.FOREIGNER_2023,
        name=Private(""),
        id_number=Private("911840198001010013"),
        sex="1",
        nation="",
        birth_date=Private(date(1980, 1, 1)),
        address=Private(""),
        authority="",
        valid_from=issued,
        valid_until=_years(issued, 10),
        photo=Private(PORTRAIT),
        english_name=Private("SAMPLE PERSON OF A VERY LONG FAMILY"),
        nationality="USA",
        former_number=Private("USA110880010117"),
    )


def _years(day: date, years: int) -> date:
    """Return the same day of another year; 29 February is avoided, so that every year has it."""
    return date(day.year + years, day.month, min(day.day, 28))
