"""`read-card` on travel documents, as a technician types it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from devices.sim.chips.passport_signer import build_csca
from main import cli


def test_a_passport_opens_with_what_is_asked_for_and_is_printed_masked(card_rig, tmp_path):
    (tmp_path / "utopia.cer").write_bytes(build_csca())
    card_rig.insert("passport:pace")
    words = ["read-card", "--link", card_rig.link, "--ask", "mrz", "--json", "--option", f"csca={tmp_path}"]
    done = CliRunner().invoke(cli, words, input="l898902c\n690806\n940623\n")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["kind"], found["access"], found["authenticity"], found["signer"]) == ("travel", "pace", "valid", "UT")
    assert (found["portrait"], found["portrait_bytes"]) == ("jpeg", 15_000)
    assert (found["birth_date"], found["valid_until"]) == ("****-**-**", "1994-06-23")
    assert not any(secret in done.output for secret in ("L898902C", "l898902c", "ERIKSSON", "ANNA", "690806", "1969"))


def test_without_a_key_or_with_a_wrong_one_it_says_what_is_needed(card_rig, tmp_path):
    card_rig.insert("passport")
    link = ["read-card", "--link", card_rig.link, "--json"]
    for words, typed, told, code in (
        ([], "", "--ask mrz or --ask can", 1),
        (["--ask", "can"], "123456\n", "run again with --ask mrz", 1),
        (["--ask", "mrz"], "L898902D\n690806\n940623\n", "compare them with the document", 1),
        (["--ask", "mrz"], "L898902C\n69-08-06\n940623\n", "birth: not as the document has it", 2),
        (["--option", f"csca={tmp_path / 'missing'}"], "", "a folder of certificates is needed", 2),
    ):
        done = CliRunner().invoke(cli, link + words, input=typed)
        assert (done.exit_code, told in done.output) == (code, True), done.output
        assert "Traceback" not in done.output
