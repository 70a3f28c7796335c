"""The application form as PDF: what it says, what it appends, and what it refuses to show."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import img2pdf
import pikepdf
import pytest
from PIL import Image, ImageDraw

from sandbox.form_facts import NATIONS, Form, compose_form
from sandbox.store_view import PlainPart

SID = "01990000-0000-7000-8000-000000000001"
CASE = "SIM-20261123-000001-8"
INTAKE = "K-000123-000042-H"
RECEIVED = 1_795_400_000


def picture(text: str, size: tuple[int, int] = (1240, 1754), kind: str = "JPEG") -> bytes:
    """Return a page-like picture."""
    image = Image.new("RGB", size, "#fbfaf6")
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 60, size[0] - 60, size[1] - 60), outline="#7a2323", width=6)
    for line in range(200, size[1] - 200, 70):
        draw.line((140, line, size[0] - 140, line), fill="#555555", width=3)
    draw.text((160, 120), text, fill="#222222", font_size=60)
    out = io.BytesIO()
    image.save(out, kind, quality=80)
    return out.getvalue()


def signature() -> bytes:
    """Return a finger's stroke as PNG."""
    image = Image.new("RGBA", (900, 300), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    points = [(60 + 20 * n, 150 + (70 if n % 3 == 0 else -55 if n % 3 == 1 else 10)) for n in range(40)]
    draw.line(points, fill=(20, 20, 60, 255), width=9, joint="curve")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def answer(key: str, zh: str, en: str, display: str, group: str) -> dict[str, Any]:
    return {"key": key, "label": {"zh": zh, "en": en}, "value": display, "display": display, "group": group}


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., PlainPart]:
    """A function that keeps bytes as an opened part."""

    def keep(name: str, data: bytes, mime: str = "image/jpeg") -> PlainPart:
        path = tmp_path / name
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return PlainPart(name, mime, digest, "0" * 64, len(data), path)

    return keep


def manifest(parts: dict[str, PlainPart], **changes: Any) -> dict[str, Any]:
    base = {
        "v": 1, "sid": SID, "item": "SIM-YB-0001", "item_version": "2017.1", "situation": "family",
        "item_name": {"zh": "城乡居民基本医疗保险参保登记", "en": "Resident medical insurance enrolment"},
        "situation_name": {"zh": "为家庭成员参保", "en": "For a family member"},
        "identity": {
            "kind": "id_card", "name": "王小明", "id_number": "330402194505120017", "sex": "1", "nation": "01",
            "birth_date": "1945-05-12", "address": "浙江省嘉兴市南湖区凤桥镇联丰村王家浜18号",
            "authority": "嘉兴市公安局南湖分局", "valid_until": "长期", "verified": False,
        },
        "answers": [
            answer("member_name", "参保人姓名", "Insured person", "王小荷", "参保人"),
            answer("member_id", "参保人身份号码", "Citizen number", "330402201807160024", "参保人"),
            answer("relation", "与申请人关系", "Relation", "孙女", "参保人"),
            answer("address", "常住地址", "Address", "浙江省嘉兴市南湖区凤桥镇联丰村王家浜18号", "参保人"),
            answer("phone", "联系电话", "Phone", "13800005678", "联系与缴费"),
            answer("year", "参保年度", "Year", "2027", "联系与缴费"),
            answer("pay", "缴费方式", "Payment", "待缴费(线上或银行网点)", "联系与缴费"),
        ],
        "consents": [{"notice_sha256": "a" * 64, "at": "2026-11-23T02:10:05Z"}],
        "filed_by": "self",
        "materials": [
            {"code": "household", "name": {"zh": "户口簿", "en": "Household register"}, "state": "scanned",
             "parts": ["m-household-1", "m-household-2"]},
            {"code": "bank", "name": {"zh": "银行卡复印件", "en": "Copy of the bank card"}, "state": "scanned",
             "parts": ["m-bank-1"]},
            {"code": "id", "name": {"zh": "居民身份证", "en": "ID card"}, "state": "card_read", "parts": []},
            {"code": "photo", "name": {"zh": "近期照片", "en": "Photo"}, "state": "deferred", "parts": []},
        ],
        "parts": [
            {"part": part.part, "sealed_sha256": part.sealed_sha256, "plain_sha256": part.plain_sha256,
             "bytes": part.size, "mime": part.mime, "pages": 1, "dpi": 150, "at": "2026-11-23T02:11:00Z",
             "review": part.part == "m-household-2"}
            for part in parts.values()
        ],
        "reuse": [], "capture": {}, "delivery": "station", "locale": "zh",
        "signature": {"part": "signature", "at": "2026-11-23T02:12:30Z", "clock_ok": True},
    }  # fmt: skip
    return base | changes


def compose(changed: dict[str, Any], parts: dict[str, PlainPart]) -> Form:
    return compose_form(changed, parts, intake_number=INTAKE, case_number=CASE, received=RECEIVED)


def render(changed: dict[str, Any], parts: dict[str, PlainPart]) -> bytes:
    from sandbox.form import render_submission  # takes a second, and each worker collects this module

    return render_submission(changed, parts, intake_number=INTAKE, case_number=CASE, received=RECEIVED)


def page_count(pdf: bytes) -> int:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return len(document.pages)


def pictures_on(pdf: bytes, page: int) -> int:
    """Return how many pictures a page draws, those inside set-in pages too."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        shown = document.pages[page]
        return _pictures_in(shown, shown.resources)


def _pictures_in(stream: pikepdf.Page | pikepdf.Object, resources: pikepdf.Object) -> int:
    count = 0
    for operands, operator in pikepdf.parse_content_stream(stream):
        if str(operator) == "Do":
            one = resources["/XObject"][str(operands[0])]
            is_picture = one["/Subtype"] == "/Image"
            count += 1 if is_picture else _pictures_in(one, one.get("/Resources", resources))
    return count


@pytest.fixture
def parts(keep: Callable[..., PlainPart]) -> dict[str, PlainPart]:
    kept = [
        keep("m-household-1", picture("HOUSEHOLD 1")),
        keep("m-household-2", picture("HOUSEHOLD 2", (1754, 1240))),
        keep("m-bank-1", picture("BANK", (1012, 638))),
        keep("signature", signature(), "image/png"),
        keep("signature-strokes", b"[]", "application/json"),
    ]
    return {part.part: part for part in kept}


def test_the_form_says_what_the_manifest_says(parts: dict[str, PlainPart]) -> None:
    form = compose(manifest(parts), parts)
    assert (form.title, form.case_number, form.intake_number) == ("城乡居民基本医疗保险参保登记", CASE, INTAKE)
    assert form.device == "K-000123"
    assert form.received == "2026年11月23日 10:13"
    applicant = {cell.zh: cell.value for line in form.applicant.lines for cell in line}
    assert applicant["性别"] == "男"
    assert applicant["民族"] == "汉"
    assert applicant["出生日期"] == "1945年05月12日"
    assert applicant["证件有效期至"] == "长期"
    assert applicant["身份核验"] == "居民身份证（终端读取） · 待平台核验"
    assert [group.title for group in form.answers] == ["参保人", "联系与缴费"]
    assert [[cell.zh for cell in line] for line in form.answers[0].lines] == [
        ["参保人姓名"], ["参保人身份号码"], ["与申请人关系"], ["常住地址"],
    ]  # fmt: skip
    assert [(line.zh, line.state, line.pages, line.remark) for line in form.materials] == [
        ("户口簿", "扫描件", "2 页", "1 份影像需人工复核"),
        ("银行卡复印件", "扫描件", "1 页", ""),
        ("居民身份证", "读取证件", "—", ""),
        ("近期照片", "可后补（容缺）", "—", ""),
    ]
    assert form.signed_at == "2026年11月23日 10:12:30"
    assert [line.part for line in form.data] == list(parts)


def test_narrow_answers_share_a_line_and_wide_ones_do_not(parts: dict[str, PlainPart]) -> None:
    rows = [answer(str(n), f"项{n}", "", text, "") for n, text in enumerate(["短", "短", "很" * 30, "短", "短", "短"])]
    lines = compose(manifest(parts, answers=rows), parts).answers[0].lines
    assert [[cell.zh for cell in line] for line in lines] == [["项0", "项1"], ["项2"], ["项3", "项4"], ["项5"]]


def test_an_empty_manifest_still_makes_a_form() -> None:
    form = compose({"item": "X"}, {})
    assert form.title == "X"
    assert page_count(render({"item": "X"}, {})) == 1


def test_the_word_accepted_is_never_claimed(parts: dict[str, PlainPart]) -> None:
    template = (Path(__file__).parents[2] / "sandbox" / "templates" / "form.html").read_text()
    assert "收到不代表受理" in template
    assert "已受理" not in template


def test_all_56_nations_are_named() -> None:
    assert len(NATIONS) == 56
    assert (NATIONS[0], NATIONS[10], NATIONS[55]) == ("汉", "满", "基诺")


def test_every_scanned_page_is_appended_and_the_signature_shown(parts: dict[str, PlainPart]) -> None:
    pdf = render(manifest(parts), parts)
    assert pdf.startswith(b"%PDF-")
    count = page_count(pdf)
    assert [pictures_on(pdf, page) for page in range(count - 3, count)] == [1, 1, 1]
    assert sum(pictures_on(pdf, page) for page in range(count - 3)) == 1


def test_pages_of_a_pdf_part_are_set_into_frames(parts: dict[str, PlainPart], keep: Callable[..., PlainPart]) -> None:
    two = img2pdf.convert([picture("ONE"), picture("TWO")], layout_fun=img2pdf.get_fixed_dpi_layout_fun((150, 150)))
    parts["m-bank-1"] = keep("m-bank-1", two, "application/pdf")
    pdf = render(manifest(parts), parts)
    count = page_count(pdf)
    assert [pictures_on(pdf, page) for page in range(count - 4, count)] == [1, 1, 1, 1]


def test_a_part_that_is_no_picture_gets_a_page_that_says_so(
    parts: dict[str, PlainPart], keep: Callable[..., PlainPart]
) -> None:
    parts["m-bank-1"] = keep("m-bank-1", b"\xff\xd8\xff not a jpeg")
    parts["m-household-1"] = keep("m-household-1", b"%PDF-1.4 broken", "application/pdf")
    parts["signature"] = keep("signature", picture("x")[:500], "image/png")
    pdf = render(manifest(parts), parts)
    count = page_count(pdf)
    assert [pictures_on(pdf, page) for page in range(count - 3, count)] == [0, 1, 0]
    assert sum(pictures_on(pdf, page) for page in range(count - 3)) == 0


def test_what_people_typed_is_text_and_fetches_nothing(parts: dict[str, PlainPart], tmp_path: Path) -> None:
    evil = '<img src="file:///etc/hostname"><script>x</script><link rel=stylesheet href="part:../x">'
    form = manifest(parts, answers=[answer("x", evil, "", evil, evil)], item_name={"zh": evil})
    assert page_count(render(form, parts)) == page_count(render(manifest(parts), parts))
