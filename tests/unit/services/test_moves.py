"""No service writes a state transition that orders may not make."""

from __future__ import annotations

import pytest

from numberdesk.domain.statuses import MOVES, OrderState
from tests.support.desks import ADesk

FORBIDDEN = [(one, other) for one in OrderState for other in OrderState if other not in {one, *MOVES[one]}]


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_invalid_state_transition_is_never_written(before: OrderState, after: OrderState) -> None:
    desk = ADesk()
    order = desk.place().with_(state=before)
    desk.store.orders[order.order_id] = order
    with pytest.raises(AssertionError, match=f"does not move from {before.value} to {after.value}"):
        desk.desk.commit(order, order.with_(state=after), (), desk.now(), "a test")
    assert desk.store.get(order.order_id) == order
