"""What an answer of the platform means: pure functions from status, headers and body to the delivery errors.

Source: reference/queue-and-sync.md §9.1 and §10. A status without our `code` is a gateway's answer and never terminal.
"""

from __future__ import annotations

import email.utils
import ssl
from collections.abc import Iterator
from typing import Any

import msgspec

from offline_queue.api import (
    CODES,
    Action,
    AnswerFault,
    Busy,
    Clock,
    PauseReason,
    QueueError,
    Refused,
    Unauthorised,
    Unreachable,
)

JSON_LIMIT = 64 * 1024  # §9.1, other JSON
BUNDLE_LIMIT = 8 * 1024 * 1024  # security.md §8
DEPTH_LIMIT = 32  # security.md §8
RETRY_AFTER_CAP_S = 3600.0  # §10
PROBLEM = "application/problem+json"
HTML_TYPES = ("text/html", "application/xhtml+xml")
HTML_OPENINGS = (b"<!doctype html", b"<html")
CERTIFICATE_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
SCREEN_CODES = frozenset(
    (
        "bad_csr",
        "code_invalid",
        "code_bound",
        "code_expired",
        "unknown_submission",
        "identity_unverified",
        "ticket_expired",
        "superseded",
        "already_paid",
        "paid",
        "slot_taken",
        "too_late",
    )
)
"""Codes of §9.2 and §9.3 that belong to no submission; known, so that they count as the platform's own word."""


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer, read whole within its cap. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Return the media type without parameters, lower-case; empty if none is named."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_portal(reply: Reply) -> bool:
    """Whether somebody else answered: a redirect, 511, or a page for people.

    A page with a 5xx, 408 or 429 is a gateway in front of the platform in trouble: there the status decides.
    """
    if reply.status == 511 or 300 <= reply.status < 400:
        return True
    if reply.status >= 500 or reply.status in (408, 429):
        return False
    return reply.media_type in HTML_TYPES or reply.body.lstrip()[:15].lower().startswith(HTML_OPENINGS)


def problem_code(reply: Reply) -> str:
    """Return our problem code, or nothing if the answer carries none we know."""
    if reply.media_type != PROBLEM or reply.status < 400:
        return ""
    try:
        code = decode_json(reply.body).get("code", "")
    except AnswerFault:
        return ""
    return code if isinstance(code, str) and (code in CODES or code in SCREEN_CODES) else ""


def check(reply: Reply, clock: Clock, *allowed: int) -> Reply:
    """Return the reply if its status is one of the allowed. Raises: the delivery error it stands for."""
    if reply.status in allowed and (reply.status == 304 or not is_portal(reply)):
        return reply
    raise fault_of(reply, clock)


def fault_of(reply: Reply, clock: Clock) -> QueueError:
    """Return the delivery error that a reply stands for where no success was found (§10)."""
    status, code = reply.status, problem_code(reply)
    if is_portal(reply):
        return Unreachable("portal", status=status, pause=PauseReason.PORTAL)
    if status < 300:
        return AnswerFault("unexpected_answer")
    if status == 401 or (status == 403 and CODES.get(code) in (Action.PAUSE, Action.NEW_TOKEN)):
        return Unauthorised(code or "unauthorised", status)
    if status in (413, 422) and CODES.get(code) is Action.TERMINAL:
        return Refused(code, status)
    if status in (423, 429, 503):
        return Busy(code or "busy", retry_after_s(reply, clock), status)
    return Unreachable(code or _class_word(status), status=status)


def retry_after_s(reply: Reply, clock: Clock, default_s: float | None = None) -> float | None:
    """Return Retry-After in seconds, at most an hour; a date counts only while our clock is trusted."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), RETRY_AFTER_CAP_S)
    if not text or not clock.is_trusted():
        return default_s
    try:
        at_s = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):  # no date, or one of no calendar
        return default_s
    return min(max(at_s - clock.wall_s(), 0.0), RETRY_AFTER_CAP_S)


def decode_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises: AnswerFault for anything else, for depth over 32 and doubled keys."""
    import json

    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
        _check_depth(value)
    except (ValueError, RecursionError) as fault:
        raise AnswerFault("not_json") from fault
    if not isinstance(value, dict):
        raise AnswerFault("not_json")
    return value


def fault_of_transport(fault: BaseException) -> Unreachable:
    """Return why no answer came: our clock against the certificate, a stranger's certificate, or the line."""
    for cause in _chain(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in CERTIFICATE_TIME:
                return Unreachable("certificate_time", pause=PauseReason.CLOCK)
            return Unreachable("certificate_issuer", pause=PauseReason.PORTAL)
    for cause in _chain(fault):
        word = TRANSPORT_WORDS.get(type(cause).__name__)
        if word:
            return Unreachable(word)
    return Unreachable("connection")


TRANSPORT_WORDS = {
    "ConnectTimeout": "timeout",
    "ConnectTimeoutError": "timeout",
    "ReadTimeout": "timeout",
    "ReadTimeoutError": "timeout",
    "TimeoutError": "timeout",
    "NameResolutionError": "dns",
    "gaierror": "dns",
    "ConnectionRefusedError": "refused_connection",
    "ConnectionResetError": "reset",
    "RemoteDisconnected": "reset",
    "BrokenPipeError": "reset",
    "IncompleteRead": "cut",
    "SSLError": "tls",
}


def _class_word(status: int) -> str:
    return "server_error" if status >= 500 else "gateway"


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """Yield the exception and everything it was made from; libraries hide the cause in args, reason or context."""
    seen: set[int] = set()
    pending: list[Any] = [fault]
    while pending and len(seen) < 32:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key twice")
    return value


def _refuse(word: str) -> Any:
    raise ValueError("not a number")


def _check_depth(value: Any) -> None:
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > DEPTH_LIMIT:
            raise ValueError("too deep")
        if isinstance(item, dict):
            pending.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, list):
            pending.extend((inner, depth + 1) for inner in item)
