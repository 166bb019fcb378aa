"""Telnyx's webhook signature: Ed25519 over `timestamp|raw body` (guide: webhook fundamentals)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from numberdesk.providers.info import SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
_KEY_BYTES = 32


def is_key(text: str) -> bool:
    """Return whether this is a public key: base64 of the 32 bytes of an Ed25519 key under which nobody can forge a signature."""
    return public_key(text) is not None


def verify(
    body: bytes, headers: Mapping[str, str], keys: Sequence[tuple[str, str]], now: datetime, tolerance: timedelta
) -> tuple[str, str]:
    """Check a webhook's signature and age.

    Whether Telnyx signs a repeated attempt anew is not published: too small a tolerance refuses late repeats. A replay within the tolerance
    is recognised by the event's id.

    Args:
        body: the raw bytes, exactly as received.
        headers: with names in lower case.
        keys: account and public key (base64 of the raw 32 bytes). Every one is tried, so that keys can rotate with an overlap. An invalid
            key matches nothing.
        now: aware.
        tolerance: how far the signature's timestamp may be before or after `now`; exactly that far is accepted.

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
    # Checked last: a genuine but late signature means a slow network or a wrong clock, not a forgery.
    if abs(now - signed_at) > tolerance:
        raise SignatureError("the signature is too old" if signed_at < now else "the signature is from the future")
    return matching


def _instant(timestamp: str) -> datetime:
    try:
        # int() alone accepts signs, underscores, spaces and the digits of every script.
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
    public = public_key(key)
    if public is None:
        return False
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
"""The field and the constant of edwards25519 (RFC 8032, 5.1)."""


@cache
def public_key(text: str) -> Ed25519PublicKey | None:
    """Read a public key (base64 of its 32 bytes); None where it is not one, or would accept forged signatures.

    Under a point of small order, such as 32 zero bytes, signatures without a private key are valid. OpenSSL accepts such a key, a point
    that is not on the curve, and a coordinate that is not encoded as RFC 8032 requires.
    """
    raw = _decode(text)
    if raw is None or len(raw) != _KEY_BYTES:
        return None
    y = int.from_bytes(raw, "little") % 2**255
    if y >= _P:
        return None
    for doublings in range(4):
        # Only the y coordinate is needed, and that of a point's double depends only on y.
        x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
        if y == 1 or (doublings == 0 and pow(x_squared, (_P - 1) // 2, _P) == _P - 1):
            return None
        y = (y * y + x_squared) * pow(1 - _D * x_squared * y * y, -1, _P) % _P
    return Ed25519PublicKey.from_public_bytes(raw)
