"""What every request must show before a page sees it, and the headers that every answer carries.

The console holds the operator's rights, and every site that the operator visits can send requests to loopback. So a request must name
exactly our host (against DNS rebinding), a write must come from our own page (Origin, Sec-Fetch-Site, and a proof in the form), and
everything but the start needs the session's cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from numberdesk_cli.console.sessions import Sessions

SESSION = "numberdesk.session"
"""Where a request's scope holds its session."""
START = "/start"
STATIC = "/static/"
MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of a form. The API takes smaller files and says so; this only keeps the console from filling up."""
_READS: Final = frozenset({"GET", "HEAD"})
_CSP: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' data:; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)
HEADERS: Final = {
    "content-security-policy": _CSP,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    # With no-referrer, browsers would send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


def cookie_name(origin: str) -> str:
    """Name the cookie. Cookies are shared by all ports of a host, so the name has the port in it."""
    return f"numberdesk-{urlsplit(origin).port}"


class Guard:
    """Lets only requests of the operator's own browser through, as ASGI middleware."""

    def __init__(self, app: ASGIApp, *, origin: str, sessions: Sessions) -> None:
        self.app = app
        self.origin = origin
        self.host = urlsplit(origin).netloc
        self.sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # nothing here speaks over a websocket

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, hardened)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that must not be let through."""
        headers, path, reads = Headers(scope=scope), scope["path"], scope["method"] in _READS
        if headers.getlist("host") != [self.host]:
            return _refused(421, "This console answers only at its own address.", f"Open {self.origin}.")
        if (told := self._foreign(headers, reads=reads)) is not None:
            return told
        if path == START or path.startswith(STATIC):
            return None
        session = self.sessions.find(Request(scope).cookies.get(cookie_name(self.origin), ""))
        if session is None:
            return _refused(
                403,
                "This browser has no session of the console.",
                "Open the address that `numberdesk console` printed. It works once; start the command again for another.",
            )
        scope[SESSION] = session
        return None

    def _foreign(self, headers: Headers, *, reads: bool) -> Response | None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        if reads:
            # Somebody may follow a link to here, but no other page may load something from here.
            if origin in (None, self.origin) and (
                site in ("same-origin", "none") or headers.get("sec-fetch-mode") == "navigate"
            ):
                return None
        elif origin == self.origin and site == "same-origin":
            size = headers.get("content-length", "")
            if not size.isdecimal():
                return _refused(411, "The request does not say how long it is.", "Send a Content-Length.")
            if int(size) > MAX_BODY:
                return _refused(413, f"More than {MAX_BODY} bytes were sent; nothing was done.", "Use a smaller file.")
            return None
        return _refused(
            403, "The request came from another site; nothing was done.", f"Use the pages at {self.origin}."
        )


def _refused(status: int, sentence: str, mend: str) -> Response:
    return PlainTextResponse(f"{sentence}\n{mend}\n", status)
