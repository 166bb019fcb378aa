"""The providers as they are live: the real adapters and accounts, with the simulators in place of the network.

The simulators run by the world's clock, with their live behaviour on. Mishaps strike calls on their way (`_Wire`): a Lambda may
die before a request is sent, and after the provider did its work but before the response arrives. Webhooks and postbacks go through the
receiver: signed, duplicated, late, or not at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import httpx
from botocore.exceptions import ClientError, ReadTimeoutError

from local.simulators.base import SimulatorTransport
from local.simulators.callfire import CallFireSimulator
from local.simulators.clock import Clock
from local.simulators.inventory import PLANS, Wanted
from local.simulators.telesign import TeleSignSimulator
from local.simulators.telnyx import TelnyxSimulator
from local.simulators.telnyx_orders import AWAITING, DECLINED, EXCEPTION, INFO_PENDING, requirement_types
from numberdesk.domain.profile import ProfileKey
from numberdesk.domain.request import CriteriaItem, KeywordsItem
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import AssetState
from numberdesk.providers import registry
from numberdesk.providers.info import WebhookAuth
from numberdesk.runtime.accounts import Accounts
from numberdesk.services.receive import NotTakenError, Receiver
from tests.simulation.sides import CrashError, Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.simulators.base import Simulator
    from local.simulators.callfire import NumberOrder
    from local.simulators.telesign import DirectOrder
    from local.simulators.telnyx_orders import Number, SubOrder
    from local.simulators.telnyx_orders import Order as TelnyxOrder
    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import Snapshot
    from numberdesk.providers.base import Placed, Plan, Provider
    from tests.simulation.world import World

TOKEN = "cG9zdGJhY2stdG9rZW4"
"""In the path of CallFire's postbacks."""
SECRETS: dict[str, dict[str, Any]] = {
    "telnyx": {"api_key": "KEY-geheim-telnyx"},
    "telesign": {"customer_id": "FFFFFFFF-EEEE-DDDD-1234-AB1234567890", "api_key": "Z2VoZWltLXRlbGVzaWdu"},
    "callfire": {"login": "callfire-login", "password": "geheim-callfire"},
}
_VETTED = ("DE", "DE", "NL")
_ADAPTER = registry.adapter
_CONNECT, _READ = timedelta(seconds=5), timedelta(seconds=20)

# Transient failures reported as a client error: `errors[].code` of Telnyx, and its HTTP status.
_PASSING = {"10007": 400, "10008": 422, "10036": 422, "10037": 400}
_FILTERS: list[tuple[str, ...]] = [(), ("national_destination_code",), ("country_code",), ("phone_number][ends_with",)]
_AS_DOCUMENTED = {"deadline_notation": "iso", "number_notation": "e164", "status_notation": "text"}
# Values that replace others for a while: nothing can read these.
_DRIFT: list[dict[str, str]] = [
    {"deadline_notation": "text"},
    {"deadline_notation": "far"},
    {"number_notation": "integer"},
    {"number_notation": "masked"},
    {"status_notation": "object"},
    {"status_notation": "upper"},
]
_BLOCKS = {
    "telnyx": ["20100", "20017", "10038"],
    "telesign": ["-10030", "-30001"],
    "callfire": ["insufficient funds", "the account is locked"],
}
TELNYX = "/webhooks/telnyx"
_CALLFIRE_ENDS = ["FINISHED", "ADJUSTED", "PARTIALLY_ADJUSTED", "ERRORED", "VOID", "REJECTED", "PAYMENT_ERROR"]
_CALLFIRE_FAILED = frozenset({"ERRORED", "VOID", "REJECTED", "PAYMENT_ERROR", "ACH_ERROR"})
_CALLFIRE_OVER = _CALLFIRE_FAILED | {"FINISHED", "ADJUSTED", "PARTIALLY_ADJUSTED"}
_CALLFIRE_WAITS = frozenset({"WAIT_FOR_PAYMENT", "APPROVE_TIER_ONE", "APPROVE_TIER_TWO"})


@dataclass
class Seen(Truth):
    """An order as its simulator has it at this moment."""

    is_over: bool
    is_owing: bool
    is_moving: bool

    @property
    def over(self) -> bool:
        return self.is_over

    @property
    def owes(self) -> bool:
        return self.is_owing

    @property
    def moves(self) -> bool:
        return self.is_moving


class _WorldClock(Clock):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def now(self) -> datetime:
        return self._world.time


class Simulated:
    """Telnyx, TeleSign and CallFire, behind their real adapters (`sides.Side`)."""

    def __init__(self, world: World, store: Any, timings: Timings) -> None:
        self.world = world
        self.random = world.random
        clock, seed = _WorldClock(world), self.random.getrandbits(30)
        self.telnyx = TelnyxSimulator(
            clock,
            seed,
            keys=[SECRETS["telnyx"]["api_key"]],
            private_key=self.random.randbytes(32),
            webhook_urls=[TELNYX],
        )
        self.telesign = TeleSignSimulator(clock, seed, **SECRETS["telesign"])
        self.callfire = CallFireSimulator(clock, seed, **SECRETS["callfire"], postback_urls=[f"/{TOKEN}"])
        self.simulators: dict[str, Simulator] = {
            "telnyx": self.telnyx,
            "telesign": self.telesign,
            "callfire": self.callfire,
        }
        for simulator in self.simulators.values():
            simulator.outbox.send = self.receive
        self._settle_in()
        settings: dict[str, dict[str, Any]] = {
            "telesign": {"auth": self.random.choice(["basic", "digest"])},
            "callfire": {"v2_find": self.random.random() < 0.7},
        }
        self.secrets = {
            f"numberdesk/{name}/default": json.dumps({**secret, "settings": settings.get(name, {})})
            for name, secret in SECRETS.items()
        }
        self.accounts = Accounts(
            cast("Any", self), store, world, timings, stack="numberdesk", extra_hosts=frozenset(), local_run=False
        )
        self.receiver = Receiver(
            keys={
                "telnyx": [("default", self.telnyx.public_key())],
                "callfire": [("default", hashlib.sha256(TOKEN.encode()).hexdigest())],
            },
            tolerance=timedelta(minutes=5),
            body_limit=1_000_000,
            send=self._enqueue,
        )
        self.placing: list[str] = []
        """The references of the purchases under way, the innermost last."""
        self.references: dict[str, str] = {}
        """By the provider's order id: CallFire's orders bear none."""
        self.history: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
        self.given: dict[str, list[str]] = defaultdict(list)

    def _settle_in(self) -> None:
        """Choose how the providers behave in this history."""
        dice = self.random
        lag = dice.choice([0, 0, 30, 600, 14400])
        self.telnyx.configure(
            list_lag_seconds=lag,
            deadline_seconds=self.world.some_time().total_seconds(),
            auto_cancel_status=dice.choice(["cancelled", "failure"]),
            mixed_status=dice.choice(["failure", "success"]),
            fuzzy_reference=dice.random() < 0.3,
            requirement_status_everywhere=dice.random() < 0.5,
            max_search_results=dice.choice([None, None, 10]),
            numbers_error_status=dice.choice([409, 422]),
            vetting_seconds=dice.choice([60, 3600]),
            activation_seconds=dice.choice([2, 600]),
            registered_webhooks=False,
            nothing_found_status=dice.choice([400, 422]),
            ignored_filters=dice.choice([(), (), *_FILTERS]),
            page_size=dice.choice([1, 20]),
            deadline_notation=dice.choice(["iso", "iso", "seconds", "milliseconds"]),
        )
        # Sub orders of one order have their own deadlines.
        self.telnyx.set_deadline(self.world.some_time().total_seconds(), country_code="NL")
        self.telesign.configure(list_lag_seconds=lag, list_hides=dice.random() < 0.1)
        self.callfire.configure(
            v2_lag_seconds=lag,
            v2_enabled=dice.random() < 0.8,
            v2_ordered_is_bought=dice.random() < 0.3,
            prefixes=dice.choice(["vendor", "swapped", "numbered"]),
            with_tax=dice.random() < 0.5,
            postback_format=dice.choice(["XML", "JSON"]),
            finish_seconds=dice.choice([4, 900]),
            notation=dice.choice(["eleven", "eleven", "ten", "plus", "hyphens", "commas", "elements"]),
            ignores_filters=dice.random() < 0.2,
            nothing_found=dice.choice([200, 404]),
        )
        for simulator in self.simulators.values():
            simulator.delivery(newest_first=dice.random() < 0.5)

    # Connections

    def get_secret_value(self, SecretId: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - Secrets Manager's name
        """Read a secret, as Secrets Manager's client does."""
        return self.world.call_aws("reading a secret", lambda: {"SecretString": self.secrets[SecretId]})

    def connect(
        self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = lambda: None
    ) -> Provider:
        with mock.patch.object(registry, "adapter", self._adapter):
            connection = self.accounts.connect(provider, account, fresh=fresh, guard=guard)
        return cast("Provider", _Noted(self, connection))

    def refresh(self, provider: str, account: str) -> bool:
        return self.accounts.refresh(provider, account)

    def _adapter(self, provider: str) -> SimpleNamespace:
        def build(*args: Any, **kwargs: Any) -> Provider:
            made: Provider = _ADAPTER(provider).build(*args, **kwargs, transport=_Wire(self, provider))
            return made

        return SimpleNamespace(build=build)

    # The true state

    @property
    def truths(self) -> Mapping[str, Truth]:
        found: list[Truth] = [
            self._of_telnyx(order) for order in self.telnyx.life.orders.values() if order.customer_reference
        ]
        found += (self._of_telesign(order) for order in self.telesign._orders.values())
        found += (self._of_callfire(order) for order in self.callfire._orders.values())
        return {truth.id: truth for truth in found}

    def _wanted(self, reference: str, bought: int) -> int:
        order = self.world.store.orders.get(self.world.store.references.get(reference, ""))
        return order.request.count if order else bought

    def _of_telnyx(self, order: TelnyxOrder) -> Seen:
        life, now = self.telnyx.life, self.world.time
        whole = life.status(order)
        numbers = {
            number.phone_number: _number_state(number, life.status(sub), whole)
            for sub in order.subs
            for number in sub.numbers
        }
        subs = {sub.id for sub in order.subs}
        is_open = AssetState.PENDING in numbers.values()
        reference = order.customer_reference or ""
        return Seen(
            order.id,
            reference,
            self._wanted(reference, len(numbers)),
            numbers,
            is_over=not is_open,
            is_owing=any(_owes(sub) for sub in order.subs),
            is_moving=life._next(order) is not None or (order.stale is not None and now < order.stale[0]),
            comments=[
                CommentSeen(
                    comment.id,
                    comment.record_id,
                    comment.body,
                    by_provider=comment.commenter_type == "admin",
                    at=comment.created_at,
                )
                for comment in life.comments.values()
                if comment.record_id in subs
            ],
            given=self.given[order.id],
            history=self.history[order.id],
        )

    def _of_telesign(self, order: DirectOrder) -> Seen:
        reference = self.references[order.id]
        states = {"resolved": AssetState.ACTIVE, "cancelled": AssetState.CANCELLED, "rejected": AssetState.FAILED}
        state = states.get(order.status, AssetState.PENDING)
        numbers = dict.fromkeys((f"+{number}" for number in order.numbers), state)
        return Seen(
            order.id,
            reference,
            self._wanted(reference, order.quantity),
            # An order that ended with nothing has no numbers to show how.
            numbers or ({} if state in (AssetState.PENDING, AssetState.ACTIVE) else {"": state}),
            is_over=order.status in states,
            is_owing=False,
            is_moving=order.status in ("accepted", "in progress"),
        )

    def _of_callfire(self, order: NumberOrder) -> Seen:
        order_id = str(order.id)
        reference = self.references.get(order_id, "")
        got = {
            name if group == "Keywords" else f"+{name}": AssetState.ACTIVE
            for group, item in order.items.items()
            for name in item.fulfilled
        }
        return Seen(
            order_id,
            reference,
            self._wanted(reference, sum(item.ordered for item in order.items.values())),
            got,
            is_over=order.status in _CALLFIRE_OVER,
            is_owing=order.status in _CALLFIRE_WAITS,
            is_moving=order.status in ("NEW", "PROCESSING") and not order.forced,
        )

    def note(self) -> None:
        """Keep what Telnyx shows now: each value of a deadline, and each value given for a requirement."""
        now = self.world.time
        for order in self.telnyx.life.orders.values():
            history, given = self.history[order.id], self.given[order.id]
            for number in (*order.numbers(), *self.telnyx.life.visible(order, now).numbers()):
                # Telnyx shows whole seconds.
                shown = number.deadline and number.deadline.replace(microsecond=0)
                if shown is not None and all(shown != value for _, value in history):
                    history.append((now, shown))
                given += (
                    requirement.value
                    for requirement in number.requirements
                    if requirement.value is not None and requirement.value not in given
                )

    def take(self, path: str, body: bytes) -> None:
        """Keep a value if an order accepted it, or had all requirements satisfied already."""
        content = json.loads(body or b"{}")
        rows = content.get("regulatory_requirements") or []
        values = [row["field_value"] for row in rows] + [content.get("requirement_group_id")]
        for order in self.telnyx.life.orders.values():
            ids = {order.id, *(sub.id for sub in order.subs), *(number.id for number in order.numbers())}
            if ids & set(path.split("/")):
                self.given[order.id] += (value for value in values if value)

    # Content of orders and commands

    def content(self, quantity: int) -> dict[str, Any]:
        make = self.random.choice(
            [self._telnyx_content, self._telnyx_content, self._telesign_content, self._callfire_content]
        )
        return make(quantity)

    def _telnyx_content(self, quantity: int) -> dict[str, Any]:
        dice = self.random
        american: dict[str, Any] = {"country": "US"}  # these have no requirements
        american |= dice.choice(
            [{}, {}, {"area_code": "312"}, {"features": ["sms"]}, {"ends_with": "7"}, {"city": "Chicago"}]
        )
        vetted = {"country": dice.choice(_VETTED)}
        items: list[dict[str, Any]] = [{"criteria": dice.choice([american, vetted, vetted]), "quantity": quantity}]
        if dice.random() < 0.5:
            # Of several kinds: one sub order each.
            items.append({"criteria": {"country": dice.choice(["DE", "NL", "GB"])}, "quantity": dice.randint(1, 2)})
        if dice.random() < 0.2:
            self.world.serial += 1
            named = [f"+1206555{self.world.serial:04}", f"+1206556{self.world.serial:04}"]
            self.telnyx.add_inventory(
                [{"phone_number": named[0], "country_code": "US", "phone_number_type": "local", "locality": "SEATTLE"}]
            )
            items.append({"numbers": named[: dice.randint(1, 2)]})
        return {"provider": "telnyx", "items": items}

    def _telesign_content(self, quantity: int) -> dict[str, Any]:
        criteria: dict[str, Any] = {"country": "BE", "number_type": "mobile"}
        criteria |= self.random.choice([{}, {"prefix": "32460"}, {"features": ["sms"]}])
        items = [{"criteria": criteria, "quantity": quantity}]
        return {"provider": "telesign", "items": items, "partial": self.random.choice(["accept", "refuse"])}

    def _callfire_content(self, quantity: int) -> dict[str, Any]:
        self.world.serial += 1
        local = {"criteria": {"country": "US", "city": "Seattle"}, "quantity": quantity}
        toll_free = {"criteria": {"country": "US", "number_type": "toll_free"}, "quantity": quantity}
        others = [{"keywords": [f"WORD{self.world.serial}"]}, {"numbers": [f"+1214555{self.world.serial:04}"]}]
        # Mostly the same: only the time distinguishes one from the other.
        items = self.random.choice([[local], [local], [toll_free], [local, toll_free], [local, others[0]], [others[1]]])
        return {"provider": "callfire", "items": items}

    def answer(self, order: Order | None = None) -> dict[str, Any]:
        owed = [requirement for requirement in order.requirements if not requirement.own] if order else []
        types = {
            requirement_type.id: requirement_type
            for country in PLANS
            for requirement_type in requirement_types(country[0])
        }
        chosen = self.random.choice(owed).id if owed else self.random.choice(requirement_types("DE")).id
        wanted = types[chosen]
        text = self.world.secret()
        values = {
            "address": {"kind": "address_id", "address_id": text},
            "document": {"kind": "document_id", "document_id": text},
            "textual": {"kind": "text", "text": self.random.choice([text, "12345678", "BV"])},
            "datetime": {"kind": "date", "date": "2020-02-29"},
        }
        return {"requirement": self.random.choice([wanted.id, wanted.name]), "value": values[wanted.field_type]}

    def group(self, order: Order) -> str:
        if self.random.random() < 0.1:
            return self.world.secret()
        countries = [sub_order.country for sub_order in order.sub_orders if sub_order.country in _VETTED]
        content = {
            "country_code": self.random.choice(countries or _VETTED),
            "phone_number_type": "local",
            "action": "ordering",
        }
        group = self.telnyx.submissions.new_group("default", content, self.world.time)
        for requirement in group.requirements:
            requirement.value = self.world.secret() if self.random.random() < 0.9 else None
        if group.fulfilled() and self.random.random() < 0.5:
            self.telnyx.submissions.submit(group, self.world.time)
        self.telnyx.submissions.groups[group.id] = group
        return group.id

    def profile_key(self) -> ProfileKey:
        return ProfileKey(provider="telnyx", account="default", country="DE", number_type="local")

    # Events at the providers

    def turn_an_account(self) -> None:
        name = self.random.choice(list(self.simulators))
        simulator, secret = self.simulators[name], SECRETS[name]
        if "default" in simulator._blocks or not simulator._credentials:
            simulator.unblock()
            self._allow(name)
        elif self.random.random() < 0.7:
            simulator.block(code=self.random.choice(_BLOCKS[name]))
        else:
            simulator.revoke(next(iter(secret.values())))

    def _allow(self, name: str) -> None:
        login, *rest = SECRETS[name].values()
        self.simulators[name].allow(login, *rest)

    def pass_time(self) -> None:
        for simulator in self.simulators.values():
            simulator.pump()

    def due(self) -> list[datetime]:
        return [each.due for simulator in self.simulators.values() for each in simulator.outbox.waiting]

    def show_everything(self) -> None:
        self.telnyx.configure(list_lag_seconds=0)
        self.telesign.configure(list_lag_seconds=0, list_hides=False)
        self.callfire.configure(v2_lag_seconds=0)

    def calm(self) -> None:
        for name, simulator in self.simulators.items():
            simulator.clear_faults()
            simulator.unblock()
            self._allow(name)
        for country, kind in PLANS:
            self.telnyx.sell_out(country, kind, sold_out=False)
            self.telnyx.forbid(country, kind, code=None)
            self.telnyx.hide(country, kind, hidden=False)
        self.telnyx.configure(ignored_filters=(), **_AS_DOCUMENTED)
        self.telesign._available.clear()
        self.callfire._limits.clear()
        # Somebody made sure that the account may do what its settings say.
        self.callfire.configure(v2_enabled=True)
        self.telnyx.life.erasures.clear()

    def progress(self) -> None:
        self.pass_time()
        providers = {self.world.store.orders[order].provider for order in sorted(self.world.store.orders)}
        happen = {
            "telnyx": self._telnyx_goes_on,
            "telesign": self._telesign_goes_on,
            "callfire": self._callfire_goes_on,
        }
        happen[self.random.choice(sorted(providers) or ["telnyx"])]()

    def _telnyx_goes_on(self) -> None:
        sim, dice, seconds = self.telnyx, self.random, self.world.some_time().total_seconds()
        ids = [order.id for order in sim.life.orders.values() if order.customer_reference]
        country = dice.choice(["US", "DE", "NL"])
        market: list[Callable[[], object]] = [
            lambda: sim.sell_out(country, "local"),
            lambda: sim.sell_out(country, "local", sold_out=False),
            lambda: sim.sell_elsewhere([each.phone_number for each in sim.inventory.find(Wanted(country, "local"), 5)]),
            lambda: sim.forbid(country, code=dice.choice(["10038", None])),
            lambda: sim.hide(country),
            lambda: sim.hide(country, hidden=False),
            lambda: sim.configure(ignored_filters=dice.choice(_FILTERS)),
            lambda: sim.configure(**dice.choice(_DRIFT)),
            lambda: sim.configure(**_AS_DOCUMENTED),
            lambda: sim.buy_by_hand("GB", "toll_free"),
        ]
        if not ids or dice.random() < 0.3:
            dice.choice(market)()
            return
        order_id = dice.choice(ids)
        order = sim.life.orders[order_id]
        numbers = list(order.numbers())
        number = dice.choice(numbers)
        happen: list[tuple[float, Callable[[], object]]] = [
            (3, lambda: sim.supply(order_id)),
            (4, lambda: sim.reject(dice.choice(["address", "document", "textual"]), "not legible", order=order_id)),
            (2, lambda: sim.extend_deadline(seconds, order_id)),
            (1, lambda: sim.extend_deadline(-seconds / 4, order_id)),
            (1, lambda: sim.erase_deadline(order_id)),
            (1, lambda: sim.erase_deadlines_before(seconds / 2, order_id)),
            (1, lambda: number.deadline and sim.set_number_deadline(number.phone_number, self._soon())),
            (1, lambda: sim.grant_extension(seconds, order_id, after_seconds=600)),
            (3, lambda: sim.comment(order_id, "please call us back")),
            (0.3, lambda: sim.cancel(order_id)),
            (1.5, lambda: sim.cancel(order_id, country_code=number.country_code)),
            (1, lambda: sim.fail_sub_order(order_id, numbers=1)),
            (0.3, lambda: self._delete(order)),
            (1, lambda: sim.late_get(dice.choice([5, 120]), order_id)),
            (1, lambda: sim.webhooks(order_id, copies=dice.randint(1, 3), delay_seconds=dice.choice([0, 90, 3600]))),
            (0.5, lambda: sim.webhooks(order_id, off=True)),
            (1, lambda: sim.send_webhook(order_id, copies=2)),
            (1, lambda: self._forge(order_id)),
        ]
        [(_, it)] = dice.choices(happen, [weight for weight, _ in happen])
        it()

    def _soon(self) -> str:
        return (self.world.time + self.world.some_time()).replace(microsecond=0).isoformat()

    def _delete(self, order: TelnyxOrder) -> None:
        if all(number.status == "success" and number.requirements_status != "deleted" for number in order.numbers()):
            self.telnyx.delete_numbers(order.id)

    def _forge(self, order_id: str) -> None:
        old = self.random.random() < 0.5
        forged = self.telnyx.signed_webhook(order_id, wrong_key=not old, age_seconds=900 if old else 0)
        taken = self.receive(TELNYX, forged["headers"], forged["body"].encode())
        assert taken != 200, "a forged or replayed webhook was accepted"

    def repeat(self) -> None:
        ids = [order.id for order in self.telnyx.life.orders.values() if order.customer_reference]
        if "replayed" in self.world.troubles and ids:
            captured = self.telnyx.signed_webhook(self.random.choice(ids), wrong_key=False, age_seconds=0)
            for _ in range(self.random.choice([2, 20, 200])):
                assert self.receive(TELNYX, captured["headers"], captured["body"].encode()) == 200

    def move_deadlines(self) -> None:
        for order in self.telnyx.life.orders.values():
            if order.customer_reference:
                self.telnyx.extend_deadline(self.world.some_time().total_seconds(), order.id)

    def _telesign_goes_on(self) -> None:
        sim, dice = self.telesign, self.random
        ids = [*sim._orders] or ["*"]
        happen: list[tuple[float, Callable[[], object]]] = [
            (1, lambda: sim.available("BE", "mobile", dice.randint(0, 2))),
            (1, sim._available.clear),
            (1, lambda: sim.end_as(dice.choice(["rejected", "resolved", "on hold"]), dice.choice(ids))),
            (1, lambda: sim.pace(dice.choice([2, 600]), dice.choice([5, 3600]), dice.choice(ids))),
            (0.5, lambda: sim.buy_by_hand("GB", "local")),
        ]
        [(_, it)] = dice.choices(happen, [weight for weight, _ in happen])
        it()

    def _callfire_goes_on(self) -> None:
        sim, dice = self.callfire, self.random
        ids = [str(order_id) for order_id in sim._orders] or ["*"]
        waiting = [str(order.id) for order in sim._orders.values() if order.status in ("NEW", "PROCESSING")]
        happen: list[tuple[float, Callable[[], object]]] = [
            (2, lambda: sim.end_as(dice.choice(_CALLFIRE_ENDS), dice.choice(ids))),
            (1, lambda: sim.limit_bulk(local=dice.randint(0, 3), toll_free=dice.randint(0, 3))),
            (1, sim._limits.clear),
            (1, lambda: [sim.set_status(dice.choice(["WAIT_FOR_PAYMENT", "ON_HOLD"]), each) for each in waiting[:1]]),
            (1, lambda: sim.postbacks(dice.choice(ids), copies=2, delay_seconds=dice.choice([0, 600]))),
            (0.5, sim.buy_by_hand),
            (2, self._callfire_bought_elsewhere),
        ]
        [(_, it)] = dice.choices(happen, [weight for weight, _ in happen])
        it()

    def _callfire_bought_elsewhere(self) -> None:
        """Let another system order as much of the same as some order of ours."""
        asked = [order.request for order in self.world.store.orders.values() if order.provider == "callfire"]
        if not asked:
            return
        form: dict[str, str] = {}
        for item in self.random.choice(asked).items:
            if isinstance(item, CriteriaItem):
                form["tollFreeCount" if item.criteria.number_type == "toll_free" else "localCount"] = str(item.quantity)
            elif isinstance(item, KeywordsItem):
                form["Keywords"] = " ".join(f"ELSE{self.random.randrange(10**6)}" for _ in item.keywords)
            else:
                form["Numbers"] = " ".join(f"1214556{self.random.randrange(10**4):04}" for _ in item.numbers)
        self.callfire.order_elsewhere(form)

    # Calls on their way

    def mishap(self, provider: str, request: httpx.Request) -> None:
        """Choose whether a mishap strikes this call."""
        simulator, world, dice = self.simulators[provider], self.world, self.random
        kind: Any
        passing = list(_PASSING.items()) if provider == "telnyx" else []
        # A purchase and the search before it are few among the calls, and the most important.
        rolls = range(3 if self.placing or request.url.path.endswith("/available_phone_numbers") else 1)
        if request.method == "GET":
            if not any(world.happens("unreadable") for _ in rolls):
                return
            kinds = ["status", "throttle", "drop_before", "lose_answer", "slow", "nonsense", "truncated"]
            kind = dice.choice([*kinds, *(["code", "code"] if passing else [])])
        elif world.happens("not_sent"):
            kind = dice.choice(["drop_before", "throttle"])
        elif any(world.happens("lost_answer") for _ in rolls):
            kinds = ["lose_answer", "status_after", "nonsense", "truncated", "slow", "status"]
            kind = dice.choice([*kinds, *(["code"] if passing else [])])
        elif provider == "telnyx" and request.url.path.endswith("/number_orders") and world.happens("refused"):
            wanted = [load["phone_number"] for load in json.loads(request.content)["phone_numbers"]]
            self.telnyx.sell_elsewhere(wanted[:1])
            return
        else:
            return
        if kind == "code":
            code, status = dice.choice(passing)
            self.telnyx.refuse("*", code, status)
        elif kind == "throttle":
            simulator.fault("*", "throttle", 1, retry_after=dice.choice([None, "1", "90"]))
        else:
            simulator.fault("*", kind, 1, status=dice.choice([500, 502, 503, 504]), seconds=dice.choice([1, 60]))

    def receive(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Take a webhook in as receive_webhook does, and return the HTTP status."""
        if self.world.happens("no_webhook"):
            return 503
        event = {
            "resource": WebhookAuth.SIGNATURE if url == TELNYX else WebhookAuth.TOKEN,
            "headers": headers,
            "pathParameters": {"provider": "telnyx" if url == TELNYX else "callfire", "token": url.removeprefix("/")},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        try:
            with self.world.runs("receive_webhook"):
                self.receiver.take_in(event, self.world.now())
                # Accepted, but the response may be lost: the provider sends it again.
                self.world.point("after its answer")
        except CrashError:
            return 502
        except (ClientError, ReadTimeoutError):
            return 503
        except NotTakenError as refusal:
            self.world.asked["notifications refused"] += 1
            return refusal.status
        self.world.asked["webhooks taken" if url == TELNYX else "postbacks taken"] += 1
        return 200

    def _enqueue(self, message: str) -> None:
        pause = timedelta(seconds=self.random.choice([0, 0, 1, 60, 3600]))
        self.world.call_aws("sending to the sync queue", lambda: self.world.put("sync", message, pause))
        webhook = json.loads(message)["webhook"]
        self.world.seen.accepted.append((webhook["provider"], base64.b64decode(webhook["body"])))


class _Noted:
    """An adapter that tells the world which order it buys for, since CallFire's orders have no reference."""

    def __init__(self, side: Simulated, connection: Provider) -> None:
        self._side, self._connection = side, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def observe(self, order: Order) -> Snapshot:
        self._side.world.seen.polls.append((order.order_id, self._side.world.time))
        return self._connection.observe(order)

    def place(self, plan: Plan, reference: str) -> Placed:
        self._side.placing.append(reference)
        try:
            return self._connection.place(plan, reference)
        finally:
            self._side.placing.pop()


class _Wire(httpx.BaseTransport):
    """The network between an adapter and its simulator."""

    def __init__(self, side: Simulated, provider: str) -> None:
        self._side = side
        self._provider = provider
        self._simulator = side.simulators[provider]
        self._inner = SimulatorTransport(self._simulator)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        world, began = self._side.world, self._side.world.time
        world.seen.calls += world.pressing
        world.tally["provider"] += 1
        call = f"{request.method} {self._provider} {request.url.path}"
        world.point(f"before {self._provider}")
        if world.time - began >= _CONNECT:
            # Other calls ran meanwhile; a connection is made sooner or not at all.
            raise httpx.ConnectTimeout("too long", request=request)
        world.seen.provider_calls.append((self._provider, world.time))
        self._side.mishap(self._provider, request)
        try:
            response = self._inner.handle_request(request)
        except httpx.HTTPError as error:
            world.note(f"{call}: {type(error).__name__}")
            if isinstance(error, httpx.ReadTimeout):
                world.time += _READ
            raise
        finally:
            self._worked(request)
        world.note(f"{call}: {response.status_code}")
        world.point(f"after {self._provider}")
        return response

    def _worked(self, request: httpx.Request) -> None:
        """Note that the provider did what it was asked, or refused it, whether or not the response arrives."""
        side = self._side
        for sale in self._simulator._ledger.sales:
            if sale.order_id not in side.references:
                side.references[sale.order_id] = side.placing[-1]
        if self._provider == "telnyx":
            last = self._simulator._ledger.requests[-1]
            if request.method in ("PATCH", "POST") and (last.status < 400 or last.status == 422):
                side.take(request.url.path, request.content)
            side.note()


def _owes(sub: SubOrder) -> bool:
    return any(
        number.status == "pending"
        and sub.ended is None
        and (
            number.requirements_status in (INFO_PENDING, EXCEPTION)
            or any(requirement.status in (AWAITING, DECLINED) for requirement in number.requirements)
        )
        for number in sub.numbers
    )


def _number_state(number: Number, sub: str, whole: str) -> AssetState:
    if number.requirements_status == "deleted" and number.status == "success":
        return AssetState.DELETED
    if number.status == "success":
        return AssetState.ACTIVE
    if number.status == "failure":
        is_cancelled = "cancelled" in (number.requirements_status, sub, whole)
        return AssetState.CANCELLED if is_cancelled else AssetState.FAILED
    return AssetState.PENDING
