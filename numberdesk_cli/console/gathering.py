"""Reads of the API at the same time. What fails shows in its part of the page; the other parts stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from numberdesk_cli.errors import DeskError

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What a read gave: a value, or the error that it ended with."""

    value: T | None = None
    error: DeskError | None = None


def part(read: Future[T]) -> Part[T]:
    """Wait for a read."""
    try:
        return Part(value=read.result())
    except DeskError as error:
        return Part(error=error)
