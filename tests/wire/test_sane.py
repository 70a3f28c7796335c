"""scanimage's words: listings of three kinds of scanner, and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import DeviceError, ScanMode, ScanSettings, ScanSource, Unsupported, WireFault
from devices.wire import sane

HEAD = "Options specific to device `x':\n  Scan Mode:\n"
STEPPED = HEAD + (
    "    --resolution 75|150|300|600dpi [75]\n"
    "    --mode Lineart|Gray|Color [Lineart]\n"
    "    --source FlatBed|ADF Front|ADF Duplex [FlatBed]\n"
    "    -x 0..215.9mm [215.9]\n"
    "    -y 0..355.6mm [297]\n"
)
BED_ONLY = HEAD + "    --mode Gray|Color [Color]\n    --resolution 100|200dpi [100]\n"
FEEDER_ONLY = HEAD + "    --source ADF [ADF]\n    --resolution 50..600dpi (in steps of 1) [200]\n"


def test_a_scanner_with_steps_is_asked_for_the_next_finer_one() -> None:
    found = sane.decode_options(STEPPED)
    assert (found.flatbed, found.feeder, found.gray, found.colour) == ("FlatBed", "ADF Front", "Gray", "Color")
    assert [found.dpi_for(wanted) for wanted in (50, 75, 200, 300, 1200)] == [75, 75, 300, 300, 600]
    words, dpi = sane.encode_settings(ScanSettings(ScanSource.FEEDER, ScanMode.GRAY, 200), found)
    assert words == ("--source=ADF Front", "--mode=Gray", "--resolution=300", "-x", "210", "-y", "297")
    assert dpi == 300


def test_a_scanner_without_sources_is_a_flatbed_and_has_no_feeder() -> None:
    found = sane.decode_options(BED_ONLY)
    words, dpi = sane.encode_settings(ScanSettings(dpi=150), found)
    assert (words, dpi) == (("--mode=Color", "--resolution=200"), 200)
    with pytest.raises(Unsupported, match="feeder"):
        sane.encode_settings(ScanSettings(ScanSource.FEEDER), found)


def test_a_feeder_alone_has_no_flatbed() -> None:
    with pytest.raises(Unsupported, match="flatbed"):
        sane.encode_settings(ScanSettings(), sane.decode_options(FEEDER_ONLY))


@pytest.mark.parametrize("span", ["1.2.3..5", "0..9" + "9" * 400, "-9..-1mm", "0..0", "..", "0|0dpi", "1..2..3"])
def test_a_range_of_no_form_is_no_range(span: str) -> None:
    found = sane.decode_options(HEAD + f"    --resolution {span} [1]\n    -x {span} [1]\n    -y {span} [1]\n")
    assert sane.encode_settings(ScanSettings(), found) == ((), 300)


@given(st.text(max_size=300))
def test_any_text_is_a_listing_or_a_wire_fault(text: str) -> None:
    for listing in (text, HEAD + text, HEAD + "    --resolution " + text, HEAD + "    --source " + text):
        try:
            sane.decode_options(listing)
        except WireFault:
            continue


@given(st.integers(-255, 255), st.text(max_size=200))
def test_every_ending_is_nothing_or_a_typed_error(status: int, said: str) -> None:
    found = sane.error_of(status, said)
    assert found is not None or status == 0
    assert found is None or isinstance(found, DeviceError)


def test_the_finest_resolution_is_that_of_the_steps_or_of_the_range() -> None:
    assert sane.decode_options(STEPPED).most_dpi == 600
    ranged = sane.decode_options(FEEDER_ONLY)
    assert (ranged.most_dpi, ranged.dpi_for(30), ranged.dpi_for(300)) == (600, 50, 300)
    with pytest.raises(WireFault, match="scanner_options"):
        sane.decode_options("")
    with pytest.raises(WireFault, match="scanner_options"):
        sane.decode_options(HEAD + " " * sane.MAX_LISTING)


@pytest.mark.parametrize(
    ("status", "said", "kind", "code"),
    [  # as scanimage 1.1.1 writes them: a trouble while scanning, one while opening, none
        (0, "scanimage: sane_read: Error during device I/O\n", "HardwareFault", "scanner_io"),
        (7, "scanimage: sane_start: Document feeder out of documents\n", "UserFault", "noMedia"),
        (6, "scanimage: sane_start: Something of a later version\n", "Jammed", "mediaJammed"),
        (0, "scanimage: sane_start: Something of a later version\n", "HardwareFault", "scanner_died"),
        (1, "scanimage: open of device pnm:9 failed: Invalid argument\n", "NotReady", "noDevice"),
        (1, "scanimage: open of device test:0 failed: Device busy\n", "NotReady", "deviceBusy"),
        (
            1,
            "scanimage: open of device test:0 failed: Access to resource has been denied\n",
            "NotReady",
            "access_denied",
        ),
        (1, "scanimage: open of device x failed: of a later version\n", "NotReady", "noDevice"),
        (1, "scanimage: no SANE devices found\n", "NotReady", "noDevice"),
        (8, "", "HardwareFault", "cover_open"),
        (-9, "", "HardwareFault", "scanner_died"),
    ],
)
def test_what_was_said_counts_before_the_exit_status(status: int, said: str, kind: str, code: str) -> None:
    found = sane.error_of(status, said)
    assert (type(found).__name__, getattr(found, "code", "")) == (kind, code)
    assert sane.error_of(0, "") is None
