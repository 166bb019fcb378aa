"""TeleSign's digest authentication ("TSA"), as in its Python SDK (TeleSign/python_telesign, `telesign/rest.py`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING

from numberdesk.providers.base import AccountFaultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.clock import Clock
    from numberdesk.providers.http import Request

_METHOD = "HMAC-SHA256"


class Digest:
    """Signs each request anew: TeleSign refuses a repeated nonce and a date too far away."""

    def __init__(self, customer_id: str, api_key: str, clock: Clock) -> None:
        try:
            # As lenient as the SDK: characters outside base64 are dropped, and some keys contain hyphens.
            self._key = base64.b64decode(api_key)
        except (binascii.Error, ValueError):
            raise AccountFaultError("the account's api_key is not base64, which digest authentication needs") from None
        self._customer_id = customer_id
        self._clock = clock

    def __call__(self, request: Request) -> Request:
        """Add the headers, with a fresh nonce and the present date."""
        date = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
        content_type = request.headers.get("Content-Type", "")
        path = request.url.raw_path.decode().partition("?")[0]
        nonce = str(uuid.uuid4())
        request.headers.update(self.sign(request.method, path, request.content, content_type, date=date, nonce=nonce))
        return request

    def sign(
        self, method: str, path: str, content: bytes, content_type: str, *, date: str, nonce: str
    ) -> Mapping[str, str]:
        """Sign method, content type, date, nonce, body and resource path; query parameters are not signed."""
        lines = [method, content_type, date, f"x-ts-auth-method:{_METHOD}", f"x-ts-nonce:{nonce}"]
        if content_type and content:
            lines.append(content.decode())
        lines.append(path)
        signature = base64.b64encode(hmac.digest(self._key, "\n".join(lines).encode(), hashlib.sha256)).decode()
        return {
            "Authorization": f"TSA {self._customer_id}:{signature}",
            "Date": date,
            "x-ts-auth-method": _METHOD,
            "x-ts-nonce": nonce,
        }
