"""Examples of events, from the real services run over a small scripted history with a clock of its own.

Only the orders and the providers' answers are written by hand, so no example can become stale.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, cast
from zoneinfo import ZoneInfo

from numberdesk.domain.catalogue import Specification
from numberdesk.domain.clock import instant_text
from numberdesk.domain.costs import Limits
from numberdesk.domain.defaults import WAKE_PATIENCE
from numberdesk.domain.listings import Owned
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import (
    AssetSeen,
    CommentSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
    UnknownValue,
)
from numberdesk.domain.statuses import AssetKind, AssetState, Phase, RequirementState, ValueKind
from numberdesk.messaging.events import EventBus
from numberdesk.providers import registry
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NotPermittedError,
    OrdersPage,
    OutcomeUnknownError,
    OwnedPage,
    Placed,
    Plan,
    Provider,
    RefusedError,
)
from numberdesk.services.commands import Commands
from numberdesk.services.desk import Desk
from numberdesk.services.health import HealthRecorder
from numberdesk.services.operations import Operations
from numberdesk.services.place import Placer
from numberdesk.services.placing_gate import GateDesk
from numberdesk.services.ports import UnreadableRowError
from numberdesk.services.publish import Publisher
from numberdesk.services.sync import Syncer
from numberdesk.services.unreadable import Unreadable
from numberdesk.services.wake import Waker
from tests.support.memory_store import MemoryStore
from tests.support.reconciling import reconciler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_events import EventBridgeClient

    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.services.ports import Files
    from numberdesk.services.uploads import Uploads

Event = dict[str, Any]
"""An event as a rule's target gets it, without the fields that EventBridge adds (version, id, account, time, region, resources)."""

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SCOPE = "123456789012/eu-central-1/numberdesk"

ORDERS: dict[str, dict[str, Any]] = {
    "berlin-office-7": {
        "provider": "telnyx",
        "items": [{"criteria": {"country": "DE", "area_code": "30", "features": ["voice"]}, "quantity": 2}],
        "reminders": ["P7D", "P1D", "PT4H"],
        "metadata": {"team": "field sales"},
    },
    "munich-office-2": {
        "provider": "telnyx",
        "account": "emea",
        "items": [{"criteria": {"country": "DE", "area_code": "89"}, "quantity": 1}],
    },
    "chicago-vanity": {"provider": "telnyx", "items": [{"numbers": ["+13125550100", "+13125550101"]}]},
    "london-dublin": {
        "provider": "telnyx",
        "items": [
            {"criteria": {"country": "GB", "area_code": "20"}, "quantity": 1},
            {"criteria": {"country": "IE", "area_code": "1"}, "quantity": 1},
        ],
    },
    "toronto-12": {"provider": "telnyx", "items": [{"criteria": {"country": "CA", "city": "Toronto"}, "quantity": 1}]},
    "dallas-3": {"provider": "telnyx", "items": [{"criteria": {"country": "US", "city": "Dallas"}, "quantity": 1}]},
    "hamburg-hotline": {
        "provider": "telnyx",
        "items": [{"criteria": {"country": "DE", "area_code": "40"}, "quantity": 1}],
        "reminders": ["P3D", "P1D"],
        "answers": [{"requirement": "Business Name", "value": {"kind": "text", "text": "Example Hotels"}}],
        "extension": {"before": "P1D", "most": 1},
    },
    "otp-belgium": {
        "provider": "telesign",
        "items": [{"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 4}],
        "contact": {
            "email": "numbers@example.com",
            "contact_name": "Numbers team",
            "use_case": "one-time passwords",
        },
    },
    "otp-latvia": {
        "provider": "telesign",
        "items": [{"criteria": {"country": "LV", "number_type": "mobile"}, "quantity": 2}],
        "partial": "refuse",
        "requirements": [{"id": "letter", "name": "Letter of authorisation", "kind": "document"}],
        "deadline": "2026-06-30T16:00:00Z",
    },
    "warehouse-move": {
        "provider": "telnyx",
        "items": [{"criteria": {"country": "US", "city": "Memphis"}, "quantity": 40}],
    },
    "austin-4": {"provider": "telnyx", "items": [{"criteria": {"country": "US", "city": "Austin"}, "quantity": 1}]},
    "boston-5": {"provider": "telnyx", "items": [{"criteria": {"country": "US", "city": "Boston"}, "quantity": 1}]},
    "seattle-campaign": {
        "provider": "callfire",
        "items": [
            {"numbers": ["+12065550123"]},
            {"keywords": ["COFFEE", "ROAST"]},
            {"criteria": {"country": "US", "city": "Seattle", "state": "WA"}, "quantity": 3},
        ],
    },
    "tulsa-2": {
        "provider": "callfire",
        "items": [{"criteria": {"country": "US", "city": "Tulsa", "state": "OK"}, "quantity": 2}],
    },
}
"""The order messages of the history. They are also the examples in the message's schema."""
REFUSED: dict[str, Any] = {
    "provider": "telnyx",
    "items": [{"criteria": {"country": "PT"}, "quantity": 0}, {"keywords": ["COFFEE"], "numbers": ["+351210000000"]}],
}

_OPERATOR = "arn:aws:sts::123456789012:assumed-role/operators/robin"
_SECRETS = {
    "telnyx": {"api_key": "KEY"},
    "telesign": {"customer_id": "ID", "api_key": "a2V5"},
    "callfire": {"login": "LOGIN", "password": "PASSWORD"},  # nosec B105 # stands for one in an example
}


class _Carrier(Provider):
    """A provider that answers as the script says. All providers share one protocol (`providers.base.Provider`)."""

    can_find = True

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def plan(
        self,
        message: OrderMessage,
        *,
        exclude: frozenset[str] = frozenset(),  # noqa: ARG002
        reuse: Sequence[Asset] = (),  # noqa: ARG002
    ) -> Plan:
        if not message.answers:
            return Plan({})
        return Plan({}, chosen=(_number("+4940300100", AssetState.PENDING, "chosen"),))

    def catalogue(
        self,
        *,
        country: str | None = None,  # noqa: ARG002
        number_type: str | None = None,  # noqa: ARG002
        number: str | None = None,  # noqa: ARG002
    ) -> list[Specification]:
        return [Specification(id=_BUSINESS, name="Business Name", kind=ValueKind.TEXT)]

    def supply(
        self,
        order: Order,  # noqa: ARG002
        values: Mapping[str, str],  # noqa: ARG002
        *,
        sub_order_id: str | None = None,  # noqa: ARG002
        number: str | None = None,  # noqa: ARG002
    ) -> str:
        return "requirement-info-under-review"

    def attach_group(
        self,
        order: Order,  # noqa: ARG002
        group_id: str,  # noqa: ARG002
        *,
        sub_order_id: str | None = None,  # noqa: ARG002
        number: str | None = None,  # noqa: ARG002
    ) -> str:
        return "requirement-info-under-review"

    def comment(self, sub_order_id: str, text: str) -> str:  # noqa: ARG002
        return "3f0c6b1e-8b9f-4f43-9d62-5a3b1c2d4e5f"

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:  # noqa: ARG002
        raise RefusedError("Sub number order is not pending (HTTP 422)", code="10027")

    def place(self, plan: Plan, reference: str) -> Placed:  # noqa: ARG002 - the answer is in the script
        if isinstance(self._scene.answer, Exception):
            raise self._scene.answer
        return self._scene.answer

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:  # noqa: ARG002 - likewise
        return self._scene.found

    def observe(self, order: Order) -> Snapshot:  # noqa: ARG002 - likewise
        if self._scene.dies:
            raise TimeoutError
        return self._scene.snapshot

    def owned(self, cursor: str | None) -> OwnedPage:  # noqa: ARG002
        return OwnedPage((Owned(value="+12065550177", kind=AssetKind.NUMBER, since=START - 30 * DAY),))

    def orders(self, cursor: str | None) -> OrdersPage:  # noqa: ARG002
        return OrdersPage(())

    def release(self, value: str, kind: AssetKind) -> str:  # noqa: ARG002
        if self._scene.forbidden is not None:
            raise self._scene.forbidden
        return "deleted"

    def what_to_look_for(self, order: Order) -> str:
        credentials = Credentials(
            order.provider, order.account, registry.PROVIDERS[order.provider].base_url, _SECRETS[order.provider]
        )
        real: Provider = registry.adapter(order.provider).build(credentials, self._scene, Timings())
        return real.what_to_look_for(order)


class Scene:
    """The real services on simulated ports: clock, store, queues, providers, bus, log and meter."""

    def __init__(self) -> None:
        """Open the desk at `START`."""
        self.time = START
        self.store = MemoryStore()
        self.answer: Placed | Exception = Placed("")
        self.found: list[Placed] = []
        self.forbidden: Exception | None = None
        self.snapshot = Snapshot("", Phase.OPEN, "")
        self.dies = False
        """Whether polls end without an outcome."""
        self.events: list[Event] = []
        desk = Desk(
            store=self.store,
            providers=self,
            order_queue=self,
            sync_queue=self,
            clock=self,
            meter=self,
            log=self,
            timings=Timings(),
            zone=ZoneInfo("Europe/Berlin"),
        )
        self._placer = Placer(desk, self, SCOPE, Limits(numbers_per_order=20), metadata_name="")
        recorder = HealthRecorder(desk.store, desk.clock)
        self._syncer = Syncer(desk, Operations(desk, cast("Files", self)), timedelta(days=90), recorder)
        bus = EventBus(cast("EventBridgeClient", self), "numberdesk")
        self._publisher = Publisher(self.store, bus, self, self, self)
        self._commands = Commands(desk, cast("Uploads", self))
        self._gate = GateDesk(self.store, self, Timings())
        self._waker = Waker(self.store, self, self, self, self, WAKE_PATIENCE)
        self._inventory_reconciler = reconciler(desk)

    # Steps of the history

    def order(self, order_id: str, answer: Placed | Exception, after: timedelta = HOUR) -> None:
        """Put an order on the queue; the provider gives this answer to the purchase."""
        self.answer = answer
        self.message({"order_id": order_id, **ORDERS[order_id]}, after)

    def message(self, body: dict[str, Any], after: timedelta = HOUR) -> None:
        """Put a message on the order queue."""
        self.time += after
        self._placer.handle(
            json.dumps(body),
            message_id=f"message-of-{body['order_id']}",
            correlation_id=f"message-of-{body['order_id']}",
            time_left=lambda: timedelta(minutes=3),
        )
        self._publish()

    def poll(self, order_id: str, after: timedelta, *, redelivered: bool = False) -> None:
        """Poll an order, as a wake does. If `redelivered`, the poll before it died, and so does this one."""
        self.time += after
        wake_at = self.store.orders[order_id].wake_at or self.time
        self.dies = redelivered
        with suppress(TimeoutError):
            self._syncer.handle(
                {"wake": {"order_id": order_id, "wake_at": instant_text(wake_at)}}, redelivered=redelivered
            )
        self._publish()

    def attach_group(self, order_id: str, group_id: str, after: timedelta) -> None:
        """Answer with a requirement group, as through the API."""
        self.time += after
        self._commands.attach_group(order_id, group_id, _OPERATOR)

    def cancel(self, order_id: str, reason: str | None, after: timedelta) -> None:
        """Request an order's cancellation, as through the API."""
        self.time += after
        self._commands.cancel(order_id, _OPERATOR, reason=reason)
        self._publish()

    def refuse_held(self, order_id: str, reason: str, after: timedelta) -> None:
        """Reject a held order, as through the API."""
        self.time += after
        self._commands.reject(order_id, reason, _OPERATOR)
        self._publish()

    def give_back(self, order_id: str, number: str, reason: str | None, after: timedelta) -> None:
        """Release a number, as through the API."""
        self.time += after
        self._commands.release_number(order_id, number, _OPERATOR, reason=reason)

    def erase(self, order_id: str, reason: str | None, after: timedelta) -> None:
        """Erase the personal data of an order, as through the API."""
        self.time += after
        self._commands.erase(order_id, _OPERATOR, reason=reason)
        self._publish()

    def turn(self, *, is_open: bool, reason: str, after: timedelta) -> None:
        """Turn the switch, as through the API."""
        self.time += after
        self._gate.turn(is_open=is_open, reason=reason, by=_OPERATOR)
        self._publish()

    def reconcile_inventory(self, after: timedelta) -> None:
        """Compare the accounts with the records."""
        self.time += after
        self._inventory_reconciler.run(lambda: timedelta(minutes=15))
        self._publish()

    def restore(self, after: timedelta) -> None:
        """Continue with a restored table, and sweep."""
        self.time += after
        self.store.table = "table-2"
        self._waker.sweep()
        self._publish()

    def come_upon(self, pk: str, sk: str, after: timedelta) -> None:
        """Meet a row of the table that cannot be read."""
        self.time += after
        Unreadable(self.store, self, self, self, set())(UnreadableRowError((pk, sk)))
        self._publish()

    def _publish(self) -> None:
        rows = self.store.unpublished(self.time + timedelta(seconds=1), 100)
        # Several accounts are compared at one instant.
        self._publisher.publish(sorted(rows, key=lambda row: (row.entry.at, row.entry.position, row.entry.subject)))

    # The ports

    def now(self) -> datetime:
        """The clock (`domain.clock.Clock`)."""
        return self.time

    def sleep(self, duration: timedelta) -> None:
        """Likewise."""
        self.time += duration

    def connect(
        self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = lambda: None
    ) -> Provider:
        """The providers (`services.ports.Providers`)."""
        del provider, account, fresh, guard
        return _Carrier(self)

    def refresh(self, provider: str, account: str) -> bool:
        """Nobody put another key into the secret."""
        del provider, account
        return False

    def send(self, *_: object, **__: object) -> bool:
        """Accept a queue message and drop it: the history decides what is polled, and when."""
        return True

    def send_all(self, messages: Sequence[tuple[dict[str, object], timedelta]]) -> list[bool]:
        return [self.send(message, delay=delay) for message, delay in messages]

    def waiting(self) -> int:
        """Report empty queues."""
        return 0

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        """The dead-letter queue."""

    @property
    def files(self) -> Self:
        """The bucket (`services.uploads.Uploads`)."""
        return self

    def mark(self, key: str) -> None:
        """The bucket (`services.ports.Files`): no table is restored here where it was erased."""

    def delete_all(self, prefix: str) -> int:  # noqa: ARG002 - as above
        """The bucket: nobody uploaded a file."""
        return 0

    def put_events(self, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - EventBridge's own word
        """Keep each event as a rule's target would get it (EventBridge's client)."""
        self.events += [
            {"detail-type": entry["DetailType"], "source": entry["Source"], "detail": json.loads(entry["Detail"])}
            for entry in Entries
        ]
        return {"Entries": [{} for _ in Entries]}

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        """The meter."""

    def append_keys(self, **keys: object) -> None:
        """The log."""

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Likewise."""

    warning = error = info


def events() -> list[Event]:
    """Play the history and return all its events in order. The result is the same each time."""
    scene = Scene()
    _germany(scene)
    _desk_work(scene)
    _missed(scene)
    _ends(scene)
    _unclear(scene)
    _unread(scene)
    _part_ended(scene)
    _money(scene)
    scene.message({"order_id": "lisbon-desk-1", **REFUSED})
    scene.order("toronto-12", AccountFaultError("Authentication failed (HTTP 401)", code="10009"))
    scene.erase("chicago-vanity", "the customer asked for it", 30 * DAY)
    scene.erase("dallas-3", None, HOUR)
    _waits(scene)
    scene.cancel("toronto-12", "another office took the number over", HOUR)
    scene.reconcile_inventory(HOUR)
    scene.restore(DAY)
    scene.come_upon("ORDER#hamburg-hotline", "ORDER", HOUR)
    return scene.events


_BUSINESS = "1b4c3a77-3a2f-4c55-8a0d-9f3e6f5b2c10"


def _desk_work(scene: Scene) -> None:
    """Values that came with an order, a reviewer's comment, more time by policy, and a cancellation that comes too late."""
    number_order, sub_order = "7c0f2b7e-93e4-4a51-9d7c-3a5f6f1d2b33", "2d9e8f10-6c1b-4f7a-8f4c-7b1a2c3d4e55"
    deadline = scene.time + 5 * DAY

    def snapshot(states: Sequence[tuple[RequirementState, str]], **more: Any) -> Snapshot:
        names = [
            (_BUSINESS, "Business Name", "text"),
            ("45f45a04-b4be-4592-95b1-9306b9db2b21", "Proof of address", "document"),
        ]
        return Snapshot(
            number_order,
            Phase.OPEN,
            "pending",
            assets=(_number("+4940300100", AssetState.ACTION_REQUIRED, "pending/requirement-info-pending", sub_order),),
            lists_every_asset=True,
            sub_orders=(SubOrderSeen(sub_order, "pending", "DE", "local"),),
            requirements=tuple(
                RequirementSeen(id_, sub_order, *state, 1, name, kind)
                for (id_, name, kind), state in zip(names, states, strict=True)
            ),
            deadlines=(DeadlinesSeen(sub_order, ((deadline, 1),)),),
            **more,
        )

    waiting = (RequirementState.AWAITING_VALUE, "awaiting-value")
    reviewed = (RequirementState.UNDER_REVIEW, "pending-approval")
    scene.order("hamburg-hotline", Placed(number_order, "pending"))
    scene.snapshot = snapshot([waiting, waiting])
    scene.poll("hamburg-hotline", 2 * MINUTE)
    comment = CommentSeen(
        "6a7b8c9d-0e1f-4a2b-8c3d-4e5f6a7b8c9d",
        sub_order,
        "Which of your hotels will use the number?",
        by_provider=True,
        at=scene.time,
    )
    scene.snapshot = snapshot([reviewed, waiting], comments=(comment,))
    scene.poll("hamburg-hotline", MINUTE)
    scene.poll("hamburg-hotline", 2 * MINUTE)
    scene.poll("hamburg-hotline", deadline - DAY - scene.time)
    scene.poll("hamburg-hotline", MINUTE)
    deadline += 7 * DAY
    scene.snapshot = snapshot([reviewed, waiting], comments=(comment,))
    scene.poll("hamburg-hotline", HOUR)
    scene.attach_group("hamburg-hotline", "dbbd94ee-9079-488f-80ba-f566b247fd79", HOUR)
    scene.poll("hamburg-hotline", MINUTE)
    scene.cancel("hamburg-hotline", "the hotline is not opened", HOUR)
    scene.poll("hamburg-hotline", MINUTE)


def _money(scene: Scene) -> None:
    """A limit, the switch, a duplicate purchase, and a number that nobody needs any more."""
    scene.order("warehouse-move", Placed(""))
    scene.refuse_held("warehouse-move", "the move was cancelled", HOUR)
    scene.turn(is_open=False, reason="we are checking the invoices", after=DAY)
    scene.turn(is_open=True, reason="the invoices are correct", after=HOUR)
    first, second = "1c8d7e6f-5a4b-4c3d-8e2f-1a0b9c8d7e6f", "8f7e6d5c-4b3a-4291-8a7b-6c5d4e3f2a1b"
    scene.order("boston-5", OutcomeUnknownError("ReadTimeout"))
    scene.found = [Placed(first, "pending"), Placed(second, "pending")]
    scene.poll("boston-5", MINUTE)
    scene.snapshot = Snapshot(
        first,
        Phase.ENDED,
        "success",
        assets=(_number("+16175550142", AssetState.ACTIVE, "success"),),
        lists_every_asset=True,
    )
    scene.poll("boston-5", MINUTE)
    scene.give_back("boston-5", "+16175550142", "the office was closed", 40 * DAY)
    scene.poll("boston-5", MINUTE)


def _waits(scene: Scene) -> None:
    """An order that stays pending, polls that end without an outcome, and a release that is not permitted at first."""
    number_order = "6f5e4d3c-2b1a-4098-8f7e-6d5c4b3a2918"
    scene.order("austin-4", Placed(number_order, "pending"))
    for phase, state, provider_status, after in (
        (Phase.OPEN, AssetState.PENDING, "pending", MINUTE),
        (Phase.OPEN, AssetState.PENDING, "pending", 2 * DAY),
        (Phase.ENDED, AssetState.ACTIVE, "success", HOUR),
    ):
        assets = (_number("+15125550133", state, provider_status),)
        scene.snapshot = Snapshot(number_order, phase, provider_status, assets=assets, lists_every_asset=True)
        scene.poll("austin-4", after)
    for _ in range(3):
        scene.poll("austin-4", HOUR, redelivered=True)
    scene.forbidden = NotPermittedError("Not permitted at this account level (HTTP 403)", code="10038")
    scene.give_back("austin-4", "+15125550133", None, DAY)
    scene.poll("austin-4", MINUTE)
    scene.forbidden = None
    scene.poll("austin-4", DAY)


def _number(value: str, state: AssetState, provider_status: str, sub_order_id: str | None = None) -> AssetSeen:
    country, number_type = ("DE", "local") if value.startswith("+49") else (None, None)
    return AssetSeen(
        AssetKind.NUMBER,
        value,
        state,
        provider_status,
        sub_order_id=sub_order_id,
        country=country,
        number_type=number_type,
    )


def _germany(scene: Scene) -> None:
    """Requirements from the request to the approval, and what may still come after the end."""
    number_order, sub_order = "5bd8e7ad-f2f1-4bd6-a4b6-0f4e3a6f1c22", "c1b7c4f0-1d6e-4c0f-8c55-0f2a7f0f3b11"
    numbers = ("+4930901820100", "+4930901820101")
    address, document = "8ffb3622-7c6b-4ccc-b65f-7a3dc0099576", "45f45a04-b4be-4592-95b1-9306b9db2b21"
    deadline = START + 10 * DAY

    def snapshot(
        phase: Phase,
        provider_status: str,
        state: AssetState,
        asset_word: str,
        requirement: tuple[RequirementState, str],
        due: datetime | None,
        **more: Any,
    ) -> Snapshot:
        return Snapshot(
            number_order,
            phase,
            provider_status,
            assets=tuple(_number(value, state, asset_word, sub_order) for value in numbers),
            lists_every_asset=True,
            sub_orders=(SubOrderSeen(sub_order, provider_status, "DE", "local"),),
            requirements=(
                RequirementSeen(address, sub_order, *requirement, 2, "End user address", "address"),
                RequirementSeen(document, sub_order, *requirement, 2, "Proof of address", "document"),
            ),
            deadlines=(DeadlinesSeen(sub_order, ((due, 2),) if due else ()),),
            **more,
        )

    def asked(due: datetime, **more: Any) -> Snapshot:
        provider_status = "requirement-info-pending"
        state = (RequirementState.AWAITING_VALUE, provider_status)
        return snapshot(
            Phase.OPEN, "pending", AssetState.ACTION_REQUIRED, f"pending/{provider_status}", state, due, **more
        )

    def ended(state: AssetState, provider_status: str) -> Snapshot:
        return snapshot(Phase.ENDED, "success", state, provider_status, (RequirementState.APPROVED, "approved"), None)

    scene.order("berlin-office-7", Placed(number_order, "pending"))
    scene.snapshot = asked(deadline)
    scene.poll("berlin-office-7", 2 * MINUTE)
    scene.poll("berlin-office-7", deadline - 7 * DAY - scene.time)
    deadline += 4 * DAY
    scene.snapshot = asked(deadline)
    scene.poll("berlin-office-7", 6 * HOUR)
    scene.snapshot = snapshot(
        Phase.OPEN,
        "pending",
        AssetState.UNDER_REVIEW,
        "pending/requirement-info-under-review",
        (RequirementState.UNDER_REVIEW, "requirement-info-under-review"),
        deadline,
        unknown_values=(UnknownValue("sub_number_order.status", "on-hold"),),
    )
    scene.poll("berlin-office-7", DAY)
    comment = CommentSeen(
        "0b9c6a52-5c3e-4b7e-9a5c-2f4f0a3c9d01",
        sub_order,
        "The proof of address is older than three months; please send a newer one.",
        by_provider=True,
        at=scene.time + 20 * HOUR,
    )
    deadline += 3 * DAY
    scene.snapshot = snapshot(
        Phase.OPEN,
        "pending",
        AssetState.ACTION_REQUIRED,
        "pending/requirement-info-exception",
        (RequirementState.REJECTED, "requirement-info-exception"),
        deadline,
        comments=(comment,),
    )
    scene.poll("berlin-office-7", DAY)
    scene.snapshot = snapshot(
        Phase.OPEN, "pending", AssetState.PENDING, "pending/approved", (RequirementState.APPROVED, "approved"), None
    )
    scene.poll("berlin-office-7", 2 * DAY)
    scene.snapshot = ended(AssetState.ACTIVE, "success/approved")
    scene.poll("berlin-office-7", HOUR)
    scene.snapshot = ended(AssetState.DELETED, "deleted")
    scene.poll("berlin-office-7", 7 * DAY)
    scene.snapshot = ended(AssetState.ACTIVE, "success/approved")
    scene.poll("berlin-office-7", 23 * DAY)


def _part_ended(scene: Scene) -> None:
    """One of two sub orders is cancelled silently; the other continues, with an unstable deadline."""
    number_order = "f3a1c9d2-5b7e-4e08-9a61-8c2d4b6f7e10"
    parts = {"GB": "0a9b8c7d-1e2f-4a3b-8c4d-5e6f7a8b9c0d", "IE": "4d3c2b1a-9f8e-4d7c-8b6a-5f4e3d2c1b0a"}

    def snapshot(**states: AssetState) -> Snapshot:
        return Snapshot(
            number_order,
            Phase.OPEN,
            "pending",
            assets=tuple(
                AssetSeen(
                    AssetKind.NUMBER,
                    value,
                    states[country],
                    states[country].value,
                    None,
                    parts[country],
                    country,
                    "local",
                )
                for country, value in (("GB", "+442071838750"), ("IE", "+35315550100"))
            ),
            lists_every_asset=True,
            sub_orders=tuple(
                SubOrderSeen(
                    part, "pending" if states[country] is AssetState.PENDING else "cancelled", country, "local"
                )
                for country, part in parts.items()
            ),
        )

    scene.order("london-dublin", Placed(number_order, "pending"))
    scene.snapshot = snapshot(GB=AssetState.PENDING, IE=AssetState.PENDING)
    scene.poll("london-dublin", 2 * MINUTE)
    scene.snapshot = snapshot(GB=AssetState.PENDING, IE=AssetState.CANCELLED)
    scene.poll("london-dublin", HOUR)
    # Two replicas of the provider answer in turn.
    deadlines = [scene.time + days * DAY for days in (12, 10)]
    for poll in range(8):
        due = (DeadlinesSeen(parts["GB"], ((deadlines[poll % 2], 1),)),)
        scene.snapshot = snapshot(GB=AssetState.PENDING, IE=AssetState.CANCELLED)._replace(deadlines=due)
        scene.poll("london-dublin", MINUTE)


def _missed(scene: Scene) -> None:
    """An order whose deadline is missed."""
    number_order, sub_order = "a7a3b8de-7f0c-4d29-8c5f-7d0c3f7f2e10", "e2f5a8b1-3c4d-4e5f-8a9b-1c2d3e4f5a6b"
    scene.order("munich-office-2", Placed(number_order, "pending"))
    deadline = scene.time + DAY
    scene.snapshot = Snapshot(
        number_order,
        Phase.OPEN,
        "pending",
        assets=(_number("+498920480100", AssetState.ACTION_REQUIRED, "pending/requirement-info-pending", sub_order),),
        lists_every_asset=True,
        sub_orders=(SubOrderSeen(sub_order, "pending", "DE", "local"),),
        deadlines=(DeadlinesSeen(sub_order, ((deadline, 1),)),),
    )
    scene.poll("munich-office-2", 2 * MINUTE)
    scene.snapshot = Snapshot(
        number_order,
        Phase.FAILED,
        "failure",
        assets=(_number("+498920480100", AssetState.FAILED, "failure/requirement-info-pending", sub_order),),
        lists_every_asset=True,
        sub_orders=(SubOrderSeen(sub_order, "failure", "DE", "local"),),
        deadlines=(DeadlinesSeen(sub_order, ()),),
    )
    scene.poll("munich-office-2", DAY)


def _ends(scene: Scene) -> None:
    """The other ends: fewer numbers than ordered (with and without `partial: refuse`), none at all, and a refusal."""
    for order_id, direct_order, values in (
        ("otp-belgium", "46A3D1F0B4C84C4D8E9F0A1B2C3D4E5F", ("+32460000001", "+32460000002", "+32460000003")),
        ("otp-latvia", "7C1E9A52D3B64F0A9B8C7D6E5F4A3B2C", ("+37120000001",)),
    ):
        scene.order(order_id, Placed(direct_order, "Accepted"))
        scene.snapshot = Snapshot(
            direct_order,
            Phase.ENDED,
            "Resolved",
            assets=tuple(_number(value, AssetState.ACTIVE, "Resolved") for value in values),
        )
        scene.poll(order_id, 3 * HOUR)
    scene.order("chicago-vanity", RefusedError("Number is no longer available (HTTP 422)", code="85001"))
    number_order = "9d2f6a1e-4b7c-4c1d-9e0f-6a5b4c3d2e1f"
    scene.order("dallas-3", Placed(number_order, "pending"))
    scene.snapshot = Snapshot(
        number_order,
        Phase.FAILED,
        "failure",
        assets=(_number("+12145550111", AssetState.FAILED, "failure"),),
        lists_every_asset=True,
    )
    scene.poll("dallas-3", MINUTE)


def _unclear(scene: Scene) -> None:
    """A lost answer: the purchase is searched for, reported after the settling time, and found in the end."""
    scene.order("seattle-campaign", OutcomeUnknownError("ReadTimeout"))
    scene.poll("seattle-campaign", MINUTE)
    scene.poll("seattle-campaign", 5 * MINUTE)
    scene.found = [Placed("176234001", "PROCESSING")]
    scene.poll("seattle-campaign", HOUR)


def _unread(scene: Scene) -> None:
    """An ended order with numbers in an ambiguous notation."""
    scene.order("tulsa-2", Placed("176234117"))
    field = "number_order.LocalNumbers.fulfilled"
    scene.snapshot = Snapshot(
        "176234117",
        Phase.ENDED,
        "FINISHED",
        unknown_values=tuple(
            UnknownValue(field, provider_status, of_asset=True) for provider_status in ("918-555-01**", "918-555-02**")
        ),
    )
    scene.poll("tulsa-2", HOUR)
