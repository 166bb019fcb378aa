"""Folding polls into an order: states follow from the numbers, ended orders are protected, absence proves nothing."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.fold import fold, fold_unreadable
from numberdesk.domain.hints import put_off
from numberdesk.domain.snapshot import AssetSeen, Snapshot, UnknownValue
from numberdesk.domain.states import missing
from numberdesk.domain.statuses import AssetKind, AssetState, OrderState, Phase
from tests.support.orders import NOW, RULES, a_message, a_snapshot, kinds, numbers, pending, poll, said

A = AssetState


@pytest.mark.parametrize(
    ("states", "phase", "expected"),
    [
        ((A.PENDING, A.PENDING), Phase.OPEN, OrderState.PENDING),
        ((A.UNDER_REVIEW, A.PENDING), Phase.OPEN, OrderState.PENDING),
        ((A.ACTION_REQUIRED, A.PENDING), Phase.OPEN, OrderState.ACTION_REQUIRED),
        ((A.ACTIVE, A.PENDING), Phase.OPEN, OrderState.PENDING),
        ((A.ACTIVE, A.UNKNOWN), Phase.ENDED, OrderState.PENDING),
        ((A.ACTIVE, A.ACTIVE), Phase.ENDED, OrderState.COMPLETED),
        ((A.ACTIVE, A.ACTIVE), Phase.OPEN, OrderState.COMPLETED),  # the numbers decide, not the order's own status
        ((A.ACTIVE, A.FAILED), Phase.FAILED, OrderState.PARTIALLY_COMPLETED),
        ((A.ACTIVE, A.DELETED), Phase.ENDED, OrderState.PARTIALLY_COMPLETED),
        ((A.FAILED, A.FAILED), Phase.FAILED, OrderState.FAILED),
        ((A.CANCELLED, A.FAILED), Phase.FAILED, OrderState.CANCELLED),
        ((A.DELETED, A.DELETED), Phase.DELETED, OrderState.DELETED),
        ((A.FAILED, A.DELETED), Phase.ENDED, OrderState.DELETED),  # one was delivered, and is gone
        ((A.PENDING, A.PENDING), Phase.ENDED, OrderState.PENDING),  # incomplete: ended, but the numbers are not
    ],
)
def test_state_follows_from_the_numbers(states: tuple[AssetState, ...], phase: Phase, expected: OrderState) -> None:
    assert poll(pending(), a_snapshot(*states, phase=phase)).order.state is expected


@pytest.mark.parametrize(
    ("phase", "delivered", "expected"),
    [
        (Phase.OPEN, (), OrderState.PENDING),
        (Phase.UNKNOWN, (), OrderState.PENDING),
        (Phase.WAITING, (), OrderState.ACTION_REQUIRED),
        (Phase.ENDED, (A.ACTIVE, A.ACTIVE), OrderState.COMPLETED),
        (Phase.ENDED, (A.ACTIVE,), OrderState.PARTIALLY_COMPLETED),
        (Phase.ENDED, (), OrderState.FAILED),
        (Phase.FAILED, (A.ACTIVE,), OrderState.PARTIALLY_COMPLETED),  # an error, and yet something delivered
        (Phase.CANCELLED, (), OrderState.CANCELLED),
    ],
)
def test_provider_that_lists_only_delivered_numbers(
    phase: Phase, delivered: tuple[AssetState, ...], expected: OrderState
) -> None:
    snapshot = Snapshot("po-1", phase, phase.value, assets=numbers(*delivered))
    order = pending().with_(assets=())
    assert poll(order, snapshot).order.state is expected


def test_absence_from_one_response_is_no_deletion() -> None:
    order = poll(pending(), a_snapshot(A.PENDING, A.PENDING)).order
    torn = poll(order, a_snapshot(A.ACTIVE))
    assert [asset.state for asset in torn.order.assets] == [A.ACTIVE, A.PENDING]
    assert torn.order.state is OrderState.PENDING


def test_ended_order_without_numbers_is_incomplete() -> None:
    order = pending().with_(assets=())
    assert poll(order, a_snapshot(phase=Phase.ENDED, provider_status="success")).order.state is OrderState.PENDING


@pytest.mark.parametrize("state", [A.PENDING, A.ACTION_REQUIRED, A.FAILED, A.CANCELLED])
def test_contradiction_does_not_move_an_ended_order_and_is_reported_once(state: AssetState) -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.ACTIVE)).order
    again = poll(done, a_snapshot(state, state))
    assert again.order.state is OrderState.COMPLETED
    assert again.order.assets == done.assets
    assert kinds(again) == ["ProviderContradiction"]
    assert kinds(poll(again.order, a_snapshot(state, state))) == []


def test_completed_order_can_still_be_deleted_or_corrected() -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.ACTIVE)).order
    assert kinds(poll(done, a_snapshot(A.DELETED, A.DELETED, phase=Phase.DELETED))) == ["OrderDeleted"]
    corrected = poll(done, a_snapshot(A.ACTIVE, A.FAILED))
    assert kinds(corrected) == ["OrderPartiallyCompleted"]
    assert kinds(poll(corrected.order, a_snapshot(A.ACTIVE, A.ACTIVE))) == ["OrderCompleted"]


def test_released_number_still_counts_as_delivered() -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.ACTIVE)).order
    given = done.assets[0].with_(state=A.DELETED, released_at=NOW)
    again = poll(done.with_(assets=(given, *done.assets[1:])), a_snapshot(A.ACTIVE, A.ACTIVE))
    assert (again.order.state, kinds(again)) == (OrderState.COMPLETED, [])
    assert again.order.assets[0] == given


def test_corrected_list_of_delivered_numbers_is_in_the_ledger() -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.FAILED)).order
    other = poll(done, a_snapshot(A.FAILED, A.ACTIVE))
    assert kinds(other) == ["NumbersCorrected"]
    assert other.changes[0].data == {
        "numbers_added": 1,
        "added": ["+4930222"],
        "numbers_removed": 1,
        "removed": ["+4930111"],
    }


def test_failed_and_cancelled_do_not_contradict_each_other() -> None:
    failed = poll(pending(), a_snapshot(A.FAILED, A.FAILED)).order
    assert kinds(poll(failed, a_snapshot(A.CANCELLED, A.CANCELLED))) == []


def test_unknown_statuses_are_kept_and_reported_once() -> None:
    provider_status = UnknownValue("number_order.status", "paused")
    first = poll(
        pending(),
        a_snapshot(
            A.PENDING,
            A.PENDING,
            provider_status="paused",
            phase=Phase.UNKNOWN,
            unknown_values=(provider_status, provider_status),
        ),
    )
    assert kinds(first) == ["UnknownProviderValue"]
    assert first.order.provider_status == "paused"
    assert kinds(poll(first.order, a_snapshot(A.PENDING, A.PENDING, unknown_values=(provider_status,)))) == []


def test_violated_all_or_nothing_is_reported() -> None:
    message = a_message(provider="telesign", partial="refuse")
    order = pending(message).with_(assets=())
    snapshot = Snapshot("po-1", Phase.ENDED, "resolved", assets=numbers(A.ACTIVE))
    assert kinds(poll(order, snapshot)) == ["OrderPartiallyCompleted", "ProviderContradiction"]


def test_hint_that_says_more_than_the_poll_shows_causes_more_polls() -> None:
    polled = poll(pending(), a_snapshot(A.PENDING, A.PENDING), says_ended=True).order
    assert [at - NOW for at in polled.hint_polls] == [timedelta(seconds=seconds) for seconds in (2, 10, 60)]
    later = poll(polled, a_snapshot(A.PENDING, A.PENDING), NOW + timedelta(seconds=10)).order
    assert [at - NOW for at in later.hint_polls] == [timedelta(seconds=60)]
    assert poll(polled, a_snapshot(A.ACTIVE, A.ACTIVE), NOW + timedelta(seconds=10)).order.hint_polls == ()


def test_cadence_slows_down_and_restarts_with_a_change() -> None:
    order = poll(pending(), a_snapshot(A.PENDING, A.PENDING)).order
    pauses = []
    for _ in range(7):
        order = poll(order, a_snapshot(A.PENDING, A.PENDING)).order
        pauses.append((order.next_poll_at or NOW) - NOW)
    assert pauses == [*(timedelta(seconds=s) for s in (15, 60, 300, 900, 3600, 3600, 3600))]
    changed = poll(order, a_snapshot(A.ACTION_REQUIRED, A.PENDING)).order
    assert (changed.next_poll_at or NOW) - NOW == timedelta(seconds=2)


def test_ended_order_is_polled_after_1_7_and_30_days_and_then_no_more() -> None:
    order = poll(pending(), a_snapshot(A.ACTIVE, A.ACTIVE)).order
    for days in (1, 7, 30):
        assert order.wake_at == NOW + timedelta(days=days)
        order = poll(order, a_snapshot(A.ACTIVE, A.ACTIVE), order.wake_at).order
    assert order.wake_at is None


def test_retry_after_of_a_provider_is_respected() -> None:
    folded = fold_unreadable(pending(), began_at=NOW, now=NOW, rules=RULES, retry_after=timedelta(minutes=3))
    assert folded.order.wake_at == NOW + timedelta(minutes=3)


def test_shortfall_is_reported_per_item() -> None:
    message = a_message(
        provider="callfire",
        items=[
            {"numbers": ["+12065550100", "+12065550101"]},
            {"keywords": ["SUN", "Moon"]},
            {"criteria": {"city": "Seattle"}, "quantity": 2},
            {"criteria": {"number_type": "toll_free"}, "quantity": 1},
        ],
    )
    delivered = (
        AssetSeen(AssetKind.NUMBER, "+12065550100", A.ACTIVE, "FINISHED", number_type="local"),
        AssetSeen(AssetKind.NUMBER, "+12065550199", A.ACTIVE, "FINISHED", number_type="local"),
        AssetSeen(AssetKind.KEYWORD, "MOON", A.ACTIVE, "FINISHED"),
        AssetSeen(AssetKind.NUMBER, "+18005550100", A.ACTIVE, "FINISHED", number_type="toll_free"),
    )
    order = poll(pending(message).with_(assets=()), Snapshot("po-1", Phase.ENDED, "FINISHED", assets=delivered)).order
    assert order.state is OrderState.PARTIALLY_COMPLETED
    assert missing(order) == "+12065550101; keyword SUN; 1 local number"


def test_two_items_of_one_kind_need_a_number_each() -> None:
    message = a_message(provider="callfire", items=[{"criteria": {"city": "Seattle"}, "quantity": 1}] * 2)
    delivered = (AssetSeen(AssetKind.NUMBER, "+12065550100", A.ACTIVE, "FINISHED", number_type="local"),)
    order = poll(pending(message).with_(assets=()), Snapshot("po-1", Phase.ENDED, "FINISHED", assets=delivered)).order
    assert order.state is OrderState.PARTIALLY_COMPLETED
    assert missing(order) == "1 local number"


def test_surplus_of_one_kind_does_not_cover_another() -> None:
    message = a_message(
        provider="callfire", items=[{"keywords": ["SUN"]}, {"criteria": {"city": "Seattle"}, "quantity": 1}]
    )
    delivered = tuple(
        AssetSeen(AssetKind.NUMBER, f"+1206555010{n}", A.ACTIVE, "FINISHED", number_type="local") for n in (0, 1)
    )
    order = poll(pending(message).with_(assets=()), Snapshot("po-1", Phase.ENDED, "FINISHED", assets=delivered)).order
    assert order.state is OrderState.PARTIALLY_COMPLETED


def test_every_event_message_names_the_order_and_is_one_paragraph() -> None:
    for states in (
        (A.ACTIVE, A.ACTIVE),
        (A.ACTIVE, A.FAILED),
        (A.FAILED, A.FAILED),
        (A.CANCELLED, A.CANCELLED),
        (A.DELETED, A.DELETED),
    ):
        for change in poll(pending(), a_snapshot(*states)).changes:
            assert "order-1" in said(change)
            assert "\n" not in said(change)


HISTORY = [(A.PENDING, A.PENDING), (A.ACTION_REQUIRED, A.PENDING), (A.ACTIVE, A.PENDING), (A.ACTIVE, A.FAILED)]


@pytest.mark.parametrize("order_of_arrival", list(permutations(range(4))))
def test_any_sequence_of_polls_ends_at_the_providers_state(order_of_arrival: tuple[int, ...]) -> None:
    """Polls are fresh reads, so the last one counts, whatever came before. The provider ends at the last state of its history."""
    order = pending()
    for index in (*order_of_arrival, 3, 3):
        order = poll(order, a_snapshot(*HISTORY[index])).order
    assert order.state is OrderState.PARTIALLY_COMPLETED


@given(st.lists(st.sampled_from(list(A)), min_size=2, max_size=2), st.sampled_from(list(Phase)))
def test_same_poll_twice_changes_nothing_more(states: list[AssetState], phase: Phase) -> None:
    once = poll(pending(), a_snapshot(*states, phase=phase))
    assert kinds(poll(once.order, a_snapshot(*states, phase=phase))) == []


def test_number_that_was_never_listed_is_given_up_at_the_second_poll() -> None:
    over = a_snapshot(A.ACTIVE, phase=Phase.ENDED, provider_status="success")
    first = poll(pending(), over)
    assert first.order.state is OrderState.PENDING, "one response may be incomplete"
    second = poll(first.order, over)
    assert kinds(second) == ["OrderPartiallyCompleted"]
    assert second.order.assets[1].provider_status == "never listed"


def test_status_in_the_purchase_response_does_not_count_as_a_poll() -> None:
    """Found when it has already ended: the first poll may be incomplete like any other, and gives up no number."""
    torn = a_snapshot(AssetState.DELETED, phase=Phase.ENDED, provider_status="success")
    found = pending().with_(provider_status="success")
    once = poll(found, torn).order
    assert (once.state, [asset.state for asset in once.assets]) == (
        OrderState.PENDING,
        [AssetState.DELETED, AssetState.PENDING],
    )
    whole = a_snapshot(AssetState.DELETED, AssetState.DELETED, phase=Phase.ENDED, provider_status="success")
    assert poll(once, whole).order.state is OrderState.DELETED


@pytest.mark.parametrize("lists_every_asset", [True, False])
def test_delivered_number_that_does_not_match_the_criteria_does_not_count(lists_every_asset: bool) -> None:
    message = a_message(items=[{"criteria": {"country": "US", "area_code": "312"}, "quantity": 2}])
    order = pending(message).with_(assets=())
    shown = tuple(AssetSeen(AssetKind.NUMBER, value, A.ACTIVE, "success") for value in ("+13125550100", "+19295550100"))
    folded = poll(order, Snapshot("po-1", Phase.ENDED, "success", shown, lists_every_asset))
    assert folded.order.state is OrderState.PARTIALLY_COMPLETED
    told = folded.changes[-1]
    assert told.data["missing"] == "1 local number in US; delivered, and not what was asked for: +19295550100"
    right = tuple(AssetSeen(AssetKind.NUMBER, value, A.ACTIVE, "success") for value in ("+13125550100", "+13125550101"))
    assert poll(order, Snapshot("po-1", Phase.ENDED, "success", right)).order.state is OrderState.COMPLETED


def test_requested_near_matches_count() -> None:
    criteria = {"country": "US", "area_code": "312", "best_effort": True}
    order = pending(a_message(items=[{"criteria": criteria, "quantity": 1}])).with_(assets=())
    shown = (AssetSeen(AssetKind.NUMBER, "+19295550100", A.ACTIVE, "success"),)
    assert poll(order, Snapshot("po-1", Phase.ENDED, "success", shown)).order.state is OrderState.COMPLETED


@given(st.lists(st.tuples(st.integers(1, 3600), st.booleans()), min_size=1, max_size=12))
def test_postponed_poll_is_due_when_requested_and_nothing_else_is_delayed(
    asked: list[tuple[int, bool]],
) -> None:
    order = poll(pending(), a_snapshot(A.PENDING, A.PENDING)).order
    due = order.wake_at
    assert due is not None
    for seconds, says_ended in asked:
        at = NOW + timedelta(seconds=seconds)
        order = put_off(order, at, NOW, RULES.timings, says_ended=says_ended)
        due = min(due, at)
        assert order.wake_at == due
        assert min(order.hint_polls) <= at
    # However many requests there are: one poll for all, and the few that follow a reported end.
    assert len(order.hint_polls) <= 10
    distances = [two - one for one, two in pairwise(order.hint_polls)]
    assert all(each >= RULES.timings.hint_distance for each in distances)
    at = NOW + timedelta(hours=2)
    once = put_off(order, at, NOW, RULES.timings, says_ended=True)
    assert put_off(once, at, NOW, RULES.timings, says_ended=True) is once
    assert put_off(once, at, NOW, RULES.timings, says_ended=False) is once


def test_poll_for_a_webhook_that_came_during_a_poll_is_still_due() -> None:
    """It may tell of something that the poll was too early to see; one that is due when a poll begins is covered by it."""
    began, ended = NOW + timedelta(seconds=10), NOW + timedelta(seconds=20)
    polls = tuple(NOW + timedelta(seconds=seconds) for seconds in (5, 10, 15, 25))
    order = pending().with_(hint_polls=polls)
    shown = a_snapshot(AssetState.PENDING, AssetState.PENDING)
    folded = fold(order, shown, began_at=began, now=ended, rules=RULES)
    assert folded.order.hint_polls == polls[2:]
    assert folded.order.wake_at == polls[2]
    unread = fold_unreadable(order, began_at=began, now=ended, rules=RULES)
    assert unread.order.hint_polls == polls[3:]
