"""What CallFire's unhappy answers mean. Its errors carry a status and free text and no code; the text is never passed on.

What is not known of an answer is taken for what costs least: of a purchase that it may have been made, of a read that it
says nothing.
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
from numberdesk.providers.callfire.xmldoc import parse
from numberdesk.providers.http import DEFINITE_STATUSES, retry_after

if TYPE_CHECKING:
    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response

# "Rate Limit Reached" comes as a 4xx of no stated status (CallFire API client for Java, Getting started).
_RATE_LIMIT = re.compile(rb"rate limit", re.IGNORECASE)
# Orders are paid from credits; what a lack of them answers is published nowhere. This is our guess at its text: a wrong
# guess pauses the account instead of failing every order that waits.
_NO_FUNDS = re.compile(rb"(insufficient|not enough)\s+(funds|credit|balance)", re.IGNORECASE)
# Passing faults, whatever the status that they come with. TIMEOUT and UNAVAILABLE are fault codes of its WSDL.
_PASSING = re.compile(
    rb"\b(TIMEOUT|UNAVAILABLE)\b|(?i:timed out|temporarily|try again|service (is )?unavailable|internal (server )?error)"
)
# That a search found nothing, told as an error. CallFire documents an empty list.
_NOTHING = re.compile(
    rb"\b(no|any) ((matching|available|such|more|free) )*(phone ?numbers?|numbers?|keywords?|regions?|results?|inventory)\b"
    rb"|\bnone (is |are |were )?(available|found)|\bnot? (found|available)\b|\bout of (stock|inventory)\b",
    re.IGNORECASE,
)


def not_placed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for the purchase. What is not surely a no is unclear."""
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
        # Not about this order: there is no such resource.
        return AccountFaultError(f"{detail}: check the account's base URL")
    unclear = status not in DEFINITE_STATUSES or _PASSING.search(response.content)
    return (OutcomeUnknownError if unclear else RefusedError)(detail)


def not_changed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a call that buys nothing: but for a 401 it is about that call."""
    fault = not_placed(response)
    if isinstance(fault, AccountFaultError) and not fault.throttled and response.status_code != 401:  # noqa: PLR2004
        return RefusedError(fault.detail)
    return fault


def not_read(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a poll of an order. A 403 is about that order."""
    if response.is_client_error and (fault := _account_fault(response)):
        return fault
    detail = f"HTTP {response.status_code}"
    return NoSuchOrderError(detail) if response.status_code == 404 else UnreadableError(detail)  # noqa: PLR2004


def not_listed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a search or a list: it may be the question that is wrong."""
    fault = not_changed(response)
    return UnreadableError(fault.detail) if isinstance(fault, OutcomeUnknownError) else fault


def found_nothing(response: Response) -> bool:
    """Tell whether an answer to a search says that there is nothing, by an error in place of an empty list."""
    if response.status_code not in (400, 404, 410, 422):
        return False
    message = _exception(response).get("message", "")
    # A 404 of CallFire's own is that: without its words it may be the address that is wrong.
    return (response.status_code == 404 and bool(message)) or _NOTHING.search(message.encode()) is not None  # noqa: PLR2004


def is_fault(response: Response) -> bool:
    """Whether an answer is an error, whatever its status."""
    return not response.is_success or bool(_exception(response))


def _account_fault(response: Response) -> AccountFaultError | None:
    """Tell a fault of the account as it holds for every call: its rate, or its credentials."""
    status, detail = response.status_code, f"HTTP {response.status_code}"
    if status == 429 or _RATE_LIMIT.search(response.content):  # noqa: PLR2004
        return AccountFaultError(detail, throttled=True, retry_after=retry_after(response))
    return AccountFaultError(detail) if status == 401 else None  # noqa: PLR2004


def _told_status(response: Response) -> int:
    """Give the status that the body tells, which need not be that of the answer; 0 where it tells none."""
    return json_values.integer(_exception(response).get("httpstatus", "")) or 0


def _exception(response: Response) -> dict[str, str]:
    """Give what an error says, by lower-case names: a ResourceException of 1.1 in XML or JSON; empty where it is none."""
    try:
        root = parse(response.content)
    except ValueError:
        return {}
    if not root.tag.endswith("}ResourceException"):
        return {}
    return {child.tag.rpartition("}")[2].lower(): (child.text or "").strip() for child in root}
