"""Unknown values in a poll: reported once, with an age, and never taken for absent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.fold import end_with
from numberdesk.domain.lists import attention, memberships, waits
from numberdesk.domain.snapshot import Snapshot, UnknownValue
from numberdesk.domain.statuses import ENDED, FOLLOWED, AssetState, ChangeKind, OrderState, Phase, RequirementState
from tests.support.orders import NOW, RULES, a_message, a_snapshot, kinds, numbers, only, owing, pending, poll, said

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

A = AssetState
DAY = timedelta(days=1)
NUMBER = UnknownValue("number_order.LocalNumbers.fulfilled", "2145550100 x", of_asset=True)
OVER = (Phase.ENDED, Phase.FAILED, Phase.CANCELLED, Phase.DELETED)


def delivered(
    *states: AssetState, phase: Phase = Phase.ENDED, unread: tuple[UnknownValue, ...] = (NUMBER,), **changes: Any
) -> Snapshot:
    """Return what a provider shows that lists only delivered numbers."""
    return Snapshot("po-1", phase, phase.value, assets=numbers(*states), unknown_values=unread, **changes)


def bought() -> Order:
    """Return an order of two numbers whose provider names none before delivery."""
    return pending(a_message(provider="callfire", items=[{"criteria": {"city": "Seattle"}, "quantity": 2}])).with_(
        assets=()
    )


@pytest.mark.parametrize("phase", OVER)
@pytest.mark.parametrize("states", [(), (A.ACTIVE,)])
def test_ended_order_with_an_unknown_value_needs_a_person_and_is_reported_once(
    phase: Phase, states: tuple[AssetState, ...]
) -> None:
    folded = poll(bought(), delivered(*states, phase=phase))
    assert kinds(folded) == ["UnknownProviderValue", "DeliveryUnread", "OrderMoved"]
    message_of = only(folded, ChangeKind.DELIVERY_UNREAD)
    assert message_of.notify
    assert message_of.data == {
        "provider_status": phase.value,
        "delivered": len(states),
        "asked": 2,
        "unread": [{"field": NUMBER.field, "value": NUMBER.value}],
        "unread_count": 1,
    }
    assert "Do not order again" in said(message_of)
    assert "'2145550100 x'" in said(message_of)
    order = folded.order
    assert (order.state, order.delivery_unread) == (OrderState.ACTION_REQUIRED, True)
    assert attention(order) == ("not_understood",)
    assert waits(order)["not_understood"] == NOW
    assert order.next_poll_at is not None
    again = poll(order, delivered(*states, phase=phase), NOW + DAY)
    assert kinds(again) == []
    assert waits(again.order)["not_understood"] == NOW


@pytest.mark.parametrize(
    ("states", "ends"),
    [
        ((A.ACTIVE, A.ACTIVE), OrderState.COMPLETED),
        ((A.ACTIVE,), OrderState.PARTIALLY_COMPLETED),
        ((), OrderState.FAILED),
    ],
)
def test_order_ends_automatically_once_the_value_can_be_read(states: tuple[AssetState, ...], ends: OrderState) -> None:
    order = poll(bought(), delivered()).order
    read = poll(order, delivered(*states, unread=()), NOW + DAY)
    assert read.order.state is ends
    assert (read.order.delivery_unread, read.order.not_understood_since) == (False, None)
    assert "not_understood" not in memberships(read.order)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((), OrderState.FAILED),
        (("+12145550100",), OrderState.PARTIALLY_COMPLETED),
        (("+12145550100", "+12145550101"), OrderState.COMPLETED),
    ],
)
def test_person_ends_the_order_by_naming_the_delivered_numbers(values: tuple[str, ...], ends: OrderState) -> None:
    order = poll(bought(), delivered()).order
    message_of, changes = end_with(order, values, "ada", NOW + DAY, RULES, reason="we counted")
    assert (message_of.state, message_of.delivery_unread, attention(message_of)) == (ends, False, ())
    assert [asset.value for asset in message_of.assets if asset.state is A.ACTIVE] == list(values)
    assert (changes[0].kind, changes[0].data["reason"]) == (ChangeKind.PURCHASE_RESOLVED, "we counted")
    assert message_of.ended_at == NOW + DAY
    # A later poll with the unknown value takes nothing back.
    again = poll(message_of, delivered(), NOW + 2 * DAY)
    assert (again.order.state, kinds(again)) == (ends, [])


def test_person_adds_to_the_numbers_that_were_read() -> None:
    unread = a_snapshot(A.ACTIVE, phase=Phase.ENDED, provider_status="success", unknown_values=(NUMBER,))
    order = poll(pending(), unread).order
    partly, _ = end_with(order, (), "ada", NOW, RULES)
    assert [asset.state for asset in partly.assets] == [A.ACTIVE, A.FAILED]
    assert partly.state is OrderState.PARTIALLY_COMPLETED
    whole, _ = end_with(order, ("+4930222",), "ada", NOW, RULES)
    assert [asset.state for asset in whole.assets] == [A.ACTIVE, A.ACTIVE]
    assert whole.state is OrderState.COMPLETED


def test_fully_delivered_order_completes_despite_an_unknown_value() -> None:
    folded = poll(bought(), delivered(A.ACTIVE, A.ACTIVE))
    assert kinds(folded) == ["UnknownProviderValue", "OrderCompleted"]
    assert attention(folded.order) == ()
    assert waits(folded.order) == {}


def test_unreadable_number_is_not_given_up_as_never_listed() -> None:
    unread = a_snapshot(A.ACTIVE, phase=Phase.ENDED, provider_status="success", unknown_values=(NUMBER,))
    order = pending()
    for day in range(4):
        order = poll(order, unread, NOW + day * DAY).order
    assert [asset.state for asset in order.assets] == [A.ACTIVE, A.PENDING]
    assert (order.state, order.delivery_unread) == (OrderState.ACTION_REQUIRED, True)
    read = poll(order, a_snapshot(A.ACTIVE, A.ACTIVE, phase=Phase.ENDED, provider_status="success"), NOW + 5 * DAY)
    assert read.order.state is OrderState.COMPLETED


def test_open_order_continues_despite_an_unknown_value() -> None:
    folded = poll(pending(), a_snapshot(A.PENDING, unknown_values=(NUMBER,)))
    assert kinds(folded) == ["UnknownProviderValue"]
    assert folded.order.state is OrderState.PENDING
    assert attention(folded.order) == ("not_understood",)


@pytest.mark.parametrize("states", [(A.ACTIVE, A.UNKNOWN), (A.UNKNOWN, A.UNKNOWN), (A.ACTIVE,), ()])
def test_unknown_value_takes_nothing_back_from_an_ended_order(states: tuple[AssetState, ...]) -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.ACTIVE, phase=Phase.ENDED)).order
    status = UnknownValue("phone_number.status", "(an object)", of_asset=True)
    again = poll(done, a_snapshot(*states, phase=Phase.ENDED, unknown_values=(status,)), NOW + DAY)
    assert kinds(again) == ["UnknownProviderValue"]
    assert again.order.state is OrderState.COMPLETED
    assert [asset.state for asset in again.order.assets] == [A.ACTIVE, A.ACTIVE]
    assert attention(again.order) == ()


def test_failed_order_with_an_unknown_value_stays_failed_and_is_reported() -> None:
    failed = poll(bought(), delivered(unread=())).order
    assert failed.state is OrderState.FAILED
    again = poll(failed, delivered(), NOW + DAY)
    assert kinds(again) == ["UnknownProviderValue"]
    assert again.order.state is OrderState.FAILED


def test_unknown_values_of_one_field_are_one_message_with_a_bounded_list() -> None:
    words = tuple(UnknownValue("phone_number.phone_number", str(index)) for index in range(30))
    folded = poll(pending(), a_snapshot(A.PENDING, A.PENDING, unknown_values=words))
    [message_of] = folded.changes
    assert (message_of.data["value"], len(message_of.data["values"])) == ("0", 20)  # type: ignore[arg-type]
    more = tuple(UnknownValue("phone_number.phone_number", str(index)) for index in range(100))
    folded = poll(folded.order, a_snapshot(A.PENDING, A.PENDING, unknown_values=more))
    assert [change.data["field"] for change in folded.changes] == ["phone_number.phone_number", "(more)"]
    assert len(folded.order.unknown_values_notified) == 51
    assert kinds(poll(folded.order, a_snapshot(A.PENDING, A.PENDING, unknown_values=more))) == []


def test_age_starts_at_the_first_poll_and_ends_when_all_can_be_read() -> None:
    provider_status = (UnknownValue("number_order_phone_number.deadline", "10 Mar 2026"),)
    order = pending()
    for hours in range(5):
        order = poll(
            order, owing(None, deadlines=(), unknown_values=provider_status), NOW + timedelta(hours=hours)
        ).order
        assert waits(order)["not_understood"] == NOW
    assert "not_understood" not in waits(poll(order, owing(NOW + 9 * DAY), NOW + DAY).order)


@pytest.mark.parametrize("state", [RequirementState.AWAITING_VALUE, RequirementState.REJECTED])
def test_notification_does_not_claim_no_deadline_if_one_was_unreadable(state: RequirementState) -> None:
    def message_of(snapshot: Snapshot) -> str:
        order = poll(pending(), snapshot).order
        [text] = [
            said(change)
            for at in (NOW, NOW + RULES.timings.rejection_grace)
            for change in poll(order if at > NOW else pending(), snapshot, at).changes
            if change.kind in (ChangeKind.REQUIREMENT_REQUESTED, ChangeKind.REQUIREMENT_REJECTED)
        ]
        return text

    none, unread = "has set no deadline yet", "in a notation that numberdesk cannot read"
    assert none in message_of(owing(None, state))
    assert "could not be read yet" in message_of(owing(None, state, deadlines=()))
    strange = owing(None, state, deadlines=(), unread_deadlines=frozenset({"s-1"}))
    assert unread in message_of(strange)
    assert none not in message_of(strange)


_STATES = st.sampled_from([A.ACTIVE, A.FAILED, A.CANCELLED, A.DELETED, A.PENDING, A.UNKNOWN])


@given(
    st.lists(
        st.tuples(st.lists(_STATES, max_size=3), st.sampled_from([*OVER, Phase.OPEN, Phase.UNKNOWN]), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_poll_with_an_unknown_value_can_end_an_order_only_as_completed(
    polls: list[tuple[list[AssetState], Phase, bool]], lists_every_asset: bool
) -> None:
    order = pending() if lists_every_asset else bought()
    for index, (states, phase, is_unread) in enumerate(polls):
        before = order
        shown = delivered(
            *states, phase=phase, unread=(NUMBER,) if is_unread else (), lists_every_asset=lists_every_asset
        )
        folded = poll(order, shown, NOW + index * DAY)
        order = folded.order
        message_of = kinds(folded).count("DeliveryUnread")
        assert message_of == (order.delivery_unread and not before.delivery_unread)
        if before.ended:
            continue
        if is_unread and order.ended:
            assert order.state is OrderState.COMPLETED
        if order.delivery_unread:
            assert order.state is OrderState.ACTION_REQUIRED
        assert order.state in ENDED | FOLLOWED
