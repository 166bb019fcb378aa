"""The three policies for callers of the API hold exactly its routes, and none lets in where another's route leads."""

import json
import re
from functools import cache
from typing import Any

import pytest

from tests.support.stack import resources, template

# Policy, method and path of each route.
ROUTES = (
    ("spend", "POST", "/orders"),
    ("read", "GET", "/orders"),
    ("read", "GET", "/orders/{order_id}"),
    ("read", "GET", "/orders/{order_id}/ledger"),
    ("read", "GET", "/orders/{order_id}/events"),
    ("read", "GET", "/orders/{order_id}/comments"),
    ("read", "GET", "/orders/{order_id}/requirements"),
    ("operate", "POST", "/orders/{order_id}/requirements"),
    ("operate", "POST", "/orders/{order_id}/requirement-group"),
    ("operate", "POST", "/orders/{order_id}/files"),
    ("operate", "POST", "/orders/{order_id}/comments"),
    ("operate", "POST", "/orders/{order_id}/comments/{comment_id}/read"),
    ("operate", "POST", "/orders/{order_id}/extensions"),
    ("operate", "POST", "/orders/{order_id}/acknowledgements"),
    ("operate", "POST", "/orders/{order_id}/cancel"),
    ("operate", "POST", "/orders/{order_id}/sync"),
    ("operate", "POST", "/orders/{order_id}/replay"),
    ("read", "GET", "/providers"),
    ("read", "GET", "/providers/{provider}/requirements"),
    ("read", "POST", "/providers/{provider}/search"),
    ("read", "GET", "/providers/{provider}/numbers"),
    ("read", "GET", "/providers/{provider}/webhooks"),
    ("operate", "POST", "/providers/{provider}/webhooks"),
    ("operate", "DELETE", "/providers/{provider}/webhooks/{registration_id}"),
    ("read", "GET", "/profiles"),
    ("read", "GET", "/profiles/{provider}/{account}/{country}/{number_type}"),
    ("operate", "PUT", "/profiles/{provider}/{account}/{country}/{number_type}"),
    ("operate", "DELETE", "/profiles/{provider}/{account}/{country}/{number_type}"),
    ("operate", "POST", "/profiles/{provider}/{account}/{country}/{number_type}/files"),
    ("read", "GET", "/dead-letters"),
    ("read", "GET", "/dead-letters/{queue}"),
    ("spend", "POST", "/dead-letters/orders/redrive"),
    ("operate", "POST", "/dead-letters/sync/redrive"),
    ("read", "GET", "/unmatched-events"),
    ("operate", "POST", "/unmatched-events/replay"),
)
POLICIES = ("read", "operate", "spend")
STAGE = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/"

SLASHES = "\0"
"""As many slashes as one likes: the API takes those behind a path for none."""


def statement(policy: str) -> dict[str, Any]:
    properties = resources("AWS::IAM::ManagedPolicy")[f"{policy.title()}Policy"]["Properties"]
    (found,) = properties["PolicyDocument"]["Statement"]
    result: dict[str, Any] = found
    return result


def patterns(policy: str) -> list[str]:
    """What a policy lets in: METHOD/path with stars."""
    return [resource["Fn::Sub"].removeprefix(STAGE) for resource in statement(policy)["Resource"]]


@cache
def meet(one: str, other: str) -> bool:
    """Whether there is a text that both match; a star stands for any text, slashes and the empty one included."""
    if not one or not other:
        return set(one + other) <= {"*", SLASHES}
    if one[0] not in {"*", SLASHES}:
        if other[0] in {"*", SLASHES}:
            return meet(other, one)
        return one[0] == other[0] and meet(one[1:], other[1:])
    if meet(one[1:], other):
        return True
    # It takes what comes next: from another star nothing that this star would not come to by ending first.
    taken = other[0] in {"*", SLASHES} or one[0] == "*" or other[0] == "/"
    return taken and meet(one, other[1:])


def test_patterns_meet_where_a_text_matches_both() -> None:
    assert meet("POST/orders", "POST/orders" + SLASHES)
    assert meet("POST/orders/*", "POST/orders" + SLASHES)
    assert meet("POST/*/redrive", "POST/dead-letters/*/redrive")
    assert meet("POST/orders/*/comments", "POST/orders/*/comments/*")
    assert not meet("POST/orders/*/sync", "POST/orders" + SLASHES)
    assert not meet("POST/providers/*/search", "POST/providers/*/webhooks" + SLASHES)
    assert not meet("GET/orders", "POST/orders")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_made_of_its_routes(policy: str) -> None:
    expected = {f"{method}{re.sub('{[^}]+}', '*', path)}" for name, method, path in ROUTES if name == policy}
    assert set(patterns(policy)) == expected
    assert len(patterns(policy)) == len(expected)


def test_every_route_has_one_of_the_policies() -> None:
    assert {name for name, _, _ in ROUTES} == set(POLICIES)
    assert set(resources("AWS::IAM::ManagedPolicy")) == {f"{policy.title()}Policy" for policy in POLICIES}


@pytest.mark.parametrize(("owner", "method", "path"), ROUTES)
def test_no_other_policy_lets_in_where_a_route_leads(owner: str, method: str, path: str) -> None:
    """A parameter is taken for any text: what is an encoded slash in a request may be one by the time it is compared."""
    led = f"{method}{re.sub('{[^}]+}', '*', path)}{SLASHES}"
    assert not [(policy, p) for policy in POLICIES if policy != owner for p in patterns(policy) if meet(p, led)]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_allows_calls_of_this_api_and_nothing_else(policy: str) -> None:
    found = statement(policy)
    assert {key: found[key] for key in found if key != "Resource"} == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
    }
    assert all(resource["Fn::Sub"].startswith(STAGE) for resource in found["Resource"])
    assert not [pattern for pattern in patterns(policy) if pattern.startswith("*")]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_not_too_long_for_iam(policy: str) -> None:
    """IAM counts at most 6,144 characters of a managed policy, without white space."""
    longest = {
        "AWS::Partition": "aws-us-gov",
        "AWS::Region": "ap-southeast-2",
        "AWS::AccountId": "0" * 12,
        "Api": "a" * 10,
    }
    written = [re.sub(r"\${([^}]+)}", lambda m: longest[m[1]], r["Fn::Sub"]) for r in statement(policy)["Resource"]]
    document = {"Version": "2012-10-17", "Statement": [statement(policy) | {"Resource": written}]}
    assert len(json.dumps(document, separators=(",", ":"))) <= 6144


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_can_be_found_in_the_outputs(policy: str) -> None:
    name = f"{policy.title()}Policy"
    assert template()["Outputs"][f"{name}Arn"]["Value"] == {"Ref": name}
