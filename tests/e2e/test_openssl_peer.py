"""openssl, which knows nothing of us, verifies what terminal and platform signed live, and refuses any change."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from offline_queue.api import SignedObject, State
from tests.e2e.test_delivery import Terminal, enrolled
from tests.fixtures.openssl import es256_to_der, is_signed, openssl
from tests.fixtures.platform import running_platform


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """An enrolled terminal that has delivered one submission."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        state = tmp_path_factory.mktemp("state")
        one = Terminal(live, enrolled(live, state), state)
        try:
            one.drive(one.put(), State.DELIVERED)
            yield one
        finally:
            one.close()


def stored(terminal: Terminal, name: str) -> SignedObject:
    """Return the envelope or the receipt as it lies in the terminal's own database."""
    query = f"SELECT {name}, {name}_kid, {name}_sig FROM submission WHERE {name} IS NOT NULL"  # noqa: S608  our own
    db = sqlite3.connect(f"file:{terminal.state / 'queue' / 'queue.db'}?mode=ro", uri=True)
    try:
        return SignedObject(*db.execute(query).fetchone())
    finally:
        db.close()


def device_pem(terminal: Terminal, folder: Path) -> bytes:
    """Return the public key of the device's certificate, taken out of it by openssl."""
    (folder / "device.der").write_bytes(terminal.device.certificate)
    done = openssl("x509", "-inform", "DER", "-in", folder / "device.der", "-noout", "-pubkey")
    assert done.returncode == 0
    return done.stdout


def platform_pem(terminal: Terminal, kid: str) -> bytes:
    """Return the platform's published receipt key, turned into PEM by openssl."""
    published = json.loads(terminal.platform.pins_path.read_text())["keys"]
    (key,) = (key for key in published if (key["kid"], key["use"]) == (kid, "receipt"))
    spki = base64.urlsafe_b64decode(key["pub"] + "=" * (-len(key["pub"]) % 4))
    done = openssl("pkey", "-pubin", "-inform", "DER", data=spki)
    assert done.returncode == 0
    return done.stdout


def changed(payload: bytes) -> Iterator[bytes]:
    """Yield the object with another number, another spelling, and one bit turned."""
    value = json.loads(payload)
    yield json.dumps({**value, "seq": value["seq"] + 1}, sort_keys=True, separators=(",", ":")).encode()
    yield json.dumps(value, sort_keys=True).encode()
    yield payload[:-1] + bytes([payload[-1] ^ 1])


@pytest.mark.parametrize(("name", "purpose"), [("envelope", "kiosk/submit/v1"), ("receipt", "kiosk/receipt/v1")])
def test_openssl_verifies_the_real_one_and_refuses_every_changed_one(terminal, tmp_path, name, purpose):
    signed = stored(terminal, name)
    envelope, receipt = device_pem(terminal, tmp_path), platform_pem(terminal, stored(terminal, "receipt").kid)
    ours, theirs = (envelope, receipt) if name == "envelope" else (receipt, envelope)
    der = es256_to_der(signed.signature)
    assert is_signed(tmp_path, ours, purpose.encode() + b"\0" + signed.object, der)
    assert not is_signed(tmp_path, theirs, purpose.encode() + b"\0" + signed.object, der), "the other side's key"
    assert not is_signed(tmp_path, ours, b"kiosk/time/v1\0" + signed.object, der), "another purpose"
    assert not is_signed(tmp_path, ours, signed.object, der), "no purpose"
    for payload in changed(signed.object):
        assert not is_signed(tmp_path, ours, purpose.encode() + b"\0" + payload, der)
    other = signed.signature[:40] + bytes([signed.signature[40] ^ 1]) + signed.signature[41:]
    assert not is_signed(tmp_path, ours, purpose.encode() + b"\0" + signed.object, es256_to_der(other))


def test_openssl_finds_the_devices_serial_that_the_envelope_names(terminal, tmp_path):
    (tmp_path / "device.der").write_bytes(terminal.device.certificate)
    done = openssl("x509", "-inform", "DER", "-in", tmp_path / "device.der", "-noout", "-serial")
    signed = stored(terminal, "envelope")
    assert int(done.stdout.decode().strip().removeprefix("serial="), 16) == int(signed.kid, 16)
    assert json.loads(signed.object)["cert"] == signed.kid
