"""The age of a waiting order counts from its first attempt, however often it is retried."""

from datetime import timedelta

from numberdesk.domain import outcome, placing
from numberdesk.domain.lists import waits
from tests.support.orders import NOW, RULES, chosen, received

LATER = NOW + timedelta(hours=2)


def test_failed_attempt_does_not_reset_the_age() -> None:
    order = received()
    order = placing.wait(order, NOW, "the account is blocked", NOW)[0]
    tried = placing.begin(order, chosen("+4930111"), None, LATER, RULES.timings, content_lock=None)[0]
    back = outcome.not_bought(tried, "the account is blocked", LATER, LATER)[0]
    assert waits(order)["held"] == waits(back)["held"] == NOW


def test_purchased_order_no_longer_waits() -> None:
    order = placing.wait(received(), NOW, "the account is blocked", NOW)[0]
    tried = placing.begin(order, chosen("+4930111"), None, LATER, RULES.timings, content_lock=None)[0]
    assert outcome.placed(tried, "po-1", "pending", LATER)[0].waiting_since is None
