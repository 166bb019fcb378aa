"""TeleSign Phone Numbers API: direct orders.

TeleSign documents the responses of direct orders but not the request's parameters. The form uses the names in those responses, and
`sms_capable` and `voice_capable` from the same API's search. What no source states is a setting: `field_names`, `number_types`,
`path`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Unpack
from urllib.parse import urlencode

from numberdesk.domain.request import CriteriaItem, Partial
from numberdesk.domain.statuses import AssetKind, Phase
from numberdesk.domain.text import harmless
from numberdesk.providers.base import (
    CLOCK_SKEW,
    AccountFaultError,
    NoSuchOrderError,
    NoSuchThingError,
    NotPermittedError,
    OrdersPage,
    OutcomeUnknownError,
    Placed,
    Plan,
    Provider,
    RefusedError,
    UnreadableError,
    page_number,
)
from numberdesk.providers.created_id import created_id
from numberdesk.providers.http import BasicAuth, Http, HttpOptions, fields_of, segment
from numberdesk.providers.json_values import identifier, text
from numberdesk.providers.telesign import direct_orders, leases, responses
from numberdesk.providers.telesign.auth import Digest
from numberdesk.providers.telesign.statuses import meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.listings import Offer, OnOrder, Owned
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import Snapshot
    from numberdesk.providers.base import Credentials, OwnedPage, Query
    from numberdesk.providers.json_values import Fields

_PATH = "/v1/phone_numbers/direct_orders"
_CANCELLABLE = "accepted"
# As the page "create a direct order" has it; the digest signs it literally.
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
# Opaque: what looks like a UUID in the examples is not one.
_ORDER_ID = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{7,127}", re.ASCII)
_PAGE_SIZE = 100
_MAX_PAGES = 20
_FIELD_NAMES = {
    name: name
    for name in (
        "country_iso2",
        "quantity",
        "number_type",
        "sms_capable",
        "voice_capable",
        "number_pattern",
        "pattern_method",
        "partial_order_match",
        "city",
        "email",
        "contact_name",
        "use_case",
        "description",
    )
}
# `mobile` and `local` occur in TeleSign's examples; its spelling of toll-free is not published.
_NUMBER_TYPES = {"local": "local", "mobile": "mobile", "toll_free": "toll_free"}


def build(
    credentials: Credentials,
    clock: Clock,
    timings: Timings,
    **options: Unpack[HttpOptions],
) -> Provider:
    """Create the adapter of one account.

    Args:
        credentials: values `customer_id` and `api_key`; settings `auth` ("basic" or "digest"), `path`,
            `reference_in_description` (true), `field_names` and `number_types` (our name to TeleSign's).
        clock: for pauses, and for the digest's date.
        timings: time-outs.
        **options: see `Http`.

    Raises:
        AccountFaultError: the account's secret is not usable.
    """
    customer_id, api_key = credentials.value("customer_id"), credentials.value("api_key")
    settings = credentials.settings
    auth = settings.get("auth", "basic")
    if auth not in ("basic", "digest"):
        raise AccountFaultError('the setting auth must be "basic" or "digest"')
    path = settings.get("path", _PATH)
    if not isinstance(path, str) or not path.startswith("/"):
        raise AccountFaultError("the setting path must be a path that begins with /")
    reference_in_description = settings.get("reference_in_description", True)
    if not isinstance(reference_in_description, bool):
        raise AccountFaultError("the setting reference_in_description must be true or false")
    http = Http(
        credentials.base_url,
        Digest(customer_id, api_key, clock) if auth == "digest" else BasicAuth(customer_id, api_key),
        clock,
        timings,
        accept="application/json",
        **options,
    )
    return TeleSign(
        http,
        path=path.rstrip("/"),
        reference_in_description=reference_in_description,
        field_names=_renamed(settings, "field_names", _FIELD_NAMES),
        number_types=_renamed(settings, "number_types", _NUMBER_TYPES),
    )


def _renamed(settings: Mapping[str, object], name: str, known: Mapping[str, str]) -> dict[str, str]:
    given = settings.get(name, {})
    if not isinstance(given, dict) or not all(key in known and text(value) for key, value in given.items()):
        raise AccountFaultError(f"the setting {name} must map some of these to TeleSign's names: {', '.join(known)}")
    return {**known, **given}


class TeleSign(Provider):
    def __init__(
        self,
        http: Http,
        *,
        path: str,
        reference_in_description: bool,
        field_names: Mapping[str, str],
        number_types: Mapping[str, str],
    ) -> None:
        self._http = http
        self._path = path
        self._reference_in_description = reference_in_description
        # Without our reference, a description cannot distinguish two equal orders.
        self.can_find = reference_in_description
        self._field_names = field_names
        self._number_types = number_types

    def plan(
        self,
        message: OrderMessage,
        *,
        exclude: frozenset[str] = frozenset(),  # noqa: ARG002
        reuse: Sequence[Asset] = (),  # noqa: ARG002
    ) -> Plan:
        """Prepare the form, by our names for its fields and without the reference. Reads and chooses nothing: TeleSign searches."""
        match message.items:
            case [CriteriaItem() as item]:
                criteria = item.criteria
            case _:
                raise RefusedError("TeleSign takes exactly one criteria item in one order")
        form: dict[str, object] = {
            "country_iso2": criteria.country,
            "quantity": str(item.quantity),
            "number_type": self._number_types.get(criteria.number_type, criteria.number_type),
        }
        form |= {f"{feature}_capable": "true" for feature in criteria.features}
        if criteria.prefix:
            form |= {"number_pattern": criteria.prefix, "pattern_method": "prefix"}
        # Always sent: the default is documented for the service, not for each account.
        form["partial_order_match"] = "true" if message.partial is Partial.ACCEPT else "false"
        cities = [city for city in (criteria.city, *(criteria.cities or ())) if city]
        if cities:
            form["city"] = list(dict.fromkeys(cities))
        form |= message.contact.model_dump(exclude_none=True)
        return Plan(payload=form)

    def place(self, plan: Plan, reference: str) -> Placed:
        """Create the direct order."""
        form = dict(plan.payload)
        if self._reference_in_description:
            form["description"] = f"{form.get('description', '')} {direct_orders.mark(reference)}".strip()
        content = urlencode({self._field_names[name]: value for name, value in form.items()}, doseq=True)
        response = self._http.send_once("POST", self._path, content=content.encode(), content_type=_FORM)
        if not response.is_success:
            raise responses.not_placed(response)
        orders = direct_orders.shown_in(fields_of(response))
        [shown] = orders if len(orders) == 1 else [{}]
        order_id = identifier(shown.get("order_id")) or created_id(response, _ORDER_ID, self._path)
        if order_id is None:
            raise OutcomeUnknownError(f"HTTP {response.status_code} without an order id")
        return Placed(order_id, text(shown.get("status")))

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002
        """List the account's orders and compare descriptions with our reference; matches come oldest first.

        A match is proof, absence is not. No source documents a filter or the list's order: of more than 20 pages, the first and last ten
        are read.
        """
        found: dict[str, tuple[datetime, Placed]] = {}
        unread = False
        for shown in self._both_ends():
            order_id, description = identifier(shown.get("order_id")), shown.get("description")
            if order_id is None:
                unread |= not isinstance(description, str) or direct_orders.mark(order.reference) in description
            elif isinstance(description, str) and direct_orders.mark(order.reference) in description:
                accepted_at = responses.date(shown.get("order_accepted_date")) or datetime.max.replace(tzinfo=UTC)
                found[order_id] = (accepted_at, direct_orders.placed(order_id, text(shown.get("status"))))
        if unread and not found:
            raise UnreadableError("a list with an order that cannot be read")
        return [placed for _, placed in sorted(found.values(), key=lambda match: match[0])]

    def candidates(self, order: Order) -> list[OnOrder | Owned]:
        """List the orders since the last attempt whose description the list does not show."""
        if order.attempt is None or not self.can_find:
            return []
        began_at = order.attempt.began_at - CLOCK_SKEW
        unclear = [shown for shown in self._both_ends() if not isinstance(shown.get("description"), str)]
        seen = [direct_orders.on_order(shown) for shown in unclear]
        return [each for each in seen if each.created_at is None or each.created_at >= began_at]

    def _both_ends(self) -> Iterator[Fields]:
        """Yield the orders of the list; of more than 20 pages, those of the first and last ten."""
        first = self._list(1)
        yield from direct_orders.shown_in(first)
        last_page = responses.total_pages(first)
        half = _MAX_PAGES // 2
        pages = {*range(2, min(last_page, half) + 1), *range(max(2, last_page - half + 1), last_page + 1)}
        for page in sorted(pages):
            yield from direct_orders.shown_in(self._list(page))

    def observe(self, order: Order) -> Snapshot:
        """Read the order in one call. Only the leases show what its numbers cost (see `owned`)."""
        return direct_orders.snapshot(order, self._read(order), self._number_types)

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        """Cancel the order, which TeleSign does only while it is `accepted`.

        A second try after a success is refused too, so the order is read to distinguish the two.
        """
        if sub_order_id is not None:
            raise RefusedError("TeleSign's orders have no sub orders; cancel the order")
        response = self._http.send_once("DELETE", self._path_of(order))
        refusal = None if response.is_success else responses.not_done(response)
        if refusal is None:
            # A list of one, with `status` (TeleSign docs: cancel a direct order).
            statuses = [text(shown.get("status")) for shown in direct_orders.of_order(order, fields_of(response))]
            if len(statuses) == 1 and statuses[0]:
                return statuses[0]
        # How TeleSign refuses a cancellation is not published; it may be a 403. If the account itself is refused, so is the read.
        elif not (
            isinstance(refusal, RefusedError) or (isinstance(refusal, AccountFaultError) and not refusal.throttled)
        ):
            raise refusal
        try:
            provider_status = text(self._read(order).get("status")) or ""
        except NoSuchOrderError as error:
            raise RefusedError("TeleSign has no such order", code=error.code) from None
        except UnreadableError as error:
            raise OutcomeUnknownError(f"its outcome is unknown: {error.detail}", code=error.code) from error
        if refusal is None or meaning(provider_status)[0] is Phase.CANCELLED:
            return provider_status
        if isinstance(refusal, AccountFaultError) and provider_status == _CANCELLABLE:
            raise NotPermittedError(refusal.detail, code=refusal.code)
        now = f"; it is {harmless(provider_status)}" if meaning(provider_status)[0] is not Phase.UNKNOWN else ""
        raise RefusedError(f"it can be cancelled only while accepted{now}", code=refusal.code)

    def search_numbers(self, query: Query) -> list[Offer]:
        """Search by country and features, the only criteria that TeleSign's search has."""
        return leases.search_numbers(self._http, query)

    def owned(self, cursor: str | None) -> OwnedPage:
        """List the account's leases; the cursor is the next page's number."""
        return leases.owned(self._http, cursor, self._number_types)

    def orders(self, cursor: str | None) -> OrdersPage:
        """List the account's direct orders; the cursor is the next page's number."""
        page = page_number(cursor)
        body = self._list(page)
        shown = direct_orders.shown_in(body)
        read = [direct_orders.on_order(each) for each in shown if identifier(each.get("order_id"))]
        unread = ["an order without its id"] * (len(shown) - len(read))
        return OrdersPage(tuple(read), responses.next_page(page, body), tuple(unread))

    def release(self, value: str, kind: AssetKind) -> str:
        if kind is not AssetKind.NUMBER:
            raise NoSuchThingError("TeleSign has no keywords")
        return leases.release(self._http, value)

    def what_to_look_for(self, order: Order) -> str:
        sort = "".join(
            f"{item.quantity} {item.criteria.number_type.replace('_', '-')} numbers in {item.criteria.country}"
            for item in order.request.items
            if isinstance(item, CriteriaItem)
        )
        since = f" accepted after {order.attempt.began_at:%Y-%m-%d %H:%M:%S} UTC" if order.attempt else ""
        mark = (
            f", whose description holds {direct_orders.mark(order.reference)}" if self._reference_in_description else ""
        )
        return f"Look in TeleSign's list of direct orders for one of {sort}{since}{mark}."

    def _path_of(self, order: Order) -> str:
        return f"{self._path}/{segment(order.provider_order_id or '')}"

    def _read(self, order: Order) -> Fields:
        response = self._http.read(self._path_of(order))
        if not response.is_success:
            raise responses.not_read(response)
        orders = direct_orders.of_order(order, fields_of(response))
        if len(orders) != 1:
            raise UnreadableError(f"HTTP {response.status_code} that does not show the order")
        return orders[0]

    def _list(self, page: int) -> Fields:
        response = self._http.read(self._path, params=[("page", str(page)), ("page_size", str(_PAGE_SIZE))])
        if response.is_success:
            body = fields_of(response)
            if isinstance(body.get("data"), dict | list):
                return body
        elif not isinstance(fault := responses.not_read(response), NoSuchOrderError):
            raise fault
        raise UnreadableError(f"HTTP {response.status_code} without a list of orders")
