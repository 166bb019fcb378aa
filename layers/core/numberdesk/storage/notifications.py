"""Webhooks as they came, and their receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.model import instant_text
from numberdesk.services.ports import KeptWebhook, Page, Receipt, Webhook
from numberdesk.storage.dynamodb import ABSENT, NOT_NEWER, Dynamo, put
from numberdesk.storage.values import instant

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.storage.values import Item

EVENT_ID_LENGTH = 256
"""A sort key holds 1,024 bytes."""


class Notifications(Dynamo):
    """Implements `services.stores.Notifications`."""

    def receipt(self, order_id: str, event_id: str) -> Receipt | None:
        return self._record((f"ORDER#{order_id}", f"RECEIPT#{event_id}"), receipt_of_item)

    def put_receipt(self, order_id: str, receipt: Receipt) -> None:
        self._write(put(receipt_item(order_id, receipt), ABSENT))

    def keep_webhook(self, event: Webhook, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a webhook under its order, or as unmatched, and then once a day. The same delivery overwrites itself."""
        if order_id is None:
            mark = unmatched_item(event, expires_at)
            condition = "attribute_not_exists(pk) OR received_at = :mine"
            if not self._write(put(mark, condition, {":mine": mark["received_at"]})):
                return
        self._write(put(webhook_item(event, order_id, expires_at), NOT_NEWER))

    def kept_webhooks(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptWebhook]:
        pk = f"ORDER#{order_id}" if order_id else f"UNMATCHED#{day}"
        return self._page((pk, "PERSONAL#EVENT#"), after, limit, webhook_of_item)


def receipt_item(order_id: str, receipt: Receipt) -> Item:
    return {
        "pk": f"ORDER#{order_id}",
        "sk": f"RECEIPT#{receipt.event_id}",
        "event_type": receipt.event_type,
        "received_at": instant_text(receipt.received_at),
    }


def receipt_of_item(item: Item) -> Receipt:
    return Receipt(str(item["sk"]).removeprefix("RECEIPT#"), item["event_type"], instant(item["received_at"]))


def unmatched_item(event: Webhook, expires_at: datetime) -> Item:
    """Return the item that records that an unmatched webhook was kept: once a day."""
    came = instant_text(event.received_at)
    return {
        "pk": f"RECEIPTS#{came[:10]}",
        "sk": f"RECEIPT#{event.provider}#{event.account}#{event.event_id[:EVENT_ID_LENGTH]}",
        "received_at": came,
        "expires_at": int(expires_at.timestamp()),
    }


def webhook_item(event: Webhook, order_id: str | None, expires_at: datetime) -> Item:
    came = instant_text(event.received_at)
    item: Item = {
        "pk": f"ORDER#{order_id}" if order_id else f"UNMATCHED#{came[:10]}",
        "sk": f"PERSONAL#EVENT#{came}#{event.event_id[:EVENT_ID_LENGTH]}",
        "provider": event.provider,
        "account": event.account,
        "key": event.key,
        "received_at": came,
        "body_sha256": event.body_sha256,
        "expires_at": int(expires_at.timestamp()),
    }
    if event.reason:
        item["reason"] = event.reason
    if event.body is not None:
        item["body"] = event.body
    return item


def webhook_of_item(item: Item) -> KeptWebhook:
    place = str(item["sk"]).removeprefix("PERSONAL#EVENT#")
    event = Webhook(
        event_id=place.partition("#")[2],
        provider=item["provider"],
        account=item["account"],
        received_at=instant(item["received_at"]),
        body_sha256=item["body_sha256"],
        key=item["key"],
        reason=item.get("reason", ""),
        body=item.get("body"),
    )
    return KeptWebhook(place, event)
