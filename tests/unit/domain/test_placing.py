"""Placing at most once: how each outcome changes an order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.domain import costs, outcome, placing, unknown
from numberdesk.domain.statuses import MOVES, ChangeKind, HoldKind, OperationKind, OrderState
from tests.support.orders import NOW, RULES, a_message, chosen, in_placing, pending, received, said

MINUTE = timedelta(minutes=1)


def test_reference_is_unique_to_the_stack() -> None:
    one = placing.reference_of("1/eu-central-1/numberdesk", "order-1")
    assert one == placing.reference_of("1/eu-central-1/numberdesk", "order-1")
    others = [
        placing.reference_of(scope, order_id)
        for scope, order_id in [
            ("2/eu-central-1/numberdesk", "order-1"),
            ("1/eu-west-1/numberdesk", "order-1"),
            ("1/eu-central-1/other", "order-1"),
            ("1/eu-central-1/numberdesk", "order-2"),
        ]
    ]
    assert len({one, *others}) == 5


def test_intent_names_the_numbers_and_wakes_the_order_after_its_sender_must_have_given_up() -> None:
    order = in_placing()
    assert order.attempt is not None
    assert [asset.value for asset in order.assets] == ["+4930111", "+4930222"]
    assert order.attempt.send_before == NOW + RULES.timings.send_window
    assert order.wake_at == order.attempt.resolve_at
    timings = RULES.timings
    # The sender may connect, wait for the response, and write the outcome.
    longest = timings.connect_timeout + timings.read_timeout + timings.write_margin
    assert order.attempt.resolve_at >= order.attempt.send_before + longest
    assert not unknown.overdue(order, order.attempt.resolve_at - timedelta(seconds=1))
    assert unknown.overdue(order, order.attempt.resolve_at)


def test_accepted_purchase_is_due_for_a_poll_once() -> None:
    order, changes = outcome.placed(in_placing(), "po-1", "pending", NOW)
    assert (order.state, order.wake_at) == (OrderState.PENDING, NOW)
    assert [change.kind.value for change in changes] == ["OrderPlaced"]


def test_accepted_purchase_frees_its_content_and_keeps_its_reservation() -> None:
    begun, _ = placing.begin(received(), chosen("+4930111"), None, NOW, RULES.timings, content_lock="00ff")
    bought, _ = outcome.placed(begun.with_(waiting_for="x", waiting_since=NOW), "po-1", "pending", NOW)
    assert (bought.content_lock, bought.reserved) == (None, begun.reserved)
    assert (bought.waiting_for, bought.waiting_since, bought.unknown_since) == (None, None, None)


def test_purchase_of_an_ended_order_is_a_duplicate() -> None:
    over, _ = placing.cancel(in_placing(), "ada", NOW)
    found, changes = outcome.placed(over, "po-1", "pending", NOW, found=True, can_cancel=True)
    assert (found.state, found.duplicates, found.provider_order_id) == (OrderState.CANCELLED, ("po-1",), None)
    assert [change.kind for change in changes][:1] == [ChangeKind.DUPLICATE_PURCHASE_FOUND]


def test_cancelled_order_keeps_nothing_of_its_attempts() -> None:
    order = in_placing().with_(reuse_numbers=True, next_poll_at=NOW)
    over, _ = placing.cancel(order, "ada", NOW)
    kept = (over.assets, over.deadlines, over.wake_at, over.next_poll_at, over.reserved, over.content_lock, over.hold)
    assert kept == ((), (), None, None, None, None, None)
    assert over.ended_at == NOW


@pytest.mark.parametrize("can_cancel", [True, False])
def test_second_purchase_of_one_order_is_reported_claimed_and_cancelled_if_possible(can_cancel: bool) -> None:
    order = pending()
    assert outcome.placed(order, "po-1", None, NOW) == (order, [])
    found_twice, changes = outcome.placed(order, "po-2", None, NOW, can_cancel=can_cancel)
    assert found_twice.duplicates == ("po-2",)
    assert (found_twice.state, found_twice.provider_order_id) == (order.state, "po-1")
    kinds = [change.kind for change in changes]
    assert kinds == [ChangeKind.DUPLICATE_PURCHASE_FOUND, ChangeKind.OPERATION_ASKED][: 1 + can_cancel]
    assert changes[0].notify
    assert "po-2" in said(changes[0])
    assert [(operation.kind, operation.duplicate_id) for operation in found_twice.operations] == [
        (OperationKind.CANCEL_DUPLICATE, "po-2")
    ] * can_cancel
    assert outcome.placed(found_twice, "po-2", None, NOW, can_cancel=can_cancel) == (found_twice, []), "reported once"


def test_refusal_fails_the_order_only_if_no_attempt_had_an_unknown_outcome() -> None:
    failed, changes = outcome.refused(in_placing(), "85004", "invalid connection", NOW, RULES)
    assert failed.state is OrderState.FAILED
    assert failed.wake_at is None
    assert changes[0].data["code"] == "85004"
    proves_nothing, changes = outcome.refused(
        in_placing().with_(had_unknown_outcome=True), "85001", "gone", NOW, RULES, numbers_unavailable=True
    )
    assert proves_nothing.state is OrderState.UNKNOWN
    assert changes[0].kind.value == "OrderUnknown"


def test_unavailable_numbers_are_chosen_again_at_most_three_times() -> None:
    order = received()
    for attempt in (1, 2, 3):
        order = placing.begin(order, chosen(f"+493011{attempt}"), None, NOW, RULES.timings, content_lock=None)[0]
        order, changes = outcome.refused(order, "85001", "gone", NOW, RULES, numbers_unavailable=True)
        if attempt < 3:
            assert order.state is OrderState.RECEIVED
            assert order.wake_at == NOW
            assert [change.kind.value for change in changes] == ["PlacingAbandoned"]
    assert order.state is OrderState.FAILED
    assert order.unavailable_numbers == ("+4930111", "+4930112")


def test_numbers_ordered_by_name_are_not_replaced() -> None:
    message = a_message(items=[{"numbers": ["+4930111222"]}])
    order, _ = outcome.refused(in_placing(message), "85001", "gone", NOW, RULES, numbers_unavailable=True)
    assert order.state is OrderState.FAILED


def test_account_failure_fails_no_order() -> None:
    order, changes = outcome.not_bought(in_placing(), "20100: insufficient funds", NOW + timedelta(minutes=1), NOW)
    assert (order.state, order.wake_at, order.assets) == (OrderState.RECEIVED, NOW + timedelta(minutes=1), ())
    assert [change.kind.value for change in changes] == ["PlacingAbandoned"]


@pytest.mark.parametrize("can_search", [True, False])
def test_unknown_outcome_is_reported_at_once_only_if_it_cannot_be_searched_for(can_search: bool) -> None:
    order, changes = outcome.outcome_unknown(
        in_placing(), "ReadTimeout", NOW, RULES, can_search=can_search, look_for="Look for X."
    )
    assert order.state is OrderState.UNKNOWN
    assert order.had_unknown_outcome
    assert order.wake_at is not None
    assert changes[0].notify is not can_search
    assert ("Look for X." in said(changes[0])) is not can_search


def test_missing_purchase_is_reported_once_after_the_settling_time() -> None:
    order, _ = outcome.outcome_unknown(in_placing(), "ReadTimeout", NOW, RULES, can_search=True, look_for="")
    at, told = NOW, []
    for _ in range(8):
        at += timedelta(seconds=40)
        order, changes = unknown.not_found(order, at, RULES, "Look for X.")
        told += [(at - NOW, change) for change in changes]
    assert order.state is OrderState.UNKNOWN
    assert [pause for pause, _ in told] == [RULES.timings.settling]
    assert "Look for X." in said(told[0][1])


@pytest.mark.parametrize("can_search", [True, False])
def test_candidates_are_reported_once_whether_people_were_notified_before_or_not(can_search: bool) -> None:
    order, _ = outcome.outcome_unknown(
        in_placing(), "ReadTimeout", NOW, RULES, can_search=can_search, look_for="Look for X."
    )
    at, told = NOW + RULES.timings.settling, []
    for candidates in ("", " Begun: +4930111.", " Begun: +4930111.") if not can_search else (" Begun: +4930111.", ""):
        order, changes = unknown.not_found(order, at, RULES, "Look for X.", candidates)
        told += changes
    assert [(change.notify, said(change).endswith("Look for X. Begun: +4930111.")) for change in told] == [(True, True)]
    assert order.not_found_notified


def test_found_purchase_is_adopted_and_reported() -> None:
    order, _ = outcome.outcome_unknown(in_placing(), "ReadTimeout", NOW, RULES, can_search=True, look_for="")
    found, changes = outcome.placed(order, "po-1", None, NOW, found=True)
    assert found.state is OrderState.PENDING
    assert found.unknown_since is None
    assert changes[0].notify
    assert changes[0].data["found"] is True


def test_state_transitions_are_closed_and_ended_orders_have_few() -> None:
    assert set(MOVES) == set(OrderState)
    assert not any(state in targets for state, targets in MOVES.items())
    for state in (OrderState.FAILED, OrderState.CANCELLED, OrderState.DELETED):
        assert MOVES[state] == frozenset()
    assert all(
        OrderState.PLACING not in targets for state, targets in MOVES.items() if state is not OrderState.RECEIVED
    )


def test_attempts_that_failed_for_other_reasons_do_not_count_as_choices() -> None:
    order = received()
    for _ in range(5):
        order = placing.begin(order, chosen("+4930111"), None, NOW, RULES.timings, content_lock=None)[0]
        order, _ = outcome.not_bought(order, "429", NOW, NOW)
    order = placing.begin(order, chosen("+4930111"), None, NOW, RULES.timings, content_lock=None)[0]
    order, _ = outcome.refused(order, "85001", "gone", NOW, RULES, numbers_unavailable=True)
    assert order.state is OrderState.RECEIVED


# Held, approved, tried again


def test_hold_is_reported_when_it_begins_and_only_a_person_ends_it() -> None:
    held, told = placing.hold(received(), HoldKind.LIMIT, "too many", NOW, NOW + MINUTE)
    assert (held.wake_at, held.waiting_since, held.waiting_for) == (None, NOW, "too many")
    assert [(each.kind, each.notify) for each in told] == [(ChangeKind.ORDER_HELD, True)]
    again, told = placing.hold(held, HoldKind.LIMIT, "still too many", NOW + MINUTE, NOW + 2 * MINUTE)
    assert (again.hold, told) == (held.hold, [])
    free, told = placing.approve(again, "ada", NOW + MINUTE)
    assert (free.hold, free.wake_at, free.waiting_since) == (None, NOW + MINUTE, NOW)
    assert [approval.kind for approval in free.approvals] == [HoldKind.LIMIT]
    assert placing.approval(free) == free.approvals[0]
    assert [each.data["by"] for each in told] == ["ada"]
    # Another hold of another kind, and its approval: one of each is kept.
    for kind in (HoldKind.RESTORED, HoldKind.LIMIT):
        free, _ = placing.approve(placing.hold(free, kind, "x", NOW, NOW)[0], "bob", NOW)
    assert [(approval.kind, approval.by) for approval in free.approvals] == [
        (HoldKind.RESTORED, "bob"),
        (HoldKind.LIMIT, "bob"),
    ]


@pytest.mark.parametrize(("kind", "told"), [(HoldKind.SWITCH, [False]), (HoldKind.SAME_CONTENT, [])])
def test_temporary_hold_is_retried(kind: HoldKind, told: list[bool]) -> None:
    held, changes = placing.hold(received(), kind, "x", NOW, NOW + MINUTE)
    assert held.wake_at == NOW + MINUTE
    assert [change.notify for change in changes] == told
    assert placing.hold(held, kind, "x", NOW + MINUTE, NOW + 2 * MINUTE)[1] == []


def test_hold_for_another_quote_is_a_new_hold() -> None:
    """A person decides on what was shown."""
    one, other = (costs.quote(chosen(*values), len(values)) for values in (("+4930111",), ("+4930111", "+4930222")))
    held, first = placing.hold(received(), HoldKind.LIMIT, "x", NOW, NOW, quote=one)
    again, nothing = placing.hold(held, HoldKind.LIMIT, "x", NOW + MINUTE, NOW, quote=one)
    anew, second = placing.hold(again, HoldKind.LIMIT, "x", NOW + MINUTE, NOW, quote=other)
    assert (len(first), nothing, len(second)) == (1, [], 1)
    assert again.hold == held.hold
    assert anew.hold is not None
    assert (anew.hold.since, anew.hold.quote) == (NOW + MINUTE, other)
    assert anew.waiting_since == NOW


@pytest.mark.parametrize("came", ["refused", "not bought", "refused by a person", "not placed", "cancelled"])
def test_refusal_releases_the_reservation_and_lock(came: str) -> None:
    order, _ = placing.begin(received(), chosen("+4930111"), None, NOW, RULES.timings, content_lock="c")
    assert (order.reserved is not None, order.content_lock) == (True, "c")
    unclear, _ = outcome.outcome_unknown(order, "x", NOW, RULES, can_search=True, look_for="")
    assert (unclear.reserved, unclear.content_lock) == (order.reserved, "c"), "an unknown outcome keeps it"
    after = {
        "refused": lambda: outcome.refused(order, "1", "no", NOW, RULES),
        "not bought": lambda: outcome.not_bought(order, "429", NOW, NOW),
        "refused by a person": lambda: placing.cancel(order, "ada", NOW, rejected_because="no"),
        "not placed": lambda: unknown.not_placed(unclear, "ada", NOW, place_again=True),
        "cancelled": lambda: unknown.not_placed(unclear, "ada", NOW, place_again=False),
    }[came]()[0]
    assert (after.reserved, after.content_lock, after.costs, after.hold) == (None, None, (), None)


def test_second_attempt_has_the_same_numbers_and_reservation() -> None:
    begun = in_placing()
    lost, _ = outcome.outcome_unknown(begun, "ReadTimeout", NOW, RULES, can_search=True, look_for="")
    again, changes = unknown.try_again(lost, NOW + MINUTE)
    assert (again.state, again.wake_at, again.reuse_numbers) == (OrderState.RECEIVED, NOW + MINUTE, True)
    assert (again.assets, again.reserved, again.had_unknown_outcome) == (begun.assets, begun.reserved, True)
    assert [change.kind for change in changes] == [ChangeKind.PLACING_ABANDONED]
    # The call did not even leave: the numbers stay the only ones, and what the first attempt may have spent stays reserved.
    second, _ = placing.begin(again, chosen("+4930111", "+4930222"), None, NOW, RULES.timings, content_lock=None)
    back, _ = outcome.not_bought(second, "429", NOW + MINUTE, NOW)
    assert ([asset.value for asset in back.assets], back.reuse_numbers) == (["+4930111", "+4930222"], True)
    assert back.reserved == second.reserved
    # No response to the second attempt ends the order: our own first purchase may have taken the numbers.
    sold, changes = outcome.refused(second, "85001", "gone", NOW, RULES, numbers_unavailable=True, look_for="Poll.")
    assert (sold.state, [change.kind for change in changes]) == (OrderState.UNKNOWN, [ChangeKind.ORDER_UNKNOWN])
    early, _ = outcome.refused(again, "values", "wrong", NOW, RULES)
    assert (early.state, early.waiting_since, early.waiting_for) == (OrderState.UNKNOWN, None, None)
    assert OrderState.UNKNOWN in MOVES[OrderState.RECEIVED]


def test_persons_decision_about_an_unknown_purchase_is_applied() -> None:
    lost, _ = outcome.outcome_unknown(in_placing(), "ReadTimeout", NOW, RULES, can_search=True, look_for="")
    bought, changes = unknown.placed_as(lost, "po-7", "pending", "ada", NOW)
    assert (bought.state, bought.provider_order_id) == (OrderState.PENDING, "po-7")
    assert [change.kind for change in changes] == [ChangeKind.PURCHASE_RESOLVED, ChangeKind.ORDER_PLACED]
    anew, changes = unknown.not_placed(lost, "ada", NOW, place_again=True)
    assert (anew.state, anew.assets, anew.wake_at) == (OrderState.RECEIVED, (), NOW)
    assert (anew.had_unknown_outcome, anew.reuse_numbers, anew.not_found_notified, anew.searches) == (
        False,
        False,
        False,
        0,
    )
    assert [change.kind for change in changes] == [ChangeKind.PURCHASE_RESOLVED]
    over, changes = unknown.not_placed(lost, "ada", NOW, place_again=False)
    assert (over.state, over.wake_at, over.ended_at) == (OrderState.CANCELLED, None, NOW)
    assert [change.kind for change in changes] == [ChangeKind.PURCHASE_RESOLVED, ChangeKind.ORDER_CANCELLED]


@pytest.mark.parametrize("place_again", [True, False])
def test_response_after_a_person_confirmed_no_purchase_is_not_lost(place_again: bool) -> None:
    lost, _ = outcome.outcome_unknown(in_placing(), "x", NOW, RULES, can_search=False, look_for="")
    answered, _ = unknown.not_placed(lost, "ada", NOW, place_again=place_again)
    after, changes = outcome.placed(answered, "po-9", "pending", NOW, found=True, can_cancel=True)
    assert after.state in (answered.state, *MOVES[answered.state])
    if place_again:
        assert (after.state, after.provider_order_id, after.wake_at) == (OrderState.PENDING, "po-9", NOW)
        return
    assert (after.state, after.duplicates, after.wake_at) == (OrderState.CANCELLED, ("po-9",), NOW)
    assert [change.kind for change in changes] == [ChangeKind.DUPLICATE_PURCHASE_FOUND, ChangeKind.OPERATION_ASKED]
    assert "has ended (cancelled), but a purchase of it was found" in said(
        changes[0], after.with_(provider_order_id=None)
    )
