"""Access to the deployed API, tested with roles that hold the template's own policies, which the local AWS enforces."""

import re

import pytest

from numberdesk.api.routes import ROUTES
from tests.support.local_run import Told

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("policy", ["read", "operate", "spend"])
def test_role_with_one_policy_reaches_only_its_routes(told: Told, policy: str) -> None:
    assert reached(told, policy) == {call(route.method, route.path) for route in ROUTES if route.policy == policy}


def test_role_with_all_policies_reaches_every_route(told: Told) -> None:
    assert reached(told, "operator") == {call(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("who", ["nobody", None])
def test_no_route_is_reached_without_a_policy_or_a_signature(told: Told, who: str | None) -> None:
    assert reached(told, who) == set()


def test_every_call_past_the_gateway_got_a_response(told: Told) -> None:
    assert told.answers
    assert {key: status for key, status in told.answers.items() if status >= 500} == {}


def test_webhooks_reach_the_receiver_without_iam(told: Told) -> None:
    for path in ("/webhooks/telnyx", "/postbacks/callfire/none"):
        assert told.beside[None, ("POST", path)] == 401
        # An AWS signature is not the provider's signature.
        assert told.beside["operator", ("POST", path)] == 401


@pytest.mark.parametrize("what", [("GET", "/webhooks/telnyx"), ("PATCH", "/orders/none"), ("GET", "/none")])
def test_unknown_routes_are_closed_to_everybody(told: Told, what: tuple[str, str]) -> None:
    assert (told.beside["operator", what], told.beside[None, what]) == (403, 403)


def call(method: str, path: str) -> tuple[str, str]:
    """Return the call of a route that was tried."""
    return method, re.sub(r"\{\w+\}", "none", path)


def reached(told: Told, who: str | None) -> set[tuple[str, str]]:
    """Return the calls that passed the gateway, which says 403; the API itself never does."""
    return {tried for (principal, tried), status in told.answers.items() if principal == who and status != 403}
