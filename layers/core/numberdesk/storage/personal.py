"""Personal data of an order: its message, its comments, the payloads of its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.clock import instant_text
from numberdesk.services.ports import KeptComment, Page
from numberdesk.storage.dynamodb import PRESENT, Dynamo, put
from numberdesk.storage.values import instant, keyed, pack, unpack

if TYPE_CHECKING:
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Payload
    from numberdesk.storage.values import Item, Key


class Personal(Dynamo):
    """Implements `services.stores.Personal`."""

    def message(self, order_id: str) -> OrderMessage | None:
        return self._record((f"ORDER#{order_id}", "PERSONAL#MESSAGE"), message_of_item)

    def comment(self, order_id: str, comment_id: str) -> str | None:
        return self._record((f"ORDER#{order_id}", f"PERSONAL#COMMENT#{comment_id}"), lambda it: str(it["body"]))

    def kept_comments(self, order_id: str, *, after: str | None, limit: int) -> Page[KeptComment]:
        return self._page((f"ORDER#{order_id}", "PERSONAL#COMMENT#"), after, limit, comment_of_item)

    def kept(self, order_id: str, operation_id: str) -> Payload | None:
        return self._record(kept_key(order_id, operation_id), payload_of_item)

    def keep(self, order_id: str, operation_id: str, kept: Payload) -> None:
        self._write(put(payload_item(order_id, operation_id, kept), PRESENT))

    def erase(self, order_id: str) -> int:
        begin = {":pk": f"ORDER#{order_id}", ":prefix": "PERSONAL#"}
        found = self._query("pk = :pk AND begins_with(sk, :prefix)", begin, ProjectionExpression="pk, sk")
        keys = [(item["pk"], item["sk"]) for item in found]
        self._delete_all(keys)
        return len(keys)


def message_item(message: OrderMessage) -> Item:
    packed = pack(message.model_dump_json().encode())
    return {"pk": f"ORDER#{message.order_id}", "sk": "PERSONAL#MESSAGE", "message": packed}


def message_of_item(item: Item) -> OrderMessage:
    from numberdesk.domain.request import OrderMessage  # noqa: PLC0415 - publish_changes reads comments alone

    return OrderMessage.model_validate_json(unpack(item["message"]))


def comment_item(order_id: str, comment: CommentSeen) -> Item:
    return {
        "pk": f"ORDER#{order_id}",
        "sk": f"PERSONAL#COMMENT#{comment.id}",
        "body": comment.body,
        "by_provider": comment.by_provider,
        "sub_order_id": comment.sub_order_id,
        "at": instant_text(comment.at),
        "read": comment.read,
    }


def comment_of_item(item: Item) -> KeptComment:
    return KeptComment(
        id=str(item["sk"]).removeprefix("PERSONAL#COMMENT#"),
        sub_order_id=item["sub_order_id"],
        body=item["body"],
        by_provider=item["by_provider"],
        at=instant(item["at"]),
        read=item.get("read", False),
    )


def kept_key(order_id: str, operation_id: str) -> Key:
    return f"ORDER#{order_id}", f"PERSONAL#OPERATION#{operation_id}"


def payload_item(order_id: str, operation_id: str, kept: Payload) -> Item:
    return keyed(kept_key(order_id, operation_id), payload=pack(kept.model_dump_json().encode()))


def payload_of_item(item: Item) -> Payload:
    from numberdesk.domain.values import Payload  # noqa: PLC0415 - as above

    return Payload.model_validate_json(unpack(item["payload"]))
