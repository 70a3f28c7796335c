"""A case on the desk: which moves it may make, who answers a correction, and what is told of it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sandbox import casework
from sandbox.case_tables import case_file, case_move
from sandbox.case_views import (
    acceptance_number,
    documents_of,
    find_case,
    find_open_request,
    list_cases,
    manifest_of,
    mask_number,
    moves_of,
    requests_of,
    tell_case,
)
from sandbox.casework import (
    CaseState,
    CorrectionClosed,
    IllegalMove,
    KeptDocument,
    NoCase,
    Wanted,
    mask_name,
    person_of,
)
from sandbox.items import find_item, load_items
from sandbox.store import PlatformStore, open_engine, submission

NOW = 1_795_400_000
PERSON = {"kind": "id_card", "name": "王小明", "id_number": "330402199001011234"}
WANTED = (Wanted("M-BANK", "银行卡", "Bank card", "看不清卡号"),)
RESULT = KeptDocument("result", "application/pdf", 9, "0" * 64, "plain/K-000001/x", "{}")


class Desk:
    """A store with cases put on it as intake does it, without the network."""

    def __init__(self, url: str) -> None:
        self.tables = PlatformStore(open_engine(url))
        self._count = itertools.count(1)

    def file(self, kind: str = "submission", at: int = NOW, **manifest: Any) -> str:
        """Commit one submission and return the number its receipt names."""
        n = next(self._count)
        sid = f"01990000-0000-7000-8000-{n:012d}"
        plain = {"v": 1, "sid": sid, "item": "SIM-MZ-0008", "identity": PERSON, **manifest}
        envelope = json.dumps({"kind": kind}).encode()
        self.tables.register("K-000001", sid, n, envelope, at)
        named: list[str] = []

        def make_receipt(case_number: str, query_code: str) -> str:
            named.append(case_number)
            return f"{case_number} {query_code}"

        self.tables.commit(
            "K-000001",
            sid,
            manifest=json.dumps(plain).encode(),
            parts=[],
            make_receipt=make_receipt,
            at=at,
            file_case=lambda connection, number, query: casework.file_case(
                connection, dev="K-000001", sid=sid, seq=n, kind=kind, manifest=plain, case_number=number,
                query_code=query, at=at,
            ),
        )  # fmt: skip
        return named[0]

    def state(self, number: str) -> CaseState:
        return CaseState(find_case(self.tables, number)["state"])

    def step(self, number: str) -> int:
        return int(find_case(self.tables, number)["step"])

    def move(self, number: str, move: str, **more: Any) -> Any:
        """Make a move as the officer who just opened the case."""
        common = {"officer": "li", "at": NOW + 60, "seen": self.step(number)}
        match move:
            case "accept":
                return casework.accept(self.tables, number, **common, **more)
            case "refuse":
                return casework.refuse(self.tables, number, **{**common, "reason": "not_met", **more})
            case "ask":
                ask = {"wanted": WANTED, "deadline": "2026-12-10"}
                return casework.ask_correction(self.tables, number, **{**common, **ask, **more})
            case "conclude":
                return casework.conclude(self.tables, number, **{**common, "outcome": "issued", "document": RESULT})
            case _:
                request = find_open_request(self.tables, number) or {"request_id": "none"}
                return self.file("correction", case_number=number, request_id=request["request_id"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(f"sqlite:///{tmp_path / 'desk.db'}")
    yield made
    made.tables.close()


PATHS = {
    CaseState.DELIVERED: (),
    CaseState.CORRECTION_REQUIRED: ("ask",),
    CaseState.CORRECTION_SENT: ("ask", "answer"),
    CaseState.ACCEPTED: ("accept",),
    CaseState.NOT_ACCEPTED: ("refuse",),
    CaseState.CONCLUDED: ("accept", "conclude"),
}
LEGAL = {
    ("delivered", "accept"): "accepted",
    ("delivered", "refuse"): "not_accepted",
    ("delivered", "ask"): "correction_required",
    ("correction_required", "accept"): "accepted",
    ("correction_required", "refuse"): "not_accepted",
    ("correction_required", "answer"): "correction_sent",
    ("correction_sent", "accept"): "accepted",
    ("correction_sent", "refuse"): "not_accepted",
    ("correction_sent", "ask"): "correction_required",
    ("accepted", "conclude"): "concluded",
}


@pytest.mark.parametrize("move", ["accept", "refuse", "ask", "answer", "conclude"])
@pytest.mark.parametrize("state", list(CaseState))
def test_a_move_is_made_from_its_states_and_refused_from_every_other(desk: Desk, state: CaseState, move: str) -> None:
    number = desk.file()
    for earlier in PATHS[state]:
        desk.move(number, earlier)
    assert desk.state(number) is state
    step = desk.step(number)
    after = LEGAL.get((state, move))
    if after is None:
        with pytest.raises((IllegalMove, CorrectionClosed)):
            desk.move(number, move)
        assert (desk.state(number), desk.step(number)) == (state, step)
    else:
        desk.move(number, move)
        assert (desk.state(number), desk.step(number)) == (after, step + 1)
    assert [row["step"] for row in moves_of(desk.tables, number)] == list(range(1, desk.step(number) + 1))


def test_a_page_that_is_old_moves_nothing(desk: Desk) -> None:
    number = desk.file()
    desk.move(number, "ask")
    desk.move(number, "answer")
    with pytest.raises(IllegalMove):
        casework.accept(desk.tables, number, officer="wu", at=NOW, seen=1)
    assert desk.state(number) is CaseState.CORRECTION_SENT


def test_two_officers_at_once_make_one_move(desk: Desk) -> None:
    number = desk.file()
    gate, outcomes = threading.Barrier(4), list[str]()

    def decide(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
            outcomes.append("moved")
        except IllegalMove:
            outcomes.append("refused")

    common = {"at": NOW, "seen": 1}
    acts: list[Callable[[], object]] = [
        lambda: casework.accept(desk.tables, number, officer="a", **common),
        lambda: casework.refuse(desk.tables, number, officer="b", reason="not_met", **common),
        lambda: casework.accept(desk.tables, number, officer="c", **common),
        lambda: casework.ask_correction(
            desk.tables, number, officer="d", wanted=WANTED, deadline="2026-12-10", **common
        ),
    ]
    threads = [threading.Thread(target=decide, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["moved", "refused", "refused", "refused"]
    assert desk.step(number) == 2


@pytest.mark.parametrize(
    ("move", "more"),
    [
        ("refuse", {"reason": "because"}),
        ("refuse", {"reason": "other", "words": "  "}),
        ("ask", {"wanted": ()}),
        ("ask", {"wanted": (Wanted("M-BANK", "银行卡", "", " "),)}),
        ("ask", {"deadline": ""}),
    ],
)
def test_a_decision_without_its_reason_is_none(desk: Desk, move: str, more: dict[str, Any]) -> None:
    number = desk.file()
    with pytest.raises(ValueError, match="needed"):
        desk.move(number, move, **more)
    assert desk.state(number) is CaseState.DELIVERED


def test_a_correction_names_its_case_on_the_receipt(desk: Desk) -> None:
    number = desk.file()
    desk.move(number, "ask")
    assert desk.move(number, "answer") == number
    answered = requests_of(desk.tables, number)[0]
    assert (answered["state"], answered["sid"][-2:]) == ("answered", "02")
    assert manifest_of(desk.tables, answered)["case_number"] == number
    assert find_open_request(desk.tables, number) is None
    own = desk.tables.rows(sa.select(submission.c.case_number))
    assert len({row["case_number"] for row in own}) == 2  # its own number stays inside


def test_a_second_answer_and_a_foreign_one_are_refused_and_leave_nothing(desk: Desk) -> None:
    first, second = desk.file(), desk.file()
    request = desk.move(first, "ask")
    with pytest.raises(CorrectionClosed):
        desk.file("correction", case_number=second, request_id=request)
    assert desk.file("correction", case_number=first, request_id=request) == first
    with pytest.raises(CorrectionClosed):
        desk.file("correction", case_number=first, request_id=request)
    committed = desk.tables.rows(sa.select(submission.c.sid).where(submission.c.state == "committed"))
    assert len(committed) == 3


def test_deciding_closes_what_was_asked_for(desk: Desk) -> None:
    number = desk.file()
    request = desk.move(number, "ask")
    desk.move(number, "accept", promised="2026-12-20")
    assert [row["state"] for row in requests_of(desk.tables, number)] == ["closed"]
    with pytest.raises(CorrectionClosed):
        desk.file("correction", case_number=number, request_id=request)


def test_ratings_and_logs_are_no_cases(desk: Desk) -> None:
    for kind in ("rating", "log"):
        number = desk.file(kind)
        with pytest.raises(NoCase):
            find_case(desk.tables, number)
    assert desk.state(desk.file("complaint")) is CaseState.DELIVERED


def test_what_was_committed_before_the_desk_is_put_on_it_once(desk: Desk) -> None:
    numbers = [desk.file(), desk.file("consultation")]
    desk.file("rating")
    with desk.tables.begin() as connection:
        connection.execute(case_file.delete())
        connection.execute(case_move.delete())
    assert casework.file_former(desk.tables, NOW) == 2
    assert [desk.state(number) for number in numbers] == [CaseState.DELIVERED] * 2
    assert casework.file_former(desk.tables, NOW) == 0


def test_the_timeline_says_each_step_and_hides_the_person(desk: Desk) -> None:
    number = desk.file()
    desk.move(number, "ask", words="请尽快")
    desk.move(number, "answer")
    desk.move(number, "accept", promised="2026-12-20")
    desk.move(number, "conclude")
    told = tell_case(desk.tables, number, NOW + 99)
    assert [(one["stage"], one["state"]) for one in told["timeline"]] == [
        ("intake", "delivered"),
        ("intake", "correction_required"),
        ("intake", "correction_sent"),
        ("acceptance", "accepted"),
        ("result", "concluded"),
    ]
    assert told["applicant"] == {"name": "王*明", "id_number": "330402********1234"}
    assert (told["promised"], told["outcome"]["zh"]) == ("2026-12-20", "出具结果")
    assert [one["doc"] for one in told["documents"]] == ["result-5"]
    assert documents_of(desk.tables, number)[0]["kind"] == "result"
    text = json.dumps(told, ensure_ascii=False)
    assert PERSON["id_number"] not in text
    assert PERSON["name"] not in text
    assert '"li"' not in text  # nor the officer
    assert acceptance_number(number) == told["acceptance_number"]


def test_a_person_sees_the_own_cases_only_newest_first(desk: Desk) -> None:
    first = desk.file()
    second = desk.file(at=NOW + 10, item="SIM-YB-0001")
    other = desk.file(identity={**PERSON, "id_number": "330402198001015678"})
    desk.file(identity={"kind": "anonymous", "verified": False})
    desk.move(second, "accept")
    mine = person_of(PERSON)
    assert [one["case_number"] for one in list_cases(desk.tables, mine, NOW)] == [second, first]
    assert [one["case_number"] for one in list_cases(desk.tables, mine, NOW, state="accepted")] == [second]
    assert [one["case_number"] for one in list_cases(desk.tables, mine, NOW, item="SIM-MZ-0008")] == [first]
    assert list_cases(desk.tables, mine, NOW, page=2) == []
    assert list_cases(desk.tables, person_of({"kind": "anonymous"}), NOW) == []
    assert find_case(desk.tables, other)["person"] not in ("", mine)


def test_a_person_is_one_whatever_the_case_of_the_check_character() -> None:
    assert person_of({"id_number": "33040219900101123x "}) == person_of({"id_number": "33040219900101123X"})
    assert person_of(None) == person_of({"id_number": 7}) == person_of({}) == ""


def test_masks() -> None:
    names = {"王": "王", "王明": "王*", "王小明": "王*明", "欧阳娜娜": "欧**娜", "": ""}
    assert {name: mask_name(name) for name in names} == names
    assert [mask_number(text) for text in ("330402199001011234", "1234567890", "")] == [
        "330402********1234",
        "**********",
        "",
    ]


def test_an_item_knows_its_window_and_a_strange_one_goes_to_the_general_one(desk: Desk) -> None:
    assert find_item("SIM-YB-0001").window_class == "医保社保"
    assert find_item("SIM-MZ-0008").promised_days == 7
    assert find_item("<b>").window_class == "其他综合事务"
    assert {item.window_class for item in load_items().values()} >= {"医保社保", "社会事务", "不动产登记"}
    number = desk.file(item="SIM-YB-0001")
    assert find_case(desk.tables, number)["window_class"] == "医保社保"
