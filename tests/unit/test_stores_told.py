"""Why a store cannot be gone on with is told alike by every command, the doctor and the start of the terminal."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from app.commands.doctor import Doctor
from app.commands.queue import run_queue
from app.opening import refuse
from app.stores import audited_number, store_folder
from kiosk.station.audit import AuditLog
from kiosk.station.audit_events import Event
from kiosk.station.config import Config, load_config
from kiosk.station.texts import own_texts
from offline_queue.api import StoreCorrupt, StoreTooNew
from tests.fixtures.queue import Bench, DeviceSigner, make_sid
from tests.unit.test_config import MINIMAL

ACTIONS = ("list", "stats", "retry")
TEXTS = own_texts()


class AuditSigner(DeviceSigner):
    """A device whose certificate has a number as long as real ones."""

    certificate_serial = "0a1b2c3d"


class Site(NamedTuple):
    """A terminal's configuration and its queue."""

    path: Path
    config: Config
    bench: Bench

    def doctor(self) -> tuple[str, str, str]:
        """Return code, text and remedy of the doctor's word on the queue."""
        found = next(one for one in Doctor(self.config, TEXTS, True).examine() if one.what == "queue")
        return found.code, found.text, found.remedy


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A terminal with one submission stored, switched off."""
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL)
    config = load_config(path)
    bench = Bench(config.state_folder / "queue")
    with bench.open() as store:
        bench.put(store, 1)
    return Site(path, config, bench)


def assert_told(site: Site, code: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that commands and doctor say the words of `key`."""
    why, remedy = (TEXTS(f"stores.{key}.{word}", "zh") for word in ("why", "remedy"))
    for action in ACTIONS:
        assert run_queue(action, site.path, True) == 2
        said = capsys.readouterr()
        assert (said.out, why in said.err, remedy in said.err) == ("", True, True), (action, said.err)
    found, text, to_do = site.doctor()
    assert (found, why in text, to_do) == (code, True, remedy)


def test_a_database_that_is_gone_is_told_alike(site, capsys):
    (site.bench.folder / "queue.db").unlink()
    assert_told(site, "database_gone", "database_gone", capsys)


def test_a_newer_schema_is_refused_by_every_command_in_the_same_words(site, capsys):
    connection = sqlite3.connect(site.bench.folder / "queue.db")
    connection.execute("PRAGMA user_version = 2000")
    connection.close()
    assert_told(site, "store_too_new", "store_too_new", capsys)
    assert run_queue("renew", site.path, True, above=5) == 2
    assert "queue.db" in {path.name for path in site.bench.folder.iterdir()}


@pytest.mark.parametrize(("content", "code"), [(b"", "not_a_store"), (b"no database " * 500, "sqlite")])
def test_a_file_that_is_no_database_is_told_as_unreadable(site, capsys, content, code):
    (site.bench.folder / "queue.db").write_bytes(content)
    assert_told(site, code, "store_unreadable", capsys)
    assert run_queue("export", site.path, True, folder=site.path.parent / "stick") == 2
    assert "queue renew" in capsys.readouterr().err


def test_a_damaged_store_is_exported_as_far_as_it_can_be_read(site, capsys):
    data = bytearray((site.bench.folder / "queue.db").read_bytes())
    data[-4096:] = b"\xa5" * 4096
    (site.bench.folder / "queue.db").write_bytes(bytes(data))
    assert run_queue("export", site.path, False, folder=site.path.parent / "stick") == 1
    said = capsys.readouterr()
    assert "1 sealed submissions" in said.out
    assert "the queue's database is damaged" in said.err
    assert "the queue belongs to K-000123 and this terminal is blank" in said.err


def test_the_start_of_the_terminal_says_the_same(capsys):
    for error in (StoreCorrupt("database_gone"), StoreCorrupt("database_old"), StoreTooNew("store_too_new")):
        assert refuse(error) == 2
        said = capsys.readouterr().err
        assert TEXTS(f"stores.{error.code}.why", "en") in said
        assert TEXTS(f"stores.{error.code}.remedy", "en") in said


def test_a_queue_that_is_gone_with_its_folder_is_known_by_the_audit_log(site, capsys):
    state, clock = site.config.state_folder, site.bench.clock
    log = AuditLog(state / "audit", "0" * 64, AuditSigner(), clock)
    for row in (1, 7):
        log.record(Event.QUEUE_TRANSITION, row=row, sid=make_sid(row), old="none", new="ready")
    log.close()
    assert audited_number(state) == 7
    site.bench.folder.rename(state / "elsewhere")
    with pytest.raises(StoreCorrupt, match="database_gone"):
        store_folder(site.config)
    assert_told(site, "database_gone", "database_gone", capsys)
    assert run_queue("renew", site.path, True) == 0
    renewed = json.loads(capsys.readouterr().out)
    assert renewed["first_number"] > 7
    with site.bench.open() as store:
        assert site.bench.put(store, 2).seq == renewed["first_number"]


def test_a_store_without_a_word_of_its_numbers_asks_for_one(site, capsys):
    with site.bench.open() as store:
        store.claim()
    for path in (*site.bench.folder.glob("queue.db*"), *site.bench.folder.rglob("*.ksb1")):
        path.unlink()
    assert run_queue("renew", site.path, False) == 2
    assert "--above" in capsys.readouterr().err
    assert run_queue("renew", site.path, False, above=12) == 0
    assert "lost/1" in capsys.readouterr().out


def test_the_doctor_tells_of_papers_that_only_another_device_may_send(site):
    """The terminal is blank: enrolling it would make those papers nobody's."""
    findings = {one.what: one for one in Doctor(site.config, TEXTS, True).examine()}
    remedy = TEXTS("stores.other_device.remedy", "zh")
    assert (findings["queue"].code, findings["queue"].remedy) == ("other_device", remedy)
    assert "K-000123, not —" in findings["queue"].text
    assert (findings["network"].code, findings["network"].remedy) == ("not_enrolled", remedy)
