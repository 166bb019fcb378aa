"""What an account owns and ordered at Telnyx, and giving it back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.listings import OnOrder, Owned
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import NoSuchThingError, OrdersPage, OwnedPage, RefusedError, UnreadableError
from numberdesk.providers.json_values import Fields, fields, identifier, instant, text
from numberdesk.providers.numbers import number, told
from numberdesk.providers.telnyx.api import PAGE_SIZE, resource
from numberdesk.providers.telnyx.faults import BadRequestError
from numberdesk.providers.telnyx.search import e164
from numberdesk.providers.telnyx.statuses import OVER

if TYPE_CHECKING:
    from numberdesk.providers.telnyx.api import Api

_OWNED_PAGE = 100
_CURSOR = re.compile("[1-9][0-9]{0,5}", re.ASCII)
# Words of `status` (OpenAPI, phone numbers): what was ours, and what never became so. Whether they are listed is not said.
_GIVEN_BACK = frozenset({"deleted", "ported-out"})
_NEVER_OURS = frozenset({"purchase-failed", "port-failed"})


def owned(api: Api, cursor: str | None) -> OwnedPage:
    """List the account's numbers, those bought first at the beginning, so that new ones move no page.

    Args:
        api: the account's calls.
        cursor: the page's number, from the page before; none is the first.

    Raises:
        RefusedError: the cursor is none of ours.
        UnreadableError, AccountFaultError, SlotBusyError: not read.
    """
    shown, following = _page(api, "phone_numbers", cursor, ("sort", "purchased_at"), size=_OWNED_PAGE)
    items: list[Owned] = []
    unread: list[str] = []
    for row in map(fields, shown):
        value = number(row.get("phone_number"), text(row.get("country_iso_alpha2")) or "")
        if text(row.get("status")) in _NEVER_OURS:
            continue
        if value is None:
            unread.append(told(row.get("phone_number")))
        else:
            items.append(_owned(value, row))
    return OwnedPage(tuple(items), following, tuple(unread))


def orders(api: Api, cursor: str | None) -> OrdersPage:
    """List the account's number orders, as Telnyx sorts them: it takes no wish. Arguments and errors are those of `owned`."""
    shown, following = _page(api, "number_orders", cursor)
    items: list[OnOrder] = []
    unread: list[str] = []
    for row in map(fields, shown):
        order_id = identifier(row.get("id"))
        if order_id is None:
            unread.append(told(row.get("id")))
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


def _page(
    api: Api, path: str, cursor: str | None, *params: tuple[str, str], size: int = PAGE_SIZE
) -> tuple[list[object], str | None]:
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise RefusedError("the cursor is none that was given out")
    page = int(cursor or 1)
    try:
        shown, more = api.page(path, page, *params, size=size)
    except BadRequestError as error:
        raise RefusedError(f"the list was refused: {error.detail}", code=error.code) from error
    return shown, str(page + 1) if more else None


def release(api: Api, value: str, kind: AssetKind) -> str:
    """Delete a number from the account, having looked for its record: the id that its order has for it is another.

    Returns:
        Telnyx's word for its status after that.

    Raises:
        NoSuchThingError: the account does not have it.
        RefusedError: its deletion lock is on, or it was not deleted otherwise.
        AccountFaultError, NotSentError, OutcomeUnknownError, UnreadableError, SlotBusyError: try again later; a repeat does no harm.
    """
    number = e164(value)
    if kind is not AssetKind.NUMBER or number is None:
        raise NoSuchThingError("Telnyx has numbers only, in E.164")
    # "Non-numerical characters will result in no values being returned", and parts of numbers match (OpenAPI, phone numbers).
    digits = ("filter[phone_number]", number.removeprefix("+"))
    # Money hangs on it that it is not there: a number that is taken for gone is paid for on.
    records = [row for row in api.pages("phone_numbers", digits, strict=True) if row.get("phone_number") == number]
    # A number may have been owned before, deleted, and bought again.
    record = next((row for row in records if row.get("status") not in _GIVEN_BACK | _NEVER_OURS), None)
    if record is None:
        for provider_status in (text(row.get("status")) for row in records):
            if provider_status in _GIVEN_BACK:
                return provider_status
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
        # As it is told: beside our types there are `landline` and older words such as `longcode`.
        number_type=text(row.get("phone_number_type")),
        since=instant(row.get("purchased_at")),
        given_back=provider_status in _GIVEN_BACK,
    )
