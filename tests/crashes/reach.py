"""What the scenarios must reach: every permission of the functions' roles, and every function of numberdesk that makes outside calls."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.roles import allowed
from tests.support.stack import ROOT, functions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.crashes.matrix import Recording

_LAYER = Path(ROOT) / "layers" / "core" / "numberdesk"
_BY_AWS: Mapping[str, str] = {
    "logs:*": "Lambda writes the logs",
    "dynamodb:DescribeStream": "the event source mapping reads the stream",
    "dynamodb:GetRecords": "likewise",
    "dynamodb:GetShardIterator": "likewise",
    "dynamodb:ListStreams": "likewise",
    "sqs:ChangeMessageVisibilityBatch": "SQS asks for ChangeMessageVisibility",
    "sqs:SendMessageBatch": "SQS asks for SendMessage",
    "s3:*": "a call of S3 does not show the permission that it takes",
}
"""Permissions by their actions that no call of ours shows."""
_OF_SOURCES = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
"""What an event source mapping does with the queue of its function."""
_SOURCES = {"place_order": "OrderQueue", "sync_order": "SyncQueue", "send_notifications": "NotificationQueue"}
_BY_LAMBDA = ("ScheduleDeadLetterQueue", "StreamDeadLetterQueue")
"""Queues on which Lambda and the schedules put what they give up."""

_CALLS: Mapping[str, frozenset[str]] = {
    "storage": frozenset(
        {"_ask", "_get", "_get_batches", "_index", "_page", "_query", "_record", "_records"}
        | {"_delete_all", "_put_all", "_transact", "_update", "_write"}
    ),
    "providers": frozenset({"read", "send_once", "send_form"}),
}
"""The methods by which the layers make outside calls."""
_SHARED = frozenset({"dynamodb.py", "http.py"})
"""These define them."""
_CLIENTS = frozenset({"_api", "_client"})
"""Attributes that are clients, of AWS or of Telnyx's API."""


_RARE: Mapping[str, str] = {
    "place_order: dynamodb:BatchWriteItem": "deletes pages that a commit which never ended left",
    "publish_changes: dynamodb:PutItem": "reports a row that cannot be read",
    "reconcile_inventory: dynamodb:BatchWriteItem": "deletes pages that a commit which never ended left",
    "reconcile_inventory: ssm:PutParameter": "the table's or an account's mark, where no other function wrote it",
    "sync_order: ssm:GetParametersByPath": "the marks of accounts, where no other function read them",
}
"""Permissions that a scenario cannot take without an earlier fault."""
_UNREACHED: Mapping[str, str] = {
    "providers/callfire/leases.py: _is_leased": "a keyword on a short code is given back with the code",
    "storage/accounts.py: Accounts.pass_probe": "an account that is blocked refuses a probe for the order's own sake",
    "storage/files.py: Bucket.form": "signs a form, and calls nothing",
    "storage/orders.py: Orders._claim_writes": "reads whose a purchase is, where two orders claim it",
    "storage/orders.py: Orders._lock_writes": "reads whose a lock is, where two orders of equal content meet",
    "storage/orders.py: Orders._tidy": "deletes pages that a commit which never ended left",
    "storage/profiles.py: Profiles.uploads": "only tests list uploads",
}
"""Functions that the scenarios do not reach, each with the reason."""


def unused_permissions(recordings: Iterable[Recording]) -> list[str]:
    """Return the permissions of the roles that no scenario took."""
    return sorted(
        f"{function}: {action} on {resource}"
        for function, action, resource in _left(recordings)
        if f"{function}: {action}" not in _RARE
    )


def unreached_functions(recordings: Iterable[Recording]) -> list[str]:
    """Return the functions of numberdesk that make outside calls, and made none in any scenario."""
    return sorted(_unreached(recordings) - _UNREACHED.keys())


def needless_exceptions(recordings: Iterable[Recording]) -> list[str]:
    """Return what counts as out of reach, and was reached."""
    every = list(recordings)
    left = {f"{function}: {action}" for function, action, _ in _left(every)}
    return sorted((_RARE.keys() - left) | (_UNREACHED.keys() - _unreached(every)))


def _left(recordings: Iterable[Recording]) -> Iterator[tuple[str, str, str]]:
    """Yield the permissions that no scenario took: function, action, resource."""
    taken = frozenset[tuple[str, str, str]]().union(*(each.asked for each in recordings))
    for function in functions():
        for action, resource in allowed(function):
            is_taken = any(
                (its_function, its_action) == (function, action) and fnmatchcase(its_resource, resource)
                for its_function, its_action, its_resource in taken
            )
            if not is_taken and not _is_of_aws(function, action, resource):
                yield function, action, resource


def _is_of_aws(function: str, action: str, resource: str) -> bool:
    """Return whether a permission is for what AWS does in the name of the function."""
    return (
        any(fnmatchcase(action, each) for each in _BY_AWS)
        or (action in _OF_SOURCES and resource.endswith(f":{_SOURCES.get(function)}"))
        or resource.endswith(_BY_LAMBDA)
    )


def _unreached(recordings: Iterable[Recording]) -> set[str]:
    passed = frozenset[tuple[str, str]]().union(*(each.passed for each in recordings))
    reached = {(path, name.split(".<locals>")[0]) for path, name in passed}
    return {
        f"{path.relative_to(_LAYER)}: {name}"
        for path in _LAYER.rglob("*.py")
        for name in _callers(path)
        if (str(path), name) not in reached
    }


def _callers(path: Path) -> Iterator[str]:
    """Yield the functions of a module that make an outside call themselves, by their qualified names."""
    if path.name in _SHARED:
        return
    layer = path.relative_to(_LAYER).parts[0]
    names = _CALLS.get(layer, frozenset())
    for owner in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = owner.body if isinstance(owner, ast.ClassDef) else [owner]
        prefix = f"{owner.name}." if isinstance(owner, ast.ClassDef) else ""
        for function in inner:
            if isinstance(function, ast.FunctionDef) and any(_is_outside(node, names) for node in ast.walk(function)):
                yield f"{prefix}{function.name}"


def _is_outside(node: ast.AST, names: frozenset[str]) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=attribute), attr=method)):
            return attribute in _CLIENTS or (attribute == "_http" and method in names)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=("self" | "http")), attr=method)):
            return method in names
    return False
