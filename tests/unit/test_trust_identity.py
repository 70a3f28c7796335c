"""Who the terminal is and whom it believes: signer, receipts, key ring, sealing keys, trusted time."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.station.errors import ConfigError
from kiosk.trust.identity import DeviceSigner, ReceiptVerifier, SealingKeys, certificate_spki, load_device, store_device
from kiosk.trust.ring import KeyRing, PlatformKey, load_pinned
from kiosk.trust.signed import Purpose, TrustFault, decode_wire, to_base64url, verify
from kiosk.trust.time import TrustedTime, load_floor
from offline_queue.api import AnswerFault, QueueError, SealFault
from tests.fixtures.central import (
    DEVICE_ID,
    NOW_S,
    RECEIPT,
    SID,
    YEAR_S,
    ManualClock,
    PlatformSigner,
    issue_device,
)

DIGEST = RECEIPT["manifest_sha256"]
HYBRID, CLASSIC = "hpke-xwing-sha256-aes256gcm", "hpke-x25519-sha256-aes256gcm"


def seal_key(kid: str, nbf: int = NOW_S - 10, naf: int = NOW_S + YEAR_S, **more: str) -> dict[str, object]:
    key = {"kid": kid, "use": "seal", "suite": HYBRID, "pub": to_base64url(bytes(1216)), "nbf": nbf, "naf": naf}
    return {**key, "status": "active", **more}


# ── identity ───────────────────────────────────────────────────────────────────────────────


def test_an_identity_is_stored_whole_and_a_blank_terminal_has_none(tmp_path, device_key):
    assert load_device(tmp_path) is None
    device = issue_device(device_key, "https://p")
    store_device(tmp_path, device)
    assert load_device(tmp_path) == device
    assert certificate_spki(device) == device_key.spki()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"device_id":7}'])
def test_a_broken_identity_is_not_taken_for_a_blank_terminal(tmp_path, content):
    (tmp_path / "device.json").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_device(tmp_path)


def test_the_signer_names_certificate_and_purpose(device_key):
    device = issue_device(device_key, "https://p")
    signer = DeviceSigner(device_key, device)
    signed = signer.sign("kiosk/submit/v1", b'{"a":1}')
    assert (signer.device_id, signed.kid) == (DEVICE_ID, device.serial)
    assert verify(signed, Purpose.SUBMIT, device_key.spki()) == {"a": 1}
    with pytest.raises(TrustFault):
        verify(signed, Purpose.HEARTBEAT, device_key.spki())


def test_the_signer_signs_nothing_else(device_key):
    signer = DeviceSigner(device_key, issue_device(device_key, "https://p"))
    with pytest.raises(QueueError, match="unknown purpose"):
        signer.sign("kiosk/payment/v9", b"{}")
    for forged in (b"kiosk/submit/v1\x00{}", b"eyJ.\x00", b"eyJ", b"eyJ.a.b"):
        with pytest.raises(QueueError, match="not a JWT"):
            signer.sign_assertion(forged)


# ── receipts ───────────────────────────────────────────────────────────────────────────────


def check(ring: KeyRing, wire: dict[str, str]) -> object:
    return ReceiptVerifier(ring).verify_receipt(decode_wire(wire), SID, DEVICE_ID, 42, DIGEST)


def test_a_true_receipt_is_believed(signer):
    receipt = check(signer.ring(), signer.receipt(query_code="123456"))
    assert receipt.case_number == RECEIPT["case_number"]
    assert receipt.query_code == "123456"


@pytest.mark.parametrize(
    "change",
    [
        {"sid": SID[:-1] + "2"},
        {"dev": "K-000124"},
        {"seq": 43},
        {"seq": "42"},
        {"seq": True},
        {"manifest_sha256": "0" * 64},
        {"manifest_sha256": DIGEST[:-1]},
        {"manifest_sha256": None},
        {"typ": "notice"},
        {"v": 2},
        {"case_number": ""},
        {"case_number": None},
        {"ts": str(NOW_S)},
        {"ts": NOW_S - 2 * YEAR_S},
        {"ts": NOW_S + 2 * YEAR_S},
    ],
)
def test_a_receipt_that_says_anything_else_is_refused(signer, change):
    with pytest.raises(AnswerFault):
        check(signer.ring(), signer.receipt(**change))


@pytest.mark.parametrize(
    ("use", "kid", "purpose"),
    [
        ("receipt", "receipt-2", Purpose.RECEIPT),
        ("time", "receipt-1", Purpose.RECEIPT),
        ("time", "time-1", Purpose.RECEIPT),
        ("receipt", "time-1", Purpose.RECEIPT),
        ("receipt", "receipt-1", Purpose.TIME),
        ("receipt", "receipt-1", Purpose.BUNDLE),
    ],
)
def test_a_receipt_of_another_key_or_purpose_is_refused(signer, use, kid, purpose):
    with pytest.raises(AnswerFault):
        check(signer.ring(), signer.wire(use, purpose, RECEIPT, kid=kid))


def test_a_receipt_in_bytes_that_are_not_canonical_is_refused(signer):
    raw = msgspec.json.encode(RECEIPT).replace(b'":', b'": ')
    with pytest.raises(AnswerFault):
        check(signer.ring(), signer.wire("receipt", Purpose.RECEIPT, None, raw=raw))


def test_an_old_receipt_holds_after_its_key_ran_out_but_not_after_revocation(signer):
    ran_out = tuple(msgspec.structs.replace(key, naf=NOW_S, status="retired") for key in signer.public)
    assert check(KeyRing(ran_out), signer.receipt())
    ring = signer.ring()
    ring.learn(tuple(msgspec.structs.replace(key, status="revoked") for key in signer.public))
    with pytest.raises(AnswerFault):
        check(ring, signer.receipt())


def test_a_bundle_cannot_bring_a_pinned_revoked_key_back(signer):
    ring = KeyRing(tuple(msgspec.structs.replace(key, status="revoked") for key in signer.public))
    ring.learn(signer.public)
    with pytest.raises(AnswerFault):
        check(ring, signer.receipt())


@given(st.integers(0, 511))
def test_every_flipped_bit_of_a_receipt_signature_is_found(bit):
    signed = decode_wire(SIGNER.receipt())
    raw = bytearray(signed.signature)
    raw[bit // 8] ^= 1 << bit % 8
    forged = msgspec.structs.replace(signed, signature=bytes(raw))
    with pytest.raises(AnswerFault):
        ReceiptVerifier(SIGNER.ring()).verify_receipt(forged, SID, DEVICE_ID, 42, DIGEST)


SIGNER = PlatformSigner()

# ── pinned keys ────────────────────────────────────────────────────────────────────────────


def test_pinned_keys_are_read_from_their_file(tmp_path):
    entry = {"kid": "a", "use": "time", "pub": "AAEC", "nbf": 1, "naf": 0, "status": "active"}
    (tmp_path / "pins.json").write_bytes(msgspec.json.encode({"keys": [entry]}))
    (key,) = load_pinned(tmp_path / "pins.json")
    assert key == PlatformKey("a", "time", b"\x00\x01\x02", 1, 0, "active")
    assert key.is_valid_at(10**12)
    assert not key.is_valid_at(0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":[]}',
        b'{"keys":[7]}',
        b'{"keys":[{"kid":"a","use":"time","pub":"AAEC","nbf":1,"naf":0,"status":"maybe"}]}',
        b'{"keys":[{"kid":"a","use":"time","pub":"A=EC","nbf":1,"naf":0,"status":"active"}]}',
        b'{"keys":[{"kid":"a","use":"time","pub":"AAEC","nbf":true,"naf":0,"status":"active"}]}',
        b'{"keys":[{"kid":"a","use":"time","pub":"AAEC","nbf":1,"status":"active"}]}',
    ],
)
def test_pins_that_are_not_whole_are_a_configuration_mistake(tmp_path, content):
    (tmp_path / "pins.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"platform\.keys"):
        load_pinned(tmp_path / "pins.json")


# ── sealing keys ───────────────────────────────────────────────────────────────────────────


def sealing(folder, signer) -> SealingKeys:
    return SealingKeys(folder, signer.ring())


def kids(keys: SealingKeys) -> list[str]:
    return [key.kid for key in keys.recipients()]


def test_there_is_no_key_before_the_first_bundle(tmp_path, signer):
    with pytest.raises(SealFault, match="no_key"):
        sealing(tmp_path, signer).recipients()


def test_the_queue_is_told_every_key_with_all_it_needs_to_choose(tmp_path, signer):
    keys = sealing(tmp_path, signer)
    small = to_base64url(bytes(32))
    listed = [
        seal_key("old", nbf=NOW_S - 100, naf=NOW_S),
        seal_key("new", nbf=NOW_S - 50),
        seal_key("burnt", nbf=NOW_S - 5, status="revoked"),
        seal_key("resting", nbf=NOW_S - 60, status="retired"),
        seal_key("archive", use="escrow", suite=CLASSIC, pub=small),
    ]
    keys.update(decode_wire(signer.bundle(1, listed)))
    assert kids(keys) == ["burnt", "new", "resting", "old", "archive"]
    told = {key.kid: key for key in keys.recipients()}
    assert [key.kid for key in told.values() if key.is_revoked] == ["burnt"]
    assert [key.kid for key in told.values() if key.is_retired] == ["resting"]
    assert [key.kid for key in told.values() if key.is_escrow] == ["archive"]
    assert (told["old"].not_before, told["old"].not_after) == (NOW_S - 100, NOW_S)
    assert (told["archive"].suite, told["archive"].public) == (CLASSIC, bytes(32))


def test_an_escrow_key_alone_is_no_key_of_the_platform(tmp_path, signer):
    keys = sealing(tmp_path, signer)
    listed = [seal_key("archive", use="escrow"), seal_key("burnt", status="revoked"), seal_key("new", suite="sm2")]
    keys.update(decode_wire(signer.bundle(1, listed)))
    with pytest.raises(SealFault, match="no_key"):
        keys.recipients()


def test_a_bundle_survives_a_restart_and_rotation_replaces_it(tmp_path, signer):
    keys = sealing(tmp_path, signer)
    assert not keys.load()
    keys.update(decode_wire(signer.bundle(1, [seal_key("a")])))
    again = sealing(tmp_path, signer)
    assert again.load()
    assert again.recipients()[0].kid == "a"
    again.update(decode_wire(signer.bundle(2, [seal_key("b")])))
    third = sealing(tmp_path, signer)
    assert third.load()
    assert (third.version, kids(third)) == (2, ["b"])


@pytest.mark.parametrize(
    "forge",
    [
        lambda signer: signer.bundle(1, [seal_key("x")]),
        lambda signer: signer.bundle(3, [{**seal_key("x"), "status": "maybe"}]),
        lambda signer: signer.bundle(3, [seal_key("x", pub=to_base64url(bytes(1215)))]),
        lambda signer: signer.bundle(3, [seal_key("x", use="escrow", suite=CLASSIC)]),
        lambda signer: signer.bundle(3, [seal_key("x")], typ="policy"),
        lambda signer: signer.bundle(3, [seal_key("x")], ts=NOW_S - 2 * YEAR_S),
        lambda signer: signer.bundle("3", [seal_key("x")]),
        lambda signer: signer.wire("receipt", Purpose.BUNDLE, {"typ": "keys", "version": 3, "ts": NOW_S, "keys": []}),
    ],
    ids=[
        "older",
        "broken key",
        "cut key",
        "key of another suite",
        "another kind",
        "key not valid then",
        "no number",
        "another key",
    ],
)
def test_a_bundle_that_cannot_be_believed_leaves_the_last_good_one(tmp_path, signer, forge):
    keys = sealing(tmp_path, signer)
    keys.update(decode_wire(signer.bundle(2, [seal_key("good")])))
    with pytest.raises(TrustFault):
        keys.update(decode_wire(forge(signer)))
    assert keys.recipients()[0].kid == "good"
    again = sealing(tmp_path, signer)
    assert again.load()
    assert again.recipients()[0].kid == "good"


def test_a_cache_somebody_wrote_is_not_believed(tmp_path, signer):
    stranger = PlatformSigner()
    sealing(tmp_path, stranger).update(decode_wire(stranger.bundle(9, [seal_key("theirs")])))
    keys = sealing(tmp_path, signer)
    assert not keys.load()
    with pytest.raises(SealFault, match="no_key"):
        keys.recipients()


# ── time ───────────────────────────────────────────────────────────────────────────────────

NONCE = "00112233445566778899aabbccddeeff"


def test_signed_time_moves_clock_and_floor_over_a_restart(tmp_path, signer, clock):
    time = TrustedTime(tmp_path, signer.ring(), clock)
    assert load_floor(tmp_path) == 0
    assert time.learn(decode_wire(signer.time(NONCE, NOW_S + 5000)), NONCE) == NOW_S + 5000
    assert (clock.offset_s, time.now_s()) == (5000, NOW_S + 5000)
    assert load_floor(tmp_path) == NOW_S + 5000


def test_the_floor_never_falls(tmp_path, signer, clock):
    time = TrustedTime(tmp_path, signer.ring(), clock)
    time.learn(decode_wire(signer.time(NONCE, NOW_S + 5000)), NONCE)
    time.learn(decode_wire(signer.time(NONCE, NOW_S)), NONCE)
    assert clock.offset_s == 0
    assert (clock.floor_s, load_floor(tmp_path)) == (NOW_S + 5000, NOW_S + 5000)


@pytest.mark.parametrize(
    "forge",
    [
        lambda signer: signer.time("f" * 32),
        lambda signer: signer.wire("time", Purpose.TIME, {"now": NOW_S}),
        lambda signer: signer.wire("time", Purpose.TIME, {"nonce": 7, "now": NOW_S}),
        lambda signer: signer.wire("time", Purpose.TIME, {"nonce": NONCE, "now": str(NOW_S)}),
        lambda signer: signer.wire("time", Purpose.RECEIPT, {"nonce": NONCE, "now": NOW_S}),
        lambda signer: signer.wire("receipt", Purpose.TIME, {"nonce": NONCE, "now": NOW_S}),
        lambda _: PlatformSigner().time(NONCE),
    ],
)
def test_time_that_is_not_signed_for_us_now_teaches_nothing(tmp_path, signer, forge):
    clock = ManualClock()
    time = TrustedTime(tmp_path, signer.ring(), clock)
    with pytest.raises(TrustFault):
        time.learn(decode_wire(forge(signer)), NONCE)
    assert (clock.offset_s, clock.floor_s, load_floor(tmp_path)) == (0, 0, 0)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"floor_s":true}', b'{"floor_s":-1}', b"{}"])
def test_a_broken_floor_counts_as_none(tmp_path, content):
    (tmp_path / "time.json").write_bytes(content)
    assert load_floor(tmp_path) == 0
