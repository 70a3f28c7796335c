"""What the application form says: pure composition from a manifest, liberal in what it finds there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.cases import CHINA
from sandbox.store_view import PlainPart

TEMPLATES = Path(__file__).with_name("templates")  # of the papers

SHORT = 12  # characters of a value that may share its line with another
SEXES = {"1": "男", "2": "女", "0": "未知", "9": "未说明"}
# GB 3304 numeric codes 01–56
NATIONS = " ".join(
    (
        "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 高山 拉祜 水 东乡",
        "纳西 景颇 柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 乌孜别克 俄罗斯",
        "鄂温克 德昂 保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺",
    )
).split(" ")
KINDS = {
    "id_card": "居民身份证（终端读取）",
    "network_id": "网络身份认证",
    "staff_verified": "工作人员核验",
    "anonymous": "匿名",
}
STATES = {"scanned": "扫描件", "card_read": "读取证件", "deferred": "可后补（容缺）", "signed_form": "签名表单"}
FILERS = {"self": "本人申请", "agent": "代办人代为申请"}
DELIVERIES = {"pickup": "窗口领取", "station": "站点领取", "courier": "快递送达", "electronic": "电子送达"}
IDENTITY_ROWS = (
    ("name", "姓名", "Name"), ("sex", "性别", "Sex"), ("nation", "民族", "Ethnic group"),
    ("birth_date", "出生日期", "Date of birth"), ("id_number", "公民身份号码", "Citizen number"),
    ("address", "住址", "Address"), ("authority", "签发机关", "Issuing authority"),
    ("valid_until", "证件有效期至", "Valid until"),
)  # fmt: skip
MIME_WORDS = {"image/jpeg": "JPEG", "image/png": "PNG", "application/pdf": "PDF", "application/json": "JSON",
              "image/svg+xml": "SVG"}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One label and value; a wide one has its line to itself."""

    zh: str
    en: str
    value: str
    is_wide: bool
    value_en: str = ""


@dataclass(frozen=True)
class Group:
    """A titled table of cells, in lines of one or two."""

    title: str
    lines: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class MaterialLine:
    """One line of the list of materials."""

    zh: str
    en: str
    state: str
    pages: str
    remark: str


@dataclass(frozen=True)
class DataLine:
    """One line of the list of electronic data."""

    part: str
    kind: str
    size: str
    dpi: str
    sha256: str


@dataclass(frozen=True)
class Form:
    """The whole form but its pictures."""

    title: str
    title_en: str
    case_number: str
    intake_number: str
    received: str
    device: str
    item: Group
    applicant: Group
    answers: tuple[Group, ...]
    materials: tuple[MaterialLine, ...]
    consents: tuple[tuple[str, str], ...]  # time, first digits of the notice's hash
    signed_at: str
    is_clock_ok: bool
    data: tuple[DataLine, ...]
    is_english: bool


def compose_form(
    manifest: Mapping[str, Any],
    parts: Mapping[str, PlainPart],
    *,
    intake_number: str,
    case_number: str,
    received: int,
) -> Form:
    """Return what the form says. `received` is Unix seconds of the commit."""
    signature = _mapping(manifest.get("signature"))
    name = manifest.get("item_name")
    return Form(
        title=_zh(name) or str(manifest.get("item", "")),
        title_en=_en(name),
        case_number=case_number,
        intake_number=intake_number,
        received=dt.datetime.fromtimestamp(received, CHINA).strftime("%Y年%m月%d日 %H:%M"),
        device=intake_number.rsplit("-", 2)[0],
        item=_item(manifest),
        applicant=_applicant(_mapping(manifest.get("identity"))),
        answers=tuple(_answers(_list(manifest.get("answers")))),
        materials=tuple(_materials(manifest)),
        consents=tuple(
            (_when(consent.get("at")), str(consent.get("notice_sha256", ""))[:16])
            for consent in _list(manifest.get("consents"))
        ),
        signed_at=_when(signature.get("at")),
        is_clock_ok=signature.get("clock_ok") is not False,
        data=tuple(_data(manifest, parts)),
        is_english=str(manifest.get("locale", "zh")).startswith("en"),
    )


def material_names(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the Chinese name of the material that each part belongs to."""
    return {
        part: _zh(material.get("name")) or str(material.get("code", ""))
        for material in _list(manifest.get("materials"))
        for part in _names(material.get("parts"))
    }


def _item(manifest: Mapping[str, Any]) -> Group:
    cells = [
        _named("事项名称", "Service", manifest.get("item_name")),
        Cell("事项编码", "Item code", str(manifest.get("item", "")), is_wide=False),
        Cell("事项版本", "Version", str(manifest.get("item_version", "")), is_wide=False),
        _named("办理情形", "Situation", manifest.get("situation_name")),
        Cell("申请方式", "Filed by", _word(FILERS, manifest.get("filed_by")), is_wide=False),
        Cell("领取方式", "Delivery", _delivery(manifest.get("delivery")), is_wide=False),
    ]
    return Group("申请事项", _lines([cell for cell in cells if cell.value]))


def _named(zh: str, en: str, name: object) -> Cell:
    return Cell(zh, en, _zh(name), is_wide=True, value_en=_en(name))


def _applicant(identity: Mapping[str, Any]) -> Group:
    values = {key: _plain(identity.get(key)) for key, _, _ in IDENTITY_ROWS}
    values["sex"] = SEXES.get(values["sex"], values["sex"])
    values["nation"] = _nation(values["nation"])
    values["birth_date"] = _day(values["birth_date"])
    values["valid_until"] = _day(values["valid_until"])
    cells = [Cell(zh, en, values[key], key in ("address", "id_number")) for key, zh, en in IDENTITY_ROWS if values[key]]
    kind = _word(KINDS, identity.get("kind"))
    verdict = "已核验" if identity.get("verified") else "待平台核验"
    cells.append(Cell("身份核验", "Identification", f"{kind} · {verdict}" if kind else verdict, is_wide=True))
    return Group("申请人", _lines(cells))


def _answers(answers: list[Mapping[str, Any]]) -> Iterator[Group]:
    grouped: dict[str, list[Cell]] = {}
    for answer in answers:
        label = answer.get("label")
        shown = _plain(answer.get("display"))
        value = shown if shown else _plain(answer.get("value"))
        cell = Cell(_zh(label) or str(answer.get("key", "")), _en(label), value or "—", len(value) > SHORT)
        grouped.setdefault(_zh(answer.get("group")), []).append(cell)
    for title, cells in grouped.items():
        yield Group(title, _lines(cells))


def _materials(manifest: Mapping[str, Any]) -> Iterator[MaterialLine]:
    facts = {str(part.get("part")): part for part in _list(manifest.get("parts"))}
    for material in _list(manifest.get("materials")):
        own = [facts[part] for part in _names(material.get("parts")) if part in facts]
        pages = sum(part.get("pages", 1) for part in own if isinstance(part.get("pages", 1), int))
        to_review = sum(1 for part in own if part.get("review"))
        name = material.get("name")
        yield MaterialLine(
            zh=_zh(name) or str(material.get("code", "")),
            en=_en(name),
            state=_word(STATES, material.get("state")),
            pages=f"{pages} 页" if pages else "—",
            remark=f"{to_review} 份影像需人工复核" if to_review else "",
        )
    for one in _list(manifest.get("reuse")):
        yield MaterialLine(
            _zh(one.get("name")) or str(one.get("ref", "")), _en(one.get("name")), "引用资料库", "—", "待核验"
        )


def _data(manifest: Mapping[str, Any], parts: Mapping[str, PlainPart]) -> Iterator[DataLine]:
    for fact in _list(manifest.get("parts")):
        part = parts.get(str(fact.get("part")))
        if part is not None:
            dpi = _plain(fact.get("dpi"))
            kind = MIME_WORDS.get(part.mime, part.mime)
            yield DataLine(part.part, kind, f"{part.size:,}", dpi if dpi not in ("", "0") else "—", part.plain_sha256)


def _lines(cells: list[Cell]) -> tuple[tuple[Cell, ...], ...]:
    """Return cells in lines: a wide one alone, narrow ones in pairs, their order kept."""
    lines: list[tuple[Cell, ...]] = []
    for cell in cells:
        is_paired = lines and len(lines[-1]) == 1 and not lines[-1][0].is_wide and not cell.is_wide
        if is_paired:
            lines[-1] = (lines[-1][0], cell)
        else:
            lines.append((cell,))
    return tuple(lines)


def _nation(text: str) -> str:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(NATIONS):
        return NATIONS[int(text) - 1]
    return text


def _day(text: str) -> str:
    digits = text.replace("-", "")
    if len(digits) == 8 and digits.isascii() and digits.isdigit():
        return f"{digits[:4]}年{digits[4:6]}月{digits[6:]}日"
    return text


def _when(value: object) -> str:
    """Return a time for people, in China's time, from ISO 8601 or Unix seconds."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            moment = dt.datetime.fromtimestamp(value, CHINA)
        else:
            moment = dt.datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            moment = moment.astimezone(CHINA)
    except (ValueError, OverflowError, OSError):
        return _plain(value)
    return moment.strftime("%Y年%m月%d日 %H:%M:%S")


def _delivery(value: object) -> str:
    if isinstance(value, Mapping):
        return _zh(value.get("name")) or _word(DELIVERIES, value.get("method") or value.get("kind"))
    return _word(DELIVERIES, value)


def _word(words: Mapping[str, str], value: object) -> str:
    text = _plain(value)
    return words.get(text, text)


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        return _zh(value) or "、".join(_plain(one) for one in value.values())
    if isinstance(value, list | tuple):
        return "、".join(_plain(one) for one in value)
    return str(value)


def _zh(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("zh") or value.get("en") or "")
    return "" if value is None else str(value)


def _en(value: object) -> str:
    return str(value.get("en") or "") if isinstance(value, Mapping) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _list(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
