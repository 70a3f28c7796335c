"""The platform's side of a key rotation, over days: what signs in, what lapses, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox import enrolment, rotation, store
from sandbox.api.token import _exchange
from sandbox.beats import store_beats
from sandbox.blobs import open_blobs
from sandbox.keys import load_or_create_keys
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.pulse import verify_heartbeat
from tests.fixtures.platform_terminal import TestTerminal, unb64url

BEGIN = 1_795_400_000
DAY = 86_400


class Bench:
    """A platform in this process whose clock stands, and one enrolled device."""

    def __init__(self, folder: Path) -> None:
        self.wall = float(BEGIN)
        keys = load_or_create_keys(folder, store.utc(BEGIN))
        tables = store.PlatformStore(store.open_engine(f"sqlite:///{folder / 'platform.db'}"))
        self.platform = Platform(keys, tables, open_blobs(str(folder / "blobs")), True, wall_s=lambda: self.wall)
        self.device = self.enrol()

    def terminal(self, like: TestTerminal | None = None) -> TestTerminal:
        """Return a terminal with a fresh key; `like` gives it a device's id."""
        made = TestTerminal("https://127.0.0.1", Path())
        made.dev = like.dev if like else ""
        return made

    def enrol(self) -> TestTerminal:
        """Return an enrolled terminal."""
        made = self.terminal()
        code = enrolment.create_code(self.platform.store, self.platform.now())
        row = enrolment.begin(self.platform, code, made.csr(), {}, "t")
        proof = made.sign_object("kiosk/enrol-pop/v1", {"enrol_id": row["enrol_id"], "n": "n"}, "new")
        answer = json.loads(unb64url(json.loads(str(enrolment.poll(self.platform, row["enrol_id"], proof)))["o"]))
        made.dev, made.serial = answer["device_id"], serial_of(answer["cert"])
        self.beat(made)
        return made

    def ask(self, old: TestTerminal, new: TestTerminal, **changes: Any) -> TestTerminal:
        """Let the old key ask for the new key's certificate."""
        value = {"v": 1, "typ": "rotate", "dev": old.dev, "csr": new.csr(), "ts": 1, "n": "n", **changes}
        answer = rotation.rotate(self.platform, old.dev, old.sign_object("kiosk/rotate/v1", value))
        new.serial = serial_of(answer["cert"])
        certificate = x509.load_pem_x509_certificate(answer["cert"].encode())
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(answer["chain"][0].encode()))
        assert certificate.public_key() == new.key.public_key()
        return new

    def sign_in(self, terminal: TestTerminal) -> str:
        """Return the scope of a token, or the code of the refusal."""
        now = self.platform.now()
        try:
            answer = _exchange(self.platform, terminal.assertion(iat=now, exp=now + 60))
        except Problem as problem:
            return problem.code
        digest = store.text_sha256(answer["access_token"])
        row = self.platform.store.one(sa.select(store.token.c.scope).where(store.token.c.sha256 == digest))
        assert row is not None
        return str(row["scope"])

    def beat(self, terminal: TestTerminal) -> None:
        """Send a heartbeat."""
        body = terminal.compose_beat(self.platform.now() - BEGIN + 1)
        signed = terminal.sign_object("kiosk/heartbeat/v1", body)
        store_beats(self.platform.store, [verify_heartbeat(self.platform, terminal.dev, signed)], {})

    def days(self, count: float) -> None:
        """Let days pass."""
        self.wall += count * DAY


def serial_of(pem: str) -> str:
    return f"{x509.load_pem_x509_certificate(pem.encode()).serial_number:x}"


def refusal(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        act()
    return caught.value.status, caught.value.code


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_both_keys_sign_in_for_seven_days_and_then_the_new_one_alone(bench: Bench) -> None:
    old, new = bench.device, bench.terminal(bench.device)
    bench.ask(old, new)
    bench.beat(new)
    for _ in range(2):
        assert (bench.sign_in(old), bench.sign_in(new)) == ("all", "all")
        bench.days(3.4)
    bench.days(0.3)
    assert (bench.sign_in(old), bench.sign_in(new)) == ("bad_assertion", "all")
    assert refusal(lambda: bench.ask(old, bench.terminal(old))) == (403, "bad_signature")


def test_a_new_key_that_sends_no_heartbeat_lapses_and_the_old_one_goes_on(bench: Bench) -> None:
    old, new = bench.device, bench.terminal(bench.device)
    lapsed = bench.ask(old, new).serial
    bench.days(7)
    assert (bench.sign_in(old), bench.sign_in(new)) == ("all", "bad_assertion")
    assert bench.ask(old, new).serial != lapsed, "the same key may ask again"
    bench.beat(new)
    bench.days(8)
    assert (bench.sign_in(old), bench.sign_in(new)) == ("bad_assertion", "all")


def test_the_same_key_gets_the_same_certificate_and_another_one_waits(bench: Bench) -> None:
    old, new = bench.device, bench.terminal(bench.device)
    serial = bench.ask(old, new).serial
    assert bench.ask(old, new).serial == serial
    assert refusal(lambda: bench.ask(old, bench.terminal(old))) == (409, "rotation_pending")
    bench.beat(new)
    newest = bench.terminal(old)
    assert bench.ask(new, newest).serial != serial


def test_a_key_that_was_used_before_is_no_new_key(bench: Bench) -> None:
    old, new, stranger = bench.device, bench.terminal(bench.device), bench.enrol()
    assert refusal(lambda: bench.ask(old, old)) == (400, "bad_csr")
    new.key = stranger.key
    assert refusal(lambda: bench.ask(old, new)) == (400, "bad_csr")
    new.key = ec.generate_private_key(ec.SECP384R1())
    assert refusal(lambda: bench.ask(old, new)) == (400, "bad_csr")


def test_only_the_devices_own_key_asks_for_it(bench: Bench) -> None:
    old, stranger = bench.device, bench.enrol()
    new = bench.terminal(old)
    for changes in ({"dev": stranger.dev}, {"typ": "x"}, {"csr": 5}):
        assert refusal(lambda changes=changes: bench.ask(old, new, **changes)) == (403, "bad_signature")
    body = {"v": 1, "typ": "rotate", "dev": old.dev, "csr": new.csr(), "ts": 1, "n": "n"}
    thief = bench.terminal(old)
    thief.serial = old.serial
    forged = [
        thief.sign_object("kiosk/rotate/v1", body),
        stranger.sign_object("kiosk/rotate/v1", body),
        old.sign_object("kiosk/heartbeat/v1", body),
        body,
    ]
    for wire in forged:
        assert refusal(lambda wire=wire: rotation.rotate(bench.platform, old.dev, wire)) == (403, "bad_signature")
    assert bench.platform.store.one(sa.select(rotation.rotation)) is None


def test_an_expired_certificate_still_brings_what_is_stored_and_nothing_else(bench: Bench) -> None:
    bench.days(366)
    assert bench.sign_in(bench.device) == "drain"


def test_a_terminal_that_was_off_for_a_year_exchanges_its_key_unless_it_was_suspended(bench: Bench) -> None:
    old = bench.device
    bench.days(400)
    bench.platform.store.set_device_state(old.dev, "suspended")
    assert refusal(lambda: bench.ask(old, bench.terminal(old))) == (403, "device_suspended")
    bench.platform.store.set_device_state(old.dev, "active")
    new = bench.ask(old, bench.terminal(old))
    bench.beat(new)
    assert bench.sign_in(new) == "all"
