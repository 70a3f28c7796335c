"""`print-test` through the production driver."""

from __future__ import annotations

import json
import subprocess

import pytest
from click.testing import CliRunner

from app.commands.print_test import RULER, print_test
from main import cli


def test_the_test_slip_comes_out(printer_rig, capsys):
    assert print_test(printer_rig.link, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"printed", "paper", "ms"}
    assert (told["printed"], told["paper"]) == (True, "full")
    assert told["ms"] > 0
    (job,) = printer_rig.jobs()
    assert job["is_complete"]
    assert RULER in job["rows"]
    assert len(RULER) == 48
    assert job["codes"] == ["JINBAN-PRINT-TEST"]
    assert sum(row.startswith("[picture") for row in job["rows"]) == 1


def test_it_says_in_one_line_what_came_out(printer_rig, capsys):
    assert print_test(printer_rig.link, driver="printer-escpos") == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_without_paper_it_says_so(printer_rig, capsys):
    printer_rig.call("paper_out_after")
    assert print_test(printer_rig.link, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["printed"], told["paper"], told["code"]) == (False, "out", "paper_out")
    assert print_test(printer_rig.link) == 1
    assert "paper_out" in capsys.readouterr().err


def test_a_printer_that_is_not_there_could_not_be_started(tmp_path, capsys):
    assert print_test(f"serial:{tmp_path}/none", as_json=True) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "noDevice"
    assert print_test(f"serial:{tmp_path}/none") == 2
    told = capsys.readouterr().err
    assert "no printer there" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("link", "driver"), [("nonsense", ""), ("tcp:127.0.0.1:1", "printer-x"), ("tcp:127.0.0.1:1", "reader-samv")]
)
def test_a_bad_link_or_driver_is_one_clear_line(link, driver, capsys):
    assert print_test(link, driver) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_our_own_far_end_prints_from_the_command_line(capsys):
    assert print_test("sim:printer", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["printed"], told["paper"]) == (True, "full")
    assert print_test("sim:reader") == 2
    assert "for a printer allowed are" in capsys.readouterr().err


def test_a_queue_gets_an_a4_page(cups_server, paper_printer, capsys):
    assert print_test(cups_server.link("A4"), as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["printed"], told["paper"]) == (True, "full")
    (page,) = paper_printer.received()
    text = subprocess.run(["pdftotext", "-", "-"], input=page, capture_output=True, check=True).stdout.decode()
    assert "打印测试" in text
    assert "𠮷" in text


def test_a_paused_queue_is_one_clear_line(cups_server, paper_printer, capsys):
    cups_server.run("cupsdisable", "A4")
    try:
        assert print_test(cups_server.link("A4"), driver="document-printer-cups") == 1
        assert "the queue is paused" in capsys.readouterr().err
    finally:
        cups_server.run("cupsenable", "A4")
    assert print_test(cups_server.link("NONE"), kind="document_printer") == 2


def test_the_command_line_takes_a_queue(cups_server, paper_printer, tmp_path):
    link = cups_server.link("A4")
    done = CliRunner().invoke(cli, ["print-test", "--link", link, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["printed"]) == (0, True)
    assert CliRunner().invoke(cli, ["print-test", "--link", f"cups:A4@{tmp_path}/none.sock"]).exit_code == 2
    assert CliRunner().invoke(cli, ["print-test", "--link", link, "--kind", "reader"]).exit_code == 2


def test_a_slip_goes_through_a_queue_when_asked_for(slip_rig, cups_server, capsys):
    assert print_test(cups_server.link("SLIP"), kind="printer", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["paper"] == "unknown"
    assert RULER in slip_rig.wait_for_jobs(1)[0]["rows"]
