"""The receiver while SyncQueue is unavailable: for every error of the SDK the provider is asked to retry, and the failure is recorded."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.providers.telnyx.signature import public_key
from numberdesk.services.receive import is_token_digest
from tests.support import aws
from tests.support.aws import TOKEN
from tests.support.aws_errors import BROKEN, client_error
from tests.unit.services.test_aws_errors import ELSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.aws import World

BODY = b'{"data": {"event_type": "number_order.complete", "id": "e-1", "payload": {"id": "n-1"}}}'
ERRORS = {
    **BROKEN,
    **ELSE,
    "AccessDenied": client_error("AccessDenied"),
    "5xx": client_error("ServiceUnavailable", 503),
}
STALE = ("closed", "TLS", "anything of the HTTP client")


@pytest.fixture(params=["signer", "client"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Return a deployed numberdesk with each sender."""
    with aws.world(WebhookSender=request.param) as made:
        yield made


def failing(world: World, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[str]:
    """Let sends fail with these errors, one after the other, and return the attempted sends."""
    left, tried = list(errors), []
    make: Callable[..., Any] = world.sqs._make_api_call  # type: ignore[attr-defined]

    def call(operation: str, request: dict[str, Any]) -> Any:
        if operation == "SendMessage":
            tried.append(operation)
            if left:
                raise left.pop(0)
        return make(operation, request)

    monkeypatch.setitem(vars(world.sqs), "_make_api_call", call)
    return tried


@pytest.mark.parametrize("name", ERRORS)
def test_any_send_failure_makes_the_provider_retry_and_is_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failing(world, monkeypatch, *[ERRORS[name]] * 2)
    assert world.webhook("/webhooks/telnyx", world.telnyx.sign(BODY), BODY) == 503
    said = world.output.getvalue()
    assert "the webhook could not be made durable" in said
    assert f'"error":"{type(ERRORS[name]).__name__}"' in said
    assert '"WebhooksNotDurable":[1.0]' in said


@pytest.mark.parametrize("name", STALE)
def test_closed_connection_is_reopened_once(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    tried = failing(world, monkeypatch, BROKEN[name])
    assert world.webhook("/webhooks/telnyx", world.telnyx.sign(BODY), BODY) == 200
    assert len(tried) == 2
    assert len(world.peek("SyncQueue")) == 1


@pytest.mark.parametrize("name", ["read time-out", "connect time-out"])
def test_send_that_used_up_the_providers_time_is_not_retried(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tried = failing(world, monkeypatch, BROKEN[name])
    assert world.webhook("/webhooks/telnyx", world.telnyx.sign(BODY), BODY) == 503
    assert len(tried) == 1


# Keys that would let everybody in

P = 2**255 - 19
ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
Y_OF_SMALL_ORDER = (0, 1, P - 1, ORDER_8, P - ORDER_8)
"""Of the eight points of small order (RFC 8032; "Taming the many EdDSAs")."""


def text(y: int, sign: int = 0) -> str:
    return base64.b64encode((y | sign << 255).to_bytes(32, "little")).decode()


WEAK = [text(y, sign) for y in (*Y_OF_SMALL_ORDER, P, P + 1, 2**255 - 1) for sign in (0, 1)]
NONE = ["", "x", "A" * 42 + "=", "A" * 44, text(2), text(7), " " + text(9)]
"""Not 32 bytes, not base64, not on the curve."""


@pytest.mark.parametrize("key", [*WEAK, *NONE])
def test_key_with_which_anybody_can_sign_is_no_key(key: str) -> None:
    assert public_key(key) is None


def test_valid_keys_are_accepted() -> None:
    for seed in range(50):
        raw = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw()
        made = public_key(base64.b64encode(raw).decode())
        assert made is not None
        assert made.public_bytes_raw() == raw


@pytest.mark.parametrize("key", [text(0), text(1), text(ORDER_8, 1), text(P + 1)])
def test_forged_webhook_is_refused_and_counts_as_no_key(key: str) -> None:
    """R of small order and S of zero: for such a key a valid signature of about every eighth text, by anyone."""
    with aws.world(TelnyxPublicKeys=f"default={key}") as world:
        for forged in (base64.b64decode(key), bytes([1]) + bytes(31), bytes(32)):
            for number in range(16):
                content = BODY + b" " * number
                headers = {
                    "telnyx-timestamp": str(int(world.clock.now().timestamp())),
                    "telnyx-signature-ed25519": base64.b64encode(forged + bytes(32)).decode(),
                }
                assert world.webhook("/webhooks/telnyx", headers, content) == 401
        assert "ReceiverKeyMissing" in world.output.getvalue()
        assert world.peek("SyncQueue") == []


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("digest", [EMPTY, EMPTY.upper(), "0" * 64, "f" * 64, "F" * 64, "", "12", "g" * 64])
def test_digest_of_no_token_is_invalid(digest: str) -> None:
    assert is_token_digest(digest) is False


def test_token_may_be_encoded(world: World) -> None:
    """API Gateway passes a path parameter on as it was sent."""
    encoded = "".join(f"%{byte:02X}" for byte in TOKEN.encode())
    content = b"<NumberOrderFinished/>"
    for token, status in ((encoded, 200), (TOKEN, 200), (encoded.replace("%", "%25"), 401), (encoded[:-1], 401)):
        assert world.webhook(f"/postbacks/callfire/{token}", {}, content) == status
