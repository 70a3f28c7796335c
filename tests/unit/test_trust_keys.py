"""The device key in a file: made once, private, never in production; and the hand-made certificate request."""

from __future__ import annotations

import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.station.errors import ConfigError
from kiosk.trust.keys import FileKey, build_csr, write_durably
from kiosk.trust.signed import TrustFault, verify_signature
from offline_queue.api import QueueError


def test_a_key_in_a_file_is_refused_in_production(tmp_path):
    with pytest.raises(ConfigError, match="production"):
        FileKey(tmp_path / "device.key", "production")


def test_a_new_key_is_for_its_owner_only_and_signs_the_same_after_a_restart(tmp_path):
    path = tmp_path / "trust" / "device.key"
    key = FileKey(path, "development")
    assert not key.exists()
    key.create()
    assert path.stat().st_mode & 0o777 == 0o600
    again = FileKey(path, "development")
    assert again.spki() == key.spki()
    assert len(key.spki()) == 91
    verify_signature(b"message", again.sign(b"message"), key.spki())
    with pytest.raises(TrustFault):
        verify_signature(b"another", again.sign(b"message"), key.spki())


def test_a_key_is_never_written_over(tmp_path):
    key = FileKey(tmp_path / "device.key", "development")
    key.create()
    before = key.spki()
    with pytest.raises(QueueError, match="signer_unavailable"):
        FileKey(tmp_path / "device.key", "development").create()
    assert FileKey(tmp_path / "device.key", "development").spki() == before


def test_making_a_key_is_said_aloud_but_is_no_warning(tmp_path, caplog):
    FileKey(tmp_path / "device.key", "demo").create()
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "DEVELOPMENT KEY" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"garbage", "other curve"])
def test_a_key_that_cannot_be_used_is_one_error(tmp_path, content):
    path = tmp_path / "device.key"
    if content == "other curve":
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

        wrong = ec.generate_private_key(ec.SECP384R1())
        content = wrong.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if content is not None:
        path.touch(0o600)
        path.write_bytes(content)
    with pytest.raises(QueueError, match="signer_unavailable"):
        FileKey(path, "development").sign(b"m")


def test_a_key_others_can_read_is_not_used(tmp_path):
    key = FileKey(tmp_path / "device.key", "development")
    key.create()
    (tmp_path / "device.key").chmod(0o644)
    with pytest.raises(QueueError, match="readable by others"):
        FileKey(tmp_path / "device.key", "development").sign(b"m")


def test_a_destroyed_key_is_gone(tmp_path):
    key = FileKey(tmp_path / "device.key", "development")
    key.create()
    key.destroy()
    key.destroy()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(QueueError, match="signer_unavailable"):
        key.sign(b"m")


def test_the_request_has_an_empty_name_our_key_and_a_valid_signature(tmp_path):
    key = FileKey(tmp_path / "device.key", "development")
    key.create()
    for _ in range(20):  # r and s with and without a leading zero
        der = build_csr(key)
        request = x509.load_der_x509_csr(der)
        assert request.is_signature_valid
        assert list(request.subject) == []
        found = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert found == key.spki()


def test_a_durable_write_replaces_whole_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "file"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_durable_write_that_fails_leaves_the_old_one(tmp_path):
    (tmp_path / "file").mkdir()  # cannot be replaced by a file
    with pytest.raises(OSError, match="directory"):
        write_durably(tmp_path / "file", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
