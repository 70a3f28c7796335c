"""Every page of the console in a browser: readable, in two languages, and its everyday work done by pressing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from sandbox import enrolment, store
from sandbox.case_views import find_case
from sandbox.console.alarms import SILENT_S, UNSENT_S
from tests.fixtures.browser import Browser
from tests.fixtures.console import Console, hand_over
from tests.fixtures.platform import enrolled_terminal
from tests.fixtures.platform_terminal import TestTerminal

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium for all of them
SIZES = ((1366, 768), (1920, 1080))
# text on its ground: every piece of text against the nearest ground that is painted, WCAG 2.2 relative luminance
FAINT = """
const lum = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                   return .2126 * r + .7152 * g + .0722 * b; };
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                      if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement, style = getComputedStyle(e);
  if (!walk.currentNode.data.trim() || !e.getClientRects().length || e.closest('.skip, svg, option')) continue;
  const a = lum(rgb(style.color).slice(0, 3)), b = lum(ground(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 7 || parseFloat(style.fontSize) < 14) found.push([walk.currentNode.data.trim(), ratio, style.fontSize]);
}
return found;
"""
CRAMPED = """
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const cut = [...document.querySelectorAll('button, .button, .chip, th, nav a, h1, h2, summary')]
  .filter(e => e.getClientRects().length && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.trim());
const unnamed = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter(e => !e.labels.length && !e.getAttribute('aria-label')).map(e => e.name);
const small = [...document.querySelectorAll('button, .button')].filter(e => e.getClientRects().length)
  .filter(e => e.getBoundingClientRect().height < 35).map(e => e.textContent.trim());
return [wide > 0 ? ['wider than the window', wide] : [], cut, unnamed, small].flat();
"""


@pytest.fixture
def desk(console: Console, browser: Browser) -> Iterator[Browser]:
    """The browser at this console; the clock is right again afterwards."""
    browser.base = console.base_url
    yield browser
    console.clock.ahead_s = 0.0


def pages_of(number: str, dev: str) -> dict[str, tuple[str, ...]]:
    return {
        "li": ("/cases", f"/cases/{number}", "/cases?state=closed", "/terminals", "/password", "/idle"),
        "wu": ("/terminals", f"/terminals/{dev}", "/enrolment"),
        "qian": ("/record", "/cases"),
    }


def test_every_page_is_readable_at_both_sizes_and_in_both_languages(
    console: Console, desk: Browser, desk_terminal: TestTerminal
) -> None:
    number = hand_over(desk_terminal)
    hand_over(desk_terminal, item="SIM-YB-0001", identity={"kind": "anonymous", "verified": False})
    desk_terminal.beat(1, queue={"ready": 3, "dead": 2, "oldest": 1, "bytes": 10_000_000}, faults=["printer"])
    desk.open("/sign-in")
    seen = 0
    for language in ("zh", "en"):
        desk.open(f"/language/{language}")
        assert desk.script(FAINT) == []
        for name, paths in pages_of(number, desk_terminal.dev).items():
            desk.enter(console, name)
            for path in paths:
                desk.open(path)
                for details in desk.all("details"):
                    desk.script("arguments[0].open = true", details)
                for size in (
                    SIZES if language == "zh" else SIZES[:1]
                ):  # English is longer: the small one is the hard one
                    desk.resize(*size)
                    assert desk.script(CRAMPED) == [], (path, language, size)
                assert desk.script(FAINT) == [], (path, language)
                assert desk.script("return document.querySelectorAll('[style], script').length") == 0
                seen += 1
    assert seen == 22


def test_cases_lie_by_window_class_with_counts_and_age(
    console: Console, desk: Browser, desk_terminal: TestTerminal
) -> None:
    housing = hand_over(desk_terminal, item="SIM-BD-0011")
    console.clock.ahead_s = 3 * 3600.0 + 60
    desk.enter(console, "li")
    desk.open("/cases")
    desk.press(".windows a[href*='%E4%B8%8D%E5%8A%A8%E4%BA%A7']")  # 不动产登记
    lines = [line.text for line in desk.all("#cases tbody tr")]
    assert len(lines) == 1
    assert housing in lines[0]
    assert "3 小时" in lines[0]
    assert "最早一件：3 小时" in desk.text(".windows a[aria-current]")
    assert desk.text(".windows a[aria-current] b") == "1"
    row = find_case(console.platform.store, housing)
    desk.type("number", housing.lower())
    desk.press(".find button")
    assert desk.text("h1") == "不动产登记信息查询(有房/无房证明)"
    intake = desk.text(".headline .soft").split("收件流水号 ")[1].split(" ")[0]
    assert intake.startswith(f"{row['dev']}-")
    desk.open("/cases")
    desk.type("number", intake)
    desk.press(".find button")
    assert housing in desk.text(".headline")
    desk.open("/cases")
    desk.type("number", "SIM-20000101-000001-0")
    desk.press(".find button")
    assert "没有这个编号的办件" in desk.text("[role=alert]")


def test_a_terminal_is_let_in_by_the_same_six_digits_and_only_so(console: Console, desk: Browser) -> None:
    asking = replace(console.platform, is_auto_approving=False)
    desk.enter(console, "wu")
    desk.open("/enrolment")
    desk.type("site", "凤桥镇便民服务中心")
    desk.type("model", "M1")
    desk.press("#issue button")
    code = desk.text("#fresh .digits").replace(" ", "")
    assert len(code) == 12
    assert desk.script("return document.querySelector('#fresh svg').getBoundingClientRect().width") > 100
    made = {}
    for word, fresh in (("good", code), ("bad", enrolment.create_code(console.platform.store, asking.now()))):
        terminal = TestTerminal(console.base_url, console.ca_path)
        made[word] = (terminal, enrolment.begin(asking, fresh, terminal.csr(), {"board": "<i>x</i>"}, "test/1"))
    desk.open("/enrolment")
    for row in (row for _, row in made.values()):
        shown = desk.text(f"#enrol-{row['enrol_id']} .digits").replace(" ", "")
        assert shown == enrolment.digits(row)
    good, bad = made["good"][1], made["bad"][1]
    assert "凤桥镇便民服务中心 · M1" in desk.text(f"#enrol-{good['enrol_id']}")
    desk.press(f"#enrol-{good['enrol_id']} .primary")
    desk.press(f"#enrol-{bad['enrol_id']} .danger")
    assert desk.all(".compare") == []
    assert made["good"][0].poll_enrolment(good["enrol_id"]).status_code == 200
    assert made["bad"][0].poll_enrolment(bad["enrol_id"]).status_code == 403
    burnt = console.platform.store.one(sa.select(store.code.c.is_burnt).where(store.code.c.code == bad["code"]))
    assert burnt is not None
    assert burnt["is_burnt"]
    for terminal, _ in made.values():
        terminal.close()


def test_a_terminal_shows_its_health_and_can_be_stopped(console: Console, desk: Browser) -> None:
    with enrolled_terminal(console) as terminal:
        now = console.platform.now()
        well = {"queue": {"ready": 0, "dead": 0, "oldest": 0, "bytes": 0}, "disk_free": 10**10, "clk_offset_ms": 3}
        assert terminal.beat(1, **well).status_code == 200
        desk.enter(console, "wu")
        desk.open("/terminals")
        line = f"#terminals a[href$='{terminal.dev}']"
        assert "正常" in desk.script("return document.querySelector(arguments[0]).closest('tr').innerText", line)

        moment = dt.datetime.fromtimestamp(now - UNSENT_S - 3700, dt.UTC).isoformat()  # as terminals write it
        ill = {"queue": {"ready": 7, "dead": 2, "oldest": moment, "bytes": 1},
               "disk_free": 1, "clk_offset_ms": -400_000, "pause": "device_revoked", "faults": ["printer"]}  # fmt: skip
        assert terminal.beat(2, **ill).status_code == 200
        console.clock.ahead_s = SILENT_S + 61.0
        desk.open(f"/terminals/{terminal.dev}")
        alarms = desk.text(".alarms")
        said = "2 件需要处理|已等 5 小时|上报暂停：device_revoked|磁盘余量不足|时钟偏差|故障：printer|11 分钟没有心跳"
        assert [words for words in said.split("|") if words not in alarms] == []
        console.clock.ahead_s = 0.0
        desk.click("#change details:nth-of-type(1) summary")
        desk.press("#to-suspended")
        assert desk.text("#device-state") == "已暂停"
        assert terminal.ask("POST", "/v1/uploads").status_code != 403  # it may still drain
        desk.click("#change details:nth-of-type(2) summary")
        desk.press("#to-revoked")
        assert desk.text("#device-state") == "已吊销"
        assert desk.all("#change") == []
        answer = terminal.beat(3)
        assert (answer.status_code, answer.json()["code"]) == (403, "device_revoked")


def test_an_auditor_reads_and_verifies_the_record(console: Console, desk: Browser) -> None:
    desk.sign_in("li")
    desk.open("/terminals")
    assert "您的角色不能使用此页" in desk.text("[role=alert]")
    desk.press("#sign-out")
    desk.sign_in("qian")
    desk.open("/record?action=right.refused")
    assert "越权被拒" in desk.text("#record tbody tr")
    desk.press("#verify")
    assert "前后相连，未被改动" in desk.text("#report")


def test_a_page_left_alone_is_put_away(console: Console, desk: Browser, desk_terminal: TestTerminal) -> None:
    number = hand_over(desk_terminal)
    desk.enter(console, "li")
    desk.open(f"/cases/{number}")
    after, _, target = desk.script("return document.querySelector('meta[http-equiv=refresh]').content").partition(
        ";url="
    )
    assert int(after) == 15 * 60 + 5
    desk.driver.get(console.base_url + target)
    assert "页面已收起" in desk.text("h1")
    assert "王小明" not in desk.script("return document.body.textContent")
