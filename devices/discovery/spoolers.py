"""CUPS queues and SANE devices, as their own programs list them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading

from devices.api import DeviceKind
from devices.discovery import Scope, Seen, Sight, found_as

CUPS_S = 5.0
SANE_S = 20.0  # its back ends look at USB, ports and the network, one after the other
QUEUE = re.compile(r"^device for ([^:\s]+): (\S+)$")
SCANNER = re.compile(r"^device `([^']+)' is an? (.+)$")
SHOWN_URI = re.compile(r"//[^@/]*@")  # a password never gets into a report
PICTURES = ("v4l:",)  # SANE's own name for cameras, which we find ourselves


def find_cups(scope: Scope) -> tuple[Sight, ...]:
    """Return the queues of this machine's CUPS. A queue takes pages; whether its printer takes slips only its owner
    can know, so each is proposed for documents."""
    said, why = _said(("lpstat", "-v"), CUPS_S * scope.patience)
    queues = [found for line in said.splitlines() if (found := QUEUE.match(line.strip()))]
    if not queues:
        return (Sight("cups", Seen.ABSENT, why or "no queue"),)
    return tuple(
        found_as(DeviceKind.DOCUMENT_PRINTER, f"cups:{name}", f"cups {name}", f"a queue to {SHOWN_URI.sub('//', uri)}")
        for name, uri in (found.groups() for found in queues)
    )


def find_sane(scope: Scope) -> tuple[Sight, ...]:
    """Return the scanners that SANE knows."""
    said, why = _said(("scanimage", "-L"), SANE_S * scope.patience)
    scanners = [found.groups() for line in said.splitlines() if (found := SCANNER.match(line.strip()))]
    scanners = [(name, what) for name, what in scanners if not name.startswith(PICTURES)]
    if not scanners:
        return (Sight("sane", Seen.ABSENT, why or "no scanner"),)
    return tuple(found_as(DeviceKind.SCANNER, f"sane:{name}", f"sane {name}", what) for name, what in scanners)


def _said(command: tuple[str, ...], seconds: float) -> tuple[str, str]:
    """Return what a program prints, and why it printed nothing useful."""
    if shutil.which(command[0]) is None:
        return "", f"{command[0]} is not installed"
    with _starting:
        if _over.is_set():
            return "", "nobody waits any longer"
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
        _running.append(process)
    with process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return "", f"{command[0]} does not answer within {seconds:g} s"
    if process.returncode:
        return "", f"{command[0]} says no: is its service running?"
    return said.decode("utf-8", "replace"), ""


def allow_programs() -> None:
    """From now on programs may be started, until they are ended again."""
    _over.clear()


def end_programs() -> None:
    """End the programs that were asked and still run, start no more: whoever looked is gone, or waits no longer."""
    with _starting:  # one that is being started is not known before it runs
        _over.set()
        while _running:
            _running.pop().kill()


_running: list[subprocess.Popen[bytes]] = []
_starting = threading.Lock()
_over = threading.Event()
