"""Tests run on the template's own table and queues."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from tests.support import aws
from tests.support.deployed import moto_stack
from tests.support.quick_moto import quick_moto
from tests.support.stack import ACCOUNT_ID, REGION, Stack, create_stack


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield create_stack(TimeZone="Europe/Brussels")


def test_table_has_the_templates_indexes(stack: Stack) -> None:
    table = boto3.client("dynamodb", region_name=REGION).describe_table(TableName=stack.outputs["TableName"])["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {"wake", "unpublished", "lists"}


def test_queues_have_their_dead_letter_queues(stack: Stack) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    source = sqs.get_queue_attributes(QueueUrl=stack.outputs["OrderQueueUrl"], AttributeNames=["RedrivePolicy"])
    target = sqs.get_queue_attributes(QueueUrl=stack.outputs["OrderDeadLetterQueueUrl"], AttributeNames=["QueueArn"])
    assert target["Attributes"]["QueueArn"] in source["Attributes"]["RedrivePolicy"]


def test_bucket_is_versioned(stack: Stack) -> None:
    bucket = stack.outputs["FilesBucketName"]
    assert stack.environments["orders_api"]["FILES_BUCKET"] == bucket
    assert boto3.client("s3", region_name=REGION).get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_environments_match_cloudformation(stack: Stack) -> None:
    environment = stack.environments["place_order"]
    assert environment["TABLE_NAME"] == stack.outputs["TableName"]
    assert environment["SYNC_QUEUE_URL"] == stack.outputs["SyncQueueUrl"]
    assert environment["STACK_SCOPE"] == f"123456789012/{REGION}/numberdesk"
    assert environment["TIME_ZONE"] == "Europe/Brussels"
    bus = stack.environments["publish_changes"]["EVENT_BUS_NAME"]
    assert boto3.client("events", region_name=REGION).describe_event_bus(Name=bus)["Name"] == "numberdesk"


def test_moto_speedups_change_no_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    plain, quick = answers(nullcontext()), answers(quick_moto())
    assert quick == plain
    topics = [answers_of_a_topic(nullcontext()), answers_of_a_topic(quick_moto())]
    assert topics[0] == topics[1]
    refused = Counter(answer[0] for answer in plain if isinstance(answer, tuple))
    # botocore has a class of its own for two of them, and none for the others.
    assert refused["TransactionCanceledException"] == 2
    assert refused["ConditionalCheckFailedException"] == 1
    assert refused["ClientError"] == 7


def test_no_world_contains_what_another_one_left() -> None:
    with aws.world() as world:
        fresh = content(world)
        world.dynamodb.put_item(TableName=world.table._name, Item={"pk": {"S": "A"}, "sk": {"S": "1"}})
        world.send("{}")
        world.put_secret("telnyx", api_key="another")
        world.put_secret("telnyx", "resale", api_key="a third")
        world.upload({"fields": {"key": "one", "Content-Type": "text/plain"}}, b"1")
        world.mailbox.unsubscribe()
        topic = world.stack.outputs["NotificationTopicArn"]
        boto3.client("sns", region_name=REGION).subscribe(TopicArn=topic, Protocol="email", Endpoint="one@example.com")
        events, bus = boto3.client("events", region_name=REGION), world.stack.outputs["EventBusName"]
        events.put_rule(Name="another", EventBusName=bus, EventPattern='{"source": ["numberdesk"]}')
        world.restore(world.copy())
        changed = content(world)
    assert [name for name in fresh if changed[name] == fresh[name]] == []
    with aws.world() as world:
        assert content(world) == fresh


def test_no_stack_contains_what_another_one_left() -> None:
    for _ in range(2):
        with moto_stack() as stack:
            client, name = boto3.client("dynamodb", region_name=REGION), stack.outputs["TableName"]
            assert client.scan(TableName=name)["Items"] == []
            client.put_item(TableName=name, Item={"pk": {"S": "A"}, "sk": {"S": "1"}})


def test_parameters_make_another_deployment() -> None:
    for zone in ("Europe/Brussels", "Europe/Vienna"):
        with moto_stack(TimeZone=zone) as stack:
            assert stack.environments["place_order"]["TIME_ZONE"] == zone
        with aws.world(TimeZone=zone) as world:
            assert world.stack.environments["place_order"]["TIME_ZONE"] == zone


def content(world: aws.World) -> dict[str, Any]:
    """Return what each service of a world contains."""
    events, bus = boto3.client("events", region_name=REGION), world.stack.outputs["EventBusName"]
    queues = sqs_backends[ACCOUNT_ID][REGION].queues
    tables = world.dynamodb.list_tables()["TableNames"]
    secrets = [each["Name"] for each in world.secrets.list_secrets()["SecretList"]]
    subscribed = boto3.client("sns", region_name=REGION).list_subscriptions()["Subscriptions"]
    return {
        "items": {name: world.dynamodb.scan(TableName=name)["Items"] for name in tables},
        "stream": world.stream(),
        "messages": {name: [each.body for each in queue._messages] for name, queue in queues.items()},
        "secrets": [(name, world.secrets.get_secret_value(SecretId=name)["SecretString"]) for name in secrets],
        "files": world.objects(),
        "subscriptions": sorted(each["Endpoint"] for each in subscribed),
        "confirmed": world.mailbox.topic.subscriptions_confimed,
        "rules": [rule["Name"] for rule in events.list_rules(EventBusName=bus)["Rules"]],
        "outputs": dict(world.stack.outputs),
        "environments": {name: dict(each) for name, each in world.stack.environments.items()},
    }


def answers_of_a_topic(patched: AbstractContextManager[None]) -> list[Any]:
    """Return what SNS answers to the calls of functions and tests."""
    with patched, mock_aws():
        client = boto3.client("sns", region_name=REGION)
        topic = client.create_topic(Name="one", Attributes={"DisplayName": "a & b = ü"})["TopicArn"]
        client.subscribe(TopicArn=topic, Protocol="email", Endpoint="people@example.com")
        published = client.publish(TopicArn=topic, Subject="A subject", Message="ü & = % +\n")
        found: list[Any] = [
            client.get_topic_attributes(TopicArn=topic)["Attributes"],
            [each["Endpoint"] for each in client.list_subscriptions()["Subscriptions"]],
            sorted(published.keys() - {"ResponseMetadata"}),
            [each[1:4] for each in sns_backends[ACCOUNT_ID][REGION].topics[topic].sent_notifications],
        ]
        refusals: tuple[dict[str, Any], ...] = (
            {"TopicArn": topic, "Subject": "x" * 101, "Message": "m"},
            {"TopicArn": f"{topic}-none", "Message": "m"},
        )
        for arguments in refusals:
            with pytest.raises(ClientError) as refused:
                client.publish(**arguments)
            found.append((type(refused.value).__name__, str(refused.value), refused.value.response["Error"]))
        return found


def answers(patched: AbstractContextManager[None]) -> list[Any]:
    """Do all sorts of things to a table, and return the responses, its final content and its stream."""
    found: list[Any] = []
    with patched, mock_aws():
        client, name = boto3.client("dynamodb", region_name=REGION), create_stack().outputs["TableName"]

        def do(call: Callable[..., Any], **arguments: Any) -> None:
            try:
                answer = call(**arguments)
                # Only the table's name differs.
                told = {key: answer[key] for key in answer.keys() - {"ResponseMetadata", "ConsumedCapacity"}}
                found.append(told | {"Responses": list(told["Responses"].values())} if "Responses" in told else told)
            except ClientError as error:
                told = {key: error.response.get(key) for key in ("Error", "Item", "CancellationReasons")}
                found.append((type(error).__name__, str(error).replace(name, "orders"), told))
            except ParamValidationError as error:
                found.append(str(error))

        def item(sk: str, size: int = 1, pk: str = "A") -> dict[str, Any]:
            return {"pk": {"S": pk}, "sk": {"S": sk}, "n": {"N": "1"}, "b": {"B": b"b" * size}, "s": {"S": "ü" * 3}}

        def put(*items: dict[str, Any]) -> list[dict[str, Any]]:
            return [{"Put": {"TableName": name, "Item": each}} for each in items]

        def update(sk: str, expression: str, **values: Any) -> dict[str, Any]:
            key = {"pk": {"S": "A"}, "sk": {"S": sk}}
            found = {"TableName": name, "Key": key, "UpdateExpression": expression}
            return found | ({"ExpressionAttributeValues": {f":{k}": v for k, v in values.items()}} if values else {})

        never = {
            "Update": update("3", "SET n = :n", n={"N": "7"})
            | {"ConditionExpression": "n = :n", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        }
        for sk in "3142":
            do(client.put_item, TableName=name, Item=item(sk))
        do(client.put_item, TableName=name, Item=item("1", pk="B"))
        do(client.transact_write_items, TransactItems=[*put(item("5"), item("1", 9)), *put(item("0", pk="C"))])
        do(client.transact_write_items, TransactItems=[*put(item("6"), item("1", 8)), never])
        do(client.transact_write_items, TransactItems=[{"Delete": {"TableName": name, "Key": update("4", "")["Key"]}}])
        do(client.transact_write_items, TransactItems=[never])
        do(
            client.update_item,
            **update("1", "ADD n :one SET x = :x REMOVE s", one={"N": "1"}, x={"M": {"y": {"L": []}}}),
        )
        # Removed attributes of an item count no more.
        do(client.put_item, TableName=name, Item=item("2", 500_000))
        do(client.put_item, TableName=name, Item=item("2", 200_000))
        do(client.update_item, **update("2", "SET b = :b", b={"B": b"c" * 300_000}))
        do(client.update_item, **update("2", "SET d = :b", b={"B": b"c" * 300_000}))
        do(client.update_item, **update("2", "REMOVE b"))
        do(client.update_item, **update("2", "SET d = :b", b={"B": b"c" * 300_000}))
        do(client.update_item, **update("2", "SET e = :b", b={"B": b"c" * 300_000}))
        do(client.transact_write_items, TransactItems=put(item("2", 500_000)))
        for forward in (True, False):
            do(
                client.query,
                TableName=name,
                KeyConditionExpression="pk = :pk AND sk > :sk",
                ExpressionAttributeValues={":pk": {"S": "A"}, ":sk": {"S": "1"}},
                ScanIndexForward=forward,
                Limit=2,
            )
        do(
            client.query,
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": ""}},
        )
        do(client.scan, TableName=name)
        key = {"pk": {"S": "A"}, "sk": {"S": "1"}}
        none: dict[str, Any] = {"Key": {"pk": {"S": "A"}, "sk": {"S": "no"}}}
        never_so = {"ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}}
        more: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (client.get_item, {"Key": key, "ProjectionExpression": "x, b"}),
            (client.get_item, none),
            (client.delete_item, {"Key": key, **never_so}),
            (client.delete_item, {"Key": key, "ReturnValues": "ALL_OLD"}),
            (client.put_item, {"Item": {"pk": {"S": ""}, "sk": {"S": "1"}}}),
            (client.put_item, {}),
        ]
        do(client.batch_get_item, RequestItems={name: {"Keys": [key], "ConsistentRead": True}})
        do(client.batch_write_item, RequestItems={name: [{"PutRequest": {"Item": item("7")}}]})
        do(client.put_item, TableName="none", Item=item("1"))
        for call, arguments in more:
            do(call, TableName=name, **arguments)
        shard = dynamodb_backends[ACCOUNT_ID][REGION].tables[name].stream_shard
        assert shard is not None
        found += [
            (record.record["eventName"], record.record["dynamodb"].get("NewImage"), record.record["dynamodb"]["Keys"])
            for record in shard.items
        ]
    return found
