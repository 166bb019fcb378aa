"""CallFire simulator: REST 1.1 number orders in XML (and .json), searches, what is owned, subscriptions, and v2's GET /orders.

Chosen here where no source says it: a create answers 201, 429 is "Rate Limit Reached", what cannot be had is left out
of ``Fulfilled`` and the order still ends FINISHED, the regions are the cities of ``inventory.AREAS``, what is owned can
call and text, a lease of 30 days that renews itself, what releasing shows (RELEASED and no renewal until the lease ends;
setting ``released_status``) and answers for what is not there (404), a subscription's RequestId is erased with it (setting ``request_ids_outlive``), and the order postback
(our own guess at its shape: the WSDL recommends a postback and names no trigger for it, so that no subscription brings one).

Live (setting ``live``): JSON for whoever says nothing of what he takes; v2 shows no groups of an order that waits for
payment; releasing wants ``Number``, as the schema has it: of a keyword the short code that it is on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from defusedxml.ElementTree import fromstring
from flask import Response, g, request

from local.simulators.base import RefusalError, Settings, Simulator, control, iso_z, json_response
from local.simulators.inventory import AREAS, Inventory, Stock, Wanted
from local.simulators.outbox import Delivery, Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sized
    from xml.etree.ElementTree import Element

    from local.simulators.clock import Clock

DATA = "http://api.callfire.com/data"
RESOURCE = "http://api.callfire.com/resource"
NOTIFICATION = "http://api.callfire.com/notification/xsd"
# Which prefix stands for which namespace; clients have to read names by namespace, so all of these mean the same.
PREFIXES: dict[str, dict[str, str]] = {
    "vendor": {DATA: "", RESOURCE: "r", NOTIFICATION: "n"},
    "swapped": {DATA: "d", RESOURCE: "", NOTIFICATION: "note"},
    "numbered": {DATA: "ns2", RESOURCE: "ns3", NOTIFICATION: "ns4"},
}
REGION_FIELDS = (
    "Prefix", "City", "State", "Zipcode", "Country", "Lata", "RateCenter", "Latitude", "Longitude", "TimeZone",
)  # fmt: skip
ORDER_FIELDS = frozenset({"Numbers", "Keywords", "localCount", "tollFreeCount", *REGION_FIELDS})
TOLL_FREE = re.compile(r"1(800|888|877|866|855|844|833)")
GROUPS = ("LocalNumbers", "TollFreeNumbers", "Keywords")
UNFINISHED = frozenset({"NEW", "PROCESSING"})
GIVING = frozenset({"FINISHED", "ADJUSTED", "PARTIALLY_ADJUSTED"})
"""Words that end an order with what was to be had; the meanings are not the vendor's, who defines none."""
ENDING = GIVING | {"ERRORED", "VOID", "REJECTED", "PAYMENT_ERROR", "ACH_ERROR"}
TRIGGER_EVENTS = frozenset(
    {
        "UNDEFINED_EVENT",
        *(f"{way}_{what}_FINISHED" for way in ("INBOUND", "OUTBOUND") for what in ("CALL", "TEXT")),
        *(f"CAMPAIGN_{what}" for what in ("STARTED", "STOPPED", "FINISHED")),
    }
)
LEASE = timedelta(days=30)
SHORT_CODE = "67076"
"""All keywords are on this one; it is nobody's number."""
NOTATIONS: dict[str, tuple[str, str]] = {
    "eleven": ("1{area}{rest}", " "),
    "ten": ("{area}{rest}", " "),
    "plus": ("+1{area}{rest}", " "),
    "hyphens": ("1-{area}-{exchange}-{line}", " "),
    "commas": ("1{area}{rest}", ","),
    "elements": ("1{area}{rest}", " "),
}
"""How a number is written, and what stands between two."""
NOTIFICATION_FORMATS = ("XML", "JSON", "SOAP", "EMAIL", "LEGACY")
SUBSCRIPTION_FILTERS = ("BroadcastId", "BatchId", "FromNumber", "ToNumber", "Inbound")
SUBSCRIPTION_FIELDS = frozenset(
    {"RequestId", "Enabled", "NonStrictSsl", "Endpoint", "NotificationFormat", "TriggerEvent", *SUBSCRIPTION_FILTERS}
)


@dataclass
class CallFireSettings(Settings):
    """All times in seconds from the order's creation. Changed by ``configure``."""

    processing_seconds: float = 1
    finish_seconds: float = 4
    pace_seconds: float = 1
    """Order reads closer together than this are too fast: "no more than once per second"."""
    refuse_too_fast: bool = False
    """429 for those that are; they are counted in ``too_fast`` anyway."""
    prefixes: str = "vendor"
    """How XML namespaces are spelled: vendor, swapped or numbered."""
    with_tax: bool = False
    """The newest page's Summary, SalesTax and Total elements."""
    v2_enabled: bool = True
    v2_lag_seconds: float = 0
    """A new order is not in v2's list for this long."""
    v2_ordered_is_bought: bool = False
    """v2's ``ordered`` counts what was bought, as its text says, and not what was asked for."""
    postback_format: str = "XML"
    local_cost: float = 1.0
    toll_free_cost: float = 1.0
    keyword_cost: float = 1.0
    """UnitCost of orders made from now on."""
    released_status: str = "RELEASED"
    """The status of what was released, until its lease ends."""
    block_status: int = 403
    notation: str = "eleven"
    """How 1.1 and v2 write numbers that were got: a key of ``NOTATIONS``, or ``elements`` (one element for each)."""
    nothing_found: int = 200
    """The status of a search that finds nothing: 200 with an empty list, or an error with words for it."""
    ignores_filters: bool = False
    """A search gives numbers of anywhere."""
    keeps_keywords: bool = False
    """Releasing a keyword is taken, and the keyword goes on renewing."""
    request_ids_outlive: bool = False
    """A RequestId names its subscription even after that was deleted, and no new one is made."""


@dataclass
class Item:
    """One group of an order: how many were ordered, and what was delivered."""

    ordered: int
    unit_cost: float
    fulfilled: list[str] = field(default_factory=list)


@dataclass
class NumberOrder:
    id: int
    account: str
    created_at: datetime
    form: dict[str, str]
    numbers: list[str]
    keywords: list[str]
    local_count: int
    toll_free_count: int
    status: str = "NEW"
    forced: bool = False
    items: dict[str, Item] = field(default_factory=dict)

    def total(self) -> float:
        return sum(item.unit_cost * len(item.fulfilled) for item in self.items.values())

    def is_named(self, name: str) -> bool:
        return name in ("*", str(self.id)) or name in self.numbers or name in self.keywords


@dataclass(frozen=True)
class Owned:
    """A number or keyword that the account leases."""

    account: str
    name: str
    begun_at: datetime
    released_at: datetime | None = None

    def ends_at(self, now: datetime) -> datetime:
        """Return the end of the lease: of the month in which it was released, otherwise of the current one."""
        months = ((self.released_at or now) - self.begun_at) // LEASE + 1
        return self.begun_at + months * LEASE


@dataclass(frozen=True)
class Subscription:
    """A subscription to one trigger event."""

    id: int
    account: str
    form: dict[str, str]


@dataclass(frozen=True)
class Ending:
    """How matching orders end."""

    order: str
    status: str
    with_items: bool


@dataclass(frozen=True)
class PostbackScript:
    order: str
    copies: int
    delay_seconds: float
    off: bool


@dataclass(frozen=True)
class Xml:
    """Writes elements of a namespace with the prefixes of one style."""

    prefixes: dict[str, str]

    def element(self, namespace: str, name: str, content: str, **attributes: Any) -> str:
        prefix = self.prefixes[namespace]
        tag = f"{prefix}:{name}" if prefix else name
        spelled = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
        return f"<{tag}{spelled}>{content}</{tag}>"

    def text(self, namespace: str, name: str, value: object) -> str:
        return self.element(namespace, name, escape(str(value)))

    def document(self, namespace: str, name: str, content: str, **attributes: Any) -> str:
        declared = {f"xmlns:{p}" if p else "xmlns": uri for uri, p in self.prefixes.items()}
        root = self.element(namespace, name, content, **declared, **attributes)
        return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'


class CallFireSimulator(Simulator):
    """``CallFireSimulator().app``. Credentials: ``allow(login, password, account=...)``.

    Operations for faults and the request log: create_order, get_order, search, search_keywords, search_regions,
    list_numbers, get_number, list_keywords, release, create_subscription, list_subscriptions, get_subscription,
    delete_subscription, v2_list_orders, v2_get_order.
    """

    name = "callfire"

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 1,
        login: str = "callfire-login",
        password: str = "callfire-password",
        postback_urls: Iterable[str] = (),
    ) -> None:
        self.settings = CallFireSettings()
        super().__init__(self.settings, clock, seed)
        self.inventory = Inventory(seed)
        self._orders: dict[int, NumberOrder] = {}
        self._numbers: dict[str, Owned] = {}
        self._keywords: dict[str, Owned] = {}
        self._taken_keywords: set[str] = set()
        self._subscriptions: dict[int, Subscription] = {}
        self._request_ids: dict[tuple[str, str], int] = {}
        self._subscription_id = 135
        self._limits: dict[str, int] = {}
        self._read_at: dict[str, datetime] = {}
        self._too_fast = 0
        self._urls = list(postback_urls)
        self._endings: list[Ending] = []
        self._scripts: list[PostbackScript] = []
        self.allow(login, password)
        base = "/api/1.1/rest/number"
        for suffix in ("", ".json"):
            self._route("POST", f"{base}/order{suffix}", "create_order", self._create_order)
            self._route("GET", f"{base}/order/<int:order_id>{suffix}", "get_order", self._get_order)
        self._route("GET", f"{base}/search", "search", self._search)
        self._route("GET", f"{base}/regions", "search_regions", self._search_regions)
        self._route("GET", f"{base}/keyword/search", "search_keywords", self._search_keywords)
        self._route("GET", f"{base}/keyword", "list_keywords", self._list_keywords)
        self._route("GET", base, "list_numbers", self._list_numbers)
        self._route("PUT", f"{base}/release", "release", self._release)
        self._route("GET", f"{base}/<number>", "get_number", self._get_number)
        subscriptions = "/api/1.1/rest/subscription"
        one = f"{subscriptions}/<int:subscription_id>"
        self._route("POST", subscriptions, "create_subscription", self._create_subscription)
        self._route("GET", subscriptions, "list_subscriptions", self._list_subscriptions)
        self._route("GET", one, "get_subscription", self._get_subscription)
        self._route("DELETE", one, "delete_subscription", self._delete_subscription)
        self._route("GET", "/v2/orders", "v2_list_orders", self._v2_list_orders)
        self._route("GET", "/v2/orders/<int:order_id>", "v2_get_order", self._v2_get_order)

    # Plumbing ---------------------------------------------------------------------------------------------------

    def _refusal(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> RefusalError:
        """Return an error in the format of the called interface: v2 JSON, 1.1 JSON or 1.1 XML."""
        if request.path.startswith("/v2/"):
            detail = {"httpStatusCode": status, "internalCode": 0, "message": message, "developerMessage": message}
            return RefusalError(status, json.dumps(detail | {"helpLink": ""}), headers=headers)
        if self._wants_json():
            body = {"ResourceException": {"HttpStatus": status, "Message": message}}
            return RefusalError(status, json.dumps(body), headers=headers)
        xml = self._xml()
        content = xml.text(RESOURCE, "HttpStatus", status) + xml.text(RESOURCE, "Message", message)
        return RefusalError(status, xml.document(RESOURCE, "ResourceException", content), "application/xml", headers)

    def _wants_json(self) -> bool:
        says_nothing = request.headers.get("Accept", "*/*") == "*/*"
        return request.path.endswith(".json") or (self.settings.live and says_nothing)

    def _xml(self) -> Xml:
        return Xml(PREFIXES[self.settings.prefixes])

    def _xml_response(self, name: str, content: str, status: int = 200, **attributes: Any) -> Response:
        document = self._xml().document(RESOURCE, name, content, **attributes)
        if self._wants_json():
            return json_response({name: _as_json(fromstring(document))}, status)
        return Response(document, status=status, content_type="application/xml")

    def _authenticate(self) -> str:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            login, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            login, password = "", ""
        credential = self._credentials.get(login)
        if scheme != "Basic" or credential is None or not hmac.compare_digest(credential.secret, password):
            raise self._refusal(401, "Unauthorized")
        return credential.account

    def _too_many(self, headers: Mapping[str, str]) -> RefusalError:
        return self._refusal(429, "Rate Limit Reached", headers)

    def _not_found(self) -> RefusalError:
        return self._refusal(404, "Not found")

    # The passing of time ----------------------------------------------------------------------------------------

    def _advance(self, now: datetime) -> None:
        for leases in (self._numbers, self._keywords):
            for owned in [o for o in leases.values() if o.released_at is not None and o.ends_at(now) <= now]:
                del leases[owned.name]
        for order in self._orders.values():
            if order.forced or order.status not in UNFINISHED:
                continue
            if order.created_at + timedelta(seconds=self.settings.processing_seconds) <= now:
                order.status = "PROCESSING"
            ends_at = order.created_at + timedelta(seconds=self.settings.finish_seconds)
            if ends_at <= now:
                fitting = [e for e in self._endings if order.is_named(e.order)]
                ending = fitting[-1] if fitting else Ending("*", "FINISHED", with_items=True)
                self._end(order, ending, ends_at)

    def _end(self, order: NumberOrder, ending: Ending, at: datetime) -> None:
        order.status = ending.status
        if ending.with_items and not any(item.fulfilled for item in order.items.values()):
            self._fulfil(order, at)
        if ending.status in ENDING:
            self._tell(order, at)

    def _fulfil(self, order: NumberOrder, at: datetime) -> None:
        """Deliver what is available: the named numbers, then the bulk, then the keywords."""
        for number in order.numbers:
            if not self.inventory.is_gone(f"+{number}"):
                self._own(order, "TollFreeNumbers" if TOLL_FREE.match(number) else "LocalNumbers", number, at)
        for stock in self._bulk(order.form, order.local_count, "local"):
            self._own(order, "LocalNumbers", stock.phone_number[1:], at)
        for stock in self._bulk({}, order.toll_free_count, "toll_free"):
            self._own(order, "TollFreeNumbers", stock.phone_number[1:], at)
        for keyword in order.keywords:
            if keyword not in self._taken_keywords:
                self._taken_keywords.add(keyword)
                self._keywords[keyword] = Owned(order.account, keyword, at)
                order.items["Keywords"].fulfilled.append(keyword)

    def _own(self, order: NumberOrder, group: str, number: str, at: datetime) -> None:
        self.inventory.take([f"+{number}"])
        self._numbers[number] = Owned(order.account, number, at)
        order.items[group].fulfilled.append(number)

    def _bulk(self, region: Mapping[str, str], count: int, kind: str) -> list[Stock]:
        limit = self._limits.get(kind)
        if limit is not None:
            count = min(count, limit)
            self._limits[kind] = limit - count
        prefix = region.get("Prefix", "").removeprefix("1")
        wanted = Wanted("US", kind, locality=region.get("City", "") if not prefix else "", starts_with=prefix)
        return self.inventory.find(wanted, count) if count else []

    # Number orders ----------------------------------------------------------------------------------------------

    def _create_order(self) -> Response:
        form = request.form.to_dict()
        if g.account in self._blocks:
            raise self._refusal(self.settings.block_status, self._blocks[g.account])
        if unknown := sorted(form.keys() - ORDER_FIELDS):
            # Refused here so that a misspelled field (Count, BulkLocal.Count) does not pass for an ignored one.
            raise self._refusal(400, f"Unknown parameter {unknown[0]}")
        numbers = [n.removeprefix("+") for n in form.get("Numbers", "").split()]
        keywords = form.get("Keywords", "").split()
        counts = [form.get(name, "0") for name in ("localCount", "tollFreeCount")]
        if not all(re.fullmatch(r"\d{11}", n) for n in numbers):
            raise self._refusal(400, "Numbers must be E.164 11 digit numbers")
        if not all(re.fullmatch(r"[A-Za-z0-9]{1,64}", k) for k in keywords):
            raise self._refusal(400, "Keywords must be 1-64 letters or digits")
        if not all(c.isdigit() for c in counts):
            raise self._refusal(400, "localCount and tollFreeCount must be integers")
        if not (numbers or keywords or any(map(int, counts))):
            raise self._refusal(400, "Nothing to order")
        order = self._new_order(g.account, form)
        self._sell(str(order.id), None, [*numbers, *order.keywords], dict(form))
        location = f"https://www.callfire.com/api/1.1/rest/number/order/{order.id}"
        if self._wants_json():
            return json_response({"ResourceReference": {"Id": order.id, "Location": location}}, 201)
        xml = self._xml()
        content = xml.text(RESOURCE, "Id", order.id) + xml.text(RESOURCE, "Location", location)
        return self._xml_response("ResourceReference", content, 201)

    def _new_order(self, account: str, form: dict[str, str]) -> NumberOrder:
        numbers = [n.removeprefix("+") for n in form.get("Numbers", "").split()]
        keywords = [k.upper() for k in form.get("Keywords", "").split()]
        local_count, toll_free_count = (int(form.get(name, "0")) for name in ("localCount", "tollFreeCount"))
        toll_free = sum(bool(TOLL_FREE.match(n)) for n in numbers)
        asked = (len(numbers) - toll_free + local_count, toll_free + toll_free_count, len(keywords))
        costs = (self.settings.local_cost, self.settings.toll_free_cost, self.settings.keyword_cost)
        order = NumberOrder(
            id=1_428_507_003 + 1000 * len(self._orders),
            account=account,
            created_at=self.clock.now(),
            form=form,
            numbers=numbers,
            keywords=keywords,
            local_count=local_count,
            toll_free_count=toll_free_count,
            items={group: Item(count, cost) for group, count, cost in zip(GROUPS, asked, costs, strict=True) if count},
        )
        self._orders[order.id] = order
        return order

    def _get_order(self, order_id: int) -> Response:
        self._mind_the_pace()
        order = self._mine(order_id)
        if self._wants_json():
            return json_response({"Resource": {"NumberOrder": self._json_order(order)}})
        return self._xml_response("Resource", self._xml_order(order))

    def _mind_the_pace(self) -> None:
        now = self.clock.now()
        before = self._read_at.get(g.account)
        self._read_at[g.account] = now
        if before is not None and now - before < timedelta(seconds=self.settings.pace_seconds):
            self._too_fast += 1
            if self.settings.refuse_too_fast:
                raise self._too_many({})

    def _mine(self, order_id: int) -> NumberOrder:
        order = self._orders.get(order_id)
        if order is None or order.account != g.account:
            raise self._not_found()
        return order

    def _xml_order(self, order: NumberOrder) -> str:
        xml = self._xml()
        parts = [
            xml.text(DATA, "Status", order.status),
            xml.text(DATA, "Created", iso_z(order.created_at)),
            xml.text(DATA, "TotalCost", order.total()),
        ]
        if self.settings.with_tax:
            parts += [xml.text(DATA, name, 0.0) for name in ("Summary", "SalesTax", "Total")]
        for group, item in order.items.items():
            inner = xml.text(DATA, "Ordered", item.ordered) + xml.text(DATA, "UnitCost", item.unit_cost)
            written, between = self._written(item)
            if self.settings.notation == "elements":
                inner += "".join(xml.text(DATA, "Fulfilled", each) for each in written)
            elif written:  # absent, not empty, if nothing was delivered
                inner += xml.text(DATA, "Fulfilled", between.join(written))
            parts.append(xml.element(DATA, group, inner))
        return xml.element(DATA, "NumberOrder", "".join(parts), id=order.id)

    def _written(self, item: Item) -> tuple[list[str], str]:
        """Return what was delivered in ``notation``: keywords are no numbers and stay as they are."""
        form, between = NOTATIONS[self.settings.notation]
        parts = [(n, {"area": n[1:4], "exchange": n[4:7], "line": n[7:], "rest": n[4:]}) for n in item.fulfilled]
        return [form.format(**part) if n.isdigit() and len(n) == 11 else n for n, part in parts], between

    def _json_order(self, order: NumberOrder) -> dict[str, Any]:
        body: dict[str, Any] = {
            "@id": order.id,
            "Status": order.status,
            "Created": iso_z(order.created_at),
            "TotalCost": order.total(),
        }
        for group, item in order.items.items():
            written, between = self._written(item)
            got = {"Fulfilled": between.join(written)} if written else {}
            body[group] = {"Ordered": item.ordered, "UnitCost": item.unit_cost} | got
        return body

    # Searches and what is owned ---------------------------------------------------------------------------------

    def _search(self) -> Response:
        count, toll_free = request.args.get("Count", ""), request.args.get("TollFree", "false")
        self._known_parameters("Count", "TollFree", *REGION_FIELDS)
        if not count.isdigit():
            raise self._refusal(400, "Count is required")
        if toll_free not in ("true", "false"):
            raise self._refusal(400, "TollFree must be a boolean")
        prefix = request.args.get("Prefix", "").removeprefix("1")
        wanted = Wanted(
            request.args.get("Country", "US"),
            "toll_free" if toll_free == "true" else "local",
            locality="" if prefix else request.args.get("City", ""),
            starts_with=prefix,
        )
        if self.settings.ignores_filters:
            wanted = Wanted(wanted.country_code, wanted.phone_number_type)
        found = self.inventory.find(wanted, int(count))
        self._something(found, "numbers")
        numbers = "".join(self._xml_number(s.phone_number[1:], s.locality, s.country_code) for s in found)
        return self._xml_response("ResourceList", numbers, totalResults=len(found))

    def _search_regions(self) -> Response:
        self._known_parameters("FirstResult", "MaxResults", *REGION_FIELDS)
        prefix, city = request.args.get("Prefix", ""), request.args.get("City", "").upper()
        found = [
            self._xml_region(name, country, f"1{ndc}")
            for (country, name), ndc in AREAS.items()
            if country in ((asked,) if (asked := request.args.get("Country")) else ("US", "CA"))
            and city in ("", name)
            and f"1{ndc}".startswith(prefix[:4])
        ]
        self._something(found, "regions")
        return self._list(found)

    def _something(self, found: Sized, what: str) -> None:
        if not found and self.settings.nothing_found != 200:
            raise self._refusal(self.settings.nothing_found, f"No {what} found")

    def _known_parameters(self, *known: str) -> None:
        if unknown := sorted(request.args.keys() - set(known)):
            raise self._refusal(400, f"Unknown parameter {unknown[0]}")

    def _list(self, elements: list[str]) -> Response:
        """Return one page of a list, by FirstResult and MaxResults, with the size of the whole."""
        first, most = request.args.get("FirstResult", "0"), request.args.get("MaxResults", "1000")
        if not (first.isdigit() and most.isdigit() and int(most) <= 1000):
            raise self._refusal(400, "MaxResults is at most 1000")
        shown = "".join(elements[int(first) :][: int(most)])
        return self._xml_response("ResourceList", shown, totalResults=len(elements))

    def _xml_region(self, city: str, country: str, prefix: str = "") -> str:
        xml = self._xml()
        inner = xml.text(DATA, "Prefix", prefix) if prefix else ""
        inner += xml.text(DATA, "City", city.title()) + xml.text(DATA, "Country", country)
        return xml.element(DATA, "Region", inner)

    def _xml_number(self, number: str, city: str = "", country: str = "US", owned: Owned | None = None) -> str:
        xml = self._xml()
        inner = xml.text(DATA, "Number", number)
        inner += xml.text(DATA, "NationalFormat", f"({number[1:4]}) {number[4:7]}-{number[7:]}")
        inner += xml.text(DATA, "TollFree", str(bool(TOLL_FREE.match(number))).lower())
        if city:
            inner += self._xml_region(city, country)
        if owned is not None:
            inner += self._lease_info(owned)
            features = "".join(xml.text(DATA, name, "ENABLED") for name in ("CallFeature", "TextFeature"))
            inner += xml.element(DATA, "NumberConfiguration", features)
        return xml.element(DATA, "Number", inner)

    def _lease_info(self, owned: Owned) -> str:
        xml = self._xml()
        begin, end = owned.begun_at, owned.ends_at(self.clock.now())
        status = "ACTIVE" if owned.released_at is None else self.settings.released_status
        inner = xml.text(DATA, "LeaseBegin", f"{begin:%Y-%m-%dZ}") + xml.text(DATA, "LeaseEnd", f"{end:%Y-%m-%dZ}")
        inner += xml.text(DATA, "AutoRenew", str(owned.released_at is None).lower())
        return xml.text(DATA, "Status", status) + xml.element(DATA, "LeaseInfo", inner)

    def _search_keywords(self) -> Response:
        asked = [k.upper() for k in request.args.get("Keywords", "").split()]
        free = [self._xml_keyword(k) for k in asked if k not in self._taken_keywords]
        self._something(free, "keywords")
        return self._xml_response("ResourceList", "".join(free), totalResults=len(free))

    def _list_keywords(self) -> Response:
        return self._list([self._xml_keyword(k, o) for k, o in self._keywords.items() if o.account == g.account])

    def _xml_keyword(self, keyword: str, owned: Owned | None = None) -> str:
        xml = self._xml()
        inner = xml.text(DATA, "ShortCode", SHORT_CODE) + xml.text(DATA, "Keyword", keyword)
        if owned is not None:
            inner += self._lease_info(owned)
        return xml.element(DATA, "Keyword", inner)

    def _list_numbers(self) -> Response:
        return self._list([self._xml_number(o.name, owned=o) for o in self._numbers.values() if o.account == g.account])

    def _get_number(self, number: str) -> Response:
        owned = self._numbers.get(number)
        if owned is None or owned.account != g.account:
            raise self._not_found()
        return self._xml_response("Resource", self._xml_number(number, owned=owned))

    def _release(self) -> Response:
        form = request.form.to_dict()
        if unknown := sorted(form.keys() - {"Number", "Keyword"}):
            raise self._refusal(400, f"Unknown parameter {unknown[0]}")
        if not form or (self.settings.live and "Number" not in form):
            raise self._refusal(400, "Number is required" if form else "Number or Keyword is required")
        number, keyword = form.get("Number", ""), form.get("Keyword", "").upper()
        named = [(self._numbers, number)] if number and not (keyword and number == SHORT_CODE) else []
        named += [(self._keywords, keyword)] if keyword else []
        if any(name not in held or held[name].account != g.account for held, name in named):
            raise self._not_found()
        for held, name in named:
            if not (held is self._keywords and self.settings.keeps_keywords):
                held[name] = replace(held[name], released_at=held[name].released_at or self.clock.now())
        return Response(status=204)

    # Subscriptions ----------------------------------------------------------------------------------------------

    def _create_subscription(self) -> Response:
        form = request.form.to_dict()
        if unknown := sorted(form.keys() - SUBSCRIPTION_FIELDS):
            raise self._refusal(400, f"Unknown parameter {unknown[0]}")
        for name in ("Endpoint", "TriggerEvent"):
            if not form.get(name):
                raise self._refusal(400, f"{name} is required")
        if form["TriggerEvent"] not in TRIGGER_EVENTS:
            raise self._refusal(400, "TriggerEvent is not one of the known events")
        if form.get("NotificationFormat", "XML") not in NOTIFICATION_FORMATS:
            raise self._refusal(400, "NotificationFormat is not one of the known formats")
        request_id = (g.account, form.get("RequestId", ""))
        made = self._request_ids.get(request_id) if request_id[1] else None
        if made is None or (made not in self._subscriptions and not self.settings.request_ids_outlive):
            made = self._subscription_id
            self._subscription_id += 1
            self._subscriptions[made] = Subscription(made, g.account, form)
            self._request_ids[request_id] = made
        xml = self._xml()
        location = f"https://www.callfire.com/api/1.1/rest/subscription/{made}"
        content = xml.text(RESOURCE, "Id", made) + xml.text(RESOURCE, "Location", location)
        return self._xml_response("ResourceReference", content, 201)

    def _list_subscriptions(self) -> Response:
        mine = [s for s in self._subscriptions.values() if s.account == g.account]
        return self._list([self._xml_subscription(subscription) for subscription in mine])

    def _get_subscription(self, subscription_id: int) -> Response:
        return self._xml_response("Resource", self._xml_subscription(self._my_subscription(subscription_id)))

    def _delete_subscription(self, subscription_id: int) -> Response:
        del self._subscriptions[self._my_subscription(subscription_id).id]
        return Response(status=200)

    def _my_subscription(self, subscription_id: int) -> Subscription:
        subscription = self._subscriptions.get(subscription_id)
        if subscription is None or subscription.account != g.account:
            raise self._not_found()
        return subscription

    def _xml_subscription(self, subscription: Subscription) -> str:
        xml, form = self._xml(), subscription.form
        told = {"Enabled": "true", "NotificationFormat": "XML"} | form
        names = ("Enabled", "Endpoint", "NotificationFormat", "TriggerEvent")
        inner = "".join(xml.text(DATA, name, told[name]) for name in names)
        filters = "".join(xml.text(DATA, name, form[name]) for name in SUBSCRIPTION_FILTERS if name in form)
        if filters:
            inner += xml.element(DATA, "SubscriptionFilter", filters)
        return xml.element(DATA, "Subscription", inner, id=subscription.id)

    # v2 ---------------------------------------------------------------------------------------------------------

    def _v2_order(self, order: NumberOrder) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": order.id,
            "status": order.status,
            "created": _epoch_ms(order.created_at),
            "totalCost": order.total(),
        }
        waits = order.status == "WAIT_FOR_PAYMENT"
        # As in the fixture findOrders.json of CallFire's Java client: an order that waits does not say for what.
        for group, item in {} if waits and self.settings.live else order.items.items():
            ordered = len(item.fulfilled) if self.settings.v2_ordered_is_bought else item.ordered
            name = group[0].lower() + group[1:]
            body[name] = {"ordered": ordered, "unitCost": item.unit_cost, "fulfilled": self._written(item)[0]}
        return body

    def _v2_list_orders(self) -> Response:
        self._need_v2()
        number = re.compile(r"\d+")
        limit, offset = request.args.get("limit", "20"), request.args.get("offset", "0")
        begin, end = request.args.get("intervalBegin", "0"), request.args.get("intervalEnd", str(2**53))
        if not all(number.fullmatch(value) for value in (limit, offset, begin, end)):
            raise self._refusal(400, "limit, offset, intervalBegin and intervalEnd are integers")
        statuses = request.args["status"].split(",") if request.args.get("status") else None
        visible_before = self.clock.now() - timedelta(seconds=self.settings.v2_lag_seconds)
        found = [
            self._v2_order(order)
            for order in reversed(self._orders.values())
            if order.account == g.account
            and order.created_at <= visible_before
            and (statuses is None or order.status in statuses)
            and int(begin) <= _epoch_ms(order.created_at) <= int(end)
        ]
        page = {"limit": int(limit), "offset": int(offset), "totalCount": len(found)}
        return json_response({"items": found[int(offset) :][: int(limit)]} | page)

    def _v2_get_order(self, order_id: int) -> Response:
        self._need_v2()
        return json_response(self._v2_order(self._mine(order_id)))

    def _need_v2(self) -> None:
        if not self.settings.v2_enabled:
            raise self._refusal(403, "API v2 is not enabled for this account")

    # Postbacks --------------------------------------------------------------------------------------------------

    def _tell(self, order: NumberOrder, at: datetime) -> None:
        fitting = [s for s in self._scripts if order.is_named(s.order)]
        script = fitting[-1] if fitting else PostbackScript("*", copies=1, delay_seconds=0, off=False)
        if not script.off:
            self._enqueue(order, at + timedelta(seconds=script.delay_seconds), script.copies)

    def _enqueue(self, order: NumberOrder, due: datetime, copies: int) -> None:
        body, content_type = self._postback(order)
        headers = {"content-type": content_type, "user-agent": "CallFire-HTTP/1.0"}

        def compose(_attempt: int) -> tuple[Headers, bytes]:
            return dict(headers), body

        self.outbox.waiting += [Delivery(url, due, compose) for url in self._urls for _ in range(copies)]

    def _postback(self, order: NumberOrder) -> tuple[bytes, str]:
        if self.settings.postback_format == "JSON":
            note = {"SubscriptionId": 1234, "NumberOrder": self._json_order(order)}
            return json.dumps({"NumberOrderNotification": note}).encode(), "application/json"
        xml = self._xml()
        content = xml.text(NOTIFICATION, "SubscriptionId", 1234) + self._xml_order(order)
        return xml.document(NOTIFICATION, "NumberOrderFinished", content).encode(), "text/xml; charset=UTF-8"

    # Controls ---------------------------------------------------------------------------------------------------

    def _order_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "order_id": str(order.id),
                "reference": None,
                "account": order.account,
                "status": order.status,
                "created_at": order.created_at,
                "numbers": [n for group in GROUPS[:2] if group in order.items for n in order.items[group].fulfilled],
                "keywords": order.items["Keywords"].fulfilled if "Keywords" in order.items else [],
                "asked": order.form,
            }
            for order in self._orders.values()
        ]

    def _selected(self, order: str) -> list[NumberOrder]:
        found = [o for o in self._orders.values() if o.is_named(order)]
        if not found:
            raise LookupError(f"no order fits {order!r}")
        return found

    @control
    def end_as(self, status: str, order: str = "*", *, with_items: bool | None = None) -> None:
        """Let matching orders (id, a number or keyword ordered, "*") get this status at their usual time, and keep it.

        ``with_items``: whether they get what is available; by default FINISHED, ADJUSTED and PARTIALLY_ADJUSTED do.
        """
        self._endings.append(Ending(order, status, status in GIVING if with_items is None else with_items))

    @control
    def set_status(self, status: str, order: str = "*", *, with_items: bool | None = None) -> None:
        """Set these orders to this status for good. LookupError if none matches."""
        ending = Ending(order, status, status in GIVING if with_items is None else with_items)
        for item in self._selected(order):
            item.forced = True
            self._end(item, ending, self.clock.now())

    @control
    def buy_by_hand(self, number_type: str = "local", account: str = "default", *, keyword: str | None = None) -> str:
        """Lease a number, or this keyword, as on CallFire's own pages; return it, a number in E.164."""
        now = self.clock.now()
        if keyword is not None:
            self._taken_keywords.add(keyword.upper())
            self._keywords[keyword.upper()] = Owned(account, keyword.upper(), now)
            return keyword.upper()
        [stock] = self.inventory.find(Wanted("US", number_type), 1)
        self.inventory.take([stock.phone_number])
        self._numbers[stock.phone_number[1:]] = Owned(account, stock.phone_number[1:], now)
        return stock.phone_number

    @control
    def order_elsewhere(self, form: dict[str, str], account: str = "default") -> str:
        """Order at this account as another system would, by the form of CreateNumberOrder; return the order's id. It is no sale of ours."""
        return str(self._new_order(account, dict(form)).id)

    @control
    def take_away(self, value: str, account: str = "default") -> None:
        """Remove the account's lease of this number (E.164) or keyword. LookupError if it has none now."""
        del self._leases_with(value, account)[_name(value)]

    @control
    def renew_again(self, value: str, account: str = "default") -> None:
        """Let the lease of this number (E.164) or keyword renew again. LookupError if there is none."""
        leases = self._leases_with(value, account)
        leases[_name(value)] = replace(leases[_name(value)], released_at=None)

    @control
    def owns(self, value: str, account: str = "default") -> bool:
        """Return whether the account leases this number (E.164) or keyword; a released one until its lease ends."""
        return bool(self._leases_with(value, account))

    @control
    def is_released(self, value: str, account: str = "default") -> bool:
        """Return whether the lease of this number (E.164) or keyword no longer renews. LookupError if there is none."""
        return self._leases_with(value, account)[_name(value)].released_at is not None

    def _leases_with(self, value: str, account: str) -> dict[str, Owned]:
        leases = self._numbers if value.startswith("+") else self._keywords
        owned = leases.get(_name(value))
        return leases if owned is not None and owned.account == account else {}

    @control
    def unavailable(self, keywords: list[str] | None = None, numbers: list[str] | None = None) -> None:
        """Mark these keywords and numbers (11 digits) as somebody else's."""
        self._taken_keywords.update(k.upper() for k in keywords or [])
        self.inventory.take(f"+{n.removeprefix('+')}" for n in numbers or [])

    @control
    def limit_bulk(self, local: int | None = None, toll_free: int | None = None) -> None:
        """Set how many numbers bulk orders get from now on, all together."""
        self._limits |= {k: n for k, n in (("local", local), ("toll_free", toll_free)) if n is not None}

    @control
    def too_fast(self) -> int:
        """Return how many order reads (1.1) came sooner than ``pace_seconds`` after the account's previous one."""
        return self._too_fast

    @control
    def postback_urls(self, urls: list[str]) -> None:
        """Set where postbacks go from now on: every URL gets each."""
        self._urls = list(urls)

    @control
    def postbacks(self, order: str = "*", *, copies: int = 1, delay_seconds: float = 0, off: bool = False) -> None:
        """Set how the end of orders is announced from now on: ``copies`` times, late, or never."""
        self._scripts.append(PostbackScript(order, copies, delay_seconds, off))

    @control
    def send_postback(self, order: str, copies: int = 1) -> None:
        """Send a postback about these orders as they are now, with the next ``pump``."""
        for item in self._selected(order):
            self._enqueue(item, self.clock.now(), copies)


def _as_json(element: Element) -> Any:
    """Convert the XML of a response to JSON: attributes with an @, repeated elements as a list, all else as text."""
    if not len(element) and not element.attrib:
        return element.text or ""
    shown: dict[str, Any] = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        name, told = child.tag.rpartition("}")[2], _as_json(child)
        shown[name] = (
            [*shown[name], told]
            if isinstance(shown.get(name), list)
            else told
            if name not in shown
            else [shown[name], told]
        )
    return shown


def _name(value: str) -> str:
    return value.removeprefix("+").upper()


def _epoch_ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
