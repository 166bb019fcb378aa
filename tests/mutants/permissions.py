"""Each permission of a role in template.yaml is one that its function needs: taking it away breaks a test.

The functional tests hold every call to the function's role (`tests/support/roles.py`), so that a call without its permission fails. Here
the other half is checked: each granted permission is one that a call used. What Lambda itself does in a role is read from the template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support import roles
from tests.support.stack import ACCOUNT_ID, REGION, functions, resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutants.trees import Tree

Permission = tuple[str, str]
"""An action and a resource."""

_OF_QUEUES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_OF_STREAMS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
"""What Lambda does at the source of a function's events."""
_ON_THE_LOCAL_AWS = frozenset({"sqs:ChangeMessageVisibilityBatch", "sqs:SendMessageBatch"})
"""AWS has no such actions; the local AWS asks for them, and its stories fail without them."""
_PARALLEL = ("-n", "2", "--dist", "loadgroup")


def check(tree: Tree) -> list[str]:
    """Run the functional tests, and return each permission that is granted and not needed, or needed and not granted."""
    file = tree.path / "used-permissions"
    file.touch()
    run = tree.run(["tests/functional"], *_PARALLEL, patience=900, NUMBERDESK_USED=str(file))
    if run.failed:
        return [f"{run.failed} fails"]
    used: dict[str, set[Permission]] = {folder: set() for folder in functions()}
    for line in file.read_text().splitlines():
        folder, action, resource = line.split("\t")
        used[folder].add((action, resource))
    return [line for folder in functions() for line in _differences(folder, used[folder])]


def _differences(folder: str, used: set[Permission]) -> Iterator[str]:
    granted, of_lambda = roles.allowed(folder), by_lambda(folder)
    for action, resource in sorted(granted - used - of_lambda):
        if action not in _ON_THE_LOCAL_AWS:
            yield f"{folder} does not need {action} on {resource}"
    for action, resource in sorted(of_lambda - granted):
        yield f"{folder} needs {action} on {resource} for Lambda itself"


def by_lambda(folder: str) -> set[Permission]:
    """Return what Lambda does in a function's role: write its log, read its events, and send what failed to a queue."""
    made = resolved("AWS::Lambda::Function")
    logical_id = next(name for name, each in made.items() if each["FunctionName"].endswith(f"-{folder}"))
    group = f"{logical_id.removesuffix('Function')}LogGroup"
    log = next(resource for action, resource in roles.allowed(folder) if resource.endswith(f":{group}"))
    needed = {(f"logs:{what}", log) for what in ("CreateLogStream", "PutLogEvents")}
    sources = [each for each in resolved("AWS::Lambda::EventSourceMapping").values() if _of(each, logical_id)]
    for source in sources:
        where = source["EventSourceArn"]
        if ":sqs:" in where:
            needed |= {(action, where) for action in _OF_QUEUES}
        else:
            table = where.removesuffix(".StreamArn")
            needed |= {(action, where) for action in _OF_STREAMS}
            needed.add(("dynamodb:ListStreams", f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:{table}/stream/*"))
    asynchronous = [each for each in resolved("AWS::Lambda::EventInvokeConfig").values() if _of(each, logical_id)]
    for settings in (*sources, *asynchronous):
        target = settings.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        needed |= {("sqs:SendMessage", target)} if target else set()
    return needed


def _of(resource: dict[str, Any], logical_id: str) -> bool:
    return str(resource["FunctionName"]) == logical_id
