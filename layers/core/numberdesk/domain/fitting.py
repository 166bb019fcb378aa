"""Whether a number that was found or delivered meets the criteria. Pure.

A provider may silently ignore a filter that it does not know, so each number is checked before money is spent. The provider's data
about the number comes first, then the numbering plan, as far as it is unambiguous. Cities and rate centers are not compared: each
provider has its own names for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.request import Criteria

_PLAN = {
    PhoneNumberType.FIXED_LINE: frozenset({"local", "national"}),
    PhoneNumberType.MOBILE: frozenset({"mobile"}),
    PhoneNumberType.FIXED_LINE_OR_MOBILE: frozenset({"local", "national", "mobile"}),
    PhoneNumberType.TOLL_FREE: frozenset({"toll_free"}),
    PhoneNumberType.SHARED_COST: frozenset({"shared_cost"}),
    PhoneNumberType.PREMIUM_RATE: frozenset[str](),
}
"""The number types that a range of a numbering plan can have. Other ranges (VoIP, company-wide, unknown) say nothing."""
_OF_ONE_COUNTRY = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_TERRITORIES = {
    "US": frozenset({"AS", "GU", "MP", "PR", "VI"}),
    "GB": frozenset({"GG", "IM", "JE"}),
    "FR": frozenset({"BL", "GF", "GP", "MF", "MQ", "RE", "YT"}),
    "FI": frozenset({"AX"}),
    "NO": frozenset({"SJ"}),
    "AU": frozenset({"CC", "CX"}),
}
"""Territories with a numbering region of their own, which a provider may give as part of another country."""
_TYPES = frozenset({"local", "national", "mobile", "toll_free", "shared_cost"})
_STATE = re.compile("[A-Za-z]{2}")
_NEGOTIABLE = frozenset({"area_code", "starts_with", "contains", "ends_with", "state"})
"""Criteria that a near match may miss. It must meet country, type and features."""


class Found(Protocol):
    """A number from a search or an order. What is not known is none."""

    @property
    def value(self) -> str:
        """E.164 with its plus."""

    @property
    def country(self) -> str | None:
        """ISO 3166-1 alpha-2."""

    @property
    def number_type(self) -> str | None:
        """The type, by its name in criteria or the provider's own."""

    @property
    def features(self) -> tuple[str, ...] | None:
        """What it can do."""


def misfit(criteria: Criteria, found: Found, *, near: bool = False, state: str | None = None) -> str | None:
    """Return the first field of the criteria that a number does not meet; none if it fits as far as is known.

    Args:
        criteria: the criteria.
        found: the number.
        near: the provider calls it a near match. It fits only if the criteria allow one (`best_effort`).
        state: its state or province, if known.
    """
    if near and not criteria.best_effort:
        return "best_effort"
    number = _parsed(found.value)
    checks: dict[str, Callable[[], bool]] = {
        "country": lambda: _in_country(criteria.country, found.country, number),
        "number_type": lambda: _of_type(criteria.number_type, found.number_type, number),
        "features": lambda: _can(criteria.features, found.features),
        "prefix": lambda: found.value.removeprefix("+").startswith(criteria.prefix or ""),
        "area_code": lambda: number is None or _area(criteria.area_code, number) is not None,
        "starts_with": lambda: _rest(criteria, number, found).startswith(criteria.starts_with or ""),
        "contains": lambda: (criteria.contains or "") in _rest(criteria, number, found),
        "ends_with": lambda: _rest(criteria, number, found).endswith(criteria.ends_with or ""),
        "state": lambda: _in_state(criteria.state, state),
    }
    given_up = _NEGOTIABLE if near else frozenset()
    asked = criteria.fields_used() | {"number_type"}
    return next((name for name, fits in checks.items() if name in asked - given_up and not fits()), None)


def _parsed(value: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return None


def _in_country(asked: str | None, given: str | None, number: PhoneNumber | None) -> bool:
    if asked is None:
        return True
    if number is None or (given is not None and given != asked):
        return False
    # Several countries may share a calling code, and a toll-free number belongs to all of them.
    if asked not in phonenumbers.region_codes_for_country_code(number.country_code or 0):
        return False
    by_digits = phonenumbers.region_code_for_number(number)
    if by_digits in (None, asked) or phonenumbers.number_type(number) not in _OF_ONE_COUNTRY:
        return True
    return given is not None and by_digits in _TERRITORIES.get(asked, frozenset())


def _of_type(asked: str, given: str | None, number: PhoneNumber | None) -> bool:
    if given in _TYPES:
        return given == asked
    possible = _PLAN.get(phonenumbers.number_type(number)) if number else None
    return possible is None or asked in possible


def _can(asked: Sequence[str], given: tuple[str, ...] | None) -> bool:
    return given is None or {each.casefold() for each in asked} <= {each.casefold() for each in given}


def _area(asked: str | None, number: PhoneNumber) -> str | None:
    """Return the digits after the requested area code; none if the number does not begin with it.

    A mobile number may have a token before its area code (Argentina: 9), and people may write a trunk zero before it.
    """
    national = phonenumbers.national_significant_number(number)
    token = phonenumbers.country_mobile_token(number.country_code or 0)
    for code in dict.fromkeys((asked or "", (asked or "").lstrip("0"))):
        for start in (code, f"{token}{code}"):
            if national.startswith(start) and (code or not asked):
                return national.removeprefix(start)
    return None


def _rest(criteria: Criteria, number: PhoneNumber | None, found: Found) -> str:
    """Return the digits that patterns apply to: the national number, or what follows a requested area code."""
    if number is None:
        return found.value.removeprefix("+")
    if criteria.area_code:
        return _area(criteria.area_code, number) or ""
    return phonenumbers.national_significant_number(number)


def _in_state(asked: str | None, given: str | None) -> bool:
    both = [each for each in (asked, given) if each and _STATE.fullmatch(each)]
    return len(both) < 2 or both[0].casefold() == both[1].casefold()  # noqa: PLR2004 - asked and given
