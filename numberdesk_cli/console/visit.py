"""What a page gets: the request, its form as plain values, the session, and the console that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from numberdesk_cli.console.guard import SESSION
from numberdesk_cli.console.sessions import Note
from numberdesk_cli.errors import (
    DeskError,
    NotPermittedError,
    OutcomeUnknownError,
    ProblemError,
    UnreachableError,
    UsageError,
    failed,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future, ThreadPoolExecutor
    from datetime import datetime

    from jinja2 import Environment
    from starlette.requests import Request
    from starlette.responses import Response

    from numberdesk_cli.client import Client
    from numberdesk_cli.console.jobs import Jobs
    from numberdesk_cli.console.saved import SavedViews
    from numberdesk_cli.console.sessions import Session

T = TypeVar("T")
_MAX_FIELDS = 5000
"""Fields of one form: a thousand selected orders, and what stands around them."""
_MAX_FILES = 100
"""Files of one form. A form sends one for each of its fields for files, also the empty ones."""


@dataclass(frozen=True)
class Console:
    """What all pages share."""

    client: Client
    origin: str
    now: Callable[[], datetime]
    views: SavedViews
    jobs: Jobs
    pool: ThreadPoolExecutor
    environment: Environment

    def read(self, read: Callable[[], T]) -> Future[T]:
        """Begin a read of the API; independent reads of one page run at the same time."""
        return self.pool.submit(read)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a form."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent: for each name its values, and its files."""

    fields: dict[str, list[str]] = field(default_factory=dict, repr=False)
    files: dict[str, File] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """Return a field without blanks around it; empty where it was not sent."""
        return self.fields.get(name, [""])[0].strip()

    def all(self, name: str) -> list[str]:
        """Return every value of a field, each once."""
        return list(dict.fromkeys(self.fields.get(name, [])))

    def values(self) -> dict[str, str]:
        """Return each field's first value, to show a form again as it was filled in."""
        return {name: values[0] for name, values in self.fields.items()}


@dataclass(frozen=True)
class Visit:
    """One request of a page."""

    console: Console
    request: Request
    session: Session
    form: Form

    @property
    def client(self) -> Client:
        """The API."""
        return self.console.client

    def now(self) -> datetime:
        """Return the present."""
        return self.console.now()

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """Return a parameter of the address without blanks around it; empty where there is none."""
        return self.request.query_params.get(name, "").strip()

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Show a page, or a part of one."""
        text = self.console.environment.get_template(template).render(
            visit=self,
            stack=self.client.connection.target,
            csrf=self.session.csrf,
            now=self.now(),
            path=self.request.url.path,
            **context,
        )
        return HTMLResponse(text, status)

    def go(self, where: str, done: str = "") -> Response:
        """Send the browser to another page, which tells what was done."""
        if done:
            self.session.notes.append(Note("good", done))
        return RedirectResponse(where, HTTPStatus.SEE_OTHER)

    def failed(self, error: DeskError) -> Response:
        """Show an error as a page: its sentence and its mend."""
        return self.page("error.html", status=status_of(error), error=error, issues=issues_of(error))


def endpoint(console: Console, view: Callable[[Visit], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a view. A view reads the API and may wait, so it runs in a thread."""

    async def answer(request: Request) -> Response:
        visit = Visit(console, request, request.scope[SESSION], await _form(request))
        if request.method == "POST":
            proof = visit.form.text("csrf") or request.headers.get("x-csrf-token", "")
            if not visit.session.proves(proof):
                text = "The form is not from this session; nothing was done."
                return visit.page("error.html", status=403, error=UsageError(text, _RELOAD), issues=())
        return await run_in_threadpool(_shown, view, visit)

    return answer


_RELOAD = "Load the page again and fill it in anew."


def _shown(view: Callable[[Visit], Response], visit: Visit) -> Response:
    try:
        return view(visit)
    except DeskError as error:
        return visit.failed(error)
    except HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 - nobody gets a traceback, whose last line may quote personal data
        return visit.failed(failed("the console", error))


async def _form(request: Request) -> Form:
    if request.method != "POST":
        return Form()
    fields: dict[str, list[str]] = {}
    files: dict[str, File] = {}
    async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields.setdefault(name, []).append(value)
            elif value.filename:
                # Some browsers send a path. Windows separates it otherwise than we do.
                plain = value.filename.replace("\\", "/").rpartition("/")[2]
                files[name] = File(plain, await value.read())
    return Form(fields, files)


def status_of(error: DeskError) -> int:
    """Return the HTTP status of a page that tells an error."""
    match error:
        case ProblemError():
            return error.status
        case UsageError():
            return 400
        case NotPermittedError():
            return 403
        case UnreachableError():
            return 503
        case OutcomeUnknownError() | _:
            return 502


def issues_of(error: DeskError) -> tuple[tuple[str, str], ...]:
    """Return the fields that an error names, each with what is wrong."""
    return tuple((issue.field, issue.message) for issue in error.issues) if isinstance(error, ProblemError) else ()
