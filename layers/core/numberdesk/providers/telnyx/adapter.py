"""Telnyx v2 number orders, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.request import CriteriaItem, KeywordsItem
from numberdesk.providers.base import (
    AccountFaultError,
    OutcomeUnknownError,
    Placed,
    Plan,
    Provider,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.json_values import identifier, text
from numberdesk.providers.telnyx import inventory, offers, registrations, submissions
from numberdesk.providers.telnyx.api import Api
from numberdesk.providers.telnyx.cancelling import cancel
from numberdesk.providers.telnyx.catalogue import catalogue
from numberdesk.providers.telnyx.observe import Poll
from numberdesk.providers.telnyx.reorder import Again
from numberdesk.providers.telnyx.search import Search, region
from numberdesk.providers.telnyx.statuses import OVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.listings import Offer, Registration
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen, Snapshot
    from numberdesk.domain.statuses import AssetKind
    from numberdesk.domain.values import Address
    from numberdesk.providers.base import Credentials, OrdersPage, OwnedPage, Query
    from numberdesk.providers.http import Transport

_SETTINGS = ("connection_id", "messaging_profile_id", "billing_group_id")
_OF_ADDRESSES = ("address_book", "validate_address")
"""Of addresses: true at Telnyx by default, and false here. What an order is answered with belongs in no address book, and what
validates addresses for emergency use may refuse others (OpenAPI document: addresses)."""


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
        credentials: value `api_key`; settings `connection_id`, `messaging_profile_id`, `billing_group_id`, each of them
            given to every order where it is there; `address_book` and `validate_address` (both false), given to every address.
        clock: for pauses.
        timings: time-outs.
        before_call: called before every call.
        throttled: told of every 429.
        transport: for tests.

    Raises:
        AccountFaultError: the account's secret cannot be used as it is.
    """
    settings = {name: credentials.settings[name] for name in _SETTINGS if credentials.settings.get(name) is not None}
    for name, value in settings.items():
        if text(value) is None:
            raise AccountFaultError(f"the setting {name} must be a string")
    of_addresses: dict[str, bool] = {}
    for name in _OF_ADDRESSES:
        flag = credentials.settings.get(name, False)
        if not isinstance(flag, bool):
            raise AccountFaultError(f"the setting {name} must be true or false")
        of_addresses[name] = flag
    api = Api(credentials, clock, timings, before_call=before_call, throttled=throttled, transport=transport)
    return Telnyx(api, settings, of_addresses)


class Telnyx(Provider):
    """Number orders of one account."""

    can_find = True

    def __init__(self, api: Api, settings: Mapping[str, object], of_addresses: Mapping[str, bool]) -> None:
        """Keep the calls, and what is given to every order and every address; `build` makes them."""
        self._api = api
        self._settings = settings
        self._of_addresses = of_addresses

    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), reuse: Sequence[Asset] = ()
    ) -> Plan:
        """Check requirement groups, search for what is asked, and choose.

        One read for each group, and one search for each number asked for by name and for each criteria. None of that where an
        earlier attempt froze its choice: the same order is written again (see `again`).

        Raises:
            RefusedError: a requirement group is of no use, or nothing of it can be had.
            NotPermittedError: not by this account.
            UnreadableError, AccountFaultError, SlotBusyError: try again later.
        """
        if reuse:
            return self._plan(Again(message, reuse))
        self._check_groups(message)
        search = Search(self._api, message, exclude)
        search.run()
        return self._plan(search)

    def _plan(self, choice: Search | Again) -> Plan:
        numbers = [
            {"phone_number": value, "requirement_group_id": choice.groups[value]}
            if value in choice.groups
            else {"phone_number": value}
            for value in choice.chosen
        ]
        return Plan(
            payload={"phone_numbers": numbers, **self._settings},
            chosen=tuple(choice.chosen.values()),
            shortfall="; ".join(choice.lacking) or None,
            not_fitting=choice.not_fitting,
        )

    def _check_groups(self, message: OrderMessage) -> None:
        """Refuse what Telnyx would: "an empty group is refused" (guide: requirement groups), and so is one for other numbers."""
        checked: dict[tuple[str, str | None, str | None], list[str]] = {}
        faults: list[str] = []
        for position, item in enumerate(message.items, 1):
            if isinstance(item, KeywordsItem) or not item.requirement_group_id:
                continue
            if isinstance(item, CriteriaItem):
                kinds: list[tuple[str | None, str | None]] = [(item.criteria.country, item.criteria.number_type)]
            else:
                kinds = [(country, None) for country in dict.fromkeys(map(region, item.numbers))]
            found: dict[str, None] = {}
            for kind in kinds:
                key = (item.requirement_group_id, *kind)
                if key not in checked:
                    checked[key] = submissions.check_group(self._api, *key)
                found |= dict.fromkeys(checked[key])
            faults += [f"item {position}: {fault}" for fault in found]
        if faults:
            way_out = "name a requirement group that has every value and is for these numbers"
            raise RefusedError(f"{'; '.join(faults)}; {way_out}")

    def place(self, plan: Plan, reference: str) -> Placed:
        """Create the number order: one call, never repeated.

        Raises:
            RefusedError, NotPermittedError, AccountFaultError, NotSentError, SlotBusyError: nothing was bought.
            OutcomeUnknownError: something may have been bought.
        """
        created = self._api.create_order({**plan.payload, "customer_reference": reference})
        order_id = identifier(created.get("id"))
        if order_id is None:
            raise OutcomeUnknownError("a success without an order id")
        return Placed(order_id, text(created.get("status")))

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002
        """Search the number orders by our reference. Empty means that there is none, so nothing unread may be left.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not read; says nothing.
        """
        found: dict[str, Placed] = {}
        for shown in self._api.pages("number_orders", ("filter[customer_reference]", order.reference), strict=True):
            # Whether the filter matches exactly is not said.
            reference = shown.get("customer_reference")
            if not isinstance(reference, str | None):
                raise UnreadableError("an order that may have our reference, and does not show it")
            if reference == order.reference:
                order_id = identifier(shown.get("id"))
                if order_id is None:
                    raise UnreadableError("an order with our reference and no id")
                provider_status = text(shown.get("status"))
                found[order_id] = Placed(order_id, provider_status, over=provider_status in OVER)
        return list(found.values())

    def observe(self, order: Order) -> Snapshot:
        """Read the order as it is now, in at most 25 calls (see `poll`).

        Raises:
            UnreadableError, NoSuchOrderError, AccountFaultError, SlotBusyError: nothing was seen.
        """
        return Poll(self._api, order).snapshot()

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        """Cancel the sub orders that are pending as read now, or the one given, and say how many of how many are.

        Raises:
            RefusedError: none is or could be.
            AccountFaultError, NotSentError, OutcomeUnknownError, SlotBusyError: try again later.
        """
        return cancel(self._api, order, sub_order_id)

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        """Say what numbers of a country and type take, or one number; see `catalogue`."""
        return catalogue(self._api, country, number_type, number)

    def check_group(self, group_id: str, *, country: str | None, number_type: str | None) -> list[str]:
        """See `Provider.check_group`."""
        return submissions.check_group(self._api, group_id, country, number_type)

    def create_address(self, address: Address, reference: str) -> str:
        """See `Provider.create_address`."""
        return submissions.create_address(self._api, address, reference, self._of_addresses)

    def upload_document(self, content: bytes, filename: str, content_type: str, reference: str) -> str:  # noqa: ARG002
        """See `Provider.upload_document`. Telnyx is told no content type: it goes by name and content."""
        return submissions.upload_document(self._api, content, filename, reference)

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        """See `Provider.supply`."""
        return submissions.supply(self._api, order, values, sub_order_id=sub_order_id, number=number)

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        """See `Provider.attach_group`."""
        return submissions.attach_group(self._api, order, group_id, sub_order_id=sub_order_id, number=number)

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        """See `Provider.comments`."""
        return submissions.comments(self._api, sub_order_id)

    def comment(self, sub_order_id: str, text: str) -> str:
        """See `Provider.comment`."""
        return submissions.comment(self._api, sub_order_id, text)

    def mark_read(self, comment_id: str) -> None:
        """See `Provider.mark_read`."""
        submissions.mark_read(self._api, comment_id)

    def search_numbers(self, query: Query) -> list[Offer]:
        """See `Provider.search_numbers`."""
        return offers.search_numbers(self._api, query)

    def owned(self, cursor: str | None) -> OwnedPage:
        """See `Provider.owned`. The cursor is the next page's number."""
        return inventory.owned(self._api, cursor)

    def orders(self, cursor: str | None) -> OrdersPage:
        """See `Provider.orders`. The cursor is the next page's number."""
        return inventory.orders(self._api, cursor)

    def release(self, value: str, kind: AssetKind) -> str:
        """See `Provider.release`."""
        return inventory.release(self._api, value, kind)

    def registrations(self) -> list[Registration]:
        """See `Provider.registrations`."""
        return registrations.listed(self._api)

    def register(self, url: str, event: str | None) -> Registration:
        """See `Provider.register`. Without an event it is the one about number orders, found at run time."""
        return registrations.register(self._api, url, event)

    def unregister(self, registration_id: str) -> None:
        """See `Provider.unregister`."""
        registrations.unregister(self._api, registration_id)

    def what_to_look_for(self, order: Order) -> str:
        """Tell a person how to find a purchase with an unknown outcome among Telnyx's number orders."""
        since = f", created after {order.attempt.began_at:%Y-%m-%d %H:%M:%S} UTC" if order.attempt else ""
        return f"Look among Telnyx's number orders for one with the customer reference {order.reference}{since}."
