"""Guessing passwords at the console: many at once, over long, and from behind the gateway of a whole office."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.console.sessions import WrongPassword, check_again
from sandbox.console.tables import account
from sandbox.console.throttle import ACCOUNT, ADDRESS, KNOWN_S, Wait
from sandbox.store import PlatformStore, open_engine
from tests.fixtures.console import PASSWORD, cheap_hash

NOW = 1_795_400_000
OFFICE = "10.1.2.3"
CROWD = ADDRESS.free + 5
WRONG = "wrong"


class Door:
    """The console's door, and who knocks."""

    def __init__(self, url: str) -> None:
        self.tables = PlatformStore(open_engine(url))
        self.now = NOW
        common = {"role": "officer", "is_first": False, "expires": 0, "is_locked": False, "created": 0}
        with self.tables.begin() as connection:
            for name in ("li", "shen", *(f"other-{number}" for number in range(CROWD))):
                connection.execute(account.insert().values(name=name, password=cheap_hash(PASSWORD), **common))

    def knock(self, name: str, password: str = WRONG, address: str = OFFICE) -> str:
        """Return `in`, `wrong` or `wait`."""
        try:
            check_again(self.tables, name, password, address, self.now)
        except WrongPassword:
            return "wrong"
        except Wait:
            return "wait"
        return "in"

    def flood(self, count: int = CROWD, address: str = OFFICE) -> list[str]:
        """Try so many names from one address. They are accounts, because what is no account costs a whole hash."""
        return [self.knock(f"other-{number}", address=address) for number in range(count)]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    made = Door(f"sqlite:///{tmp_path / 'p.db'}")
    yield made
    made.tables.close()


def test_many_guesses_at_once_are_not_more_than_one_after_the_other(door: Door) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: door.knock("li"), range(40)))
    assert answers.count("wrong") == ACCOUNT.free
    assert answers.count("wait") == 40 - ACCOUNT.free
    assert door.knock("li", PASSWORD) == "wait", "not even the right one is looked at"
    door.now += ACCOUNT.first_wait_s
    assert door.knock("li", PASSWORD) == "in"
    assert door.knock("li") == "wrong", "the account begins anew"


def test_a_gateway_that_is_flooded_keeps_no_officer_out(door: Door) -> None:
    assert door.knock("li", PASSWORD) == "in"
    door.flood()
    assert door.knock("other-0") == "wait"
    assert door.knock("shen", PASSWORD) == "wait", "who never signed in from here is a stranger"
    assert door.knock("li", PASSWORD) == "in"
    assert door.knock("shen", PASSWORD) == "in", "and a right password eases it for the others"
    door.now += KNOWN_S
    door.flood()
    assert door.knock("li", PASSWORD) == "wait", "that was long ago"


def test_an_address_forgets_and_waits_two_minutes_at_most(door: Door) -> None:
    door.flood()
    door.now += ADDRESS.max_wait_s
    assert door.knock("shen", PASSWORD) == "in"
    door.flood(ADDRESS.free - 1, "10.9.9.9")
    door.now += ADDRESS.forget_s * ADDRESS.free
    assert door.flood(ADDRESS.free + 1, "10.9.9.9") == [*["wrong"] * ADDRESS.free, "wait"]


def test_a_known_account_is_guarded_as_strictly_as_any(door: Door) -> None:
    assert door.knock("li", PASSWORD) == "in"
    tried = 0
    for _ in range(3 * 20):  # three hours of knocking, every third minute
        tried += door.knock("li") == "wrong"
        door.now += 180
    assert tried <= ACCOUNT.free + 3 + 3 * 4
