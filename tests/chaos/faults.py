"""What a platform, or whatever stands in its place, can do wrong: one function a behaviour, one row a case."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from dataclasses import dataclass, field

from tests.chaos.proxy import EVER, Exchange, Fault, Reply

PAGE = b"<!DOCTYPE html><html><body><h1>Guest network</h1>Please sign in.</body></html>"
PROBLEM = {"content-type": "application/problem+json"}
JSON = {"content-type": "application/json"}


def say(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Answer without passing on."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    return fault


def problem(status: int, code: str, **headers: str) -> Fault:
    """Answer in the platform's own words."""
    body = json.dumps({"code": code}).encode()
    return say(status, body, content_type="application/problem+json", **headers)


async def close(exchange: Exchange) -> None:
    """Cut before anything happens."""
    exchange.cut()


async def hang(exchange: Exchange) -> None:
    """Say nothing."""
    await exchange.hang()


async def drop_reply(exchange: Exchange) -> None:
    """Let it happen, and cut instead of answering."""
    await exchange.forward()
    exchange.cut()


async def hang_after(exchange: Exchange) -> None:
    """Let it happen, and say nothing."""
    await exchange.forward()
    await exchange.hang()


async def twice(exchange: Exchange) -> None:
    """Deliver the request twice; the second answer counts."""
    await exchange.forward()
    await exchange.answer(await exchange.forward())


async def at_the_same_time(exchange: Exchange) -> None:
    """Deliver the request three times at once; the last answer that came counts."""
    replies = await asyncio.gather(*(exchange.forward() for _ in range(3)))
    good = [reply for reply in replies if reply.status < 300]
    await exchange.answer((good or replies)[-1])


class Late:
    """Hold a request back, and deliver it after later ones: reordered by the network."""

    def __init__(self) -> None:
        self.held: list[Exchange] = []

    async def hold(self, exchange: Exchange) -> None:
        """Keep it, and cut towards the terminal."""
        self.held.append(exchange)
        exchange.cut()

    async def release(self, exchange: Exchange) -> None:
        """Deliver the new one first, then the old one, whose answer nobody hears."""
        reply = await exchange.forward()
        for old in self.held:
            await old.forward()
        self.held.clear()
        await exchange.answer(reply)


async def slow_loris(exchange: Exchange) -> None:
    """Send the right answer a byte at a time, until the terminal has had enough."""
    encoded = (await exchange.forward()).encode()
    for at in range(len(encoded)):
        if exchange.writer.is_closing():
            return
        await exchange.write(encoded[at : at + 1])
        await asyncio.sleep(0.2)


async def half_reply(exchange: Exchange) -> None:
    """Cut in the middle of the answer's body."""
    encoded = (await exchange.forward()).encode()
    await exchange.write(encoded[: len(encoded) - max(2, len(encoded) // 10)])
    exchange.cut()


async def half_head(exchange: Exchange) -> None:
    """Cut in the middle of the answer's head."""
    await exchange.forward()
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    exchange.cut()


async def garbage(exchange: Exchange) -> None:
    """Answer with what is no HTTP."""
    await exchange.write(b"\x00\xff\x16\x03SSH-2.0-what?\r\n\r\n" * 20)
    exchange.cut()


async def short_length(exchange: Exchange) -> None:
    """Announce less than follows."""
    reply = await exchange.forward()
    reply.headers["content-length"] = str(max(len(reply.body) - 20, 1))
    await exchange.answer(reply)
    exchange.cut()


async def long_length(exchange: Exchange) -> None:
    """Announce more than follows, and close."""
    reply = await exchange.forward()
    reply.headers["content-length"] = str(len(reply.body) + 20)
    await exchange.answer(reply)
    exchange.writer.close()


async def huge_body(exchange: Exchange) -> None:
    """Answer without an end."""
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    for _ in range(400):
        if exchange.writer.is_closing():
            return
        await exchange.write(b" " * 65536)
    exchange.cut()


async def huge_headers(exchange: Exchange) -> None:
    """Answer with more headers than anybody needs."""
    reply = await exchange.forward()
    reply.headers.update({f"x-{at}": "y" * 900 for at in range(60)})
    await exchange.answer(reply)


async def endless_headers(exchange: Exchange) -> None:
    """Begin a head that has no end."""
    await exchange.write(b"HTTP/1.1 200 OK\r\n")
    for at in range(2000):
        if exchange.writer.is_closing():
            return
        await exchange.write(f"x-{at}: {'z' * 1000}\r\n".encode())
    exchange.cut()


async def bomb(exchange: Exchange) -> None:
    """Answer with a compressed bomb that was not asked for."""
    packed = gzip.compress(b" " * 20_000_000)
    await exchange.answer(Reply(200, {**JSON, "content-encoding": "gzip"}, packed))


def reset_up(count: int) -> Fault:
    """Let only so many bytes of the body arrive, then cut both sides."""

    async def fault(exchange: Exchange) -> None:
        await exchange.forward_part(min(count, max(len(exchange.request.body) - 1, 0)))
        exchange.cut()

    return fault


def reset_down(count: int) -> Fault:
    """Let it happen and cut after so many bytes of the answer."""

    async def fault(exchange: Exchange) -> None:
        await exchange.write((await exchange.forward()).encode()[:count])
        exchange.cut()

    return fault


async def replay(exchange: Exchange) -> None:
    """Answer a PUT with the receipt of an earlier submission of this terminal."""
    await exchange.forward()
    await exchange.answer(exchange.proxy.kept["put"])


async def play_old(exchange: Exchange) -> None:
    """Answer with what was answered to such a question before, without asking."""
    await exchange.answer(exchange.proxy.kept[exchange.request.name])


def forge(**changes: object) -> Fault:
    """Answer a PUT with a receipt whose words were changed after it was signed."""

    async def fault(exchange: Exchange) -> None:
        reply = await exchange.forward()
        wire = json.loads(reply.body)
        value = json.loads(base64.urlsafe_b64decode(wire["o"] + "==")) | changes
        raw = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        wire["o"] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        await exchange.answer(Reply(reply.status, dict(JSON), json.dumps(wire).encode()))

    return fault


def receipt_of(wire: dict[str, str]) -> Fault:
    """Answer a PUT with a well signed receipt that is another terminal's."""

    async def fault(exchange: Exchange) -> None:
        await exchange.forward()
        await exchange.answer(Reply(200, dict(JSON), json.dumps(wire).encode()))

    return fault


def lie(delta: int) -> Fault:
    """Let it happen, and say another offset than the true one."""

    async def fault(exchange: Exchange) -> None:
        reply = await exchange.forward()
        true = int(reply.headers.get("upload-offset", "0"))
        reply.headers["upload-offset"] = str(max(true + delta, 0))
        await exchange.answer(reply)

    return fault


async def foreign_location(exchange: Exchange) -> None:
    """Answer a creation with somebody else's address."""
    await exchange.answer(Reply(201, {"location": "https://127.0.0.1:1/v1/uploads/steal"}))


async def no_location(exchange: Exchange) -> None:
    """Answer a creation without an address."""
    await exchange.answer(Reply(201))


async def strip_receipt(exchange: Exchange) -> None:
    """Commit, and answer 200 with nothing in it."""
    await exchange.forward()
    await exchange.answer(Reply(200, dict(JSON), b"{}"))


async def bad_token(exchange: Exchange) -> None:
    """Answer with a token that the platform does not know."""
    await exchange.answer(Reply(200, dict(JSON), b'{"access_token":"nobody","token_type":"Bearer","expires_in":600}'))


REDIRECT = say(302, location="https://127.0.0.1:1/login")
KEPT = say(202, b'{"state":"processing","missing":[]}', content_type="application/json", retry_after="1")
MISSING = say(202, b'{"state":"parts_missing","missing":["scan"]}', content_type="application/json", retry_after="1")


@dataclass(frozen=True)
class Case:
    """One behaviour: where it strikes and how often; `words` are the causes or pauses that explain the stop."""

    name: str
    on: str
    fault: Fault
    words: frozenset[str]
    times: int = 1
    more: tuple[tuple[str, Fault, int], ...] = field(default=())


def case(name: str, on: str, fault: Fault, *words: str, times: int = 1, more: tuple = ()) -> Case:
    """Return a case."""
    return Case(name, on, fault, frozenset(words), times, more)


_LATE = Late()
BREAK = ("unreachable", "interrupted")
CASES = (
    # lost on the way
    case("connection refused at once", "connect", close, "unreachable", times=3),
    case("connection accepted and silent", "connect", hang, "unreachable"),
    case("request cut before it arrives", "put", close, "unreachable"),
    case("request hangs", "put", hang, "unreachable"),
    case("lost PUT reply", "put", drop_reply, "unreachable"),
    case("PUT done, then silence", "put", hang_after, "unreachable"),
    case("lost create reply", "create", drop_reply, "unreachable"),
    case("lost PATCH reply", "patch", drop_reply, "unreachable", times=2),
    case("lost token reply", "token", drop_reply, "unreachable"),
    case("lost status reply", "get", drop_reply, "unreachable", more=(("put", drop_reply, 1),)),
    case("reset after some bytes up", "patch", reset_up(20_000), "unreachable", times=3),
    case("reset in the manifest", "put", reset_up(500), "unreachable"),
    case("reset after some bytes down", "put", reset_down(40), "unreachable"),
    # twice, late, in another order
    case("every request delivered twice", "any", twice, times=40),
    case("PUT delivered three times at once", "put", at_the_same_time),
    case("an old PUT arrives after a newer one", "put", _LATE.hold, "unreachable", more=(("put", _LATE.release, 1),)),
    # slow and broken answers
    case("slow-loris answer", "put", slow_loris, "unreachable"),
    case("half a reply", "put", half_reply, "unreachable"),
    case("half a head", "put", half_head, "unreachable"),
    case("garbage in place of HTTP", "put", garbage, "unreachable"),
    case("a length that is too short", "put", short_length, "bad_receipt", "unreachable"),
    case("a length that is too long", "put", long_length, "unreachable"),
    case("huge body", "put", huge_body, "unreachable"),
    case("huge headers", "put", huge_headers, "unreachable"),
    case("headers without an end", "put", endless_headers, "unreachable"),
    case("compressed bomb", "put", bomb, "unreachable"),
    # receipts
    case("200 without receipt", "put", strip_receipt, "bad_receipt"),
    case("receipt changed after signing", "put", forge(case_number="SIM-1"), "bad_receipt"),
    case("receipt for another submission", "put", forge(sid="01990000-0000-7000-8000-00000000dead"), "bad_receipt"),
    case("replayed receipt of an earlier submission", "put", replay, "bad_receipt"),
    # somebody else answers
    case("HTML login page", "any", say(200, PAGE, content_type="text/html"), "portal", times=EVER),
    case("HTML login page named JSON", "put", say(200, PAGE, content_type="application/json"), "portal"),
    case("redirect", "any", REDIRECT, "portal", times=EVER),
    case("511 of a captive network", "any", say(511, PAGE, content_type="text/html"), "portal", times=EVER),
    case("200 to everything", "any", say(200, b"OK", content_type="text/plain"), "portal", "bad_receipt", times=EVER),
    case("a signed time played again", "time", play_old, "portal", more=(("put", close, 1),)),
    # gateways
    case("413 of a gateway", "patch", say(413), "unreachable"),
    case("422 of a gateway", "put", say(422), "unreachable"),
    case("422 of a gateway for ever", "put", say(422), "unreachable", "platform_trouble", times=EVER),
    case("404 of a gateway", "put", say(404), "unreachable"),
    case("502 with a page", "put", say(502, PAGE, content_type="text/html"), "unreachable", times=2),
    case("500 for ever", "any", say(500), "unreachable", "platform_trouble", times=EVER),
    case("412, configuration outdated", "put", problem(412, "config_outdated"), "unreachable"),
    case("507, disk full there", "create", problem(507, "storage_full"), "unreachable"),
    # asked to wait
    case("503 with an absurd Retry-After", "put", say(503, retry_after="999999999"), "maintenance"),
    case("503 with a date far ahead", "put", say(503, retry_after="Fri, 31 Dec 9999 23:59:59 GMT"), "maintenance"),
    case("503 with a number beyond all numbers", "put", say(503, retry_after="9" * 400), "overloaded"),
    case("503 with nonsense", "put", say(503, retry_after="-1e9"), "overloaded"),
    case("maintenance in the platform's words", "put", problem(503, "maintenance", retry_after="30"), "maintenance"),
    case("429 for ever", "any", problem(429, "busy", retry_after="1"), "overloaded", times=EVER),
    case("202 for ever", "put", KEPT, "waiting", times=EVER, more=(("get", KEPT, EVER),)),
    case("parts missing for ever", "put", MISSING, "waiting", times=EVER),
    case("409 in progress", "put", problem(409, "in_progress", retry_after="0"), "waiting", times=2),
    case("423 locked", "patch", say(423, retry_after="0"), "waiting", times=2),
    # tokens and identity
    case("401 loop", "put", problem(401, "token_expired"), "unauthorised", times=EVER),
    case("a token that nobody knows", "token", bad_token, "unauthorised", times=2),
    case("no token: bad assertion", "token", problem(401, "bad_assertion"), "unauthorised"),
    case("clock skew of the token for ever", "token", problem(401, "clock_skew"), "unauthorised", times=EVER),
    case("suspended for a while", "put", problem(403, "device_suspended"), "device_suspended"),
    case("403 of a firewall", "put", say(403), "unreachable"),
    # uploads
    case("an offset that is too high", "patch", lie(+7000), "bad_receipt", "unreachable", times=2),
    case("an offset that is too low", "patch", lie(-7000), times=2),
    case("a HEAD that lies", "head", lie(+9000), "bad_receipt", "unreachable", more=(("patch", reset_up(9000), 1),)),
    case("a creation that leads elsewhere", "create", foreign_location, "bad_receipt"),
    case("a creation without an address", "create", no_location, "bad_receipt"),
    case("an upload forgotten under way", "patch", say(410), "waiting", "unreachable", times=3),
)
CERTIFICATES = (
    ("certificate of a stranger's CA", "stranger", "portal"),
    ("certificate of another host", "wrong_host", "portal"),
    ("certificate that has expired", "late", "clock"),
    ("certificate that is not valid yet", "early", "clock"),
)
