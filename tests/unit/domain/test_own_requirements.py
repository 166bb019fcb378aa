"""An order's own requirements and deadline, where the provider has none: reminders, ticks, and no cancellation when the deadline passes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain import deadlines
from numberdesk.domain.capabilities import check
from numberdesk.domain.fold import fold_unreadable
from numberdesk.domain.lists import attention, memberships
from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState, Phase
from numberdesk.providers import registry
from tests.support.orders import NOW, RULES, a_message, a_snapshot, kinds, only, owing, pending, poll, received, said

DEADLINE = NOW + timedelta(days=5)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIST = [{"id": "loa", "name": "Letter of authorisation", "kind": "document"}, {"id": "kyc", "name": "Identity"}]
SHOWN = a_snapshot(AssetState.PENDING, lists_every_asset=False, sub_orders=())


def an_order(provider: str = "telesign", **fields: Any) -> Any:
    message = a_message(
        provider=provider,
        items=[{"criteria": {"country": "DE"}, "quantity": 1}],
        **{"reminders": ["P3D", "PT1H"], "requirements": LIST, "deadline": DEADLINE.isoformat(), **fields},
    )
    return pending(message)


def seen(order: Any | None = None, at: Any = NOW) -> Any:
    return poll(order or an_order(), SHOWN, at)


def ticked(order: Any, *ids: str, at: Any = NOW, done: bool = True) -> tuple[Any, list[Any]]:
    return deadlines.tick(order, ids, done=done, now=at)


def test_own_requirements_and_deadline_are_recorded_from_the_start() -> None:
    order = received(a_message(requirements=LIST, deadline=DEADLINE.isoformat()))
    assert [(requirement.id, requirement.own, requirement.sub_order_id) for requirement in order.requirements] == [
        ("loa", True, ""),
        ("kyc", True, ""),
    ]
    [deadline] = order.deadlines
    assert (deadline.value, deadline.own, deadline.version) == (DEADLINE, True, 1)


@pytest.mark.parametrize("provider", ["telesign", "callfire"])
def test_order_is_action_required_exactly_while_a_requirement_is_open(provider: str) -> None:
    order = seen(an_order(provider)).order
    assert order.state is OrderState.ACTION_REQUIRED
    assert attention(order) == ("requirements_owed",)
    order, _ = ticked(order, "loa")
    assert seen(order).order.state is OrderState.ACTION_REQUIRED
    order, _ = ticked(order, "kyc")
    order = seen(order).order
    assert order.state is OrderState.PENDING
    assert attention(order) == ()


def test_reminders_list_the_open_requirements() -> None:
    order, _ = ticked(seen().order, "kyc")
    assert order.wake_at is not None
    folded = seen(order, DEADLINE - 3 * DAY)
    told = only(folded, ChangeKind.DEADLINE_APPROACHING)
    assert told.notify
    assert told.data["owed"] == [{"id": "loa", "name": "Letter of authorisation", "state": "missing"}]
    assert "the order's own deadline. Still to do: “Letter of authorisation” (missing)." in said(told)
    assert "cancels" not in said(told)
    later = seen(folded.order, DEADLINE - HOUR)
    assert "Nobody has acknowledged" in said(only(later, ChangeKind.DEADLINE_APPROACHING))


def test_reminders_are_sent_while_the_provider_is_unreadable() -> None:
    order = seen().order
    folded = fold_unreadable(order, began_at=DEADLINE - HOUR, now=DEADLINE - HOUR, rules=RULES)
    told = only(folded, ChangeKind.DEADLINE_APPROACHING)
    assert told.data["unconfirmed_since"] is None, "the deadline is our own and needs no confirmation"
    after = fold_unreadable(folded.order, began_at=DEADLINE, now=DEADLINE, rules=RULES)
    assert only(after, ChangeKind.DEADLINE_MISSED).notify


def test_ticking_all_requirements_erases_the_deadline_and_its_reminders() -> None:
    order, changes = ticked(seen().order, "loa", "kyc")
    assert [change.kind for change in changes] == [ChangeKind.REQUIREMENT_TICKED, ChangeKind.DEADLINE_ERASED]
    assert "is met" in said(changes[1])
    assert order.deadlines == ()
    assert "DeadlineApproaching" not in kinds(seen(order, DEADLINE - HOUR))
    assert "deadline" not in memberships(order)


def test_undone_tick_sets_the_deadline_again() -> None:
    order, _ = ticked(seen().order, "loa", "kyc")
    order, changes = ticked(order, "kyc", done=False)
    assert [change.kind for change in changes] == [ChangeKind.REQUIREMENT_TICKED, ChangeKind.DEADLINE_SET]
    [deadline] = order.deadlines
    assert (deadline.value, deadline.id) == (DEADLINE, "2")
    assert "DeadlineApproaching" in kinds(seen(order, DEADLINE - HOUR))
    # A deadline that was not erased is not set a second time.
    order, changes = ticked(order, "loa", done=False)
    assert [change.kind for change in changes] == [ChangeKind.REQUIREMENT_TICKED]


def test_tick_undone_after_the_deadline_is_a_missed_deadline() -> None:
    order, _ = ticked(seen().order, "loa", "kyc")
    order, changes = ticked(order, "kyc", done=False, at=DEADLINE + HOUR)
    assert ChangeKind.DEADLINE_MISSED in [change.kind for change in changes]


def test_repeated_tick_changes_nothing() -> None:
    order, _ = ticked(seen().order, "loa")
    assert ticked(order, "loa") == (order, [])
    assert ticked(order, "other") == (order, [])


def test_missed_own_deadline_is_reported_once_and_cancels_nothing() -> None:
    folded = seen(seen().order, DEADLINE)
    missed = only(folded, ChangeKind.DEADLINE_MISSED)
    assert missed.notify
    assert "The provider knows nothing of it and cancels nothing" in said(missed)
    assert folded.order.state is OrderState.ACTION_REQUIRED
    assert attention(folded.order) == ("requirements_owed", "deadline_missed")
    assert "DeadlineMissed" not in kinds(seen(folded.order, DEADLINE + DAY))
    order, changes = ticked(folded.order, "loa", "kyc", at=DEADLINE + DAY)
    assert "was missed" in said(changes[1])
    assert attention(order) == ("waiting_at_provider",), "until the next poll is folded"
    assert attention(seen(order, DEADLINE + DAY).order) == ()


@pytest.mark.parametrize(
    ("phase", "state"), [(Phase.FAILED, OrderState.FAILED), (Phase.CANCELLED, OrderState.CANCELLED)]
)
def test_end_after_an_own_deadline_is_not_attributed_to_it(phase: Phase, state: OrderState) -> None:
    order = seen(seen().order, DEADLINE).order
    over = a_snapshot(phase=phase, provider_status="x", lists_every_asset=False, sub_orders=())
    folded = poll(order, over, DEADLINE + DAY)
    assert folded.order.state is state
    told = " ".join(said(change) for change in folded.changes)
    assert "deadline for its requirements was missed" not in told


def test_providers_requirements_cannot_be_ticked() -> None:
    order = poll(pending(), owing(DEADLINE)).order
    assert ticked(order, "r-1") == (order, [])


@pytest.mark.parametrize(
    ("provider", "fields", "expected"),
    [
        ("telnyx", {"requirements": LIST}, {"requirements"}),
        ("telnyx", {"deadline": DEADLINE.isoformat()}, {"deadline", "requirements"}),
        ("telesign", {"deadline": DEADLINE.isoformat()}, {"requirements"}),
        ("telesign", {"extension": {}}, {"extension"}),
        ("telesign", {"answers": [{"requirement": "r", "value": {"kind": "text", "text": "x"}}]}, {"answers"}),
        ("telesign", {"requirements": LIST}, set()),
        ("telesign", {"requirements": LIST, "deadline": DEADLINE.isoformat()}, set()),
        ("telnyx", {"extension": {}}, set()),
    ],
)
def test_own_requirements_are_checked_against_the_provider_before_the_purchase(
    provider: str, fields: dict[str, Any], expected: set[str]
) -> None:
    message = a_message(provider=provider, items=[{"numbers": ["+12065550100"]}], **fields)
    faults = check(message, registry.capabilities(provider))
    assert {fault.field for fault in faults if not fault.field.startswith("items")} == expected


def delivered(order: Any, at: Any = NOW) -> Any:
    shown = a_snapshot(AssetState.ACTIVE, phase=Phase.ENDED, lists_every_asset=False, sub_orders=())
    return poll(order, shown, at)


def test_own_requirements_stay_open_after_delivery() -> None:
    folded = delivered(seen().order)
    told = only(folded, ChangeKind.ORDER_COMPLETED)
    assert told.notify
    assert "Still to do on its own list: “Letter of authorisation”, Identity." in said(told, folded.order)
    order = folded.order
    assert order.wake_at == min(DEADLINE - 3 * DAY, order.next_poll_at)
    assert "deadline" in memberships(order)
    reminded = delivered(order, DEADLINE - 3 * DAY)
    assert only(reminded, ChangeKind.DEADLINE_APPROACHING).notify
    missed = delivered(reminded.order, DEADLINE)
    assert only(missed, ChangeKind.DEADLINE_MISSED).notify
    assert attention(missed.order) == ("deadline_missed",)
    done, _ = ticked(missed.order, "loa", "kyc", at=DEADLINE)
    assert (done.deadlines, attention(done)) == ((), ())


def test_reminder_wakes_an_ended_order() -> None:
    order = delivered(seen(at=DEADLINE - HOUR * 30).order, DEADLINE - HOUR * 29).order
    assert order.wake_at == min(DEADLINE - HOUR, order.next_poll_at)


def test_order_that_delivered_nothing_has_no_open_requirements() -> None:
    shown = a_snapshot(AssetState.CANCELLED, phase=Phase.CANCELLED, lists_every_asset=False, sub_orders=())
    assert poll(seen().order, shown, NOW).order.deadlines == ()
