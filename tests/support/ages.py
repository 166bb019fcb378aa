"""For each alarm on numberdesk's own metrics a trouble that triggers it: played until the alarm rings, and until all is well again.

Everything runs on moto, with the functions' own metrics (see `tests.support.alarms`); time is the simulators' and takes none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

from numberdesk.services.wake import OVERLOOKED_AFTER
from numberdesk.storage.orders import row_item
from numberdesk.storage.values import marshal
from tests.support.alarms import Watch
from tests.support.aws import SECRETS, world
from tests.support.builders import body

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
BRUSSELS = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}
SEATTLE = {"criteria": {"city": "Seattle", "state": "WA"}, "quantity": 1}
MAX_MINUTES = 80
"""An alarm that takes longer than this beyond what was skipped does not go off, or does not recover."""

Act = Callable[[Watch], object]


@dataclass(frozen=True)
class Trouble:
    """A trouble that an alarm should detect.

    Attributes:
        alarm: the alarm that should go off.
        what: for people, what the metric shows of it.
        begin: starts it.
        end: ends it.
        before: what exists before it begins, in good order.
        long: how long it lasts at least before the alarm may ring; meanwhile it is not watched.
        lasting: how long the alarm stays at least when it is over.
        also: other alarms that rightly ring with it.
        parameters: of the template.
        overlooked_after: for people, the age from which on the metric counts as overlooked.
    """

    alarm: str
    what: str
    begin: Act
    end: Act
    before: Act = lambda _: None
    long: timedelta = timedelta(0)
    lasting: timedelta = timedelta(0)
    also: frozenset[str] = frozenset()
    parameters: dict[str, str] = field(default_factory=dict)
    overlooked_after: timedelta | None = None


@dataclass(frozen=True)
class Played:
    """The course of an alarm.

    Attributes:
        after: from the beginning of the trouble until it rang.
        recovered: from the end of the trouble until the alarm was over.
        rang: all alarms that rang.
    """

    after: timedelta
    recovered: timedelta
    rang: frozenset[str]


def play(trouble: Trouble) -> Played:
    """Play a trouble, minute by minute.

    Raises:
        AssertionError: an alarm rang before the trouble began, or this one did not ring, or did not recover.
    """
    with world(**trouble.parameters) as made:
        watch = Watch(made)
        trouble.before(watch)
        watch.minutes(2)
        assert not watch.ringing, watch.ringing
        began = made.clock.now()
        trouble.begin(watch)
        watch.minute()
        if trouble.long:
            watch.skip(trouble.long)
            watch.minute()
            assert trouble.alarm not in watch.ringing, "it rang earlier than it was watched"
        until(watch, trouble.alarm, rings=True)
        rang_at = ended = made.clock.now()
        trouble.end(watch)
        watch.skip(trouble.lasting)
        until(watch, trouble.alarm, rings=False)
        return Played(rang_at - began, made.clock.now() - ended, frozenset(watch.rang))


def until(watch: Watch, alarm: str, *, rings: bool) -> None:
    """Let minutes pass until an alarm rings, or until it and all others are over."""
    for _ in range(MAX_MINUTES):
        if (alarm in watch.ringing) if rings else not watch.ringing:
            return
        watch.minute()
    message = f"{alarm} {'does not go off' if rings else 'does not recover'}: {watch.ringing}"
    raise AssertionError(message)


# Troubles


def order(order_id: str, *items: dict[str, Any], provider: str) -> Act:
    """Place an order."""
    return lambda watch: watch.world.send(body(order_id, *items, provider=provider))


def each(*acts: Act) -> Act:
    """Run these one after the other."""

    def act(watch: Watch) -> None:
        for one in acts:
            one(watch)

    return act


def stop(name: str) -> Act:
    """Stop a function."""
    return lambda watch: watch.stopped.add(name)


def start(name: str) -> Act:
    """Let it run again."""
    return lambda watch: watch.stopped.discard(name)


def fail(provider: str, operation: str = "*") -> Act:
    """Let a provider answer 503."""
    return lambda watch: watch.world.simulators[provider].fault(operation, "status", status=503, times=None)


def mend(provider: str) -> Act:
    """Let it answer again."""
    return lambda watch: watch.world.simulators[provider].clear_faults()


def forbid_cancelling(watch: Watch) -> None:
    """Let Telnyx refuse this one call, and no other."""
    watch.world.telnyx.refuse("cancel_sub_order", "10010", 403, times=None)


def drift(**settings: str) -> Act:
    """Let Telnyx write values in another notation."""
    return lambda watch: watch.world.telnyx.configure(**settings)


def ask(method: str, path: str, sent: Any = None) -> Act:
    """Make an API request that changes something."""

    def act(watch: Watch) -> None:
        status, answer = watch.world.api(method, path, sent)
        assert status in (200, 202), answer

    return act


def lose_an_answer(watch: Watch) -> None:
    """Buy at a provider that offers no search for purchases, and lose the response."""
    made = watch.world
    made.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    made.callfire.fault("create_order", "lose_answer")
    made.send(body("order-1", SEATTLE, provider="callfire"))


def name_the_purchase(watch: Watch) -> None:
    """Name the purchase."""
    [bought] = watch.world.callfire.orders()
    ask("POST", "/orders/order-1/resolve", {"placed_as": str(bought["order_id"])})(watch)


def refuse_events(watch: Watch) -> None:
    """Let the bus refuse every event; the stream gives up its records."""
    watch.stopped.add("stream")
    client = _bus(watch)
    refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}
    client.put_events = lambda Entries: {  # noqa: N803 - boto3's name
        "FailedEntryCount": len(Entries),
        "Entries": [refused for _ in Entries],
    }
    watch.world.send(body("order-1", BERLIN))


def take_events(watch: Watch) -> None:
    """Let the bus take them again."""
    watch.stopped.discard("stream")
    del _bus(watch).put_events


def lose_events(watch: Watch) -> None:
    """Let the stream give up its records."""
    watch.stopped.add("stream")
    watch.world.send(body("order-1", BERLIN))


def keep_events(watch: Watch) -> None:
    """Let it hand them over again."""
    watch.stopped.discard("stream")


def _bus(watch: Watch) -> Any:
    return watch.world.function("publish_changes").module.publisher.bus._client


def cancel_unheard(watch: Watch) -> None:
    """Let Telnyx cancel orders, and lose all of its webhooks."""
    made = watch.world
    made.telnyx.webhooks(off=True)
    for row in made.telnyx.orders():
        made.telnyx.cancel(str(row["order_id"]))


def break_messages(watch: Watch) -> None:
    """Put messages on a queue that no function can read."""
    for _ in range(5):
        watch.world.send("no JSON", queue="SyncQueue")


def hear_telnyx(watch: Watch) -> None:
    """Send a webhook for which no key is configured."""
    assert watch.world.webhook("/webhooks/telnyx", {}, b"{}") == 401


def many_held(watch: Watch) -> None:
    """Order more than one order may have, again and again."""
    for index in range(5):
        watch.world.send(body(f"many-{index}", BERLIN | {"quantity": 2}))


def revoke(watch: Watch) -> None:
    """Let a provider refuse the account when an order arrives."""
    watch.world.telesign.revoke(SECRETS["telesign"]["customer_id"])
    watch.world.send(body("order-1", BRUSSELS, provider="telesign"))


def unsubscribe(watch: Watch) -> None:
    """Let a scanner follow the link in a mail."""
    watch.world.mailbox.unsubscribe()


def subscribe(watch: Watch) -> None:
    """Subscribe people again."""
    watch.world.mailbox.subscribe()


def allow(watch: Watch) -> None:
    """Let it accept the account again."""
    secret = SECRETS["telesign"]
    watch.world.telesign.allow(secret["customer_id"], secret["api_key"])


def surplus(provider: str, number: dict[str, Any]) -> Trouble:
    """Own a number that no order of ours holds."""

    def buy(watch: Watch) -> None:
        bought.append(getattr(watch.world, provider).buy_by_hand())

    def give_back(watch: Watch) -> None:
        getattr(watch.world, provider).take_away(bought.pop())

    bought: list[str] = []
    return Trouble(
        "TroublesAlarm",
        "Differences between a provider and the records that the comparison before had not found",
        buy,
        give_back,
        before=each(order("order-1", number, provider=provider), lambda watch: watch.minutes(6)),
        # The next comparison is due a day after the one before, and numbers younger than an hour may not be recorded yet.
        long=DAY - timedelta(minutes=10),
    )


def ordered(watch: Watch) -> None:
    """Make an open order at each provider that stays open."""
    made = watch.world
    made.telesign.configure(progress_seconds=60, resolve_seconds=10 * DAY.total_seconds())
    made.callfire.configure(processing_seconds=60, finish_seconds=10 * DAY.total_seconds())
    for provider, number in (("telnyx", BERLIN), ("telesign", BRUSSELS), ("callfire", SEATTLE)):
        made.send(body(f"{provider}-1", number, provider=provider))


_PAGING = mock.patch("numberdesk.storage.pages.FIELD_BYTES", 10**9)


def outgrow(watch: Watch) -> None:
    """Let an order have a long list of unavailable numbers, while long fields are no longer stored on pages."""
    _PAGING.start()
    made = watch.world
    order = made.order("telnyx-1")
    grown = order.with_(unavailable_numbers=tuple(f"+4930{index:08}" for index in range(17_000)))
    made.dynamodb.put_item(TableName=made.table._name, Item=marshal(row_item(grown)))


def shrink(_: Watch) -> None:
    """Store long fields on pages again."""
    _PAGING.stop()


def itself(_: Watch) -> None:
    """Do nothing: it is over automatically."""


def spoil_a_row(watch: Watch) -> None:
    """Make a row of an order's ledger unreadable, and read the ledger."""
    watch.world.dynamodb.update_item(
        TableName=watch.world.stack.outputs["TableName"],
        Key={"pk": {"S": "ORDER#order-1"}, "sk": {"S": "LEDGER#0000000001.000"}},
        UpdateExpression="REMOVE actor",
    )
    watch.world.api("GET", "/orders/order-1/ledger")


ONE_AN_ORDER = {"SpendingLimits": '{"numbers_per_order": 1}'}
TROUBLES: dict[str, Trouble] = {
    "Invocations (wake_orders)": Trouble(
        "SweepsAlarm", "Runs of the sweep", stop("wake_orders"), start("wake_orders"), before=ordered
    ),
    "Invocations (reconcile_inventory)": Trouble(
        "InventoryRunsAlarm",
        "Runs of the inventory",
        stop("reconcile_inventory"),
        start("reconcile_inventory"),
        before=ordered,
        long=timedelta(minutes=12),
    ),
    "OldestOverdueWakeSeconds": Trouble(
        "OldestOverdueWakeAlarm",
        "The oldest thing of an order that was due and is not done",
        stop("sync_order"),
        start("sync_order"),
        before=ordered,
        long=timedelta(minutes=12),
    ),
    "OldestUnknownSeconds": Trouble(
        "OldestUnknownAlarm",
        "The oldest purchase of which nobody knows whether it was made",
        lose_an_answer,
        name_the_purchase,
        long=timedelta(minutes=12),
        also=frozenset({"TroublesAlarm"}),
    ),
    "OrdersUnknown": Trouble("TroublesAlarm", "Purchases whose answer was lost", lose_an_answer, name_the_purchase),
    "OldestHeldOrderSeconds": Trouble(
        "OverlookedAlarm",
        "The oldest order that waits to be placed",
        order("order-1", BERLIN | {"quantity": 2}, provider="telnyx"),
        ask("POST", "/orders/order-1/reject", {"reason": "too many"}),
        long=timedelta(minutes=55),
        parameters=ONE_AN_ORDER,
        overlooked_after=OVERLOOKED_AFTER["held"],
    ),
    "OrdersHeld": Trouble(
        "OrdersHeldAlarm", "Orders beyond a limit on spending", many_held, itself, parameters=ONE_AN_ORDER
    ),
    "LargestRowBytes": Trouble(
        "TroublesAlarm",
        "The largest item of an order that was written, where it is large",
        outgrow,
        shrink,
        before=ordered,
    ),
    "OldestUnpublishedSeconds": Trouble(
        "OldestUnpublishedAlarm",
        "The oldest event that is not on the bus",
        refuse_events,
        take_events,
        long=timedelta(minutes=7),
        also=frozenset({"TroublesAlarm"}),
    ),
    "EventsLeft": Trouble(
        "TroublesAlarm",
        "Events that the table's stream had not handed over after five minutes",
        lose_events,
        keep_events,
    ),
    "DeadLetters": Trouble(
        "DeadLettersAlarm",
        "Dead letters, on the queues of orders, polls, the stream and schedules together",
        lambda watch: watch.world.send("{}", queue="StreamDeadLetterQueue"),
        lambda watch: watch.world.clear("StreamDeadLetterQueue"),
    ),
    "OldestUnreadableSeconds": Trouble(
        "OldestUnreadableAlarm",
        "The order whose provider could not be read for the longest time",
        fail("telesign"),
        mend("telesign"),
        before=ordered,
        long=timedelta(minutes=80),
    ),
    "OldestNotUnderstoodSeconds": Trouble(
        "OverlookedAlarm",
        "The order with something in its provider's answers that could not be read for the longest time",
        drift(deadline_notation="text"),
        drift(deadline_notation="iso"),
        before=ordered,
        long=timedelta(hours=4) - timedelta(minutes=10),
        overlooked_after=OVERLOOKED_AFTER["not_understood"],
    ),
    "OldestOperationSeconds": Trouble(
        "OverlookedAlarm",
        "The oldest operation that was asked for and is neither done nor refused at its provider",
        each(forbid_cancelling, ask("POST", "/orders/order-1/cancel")),
        each(mend("telnyx"), ask("POST", "/orders/order-1/sync")),
        before=order("order-1", BERLIN, provider="telnyx"),
        long=2 * HOUR - timedelta(minutes=10),
        overlooked_after=OVERLOOKED_AFTER["operation"],
    ),
    "OldestPendingSeconds": Trouble(
        "OverlookedAlarm",
        "By how long the oldest order is pending for longer than is usual for its numbers",
        order("order-1", BRUSSELS, provider="telesign"),
        lambda watch: watch.world.telesign.set_status("resolved"),
        before=lambda watch: watch.world.telesign.configure(
            progress_seconds=60, resolve_seconds=90 * DAY.total_seconds()
        ),
        long=DAY + HOUR - timedelta(minutes=10),
        lasting=HOUR,
        parameters={"Timings": '{"pending": {"telesign": "PT1H"}}'},
        overlooked_after=OVERLOOKED_AFTER["pending"],
    ),
    "UnannouncedChanges": Trouble(
        "UnannouncedChangesAlarm",
        "Changes that polls found and no notification had told",
        cancel_unheard,
        itself,
        before=each(*(order(f"order-{index}", BERLIN, provider="telnyx") for index in range(3))),
        lasting=18 * HOUR - timedelta(minutes=20),
    ),
    "ProviderAccountBlocked": Trouble("TroublesAlarm", "Accounts that a provider refuses", revoke, allow),
    "SubscriptionsMissing": Trouble(
        "SubscriptionsMissingAlarm", "Confirmed subscriptions to the people topic", unsubscribe, subscribe
    ),
    "ReceiverKeyMissing": Trouble(
        "ReceiverKeyMissingAlarm",
        "Notifications that no key is there for",
        hear_telnyx,
        itself,
        parameters={"TelnyxPublicKeys": ""},
    ),
    "MessagesFailed": Trouble(
        "MessagesFailedAlarm",
        "Messages that could not be handled",
        break_messages,
        lambda watch: watch.world.clear("SyncQueue"),
    ),
    "UnreadableRows": Trouble(
        "TroublesAlarm",
        "Rows of the table that cannot be read",
        spoil_a_row,
        itself,
        before=order("order-1", BERLIN, provider="telnyx"),
    ),
    "OldestInventorySeconds": Trouble(
        "OverlookedAlarm",
        "The account that was not compared with the records for the longest time",
        fail("telesign", "list_leases"),
        mend("telesign"),
        before=each(order("order-1", BRUSSELS, provider="telesign"), lambda watch: watch.minutes(6)),
        long=2 * DAY - timedelta(minutes=10),
        overlooked_after=2 * DAY,
    ),
    "InventoryDifferences (telnyx)": surplus("telnyx", BERLIN),
    "InventoryDifferences (telesign)": surplus("telesign", BRUSSELS),
    "InventoryDifferences (callfire)": surplus("callfire", SEATTLE),
}
"""By the metric that shows it."""
