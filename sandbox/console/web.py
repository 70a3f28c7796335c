"""What every page shares: who calls, rights, CSRF, the response headers, pages from templates, refusals in words."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.cases import CHINA
from sandbox.console.accounts import Right, Role
from sandbox.console.bodies import Form, read_form
from sandbox.console.record import open_book, write_record
from sandbox.console.sessions import IDLE_S, Visitor, find_visitor
from sandbox.platform import Platform
from sandbox.problems import Problem

ROOT = "/console"
COOKIE = "__Secure-jinban-console"  # sent to /console only, so never to the devices' API
BEFORE = "__Secure-jinban-before"
LANGUAGE = "jinban-language"
TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "console"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "strict-transport-security": "max-age=31536000",
    "cache-control": "no-store",
}
ROLE_WORDS = {
    Role.OFFICER: ("窗口人员", "Officer"),
    Role.SUPERVISOR: ("审核", "Supervisor"),
    Role.TECHNICIAN: ("运维", "Technician"),
    Role.AUDITOR: ("审计", "Auditor"),
}


class Refusal(Exception):
    """A page that says no, in words: what, and what to do now."""

    def __init__(self, status: int, zh: str, en: str) -> None:
        super().__init__(en)
        self.status = status
        self.words = (zh, en)


@dataclass(frozen=True)
class Call:
    """One request, its body read and its caller known. Pages are plain functions of it, run on a thread."""

    request: Request
    platform: Platform
    visitor: Visitor | None
    form: Form
    is_english: bool
    now: int

    def word(self, zh: str, en: str) -> str:
        """Return the text in the caller's language."""
        return en if self.is_english else zh

    def path(self, name: str) -> str:
        """Return a piece of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """Return a short text of the query string."""
        return self.request.query_params.get(name, "")[:64]

    def age(self, seconds: int) -> str:
        """Return an age in words."""
        return age_words(seconds, self)

    def page_number(self) -> int:
        """Return which page of a list is asked for."""
        text = self.query("page")
        return min(max(int(text), 1), 10_000) if text.isascii() and text.isdigit() else 1

    @property
    def who(self) -> Visitor:
        """Return who is signed in; pages with a right always have somebody."""
        if self.visitor is None:
            raise Refusal(403, "请先登录。", "Please sign in first.")
        return self.visitor

    def record(self, action: str, subject: str = "", detail: str = "") -> None:
        """Write down what the caller does."""
        who = self.visitor
        name, role = (who.name, who.role.value) if who else ("", "")
        write_record(open_book(self.platform.store, self.platform.keys), self.now, name, role, action, subject, detail)

    def render(self, template: str, status: int = 200, **facts: Any) -> Response:
        """Return a page."""
        base = {
            "w": self.word, "call": self, "me": self.visitor, "root": ROOT, "Right": Right,
            "csrf": self.visitor.csrf if self.visitor else "",
            "role_word": self.word(*ROLE_WORDS[self.visitor.role]) if self.visitor else "",
            "is_english": self.is_english, "idle_s": IDLE_S + 5, "here": self.here(),
        }  # fmt: skip
        return HTMLResponse(_environment().get_template(template).render(**base, **facts), status)

    def here(self) -> str:
        """Return this page's address, to come back to after a change of language."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "") if self.request.method == "GET" else f"{ROOT}/"


def go(path: str) -> Response:
    """Return a redirection within the console."""
    return RedirectResponse(f"{ROOT}{path}", 303)


Page = Callable[[Call], Response]


def page(path: str, right: Right | None, handle: Page, *, is_open: bool = False) -> Route:
    """Return the route of a page to look at. `is_open` asks for nobody signed in."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(_serve, request, Form(), right, handle, is_open)

    return Route(path, endpoint, methods=["GET"])


def action(path: str, right: Right | None, handle: Page, *, is_open: bool = False, with_file: bool = False) -> Route:
    """Return the route of a form: a POST with the session's CSRF token, from our own pages."""

    async def endpoint(request: Request) -> Response:
        refuse_foreign(request)
        form = await read_form(request, with_file=with_file)
        return await run_in_threadpool(_serve, request, form, right, handle, is_open)

    return Route(path, endpoint, methods=["POST"])


def _serve(request: Request, form: Form, right: Right | None, handle: Page, is_open: bool) -> Response:
    call = call_of(request, form, touch=not is_open)
    if is_open:
        return handle(call)
    if call.visitor is None:
        return go("/sign-in")
    if request.method == "POST" and not hmac.compare_digest(form.text("csrf").encode(), call.visitor.csrf.encode()):
        call.record("csrf.refused", detail=request.url.path)
        raise Refusal(403, "页面已失效，请返回重试。", "This page is no longer valid. Go back and try again.")
    if call.visitor.is_first and request.url.path not in (f"{ROOT}/password", f"{ROOT}/sign-out"):
        return go("/password")
    if right is not None and not call.visitor.may(right):
        call.record("right.refused", detail=f"{right.value} {request.method}")
        raise Refusal(403, "您的角色不能使用此页。", "Your role does not open this page.")
    return handle(call)


def call_of(request: Request, form: Form | None = None, *, touch: bool = True) -> Call:
    """Return the call behind a request."""
    platform = request.app.state.platform
    now = platform.now()
    visitor = find_visitor(platform.store, request.cookies.get(COOKIE, ""), now, touch=touch)
    return Call(request, platform, visitor, form or Form(), request.cookies.get(LANGUAGE) == "en", now)


def refuse_foreign(request: Request) -> None:
    """Refuse a POST that another site's page sends. Raises: Refusal 403."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    try:
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:  # an address in brackets that is none
        is_ours = False
    if not is_ours or site not in ("same-origin", "none"):
        raise Refusal(403, "请求来自其他网站，已拒绝。", "The request came from another site and was refused.")


async def answer_refusal(request: Request, fault: Exception) -> Response:
    """Say no on a page of our own."""
    if isinstance(fault, Refusal):
        status, words = fault.status, fault.words
    elif isinstance(fault, Problem):
        status, words = fault.status, ("提交的内容无法读取。", "What was sent cannot be read.")
    else:
        status = getattr(fault, "status_code", 500)
        words = ("没有这一页。", "There is no such page.") if status == 404 else ("无法这样访问。", "Not in this way.")

    def say() -> Response:
        return call_of(request, touch=False).render("refusal.html", status, words=words, status_code=status)

    return await run_in_threadpool(say)


class SafeHeaders:
    """Puts the protective headers on every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                added = [(key.encode(), text.encode()) for key, text in HEADERS.items() if key.encode() not in names]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _environment() -> Environment:
    if not _ENVIRONMENT:
        made = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        made.filters.update(moment=moment, day=day, size=size_words)
        _ENVIRONMENT.append(made)
    return _ENVIRONMENT[0]


_ENVIRONMENT: list[Environment] = []


def moment(at: int | None) -> str:
    """Return Unix seconds as `2026-11-29 09:05` in China's time."""
    return dt.datetime.fromtimestamp(at, CHINA).strftime("%Y-%m-%d %H:%M") if at else "—"


def day(at: int) -> str:
    """Return Unix seconds as a date in China."""
    return dt.datetime.fromtimestamp(at, CHINA).strftime("%Y-%m-%d")


def size_words(size: int) -> str:
    """Return bytes as people read them."""
    if size >= 1 << 30:
        return f"{size / (1 << 30):.1f} GB"
    return f"{size / 1_048_576:.1f} MB" if size >= 1_048_576 else f"{max(1, round(size / 1024))} KB"


def age_words(seconds: int, call: Call) -> str:
    """Return an age in its one largest unit."""
    for unit, zh, en in ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= unit:
            return call.word(f"{seconds // unit} {zh}", f"{seconds // unit} {en}")
    return call.word("刚刚", "now")
