"""A terminal exchanges its key, is suspended, let in again, revoked: over the real wire, with a live platform."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.build import prepare
from app.commands.audit import audit_verify
from app.commands.doctor import run_doctor
from app.commands.enrol import EMPTY_QUEUE, enrol_configured, enrol_terminal
from app.commands.key import run_key
from app.pulse import CentralLane
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.central.rotating import KeyRotation
from kiosk.services.submission import uuid7
from kiosk.station.audit_format import Head
from kiosk.station.config import load_config
from kiosk.station.texts import own_texts
from kiosk.trust.backends import KeyPlace
from kiosk.trust.identity import Device, certificate_spki, load_device
from kiosk.trust.rotation import RotationFault, is_due, load_candidate
from kiosk.trust.signed import signed_bytes, verify_signature
from offline_queue.api import EnvelopeFacts, Kind, PauseReason, State, Unauthorised
from offline_queue.lock import LockFile
from tests.e2e.test_delivery import Terminal
from tests.fixtures.central import (
    NOW_S,
    YEAR_S,
    answer,
    issue_certificate,
    issue_device,
    problem,
)
from tests.fixtures.platform import LivePlatform, running_platform
from tests.fixtures.trust import SoftTpm, has_systemd_creds, set_device_state, write_config

PULSE = Pulse("0.1.0", "", EMPTY_QUEUE, Head(0, ""))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


def enrolled(platform: LivePlatform, state: Path, place: KeyPlace | None = None) -> Device:
    return enrol_terminal(
        platform.create_code(),
        url=platform.base_url,
        ca_path=platform.ca_path,
        pins_path=platform.pins_path,
        state=state,
        profile="development",
        version="0.1.0",
        keys=place,
        show_digits=lambda _: None,
    )


@pytest.fixture
def new_terminal(platform: LivePlatform, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """A function that enrols a terminal without a face."""
    made: list[Terminal] = []

    def make(name: str = "one") -> Terminal:
        made.append(Terminal(platform, enrolled(platform, tmp_path / name), tmp_path / name))
        return made[-1]

    yield make
    for terminal in made:
        terminal.close()


def rotation_of(terminal: Terminal) -> KeyRotation:
    return KeyRotation(terminal.link, KeyPlace("file", terminal.state / "trust", "development"))


# ── rotation ───────────────────────────────────────────────────────────────────────────────


def test_what_was_sealed_under_the_old_key_is_delivered_after_the_rotation(new_terminal) -> None:
    terminal = new_terminal()
    before = terminal.device
    old = terminal.put()
    fresh = rotation_of(terminal).rotate(lambda: PULSE)
    assert (fresh.device_id, fresh.slot) == (before.device_id, "device-b")
    assert fresh.serial != before.serial
    assert terminal.link.signer.certificate_serial == fresh.serial
    new = terminal.put()
    for sid, serial in ((old, before.serial), (new, fresh.serial)):
        assert terminal.drive(sid, State.DELIVERED).case_number
        envelope = terminal.store._ledger._connection.execute(
            "SELECT envelope_kid FROM submission WHERE sid = ?", (sid,)
        ).fetchone()
        assert envelope["envelope_kid"] == serial
        assert terminal.platform.commits(sid) == 1
    assert load_device(terminal.state / "trust") == fresh


def test_what_is_composed_under_the_old_identity_is_signed_by_the_old_key(new_terminal) -> None:
    terminal = new_terminal()
    signer, before = terminal.link.signer, terminal.device
    composed = json.dumps({"cert": before.serial}, separators=(",", ":")).encode()
    fresh = rotation_of(terminal).rotate(lambda: PULSE)
    assert signer.sign("kiosk/submit/v1", composed).kid == before.serial
    assert signer.sign("kiosk/submit/v1", composed.replace(before.serial.encode(), b"x")).kid == fresh.serial


def test_a_tpm_rotates_too_and_the_old_key_leaves_it_at_the_next_start(
    platform: LivePlatform, tmp_path: Path, tpm: SoftTpm
) -> None:
    place = KeyPlace("tpm2", tmp_path / "state" / "trust", "production", tpm.tcti)
    device = enrolled(platform, tmp_path / "state", place)
    config = write_config(
        tmp_path / "state", platform, f'key_backend = "tpm2"\ntpm = "{tpm.tcti}"', 'profile = "production"'
    )
    assert run_key("rotate", config, True) == 0
    fresh = load_device(place.folder)
    assert fresh is not None
    assert fresh.serial != device.serial
    assert (place.key(device.slot).exists(), place.key(fresh.slot).exists()) == (False, True)
    assert place.key(fresh.slot).spki() == certificate_spki(fresh)
    place.key(fresh.slot).destroy()
    assert "0x" not in tpm.ask("tpm2_getcap", "handles-persistent")


with tempfile.TemporaryDirectory() as probe:
    KEPT = ("tpm2", "systemd-creds") if has_systemd_creds(Path(probe)) else ("tpm2",)


@pytest.mark.parametrize("backend", KEPT)
def test_a_production_terminal_enrols_starts_and_seals_with_a_key_that_is_kept(
    backend: str, platform: LivePlatform, tmp_path: Path, tpm: SoftTpm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path / "secret"))
    more = f'key_backend = "{backend}"\ntpm = "{tpm.tcti}"'
    config = write_config(tmp_path / "state", platform, more, 'profile = "production"')
    assert enrol_configured(platform.create_code(), config, True) == 0
    ready = prepare(load_config(config), own_texts())
    try:
        assert (ready.config.profile, ready.keys.backend) == ("production", backend)
        facts = EnvelopeFacts(Kind.RATING, "SIM-YB-0001", "1", "0.1.0", NOW_S, True)
        sid = uuid7(NOW_S)
        ticket = ready.store.put(sid, (), lambda parts: b"{}", facts, ready.link.sealing.recipients())
        item = ready.store.claim(ticket.sid)
        assert item is not None
        spki = certificate_spki(ready.device)
        verify_signature(signed_bytes("kiosk/submit/v1", item.envelope.object), item.envelope.signature, spki)
    finally:
        ready.log.close()
        ready.store.close()
        ready.link.client.close()
        ready.keys.key(ready.device.slot).destroy()


def test_the_command_exchanges_the_key_and_the_audit_log_holds_over_it(
    platform: LivePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    config = write_config(tmp_path / "state", platform)
    assert run_key("show", config, True) == 2
    assert "enrol it first" in capsys.readouterr().err
    device = enrolled(platform, state)
    assert run_key("show", config, True) == 0
    before = json.loads(capsys.readouterr().out)
    assert (before["backend"], before["serial"], before["former"]) == ("file", device.serial, 0)
    (state / "queue").mkdir()
    lock = LockFile(state / "queue" / "queue.lock")
    assert run_key("rotate", config, True) == 2
    assert "a terminal is running" in capsys.readouterr().err
    lock.release()
    for count in (1, 2, 3):
        assert run_key("rotate", config, True) == 0
        after = json.loads(capsys.readouterr().out)
        assert (after["former"], after["exchange_under_way"]) == (count, False)
        assert after["serial"] != before["serial"]
        assert len(list((state / "trust").glob("device*.key"))) == 1
        assert audit_verify(state) == 0
        capsys.readouterr()
        before = after


def test_a_platform_that_is_away_leaves_the_old_key_in_force(
    start_platform: Callable[..., LivePlatform], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = start_platform()
    device = enrolled(platform, tmp_path / "state")
    config = write_config(tmp_path / "state", platform)
    platform.stop()
    assert run_key("rotate", config, True) == 1
    assert "the old one stays in force" in capsys.readouterr().err
    assert load_device(tmp_path / "state" / "trust") == device
    platform.start()
    assert run_key("rotate", config, True) == 0
    assert len(list((tmp_path / "state" / "trust").glob("device*.key"))) == 1


def test_two_thirds_of_a_certificates_life_are_the_time_to_exchange_it(device_key) -> None:
    device = issue_device(device_key, "https://p")
    assert not is_due(device, NOW_S + YEAR_S * 0.66)
    assert is_due(device, NOW_S + YEAR_S * 0.67)


# ── answers that are not to be believed, over a scripted line ──────────────────────────────


def scripted(link: Link, tmp_path: Path) -> KeyRotation:
    return KeyRotation(link, KeyPlace("file", tmp_path / "trust", "development"))


@pytest.mark.parametrize("kind", ["another authority", "another key", "no chain", "garbage", "pending", "refused"])
def test_a_certificate_that_cannot_be_believed_changes_nothing(kind, link, server, tmp_path, device_key) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate, chain = issue_certificate(device_key.spki())
    pem, authority = (one.public_bytes(Encoding.PEM).decode() for one in (certificate, chain))
    says = {
        "another authority": answer(200, {"cert": pem, "chain": [authority]}),
        "another key": answer(200, {"cert": pem, "chain": [authority]}),
        "no chain": answer(200, {"cert": pem, "chain": []}),
        "garbage": answer(200, {"cert": "-----BEGIN", "chain": [authority]}),
        "pending": problem(409, "rotation_pending"),
        "refused": problem(403, "device_suspended"),
    }[kind]

    def of_the_new_key(_):
        fresh, root = issue_certificate(KeyPlace("file", tmp_path / "trust", "development").key("device-b").spki())
        texts = [one.public_bytes(Encoding.PEM).decode() for one in (fresh, root)]
        return answer(200, {"cert": texts[0], "chain": [texts[1]]})

    server.say("POST", "devices", of_the_new_key if kind == "another authority" else says)
    before = link.signer.device
    with pytest.raises((RotationFault, Unauthorised)):
        scripted(link, tmp_path).rotate(lambda: PULSE)
    assert link.signer.device == before
    assert load_candidate(tmp_path / "trust") is None
    assert server.seen("POST", "heartbeat") == []


# ── suspended and revoked ──────────────────────────────────────────────────────────────────


class Lane:
    """A central lane driven by hand, and what it told."""

    def __init__(self, terminal: Terminal) -> None:
        self.lines: list[bool] = []
        self.standings: list[PauseReason] = []
        self.rotated: list[Device] = []
        self.lane = CentralLane(
            terminal.link,
            lambda: PULSE,
            self.lines.append,
            rotation=rotation_of(terminal),
            on_standing=self.take(terminal),
            on_rotated=self.rotated.append,
        )

    def look(self) -> None:
        """Look when everything is due."""
        self.lane._beat_at_s = self.lane._refresh_at_s = 0.0
        self.lane.look()

    def take(self, terminal: Terminal) -> Callable[[PauseReason], None]:
        def stand(reason: PauseReason) -> None:
            self.standings.append(reason)
            terminal.store.set_standing(reason)

        return stand


def test_a_suspended_terminal_drains_takes_nobody_and_is_let_in_again(new_terminal, platform) -> None:
    terminal = new_terminal()
    lane = Lane(terminal)
    lane.look()
    assert (lane.standings, terminal.store.stats().is_accepting) == ([PauseReason.NONE], True)
    sid = terminal.put()
    set_device_state(platform, terminal.device.device_id, "suspended")
    lane.look()
    stats = terminal.store.stats()
    assert (lane.standings[-1], stats.pause, stats.is_accepting) == (
        PauseReason.SUSPENDED,
        PauseReason.SUSPENDED,
        False,
    )
    assert terminal.drive(sid, State.DELIVERED).case_number, "a suspended terminal still brings what it holds"
    assert terminal.store.stats().pause is PauseReason.SUSPENDED
    set_device_state(platform, terminal.device.device_id, "active")
    lane.look()
    assert (lane.standings[-1], terminal.store.stats().is_accepting) == (PauseReason.NONE, True)
    assert lane.lines == [True]


def aged(terminal: Terminal) -> Device:
    """Let the terminal's certificate be past two thirds of its life."""
    old = replace(terminal.device, enrolled_s=0)
    terminal.link.signer.adopt(KeyPlace("file", terminal.state / "trust", "development").key(old.slot), old)
    return old


def test_a_running_terminal_exchanges_its_key_by_itself_and_once(new_terminal) -> None:
    terminal = new_terminal()
    old, lane = aged(terminal), Lane(terminal)
    for _ in range(3):
        lane.look()
    (fresh,) = lane.rotated
    assert fresh.serial != old.serial
    assert terminal.link.signer.device == load_device(terminal.state / "trust") == fresh
    assert lane.lines == [True]


def test_an_exchange_that_has_to_wait_takes_nobody_out_of_service(new_terminal, tmp_path, caplog) -> None:
    terminal = new_terminal()
    old, lane = aged(terminal), Lane(terminal)
    another = KeyPlace("file", tmp_path / "another", "development").key()
    another.create()
    rotation_of(terminal)._ask(old, another)  # a key that was lost after the platform had certified it
    caplog.set_level("INFO", "app.pulse")
    lane.look()
    assert (lane.rotated, lane.lines, lane.standings) == ([], [True], [PauseReason.NONE])
    assert "key rotation waits: rotation_pending" in caplog.text
    assert terminal.drive(terminal.put(), State.DELIVERED).case_number


def test_a_revoked_terminal_sends_nothing_more_and_says_why(new_terminal, platform) -> None:
    terminal = new_terminal()
    lane = Lane(terminal)
    sid = terminal.put()
    set_device_state(platform, terminal.device.device_id, "revoked")
    lane.look()
    assert (lane.standings, lane.lines) == ([PauseReason.REVOKED], [False])
    terminal.sync.nudge(sid)
    terminal.sync.step()
    stats = terminal.store.stats()
    assert (stats.pause, stats.is_accepting, stats.ready) == (PauseReason.REVOKED, False, 1)
    assert platform.commits(sid) == 0
    assert terminal.store.find(sid).state is State.READY, "kept, for evacuation"


@pytest.mark.parametrize("word", ["suspended", "revoked"])
def test_a_technician_reads_in_doctor_that_the_platform_does_not_let_this_terminal_in(
    word: str, platform: LivePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = enrolled(platform, tmp_path / "state")
    set_device_state(platform, device.device_id, word)
    assert run_doctor(write_config(tmp_path / "state", platform), True) == 1
    (network,) = [one for one in json.loads(capsys.readouterr().out) if one["what"] == "network"]
    assert (network["state"], network["code"]) == ("fault", f"device_{word}")
    assert network["remedy"]
