"""Take webhooks in: authenticate over the raw bytes, make durable, and nothing else.

This is imported by the receiver, which a provider gives 2 s: no httpx, no pydantic, no AWS client. Nothing looks into a body
before it is authenticated, and nothing logs it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_to_bytes

from numberdesk.domain.schema import MESSAGES
from numberdesk.providers import registry
from numberdesk.providers.info import ProviderInfo, SignatureError, WebhookAuth

KEPT_BYTES = 256 * 1024
"""Bodies up to this size go on as they came; of a larger one only the hint and the hash do."""

Keys = Mapping[str, Sequence[tuple[str, str]]]
"""By provider: account and key (a public key, or a token's SHA-256 in hexadecimal)."""


class NotTakenError(Exception):
    """A webhook is not taken in: an HTTP status, and a reason for the log."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.status = status


class KeyMissingError(NotTakenError):
    """No key is configured for this door: nobody gets in."""


_HASH = re.compile(r"[0-9a-f]{64}")
_OF_NO_TOKEN = {hashlib.sha256(token).hexdigest() for token in (b"", b"\n")} | {
    digit * 64 for digit in "0123456789abcdef"
}


def is_token_digest(text: str) -> bool:
    """Whether this is a token's SHA-256 in hexadecimal: not that of an empty one, nor one digit again and again."""
    return _HASH.fullmatch(text.lower()) is not None and text.lower() not in _OF_NO_TOKEN


def key_list(text: str, is_key: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Read `account=key,account=key`. Several keys of one account rotate with overlap.

    What is no key is left out: if nothing remains, no key is configured, and that is told.
    """
    pairs = (entry.partition("=") for entry in text.split(","))
    return [(account.strip(), key.strip()) for account, _, key in pairs if account.strip() and is_key(key.strip())]


def webhook_keys(read: Callable[[str], str], *schemes: WebhookAuth) -> Keys:
    """Read the keys of the providers whose webhooks are authenticated in one of these ways, by default in any.

    Args:
        read: gives an environment variable; empty where it is not set: nobody gets in then.
        schemes: the ways.
    """
    found = {}
    for name, info in registry.PROVIDERS.items():
        if info.webhook in (schemes or tuple(WebhookAuth)) and (text := read(info.keys_variable)):
            is_key = registry.signature(name).is_key if info.webhook is WebhookAuth.SIGNATURE else is_token_digest
            found[name] = key_list(text, is_key)
    return found


@dataclass(slots=True, eq=False, repr=False)
class Receiver:
    """Takes webhooks in."""

    keys: Keys
    tolerance: timedelta
    body_limit: int
    send: Callable[[str], object]
    """Makes a message durable, or raises."""

    def take_in(self, event: Mapping[str, Any], now: datetime) -> tuple[str, str, int]:
        """Take in one API Gateway (REST) proxy event.

        Returns:
            Provider, account, and the body's size in bytes.

        Raises:
            NotTakenError: 400, 401, 404 or 413.
            Exception: whatever `send` raised; the provider should try again.
        """
        provider = _provider(event)
        body = read_body(event)
        if len(body) > self.body_limit:
            raise NotTakenError(413, f"the body has {len(body)} bytes, more than the limit of {self.body_limit}")
        keys = self.keys.get(provider.name)
        if not keys:
            raise KeyMissingError(401, f"no key is configured ({provider.keys_parameter})")
        if provider.webhook is WebhookAuth.SIGNATURE:
            account, key = self._signed(provider.name, keys, event, body, now)
        else:
            account, key = _by_token(keys, event)
        self.send(json.dumps(message(provider.name, account, body, now, key=key), default=datetime.isoformat))
        return provider.name, account, len(body)

    def _signed(
        self, provider: str, keys: Sequence[tuple[str, str]], event: Mapping[str, Any], body: bytes, now: datetime
    ) -> tuple[str, str]:
        """Whose key signed this body, and which."""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        try:
            account, key = registry.signature(provider).verify(body, headers, keys, now, self.tolerance)
        except SignatureError as error:
            raise NotTakenError(401, str(error)) from None
        return account, key


def _provider(event: Mapping[str, Any]) -> ProviderInfo:
    """Whose webhook this says to be."""
    provider = registry.PROVIDERS.get((event.get("pathParameters") or {}).get("provider") or "")
    if provider is None or provider.webhook != event["resource"]:
        raise NotTakenError(404, "no provider of this name sends webhooks here")
    return provider


def _by_token(keys: Sequence[tuple[str, str]], event: Mapping[str, Any]) -> tuple[str, str]:
    """Whose token stands in this path, and its digest. Every digest is compared, in constant time."""
    # API Gateway (REST) hands it on as it was sent, and a client may have encoded any of it.
    token = str(event["pathParameters"].get("token") or "").encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(unquote_to_bytes(token)).hexdigest().encode()
    matching = [entry for entry in keys if hmac.compare_digest(digest, entry[1].lower().encode())]
    if not matching:
        raise NotTakenError(401, "the token is not known")
    return matching[0]


def read_body(event: Mapping[str, Any]) -> bytes:
    """Give the body's raw bytes, however API Gateway coded them."""
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotTakenError(400, "the body is not base64") from None


def message(provider: str, account: str, body: bytes, now: datetime, *, key: str) -> dict[str, Any]:
    """Make the queue message: the exact bytes, or of a large body the hint and its hash.

    `key` is the public key or token digest that matched; its hash's first 16 digits say which of several it was.
    """
    webhook: dict[str, Any] = {
        "provider": provider,
        "account": account,
        "key": hashlib.sha256(key.encode()).hexdigest()[:16],
        "received_at": now.isoformat(),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    if len(body) <= KEPT_BYTES:
        return MESSAGES.mark({"webhook": webhook | {"body": base64.b64encode(body).decode()}})

    from numberdesk.providers.base import NotAHintError  # noqa: PLC0415 - as above

    try:
        hints, reason = [hint._asdict() for hint in registry.read_hints(provider, body)], "it names no order"
    except NotAHintError as error:
        hints, reason = [], str(error)
    return MESSAGES.mark({"webhook": webhook | {"hints": hints, "reason": reason, "body_bytes": len(body)}})
