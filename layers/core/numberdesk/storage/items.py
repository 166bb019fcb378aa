"""Records as items of the order table, and back. Pure; how the items are keyed is told in `numberdesk.storage.table`."""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from numberdesk.domain.ledger import Entry
from numberdesk.domain.lists import Summary, attention, memberships, next_deadline
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Order
from numberdesk.domain.profile import Profile, Upload
from numberdesk.domain.values import Kept
from numberdesk.services.ports import KeptComment, KeptEvent, RawEvent, Unpublished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.profile import ProfileKey
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.services.ports import Receipt

WAKE_SHARDS = 8
UNPUBLISHED_SHARDS = 4
EVENT_ID_LENGTH = 256
"""A sort key holds 1,024 bytes."""

Item = dict[str, Any]
Key = tuple[str, str]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


# Orders


def row_item(order: Order) -> Item:
    """Make an order's row, with what lists show of it. It lies in the wake index only while something is due."""
    item = order.model_dump(mode="json", exclude={"assets"})
    deadline = next_deadline(order)
    item |= {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "attention": list(attention(order)),
        "next_deadline": instant_text(deadline) if deadline else None,
    }
    if order.wake_at is None:
        del item["wake_at"]
    else:
        item["wake_shard"] = _shard(order.order_id, WAKE_SHARDS)
    return item


def page_item(order: Order) -> Item:
    """Make the page with an order's numbers."""
    return {
        "pk": f"ORDER#{order.order_id}",
        "sk": "NUMBERS#0000",
        "numbers_version": order.numbers_version,
        "assets": [asset.model_dump(mode="json") for asset in order.assets],
    }


def order_of_items(row: Item, page: Item) -> Order:
    """Make an order of its row and page."""
    return Order.model_validate({**_known(row, Order), "assets": page["assets"]})


def summary_of_item(row: Item) -> Summary:
    """Make what lists show of an order of its row, or of that part of it."""
    return Summary.model_validate(_known(row, Summary))


def list_items(before: Order | None, after: Order) -> tuple[list[Item], list[Key]]:
    """Give the items to put, and the keys to delete, for an order to be on its lists and on no other.

    An order that stays on a list at its place needs neither: most commits change no list.
    """
    was = memberships(before) if before else {}
    now = memberships(after)
    pk = f"ORDER#{after.order_id}"
    puts = [
        {"pk": pk, "sk": f"LIST#{name}", "list_pk": partition, "list_sk": place}
        for name, (partition, place) in now.items()
        if was.get(name) != (partition, place)
    ]
    return puts, [(pk, f"LIST#{name}") for name in was.keys() - now.keys()]


def claim_item(order: Order) -> Item:
    """Make the claim of an order's purchase."""
    pk = f"CLAIM#{order.provider}#{order.account}#{order.provider_order_id}"
    return {"pk": pk, "sk": "CLAIM", "order_id": order.order_id}


def receipt_item(order_id: str, receipt: Receipt) -> Item:
    """Make the receipt of a notification."""
    return {
        "pk": f"ORDER#{order_id}",
        "sk": f"RECEIPT#{receipt.event_id}",
        "event_type": receipt.event_type,
        "received_at": instant_text(receipt.received_at),
    }


# Ledger


def entry_item(entry: Entry) -> Item:
    """Make a ledger row; one that promises an event carries the mark until the bus has it."""
    item = entry.model_dump(mode="json")
    item |= {"pk": _subject_key(entry.subject), "sk": f"LEDGER#{entry.position}"}
    if entry.is_event:
        item |= {"unpublished_shard": _shard(entry.id, UNPUBLISHED_SHARDS), "unpublished_at": instant_text(entry.at)}
    return item


def unpublished_of_item(item: Item) -> Unpublished:
    """Read a ledger row that may still have to be published."""
    return Unpublished((item["pk"], item["sk"]), entry_of_item(item))


def entry_of_item(item: Item) -> Entry:
    """Read a ledger row."""
    return Entry.model_validate(_known(item, Entry))


# What is personal


def event_item(event: RawEvent, order_id: str | None, expires_at: datetime) -> Item:
    """Make a notification as it came, of an order or of none."""
    came = instant_text(event.received_at)
    item: Item = {
        "pk": f"ORDER#{order_id}" if order_id else f"UNMATCHED#{came[:10]}",
        "sk": f"PERSONAL#EVENT#{event_place(event)}",
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


def event_place(event: RawEvent) -> str:
    """Give an event's place among those of its order or day: as they came."""
    return f"{instant_text(event.received_at)}#{event.event_id[:EVENT_ID_LENGTH]}"


def event_of_item(item: Item) -> KeptEvent:
    """Read a notification."""
    place = str(item["sk"]).removeprefix("PERSONAL#EVENT#")
    event = RawEvent(
        event_id=place.partition("#")[2],
        provider=item["provider"],
        account=item["account"],
        received_at=instant(item["received_at"]),
        body_sha256=item["body_sha256"],
        key=item["key"],
        reason=item.get("reason", ""),
        body=item.get("body"),
    )
    return KeptEvent(place, event)


def comment_item(order_id: str, comment: CommentSeen) -> Item:
    """Make a comment, as a look saw it."""
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
    """Read a comment."""
    return KeptComment(
        id=str(item["sk"]).removeprefix("PERSONAL#COMMENT#"),
        sub_order_id=item["sub_order_id"],
        body=item["body"],
        by_provider=item["by_provider"],
        at=instant(item["at"]),
        read=item.get("read", False),
    )


def kept_key(order_id: str, errand_id: str) -> Key:
    """Say where what lies with an errand is."""
    return f"ORDER#{order_id}", f"PERSONAL#ERRAND#{errand_id}"


def kept_item(order_id: str, errand_id: str, kept: Kept) -> Item:
    """Make what lies with an errand."""
    pk, sk = kept_key(order_id, errand_id)
    return {"pk": pk, "sk": sk, "kept": kept.model_dump(mode="json")}


def kept_of_item(item: Item) -> Kept:
    """Read what lies with an errand."""
    return Kept.model_validate(item["kept"])


def profile_key(key: ProfileKey) -> Key:
    """Say where a profile is."""
    return f"PROFILES#{key.provider}", f"PERSONAL#{key.account}#{key.country}#{key.number_type}"


def profile_item(profile: Profile) -> Item:
    """Make a profile; its version lies beside it, for writers to be held to."""
    pk, sk = profile_key(profile.key)
    return {"pk": pk, "sk": sk, "version": profile.version, "profile": profile.model_dump(mode="json")}


def profile_of_item(item: Item) -> Profile:
    """Read a profile."""
    return Profile.model_validate(item["profile"])


def upload_key(owner: str, file_id: str) -> Key:
    """Say where what is known of a file is: with its order, or, of those for profiles, in one of 256 places."""
    kind, _, order_id = owner.partition("/")
    spread = hashlib.sha256(file_id.encode()).hexdigest()[:2]
    return f"ORDER#{order_id}" if kind == "order" else f"UPLOADS#{spread}", f"PERSONAL#UPLOAD#{file_id}"


def upload_item(upload: Upload) -> Item:
    """Make what is known of a file."""
    pk, sk = upload_key(upload.owner, upload.file_id)
    return {"pk": pk, "sk": sk, "upload": upload.model_dump(mode="json")}


def upload_of_item(item: Item) -> Upload:
    """Read what is known of a file."""
    return Upload.model_validate(item["upload"])


# Values


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write plain values as DynamoDB's."""
    return {name: _serializer.serialize(_exact(value)) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Read DynamoDB's values as plain ones."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def instant(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _known(item: Item, model: type[Order | Summary | Entry]) -> Item:
    return {name: value for name, value in item.items() if name in model.model_fields}


def _subject_key(subject: str) -> str:
    kind, _, name = subject.partition("/")
    return f"{kind.upper()}#{name.replace('/', '#') if kind == 'account' else name}"


def _shard(key: str, shards: int) -> str:
    return str(zlib.crc32(key.encode()) % shards)


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return bytes(value.value) if hasattr(value, "value") and isinstance(value.value, bytes) else value
