"""numberdesk on moto: the template's resources, the functions between them, the simulators behind them, one clock for all.

Lambda's event source mappings are imitated here, with the batch sizes and filters of the template: moto runs
no functions without Docker.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from json import dumps, loads
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast
from unittest import mock
from urllib.parse import urlparse

import boto3
import moto.sqs.models
from moto.events.models import EventPattern

from local.simulators.base import SimulatorTransport
from local.simulators.callfire import CallFireSimulator
from local.simulators.clock import Clock
from local.simulators.telesign import TeleSignSimulator
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.providers import registry
from numberdesk.services import purchase
from numberdesk.storage.ledger import entry_of_item
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal, unmarshal
from tests.support import described, recursion, senders
from tests.support.builders import START
from tests.support.deployed import deployed, moto_at
from tests.support.functions import Function
from tests.support.mailbox import PEOPLE, mailbox, subscribe
from tests.support.stack import REGION, create_stack, functions, order_table, resources, role_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.statuses import ChangeKind
    from numberdesk.providers.base import Provider
    from tests.support.mailbox import Mailbox
    from tests.support.stack import Stack

STACK = "numberdesk"
ALICE = "arn:aws:iam::123456789012:user/alice"
TOKEN = "cG9zdGJhY2stdG9rZW4tb2YtMzItcmFuZG9tLWJ5dGVz"
"""The CallFire postback token of the default account."""
SECRETS: dict[str, dict[str, Any]] = {
    "telnyx": {"api_key": "KEY-telnyx-secret"},
    "telesign": {"customer_id": "FFFFFFFF-EEEE-DDDD-1234-AB1234567890", "api_key": "c2ltdWxhdG9yLXRlbGVzaWdu"},
    "callfire": {"login": "LOGIN-callfire", "password": "PASSWORD-callfire-secret", "settings": {"v2_find": True}},
}
_MAX_ROUNDS = 200


@dataclass(frozen=True)
class Ground:
    """What a world begins with in moto, beside people's subscription and the accounts' secrets.

    Attributes:
        stack: the deployed stack.
        bus_queue: the URL of a queue that gets every event of the bus.
    """

    stack: Stack
    bus_queue: str


def _ground(parameters: dict[str, str]) -> Ground:
    stack = create_stack(**parameters)
    secrets = boto3.client("secretsmanager", region_name=REGION)
    for provider, secret in SECRETS.items():
        secrets.create_secret(Name=f"{STACK}/{provider}/default", SecretString=json.dumps(secret))
    subscribe(stack.outputs["NotificationTopicArn"])
    sqs, events = boto3.client("sqs", region_name=REGION), boto3.client("events", region_name=REGION)
    bus = stack.outputs["EventBusName"]
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventBusName=bus, EventPattern=json.dumps({"source": ["numberdesk"]}))
    events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "listener", "Arn": arn}])
    return Ground(stack, url)


class KilledError(BaseException):
    """Lambda ends a function in the middle of a line: no handler of errors sees it."""


class World:
    """A deployed numberdesk. Nothing happens automatically: `settle`, `sweep` and `pass_time` drive it."""

    def __init__(self, ground: Ground, clock: Clock, mailbox: Mailbox) -> None:
        self.stack = ground.stack
        self.clock = clock
        self.mailbox = mailbox
        self.output = io.StringIO()
        """Everything that the functions logged and printed."""
        self.telnyx = TelnyxSimulator(
            clock, keys=[SECRETS["telnyx"]["api_key"]], private_key=b"k" * 32, webhook_urls=["/webhooks/telnyx"]
        )
        self.telesign = TeleSignSimulator(clock)
        self.callfire = CallFireSimulator(
            clock,
            login=SECRETS["callfire"]["login"],
            password=SECRETS["callfire"]["password"],
            postback_urls=[f"/postbacks/callfire/{TOKEN}"],
        )
        self.simulators = {"telnyx": self.telnyx, "telesign": self.telesign, "callfire": self.callfire}
        for simulator in self.simulators.values():
            simulator.outbox.send = self._deliver_webhook
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.secrets = boto3.client("secretsmanager", region_name=REGION)
        # Clients are shared by all tests. One that was returned changed would let a function do what its role does not allow.
        changed = [each for each in (self.dynamodb, self.sqs, self.s3, self.secrets) if "_make_api_call" in vars(each)]
        assert not changed, (
            "a test before this one left a patched AWS client behind: use monkeypatch.setitem(vars(client), ...)"
        )
        self.table = Table(self.dynamodb, self.stack.outputs["TableName"])
        self.dying: set[str] = set()
        """References of orders whose function dies once the provider took them, before anything of it is written."""
        self.stopped: list[str] = []
        """Of each invocation that Lambda's recursive loop detection stopped, its function. `world` lets no test end with one."""
        self.max_chain = 0
        """Most invocations of one function in one chain."""
        self._functions: dict[str, Function] = {}
        self._bus_queue = ground.bus_queue
        self._published = 0
        self._stream: list[dict[str, Any]] = []

    # Functions

    def function(self, name: str) -> Function:
        """Return the warm function; the first call is its cold start."""
        if name not in self._functions:
            self._functions[name] = self.cold(name)
        return self._functions[name]

    def restore(self, items: list[dict[str, Any]]) -> None:
        """Continue with a new table that holds these items, as AWS restores one: under another name. All functions start again."""
        name = f"{self.table._name}-restored"
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        self.dynamodb.create_table(TableName=name, StreamSpecification=stream, **order_table())  # type: ignore[arg-type]
        for item in items:
            self.dynamodb.put_item(TableName=name, Item=item)
        self.table = Table(self.dynamodb, name)
        self.stack.outputs["TableName"] = name
        for environment in self.stack.environments.values():
            environment.update({"TABLE_NAME": name} if "TABLE_NAME" in environment else {})
        self._functions.clear()
        # The restored items are no changes of it.
        self._stream, self._published = [], len(items)

    def copy(self) -> list[dict[str, Any]]:
        """Return a copy of the table's items, for `restore`."""
        items = self.dynamodb.scan(TableName=self.table._name)["Items"]
        return [dict(item) for item in items]

    def reconcile_inventory(self) -> int:
        """Compare the accounts that are due with the records, and run everything that follows."""
        compared: int = self.function("reconcile_inventory")({}, remaining_ms=900_000)["compared"]
        self.settle()
        return compared

    def cold(self, name: str, **environment: str) -> Function:
        """Load another instance of a function, as when Lambda starts one; `environment` differs from the template's."""
        return Function(name, {**self.stack.environments[name], **environment}, self.clock, self.output)

    def put_secret(self, provider: str, account: str = "default", **secret: Any) -> None:
        """Write an account's secret."""
        name, text = f"{STACK}/{provider}/{account}", json.dumps(secret)
        try:
            self.secrets.create_secret(Name=name, SecretString=text)
        except self.secrets.exceptions.ResourceExistsException:
            self.secrets.put_secret_value(SecretId=name, SecretString=text)

    # Queues

    def url(self, queue: str) -> str:
        """Return a queue's URL by its logical id."""
        return self.stack.outputs[f"{queue}Url"]

    def send(
        self,
        body: object,
        *,
        queue: str = "OrderQueue",
        correlation_id: str | None = None,
        by: str = senders.SOMEBODY,
        **attributes: str,
    ) -> str:
        """Put a message on a queue and return its id; a text is sent as it is, anything else as JSON.

        `by` is the sender's id as SQS reports it, or the logical id of one of the stack's roles.
        """
        written = {**attributes, "correlation_id": correlation_id} if correlation_id else attributes
        with senders.sending_as(f"{role_id(by)}:numberdesk" if by.endswith("Role") else by):
            return self.sqs.send_message(
                QueueUrl=self.url(queue),
                MessageBody=body if isinstance(body, str) else json.dumps(body),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in written.items()
                },
            )["MessageId"]

    def receive(self, queue: str, most: int = 10) -> list[dict[str, Any]]:
        """Receive messages that are visible now; they stay hidden for the queue's visibility time-out."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url(queue),
            MaxNumberOfMessages=most,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return [dict(found) for found in answer.get("Messages", [])]

    def peek(self, queue: str) -> list[dict[str, Any]]:
        """Read every message on a queue, delayed and hidden ones too, and leave them there."""
        return [json.loads(text) for text in self.peek_raw(queue)]

    def peek_raw(self, queue: str) -> list[str]:
        """Do the same for messages that need not be JSON."""
        return [waiting.body for waiting in self._queue(queue)._messages]

    def clear(self, queue: str) -> None:
        """Lose every message of a queue."""
        self._queue(queue)._messages.clear()

    def _queue(self, queue: str) -> moto.sqs.models.Queue:
        return moto.sqs.models.sqs_backends["123456789012"][REGION].queues[self.url(queue).rpartition("/")[2]]

    def batch(self, queue: str, most: int = 10) -> tuple[dict[str, Any], dict[str, str]]:
        """Receive a batch. Return the event that Lambda makes of it, and each message's receipt handle by its id."""
        messages: list[dict[str, Any]] = []
        while len(messages) < most and (found := self.receive(queue, min(most - len(messages), 10))):
            messages += found
        return (
            {"Records": [sqs_record(found) for found in messages]},
            {found["MessageId"]: found["ReceiptHandle"] for found in messages},
        )

    def deliver(self, name: str, *, remaining_ms: int = 170_000, function: Function | None = None) -> int:
        """Pass one batch to a function as its event source mapping does, and return the number of messages.

        Messages that the function reports as failed stay, hidden until their visibility time-out has passed. A message that would start the
        function too often in one chain goes to the dead-letter queue, without a reason, and the function does not run.
        """
        queue, size = SOURCES[name]
        if not self._queue(queue)._messages:
            return 0
        event, handles = self.batch(queue, size)
        if not handles:
            return 0
        trace = recursion.next_header(name, event["Records"][0]["attributes"].get("AWSTraceHeader"))
        if trace is None:
            self._stop(name, queue, event, handles)
            return len(handles)
        self.max_chain = max(self.max_chain, *recursion.lineage(trace).values())
        try:
            answer = (function or self.function(name))(event, remaining_ms=remaining_ms, trace=trace)
        except KilledError:
            # Its messages become visible again when their time is over, by another process.
            self._functions.pop(name, None)
            return len(handles)
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for message_id, handle in handles.items():
            if message_id not in failed:
                self.sqs.delete_message(QueueUrl=self.url(queue), ReceiptHandle=handle)
        return len(handles)

    def notify(self) -> int:
        """Send people what was gathered for them, and return the number of events."""
        return sum(iter(lambda: self.deliver("send_notifications", remaining_ms=60_000), 0))

    def _stop(self, name: str, queue: str, event: dict[str, Any], handles: dict[str, str]) -> None:
        self.stopped.append(name)
        target = self._queue(queue).dead_letter_queue
        assert target is not None
        for record in event["Records"]:
            self.sqs.send_message(QueueUrl=target.url(urlparse(self.url(queue))), MessageBody=record["body"])
            self.sqs.delete_message(QueueUrl=self.url(queue), ReceiptHandle=handles[record["messageId"]])

    def dead_letters(self, queue: str = "OrderDeadLetterQueue") -> list[tuple[str, dict[str, str]]]:
        """Read the dead letters: each one's body and attributes."""
        return [
            (found["Body"], {k: v["StringValue"] for k, v in found.get("MessageAttributes", {}).items()})
            for found in self.receive(queue)
        ]

    # The passing of events and time

    def settle(self) -> None:
        """Run everything that is due now: queues, webhooks, publishing."""
        for _ in range(_MAX_ROUNDS):
            sent = sum(len(simulator.pump()) for simulator in self.simulators.values())
            if not (sent + self.deliver("place_order") + self.deliver("sync_order") + self.publish()):
                return
        message = f"not at rest after {_MAX_ROUNDS} rounds"
        raise AssertionError(message)

    def sweep(self) -> int:
        """Let the sweep run once, and everything that it wakes."""
        woken: int = self.function("wake_orders")({})["woken"]
        self.settle()
        return woken

    def pass_time(self, seconds: float, *, steps: int = 1, sweep: bool = False) -> None:
        """Let time pass, and at each step run everything that is due."""
        self.settle()
        for _ in range(steps):
            self.clock.advance(seconds / steps)
            if sweep:
                self.sweep()
            else:
                self.settle()

    def live(self, minutes: int) -> None:
        """Let minutes pass as on AWS: each message is handled in the second in which it is due, and a sweep begins each minute."""
        for _ in range(minutes):
            self.sweep()
            until = self.clock.now() + timedelta(minutes=1)
            while (at := self._next_message()) < until:
                self.clock.advance(max((at - self.clock.now()).total_seconds(), 1))
                self.settle()
            self.clock.advance((until - self.clock.now()).total_seconds())

    def _next_message(self) -> datetime:
        """Return when the next message, delayed or hidden, becomes visible."""
        waiting = [message for queue in ("OrderQueue", "SyncQueue") for message in self._queue(queue)._messages]
        at = [max(message.visible_at, message.delayed_until) / 1000 for message in waiting]
        return datetime.fromtimestamp(min(at), UTC) if at else datetime.max.replace(tzinfo=UTC)

    def publish(self, function: Function | None = None) -> int:
        """Pass new records of the table's stream to publish_changes, filtered as the template says."""
        records = self.stream()
        fresh, self._published = records[self._published :], len(records)
        wanted = [
            record for record in fresh if any(pattern.matches_event(cast("Any", record)) for pattern in _STREAM_FILTER)
        ]
        if wanted:
            answer = (function or self.function("publish_changes"))({"Records": wanted})
            assert answer == {"batchItemFailures": []}
        return len(wanted)

    def give_up_stream(self) -> None:
        """Drop the new stream records, as after too many failures: the schedule publishes them."""
        self._published = len(self.stream())

    def stream(self) -> list[dict[str, Any]]:
        """Return every record of the table's stream since its beginning, as Lambda would get it."""
        shard = moto.dynamodb.models.dynamodb_backends["123456789012"][REGION].tables[self.table._name].stream_shard
        assert shard is not None
        # As JSON carries them; a record never changes.
        fresh = shard.items[len(self._stream) :]
        self._stream += [json.loads(json.dumps(record.to_json(), default=str)) for record in fresh]
        return list(self._stream)

    # Webhooks

    def webhook(self, path: str, headers: dict[str, str], body: bytes, *, in_base64: bool = True) -> int:
        """Post to the API and return the status of the response."""
        status: int = self.function("receive_webhook")(api_event(path, headers, body, in_base64=in_base64))[
            "statusCode"
        ]
        return status

    def _deliver_webhook(self, path: str, headers: dict[str, str], body: bytes) -> int:
        return self.webhook(path, headers, body)

    # The API

    def api(
        self, method: str, path: str, json: Any = None, *, principal: str | None = ALICE, **query: str
    ) -> tuple[int, Any]:
        """Call the API as a principal, and return the status and the body read as JSON (None without a body).

        Every response is checked against the API's document.
        """
        event = proxy_event(method, path, json, principal=principal, query={name: [it] for name, it in query.items()})
        answer = self.function("orders_api")(event)
        body = loads(answer["body"]) if answer["body"] else None
        described.check(method, path, answer, body)
        return answer["statusCode"], body

    def upload(self, form: dict[str, Any], content: bytes) -> None:
        """Upload a file by a form, as far as its key and content type: the bucket's own checks are not imitated here."""
        self.s3.put_object(
            Bucket=self.stack.outputs["FilesBucketName"],
            Key=form["fields"]["key"],
            ContentType=form["fields"]["Content-Type"],
            Body=content,
        )

    def objects(self) -> list[str]:
        """Return the names of the files in the bucket."""
        found = self.s3.list_objects_v2(Bucket=self.stack.outputs["FilesBucketName"])
        return [each["Key"] for each in found.get("Contents", [])]

    # Results

    def order(self, order_id: str = "order-1") -> Order:
        """Read an order."""
        order = self.table.get(order_id)
        assert order is not None
        return order

    def items(self, pk: str, sk: str = "") -> list[dict[str, Any]]:
        """Read the items of a partition whose sort key has this prefix."""
        answer = self.dynamodb.query(
            TableName=self.table._name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)" if sk else "pk = :pk",
            ExpressionAttributeValues=marshal({":pk": pk, ":sk": sk} if sk else {":pk": pk}),
        )
        return [unmarshal(item) for item in answer["Items"]]

    def everything(self) -> list[dict[str, Any]]:
        """Read the whole table. Compressed content is made readable."""
        answer = self.dynamodb.scan(TableName=self.table._name)
        assert "LastEvaluatedKey" not in answer
        return [{name: readable(value) for name, value in unmarshal(item).items()} for item in answer["Items"]]

    def ledger(self, pk: str = "ORDER#order-1") -> list[Entry]:
        """Read a ledger."""
        return [entry_of_item(item) for item in self.items(pk, "LEDGER#")]

    def kinds(self, pk: str = "ORDER#order-1") -> list[ChangeKind]:
        """Return the kinds of a ledger's entries, in order."""
        return [entry.kind for entry in self.ledger(pk)]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what came over the bus since the last call: detail type and detail."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self._bus_queue, MaxNumberOfMessages=10).get("Messages"):
            for each in messages:
                self.sqs.delete_message(QueueUrl=self._bus_queue, ReceiptHandle=each["ReceiptHandle"])
                event = json.loads(each["Body"])
                found.append((event["detail-type"], event["detail"]))
        return found

    def bought(self, provider: str = "telnyx") -> int:
        """Count what a simulator sold."""
        return len(self.simulators[provider].sales())

    def calls(self, provider: str = "telnyx", operation: str | None = None) -> int:
        """Count the calls that reached a simulator."""
        return len(self.simulators[provider].requests(operation))

    def keep(self, desk: Any, order: Order, *args: Any, **more: Any) -> None:
        """Replace the service that records a purchase: for orders that are `dying`, the function dies first."""
        if order.reference in self.dying:
            self.dying.remove(order.reference)
            raise KilledError
        _KEEP(desk, order, *args, **more)

    def adapter(self, provider: str) -> ModuleType | SimpleNamespace:
        """Replace the registry's function: the provider's own adapter, with the simulator in place of the network."""
        if provider not in self.simulators:
            return _ADAPTER(provider)
        build = _ADAPTER(provider).build

        def to_the_simulator(*args: Any, **kwargs: Any) -> Provider:
            connection: Provider = build(*args, **kwargs, transport=SimulatorTransport(self.simulators[provider]))
            return connection

        return SimpleNamespace(build=to_the_simulator)


def readable(value: Any) -> Any:
    """Return a value of an item; of compressed bytes their text."""
    return zlib.decompress(value).decode() if isinstance(value, bytes) and value[:2] == b"\x78\x9c" else value


AnyWorld = TypeVar("AnyWorld", bound=World)
_PARAMETERS = {
    "NotificationEmail": PEOPLE,
    "TelnyxPublicKeys": f"default={TelnyxSimulator(private_key=b'k' * 32).public_key()}",
    "CallFireTokenDigests": f"default={hashlib.sha256(TOKEN.encode()).hexdigest()}",
}
_ADAPTER = registry.adapter
_KEEP = purchase.keep


def _mappings() -> dict[str, dict[str, Any]]:
    """Return each function's event source mapping by the function's folder."""
    folders = {
        name: resource["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for name, resource in resources("AWS::Lambda::Function").items()
    }
    return {
        folders[mapping["Properties"]["FunctionName"]["Ref"]]: mapping["Properties"]
        for mapping in resources("AWS::Lambda::EventSourceMapping").values()
    }


SOURCES = {
    name: (mapping["EventSourceArn"]["Fn::GetAtt"][0], mapping["BatchSize"])
    for name, mapping in _mappings().items()
    if "StartingPosition" not in mapping
}
"""For each function behind a queue: the queue's logical id, and the most messages in one batch."""
_STREAM_FILTER = [
    EventPattern(None, json.loads(entry["Pattern"]))
    for entry in _mappings()["publish_changes"]["FilterCriteria"]["Filters"]
]
assert {*SOURCES, "publish_changes"} <= functions().keys()


def world(**parameters: str) -> AbstractContextManager[World]:
    """Deploy numberdesk on moto, with the keys of the simulators."""
    return world_of(World, **parameters)


@contextmanager
def world_of(kind: type[AnyWorld], **parameters: str) -> Iterator[AnyWorld]:
    """Do the same with a class that adds to `World`."""
    clock = Clock(START)
    parameters = _PARAMETERS | parameters
    with moto_at(clock):
        ground = deployed(("world", *sorted(parameters.items())), partial(_ground, parameters))
        with mailbox(clock, ground.stack.outputs["NotificationTopicArn"]) as people:
            made = kind(ground, clock, people)
            with (
                mock.patch.object(registry, "adapter", made.adapter),
                mock.patch.object(purchase, "keep", made.keep),
            ):
                yield made
            assert not made.stopped, "Lambda's recursive loop detection stopped a chain of invocations"


def sqs_record(found: dict[str, Any]) -> dict[str, Any]:
    """Make the record that Lambda makes of a received message."""
    return {
        "messageId": found["MessageId"],
        "receiptHandle": found["ReceiptHandle"],
        "body": found["Body"],
        "attributes": found.get("Attributes", {}),
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in found.get("MessageAttributes", {}).items()
        },
        "md5OfBody": found["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:queue",
        "awsRegion": REGION,
    }


def proxy_event(
    method: str,
    path: str,
    body: Any = None,
    *,
    principal: str | None = ALICE,
    query: dict[str, list[str]] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Make the event that API Gateway (REST, Lambda proxy, IAM, every media type binary) makes of a request.

    A body in bytes is sent as it is, anything else but None as JSON.
    """
    raw = body if isinstance(body, bytes) or body is None else dumps(body).encode()
    sent = {"Content-Type": "application/json"} if headers is None and raw is not None else headers or {}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/v1{path}",
            "stage": "v1",
            "requestId": "request-1",
            "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
            "identity": {"userArn": principal, "sourceIp": "203.0.113.7"},
        },
        "body": None if raw is None else base64.b64encode(raw).decode(),
        "isBase64Encoded": raw is not None,
    }


def api_event(
    path: str, headers: dict[str, str] | None, body: bytes | None, *, in_base64: bool = True
) -> dict[str, Any]:
    """Make the event that API Gateway (REST, Lambda proxy) makes of a POST."""
    _, route, provider, *token = path.split("/")
    text = None if body is None else base64.b64encode(body).decode() if in_base64 else body.decode()
    return {
        "resource": f"/{route}/{{provider}}/{{token}}" if token else f"/{route}/{{provider}}",
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": None if headers is None else {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "pathParameters": {"provider": provider} | ({"token": "/".join(token)} if token else {}),
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "httpMethod": "POST", "stage": "v1", "requestId": "r"},
        "body": text,
        "isBase64Encoded": in_base64 and body is not None,
    }
