"""The receiver as API Gateway calls it, with genuine webhooks, forged ones, and any other event."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import warnings
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO
from unittest import mock
from urllib.parse import unquote_to_bytes

from botocore.exceptions import EndpointConnectionError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.providers.info import SignatureError, WebhookAuth
from numberdesk.providers.registry import PROVIDERS
from numberdesk.providers.telnyx import signature
from numberdesk.services.receive import is_token_digest, message, webhook_keys
from tests.fuzz.answers import ROOT
from tests.fuzz.source import Source, text

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
TOLERANCE = timedelta(seconds=300)
LIMIT = 2048
"""Bytes of a body: small, so that inputs are beyond it too."""
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
PUBLIC = base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()
TOKEN = "a-token-of-callfire"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
_STATUSES = {200, 400, 401, 404, 413}
_ROUTES = ("/webhooks/{provider}", "/postbacks/{provider}/{token}")


class _Queue:
    """What the receiver sends to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.reachable = True

    def send(self, message: str) -> None:
        if not self.reachable:
            raise EndpointConnectionError(endpoint_url="https://sqs.example")
        self.sent.append(message)


class _Datetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return NOW


class _Context:
    function_name = "receive_webhook"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:receive_webhook"
    aws_request_id = "00000000-0000-4000-8000-000000000000"


@cache
def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - as long as the process


@cache
def _receiver() -> tuple[Any, _Queue]:
    """Load the function as Lambda does."""
    variables = {
        PROVIDERS["telnyx"].keys_variable: f"default={PUBLIC}",
        PROVIDERS["callfire"].keys_variable: f"default={DIGEST}",
        "SYNC_QUEUE_URL": "https://sqs.example/queue",
        "WEBHOOK_TOLERANCE_SECONDS": str(int(TOLERANCE.total_seconds())),
        "WEBHOOK_BODY_LIMIT_BYTES": str(LIMIT),
        "WEBHOOK_SENDER": "signer",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_SERVICE_NAME": "receive_webhook",
        "POWERTOOLS_METRICS_NAMESPACE": "numberdesk",
    }
    path = ROOT / "functions" / "receive_webhook" / "app.py"
    spec = importlib.util.spec_from_file_location("fuzzed_receive_webhook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(os.environ, variables):
        spec.loader.exec_module(module)
    queue = _Queue()
    vars(module).update(send_once=queue.send, datetime=_Datetime)
    for handler in module.logger.handlers:
        handler.setStream(_nowhere())
    return module, queue


def handle(data: bytes) -> None:
    """Let the receiver answer any event of API Gateway: 200 only to what is authenticated, and then its bytes are on the queue."""
    module, queue = _receiver()
    source = Source(data)
    queue.sent, queue.reachable = [], source.byte() % 8 != 7
    event = _event(source)
    with redirect_stdout(_nowhere()), warnings.catch_warnings():
        # The module does so, too, but pytest replaces its filters.
        warnings.filterwarnings("ignore", "No application metrics to publish")
        answer = module.handler(event, _Context())
    status = answer["statusCode"]
    genuine = _is_genuine(event)
    assert status in _STATUSES or (status == 503 and genuine and not queue.reachable), status
    assert (status in (200, 503)) == genuine, "not authenticated" if not genuine else "genuine, but refused"
    assert len(queue.sent) == (status == 200)
    if status == 200:
        assert base64.b64decode(json.loads(queue.sent[0])["webhook"]["body"]) == _body(event)


def _event(source: Source) -> dict[str, Any]:
    """Make an event: of every part, what API Gateway may hand on."""
    resource = source.pick(_ROUTES)
    named = source.byte() % 16
    provider = ("telnyx", "callfire")[_ROUTES.index(resource)] if named < 14 else text(source.some())
    headers: dict[str, str] = {}
    kind, encoding = source.byte() % 8, source.byte() % 4
    token = TOKEN if source.byte() % 2 else text(source.some())
    names = [text(source.some()) for _ in range(source.byte() % 3)]
    values = [text(source.some()) for _ in names]
    skew = int.from_bytes(source.some()[:2], "big", signed=True)
    body = source.rest()
    timestamp = str(int(NOW.timestamp()) + skew)
    signed = base64.b64encode(PRIVATE.sign(timestamp.encode() + b"|" + body)).decode()
    if kind:
        headers = {signature.SIGNATURE_HEADER.title(): signed, signature.TIMESTAMP_HEADER: timestamp}
    if kind == 1 and names:
        headers = {signature.SIGNATURE_HEADER: values[0], signature.TIMESTAMP_HEADER: timestamp}
    if kind == 2 and names:
        headers = {signature.SIGNATURE_HEADER: signed, signature.TIMESTAMP_HEADER: values[0]}
    headers |= {name: value for name, value in zip(names, values, strict=True) if kind > 3}
    written: str | None = base64.b64encode(body).decode()
    if encoding == 1:
        written = text(body)
    elif encoding == 2:
        written = None if not body else written
    return {
        "resource": resource,
        "path": f"/webhooks/{provider}",
        "httpMethod": "POST",
        "headers": headers or None,
        "multiValueHeaders": None,
        "pathParameters": None if named == 15 else {"provider": provider, "token": token},
        "requestContext": {"requestId": "r-1"},
        "body": written,
        "isBase64Encoded": encoding != 3 and (encoding != 1 or bool(source.byte())),
    }


def _body(event: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of a body, independently of the receiver; None where it is not what it says."""
    written = event["body"] or ""
    if not event["isBase64Encoded"]:
        return str(written).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(written, validate=True)
    except ValueError:
        return None


def _is_genuine(event: Mapping[str, Any]) -> bool:
    """Decide, independently of the receiver, whether an event comes from its provider."""
    body, parameters = _body(event), event["pathParameters"] or {}
    if body is None or len(body) > LIMIT:
        return False
    match event["resource"], parameters.get("provider"):
        case WebhookAuth.TOKEN, "callfire":
            token = unquote_to_bytes(parameters["token"].encode("utf-8", "surrogatepass"))
            return hashlib.sha256(token).hexdigest() == DIGEST
        case WebhookAuth.SIGNATURE, "telnyx":
            headers = {name.lower(): value for name, value in (event["headers"] or {}).items()}
            return _is_signed(body, headers)
    return False


def _is_signed(body: bytes, headers: Mapping[str, str]) -> bool:
    written, timestamp = headers.get(signature.SIGNATURE_HEADER, ""), headers.get(signature.TIMESTAMP_HEADER, "")
    try:
        PRIVATE.public_key().verify(base64.b64decode(written, validate=True), timestamp.encode() + b"|" + body)
    except (InvalidSignature, ValueError):
        return False
    digits = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12
    return digits and abs(int(timestamp) - NOW.timestamp()) <= TOLERANCE.total_seconds()


def verify(data: bytes) -> None:
    """Check any signature, timestamp, body and list of keys: only what the key signed is accepted."""
    source = Source(data)
    kind = source.byte()
    keys = [("default", PUBLIC)] if kind % 4 else [("other", text(source.some())), ("default", PUBLIC)]
    timestamp = str(int(NOW.timestamp())) if kind % 3 else text(source.some())
    written = text(source.some()) if kind % 5 == 0 else None
    body = source.rest()
    if written is None:
        content = body if kind % 7 else body + b"x"
        written = base64.b64encode(PRIVATE.sign(timestamp.encode("utf-8", "replace") + b"|" + content)).decode()
    headers = {signature.SIGNATURE_HEADER: written, signature.TIMESTAMP_HEADER: timestamp}
    try:
        account, key = signature.verify(body, headers, keys, NOW, TOLERANCE)
    except SignatureError:
        assert not _is_signed(body, headers), "genuine, but refused"
    else:
        assert (account, key) == ("default", PUBLIC)
        assert _is_signed(body, headers), "not authenticated"


def keys(data: bytes) -> None:
    """Read any list of keys: each key that counts has the form of one, and nobody gets in by another."""
    written = text(data)
    found = webhook_keys(lambda _: written)
    for provider, pairs in found.items():
        for account, key in pairs:
            assert account.strip() == account != ""
            assert "," not in account + key
            if provider == "telnyx":
                assert len(base64.b64decode(key, validate=True)) == 32
                assert signature.public_key(key) is not None
            else:
                assert is_token_digest(key)


def queued(provider: str, body: bytes) -> dict[str, Any]:
    """Return the message that an authenticated webhook becomes on the sync queue."""
    made = message(provider, "default", body, NOW, key="key")
    read: dict[str, Any] = json.loads(json.dumps(made, default=datetime.isoformat))
    return read
