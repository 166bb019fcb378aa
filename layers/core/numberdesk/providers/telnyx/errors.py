"""What Telnyx's errors mean."""

from __future__ import annotations

import re
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.text import harmless
from numberdesk.providers.base import (
    AccountFaultError,
    NotPermittedError,
    OutcomeUnknownError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.http import fields_of, retry_after
from numberdesk.providers.json_values import fields, rows, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.providers.base import ProviderError
    from numberdesk.providers.http import Response

_WORD = re.compile("[a-z_]+", re.ASCII)
_OF_THE_ORDER = frozenset({"85004", "85005"})
"""Invalid connection, invalid messaging profile."""


class Meaning(IntEnum):
    """What an error means, whichever call it answers; of several errors the first of these counts."""

    UNCLEAR = 1  # it failed for now, or another call of ours is in progress
    THROTTLED = 2
    ACCOUNT = 3  # every call of the account is refused
    CALL = 4  # the account may not make this call
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
        # The request's form or values, an address, or what an order names.
        Meaning.WRONG: "10001 10002 10003 10004 10013 10014 10015 10016 10017 10018 10019 10020 10021 10022 10023 10024 10025 10026 "
        "10028 10029 10030 10032 10033 10034 20200 20201 20202 20203 20204 20205 20206 20207 20208 20209 85002 85004 85005 85007 85008",
    }.items()
    for code in codes.split()
}
"""By code (Telnyx docs: API error codes). Codes take precedence over statuses: 409 and 422 have both been seen for numbers that are
gone, and 400 for an internal error of Telnyx."""
_BY_STATUS = {
    401: Meaning.ACCOUNT,
    402: Meaning.ACCOUNT,
    403: Meaning.CALL,
    # Time-out, conflict, locked, too early: another call of ours may be in progress.
    408: Meaning.UNCLEAR,
    409: Meaning.UNCLEAR,
    423: Meaning.UNCLEAR,
    425: Meaning.UNCLEAR,
    429: Meaning.THROTTLED,
}
"""Used where no code is more specific."""


class NotFoundError(UnreadableError):
    """There is no resource at this path."""


class BadRequestError(UnreadableError):
    """The request itself is wrong; repeating it is no use. `parameter` is the parameter that the error names, if any."""

    def __init__(self, detail: str, *, code: str = "", parameter: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.parameter = parameter


class NothingPassesError(BadRequestError):
    """Nothing passes the filters: a live search without a result answers 400 with 10031, "Invalid request filter".

    The same code reports a filter that Telnyx does not accept; then it names the filter (`BadRequestError`).
    """


class SatisfiedError(RefusedError):
    """All requirements are satisfied already, and accept no more values."""


def not_placed(response: Response) -> ProviderError:
    """Return what an error means for the purchase: nothing was bought only where that is certain.

    An unknown code may come although the order was created; it is searched for by its reference. A 4xx without any code comes from a
    gateway that forwarded nothing.
    """
    error = _error(response)
    if (fault := error.of_account()) is not None:
        return fault
    # Live, 10027 also reports a number that is gone or was not found by a recent search.
    gone = error.meaning in (Meaning.GONE, Meaning.UNPROCESSED)
    # The conflict may be with an earlier call of ours.
    conflict = response.status_code == HTTPStatus.CONFLICT and not gone and error.code not in _OF_THE_ORDER
    if error.meaning is Meaning.UNCLEAR or conflict or (error.meaning is Meaning.UNKNOWN and error.code):
        return OutcomeUnknownError(error.title, code=error.code)
    return RefusedError(error.title, code=error.code, numbers_unavailable=gone)


def not_done(response: Response) -> ProviderError:
    """Return what an error means for a call that buys nothing."""
    error = _error(response)
    if error.meaning is Meaning.SATISFIED:
        return SatisfiedError(error.title, code=_SATISFIED)
    if (fault := error.of_account()) is not None:
        return fault
    return (OutcomeUnknownError if error.meaning is Meaning.UNCLEAR else RefusedError)(error.title, code=error.code)


def not_read(response: Response, parameters: Sequence[str]) -> ProviderError:
    """Return what an error means for a read: retry later, unless that is clearly of no use."""
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


class _Error(NamedTuple):
    """What a response reports that is not a success."""

    response: Response
    meaning: Meaning
    code: str
    """The first code; empty if there is none."""
    title: str
    """The first title, and the HTTP status. Never `detail`, which may echo what was sent."""
    sources: tuple[frozenset[str], ...]
    """The words in `source` of each error. They are only compared with parameter names and never passed on."""

    def of_account(self) -> AccountFaultError | NotPermittedError | None:
        """Return the error if it concerns the account: all of its calls, or this one."""
        if self.meaning is Meaning.THROTTLED:
            return AccountFaultError(self.title, code=self.code, throttled=True, retry_after=retry_after(self.response))
        if self.meaning is Meaning.ACCOUNT:
            return AccountFaultError(self.title, code=self.code)
        return NotPermittedError(self.title, code=self.code) if self.meaning is Meaning.CALL else None

    def names(self, parameters: Sequence[str]) -> str | None:
        """Return the parameter that an error names, of those that were sent."""
        for source in self.sources:
            for parameter in parameters:
                words = _words(parameter)
                if words and words <= source:
                    return parameter
        return None


def _error(response: Response) -> _Error:
    errors = rows(fields_of(response).get("errors"))
    # The OpenAPI document has strings in one schema and integers in another.
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
            _words(it) for error in errors for it in fields(error.get("source")).values() if isinstance(it, str)
        ),
    )


def _meaning(response: Response, codes: Sequence[str]) -> Meaning:
    if not response.is_client_error:
        # The codes of an internal error are not reliable.
        return Meaning.UNCLEAR
    by_status = _BY_STATUS.get(response.status_code, Meaning.UNKNOWN)
    if by_status is Meaning.CALL:
        # An unknown key gets a 401: this key is known, and may not make this call.
        codes = [code for code in codes if code != _NOT_AUTHENTICATED]
    by_code = min((_MEANINGS.get(code, Meaning.UNKNOWN) for code in codes), default=Meaning.UNKNOWN)
    if by_status is Meaning.CALL or (by_status is Meaning.UNCLEAR and response.status_code != HTTPStatus.CONFLICT):
        # The status is more specific than "the request is wrong".
        return min(by_code, by_status) if by_code >= Meaning.FILTER else by_code
    if by_code is Meaning.UNKNOWN or by_status in (Meaning.THROTTLED, Meaning.ACCOUNT):
        return min(by_code, by_status)
    return by_code


def _words(name: str) -> frozenset[str]:
    """Return the words of a parameter's name, except the one that all filters share."""
    return frozenset(_WORD.findall(name)) - {"filter"}
