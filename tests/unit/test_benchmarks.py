"""The benchmarks' command line and what it prints; the figures themselves are never a test."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.commands.coverage import Tally, judge
from benchmarks import __main__ as program
from benchmarks import start
from benchmarks.report import Result, compose_markdown, compose_text, describe_machine, missed_goals


def a_figure(**changes: object) -> dict[str, object]:
    plain = {"value": 1.2, "unit": "x", "ours": "12 ms", "theirs": "10 ms", "peer": "bare line", "goal": "<= 2"}
    return {**plain, "holds": True, **changes}


def a_result(**figures: dict[str, object]) -> Result:
    return {"name": "reader", "machine": {"cpu": "some", "cores": 2}, "figures": figures}


@pytest.fixture
def measured(monkeypatch) -> Callable[..., None]:
    """Let every benchmark bring the figures given."""

    def bring(**figures: dict[str, object]) -> None:
        monkeypatch.setattr(
            program, "measure", lambda name, machine: {"name": name, "machine": machine, "figures": figures}
        )

    return bring


def test_an_unknown_benchmark_is_refused_with_the_names_there_are():
    done = CliRunner().invoke(program.main, ["speed"])
    assert done.exit_code == 2
    assert done.stderr.strip() == f"benchmark 'speed': allowed are {', '.join(program.NAMES)}, all"


def test_every_name_is_a_module_that_runs():
    for name in program.NAMES:
        assert (Path(program.__file__).parent / f"{name}.py").is_file()
    assert program.choose(("all",)) == list(program.NAMES)
    assert program.choose(("queue", "reader", "queue")) == ["queue", "reader"]


def test_one_benchmark_prints_an_object_and_several_an_array(measured):
    measured(ratio=a_figure())
    one = json.loads(CliRunner().invoke(program.main, ["reader", "--json"]).stdout)
    assert one["name"] == "reader"
    assert set(one["machine"]) == {"cpu", "cores", "ram_gb", "kernel", "python", "date"}
    assert set(one["figures"]["ratio"]) == {"value", "unit", "ours", "theirs", "peer", "goal", "holds"}
    several = json.loads(CliRunner().invoke(program.main, ["reader", "queue", "--json"]).stdout)
    assert [result["name"] for result in several] == ["reader", "queue"]


@pytest.mark.parametrize(("strict", "holds", "code"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_only_strict_makes_a_missed_goal_a_failure(measured, strict, holds, code):
    measured(ratio=a_figure(holds=holds))
    done = CliRunner().invoke(program.main, ["reader", *(["--strict"] if strict else [])])
    assert done.exit_code == code
    assert ("reader.ratio" in done.stderr) is not holds


def test_one_that_fails_is_told_and_the_others_keep_their_figures(tmp_path, monkeypatch):
    def measure(name: str, machine: dict[str, object]) -> Result:
        if name == "reader":
            raise OSError("the line\nis cut")
        return {"name": name, "machine": machine, "figures": {"ratio": a_figure()}}

    monkeypatch.setattr(program, "measure", measure)
    page = tmp_path / "page.md"
    done = CliRunner().invoke(program.main, ["queue", "reader", "seal", "--json", "--markdown", str(page)])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "did not run to their end: reader"
    figures = {result["name"]: result["figures"] for result in json.loads(done.stdout)}
    assert [*figures] == ["queue", "reader", "seal"]
    assert figures["queue"] == figures["seal"] == {"ratio": a_figure()}
    assert figures["reader"]["runs"]["ours"] == "OSError: the line is cut"
    assert "| reader | runs | 0  | to its end | NO |  |" in page.read_text("utf-8")


def test_the_page_shows_ratios_first_and_absolute_values_as_this_machines(tmp_path, measured):
    measured(ratio=a_figure(holds=False), memory=a_figure(goal="", unit="MB PSS", value=138, theirs=""))
    page = tmp_path / "docs" / "benchmarks.md"
    assert CliRunner().invoke(program.main, ["reader", "--markdown", str(page)]).exit_code == 0
    first, second = page.read_text(encoding="utf-8").split("## Absolute values, of this machine")
    assert "| reader | ratio | 1.2 x | <= 2 | NO | bare line |" in first
    assert "memory" not in first
    assert "| reader | memory | 12 ms |  | MB PSS |" in second


def test_a_bar_in_a_cell_does_not_break_the_table():
    page = compose_markdown([a_result(ratio=a_figure(peer="a|b"))])
    assert "a\\|b" in page
    assert missed_goals([a_result(ratio=a_figure())]) == []
    assert "bare line" in compose_text([a_result(ratio=a_figure())])


def test_the_machine_is_described():
    machine = describe_machine()
    assert machine["cores"] == len(os.sched_getaffinity(0))
    assert str(machine["python"]) == ".".join(str(part) for part in sys.version_info[:3])


def test_memory_and_children_of_a_process_are_found():
    words = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "some-child"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        found = dict(start.descendants(os.getpid()))
        assert "some-child" in found[child.pid]
        assert start.pss_mb(child.pid) > 1
        child.communicate()


def test_the_terminal_under_measure_keeps_its_state_apart(tmp_path):
    text = start._config(tmp_path).read_text(encoding="utf-8")
    assert f'folder = "{tmp_path / "state"}"' in text


def files(**changes: Tally) -> dict[str, Tally]:
    good = {
        "kiosk/session/step.py": Tally(100, 90, 20, 20),
        "devices/wire/samv.py": Tally(100, 90, 20, 20),
        "offline_queue/store.py": Tally(100, 90, 20, 20),
    }
    return {**good, **{path.replace("__", "/") + ".py": tally for path, tally in changes.items()}}


def test_coverage_within_its_limits_passes():
    rows, missed = judge(files())
    assert missed == []
    assert any(row.startswith("together") and "270/300  90.0" in row for row in rows)


@pytest.mark.parametrize(
    ("measured_files", "complaint"),
    [
        (files(kiosk__big=Tally(1000, 700, 0, 0)), "lines together: 74.6 %, at least 85 %"),
        (files(devices__wire__samv=Tally(100, 100, 20, 19)), "devices/wire/samv.py: 1 of 20 branches were never taken"),
        (
            {path: tally for path, tally in files().items() if "store" not in path},
            "offline_queue/store.py: nothing was measured",
        ),
    ],
)
def test_coverage_below_a_limit_names_it(measured_files, complaint):
    assert complaint in judge(measured_files)[1]


def test_nothing_heavy_is_imported_on_the_way_to_the_first_frame():
    heavy = {"cryptography", "requests", "yaml", "cv2", "numpy", "sqlite_utils", "serial", "segno", "smartcard", "PIL"}
    code = (
        "import sys, main, app.commands.run, app.setting, app.waking, app.dock, ui.app\n"
        "app.waking.waking_view(app.setting.load_setting(None)), app.dock.StageDock().controls()\n"
        "print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=start.ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.split())
    assert "PySide6" in loaded
    assert loaded & heavy == set()


@pytest.mark.parametrize("name", program.NAMES)
def test_every_benchmark_can_be_started(name):
    assert importlib.import_module(f"benchmarks.{name}")
