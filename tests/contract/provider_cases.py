"""What every provider's adapter must do: the cases that numberdesk relies on.

A provider's test class inherits `ProviderContract` and supplies the fixture `bench`: its simulator, and how to make that
do what the cases need. The cases call the adapter and count at the simulator.
"""

from __future__ import annotations

import re
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import pytest

from local.simulators.base import SimulatorTransport
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.order import Asset, Attempt, Order
from numberdesk.domain.request import Request
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind, AssetState, OrderState, Phase
from numberdesk.domain.values import Address
from numberdesk.providers import registry
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchOrderError,
    NoSuchThingError,
    NotAbleError,
    NotSentError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    Query,
    RefusedError,
    Sent,
    SlotBusyError,
    UnreadableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.simulators.base import Simulator
    from numberdesk.domain.listings import OnOrder
    from numberdesk.domain.request import OrderMessage
    from numberdesk.providers.base import OrdersPage, Placed

_ADDRESS = Address(business_name="Example GmbH", street_address="Platz 1", locality="Berlin", country_code="DE")
# What each capability lets an adapter do. An adapter without the capability says so at each of these.
ABILITIES: dict[Ability, dict[str, Callable[[Provider, Order], object]]] = {
    Ability.CATALOGUE: {"catalogue": lambda it, _: it.catalogue(country="DE", number_type="local")},
    Ability.VALUES: {
        "supply": lambda it, order: it.supply(order, {"requirement-1": "value"}),
        "create_address": lambda it, _: it.create_address(_ADDRESS, REFERENCE),
        "upload_document": lambda it, _: it.upload_document(b"%PDF-1.7", "id.pdf", "application/pdf", REFERENCE),
        "check_group": lambda it, _: it.check_group("group-1", country="DE", number_type="local"),
        "attach_group": lambda it, order: it.attach_group(order, "group-1"),
    },
    Ability.COMMENTS: {
        "comments": lambda it, _: it.comments("sub-order-1"),
        "comment": lambda it, _: it.comment("sub-order-1", "text"),
        "mark_read": lambda it, _: it.mark_read("comment-1"),
    },
    Ability.EXTENSIONS: {"comment": lambda it, _: it.comment("sub-order-1", "text")},
    Ability.CANCEL: {"cancel": lambda it, order: it.cancel(order)},
    Ability.SEARCH_NUMBERS: {"search_numbers": lambda it, _: it.search_numbers(Query())},
    Ability.SEARCH_KEYWORDS: {"search_keywords": lambda it, _: it.search_keywords(Query())},
    Ability.SEARCH_REGIONS: {"search_regions": lambda it, _: it.search_regions(Query())},
    Ability.OWNED: {"owned": lambda it, _: it.owned(None)},
    Ability.REGISTER: {
        "registrations": lambda it, _: it.registrations(),
        "register": lambda it, _: it.register("https://desk.example/hook", None),
        "unregister": lambda it, _: it.unregister("registration-1"),
    },
    Ability.DELIVERIES: {"deliveries": lambda it, _: it.deliveries(Sent(), None)},
    Ability.ORDERS: {"orders": lambda it, _: it.orders(None)},
    Ability.RELEASE: {"release": lambda it, _: it.release("+13125550123", AssetKind.NUMBER)},
}
CONTRACTS = {"candidates"}
"""Needs no ability: an adapter without it names none."""
REFERENCE = "0b0f2f0e-6c1c-5d0e-9a39-6f2f6b2a4f3d"
FOREIGN_REFERENCE = f"{REFERENCE}-2"
"""Another order's; it contains ours, so that a search that is not exact shows."""
_WORD = "quarantined"


@dataclass
class Bench:
    """A provider's simulator, its adapter, and the few things that every provider does in its own way."""

    simulator: Simulator
    message: OrderMessage
    """Something that the simulator can deliver."""
    values: dict[str, str]
    """The credentials. Those named in `secrets` must not show anywhere."""
    login: str
    """What `simulator.revoke` takes."""
    purchase: str
    """The simulator's name for the operation that buys."""
    poll: str
    """Its name for the operation that reads an order."""
    listing: str
    """Its name for the operation that `find` reads."""
    release: str
    """Its name for the operation that gives a number back."""
    refuse: Callable[[], object]
    """Make the provider refuse the order for good."""
    deliver: Callable[[], object]
    """Let the time pass that delivery takes."""
    show_word: Callable[[str, str], object]
    """Make an order (by provider order id) show a status that does not exist."""
    secrets: tuple[str, ...]
    settings: dict[str, object] = field(default_factory=dict)
    foreign: OrderMessage | None = None
    """What another order bought, where an order of the same content could not be told apart."""
    calls: int = 0
    busy: bool = False
    """No call slot is free."""

    def now(self) -> datetime:
        """Return the simulator's time: the bench is the adapter's clock."""
        return self.simulator.clock.now()

    def sleep(self, duration: timedelta) -> None:
        """Let this time pass in the simulator."""
        self.simulator.clock.advance(duration.total_seconds())

    def before_call(self) -> None:
        """Count the call, and keep the provider's pace as the account's call slot does."""
        if self.busy:
            raise SlotBusyError(timedelta(seconds=9))
        self.calls += 1
        self.sleep(registry.capabilities(self.message.provider).call_interval)

    def adapter(self) -> Provider:
        """Make the adapter of the account."""
        provider = self.message.provider
        built = registry.adapter(provider).build(
            Credentials(provider, "default", registry.PROVIDERS[provider].base_url, self.values, self.settings),
            self,
            Timings(),
            before_call=self.before_call,
            transport=SimulatorTransport(self.simulator),
        )
        return cast("Provider", built)

    def buy(self, reference: str = REFERENCE, message: OrderMessage | None = None) -> Placed:
        """Plan and place."""
        adapter = self.adapter()
        return adapter.place(adapter.plan(message or self.message), reference)

    def order(self, provider_order_id: str | None = None) -> Order:
        """Return the record of the order as it is after an attempt that began now."""
        now = self.now()
        return Order(
            order_id="order-1",
            provider=self.message.provider,
            account="default",
            state=OrderState.PENDING if provider_order_id else OrderState.UNKNOWN,
            version=3,
            reference=REFERENCE,
            request=Request.of(self.message),
            request_hash=self.message.content_hash(),
            correlation_id="correlation-1",
            received_at=now,
            updated_at=now,
            attempt=Attempt(number=1, began_at=now, send_before=now, resolve_at=now),
            provider_order_id=provider_order_id,
        )

    def delivered_number(self) -> str:
        """Buy, let it be delivered, and return one of its numbers in E.164."""
        order = self.order(self.buy().provider_order_id)
        self.deliver()
        return next(asset.value for asset in self.adapter().observe(order).assets if asset.kind is AssetKind.NUMBER)

    def sold(self) -> int:
        """Count what the simulator sold."""
        return len(self.simulator.sales())

    def requests(self, operation: str | None = None) -> int:
        """Count the calls that reached the simulator."""
        return len(self.simulator.requests(operation))


class ProviderContract:
    """The cases. A subclass supplies `bench`."""

    @pytest.fixture
    def bench(self) -> Bench:
        """Return the provider's bench."""
        raise NotImplementedError

    def test_purchase_is_made_once_and_can_be_observed(self, bench: Bench) -> None:
        placed = bench.buy()
        snapshot = bench.adapter().observe(bench.order(placed.provider_order_id))
        assert snapshot.provider_order_id == placed.provider_order_id
        assert snapshot.phase is Phase.OPEN
        assert snapshot.provider_status
        assert snapshot.unknown_values == ()
        assert bench.sold() == bench.requests(bench.purchase) == 1
        assert bench.simulator.purchases() == 1

    def test_life_of_an_order_from_its_plan_to_a_release(self, bench: Bench) -> None:
        provider, adapter = bench.message.provider, bench.adapter()
        bench.simulator.outbox.send = lambda *_: 200
        plan = adapter.plan(bench.message)
        assert bench.sold() == 0
        placed = adapter.place(plan, REFERENCE)
        assert [found.provider_order_id for found in adapter.find(bench.order(), bench.message)] == [
            placed.provider_order_id
        ]
        order = bench.order(placed.provider_order_id)
        assert adapter.observe(order).phase is Phase.OPEN
        bench.deliver()
        snapshot = adapter.observe(order)
        assert snapshot.phase is Phase.ENDED
        bought = {asset.value.casefold() for asset in snapshot.assets}  # keywords are case-insensitive
        heard = [hint for sent in bench.simulator.pump() for hint in registry.read_hints(provider, sent.body)]
        assert {(hint.provider_order_id, hint.says_ended) for hint in heard} == (
            {(placed.provider_order_id, True)} if registry.PROVIDERS[provider].webhook else set()
        )
        assert {value.casefold() for value in _kept(adapter)} == bought
        number = next(asset.value for asset in snapshot.assets if asset.kind is AssetKind.NUMBER)
        assert adapter.release(number, AssetKind.NUMBER)
        assert {value.casefold() for value in _kept(adapter)} == bought - {number}
        assert bench.sold() == bench.requests(bench.purchase) == 1

    def test_open_order_is_cancelled_if_the_provider_can(self, bench: Bench) -> None:
        order, adapter = bench.order(bench.buy().provider_order_id), bench.adapter()
        if Ability.CANCEL not in registry.capabilities(bench.message.provider).abilities:
            with pytest.raises(NotAbleError):
                adapter.cancel(order)
            return
        assert adapter.cancel(order)
        bench.deliver()
        snapshot = adapter.observe(order)
        assert snapshot.phase is Phase.CANCELLED
        assert AssetState.ACTIVE not in {asset.state for asset in snapshot.assets}
        assert _kept(adapter) == set()

    def test_requirements_are_listed_before_a_purchase_if_the_provider_can(self, bench: Bench) -> None:
        if Ability.CATALOGUE in registry.capabilities(bench.message.provider).abilities:
            asked = bench.adapter().catalogue(country="DE", number_type="local")
            assert asked
            assert all(each.id and each.name for each in asked)
            assert bench.sold() == bench.requests(bench.purchase) == 0

    def test_package_describes_itself(self, bench: Bench) -> None:
        name = bench.message.provider
        info, capabilities = registry.PROVIDERS[name], registry.capabilities(name)
        assert info.name == capabilities.provider == name
        assert urlsplit(info.base_url).hostname in info.hosts
        assert name in capabilities.pending
        assert all(words for words in registry.statuses(name).values())
        assert not capabilities.sends_webhooks or info.webhook

    def test_lost_response_is_an_unknown_outcome_and_sold_once(self, bench: Bench) -> None:
        bench.simulator.fault(bench.purchase, "lose_answer")
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        assert bench.sold() == bench.requests(bench.purchase) == 1

    def test_response_after_the_time_out_is_an_unknown_outcome_and_sold_once(self, bench: Bench) -> None:
        bench.simulator.fault(bench.purchase, "slow", seconds=Timings().read_timeout.total_seconds())
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        assert bench.sold() == bench.requests(bench.purchase) == 1

    def test_refused_connection_is_not_sent_and_not_repeated(self, bench: Bench) -> None:
        bench.simulator.fault(bench.purchase, "drop_before", times=None)
        with pytest.raises(NotSentError):
            bench.buy()
        assert bench.sold() == 0
        assert bench.requests(bench.purchase) == 1

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_failure_after_the_work_is_an_unknown_outcome_and_sold_once(self, bench: Bench, status: int) -> None:
        bench.simulator.fault(bench.purchase, "status_after", status=status)
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        assert bench.sold() == bench.requests(bench.purchase) == 1

    @pytest.mark.parametrize("status", [302, 503])
    def test_failure_possibly_after_the_work_is_an_unknown_outcome(self, bench: Bench, status: int) -> None:
        bench.simulator.fault(bench.purchase, "status", status=status)
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        assert bench.requests(bench.purchase) == 1

    @pytest.mark.parametrize("kind", ["nonsense", "truncated"])
    def test_unreadable_success_is_an_unknown_outcome(self, bench: Bench, kind: str) -> None:
        bench.simulator.fault(bench.purchase, kind)  # type: ignore[arg-type]
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        assert bench.sold() == 1

    def test_throttled_purchase_pauses_the_account(self, bench: Bench) -> None:
        bench.simulator.fault(bench.purchase, "throttle", retry_after="7")
        with pytest.raises(AccountFaultError) as caught:
            bench.buy()
        assert caught.value.throttled
        assert caught.value.retry_after == timedelta(seconds=7)
        assert bench.sold() == 0
        assert bench.requests(bench.purchase) == 1

    def test_throttled_poll_pauses_the_account(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.fault(bench.poll, "throttle", times=None, retry_after="3600")
        with pytest.raises(AccountFaultError) as caught:
            bench.adapter().observe(order)
        assert caught.value.throttled
        assert caught.value.retry_after == timedelta(hours=1)
        assert bench.requests(bench.poll) == 1

    def test_revoked_credentials_are_an_account_failure_when_placing(self, bench: Bench) -> None:
        adapter = bench.adapter()
        plan = adapter.plan(bench.message)
        bench.simulator.revoke(bench.login)
        with pytest.raises(AccountFaultError) as caught:
            adapter.place(plan, REFERENCE)
        assert not caught.value.throttled
        assert bench.sold() == 0

    def test_revoked_credentials_are_an_account_failure_when_polling(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.revoke(bench.login)
        with pytest.raises(AccountFaultError) as caught:
            bench.adapter().observe(order)
        assert not caught.value.throttled

    def test_missing_credentials_are_an_account_failure(self, bench: Bench) -> None:
        bench.values.clear()
        with pytest.raises(AccountFaultError):
            bench.adapter()

    def test_refusal_is_recognized(self, bench: Bench) -> None:
        bench.refuse()
        with pytest.raises(RefusedError):
            bench.buy()
        assert bench.sold() == 0

    def test_purchase_with_an_unknown_outcome_is_found(self, bench: Bench) -> None:
        order = bench.order()
        bench.simulator.fault(bench.purchase, "lose_answer")
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        adapter = bench.adapter()
        assert adapter.can_find
        [sale] = bench.simulator.sales()
        assert [placed.provider_order_id for placed in adapter.find(order, bench.message)] == [sale.order_id]
        # The personal data may be erased by then.
        assert [placed.provider_order_id for placed in adapter.find(order, None)] == [sale.order_id]

    def test_purchase_of_others_is_not_found(self, bench: Bench) -> None:
        order = bench.order()
        assert bench.adapter().find(order, bench.message) == []
        bench.buy(FOREIGN_REFERENCE, bench.foreign)
        assert bench.adapter().find(order, bench.message) == []
        assert bench.sold() == 1

    @pytest.mark.parametrize("kind", ["nonsense", "truncated", "lose_answer"])
    def test_unreadable_search_proves_nothing(self, bench: Bench, kind: str) -> None:
        bench.buy()
        bench.simulator.fault(bench.listing, kind, times=None)  # type: ignore[arg-type]
        with pytest.raises(UnreadableError):
            bench.adapter().find(bench.order(), bench.message)

    def test_poll_converges_to_what_was_delivered(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        snapshot = bench.adapter().observe(order)
        assert snapshot.phase is Phase.ENDED
        assert len(snapshot.assets) == order.request.count
        assert {asset.state for asset in snapshot.assets} == {AssetState.ACTIVE}
        numbers = [asset.value for asset in snapshot.assets if asset.kind is AssetKind.NUMBER]
        assert numbers
        assert all(re.fullmatch(r"\+[1-9][0-9]{6,14}", number) for number in numbers)
        assert snapshot.unknown_values == ()

    def test_unknown_status_is_kept_and_reported(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        assert order.provider_order_id
        bench.show_word(order.provider_order_id, _WORD)
        snapshot = bench.adapter().observe(order)
        assert snapshot.phase is Phase.UNKNOWN
        assert snapshot.provider_status.casefold() == _WORD
        assert _WORD in {unknown.value.casefold() for unknown in snapshot.unknown_values}

    def test_missing_order_is_reported_as_such(self, bench: Bench) -> None:
        with pytest.raises(NoSuchOrderError):
            bench.adapter().observe(bench.order("4040404040"))

    def test_poll_survives_short_failures(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.fault(bench.poll, "status", times=2, status=503)
        assert bench.adapter().observe(order).phase is Phase.OPEN
        assert bench.requests(bench.poll) == 3

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("status", {"status": 503}),
            ("status", {"status": 302}),
            ("drop_before", {}),
            ("lose_answer", {}),
            ("nonsense", {}),
            ("truncated", {}),
        ],
    )
    def test_unreadable_poll_is_reported_as_such(self, bench: Bench, kind: str, options: dict[str, int]) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.fault(bench.poll, kind, times=None, **options)  # type: ignore[arg-type]
        with pytest.raises(UnreadableError):
            bench.adapter().observe(order)
        assert 1 <= bench.requests(bench.poll) <= 3

    def test_no_failure_contains_a_secret(self, bench: Bench) -> None:
        assert bench.secrets
        order = bench.order(bench.buy().provider_order_id)
        adapter = bench.adapter()
        plan = adapter.plan(bench.message)
        told: list[str] = []
        for kind in ("nonsense", "lose_answer", "drop_before", "throttle", "status"):
            bench.simulator.fault(bench.purchase, kind)
            told.append(_failure(lambda: adapter.place(plan, REFERENCE)))
        bench.simulator.revoke(bench.login)
        told.append(_failure(lambda: adapter.observe(order)))
        told.append(_failure(lambda: adapter.find(order, bench.message)))
        told.append(repr(Credentials("p", "a", "https://example.com", bench.values, bench.settings)))
        for secret in bench.secrets:
            assert not [text for text in told if secret in text]

    def test_every_call_takes_its_slot(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        adapter = bench.adapter()
        bench.simulator.fault(bench.poll, "status", status=503)
        adapter.observe(order)
        adapter.find(order, bench.message)
        assert bench.calls == bench.requests() > 3

    def test_purchase_waits_for_its_slot(self, bench: Bench) -> None:
        adapter = bench.adapter()
        plan = adapter.plan(bench.message)
        bench.busy = True
        with pytest.raises(SlotBusyError):
            adapter.place(plan, REFERENCE)
        assert bench.requests(bench.purchase) == 0

    @pytest.mark.parametrize("ability", Ability)
    def test_capabilities_are_as_declared(self, bench: Bench, ability: Ability) -> None:
        order, adapter = bench.order(bench.buy().provider_order_id), bench.adapter()
        before = bench.requests()
        for name, call in ABILITIES[ability].items():
            is_able = getattr(type(adapter), name) is not getattr(Provider, name)
            assert is_able == (ability in registry.capabilities(bench.message.provider).abilities)
            if not is_able:
                with pytest.raises(NotAbleError):
                    call(adapter, order)
        assert bench.requests() == before

    def test_every_operation_besides_orders_belongs_to_a_capability(self) -> None:
        known = {name for calls in ABILITIES.values() for name in calls} | CONTRACTS
        assert known == {
            name
            for name, it in vars(Provider).items()
            if callable(it) and not name.startswith("_") and name not in Provider.__abstractmethods__
        }

    def test_orders_are_listed_with_our_reference_if_visible(self, bench: Bench) -> None:
        placed = bench.buy()
        bench.buy(FOREIGN_REFERENCE, bench.foreign)
        listed = {each.provider_order_id: each for each in _all(bench.adapter().orders)}
        assert len(listed) == 2
        ours = listed[placed.provider_order_id]
        assert ours.reference == (REFERENCE if registry.capabilities(bench.message.provider).match_is_proof else None)
        assert ours.provider_status
        assert ours.created_at is not None
        assert abs(ours.created_at - bench.now()) < timedelta(minutes=1)

    @pytest.mark.parametrize("kind", ["nonsense", "truncated", "lose_answer"])
    def test_unreadable_list_of_orders_proves_nothing(self, bench: Bench, kind: str) -> None:
        bench.buy()
        bench.simulator.fault(bench.listing, kind, times=None)  # type: ignore[arg-type]
        with pytest.raises(UnreadableError):
            bench.adapter().orders(None)

    @pytest.mark.parametrize("cursor", ["", "0", "-1", "01", "x", "1" * 12, "٣"])
    def test_invented_cursor_is_refused(self, bench: Bench, cursor: str) -> None:
        for listed in (bench.adapter().orders, bench.adapter().owned):
            with pytest.raises(RefusedError):
                listed(cursor)
        assert bench.requests() == 0

    def test_owned_number_is_released_once(self, bench: Bench) -> None:
        number = bench.delivered_number()
        adapter = bench.adapter()
        assert number in _kept(adapter)
        before = bench.requests(bench.release)
        assert adapter.release(number, AssetKind.NUMBER)
        assert number not in _kept(adapter)
        with suppress(NoSuchThingError):  # or it counts as released where it stays listed until its lease ends
            assert adapter.release(number, AssetKind.NUMBER)
        assert number not in _kept(adapter)
        assert bench.requests(bench.release) == before + 1

    def test_number_not_owned_is_reported_as_such(self, bench: Bench) -> None:
        number = bench.delivered_number()
        kept = _kept(bench.adapter())
        for value, kind in (
            (f"{number[:-4]}0000", AssetKind.NUMBER),
            ("no number", AssetKind.NUMBER),
            ("WORD", AssetKind.KEYWORD),
        ):
            with pytest.raises(NoSuchThingError):
                bench.adapter().release(value, kind)
        assert _kept(bench.adapter()) == kept
        assert bench.requests(bench.release) == 0

    @pytest.mark.parametrize("kind", ["lose_answer", "status_after"])
    def test_release_with_a_lost_response_is_unknown_and_can_be_repeated(self, bench: Bench, kind: str) -> None:
        number = bench.delivered_number()
        bench.simulator.fault(bench.release, kind, **({"status": 502} if kind == "status_after" else {}))  # type: ignore[arg-type]
        with pytest.raises(OutcomeUnknownError):
            bench.adapter().release(number, AssetKind.NUMBER)
        assert bench.requests(bench.release) == 1
        with suppress(NoSuchThingError):
            assert bench.adapter().release(number, AssetKind.NUMBER)
        assert bench.requests(bench.release) == 1
        assert number not in _kept(bench.adapter())

    @pytest.mark.parametrize(
        ("kind", "options", "error"),
        [
            ("drop_before", {}, NotSentError),
            ("status", {"status": 503}, OutcomeUnknownError),
            ("throttle", {}, AccountFaultError),
        ],
    )
    def test_failed_release_is_sent_once_and_can_be_repeated(
        self, bench: Bench, kind: str, options: dict[str, int], error: type[ProviderError]
    ) -> None:
        number = bench.delivered_number()
        bench.simulator.fault(bench.release, kind, **options)  # type: ignore[arg-type]
        with pytest.raises(error):
            bench.adapter().release(number, AssetKind.NUMBER)
        assert bench.requests(bench.release) == 1
        assert number in _kept(bench.adapter())
        assert bench.adapter().release(number, AssetKind.NUMBER)
        assert number not in _kept(bench.adapter())

    def test_refused_release_says_so(self, bench: Bench) -> None:
        number = bench.delivered_number()
        bench.simulator.fault(bench.release, "status", status=400, body="{}")
        with pytest.raises(RefusedError) as caught:
            bench.adapter().release(number, AssetKind.NUMBER)
        assert not isinstance(caught.value, NoSuchThingError)
        assert number in _kept(bench.adapter())

    def test_number_bought_elsewhere_is_owned_and_a_removed_one_is_not(self, bench: Bench) -> None:
        number = bench.delivered_number()
        orphan = bench.simulator.buy_by_hand()  # type: ignore[attr-defined]
        assert {number, orphan} <= _kept(bench.adapter())
        bench.simulator.take_away(number)  # type: ignore[attr-defined]
        assert number not in _kept(bench.adapter())
        assert bench.simulator.owns(orphan)  # type: ignore[attr-defined]
        assert not bench.simulator.owns(number)  # type: ignore[attr-defined]

    def test_numbers_of_an_earlier_attempt_are_planned_again(self, bench: Bench) -> None:
        adapter = bench.adapter()
        plan = adapter.plan(bench.message)
        reuse = tuple(
            Asset(
                kind=each.kind,
                value=each.value,
                state=each.state,
                provider_status=each.provider_status,
                country=each.country,
                number_type=each.number_type,
            )
            for each in plan.chosen
        )
        again = adapter.plan(bench.message, reuse=reuse)
        assert again.payload == plan.payload
        assert [each.value for each in again.chosen] == [each.value for each in plan.chosen]

    def test_people_get_search_hints(self, bench: Bench) -> None:
        text = bench.adapter().what_to_look_for(bench.order())
        assert text.endswith(".")
        assert f"{bench.now():%Y-%m-%d}" in text


def _all(read: Callable[[str | None], OrdersPage]) -> list[OnOrder]:
    page = read(None)
    items = [*page.items]
    while page.cursor is not None:
        page = read(page.cursor)
        items += page.items
    return items


def _kept(adapter: Provider) -> set[str]:
    """Return what the account owns and did not release."""
    page = adapter.owned(None)
    items = [*page.items]
    while page.cursor is not None:
        page = adapter.owned(page.cursor)
        items += page.items
    return {item.value for item in items if not item.given_back}


def _failure(call: Callable[[], object]) -> str:
    with pytest.raises(ProviderError) as caught:
        call()
    return "".join(traceback.format_exception(caught.value)) + repr(caught.value)
