"""A pause of the queue is told to a technician by name, with its reason and what to do."""

from __future__ import annotations

import json

import pytest

from app.commands.doctor import Doctor
from app.commands.queue import run_queue
from kiosk.station.audit_events import Event, load_events
from kiosk.station.config import load_config
from kiosk.station.texts import own_texts
from offline_queue.api import PauseReason
from tests.fixtures.queue import Bench
from tests.unit.test_config import MINIMAL


def test_the_audit_log_knows_every_pause():
    words = load_events().kinds[Event.QUEUE_PAUSED].arguments["reason"].words
    assert words == {pause.value for pause in PauseReason if pause is not PauseReason.NONE}


@pytest.mark.parametrize("pause", [PauseReason.MAINTENANCE, PauseReason.PORTAL, PauseReason.REVOKED])
def test_the_commands_name_the_pause_its_reason_and_the_remedy(tmp_path, capsys, pause):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL)
    config = load_config(path)
    with Bench(config.state_folder / "queue").open() as store:
        store.set_pause(pause)
    assert run_queue("stats", path, False) == 0
    why = own_texts()(f"pauses.{pause}.why", "zh")
    remedy = own_texts()(f"pauses.{pause}.remedy", "zh")
    said = capsys.readouterr().out
    assert pause.value in said
    assert why in said
    assert remedy in said
    assert run_queue("stats", path, True) == 0
    assert json.loads(capsys.readouterr().out)["pause"] == pause.value
    finding = next(one for one in Doctor(config, own_texts(), True).examine() if one.what == "queue")
    assert (finding.code, finding.remedy) == (pause.value, remedy)
    assert why in finding.text
