"""Words of the command lines: a number is in range, a path says something, a refusal names what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.commands.catalogue_check import check
from main import cli
from sandbox import fleet
from sandbox.commands import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("devices find --patience nan", "'--patience': nan is no number from 0.5 to 20"),
        ("devices find --patience inf", "'--patience': inf is no number from 0.5 to 20"),
        ("devices find --patience 21", "21.0 is not in the range 0.5<=x<=20.0"),
        ("read-card --link tcp:127.0.0.1:1 --timeout nan", "'--timeout': nan is no number from 0 to 3600"),
        ("read-card --link tcp:127.0.0.1:1 --timeout -1", "-1.0 is not in the range 0.0<=x<=3600.0"),
        ("queue export --out=", "'--out': '' is no path; the current folder is ."),
        ("scan a.jpg --out=", "'--out': '' is no path"),
        ("doctor --config=", "'--config': '' is no path"),
    ],
)
def test_a_word_of_the_command_line_that_cannot_be_used_is_told(words, said):
    done = CliRunner().invoke(cli, words.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (run, ["--state", ""], "argument --state: '' is no path; the current folder is ."),
        (run, ["list", "--state", " "], "argument --state: '' is no path"),
        (run, ["serve", "--port", "x"], "argument --port: 'x'; allowed: 0 to 65535"),
        (run, ["serve", "--workers", "0"], "argument --workers: '0'; allowed: 1 to 64"),
        (fleet.main, ["--kiosks", "x"], "argument --kiosks: 'x'; allowed: 1 to 20000"),
        (fleet.main, ["--kiosks", "1", "--minutes", "nan"], "argument --minutes: 'nan'; allowed: 0 to 100000"),
        (fleet.main, ["--kiosks", "1", "--flaky", "2"], "argument --flaky: '2'; allowed: 0 to 1"),
        (fleet.main, ["--kiosks", "1", "--speedup", "0"], "argument --speedup: '0'; allowed: 0.001 to 1e+06"),
    ],
)
def test_a_word_of_the_platform_that_cannot_be_used_is_told(command, words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        command(words)
    assert said in capsys.readouterr().err


def test_a_catalogue_without_its_header_names_the_folder(tmp_path: Path, capsys):
    (tmp_path / "one.yaml").write_text("item_code: SIM-YB-0001\n", "utf-8")
    assert check(tmp_path) == 1
    assert f"{tmp_path}: catalogue.yaml and vocabularies.yaml must both lie there" in capsys.readouterr().out
