"""The client of the API: it signs, tries reads again and writes never, and turns every refusal into an error with a mend."""

from __future__ import annotations

import ast
import inspect
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from numberdesk.api.models.orders import OrderView, Submitted
from numberdesk.api.routes import ROUTES
from numberdesk.domain.statuses import OrderState
from numberdesk_cli import client as client_module
from numberdesk_cli.connection import READS
from numberdesk_cli.errors import (
    ConflictError,
    DeskError,
    Exit,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    ProblemError,
    UnreachableError,
)
from tests.support import aws
from tests.support.api_transport import ApiTransport, client
from tests.support.builders import body

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk_cli.client import Client
    from tests.support.aws import World

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}


def refusing(
    world: World, answer: Callable[[], httpx.Response | None], *, path: str | None = None
) -> tuple[Client, ApiTransport]:
    """Return a client whose requests (of a path) get these answers."""
    transport = ApiTransport(world)
    transport.before = lambda request: answer() if path is None or request.url.path.endswith(path) else None
    return client(world, transport), transport


def raising(error: Exception) -> Callable[[], httpx.Response]:
    """Return what raises an error in place of an answer."""

    def fail() -> httpx.Response:
        raise error

    return fail


def test_order_is_submitted_read_and_listed(world: World) -> None:
    desk = client(world)
    assert desk.submit(body()) == Submitted(order_id="order-1")
    world.pass_time(3)
    order = desk.order("order-1")
    assert (order.state, order.asset_count) == (OrderState.COMPLETED, 2)
    assert isinstance(desk.submit(body()), OrderView)
    assert [each.order_id for each in desk.orders(state="completed")] == ["order-1"]
    assert [each.value for each in desk.numbers("order-1")] == [each.value for each in order.assets]
    assert [entry.kind.value for entry in desk.ledger("order-1")][-1] == "OrderCompleted"


def test_list_is_read_page_by_page_and_only_as_far_as_asked(world: World) -> None:
    for number in range(5):
        world.send(body(f"order-{number}"))
    world.settle()
    transport = ApiTransport(world)
    desk = client(world, transport)
    first = desk.order_page({"provider": "telnyx"}, limit=2)
    seen, token = [each.order_id for each in first.items], first.next
    while token:
        page = desk.order_page({"provider": "telnyx"}, limit=2, token=token)
        seen += [each.order_id for each in page.items]
        token = page.next
    assert sorted(seen) == [f"order-{number}" for number in range(5)]
    before = len(transport.requests)
    next(desk.orders(provider="telnyx"))
    assert len(transport.requests) == before + 1


def test_every_route_has_a_method() -> None:
    """A route is named by the parts of its path that the client's source writes."""
    source = ast.parse(inspect.getsource(client_module))
    called = {
        tuple(
            each.value for each in ast.walk(function) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        for function in ast.walk(source)
        if isinstance(function, ast.FunctionDef)
    }
    for route in ROUTES:
        fixed = {part for part in route.parts if not part.startswith("{")} - {"orders", "sync"} | {route.parts[0]}
        method = set() if route.method == "GET" else {route.method}
        assert any(fixed | method <= set(each) for each in called), f"{route.method} {route.path}"


def test_refusal_names_every_field_and_nothing_is_sent_twice(world: World) -> None:
    transport = ApiTransport(world)
    with pytest.raises(ProblemError) as refused:
        client(world, transport).submit(body("order 1", {"numbers": ["0301234567"]}))
    assert [each.field for each in refused.value.issues] == ["order_id", "items.0.numbers.0"]
    assert refused.value.exit_code is Exit.USAGE
    assert len(transport.requests) == 1


def test_missing_order_and_conflict_are_errors_of_their_own(world: World) -> None:
    desk = client(world)
    with pytest.raises(NotFoundError):
        desk.order("order-1")
    desk.submit(body())
    world.pass_time(3)
    with pytest.raises(ConflictError) as refused:
        desk.approve("order-1")
    assert (refused.value.kind, refused.value.exit_code) == ("order-ended", Exit.REFUSED)
    assert "Submit another one" in refused.value.mend


@pytest.mark.parametrize("error", [httpx.ConnectError("no route"), httpx.ConnectTimeout("slow")])
def test_write_that_was_never_sent_says_so(world: World, error: Exception) -> None:
    desk, transport = refusing(world, raising(error))
    with pytest.raises(UnreachableError, match="nothing was sent"):
        desk.cancel("order-1")
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        raising(httpx.ReadTimeout("slow")),
        raising(httpx.RemoteProtocolError("closed")),
        lambda: httpx.Response(504, json={"message": "Endpoint request timed out"}),
        lambda: httpx.Response(502, json={"message": "Internal server error"}),
        lambda: httpx.Response(500, json=_problem("internal-error", 500)),
    ],
)
def test_write_without_an_answer_is_never_repeated(world: World, answer: Callable[[], httpx.Response]) -> None:
    desk, transport = refusing(world, answer)
    with pytest.raises(OutcomeUnknownError, match="outcome unknown") as unknown:
        desk.approve("order-1")
    assert len(transport.requests) == 1
    assert unknown.value.exit_code is Exit.OUTCOME_UNKNOWN
    assert "Do not repeat" in unknown.value.mend


def _problem(kind: str, status: int) -> dict[str, Any]:
    return {
        "type": f"urn:numberdesk:problem:{kind}",
        "title": "A title",
        "status": status,
        "detail": "a detail",
        "instance": "urn:numberdesk:request:r-1",
        "errors": [],
    }


@pytest.mark.parametrize(
    "answer",
    [
        raising(httpx.ReadTimeout("slow")),
        raising(httpx.ConnectError("no route")),
        lambda: httpx.Response(429, json={"message": "Too Many Requests"}),
        lambda: httpx.Response(502, json={"message": "Internal server error"}),
    ],
)
def test_read_is_tried_again_a_few_times(world: World, answer: Callable[[], httpx.Response]) -> None:
    desk, transport = refusing(world, answer)
    with pytest.raises(UnreachableError):
        desk.placing()
    assert len(transport.requests) == READS
    world.send(body())
    world.settle()
    failing = [answer]
    desk, transport = refusing(world, lambda: failing.pop()() if failing else None)
    assert desk.order("order-1").order_id == "order-1"
    assert len(transport.requests) == 2


def test_search_changes_nothing_and_is_tried_again(world: World) -> None:
    once = iter([httpx.Response(503, json=_problem("provider-unavailable", 503), headers={"retry-after": "2"})])
    desk, transport = refusing(world, lambda: next(once, None))
    waited: list[float] = []
    desk.connection._sleep = waited.append
    assert desk.search("telnyx", criteria={"country": "DE"})
    assert (len(transport.requests), waited) == (2, [2.0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The security token included in the request is expired", "have expired"),
        ("User: anonymous is not authorized to perform: execute-api:Invoke", "not allowed"),
    ],
)
def test_refused_credentials_are_told_from_a_refused_request(world: World, text: str, said: str) -> None:
    desk, _ = refusing(world, lambda: httpx.Response(403, json={"message": text}))
    with pytest.raises(NotPermittedError, match=said) as refused:
        desk.placing()
    assert refused.value.mend
    assert "anonymous" not in str(refused.value)


def test_newer_stack_may_say_more_and_may_not_say_less(world: World) -> None:
    desk = client(world)
    desk.submit(body())
    world.pass_time(3)
    shown = json.loads(desk.order("order-1").model_dump_json())
    shown |= {"mood": "good", "attempt": {**shown["attempt"], "mood": "good"}}
    desk, _ = refusing(world, lambda: httpx.Response(200, json=shown))
    assert desk.order("order-1").order_id == "order-1"
    del shown["state"]
    with pytest.raises(DeskError, match="not understood") as failed:
        desk.order("order-1")
    assert "update the command" in failed.value.mend


def test_document_is_uploaded_and_supplied(world: World) -> None:
    world.telnyx.configure(vetting_seconds=1)
    desk = client(world)
    desk.submit(body("order-1", GERMAN))
    world.pass_time(3)
    [there] = desk.order_requirements("order-1")
    document = next(
        each.specification
        for each in there.requirements
        if each.specification and each.specification.kind == "document"
    )
    file_id = desk.upload("order-1", "proof.pdf", "application/pdf", b"%PDF-1.7 a proof")
    value = {"requirement": document.id, "value": {"kind": "file", "file_id": file_id}}
    after = desk.supply("order-1", [value])
    assert any(operation.kind.value == "supply" for operation in after.operations)


def test_file_that_is_too_large_is_refused_before_it_is_sent(world: World) -> None:
    world.telnyx.configure(vetting_seconds=1)
    transport = ApiTransport(world)
    desk = client(world, transport)
    desk.submit(body("order-1", GERMAN))
    world.pass_time(3)
    with pytest.raises(DeskError, match="at most 10485760"):
        desk.upload("order-1", "proof.pdf", "application/pdf", b"%PDF" + b"x" * 10_485_760)
    assert [path for _, path in transport.requests if "bucket" in path] == []


def test_decision_is_tied_to_the_hold_that_was_seen() -> None:
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as world:
        desk = client(world)
        desk.submit(body())
        world.settle()
        hold = desk.order("order-1").hold
        assert hold is not None
        with pytest.raises(ConflictError) as refused:
            desk.approve("order-1", since=hold.since - timedelta(seconds=1))
        assert refused.value.kind == "changed-meanwhile"
        assert world.bought() == 0
        desk.approve("order-1", since=hold.since)
        world.pass_time(3)
        assert world.bought() == 1
