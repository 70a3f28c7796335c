"""What a technician has a device do to prove itself: one card, one slip, one blank page. Each ends by its deadline.

A test is a function of an opened driver, so that `doctor` and the running terminal do the very same. It gives counts
and closed words, never what a card says. A kind without a line here proves itself by its state alone.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from devices.api import (
    Camera,
    Deadline,
    Device,
    DeviceError,
    DeviceKind,
    IdReader,
    Left,
    NotReady,
    Page,
    ReceiptPrinter,
    UserFault,
)
from devices.ruler import build_test_strip


class Tested(msgspec.Struct, frozen=True):
    """What came of a self-test: `text` and `facts` are a sentence's key and values, `code` is "" where it passed."""

    text: str
    code: str = ""
    facts: dict[str, str | int | float] = {}


class SelfTest(msgspec.Struct, frozen=True):
    """One kind's test: what is done, in how much time, and which sentence asks the technician's hand for help."""

    ask: Callable[[Any, Deadline], Tested]
    deadline_s: float
    hand: str = ""  # key of "put a card down"; "" = nothing to do


STATE_S = 10.0
AGAIN_S = 0.5  # between two looks for a sheet: a hand takes longer
LOOK_S = 5.0  # a look that our own deadline cuts off would be a fault of the camera
HAND_S = 10.0  # a scanner does not feel a sheet on its glass: a hand gets so long
NO_SHEET = ("page", "whole", "hands", "still")  # gates that say no sheet lies there to be looked at
STRIP_LINES = (
    "打印自检 Print self-test",
    "黑条无白线、台阶无缺口、灰块均匀为好",
    "No white line, no gap, even greys: good",
)


def read_one_card(reader: IdReader, deadline: Deadline) -> Tested:
    """Read whatever card is laid down; tell its layout and how much came."""
    card = reader.read(deadline)
    return Tested("selftest.reader_good", facts={"layout": card.kind.value, "photo": len(card.photo.reveal())})


def print_ruler(printer: ReceiptPrinter, deadline: Deadline) -> Tested:
    """Print the fault ruler as wide as the head."""
    width = printer.capabilities().width_px or 576
    done = printer.print(build_test_strip(STRIP_LINES, width), deadline)
    return Tested("selftest.printer_good", facts={"seconds": round(done.ms / 1000, 1), "paper": done.supply.value})


def look_at_blank_page(camera: Camera, deadline: Deadline, look_s: float = LOOK_S) -> Tested:
    """Wait for a sheet, take it and count what is on it. Raises: UserFault with the gate when none came in time.

    No look begins with less than `look_s` left.
    """
    while True:
        try:
            return _judge(_take_blank(camera, deadline))
        except UserFault as fault:
            if fault.code not in NO_SHEET or deadline.left_s() < look_s:
                raise
        deadline.wait(AGAIN_S)


def _take_blank(camera: Camera, deadline: Deadline) -> Page:
    try:
        return camera.capture("self-test", 0, deadline)
    except UserFault as fault:
        if fault.code in NO_SHEET:
            raise
        return camera.capture("self-test", 0, deadline, keep=True)  # it is blank, and that is what was wanted


def _judge(page: Page) -> Tested:
    """Return how clean a blank page came out."""
    from devices.imaging.specks import count_specks_of

    found = count_specks_of(page.jpeg.reveal(), page.dpi)
    facts: dict[str, str | int | float] = {
        "specks": found.specks,
        "streaks": found.streaks,
        "largest": found.largest_mm,
        "dpi": page.dpi,
        "white": found.white,
        "dark": round(found.dark * 100),
    }
    if not found.is_white:
        return Tested("selftest.page_dark", "dark", facts)
    return (
        Tested("selftest.page_clean", facts=facts) if found.is_clean else Tested("selftest.page_dirty", "dirty", facts)
    )


def read_one_chip(reader: Any, deadline: Deadline) -> Tested:
    """Read whatever chip card is put in; tell only which kind of card it was."""
    return Tested("selftest.chip_good", facts={"card": type(reader.read(deadline)).__name__})


def read_one_code(scanner: Any, deadline: Deadline) -> Tested:
    """Scan whatever code is held there; tell how long it is, never what it says."""
    code = scanner.read(deadline)
    return Tested("selftest.code_good", facts={"symbology": str(code.symbology), "characters": len(code.text.reveal())})


def scan_blank_page(scanner: Any, deadline: Deadline) -> Tested:
    """Scan the sheet that lies on the glass and count what is on it."""
    settings = import_module("devices.api").ScanSettings()  # of who has a scanner; nobody else loads it
    pages = scanner.scan(settings, "self-test", 0, deadline).pages
    if not pages:
        raise UserFault("page")
    return _judge(pages[0])


def scan_after_a_hand(scanner: Any, deadline: Deadline) -> Tested:
    """Leave the technician the time to lay a sheet down, then scan it."""
    deadline.wait(HAND_S)
    return scan_blank_page(scanner, deadline)


def ask_state(device: Device, deadline: Deadline) -> Tested:
    """Ask the device how it is. Raises: NotReady when it is not ready."""
    status = device.status(deadline)
    if not status.is_ready:
        raise NotReady(status.code or status.device.value)
    return Tested("selftest.state_good", facts={"state": status.device.value})


SELFTESTS: dict[DeviceKind, SelfTest] = {
    DeviceKind.READER: SelfTest(read_one_card, 30.0, "selftest.hand_card"),
    DeviceKind.PRINTER: SelfTest(print_ruler, 60.0),
    DeviceKind.CAMERA: SelfTest(look_at_blank_page, 30.0, "selftest.hand_blank"),
    DeviceKind.CARD: SelfTest(read_one_chip, 30.0, "selftest.hand_chip"),
    DeviceKind.BARCODE: SelfTest(read_one_code, 30.0, "selftest.hand_code"),
    DeviceKind.SCANNER: SelfTest(scan_after_a_hand, HAND_S + 60.0, "selftest.hand_glass"),
}
BY_STATE = SelfTest(ask_state, STATE_S)


def selftest_of(kind: DeviceKind) -> SelfTest:
    """Return the kind's test; by its state alone where it has none of its own."""
    return SELFTESTS.get(kind, BY_STATE)


def failed(error: DeviceError) -> Tested:
    """Return what is said of a test that ended with an error of the device, or with half a slip."""
    text = {Left.PART: "half", Left.UNKNOWN: "unsure"}.get(error.left, error.how)
    return Tested(f"selftest.failed_{text}", error.code or error.how)
