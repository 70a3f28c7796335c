"""The platform as a program: it starts, says where it is, ends politely, and its console answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from sandbox.api.uploads import LIFE_S, _find, find_or_create
from sandbox.enrolment import create_code
from sandbox.faults import Fault, FaultScript
from sandbox.keeping import drop_expired
from sandbox.main import Options, open_platform
from sandbox.store_view import NotThere, open_view
from tests.fixtures.platform import ROOT, LivePlatform, console_command
from tests.fixtures.platform_terminal import TestTerminal

SCAN = (b"\xff\xd8\xff a scan that no picture library knows", "image/jpeg")


PATIENCE = 200_000  # looks at /proc


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what `python -m sandbox` did."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_it_starts_with_everything_of_its_own_and_ends_with_0(platform: LivePlatform) -> None:
    assert platform.base_url.startswith("https://127.0.0.1:")
    assert platform.ca_path == platform.state / "public" / "ca.pem"
    assert (platform.state / "platform.db").exists()
    assert platform.stop() == 0


def test_it_ends_politely_while_a_request_hangs_and_a_line_is_kept_open(
    platform: LivePlatform, sender: TestTerminal
) -> None:
    platform.faults.next("heartbeat", "hang")
    other = TestTerminal(sender.url, sender.ca, key=sender.key, dev=sender.dev, serial=sender.serial)
    other.token = sender.token
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(other.beat)
        for _ in range(100_000):  # the script is taken when the request is there
            if platform.faults.left() == 0:
                break
        assert sender.ask("OPTIONS", "/v1/uploads").status_code == 204
        assert platform.stop() == 0
        assert isinstance(hanging.exception(), requests.ConnectionError)
    other.close()


def test_database_and_blobs_may_lie_elsewhere(start_platform: Callable[..., LivePlatform], tmp_path: Path) -> None:
    db, blobs, code_file = tmp_path / "elsewhere.db", tmp_path / "blobs", tmp_path / "code"
    options = ("--db", f"sqlite:///{db}", "--blobs", f"file://{blobs}", "--auto-approve", "--code-file", str(code_file))
    live = start_platform("own", *options)
    assert code_file.read_text().strip() == live.code
    made = TestTerminal(live.base_url, live.ca_path)
    made.enrol(live.code)
    consignment = made.pack({"m-1": SCAN})
    made.upload(consignment)
    assert made.put(consignment).status_code == 201
    made.close()
    live.stop()
    assert db.exists()
    assert not (live.state / "platform.db").exists()
    assert live.parts(consignment.sid)["m-1"].path.is_relative_to(blobs)


def test_the_console_shows_facts_and_writes_the_form(
    platform: LivePlatform, sender: TestTerminal, tmp_path: Path
) -> None:
    consignment = sender.pack({"m-1": SCAN}, {"identity": {"kind": "id_card", "name": "王小明"}})
    sender.upload(consignment)
    sender.put(consignment)
    sender.put(consignment)
    shown = platform.command("show", consignment.sid, "--json")
    assert (shown["state"], shown["commits"], shown["requests"], shown["seq"]) == ("committed", 1, 2, 1)
    assert shown["case_number"] == platform.case_number(consignment.sid)
    assert shown["intake_number"].startswith(f"{sender.dev}-000001-")
    assert "王小明" not in json.dumps(shown, ensure_ascii=False)
    assert platform.command("list") == [consignment.sid] == platform.sids()
    out = tmp_path / "submission.pdf"
    written = platform.command("record")["rows"]
    platform.command("pdf", consignment.sid, str(out))
    report = platform.command("record")
    assert (report["rows"], report["sound"], len(report["chain"])) == (written + 1, True, 64)
    assert out.read_bytes().startswith(b"%PDF-")
    assert platform.command("code")["code"] != platform.code


def test_unknown_things_end_with_1_and_wrong_places_with_2(platform: LivePlatform, tmp_path: Path) -> None:
    sid = "01990000-0000-7000-8000-000000000001"
    state = ("--state", str(platform.state))
    refused = [run("show", sid, *state)]
    refused += [console_command("pdf", sid, "x.pdf", *state), console_command("list", "--state", str(tmp_path / "no"))]
    for done in refused:
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("sandbox: nothing is known of")
    new = ("--state", str(tmp_path / "new"))
    refused = [console_command(*new, "--blobs", "s3://x"), console_command(*new, "--db", "nonsense")]
    for done in (*refused, run(*new, "--port", str(platform.port))):
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
    assert console_command("--port", "x").returncode == 2


def test_it_imports_nothing_of_the_product() -> None:
    code = (
        "import sys, pkgutil, importlib, sandbox\n"
        "for m in pkgutil.walk_packages(sandbox.__path__, 'sandbox.'):\n"
        "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
        "ours = {'kiosk', 'devices', 'offline_queue', 'app', 'ui', 'PySide6'}\n"
        "print(sorted(ours & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_a_worker_that_dies_is_replaced_and_none_outlives_its_parent(
    start_platform: Callable[..., LivePlatform],
) -> None:
    live = start_platform("crew", "--auto-approve", "--workers", "2")
    before = live.worker_pids
    assert len(before) == 2
    lost = min(before)
    os.kill(lost, signal.SIGKILL)
    for _ in range(PATIENCE):
        if len(live.worker_pids - {lost}) == 2:
            break
    assert len(live.worker_pids - before) == 1
    made = TestTerminal(live.base_url, live.ca_path)
    made.enrol(live.code)
    assert made.beat().status_code == 200
    made.close()
    workers = live.worker_pids
    live.kill()
    for _ in range(PATIENCE):
        if not any(is_alive(pid) for pid in workers):
            break
    assert not any(is_alive(pid) for pid in workers)
    live.start()  # the port is free again
    assert live.stop() == 0


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ── in process, with a clock of our own ────────────────────────────────────────────────────


class Ticking:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.s = 1_795_400_000.0

    def __call__(self) -> float:
        return self.s


def test_codes_enrolments_and_uploads_expire(tmp_path: Path) -> None:
    from sandbox import enrolment
    from sandbox.problems import Problem

    clock = Ticking()
    platform = replace(open_platform(Options(tmp_path / "p", is_auto_approving=True)), wall_s=clock)
    code = create_code(platform.store, platform.now())
    new = TestTerminal("https://127.0.0.1:1", platform.keys.ca_path)
    key = {"dev": "K-000001", "sid": "s", "part": "p", "sha256": "0" * 64}
    row = find_or_create(platform, key, 5)
    platform.blobs.upload_path(row["id"]).write_bytes(b"123")
    clock.s += LIFE_S - 1
    assert drop_expired(platform) == 0
    with pytest.raises(Problem, match="code_expired"):
        enrolment.begin(platform, code, new.csr(), {}, "t")
    clock.s += 1
    with pytest.raises(Problem, match="upload_expired"):
        _find(platform, "K-000001", row["id"])
    assert drop_expired(platform) == 1
    assert platform.blobs.offset(row["id"]) == 0

    begun = enrolment.begin(platform, create_code(platform.store, platform.now()), new.csr(), {}, "t")
    clock.s += enrolment.PENDING_LIFE_S
    proof = new.sign_object("kiosk/enrol-pop/v1", {"enrol_id": begun["enrol_id"], "n": "x"})
    with pytest.raises(Problem, match="code_expired"):
        enrolment.poll(platform, begun["enrol_id"], proof)
    new.close()
    platform.store.close()


def test_a_patch_that_stalls_is_let_go_and_keeps_what_arrived(tmp_path: Path) -> None:
    from sandbox.api import build_app
    from sandbox.store import device, text_sha256, token

    platform = replace(open_platform(Options(tmp_path / "p")), stall_s=0.05)
    with platform.store.begin() as connection:
        connection.execute(device.insert().values(dev="K-000001", state="active"))
        values = {"sha256": text_sha256("t"), "dev": "K-000001", "scope": "all", "expires": platform.now() + 600}
        connection.execute(token.insert().values(**values))
    row = find_or_create(platform, {"dev": "K-000001", "sid": "s", "part": "p", "sha256": "0" * 64}, 50)
    headers = {
        "authorization": "Bearer t", "tus-resumable": "1.0.0", "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
    }  # fmt: skip
    scope = {
        "type": "http", "method": "PATCH", "path": f"/v1/uploads/{row['id']}", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "http_version": "1.1",
    }  # fmt: skip
    arriving = [{"type": "http.request", "body": b"12345", "more_body": True}]
    sent: list[dict] = []

    async def receive() -> dict:
        return arriving.pop() if arriving else await asyncio.Event().wait()

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(build_app(platform)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert platform.blobs.offset(row["id"]) == 5
    with platform.blobs.hold(row["id"]) as file:  # let go: the next one may append
        assert file.tell() == 5
    platform.store.close()


def test_the_script_counts_down_in_order(tmp_path: Path) -> None:
    script = FaultScript(tmp_path / "faults")
    assert script.take("put") is None
    script.add(Fault("get", "close"))
    script.add(Fault("put", "status", times=2, status=500))
    script.add(Fault("put", "status", status=429))
    assert (script.left(), script.left("put")) == (4, 3)
    played = [script.take("put") for _ in range(4)]
    assert [fault.status if fault else 0 for fault in played] == [500, 500, 429, 0]
    assert script.left() == 1
    script.clear()
    assert script.left() == 0


def test_a_state_folder_without_a_platform_has_no_view(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        open_view(tmp_path)


def test_the_platform_starts_without_what_only_papers_need():
    code = (
        "import sys; from sandbox.api import build_app; import sandbox.commands, sandbox.console.mount; "
        "print(*sorted({'weasyprint', 'pikepdf', 'PIL', 'boto3', 'img2pdf'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_codes_are_for_their_owners_eyes_and_at_least_one(platform: LivePlatform, tmp_path: Path) -> None:
    out = tmp_path / "codes.txt"
    words = ["code", "--state", str(platform.state), "--out", str(out)]
    assert run(*words, "--count", "2").returncode == 0
    assert out.stat().st_mode & 0o777 == 0o600
    for count in ("0", "-3", "x"):
        refused = console_command(*words, "--count", count)
        assert refused.returncode == 2
        assert "allowed: 1 to 10000" in refused.stderr


def test_no_redirect_believes_the_host_header(platform: LivePlatform) -> None:
    for path in ("/console", "/v1/time/", "/console/sign-in/"):
        found = requests.get(
            platform.base_url + path, headers={"Host": "evil.example"}, verify=str(platform.ca_path),
            allow_redirects=False, timeout=20,
        )  # fmt: skip
        assert "evil" not in found.headers.get("Location", ""), path
    assert (
        requests.get(
            platform.base_url + "/console", verify=str(platform.ca_path), allow_redirects=False, timeout=20
        ).headers["Location"]
        == "/console/"
    )
