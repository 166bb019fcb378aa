"""A record takes changes of its own fields alone: a misspelt one would vanish when the record is written."""

from __future__ import annotations

import pytest

from numberdesk.domain.order import SubOrder
from tests.support.orders import pending


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Order has no field wake_att"):
        pending().with_(wake_att=None)
    with pytest.raises(TypeError, match="SubOrder has no field contry, satte"):
        SubOrder(id="s-1", provider_status="pending").model_copy(update={"satte": "", "contry": "DE"})


def test_a_field_of_its_own_is_changed() -> None:
    order = pending()
    assert order.with_(version=7).version == 7
    assert order.model_copy() == order
