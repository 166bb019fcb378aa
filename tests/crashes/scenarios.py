"""Scenarios that together make every outside call that there is in the code.

Each begins with a new deployment. A step waits until what it needs is so, because a fault may delay it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

from numberdesk.domain.statuses import OrderState
from numberdesk.services import purchase as purchases
from tests.crashes.playing import Stage
from tests.support.aws import SECRETS, TOKEN
from tests.support.builders import body

Tell = Callable[[Stage], None]

NAME = "Erika Mustermann"
STREET = "Krähenstieg 171"
PDF = b"%PDF-1.4\nErika Mustermann\n%%EOF\n"
CHICAGO: dict[str, Any] = {"criteria": {"country": "US", "city": "Chicago"}, "quantity": 1}
BERLIN: dict[str, Any] = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
LONDON: dict[str, Any] = {"criteria": {"country": "GB", "city": "London"}, "quantity": 1}
BELGIAN: dict[str, Any] = {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 2}
SEATTLE: dict[str, Any] = {"criteria": {"city": "Seattle", "state": "WA"}, "quantity": 1}
ADDRESS = {
    "business_name": NAME,
    "street_address": STREET,
    "locality": "Hamburg",
    "postal_code": "20457",
    "country_code": "DE",
}
GERMAN_PROFILE = "/profiles/telnyx/default/DE/local"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DONE = (OrderState.COMPLETED, OrderState.PARTIALLY_COMPLETED)


@dataclass(frozen=True)
class Scenario:
    """One scenario.

    Attributes:
        name: for the page and for the command that replays it.
        tell: plays it, up to where time alone ends it.
        purchases: how many purchases its orders are.
        personal: texts that no log may hold.
        parameters: of the template.
    """

    name: str
    tell: Tell
    purchases: int = 1
    personal: tuple[str, ...] = (NAME, STREET)
    parameters: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Poll no oftener than the scenario needs: each poll takes time in each cell."""
        self.parameters.setdefault("Timings", json.dumps({"cadence": {"telnyx": ["PT5S", "PT1M", "PT15M"]}}))


def order(stage: Stage, *items: dict[str, Any], order_id: str = "order-1", **fields: Any) -> None:
    """Put an order on the queue."""
    stage.send(body(order_id, *items, **fields))


def completed(stage: Stage, *order_ids: str) -> None:
    """Wait until orders have delivered."""
    stage.until(lambda: all(stage.has(*DONE, order_id=each) for each in order_ids or ("order-1",)))


# A purchase


def purchase(stage: Stage) -> None:
    """Buy two numbers in the United States."""
    order(stage)
    completed(stage)


def several(stage: Stage) -> None:
    """Buy in two countries at once: a chosen number is gone, one sub order fails, and a duplicate message comes."""
    stage.telnyx.fail_sub_order(country_code="GB")
    stage.telnyx.snatch(stage.reference("order-1"), others=1)
    for _ in range(2):
        order(stage, {**CHICAGO, "quantity": 2}, LONDON)
    completed(stage)


def telesign(stage: Stage) -> None:
    """Buy at TeleSign less than was asked for, cancel another order, and give a number back."""
    stage.telesign.available("BE", "mobile", 1)
    order(stage, BELGIAN, provider="telesign", contact={"email": "erika@example.com", "contact_name": NAME})
    completed(stage)
    stage.telesign.available("BE", "mobile", 5)
    # TeleSign cancels no order that is in progress, and a fault takes its time.
    stage.telesign.pace(6 * HOUR.total_seconds(), 10 * DAY.total_seconds())
    order(stage, {**BELGIAN, "quantity": 1}, order_id="order-2", provider="telesign")
    stage.until(lambda: stage.has(OrderState.PENDING, order_id="order-2"))
    stage.ask("POST", "/orders/order-2/cancel", {"reason": "not needed"})
    stage.until(lambda: stage.has(OrderState.CANCELLED, order_id="order-2"))
    release(stage)


def callfire(stage: Stage) -> None:
    """Buy numbers and keywords at CallFire, one of which is gone, and give a number back."""
    stage.callfire.unavailable(keywords=["PIE"])
    order(stage, {"numbers": ["+12065550143"]}, {"keywords": ["CAKE", "PIE"]}, SEATTLE, provider="callfire")
    completed(stage)
    release(stage)


def release(stage: Stage) -> None:
    """Give the first number of order-1 back."""
    value = next(asset.value for asset in stage.order().assets if asset.value.startswith("+"))
    stage.ask("POST", f"/orders/order-1/numbers/{value.replace('+', '%2B')}/release", {"confirm": value})
    stage.until(lambda: any(each.released_at for each in stage.order().assets if each.value == value))


def released(stage: Stage) -> None:
    """Buy at Telnyx, and give a number back."""
    order(stage, CHICAGO)
    completed(stage)
    release(stage)


def delayed(stage: Stage) -> None:
    """Buy without any webhook. Wakes and the stream's records are lost: the schedules do it all."""
    stage.telnyx.webhooks(off=True)
    stage.sweep()
    order(stage, CHICAGO)
    stage.deliver("place_order")
    stage.clear("SyncQueue")
    stage.forget_accounts()
    stage.lose_stream()
    completed(stage)


# Vetting


def supplied(stage: Stage, path: str = "/orders/order-1", names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Upload a document, and return values for what Telnyx asks of German numbers."""
    form = stage.ask("POST", f"{path}/files", {"filename": "lease.pdf", "content_type": "application/pdf"})
    stage.upload(form["upload"], PDF)
    values = {
        "Business Name": {"kind": "text", "text": NAME},
        "End User Address": {"kind": "address", "address": ADDRESS},
        "Identity Document": {"kind": "file", "file_id": form["file_id"]},
    }
    return [{"requirement": name, "value": value} for name, value in values.items() if name in (names or values)]


def vetting(stage: Stage) -> None:
    """Answer what Telnyx requires: a reminder, a rejection with a comment, more time, another document."""
    stage.telnyx.configure(deadline_seconds=3 * HOUR.total_seconds())
    stage.telnyx.reject(
        "Identity Document", f"{NAME} is not whom the lease names", new_deadline_seconds=8 * HOUR.total_seconds()
    )
    order(stage, BERLIN, reminders=["PT150M"])
    stage.until(lambda: stage.has(OrderState.ACTION_REQUIRED) and bool(stage.order().deadlines))
    stage.ask("POST", "/orders/order-1/acknowledgements", {"until": stage.later(HOUR)})
    stage.until(lambda: stage.told("DeadlineApproaching") > 0)
    stage.ask("GET", "/orders/order-1/requirements")
    form = stage.ask("POST", "/orders/order-1/files", {"filename": "no.pdf", "content_type": "application/pdf"})
    never = [{"requirement": "Identity Document", "value": {"kind": "file", "file_id": form["file_id"]}}]
    stage.ask("POST", "/orders/order-1/requirements", {"values": never}, refused=True)
    stage.ask("POST", "/orders/order-1/requirements", {"values": supplied(stage)})
    stage.until(lambda: stage.told("RequirementRejected") > 0 or stage.has(*DONE))
    if stage.has(*DONE):
        # The values were submitted twice, after the rejection too, and Telnyx took them the second time.
        return
    comment = next(each for each in stage.ask("GET", "/orders/order-1/comments")["items"] if each["by_provider"])
    stage.ask("POST", f"/orders/order-1/comments/{comment['id']}/read")
    stage.telnyx.grant_extension(HOUR.total_seconds(), after_seconds=60)
    stage.ask("POST", "/orders/order-1/extensions")
    stage.until(lambda: stage.told("DeadlineMoved") > 0)
    stage.ask("POST", "/orders/order-1/comments", {"text": f"{NAME} sends another lease"})
    values = supplied(stage, names=("Identity Document",))
    stage.ask("POST", "/orders/order-1/requirements", {"values": values})
    completed(stage)


def cancelled(stage: Stage) -> None:
    """Cancel an order that is vetted, and erase its personal data."""
    order(stage, BERLIN, metadata={"team": NAME})
    stage.until(lambda: stage.has(OrderState.ACTION_REQUIRED))
    values = supplied(stage, names=("Identity Document",))
    stage.ask("POST", "/orders/order-1/requirements", {"values": values})
    stage.until(lambda: stage.told("RequirementSubmitted") > 0)
    stage.ask("POST", "/orders/order-1/cancel", {"reason": "not needed"})
    stage.until(lambda: stage.has(OrderState.CANCELLED))
    stage.ask("POST", "/orders/order-1/erase")
    stage.until(lambda: stage.order().erased_at is not None and not stage.order().erasures_due)


def group(stage: Stage) -> None:
    """Answer with a requirement group."""
    order(stage, BERLIN)
    stage.until(lambda: stage.has(OrderState.ACTION_REQUIRED))
    stage.ask("POST", "/orders/order-1/requirement-group", {"requirement_group_id": stage.approved_group()})
    completed(stage)


def profile(stage: Stage) -> None:
    """Write a profile with a file, let it answer an order, and delete it."""
    answers = supplied(stage, GERMAN_PROFILE)
    stage.ask("PUT", GERMAN_PROFILE, {"answers": answers, "enabled": True})
    stage.ask("GET", GERMAN_PROFILE)
    stage.ask("GET", "/profiles", provider="telnyx")
    order(stage, BERLIN)
    stage.until(lambda: stage.told("ProfileApplied") > 0)
    completed(stage)
    stage.ask("DELETE", GERMAN_PROFILE)


def missed(stage: Stage) -> None:
    """Let an order's policy ask for more time, and its deadline pass."""
    stage.telnyx.configure(deadline_seconds=3600)
    order(stage, BERLIN, reminders=["PT40M"], extension={"before": "PT50M", "most": 1})
    stage.until(lambda: stage.has(OrderState.CANCELLED))


# Money


def held(stage: Stage) -> None:
    """Approve one order beyond a limit, and reject another one."""
    for order_id in ("order-1", "order-2"):
        order(stage, {**CHICAGO, "quantity": 2}, order_id=order_id)
    stage.until(lambda: all(stage.told("OrderHeld", each) for each in ("order-1", "order-2")))
    stage.ask("POST", "/orders/order-1/approve", {"reason": "agreed"})
    stage.ask("POST", "/orders/order-2/reject", {"reason": "too many"})
    completed(stage)


def found(stage: Stage) -> None:
    """Lose the answers to purchases at each provider: they are found."""
    stage.telnyx.fault("create_order", "lose_answer")
    order(stage, CHICAGO)
    stage.telesign.fault("create_order", "lose_answer")
    order(stage, BELGIAN, order_id="order-2", provider="telesign")
    stage.callfire.fault("create_order", "lose_answer")
    order(stage, {"numbers": ["+12065550143"]}, order_id="order-3", provider="callfire")
    completed(stage, "order-1", "order-2", "order-3")


def resolved(stage: Stage) -> None:
    """Lose the answer to a purchase that CallFire offers no search for: a person says which it is."""
    stage.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    stage.callfire.fault("create_order", "lose_answer")
    order(stage, SEATTLE, provider="callfire")
    completed(stage)


def repeated(stage: Stage) -> None:
    """Lose a purchase before it is made: at Telnyx it is sent again, at TeleSign a person says so."""
    stage.telnyx.fault("create_order", "status", status=500)
    order(stage, CHICAGO)
    stage.telesign.fault("create_order", "status", status=500)
    order(stage, BELGIAN, order_id="order-2", provider="telesign")
    completed(stage, "order-1", "order-2")


def handed_on(stage: Stage) -> None:
    """Fail to record a purchase: its id is handed on by the sync queue."""
    record = purchases.record
    failures = [TimeoutError()]

    def fails_once(*args: Any, **kwargs: Any) -> None:
        if failures:
            raise failures.pop()
        record(*args, **kwargs)

    with mock.patch.object(purchases, "record", fails_once):
        order(stage, CHICAGO)
        completed(stage)


def duplicate(stage: Stage) -> None:
    """Find two purchases of one order, one of them made by hand: the second one is cancelled."""
    stage.telnyx.fault("create_order", "lose_answer")
    order(stage, BERLIN)
    stage.until(lambda: stage.has(OrderState.UNKNOWN, OrderState.ACTION_REQUIRED, OrderState.PENDING))
    stage.buy_by_hand(stage.order().reference)
    stage.until(lambda: stage.has(OrderState.ACTION_REQUIRED, OrderState.PENDING))
    stage.telnyx.supply(stage.order().provider_order_id or "")
    completed(stage)


# The desk


def blocked(stage: Stage) -> None:
    """Let Telnyx refuse the account for a while."""
    stage.telnyx.revoke(SECRETS["telnyx"]["api_key"])
    for order_id in ("order-1", "order-2"):
        order(stage, CHICAGO, order_id=order_id)
    stage.until(lambda: stage.account_told("ProviderAccountBlocked") > 0)
    stage.telnyx.allow(SECRETS["telnyx"]["api_key"])
    completed(stage, "order-1", "order-2")


def throttled(stage: Stage) -> None:
    """Get a 429 in the middle of a search, of a purchase and of a poll."""
    for operation in ("search", "create_order", "get_order"):
        stage.telnyx.fault(operation, "throttle", retry_after="20")
    order(stage, CHICAGO)
    completed(stage)


def inventory(stage: Stage) -> None:
    """Compare each account with the records: one number too many, and one that is gone."""
    order(stage, CHICAGO)
    order(stage, BELGIAN, order_id="order-2", provider="telesign")
    order(stage, SEATTLE, {"keywords": ["CAKE"]}, order_id="order-3", provider="callfire")
    completed(stage, "order-1", "order-2", "order-3")
    stage.telesign.buy_by_hand()
    stage.callfire.take_away(stage.order("order-3").assets[0].value)
    stage.run_until(stage.clock.now() + timedelta(days=1, hours=1))
    while not all(stage.account_told("InventoryDiffers", each) for each in ("telesign", "callfire")):
        stage.reconcile_inventory()
        stage.run_until(stage.clock.now() + timedelta(minutes=10))


def refused(stage: Stage) -> None:
    """Put broken messages on the queues, and an order id that was used before; redrive them."""
    order(stage, CHICAGO)
    stage.send("{}", queue="SyncQueue", by="SyncOrderRole")
    stage.send("no JSON", queue="NotificationQueue")
    order(stage, {**CHICAGO, "quantity": 0}, order_id="order-2")
    completed(stage)
    stage.until(lambda: len(stage.peek_raw("SyncDeadLetterQueue")) > 0 and len(stage.redriven) > 0)
    stage.ask("GET", "/dead-letters")
    stage.ask("GET", "/dead-letters/orders")
    stage.ask("GET", "/dead-letters/sync")


def strangers(stage: Stage) -> None:
    """Get a webhook of no order of ours, look at it, and handle webhooks again."""
    order(stage, CHICAGO)
    completed(stage)
    theirs = stage.order().provider_order_id or ""
    stage.telnyx.send_webhook(theirs, payload={"id": "somebody-else's", "customer": NAME, "customer_reference": None})
    for _ in range(2):
        stage.telnyx.send_webhook(theirs, payload={"id": theirs, "customer": NAME})
    stage.until(lambda: bool(stage.unmatched()))
    today = stage.clock.now().date().isoformat()
    stage.ask("GET", "/unmatched-webhooks", day=today)
    stage.ask("POST", "/unmatched-webhooks/replay", {"day": today, "dry_run": False})
    stage.ask("POST", "/orders/order-1/replay", {"dry_run": False})
    stage.ask("POST", "/orders/order-1/sync")


def notified(stage: Stage) -> None:
    """Hold back messages beyond the bound of an hour, and sum them up."""
    for index in range(4):
        order(stage, {**CHICAGO, "quantity": 2}, order_id=f"order-{index}")
        stage.until(lambda index=index: stage.told("OrderHeld", f"order-{index}") > 0)  # type: ignore[misc]
        stage.run_until(stage.clock.now() + timedelta(minutes=1))
    for index in range(4):
        stage.ask("POST", f"/orders/order-{index}/reject", {"reason": "too many"})
    stage.run_until(stage.clock.now() + timedelta(hours=1, minutes=5))
    stage.sum_up()


def torn(stage: Stage) -> None:
    """Let a row be unreadable for a while: the sweep puts it off, and the order goes on once the row is mended."""
    table, key = stage.stack.outputs["TableName"], {"pk": {"S": "ORDER#order-1"}, "sk": {"S": "ORDER"}}

    def write(state: str) -> None:
        stage.dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #state = :state",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}},
        )

    def wake_at() -> str:
        return str(stage.dynamodb.get_item(TableName=table, Key=key)["Item"]["wake_at"]["S"])

    stage.telnyx.configure(activation_seconds=6 * HOUR.total_seconds())
    order(stage, CHICAGO)
    stage.until(lambda: stage.has(OrderState.PENDING))
    # Without its wake, the order is the sweep's.
    stage.clear("SyncQueue")
    was = wake_at()
    write("torn")
    stage.until(lambda: wake_at() != was)
    write(OrderState.PENDING.value)
    completed(stage)


def switched(stage: Stage) -> None:
    """Switch placing off and on, retire an account and use it again."""
    stage.ask("PUT", "/placing", {"open": False, "reason": "stock-taking"})
    order(stage, CHICAGO)
    stage.until(lambda: stage.told("OrderHeld") > 0)
    stage.ask("GET", "/placing")
    stage.ask("PUT", "/placing", {"open": True})
    completed(stage)
    stage.ask("POST", "/accounts/telnyx/default/retire", {"force": True, "reason": "the contract ended"})
    order(stage, CHICAGO, order_id="order-2")
    stage.until(lambda: stage.told("OrderHeld", "order-2") > 0)
    stage.ask("GET", "/accounts")
    stage.ask("GET", "/activity")
    stage.ask("GET", "/vetting")
    stage.ask("POST", "/accounts/telnyx/default/reinstate", {"reason": "it did not"})
    completed(stage, "order-2")


def restored(stage: Stage) -> None:
    """Restore the table from before a purchase and from before an erasure, and confirm it."""
    order(stage, BERLIN, order_id="order-2", metadata={"team": NAME})
    stage.until(lambda: stage.has(OrderState.ACTION_REQUIRED, order_id="order-2"))
    stage.ask("POST", "/orders/order-2/cancel")
    stage.until(lambda: stage.has(OrderState.CANCELLED, order_id="order-2"))
    copy = stage.copy()
    stage.ask("POST", "/orders/order-2/erase")
    order(stage, CHICAGO)
    order(stage, {"keywords": ["CAKE"]}, order_id="order-3", provider="callfire")
    order(stage, CHICAGO, order_id="order-4")
    completed(stage, "order-1", "order-3", "order-4")
    stage.published += stage.events()
    stage.restore(copy)
    stage.send(body("order-1", CHICAGO))
    stage.send(body("order-3", {"keywords": ["CAKE"]}, provider="callfire"))
    stage.settle()
    stage.sweep()
    stage.until(lambda: stage.told("OrderHeld") > 0)
    for _ in range(3):
        stage.reconcile_inventory()
        stage.run_until(stage.clock.now() + timedelta(minutes=10))
    stage.ask("POST", "/placing/confirm-restore")
    order(stage, CHICAGO, order_id="order-4")
    stage.until(lambda: stage.hold("order-3") == "restored")
    theirs = str(stage.callfire.orders()[0]["order_id"])
    stage.ask("POST", "/orders/order-3/resolve", {"placed_as": theirs})
    completed(stage, "order-1", "order-3", "order-4")


def read(stage: Stage) -> None:
    """Read everything by the API, and submit an order by it."""
    stage.ask("POST", "/orders", body("order-1", CHICAGO, metadata={"team": "sales"}))
    completed(stage)
    month = stage.clock.now().date().isoformat()[:7]
    for name, value in (
        ("state", "completed"),
        ("metadata", "sales"),
        ("open", "true"),
        ("deadline_before", stage.later(DAY)),
    ):
        query: Any = {name: value, "limit": "1"}
        stage.ask("GET", "/orders", **query)
    for part in ("", "/numbers", "/ledger", "/webhooks", "/comments"):
        stage.ask("GET", f"/orders/order-1{part}")
    for path in ("/spending", "/accounts", "/placing", "/providers"):
        stage.ask("GET", path)
    stage.ask("GET", "/status", month=month)


def catalogues(stage: Stage) -> None:
    """Ask each provider by the API what it has, what it requires and what it reports to."""
    stage.put_secret("callfire", **SECRETS["callfire"])
    stage.ask("GET", "/providers/telnyx/requirements", country="DE", number_type="local")
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("telnyx", {"what": "numbers", "criteria": {"country": "US"}}),
        ("telesign", {"what": "numbers", "criteria": {"country": "BE"}}),
        ("callfire", {"what": "numbers", "criteria": {"city": "Seattle"}}),
        ("callfire", {"what": "keywords", "keywords": ["CAKE"]}),
        ("callfire", {"what": "regions", "criteria": {"city": "Seattle"}}),
    ]
    for provider, sent in wanted:
        stage.ask("POST", f"/providers/{provider}/search", {**sent, "limit": 2})
    for provider in ("telnyx", "telesign", "callfire"):
        stage.ask("GET", f"/providers/{provider}/numbers")
    for provider, new in (("telnyx", {}), ("callfire", {"token": TOKEN, "event": "INBOUND_CALL_FINISHED"})):
        path = f"/providers/{provider}/webhooks"
        stage.ask("POST", path, new)
        for each in stage.ask("GET", path)["items"]:
            stage.ask("DELETE", f"{path}/{each['id']}")


ONE = {"SpendingLimits": '{"numbers_per_order": 1}'}
SCENARIOS = {
    each.name: each
    for each in (
        Scenario("purchase", purchase),
        Scenario("several", several),
        Scenario("telesign", telesign, purchases=2),
        Scenario("callfire", callfire),
        Scenario("released", released),
        Scenario("delayed", delayed),
        Scenario("vetting", vetting),
        Scenario("cancelled", cancelled),
        Scenario("group", group),
        Scenario("profile", profile),
        Scenario("missed", missed),
        Scenario("held", held, parameters=ONE),
        Scenario("found", found, purchases=3),
        Scenario("resolved", resolved),
        Scenario("repeated", repeated, purchases=2),
        Scenario("handed-on", handed_on),
        Scenario("duplicate", duplicate),
        Scenario("blocked", blocked, purchases=2),
        Scenario("throttled", throttled),
        Scenario("inventory", inventory, purchases=3),
        Scenario("refused", refused),
        Scenario("strangers", strangers),
        Scenario("notified", notified, purchases=0, parameters={**ONE, "MessageBounds": json.dumps({"per_hour": 2})}),
        Scenario("torn", torn),
        Scenario("switched", switched, purchases=2),
        Scenario("restored", restored, purchases=4),
        Scenario("read", read, parameters={"ListedMetadataKey": "team"}),
        Scenario("catalogues", catalogues, purchases=0),
    )
}
"""By name. A call that several of them make is played in the first one."""
