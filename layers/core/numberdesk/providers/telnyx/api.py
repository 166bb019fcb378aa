"""Telnyx's v2 API: one account's calls, and what its refusals mean."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    RefusedError,
    SlotBusyError,
    UnclearError,
    UnreadableError,
)
from numberdesk.providers.http import Http, retry_after
from numberdesk.providers.lenient import Fields, fields, integer, parse, rows, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.settings import Timings
    from numberdesk.providers.base import Credentials, ProviderError
    from numberdesk.providers.http import QueryParams, Response, Transport

PAGE_SIZE = 250
"""The largest page that the OpenAPI document allows."""
_MOST_PAGES = 20

# Codes of `errors[].code` (Telnyx docs: API error codes). They are what counts: which HTTP status carries which code is
# published nowhere for orders, and 409 as well as 422 has been seen for numbers that are gone.
_THROTTLED = "10011"
_ACCOUNT = frozenset(
    {
        "10009",  # authentication failed
        "10010",  # not authorised
        "10038",  # feature not permitted at this account's level
        "10039",  # feature limited
        "20012",  # account inactive
        "20013",  # account blocked
        "20014",  # account verification level, as the next two
        "20016",
        "20017",
        "20100",  # insufficient funds
    }
)
# Not authorised, feature not permitted, feature limited: of a call that buys nothing, these speak of what it calls.
_NOT_THIS_CALL = frozenset({"10010", "10038", "10039"})
_NUMBERS_GONE = frozenset(
    {
        "85000",  # must be searched first: a new search makes it good
        "85001",  # no longer available
        "85006",  # already reserved
    }
)
_REFUSED = frozenset({"85004", "85005"})  # invalid connection, invalid messaging profile
_SATISFIED = "85003"  # requirements "cannot be updated once all have been satisfied"
_UNCLEAR = frozenset(
    {
        "10007",  # unexpected error
        "10008",  # request time-out
        "10012",  # duplicate resource: maybe our own
        "10035",  # resource locked
        "10036",  # resource is being processed
        "10037",  # service unavailable
    }
)
# Time-out, conflict, locked, too early: something of ours may be under way.
_UNCLEAR_STATUSES = frozenset({408, 409, 423, 425})
_ACCOUNT_STATUSES = frozenset({401, 402, 403})


def resource(*parts: str) -> str:
    """Write a resource's path; no id can reach beyond its own place in it."""
    return "/".join(quote(part, safe="") if part.strip(".") else part.replace(".", "%2E") for part in parts)


class NotFoundError(UnreadableError):
    """There is nothing at this address."""


class BadRequestError(UnreadableError):
    """Telnyx found the request itself wrong; repeating it is of no use."""


class SatisfiedError(RefusedError):
    """All requirements are satisfied already, and take no values any more."""


class Api:
    """The calls of one account."""

    def __init__(
        self,
        credentials: Credentials,
        clock: Clock,
        timings: Timings,
        *,
        before_call: Callable[[], None],
        throttled: Callable[[timedelta | None], None],
        transport: Transport | None,
    ) -> None:
        """Prepare; nothing is sent.

        Raises:
            AccountFaultError: the account's secret has no usable `api_key`.
        """
        key = credentials.value("api_key").strip()
        if not (key and key.isascii() and key.isprintable()):
            # An HTTP library would say so too, and quote the key.
            raise AccountFaultError("the account's api_key holds characters that no header can carry")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._before_call = before_call
        self.clock = clock
        self.calls = 0
        """How many calls were made, repeats included."""
        self._http = Http(
            credentials.base_url,
            self._auth,
            clock,
            connect_timeout=timings.connect_timeout,
            read_timeout=timings.read_timeout,
            before_call=self._count,
            throttled=throttled,
            transport=transport,
        )

    def get(self, path: str, *params: tuple[str, str]) -> Fields:
        """Read a resource or a list.

        Returns:
            The answer's fields, `data` among them.

        Raises:
            NotFoundError, BadRequestError, UnreadableError, AccountFaultError, SlotBusyError: not read.
        """
        body, status = self._read(path, params)
        if "data" not in body:
            raise UnreadableError(f"HTTP {status} without data")
        return body

    def get_bare(self, path: str) -> Fields:
        """Read a requirement group: those are not wrapped in `data`. Raises as `get` does."""
        body, status = self._read(path, ())
        if "id" not in body:
            raise UnreadableError(f"HTTP {status} without an id")
        return body

    def pages(self, path: str, *params: tuple[str, str]) -> list[Fields]:
        """Read all pages of a list.

        Raises:
            NotFoundError, BadRequestError, UnreadableError, AccountFaultError, SlotBusyError: not read, or not all of it.
        """
        found: list[Fields] = []
        for page in range(1, _MOST_PAGES + 1):
            shown, more = self.page(path, page, *params)
            found += rows(shown)
            if not all(map(fields, shown)):
                # What is not there may be what is looked for.
                raise UnreadableError("a list with something in it that is no object")
            if not more:
                return found
        raise UnreadableError(f"more than {_MOST_PAGES} pages")

    def page(self, path: str, page: int, *params: tuple[str, str], size: int = PAGE_SIZE) -> tuple[list[object], bool]:
        """Read one page of a list, from 1, and say whether there are more. Raises as `get` does."""
        body = self.get(path, *params, ("page[number]", str(page)), ("page[size]", str(size)))
        if not isinstance(body["data"], list):
            raise UnreadableError("a list that is no list")
        pages = integer(fields(body.get("meta")).get("total_pages"))
        return body["data"], page < pages if pages is not None else len(body["data"]) >= size

    def listed(
        self,
        path: str,
        *params: tuple[str, str],
        may_go_on: Callable[[], bool] = lambda: True,
        backwards: Callable[[Sequence[object]], bool] = lambda _: False,
        enough: Callable[[Sequence[object]], bool] = lambda _: False,
    ) -> tuple[object, bool]:
        """Read a list that declares no way to page, and on where its own figures say that there is more.

        Args:
            path: the list.
            params: its filters.
            may_go_on: whether there may be one call more.
            backwards: whether to go on from the last page backwards, given the first one.
            enough: whether, given a page, none that follows is of interest.

        Returns:
            `data` as it came, of several pages one list; and whether that is all that is of interest.

        Raises:
            NotFoundError, BadRequestError, UnreadableError, AccountFaultError, SlotBusyError: the first page was not read.
        """
        body = self.get(path, *params)
        first = body["data"]
        pages = integer(fields(body.get("meta")).get("total_pages")) or 1
        if pages == 1 or not isinstance(first, list):
            return first, pages == 1
        found, is_backwards = list(first), backwards(first)
        following = range(pages, 1, -1) if is_backwards else range(2, pages + 1)
        shown: list[object] | None = None if is_backwards else first
        for page in following[:_MOST_PAGES]:
            if shown is not None and enough(shown):
                return found, True
            if not may_go_on():
                return found, False
            try:
                data = self.get(path, *params, ("page[number]", str(page)))["data"]
            except (UnreadableError, AccountFaultError, SlotBusyError):
                return found, False
            if not isinstance(data, list) or not data or data == first:
                # The first page again: it pages by no such parameter.
                return found, False
            found, shown = found + data, data
        return found, len(following) <= _MOST_PAGES

    def create_order(self, content: dict[str, object]) -> Fields:
        """Create a number order: one call, never repeated. Telnyx declares no idempotency key for it.

        Returns:
            The order as created; none of its fields is sure to be there.

        Raises:
            RefusedError, AccountFaultError, NotSentError, SlotBusyError: nothing was bought.
            UnclearError: something may have been bought.
        """
        body = json.dumps(content).encode()
        response = self._http.send_once("POST", "number_orders", content=body, content_type="application/json")
        if not response.is_success:
            raise _not_placed(response)
        return fields(_body(response).get("data"))

    def write(self, method: str, path: str, content: dict[str, object] | None = None) -> Fields:
        """Change something that costs nothing: one call, not repeated here.

        Returns:
            The resource as it is now; none of its fields is sure to be there.

        Raises:
            SatisfiedError: all requirements are satisfied already.
            NoSuchThingError: what was to be deleted is not there.
            RefusedError: it was not done.
            AccountFaultError, NotSentError, SlotBusyError: it was not done, and may be later.
            UnclearError: it may have been done.
        """
        body = json.dumps(content).encode() if content is not None else b""
        content_type = "application/json" if content is not None else ""
        response = self._http.send_once(method, path, content=body, content_type=content_type)
        if not response.is_success:
            fault = _not_done(response)
            if method == "DELETE" and response.status_code == HTTPStatus.NOT_FOUND and isinstance(fault, RefusedError):
                raise NoSuchThingError(fault.detail, code=fault.code)
            raise fault
        data = _body(response).get("data")
        if not isinstance(data, dict):
            if method == "DELETE":
                return {}
            raise UnclearError(f"HTTP {response.status_code} without data")
        return data

    def _read(self, path: str, params: QueryParams) -> tuple[Fields, int]:
        response = self._http.read(path, params=params)
        if not response.is_success:
            raise _not_read(response)
        return _body(response), response.status_code

    def _auth(self, method: str, path: str, content: bytes, content_type: str) -> dict[str, str]:  # noqa: ARG002
        return self._headers

    def _count(self) -> None:
        self._before_call()
        self.calls += 1


def _not_placed(response: Response) -> ProviderError:
    status = response.status_code
    code, title, codes = _errors(response)
    if not response.is_client_error or codes & _UNCLEAR:
        return UnclearError(title, code=code)
    if status == 429 or _THROTTLED in codes:  # noqa: PLR2004 - Too Many Requests
        return AccountFaultError(title, code=code, throttled=True, retry_after=retry_after(response))
    told = bool(codes & (_NUMBERS_GONE | _REFUSED))
    if codes & _ACCOUNT or (status in _ACCOUNT_STATUSES and not told):
        return AccountFaultError(title, code=code)
    if status in _UNCLEAR_STATUSES and not told:
        return UnclearError(title, code=code)
    return RefusedError(title, code=code, numbers_gone=bool(codes & _NUMBERS_GONE))


def _not_done(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a call that buys nothing."""
    code, title, codes = _errors(response)
    if response.is_client_error and _SATISFIED in codes and not codes & _UNCLEAR:
        return SatisfiedError(title, code=_SATISFIED)
    # A conflict that says what is wrong is a no: here nothing of ours can be under way that would be bought twice.
    if response.status_code == HTTPStatus.CONFLICT and codes and not codes & (_UNCLEAR | _ACCOUNT | {_THROTTLED}):
        return RefusedError(title, code=code)
    fault = _not_placed(response)
    of_account = codes & _ACCOUNT
    if isinstance(fault, AccountFaultError) and of_account and of_account <= _NOT_THIS_CALL and not fault.throttled:
        # Taken for the account's, it would stop all buying over a comment that this account may not write.
        return fault if response.status_code == HTTPStatus.UNAUTHORIZED else RefusedError(title, code=code)
    return fault


def _not_read(response: Response) -> ProviderError:
    status = response.status_code
    code, title, codes = _errors(response)
    if status == 429 or (response.is_client_error and _THROTTLED in codes):  # noqa: PLR2004 - Too Many Requests
        return AccountFaultError(title, code=code, throttled=True, retry_after=retry_after(response))
    if status in _ACCOUNT_STATUSES or (response.is_client_error and codes & _ACCOUNT):
        return AccountFaultError(title, code=code)
    match status:
        case 404:
            return NotFoundError(title, code=code)
        case 400 | 422:
            return BadRequestError(title, code=code)
        case _:
            return UnreadableError(title, code=code)


def _errors(response: Response) -> tuple[str, str, frozenset[str]]:
    """Give the first error's code and title, and all codes. Never `detail` or `source`: they may echo what was sent."""
    errors = rows(_body(response).get("errors"))
    # A string in one schema of the OpenAPI document, an integer in another.
    codes = [str(error["code"]) for error in errors if isinstance(error.get("code"), str | int)]
    titles = [title for error in errors if (title := text(error.get("title")))]
    status = f"HTTP {response.status_code}"
    return (
        (text(codes[0]) or "") if codes else "",
        f"{titles[0]} ({status})" if titles else status,
        frozenset(codes),
    )


def _body(response: Response) -> Fields:
    try:
        return fields(parse(response.content))
    except ValueError:
        return {}
