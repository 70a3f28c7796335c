"""A folder of photographs in place of a camera: name order, one second of empty desk, odd files passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.api import Deadline, UserFault
from devices.drivers.camera_folder import FolderCamera
from devices.imaging.eye import Eye
from tests.fixtures.camera import watch_until


def test_pictures_come_in_name_order_with_an_empty_desk_between(page_folder: Path, camera_eye: Eye) -> None:
    camera = FolderCamera(f"folder:{page_folder}", eye=camera_eye)
    camera.open(Deadline(5))
    assert camera.remaining == 3
    watch_until(camera, lambda p: p.is_ready)
    first = camera.capture("m", 0, Deadline(20))
    assert camera.remaining == 2
    previews = watch_until(camera, lambda p: p.is_ready)
    assert sum(p.corners is None for p in previews) >= 3  # the desk was empty meanwhile
    assert camera.skipped == ("2-note.png",)
    second = camera.capture("m", 1, Deadline(20))
    assert (first.height_px > first.width_px, second.width_px > second.height_px) == (True, True)
    assert camera.remaining == 0
    watch_until(camera, lambda p: p.gate == "page")
    with pytest.raises(UserFault, match="page"):
        camera.capture("m", 2, Deadline(20))


def test_a_refused_picture_stays_until_it_is_kept(tmp_path: Path, desk_still, camera_eye: Eye) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.jpg").write_bytes(desk_still("blurred"))
    camera = FolderCamera(f"folder:{tmp_path}", eye=camera_eye)
    camera.open(Deadline(5))
    for _ in range(3):
        with pytest.raises(UserFault, match="sharp"):
            camera.capture("m", 0, Deadline(20))
        assert camera.remaining == 1
    assert camera.capture("m", 0, Deadline(20), keep=True).is_kept_despite
    assert camera.remaining == 0


def test_opening_again_does_not_lay_down_again_what_was_taken(page_folder: Path, camera_eye: Eye) -> None:
    camera = FolderCamera(f"folder:{page_folder}", eye=camera_eye)
    camera.open(Deadline(5))
    camera.capture("m", 0, Deadline(20))
    camera.close()
    camera.open(Deadline(5))
    assert camera.remaining == 2
