"""The SAM-V driver against literal frames: what it asks, and what it makes of odd answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from devices.api import DeviceError, HardwareFault, TimedOut, Unsupported, UserFault, WireFault
from devices.drivers.reader_samv import SamvReader
from devices.drivers.samv_talk import say
from devices.links import open_link
from devices.wire import samv
from devices.wire.samv import Answer, CardData, Result
from tests.fixtures.reader import QUICK, within

STATUS = bytes.fromhex("AA AA AA 96 69 00 03 11 FF ED")
SAM_ID = bytes.fromhex("AA AA AA 96 69 00 03 12 FF EE")
FIND = bytes.fromhex("AA AA AA 96 69 00 03 20 01 22")
SELECT = bytes.fromhex("AA AA AA 96 69 00 03 20 02 21")
READ = bytes.fromhex("AA AA AA 96 69 00 03 30 10 23")
OLD_READ = bytes.fromhex("AA AA AA 96 69 00 03 30 01 32")
NUMBER = bytes.fromhex("AA AA AA 96 69 00 03 30 05 36")
RESET = bytes.fromhex("AA AA AA 96 69 00 03 10 FF EC")
RF_50 = bytes.fromhex("AA AA AA 96 69 00 04 61 FF 50 CA")
ADDRESSES = bytes.fromhex("AA AA AA 96 69 00 03 30 03 30")

GOOD = bytes.fromhex("AA AA AA 96 69 00 04 00 00 90 94")
ID = bytes.fromhex("AA AA AA 96 69 00 14 00 00 90 05 00 01 00 B3 3A 34 01 40 E2 01 00 78 56 34 12 97")
FOUND = bytes.fromhex("AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97")
NO_CARD = bytes.fromhex("AA AA AA 96 69 00 04 00 00 80 84")
SELECTED = bytes.fromhex("AA AA AA 96 69 00 0C 00 00 90 00 00 00 00 00 00 00 00 9C")
NOT_SELECTED = bytes.fromhex("AA AA AA 96 69 00 04 00 00 81 85")
READ_FAILED = bytes.fromhex("AA AA AA 96 69 00 04 00 00 41 45")
NOTHING = bytes.fromhex("AA AA AA 96 69 00 04 00 00 91 95")

TEXT = "".join(
    (
        "张三".ljust(15),
        "1",
        "01",
        "19491231",
        "浙江省嘉兴市".ljust(35),
        "11010519491231002X",
        "嘉兴市公安局".ljust(15),
        "20100102",
        "长期".ljust(8),
        " " * 18,
    )
).encode("utf-16-le")


def card_answer(text: bytes = TEXT) -> bytes:
    data = samv.encode_card_data(CardData(text, bytes(1024), b"finger"), has_fingerprint=True)
    return samv.encode_answer(Answer(Result.SUCCESS, data))


USUAL = ((STATUS, GOOD), (SAM_ID, ID))
LAID_DOWN = ((FIND, FOUND), (SELECT, SELECTED))
Script = tuple[tuple[bytes, bytes], ...]


class Far:
    """Answers each request of a script, in order, and keeps what did not follow it."""

    def __init__(self, script: Script) -> None:
        self.strays: list[bytes] = []
        self.left = list(script)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.link = f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer, contextlib.suppress(ConnectionResetError):  # a driver may hang up before it has heard everything
            while request := peer.recv(4096):
                expected, answer = self.left.pop(0) if self.left else (b"", b"")
                if request != expected:
                    self.strays.append(request)
                peer.sendall(answer)

    def end(self) -> None:
        self._thread.join(20)
        self._listener.close()
        assert self.strays == []
        assert self.left == []


@pytest.fixture
def opened() -> Iterator[Callable[[Script], SamvReader]]:
    """Open a driver on a script; at the end every request must have come, in order, and no other."""
    ends: list[tuple[SamvReader, Far]] = []

    def start(script: Script, opening: Script = USUAL, **options: object) -> SamvReader:
        far = Far((*opening, *script))
        reader = SamvReader(far.link, **{**QUICK, **options})
        ends.append((reader, far))
        reader.open(within())
        return reader

    yield start
    for reader, far in ends:
        reader.close()
        far.end()


def test_a_card_is_found_selected_and_read_with_the_literal_frames(opened):
    reader = opened((*LAID_DOWN, (READ, card_answer()), (ADDRESSES, NOTHING)))
    card = reader.read(within())
    assert (card.name.reveal(), card.id_number.reveal(), card.authority) == (
        "张三",
        "11010519491231002X",
        "嘉兴市公安局",
    )
    assert card.is_permanent


def test_a_card_that_slips_away_before_it_is_selected_is_looked_for_again(opened):
    script = ((FIND, NO_CARD), (FIND, FOUND), (SELECT, NOT_SELECTED), *LAID_DOWN)
    reader = opened((*script, (READ, card_answer()), (ADDRESSES, NOTHING)))
    assert reader.read(within()).name.reveal() == "张三"


def test_a_record_that_makes_no_sense_is_asked_for_once_more(opened):
    odd = card_answer(TEXT[:36] + "19490230".encode("utf-16-le") + TEXT[52:])
    reader = opened((*LAID_DOWN, (READ, odd), (READ, card_answer()), (ADDRESSES, NOTHING)))
    assert reader.read(within()).name.reveal() == "张三"


def test_a_record_that_goes_on_making_no_sense_is_a_wire_fault(opened):
    short = samv.encode_answer(Answer(Result.SUCCESS, bytes(12)))
    reader = opened((*LAID_DOWN, (READ, short), (READ, short)))
    with pytest.raises(WireFault, match="card_lengths"):
        reader.read(within())


def test_a_failed_read_asks_whether_the_card_is_still_there(opened):
    reader = opened((*LAID_DOWN, (READ, READ_FAILED), (SELECT, SELECTED)))
    with pytest.raises(UserFault, match="card_unreadable"):
        reader.read(within())
    reader = opened((*LAID_DOWN, (READ, READ_FAILED), (SELECT, NOT_SELECTED)))
    with pytest.raises(UserFault, match="card_pulled"):
        reader.read(within())


def test_a_reader_without_an_id_is_used_all_the_same(opened):
    unknown = bytes.fromhex("AA AA AA 96 69 00 04 00 00 24 20")
    reader = opened(((STATUS, GOOD),), opening=((STATUS, GOOD), (SAM_ID, unknown)))
    assert reader.capabilities().identifier == ""
    assert reader.status(within()).is_ready


def test_a_reader_that_lacks_appended_addresses_gives_the_card(opened):
    unknown = samv.encode_answer(Answer(Result.UNKNOWN))
    reader = opened((*LAID_DOWN, (READ, card_answer()), (ADDRESSES, unknown)))
    assert reader.read(within()).extra_addresses == ()


def test_the_answer_to_another_question_is_out_of_step(opened):
    reader = opened(((FIND, GOOD),))
    with pytest.raises(WireFault, match="out_of_step"):
        reader.read(within())


def test_a_result_nobody_documented_keeps_its_byte(opened):
    reader = opened(((FIND, samv.encode_answer(Answer(0x5A))),))
    with pytest.raises(HardwareFault, match="sw3_5a"):
        reader.read(within())


def test_a_reader_that_never_stops_talking_is_a_wire_fault(opened):
    reader = opened(((FIND, bytes(20000)), (FIND, bytes(20000))))
    with pytest.raises(WireFault, match="garbled"):
        reader.read(within())


def test_time_that_runs_out_while_a_card_is_looked_for_means_no_card(opened):
    reader = opened(((FIND, b""),))
    with pytest.raises(TimedOut, match="no_card"):
        reader.read(within(0.1))


def test_time_that_runs_out_in_the_middle_of_a_read_is_the_askers(opened):
    reader = opened((*LAID_DOWN, (READ, b"")))
    with pytest.raises(TimedOut, match="deadline"):
        reader.read(within(0.2))


def test_a_line_that_takes_no_bytes_is_mute():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = open_link(f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        link.open()
        with contextlib.suppress(TimedOut):
            link.write(bytes(50_000_000), within(0.2))  # until every buffer is full
        with pytest.raises(TimedOut, match="mute"):
            say(link, FIND, within(), 0.05)
        link.close()


SILENT = b""
MALFORMED = samv.encode_answer(Answer(Result.SUCCESS, bytes(33)))


@pytest.mark.parametrize("answer", [SILENT, MALFORMED, samv.encode_answer(Answer(0x21, b""))])
def test_a_good_card_is_not_lost_over_its_appended_addresses(opened, answer):
    reader = opened((*LAID_DOWN, (READ, card_answer()), (ADDRESSES, answer)))
    card = reader.read(within(8))
    assert card.name.reveal() == "张三"
    assert card.extra_addresses == ()


def test_a_card_that_can_never_be_selected_is_unreadable(opened):
    reader = opened(((FIND, FOUND), (SELECT, NOT_SELECTED)) * 3)
    with pytest.raises(UserFault, match="card_unreadable"):
        reader.read(within(8))


def said(sw3: int, data: bytes = b"") -> bytes:
    """Return the answer with a result, built by the codec that other tests hold to the literal bytes."""
    return samv.encode_answer(Answer(sw3, data))


@pytest.mark.parametrize(
    ("sw3", "error", "code"),
    [
        (0x10, WireFault, "checksum_received"),
        (0x11, WireFault, "length_received"),
        (0x21, Unsupported, "command_received"),
        (0x23, Unsupported, "not_permitted"),
        (0x24, HardwareFault, "unknown_error"),
        (0x31, UserFault, "card_refused_sam"),
        (0x32, UserFault, "sam_refused_card"),
        (0x33, UserFault, "not_verified"),
        (0x40, UserFault, "card_type"),
        (0x47, HardwareFault, "random_number"),
        (0x60, HardwareFault, "self_test"),
        (0x66, HardwareFault, "not_authorised"),
        (0x81, UserFault, "select_failed"),
        (0x41, UserFault, "read_failed"),
        (0x91, WireFault, "out_of_step"),
        (0x5A, HardwareFault, "sw3_5a"),
    ],
)
def test_every_result_is_an_error_of_its_own(opened, sw3, error, code):
    is_twice = sw3 in (0x10, 0x11)  # what we said arrived wrong: it is said once more
    reader = opened(((NUMBER, said(sw3)),) * (2 if is_twice else 1))
    with pytest.raises(DeviceError) as found:
        reader.read_management_number(within())
    assert (type(found.value), found.value.code) == (error, code)


def test_what_the_reader_heard_wrong_is_said_once_more(opened):
    script = ((FIND, said(0x10)), (FIND, FOUND), (SELECT, said(0x11)), (SELECT, SELECTED))
    reader = opened((*script, (READ, card_answer()), (ADDRESSES, NOTHING)))
    assert reader.read(within()).name.reveal() == "张三"


@pytest.mark.parametrize("sw3", [0x21, 0x23, 0x24])
def test_a_reader_that_refuses_30_10_is_asked_30_01(opened, sw3):
    data = samv.encode_card_data(CardData(TEXT, bytes(1024)), has_fingerprint=False)
    reader = opened((*LAID_DOWN, (READ, said(sw3)), (OLD_READ, said(0x90, data)), (ADDRESSES, NOTHING)))
    assert reader.read(within()).name.reveal() == "张三"


def test_the_management_number_is_told_in_its_parts(opened):
    reader = opened(((NUMBER, said(0x90, bytes(range(28)))),))
    found = reader.read_management_number(within())
    assert (found.iin, found.sn, found.dn) == (bytes(range(4)), bytes(range(4, 12)), bytes(range(12, 28)))


def test_a_reader_whose_self_test_failed_is_reset_once(opened):
    opening = ((STATUS, said(0x60)), (RESET, GOOD), (STATUS, GOOD), (SAM_ID, ID))
    assert opened(((STATUS, GOOD),), opening=opening).status(within()).is_ready


@pytest.mark.parametrize(("reset", "later"), [(GOOD, ((STATUS, said(0x60)),)), (b"", ())])
def test_a_reader_that_stays_unwell_says_why(opened, reset, later):
    with pytest.raises(HardwareFault, match="self_test"):
        opened((), opening=((STATUS, said(0x60)), (RESET, reset), *later))


@pytest.mark.parametrize("answer", [GOOD, said(0x21), said(0x24)])
def test_the_radio_frame_is_set_where_the_station_asks_for_it(opened, answer):
    reader = opened(((STATUS, GOOD),), opening=(*USUAL, (RF_50, answer)), rf_frame=0x50)
    assert reader.status(within()).is_ready


def test_a_radio_frame_that_ends_in_a_fault_is_one(opened):
    with pytest.raises(HardwareFault, match="random_number"):
        opened((), opening=(*USUAL, (RF_50, said(0x47))), rf_frame=0x50)
