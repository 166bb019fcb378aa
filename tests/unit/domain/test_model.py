"""A record accepts changes of its own fields only: a misspelt field would be lost when the record is written."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.domain.order import SubOrder
from tests.support.orders import pending


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wake_att": None}, "Order has no field wake_att"),
        ({"version": 2, "stat": "", "acount": "x"}, "Order has no field acount, stat"),
    ],
)
def test_misspelt_field_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        pending().with_(**changes)
    parts: Any = SubOrder(id="s-1", provider_status="pending")
    with pytest.raises(TypeError, match="SubOrder has no field contry"):
        parts.with_(contry="DE")


def test_own_field_is_changed() -> None:
    order = pending()
    assert order.with_(version=7).version == 7
    assert order.with_() == order
