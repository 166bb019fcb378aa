"""What the order table must do, as one set of cases for the memory double and the real table.

A store's test class inherits `StoreContract` and supplies the fixture `store`, empty for each case.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

from numberdesk.domain import gate, lists, operations
from numberdesk.domain.change import Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.costs import Limits, Spent
from numberdesk.domain.gate import Gate
from numberdesk.domain.health import Health
from numberdesk.domain.ledger import MAX_ENTRIES, Entry
from numberdesk.domain.notices import HeldBack
from numberdesk.domain.order import Asset, Attempt, Deadline, Reservation, Vetting
from numberdesk.domain.profile import Profile, ProfileKey, Upload
from numberdesk.domain.request import NumbersItem
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, OrderState, WakeKind
from numberdesk.domain.sweep import OnItsWay, QueueSeen, Sweep
from numberdesk.domain.values import (
    Address,
    AddressIdValue,
    AddressValue,
    Answer,
    DateValue,
    DocumentIdValue,
    DoneValue,
    FileValue,
    Payload,
    StoredFile,
    TextValue,
)
from numberdesk.domain.vetting import MAX_KINDS
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import (
    Account,
    AccountState,
    ClaimedError,
    ConflictError,
    Counted,
    Due,
    GateClosedError,
    Holding,
    Inventory,
    KeptComment,
    LimitError,
    Receipt,
    SameContentError,
    Waking,
    Webhook,
)
from tests.support.builders import START, account_entry, entries, message, received

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pydantic import JsonValue

    from numberdesk.domain.order import Order
    from numberdesk.services import stores
    from numberdesk.services.ports import Page

    class Store(stores.DeskStore, stores.Notices, stores.Outbox, Protocol):
        """The whole interface of the table."""


T = TypeVar("T")

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = "2026-11-22"
MONTH = "2026-11"
UNKNOWN = Change(kind=ChangeKind.ORDER_UNKNOWN, data={"why": "lost", "searching": True}, notify=True)
BLOCKED, UNBLOCKED = ChangeKind.PROVIDER_ACCOUNT_BLOCKED, ChangeKind.ACCOUNT_UNBLOCKED


def create(
    store: Store, order_id: str = "order-1", at: datetime = START, *items: dict[str, object], **fields: object
) -> Order:
    """Record a new order, due at once, and return it."""
    sent = message(order_id, *items, **fields)  # type: ignore[arg-type]
    order, changes = received(sent, at)
    assert store.create(order, sent, entries(order, *changes))
    return order


def changed(order: Order, *changes: Change, store: Store, **fields: Any) -> Order:
    """Commit an order with some fields changed, and return it as stored."""
    after = order.with_(version=order.version + 1, **fields)
    stored = store.commit(order, after, entries(after, *changes))
    # The store manages the pages itself.
    assert stored.with_(pages=()) == after.with_(pages=())
    return stored


def number(value: str, state: AssetState = AssetState.PENDING) -> Asset:
    return Asset(value=value, state=state, provider_status=state.value)


def numbers(count: int, state: AssetState = AssetState.PENDING, first: int = 0) -> tuple[Asset, ...]:
    return tuple(number(f"+1312{index:07}", state) for index in range(first, first + count))


def begun(
    order: Order,
    *,
    store: Store,
    limits: Limits | None = None,
    gate: Gate | None = None,
    content: str | None = None,
    day: str = DAY,
    count: int = 2,
    cost: dict[str, str] | None = None,
    **costs: str,
) -> Order:
    """Write the intent to buy this many numbers."""
    reserved = Reservation(day=day, numbers=count, cost=cost or costs)
    after = order.with_(
        version=order.version + 1, state=OrderState.PLACING, reserved=reserved, content_lock=content, updated_at=START
    )
    return store.commit(order, after, [], limits=limits, gate=gate)


def switched(gate: Gate, store: Store, **fields: Any) -> Gate:
    """Write the next version of the gate."""
    after = gate._replace(version=gate.version + 1, **fields)
    assert store.put_gate(after, gate_entry(after)) is True
    return after


def gate_entry(gate: Gate) -> Entry:
    return Entry(
        id=f"gate-{gate.version}",
        subject="desk/placing",
        position=f"{gate.version:010}",
        at=START,
        kind=ChangeKind.PLACING_STOPPED,
        actor="test",
        correlation_id="c",
    )


def upload(file_id: str = "f-1", owner: str = "order/order-1") -> Upload:
    return Upload(
        file_id=file_id,
        owner=owner,
        key=f"k/{file_id}",
        content_type="application/pdf",
        filename="scan.pdf",
        created_at=START,
        created_by="arn:1",
    )


def deadline(value: datetime, *, version: int = 1, missed: bool = False) -> Deadline:
    return Deadline(
        id="1", sub_order_id="s", version=version, value=value, numbers=1, confirmed_at=START, missed=missed
    )


def abroad(*countries: str) -> tuple[Asset, ...]:
    return tuple(number(f"+1312555{index:04}").with_(country=country) for index, country in enumerate(countries))


def listed(store: Store, partition: str, *, newest_first: bool = True, until: str | None = None) -> list[str]:
    """Return the orders of a list, all on one page."""
    page = store.list_orders(partition, after=None, until=until, newest_first=newest_first, limit=100)
    assert page.after is None
    return [summary.order_id for summary in page.items]


def paged(read: Callable[[str | None], Page[T]]) -> list[tuple[T, ...]]:
    """Read every page of a list."""
    pages, after = [], None
    while True:
        page = read(after)
        pages.append(page.items)
        after = page.after
        if after is None:
            return pages


def profile(version: int = 1, number_type: str = "local", **fields: str) -> Profile:
    key = {"provider": "telnyx", "account": "default", "country": "DE", "number_type": number_type} | fields
    answer = Answer(requirement="Business name", value=TextValue(kind="text", text=f"Muster {version}"))
    return Profile(key=ProfileKey(**key), answers=(answer,), version=version, updated_at=START, updated_by="arn:1")


def published(store: Store) -> list[ChangeKind]:
    """Return the events that are not on the bus yet."""
    return sorted(row.entry.kind for row in store.unpublished(START + timedelta(days=1), 100))


class StoreContract:
    """The cases."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    # Orders

    def test_missing_order_is_none(self, store: Store) -> None:
        assert store.get("order-1") is None
        assert store.message("order-1") is None

    def test_new_order_reads_as_written(self, store: Store) -> None:
        order = create(store)
        assert store.get("order-1") == order
        assert store.message("order-1") == message("order-1")
        assert store.order_of_reference(order.reference) == "order-1"

    def test_order_id_is_unique(self, store: Store) -> None:
        first = create(store)
        other = message("order-1", {"numbers": ["+13125550100"]})
        order, changes = received(other, START + HOUR)
        assert store.create(order, other, entries(order, *changes)) is False
        assert store.get("order-1") == first
        assert store.message("order-1") == message("order-1")

    def test_every_field_of_an_order_round_trips(self, store: Store) -> None:
        # Floats with many digits, whole floats, small and negative ones, none, empty texts, Unicode, and instants to the microsecond.
        item = {"criteria": {"latitude": 47.6062095123456, "longitude": -122.0, "city": "Z\u00fcrich"}, "quantity": 1}
        order = create(store, provider="callfire", metadata={"a": None, "b": "", "c": 2**53 - 1, "d": True})
        sent = message("order-2", item, provider="callfire", metadata={"a": None, "b": "", "c": 2**53 - 1, "d": True})
        order, changes = received(sent)
        assert store.create(order, sent, entries(order, *changes))
        odd = START + timedelta(microseconds=1)
        full = changed(
            order,
            store=store,
            state=OrderState.PLACING,
            attempt=Attempt(number=1, began_at=odd, send_before=odd, resolve_at=odd),
            unavailable_numbers=("+13125550100",),
            not_found_notified=True,
            deadlines=(
                Deadline(id="1", sub_order_id="s", version=2, value=odd, numbers=3, confirmed_at=odd, fired=("P1D",)),
            ),
            hint_polls=(odd, odd + SECOND),
            assets=(
                number("+13125550100"),
                Asset(kind=AssetKind.KEYWORD, value="PIE", state="unknown", provider_status=""),
            ),
            wake_at=odd,
            total_cost="3.0",
        )
        assert store.get("order-2") == full
        kept = store.message("order-2")
        assert kept == sent
        assert kept is not None
        assert [type(value) for value in kept.metadata.values()] == [type(None), str, int, bool]

    def test_commit_needs_the_version_that_was_read(self, store: Store) -> None:
        order = create(store)
        newer = changed(order, store=store, waiting_for="the first")
        with pytest.raises(ConflictError):
            changed(order, UNKNOWN, store=store, waiting_for="the second", assets=(number("+13125550100"),))
        assert store.get("order-1") == newer
        assert published(store) == []

    def test_order_never_created_cannot_be_committed(self, store: Store) -> None:
        order, _ = received(message("order-1"))
        with pytest.raises(ConflictError):
            changed(order, store=store)
        assert store.get("order-1") is None

    def test_numbers_and_row_are_read_consistently(self, store: Store) -> None:
        order = create(store)
        with_numbers = changed(order, store=store, assets=(number("+13125550100"),))
        assert store.get("order-1") == with_numbers
        # A commit that does not change the numbers leaves their pages alone.
        waiting = changed(with_numbers, store=store, waiting_for="something")
        assert store.get("order-1") == waiting
        delivered = changed(waiting, store=store, assets=(number("+13125550100", AssetState.ACTIVE),))
        assert store.get("order-1") == delivered
        emptied = changed(delivered, store=store, assets=())
        assert store.get("order-1") == emptied

    def test_committed_order_is_returned_as_it_is_read(self, store: Store) -> None:
        order = create(store)
        for count in (250, 251, 500, 250, 0, 1):
            order = changed(order, store=store, assets=numbers(count))
            assert store.get("order-1") == order
            assert len(order.assets) == count

    def test_10000_numbers_round_trip(self, store: Store) -> None:
        many = numbers(10_000)
        order = changed(create(store), store=store, assets=many)
        assert store.get("order-1") == order
        # One, all, and all but a few of them changed.
        for now in (
            (*many[:5000], number("+49301"), *many[5001:]),
            numbers(10_000, AssetState.UNDER_REVIEW),
            numbers(9_600),
            numbers(10),
        ):
            order = changed(order, store=store, assets=now)
            found = store.get("order-1")
            assert found == order
            assert found is not None
            assert found.assets == now

    def test_10000_numbers_can_be_ordered(self, store: Store) -> None:
        wanted = [f"+1312{index:07}" for index in range(10_000)]
        sent = message("order-2").model_copy(update={"items": [NumbersItem(numbers=wanted)]})
        order, changes = received(sent)
        assert store.create(order, sent, entries(order, *changes))
        assert store.get("order-2") == order
        assert changed(order, store=store, waiting_for="something") == store.get("order-2")
        assert store.message("order-2") == sent

    # Claims

    def test_purchase_belongs_to_the_order_that_claimed_it(self, store: Store) -> None:
        changed(create(store), store=store, provider_order_id="T-1")
        assert store.order_of("telnyx", "default", "T-1") == "order-1"

    def test_purchase_is_claimed_by_one_order_only(self, store: Store) -> None:
        changed(create(store), store=store, provider_order_id="T-1")
        other = create(store, "order-2")
        with pytest.raises(ClaimedError) as claimed:
            changed(other, UNKNOWN, store=store, provider_order_id="T-1")
        assert claimed.value.order_id == "order-1"
        assert store.get("order-2") == other
        assert store.order_of("telnyx", "default", "T-1") == "order-1"
        assert published(store) == []

    def test_claims_are_per_provider_and_account(self, store: Store) -> None:
        changed(create(store), store=store, provider_order_id="1")
        changed(create(store, "order-2", account="second"), store=store, provider_order_id="1")
        item = {"keywords": ["PIE"]}
        sent = message("order-3", item, provider="callfire")
        order, changes = received(sent)
        store.create(order, sent, entries(order, *changes))
        changed(order, store=store, provider_order_id="1")
        owners = [store.order_of(*key, "1") for key in (("telnyx", "default"), ("telnyx", "second"))]
        assert [*owners, store.order_of("callfire", "default", "1")] == ["order-1", "order-2", "order-3"]
        assert store.order_of("callfire", "second", "1") is None

    def test_stale_writer_gets_a_conflict_and_claims_nothing(self, store: Store) -> None:
        order = create(store)
        changed(order, store=store)
        with pytest.raises(ConflictError):
            changed(order, store=store, provider_order_id="T-1")
        assert store.order_of("telnyx", "default", "T-1") is None

    def test_duplicates_are_claimed_as_well(self, store: Store) -> None:
        order = changed(create(store), store=store, provider_order_id="T-1")
        order = changed(order, store=store, duplicates=("T-2",))
        order = changed(order, store=store, duplicates=("T-2", "T-3"))
        assert [store.order_of("telnyx", "default", f"T-{index}") for index in range(5)] == [
            None,
            "order-1",
            "order-1",
            "order-1",
            None,
        ]
        other = create(store, "order-2")
        with pytest.raises(ClaimedError) as claimed:
            changed(other, store=store, duplicates=("T-3",))
        assert claimed.value.order_id == "order-1"
        with pytest.raises(ClaimedError):
            changed(other, store=store, provider_order_id="T-2")
        assert store.get("order-2") == other

    def test_purchase_can_become_a_duplicate_of_its_order(self, store: Store) -> None:
        order = changed(create(store), store=store, provider_order_id="T-1")
        order = changed(order, store=store, provider_order_id="T-2", duplicates=("T-1",))
        assert store.orders_of("telnyx", "default", ["T-1", "T-2"]) == {"T-1": "order-1", "T-2": "order-1"}

    def test_owners_are_read_in_one_batch(self, store: Store) -> None:
        changed(create(store), store=store, provider_order_id="T-1", duplicates=("T-120",))
        changed(create(store, "order-2"), store=store, provider_order_id="T-50")
        changed(create(store, "order-3", account="second"), store=store, provider_order_id="T-51")
        asked = [f"T-{index}" for index in range(130)]
        assert store.orders_of("telnyx", "default", [*asked, "T-1"]) == {
            "T-1": "order-1",
            "T-120": "order-1",
            "T-50": "order-2",
        }
        assert store.orders_of("telnyx", "default", []) == {}

    # Reservations of an intent

    def test_reservations_are_summed_by_account_and_day(self, store: Store) -> None:
        assert store.spent("telnyx", "default", DAY) == Spent()
        begun(create(store), store=store, USD="1.10", EUR="0.1")
        begun(create(store, "order-2"), store=store, count=3, USD="2.20", EUR="0.2")
        begun(create(store, "order-3"), store=store, day="2026-11-23", USD="7")
        begun(create(store, "order-4", account="second"), store=store, USD="9")
        # To the cent: no floats.
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=5, cost={"EUR": "0.3", "USD": "3.3"})
        assert store.spent("telnyx", "default", "2026-11-23") == Spent(numbers=2, cost={"USD": "7"})
        assert store.spent("telnyx", "second", DAY) == Spent(numbers=2, cost={"USD": "9"})
        assert store.spent("telesign", "default", DAY) == Spent()
        assert store.spent_each([("telnyx", "default"), ("telnyx", "second"), ("telesign", "default")], DAY) == {
            ("telnyx", "default"): Spent(numbers=5, cost={"EUR": "0.3", "USD": "3.3"}),
            ("telnyx", "second"): Spent(numbers=2, cost={"USD": "9"}),
            ("telesign", "default"): Spent(),
        }
        assert store.spent_each([], DAY) == {}

    def test_currency_can_have_any_name(self, store: Store) -> None:
        odd = {"": "1", "numbers": "2", "a b-c#d:e": "3", "\u20ac": "100"}
        begun(create(store), store=store, cost=odd)
        limits = Limits(cost_per_day={"a b-c#d:e": Decimal(4), "SELECT": Decimal(1)})
        with pytest.raises(LimitError, match=r"3 a b-c#d:e were spent"):
            begun(create(store, "order-2"), store=store, limits=limits, cost=odd)
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=2, cost=odd)

    def test_reservation_is_released_corrected_and_moved(self, store: Store) -> None:
        order = begun(create(store), store=store, USD="1.50")
        reserved = Reservation(day=DAY, numbers=2, cost={"USD": "2", "EUR": "3"})
        order = changed(order, store=store, reserved=reserved)
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=2, cost={"EUR": "3", "USD": "2"})
        order = changed(order, store=store, reserved=reserved.with_(day="2026-11-23"))
        assert store.spent("telnyx", "default", DAY) == Spent()
        assert store.spent("telnyx", "default", "2026-11-23") == Spent(numbers=2, cost={"EUR": "3", "USD": "2"})
        changed(order, store=store, reserved=None)
        assert store.spent("telnyx", "default", "2026-11-23") == Spent()

    @pytest.mark.parametrize(
        ("limits", "says"),
        [
            (Limits(numbers_per_order=3), None),
            (Limits(numbers_per_order=2), "2 is the limit for one order"),
            (Limits(numbers_per_day=5), None),
            (Limits(numbers_per_day=4), "4 is the limit for a day"),
            # Not even alone.
            (Limits(numbers_per_day=2), "2 is the limit for a day"),
            (Limits(cost_per_day={"USD": Decimal(5)}), None),
            (Limits(cost_per_day={"USD": Decimal("4.99")}), "4.99 USD is the limit for a day"),
            (Limits(cost_per_day={"USD": Decimal(2)}), "2 USD is the limit for a day"),
            (Limits(cost_per_day={"EUR": Decimal("0.01")}), None),
            (Limits(numbers_per_day=5, cost_per_day={"USD": Decimal(5), "EUR": Decimal(9)}), None),
            (Limits(numbers_per_day=5, cost_per_day={"EUR": Decimal(9), "USD": Decimal(4)}), "4 USD is the limit"),
        ],
    )
    def test_intent_beyond_a_limit_is_not_written(self, store: Store, limits: Limits, says: str | None) -> None:
        begun(create(store), store=store, USD="2")
        order = create(store, "order-2")
        if says is None:
            begun(order, store=store, limits=limits, count=3, USD="3")
            assert store.spent("telnyx", "default", DAY) == Spent(numbers=5, cost={"USD": "5"})
            return
        with pytest.raises(LimitError, match=says):
            begun(order, store=store, limits=limits, count=3, USD="3")
        assert store.get("order-2") == order
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=2, cost={"USD": "2"})

    @pytest.mark.parametrize(
        ("cost", "says"),
        [
            # Euros are beyond their limit already: that holds orders that cost euros or an unknown currency.
            ({"USD": "1"}, None),
            ({"EUR": "1"}, "it costs 1 EUR at once, 9 EUR were spent"),
            ({"USD": "1", "EUR": "1"}, "it costs 1 EUR at once, 9 EUR were spent"),
            ({"USD": "8"}, "it costs 8 USD at once, 0 USD were spent"),
            ({}, "what it costs is not known, 9 EUR were spent"),
            ({"USD": "0"}, "what it costs is not known, 9 EUR were spent"),
        ],
    )
    def test_order_is_held_to_the_limits_of_its_own_currencies(
        self, store: Store, cost: dict[str, str], says: str | None
    ) -> None:
        begun(create(store), store=store, EUR="9")
        limits = Limits(cost_per_day={"EUR": Decimal(8), "USD": Decimal(7)})
        order = create(store, "order-2")
        if says is None:
            assert begun(order, store=store, limits=limits, cost=cost).state is OrderState.PLACING
            return
        with pytest.raises(LimitError, match=says):
            begun(order, store=store, limits=limits, cost=cost)
        assert store.get("order-2") == order

    def test_failed_comparison_is_recorded(self, store: Store) -> None:
        create(store)
        failed = Inventory(failing_since=START)
        store.put_inventory("telnyx", "default", failed, None)
        assert store.inventory("telnyx", "default") == failed
        assert store.reconcile_inventory("telnyx", "default", START, START + HOUR) == failed

    def test_first_order_of_a_day_is_held_to_the_limits(self, store: Store) -> None:
        order = create(store)
        for limits in (Limits(numbers_per_day=1), Limits(cost_per_day={"USD": Decimal(1)})):
            with pytest.raises(LimitError):
                begun(order, store=store, limits=limits, USD="2")
        begun(order, store=store, limits=Limits(numbers_per_day=2, cost_per_day={"USD": Decimal(2)}), USD="2")

    def test_order_counts_once_against_a_limit(self, store: Store) -> None:
        order = begun(create(store), store=store, count=3, USD="3")
        limits = Limits(numbers_per_day=4, cost_per_day={"USD": Decimal(4)})
        order = begun(order, store=store, limits=limits, count=4, USD="4")
        with pytest.raises(LimitError, match="it asks for 5 numbers, 0 were ordered"):
            begun(order, store=store, limits=limits, count=5, USD="4")

    def test_releasing_a_reservation_needs_no_room(self, store: Store) -> None:
        begun(create(store), store=store, count=9)
        order = begun(create(store, "order-2"), store=store, count=9)
        begun(order, store=store, limits=Limits(numbers_per_day=1), count=5)
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=14)

    def test_content_is_locked_by_one_order(self, store: Store) -> None:
        first = begun(create(store), store=store, content="00ff")
        second = create(store, "order-2")
        with pytest.raises(SameContentError) as same:
            begun(second, store=store, content="00ff")
        assert same.value.order_id == "order-1"
        assert store.get("order-2") == second
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=2)
        begun(create(store, "order-3"), store=store, content="00fe")
        begun(create(store, "order-4", account="second"), store=store, content="00ff")
        # It stays locked whatever else is written, and is free once it was released.
        first = changed(first, store=store, waiting_for="something")
        with pytest.raises(SameContentError):
            begun(second, store=store, content="00ff")
        first = changed(first, store=store, content_lock=None)
        begun(second, store=store, content="00ff")
        with pytest.raises(SameContentError) as same:
            changed(first, store=store, content_lock="00ff")
        assert same.value.order_id == "order-2"

    def test_failed_intent_reserves_nothing(self, store: Store) -> None:
        order = create(store)
        changed(order, store=store)
        with pytest.raises(ConflictError):
            begun(order, store=store, content="00ff", USD="1")
        assert store.spent("telnyx", "default", DAY) == Spent()
        begun(create(store, "order-2"), store=store, content="00ff")

    # The gate

    def test_new_table_has_an_open_gate(self, store: Store) -> None:
        found = store.gate()
        assert found == Gate(table_id=store.table_id()) == store.gate()
        assert gate.closed_because(found, store.table_id()) is None

    def test_first_order_finds_an_open_gate(self, store: Store) -> None:
        begun(create(store), store=store, gate=store.gate())
        assert store.gate().open is True

    def test_of_two_writers_one_writes_the_gate(self, store: Store) -> None:
        first = store.gate()
        assert store.put_gate(first, gate_entry(first)) is False
        off = switched(first, store, open=False, reason="a test", by="arn:1/alice", at=START)
        assert store.put_gate(off, gate_entry(off)) is False
        later = off._replace(version=4)
        assert store.put_gate(later, gate_entry(later)) is False
        assert store.gate() == off
        assert published(store) == [ChangeKind.PLACING_STOPPED]
        on = switched(off, store, open=True, confirmed_at=START, search_until=START + HOUR)
        assert store.gate() == on

    def test_stale_gate_places_nothing(self, store: Store) -> None:
        read = store.gate()
        first, second = create(store), create(store, "order-2")
        first = begun(first, store=store, gate=read)
        off = switched(read, store, open=False, reason="a test", by="arn:1/alice")
        with pytest.raises(GateClosedError, match="placing is switched off by alice: a test"):
            begun(second, store=store, gate=read)
        # Nor does a gate that was read closed; other writes continue.
        with pytest.raises(GateClosedError):
            begun(second, store=store, gate=off)
        changed(first, store=store, state=OrderState.PENDING)
        on = switched(off, store, open=True)
        with pytest.raises(GateClosedError, match="switched just now"):
            begun(second, store=store, gate=read)
        assert store.get("order-2") == second
        assert store.spent("telnyx", "default", DAY) == Spent(numbers=2)
        begun(second, store=store, gate=on)

    def test_gate_of_another_table_places_nothing(self, store: Store) -> None:
        read = store.gate()
        order = create(store)
        switched(read, store, table_id="another")
        assert gate.restored(store.gate(), store.table_id())
        with pytest.raises(GateClosedError, match="restored"):
            begun(order, store=store, gate=read)

    def test_gate_of_the_same_version_from_another_table_places_nothing(self, store: Store) -> None:
        """A table that was replaced in place counts versions from the start."""
        order = create(store)
        with pytest.raises(GateClosedError):
            begun(order, store=store, gate=store.gate()._replace(table_id="before"))

    # Accounts and holdings

    def test_accounts_are_those_that_were_read_and_names_those_that_orders_used(self, store: Store) -> None:
        assert store.accounts() == []
        assert store.account("telnyx", "default") is None
        create(store)
        create(store, "order-2")
        create(store, "order-3", account="second")
        create(store, "order-4", START, {"keywords": ["PIE"]}, provider="callfire")
        names = [Account("callfire", "default", named=True), Account("telnyx", "default", named=True)]
        assert store.accounts() == [*names, Account("telnyx", "second", named=True)]
        store.account_read("telnyx", "default", START)
        store.account_read("telnyx", "default", START + timedelta(days=1))
        store.account_read("telnyx", "third", START)
        assert store.account("telnyx", "default") == Account("telnyx", "default", named=True, read_at=START)
        assert store.account("telnyx", "third") == Account("telnyx", "third", read_at=START)
        create(store, "order-5", account="third")
        assert store.account("telnyx", "third") == Account("telnyx", "third", named=True, read_at=START)

    def test_account_is_retired_and_reinstated_once(self, store: Store) -> None:
        def entry(kind: ChangeKind, account: str, at: timedelta) -> Entry:
            return Entry(
                id=f"{kind.value}-{account}-{at}",
                subject=f"account/telnyx/{account}",
                position=f"{at}.{kind.value}",
                at=START + at,
                kind=kind,
                actor="ada",
                correlation_id="c",
                provider="telnyx",
                account=account,
            )

        create(store)
        hour = timedelta(hours=1)
        assert not store.retire(entry(ChangeKind.ACCOUNT_RETIRED, "default", hour)), "it is only a name"
        store.account_read("telnyx", "default", START)
        assert not store.reinstate(entry(ChangeKind.ACCOUNT_REINSTATED, "default", hour))
        assert store.retire(entry(ChangeKind.ACCOUNT_RETIRED, "default", 2 * hour))
        assert not store.retire(entry(ChangeKind.ACCOUNT_RETIRED, "default", 3 * hour))
        retired = store.account("telnyx", "default")
        assert retired is not None
        assert (retired.retired_at, retired.retired_by) == (START + 2 * hour, "ada")
        assert store.reinstate(entry(ChangeKind.ACCOUNT_REINSTATED, "default", 4 * hour))
        assert store.account("telnyx", "default") == Account("telnyx", "default", named=True, read_at=START)

    def test_gate_of_a_table_without_orders_is_open_whatever_was_read(self, store: Store) -> None:
        store.account_read("telnyx", "default", START)
        assert not gate.restored(store.gate(), store.table_id())

    def test_order_holds_its_active_unreleased_numbers(self, store: Store) -> None:
        assert list(store.holdings("telnyx", "default")) == []
        two = (number("+4930111", AssetState.ACTIVE), number("+4930222"))
        order = changed(create(store), store=store, assets=two, updated_at=START)
        assert list(store.holdings("telnyx", "default")) == [Holding("+4930111", "order-1", START)]
        keyword = Asset(kind=AssetKind.KEYWORD, value="PIE", state=AssetState.ACTIVE, provider_status="ok")
        order = changed(
            order,
            store=store,
            assets=(two[0], number("+4930222", AssetState.ACTIVE), keyword),
            updated_at=START + HOUR,
        )
        found = sorted(store.holdings("telnyx", "default"), key=lambda it: it.value)
        assert found == [
            Holding("+4930111", "order-1", START),
            Holding("+4930222", "order-1", START + HOUR),
            Holding("PIE", "order-1", START + HOUR),
        ]
        released = two[0].with_(released_at=START)
        order = changed(order, store=store, assets=(released, number("+4930222", AssetState.DELETED), keyword))
        assert [holding.value for holding in store.holdings("telnyx", "default")] == ["PIE"]
        changed(order, store=store, assets=())
        assert list(store.holdings("telnyx", "default")) == []

    def test_two_orders_can_hold_the_same_number_and_accounts_are_separate(self, store: Store) -> None:
        active = numbers(60, AssetState.ACTIVE)
        first = changed(create(store), store=store, assets=active)
        changed(create(store, "order-2"), store=store, assets=active[:1])
        changed(create(store, "order-3", account="second"), store=store, assets=active[:1])
        found = {(holding.value, holding.order_id) for holding in store.holdings("telnyx", "default")}
        assert found == {*((asset.value, "order-1") for asset in active), (active[0].value, "order-2")}
        changed(first, store=store, assets=())
        assert [holding.order_id for holding in store.holdings("telnyx", "default")] == ["order-2"]
        assert [holding.order_id for holding in store.holdings("telnyx", "second")] == ["order-3"]

    def test_account_is_compared_by_one_run(self, store: Store) -> None:
        key = ("telnyx", "default")
        assert store.inventory(*key) == Inventory()
        assert store.reconcile_inventory(*key, START, START + HOUR) == Inventory()
        assert store.reconcile_inventory(*key, START, START + HOUR) is None
        assert store.reconcile_inventory("telnyx", "second", START, START + HOUR) == Inventory()
        assert store.inventory(*key) == Inventory()
        done = Inventory(finished_at=START, table_id="t-1", differences=("foreign/+4930111", "missing/P\u00cfE"))
        entry = account_entry(ChangeKind.INVENTORY_DIFFERS)
        store.put_inventory(*key, done, entry)
        assert store.inventory(*key) == done
        assert published(store) == [ChangeKind.INVENTORY_DIFFERS]
        # Finished, or never finished: the next one begins.
        assert store.reconcile_inventory(*key, START + SECOND, START + HOUR) == done
        assert store.reconcile_inventory(*key, START + HOUR - SECOND, START + 2 * HOUR) is None
        assert store.reconcile_inventory(*key, START + HOUR, START + 2 * HOUR) == done
        store.put_inventory(*key, Inventory(finished_at=START + HOUR, table_id="t-2"), None)
        assert store.inventory(*key) == Inventory(finished_at=START + HOUR, table_id="t-2")

    def test_comparisons_of_accounts_are_read_in_one_batch(self, store: Store) -> None:
        asked = [("telnyx", "default"), ("telnyx", "second")]
        assert store.inventories(asked) == {}
        done = Inventory(finished_at=START, table_id="t-1", differences=("orphan/+4930111",))
        for account in ("default", "third"):
            store.put_inventory("telnyx", account, done, None)
        assert store.inventories(asked) == {("telnyx", "default"): done}
        assert store.inventories([]) == {}

    # Personal data

    def test_uploads_belong_to_their_order(self, store: Store) -> None:
        for file_id, owner in (("f-2", "order/order-1"), ("f-1", "order/order-1"), ("f-3", "profiles")):
            store.put_upload(upload(file_id, owner))
        store.put_upload(upload("f-4", "order/order-10"))
        assert store.uploads("order-1") == [upload("f-1"), upload("f-2")]
        assert store.uploads("order-2") == []

    def test_erasing_leaves_other_data_and_other_orders(self, store: Store) -> None:
        for order_id in ("order-1", "order-2"):
            order = create(store, order_id)
            comment = CommentSeen(id="c-1", sub_order_id="s", body="Erika", by_provider=True, at=START)
            after = order.with_(version=2, comments_seen=("c-1",), assets=numbers(3))
            store.commit(
                order, after, [], comments=[comment], kept={"1": Payload(text="Erika"), "2": Payload(text="x")}
            )
            store.put_upload(upload("f-1", f"order/{order_id}"))
            event = Webhook("e-1", "telnyx", "default", START, "00ff")
            store.keep_webhook(event, order_id, expires_at=START + timedelta(days=90))
        before, other = store.get("order-1"), store.message("order-2")
        assert store.erase("order-1") == 6
        assert store.erase("order-1") == store.erase("order-3") == 0
        assert store.message("order-1") is None
        assert store.comment("order-1", "c-1") is None
        assert store.kept("order-1", "1") is None
        assert store.uploads("order-1") == []
        assert store.kept_webhooks("order-1", DAY, after=None, limit=9).items == ()
        assert store.get("order-1") == before
        assert len(store.ledger("order-1", after=None, limit=9).items) == 1
        assert store.message("order-2") == other is not None
        assert store.comment("order-2", "c-1") == "Erika"
        assert store.kept("order-2", "2") == Payload(text="x")
        assert store.uploads("order-2") == [upload("f-1", "order/order-2")]
        assert len(store.kept_webhooks("order-2", DAY, after=None, limit=9).items) == 1

    def test_unknown_reference_is_none(self, store: Store) -> None:
        create(store)
        assert store.order_of_reference("0b0f2f0e-6c1c-5d0e-9a39-6f2f6b2a4f3d") is None

    # Receipts, comments, events

    def test_repeated_receipt_is_accepted(self, store: Store) -> None:
        order = create(store)
        receipt = Receipt("event-1", "number_order.complete", START)
        for _ in range(2):
            after = order.with_(version=order.version + 1)
            store.commit(order, after, [], receipts=[receipt, receipt])
            order = after
        assert store.get("order-1") == order

    def test_comment_is_stored_separately_and_read_back(self, store: Store) -> None:
        order = create(store)
        after = order.with_(version=2, comments_seen=("c-1",))
        seen = CommentSeen(
            id="c-1", sub_order_id="s", body="The scan is too dark \u2013 M\u00fcller", by_provider=True, at=START
        )
        store.commit(order, after, [], comments=[seen])
        assert store.comment("order-1", "c-1") == "The scan is too dark \u2013 M\u00fcller"
        assert store.comment("order-1", "c-2") is None
        assert store.comment("order-2", "c-1") is None
        assert "dark" not in repr(store.get("order-1"))

    def test_comment_is_marked_read_unless_it_was_erased(self, store: Store) -> None:
        seen = [CommentSeen(id=name, sub_order_id="s", body="?", by_provider=True, at=START) for name in ("c-1", "c-2")]
        read = [comment._replace(read=True) for comment in seen]
        first = create(store)
        second = first.with_(version=2, comments_seen=("c-1",))
        store.commit(first, second, [], comments=seen[:1])
        [kept] = store.kept_comments("order-1", after=None, limit=9).items
        assert kept.read is False
        # c-2 was seen, and no longer exists.
        third = second.with_(version=3, comments_seen=("c-1", "c-2"))
        store.commit(second, third, [])
        store.commit(third, third.with_(version=4), [], comments=read)
        [kept] = store.kept_comments("order-1", after=None, limit=9).items
        assert (kept.id, kept.read) == ("c-1", True)

    @pytest.mark.parametrize("order_id", ["order-1", None])
    def test_webhooks_are_kept_byte_for_byte(self, store: Store, order_id: str | None) -> None:
        event = Webhook("e-1", "telnyx", "default", START, "00ff", "k-1", "why", b"\x00\xff not UTF-8 \xc3\x28")
        for _ in range(2):
            store.keep_webhook(event, order_id, expires_at=START + timedelta(days=90))
        assert [item.webhook for item in store.kept_webhooks(order_id, DAY, after=None, limit=9).items] == [event]

    def test_webhook_without_an_order_is_kept_once_a_day(self, store: Store) -> None:
        def keep(came: datetime, account: str = "default") -> None:
            event = Webhook("e-1", "callfire", account, came, "00ff")
            store.keep_webhook(event, None, expires_at=came + timedelta(days=90))

        def kept(day: str) -> list[tuple[str, datetime]]:
            page = store.kept_webhooks(None, day, after=None, limit=9)
            return [(item.webhook.account, item.webhook.received_at) for item in page.items]

        for minutes in (0, 0, 1, 2):
            keep(START + timedelta(minutes=minutes))
        keep(START + timedelta(minutes=3), "second")
        assert kept(DAY) == [("default", START), ("second", START + timedelta(minutes=3))]
        tomorrow = START + timedelta(days=1)
        keep(tomorrow)
        assert kept(f"{tomorrow:%Y-%m-%d}") == [("default", tomorrow)]

    def test_receipt_is_read_as_first_written(self, store: Store) -> None:
        order = create(store)
        first, again = (Receipt("e-1", "number_order.complete", START + timedelta(minutes=each)) for each in (0, 1))
        assert store.receipt("order-1", "e-1") is None
        store.put_receipt("order-1", first)
        store.put_receipt("order-1", again)
        assert store.receipt("order-1", "e-1") == first
        assert store.receipt("order-2", "e-1") is None
        assert store.get("order-1") == order
        store.commit(order, order.with_(version=order.version + 1), [], receipts=[again])
        assert store.receipt("order-1", "e-1") == again

    def test_webhook_without_its_body_is_kept_too(self, store: Store) -> None:
        event = Webhook("e-1", "callfire", "default", START, "00ff")
        store.keep_webhook(event, None, expires_at=START + timedelta(days=90))
        assert [item.webhook for item in store.kept_webhooks(None, DAY, after=None, limit=9).items] == [event]

    def test_same_delivery_of_a_webhook_replaces_itself(self, store: Store) -> None:
        # A poll that runs again after an erasure keeps it without its body.
        event = Webhook("e-1", "telnyx", "default", START, "00ff", body=b"{}")
        erased = event._replace(body=None)
        for each in (event, erased):
            store.keep_webhook(each, "order-1", expires_at=START + timedelta(days=90))
        assert [item.webhook for item in store.kept_webhooks("order-1", DAY, after=None, limit=9).items] == [erased]

    def test_webhooks_are_read_in_order_and_from_one_place(self, store: Store) -> None:
        for index in (2, 0, 1):
            for order_id in ("order-1", "order-2", None):
                event = Webhook(f"e-{index}", "telnyx", "default", START + index * HOUR, f"{order_id}-{index}")
                store.keep_webhook(event, order_id, expires_at=START + timedelta(days=90))
        late = Webhook("e-9", "telnyx", "default", START + 24 * HOUR, "next day")
        store.keep_webhook(late, None, expires_at=START + timedelta(days=90))
        pages = paged(lambda after: store.kept_webhooks("order-1", DAY, after=after, limit=2))
        assert [[each.webhook.body_sha256 for each in page] for page in pages] == [
            ["order-1-0", "order-1-1"],
            ["order-1-2"],
        ]
        [unmatched] = paged(lambda after: store.kept_webhooks(None, DAY, after=after, limit=3))
        assert [each.webhook.body_sha256 for each in unmatched] == ["None-0", "None-1", "None-2"]
        [place] = [each.place for each in unmatched if each.webhook.webhook_id == "e-1"]
        rest = store.kept_webhooks(None, DAY, after=place, limit=3)
        assert [item.webhook.webhook_id for item in rest.items] == ["e-2"]

    def test_comments_are_read_by_id(self, store: Store) -> None:
        orders = [create(store, order_id) for order_id in ("order-1", "order-2")]
        for order in orders:
            seen = [
                CommentSeen(f"c-{name}", "s", f"{order.order_id} says {name}", by_provider=name != "b", at=START)
                for name in "cab"
            ]
            store.commit(order, order.with_(version=2), [], comments=seen)
        pages = paged(lambda after: store.kept_comments("order-1", after=after, limit=2))
        assert [[comment.id for comment in page] for page in pages] == [["c-a", "c-b"], ["c-c"]]
        assert pages[0][1] == KeptComment("c-b", "s", "order-1 says b", by_provider=False, at=START)
        assert paged(lambda after: store.kept_comments("order-3", after=after, limit=2)) == [()]

    # Payloads of operations

    def test_payload_of_an_operation_is_stored_separately_and_read_back(self, store: Store) -> None:
        order = create(store)
        street = Address(
            first_name="Erika",
            last_name="Mustermann",
            street_address="Heidestr. 17",
            locality="K\u00f6ln",
            country_code="DE",
        )
        stored = StoredFile(
            file_id="f-1",
            key="orders/1",
            version_id=None,
            content_type="application/pdf",
            size=9,
            sha256="0",
            filename="a",
        )
        kept = Payload(
            values={
                "text": TextValue(kind="text", text="Erika"),
                "date": DateValue(kind="date", date=date(1990, 2, 28)),
                "address id": AddressIdValue(kind="address_id", address_id="a-1"),
                "address": AddressValue(kind="address", address=street),
                "document id": DocumentIdValue(kind="document_id", document_id="d-1"),
                "file": FileValue(kind="file", file_id="f-1"),
                "done": DoneValue(kind="done", done=False),
            },
            files={"f-1": stored},
            text="Please give us a week.",
            made={"address": "a-2"},
        )
        store.commit(order, order.with_(version=2), [], kept={"1": kept, "2": Payload(text="")})
        assert store.kept("order-1", "1") == kept
        assert store.kept("order-1", "2") == Payload(text="")
        assert store.kept("order-1", "3") is None
        assert store.kept("order-2", "1") is None
        assert "Erika" not in repr(store.get("order-1"))

    def test_of_two_concurrent_writers_one_stores_its_payload(self, store: Store) -> None:
        order = create(store)
        store.commit(order, order.with_(version=2), [], kept={"1": Payload(text="first")})
        with pytest.raises(ConflictError):
            store.commit(
                order, order.with_(version=2), [], kept={"1": Payload(text="second"), "2": Payload(text="second")}
            )
        assert store.kept("order-1", "1") == Payload(text="first")
        assert store.kept("order-1", "2") is None

    def test_failed_claim_stores_nothing(self, store: Store) -> None:
        changed(create(store), store=store, provider_order_id="T-1")
        other = create(store, "order-2")
        with pytest.raises(ClaimedError):
            store.commit(other, other.with_(version=2, provider_order_id="T-1"), [], kept={"1": Payload(text="x")})
        assert store.kept("order-2", "1") is None

    def test_payload_is_rewritten_only_if_it_exists(self, store: Store) -> None:
        order = create(store)
        store.commit(order, order.with_(version=2), [], kept={"1": Payload(text="x")})
        store.keep("order-1", "1", Payload(text="x", made={"r": "a-1"}))
        store.keep("order-1", "2", Payload(text="x"))
        assert store.kept("order-1", "1") == Payload(text="x", made={"r": "a-1"})
        assert store.kept("order-1", "2") is None

    # Lists

    def test_order_is_on_exactly_its_lists(self, store: Store) -> None:
        create(store)
        for partition in (f"state/received/{MONTH}", f"provider/telnyx/{MONTH}", f"country/US/{MONTH}", "open"):
            assert listed(store, partition) == ["order-1"], partition
        for partition in (
            f"state/pending/{MONTH}",
            "state/received/2026-10",
            f"provider/telesign/{MONTH}",
            f"country/DE/{MONTH}",
            "attention",
            "deadline",
            f"metadata/{lists.metadata_key('x')}/{MONTH}",
        ):
            assert listed(store, partition) == [], partition

    def test_order_moves_between_lists(self, store: Store) -> None:
        order = changed(create(store), store=store, state=OrderState.UNKNOWN, not_found_notified=True)
        assert listed(store, f"state/received/{MONTH}") == []
        assert (
            listed(store, f"state/unknown/{MONTH}")
            == listed(store, "open")
            == listed(store, "attention")
            == ["order-1"]
        )
        order = changed(order, store=store, state=OrderState.PENDING, assets=abroad("DE", "FR"))
        assert listed(store, "attention") == []
        assert listed(store, f"country/FR/{MONTH}") == listed(store, f"country/US/{MONTH}") == ["order-1"]
        changed(order, store=store, state=OrderState.COMPLETED, assets=abroad("DE"))
        assert listed(store, "open") == listed(store, f"country/FR/{MONTH}") == []
        assert listed(store, f"state/completed/{MONTH}") == listed(store, f"country/DE/{MONTH}") == ["order-1"]

    def test_order_is_listed_by_its_metadata(self, store: Store) -> None:
        key = lists.metadata_key("customer-7")
        changed(create(store), store=store, metadata_key=key)
        assert listed(store, f"metadata/{key}/{MONTH}") == ["order-1"]

    def test_lists_are_in_order_of_time(self, store: Store) -> None:
        for index in (3, 0, 4, 2, 1):
            order = create(store, f"order-{index}", START + index * HOUR)
            changed(order, store=store, deadlines=(deadline(START - index * HOUR),))
        names = [f"order-{index}" for index in range(5)]
        assert listed(store, "open", newest_first=False) == names
        assert listed(store, "open") == listed(store, "deadline", newest_first=False) == names[::-1]

    def test_deadlines_are_listed_up_to_a_time(self, store: Store) -> None:
        for index in range(4):
            changed(create(store, f"order-{index}"), store=store, deadlines=(deadline(START + index * HOUR),))
        until = "2026-11-22T10:00:00.000000Z"
        assert listed(store, "deadline", newest_first=False, until=until) == ["order-0", "order-1"]
        # A page ends at the bound, whatever cursor it continues from.
        for limit in (1, 2, 5):
            pages = paged(
                lambda after, limit=limit: store.list_orders(  # type: ignore[misc]
                    "deadline", after=after, until=until, newest_first=False, limit=limit
                )
            )
            assert [each.order_id for page in pages for each in page] == ["order-0", "order-1"]
        at = f"{until}#order-2"
        assert listed(store, "deadline", newest_first=False, until=at) == ["order-0", "order-1"]
        first = store.list_orders("deadline", after=None, until=at, newest_first=False, limit=1)
        rest = store.list_orders("deadline", after=first.after, until=at, newest_first=False, limit=1)
        assert ([item.order_id for item in rest.items], rest.after) == (["order-1"], None)
        for after in (until, at, "2027"):
            beyond = store.list_orders("deadline", after=after, until=until, newest_first=False, limit=1)
            assert (beyond.items, beyond.after) == ((), None)

    def test_moved_or_missed_deadline_moves_its_order_in_the_list(self, store: Store) -> None:
        first, second = create(store, "order-1"), create(store, "order-2")
        first = changed(first, store=store, deadlines=(deadline(START + HOUR),))
        changed(second, store=store, deadlines=(deadline(START + 2 * HOUR),))
        assert listed(store, "deadline", newest_first=False) == ["order-1", "order-2"]
        first = changed(first, store=store, deadlines=(deadline(START + 3 * HOUR, version=2),))
        assert listed(store, "deadline", newest_first=False) == ["order-2", "order-1"]
        changed(first, store=store, deadlines=(deadline(START + 3 * HOUR, version=2, missed=True),))
        assert listed(store, "deadline", newest_first=False) == ["order-2"]
        assert listed(store, "attention") == ["order-1"]

    def test_orders_of_a_list_are_counted(self, store: Store) -> None:
        assert store.count("open") == Counted(0)
        orders = [create(store, f"order-{index}") for index in range(5)]
        changed(orders[0], store=store, state=OrderState.CANCELLED)
        assert store.count("open") == Counted(4)
        assert store.count(f"state/received/{MONTH}") == Counted(4)
        assert store.count(f"state/cancelled/{MONTH}") == Counted(1)
        assert store.count("state/received/2026-10") == Counted(0)

    def test_oldest_waiting_order_is_known(self, store: Store) -> None:
        assert store.oldest("held") is None
        orders = [
            changed(
                create(store, f"order-{index}", START + index * HOUR), store=store, waiting_since=START - index * HOUR
            )
            for index in range(4)
        ]
        assert store.oldest("held") == START - 3 * HOUR
        assert store.oldest("open") == START
        assert store.oldest("unknown") is None
        changed(orders[3], store=store, state=OrderState.UNKNOWN, unknown_since=START + SECOND)
        assert store.oldest("held") == START - 2 * HOUR
        assert store.oldest("unknown") == START + SECOND
        assert listed(store, "held", newest_first=False) == ["order-2", "order-1", "order-0"]

    @pytest.mark.parametrize("newest_first", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
    def test_pages_contain_every_order_once(self, store: Store, limit: int, *, newest_first: bool) -> None:
        # Pairs of orders were received at the same moment.
        names = [f"order-{index}" for index in range(7)]
        for index, name in enumerate(names):
            create(store, name, START + index // 2 * HOUR)
        pages = paged(lambda after: store.list_orders("open", after=after, newest_first=newest_first, limit=limit))
        assert [each.order_id for page in pages for each in page] == (names[::-1] if newest_first else names)
        assert len(pages) == -(-len(names) // limit)

    def test_list_shows_current_orders(self, store: Store) -> None:
        after = changed(
            create(store),
            store=store,
            state=OrderState.ACTION_REQUIRED,
            provider_order_id="T-1",
            provider_status="pending",
            deadlines=(deadline(START + HOUR), deadline(START, missed=True)),
            updated_at=START + SECOND,
        )
        [summary] = store.list_orders("open", after=None, newest_first=True, limit=10).items
        assert summary == lists.Summary(
            order_id="order-1",
            provider="telnyx",
            account="default",
            state=OrderState.ACTION_REQUIRED,
            provider_order_id="T-1",
            provider_status="pending",
            received_at=START,
            updated_at=START + SECOND,
            next_deadline=START + HOUR,
            attention=("waiting_at_provider", "deadline_missed"),
        )
        changed(after, store=store, state=OrderState.CANCELLED, ended_at=START + HOUR, deadlines=())
        [summary] = store.list_orders(f"state/cancelled/{MONTH}", after=None, newest_first=True, limit=10).items
        assert (summary.ended_at, summary.next_deadline, summary.attention) == (START + HOUR, None, ())

    def test_failed_commit_leaves_the_lists_unchanged(self, store: Store) -> None:
        order = create(store)
        changed(order, store=store, provider_order_id="T-1")
        with pytest.raises(ConflictError):
            changed(order, store=store, state=OrderState.CANCELLED)
        other = create(store, "order-2")
        with pytest.raises(ClaimedError):
            changed(other, store=store, state=OrderState.PENDING, provider_order_id="T-1")
        assert listed(store, f"state/received/{MONTH}") == listed(store, "open") == ["order-2", "order-1"]
        assert listed(store, f"state/cancelled/{MONTH}") == listed(store, f"state/pending/{MONTH}") == []

    def test_largest_combination_of_changes_is_one_commit(self, store: Store) -> None:
        some = [f"A{letter}" for letter in "ABCDEFGHIJ"]
        others = [f"B{letter}" for letter in "ABCDEFGHIJ"]
        assert len(some) == lists.MAX_COUNTRIES
        order = create(store, "order-1", START, metadata={"customer": 7})
        order = changed(
            order,
            store=store,
            assets=(*abroad(*some), *numbers(600)),
            metadata_key="0",
            deadlines=(deadline(START),),
            waiting_since=START,
            reserved=Reservation(day="2026-11-21", numbers=1),
        )
        after = order.with_(
            version=order.version + 1,
            state=OrderState.UNKNOWN,
            unknown_since=START,
            unreadable_since=START,
            not_found_notified=True,
            assets=(*abroad(*others), *numbers(600, AssetState.UNKNOWN)),
            metadata_key="1",
            deadlines=(deadline(START, missed=True),),
            provider_order_id="T-1",
            duplicates=("T-2",),
            reserved=Reservation(day=DAY, numbers=1),
            content_lock="00ff",
        )
        stored = store.commit(
            order,
            after,
            entries(after, *[UNKNOWN] * MAX_ENTRIES),
            receipts=[Receipt("e-1", "number_order.complete", START)],
            kept={f"{index}": Payload(text="x") for index in range(operations.MAX_OPEN)},
            limits=Limits(numbers_per_day=1),
            gate=store.gate(),
        )
        assert store.get("order-1") == stored
        assert [country for country in (*some, *others) if listed(store, f"country/{country}/{MONTH}")] == others
        for entered in (f"metadata/1/{MONTH}", "attention", "unknown", "unreadable"):
            assert listed(store, entered) == ["order-1"], entered
        for left in (f"metadata/0/{MONTH}", "held", "deadline"):
            assert listed(store, left) == [], left
        assert store.kept("order-1", "19") == Payload(text="x")

    # Profiles and files

    def test_of_two_writers_one_writes_the_profile(self, store: Store) -> None:
        first = profile()
        assert store.profile(first.key) is None
        assert store.put_profile(profile(2)) is False
        assert store.put_profile(first) is True
        assert store.put_profile(profile()) is False
        assert store.put_profile(profile(2)) is True
        assert store.put_profile(profile(2)) is False
        assert store.put_profile(profile(4)) is False
        assert store.profile(first.key) == profile(2)

    def test_profile_is_deleted_once_and_can_be_written_again(self, store: Store) -> None:
        key = profile().key
        assert store.delete_profile(key) is False
        store.put_profile(profile())
        assert store.delete_profile(key) is True
        assert store.delete_profile(key) is False
        assert store.profile(key) is None
        assert store.put_profile(profile(2)) is False
        assert store.put_profile(profile()) is True

    def test_profiles_are_read_by_provider(self, store: Store) -> None:
        for account in ("second", "default"):
            for number_type in ("national", "local", "mobile"):
                store.put_profile(profile(number_type=number_type, account=account))
        store.put_profile(profile(provider="telesign"))
        pages = paged(lambda after: store.profiles("telnyx", after=after, limit=4))
        keys = [[(each.key.account, each.key.number_type) for each in page] for page in pages]
        assert keys == [
            [("default", "local"), ("default", "mobile"), ("default", "national"), ("second", "local")],
            [("second", "mobile"), ("second", "national")],
        ]
        assert [len(page) for page in paged(lambda after: store.profiles("telesign", after=after, limit=1))] == [1]

    @pytest.mark.parametrize("owner", ["order/order-1", "profiles"])
    def test_file_is_known_to_its_owner_only(self, store: Store, owner: str) -> None:
        sent = upload("f-1", owner)
        store.put_upload(sent)
        assert store.upload(owner, "f-1") == sent
        stored = StoredFile(
            file_id="f-1",
            key="k/f-1",
            version_id="v-1",
            content_type="application/pdf",
            size=9,
            sha256="00",
            filename="scan.pdf",
        )
        store.pin_upload(sent.with_(stored=stored))
        assert store.upload(owner, "f-1") == sent.with_(stored=stored)
        store.pin_upload(sent.with_(file_id="f-2"))
        for other in ({"order/order-1", "order/order-2", "profiles"} - {owner}) | {"order/"}:
            assert store.upload(other, "f-1") is None
        assert store.upload(owner, "f-2") is None

    # Ledger and publishing

    def test_only_events_wait_to_be_published(self, store: Store) -> None:
        order = create(store)  # OrderReceived stays in the ledger.
        assert published(store) == []
        moved = Change(kind=ChangeKind.ORDER_MOVED, data={"from": "received"})
        changed(order, UNKNOWN, moved, store=store)
        assert published(store) == [ChangeKind.ORDER_UNKNOWN]

    def test_entry_round_trips(self, store: Store) -> None:
        data: dict[str, JsonValue] = {
            "rate": 0.1,
            "none": None,
            "list": [1, "two", {"three": 3.0}],
            "true": True,
            "text": "",
        }
        order = create(store).with_(version=2)
        change = UNKNOWN.with_(data={**data, "searching": True}, comment_ids=("c-1", "c-2"), key="k")
        [entry] = entries(order, change)
        store.commit(order.with_(version=1), order, [entry])
        assert [row.entry for row in store.unpublished(START + SECOND, 10)] == [entry]

    def test_publishing_mark_is_removed_once_and_for_good(self, store: Store) -> None:
        changed(create(store), UNKNOWN, store=store)
        [row] = store.unpublished(START + SECOND, 10)
        store.mark_published(row.key)
        store.mark_published(row.key)
        assert published(store) == []

    def test_only_entries_older_than_requested_are_unpublished(self, store: Store) -> None:
        changed(create(store), UNKNOWN, store=store)
        assert store.unpublished(START, 10) == []
        assert len(store.unpublished(START + timedelta(microseconds=1), 10)) == 1

    def test_oldest_unpublished_entry_is_known(self, store: Store) -> None:
        assert store.oldest_unpublished() is None
        for minutes in (3, 1, 2, 5, 4):
            at = START + timedelta(minutes=minutes)
            store.record(account_entry(BLOCKED, at, message=f"{minutes}"))
        assert store.oldest_unpublished() == START + timedelta(minutes=1)
        [first] = store.unpublished(START + timedelta(minutes=2), 10)
        store.mark_published(first.key)
        assert store.oldest_unpublished() == START + timedelta(minutes=2)

    def test_entry_without_a_commit_is_recorded_once(self, store: Store) -> None:
        first = account_entry(BLOCKED, message="first")
        store.record(first)
        store.record(first.with_(message="second"))
        assert [row.entry.message for row in store.unpublished(START + SECOND, 10)] == ["first"]

    def test_ledger_is_never_overwritten(self, store: Store) -> None:
        order = create(store)
        changed(order, UNKNOWN, store=store)
        # A faulty writer: the current order, and an entry at a position that is taken.
        forged = entries(order.with_(version=2), UNKNOWN.with_(data={"why": "forged", "searching": True}))
        with pytest.raises((ConflictError, AssertionError)):
            store.commit(order.with_(version=2), order.with_(version=3), forged)
        assert [row.entry.data["why"] for row in store.unpublished(START + SECOND, 10)] == ["lost"]

    def test_ledger_is_read_in_order_with_refusals_last(self, store: Store) -> None:
        order = create(store)
        create(store, "order-2")
        refusal = Entry(
            id="r",
            subject="order/order-1",
            position="refused.m-1",
            at=START,
            kind=ChangeKind.ORDER_REFUSED,
            actor="test",
            correlation_id="c",
        )
        store.record(refusal)
        order = changed(order, UNKNOWN, UNKNOWN.with_(data={"why": "twice", "searching": True}), store=store)
        changed(order, Change(kind=ChangeKind.ORDER_MOVED), store=store)
        pages = paged(lambda after: store.ledger("order-1", after=after, limit=2))
        kinds = [[entry.kind for entry in page] for page in pages]
        assert kinds == [
            [ChangeKind.ORDER_RECEIVED, ChangeKind.ORDER_UNKNOWN],
            [ChangeKind.ORDER_UNKNOWN, ChangeKind.ORDER_MOVED],
            [ChangeKind.ORDER_REFUSED],
        ]
        assert pages[2][0] == refusal
        [rest] = paged(lambda after: store.ledger("order-1", after=after or pages[1][1].position, limit=9))
        assert rest == (refusal,)

    # Health

    def test_last_sweep_replaces_the_one_before(self, store: Store) -> None:
        assert store.sweep() is None
        for at in (START, START + SECOND):
            sent = {"order-1": OnItsWay(wake_at=START, until=at)} if at > START else {}
            queues = {"sync": QueueSeen(waiting=None, since=START)}
            seen = Sweep(at=at, woken=1, overdue_seconds=2, queues=queues, on_their_way=sent)
            store.put_sweep(seen)
            assert store.sweep() == seen

    def test_health_of_an_account_is_written_over_the_version_before_it(self, store: Store) -> None:
        assert store.health("telnyx", "default") == Health()
        first = Health(version=1, written_at=START, webhook_at=START, polls=3, failed=1, error="HTTP 503")
        assert store.put_health("telnyx", "default", first) is True
        assert store.put_health("telnyx", "default", first) is False
        second = first._replace(version=2, polls=4)
        assert store.put_health("telnyx", "default", second) is True
        assert store.put_health("telnyx", "default", second._replace(version=4)) is False
        assert store.health("telnyx", "default") == second
        assert store.healths([("telnyx", "default"), ("telnyx", "other")]) == {("telnyx", "default"): second}

    # Vettings

    def test_vetting_is_counted_once_with_the_commit_that_ends_it(self, store: Store) -> None:
        since = {"DE/local": Vetting(since=START), "FR/mobile": Vetting(since=START)}
        order = changed(create(store), store=store, vettings=since)
        assert store.vettings("telnyx", [MONTH]) == []
        german = Vetting(since=START, ended_at=START + 2 * HOUR, delivered=True)
        before, order = order, changed(order, store=store, vettings=since | {"DE/local": german})
        counted = {"DE/local/ended": 1, "DE/local/delivered": 1, "DE/local/seconds": 7200, "DE/local/1": 1}
        assert store.vettings("telnyx", [MONTH]) == [counted]
        with pytest.raises(ConflictError):
            changed(before, store=store, vettings=since | {"DE/local": german})
        order = changed(order, store=store, waiting_for="something else")
        assert store.vettings("telnyx", [MONTH]) == [counted]
        december = Vetting(since=START, ended_at=START + timedelta(days=20))
        changed(order, store=store, vettings={"DE/local": german, "FR/mobile": december})
        other = changed(create(store, "order-2"), store=store, vettings=since)
        changed(other, store=store, vettings={"DE/local": german.with_(ended_at=START + 3 * HOUR)})
        both = {"DE/local/ended": 2, "DE/local/delivered": 2, "DE/local/seconds": 18_000, "DE/local/1": 2}
        assert store.vettings("telnyx", ["2026-10", MONTH]) == [both]
        assert store.vettings("telnyx", ["2026-12"]) == [{"FR/mobile/ended": 1}]
        assert store.vettings("callfire", [MONTH]) == []

    def test_all_vettings_of_an_order_may_end_at_once(self, store: Store) -> None:
        kinds = [f"{one}{other}/toll_free" for one in "ABCDEFGHIJ" for other in "VWXYZ"]
        assert len(kinds) == MAX_KINDS
        order = changed(create(store), store=store, vettings={kind: Vetting(since=START) for kind in kinds})
        ended = Vetting(since=START, ended_at=START + HOUR, delivered=True)
        changed(order, store=store, vettings=dict.fromkeys(kinds, ended))
        [counted] = store.vettings("telnyx", [MONTH])
        assert {name: counted[f"{name}/0"] for name in kinds} == dict.fromkeys(kinds, 1)
        assert len(counted) == 4 * MAX_KINDS

    # What callers did

    def test_what_callers_did_is_listed_by_month_over_all_subjects(self, store: Store) -> None:
        ada, bob = "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:user/bob"
        order = create(store)
        after = order.with_(version=2)
        by_ada = [entry.with_(actor=ada, at=START + HOUR) for entry in entries(after, UNKNOWN, UNKNOWN)]
        store.commit(order, after, [*by_ada, entries(after, UNKNOWN)[0].with_(position="0000000002.002")])
        read = store.gate()
        store.put_gate(
            read._replace(version=read.version + 1),
            gate_entry(read).with_(actor=bob, at=START + 2 * HOUR),
        )
        store.account_read("telnyx", "default", START)
        december = START + timedelta(days=10)
        assert store.retire(account_entry(ChangeKind.ACCOUNT_RETIRED, december).with_(actor=ada))

        def listed(month: str, actor: str | None = None, limit: int = 10) -> list[tuple[str, str]]:
            pages = paged(lambda after: store.activity(month, actor, after=after, limit=limit))
            return [(entry.subject, entry.position) for page in pages for entry in page]

        november = [
            ("desk/placing", gate_entry(read).position),
            ("order/order-1", "0000000002.001"),
            ("order/order-1", "0000000002.000"),
        ]
        assert listed(MONTH) == listed(MONTH, limit=1) == november
        assert listed(MONTH, ada) == november[1:]
        assert listed(MONTH, bob) == november[:1]
        assert [subject for subject, _ in listed("2026-12")] == ["account/telnyx/default"]
        assert listed("2026-10") == listed(MONTH, "arn:aws:iam::123456789012:user/eve") == []
        # Personal data is not part of it.
        store.erase("order-1")
        assert listed(MONTH) == november

    # What is due

    def test_due_orders_include_long_overdue_ones(self, store: Store) -> None:
        for order_id, wake_at in {"now": START, "late": START - timedelta(days=400), "later": START + SECOND}.items():
            changed(create(store, order_id), store=store, wake_at=wake_at)
        due = [(item.order_id, item.place) for item in store.due(WakeKind.PLACE, START, 800)]
        assert due == [("late", instant_text(START - timedelta(days=400))), ("now", instant_text(START))]
        assert [item.order_id for item in store.due(WakeKind.PLACE, START, 1)] == ["late"]

    def test_order_is_due_on_the_queue_of_its_kind(self, store: Store) -> None:
        changed(create(store, "poll"), store=store, wake_at=START, state=OrderState.PENDING)
        waits = changed(create(store, "place"), store=store, wake_at=START)
        deadline = Deadline(id="1", sub_order_id="", version=1, value=START, numbers=0, confirmed_at=START, own=True)
        changed(create(store, "deadline"), store=store, wake_at=START, deadlines=(deadline,))
        changed(create(store, "on_its_way"), store=store, wake_at=START, sweep_at=START)
        for kind in WakeKind:
            assert [item.order_id for item in store.due(kind, START, 800)] == [kind.value]
        changed(waits, store=store, wake_at=START, state=OrderState.UNKNOWN)
        assert {item.order_id for item in store.due(WakeKind.POLL, START, 800)} == {"poll", "place"}
        assert store.due(WakeKind.PLACE, START, 800) == []

    def test_order_whose_wake_was_not_sent_is_due_again(self, store: Store) -> None:
        order = changed(create(store), store=store, wake_at=START, sweep_at=START + HOUR)
        assert store.due(WakeKind.PLACE, START, 800) == []
        [due] = store.due(WakeKind.ON_ITS_WAY, START, 800)
        assert due.place == instant_text(START)
        assert store.not_sent(order)
        assert store.get("order-1") == order.with_(sweep_at=None), "it is due as before"
        assert store.due(WakeKind.ON_ITS_WAY, START, 800) == []
        assert [due.order_id for due in store.due(WakeKind.PLACE, START, 800)] == ["order-1"]
        after = changed(order, store=store, wake_at=START + SECOND, sweep_at=START + HOUR)
        assert store.get("order-1") == after
        assert not store.not_sent(order), "it was written in between"
        assert store.due(WakeKind.PLACE, START + HOUR, 800) == []
        assert [due.order_id for due in store.due(WakeKind.ON_ITS_WAY, START + HOUR, 800)] == ["order-1"]
        assert not store.not_sent(order.with_(order_id="never-heard-of"))

    def test_what_is_due_of_many_orders_is_read_together(self, store: Store) -> None:
        changed(create(store, "waits"), store=store, wake_at=None)
        changed(create(store, "sent"), store=store, wake_at=START, sweep_at=START + HOUR, state=OrderState.PENDING)
        assert store.waking(["waits", "sent", "never-heard-of", "sent"]) == {
            "waits": Waking("waits", OrderState.RECEIVED, START, None, None),
            "sent": Waking("sent", OrderState.PENDING, START, START, START + HOUR),
        }
        assert store.waking([]) == {}

    def test_unreadable_order_is_postponed(self, store: Store) -> None:
        changed(create(store), store=store, wake_at=START)
        [due] = store.due(WakeKind.PLACE, START, 800)
        assert store.put_off(due, START + HOUR)
        assert store.due(WakeKind.PLACE, START, 800) == []
        assert not store.put_off(due, START + 2 * HOUR), "another sweep did in between"
        [later] = store.due(WakeKind.PLACE, START + HOUR, 800)
        assert later.place == instant_text(START + HOUR)
        assert not store.put_off(Due("never-heard-of", later.place), START + HOUR)

    def test_order_without_a_wake_is_never_due(self, store: Store) -> None:
        order = changed(create(store), store=store, wake_at=None)
        assert not [due for kind in WakeKind for due in store.due(kind, START + timedelta(days=400), 800)]
        assert store.get("order-1") == order

    def test_wake_can_come_back(self, store: Store) -> None:
        order = changed(create(store), store=store, wake_at=None)
        changed(order, store=store, wake_at=START)
        assert [item.order_id for item in store.due(WakeKind.PLACE, START, 800)] == ["order-1"]

    # Accounts

    def test_account_never_blocked_has_no_state(self, store: Store) -> None:
        assert store.account_state("telnyx", "default") is None

    def test_of_two_writers_one_blocks_an_account(self, store: Store) -> None:
        assert store.block(account_entry(BLOCKED), "no funds", START + SECOND) is True
        assert store.block(account_entry(BLOCKED, START + SECOND), "no key", START + HOUR) is False
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert (state.blocked, state.reason, state.since, state.probe_at) == (True, "no funds", START, START + SECOND)
        assert published(store) == [BLOCKED]
        assert store.account_state("telnyx", "second") is None

    def test_of_two_writers_one_unblocks_an_account(self, store: Store) -> None:
        assert store.unblock(account_entry(UNBLOCKED)) is False
        store.block(account_entry(BLOCKED), "no funds", START)
        assert store.unblock(account_entry(UNBLOCKED)) is True
        assert store.unblock(account_entry(UNBLOCKED, START + SECOND)) is False
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert state.blocked is False

    def test_account_can_be_blocked_again(self, store: Store) -> None:
        store.block(account_entry(BLOCKED), "no funds", START)
        store.unblock(account_entry(UNBLOCKED))
        assert store.block(account_entry(BLOCKED, START + HOUR), "no key", START + HOUR) is True
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert (state.blocked, state.reason, state.since) == (True, "no key", START + HOUR)
        assert published(store) == [BLOCKED, BLOCKED]

    def test_states_of_accounts_are_read_in_one_batch(self, store: Store) -> None:
        asked = [("telnyx", "default"), ("telnyx", "second"), ("callfire", "default")]
        assert store.account_states(asked) == {}
        store.block(account_entry(BLOCKED), "no funds", START + SECOND)
        store.block(account_entry(BLOCKED, account="third"), "no key", START + SECOND)
        no_funds = AccountState(blocked=True, reason="no funds", since=START, probe_at=START + SECOND)
        assert store.account_states(asked) == {("telnyx", "default"): no_funds}

    def test_probe_is_taken_by_one(self, store: Store) -> None:
        store.block(account_entry(BLOCKED), "no funds", START + SECOND)
        assert store.take_probe("telnyx", "default", START, START + HOUR) is False  # too early
        assert store.take_probe("telnyx", "default", START + SECOND, START + HOUR) is True
        assert store.take_probe("telnyx", "default", START + SECOND, START + HOUR) is False
        assert store.take_probe("telnyx", "default", START + HOUR, START + 2 * HOUR) is True

    def test_probe_is_passed_on_by_its_holder(self, store: Store) -> None:
        store.pass_probe("telnyx", "default", START, START)  # there is nothing to pass on
        store.block(account_entry(BLOCKED), "no funds", START)
        store.take_probe("telnyx", "default", START, START + HOUR)
        store.pass_probe("telnyx", "default", START + 2 * HOUR, START)  # another order has it by now
        assert store.take_probe("telnyx", "default", START + SECOND, START + HOUR) is False
        store.pass_probe("telnyx", "default", START + HOUR, START + SECOND)
        assert store.take_probe("telnyx", "default", START + SECOND, START + HOUR) is True
        store.unblock(account_entry(UNBLOCKED))
        store.pass_probe("telnyx", "default", START + HOUR, START + SECOND)
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert (state.blocked, state.probe_at) == (False, START + HOUR)

    def test_unblocked_account_is_not_probed(self, store: Store) -> None:
        assert store.take_probe("telnyx", "default", START, START + HOUR) is False
        store.block(account_entry(BLOCKED), "no funds", START)
        store.unblock(account_entry(UNBLOCKED))
        assert store.take_probe("telnyx", "default", START, START + HOUR) is False

    # Call slots

    def test_slots_are_spaced(self, store: Store) -> None:
        waits = [store.take_slot("callfire", "default", START, SECOND, 3 * SECOND) for _ in range(3)]
        assert waits == [0 * SECOND, SECOND, 2 * SECOND]
        # Unused time is not saved up.
        assert store.take_slot("callfire", "default", START + HOUR, SECOND, 3 * SECOND) == 0 * SECOND
        assert store.take_slot("callfire", "default", START + HOUR, SECOND, 3 * SECOND) == SECOND

    def test_slot_beyond_the_patience_is_not_taken(self, store: Store) -> None:
        for _ in range(4):
            store.take_slot("callfire", "default", START, SECOND, 3 * SECOND)
        for _ in range(2):
            with pytest.raises(SlotBusyError) as busy:
                store.take_slot("callfire", "default", START, SECOND, 3 * SECOND)
            assert busy.value.retry_after == 4 * SECOND
        assert store.take_slot("callfire", "second", START, SECOND, 3 * SECOND) == 0 * SECOND

    def test_unspaced_call_waits_and_takes_no_slot(self, store: Store) -> None:
        for _ in range(2):
            assert store.take_slot("telnyx", "default", START, 0 * SECOND, SECOND) == 0 * SECOND
        store.push_slot("telnyx", "default", START + SECOND)
        for _ in range(2):
            assert store.take_slot("telnyx", "default", START, 0 * SECOND, SECOND) == SECOND

    def test_pushed_slot_holds_all_callers_back_and_never_moves_earlier(self, store: Store) -> None:
        store.push_slot("telnyx", "default", START + 30 * SECOND)
        store.push_slot("telnyx", "default", START + 10 * SECOND)
        with pytest.raises(SlotBusyError) as busy:
            store.take_slot("telnyx", "default", START, 0 * SECOND, 3 * SECOND)
        assert busy.value.retry_after == 30 * SECOND
        assert store.take_slot("telnyx", "default", START + 30 * SECOND, SECOND, 3 * SECOND) == 0 * SECOND

    # Messages to people

    def test_messages_are_counted_separately_up_to_their_bounds(self, store: Store) -> None:
        taken = [store.count_message("usual/order/order-1", START, 2) for _ in range(4)]
        assert taken == [True, True, False, False]
        assert store.count_message("usual/order/order-2", START, 2)
        assert store.count_message("usual/order/order-1", START + timedelta(hours=1), 2)
        assert store.count_message("usual/order/order-1", START, 3), "refused messages were not counted"
        assert store.count_message("x" * 2000, START, 1)

    def test_events_left_to_a_summary_are_read_when_due_and_removed(self, store: Store) -> None:
        def held(name: str, minutes: int) -> HeldBack:
            due = START + timedelta(minutes=minutes)
            return HeldBack(id=name, due=due, title="Order held", about="order-1", noun="order", deadline="")

        many = [held(f"{number:03}", 10) for number in range(60)]
        store.hold_back([held("a", 60), *many])
        store.hold_back([held("a", 60), held("a", 60), held("b", 0)])
        assert store.held_back(START, 10) == [held("b", 0)]
        assert store.held_back(START + timedelta(minutes=10), 100) == [held("b", 0), *many]
        assert store.held_back(START + timedelta(minutes=60), 5) == [held("b", 0), *many[:4]]
        store.drop_held_back([held("b", 0), *many, held("gone", 0)])
        assert store.held_back(START + timedelta(minutes=60), 100) == [held("a", 60)]
        store.hold_back([])
        store.drop_held_back([])
