"""Signing in and out, the first password, the language."""

from __future__ import annotations

import hmac
import secrets

from starlette.responses import Response

from sandbox.console.accounts import MIN_LENGTH, Right, WeakPassword, choose_password
from sandbox.console.record import open_book, write_record
from sandbox.console.sessions import (
    Visitor,
    WrongPassword,
    before_token,
    check_again,
    find_visitor,
    sign_in,
    sign_out,
)
from sandbox.console.throttle import Wait
from sandbox.console.web import BEFORE, COOKIE, LANGUAGE, ROOT, Call, Refusal, action, go, page

HOMES = ((Right.LIST, "/cases"), (Right.TERMINALS, "/terminals"), (Right.RECORD, "/record"))
YEAR_S = 365 * 86400


def home(call: Call) -> Response:
    """Go where this role works."""
    return go(_home_of(call.who))


def show_sign_in(call: Call) -> Response:
    """Ask for name and password."""
    if call.visitor is not None:
        return go("/")
    return _ask(call)


def take_sign_in(call: Call) -> Response:
    """Begin a session: always a new one, whatever cookie came along."""
    cookies, store = call.request.cookies, call.platform.store
    expected = before_token(store, cookies.get(BEFORE, ""))
    if not cookies.get(BEFORE) or not hmac.compare_digest(call.form.text("before").encode(), expected.encode()):
        return _ask(call, 403, call.word("页面已失效，请再试一次。", "The page was too old. Please try again."))
    name, password = call.form.text("name", 64).lower(), "".join(call.form.texts.get("password", ()))
    try:
        token = sign_in(store, name, password, _address(call), call.now, cookies.get(COOKIE, ""))
    except Wait as wait:
        said = call.word(f"尝试过多，请 {wait.seconds} 秒后再试。", f"Too many tries. Wait {wait.seconds} s.")
        answer = _ask(call, 429, said)
        answer.headers["retry-after"] = str(wait.seconds)
        return answer
    except WrongPassword:
        call.record("sign-in.refused", name if name.isascii() and name.isprintable() else "?")
        return _ask(call, 403, call.word("账号或密码不对。", "Name or password is wrong."))
    visitor = find_visitor(store, token, call.now)
    book = open_book(store, call.platform.keys)
    write_record(book, call.now, name, visitor.role.value if visitor else "", "sign-in")
    answer = go("/")
    _set(answer, COOKIE, token)
    answer.delete_cookie(BEFORE, f"{ROOT}/sign-in", secure=True, httponly=True, samesite="strict")
    return answer


def take_sign_out(call: Call) -> Response:
    """End the session."""
    call.record("sign-out")
    sign_out(call.platform.store, call.who.key)
    answer = go("/sign-in")
    answer.delete_cookie(COOKIE, ROOT, secure=True, httponly=True, samesite="strict")
    return answer


def show_password(call: Call) -> Response:
    """Ask for a new password."""
    return call.render("password.html", error="", least=MIN_LENGTH)


def take_password(call: Call) -> Response:
    """Set the owner's own password; every session ends, this one too."""
    who, store = call.who, call.platform.store
    old, new, again = ("".join(call.form.texts.get(name, ())) for name in ("old", "new", "again"))
    error = ""
    if new != again:
        error = call.word("两次输入的新密码不同。", "The two new passwords differ.")
    elif new == old:
        error = call.word("新密码要与当前密码不同。", "The new password has to be another one.")
    else:
        try:
            check_again(store, who.name, old, _address(call), call.now)
            choose_password(store, who.name, new)
        except Wait as wait:
            error = call.word(f"尝试过多，请 {wait.seconds} 秒后再试。", f"Too many tries. Wait {wait.seconds} s.")
        except WrongPassword:
            error = call.word("当前密码不对。", "The present password is wrong.")
        except WeakPassword:
            error = call.word(
                f"新密码至少 {MIN_LENGTH} 个字符，不含账号名。", f"At least {MIN_LENGTH} characters, without your name."
            )
    if error:
        call.record("password.refused", who.name)
        return call.render("password.html", 422, error=error, least=MIN_LENGTH)
    call.record("password", who.name)
    return go("/sign-in")


def show_idle(call: Call) -> Response:
    """What a page turns into by itself after the idle limit: nothing of a case stays on a screen nobody sits at."""
    return call.render("idle.html")


def set_language(call: Call) -> Response:
    """Change the language and come back."""
    back = call.request.query_params.get("back", "")
    if call.path("code") not in ("zh", "en"):
        raise Refusal(404, "没有这一页。", "There is no such page.")
    is_ours = back.startswith(f"{ROOT}/") and "\\" not in back and "//" not in back
    answer = go(back.removeprefix(ROOT) if is_ours else "/")
    answer.set_cookie(LANGUAGE, call.path("code"), YEAR_S, path=ROOT, secure=True, httponly=True, samesite="strict")
    return answer


def _ask(call: Call, status: int = 200, error: str = "") -> Response:
    cookie = call.request.cookies.get(BEFORE) or secrets.token_urlsafe(32)
    answer = call.render("sign_in.html", status, error=error, before=before_token(call.platform.store, cookie))
    _set(answer, BEFORE, cookie, f"{ROOT}/sign-in")
    return answer


def _address(call: Call) -> str:
    return call.request.client.host if call.request.client else ""


def _set(answer: Response, name: str, value: str, path: str = ROOT) -> None:
    answer.set_cookie(name, value, path=path, secure=True, httponly=True, samesite="strict")


def _home_of(who: Visitor) -> str:
    return next(path for right, path in HOMES if who.may(right))


ROUTES = [
    page("/", None, home),
    page("/sign-in", None, show_sign_in, is_open=True),
    action("/sign-in", None, take_sign_in, is_open=True),
    action("/sign-out", None, take_sign_out),
    page("/password", None, show_password),
    action("/password", None, take_password),
    page("/idle", None, show_idle, is_open=True),
    page("/language/{code}", None, set_language, is_open=True),
]
