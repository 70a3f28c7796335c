"""What the console refuses: forged forms, wrong roles, stolen and fixed sessions, guessing, scripts, strange paths."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from devices.imaging.pdf import capture_of, wrap_jpeg
from sandbox.case_tables import case_file
from sandbox.case_views import find_case
from sandbox.casework import accept
from sandbox.console import accounts
from sandbox.console.accounts import Role, WeakPassword, choose_password, create_account
from sandbox.console.record import list_record
from sandbox.console.sessions import IDLE_S, LIFE_S
from sandbox.console.tables import account, attempt
from sandbox.couriers import note_carried
from sandbox.store import part
from tests.fixtures.browser import Browser
from tests.fixtures.console import PASSWORD, Caller, Console, draw, hand_over
from tests.fixtures.platform_terminal import TestTerminal

CANARY = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*191}}&lt;b&gt;'
COOKIE = "__Secure-jinban-console"
PAGES = ("/cases", "/terminals", "/enrolment", "/record")
PDF = b"%PDF-1.7\n%%EOF\n"

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def number(console: Console, desk_terminal: TestTerminal) -> str:
    return hand_over(desk_terminal)


@pytest.fixture
def guest(console: Console) -> Iterator[Caller]:
    """Somebody who has not signed in. Afterwards the clock is right again and wrong tries are forgotten."""
    with console.visitor() as caller:
        yield caller
    console.clock.ahead_s = 0.0
    with console.platform.store.begin() as connection:
        connection.execute(attempt.delete())


@pytest.fixture
def officer(guest: Caller) -> Caller:
    assert guest.sign_in("li").status_code == 303
    return guest


def keep(caller: Caller, token: str) -> None:
    """Put a session's token into a browser's jar."""
    caller.session.cookies.set(COOKIE, token, path="/console", domain="127.0.0.1", secure=True)


def deeds(console: Console) -> list[tuple[str, str, str]]:
    return [(row["account"], row["action"], row["subject"]) for row in list_record(console.platform.store, 1)]


# ── who comes in ───────────────────────────────────────────────────────────────────────────


def test_nobody_sees_a_page_without_signing_in(guest: Caller, number: str) -> None:
    for path in (*PAGES, "/", "/password", f"/cases/{number}", f"/cases/{number}/form.pdf"):
        answer = guest.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in"), path
    for path in (f"/cases/{number}/accept", "/enrolment/code", "/sign-out"):
        assert guest.post(path, {"seen": "1"}).status_code == 303, path


@pytest.mark.parametrize(
    ("name", "open_to"),
    [("li", {"/cases"}), ("shen", {"/cases", "/terminals", "/record"}), ("wu", {"/terminals", "/enrolment"}),
     ("qian", {"/cases", "/terminals", "/record"})],
)  # fmt: skip
def test_a_role_opens_its_own_pages_only(guest: Caller, console: Console, number: str, name: str, open_to: set) -> None:
    assert guest.sign_in(name).status_code == 303
    assert {path for path in PAGES if guest.get(path).status_code == 200} == open_to
    assert {guest.get(path).status_code for path in PAGES if path not in open_to} <= {403}
    may_open = name in ("li", "shen")
    assert guest.get(f"/cases/{number}").status_code == (200 if may_open else 403)
    if not may_open:
        assert guest.get(f"/cases/{number}/form.pdf").status_code == 403
    token = guest.field("/password")
    refused = {"csrf": token, "seen": "999", "site": "x", "state": "revoked", "reason": "not_met"}
    decided = guest.post(f"/cases/{number}/refuse", refused)
    assert decided.status_code == (409 if may_open else 403)  # 409: an old page, and nothing has moved
    assert guest.post("/enrolment/code", refused).status_code == (200 if name == "wu" else 403)
    if name != "wu":
        assert guest.post("/terminals/K-000001/state", refused).status_code == 403
    assert (name, "right.refused", "") in deeds(console)
    assert find_case(console.platform.store, number)["state"] == "delivered"


def test_a_form_without_its_token_or_with_anothers_is_refused(officer: Caller, console: Console, number: str) -> None:
    page = f"/cases/{number}"
    with console.visitor() as other:
        other.sign_in("shen")
        foreign = other.field(page)
    for token in ({}, {"csrf": ""}, {"csrf": "0" * 43}, {"csrf": foreign}, {"csrf": [officer.field(page), "x"]}):
        answer = officer.post(f"{page}/accept", {"seen": "1", **token})
        assert answer.status_code == 403, token
    assert find_case(console.platform.store, number)["state"] == "delivered"
    assert ("li", "csrf.refused", "") in deeds(console)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_a_form_of_another_site_is_refused_even_with_a_token(officer: Caller, number: str, headers: dict) -> None:
    page = f"/cases/{number}"
    answer = officer.post(f"{page}/accept", {"csrf": officer.field(page), "seen": "1"}, headers=headers)
    assert answer.status_code == 403


def test_signing_in_makes_a_new_session_and_ends_the_one_brought_along(guest: Caller, console: Console) -> None:
    """Session fixation: a planted cookie becomes no session; one that is somebody's session is none afterwards."""
    before = guest.field("/sign-in", "before")
    keep(guest, "planted-by-somebody")
    assert guest.post("/sign-in", {"before": before, "name": "li", "password": PASSWORD}).status_code == 303
    first = guest.session.cookies.get(COOKIE)
    assert first not in (None, "", "planted-by-somebody")
    with console.visitor() as planted:
        keep(planted, "planted-by-somebody")
        assert planted.get("/cases").status_code == 303
    with console.visitor() as victim:
        before = victim.field("/sign-in", "before")
        keep(victim, first)
        assert victim.get("/cases").status_code == 200
        assert victim.post("/sign-in", {"before": before, "name": "shen", "password": PASSWORD}).status_code == 303
        assert victim.session.cookies.get(COOKIE) != first
    assert guest.get("/cases").status_code == 303


def test_a_session_cookie_is_locked_to_the_console(guest: Caller, console: Console) -> None:
    answer = guest.sign_in("li")
    cookie = answer.headers["set-cookie"].split(", __Secure-jinban-before")[0]
    assert cookie.startswith(f"{COOKIE}=")
    for word in ("Secure", "HttpOnly", "Path=/console", "SameSite=strict"):
        assert word.lower() in cookie.lower()
    token = guest.session.cookies.get(COOKIE)
    cookies = {"Cookie": f"{COOKIE}={token}"}
    plain = guest.session.get(f"{console.base_url}/v1/keys", headers=cookies, timeout=20)
    assert plain.status_code == 401  # the devices' API knows no cookie


def test_a_device_token_opens_no_page(guest: Caller, desk_terminal: TestTerminal, number: str) -> None:
    headers = {"Authorization": f"Bearer {desk_terminal.token}"}
    assert guest.get(f"/cases/{number}", headers=headers).headers["location"] == "/console/sign-in"


def test_signing_out_ends_the_session_for_good(officer: Caller, console: Console) -> None:
    token = officer.session.cookies.get(COOKIE)
    assert officer.press("/password", "/sign-out").status_code == 303
    keep(officer, token)
    assert officer.get("/cases").status_code == 303


def test_an_idle_session_ends_and_a_day_is_the_longest(officer: Caller, console: Console) -> None:
    console.clock.ahead_s = IDLE_S - 5
    assert officer.get("/cases").status_code == 200
    console.clock.ahead_s += IDLE_S - 5
    assert officer.get("/cases").status_code == 200
    assert officer.get("/idle").status_code == 200  # what a page turns into by itself is no activity
    console.clock.ahead_s += IDLE_S + 5
    assert officer.get("/cases").status_code == 303
    officer.sign_in("li")
    for _ in range(LIFE_S // (IDLE_S - 60)):
        console.clock.ahead_s += IDLE_S - 60
        assert officer.get("/cases").status_code == 200
    console.clock.ahead_s += IDLE_S - 60
    assert officer.get("/cases").status_code == 303


# ── guessing ───────────────────────────────────────────────────────────────────────────────


def test_wrong_passwords_cost_ever_more_time(guest: Caller, console: Console) -> None:
    console.add_account("guessed", "officer")
    for _ in range(4):
        assert guest.sign_in("guessed", "wrong").status_code == 403
    waits = []
    for _ in range(4):
        assert guest.sign_in("guessed", "wrong").status_code == 403
        answer = guest.sign_in("guessed")  # even the right one is not looked at
        assert answer.status_code == 429
        waits.append(int(answer.headers["retry-after"]))
        console.clock.ahead_s += waits[-1] + 1
    assert [round(wait / 15) for wait in waits] == [1, 2, 4, 8]
    assert guest.sign_in("guessed").status_code == 303
    with console.visitor() as other:  # a name that is waited for keeps nobody else out
        assert other.sign_in("li").status_code == 303


def test_an_unknown_name_and_a_wrong_password_look_the_same(guest: Caller, console: Console) -> None:
    answers = [guest.sign_in(name, "x" * 20) for name in ("li", "nobody-of-that-name")]
    assert {answer.status_code for answer in answers} == {403}
    words = {answer.text.split('role="alert">')[1].split("</p>")[0] for answer in answers}
    assert len(words) == 1
    console.clock.ahead_s = 3600.0
    assert guest.sign_in("li").status_code == 303


def test_a_sign_in_form_belongs_to_its_browser(guest: Caller, console: Console) -> None:
    with console.visitor() as other:
        foreign = other.field("/sign-in", "before")
    guest.get("/sign-in")
    answer = guest.post("/sign-in", {"before": foreign, "name": "li", "password": PASSWORD})
    assert answer.status_code == 403
    assert COOKIE not in guest.session.cookies


def test_a_one_time_password_lives_a_day_and_buys_only_a_new_one(guest: Caller, console: Console) -> None:
    store = console.platform.store
    once = create_account(store, "fresh", Role.OFFICER, console.platform.now())
    kept = store.one(sa.select(account.c.password).where(account.c.name == "fresh"))
    assert kept is not None
    assert kept["password"].startswith(f"scrypt${accounts.LOG_N}$8$3$")
    assert once not in kept["password"]
    with pytest.raises(ValueError, match="'fresh': there is such an account"):
        create_account(store, "fresh", Role.AUDITOR, console.platform.now())
    guest.sign_in("fresh", once)
    assert guest.get("/cases").headers["location"] == "/console/password"
    old = {"old": once, "new": "short", "again": "short"}
    assert guest.press("/password", "/password", **old).status_code == 422
    console.clock.ahead_s = 25 * 3600.0
    assert guest.sign_in("fresh", once).status_code == 403
    for weak in ("short", "fresh-fresh-fresh", "aaaaaaaaaaaaaa"):
        with pytest.raises(WeakPassword):
            choose_password(store, "fresh", weak)
    accounts.lock_account(store, "li")
    console.clock.ahead_s = 26 * 3600.0
    assert guest.sign_in("li").status_code == 403
    with store.begin() as connection:
        connection.execute(account.update().where(account.c.name == "li").values(is_locked=False))


# ── what is shown ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/sign-in", "/cases", "/nowhere", "/console.css", "CASE", "PART"])
def test_every_answer_carries_its_protection(
    officer: Caller, desk_terminal: TestTerminal, number: str, path: str
) -> None:
    row_path = {"CASE": f"/cases/{number}", "PART": f"/cases/{number}/parts/x/y"}.get(path, path)
    headers = officer.get(row_path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "max-age" in headers["strict-transport-security"]
    assert path == "/console.css" or headers["cache-control"] == "no-store"


def test_a_script_in_any_field_is_shown_as_text(
    console: Console, desk_terminal: TestTerminal, browser: Browser
) -> None:
    words = {"zh": CANARY, "en": CANARY}
    identity = dict.fromkeys(("kind", "name", "address", "authority", "sex", "nation", "birth_date"), CANARY)
    number = hand_over(
        desk_terminal, identity={**identity, "id_number": "330402194001011234", "valid_until": CANARY},
        item_name=words, situation_name=words, filed_by=CANARY, delivery={"name": words},
        answers=[{"key": CANARY, "label": words, "value": CANARY, "display": CANARY, "group": words}],
        materials=[{"code": CANARY, "name": words, "state": CANARY, "parts": ["m-bank-1"]}],
        consents=[{"notice_sha256": CANARY, "at": CANARY}], locale=CANARY,
    )  # fmt: skip
    desk_terminal.beat(
        50, app=CANARY, cat=CANARY, paper=CANARY, pause=CANARY, faults=[CANARY], devices={CANARY: CANARY}
    )
    browser.base = console.base_url
    browser.enter(console, "shen")
    for path in ("/cases", f"/cases/{number}", "/terminals", f"/terminals/{desk_terminal.dev}"):
        browser.open(path)
        shown = browser.script("return document.body.textContent")
        assert "onerror=alert(1)" in shown or path == "/cases", path  # it is there, as text
        assert browser.script("return document.querySelectorAll('script, img[src=x], [onerror]').length") == 0, path
        assert "1337" not in shown, path  # nor is it a template
    browser.open(f"/cases/{number}")
    browser.click("#ask summary")
    browser.click("#ask input[type=checkbox]")
    browser.find("#ask .want input:not([type=checkbox])").send_keys(CANARY)
    browser.press("#ask form > button")
    assert "需要补正" in browser.text("#state")
    assert browser.script("return document.querySelectorAll('script, img[src=x]').length") == 0
    browser.open("/record")
    assert browser.script("return document.querySelectorAll('script, img[src=x]').length") == 0
    desk_terminal.beat(51)


def test_a_page_runs_no_script_even_if_one_were_there(console: Console, browser: Browser) -> None:
    browser.base = console.base_url
    browser.open("/sign-in")
    ran = browser.script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s); const i = document.createElement('img'); i.setAttribute('onerror', 'window.ran = 2');"
        "i.src = 'data:,'; document.body.append(i); return new Promise(r => setTimeout(() => r(window.ran || 0), 50))"
    )
    assert ran == 0


def test_a_stored_file_is_served_as_what_it_is_or_not_shown(
    officer: Caller, console: Console, desk_terminal: TestTerminal
) -> None:
    page = b"<html><script>alert(1)</script></html>"
    number = hand_over(
        desk_terminal, extra={
            "m-evil-1": (page, "image/png"), "m-evil-2": (page, "text/html"), "m-evil-3": (page, "image/svg+xml"),
            "m-good-1": (draw("PNG"), "image/png"), "m-doc-1": (PDF, "application/pdf"),
        },
    )  # fmt: skip
    sid = find_case(console.platform.store, number)["sid"]
    for name, kind, way in (
        ("m-evil-1", "application/octet-stream", "attachment"),
        ("m-evil-2", "application/octet-stream", "attachment"),
        ("m-evil-3", "application/octet-stream", "attachment"),
        ("m-good-1", "image/png", "inline"),
        ("m-doc-1", "application/pdf", "attachment"),
    ):
        headers = officer.get(f"/cases/{number}/parts/{sid}/{name}").headers
        assert headers["content-type"] == kind, name
        assert headers["content-disposition"].startswith(way), name
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fplatform.db", "%2e%2e/%2e%2e/platform.db", "....//m-bank-1", "m-bank-1%00.jpg", "/etc/passwd", ".",
     "m-bank-1/..", "%252e%252e%252fkeys", "M-BANK-1", "manifest"],
)  # fmt: skip
def test_a_strange_name_leads_to_no_file(officer: Caller, console: Console, number: str, name: str) -> None:
    sid = find_case(console.platform.store, number)["sid"]
    for path in (f"/cases/{number}/parts/{sid}/{name}", f"/cases/{number}/documents/{name}"):
        answer = officer.get(path)
        assert answer.status_code in (303, 404, 405), path
        assert b"SQLite" not in answer.content


def test_a_part_is_given_within_its_own_case_only(
    officer: Caller, console: Console, desk_terminal: TestTerminal, number: str
) -> None:
    other = hand_over(desk_terminal)
    sid = find_case(console.platform.store, other)["sid"]
    assert officer.get(f"/cases/{other}/parts/{sid}/m-bank-1").status_code == 200
    assert officer.get(f"/cases/{number}/parts/{sid}/m-bank-1").status_code == 404


def test_a_scan_that_came_as_pdf_is_shown_as_a_picture_and_saved_as_itself(
    officer: Caller, console: Console, desk_terminal: TestTerminal
) -> None:
    jpeg = draw(text="A PAGE", size=(600, 850))
    scan = wrap_jpeg(jpeg, capture_of((), 100, "free", (600, 850)))
    other = b"%PDF-1.4 of someone else"
    number = hand_over(
        desk_terminal,
        extra={"m-bank-2": (scan, "application/pdf"), "m-bank-3": (other, "application/pdf")},
        materials=[{"code": "M-BANK", "name": {"zh": "银行卡"}, "state": "scanned", "parts": ["m-bank-2", "m-bank-3"]}],
    )
    sid = find_case(console.platform.store, number)["sid"]
    base = f"/cases/{number}/parts/{sid}"
    assert f'{base}/m-bank-2/picture"' in officer.get(f"/cases/{number}").text
    shown = officer.get(f"{base}/m-bank-2/picture")
    assert (shown.status_code, shown.headers["content-type"], shown.content[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert officer.get(f"{base}/m-bank-2").content == scan
    assert officer.get(f"{base}/m-bank-3/picture").status_code == 404
    assert officer.get(f"{base}/m-bank-1/picture").status_code == 404
    assert officer.get(f"/cases/{hand_over(desk_terminal)}/parts/{sid}/m-bank-2/picture").status_code == 404


def test_lists_are_masked_and_opening_is_written_down(guest: Caller, console: Console, number: str) -> None:
    guest.sign_in("qian")
    listed = guest.get("/cases").text
    assert number in listed
    assert "王*明" in listed
    for secret in ("王小明", "330402194001011234", "13805738899", "凤桥镇"):
        assert secret not in listed
    with console.visitor() as officer:
        officer.sign_in("li")
        opened = officer.get(f"/cases/{number}").text
    assert "330402194001011234" in opened
    assert ("li", "case.open", number) in deeds(console)
    assert "王小明" not in json.dumps([dict(row) for row in list_record(console.platform.store, 1)], ensure_ascii=False)


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/console/../v1/keys//x", "/v1/keys", "/console/\\evil", ""]
)
def test_changing_the_language_leads_nowhere_else(guest: Caller, back: str) -> None:
    answer = guest.get("/language/en", params={"back": back})
    assert answer.headers["location"] == "/console/"


def test_an_officer_sees_on_the_case_who_brought_it(
    officer: Caller, console: Console, desk_terminal: TestTerminal
) -> None:
    number = hand_over(desk_terminal, is_bare=True)
    assert "由他人带来" not in officer.get(f"/cases/{number}").text
    sid = find_case(console.platform.store, number)["sid"]
    with console.platform.store.begin() as connection:
        note_carried(connection, desk_terminal.dev, sid, "K-<b>77", console.platform.now())
    assert 'class="num">K-&lt;b&gt;77<' in officer.get(f"/cases/{number}").text


# ── the verdict and the record ─────────────────────────────────────────────────────────────


def test_a_paper_changed_at_the_platform_is_found_on_opening(
    officer: Caller, console: Console, desk_terminal: TestTerminal
) -> None:
    number = hand_over(desk_terminal)
    platform = console.platform
    sid = find_case(platform.store, number)["sid"]
    row = platform.store.one(sa.select(part).where(part.c.sid == sid, part.c.part == "m-bank-1"))
    assert row is not None
    assert "内容完整" in officer.get(f"/cases/{number}").text
    path = platform.blobs.root / row["path"]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    opened = officer.get(f"/cases/{number}").text
    assert "不可信，请勿受理" in opened
    assert "与签署时不同：m-bank-1" in opened
    path.unlink()
    assert "不可信，请勿受理" in officer.get(f"/cases/{number}").text


def test_a_form_changed_in_the_database_is_found_on_opening(
    officer: Caller, console: Console, desk_terminal: TestTerminal
) -> None:
    from sandbox.case_tables import evidence
    from sandbox.store import submission

    number = hand_over(desk_terminal)
    store = console.platform.store
    sid = find_case(store, number)["sid"]
    mine = submission.c.sid == sid
    row = store.one(sa.select(submission).where(mine))
    assert row is not None
    changes = {
        "envelope": row["envelope"].replace(b'"seq":', b'"seq": '),
        "receipt": row["receipt"].replace('"sig": "', '"sig": "AA'),
    }
    for column, value in changes.items():
        with store.begin() as connection:
            connection.execute(submission.update().where(mine).values({column: value}))
        assert "不可信，请勿受理" in officer.get(f"/cases/{number}").text, column
        with store.begin() as connection:
            connection.execute(submission.update().where(mine).values({column: row[column]}))
    assert "不可信" not in officer.get(f"/cases/{number}").text
    with store.begin() as connection:
        connection.execute(evidence.delete().where(evidence.c.sid == sid))
    assert "无法复核" in officer.get(f"/cases/{number}").text


def test_nothing_is_decided_twice_from_one_page(officer: Caller, console: Console, desk_terminal: TestTerminal) -> None:
    number = hand_over(desk_terminal)
    page = f"/cases/{number}"
    assert officer.press(page, f"{page}/accept", seen="1", promised="").status_code == 303
    for path in ("accept", "refuse"):
        assert officer.press(page, f"{page}/{path}", seen="1", reason="not_met").status_code == 409
    row = console.platform.store.one(sa.select(case_file).where(case_file.c.case_number == number))
    assert row is not None
    assert (row["state"], row["step"]) == ("accepted", 2)


@pytest.fixture(scope="module")
def accepted(console: Console, desk_terminal: TestTerminal) -> str:
    number = hand_over(desk_terminal)
    accept(console.platform.store, number, officer="li", at=console.platform.now(), seen=1)
    return number


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<html></html>"),
        ("broken.pdf", b"%PDF-1.7 nothing"),
        ("none.pdf", PDF),
        ("big.png", None),
        ("garbage.png", b"\x89PNG\r\n\x1a\ngarbage"),
    ],
)
def test_a_document_that_no_terminal_could_print_is_refused(
    officer: Caller, console: Console, accepted: str, name: str, data: bytes | None
) -> None:
    page = f"/cases/{accepted}"
    sent = data if data is not None else b"\x89PNG\r\n\x1a\n" + bytes(10 * 1024 * 1024)
    fields = {"csrf": officer.field(page), "seen": "2", "outcome": "issued", "words": ""}
    answer = officer.post(f"{page}/conclude", fields, files={"document": (name, sent)})
    assert answer.status_code == 422
    assert "请上传 PDF 或 PNG" in answer.text
    assert find_case(console.platform.store, accepted)["state"] == "accepted"
