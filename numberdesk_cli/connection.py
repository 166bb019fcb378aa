"""How requests of the API are signed, sent, tried again and read. Reads are tried again; writes never are."""

from __future__ import annotations

import json
import ssl
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from pydantic import BaseModel, TypeAdapter, ValidationError

from numberdesk.api.models.base import Listing, ProblemView
from numberdesk_cli.errors import (
    ConflictError,
    DeskError,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    ProblemError,
    UnavailableError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numberdesk.api.models.requirements import NewUpload
    from numberdesk_cli.target import Target

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Query = dict[str, Any]

READS = 4
"""How often a read is tried."""
_TIMEOUT = httpx.Timeout(35, connect=5)
"""Seconds. API Gateway answers within 29, whatever becomes of the function."""
MAX_PAGE = 100
"""Items per page: the most that the API gives."""
_AGAIN = frozenset({429, 500, 502, 503, 504})
_NO_ANSWER = frozenset({500, 502, 504})
"""After these nobody knows whether a write was done. 429 and 503 say that it was not."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SAFE = "-._~:@!$'()*,;="


class Connection:
    """Signed requests to one stack.

    Args:
        target: the stack, with the credentials to sign by.
        transport: what sends requests; for tests.
        sleep: waits between tries, in seconds; for tests.
    """

    def __init__(
        self,
        target: Target,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.target = target
        self.calls = 0
        """How many requests were sent."""
        self._transport = transport
        self._sleep = sleep

    @cached_property
    def http(self) -> httpx.Client:
        """Its connections."""
        # Loopback speaks plain http, and no proxy of the environment reaches it.
        plain = self.target.url.startswith("http://")
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True
        return httpx.Client(
            timeout=_TIMEOUT, trust_env=not plain, verify=verify, transport=self._transport, follow_redirects=False
        )

    def get(self, shape: type[M], *parts: str, query: Query | None = None) -> M:
        """Read one thing."""
        _, body = self.send("GET", path_of(*parts, query=query), reads=True)
        return read(shape, body)

    def pages(
        self, shape: type[Listing[T]], *parts: str, query: Query | None = None, limit: int | None = MAX_PAGE
    ) -> Iterator[T]:
        """Read a list to its end, page by page, as far as somebody asks for the next item."""
        token: str | None = None
        while True:
            page = self.get(shape, *parts, query={**(query or {}), "limit": limit, "next": token})
            yield from page.items
            token = page.next
            if token is None:
                return

    def write(
        self, shape: type[M], method: str, *parts: str, body: Mapping[str, Any] | None = None, reads: bool = False
    ) -> M:
        """Send a body without its empty fields. `reads` says that it changes nothing."""
        filled = None if body is None else {name: value for name, value in body.items() if value is not None}
        _, answer = self.send(method, path_of(*parts), filled, reads=reads)
        return read(shape, answer)

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None, *, reads: bool = False
    ) -> tuple[int, bytes]:
        """Send a request and return status and body of a good answer.

        Raises:
            OutcomeUnknownError: it was sent, may have changed something, and no answer says whether.
            UnreachableError: there was no answer, and nothing was done.
            ProblemError: the API refused.
            NotPermittedError: AWS refused.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        left = READS if reads else 1
        while True:
            left -= 1
            try:
                answer = self._once(method, f"{self.target.url}/{path}", content)
            except httpx.HTTPError as error:
                if not left:
                    raise self._failed(error, reads=reads) from error
                self._sleep(_pause(left, None))
                continue
            if answer.is_success:
                return answer.status_code, answer.content
            if answer.status_code not in _AGAIN or not left:
                raise _error(answer, reads=reads)
            self._sleep(_pause(left, answer.headers.get("retry-after")))

    def _once(self, method: str, url: str, content: bytes) -> httpx.Response:
        headers = {"content-type": "application/json"} if content else {}
        request = AWSRequest(method=method, url=url, data=content, headers=headers)
        SigV4Auth(self.target.credentials(), "execute-api", self.target.region).add_auth(request)
        self.calls += 1
        return self.http.request(method, url, content=content, headers=dict(request.headers.items()))

    def _failed(self, error: httpx.HTTPError, *, reads: bool) -> DeskError:
        why = type(error).__name__
        if isinstance(error, _NEVER_SENT):
            return UnreachableError(
                f"{self.target.name} cannot be reached ({why}); nothing was sent",
                "Check the network; with --local, that `make up` left a stack running.",
            )
        return UnreachableError(f"no answer of {self.target.name} ({why})") if reads else _unknown(why)

    def post_file(self, form: NewUpload, filename: str, content_type: str, content: bytes) -> str:
        """Post a file by a form and return its id."""
        if len(content) > form.max_bytes:
            raise DeskError(
                f"{filename} has {len(content)} bytes, and at most {form.max_bytes} are taken",
                "Make the file smaller and upload it again.",
            )
        try:
            answer = self.http.post(
                form.upload.url, data=form.upload.fields, files={"file": (filename, content, content_type)}
            )
        except httpx.HTTPError as error:
            # A file that nothing refers to does nothing: it can be uploaded again.
            raise UnreachableError(
                f"{filename} was not uploaded ({type(error).__name__})", "Upload it again."
            ) from error
        if not answer.is_success:
            raise DeskError(f"the bucket refused {filename} with {answer.status_code}", "Upload it again.")
        return form.file_id


def path_of(*parts: str, query: Query | None = None) -> str:
    """Write a path and its query. Parts are escaped, empty parameters left out.

    Raises:
        UsageError: a part is empty or consists of dots, which would lead to another path.
    """
    if wrong := [part for part in parts if not part.strip(".")]:
        raise UsageError(f"{wrong[0]!r} is not an id or a name; nothing was sent", "Check the spelling.")
    given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
    path = "/".join(quote(part, safe=_SAFE) for part in parts)
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def _text(value: object) -> str:
    """Write a value into a query as the API reads it."""
    text = _ANY.dump_python(value, mode="json")
    return text if isinstance(text, str) else json.dumps(text)


def read(shape: type[M], body: bytes) -> M:
    """Read an answer. What a newer stack says beside that is ignored.

    Raises:
        DeskError: it lacks something, or says it otherwise.
    """
    try:
        return shape.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        raise DeskError(
            f"the answer is not understood ({error.error_count()} fields of {shape.__name__})",
            "The stack may be newer than this command: update the command.",
        ) from error


def _pause(left: int, retry_after: str | None) -> float:
    """Return the seconds until the next try: 0.2, 0.8, 3.2, or as many as were asked for."""
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    own: float = 0.2 * 4 ** (READS - 1 - left)
    return min(max(own, asked), 20.0)


def _unknown(why: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"sent, outcome unknown ({why})",
        "Do not repeat it. Look first whether it was done: `numberdesk explain ORDER`.",
    )


def _error(answer: httpx.Response, *, reads: bool) -> DeskError:
    """Return the error that an answer is."""
    try:
        problem = ProblemView.model_validate_json(answer.content, extra="ignore")
    except ValidationError:
        return _of_gateway(answer, reads=reads)
    if problem.status in _NO_ANSWER and not reads:
        return _unknown(problem.detail)
    kinds: dict[int, type[ProblemError]] = {404: NotFoundError, 409: ConflictError, 503: UnavailableError}
    made = kinds.get(problem.status, ProblemError)
    kind = problem.type.rpartition(":")[2]
    return made(kind, problem.title, problem.status, problem.detail, problem.instance, problem.errors)


def _of_gateway(answer: httpx.Response, *, reads: bool) -> DeskError:
    """Return the error of an answer that API Gateway made itself: there is no problem document in it."""
    status = answer.status_code
    if status in (401, 403):
        if "expired" in answer.text[:500].lower():
            return NotPermittedError(
                "the AWS credentials have expired", "Sign in again, for example with `aws sso login`."
            )
        return NotPermittedError(
            "these AWS credentials are not allowed to do that",
            "Attach the stack's policy for it (read, operate or spend: docs/api.md), or use another --profile.",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return UnreachableError("the API takes no more requests just now; nothing was done", "Wait a moment.")
    if status in _NO_ANSWER and not reads:
        return _unknown(f"HTTP {status}")
    return UnreachableError(f"the API answered {status}", "Try again in a moment.")
