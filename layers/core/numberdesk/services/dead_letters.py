"""What was put aside: messages in the dead-letter queues, and notifications that can be taken in once more.

Each way back has a dry run, which says what would go. Going twice does no harm: an order id buys once, a poll is a poll.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from numberdesk.services.ports import KeptWebhook, Letter, Letters, Queue, Store

MAX_PEEKED = 50
MAX_MOVED = 100
"""Most letters, or notifications, of one request: it has less than half a minute."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """Letters that went back, or would, and of those that were named the ones that were not found.

    `more` tells that the request reached its limit before their end.
    """

    letters: tuple[Letter, ...]
    not_found: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """Notifications that are taken in once more, or would be, and those whose body was too large to be kept, by event id.

    `more` tells that the request reached its limit before their end.
    """

    event_ids: tuple[str, ...]
    skipped: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class DeadLetterDesk:
    """Looks through what was put aside, and puts it back."""

    store: Store
    sync_queue: Queue
    letters: Mapping[str, Letters]
    """`orders` and `sync`."""

    def counts(self) -> dict[str, int]:
        """Say about how many letters lie in each queue."""
        return {name: letters.count() for name, letters in self.letters.items()}

    def peek(self, queue: str) -> list[Letter]:
        """Show letters and leave them there."""
        return self.letters[queue].peek(MAX_PEEKED)

    def redrive(self, queue: str, message_ids: Collection[str] | None, *, dry_run: bool) -> Redriven:
        """Put letters back on the queue from which they came: these, or all."""
        wanted = None if message_ids is None else frozenset(message_ids)
        letters, more = self.letters[queue].redrive(wanted, MAX_MOVED, dry_run=dry_run)
        missing = (wanted or frozenset()) - {letter.message_id for letter in letters}
        return Redriven(tuple(letters), tuple(sorted(missing)), more)

    def replay(self, order_id: str, event_ids: Collection[str] | None, *, dry_run: bool) -> Replayed:
        """Take an order's notifications in once more: these, or all that are kept.

        Raises:
            ProblemError: there is no such order, or one of them was not kept.
        """
        if self.store.get(order_id) is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no order of this id")
        return self._replay(order_id, "", event_ids, dry_run=dry_run)

    def replay_unmatched(self, day: date, event_ids: Collection[str] | None, *, dry_run: bool) -> Replayed:
        """Do so with the notifications of a day (UTC) that belonged to no order."""
        return self._replay(None, day.isoformat(), event_ids, dry_run=dry_run)

    def _replay(self, order_id: str | None, day: str, event_ids: Collection[str] | None, *, dry_run: bool) -> Replayed:
        wanted = None if event_ids is None else set(event_ids)
        chosen: list[KeptWebhook] = []
        after: str | None = None
        # Those that are wanted by name may lie anywhere; all of them are taken from the beginning.
        for _ in range(MAX_MOVED):
            page = self.store.kept_webhooks(order_id, day, after=after, limit=MAX_MOVED)
            chosen += [kept for kept in page.items if wanted is None or kept.event.event_id in wanted]
            after = page.after
            if after is None or wanted is None or wanted <= {kept.event.event_id for kept in chosen}:
                break
        if wanted is not None and wanted - {kept.event.event_id for kept in chosen}:
            raise ProblemError(Problem.NOT_FOUND, "not all of these notifications are kept here; nothing was replayed")
        replayed, skipped = [], []
        for kept in chosen:
            event = kept.event
            if event.body is None:
                skipped.append(event.event_id)
                continue
            if not dry_run:
                message = {
                    "provider": event.provider,
                    "account": event.account,
                    "key": event.key,
                    "received_at": datetime.isoformat(event.received_at),
                    "body_sha256": event.body_sha256,
                    "body": base64.b64encode(event.body).decode(),
                }
                self.sync_queue.send({"event": message})
            replayed.append(event.event_id)
        return Replayed(tuple(replayed), tuple(skipped), more=wanted is None and after is not None)
