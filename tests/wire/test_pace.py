"""PACE: the worked example of ICAO 9303-11 appendix G.1, our points against OpenSSL's, and nothing but WireFault."""

from __future__ import annotations

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import pace
from devices.wire.curve import CURVES, add, decode_point, encode_point, multiply
from devices.wire.emrtd_keys import AES128, DES3
from devices.wire.pace import PaceInfo, Password, Step

THEIRS = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}
# appendix G.1: id-PACE-ECDH-GM-AES-CBC-CMAC-128 over brainpoolP256r1, password from the zone
INFO = PaceInfo(bytes.fromhex("04007F00070202040202"), 13)
KEY_TEXT = "T22000129364081251010318"
HIDDEN_NONCE, NONCE = "95A3A016522EE98D01E76CB6B98B42C3", 0x3F00C4D39D153F2B2A214A078D899B22
MAP_IFD = 0x7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99
MAP_IC = 0x498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560
MAP_IFD_KEY = (
    "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
    "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D"
)
MAP_IC_KEY = (
    "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F57"
    "30D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54"
)
SHARED = (
    "0460332EF2450B5D247EF6D3868397D398852ED6E8CAF6FFEEF6BF85CA57057FD5"
    "0840CA7415BAF3E43BD414D35AA4608B93A2CAF3A4E3EA4E82C9C13D03EB7181"
)
MAPPED = (
    "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E2"
    "8C879506743F8611AC33645C5B985C80B5F09A0B83407C1B6A4D857AE76FE522"
)
DH_IFD = 0xA73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595
DH_IC = 0x107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A
DH_IFD_KEY = (
    "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
    "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462"
)
DH_IC_KEY = (
    "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
    "7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094"
)
SESSION_ENC, SESSION_MAC = "F5F0E35C0D7161EE6724EE513A0D9A7F", "FE251C7858B356B24514B3BD5F4297D1"
TOKEN_IFD, TOKEN_IC = "C2B0BD78D94BA866", "3ABB9674BCE93C08"


def written(point) -> str:
    return encode_point(INFO.curve, point).hex().upper()


def test_pace_follows_the_worked_example_on_both_sides():
    curve = INFO.curve
    password_key = pace.derive_password_key(INFO.suite, Password.MRZ, KEY_TEXT)
    assert password_key.hex().upper() == "89DED1B26624EC1E634C1989302849DD"
    assert pace.decode_nonce(INFO.suite, password_key, bytes.fromhex(HIDDEN_NONCE)) == NONCE
    assert pace.encode_nonce(INFO.suite, password_key, NONCE).hex().upper() == HIDDEN_NONCE
    ifd, ic = multiply(curve, MAP_IFD, curve.base), multiply(curve, MAP_IC, curve.base)
    assert (written(ifd), written(ic)) == (MAP_IFD_KEY, MAP_IC_KEY)
    assert written(multiply(curve, MAP_IFD, ic)) == SHARED
    base = pace.map_base(curve, NONCE, MAP_IFD, ic)
    assert written(base) == written(pace.map_base(curve, NONCE, MAP_IC, ifd)) == MAPPED
    ifd, ic = multiply(curve, DH_IFD, base), multiply(curve, DH_IC, base)
    assert (written(ifd), written(ic)) == (DH_IFD_KEY, DH_IC_KEY)
    keys = pace.agree_keys(INFO, DH_IFD, ic)
    assert keys == pace.agree_keys(INFO, DH_IC, ifd)
    assert (keys.encrypt.hex().upper(), keys.mac.hex().upper()) == (SESSION_ENC, SESSION_MAC)
    assert pace.compute_token(INFO, keys, ic).hex().upper() == TOKEN_IFD
    assert pace.compute_token(INFO, keys, ifd).hex().upper() == TOKEN_IC
    assert pace.is_token(INFO, keys, ifd, bytes.fromhex(TOKEN_IC))
    assert not pace.is_token(INFO, keys, ic, bytes.fromhex(TOKEN_IC))


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda curve: curve.name)
@settings(max_examples=4)
@given(st.data())
def test_our_points_are_those_of_openssl(curve, data):
    one, other = (data.draw(st.integers(1, curve.order - 1)) for _ in range(2))
    theirs = [ec.derive_private_key(number, THEIRS[curve.name]) for number in (one, other)]
    points = [(key.public_key().public_numbers().x, key.public_key().public_numbers().y) for key in theirs]
    assert [multiply(curve, number, curve.base) for number in (one, other)] == points
    shared = theirs[0].exchange(ec.ECDH(), theirs[1].public_key())
    assert multiply(curve, one, points[1])[0].to_bytes(curve.size_bytes, "big") == shared
    if (total := (one + other) % curve.order) and points[0] != points[1]:
        numbers = ec.derive_private_key(total, THEIRS[curve.name]).public_key().public_numbers()
        assert add(curve, *points) == (numbers.x, numbers.y)
    assert add(curve, points[0], points[0]) == multiply(curve, 2, points[0])


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda curve: curve.name)
def test_a_point_off_the_curve_or_at_infinity_is_refused(curve):
    good = encode_point(curve, curve.base)
    assert decode_point(curve, good) == curve.base
    x, y = curve.base
    for bad in (
        good[:-1],
        b"\x02" + good[1:],
        encode_point(curve, (x, (y + 1) % curve.p)),
        encode_point(curve, (0, 0)),
        b"\x04" + b"\xff" * (2 * curve.size_bytes),
    ):
        with pytest.raises(WireFault, match="ec_point"):
            decode_point(curve, bad)
    for step in (lambda: multiply(curve, curve.order, curve.base), lambda: add(curve, (x, y), (x, curve.p - y))):
        with pytest.raises(WireFault, match="infinity"):
            step()


def test_the_password_decides_the_key():
    keys = {pace.derive_password_key(DES3, kind, "123456") for kind in Password}
    assert len(keys) == 2
    with pytest.raises(WireFault):
        pace.derive_password_key(AES128, Password.CAN, "１２３４５６")


def test_messages_read_back():
    assert pace.encode_step() == bytes.fromhex("7C00")  # the terminal's first word
    assert pace.decode_step(pace.encode_step()) == (None, b"")
    set_at = pace.encode_set_at(INFO, Password.CAN)
    assert set_at.hex().upper() == "800A04007F0007020204020283010284010D"
    assert pace.decode_set_at(set_at) == (INFO.protocol, Password.CAN, 13)
    for step in Step:
        assert pace.decode_step(pace.encode_step(step, b"value")) == (step, b"value")
    with pytest.raises(WireFault, match="pace_step"):
        pace.decode_answer(pace.encode_step(Step.MAP_CHIP, b"value"), Step.KEY_CHIP)


def test_card_access_tells_the_ways_and_passes_over_what_is_not_pace():
    ours = "3012060A04007F0007020204020202010202010D"  # the PACEInfo of appendix G.1
    other = "300D060804007F0007020202020101"  # terminal authentication, version 1
    assert pace.decode_card_access(bytes.fromhex("3114" + ours)) == (INFO,)
    assert pace.decode_card_access(bytes.fromhex("3123" + other + ours)) == (INFO,)
    ways = (INFO, PaceInfo(pace.protocol_of(DES3), 12))
    assert pace.decode_card_access(pace.encode_card_access(ways)) == ways
    assert not PaceInfo(INFO.protocol, 2).is_known
    assert not PaceInfo(bytes.fromhex("04007F00070202040402"), 13).is_known  # integrated mapping


def test_our_own_key_sent_back_is_refused():
    own = INFO.curve.base
    with pytest.raises(WireFault, match="pace_mirror"):
        pace.decode_other_point(INFO, encode_point(INFO.curve, own), own)


@given(st.binary(max_size=80))
def test_random_bytes_are_nothing_but_a_wire_fault(data):
    for read in (pace.decode_card_access, pace.decode_step, pace.decode_set_at):
        with contextlib.suppress(WireFault):
            read(data)
    with pytest.raises(WireFault):
        decode_point(INFO.curve, data)


def test_a_way_that_is_none_of_ours_has_no_cipher_and_no_curve():
    with pytest.raises(WireFault, match="pace_protocol"):
        _ = PaceInfo(bytes.fromhex("04007F00070202040402"), 13).suite
    with pytest.raises(WireFault, match="pace_curve"):
        _ = PaceInfo(INFO.protocol, 2).curve


def test_a_nonce_has_sixteen_bytes():
    for size in (0, 15, 17, 32):
        with pytest.raises(WireFault, match="pace_nonce"):
            pace.decode_nonce(AES128, bytes(16), bytes(size))


def test_messages_of_no_form_are_refused():
    with pytest.raises(WireFault, match="pace_password"):
        pace.decode_set_at(bytes.fromhex("800A04007F00070202040202830103"))  # PIN: none of ours
    assert pace.decode_set_at(bytes.fromhex("800A04007F00070202040202830101")) == (INFO.protocol, Password.MRZ, None)
    with pytest.raises(WireFault, match="pace_step"):
        pace.decode_step(bytes.fromhex("7C03870100"))
    with pytest.raises(WireFault, match="ec_point"):
        pace.decode_other_point(INFO, b"\x04", INFO.curve.base)


def test_another_key_than_ours_is_taken():
    other = multiply(INFO.curve, 2, INFO.curve.base)
    assert pace.decode_other_point(INFO, encode_point(INFO.curve, other), INFO.curve.base) == other


def test_the_step_that_we_wait_for_gives_its_value():
    assert pace.decode_answer(bytes.fromhex("7C04800212AB"), Step.NONCE) == b"\x12\xab"
