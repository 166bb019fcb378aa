"""What CallFire's unhappy answers mean. Its errors carry a status and free text and no code; the text is never passed on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchOrderError,
    RefusedError,
    UnclearError,
    UnreadableError,
)
from numberdesk.providers.http import retry_after

if TYPE_CHECKING:
    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response

# "Rate Limit Reached" comes as a 4xx of no stated status (CallFire API client for Java, Getting started).
_RATE_LIMIT = re.compile(rb"rate limit", re.IGNORECASE)
# Orders are paid from credits; what a lack of them answers is published nowhere. This is our guess at its text: a wrong
# guess pauses the account instead of failing every order that waits.
_NO_FUNDS = re.compile(rb"(insufficient|not enough)\s+(funds|credit|balance)", re.IGNORECASE)


def not_placed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for the purchase. What is not surely a no is unclear."""
    status, detail = response.status_code, f"HTTP {response.status_code}"
    if not response.is_client_error or status == 408:  # noqa: PLR2004
        return UnclearError(detail)
    if fault := _account_fault(response):
        return fault
    if status in (404, 405):
        # Not about this order: there is no such resource.
        return AccountFaultError(f"{detail}: check the account's base URL")
    return RefusedError(detail)


def not_read(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a read."""
    if response.is_client_error and (fault := _account_fault(response)):
        return fault
    detail = f"HTTP {response.status_code}"
    return NoSuchOrderError(detail) if response.status_code == 404 else UnreadableError(detail)  # noqa: PLR2004


def not_listed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a search or a list: it may be the question that is wrong."""
    if not response.is_client_error or response.status_code == 408:  # noqa: PLR2004
        return UnreadableError(f"HTTP {response.status_code}")
    return _account_fault(response) or RefusedError(f"HTTP {response.status_code}")


def _account_fault(response: Response) -> AccountFaultError | None:
    status, detail = response.status_code, f"HTTP {response.status_code}"
    if status == 429 or _RATE_LIMIT.search(response.content):  # noqa: PLR2004
        return AccountFaultError(detail, throttled=True, retry_after=retry_after(response))
    if status in (401, 402, 403) or _NO_FUNDS.search(response.content):
        return AccountFaultError(detail)
    return None
