"""The stories of money, the switch, a restored table, and personal data: decisions of people, and their effects."""

import json
from collections.abc import Generator
from typing import Any

from local.play import Play, PlayedOrder, Steps, expect
from local.simulator_process import BUILT_IN
from local.stories.desk import a_pdf, upload
from local.stories.telling import (
    GERMAN,
    expect_answer,
    expect_problem,
    story,
    supply,
    until_notified,
)
from numberdesk.domain.statuses import MOVES, OrderState

OK = 200
MAX_CALLS = 25
"""Calls of one poll of a Telnyx order."""

# --- shared steps ---


def shown(order: PlayedOrder) -> Generator[str, None, dict[str, Any]]:
    """Return the order as the API shows it."""
    body: dict[str, Any] = expect_answer((yield from order.call("GET")), 200)
    return body


def expect_held(order: PlayedOrder, kind: str, *why: str) -> Steps:
    """Check that the order is received, nothing is bought, and the hold has this reason."""
    held = yield from shown(order)
    expect(held["state"] == "received", f"{order.order_id} is {held['state']}")
    expect(held["hold"] and held["hold"]["kind"] == kind, f"{order.order_id} is held by {held['hold']}")
    for text in why:
        expect(text in held["waiting_for"], f"{text} is not in: {held['waiting_for']}")
    expect(order.count_purchases() == 0, f"{order.order_id} is held and was bought")


def all_of(play: Play, path: str, limit: int | None = None) -> Generator[str, None, list[dict[str, Any]]]:
    """Return everything that a list of the API contains, page by page."""
    found: list[dict[str, Any]] = []
    query = {"limit": str(limit)} if limit else {}
    while True:
        page = expect_answer((yield from play.call("GET", path, query=query)), 200)
        found += page["items"]
        if page["next"] is None:
            return found
        query["next"] = page["next"]


def heard(play: Play, beginning: str) -> list[str]:
    """Return the notifications that start with this text."""
    return [message for message in play.people if message.startswith(beginning)]


def _hurry(play: Play) -> None:
    """Let Telnyx activate numbers soon: in this story nothing has to come first."""
    play.ask("telnyx", "configure", activation_seconds=3)


def at_callfire(play: Play, order: PlayedOrder) -> list[str]:
    """Return CallFire's ids of the purchases with an order's account and content, the oldest first."""
    item = order.message["items"][0]
    city = item["criteria"]["city"] if "criteria" in item else None
    return [
        sale["order_id"]
        for sale in play.ask("callfire", "sales")
        if (sale["content"].get("City") == city if city else item["keywords"][0] in sale["numbers"])
    ]


def finish_at_callfire(order: PlayedOrder) -> Steps:
    """End the order at CallFire, and wait until it has ended here."""
    yield from order.until("pending")
    order.play.ask("callfire", "set_status", status="FINISHED", order=order.theirs)
    yield from order.until("completed")


# --- the stories ---


@story(
    24,
    "An order beyond a spending limit is held, and people get the reason. Approved, it is bought, and its cost is known; another is "
    "rejected with a reason, and nothing is bought.",
)
def a_limit(play: Play) -> Steps:
    released = play.order("24-beyond-the-limit", ends="completed")
    refused = play.order("24-refused-by-a-person", ends="cancelled", purchases=0)
    for order in (released, refused):
        order.send()
    for order, asked in ((released, "120"), (refused, "130")):
        yield from until_notified(order, "OrderHeld")
        [told] = order.notified("OrderHeld")
        expect(asked in told and "100 is the limit" in told, f"the limit is not in: {told}")
        yield from expect_held(order, "limit", "100 is the limit")

    expect_answer((yield from released.call("POST", "/approve")), 200)
    reason = "Thirty of them would have been plenty."
    over = expect_answer((yield from refused.call("POST", "/reject", {"reason": reason})), 200)
    expect(over["state"] == "cancelled", f"{refused.order_id} is {over['state']}")
    expect_problem((yield from refused.call("POST", "/approve")), 409, "order-ended")
    yield from refused.until("cancelled")
    [entry] = refused.entries("OrderCancelled")
    expect(reason in entry.message, f"the reason is not in: {entry.message}")
    yield from released.until("completed")
    expect_problem((yield from released.call("POST", "/approve")), 409, "order-ended")
    [entry] = released.entries("OrderApproved")
    expect(entry.actor == play.stage.operator, f"approved by {entry.actor}")

    costs = (yield from shown(released))["costs"]
    expected = [{"currency": "USD", "upfront": "120.00", "monthly": "120.00", "numbers": 120}]
    expect(costs == expected, f"its costs are {costs}")
    numbers = yield from all_of(play, f"/orders/{released.order_id}/numbers", 100)
    each = {(number["upfront_cost"], number["monthly_cost"], number["currency"]) for number in numbers}
    expect(len(numbers) == 120 and each == {("1.00", "1.00", "USD")}, f"{len(numbers)} numbers cost {each}")


@story(
    25,
    "All placing is switched off with a reason: people are notified once, and an order that arrives then waits and says so. Switched on"
    " again, it is placed.",
    alone=True,
)
def the_switch(play: Play) -> Steps:
    _hurry(play)
    order = play.order("25-while-switched-off", ends="completed")
    reason = "The budget of the quarter is being counted."
    for _ in range(2):
        turned = expect_answer((yield from play.call("PUT", "/placing", {"open": False, "reason": reason})), 200)
        expect(not turned["placing"] and reason in turned["closed_because"], f"turned off: {turned}")
    order.send()
    yield from order.until_recorded("OrderHeld")
    yield from play.pause(5, "an order that is held to be tried again")
    yield from expect_held(order, "switch", reason)
    yield from play.until(lambda: heard(play, "Placing was switched off"), "people to hear of the switch")
    expect(not order.notified("OrderHeld"), "people were notified of an order that continues automatically")

    turned = expect_answer((yield from play.call("PUT", "/placing", {"open": True, "reason": "All is counted."})), 200)
    expect(turned["placing"] and turned["closed_because"] is None, f"turned on: {turned}")
    yield from order.until("completed")
    yield from play.until(lambda: heard(play, "Placing was switched on"), "people to hear of the switch")
    for beginning in ("Placing was switched off", "Placing was switched on"):
        [told] = heard(play, beginning)
        expect(play.stage.operator.rpartition("/")[2] in told, f"who did it is not in: {told}")
    expect(len(order.entries("OrderHeld")) == 1, "the hold is reported more than once")


@story(
    26,
    "CallFire's response is lost, and its account has no list of orders: people get search hints with the leases begun since; a second "
    "order of the same content waits. A person names the purchase. For another order a person confirms that nothing was purchased, and "
    "it is placed again.",
)
def resolved_by_a_person(play: Play) -> Steps:
    lost = play.order("26-answer-lost", ends="completed")
    second = play.order("26-the-same-again", ends="completed")
    never = play.order("26-never-arrived", ends="completed")
    play.ask("callfire", "fault", operation="create_order", kind="lose_answer", seconds=10, holding="City=Chicago")
    # A gateway that answers in CallFire's place: the call got no further.
    play.ask("callfire", "fault", operation="create_order", kind="status", status=504, holding="LANTERN")
    for order in (lost, never):
        order.send()
    for order in (lost, never):
        yield from order.until("unknown")
        yield from until_notified(order, "OrderUnknown")
    second.send()
    [bought] = at_callfire(play, lost)
    play.ask("callfire", "set_status", status="FINISHED", order=bought)
    [sold] = [each["numbers"] for each in play.ask("callfire", "orders") if each["order_id"] == bought]

    expect_answer((yield from never.call("POST", "/resolve", {"not_placed": {"place_again": True}})), 200)
    yield from finish_at_callfire(never)
    yield from until_notified(lost, "OrderUnknown", times=2)
    told = lost.notified("OrderUnknown")[-1]
    expect(all(number.removeprefix("+") in told for number in sold), f"the candidates {sold} are not in: {told}")
    expect("LANTERN" not in told, f"another order's lease is among the candidates: {told}")
    held = yield from shown(second)
    expect(held["hold"] and held["hold"]["kind"] == "same_content", f"{second.order_id} is held by {held['hold']}")

    for wrong, status, problem in (("4711", 400, "invalid"), (never.theirs, 409, "claimed")):
        expect_problem((yield from lost.call("POST", "/resolve", {"placed_as": wrong})), status, problem)
    expect(lost.state == "unknown", f"{lost.order_id} is {lost.state} by a wrong answer")
    expect_answer((yield from lost.call("POST", "/resolve", {"placed_as": bought})), 200)
    yield from lost.until("completed")
    yield from finish_at_callfire(second)

    by = [(entry.actor, entry.data["answer"]) for order in (lost, never) for entry in order.entries("PurchaseResolved")]
    expect(by == [(play.stage.operator, "placed_as"), (play.stage.operator, "not_placed")], f"resolved by {by}")
    expect(len(at_callfire(play, lost)) == 2, f"Chicago was bought {len(at_callfire(play, lost))} times by two orders")
    expect_problem((yield from lost.call("POST", "/resolve", {"placed_as": bought})), 409, "not-unknown")


@story(
    27,
    "2,500 numbers in one order, approved by a person: one order at Telnyx, one event when it is complete, and few calls per poll.",
)
def a_large_order(play: Play) -> Steps:
    order = play.order("27-two-thousand-five-hundred", ends="completed")
    order.send()
    yield from until_notified(order, "OrderHeld")
    expect_answer((yield from order.call("POST", "/approve")), 200)
    yield from order.until("completed")
    asked = order.message["items"][0]["quantity"]
    [sale] = [each for each in play.ask("telnyx", "sales") if each["reference"] == order.reference]
    expect(len(sale["numbers"]) == asked, f"{len(sale['numbers'])} numbers were bought")

    polls = _polls(order)
    expect(polls and max(polls) <= MAX_CALLS, f"polls of {polls} calls")
    yield from play.until(
        lambda: [each for each in order.events() if each["detail-type"] == "OrderCompleted"],
        "OrderCompleted to reach the bus",
    )
    [event] = [each for each in order.events() if each["detail-type"] == "OrderCompleted"]
    data = event["detail"]["data"]
    expect((data["delivered"], data["asked"]) == (asked, asked), f"delivered: {data['delivered']} of {data['asked']}")
    expect(len(data["first_delivered"]) == 20, f"{len(data['first_delivered'])} numbers are in the event")
    largest = max(len(json.dumps(each)) for each in order.events())
    expect(largest < 10_000, f"an event of it has {largest} characters")
    expect(order.record and order.record.row_bytes < 20_000, f"its row has {order.record and order.record.row_bytes}")

    answer = yield from shown(order)
    expect(answer["asset_count"] == asked and len(answer["assets"]) == 100, f"{len(answer['assets'])} numbers shown")
    numbers = yield from all_of(play, f"/orders/{order.order_id}/numbers", 100)
    expect(sorted(number["value"] for number in numbers) == sorted(sale["numbers"]), f"{len(numbers)} numbers listed")
    expect({number["state"] for number in numbers} == {"active"}, "not all numbers are active")


def _polls(order: PlayedOrder) -> list[int]:
    """Return the number of calls of each poll of an order. A poll begins by reading the order itself."""
    record = order.record.order if order.record else None
    ours = (
        {
            order.theirs,
            *(sub_order.id for sub_order in record.sub_orders),
            *(asset.provider_id for asset in record.assets),
        }
        if record
        else {}
    )
    counts: list[int] = []
    for call in order.play.ask("telnyx", "requests"):
        words = {*call["path"].split("/"), *(str(value) for value in call["query"].values())}
        if call["method"] == "GET" and words & {*ours}:
            if call["operation"] == "get_order":
                counts.append(0)
            counts[-1] += 1
    return counts


@story(
    28,
    "The order table is restored to an earlier copy, and the messages of later orders are redelivered: placing is off until every "
    "account was compared and a person has confirmed it; then each order is found, or held for a person, and none is bought again.",
    alone=True,
)
def a_restore(play: Play) -> Steps:
    _hurry(play)
    yield from _buy(play, "before")
    copy = play.stage.copy_table()
    later = yield from _buy(play, "after")
    telnyx, telesign, callfire = later
    theirs = {order.order_id: order.theirs for order in later}

    play.stage.restore_table(copy)
    for order in later:
        order.wipe()
    new = play.order("28-new-since", ends="completed")
    for order in (*later, new):
        order.send()
    yield from play.until(lambda: heard(play, "The order table was restored"), "people to hear of the restore")
    for order in (*later, new):
        yield from order.until_recorded("OrderHeld")
        held = yield from shown(order)
        if held["state"] == "received":
            expect(held["hold"]["kind"] == "switch", f"{order.order_id}: {held['hold']}")
            expect("restored" in held["waiting_for"], f"why it waits is not in: {held['waiting_for']}")
        else:
            # The schedule has already compared its account, and found the purchase there by our reference.
            found = held["provider_order_id"]
            expect(found == theirs.get(order.order_id), f"{order.order_id} is {found} now")
    yield from _confirm(play)
    expect(all(order.count_purchases() == 1 for order in later), "an order was bought again by a restored table")

    yield from until_notified(callfire, "OrderHeld")
    keyword = callfire.message["items"][0]["keywords"][0]
    [told] = callfire.notified("OrderHeld")
    expect(keyword in told, f"the search hint is not in: {told}")
    known = (keyword.casefold(), theirs[callfire.order_id])

    def compared() -> bool:
        told = " ".join(heard(play, "CallFire, account default: the provider")).casefold()
        return any(each in told for each in known)

    yield from play.until(compared, "people to hear what the account has and the restored table knows nothing of")
    expect_answer((yield from callfire.call("POST", "/resolve", {"placed_as": theirs[callfire.order_id]})), 200)
    for order in (*later, new):
        yield from order.until("completed")
    for order in later:
        expect(order.theirs == theirs[order.order_id], f"{order.order_id} is {order.theirs} now")
        expect(order.entries("OrderPlaced")[0].data["found"] is True, f"{order.order_id} was placed, not found")
    for order in (telnyx, telesign):
        expect(not order.notified("OrderHeld"), f"people were asked about {order.order_id}")
    expect(new.entries("OrderPlaced")[0].data["found"] is False, f"{new.order_id} was found")
    expect(len(heard(play, "The order table was restored")) == 1, "people were notified more than once of one restore")


def _confirm(play: Play) -> Steps:
    """Confirm the restored table, which requires that every account was compared with it."""
    sold = _sold(play)
    path = "/placing/confirm-restore"
    view = expect_answer((yield from play.call("GET", "/placing")), 200)
    expect(view["restored"] and not view["placing"], f"placing after the restore: {view}")
    answer = yield from play.call("POST", path, {})
    # Unless the schedule was faster.
    if answer.status != OK:
        expect_problem(answer, 409, "not-reconciled")
        while view["not_compared"]:
            # An account that could not be read is compared by the next run.
            play.stage.reconcile_inventory()
            yield from play.pause(1, "the accounts to be compared")
            view = expect_answer((yield from play.call("GET", "/placing")), 200)
        expect(not view["placing"], "placing went on before anybody confirmed it")
        # The comparison itself may adopt an order there with our reference; nothing is bought by that.
        expect(_sold(play) == sold, "something was bought before anybody confirmed the restore")
        answer = yield from play.call("POST", path, {})
    expect(expect_answer(answer, OK)["placing"], f"confirmed: {answer.body}")


def _sold(play: Play) -> int:
    return sum(len(play.ask(provider, "sales")) for provider in BUILT_IN)


def _buy(play: Play, which: str) -> Generator[str, None, list[PlayedOrder]]:
    """Let an order at each provider end."""
    names = [f"28-{which}-the-copy-{provider}" for provider in BUILT_IN]
    orders = [play.order(name, ends="completed") for name in names]
    for order in orders:
        order.send()
    yield from finish_at_callfire(orders[2])
    for order in orders:
        yield from order.until("completed")
    # Their events are published: a copy with unpublished ones would publish them again.
    for order in orders:
        promised = {entry.id for entry in order.ledger if entry.is_event}
        yield from play.until(
            lambda order=order, ids=promised: ids <= {event["detail"]["id"] for event in order.events()},  # type: ignore[misc]
            f"the events of {order.order_id} to reach the bus",
        )
    return orders


@story(
    29,
    "An ended order is erased: its message, values, files, comments and webhooks are gone and do not come back; its ledger still shows "
    "how it ended.",
)
def erased(play: Play) -> Steps:
    order = play.order("29-erased", ends="completed")
    path = f"/orders/{order.order_id}"
    order.send()
    yield from until_notified(order, "RequirementRequested")
    expect_problem((yield from order.call("POST", "/erase")), 409, "order-open")
    remark = "The street is not in our books."
    # People get a reviewer's comment in the notification itself.
    play.private["a reviewer's comment on a erased order"] = remark
    play.ask("telnyx", "comment", order=order.reference, body=remark)
    ours = "It is the third house behind the lighthouse."
    play.personal["our comment on a erased order"] = ours
    expect_answer((yield from order.call("POST", "/comments", {"text": ours})), 202)
    content = a_pdf(play, "Meldebescheinigung einer Fischverkäuferin")
    file_id = yield from upload(play, path, "registration of the fishwife.pdf", "application/pdf", content)
    values = {"Identity Document": {"kind": "file", "file_id": file_id}, "End User Address": GERMAN["End User Address"]}
    yield from supply(order, values)
    yield from order.until("completed")
    yield from order.until_recorded("CommentReceived")
    yield from play.until(
        lambda: order.record and order.record.webhooks, f"a webhook about {order.order_id} to be kept"
    )
    comments = yield from all_of(play, f"{path}/comments")
    expect({remark, ours} <= {comment["body"] for comment in comments}, f"{len(comments)} comments, and not those")
    expect([file for file in play.stage.files() if order.order_id in file], "the file is nowhere")

    over = expect_answer((yield from order.call("POST", "/erase")), 200)
    expect(over["erased_at"], "when it was erased is not known")
    yield from order.until_recorded("PersonalDataErased")
    play.read_again(order)
    yield from play.until(lambda: order.record and not order.record.personal, "the personal data to be erased")
    expect(
        not [file for file in play.stage.files() if file.startswith(f"orders/{order.order_id}/")],
        "the file is still there",
    )
    for name in ("comments", "webhooks"):
        left = yield from all_of(play, f"{path}/{name}")
        expect(not left, f"{len(left)} {name} are left")
    _expect_replay(order)

    play.read_again(order)
    yield from play.until(lambda: order.record, "the order to be read")
    before = set(order.record.receipts if order.record else ())
    webhook = play.ask("telnyx", "signed_webhook", order=order.theirs)
    headers = {str(name): str(value) for name, value in webhook["headers"].items()}
    expect(play.stage.post_webhook(headers, str(webhook["body"])) == 200, "a late webhook was not accepted")
    expect_answer((yield from order.call("POST", "/sync")), 202)

    def came() -> bool:
        play.read_again(order)
        return bool(order.record and set(order.record.receipts) - before)

    yield from play.until(came, f"the late webhook about {order.order_id} to be taken in")
    yield from play.pause(3, "the order to be polled")
    play.read_again(order)
    yield from play.until(lambda: order.record, "the order to be read")
    kept = order.record.personal if order.record else ()
    expect(
        not [each for each in kept if "body" in each or not each["sk"].startswith("PERSONAL#WEBHOOK#")], "it came back"
    )
    expect(not (yield from all_of(play, f"{path}/comments")), "the comments came back")
    _expect_replay(order)


def _expect_replay(order: PlayedOrder) -> None:
    """Check that the states in its ledger lead to its current one by allowed transitions."""
    at: OrderState | None = None
    for entry in order.ledger:
        if entry.state is not None and entry.state is not at:
            expect(at is None or entry.state in MOVES[at], f"{order.order_id} moved from {at} to {entry.state}")
            at = entry.state
    expect(at == order.state, f"the ledger of {order.order_id} leads to {at}, it is {order.state}")


@story(
    30, "A delivered number is released after a person's confirmation: the account no longer owns it or pays for it."
)
def given_back(play: Play) -> Steps:
    order = play.order("30-given-back", ends="completed")
    order.send()
    yield from order.until("completed")
    listed = yield from all_of(play, f"/orders/{order.order_id}/numbers")
    number, kept = (each["value"] for each in listed)
    path = f"/numbers/{number.removeprefix('+')}/release"
    fields = expect_problem((yield from order.call("POST", path, {"confirm": kept})), 400, "invalid")
    expect(fields == ["confirm"], f"the issues are in {fields}")
    expect_answer((yield from order.call("POST", path, {"confirm": number})), 202)
    yield from order.until_recorded("NumberReleased")
    [entry] = order.entries("NumberReleased")
    expect(number in entry.message and kept not in entry.message, f"the released number is not in: {entry.message}")
    owned = {each["value"] for each in (yield from all_of(play, "/providers/telesign/numbers"))}
    expect(kept in owned and number not in owned, f"of {number} and {kept} the account owns {owned & {number, kept}}")
    expect(not play.ask("telesign", "owns", value=number), "TeleSign still leases it to us")
    given = {
        each["value"] for each in (yield from all_of(play, f"/orders/{order.order_id}/numbers")) if each["released_at"]
    }
    expect(given == {number}, f"released by the order: {given}")
    expect_problem((yield from order.call("POST", path, {"confirm": number})), 404, "not-found")


@story(
    32,
    "A function dies right after a purchase, before the outcome is recorded: OrderUnknown, then found by its reference and adopted, "
    "bought once.",
    alone=True,
)
def died_after_purchase(play: Play) -> Steps:
    order = play.order("32-died-after-purchase", ends="completed")
    play.stage.die_after_purchase(order.provider, order.reference)
    order.send()
    yield from play.until(lambda: order.count_purchases() == 1, f"{order.order_id} to be bought")
    yield from order.until_recorded("OrderUnknown")
    yield from order.until_recorded("OrderPlaced")
    yield from order.until("completed")
    [lost], [placed] = order.entries("OrderUnknown"), order.entries("OrderPlaced")
    expect(lost.data["from"] == "placing", f"it was {lost.data['from']} when its outcome was missed")
    expect("no outcome was recorded" in str(lost.data["why"]), f"why it is unknown: {lost.data['why']}")
    expect(placed.data["found"] is True, f"{order.order_id} was placed, not found: {placed.data}")
    expect(len(order.entries("PlacingBegun")) == 1, "it was begun more than once")
    expect(order.count_purchases() == 1, f"bought {order.count_purchases()} times")
