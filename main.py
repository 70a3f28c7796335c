"""The command line of Jinban 近办: one line a command, all work in app/commands/."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from app.words import Number, Place

CONFIG = click.option("--config", type=Place(), default=None, help="Configuration (TOML).")
KINDS = ("reader", "camera", "printer", "card", "document_printer", "scanner", "barcode", "auxiliaries")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="jinban")
def cli() -> None:
    """Jinban 近办: the self-service terminal that never loses a paper."""
    os.umask(0o077)  # what a visit leaves is for this user's eyes: forms, scans, slips, codes


def _exit(code: int) -> None:
    sys.exit(code)


def _is_typed(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _default_config() -> Path:
    from app.setting import DEFAULT_CONFIG

    return DEFAULT_CONFIG


def _with_state(run: Callable[..., int], config: Path | None, as_json: bool) -> int:
    """Run a command on the state folder of a configuration."""
    from app.opening import refuse
    from app.setting import load_setting
    from kiosk.station.errors import ConfigError

    try:
        return run(load_setting(config).state_folder, as_json=as_json)
    except ConfigError as error:
        return refuse(error)


@cli.command()
@CONFIG
@click.option("--fullscreen", is_flag=True, help="Fill the screen.")
@click.option("--size", default="auto", show_default=True, metavar="WxH", help="Window size.")
def run(**options: Any) -> None:
    """Open the terminal. With no display, say so and play the demo into build/demo."""
    gc.disable()  # until the first frame: collecting while modules load takes a tenth of the way there
    from app.commands.run import run_terminal

    _exit(run_terminal(**options))


@cli.command()
@click.option("--out", type=Place(), required=True, help="Folder for everything the visit leaves.")
@click.option("--offline", is_flag=True, help="The platform is down during the visit and starts afterwards.")
@click.option("--item", default="SIM-YB-0001", show_default=True, help="The service item.")
@click.option("--reader", default="", metavar="LINK", help="A real card reader instead of the simulated one.")
@click.option("--camera", default="", metavar="LINK", help="A real camera, or folder:PATH of photographs.")
@click.option("--printer", default="", metavar="LINK", help="A real receipt printer.")
@click.option("--size", default="1080x1920", show_default=True, metavar="WxH")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.option("--elder", is_flag=True, help="The large scale from the start.")
@JSON
def demo(**options: Any) -> None:
    """Play a whole visit, unattended, over simulated wires and a live sandbox."""
    from app.commands.demo import run_demo

    _exit(run_demo(**options))


@cli.command()
@CONFIG
@click.option("--test", "tests", multiple=True, metavar="KIND", help="Put this device to the test (all: each of them).")
@click.option("--report", type=Place(), default=None, metavar="FILE", help="Write it as PDF.")
@JSON
def doctor(**options: Any) -> None:
    """Look at each device, the queue, the clock, the network, the catalogue: state and remedy."""
    from app.commands.doctor import run_doctor

    _exit(run_doctor(**options))


@cli.group()
def calibrate() -> None:
    """What is measured once at installation."""


@calibrate.command("camera")
@CONFIG
@click.option("--folder", type=Place(), default=None, metavar="DIR", help="Pictures taken before.")
@click.option("--lamp", type=click.Choice(["on", "off"]), default="on", show_default=True, help="As in daily use.")
@JSON
def calibrate_camera(**options: Any) -> None:
    """Find this camera's limit of sharpness and its px per mm with two sheets, step by step.

    DIR holds a4-*.jpg and card-*.jpg that lay still, and spoilt-*.jpg that were moved or lifted.
    """
    from app.commands.calibrate import calibrate_camera as run

    _exit(run(**options))


@cli.group()
def devices() -> None:
    """What is attached to this terminal."""


@devices.command("find")
@click.option("--write", type=Place(), default=None, metavar="FILE", help="Put it into FILE.")
@click.option(
    "--replace", "replacing", multiple=True, type=click.Choice(KINDS), metavar="KIND", help="Overwrite it in FILE."
)
@click.option("--port", "ports", type=Place(), multiple=True, metavar="PATH", help="Look at this port too (a pty).")
@click.option("--only-ports", is_flag=True, help="Look at the ports named alone.")
@click.option("--patience", type=Number(0.5, 20.0), default=1.0, show_default=True, help="Wait so much longer.")
@JSON
def devices_find(**options: Any) -> None:
    """Propose a configuration from what answers; nothing is printed, switched or read, and nothing written unasked."""
    from app.commands.devices import run_find

    if options["only_ports"] and not options["ports"]:
        raise click.UsageError("--only-ports looks at the ports that --port PATH names: name one")
    if options["replacing"] and not options["write"]:
        raise click.UsageError("--replace KIND is for --write FILE")
    _exit(run_find(**{**options, "ports": tuple(map(str, options["ports"]))}))


@cli.command("read-card")
@click.option(
    "--link", required=True, help="serial:PATH, tcp:HOST:PORT, usb:auto, hid:auto, pcsc:READER NAME or sim:reader"
)
@click.option("--driver", default="", help="Driver name; by default chosen from the link.")
@click.option("--reveal", is_flag=True, help="Show personal data in full.")
@click.option(
    "--timeout", type=Number(0.0, 3600.0), default=30.0, show_default=True, help="Seconds to wait for a card."
)
@click.option("--ask", multiple=True, type=click.Choice(["pin", "mrz", "can"]), help="Ask for what opens the chip.")
@click.option("--option", "settings", multiple=True, metavar="NAME=TEXT", help="A driver option, as in configuration.")
@click.option("--photo-decoder", default="", help="Full path of a portrait decoder, to try it.")
@JSON
def read_card(ask: tuple[str, ...], settings: tuple[str, ...], **options: Any) -> None:
    """Read one card through the production driver; a pcsc: link reads chip cards."""
    from app.commands.read_card import run_read_card
    from app.commands.read_chip import ask_keys

    keys = ask_keys(ask)
    named = {name: text for name, _, text in (setting.partition("=") for setting in settings)}
    _exit(run_read_card(**options, keys=keys, options=named))


@cli.command()
@click.argument("files", nargs=-1)
@click.option("--out", type=Place(), required=True, help="Folder for the pages.")
@click.option("--no-gates", is_flag=True, help="Always output, whatever the gates say.")
@click.option("--id-card", is_flag=True, help="Two files, one of each side of an ID card: one A4 page in true size.")
@click.option("--link", default="", help="Scan papers instead: sane:DEVICE, as scanimage -L names it.")
@click.option(
    "--source", type=click.Choice(["flatbed", "feeder"]), default="flatbed", show_default=True, help="With --link."
)
@click.option("--mode", type=click.Choice(["colour", "gray"]), default="colour", show_default=True, help="With --link.")
@click.option("--dpi", default=300, show_default=True, help="With --link.")
@JSON
def scan(**options: Any) -> None:
    """Run the imaging pipeline on picture files, or scan papers into one PDF.

    FILE… are JPEG or PNG files, folders of them, patterns; a file named twice is read once. Each page is written as
    its picture's NAME.pdf. Nothing is written over: a page that is there already is not written again, another one
    becomes NAME-2.pdf.
    """
    files, link = options.pop("files"), options.pop("link")
    if bool(files) == bool(link):
        raise click.UsageError("FILE… or --link LINK: one of them")
    others = ("no_gates", "id_card") if link else ("source", "mode", "dpi")
    for name in filter(_is_typed, others):
        raise click.UsageError(f"--{name.replace('_', '-')} is for {'FILE…' if link else '--link LINK'}")
    is_card = options.pop("id_card")
    paper = {name: options.pop(name) for name in ("source", "mode", "dpi")}
    if link:
        from app.commands.scan_papers import scan_papers

        _exit(scan_papers(link, options["out"], as_json=options["as_json"], **paper))
    if is_card:
        from app.commands.scan_card import scan_card

        _exit(scan_card(files, **options))
    from app.commands.scan import scan as run

    _exit(run(files, **options))


@cli.command("print-test")
@click.option("--link", required=True, help="tcp:HOST:PORT, serial:/dev/ttyUSB1?baud=19200, cups:QUEUE …")
@click.option("--driver", default="", help="Driver name; by default chosen from the link.")
@click.option("--kind", type=click.Choice(["printer", "document_printer"]), default=None, help="Slip or A4 page.")
@JSON
def print_test(**options: Any) -> None:
    """Print one slip, or on a cups: link one A4 page, with rare characters, a code and a ruler."""
    from app.commands.print_test import print_test as run

    _exit(run(**options))


@cli.group()
def queue() -> None:
    """The queue, without a word of its content."""


def _queue_command(name: str, text: str) -> None:
    @queue.command(name, help=text)
    @CONFIG
    @JSON
    def command(**options: Any) -> None:
        from app.commands import queue as commands

        _exit(commands.run_queue(name, **options))


_queue_command("list", "List what is stored: numbers, item codes, times, states.")
_queue_command("stats", "Count what is stored.")


@queue.command("retry")
@click.argument("sid", required=False, default="")
@CONFIG
@JSON
def queue_retry(**options: Any) -> None:
    """Send a held submission (or all of them) again: same id, same bytes."""
    from app.commands import queue as commands

    _exit(commands.run_queue("retry", **options))


@queue.command("renew")
@click.option(
    "--above", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="A number that was given before."
)
@CONFIG
@JSON
def queue_renew(**options: Any) -> None:
    """Begin another store where the old one is lost: it is moved aside, whole, and no number is used again."""
    from app.commands import queue as commands

    _exit(commands.run_queue("renew", **options))


@queue.command("export")
@click.argument("folder", type=Place(), required=False, default=None)
@click.option("--out", type=Place(), default=None, help="The same as FOLDER.")
@CONFIG
@JSON
def queue_export(folder: Path | None, out: Path | None, **options: Any) -> None:
    """Write what was not delivered, sealed and with a signed index, to FOLDER or into a new folder on a stick."""
    from app.commands import queue as commands

    if (folder is None) == (out is None):
        raise click.UsageError("FOLDER or --out FOLDER: one of them, once")
    _exit(commands.run_queue("export", folder=folder or out, **options))


@queue.command("import")
@click.argument("folder", type=Place())
@CONFIG
@JSON
def queue_import(**options: Any) -> None:
    """Bring an evacuation to the platform for another terminal, or take receipts for our own."""
    from app.commands import queue as commands

    _exit(commands.run_queue("import", **options))


@cli.group()
def catalogue() -> None:
    """The service catalogue."""


@catalogue.command("check")
@click.argument("path", type=Place())
@JSON
def catalogue_check(**options: Any) -> None:
    """Name every mistake in a catalogue, with file and line."""
    from app.commands.catalogue_check import check

    _exit(check(**options))


@cli.group()
def config() -> None:
    """The terminal's configuration."""


@config.command("show")
@click.argument("path", type=Place(), required=False, default=None)
@JSON
def config_show(**options: Any) -> None:
    """Show every value in force."""
    from app.commands.config import show

    _exit(show(options["path"] or _default_config(), options["as_json"]))


@config.command("check")
@click.argument("path", type=Place(), required=False, default=None)
@JSON
def config_check(**options: Any) -> None:
    """Name each mistake with key, value and what is allowed."""
    from app.commands.config import check

    _exit(check(options["path"] or _default_config(), options["as_json"]))


@config.command("pin")
def config_pin() -> None:
    """Ask for the technician's code twice and print the line that keeps it."""
    from app.commands.config import keep_pin

    _exit(keep_pin(click.prompt("Code (6 to 12 digits)", hide_input=True, confirmation_prompt=True)))


@cli.command()
@click.option("--code", required=True, help="The one-time code.")
@CONFIG
@JSON
def enrol(**options: Any) -> None:
    """Enrol this terminal at its platform."""
    from app.commands.enrol import enrol_configured

    _exit(enrol_configured(**options))


@cli.group()
def key() -> None:
    """The device key of this terminal."""


def _key_command(name: str, text: str) -> None:
    @key.command(name, help=text)
    @CONFIG
    @JSON
    def command(**options: Any) -> None:
        from app.commands import key as commands

        _exit(commands.run_key(name, **options))


_key_command("show", "Show backend, certificate and when the key is due for exchange.")
_key_command("rotate", "Exchange the device key now; the terminal must not be running.")


@cli.group()
def audit() -> None:
    """The audit log."""


@audit.command("verify")
@CONFIG
@JSON
def audit_verify(**options: Any) -> None:
    """Check numbers, chain and signatures."""
    from app.commands.audit import audit_verify as run

    _exit(_with_state(run, **options))


@audit.command("export")
@CONFIG
@JSON
def audit_export(**options: Any) -> None:
    """Print the events."""
    from app.commands.audit import audit_export as run

    _exit(_with_state(run, **options))


@cli.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def sandbox(words: tuple[str, ...]) -> None:
    """Serve the reference central platform on loopback (--db URL --blobs URL --port N --state DIR), or look at it."""
    from sandbox.main import main

    _exit(main(words))


@cli.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def sim(words: tuple[str, ...]) -> None:
    """Serve a simulator on a pty or a socket, for training and for other people's clients (sim --help names them)."""
    from app.commands.sim import run_sim

    _exit(run_sim(words))


if __name__ == "__main__":
    from app.signs import print_anywhere

    print_anywhere()
    cli()
