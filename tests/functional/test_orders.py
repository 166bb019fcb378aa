"""Orders from the queue to their end, at each provider: a message in; purchases, records and events out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World

CONTACT = {"email": "erika.mustermann@example.com", "contact_name": "Erika Mustermann", "use_case": "two-factor"}
BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 4}
SEATTLE = {"criteria": {"country": "US", "city": "Seattle", "state": "WA"}, "quantity": 2}
GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}


def test_telnyx_order_is_completed_by_its_webhook(world: World) -> None:
    world.send(body(), correlation_id="correlation-7")
    world.settle()
    assert world.order().state is OrderState.PENDING
    world.pass_time(2)
    order = world.order()
    assert (order.state, len(order.assets), world.bought()) == (OrderState.COMPLETED, 2, 1)
    assert [entry.kind for entry in world.ledger()] == [
        ChangeKind.ORDER_RECEIVED,
        ChangeKind.PLACING_BEGUN,
        ChangeKind.ORDER_PLACED,
        ChangeKind.ORDER_COMPLETED,
    ]
    events = world.events()
    assert [kind for kind, _ in events] == ["OrderPlaced", "OrderCompleted"]
    assert [detail["id"] for _, detail in events] == [entry.id for entry in world.ledger()[2:]]
    assert len(world.items("ORDER#order-1", "RECEIPT#")) == 1
    [kept] = world.items("ORDER#order-1", "PERSONAL#WEBHOOK#")
    assert kept["body"] == world.telnyx.deliveries()[0].body
    # It is still followed: the next poll is a day later.
    assert order.wake_at is not None
    assert (order.wake_at - world.clock.now()).days == 1


def test_correlation_id_runs_from_the_message_to_the_bus(world: World) -> None:
    world.send(body(), correlation_id="correlation-7")
    world.pass_time(2.1)
    assert {entry.correlation_id for entry in world.ledger()} == {"correlation-7"}
    assert {detail["correlation_id"] for _, detail in world.events()} == {"correlation-7"}
    changes = [line for line in world.output.getvalue().splitlines() if '"message":"change"' in line]
    assert len(changes) == 3
    assert all('"correlation_id":"correlation-7"' in line for line in changes)


def test_message_without_a_correlation_id_gets_its_own(world: World) -> None:
    message_id = world.send(body())
    world.settle()
    assert world.order().correlation_id == message_id


def test_telnyx_order_without_a_webhook_is_completed_by_a_poll(world: World) -> None:
    world.telnyx.webhooks(off=True)
    world.send(body())
    world.pass_time(8, steps=4)
    assert world.order().state is OrderState.COMPLETED
    assert world.telnyx.deliveries() == []
    assert world.items("ORDER#order-1", "RECEIPT#") == []


def test_telesign_order_is_found_partially_completed_by_polling(world: World) -> None:
    world.telesign.available("BE", "mobile", 3)
    world.send(body("order-1", BELGIAN, provider="telesign", contact=CONTACT))
    world.pass_time(8, steps=4)
    order = world.order()
    assert (order.state, world.bought("telesign")) == (OrderState.PARTIALLY_COMPLETED, 1)
    assert all(asset.value.startswith("+324") for asset in order.assets)
    kind, detail = world.events()[-1]
    assert (kind, detail["notify"]) == ("OrderPartiallyCompleted", True)
    assert (detail["data"]["delivered"], detail["data"]["asked"]) == (3, 4)
    assert "1 mobile number in BE" in detail["message"]


def test_callfire_order_is_reported_by_its_postback(world: World) -> None:
    world.callfire.unavailable(keywords=["PIE"])
    world.send(
        body("order-1", {"numbers": ["+12065550143"]}, {"keywords": ["CAKE", "PIE"]}, SEATTLE, provider="callfire")
    )
    world.pass_time(4, steps=2)
    order = world.order()
    assert (order.state, world.bought("callfire")) == (OrderState.PARTIALLY_COMPLETED, 1)
    assert len(world.callfire.deliveries()) == len(world.items("ORDER#order-1", "RECEIPT#")) == 1
    assert "keyword PIE" in world.events()[-1][1]["message"]
    assert world.callfire.too_fast() == 0


def test_one_telnyx_order_over_two_countries_is_three_sub_orders(world: World) -> None:
    toll_free = {"criteria": {"country": "US", "number_type": "toll_free"}, "quantity": 1}
    london = {"criteria": {"country": "GB", "city": "London"}, "quantity": 1}
    world.telnyx.fail_sub_order(country_code="GB")
    world.send(body("order-1", {"criteria": {"country": "US"}, "quantity": 1}, toll_free, london))
    world.pass_time(4, steps=2)
    order = world.order()
    assert (order.state, len(order.sub_orders), world.bought()) == (OrderState.PARTIALLY_COMPLETED, 3, 1)
    assert "1 local number in GB" in world.events()[-1][1]["message"]


def test_requirement_is_requested_rejected_with_its_reason_and_approved(world: World) -> None:
    reason = "The street on Ms Mustermann's bill is unreadable"
    world.telnyx.configure(vetting_seconds=1, deadline_seconds=6 * 86400)
    world.telnyx.reject("End User Address", reason, new_deadline_seconds=4 * 86400)
    world.send(body("order-1", GERMAN, reminders=["P5D", "P1D"]))
    world.pass_time(3, steps=2)
    assert world.order().state is OrderState.ACTION_REQUIRED
    asked = dict(world.events())
    assert asked.keys() == {"OrderPlaced", "RequirementRequested", "DeadlineSet"}
    assert "“End User Address”, “Identity Document”, “Business Name”" in asked["RequirementRequested"]["message"]

    world.telnyx.supply("*")
    world.pass_time(60, steps=2, sweep=True)
    rejected = [detail for kind, detail in world.events() if kind == "RequirementRejected"]
    assert len(rejected) == 1
    assert f"\u201c{reason}\u201d" in rejected[0]["message"]
    assert "2026-11-26 08:00" in rejected[0]["message"]
    # The comment is a separate item: only the event on its way to people contains its text.
    assert [item["sk"][:17] for item in world.everything() if "Mustermann" in repr(item)] == ["PERSONAL#COMMENT#"]
    assert "Mustermann" not in world.output.getvalue()

    # A day before the new deadline the one reminder fires, and includes the reason.
    world.pass_time(3 * 86400, sweep=True)
    reminders = [detail for kind, detail in world.events() if kind == "DeadlineApproaching"]
    assert [(detail["data"]["reminder"], detail["notify"]) for detail in reminders] == [("P1D", True)]
    assert reason in reminders[0]["message"]

    world.telnyx.supply("*")
    world.pass_time(7200, steps=2, sweep=True)
    assert world.order().state is OrderState.COMPLETED
    assert {"RequirementApproved", "OrderCompleted"} <= dict(world.events()).keys()
    assert world.bought() == 1


def test_ignored_deadline_is_reminded_missed_and_cancelled(world: World) -> None:
    world.telnyx.configure(deadline_seconds=86400)
    world.send(body("order-1", GERMAN, reminders=["PT4H", "PT1H"]))
    world.pass_time(19 * 3600, sweep=True)
    world.pass_time(7 * 3600, steps=7, sweep=True)
    kinds = [kind for kind, _ in world.events()]
    assert kinds.count("DeadlineApproaching") == 2
    assert kinds[-2:] == ["DeadlineMissed", "OrderCancelled"]
    assert world.order().state is OrderState.CANCELLED


@pytest.mark.parametrize(
    ("provider", "item"), [("telnyx", GERMAN), ("telesign", BELGIAN), ("callfire", {"keywords": ["CAKE"]})]
)
def test_personal_data_is_stored_separately_and_appears_in_no_event(
    world: World, provider: str, item: dict[str, object]
) -> None:
    contact = {"contact": CONTACT} if provider == "telesign" else {}
    metadata = {"for": "Erika Mustermann"}
    world.send(body("order-1", item, provider=provider, metadata=metadata, **contact))
    world.pass_time(20, steps=4)
    assert [entry["sk"] for entry in world.everything() if "ustermann" in repr(entry)] == ["PERSONAL#MESSAGE"]
    assert "ustermann" not in world.output.getvalue() + repr(world.events())
    for secret in ("KEY-telnyx", "c2ltdWxhdG9y", "PASSWORD-callfire"):
        assert secret not in world.output.getvalue() + repr(world.everything())
