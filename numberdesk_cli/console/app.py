"""The console's application: its routes, and what stands in front of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from numberdesk_cli.console import rendering
from numberdesk_cli.console.guard import SESSION, START, STATIC, Guard, cookie_name
from numberdesk_cli.console.jobs import Jobs
from numberdesk_cli.console.pages import VIEWS
from numberdesk_cli.console.saved import SavedViews, default_path
from numberdesk_cli.console.sessions import Sessions
from numberdesk_cli.console.visit import Console, Form, Visit, endpoint
from numberdesk_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from numberdesk_cli.client import Client

_AT_ONCE = 8
"""Reads of the API at the same time."""


def create_app(
    client: Client,
    *,
    origin: str,
    token: str,
    now: Callable[[], datetime],
    views: Path | None = None,
) -> Starlette:
    """Make the console.

    Args:
        client: the API to show. What its credentials may do, the console may do.
        origin: where the pages are served, such as `http://127.0.0.1:8123`. Requests for another host are refused.
        token: the one-time start token.
        now: tells the present.
        views: the file of the saved views; by default in the user's folder for settings.
    """
    # Two threads that are first at the same time would make two of it.
    _ = client.connection.http
    sessions = Sessions(token)
    console = Console(
        client=client,
        origin=origin,
        now=now,
        views=SavedViews(views or default_path()),
        jobs=Jobs(client, now),
        pool=ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="console-read"),
        environment=rendering.environment(),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        console.jobs.close()
        console.pool.shutdown(cancel_futures=True)

    async def start(request: Request) -> Response:
        return _start(console, sessions, request)

    async def failed(request: Request, error: Exception) -> Response:
        return _failed(console, request, error)

    return Starlette(
        routes=[
            Route(START, start, methods=["GET"]),
            Mount(STATIC.rstrip("/"), StaticFiles(directory=rendering.FOLDER / "static")),
            *(Route(path, endpoint(console, view), methods=[method]) for method, path, view in VIEWS),
        ],
        middleware=[Middleware(Guard, origin=origin, sessions=sessions)],
        exception_handlers={HTTPException: failed},
        lifespan=lifespan,
    )


def _start(console: Console, sessions: Sessions, request: Request) -> Response:
    """Exchange the start token for a cookie."""
    looks_ahead = "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", ""))
    cookie = None
    if request.method == "GET" and not looks_ahead:
        cookie = sessions.start(request.query_params.get("token", ""))
    if cookie is None:
        text = (
            "This address was used already, or is not the whole one.\nStart `numberdesk console` again for another.\n"
        )
        return PlainTextResponse(text, HTTPStatus.FORBIDDEN)
    # Not a redirect: after one that another program began, the browser would not send a strict cookie.
    answer = HTMLResponse(console.environment.get_template("start.html").render())
    answer.set_cookie(cookie_name(console.origin), cookie, httponly=True, samesite="strict", path="/")
    return answer


def _failed(console: Console, request: Request, error: Exception) -> Response:
    """Show what the framework refuses."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    said = {
        404: ("There is no such page.", "Go to another one by the navigation."),
        405: ("This page is not for that.", "Go back and try it by the page's own buttons."),
    }.get(status, ("The request cannot be read; nothing was done.", "Load the page again."))
    if (session := request.scope.get(SESSION)) is None:
        return PlainTextResponse("\n".join((*said, "")), status)
    visit = Visit(console, request, session, Form())
    return visit.page("error.html", status=status, error=UsageError(*said), issues=())
