"""Every sentence stands in both languages, takes the same values, and ours keep within a line."""

from __future__ import annotations

import re

import pytest
import yaml

from kiosk.station.errors import ConfigError
from kiosk.station.texts import ASSETS, Texts, own_texts
from offline_queue.api import PauseReason

HAN = re.compile(r"[\u4e00-\u9fff]")
SHORT_FILES = ("form.yaml", "conditions.yaml")
"""Files whose sentences stand in a line beside a field; a slip's are wrapped by the printer."""


def keys_of(tree, path=""):
    for key, value in tree.items():
        if isinstance(value, dict) and {"zh", "en"} == set(value) and isinstance(value["zh"], str):
            yield f"{path}{key}", value
        else:
            yield from keys_of(value, f"{path}{key}.")


def test_all_files_load_and_agree():
    texts = own_texts()
    assert texts.has("form.error.required")
    assert texts("form.error.min_number", "zh", bound="3") == "请填不小于3的数"
    assert "keys" in repr(texts)
    with pytest.raises(KeyError):
        texts("form.error.nothing", "zh")
    with pytest.raises(KeyError):
        texts("form.error.min_number", "zh")


def test_no_han_stands_in_an_english_sentence():
    assert [key for key, text in own_texts().table.items() if HAN.search(text.en)] == []


@pytest.mark.parametrize("name", SHORT_FILES)
def test_chinese_sentences_keep_under_twenty_characters(name):
    tree = yaml.safe_load((ASSETS / "texts" / name).read_text("utf-8"))
    long = [key for key, text in keys_of(tree) if len(HAN.findall(text["zh"])) >= 20]
    assert long == []


def test_no_sentence_says_error_or_failed():
    for key, text in own_texts().table.items():
        assert not re.search(r"\b(error|failed|failure)\b", text.en, re.IGNORECASE), key
        assert "失败" not in text.zh, key


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("a: {zh: 好}", "a.yaml: a: must hold zh and en"),
        ("a: {zh: 好, en: ''}", "a: zh and en must be texts"),
        ("a: {zh: '{n} 份', en: '{m} papers'}", "same placeholders"),
        ("a: {zh: '{n 份', en: 'n'}", "brace"),
        ("a: 1", "a: must be a tree"),
        ("a: {zh: [", "is not YAML"),
        ("[]", "must be a tree"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path, content, mistake):
    (tmp_path / "a.yaml").write_text(content, "utf-8")
    with pytest.raises(ConfigError) as fault:
        Texts.load(tmp_path)
    assert any(mistake in found for found in fault.value.mistakes), fault.value.mistakes


def test_a_key_in_two_files_and_no_files_at_all_are_mistakes(tmp_path):
    with pytest.raises(ConfigError):
        Texts.load(tmp_path)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("x: {y: {zh: 好, en: good}}", "utf-8")
    with pytest.raises(ConfigError) as fault:
        Texts.load(tmp_path)
    assert fault.value.mistakes == ("b.yaml: x.y: stands in another file too",)
    (tmp_path / "b.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigError) as fault:
        Texts.load(tmp_path)
    assert "cannot be read" in fault.value.mistakes[0]


def test_every_pause_of_the_queue_has_a_reason_and_a_remedy_a_technician_reads():
    for pause in PauseReason:
        if pause is not PauseReason.NONE:
            for locale in ("zh", "en"):
                assert len(own_texts()(f"pauses.{pause}.why", locale)) > 5
                assert len(own_texts()(f"pauses.{pause}.remedy", locale)) > 5
