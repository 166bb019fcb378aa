"""The stories of load: a price that rises beyond its approval, and a backlog before a deadline."""

from datetime import datetime, timedelta

from local.play import NEVER_BY_ITSELF, Play, Steps, expect
from local.stories.safe import expect_held, shown
from local.stories.telling import expect_answer, expect_reminders, story, until_notified
from numberdesk.domain.durations import parse_duration

BACKLOG = 200
ON_TIME = timedelta(seconds=10)
"""How late people may hear of what is due: a sweep of the local run, the second for which messages are gathered, and a busy machine."""


@story(
    33,
    "An order is held for its cost, and while a person approves the quote the price rises: nothing is bought, the order is held again "
    "with the new price, and people are notified. Approved again, it is bought at that price.",
)
def dearer_than_approved(play: Play) -> Steps:
    order = play.order("33-dearer-than-approved", ends="completed")
    number = {"phone_number": "+4315340911", "country_code": "AT", "phone_number_type": "local"}
    # In its own currency, with a limit for this story alone.
    play.ask("telnyx", "add_inventory", numbers=[number | {"cost": ["10.00", "2.00", "EUR"]}])
    order.send()
    yield from until_notified(order, "OrderHeld")
    yield from expect_held(order, "limit", "12.00", "10 EUR is the limit")

    play.ask("telnyx", "add_inventory", numbers=[number | {"cost": ["9000.00", "2.00", "EUR"]}])
    expect_answer((yield from order.call("POST", "/approve")), 200)
    yield from until_notified(order, "OrderHeld", times=2)
    told = order.notified("OrderHeld")[-1]
    expect("9002.00" in told and "12.00" in told, f"the price as it is and as it was approved are not in: {told}")
    yield from expect_held(order, "limit", "9002.00")

    expect_answer((yield from order.call("POST", "/approve")), 200)
    yield from order.until("completed")
    approved = [entry.data["quote"]["costs"][0]["upfront"] for entry in order.entries("OrderApproved")]  # type: ignore[index,call-overload]
    expect(approved == ["10.00", "9000.00"], f"approved were {approved}")
    expect(len(order.entries("PlacingBegun")) == 1, "it was begun more than once")
    costs = (yield from shown(order))["costs"]
    expected = [{"currency": "EUR", "upfront": "9000.00", "monthly": "2.00", "numbers": 1}]
    expect(costs == expected, f"its costs are {costs}")


@story(
    34,
    f"{BACKLOG} CallFire orders at once, whose calls must keep their distance, and an order of a German number that "
    "nobody looks after: its reminders and its missed deadline are told on time, and each of the others is bought once.",
    # Before a table is restored: afterwards a person must confirm each order at CallFire as new.
    has_deadlines=True,
    alone=True,
)
def a_backlog(play: Play) -> Steps:
    order = play.order("34-a-deadline", ends="cancelled", reminders=2)
    items = {f"34-backlog-{n:03}": [{"keywords": [f"BACKLOG{n:03}"]}] for n in range(BACKLOG)}
    backlog = [
        play.order("34-backlog", ends="completed", quiet=True, order_id=order_id, items=asked)
        for order_id, asked in items.items()
    ]
    play.ask("callfire", "configure", finish_seconds=0)
    # CallFire documents no trigger event for them.
    play.ask("callfire", "postbacks", off=True)
    play.ask("telnyx", "set_deadline", seconds=30, order=order.reference)
    order.send()
    yield from order.until_recorded("DeadlineSet")
    for each in backlog:
        each.send()
    [deadline] = [one.value for one in order.record.order.deadlines] if order.record else []
    for times, reminder in enumerate(order.message["reminders"], 1):
        yield from until_notified(order, "DeadlineApproaching", times)
        expect_on_time(play, "a reminder", deadline - parse_duration(reminder))
    yield from until_notified(order, "DeadlineMissed")
    expect_on_time(play, "the missed deadline", deadline)
    expect([one for one in backlog if one.state in ("", "received")], "the backlog was over before the deadline")
    yield from order.until("cancelled")
    expect_reminders(order, *((1, reminder) for reminder in order.message["reminders"]))

    for each in backlog:
        yield from each.until("completed")
        expect(not each.entries("OrderUnknown"), f"{each.order_id} was unknown for a while")
    play.ask("callfire", "configure", finish_seconds=NEVER_BY_ITSELF)
    play.ask("callfire", "postbacks")


def expect_on_time(play: Play, what: str, due: datetime) -> None:
    """Return the reminders that were due a moment before now."""
    late = play.now() - due
    told = f"people heard of {what} {late.total_seconds():.1f} s after it was due"
    play.say(f"  {told}")
    expect(timedelta(0) <= late <= ON_TIME, told)
