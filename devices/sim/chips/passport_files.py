"""What is written on the virtual passports: invented people, drawn faces, files as ICAO 9303-10 has them."""

from __future__ import annotations

import io
import random
from functools import cache

import msgspec

from devices.api import PictureKind, Private
from devices.sim.chips.passport_signer import Signing, build_sod
from devices.wire import emrtd, pace
from devices.wire.emrtd import Common, Face, File
from devices.wire.emrtd_keys import AES128
from devices.wire.mrz import Mrz, MrzForm

WIDTH, HEIGHT = 240, 320
_SEGMENT_MAX = 65533  # a JPEG comment's length counts itself
_PIECE = 4  # marker and length of a comment

PACE_BRAINPOOL = pace.PaceInfo(pace.protocol_of(AES128), 13)

# the ICAO's own example person, whose document number the peer is given
ERIKSSON = Mrz(
    form=MrzForm.TD3,
    code="P",
    issuer="UTO",
    surname=Private("ERIKSSON"),
    given_names=Private("ANNA MARIA"),
    number=Private("L898902C"),
    nationality="UTO",
    birth=Private("690806"),
    sex="F",
    expiry="940623",
    optional=Private("ZE184226B"),
)
# a card with a number longer than nine, as a permit may have it
PERMIT = Mrz(
    form=MrzForm.TD1,
    code="I",
    issuer="UTO",
    surname=Private("STEVENSON"),
    given_names=Private("PETER JOHN"),
    number=Private("D23145890734"),
    nationality="UTO",
    birth=Private("340712"),
    sex="M",
    expiry="950712",
)


class Passport(msgspec.Struct, frozen=True):
    """One virtual passport. `block_bytes` is the most that its chip hands over at a time."""

    mrz: Mrz = ERIKSSON
    can: str = "123456"
    face_bytes: int = 15_000
    face_kind: PictureKind = PictureKind.JPEG
    ways: tuple[pace.PaceInfo, ...] = ()  # of PACE
    has_bac: bool = True
    has_common: bool = True
    signing: Signing = Signing.GOOD
    block_bytes: int = 65536


def build_files(passport: Passport) -> dict[int, bytes]:
    """Return the files of a passport by their identifier; EF.CardAccess where it knows PACE."""
    picture = draw_face(passport.face_bytes, passport.face_kind)
    groups = (
        (1, emrtd.encode_dg1(passport.mrz)),
        (2, emrtd.encode_dg2(Face(passport.face_kind, Private(picture), WIDTH, HEIGHT))),
    )
    files: dict[int, bytes] = {File.DG1: groups[0][1], File.DG2: groups[1][1]}
    if passport.has_common:
        files[File.COM] = emrtd.encode_common(Common("0107", "040000", (1, 2)))
    if sod := build_sod(passport.signing, groups):
        files[File.SOD] = sod
    if passport.ways:
        files[File.CARD_ACCESS] = pace.encode_card_access(passport.ways)
    return files


@cache
def draw_face(size_bytes: int, kind: PictureKind = PictureKind.JPEG) -> bytes:
    """Return a picture of nobody; a JPEG has exactly `size_bytes`, filled up with comments."""
    from PIL import Image, ImageDraw, ImageFilter

    noise = random.Random(9303)
    image = Image.new("RGB", (WIDTH, HEIGHT), (224, 228, 232))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 230, 220, 420), fill=(52, 74, 110))
    draw.ellipse((70, 60, 170, 250), fill=(226, 188, 160))
    draw.chord((64, 44, 176, 150), 180, 360, fill=(58, 44, 36))
    for x in (100, 140):
        draw.ellipse((x - 8, 142, x + 8, 152), fill=(250, 250, 250))
        draw.ellipse((x - 4, 143, x + 4, 151), fill=(40, 32, 28))
    draw.line((120, 155, 116, 185, 124, 187), fill=(190, 150, 125), width=3)
    draw.arc((100, 195, 140, 222), 20, 160, fill=(150, 70, 70), width=4)
    grain = Image.frombytes("L", (WIDTH, HEIGHT), noise.randbytes(WIDTH * HEIGHT)).filter(ImageFilter.BoxBlur(3))
    image = Image.blend(image, Image.merge("RGB", (grain, grain, grain)), 0.12)
    out = io.BytesIO()
    if kind is PictureKind.JPEG2000:
        image.save(out, "JPEG2000", quality_mode="rates", quality_layers=[size_bytes and 30])
        return out.getvalue()
    image.save(out, "JPEG", quality=80)
    return _fill(out.getvalue(), size_bytes)


def _fill(jpeg: bytes, size_bytes: int) -> bytes:
    """Return the JPEG with comments after its JFIF head, which comes first. Raises: ValueError if it is too large."""
    missing = size_bytes - len(jpeg)
    if missing < 0 or 0 < missing < _PIECE:
        raise ValueError(f"face of {size_bytes} bytes: {len(jpeg)} are the least")
    comments = b""
    while missing:
        body = min(missing - _PIECE, _SEGMENT_MAX - 2)
        if 0 < missing - _PIECE - body < _PIECE:  # the rest would have no room for its own head
            body -= _PIECE
        comments += b"\xff\xfe" + (body + 2).to_bytes(2, "big") + b"." * body
        missing -= body + _PIECE
    head = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:head] + comments + jpeg[head:]
