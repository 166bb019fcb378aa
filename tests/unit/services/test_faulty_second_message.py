"""An invalid message under a known order id: its notification does not say that nothing was bought or ask to send it again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support.desks import ADesk


def send(desk: ADesk, **fields: Any) -> str:
    """Send an invalid message and return the notifications."""
    sent = {"order_id": "order-1", "provider": "telnyx", "items": [], **fields}
    desk.placer.handle(json.dumps(sent), message_id="m-9", correlation_id="c-9", time_left=lambda: timedelta(minutes=3))
    [told] = desk.entries(ChangeKind.ORDER_REFUSED)
    assert told.notify
    return told.message


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="no order at all"),
        pytest.param({"items": [{"keywords": ["FOO"]}]}, id="not for this provider"),
        pytest.param({"items": [{"criteria": {"country": "FR"}, "quantity": 9}]}, id="another order"),
    ],
)
def test_notification_does_not_call_an_existing_order_unbought(fields: dict[str, Any]) -> None:
    desk = ADesk()
    desk.place()
    text = send(desk, **fields)
    assert "An order already stands under this id; it is not touched." in text
    assert "othing was bought" not in text
    assert "send it again" not in text
    assert (desk.stands(), len(desk.carrier.named("place"))) == (OrderState.PENDING, 1)


def test_without_an_existing_order_the_notification_says_nothing_was_bought() -> None:
    desk = ADesk()
    text = send(desk)
    assert "Nothing was bought; correct it and send it again." in text
    assert "already stands" not in text
