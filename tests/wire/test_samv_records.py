"""The text record of each card, both ways, and the codes on it."""

from __future__ import annotations

import contextlib
import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.api import CardKind, IdCard, Private, WireFault
from devices.wire import samv_records as records
from devices.wire.samv_codes import NATIONS, former_number, nation_name, sex_name


def field(text: str, length: int) -> bytes:
    return text.ljust(length // 2).encode("utf-16-le")


# layout R written out by hand, field after field
RESIDENT = b"".join(
    (
        field("张三", 30),
        field("1", 2),
        field("01", 4),
        field("19490101", 16),
        field("浙江省嘉兴市南湖区示例路1号", 70),
        field("11010519491231002X", 36),
        field("嘉兴市公安局南湖区分局", 30),
        field("20100102", 16),
        field("长期", 16),
        field("", 36),
    )
)


def blank(**changes: object) -> IdCard:
    card = IdCard(
        kind=CardKind.RESIDENT,
        name=Private("张三"),
        id_number=Private("11010519491231002X"),
        sex="1",
        nation="01",
        birth_date=Private(date(1949, 1, 1)),
        address=Private("浙江省嘉兴市南湖区示例路1号"),
        authority="嘉兴市公安局南湖区分局",
        valid_from=date(2010, 1, 2),
        valid_until=None,
        is_permanent=True,
    )
    return replace(card, **changes)


@pytest.mark.parametrize("kind", CardKind)
def test_each_layout_tiles_256_bytes_exactly(kind):
    places = sorted(records.LAYOUTS[kind].values())
    assert places[0][0] == 0
    assert all(at + length == after for (at, length), (after, _) in itertools.pairwise(places))
    assert sum(places[-1]) == records.RECORD_BYTES
    assert all(at % 2 == length % 2 == 0 for at, length in places)


def test_a_resident_card_is_read_from_its_literal_bytes():
    assert len(RESIDENT) == 256
    assert records.decode_text_record(RESIDENT) == blank()
    assert records.encode_text_record(blank()) == RESIDENT


def test_a_residence_permit_is_known_by_its_mark():
    block = bytearray(records.encode_text_record(blank(kind=CardKind.RESIDENCE_PERMIT, nation="")))
    assert block[248:250] == b"J\0"
    block[220:238] = field("H12345678", 18)
    block[238:242] = field("02", 4)
    permit = blank(kind=CardKind.RESIDENCE_PERMIT, nation="", permit_number=Private("H12345678"))
    assert records.decode_text_record(bytes(block)) == permit
    found = records.decode_fields(bytes(block))
    assert (found["permit_number"], found["issue_count"]) == ("H12345678", "02")


def test_a_2017_foreigner_card_is_laid_out_as_documented():
    block = b"".join(
        (
            field("SAMPLE, PERSON OF A RATHER LONG NAME", 120),
            field("2", 2),
            field("CAN110080010117", 30),
            field("CAN", 6),
            field("样例", 30),
            field("20180301", 16),
            field("20280301", 16),
            field("19800101", 16),
            field("01", 4),
            field("3304", 8),
            field("I", 2),
            field("", 6),
        )
    )
    card = records.decode_text_record(block)
    assert card.kind is CardKind.FOREIGNER_2017
    assert card.english_name.reveal() == "SAMPLE, PERSON OF A RATHER LONG NAME"
    assert card.id_number.reveal() == "CAN110080010117"
    assert (card.name.reveal(), card.sex, card.nation, card.authority) == ("样例", "2", "", "3304")
    assert (card.birth_date.reveal(), card.valid_until) == (date(1980, 1, 1), date(2028, 3, 1))
    assert (card.nationality, card.former_number.reveal()) == ("CAN", "")
    assert records.encode_text_record(card)[:236] == block[:236]


def test_a_2023_foreigner_card_goes_on_with_its_name_in_a_second_place():
    name = "SAMPLE PERSON WITH A NAME THAT NEEDS BOTH PLAC"
    assert len(name) == 46
    card = blank(kind=CardKind.FOREIGNER_2023, nation="", address=Private(""), authority="", english_name=Private(name))
    block = records.encode_text_record(card)
    assert block[52:122] == name[:35].encode("utf-16-le")
    assert block[220:242] == name[35:].encode("utf-16-le")
    assert block[248:250] == b"Y\0"
    assert records.decode_text_record(block) == card


def foreigner(**changes: object) -> IdCard:
    """Return the 2023 card whose former number the reference works out."""
    card = blank(kind=CardKind.FOREIGNER_2023, nation="", address=Private(""), authority="", nationality="USA")
    return replace(card, id_number=Private("911840198001010013"), former_number=Private("USA110880010117"), **changes)


def test_a_2023_foreigner_card_tells_the_number_of_the_card_it_replaces():
    block = records.encode_text_record(foreigner())
    assert block[242:256] == field("USA", 6) + b"Y\0" + field("081", 6)
    assert records.decode_text_record(block) == foreigner()


@pytest.mark.parametrize("link", ["", "08", "A81"])
def test_a_link_that_gives_no_former_number_leaves_a_good_card(link):
    block = records.encode_text_record(foreigner())[:250] + field(link, 6)
    assert records.decode_text_record(block) == replace(foreigner(), former_number=Private(""))


@pytest.mark.parametrize("wrong", ["USA110880010118", "CAN110880010117", "USA", "USA1108800101"])
def test_a_former_number_that_its_card_does_not_give_is_refused(wrong):
    with pytest.raises(WireFault, match="former_number"):
        records.encode_text_record(replace(foreigner(), former_number=Private(wrong)))
    with pytest.raises(WireFault):
        records.encode_text_record(blank(former_number=Private("USA110880010117")))


def test_a_name_broken_at_a_space_keeps_the_space():
    name = "A" * 34 + " " + "B" * 5
    card = blank(kind=CardKind.FOREIGNER_2023, nation="", address=Private(""), authority="", english_name=Private(name))
    assert records.decode_text_record(records.encode_text_record(card)).english_name.reveal() == name


def test_rare_characters_outside_the_basic_plane_survive():
    card = blank(name=Private("𠮷演㐀"))
    assert records.decode_text_record(records.encode_text_record(card)) == card


def texts(length: int) -> st.SearchStrategy[str]:
    """Text of at most `length` bytes as UTF-16, without control characters or padding at its end."""
    signs = st.characters(exclude_categories=("Cc", "Cs"))
    return st.text(signs, max_size=length // 2).map(
        lambda text: text.encode("utf-16-le")[:length].decode("utf-16-le", "ignore").rstrip(" ")
    )


@st.composite
def cards(draw: st.DrawFn) -> IdCard:
    kind = draw(st.sampled_from(CardKind))
    layout = records.LAYOUTS[kind]

    def text(name: str) -> str:
        return draw(texts(layout[name][1])) if name in layout else ""

    is_permanent = draw(st.booleans())
    english = text("english_name")
    if kind is CardKind.FOREIGNER_2023:
        english = draw(st.text(st.sampled_from("AB C"), max_size=46)).rstrip(" ")
    return IdCard(
        kind=kind,
        name=Private(text("name")),
        id_number=Private(text("id_number")),
        sex=text("sex"),
        nation=text("nation"),
        birth_date=Private(draw(st.dates())),
        address=Private(text("address")),
        authority=text("authority"),
        valid_from=draw(st.none() | st.dates()),
        valid_until=None if is_permanent else draw(st.dates()),
        is_permanent=is_permanent,
        english_name=Private(english),
    )


@given(cards())
def test_cards_come_back_as_they_were(card):
    block = records.encode_text_record(card)
    assert len(block) == 256
    assert records.decode_text_record(block) == card


@given(st.binary(min_size=250, max_size=260))
def test_random_bytes_raise_only_wire_faults(block):
    for decode in (records.decode_text_record, records.decode_fields, records.kind_of, records.decode_text):
        with contextlib.suppress(WireFault):
            decode(block)


@given(st.sampled_from(CardKind), st.integers(0, 255), st.binary(min_size=1, max_size=40))
def test_a_damaged_record_raises_only_wire_faults(kind, at, damage):
    english = Private("SAMPLE") if kind in (CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023) else Private("")
    has_address = kind in (CardKind.RESIDENT, CardKind.RESIDENCE_PERMIT)
    card = blank(
        kind=kind,
        nation="",
        id_number=Private("123456789012345"),
        authority="3304",
        address=Private("示例路" if has_address else ""),
        english_name=english,
    )
    card = replace(card, authority="") if kind is CardKind.FOREIGNER_2023 else card
    block = bytearray(records.encode_text_record(card))
    block[at : at + len(damage)] = damage
    with contextlib.suppress(WireFault):
        records.decode_text_record(bytes(block[:256]))


@pytest.mark.parametrize("length", [0, 255, 257])
def test_a_record_of_another_length_is_refused(length):
    with pytest.raises(WireFault, match="record_length"):
        records.decode_text_record(bytes(length))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((36, 16), ""),
        ((36, 16), "19490230"),
        ((36, 16), "1949010"),
        ((36, 16), "１９４９０１０１"),
        ((188, 16), "2010-1-2"),
        ((204, 16), ""),
        ((204, 16), "00000000"),
        ((204, 16), "长期有效"),
    ],
)
def test_a_date_that_is_none_is_refused(place, value):
    at, length = place
    block = RESIDENT[:at] + field(value, length) + RESIDENT[at + length :]
    with pytest.raises(WireFault, match="record_date"):
        records.decode_text_record(block)


def test_a_missing_date_of_issue_is_no_date():
    block = RESIDENT[:188] + field("", 16) + RESIDENT[204:]
    assert records.decode_text_record(block).valid_from is None


@pytest.mark.parametrize("raw", ["\n", "\x1b@", "\x00张", "张\x85"])
def test_control_characters_are_no_name(raw):
    with pytest.raises(WireFault, match="record_text"):
        records.decode_text(field(raw + "a", 30))


def test_half_a_surrogate_pair_is_no_text():
    with pytest.raises(WireFault, match="record_text"):
        records.decode_text(b"\x42\xd8\x20\x00")


@pytest.mark.parametrize(
    "card",
    [
        blank(name=Private("字" * 16)),
        blank(name=Private("\ud842")),
        blank(is_permanent=False),
        blank(kind=CardKind.RESIDENCE_PERMIT),  # has no nation
        blank(kind=CardKind.FOREIGNER_2017, nation=""),  # has no address
    ],
)
def test_a_card_that_does_not_fit_its_layout_is_not_encoded(card):
    with pytest.raises(WireFault):
        records.encode_text_record(card)


def test_a_field_the_layout_lacks_is_not_encoded():
    with pytest.raises(WireFault, match="record_field"):
        records.encode_fields(CardKind.RESIDENT, {"colour": "red"})


# ── codes ──────────────────────────────────────────────────────────────────────────────────


def test_nations_are_those_of_the_standard_and_others_show_their_code():
    assert len(NATIONS) == 58
    named = {"01": "汉", "22": "畲", "29": "柯尔克孜", "43": "乌孜别克", "46": "德昂", "56": "基诺"}
    assert {code: nation_name(code) for code in named} == named
    assert nation_name("97") == "其他"
    assert nation_name("98") == "外国血统中国籍人士"
    assert [nation_name(code) for code in ("57", "00", "")] == ["57", "00", ""]


def test_only_code_1_is_a_man_and_only_code_2_a_woman():
    assert [sex_name(code) for code in "012945"] == ["未知", "男", "女", "未说明", "4", "5"]


def test_the_former_number_of_a_2023_card_is_computed():
    assert former_number("USA", "911840198001010013", "081") == "USA110880010117"


@pytest.mark.parametrize(
    "parts", [("US", "911840198001010013", "081"), ("USA", "9118", "081"), ("USA", "911840198001010013", "8")]
)
def test_parts_that_give_no_former_number_are_refused(parts):
    with pytest.raises(WireFault, match="former_number"):
        former_number(*parts)
