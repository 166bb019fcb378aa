"""Read CallFire's postbacks.

CallFire signs none. For number orders it recommends a postback (its WSDL and its pages on CreateNumberOrder), but documents no trigger
event and no body. The shapes here follow those that it documents for calls and texts (CallFire docs: subscription notifications):
`<n:NumberOrderFinished><n:SubscriptionId/><NumberOrder id="..">..</NumberOrder></n:NumberOrderFinished>` and
`{"NumberOrderNotification": {"SubscriptionId": .., "NumberOrder": {"@id": ..}}}`. Nothing in them is believed.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from numberdesk.domain.statuses import Phase
from numberdesk.providers import json_values
from numberdesk.providers.base import Hint, NotAHintError
from numberdesk.providers.callfire.statuses import PHASES
from numberdesk.providers.callfire.xmldoc import DATA, NOTIFICATION, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_ORDERS = 10
"""A postback is about one order; one that names many is not from CallFire."""
_EVENT_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_ORDER_ID = re.compile(r"[0-9]{1,20}")
_NOT_OVER = frozenset({Phase.OPEN, Phase.WAITING})


def read_hints(body: bytes) -> list[Hint]:
    """Read a postback: one hint for each order named, or one hint without an order.

    A postback has no id: the hash of its bytes is the event id, by which an exact repeat is recognised.

    Raises:
        NotAHintError: the body is neither XML nor JSON of a notification.
    """
    event_type, orders = _read_json(body) if body.lstrip()[:1] in (b"{", b"[") else _read_xml(body)
    if len(orders) > _MAX_ORDERS:
        raise NotAHintError("the notification names too many orders")
    event_id = f"sha256:{hashlib.sha256(body).hexdigest()}"
    claimed_end = event_type.endswith("Finished")
    named: list[tuple[str | None, str]] = [*orders.items()] or [(None, "")]
    return [
        Hint(
            event_id=event_id,
            event_type=event_type,
            provider_order_id=order_id,
            reference=None,
            says_ended=PHASES[status] not in _NOT_OVER if status in PHASES else claimed_end,
        )
        for order_id, status in named
    ]


def _read_xml(body: bytes) -> tuple[str, dict[str, str]]:
    try:
        root = parse(body)
    except ValueError as error:
        raise NotAHintError(str(error)) from None
    orders = {}
    for order in root.iter(f"{DATA}NumberOrder"):
        if _ORDER_ID.fullmatch(order.get("id", "")):
            orders[order.get("id", "")] = (order.findtext(f"{DATA}Status") or "").strip()
    namespace, _, name = root.tag.rpartition("}")
    if not orders and f"{namespace}}}" != NOTIFICATION:
        raise NotAHintError("XML, but neither a notification nor an order")
    return _event_type(name), orders


def _read_json(body: bytes) -> tuple[str, dict[str, str]]:
    try:
        document = json_values.parse(body)
    except ValueError as error:
        raise NotAHintError(str(error)) from None
    if not isinstance(document, dict):
        raise NotAHintError("JSON, but not an object")
    orders = {}
    for order in _number_orders(document):
        order_id, status = order.get("@id", order.get("id")), order.get("Status")
        if isinstance(order_id, int | str) and _ORDER_ID.fullmatch(str(order_id)):
            orders[str(order_id)] = status if isinstance(status, str) else ""
    return _event_type(str(next(iter(document), ""))), orders


def _number_orders(document: Any) -> Iterator[dict[str, Any]]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("NumberOrder"), dict):
                yield value["NumberOrder"]
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _event_type(name: str) -> str:
    # The sender's text goes into logs: it must look like a name.
    return name if _EVENT_TYPE.fullmatch(name) else "unknown"
