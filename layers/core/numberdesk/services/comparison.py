"""Compare what a provider says that an account owns and has on order with the records, both ways.

What differs is told once, and no more while it differs; nothing is changed at a provider by that. An order there that carries
our reference is the one exception: it is adopted by the order whose reference it is, or told and cancelled as a duplicate. What a
provider tells of a number that an order holds (features, cost) is kept with the number.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from numberdesk.domain import costs, gate, ledger, numbers, outcome
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.clock import instant_text
from numberdesk.domain.ledger import Entry
from numberdesk.domain.messages.desk import inventory_differs
from numberdesk.domain.order import earliest
from numberdesk.domain.statuses import FOLLOWED, AssetState, ChangeKind, OrderState
from numberdesk.providers import registry
from numberdesk.providers.base import NotAbleError
from numberdesk.services.inventory import ACTOR
from numberdesk.services.ports import ClaimedError, ConflictError, Inventory, UnreadableRowError
from numberdesk.services.provider_lists import read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numberdesk.domain.listings import OnOrder, Owned
    from numberdesk.domain.order import Order
    from numberdesk.providers.base import Provider
    from numberdesk.services.desk import Desk
    from numberdesk.services.ports import Holding

_JUST_NOW = timedelta(hours=1)
"""What is younger may be on its way into the records."""
_NEVER = datetime.max.replace(tzinfo=UTC)
"""Nothing is younger, not even what is told by its day alone."""
_UNREAD_OWNED, _UNREAD_ORDER = "unread_owned", "unread_order"
_FIRST = 20
_MAX_CHARACTERS = 390_000
"""Of the differences of one account, which lie in one item of the table: even if nothing of them can be packed."""
_MAX_ENRICHED = 2000
"""Orders of one account that a run writes what it learned of their numbers to."""


class _Seen(NamedTuple):
    """What a provider says of an account."""

    owned: Mapping[str, Owned]
    on_order: Mapping[str, OnOrder] | None
    """None where the provider does not list its orders."""
    unread_owned: Sequence[str] = ()
    """What it lists and could not be read: it may be whatever is missed."""
    unread_orders: Sequence[str] = ()


class _Known(NamedTuple):
    """What the records say of an account."""

    holdings: Sequence[Holding]
    open_orders: Sequence[Order]
    unread: Sequence[str] = ()
    """Open orders that cannot be read: whatever nobody seems to hold may be theirs."""


@dataclass(slots=True, eq=False, repr=False)
class Comparer:
    """Compares accounts with the records. Implements `services.inventory.Comparing`."""

    desk: Desk

    def connect(self, provider: str, account: str) -> object:
        return self.desk.providers.connect(provider, account)

    def compare(self, provider: str, account: str, last: Inventory, table_id: str) -> None:
        began_at = self.desk.clock.now()
        # From a table that was just restored nothing is placed: nothing can be on its way into the records.
        is_restored = gate.restored(self.desk.store.gate(), table_id)
        young = _NEVER if is_restored else began_at - _JUST_NOW
        connection = self.desk.providers.connect(provider, account)
        seen = self._see(provider, connection)
        # Read after the provider, so that what is bought meanwhile is in the records when it is looked up.
        holdings = tuple(self.desk.store.holdings(provider, account))
        known = _Known(holdings, *self._open_orders(provider, account))
        found = {
            *self._orphans(seen, known, young),
            *self._vanished(provider, connection, seen, known, began_at),
            *self._doubles(known),
            *self._orders(provider, account, seen, known, began_at, young),
            *(f"{_UNREAD_OWNED}/{provider_status}" for provider_status in seen.unread_owned),
            *(f"{_UNREAD_ORDER}/{provider_status}" for provider_status in seen.unread_orders),
        }
        self._enrich(seen, known, last.finished_at)
        # The others have their turn when these are settled.
        known_now = _that_fit(found)
        new = sorted(set(known_now) - set(last.differences))
        now = self.desk.clock.now()
        entry = self._entry(provider, account, new, now) if new else None
        inventory = Inventory(finished_at=now, table_id=table_id, differences=tuple(known_now))
        self.desk.store.put_inventory(provider, account, inventory, entry)
        # Counted once, as they are told once: what was bought by hand differs for years, and its alarm would never be over.
        if new:
            self.desk.meter.count("InventoryDifferences", len(new))
        self.desk.log.info(
            "compared", extra={"provider": provider, "account": account, "differences": len(found), "new": len(new)}
        )

    def _see(self, provider: str, connection: Provider) -> _Seen:
        abilities = registry.capabilities(provider).abilities
        unread_owned: list[str] = []
        unread_orders: list[str] = []
        owned = self._owned(connection, unread_owned) if Ability.OWNED in abilities else {}
        on_order: dict[str, OnOrder] | None = None
        if Ability.ORDERS in abilities:
            try:
                on_order = {
                    page.provider_order_id: page for page in read_all(connection.orders, self.desk.clock, unread_orders)
                }
            except NotAbleError:
                on_order = None
        return _Seen(owned, on_order, unread_owned, unread_orders)

    def _owned(self, connection: Provider, unread: list[str]) -> dict[str, Owned]:
        owned: dict[str, Owned] = {}
        for page in read_all(connection.owned, self.desk.clock, unread):
            # One that was given back may be listed beside the same one that was got again.
            if owned.get(_same(page.value), page).given_back or not page.given_back:
                owned[_same(page.value)] = page
        return owned

    def _open_orders(self, provider: str, account: str) -> tuple[list[Order], list[str]]:
        """Every order of the account that is not over, and the ids of those that cannot be read."""
        store, after = self.desk.store, None
        found: list[Order] = []
        unread: list[str] = []
        while True:
            page = store.list_orders("open", after=after, newest_first=False, limit=100)
            unread += page.unread
            for row in page.items:
                if (row.provider, row.account) != (provider, account):
                    continue
                try:
                    order = store.get(row.order_id)
                except UnreadableRowError:
                    unread.append(row.order_id)
                    continue
                found += [order] if order is not None and not order.ended else []
            after = page.after
            if after is None:
                return found, unread

    def _orphans(self, seen: _Seen, known: _Known, young: datetime) -> Iterable[str]:
        """What the account owns since before `young` and no order of ours holds. Any of it may be that of an order that cannot be read."""
        if known.unread:
            return
        ours = {_same(holding.value) for holding in known.holdings}
        coming = {_same(asset.value) for order in known.open_orders for asset in order.assets}
        # A purchase whose numbers nobody knows yet may be any number that began since.
        unclear = earliest(
            *(
                order.attempt.began_at
                for order in known.open_orders
                if order.attempt is not None and order.state is not OrderState.RECEIVED and not order.assets
            )
        )
        young = min(young, unclear or young)
        for key, owned in seen.owned.items():
            if key in ours or key in coming or owned.given_back or _began_since(owned.since, young):
                continue
            yield f"orphan/{owned.value}"

    def _vanished(
        self, provider: str, connection: Provider, seen: _Seen, known: _Known, began_at: datetime
    ) -> Iterable[str]:
        """What an order of ours holds and the account does not own. Asked twice: a page that shifts hides what is on it."""
        if Ability.OWNED not in registry.capabilities(provider).abilities:
            return
        held = {_same(holding.value): holding for holding in known.holdings if holding.since < began_at}
        missing = held.keys() - _kept(seen.owned)
        unread = list(seen.unread_owned)
        if missing and not unread:
            missing -= _kept(self._owned(connection, unread))
        if unread:
            return
        sure = self._sure([held[value] for value in missing])
        yield from (f"vanished/{each.value}" for each in sure)

    def _doubles(self, known: _Known) -> Iterable[str]:
        """What two orders of ours hold."""
        by_value: dict[str, list[Holding]] = defaultdict(list)
        for holding in known.holdings:
            by_value[_same(holding.value)].append(holding)
        twice = {value: holdings for value, holdings in by_value.items() if len(holdings) > 1}
        sure = self._sure([each for holdings in twice.values() for each in holdings])
        yield from (
            f"double/{holdings[0].value}" for holdings in twice.values() if len(sure.intersection(holdings)) > 1
        )

    def _sure(self, holdings: Sequence[Holding]) -> set[Holding]:
        """Those that the orders themselves say too: what is listed beside one may be left from a run that broke off."""
        by_order: dict[str, list[Holding]] = defaultdict(list)
        for holding in holdings:
            by_order[holding.order_id].append(holding)
        sure: set[Holding] = set()
        for order_id, listed in by_order.items():
            order = self._readable(order_id)
            has = {
                asset.value
                for asset in (order.assets if order else ())
                if asset.state is AssetState.ACTIVE and asset.released_at is None
            }
            sure |= {each for each in listed if each.value in has}
        return sure

    def _readable(self, order_id: str) -> Order | None:
        """Read an order; none where there is none or it cannot be read."""
        with suppress(UnreadableRowError):
            return self.desk.store.get(order_id)
        return None

    def _orders(
        self, provider: str, account: str, seen: _Seen, known: _Known, began_at: datetime, young: datetime
    ) -> Iterable[str]:
        """Orders at the provider that are nobody's, that share a reference, and ours that it does not list."""
        if seen.on_order is None:
            return
        owners = self.desk.store.orders_of(provider, account, list(seen.on_order))
        unsettled = {
            order.reference for order in known.open_orders if order.state in (OrderState.PLACING, OrderState.UNKNOWN)
        }
        # What came to nothing comes last: of several purchases of one order another is the one to follow.
        for theirs, order in sorted(seen.on_order.items(), key=lambda it: it[1].over):
            is_young = order.created_at is not None and order.created_at >= young
            if theirs in owners or order.reference in unsettled or is_young:
                continue
            if not self._adopted(provider, account, order):
                yield f"orphan_order/{theirs}"
        references = Counter(order.reference for order in seen.on_order.values() if order.reference)
        # A reference of somebody else's may be on many orders, and may say anything.
        ours_twice = (it for it, times in references.items() if times > 1 and self.desk.store.order_of_reference(it))
        yield from (f"double_order/{reference}" for reference in ours_twice)
        for ours in known.open_orders:
            placed_before = ours.placed_at is not None and ours.placed_at < began_at
            if seen.unread_orders:
                return
            if ours.state in FOLLOWED and placed_before and ours.provider_order_id not in seen.on_order:
                yield f"vanished_order/{ours.order_id}"

    def _adopted(self, provider: str, account: str, theirs: OnOrder) -> bool:
        """Give an order that carries our reference to the order whose reference it is, and say whether there is one.

        A restored table may have forgotten it; where the order has another purchase, this one is a duplicate.
        """
        capabilities = registry.capabilities(provider)
        order_id = self.desk.store.order_of_reference(theirs.reference) if theirs.reference else None
        try:
            order = self.desk.store.get(order_id) if order_id and capabilities.match_is_proof else None
        except UnreadableRowError:
            # It is that order's, whatever that says.
            return True
        if order is None or (order.provider, order.account) != (provider, account):
            return False
        can_cancel = Ability.CANCEL in capabilities.abilities
        now = self.desk.clock.now()
        step = outcome.adopt(order, [theirs], now, can_cancel=can_cancel)
        try:
            self.desk.commit(order, *step, now, ACTOR, is_outcome=False)
        except (ConflictError, ClaimedError):
            # Somebody else is at it in this moment: what is still so is seen the next time.
            return True
        return True

    def _enrich(self, seen: _Seen, known: _Known, last: datetime | None) -> None:
        """Keep with numbers what the provider tells of them and their order did not: with those that are new since the last time."""
        new = (
            holding
            for holding in known.holdings
            if _same(holding.value) in seen.owned and (last is None or holding.since >= last)
        )
        for order_id in list(dict.fromkeys(holding.order_id for holding in new))[:_MAX_ENRICHED]:
            order = self._readable(order_id)
            if order is None:
                continue
            richer = tuple(numbers.enriched(asset, seen.owned.get(_same(asset.value))) for asset in order.assets)
            if richer == order.assets:
                continue
            try:
                after = costs.settle(order.with_(assets=richer))
                self.desk.commit(order, after, (), self.desk.clock.now(), ACTOR, is_outcome=False)
            except ConflictError:
                # Somebody else wrote it: what is missing is a convenience, and no money hangs on it.
                continue

    def _entry(self, provider: str, account: str, new: Sequence[str], now: datetime) -> Entry:
        kinds: dict[str, list[str]] = defaultdict(list)
        for difference in new:
            kind, _, value = difference.partition("/")
            kinds[kind].append(value)
        subject = f"account/{provider}/{account}"
        position = f"{instant_text(now)}.{ChangeKind.INVENTORY_DIFFERS.value}"
        data: dict[str, Any] = {
            kind: {"count": len(values), "first": list(values[:_FIRST])} for kind, values in kinds.items()
        }
        place = f"numberdesk:{self.desk.store.table_id()}:{subject}:{position}"
        return Entry(
            id=ledger.event_id(ChangeKind.INVENTORY_DIFFERS, data, place),
            subject=subject,
            position=position,
            at=now,
            kind=ChangeKind.INVENTORY_DIFFERS,
            actor=ACTOR,
            correlation_id=f"inventory-{instant_text(now)}",
            provider=provider,
            account=account,
            data=data,
            message=inventory_differs(provider, account, kinds),
            notify=True,
        )


def _kept(owned: Mapping[str, Owned]) -> set[str]:
    return {value for value, it in owned.items() if not it.given_back}


def _that_fit(found: Iterable[str]) -> list[str]:
    """Give the differences that there is room for: first those about what is in the records, then what is in none of them."""
    kept, size = [], 0
    for each in sorted(found, key=lambda it: (it.startswith("orphan"), it)):
        size += len(json.dumps(each)) + len(", ")
        if size > _MAX_CHARACTERS:
            break
        kept.append(each)
    return kept


def _began_since(began: datetime | None, instant: datetime) -> bool:
    """Whether something may have begun since an instant. Some providers tell the day and no more."""
    if began is None:
        return False
    return began >= instant or (began.time() == time.min and began.date() == instant.date())


def _same(value: str) -> str:
    """Write a keyword as one that knows no case: providers spell it their own way. Numbers stay as they are."""
    return value.casefold()
