"""Telnyx's log of webhook deliveries: what it sent where, and how that was answered (OpenAPI, webhook deliveries).

Neither the order of the list nor how long a delivery is kept is published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.listings import Delivery, DeliveryAttempt
from numberdesk.providers.base import DeliveriesPage
from numberdesk.providers.json_values import Fields, fields, identifier, instant, integer, rows, text
from numberdesk.providers.numbers import described
from numberdesk.providers.telnyx.inventory import page
from numberdesk.providers.telnyx.registrations import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numberdesk.providers.base import Sent
    from numberdesk.providers.telnyx.api import Api

_PAGE = 100
_DELIVERED = "delivered"
_FAILED = "failed"


def deliveries(api: Api, wanted: Sent, cursor: str | None) -> DeliveriesPage:
    """List deliveries in Telnyx's order. The cursor is the page's number."""
    listed, following = page(api, "webhook_deliveries", cursor, *_filters(wanted), size=_PAGE)
    items: list[Delivery] = []
    unread: list[str] = []
    for row in map(fields, listed):
        delivery_id = identifier(row.get("id"))
        if delivery_id is None:
            unread.append(described(row.get("id")))
        else:
            items.append(_delivery(delivery_id, row))
    return DeliveriesPage(tuple(items), following, tuple(unread))


def _filters(wanted: Sent) -> Iterator[tuple[str, str]]:
    if wanted.since is not None:
        yield "filter[started_at][gte]", wanted.since.isoformat()
    if wanted.until is not None:
        yield "filter[started_at][lte]", wanted.until.isoformat()
    if wanted.event is not None:
        yield "filter[event_type]", wanted.event
    if wanted.delivered is not None:
        yield "filter[status][eq]", _DELIVERED if wanted.delivered else _FAILED
    if wanted.url is not None:
        yield "filter[attempts][contains]", wanted.url


def _delivery(delivery_id: str, row: Fields) -> Delivery:
    webhook, provider_status = fields(row.get("webhook")), text(row.get("status")) or ""
    return Delivery(
        id=delivery_id,
        webhook_id=text(webhook.get("id")) or "",
        event=text(webhook.get("event_type")) or "",
        delivered=provider_status == _DELIVERED,
        provider_status=provider_status,
        started_at=instant(row.get("started_at")),
        finished_at=instant(row.get("finished_at")),
        attempts=tuple(map(_attempt, rows(row.get("attempts")))),
    )


def _attempt(row: Fields) -> DeliveryAttempt:
    http = fields(row.get("http"))
    codes = row.get("errors")
    return DeliveryAttempt(
        url=shown(fields(http.get("request")).get("url")),
        at=instant(row.get("started_at")),
        answer=integer(fields(http.get("response")).get("status")),
        codes=tuple(code for each in codes if (code := identifier(each))) if isinstance(codes, list) else (),
    )
