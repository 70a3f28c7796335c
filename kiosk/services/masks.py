"""How personal values are shown: masked, cut to their last signs, or in groups that can be checked by eye."""

from __future__ import annotations

import unicodedata


def mask_name(name: str) -> str:
    """Return the name with all but its first sign, and of three or more its last, hidden: 王*, 王*明, 欧**娜."""
    signs = _clusters(name.strip())
    if len(signs) <= 1:
        return "*" * len(signs)
    if len(signs) == 2:
        return f"{signs[0]}*"
    return f"{signs[0]}{'*' * (len(signs) - 2)}{signs[-1]}"


def mask_id(number: str) -> str:
    """Return the number with its first six and last four signs: 330402********1234; shorter ones keep less."""
    if len(number) < 15:  # the shortest number a card holds; a typed piece is not shown by its ends
        return "*" * max(0, len(number) - 4) + number[-4:] if len(number) > 8 else "*" * len(number)
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"


def mask_phone(number: str) -> str:
    """Return the phone with its first three and last four digits: 138****5678."""
    if len(number) < 11:
        return "*" * len(number)
    return f"{number[:3]}****{number[-4:]}"


def last4(number: str) -> str:
    """Return only the last four signs, after four stars: ****1234."""
    return f"****{number[-4:]}" if len(number) > 8 else "*" * len(number)


def mask_to_village(address: str) -> str:
    """Return the address up to its village or community, the rest as stars: 浙江省嘉兴市南湖区凤桥镇庄史村***."""
    ends = [address.find(mark) + len(mark) for mark in ("社区", "村", "街道", "镇", "乡") if mark in address]
    if not ends:
        return f"{address[:6]}***" if len(address) > 6 else "***"
    # the nearest of village marks wins, a town only when no village is named
    villages = [address.find(mark) + len(mark) for mark in ("社区", "村") if mark in address]
    end = min(villages or ends)
    return address if end >= len(address) else f"{address[:end]}***"


def group_phone(number: str) -> str:
    """Return the digits as people say them: 138 0573 8899."""
    return " ".join(part for part in (number[:3], number[3:7], number[7:]) if part)


def group4(number: str) -> str:
    """Return the signs in groups of four: 6217 0012 3456."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def group_id(number: str) -> str:
    """Return a citizen number as it is read aloud: 330402 1944 0101 1234."""
    return " ".join(part for part in (number[:6], number[6:10], number[10:14], number[14:]) if part)


def _clusters(text: str) -> list[str]:
    """Return the signs a person sees: variation selectors and combining marks stay with their letter."""
    signs: list[str] = []
    for sign in text:
        if signs and (unicodedata.combining(sign) or unicodedata.category(sign) == "Mn"):
            signs[-1] += sign
        else:
            signs.append(sign)
    return signs
