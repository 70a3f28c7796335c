"""Answers that say no: `application/problem+json` with a closed code, never personal data."""

from __future__ import annotations

from starlette.responses import JSONResponse


class Problem(Exception):
    """A refusal on its way to the wire. `code` is a word of queue-and-sync.md §9.4 or of its endpoint's row."""

    def __init__(
        self, status: int, code: str, title: str = "", retry_after_s: int = 0, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title or code.replace("_", " ")
        self.headers = dict(headers or {})
        if retry_after_s:
            self.headers["Retry-After"] = str(retry_after_s)

    def response(self) -> JSONResponse:
        """Return the problem as an HTTP answer."""
        body = {"type": "about:blank", "status": self.status, "code": self.code, "title": self.title}
        return JSONResponse(body, self.status, self.headers, media_type="application/problem+json")
