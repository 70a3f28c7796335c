"""The catalogue loads whole, and every kind of mistake is named with its file and line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.commands import catalogue_check as command
from kiosk.services.catalogue import FieldType, load_catalogue
from kiosk.services.catalogue_check import check_catalogue
from kiosk.station.errors import CatalogueError
from kiosk.station.texts import ASSETS
from tests.fixtures.services import item_of

SERVICES = ASSETS / "services"
SPOILT = ("MZ-0008", "YB-0001", "BD-0011", "CL-0006", "GA-0004", "MZ-0007", "MZ-0009", "SB-0002", "SJ-0010")
COPIED = ("catalogue.yaml", "vocabularies.yaml", *(f"SIM-{code}.yaml" for code in SPOILT))


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the catalogue to spoil: of the items those that are spoilt here, for all are read each time."""
    folder = tmp_path / "services"
    folder.mkdir()
    for name in COPIED:
        shutil.copy(SERVICES / name, folder)
    return folder


def spoil(folder: Path, file: str, old: str, new: str) -> int:
    """Replace text that stands once, and return its line."""
    path = folder / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (file, old, text.count(old))
    path.write_text(text.replace(old, new), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_all_items_load_with_every_class_life_field_and_field_type(catalogue):
    assert len(catalogue.items) == 26
    assert {item.window_class for item in catalogue.items} == {
        word.value for word in catalogue.vocabularies["window_class"]
    }
    assert {item.life_field for item in catalogue.items} == {
        word.value for word in catalogue.vocabularies["life_field"]
    }
    types = {field.type for item in catalogue.items for field in item.form}
    parts = {part.type for item in catalogue.items for field in item.form for part in field.fields}
    assert types | parts == set(FieldType)
    modes = [item.offline.mode for item in catalogue.items]
    assert {mode: modes.count(mode) for mode in set(modes)} == {
        "full_queue": 13,
        "online_only": 7,
        "draft_only": 3,
        "cached": 2,
        "guide_only": 1,
    }
    sites = [site for item in catalogue.items for site in item.sites]
    assert [sites.count(site) for site in ("village", "town", "bank")] == [22, 26, 17]


def test_no_sentence_of_an_item_is_empty(catalogue):
    for item in catalogue.items:
        assert all((item.name_zh, item.name_en, item.accept_conditions, item.kiosk_flow))
        assert all(condition.zh and condition.en for condition in item.accept_conditions)
        assert all(material.name_zh and material.name_en for material in item.materials)
        assert all((item.fee.basis_zh, item.offline.note_zh, item.offline.note_en, item.result.name_zh))


def test_labels_come_in_both_languages_and_fall_back_to_the_value(catalogue):
    assert catalogue.label("delivery", "courier", "zh") == "快递送达(双向)"
    assert catalogue.label("delivery", "courier", "en") == "courier, both ways"
    assert catalogue.label("delivery", "by_boat", "en") == "by_boat"
    assert catalogue.label("nothing", "x", "zh") == "x"
    assert catalogue.department("mzj", "en") == "Civil Affairs"
    assert catalogue.department("xyz", "en") == "xyz"
    assert catalogue.item("SIM-XX") is None
    assert "26 items" in repr(catalogue)


def test_an_item_is_whole_in_itself(catalogue):
    permit = item_of(catalogue, "SIM-GA-0003")
    delivery = next(field for field in permit.form if field.key == "delivery")
    assert [part.key for part in delivery.fields] == ["method", "receiver_name", "receiver_phone", "receiver_address"]
    assert [option.value for option in delivery.fields[0].options] == list(permit.delivery)
    phone = next(field for field in permit.form if field.key == "phone")
    assert phone.validation.regex == r"^1[3-9]\d{9}$"
    land = item_of(catalogue, "SIM-CZ-0017")
    village = next(field for field in land.form if field.key == "village")
    assert [option.value for option in village.fields[0].options][:2] == ["330402", "330411"]
    shop = item_of(catalogue, "SIM-SJ-0010")
    assert next(field for field in shop.form if field.key == "industry").options
    assert permit.material("M-JOB") is not None
    assert permit.material("M-NONE") is None
    assert permit.situation("job") is not None
    assert repr(permit) == "ServiceItem('SIM-GA-0003')"


MISTAKES = [
    ("SIM-MZ-0008.yaml", "name_en: Old-age allowance\n", 'name_en: ""\n', "name_en", "a text that says something"),
    ("SIM-MZ-0008.yaml", "name_zh: 高龄津贴申领\n", "", "name_zh", "is missing"),
    ("SIM-MZ-0008.yaml", "elder_featured: true", "elder_featurd: true", "elder_featurd", "unknown key"),
    ("SIM-MZ-0008.yaml", "window_class: 社会事务", "window_class: 社会", "window_class", "vocabulary window_class"),
    ("SIM-MZ-0008.yaml", "department: mzj", "department: abc", "department", "vocabulary department"),
    ("SIM-MZ-0008.yaml", "citywide: true", "citywide: 1", "citywide", "true or false"),
    ("SIM-MZ-0008.yaml", "task_version: 1", "task_version: 0", "task_version", "at least 1"),
    ("SIM-MZ-0008.yaml", "co_departments: []", "co_departments: none", "co_departments", "a list"),
    ("SIM-MZ-0008.yaml", "filed_by == agent", "filed_by = agent", "required_if", "a condition is"),
    ("SIM-MZ-0008.yaml", "filed_by == agent", "filed_by == robot", "required_if", "never is 'robot'"),
    ("SIM-MZ-0008.yaml", "filed_by == agent", "weather == fine", "required_if", "neither a variable nor a field"),
    ("SIM-MZ-0008.yaml", "filed_by == agent", "bank_name == X", "required_if", "never is 'X'"),
    ("SIM-MZ-0008.yaml", "max: today,", "max: todai,", "validation.max", "nor a date word"),
    ("SIM-MZ-0008.yaml", "max: today,", "max: current_year,", "validation.max", "is a year"),
    ("SIM-MZ-0008.yaml", "max: today,", "max: 5,", "validation.max", "is a number"),
    (
        "SIM-MZ-0008.yaml",
        "owner_must_equal: applicant_name",
        "owner_must_equal: nobody",
        "owner_must_equal",
        "not a field",
    ),
    ("SIM-MZ-0008.yaml", "prefill: profile.phone", "prefill: form.nothing", "prefill", "vocabulary prefill"),
    ("SIM-MZ-0008.yaml", "key: phone,", "key: bank_name,", "key", "stands twice"),
    ("SIM-MZ-0008.yaml", "key: phone,", "key: Phone-1,", "key", "must match"),
    ("SIM-MZ-0008.yaml", "key: phone, group: contact", "key: phone", "form[5]", "group is missing"),
    ("SIM-MZ-0008.yaml", "type: phone", "type: telephone", "type", "one of"),
    ("SIM-MZ-0008.yaml", r"'^\d{16,19}$'", r"'^\d{16,19($'", "regex", "not an expression"),
    ("SIM-MZ-0008.yaml", "min_length: 2, max_length: 30", "min_length: 31, max_length: 30", "min_length", "more than"),
    ("SIM-MZ-0008.yaml", "value: 80, on_fail", "value: old, on_fail", "checks[0].value", "not a whole number"),
    ("SIM-MZ-0008.yaml", "value: '3304', on_fail", "value: here, on_fail", "checks[1].value", "division code"),
    ("SIM-MZ-0008.yaml", "请于{date}后", "请于{day}后", "message_zh", "{day} is unknown"),
    ("SIM-MZ-0008.yaml", ", message_en: 'Please come back after {date}, when you are 80'", "", "checks[0]", "together"),
    ("SIM-MZ-0008.yaml", ", derive: {age_min: 100}", "", "situations[2]", "derive is missing"),
    ("SIM-MZ-0008.yaml", "code: age_90", "code: age_80", "code", "stands twice"),
    ("SIM-MZ-0008.yaml", "code: M-BANK", "code: M-HUKOU", "code", "stands twice"),
    ("SIM-MZ-0008.yaml", "pages: {min: 1, max: 1}", "pages: {min: 2, max: 1}", "pages", "more than max"),
    ("SIM-MZ-0008.yaml", "pages: {min: 1, max: 1}", "pages: {min: 1, max: 250}", "pages", "at most 253 in one"),
    ("SIM-MZ-0008.yaml", "step_conditions: {}", "step_conditions: {pay: method == courier}", "pay", "not a step"),
    ("SIM-MZ-0008.yaml", "confirm, sign, submit", "confirm, confirm, submit", "kiosk_flow", "stands twice"),
    ("SIM-MZ-0008.yaml", "{kind: free, amount_cny: 0", "{kind: free, amount_cny: null", "fee", "amount_cny is missing"),
    ("SIM-MZ-0008.yaml", "{value: 嘉兴银行, zh", "{value: 其他, zh", "options", "stands twice"),
    ("SIM-YB-0001.yaml", "exempt_situations: [newborn]", "exempt_situations: [baby]", "exempt_situations", "situation"),
    ("SIM-YB-0001.yaml", "10-01..12-20", "13-01..12-20", "value", "not a window"),
    ("SIM-YB-0001.yaml", "unique_in: members", "unique_in: people", "unique_in", "not a repeat"),
    ("SIM-YB-0001.yaml", "default: next_year", "default: soon", "default", "does not fit"),
    ("SIM-YB-0001.yaml", "default: false", "default: perhaps", "default", "does not fit"),
    ("SIM-CL-0006.yaml", "value: [一级, 二级, 三级]", "value: 一级", "value", "not a list"),
    ("SIM-CL-0006.yaml", "form.disability_grade", "form.grade", "source", "not a field"),
    ("SIM-GA-0004.yaml", "lost: 40", "stolen: 40", "fee", "by_situation"),
    ("SIM-MZ-0007.yaml", "{min: 70, value: B}", "{min: 70, value: C}", "cases", "not an option"),
    ("SIM-MZ-0009.yaml", "type: repeat", "type: text", "fields", "has no fields"),
    (
        "SIM-MZ-0009.yaml",
        "label_zh: 申请理由, label_en: Reason, type: text",
        "label_zh: 申请理由, label_en: Reason, type: group",
        "form[",
        "needs fields",
    ),
    (
        "SIM-MZ-0009.yaml",
        "required_if: situation == single",
        "required_if: null",
        "materials",
        "required_if is missing",
    ),
    ("SIM-SB-0002.yaml", "max: period_to}", "max: period_two}", "validation.max", "nor a date word"),
    (
        "SIM-SJ-0010.yaml",
        "has_prior_permit == true",
        "has_prior_permit == perhaps",
        "required_if",
        "one of true, false",
    ),
    (
        "SIM-YB-0001.yaml",
        "{value: 普通居民, zh: 普通居民, en: resident}",
        "{value: 普通居民, zh: 普通居民}",
        "options[0].en",
        "is missing",
    ),
    ("SIM-BD-0011.yaml", "default: all", "default: some", "default", "does not fit"),
    ("SIM-MZ-0008.yaml", "prefill: profile.phone", "prefill: page_code.M-CAT", "prefill", "vocabulary prefill"),
    ("SIM-MZ-0008.yaml", "prefill: profile.phone", "prefill: page_code.M-COOK", "prefill", "needs a grammar"),
    ("SIM-CL-0006.yaml", "prefill: library.d", "prefill: page_code.M-COOK #", "prefill", "not a material of this item"),
    ("SIM-CL-0006.yaml", "prefill: library.d", "prefill: page_code.M-COOK #", "prefill", "before the papers are"),
    (
        "SIM-MZ-0009.yaml",
        "type: name, required: true, prefill: null",
        "type: uscc, required: false, prefill: page_code.M-COOK",
        "prefill",
        "a part of another field",
    ),
    ("vocabularies.yaml", "- {value: courier, zh:", "- {value: boat, zh:", "", "vocabulary delivery"),
    ("vocabularies.yaml", "window_class:\n", "window_klass:\n", "window_class", "is missing"),
    ("catalogue.yaml", "schema_version: 1", "schema_version: 2", "schema_version", "one of 1"),
    ("catalogue.yaml", "notice_en:", "notice_fr:", "notice_fr", "unknown key"),
]


@pytest.mark.parametrize(("file", "old", "new", "where", "text"), MISTAKES)
def test_a_mistake_is_named_with_its_file_and_line(copy, file, old, new, where, text):
    line = spoil(copy, file, old, new)
    mistakes = check_catalogue(copy / file if file.startswith("SIM-") else copy)
    found = [mistake for mistake in mistakes if where in mistake.where and text in mistake.text]
    assert found, [str(mistake) for mistake in mistakes]
    if found[0].file == file and "missing" not in found[0].text and "together" not in found[0].text:
        assert abs(found[0].line - line) <= 4


def test_a_catalogue_with_a_mistake_is_not_loaded(copy):
    line = spoil(copy, "SIM-MZ-0008.yaml", "max: today,", "max: todai,")
    with pytest.raises(CatalogueError) as fault:
        load_catalogue(copy)
    assert fault.value.mistakes[0].startswith(f"SIM-MZ-0008.yaml:{line}: form[3].validation.max: 'todai'")


def test_every_mistake_of_a_file_is_named_at_once(copy):
    spoil(copy, "SIM-MZ-0008.yaml", "elder_featured: true", "elder_featurd: true")
    spoil(copy, "SIM-MZ-0008.yaml", "max: today,", "max: todai,")
    spoil(copy, "SIM-MZ-0008.yaml", "filed_by == agent", "filed_by is agent")
    assert len(check_catalogue(copy)) == 4  # elder_featured is missing as well


def test_a_file_whose_form_is_no_list_is_still_looked_through(copy):
    path = copy / "SIM-MZ-0008.yaml"
    text = path.read_text("utf-8")
    start, end = text.index("form:\n"), text.index("fee: {kind")
    path.write_text(f"{text[:start]}form: none\n{text[end:]}", "utf-8")
    assert [mistake.where for mistake in check_catalogue(copy)] == ["form"]
    path.write_text(path.read_text("utf-8").replace("{code: age_90, zh", "{kode: age_90, zh"), "utf-8")
    assert {mistake.where for mistake in check_catalogue(copy)} == {"form", "situations[1].kode", "situations[1].code"}


def test_a_code_taken_twice_and_a_key_written_twice_are_found(copy):
    (copy / "SIM-ZZ.yaml").write_text((copy / "SIM-MZ-0008.yaml").read_text("utf-8") + "citywide: false\n", "utf-8")
    found = [str(mistake) for mistake in check_catalogue(copy)]
    assert any("'SIM-MZ-0008' is taken by SIM-MZ-0008.yaml" in text for text in found)
    assert any("citywide: stands here twice" in text for text in found)


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"a: [1", "SIM-X.yaml"), (b"\xff\xfe", "not UTF-8"), (b"- 1\n", "a mapping"), (b"", "a mapping")],
)
def test_a_file_that_is_no_item_is_one_clear_line(copy, content, text):
    (copy / "SIM-X.yaml").write_bytes(content)
    found = check_catalogue(copy)
    assert len(found) == 1
    assert text in str(found[0])


def test_broken_vocabularies_and_an_empty_folder_are_refused(copy, tmp_path):
    (copy / "vocabularies.yaml").write_text("- 1\n", "utf-8")
    assert any("mapping of vocabularies" in mistake.text for mistake in check_catalogue(copy))
    (copy / "vocabularies.yaml").write_text("visits: 3\n", "utf-8")
    assert any("list of values" in mistake.text for mistake in check_catalogue(copy))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CatalogueError):
        load_catalogue(empty)
    for name in ("catalogue.yaml", "vocabularies.yaml"):
        shutil.copy(SERVICES / name, empty / name)
    assert any("no service item" in mistake.text for mistake in check_catalogue(empty))
    assert any("cannot be read" in mistake.text for mistake in check_catalogue(tmp_path / "gone.yaml"))


def test_one_item_and_one_whole_file_can_be_checked_alone(copy, tmp_path):
    spoil(copy, "SIM-YB-0001.yaml", "default: false", "default: perhaps")
    assert check_catalogue(copy / "SIM-MZ-0008.yaml") == ()
    assert len(check_catalogue(copy / "SIM-YB-0001.yaml")) == 1
    header = (SERVICES / "catalogue.yaml").read_text("utf-8")
    words = (SERVICES / "vocabularies.yaml").read_text("utf-8")
    item = (SERVICES / "SIM-MZ-0008.yaml").read_text("utf-8").replace("citywide: true", "citywide: 1")
    lines = [*header.splitlines(), "vocabularies:", *(f"  {line}" for line in words.splitlines()), "items:", "  -"]
    whole = tmp_path / "whole.yaml"
    whole.write_text("\n".join([*lines, *(f"    {line}" for line in item.splitlines())]), "utf-8")
    (mistake,) = check_catalogue(whole)
    assert mistake.where == "citywide"
    assert whole.read_text("utf-8").splitlines()[mistake.line - 1].strip() == "citywide: 1"


def test_the_command_prints_mistakes_and_exits_with_one(copy, capsys):
    assert command.check(copy) == 0
    assert "no mistakes" in capsys.readouterr().out
    line = spoil(copy, "SIM-MZ-0008.yaml", "citywide: true", "citywide: 1")
    assert command.check(copy) == 1
    assert f"SIM-MZ-0008.yaml:{line}: citywide: 1 — true or false" in capsys.readouterr().out
    assert command.check(copy, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)[0]["line"] == line
    assert command.check(copy / "nowhere") == 2
    assert command.check(copy / "nowhere", as_json=True) == 2


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &b {c: 1}\nd: *b\n"])
def test_an_alias_is_refused_with_its_line_and_never_followed(tmp_path: Path, text: str) -> None:
    (tmp_path / "SIM-XX-0001.yaml").write_text(text)
    mistakes = check_catalogue(tmp_path)
    said = [mistake for mistake in mistakes if "aliases are not allowed" in mistake.text]
    assert [(mistake.file, mistake.line) for mistake in said] == [("SIM-XX-0001.yaml", text.count("\n"))]
