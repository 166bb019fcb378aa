"""An ended sub order is reported once. It has no more reminders or open requirements, while the other sub orders continue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain import answers, operations
from numberdesk.domain.lists import attention
from numberdesk.domain.order import Operation
from numberdesk.domain.snapshot import AssetSeen, DeadlinesSeen, RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, OperationKind, RequirementState
from tests.support.orders import NOW, a_message, a_snapshot, kinds, only, pending, poll, said

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.snapshot import Snapshot

A = AssetState
DEADLINE = NOW + timedelta(days=10)
DAY = timedelta(days=1)
R = RequirementState


def shown(
    first: AssetState, second: AssetState, state: RequirementState = R.AWAITING_VALUE, due: datetime = DEADLINE
) -> Snapshot:
    """Return sub order s-1 with its number, requirement and deadline, and s-2 with a number that has no requirement."""
    return a_snapshot(
        assets=tuple(
            AssetSeen(AssetKind.NUMBER, value, asset, "x", f"id-{value}", sub_order, "DE", "local")
            for value, sub_order, asset in (("+4930111", "s-1", first), ("+4930222", "s-2", second))
        ),
        sub_orders=tuple(SubOrderSeen(each, "pending", "DE", "local") for each in ("s-1", "s-2")),
        requirements=(RequirementSeen("r-1", "s-1", state, "x", 1, "Submission 1", "text"),),
        deadlines=(DeadlinesSeen("s-1", ((due, 1),)),),
    )


OPEN = shown(A.ACTION_REQUIRED, A.PENDING)


def owing_order(**message: Any) -> Any:
    return poll(pending(a_message(**message)), OPEN).order


@pytest.mark.parametrize(("state", "provider_status"), [(A.CANCELLED, "cancelled"), (A.FAILED, "failed")])
def test_end_of_a_sub_order_is_reported_once_and_its_requirements_and_reminders_are_removed(
    state: AssetState, provider_status: str
) -> None:
    order = owing_order(extension={"before": "P1D"})
    assert attention(order) == ("requirements_owed",)
    gone = poll(order, shown(state, A.PENDING), NOW + DAY, unannounced=True)
    assert kinds(gone) == ["DeadlineErased", "SubOrderEnded", "OrderMoved"]
    told = only(gone, ChangeKind.SUB_ORDER_ENDED)
    assert told.notify
    assert told.data == {
        "sub_order_id": "s-1",
        "state": provider_status,
        "numbers": 1,
        "first_numbers": ["+4930111"],
        "unannounced": True,
        "deadline_missed": False,
        "asked_by": None,
    }
    assert "1 number of it will not be delivered. Polling found this" in said(told)
    assert gone.order.deadlines == ()
    assert attention(gone.order) == ()
    for at in (DEADLINE - 3 * DAY, DEADLINE - DAY, DEADLINE + DAY):
        assert kinds(poll(gone.order, shown(state, A.PENDING), at)) == []


def test_sub_order_that_ended_at_its_deadline_missed_it() -> None:
    gone = poll(owing_order(), shown(A.FAILED, A.PENDING), DEADLINE + DAY, unannounced=True)
    assert [kind for kind in kinds(gone) if kind != "OrderMoved"] == ["DeadlineMissed", "SubOrderEnded"]
    told = only(gone, ChangeKind.SUB_ORDER_ENDED)
    assert (told.data["state"], told.data["deadline_missed"], told.data["unannounced"]) == ("cancelled", True, False)
    assert kinds(poll(gone.order, shown(A.FAILED, A.PENDING), DEADLINE + 2 * DAY)) == []


def test_requested_cancellation_of_a_sub_order_names_who_requested_it() -> None:
    order = owing_order()
    wish = Operation(
        id="1-0", kind=OperationKind.CANCEL, by="arn:aws:iam::1:user/ada", asked_at=NOW, sub_order_id="s-1"
    )
    order, _ = operations.done(*operations.ask(order, wish)[:1], wish, "", NOW)
    told = only(poll(order, shown(A.CANCELLED, A.PENDING), NOW, unannounced=True), ChangeKind.SUB_ORDER_ENDED)
    assert (told.data["asked_by"], told.data["unannounced"]) == ("arn:aws:iam::1:user/ada", False)
    assert "as ada asked" in said(told)


def test_delivered_sub_order_is_no_loss_and_the_end_of_the_order_covers_its_sub_orders() -> None:
    delivered = poll(owing_order(), shown(A.ACTIVE, A.PENDING))
    assert kinds(delivered) == ["DeadlineErased", "OrderMoved"]
    assert "SubOrderEnded" not in kinds(poll(owing_order(), shown(A.CANCELLED, A.CANCELLED)))
    assert "SubOrderEnded" not in kinds(poll(delivered.order, shown(A.ACTIVE, A.CANCELLED)))


@pytest.mark.parametrize("state", [R.AWAITING_VALUE, R.REJECTED])
def test_nothing_is_requested_in_a_sub_order_first_seen_ended(state: RequirementState) -> None:
    first = poll(pending(), shown(A.CANCELLED, A.PENDING, state))
    assert kinds(first) == ["SubOrderEnded"]
    assert answers.unanswered(first.order) == [], "values on file are not submitted there"
    assert kinds(poll(first.order, shown(A.CANCELLED, A.PENDING, state), NOW + DAY)) == []


def test_policys_count_continues_after_an_erased_deadline() -> None:
    """A value under review erases the deadline, and its rejection sets a new one."""
    order = poll(owing_order(extension={"before": "P1D", "most": 1}), OPEN, DEADLINE - DAY).order
    assert order.extensions == {"s-1": 1}
    [operation] = order.operations
    order, _ = operations.done(order, operation, "c-1", DEADLINE - DAY)
    reviewed = a_snapshot(assets=OPEN.assets, sub_orders=OPEN.sub_orders, deadlines=(DeadlinesSeen("s-1", ()),))
    order = poll(order, reviewed, DEADLINE - DAY).order
    assert order.deadlines == ()
    later = DEADLINE + 5 * DAY
    folded = poll(order, shown(A.ACTION_REQUIRED, A.PENDING, due=later), later - DAY)
    assert "DeadlineApproaching" in kinds(folded)
    assert "OperationAsked" not in kinds(folded)
