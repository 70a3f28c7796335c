"""What the platform knows of a service item: window class, names and limits, read from the published catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CATALOGUE = Path(__file__).resolve().parent.parent / "assets" / "services"
OTHER = "其他综合事务"
CLASSES = {  # 综合受理 windows, 方案 二(一)2.(2)
    "投资项目": "Investment projects",
    "不动产登记": "Real-estate registration",
    "商事登记": "Business registration",
    "社会事务": "Social affairs",
    "医保社保": "Medical and social insurance",
    "公安服务": "Public-security services",
    OTHER: "Other general matters",
}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Item:
    """One service item as the desk needs it. Limits are working days; 0 means at once or unknown."""

    code: str
    zh: str
    en: str
    window_class: str = OTHER
    promised_days: int = 0
    legal_days: int = 0


def find_item(code: str) -> Item:
    """Return an item; one that no catalogue names goes to the general window."""
    return load_items().get(code) or Item(code, code, code)


@cache
def load_items(folder: Path = CATALOGUE) -> Mapping[str, Item]:
    """Return the items of a catalogue folder, read once. A folder that is not there holds none."""
    found = (_item(yaml.load(path.read_text("utf-8"), LOADER)) for path in sorted(folder.glob("*.yaml")))  # noqa: S506
    return {item.code: item for item in found if item is not None}


def _item(entry: Any) -> Item | None:
    if not isinstance(entry, dict) or "item_code" not in entry:
        return None
    limits = entry.get("time") or {}
    name = entry.get("window_class", OTHER)
    return Item(
        code=str(entry["item_code"]),
        zh=str(entry.get("name_zh", "")),
        en=str(entry.get("name_en", "")),
        window_class=name if name in CLASSES else OTHER,
        promised_days=int(limits.get("promised_limit", 0)),
        legal_days=int(limits.get("legal_limit", 0)),
    )
