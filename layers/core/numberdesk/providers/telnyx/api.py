"""Telnyx's v2 API: one account's calls, and what its refusals mean."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from numberdesk.domain.text import harmless
from numberdesk.providers import made
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    NotPermittedError,
    OutcomeUnknownError,
    RefusedError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.providers.http import Http, retry_after, segment
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
_MAX_PAGES = 20
_WORD = re.compile("[a-z_]+", re.ASCII)
_OF_THE_ORDER = frozenset({"85004", "85005"})
"""Invalid connection, invalid messaging profile."""
_ORDER_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class Meaning(IntEnum):
    """What an error of Telnyx's says, whichever call it answers; of several errors the first of these counts."""

    UNCLEAR = 1  # nothing about what was asked: it failed for now, or another call of ours is under way
    THROTTLED = 2
    ACCOUNT = 3  # it holds for every call of the account
    CALL = 4  # the account may not make this very call
    GONE = 5  # the numbers must be chosen again
    SATISFIED = 6  # requirements "cannot be updated once all have been satisfied"
    NOT_THERE = 7
    FILTER = 8  # a filter is wrong, or nothing passes it
    UNPROCESSED = 9  # the request is well-formed, and was not carried out
    WRONG = 10  # the request itself
    UNKNOWN = 11


_SATISFIED = "85003"
_NOT_AUTHENTICATED = "10009"
_MEANINGS: dict[str, Meaning] = {
    code: meaning
    for meaning, codes in {
        # Unexpected error, request time-out, duplicate (maybe our own), locked, being processed, service unavailable.
        Meaning.UNCLEAR: "10007 10008 10012 10035 10036 10037",
        Meaning.THROTTLED: "10011",
        # Authentication, a key that is wrong, revoked, forbidden or expired; inactive, blocked; no funds.
        Meaning.ACCOUNT: "10009 20001 20002 20003 20006 20008 20012 20013 20100",
        # Not authorised "on the specified resource"; not permitted, or limited, at this account's level; a verification that is
        # "required to perform this action", and a feature not enabled.
        Meaning.CALL: "10010 10038 10039 20014 20015 20016 20017",
        # Must be searched first, no longer available, already reserved.
        Meaning.GONE: "85000 85001 85006",
        Meaning.SATISFIED: _SATISFIED,
        Meaning.NOT_THERE: "10005 10006",
        Meaning.FILTER: "10031",
        Meaning.UNPROCESSED: "10027",
        # What is wrong with a request's form, with its values, with an address, or with what an order names.
        Meaning.WRONG: "10001 10002 10003 10004 10013 10014 10015 10016 10017 10018 10019 10020 10021 10022 10023 10024 10025 10026 "
        "10028 10029 10030 10032 10033 10034 20200 20201 20202 20203 20204 20205 20206 20207 20208 20209 85002 85004 85005 85007 85008",
    }.items()
    for code in codes.split()
}
"""By code (Telnyx docs: API error codes). Codes count, not statuses: 409 as well as 422 has been seen for numbers that are gone, and
400 for a failure of Telnyx's own."""
_BY_STATUS = {
    401: Meaning.ACCOUNT,
    402: Meaning.ACCOUNT,
    403: Meaning.CALL,
    # Time-out, conflict, locked, too early: something of ours may be under way.
    408: Meaning.UNCLEAR,
    409: Meaning.UNCLEAR,
    423: Meaning.UNCLEAR,
    425: Meaning.UNCLEAR,
    429: Meaning.THROTTLED,
}
"""Where no code says more."""


def resource(*parts: str) -> str:
    """Write a resource's path; no id can reach beyond its own place in it."""
    return "/".join(map(segment, parts))


class NotFoundError(UnreadableError):
    """There is nothing at this address."""


class BadRequestError(UnreadableError):
    """Telnyx found the request itself wrong; repeating it is of no use. `parameter` is the one of ours that it names, if it does."""

    def __init__(self, detail: str, *, code: str = "", parameter: str | None = None) -> None:
        """Keep which parameter is wrong."""
        super().__init__(detail, code=code)
        self.parameter = parameter


class NothingPassesError(BadRequestError):
    """Nothing passes the filters: live, a search without a result answers 400 with 10031, "Invalid request filter".

    The same code tells of a filter that Telnyx does not take; then it names one (`BadRequestError`).
    """


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
            accept="application/json",
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
            NothingPassesError: there is nothing.
            NotFoundError, BadRequestError, NotPermittedError, UnreadableError, AccountFaultError, SlotBusyError: not read.
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

    def pages(self, path: str, *params: tuple[str, str], strict: bool = False) -> list[Fields]:
        """Read all pages of a list.

        `strict` takes only a list for an empty one, where money hangs on it that nothing is there.

        Raises:
            NotFoundError, BadRequestError, NotPermittedError, UnreadableError, AccountFaultError, SlotBusyError: not read, or not
                all of it.
        """
        found: list[Fields] = []
        for page in range(1, _MAX_PAGES + 1):
            shown, more = self.page(path, page, *params, strict=strict)
            found += rows(shown)
            if not all(map(fields, shown)):
                # What is not there may be what is looked for.
                raise UnreadableError("a list with something in it that is no object")
            if not more:
                return found
        raise UnreadableError(f"more than {_MAX_PAGES} pages")

    def page(
        self, path: str, page: int, *params: tuple[str, str], size: int = PAGE_SIZE, strict: bool = False
    ) -> tuple[list[object], bool]:
        """Read one page of a list, from 1, and say whether there are more. Raises as `pages` does."""
        body = self._first(path, *params, ("page[number]", str(page)), ("page[size]", str(size)), strict=strict)
        if not isinstance(body["data"], list):
            raise UnreadableError("a list that is no list")
        pages = integer(fields(body.get("meta")).get("total_pages"))
        return body["data"], page < pages if pages is not None else len(body["data"]) >= size

    def _first(self, path: str, *params: tuple[str, str], strict: bool) -> Fields:
        """Read a list, or its page; where nothing passes its filters it is empty. `strict` takes only a list for an empty one."""
        try:
            return self.get(path, *params)
        except NothingPassesError:
            if strict:
                raise
            return {"data": [], "meta": {"total_pages": 1}}

    def listed(
        self,
        path: str,
        *params: tuple[str, str],
        may_go_on: Callable[[], bool] = lambda: True,
        backwards: Callable[[Sequence[object]], bool] = lambda _: False,
        enough: Callable[[Sequence[object]], bool] = lambda _: False,
        strict: bool = False,
    ) -> tuple[object, bool]:
        """Read a list that declares no way to page, and on where its own figures say that there is more.

        Args:
            path: the list.
            params: its filters.
            may_go_on: whether there may be one call more.
            backwards: whether to go on from the last page backwards, given the first one.
            enough: whether, given a page, none that follows is of interest.
            strict: whether only a list counts as an empty one.

        Returns:
            `data` as it came, of several pages one list; and whether that is all that is of interest.

        Raises:
            NotFoundError, BadRequestError, UnreadableError, AccountFaultError, SlotBusyError: the first page was not read.
        """
        body = self._first(path, *params, strict=strict)
        first = body["data"]
        pages = integer(fields(body.get("meta")).get("total_pages")) or 1
        if pages == 1 or not isinstance(first, list):
            return first, pages == 1
        found, is_backwards = list(first), backwards(first)
        following = range(pages, 1, -1) if is_backwards else range(2, pages + 1)
        shown: list[object] | None = None if is_backwards else first
        for page in following[:_MAX_PAGES]:
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
        return found, len(following) <= _MAX_PAGES

    def create_order(self, content: dict[str, object]) -> Fields:
        """Create a number order: one call, never repeated. Telnyx declares no idempotency key for it.

        Returns:
            The order as created; none of its fields is sure to be there.

        Raises:
            RefusedError, NotPermittedError, AccountFaultError, NotSentError, SlotBusyError: nothing was bought.
            OutcomeUnknownError: something may have been bought.
        """
        body = json.dumps(content).encode()
        response = self._http.send_once("POST", "number_orders", content=body, content_type="application/json")
        if not response.is_success:
            raise _not_placed(response)
        created = fields(_body(response).get("data"))
        if text(created.get("id")) is None and (order_id := made.id_of(response, _ORDER_ID, "/number_orders")):
            return {**created, "id": order_id}
        return created

    def write(self, method: str, path: str, content: dict[str, object] | None = None) -> Fields:
        """Change something that costs nothing: one call, not repeated here.

        Returns:
            The resource as it is now; none of its fields is sure to be there.

        Raises:
            SatisfiedError: all requirements are satisfied already.
            NoSuchThingError: what was to be deleted is not there.
            RefusedError: it was not done.
            NotPermittedError, AccountFaultError, NotSentError, SlotBusyError: it was not done, and may be later.
            OutcomeUnknownError: it may have been done.
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
            raise OutcomeUnknownError(f"HTTP {response.status_code} without data")
        return data

    def _read(self, path: str, params: QueryParams) -> tuple[Fields, int]:
        response = self._http.read(path, params=params)
        if not response.is_success:
            raise _not_read(response, [name for name, _ in params])
        return _body(response), response.status_code

    def _auth(self, method: str, path: str, content: bytes, content_type: str) -> dict[str, str]:  # noqa: ARG002
        return self._headers

    def _count(self) -> None:
        self._before_call()
        self.calls += 1


def _not_placed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for the purchase: nothing was bought only where that is sure.

    A code that we do not know may come with an order that was made all the same; it is looked for by its reference. A 4xx without
    any code is a gateway's, which handed nothing on.
    """
    error = _error(response)
    if (fault := error.of_account()) is not None:
        return fault
    # Live, a number that is gone or was not lately searched is told as 10027 too.
    gone = error.meaning in (Meaning.GONE, Meaning.UNPROCESSED)
    # A conflict may be with an earlier call of ours.
    conflict = response.status_code == HTTPStatus.CONFLICT and not gone and error.code not in _OF_THE_ORDER
    if error.meaning is Meaning.UNCLEAR or conflict or (error.meaning is Meaning.UNKNOWN and error.code):
        return OutcomeUnknownError(error.title, code=error.code)
    return RefusedError(error.title, code=error.code, numbers_unavailable=gone)


def _not_done(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a call that buys nothing: a repeat does no harm, a refusal is told at once."""
    error = _error(response)
    if error.meaning is Meaning.SATISFIED:
        return SatisfiedError(error.title, code=_SATISFIED)
    if (fault := error.of_account()) is not None:
        return fault
    return (OutcomeUnknownError if error.meaning is Meaning.UNCLEAR else RefusedError)(error.title, code=error.code)


def _not_read(response: Response, parameters: Sequence[str]) -> ProviderError:
    """Tell what an answer that is no success means for a read: try again later, unless it is clear that this would not help."""
    error = _error(response)
    if (fault := error.of_account()) is not None:
        return fault
    named = error.names(parameters)
    if error.meaning is Meaning.FILTER and named is None:
        return NothingPassesError(error.title, code=error.code)
    not_found = response.status_code == HTTPStatus.NOT_FOUND and error.meaning not in (Meaning.UNCLEAR, Meaning.FILTER)
    if error.meaning is Meaning.NOT_THERE or not_found:
        return NotFoundError(error.title, code=error.code)
    if error.meaning in (Meaning.FILTER, Meaning.WRONG) or (error.meaning is Meaning.UNPROCESSED and named):
        return BadRequestError(error.title, code=error.code, parameter=named)
    return UnreadableError(error.title, code=error.code)


@dataclass(frozen=True, slots=True)
class _Error:
    """What an answer that is no success says."""

    response: Response
    meaning: Meaning
    code: str
    """The first one, else nothing."""
    title: str
    """The first one and the HTTP status. Never `detail`: it may echo what was sent."""
    sources: tuple[frozenset[str], ...]
    """The words in `source` of each error. They go no further than to be compared with names of ours."""

    def of_account(self) -> AccountFaultError | NotPermittedError | None:
        """Give the fault where it lies with the account: with all that it calls, or with this very call."""
        if self.meaning is Meaning.THROTTLED:
            return AccountFaultError(self.title, code=self.code, throttled=True, retry_after=retry_after(self.response))
        if self.meaning is Meaning.ACCOUNT:
            return AccountFaultError(self.title, code=self.code)
        return NotPermittedError(self.title, code=self.code) if self.meaning is Meaning.CALL else None

    def names(self, parameters: Sequence[str]) -> str | None:
        """Give the parameter that an error names, of those that were sent."""
        for source in self.sources:
            for parameter in parameters:
                words = _words(parameter)
                if words and words <= source:
                    return parameter
        return None


def _error(response: Response) -> _Error:
    errors = rows(_body(response).get("errors"))
    # A string in one schema of the OpenAPI document, an integer in another.
    codes = [
        code for error in errors if isinstance(error.get("code"), str | int) and (code := text(str(error["code"])))
    ]
    titles = [harmless(title) for error in errors if (title := text(error.get("title")))]
    status = f"HTTP {response.status_code}"
    return _Error(
        response=response,
        meaning=_meaning(response, codes),
        code=codes[0] if codes else "",
        title=f"{titles[0]} ({status})" if titles else status,
        sources=tuple(
            _words(told) for error in errors for told in fields(error.get("source")).values() if isinstance(told, str)
        ),
    )


def _meaning(response: Response, codes: Sequence[str]) -> Meaning:
    if not response.is_client_error:
        # After a failure of Telnyx's own no code is believed.
        return Meaning.UNCLEAR
    by_status = _BY_STATUS.get(response.status_code, Meaning.UNKNOWN)
    if by_status is Meaning.CALL:
        # A key that is not known is told with a 401. It was known, and may not make this call.
        codes = [code for code in codes if code != _NOT_AUTHENTICATED]
    by_code = min((_MEANINGS.get(code, Meaning.UNKNOWN) for code in codes), default=Meaning.UNKNOWN)
    if by_status is Meaning.CALL or (by_status is Meaning.UNCLEAR and response.status_code != HTTPStatus.CONFLICT):
        # The status says more than that something is wrong with the request.
        return min(by_code, by_status) if by_code >= Meaning.FILTER else by_code
    if by_code is Meaning.UNKNOWN or by_status in (Meaning.THROTTLED, Meaning.ACCOUNT):
        return min(by_code, by_status)
    return by_code


def _words(name: str) -> frozenset[str]:
    """Give the words of a parameter's name, without those that all filters share."""
    return frozenset(_WORD.findall(name)) - {"filter"}


def _body(response: Response) -> Fields:
    try:
        return fields(parse(response.content))
    except ValueError:
        return {}
