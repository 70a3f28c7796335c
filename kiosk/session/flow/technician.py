"""The technician: a code, then every device with its state and its self-test. No shell, no file, no content."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import DeviceKind, Private
from kiosk.session.effects import AskAbilities, CheckPin, Effect, TestDevice
from kiosk.session.events import AbilitiesTold, DeviceTested, Intent, PinChecked
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Session

MAX_DIGITS = 12
TEST_S = 75.0  # the longest self-test, and the lane's grace


def check_pin(session: Session) -> tuple[Effect, ...]:
    """Have the code checked, where one was entered."""
    return (CheckPin(session.turn, session.pin),) if session.is_checking_pin else ()


def serve(session: Session) -> tuple[Effect, ...]:
    """Run the test that was asked for; before, ask what the devices can do."""
    if session.testing:
        return (TestDevice(session.turn, session.testing),)
    return () if session.abilities else (AskAbilities(session.turn),)


def is_testing(session: Session) -> bool:
    """Whether a device is being tested: nobody is warned for being idle, for a while."""
    return bool(session.testing) and session.place_s < TEST_S


def is_digit(session: Session, event: Intent) -> bool:
    """Whether one more digit of the code was pressed."""
    digit = value_of(event)
    return len(digit) == 1 and digit in "0123456789" and len(session.pin.reveal()) < MAX_DIGITS


def add_digit(session: Session, event: Intent) -> Session:
    """Take one digit."""
    return replace(session, pin=Private(session.pin.reveal() + value_of(event)))


def drop_digit(session: Session, event: Intent) -> Session:
    """Take the last digit away."""
    return replace(session, pin=Private(session.pin.reveal()[:-1]))


def has_digits(session: Session, event: Intent) -> bool:
    """Whether there is a code to check."""
    return bool(session.pin.reveal()) and not session.is_checking_pin


def has_finished(session: Session, event: Intent) -> bool:
    """Whether the keyboard's own 完成 was pressed, with a code to check."""
    return not value_of(event) and has_digits(session, event)


def ask_check(session: Session, event: Intent) -> Session:
    """Have it checked."""
    return replace(session, is_checking_pin=True)


def is_right(session: Session, event: PinChecked) -> bool:
    """Whether the code was right."""
    return event.verdict == "right"


def open_page(session: Session, event: PinChecked) -> Session:
    """Forget the code and go in."""
    return replace(session, pin=Private(""), is_checking_pin=False, pin_verdict="")


def refuse(session: Session, event: PinChecked) -> Session:
    """Forget the code, say why it does not open, and for how long none will."""
    return replace(
        session, pin=Private(""), is_checking_pin=False, pin_verdict=event.verdict, pin_wait_s=round(event.wait_s)
    )


def can_test(session: Session, event: Intent) -> bool:
    """Whether a device was named, and none is being tested."""
    return not session.testing and value_of(event) in tuple(DeviceKind)


def begin_test(session: Session, event: Intent) -> Session:
    """Begin the test."""
    return replace(session, testing=value_of(event))


def take_result(session: Session, event: DeviceTested) -> Session:
    """Take what came of the test; a later one takes the place of a former."""
    others = tuple(one for one in session.tested if one.kind != event.kind)
    return replace(session, testing="", tested=(*others, event))


def take_abilities(session: Session, event: AbilitiesTold) -> Session:
    """Take what one device can do."""
    return replace(session, abilities=(*session.abilities, event))
