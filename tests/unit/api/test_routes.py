from __future__ import annotations

from typing import cast

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from numberdesk.api import problems
from numberdesk.api.models.requirements import NewFile
from numberdesk.api.problems import STATUSES, HttpProblem
from numberdesk.api.routes import ROUTES, nearest_route
from numberdesk.domain.values import SIGNATURES
from numberdesk.services.problems import Problem
from tests.support.described import api_document


def operations() -> dict[tuple[str, str], dict[str, object]]:
    return {
        (method.upper(), path): operation
        for path, item in api_document()["paths"].items()
        for method, operation in item.items()
    }


def test_document_is_valid_openapi() -> None:
    assert api_document()["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(api_document()).validate()


def test_document_has_exactly_the_routes() -> None:
    assert set(operations()) == {(route.method, route.path) for route in ROUTES}
    assert len(ROUTES) == len({route.operation_id for route in ROUTES})


def test_every_route_describes_its_response_and_each_of_its_problems() -> None:
    for route in ROUTES:
        described = cast("dict[str, object]", operations()[route.method, route.path]["responses"])
        expected = {route.status, *(STATUSES[problem][0] for problem in problems.of(route))}
        also = {200} if route.operation_id in ("submit_order", "supply_values") else set()
        assert {int(status) for status in described} == expected | also, route.path


def test_no_name_is_machine_generated() -> None:
    assert [name for name in api_document()["components"]["schemas"] if not name.isalnum()] == []


def test_every_problem_has_a_status_and_a_title() -> None:
    assert set(STATUSES) == {*Problem, *HttpProblem}


def test_reads_change_nothing_and_spending_needs_its_own_policy() -> None:
    changing = [route for route in ROUTES if route.policy == "read" and route.method != "GET"]
    assert [route.operation_id for route in changing] == ["search"]
    spending = [route.operation_id for route in ROUTES if route.policy == "spend"]
    assert spending == [
        "submit_order",
        "approve_order",
        "reject_order",
        "resolve_purchase",
        "release_number",
        "turn_placing",
        "confirm_restore",
        "reinstate_account",
        "redrive_orders",
    ]


def test_accepted_file_types_are_those_with_a_content_check() -> None:
    schema = NewFile.model_json_schema()["properties"]["content_type"]
    assert set(schema["enum"]) == set(SIGNATURES)


@pytest.mark.parametrize(
    ("method", "path", "near"),
    [
        ("GET", "/order", "GET /orders"),
        ("POST", "/Orders", "POST /orders"),
        ("GET", "/orders/a-1/legder", "GET /orders/{order_id}/ledger"),
        ("GET", "/order/a-1/event", "GET /orders/{order_id}"),
        ("GET", "/orders/a-1/comment", "GET /orders/{order_id}/comments"),
        ("POST", "/orders/a-1/comment", "POST /orders/{order_id}/comments"),
        ("POST", "/orders/a-1/comments/c-1", "POST /orders/{order_id}/comments/{comment_id}/read"),
        ("POST", "/orders/a-1/numbers/123/relase", "POST /orders/{order_id}/numbers/{value}/release"),
        ("GET", "/unmatched-events", "GET /unmatched-webhooks"),
        ("POST", "/dead-letters/sync/redriv", "POST /dead-letters/sync/redrive"),
        ("DELETE", "/profiles/telnyx/default/DE", "DELETE /profiles/{provider}/{account}/{country}/{number_type}"),
        ("GET", "/orders/" + "a" * 5000 + "/ledger/" + "x/" * 5000, "GET /orders/{order_id}/ledger"),
        ("GET", "/", None),
        ("GET", "/nothing", None),
        ("GET", "/" + "orders" * 5000, None),
        ("GET", "/\x00\u202e", None),
    ],
)
def test_an_unknown_path_has_a_nearest_route(method: str, path: str, near: str | None) -> None:
    found = nearest_route(method, path)
    assert (found and f"{found.method} {found.path}") == near


def test_every_route_is_the_nearest_to_itself() -> None:
    assert [nearest_route(route.method, route.path) for route in ROUTES] == list(ROUTES)
