"""Small pure pieces of the console: bodies of forms, working days, alarms, words for ages and sizes."""

from __future__ import annotations

import datetime as dt
import io
import json
import zlib
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from sandbox.console.accounts import hash_password, verify_password
from sandbox.console.alarms import Alarm, decode_health, find_alarms
from sandbox.console.bodies import Form, decode_multipart, decode_urlencoded
from sandbox.console.decide import is_day
from sandbox.console.desk import add_working_days, give_file
from sandbox.console.terminals import newest_app
from sandbox.console.web import size_words
from sandbox.documents import BadDocument, check_document
from sandbox.problems import Problem

FRIDAY = 1_795_750_000  # 2026-11-27 11:26 in China


def piece(name: str, data: bytes, filename: str = "") -> bytes:
    file = f'; filename="{filename}"' if filename else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"


def test_a_multipart_body_gives_texts_and_files_byte_for_byte() -> None:
    data = bytes(range(256)) + b"\r\n--X\r\n--XY\r\n"
    form = decode_multipart(piece("csrf", b"abc") + piece("document", data, 'a"; name="csrf') + b"--XX--\r\n", b"XX")
    assert (form.text("csrf"), form.files) == ("abc", {"document": data})


@given(st.binary(max_size=300))
def test_any_multipart_body_is_a_form_or_refused(body: bytes) -> None:
    for candidate in (body, b"--XX" + body, piece("a", body), piece("a", body) + b"--XX--"):
        with suppress(Problem):  # and nothing else
            assert isinstance(decode_multipart(candidate, b"XX"), Form)


def test_a_text_that_comes_twice_is_none_and_control_characters_go() -> None:
    form = decode_urlencoded(b"a=1&a=2&b=x%00y%E2%80%AEz&c=+z+")
    assert (form.text("a"), form.all("a"), form.text("b"), form.text("c")) == ("", ("1", "2"), "xyz", "z")
    with pytest.raises(Problem):
        decode_urlencoded(b"a=\xff")
    with pytest.raises(Problem):
        decode_urlencoded(b"&".join(b"a=1" for _ in range(300)))


def test_working_days_leave_the_weekend_out() -> None:
    days = [add_working_days(FRIDAY, count) for count in (0, 1, 2, 5, 6)]
    assert days == ["2026-11-27", "2026-11-30", "2026-12-01", "2026-12-04", "2026-12-07"]


def test_a_password_is_kept_as_a_costly_hash_only() -> None:
    stored = hash_password("nan-hu-hong-chuan")
    assert stored.startswith("scrypt$15$8$3$")
    assert verify_password("nan-hu-hong-chuan", stored)
    assert not verify_password("nan-hu-hong-chuan ", stored)


@pytest.mark.parametrize("text", ["{}", '{"queue":7,"devices":[],"faults":{},"audit":"x","disk_free":"9"}'])
def test_a_heartbeat_of_any_shape_is_read(text: str) -> None:
    health = decode_health(text)
    assert health is not None
    assert (health.ready, health.dead, health.disk_free, health.devices, health.faults) == (0, 0, -1, (), ())
    assert decode_health(None) is None


@pytest.mark.parametrize(
    ("said", "at"),
    [("2026-11-27T11:26:40+08:00", FRIDAY), ("2026-11-27T03:26:40Z", FRIDAY), (FRIDAY, FRIDAY), ("", 0), ("x", 0),
     ("2026-11-27T11:26:40", 0), (-5, 0), (None, 0), ("9999-99-99", 0)],
)  # fmt: skip
def test_the_oldest_unsent_is_a_moment_however_it_is_written(said: object, at: int) -> None:
    health = decode_health(json.dumps({"queue": {"oldest": said}}))
    assert health is not None
    assert health.oldest == at


def test_a_certificate_past_two_thirds_is_told() -> None:
    begun = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(begun).not_valid_after(begun + dt.timedelta(days=300)).sign(key, SHA256())
    )  # fmt: skip
    row = {"state": "pending", "heartbeat_at": None}

    def told(day: int) -> tuple[Alarm, ...]:
        at = int((begun + dt.timedelta(days=day)).timestamp())
        return find_alarms(row, None, certificate, [], "", at)  # type: ignore[arg-type]

    assert told(199) == ()
    assert [alarm.state for alarm in told(201)] == ["care"]
    grave = find_alarms(row, None, certificate, [{"kind": "seq_reused"}, {"kind": "other"}], "", FRIDAY)  # type: ignore
    assert [alarm.state for alarm in grave] == ["stop", "care"]


def test_versions_are_compared_as_numbers() -> None:
    beats = [decode_health(f'{{"app":"jinban/{version}"}}') for version in ("0.9.0", "0.10.0", "0.2", "x")]
    assert newest_app([*beats, None]) == "jinban/0.10.0"


def test_bytes_are_never_called_what_they_are_not() -> None:
    assert (
        give_file(b"%PDF-1.7", "application/pdf", "a").headers["content-disposition"] == 'attachment; filename="a.pdf"'
    )
    assert give_file(b"<svg>", "image/svg+xml", "a").headers["content-type"] == "application/octet-stream"
    assert size_words(3_670_016) == "3.5 MB"
    assert size_words(1) == "1 KB"


def png(width: int, height: int, drawn: int = 1) -> bytes:
    """Return a PNG that says so many pixels and brings so many rows."""
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * drawn)
    chunks = (
        (b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\1\0\0\0\0"),
        (b"IDAT", rows),
        (b"IEND", b""),
    )
    body = b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("is_lax", [False, True])
def test_a_document_is_a_picture_that_opens(is_lax: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", is_lax)  # weasyprint sets it once it is loaded
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(out, "PNG")
    good = out.getvalue()
    check_document(good)
    check_document(png(64, 64, 64))
    head = b"\x89PNG\r\n\x1a\n"
    bad = [head, head + b"garbage", head + bytes(60), good[:-30], good[:40], png(0, 5), png(40_000, 2, 2),
           png(10_000, 5_000, 1), good[:60] + bytes([good[60] ^ 1]) + good[61:], b"GIF89a", b""]  # fmt: skip
    for data in bad:
        with pytest.raises(BadDocument):
            check_document(data)


def test_a_day_is_one_of_the_calendar() -> None:
    assert all(map(is_day, ("2027-02-28", "2028-02-29", "2099-12-31")))
    wrong = (
        "2027-02-31",
        "2027-02-29",
        "2027-13-01",
        "2027-00-10",
        "20270231",
        "2027-W01-1",
        "２０２７-02-01",
        "1999-01-01",
        "",
    )
    assert [text for text in wrong if is_day(text)] == []
