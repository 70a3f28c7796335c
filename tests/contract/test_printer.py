"""What every receipt printer driver promises, over every wire, against its far end."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devices.api import (
    Cancelled,
    Deadline,
    DeviceKind,
    DeviceState,
    HardwareFault,
    Jammed,
    NotReady,
    Strip,
    StripCode,
    StripLine,
    SupplyOut,
    SupplyState,
    TimedOut,
    WireFault,
)
from devices.drivers.printer_escpos import EscposPrinter
from devices.wire import escpos, escpos_decode
from tests.fixtures.printer import FAST, PATIENT, SLIP, soon, wait_until


def test_a_good_job_comes_out_whole_and_once(printer, printer_rig):
    done = printer.print(SLIP, soon())
    (job,) = printer_rig.jobs()
    assert job["is_complete"]
    assert job["codes"] == ["330402-T01-20261123-0042-7"]
    assert job["rows"] == [
        "收件凭证",
        "本凭证不代表已受理",
        "-" * 48,
        "收件流水号:330402-T01-20261123-0042-7",
        "[picture 472×30]",
        "There is no need to apply again.",
        "[code 150×150]",
        "需要帮助:凤桥镇便民服务中心",
    ]
    assert (done.lines, done.supply) == (len(job["rows"]), SupplyState.FULL)
    assert printer_rig.call("errors") == []


def test_the_slip_is_kept_as_bytes_and_as_a_picture(printer, printer_rig):
    from PIL import Image

    printer.print(SLIP, soon())
    (job,) = printer_rig.jobs()
    operations = escpos_decode.decode(Path(job["bin"]).read_bytes())
    assert operations[:2] == (escpos.Reset(), escpos.Chinese(True))
    assert operations[-1] == escpos.Cut(is_partial=True, feed_dots=0)
    with Image.open(job["png"]) as picture:
        assert picture.width == 640 + 2 * 24
        dark = sum(picture.convert("L").histogram()[:120])
    assert 0.02 < dark / (640 * picture.height) < 0.3


def test_the_code_on_the_slip_can_be_scanned(printer, printer_rig):
    import cv2

    printer.print(SLIP, soon())
    found, _, _ = cv2.QRCodeDetector().detectAndDecode(cv2.imread(printer_rig.jobs()[0]["png"]))
    assert found == "330402-T01-20261123-0042-7"


def test_status_is_ready_only_when_the_printer_says_so(printer, printer_rig):
    status = printer.status(soon())
    assert (status.kind, status.device, status.supply, status.code) == (
        DeviceKind.PRINTER,
        DeviceState.ONLINE,
        SupplyState.FULL,
        "",
    )
    assert status.is_ready


@pytest.mark.parametrize(
    ("fault", "device", "supply", "code", "ready"),
    [
        ("near_end", DeviceState.ONLINE, SupplyState.LOW, "paper_low", True),
        ("paper_out_after", DeviceState.ONLINE, SupplyState.OUT, "paper_out", False),
        ("cover_open", DeviceState.OFFLINE, SupplyState.FULL, "cover_open", False),
        ("jam", DeviceState.HARDWARE_ERROR, SupplyState.JAMMED, "jammed", False),
        ("hot", DeviceState.HARDWARE_ERROR, SupplyState.FULL, "overheated", False),
        ("broken", DeviceState.HARDWARE_ERROR, SupplyState.FULL, "printer_error", False),
        ("offline", DeviceState.OFFLINE, SupplyState.FULL, "offline", False),
        ("mute", DeviceState.OFFLINE, SupplyState.UNKNOWN, "no_answer", False),
        ("garbage", DeviceState.OFFLINE, SupplyState.UNKNOWN, "answer_garbled", False),
    ],
)
def test_status_tells_what_is_wrong_and_that_it_is_over(printer_rig, fault, device, supply, code, ready):
    driver = EscposPrinter(printer_rig.link, answer_s=0.3 if fault == "mute" else 15.0)
    printer_rig.call(fault)
    status = driver.status(soon())
    assert (status.device, status.supply, status.code) == (device, supply, code)
    assert status.is_ready is ready
    printer_rig.call("mend")
    wait_until(lambda: driver.status(soon()).code == "", "the printer to be well")
    driver.close()


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("paper_out_after", SupplyOut, "paper_out"),
        ("cover_open", NotReady, "cover_open"),
        ("jam", Jammed, "jammed"),
        ("hot", HardwareFault, "overheated"),
        ("broken", HardwareFault, "printer_error"),
        ("offline", NotReady, "offline"),
        ("mute", TimedOut, "no_answer"),
        ("garbage", HardwareFault, "answer_garbled"),
    ],
)
def test_nothing_is_sent_to_a_printer_that_is_not_ready(printer_rig, fault, error, code):
    driver = EscposPrinter(printer_rig.link, **FAST | ({"answer_s": 0.3} if fault == "mute" else {}))
    printer_rig.call(fault)
    with pytest.raises(error) as raised:
        driver.print(SLIP, soon())
    assert raised.value.code == code
    driver.close()
    printer_rig.call("mend")
    driver = EscposPrinter(printer_rig.link, **FAST)
    assert driver.print(SLIP, soon()).supply is SupplyState.FULL
    assert [job["is_complete"] for job in printer_rig.jobs()] == [True]
    driver.close()


def test_a_printer_that_forgets_a_question_beside_another_is_asked_one_by_one(printer, printer_rig):
    printer_rig.call("one_answer")
    printer_rig.call("near_end")
    assert printer.status(soon()).code == "paper_low"  # that is the fourth answer
    assert printer.print(SLIP, soon()).supply is SupplyState.LOW
    printer_rig.call("near_end", on=False)
    printer_rig.call("cover_open")
    assert printer.status(soon()).code == "cover_open"
    assert [job["is_complete"] for job in printer_rig.jobs()] == [True]


def test_paper_near_its_end_prints_and_says_so(printer, printer_rig):
    printer_rig.call("near_end")
    assert printer.print(SLIP, soon()).supply is SupplyState.LOW
    assert printer_rig.jobs()[0]["is_complete"]


def test_a_code_too_large_for_the_paper_is_refused_before_anything_is_sent(printer, printer_rig):
    with pytest.raises(WireFault):
        printer.print(Strip((StripLine("甲"), StripCode("x" * 400))), soon())
    printer.print(SLIP, soon())
    assert [job["is_complete"] for job in printer_rig.jobs()] == [True]


def test_a_text_cannot_command_the_printer(printer, printer_rig):
    printer.print(Strip((StripLine("甲\x1b@\x1dV\x00乙\x10\x04\x01"),)), soon())
    (job,) = printer_rig.jobs()
    assert (job["rows"], job["errors"]) == (["甲@V乙"], [])


def test_rare_names_come_out_as_dots_and_never_as_bytes_the_font_lacks(printer, printer_rig):
    """𠮷 is of extension B, 㛃 and 䶮 of A, 𬭎 of C: four bytes each, in no usual font. ￥ and ㄅ every font has."""
    printer.print(Strip(tuple(StripLine(f"姓名:{name}") for name in ("𠮷", "㛃", "䶮", "𬭎", "￥ㄅ①【】"))), soon())
    (job,) = printer_rig.jobs()
    assert (job["is_complete"], job["errors"]) == (True, [])
    assert job["rows"] == ["[picture 88×30]"] * 4 + ["姓名:￥ㄅ①【】"]
    text = b"".join(
        one.text.encode("gb18030")
        for one in escpos_decode.decode(Path(job["bin"]).read_bytes())
        if isinstance(one, escpos.Text)
    )
    assert "姓名:￥ㄅ①【】".encode("gb18030") == text


def test_a_job_called_off_is_forgotten_by_the_printer(printer, printer_rig):
    printer_rig.call("jam")
    called_off = threading.Event()
    called_off.set()
    with pytest.raises(Cancelled):
        printer.print(SLIP, Deadline(20, called_off))
    printer_rig.call("mend")
    printer.print(SLIP, soon())
    assert [job["is_complete"] for job in printer_rig.jobs()] == [True]


def test_opening_a_printer_that_says_nothing_fails(printer_rig):
    printer_rig.call("mute")
    driver = EscposPrinter(printer_rig.link, answer_s=0.2)
    with pytest.raises(TimedOut):
        driver.open(soon())
    printer_rig.call("mend")
    driver = EscposPrinter(printer_rig.link, **PATIENT)
    driver.open(soon())
    driver.close()
    driver.close()


def test_capabilities_name_what_no_hardware_has_confirmed(printer):
    told = printer.capabilities()
    assert (told.kind, told.dpi, told.width_px) == (DeviceKind.PRINTER, 203, 576)
    assert "rare_characters" in told.features
    assert told.provisional
