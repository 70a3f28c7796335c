"""The configuration: typed, complete, and every mistake named with key, value and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.commands import config as command
from app.commands.doctor import run_doctor
from kiosk.station.config import build_config, load_config
from kiosk.station.errors import ConfigError

DEFAULT = Path(__file__).parents[2] / "deploy" / "models" / "simulated" / "kiosk.toml"
MINIMAL = """
[station]
name_zh = "站"
name_en = "Station"
hours_zh = "全天"
hours_en = "all day"
agent_zh = "陈"
agent_en = "Chen"
phone = "0573-12345"
terminal_no = "JX-1"
site = "village"
[state]
folder = "state"
"""


def mistakes_of(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as fault:
        load_config(path)
    return fault.value.mistakes


def test_the_default_configuration_can_be_used():
    config = load_config(DEFAULT)
    assert config.simulation.is_on
    assert config.devices.reader is not None
    assert config.station.name("en").startswith("Zhuangshi")
    assert config.station.hours("zh") != config.station.hours("en")
    assert config.station.agent("zh") != config.station.agent("en")


def test_a_minimal_file_gets_the_defaults_and_paths_beside_it(tmp_path):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL, "utf-8")
    config = load_config(path)
    assert config.state_folder == tmp_path / "state"
    assert config.path("/srv/x") == Path("/srv/x")
    assert config.path("~/x") == Path.home() / "x"
    assert config.devices.reader is None
    assert config.screen.idle("standard") == (60, 30)
    assert config.screen.idle("elder") == (120, 60)
    assert config.state.offline_max_days == 30


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (MINIMAL + "[screens]\n", "screens: unknown key — known are station, state, screen"),
        (MINIMAL.replace('"village"', '"city"'), "station.site: 'city' — one of 'bank', 'town', 'village'"),
        (MINIMAL.replace('phone = "0573-12345"', ""), "station.phone: is missing — a text"),
        (MINIMAL.replace('"0573-12345"', '"call me"'), "station.phone: 'call me' — "),
        (MINIMAL + "[screen]\nidle_s = 1\n", "screen.idle_s: 1 — at least 5"),
        (MINIMAL + "[screen]\nidle_s = 9999\n", "screen.idle_s: 9999 — at most 3600"),
        (MINIMAL + "[screen]\nidle_s = '60'\n", "screen.idle_s: '60' — a whole number"),
        (MINIMAL + "[screen]\nidle_s = true\n", "screen.idle_s: True — a whole number"),
        (MINIMAL + "[devices.reader]\ndriver='reader-samv'\nlink='ftp:x'\n", "devices.reader.link: 'ftp:x' — "),
        (MINIMAL + "[devices.reader]\ndriver='reader-samv'\nlink='sim:reader'\n", "needs simulation.is_on"),
        (MINIMAL + "[devices.reader.options]\na = []\n", "devices.reader.options.a: [] — a text or a number or true"),
        (MINIMAL + "[devices.reader.options]\na = nan\n", "devices.reader.options.a: nan — a number"),
        (MINIMAL + "[simulation]\nhas_dock = true\n", "simulation.has_dock: True — needs"),
        (MINIMAL + "[simulation]\nhas_sandbox = true\n", "simulation.has_sandbox: True — needs"),
        (MINIMAL + "[simulation]\nis_on = true\n", "simulation.has_sandbox: False — true where is_on is"),
        (
            MINIMAL.replace('"state"', '"~nobody-of-this-name/x"'),
            "state.folder: '~nobody-of-this-name/x' — a path",
        ),
        (MINIMAL.replace('"state"', '"a\\u0000b"'), "state.folder: 'a\\x00b' — a path without unknown users"),
        (MINIMAL + "[platform]\nurls = ['https://p.example']\n", "platform.ca: '' — the file of the private CA"),
        (MINIMAL + "[platform]\nurls = ['http://p.example']\n", "platform.urls[0]: 'http://p.example' — "),
        (
            MINIMAL + "[platform]\nca = 'ca.pem'\nurls = ['https://p.example', 'https://p.example/']\n",
            "platform.urls[1]: 'https://p.example/' — each address once",
        ),
        (MINIMAL + "[sync]\nmax_bytes_per_s = 100\n", "sync.max_bytes_per_s: 100 — 0 for no limit, or at least 4096"),
        (MINIMAL + "[sync]\nlarge_parts = '22-6'\n", "sync.large_parts: '22-6' — two times of day, 22:00-06:00"),
        (MINIMAL + "[sync]\nlarge_parts = '24:00-06:00'\n", "sync.large_parts: '24:00-06:00' — two times of day"),
        (MINIMAL + "[sync]\nlarge_parts = '06:00-06:00'\n", "sync.large_parts: '06:00-06:00' — two different times"),
        (MINIMAL + "[sync]\nlarge_from_kib = 1\n", "sync.large_from_kib: 1 — at least 16"),
        ("catalogue = 'nowhere'\n" + MINIMAL, "catalogue: 'nowhere' — an existing folder"),
        ("folder = '/x'\n" + MINIMAL, "folder: unknown key"),
        (MINIMAL + "[screen\n", "kiosk.toml: is not TOML — "),
    ],
)
def test_each_mistake_names_key_value_and_what_is_allowed(tmp_path, text, mistake):
    assert any(mistake in found for found in mistakes_of(tmp_path, text)), mistakes_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[devices.reader]\ndriver='reader-samv'\nlink='pcsc:x'\n", "devices.reader.link: 'pcsc:x' — allowed are"),
        ("[devices.reader]\ndriver='camera-http'\nlink='tcp:h:1'\n", "devices.reader.driver: 'camera-http' — a driver"),
        (
            "[devices.reader]\ndriver='reader-samv'\nlink='tcp:h:1'\noptions={a=1}\n",
            "devices.reader.options.a: unknown",
        ),
        (
            "[devices.reader]\nlink='tcp:h:1'\noptions={answer_s=1e9}\n",
            "devices.reader.options.answer_s: 1000000000.0 — a number above 0 and at most 3600",
        ),
        (
            "[devices.reader]\nlink='tcp:h:1'\noptions={read_s=0}\n",
            "devices.reader.options.read_s: 0 — a number above 0 and at most 3600",
        ),
        ("[devices.reader]\nlink='http://h/'\n", "devices.reader.link: 'http://h/' — for a reader allowed are hid:…, "),
        (
            "[platform]\nca='ca.pem'\nurls=['https://p:99999']\n",
            "platform.urls[0]: 'https://p:99999' — https://HOST",
        ),
        ("[platform]\nca='ca.pem'\nurls=['https://p:x']\n", "platform.urls[0]: 'https://p:x' — https://HOST"),
        ("[platform]\nca='ca.pem'\nurls=['https://p?q=1']\n", "platform.urls[0]: 'https://p?q=1' — https://HOST"),
        ("[platform]\nca='gone.pem'\nurls=['https://p']\n", "platform.ca: 'gone.pem' — an existing file"),
        ("[platform]\npins='gone.json'\n", "platform.pins: 'gone.json' — an existing file"),
        ("[platform]\nca='kiosk.toml'\n", "platform.ca: 'kiosk.toml' — a certificate (PEM)"),
        (
            "[simulation]\nis_on=true\nhas_sandbox=true\n[devices.reader]\ndriver='reader-samv'\nlink='sim:camera'\n",
            "devices.reader.link: 'sim:camera' — sim:reader",
        ),
        (
            "[simulation]\nis_on=true\nhas_sandbox=true\n[devices.camera]\ndriver='camera-folder'\nlink='sim:camera'\n",
            "devices.camera.driver: 'camera-folder' — one that can be simulated: camera-http",
        ),
    ],
)
def test_what_no_type_can_tell_is_named_before_anything_starts(tmp_path, capsys, text, mistake):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL + text, "utf-8")
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----", "ascii")
    assert command.check(path) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(mistake)
    assert run_doctor(path, as_json=False) == 2
    assert capsys.readouterr().err.splitlines() == [line]


def test_a_state_folder_that_is_a_file_is_a_mistake(tmp_path, capsys):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL, "utf-8")
    (tmp_path / "state").touch()
    assert command.check(path) == 2
    assert "state.folder: 'state' — a folder" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["/proc/nobody/state", "kiosk.toml/state", "/dev/null"])
def test_a_state_folder_that_cannot_be_made_is_a_mistake(tmp_path, capsys, folder):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL.replace('"state"', f'"{folder}"'), "utf-8")
    assert command.check(path) == 2
    assert f"state.folder: '{folder}' — a folder, or a path where this user can make" in capsys.readouterr().out
    assert run_doctor(path, as_json=False) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_two_devices_on_one_port_are_a_mistake_by_whatever_name(tmp_path, capsys):
    port, name = tmp_path / "ttyUSB0", tmp_path / "reader"
    port.touch()
    name.symlink_to(port)
    path = tmp_path / "kiosk.toml"
    links = f"[devices.reader]\nlink = 'serial:{port}'\n[devices.barcode]\nlink = 'serial:{name}?baud=9600'\n"
    path.write_text(MINIMAL + links, "utf-8")
    assert command.check(path) == 2
    said = f"devices.barcode.link: 'serial:{name}?baud=9600' — a port of its own: devices.reader has this one\n"
    assert capsys.readouterr().out == said
    path.write_text(MINIMAL + "[devices.reader]\nlink = 'tcp:H:1'\n[devices.printer]\nlink = 'tcp:h:1'\n", "utf-8")
    assert command.check(path) == 2
    assert "devices.printer.link: 'tcp:h:1' — a port of its own" in capsys.readouterr().out


def test_a_mark_in_front_is_read_past_and_a_mistake_names_the_path_as_given(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL, "utf-8-sig")
    assert command.check(path) == 0
    assert command.check(Path("gone/kiosk.toml")) == 2
    assert "gone/kiosk.toml: cannot be read — " in capsys.readouterr().out


def test_all_mistakes_are_named_at_once(tmp_path):
    found = mistakes_of(tmp_path, "foo = 1\n[station]\nsite = 'x'\n[screen]\nscale = 'big'\n")
    assert len(found) == 12  # foo, eight missing keys of station, site, state, scale


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError) as fault:
        load_config(tmp_path / "gone.toml")
    assert "cannot be read" in fault.value.mistakes[0]
    (tmp_path / "kiosk.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as fault:
        load_config(tmp_path / "kiosk.toml")
    assert "not UTF-8" in fault.value.mistakes[0]


def test_plain_data_makes_a_configuration_too(tmp_path):
    import tomllib

    raw = tomllib.loads(MINIMAL)
    assert build_config({**raw, "screen": {"locale": "en"}}, tmp_path).screen.locale == "en"


def test_the_commands_show_and_check(tmp_path, capsys):
    assert command.check(DEFAULT) == 0
    assert command.check(DEFAULT, as_json=True) == 0
    capsys.readouterr()
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL + "[platform]\ncode = 'once-only'\n", "utf-8")
    assert command.show(path) == 0
    out = capsys.readouterr().out
    assert 'station.site = "village"' in out
    assert "once-only" not in out
    assert command.show(path, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["screen"]["idle_s"] == 60
    path.write_text(MINIMAL + "x = 1\n", "utf-8")
    assert command.check(path) == 2
    assert "state.x: unknown key" in capsys.readouterr().out
    assert command.show(path, as_json=True) == 2
    assert "state.x: unknown key" in json.loads(capsys.readouterr().out)[0]


def test_production_wants_a_key_backend_that_keeps_the_key(tmp_path):
    production = 'profile = "production"\n' + MINIMAL
    assert mistakes_of(tmp_path, production) == (
        "platform.key_backend: 'file' — tpm2, systemd-creds or windows, when profile is 'production'",
    )
    for backend in ("tpm2", "systemd-creds", "windows"):
        (tmp_path / "kiosk.toml").write_text(f'{production}[platform]\nkey_backend = "{backend}"\n', "utf-8")
        config = load_config(tmp_path / "kiosk.toml")
        assert (config.profile, config.platform.key_backend) == ("production", backend)
        assert config.platform.tpm == "device:/dev/tpmrm0"


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ('key_backend = "keyring"', "platform.key_backend: 'keyring'", "systemd-creds"),
        ('tpm = "/dev/tpm0"', "platform.tpm: '/dev/tpm0'", "device:/dev/tpmrm0"),
        ('tpm = "mssim:host=a,port=1;sh"', "platform.tpm: 'mssim:host=a,port=1;sh'", "swtpm:host=HOST,port=PORT"),
    ],
)
def test_a_key_place_that_cannot_be_is_named(tmp_path, line, key, allowed):
    (mistake,) = mistakes_of(tmp_path, f"{MINIMAL}[platform]\n{line}\n")
    assert mistake.startswith(key)
    assert allowed in mistake


def test_a_profile_nobody_knows_is_named(tmp_path):
    (mistake,) = mistakes_of(tmp_path, 'profile = "live"\n' + MINIMAL)
    assert mistake == "profile: 'live' — one of 'development', 'production'"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sharp = 0", "imaging.sharp: 0 — at least 0.05"),
        ("sharp = 2.5", "imaging.sharp: 2.5 — at most 0.95"),
        ("sharp = true", "imaging.sharp: True — a number"),
        ("least_dpi = 600", "imaging.least_dpi: 600 — at most 300"),
        ("glare_percent = nan", "imaging.glare_percent: nan — a number"),
        ("ink_percent = inf", "imaging.ink_percent: inf — a number"),
        ("stable_frames = 8.5", "imaging.stable_frames: 8.5 — a whole number"),
        ("dark_level = 200\nbright_level = 190", "imaging.dark_level: 200.0 — below imaging.bright_level"),
    ],
)
def test_a_gates_limit_that_makes_no_sense_is_refused_in_words(tmp_path, line, said):
    assert mistakes_of(tmp_path, MINIMAL + "[imaging]\n" + line) == (said,)


def test_an_unknown_gate_is_named_with_those_there_are(tmp_path):
    (mistake,) = mistakes_of(tmp_path, MINIMAL + "[imaging]\nblurry = 1")
    assert mistake.startswith("imaging.blurry: unknown key — known are edge_percent, stable_frames")


def test_whole_numbers_are_taken_where_a_number_is_meant(tmp_path):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL + "[imaging]\nbright_level = 240", "utf-8")
    assert load_config(path).imaging.bright_level == 240.0


def test_a_link_alone_names_its_usual_driver_and_an_option_may_be_a_fraction(tmp_path, capsys):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL + "[devices.printer]\nlink = 'tcp:h:1'\noptions = { cut_s = 0.4 }\n", "utf-8")
    assert command.check(path) == 0
    capsys.readouterr()
    assert command.show(path, as_json=True) == 0
    printer = json.loads(capsys.readouterr().out)["devices"]["printer"]
    assert printer == {"driver": "printer-escpos", "link": "tcp:h:1", "options": {"cut_s": 0.4}}
