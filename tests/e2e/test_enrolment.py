"""A blank terminal and a live platform: one-time code, six digits, certificate, keys, first heartbeat, audit chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.commands.audit import audit_verify
from app.commands.enrol import enrol, enrol_terminal
from kiosk.central.client import Timeouts
from kiosk.trust.enrol import EnrolFault
from kiosk.trust.identity import SealingKeys, load_device
from kiosk.trust.ring import KeyRing, load_pinned
from offline_queue.api import Unreachable
from tests.fixtures.platform import LivePlatform, running_platform

QUICK = Timeouts(5.0, 10.0, 10.0)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file; every test has a code and a terminal of its own."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture
def options(platform, tmp_path) -> dict[str, object]:
    return {
        "url": platform.base_url,
        "ca_path": platform.ca_path,
        "pins_path": platform.pins_path,
        "state": tmp_path / "state",
        "profile": "development",
        "version": "0.1.0",
    }


def test_a_code_makes_a_terminal_the_platform_knows(platform, options, capsys):
    assert enrol(platform.create_code(), **options, as_json=True) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    state = options["state"]
    device = load_device(state / "trust")
    assert (facts["device_id"], facts["serial"]) == (device.device_id, device.serial)
    assert platform.device_state(device.device_id) == "active"
    assert platform.heartbeat(device.device_id)["audit"]["n"] == 2  # the enrolment and its checkpoint
    sealing = SealingKeys(state / "trust", KeyRing(load_pinned(platform.pins_path)))
    assert sealing.load()
    assert sealing.recipients()[0].suite == "hpke-xwing-sha256-aes256gcm"
    assert audit_verify(state) == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (state / "trust").iterdir()}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {"device.key", "device.json", "keys.json", "time.json", "heartbeat.json"}


def test_no_private_key_of_the_platform_comes_to_the_terminal(platform, options):
    enrol_terminal(platform.create_code(), **options, show_digits=lambda _: None)
    secrets = [path.read_bytes() for path in (platform.state / "keys").glob("*.key")]
    held = [path.read_bytes() for path in options["state"].rglob("*") if path.is_file()]
    assert len(secrets) >= 7
    assert not any(secret in content for secret in secrets for content in held)


def test_a_second_terminal_with_the_same_code_is_refused(platform, options, tmp_path, capsys):
    code = platform.create_code()
    assert enrol(code, **options) == 0
    assert enrol(code, **{**options, "state": tmp_path / "other"}) == 1
    assert "code_bound" in capsys.readouterr().err
    assert load_device(tmp_path / "other" / "trust") is None
    assert list((tmp_path / "other" / "trust").glob("*.key")) == []
    assert any(kind == "code_bound" for _, kind, _ in platform.notes())


def test_an_enrolled_terminal_keeps_its_identity(platform, options, capsys):
    assert enrol(platform.create_code(), **options) == 0
    before = load_device(options["state"] / "trust")
    assert enrol(platform.create_code(), **options) == 1
    assert "already_enrolled" in capsys.readouterr().err
    assert load_device(options["state"] / "trust") == before


@pytest.mark.parametrize(("code", "said"), [("0000-0000-0000", "code_invalid"), ("too short", "bad_code")])
def test_a_wrong_code_is_said_and_nothing_stays(options, code, said, capsys):
    assert enrol(code, **options) == 1
    assert said in capsys.readouterr().err
    assert list(options["state"].rglob("*.*")) == []


@pytest.mark.parametrize(
    "change",
    [{"profile": "production"}, {"url": "http://127.0.0.1"}, {"ca_path": Path("/nowhere")}, {"pins_path": Path("/no")}],
)
def test_a_configuration_that_cannot_work_is_told_before_anything_is_sent(options, change, capsys):
    assert enrol("0000-0000-0000", **{**options, **change}) == 2
    assert "allowed" in capsys.readouterr().err


def test_pins_of_another_platform_enrol_nothing(platform, options, tmp_path, signer, capsys):
    pins = [
        {"kid": key.kid, "use": key.use, "pub": _text(key.pub), "nbf": key.nbf, "naf": 0, "status": "active"}
        for key in signer.public
    ]
    (tmp_path / "pins.json").write_text(json.dumps({"keys": pins}))
    assert enrol(platform.create_code(), **{**options, "pins_path": tmp_path / "pins.json"}) == 1
    assert "not_trusted" in capsys.readouterr().err
    assert load_device(options["state"] / "trust") is None


def _text(data: bytes) -> str:
    from kiosk.trust.signed import to_base64url

    return to_base64url(data)


def test_both_sides_show_the_same_digits_and_a_person_decides(
    start_platform: Callable[..., LivePlatform], tmp_path: Path
) -> None:
    platform = start_platform("careful", "--db", "")  # without --auto-approve
    options = {
        "url": platform.base_url,
        "ca_path": platform.ca_path,
        "pins_path": platform.pins_path,
        "profile": "development",
        "version": "0.1.0",
        "timeouts": QUICK,
    }

    def decide(verdict: str) -> Callable[[str], None]:
        def compare(digits: str) -> None:
            (waiting,) = platform.command("waiting")
            assert waiting["digits"] == digits
            platform.command(verdict, waiting["enrol_id"])

        return compare

    same, differs = tmp_path / "same", tmp_path / "differs"
    device = enrol_terminal(platform.code, **options, state=same, show_digits=decide("approve"))
    assert platform.device_state(device.device_id) == "active"
    with pytest.raises(EnrolFault, match="refused"):
        enrol_terminal(platform.create_code(), **options, state=differs, show_digits=decide("reject"))
    assert list(differs.rglob("*.*")) == []
    with pytest.raises(EnrolFault, match="not_approved"):
        enrol_terminal(platform.create_code(), **options, state=differs, show_digits=lambda _: None, patience_s=0)


def test_a_platform_that_is_away_is_said(start_platform: Callable[..., LivePlatform], tmp_path: Path) -> None:
    platform = start_platform()
    platform.stop()
    with pytest.raises(Unreachable):
        enrol_terminal(
            platform.code,
            url=platform.base_url,
            ca_path=platform.ca_path,
            pins_path=platform.pins_path,
            state=tmp_path / "state",
            profile="development",
            version="0.1.0",
            show_digits=lambda _: None,
        )
