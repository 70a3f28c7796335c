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
@settings(max_examples=20)
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
@settings(max_examples=30)
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


def test_what_is_printed_in_colours_shows_no_key():
    assert emrtd_keys.build_bac_keys(KEY_TEXT).__rich_repr__() == [("suite", "3DES")]
    assert secret().__rich_repr__() == []


def test_blocks_that_are_not_whole_and_padding_that_is_none_are_refused():
    with pytest.raises(WireFault, match="sm_blocks"):
        emrtd_keys.decrypt(DES3, bytes(16), bytes(9))
    for data in (b"", b"\x00" * 8, b"\x01" * 8):
        with pytest.raises(WireFault, match="sm_padding"):
            emrtd_keys.unpad(data)


def test_a_key_text_has_no_foreign_characters():
    with pytest.raises(WireFault, match="mrz_character"):
        emrtd_keys.build_bac_keys("Ｌ898902C<369080619406236")


def test_bac_of_other_keys_lengths_and_challenges_is_refused():
    keys = emrtd_keys.build_bac_keys(KEY_TEXT)
    request, answer = bytes.fromhex(E_IFD + "5F1448EEA8AD90A7"), bytes.fromhex(E_IC + "2F2D235D074D7449")
    for data, code in ((request[:-1], "bac_length"), (request[:-1] + b"\xa6", "bac_mac")):
        with pytest.raises(WireFault, match=code):
            emrtd_keys.decode_bac_request(keys, data, RND_IC)
    with pytest.raises(WireFault, match="bac_challenge"):
        emrtd_keys.decode_bac_request(keys, request, RND_IFD)
    with pytest.raises(WireFault, match="bac_challenge"):
        emrtd_keys.decode_bac_answer(keys, answer, BacSecret(RND_IFD, RND_IC, K_IFD))


# ── secure messaging, object by object; the MAC is right each time ─────────────────────────


def signed(session, head: bytes, objects: bytes) -> bytes:
    """Return objects with the MAC that one side would put behind them for its next step, by ICAO 9303-11 §9.8."""
    counter = (session.counter + 1).to_bytes(8, "big")
    mac = emrtd_keys.compute_mac(DES3, KEYS.mac, emrtd_keys.pad(counter + head + objects, 8))
    return objects + b"\x8e\x08" + mac


KEYS = Keys(DES3, bytes.fromhex(SESSION_ENC), bytes.fromhex(SESSION_MAC))
READ_HEAD = bytes.fromhex("0CB0000080000000")  # of READ BINARY at 0, padded


def test_an_answers_foreign_object_is_passed_over():
    terminal = SecureSession(KEYS)
    answer = signed(terminal, b"", bytes.fromhex("8101FF99026282"))
    assert terminal.open_answer(answer) == (b"", 0x6282)


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        ("", "sm_status"),  # nothing but a MAC
        ("990190", "sm_status"),
        ("870902001122334455667799029000", "sm_padding"),  # padding indicator 02
        ("870099029000", "sm_padding"),
        ("870401AABBCC99029000", "sm_blocks"),
    ],
)
def test_an_answer_of_no_form_is_refused_behind_its_mac(objects, code):
    terminal = SecureSession(KEYS)
    with pytest.raises(WireFault, match=code):
        terminal.open_answer(signed(terminal, b"", bytes.fromhex(objects)))


@pytest.mark.parametrize("text", ["", "99029000", "990290008E04AABBCCDD", "8E08" + "00" * 8 + "99029000"])
def test_an_answer_without_a_mac_at_its_end_is_refused(text):
    with pytest.raises(WireFault, match="sm_mac"):
        SecureSession(KEYS).open_answer(bytes.fromhex(text))


@pytest.mark.parametrize(
    ("objects", "expected"), [("970100", 256), ("97020000", 65536), ("970104", 4), ("8101FF970104", 4), ("", 0)]
)
def test_a_protected_command_says_how_much_may_come_back(objects, expected):
    chip = SecureSession(KEYS)
    data = signed(chip, READ_HEAD, bytes.fromhex(objects))
    assert chip.open_command(Command(0x0C, 0xB0, 0, 0, data, 256)) == Command(0, 0xB0, 0, 0, b"", expected)


def test_a_protected_command_of_no_form_is_refused():
    chip = SecureSession(KEYS)
    with pytest.raises(WireFault, match="sm_class"):
        chip.open_command(Command(0x00, 0xB0, 0, 0, b"", 4))
    for objects in ("9700", "9703000000"):
        data = signed(chip, READ_HEAD, bytes.fromhex(objects))
        with pytest.raises(WireFault, match="sm_le"):
            chip.open_command(Command(0x0C, 0xB0, 0, 0, data, 256))


def test_data_of_an_odd_command_has_no_padding_indicator():
    """ISO 7816-4 §10.4: DO 85 holds a cryptogram alone, DO 87 puts 01 before it."""
    terminal = SecureSession(KEYS)
    cryptogram = emrtd_keys.encrypt(DES3, KEYS.encrypt, bytes.fromhex("53026014800000 00"))
    answer = signed(terminal, b"", b"\x85\x08" + cryptogram + bytes.fromhex("99029000"))
    assert terminal.open_answer(answer) == (bytes.fromhex("53026014"), 0x9000)
