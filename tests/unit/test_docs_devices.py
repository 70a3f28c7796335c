"""The contract matrix is read from the tests: it must see what they cover, and what they do not."""

from __future__ import annotations

import pytest

from app.commands.docs_devices import WORDS, load_drivers, promises
from devices.api import DeviceKind
from devices.registry import DRIVERS, load_driver
from tests.contract import test_hotplug


def test_every_registered_driver_is_told_with_its_kind_and_what_it_is():
    drivers = load_drivers()
    assert {driver.name for driver in drivers} == set(DRIVERS)
    for driver in drivers:
        assert load_driver(driver.name).kind is driver.kind
        assert driver.about
    assert set(WORDS) == set(DeviceKind)


@pytest.fixture(scope="module")
def promised():
    return promises()


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_every_registered_driver_stands_under_a_contract(name, promised):
    least = 3 if name in test_hotplug.NO_FAR_END else 5
    assert sum(name in promise.drivers for promise in promised) >= least


def test_what_a_driver_calls_provisional_is_what_the_page_says():
    (reader,) = [driver for driver in load_drivers() if driver.name == "reader-samv"]
    told = load_driver("reader-samv")("tcp:127.0.0.1:1").capabilities()
    assert set(told.provisional) <= set(reader.provisional)


def test_a_promise_is_of_the_drivers_it_names_itself_by_a_fixture_or_by_a_helper(tmp_path):
    for folder in ("contract", "fixtures"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    (tmp_path / "tests/fixtures/x.py").write_text(
        "@fixture(params=['camera-http'])\ndef desk(request): ...\n@fixture\ndef rig(desk): ...\n"
    )
    (tmp_path / "tests/contract/test_x.py").write_text(
        "def made(): return SamvReader('tcp:x')\n"
        "def test_by_a_fixture_of_a_fixture(rig): ...\n"
        "def test_by_a_helper(): made()\n"
        "def test_of_its_kind(driver): make_device(DeviceKind.CAMERA, driver, 'x')\n"
        "def test_of_one_of_its_kind(rig, driver): make_device(DeviceKind.CAMERA, driver, 'x')\n"
        "def test_itself(): make('printer-escpos')\n"
        "@fixture\ndef far(): return spawn('rtsp')\n"
        "def test_by_its_link(far): make_device(DeviceKind.CAMERA, '', far.link)\n"
        "@mark.parametrize('address', ['v4l2:97', 'v4l2:/dev/null'])\n"
        "def test_by_a_parameters_link(address): make_device(DeviceKind.CAMERA, '', address)\n"
        "RIGS = {'camera-http': 1, 'camera-folder': 2, 'reader-samv on USB': 3}\n"
        "@mark.parametrize(('name', 'n'), [('camera-folder', 1), ('reader-samv on USB', 3)])\n"
        "def test_by_its_parameters(name, n): RIGS[name]\n"
        "def test_of_nothing():\n    desk = 1\n    assert desk\n"
    )
    told = {promise.text: promise.drivers for promise in promises(tmp_path)}
    assert told == {
        "by a fixture of a fixture": {"camera-http"},
        "by a helper": {"reader-samv"},
        "of its kind": {one.name for one in load_drivers() if one.kind is DeviceKind.CAMERA},
        "of one of its kind": {"camera-http"},
        "itself": {"printer-escpos"},
        "by its link": {"camera-rtsp"},
        "by a parameters link": {"camera-v4l2"},
        "by its parameters": {"camera-folder", "reader-samv"},
    }


@pytest.mark.parametrize("test", [one for one in vars(test_hotplug) if one.startswith("test_a_")])
def test_the_matrix_ticks_whom_pytest_runs(test, promised):
    """The parameters of these are worked out when the module is loaded: the drivers with a pty, with a cable …"""
    (mark,) = getattr(test_hotplug, test).pytestmark
    (told,) = [one.drivers for one in promised if one.text == test.removeprefix("test_").replace("_", " ")]
    assert told == {test_hotplug.RIGS[name].driver or name for name in mark.args[1]}


def test_a_camera_that_is_opened_by_its_link_alone_is_no_other(promised):
    for text, driver in (
        ("a stream that is closed is opened again", "camera-rtsp"),
        ("a node that is no camera is no device", "camera-v4l2"),
    ):
        assert [one.drivers for one in promised if one.text == text] == [{driver}]
