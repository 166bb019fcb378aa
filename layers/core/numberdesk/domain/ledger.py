"""Ledger entries: what happened, kept for ever, and what goes out on the bus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, Field, JsonValue

from numberdesk.domain.change import Change
from numberdesk.domain.messages import render
from numberdesk.domain.model import Instant, Record, instant_text
from numberdesk.domain.statuses import EVENTS, ChangeKind, OrderState
from numberdesk.domain.text import cut, fitting, paragraph, quoted_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Order


MAX_MESSAGE = 16_000
"""Bytes of an entry's message."""
MAX_DATA = 40_000
"""Bytes of an entry's data, as JSON. Forty entries of a commit stay below the 4 MB of a transaction, beside all else."""
MAX_COMMENTS = 40
"""Comments of one entry that are told with it."""
MAX_QUOTED = 60_000
"""Bytes of all comments of one event, evenly shared."""


class Entry(Record):
    """One ledger entry. `id` is fixed: delivered twice, an event carries the same id.

    Its texts and its data are cut to what one item of the table and one event can hold, and say so. Make it anew to change
    it: `with_` would not check what is put in.
    """

    id: str
    subject: str
    """What the entry is about: `order/<order id>`, `account/<provider>/<account>` or `message/<queue message id>`."""
    position: str
    """Its place in the subject's ledger; text order is the order in which things happened."""
    at: Instant
    kind: ChangeKind
    actor: Annotated[str, AfterValidator(lambda it: cut(it, 600))]
    """Which function, provider or principal did it."""
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
        """Whether this goes out on the bus."""
        return self.kind in EVENTS


MAX_ENTRIES = 40
"""Most ledger entries of one commit: a transaction holds 100 writes, and some of them are others."""
_FIRST = 20


def merged(changes: Sequence[Change], say: Callable[[Change], str]) -> list[tuple[Change, str]]:
    """Give changes with their messages; join those of one kind where there are more than one commit can hold.

    What is joined has a count, and the first twenty.
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
    """Make the id of an entry and its event from what happened.

    A restored table gives the same versions, positions and deadline numbers to other things. Those are other events, and whoever
    drops repeats must not drop them; so all of `data` is part of the id. Equal in all of it, at the same place, is a repeat.

    Args:
        kind: what happened.
        data: the details, as programs get them.
        place: where in its ledger, or what makes it one and the same wherever it stands.
        of: the namespace, such as an order's reference.
    """
    return str(uuid5(of, json.dumps([kind.value, place, data], sort_keys=True, separators=(",", ":"))))


def entries(order: Order, changes: Sequence[Change], now: datetime, actor: str, zone: ZoneInfo) -> list[Entry]:
    """Make the ledger entries of one commit, with their messages to people.

    Args:
        order: the new record, with its new version.
        changes: what happened.
        now: the present.
        actor: who did it.
        zone: the user's time zone, in which messages write instants beside UTC.
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
    """Make the `detail` of a bus event. A reviewer's comments are appended, quoted line by line.

    It stays below what the bus takes (256 KB), whatever is in it.
    """
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
