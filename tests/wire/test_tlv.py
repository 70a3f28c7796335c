"""BER-TLV: golden bytes, there and back, and nothing but WireFault from bytes of no form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire.tlv import (
    MAX_DEPTH,
    decode_flat,
    decode_head,
    decode_tag_lengths,
    decode_tlv,
    encode_tlv,
    find_all,
    is_constructed,
    pick,
    value_of,
)

primitive_tags = st.sampled_from((0x4F, 0x50, 0x5A, 0x57, 0x5F24, 0x9F38, 0x87, 0xDF8101))
constructed_tags = st.sampled_from((0x61, 0x6F, 0x70, 0xA5, 0xBF0C))
primitives = st.builds(encode_tlv, primitive_tags, st.binary(max_size=300))
objects = st.recursive(
    primitives,
    lambda inner: st.builds(lambda tag, parts: encode_tlv(tag, *parts), constructed_tags, st.lists(inner, max_size=3)),
    max_leaves=8,
)


def again(nodes) -> bytes:
    """Return decoded objects as bytes."""
    return b"".join(encode_tlv(node.tag, again(node.children) if node.children else node.value) for node in nodes)


def test_a_directory_entry_of_a_bank_card():
    data = bytes.fromhex("70 1B 61 19 4F 08 A000000333010101 50 0A 556E696F6E50617920 44 87 01 01".replace(" ", ""))
    (record,) = decode_tlv(data)
    assert (record.tag, [node.tag for node in record.children]) == (0x70, [0x61])
    assert value_of((record,), 0x4F).hex().upper() == "A000000333010101"
    assert value_of((record,), 0x87) == b"\x01"
    assert value_of((record,), 0x99) == b""
    assert len(find_all((record,), 0x50)) == 1


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, "5000"), (127, "507F"), (128, "508180"), (255, "5081FF"), (256, "50820100"), (65536, "5083010000")],
)
def test_each_form_of_a_length(size, head):
    data = encode_tlv(0x50, bytes(size))
    assert data.hex().upper().startswith(head)
    assert decode_tlv(data)[0].value == bytes(size)


@given(st.lists(objects, max_size=3))
def test_objects_come_back_as_they_were(parts):
    data = b"".join(parts)
    assert again(decode_tlv(data)) == data


@given(st.lists(primitives, min_size=1, max_size=3), st.integers(0, 3))
def test_filling_between_objects_is_passed_over(parts, zeros):
    data = (bytes(zeros)).join((b"", *parts, b""))
    assert again(decode_tlv(data)) == b"".join(parts)


@given(st.binary(max_size=200))
def test_bytes_of_no_form_raise_wirefault_alone(data):
    for decode in (decode_tlv, decode_tag_lengths):
        try:
            decode(data)
        except WireFault:
            continue


@pytest.mark.parametrize(
    "text", ["5A", "5A0312", "9F", "9F81", "5A80", "5A85", "5A8400000001AA", "1F818181AA00", "7005"]
)
def test_what_is_cut_or_endless_is_refused(text):
    with pytest.raises(WireFault):
        decode_tlv(bytes.fromhex(text))


def test_nesting_has_an_end():
    data = b""
    for _ in range(MAX_DEPTH + 2):
        data = encode_tlv(0x70, data)
    with pytest.raises(WireFault, match="nested"):
        decode_tlv(data)


@pytest.mark.parametrize("tag", [0x00, 0x5F, 0x9F81, 0x5A01])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(WireFault):
        encode_tlv(tag, b"")


def test_constructed_or_not():
    assert [is_constructed(tag) for tag in (0x70, 0x61, 0xBF0C, 0x4F, 0x5F24, 0x9F38)] == [True] * 3 + [False] * 3


def test_a_data_object_list():
    assert decode_tag_lengths(bytes.fromhex("9F66049F02065F2A029A03")) == (
        (0x9F66, 4),
        (0x9F02, 6),
        (0x5F2A, 2),
        (0x9A, 3),
    )


def test_a_value_does_not_show():
    (node,) = decode_tlv(encode_tlv(0x5F20, b"ZHANG"))
    assert "ZHANG" not in f"{node!r} {node}"


def test_filling_stands_before_between_and_behind():
    data = bytes.fromhex("00 4F01AA 0000 5001BB 00".replace(" ", ""))
    assert [(node.tag, node.value) for node in decode_tlv(data)] == [(0x4F, b"\xaa"), (0x50, b"\xbb")]


def test_objects_fill_their_room_exactly_and_one_is_picked():
    pairs = decode_flat(bytes.fromhex("4F01AA5001BB4F00"))
    assert pairs == ((0x4F, b"\xaa"), (0x50, b"\xbb"), (0x4F, b""))
    assert (pick(pairs, 0x50), pick(pairs, 0x4F)) == (b"\xbb", b"\xaa")
    with pytest.raises(WireFault, match="no 87"):
        pick(pairs, 0x87)
    with pytest.raises(WireFault, match="longer"):
        decode_flat(bytes.fromhex("4F01AA5002BB"))


def test_a_head_is_read_before_its_value_has_come():
    assert decode_head(bytes.fromhex("00007582FFFF"), 2) == (0x75, 6, 0xFFFF)
    for data, at in ((b"", 0), (b"\x4f\x00", 2)):
        with pytest.raises(WireFault, match="nothing came"):
            decode_head(data, at)


def test_sixteen_megabytes_have_no_length_here():
    with pytest.raises(WireFault, match="too long"):
        encode_tlv(0x53, bytes(1 << 24))


def test_a_value_does_not_show_in_colours():
    assert decode_tlv(encode_tlv(0x5F20, b"ZHANG"))[0].__rich_repr__() == [("tag", "5F20"), ("bytes", 5)]
