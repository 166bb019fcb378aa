"""Paths as clients write them: a parameter is decoded exactly once, whichever of its characters were encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from numberdesk.api.routes import ROUTES, decoded
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World


def fully(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize("written", ["a:b", "a%3Ab", "a%3ab", "%61:b", fully("a:b")])
@pytest.mark.parametrize("rest", ["", "/numbers", "/ledger", "/webhooks", "/comments"])
def test_order_is_found_in_every_encoding_of_its_id(world: World, written: str, rest: str) -> None:
    world.send(body("a:b"))
    world.settle()
    status, answer = world.api("GET", f"/orders/{written}{rest}")
    assert status == 200, answer
    assert '"order_id":"a:b"' in world.output.getvalue().splitlines()[-1]


@pytest.mark.parametrize("written", ["a%253Ab", "a%zz", "a%", "a%3", "a%FFb", "a%C3", "a%2Fb", "a%00", "%F0%9F%98%80"])
def test_invalid_id_is_a_clear_client_error(world: World, written: str) -> None:
    """Encoded twice, truncated, not UTF-8, containing a slash: never another path, and never a server error."""
    world.send(body("a:b"))
    world.settle()
    status, answer = world.api("GET", f"/orders/{written}")
    assert status in (400, 404)
    assert answer["type"].removeprefix("urn:numberdesk:problem:") in ("invalid", "no-such-path")


def test_encoded_slash_in_a_parameter_makes_no_other_path(world: World) -> None:
    world.send(body("a"))
    world.settle()
    assert world.api("POST", "/orders/a%2Fcancel", {})[0] in (404, 405)
    assert world.api("GET", "/orders/a%2Fledger")[0] == 400
    assert world.order("a").state.value != "cancelled"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_only_the_parameters_of_a_route_are_decoded(route: object) -> None:
    path: str = route.path  # type: ignore[attr-defined]
    written = "/".join("%41%2B1:b" if part.startswith("{") else part for part in path.split("/"))
    assert decoded(written) == "/".join("A+1:b" if part.startswith("{") else part for part in path.split("/"))
    # A policy allows the literal path; spelt differently it is not one of our paths.
    last = path.rpartition("/")[2]
    if not last.startswith("{"):
        assert decoded(written.removesuffix(last) + fully(last)).endswith(fully(last))


def test_policy_sees_the_path_that_is_answered(world: World) -> None:
    world.send(body("a"))
    world.settle()
    assert world.api("POST", f"/orders/a/{fully('cancel')}", {})[0] == 404
    assert world.api("GET", f"/{fully('orders')}/a")[0] == 404


@pytest.mark.parametrize("written", ["+13125550100", "%2B13125550100", "13125550100"])
def test_number_in_a_path_is_found_with_its_plus_encoded_or_not(world: World, written: str) -> None:
    world.send(body("a"))
    world.settle()
    answer = world.api("POST", f"/orders/a/numbers/{written}/release", {"confirm": "+13125550100"})
    assert answer[0] == 404
    assert answer[1]["type"] == "urn:numberdesk:problem:not-found"
    twice = world.api("POST", "/orders/a/numbers/%252B13125550100/release", {"confirm": "+13125550100"})
    assert (twice[0], twice[1]["type"]) == (400, "urn:numberdesk:problem:invalid")


def test_query_is_decoded_only_by_the_gateway(world: World) -> None:
    """API Gateway (REST) passes a query on decoded: a percent sign in it is literal."""
    assert world.api("GET", "/providers/telnyx/requirements", number=" 4930901820")[0] == 200
    status, answer = world.api("GET", "/providers/telnyx/requirements", number="%2B4930901820")
    assert (status, [each["field"] for each in answer["errors"]]) == (400, ["number"])
