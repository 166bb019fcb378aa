"""The stories' stage in one process: moto, the simulators and the functions, all on one virtual clock.

Differences from the deployed stage: nothing runs in parallel, so that calls "at once" come one right after
the other, without their consequences in between; and the clock stands still while functions run. If nothing is
due, nothing is run: sweeps without a result, some two hundred per story, would be most of the work.
"""

from __future__ import annotations

import json
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3

from local.address import paragraphs
from local.deployed import SWEEP
from local.records import Item, Records
from local.simulators.base import plain
from local.stage import Answer, Call
from local.world import LIMITS, LISTED_METADATA_KEY, SIMULATED, TELESIGN_RESALE, TIMINGS, UNBOUNDED, WINDOW
from numberdesk.domain.clock import instant_text
from tests.support.aws import ALICE, SECRETS, TOKEN, World, proxy_event, world
from tests.support.builders import SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


RESALE_KEYS = ("cmVzYWxlLWtleS10aGF0LWlzLXJldm9rZWQ=", "cmVzYWxlLWtleS10aGF0LWlzLWdvb2Q=")
LEGACY = {"login": "legacy", "password": "PASSWORD-callfire-legacy"}


class MotoStage:
    """Stories on moto (see `local.stage.Stage`)."""

    operator = ALICE
    scope = SCOPE

    def __init__(self, world: World, *, live: bool) -> None:
        self.world = world
        self.live = live
        self.outputs: Mapping[str, str] = world.stack.outputs
        self.sqs: Any = world.sqs
        self.records = _Records(world)
        secrets = [*SECRETS.values(), LEGACY]
        self.private: Mapping[str, str] = {
            f"the key {text}": text
            for secret in secrets
            for name, text in secret.items()
            if name in ("api_key", "password")
        } | {"the postback token": TOKEN, **{f"the key {key}": key for key in RESALE_KEYS}}
        world.mailbox.address.live = live
        self._mails_heard = 0
        self._bus_heard_at = 0
        self._swept_at = self.now()
        self._open_accounts()

    def _open_accounts(self) -> None:
        self.ask("telesign", "allow", login=TELESIGN_RESALE, secret=RESALE_KEYS[0], account="resale")
        self.ask("callfire", "allow", login=LEGACY["login"], secret=LEGACY["password"], account="legacy")
        self.world.put_secret("telesign", "resale", customer_id=TELESIGN_RESALE, api_key=RESALE_KEYS[0])
        self.world.put_secret("callfire", "legacy", **LEGACY)
        for provider, settings in SIMULATED.items():
            self.ask(provider, "configure", **settings, live=self.live)

    def now(self) -> datetime:
        return self.world.clock.now()

    def rest(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        if self._is_due():
            self._settle()
        if self._is_overdue() and self.now() - self._swept_at >= timedelta(seconds=SWEEP):
            self._swept_at = self.now()
            self.world.function("wake_orders")({})
        if self._is_gathered():
            self.world.notify()

    def _settle(self) -> None:
        """Run everything that is due now, as `World.settle` does; but functions wait for their turns side by side."""
        now, fresh = self.now(), True
        while fresh:
            sent = sum(len(simulator.pump()) for simulator in self.world.simulators.values())
            handled = 0
            for function in ("place_order", "sync_order"):
                handled += self.world.deliver(function)
                self.world.clock.set(now)
            fresh = bool(sent + handled) or bool(self.world.publish())

    def _is_due(self) -> bool:
        """Return whether anything is to do: a webhook, a message, or an event to publish."""
        notified = [simulator.pump() for simulator in self.world.simulators.values()]
        queued = [self.world._queue(queue).messages for queue in ("OrderQueue", "SyncQueue")]
        return any(notified) or any(queued) or self.world._published != len(self.world.stream())

    def _is_overdue(self) -> bool:
        """Return whether an order is due without a wake."""
        now = instant_text(self.now())
        return any(row["wake_at"]["S"] <= now for row in self.records.rows().values() if "wake_at" in row)

    def _is_gathered(self) -> bool:
        """Return whether the oldest message for people has waited for others long enough."""
        waiting: list[Any] = self.world._queue("NotificationQueue")._messages
        sent = [message.sent_timestamp for message in waiting]
        return bool(sent) and self.now().timestamp() - min(sent) / 1000 >= WINDOW

    @contextmanager
    def playing(self) -> Iterator[None]:
        yield

    def ask(self, provider: str, control: str, **arguments: Any) -> Any:
        result = getattr(self.world.simulators[provider], control)(**arguments)
        return json.loads(json.dumps(result, default=plain))

    def die_after_purchase(self, provider: str, reference: str) -> None:
        self.world.dying.add(reference)

    def call(self, call: Call) -> Future[Answer]:
        query = {name: [value] for name, value in (call.query or {}).items()}
        event = proxy_event(call.method, call.path, call.body, principal=ALICE, query=query)
        answer = self.world.function("orders_api")(event)
        headers = {name.lower(): value for name, value in answer.get("multiValueHeaders", {}).items()}
        [kind] = headers.get("content-type", [""])
        answered: Future[Answer] = Future()
        answered.set_result(Answer(answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None, kind))
        return answered

    def post_webhook(self, headers: Mapping[str, str], body: str) -> int:
        return self.world.webhook("/webhooks/telnyx", dict(headers), body.encode())

    def upload(self, form: Mapping[str, Any], content: bytes) -> int:
        # moto accepts a form without checking its policy; the policy is tested where it is made.
        fields = form["fields"]
        boto3.client("s3").put_object(
            Bucket=self.outputs["FilesBucketName"], Key=fields["key"], Body=content, ContentType=fields["Content-Type"]
        )
        return 204

    def read_notifications(self) -> list[str]:
        fresh = self.world.mailbox.mails[self._mails_heard :]
        self._mails_heard += len(fresh)
        return [paragraph for mail in fresh for paragraph in paragraphs(mail.text)]

    def hear_bus(self) -> list[dict[str, Any]]:
        if self._bus_heard_at == self.world._published:
            return []
        self._bus_heard_at = self.world._published
        return [{"detail-type": kind, "detail": detail} for kind, detail in self.world.events()]

    def reconcile_inventory(self) -> None:
        self.world.function("reconcile_inventory")({}, remaining_ms=900_000)

    def copy_table(self) -> list[Item]:
        return self.records.copy()

    def restore_table(self, copy: Sequence[Item]) -> None:
        self.records.restore(copy)
        # Only the next sweep discovers it, and no order need be due for that.
        self.world.sweep()

    def files(self) -> list[str]:
        return self.world.objects()

    def log_of(self, function: str) -> list[str]:
        return self.world.output.getvalue().splitlines()

    def logs(self) -> dict[str, str]:
        return {"of all functions": self.world.output.getvalue()}

    def check_permissions(self) -> None:
        """Return nothing: moto has no roles."""

    def renew_resale_key(self) -> None:
        self.ask("telesign", "allow", login=TELESIGN_RESALE, secret=RESALE_KEYS[1], account="resale")
        self.world.put_secret("telesign", "resale", customer_id=TELESIGN_RESALE, api_key=RESALE_KEYS[1])


class _Records(Records):
    """The order table, whose stream shows its writes."""

    def __init__(self, world: World) -> None:
        super().__init__(world.dynamodb, world.stack.outputs["TableName"])
        self._world = world
        self._read = 0
        self._rows: dict[str, dict[str, Any]] = {}

    def rows(self) -> Mapping[str, dict[str, Any]]:
        """Return the row of each existing order, as the stream shows it."""
        stream = self._world.stream()
        for record in stream[self._read :]:
            keys, image = record["dynamodb"]["Keys"], record["dynamodb"].get("NewImage")
            if keys["sk"] == {"S": "ORDER"}:
                order_id = keys["pk"]["S"].removeprefix("ORDER#")
                self._rows.pop(order_id, None)
                if image is not None:
                    self._rows[order_id] = image
        self._read = len(stream)
        return self._rows

    def versions(self, order_ids: Iterable[str]) -> dict[str, int]:
        rows = self.rows()
        return {order_id: int(rows[order_id]["version"]["N"]) for order_id in order_ids if order_id in rows}


@contextmanager
def moto_stage(*, live: bool) -> Iterator[MotoStage]:
    """Deploy numberdesk on moto with the times of a local run; the simulators behave as live systems do, or as documented."""
    with world(
        Timings=json.dumps(TIMINGS),
        SpendingLimits=json.dumps(LIMITS),
        ListedMetadataKey=LISTED_METADATA_KEY,
        NotificationWindowSeconds=str(WINDOW),
        MessageBounds=json.dumps(UNBOUNDED),
    ) as made:
        yield MotoStage(made, live=live)
