"""What the views share: names, steps and the ways out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from kiosk.session.view import Action, Field, Step

Say = Callable[[str, str], str]

CLASSES = (
    ("投资项目", "Investment projects"),
    ("不动产登记", "Real-estate registration"),
    ("商事登记", "Business registration"),
    ("社会事务", "Social affairs"),
    ("医保社保", "Medical and social insurance"),
    ("公安服务", "Public-security services"),
    ("其他综合事务", "Other general matters"),
)
LIVES = (
    ("教育", "Education"),
    ("医疗", "Medical care"),
    ("社保", "Social insurance"),
    ("户籍", "Household registration"),
    ("养老", "Old age"),
    ("住房", "Housing"),
    ("交通", "Transport"),
    ("环保", "Environment"),
    ("食品安全", "Food safety"),
    ("公共服务", "Public service"),
)
BANKS = (
    ("农商银行", "Rural Commercial Bank"),
    ("工商银行", "ICBC"),
    ("农业银行", "Agricultural Bank"),
    ("中国银行", "Bank of China"),
    ("建设银行", "Construction Bank"),
    ("邮储银行", "Postal Savings Bank"),
    ("嘉兴银行", "Bank of Jiaxing"),
    ("其他", "other"),
)
STEPS = (
    ("guide", "指南", "Guide"),
    ("identify", "刷证", "Card"),
    ("notice", "告知", "Notice"),
    ("form", "填表", "Form"),
    ("materials", "材料", "Papers"),
    ("review", "核对", "Check"),
    ("sign", "签名", "Sign"),
    ("slip", "凭条", "Slip"),
)


def steps(now: str, say: Say) -> tuple[Step, ...]:
    place = [key for key, _, _ in STEPS].index(now)
    words: tuple[Literal["done", "now", "ahead"], ...] = ("done", "now", "ahead")
    return tuple(Step(key, say(zh, en), words[1 + (n > place) - (n < place)]) for n, (key, zh, en) in enumerate(STEPS))


def ways_out(say: Say, *more: Action) -> tuple[Action, ...]:
    return (
        Action("back", say("返回", "Back"), "back"),
        Action("help", say("帮助", "Help"), "help"),
        Action("end", say("结束", "End"), "end"),
        *more,
    )


def focused(field: Field, display: str) -> Field:
    return msgspec.structs.replace(field, is_focused=True, display=display)
