"""Every way in which Lambda gives a function its credentials: the receiver signs with them, or asks the provider to try again."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import signed
from tests.support.aws import api_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World
    from tests.support.functions import Function

BODY = b'{"data": {"event_type": "number_order.complete", "id": "e-1", "payload": {"id": "n-1"}}}'
NONE = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
AUTHORIZATION = "a-token-of-the-endpoint"


@pytest.fixture(autouse=True)
def _signers() -> None:
    signed.signers.clear()


def receive(world: World, function: Function) -> int:
    """Let a function receive a genuine webhook."""
    status: int = function(api_event("/webhooks/telnyx", world.telnyx.sign(BODY), BODY))["statusCode"]
    return status


def keys(name: str) -> dict[str, str]:
    """Return credentials as Lambda sets them."""
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA{name}",
        "AWS_SECRET_ACCESS_KEY": f"secret-{name}",
        "AWS_SESSION_TOKEN": f"token-{name}",
    }


class Endpoint:
    """The endpoint from which a function that is restored from a snapshot gets its credentials."""

    def __init__(self) -> None:
        self.name = "CONTAINER"
        self.lives = timedelta(hours=6)
        self.is_down = False
        self.asked = 0

    def answer(self, headers: Any) -> tuple[int, dict[str, str]]:
        self.asked += 1
        if self.is_down or headers["Authorization"] != AUTHORIZATION:
            return 500, {"message": "secret-of-the-endpoint"}
        return 200, {
            "AccessKeyId": f"ASIA{self.name}",
            "SecretAccessKey": f"secret-{self.name}",
            "Token": f"token-{self.name}",
            "Expiration": (datetime.now(UTC) + self.lives).isoformat(),
        }


@contextmanager
def served(endpoint: Endpoint) -> Iterator[dict[str, str]]:
    """Serve the endpoint, and give the variables by which Lambda names it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = endpoint.answer(self.headers)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield NONE | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_address[1]}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": AUTHORIZATION,
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nothing_secret_is_logged(world: World) -> None:
    written = world.output.getvalue()
    assert "secret-" not in written
    assert "token-" not in written
    assert AUTHORIZATION not in written


def test_credentials_of_the_environment_are_used(world: World) -> None:
    assert receive(world, world.cold("receive_webhook", **keys("ONE"))) == 200
    assert signed.signers == [("ASIAONE", "token-ONE")]
    nothing_secret_is_logged(world)


def test_credentials_without_a_session_are_used(world: World) -> None:
    assert receive(world, world.cold("receive_webhook", **keys("ONE") | {"AWS_SESSION_TOKEN": ""})) == 200
    assert signed.signers == [("ASIAONE", None)]


def test_credentials_that_changed_since_the_last_invocation_are_used(world: World) -> None:
    function = world.cold("receive_webhook", **keys("ONE"))
    receive(world, function)
    function.set(**keys("TWO"))
    receive(world, function)
    assert signed.signers == [("ASIAONE", "token-ONE"), ("ASIATWO", "token-TWO")]


def test_credentials_of_the_endpoint_are_kept_until_they_are_about_to_expire(world: World) -> None:
    endpoint = Endpoint()
    with served(endpoint) as variables:
        function = world.cold("receive_webhook", **variables)
        assert endpoint.asked == 0  # a snapshot holds no credentials
        assert [receive(world, function), receive(world, function)] == [200, 200]
        assert endpoint.asked == 1
    assert signed.signers == [("ASIACONTAINER", "token-CONTAINER")] * 2
    nothing_secret_is_logged(world)


def test_credentials_of_the_endpoint_are_refreshed(world: World) -> None:
    endpoint = Endpoint()
    endpoint.lives = timedelta(minutes=5)
    with served(endpoint) as variables:
        function = world.cold("receive_webhook", **variables)
        assert receive(world, function) == 200
        endpoint.name, endpoint.lives = "NEXT", timedelta(hours=6)
        assert receive(world, function) == 200
        assert receive(world, function) == 200
    assert [key for key, _ in signed.signers[-2:]] == ["ASIANEXT", "ASIANEXT"]
    nothing_secret_is_logged(world)


@pytest.mark.parametrize(("minutes", "status"), [(12, 200), (5, 503), (-1, 503)])
def test_credentials_are_used_until_shortly_before_they_expire_while_the_endpoint_is_down(
    world: World, caplog: pytest.LogCaptureFixture, minutes: int, status: int
) -> None:
    endpoint = Endpoint()
    with served(endpoint) as variables:
        function = world.cold("receive_webhook", **variables)
        assert receive(world, function) == 200
        endpoint.is_down = True
        kept = function.module.send_once.__self__._container
        kept._expiry_time = datetime.now(UTC) + timedelta(minutes=minutes)
        assert receive(world, function) == status
        endpoint.is_down = False
        assert receive(world, function) == 200
    assert ('"error":"CredentialRetrievalError"' in world.output.getvalue()) == (status == 503)
    assert "Refreshing temporary credentials failed" in caplog.text
    assert not [each for each in ("secret-CONTAINER", "token-CONTAINER", AUTHORIZATION) if each in caplog.text]
    nothing_secret_is_logged(world)


@pytest.mark.parametrize("fault", ["down", "another token", "not there"])
def test_endpoint_that_gives_none_makes_the_provider_retry(world: World, fault: str) -> None:
    endpoint = Endpoint()
    endpoint.is_down = fault == "down"
    with served(endpoint) as variables:
        if fault == "another token":
            variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "another"
        if fault != "not there":
            assert receive(world, world.cold("receive_webhook", **variables)) == 503
    if fault == "not there":
        assert receive(world, world.cold("receive_webhook", **variables)) == 503
    assert '"error":"CredentialRetrievalError"' in world.output.getvalue()
    assert '"WebhooksNotDurable":[1.0]' in world.output.getvalue()
    assert world.peek("SyncQueue") == []
    nothing_secret_is_logged(world)


@pytest.mark.parametrize("missing", [NONE, {"AWS_SECRET_ACCESS_KEY": ""}, {"AWS_ACCESS_KEY_ID": ""}])
def test_missing_credentials_make_the_provider_retry(world: World, missing: dict[str, str]) -> None:
    assert receive(world, world.cold("receive_webhook", **keys("ONE") | missing)) == 503
    assert '"error":"NoCredentialsError"' in world.output.getvalue()
    assert signed.signers == []
    nothing_secret_is_logged(world)
