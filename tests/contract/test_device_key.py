"""One suite over every backend of the device key: file, systemd-creds, tpm2 on a software TPM, windows' stand-in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.station.errors import ConfigError
from kiosk.trust.backends import SLOTS, KeyPlace
from kiosk.trust.creds import CredsKey
from kiosk.trust.keys import DeviceKey, FileKey, build_csr
from kiosk.trust.signed import TrustFault, verify_signature
from kiosk.trust.tpm import FIRST_HANDLE, TpmKey
from kiosk.trust.windows import PROVIDERS, WindowsKey, decode_blob
from offline_queue.api import QueueError
from tests.fixtures.trust import NCrypt, SoftTpm, has_systemd_creds, running_tpm

Open = Callable[[str], DeviceKey]
BACKENDS = ["file", "stand-in of systemd-creds", "tpm2", "stand-in of windows"]
with tempfile.TemporaryDirectory() as probe:
    if has_systemd_creds(Path(probe)):  # the real command as well, where it encrypts
        BACKENDS.append("systemd-creds")


@pytest.fixture(params=BACKENDS)
def open_key(
    request: pytest.FixtureRequest, tmp_path: Path, creds_command: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """A function that opens the key of a slot as after a start of the terminal."""
    folder, ncrypt = tmp_path / "trust", NCrypt()
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path / "secret"))

    def open_one(slot: str = SLOTS[0]) -> DeviceKey:
        match request.param:
            case "systemd-creds":
                return KeyPlace("systemd-creds", folder, "production").key(slot)
            case "stand-in of systemd-creds":
                return CredsKey(folder / f"{slot}.cred", f"jinban-{slot}-key", creds_command)
            case "tpm2":
                tpm: SoftTpm = request.getfixturevalue("tpm")
                return KeyPlace("tpm2", folder, "production", tpm.tcti).key(slot)
            case "stand-in of windows":
                return WindowsKey(f"jinban-{slot}-key", ncrypt)
        return KeyPlace("file", folder, "development").key(slot)

    yield open_one
    for slot in SLOTS:
        open_one(slot).destroy()
    assert ncrypt.open_handles == 0


def test_there_is_no_key_before_it_is_made(open_key: Open) -> None:
    key = open_key()
    assert not key.exists()
    for ask in (key.spki, lambda: key.sign(b"m")):
        with pytest.raises(QueueError, match="signer_unavailable"):
            ask()
    key.destroy()


def test_a_key_signs_64_bytes_and_the_same_key_stands_there_after_a_restart(open_key: Open) -> None:
    key = open_key()
    key.create()
    spki = key.spki()
    assert len(spki) == 91
    again = open_key()
    assert again.exists()
    assert again.spki() == spki
    for message in (b"", b"message", bytes(300_000)):
        signature = again.sign(message)
        assert len(signature) == 64
        verify_signature(message, signature, spki)
    with pytest.raises(TrustFault):
        verify_signature(b"another", signature, spki)


def test_a_key_is_never_made_over_another(open_key: Open) -> None:
    open_key().create()
    spki = open_key().spki()
    with pytest.raises(QueueError, match="signer_unavailable"):
        open_key().create()
    assert open_key().spki() == spki
    verify_signature(b"m", open_key().sign(b"m"), spki)


def test_two_slots_hold_two_keys_and_destroying_one_leaves_the_other(open_key: Open) -> None:
    first, second = (open_key(slot) for slot in SLOTS)
    first.create()
    second.create()
    assert first.spki() != second.spki()
    first.destroy()
    assert not open_key(SLOTS[0]).exists()
    verify_signature(b"m", open_key(SLOTS[1]).sign(b"m"), second.spki())


def test_a_destroyed_key_is_gone_and_a_new_one_is_another(open_key: Open) -> None:
    key = open_key()
    key.create()
    spki = key.spki()
    key.destroy()
    key.destroy()
    for one in (key, open_key()):
        with pytest.raises(QueueError, match="signer_unavailable"):
            one.sign(b"m")
    key.create()
    assert key.spki() != spki
    verify_signature(b"m", key.sign(b"m"), key.spki())


def test_the_certificate_request_has_an_empty_name_and_our_key(open_key: Open) -> None:
    key = open_key()
    key.create()
    request = x509.load_der_x509_csr(build_csr(key))
    assert request.is_signature_valid
    assert list(request.subject) == []
    found = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found == key.spki()


def test_no_private_byte_lies_in_the_open(open_key: Open, tmp_path: Path) -> None:
    key = open_key()
    key.create()
    files = (
        [path for path in (tmp_path / "trust").rglob("*") if path.is_file()] if (tmp_path / "trust").exists() else []
    )
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    if not isinstance(key, FileKey):
        assert not any(b"PRIVATE" in path.read_bytes() for path in files)


# ── production ─────────────────────────────────────────────────────────────────────────────


def test_production_takes_tpm2_and_systemd_creds_and_no_plain_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"platform\.key_backend: 'file'.*tpm2, systemd-creds"):
        KeyPlace("file", tmp_path, "production").key()
    for backend in ("tpm2", "systemd-creds"):
        assert KeyPlace(backend, tmp_path, "production").key().backend == backend
    with pytest.raises(ConfigError, match="'keyring'; allowed: file, systemd-creds, tpm2, windows"):
        KeyPlace("keyring", tmp_path, "development").key()
    with pytest.raises(ConfigError, match="slot"):
        KeyPlace("tpm2", tmp_path, "production").key("../device")


# ── systemd-creds ──────────────────────────────────────────────────────────────────────────


def test_a_credential_opens_under_its_own_name_only(tmp_path: Path, creds_command: str) -> None:
    path = tmp_path / "device.cred"
    CredsKey(path, "jinban-device-key", creds_command).create()
    with pytest.raises(QueueError, match="signer_unavailable"):
        CredsKey(path, "jinban-other-key", creds_command).sign(b"m")


def test_the_service_managers_copy_serves_where_we_may_not_decrypt(
    tmp_path: Path, creds_command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, passed = tmp_path / "device.cred", tmp_path / "credentials"
    made = CredsKey(path, "jinban-device-key", creds_command)
    made.create()
    plain = made._decrypt()
    passed.mkdir()
    (passed / "jinban-device-key").write_bytes(plain)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(passed))
    key = CredsKey(path, "jinban-device-key", "/nowhere/systemd-creds")
    verify_signature(b"m", key.sign(b"m"), made.spki())


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 0", "printf -- '-----BEGIN PRIVATE KEY-----'"])
def test_a_command_that_does_not_encrypt_leaves_no_key(tmp_path: Path, script: str) -> None:
    command = tmp_path / "broken"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o700)
    key = CredsKey(tmp_path / "device.cred", "jinban-device-key", str(command))
    with pytest.raises(QueueError, match="signer_unavailable"):
        key.create()
    assert not key.exists()
    with pytest.raises(QueueError, match="signer_unavailable"):
        CredsKey(tmp_path / "device.cred", "jinban-device-key", str(tmp_path / "missing")).create()


# ── tpm2 ───────────────────────────────────────────────────────────────────────────────────


def handles(tpm: SoftTpm) -> list[str]:
    return [word for word in tpm.ask("tpm2_getcap", "handles-persistent").split() if word.startswith("0x")]


def test_a_tpm_key_outlives_a_power_cycle_cannot_leave_and_ends_with_the_chip(tmp_path: Path) -> None:
    with running_tpm(tmp_path / "chip") as tpm:
        key = TpmKey(tmp_path / "device.tpm", tpm.tcti)
        key.create()
        assert handles(tpm) == [hex(FIRST_HANDLE).upper().replace("X", "x")]
        public = tpm.ask("tpm2_readpublic", "-c", hex(FIRST_HANDLE))
        assert "value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign" in public
        tpm.stop()
        tpm.start()
        again = TpmKey(tmp_path / "device.tpm", tpm.tcti)
        verify_signature(b"m", again.sign(b"m"), key.spki())
        tpm.stop()
        with pytest.raises(QueueError, match="signer_unavailable"):
            again.sign(b"m")
    with running_tpm(tmp_path / "other chip") as other:
        with pytest.raises(QueueError, match="signer_unavailable"):
            TpmKey(tmp_path / "device.tpm", other.tcti).sign(b"m")
        TpmKey(tmp_path / "elsewhere.tpm", other.tcti).create()  # takes the same handle there
        with pytest.raises(QueueError, match="another key stands in the TPM"):
            TpmKey(tmp_path / "device.tpm", other.tcti).sign(b"m")
        TpmKey(tmp_path / "device.tpm", other.tcti).destroy()
        assert TpmKey(tmp_path / "elsewhere.tpm", other.tcti).sign(b"m"), "a stranger's key is not ours to destroy"


def test_a_creation_that_was_killed_leaves_one_key_after_the_next(tmp_path: Path) -> None:
    note = tmp_path / "device.tpm"
    with running_tpm(tmp_path / "chip") as tpm:
        TpmKey(note, tpm.tcti).create()
        killed = b'{"handle":%d,"spki":""}' % FIRST_HANDLE  # after the handle was taken, before the key was noted
        note.write_bytes(killed)
        key = TpmKey(note, tpm.tcti)
        assert not key.exists()
        key.create()
        assert len(handles(tpm)) == 1
        verify_signature(b"m", key.sign(b"m"), key.spki())
        note.write_bytes(killed)
        TpmKey(note, tpm.tcti).destroy()
        assert handles(tpm) == []


def test_a_tpm_that_is_not_there_is_one_error_and_never_waits(tmp_path: Path) -> None:
    key = TpmKey(tmp_path / "device.tpm", "swtpm:host=127.0.0.1,port=9")
    with pytest.raises(QueueError, match="signer_unavailable"):
        key.create()
    assert not key.exists()
    (tmp_path / "device.tpm").write_bytes(b"{")
    with pytest.raises(QueueError, match="signer_unavailable"):
        key.sign(b"m")


# ── windows: unproven, against a stand-in ──────────────────────────────────────────────────


def test_without_a_tpm_provider_the_machines_software_provider_takes_the_key() -> None:
    ncrypt = NCrypt(missing=PROVIDERS[:1])
    WindowsKey("k", ncrypt).create()
    assert list(ncrypt.keys) == [(PROVIDERS[1], "k")]
    none = NCrypt(missing=PROVIDERS)
    with pytest.raises(QueueError, match="no provider"):
        WindowsKey("k", none).create()
    assert (ncrypt.open_handles, none.open_handles) == (0, 0)


@pytest.mark.parametrize("blob", [b"", b"ECS3" + bytes(68), b"ECS1" + bytes(68), b"ECS1\x20\0\0\0" + bytes(63)])
def test_a_blob_that_is_no_p256_key_is_refused(blob: bytes) -> None:
    with pytest.raises(QueueError, match="not a P-256 key"):
        decode_blob(blob)


def test_the_windows_backend_is_not_to_be_had_elsewhere() -> None:
    with pytest.raises(QueueError, match="not Windows"):
        WindowsKey("k")
