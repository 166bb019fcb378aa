"""Outgoing webhooks and postbacks: when they are due, how often they are tried, and the responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx

Headers = dict[str, str]
Compose = Callable[[int], tuple[Headers, bytes]]
Send = Callable[[str, Headers, bytes], int]


def post(url: str, headers: Headers, body: bytes) -> int:
    """POST as the providers do: 2 s time-out, no redirects. Returns the HTTP status; raises httpx.HTTPError."""
    return httpx.post(url, headers=headers, content=body, timeout=2.0, follow_redirects=False).status_code


@dataclass
class Delivery:
    """One notification to one URL. ``compose(attempt)`` makes headers and body at the moment of sending."""

    url: str
    due: datetime
    compose: Compose
    attempt: int = 1
    account: str = ""
    id: str = ""
    """The same for all attempts."""


@dataclass(frozen=True)
class Attempt:
    """One attempt; ``status`` is None if there was no response."""

    at: datetime
    url: str
    attempt: int
    status: int | None
    headers: Headers
    body: bytes
    account: str = ""
    delivery: str = ""
    over: bool = True
    """Whether no other attempt follows."""


@dataclass
class Outbox:
    """The webhooks not yet delivered, and the log of attempts.

    A webhook answered with anything but 200 is sent again after ``retry_seconds`` doubling, ``max_attempts`` in
    all; ``newest_first`` sends those due together in reverse, so that they arrive out of order.
    """

    send: Send = post
    retry_seconds: float = 2.0
    max_attempts: int = 4
    newest_first: bool = False
    waiting: list[Delivery] = field(default_factory=list)
    log: list[Attempt] = field(default_factory=list)

    def take_due(self, now: datetime) -> list[tuple[Delivery, Headers, bytes]]:
        """Take out what is due by now, composed and in sending order."""
        due = sorted((d for d in self.waiting if d.due <= now), key=lambda d: d.due, reverse=self.newest_first)
        self.waiting = [d for d in self.waiting if d.due > now]
        return [(delivery, *delivery.compose(delivery.attempt)) for delivery in due]

    def deliver(self, delivery: Delivery, headers: Headers, body: bytes) -> int | None:
        """Send once; slow, so never called under the simulator's lock."""
        try:
            return self.send(delivery.url, headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return None

    def record(self, delivery: Delivery, headers: Headers, body: bytes, status: int | None, now: datetime) -> Attempt:
        """Record the attempt and, if it was not answered with 200, queue the next one."""
        over = status == 200 or delivery.attempt >= self.max_attempts
        attempt = Attempt(
            now, delivery.url, delivery.attempt, status, headers, body, delivery.account, delivery.id, over
        )
        self.log.append(attempt)
        if not over:
            wait = timedelta(seconds=self.retry_seconds * 2 ** (delivery.attempt - 1))
            self.waiting.append(replace(delivery, due=now + wait, attempt=delivery.attempt + 1))
        return attempt
