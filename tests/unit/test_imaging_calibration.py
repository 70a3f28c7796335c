"""A camera's own limits: what pictures of two sheets say of it, what is kept, and which camera it is true of."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from app.commands.calibrate import NOT_STARTED, STEPS, Step, asking, calibrate_camera, is_simulated
from app.commands.calibrate_told import Outcome, Words
from app.eyesight import FILE, camera_facts, camera_name, eye_limits
from app.setting import load_setting
from devices.imaging.calibration import (
    Calibration,
    CalibrationFault,
    Sample,
    build_calibration,
    build_sample,
    keep_calibration,
    limits_of,
    load_calibration,
    low_point,
    scale_of,
)
from devices.imaging.pipeline import take
from devices.imaging.values import Limits, TakeRequest
from kiosk.station.config import Config, load_config
from kiosk.station.texts import own_texts
from main import cli

Still = Callable[..., bytes]
MINIMAL = """
[station]
name_zh = "站"
name_en = "Station"
hours_zh = "全天"
hours_en = "all day"
agent_zh = "陈"
agent_en = "Chen"
phone = "0573-12345"
terminal_no = "JX-1"
site = "village"
[state]
folder = "state"
[devices.camera]
driver = "camera-http"
link = "http://127.0.0.1:9/stream"
"""


def config_of(tmp_path: Path, more: str = "") -> Config:
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL + more, "utf-8")
    return load_config(path)


def samples(*scores: float, scale: float = 7.4) -> list[Sample]:
    return [Sample(3264, 2448, score, scale) for score in scores]


def a_calibration(**changes: object) -> Calibration:
    sharp = samples(*(0.5 + 0.01 * number for number in range(21)))
    found = build_calibration(
        sharp, [0.3] * 20, camera="camera-http http://127.0.0.1:9/stream", lamp="on", date="2026-11-29"
    )
    return msgspec.structs.replace(found, **changes)


def test_the_limit_is_the_twentieth_part_point_of_the_sharp_pictures() -> None:
    found = a_calibration()
    assert found.sharp == pytest.approx(0.51)
    assert (found.caught, found.is_trusted, found.px_per_mm) == (1.0, True, 7.4)
    assert low_point([3.0, 1.0, 2.0], 0.5) == 2.0
    assert low_point([1.0, 2.0], 0.05) == pytest.approx(1.05)


def test_a_lens_that_does_not_tell_spoilt_from_sharp_is_not_trusted() -> None:
    sharp = samples(*(0.5 + 0.01 * number for number in range(21)))
    found = build_calibration(sharp, [0.3] * 15 + [0.6] * 5, camera="c", lamp="on", date="2026-11-29")
    assert (found.caught, found.is_trusted) == (0.75, False)
    assert limits_of(found).warned == ("sharp",)


@pytest.mark.parametrize(
    ("sharp", "spoilt", "code"),
    [
        (samples(*[0.5] * 11), [0.3] * 20, "too_few"),
        (samples(*[0.5] * 20), [0.3] * 7, "too_few"),
        ([*samples(*[0.5] * 20), Sample(1920, 1080, 0.5, 7.4)], [0.3] * 20, "sizes"),
        ([*samples(*[0.5] * 20), *samples(0.5, scale=7.8)], [0.3] * 20, "scales"),
    ],
)
def test_pictures_that_make_no_calibration_are_told_apart(sharp: list[Sample], spoilt: list[float], code: str) -> None:
    with pytest.raises(CalibrationFault) as fault:
        build_calibration(sharp, spoilt, camera="c", lamp="on", date="2026-11-29")
    assert fault.value.code == code


def test_the_scale_of_the_desk_comes_from_a_sheet_of_known_size(desk_still: Still) -> None:
    square = ((10.0, 10.0), (10.0 + 856, 10.0), (10.0 + 856, 10 + 539.8), (10.0, 10 + 539.8))
    assert scale_of(square, "card") == pytest.approx(10.0)
    page, card = (take(desk_still(kind), TakeRequest(Limits(), keep=True))[0] for kind in ("register", "card"))
    scales = build_sample(page, "a4").px_per_mm, build_sample(card, "card").px_per_mm
    assert scales == pytest.approx((7.41, 7.41), rel=0.01)  # the simulated still's own: scene.STILL
    with pytest.raises(CalibrationFault, match="other_sheet"):
        build_sample(page, "card")


def test_a_calibrated_limit_holds_in_stills_of_that_size_alone(desk_still: Still) -> None:
    limits = limits_of(a_calibration(sharp=0.99))
    verdict = {one.gate: one for one in take(desk_still("register"), TakeRequest(limits))[0].verdicts}["sharp"]
    assert (verdict.limit, verdict.ok) == (0.99, False)
    elsewhere = msgspec.structs.replace(limits, camera_px=(1920, 1080))
    answer = take(desk_still("register"), TakeRequest(elsewhere))[0]
    assert answer.refused == ""
    warns = msgspec.structs.replace(limits, warned=("sharp",))
    answer = take(desk_still("register"), TakeRequest(warns))[0]
    assert answer.refused == ""
    assert [one.gate for one in answer.verdicts if not one.ok] == ["sharp"]  # said on the page, and nothing refused


def test_what_is_kept_is_read_again_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    file = tmp_path / "imaging" / "camera.json"
    assert load_calibration(file) is None
    keep_calibration(file, a_calibration())
    assert load_calibration(file) == a_calibration()
    for damage in (b"", b"{}", file.read_bytes().replace(b"7.4", b"-7.4"), b"\xff\xfe"):
        file.write_bytes(damage)
        with pytest.raises(CalibrationFault, match="unreadable"):
            load_calibration(file)


def test_configuration_goes_before_calibration_and_that_before_what_is_built_in(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert eye_limits(config) == Limits()
    keep_calibration(config.state_folder / FILE, a_calibration(caught=0.5))
    limits = eye_limits(config)
    assert (limits.camera_reblur, limits.warned, limits.px_per_mm) == (a_calibration().sharp, ("sharp",), 7.4)
    named = eye_limits(config_of(tmp_path, "[imaging]\nsharp = 0.4\nedge_percent = 2\nstable_frames = 12\n"))
    assert (named.reblur, named.camera_reblur, named.warned) == (0.4, 0.0, ())
    assert (named.edge_share, named.stable_frames, named.px_per_mm) == (0.02, 12, 7.4)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"caught": 0.5}, "calibration_warns"),
        ({"camera": "camera-http http://192.0.2.7/stream"}, "calibration_of_another"),
    ],
)
def test_the_doctor_says_what_a_calibration_is_worth(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    config = config_of(tmp_path)
    assert camera_facts(config) == ({"calibrated": "—"}, "")
    keep_calibration(config.state_folder / FILE, a_calibration(camera=camera_name(config)))
    keep_calibration(config.state_folder / FILE, msgspec.structs.replace(a_calibration(), **changes))
    facts, found = camera_facts(config)
    assert found == word
    assert (facts["calibrated"] == "—") is (word == "calibration_of_another")
    (config.state_folder / FILE).write_bytes(b"{")
    assert camera_facts(config) == ({}, "calibration_unreadable")
    assert eye_limits(config) == Limits()


def test_pictures_in_a_folder_make_a_calibration(
    tmp_path: Path, desk_still: Still, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a4-0.jpg").write_bytes(desk_still("register"))
    config_of(tmp_path)
    (folder / "a4-1.jpg").touch()
    (folder / "card-0.jpg").mkdir()
    (folder / "card-a.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "spoilt-a.jpg")  # opened it would be waited for
    (folder / "holiday.jpg").write_bytes(b"not looked at")
    (folder / "notes.txt").touch()
    assert calibrate_camera(tmp_path / "kiosk.toml", folder, "on", as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["refused"], told["reason"]) == ("too_few", "照片太少")
    assert told["detail"] == "1 sharp, 0 spoilt; at least 12 and 8"
    why = {Path(one["file"]).name: (one["refused"], one["detail"].split(";")[0]) for one in told["passed_over"]}
    assert why == {
        "a4-1.jpg": ("not_a_picture", "an empty file"),
        "card-a.jpg": ("not_readable", "no file"),
        "holiday.jpg": ("other_name", ""),
        "spoilt-a.jpg": ("not_readable", "no file"),
    }
    for number in range(1, 12):
        (folder / f"card-{number}.jpg").write_bytes(desk_still("card"))
    for number in range(8):
        (folder / f"spoilt-{number}.jpg").write_bytes(desk_still("blurred"))
    assert calibrate_camera(tmp_path / "kiosk.toml", folder, "off", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["width_px"], told["lamp"], told["caught"], told["sharp_pictures"]) == (3264, "off", 1.0, 12)
    assert (told["refused"], told["is_simulated"], len(told["passed_over"])) == ("", False, 4)
    assert told["reason"].startswith("校准好了")
    kept = load_calibration(tmp_path / "state" / FILE)
    assert kept is not None
    assert kept.px_per_mm == pytest.approx(7.41, rel=0.01)
    (folder / "a4-0.jpg").rename(folder / "card-00.jpg")
    assert calibrate_camera(tmp_path / "kiosk.toml", folder, "on", as_json=False) == 1
    assert "card-00.jpg: a4 instead of card" in capsys.readouterr().err
    assert load_calibration(tmp_path / "state" / FILE) == kept  # a failed one leaves the former


def test_a_file_that_is_no_picture_is_named_on_a_line_of_its_own(tmp_path: Path) -> None:
    config_of(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a4-\x1b1.jpg").touch()
    words = ["calibrate", "camera", "--config", str(tmp_path / "kiosk.toml"), "--folder", str(tmp_path / "in")]
    done = CliRunner().invoke(cli, words)
    assert (done.exit_code, done.stdout) == (1, "")
    named, end = done.stderr.splitlines()
    assert "/a4-\ufffd1.jpg: 这个文件不是能用的图片（可用 JPEG 或 PNG） (not_a_picture: an empty file; " in named
    assert end == "照片太少 (too_few: 0 sharp, 0 spoilt; at least 12 and 8)"


@pytest.mark.parametrize(("name", "why"), [("nowhere", "is missing"), ("kiosk.toml", "is no folder")])
def test_a_folder_that_is_none_is_not_told_as_too_few_pictures(
    tmp_path: Path, name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config_of(tmp_path)
    words = ["calibrate", "camera", "--config", str(tmp_path / "kiosk.toml"), "--folder", str(tmp_path / name)]
    done = CliRunner().invoke(cli, words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"找不到放照片的文件夹 (no_folder: --folder: {str(tmp_path / name)!r} {why})\n"
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["refused"]) == (2, "no_folder")


def test_a_configuration_that_does_not_do_is_told_as_json_too(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["calibrate", "camera", "--config", str(tmp_path / "none.toml"), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["refused"]) == (2, "configuration")


def test_a_calibration_of_the_simulated_camera_says_so(tmp_path: Path) -> None:
    assert load_setting(None).devices.camera is not None
    assert (is_simulated(load_setting(None)), is_simulated(config_of(tmp_path))) == (True, False)
    words = Words(own_texts(), "en")
    assert words.of(a_calibration(is_simulated=True)) == f"{words.of(a_calibration())} {words('simulated')}"
    file = tmp_path / "camera.json"
    keep_calibration(file, a_calibration(is_simulated=True))
    assert json.loads(file.read_bytes())["is_simulated"] is True


def test_a_gate_that_will_only_warn_is_told_with_what_was_found() -> None:
    found = a_calibration(caught=0.5)
    told = json.loads(Outcome("warns", Words(own_texts(), "en").of(found), calibration=found).as_json())
    assert (told["refused"], told["caught"], "calibration" in told) == ("warns", 0.5, False)


def test_every_end_can_be_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (*NOT_STARTED, "no_sheet", "other_sheet", "too_few", "sizes", "scales", "nobody", "not_kept"):
        assert own_texts().has(f"calibrate.{code}")
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody there
    with pytest.raises(CalibrationFault, match="nobody"):
        asking(Words(own_texts(), "en"))(STEPS[0])


def test_every_step_can_be_told_in_words() -> None:
    assert len(STEPS) == 14
    assert sum(step.takes for step in STEPS if not step.is_spoilt) == 40
    assert sum(step.takes for step in STEPS if step.is_spoilt) == 20
    for step in STEPS:
        assert isinstance(step, Step)
        for key in (f"calibrate.{step.sheet}", f"calibrate.{step.how}"):
            assert own_texts().has(key)
