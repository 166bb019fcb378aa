"""The API of a world on moto, as what an `httpx` client sends its requests to: the real client against the real handler."""

from __future__ import annotations

import json
from email.parser import BytesParser
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

URL = "https://api.example.com/v1"


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
        if request.url.host != "api.example.com":
            self._take_file(request, content)
            return httpx.Response(204)
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
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


def target(world: World) -> Target:
    """Return a deployed stack as the client sees it."""
    return Target(
        name=f"stack numberdesk in {REGION}",
        url=URL,
        region=REGION,
        outputs=world.stack.outputs,
        session=boto3.Session("test", "test", region_name=REGION),
        operator=Credentials("AKIAEXAMPLE", "secret"),
    )


def client(world: World, transport: httpx.BaseTransport | None = None) -> Client:
    """Return a client of a world's API. It never waits."""
    return Client(target(world), transport=transport or ApiTransport(world), sleep=lambda _: None)
