"""From the bus to people: every event for people is sent, in few messages, whatever SNS does. Their subscriptions are watched."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from numberdesk.domain.notices import Bounds
from numberdesk.domain.statuses import EVENTS
from numberdesk.services.notify import PAUSE
from numberdesk.storage.table import Table
from tests.support.aws_errors import client_error
from tests.support.builders import START, body
from tests.support.hooks import once
from tests.support.mailbox import Mail

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

SECOND = timedelta(seconds=1)
URGENT = ("DeadlineApproaching", "DeadlineMissed")
URL = "https://sns.eu-central-1.amazonaws.com"


def event(number: int, kind: str = "OrderHeld", **detail: Any) -> str:
    """Make an event as the bus delivers it."""
    defaults = {
        "id": f"{kind}-{number}",
        "at": (START + number * SECOND).isoformat(),
        "order_id": f"order-{number}",
        "provider": "telnyx",
        "account": "default",
        "notify": True,
        "data": {},
        "message": f"Order order-{number}: {kind} is told.",
    }
    return json.dumps({"version": "0", "source": "numberdesk", "detail-type": kind, "detail": defaults | detail})


def tell(world: World, *events: str) -> None:
    """Let the rule deliver events, and notify people."""
    for text in events:
        world.send(text, queue="NotificationQueue")
    world.notify()


def new_mails(world: World) -> list[Mail]:
    """Return the mails that arrived since the last call."""
    mails, world.mailbox.mails = world.mailbox.mails, []
    return mails


def max_per_second(mails: list[Mail]) -> int:
    """Return the largest number of mails within one second."""
    return max(sum(first.at <= mail.at < first.at + SECOND for mail in mails) for first in mails)


def client(world: World) -> Any:
    """Return the function's own SNS client."""
    return world.function("send_notifications").module.notifier.topic._client


def refuse(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, which: Callable[[dict[str, Any]], bool]
) -> None:
    """Let SNS refuse some messages."""
    publish = client(world).publish

    def refusing(**message: Any) -> Any:
        if which(message):
            raise error
        return publish(**message)

    monkeypatch.setitem(vars(client(world)), "publish", refusing)


# Few messages


def test_sixty_orders_beyond_a_limit_are_one_message_that_names_all() -> None:
    from tests.support import aws  # noqa: PLC0415 - with a limit of its own

    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as world:
        for number in range(60):
            world.send(body(f"order-{number}"))
        while world.deliver("place_order"):
            pass
        world.publish()
        world.notify()
        [mail] = new_mails(world)
        assert mail.subject == "Order held (limit): 60 orders"
        headline, names, *paragraphs = mail.text.split("\n\n")
        assert headline == "Order held (limit): 60 orders. Each follows."
        assert sorted(names.split(", ")) == sorted(f"order-{number}" for number in range(60))
        held = [detail["message"] for kind, detail in world.events() if kind == "OrderHeld"]
        assert len(held) == 60
        assert sorted(paragraphs) == sorted(held)
        assert world.mailbox.address.confirmed


def test_single_event_is_its_own_paragraph(world: World) -> None:
    tell(world, event(1))
    assert new_mails(world) == [Mail(START, "Order held: order-1", "Order order-1: OrderHeld is told.")]


def test_kinds_are_listed_separately_with_urgent_ones_first(world: World) -> None:
    near, far = "2026-11-22T09:00:00.000000Z", "2026-12-22T09:00:00.000000Z"
    tell(
        world,
        event(1, data={"hold": "limit"}),
        event(2, data={"hold": "limit"}),
        event(3, data={"hold": "restored"}),
        event(4, "DeadlineApproaching", data={"deadline": far}),
        event(5, "DeadlineApproaching", data={"deadline": near}),
        event(6, "DeadlineMissed", data={"deadline": near}),
        event(7, "ProviderAccountBlocked", order_id=None),
        event(8, "TableRestored", order_id=None, account=None, provider=None),
    )
    mails = new_mails(world)
    assert [mail.subject for mail in mails] == [
        "Deadline approaching: 2 orders",
        "Deadline missed: order-6",
        "Order held (limit): 2 orders",
        "Order held (restored): order-3",
        "Provider account blocked: telnyx/default",
        "Table restored",
    ]
    assert mails[0].text.split("\n\n")[1:] == [
        "order-5, order-4",
        "Order order-5: DeadlineApproaching is told.",
        "Order order-4: DeadlineApproaching is told.",
    ]
    assert mails[1].text == "Order order-6: DeadlineMissed is told."


def test_repeated_event_is_sent_once(world: World) -> None:
    tell(world, event(1), event(2), event(1), event(2))
    [mail] = new_mails(world)
    assert mail.subject == "Order held: 2 orders"
    assert mail.text.count("Order order-1: ") == 1
    assert world.peek_raw("NotificationQueue") == []


def test_simultaneous_events_never_suspend_a_subscription(world: World) -> None:
    """Each batch has an event of every kind, and the next follows at once."""
    for batch in range(5):
        tell(world, *(event(batch * 1000 + number, kind) for kind in EVENTS for number in range(3)))
    mails = new_mails(world)
    assert len(mails) == 5 * (len(URGENT) + Bounds().per_order)
    # Two at a time may run (`test_what_goes_out_to_people_goes_out_slowly`), and alarms are sent in addition.
    assert max_per_second(mails) == SECOND / PAUSE == 2
    assert world.mailbox.address.confirmed


def test_topic_suspends_a_subscription_above_ten_messages_a_second(world: World) -> None:
    """The double behaves like SNS: with one mail per event, people get nothing after the tenth."""
    for number in range(60):
        client(world).publish(TopicArn=world.stack.outputs["NotificationTopicArn"], Message=str(number))
    assert [mail.text for mail in new_mails(world)] == [str(number) for number in range(10)]
    world.clock.advance(3600)
    tell(world, event(1))
    assert new_mails(world) == []
    world.function("wake_orders")({})
    assert counted(world) == [1]


# No more messages per hour than configured


def flood(world: World, batches: int) -> None:
    for number in range(batches):
        tell(world, event(number, "OperationRejected", order_id="noisy"))
        world.clock.advance(20)


def test_excess_messages_of_one_order_are_summarized_after_the_hour(world: World) -> None:
    flood(world, 40)
    assert len(new_mails(world)) == Bounds().per_order
    assert world.peek_raw("NotificationQueue") == []
    world.function("send_notifications")({})
    assert new_mails(world) == []
    world.clock.advance(3600)
    for _ in range(3):
        world.function("send_notifications")({})
        world.clock.advance(300)
    [mail] = new_mails(world)
    assert mail.subject == "Summed up: 30 messages"
    assert "Operation rejected: 30 messages, 1 order: noisy" in mail.text
    assert not [item for item in world.everything() if item["pk"] == "NOTIFIED#HELD"]


def test_flood_delays_neither_other_orders_nor_the_orders_own_reminders(world: World) -> None:
    flood(world, 40)
    new_mails(world)
    tell(world, event(1, "OrderFailed"), event(2, "DeadlineApproaching", order_id="noisy", data={"deadline": "2026"}))
    assert [mail.subject for mail in new_mails(world)] == ["Deadline approaching: noisy", "Order failed: order-1"]


def test_excess_reminders_are_summarized_within_five_minutes(world: World) -> None:
    for number in range(25):
        tell(world, event(number, "DeadlineApproaching", order_id="noisy", data={"deadline": "2026"}))
    assert len(new_mails(world)) == Bounds().deadlines_per_order
    world.function("send_notifications")({})
    [mail] = new_mails(world)
    assert mail.subject == "Summed up: 5 messages, 5 of deadlines"


def test_two_scheduled_runs_at_once_send_one_summary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flood(world, 12)
    world.clock.advance(3600)
    new_mails(world)
    function = world.function("send_notifications")
    once(monkeypatch, Table, "drop_held_back", lambda *_: world.cold("send_notifications")({}))
    function({})
    assert len(new_mails(world)) == 1


def test_summary_that_sns_refuses_is_sent_by_the_next_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flood(world, 12)
    world.clock.advance(3600)
    new_mails(world)
    with monkeypatch.context() as patched:
        refuse(world, patched, FAILURES[0], lambda _: True)
        with pytest.raises(ClientError):
            world.function("send_notifications")({})
    world.clock.advance(300)
    world.function("send_notifications")({})
    assert [mail.subject for mail in new_mails(world)] == ["Summed up: 2 messages"]


@pytest.mark.parametrize("error", [client_error("ThrottlingException"), client_error("AccessDeniedException")], ids=str)
def test_unavailable_table_withholds_no_message(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    calls = 0

    def fail(**_: Any) -> None:
        nonlocal calls
        calls += 1
        raise error

    monkeypatch.setitem(vars(world.function("send_notifications").module.notifier.store._client), "update_item", fail)
    flood(world, 15)
    assert len(new_mails(world)) == 15
    calls = 0
    tell(world, *(event(number, kind) for number, kind in enumerate(sorted(EVENTS))))
    assert len(new_mails(world)) == len(EVENTS)
    assert calls == 1, "a batch tries once, and continues"


def test_redelivered_message_counts_once_in_its_hour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        refuse(world, patched, FAILURES[0], lambda _: True)
        tell(world, event(1, order_id="noisy"))
    counts = [item for item in world.everything() if item["sk"].startswith("COUNT#")]
    assert {item["told"] for item in counts} == {1}
    assert {item["expires_at"] for item in counts} == {int(START.timestamp()) + 2 * 3600}
    world.clock.advance(721)
    world.notify()
    assert [mail.subject for mail in new_mails(world)] == ["Order held: noisy"]


# Nothing is lost

FAILURES = [
    ClientError({"Error": {"Code": "Throttled", "Message": "Rate exceeded"}}, "Publish"),
    ClientError({"Error": {"Code": "AuthorizationError", "Message": "not allowed"}}, "Publish"),
    ClientError({"Error": {"Code": "InternalError", "Message": "try again"}}, "Publish"),
    EndpointConnectionError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
]


@pytest.mark.parametrize("error", FAILURES, ids=[str(error) for error in FAILURES])
def test_only_events_that_sns_refused_for_now_are_retried(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patched:
        refuse(world, patched, error, lambda message: message["Subject"].startswith("Order held"))
        tell(world, event(1), event(2), event(3, "OrderFailed"), event(4, "DeadlineMissed"))
        assert [mail.subject for mail in new_mails(world)] == ["Deadline missed: order-4", "Order failed: order-3"]
    assert [json.loads(text)["detail"]["order_id"] for text in world.peek_raw("NotificationQueue")] == [
        "order-1",
        "order-2",
    ]
    world.clock.advance(721)
    world.notify()
    assert [mail.subject for mail in new_mails(world)] == ["Order held: 2 orders"]
    assert world.peek_raw("NotificationQueue") == []


def test_events_that_sns_never_accepts_become_dead_letters_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the other events of the batch are sent."""
    invalid = client(world).exceptions.InvalidParameterException(
        {"Error": {"Code": "InvalidParameter", "Message": "Invalid parameter: Message"}}, "Publish"
    )
    refuse(world, monkeypatch, invalid, lambda message: "order-7:" in message["Message"])
    tell(world, *(event(number) for number in range(60)))
    paragraphs = [paragraph for mail in new_mails(world) for paragraph in mail.text.split("\n\n")]
    assert [number for number in range(60) if f"Order order-{number}: OrderHeld is told." not in paragraphs] == [7]
    for _ in range(4):
        world.clock.advance(721)
        world.notify()
    assert new_mails(world) == []
    assert world.peek_raw("NotificationQueue") == []
    [(letter, attributes)] = world.dead_letters("NotificationDeadLetterQueue")
    assert json.loads(letter) == json.loads(event(7))
    assert attributes["reason"].startswith("failed 5 times, last with UndeliverableError at sns.py:")


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"detail-type": "OrderHeld", "detail": {}}', event(1, at="soon")]
)
def test_non_event_becomes_a_dead_letter_and_delays_nothing(world: World, text: str) -> None:
    tell(world, text or " ", event(1))
    assert [mail.subject for mail in new_mails(world)] == ["Order held: order-1"]
    for _ in range(4):
        world.clock.advance(721)
        world.notify()
    [(letter, attributes)] = world.dead_letters("NotificationDeadLetterQueue")
    assert letter == (text or " ")
    assert attributes["reason"].startswith("failed 5 times, last with ")


def test_messages_without_time_left_are_retried(world: World) -> None:
    for number, kind in enumerate(["OrderHeld", "OrderFailed"]):
        world.send(event(number, kind), queue="NotificationQueue")
    assert world.deliver("send_notifications", remaining_ms=19_000) == 2
    assert new_mails(world) == []
    world.clock.advance(721)
    world.notify()
    assert len(new_mails(world)) == 2


def test_too_long_single_message_is_truncated_and_says_so(world: World) -> None:
    tell(world, event(1, message="x" * 300_000), event(2))
    long, short = new_mails(world)
    assert long.text.startswith("x" * 190_000)
    assert "the event on the bus and the ledger have it" in long.text
    assert short.text == "Order order-2: OrderHeld is told."


# Subscriptions are watched


def counted(world: World) -> list[float]:
    """Return what sweeps wrote about the subscriptions."""
    found = []
    for line in world.output.getvalue().splitlines():
        if line.startswith('{"_aws"') and "SubscriptionsMissing" in line:
            value = json.loads(line)["SubscriptionsMissing"]
            found += value if isinstance(value, list) else [value]
    return found


def test_each_sweep_reports_how_many_subscriptions_are_missing(world: World) -> None:
    world.function("wake_orders")({})
    assert counted(world) == []
    world.mailbox.unsubscribe()
    world.function("wake_orders")({})
    assert counted(world) == [1]


@pytest.mark.parametrize("error", FAILURES, ids=[str(error) for error in FAILURES])
def test_unavailable_topic_delays_no_sweep_and_counts_as_no_subscription(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: Any) -> None:
        raise error

    world.send(body())
    world.deliver("place_order")
    world.clear("SyncQueue")
    monkeypatch.setitem(
        vars(world.function("wake_orders").module.subscriptions.topic._client), "get_topic_attributes", fail
    )
    world.clock.advance(301)
    assert world.function("wake_orders")({}) == {"woken": 1}
    assert counted(world) == [1]
    assert "subscriptions not counted" in world.output.getvalue()


def test_subscriptions_are_counted_even_if_the_sweep_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError

    world.mailbox.unsubscribe()
    monkeypatch.setattr(type(world.function("wake_orders").module.waker), "sweep", fail)
    with pytest.raises(ConnectionError):
        world.function("wake_orders")({})
    assert counted(world) == [1]
