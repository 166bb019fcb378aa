"""Telnyx v2 simulator: search, number orders, sub number orders, their numbers, comments, requirements, webhooks.

The order's life is in telnyx_orders.py, the JSON shapes in telnyx_json.py, what an account has beside orders in
telnyx_account.py, errors and pages in telnyx_http.py; here are the routes. Where Telnyx documents no HTTP status or code, the choice is a setting or is noted.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from local.simulators import telnyx_json as shape
from local.simulators.base import json_response
from local.simulators.inventory import PLANS, Stock, Wanted
from local.simulators.telnyx_account import TelnyxAccount
from local.simulators.telnyx_http import TITLES, refusal
from local.simulators.telnyx_orders import (
    APPROVED,
    GROUP_REQUIRED,
    REQUIREMENTS,
    UNDER_VETTING,
    Number,
    Order,
    Requirement,
    SubOrder,
    required,
    requirement_types,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.simulators.clock import Clock
    from local.simulators.telnyx_submissions import Group

SEARCH_VALID = timedelta(hours=24)
"""How long a search lets its numbers be ordered (v1 page; v2 only says "recent")."""
E164 = re.compile(r"\+[1-9]\d{6,14}")
TYPES = frozenset({"local", "toll_free", "mobile", "national", "shared_cost"})


class TelnyxSimulator(TelnyxAccount):
    """``TelnyxSimulator().app`` answers under /v2. API keys are given with ``allow(key, account=...)``.

    ``private_key``: the 32 raw bytes of the default account's Ed25519 key; other accounts get their own keys.
    Operations for faults and the request log: search, create_order, get_order, list_orders, update_order,
    list_sub_orders, get_sub_order, update_sub_order, cancel_sub_order, sub_order_group, list_numbers, get_number,
    update_number, number_group, list_comments, create_comment, get_comment, read_comment, regulatory_requirements,
    list_requirement_types, get_requirement_type, list_groups, create_group, get_group, update_group, delete_group,
    submit_group, create_document, get_document, create_address, get_address, public_key, list_owned, delete_owned, and for
    each of profile, channel and setting: list_<it>s, create_<it>, get_<it>, delete_<it>; list_events, list_conditions, list_deliveries.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 1,
        keys: Iterable[str] = ("KEY-telnyx",),
        private_key: bytes | None = None,
        webhook_urls: Iterable[str] = (),
    ) -> None:
        super().__init__(clock, seed, private_key, webhook_urls)
        self._searched: dict[tuple[str, str], datetime] = {}
        self._owner: dict[str, Order] = {}
        self._position: dict[str, int] = {}
        """Where a number stands in its sub order, by its id."""
        for key in keys:
            self.allow(key)
        self._add_routes()

    def _add_routes(self) -> None:
        numbers, subs = "/v2/number_order_phone_numbers", "/v2/sub_number_orders"
        groups, types = "/v2/requirement_groups", "/v2/requirement_types"
        routes: list[tuple[str, str, str, Callable[..., Response]]] = [
            ("GET", "/v2/available_phone_numbers", "search", self._search),
            ("POST", "/v2/number_orders", "create_order", self._create_order),
            ("GET", "/v2/number_orders", "list_orders", self._list_orders),
            ("GET", "/v2/number_orders/<order_id>", "get_order", self._get_order),
            ("PATCH", "/v2/number_orders/<order_id>", "update_order", self._update_order),
            ("GET", subs, "list_sub_orders", self._list_sub_orders),
            ("GET", f"{subs}/<sub_id>", "get_sub_order", self._get_sub_order),
            ("PATCH", f"{subs}/<sub_id>", "update_sub_order", self._update_sub_order),
            ("PATCH", f"{subs}/<sub_id>/cancel", "cancel_sub_order", self._cancel_sub_order),
            ("POST", f"{subs}/<sub_id>/requirement_group", "sub_order_group", self._sub_order_group),
            ("GET", numbers, "list_numbers", self._list_numbers),
            ("GET", f"{numbers}/<number_id>", "get_number", self._get_number),
            ("PATCH", f"{numbers}/<number_id>", "update_number", self._update_number),
            ("POST", f"{numbers}/<number_id>/requirement_group", "number_group", self._number_group),
            ("GET", "/v2/comments", "list_comments", self._list_comments),
            ("POST", "/v2/comments", "create_comment", self._create_comment),
            ("GET", "/v2/comments/<comment_id>", "get_comment", self._get_comment),
            ("PATCH", "/v2/comments/<comment_id>/read", "read_comment", self._read_comment),
            ("GET", "/v2/regulatory_requirements", "regulatory_requirements", self._regulatory_requirements),
            ("GET", types, "list_requirement_types", self._list_requirement_types),
            ("GET", f"{types}/<type_id>", "get_requirement_type", self._get_requirement_type),
            ("GET", groups, "list_groups", self._list_groups),
            ("POST", groups, "create_group", self._create_group),
            ("GET", f"{groups}/<group_id>", "get_group", self._get_group),
            ("PATCH", f"{groups}/<group_id>", "update_group", self._update_group),
            ("DELETE", f"{groups}/<group_id>", "delete_group", self._delete_group),
            ("POST", f"{groups}/<group_id>/submit_for_approval", "submit_group", self._submit_group),
            ("POST", "/v2/documents", "create_document", self._create_document),
            ("GET", "/v2/documents/<submission_id>", "get_document", self._get_document),
            ("POST", "/v2/addresses", "create_address", self._create_address),
            ("GET", "/v2/addresses/<submission_id>", "get_address", self._get_address),
            ("GET", "/v2/public_key", "public_key", self._get_public_key),
        ]
        for method, path, operation, view in [*routes, *self._account_routes()]:
            self._route(method, path, operation, view)

    # Whose orders -----------------------------------------------------------------------------------------------

    def _mine(self) -> list[Order]:
        """Return the orders of the calling account as GETs show them, newest first."""
        now = self.clock.now()
        return [self.life.visible(o, now) for o in reversed(self.life.orders.values()) if o.account == g.account]

    def _owned(self, item_id: str) -> Order:
        """Return the calling account's order that is or contains this id, in its real state."""
        order = self.life.orders.get(item_id) or self._owner.get(item_id)
        if order is None or order.account != g.account:
            raise self._not_found()
        return order

    def _seen(self, item_id: str) -> Order:
        return self.life.visible(self._owned(item_id), self.clock.now())

    # Search and order -------------------------------------------------------------------------------------------

    def _search(self) -> Response:
        patterns = [f"phone_number][{kind}" for kind in ("starts_with", "contains", "ends_with")]
        filters = self._filters(
            "country_code", "phone_number_type", "national_destination_code", "locality", "administrative_area",
            "rate_center", "features", "features][", "limit", "best_effort", "quickship", "reservable",
            "exclude_held_numbers", *patterns,
        )  # fmt: skip
        country = filters.get("country_code", "")
        if not country:
            raise refusal(400, "10004", "filter[country_code] is required")
        kind = filters.get("phone_number_type", "local")
        if kind not in TYPES:
            raise refusal(400, "10031", f"phone_number_type {kind!r} is not supported", "/filter[phone_number_type]")
        self._check_permitted(country, kind)
        limit = filters.get("limit", str(self.settings.default_search_limit))
        if not limit.isdigit() or int(limit) < 1:
            raise refusal(400, "10033", "filter[limit] must be a positive integer")
        # Both spellings are in use: filter[features]=sms,voice (SDK) and filter[features][]=sms (curl examples).
        features = request.args.getlist("filter[features]") + request.args.getlist("filter[features][]")
        ignored = self.settings.ignored_filters
        filters |= dict.fromkeys(ignored, "")
        country = "US" if "country_code" in ignored else country
        features = [] if "features" in ignored else features
        starts_with, contains, ends_with = (filters.get(name, "") for name in patterns)
        wanted = Wanted(
            country_code=country,
            phone_number_type=kind,
            ndc=filters.get("national_destination_code", ""),
            locality=filters.get("locality", ""),
            starts_with=starts_with,
            contains=contains,
            ends_with=ends_with,
            features=frozenset(f for item in features for f in item.split(",")),
        )
        most = self.settings.max_search_results
        found = self.inventory.find(wanted, int(limit) if most is None else min(int(limit), most))
        for stock in found:
            self._searched[g.account, stock.phone_number] = self.clock.now()
        if self.settings.live and not found:
            raise refusal(
                self.settings.nothing_found_status, "10031", "No numbers found with these filters.", "/filter"
            )
        meta = {"total_results": len(found), "best_effort_results": 0}
        data = [shape.available(s, self.settings) for s in found]
        if (country, kind) in self.hidden:
            for row in data:
                row["phone_number"] = f"{row['phone_number'][:-6]}------"
        return json_response({"data": data, "meta": meta, "metadata": meta})

    def _check_permitted(self, country_code: str, phone_number_type: str) -> None:
        if code := self.forbidden.get((country_code, phone_number_type)):
            raise refusal(403, code, "This feature is not permitted at this account level.")

    def _create_order(self) -> Response:
        body = self._body()
        if code := self._blocks.get(g.account):
            raise refusal(self.settings.block_status, code, TITLES.get(code, "The account may not order."))
        items = body.get("phone_numbers")
        if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
            raise refusal(400, "10004", "phone_numbers is required", "/phone_numbers")
        numbers = [str(item.get("phone_number", "")) for item in items]
        for index, number in enumerate(numbers):
            if not E164.fullmatch(number):
                raise refusal(400, "10016", f"{number!r} is not +E.164", f"/phone_numbers/{index}/phone_number")
        if len(set(numbers)) < len(numbers):
            raise refusal(400, "10015", "a phone number is given twice", "/phone_numbers")
        self._snatch(str(body.get("customer_reference")), numbers)
        stocks = [self._orderable(number) for number in numbers]
        for stock in stocks:
            self._check_permitted(stock.country_code, stock.phone_number_type)
        now = self.clock.now()
        subs: dict[tuple[str, str], SubOrder] = {}
        for item, stock in zip(items, stocks, strict=True):
            ordered = self._ordered_number(item, stock)
            kind = (stock.country_code, stock.phone_number_type)
            subs.setdefault(kind, SubOrder(self.new_uuid(), *kind, [], now, now)).numbers.append(ordered)
        order = Order(
            id=self.new_uuid(),
            account=g.account,
            customer_reference=body.get("customer_reference"),
            connection_id=body.get("connection_id"),
            messaging_profile_id=body.get("messaging_profile_id"),
            billing_group_id=body.get("billing_group_id"),
            subs=list(subs.values()),
            created_at=now,
            updated_at=now,
        )
        self.inventory.take(numbers)
        self.life.begin(order)
        for sub in order.subs:
            self._owner |= {sub.id: order} | {n.id: order for n in sub.numbers}
            self._position |= {n.id: position for position, n in enumerate(sub.numbers)}
        self._sell(order.id, order.customer_reference, numbers, body)
        return json_response({"data": shape.order(order, self.life)})

    def _snatch(self, reference: str, numbers: list[str]) -> None:
        if scripted := self.snatched.get(reference):
            named, others = scripted.pop(0)
            self.inventory.take(
                [*named, *[number for number in numbers if number not in named][-others or len(numbers) :]]
            )

    def _orderable(self, number: str) -> Stock:
        stock = self.inventory.get(number)
        searched = self._searched.get((g.account, number))
        told = self.settings.numbers_error_code or ("10027" if self.settings.live else "")
        status = self.settings.numbers_error_status
        if stock is None or searched is None or self.clock.now() - searched > SEARCH_VALID:
            raise refusal(status, told or "85000", f"{number} was not searched", "/phone_numbers")
        if self.inventory.is_gone(number):
            raise refusal(status, told or "85001", f"{number} is not available", "/phone_numbers")
        return stock

    def _ordered_number(self, item: dict[str, Any], stock: Stock) -> Number:
        requirements = [Requirement(t) for t in required(stock.country_code, stock.phone_number_type)]
        group_id = item.get("requirement_group_id")
        group = self._group(group_id) if group_id else None
        must = stock.country_code in GROUP_REQUIRED and bool(requirements)
        if must and (group is None or not group.fulfilled()):
            detail = f"{stock.country_code} numbers need a fulfilled requirement group"
            raise refusal(422, "10027", detail, "/phone_numbers/requirement_group_id")
        if group is not None:
            self._check_group(group, stock.country_code, stock.phone_number_type)
            values = {r.type.id: r for r in group.requirements}
            for requirement in requirements:
                requirement.value = values[requirement.type.id].value
                if requirement.value is not None:
                    requirement.status = APPROVED if group.status == "approved" else UNDER_VETTING
        return Number(
            id=self.new_uuid(),
            phone_number=stock.phone_number,
            country_code=stock.country_code,
            phone_number_type=stock.phone_number_type,
            locality=stock.locality,
            bundle_id=item.get("bundle_id"),
            requirements=requirements,
        )

    def _list_orders(self) -> Response:
        filters = self._filters(
            "status",
            "created_at][gt",
            "created_at][lt",
            "phone_numbers_count",
            "customer_reference",
            "requirements_met",
        )
        after, before = (self._instant(filters.pop(f"created_at][{end}", None)) for end in ("gt", "lt"))
        visible_before = self.clock.now() - timedelta(seconds=self.settings.list_lag_seconds)
        found = [
            body
            for order in self._mine()
            if order.created_at <= visible_before
            and (after is None or order.created_at > after)
            and (before is None or order.created_at < before)
            and self._listed(order, body := shape.listed_order(order, self.life), filters)
        ]
        return self._paged(found)

    def _listed(self, order: Order, body: dict[str, Any], filters: dict[str, str]) -> bool:
        wanted, reference = filters.get("customer_reference"), order.customer_reference or ""
        contained = self.settings.fuzzy_reference and wanted is not None and wanted.lower() in reference.lower()
        if wanted not in (None, reference) and not contained:
            return False
        return (
            filters.get("status") in (None, body["status"])
            and filters.get("phone_numbers_count") in (None, str(body["phone_numbers_count"]))
            and filters.get("requirements_met") in (None, str(body["requirements_met"]).lower())
        )

    def _instant(self, text: str | None) -> datetime | None:
        try:
            instant = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise refusal(400, "10031", f"{text!r} is not a date-time") from None
        return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant

    def _get_order(self, order_id: str) -> Response:
        if order_id not in self.life.orders:
            raise self._not_found()
        return json_response({"data": shape.seen(shape.order(self._seen(order_id), self.life), self.settings)})

    def _update_order(self, order_id: str) -> Response:
        body = self._body()
        if order_id not in self.life.orders:
            raise self._not_found()
        order = self._owned(order_id)
        if "customer_reference" in body:
            order.customer_reference = body["customer_reference"]
        if "regulatory_requirements" in body:
            self._take_values(order, list(order.numbers()), body["regulatory_requirements"])
        return json_response({"data": shape.order(self._seen(order_id), self.life)})

    def _take_values(self, order: Order, numbers: list[Number], items: Any) -> None:
        known = {r.type.id: r for n in numbers for r in n.requirements}
        values: dict[str, str] = {}
        for item in items if isinstance(items, list) else [None]:
            if not isinstance(item, dict) or not isinstance(item.get("field_value"), str) or not item["field_value"]:
                raise refusal(
                    400, "10015", "each item has a requirement_id and a field_value", "/regulatory_requirements"
                )
            requirement = known.get(item.get("requirement_id", ""))
            if requirement is None:
                raise refusal(422, "10027", "no such requirement on this order", "/regulatory_requirements")
            if fault := self.submissions.fault(requirement.type, item["field_value"]):
                raise refusal(422, "10027", fault, "/regulatory_requirements")
            values[requirement.type.id] = item["field_value"]
        self._supply(order, numbers, values)

    def _supply(self, order: Order, numbers: list[Number], values: dict[str, str]) -> None:
        if all(n.met() or n.status != "pending" for n in numbers):
            raise refusal(422, "85003", "Requirements cannot be updated once all have been satisfied.")
        self.life.supply(order, numbers, values, self.clock.now())

    # Sub orders and numbers -------------------------------------------------------------------------------------

    def _sub(self, order: Order, sub_id: str) -> SubOrder:
        for sub in order.subs:
            if sub.id == sub_id:
                return sub
        raise self._not_found()

    def _sub_response(self, sub_id: str, with_numbers: bool) -> Response:
        order = self._seen(sub_id)
        shown = shape.sub_order(self._sub(order, sub_id), order, self.life, with_numbers)
        return json_response({"data": shape.seen(shown, self.settings)})

    def _list_sub_orders(self) -> Response:
        filters = self._filters(
            "status",
            "order_request_id",
            "country_code",
            "phone_number_type",
            "phone_numbers_count",
            "include_phone_numbers",
        )
        with_numbers = filters.pop("include_phone_numbers", "") == "true"
        found = [
            body
            for order in self._mine()
            for sub in order.subs
            if (body := shape.sub_order(sub, order, self.life, with_numbers))
            and all(str(body[name]) == value for name, value in filters.items())
        ]
        return self._cut(shape.seen(found, self.settings))

    def _get_sub_order(self, sub_id: str) -> Response:
        return self._sub_response(sub_id, self._filters("include_phone_numbers").get("include_phone_numbers") == "true")

    def _update_sub_order(self, sub_id: str) -> Response:
        order = self._owned(sub_id)
        self._take_values(order, self._sub(order, sub_id).numbers, self._body().get("regulatory_requirements"))
        return self._sub_response(sub_id, with_numbers=False)

    def _cancel_sub_order(self, sub_id: str) -> Response:
        order = self._owned(sub_id)
        sub = self._sub(order, sub_id)
        if self.life.status(sub) != "pending":
            raise refusal(422, "10027", "only a pending sub number order can be cancelled")
        now = self.clock.now()
        self.life.change(order, now, lambda: self.life.cancel(sub, now))
        return self._sub_response(sub_id, with_numbers=False)

    def _sub_order_group(self, sub_id: str) -> Response:
        order = self._owned(sub_id)
        self._attach(order, self._sub(order, sub_id).numbers)
        order = self._seen(sub_id)
        shown = shape.sub_order(self._sub(order, sub_id), order, self.life, with_numbers=True)
        return json_response({"data": shape.attached(shown)})

    def _attach(self, order: Order, numbers: list[Number]) -> None:
        group = self._group(self._body().get("requirement_group_id", ""))
        self._check_group(group, numbers[0].country_code, numbers[0].phone_number_type)
        if not group.fulfilled():
            raise refusal(422, "10027", "the requirement group is not fulfilled", "/requirement_group_id")
        self._supply(order, numbers, {r.type.id: r.value for r in group.requirements if r.value is not None})
        if group.status == "approved":
            now = self.clock.now()
            for number in numbers:
                for requirement in number.requirements:
                    requirement.status, requirement.vet_at = APPROVED, None
                self.life.submitted(number, now)

    def _number(self, order: Order, number_id: str) -> tuple[SubOrder, Number]:
        position = self._position.get(number_id, 0)
        for sub in order.subs:
            if position < len(sub.numbers) and sub.numbers[position].id == number_id:
                return sub, sub.numbers[position]
        raise self._not_found()

    def _number_response(self, number_id: str) -> Response:
        order = self._seen(number_id)
        sub, number = self._number(order, number_id)
        with_status = self.settings.requirement_status_everywhere
        shown = shape.number_order_phone_number(number, sub, order, with_status)
        return json_response({"data": shape.seen(shown, self.settings)})

    def _list_numbers(self) -> Response:
        country = self._filters("country_code").get("country_code")
        with_status = self.settings.requirement_status_everywhere
        found = [
            shape.number_order_phone_number(number, sub, order, with_status)
            for order in self._mine()
            for sub in order.subs
            if country in (None, sub.country_code)
            for number in sub.numbers
        ]
        meta = {"page_number": 1, "page_size": max(len(found), 20), "total_pages": 1, "total_results": len(found)}
        return json_response({"data": found, "meta": meta})

    def _get_number(self, number_id: str) -> Response:
        return self._number_response(number_id)

    def _update_number(self, number_id: str) -> Response:
        order = self._owned(number_id)
        self._take_values(order, [self._number(order, number_id)[1]], self._body().get("regulatory_requirements"))
        return self._number_response(number_id)

    def _number_group(self, number_id: str) -> Response:
        order = self._owned(number_id)
        self._attach(order, [self._number(order, number_id)[1]])
        order = self._seen(number_id)
        sub, number = self._number(order, number_id)
        shown = shape.number_order_phone_number(number, sub, order, with_status=True)
        return json_response({"data": shape.attached(shown)})

    # Comments ---------------------------------------------------------------------------------------------------

    def _list_comments(self) -> Response:
        filters = self._filters("comment_record_type", "comment_record_id")
        found = [
            shape.comment(c)
            for c in self.life.comments.values()
            if self._may_read(c.record_id)
            and filters.get("comment_record_type") in (None, c.record_type)
            and filters.get("comment_record_id") in (None, c.record_id)
        ]
        return self._cut(found)

    def _may_read(self, record_id: str) -> bool:
        order, group = self._owner.get(record_id), self.submissions.groups.get(record_id)
        return g.account in {item.account for item in (order, group) if item is not None}

    def _create_comment(self) -> Response:
        body = self._body()
        kind, record_id = body.get("comment_record_type"), str(body.get("comment_record_id", ""))
        if kind not in ("sub_number_order", "requirement_group") or not body.get("body"):
            raise refusal(400, "10015", "body and comment_record_type are needed")
        if not self._may_read(record_id):
            raise self._not_found()
        made = self.life.comment(
            record_id,
            body["body"],
            self.clock.now(),
            commenter="user@customer.example",
            commenter_type="user",
            record_type=kind,
        )
        if kind == "sub_number_order":
            order = self._owned(record_id)
            self.life.asked(order, self._sub(order, record_id), self.clock.now())
        return json_response({"data": shape.comment(made)})

    def _get_comment(self, comment_id: str) -> Response:
        found = self.life.comments.get(comment_id)
        if found is None or not self._may_read(found.record_id):
            raise self._not_found()
        return json_response({"data": shape.comment(found)})

    def _read_comment(self, comment_id: str) -> Response:
        found = self.life.comments.get(comment_id)
        if found is None or not self._may_read(found.record_id):
            raise self._not_found()
        found.read_at = found.read_at or self.clock.now()
        return json_response({"data": shape.comment(found)})

    # Requirements, requirement groups, documents, addresses -----------------------------------------------------

    def _regulatory_requirements(self) -> Response:
        filters = self._filters("country_code", "phone_number_type", "action", "phone_number", "requirement_group_id")
        country, kind = filters.get("country_code"), filters.get("phone_number_type")
        kinds = [(c, k) for c, k in PLANS if country in (None, c) and kind in (None, k)]
        if number := filters.get("phone_number"):
            stock = self.inventory.recognise(number)
            kinds = [
                each for each in kinds if stock is not None and each == (stock.country_code, stock.phone_number_type)
            ]
        if group_id := filters.get("requirement_group_id"):
            group = self._group(group_id)
            kinds = [each for each in kinds if each == (group.country_code, group.phone_number_type)]
        data = [
            {
                "country_code": c,
                "phone_number_type": k,
                "action": "ordering",
                "regulatory_requirements": [shape.regulatory_requirement(t) for t in required(c, k)],
            }
            for c, k in kinds
            if required(c, k)
        ]
        return json_response({"data": data})

    def _list_requirement_types(self) -> Response:
        name = self._filters("name][contains").get("name][contains", "")
        data = [shape.requirement_type(t) for c in REQUIREMENTS for t in requirement_types(c) if name in t.name]
        return self._cut(data)

    def _get_requirement_type(self, type_id: str) -> Response:
        for item in (t for country in REQUIREMENTS for t in requirement_types(country)):
            if item.id == type_id:
                return json_response({"data": shape.requirement_type(item)})
        raise self._not_found()

    def _group(self, group_id: str) -> Group:
        group = self.submissions.groups.get(group_id)
        if group is None or group.account != g.account:
            raise self._not_found()
        return group

    def _check_group(self, group: Group, country_code: str, phone_number_type: str) -> None:
        if (group.country_code, group.phone_number_type) != (country_code, phone_number_type):
            detail = "the requirement group is for another country or number type"
            raise refusal(422, "10027", detail, "/requirement_group_id")

    def _list_groups(self) -> Response:
        filters = self._filters("country_code", "phone_number_type", "action", "status", "customer_reference")
        bodies = [group.body() for group in self.submissions.groups.values() if group.account == g.account]
        # a bare array: requirement group bodies are not wrapped in data
        return json_response([b for b in bodies if all(b[name] == value for name, value in filters.items())])

    def _create_group(self) -> Response:
        body = self._body()
        for name in ("country_code", "phone_number_type", "action"):
            if not body.get(name):
                raise refusal(400, "10004", f"{name} is required", f"/{name}")
        group = self.submissions.new_group(g.account, body, self.clock.now())
        self._fill(group, body)
        self.submissions.groups[group.id] = group
        return json_response(group.body())

    def _fill(self, group: Group, body: dict[str, Any]) -> None:
        for item in body.get("regulatory_requirements") or []:
            found = [r for r in group.requirements if r.type.id == item.get("requirement_id")]
            fault = (
                self.submissions.fault(found[0].type, str(item.get("field_value"))) if found else "no such requirement"
            )
            if fault:
                raise refusal(422, "10027", fault, "/regulatory_requirements")
            found[0].value, found[0].status = item.get("field_value"), UNDER_VETTING
        group.updated_at = self.clock.now()

    def _get_group(self, group_id: str) -> Response:
        return json_response(self._group(group_id).body())

    def _update_group(self, group_id: str) -> Response:
        group, body = self._group(group_id), self._body()
        group.customer_reference = body.get("customer_reference", group.customer_reference)
        self._fill(group, body)
        return json_response(group.body())

    def _delete_group(self, group_id: str) -> Response:
        group = self._group(group_id)
        del self.submissions.groups[group.id]
        return json_response(group.body())

    def _submit_group(self, group_id: str) -> Response:
        group = self._group(group_id)
        if not group.fulfilled():
            raise refusal(422, "10027", "the requirement group is not fulfilled")
        self.submissions.submit(group, self.clock.now())
        return json_response(group.body())

    def _create_document(self) -> Response:
        upload = request.files.get("file")
        if upload is not None:
            name, content, kind = upload.filename or "file", upload.read(), upload.mimetype
            reference = request.form.get("customer_reference")
        else:
            body = self._body()
            if not body.get("file") and not body.get("url"):
                raise refusal(400, "10004", "file or url is required", "/file")
            name, reference = body.get("filename") or "file", body.get("customer_reference")
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            try:
                content = base64.b64decode(body["file"], validate=True) if body.get("file") else b"from a URL"
            except ValueError:
                raise refusal(422, "10027", "file is not base64", "/file") from None
        made = self.submissions.new_document(name, content, kind, reference, self.clock.now())
        return json_response({"data": made})

    def _get_document(self, submission_id: str) -> Response:
        return self._submission(self.submissions.documents, submission_id)

    def _create_address(self) -> Response:
        body, submission_id = self._body(), str(self.random.randrange(10**18, 10**19))
        for name in ("street_address", "locality", "country_code"):
            if not body.get(name):
                raise refusal(400, "10004", f"{name} is required", f"/{name}")
        if not (body.get("business_name") or (body.get("first_name") and body.get("last_name"))):
            raise refusal(422, "10027", "business_name, or first_name and last_name, are needed")
        if self.settings.live and self.settings.validates_addresses and body.get("validate_address", True):
            raise refusal(422, "10027", "Address is not valid for emergency use", "/street_address")
        return json_response({"data": self.submissions.new_address(submission_id, body, self.clock.now())})

    def _get_address(self, submission_id: str) -> Response:
        return self._submission(self.submissions.addresses, submission_id)

    def _submission(self, submissions: dict[str, dict[str, Any]], submission_id: str) -> Response:
        if submission_id not in submissions:
            raise self._not_found()
        return json_response({"data": submissions[submission_id]})

    def _get_public_key(self) -> Response:
        key = {"public": self._public(g.account), "record_type": "public_key"}
        return json_response({"data": key | {"organization_id": "5f1c2f3e-0d6b-4e0c-9a52-6d6f4b6f9c11"}})
