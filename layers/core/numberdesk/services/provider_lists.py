"""Lists at a provider that are read page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from numberdesk.providers.base import SlotBusyError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numberdesk.domain.clock import Clock


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


_MAX_PAGES = 5000


_MAX_WAITS = 60


_MAX_WAIT = timedelta(seconds=10)
"""Turns at a provider that are waited for while a list is read."""


class Page(Protocol[T_co]):
    @property
    def items(self) -> tuple[T_co, ...]: ...

    @property
    def cursor(self) -> str | None: ...

    @property
    def unread(self) -> tuple[str, ...]: ...


def read_all(read: Callable[[str | None], Page[T]], clock: Clock, unread: list[str]) -> Iterator[T]:
    """Give all items of a list that is read by pages, whatever polls take their turns in between; `unread` takes what is none."""
    cursor, waits = None, 0
    for _ in range(_MAX_PAGES):
        try:
            page = read(cursor)
        except SlotBusyError as error:
            waits += 1
            if waits > _MAX_WAITS or error.retry_after > _MAX_WAIT:
                raise
            clock.sleep(error.retry_after)
            continue
        yield from page.items
        unread += page.unread
        cursor = page.cursor
        if cursor is None:
            return
    raise UnreadableError("the list has no end")
