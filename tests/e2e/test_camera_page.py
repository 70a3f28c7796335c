"""A hand lays papers down under the camera, swaps them, forgets to leave: what the person would be told."""

from __future__ import annotations

import numpy as np
import pytest

from devices.api import Deadline, UserFault
from devices.imaging.quads import clockwise, overlap
from tests.fixtures.camera import CameraBench


def test_a_page_laid_down_by_a_hand_is_ready_only_when_the_hand_is_gone(camera_bench: CameraBench) -> None:
    camera_bench.watch_until(lambda p: p.gate == "page")
    camera_bench.lay("birth", by_hand=True)
    previews = camera_bench.watch_until(lambda p: p.is_ready)
    assert any(p.gate in ("whole", "hands", "still") for p in previews)
    state = camera_bench.sim.control.call("state")
    assert state["moves"] is False
    assert previews[-1].corners is not None
    seen = np.array(previews[-1].corners) * 2 + 0.5  # px of the preview → px of the stream
    assert overlap(seen, clockwise(np.array([state["corners"]]))[0]) > 0.95


def test_swapping_papers_makes_the_next_one_ready(camera_bench: CameraBench) -> None:
    camera_bench.lay("register")
    camera_bench.watch_until(lambda p: p.is_ready)
    first = camera_bench.camera.capture("m", 0, Deadline(20))
    camera_bench.watch_until(lambda p: p.gate == "taken")
    camera_bench.lay("card", by_hand=True)
    camera_bench.watch_until(lambda p: p.is_ready)
    second = camera_bench.camera.capture("m", 1, Deadline(20))
    assert first.sha256 != second.sha256
    assert second.width_px > second.height_px


def test_a_hand_that_stays_is_asked_away(camera_bench: CameraBench) -> None:
    camera_bench.fault("hand_stays")
    camera_bench.lay("text")
    previews = camera_bench.watch_until(lambda p: p.gate == "hands" and p.stable_frames > 8)
    assert not any(p.is_ready for p in previews)
    with pytest.raises(UserFault) as refused:
        camera_bench.camera.capture("m", 0, Deadline(20))
    assert refused.value.code == "hands"
    camera_bench.fault("hand_stays", on=False)
    assert camera_bench.watch_until(lambda p: p.is_ready)


@pytest.mark.parametrize(("fault", "gate"), [("blur", "sharp"), ("dark", "dark"), ("glare", "glare")])
def test_a_fault_of_lens_or_light_is_named_and_its_end_is_noticed(
    camera_bench: CameraBench, fault: str, gate: str
) -> None:
    camera_bench.lay("register")
    camera_bench.fault(fault)
    camera_bench.watch_until(lambda p: p.stable_frames >= 8)
    with pytest.raises(UserFault) as refused:
        camera_bench.camera.capture("m", 0, Deadline(20))
    assert refused.value.code == gate
    camera_bench.fault(fault, on=False)
    camera_bench.watch_until(lambda p: p.is_ready)
    assert camera_bench.camera.capture("m", 0, Deadline(20)).dpi > 150
