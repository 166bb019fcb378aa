"""The twelve stories of the main run. Each waits for its events, and then checks everything."""

import json
import uuid
from datetime import timedelta

from local.play import Play, PlayedOrder, Steps, attribute, expect
from local.stories.telling import (
    GERMAN,
    NOTICE,
    ZONE,
    deadline_of,
    expect_problem,
    expect_reminders,
    expect_webhook,
    story,
    supplied,
    supply,
    supply_everything,
    until_notified,
)
from local.world import TELESIGN_RESALE
from numberdesk.domain.wording import instant


@story(1, "Telnyx, 2 US local numbers by criteria, no requirements: completed by webhook.")
def two_us_locals(play: Play) -> Steps:
    order = play.order("01-two-us-locals", ends="completed")
    order.send()
    yield from order.until_next_poll_is_far()
    yield from order.until("completed")
    order.expect_known_before_poll()
    expect_webhook(order)
    delivered = [asset.value for asset in order.record.order.assets] if order.record else []
    [shown] = [each for each in play.ask("telnyx", "orders") if each["order_id"] == order.theirs]
    expect(sorted(delivered) == sorted(shown["numbers"]), f"recorded {delivered}, bought {shown['numbers']}")
    expect(len(delivered) == 2, f"{len(delivered)} numbers delivered")


@story(
    2,
    "Telnyx, 3 numbers in Germany: requirements requested, deadline set; a reminder as it approaches; values supplied through the API; "
    "one rejected with a reason, new deadline, one message to people with reason and deadline; corrected; approved; completed.",
    has_deadlines=True,
)
def three_german_locals(play: Play) -> Steps:
    order = play.order("02-three-german-locals", ends="completed", reminders=1)
    reason = "The passport copy shows no date of birth."
    play.private["the reviewer's comment"] = reason
    play.ask("telnyx", "set_deadline", seconds=36, order=order.reference)
    play.ask(
        "telnyx",
        "reject",
        requirement="Identity Document",
        reason=reason,
        order=order.reference,
        new_deadline_seconds=90,
    )
    order.send()
    yield from until_notified(order, "RequirementRequested")
    yield from order.until_recorded("DeadlineSet")
    expect(order.state == "action_required", f"{order.state}, though requirements are open")
    yield from until_notified(order, "DeadlineApproaching")
    yield from supply(order, GERMAN)
    yield from until_notified(order, "RequirementRejected")
    new_deadline = deadline_of(order)
    expect(new_deadline, "no new deadline is recorded after the rejection")
    again = {"Identity Document": GERMAN["Identity Document"]}
    expect_problem((yield from order.call("POST", "/requirements", supplied(order, again))), 409, "already-supplied")
    yield from supply(order, {"Identity Document": {"kind": "document_id", "document_id": "d0c1-passport-both-sides"}})
    yield from order.until("completed")

    by = [entry.data["by"] for entry in order.entries("RequirementSubmitted")]
    expect(by == [play.stage.operator] * 2, f"submitted by {by}")
    rejections = order.entries("RequirementRejected")
    expect(len(rejections) == 1, f"{len(rejections)} rejections recorded")
    [message, *more] = order.notified("RequirementRejected")
    expect(not more, f"people were notified {1 + len(more)} times of one rejection")
    expect(reason in message, f"the reason is not in: {message}")
    expect(new_deadline and instant(new_deadline, ZONE) in message, f"the deadline is not in: {message}")
    expect(reason not in rejections[0].model_dump_json(), "the reviewer's words are in the ledger")
    messages = " ".join(entry.message for entry in order.entries("RequirementApproved"))
    approved = [name for name in ("End User Address", "Identity Document", "Business Name") if name in messages]
    expect(len(approved) == 3, f"approved: {approved}")
    expect_reminders(order, (1, "PT20S"))


@story(
    3,
    "Telnyx, an order that nobody works on: every reminder fires once, then auto-cancelled: DeadlineMissed, OrderCancelled.",
    has_deadlines=True,
)
def nobody_looks(play: Play) -> Steps:
    order = play.order("03-nobody-looks", ends="cancelled", reminders=3)
    play.ask("telnyx", "set_deadline", seconds=46, order=order.reference)
    order.send()
    yield from order.until("cancelled")
    yield from until_notified(order, "DeadlineMissed")
    yield from until_notified(order, "OrderCancelled")
    expect_reminders(order, (1, "PT30S"), (1, "PT20S"), (1, "PT10S"))
    for kind in ("DeadlineMissed", "OrderCancelled"):
        expect(len(order.entries(kind)) == 1, f"{kind} recorded {len(order.entries(kind))} times")


@story(
    4,
    "Telnyx, one order over two countries and two number types: three sub orders, one of them fails: partially "
    "completed.",
)
def two_countries_two_types(play: Play) -> Steps:
    order = play.order("04-two-countries-two-types", ends="partially_completed")
    play.ask("telnyx", "fail_sub_order", order=order.reference, country_code="CA")
    order.send()
    yield from order.until("partially_completed")
    sub_orders = order.record.order.sub_orders if order.record else ()
    kinds = sorted((sub_order.country, sub_order.number_type) for sub_order in sub_orders)
    expect(kinds == [("CA", "local"), ("US", "local"), ("US", "toll_free")], f"sub orders: {kinds}")
    [entry] = order.entries("OrderPartiallyCompleted")
    expect(entry.data["delivered"] == 3 and entry.data["asked"] == 4, f"delivered: {entry.data}")
    yield from until_notified(order, "OrderPartiallyCompleted")
    expect("1 local number in CA" in entry.message, f"the shortfall is not in: {entry.message}")


@story(
    5,
    "TeleSign, 4 Belgian mobile numbers with prefix 324, partial match: resolved with 3, found by polling: partially "
    "completed.",
)
def four_belgian_mobiles(play: Play) -> Steps:
    order = play.order("05-four-belgian-mobiles", ends="partially_completed")
    play.ask("telesign", "available", country_iso2="BE", number_type="mobile", count=3)
    order.send()
    yield from order.until("partially_completed")
    delivered = [asset.value for asset in order.record.order.assets if asset.state == "active"] if order.record else []
    expect(len(delivered) == 3, f"delivered: {delivered}")
    expect(all(number.startswith("+324") for number in delivered), f"delivered: {delivered}")
    expect(order.record and not order.record.receipts, "TeleSign sends nothing, and yet there is a receipt")
    yield from until_notified(order, "OrderPartiallyCompleted")


@story(
    6,
    "CallFire, numbers + keywords + local bulk in Seattle: FINISHED with one keyword missing: partially completed; a postback announces"
    " it sooner than the poll would.",
)
def seattle(play: Play) -> Steps:
    order = play.order("06-seattle-numbers-and-keywords", ends="partially_completed")
    play.ask("callfire", "unavailable", keywords=["RODEO"])
    order.send()
    yield from order.until_next_poll_is_far()
    play.ask("callfire", "set_status", status="FINISHED", order=order.theirs)
    yield from order.until("partially_completed")
    order.expect_known_before_poll()
    expect(order.record and order.record.receipts, "no receipt of a postback")
    [entry] = order.entries("OrderPartiallyCompleted")
    expect(entry.data["missing"] == "keyword RODEO", f"missing: {entry.data['missing']}")
    expect(entry.data["delivered"] == 5, f"delivered: {entry.data}")
    yield from until_notified(order, "OrderPartiallyCompleted")


@story(7, "The same message twice, and again after the order has ended: one purchase.")
def same_message_twice(play: Play) -> Steps:
    order = play.order("07-same-message-twice", ends="completed")
    order.send()
    order.send()
    yield from order.until("completed")
    before = order.ledger
    order.send()

    def handled() -> bool:
        # One of the three messages placed it; for the others place_order logs that there was nothing to place.
        idle = {line.get("message_id") for line in play.log_lines("place_order", "nothing to place")}
        faster = {line.get("message_id") for line in play.log_lines("place_order", "another sender was faster")}
        return len((idle | faster) & set(order.message_ids)) == 2

    yield from play.until(handled, "both repeated messages to be handled")
    expect(order.count_purchases() == 1, f"bought {order.count_purchases()} times")
    expect(order.ledger == before, "the late message changed the order")
    expect(len(order.entries("OrderPlaced")) == 1, "placed more than once")
    expect(not order.entries("OrderRefused"), "a repeated message was refused")

    # Nor does the id buy something else: that message is refused, reported, and in the dead-letter queue.
    quantity = order.message["items"][0]["quantity"]
    other = order.message | {"items": [order.message["items"][0] | {"quantity": quantity + 1}]}
    play.send(other)

    def refused() -> bool:
        play.read_again(order)
        return bool(order.notified("OrderRefused"))

    yield from play.until(refused, "people to hear that another request under the same id is refused")
    [letter] = play.take_dead_letters("Order", order.order_id)
    expect(json.loads(letter["Body"]) == other, f"in the dead-letter queue: {letter['Body']}")
    reason = attribute(letter, "reason")
    expect("order_id" in reason, f"the reason in the dead-letter queue: {reason}")
    expect(order.count_purchases() == 1, f"bought {order.count_purchases()} times")


@story(
    8,
    "The provider's response is lost after the purchase: OrderUnknown, then found and adopted, one purchase: Telnyx by reference, "
    "TeleSign by the reference in description, CallFire by v2 GET /orders (on in the local run) and its keyword. A second CallFire "
    "order with v2 off stays unknown, and people get search hints.",
)
def lost_answers(play: Play) -> Steps:
    telnyx = play.order("08-lost-answer-telnyx", ends="completed")
    telesign = play.order("08-lost-answer-telesign", ends="completed")
    callfire = play.order("08-lost-answer-callfire", ends="completed")
    no_list = play.order("08-lost-answer-callfire-no-list", ends="unknown")
    orders = (telnyx, telesign, callfire, no_list)
    # Values of each order's call that no other call contains.
    telling = (telnyx.reference, telesign.reference, "HARVEST", "12065550188")
    for order, text in zip(orders, telling, strict=True):
        play.ask(order.provider, "fault", operation="create_order", kind="lose_answer", seconds=10, holding=text)
        order.send()
    for order in orders:
        yield from order.until_recorded("OrderUnknown")
    # Its numbers prove whose it is; their count alone would not.
    [bought] = [each for each in play.ask("callfire", "sales") if each["content"].get("Keywords") == "HARVEST"]
    play.ask("callfire", "set_status", status="FINISHED", order=bought["order_id"])
    for order in (telnyx, telesign, callfire):
        yield from order.until_recorded("OrderPlaced")
        [entry] = order.entries("OrderPlaced")
        expect(entry.data["found"] is True, f"{order.order_id} was placed, not found: {entry.data}")
    for order in (telnyx, telesign, callfire):
        yield from order.until("completed")
    yield from until_notified(no_list, "OrderUnknown")

    for order in orders:
        bought = [sale for sale in play.ask(order.provider, "sales") if sale["order_id"] == _their_id(order)]
        expect(order.count_purchases() == 1, f"{order.order_id} bought {order.count_purchases()} times")
        expect(
            len(bought) == (0 if order is no_list else 1), f"{order.order_id}: adopted a purchase that is not its own"
        )
    expect(no_list.state == "unknown", f"{no_list.order_id} is {no_list.state}")
    told = no_list.notified("OrderUnknown")
    expect(len(told) == 1, f"people got {len(told)} search hints for {no_list.order_id}")
    expect("+12065550188" in told[0] and "CallFire" in told[0], f"the search hint is not in: {told[0]}")


def _their_id(order: PlayedOrder) -> str | None:
    return order.record.order.provider_order_id if order.record else None


@story(
    9,
    "A forged webhook, a stale one, a replayed one, one for another system's order: 401, 401, no second effect, kept as unmatched.",
)
def forged_and_replayed(play: Play) -> Steps:
    order = play.order("09-forged-and-replayed", ends="completed")
    order.send()
    yield from order.until("pending")
    forged = play.ask("telnyx", "signed_webhook", order=order.theirs, wrong_key=True)
    stale = play.ask("telnyx", "signed_webhook", order=order.theirs, age_seconds=3600)
    for name, webhook in (("forged", forged), ("stale", stale)):
        status = _post(play, webhook)
        expect(status == 401, f"the {name} webhook was answered {status}")
    foreign = play.ask("telnyx", "signed_webhook", payload={"id": str(uuid.uuid4()), "status": "success"})
    expect(_post(play, foreign) == 200, "an authentic webhook about another system's order was not accepted")
    yield from order.until("completed")
    yield from play.until(
        lambda: order.record and order.record.webhooks, f"a webhook about {order.order_id} to be kept"
    )

    [genuine] = [made for made in play.ask("telnyx", "deliveries") if order.theirs in made["body"]]
    before = order.ledger
    expect(_post(play, genuine) == 200, "the replayed webhook was not answered 200")
    later = play.ask("telnyx", "signed_webhook", payload={"id": str(uuid.uuid4()), "status": "success"})
    expect(_post(play, later) == 200, "an authentic webhook about another system's order was not accepted")
    others = {_webhook_id(foreign), _webhook_id(later)}
    yield from play.until(
        lambda: others <= set(play.stage.records.unmatched(play.now())), "the foreign webhooks to be kept"
    )

    expect(order.record and len(order.record.webhooks) == 1, "the replayed webhook was kept, too")
    expect(order.record and order.record.receipts == (_webhook_id(genuine),), "not one receipt of the genuine webhook")
    expect(order.ledger == before, "the replayed webhook changed the order")
    completed = [event for event in order.events() if event["detail-type"] == "OrderCompleted"]
    expect(len(completed) == 1, f"OrderCompleted was published {len(completed)} times")
    kept = {*play.stage.records.unmatched(play.now()), *(order.record.webhooks if order.record else ())}
    refused = {_webhook_id(forged), _webhook_id(stale)}
    expect(not refused & kept, "a webhook that was refused was kept")


def _post(play: Play, webhook: dict[str, object]) -> int:
    """Send a webhook as it is, and return the status of the response."""
    headers = {str(name): str(value) for name, value in webhook["headers"].items()}  # type: ignore[attr-defined]
    signature = headers["telnyx-signature-ed25519"]
    play.private[f"the signature {signature[:3]}... of a webhook"] = signature
    return play.stage.post_webhook(headers, str(webhook["body"]))


def _webhook_id(webhook: dict[str, object]) -> str:
    return str(json.loads(str(webhook["body"]))["data"]["id"])


@story(10, "The webhook never comes: found by the poll.")
def no_webhook(play: Play) -> Steps:
    order = play.order("10-no-webhook", ends="completed")
    play.ask("telnyx", "webhooks", order=order.reference, off=True)
    order.send()
    yield from order.until("completed")
    expect(order.record and not order.record.receipts, "there is a receipt, though no webhook was sent")
    sent = [made for made in play.ask("telnyx", "deliveries") if order.theirs in made["body"]]
    expect(not sent, f"{len(sent)} webhooks were sent")


@story(
    11,
    "A deadline is erased at the provider without a webhook just before a reminder: nothing fires. Another is extended: its reminders "
    "are rearmed.",
    has_deadlines=True,
)
def erased_and_extended(play: Play) -> Steps:
    erased = play.order("11-deadline-erased", ends="completed")
    extended = play.order("11-deadline-extended", ends="completed", reminders=2)
    reminder = timedelta(seconds=20)
    # By the simulator's clock: this run may stall for seconds on a busy machine.
    play.ask("telnyx", "erase_deadlines_before", seconds=(reminder + NOTICE).total_seconds(), order=erased.reference)
    for order in (erased, extended):
        play.ask("telnyx", "set_deadline", seconds=40, order=order.reference)
        order.send()
    yield from until_notified(extended, "DeadlineApproaching")
    play.ask("telnyx", "extend_deadline", seconds=20, order=extended.reference)
    yield from until_notified(extended, "DeadlineMoved")
    yield from erased.until_recorded("DeadlineErased")
    expect(not erased.entries("DeadlineApproaching"), "a reminder of a deadline that was erased")
    supply_everything(erased)
    yield from until_notified(extended, "DeadlineApproaching", times=2)
    supply_everything(extended)
    for order in (erased, extended):
        yield from order.until("completed")
    expect_reminders(erased)
    expect_reminders(extended, (1, "PT20S"), (2, "PT20S"))


@story(
    12,
    "The API key of one account is revoked while orders wait: none fails, one ProviderAccountBlocked, placing pauses; with a valid key "
    "all continue.",
)
def key_revoked(play: Play) -> Steps:
    orders = [play.order(f"12-key-revoked-{letter}", ends="completed") for letter in "abc"]
    play.ask("telesign", "revoke", login=TELESIGN_RESALE)
    for order in orders:
        order.send()

    def blocked() -> list[str]:
        return [message for message in play.people if "refuses the account resale" in message]

    yield from play.until(blocked, "people to hear that the account is blocked")
    yield from play.pause(8, "two probes of the blocked account")
    for order in orders:
        yield from order.until("received", "placing")
    attempts = [call for call in play.ask("telesign", "requests", operation="create_order") if call["status"] == 401]
    expect(2 <= len(attempts) <= 8, f"{len(attempts)} calls with the revoked key: not one probe at a time")
    expect(sum(order.count_purchases() for order in orders) == 0, "something was bought with a revoked key")
    play.stage.renew_resale_key()
    for order in orders:
        yield from order.until("completed")
    kinds = [entry.kind.value for entry in play.stage.records.account_ledger("telesign", "resale")]
    expect(kinds == ["ProviderAccountBlocked", "AccountUnblocked"], f"the account's ledger: {kinds}")
    expect(len(blocked()) == 1, f"people were notified {len(blocked())} times that the account is blocked")
    for order in orders:
        expect(not order.entries("OrderFailed"), f"{order.order_id} failed")
