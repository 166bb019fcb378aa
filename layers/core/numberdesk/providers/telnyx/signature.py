"""Telnyx's webhook signature: Ed25519 over `timestamp|raw body` (guide: webhook fundamentals)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"


class SignatureError(Exception):
    """A webhook that is not proven to come from Telnyx, or not lately. The reason holds no value of the request."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def verify(
    body: bytes, headers: Mapping[str, str], keys: Sequence[tuple[str, str]], now: datetime, tolerance: timedelta
) -> tuple[str, str]:
    """Check a webhook's signature and age.

    Whether Telnyx signs a repeated attempt afresh is not published: with a tolerance that is too small, late repeats are
    refused. A replay within the tolerance is caught by the event's id.

    Args:
        body: the raw bytes, exactly as they came.
        headers: with names in lower case.
        keys: account and public key (base64 of the raw 32 bytes), every one of which is tried, so that keys rotate with
            overlap. One that is no key matches nothing.
        now: aware.
        tolerance: how far the signature's timestamp may lie behind or ahead of `now`; exactly that far is accepted.

    Returns:
        The entry of `keys` that matched.

    Raises:
        SignatureError: refuse the webhook.
    """
    if not keys:
        raise SignatureError("no public key is configured")
    if SIGNATURE_HEADER not in headers or TIMESTAMP_HEADER not in headers:
        raise SignatureError("a signature header is missing")
    timestamp = headers[TIMESTAMP_HEADER]
    signed_at = _instant(timestamp)
    signature = _decode(headers[SIGNATURE_HEADER])
    if signature is None:
        raise SignatureError("the signature is not base64")
    message = timestamp.encode() + b"|" + body
    matching = next((entry for entry in keys if _matches(entry[1], signature, message)), None)
    if matching is None:
        raise SignatureError("the signature matches no configured key")
    # Only now: that a signature is genuine and merely late tells a slow network or a wrong clock from a forgery.
    if abs(now - signed_at) > tolerance:
        raise SignatureError("the signature is too old" if signed_at < now else "the signature is from the future")
    return matching


def _instant(timestamp: str) -> datetime:
    try:
        # int() alone takes signs, underscores, spaces and the digits of every script.
        if timestamp.isascii() and timestamp.isdigit():
            return datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise SignatureError("the timestamp is not in Unix seconds")


def _decode(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return None


def _matches(key: str, signature: bytes, message: bytes) -> bool:
    raw = _decode(key)
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True
