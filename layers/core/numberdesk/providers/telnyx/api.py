"""One account's calls to Telnyx's API v2."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Unpack

from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    OutcomeUnknownError,
    RefusedError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.providers.created_id import created_id
from numberdesk.providers.http import Http, fields_of, segment
from numberdesk.providers.json_values import Fields, fields, integer, rows, text
from numberdesk.providers.telnyx import errors
from numberdesk.providers.telnyx.errors import NothingPassesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.settings import Timings
    from numberdesk.providers.base import Credentials
    from numberdesk.providers.http import HttpOptions, QueryParams, Request

PAGE_SIZE = 250
"""The largest page that the OpenAPI document allows."""
_MAX_PAGES = 20
_ORDER_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def resource(*parts: str) -> str:
    """Return a resource's path; no id can reach another resource."""
    return "/".join(map(segment, parts))


class Api:
    """The calls of one account. Creating it sends nothing."""

    def __init__(
        self,
        credentials: Credentials,
        clock: Clock,
        timings: Timings,
        **options: Unpack[HttpOptions],
    ) -> None:
        key = credentials.value("api_key").strip()
        if not (key and key.isascii() and key.isprintable()):
            # httpx would refuse it too, and quote the key.
            raise AccountFaultError("the account's api_key holds characters that no header can carry")
        self._authorization = f"Bearer {key}"
        self._before_call = options.get("before_call")
        self.clock = clock
        self.calls = 0
        """How many calls were made, retries included."""
        options["before_call"] = self._count
        self._http = Http(credentials.base_url, self._auth, clock, timings, accept="application/json", **options)

    def get(self, path: str, *params: tuple[str, str]) -> Fields:
        """Read a resource or a list, and return the response's fields, among them `data`.

        Raises:
            NothingPassesError: nothing passes the filters.
            NotFoundError, BadRequestError: there is no such resource, or the request is wrong.
        """
        body, status = self._read(path, params)
        if "data" not in body:
            raise UnreadableError(f"HTTP {status} without data")
        return body

    def get_bare(self, path: str) -> Fields:
        """Read a requirement group, which is not wrapped in `data`."""
        body, status = self._read(path, ())
        if "id" not in body:
            raise UnreadableError(f"HTTP {status} without an id")
        return body

    def pages(self, path: str, *params: tuple[str, str], strict: bool = False) -> list[Fields]:
        """Read all pages of a list, or fail. With `strict`, an error never counts as an empty list, since money depends on it."""
        found: list[Fields] = []
        for page in range(1, _MAX_PAGES + 1):
            shown, more = self.page(path, page, *params, strict=strict)
            found += rows(shown)
            if not all(map(fields, shown)):
                # It may be what is searched for.
                raise UnreadableError("a list with an element that is not an object")
            if not more:
                return found
        raise UnreadableError(f"more than {_MAX_PAGES} pages")

    def page(
        self, path: str, page: int, *params: tuple[str, str], size: int = PAGE_SIZE, strict: bool = False
    ) -> tuple[list[object], bool]:
        """Read one page of a list, counted from 1, and return whether there are more."""
        body = self._first(path, *params, ("page[number]", str(page)), ("page[size]", str(size)), strict=strict)
        if not isinstance(body["data"], list):
            raise UnreadableError("a page that is not a list")
        pages = integer(fields(body.get("meta")).get("total_pages"))
        return body["data"], page < pages if pages is not None else len(body["data"]) >= size

    def _first(self, path: str, *params: tuple[str, str], strict: bool) -> Fields:
        """Read the first or only page of a list. Where nothing passes the filters it is empty, unless `strict`."""
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
        """Read a list that documents no paging, and more pages of it if its own figures say that there are any.

        Args:
            path: the list.
            params: its filters.
            may_go_on: whether one more call is allowed.
            backwards: whether to continue from the last page backwards, given the first page.
            enough: whether the pages after this one can be skipped.
            strict: see `pages`.

        Returns:
            `data` as it came, several pages as one list; and whether everything of interest was read.
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
                # The first page again: the list ignores this parameter.
                return found, False
            found, shown = found + data, data
        return found, len(following) <= _MAX_PAGES

    def create_order(self, content: dict[str, object]) -> Fields:
        """Create a number order: one call, never repeated. Telnyx declares no idempotency key for it.

        Returns:
            The order as created; any field may be missing.

        Raises:
            RefusedError, NotPermittedError, AccountFaultError, NotSentError, SlotBusyError: nothing was bought.
            OutcomeUnknownError: something may have been bought.
        """
        body = json.dumps(content).encode()
        response = self._http.send_once("POST", "number_orders", content=body, content_type="application/json")
        if not response.is_success:
            raise errors.not_placed(response)
        created = fields(fields_of(response).get("data"))
        if text(created.get("id")) is None and (order_id := created_id(response, _ORDER_ID, "/number_orders")):
            return {**created, "id": order_id}
        return created

    def write(self, method: str, path: str, content: dict[str, object] | None = None) -> Fields:
        """Change something that costs nothing: one call, not repeated here.

        Returns:
            The resource as it is now; any field may be missing.

        Raises:
            SatisfiedError: all requirements are satisfied already.
            NoSuchThingError: what was to be deleted does not exist.
            RefusedError: it was refused.
        """
        body = json.dumps(content).encode() if content is not None else b""
        content_type = "application/json" if content is not None else ""
        response = self._http.send_once(method, path, content=body, content_type=content_type)
        if not response.is_success:
            fault = errors.not_done(response)
            if method == "DELETE" and response.status_code == HTTPStatus.NOT_FOUND and isinstance(fault, RefusedError):
                raise NoSuchThingError(fault.detail, code=fault.code)
            raise fault
        data = fields_of(response).get("data")
        if not isinstance(data, dict):
            if method == "DELETE":
                return {}
            raise OutcomeUnknownError(f"HTTP {response.status_code} without data")
        return data

    def _read(self, path: str, params: QueryParams) -> tuple[Fields, int]:
        response = self._http.read(path, params=params)
        if not response.is_success:
            raise errors.not_read(response, [name for name, _ in params])
        return fields_of(response), response.status_code

    def _auth(self, request: Request) -> Request:
        request.headers["Authorization"] = self._authorization
        return request

    def _count(self) -> None:
        if self._before_call:
            self._before_call()
        self.calls += 1


def new_id(created: Fields) -> str:
    """Return the id of a resource that was created.

    Raises:
        OutcomeUnknownError: it shows none.
    """
    created_id = text(created.get("id"))
    if created_id is None:
        raise OutcomeUnknownError("a success without an id")
    return created_id
