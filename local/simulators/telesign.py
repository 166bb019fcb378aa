"""TeleSign simulator: direct orders, number search and leases under /v1/phone_numbers.

Numbers and leases have the fields of TeleSign's swagger (2019), which leaves open where the pagination stands.

Chosen here where no source says it: the names of the request's fields (setting ``fields``), the HTTP status of a
create, errors in TeleSign's general envelope, the newest order first in the list, the pagination beside ``data``, 20
numbers of each sort to search among, that a cancelled lease is gone from the list at once, and that a partial order for
which nothing is to be had is ``rejected`` (setting ``empty_partial_status``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from local.simulators.base import (
    RefusalError,
    Settings,
    Simulator,
    control,
    iso_z,
    json_response,
)
from local.simulators.inventory import PLANS, Inventory, Stock, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.simulators.clock import Clock

FORM = "application/x-www-form-urlencoded"
DATE_WINDOW = timedelta(minutes=15)
MAX_NONCE = 64
DESCRIPTIONS = {
    -10001: "Invalid parameter passed",
    -10030: "Insufficient prepaid funds",
    -30000: "Invalid Customer ID",
    -30001: "Account suspended",
    -30004: "Missing required 'Authorization' header",
    -30005: "Required 'Authorization' header is not in the correct format",
    -30006: "Invalid Signature",
    -30007: "Missing required 'Date' or 'x-ts-date' header",
    -30008: "Invalid 'x-ts-auth-method' header",
    -30009: "Invalid 'Date' or 'x-ts-date' header",
    -30010: "'Date' or 'x-ts-date' header outside of the accepted range",
    -30011: "Invalid 'x-ts-nonce' header",
    -30012: "'x-ts-nonce' header value has been used recently",
    -30015: "Invalid API Key",
    -40004: "Requested resource not found",
    -40006: "Bad request",
    -40007: "Rate limit exceeded",
}
NOTATIONS: dict[str, Callable[[list[str]], Any]] = {
    "strings": list,
    "integers": lambda numbers: [int(number) for number in numbers],
    "plus": lambda numbers: [f"+{number}" for number in numbers],
    "objects": lambda numbers: [{"phone_number": number} for number in numbers],
    "one string": ",".join,
}
CAPABILITIES = ("sms", "voice")
NUMBER_TYPES = {"local": "local", "mobile": "mobile", "tollfree": "toll_free", "toll_free": "toll_free"}


@dataclass
class TeleSignSettings(Settings):
    """All times in seconds from the moment of acceptance. Changed by ``configure``."""

    progress_seconds: float = 2
    resolve_seconds: float = 5
    list_lag_seconds: float = 0
    """A new order is not in the list for this long."""
    list_hides: bool = False
    """The list never shows any order."""
    setup_price: float = 0.0
    recurring_price: float = 1.5
    """US dollars. Written as numbers in leases, as the pages on leases do, and as strings in searches, as the swagger does."""
    create_status: int = 200
    notation: str = "strings"
    """How an order's numbers are written: a key of ``NOTATIONS``."""
    nothing_found: int = 200
    """The status of a search that finds nothing: 200 with an empty list, or -40004 with it."""
    ignores_filters: bool = False
    """A search gives numbers of any country and feature."""
    tells_descriptions: bool = True
    """The list of orders shows their descriptions; else only reading one order does."""
    empty_partial_status: str = "rejected"
    fields: tuple[str, ...] = (
        "country_iso2", "quantity", "number_type", "sms_capable", "voice_capable", "number_pattern", "pattern_method",
        "partial_order_match", "city", "email", "contact_name", "use_case", "description",
    )  # fmt: skip
    """Names accepted in a create; any other is refused, so that a misspelled one does not pass for an ignored one."""


@dataclass
class DirectOrder:
    id: str
    account: str
    accepted_at: datetime
    form: dict[str, Any]
    country_iso2: str
    quantity: int
    number_type: str
    number_pattern: str
    partial: bool
    status: str = "accepted"
    modified_at: datetime | None = None
    numbers: list[str] = field(default_factory=list)

    def is_named(self, name: str) -> bool:
        """By id, by a text in the description, or "*"."""
        return name in ("*", self.id) or name in self.form.get("description", "")


@dataclass(frozen=True)
class Lease:
    id: int
    account: str
    number: str
    country_iso2: str
    number_type: str
    begun_at: datetime


def refusal(status: int, *codes: int, state: int = 500, headers: Mapping[str, str] | None = None) -> RefusalError:
    """An error in TeleSign's general envelope."""
    body = {
        "reference_id": "0123456789ABCDEF0123456789ABCDEF",
        "status": {"updated_on": "2026-01-01T00:00:00.000Z", "code": state, "description": "Transaction not attempted"},
        "errors": [{"code": code, "description": DESCRIPTIONS.get(code, "Error")} for code in codes],
    }
    return RefusalError(status, json.dumps(body), headers=headers)


@dataclass(frozen=True)
class Digest:
    """Return what a TSA request signs. The query is not signed; the body is as it was sent."""

    method: str
    path: str
    content_type: str
    date: str
    auth_method: str
    nonce: str
    body: bytes

    def signature(self, api_key: str) -> str:
        """As the vendor's SDK makes it."""
        lines = [self.method, self.content_type, self.date]
        lines += [f"x-ts-auth-method:{self.auth_method}", f"x-ts-nonce:{self.nonce}"]
        if self.content_type and self.body:
            lines.append(self.body.decode())
        lines.append(self.path)
        mac = hmac.new(base64.b64decode(api_key), "\n".join(lines).encode(), hashlib.sha256)
        return base64.b64encode(mac.digest()).decode()


def _described(number: str, country: str, features: Iterable[str]) -> dict[str, Any]:
    """Return a number as the search and the leases show it: without its plus, with its features."""
    return {
        "country_iso2": country,
        "phone_number": number,
        "operator_name": "Simulated Telecom",
        "capabilities": {name: name in features for name in CAPABILITIES},
    }


class TeleSignSimulator(Simulator):
    """``TeleSignSimulator().app``. Credentials: ``allow(customer_id, api_key, account=...)``, the key in base64.

    Operations for faults and the request log: create_order, list_orders, get_order, cancel_order, search, list_leases,
    create_lease, cancel_lease.
    """

    name = "telesign"

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 1,
        customer_id: str = "FFFFFFFF-EEEE-DDDD-1234-AB1234567890",
        api_key: str = "c2ltdWxhdG9yLXRlbGVzaWdu",
    ) -> None:
        self.settings = TeleSignSettings()
        super().__init__(self.settings, clock, seed)
        self.inventory = Inventory(seed)
        self._orders: dict[str, DirectOrder] = {}
        self._leases: dict[int, Lease] = {}
        self._lease_id = 3914
        self._available: dict[tuple[str, str], int] = {}
        self._endings: list[tuple[str, str]] = []
        self._paces: list[tuple[str, float, float]] = []
        self._nonces: dict[str, datetime] = {}
        self.allow(customer_id, api_key)
        orders, leases = "/v1/phone_numbers/direct_orders", "/v1/phone_numbers/leases"
        self._route("POST", orders, "create_order", self._create_order)
        self._route("GET", orders, "list_orders", self._list_orders)
        self._route("GET", f"{orders}/<order_id>", "get_order", self._get_order)
        self._route("DELETE", f"{orders}/<order_id>", "cancel_order", self._cancel_order)
        self._route("GET", "/v1/phone_numbers/numbers", "search", self._search)
        self._route("GET", leases, "list_leases", self._list_leases)
        self._route("POST", leases, "create_lease", self._create_lease)
        self._route("DELETE", f"{leases}/<int:lease_id>", "cancel_lease", self._cancel_lease)

    # Authentication ---------------------------------------------------------------------------------------------

    def _authenticate(self) -> str:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            raise refusal(401, -30004, state=501)
        if scheme == "TSA":
            return self._digest(value)
        if scheme != "Basic":
            raise refusal(401, -30005, state=501)
        try:
            login, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise refusal(401, -30005, state=501) from None
        credential = self._credentials.get(login)
        if credential is None:
            raise refusal(401, -30000, state=501)
        if not hmac.compare_digest(credential.secret, secret):
            raise refusal(401, -30015, state=501)
        return credential.account

    def _digest(self, value: str) -> str:
        """The TSA scheme: ``TSA <customer_id>:<signature>``, dated within 15 minutes, each nonce once."""
        login, _, signature = value.partition(":")
        credential = self._credentials.get(login)
        if credential is None:
            raise refusal(401, -30000, state=501)
        header = request.headers
        digest = Digest(
            method=request.method,
            path=request.path,
            content_type=header.get("Content-Type", ""),
            date=header.get("Date", ""),
            auth_method=header.get("x-ts-auth-method", ""),
            nonce=header.get("x-ts-nonce", ""),
            body=request.get_data(),
        )
        now = self.clock.now()
        self._nonces = {used: at for used, at in self._nonces.items() if now - at <= DATE_WINDOW * 2}
        if fault := self._digest_fault(digest, now):
            raise refusal(401, fault, state=501)
        if not hmac.compare_digest(digest.signature(credential.secret), signature):
            raise refusal(401, -30006, state=501)
        self._nonces[digest.nonce] = now
        return credential.account

    def _digest_fault(self, digest: Digest, now: datetime) -> int | None:
        """Return the error code for invalid digest headers, before the signature is checked."""
        if not digest.date:
            return -30007
        if digest.auth_method != "HMAC-SHA256":
            return -30008
        try:
            dated = parsedate_to_datetime(digest.date)
        except ValueError:
            return -30009
        # "-0000" says UTC without a zone, and is parsed to a naive datetime
        dated = dated.replace(tzinfo=UTC) if dated.tzinfo is None else dated
        if abs(now - dated) > DATE_WINDOW:
            return -30010
        if not digest.nonce or len(digest.nonce) > MAX_NONCE:
            return -30011
        return -30012 if digest.nonce in self._nonces else None

    def _too_many(self, headers: Mapping[str, str]) -> RefusalError:
        return refusal(429, -40007, headers=headers)

    def _not_found(self) -> RefusalError:
        return refusal(404, -40004)

    # The passing of time ----------------------------------------------------------------------------------------

    def _advance(self, now: datetime) -> None:
        for order in self._orders.values():
            progress_seconds, resolve_seconds = self._pace_of(order)
            in_progress_at = order.accepted_at + timedelta(seconds=progress_seconds)
            if order.status == "accepted" and in_progress_at <= now:
                order.status, order.modified_at = "in progress", in_progress_at
            ends_at = order.accepted_at + timedelta(seconds=resolve_seconds)
            if order.status == "in progress" and ends_at <= now:
                self._end(order, ends_at)

    def _pace_of(self, order: DirectOrder) -> tuple[float, float]:
        scripted = [(progress, resolve) for name, progress, resolve in self._paces if order.is_named(name)]
        return scripted[-1] if scripted else (self.settings.progress_seconds, self.settings.resolve_seconds)

    def _end(self, order: DirectOrder, at: datetime) -> None:
        scripted = [status for name, status in self._endings if order.is_named(name)]
        order.modified_at = at
        if scripted and scripted[-1] != "resolved":
            order.status = scripted[-1]
        else:
            self._resolve(order, at)

    def _resolve(self, order: DirectOrder, at: datetime) -> None:
        """Deliver all numbers ordered; or, if a partial match was allowed, those available; or nothing: rejected."""
        kind = (order.country_iso2, order.number_type)
        available = self._available.get(kind, order.quantity)
        if available < order.quantity and not order.partial:
            order.status = "rejected"
            return
        found = self._find(order, min(order.quantity, available))
        order.status = "resolved" if found else self.settings.empty_partial_status
        if kind in self._available:
            self._available[kind] -= len(found)
        self.inventory.take(stock.phone_number for stock in found)
        order.numbers = [stock.phone_number[1:] for stock in found]
        for number in order.numbers:
            self._lease(order.account, number, order.country_iso2, order.number_type, at)

    def _lease(self, account: str, number: str, country_iso2: str, number_type: str, at: datetime) -> Lease:
        lease = Lease(self._lease_id, account, number, country_iso2, number_type, at)
        self._lease_id += 1
        self._leases[lease.id] = lease
        return lease

    def _find(self, order: DirectOrder, count: int) -> list[Stock]:
        kind = NUMBER_TYPES.get(order.number_type, "local")
        sample = self.inventory.find(Wanted(order.country_iso2, kind), 1)
        if not sample or count < 1:
            return []
        calling_code = sample[0].phone_number[1:].removesuffix(sample[0].national())
        # The pattern includes the country code (324 for Belgian mobiles that come back as 32460...).
        prefix = order.number_pattern.removeprefix(calling_code)
        return self.inventory.find(Wanted(order.country_iso2, kind, starts_with=prefix), count)

    def _opaque_id(self) -> str:
        """Looks like a UUID but is none: TeleSign's ids contain letters beyond f."""
        letters = string.ascii_lowercase + string.digits
        return "-".join("".join(self.random.choices(letters, k=n)) for n in (8, 4, 4, 4, 12))

    # Direct orders ----------------------------------------------------------------------------------------------

    def _create_order(self) -> Response:
        if request.mimetype != FORM:
            raise refusal(400, -40006)
        if code := self._blocks.get(g.account):
            raise refusal(402 if code == "-10030" else 401, int(code))
        form = request.form
        quantity, pattern = form.get("quantity", ""), form.get("number_pattern", "")
        if (
            set(form) - set(self.settings.fields)
            or len(form.get("country_iso2", "")) != 2
            or not (quantity.isdigit() and int(quantity) >= 1)
            or not form.get("number_type")
            or bool(pattern) != bool(form.get("pattern_method"))
            or (pattern and not pattern.isdigit())
            or any(
                form.get(n, "true") not in ("true", "false")
                for n in ("sms_capable", "voice_capable", "partial_order_match")
            )
        ):
            raise refusal(400, -10001)
        order = DirectOrder(
            id=self._opaque_id(),
            account=g.account,
            accepted_at=self.clock.now(),
            form=form.to_dict() | {"city": form.getlist("city")},
            country_iso2=form["country_iso2"],
            quantity=int(quantity),
            number_type=form["number_type"],
            number_pattern=pattern,
            partial=form.get("partial_order_match") == "true",
        )
        self._orders[order.id] = order
        self._sell(order.id, form.get("description"), [], order.form)
        # The create answers with an object and an e-mail style date, where the status answers with a list and ISO 8601.
        accepted = format_datetime(order.accepted_at).replace("+0000", "-0000")
        body = self._body(order) | {"order_accepted_date": accepted}
        return json_response({"data": body}, self.settings.create_status)

    def _body(self, order: DirectOrder) -> dict[str, Any]:
        form = order.form
        return {
            "order_id": order.id,
            "order_accepted_date": iso_z(order.accepted_at, "milliseconds"),
            "status": order.status,
            "last_date_modified": iso_z(order.modified_at, "milliseconds") if order.modified_at else None,
            "country_iso2": order.country_iso2,
            "quantity": order.quantity,
            "capabilities": {
                "sms": form.get("sms_capable", "true") == "true",
                "voice": form.get("voice_capable", "true") == "true",
            },
            "numbers": NOTATIONS[self.settings.notation](order.numbers),
            "number_type": order.number_type,
            "number_pattern": order.number_pattern,
            "pattern_method": form.get("pattern_method", ""),
            "email": form.get("email", ""),
            "contact_name": form.get("contact_name", ""),
            "use_case": form.get("use_case", ""),
            "description": form.get("description", ""),
            "city": form["city"],
            "partial_order_match": order.partial,
        }

    def _page(self, bodies: list[dict[str, Any]]) -> Response:
        page, size = request.args.get("page", "1"), request.args.get("page_size", "10")
        if not (page.isdigit() and size.isdigit() and int(page) >= 1 and int(size) >= 1):
            raise refusal(400, -10001)
        pages = max(1, -(-len(bodies) // int(size)))
        pagination = {"page": int(page), "total_pages": pages, "page_size": int(size)}
        return json_response({"pagination": pagination, "data": bodies[(int(page) - 1) * int(size) :][: int(size)]})

    def _list_orders(self) -> Response:
        visible_before = self.clock.now() - timedelta(seconds=self.settings.list_lag_seconds)
        mine = [
            o for o in reversed(self._orders.values()) if o.account == g.account and o.accepted_at <= visible_before
        ]
        bodies = [self._body(order) for order in mine]
        untold = {} if self.settings.tells_descriptions else {"description": None}
        return self._page([] if self.settings.list_hides else [body | untold for body in bodies])

    def _mine(self, order_id: str) -> DirectOrder:
        order = self._orders.get(order_id)
        if order is None or order.account != g.account:
            raise self._not_found()
        return order

    def _get_order(self, order_id: str) -> Response:
        return self._page([self._body(self._mine(order_id))])

    def _cancel_order(self, order_id: str) -> Response:
        order = self._mine(order_id)
        if order.status != "accepted":
            raise refusal(400, -40006)
        order.status, order.modified_at = "cancelled", self.clock.now()
        return json_response({"data": [self._body(order)]})

    # Numbers and leases -----------------------------------------------------------------------------------------

    def _search(self) -> Response:
        wanted = {name: request.args.get(f"{name}_capable", "").lower() for name in CAPABILITIES}
        country = request.args.get("country_iso2", "")
        unknown = set(request.args) - {"country_iso2", "page", "page_size", *(f"{name}_capable" for name in wanted)}
        if unknown or len(country) not in (0, 2) or set(wanted.values()) - {"", "true", "false"}:
            raise refusal(400, -10001)
        found = [
            stock
            for name, kind in PLANS
            if (self.settings.ignores_filters or name == (country or name)) and kind in ("local", "mobile")
            for stock in self.inventory.find(Wanted(name, kind), 20)
            if self.settings.ignores_filters
            or all(asked in ("", str(name in stock.features).lower()) for name, asked in wanted.items())
        ]
        if not found and self.settings.nothing_found != 200:
            raise refusal(self.settings.nothing_found, -40004)
        prices = {
            "setup_price": f"{self.settings.setup_price:.2f}",
            "recurring_price": f"{self.settings.recurring_price:.2f}",
        }
        return self._page([_described(s.phone_number[1:], s.country_code, s.features) | prices for s in found])

    def _lease_body(self, lease: Lease) -> dict[str, Any]:
        return _described(lease.number, lease.country_iso2, CAPABILITIES) | {
            "setup_price": self.settings.setup_price,
            "recurring_price": self.settings.recurring_price,
            "number_type": lease.number_type,
            "price_currency": "USD",
            "recurrence_period": 1,
            # As in the page "cancel a lease": an integer, microseconds, and no end.
            "lease": {
                "lease_id": lease.id,
                "created_on_utc": iso_z(lease.begun_at, "microseconds"),
                "expires_on_utc": None,
            },
        }

    def _list_leases(self) -> Response:
        return self._page([self._lease_body(x) for x in self._leases.values() if x.account == g.account])

    def _create_lease(self) -> Response:
        number = "+" + request.form.get("phone_number", "")
        stock = self.inventory.get(number)
        if stock is None or self.inventory.is_gone(number):
            raise refusal(400, -10001)
        self.inventory.take([number])
        country, kind = request.form.get("country_iso2", ""), stock.phone_number_type
        lease = self._lease(g.account, number[1:], country, kind, self.clock.now())
        self._sell(str(lease.id), None, [number[1:]], request.form.to_dict())
        return json_response({"data": self._lease_body(lease)}, self.settings.create_status)

    def _cancel_lease(self, lease_id: int) -> Response:
        lease = self._leases.get(lease_id)
        if lease is None or lease.account != g.account:
            raise self._not_found()
        del self._leases[lease_id]
        return json_response({"data": [self._lease_body(lease)]})

    # Controls ---------------------------------------------------------------------------------------------------

    def _order_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "order_id": order.id,
                "reference": order.form.get("description"),
                "account": order.account,
                "status": order.status,
                "created_at": order.accepted_at,
                "numbers": order.numbers,
                "quantity": order.quantity,
            }
            for order in self._orders.values()
        ]

    @control
    def buy_by_hand(self, country_code: str = "BE", number_type: str = "mobile", account: str = "default") -> str:
        """Lease a number as in the portal; return it in E.164."""
        [stock] = self.inventory.find(Wanted(country_code, number_type), 1)
        self.inventory.take([stock.phone_number])
        self._lease(account, stock.phone_number[1:], country_code, number_type, self.clock.now())
        return stock.phone_number

    @control
    def take_away(self, value: str, account: str = "default") -> None:
        """Remove the account's lease of this number. LookupError if it has none now."""
        for lease in self._leases.values():
            if (f"+{lease.number}", lease.account) == (value, account):
                del self._leases[lease.id]
                return
        raise LookupError(f"no lease of {value!r}")

    @control
    def owns(self, value: str, account: str = "default") -> bool:
        """Return whether the account leases this number (E.164)."""
        return any((f"+{lease.number}", lease.account) == (value, account) for lease in self._leases.values())

    @control
    def available(self, country_iso2: str, number_type: str, count: int) -> None:
        """Set how many numbers of this country and type are left from now on, for all orders together."""
        self._available[country_iso2, number_type] = count

    @control
    def end_as(self, status: str, order: str = "*") -> None:
        """Let matching orders (id, text in the description, "*") end with this status at their usual time.

        ``resolved`` is the default; ``rejected``, or an unknown status. The last matching script counts.
        """
        self._endings.append((order, status))

    @control
    def pace(self, progress_seconds: float, resolve_seconds: float, order: str = "*") -> None:
        """Set how soon matching orders are in progress, and end, after they were accepted. The last matching script counts."""
        self._paces.append((order, progress_seconds, resolve_seconds))

    @control
    def set_status(self, status: str, order: str = "*") -> None:
        """Set these orders to this status now; ``resolved`` gives them their numbers. LookupError if none matches."""
        found = [o for o in self._orders.values() if o.is_named(order)]
        if not found:
            raise LookupError(f"no order fits {order!r}")
        for item in found:
            item.modified_at = self.clock.now()
            if status == "resolved":
                self._resolve(item, item.modified_at)
            else:
                item.status = status
