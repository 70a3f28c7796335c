"""The eye's process: it may die over a picture, and the product only hears of it."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from devices.api import Cancelled, Deadline, HardwareFault, TimedOut, UserFault, WireFault
from devices.imaging import wire
from devices.imaging.eye import Eye
from devices.imaging.values import Limits, Track
from devices.sim import desk
from devices.sim.scene import Scene
from tests.fixtures.camera import encoded
from tests.fixtures.pictures import (
    BASELINE,
    PROGRESSIVE,
    TRANSPARENT,
    chunk,
    grey_jpeg,
    inside_jpeg,
    inside_png,
    png,
    segment,
)

Still = Callable[..., bytes]


@pytest.fixture(scope="module")
def frame() -> bytes:
    scene = Scene()
    scene.lay("register", 0.0, at_once=True)
    return bytes(desk.encode(scene.stream_picture(0.0, 0), 82))


@pytest.fixture
def eye() -> Iterator[Eye]:
    eye = Eye()
    yield eye
    eye.close()


def peak_kb(pid: int) -> int:
    """Return the largest resident set a process had, kB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def test_frames_are_judged_and_the_newest_picture_can_be_shown(camera_eye: Eye, frame: bytes) -> None:
    assert camera_eye.latest() is None
    previews = [camera_eye.look(frame, Deadline(20)) for _ in range(8)]
    assert [p.is_ready for p in previews] == [False] * 7 + [True]
    assert previews[-1].corners is not None
    latest = camera_eye.latest()
    assert latest is not None
    number, width, height, pixels = latest
    assert (number, width, height) == (previews[-1].number, 960, 540)
    picture = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    (x0, y0), (x1, _), (_, y2), _ = previews[-1].corners
    paper = picture[int(y0 + 20) : int(y2 - 20), int(x0 + 20) : int(x1 - 20)]
    assert np.median(paper) > 180  # the paper is where the corners say, red first
    assert picture[10, 10, 0] > picture[10, 10, 2]  # and the desk of wood is brown in RGB


def test_what_was_seen_is_forgotten_on_demand(camera_eye: Eye, frame: bytes) -> None:
    camera_eye.look(frame, Deadline(20))
    camera_eye.forget()
    assert camera_eye.latest() is None
    assert bytes(camera_eye._memory) == bytes(len(camera_eye._memory))
    assert camera_eye.track.small == b""


def test_what_is_judged_while_a_visit_ends_is_not_kept_for_the_next(eye: Eye, frame: bytes, desk_still: Still) -> None:
    still = desk_still("card")
    eye.look(frame, Deadline(20))
    for ask in (lambda: eye.look(frame, Deadline(20)), lambda: eye.take(still, "m", 0, Deadline(20))):
        os.kill(eye.pid, signal.SIGSTOP)
        forgetter = threading.Timer(0.2, lambda: (eye.forget(), os.kill(eye.pid, signal.SIGCONT)))
        forgetter.start()
        with pytest.raises(Cancelled):
            ask()
        forgetter.join()
        assert eye.latest() is None
        assert eye.track == Track()
        assert bytes(eye._memory) == bytes(len(eye._memory))


def test_a_page_is_made_of_a_still_and_known_again_in_the_preview(
    camera_eye: Eye, desk_still: Still, frame: bytes
) -> None:
    page = camera_eye.take(desk_still("register"), "household_register", 2, Deadline(30))
    assert (page.material, page.index, page.is_kept_despite) == ("household_register", 2, False)
    assert "•••" in repr(page)
    whole, small = (Image.open(io.BytesIO(one.reveal())) for one in (page.jpeg, page.thumbnail))
    assert max(small.size) == 320
    whole = whole.resize(small.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(whole, np.int16) - np.asarray(small, np.int16)).mean() < 8
    gates = [camera_eye.look(frame, Deadline(20)).gate for _ in range(12)]
    assert gates[-1] == "taken"


def test_what_a_still_told_of_its_size_is_told_in_the_next_preview(eye: Eye, frame: bytes) -> None:
    eye.limits = Limits(least_dpi=150.0)

    def settled() -> str:
        for _ in range(12):
            preview = eye.look(frame, Deadline(20), "a4")
        return preview.gate

    before = settled()
    with pytest.raises(UserFault) as refused:
        eye.take(frame, "M-HUKOU", 0, Deadline(20), accepts="a4")  # a camera that has no finer still than its stream
    assert (before, refused.value.code, settled()) == ("", "far", "far")


def test_a_refused_page_names_its_gate_and_can_be_kept(camera_eye: Eye, desk_still: Still) -> None:
    with pytest.raises(UserFault) as refused:
        camera_eye.take(desk_still("glare"), "m", 0, Deadline(30))
    assert refused.value.code == "glare"
    assert camera_eye.take(desk_still("glare"), "m", 0, Deadline(30), keep=True).is_kept_despite


HALF_ROWS = b"".join(b"\0" + random.Random(row).randbytes(6300) for row in range(20)) + bytes(6301 * 3000)
BOMBS = {
    "text": (lambda: b"a text file renamed to .jpg", "not_a_picture"),
    "900 MP": (lambda: png(30_000, 30_000, bytes(4096)), "picture_too_large"),
    "one line": (lambda: png(65_535, 1, bytes(70_000)), "picture_too_large"),
    "hollow": (lambda: png(6000, 6600, bytes(64)), "picture_truncated"),
    "half its rows": (lambda: png(6300, 6300, HALF_ROWS), "not_a_picture"),
    "half its data": (lambda: encoded(Image.new("RGB", (64, 64)), "JPEG")[:-40], "picture_truncated"),
    "a hundred scans": (lambda: grey_jpeg(PROGRESSIVE, 4000, 4000, 100), "picture_too_large"),
    "fill bytes": (lambda: b"\xff\xd8" + b"\xff" * 19_000_000, "picture_truncated"),
}


def test_a_hostile_picture_is_one_refusal_and_the_eye_lives_on_within_its_memory(eye: Eye) -> None:
    eye.examine(encoded(Image.new("RGB", (64, 64)), "PNG"), Deadline(45))
    pid = eye.pid
    for name, (build, code) in BOMBS.items():
        with pytest.raises(WireFault) as refused:
            eye.examine(build(), Deadline(45))
        assert refused.value.code == code, name
    for data in (b"no frame", BOMBS["a hundred scans"][0]()):  # a live camera's frames pass the same border
        with pytest.raises(WireFault):
            eye.look(data, Deadline(45))
    assert eye.pid == pid
    assert peak_kb(pid) < 300_000


def test_the_largest_pictures_allowed_are_pages_within_the_same_memory(eye: Eye) -> None:
    largest = [(lambda: grey_jpeg(PROGRESSIVE, 4000, 4000, 10), (4000, 4000))]
    if os.environ.get("JINBAN_CHAOS") == "1":
        largest += [
            (lambda: grey_jpeg(BASELINE, 6320, 6320), (6320, 6320)),
            (lambda: grey_jpeg(PROGRESSIVE, 4000, 4000, 20), (4000, 4000)),
            (lambda: png(6320, 6320, bytes(6320 * 6321)), (6320, 6320)),
            (lambda: png(4000, 4000, bytes(4000 * 32_008), depth=16, colour=TRANSPARENT, interlace=1), (4000, 4000)),
        ]
    for build, size in largest:
        answer = eye.examine(build(), Deadline(45), keep=True).answer
        assert (answer.width_px, answer.height_px) == size
    assert peak_kb(eye.pid) < 300_000


def test_a_full_sized_still_stays_within_the_memory_promised(eye: Eye, desk_still: Still) -> None:
    eye.take(desk_still("register"), "m", 0, Deadline(45))
    assert peak_kb(eye.pid) < 250_000
    limits = Path(f"/proc/{eye.pid}/limits").read_text(encoding="ascii")
    assert next(line.split()[3] for line in limits.splitlines() if line.startswith("Max address")) == "1200000000"
    assert next(line.split()[4] for line in limits.splitlines() if line.startswith("Max core")) == "0"


def test_nothing_but_pixels_of_a_file_comes_out_again(camera_eye: Eye, frame: bytes) -> None:
    mark = b"SECRET-7f3a"
    exif = Image.Exif()
    exif[0x010E] = mark.decode()  # ImageDescription
    exif[0x0112] = 3
    shown = Image.open(io.BytesIO(frame)).reduce(2)
    jpeg = inside_jpeg(
        encoded(shown.rotate(180), "JPEG", exif=exif, icc_profile=mark * 20, comment=mark),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + mark),
    )
    text = chunk(b"tEXt", b"Comment\0" + mark)
    for data in (jpeg + b"PK\3\4" + mark, inside_png(encoded(shown, "PNG", icc_profile=mark * 20), text) + mark):
        assert mark in data
        output = camera_eye.examine(data, Deadline(45), keep=True, as_pdf=True).output
        assert output.startswith(b"%PDF")
        assert not any(word in part for part in (output, *unpacked(output)) for word in (mark, b"Exif"))
        page = camera_eye.take(data, "m", 0, Deadline(45), keep=True)
        pictures = (page.jpeg.reveal(), page.thumbnail.reveal())
        assert not any(word in one for one in pictures for word in (mark, b"Exif"))


def unpacked(pdf: bytes) -> list[bytes]:
    """Return what the compressed streams of a PDF hold."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(stream))
    return found


def test_killing_the_eye_costs_one_refusal_and_the_next_picture_works(eye: Eye, frame: bytes) -> None:
    eye.look(frame, Deadline(20))
    first = eye.pid
    os.kill(first, signal.SIGSTOP)  # it will not answer any more
    killer = threading.Timer(0.1, os.kill, (first, signal.SIGKILL))
    killer.start()
    with pytest.raises(HardwareFault) as died:
        eye.look(frame, Deadline(20))
    killer.join()
    assert died.value.code == "eye_died"
    assert eye.look(frame, Deadline(20)).number > 0
    assert eye.pid != first


def test_an_eye_that_outlives_a_stills_deadline_is_killed(eye: Eye, desk_still: Still) -> None:
    eye.examine(encoded(Image.new("RGB", (64, 64)), "PNG"), Deadline(30))
    first = eye.pid
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(HardwareFault) as died:
        eye.take(desk_still("card"), "m", 0, Deadline(0.3))
    assert died.value.code == "eye_died"
    assert not Path(f"/proc/{first}").exists()
    assert eye.take(desk_still("card"), "m", 0, Deadline(30)).dpi > 0


def test_calling_off_returns_at_once_and_the_late_answer_is_dropped(eye: Eye, frame: bytes) -> None:
    small = encoded(Image.new("RGB", (64, 64)), "PNG")
    eye.look(frame, Deadline(20))
    first = eye.pid
    off = threading.Event()
    os.kill(first, signal.SIGSTOP)
    threading.Timer(0.1, off.set).start()
    with pytest.raises(Cancelled):
        eye.examine(small, Deadline(20, off))
    with pytest.raises(TimedOut):
        eye.look(small, Deadline(0.2))  # a preview's deadline is the watcher's end, not the eye's
    os.kill(first, signal.SIGCONT)
    assert eye.look(frame, Deadline(20)).width_px == 960
    assert eye.pid == first


class _JustOver(Deadline):
    """Over by the time the first byte is to be sent, not yet when the call begins."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def check(self, what: str = "deadline") -> None:
        """Let the call begin."""


def test_a_deadline_that_passes_before_a_word_is_said_costs_no_eye(eye: Eye, frame: bytes) -> None:
    eye.look(frame, Deadline(20))
    first = eye.pid
    with pytest.raises(TimedOut):
        eye.look(frame, _JustOver())
    assert eye.look(frame, Deadline(20)).number > 0
    assert eye.pid == first


def test_a_message_that_has_begun_may_end_after_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        deadline = Deadline(20)
        patience = wire.Patience(ours, deadline, 20)
        theirs.sendall(b"half")
        assert patience.read(4) == b"half"
        deadline.at = 0.0
        theirs.sendall(b"whole")
        assert patience.read(5) == b"whole"
        with pytest.raises(TimedOut):
            wire.Patience(ours, deadline, 20).read(1)
        with pytest.raises(TimedOut):
            patience.read(1)


def test_an_eye_that_does_not_take_a_whole_picture_is_given_up_with_the_call(eye: Eye, desk_still: Still) -> None:
    eye.examine(encoded(Image.new("RGB", (64, 64)), "PNG"), Deadline(30))
    still = desk_still("card")  # drawn before: a call that is off before its first byte costs no eye
    os.kill(eye.pid, signal.SIGSTOP)
    off = threading.Event()
    threading.Timer(1.5, off.set).start()
    with pytest.raises(Cancelled):
        eye.take(still, "m", 0, Deadline(20, off))  # larger than the socket holds
    assert eye.pid == 0
    assert eye.take(desk_still("card"), "m", 0, Deadline(30)).dpi > 0


def test_a_picture_called_off_on_its_way_is_sent_to_its_end_and_costs_no_eye(
    eye: Eye, frame: bytes, desk_still: Still
) -> None:
    eye.look(frame, Deadline(20))
    still, first = desk_still("card"), eye.pid
    os.kill(first, signal.SIGSTOP)
    off = threading.Event()
    threading.Timer(0.2, off.set).start()
    threading.Timer(0.5, os.kill, (first, signal.SIGCONT)).start()
    with pytest.raises(Cancelled):
        eye.take(still, "m", 0, Deadline(20, off))
    assert eye.look(frame, Deadline(20)).width_px == 960
    assert eye.pid == first


def test_a_closed_eye_says_so_and_leaves_no_process(frame: bytes) -> None:
    eye = Eye()
    eye.look(frame, Deadline(20))
    pid = eye.pid
    eye.close()
    eye.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(HardwareFault):
        eye.look(frame, Deadline(5))


def test_the_product_loads_neither_cv2_nor_numpy_for_its_eye() -> None:
    code = (
        "import sys; import devices.imaging.eye, devices.drivers.camera_http, devices.drivers.camera_folder;"
        "sys.exit(any(m in sys.modules for m in ('cv2', 'numpy')))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_words_of_the_border_that_are_not_ours_are_refused() -> None:
    def reader(data: bytes) -> Callable[[int], bytes]:
        rest = bytearray(data)

        def read(count: int) -> bytes:
            part = bytes(rest[:count])
            del rest[:count]
            return part

        return read

    for data in (
        wire.HEAD.pack(1, 5, 0) + b"hello",
        wire.HEAD.pack(1, 2_000_000, 0),
        wire.HEAD.pack(1, 0, 100_000_000),
    ):
        with pytest.raises(WireFault):
            wire.receive_answer(reader(data))
        with pytest.raises(WireFault):
            wire.receive_request(reader(data))
