"""AWS clients of one session, with time-outs shorter than the functions'."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from typing import Any

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})


@cache
def session() -> boto3.session.Session:
    """Return the one session; further clients of it are cheap."""
    return boto3.session.Session()


def dynamodb() -> DynamoDBClient:
    return session().client("dynamodb", config=CONFIG)


def impatient_dynamodb() -> DynamoDBClient:
    """Return a client for calls that the caller can do without."""
    return session().client(
        "dynamodb",
        config=CONFIG.merge(
            Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
        ),
    )


def sqs() -> SQSClient:
    return session().client("sqs", config=CONFIG)


def events() -> EventBridgeClient:
    return session().client("events", config=CONFIG)


def s3() -> S3Client:
    """Return a client whose forms name the bucket's own Region: the global address redirects while a bucket is new."""
    forms = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    return session().client("s3", config=CONFIG.merge(forms))


def secretsmanager() -> SecretsManagerClient:
    return session().client("secretsmanager", config=CONFIG)


def sns() -> SNSClient:
    """Return a client that gives up early: messages to people are retried, and no sweep may hang on the topic."""
    return session().client("sns", config=CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 2})))


def ssm() -> Any:
    return session().client("ssm", config=CONFIG)
