"""AWS clients of one session, with time-outs shorter than the functions'.

They are botocore's: boto3 adds transfers of large files and resources, which nothing here uses, and which take longer to import than a
client to make.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})


_SERVICES = ["dynamodb", "events", "s3", "secretsmanager", "sns", "sqs", "ssm"]


class _Loader(Loader):
    """Loads the models of services. It knows which there are: botocore's looks into the folders of all 400 for the first client."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - each of ours has every type
        return _SERVICES


@cache
def session() -> botocore.session.Session:
    """Return the one session; further clients of it are cheap."""
    made = botocore.session.get_session()
    made.register_component("data_loader", _Loader())
    return made


def _client(service: str, config: Config = CONFIG) -> Any:
    return session().create_client(service, config=config)


class _OnFirstUse:
    """A client that is made when it is first used, because many processes never use it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = cache(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


@cache
def dynamodb() -> DynamoDBClient:
    return cast("DynamoDBClient", _client("dynamodb"))


def impatient_dynamodb() -> DynamoDBClient:
    """Return a client for calls that the caller can do without."""
    retries = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    return cast("DynamoDBClient", _client("dynamodb", CONFIG.merge(retries)))


@cache
def sqs() -> SQSClient:
    return cast("SQSClient", _OnFirstUse(lambda: _client("sqs")))


def events() -> EventBridgeClient:
    return cast("EventBridgeClient", _client("events"))


@cache
def s3() -> S3Client:
    """Return a client whose forms name the bucket's own Region: the global address redirects while a bucket is new."""
    forms = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    return cast("S3Client", _OnFirstUse(lambda: _client("s3", CONFIG.merge(forms))))


@cache
def secretsmanager() -> SecretsManagerClient:
    return cast("SecretsManagerClient", _OnFirstUse(lambda: _client("secretsmanager")))


def sns() -> SNSClient:
    """Return a client that gives up early: messages to people are retried, and no sweep may hang on the topic."""
    retries = Config(retries={"mode": "standard", "total_max_attempts": 2})
    return cast("SNSClient", _client("sns", CONFIG.merge(retries)))


@cache
def ssm() -> Any:
    return _OnFirstUse(lambda: _client("ssm"))
