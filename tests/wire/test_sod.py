"""The security object and the list of CSCA certificates: each part that may differ, and what is said of it."""

from __future__ import annotations

import pytest
from asn1crypto import cms, core, x509
from msgspec.structs import replace

from devices.api import WireFault
from devices.sim.chips.passport_signer import Signing, build_csca, build_sod
from devices.wire import sod
from devices.wire.tlv import encode_tlv

GROUPS = ((1, b"one"), (2, b"two"))
GOOD = build_sod(Signing.GOOD, GROUPS)
LDS_OID = bytes.fromhex("0606678108010101")  # 2.23.136.1.1.1
LIST_OID = bytes.fromhex("0606678108010102")  # 2.23.136.1.1.2
CSCA = build_csca()


def signed_data(content: core.Asn1Value, kind: str, certificates: list[bytes]) -> bytes:
    """Return a CMS message around this content, signed by nobody."""
    message = {
        "version": "v3",
        "digest_algorithms": [],
        "encap_content_info": {"content_type": kind, "content": content},
        "certificates": [x509.Certificate.load(one) for one in certificates],
        "signer_infos": [],
    }
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(message)}).dump())


def named_by_key(key_identifier: bytes) -> bytes:
    """Return an EF.SOD whose signer is named by the identifier of its key; it carries two certificates."""
    found = sod.decode_sod(GOOD)
    message = cms.ContentInfo.load(sod.encode_sod(replace(found, certificate=CSCA))[4:], strict=True)
    signed = message["content"]
    signed["certificates"] = [x509.Certificate.load(one) for one in (found.certificate, CSCA)]
    (signer,) = signed["signer_infos"]
    signer["sid"] = cms.SignerIdentifier(name="subject_key_identifier", value=core.OctetString(key_identifier))
    signed["signer_infos"] = [signer]
    return encode_tlv(sod.SOD_TAG, message.dump(force=True))


@pytest.mark.parametrize(
    ("whole", "detail"),
    [
        (b"", "no 77"),
        (bytes.fromhex("7700"), ""),
        (bytes.fromhex("7711300F06092A864886F70D010701A0020400"), "no signed data"),  # CMS data, RFC 5652 §4
        (GOOD.replace(LDS_OID, LIST_OID, 1), "content or signers"),
        (encode_tlv(0x77, signed_data(core.ParsableOctetString(b""), sod.LDS_OBJECT, [])), "content or signers"),
        (GOOD[::-1].replace(LDS_OID[::-1], LIST_OID[::-1], 1)[::-1], "content type"),  # among the signed attributes
        (sod.encode_sod(replace(sod.decode_sod(GOOD), digest_name="md5")), "hash"),
        (named_by_key(b"\x01" * 20), "no certificate"),
    ],
    ids=("nothing", "empty", "data", "other content", "no signer", "other attribute", "md5", "stranger"),
)
def test_a_security_object_of_another_form_says_what_is_wrong(whole, detail):
    with pytest.raises(WireFault) as fault:
        sod.decode_sod(whole)
    assert fault.value.code in ("sod", "tlv")
    assert detail in str(fault.value)


def test_the_signer_may_be_named_by_its_key():
    key = x509.Certificate.load(CSCA).key_identifier
    assert sod.decode_sod(named_by_key(key)).certificate == CSCA
    assert sod.decode_sod(GOOD).certificate != CSCA


def test_without_signed_attributes_the_content_itself_is_signed():
    bare = sod.encode_sod(replace(sod.decode_sod(GOOD), attributes=b""))
    found = sod.decode_sod(bare)
    assert (found.attributes, found.digest) == (b"", b"")
    assert found.hashes == {number: found.compute_hash(data) for number, data in GROUPS}


def test_a_master_list_gives_its_certificates():
    body = b"\x02\x01\x00" + encode_tlv(0x31, CSCA)  # version 0, a set of certificates: ICAO 9303-12 §9
    content = core.ParsableOctetString(encode_tlv(0x30, body))
    assert sod.decode_master_list(signed_data(content, sod.MASTER_LIST, [])) == (CSCA,)


@pytest.mark.parametrize(
    ("whole", "detail"),
    [(GOOD[4:], "another kind"), (b"", ""), (b"\x30\x00", ""), (GOOD[4:-1], "")],
    ids=("a security object", "nothing", "empty", "cut off"),
)
def test_what_is_no_master_list_is_refused(whole, detail):
    with pytest.raises(WireFault, match="master_list") as fault:
        sod.decode_master_list(whole)
    assert detail in str(fault.value)
