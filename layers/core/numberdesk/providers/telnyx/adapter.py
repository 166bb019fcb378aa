"""Telnyx v2 number orders, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.providers.base import AccountFaultError, NotAble, Placed, Plan, UnclearError, UnreadableError
from numberdesk.providers.lenient import fields, rows, text
from numberdesk.providers.telnyx.api import Api
from numberdesk.providers.telnyx.look import Look
from numberdesk.providers.telnyx.search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import Snapshot
    from numberdesk.providers.base import Credentials, Provider
    from numberdesk.providers.http import Transport

_SETTINGS = ("connection_id", "messaging_profile_id", "billing_group_id")
_PAGE_SIZE = 250  # the most that the OpenAPI document allows
_MOST_PAGES = 20


def build(
    credentials: Credentials,
    clock: Clock,
    timings: Timings,
    *,
    before_call: Callable[[], None] = lambda: None,
    transport: Transport | None = None,
) -> Provider:
    """Make the adapter of one account.

    Args:
        credentials: value `api_key`; settings `connection_id`, `messaging_profile_id`, `billing_group_id`, each of them
            given to every order where it is there.
        clock: for pauses.
        timings: time-outs.
        before_call: called before every call.
        transport: for tests.

    Raises:
        AccountFaultError: the account's secret cannot be used as it is.
    """
    settings = {name: credentials.settings[name] for name in _SETTINGS if credentials.settings.get(name) is not None}
    for name, value in settings.items():
        if text(value) is None:
            raise AccountFaultError(f"the setting {name} must be a string")
    return Telnyx(Api(credentials, clock, timings, before_call=before_call, transport=transport), settings)


class Telnyx(NotAble):
    """Number orders of one account."""

    can_find = True

    def __init__(self, api: Api, settings: Mapping[str, object]) -> None:
        """Keep the calls, and what is given to every order; `build` makes them."""
        self._api = api
        self._settings = settings

    def plan(self, message: OrderMessage, *, exclude: frozenset[str] = frozenset()) -> Plan:
        """Search for what is asked, and choose. One search for each number asked for by name, and for each criteria.

        Raises:
            RefusedError: nothing of it can be had.
            UnreadableError, AccountFaultError, SlotBusyError: try again later.
        """
        search = Search(self._api, message, exclude)
        search.run()
        numbers = [
            {"phone_number": value, "requirement_group_id": search.groups[value]}
            if value in search.groups
            else {"phone_number": value}
            for value in search.chosen
        ]
        return Plan(
            payload={"phone_numbers": numbers, **self._settings},
            chosen=tuple(search.chosen.values()),
            shortfall="; ".join(search.lacking) or None,
        )

    def place(self, plan: Plan, reference: str) -> Placed:
        """Create the number order: one call, never repeated.

        Raises:
            RefusedError, AccountFaultError, NotSentError, SlotBusyError: nothing was bought.
            UnclearError: something may have been bought.
        """
        created = self._api.create_order({**plan.payload, "customer_reference": reference})
        order_id = text(created.get("id"))
        if order_id is None:
            raise UnclearError("a success without an order id")
        return Placed(order_id, text(created.get("status")))

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002
        """Search the number orders by our reference. Empty means that there is none, so nothing unread may be left.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not looked; says nothing.
        """
        found: dict[str, Placed] = {}
        for page in range(1, _MOST_PAGES + 1):
            body = self._api.get(
                "number_orders",
                ("filter[customer_reference]", order.reference),
                ("page[number]", str(page)),
                ("page[size]", str(_PAGE_SIZE)),
            )
            if not isinstance(body["data"], list):
                raise UnreadableError("a list of orders that is no list")
            for shown in rows(body["data"]):
                # Whether the filter matches exactly is not said.
                if shown.get("customer_reference") == order.reference:
                    order_id = text(shown.get("id"))
                    if order_id is None:
                        raise UnreadableError("an order with our reference and no id")
                    found[order_id] = Placed(order_id, text(shown.get("status")))
            pages = fields(body.get("meta")).get("total_pages")
            if page >= pages if isinstance(pages, int) else len(body["data"]) < _PAGE_SIZE:
                return list(found.values())
        raise UnreadableError(f"more than {_MOST_PAGES} pages of orders")

    def observe(self, order: Order) -> Snapshot:
        """Read the order as it is now, in at most 25 calls (see `look`).

        Raises:
            UnreadableError, NoSuchOrderError, AccountFaultError, SlotBusyError: nothing was seen.
        """
        return Look(self._api, order).snapshot()

    def what_to_look_for(self, order: Order) -> str:
        """Tell a person how to find an unclear purchase among Telnyx's number orders."""
        since = f", created after {order.attempt.began_at:%Y-%m-%d %H:%M:%S} UTC" if order.attempt else ""
        return f"Look among Telnyx's number orders for one with the customer reference {order.reference}{since}."
