"""Submissions leave on a stick and come to the platform by hand, by a courier, or by both and the line at once.

Pass, whatever the way: every promised submission becomes one case, the receipt is the same, the first terminal believes
it only when it verifies, and nothing on the stick can be read.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.commands.enrol import enrol_terminal
from app.commands.queue import run_queue
from main import cli
from offline_queue.api import State, StoreCorrupt
from sandbox.evacuation import find_evacuations, take_evacuation
from sandbox.main import Options, open_platform
from sandbox.platform import Platform
from sandbox.store import NoSuchChange
from tests.e2e.test_delivery import SCAN, Terminal
from tests.fixtures.platform import ROOT, LivePlatform, console_command, running_platform
from tests.fixtures.platform_terminal import TestTerminal, unb64url
from tests.fixtures.trust import write_config

STROKES = b"\x89PNG\r\n\x1a\n strokes"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


class Station:
    """A terminal that is on or off, its commands, and what it said last."""

    def __init__(self, platform: LivePlatform, state: Path, capsys: pytest.CaptureFixture[str] | None = None) -> None:
        self.platform = platform
        self.state = state
        self.config = write_config(state, platform)
        self.enrol()
        self.said: Any = None
        self.err = ""
        self._capsys = capsys

    def enrol(self) -> None:
        """Make it known to its platform."""
        self.device = enrol_terminal(
            self.platform.create_code(),
            url=self.platform.base_url,
            ca_path=self.platform.ca_path,
            pins_path=self.platform.pins_path,
            state=self.state,
            profile="development",
            version="0.1.0",
            show_digits=lambda _: None,
        )

    def store(self, count: int) -> list[str]:
        """Return the ids of so many submissions, sealed here while the line is away."""
        terminal = Terminal(self.platform, self.device, self.state)
        sids = [terminal.put() for _ in range(count)]
        terminal.close()
        return sids

    def deliver(self, *sids: str) -> list[str]:
        """Switch on and deliver over the line; return the case numbers."""
        terminal = Terminal(self.platform, self.device, self.state)
        try:
            return [terminal.drive(sid, State.DELIVERED, State.SHREDDED).case_number for sid in sids]
        finally:
            terminal.close()

    def state_of(self, sid: str) -> State:
        """Return the state of a submission in the store."""
        terminal = Terminal(self.platform, self.device, self.state)
        try:
            outcome = terminal.store.find(sid)
            assert outcome is not None
            return outcome.state
        finally:
            terminal.close()

    def command(self, action: str, folder: Path, capsys: pytest.CaptureFixture[str] | None = None) -> int:
        """Run `queue export` or `queue import`."""
        captured = capsys or self._capsys
        assert captured is not None
        captured.readouterr()
        code = run_queue(action, self.config, True, folder=folder)
        out, self.err = captured.readouterr()
        self.said = json.loads(out) if out else None
        return code

    def export(self, target: Path) -> Path:
        """Return the evacuation that an export has written."""
        assert self.command("export", target) == 0, self.err
        return Path(self.said["folder"])


@pytest.fixture
def new_station(platform: LivePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Station]:
    """A function that enrols a terminal by name."""
    return lambda name="one": Station(platform, tmp_path / name, capsys)


def take_in(platform: LivePlatform, folder: Path) -> tuple[int, list[dict[str, str]]]:
    """Return exit code and answer of `python -m sandbox import FOLDER`."""
    done = console_command("import", str(folder), "--state", str(platform.state))
    return done.returncode, json.loads(done.stdout) if done.stdout else [{"sid": "", "word": done.stderr}]


@pytest.fixture(scope="module")
def inside(platform: LivePlatform) -> Iterator[Platform]:
    """The same platform opened in this process too, beside the one that serves."""
    opened = open_platform(Options(state=platform.state))
    yield opened
    opened.store.close()


def words(results: list[dict[str, str]]) -> list[str]:
    return [result["word"] for result in results]


def receipt_at(platform: LivePlatform, root: Path, sid: str) -> None:
    """Assert that the receipt on the stick is the platform's own, byte for byte in its object."""
    wire = json.loads((root / "receipts" / f"{sid}.json").read_text())
    assert set(wire) == {"o", "kid", "sig"}
    assert platform.commits(sid) == 1


# ── the ways ───────────────────────────────────────────────────────────────────────────────


def test_by_hand_to_the_platform_and_back_with_receipts(platform, new_station, tmp_path) -> None:
    first = new_station("one")
    sids = first.store(2)
    root = first.export(tmp_path / "stick")
    assert root == tmp_path / "stick"
    assert first.state_of(sids[0]) is State.READY, "an export takes nothing away"
    code, results = take_in(platform, root)
    assert (code, words(results)) == (0, ["committed", "committed"])
    assert [result["case_number"] for result in results] == [platform.case_number(sid) for sid in sids]
    assert platform.parts(sids[0])["m-bank-1"].path.read_bytes() == SCAN
    for sid in sids:
        receipt_at(platform, root, sid)
    with closing(Terminal(platform, first.device, first.state)):
        assert first.command("import", root) == 1, "beside a running terminal"
    assert {(one["word"], one["note"][:21]) for one in first.said} == {("store_busy", "a terminal is running")}
    assert first.command("import", root) == 0, first.said
    assert [(one["word"], one["case_number"]) for one in first.said] == [
        ("delivered", platform.case_number(sid)) for sid in sids
    ]
    assert {first.state_of(sid) for sid in sids} == {State.DELIVERED}
    assert first.command("import", root) == 0, "twice is once"
    assert "carried" in {kind for dev, kind, _ in platform.notes() if dev == first.device.device_id}


def test_a_courier_sends_another_terminals_submissions(platform, new_station, tmp_path) -> None:
    first, courier = new_station("one"), new_station("two")
    sids, own = first.store(2), courier.store(1)
    stick = tmp_path / "stick"
    stick.mkdir()
    root = first.export(stick)
    assert root.parent == stick
    assert root.name.startswith(f"evacuation-{first.device.device_id}-")
    assert courier.command("import", stick) == 0, courier.said
    assert words(courier.said) == ["brought", "brought"]
    for sid in sids:
        receipt_at(platform, root, sid)
        assert platform.parts(sid)["signature"].path.read_bytes() == STROKES
    assert courier.state_of(own[0]) is State.READY, "its own queue is another matter"
    assert courier.command("import", stick) == 0
    assert words(courier.said) == ["receipt_here", "receipt_here"]
    assert first.deliver(*sids) == [platform.case_number(sid) for sid in sids], (
        "the same case when it comes back itself"
    )
    assert [platform.commits(sid) for sid in sids] == [1, 1]


def test_a_stick_that_was_delivered_meanwhile_makes_no_second_case(platform, inside, new_station, tmp_path) -> None:
    first, courier = new_station("one"), new_station("two")
    (sid,) = first.store(1)
    root = first.export(tmp_path / "stick")
    (case,) = first.deliver(sid)
    results = take_evacuation(inside, root)
    assert (words(results), results[0]["case_number"]) == (["was_here"], case)
    (root / "receipts" / f"{sid}.json").unlink()
    assert courier.command("import", root) == 0
    assert (courier.said[0]["word"], courier.said[0]["case_number"]) == ("brought", case)
    assert platform.commits(sid) == 1


def test_a_held_submission_leaves_too_and_a_receipt_ends_its_holding(platform, inside, new_station, tmp_path) -> None:
    first = new_station("one")
    (sid,) = first.store(1)
    platform.faults.refuse_next("refused")
    terminal = Terminal(platform, first.device, first.state)
    terminal.drive(sid, State.DEAD)
    terminal.close()
    root = first.export(tmp_path / "stick")
    assert words(take_evacuation(inside, root)) == ["committed"]
    assert first.command("import", root) == 0
    assert first.state_of(sid) is State.DELIVERED


# ── nobody reads, nobody forges ────────────────────────────────────────────────────────────


def test_the_stick_holds_nothing_that_can_be_read(new_station, tmp_path) -> None:
    first = new_station("one")
    first.store(1)
    root = first.export(tmp_path / "stick")
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) == 6  # index, certificates, envelope, manifest, two parts
    assert not any(b"strokes" in path.read_bytes() or SCAN[:64] in path.read_bytes() for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)
    assert not list(tmp_path.glob(".*unfinished"))


def test_an_evacuation_of_a_stranger_is_not_carried(inside, new_station, tmp_path, start_platform, capsys) -> None:
    courier = new_station("two")
    elsewhere = start_platform("elsewhere")
    stranger = Station(elsewhere, tmp_path / "stranger", capsys)
    stranger.store(1)
    root = stranger.export(tmp_path / "stick")
    assert courier.command("import", root) == 1
    assert words(courier.said) == ["index_not_trusted"]
    assert words(take_evacuation(inside, root)) == ["index_not_trusted"]


def test_receipts_that_are_not_for_it_settle_nothing(platform, inside, new_station, tmp_path) -> None:
    first, other = new_station("one"), new_station("two")
    (sid,), (theirs,) = first.store(1), other.store(1)
    root, another = first.export(tmp_path / "stick"), other.export(tmp_path / "other")
    assert words(take_evacuation(inside, another)) == ["committed"]
    receipts = root / "receipts"
    receipts.mkdir()
    foreign = (another / "receipts" / f"{theirs}.json").read_bytes()
    wire = json.loads(foreign)
    for forged in (foreign, b"{}", b"", json.dumps({**wire, "sig": wire["sig"][::-1]}).encode()):
        (receipts / f"{sid}.json").write_bytes(forged)
        assert first.command("import", root) == 1
        assert first.said[0]["word"] in ("receipt_not_trusted", "damaged")
        assert first.state_of(sid) is State.READY
    assert platform.commits(sid) == 0


@pytest.mark.parametrize("lying", [b"", b"not json", b"{}", "foreign", "link"])
def test_a_courier_believes_no_receipt_that_does_not_verify(
    platform, inside, new_station, tmp_path, lying: bytes | str
) -> None:
    """Who would write any file there could keep a person's papers from ever being sent."""
    first, courier = new_station("one"), new_station("two")
    (sid,) = first.store(1)
    root = first.export(tmp_path / "stick")
    path = root / "receipts" / f"{sid}.json"
    path.parent.mkdir()
    if isinstance(lying, bytes):
        path.write_bytes(lying)
    else:
        (theirs,) = courier.store(1)
        another = courier.export(tmp_path / "another")
        assert words(take_evacuation(inside, another)) == ["committed"]
        foreign = another / "receipts" / f"{theirs}.json"
        path.symlink_to(foreign) if lying == "link" else shutil.copy(foreign, path)
    assert courier.command("import", root) == 0, courier.said
    assert [(one["word"], one["note"]) for one in courier.said] == [
        ("brought", "a receipt that does not verify lay there")
    ]
    assert courier.said[0]["case_number"] == platform.case_number(sid)
    receipt_at(platform, root, sid)
    assert courier.command("import", root) == 0
    assert [(one["word"], one["case_number"]) for one in courier.said] == [("receipt_here", platform.case_number(sid))]


def test_the_platform_writes_through_no_link_either(platform, inside, new_station, tmp_path) -> None:
    first = new_station("one")
    (sid,) = first.store(1)
    root = first.export(tmp_path / "stick")
    (tmp_path / "elsewhere").mkdir()
    (root / "receipts").symlink_to(tmp_path / "elsewhere")
    (result,) = take_evacuation(inside, root)
    assert (result["word"], result["note"][:20]) == ("committed", "receipt not written:")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (root / "receipts").unlink()
    folder = next(root.glob("K-*"))
    folder.rename(tmp_path / "away")
    folder.symlink_to(tmp_path / "away")
    assert words(take_evacuation(inside, root)) == ["damaged"]
    (root / "index.json").unlink()
    os.mkfifo(root / "index.json")
    assert words(take_evacuation(inside, root)) == ["index_damaged"]
    assert platform.commits(sid) == 1


def test_who_may_carry_and_for_whom(platform, inside, new_station, tmp_path) -> None:
    first, courier = new_station("one"), new_station("two")
    (sid,) = first.store(1)
    root = first.export(tmp_path / "stick")
    inside.store.set_device_state(courier.device.device_id, "suspended")
    assert courier.command("import", root) == 1
    assert words(courier.said) == ["device_suspended"]
    inside.store.set_device_state(courier.device.device_id, "active")
    inside.store.set_device_state(first.device.device_id, "revoked")
    assert courier.command("import", root) == 1
    assert words(courier.said) == ["refused_refused"]
    assert words(take_evacuation(inside, root)) == ["refused_refused"]
    assert platform.commits(sid) == 0
    with pytest.raises(NoSuchChange, match="is revoked; allowed: nothing"):
        inside.store.set_device_state(first.device.device_id, "suspended")
    refused = console_command("import", "--state", str(platform.state), str(root))
    taken = console_command("import", "--state", str(platform.state), "--revoked", str(root))
    assert (refused.returncode, taken.returncode) == (1, 0), "somebody decides, at the platform"
    assert platform.commits(sid) == 1


def test_a_courier_cannot_spoil_what_the_first_terminal_uploads(platform, new_station, tmp_path) -> None:
    first = new_station("one")
    (sid,) = first.store(1)
    root = first.export(tmp_path / "stick")
    rogue = enrolled_sender(platform)
    try:
        envelope = json.loads((next(root.glob("K-*")) / "envelope.json").read_text())
        body = json.loads(unb64url(envelope["o"]))
        for part in body["parts"]:
            made = rogue.create_upload(sid, part["part"], part["sha256"], part["bytes"])
            assert rogue.patch(made.headers["Location"], 0, bytes(part["bytes"])).status_code == 410
        wrong = rogue.ask("PUT", f"/v1/submissions/{sid}", json={"envelope": envelope, "manifest": "AAAA"})
        assert wrong.status_code in (202, 422)
        forged = {**envelope, "sig": envelope["sig"][::-1]}
        refused = rogue.ask("PUT", f"/v1/submissions/{sid}", json={"envelope": forged, "manifest": "AAAA"})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_signature")
    finally:
        rogue.close()
    assert first.deliver(sid) == [platform.case_number(sid)]


def enrolled_sender(platform: LivePlatform) -> TestTerminal:
    made = TestTerminal(platform.base_url, platform.ca_path)
    made.enrol(platform.create_code())
    return made


# ── damage ─────────────────────────────────────────────────────────────────────────────────


def flip(path: Path, at: int = -1, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(bytes(data))


@pytest.fixture(scope="module")
def damaged_stick(platform: LivePlatform, inside: Platform, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """A courier, and a stick of two submissions of which the second came in: each test spoils a copy's first."""
    folder = tmp_path_factory.mktemp("damage")
    first, courier = (Station(platform, folder / name) for name in ("one", "two"))
    sids = first.store(2)
    assert run_queue("export", first.config, False, folder=folder / "stick") == 0
    second = folder / "second"
    shutil.copytree(folder / "stick", second)
    shutil.rmtree(sorted(second.glob("K-*"))[0])
    assert words(take_evacuation(inside, second)) == ["damaged", "committed"]
    shutil.copytree(second / "receipts", folder / "stick" / "receipts")
    return courier, folder / "stick", sids


@pytest.mark.parametrize("name", ["envelope.json", "manifest.ksb1", "m-bank-1.ksb1", "signature.ksb1"])
@pytest.mark.parametrize("how", ["flipped", "cut", "missing", "link"])
def test_one_damaged_file_keeps_one_submission_out_and_no_other(
    platform, inside, damaged_stick, tmp_path, capsys, name, how
) -> None:
    courier, root, sids = damaged_stick
    here = tmp_path / "copy"
    shutil.copytree(root, here)
    path = sorted(here.glob("K-*"))[0] / name
    match how:
        case "flipped":
            flip(path, path.stat().st_size // 2)
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "missing":
            path.unlink()
        case "link":
            shutil.copy(path, tmp_path / "target")
            path.unlink()
            path.symlink_to(tmp_path / "target")
    assert words(take_evacuation(inside, here)) == ["damaged", "was_here"]
    assert courier.command("import", here, capsys) == 1
    assert words(courier.said) == ["damaged", "receipt_here"]
    assert [platform.commits(sid) for sid in sids] == [0, 1]


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_a_flipped_bit_anywhere_in_the_index_keeps_all_of_it_out(inside, damaged_stick, tmp_path, capsys, at) -> None:
    courier, root, _ = damaged_stick
    here = tmp_path / "copy"
    shutil.copytree(root, here)
    index = here / "index.json"
    flip(index, index.stat().st_size * at // 100)
    assert words(take_evacuation(inside, here))[0] in ("index_damaged", "index_not_trusted")
    assert courier.command("import", here, capsys) == 1
    assert courier.said[0]["word"] in ("index_damaged", "index_not_trusted")


def test_a_signed_index_that_leads_elsewhere_is_refused(inside, damaged_stick, tmp_path, platform) -> None:
    sids = damaged_stick[2]
    rogue = enrolled_sender(platform)
    file = {"name": "envelope.json", "bytes": 1, "sha256": "0" * 64}
    both = [file, {**file, "name": "manifest.ksb1"}]
    for entry in (
        {"sid": sids[0], "seq": 1, "folder": "..", "files": both},
        {"sid": sids[0], "seq": 1, "folder": "K", "files": [*both, {**file, "name": "../../x.ksb1"}]},
        {"sid": sids[0], "seq": 1, "folder": "K", "files": [file]},
        {"sid": "../x", "seq": 1, "folder": "K", "files": both},
        {"sid": sids[0], "folder": "K", "files": both},
        7,
    ):
        value = {"v": 1, "typ": "evacuation", "dev": rogue.dev, "ts": 1, "entries": [entry]}
        (tmp_path / "index.json").write_text(json.dumps(rogue.sign_object("kiosk/evacuate/v1", value)))
        assert words(take_evacuation(inside, tmp_path)) == ["index_not_trusted"]
    good = {"v": 1, "typ": "evacuation", "dev": "K-000001", "ts": 1, "entries": []}
    (tmp_path / "index.json").write_text(json.dumps(rogue.sign_object("kiosk/evacuate/v1", good)))
    assert words(take_evacuation(inside, tmp_path)) == ["index_not_trusted"], "another device's id"
    rogue.close()


def test_a_terminal_whose_key_is_gone_hands_over_what_it_holds_all_the_same(
    platform, inside, new_station, tmp_path
) -> None:
    first, courier = new_station("one"), new_station("two")
    sids = first.store(2)
    (first.state / "trust" / "device.key").unlink()
    assert first.command("export", tmp_path / "stick") == 1
    assert (first.said["signed"], len(first.said["sealed"])) == (False, 2)
    assert words(take_evacuation(inside, tmp_path / "stick")) == ["index_not_trusted"]
    assert courier.command("import", tmp_path / "stick") == 1
    assert words(courier.said) in (["index_not_trusted"], ["index_damaged"])
    assert words(take_evacuation(inside, tmp_path / "stick", has_index=False)) == ["committed", "committed"]
    assert words(take_evacuation(inside, tmp_path / "stick", has_index=False)) == ["was_here", "was_here"]
    (tmp_path / "stick" / "index.json").unlink()
    assert find_evacuations(tmp_path / "stick") == []
    assert find_evacuations(tmp_path / "stick", has_index=False) == [tmp_path / "stick"]
    for sid in sids:
        receipt_at(platform, tmp_path / "stick", sid)


def test_papers_leave_a_terminal_that_has_lost_its_trust_and_another_one_never_signs_for_it(
    inside, new_station, tmp_path
) -> None:
    """state/trust is lost, and somebody enrols the terminal anew before anybody has looked at its queue."""
    first, fresh = new_station("one"), new_station("fresh")
    (sid,) = first.store(1)
    (first.state / "trust").rename(tmp_path / "lost-trust")
    with pytest.raises(StoreCorrupt, match="other_device"):
        first.enrol()
    assert first.command("export", tmp_path / "blank") == 1, first.err
    (fresh.state / "trust").rename(first.state / "trust")
    assert first.command("export", tmp_path / "stick") == 1
    said = first.said
    assert (said["device"], said["signed"], said["lost"]) == (first.device.device_id, False, [])
    assert words(take_evacuation(inside, tmp_path / "stick")) == ["index_not_trusted"]
    assert words(take_evacuation(inside, tmp_path / "stick", has_index=False)) == ["committed"]
    assert words(take_evacuation(inside, tmp_path / "blank", has_index=False)) == ["was_here"]
    assert first.command("list", tmp_path) == 0
    assert first.said[0]["sid"] == sid
    (first.state / "trust").rename(fresh.state / "trust")
    assert first.command("renew", tmp_path) == 0
    first.enrol()
    assert first.deliver(*first.store(1))


def test_without_its_index_a_stick_is_still_believed_file_by_file(inside, damaged_stick, tmp_path) -> None:
    _, root, sids = damaged_stick
    here = tmp_path / "copy"
    shutil.copytree(root, here)
    flip(here / "index.json", 40)
    first, second = sorted(here.glob("K-*"))
    flip(first / "m-bank-1.ksb1", 300)
    assert words(take_evacuation(inside, here, has_index=False)) == ["damaged", "was_here"]
    for path in (first, second):  # an envelope that somebody has rewritten
        flip(path / "envelope.json", 100)
    results = take_evacuation(inside, here, has_index=False)
    assert set(words(results)) <= {"damaged", "refused_bad_signature"}
    assert not (here / "receipts" / f"{sids[0]}.json").exists()


def test_a_half_written_folder_counts_for_nothing(platform, new_station, tmp_path) -> None:
    first, courier = new_station("one"), new_station("two")
    first.store(1)
    stick = tmp_path / "stick"
    stick.mkdir()
    root = first.export(stick)
    root.rename(stick / f".{root.name}.abcd.unfinished")
    assert courier.command("import", stick) == 2
    assert "holds no evacuation" in courier.err
    code, results = take_in(platform, stick)
    assert code == 2
    assert "holds no evacuation" in results[0]["word"]


def test_a_lost_part_keeps_one_submission_here_and_says_which(inside, new_station, tmp_path) -> None:
    first = new_station("one")
    sids = first.store(3)
    blobs = sorted((first.state / "queue" / "blobs").rglob("*.ksb1"), key=lambda path: path.stat().st_mtime_ns)
    flip(blobs[0], 5000 if blobs[0].stat().st_size > 5000 else 100)
    assert first.command("export", tmp_path / "stick") == 1
    assert first.said["lost"] == [sids[0]]
    assert [one["sid"] for one in first.said["sealed"]] == sids[1:]
    assert words(take_evacuation(inside, tmp_path / "stick")) == ["committed", "committed"]


# ── no room ────────────────────────────────────────────────────────────────────────────────

FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from app.commands.queue import run_queue
sys.exit(run_queue("export", Path(sys.argv[1]), True, folder=Path(sys.argv[2])))
"""


def test_a_full_stick_leaves_nothing_half_and_the_queue_whole(new_station, tmp_path) -> None:
    """A file that may not grow past 300 kB is a stick with no room for a scan of 700 kB."""
    first = new_station("one")
    (sid,) = first.store(1)
    stick = tmp_path / "stick"
    stick.mkdir()
    command = [sys.executable, "-c", FULL, str(first.config), str(stick)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not enough room" in done.stderr
    assert list(stick.iterdir()) == []
    assert first.state_of(sid) is State.READY
    assert first.export(stick).is_dir()


def test_a_place_that_is_no_folder_is_said(new_station, tmp_path) -> None:
    first = new_station("one")
    first.store(1)
    (tmp_path / "file").write_text("x")
    assert first.command("export", tmp_path / "file" / "stick") == 2
    assert "cannot be written there" in first.err
    assert first.command("import", tmp_path / "nowhere") == 2


@pytest.mark.parametrize("arguments", [(), ("a", "--out", "b")])
def test_the_place_of_an_export_is_named_once(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, ["queue", "export", *arguments])
    assert done.exit_code == 2
    assert "FOLDER or --out FOLDER" in done.output


def test_the_command_line_leads_there(new_station, tmp_path) -> None:
    first = new_station("one")
    first.store(1)
    done = CliRunner().invoke(cli, ["queue", "export", "--out", str(tmp_path / "stick"), "--config", str(first.config)])
    assert (done.exit_code, (tmp_path / "stick" / "index.json").is_file()) == (0, True)
    assert "1 sealed submissions" in done.output
    done = CliRunner().invoke(cli, ["queue", "import", str(tmp_path / "stick"), "--config", str(first.config)])
    assert done.exit_code == 1
    assert "1 no_receipt" in done.output
