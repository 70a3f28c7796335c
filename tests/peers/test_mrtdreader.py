"""A program others wrote reads our virtual passport: mrtdreader (libmrtd and libnfc) through a contactless reader.

It does BAC, EF.COM, EF.SOD, DG1 and DG2, in 3DES; neither PACE nor files beyond 32 kB.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import tty
from pathlib import Path

import pytest

from devices.api import Authenticity, CardKeys, Deadline, PictureKind, Private
from devices.drivers.card_emrtd import read_travel_document
from devices.drivers.card_emrtd_trust import judge
from devices.sim.chips.passport import PASSPORTS
from devices.sim.chips.passport_files import build_files, draw_face
from devices.sim.chips.passport_signer import build_csca
from devices.sim.control import SimProcess, spawn
from devices.wire import pn532
from devices.wire.emrtd import File
from devices.wire.mrz import encode_mrz
from tests.fixtures.reader import within

PERSON = ("-p", "L898902C", "-b", "690806", "-e", "940623")
KEYS = CardKeys(mrz=Private(encode_mrz(PASSPORTS["bac"].mrz)))
PEER_S = 45


def run_peer(reader: SimProcess, folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Let mrtdreader read what lies on the reader; it writes the face into `folder`."""
    device = f"pn532_uart:{reader.link.partition(':')[2]}:115200"
    environment = {**os.environ, "LIBNFC_DEVICE": device}
    return subprocess.run(
        ["mrtdreader", *(words or PERSON)],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=PEER_S,
    )


class ContactlessChannel:
    """A CardChannel through the same contactless reader, for our own side."""

    atr = b""

    def __init__(self, reader: SimProcess) -> None:
        self._wire = os.open(reader.link.partition(":")[2], os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._wire)
        self._decoder = pn532.Decoder()
        assert self._call(b"\x4a\x01\x00")[:1] == b"\x01"

    def transmit(self, apdu: bytes, deadline: Deadline) -> tuple[bytes, int]:
        answer = self._call(b"\x40\x01" + apdu)[1:]
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def _call(self, command: bytes) -> bytes:
        os.write(self._wire, pn532.encode_frame(b"\xd4" + command))
        while select.select([self._wire], [], [], PEER_S)[0]:
            for data in self._decoder.feed(os.read(self._wire, 4096)):
                assert data[:2] == bytes((0xD5, command[0] + 1))
                return data[2:]
        pytest.fail("the contactless reader does not answer")

    def close(self) -> None:
        os.close(self._wire)


@pytest.mark.parametrize(("variant", "name"), [("bac", "image.jpg"), ("jpeg2000", "image.jp2")])
def test_the_peer_reads_our_passport_byte_for_byte_and_we_read_the_same_chip(tmp_path, variant, name):
    files = build_files(PASSPORTS[variant])
    face = draw_face(PASSPORTS[variant].face_bytes, PASSPORTS[variant].face_kind)
    with spawn("pn532", f"passport:{variant}", folder=tmp_path) as reader:
        told = run_peer(reader, tmp_path)
        assert told.returncode == 0, told.stderr
        assert (tmp_path / name).read_bytes() == face
        said = told.stdout.decode("utf-8", "replace")
        assert "Challenge successful" in said
        assert encode_mrz(PASSPORTS[variant].mrz).replace("\n", "") in said
        common, sod = (bytes.fromhex(one) for one in re.findall(r"File content: ([0-9a-f]+)", said))
        assert common == files[File.COM]
        # the signature as the peer read it, over the files as they were put in
        verdict = judge(sod, {1: files[File.DG1], 2: files[File.DG2]}, (build_csca(),))
        assert verdict.authenticity is Authenticity.VALID
        channel = ContactlessChannel(reader)
        ours = read_travel_document(channel, within(), KEYS, (build_csca(),))
        channel.close()
    assert ours.portrait.reveal() == face
    assert ours.portrait_kind is PictureKind(PASSPORTS[variant].face_kind)
    assert ours.authenticity is Authenticity.VALID


def test_the_peer_with_a_wrong_key_is_turned_away(tmp_path):
    with spawn("pn532", "passport", folder=tmp_path) as reader:
        told = run_peer(reader, tmp_path, "-p", "L898902D", "-b", "690806", "-e", "940623")
        assert b"Challenge failed" in told.stderr
        assert not list(tmp_path.glob("image*"))
        assert reader.control.call("asked") == ["00a4040c", "00840000", "00820000"]
        reader.control.call("card", card="passport:no_sod")
        assert b"Challenge successful" in run_peer(reader, tmp_path).stdout
    assert (tmp_path / "image.jpg").read_bytes() == draw_face(PASSPORTS["no_sod"].face_bytes)
