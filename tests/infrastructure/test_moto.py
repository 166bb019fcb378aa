"""That tests run on the template's own table and queues."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.support.stack import REGION, Stack, create_stack


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield create_stack(TimeZone="Europe/Brussels")


def test_the_table_has_the_templates_indexes(stack: Stack) -> None:
    table = boto3.client("dynamodb", region_name=REGION).describe_table(TableName=stack.outputs["TableName"])["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {"wake", "unpublished", "lists"}


def test_queues_give_up_to_their_dead_letter_queues(stack: Stack) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    source = sqs.get_queue_attributes(QueueUrl=stack.outputs["OrderQueueUrl"], AttributeNames=["RedrivePolicy"])
    target = sqs.get_queue_attributes(QueueUrl=stack.outputs["OrderDeadLetterQueueUrl"], AttributeNames=["QueueArn"])
    assert target["Attributes"]["QueueArn"] in source["Attributes"]["RedrivePolicy"]


def test_the_bucket_keeps_versions(stack: Stack) -> None:
    bucket = stack.outputs["FilesBucketName"]
    assert stack.environments["orders_api"]["FILES_BUCKET"] == bucket
    assert boto3.client("s3", region_name=REGION).get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_environments_are_what_cloudformation_would_give(stack: Stack) -> None:
    environment = stack.environments["place_order"]
    assert environment["TABLE_NAME"] == stack.outputs["TableName"]
    assert environment["SYNC_QUEUE_URL"] == stack.outputs["SyncQueueUrl"]
    assert environment["STACK_SCOPE"] == f"123456789012/{REGION}/numberdesk"
    assert environment["TIME_ZONE"] == "Europe/Brussels"
    bus = stack.environments["publish_changes"]["EVENT_BUS_NAME"]
    assert boto3.client("events", region_name=REGION).describe_event_bus(Name=bus)["Name"] == "numberdesk"
