"""What a simulator takes when it starts: words of its command line, a lasting name, a place to listen.

Whatever cannot be used is told in one line that names it and says what is allowed, and nothing of anybody else's is
taken away for it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import stat
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

CANNOT_START = 2
SPEEDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
ANY_PORT = "127.0.0.1:0"
_SPEEDS = {getattr(termios, f"B{speed}"): speed for speed in SPEEDS}


class CannotServe(ValueError):
    """A simulator that cannot start; the text says what stands in its way."""


class NotAllowed(argparse.ArgumentTypeError, ValueError):
    """A word that a simulator does not take; the text says what it takes."""


class Words(argparse.ArgumentParser):
    """A simulator's command line. What it does not take is one line, and exit 2."""

    def __init__(self, kind: str, description: str) -> None:
        super().__init__(prog=f"sim {kind}", description=description, allow_abbrev=False)
        self.add_argument("--control", type=place, metavar="FILE", help="path of the control socket")
        self.add_argument("--tethered", action="store_true", help="end when standard input closes")

    def rows(self) -> list[tuple[str, str]]:
        """Return each word as people write it, and what it does."""
        told = [action for action in self._actions if action.dest != "help"]
        return [(_written(action), (action.help or "").replace("|", "or")) for action in told]

    def parse(
        self, arguments: Sequence[str], *, has_terminal: Callable[[argparse.Namespace], bool]
    ) -> argparse.Namespace:
        """Return what the words ask for; a lasting name where there is nothing to name is refused, too."""
        options = self.parse_args(arguments)
        if options.symlink is not None and not has_terminal(options):
            self.error("argument --symlink: a TCP port has no name to last")
        return options

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words, and end."""
        sys.stderr.write(f"{self.prog}: {message}; {self.prog} --help names all words\n")
        sys.exit(CANNOT_START)


def _written(action: argparse.Action) -> str:
    choices = ",".join(map(str, action.choices or ())) or str(action.metavar or "")
    name = action.option_strings[0] if action.option_strings else ""
    value = f"[{choices}]" if action.nargs == "?" else choices if action.nargs != 0 else ""
    return " ".join(filter(None, (name, value)))


# ── words ──────────────────────────────────────────────────────────────────────────────────


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number of a command line."""

    def read(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or not least <= int(text) <= most:
            raise NotAllowed(f"{text!r} — a whole number from {least} to {most}")
        return int(text)

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    """Return what reads a number of a command line; nan is none."""

    def read(text: str) -> float:
        with contextlib.suppress(ValueError):
            if least <= float(text) <= most:
                return float(text)
        raise NotAllowed(f"{text!r} — a number from {least:g} to {most:g}")

    return read


def baud(text: str) -> int:
    """Return the speed of a line; 0 carries bytes at once."""
    if text != "0" and text not in map(str, SPEEDS):
        raise NotAllowed(f"{text!r} — 0 or one of {', '.join(map(str, SPEEDS))}")
    return int(text)


def place(text: str) -> Path:
    """Return a path; an empty one would silently mean the current folder."""
    if not text.strip():
        raise NotAllowed("'' — a path; the current folder is .")
    return Path(text)


def address(text: str) -> str:
    """Return HOST:PORT as it is; port 0 takes a free one."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise NotAllowed(f"{text!r} — HOST:PORT with a port from 0 to 65535")
    return text


def target(text: str) -> str:
    """Return HOST:PORT as it is, where something may listen."""
    with contextlib.suppress(NotAllowed):
        if int(address(text).rpartition(":")[2]):
            return text
    raise NotAllowed(f"{text!r} — HOST:PORT with a port from 1 to 65535")


# ── names and places ───────────────────────────────────────────────────────────────────────


def listen(where: str) -> socket.socket:
    """Return a socket that listens on HOST:PORT. Raises: CannotServe."""
    host, _, port = where.rpartition(":")
    with told(where):
        return socket.create_server((host.strip("[]"), int(port)), family=_family(host))


def speed_of(terminal: int) -> int:
    """Return the speed that the other side of a pseudo terminal has set; 0 for one we do not know."""
    return _SPEEDS.get(termios.tcgetattr(terminal)[5], 0)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@contextlib.contextmanager
def told(what: object) -> Iterator[None]:
    """Tell a refusal of the system as one sentence about `what`. Raises: CannotServe."""
    try:
        yield
    except OSError as error:
        raise CannotServe(f"{what}: {os.strerror(error.errno) if error.errno else error}") from error


def clear(path: Path) -> None:
    """Take away what a simulator that was killed left at `path`: a link or a socket where nobody listens.

    Raises: CannotServe where anything else lies there, or the folder is none.
    """
    with told(path):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise CannotServe(f"{path}: its folder is not there") from None
            return
        if not (stat.S_ISLNK(mode) or stat.S_ISSOCK(mode)):
            raise CannotServe(f"{path}: something else lies there, which is left as it is; name a path that is free")
        if stat.S_ISSOCK(mode) and _is_served(path):
            raise CannotServe(f"{path}: another program listens there")
        path.unlink()


def _is_served(path: Path) -> bool:
    """Whether somebody listens on a socket, of whichever kind."""
    with contextlib.suppress(OSError), reachable(path) as name:
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as conn:
                conn.settimeout(1.0)
                conn.connect(name)
                return True
    return False


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a name of at most 108 bytes (the kernel's limit for sockets) for a path of any length."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Name:
    """A pseudo terminal's name: a link that lasts where one is asked for, else the terminal's own."""

    def __init__(self, link: Path | None, terminal: str) -> None:
        """Make the link. Raises: CannotServe."""
        self._link, self._terminal = link, terminal
        if link is not None:
            clear(link)
            with told(link):
                link.symlink_to(terminal)
        self.path = str(link.absolute()) if link is not None else terminal

    def close(self) -> None:
        """Take the link away, unless it leads to somebody else by now."""
        if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self._terminal:
            self._link.unlink(missing_ok=True)
