"""Everything that a version of numberdesk writes: rows of its table, messages on its queues, events on its bus, all by its own code."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from numberdesk.domain.change import Change
from numberdesk.domain.gate import Gate
from numberdesk.domain.health import Health, Seen
from numberdesk.domain.health import after as with_seen
from numberdesk.domain.notices import HeldBack
from numberdesk.domain.order import (
    Acknowledgement,
    Approval,
    Attempt,
    Hold,
    Order,
    Quote,
    Reservation,
    Stuck,
    Vetting,
    Watch,
)
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import AssetState, ChangeKind, HoldKind, OrderState
from numberdesk.domain.sweep import QueueSeen, Sweep
from numberdesk.domain.values import Payload, TextValue
from numberdesk.messaging.events import EventBus
from numberdesk.messaging.sqs import SqsQueue
from numberdesk.providers.base import Placed
from numberdesk.services import purchase, receive
from numberdesk.services.dead_letters import DeadLetterDesk
from numberdesk.services.desk import send_wake
from numberdesk.services.ports import ConflictError, Inventory, Receipt, Webhook
from numberdesk.services.publish import Publisher
from tests.contract.store_cases import create, gate_entry, profile, switched, upload
from tests.support.builders import START, account_entry, body, entries
from tests.support.desks import ADesk
from tests.support.largest import grown

if TYPE_CHECKING:
    from numberdesk.storage.table import Table

HOUR = timedelta(hours=1)
LATER = START + HOUR
DAY = "2026-11-22"
ACCOUNT = ("telnyx", "default")
TELNYX_WEBHOOK = json.dumps(
    {
        "data": {
            "event_type": "number_order.complete",
            "id": "webhook-1",
            "occurred_at": "2026-11-22T08:00:00+00:00",
            "payload": {"id": "of-somebody", "record_type": "number_order", "status": "success"},
        }
    }
).encode()


def raw(webhook_id: str, **fields: Any) -> Webhook:
    """Return a webhook."""
    return Webhook(webhook_id, *ACCOUNT, START, "00" * 32, **{"key": "0011", "body": b"\x00{}", **fields})


def an_order(before: Order) -> Order:
    """Return an order whose record uses every field."""
    counts = {"requirements_a_number": 1, "unavailable_numbers": 2, "text": 8}
    many = grown(before, sub_orders=2, requirements=2, deadlines=1, comments=2, numbers=3, **counts)
    first, *others = many.assets
    quote = Quote(numbers=3, costs=many.costs[:1])
    return many.with_(
        version=before.version + 1,
        state=OrderState.PENDING,
        attempt=Attempt(number=1, began_at=START, send_before=LATER, resolve_at=LATER),
        hold=Hold(kind=HoldKind.LIMIT, why="a limit", since=START, quote=quote),
        approvals=(Approval(kind=HoldKind.LIMIT, by="arn:1", at=START, quote=quote, most={"USD": "9.5"}),),
        reserved=Reservation(day=DAY, numbers=3, cost={"USD": "3.25"}),
        content_lock="content",
        provider_order_id="p-1",
        duplicates=("p-2",),
        assets=(first.with_(state=AssetState.ACTIVE), *others),
        watched={"s-1": Watch(shown=("pending",), since=START, began=START, recent={"pending": START})},
        extensions={"s-1": 1},
        comments_seen=tuple(f"comment-{index:040}" for index in range(200)),
        operations=many.operations[:1],
        unknown_values_notified=("new",),
        acknowledged=Acknowledgement(by="arn:1", at=START, until=LATER),
        vettings={"DE/local": Vetting(since=START, ended_at=LATER, delivered=True)},
        erasures_due=(LATER,),
        failed_runs=2,
        stuck=Stuck(since=START, rests_until=LATER),
        wake_at=LATER,
    )


def write(table: Table) -> None:
    """Write rows of every kind."""
    before = create(table, metadata={"team": "a"})
    after = an_order(before)
    told = Change(
        kind=ChangeKind.ORDER_UNKNOWN,
        data={"from": "placing", "why": "ReadTimeout", "searching": True, "look_for": "Look for it."},
        notify=True,
        comment_ids=("c-1",),
    )
    table.commit(
        before,
        after,
        entries(after, told),
        receipts=[Receipt("webhook-1", "number_order.complete", START)],
        comments=[CommentSeen(id="c-1", sub_order_id="s-1", body="More, please", by_provider=True, at=START)],
        kept={"1": Payload(values={"r-1": TextValue(kind="text", text="Muster")}, text="Hello")},
    )
    table.keep_webhook(raw("webhook-1"), "order-1", expires_at=LATER)
    table.keep_webhook(raw("webhook-2", reason="no order of ours", body=None), None, expires_at=LATER)
    for owner in ("order/order-1", "profile/telnyx"):
        table.put_upload(upload(f"f-{owner[:1]}", owner=owner))
    table.put_profile(profile())
    switched(table.gate(), table, table_id="table-1", confirmed_at=START)
    table.record(gate_entry(Gate(version=9, table_id="table-1")))
    table.account_read(*ACCOUNT, START)
    table.put_sweep(
        Sweep(at=START, woken=2, overdue_seconds=3, queues={"sync": QueueSeen(waiting=4, since=START)}, on_their_way={})
    )
    seen = Seen(webhook_at=START, polls=2, failed=1, answered_at=START, failed_at=START, error="HTTP 503")
    assert table.put_health(*ACCOUNT, with_seen(Health(), seen, START))
    assert table.retire(account_entry(ChangeKind.ACCOUNT_RETIRED).with_(actor="arn:aws:iam::123456789012:user/ada"))
    assert table.block(account_entry(ChangeKind.PROVIDER_ACCOUNT_BLOCKED, message="blocked"), "no key", LATER)
    table.take_slot("callfire", "default", START, HOUR, HOUR)
    found = Inventory(finished_at=START, table_id="table-1", differences=("orphan/+1",), failing_since=LATER)
    table.put_inventory(*ACCOUNT, found, None)
    with mock.patch("secrets.token_bytes", bytes):
        table.paging_key()
    for _ in range(2):
        table.count_message("order/order-1", START, 2)
    table.hold_back([HeldBack(id="e-1", due=START, title="Order held", about="order-1", noun="order", deadline="")])


def messages() -> dict[str, str]:
    """Return messages of every kind that numberdesk sends to its queues, and one of an application."""
    sent: list[str] = []
    client: Any = mock.Mock()
    client.send_message.side_effect = lambda **request: sent.append(request["MessageBody"])
    queue = SqsQueue(client, "url")
    desk = ADesk()
    order = create(desk.store).with_(wake_at=LATER)
    send_wake(desk.store, order, queue, queue, START)
    with mock.patch.object(purchase, "record", side_effect=ConflictError):
        shared = replace(desk.desk, sync_queue=queue)
        purchase.keep(shared, order, Placed("p-1", "pending"), until=HOUR, actor="test")
    desk.store.keep_webhook(raw("webhook-1", body=TELNYX_WEBHOOK), "order-1", expires_at=LATER)
    DeadLetterDesk(desk.store, queue, {}).replay("order-1", None, dry_run=False)
    with mock.patch.object(receive, "KEPT_BYTES", 10):
        large = receive.message(*ACCOUNT, TELNYX_WEBHOOK, START, key="key")
    return {
        **dict(zip(("wake", "bought", "webhook-replayed"), sent, strict=True)),
        "webhook": json.dumps(receive.message(*ACCOUNT, TELNYX_WEBHOOK, START, key="key")),
        "webhook-large": json.dumps(large, default=datetime.isoformat),
        "order": json.dumps(body(metadata={"team": "a"})),
    }


def events(table: Table) -> dict[str, str]:
    """Return the unpublished events of the table, as the bus's rule delivers them."""
    bus: list[dict[str, Any]] = []

    def put(Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        bus.extend(Entries)
        return {"Entries": [{} for _ in Entries]}

    client: Any = mock.Mock(put_events=put)
    desk = ADesk()
    Publisher(table, EventBus(client, "bus"), desk, desk, desk).publish(table.unpublished(START + 9 * HOUR, 100))
    handed_on = [
        {"detail-type": it["DetailType"], "source": it["Source"], "detail": json.loads(it["Detail"])} for it in bus
    ]
    return {it["detail-type"]: json.dumps(it) for it in handed_on}
