"""What a code may be for: grammars, reasons, and no payload that leads anywhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import Code, CodeSource, Private, Symbology
from devices.sim.people import people
from kiosk.services.catalogue import own_catalogue
from kiosk.services.catalogue_types import Field
from kiosk.services.codes import AcceptedCode, CodeRefused, CodeUse, accept_code, accept_for_field
from kiosk.services.slip import code_payload
from offline_queue.intake import intake_number

CASE = "SIM-20261123-000123-4"
REASONS = {"code_empty", "code_too_long", "code_hidden", "code_link", "code_grammar", "code_check"}


def code(text: str) -> Code:
    return Code(Private(text), Symbology.QR, CodeSource.CAMERA)


@cache
def fields() -> tuple[Field, Field]:
    """The number of a notice and that of a decision."""
    items = own_catalogue().item
    wanted = (("SIM-JY-0015", "notice_no"), ("SIM-ZF-0016", "decision_no"))
    return tuple(next(one for one in items(item).form if one.key == key) for item, key in wanted)


@pytest.mark.parametrize("number", [CASE, intake_number("K-000123", 42)])
def test_the_code_of_our_own_slip_gives_its_number(number: str) -> None:
    accepted = accept_code(code(code_payload(number)), CodeUse.SLIP)
    assert accepted.value.reveal() == number
    assert number not in repr(accepted)


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (CodeUse.ID_NUMBER, people(date(2026, 11, 23))["elder"].card.id_number.reveal()),
        (CodeUse.ID_NUMBER, "USA110880010117"),
        (CodeUse.PERMIT_NUMBER, "H0123456700"),
        (CodeUse.PERMIT_NUMBER, "12345678"),
        (CodeUse.PERMIT_NUMBER, "EA1234567"),
    ],
)
def test_a_number_that_fits_is_taken_as_it_is_written(use: CodeUse, text: str) -> None:
    assert accept_code(code(f"  {text} "), use).value.reveal() == text


def test_a_field_takes_what_its_own_grammar_allows() -> None:
    notice, decision = fields()
    assert accept_for_field(code("33040000000000000012"), notice).value.reveal() == "33040000000000000012"
    assert accept_for_field(code("粤贵阳罚〔2026〕第12号"), decision).value.reveal().startswith("粤贵")
    for wrong in ("3304", "https://pay.example/33040000000000000012"):
        with pytest.raises(CodeRefused):
            accept_for_field(code(wrong), notice)


def test_a_field_that_asks_for_no_code_takes_none() -> None:
    other = next(one for one in own_catalogue().item("SIM-JY-0015").form if not one.prefill)
    with pytest.raises(CodeRefused, match="code_grammar"):
        accept_for_field(code("33040000000000000012"), other)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "code_empty"),
        ("   ", "code_empty"),
        ("x" * 129, "code_too_long"),
        ("https://example.com/pay", "code_link"),
        ("weixin://dl/business", "code_link"),
        ("javascript:alert(1)", "code_link"),
        ("WIFI:T:WPA;S:free;P:12345678;;", "code_link"),
        ("www.example.com", "code_link"),
        ("file:///etc/passwd", "code_link"),
        ("../../etc/passwd", "code_link"),
        (f"{CASE}\n", "code_hidden"),
        (f"{CASE}\x00 aaaaaa", "code_hidden"),
        (f"\u202e{CASE}", "code_hidden"),
        ("' OR 1=1 --", "code_grammar"),
        ("$(reboot)", "code_grammar"),
        (CASE, "code_grammar"),
        (f"{CASE} 000000", "code_check"),
        (code_payload(CASE) + " more", "code_grammar"),
        (code_payload(CASE).upper().replace("SIM", "ＳＩＭ"), "code_grammar"),
    ],
)
def test_what_is_no_slip_of_ours_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(CodeRefused) as refused:
        accept_code(code(text), CodeUse.SLIP)
    assert refused.value.code == reason
    assert not text.strip() or text not in str(refused.value)


def test_a_number_with_one_digit_wrong_is_refused() -> None:
    good = people(date(2026, 11, 23))["elder"].card.id_number.reveal()
    for at in range(18):
        wrong = good[:at] + str((int(good[at], 11) + 1) % 10) + good[at + 1 :]
        with pytest.raises(CodeRefused):
            accept_code(code(wrong), CodeUse.ID_NUMBER)


DEEDS = ("socket.", "subprocess.", "os.", "open", "webbrowser.", "urllib.", "exec", "compile", "import", "ctypes.")


class Watch:
    """Hears what the interpreter does while it is on. Python takes no audit hook back, so there is one for good."""

    def __init__(self) -> None:
        self.is_on = False
        self.done: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, _: tuple[object, ...]) -> None:
        if self.is_on and event.startswith(DEEDS):
            self.done.append(event)


WATCH = Watch()


def judged(judge: Callable[[], AcceptedCode]) -> AcceptedCode | CodeRefused:
    """Return what a judge says of a code, watched."""
    WATCH.is_on = True
    try:
        return judge()
    except CodeRefused as refused:
        return refused
    finally:
        WATCH.is_on = False


LURES = st.sampled_from(
    ["https://", "http://e.cn/", "file:///", "//", "\\\\host\\", "tel:", "intent:", "{0}", "%s", "..", "`"]
)
PAYLOADS = st.one_of(
    st.text(max_size=200),
    st.builds(lambda a, b, c: a + b + c, st.text(max_size=20), LURES, st.text(max_size=40)),
    st.builds(lambda n, s: f"K-000123-{n:06d}-X {s}", st.integers(0, 999999), st.text("0123456789abcdef", max_size=8)),
    st.from_regex(r"[A-Z0-9]{1,5}(-[A-Z0-9]{1,5}){1,3} [0-9a-f]{6}", fullmatch=True),
)


@given(PAYLOADS)
def test_no_payload_leads_anywhere(text: str) -> None:
    judges = [partial(accept_code, code(text), use) for use in CodeUse]
    judges += [partial(accept_for_field, code(text), one) for one in fields()]
    for judge in judges:
        said = judged(judge)
        if isinstance(said, CodeRefused):
            assert said.code in REASONS
            assert said.detail == ""
            continue
        value = said.value.reveal()
        assert value in text, "what is taken is what was there, never something fetched or made of it"
        assert re.fullmatch(r"[\w〔〕\[\]()()\-]{1,64}", value), "and no sign in it can lead anywhere"
    assert WATCH.done == [], "judging a code opens, runs and loads nothing"


def test_the_watch_hears_what_a_code_could_do(tmp_path: Path) -> None:
    WATCH.is_on = True
    (tmp_path / "x").touch()
    WATCH.is_on = False
    assert "open" in WATCH.done
    WATCH.done.clear()
