"""The one place that speaks HTTP to providers, and the one importer of httpx.

Reads are repeated with care; a purchase is sent once. What a failure means is told by the exception (see `base`).
"""

from __future__ import annotations

import base64
import math
import random
import ssl
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import quote, urlsplit

import httpx

from numberdesk.providers.base import NotSentError, OutcomeUnknownError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numberdesk.domain.clock import Clock

QueryParams: TypeAlias = "Sequence[tuple[str, str]]"

# For the signatures of those who call this: nobody else imports httpx.
Response = httpx.Response
Transport = httpx.BaseTransport

_READ_ATTEMPTS = 3
_MAX_PAUSE = timedelta(seconds=5)
DEFINITE_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 410, 411, 413, 414, 415, 417, 422, 429, 431})
"""Statuses that say of a call that it was not carried out. Of the others some may come after the work: 406 and 408 speak of the
answer and the connection, 409, 423, 424 and 425 of something that is under way, and 499 is a proxy's word."""
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


class Auth(Protocol):
    """Signs a request: gives the headers to add for it."""

    def __call__(self, method: str, path: str, content: bytes, content_type: str) -> Mapping[str, str]:
        """Give the headers. `path` is the resource's path from the host's root, without query."""


@cache
def _ssl_context() -> ssl.SSLContext:
    # Building one costs more than the rest of a client; all clients share it.
    return ssl.create_default_context()


class BasicAuth:
    """HTTP Basic, in UTF-8."""

    def __init__(self, user: str, password: str) -> None:
        """Prepare the header; it is the same for every request."""
        self._header = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    def __call__(self, method: str, path: str, content: bytes, content_type: str) -> Mapping[str, str]:  # noqa: ARG002
        """Give the header."""
        return {"Authorization": self._header}


class Http:
    """One account's connection to one provider."""

    def __init__(
        self,
        base_url: str,
        auth: Auth,
        clock: Clock,
        *,
        accept: str,
        connect_timeout: timedelta,
        read_timeout: timedelta,
        before_call: Callable[[], None] = lambda: None,
        throttled: Callable[[timedelta | None], None] = lambda _: None,
        transport: Transport | None = None,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            base_url: scheme, host and path prefix.
            auth: signs each request.
            clock: for pauses.
            accept: the media type that is asked for, in every request: a provider's default may change.
            connect_timeout: until a connection stands.
            read_timeout: until an answer comes.
            before_call: called before every call; takes the account's call slot, and may raise SlotBusyError.
            throttled: told of every 429, and how long the provider asks to wait, before anything else comes of it.
            transport: for tests, in place of the network.
        """
        self._prefix = urlsplit(base_url).path.rstrip("/")
        self._auth = auth
        self._clock = clock
        self._before_call = before_call
        self._throttled = throttled
        self._client = httpx.Client(
            base_url=base_url,
            transport=transport,
            verify=_ssl_context(),
            # Never by way of a proxy or credentials that the environment names.
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(read_timeout.total_seconds(), connect=connect_timeout.total_seconds()),
            headers={"User-Agent": "numberdesk", "Accept": accept},
        )

    def read(self, path: str, *, params: QueryParams = (), headers: Mapping[str, str] | None = None) -> Response:
        """GET, repeated up to three times on 429, 5xx and broken connections; a time-out is not repeated.

        Nor is a 429 that does not say how long to wait: that is a pause of the account.

        Waits as Retry-After or x-ratelimit-reset say, else with exponential back-off and jitter; a wait longer than 5 s is
        not waited for: the answer is handed back as it is.

        Returns:
            The answer, whatever its status.

        Raises:
            UnreadableError: no answer came.
            SlotBusyError: it is not this account's turn.
        """
        for attempt in range(1, _READ_ATTEMPTS + 1):
            last = attempt == _READ_ATTEMPTS
            self._before_call()
            try:
                response = self._send("GET", path, params=params, content=b"", content_type="", headers=headers)
            except httpx.RequestError as error:
                # Whoever did not answer in time would hold the Lambda again; the next poll asks again.
                if last or isinstance(error, httpx.TimeoutException):
                    raise UnreadableError(type(error).__name__) from error
                pause = _backoff(attempt)
            else:
                if response.status_code not in _RETRIED_STATUSES or last:
                    return response
                told = retry_after(response)
                pause = told or _backoff(attempt)
                if pause > _MAX_PAUSE or (response.status_code == HTTPStatus.TOO_MANY_REQUESTS and not told):
                    return response
            self._clock.sleep(pause)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def send_once(
        self, method: str, path: str, *, content: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a call that may spend money: once, with no retry of any kind.

        Returns:
            The answer, whatever its status.

        Raises:
            NotSentError: the call never left.
            OutcomeUnknownError: it left, and no answer came.
            SlotBusyError: it is not this account's turn; nothing was sent.
        """
        self._before_call()
        try:
            return self._send(method, path, params=(), content=content, content_type=content_type, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotSentError(type(error).__name__) from error
        # RequestError, not TransportError: an answer whose compression is broken came after the purchase, too.
        except httpx.RequestError as error:
            raise OutcomeUnknownError(type(error).__name__) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: QueryParams,
        content: bytes,
        content_type: str,
        headers: Mapping[str, str] | None,
    ) -> Response:
        full_path = f"{self._prefix}/{path.lstrip('/')}"
        sent = {"Content-Type": content_type} if content_type else {}
        sent.update(headers or {})
        sent.update(self._auth(method, full_path, content, content_type))
        response = self._client.request(
            method,
            path,
            params=httpx.QueryParams(list(params)) if params else None,
            content=content or None,
            headers=sent,
        )
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._throttled(retry_after(response))
        return response


def segment(part: str) -> str:
    """Write one segment of a path: no id can reach beyond its own place in it."""
    return quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")


def retry_after(response: Response) -> timedelta | None:
    """How long the provider asks to wait: Retry-After, else x-ratelimit-reset (seconds until the reset); at most a day.

    Retry-After is seconds or a date (RFC 9110, 10.2.3). A date is held against the answer's own: the provider's clock may not
    be ours.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        told = response.headers.get(name, "")
        try:
            seconds = float(told)
        except ValueError:
            seconds = _seconds_between(response.headers.get("date", ""), told)
        if 0 <= seconds <= timedelta(days=1).total_seconds():
            return timedelta(seconds=seconds)
    return None


def _seconds_between(date: str, later: str) -> float:
    """Seconds from one HTTP date to another; infinite where one is none."""
    try:
        return (parsedate_to_datetime(later) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):  # no date; or one of the two without its time zone
        return math.inf


def _backoff(attempt: int) -> timedelta:
    # Full jitter would allow no pause at all, which helps nobody behind a 429.
    return timedelta(seconds=0.2 * 2**attempt * (0.5 + random.random() / 2))  # noqa: S311 - not a secret
