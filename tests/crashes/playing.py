"""A deployed numberdesk in which functions die, and the people, carriers and schedules around it that go on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3 import client
from moto.dynamodb.models import dynamodb_backends

from numberdesk.domain import placing
from numberdesk.domain.statuses import ENDED, OrderState
from numberdesk.storage.values import marshal, unmarshal
from tests.support.aws import SECRETS, KilledError, World
from tests.support.builders import SCOPE
from tests.support.stack import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.order import Order
    from tests.support.functions import Function

MINUTE = timedelta(minutes=1)
_TRIES = 4
"""Of a person who gets a 5xx."""
_STREAM_TRIES = 4
"""Of the stream: its event source mapping retries three times."""
_LONGEST = timedelta(days=6)
"""Nothing that a scenario waits for takes longer."""
_UNCLEAR = timedelta(hours=1)
"""After which an operator looks at the carrier for a purchase whose outcome is unknown."""


class Stage(World):
    """A world in which a function may die, or fail as a whole, in every invocation."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.failures: list[str] = []
        """Functions that failed as a whole; Lambda counts them as errors."""
        self.swept_at = self.clock.now()
        self.answers: Counter[int] = Counter()
        """Statuses of the API's responses."""
        self.resolved: list[str] = []
        """What operators found out at the carrier."""
        self.redriven: list[str] = []
        """Reasons of the dead letters that operators sent back."""
        self.published: list[tuple[str, dict[str, Any]]] = []
        """What came over the bus."""
        self.by_hand: list[str] = []
        """The purchases that people made at a carrier."""
        self._left_by_stream = False
        self._stream_failures = 0

    # Functions

    def tick(self, name: str, *, remaining_ms: int = 60_000) -> Any:
        """Let a schedule invoke a function; none where it failed."""
        return self._attempt(name, lambda: self.function(name)({}, remaining_ms=remaining_ms))

    def _attempt(self, name: str, run: Callable[[], Any]) -> Any:
        try:
            return run()
        except AssertionError:
            raise
        except KilledError:
            self._functions.pop(name, None)
            self.failures.append(f"{name} died")
        except Exception as error:  # noqa: BLE001 - Lambda reports any
            self.failures.append(f"{name}: {type(error).__name__}")
        return None

    def deliver(self, name: str, *, remaining_ms: int = 170_000, function: Function | None = None) -> int:
        deliver = super().deliver
        delivered = self._attempt(name, lambda: deliver(name, remaining_ms=remaining_ms, function=function))
        return 1 if delivered is None else int(delivered)

    def sweep(self) -> int:
        self.swept_at = self.clock.now()
        swept = self.tick("wake_orders")
        self.settle()
        return int(swept["woken"]) if swept else 0

    def reconcile_inventory(self) -> int:
        """Compare until every account that is due was compared: the schedule runs every ten minutes."""
        for _ in range(_TRIES):
            done = self.tick("reconcile_inventory", remaining_ms=900_000)
            self.settle()
            if done is not None:
                return int(done["compared"])
            self.clock.advance(600)
        return 0

    def webhook(self, path: str, headers: dict[str, str], body: bytes, *, in_base64: bool = True) -> int:
        receive = super().webhook
        status = self._attempt("receive_webhook", lambda: receive(path, headers, body, in_base64=in_base64))
        # API Gateway answers for a function that died.
        return 502 if status is None else int(status)

    def publish(self, function: Function | None = None) -> int:
        before = self._published
        try:
            published = super().publish(function)
        except AssertionError:
            self.failures.append("publish_changes: not all accepted")
        except KilledError:
            self._functions.pop("publish_changes", None)
            self.failures.append("publish_changes died")
        except Exception as error:  # noqa: BLE001 - Lambda reports any
            self.failures.append(f"publish_changes: {type(error).__name__}")
        else:
            self._stream_failures = 0
            return published
        self._stream_failures += 1
        if self._stream_failures < _STREAM_TRIES:
            self._published = before
            return 1
        self._left_by_stream, self._stream_failures = True, 0
        return 0

    def ask(self, method: str, path: str, json: Any = None, *, refused: bool = False, **query: str) -> Any:
        """Call the API as an operator does: again after a 5xx. Return the body.

        A repeated call that did its work the first time is answered with a conflict. `refused` expects a refusal.
        """
        status, answer = 0, None
        for attempt in range(_TRIES):
            called = self._attempt("orders_api", lambda: self.api(method, path, json, **query))
            status, answer = (502, None) if called is None else called
            self.answers[status] += 1
            if status < 500:
                is_repeated = attempt > 0 and status in (404, 409)
                assert (status >= 400) is refused or is_repeated, f"{method} {path}: {status} {answer}"
                return answer
            self.run_until(self.clock.now() + MINUTE)
        message = f"{method} {path}: {status} again and again"
        raise AssertionError(message)

    # Orders

    def orders(self) -> list[Order]:
        """Return all orders."""
        rows = self._rows().values()
        return [order for row in rows if (order := self.table.get(unmarshal(row)["order_id"])) is not None]

    def has(self, *states: OrderState, order_id: str = "order-1") -> bool:
        """Return whether an order is in one of these states."""
        row = self._rows().get(order_id)
        return row is not None and row["state"]["S"] in {state.value for state in states}

    def told(self, kind: str, order_id: str = "order-1") -> int:
        """Count the entries of a kind in an order's ledger."""
        return sum(entry.kind.value == kind for entry in self.ledger(f"ORDER#{order_id}"))

    def account_told(self, kind: str, provider: str = "telnyx") -> int:
        """Count the entries of a kind in the ledger of a provider's account."""
        return sum(entry.kind.value == kind for entry in self.ledger(f"ACCOUNT#{provider}#default"))

    def hold(self, order_id: str) -> str | None:
        """Return what an order is held for."""
        order = self.table.get(order_id)
        return order.hold.kind.value if order is not None and order.hold is not None else None

    def reference(self, order_id: str) -> str:
        """Return the reference that an order will have."""
        return placing.reference_of(SCOPE, order_id)

    def later(self, duration: timedelta) -> str:
        """Return an instant so long from now, as the API takes it."""
        return (self.clock.now() + duration).isoformat()

    def unmatched(self) -> list[dict[str, Any]]:
        """Return the webhooks that belong to no order."""
        return [item for item in self.everything() if str(item["pk"]).startswith("UNMATCHED")]

    def lose_stream(self) -> None:
        """Let the stream give up what it has not handed over yet: the schedule publishes it."""
        self.give_up_stream()
        self._left_by_stream = True

    def forget_accounts(self) -> None:
        """Leave all as it is where no parameter could be written that says which accounts there are."""
        ssm = client("ssm")
        for each in ssm.get_parameters_by_path(Path="/numberdesk", Recursive=True)["Parameters"]:
            ssm.delete_parameter(Name=each["Name"])
        for item in self.items("ACCOUNTS"):
            key = marshal({"pk": item["pk"], "sk": item["sk"]})
            table = self.stack.outputs["TableName"]
            self.dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE marked")

    def sum_up(self) -> None:
        """Let the schedule send people sums until nothing is held back."""
        self.until(self._is_summed_up)

    def _is_summed_up(self) -> bool:
        self.tick("send_notifications")
        return not self.items("NOTIFIED#HELD")

    # What carriers' other customers do

    def approved_group(self) -> str:
        """Return the id of a requirement group at Telnyx, with all values."""
        client, headers = self._at_telnyx()
        asked = {"country_code": "DE", "phone_number_type": "local", "action": "ordering"}
        group = client.post("/v2/requirement_groups", json=asked, headers=headers).get_json()
        given = [
            {"requirement_id": each["requirement_id"], "field_value": "x"} for each in group["regulatory_requirements"]
        ]
        path = f"/v2/requirement_groups/{group['id']}"
        client.patch(path, json={"regulatory_requirements": given}, headers=headers)
        return str(group["id"])

    def _at_telnyx(self) -> tuple[Any, dict[str, str]]:
        """Return a client of the account that does without numberdesk, and its headers."""
        return self.telnyx.app.test_client(), {"Authorization": f"Bearer {SECRETS['telnyx']['api_key']}"}

    def buy_by_hand(self, reference: str) -> None:
        """Buy a German number at Telnyx with an order's reference, as somebody does in the portal."""
        client, headers = self._at_telnyx()
        query = {"filter[country_code]": "DE", "filter[phone_number_type]": "local", "filter[limit]": "1"}
        offers = client.get("/v2/available_phone_numbers", query_string=query, headers=headers).get_json()["data"]
        numbers = [{"phone_number": offers[0]["phone_number"]}]
        sent = {"phone_numbers": numbers, "customer_reference": reference}
        made = client.post("/v2/number_orders", json=sent, headers=headers).get_json()
        self.by_hand.append(made["data"]["id"])

    def _rows(self) -> dict[str, dict[str, Any]]:
        """Return the row of each order."""
        table = dynamodb_backends[ACCOUNT_ID][REGION].tables[self.table._name]
        rows = {}
        for partition, items in table.items.items():
            if str(getattr(partition, "value", partition)).startswith("ORDER#"):
                for item in items.values():
                    row = {name: {value.type: value.value} for name, value in item.attrs.items() if name in _READ}
                    if row.get("sk") == {"S": "ORDER"}:
                        rows[row["order_id"]["S"]] = row
        return rows

    # Time

    def until(self, done: Callable[[], bool]) -> None:
        """Let time pass until something is so."""
        give_up_at = self.clock.now() + _LONGEST
        self._run_now()
        began = self.clock.now()
        while not done():
            now = self.clock.now()
            assert now < give_up_at, "what the scenario waits for does not come"
            # Carriers and reviewers take their time: short steps at first, then longer ones.
            self._step(now + max(timedelta(seconds=5), (now - began) / 4))

    def rest(self) -> None:
        """Let time pass until nothing is under way: every order is over, and no message waits but a later poll's."""
        self.until(lambda: all(self.is_over(row) for row in self._rows().values()) and not self._is_under_way())
        self.published += self.events()

    def is_over(self, row: dict[str, Any]) -> bool:
        """Return whether an order's row says that the order is over."""
        return OrderState(row["state"]["S"]) in ENDED

    def _is_under_way(self) -> bool:
        """Return whether a message is to be handled, or an event to be published."""
        waiting = any(self._queue(queue)._messages for queue in ("OrderQueue", "SyncQueue", "NotificationQueue"))
        webhooks = any(simulator.outbox.waiting for simulator in self.simulators.values())
        due = any(at <= self.clock.now() + MINUTE for at in self._dues())
        return waiting or webhooks or due or self._left_by_stream

    def run_until(self, until: datetime) -> None:
        """Let time pass until an instant."""
        self._run_now()
        while self.clock.now() < until:
            self._step(until)

    def _step(self, until: datetime) -> None:
        now = self.clock.now()
        at = max(min(until, self._next_at()), now + timedelta(seconds=1))
        self.clock.advance((at - now).total_seconds())
        self._run_now()

    def _run_now(self) -> None:
        """Run everything that is due."""
        self.settle()
        self.notify()
        now = self.clock.now()
        if now - self.swept_at >= MINUTE and any(at <= now + MINUTE for at in self._dues()):
            self.sweep()
        if self._left_by_stream and self.tick("publish_changes") is not None and not self.marked():
            self._left_by_stream = False
        self._operate()
        self.notify()

    def _dues(self) -> list[datetime]:
        """Return when the sweep looks after each order."""
        swept = self.table.sweep()
        found = []
        for row in self._rows().values():
            if wake_at := row.get("wake_at", {}).get("S"):
                sent = swept.on_their_way.get(row["order_id"]["S"]) if swept else None
                if sent is not None and sent.wake_at == datetime.fromisoformat(wake_at):
                    found.append(sent.until)
                else:
                    found.append(datetime.fromisoformat(row.get("sweep_at", {}).get("S") or wake_at))
        return found

    def _next_at(self) -> datetime:
        """Return when something is due next."""
        messages = [
            max(message.visible_at, message.delayed_until) / 1000
            for queue in ("OrderQueue", "SyncQueue", "NotificationQueue")
            for message in self._queue(queue)._messages
        ]
        webhooks = [delivery.due for simulator in self.simulators.values() for delivery in simulator.outbox.waiting]
        # A sweep begins each minute.
        sweeps = [max(at - MINUTE, self.swept_at + MINUTE) for at in self._dues()]
        again = [self.clock.now() + MINUTE] if self._left_by_stream else []
        at = [*(datetime.fromtimestamp(each, UTC) for each in messages), *webhooks, *sweeps, *again]
        return min(at, default=datetime.max.replace(tzinfo=UTC))

    def marked(self) -> list[str]:
        """Return the ledger entries whose event is not known to be published."""
        return [item["sk"] for item in self.everything() if "unpublished_at" in item]

    # People

    def _operate(self) -> None:
        """Do what an operator does: look for purchases with an unknown outcome, and redrive dead letters once."""
        for order_id, row in self._rows().items():
            if row["state"]["S"] == OrderState.UNKNOWN.value:
                self._resolve(order_id)
        for name, queue in (("orders", "OrderDeadLetterQueue"), ("sync", "SyncDeadLetterQueue")):
            self._redrive(name, queue)

    def _resolve(self, order_id: str) -> None:
        order = self.order(order_id)
        since = order.unknown_since or order.received_at
        if self.clock.now() - since < _UNCLEAR or not order.not_found_notified:
            return
        theirs = self._purchase_of(order)
        self.resolved.append("found" if theirs else "not there")
        said: dict[str, Any] = {"placed_as": theirs} if theirs else {"not_placed": {"place_again": True}}
        self.ask("POST", f"/orders/{order_id}/resolve", said)

    def _purchase_of(self, order: Order) -> str | None:
        """Return the provider's id of an order's purchase, as a person sees it at the carrier."""
        owned = {each.provider_order_id for each in self.orders()}
        bought = [str(row["order_id"]) for row in self.simulators[order.provider].orders()]
        since = order.attempt.began_at if order.attempt else order.received_at
        sold = [str(sale.order_id) for sale in self.simulators[order.provider].sales() if sale.at >= since]
        free = [each for each in bought if each in sold and each not in owned]
        return free[0] if free else None

    def _redrive(self, name: str, queue: str) -> None:
        waiting = self._queue(queue)._messages
        for message in waiting:
            if message.body in self.redriven:
                continue
            self.redriven.append(message.body)
            self.ask("POST", f"/dead-letters/{name}/redrive", {"dry_run": False})
            return


_READ = ("pk", "sk", "order_id", "state", "wake_at", "sweep_at")
