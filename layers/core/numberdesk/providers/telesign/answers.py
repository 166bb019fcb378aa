"""Reading TeleSign's answers, happy and unhappy. Its errors' texts are never passed on."""

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
from numberdesk.providers.http import DEFINITE_STATUSES, retry_after
from numberdesk.providers.json_values import fields, identifier, instant, integer, parse, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response
    from numberdesk.providers.json_values import Fields

_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)

# Codes of `errors[].code` and `status.code` (TeleSign docs: all status and error codes). None is listed for Phone Numbers
# by name; they are shared by the products. -20004 (not enabled for a country) is no fault of the account: it stops
# orders for that country only.
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
# Of a call that buys nothing these speak of what it calls: product or feature not enabled, not authorized.
_NOT_THIS_CALL = frozenset({-20002, -20003, -40002, -40008, 501})
# Of a purchase likewise, but for the hard cap: that is on all spending of the account.
_NOT_THIS_PURCHASE = _NOT_THIS_CALL - {-40008}
_NOT_ATTEMPTED = 500
"""As `status.code`: "Transaction not attempted". Whatever else is said, nothing was done."""
_CODE = re.compile("-?[0-9]{1,9}", re.ASCII)


def _is_no(code: int) -> bool:
    """Whether a code is a definite no: invalid or missing parameters, a product that is not to be had, no such resource."""
    return (
        -19999 <= code <= -10000  # noqa: PLR2004 - the ranges of TeleSign's own list
        or -29999 <= code <= -20000  # noqa: PLR2004
        or code in (-40004, -40005, -40006, _NOT_ATTEMPTED)
        or 11000 <= code < 13000  # noqa: PLR2004
    )


def body(response: Response) -> Fields:
    """Give an answer's object; an empty one where it is none."""
    try:
        return fields(parse(response.content))
    except ValueError:
        return {}


def total_pages(shown: Fields) -> int:
    """Say how many pages a list has.

    `pagination` stands beside `data` in the page on direct orders, and inside it in the swagger of numbers and leases.
    """
    blocks = (shown, fields(shown.get("data")))
    totals = [integer(fields(block.get("pagination")).get("total_pages")) for block in blocks]
    return next((total for total in totals if total is not None), 1)


def number(value: object, country: str | None) -> str | None:
    """Give a number in E.164. The examples show it without its plus and with its country's code; other notations are read, too.

    Args:
        value: the number, an integer, or an object that holds it.
        country: where it is of, where that is known: digits are read as a national number only there.
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
    # What has two readings is the one in use; where neither or both are, it is as documented.
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
    """Read `Wed, 23 Oct 2019 18:23:53 -0000` (creating) or `2019-10-21T17:33:22.000Z` (reading); aware, in UTC."""
    read = instant(value)
    if read is not None or not isinstance(value, str):
        return read
    try:
        # The zone `-0000` means UTC without saying where (RFC 2822), and is read without a zone.
        return instant(parsedate_to_datetime(value).isoformat())
    except (ValueError, OverflowError):
        return None


def is_fault(response: Response) -> bool:
    """Whether an answer is an error, whatever its status: TeleSign says to go by its codes."""
    return not response.is_success or bool(rows(body(response).get("errors")))


def _codes(response: Response) -> list[int]:
    """Give the codes of an error answer, the most telling first; none where it is not TeleSign's."""
    shown = body(response)
    codes = [error.get("code") for error in rows(shown.get("errors"))] + [fields(shown.get("status")).get("code")]
    return [code for code in map(_integer, codes) if code is not None]


def _integer(value: object) -> int | None:
    """Read a code, which may be negative, and be written as a string."""
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _account_fault(response: Response, codes: list[int]) -> AccountFaultError | None:
    """Tell a fault of the account, where it is one: TeleSign says to go by its codes, not by the HTTP status."""
    status, detail, code = response.status_code, f"HTTP {response.status_code}", _code(codes)
    if status == 429 or _THROTTLE_CODES.intersection(codes):  # noqa: PLR2004
        return AccountFaultError(detail, code=code, throttled=True, retry_after=retry_after(response))
    if status in (401, 402, 403) or _ACCOUNT_CODES.intersection(codes):
        return AccountFaultError(detail, code=code)
    return None


def _code(codes: list[int]) -> str:
    return str(codes[0]) if codes else ""


def not_done(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a call that changes something. What is not surely a no is unclear."""
    status, codes = response.status_code, _codes(response)
    detail, code = f"HTTP {status}", _code(codes)
    if not response.is_client_error or status == 408 or _UNAVAILABLE_CODES.intersection(codes):  # noqa: PLR2004
        return OutcomeUnknownError(detail, code=code)
    if fault := _account_fault(response, codes):
        return fault
    is_no = _NOT_ATTEMPTED in codes or (status in DEFINITE_STATUSES and all(map(_is_no, codes)))
    return (RefusedError if is_no else OutcomeUnknownError)(detail, code=code)


def not_released(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for giving a lease up, which was seen to be there."""
    fault = not_done(response)
    if _is_of_this_call(response, fault):
        return NotPermittedError(fault.detail, code=fault.code)
    is_gone = response.status_code == 404 or _NO_SUCH_CODES.intersection(_codes(response))  # noqa: PLR2004
    return NoSuchThingError(fault.detail, code=fault.code) if isinstance(fault, RefusedError) and is_gone else fault


def not_placed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for the purchase."""
    fault = not_done(response)
    if _is_of_this_call(response, fault, _NOT_THIS_PURCHASE):
        return NotPermittedError(fault.detail, code=fault.code)
    if isinstance(fault, RefusedError) and response.status_code in (404, 405):
        # Not about this order: there is no such resource. The path is the setting that no source states.
        return AccountFaultError(f"{fault.detail}: check the account's base URL and path", code=fault.code)
    return fault


def not_read(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a poll of an order."""
    status, codes = response.status_code, _codes(response)
    detail, code = f"HTTP {status}", _code(codes)
    if response.is_client_error:
        if fault := _account_fault(response, codes):
            return UnreadableError(detail, code=code) if _is_of_this_call(response, fault) else fault
        if status == 404 or _NO_SUCH_CODES.intersection(codes):  # noqa: PLR2004
            return NoSuchOrderError(detail, code=code)
    return UnreadableError(detail, code=code)


def not_listed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a search or a list: it may be the question that is wrong."""
    fault = not_done(response)
    if _is_of_this_call(response, fault):
        return NotPermittedError(fault.detail, code=fault.code)
    return UnreadableError(fault.detail, code=fault.code) if isinstance(fault, OutcomeUnknownError) else fault


def found_nothing(response: Response) -> bool:
    """Tell whether an answer to a search says that there is nothing, by an error in place of an empty list."""
    return response.is_client_error and bool(_NO_SUCH_CODES.intersection(_codes(response)))


def _is_of_this_call(response: Response, fault: ProviderError, not_this_call: frozenset[int] = _NOT_THIS_CALL) -> bool:
    """Whether what looks like a fault of the account is the refusal of one call: taken for the account's, it would stop all buying."""
    if not isinstance(fault, AccountFaultError) or fault.throttled or response.status_code in (401, 402):
        return False
    return not _ACCOUNT_CODES.intersection(_codes(response)) - not_this_call
