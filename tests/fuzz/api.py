"""The API with a desk in memory: any path, query and body, from a caller whom IAM let in."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from numberdesk.api.app import Api
from numberdesk.api.caller import Services
from numberdesk.api.routes import ROUTES
from numberdesk.domain.costs import Limits
from numberdesk.services.accounts import AccountDesk
from numberdesk.services.catalogue import Catalogue
from numberdesk.services.dead_letters import DeadLetterDesk
from numberdesk.services.paging import Tokens
from numberdesk.services.placing_gate import GateDesk
from numberdesk.services.profiles import Profiles
from numberdesk.services.providers import ProviderDesk
from numberdesk.services.reading import Reading
from numberdesk.services.spending import SpendingDesk
from numberdesk.services.status import StatusDesk
from numberdesk.services.vetting import VettingDesk
from tests.fuzz.answers import MINUTES, ROOT
from tests.fuzz.source import Source, edited, text
from tests.support.builders import body
from tests.support.desks import ADesk

if TYPE_CHECKING:
    from numberdesk.services.ports import DeadLetter

MOST_BYTES = 1_000_000
"""Of an answer."""
_VALUES = {
    "order_id": "order-1",
    "provider": "telnyx",
    "account": "default",
    "country": "DE",
    "number_type": "local",
    "queue": "sync",
}


class _NoLetters:
    """`services.ports.DeadLetterQueue` without letters."""

    def count(self) -> int:
        return 0

    def peek(self, most: int) -> list[DeadLetter]:
        return []

    def redrive(self, wanted: frozenset[str] | None, most: int, *, dry_run: bool) -> tuple[list[DeadLetter], bool]:
        return [], False


class _Context:
    aws_request_id = "request-1"
    function_name = "orders_api"


@cache
def _made() -> tuple[Api, ADesk, dict[str, Any]]:
    """Build the API once, with an order, and keep what its store then has."""
    made = ADesk()
    message = body("order-1", {"criteria": {"country": "DE"}, "quantity": 2})
    made.placer.handle(json.dumps(message), message_id="m", correlation_id="c", time_left=lambda: MINUTES)
    made.wake()
    desk, store = made.desk, made.desk.store
    tokens, queue = Tokens(store.paging_key), _NoLetters()
    services = Services(
        commands=made.commands,
        reading=Reading(store, desk.clock, tokens, "team"),
        catalogue=Catalogue(store, desk.providers),
        providers=ProviderDesk(desk.providers, tokens, {}),
        profiles=Profiles(store, desk.providers, made.bucket, made.uploads, desk.clock, tokens),
        uploads=made.uploads,
        dead_letters=DeadLetterDesk(store, desk.sync_queue, {"orders": queue, "sync": queue}),
        gate=GateDesk(store, desk.clock, desk.timings),
        accounts=AccountDesk(store, desk.clock),
        spending=SpendingDesk(store, desk.clock, Limits()),
        status=StatusDesk(store, desk.clock),
        vetting=VettingDesk(store, desk.clock),
    )
    logging.getLogger("aws_lambda_powertools").addHandler(logging.StreamHandler(io.StringIO()))
    return Api(services, made), made, _contents(made)


def _contents(made: ADesk) -> dict[str, Any]:
    return {name: copy.copy(value) for name, value in vars(made.store).items()}


@cache
def _bodies() -> list[Any]:
    """Return the examples of bodies in the API's document."""
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    made = [{name: _example(of) for name, of in schema.get("properties", {}).items()} for schema in schemas.values()]
    return [body("order-2"), *[each for each in made if each][:200]]


def _example(of: Any) -> Any:
    if of.get("examples"):
        return of["examples"][0]
    return {"string": "x", "integer": 1, "boolean": True, "array": [], "object": {}, "number": 0.5}.get(
        of.get("type", "")
    )


def call(data: bytes) -> None:
    """Call the API: every answer is a documented one, and JSON."""
    api, made, contents = _made()
    for name, value in contents.items():
        setattr(made.store, name, copy.copy(value))
    made.order_queue.messages.clear()
    made.sync_queue.messages.clear()
    made.logged.clear()
    source = Source(data)
    route = ROUTES[(source.byte() << 8 | source.byte()) % len(ROUTES)]
    method = route.method if source.byte() % 8 else source.pick(("GET", "POST", "PUT", "DELETE", "PATCH"))
    path = _path(route.path, source)
    query = {text(source.some()): text(source.some()) for _ in range(source.byte() % 3)}
    if source.byte() % 3 == 0:
        query |= {
            source.pick(("next", "limit", "state", "attention", "from", "to", "country", "dry_run")): text(
                source.some()
            )
        }
    content = source.rest() if source.byte() % 2 else json.dumps(edited(source.pick(_bodies()), source)).encode()
    answer = api(_event(method, path, query, content if method in ("POST", "PUT", "PATCH") else b""), _Context())  # type: ignore[arg-type]
    assert 200 <= answer["statusCode"] < 500 or answer["statusCode"] in (502, 503), (answer["statusCode"], made.logged)
    assert len(answer["body"]) <= MOST_BYTES
    if answer["body"]:
        json.loads(answer["body"])
    assert not made.carrier.named("place")[1:], "the API bought something"


def _path(template: str, source: Source) -> str:
    parts = []
    for part in template.split("/"):
        if part.startswith("{"):
            written = _VALUES.get(part.strip("{}"), "x") if source.byte() % 4 else text(source.some())
            parts.append(written.replace("/", "%2F"))
        else:
            parts.append(part)
    return "/".join(parts)


def _event(method: str, path: str, query: dict[str, str], content: bytes) -> dict[str, Any]:
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": None,
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "path": f"/v1{path}",
            "stage": "v1",
            "requestId": "request-1",
            "domainName": "api.example",
            "identity": {"userArn": "arn:aws:iam::123456789012:user/alice"},
        },
        "body": base64.b64encode(content).decode() if content else None,
        "isBase64Encoded": bool(content),
    }
