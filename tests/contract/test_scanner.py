"""One suite over every document scanner driver. The far end is SANE's own test back end."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from devices.api import (
    Cancelled,
    Deadline,
    Device,
    DeviceError,
    DeviceKind,
    DeviceState,
    DocumentScanner,
    HardwareFault,
    Jammed,
    NotReady,
    ScanMode,
    ScanSettings,
    ScanSource,
    TimedOut,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.drivers import scanner_process
from devices.imaging.eye import Eye
from devices.registry import DRIVERS, make_device
from devices.selftest import scan_blank_page
from tests.fixtures.reader import wait_until
from tests.fixtures.scanner import SaneBench

SMALL = ScanSettings(dpi=75, width_mm=80, height_mm=100)
STACK = ScanSettings(ScanSource.FEEDER, ScanMode.GRAY, dpi=75, width_mm=80, height_mm=100)
MEMORY = scanner_process.MEMORY
Make = Callable[..., DocumentScanner]


@pytest.fixture(params=[name for name in DRIVERS if name.startswith("scanner-")])
def make(request: pytest.FixtureRequest, sane_bench: SaneBench, camera_eye: Eye) -> Iterator[Make]:
    made: list[Device] = []

    def scanner(device: str = "test:0") -> DocumentScanner:
        options = {"eye": camera_eye, "config_dir": str(sane_bench.folder)}
        made.append(make_device(DeviceKind.SCANNER, request.param, f"sane:{device}", **options))
        return made[-1]  # type: ignore[return-value]

    yield scanner
    for one in made:
        one.close()
    assert folders() == [], "a page was left behind"
    wait_until(lambda: not _scanners_running(), "scanimage and what it started to end")


@pytest.fixture
def scanner(make: Make) -> DocumentScanner:
    found = make()
    found.open(Deadline(45))
    return found


def _scanners_running() -> bool:
    """Whether a process still works on a scan of ours."""
    ours = f"jinban-scan-{os.getpid()}-".encode()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if ours in file.read_bytes():
                return True
    return False


def folders() -> list[Path]:
    """Return what scans of this process have left."""
    return list(MEMORY.glob(f"jinban-scan-{os.getpid()}-*"))


def test_it_is_a_device_and_says_what_it_can(scanner: DocumentScanner) -> None:
    assert isinstance(scanner, Device)
    found = scanner.capabilities()
    assert (found.kind, found.identifier, found.dpi) == (DeviceKind.SCANNER, "test:0", 1200)
    assert found.features == ("flatbed", "feeder", "colour")
    status = scanner.status(Deadline(45))
    assert (status.kind, status.device) == (DeviceKind.SCANNER, DeviceState.ONLINE)


@pytest.mark.parametrize("mode", list(ScanMode))
def test_the_flatbed_gives_one_page_as_asked(scanner: DocumentScanner, mode: ScanMode, tmp_path: Path) -> None:
    settings = ScanSettings(mode=mode, dpi=150, width_mm=80, height_mm=100)
    scanned = scanner.scan(settings, "id_copy", 3, Deadline(45))
    assert scanned.stopped_by == ""
    (page,) = scanned.pages
    assert (page.material, page.index, page.dpi, page.is_kept_despite) == ("id_copy", 3, 150, False)
    assert abs(page.width_px - 472) <= 2
    assert abs(page.height_px - 590) <= 2
    assert [(v.gate, v.ok) for v in page.verdicts] == [("blank", True)]
    file = tmp_path / "page.jpg"
    file.write_bytes(page.jpeg.reveal())
    with Image.open(file) as picture:
        assert picture.mode == ("RGB" if mode is ScanMode.COLOUR else "L")
        assert picture.info["dpi"] == (150, 150)


def test_the_feeder_gives_its_whole_stack_in_order(scanner: DocumentScanner) -> None:
    scanned = scanner.scan(STACK, "minutes", 0, Deadline(45))
    assert [page.index for page in scanned.pages] == list(range(10))  # the back end's feeder holds ten
    assert scanned.stopped_by == ""


def test_no_more_pages_are_taken_than_asked_for(scanner: DocumentScanner) -> None:
    settings = ScanSettings(ScanSource.FEEDER, dpi=75, width_mm=80, height_mm=100, most_pages=2)
    assert len(scanner.scan(settings, "m", 0, Deadline(45)).pages) == 2


@pytest.mark.parametrize(
    ("word", "error", "code"),
    [
        ("UNSUPPORTED", Unsupported, "scanner_unsupported"),
        ("CANCELLED", HardwareFault, "scanner_cancelled"),
        ("DEVICE_BUSY", NotReady, "deviceBusy"),
        ("INVAL", HardwareFault, "scanner_invalid"),
        ("JAMMED", Jammed, "mediaJammed"),
        ("NO_DOCS", UserFault, "noMedia"),
        ("COVER_OPEN", HardwareFault, "cover_open"),
        ("IO_ERROR", HardwareFault, "scanner_io"),
        ("NO_MEM", HardwareFault, "scanner_memory"),
        ("ACCESS_DENIED", NotReady, "access_denied"),
    ],
)
def test_each_trouble_of_the_back_end_is_the_error_it_is(
    scanner: DocumentScanner, sane_bench: SaneBench, word: str, error: type[DeviceError], code: str
) -> None:
    sane_bench.script(read_status_code=f'"SANE_STATUS_{word}"')
    for settings in (SMALL, STACK):
        with pytest.raises(error) as raised:
            scanner.scan(settings, "m", 0, Deadline(45))
        assert raised.value.code == code
    sane_bench.script()
    assert scanner.scan(SMALL, "m", 0, Deadline(45)).pages  # and it goes on once that is over


def test_a_page_without_pixels_is_no_page(scanner: DocumentScanner, sane_bench: SaneBench) -> None:
    sane_bench.script(read_status_code='"SANE_STATUS_EOF"')
    with pytest.raises((WireFault, HardwareFault)) as raised:
        scanner.scan(SMALL, "m", 0, Deadline(45))
    assert raised.value.code in ("picture_truncated", "scanner_no_data")


def test_a_scanimage_that_hangs_after_its_last_words_is_ended_and_believed(
    scanner: DocumentScanner, scanimage_that: Callable[[str, str], None]
) -> None:
    """SANE 1.1.1 was seen to do so in one of thirty I/O errors, and to exit with 0 in one of five."""
    said = "scanimage: sane_read: Error during device I/O"
    for ending in ("exec sleep 600", "exit 0"):
        scanimage_that("-n", f"echo '{said}' >&2; {ending}")
        with pytest.raises(HardwareFault, match="scanner_io"):
            scanner.scan(SMALL, "m", 0, Deadline(45))


@pytest.mark.parametrize(
    ("status", "said", "error", "code"),
    [
        (6, "scanimage: sane_start: Document feeder jammed", Jammed, "mediaJammed"),
        (8, "scanimage: sane_start: Scanner cover is open", HardwareFault, "cover_open"),
        (9, "scanimage: sane_read: Error during device I/O", HardwareFault, "scanner_io"),
    ],
)
def test_trouble_under_a_stack_keeps_what_came_through_and_says_what_stopped_it(
    scanner: DocumentScanner,
    scanimage_that: Callable[[str, str], None],
    status: int,
    said: str,
    error: type[DeviceError],
    code: str,
) -> None:
    scanimage_that("--batch-count=3", f"echo '{said}' >&2; exit {status}")
    scanned = scanner.scan(STACK, "m", 5, Deadline(45))
    assert [page.index for page in scanned.pages] == [5, 6, 7]
    assert scanned.stopped_by == code
    scanimage_that("-n", f"echo '{said}' >&2; exit {status}")
    with pytest.raises(error):
        scanner.scan(STACK, "m", 0, Deadline(45))


def test_an_empty_feeder_is_the_persons_move(
    scanner: DocumentScanner, scanimage_that: Callable[[str, str], None]
) -> None:
    scanimage_that("-n", "exit 0")  # how scanimage ends a batch that found no sheet at all
    with pytest.raises(UserFault, match="noMedia"):
        scanner.scan(STACK, "m", 0, Deadline(45))


def test_a_scan_that_is_called_off_ends_its_process_at_once(scanner: DocumentScanner, sane_bench: SaneBench) -> None:
    sane_bench.script(read_delay="true", read_delay_duration="200000")
    off = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            scanner.scan(ScanSettings(dpi=300, width_mm=200, height_mm=200), "m", 0, Deadline(60, off))
        except DeviceError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: any(any(folder.iterdir()) for folder in folders()), "the page under way")
    off.set()
    thread.join(45)
    assert [type(error) for error in raised] == [Cancelled]
    with pytest.raises(TimedOut):
        scanner.scan(ScanSettings(dpi=300, width_mm=200, height_mm=200), "m", 0, Deadline(0.5))


def test_a_scanner_that_is_not_there_is_no_device(make: Make) -> None:
    for device in ("test:7", "nothing:here"):
        gone = make(device)
        assert gone.status(Deadline(45)).device is DeviceState.NO_DEVICE
        with pytest.raises(NotReady, match="noDevice"):
            gone.open(Deadline(45))
        with pytest.raises(NotReady):
            gone.scan(SMALL, "m", 0, Deadline(45))


def test_a_station_without_scanimage_says_so(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match="no_scanimage"):
        make().open(Deadline(45))


def test_pages_of_a_terminal_that_was_killed_are_swept(make: Make) -> None:
    left = MEMORY / "jinban-scan-4194305-left"  # above the largest process id there can be
    left.mkdir(mode=0o700, exist_ok=True)
    (left / "p0001.pnm").write_bytes(b"somebody's page")
    make().open(Deadline(45))
    assert not left.exists()


def test_a_page_waits_where_only_we_can_see_it() -> None:
    folder = scanner_process.make_folder()
    try:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent == MEMORY
    finally:
        folder.rmdir()


@pytest.mark.parametrize("address", ["sane:", "sane: x", "sane:a\nb", "usb:1", "sane:" + "x" * 300])
def test_an_address_it_cannot_use_is_refused_when_it_is_made(address: str) -> None:
    with pytest.raises(ValueError, match="allowed is"):
        make_device(DeviceKind.SCANNER, "scanner-sane", address)


@pytest.mark.parametrize(
    "settings",
    [{"dpi": 10}, {"most_pages": 0}, {"width_mm": 1000}, {"dpi": 600}, {"dpi": 5000}],
)
def test_settings_that_no_scan_may_have_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="scan"):
        ScanSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("picture", "code"), [("Solid white", ""), ("Solid black", "dark")])
def test_its_self_test_passes_a_white_page_alone(make: Make, sane_bench: SaneBench, picture: str, code: str) -> None:
    sane_bench.script(test_picture=f'"{picture}"')
    scanner = make()
    scanner.open(Deadline(30))
    assert scan_blank_page(scanner, Deadline(60)).code == code
