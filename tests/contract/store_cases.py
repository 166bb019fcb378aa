"""What the order table must do, as one set of cases: the memory double and the real table pass the same ones.

A store's test class inherits `StoreContract` and supplies the fixture `store`, empty for each case.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from numberdesk.domain.order import Asset, Attempt, Change, Deadline
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.words import AssetKind, AssetState, ChangeKind, OrderState
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import ClaimedError, ConflictError, RawEvent, Receipt
from tests.support.builders import START, account_entry, entries, message, received

if TYPE_CHECKING:
    from numberdesk.domain.order import Order
    from numberdesk.services.ports import Store

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
UNKNOWN = Change(kind=ChangeKind.ORDER_UNKNOWN, data={"why": "lost"}, message="It was lost.", people=True)
BLOCKED, UNBLOCKED = ChangeKind.PROVIDER_ACCOUNT_BLOCKED, ChangeKind.ACCOUNT_UNBLOCKED


def create(store: Store, order_id: str = "order-1", **fields: object) -> Order:
    """Record a new order, due at once, and give it."""
    sent = message(order_id, **fields)  # type: ignore[arg-type]
    order, changes = received(sent)
    assert store.create(order, sent, entries(order, *changes))
    return order


def changed(order: Order, *changes: Change, store: Store, **fields: object) -> Order:
    """Commit an order with some fields changed, and give it as it should be stored."""
    after = order.with_(version=order.version + 1, **fields)
    store.commit(order, after, entries(after, *changes))
    numbers_version = after.version if after.assets != order.assets else order.numbers_version
    return after.with_(numbers_version=numbers_version)


def number(value: str, state: AssetState = AssetState.PENDING) -> Asset:
    return Asset(value=value, state=state, word=state.value)


def published(store: Store) -> list[ChangeKind]:
    """Name the events that are not on the bus yet."""
    return sorted(row.entry.kind for row in store.unpublished(START + timedelta(days=1), 100))


class StoreContract:
    """The cases."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    # Orders

    def test_order_that_is_not_there_is_none(self, store: Store) -> None:
        assert store.get("order-1") is None
        assert store.message("order-1") is None

    def test_new_order_reads_as_it_was_written(self, store: Store) -> None:
        order = create(store)
        assert store.get("order-1") == order
        assert store.message("order-1") == message("order-1")
        assert store.order_of_reference(order.reference) == "order-1"

    def test_order_id_is_taken_once(self, store: Store) -> None:
        first = create(store)
        other = message("order-1", {"numbers": ["+13125550100"]})
        order, changes = received(other, START + HOUR)
        assert store.create(order, other, entries(order, *changes)) is False
        assert store.get("order-1") == first
        assert store.message("order-1") == message("order-1")

    def test_every_field_of_an_order_survives(self, store: Store) -> None:
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
            gone=("+13125550100",),
            people_told=True,
            deadlines=(
                Deadline(id="1", sub_order_id="s", version=2, value=odd, numbers=3, confirmed_at=odd, fired=("P1D",)),
            ),
            hint_looks=(odd, odd + SECOND),
            assets=(number("+13125550100"), Asset(kind=AssetKind.KEYWORD, value="PIE", state="unknown", word="")),
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

    def test_order_that_was_never_created_cannot_be_committed(self, store: Store) -> None:
        order, _ = received(message("order-1"))
        with pytest.raises(ConflictError):
            changed(order, store=store)
        assert store.get("order-1") is None

    def test_numbers_and_row_are_read_as_they_belong_together(self, store: Store) -> None:
        order = create(store)
        with_numbers = changed(order, store=store, assets=(number("+13125550100"),))
        assert store.get("order-1") == with_numbers
        # A commit that leaves the numbers alone leaves them where they are.
        waiting = changed(with_numbers, store=store, waiting_for="something")
        assert store.get("order-1") == waiting
        delivered = changed(waiting, store=store, assets=(number("+13125550100", AssetState.ACTIVE),))
        assert store.get("order-1") == delivered
        emptied = changed(delivered, store=store, assets=())
        assert store.get("order-1") == emptied

    def test_250_numbers_survive(self, store: Store) -> None:
        order = create(store)
        many = tuple(number(f"+1312555{index:04}") for index in range(250))
        full = changed(order, store=store, assets=many)
        assert store.get("order-1") == full

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

    def test_stale_writer_is_told_of_the_conflict_and_claims_nothing(self, store: Store) -> None:
        order = create(store)
        changed(order, store=store)
        with pytest.raises(ConflictError):
            changed(order, store=store, provider_order_id="T-1")
        assert store.order_of("telnyx", "default", "T-1") is None

    def test_reference_that_is_nobodys_is_none(self, store: Store) -> None:
        create(store)
        assert store.order_of_reference("0b0f2f0e-6c1c-5d0e-9a39-6f2f6b2a4f3d") is None

    # Receipts, comments, events

    def test_receipt_may_come_again(self, store: Store) -> None:
        order = create(store)
        receipt = Receipt("event-1", "number_order.complete", START)
        for _ in range(2):
            after = order.with_(version=order.version + 1)
            store.commit(order, after, [], receipts=[receipt, receipt])
            order = after
        assert store.get("order-1") == order

    def test_comment_is_stored_apart_and_read_back(self, store: Store) -> None:
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

    @pytest.mark.parametrize("order_id", ["order-1", None])
    def test_events_are_kept_whatever_their_bytes(self, store: Store, order_id: str | None) -> None:
        event = RawEvent("e-1", "telnyx", "default", START, "00ff", "k-1", "why", b"\x00\xff not UTF-8 \xc3\x28")
        for _ in range(2):
            store.keep_event(event, order_id, expires_at=START + timedelta(days=90))
        assert self.kept(store, order_id) == [event]

    def test_event_without_its_body_is_kept_too(self, store: Store) -> None:
        event = RawEvent("e-1", "callfire", "default", START, "00ff")
        store.keep_event(event, None, expires_at=START + timedelta(days=90))
        assert self.kept(store, None) == [event]

    def kept(self, store: Store, order_id: str | None) -> list[RawEvent]:
        """Read what is kept under an order, or as unmatched; no port of the desk reads it."""
        raise NotImplementedError

    # Ledger and publishing

    def test_events_wait_to_be_published_and_other_entries_do_not(self, store: Store) -> None:
        order = create(store)  # OrderReceived stays in the ledger
        assert published(store) == []
        moved = Change(kind=ChangeKind.ORDER_MOVED, data={"from": "received"})
        changed(order, UNKNOWN, moved, store=store)
        assert published(store) == [ChangeKind.ORDER_UNKNOWN]

    def test_entry_survives_as_it_was_written(self, store: Store) -> None:
        data = {"rate": 0.1, "none": None, "list": [1, "two", {"three": 3.0}], "true": True, "text": ""}
        order = create(store).with_(version=2)
        change = UNKNOWN.model_copy(update={"data": data, "comment_ids": ("c-1", "c-2"), "key": "k"})
        [entry] = entries(order, change)
        store.commit(order.with_(version=1), order, [entry])
        assert [row.entry for row in store.unpublished(START + SECOND, 10)] == [entry]

    def test_mark_is_taken_off_once_and_for_good(self, store: Store) -> None:
        changed(create(store), UNKNOWN, store=store)
        [row] = store.unpublished(START + SECOND, 10)
        store.mark_published(row.key)
        store.mark_published(row.key)
        assert published(store) == []

    def test_only_entries_older_than_asked_are_unpublished(self, store: Store) -> None:
        changed(create(store), UNKNOWN, store=store)
        assert store.unpublished(START, 10) == []
        assert len(store.unpublished(START + timedelta(microseconds=1), 10)) == 1

    def test_entry_without_a_commit_is_recorded_once(self, store: Store) -> None:
        first = account_entry(BLOCKED, message="first")
        store.record(first)
        store.record(first.model_copy(update={"message": "second"}))
        assert [row.entry.message for row in store.unpublished(START + SECOND, 10)] == ["first"]

    def test_ledger_is_never_overwritten(self, store: Store) -> None:
        order = create(store)
        changed(order, UNKNOWN, store=store)
        # A writer gone wrong: the present order, and an entry in a place that is taken.
        forged = entries(order.with_(version=2), UNKNOWN.model_copy(update={"message": "forged"}))
        with pytest.raises((ConflictError, AssertionError)):
            store.commit(order.with_(version=2), order.with_(version=3), forged)
        assert [row.entry.message for row in store.unpublished(START + SECOND, 10)] == ["It was lost."]

    # What is due

    def test_due_is_what_has_come_and_however_long_ago(self, store: Store) -> None:
        for order_id, wake_at in {"now": START, "late": START - timedelta(days=400), "later": START + SECOND}.items():
            changed(create(store, order_id), store=store, wake_at=wake_at)
        due = {item.order_id: item.wake_at for item in store.due(START, 800)}
        assert due == {"now": START, "late": START - timedelta(days=400)}

    def test_nothing_is_due_of_an_order_without_wake(self, store: Store) -> None:
        order = changed(create(store), store=store, wake_at=None)
        assert store.due(START + timedelta(days=400), 800) == []
        assert store.get("order-1") == order

    def test_wake_may_come_back(self, store: Store) -> None:
        order = changed(create(store), store=store, wake_at=None)
        changed(order, store=store, wake_at=START)
        assert [item.order_id for item in store.due(START, 800)] == ["order-1"]

    # Accounts

    def test_account_that_was_never_blocked_has_no_state(self, store: Store) -> None:
        assert store.account_state("telnyx", "default") is None

    def test_one_of_two_blocks_an_account(self, store: Store) -> None:
        assert store.block(account_entry(BLOCKED), "no funds", START + SECOND) is True
        assert store.block(account_entry(BLOCKED, START + SECOND), "no key", START + HOUR) is False
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert (state.blocked, state.reason, state.since, state.probe_at) == (True, "no funds", START, START + SECOND)
        assert published(store) == [BLOCKED]
        assert store.account_state("telnyx", "second") is None

    def test_one_of_two_unblocks_it(self, store: Store) -> None:
        assert store.unblock(account_entry(UNBLOCKED)) is False
        store.block(account_entry(BLOCKED), "no funds", START)
        assert store.unblock(account_entry(UNBLOCKED)) is True
        assert store.unblock(account_entry(UNBLOCKED, START + SECOND)) is False
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert state.blocked is False

    def test_account_may_be_blocked_again(self, store: Store) -> None:
        store.block(account_entry(BLOCKED), "no funds", START)
        store.unblock(account_entry(UNBLOCKED))
        assert store.block(account_entry(BLOCKED, START + HOUR), "no key", START + HOUR) is True
        state = store.account_state("telnyx", "default")
        assert state is not None
        assert (state.blocked, state.reason, state.since) == (True, "no key", START + HOUR)
        assert published(store) == [BLOCKED, BLOCKED]

    def test_probe_is_taken_by_one(self, store: Store) -> None:
        store.block(account_entry(BLOCKED), "no funds", START + SECOND)
        assert store.take_probe("telnyx", "default", START, START + HOUR) is False  # too early
        assert store.take_probe("telnyx", "default", START + SECOND, START + HOUR) is True
        assert store.take_probe("telnyx", "default", START + SECOND, START + HOUR) is False
        assert store.take_probe("telnyx", "default", START + HOUR, START + 2 * HOUR) is True

    def test_account_that_is_not_blocked_is_not_probed(self, store: Store) -> None:
        assert store.take_probe("telnyx", "default", START, START + HOUR) is False
        store.block(account_entry(BLOCKED), "no funds", START)
        store.unblock(account_entry(UNBLOCKED))
        assert store.take_probe("telnyx", "default", START, START + HOUR) is False

    # Call slots

    def test_slots_are_spaced(self, store: Store) -> None:
        waits = [store.take_slot("callfire", "default", START, SECOND, 3 * SECOND) for _ in range(3)]
        assert waits == [0 * SECOND, SECOND, 2 * SECOND]
        # Time that passed unused is not saved up.
        assert store.take_slot("callfire", "default", START + HOUR, SECOND, 3 * SECOND) == 0 * SECOND
        assert store.take_slot("callfire", "default", START + HOUR, SECOND, 3 * SECOND) == SECOND

    def test_slot_further_off_than_patience_is_not_taken(self, store: Store) -> None:
        for _ in range(4):
            store.take_slot("callfire", "default", START, SECOND, 3 * SECOND)
        for _ in range(2):
            with pytest.raises(SlotBusyError) as busy:
                store.take_slot("callfire", "default", START, SECOND, 3 * SECOND)
            assert busy.value.retry_after == 4 * SECOND
        assert store.take_slot("callfire", "second", START, SECOND, 3 * SECOND) == 0 * SECOND

    def test_call_that_is_not_spaced_waits_and_takes_nothing(self, store: Store) -> None:
        for _ in range(2):
            assert store.take_slot("telnyx", "default", START, 0 * SECOND, SECOND) == 0 * SECOND
        store.push_slot("telnyx", "default", START + SECOND)
        for _ in range(2):
            assert store.take_slot("telnyx", "default", START, 0 * SECOND, SECOND) == SECOND

    def test_pushed_slot_holds_everybody_back_and_is_never_pulled(self, store: Store) -> None:
        store.push_slot("telnyx", "default", START + 30 * SECOND)
        store.push_slot("telnyx", "default", START + 10 * SECOND)
        with pytest.raises(SlotBusyError) as busy:
            store.take_slot("telnyx", "default", START, 0 * SECOND, 3 * SECOND)
        assert busy.value.retry_after == 30 * SECOND
        assert store.take_slot("telnyx", "default", START + 30 * SECOND, SECOND, 3 * SECOND) == 0 * SECOND
