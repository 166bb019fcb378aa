"""CallFire REST 1.1: number and keyword orders.

An order is placed with one flat form (names: CallFire's `callfire-service.xsd`, annotations, and its Java client's tests) and read as
XML. 1.1 has no list of orders, no reference field and no way to cancel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Unpack
from urllib.parse import urlsplit

from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem
from numberdesk.domain.snapshot import AssetSeen
from numberdesk.domain.statuses import AssetKind, AssetState
from numberdesk.providers.base import (
    AccountFaultError,
    NotAbleError,
    OutcomeUnknownError,
    Placed,
    Plan,
    Provider,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.callfire import PROVIDER, leases, offers, reading, subscriptions, v2
from numberdesk.providers.callfire.errors import not_placed, not_read
from numberdesk.providers.callfire.region import region_fields
from numberdesk.providers.callfire.statuses import e164
from numberdesk.providers.callfire.xmldoc import first
from numberdesk.providers.created_id import created_id
from numberdesk.providers.http import BasicAuth, Http, HttpOptions, segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.listings import Offer, OnOrder, Owned, Registration
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import Snapshot
    from numberdesk.providers.base import Credentials, OrdersPage, OwnedPage, Query

_ORDERS = "/number/order"
_ORDER_ID = re.compile("[0-9]{1,20}", re.ASCII)
_V2_BASE_URL = "https://api.callfire.com/v2"
_CURRENCY = "USD"
_CURRENCY_CODE = re.compile("[A-Z]{3}", re.ASCII)

_COUNTS = {"local": "localCount", "toll_free": "tollFreeCount"}


def build(
    credentials: Credentials,
    clock: Clock,
    timings: Timings,
    **options: Unpack[HttpOptions],
) -> Provider:
    """Create the adapter of one account.

    Args:
        credentials: values `login` and `password` (generated API credentials, not the site's login); settings `v2_find` (false),
            `v2_base_url` (by default CallFire's own, if `base_url` is CallFire's too) and `currency` ("USD": CallFire's responses name
            none, and it sells American and Canadian numbers for credits that are bought in US dollars).
        clock: for pauses.
        timings: time-outs.
        **options: see `Http`.

    Raises:
        AccountFaultError: the account's secret is not usable.
    """
    auth = BasicAuth(credentials.value("login"), credentials.value("password"))
    v2_find, v2_base_url = credentials.settings.get("v2_find", False), credentials.settings.get("v2_base_url")
    if not isinstance(v2_find, bool):
        raise AccountFaultError("the setting v2_find must be true or false")
    if not isinstance(v2_base_url, str | None):
        raise AccountFaultError("the setting v2_base_url must be a URL")
    currency = credentials.settings.get("currency", _CURRENCY)
    if not isinstance(currency, str) or not _CURRENCY_CODE.fullmatch(currency):
        raise AccountFaultError("the setting currency must be three capital letters, such as USD")
    if v2_find and not v2_base_url and urlsplit(credentials.base_url).hostname not in PROVIDER.hosts:
        # A default must not send credentials for another host to CallFire.
        raise AccountFaultError("v2_find needs v2_base_url where base_url is not CallFire's own")

    http = Http(credentials.base_url, auth, clock, timings, accept="application/xml", **options)
    base_url_v2 = v2_base_url or _V2_BASE_URL
    http_v2 = Http(base_url_v2, auth, clock, timings, accept="application/json", **options) if v2_find else None
    return CallFire(http, http_v2, currency)


class CallFire(Provider):
    """One account; `currency` is that of all costs. Without a connection to v2 nothing can be found."""

    def __init__(self, http: Http, http_v2: Http | None, currency: str) -> None:
        self._http = http
        self._http_v2 = http_v2
        self._currency = currency
        self.can_find = http_v2 is not None

    def plan(
        self,
        message: OrderMessage,
        *,
        exclude: frozenset[str] = frozenset(),  # noqa: ARG002
        reuse: Sequence[Asset] = (),  # noqa: ARG002
    ) -> Plan:
        """Prepare the form. Reads nothing: CallFire leaves out what is not available, and the order shows that.

        Nothing is chosen before the purchase, so `exclude` and `reuse` have no effect.
        """
        form: dict[str, object] = {}
        chosen: list[AssetSeen] = []
        for item in message.items:
            part = _part(item)
            if form.keys() & part.keys():
                raise RefusedError("CallFire takes one item of each kind in one order")
            form |= part
            match item:
                case NumbersItem():
                    chosen += (_chosen(AssetKind.NUMBER, number) for number in item.numbers)
                case KeywordsItem():
                    chosen += (_chosen(AssetKind.KEYWORD, keyword) for keyword in item.keywords)
        return Plan(payload=form, chosen=tuple(chosen))

    def place(self, plan: Plan, reference: str) -> Placed:  # noqa: ARG002
        """Create the number order. The form has no field for our reference."""
        response = self._http.send_form("POST", _ORDERS, plan.payload)
        if not response.is_success:
            raise not_placed(response)
        order_id = created_id(response, _ORDER_ID, _ORDERS)
        if order_id is None:
            raise OutcomeUnknownError(f"HTTP {response.status_code} without an order id")
        return Placed(order_id)

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002
        """Search v2's list of orders by time and content, if the account may use v2."""
        try:
            return v2.find(self._http_v2, order) if self._http_v2 else []
        except v2.NoV2Error:
            self._http_v2, self.can_find = None, False
            return []

    def observe(self, order: Order) -> Snapshot:
        """Read the order in one call.

        A fulfilled item's upfront cost is its group's UnitCost: a float of `NumberOrderItem` that the schema does not explain. It is
        probably per piece, as the example in CallFire's Java client adds up; its currency is a setting. Monthly costs are not shown
        anywhere.
        """
        order_id = order.provider_order_id or ""
        response = self._http.read(f"{_ORDERS}/{segment(order_id)}")
        if not response.is_success:
            raise not_read(response)
        shown = first(response, "NumberOrder")
        if shown is None or shown.get("id", order_id).strip() != order_id:
            raise UnreadableError(f"HTTP {response.status_code} that does not show the order")
        return reading.snapshot(order, shown, self._currency)

    def search_numbers(self, query: Query) -> list[Offer]:
        return offers.search_numbers(self._http, query)

    def search_keywords(self, query: Query) -> list[Offer]:
        return offers.search_keywords(self._http, query)

    def search_regions(self, query: Query) -> list[Offer]:
        return offers.search_regions(self._http, query)

    def owned(self, cursor: str | None) -> OwnedPage:
        """List the account's numbers, then its keywords."""
        return leases.owned(self._http, cursor)

    def orders(self, cursor: str | None) -> OrdersPage:
        """List the account's orders by v2; 1.1 has no list."""
        if self._http_v2 is None:
            raise NotAbleError("only v2 lists orders, and this account's settings leave it out (v2_find)")
        try:
            return v2.orders(self._http_v2, cursor)
        except v2.NoV2Error as error:
            raise NotAbleError(error.detail) from error

    def release(self, value: str, kind: AssetKind) -> str:
        """Stop a lease from renewing. A number or keyword cannot be bought again for a month after it ends."""
        return leases.release(self._http, value, kind)

    def candidates(self, order: Order) -> list[OnOrder | Owned]:
        """List the orders and leases that the last attempt may have created: 1.1 echoes no reference."""
        orders = v2.candidates(self._http_v2, order) if self._http_v2 else []
        return [*orders, *leases.candidates(self._http, order)]

    def registrations(self) -> list[Registration]:
        return subscriptions.registrations(self._http)

    def register(self, url: str, event: str | None) -> Registration:
        """Subscribe to a trigger event; no documented one is about number orders."""
        return subscriptions.register(self._http, url, event)

    def unregister(self, registration_id: str) -> None:
        subscriptions.unregister(self._http, registration_id)

    def what_to_look_for(self, order: Order) -> str:
        content = "; ".join(_described(order))
        since = f", created after {order.attempt.began_at:%Y-%m-%d %H:%M:%S} UTC" if order.attempt else ""
        return (
            f"Look in CallFire's number orders for one of exactly {content}{since}; nothing on it names this order. Leases of "
            "this sort that began since and that no order holds are named as candidates."
        )


def _part(item: NumbersItem | CriteriaItem | KeywordsItem) -> dict[str, str]:
    """Return one item as form fields.

    Raises:
        RefusedError: CallFire does not sell it.
    """
    match item:
        case NumbersItem():
            if not all(map(e164, item.numbers)):
                raise RefusedError("CallFire takes US and Canadian numbers only: +1 and ten digits")
            # "List E.164 11 digit numbers space seperated" (CallFire docs: order new numbers), without a plus.
            return {"Numbers": " ".join(number.removeprefix("+") for number in item.numbers)}
        case KeywordsItem():
            return {"Keywords": " ".join(item.keywords)}
        case CriteriaItem():
            # The flattened region applies to the local numbers.
            region = region_fields(item.criteria)
            return {_COUNTS[item.criteria.number_type]: str(item.quantity), **region}


def _chosen(kind: AssetKind, value: str) -> AssetSeen:
    return AssetSeen(kind=kind, value=value, state=AssetState.PENDING, provider_status="chosen")


def _described(order: Order) -> Iterator[str]:
    for item in order.request.items:
        match item:
            case NumbersItem():
                yield f"the numbers {', '.join(item.numbers)}"
            case KeywordsItem():
                yield f"the keywords {', '.join(item.keywords)}"
            case CriteriaItem():
                yield f"{item.quantity} {item.criteria.number_type.replace('_', '-')} numbers"
