"""What was put aside: messages in the dead-letter queues, and webhooks that can be handled again.

Each way back has a dry run, which says what would go. Going twice does no harm: an order id buys once, a poll is a poll.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from numberdesk.services.ports import DeadLetter, DeadLetterQueue, KeptWebhook, Queue
    from numberdesk.services.stores import Orders, Webhooks

    class Store(Webhooks, Orders, Protocol):
        """What it needs of the table."""


MAX_PEEKED = 50
MAX_MOVED = 100
"""Most dead letters, or webhooks, of one request: it has less than half a minute."""


class Redriven(NamedTuple):
    """Dead letters that went back, or would, and of those that were named the ones that were not found.

    `more` tells that the request reached its limit before their end.
    """

    dry_run: bool
    items: tuple[DeadLetter, ...]
    not_found: tuple[str, ...]
    more: bool


class Replayed(NamedTuple):
    """Webhooks that are handled again, or would be, and those whose body was too large to be kept, by webhook id.

    `more` tells that the request reached its limit before their end.
    """

    dry_run: bool
    webhook_ids: tuple[str, ...]
    skipped: tuple[str, ...]
    more: bool


@dataclass(slots=True, eq=False, repr=False)
class DeadLetterDesk:
    """Looks through what was put aside, and puts it back."""

    store: Store
    sync_queue: Queue
    queues: Mapping[str, DeadLetterQueue]
    """`orders` and `sync`."""

    def counts(self) -> dict[str, int]:
        """Say about how many dead letters each queue holds."""
        return {name: queue.count() for name, queue in self.queues.items()}

    def peek(self, queue: str) -> list[DeadLetter]:
        """Show dead letters and leave them there."""
        return self.queues[queue].peek(MAX_PEEKED)

    def redrive(self, queue: str, message_ids: Collection[str] | None, *, dry_run: bool) -> Redriven:
        """Put dead letters back on the queue from which they came: these, or all."""
        wanted = None if message_ids is None else frozenset(message_ids)
        letters, more = self.queues[queue].redrive(wanted, MAX_MOVED, dry_run=dry_run)
        missing = (wanted or frozenset()) - {letter.message_id for letter in letters}
        return Redriven(dry_run, tuple(letters), tuple(sorted(missing)), more)

    def replay(self, order_id: str, webhook_ids: Collection[str] | None, *, dry_run: bool) -> Replayed:
        """Handle an order's webhooks again: these, or all that are kept.

        Raises:
            ProblemError: there is no such order, or one of them was not kept.
        """
        if self.store.get(order_id) is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no order of this id")
        return self._replay(order_id, "", webhook_ids, dry_run=dry_run)

    def replay_unmatched(self, day: date, webhook_ids: Collection[str] | None, *, dry_run: bool) -> Replayed:
        """Do so with the webhooks of a day (UTC) that belong to no order."""
        return self._replay(None, day.isoformat(), webhook_ids, dry_run=dry_run)

    def _replay(
        self, order_id: str | None, day: str, webhook_ids: Collection[str] | None, *, dry_run: bool
    ) -> Replayed:
        wanted = None if webhook_ids is None else set(webhook_ids)
        chosen: list[KeptWebhook] = []
        after: str | None = None
        # Those that are wanted by name may lie anywhere; all of them are taken from the beginning.
        for _ in range(MAX_MOVED):
            page = self.store.kept_webhooks(order_id, day, after=after, limit=MAX_MOVED)
            chosen += [kept for kept in page.items if wanted is None or kept.webhook.webhook_id in wanted]
            after = page.after
            if after is None or wanted is None or wanted <= {kept.webhook.webhook_id for kept in chosen}:
                break
        if wanted is not None and wanted - {kept.webhook.webhook_id for kept in chosen}:
            raise ProblemError(Problem.NOT_FOUND, "not all of these webhooks are kept here; nothing was replayed")
        replayed, skipped = [], []
        for kept in chosen:
            webhook = kept.webhook
            if webhook.body is None:
                skipped.append(webhook.webhook_id)
                continue
            if not dry_run:
                message = {
                    "provider": webhook.provider,
                    "account": webhook.account,
                    "key": webhook.key,
                    "received_at": datetime.isoformat(webhook.received_at),
                    "body_sha256": webhook.body_sha256,
                    "body": base64.b64encode(webhook.body).decode(),
                }
                self.sync_queue.send({"test_webhook" if webhook.is_test else "webhook": message})
            replayed.append(webhook.webhook_id)
        return Replayed(dry_run, tuple(replayed), tuple(skipped), more=wanted is None and after is not None)
