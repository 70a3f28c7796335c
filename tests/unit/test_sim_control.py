"""How simulators are started, spoken to and ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devices.sim.__main__ import main
from devices.sim.control import Control, ControlError, ControlServer, spawn
from tests.fixtures.reader import wait_until


def test_a_control_answers_with_a_value_or_a_reason(tmp_path):
    deep = tmp_path / ("long" * 30)  # longer than a socket's name may be
    deep.mkdir()

    def add(a: int, b: int = 1) -> int:
        return a + b

    server = ControlServer(deep / "far.sock", {"add": add, "echo": lambda text: text})
    server.start()
    try:
        control = Control(server.address)
        assert control.call("add", a=2, b=3) == 5
        assert control.call("echo", text="长期 𠮷") == "长期 𠮷"
        with pytest.raises(ControlError, match="allowed are add, echo"):
            control.call("subtract")
        with pytest.raises(ControlError, match="TypeError"):
            control.call("add", c=1)
    finally:
        server.stop()
    with pytest.raises(ControlError, match="no answer"):
        control.call("add", a=1)


def test_an_unknown_simulator_is_refused(capsys):
    with pytest.raises(ValueError, match="allowed are reader"):
        spawn("teapot")
    assert main(["teapot"]) == 2
    assert main([]) == 2
    assert "allowed are reader" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["nothing", "[]", '{"a": {"name": "x"}}', '{"a": {"name": "x", "colour": 1}}', '{"a": 1}']
)
def test_cards_that_cannot_be_are_refused_before_anything_runs(tmp_path, text, capfd):
    path = tmp_path / "cards.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RuntimeError, match="exit code 2"):
        spawn("reader", "--cards", str(path), folder=tmp_path)
    assert "sim reader: " in capfd.readouterr().err


@pytest.mark.parametrize("words", [("--put", "nobody"), ("--tcp", "nowhere"), ("--cards", "no/such/file")])
def test_a_reader_that_cannot_start_says_so_in_one_line(tmp_path, words, capfd):
    with pytest.raises(RuntimeError, match="exit code 2"):
        spawn("reader", *words, folder=tmp_path)
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_simulator_ends_with_whoever_started_it(tmp_path: Path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from devices.sim.control import spawn\n"
        "print(spawn('reader', folder=Path(sys.argv[1])).pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        parent.kill()
    wait_until(lambda: not _is_running(pid), "the orphan's end")


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_stopped_simulator_takes_its_files_away(tmp_path):
    name = tmp_path / "reader.tty"
    with spawn("reader", "--symlink", str(name), folder=tmp_path) as far:
        assert far.is_running()
        assert str(name.readlink()).startswith("/dev/pts/")
        assert far.link == f"serial:{name}"
    assert not far.is_running()
    assert list(tmp_path.iterdir()) == []
