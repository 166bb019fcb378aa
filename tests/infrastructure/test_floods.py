"""What a flood of webhooks can use up, and what remains for everything else, by the template's own numbers.

Three limits hold a flood back, one behind the other. A route's throttle admits a number of requests at one moment (its burst) and
a number per second from then on (its rate); API Gateway answers the rest 429, which costs nothing behind it. Lambda runs a limited
number of receivers at a time and queues none beyond: those API Gateway answers 500. A receiver ends soon: a forged webhook makes no
AWS call, an authentic one makes one call, which is given up after 2 s.
"""

import ast
import re
from typing import Any

import pytest

from numberdesk.providers.info import WebhookAuth
from tests.support.stack import ROOT, expanded, functions, resources, template

WEBHOOKS = tuple(route.value for route in WebhookAuth)
A_SECOND = 10
"""Requests that one execution environment may answer in a second: Lambda's quota for synchronous invocations."""
UNRESERVED = 100
"""Executions that AWS leaves to all functions without a reservation, whatever is reserved."""
QUOTA = 1000
"""An account's concurrent executions in a Region, unless it is new or has asked for more."""


def throttles() -> dict[str, tuple[int, int]]:
    """Return rate and burst of each method that has its own throttle: "POST /webhooks/telnyx"."""
    (stage,) = resources("AWS::ApiGateway::Stage").values()
    return {
        # A path has its slashes written as ~1 and a slash before it.
        f"{setting['HttpMethod']} {setting['ResourcePath'][1:].replace('~1', '/')}": (
            setting["ThrottlingRateLimit"],
            setting["ThrottlingBurstLimit"],
        )
        for setting in stage["Properties"]["MethodSettings"]
        if setting["ResourcePath"] != "/*"
    }


RECEIVER = ast.parse((ROOT / "functions" / "receive_webhook" / "app.py").read_text())


def default(parameter: str) -> int:
    """Return the default of a numeric parameter."""
    return int(expanded()["Parameters"][parameter]["Default"])


def sender_settings(name: str) -> dict[str, str]:
    """Return the settings of one of the receiver's senders, from its source: importing it would need a function's environment."""
    (call,) = (
        node for node in ast.walk(RECEIVER) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name)
    )
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in call.keywords}


# --- The endpoints ---


def test_exactly_the_webhook_routes_have_their_own_throttle() -> None:
    assert throttles().keys() == {f"POST {route}" for route in WEBHOOKS}
    paths = [
        (method.upper(), path)
        for path, methods in resources("AWS::ApiGateway::RestApi")["Api"]["Properties"]["Body"]["paths"].items()
        for method in methods
        if "ReceiveWebhook" in str(methods[method])
    ]
    assert {f"{method} {path}" for method, path in paths} == throttles().keys(), "a route without a throttle"


def test_flood_at_one_route_leaves_room_for_the_other() -> None:
    """Their bursts together fit: whatever one route admits, the other's requests still run."""
    assert sum(burst for _, burst in throttles().values()) <= default("ReceiverConcurrency")


def test_lambda_runs_everything_the_throttles_admit() -> None:
    rates = sum(rate for rate, _ in throttles().values())
    assert rates <= A_SECOND * default("ReceiverConcurrency")
    # At full rates, for as long as they last, each may take this long. A forged one of 4 MB needs 30 ms of a whole processor, of which a
    # function of 512 MB has a third.
    assert default("ReceiverConcurrency") / rates >= 0.4


def test_receiver_waits_no_longer_than_telnyx() -> None:
    """A hanging queue must not occupy receivers for longer than the provider waits for the response."""
    (seconds,) = (
        ast.literal_eval(node.value)
        for node in RECEIVER.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SECONDS"
    )
    assert sender_settings("SignedQueue") == {"seconds": "SECONDS"}
    assert sender_settings("Config") == {
        "connect_timeout": "SECONDS",
        "read_timeout": "SECONDS",
        "retries": "{'total_max_attempts': 1}",
    }
    assert 2 * seconds <= 2
    assert functions()["receive_webhook"]["Timeout"] > 2 * seconds


# --- Concurrency ---


def test_only_the_receiver_has_reserved_concurrency() -> None:
    reserved = {name: function.get("ReservedConcurrentExecutions") for name, function in functions().items()}
    own = reserved.pop("receive_webhook")
    assert own == {"Fn::If": ["ReserveForReceiver", {"Ref": "ReceiverConcurrency"}, {"Ref": "AWS::NoValue"}]}
    assert set(reserved.values()) == {None}, "a reservation takes concurrency from the account that others need"
    assert template()["Conditions"]["ReserveForReceiver"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "ReceiverConcurrency"}, "none"]}]
    }


@pytest.mark.parametrize(
    ("value", "taken"), [("none", True), ("1", True), ("100", True), ("0", False), ("", False), ("-1", False)]
)
def test_reserved_concurrency_of_zero_cannot_disable_the_webhooks(value: str, taken: bool) -> None:
    """To Lambda, 0 means that nothing runs at all."""
    parameter = expanded()["Parameters"]["ReceiverConcurrency"]
    assert bool(re.fullmatch(parameter["AllowedPattern"], value)) is taken


def test_receiver_cannot_take_the_concurrency_that_ordering_needs() -> None:
    """The other functions fit into what AWS leaves unreserved; with the default, the quota covers both."""
    concurrency: dict[str, Any] = {
        mapping["Properties"]["FunctionName"]["Ref"]: mapping["Properties"].get("ScalingConfig")
        for mapping in resources("AWS::Lambda::EventSourceMapping").values()
    }
    places = {name: scaling["MaximumConcurrency"] for name, scaling in concurrency.items() if scaling}
    queues = {
        name: most if isinstance(most, int) else default(most["Fn::If"][1]["Ref"]) for name, most in places.items()
    }
    assert queues.keys() == {"PlaceOrderFunction", "SyncOrderFunction", "SendNotificationsFunction"}
    streams = list(concurrency.values()).count(None)  # one batch of a shard at a time; a table so small has one
    schedules = len(resources("AWS::Scheduler::Schedule"))
    needed = sum(queues.values()) + streams + schedules
    assert needed <= UNRESERVED / 2, "the other half is for the API"
    assert default("ReceiverConcurrency") + UNRESERVED <= QUOTA
