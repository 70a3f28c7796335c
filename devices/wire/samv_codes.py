"""The codes on identity cards: sex, nation, and the former number of a 2023 permanent residence card.

Source: reference/devices.md §4.6 and §4.7 (GB/T 2261.1, GB/T 3304).
"""

from __future__ import annotations

import re

from devices.api import WireFault

SEXES = {"0": "未知", "1": "男", "2": "女", "9": "未说明"}

_NATIONS = (
    "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 高山 拉祜 水 东乡 纳西 景颇 "
    "柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 乌孜别克 俄罗斯 鄂温克 德昂 保安 裕固 京 "
    "塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺"
)
NATIONS = {
    **{f"{code:02d}": name for code, name in enumerate(_NATIONS.split(), start=1)},
    "97": "其他",
    "98": "外国血统中国籍人士",
}

_CHECK_WEIGHTS = (7, 3, 1)
_COUNTRY = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_LINK = re.compile(r"[0-9]{3}")


def sex_name(code: str) -> str:
    """Return the word for a sex code; an unlisted code as it is."""
    return SEXES.get(code, code)


def nation_name(code: str) -> str:
    """Return the name for a nation code; an unlisted code as it is."""
    return NATIONS.get(code, code)


def former_number(country: str, id_number: str, link: str) -> str:
    """Return the 15-character number of the 2017 card that a 2023 card replaces (provisional: one source).

    Raises: WireFault if the parts are not three letters, an 18-character number and three digits.
    """
    if not (_COUNTRY.fullmatch(country) and _NUMBER.fullmatch(id_number) and _LINK.fullmatch(link)):
        raise WireFault("former_number")
    body = country + id_number[1:3] + link[:2] + id_number[8:14] + link[2]
    # as on travel documents: a digit is its value, A is 10 … Z is 35
    total = sum(int(sign, 36) * _CHECK_WEIGHTS[at % 3] for at, sign in enumerate(body))
    return f"{body}{total % 10}"
