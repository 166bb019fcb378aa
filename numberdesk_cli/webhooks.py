"""Webhooks of providers, made here: a sample of the real shape, with one's own data, signed as the provider signs.

The samples are the recorded and documented ones of `events/`. Only a local run takes what is signed here: no deployed receiver ever
has a test key.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk_cli.errors import UsageError

_HERE = Path(__file__).resolve().parent
SAMPLES = next(each for each in (_HERE / "samples", _HERE.parent / "events") if each.is_dir())
"""Where the samples are: in the installed package, or in the project's folder."""


def names(provider: str) -> dict[str, Path]:
    """Return the samples of a provider by the name of what they report."""
    found = {}
    for path in sorted((SAMPLES / provider).glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        found[_event_of(read) or path.stem] = path
    return found


def _event_of(document: Any) -> str | None:
    data = document.get("data") if isinstance(document, dict) else None
    event = data.get("event_type") if isinstance(data, dict) else None
    return event if isinstance(event, str) else None


def sample(provider: str, name: str) -> dict[str, Any]:
    """Return a sample.

    Raises:
        UsageError: there is none of this name.
    """
    known = names(provider)
    if name not in known:
        raise UsageError(
            f"there is no sample webhook {name} of {provider}",
            f"Those that there are: {', '.join(known)}."
            if known
            else f"{provider} sends no webhooks that numberdesk knows.",
        )
    read: dict[str, Any] = json.loads(known[name].read_text(encoding="utf-8"))
    return read


def with_value(document: dict[str, Any], setting: str) -> None:
    """Set one value, as `data.payload.status=failure`. What is JSON is taken as JSON, anything else as text.

    Raises:
        UsageError: there is no such place.
    """
    path, sign, text = setting.partition("=")
    if not sign or not path:
        raise UsageError(f"--set {setting!r} sets nothing", "Write --set data.payload.status=failure.")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    *parents, last = path.split(".")
    at: Any = document
    try:
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        if isinstance(at, list):
            at[int(last)] = value
        else:
            at[last] = value
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise UsageError(
            f"there is no place {path} in the webhook", "Write the names as they are nested, with dots."
        ) from error


def telnyx_headers(signing_key: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """Sign a body as Telnyx does: Ed25519 over the timestamp, a bar, and the raw body.

    Args:
        signing_key: the 32 raw bytes of the private key, in base64.
        body: the body, exactly as it is sent.
        at: seconds since 1970; by default now.
    """
    timestamp = str(int(time.time() if at is None else at))
    key = Ed25519PrivateKey.from_private_bytes(b64decode(signing_key))
    return {
        "content-type": "application/json",
        "telnyx-timestamp": timestamp,
        "telnyx-signature-ed25519": b64encode(key.sign(f"{timestamp}|".encode() + body)).decode(),
    }
