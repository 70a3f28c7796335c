"""The command line of the platform: serve it, make codes, approve enrolments, look at what it holds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from sandbox import enrolment, store
from sandbox.console.commands import add_commands, note_deed
from sandbox.evacuation import find_evacuations, take_evacuation
from sandbox.keys import KeysBroken
from sandbox.main import DEFAULT_STATE, Options, open_platform, serve
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.store_view import NotThere, load_places, open_view
from sandbox.words import place, whole

CODES_MAX = 10_000
WORKERS_MAX = 64
DEVICE_STATES = ("active", "suspended", "revoked")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 not there or refused, 2 could not start."""
    options = _parser().parse_args(list(arguments))
    action: Callable[[argparse.Namespace], int] = options.action
    try:
        return action(options)
    except NotThere as fault:
        return _complain(f"nothing is known of {fault}", 1)
    except store.NoSuchChange as fault:
        return _complain(str(fault), 1)
    except (OSError, ValueError, KeysBroken, Problem, sa.exc.SQLAlchemyError) as fault:
        return _complain(str(fault).splitlines()[0], 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The reference central platform.")
    parser.set_defaults(action=_serve)
    _add_serve_options(parser)
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, help_text: str, action: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_text)
        sub.set_defaults(action=action)
        sub.add_argument("--state", type=place, default=DEFAULT_STATE, help="the platform's state folder")
        sub.add_argument("--json", action="store_true", help="for uniformity: every answer is one line of JSON")
        return sub

    serving = commands.add_parser("serve", help="run the platform (the default)")
    serving.set_defaults(action=_serve)
    _add_serve_options(serving)
    code = add("code", "print a new one-time enrolment code", _code)
    code.add_argument("--site", default="")
    code.add_argument("--model", default="")
    code.add_argument(
        "--count", type=whole(1, CODES_MAX), default=1, help="so many; more than one are printed as a list"
    )
    code.add_argument("--out", type=place, help="write them there instead, one a line, and print how many")
    add("waiting", "list enrolments that wait for a comparison of the six digits", _waiting)
    add("approve", "the six digits are the same", _decide(is_same=True)).add_argument("enrol_id")
    add("reject", "the six digits differ: refuse and burn the code", _decide(is_same=False)).add_argument("enrol_id")
    device = add("device", "set a device active, suspended or, for good, revoked", _device)
    device.add_argument("dev")
    device.add_argument("device_state", choices=DEVICE_STATES)
    show = add("show", "the facts of one submission, without its content", _show)
    show.add_argument("sid")
    add("list", "the ids of all committed submissions", _list)
    taking = add("import", "take in the evacuations of a folder or stick, and write the receipts back", _import)
    taking.add_argument("folder", type=place)
    taking.add_argument("--without-index", action="store_true", help="the index is damaged, or the terminal's key gone")
    taking.add_argument("--revoked", action="store_true", help="take in what a revoked terminal sealed, too")
    pdf = add("pdf", "write the application form of a submission", _pdf)
    pdf.add_argument("sid")
    pdf.add_argument("out", type=place)
    add_commands(add)
    return parser


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=place, default=DEFAULT_STATE, help="keys, database, blobs, fault script")
    parser.add_argument("--db", default="", help="sqlite:///FILE or postgresql://…; default SQLite in the state folder")
    parser.add_argument("--blobs", default="", help="a folder, or s3://BUCKET/PREFIX?endpoint=URL; default as --db")
    parser.add_argument(
        "--workers", type=whole(1, WORKERS_MAX), default=1, help="processes that share the port; wants PostgreSQL"
    )
    parser.add_argument(
        "--metrics-port", type=whole(0, 65535), help="serve Prometheus /metrics on 127.0.0.1 there; 0: a free one"
    )
    parser.add_argument("--port", type=whole(0, 65535), default=0, help="default: a free one")
    parser.add_argument("--auto-approve", action="store_true", help="enrol without comparing the six digits")
    parser.add_argument("--code-file", type=place, help="also write the first enrolment code there")
    parser.add_argument("--tethered", action="store_true", help="end when standard input does")


def _serve(options: argparse.Namespace) -> int:
    return serve(
        Options(
            state=options.state,
            db=options.db,
            blobs=options.blobs,
            port=options.port,
            is_auto_approving=options.auto_approve,
            code_file=options.code_file,
            is_tethered=options.tethered,
            workers=options.workers,
            metrics_port=options.metrics_port,
        )
    )


def _tables(options: argparse.Namespace) -> store.PlatformStore:
    return store.PlatformStore(store.open_engine(load_places(options.state).db))


def _code(options: argparse.Namespace) -> int:
    tables = _tables(options)
    try:
        fresh = enrolment.create_codes(tables, int(time.time()), options.count, options.site, options.model)
        detail = " ".join(filter(None, (f"{len(fresh)} codes" if len(fresh) > 1 else "", options.site)))
        note_deed(options.state, tables, "enrol.code", detail=detail)
    finally:
        tables.close()
    if options.out is None:
        return _say({"code": fresh[0]} if options.count == 1 else {"codes": fresh})
    options.out.write_text("".join(f"{one}\n" for one in fresh))
    return _say({"codes": len(fresh), "out": str(options.out)})


def _waiting(options: argparse.Namespace) -> int:
    tables = _tables(options)
    rows = tables.rows(sa.select(store.enrolment).where(store.enrolment.c.state == "waiting"))
    tables.close()
    return _say([{"enrol_id": row["enrol_id"], "digits": enrolment.digits(row)} for row in rows])


def _decide(*, is_same: bool) -> Callable[[argparse.Namespace], int]:
    def decide(options: argparse.Namespace) -> int:
        tables = _tables(options)
        try:
            enrolment.decide(tables, options.enrol_id, is_same=is_same)
            note_deed(options.state, tables, "enrol.same" if is_same else "enrol.reject", options.enrol_id)
        except KeyError as fault:
            raise NotThere(options.enrol_id) from fault
        finally:
            tables.close()
        return _say({"enrol_id": options.enrol_id, "approved": is_same})

    return decide


def _device(options: argparse.Namespace) -> int:
    tables = _tables(options)
    try:
        former = tables.set_device_state(options.dev, options.device_state)
        note_deed(options.state, tables, "device.state", options.dev, f"{former} > {options.device_state}")
    except KeyError as fault:
        raise NotThere(options.dev) from fault
    finally:
        tables.close()
    return _say({"dev": options.dev, "state": options.device_state})


def _show(options: argparse.Namespace) -> int:
    with open_view(options.state) as view:
        return _say(view.show(options.sid))


def _list(options: argparse.Namespace) -> int:
    with open_view(options.state) as view:
        return _say(view.sids())


def _import(options: argparse.Namespace) -> int:
    """Return 0 when all of it is here now, 1 when something is damaged or refused, 2 when there is nothing."""
    has_index = not options.without_index
    roots = find_evacuations(options.folder, has_index=has_index)
    if not roots:
        raise ValueError(f"{options.folder}: holds no evacuation; allowed: a folder that `queue export` wrote, whole")
    load_places(options.state)  # a platform that is there: NotThere otherwise
    platform = open_platform(Options(state=options.state))
    try:
        results = [result for root in roots for result in _take(platform, root, options)]
        committed = sum(result["word"] == "committed" for result in results)
        found = f"{len(results)} found, {committed} new{', revoked ones too' if options.revoked else ''}"
        note_deed(options.state, platform.store, "evacuation.import", detail=found)
    finally:
        platform.store.close()
    _say(results)
    return 0 if all(result["word"] in ("committed", "was_here") for result in results) else 1


def _take(platform: Platform, root: Path, options: argparse.Namespace) -> list[dict[str, str]]:
    return take_evacuation(platform, root, has_index=not options.without_index, with_revoked=options.revoked)


def _pdf(options: argparse.Namespace) -> int:
    with open_view(options.state) as view:
        form = view.pdf(options.sid)
    tables = _tables(options)
    try:
        note_deed(options.state, tables, "case.form", options.sid)  # before anybody can look at it
    finally:
        tables.close()
    options.out.write_bytes(form)
    return _say({"sid": options.sid, "pdf": str(options.out)})


def _say(value: object) -> int:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    return 0


def _complain(text: str, exit_code: int) -> int:
    sys.stderr.write(f"sandbox: {text}\n")
    return exit_code
