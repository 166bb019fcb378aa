"""The double of an e-mail address behaves like SNS."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local.address import Address, paragraphs
from tests.support.builders import START


@pytest.mark.parametrize(("number", "pause", "arrive"), [(60, 0.0, 10), (60, 0.09, 10), (60, 0.1, 60), (10, 0.0, 10)])
def test_subscription_is_suspended_above_ten_messages_a_second(number: int, pause: float, arrive: int) -> None:
    address = Address()
    taken = [address.takes(START + timedelta(seconds=pause * index)) for index in range(number)]
    assert taken == [index < arrive for index in range(number)]
    assert address.confirmed is (arrive == number)
    assert address.takes(START + timedelta(days=1)) is address.confirmed


def test_documented_behaviour_never_suspends() -> None:
    address = Address(live=False)
    assert all(address.takes(START) for _ in range(60))


def test_message_of_several_events_is_read_event_by_event() -> None:
    assert paragraphs("2 orders.\n\na, b\n\nOrder a.\n\nOrder b.")[2:] == ["Order a.", "Order b."]
    assert paragraphs("Order a.") == ["Order a."]
