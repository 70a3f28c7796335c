"""The platform's numbers, canonical JSON, signed objects and keys."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from sandbox.blobs import open_blobs
from sandbox.canonical import NotCanonical, decode_b64url, decode_canonical, encode_b64url, encode_canonical
from sandbox.cases import compose_case_number, compose_intake_number, is_case_number
from sandbox.keys import KeysBroken, load_or_create_keys
from sandbox.reader import HYBRID
from sandbox.signed import RECEIPT, TIME, BadSignature, open_object, sign_object

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def key_of(kid: str) -> ec.EllipticCurvePublicKey:
    return {"k1": KEY.public_key()}[kid]


# ── canonical JSON ─────────────────────────────────────────────────────────────────────────


@given(JSON)
def test_canonical_json_returns_what_went_in(value: object) -> None:
    assert decode_canonical(encode_canonical(value)) == value


def test_canonical_json_is_the_one_of_the_reference() -> None:
    value = {"b": 1, "a": ["近办", 'q"\n\x01', True, None], "é": -5, "z": {}}
    wanted = '{"a":["近办","q\\"\\n\\u0001",true,null],"b":1,"z":{},"é":-5}'
    assert encode_canonical(value) == wanted.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b'{"a":1.0}', b'{"a":1e2}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a": 1}', b'{"b":1,"a":1}',
        b'{"a":1,"a":1}', b'{"a":01}', b'{"a":-0}', b'"\\u0041"', b'"\\/"', b'"\\ud800"', b"\xff", b"\xef\xbb\xbf{}",
        b'{"a":1}\n', b"9007199254740992", b"[" * 40 + b"]" * 40, b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode_canonical(data)


@pytest.mark.parametrize("value", [1.5, float("nan"), {1: 2}, b"x", 2**53, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        encode_canonical(value)


@given(st.binary())
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = encode_b64url(data)
    assert decode_b64url(text) == data
    assert "=" not in text


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "A+/_", "é", "AA A", "AAA\n"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        decode_b64url(text)


# ── signed objects ─────────────────────────────────────────────────────────────────────────


def test_a_signed_object_opens_under_its_own_purpose_only() -> None:
    wire = sign_object(KEY, "k1", RECEIPT, {"a": 1})
    assert open_object(wire, RECEIPT, key_of) == ({"a": 1}, b'{"a":1}', "k1")
    with pytest.raises(BadSignature):
        open_object(wire, TIME, key_of)


def test_every_flipped_bit_of_a_signed_object_is_refused() -> None:
    wire = sign_object(KEY, "k1", RECEIPT, {"a": 1})
    for name in ("o", "sig"):
        data = decode_b64url(wire[name])
        for at in range(len(data)):
            spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with pytest.raises(BadSignature):
                open_object(wire | {name: encode_b64url(spoilt)}, RECEIPT, key_of)


def test_der_signatures_other_shapes_and_strangers_are_refused() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256

    wire = sign_object(KEY, "k1", RECEIPT, {"a": 1})
    der = KEY.sign(RECEIPT.encode() + b"\0" + b'{"a":1}', ec.ECDSA(SHA256()))
    wrong = [
        wire | {"sig": encode_b64url(der)}, wire | {"kid": "k2"}, wire | {"x": ""}, wire | {"kid": 1},
        wire | {"sig": encode_b64url(bytes(64))}, {"o": wire["o"]}, [], None, "x",
        sign_object(KEY, "k1", RECEIPT, [1]),
    ]  # fmt: skip
    for one in wrong:
        with pytest.raises(BadSignature):
            open_object(one, RECEIPT, key_of)


def test_well_signed_bytes_that_are_not_canonical_are_refused() -> None:
    from sandbox.signed import sign_raw

    payload = b'{"a": 1}'
    signature = sign_raw(KEY, RECEIPT.encode() + b"\0" + payload)
    with pytest.raises(BadSignature):
        open_object({"o": encode_b64url(payload), "kid": "k1", "sig": encode_b64url(signature)}, RECEIPT, key_of)


# ── numbers ────────────────────────────────────────────────────────────────────────────────


def test_case_numbers_have_the_platform_format() -> None:
    assert compose_case_number(dt.date(2026, 11, 23), 1) == "SIM-20261123-000001-8"


def test_iso_7064_check_characters_of_known_numbers() -> None:
    from sandbox.cases import _hybrid

    assert _hybrid("0794", 10) == "5"  # ISO 7064 example of MOD 11,10
    assert _hybrid("A12425GABC1234002", 36) == "M"  # example number of the GRid standard, MOD 37,36
    assert compose_intake_number("K-000123", 42).startswith("K-000123-000042-")


@given(st.dates(dt.date(2017, 1, 1), dt.date(2099, 12, 31)), st.integers(1, 999_999), st.data())
def test_one_wrong_digit_or_a_swap_is_noticed(day: dt.date, count: int, data: st.DataObject) -> None:
    number = compose_case_number(day, count)
    assert is_case_number(number)
    at = data.draw(st.sampled_from([n for n, sign in enumerate(number) if sign.isdigit()]))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != number[at]]))
    assert not is_case_number(number[:at] + digit + number[at + 1 :])


@pytest.mark.parametrize("text", ["", "SIM-20261123-000001", "SIM-20261123-000001-٧", "X-1-2-3-4"])
def test_other_texts_are_no_case_numbers(text: str) -> None:
    assert not is_case_number(text)


# ── keys and places ────────────────────────────────────────────────────────────────────────


def test_keys_are_made_once_private_and_load_again(tmp_path: Path) -> None:
    first, second = load_or_create_keys(tmp_path, NOW), load_or_create_keys(tmp_path, NOW)
    assert first.public == second.public
    assert {use: key.kid for use, key in first.signing.items()} == {use: key.kid for use, key in second.signing.items()}
    assert set(first.signing) == {"receipt", "time", "order", "command", "notice", "enrolled", "bundle"}
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_published_keys_have_the_shapes_of_the_reference(tmp_path: Path) -> None:
    keys = load_or_create_keys(tmp_path, NOW)
    sealing = [key for key in keys.public if key["use"] == "seal"]
    assert [key["suite"] for key in sealing] == [HYBRID]  # the small one opens, but is not published
    assert len(decode_b64url(sealing[0]["pub"])) == 1184 + 32
    assert len(keys.sealing) == 2
    pins = json.loads(keys.pins_path.read_text())["keys"]
    assert all(set(pin) == {"kid", "use", "pub", "nbf", "naf", "status"} for pin in pins)
    for pin in pins:
        load_der_public_key(decode_b64url(pin["pub"]))
        assert keys.signing[pin["use"]].kid == pin["kid"]
    assert "PRIVATE" not in keys.ca_path.read_text() + keys.pins_path.read_text()


def test_certificates_chain_to_their_authorities(tmp_path: Path) -> None:
    keys = load_or_create_keys(tmp_path, NOW)
    tls_ca = x509.load_pem_x509_certificate(keys.ca_path.read_bytes())
    x509.load_pem_x509_certificate(keys.tls_cert.read_bytes()).verify_directly_issued_by(tls_ca)
    device = keys.issue_device_certificate(KEY.public_key(), "K-000123", NOW)
    device.verify_directly_issued_by(keys.device_ca.certificate)
    with pytest.raises(ValueError, match="Issuer"):
        device.verify_directly_issued_by(tls_ca)


def test_a_broken_key_folder_is_said_and_not_replaced(tmp_path: Path) -> None:
    load_or_create_keys(tmp_path, NOW)
    next((tmp_path / "keys").glob("receipt-*.key")).write_text("spoilt")
    with pytest.raises(KeysBroken):
        load_or_create_keys(tmp_path, NOW)


def test_blobs_are_a_folder_by_path_or_url(tmp_path: Path) -> None:
    assert open_blobs(str(tmp_path / "a")).root == tmp_path / "a"
    assert open_blobs(f"file://{tmp_path}/b%20c").root == tmp_path / "b c"
    with pytest.raises(ValueError, match="allowed"):
        open_blobs("ftp://bucket")
