"""BAC, session keys and secure messaging: the worked example of ICAO 9303-11 appendix D, and every cipher both ways."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import emrtd_keys
from devices.wire.apdu import Command, decode_command, encode_command
from devices.wire.emrtd_keys import AES128, AES192, AES256, DES3, BacSecret, Keys, Use
from devices.wire.secure_messaging import SecureSession

KEY_TEXT = "L898902C<369080619406236"
RND_IC, RND_IFD = bytes.fromhex("4608F91988702212"), bytes.fromhex("781723860C06C226")
K_IFD, K_IC = bytes.fromhex("0B795240CB7049B01C19B33E32804F0B"), bytes.fromhex("0B4F80323EB3191CB04970CB4052790B")
E_IFD = "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2"
E_IC = "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F"
SESSION_ENC, SESSION_MAC = "979EC13B1CBFE9DCD01AB0FED307EAE5", "F1CB1F1FB5ADF208806B89DC579DC1F8"
COUNTER = 0x887022120C06C226

# each: the plain command, its protected bytes, the plain answer, its protected bytes without the outer status
TALK = (
    ("00A4020C02011E", "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800", "", "990290008E08FA855A5D4C50A8ED"),
    (
        "00B0000004",
        "0CB000000D9701048E08ED6705417E96BA5500",
        "60145F01",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED",
    ),
)
THIRD = ("00B0000412", "0CB000040D9701128E082EA28A70F3C7B53500")

SUITES = (DES3, AES128, AES192, AES256)
commands = st.builds(
    Command,
    cla=st.just(0),
    ins=st.sampled_from((0xA4, 0xB0, 0xB1, 0x86)),
    p1=st.integers(0, 255),
    p2=st.integers(0, 255),
    data=st.binary(max_size=300),
    expected=st.one_of(st.integers(0, 300), st.just(65536)),
)


def secret() -> BacSecret:
    return BacSecret(RND_IC, RND_IFD, K_IFD)


def pair(suite=DES3, counter=0):
    keys = emrtd_keys.derive_keys(suite, b"a shared secret")
    return SecureSession(keys, counter), SecureSession(keys, counter)


def test_bac_follows_the_worked_example():
    keys = emrtd_keys.build_bac_keys(KEY_TEXT)
    assert emrtd_keys.compute_seed(KEY_TEXT).hex().upper() == "239AB9CB282DAF66231DC5A4DF6BFBAE"
    assert keys.encrypt.hex().upper() == "AB94FDECF2674FDFB9B391F85D7F76F2"
    assert keys.mac.hex().upper() == "7962D9ECE03D1ACD4C76089DCE131543"
    request = emrtd_keys.encode_bac_request(keys, secret())
    assert request.hex().upper() == E_IFD + "5F1448EEA8AD90A7"
    assert emrtd_keys.decode_bac_request(keys, request, RND_IC) == secret()
    answer = emrtd_keys.encode_bac_answer(keys, secret(), K_IC)
    assert answer.hex().upper() == E_IC + "2F2D235D074D7449"
    assert emrtd_keys.decode_bac_answer(keys, answer, secret()) == K_IC
    session, counter = emrtd_keys.build_bac_session(secret(), K_IC)
    assert (session.encrypt.hex().upper(), session.mac.hex().upper()) == (SESSION_ENC, SESSION_MAC)
    assert counter == COUNTER


def test_secure_messaging_follows_the_worked_example_on_both_sides():
    keys = Keys(DES3, bytes.fromhex(SESSION_ENC), bytes.fromhex(SESSION_MAC))
    terminal, chip = SecureSession(keys, COUNTER), SecureSession(keys, COUNTER)
    for plain, protected, answer, hidden in TALK:
        command = decode_command(bytes.fromhex(plain))
        sent = terminal.protect(command)
        assert encode_command(sent).hex().upper() == protected
        assert chip.open_command(sent) == command
        assert chip.protect_answer(bytes.fromhex(answer), 0x9000).hex().upper() == hidden
        assert terminal.open_answer(bytes.fromhex(hidden)) == (bytes.fromhex(answer), 0x9000)
    assert encode_command(terminal.protect(decode_command(bytes.fromhex(THIRD[0])))).hex().upper() == THIRD[1]


def test_keys_of_every_length_come_of_their_hash():
    for suite in (AES192, AES256):
        expected = hashlib.sha256(b"secret\x00\x00\x00\x02").digest()[: suite.key_bytes]
        assert emrtd_keys.derive_key(suite, b"secret", Use.MAC) == expected
    des = emrtd_keys.derive_key(DES3, b"secret", Use.ENCRYPT)
    assert all(byte.bit_count() % 2 for byte in des)
    assert bytes(byte & 0xFE for byte in des) == bytes(
        byte & 0xFE for byte in emrtd_keys.derive_key(AES128, b"secret", Use.ENCRYPT)
    )


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@settings(max_examples=20, deadline=None)
@given(talk=st.lists(st.tuples(commands, st.binary(max_size=300)), max_size=3), counter=st.integers(0, 2**64 - 1))
def test_what_one_side_protects_the_other_opens(suite, talk, counter):
    terminal, chip = pair(suite, counter)
    for command, answer in talk:
        sent = decode_command(encode_command(terminal.protect(command)))
        assert chip.open_command(sent) == command
        if command.data:
            assert command.data not in sent.data or len(command.data) < 4
        hidden = chip.protect_answer(answer, 0x6282, is_odd=bool(command.ins & 1))
        assert terminal.open_answer(hidden) == (answer, 0x6282)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_changed_bit_is_noticed(suite, data):
    terminal, chip = pair(suite)
    sent = terminal.protect(Command(0, 0xA4, 2, 0x0C, b"\x01\x1e"))
    spoiled = bytearray(bytes((sent.ins, sent.p1, sent.p2)) + sent.data)
    at = data.draw(st.integers(0, 8 * len(spoiled) - 1))
    spoiled[at // 8] ^= 1 << at % 8
    wrong = Command(sent.cla, spoiled[0], spoiled[1], spoiled[2], bytes(spoiled[3:]), sent.expected)
    with pytest.raises(WireFault):
        chip.open_command(wrong)


def test_a_counter_out_of_step_never_finds_its_way_back():
    terminal, chip = pair()
    lost = terminal.protect(Command(0, 0xB0, 0, 0, expected=4))
    for _ in range(5):
        again = terminal.protect(Command(0, 0xB0, 0, 0, expected=4))
        with pytest.raises(WireFault, match="sm_mac"):
            chip.open_command(again)
        with pytest.raises(WireFault, match="sm_mac"):
            terminal.open_answer(chip.protect_answer(b"late", 0x9000))
    with pytest.raises(WireFault, match="sm_mac"):
        chip.open_command(lost)


def test_an_answer_said_twice_is_refused():
    terminal, chip = pair(AES128)
    terminal.protect(Command(0, 0xB0, 0, 0, expected=4))
    chip.counter = 1
    answer = chip.protect_answer(b"once", 0x9000)
    assert terminal.open_answer(answer)[0] == b"once"
    terminal.protect(Command(0, 0xB0, 0, 0, expected=4))
    with pytest.raises(WireFault, match="sm_mac"):
        terminal.open_answer(answer)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_random_bytes_are_nothing_but_a_wire_fault(data):
    keys = emrtd_keys.build_bac_keys(KEY_TEXT)
    terminal, chip = pair()
    for read in (
        lambda: terminal.open_answer(data),
        lambda: chip.open_command(decode_command(data)),
        lambda: emrtd_keys.decode_bac_request(keys, data, RND_IC),
        lambda: emrtd_keys.decode_bac_answer(keys, data, secret()),
    ):
        with pytest.raises(WireFault):
            read()


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_padding_comes_off_as_it_went_on(data):
    for block in (8, 16):
        padded = emrtd_keys.pad(data, block)
        assert len(padded) % block == 0
        assert emrtd_keys.unpad(padded) == data


def test_the_aes_mac_is_a_shortened_cmac():
    mac = CMAC(AES(bytes(16)))
    mac.update(b"words")
    assert emrtd_keys.compute_mac(AES128, bytes(16), b"words") == mac.finalize()[:8]


def test_keys_and_secrets_show_nothing():
    keys = emrtd_keys.build_bac_keys(KEY_TEXT)
    assert repr(keys) == "Keys(3DES)"
    assert repr(secret()) == "BacSecret()"
