"""At most one purchase per order id, whatever happens in between."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers.base import RefusedError
from numberdesk.providers.callfire.adapter import CallFire
from numberdesk.providers.telesign.adapter import TeleSign
from numberdesk.providers.telnyx.adapter import Telnyx
from numberdesk.storage.table import Table
from tests.support.aws import SECRETS
from tests.support.builders import body
from tests.support.hooks import once

if TYPE_CHECKING:
    from numberdesk.providers.base import Placed, Plan
    from tests.support.aws import World

ADAPTERS: dict[str, Any] = {"telnyx": Telnyx, "telesign": TeleSign, "callfire": CallFire}
BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 1}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}
MESSAGES = {
    "telnyx": body(),
    "telesign": body("order-1", BELGIAN, provider="telesign"),
    "callfire": body("order-1", SEATTLE, {"numbers": ["+12065550143"]}, provider="callfire"),
}
LOGINS = {
    "telnyx": SECRETS["telnyx"]["api_key"],
    "telesign": SECRETS["telesign"]["customer_id"],
    "callfire": SECRETS["callfire"]["login"],
}
every_provider = pytest.mark.parametrize("provider", ADAPTERS)


class KilledError(BaseException):
    """Lambda ends a function in the middle of a line: no error handler sees it."""


def people(world: World) -> list[str]:
    """Return what people were notified of."""
    return [kind for kind, detail in world.events() if detail["notify"]]


# Duplicate messages


def test_duplicate_message_and_another_after_the_end_buy_once(world: World) -> None:
    for _ in range(2):
        world.send(body())
    world.pass_time(3)
    assert world.order().state is OrderState.COMPLETED
    version = world.order().version
    world.send(body())
    world.settle()
    assert (world.bought(), world.order().version, world.dead_letters()) == (1, version, [])
    assert world.kinds().count(ChangeKind.ORDER_PLACED) == 1


def test_two_senders_at_once_buy_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have searched and are about to write the intent: only one of them succeeds."""
    for _ in range(2):
        world.send(body())
    other = world.cold("place_order")
    searches = []

    def overtake(*_args: object, **_kwargs: object) -> None:
        searches.append(world.calls("telnyx", "search"))
        world.deliver("place_order", function=other)

    once(monkeypatch, Table, "commit", overtake)
    world.settle()
    assert searches == [1]
    assert world.calls("telnyx", "search") == 2
    assert world.bought() == 1
    assert world.kinds().count(ChangeKind.PLACING_BEGUN) == 1


def test_two_receivers_at_once_record_one_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        world.send(body())
    other = world.cold("place_order")
    once(monkeypatch, Table, "create", lambda *_: world.deliver("place_order", function=other))
    world.settle()
    assert (world.bought(), world.kinds().count(ChangeKind.ORDER_RECEIVED)) == (1, 1)


def test_known_order_id_with_another_request_is_rejected_and_the_order_continues(world: World) -> None:
    world.send(body())
    world.settle()
    world.send(body("order-1", {"numbers": ["+13125550100"]}))
    world.pass_time(3)
    [(letter, attributes)] = world.dead_letters()
    assert json.loads(letter)["items"] == [{"numbers": ["+13125550100"]}]
    assert "this order id was used for another request" in attributes["reason"]
    assert attributes["order_id"] == "order-1"
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert people(world) == ["OrderRefused"]


def test_known_order_id_with_another_request_is_rejected_even_if_both_arrive_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(body("order-1", {"criteria": {"country": "US"}, "quantity": 1}))
    world.send(body())
    other = world.cold("place_order")
    once(monkeypatch, Table, "create", lambda *_: world.deliver("place_order", function=other))
    world.settle()
    assert (world.bought(), len(world.dead_letters()), world.order().request.count) == (1, 1, 2)


# A refusal


def test_refused_order_has_failed_and_people_get_the_reason(world: World) -> None:
    error = {"errors": [{"code": "85004", "title": "Invalid connection", "detail": "of Ms Mustermann"}]}
    world.telnyx.fault("create_order", "status", status=422, body=json.dumps(error), content_type="application/json")
    world.send(body())
    world.settle()
    assert (world.order().state, world.bought()) == (OrderState.FAILED, 0)
    [(kind, detail)] = [event for event in world.events() if event[1]["notify"]]
    assert kind == "OrderFailed"
    assert "Invalid connection" in detail["message"]
    assert "85004" in detail["message"]
    assert "Mustermann" not in repr(world.everything()) + world.output.getvalue()
    world.send(body())
    world.pass_time(3600, sweep=True)
    assert world.calls("telnyx", "create_order") == 1


def test_unavailable_numbers_are_replaced_by_a_new_choice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def sell(plan: Plan, _reference: str) -> None:
        world.telnyx.sell_elsewhere([asset.value for asset in plan.chosen])

    once(monkeypatch, Telnyx, "place", sell)
    world.send(body())
    world.pass_time(3)
    order = world.order()
    assert (order.state, world.bought()) == (OrderState.COMPLETED, 1)
    assert len(order.unavailable_numbers) == 2
    assert not set(order.unavailable_numbers) & {asset.value for asset in order.assets}


def test_nothing_is_bought_if_nothing_is_found(world: World) -> None:
    world.telnyx.sell_out("US")
    world.send(body())
    world.settle()
    assert (world.order().state, world.calls("telnyx", "create_order")) == (OrderState.FAILED, 0)
    assert people(world) == ["OrderFailed"]


# No clear response


@pytest.mark.parametrize(
    ("provider", "fault"),
    [*((provider, "lose_answer") for provider in ADAPTERS), ("telnyx", "status_after"), ("telesign", "truncated")],
)
def test_purchase_with_a_lost_response_is_found_and_adopted(world: World, provider: str, fault: Any) -> None:
    simulator = world.simulators[provider]
    simulator.fault("create_order", fault)
    world.send(MESSAGES[provider])
    world.deliver("place_order")
    assert (world.order().state, world.bought(provider)) == (OrderState.UNKNOWN, 1)
    world.pass_time(60, steps=4)
    order = world.order()
    assert (order.state, world.bought(provider)) == (OrderState.COMPLETED, 1)
    assert order.provider_order_id == simulator.orders()[0]["order_id"]
    assert world.calls(provider, "create_order") == 1
    events = world.events()
    assert [kind for kind, _ in events] == ["OrderUnknown", "OrderPlaced", "OrderCompleted"]
    assert events[1][1]["data"]["found"] is True


def test_callfire_order_stays_unknown_without_v2_and_people_get_search_hints(world: World) -> None:
    world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    world.callfire.fault("create_order", "lose_answer")
    world.send(MESSAGES["callfire"])
    world.pass_time(6 * 3600, steps=3, sweep=True)
    assert (world.order().state, world.bought("callfire")) == (OrderState.UNKNOWN, 1)
    assert world.calls("callfire", "create_order") == 1
    assert world.calls("callfire", "list_orders") == 0  # there is no list to search
    (kind, detail), (again, candidates) = world.events()
    assert (kind, detail["notify"]) == ("OrderUnknown", True)
    assert "the numbers +12065550143" in detail["message"]
    assert "created after 2026-11-22 08:00:00 UTC" in detail["message"]
    # People are notified once more when there is a candidate to name.
    assert (again, candidates["notify"]) == ("OrderUnknown", True)
    assert "+12065550143" in candidates["message"].partition("in no order of ours")[2]
    # The duplicate message changes nothing.
    world.send(MESSAGES["callfire"])
    world.settle()
    assert world.bought("callfire") == 1


def ordered(world: World) -> list[set[str]]:
    """Return the numbers of each purchase that reached Telnyx."""
    calls = world.telnyx.requests("create_order")
    return [{each["phone_number"] for each in request.json["phone_numbers"]} for request in calls]


def test_missing_purchase_is_reported_and_adopted_when_it_shows(world: World) -> None:
    """The provider's list lags behind the settling time. The same numbers, ordered again, are already sold: to our own purchase."""
    world.telnyx.configure(list_lag_seconds=7200)
    world.telnyx.fault("create_order", "lose_answer")
    world.send(body())
    world.pass_time(3600, steps=6, sweep=True)
    assert world.order().state is OrderState.UNKNOWN
    events = world.events()
    unclear = [("OrderUnknown", False), ("OrderUnknown", False), ("OrderUnknown", True)]
    assert [(kind, detail["notify"]) for kind, detail in events] == unclear
    assert world.order().reference in events[2][1]["message"]
    first, second = ordered(world)
    assert (first, world.bought()) == (second, 1)
    world.pass_time(4 * 3600, steps=4, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert [kind for kind, _ in world.events()] == ["OrderPlaced", "OrderCompleted"]
    assert len(ordered(world)) == 2, "there is no third attempt"


def test_purchase_that_never_arrived_is_repeated_once_with_the_same_numbers(world: World) -> None:
    world.telnyx.fault("create_order", "status", status=500)
    world.send(body())
    world.deliver("place_order")
    chosen = {asset.value for asset in world.order().assets}
    # Whatever another search would return by then.
    stock = {"country_code": "US", "phone_number_type": "local", "locality": "CHICAGO"}
    world.telnyx.add_inventory([{"phone_number": f"+1312555000{n}", **stock} for n in (1, 2)])
    world.pass_time(600, steps=6, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert ordered(world) == [chosen, chosen]
    assert [kind for kind, _ in world.events()] == ["OrderUnknown", "OrderPlaced", "OrderCompleted"]
    assert world.table.spent("telnyx", "default", "2026-11-22").numbers == 2, (
        "the reservation of both attempts counts once"
    )


def test_second_lost_attempt_is_the_last(world: World) -> None:
    world.telnyx.fault("create_order", "status", times=None, status=500)
    world.send(body())
    world.pass_time(7200, steps=8, sweep=True)
    assert (world.order().state, world.bought(), world.calls("telnyx", "create_order")) == (OrderState.UNKNOWN, 0, 2)
    assert people(world) == ["OrderUnknown"]
    assert world.table.spent("telnyx", "default", "2026-11-22").numbers == 2, "the money may be spent"


def test_second_purchase_of_an_order_is_reported_and_cancelled(world: World) -> None:
    """Somebody ordered by hand with our reference, while the response to our own purchase was lost."""
    world.telnyx.fault("create_order", "lose_answer")
    world.send(body("order-1", {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}))
    world.deliver("place_order")
    with httpx.Client(transport=SimulatorTransport(world.telnyx), base_url="https://telnyx.test/v2") as client:
        client.headers["Authorization"] = f"Bearer {SECRETS['telnyx']['api_key']}"
        query = {"filter[country_code]": "DE", "filter[phone_number_type]": "local", "filter[limit]": "1"}
        [offer] = client.get("/available_phone_numbers", params=query).json()["data"]
        numbers = [{"phone_number": offer["phone_number"]}]
        sent = {"phone_numbers": numbers, "customer_reference": world.order().reference}
        assert client.post("/number_orders", json=sent).is_success
    world.pass_time(60, steps=4)
    order = world.order()
    first, second = (each["order_id"] for each in world.telnyx.orders())
    assert {order.provider_order_id, *order.duplicates} == {first, second}
    assert len(order.duplicates) == 1
    assert {world.table.order_of("telnyx", "default", each) for each in (first, second)} == {"order-1"}
    assert "DuplicatePurchaseFound" in people(world)
    status = {each["order_id"]: each["status"] for each in world.telnyx.orders()}
    assert (status[order.duplicates[0]], status[order.provider_order_id or ""]) == ("cancelled", "pending")


def test_order_of_another_stack_with_equal_content_is_not_adopted(world: World) -> None:
    world.send(body("order-1", BELGIAN, provider="telesign"))
    world.pass_time(20, steps=2)
    world.telesign.fault("create_order", "status", status=500)
    world.send(body("order-2", BELGIAN, provider="telesign"))
    world.pass_time(3600, steps=4, sweep=True)
    assert world.order("order-2").state is OrderState.UNKNOWN
    assert world.order("order-2").provider_order_id is None


@every_provider
def test_call_that_never_left_is_repeated(world: World, provider: str) -> None:
    world.simulators[provider].fault("create_order", "drop_before")
    world.send(MESSAGES[provider])
    world.settle()
    assert (world.order().state, world.bought(provider)) == (OrderState.RECEIVED, 0)
    world.pass_time(60, steps=3)
    assert (world.order().state, world.bought(provider)) == (OrderState.COMPLETED, 1)
    assert ChangeKind.ORDER_UNKNOWN not in world.kinds()


# Crashes and late responses


@every_provider
def test_crash_before_the_call_leads_to_a_purchase_only_if_absence_is_proof(
    world: World, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    def die(*_args: object) -> None:
        raise KilledError

    once(monkeypatch, ADAPTERS[provider], "place", die)
    world.send(MESSAGES[provider])
    with pytest.raises(KilledError):
        world.deliver("place_order")
    assert world.order().state is OrderState.PLACING
    # The message is redelivered after its visibility time-out, and the sweep runs: elsewhere nothing is sent.
    world.pass_time(7200, steps=6, sweep=True)
    exact = provider == "telnyx"
    state = OrderState.COMPLETED if exact else OrderState.UNKNOWN
    assert (world.order().state, world.calls(provider, "create_order")) == (state, int(exact))
    assert world.peek("OrderQueue") == []
    # It was not found by the search: only that is reported to people.
    assert people(world) == ([] if exact else ["OrderUnknown"])


@every_provider
def test_purchase_is_found_after_a_crash_that_followed_the_call(
    world: World, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    place = ADAPTERS[provider].place

    def place_and_die(self: Any, plan: Plan, reference: str) -> Placed:
        place(self, plan, reference)
        raise KilledError

    monkeypatch.setattr(ADAPTERS[provider], "place", place_and_die)
    world.send(MESSAGES[provider])
    with pytest.raises(KilledError):
        world.deliver("place_order")
    assert (world.order().state, world.bought(provider)) == (OrderState.PLACING, 1)
    monkeypatch.undo()
    world.pass_time(300, steps=5, sweep=True)
    assert (world.order().state, world.bought(provider)) == (OrderState.COMPLETED, 1)


def test_crash_before_the_intent_is_made_up_for_by_the_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_args: object, **_kwargs: object) -> None:
        raise KilledError

    once(monkeypatch, Telnyx, "plan", die)
    world.send(body())
    with pytest.raises(KilledError):
        world.deliver("place_order")
    assert world.order().state is OrderState.RECEIVED
    # Its message is lost with it, too.
    world.clear("OrderQueue")
    world.pass_time(240, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.RECEIVED, 0)
    world.pass_time(60, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.PENDING, 1)


def test_response_after_the_order_was_found_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Telnyx.place

    def place_slowly(self: Telnyx, plan: Plan, reference: str) -> Placed:
        placed = place(self, plan, reference)
        world.clock.advance(120)
        world.sweep()
        assert world.order().provider_order_id == placed.provider_order_id
        return placed

    monkeypatch.setattr(Telnyx, "place", place_slowly)
    world.send(body())
    world.settle()
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert world.kinds().count(ChangeKind.ORDER_PLACED) == 1
    assert ChangeKind.PROVIDER_CONTRADICTION not in world.kinds()


def test_refusal_after_the_order_was_given_up_proves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_slowly(*_args: object) -> Placed:
        world.clock.advance(120)
        world.sweep()
        raise RefusedError("too late", code="85001", numbers_unavailable=True)

    monkeypatch.setattr(Telnyx, "place", refuse_slowly)
    world.send(body())
    world.settle()
    assert world.order().state is OrderState.UNKNOWN
    assert ChangeKind.ORDER_FAILED not in world.kinds()


def test_purchase_is_not_sent_after_its_sending_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender slept between its intent and its call: others may already count it as lost."""
    once(monkeypatch, CallFire, "place", lambda *_: world.clock.advance(31))
    world.send(MESSAGES["callfire"])
    world.deliver("place_order")
    assert (world.order().state, world.calls("callfire", "create_order")) == (OrderState.RECEIVED, 0)
    world.pass_time(60, steps=3)
    assert (world.order().state, world.bought("callfire")) == (OrderState.COMPLETED, 1)


def test_purchase_is_not_started_without_enough_time(world: World) -> None:
    world.send(body())
    world.deliver("place_order", remaining_ms=37_000)
    assert (world.order().state, world.calls("telnyx", "create_order")) == (OrderState.RECEIVED, 0)
    assert ChangeKind.PLACING_BEGUN not in world.kinds()
    world.pass_time(31)
    assert (world.order().state, world.bought()) == (OrderState.PENDING, 1)


# Accounts


@every_provider
def test_orders_wait_while_the_key_is_invalid_and_continue_with_a_valid_one(world: World, provider: str) -> None:
    simulator, secret = world.simulators[provider], SECRETS[provider]
    simulator.revoke(LOGINS[provider])
    waiting = [{**MESSAGES[provider], "order_id": order_id} for order_id in ("order-1", "order-2")]
    for message in waiting:
        if provider == "callfire":
            message["items"] = [SEATTLE]
        world.send(message)
    world.pass_time(240, steps=4, sweep=True)
    assert {world.order(message["order_id"]).state for message in waiting} == {OrderState.RECEIVED}
    assert [kind for kind, _ in world.events()] == ["ProviderAccountBlocked"]
    # One probe a minute for both of them.
    assert 3 <= world.calls(provider) <= 6
    assert secret["api_key" if "api_key" in secret else "password"] not in world.output.getvalue()

    fresh = {"telnyx": {"api_key": "KEY-two"}, "telesign": {"api_key": "dHdv"}, "callfire": {"password": "two"}}
    good = {**secret, **fresh[provider]}
    login = good.get("login") or good.get("customer_id") or good["api_key"]
    simulator.allow(login, "" if provider == "telnyx" else good.get("password") or good["api_key"])
    world.put_secret(provider, **good)
    world.pass_time(180, steps=3, sweep=True)
    assert {world.order(message["order_id"]).state for message in waiting} == {OrderState.COMPLETED}
    assert world.bought(provider) == 2
    assert world.kinds(f"ACCOUNT#{provider}#default") == [
        ChangeKind.PROVIDER_ACCOUNT_BLOCKED,
        ChangeKind.ACCOUNT_UNBLOCKED,
    ]


def test_key_rotated_in_time_blocks_nothing(world: World) -> None:
    """A warm function holds the old key for minutes: after a refusal it reads the secret again first."""
    world.send(body("order-0"))
    world.settle()
    world.telnyx.revoke(SECRETS["telnyx"]["api_key"])
    world.telnyx.allow("KEY-two")
    world.put_secret("telnyx", api_key="KEY-two")
    world.send(body())
    world.settle()
    assert world.order().state is OrderState.PENDING
    assert world.kinds("ACCOUNT#telnyx#default") == []


def test_account_without_funds_is_reported_once_however_often_it_is_probed(world: World) -> None:
    """At Telnyx a search succeeds without funds: only a purchase shows that there are funds again."""
    world.telnyx.block(code="20100")
    world.send(body())
    world.pass_time(240, steps=4, sweep=True)
    assert world.order().state is OrderState.RECEIVED
    assert world.calls("telnyx", "create_order") >= 3
    [(kind, detail)] = world.events()
    assert (kind, detail["data"]["code"]) == ("ProviderAccountBlocked", "20100")
    world.telnyx.unblock()
    world.pass_time(120, steps=4, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)


def test_order_for_an_account_without_a_secret_is_held_until_it_exists(world: World) -> None:
    world.send(body(account="second"))
    world.pass_time(120, steps=2, sweep=True)
    assert world.order().state is OrderState.RECEIVED
    [(kind, detail)] = world.events()
    assert (kind, detail["data"]["hold"], detail["notify"]) == ("OrderHeld", "no_account", True)
    assert "numberdesk/telnyx/second" in detail["message"]
    world.telnyx.allow("KEY-two", account="second")
    world.put_secret("telnyx", "second", api_key="KEY-two")
    world.pass_time(180, steps=6, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)


@pytest.mark.parametrize("url", ["http://api.telnyx.com/v2", "https://evil.example/v2", "http://127.0.0.1:8000/v2"])
def test_key_is_sent_to_known_hosts_only(world: World, url: str) -> None:
    world.put_secret("telnyx", api_key="KEY-telnyx-secret", base_url=url)
    world.send(body())
    world.settle()
    assert (world.order().state, world.calls()) == (OrderState.RECEIVED, 0)
    assert [kind for kind, _ in world.events()] == ["ProviderAccountBlocked"]


@every_provider
def test_throttled_account_waits_for_the_requested_time(world: World, provider: str) -> None:
    world.simulators[provider].fault("create_order", "throttle", retry_after="40")
    items = {"items": [SEATTLE]} if provider == "callfire" else {}
    for order_id in ("order-1", "order-2"):
        world.send({**MESSAGES[provider], **items, "order_id": order_id})
    world.pass_time(39)
    # The first order got the 429; the other made no call.
    assert world.calls(provider, "create_order") == 1
    assert {world.order(order_id).state for order_id in ("order-1", "order-2")} == {OrderState.RECEIVED}
    world.pass_time(60, steps=3, sweep=True)
    assert {world.order(order_id).state for order_id in ("order-1", "order-2")} == {OrderState.COMPLETED}
    assert world.bought(provider) == 2
    assert "ProviderAccountBlocked" not in dict(world.events())


def test_orders_at_callfire_are_a_second_apart(world: World) -> None:
    for index in range(5):
        world.send(body(f"order-{index}", {"keywords": [f"CAKE{index}"]}, provider="callfire"))
    world.pass_time(60, steps=6, sweep=True)
    made = [request.at for request in world.callfire.requests()]
    assert all((later - earlier).total_seconds() >= 1 for earlier, later in pairwise(made))
    assert world.bought("callfire") == 5
