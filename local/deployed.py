"""The stage of a run: a stack on the local AWS, and simulators in their own process."""

import contextlib
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import httpx

from local.address import Address, paragraphs
from local.environment import ACCOUNT_ID, REGION, STACK_NAME, require_loopback
from local.records import Item, Records
from local.stage import Answer, Call, PermissionMissingError
from local.world import LIVE, TELESIGN, TELESIGN_RESALE, World

SWEEP = 5.0
"""Seconds between two runs of wake_orders; the schedule has a minute. Each wakes again whatever is due still: oftener, and a
machine that lags behind has more and more to do."""
LOG_CHECK = 5.0
"""Seconds between two looks into the logs for a permission that is missing."""
FUNCTIONS = (
    "receive_webhook",
    "orders_api",
    "place_order",
    "sync_order",
    "wake_orders",
    "reconcile_inventory",
    "publish_changes",
    "send_notifications",
)
REFUSED = ("AccessDenied", "AuthorizationError")
"""What AWS says where a permission is missing; the second is SNS's word."""


class DeployedStage:
    """Stories on a deployed stack (see `local.stage.Stage`)."""

    operator = f"arn:aws:iam::{ACCOUNT_ID}:user/operator"
    scope = f"{ACCOUNT_ID}/{REGION}/{STACK_NAME}"

    def __init__(self, world: World) -> None:
        self.world = world
        self.outputs: Mapping[str, str] = world.stack.outputs
        self.sqs = world.stack.client("sqs")
        self.records = Records(world.stack.client("dynamodb"), self.outputs["TableName"])
        self._logs, self._s3 = world.stack.client("logs"), world.stack.client("s3")
        self._people, self._bus = world.stack.notification_queue(), world.stack.events_queue()
        self._address = Address(live=LIVE)
        # As many at a time as the warm-up leaves functions to answer: each further one would have a cold start.
        self._callers = ThreadPoolExecutor(2, "caller")
        self._rested = self._checked = time.monotonic()
        self._log_read_until = 0

    @property
    def private(self) -> Mapping[str, str]:
        keys = asdict(self.world.keys)
        logins = {
            "telesign_api_key": TELESIGN,
            "telesign_resale_key": TELESIGN_RESALE,
            "telesign_renewed_key": TELESIGN_RESALE,
            "callfire_password": "default",  # nosec B105 # a login, by the name of its password
            "callfire_legacy_password": "legacy",  # nosec B105 # a login, by the name of its password
        }
        # As it is sent over the wire, which does not contain the key itself.
        basic = {name: b64encode(f"{login}:{keys[name]}".encode()).decode() for name, login in logins.items()}
        webhooks = {
            f"the signature of webhook {number}": made["headers"]["telnyx-signature-ed25519"]
            for number, made in enumerate(self.ask("telnyx", "deliveries"))
        }
        return (
            {f"the key {name}": value for name, value in keys.items()}
            | {f"the header made of {name}": value for name, value in basic.items()}
            | self.world.api.secrets()
            | webhooks
        )

    def now(self) -> datetime:
        return datetime.now(UTC)

    def rest(self, seconds: float) -> None:
        if time.monotonic() - self._checked > LOG_CHECK:
            self._checked = time.monotonic()
            self.check_permissions()
        time.sleep(max(0.0, seconds - (time.monotonic() - self._rested)))
        self._rested = time.monotonic()

    @contextlib.contextmanager
    def playing(self) -> Iterator[None]:
        over = threading.Event()

        def sweep() -> None:
            while not over.wait(SWEEP):
                # A failed sweep is in the function's log, and the next one does its work.
                with contextlib.suppress(RuntimeError):
                    self.world.stack.invoke("wake_orders")

        sweeper = threading.Thread(target=sweep, name="sweeper", daemon=True)
        sweeper.start()
        try:
            yield
        finally:
            over.set()
            sweeper.join(10)
            self._callers.shutdown(wait=False, cancel_futures=True)

    def ask(self, provider: str, control: str, **arguments: Any) -> Any:
        return self.world.simulators.ask(provider, control, **arguments)

    def die_after_purchase(self, provider: str, reference: str) -> None:
        # The provider accepts it and holds its response back: meanwhile the function waits.
        self.ask(provider, "fault", operation="create_order", kind="lose_answer", seconds=10, holding=reference)

        def kill() -> None:
            until = time.monotonic() + 60
            while not self.ask(provider, "purchases", reference=reference) and time.monotonic() < until:
                time.sleep(0.1)
            self.world.stack.kill("place_order")

        threading.Thread(target=kill, name="killer", daemon=True).start()

    def call(self, call: Call) -> Future[Answer]:
        return self._callers.submit(self._call, call)

    def _call(self, call: Call) -> Answer:
        try:
            answer = self.world.api.call(call.method, call.path, call.body, query=call.query)
        except httpx.HTTPError as fault:
            return Answer(0, repr(fault), "")
        body = answer.json() if answer.content else None
        return Answer(answer.status_code, body, answer.headers.get("content-type", ""))

    def post_webhook(self, headers: Mapping[str, str], body: str) -> int:
        return httpx.post(
            self.world.telnyx_url, headers=headers, content=body.encode(), timeout=30, trust_env=False
        ).status_code

    def upload(self, form: Mapping[str, Any], content: bytes) -> int:
        url = require_loopback(form["url"])
        files = {"file": ("file", content)}
        return httpx.post(url, data=form["fields"], files=files, timeout=30, trust_env=False).status_code

    def read_notifications(self) -> list[str]:
        mails = [(int(each["Attributes"]["SentTimestamp"]), each["Body"]) for each in self._take(self._people)]
        heard = [mail for at, mail in sorted(mails) if self._address.takes(datetime.fromtimestamp(at / 1000, UTC))]
        return [paragraph for mail in heard for paragraph in paragraphs(mail)]

    def hear_bus(self) -> list[dict[str, Any]]:
        return [json.loads(message["Body"]) for message in self._take(self._bus)]

    def _take(self, url: str) -> list[dict[str, Any]]:
        """Return all messages on a queue."""
        taken: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["SentTimestamp"]
        ).get("Messages", []):
            taken += messages
            for message in messages:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def log_of(self, function: str) -> list[str]:
        return self.world.stack.logs(function)

    def reconcile_inventory(self) -> None:
        self.world.stack.invoke("reconcile_inventory")

    def copy_table(self) -> list[Item]:
        return self.records.copy()

    def restore_table(self, copy: Sequence[Item]) -> None:
        self.records.restore(copy)

    def files(self) -> list[str]:
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self.outputs["FilesBucketName"])
        return [version["Key"] for page in pages for version in page.get("Versions", [])]

    def logs(self) -> dict[str, str]:
        groups = self._logs.get_paginator("describe_log_groups").paginate()
        found = {}
        for name in [group["logGroupName"] for page in groups for group in page["logGroups"]]:
            pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=name)
            found[name] = "\n".join(event["message"] for page in pages for event in page["events"])
        missing = {f"/aws/lambda/{STACK_NAME}-{name}" for name in FUNCTIONS} - found.keys()
        if missing:
            raise RuntimeError(f"no log of {', '.join(sorted(missing))}")
        # The emulator's own log, which has all that functions print, and those of the build and the deployment.
        return found | {path.name: path.read_text(errors="replace") for path in self.world.home.glob("*.log")}

    def check_permissions(self) -> None:
        until = int(time.time() * 1000)
        for function in FUNCTIONS:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{STACK_NAME}-{function}", startTime=self._log_read_until
            )
            for page in pages:
                for event in page["events"]:
                    if any(provider_status in event["message"] for provider_status in REFUSED):
                        raise PermissionMissingError(f"{function}: {event['message'].strip()}")
        # Some overlap: a line may be written later than its time says.
        self._log_read_until = until - 10_000

    def renew_resale_key(self) -> None:
        self.world.renew_resale_key()
