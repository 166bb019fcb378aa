"""Records as items of the order table, and back. Pure; how the items are keyed is told in `numberdesk.storage.table`."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_origin

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import TypeAdapter

from numberdesk.domain.clock import EARLIEST
from numberdesk.domain.costs import Spent, currencies
from numberdesk.domain.gate import Gate
from numberdesk.domain.ledger import Entry
from numberdesk.domain.lists import Summary, attention, memberships, next_deadline
from numberdesk.domain.model import instant_text
from numberdesk.domain.notices import HeldBack
from numberdesk.domain.order import Asset, Order
from numberdesk.domain.profile import Profile, Upload
from numberdesk.domain.request import OrderMessage, Request
from numberdesk.domain.schedule import WakeKind, wake_kind
from numberdesk.domain.statuses import AssetState
from numberdesk.domain.values import Payload
from numberdesk.services.ports import (
    Account,
    Holding,
    Inventory,
    KeptComment,
    KeptWebhook,
    Receipt,
    Unpublished,
    Webhook,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.order import Reservation
    from numberdesk.domain.profile import ProfileKey
    from numberdesk.domain.snapshot import CommentSeen

WAKE_SHARDS = 8
UNPUBLISHED_SHARDS = 4
HOLDING_SHARDS = 8
EVENT_ID_LENGTH = 256
"""A sort key holds 1,024 bytes."""
ASSETS_A_PAGE = 250
"""Numbers and keywords in one page."""
FIELD_BYTES = 8 * 1024
"""JSON of a field that lies on the row; a longer one lies on pages of its own."""
PAGE_BYTES = 64 * 1024
"""JSON of one page of such a field, unless one element alone is longer."""
_MAX_PACKED = 150_000
"""Bytes of one page of numbers, compressed; where numbers tell so much that one is larger, fewer lie on each."""
SUMS_KEPT = timedelta(days=40)
"""How long what was reserved on a day is kept."""

HELD_BACK = "NOTIFIED#HELD"
"""Where what is left to a sum lies. People are told little: it is one partition."""
_MAX_WHOM = 512

Item = dict[str, Any]
Key = tuple[str, str]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()
_assets = TypeAdapter(tuple[Asset, ...])
_OWN_PAGES = frozenset({"assets", "pages", "field_pages"})
GROWING: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter[Any](field.annotation)  # type: ignore[arg-type] # these have one
    for name, field in Order.model_fields.items()
    if get_origin(field.annotation) in (tuple, dict) and name not in _OWN_PAGES
}
"""The fields of an order that can grow with what its provider shows, beside its numbers."""


# Orders


def row_item(order: Order) -> Item:
    """Make an order's row, with what lists show of it. It lies in the wake index only while something is due.

    Neither what it asks for nor its numbers are on it: both may be ten thousand, and the row is written with every commit. Nor
    is a field that lies on pages (`Order.field_pages`).
    """
    item = order.model_dump(mode="json", exclude={"assets", "request", *order.field_pages})
    deadline = next_deadline(order)
    item |= {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "attention": list(attention(order)),
        "next_deadline": instant_text(deadline) if deadline else None,
    }
    if not order.field_pages:
        del item["field_pages"]
    if order.wake_at is None:
        del item["wake_at"]
    else:
        item["wake_shard"] = wake_shard(order)
    return item


def wake_shard(order: Order) -> str:
    """Name the shard of the wake index in which an order lies."""
    return wake_shards(wake_kind(order))[int(_shard(order.order_id, WAKE_SHARDS))]


def wake_shards(kind: WakeKind) -> list[str]:
    """Name the shards of the wake index in which orders of a kind lie."""
    # Rows of all kinds that an earlier version wrote lie in those without a name.
    name = "" if kind is WakeKind.POLL else kind.value
    return [f"{name}{shard}" for shard in range(WAKE_SHARDS)]


def request_item(order: Order) -> Item:
    """Make what an order asks for: written once, with the order."""
    packed = _pack(order.request.model_dump_json(exclude_defaults=True).encode())
    return {"pk": f"ORDER#{order.order_id}", "sk": "ORDER#REQUEST", "request": packed}


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of an order, as a commit leaves them."""

    names: tuple[str, ...]
    """Those of numbers, as the row has them (`Order.pages`)."""
    fields: dict[str, tuple[str, ...]]
    """Those of other fields, as the row has them (`Order.field_pages`)."""
    new: tuple[Item, ...]
    replaced: tuple[Key, ...]


def pages(before: Order, after: Order) -> Pages:
    """Split an order's numbers, and other fields that have grown long, into pages; those that do not differ stay what they are.

    A page is named by the version of the order that it is written for, and by its content: two who write the same version at
    the same time never write over each other's.
    """
    pk = f"ORDER#{after.order_id}"
    names, new = _pages_of_numbers(before, after)
    fields: dict[str, tuple[str, ...]] = {}
    for field, adapter in GROWING.items():
        contents = _split(adapter.dump_python(getattr(after, field), mode="json"))
        had = before.field_pages.get(field, ())
        written: list[str] = []
        for index, content in enumerate(contents):
            packed = _pack(content)
            name = _page_name(after, packed)
            if index < len(had) and had[index].partition(".")[2] == name.partition(".")[2]:
                written.append(had[index])
            else:
                written.append(name)
                new.append({"pk": pk, "sk": field_page_place(field, index, name), "content": packed})
        if written:
            fields[field] = tuple(written)
    named = set(_places(names, fields))
    replaced = tuple((pk, place) for place in _places(before.pages, before.field_pages) if place not in named)
    return Pages(names, fields, tuple(new), replaced)


def _pages_of_numbers(before: Order, after: Order) -> tuple[tuple[str, ...], list[Item]]:
    """Split numbers into pages, and give the names of all pages and those that are new."""
    pk = f"ORDER#{after.order_id}"
    for per_page in (ASSETS_A_PAGE, 25, 5):
        names: list[str] = []
        new: list[Item] = []
        are_alike = len(before.pages) == -(-len(before.assets) // per_page)
        for index, first in enumerate(range(0, len(after.assets), per_page)):
            part = after.assets[first : first + per_page]
            if are_alike and index < len(before.pages) and part == before.assets[first : first + per_page]:
                names.append(before.pages[index])
                continue
            # The numbers of one order are much alike: written so, they take about a tenth.
            packed = _pack(_assets.dump_json(part, exclude_defaults=True))
            name = _page_name(after, packed)
            names.append(name)
            new.append({"pk": pk, "sk": page_place(index, name), "assets": packed})
        if all(len(page["assets"]) <= _MAX_PACKED for page in new):
            break
    return tuple(names), new


def _split(value: Sequence[Any] | Mapping[str, Any]) -> Iterator[bytes]:
    """Split a field into JSON for pages; none where it is short enough for the row.

    What was there before stays on its page where something is appended.
    """
    elements = list(value.items()) if isinstance(value, dict) else value
    texts = [json.dumps(element, separators=(",", ":"), ensure_ascii=False).encode() for element in elements]
    if sum(map(len, texts)) + len(texts) <= FIELD_BYTES:
        return
    page: list[bytes] = []
    size = 0
    for text in texts:
        if page and size + len(text) > PAGE_BYTES:
            yield b"[" + b",".join(page) + b"]"
            page, size = [], 0
        page.append(text)
        size += len(text) + 1
    yield b"[" + b",".join(page) + b"]"


def _page_name(order: Order, packed: bytes) -> str:
    return f"{order.version:010}.{hashlib.sha256(packed).hexdigest()[:16]}"


def page_place(index: int, name: str) -> str:
    """Give the sort key of a page of numbers."""
    return f"NUMBERS#{index:04}#{name}"


def field_page_place(field: str, index: int, name: str) -> str:
    """Give the sort key of a page of another field."""
    return f"ORDER#PAGE#{field}#{index:04}#{name}"


def _places(names: Iterable[str], fields: Mapping[str, Iterable[str]]) -> list[str]:
    """Give the sort keys of the pages that a row names."""
    return [
        *(page_place(index, name) for index, name in enumerate(names)),
        *(
            field_page_place(field, index, name)
            for field, its_names in fields.items()
            for index, name in enumerate(its_names)
        ),
    ]


def unnamed(row: Item, places: Iterable[str]) -> list[str]:
    """Give the pages among these that no order will ever have again.

    Whoever writes an order of a later version keeps pages that this row names, or writes others of that later version. So what
    the row does not name, and is not of a later version, is nobody's.
    """
    named = set(_places(row["pages"], row.get("field_pages", {})))
    return [
        place
        for place in places
        if place not in named and int(place.rpartition("#")[2].partition(".")[0]) <= row["version"]
    ]


def order_of_items(items: Mapping[str, Item]) -> Order | None:
    """Make an order of its row, its request and its pages, by sort key; none where a page is missing that the row names.

    Other pages do not matter: of a commit that is under way, or that never came to be.
    """
    row = items["ORDER"]
    try:
        found = [items[page_place(index, name)] for index, name in enumerate(row["pages"])]
        fields = {
            field: [
                element
                for index, name in enumerate(names)
                for element in json.loads(_unpack(items[field_page_place(field, index, name)]["content"]))
            ]
            for field, names in row.get("field_pages", {}).items()
        }
    except KeyError:
        return None
    return Order.model_validate(
        {
            **_known(row, Order),
            **{field: dict(each) if _is_dict(field) else tuple(each) for field, each in fields.items()},
            "request": Request.model_validate_json(_unpack(items["ORDER#REQUEST"]["request"])),
            "assets": tuple(asset for page in found for asset in _assets.validate_json(_unpack(page["assets"]))),
        }
    )


def _is_dict(field: str) -> bool:
    return get_origin(Order.model_fields[field].annotation) is dict


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


def new_claims(before: Order, after: Order) -> list[Item]:
    """Make the claims of purchases that are new on an order: its own, and duplicates."""
    purchases = dict.fromkeys((after.provider_order_id, *after.duplicates))
    claimed = {None, before.provider_order_id, *before.duplicates}
    return [
        {"pk": pk, "sk": sk, "order_id": after.order_id}
        for pk, sk in (
            claim_key(after.provider, after.account, each) for each in purchases if each not in claimed if each
        )
    ]


def claim_key(provider: str, account: str, provider_order_id: str) -> Key:
    """Say where the claim of a purchase is."""
    return f"CLAIM#{provider}#{account}#{provider_order_id}", "CLAIM"


def lock_key(order: Order, content: str) -> Key:
    """Say where the lock on a content is."""
    return f"LOCK#{order.provider}#{order.account}#{content}", "LOCK"


def receipt_item(order_id: str, receipt: Receipt) -> Item:
    """Make the receipt of a notification."""
    return {
        "pk": f"ORDER#{order_id}",
        "sk": f"RECEIPT#{receipt.event_id}",
        "event_type": receipt.event_type,
        "received_at": instant_text(receipt.received_at),
    }


def receipt_of_item(item: Item) -> Receipt:
    """Read a receipt."""
    return Receipt(str(item["sk"]).removeprefix("RECEIPT#"), item["event_type"], instant(item["received_at"]))


def unmatched_item(event: Webhook, expires_at: datetime) -> Item:
    """Make the mark of a notification that belongs to no order: it is kept once a day."""
    came = instant_text(event.received_at)
    return {
        "pk": f"RECEIPTS#{came[:10]}",
        "sk": f"RECEIPT#{event.provider}#{event.account}#{event.event_id[:EVENT_ID_LENGTH]}",
        "received_at": came,
        "expires_at": int(expires_at.timestamp()),
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


# Placing


def gate_item(gate: Gate) -> Item:
    """Make the gate. Entries of its ledger lie in the same partition."""
    return {**gate.model_dump(mode="json"), "pk": "DESK#placing", "sk": "GATE"}


def gate_of_item(item: Item) -> Gate:
    """Read the gate."""
    return Gate.model_validate(_known(item, Gate))


def sums_key(provider: str, account: str, day: str) -> Key:
    """Say where the sums of an account's day are."""
    return f"ACCOUNT#{provider}#{account}", f"SPENT#{day}"


def sums(reserved: Reservation | None, day: str) -> dict[str, Decimal]:
    """Give what a reservation adds to the sums of a day, by attribute."""
    if reserved is None or reserved.day != day:
        return {}
    costs = {cost_attribute(currency): Decimal(cost) for currency, cost in reserved.cost.items()}
    return {"numbers": Decimal(reserved.numbers), **costs}


def cost_attribute(currency: str) -> str:
    """Name the sum of a currency, whatever its provider calls that."""
    return f"cost_{currency}"


def max_sums(limits: Limits, reserved: Reservation | None) -> dict[str, Decimal]:
    """Give the most that the sums of a day may be for what is reserved, by attribute."""
    held_to = currencies(limits, reserved) if reserved else ()
    most = {cost_attribute(currency): limits.cost_per_day[currency] for currency in held_to}
    return most if limits.numbers_per_day is None else {"numbers": Decimal(limits.numbers_per_day), **most}


def spent_of_item(item: Mapping[str, Any]) -> Spent:
    """Read the sums of a day from DynamoDB's values. They are decimals, and never go through a float."""
    found = {name: _deserializer.deserialize(value) for name, value in item.items()}
    costs = {name.removeprefix("cost_"): value for name, value in found.items() if name.startswith("cost_")}
    return Spent(
        numbers=int(found.get("numbers", 0)),
        cost={currency: f"{cost.normalize():f}" for currency, cost in costs.items() if cost},
    )


def sums_expire(day: str) -> int:
    """Say when the sums of a day are no longer needed, in seconds of the epoch."""
    return int((datetime.fromisoformat(day).replace(tzinfo=UTC) + SUMS_KEPT).timestamp())


# What is held


def held(order: Order) -> frozenset[str]:
    """Give the numbers and keywords that an order holds."""
    return frozenset(
        asset.value for asset in order.assets if asset.state is AssetState.ACTIVE and asset.released_at is None
    )


def holding_shards(provider: str, account: str) -> list[str]:
    """Give the partitions of all that is held at an account."""
    return [f"HOLDINGS#{provider}#{account}#{shard}" for shard in range(HOLDING_SHARDS)]


def holding_key(order: Order, value: str) -> Key:
    """Say where a holding is."""
    shard = _shard(value, HOLDING_SHARDS)
    return f"HOLDINGS#{order.provider}#{order.account}#{shard}", f"{value}#{order.order_id}"


def holding_item(order: Order, value: str) -> Item:
    """Make a holding."""
    pk, sk = holding_key(order, value)
    return {"pk": pk, "sk": sk, "since": instant_text(order.updated_at)}


def holding_of_item(item: Item) -> Holding:
    """Read a holding. Neither a value nor an order id holds a `#`."""
    value, _, order_id = str(item["sk"]).rpartition("#")
    try:
        since = instant(item["since"])
    except (KeyError, TypeError, ValueError):
        # That it is held says its key, and left out it would count as a number that nobody has.
        since = EARLIEST
    return Holding(value, order_id, since)


def account_of_item(item: Item) -> Account:
    """Read an account. One without its first reading, from before there was any, stands there since an order named it."""
    provider, _, name = str(item["sk"]).partition("#")
    read_at, retired_at = item.get("read_at"), item.get("retired_at")
    return Account(
        provider,
        name,
        named=bool(item.get("named")) or read_at is None,
        read_at=instant(read_at) if read_at else None,
        retired_at=instant(retired_at) if retired_at else None,
        retired_by=str(item.get("retired_by", "")),
    )


def inventory_key(provider: str, account: str) -> Key:
    """Say where the last comparison of an account is."""
    return f"ACCOUNT#{provider}#{account}", "INVENTORY"


def inventory_item(provider: str, account: str, inventory: Inventory) -> Item:
    """Make the last comparison of an account."""
    pk, sk = inventory_key(provider, account)
    return {
        "pk": pk,
        "sk": sk,
        "finished_at": instant_text(inventory.finished_at) if inventory.finished_at else None,
        "table_id": inventory.table_id,
        "differences": _pack(json.dumps(inventory.differences).encode()),
        "failing_since": instant_text(inventory.failing_since) if inventory.failing_since else None,
    }


def inventory_of_item(item: Item) -> Inventory:
    """Read the last comparison of an account; while the first one is being made there is none."""
    if "differences" not in item:
        return Inventory()
    finished_at = item["finished_at"]
    return Inventory(
        finished_at=instant(finished_at) if finished_at else None,
        table_id=item["table_id"],
        differences=tuple(json.loads(_unpack(item["differences"]))),
        failing_since=instant(failing) if (failing := item.get("failing_since")) else None,
    )


# What is personal


def message_item(message: OrderMessage) -> Item:
    """Make an order's message."""
    packed = _pack(message.model_dump_json().encode())
    return {"pk": f"ORDER#{message.order_id}", "sk": "PERSONAL#MESSAGE", "message": packed}


def message_of_item(item: Item) -> OrderMessage:
    """Read an order's message."""
    return OrderMessage.model_validate_json(_unpack(item["message"]))


def webhook_item(event: Webhook, order_id: str | None, expires_at: datetime) -> Item:
    """Make a notification as it came, of an order or of none."""
    came = instant_text(event.received_at)
    item: Item = {
        "pk": f"ORDER#{order_id}" if order_id else f"UNMATCHED#{came[:10]}",
        "sk": f"PERSONAL#EVENT#{webhook_place(event)}",
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


def webhook_place(event: Webhook) -> str:
    """Give an event's place among those of its order or day: as they came."""
    return f"{instant_text(event.received_at)}#{event.event_id[:EVENT_ID_LENGTH]}"


def webhook_of_item(item: Item) -> KeptWebhook:
    """Read a notification."""
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


def comment_item(order_id: str, comment: CommentSeen) -> Item:
    """Make a comment, as a poll saw it."""
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


def kept_key(order_id: str, operation_id: str) -> Key:
    """Say where what lies with an operation is."""
    return f"ORDER#{order_id}", f"PERSONAL#OPERATION#{operation_id}"


def payload_item(order_id: str, operation_id: str, kept: Payload) -> Item:
    """Make what lies with an operation."""
    pk, sk = kept_key(order_id, operation_id)
    return {"pk": pk, "sk": sk, "payload": _pack(kept.model_dump_json().encode())}


def payload_of_item(item: Item) -> Payload:
    """Read what lies with an operation."""
    return Payload.model_validate_json(_unpack(item["payload"]))


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


# Messages to people


def count_key(whom: str, since: datetime) -> Key:
    """Say where messages are counted."""
    return f"NOTIFIED#{instant_text(since)}", f"COUNT#{whom[:_MAX_WHOM]}"


def held_back_key(held: HeldBack) -> Key:
    """Say where what is left to a sum is: in the order in which sums tell it."""
    return HELD_BACK, f"{instant_text(held.due)}#{held.id}"


def held_back_item(held: HeldBack) -> Item:
    """Make what is left to a sum."""
    pk, sk = held_back_key(held)
    return {"pk": pk, "sk": sk, **held.model_dump(mode="json", exclude={"id", "due"})}


def held_back_of_item(item: Item) -> HeldBack:
    """Read what is left to a sum."""
    due, _, name = str(item["sk"]).partition("#")
    return HeldBack(
        id=name,
        due=instant(due),
        title=item["title"],
        about=item["about"],
        noun=item["noun"],
        deadline=item["deadline"],
    )


# Values


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write plain values as DynamoDB's."""
    return {name: _serializer.serialize(_exact(value)) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Read DynamoDB's values as plain ones."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def item_size(item: Mapping[str, Any]) -> int:
    """Give the bytes of an item as DynamoDB counts them (developer guide, item sizes): names in UTF-8, and values.

    Args:
        item: as `marshal` gives it.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return len(content.strip("-").replace(".", "")) // 2 + 2
        case "L":
            return 3 + sum(1 + _value_size(inner) for inner in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(inner) for name, inner in content.items())
        case _:
            return 1


def instant(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _pack(content: bytes) -> bytes:
    return zlib.compress(content)


def _unpack(packed: bytes) -> bytes:
    return zlib.decompress(packed)


def _known(item: Item, model: type[Order | Summary | Entry | Gate]) -> Item:
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
