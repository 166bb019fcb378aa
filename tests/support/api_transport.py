"""The API of a world on moto, as what an `httpx` client sends its requests to: the real client against the real handler."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import boto3
import httpx
from botocore.credentials import Credentials

from numberdesk_cli.client import Client
from numberdesk_cli.target import Target
from tests.support.aws import ALICE, proxy_event
from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

HOST = "abc.execute-api.eu-central-1.amazonaws.com"
URL = f"https://{HOST}/v1"


class ApiTransport(httpx.BaseTransport):
    """Answers as API Gateway and the function `orders_api` do, and takes the files that are posted to the bucket.

    Args:
        world: whose API.
        principal: who asks, as API Gateway found by the signature.
    """

    def __init__(self, world: World, principal: str = ALICE) -> None:
        self.world = world
        self.principal = principal
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request, in order."""
        self.before: Callable[[httpx.Request], httpx.Response | None] | None = None
        """Called before each request: may answer in place of the API, or raise an error of httpx."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/v1")
        self.requests.append((request.method, path))
        # Time passes between requests: what was put back onto a queue is seen again from the next instant on.
        self.world.clock.advance(1)
        if self.before and (answer := self.before(request)):
            return answer
        content = request.read()
        if request.url.host != HOST:
            self._take_file(request, content)
            return httpx.Response(204)
        if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            date = format_datetime(self.world.clock.now(), usegmt=True)
            return httpx.Response(403, headers={"date": date}, json={"message": "Missing Authentication Token"})
        query = parse_qs(request.url.query.decode(), keep_blank_values=True)
        event = proxy_event(
            request.method,
            unquote(path),
            json.loads(content) if content else None,
            principal=self.principal,
            query=query,
        )
        made = self.world.function("orders_api")(event)
        headers = {name: values[0] for name, values in made["multiValueHeaders"].items()}
        return httpx.Response(made["statusCode"], headers=headers, content=made["body"] or b"")

    def _take_file(self, request: httpx.Request, content: bytes) -> None:
        whole = BytesParser().parsebytes(
            b"content-type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + content
        )
        parts = {part.get_param("name", header="content-disposition"): part for part in whole.get_payload()}  # type: ignore[union-attr]
        fields = {name: part.get_payload(decode=True) for name, part in parts.items()}  # type: ignore[union-attr]
        file: Any = fields.pop("file")
        self.world.upload({"fields": {str(name): bytes(it).decode() for name, it in fields.items()}}, bytes(file))


@dataclass(frozen=True)
class WorldTarget(Target):
    """A stack whose functions run in the test: what AWS says of these comes from the template."""

    world: World | None = field(default=None, repr=False)

    def client(self, service: Any) -> Any:
        """Make a client of moto, or of what moto does not have."""
        return {"lambda": self, "logs": self}.get(service) or super().client(service)

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        """Answer as Lambda does."""
        assert self.world is not None
        return {"Environment": {"Variables": self.world.stack.environments[FunctionName]}}

    def get_account_settings(self) -> dict[str, Any]:
        """Answer as Lambda does."""
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        """Answer as CloudWatch Logs does: the sweep ran a minute ago."""
        assert self.world is not None
        return {"logStreams": [{"lastEventTimestamp": (self.world.clock.now().timestamp() - 60) * 1000}]}


def target(world: World) -> Target:
    """Return a deployed stack as the client sees it."""
    return WorldTarget(
        name=f"stack numberdesk in {REGION}",
        stack_name="numberdesk",
        url=URL,
        region=REGION,
        outputs={
            **world.stack.outputs,
            "ReceiveWebhookFunctionName": "receive_webhook",
            "WakeOrdersFunctionName": "wake_orders",
        },
        session=boto3.Session("test", "test", region_name=REGION),
        operator=Credentials("AKIAEXAMPLE", "secret"),
        world=world,
    )


def client(world: World, transport: httpx.BaseTransport | None = None) -> Client:
    """Return a client of a world's API. It never waits."""
    return Client(target(world), transport=transport or ApiTransport(world), sleep=lambda _: None)
