"""What must hold at the end of a scenario, whatever went wrong in it, and how it ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from moto.sqs.models import Message

    from local.simulators.base import Sale
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from tests.crashes.playing import Stage

NOTHING = frozenset({OrderState.FAILED, OrderState.CANCELLED})


def faults(stage: Stage, *, purchases: int, personal: Collection[str]) -> list[str]:
    """Return which promises are broken, in words.

    Args:
        stage: at rest.
        purchases: how many the scenario's orders are.
        personal: texts that no log and no reason may hold.
    """
    entries = [entry for pk in partitions(stage) for entry in stage.ledger(pk)]
    return [
        *_purchases(stage, purchases),
        *_records(stage),
        *_messages(stage),
        *_events(stage, entries),
        *_reminders(entries),
        *_privacy(stage, personal),
    ]


def _purchases(stage: Stage, most: int) -> Iterator[str]:
    sales = bought(stage)
    if len(sales) > most:
        yield f"{len(sales)} purchases instead of {most}"
    times = Counter(sale.reference for sale in sales if sale.reference)
    yield from (f"{reference} was bought {count} times" for reference, count in times.items() if count > 1)


def bought(stage: Stage) -> list[Sale]:
    """Return what numberdesk bought."""
    sales = [sale for simulator in stage.simulators.values() for sale in simulator.sales()]
    return [sale for sale in sales if sale.order_id not in stage.by_hand]


def _records(stage: Stage) -> Iterator[str]:
    orders = stage.orders()
    for order in orders:
        if order.state in (OrderState.PLACING, OrderState.UNKNOWN):
            yield f"{order.order_id} is left {order.state.value}"
        if order.stuck is not None:
            yield f"{order.order_id} is stuck"
        if any(operation.open for operation in order.operations):
            yield f"an operation of {order.order_id} is left open"
        yield from _differences(stage, order)
    followed = {(order.provider, order.provider_order_id) for order in orders} | {
        (order.provider, each) for order in orders for each in order.duplicates
    }
    for provider, simulator in stage.simulators.items():
        for sale in simulator.sales():
            if (provider, str(sale.order_id)) not in followed:
                yield f"no order has the purchase {sale.order_id} at {provider}"


def _differences(stage: Stage, order: Order) -> Iterator[str]:
    """Compare a record with the simulator."""
    rows = {str(row["order_id"]): row for row in stage.simulators[order.provider].orders()}
    theirs = rows.get(order.provider_order_id or "")
    if theirs is None:
        if order.state not in {*NOTHING, OrderState.RECEIVED}:
            yield f"{order.order_id} is {order.state.value} and the carrier has no such order"
        return
    released = {asset.value for asset in order.assets if asset.released_at is not None}
    ours = {asset.value for asset in order.assets if asset.state is AssetState.ACTIVE} - released
    delivered = _delivered(order.provider, theirs) - released
    if ours != delivered:
        yield f"{order.order_id} has {sorted(ours)}, and the carrier delivered {sorted(delivered)}"
    said = str(theirs["status"]).casefold()
    if not released and (said in ("cancelled", "deleted")) != (
        order.state in (OrderState.CANCELLED, OrderState.DELETED)
    ):
        yield f"{order.order_id} is {order.state.value}, and the carrier says {said}"


def _delivered(provider: str, row: dict[str, object]) -> set[str]:
    """Return what a carrier's order delivered."""
    if provider == "telnyx":
        subs: list[dict[str, list[dict[str, str]]]] = row["sub_orders"]  # type: ignore[assignment]
        return {each["phone_number"] for sub in subs for each in sub["numbers"] if each["status"] == "success"}
    numbers: list[str] = row["numbers"]  # type: ignore[assignment]
    keywords: list[str] = row.get("keywords", [])  # type: ignore[assignment]
    return {f"+{each.lstrip('+')}" for each in numbers} | set(keywords)


def _messages(stage: Stage) -> Iterator[str]:
    for queue in ("OrderQueue", "SyncQueue", "NotificationQueue"):
        now = stage.clock.now().timestamp() * 1000
        if due := [each for each in stage._queue(queue)._messages if max(each.visible_at, each.delayed_until) <= now]:
            yield f"{len(due)} messages are left on {queue}"
    for queue, reasons in dead_letters(stage).items():
        if "" in reasons:
            yield f"a message is on {queue} without a reason"
    yield from (f"{name} stopped by loop detection" for name in stage.stopped)


def dead_letters(stage: Stage) -> dict[str, list[str]]:
    """Return the reasons of the messages on each dead-letter queue that holds any."""
    found = {}
    for name in ("OrderDeadLetterQueue", "SyncDeadLetterQueue", "NotificationDeadLetterQueue"):
        messages = stage._queue(name)._messages
        if messages:
            found[name] = [reason_of(each) for each in messages]
    return found


def reason_of(message: Message) -> str:
    """Return the reason for which a message was put aside; nothing where it has none."""
    attribute = message.message_attributes.get("reason", {})
    return str(attribute.get("StringValue") or attribute.get("string_value") or "")


def _events(stage: Stage, entries: Collection[Entry]) -> Iterator[str]:
    published = {detail["id"] for _, detail in stage.published}
    missing = [entry for entry in entries if entry.is_event and entry.id not in published]
    yield from (f"{entry.kind.value} of {entry.subject} was not published" for entry in missing)
    if marked := stage.marked():
        yield f"{len(marked)} published events are still marked"
    mails = "\n".join(mail.text for mail in stage.mailbox.mails)
    sums = "\n".join(mail.text for mail in stage.mailbox.mails if (mail.subject or "").startswith("Summed up"))
    for entry in entries:
        if entry.notify and entry.message[:60] not in mails and (entry.order_id or "?") not in sums:
            yield f"people were not told of {entry.kind.value}"


def _reminders(entries: Collection[Entry]) -> Iterator[str]:
    sent = Counter(
        (entry.order_id, entry.data["deadline_id"], entry.data["deadline_version"], entry.data["reminder"])
        for entry in entries
        if entry.kind is ChangeKind.DEADLINE_APPROACHING
    )
    yield from (f"the reminder {key[-1]} was sent {times} times" for key, times in sent.items() if times > 1)


def _privacy(stage: Stage, personal: Collection[str]) -> Iterator[str]:
    logs = stage.output.getvalue()
    reasons = repr(dead_letters(stage))
    for text in personal:
        if text in logs or text in reasons:
            yield f"{text!r} is in a log"


def partitions(stage: Stage) -> list[str]:
    """Return the partitions with a ledger."""
    return sorted({item["pk"] for item in stage.everything() if str(item["sk"]).startswith("LEDGER#")})


def told(stage: Stage) -> list[str]:
    """Return the kinds of all events for people, each as often as it was recorded."""
    entries = [entry for pk in partitions(stage) for entry in stage.ledger(pk)]
    return sorted(entry.kind.value for entry in entries if entry.notify)
