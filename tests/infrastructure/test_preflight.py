"""`make deploy` checks the account first: what would fail half-way is reported before anything is created, with the remedy."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from preflight import __main__ as preflight
from tests.support.stack import REGION, ROOT, template

ROLE = "arn:aws:iam::123456789012:role/numberdesk-ApiLogWriterRole-1A2B"


class Account:
    """A simulated AWS account. A value set to an error code makes its request fail with it."""

    def __init__(self) -> None:
        self.quota: int | str = 1000
        self.unreserved: int | None = None
        self.own: int | str | None = None
        """What receive_webhook has reserved; none: there is no such function."""
        self.stack: dict[str, Any] | str | None = None
        self.log_role: str | None = None
        self.groups: list[str] = []

    def client(self, service: str) -> Any:
        """Return a client that answers in the shapes of botocore's own models."""
        client: Any = boto3.client(  # type: ignore[call-overload]
            service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        stubber = Stubber(client)
        getattr(self, f"_{service}")(stubber)
        stubber.activate()
        return client

    def _lambda(self, stubber: Stubber) -> None:
        if isinstance(self.quota, str):
            stubber.add_client_error("get_account_settings", self.quota)
            return
        free = self.quota if self.unreserved is None else self.unreserved
        limit = {"ConcurrentExecutions": self.quota, "UnreservedConcurrentExecutions": free}
        stubber.add_response("get_account_settings", {"AccountLimit": limit})
        asked = {"FunctionName": "numberdesk-receive_webhook"}
        if self.own is None or isinstance(self.own, str):
            stubber.add_client_error(
                "get_function_concurrency", self.own or "ResourceNotFoundException", expected_params=asked
            )
        else:
            reserved = {"ReservedConcurrentExecutions": self.own} if self.own else {}
            stubber.add_response("get_function_concurrency", reserved, asked)

    def _cloudformation(self, stubber: Stubber) -> None:
        if self.stack is None:
            stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id numberdesk does not exist")
        elif isinstance(self.stack, str):
            stubber.add_client_error("describe_stacks", self.stack)
        else:
            stack = {"StackName": "numberdesk", "CreationTime": "2026-11-22T08:00:00Z", **self.stack}
            stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "numberdesk"})

    def _apigateway(self, stubber: Stubber) -> None:
        stubber.add_response("get_account", {"cloudwatchRoleArn": self.log_role} if self.log_role else {})

    def _logs(self, stubber: Stubber) -> None:
        for prefix in ("/aws/lambda/numberdesk-", "/aws/apigateway/numberdesk"):
            groups = [{"logGroupName": name} for name in self.groups if name.startswith(prefix)]
            stubber.add_response("describe_log_groups", {"logGroups": groups}, {"logGroupNamePrefix": prefix})


def check(account: Account, **parameters: str) -> preflight.Deployment:
    config = {"parameter_overrides": [f"{name}={value}" for name, value in parameters.items()]}
    return preflight.check(config, account.client)


def suggested(text: str) -> dict[str, str]:
    """Return the parameters that a refusal says to set."""
    return dict(re.findall(r"(\w+)=(\w+)", text.partition("Set ")[2]))


# Concurrent executions


def test_ordinary_account_accepts_the_defaults() -> None:
    made = check(Account())
    assert (made.wrong, made.notes, made.exists) == ([], [], False)


@pytest.mark.parametrize(("quota", "unreserved"), [(10, None), (50, None), (100, None), (199, None), (1000, 150)])
def test_account_with_too_small_a_quota_gets_parameters_that_fit(quota: int, unreserved: int | None) -> None:
    account = Account()
    account.quota, account.unreserved = quota, unreserved
    [wrong] = check(account).wrong
    assert "ReceiverConcurrency=100 reserves 100" in wrong
    assert f"Lambda may run {quota} functions at once" in wrong
    assert "L-B99A9384" in wrong
    fits = suggested(wrong)
    assert fits["ReceiverConcurrency"] == "none"
    taken = int(fits["OrderConcurrency"]) + int(fits["SyncConcurrency"])
    assert taken + preflight.OTHERS <= (unreserved or quota)
    assert check(account, **fits).wrong == []
    for name in ("OrderConcurrency", "SyncConcurrency"):
        assert int(fits[name]) >= template()["Parameters"][name]["MinValue"]


def test_new_account_with_a_quota_of_ten_does_not_starve_its_webhooks() -> None:
    """CloudFormation would accept it, but the queues could take all ten, and webhooks would be refused."""
    account = Account()
    account.quota = 10
    [wrong] = check(account, ReceiverConcurrency="none").wrong
    assert "OrderConcurrency=5 and SyncConcurrency=10 would leave less than 5" in wrong
    assert "ReceiverConcurrency=100" not in wrong
    account.quota = 8
    assert "Even the least that numberdesk needs does not fit: have the quota raised" in check(account).wrong[0]


@pytest.mark.parametrize(("quota", "unreserved", "own"), [(200, 100, 100), (1000, 0, 100), (10, 10, 0)])
def test_running_stack_is_not_refused_for_its_own_reservation(quota: int, unreserved: int, own: int) -> None:
    account = Account()
    account.quota, account.unreserved, account.own = quota, unreserved, own
    had = [{"ParameterKey": "ReceiverConcurrency", "ParameterValue": str(own or "none")}]
    account.stack = {"StackStatus": "UPDATE_COMPLETE", "Parameters": had}
    assert check(account).wrong == []
    [wrong] = check(account, ReceiverConcurrency=str(own + 101)).wrong
    assert "CloudFormation would fail at receive_webhook" in wrong


# What else fails half-way


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name numberdesk"),
        ("DELETE_FAILED", "delete-stack --stack-name numberdesk"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "wait until that is over"),
        ("UPDATE_ROLLBACK_COMPLETE", None),
        ("REVIEW_IN_PROGRESS", None),  # a change set that nobody executed: nothing exists yet
    ],
)
def test_stack_that_cannot_be_updated_is_reported(status: str, said: str | None) -> None:
    account = Account()
    account.stack = {"StackStatus": status}
    account.own = 100
    wrong = check(account).wrong
    assert [said in each for each in wrong] == [True] if said else wrong == []


@pytest.mark.parametrize(
    ("setting", "role", "wrong", "notes"),
    [
        ("create", None, 0, 0),
        ("create", ROLE, 0, 1),  # of others
        ("exists", ROLE, 0, 0),
        ("exists", None, 1, 0),
    ],
)
def test_log_role_of_api_gateway_exists_or_is_created(setting: str, role: str | None, wrong: int, notes: int) -> None:
    account = Account()
    account.log_role = role
    made = check(account, ApiLogRole=setting)
    assert ([each for each in made.wrong if "ApiLogRole" in each], len(made.wrong)) == (made.wrong, wrong)
    assert len(made.notes) == notes


def test_existing_log_groups_are_named() -> None:
    account = Account()
    account.groups = ["/aws/lambda/numberdesk-place_order", "/aws/lambda/numberdesk-of-others"]
    [wrong] = check(account).wrong
    assert "/aws/lambda/numberdesk-place_order." in wrong
    assert "of-others" not in wrong
    account.stack, account.own = {"StackStatus": "CREATE_COMPLETE"}, 100
    assert check(account).wrong == []


def test_more_keys_than_lambdas_environment_holds_are_reported() -> None:
    keys = ",".join(f"account-{index}={'A' * 43}=" for index in range(80))
    [wrong] = check(Account(), TelnyxPublicKeys=keys).wrong
    assert "The variables of receive_webhook take" in wrong


# What cannot be read


def test_denied_check_is_reported_and_stops_nothing() -> None:
    account = Account()
    account.quota, account.stack = "AccessDeniedException", "AccessDenied"
    made = check(account)
    assert made.wrong == []
    assert made.notes == [
        "not checked: the stack (AccessDenied)",
        "not checked: the quota of concurrent executions (AccessDeniedException)",
    ]
    account.quota, account.own = 10, "AccessDeniedException"
    assert check(account).wrong == [], "the missing concurrency may be reserved by the stack itself"

    def nobody(_service: str) -> Any:
        raise NoCredentialsError

    made = preflight.check({}, nobody)
    assert (made.wrong, len(made.notes)) == ([], 4)


@pytest.mark.parametrize(
    "written",
    [
        'parameter_overrides = "ReceiverConcurrency=none OrderConcurrency=\\"2\\" Timings=\\"{\\\\\\"doubt\\\\\\": 1}\\""',
        'parameter_overrides = ["ReceiverConcurrency=none", "OrderConcurrency=2", "Timings={\\"doubt\\": 1}"]',
        (
            'parameter_overrides = """ParameterKey=ReceiverConcurrency,ParameterValue=none '
            'ParameterKey=OrderConcurrency,ParameterValue=2 ParameterKey=Timings,ParameterValue=\'{"doubt": 1}\'"""'
        ),
    ],
)
def test_parameters_are_read_in_each_of_sams_notations(written: str) -> None:
    text = f'version = 0.1\n[default.global.parameters]\nstack_name = "mine"\n[default.deploy.parameters]\n{written}\n'
    config = preflight.configured(text)
    assert config["stack_name"] == "mine"
    assert preflight.overrides(config["parameter_overrides"]) == {
        "ReceiverConcurrency": "none",
        "OrderConcurrency": "2",
        "Timings": '{"doubt": 1}',
    }


def test_unreadable_parameters_are_reported() -> None:
    made = preflight.check({"parameter_overrides": 'Timings="{'}, Account().client)
    assert (made.wrong, len(made.notes)) == ([], 1)
    made = check(Account(), OrderConcurrency="many")
    assert made.notes == ["not checked: the quota of concurrent executions (ValueError)"]


def test_deploy_starts_with_the_preflight() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ndeploy:")[2].partition("\n\n")[0].splitlines()[1:]
    assert recipe[0].endswith("python -m preflight")
    assert recipe[-1].endswith("sam deploy")
    assert preflight.configured((ROOT / "samconfig.toml").read_text())["stack_name"] == "numberdesk"
