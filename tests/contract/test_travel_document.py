"""What reading a travel document promises, over every virtual passport: in process, and through a real pcscd."""

from __future__ import annotations

import contextlib
import os
import random
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.api import (
    Authenticity,
    CardKeys,
    ChipAccess,
    Deadline,
    DeviceError,
    PictureKind,
    Private,
    TimedOut,
    TravelDocument,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.drivers.card_emrtd import read_travel_document
from devices.links.pcsc import PcscLink
from devices.sim.chips import make_chip
from devices.sim.chips.passport import PASSPORTS, VARIANTS, PassportChip
from devices.sim.chips.passport_files import build_files, draw_face
from devices.sim.chips.passport_signer import build_csca
from devices.wire.emrtd import File
from devices.wire.mrz import encode_mrz
from tests.fixtures.pcsc import READER
from tests.fixtures.reader import wait_until, within

IS_CHAOS = bool(os.environ.get("JINBAN_CHAOS"))
EXAMPLES, STEP = (2000, 1) if IS_CHAOS else (25, 2)
CSCA = (build_csca(),)
VERDICTS = {
    "no_sod": Authenticity.NO_SOD,
    "wrong_hash": Authenticity.WRONG_HASH,
    "wrong_signature": Authenticity.WRONG_SIGNATURE,
    "forged": Authenticity.WRONG_SIGNATURE,
    "unknown": Authenticity.NO_CSCA,
    "expired": Authenticity.EXPIRED,
}
ZONE = Private("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C<3UTO6908061F9406236ZE184226B<<<<<14")
ERIKSSON = CardKeys(mrz=ZONE)
PLAIN, SECURE = "00", "0c"


class Wire:
    """A CardChannel straight to a chip; `spoil` may change an answer or raise, by the number of the command."""

    atr = b""

    def __init__(self, chip, spoil=None) -> None:
        self._chip = chip
        self._spoil = spoil or (lambda number, answer: answer)
        self.asked: list[bytes] = []
        self.longest = 0

    def transmit(self, apdu: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        self.asked.append(apdu)
        answer = self._spoil(len(self.asked), self._chip.answer(apdu))
        self.longest = max(self.longest, len(answer))
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def headers(self) -> list[str]:
        return [one[:2].hex() for one in self.asked]


def key_of(variant: str) -> CardKeys:
    return CardKeys(mrz=Private(encode_mrz(PASSPORTS[variant].mrz)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_passport_is_read_whole(variant):
    passport = PASSPORTS[variant]
    wire = Wire(make_chip(f"passport:{variant}"))
    found = read_travel_document(wire, within(), key_of(variant), CSCA)
    assert found.portrait.reveal() == draw_face(passport.face_bytes, passport.face_kind)
    assert found.portrait_kind is passport.face_kind
    assert found.number == passport.mrz.number
    assert (found.surname, found.given_names) == (passport.mrz.surname, passport.mrz.given_names)
    assert (found.issuer, found.nationality, found.sex) == ("UTO", "UTO", passport.mrz.sex)
    assert found.mrz.reveal() == encode_mrz(passport.mrz)
    assert found.authenticity is VERDICTS.get(variant, Authenticity.VALID)
    assert found.access is (ChipAccess.PACE if passport.ways else ChipAccess.BAC)
    assert wire.longest <= 258  # every answer fits a short one, as a reader without extended length needs it
    assert max(len(one) for one in wire.asked) <= 5 + 255 + 1


def test_dates_and_names_are_those_of_the_zone_and_stay_private():
    found = read_travel_document(Wire(make_chip("passport")), within(), ERIKSSON, CSCA)
    assert found.birth_date.reveal() == date(1969, 8, 6)
    assert found.expiry_date == date(1994, 6, 23)
    assert found.portrait_kind is PictureKind.JPEG
    assert not any(word in repr(found) for word in ("ERIKSSON", "L898902C", "1969", "JFIF"))


def test_files_beyond_32_kb_are_read_by_the_odd_instruction():
    wire = Wire(make_chip("passport:large"))
    read_travel_document(wire, within(), ERIKSSON)
    odd = wire.headers().index("0cb1")
    assert set(wire.headers()[odd:]) >= {"0cb1", "0ca4", "0cb0"}  # EF.SOD comes after, with the even one again
    small = Wire(make_chip("passport"))
    read_travel_document(small, within(), ERIKSSON)
    assert "0cb1" not in small.headers()


def test_a_date_that_is_none_is_told_as_not_known():
    zone = replace(PASSPORTS["bac"].mrz, birth=Private("690800"))
    chip = PassportChip(replace(PASSPORTS["bac"], mrz=zone))
    found = read_travel_document(Wire(chip), within(), CardKeys(mrz=Private(chip.key_text)), CSCA)
    assert found.birth_date.reveal() is None
    assert found.expiry_date == date(1994, 6, 23)


def test_without_a_csca_the_verdict_is_never_valid():
    for variant in ("bac", "pace", *VERDICTS):
        found = read_travel_document(Wire(make_chip(f"passport:{variant}")), within(), key_of(variant))
        assert found.authenticity is not Authenticity.VALID


@pytest.mark.parametrize("variant", ["pace", "pace_only", "pace_des", "pace_192", "pace_256"])
def test_the_card_access_number_opens_pace(variant):
    found = read_travel_document(
        Wire(make_chip(f"passport:{variant}")), within(), CardKeys(can=Private("123456")), CSCA
    )
    assert (found.access, found.authenticity) == (ChipAccess.PACE, Authenticity.VALID)


@pytest.mark.parametrize(
    ("variant", "keys", "error", "code"),
    [
        ("bac", CardKeys(mrz=Private("L898902D<469080619406236")), UserFault, "wrong_mrz"),
        ("pace", CardKeys(mrz=Private("L898902D<469080619406236")), UserFault, "wrong_mrz"),
        ("bac", CardKeys(mrz=Private("L898902C<469080619406236")), UserFault, "wrong_mrz"),  # a slip: not even tried
        ("pace", CardKeys(can=Private("654321")), UserFault, "wrong_can"),
        ("pace", CardKeys(can=Private("12345")), UserFault, "wrong_can"),
        ("bac", CardKeys(can=Private("123456")), Unsupported, "mrz_needed"),
        ("bac", CardKeys(), Unsupported, "key_needed"),
        ("pace", CardKeys(mrz=Private("  ")), Unsupported, "key_needed"),
    ],
)
def test_a_key_that_does_not_open_is_told_apart(variant, keys, error, code):
    wire = Wire(make_chip(f"passport:{variant}"))
    with pytest.raises(error) as caught:
        read_travel_document(wire, within(), keys)
    assert caught.value.code == code
    assert "0cb0" not in wire.headers()  # nothing was read
    assert "L898902" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "answer"),
    [("00a4020c02011c", "6982"), ("00b0000006", "6982"), ("00b0000006", "ffffffffffff9000"), ("0022c1a4", "6a88")],
    ids=("file refused", "reading refused", "rubbish", "protocol refused"),
)
def test_a_chip_whose_pace_cannot_be_used_is_opened_by_bac(command, answer):
    def spoil(number: int, good: bytes) -> bytes:
        is_it = wire.asked[-1].hex().startswith(command)
        return bytes.fromhex(answer) if is_it else good

    wire = Wire(make_chip("passport:pace"), spoil)
    assert read_travel_document(wire, within(), ERIKSSON, CSCA).access is ChipAccess.BAC
    wire = Wire(make_chip("passport:pace_only"), spoil)
    with pytest.raises(Unsupported, match="no_access"):
        read_travel_document(wire, within(), ERIKSSON, CSCA)


def test_after_a_wrong_key_the_right_one_opens():
    chip = make_chip("passport:pace")
    for _ in range(3):
        with pytest.raises(UserFault):
            read_travel_document(Wire(chip), within(), CardKeys(can=Private("000000")))
    assert read_travel_document(Wire(chip), within(), ERIKSSON, CSCA).authenticity is Authenticity.VALID


@pytest.mark.parametrize("variant", ["bac", "pace"])
def test_a_card_pulled_at_any_command_is_a_pulled_card(variant):
    chip = make_chip(f"passport:{variant}")
    whole = Wire(chip)
    read_travel_document(whole, within(), ERIKSSON)

    def pull_at(last: int):
        def spoil(number: int, answer: bytes) -> bytes:
            if number >= last:
                raise UserFault("card_removed")
            return answer

        return spoil

    for last in (*range(1, 20, STEP), *range(20, len(whole.asked) + 1, 9 * STEP), len(whole.asked)):
        chip.reset()
        with pytest.raises(UserFault, match="card_removed"):
            read_travel_document(Wire(chip, pull_at(last)), within(), ERIKSSON)


def test_a_deadline_that_passes_in_the_middle_is_timed_out():
    deadline = Deadline(60)

    def spoil(number: int, answer: bytes) -> bytes:
        if number == 30:
            deadline.at = 0.0
        return answer

    with pytest.raises(TimedOut):
        read_travel_document(Wire(make_chip("passport"), spoil), deadline, ERIKSSON)


@pytest.mark.parametrize("variant", ["bac", "pace"])
@pytest.mark.parametrize("change", ["flip", "cut", "empty", "noise", "repeat"])
def test_an_answer_that_was_changed_is_never_taken_for_data(variant, change):
    """Whatever stands between chip and reader: a read ends with the true data or an error, never with other data."""
    noise = random.Random(change)
    face = draw_face(15_000)
    chip = make_chip(f"passport:{variant}")
    before = [b"\x90\x00"]

    def spoiling(at: int):
        def spoil(number: int, answer: bytes) -> bytes:
            last, before[0] = before[0], answer
            if number != at:
                return answer
            place = noise.randrange(len(answer))
            return {
                "flip": answer[:place] + bytes((answer[place] ^ 1 << noise.randrange(8),)) + answer[place + 1 :],
                "cut": answer[: place // 2] + answer[-2:],
                "empty": answer[-2:],
                "noise": noise.randbytes(len(answer)) + b"\x90\x00",
                "repeat": last,
            }[change]

        return spoil

    for at in (*range(1, 18, STEP), 40, 80):
        chip.reset()
        with contextlib.suppress(DeviceError):
            found = read_travel_document(Wire(chip, spoiling(at)), within(), ERIKSSON, CSCA)
            assert (found.portrait.reveal(), found.number.reveal()) == (face, "L898902C")


@settings(max_examples=EXAMPLES)
@given(
    answers=st.lists(st.binary(min_size=2, max_size=60), min_size=1, max_size=8),
    variant=st.sampled_from(("bac", "pace")),
)
def test_a_chip_that_answers_anything_brings_nothing_but_typed_errors(answers, variant):
    """Some answers are the chip's own, some are not; each time round the noise begins at another command."""
    chip = make_chip(f"passport:{variant}")
    for first in (1, 4, 7, 12):
        chip.reset()
        said = iter(answers)
        wire = Wire(
            chip, lambda number, answer, first=first, said=said: next(said, b"\x6f\x00") if number >= first else answer
        )
        with pytest.raises(DeviceError):
            read_travel_document(wire, within(), ERIKSSON, CSCA)


def test_a_chip_that_lost_the_session_is_a_wire_fault():
    chip = make_chip("passport")

    def spoil(number: int, answer: bytes) -> bytes:
        if number == 20:
            chip.reset()
        return answer

    with pytest.raises(WireFault, match="sm_lost"):
        read_travel_document(Wire(chip, spoil), within(), ERIKSSON)


def test_a_file_that_says_it_is_endless_is_not_believed():
    chip = PassportChip(PASSPORTS["bac"])
    chip._files[File.DG2] = b"\x75\x83\xff\xff\xff" + bytes(64)
    with pytest.raises(WireFault, match="file_length"):
        read_travel_document(Wire(chip), within(), ERIKSSON)


@pytest.mark.parametrize("file", [File.DG1, File.DG2])
def test_a_chip_without_zone_or_face_is_a_wire_fault(file):
    chip = PassportChip(PASSPORTS["bac"])
    del chip._files[file]
    with pytest.raises(WireFault, match="file_missing"):
        read_travel_document(Wire(chip), within(), ERIKSSON)


# ── the chip itself, as ICAO 9303-11 has it answer ─────────────────────────────────────────


@pytest.mark.parametrize("apdu", ["00A4020C020101", "00B0000004", "00B10000045402000004", "00B08100"[:8] + "04"])
def test_the_chip_gives_nothing_before_it_is_open(apdu):
    chip = make_chip("passport")
    chip.answer(bytes.fromhex("00A4040C07A0000002471001"))
    assert chip.answer(bytes.fromhex(apdu)).hex() == "6982"


def test_the_chip_tells_a_wrong_key_and_a_wrong_mac():
    chip = make_chip("passport")
    chip.answer(bytes.fromhex("00A4040C07A0000002471001"))
    assert len(chip.answer(bytes.fromhex("0084000008"))) == 10
    assert chip.answer(bytes.fromhex("0082000028") + bytes(40) + b"\x28").hex() == "6300"
    assert chip.answer(bytes.fromhex("0082000028") + bytes(40) + b"\x28").hex() == "6985"  # a challenge serves once
    assert chip.answer(bytes.fromhex("0CB000000D9701048E08ED6705417E96BA5500")).hex() == "6987"

    def spoil(number: int, answer: bytes) -> bytes:
        if number == 12:
            said.append(chip.answer(bytes.fromhex("0CB000000D9701048E08ED6705417E96BA5500")).hex())
        return answer

    said: list[str] = []
    with pytest.raises(WireFault, match="sm_lost"):
        read_travel_document(Wire(chip, spoil), within(), ERIKSSON)
    assert said == ["6988"]


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_the_chip_answers_any_bytes_with_a_status(apdus):
    chip = make_chip("passport:pace")
    for apdu in apdus:
        assert len(chip.answer(apdu)) >= 2
    assert build_files(PASSPORTS["pace"])[File.DG1] not in b"".join(chip.answer(apdu) for apdu in apdus)


# ── through a real pcscd ───────────────────────────────────────────────────────────────────


@pytest.fixture
def csca_folder(tmp_path):
    (tmp_path / "utopia.cer").write_bytes(CSCA[0])
    return str(tmp_path)


@pytest.mark.parametrize("variant", ["bac", "pace", "pace_256", "large", "large_pace", "permit"])
def test_a_passport_is_read_through_pcscd(make_card_reader, card_rig, csca_folder, variant):
    driver = make_card_reader(csca=csca_folder)
    card_rig.insert(f"passport:{variant}")
    found = driver.read(within(), key_of(variant))
    assert isinstance(found, TravelDocument)
    assert found.portrait.reveal() == draw_face(PASSPORTS[variant].face_bytes)
    assert found.authenticity is Authenticity.VALID


def test_the_reader_says_which_key_it_needs_and_reads_once_it_has_it(make_card_reader, card_rig):
    driver = make_card_reader()
    card_rig.insert("passport")
    with pytest.raises(Unsupported, match="key_needed"):
        driver.read(within())
    with pytest.raises(UserFault, match="wrong_mrz"):
        driver.read(within(), CardKeys(mrz=Private("L898902D<469080619406236")))
    assert driver.read(within(), ERIKSSON).authenticity is Authenticity.NO_CSCA  # where it lies: it was not read yet


@pytest.mark.parametrize("after", [0, 12, 40])
def test_a_passport_pulled_while_it_is_read_is_a_pulled_card(make_card_reader, card_rig, after):
    driver = make_card_reader()
    link = PcscLink(READER)
    card_rig.insert("passport", fault="removed", on="b0", after=after)
    counted = link.slot(within()).insertion
    with pytest.raises(UserFault, match="card_removed"):
        driver.read(within(), ERIKSSON)
    # a card that is back before pcscd counted its going (it looks five times a second) is not seen as a new one
    wait_until(lambda: link.slot(within()).insertion > counted, "the removal to be counted")
    link.close()
    card_rig.insert("passport")
    assert driver.read(within(), ERIKSSON).number.reveal() == "L898902C"


@pytest.mark.parametrize("fault", ["garbage", "short", "long", "empty", "failed", "not_found"])
def test_a_passport_that_answers_wrongly_is_a_typed_fault_and_is_read_when_it_answers_again(
    make_card_reader, card_rig, fault
):
    driver = make_card_reader()
    card_rig.insert("passport", fault=fault, on="b0", after=5)
    with pytest.raises(WireFault):
        driver.read(within(), ERIKSSON)
    assert driver.read(within(), ERIKSSON).number.reveal() == "L898902C"
