"""Forged, stale, broken or strange webhooks are refused or kept. They are never believed, lost, or logged."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.services.receive import KEPT_BYTES
from tests.support.aws import TOKEN, api_event
from tests.support.aws import world as deploy
from tests.support.builders import START, body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.aws import World

TELNYX = "/webhooks/telnyx"
CALLFIRE = f"/postbacks/callfire/{TOKEN}"
UNMATCHED = f"UNMATCHED#{START:%Y-%m-%d}"
NAME = "Mustermann"
"""Stands in every body below, and nowhere else."""
BODY = json.dumps({"data": {"event_type": "number_order.complete", "id": "e-1", "payload": {"note": NAME}}}).encode()
LIMIT = 4 * 1024 * 1024
NOW = int(START.timestamp())
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)

EXTERNAL = f"""<?xml version="1.0"?>
<!DOCTYPE NumberOrder [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<NumberOrder xmlns="http://api.callfire.com/data" id="1"><Status>&secret;{NAME}</Status></NumberOrder>"""
BOMB = f"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "{NAME}">{
    "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
}]>
<NumberOrder xmlns="http://api.callfire.com/data" id="1"><Status>&i;</Status></NumberOrder>"""


@pytest.fixture(scope="module", params=["signer", "client"])
def shared(request: pytest.FixtureRequest) -> Iterator[World]:
    """Share one world of each sender among all tests: each leaves at most an unmatched event."""
    with deploy(WebhookSender=request.param) as made:
        yield made


@pytest.fixture(autouse=True)
def _leave_nothing(shared: World) -> Iterator[None]:
    shared.clock.set(START)
    yield
    shared.clear("SyncQueue")
    for item in shared.everything():
        shared.dynamodb.delete_item(
            TableName=shared.stack.outputs["TableName"], Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}}
        )
    shared.output.seek(0)
    shared.output.truncate()


def nothing_is_logged(world: World, *values: str) -> None:
    """Check that no log line contains a value of the message, a token, a signature or a key."""
    # The times of metrics are no values of the message, although one may equal the signing time here.
    written = re.sub(r'"Timestamp":\d+', "", world.output.getvalue())
    assert written
    for value in (NAME, TOKEN, world.telnyx.public_key(), *values):
        assert value not in written


def changed(headers: dict[str, str], **values: str | None) -> dict[str, str]:
    """Replace these headers; None leaves one out."""
    merged: dict[str, str | None] = {**headers, **{name.replace("_", "-"): value for name, value in values.items()}}
    return {name: value for name, value in merged.items() if value is not None}


REFUSED: dict[str, tuple[Callable[[World], tuple[dict[str, str], bytes]], str]] = {
    "no headers": (lambda world: ({}, BODY), "a signature header is missing"),
    "no signature": (
        lambda world: (changed(world.telnyx.sign(BODY), telnyx_signature_ed25519=None), BODY),
        "a signature header is missing",
    ),
    "no timestamp": (
        lambda world: (changed(world.telnyx.sign(BODY), telnyx_timestamp=None), BODY),
        "a signature header is missing",
    ),
    "a wrong key": (lambda world: (world.telnyx.sign(BODY, key=STRANGER), BODY), "matches no configured key"),
    "another body": (lambda world: (world.telnyx.sign(BODY), BODY + b" "), "matches no configured key"),
    "another timestamp": (
        lambda world: (changed(world.telnyx.sign(BODY), telnyx_timestamp=str(NOW + 1)), BODY),
        "matches no configured key",
    ),
    "a timestamp that is none": (
        lambda world: (changed(world.telnyx.sign(BODY), telnyx_timestamp="yesterday"), BODY),
        "not in Unix seconds",
    ),
    "a signature that is none": (
        lambda world: (changed(world.telnyx.sign(BODY), telnyx_signature_ed25519="\u00e4 signature"), BODY),
        "not base64",
    ),
    "stale": (lambda world: (world.telnyx.sign(BODY, NOW - 301), BODY), "too old"),
    "from the future": (lambda world: (world.telnyx.sign(BODY, NOW + 301), BODY), "from the future"),
    "stale, and by a wrong key": (
        lambda world: (world.telnyx.sign(BODY, NOW - 301, key=STRANGER), BODY),
        "matches no configured key",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_webhook_is_refused(shared: World, name: str) -> None:
    forge, reason = REFUSED[name]
    headers, content = forge(shared)
    assert shared.webhook(TELNYX, headers, content) == 401
    assert shared.peek("SyncQueue") == []
    assert reason in shared.output.getvalue()
    assert '"WebhooksRefused":[1.0]' in shared.output.getvalue()
    nothing_is_logged(shared, headers.get("telnyx-signature-ed25519", NAME))


@pytest.mark.parametrize("seconds", [-300, 300])
def test_webhook_at_the_end_of_the_tolerance_is_accepted(shared: World, seconds: int) -> None:
    assert shared.webhook(TELNYX, shared.telnyx.sign(BODY, NOW + seconds), BODY) == 200


@pytest.mark.parametrize("in_base64", [True, False])
@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
def test_webhook_is_accepted_in_every_form_that_api_gateway_uses(
    shared: World, write: Callable[[str], str], *, in_base64: bool
) -> None:
    content = json.dumps({"data": {"event_type": "x", "id": "Z\u00fcrich", "note": NAME}}, ensure_ascii=False).encode()
    headers = {write(name): value for name, value in shared.telnyx.sign(content).items()}
    assert shared.webhook(TELNYX, headers, content, in_base64=in_base64) == 200
    [message] = shared.peek("SyncQueue")
    assert base64.b64decode(message["webhook"]["body"]) == content
    nothing_is_logged(shared, *headers.values())


def test_invalid_base64_body_is_refused(shared: World) -> None:
    event = {**api_event(TELNYX, shared.telnyx.sign(BODY), BODY), "body": "not base64!"}
    assert shared.function("receive_webhook")(event)["statusCode"] == 400
    nothing_is_logged(shared)


@pytest.mark.parametrize("headers", [None, {}])
def test_empty_request_is_refused(shared: World, headers: dict[str, str] | None) -> None:
    assert shared.function("receive_webhook")(api_event(TELNYX, headers, None))["statusCode"] == 401


GENUINE: dict[str, tuple[bytes, str]] = {
    "not JSON": (f"hello {NAME}".encode(), "not JSON"),
    "nothing": (b"", "not JSON"),
    "invalid UTF-8": (b'{"data": {"id": "\xff\xfe", "name": "Mustermann"}}', "not UTF-8"),
    "nested without end": (b"[" * 100_000 + NAME.encode(), "not JSON"),
    "a list": (json.dumps([NAME]).encode(), "no object `data`"),
    "data that is null": (json.dumps({"data": None, "note": NAME}).encode(), "no object `data`"),
    "nulls all over": (
        json.dumps({"data": dict.fromkeys(("event_type", "id", "occurred_at", "payload")), "note": NAME}).encode(),
        "no order of ours",
    ),
    "wrong types all over": (
        json.dumps({"data": {"event_type": 7, "id": ["x"], "payload": NAME, "occurred_at": 1e99}}).encode(),
        "no order of ours",
    ),
    "an unknown event type": (
        json.dumps({"data": {"event_type": "fax.dreamt", "id": "e", "payload": {"id": NAME}}}).encode(),
        "no order of ours",
    ),
    "half a character": (
        json.dumps({"data": {"event_type": "\ud800", "id": "\udfff", "payload": {"note": NAME}}}).encode(),
        "no order of ours",
    ),
    "a long id": (
        json.dumps({"data": {"event_type": "number_order.complete", "id": NAME * 99}}).encode(),
        "no order of ours",
    ),
    "an id of long characters": (
        json.dumps({"data": {"event_type": "number_order.complete", "id": "\U0001f600" * 256, "n": NAME}}).encode(),
        "no order of ours",
    ),
}


@pytest.mark.parametrize("name", GENUINE)
def test_authentic_webhook_without_a_hint_is_kept_byte_for_byte(shared: World, name: str) -> None:
    content, reason = GENUINE[name]
    assert shared.webhook(TELNYX, shared.telnyx.sign(content), content) == 200
    shared.settle()
    assert shared.peek("SyncQueue") == []
    [kept] = shared.items(UNMATCHED)
    assert (kept["body"], reason in kept["reason"]) == (content, True)
    assert kept["body_sha256"] == hashlib.sha256(content).hexdigest()
    assert "message failed" not in shared.output.getvalue()
    nothing_is_logged(shared)


POSTBACKS = {
    "an external entity": EXTERNAL.encode(),
    "an entity bomb": BOMB.encode(),
    "no XML": f"hello {NAME}".encode(),
    "broken XML": f"<NumberOrder><{NAME}".encode(),
    "an encoding that nobody knows": f'<?xml version="1.0" encoding="{NAME}"?><a/>'.encode(),
    "nothing": b"",
    "invalid UTF-8": b"<a>\xff\xfeMustermann</a>",
    "a JSON text": json.dumps([NAME]).encode(),
    "JSON nested without end": b"[" * 100_000,
    "XML of something else": f"<html>{NAME}</html>".encode(),
    "a notification of no order": f'<n:X xmlns:n="http://api.callfire.com/notification/xsd">{NAME}</n:X>'.encode(),
    "an order that is not ours": json.dumps({"X": {"NumberOrder": {"@id": 7, "Status": NAME}}}).encode(),
}


@pytest.mark.parametrize("name", POSTBACKS)
def test_postback_without_a_hint_is_kept_byte_for_byte(shared: World, name: str) -> None:
    content = POSTBACKS[name]
    assert shared.webhook(CALLFIRE, {}, content) == 200
    shared.settle()
    assert shared.peek("SyncQueue") == []
    [kept] = shared.items(UNMATCHED)
    assert kept["body"] == content
    assert kept["reason"]
    assert "message failed" not in shared.output.getvalue()
    nothing_is_logged(shared, "root:")


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}=", TOKEN.lower(), "\u00e4\ud800"])
def test_postback_with_a_wrong_token_is_refused(shared: World, token: str) -> None:
    event = {
        **api_event(CALLFIRE, {}, BODY),
        "pathParameters": {"provider": "callfire"} | ({"token": token} if token else {}),
    }
    assert shared.function("receive_webhook")(event)["statusCode"] == 401
    assert shared.peek("SyncQueue") == []
    assert "the token is not known" in shared.output.getvalue()
    nothing_is_logged(shared)


def test_tokens_rotate_with_overlap_and_name_their_account(shared: World) -> None:
    digests = ",".join(
        f"{account}={hashlib.sha256(token.encode()).hexdigest().upper()}"
        for account, token in (("default", "old"), ("default", "new"), ("second", "other"))
    )
    function = shared.cold("receive_webhook", CALLFIRE_TOKEN_DIGESTS=digests)
    for token in ("old", "new", "other"):
        assert function(api_event(f"/postbacks/callfire/{token}", {}, b"x"))["statusCode"] == 200
    assert [message["webhook"]["account"] for message in shared.peek("SyncQueue")] == ["default", "default", "second"]


def test_keys_rotate_with_overlap_and_an_invalid_key_locks_nobody_out(shared: World) -> None:
    old, new = STRANGER, Ed25519PrivateKey.from_private_bytes(b"n" * 32)
    keys = [base64.b64encode(key.public_key().public_bytes_raw()).decode() for key in (old, new)]
    listed = f"default=no key,default={keys[0]}, default={keys[1]} ,"
    function = shared.cold("receive_webhook", TELNYX_PUBLIC_KEYS=listed)
    for key, status in ((old, 200), (new, 200), (shared.telnyx.signing_key(), 401)):
        assert function(api_event(TELNYX, shared.telnyx.sign(BODY, key=key), BODY))["statusCode"] == status


@pytest.mark.parametrize("path", [TELNYX, CALLFIRE])
def test_endpoint_without_a_key_refuses_everything_and_raises_an_alarm(shared: World, path: str) -> None:
    locked = shared.cold("receive_webhook", TELNYX_PUBLIC_KEYS="", CALLFIRE_TOKEN_DIGESTS="")
    assert locked(api_event(path, shared.telnyx.sign(BODY), BODY))["statusCode"] == 401
    assert '"ReceiverKeyMissing":[1.0]' in shared.output.getvalue()
    assert shared.peek("SyncQueue") == []


def padded(size: int, **data: Any) -> bytes:
    """Return a webhook body of this many bytes."""
    event = {"data": {"event_type": "number_order.complete", "id": "e-1", "payload": data}, "note": NAME, "pad": ""}
    return json.dumps(event | {"pad": "x" * (size - len(json.dumps(event)))}).encode()


@pytest.mark.parametrize("path", [TELNYX, CALLFIRE])
def test_body_beyond_the_limit_is_refused_and_never_truncated(shared: World, path: str) -> None:
    content = padded(LIMIT + 1)
    assert shared.webhook(path, shared.telnyx.sign(content), content) == 413
    assert shared.peek("SyncQueue") == []
    nothing_is_logged(shared)


@pytest.mark.parametrize("size", [KEPT_BYTES + 1, LIMIT])
def test_large_body_is_passed_on_as_its_hint_and_hash(shared: World, size: int) -> None:
    content = padded(size, id="T-1", customer_reference="r-1", status="success")
    assert shared.webhook(TELNYX, shared.telnyx.sign(content), content) == 200
    [message] = shared.peek("SyncQueue")
    event = message["webhook"]
    assert "body" not in event
    assert (event["body_sha256"], event["body_bytes"]) == (hashlib.sha256(content).hexdigest(), size)
    [hint] = event["hints"]
    assert (hint["provider_order_id"], hint["reference"], hint["says_ended"]) == ("T-1", "r-1", True)
    shared.settle()
    [kept] = shared.items(UNMATCHED)
    assert (kept["reason"], kept["body_sha256"]) == ("no order of ours", event["body_sha256"])
    assert "body" not in kept
    nothing_is_logged(shared)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (TELNYX, b"x" * (KEPT_BYTES + 1)),
        (TELNYX, b"[" * (KEPT_BYTES + 1)),
        (TELNYX, b"\xff" * (KEPT_BYTES + 1)),
        (CALLFIRE, b"<a>" * KEPT_BYTES),
        (CALLFIRE, BOMB.encode() + b" " * KEPT_BYTES),
        (CALLFIRE, b"[" * (KEPT_BYTES + 1)),
    ],
)
def test_large_body_without_a_hint_is_accepted(shared: World, path: str, content: bytes) -> None:
    assert shared.webhook(path, shared.telnyx.sign(content), content) == 200
    shared.settle()
    [kept] = shared.items(UNMATCHED)
    assert kept["body_sha256"] == hashlib.sha256(content).hexdigest()
    assert kept["reason"]
    nothing_is_logged(shared)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=f"https://sqs.example/{NAME}"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": NAME}}, "SendMessage"),
    ],
)
def test_unavailable_queue_makes_the_provider_retry(
    shared: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_operation: str, _request: object) -> None:
        raise error

    monkeypatch.setitem(vars(shared.sqs), "_make_api_call", fail)
    assert shared.webhook(TELNYX, shared.telnyx.sign(BODY), BODY) == 503
    assert type(error).__name__ in shared.output.getvalue()
    assert '"WebhooksNotDurable":[1.0]' in shared.output.getvalue()
    nothing_is_logged(shared)


def test_forged_postback_cannot_change_an_order(shared: World) -> None:
    """It has the token and the order's id: numberdesk polls, and believes only the poll."""
    shared.callfire.postbacks(off=True)
    shared.send(body("order-1", {"keywords": ["CAKE"]}, provider="callfire"))
    shared.deliver("place_order")
    provider_order_id = shared.order().provider_order_id
    claim = f'<NumberOrder xmlns="http://api.callfire.com/data" id="{provider_order_id}"><Status>VOID</Status></NumberOrder>'
    assert shared.webhook(CALLFIRE, {}, claim.encode()) == 200
    shared.settle()
    assert shared.order().state == "pending"
    assert len(shared.items("ORDER#order-1", "RECEIPT#")) == 1
