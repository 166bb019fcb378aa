"""Inventory reconciliation: cases that moto and the simulators would be slow to show, on a memory store and a fake provider."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from numberdesk.domain.gate import Gate
from numberdesk.domain.listings import OnOrder, Owned
from numberdesk.domain.order import Asset, Attempt
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, OrderState
from numberdesk.providers import base
from numberdesk.services.ports import Holding, Inventory, UnreadableRowError
from numberdesk.storage.holdings import inventory_item
from tests.support.desks import ADesk, Carrier
from tests.support.orders import NOW, a_message, received
from tests.support.reconciling import reconciler

if TYPE_CHECKING:
    from collections.abc import Iterable

ACCOUNT = ("telnyx", "default")
MAX_BYTES = 400 * 1024
"""Of an item (DynamoDB)."""
LONG_AGO = NOW - timedelta(days=30)


class Shop(Carrier):
    """A provider that lists what the account owns and what is on order."""

    def __init__(self, desk: ADesk) -> None:
        super().__init__(desk)
        self.has: list[Owned] = []
        self.sold: list[OnOrder] = []
        self.broken: Exception | None = None
        self.unread: tuple[str, ...] = ()

    def owned(self, cursor: str | None) -> base.OwnedPage:
        if self.broken is not None:
            raise self.broken
        return base.OwnedPage(tuple(self.has), None, self.unread)

    def orders(self, cursor: str | None) -> base.OrdersPage:
        return base.OrdersPage(tuple(self.sold), None, self.unread)


class Account:
    """A desk with one account to compare."""

    def __init__(self) -> None:
        self.desk = ADesk()
        self.shop = self.desk.carrier = Shop(self.desk)
        self.inventory_reconciler = reconciler(self.desk.desk)

    def compare(self) -> tuple[str, ...]:
        """Compare the account, which is due, and return the differences."""
        self.desk.time += timedelta(days=2)
        self.inventory_reconciler.run(lambda: timedelta(minutes=15))
        return self.differences

    def compare_again(self) -> tuple[str, ...]:
        """Run once more within the hour and return the known differences."""
        self.desk.time += timedelta(minutes=1)
        self.inventory_reconciler.run(lambda: timedelta(minutes=15))
        return self.differences

    @property
    def differences(self) -> tuple[str, ...]:
        return self.desk.store.inventory(*ACCOUNT).differences

    def reported(self) -> list[dict[str, Any]]:
        """Return the recorded data of each kind, by comparison."""
        return [entry.data for entry in self.desk.entries(ChangeKind.INVENTORY_DIFFERS)]


@pytest.fixture
def account() -> Account:
    """Return an account with one order that is not placed yet and unknown to the provider."""
    made = Account()
    order = received()
    made.desk.store.create(order, a_message(), [])
    return made


def restored(account: Account) -> None:
    """Mark the table as restored."""
    account.desk.store.table = "table-2"


def holding(account: Account, count: int, orders: int = 1) -> None:
    """Make this many orders hold this many numbers each."""
    store = account.desk.store
    for index in range(orders):
        sent = a_message(order_id=f"holder-{index}")
        order = received(sent)
        store.create(order, sent, [])
        assets = tuple(
            Asset(value=f"+49{index:03}{number:06}", state=AssetState.ACTIVE, provider_status="active", since=NOW)
            for number in range(count)
        )
        bought = order.with_(
            version=2, state=OrderState.COMPLETED, provider_order_id=f"po-{index}", assets=assets, ended_at=NOW
        )
        store.commit(order, bought, [])


def owned(values: Iterable[str]) -> list[Owned]:
    return [Owned(value=value, kind=AssetKind.NUMBER, since=LONG_AGO) for value in values]


# Entries that cannot be read


def test_unreadable_inventory_is_reported_and_no_number_counts_as_missing(account: Account) -> None:
    holding(account, 2)
    account.shop.unread = ("555-010x",)
    assert account.compare() == ("unread_order/555-010x", "unread_owned/555-010x")
    assert account.compare() == ("unread_order/555-010x", "unread_owned/555-010x")
    [reported] = account.reported()
    assert reported == {kind: {"count": 1, "first": ["555-010x"]} for kind in ("unread_owned", "unread_order")}
    account.shop.unread = ()
    assert account.compare() == ("vanished/+49000000000", "vanished/+49000000001")


# Several purchases of one order


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_active_purchase_is_adopted_whatever_its_place_in_the_list(account: Account, order: tuple[int, int]) -> None:
    reference = account.desk.order.reference
    both = (
        OnOrder(
            provider_order_id="po-dead",
            provider_status="cancelled",
            reference=reference,
            created_at=LONG_AGO,
            over=True,
        ),
        OnOrder(provider_order_id="po-living", provider_status="success", reference=reference, created_at=LONG_AGO),
    )
    account.shop.sold = [both[index] for index in order]
    assert account.compare() == (f"double_order/{reference}",)
    adopted = account.desk.order
    assert (adopted.provider_order_id, adopted.duplicates, adopted.operations) == ("po-living", ("po-dead",), ())
    [reported] = account.desk.entries(ChangeKind.DUPLICATE_PURCHASE_FOUND)
    assert (reported.data["duplicate"], reported.data["cancelling"], reported.notify) == ("po-dead", False, True)
    # It was received a long time ago, and it counts against today's limit.
    assert adopted.reserved is not None
    assert adopted.reserved.day == f"{account.desk.time:%Y-%m-%d}"
    assert account.desk.store.spent(*ACCOUNT, adopted.reserved.day).numbers == 2


def test_unknown_order_follows_the_active_purchase() -> None:
    desk = ADesk()
    desk.carrier.loses["place"] = 1
    desk.place()
    found = [base.Placed("po-dead", "failure", over=True), base.Placed("po-living", "success")]
    desk.carrier.find = lambda order, message: found  # type: ignore[method-assign]
    order = desk.wake()
    assert (order.state, order.provider_order_id, order.duplicates) == (OrderState.PENDING, "po-living", ("po-dead",))
    desk.wake()
    assert desk.carrier.named("cancel") == []


def test_restored_order_follows_the_active_purchase() -> None:
    desk = ADesk()
    desk.store.switch = Gate(table_id=desk.store.table, confirmed_at=NOW, search_until=NOW + timedelta(days=14))
    found = [base.Placed("po-dead", "failure", over=True), base.Placed("po-living", "success")]
    desk.carrier.find = lambda order, message: found  # type: ignore[method-assign]
    order = desk.place()
    assert (order.provider_order_id, order.duplicates, order.operations) == ("po-living", ("po-dead",), ())
    assert desk.carrier.named("place") == []
    assert order.reserved is not None
    assert desk.store.spent(*ACCOUNT, order.reserved.day).numbers == 2


# After a restore


@pytest.mark.parametrize("was_compared", [True, False])
def test_restored_table_has_no_grace_for_recent_purchases(account: Account, *, was_compared: bool) -> None:
    if was_compared:
        assert account.compare() == ()
    just_now = account.desk.time + timedelta(days=2) - timedelta(minutes=10)
    account.shop.has = [
        Owned(value="+4930555", kind=AssetKind.NUMBER, since=just_now),
        # Some providers report only the day.
        Owned(value="+4930666", kind=AssetKind.NUMBER, since=just_now.replace(hour=0, minute=0)),
    ]
    account.shop.sold = [
        OnOrder(provider_order_id="po-9", provider_status="pending", reference="another", created_at=just_now)
    ]
    restored(account)
    assert account.compare() == ("orphan/+4930555", "orphan/+4930666", "orphan_order/po-9")
    assert account.desk.store.inventory(*ACCOUNT).table_id == "table-2"


@pytest.mark.parametrize("was_compared", [True, False])
def test_recent_purchase_may_not_be_recorded_yet(account: Account, *, was_compared: bool) -> None:
    if was_compared:
        assert account.compare() == ()
    just_now = account.desk.time + timedelta(days=2) - timedelta(minutes=10)
    account.shop.has = [Owned(value="+4930555", kind=AssetKind.NUMBER, since=just_now)]
    account.shop.sold = [
        OnOrder(provider_order_id="po-9", provider_status="pending", reference="another", created_at=just_now)
    ]
    assert account.compare() == ()
    assert account.compare() == ("orphan/+4930555", "orphan_order/po-9")


# Unreadable accounts


def test_age_of_an_account_that_was_never_compared_grows(account: Account) -> None:
    account.shop.broken = base.UnreadableError("HTTP 500")
    assert account.compare() == ()
    began = account.desk.time
    oldest = "OldestInventorySeconds", None
    account.desk.counted.clear()
    account.compare_again()
    assert oldest not in account.desk.counted, "a day is allowed"
    account.desk.time = began + timedelta(days=3)
    account.desk.counted.clear()
    account.compare_again()
    assert account.desk.counted[oldest] == 3 * 86400 + 60
    assert account.desk.store.inventory(*ACCOUNT) == Inventory(failing_since=began)
    account.shop.broken = None
    account.compare_again()
    account.desk.counted.clear()
    account.compare_again()
    assert oldest not in account.desk.counted
    assert account.desk.store.inventory(*ACCOUNT).failing_since is None


def test_age_of_a_compared_account_starts_at_its_last_comparison(account: Account) -> None:
    account.compare()
    compared = account.desk.time
    account.shop.broken = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        account.compare()
    account.desk.counted.clear()
    with pytest.raises(ValueError, match="a bug"):
        account.compare()
    assert account.desk.counted["OldestInventorySeconds", None] == 4 * 86400
    assert account.desk.store.inventory(*ACCOUNT).finished_at == compared


# Numbers that are listed beside an order


def test_number_listed_beside_an_order_that_does_not_hold_it_is_not_missing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that died wrote the holding and not the order, or the order and did not remove the holding."""
    holding(account, 1)
    [there] = account.desk.store.holdings(*ACCOUNT)
    left = Holding("+49999", there.order_id, LONG_AGO)
    monkeypatch.setattr(account.desk.store, "holdings", lambda *_: iter([there, left]))
    assert account.compare() == (f"vanished/{there.value}",)


@pytest.mark.parametrize(("before", "missing"), [(0, 0), (1, 1)])
def test_number_that_began_during_the_comparison_is_not_missing(
    account: Account, monkeypatch: pytest.MonkeyPatch, before: int, missing: int
) -> None:
    holding(account, 1)
    [there] = account.desk.store.holdings(*ACCOUNT)
    since = account.desk.time + timedelta(days=2) - timedelta(seconds=before)
    began = Holding(there.value, there.order_id, since)
    monkeypatch.setattr(account.desk.store, "holdings", lambda *_: iter([began]))
    assert len(account.compare()) == missing


def test_purchase_of_an_order_in_placing_is_left_to_its_own_run(account: Account) -> None:
    """It is younger than the look of that run, which records it, or it is looked for."""
    for state in (OrderState.PLACING, OrderState.UNKNOWN):
        order = account.desk.store.orders["order-1"].with_(state=state)
        account.desk.store.orders["order-1"] = order
        account.shop.sold = [OnOrder(provider_order_id="po-9", reference=order.reference, created_at=LONG_AGO)]
        assert account.compare() == ()
        assert account.desk.store.orders["order-1"] == order


@pytest.mark.parametrize(("age", "is_reported"), [(3599, False), (3600, False), (3601, True)])
def test_number_and_order_of_the_last_hour_may_be_on_their_way_into_the_records(
    account: Account, age: int, *, is_reported: bool
) -> None:
    began = account.desk.time + timedelta(days=2) - timedelta(seconds=age)
    account.shop.has = [Owned(value="+49111", kind=AssetKind.NUMBER, since=began)]
    account.shop.sold = [OnOrder(provider_order_id="po-9", created_at=began)]
    assert account.compare() == (("orphan/+49111", "orphan_order/po-9") if is_reported else ())


@pytest.mark.parametrize(("state", "is_reported"), [(OrderState.PENDING, False), (OrderState.FAILED, True)])
def test_number_that_an_open_order_waits_for_is_not_of_no_order(
    account: Account, state: OrderState, *, is_reported: bool
) -> None:
    waits_for = Asset(value="+49111", state=AssetState.PENDING, provider_status="pending")
    order = account.desk.store.orders["order-1"].with_(state=state, assets=(waits_for,))
    account.desk.store.orders["order-1"] = order
    account.shop.has = owned(["+49111"])
    assert account.compare() == (("orphan/+49111",) if is_reported else ())


@pytest.mark.parametrize(("since", "is_reported"), [(-1, True), (0, False), (1, False)])
def test_number_that_began_since_an_unclear_attempt_may_be_of_that_order(
    account: Account, since: int, *, is_reported: bool
) -> None:
    attempt = Attempt(number=1, began_at=LONG_AGO, send_before=LONG_AGO, resolve_at=LONG_AGO)
    order = account.desk.store.orders["order-1"].with_(state=OrderState.UNKNOWN, attempt=attempt)
    account.desk.store.orders["order-1"] = order
    began = LONG_AGO + timedelta(seconds=since)
    account.shop.has = [Owned(value="+49111", kind=AssetKind.NUMBER, since=began)]
    assert account.compare() == (("orphan/+49111",) if is_reported else ())


def test_nothing_is_of_no_order_while_an_order_cannot_be_read(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.shop.has = owned(["+49111"])

    def unreadable(order_id: str) -> Any:
        raise UnreadableRowError(("ORDER#order-1", "ORDER"))

    with monkeypatch.context() as patched:
        patched.setattr(account.desk.store, "get", unreadable)
        assert account.compare() == ()
    assert account.compare() == ("orphan/+49111",)


def test_number_that_a_shifting_page_hid_once_is_not_missing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    holding(account, 2)
    values = [each.value for each in account.desk.store.holdings(*ACCOUNT)]
    looks = iter([owned(values[:1]), owned(values)])
    monkeypatch.setattr(account.shop, "owned", lambda _: base.OwnedPage(tuple(next(looks)), None, ()))
    assert account.compare() == ()
    assert list(looks) == [], "it looked twice"


def test_number_that_was_given_back_is_not_of_no_order(account: Account) -> None:
    account.shop.has = [Owned(value="+49111", kind=AssetKind.NUMBER, since=LONG_AGO, given_back=True)]
    assert account.compare() == ()


def test_purchase_at_one_account_is_not_adopted_by_an_order_of_another(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = a_message(order_id="order-2", account="second")
    other = received(sent)
    account.desk.store.create(other, sent, [])
    [first] = [each for each in account.desk.store.accounts() if each.name == "default"]
    monkeypatch.setattr(account.desk.store, "accounts", lambda: [first])
    account.shop.sold = [OnOrder(provider_order_id="po-9", reference=other.reference, created_at=LONG_AGO)]
    assert "orphan_order/po-9" in account.compare()
    assert account.desk.store.orders["order-2"].provider_order_id is None


def test_keyword_is_the_same_in_any_letters(account: Account) -> None:
    holding(account, 0)
    keyword = Asset(kind=AssetKind.KEYWORD, value="Pizza", state=AssetState.ACTIVE, provider_status="active", since=NOW)
    order = account.desk.store.orders["holder-0"]
    account.desk.store.commit(order, order.with_(version=3, assets=(keyword,)), [])
    account.shop.has = [Owned(value="PIZZA", kind=AssetKind.KEYWORD, since=LONG_AGO)]
    assert account.compare() == ()


def test_name_that_orders_brought_is_asked_for_once_a_day(account: Account) -> None:
    asked: list[tuple[str, str]] = []

    def connect(provider: str, account: str, **_: Any) -> base.Provider:
        asked.append((provider, account))
        raise base.NoSuchAccountError("there is no account of this name")

    account.desk.connect = connect  # type: ignore[method-assign]
    run = account.inventory_reconciler.run
    run(lambda: timedelta(minutes=15))
    began = account.desk.time
    for seconds, times in ((86_399, 1), (86_400, 2)):
        account.desk.time = began + timedelta(seconds=seconds)
        run(lambda: timedelta(minutes=15))
        assert len(asked) == times


# Many differences


def test_order_is_read_once_for_any_number_of_missing_numbers(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    holding(account, 300, orders=2)
    read: Counter[str] = Counter()
    get = account.desk.store.get

    def count(order_id: str) -> Any:
        read[order_id] += 1
        return get(order_id)

    monkeypatch.setattr(account.desk.store, "get", count)
    assert len(account.compare()) == 600
    assert (read["holder-0"], read["holder-1"]) == (1, 1)


def test_differences_beyond_the_bound_are_reported_in_later_runs(account: Account) -> None:
    numbers = [f"+1{number}" for number in range(2_000_000_000, 2_000_025_000)]
    account.shop.has = owned(numbers)
    first = account.compare()
    assert 15_000 < len(first) < 25_000
    assert first == tuple(f"orphan/{number}" for number in numbers[: len(first)])
    # Nothing new: known differences are not reported again, and the others have no room.
    assert account.compare() == first
    account.shop.has = owned(numbers[10_000:])
    assert account.compare() == tuple(f"orphan/{number}" for number in numbers[10_000:])
    assert [reported["orphan"]["count"] for reported in account.reported()] == [len(first), len(numbers) - len(first)]


def test_differences_in_recorded_orders_are_reported_first(account: Account) -> None:
    account.shop.has = owned(f"+1{number}" for number in range(2_000_000_000, 2_000_025_000))
    account.compare()
    holding(account, 3)
    account.compare()
    assert account.reported()[-1]["vanished"]["first"] == ["+49000000000", "+49000000001", "+49000000002"]


def test_differences_fit_their_item(account: Account) -> None:
    """Order ids of other systems hardly compress: each takes ten times the bytes of a number."""
    chance = random.Random(1)
    account.shop.sold = [
        OnOrder(provider_order_id=str(UUID(int=chance.getrandbits(128))), created_at=LONG_AGO) for _ in range(25_000)
    ]
    found = account.compare()
    assert len(found) > 5_000
    item = inventory_item(*ACCOUNT, account.desk.store.inventory(*ACCOUNT))
    assert len(item["differences"]) < MAX_BYTES - 1024


# Numbers released and bought again


@pytest.mark.parametrize("over_first", [True, False])
def test_number_released_and_bought_again_is_present(account: Account, *, over_first: bool) -> None:
    holding(account, 1)
    [value] = [holding.value for holding in account.desk.store.holdings(*ACCOUNT)]
    over = Owned(value=value, kind=AssetKind.NUMBER, provider_status="cancelled", since=LONG_AGO, given_back=True)
    account.shop.has = [over, *owned([value])] if over_first else [*owned([value]), over]
    assert account.compare() == ()
    account.shop.has = [over]
    assert account.compare() == (f"vanished/{value}",)


def test_tick_that_finds_nothing_due_does_not_build_what_compares(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.compare()
    monkeypatch.setattr(account.inventory_reconciler, "comparer", lambda: pytest.fail("nothing is due"))
    assert account.compare_again() == ()
