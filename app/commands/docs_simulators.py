"""docs/simulators.md: each far end of our own, its command line and what it can be asked, from the code."""

from __future__ import annotations

from importlib import import_module

from devices.sim import SIMULATORS
from devices.sim.control import Controls
from devices.sim.starting import Words

INTRODUCTION = """
A simulator is the far end of a wire in a process of its own: the production driver speaks to it over a pseudo terminal
or a socket as it would to the device. For training, for tests, and for programs of other people. Ending the process is
pulling the plug.

```
$ main.py sim printer --serial --symlink /tmp/printer.tty --control /tmp/printer.sock
{"link": "serial:/tmp/printer.tty", "control": "unix:/tmp/printer.sock"}
```

The line comes when it is ready: `link` is what a configuration, `read-card`, `print-test` and their like take. What
cannot be used is told in one line, exit 2. `--symlink` and `--control` take over a link or a socket that was left
behind, and nothing else that lies there.

## Playing with it

What happens to the device while it runs is asked for over the control socket:

```
$ main.py sim ask unix:/tmp/printer.sock cover_open
null
$ main.py sim ask unix:/tmp/printer.sock cover_open on=false
null
$ main.py sim ask unix:/tmp/printer.sock buffered
0
```

A value is JSON where it is JSON, else a text. Exit 0 with the answer, 1 when the simulator refuses or is not there.

From a program: connect to the UNIX stream socket, send one line of JSON, read one line, and the connection is over.

| | |
|---|---|
| sent | `{"do": "cover_open", "on": false}`: `do` is the word, all else its arguments |
| answered | `{"ok": true, "value": …}`, or `{"ok": false, "error": "…"}` with what is allowed |
| `{"do": "help"}` | the words below, from the simulator itself |

The socket is for its owner alone (mode 0600). A line is at most 16 MiB. An argument that is written `name=value` below
may be left out, and then means that value.
"""
COMMON = ("--control", "--tethered")


def compose_simulators() -> str:
    """Return the page."""
    from app.commands.docs import NOTE

    lines = [NOTE, "", "# Simulators", *INTRODUCTION.splitlines()]
    lines += ["", "Words that every simulator takes:", "", "| word | what it does |", "|---|---|"]
    lines += [_row(*row) for row in _words("reader").rows() if row[0].split()[0] in COMMON]
    for kind in SIMULATORS:
        lines += _chapter(kind)
    return "\n".join(lines) + "\n"


def _chapter(kind: str) -> list[str]:
    words = _words(kind)
    controls: Controls = import_module(SIMULATORS[kind]).CONTROLS
    rows = [_row(*row) for row in words.rows() if row[0].split()[0] not in COMMON]
    lines = ["", f"## sim {kind}", "", f"{str(words.description)[0].upper()}{str(words.description)[1:]}."]
    lines += ["", "| word | what it does |", "|---|---|", *rows] if rows else []
    lines += ["", "| asked | arguments | what it does |", "|---|---|---|"]
    lines += [f"| `{word}` | {f'`{taken}`' if taken else ''} | {does} |" for word, (taken, does) in controls.items()]
    return lines


def _words(kind: str) -> Words:
    words: Words = import_module(SIMULATORS[kind]).words()
    return words


def _row(word: str, does: str) -> str:
    return f"| `{word}` | {does} |"
