"""Commands of people about money and personal data, through the API on moto. Other callers can do none of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.services.placing_gate import entry
from numberdesk.services.ports import Inventory
from tests.support import aws
from tests.support.aws import ALICE, SECRETS
from tests.support.builders import START, body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}


def fields(problem: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a problem's issues."""
    return [(fault["field"], fault["code"]) for fault in problem["errors"]]


def kind(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    """Return the status and the kind of a problem."""
    return answer[0], str(answer[1]["type"].removeprefix("urn:numberdesk:problem:"))


@pytest.fixture
def limited() -> Iterator[World]:
    """Return a numberdesk that buys one number per order unless a person approves more."""
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as made:
        yield made


# Who did what


def test_activity_shows_who_did_what_on_which_order_and_why(limited: World) -> None:
    world = limited
    for order_id in ("order-1", "order-2"):
        world.send(body(order_id))
    world.settle()
    bob = "arn:aws:sts::123456789012:assumed-role/Desk/bob"
    assert world.api("GET", "/activity")[1] == {"items": [], "next": None, "unreadable": []}
    world.api("POST", "/orders/order-1/acknowledgements", {"until": "2026-11-22T12:00:00Z", "reason": "Asking sales."})
    world.clock.advance(1)
    world.api("POST", "/orders/order-1/sync", {"reason": "The limit was raised."}, principal=bob)
    world.clock.advance(1)
    world.api("POST", "/orders/order-1/approve", {"reason": "Sales agreed."})
    world.clock.advance(1)
    world.api("PUT", "/placing", {"open": False, "reason": "Stocktaking."}, principal=bob)
    world.pass_time(3)

    def shown(**query: str) -> list[tuple[Any, ...]]:
        status, found = world.api("GET", "/activity", **query)
        assert (status, found["next"]) == (200, None)
        return [(it["actor"], it["kind"], it["order_id"], it["data"]["reason"]) for it in found["items"]]

    deeds = [
        (bob, "PlacingStopped", None, "Stocktaking."),
        (ALICE, "OrderApproved", "order-1", "Sales agreed."),
        (ALICE, "ReminderAcknowledged", "order-1", "Asking sales."),
    ]
    # A held order waits for a person: to poll it does nothing, and so stands nowhere.
    assert shown() == shown(month="2026-11") == deeds
    assert shown(by=bob) == deeds[:1]
    assert shown(month="2026-10") == []
    first = world.api("GET", "/activity", limit="1")[1]
    second = world.api("GET", "/activity", limit="1", next=first["next"])[1]
    assert [it["kind"] for it in (*first["items"], *second["items"])] == ["PlacingStopped", "OrderApproved"]
    assert world.api("GET", "/activity", by=bob, next=first["next"])[0] == 400, "another list's token"


# Held orders


def test_order_beyond_a_limit_is_placed_when_a_person_approves_it(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    order = world.api("GET", "/orders/order-1")[1]
    assert (order["state"], order["hold"]["kind"], world.bought()) == ("received", "limit", 0)
    assert order["waiting_for"] == order["hold"]["why"]
    assert order["waiting_since"] is not None
    status, released = world.api("POST", "/orders/order-1/approve")
    assert (status, released["hold"], released["waiting_for"]) == (200, None, "it was approved")
    assert [(each["kind"], each["by"]) for each in released["approvals"]] == [("limit", ALICE)]
    world.pass_time(3)
    order = world.api("GET", "/orders/order-1")[1]
    assert (order["state"], order["reserved"]["numbers"], world.bought()) == ("completed", 2, 1)
    assert [(each["currency"], each["numbers"]) for each in order["costs"]] == [("USD", 2)]
    assert (order["asset_count"], order["assets_by_state"]) == (2, {"active": 2})
    assert "deadline_override" not in order["assets"][0]
    assert kind(world.api("POST", "/orders/order-1/approve")) == (409, "order-ended")
    assert ChangeKind.ORDER_APPROVED in world.kinds()


def test_order_beyond_a_limit_ends_when_a_person_rejects_it(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    assert world.api("POST", "/orders/order-1/reject", {"reason": ""})[0] == 400
    status, order = world.api("POST", "/orders/order-1/reject", {"reason": "two are too many"})
    assert (status, order["state"], order["hold"], world.bought()) == (200, "cancelled", None, 0)
    [cancelled] = [each for each in world.ledger() if each.kind is ChangeKind.ORDER_CANCELLED]
    assert cancelled.data["rejected_because"] == "two are too many"
    assert "two are too many" not in world.output.getvalue()
    again = world.api("POST", "/orders/order-1/reject", {"reason": "two are too many"})
    assert kind(again) == (409, "order-ended")


def test_order_without_a_hold_can_be_neither_approved_nor_rejected(world: World) -> None:
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", GERMAN))
    world.pass_time(3)
    for path, sent in (("approve", None), ("reject", {"reason": "no"})):
        assert kind(world.api("POST", f"/orders/order-1/{path}", sent)) == (409, "not-held")
        assert kind(world.api("POST", f"/orders/nobodys/{path}", sent)) == (404, "not-found")


# Reasons


def data(world: World, kind: ChangeKind) -> dict[str, Any]:
    """Return the data of the only ledger entry of a kind."""
    [entry] = [each for each in world.ledger() if each.kind is kind]
    return entry.data


def test_approval_keeps_its_reason(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    assert world.api("POST", "/orders/order-1/approve", {"reason": "the budget was raised"})[0] == 200
    assert data(world, ChangeKind.ORDER_APPROVED)["reason"] == "the budget was raised"
    assert "the budget was raised" not in world.output.getvalue()


def test_cancellation_keeps_its_reason_until_the_provider_has_carried_it_out(world: World) -> None:
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", GERMAN))
    world.pass_time(3)
    status, order = world.api("POST", "/orders/order-1/cancel", {"reason": "Berlin is closed"})
    assert (status, order["operations"][0]["reason"]) == (202, "Berlin is closed")
    world.pass_time(60, steps=2, sweep=True)
    assert world.order().state is OrderState.CANCELLED
    for kind in (ChangeKind.OPERATION_ASKED, ChangeKind.OPERATION_DONE, ChangeKind.ORDER_CANCELLED):
        assert data(world, kind)["reason"] == "Berlin is closed"
    told = dict(world.events())["OrderCancelled"]
    assert "as alice asked: “Berlin is closed”" in told["message"]
    assert "Berlin is closed" not in world.output.getvalue()


def test_order_that_was_not_sent_is_cancelled_with_its_reason(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    assert world.api("POST", "/orders/order-1/cancel", {"reason": "two are too many"})[1]["state"] == "cancelled"
    cancelled = data(world, ChangeKind.ORDER_CANCELLED)
    assert (cancelled["asked_by"], cancelled["reason"]) == (ALICE, "two are too many")
    assert "rejected_because" not in cancelled


@pytest.mark.parametrize("answer", [{"not_placed": {"place_again": False}}, {"placed_as": None}])
def test_answer_about_an_unknown_purchase_keeps_its_reason(world: World, answer: dict[str, Any]) -> None:
    bought = unclear(world)
    sent = {"placed_as": bought} if "placed_as" in answer else answer
    assert world.api("POST", "/orders/order-1/resolve", {**sent, "reason": "CallFire says so"})[0] == 200
    assert data(world, ChangeKind.PURCHASE_RESOLVED)["reason"] == "CallFire says so"
    if "not_placed" in answer:
        assert data(world, ChangeKind.ORDER_CANCELLED)["reason"] == "CallFire says so"


def test_release_and_erasure_keep_their_reasons(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    number = world.order().assets[0].value
    path = f"/orders/order-1/numbers/{number[1:]}/release"
    assert world.api("POST", path, {"confirm": number, "reason": "nobody calls it"})[0] == 202
    world.pass_time(60, steps=2, sweep=True)
    assert data(world, ChangeKind.NUMBER_RELEASED)["reason"] == "nobody calls it"
    assert world.api("POST", "/orders/order-1/erase", {"reason": "the customer left"})[0] == 200
    assert data(world, ChangeKind.PERSONAL_DATA_ERASED) == {"by": ALICE, "reason": "the customer left"}
    world.settle()
    told = dict(world.events())
    assert "as alice asked: “nobody calls it”; it costs nothing" in told["NumberReleased"]["message"]
    assert "as alice asked: “the customer left”. Events" in told["PersonalDataErased"]["message"]


def test_act_without_a_reason_has_none_in_the_ledger(limited: World) -> None:
    world = limited
    for order_id in ("order-1", "order-2"):
        world.send(body(order_id))
    world.settle()
    assert world.api("POST", "/orders/order-1/approve", {})[0] == 200
    assert world.api("POST", "/orders/order-2/cancel")[0] == 202
    world.pass_time(3)
    assert world.api("POST", "/orders/order-1/erase")[0] == 200
    entries = [*world.ledger("ORDER#order-1"), *world.ledger("ORDER#order-2")]
    acts = {ChangeKind.ORDER_APPROVED, ChangeKind.ORDER_CANCELLED, ChangeKind.PERSONAL_DATA_ERASED}
    assert {each.kind for each in entries} >= acts
    assert not any("reason" in each.data for each in entries)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("approve", {}),
        ("cancel", {}),
        ("resolve", {"not_placed": {"place_again": False}}),
        ("numbers/12065550123/release", {"confirm": "+12065550123"}),
        ("erase", {}),
    ],
)
def test_reason_has_one_to_500_characters(world: World, path: str, sent: dict[str, Any]) -> None:
    for reason, code in (("", "string_too_short"), ("x" * 501, "string_too_long"), (7, "string_type")):
        status, problem = world.api("POST", f"/orders/order-1/{path}", {**sent, "reason": reason})
        assert (status, fields(problem)) == (400, [("reason", code)])


# Unknown outcomes


def unclear(world: World, order_id: str = "order-1") -> str:
    """Make an order at CallFire whose response was lost and that cannot be searched for, and return its purchase."""
    world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    world.callfire.fault("create_order", "lose_answer")
    world.send(body(order_id, SEATTLE, provider="callfire"))
    world.deliver("place_order")
    assert world.order(order_id).state is OrderState.UNKNOWN
    return str(world.callfire.orders()[-1]["order_id"])


def test_person_names_the_purchase_of_an_unknown_order(world: World) -> None:
    bought = unclear(world)
    path = "/orders/order-1/resolve"
    status, problem = world.api("POST", path, {"placed_as": "987654"})
    assert (status, fields(problem)) == (400, [("placed_as", "no_such_order")])
    status, order = world.api("POST", path, {"placed_as": bought})
    assert (status, order["state"], order["provider_order_id"]) == (200, "pending", bought)
    world.pass_time(60, steps=4)
    assert (world.order().state, world.bought("callfire")) == (OrderState.COMPLETED, 1)
    assert kind(world.api("POST", path, {"placed_as": bought})) == (409, "not-unknown")
    assert kind(world.api("POST", "/orders/nobodys/resolve", {"placed_as": bought})) == (404, "not-found")


def test_purchase_belongs_to_one_order(world: World) -> None:
    bought = unclear(world)
    world.api("POST", "/orders/order-1/resolve", {"placed_as": bought})
    unclear(world, "order-2")
    status, problem = world.api("POST", "/orders/order-2/resolve", {"placed_as": bought})
    assert kind((status, problem)) == (409, "claimed")
    assert "order-1" in problem["detail"]
    assert world.order("order-2").state is OrderState.UNKNOWN


@pytest.mark.parametrize(("place_again", "state", "sales"), [(False, "cancelled", 1), (True, "received", 2)])
def test_person_confirms_that_nothing_was_purchased(world: World, *, place_again: bool, state: str, sales: int) -> None:
    unclear(world)
    answer = {"not_placed": {"place_again": place_again}}
    status, order = world.api("POST", "/orders/order-1/resolve", answer)
    assert (status, order["state"]) == (200, state)
    world.pass_time(60, steps=4)
    # The simulator did sell, but the person's decision is believed.
    assert world.bought("callfire") == sales


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ({}, ("", "value_error")),
        ({"placed_as": "1", "not_placed": {"place_again": True}}, ("", "value_error")),
        ({"not_placed": {}}, ("not_placed.place_again", "missing")),
        ({"placed_as": "a/b"}, ("placed_as", "string_pattern_mismatch")),
    ],
)
def test_decision_is_exactly_one_of_the_options(world: World, sent: dict[str, Any], fault: tuple[str, str]) -> None:
    unclear(world)
    status, problem = world.api("POST", "/orders/order-1/resolve", sent)
    assert (status, fields(problem)) == (400, [fault])
    assert world.order().state is OrderState.UNKNOWN


# Numbers


def test_numbers_of_an_order_are_listed_by_page_and_state(world: World) -> None:
    world.send(body("order-1", {"criteria": {"country": "US", "city": "Chicago"}, "quantity": 3}))
    world.pass_time(3)
    values = [asset.value for asset in world.order().assets]
    first = world.api("GET", "/orders/order-1/numbers", limit="2")[1]
    rest = world.api("GET", "/orders/order-1/numbers", limit="2", next=first["next"])[1]
    assert ([each["value"] for each in first["items"]], [each["value"] for each in rest["items"]]) == (
        values[:2],
        values[2:],
    )
    assert rest["next"] is None
    assert first["items"][0]["since"] is not None
    active = world.api("GET", "/orders/order-1/numbers", state="active")[1]
    assert [each["value"] for each in active["items"]] == values
    assert world.api("GET", "/orders/order-1/numbers", state="failed") == (200, {"items": [], "next": None})
    status, problem = world.api("GET", "/orders/order-1/numbers", state="active", next=first["next"])
    assert (status, fields(problem)) == (400, [("next", "not_a_token")])
    assert kind(world.api("GET", "/orders/nobodys/numbers")) == (404, "not-found")


def test_number_is_released_after_a_confirmation(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    given, kept = (asset.value for asset in world.order().assets)
    for written in (given, given[1:], f"%2B{given[1:]}"):
        path = f"/orders/order-1/numbers/{written}/release"
        for confirm in (kept, given[:-1]):
            status, problem = world.api("POST", path, {"confirm": confirm})
            assert (status, fields(problem)) == (400, [("confirm", "differs")])
    assert world.api("POST", path)[0] == 400
    # Digits alone do not identify a number: the number must be written as in the order.
    assert kind(world.api("POST", path, {"confirm": given[1:]})) == (404, "not-found")
    assert world.order().operations == ()
    status, order = world.api("POST", path, {"confirm": given})
    assert (status, [(each["kind"], each["number"]) for each in order["operations"]]) == (202, [("release", given)])
    world.pass_time(60, steps=2, sweep=True)
    numbers = world.api("GET", "/orders/order-1/numbers")[1]["items"]
    assert [(number["value"], number["released_at"] is not None) for number in numbers] == [
        (given, True),
        (kept, False),
    ]
    owned = world.api("GET", "/providers/telnyx/numbers")[1]["items"]
    assert [each["value"] for each in owned if not each["given_back"]] == [kept]
    assert kind(world.api("POST", path, {"confirm": given})) == (404, "not-found")
    logged = [line for line in world.output.getvalue().splitlines() if '"release_number"' in line]
    assert [json.loads(line)["order_id"] for line in logged] == ["order-1"] * len(logged)
    assert logged
    assert given[1:] not in "".join(logged)


# Personal data


def test_personal_data_is_erased_once_the_order_has_ended(world: World) -> None:
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", GERMAN))
    world.pass_time(3)
    value = {"requirement": "Business Name", "value": {"kind": "text", "text": "Erika Mustermann"}}
    assert world.api("POST", "/orders/order-1/requirements", {"values": [value]})[0] == 202
    assert world.api("POST", "/orders/order-1/comments", {"text": "Erika Mustermann asks"})[0] == 202
    world.pass_time(60, steps=2, sweep=True)
    assert len(world.api("GET", "/orders/order-1/comments")[1]["items"]) == 1
    assert "Erika" in repr(world.items("ORDER#order-1"))
    assert kind(world.api("POST", "/orders/order-1/erase")) == (409, "order-open")
    world.api("POST", "/orders/order-1/cancel")
    world.pass_time(60, steps=2, sweep=True)
    before = world.api("GET", "/orders/order-1/ledger")[1]["items"]
    status, order = world.api("POST", "/orders/order-1/erase")
    assert (status, order["state"]) == (200, "cancelled")
    assert order["erased_at"] is not None
    assert world.api("GET", "/orders/order-1/comments")[1]["items"] == []
    after = world.api("GET", "/orders/order-1/ledger")[1]["items"]
    assert [each["kind"] for each in after] == [*(each["kind"] for each in before), "PersonalDataErased"]
    assert "Erika" not in repr(world.items("ORDER#order-1"))
    # Erasing again does no harm, and is recorded once.
    assert world.api("POST", "/orders/order-1/erase") == (200, order)
    assert world.api("POST", "/orders/nobodys/erase")[0] == 404


# The gate


def test_switch_stops_all_placing_and_every_waiting_order_says_so(world: World) -> None:
    status, placing = world.api("GET", "/placing")
    assert (status, placing["placing"], placing["open"], placing["by"]) == (200, True, True, "")
    closed = {"open": False, "reason": "the budget is used up"}
    status, placing = world.api("PUT", "/placing", closed)
    assert (status, placing["placing"], placing["by"], placing["reason"]) == (200, False, ALICE, closed["reason"])
    assert world.api("PUT", "/placing", {"open": False, "reason": "again"})[1] == placing
    world.send(body())
    world.settle()
    order = world.api("GET", "/orders/order-1")[1]
    assert (order["state"], order["waiting_for"], world.bought()) == ("received", placing["closed_because"], 0)
    assert placing["closed_because"] == "placing is switched off by alice: the budget is used up"
    assert world.api("POST", "/orders/order-1/sync")[1]["waiting_for"] == placing["closed_because"]
    world.settle()
    assert world.api("PUT", "/placing", {"open": True})[1]["placing"] is True
    world.pass_time(600, steps=5, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert next(name for name, _ in world.events()) == "PlacingStopped"


def test_order_that_waits_for_another_reason_names_the_switch_first(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    why = world.api("GET", "/orders/order-1")[1]["waiting_for"]
    world.api("PUT", "/placing", {"open": False})
    closed = "placing is switched off by alice"
    assert world.api("GET", "/orders/order-1")[1]["waiting_for"] == f"{closed}; {why}"
    released = world.api("POST", "/orders/order-1/approve")[1]
    assert released["waiting_for"] == f"{closed}; it was approved"
    # An ended order waits for nothing.
    world.send(body("order-2"))
    world.settle()
    assert world.api("POST", "/orders/order-2/cancel")[1]["waiting_for"] is None


def test_switch_is_on_or_off(world: World) -> None:
    for sent, fault in (
        ({}, ("open", "missing")),
        ({"open": "no"}, ("open", "bool_type")),
        ({"open": False, "reason": "x" * 501}, ("reason", "string_too_long")),
    ):
        status, problem = world.api("PUT", "/placing", sent)
        assert (status, fields(problem)) == (400, [fault])
    assert world.api("GET", "/placing")[1]["placing"] is True


def test_restore_is_confirmed_once_every_account_was_compared(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    there = world.table.gate()
    earlier = there._replace(version=there.version + 1, table_id="the table before")
    told = entry("the table before", ChangeKind.PLACING_STOPPED, "x", "test", START, {}, "")
    assert world.table.put_gate(earlier, told)
    placing = world.api("GET", "/placing")[1]
    assert (placing["placing"], placing["open"], placing["restored"]) == (False, True, True)
    assert placing["not_compared"] == ["telnyx/default"]
    status, problem = world.api("POST", "/placing/confirm-restore")
    assert kind((status, problem)) == (409, "not-reconciled")
    assert "telnyx/default" in problem["detail"]
    compared = Inventory(finished_at=world.clock.now(), table_id=world.table.table_id())
    world.table.put_inventory("telnyx", "default", compared, None)
    status, problem = world.api("POST", "/placing/confirm-restore", {"search_until": "2026-01-01T00:00:00Z"})
    assert (status, fields(problem)) == (400, [("search_until", "in_the_past")])
    until = "2026-12-01T00:00:00.000000Z"
    status, placing = world.api("POST", "/placing/confirm-restore", {"search_until": until, "reason": "compared"})
    assert (status, placing["placing"], placing["restored"], placing["search_until"]) == (200, True, False, until)
    [confirmed] = [each for each in world.ledger("DESK#placing") if each.kind is ChangeKind.RESTORE_CONFIRMED]
    assert (confirmed.actor, confirmed.data["reason"]) == (ALICE, "compared")
    # Nothing is left to confirm.
    assert world.api("POST", "/placing/confirm-restore") == (200, placing)
