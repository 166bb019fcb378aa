"""CallFire REST 1.1: number and keyword orders, in our words.

Placing is one flat form (names: CallFire's `callfire-service.xsd`, annotations, and its Java client's tests); reading is
XML by namespace. 1.1 has neither a list of orders nor a reference of ours nor a way to cancel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

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
from numberdesk.providers.callfire.faults import not_placed, not_read
from numberdesk.providers.callfire.region import region_fields
from numberdesk.providers.callfire.statuses import e164
from numberdesk.providers.callfire.xmldoc import DATA, parse
from numberdesk.providers.created_id import created_id
from numberdesk.providers.http import BasicAuth, Http, segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.listings import Offer, OnOrder, Owned, Registration
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import Snapshot
    from numberdesk.providers.base import Credentials, OrdersPage, OwnedPage, Query
    from numberdesk.providers.http import Transport

_ORDERS = "/number/order"
_ORDER_ID = re.compile("[0-9]{1,20}", re.ASCII)
_V2_BASE_URL = "https://api.callfire.com/v2"
_FORM = "application/x-www-form-urlencoded"
_CURRENCY = "USD"
_CURRENCY_CODE = re.compile("[A-Z]{3}", re.ASCII)

_COUNTS = {"local": "localCount", "toll_free": "tollFreeCount"}


def build(
    credentials: Credentials,
    clock: Clock,
    timings: Timings,
    *,
    before_call: Callable[[], None] = lambda: None,
    throttled: Callable[[timedelta | None], None] = lambda _: None,
    transport: Transport | None = None,
) -> Provider:
    """Make the adapter of one account.

    Args:
        credentials: values `login` and `password` (generated API credentials, not the site's login); settings
            `v2_find` (false), `v2_base_url` (CallFire's own, where `base_url` is, too) and `currency` ("USD": CallFire's
            answers name none, and it sells American and Canadian numbers from credits that are bought in US dollars).
        clock: for pauses.
        timings: time-outs.
        before_call: called before every call.
        throttled: told of every 429.
        transport: for tests.

    Raises:
        AccountFaultError: the account's secret cannot be used as it is.
    """
    auth = BasicAuth(credentials.value("login"), credentials.value("password"))
    v2_find, v2_base_url = credentials.settings.get("v2_find", False), credentials.settings.get("v2_base_url")
    if not isinstance(v2_find, bool):
        raise AccountFaultError("the setting v2_find must be true or false")
    if not isinstance(v2_base_url, str | None):
        raise AccountFaultError("the setting v2_base_url must be a URL")
    currency = credentials.settings.get("currency", _CURRENCY)
    if not isinstance(currency, str) or not _CURRENCY_CODE.fullmatch(currency):
        raise AccountFaultError("the setting currency must be three capitals, such as USD")
    if v2_find and not v2_base_url and urlsplit(credentials.base_url).hostname not in PROVIDER.hosts:
        # Credentials for somewhere else must not wander to CallFire by a default.
        raise AccountFaultError("v2_find needs v2_base_url where base_url is not CallFire's own")

    def connect(base_url: str, accept: str) -> Http:
        return Http(
            base_url,
            auth,
            clock,
            accept=accept,
            connect_timeout=timings.connect_timeout,
            read_timeout=timings.read_timeout,
            before_call=before_call,
            throttled=throttled,
            transport=transport,
        )

    http_v2 = connect(v2_base_url or _V2_BASE_URL, "application/json") if v2_find else None
    return CallFire(connect(credentials.base_url, "application/xml"), http_v2, currency)


class CallFire(Provider):
    """Number orders of one account."""

    def __init__(self, http: Http, http_v2: Http | None, currency: str) -> None:
        """Keep the connections, and the currency of all costs; without a connection to v2 nothing can be found."""
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
        """Write the form. Reads nothing: what is not available is left out by CallFire and shows in the order.

        Nothing is chosen before the purchase, so that nothing is frozen: what was named is named again anyway.

        Raises:
            RefusedError: something that CallFire cannot be asked for.
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
        """Create the number order: one call, never repeated. No field of it could carry our reference.

        Raises:
            RefusedError, AccountFaultError, NotSentError: nothing was bought.
            OutcomeUnknownError: something may have been bought.
        """
        content = urlencode(plan.payload).encode()
        response = self._http.send_once("POST", _ORDERS, content=content, content_type=_FORM)
        if not response.is_success:
            raise not_placed(response)
        order_id = created_id(response, _ORDER_ID, _ORDERS)
        if order_id is None:
            raise OutcomeUnknownError(f"HTTP {response.status_code} without an order id")
        return Placed(order_id)

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002
        """Look through v2's list of orders for those of the right time and content, where the account allows it.

        An account that v2 turns away is one of those for which nobody can search.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not read; says nothing.
        """
        try:
            return v2.find(self._http_v2, order) if self._http_v2 else []
        except v2.NoV2Error:
            self._http_v2, self.can_find = None, False
            return []

    def observe(self, order: Order) -> Snapshot:
        """Read the order as it is now: one call.

        What was fulfilled costs its group's UnitCost, as upfront cost: a float of `NumberOrderItem` that the schema does not
        explain. Not known are what it is per (a piece, as the example in CallFire's Java client adds up; surely not whether
        for good or for the first month) and its currency, which is a setting. What a month costs is told nowhere.

        Raises:
            UnreadableError, NoSuchOrderError, AccountFaultError, SlotBusyError: nothing was seen.
        """
        order_id = order.provider_order_id or ""
        response = self._http.read(f"{_ORDERS}/{segment(order_id)}")
        if not response.is_success:
            raise not_read(response)
        try:
            shown = next(parse(response.content).iter(f"{DATA}NumberOrder"), None)
        except ValueError:
            shown = None
        if shown is None or shown.get("id", order_id).strip() != order_id:
            raise UnreadableError(f"HTTP {response.status_code} that does not show the order")
        return reading.snapshot(order, shown, self._currency)

    def search_numbers(self, query: Query) -> list[Offer]:
        """Search for numbers: one call. Raises as `Market.search_numbers` does."""
        return offers.search_numbers(self._http, query)

    def search_keywords(self, query: Query) -> list[Offer]:
        """Say which of some keywords can be had: one call. Raises as `Market.search_keywords` does."""
        return offers.search_keywords(self._http, query)

    def search_regions(self, query: Query) -> list[Offer]:
        """Search for regions: one call. Raises as `Market.search_regions` does."""
        return offers.search_regions(self._http, query)

    def owned(self, cursor: str | None) -> OwnedPage:
        """List the account's numbers, then its keywords; one call a page. Raises as `Market.owned` does."""
        return leases.owned(self._http, cursor)

    def orders(self, cursor: str | None) -> OrdersPage:
        """List the account's orders by v2, a page at a time.

        Raises:
            NotAbleError: this account's settings leave v2 out, or it is not open to it, and 1.1 has no list.
            RefusedError: the cursor is none of ours.
            AccountFaultError, UnreadableError, SlotBusyError: not read.
        """
        if self._http_v2 is None:
            raise NotAbleError("only v2 lists its orders, and this account's settings leave it out (v2_find)")
        try:
            return v2.orders(self._http_v2, cursor)
        except v2.NoV2Error as error:
            raise NotAbleError(error.detail) from error

    def release(self, value: str, kind: AssetKind) -> str:
        """Stop a lease from renewing; a keyword or number cannot be bought again for a month after it ends.

        Raises as `Market.release` does.
        """
        return leases.release(self._http, value, kind)

    def candidates(self, order: Order) -> list[OnOrder | Owned]:
        """Name the orders and leases that the last attempt may have brought: 1.1 echoes nothing of ours.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not read.
        """
        orders = v2.candidates(self._http_v2, order) if self._http_v2 else []
        return [*orders, *leases.candidates(self._http, order)]

    def registrations(self) -> list[Registration]:
        """List the account's subscriptions, whoever made them. Raises as `Market.registrations` does."""
        return subscriptions.registrations(self._http)

    def register(self, url: str, event: str | None) -> Registration:
        """Subscribe to a trigger event; none of those documented is about number orders. Raises as `Market.register` does."""
        return subscriptions.register(self._http, url, event)

    def unregister(self, registration_id: str) -> None:
        """Delete a subscription. Raises as `Market.unregister` does."""
        subscriptions.unregister(self._http, registration_id)

    def what_to_look_for(self, order: Order) -> str:
        """Tell a person how to find a purchase with an unknown outcome in CallFire's own pages."""
        content = "; ".join(_described(order))
        since = f", created after {order.attempt.began_at:%Y-%m-%d %H:%M:%S} UTC" if order.attempt else ""
        return (
            f"Look in CallFire's number orders for one of exactly {content}{since}; nothing on it names this order. Leases of "
            "this sort that began since and that no order holds are named as candidates."
        )


def _part(item: NumbersItem | CriteriaItem | KeywordsItem) -> dict[str, str]:
    """Write one item as form fields.

    Raises:
        RefusedError: CallFire cannot be asked for it.
    """
    match item:
        case NumbersItem():
            if not all(map(e164, item.numbers)):
                raise RefusedError("CallFire takes US and Canadian numbers only: +1 and ten digits")
            # "List E.164 11 digit numbers space seperated" (CallFire docs: order new numbers); no plus.
            return {"Numbers": " ".join(number.removeprefix("+") for number in item.numbers)}
        case KeywordsItem():
            return {"Keywords": " ".join(item.keywords)}
        case CriteriaItem():
            # The region, flattened, applies to the local bulk.
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
