"""The three policies for API callers cover exactly its routes, and none allows another policy's route."""

import json
import re
from functools import cache
from typing import Any

import pytest

from numberdesk.api.routes import ROUTES, Route
from tests.support.stack import resources, template

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
    """Return what a policy allows: METHOD/path with stars."""
    return [resource["Fn::Sub"].removeprefix(STAGE) for resource in statement(policy)["Resource"]]


def starred(route: Route) -> str:
    """Return a route as a pattern."""
    return route.method + re.sub(r"{\w+}", "*", route.path)


@cache
def meet(one: str, other: str) -> bool:
    """Return whether some text matches both patterns; a star stands for any text, including slashes and the empty text."""
    if not one or not other:
        return set(one + other) <= {"*", SLASHES}
    if one[0] not in {"*", SLASHES}:
        if other[0] in {"*", SLASHES}:
            return meet(other, one)
        return one[0] == other[0] and meet(one[1:], other[1:])
    if meet(one[1:], other):
        return True
    # The star takes the next character: from another star nothing that this star could not also reach by ending first.
    taken = other[0] in {"*", SLASHES} or one[0] == "*" or other[0] == "/"
    return taken and meet(one, other[1:])


def test_patterns_meet_if_some_text_matches_both() -> None:
    assert meet("POST/orders", "POST/orders" + SLASHES)
    assert meet("POST/orders/*", "POST/orders" + SLASHES)
    assert meet("POST/*/redrive", "POST/dead-letters/*/redrive")
    assert meet("POST/orders/*/comments", "POST/orders/*/comments/*")
    assert not meet("POST/orders/*/sync", "POST/orders" + SLASHES)
    assert not meet("POST/providers/*/search", "POST/providers/*/webhooks" + SLASHES)
    assert not meet("GET/orders", "POST/orders")


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_consists_of_its_routes(policy: str) -> None:
    expected = {starred(route) for route in ROUTES if route.policy == policy}
    assert set(patterns(policy)) == expected
    assert len(patterns(policy)) == len(expected)


def test_every_route_has_exactly_one_policy() -> None:
    assert {route.policy for route in ROUTES} == set(POLICIES)
    assert set(resources("AWS::IAM::ManagedPolicy")) == {f"{policy.title()}Policy" for policy in POLICIES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method}{route.path}")
def test_no_other_policy_allows_a_route(route: Route) -> None:
    """A parameter stands for any text: an encoded slash in a request may be decoded by the time it is compared."""
    led = starred(route) + SLASHES
    assert not [(name, p) for name in POLICIES if name != route.policy for p in patterns(name) if meet(p, led)]


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_allows_only_calls_of_this_api(policy: str) -> None:
    found = statement(policy)
    assert {key: found[key] for key in found if key != "Resource"} == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
    }
    assert all(resource["Fn::Sub"].startswith(STAGE) for resource in found["Resource"])
    assert not [pattern for pattern in patterns(policy) if pattern.startswith("*")]


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_fits_iams_size_limit(policy: str) -> None:
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
def test_policies_are_in_the_outputs(policy: str) -> None:
    name = f"{policy.title()}Policy"
    assert template()["Outputs"][f"{name}Arn"]["Value"] == {"Ref": name}
