"""Numbers checked against criteria: which of those found or delivered match what was ordered."""

from typing import Any

import pytest

from numberdesk.domain.fitting import misfit
from numberdesk.domain.listings import Offer
from numberdesk.domain.request import Criteria

CHICAGO, NEW_YORK, TORONTO = "+13125550123", "+19295550100", "+14165550100"
TOLL_FREE, BERLIN, GERMAN_MOBILE = "+18885550100", "+493012345678", "+4915112345678"


def offer(value: str, **told: Any) -> Offer:
    return Offer(value=value, kind="number", **told)


def held(asked: dict[str, Any], value: str, **told: Any) -> str | None:
    """Return the field that a number does not match. The reported country is the ordered one unless the case sets another."""
    criteria = Criteria.model_validate({"country": "US", **asked})
    near, state = told.pop("near", False), told.pop("state", None)
    return misfit(criteria, offer(value, **told), near=near, state=state)


@pytest.mark.parametrize(
    ("asked", "value", "told", "failed"),
    [
        # Country: as reported, and by the number's own digits.
        ({}, CHICAGO, {}, None),
        ({}, CHICAGO, {"country": "US"}, None),
        ({}, CHICAGO, {"country": "CA"}, "country"),
        ({}, TORONTO, {}, "country"),
        ({}, TORONTO, {"country": "US"}, "country"),
        ({"country": "CA"}, TORONTO, {}, None),
        ({}, BERLIN, {}, "country"),
        ({}, BERLIN, {"country": "US"}, "country"),
        ({"country": "DE"}, BERLIN, {"country": "DE"}, None),
        ({"country": "GB"}, "+441481256789", {}, "country"),
        ({"country": "GB", "number_type": "mobile"}, "+447781123456", {"country": "GB"}, None),
        ({}, "+17875550100", {"country": "US"}, None),
        ({}, "+17875550100", {}, "country"),
        ({"country": "CA", "number_type": "toll_free"}, TOLL_FREE, {}, None),
        ({}, "+99912345678", {}, "country"),
        # In use, but in no numbering plan: nothing contradicts the criteria.
        ({"country": "GB"}, "+4420712345678", {}, None),
        # Type: by the provider's own value if there is one, otherwise by the number range.
        ({}, TOLL_FREE, {}, "number_type"),
        ({"number_type": "toll_free"}, CHICAGO, {}, "number_type"),
        ({"number_type": "toll_free"}, TOLL_FREE, {}, None),
        ({"number_type": "mobile"}, CHICAGO, {}, None),
        ({"number_type": "mobile"}, CHICAGO, {"number_type": "local"}, "number_type"),
        ({"country": "DE", "number_type": "mobile"}, BERLIN, {}, "number_type"),
        ({"country": "DE"}, GERMAN_MOBILE, {}, "number_type"),
        ({"country": "DE", "number_type": "national"}, BERLIN, {"number_type": "longcode"}, None),
        ({"country": "DE", "number_type": "national"}, "+493212345678", {}, None),
        ({}, "+19005550100", {}, "number_type"),
        # Area code: the national number begins with it.
        ({"area_code": "312"}, CHICAGO, {}, None),
        ({"area_code": "312"}, NEW_YORK, {}, "area_code"),
        ({"area_code": "1312"}, CHICAGO, {}, "area_code"),
        ({"country": "DE", "area_code": "030"}, BERLIN, {}, None),
        ({"country": "IT", "area_code": "06"}, "+390612345678", {}, None),
        ({"country": "AR", "area_code": "11", "number_type": "mobile"}, "+5491112345678", {}, None),
        # Digits: in the national number, or in what follows the area code if one was ordered.
        ({"starts_with": "312"}, CHICAGO, {}, None),
        ({"starts_with": "1312"}, CHICAGO, {}, "starts_with"),
        ({"area_code": "312", "starts_with": "555"}, CHICAGO, {}, None),
        ({"area_code": "312", "starts_with": "312"}, CHICAGO, {}, "starts_with"),
        ({"contains": "2555"}, CHICAGO, {}, None),
        ({"contains": "1312"}, CHICAGO, {}, "contains"),
        ({"area_code": "312", "contains": "2555"}, CHICAGO, {}, "contains"),
        ({"ends_with": "0123"}, CHICAGO, {}, None),
        ({"ends_with": "0124"}, CHICAGO, {}, "ends_with"),
        ({"prefix": "1312"}, CHICAGO, {}, None),
        ({"prefix": "1929"}, CHICAGO, {}, "prefix"),
        # Features, if reported.
        ({"features": ["sms"]}, CHICAGO, {}, None),
        ({"features": ["sms"]}, CHICAGO, {"features": ("SMS", "voice")}, None),
        ({"features": ["sms", "mms"]}, CHICAGO, {"features": ("sms", "voice")}, "features"),
        ({"features": ["sms"]}, CHICAGO, {"features": ()}, "features"),
        # State, if reported in two letters. City names are the provider's own.
        ({"city": "Chicago"}, CHICAGO, {}, None),
        ({"state": "IL"}, CHICAGO, {"state": "il"}, None),
        ({"state": "IL"}, CHICAGO, {"state": "NY"}, "state"),
        ({"state": "IL"}, CHICAGO, {"state": "Illinois"}, None),
        # Near matches: only if ordered, and of the right country, type and features.
        ({"area_code": "312"}, CHICAGO, {"near": True}, "best_effort"),
        ({"area_code": "312", "best_effort": False}, CHICAGO, {"near": True}, "best_effort"),
        ({"area_code": "312", "best_effort": True}, NEW_YORK, {"near": True}, None),
        ({"area_code": "312", "best_effort": True}, NEW_YORK, {}, "area_code"),
        ({"best_effort": True}, TORONTO, {"near": True}, "country"),
        ({"best_effort": True}, TOLL_FREE, {"near": True}, "number_type"),
        ({"best_effort": True, "features": ["mms"]}, NEW_YORK, {"near": True, "features": ("sms",)}, "features"),
    ],
)
def test_number_is_checked_against_the_criteria(
    asked: dict[str, Any], value: str, told: dict[str, Any], failed: str | None
) -> None:
    assert held(asked, value, **told) == failed


def test_criteria_without_a_country_match_every_country() -> None:
    assert misfit(Criteria(features=["voice"]), offer(BERLIN, country="DE", features=("voice",))) is None


def test_number_outside_any_numbering_plan_is_compared_as_written() -> None:
    asked = Criteria(ends_with="9", contains="99")
    assert misfit(asked, offer("+999999")) is None
    assert misfit(asked, offer("+999990")) == "ends_with"
