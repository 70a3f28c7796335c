"""`print-test`: one slip, or one A4 page, in Chinese and English with rare characters, a code and a ruler."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import cast

import msgspec

from app.far_end import lead_to_far_end
from devices.api import (
    Cancelled,
    Deadline,
    DeviceError,
    DeviceKind,
    DocumentPrinter,
    Left,
    ReceiptPrinter,
    Strip,
    StripCode,
    StripLine,
    StripRule,
    SupplyState,
    TimedOut,
)
from devices.registry import DRIVERS, load_driver, make_device

AWAY = "noDevice"
REMEDIES = {
    AWAY: "no printer there; check cable, link and whether another program has the port",
    "no_answer": "the printer does not answer; check its power, cable and speed",
    "answer_garbled": "what arrives is no printer's status; check cable and speed",
    "paper_out": "out of paper; load a roll and close the cover",
    "paper_out_during": "the paper ran out under it; load paper and print again",
    "cover_open": "the cover is open; close it",
    "jammed": "paper is stuck; free it",
    "overheated": "the print head is too hot; wait a few minutes",
    "toner_out": "out of toner; change the cartridge",
    "paused": "the queue is paused; start it with cupsenable QUEUE",
    "queue_refuses": "the queue takes no jobs; cupsaccept QUEUE",
    "offline": "the printer is offline; check its power and cable",
    "not_printed": "the job was not finished in time and is cancelled; look at the printer",
    "job_aborted": "the printer gave the job up; look at its display",
    "job_canceled": "the job was cancelled at the printer",
    "printer_error": "the printer reports a fault; switch it off and on, else call its maker",
    "called_off": "called off from here",
    "too_slow": "it took longer than a minute; check speed and cable",
}
LEFT = {
    Left.NOTHING: "not printed",
    Left.PART: "half of it may have come out, throw that away; what hangs inside is cut off before the next slip",
    Left.UNKNOWN: "unknown whether it was printed, look at the paper",
}
PRINTED = {Left.NOTHING: False, Left.PART: False, Left.UNKNOWN: None}  # null: nobody knows
PRINT_S = 60.0  # 19200 baud with every row a picture takes half of it
STATUS_S = 5.0
RULER = "".join("|" if at % 10 == 0 else "+" if at % 5 == 0 else "." for at in range(48))
FIGURES = "".join(f"{at:<10}" for at in range(0, 48, 10))[:48]
TEST_STRIP = Strip(
    (
        StripLine("打印测试", scale=2, align="center", is_bold=True),
        StripLine("Print test", align="center"),
        StripRule(),
        StripLine("近办便民服务终端 Jinban self-service terminal"),
        StripLine("常用标点：，。、；：？！“”（）《》【】—…￥"),
        StripLine("生僻字：𠮷 㛃 䶮 𬭎 𫖯 龘 喆 堃 镕 €"),
        StripLine("本行较长，用来看换行：汉字与 English words 混排时，不拆开单词，也不让标点出现在行首。"),
        StripLine("居中 centred", align="center"),
        StripLine("靠右 right", align="right"),
        StripLine("加粗 bold", is_bold=True),
        StripRule(),
        StripLine(FIGURES),
        StripLine(RULER),
        StripLine("48 列 columns = 72 mm", align="center"),
        StripCode("JINBAN-PRINT-TEST"),
        StripLine("以上内容完整、尺子不断开，即为正常。", align="center"),
        StripLine("All rows whole, ruler unbroken: all is well.", align="center"),
    )
)


class _Outcome(msgspec.Struct, frozen=True):
    """How it went. `code` is "" when it came out."""

    paper: SupplyState
    code: str = ""
    left: Left = Left.NOTHING


def print_test(link: str, driver: str = "", kind: str | None = None, as_json: bool = False) -> int:
    """Print the test slip or page and say how it went. Without `kind` the driver decides, and a queue means A4.

    Return 0 when it came out, 1 when the printer would not or nobody knows, 2 when there is no such link, driver or
    printer. In JSON `printed` is null when nobody knows.
    """
    of = _kind(link, driver, kind)
    with contextlib.ExitStack() as stack:
        led_to = lead_to_far_end(of, link, stack)
        try:
            printer = make_device(of, driver, led_to)
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        called_off = stack.enter_context(_called_off_by_signal())
        started = time.monotonic()
        found = _print(cast("ReceiptPrinter | DocumentPrinter", printer), called_off)
        ms = round((time.monotonic() - started) * 1000, 1)
    if as_json:
        told: dict[str, object] = {"printed": True, "paper": found.paper.value, "ms": ms}
        if found.code:
            told |= {"printed": PRINTED[found.left], "code": found.code, "left": found.left.value}
        print(json.dumps(told, ensure_ascii=False))
    elif found.code:
        cause = REMEDIES.get(found.code, "the printer reports a fault")
        sys.stderr.write(f"{link}: {LEFT[found.left]}: {cause} ({found.code}), paper {found.paper.value}\n")
    else:
        print(f"{link}: printed in {ms:.0f} ms, paper {found.paper.value}")
    is_away = found.code == AWAY and found.left is Left.NOTHING
    return 0 if not found.code else 2 if is_away else 1


def _kind(link: str, driver: str, kind: str | None) -> DeviceKind:
    if kind:
        return DeviceKind(kind)
    if driver in DRIVERS and load_driver(driver).kind is DeviceKind.DOCUMENT_PRINTER:
        return DeviceKind.DOCUMENT_PRINTER
    return DeviceKind.DOCUMENT_PRINTER if link.startswith("cups:") and not driver else DeviceKind.PRINTER


def _print(printer: ReceiptPrinter | DocumentPrinter, called_off: threading.Event) -> _Outcome:
    try:
        printer.open(Deadline(STATUS_S, called_off))
        deadline = Deadline(PRINT_S, called_off)
        if printer.kind is DeviceKind.DOCUMENT_PRINTER:
            from app.commands.test_page import build_test_page

            return _Outcome(cast("DocumentPrinter", printer).print(build_test_page(), deadline).supply)
        return _Outcome(cast("ReceiptPrinter", printer).print(TEST_STRIP, deadline).supply)
    except DeviceError as error:
        return _Outcome(_paper(printer), _code(error), error.left)
    finally:
        printer.close()


def _code(error: DeviceError) -> str:
    if isinstance(error, Cancelled):
        return "called_off"
    return "too_slow" if isinstance(error, TimedOut) and error.code not in REMEDIES else error.code


def _paper(printer: ReceiptPrinter | DocumentPrinter) -> SupplyState:
    """Return how much paper there is; a slip that was broken off is cut off by this."""
    try:
        return printer.status(Deadline(STATUS_S)).supply
    except DeviceError:
        return SupplyState.UNKNOWN


@contextlib.contextmanager
def _called_off_by_signal() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set: half a slip is taken back and cut off, not left in the printer."""
    called_off = threading.Event()

    def call_off(*_: object) -> None:
        threading.Thread(target=called_off.set).start()  # not here: whom it interrupts may be holding the event's lock

    former = {one: signal.signal(one, call_off) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield called_off
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
