"""The work lane: in order, never abandoned, a defect is told and the lane goes on."""

from __future__ import annotations

import threading

import pytest

from kiosk.station.work import WorkLane

PATIENCE_S = 10.0


def test_jobs_run_one_after_another_and_stop_lets_them_end() -> None:
    seen: list[int] = []
    lane = WorkLane(lambda error: pytest.fail(str(error)))
    for number in range(50):
        lane.submit(lambda number=number: seen.append(number))
    assert lane.stop(PATIENCE_S)
    assert seen == list(range(50))
    assert lane.busy_s() == 0.0


def test_a_running_job_is_seen_and_a_stuck_one_is_not_waited_for() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    lane = WorkLane(lambda error: pytest.fail(str(error)))
    lane.submit(job)
    assert begun.wait(PATIENCE_S)
    assert lane.busy_s() > 0.0
    assert not lane.stop(0.01)
    go_on.set()
    assert lane.stop(PATIENCE_S)


@pytest.mark.expected_log("a job of the work lane failed")
def test_a_defect_is_told_and_the_next_job_runs() -> None:
    told: list[BaseException] = []
    seen: list[str] = []
    lane = WorkLane(told.append)
    lane.submit(lambda: {}["nothing"])
    lane.submit(lambda: seen.append("next"))
    assert lane.stop(PATIENCE_S)
    assert [type(error) for error in told] == [KeyError]
    assert seen == ["next"]
