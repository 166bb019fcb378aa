"""Enforces the functions' roles on moto, which checks none: an action outside the role fails the test.

`make mutants` lets it record which permission each call uses (`NUMBERDESK_USED`): one that no test needs is taken from the role.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stack import ACCOUNT_ID, REGION, ROOT, functions, resolved, resources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.client import BaseClient

_ROOT = tuple(f"{ROOT}/{top}/" for top in ("functions", "layers", "tests", "bench"))
_OURS = _ROOT[:2]
Call = Callable[["BaseClient", str, dict[str, Any]], Any]

_PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""A transaction is authorised by the actions of its parts."""
_BATCHES = ("DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch")
"""SQS asks for what each entry of it does."""
_OF_FILES = {
    "DeleteObject": "DeleteObject",
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjectsV2": "ListBucket",
    "PutObject": "PutObject",
}
"""S3's action for an operation. With the id of a version it is that action with `Version` at its end."""
_GONE = ("NoSuchKey", "NoSuchVersion", "404")
_USED = os.environ.get("NUMBERDESK_USED")
"""The file to which used permissions are written."""


@cache
def allowed(folder: str) -> frozenset[tuple[str, str]]:
    """Return each (action, resource) that the role of a function allows; a resource's own name is its logical id."""
    role = functions()[folder]["Role"]["Fn::GetAtt"][0]
    return frozenset(
        (action, resource)
        for policy in resolved("AWS::IAM::Role")[role]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    )


def held_to_its_role(folder: str, call: Call) -> Call:
    """Return botocore's way to call AWS, for a function: a call outside its role fails the test, whoever catches errors."""

    def guarded(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        ours = _is_ours()
        for action, resource in asked(service, operation, params) if ours else ():
            _check(folder, action, resource)
        if service == "dynamodb" and ours and _may_run_behind(operation, params):
            pytest.fail(
                f"{folder} reads the table by {operation} as it may run behind: what it decides may be decided already"
            )
        try:
            return call(client, operation, params)
        except ClientError as error:
            if ours and operation in ("GetObject", "HeadObject") and error.response["Error"]["Code"] in _GONE:
                # Without it, S3 says "access denied" for a file that does not exist.
                _check(folder, "s3:ListBucket", _bucket(params["Bucket"]))
            raise

    return guarded


def form_held_to_its_role(folder: str, sign: Callable[..., Any]) -> Callable[..., Any]:
    """Return botocore's way to sign a form, for a function: whoever posts the form may do what its signer may."""

    def guarded(signer: Any, *, conditions: list[Any], **options: Any) -> Any:
        of = {name: value for each in conditions if isinstance(each, dict) for name, value in each.items()}
        _check(folder, "s3:PutObject", f"{_bucket(of['bucket'])}/{of['key']}")
        return sign(signer, conditions=conditions, **options)

    return guarded


def _check(folder: str, action: str, resource: str) -> None:
    if not (granting := _granting(allowed(folder), action, resource)):
        pytest.fail(f"the role of {folder} does not allow {action} on {resource}")
    if _USED and len(granting) == 1:
        _record(_USED, folder, *granting[0])


@cache
def _record(file: str, folder: str, action: str, resource: str) -> None:
    with Path(file).open("a") as lines:
        lines.write(f"{folder}\t{action}\t{resource}\n")


@lru_cache(maxsize=10_000)
def _granting(granted: frozenset[tuple[str, str]], action: str, resource: str) -> list[tuple[str, str]]:
    return [each for each in granted if each[0] == action and fnmatchcase(resource, each[1])]


def _may_run_behind(operation: str, params: dict[str, Any]) -> bool:
    """Return whether a read of the table is not strongly consistent. Reads of an index never can be; the code then reads the rows."""
    if operation == "BatchGetItem":
        return not all(wanted.get("ConsistentRead") for wanted in params["RequestItems"].values())
    return operation in ("GetItem", "Query") and "IndexName" not in params and not params.get("ConsistentRead")


def _is_ours() -> bool:
    """Return whether the function calls, and not a test in the middle of it."""
    frame = inspect.currentframe()
    while frame is not None:
        ours = _is_file_of_ours(frame.f_code.co_filename)
        if ours is not None:
            return ours
        frame = frame.f_back
    return False


@cache
def _is_file_of_ours(path: str) -> bool | None:
    """Return whether a file is deployed; None for a library's and for this one."""
    return path.startswith(_OURS) if path != __file__ and path.startswith(_ROOT) else None


def asked(service: str, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the actions and resources of a call; none for S3."""
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:"
    if service == "dynamodb":
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        if operation == "TransactWriteItems":
            operations = {_PARTS[part] for item in params["TransactItems"] for part in item}
        else:
            operations = {operation}
        yield from ((f"dynamodb:{each}", f"{arn}OrderTable{index}") for each in sorted(operations))
    elif service == "sqs":
        # The queue's name is numberdesk-OrderQueue-1A2B.
        queue = params["QueueUrl"].rpartition("/")[2].split("-")[1]
        yield f"sqs:{operation.removesuffix('Batch') if operation in _BATCHES else operation}", f"{arn}{queue}"
    elif service == "secretsmanager":
        yield f"secretsmanager:{operation}", f"{arn}secret:{params['SecretId']}"
    elif service == "sns":
        yield f"sns:{operation}", params["TopicArn"].rpartition(":")[2].split("-")[1]
    elif service == "ssm":
        name = params.get("Name") or params["Path"]
        yield f"ssm:{operation}", f"{arn}parameter{name}"
    elif service == "events":
        yield f"events:{operation}", f"{arn}EventBus"
    elif service == "s3":
        version = "Version" if "VersionId" in params else ""
        key = f"/{params['Key']}" if "Key" in params else ""
        yield f"s3:{_OF_FILES[operation]}{version}", f"{_bucket(params['Bucket'])}{key}"


def _bucket(name: str) -> str:
    # The bucket's name is numberdesk-filesbucket-1a2b.
    logical_id = {each.lower(): each for each in resources("AWS::S3::Bucket")}[name.split("-")[1].lower()]
    return f"arn:aws:s3:{REGION}:{ACCOUNT_ID}:{logical_id}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
