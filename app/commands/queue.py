"""`queue list｜stats｜retry｜export｜import`: the outbox from outside, without a word of its content."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.build import TRUST
from app.stores import store_folder, store_words
from kiosk.station.clock import SystemClock
from kiosk.station.config import Config
from kiosk.station.errors import ConfigError, KioskError
from kiosk.station.texts import own_texts
from kiosk.trust.backends import key_place
from kiosk.trust.identity import DeviceSigner, load_device
from kiosk.trust.time import load_floor
from offline_queue.api import Outcome, QueueEntry, QueueError, State, StoreBusy, StoreCorrupt, StoreTooNew
from offline_queue.peek import read_entries, read_pause
from offline_queue.store import QueueStore

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYTHING = 1_000_000  # rows; a terminal keeps ten thousand at most
WAITING = (State.READY, State.CLAIMED, State.SENDING)
WORDS = {
    "no_store": "no queue yet at {detail}: this terminal has stored nothing",
    "store_busy": "a terminal is running on this queue: end it first, then try again",
    "unknown_sid": "{detail}: no such submission here; see `queue list`",
    "not_held": "{detail}: is not held, so there is nothing to send again; see `queue list`",
    "not_enrolled": "this terminal is blank: enrol it first",
    "nothing_there": "{detail}: holds no evacuation; a folder or stick that `queue export` has written, whole",
    "disk_full": "there is not enough room: nothing was written; free some or take a larger stick",
    "target_in_store": "{detail}: lies in the queue's own folder; name a stick or a folder elsewhere",
    "target_unwritable": "cannot be written there: {detail}",
    "unreadable": "{detail}: cannot be read",
    "store_is_well": "{detail}: this store can be gone on with, so there is nothing to begin anew",
    "number_unknown": (
        "nothing here tells how far the old numbers came: ask the platform for this terminal's last number, then "
        "`queue renew --above NUMBER`"
    ),
}


def run_queue(
    action: str, config: Path | None, as_json: bool, sid: str = "", folder: Path | None = None, above: int = 0
) -> int:
    """Do `list`, `stats`, `retry`, `renew`, `export` or `import`.

    Return 0 when done, 1 when something of an evacuation is left, 2 when the queue or an argument is not to be had.
    """
    from app.setting import load_setting

    try:
        setting = load_setting(config)
        if action == "list":
            return _list(setting, as_json)
        if action == "stats":
            return _stats(setting, as_json)
        if action == "retry":
            return _retry(setting, sid, as_json)
        if action == "renew":
            from app.commands.renew import renew

            return renew(setting, above, as_json)
        from app.commands import evacuate

        act = evacuate.export if action == "export" else evacuate.carry_in
        return act(setting, folder or Path(), as_json)
    except ConfigError as error:
        return _refuse(*error.mistakes)
    except (StoreCorrupt, StoreTooNew) as error:
        why, remedy = store_words(error, setting.screen.locale)
        return _refuse(why, f"    → {remedy}")
    except (QueueError, KioskError) as error:
        return _refuse(WORDS.get(error.code, "the queue cannot be used: {code}").format(**_said(error)))
    except OSError as error:
        return _refuse(f"the queue cannot be used: {error.strerror}")


def entry_facts(entry: QueueEntry) -> dict[str, Any]:
    """Return what may be told of a submission: numbers, item code, times, state."""
    outcome = entry.outcome
    return {
        "seq": entry.seq,
        "number": outcome.intake_number,
        "sid": outcome.sid,
        "kind": entry.kind.value,
        "item": entry.item,
        "state": outcome.state.value,
        "may_have_been_sent": outcome.sent_once,
        "attempts": entry.attempts,
        "last_status": entry.last_status,
        "last_code": entry.last_code,
        "bytes": entry.bytes,
        "stored_at": entry.created_wall,
        "case_number": outcome.case_number,
    }


def queue_facts(path: Path) -> dict[str, Any]:
    """Return the counts of the store in folder `path`. Raises: QueueError("no_store"), StoreCorrupt."""
    entries = read_entries(path, limit=EVERYTHING)
    count = Counter(entry.outcome.state for entry in entries)
    waiting = [entry for entry in entries if entry.outcome.state in WAITING]
    return {
        **{state.value: count[state] for state in State},
        "bytes_waiting": sum(entry.bytes for entry in waiting),
        "oldest_waiting": waiting[0].created_wall if waiting else "",
        "pause": read_pause(path).value,
        "free_bytes": shutil.disk_usage(path).free,
    }


def _list(config: Config, as_json: bool) -> int:
    facts = [entry_facts(entry) for entry in read_entries(store_folder(config), limit=EVERYTHING)]
    if as_json:
        print(json.dumps(facts))
        return 0
    for row in facts:
        said = f" {row['last_status']} {row['last_code']}" if row["last_code"] else ""
        case = f" → {row['case_number']}" if row["case_number"] else ""
        print(f"{row['number']}  {row['item']:<12} {row['state']:<9} {row['stored_at']}{case}{said}")
    print(f"{len(facts)} stored here")
    return 0


def _stats(config: Config, as_json: bool) -> int:
    facts = queue_facts(store_folder(config))
    if as_json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name:<15} {value}")
        if facts["pause"]:
            said, locale = f"pauses.{facts['pause']}", config.screen.locale
            print(own_texts()(f"{said}.why", locale))
            print(f"    → {own_texts()(f'{said}.remedy', locale)}")
    return 0


def _retry(config: Config, wanted: str, as_json: bool) -> int:
    with _owned(config) as store:
        held = {outcome.sid: outcome for outcome in store.outcomes((State.DEAD,), EVERYTHING)}
        chosen = _chosen(wanted, held, store) if wanted else list(held.values())
        again = [store.requeue(outcome.sid) for outcome in chosen]
    facts = [{"sid": one.sid, "number": one.intake_number, "state": one.state.value} for one in again]
    if as_json:
        print(json.dumps(facts[0] if wanted else facts))
        return 0
    for one in again:
        print(f"{one.intake_number}: goes again, same number and bytes, when the terminal runs")
    if not again:
        print("nothing is held here")
    return 0


def _chosen(wanted: str, held: dict[str, Outcome], store: QueueStore) -> list[Outcome]:
    """Return the held one meant by its id or number. Raises: QueueError("unknown_sid", "not_held")."""
    every = store.outcomes(limit=EVERYTHING)
    known = {name: outcome for outcome in every for name in (outcome.sid, outcome.intake_number)}
    if wanted not in known:
        raise QueueError("unknown_sid", wanted)
    found = held.get(known[wanted].sid)
    if found is None:
        raise QueueError("not_held", wanted)
    return [found]


@contextmanager
def _owned(config: Config) -> Iterator[QueueStore]:
    """Give the store as its only owner. Raises: StoreBusy while a terminal runs, QueueError("no_store")."""
    path = store_folder(config)
    trust = config.state_folder / TRUST
    read_pause(path)  # says it where there is none, or none that can be used
    device = load_device(trust)
    if device is None:
        raise KioskError("not_enrolled")
    signer = DeviceSigner(key_place(config, trust).key(device.slot), device)
    with QueueStore(path, clock=SystemClock(load_floor(trust)), signer=signer) as store:
        yield store


def _said(error: QueueError | KioskError) -> dict[str, str]:
    code = "store_busy" if isinstance(error, StoreBusy) else error.code or type(error).__name__
    return {"code": code, "detail": error.detail}


def _refuse(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 2
