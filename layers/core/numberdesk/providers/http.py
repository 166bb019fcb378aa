"""HTTP to providers. Reads are retried with care; a purchase is sent once. No other module imports httpx."""

from __future__ import annotations

import math
import random
import ssl
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, TypedDict
from urllib.parse import quote, urlencode

import httpx

from numberdesk.providers.base import NotSentError, OutcomeUnknownError, UnreadableError
from numberdesk.providers.json_values import Fields, fields, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.settings import Timings

QueryParams: TypeAlias = "Sequence[tuple[str, str]]"

# For other modules, which do not import httpx.
BasicAuth = httpx.BasicAuth
Request = httpx.Request
Response = httpx.Response
Transport = httpx.BaseTransport

_READ_ATTEMPTS = 3
_MAX_PAUSE = timedelta(seconds=5)
DEFINITE_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 410, 411, 413, 414, 415, 417, 422, 429, 431})
"""Statuses that say that a call was not carried out. Others may come after the work was done: 406 and 408 concern the response and
the connection, 409, 423, 424 and 425 something in progress, and 499 comes from a proxy."""
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


class HttpOptions(TypedDict, total=False):
    """The optional arguments of `Http` that adapters pass through."""

    before_call: Callable[[], None]
    throttled: Callable[[timedelta | None], None]
    transport: Transport | None


class _Connections(httpx.BaseTransport):
    """Connections of all accounts. Reads share them across invocations; every other call opens one of its own."""

    def __init__(self) -> None:
        context = ssl.create_default_context()
        # Common load balancers close a connection that is idle for 60 s.
        self._kept = httpx.HTTPTransport(verify=context, limits=httpx.Limits(keepalive_expiry=55))
        # While Lambda freezes the process, the other end may drop a connection unnoticed. A read is repeated then, but the outcome of
        # a purchase would be unknown.
        self._single = httpx.HTTPTransport(verify=context, limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: Request) -> Response:
        return (self._kept if request.method == "GET" else self._single).handle_request(request)


_connections = cache(_Connections)


class Http:
    """One account's calls to one provider. Creating it sends nothing."""

    def __init__(
        self,
        base_url: str,
        auth: BasicAuth | Callable[[Request], Request],
        clock: Clock,
        timings: Timings,
        *,
        accept: str,
        before_call: Callable[[], None] = lambda: None,
        throttled: Callable[[timedelta | None], None] = lambda _: None,
        transport: Transport | None = None,
    ) -> None:
        """Configure the connection.

        Args:
            base_url: scheme, host and path prefix.
            auth: HTTP Basic, or a function that adds its headers to each request.
            clock: for pauses between retries.
            timings: time-outs.
            accept: the media type to request; a provider's default may change.
            before_call: called before every call; takes the account's call slot, and may raise SlotBusyError.
            throttled: called on every 429 with how long the provider asks to wait.
            transport: for tests, in place of the network.
        """
        self._clock = clock
        self._before_call = before_call
        self._throttled = throttled
        self._client = httpx.Client(
            base_url=base_url,
            auth=auth,
            # Without one, the client would use whatever proxy the environment names.
            transport=transport or _connections(),
            follow_redirects=False,
            timeout=httpx.Timeout(
                timings.read_timeout.total_seconds(), connect=timings.connect_timeout.total_seconds()
            ),
            headers={"User-Agent": "numberdesk", "Accept": accept},
        )

    def read(self, path: str, *, params: QueryParams = ()) -> Response:
        """GET, with up to three tries on 429, 5xx and broken connections.

        A time-out is not retried, nor is a 429 that does not say how long to wait. Waits as Retry-After or x-ratelimit-reset say, else
        with exponential back-off and jitter. If the wait would exceed 5 s, the response is returned as it is.

        Returns:
            The response, whatever its status.

        Raises:
            UnreadableError: there was no response.
            SlotBusyError: the account's call slot is too far away.
        """
        for attempt in range(1, _READ_ATTEMPTS + 1):
            last = attempt == _READ_ATTEMPTS
            self._before_call()
            try:
                response = self._send("GET", path, params=params)
            except httpx.RequestError as error:
                # Another time-out would hold up the Lambda again; the next poll retries.
                if last or isinstance(error, httpx.TimeoutException):
                    raise UnreadableError(type(error).__name__) from error
                pause = _backoff(attempt)
            else:
                if response.status_code not in _RETRIED_STATUSES or last:
                    return response
                requested = retry_after(response)
                pause = requested or _backoff(attempt)
                if pause > _MAX_PAUSE or (response.status_code == HTTPStatus.TOO_MANY_REQUESTS and not requested):
                    return response
            self._clock.sleep(pause)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def send_once(self, method: str, path: str, *, content: bytes = b"", content_type: str = "") -> Response:
        """Send a call that may spend money: once, with no retry of any kind.

        Returns:
            The response, whatever its status.

        Raises:
            NotSentError: the call was not sent.
            OutcomeUnknownError: it was sent, and there was no response.
            SlotBusyError: the account's call slot is too far away; nothing was sent.
        """
        self._before_call()
        try:
            return self._send(method, path, content=content, content_type=content_type)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotSentError(type(error).__name__) from error
        # RequestError, not TransportError: a response with broken compression also comes after the purchase.
        except httpx.RequestError as error:
            raise OutcomeUnknownError(type(error).__name__) from error

    def send_form(self, method: str, path: str, form: Mapping[str, object]) -> Response:
        """Send a form as `send_once` does."""
        content_type = "application/x-www-form-urlencoded"
        return self.send_once(method, path, content=urlencode(form).encode(), content_type=content_type)

    def _send(
        self, method: str, path: str, *, params: QueryParams = (), content: bytes = b"", content_type: str = ""
    ) -> Response:
        response = self._client.request(
            method,
            path,
            params=httpx.QueryParams(list(params)) if params else None,
            content=content or None,
            headers={"Content-Type": content_type} if content_type else None,
        )
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._throttled(retry_after(response))
        return response


def segment(part: str) -> str:
    """Quote one segment of a path, so that no id can reach another resource."""
    return quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")


def fields_of(response: Response) -> Fields:
    """Return the fields of a response's JSON object; none where the body is not one."""
    try:
        return fields(parse(response.content))
    except ValueError:
        return {}


def retry_after(response: Response) -> timedelta | None:
    """Return how long the provider asks to wait, at most a day: Retry-After, else x-ratelimit-reset (seconds).

    Retry-After is seconds or a date (RFC 9110, 10.2.3). A date is compared with the response's own `Date`: the clocks may differ.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        value = response.headers.get(name, "")
        try:
            seconds = float(value)
        except ValueError:
            seconds = _seconds_between(response.headers.get("date", ""), value)
        if 0 <= seconds <= timedelta(days=1).total_seconds():
            return timedelta(seconds=seconds)
    return None


def _seconds_between(date: str, later: str) -> float:
    """Return the seconds from one HTTP date to another; infinite where one is not a date."""
    try:
        return (parsedate_to_datetime(later) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):  # not a date, or only one of the two has a time zone
        return math.inf


def _backoff(attempt: int) -> timedelta:
    # Not full jitter: a pause of almost nothing is no use after a 429.
    return timedelta(seconds=0.2 * 2**attempt * (0.5 + random.random() / 2))  # noqa: S311 - not a secret
