"""Webhooks as they came, and their receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.clock import instant_text
from numberdesk.services.ports import KeptWebhook, Page, Receipt, Webhook
from numberdesk.storage.dynamodb import ABSENT, NOT_NEWER, Dynamo, put
from numberdesk.storage.values import instant

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.storage.values import Item

WEBHOOK_ID_LENGTH = 256
"""A sort key holds 1,024 bytes."""


class Webhooks(Dynamo):
    """Webhooks (`services.stores.Webhooks`)."""

    def receipt(self, order_id: str, webhook_id: str) -> Receipt | None:
        """Read the receipt of a webhook."""
        return self._record((f"ORDER#{order_id}", f"RECEIPT#{webhook_id}"), receipt_of_item)

    def put_receipt(self, order_id: str, receipt: Receipt) -> None:
        """Write a receipt without a change of its order, once."""
        self._write(put(receipt_item(order_id, receipt), ABSENT))

    def keep_webhook(self, webhook: Webhook, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a webhook under its order, or as unmatched: then once a day. The same delivery again overwrites itself."""
        if order_id is None:
            mark = unmatched_item(webhook, expires_at)
            condition = "attribute_not_exists(pk) OR received_at = :mine"
            if not self._write(put(mark, condition, {":mine": mark["received_at"]})):
                return
        self._write(put(webhook_item(webhook, order_id, expires_at), NOT_NEWER))

    def kept_webhooks(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptWebhook]:
        """Read the webhooks of an order, or of a day's that belong to none, as they came."""
        pk = f"ORDER#{order_id}" if order_id else f"UNMATCHED#{day}"
        return self._page((pk, "PERSONAL#WEBHOOK#"), after, limit, webhook_of_item)


def receipt_item(order_id: str, receipt: Receipt) -> Item:
    """Make the receipt of a webhook."""
    return {
        "pk": f"ORDER#{order_id}",
        "sk": f"RECEIPT#{receipt.webhook_id}",
        "webhook_type": receipt.webhook_type,
        "received_at": instant_text(receipt.received_at),
    }


def receipt_of_item(item: Item) -> Receipt:
    """Read a receipt."""
    return Receipt(str(item["sk"]).removeprefix("RECEIPT#"), item["webhook_type"], instant(item["received_at"]))


def unmatched_item(webhook: Webhook, expires_at: datetime) -> Item:
    """Make the mark of a webhook that belongs to no order: it is kept once a day."""
    came = instant_text(webhook.received_at)
    return {
        "pk": f"RECEIPTS#{came[:10]}",
        "sk": f"RECEIPT#{webhook.provider}#{webhook.account}#{webhook.webhook_id[:WEBHOOK_ID_LENGTH]}",
        "received_at": came,
        "expires_at": int(expires_at.timestamp()),
    }


def webhook_item(webhook: Webhook, order_id: str | None, expires_at: datetime) -> Item:
    """Make a webhook as it came, of an order or of none."""
    came = instant_text(webhook.received_at)
    item: Item = {
        "pk": f"ORDER#{order_id}" if order_id else f"UNMATCHED#{came[:10]}",
        "sk": f"PERSONAL#WEBHOOK#{came}#{webhook.webhook_id[:WEBHOOK_ID_LENGTH]}",
        "provider": webhook.provider,
        "account": webhook.account,
        "key": webhook.key,
        "received_at": came,
        "body_sha256": webhook.body_sha256,
        "expires_at": int(expires_at.timestamp()),
    }
    if webhook.reason:
        item["reason"] = webhook.reason
    if webhook.body is not None:
        item["body"] = webhook.body
    return item


def webhook_of_item(item: Item) -> KeptWebhook:
    """Read a webhook."""
    place = str(item["sk"]).removeprefix("PERSONAL#WEBHOOK#")
    webhook = Webhook(
        webhook_id=place.partition("#")[2],
        provider=item["provider"],
        account=item["account"],
        received_at=instant(item["received_at"]),
        body_sha256=item["body_sha256"],
        key=item["key"],
        reason=item.get("reason", ""),
        body=item.get("body"),
    )
    return KeptWebhook(place, webhook)
