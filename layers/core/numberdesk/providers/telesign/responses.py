"""Read TeleSign's responses and errors. The texts of its errors are never passed on."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import phonenumbers

from numberdesk.providers import numbers
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchOrderError,
    NoSuchThingError,
    NotPermittedError,
    OutcomeUnknownError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.http import DEFINITE_STATUSES, fields_of, retry_after
from numberdesk.providers.json_values import fields, identifier, instant, integer, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response
    from numberdesk.providers.json_values import Fields

_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)

# Codes of `errors[].code` and `status.code` (TeleSign docs: all status and error codes). The products share them; none is listed for
# Phone Numbers by name. -20004 (not enabled for a country) is not here: it stops orders for that country only.
_ACCOUNT_CODES = frozenset(
    {
        -10009,  # invalid source IP address
        -10030,  # insufficient prepaid funds
        -20002,  # product not enabled
        -20003,  # feature not enabled
        *range(-30012, -29999),  # customer id, suspension, activation, account limit, signature, date, nonce
        -30015,  # invalid API key
        -40002,  # not authorized
        -40008,  # hard cap
        501,  # not authorized
        *(10002, 10003, 10004, 10005, 10008, 10009),  # the same, in newer products
    }
)
_THROTTLE_CODES = frozenset({-40007, 10019})
_UNAVAILABLE_CODES = frozenset({-90001, 10000})
_NO_SUCH_CODES = frozenset({-40004})
# For a call that buys nothing these concern only that call: product or feature not enabled, not authorized.
_NOT_THIS_CALL = frozenset({-20002, -20003, -40002, -40008, 501})
# Likewise for a purchase, except the hard cap, which limits all spending of the account.
_NOT_THIS_PURCHASE = _NOT_THIS_CALL - {-40008}
_NOT_ATTEMPTED = 500
"""As `status.code`: "Transaction not attempted". Nothing was done, whatever else the response says."""
_CODE = re.compile("-?[0-9]{1,9}", re.ASCII)


def _is_no(code: int) -> bool:
    """Return whether a code is a definite refusal: invalid or missing parameters, an unavailable product, no such resource."""
    return (
        -19999 <= code <= -10000  # noqa: PLR2004 - the ranges of TeleSign's own list
        or -29999 <= code <= -20000  # noqa: PLR2004
        or code in (-40004, -40005, -40006, _NOT_ATTEMPTED)
        or 11000 <= code < 13000  # noqa: PLR2004
    )


def total_pages(shown: Fields) -> int:
    """Return how many pages a list has.

    `pagination` is beside `data` on the page about direct orders, and inside it in the swagger of numbers and leases.
    """
    blocks = (shown, fields(shown.get("data")))
    totals = [integer(fields(block.get("pagination")).get("total_pages")) for block in blocks]
    return next((total for total in totals if total is not None), 1)


def next_page(page: int, shown: Fields) -> str | None:
    """Return the cursor of the page after this one, if there is one."""
    return str(page + 1) if page < total_pages(shown) else None


def number(value: object, country: str | None) -> str | None:
    """Return a number in E.164. The examples show digits with the country code and no plus; other notations are read too.

    Args:
        value: the number, an integer, or an object that holds it.
        country: the number's country, if known: only there are digits read as a national number.
    """
    code = phonenumbers.country_code_for_region(country or "")
    read = numbers.number(value, *([country] if country and code else []))
    if isinstance(value, dict):
        value = value.get("phone_number", value.get("number"))
    digits = value.strip() if isinstance(value, str) else identifier(value)
    if not digits or not _INTERNATIONAL.fullmatch(digits):
        return read
    documented = f"+{digits}"
    if not code:
        return documented
    # Of two readings the valid one is meant; where neither or both are valid, the documented one.
    is_own, is_used = digits.startswith(str(code)), _is(phonenumbers.is_valid_number, documented)
    if is_used and (is_own or not _is(phonenumbers.is_valid_number, read)):
        return documented
    if is_own and not _is(phonenumbers.is_valid_number, read) and _is(phonenumbers.is_possible_number, documented):
        return documented
    return read


def _is(check: Callable[[phonenumbers.PhoneNumber], bool], value: str | None) -> bool:
    try:
        return value is not None and check(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:  # no country has this code
        return False


def date(value: object) -> datetime | None:
    """Read `Wed, 23 Oct 2019 18:23:53 -0000` (creating) or `2019-10-21T17:33:22.000Z` (reading); in UTC."""
    read = instant(value)
    if read is not None or not isinstance(value, str):
        return read
    try:
        # The zone `-0000` means UTC at an unknown place (RFC 2822), and is parsed without a zone.
        return instant(parsedate_to_datetime(value).isoformat())
    except (ValueError, OverflowError):
        return None


def is_fault(response: Response) -> bool:
    """Return whether a response is an error, whatever its status: TeleSign says to go by its codes."""
    return not response.is_success or bool(rows(fields_of(response).get("errors")))


def _codes(response: Response) -> list[int]:
    """Return the codes of an error, the most specific first; none where the error is not TeleSign's."""
    shown = fields_of(response)
    codes = [error.get("code") for error in rows(shown.get("errors"))] + [fields(shown.get("status")).get("code")]
    return [code for code in map(_integer, codes) if code is not None]


def _integer(value: object) -> int | None:
    """Read a code, which may be negative or a string."""
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _account_fault(response: Response, codes: list[int]) -> AccountFaultError | None:
    """Return an error that concerns the whole account, if this is one."""
    status, detail, code = response.status_code, f"HTTP {response.status_code}", _code(codes)
    if status == 429 or _THROTTLE_CODES.intersection(codes):  # noqa: PLR2004
        return AccountFaultError(detail, code=code, throttled=True, retry_after=retry_after(response))
    if status in (401, 402, 403) or _ACCOUNT_CODES.intersection(codes):
        return AccountFaultError(detail, code=code)
    return None


def _code(codes: list[int]) -> str:
    return str(codes[0]) if codes else ""


def not_done(response: Response) -> ProviderError:
    """Return what an error means for a call that changes something. What is not definitely a refusal is unclear."""
    status, codes = response.status_code, _codes(response)
    detail, code = f"HTTP {status}", _code(codes)
    if not response.is_client_error or status == 408 or _UNAVAILABLE_CODES.intersection(codes):  # noqa: PLR2004
        return OutcomeUnknownError(detail, code=code)
    if fault := _account_fault(response, codes):
        return fault
    is_no = _NOT_ATTEMPTED in codes or (status in DEFINITE_STATUSES and all(map(_is_no, codes)))
    return (RefusedError if is_no else OutcomeUnknownError)(detail, code=code)


def not_released(response: Response) -> ProviderError:
    """Return what an error means for cancelling a lease that was just listed."""
    fault = not_done(response)
    if _is_of_this_call(response, fault):
        return NotPermittedError(fault.detail, code=fault.code)
    is_gone = response.status_code == 404 or _NO_SUCH_CODES.intersection(_codes(response))  # noqa: PLR2004
    return NoSuchThingError(fault.detail, code=fault.code) if isinstance(fault, RefusedError) and is_gone else fault


def not_placed(response: Response) -> ProviderError:
    """Return what an error means for the purchase."""
    fault = not_done(response)
    if _is_of_this_call(response, fault, _NOT_THIS_PURCHASE):
        return NotPermittedError(fault.detail, code=fault.code)
    if isinstance(fault, RefusedError) and response.status_code in (404, 405):
        # Not about this order: the resource does not exist, and its path is a setting that no source states.
        return AccountFaultError(f"{fault.detail}: check the account's base URL and path", code=fault.code)
    return fault


def not_read(response: Response) -> ProviderError:
    """Return what an error means for a poll of an order."""
    status, codes = response.status_code, _codes(response)
    detail, code = f"HTTP {status}", _code(codes)
    if response.is_client_error:
        if fault := _account_fault(response, codes):
            return UnreadableError(detail, code=code) if _is_of_this_call(response, fault) else fault
        if status == 404 or _NO_SUCH_CODES.intersection(codes):  # noqa: PLR2004
            return NoSuchOrderError(detail, code=code)
    return UnreadableError(detail, code=code)


def not_listed(response: Response) -> ProviderError:
    """Return what an error means for a search or a list, where the request may be wrong."""
    fault = not_done(response)
    if _is_of_this_call(response, fault):
        return NotPermittedError(fault.detail, code=fault.code)
    return UnreadableError(fault.detail, code=fault.code) if isinstance(fault, OutcomeUnknownError) else fault


def found_nothing(response: Response) -> bool:
    """Return whether a search failed only because there are no results: an error in place of an empty list."""
    return response.is_client_error and bool(_NO_SUCH_CODES.intersection(_codes(response)))


def _is_of_this_call(response: Response, fault: ProviderError, not_this_call: frozenset[int] = _NOT_THIS_CALL) -> bool:
    """Return whether an apparent account error refuses only this call: as an account error it would stop all buying."""
    if not isinstance(fault, AccountFaultError) or fault.throttled or response.status_code in (401, 402):
        return False
    return not _ACCOUNT_CODES.intersection(_codes(response)) - not_this_call
