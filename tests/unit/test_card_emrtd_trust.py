"""Passive authentication: what each verdict needs, for every algorithm, and never `valid` without a CSCA."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from devices.api import Authenticity, WireFault
from devices.drivers.card_emrtd_trust import judge, load_csca
from devices.sim.chips.passport_signer import Signing, build_csca, build_sod
from devices.wire import sod
from devices.wire.sod import SecurityObject
from devices.wire.tlv import encode_tlv

GROUPS = ((1, b"the zone"), (2, b"the face"))
FILES = dict(GROUPS)
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
RSA_SHA1 = bytes.fromhex("300d06092a864886f70d0101050500")
RSA_NO_HASH = bytes.fromhex("300d06092a864886f70d0101010500")  # rsaEncryption: the hash stands elsewhere
PSS_SHA256 = bytes.fromhex(
    "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
    "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"
)


@pytest.mark.parametrize(
    ("signing", "expected"),
    [
        (Signing.GOOD, Authenticity.VALID),
        (Signing.NONE, Authenticity.NO_SOD),
        (Signing.WRONG_HASH, Authenticity.WRONG_HASH),
        (Signing.WRONG_SIGNATURE, Authenticity.WRONG_SIGNATURE),
        (Signing.FORGED, Authenticity.WRONG_SIGNATURE),
        (Signing.UNKNOWN, Authenticity.NO_CSCA),
        (Signing.EXPIRED, Authenticity.EXPIRED),
    ],
)
def test_each_way_of_signing_has_its_verdict(signing, expected):
    groups = ((1, b"the zone"), (2, b"the face\x01"))
    finding = judge(build_sod(signing, groups), dict(groups), (build_csca(),))
    assert finding.authenticity is expected
    assert finding.signer == ("" if signing is Signing.NONE else "UT")


@pytest.mark.parametrize("signing", Signing)
def test_nothing_is_valid_without_a_csca(signing):
    assert judge(build_sod(signing, GROUPS), FILES, ()).authenticity is not Authenticity.VALID
    if signing is Signing.GOOD:
        assert judge(build_sod(signing, GROUPS), FILES, ()).authenticity is Authenticity.NO_CSCA


def test_a_file_that_was_not_signed_is_a_wrong_hash():
    whole = build_sod(Signing.GOOD, GROUPS)
    for files in ({1: b"the zone", 2: b"another face"}, {**FILES, 3: b"more"}):
        assert judge(whole, files, (build_csca(),)).authenticity is Authenticity.WRONG_HASH


def test_a_digest_that_is_not_of_the_content_is_a_wrong_signature():
    found = sod.decode_sod(build_sod(Signing.GOOD, GROUPS))
    other = sod.encode_security_object("sha256", {1: b"mine", 2: b"mine too"})
    swapped = sod.encode_sod(replace(found, content=other))
    verdict = judge(swapped, {1: b"mine", 2: b"mine too"}, (build_csca(),)).authenticity
    assert verdict is Authenticity.WRONG_SIGNATURE


def test_a_certificate_that_is_no_authority_vouches_for_nobody():
    signer = sod.decode_sod(build_sod(Signing.GOOD, GROUPS)).certificate
    assert judge(build_sod(Signing.GOOD, GROUPS), FILES, (signer,)).authenticity is Authenticity.NO_CSCA


def test_a_certificate_not_yet_or_no_longer_in_force_is_expired():
    whole = build_sod(Signing.GOOD, GROUPS)
    for years in (-3, 7):
        now = datetime.now(UTC) + timedelta(days=365 * years)
        assert judge(whole, FILES, (build_csca(),), now).authenticity is Authenticity.EXPIRED


def sign_with_rsa(kind: str) -> tuple[bytes, bytes]:
    """Return (EF.SOD, CSCA) of a state that uses RSA throughout."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "UT")])
    now = datetime.now(UTC)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if kind == "pss" else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    certificate = builder.sign(key, hashes.SHA256(), rsa_padding=pss).public_bytes(Encoding.DER)
    content = sod.encode_security_object("sha512", FILES)
    attributes = sod.encode_attributes("sha256", content)
    hash_used = hashes.SHA1() if kind == "sha1" else hashes.SHA256()  # noqa: S303  # to see it refused
    algorithm = {"pss": PSS_SHA256, "sha1": RSA_SHA1, "bare": RSA_NO_HASH}.get(kind, RSA_SHA256)
    signature = key.sign(attributes, pss or padding.PKCS1v15(), hash_used)
    whole = SecurityObject("sha512", {}, content, attributes, "sha256", b"", algorithm, signature, certificate)
    return sod.encode_sod(whole), certificate


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pkcs1", Authenticity.VALID),
        ("bare", Authenticity.VALID),
        ("pss", Authenticity.VALID),
        ("sha1", Authenticity.UNSUPPORTED),  # collisions can be made: it proves nothing
    ],
)
def test_rsa_in_each_of_its_forms(kind, expected):
    whole, csca = sign_with_rsa(kind)
    assert judge(whole, FILES, (csca,)).authenticity is expected


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("curve", ["brainpoolP256r1", "secp384r1", "secp224r1"])
def test_a_message_made_by_openssl_with_explicit_parameters_is_checked(tmp_path, curve):
    """9303-12 asks for explicit curve parameters, which few libraries load; the message is OpenSSL's own CMS."""
    (tmp_path / "csca").mkdir()
    key = ("-name", curve, "-param_enc", "explicit", "-genkey", "-noout", "-out", "key.pem")
    openssl(tmp_path, "ecparam", *key)
    openssl(
        tmp_path, "req", "-x509", "-new", "-key", "key.pem", "-subj", "/C=UT/CN=Both", "-days", "9",
        "-out", "csca/ca.pem",
    )  # fmt: skip
    (tmp_path / "content").write_bytes(sod.encode_security_object("sha256", FILES))
    openssl(
        tmp_path, "cms", "-sign", "-binary", "-nodetach", "-in", "content", "-econtent_type", sod.LDS_OBJECT,
        "-signer", "csca/ca.pem", "-inkey", "key.pem", "-md", "sha384", "-outform", "DER", "-out", "message",
    )  # fmt: skip
    whole = encode_tlv(sod.SOD_TAG, (tmp_path / "message").read_bytes())
    expected = Authenticity.UNSUPPORTED if curve == "secp224r1" else Authenticity.VALID
    assert judge(whole, FILES, load_csca(str(tmp_path / "csca"))).authenticity is expected
    spoiled = {**FILES, 2: b"another face"}
    assert judge(whole, spoiled, ()).authenticity is Authenticity.WRONG_HASH


def test_a_folder_gives_der_pem_and_master_lists(tmp_path):
    from asn1crypto import cms, core, pem

    csca = build_csca()
    (tmp_path / "a.cer").write_bytes(csca)
    (tmp_path / "b.pem").write_bytes(pem.armor("CERTIFICATE", csca) + pem.armor("CERTIFICATE", csca))
    body = sod._MasterList({"version": 0, "certificates": []})
    body["certificates"].append(sod.x509.Certificate.load(csca))
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": sod.MASTER_LIST, "content": core.ParsableOctetString(body.dump())},
            "signer_infos": [],
        }
    )
    (tmp_path / "c.ml").write_bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())
    (tmp_path / "readme.txt").write_text("where these come from", "utf-8")
    assert [hashlib.sha256(one).digest() for one in load_csca(str(tmp_path))] == [hashlib.sha256(csca).digest()] * 4
    assert load_csca("") == ()


def test_a_folder_that_is_none_or_holds_rubbish_is_named(tmp_path):
    with pytest.raises(ValueError, match="a folder of certificates"):
        load_csca(str(tmp_path / "missing"))
    for name in ("x.cer", "x.pem", "x.ml"):
        path = tmp_path / name
        path.write_bytes(b"no certificate")
        with pytest.raises(ValueError, match=name):
            load_csca(str(tmp_path))
        path.unlink()


def test_no_changed_byte_of_what_is_signed_stays_valid():
    """The rest of the message (versions, the list of hashes used) is signed by nobody, and decides nothing."""
    whole = build_sod(Signing.GOOD, GROUPS)
    found = sod.decode_sod(whole)
    csca = (build_csca(),)
    for part in (found.content, found.certificate, found.signature, found.attributes[4:]):
        start = whole.index(part)
        for at in range(start, start + len(part), 5):
            spoiled = whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :]
            try:
                verdict = judge(spoiled, FILES, csca).authenticity
            except WireFault:
                continue
            assert verdict is not Authenticity.VALID, at - start
