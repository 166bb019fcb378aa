"""Read what the desk knows: lists of orders, an order, its ledger, its webhooks, its comments. Never a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from numberdesk.domain import gate
from numberdesk.domain.clock import instant_text
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.lists import metadata_key
from numberdesk.domain.statuses import HoldKind, OrderState
from numberdesk.services.paging import Tokens, peek
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from datetime import date, datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.lists import Summary
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.statuses import AssetState
    from numberdesk.services.ports import KeptComment, KeptWebhook, Page
    from numberdesk.services.stores import Gates, Ledger, Lists, Orders, Personal, Webhooks

    class Store(Gates, Ledger, Lists, Webhooks, Orders, Personal, Protocol):
        """What it needs of the table."""


_MAX_BODIES = 512 * 1024
"""Bytes of webhooks' bodies on one page: an answer of a Lambda function holds 6 MB, and each is in it twice, escaped."""


class Wanted(NamedTuple):
    """Which orders: exactly one of these, and for the first four of what month (`2026-11`), by default the present one."""

    state: str | None = None
    provider: str | None = None
    country: str | None = None
    metadata: str | None = None
    """As text: `7` is the number and the text, `true` the truth value and the text."""
    open: bool | None = None
    attention: bool | None = None
    deadline_before: datetime | None = None
    month: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class Reading:
    """Reads the table for people and programs."""

    store: Store
    clock: Clock
    tokens: Tokens
    listed_metadata_key: str
    """The metadata key by whose value orders are listed; empty where there is none."""

    def orders(self, wanted: Wanted, *, limit: int, token: str | None) -> Page[Summary]:
        """List orders: those of a month newest first, those that something is true of for a while oldest first.

        Raises:
            ProblemError: not exactly one thing is wanted, or the token belongs to another list.
        """
        monthly, lasting = self._partitions(wanted)
        if len(monthly) + len(lasting) != 1:
            names = "state, provider, country, metadata, open, attention, deadline_before"
            raise _invalid("", "one_filter", f"give exactly one of {names}")
        if lasting and wanted.month is not None:
            raise _invalid("month", "not_taken", "this list is not kept by month; leave month out")
        partition = monthly[0] if monthly else lasting[0]
        if monthly:
            partition = f"{partition}/{self._month(wanted.month, token)}"
        until = None if wanted.deadline_before is None else instant_text(wanted.deadline_before)
        listing = partition if until is None else f"{partition}/{until}"
        after = self.tokens.place(listing, token)
        page = self.store.list_orders(partition, after=after, until=until, newest_first=bool(monthly), limit=limit)
        return self.tokens.page(listing, page.items, page.after, page.unread)

    def _bounded(self, listing: str, page: Page[KeptWebhook]) -> Page[KeptWebhook]:
        """Give as many webhooks as an answer can carry, one at least."""
        items: list[KeptWebhook] = []
        size = 0
        for kept in page.items:
            size += len(kept.webhook.body or b"")
            if items and size > _MAX_BODIES:
                return self.tokens.page(listing, items, items[-1].place)
            items.append(kept)
        return self.tokens.page(listing, items, page.after)

    def _partitions(self, wanted: Wanted) -> tuple[list[str], list[str]]:
        if wanted.metadata is not None and not self.listed_metadata_key:
            text = "this stack lists orders by no metadata key; set its parameter ListedMetadataKey"
            raise _invalid("metadata", "not_listed", text)
        monthly = {
            "state": wanted.state,
            "provider": wanted.provider,
            "country": wanted.country,
            "metadata": None if wanted.metadata is None else metadata_key(wanted.metadata),
        }
        lasting = {"open": wanted.open, "attention": wanted.attention, "deadline": wanted.deadline_before}
        for name in ("open", "attention"):
            if lasting[name] is False:
                raise _invalid(name, "only_true", "only true can be asked for; leave it out otherwise")
        return (
            [f"{name}/{value}" for name, value in monthly.items() if value is not None],
            [name for name, value in lasting.items() if value is not None],
        )

    def order(self, order_id: str) -> Order:
        """Read an order, as people see it.

        Raises:
            ProblemError: there is none of this id.
        """
        return self.shown(self._get(order_id))

    def shown(self, order: Order) -> Order:
        """Give an order as people see it: while nothing is placed at all, one that was not sent yet says so first."""
        if order.state is not OrderState.RECEIVED:
            return order
        closed = gate.closed_because(self.store.gate(), self.store.table_id())
        if closed is None:
            return order
        # One that was held for this says so already, perhaps with the reason of another time.
        held = order.hold is not None and order.hold.kind is HoldKind.SWITCH
        beside = None if held else order.waiting_for
        return order.with_(waiting_for=f"{closed}; {beside}" if beside else closed)

    def _get(self, order_id: str) -> Order:
        order = self.store.get(order_id)
        if order is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no order of this id")
        return order

    def numbers(self, order_id: str, state: AssetState | None, *, limit: int, token: str | None) -> Page[Asset]:
        """Read an order's numbers and keywords: all, or those in a state."""
        listing = f"numbers/{order_id}/{state.value if state else ''}"
        after = self.tokens.place(listing, token)
        # Places are those among all of them: what changes its state in between moves no other.
        begin = 0 if after is None else int(after) + 1
        assets = self._get(order_id).assets
        found = [place for place in range(begin, len(assets)) if state is None or assets[place].state is state]
        shown = found[:limit]
        return self.tokens.page(
            listing, [assets[place] for place in shown], str(shown[-1]) if len(found) > limit else None
        )

    def ledger(self, order_id: str, *, limit: int, token: str | None) -> Page[Entry]:
        """Read an order's ledger, or that of the refused messages under its id."""
        listing = f"ledger/{order_id}"
        page = self.store.ledger(order_id, after=self.tokens.place(listing, token), limit=limit)
        if not page.items and token is None:
            self._get(order_id)
        return self.tokens.page(listing, page.items, page.after)

    def activity(self, month: str | None, by: str | None, *, limit: int, token: str | None) -> Page[Entry]:
        """Read what callers of the API did in a month, the newest first: everybody, or one of them."""
        month = self._month(month, token)
        listing = f"activity/{month}/{by or ''}"
        page = self.store.activity(month, by, after=self.tokens.place(listing, token), limit=limit)
        return self.tokens.page(listing, page.items, page.after, page.unread)

    def _month(self, month: str | None, token: str | None) -> str:
        """Return the month of a list that is kept by month.

        A list begun in one month is read on in the next as it was begun: its places begin with the month.
        """
        return month or peek(token or "")[:7] or f"{self.clock.now():%Y-%m}"

    def webhooks(self, order_id: str, *, limit: int, token: str | None) -> Page[KeptWebhook]:
        """Read the webhooks that came for an order."""
        self._get(order_id)
        listing = f"webhooks/{order_id}"
        page = self.store.kept_webhooks(order_id, "", after=self.tokens.place(listing, token), limit=limit)
        return self._bounded(listing, page)

    def unmatched(self, day: date, *, limit: int, token: str | None) -> Page[KeptWebhook]:
        """Read the webhooks of a day (UTC) that belong to no order."""
        listing = f"unmatched/{day.isoformat()}"
        page = self.store.kept_webhooks(None, day.isoformat(), after=self.tokens.place(listing, token), limit=limit)
        return self._bounded(listing, page)

    def comments(self, order_id: str, *, limit: int, token: str | None) -> Page[KeptComment]:
        """Read an order's comments as they were last seen."""
        self._get(order_id)
        listing = f"comments/{order_id}"
        page = self.store.kept_comments(order_id, after=self.tokens.place(listing, token), limit=limit)
        return self.tokens.page(listing, page.items, page.after)


def _invalid(field: str, code: str, message: str) -> ProblemError:
    return ProblemError(Problem.INVALID, "the request is not valid", [ValidationIssue(field, code, message)])
