"""A Telnyx account besides orders: owned numbers, and notification profiles, channels and settings."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import g, request

from local.simulators import telnyx_json as shape
from local.simulators.base import control, json_response
from local.simulators.inventory import Wanted
from local.simulators.telnyx_http import TelnyxHttp, refusal
from local.simulators.telnyx_notifications import KINDS, conditions, events
from local.simulators.telnyx_orders import Number, Order, SubOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Response

    from local.simulators.outbox import Attempt

    Route = tuple[str, str, str, Callable[..., Response]]

_NEEDED = {
    "profile": ("name",),
    "channel": ("channel_type_id", "channel_destination", "notification_profile_id"),
    "setting": ("notification_event_condition_id", "notification_profile_id", "notification_channel_id"),
}
_NOTIFICATION_FILTERS = (
    "associated_record_type",
    "channel_type_id",
    "notification_channel",
    "notification_event_condition_id",
    "notification_profile_id",
    "status",
)
_DELIVERY_FILTERS = (
    "status][eq",
    "event_type",
    "webhook][contains",
    "attempts][contains",
    "started_at][gte",
    "started_at][lte",
    "finished_at][gte",
    "finished_at][lte",
)
_USER = str(uuid.uuid5(uuid.NAMESPACE_URL, "telnyx/user"))
_SORTS = ("purchased_at", "phone_number", "connection_name", "usage_payment_method")


class TelnyxAccount(TelnyxHttp):
    """The routes for these."""

    def _account_routes(self) -> Iterator[Route]:
        yield "GET", "/v2/phone_numbers", "list_owned", self._list_phone_numbers
        yield "DELETE", "/v2/phone_numbers/<owned_id>", "delete_owned", self._delete_phone_number
        yield "GET", "/v2/notification_events", "list_events", self._list_events
        yield "GET", "/v2/notification_event_conditions", "list_conditions", self._list_conditions
        yield "GET", "/v2/webhook_deliveries", "list_deliveries", self._list_deliveries
        for kind in KINDS:
            path = f"/v2/notification_{kind}s"
            yield "GET", path, f"list_{kind}s", partial(self._list_made, kind)
            yield "POST", path, f"create_{kind}", partial(self._make, kind)
            yield "GET", f"{path}/<made_id>", f"get_{kind}", partial(self._get_made, kind)
            yield "DELETE", f"{path}/<made_id>", f"delete_{kind}", partial(self._delete_made, kind)

    # Numbers ----------------------------------------------------------------------------------------------------

    def _list_phone_numbers(self) -> Response:
        filters = self._filters(
            "status", "country_iso_alpha2", "phone_number", "customer_reference", "number_type][eq", "connection_id",
            "billing_group_id",
        )  # fmt: skip
        sort = request.args.get("sort")
        if sort not in (None, *_SORTS):
            raise refusal(400, "10015", f"cannot sort by {sort!r}", "/sort")
        names = {"number_type][eq": "phone_number_type"}
        # "Non-numerical characters will result in no values being returned", a plus among them.
        digits = filters.pop("phone_number", "")
        found = [
            body
            for order, number in self._active(g.account)
            if digits in number.phone_number.lstrip("+")
            and (body := shape.phone_number(number, order, _owned_id(number)))
            and all(body[names.get(name, name)] == value for name, value in filters.items())
        ]
        # Newest first unless requested otherwise.
        found.sort(key=lambda body: body["created_at"] if sort is None else str(body.get(sort)), reverse=sort is None)
        return self._paged(found)

    def _delete_phone_number(self, owned_id: str) -> Response:
        for order, number in self._active(g.account):
            if _owned_id(number) == owned_id:
                self.life.delete_number(order, number, self.clock.now())
                body = shape.phone_number(number, order, owned_id)
                del body["country_iso_alpha2"]
                gone = {"status": "deleted", "updated_at": shape.micro_z(self.clock.now())}
                return json_response({"data": body | gone})
        raise self._not_found()

    def _active(self, account: str) -> Iterator[tuple[Order, Number]]:
        now = self.clock.now()
        for order in self.life.orders.values():
            for number in order.numbers() if order.account == account else ():
                since = number.active_since
                is_there = since is not None and since + timedelta(seconds=self.settings.owned_lag_seconds) <= now
                if is_there and number.requirements_status != "deleted":
                    yield order, number

    @control
    def buy_by_hand(self, country_code: str = "US", number_type: str = "local", account: str = "default") -> str:
        """Buy a number as in the portal: an order without a reference, active at once; return the number."""
        [stock] = self.inventory.find(Wanted(country_code, number_type), 1)
        self.inventory.take([stock.phone_number])
        now = self.clock.now()
        number = Number(self.new_uuid(), stock.phone_number, country_code, number_type, stock.locality, None, [])
        number.status, number.active_since = "success", now
        sub = SubOrder(self.new_uuid(), country_code, number_type, [number], now, now)
        order = Order(self.new_uuid(), account, None, None, None, None, [sub], now, now)
        self.life.orders[order.id] = order
        return number.phone_number

    @control
    def take_away(self, value: str, account: str = "default") -> None:
        """Remove this number from the account; its order does not show that. LookupError if it is not owned."""
        for _, number in self._active(account):
            if number.phone_number == value:
                number.active_since = None
                return
        raise LookupError(f"no number {value!r}")

    @control
    def owns(self, value: str, account: str = "default") -> bool:
        """Return whether the account owns this number (E.164)."""
        return any(number.phone_number == value for _, number in self._active(account))

    # Notifications ----------------------------------------------------------------------------------------------

    def _list_events(self) -> Response:
        return self._paged(events())

    def _list_conditions(self) -> Response:
        return self._paged(self._filtered(conditions()))

    def _list_deliveries(self) -> Response:
        """The log of what was sent. A delivery is there once it succeeded or its last attempt failed: `status` has no third value."""
        filters = self._filters(*_DELIVERY_FILTERS)
        made: dict[str, list[Attempt]] = {}
        for attempt in self.outbox.log:
            if attempt.account == g.account:
                made.setdefault(attempt.delivery, []).append(attempt)
        found = [shape.webhook_delivery(attempts, _USER) for attempts in made.values() if attempts[-1].over]
        return self._paged([body for body in reversed(found) if self._passes(body, filters)])

    def _passes(self, body: dict[str, Any], filters: dict[str, str]) -> bool:
        for name, wanted in filters.items():
            component, _, how = name.partition("][")
            shown = body["webhook"]["event_type"] if name == "event_type" else body[component]
            match how:
                case "contains":
                    passes = wanted in json.dumps(shown)
                case "gte" | "lte":
                    at, limit = datetime.fromisoformat(shown), _instant(wanted, name)
                    passes = at >= limit if how == "gte" else at <= limit
                case "eq":
                    passes = shown == wanted
                case _:
                    passes = shown in wanted.split(",")
            if not passes:
                return False
        return True

    def _list_made(self, kind: str) -> Response:
        return self._paged(self._filtered(self.notifications.of(kind, g.account)))

    def _filtered(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        filters = self._filters(*(f"{name}][eq" for name in _NOTIFICATION_FILTERS))
        wanted = {name.removesuffix("][eq"): value for name, value in filters.items()}
        if channel := wanted.pop("notification_channel", None):
            wanted["notification_channel_id"] = channel
        return [body for body in found if all(body.get(name) == value for name, value in wanted.items())]

    def _make(self, kind: str) -> Response:
        body = self._body()
        for name in _NEEDED[kind]:
            if not isinstance(body.get(name), str) or not body[name]:
                raise refusal(400, "10004", f"{name} is required", f"/{name}")
        for other in KINDS:
            if (used := body.get(f"notification_{other}_id")) and (g.account, used) not in self.notifications.made[
                other
            ]:
                raise refusal(422, "10027", f"no such {other}", f"/notification_{other}_id")
        if kind == "setting":
            self._check_setting(body)
        made = self.notifications.make(
            kind,
            g.account,
            {name: body[name] for name in [*_NEEDED[kind], "parameters"] if name in body},
            self.clock.now(),
        )
        if kind == "setting":
            made.setdefault("parameters", [])
        return json_response({"data": made}, 201 if made.get("status") == "enable-received" else 200)

    def _check_setting(self, body: dict[str, Any]) -> None:
        condition = next((each for each in conditions() if each["id"] == body["notification_event_condition_id"]), None)
        if condition is None:
            raise refusal(422, "10027", "no such condition", "/notification_event_condition_id")
        channel = self.notifications.made["channel"][g.account, body["notification_channel_id"]]
        if channel["channel_type_id"] not in condition["supported_channels"]:
            raise refusal(422, "10027", "this is not told by such channels", "/notification_channel_id")
        given = {each.get("name") for each in body.get("parameters") or []}
        if {each["name"] for each in condition["parameters"]} - given:
            raise refusal(422, "10027", "a parameter is missing", "/parameters")

    def _get_made(self, kind: str, made_id: str) -> Response:
        return json_response({"data": self._found(kind, made_id)})

    def _delete_made(self, kind: str, made_id: str) -> Response:
        body = self._found(kind, made_id)
        if self.notifications.uses(kind, g.account, made_id):
            raise refusal(422, "10027", f"the {kind} is in use")
        del self.notifications.made[kind][g.account, made_id]
        return json_response({"data": body | ({"status": "deleted"} if kind == "setting" else {})})

    def _found(self, kind: str, made_id: str) -> dict[str, Any]:
        found = self.notifications.made[kind].get((g.account, made_id))
        if found is None:
            raise self._not_found()
        return found


def _instant(text: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise refusal(400, "10031", f"The request filter filter[{name}] is invalid.", f"/filter[{name}]") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _owned_id(number: Number) -> str:
    """Numeric, and not the id of the order's number."""
    return str(10**18 + uuid.UUID(number.id).int % (9 * 10**18))
