"""The API as a WSGI application, called as API Gateway would call it, with a bit of every kind of data."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from numberdesk.domain.statuses import OrderState
from tests.support.aws import ALICE, SECRETS, proxy_event
from tests.support.builders import body
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.support.aws import World

DOCUMENT = "/openapi.json"
STAGE = "/v1"


class Gateway:
    """Takes API Gateway's place: it makes proxy events of requests, and HTTP responses of what the handler returns."""

    def __init__(self) -> None:
        self.world: World | None = None
        """The desk that is asked; there must be one before the first request for anything but the document."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        if path == DOCUMENT:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [(ROOT / "docs" / "openapi.json").read_bytes()]
        assert self.world is not None
        answer = self.world.function("orders_api")(_event(environ, path.removeprefix(STAGE)))
        content = (answer["body"] or "").encode()
        headers = [(name, value) for name, values in answer["multiValueHeaders"].items() for value in values]
        status = HTTPStatus(answer["statusCode"])
        start_response(f"{status.value} {status.phrase}", headers)
        return [base64.b64decode(content) if answer["isBase64Encoded"] else content]


def _event(environ: WSGIEnvironment, path: str) -> dict[str, Any]:
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True, errors="replace")
    return proxy_event(environ["REQUEST_METHOD"], path, content or None, principal=ALICE, query=query, headers=headers)


ORDERS = ("vetted", "rejected", "done", "cancelled", "own-list", "held", "unclear")
VETTED, REJECTED, DONE, CANCELLED, OWN, HELD, UNCLEAR = ORDERS
LIMITS = '{"numbers_per_order": 2}'
"""The desk's limits on spending: one of its orders is beyond them."""
DAY = "2026-11-22"
PROFILE = "/profiles/telnyx/default/DE/local"


def seed(world: World) -> dict[str, list[str]]:
    """Put a bit of everything into a desk, and return the ids that requests may name, by their parameter."""
    german = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
    belgian = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}
    world.telnyx.configure(vetting_seconds=1)
    world.telnyx.reject("End User Address", "It cannot be read.")
    for order_id, item in ((VETTED, german), (REJECTED, german), (DONE, None), (CANCELLED, german)):
        world.send(body(order_id, *([item] if item else []), metadata={"team": 7}))
    own = [{"id": "letter", "name": "Letter of authority", "kind": "document"}]
    contact = {"email": "desk@example.com", "contact_name": "Desk", "use_case": "two-factor"}
    fields: dict[str, Any] = {
        "provider": "telesign",
        "contact": contact,
        "requirements": own,
        "deadline": "2026-12-01T08:00:00Z",
    }
    world.send(body(OWN, belgian, **fields))
    world.send(body(HELD, {**german, "quantity": 3}))
    world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    world.callfire.fault("create_order", "lose_answer")
    world.send(body(UNCLEAR, {"criteria": {"city": "Seattle"}, "quantity": 1}, provider="callfire"))
    world.send({"order_id": "faulty", "provider": "telnyx"})
    world.pass_time(4, steps=2)
    world.telnyx.supply(str(world.order(REJECTED).provider_order_id))
    world.api("POST", f"/orders/{CANCELLED}/cancel")
    world.pass_time(60, steps=2, sweep=True)
    form = {"filename": "bill.pdf", "content_type": "application/pdf"}
    files = []
    for path in (f"/orders/{VETTED}/files", f"{PROFILE}/files"):
        made = world.api("POST", path, form)[1]
        world.upload(made["upload"], b"%PDF-1.7 a bill")
        files.append(made["file_id"])
    value = {"kind": "text", "text": "Example GmbH"}
    world.api("PUT", PROFILE, {"answers": [{"requirement": "Business Name", "value": value}]})
    world.telnyx.send_webhook(payload={"id": "none-of-ours"})
    world.send({"webhook": {}}, queue="SyncDeadLetterQueue")
    world.settle()
    assert (world.order(HELD).state, world.order(UNCLEAR).state) == (OrderState.RECEIVED, OrderState.UNKNOWN)
    order = world.order(VETTED)
    numbers = [asset.value for asset in world.order(DONE).assets]
    return {
        "order_id": list(ORDERS),
        "comment_id": list(world.order(REJECTED).comments_seen),
        "sub_order_id": [sub_order.id for sub_order in order.sub_orders],
        "number": [asset.value for asset in order.assets],
        "value": numbers,
        "confirm": numbers,
        "placed_as": [str(each["order_id"]) for each in world.callfire.orders()],
        "requirement": [requirement.id for requirement in order.requirements] + ["letter"],
        "file_id": files,
        "webhook_ids": [item["webhook_id"] for item in world.api("GET", f"/orders/{DONE}/webhooks")[1]["items"]],
        "registration_id": ["1"],
        "day": [DAY],
        "month": ["2026-11"],
        "account": ["default"],
        "country": ["DE"],
        "number_type": ["local"],
    }
