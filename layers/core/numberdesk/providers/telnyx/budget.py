"""Limit the calls and the time of one poll; what does not fit is left to later polls."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from numberdesk.providers.base import AccountFaultError, SlotBusyError, UnreadableError
from numberdesk.providers.telnyx.errors import BadRequestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.providers.reader import Reader
    from numberdesk.providers.telnyx.api import Api

_T = TypeVar("_T")

MAX_CALLS = 25
MAX_TIME = timedelta(seconds=60)
"""After this a poll reads no more: the Lambda has two minutes to read and to commit."""
_MAX_FURTHER_PAGES = 8
"""Of one list, after its first."""
_MAX_FAILURES = 2
"""After this a poll reads no more: each failure may have cost three time-outs."""


class Budget:
    """The reads of one poll."""

    def __init__(self, api: Api, reader: Reader, version: int) -> None:
        self._api = api
        self._reader = reader
        self._version = version
        self._last_call = api.calls + MAX_CALLS
        self._enough_at = api.clock.now() + MAX_TIME
        self._failures = 0
        self.pages_left = False
        """Whether a list has more pages than were read."""

    def calls_left(self) -> int:
        if self._failures >= _MAX_FAILURES or self._api.clock.now() >= self._enough_at:
            return 0
        return self._last_call - self._api.calls

    def read(self, path: str, *params: tuple[str, str]) -> object:
        """Return `data` of a resource that the poll can do without; None where no call is left, or the read fails."""
        if self.calls_left() < 1:
            return None
        return self.or_none(lambda: self._api.get(path, *params)["data"])

    def or_none(self, reading: Callable[[], object]) -> object:
        """Return what a read returns; count it and return None where it fails."""
        try:
            return reading()
        except (NotFoundError, BadRequestError):
            return None
        except UnreadableError:
            self._failures += 1
        except (AccountFaultError, SlotBusyError):
            # Throttled or blocked: more calls would make it worse. The next poll's first call will report it.
            self._failures = _MAX_FAILURES
        return None

    def rotated(self, items: Sequence[_T]) -> list[_T]:
        """Return the items in another rotation at each poll, so that none is always left out. Each poll makes a new version."""
        start = self._version % len(items) if items else 0
        return [*items[start:], *items[:start]]

    def listed(
        self,
        path: str,
        *params: tuple[str, str],
        kept: int = 0,
        backwards: Callable[[Sequence[object]], bool] = lambda _: False,
        enough: Callable[[Sequence[object]], bool] = lambda _: False,
        strict: bool = False,
    ) -> object:
        """Return `data` of a list, with more pages while calls are left; note that there are more."""
        last = self._api.calls + _MAX_FURTHER_PAGES
        data, whole = self._api.listed(
            path,
            *params,
            may_go_on=lambda: self._api.calls <= last and self.calls_left() > kept,
            backwards=backwards,
            enough=enough,
            strict=strict,
        )
        if not whole:
            self.pages_left = True
            self._reader.note(path, "more pages than were read")
        return data
