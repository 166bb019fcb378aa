"""What Telnyx's refusals mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from numberdesk.domain.text import harmless
from numberdesk.providers.base import (
    AccountFaultError,
    NotPermittedError,
    OutcomeUnknownError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.http import retry_after
from numberdesk.providers.json_values import Fields, fields, parse, rows, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response

_WORD = re.compile("[a-z_]+", re.ASCII)
_OF_THE_ORDER = frozenset({"85004", "85005"})
"""Invalid connection, invalid messaging profile."""


class Meaning(IntEnum):
    """What an error of Telnyx's says, whichever call it answers; of several errors the first of these counts."""

    UNCLEAR = 1  # nothing about what was asked: it failed for now, or another call of ours is under way
    THROTTLED = 2
    ACCOUNT = 3  # it holds for every call of the account
    CALL = 4  # the account may not make this very call
    GONE = 5  # the numbers must be chosen again
    SATISFIED = 6  # requirements "cannot be updated once all have been satisfied"
    NOT_THERE = 7
    FILTER = 8  # a filter is wrong, or nothing passes it
    UNPROCESSED = 9  # the request is well-formed, and was not carried out
    WRONG = 10  # the request itself
    UNKNOWN = 11


_SATISFIED = "85003"
_NOT_AUTHENTICATED = "10009"
_MEANINGS: dict[str, Meaning] = {
    code: meaning
    for meaning, codes in {
        # Unexpected error, request time-out, duplicate (maybe our own), locked, being processed, service unavailable.
        Meaning.UNCLEAR: "10007 10008 10012 10035 10036 10037",
        Meaning.THROTTLED: "10011",
        # Authentication, a key that is wrong, revoked, forbidden or expired; inactive, blocked; no funds.
        Meaning.ACCOUNT: "10009 20001 20002 20003 20006 20008 20012 20013 20100",
        # Not authorised "on the specified resource"; not permitted, or limited, at this account's level; a verification that is
        # "required to perform this action", and a feature not enabled.
        Meaning.CALL: "10010 10038 10039 20014 20015 20016 20017",
        # Must be searched first, no longer available, already reserved.
        Meaning.GONE: "85000 85001 85006",
        Meaning.SATISFIED: _SATISFIED,
        Meaning.NOT_THERE: "10005 10006",
        Meaning.FILTER: "10031",
        Meaning.UNPROCESSED: "10027",
        # What is wrong with a request's form, with its values, with an address, or with what an order names.
        Meaning.WRONG: "10001 10002 10003 10004 10013 10014 10015 10016 10017 10018 10019 10020 10021 10022 10023 10024 10025 10026 "
        "10028 10029 10030 10032 10033 10034 20200 20201 20202 20203 20204 20205 20206 20207 20208 20209 85002 85004 85005 85007 85008",
    }.items()
    for code in codes.split()
}
"""By code (Telnyx docs: API error codes). Codes count, not statuses: 409 as well as 422 has been seen for numbers that are gone, and
400 for a failure of Telnyx's own."""
_BY_STATUS = {
    401: Meaning.ACCOUNT,
    402: Meaning.ACCOUNT,
    403: Meaning.CALL,
    # Time-out, conflict, locked, too early: something of ours may be under way.
    408: Meaning.UNCLEAR,
    409: Meaning.UNCLEAR,
    423: Meaning.UNCLEAR,
    425: Meaning.UNCLEAR,
    429: Meaning.THROTTLED,
}
"""Where no code says more."""


class NotFoundError(UnreadableError):
    """There is nothing at this address."""


class BadRequestError(UnreadableError):
    """Telnyx found the request itself wrong; repeating it is of no use. `parameter` is the one of ours that it names, if it does."""

    def __init__(self, detail: str, *, code: str = "", parameter: str | None = None) -> None:
        """Keep which parameter is wrong."""
        super().__init__(detail, code=code)
        self.parameter = parameter


class NothingPassesError(BadRequestError):
    """Nothing passes the filters: live, a search without a result answers 400 with 10031, "Invalid request filter".

    The same code tells of a filter that Telnyx does not take; then it names one (`BadRequestError`).
    """


class SatisfiedError(RefusedError):
    """All requirements are satisfied already, and take no values any more."""


def not_placed(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for the purchase: nothing was bought only where that is sure.

    A code that we do not know may come with an order that was made all the same; it is looked for by its reference. A 4xx without
    any code is a gateway's, which handed nothing on.
    """
    error = _error(response)
    if (fault := error.of_account()) is not None:
        return fault
    # Live, a number that is gone or was not lately searched is told as 10027 too.
    gone = error.meaning in (Meaning.GONE, Meaning.UNPROCESSED)
    # A conflict may be with an earlier call of ours.
    conflict = response.status_code == HTTPStatus.CONFLICT and not gone and error.code not in _OF_THE_ORDER
    if error.meaning is Meaning.UNCLEAR or conflict or (error.meaning is Meaning.UNKNOWN and error.code):
        return OutcomeUnknownError(error.title, code=error.code)
    return RefusedError(error.title, code=error.code, numbers_unavailable=gone)


def not_done(response: Response) -> ProviderError:
    """Tell what an answer that is no success means for a call that buys nothing: a repeat does no harm, a refusal is told at once."""
    error = _error(response)
    if error.meaning is Meaning.SATISFIED:
        return SatisfiedError(error.title, code=_SATISFIED)
    if (fault := error.of_account()) is not None:
        return fault
    return (OutcomeUnknownError if error.meaning is Meaning.UNCLEAR else RefusedError)(error.title, code=error.code)


def not_read(response: Response, parameters: Sequence[str]) -> ProviderError:
    """Tell what an answer that is no success means for a read: try again later, unless it is clear that this would not help."""
    error = _error(response)
    if (fault := error.of_account()) is not None:
        return fault
    named = error.names(parameters)
    if error.meaning is Meaning.FILTER and named is None:
        return NothingPassesError(error.title, code=error.code)
    not_found = response.status_code == HTTPStatus.NOT_FOUND and error.meaning not in (Meaning.UNCLEAR, Meaning.FILTER)
    if error.meaning is Meaning.NOT_THERE or not_found:
        return NotFoundError(error.title, code=error.code)
    if error.meaning in (Meaning.FILTER, Meaning.WRONG) or (error.meaning is Meaning.UNPROCESSED and named):
        return BadRequestError(error.title, code=error.code, parameter=named)
    return UnreadableError(error.title, code=error.code)


@dataclass(frozen=True, slots=True)
class _Error:
    """What an answer that is no success says."""

    response: Response
    meaning: Meaning
    code: str
    """The first one, else nothing."""
    title: str
    """The first one and the HTTP status. Never `detail`: it may echo what was sent."""
    sources: tuple[frozenset[str], ...]
    """The words in `source` of each error. They go no further than to be compared with names of ours."""

    def of_account(self) -> AccountFaultError | NotPermittedError | None:
        """Give the fault where it lies with the account: with all that it calls, or with this very call."""
        if self.meaning is Meaning.THROTTLED:
            return AccountFaultError(self.title, code=self.code, throttled=True, retry_after=retry_after(self.response))
        if self.meaning is Meaning.ACCOUNT:
            return AccountFaultError(self.title, code=self.code)
        return NotPermittedError(self.title, code=self.code) if self.meaning is Meaning.CALL else None

    def names(self, parameters: Sequence[str]) -> str | None:
        """Give the parameter that an error names, of those that were sent."""
        for source in self.sources:
            for parameter in parameters:
                words = _words(parameter)
                if words and words <= source:
                    return parameter
        return None


def _error(response: Response) -> _Error:
    errors = rows(body_of(response).get("errors"))
    # A string in one schema of the OpenAPI document, an integer in another.
    codes = [
        code for error in errors if isinstance(error.get("code"), str | int) and (code := text(str(error["code"])))
    ]
    titles = [harmless(title) for error in errors if (title := text(error.get("title")))]
    status = f"HTTP {response.status_code}"
    return _Error(
        response=response,
        meaning=_meaning(response, codes),
        code=codes[0] if codes else "",
        title=f"{titles[0]} ({status})" if titles else status,
        sources=tuple(
            _words(told) for error in errors for told in fields(error.get("source")).values() if isinstance(told, str)
        ),
    )


def _meaning(response: Response, codes: Sequence[str]) -> Meaning:
    if not response.is_client_error:
        # After a failure of Telnyx's own no code is believed.
        return Meaning.UNCLEAR
    by_status = _BY_STATUS.get(response.status_code, Meaning.UNKNOWN)
    if by_status is Meaning.CALL:
        # A key that is not known is told with a 401. It was known, and may not make this call.
        codes = [code for code in codes if code != _NOT_AUTHENTICATED]
    by_code = min((_MEANINGS.get(code, Meaning.UNKNOWN) for code in codes), default=Meaning.UNKNOWN)
    if by_status is Meaning.CALL or (by_status is Meaning.UNCLEAR and response.status_code != HTTPStatus.CONFLICT):
        # The status says more than that something is wrong with the request.
        return min(by_code, by_status) if by_code >= Meaning.FILTER else by_code
    if by_code is Meaning.UNKNOWN or by_status in (Meaning.THROTTLED, Meaning.ACCOUNT):
        return min(by_code, by_status)
    return by_code


def _words(name: str) -> frozenset[str]:
    """Give the words of a parameter's name, without those that all filters share."""
    return frozenset(_WORD.findall(name)) - {"filter"}


def body_of(response: Response) -> Fields:
    """Give an answer's fields; none where it is no object in JSON."""
    try:
        return fields(parse(response.content))
    except ValueError:
        return {}
