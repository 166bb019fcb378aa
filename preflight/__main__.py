"""Before a deployment: report what would make CloudFormation fail half-way, with the remedy. The first step of `make deploy`.

It only reads. What it is not permitted to read it reports, and leaves to CloudFormation.
"""

from __future__ import annotations

import shlex
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.stack import template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[1]
KEPT_FREE = 100
"""AWS reserves only what leaves all other functions this many (Lambda Developer Guide, configuring reserved concurrency). Where a
quota is smaller its refusals name 10 or 50; nothing can be reserved there."""
OTHERS = 5
"""Executions for the functions that no parameter bounds: the API, three schedules, and webhooks where none are reserved."""
LEAST = 2
"""The least MaximumConcurrency that SQS allows."""
LARGEST_ENVIRONMENT = 4096
CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
_DEAD = {"CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}


@dataclass
class Deployment:
    """The planned deployment, and the findings.

    Attributes:
        stack: its name.
        told: parameters of samconfig.toml.
        had: parameters that the stack has now. SAM keeps those that it is not given.
        exists: whether there is a stack to update. None: unknown.
        wrong: what would fail.
        notes: what else to know.
    """

    stack: str
    told: dict[str, str] = field(default_factory=dict)
    had: dict[str, str] = field(default_factory=dict)
    exists: bool | None = None
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def parameter(self, name: str) -> str:
        """Return the value of a parameter of the template; empty if unset."""
        default = template()["Parameters"].get(name, {}).get("Default", "")
        return self.told.get(name, self.had.get(name, str(default)))


def configured(text: str) -> dict[str, Any]:
    """Read the settings of `sam deploy` in samconfig.toml's default environment."""
    default = tomllib.loads(text).get("default", {})
    return {**default.get("global", {}).get("parameters", {}), **default.get("deploy", {}).get("parameters", {})}


def overrides(value: str | list[str] | dict[str, Any]) -> dict[str, str]:
    """Read `parameter_overrides`, in each of SAM's notations."""
    if isinstance(value, dict):
        return {name: str(each) for name, each in value.items()}
    found = {}
    for pair in shlex.split(value) if isinstance(value, str) else value:
        name, _, given = pair.removeprefix("ParameterKey=").replace(",ParameterValue=", "=", 1).partition("=")
        found[name] = given.strip("\"'")
    return found


def deployment(config: Mapping[str, Any]) -> Deployment:
    """Return the planned deployment according to the settings alone."""
    made = Deployment(str(config.get("stack_name", "numberdesk")))
    try:
        made.told = overrides(config.get("parameter_overrides", {}))
    except ValueError:
        made.notes.append(
            "parameter_overrides in samconfig.toml cannot be read; the defaults are checked in their place"
        )
    return made


def check_stack(made: Deployment, cloudformation: Any) -> None:
    """Read the stack's current state."""
    try:
        [found] = cloudformation.describe_stacks(StackName=made.stack)["Stacks"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        made.exists = False
        return
    status = found["StackStatus"]
    made.exists = status != "REVIEW_IN_PROGRESS"
    if status in _DEAD:
        made.wrong.append(
            f"The stack {made.stack} is {status}, the rest of a deployment that failed; it cannot be updated. Delete it first: "
            f"aws cloudformation delete-stack --stack-name {made.stack}"
        )
    elif status == "UPDATE_ROLLBACK_FAILED":
        made.wrong.append(f"The stack {made.stack} is {status}. See `aws cloudformation continue-update-rollback`.")
    elif made.exists and status.endswith("_IN_PROGRESS"):
        made.wrong.append(f"The stack {made.stack} is {status}; wait until that is over.")
    made.had = {each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])}


def check_concurrency(made: Deployment, aws_lambda: Any) -> None:
    """Check reserved concurrency, and what the queues may use, against the account's quota of concurrent executions."""
    limit = aws_lambda.get_account_settings()["AccountLimit"]
    quota, own = limit["ConcurrentExecutions"], _own_reservation(made, aws_lambda)
    free = limit["UnreservedConcurrentExecutions"] + own
    wanted = made.parameter("ReceiverConcurrency")
    reserved = 0 if wanted == "none" else int(wanted)
    orders, polls = int(made.parameter("OrderConcurrency")), int(made.parameter("SyncConcurrency"))
    refused = reserved > own and free - reserved < KEPT_FREE
    # What runs already fitted before.
    starved = made.exists is False and free - (0 if refused else reserved) < orders + polls + OTHERS
    if not (refused or starved):
        return
    told = f"Lambda may run {quota} functions at once in this account and Region (quota L-B99A9384, Concurrent executions), {free} of them not reserved elsewhere. "
    if refused:
        told += f"ReceiverConcurrency={reserved} reserves {reserved}, and AWS wants {KEPT_FREE} left for all other functions: CloudFormation would fail at receive_webhook. "
    if starved:
        told += f"OrderConcurrency={orders} and SyncConcurrency={polls} would leave less than {OTHERS} for webhooks, API and schedules. "
    made.wrong.append(f"{told}{_what_fits(free, reserved, orders, polls)}")


def _own_reservation(made: Deployment, aws_lambda: Any) -> int:
    """Return what the stack has reserved already: it counts as free."""
    try:
        found = aws_lambda.get_function_concurrency(FunctionName=f"{made.stack}-receive_webhook")
    except aws_lambda.exceptions.ResourceNotFoundException:
        return 0
    return int(found.get("ReservedConcurrentExecutions", 0))


def _what_fits(free: int, reserved: int, orders: int, polls: int) -> str:
    least = max(reserved + KEPT_FREE if reserved else 0, reserved + orders + polls + OTHERS)
    raised = f"have the quota raised until {least} are free (new accounts begin low, AWS's default is 1000)"
    # A smaller reservation would be a limit below what the API admits at one moment.
    kept = reserved if reserved and free - reserved >= KEPT_FREE else 0
    unreserved = free - kept - OTHERS
    if unreserved < 2 * LEAST:
        return f"Even the least that numberdesk needs does not fit: {raised}."
    orders = min(orders, max(LEAST, unreserved // 3))
    polls = min(polls, unreserved - orders)
    return (
        f"Set ReceiverConcurrency={kept or 'none'} OrderConcurrency={orders} SyncConcurrency={polls} (parameter_overrides in "
        f"samconfig.toml), or {raised}."
    )


def check_api_logs(made: Deployment, apigateway: Any) -> None:
    """Check ApiLogRole against the account's setting."""
    role = apigateway.get_account().get("cloudwatchRoleArn", "")
    if made.parameter("ApiLogRole") == "exists" and not role:
        made.wrong.append(
            "ApiLogRole=exists, but API Gateway has no role for logs in this account and Region: the API's stage could not be "
            "made. Leave ApiLogRole at create."
        )
    elif made.parameter("ApiLogRole") == "create" and role and made.exists is False:
        made.notes.append(
            f"API Gateway writes its logs as {role}, one setting of account and Region. ApiLogRole=create replaces it; "
            "ApiLogRole=exists leaves it as it is."
        )


def check_names(made: Deployment, logs: Any) -> None:
    """Check for existing log groups: CloudFormation cannot create one that exists outside the stack."""
    if made.exists is not False:
        return
    names = [
        group["logGroupName"]
        for prefix in (f"/aws/lambda/{made.stack}-", f"/aws/apigateway/{made.stack}")
        for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    ]
    own = {f"/aws/lambda/{name.replace('${AWS::StackName}', made.stack)}" for name in _functions()}
    own.add(f"/aws/apigateway/{made.stack}")
    if taken := sorted(own.intersection(names)):
        made.wrong.append(
            f"These log groups exist, and the stack does not: {', '.join(taken)}. Delete them (aws logs delete-log-group), or "
            "choose another stack_name."
        )


def check_environments(made: Deployment) -> None:
    """Check the parameters that become variables of a function against Lambda's 4 KB."""
    for name, function in _functions().items():
        size = sum(
            len(variable.encode()) + len(made.parameter(_referred(value)).encode())
            for variable, value in function["Environment"]["Variables"].items()
        )
        if size > LARGEST_ENVIRONMENT:
            made.wrong.append(
                f"The variables of {name.removeprefix('${AWS::StackName}-')} take {size} bytes, and Lambda takes {LARGEST_ENVIRONMENT}: shorten the longest of the "
                "parameters (keys of accounts that are no longer used, for example)."
            )


def _functions() -> dict[str, dict[str, Any]]:
    """Return each function's properties by its name, `${AWS::StackName}-place_order`."""
    made = [
        each["Properties"] for each in template()["Resources"].values() if each["Type"] == "AWS::Serverless::Function"
    ]
    return {each["FunctionName"]["Fn::Sub"]: each for each in made}


def _referred(value: Any) -> str:
    return str(value.get("Ref", "")) if isinstance(value, dict) else ""


def check(config: Mapping[str, Any], client: Callable[[str], Any]) -> Deployment:
    """Check everything. An unreadable setting is noted, and stops nothing."""
    made = deployment(config)

    def unless_denied(what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except (BotoCoreError, ClientError, ValueError) as error:
            code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
            made.notes.append(f"not checked: {what} ({code or type(error).__name__})")

    unless_denied("the stack", lambda: check_stack(made, client("cloudformation")))
    unless_denied("the quota of concurrent executions", lambda: check_concurrency(made, client("lambda")))
    unless_denied("API Gateway's role for logs", lambda: check_api_logs(made, client("apigateway")))
    unless_denied("names of log groups", lambda: check_names(made, client("logs")))
    check_environments(made)
    return made


def main() -> int:
    """Print the result; 1 if the deployment would fail."""
    config = configured((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

    def client(service: str) -> Any:
        session = boto3.Session(region_name=config.get("region"), profile_name=config.get("profile"))
        return session.client(service, config=CONFIG)  # type: ignore[call-overload]

    made = check(config, client)
    for note in made.notes:
        print(f"preflight: {note}")
    for wrong in made.wrong:
        print(f"preflight: {wrong}", file=sys.stderr)
    return 1 if made.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
