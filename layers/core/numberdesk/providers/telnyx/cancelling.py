"""Cancel orders: Telnyx cancels only sub orders, and only while they are pending (OpenAPI document)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.wording import listed
from numberdesk.providers.base import NotPermittedError, NotSentError, RefusedError, UnreadableError
from numberdesk.providers.json_values import fields, identifier, rows
from numberdesk.providers.reader import Reader
from numberdesk.providers.telnyx.api import resource
from numberdesk.providers.telnyx.errors import NotFoundError
from numberdesk.providers.telnyx.statuses import ENDED

if TYPE_CHECKING:
    from numberdesk.domain.order import Order
    from numberdesk.providers.json_values import Fields
    from numberdesk.providers.telnyx.api import Api

_UNREAD = "unread"
_PENDING = frozenset({"pending", _UNREAD})


def cancel(api: Api, order: Order, sub_order_id: str | None) -> str:
    """Cancel each sub order that is pending now, or the one given. One that is cancelled already counts.

    Returns:
        How many of how many are cancelled.

    Raises:
        RefusedError: none is cancelled, and none could be.
    """
    try:
        statuses = _statuses(api, order, sub_order_id)
    except NotPermittedError:
        raise
    except UnreadableError as error:
        raise NotSentError(f"its sub orders could not be read: {error.detail}", code=error.code) from error
    cancelled = sum(status == "cancelled" for status in statuses.values())
    refused: RefusedError | NotPermittedError | None = None
    for one in (it for it, status in statuses.items() if status in _PENDING):
        try:
            api.write("PATCH", f"{resource('sub_number_orders', one)}/cancel")
        except (RefusedError, NotPermittedError) as error:  # it ended meanwhile, or the account may not cancel
            refused = error
        else:
            cancelled += 1
    if cancelled:
        return f"{cancelled} of {len(statuses)} sub orders cancelled"
    if refused is not None:
        raise refused
    seen = listed(sorted({status or "unknown" for status in statuses.values()}))
    raise RefusedError(f"Telnyx cancels sub orders only while they are pending; now: {seen}")


def _statuses(api: Api, order: Order, sub_order_id: str | None) -> dict[str, str | None]:
    """Read the statuses of the order's sub orders, or of one of them."""
    if order.provider_order_id is None:
        raise NotSentError("the order's id at Telnyx is not known yet")
    known = {sub_order.id for sub_order in order.sub_orders}
    if sub_order_id is None:
        # Before the first poll only the order itself lists them all.
        known = known or _named(api, order.provider_order_id)
        ours = ("filter[order_request_id]", order.provider_order_id)
        listed = rows(api.listed("sub_number_orders", ours)[0])
    elif sub_order_id in known:
        known, listed = {sub_order_id}, []
    else:
        raise RefusedError("the order has no such sub order")
    # Only sub orders of this order: if Telnyx ignored the filter, the list would hold all of them.
    found = {
        one: _status_text(row)
        for row in listed
        if (one := identifier(row.get("id"))) and identifier(row.get("order_request_id")) == order.provider_order_id
    }
    # The list shows paging figures, but no parameter for pages is documented.
    for one in sorted(known - found.keys()):
        try:
            found[one] = _status_text(fields(api.get(resource("sub_number_orders", one))["data"]))
        except NotFoundError:
            found[one] = None
    if not order.sub_orders and not any(found.values()):
        raise NotSentError("its sub orders are not shown yet")
    return found


def _named(api: Api, provider_order_id: str) -> set[str]:
    ids = fields(api.get(resource("number_orders", provider_order_id))["data"]).get("sub_number_orders_ids")
    return {it for one in (ids if isinstance(ids, list) else [ids]) if (it := identifier(one))}


def _status_text(row: Fields) -> str | None:
    """Return a sub order's status. One that cannot be read may be `pending`: trying does no harm."""
    status = row.get("status")
    return Reader().enum("sub_number_order.status", status, {*_PENDING, *ENDED}) or (_UNREAD if status else None)
