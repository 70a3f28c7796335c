"""Signed objects: what verifies, and everything that must not."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from kiosk.trust.signed import (
    Purpose,
    TrustFault,
    decode_canonical,
    decode_object,
    decode_wire,
    encode_canonical,
    encode_wire,
    from_base64url,
    signed_bytes,
    to_base64url,
    verify,
    verify_signature,
)
from offline_queue.api import SignedObject
from tests.fixtures.central import sign_64, spki_of

KEY = ec.generate_private_key(ec.SECP256R1())
SPKI = spki_of(KEY)
words = st.text(st.characters(exclude_categories=["Cs"]))  # no lone surrogates
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


def signed(payload: bytes, purpose: str = Purpose.RECEIPT) -> SignedObject:
    return SignedObject(payload, "k", sign_64(KEY, signed_bytes(purpose, payload)))


def test_the_form_is_the_one_of_the_reference():
    value = {"sid": "x", "n": 1, "名": "é\n\u0001", "list": [True, None]}
    assert encode_canonical(value) == '{"list":[true,null],"n":1,"sid":"x","名":"é\\n\\u0001"}'.encode()


@given(plain)
def test_canonical_json_decodes_to_what_was_encoded(value):
    assert decode_canonical(encode_canonical(value)) == value


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_canonical(data):
    try:
        value = decode_canonical(data)
    except TrustFault:
        return
    assert encode_canonical(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":NaN}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\u000a"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}\n',
        b'{"a":9007199254740992}',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data):
    with pytest.raises(TrustFault):
        decode_canonical(data)


@pytest.mark.parametrize("value", [1.5, {1: 2}, {"a": b"x"}, "\ud800", 2**53, {"a": {"b": {1, 2}}}])
def test_values_without_canonical_form_are_refused(value):
    with pytest.raises(TrustFault):
        encode_canonical(value)


def test_a_good_signature_gives_the_object():
    assert verify(signed(b'{"a":1}'), Purpose.RECEIPT, SPKI) == {"a": 1}


def test_the_same_bytes_for_another_purpose_are_refused():
    for purpose in Purpose:
        if purpose is not Purpose.RECEIPT:
            with pytest.raises(TrustFault):
                verify(signed(b'{"a":1}', purpose), Purpose.RECEIPT, SPKI)


def test_a_signature_without_purpose_is_refused():
    payload = b'{"a":1}'
    with pytest.raises(TrustFault):
        verify(SignedObject(payload, "k", sign_64(KEY, payload)), Purpose.RECEIPT, SPKI)


def test_signed_bytes_that_are_not_canonical_are_refused():
    with pytest.raises(TrustFault):
        verify(signed(b'{"a": 1}'), Purpose.RECEIPT, SPKI)


def test_a_signed_list_is_no_object():
    with pytest.raises(TrustFault):
        verify(signed(b"[1]"), Purpose.RECEIPT, SPKI)
    with pytest.raises(TrustFault):
        decode_object(b"1")


def test_every_flipped_bit_of_a_signature_is_found():
    good = signed(b'{"a":1}')
    for bit in range(0, 512, 7):
        raw = bytearray(good.signature)
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TrustFault):
            verify(SignedObject(good.object, good.kid, bytes(raw)), Purpose.RECEIPT, SPKI)


def test_every_flipped_byte_of_the_object_is_found():
    good = signed(b'{"amount":100,"sid":"x"}')
    for index in range(len(good.object)):
        raw = bytearray(good.object)
        raw[index] ^= 1
        with pytest.raises(TrustFault):
            verify(SignedObject(bytes(raw), good.kid, good.signature), Purpose.RECEIPT, SPKI)


def test_der_zero_and_order_are_no_signatures():
    message = signed_bytes(Purpose.RECEIPT, b'{"a":1}')
    order = bytes.fromhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")
    der = KEY.sign(message, ec.ECDSA(hashes.SHA256()))
    one = bytes(31) + b"\x01"
    for forged in (der, bytes(64), one + order, order + one, b"", bytes(63), bytes(65)):
        with pytest.raises(TrustFault):
            verify_signature(message, forged, SPKI)


def test_another_key_curve_or_garbage_key_is_refused():
    message = b"m"
    good = sign_64(KEY, message)
    verify_signature(message, good, SPKI)
    others = [
        spki_of(ec.generate_private_key(ec.SECP256R1())),
        spki_of(ec.generate_private_key(ec.SECP384R1())),
        b"not a key",
        b"",
    ]
    for spki in others:
        with pytest.raises(TrustFault):
            verify_signature(message, good, spki)


def test_the_wire_form_goes_there_and_back():
    good = signed(b'{"a":1}')
    assert decode_wire(json.loads(json.dumps(encode_wire(good)))) == good


GOOD = encode_wire(signed(b'{"a":1}'))


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        {},
        {**GOOD, "more": "x"},
        {key: GOOD[key] for key in ("o", "kid")},
        {**GOOD, "kid": ""},
        {**GOOD, "kid": "x" * 65},
        {**GOOD, "kid": "a\n"},
        {**GOOD, "kid": 7},
        {**GOOD, "o": GOOD["o"] + "="},
        {**GOOD, "o": GOOD["o"] + " "},
        {**GOOD, "o": "é"},
        {**GOOD, "sig": GOOD["sig"][:-1]},
        {**GOOD, "sig": GOOD["sig"] + "AA"},
        {**GOOD, "sig": None},
    ],
)
def test_a_wire_form_that_is_not_exact_is_refused(wire):
    with pytest.raises(TrustFault):
        decode_wire(wire)


@given(st.binary(max_size=40))
def test_base64url_has_one_spelling(data):
    text = to_base64url(data)
    assert from_base64url(text) == data
    for other in (text + "=", text + "\n"):
        with pytest.raises(TrustFault):
            from_base64url(other)
