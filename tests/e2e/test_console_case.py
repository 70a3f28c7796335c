"""A whole case, with a browser at the desk: filed offline, drained, opened, accepted, concluded; and one corrected."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from kiosk.central.link import Link, open_link
from kiosk.central.queries import Queries
from kiosk.session.session import State
from kiosk.station.clock import SystemClock
from kiosk.trust.identity import KEY_FILE, load_device
from kiosk.trust.keys import FileKey
from kiosk.trust.ring import KeyRing, load_pinned
from offline_queue.api import Refused
from sandbox.case_views import find_case, requests_of
from tests.fixtures.browser import Browser
from tests.fixtures.citizen import WOMAN, enrolled_link, queries_of
from tests.fixtures.console import Console, draw, hand_over
from tests.fixtures.kiosk import CUT_WHILE_GREETING, Terminal
from tests.fixtures.platform import console_command, enrolled_terminal

OWN = "nan-hu-hong-chuan-26"
PICTURE_IS_SHOWN = "return [...document.querySelectorAll(arguments[0])].every(i => i.complete && i.naturalWidth > 50)"
pytestmark = [CUT_WHILE_GREETING, pytest.mark.xdist_group("browser")]


def command(state: Path, *words: str) -> dict[str, Any]:
    """Return what `python -m sandbox …` printed."""
    done = console_command(words[0], "--state", str(state), *words[1:])
    done.check_returncode()
    return dict(json.loads(done.stdout))


@contextmanager
def asking(terminal: Terminal) -> Iterator[Queries]:
    """The terminal's own client of questions, with its device key and its pinned platform keys."""
    announced, folder = terminal.stage.announced, terminal.state_folder / "trust"
    device = load_device(folder)
    assert announced is not None
    assert device is not None
    ring = KeyRing(load_pinned(Path(announced.pins)))
    link: Link = open_link(
        device, FileKey(folder / KEY_FILE, "development"), ring, SystemClock(), folder,
        url=announced.url, ca_path=Path(announced.ca), version="0.1.0",
    )  # fmt: skip
    try:
        yield queries_of(link, ring)
    finally:
        link.client.close()


def test_a_case_filed_offline_is_opened_accepted_and_concluded_at_the_desk(
    blank_terminal: Terminal, browser: Browser, tmp_path: Path
) -> None:
    terminal = blank_terminal.start()
    terminal.hands_in_less = True
    terminal.control("line", "cut")
    terminal.play("SIM-MZ-0008", until=State.SLIP)
    sid, identity = terminal.sid, terminal.session.identity
    assert identity is not None
    assert terminal.view.title == "已存好，等待上报"
    assert terminal.commits(sid) == 0
    terminal.control("line", "mend")
    terminal.until_delivered(sid)
    outcome = terminal.running.store.find(sid)
    assert outcome is not None
    number = outcome.case_number
    platform = terminal.stage.platform.folder
    assert terminal.stage.announced is not None

    # a first sign-in with the one-time password only buys a password of the officer's own
    browser.base = terminal.stage.announced.url
    first = command(platform, "account", "add", "li", "--role", "officer")
    browser.sign_in("li", first["password"])
    for field, text in (("old", first["password"]), ("new", OWN), ("again", OWN)):
        browser.type(field, text)
    browser.press("#save")
    browser.sign_in("li", OWN)

    # the case is there, masked; opened it is whole: form, scan, signature, verdict
    line = browser.text("#cases tbody tr")
    name, id_number = identity.name.reveal(), identity.id_number.reveal()
    assert number in line
    assert "平台已收到" in line
    assert name not in line
    browser.press("#cases tbody a")
    assert "签名有效，内容完整" in browser.text("#verdict")
    assert "终端签名" in browser.text("#verdict li.good")
    page = browser.text(".papers")
    assert name in page
    assert id_number in page
    assert "农商银行" in page
    assert len(browser.all(".scans img")) == 1
    browser.script("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    browser.until(lambda: browser.script(PICTURE_IS_SHOWN, ".scans img, .signature img"))

    with asking(terminal) as queries:
        ticket = queries.open_ticket(identity, "visit-1")
        assert queries.case(ticket, number).state == "delivered"
        browser.press("#accept button")
        assert "已受理" in browser.text("#state")
        told = queries.case(ticket, number)
        assert (told.state, told.state_name.zh) == ("accepted", "已受理")
        notice = queries.document(ticket, number, told.documents[0])
        assert (notice.kind, notice.data.reveal()[:5]) == ("acceptance", b"%PDF-")
        with pikepdf.open(io.BytesIO(notice.data.reveal())) as pdf:
            assert str(pdf.docinfo["/Title"]) == f"受理通知书 {number}"

        document = tmp_path / "result.pdf"
        document.write_bytes(_pdf_with_pages(2))
        browser.choose("outcome", "issued")
        browser.find("#document").send_keys(str(document))
        browser.find("#conclude-words").send_keys("请凭身份证领取。")
        browser.press("#conclude button")
        assert "已办结" in browser.text("#state")
        told = queries.case(ticket, number)
        assert (told.state, told.outcome.zh) == ("concluded", "出具结果")
        assert [step.stage for step in told.timeline] == ["intake", "acceptance", "result"]
        facts = next(one for one in told.documents if one.kind == "result")
        fetched = queries.document(ticket, number, facts)
    assert fetched.data.reveal() == document.read_bytes()
    assert fetched.sha256 == hashlib.sha256(document.read_bytes()).hexdigest()
    assert browser.all("#decide") == []  # nothing is left to decide
    assert terminal.commits(sid) == 1
    assert command(platform, "record")["sound"]


def test_a_correction_is_asked_for_answered_and_seen(console: Console, browser: Browser, tmp_path: Path) -> None:
    with enrolled_terminal(console) as sender, enrolled_link(console, tmp_path / "kiosk") as (link, ring):
        known = {"kind": "id_card", "name": WOMAN.name.reveal(), "id_number": WOMAN.id_number.reveal()}
        number = hand_over(sender, identity=known)
        queries = queries_of(link, ring)
        ticket = queries.open_ticket(WOMAN, "visit-2")
        with pytest.raises(Refused, match="no_correction"):
            queries.correction(ticket, number)

        browser.base = console.base_url
        browser.enter(console, "li")
        browser.open(f"/cases/{number}")
        browser.click("#ask summary")
        browser.click("#ask input[value=M-BANK]")
        browser.find("input[name=why-M-BANK]").send_keys("卡号看不清，请重新拍摄")
        browser.press("#ask button")
        assert "需要补正" in browser.text("#state")

        asked = queries.correction(ticket, number)
        assert [(one.code, one.reason.reveal()) for one in asked.materials] == [("M-BANK", "卡号看不清，请重新拍摄")]
        assert queries.case(ticket, number).state == "correction_required"

        again = draw(text="BANK CARD, SHARP", size=(1000, 640))
        materials = [
            {"code": "M-BANK", "name": {"zh": "银行卡", "en": "Bank card"}, "state": "scanned", "parts": ["m-bank-9"]}
        ]
        named = hand_over(
            sender, "correction", {"m-bank-9": (again, "image/jpeg")}, is_bare=True, identity=known,
            materials=materials, answers=[], case_number=number, request_id=asked.request_id, signature={},
        )  # fmt: skip
        assert named == number  # the receipt names the case, not a second one
        assert queries.case(ticket, number).state == "correction_sent"

        browser.open("/cases?state=waiting")
        assert "补正已提交" in browser.text("#cases")
        browser.open(f"/cases/{number}")
        assert "已补交" in browser.text("#asked-2")
        sid = requests_of(console.platform.store, number)[0]["sid"]
        picture = browser.find(f'img[src$="/parts/{sid}/m-bank-9"]')
        browser.script("arguments[0].scrollIntoView()", picture)
        browser.until(lambda: browser.script("return arguments[0].naturalWidth", picture) == 1000)
        browser.press("#accept button")
        assert "已受理" in browser.text("#state")
        assert [step.move for step in queries.case(ticket, number).timeline] == ["receive", "ask", "answer", "accept"]
        with pytest.raises(Refused, match="no_correction"):
            queries.correction(ticket, number)


def test_a_refusal_needs_its_reason_and_tells_it(console: Console, browser: Browser) -> None:
    with enrolled_terminal(console) as sender:
        number = hand_over(sender)
    browser.base = console.base_url
    browser.enter(console, "li")
    browser.open(f"/cases/{number}")
    browser.click("#refuse summary")
    browser.choose("reason", "other")
    browser.press("#refuse button")
    assert "请写明原因" in browser.text("[role=alert]")
    assert find_case(console.platform.store, number)["state"] == "delivered"
    browser.open(f"/cases/{number}")
    browser.click("#refuse summary")
    browser.choose("reason", "not_ours")
    browser.find("#refuse-words").send_keys("请到桐乡市民政局办理。")
    browser.press("#refuse button")
    assert "不予受理" in browser.text("#state")
    assert "请到桐乡市民政局办理。" in browser.text("#history")
    assert "不予受理通知书" in browser.text("#documents")


def _pdf_with_pages(count: int) -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as made:
        for _ in range(count):
            made.add_blank_page()
        made.save(out)
    return out.getvalue()
