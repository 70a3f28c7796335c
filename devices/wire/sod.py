"""The security object of an eMRTD chip (EF.SOD), both ways: a CMS message that signs a hash of each data group.

Source: ICAO Doc 9303-10 §4.6.2, RFC 5652. CMS is taken apart by asn1crypto; nothing is verified here.
Pure; the only error is WireFault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from asn1crypto import algos, cms, core, x509

from devices.api import WireFault
from devices.wire.tlv import decode_flat, encode_tlv, pick

SOD_TAG = 0x77
LDS_OBJECT = "2.23.136.1.1.1"  # id-icao-mrtd-security-ldsSecurityObject
MASTER_LIST = "2.23.136.1.1.2"  # id-icao-cscaMasterList
HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")


class _GroupHash(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields = [("number", core.Integer), ("value", core.OctetString)]  # noqa: RUF012  # asn1crypto's way


class _GroupHashes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _GroupHash


class _VersionInfo(core.Sequence):  # type: ignore[misc]
    _fields = [("lds", core.PrintableString), ("unicode", core.PrintableString)]  # noqa: RUF012


class _SecurityObject(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("algorithm", algos.DigestAlgorithm),
        ("hashes", _GroupHashes),
        ("info", _VersionInfo, {"optional": True}),
    ]


class _Certificates(core.SetOf):  # type: ignore[misc]
    _child_spec = x509.Certificate


class _MasterList(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("certificates", _Certificates)]  # noqa: RUF012


class SecurityObject(msgspec.Struct, frozen=True):
    """What EF.SOD says and who says it: DER bytes where something is signed, so that it is checked as it came."""

    hash_name: str  # of the data groups
    hashes: dict[int, bytes]  # data group → hash
    content: bytes  # the signed object
    attributes: bytes  # DER SET of the signed attributes, b"" where the content itself is signed
    digest_name: str  # of the content, in the signed attributes
    digest: bytes
    algorithm: bytes  # DER AlgorithmIdentifier of the signature
    signature: bytes
    certificate: bytes  # the document signer's, DER

    def compute_hash(self, data: bytes) -> bytes:
        """Return the hash of a data group's file by the algorithm named here."""
        return hashlib.new(self.hash_name, data, usedforsecurity=False).digest()


def decode_sod(data: bytes) -> SecurityObject:
    """Return the parts of EF.SOD. Raises: WireFault if it is not a CMS message of one signer with its certificate."""
    try:
        return _decode(pick(decode_flat(data), SOD_TAG))
    except WireFault:
        raise
    except Exception as error:  # asn1crypto tells of bad bytes by whatever it stumbles over
        raise WireFault("sod") from error


def decode_master_list(data: bytes) -> tuple[bytes, ...]:
    """Return the CSCA certificates of a master list, DER; its own signature is not looked at. Raises: WireFault."""
    try:
        info = cms.ContentInfo.load(data, strict=True)["content"]["encap_content_info"]
        if info["content_type"].dotted != MASTER_LIST:
            raise WireFault("master_list", "another kind")
        return tuple(one.dump() for one in _MasterList.load(_octets(info), strict=True)["certificates"])
    except WireFault:
        raise
    except Exception as error:
        raise WireFault("master_list") from error


def encode_security_object(hash_name: str, groups: Mapping[int, bytes]) -> bytes:
    """Return the object to be signed, for these files of data groups."""
    hashes = [
        {"number": number, "value": hashlib.new(hash_name, data, usedforsecurity=False).digest()}
        for number, data in sorted(groups.items())
    ]
    return bytes(_SecurityObject({"version": 0, "algorithm": {"algorithm": hash_name}, "hashes": hashes}).dump())


def encode_attributes(hash_name: str, content: bytes) -> bytes:
    """Return the DER SET of signed attributes over a security object."""
    digest = hashlib.new(hash_name, content, usedforsecurity=False).digest()
    attributes = [
        {"type": "content_type", "values": [LDS_OBJECT]},
        {"type": "message_digest", "values": [digest]},
    ]
    return bytes(cms.CMSAttributes(attributes).dump())


def encode_sod(sod: SecurityObject) -> bytes:
    """Return EF.SOD of its parts."""
    certificate = x509.Certificate.load(sod.certificate)
    signer: dict[str, Any] = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            name="issuer_and_serial_number",
            value={"issuer": certificate.issuer, "serial_number": certificate.serial_number},
        ),
        "digest_algorithm": {"algorithm": sod.digest_name},
        "signature_algorithm": algos.SignedDigestAlgorithm.load(sod.algorithm),
        "signature": sod.signature,
    }
    if sod.attributes:
        signer["signed_attrs"] = cms.CMSAttributes.load(sod.attributes)
    signed = {
        "version": "v3",
        "digest_algorithms": [{"algorithm": sod.digest_name}],
        "encap_content_info": {"content_type": LDS_OBJECT, "content": core.ParsableOctetString(sod.content)},
        "certificates": [certificate],
        "signer_infos": [signer],
    }
    message = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})
    return encode_tlv(SOD_TAG, message.dump())


def _decode(message: bytes) -> SecurityObject:
    info = cms.ContentInfo.load(message, strict=True)
    if info["content_type"].native != "signed_data":
        raise WireFault("sod", "no signed data")
    signed = info["content"]
    if signed["encap_content_info"]["content_type"].dotted != LDS_OBJECT or len(signed["signer_infos"]) != 1:
        raise WireFault("sod", "content or signers")
    content = _octets(signed["encap_content_info"])
    signer = signed["signer_infos"][0]
    attributes, digest = _attributes(signer)
    whole = _SecurityObject.load(content, strict=True)
    names = (whole["algorithm"]["algorithm"].native, signer["digest_algorithm"]["algorithm"].native)
    if any(name not in HASHES for name in names):
        raise WireFault("sod", "hash")
    return SecurityObject(
        hash_name=names[0],
        hashes={one["number"].native: one["value"].native for one in whole["hashes"]},
        content=content,
        attributes=attributes,
        digest_name=names[1],
        digest=digest,
        algorithm=signer["signature_algorithm"].dump(),
        signature=signer["signature"].native,
        certificate=_certificate(signed["certificates"], signer["sid"]),
    )


def _octets(info: Any) -> bytes:
    return bytes(info["content"].contents) if info["content"].method == 0 else bytes(info["content"].native)


def _attributes(signer: Any) -> tuple[bytes, bytes]:
    """Return the signed attributes as a SET, as they are signed, and the digest among them."""
    attributes = signer["signed_attrs"]
    if isinstance(attributes, core.Void) or not len(attributes):
        return b"", b""
    values = {one["type"].native: one["values"][0] for one in attributes}
    if values["content_type"].dotted != LDS_OBJECT:
        raise WireFault("sod", "content type")
    body = bytes(attributes.contents)  # as it came: taking it apart and putting it together could change it
    return encode_tlv(0x31, body), values["message_digest"].native


def _certificate(certificates: Any, sid: Any) -> bytes:
    for choice in certificates:
        one = choice.chosen
        if sid.name == "issuer_and_serial_number":
            is_it = (one.issuer, one.serial_number) == (sid.chosen["issuer"], sid.chosen["serial_number"].native)
        else:
            is_it = one.key_identifier == sid.chosen.native
        if is_it:
            return bytes(one.dump())
    raise WireFault("sod", "no certificate")
