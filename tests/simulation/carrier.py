"""The fast stand-in for the providers: a carrier that loses responses, lists purchases late, and moves deadlines unannounced."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain.catalogue import Specification
from numberdesk.domain.listings import OnOrder, Owned
from numberdesk.domain.profile import ProfileKey
from numberdesk.domain.snapshot import (
    AssetSeen,
    CommentSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
)
from numberdesk.domain.statuses import AssetKind, AssetState, Phase, RequirementState, ValueKind
from numberdesk.providers import base
from numberdesk.services.receive import message
from tests.simulation.sides import CrashError, Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from tests.simulation.world import World

_OVER = frozenset({AssetState.ACTIVE, AssetState.FAILED, AssetState.CANCELLED, AssetState.DELETED})


@dataclass
class Purchase(Truth):
    """An order at the carrier."""

    bought_at: datetime
    listed_at: datetime
    """From when on lists show it."""
    requirement: RequirementState | None = None
    deadline: datetime | None = None
    before: Snapshot | None = None
    torn: bool = False
    """Whether the last poll left out a part of it."""

    @property
    def over(self) -> bool:
        return all(state in _OVER for state in self.numbers.values())

    @property
    def owes(self) -> bool:
        return self.requirement in (RequirementState.AWAITING_VALUE, RequirementState.REJECTED)

    @property
    def moves(self) -> bool:
        return not self.over and self.deadline is not None

    def set_deadline(self, value: datetime | None, now: datetime) -> None:
        self.deadline = value
        self.history.append((now, value))


class StandIn:
    """All orders at the carrier (`sides.Side`)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.truths: dict[str, Purchase] = {}
        self.account_good = True
        self.flickers = world.random.choice(["replicas", "anew"])
        """How the deadline that is shown differs from poll to poll, where there is that trouble: two replicas, or made anew."""
        self.forbidden = world.random.sample(["a value", "a comment", "a mark", "a cancellation"], 3)
        """Calls that a 403 answers where there is that trouble."""
        self.hanging = world.random.choice(["order-0", "pressed-0"])
        """The order whose preparation never ends, where there is that trouble."""

    def connect(
        self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = lambda: None
    ) -> base.Provider:
        return Carrier(self, guard)

    def refresh(self, provider: str, account: str) -> bool:
        return False

    # Content of orders and commands

    def content(self, quantity: int) -> dict[str, Any]:
        provider = self.world.provider
        criteria = {"country": "US", **({"city": "Seattle"} if provider == "callfire" else {})}
        return {"provider": provider, "items": [{"criteria": criteria, "quantity": quantity}]}

    def answer(self, order: Order | None = None) -> dict[str, Any]:
        return {"requirement": "r1", "value": {"kind": "document_id", "document_id": self.world.secret()}}

    def group(self, order: Order) -> str:
        return self.world.secret()

    def profile_key(self) -> ProfileKey:
        return ProfileKey(provider="telnyx", account="default", country="US", number_type="local")

    # Events at the carrier

    def turn_an_account(self) -> None:
        self.account_good = not self.account_good

    def pass_time(self) -> None:
        for truth in self.truths.values():
            self.expire(truth)

    def due(self) -> list[datetime]:
        return []

    def show_everything(self) -> None:
        for truth in self.truths.values():
            truth.listed_at = min(truth.listed_at, self.world.time)

    def calm(self) -> None:
        self.account_good = True

    def progress(self) -> None:
        if self.truths:
            self._progress(self.random.choice(list(self.truths.values())))

    def _progress(self, truth: Purchase) -> None:
        truth.before = Carrier(self, lambda: None).snapshot(truth)
        roll = self.random.random()
        review = truth.requirement is RequirementState.UNDER_REVIEW
        if truth.over:
            if roll < 0.05 and AssetState.ACTIVE in truth.numbers.values():
                truth.numbers = dict.fromkeys(truth.numbers, AssetState.DELETED)
            return
        if truth.owes:
            if roll < 0.5:
                truth.requirement = RequirementState.UNDER_REVIEW
                truth.set_deadline(None, self.world.time)
            elif roll < 0.7 and truth.deadline:
                truth.set_deadline(truth.deadline + self.world.some_time(), self.world.time)
            return
        if review and roll < 0.4:
            truth.requirement = RequirementState.REJECTED
            truth.comments.append(
                CommentSeen(
                    f"c{len(truth.comments)}-{truth.id}",
                    f"s-{truth.id}",
                    "not legible",
                    by_provider=True,
                    at=self.world.time,
                )
            )
            truth.set_deadline(self.world.time + self.world.some_time(), self.world.time)
            return
        if truth.requirement:
            truth.requirement = RequirementState.APPROVED
        states = [AssetState.ACTIVE] * 4 + [AssetState.FAILED, AssetState.CANCELLED]
        truth.numbers = {number: self.random.choice(states) for number in truth.numbers}
        self.webhook(truth)

    def repeat(self) -> None:
        """Send an earlier webhook again and again, for five minutes."""
        if "replayed" not in self.world.troubles or not self.truths or self.world.provider != "telnyx":
            return
        truth = self.random.choice(list(self.truths.values()))
        self.world.seen.replayed.append((truth.id, self.world.time))
        body = self._body(truth)
        for index in range(self.random.choice([2, 20, 200])):
            at = self.world.time + index * timedelta(seconds=1.5)
            self._notify(body, at)

    def move_deadlines(self) -> None:
        for truth in self.truths.values():
            if truth.moves and truth.deadline:
                truth.set_deadline(truth.deadline + self.world.some_time(), self.world.time)

    def shown_deadline(self, truth: Purchase) -> datetime | None:
        """Return the deadline as a poll shows it."""
        now, shown = self.world.time, truth.deadline
        if shown is None or "flickering" not in self.world.troubles:
            return shown
        if self.flickers == "anew":
            shown = now.replace(microsecond=0) + timedelta(days=14)
        elif self.random.random() < 0.5:
            shown += timedelta(days=1)
        if all(shown != value for _, value in truth.history):
            truth.history.append((now, shown))
        return shown

    def expire(self, truth: Purchase) -> None:
        if truth.deadline and truth.deadline <= self.world.time and not truth.over:
            truth.before = Carrier(self, lambda: None).snapshot(truth)
            provider_status = self.random.choice([AssetState.CANCELLED, AssetState.FAILED])
            truth.numbers = dict.fromkeys(truth.numbers, provider_status)

    def webhook(self, truth: Purchase) -> None:
        if self.world.happens("no_webhook") or self.world.provider != "telnyx":
            return
        for _ in range(self.random.choice([1, 1, 2, 3])):
            delay = timedelta(seconds=self.random.choice([0, 0, 1, 60, 3600]))
            self._notify(self._body(truth), self.world.time, delay)

    def _body(self, truth: Purchase) -> bytes:
        payload = {
            "id": truth.id,
            "customer_reference": truth.reference,
            "status": "success",
            "record_type": "number_order",
        }
        envelope = {
            "data": {
                "event_type": "number_order.complete",
                "id": f"event-{truth.id}",
                "occurred_at": self.world.time.isoformat(),
                "payload": payload,
                "record_type": "event",
            }
        }
        return json.dumps(envelope).encode()

    def _notify(self, body: bytes, received_at: datetime, delay: timedelta = timedelta(0)) -> None:
        """Put on the queue what the receiver would."""
        event = message("telnyx", "default", body, received_at, key="k")
        self.world.put("sync", json.dumps(event, default=datetime.isoformat), received_at - self.world.time + delay)


class Carrier(base.Provider):
    """The carrier as numberdesk calls it (`providers.base.Provider`)."""

    can_find = True

    def __init__(self, side: StandIn, guard: Callable[[], None]) -> None:
        self.side = side
        self.world = side.world
        self.guard = guard

    def _call(self) -> None:
        self.world.seen.calls += self.world.pressing
        self.world.tally["provider"] += 1
        self.world.point("before the carrier")
        if self.world.happens("slot_busy"):
            raise base.SlotBusyError(timedelta(seconds=self.world.random.randint(4, 20)))
        self.guard()
        if not self.side.account_good:
            raise base.AccountFaultError("authentication failed", code="10009")

    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), reuse: Sequence[Asset] = ()
    ) -> base.Plan:
        self._call()
        if "hanging" in self.world.troubles and message.order_id == self.side.hanging:
            self.world.seen.swallowed[message.order_id] += 1
            raise CrashError
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        if self.world.provider != "telnyx":
            return base.Plan({"quantity": message.count})
        values = [asset.value for asset in reuse] or [self.new_number() for _ in range(message.count)]
        assert not exclude & set(values)
        chosen = (
            AssetSeen(
                AssetKind.NUMBER,
                value,
                AssetState.PENDING,
                "chosen",
                country="US",
                number_type="local",
                upfront_cost="0.50",
                monthly_cost="0.50",
                currency="USD",
            )
            for value in values
        )
        return base.Plan({}, tuple(chosen))

    def new_number(self) -> str:
        self.world.serial += 1
        return f"+1206{self.world.serial:07}"

    def place(self, plan: base.Plan, reference: str) -> base.Placed:
        world = self.world
        self._call()
        if world.happens("not_sent"):
            raise base.NotSentError("ConnectError")
        if world.happens("account"):
            raise base.AccountFaultError("insufficient funds", code="20100")
        if world.happens("refused"):
            raise base.RefusedError("gone", code="85001", numbers_unavailable=world.random.random() < 0.5)
        if "strangers" in world.troubles and world.random.random() < 0.5:
            self.buy_elsewhere(plan)
            raise base.OutcomeUnknownError("ReadTimeout")
        if world.happens("lost_answer") and world.random.random() < 0.3:
            if world.random.random() < 0.5:
                self.buy_elsewhere(plan)
            raise base.OutcomeUnknownError("ReadTimeout")  # sent, but never processed
        values = [asset.value for asset in plan.chosen] or [self.new_number() for _ in range(plan.payload["quantity"])]  # type: ignore[call-overload]
        sold = {value for truth in self.side.truths.values() for value in truth.numbers}
        if sold & set(values):
            world.asked["sold already"] += 1
            raise base.RefusedError("gone", code="85001", numbers_unavailable=True)
        pause = world.random.choice([timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=4)])
        truth = Purchase(
            f"po-{len(self.side.truths)}",
            reference,
            len(values),
            dict.fromkeys(values, AssetState.PENDING),
            world.time,
            world.time + (pause if world.happens("late") else timedelta(0)),
        )
        if world.provider == "telnyx" and world.random.random() < 0.6:
            truth.requirement = RequirementState.AWAITING_VALUE
            truth.set_deadline(world.time + world.some_time(), world.time)
        self.side.truths[truth.id] = truth
        world.point("after the carrier")
        if world.happens("lost_answer"):
            world.time += timedelta(seconds=20)
            raise base.OutcomeUnknownError("ReadTimeout")
        return base.Placed(truth.id, "pending")

    def buy_elsewhere(self, plan: base.Plan) -> None:
        """Let another system buy as many at this account at this very moment."""
        count = len(plan.chosen) or plan.payload["quantity"]
        numbers = {self.new_number(): AssetState.ACTIVE for _ in range(count)}  # type: ignore[call-overload]
        now, elsewhere = self.world.time, f"po-{len(self.side.truths)}"
        self.side.truths[elsewhere] = Purchase(elsewhere, "", len(numbers), numbers, now, now)

    def find(self, order: Order, message: OrderMessage | None) -> list[base.Placed]:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        # Of the same size: nothing distinguishes our purchase from somebody else's.
        proven = self.world.provider != "callfire"
        return [base.Placed(truth.id, proven=proven) for truth in self.listed() if self.matches(truth, order)]

    def listed(self) -> list[Purchase]:
        return [truth for truth in self.side.truths.values() if truth.listed_at <= self.world.time]

    def matches(self, truth: Purchase, order: Order) -> bool:
        if self.world.provider != "callfire":
            return truth.reference == order.reference
        # No reference of ours: a purchase of the same content, made since the attempt began.
        since = order.attempt.began_at if order.attempt else order.received_at
        return truth.wanted == order.request.count and truth.bought_at >= since

    def _read(self) -> None:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")

    def orders(self, cursor: str | None) -> base.OrdersPage:
        self._read()
        shown = self.world.provider != "callfire"
        return base.OrdersPage(
            tuple(
                OnOrder(
                    provider_order_id=each.id,
                    provider_status="pending",
                    reference=each.reference if shown else None,
                    created_at=each.bought_at,
                )
                for each in self.listed()
            )
        )

    def owned(self, cursor: str | None) -> base.OwnedPage:
        self._read()
        return base.OwnedPage(
            tuple(
                Owned(
                    value=value,
                    kind=AssetKind.NUMBER,
                    since=truth.bought_at,
                    features=("sms",),
                    monthly_cost="0.50",
                    currency="USD",
                )
                for truth in self.listed()
                for value, state in truth.numbers.items()
                if state is AssetState.ACTIVE
            )
        )

    def observe(self, order: Order) -> Snapshot:
        self._call()
        world = self.world
        world.seen.polls.append((order.order_id, world.time))
        if world.happens("unreadable"):
            raise world.random.choice([base.UnreadableError("503"), base.NoSuchOrderError("404")])
        truth = self.side.truths[order.provider_order_id or ""]
        snapshot = truth.before if truth.before and world.happens("stale") else self.snapshot(truth)
        # Only at Telnyx is a poll several reads. After a restore, an order's own count of numbers shows its state.
        # Two polls in a row that leave out the same number say that it was not delivered (`domain.numbers.fail_unlisted`).
        truth.torn = world.provider == "telnyx" and bool(order.assets) and not truth.torn and world.happens("torn")
        if truth.torn:
            kept = tuple(asset for asset in snapshot.assets if world.random.random() < 0.7)
            snapshot = snapshot._replace(assets=kept, deadlines=(), comments=())
        world.point("after the carrier")
        return snapshot

    def snapshot(self, truth: Purchase) -> Snapshot:
        sub_order = f"s-{truth.id}"
        numbers = len(truth.numbers)
        shown = self.side.shown_deadline(truth) if truth.requirement is not None and not truth.over else None
        return Snapshot(
            provider_order_id=truth.id,
            phase=Phase.ENDED if truth.over else Phase.OPEN,
            provider_status="success" if truth.over else "pending",
            lists_every_asset=True,
            assets=tuple(
                AssetSeen(AssetKind.NUMBER, value, state, state.value, f"id-{value}", sub_order, "US", "local")
                for value, state in truth.numbers.items()
            ),
            sub_orders=(SubOrderSeen(sub_order, "pending", "US", "local"),),
            requirements=(
                RequirementSeen(
                    "r1", sub_order, truth.requirement, truth.requirement.value, numbers, "Proof of address", "document"
                ),
            )
            if truth.requirement
            else (),
            deadlines=(DeadlinesSeen(sub_order, ((shown, numbers),) if shown else ()),),
            comments=tuple(truth.comments),
        )

    def what_to_look_for(self, order: Order) -> str:
        return f"Look for {order.reference}."

    # Operations

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        return [Specification(id="r1", name="Proof of address", kind=ValueKind.DOCUMENT)]

    def _write(self, name: str) -> None:
        """Apply what may happen before each writing call."""
        self._call()
        if "forbidden" in self.world.troubles and name in self.side.forbidden:
            self.world.seen.forbidden += 1
            raise base.NotPermittedError("This feature is not permitted at this account level.", code="10038")
        if self.world.happens("not_sent"):
            raise base.NotSentError("ConnectError")
        if self.world.happens("refused"):
            raise base.RefusedError(f"{name} is not taken", code="10015")
        if self.world.happens("lost_answer") and self.world.random.random() < 0.3:
            raise base.OutcomeUnknownError("ReadTimeout")  # sent, but never processed

    def _answer(self, provider_status: str) -> str:
        """Apply what may happen after it."""
        self.world.point("after the carrier")
        if self.world.happens("lost_answer"):
            self.world.time += timedelta(seconds=20)
            raise base.OutcomeUnknownError("ReadTimeout")
        return provider_status

    def _take(self, order: Order, values: Sequence[str]) -> str:
        self._write("a value")
        truth = self.side.truths[order.provider_order_id or ""]
        if truth.over:
            raise base.RefusedError("the order is over", code="10015")
        truth.given += values
        if not truth.owes:
            return self._answer("already satisfied")
        truth.requirement = RequirementState.UNDER_REVIEW
        truth.set_deadline(None, self.world.time)
        return self._answer("under review")

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        assert values.keys() == {"r1"}
        return self._take(order, list(values.values()))

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        return self._take(order, [group_id])

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        self._write("a cancellation")
        truth = self.side.truths[order.provider_order_id or ""]
        if not truth.over:
            truth.before = self.snapshot(truth)
            truth.numbers = dict.fromkeys(truth.numbers, AssetState.CANCELLED)
        return self._answer("cancelled")

    def _commented(self, sub_order_id: str) -> Purchase:
        return self.side.truths[sub_order_id.removeprefix("s-")]

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        return list(self._commented(sub_order_id).comments)

    def comment(self, sub_order_id: str, text: str) -> str:
        self._write("a comment")
        truth = self._commented(sub_order_id)
        comment_id = f"c{len(truth.comments)}-{truth.id}"
        comment = CommentSeen(comment_id, sub_order_id, text, by_provider=False, at=self.world.time)
        truth.comments.append(comment)
        return self._answer(comment_id)

    def mark_read(self, comment_id: str) -> None:
        self._write("a mark")
        truth = self.side.truths[comment_id.partition("-")[2]]
        truth.comments = [
            comment._replace(read=True) if comment.id == comment_id else comment for comment in truth.comments
        ]
        self._answer("")
