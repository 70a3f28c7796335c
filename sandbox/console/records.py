"""The record of what officers did, for those who watch them."""

from __future__ import annotations

from starlette.responses import Response

from sandbox.console.accounts import Right
from sandbox.console.record import PAGE, list_record, open_book, verify_record
from sandbox.console.web import Call, action, page

ACTIONS = {
    "sign-in": ("登录", "Signed in"),
    "sign-in.refused": ("登录被拒", "Sign-in refused"),
    "sign-out": ("退出", "Signed out"),
    "password": ("修改密码", "Password changed"),
    "password.refused": ("修改密码被拒", "Password change refused"),
    "csrf.refused": ("无效提交", "Form refused"),
    "right.refused": ("越权被拒", "Right refused"),
    "case.open": ("打开办件", "Case opened"),
    "case.part": ("查看材料", "Paper looked at"),
    "case.form": ("取申请表", "Form taken"),
    "case.document": ("取文书", "Document taken"),
    "case.accept": ("受理", "Accepted"),
    "case.refuse": ("不予受理", "Not accepted"),
    "case.ask": ("要求补正", "Correction asked"),
    "case.conclude": ("办结", "Concluded"),
    "case.accept.refused": ("受理未成", "Accept failed"),
    "case.refuse.refused": ("不予受理未成", "Refusal failed"),
    "case.ask.refused": ("要求补正未成", "Asking failed"),
    "case.conclude.refused": ("办结未成", "Conclusion failed"),
    "device.state": ("改终端状态", "Terminal's state changed"),
    "enrol.code": ("签发入网码", "Code issued"),
    "enrol.same": ("确认入网", "Enrolment confirmed"),
    "enrol.reject": ("拒绝入网", "Enrolment rejected"),
    "evacuation.import": ("导入离线数据", "Evacuation taken in"),
    "account.add": ("新建账号", "Account made"),
    "account.reset": ("重置密码", "Password reset"),
    "account.lock": ("锁定账号", "Account locked"),
    "record.verify": ("核对记录", "Record verified"),
}


def show_record(call: Call) -> Response:
    """Show a page of the record, newest first."""
    return _show(call, None)


def check_record(call: Call) -> Response:
    """Walk the whole chain and say whether it holds."""
    report = verify_record(open_book(call.platform.store, call.platform.keys))
    call.record("record.verify", detail="sound" if report.is_sound else f"broken at {report.broken_at}")
    return _show(call, report)


def _show(call: Call, report: object) -> Response:
    chosen = call.query("action") if call.query("action") in ACTIONS else ""
    rows = list_record(call.platform.store, call.page_number(), chosen)
    return call.render(
        "record.html",
        rows=rows,
        actions={name: call.word(*words) for name, words in ACTIONS.items()},
        chosen=chosen,
        report=report,
        page=call.page_number(),
        has_more=len(rows) == PAGE,
    )


ROUTES = [
    page("/record", Right.RECORD, show_record),
    action("/record/verify", Right.RECORD, check_record),
]
