"""What the sync thread does while an answer is awaited: it writes the receipt before, and leases the form after.

A platform takes some ten milliseconds for a form, and our own sync takes some of ours. One after the other they add up;
here the sync falls into the wait (docs/adr/0030-a-receipt-is-written-while-the-next-form-travels.md). Rules:
- Only a form that can leave at once is waited for: leased, marked as sending, never sent before.
- A receipt that is not written down yet has settled nothing: whoever depends on it waits, nobody is told, and after a
  kill its submission is asked after like any that may have been sent.
- It is written before anything else that the loop does, and before any other wait of the wire.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from offline_queue.api import (
    Answer,
    Cause,
    Consignment,
    Delivery,
    DiskFull,
    Outcome,
    Receipt,
    SignedObject,
    State,
    StoreCorrupt,
)
from offline_queue.leases import Turn
from offline_queue.store import QueueStore


class Brought(NamedTuple):
    """A submission whose receipt has been verified."""

    item: Consignment
    signed: SignedObject
    receipt: Receipt


class Ahead:
    """One lease ahead and one receipt behind, of the courier's. Owned by the sync thread."""

    def __init__(
        self,
        store: QueueStore,
        delivery: Delivery,
        *,
        next_turn: Callable[[], Turn | None],
        tell: Callable[[State, Outcome, Cause], None],
        on_defect: Callable[[Consignment, Exception], None],
    ) -> None:
        """`next_turn()` says what may be leased now, None for nothing.

        `on_defect` gives back a submission whose verified receipt the store would not take.
        """
        self._store = store
        self._delivery = delivery
        self._next_turn = next_turn
        self._tell = tell
        self._on_defect = on_defect
        self._leased: Consignment | None = None
        self._taken = ""  # the sid of the lease that was taken last
        self._unwritten: Brought | None = None

    def take_leased(self) -> Consignment | None:
        """Return what was leased ahead; whoever takes it answers for it."""
        leased, self._leased = self._leased, None
        self._taken = leased.sid if leased else self._taken
        return leased

    def put(self, item: Consignment) -> Answer:
        """PUT a submission, and use the wait. Raises: delivery errors; DiskFull, StoreCorrupt."""
        try:
            return self._delivery.put(item, lambda: self._meanwhile(item))
        finally:
            self.write_receipt()  # where the wire had no wait to give

    def accept(self, brought: Brought) -> None:
        """Keep a verified receipt: now, or while the form that is next travels. Raises: DiskFull, StoreCorrupt."""
        turn = self._next_turn()
        follower = self._leased
        can_leave = follower is not None and follower.is_sending and not follower.sent_once
        if turn is not None and can_leave and brought.item.sid != turn.preferred_sid:  # nobody stands and waits for it
            self._unwritten = brought
        else:
            self._write(brought, turn if follower is None else None)

    def write_receipt(self) -> None:
        """Write down what has been received and is not written yet. Raises: DiskFull, StoreCorrupt; then it is kept."""
        if self._unwritten is not None:
            self._settle(self._unwritten, None)

    def _meanwhile(self, item: Consignment) -> None:
        """The request has left, or a connection is being made. A disk that fails here must not cost the answer."""
        turn = self._next_turn()
        with contextlib.suppress(DiskFull, StoreCorrupt):  # whatever writes next meets it again
            if self._unwritten is not None:
                self._settle(self._unwritten, turn)
            elif turn is not None and self._leased is None and self._taken == item.sid:
                self._taken = ""  # the wire may have more than one wait
                self._leased = self._store.claim(**turn._asdict())

    def _settle(self, brought: Brought, turn: Turn | None) -> None:
        try:
            self._write(brought, turn)
        except (DiskFull, StoreCorrupt):
            raise
        except Exception as error:  # not the fault of the form that is on its way
            self._unwritten = None
            self._on_defect(brought.item, error)
        else:
            self._unwritten = None

    def _write(self, brought: Brought, turn: Turn | None) -> None:
        item, signed, receipt = brought
        if turn is None:
            outcome = self._store.settle_delivered(item.sid, signed, receipt)
        else:
            outcome, self._leased = self._store.settle_and_claim(item.sid, signed, receipt, turn)
        self._tell(State.SENDING, outcome, Cause.RECEIPT)
