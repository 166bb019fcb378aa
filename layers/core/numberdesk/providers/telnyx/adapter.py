"""Telnyx v2: number orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

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
from numberdesk.providers.telnyx import deliveries, inventory, offers, registrations, submissions
from numberdesk.providers.telnyx.api import Api
from numberdesk.providers.telnyx.cancelling import cancel
from numberdesk.providers.telnyx.catalogue import catalogue
from numberdesk.providers.telnyx.observe import Poll
from numberdesk.providers.telnyx.reorder import Reorder
from numberdesk.providers.telnyx.search import Search, region
from numberdesk.providers.telnyx.statuses import OVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.listings import Offer, Registration
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen, Snapshot
    from numberdesk.domain.statuses import AssetKind
    from numberdesk.domain.values import Address
    from numberdesk.providers.base import Credentials, DeliveriesPage, OrdersPage, OwnedPage, Query, Sent
    from numberdesk.providers.http import HttpOptions

_SETTINGS = ("connection_id", "messaging_profile_id", "billing_group_id")
_OF_ADDRESSES = ("address_book", "validate_address")
"""True at Telnyx by default, and false here. An order's addresses do not belong in an address book, and the validation is for
emergency use and may refuse other addresses (OpenAPI document: addresses)."""


def build(
    credentials: Credentials,
    clock: Clock,
    timings: Timings,
    **options: Unpack[HttpOptions],
) -> Provider:
    """Create the adapter of one account.

    Args:
        credentials: value `api_key`; settings `connection_id`, `messaging_profile_id` and `billing_group_id`, sent with every order if
            present; `address_book` and `validate_address` (both false), sent with every address.
        clock: for pauses.
        timings: time-outs.
        **options: see `Http`.

    Raises:
        AccountFaultError: the account's secret is not usable.
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
    return Telnyx(Api(credentials, clock, timings, **options), settings, of_addresses)


class Telnyx(Provider):
    """One account; `settings` are sent with every order, `of_addresses` with every address."""

    can_find = True

    def __init__(self, api: Api, settings: Mapping[str, object], of_addresses: Mapping[str, bool]) -> None:
        self._api = api
        self._settings = settings
        self._of_addresses = of_addresses

    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), reuse: Sequence[Asset] = ()
    ) -> Plan:
        """Check requirement groups, search for what is requested, and choose.

        One read for each group, and a search for each number requested by name and for each criteria. With `reuse` nothing is read: the
        earlier choice is ordered again (see `Reorder`).
        """
        if reuse:
            return self._plan(Reorder(message, reuse))
        self._check_groups(message)
        search = Search(self._api, message, exclude)
        search.run()
        return self._plan(search)

    def _plan(self, choice: Search | Reorder) -> Plan:
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
        """Refuse groups that Telnyx would refuse: "an empty group is refused" (guide: requirement groups), as is one for other numbers."""
        checked: dict[tuple[str, str | None, str | None], list[str]] = {}
        issues: list[str] = []
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
            issues += [f"item {position}: {issue}" for issue in found]
        if issues:
            way_out = "name a requirement group that has every value and is for these numbers"
            raise RefusedError(f"{'; '.join(issues)}; {way_out}")

    def place(self, plan: Plan, reference: str) -> Placed:
        """Create the number order."""
        created = self._api.create_order({**plan.payload, "customer_reference": reference})
        order_id = identifier(created.get("id"))
        if order_id is None:
            raise OutcomeUnknownError("a success without an order id")
        return Placed(order_id, text(created.get("status")))

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002
        """Search the number orders by our reference. An empty result means that there is none, so nothing may be left unread."""
        found: dict[str, Placed] = {}
        for shown in self._api.pages("number_orders", ("filter[customer_reference]", order.reference), strict=True):
            # The filter may not match exactly.
            reference = shown.get("customer_reference")
            if not isinstance(reference, str | None):
                raise UnreadableError("an order that may have our reference, but does not show it")
            if reference == order.reference:
                order_id = identifier(shown.get("id"))
                if order_id is None:
                    raise UnreadableError("an order with our reference and no id")
                provider_status = text(shown.get("status"))
                found[order_id] = Placed(order_id, provider_status, over=provider_status in OVER)
        return list(found.values())

    def observe(self, order: Order) -> Snapshot:
        """Read the order in at most 25 calls (see `Poll`)."""
        return Poll(self._api, order).snapshot()

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        return cancel(self._api, order, sub_order_id)

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        return catalogue(self._api, country, number_type, number)

    def check_group(self, group_id: str, *, country: str | None, number_type: str | None) -> list[str]:
        return submissions.check_group(self._api, group_id, country, number_type)

    def create_address(self, address: Address, reference: str) -> str:
        return submissions.create_address(self._api, address, reference, self._of_addresses)

    def upload_document(self, content: bytes, filename: str, content_type: str, reference: str) -> str:  # noqa: ARG002
        """Upload a document and return its id. Telnyx takes no content type: it goes by name and content."""
        return submissions.upload_document(self._api, content, filename, reference)

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        return submissions.supply(self._api, order, values, sub_order_id=sub_order_id, number=number)

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        return submissions.attach_group(self._api, order, group_id, sub_order_id=sub_order_id, number=number)

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        return submissions.comments(self._api, sub_order_id)

    def comment(self, sub_order_id: str, text: str) -> str:
        return submissions.comment(self._api, sub_order_id, text)

    def mark_read(self, comment_id: str) -> None:
        submissions.mark_read(self._api, comment_id)

    def search_numbers(self, query: Query) -> list[Offer]:
        return offers.search_numbers(self._api, query)

    def owned(self, cursor: str | None) -> OwnedPage:
        return inventory.owned(self._api, cursor)

    def orders(self, cursor: str | None) -> OrdersPage:
        return inventory.orders(self._api, cursor)

    def release(self, value: str, kind: AssetKind) -> str:
        return inventory.release(self._api, value, kind)

    def registrations(self) -> list[Registration]:
        return registrations.listed(self._api)

    def register(self, url: str, event: str | None) -> Registration:
        """Register a webhook; without an event, for the one about number orders, which is found at run time."""
        return registrations.register(self._api, url, event)

    def unregister(self, registration_id: str) -> None:
        registrations.unregister(self._api, registration_id)

    def deliveries(self, wanted: Sent, cursor: str | None) -> DeliveriesPage:
        return deliveries.deliveries(self._api, wanted, cursor)

    def what_to_look_for(self, order: Order) -> str:
        since = f", created after {order.attempt.began_at:%Y-%m-%d %H:%M:%S} UTC" if order.attempt else ""
        return f"Look among Telnyx's number orders for one with the customer reference {order.reference}{since}."
