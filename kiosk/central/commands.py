"""Commands of the platform: believed only signed, for this device, in time, and above every number seen before.

Source: reference/queue-and-sync.md §9.2. The inbox decides what may be done and remembers what was; it does nothing
itself. What is taken is durable before it is handed out: a reboot in the middle of a reboot is not a second one.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from kiosk.trust.keys import write_durably
from kiosk.trust.ring import KeyRing, is_integer
from kiosk.trust.signed import INTEGER_LIMIT, Purpose, TrustFault, decode_wire

FILE = "commands.json"
AT_ONCE = 5  # §9.2
KEPT = 32  # results told in one heartbeat; more are told in the next
ID_LIMIT = 64


class Word(StrEnum):
    """The closed list of what a platform may ask for."""

    REFRESH = "refresh"
    RESTART_APP = "restart_app"
    REBOOT = "reboot"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    SELF_TEST = "self_test"
    UPLOAD_LOGS = "upload_logs"
    ROTATE_KEY = "rotate_key"
    UPDATE_NOW = "update_now"
    WIPE = "wipe"


class Outcome(StrEnum):
    """What became of a command."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


class Command(msgspec.Struct, frozen=True):
    """One command to carry out. `counter` is its place in the order of all commands to this device."""

    id: str
    word: Word
    counter: int
    exp: int


class Result(msgspec.Struct, frozen=True):
    """What a heartbeat tells of a command until the platform has it."""

    id: str
    outcome: Outcome


class Taken(msgspec.Struct, frozen=True):
    """What an answer brought: commands to carry out, in order, and how many objects were not believed."""

    commands: tuple[Command, ...] = ()
    rejected: int = 0


class _State(msgspec.Struct, frozen=True):
    counter: int = 0
    open: tuple[Command, ...] = ()
    results: tuple[Result, ...] = ()


class CommandInbox:
    """The commands of one device, over restarts. Safe to use from several threads.

    A state file that cannot be read refuses every command: the highest number is no longer known, and an old command
    must never pass for a new one.
    """

    def __init__(self, folder: Path, ring: KeyRing, device_id: str) -> None:
        self._path = folder / FILE
        self._ring = ring
        self._device_id = device_id
        self._lock = threading.Lock()
        self._state = _load(self._path)

    @property
    def is_blocked(self) -> bool:
        """Whether the state was lost, so that nothing is taken any more."""
        return self._state.counter >= INTEGER_LIMIT

    def take(self, wires: Any, now_s: float) -> Taken:
        """Return the new commands of a heartbeat's answer. `now_s` is the platform's time in that same answer.

        A known one is passed over: the platform repeats until it has the result. One that is over, or whose word is
        not in our list, gets its result at once. Raises: OSError if it cannot be kept; then nothing was taken.
        """
        listed = wires if isinstance(wires, list) else []
        rejected = max(len(listed) - AT_ONCE, 0)
        fresh: list[dict[str, Any]] = []
        for wire in listed[:AT_ONCE]:
            try:
                fresh.append(self._check(wire))
            except TrustFault:
                rejected += 1
        with self._lock:
            state, taken = self._state, []
            for value in sorted(fresh, key=lambda one: int(one["counter"])):
                if value["counter"] <= state.counter:
                    continue
                state = msgspec.structs.replace(state, counter=value["counter"])
                outcome = _verdict(value, now_s)
                if outcome is not None:
                    state = _with_result(state, Result(value["id"], outcome))
                    continue
                taken.append(Command(value["id"], Word(value["word"]), value["counter"], value["exp"]))
                state = msgspec.structs.replace(state, open=(*state.open, taken[-1]))
            self._keep(state)
        return Taken(tuple(taken), rejected)

    def unfinished(self) -> tuple[Command, ...]:
        """Return what was taken and has no result: after a restart, what was under way when the program ended."""
        return self._state.open

    def settle(self, command_id: str, outcome: Outcome) -> None:
        """Note what became of a command. One that is not open changes nothing."""
        with self._lock:
            if any(command.id == command_id for command in self._state.open):
                self._keep(_with_result(self._state, Result(command_id, outcome)))

    def results(self) -> tuple[Result, ...]:
        """Return what the next heartbeat tells, oldest first."""
        return self._state.results[:KEPT]

    def acknowledge(self, ids: Any) -> None:
        """Forget the results that the platform has, by `ack_results` of a heartbeat's verified answer."""
        known = {one for one in ids if isinstance(one, str)} if isinstance(ids, list) else set()
        with self._lock:
            left = tuple(result for result in self._state.results if result.id not in known)
            self._keep(msgspec.structs.replace(self._state, results=left))

    def _check(self, wire: Any) -> dict[str, Any]:
        """Return a command's object if the platform signed it for us. Raises: TrustFault."""
        value = self._ring.verify(decode_wire(wire), Purpose.COMMAND, when="ts")
        command_id, word, counter = value.get("id"), value.get("word"), value.get("counter")
        if value.get("typ") != "command" or value.get("dev") != self._device_id or not isinstance(word, str):
            raise TrustFault
        if not isinstance(command_id, str) or not 0 < len(command_id) <= ID_LIMIT:
            raise TrustFault
        if not is_integer(counter) or not 0 < counter < INTEGER_LIMIT or not is_integer(value.get("exp")):
            raise TrustFault
        return value

    def _keep(self, state: _State) -> None:
        if state != self._state:
            write_durably(self._path, msgspec.json.encode(state))
            self._state = state


def _verdict(value: dict[str, Any], now_s: float) -> Outcome | None:
    if value["word"] not in tuple(Word):
        return Outcome.REFUSED
    return Outcome.EXPIRED if value["exp"] <= now_s else None


def _with_result(state: _State, result: Result) -> _State:
    left = tuple(command for command in state.open if command.id != result.id)
    return msgspec.structs.replace(state, open=left, results=(*state.results, result))


def _load(path: Path) -> _State:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_State)
    except FileNotFoundError:
        return _State()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _State(counter=INTEGER_LIMIT)
