"""Telnyx on the command line: the API key, and webhooks signed with a key of one's own."""

from __future__ import annotations

import uuid
from base64 import b64decode, b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.providers.telnyx.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER
from numberdesk.providers.tools import Credential, Tools


def fill(body: dict[str, Any], provider_order_id: str | None, reference: str | None) -> None:
    """Give a sample a new event id, and make it about an order."""
    # Telnyx repeats a webhook under the same id: one that is known leads to no poll.
    body["data"]["id"] = str(uuid.uuid4())
    if reference is not None:
        body["data"]["payload"] |= {"id": provider_order_id, "customer_reference": reference}


def sign(signing_key: str, body: bytes, at: float) -> dict[str, str]:
    """Sign a body as Telnyx does: Ed25519 over the timestamp, a bar, and the raw body.

    Args:
        signing_key: the 32 raw bytes of the private key, in base64.
        body: the body, exactly as it is sent.
        at: seconds since 1970.
    """
    timestamp = str(int(at))
    key = Ed25519PrivateKey.from_private_bytes(b64decode(signing_key))
    return {
        "content-type": "application/json",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: b64encode(key.sign(f"{timestamp}|".encode() + body)).decode(),
    }


TOOLS = Tools(
    credentials=(Credential("api_key", "API key"),),
    fill=fill,
    sign=sign,
    where_is_the_key="the portal: Keys & Credentials, Public Key",
)
