"""List what an account owns and has ordered at Telnyx, and release numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.listings import OnOrder, Owned
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    NoSuchThingError,
    OrdersPage,
    OwnedPage,
    RefusedError,
    UnreadableError,
    page_number,
)
from numberdesk.providers.json_values import Fields, fields, identifier, instant, text
from numberdesk.providers.numbers import described, e164, number
from numberdesk.providers.telnyx.api import PAGE_SIZE, resource
from numberdesk.providers.telnyx.errors import BadRequestError
from numberdesk.providers.telnyx.statuses import OVER

if TYPE_CHECKING:
    from numberdesk.providers.telnyx.api import Api

_OWNED_PAGE = 100
# Values of `status` (OpenAPI, phone numbers): numbers given back, and numbers never owned. Whether they are listed is not documented.
_GIVEN_BACK = frozenset({"deleted", "ported-out"})
_NEVER_OURS = frozenset({"purchase-failed", "port-failed"})


def owned(api: Api, cursor: str | None) -> OwnedPage:
    """List the account's numbers, oldest purchase first, so that new ones move no page. The cursor is the page's number."""
    shown, following = page(api, "phone_numbers", cursor, ("sort", "purchased_at"), size=_OWNED_PAGE)
    items: list[Owned] = []
    unread: list[str] = []
    for row in map(fields, shown):
        value = number(row.get("phone_number"), text(row.get("country_iso_alpha2")) or "")
        if text(row.get("status")) in _NEVER_OURS:
            continue
        if value is None:
            unread.append(described(row.get("phone_number")))
        else:
            items.append(_owned(value, row))
    return OwnedPage(tuple(items), following, tuple(unread))


def orders(api: Api, cursor: str | None) -> OrdersPage:
    """List the account's number orders in Telnyx's order: the API cannot sort them. The cursor is the page's number."""
    shown, following = page(api, "number_orders", cursor)
    items: list[OnOrder] = []
    unread: list[str] = []
    for row in map(fields, shown):
        order_id = identifier(row.get("id"))
        if order_id is None:
            unread.append(described(row.get("id")))
            continue
        items.append(
            OnOrder(
                provider_order_id=order_id,
                provider_status=text(row.get("status")) or "",
                reference=text(row.get("customer_reference")),
                created_at=instant(row.get("created_at")),
                over=text(row.get("status")) in OVER,
            )
        )
    return OrdersPage(tuple(items), following, tuple(unread))


def page(
    api: Api, path: str, cursor: str | None, *params: tuple[str, str], size: int = PAGE_SIZE
) -> tuple[list[object], str | None]:
    """Read a page of a list, and return its rows and the cursor of the next page."""
    at = page_number(cursor)
    try:
        shown, more = api.page(path, at, *params, size=size)
    except BadRequestError as error:
        raise RefusedError(f"the list was refused: {error.detail}", code=error.code) from error
    return shown, str(at + 1) if more else None


def release(api: Api, value: str, kind: AssetKind) -> str:
    """Delete a number from the account, after looking up its record: its id there is not the one in its order."""
    number = e164(value)
    if kind is not AssetKind.NUMBER or number is None:
        raise NoSuchThingError("Telnyx has numbers only, in E.164")
    # "Non-numerical characters will result in no values being returned", and parts of numbers match (OpenAPI, phone numbers).
    digits = ("filter[phone_number]", number.removeprefix("+"))
    # Strict: a number that is taken for gone would still be billed.
    records = [row for row in api.pages("phone_numbers", digits, strict=True) if row.get("phone_number") == number]
    # A number may have been owned before, deleted, and bought again.
    record = next((row for row in records if row.get("status") not in _GIVEN_BACK | _NEVER_OURS), None)
    if record is None:
        if given_back := next((it for row in records if (it := text(row.get("status"))) in _GIVEN_BACK), None):
            return given_back
        raise NoSuchThingError("Telnyx has no such number in this account")
    if record.get("deletion_lock_enabled") is True:
        # It "prevents the phone number from being deleted via the API".
        raise RefusedError("its deletion lock is on; switch it off at Telnyx first")
    record_id = text(record.get("id"))
    if record_id is None:
        raise UnreadableError("a number without its id")
    deleted = api.write("DELETE", resource("phone_numbers", record_id))
    return text(deleted.get("status")) or "deleted"


def _owned(value: str, row: Fields) -> Owned:
    provider_status = text(row.get("status")) or ""
    return Owned(
        value=value,
        kind=AssetKind.NUMBER,
        provider_status=provider_status,
        provider_id=text(row.get("id")),
        country=text(row.get("country_iso_alpha2")),
        # As shown: in addition to our types there are `landline` and older values such as `longcode`.
        number_type=text(row.get("phone_number_type")),
        since=instant(row.get("purchased_at")),
        given_back=provider_status in _GIVEN_BACK,
    )
