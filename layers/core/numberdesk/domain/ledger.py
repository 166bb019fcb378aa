"""Ledger entries and the events that are published from them. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, Field, JsonValue

from numberdesk.domain.change import Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.messages import render
from numberdesk.domain.model import Instant, Record
from numberdesk.domain.statuses import EVENTS, ChangeKind, OrderState
from numberdesk.domain.text import cut, fitting, paragraph, quoted_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Order


MAX_MESSAGE = 16_000
"""Most bytes of an entry's message."""
MAX_DATA = 40_000
"""Most bytes of an entry's data, as JSON. Forty entries of a commit fit into the 4 MB of a transaction with everything else."""
MAX_COMMENTS = 40
"""Most comments sent with one entry."""
MAX_QUOTED = 60_000
"""Most bytes of all comments of one event, evenly shared."""


class Entry(Record):
    """One ledger entry. An event that is delivered twice carries the same `id`.

    Texts and data are cut, with a mark, to what an item of the table and an event can hold. `with_` does not do that: make a new entry
    instead.
    """

    id: str
    subject: str
    """Its subject: `order/<order id>`, `account/<provider>/<account>` or `message/<queue message id>`."""
    position: str
    """Its position in the subject's ledger. Sorted as text, positions are in order of time."""
    at: Instant
    kind: ChangeKind
    actor: Annotated[str, AfterValidator(lambda it: cut(it, 600))]
    """The function, provider or principal that did it."""
    correlation_id: Annotated[str, AfterValidator(lambda it: cut(it, 600))]
    order_id: str | None = None
    provider: str | None = None
    account: str | None = None
    provider_order_id: str | None = None
    state: OrderState | None = None
    data: Annotated[dict[str, JsonValue], AfterValidator(lambda it: fitting(it, MAX_DATA))] = Field(
        default_factory=dict
    )
    message: Annotated[str, AfterValidator(lambda it: paragraph(it, MAX_MESSAGE))] = ""
    notify: bool = False
    comment_ids: Annotated[tuple[str, ...], AfterValidator(lambda it: it[:MAX_COMMENTS])] = ()

    @property
    def is_event(self) -> bool:
        """Whether it is published on the bus."""
        return self.kind in EVENTS

    @property
    def by_caller(self) -> bool:
        """Whether a caller of the API did it: then the actor is an IAM principal."""
        return self.actor.startswith("arn:")


MAX_ENTRIES = 40
"""Most ledger entries of one commit: a transaction holds 100 writes, and has others beside them."""
_FIRST = 20


def merged(changes: Sequence[Change], say: Callable[[Change], str]) -> list[tuple[Change, str]]:
    """Return changes with their messages. If there are too many for one commit, those of one kind are joined.

    A joined change has their number, and the first twenty.
    """
    if len(changes) <= MAX_ENTRIES:
        return [(change, say(change)) for change in changes]
    joined = []
    for kind in dict.fromkeys(change.kind for change in changes):
        same = [change for change in changes if change.kind is kind]
        if len(same) == 1:
            joined.append((same[0], say(same[0])))
            continue
        first = same[:_FIRST]
        message = " ".join(text for change in first if (text := say(change)))
        more = f" And {len(same) - _FIRST} more of the kind." if message and len(same) > _FIRST else ""
        change = Change.of(
            kind,
            {"count": len(same), "first": [change.data for change in first]},
            notify=any(change.notify for change in same),
            comment_ids=tuple(dict.fromkeys(id_ for change in same for id_ in change.comment_ids))[:_FIRST],
        )
        joined.append((change, message + more))
    return joined


def event_id(kind: ChangeKind, data: Mapping[str, JsonValue], place: str, *, of: UUID = NAMESPACE_URL) -> str:
    """Make the id of an entry and its event.

    A restored table assigns the same versions, positions and deadline numbers again. Consumers that drop repeats must not drop those new
    events, so all of `data` is part of the id.

    Args:
        kind: what happened.
        data: the details, as programs get them.
        place: the position in the ledger, or a key that is the same wherever the change is recorded.
        of: the namespace, such as an order's reference.
    """
    return str(uuid5(of, json.dumps([kind.value, place, data], sort_keys=True, separators=(",", ":"))))


def entries(order: Order, changes: Sequence[Change], now: datetime, actor: str, zone: ZoneInfo) -> list[Entry]:
    """Make the ledger entries of one commit, with their messages to people.

    Args:
        order: the new record, with its new version.
        changes: the changes.
        now: the present.
        actor: the function, provider or principal that made them.
        zone: the user's time zone, in which messages show instants beside UTC.
    """
    return [
        Entry(
            id=event_id(
                change.kind,
                change.data,
                change.key or f"{order.version}/{index}/{instant_text(now)}",
                of=UUID(order.reference),
            ),
            subject=f"order/{order.order_id}",
            position=f"{order.version:010}.{index:03}",
            at=now,
            kind=change.kind,
            actor=actor,
            correlation_id=order.correlation_id,
            order_id=order.order_id,
            provider=order.provider,
            account=order.account,
            provider_order_id=order.provider_order_id,
            state=order.state,
            data=change.data,
            message=message,
            notify=change.notify,
            comment_ids=change.comment_ids,
        )
        for index, (change, message) in enumerate(merged(changes, lambda each: render(order, each, now, zone)))
    ]


def event_detail(entry: Entry, comments: Sequence[str] = ()) -> dict[str, JsonValue]:
    """Make the `detail` of a bus event, with reviewers' comments quoted at the end. It stays below the bus's limit of 256 KB."""
    message = entry.message
    share = MAX_QUOTED // max(len(comments), 5)
    for comment in comments[:MAX_COMMENTS]:
        message += f" Comment: {cut(quoted_lines(comment, share), share)}"
    detail: dict[str, JsonValue] = entry.model_dump(
        mode="json",
        include={
            "id",
            "at",
            "order_id",
            "provider",
            "account",
            "provider_order_id",
            "state",
            "correlation_id",
            "notify",
            "data",
        },
    )
    return {**detail, "message": message}
