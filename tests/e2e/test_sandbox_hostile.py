"""Text that is not what it looks like: each is answered in the contract's or the console's words, never with 500."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from sandbox.cases import compose_intake_number
from tests.fixtures.console import Caller, Console, hand_over
from tests.fixtures.platform_terminal import TestTerminal


@pytest.fixture
def officer(console: Console):
    with console.visitor() as made:
        made.sign_in("li")
        yield made


@pytest.fixture(scope="module")
def case(desk_terminal: TestTerminal) -> tuple[str, str]:
    """A case and the intake number of its slip."""
    number = hand_over(desk_terminal, is_bare=True)
    return number, compose_intake_number(desk_terminal.dev, desk_terminal.seq)


def wide(text: str) -> str:
    """Return what a Chinese input method makes of a number."""
    return "".join(chr(ord(one) + 0xFEE0) for one in text)


def test_a_number_typed_in_wide_characters_finds_its_case(officer: Caller, case: tuple[str, str]) -> None:
    number, intake = case
    head, _, tail = intake.partition("-")
    digits_alone = f"{head}-{wide(tail[:6])}{tail[6:]}"
    for typed in (intake, wide(intake), digits_alone, intake.replace("-", "—"), f" {intake.lower()} ", wide(number)):
        answer = officer.get(f"/find?number={quote(typed)}")
        assert (answer.status_code, answer.headers.get("location")) == (303, f"/console/cases/{number}"), typed


@pytest.mark.parametrize(
    "typed", ["K-É-1-X", "K-_-1-X", "K-²-²-X", "K-000001-٣-X", "K---", "K-İ-1-X", "\0", "K-1-" + "9" * 50]
)
def test_a_number_that_is_none_is_not_found(officer: Caller, case: tuple[str, str], typed: str) -> None:
    assert officer.get(f"/find?number={quote(typed)}").status_code == 404


def test_a_page_number_of_other_digits_is_the_first_page(officer: Caller) -> None:
    for typed in ("²", "١", "9" * 5000, "-1", "1e9"):
        assert officer.get(f"/cases?page={quote(typed)}").status_code == 200


def test_a_form_from_an_address_that_is_none_is_foreign(officer: Caller) -> None:
    assert officer.post("/sign-out", headers={"Origin": "https://[::1"}).status_code == 403


@pytest.mark.parametrize("audience", ["https://[::1", "https://[v1.x]/", ["https://[", 7], None, {}])
def test_an_assertion_for_an_address_that_is_none_is_refused(desk_terminal: TestTerminal, audience: object) -> None:
    answer = desk_terminal.ask_token(desk_terminal.assertion(aud=audience))
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_assertion")


def test_an_upload_that_expired_takes_no_byte_more(console: Console, desk_terminal: TestTerminal) -> None:
    blob = b"KSB1 or not"
    packed = desk_terminal.pack({})
    made = desk_terminal.create_upload(packed.sid, "m-1", hashlib.sha256(blob).hexdigest(), len(blob))
    location = made.headers["Location"]
    assert desk_terminal.patch(location, 0, blob[:4]).status_code == 204
    console.clock.ahead_s = 15 * 86_400
    try:
        ahead = int(console.clock())
        desk_terminal.token = desk_terminal.ask_token(desk_terminal.assertion(iat=ahead, exp=ahead + 60)).json()[
            "access_token"
        ]
        for answer in (desk_terminal.head(location), desk_terminal.patch(location, 4, blob[4:])):
            assert answer.status_code == 410
    finally:
        console.clock.ahead_s = 0
        desk_terminal.fetch_token()


def test_times_at_the_end_of_the_calendar_open_like_others(
    console: Console, officer: Caller, desk_terminal: TestTerminal
) -> None:
    consents = [
        {"notice_sha256": "ab" * 32, "at": at}
        for at in ("0001-01-01T00:00:00+23:59", 2**53 - 1, "9999-12-31T23:59:59-12:00")
    ]
    number = hand_over(desk_terminal, is_bare=True, consents=consents)
    assert officer.get(f"/cases/{number}").status_code == 200
    assert officer.get(f"/cases/{number}/form.pdf").content.startswith(b"%PDF")
