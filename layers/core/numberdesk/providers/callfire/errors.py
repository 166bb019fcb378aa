"""What CallFire's errors mean. They carry a status and free text and no code; the text is never passed on.

An unknown error is read as what costs least: a purchase may have been made, and a read says nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.providers import json_values
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchOrderError,
    NotPermittedError,
    OutcomeUnknownError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.callfire.xmldoc import parsed
from numberdesk.providers.http import DEFINITE_STATUSES, retry_after

if TYPE_CHECKING:
    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response

# "Rate Limit Reached" comes as an unspecified 4xx (CallFire API client for Java, Getting started).
_RATE_LIMIT = re.compile(rb"rate limit", re.IGNORECASE)
# Orders are paid from credits. The error for missing credits is not published; this is our guess at its text. A wrong guess pauses the
# account instead of failing every waiting order.
_NO_FUNDS = re.compile(rb"(insufficient|not enough)\s+(funds|credit|balance)", re.IGNORECASE)
# Transient errors, whatever their status. TIMEOUT and UNAVAILABLE are fault codes of its WSDL.
_PASSING = re.compile(
    rb"\b(TIMEOUT|UNAVAILABLE)\b|(?i:timed out|temporarily|try again|service (is )?unavailable|internal (server )?error)"
)
# An error in place of the documented empty list.
_NOTHING = re.compile(
    rb"\b(no|any) ((matching|available|such|more|free) )*(phone ?numbers?|numbers?|keywords?|regions?|results?|inventory)\b"
    rb"|\bnone (is |are |were )?(available|found)|\bnot? (found|available)\b|\bout of (stock|inventory)\b",
    re.IGNORECASE,
)


def not_placed(response: Response) -> ProviderError:
    """Return what an error means for the purchase. What is not definitely a refusal is unclear."""
    status, detail = response.status_code, f"HTTP {response.status_code}"
    if not response.is_client_error or status == 408 or _told_status(response) >= 500:  # noqa: PLR2004
        return OutcomeUnknownError(detail)
    if fault := _account_fault(response):
        return fault
    if status == 402 or _NO_FUNDS.search(response.content):  # noqa: PLR2004
        return AccountFaultError(detail)
    if status == 403:  # noqa: PLR2004
        # Bad credentials are a 401 (CallFire's security guide).
        return NotPermittedError(detail)
    if status in (404, 405):
        # Not about this order: the resource does not exist.
        return AccountFaultError(f"{detail}: check the account's base URL")
    unclear = status not in DEFINITE_STATUSES or _PASSING.search(response.content)
    return (OutcomeUnknownError if unclear else RefusedError)(detail)


def not_changed(response: Response) -> ProviderError:
    """Return what an error means for a call that buys nothing: except for a 401, it concerns that call only."""
    fault = not_placed(response)
    if isinstance(fault, AccountFaultError) and not fault.throttled and response.status_code != 401:  # noqa: PLR2004
        return RefusedError(fault.detail)
    return fault


def not_read(response: Response) -> ProviderError:
    """Return what an error means for a poll of an order. A 403 concerns that order."""
    if response.is_client_error and (fault := _account_fault(response)):
        return fault
    detail = f"HTTP {response.status_code}"
    return NoSuchOrderError(detail) if response.status_code == 404 else UnreadableError(detail)  # noqa: PLR2004


def not_listed(response: Response) -> ProviderError:
    """Return what an error means for a search or a list, where the request may be wrong."""
    fault = not_changed(response)
    return UnreadableError(fault.detail) if isinstance(fault, OutcomeUnknownError) else fault


def found_nothing(response: Response) -> bool:
    """Return whether a search failed only because there are no results: an error in place of an empty list."""
    if response.status_code not in (400, 404, 410, 422):
        return False
    message = _exception(response).get("message", "")
    # A 404 without CallFire's message may mean that the base URL is wrong.
    return (response.status_code == 404 and bool(message)) or _NOTHING.search(message.encode()) is not None  # noqa: PLR2004


def is_fault(response: Response) -> bool:
    """Return whether a response is an error, whatever its status."""
    return not response.is_success or bool(_exception(response))


def _account_fault(response: Response) -> AccountFaultError | None:
    """Return an error that concerns every call of the account, if this is one: rate limit or credentials."""
    status, detail = response.status_code, f"HTTP {response.status_code}"
    if status == 429 or _RATE_LIMIT.search(response.content):  # noqa: PLR2004
        return AccountFaultError(detail, throttled=True, retry_after=retry_after(response))
    return AccountFaultError(detail) if status == 401 else None  # noqa: PLR2004


def _told_status(response: Response) -> int:
    """Return the status in the body, which may differ from the response's own; 0 where there is none."""
    return json_values.integer(_exception(response).get("httpstatus", "")) or 0


def _exception(response: Response) -> dict[str, str]:
    """Return the fields of a ResourceException (1.1, XML or JSON) by lower-case names; empty where the body is not one."""
    root = parsed(response)
    if root is None or not root.tag.endswith("}ResourceException"):
        return {}
    return {child.tag.rpartition("}")[2].lower(): (child.text or "").strip() for child in root}
