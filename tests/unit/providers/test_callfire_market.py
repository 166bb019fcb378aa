"""CallFire besides buying: searches, owned assets, and subscriptions; every documented payload and odd ones."""

import string
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import placing
from numberdesk.domain.listings import Offer, Owned, Registration
from numberdesk.domain.order import Order
from numberdesk.domain.request import Criteria, OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchThingError,
    NotPermittedError,
    NotSentError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    Query,
    RefusedError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.providers.callfire.adapter import build
from numberdesk.providers.callfire.subscriptions import without_secrets

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
URL = "https://www.callfire.com/api/1.1/rest"
ENDPOINT = "https://desk.example/v1/postbacks/callfire/very-secret-token"
SHOWN_ENDPOINT = "https://desk.example/v1/postbacks/callfire/{token}"
NOTE = "no trigger for number orders is documented; orders are polled"


def _list(*elements: str, total: int | str | None = None) -> bytes:
    """Write a list in the shape of CallFire's PHP client's fixture ResourceList.response.xml."""
    size = "" if total is None else f' totalResults="{total}"'
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<r:ResourceList xmlns:r="http://api.callfire.com/resource" xmlns="http://api.callfire.com/data"'
        f"{size}>{''.join(elements)}</r:ResourceList>"
    ).encode()


# After CallFire's callfire-data.xsd and its demo values.
REGION = (
    "<Region><Prefix>1920659</Prefix><City>Seattle</City><State>WA</State><Zipcode>98154</Zipcode><Country>US</Country>"
    "<Lata>674</Lata><RateCenter>SEATTLE</RateCenter><Latitude>47.61</Latitude><Longitude>-122.331</Longitude>"
    "<TimeZone>America/Los_Angeles</TimeZone></Region>"
)
FOUND = (
    "<Number><Number>13105551212</Number><NationalFormat>(310) 555-1212</NationalFormat><TollFree>false</TollFree>"
    f"{REGION}</Number>"
)
LEASE = "<LeaseInfo><LeaseBegin>2016-08-20Z</LeaseBegin><LeaseEnd>2016-09-20Z</LeaseEnd><AutoRenew>true</AutoRenew></LeaseInfo>"
NUMBER = FOUND.replace(
    "</Region>",
    f"</Region><Status>ACTIVE</Status>{LEASE}<NumberConfiguration><CallFeature>ENABLED</CallFeature>"
    "<TextFeature>DISABLED</TextFeature><InboundCallConfigurationType>TRACKING</InboundCallConfigurationType>"
    "</NumberConfiguration>",
)
KEYWORD = f"<Keyword><ShortCode>67076</ShortCode><Keyword>CHOCOLATE</Keyword><Status>ACTIVE</Status>{LEASE}</Keyword>"
SUBSCRIPTION = (
    f'<Subscription id="123"><Enabled>true</Enabled><Endpoint>{ENDPOINT}</Endpoint>'
    "<NotificationFormat>XML</NotificationFormat><TriggerEvent>CAMPAIGN_FINISHED</TriggerEvent>"
    "<SubscriptionFilter/></Subscription>"
)
FILTER = "<SubscriptionFilter><BroadcastId>123</BroadcastId></SubscriptionFilter>"
# The shape of CallFire's PHP client's fixture ResourceReference.response.xml.
CREATED = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<r:ResourceReference xmlns="http://api.callfire.com/data" xmlns:r="http://api.callfire.com/resource">
  <r:Id>123</r:Id><r:Location>https://www.callfire.com/api/1.1/rest/subscription/123</r:Location>
</r:ResourceReference>"""
REGISTRATION = Registration(
    id="123", url=SHOWN_ENDPOINT, event="CAMPAIGN_FINISHED", enabled=True, provider_status="true", note=NOTE
)

Answer = bytes | httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class _Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


class _Answers:
    """A transport that returns its responses in turn, repeats the last one, and records the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer)
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path.removeprefix('/api/1.1/rest')}" for request in self.requests]


def _provider(answers: _Answers, before_call: Callable[[], None] = lambda: None) -> Provider:
    credentials = Credentials("callfire", "default", URL, {"login": "LOGIN", "password": "PASSWORD"})
    return build(credentials, _Clock(), Timings(), before_call=before_call, transport=httpx.MockTransport(answers))


def _resource(element: str) -> bytes:
    return (
        '<r:Resource xmlns="http://api.callfire.com/data" xmlns:r="http://api.callfire.com/resource">'
        f"{element}</r:Resource>"
    ).encode()


def _exception(status: int, message: str) -> httpx.Response:
    # Element names after CallFire's PHP client.
    body = (
        '<r:ResourceException xmlns:r="http://api.callfire.com/resource">'
        f"<r:HttpStatus>{status}</r:HttpStatus><r:Message>{message}</r:Message></r:ResourceException>"
    )
    return httpx.Response(status, content=body.encode())


def _numbers(limit: int = 20, **criteria: Any) -> Query:
    return Query(criteria=Criteria.model_validate(criteria), limit=limit)


def _keywords(*keywords: str, limit: int = 20) -> Query:
    return Query(keywords=keywords, limit=limit)


# Searching ------------------------------------------------------------------------------------------------------------

WHOLE_REGION: dict[str, Any] = {
    "country": "US",
    "prefix": "1920659",
    "city": "Seattle",
    "state": "WA",
    "zipcode": "98154",
    "lata": "674",
    "rate_center": "SEATTLE",
    "latitude": 47.61,
    "longitude": -122.331,
    "time_zone": "America/Los_Angeles",
}
ASKED_REGION = {
    "Prefix": "1920659",
    "City": "Seattle",
    "State": "WA",
    "Zipcode": "98154",
    "Country": "US",
    "Lata": "674",
    "RateCenter": "SEATTLE",
    "Latitude": "47.61",
    "Longitude": "-122.331",
    "TimeZone": "America/Los_Angeles",
}
TOLD_REGION = {name: str(value) for name, value in WHOLE_REGION.items() if name != "country"}


def test_numbers_are_searched_by_the_whole_region_and_read_with_it() -> None:
    answers = _Answers(_list(FOUND.replace("13105551212", "19206591212"), total=1))
    assert _provider(answers).search_numbers(_numbers(5, **WHOLE_REGION)) == [
        Offer(value="+19206591212", kind="number", country="US", number_type="local", region=TOLD_REGION)
    ]
    assert answers.asked() == ["GET /number/search"]
    assert dict(answers.requests[0].url.params) == ASKED_REGION | {"TollFree": "false", "Count": "5"}


def test_toll_free_numbers_are_searched_without_a_region() -> None:
    found = "<Number><Number>+18885551212</Number><TollFree>1</TollFree></Number>"
    answers = _Answers(_list(found))
    [offer] = _provider(answers).search_numbers(_numbers(number_type="toll_free", country="US"))
    assert offer == Offer(value="+18885551212", kind="number", number_type="toll_free")
    assert dict(answers.requests[0].url.params) == {"TollFree": "true", "Count": "20"}


@pytest.mark.parametrize(
    ("criteria", "shown"),
    [
        ({"prefix": "1312"}, "19295550100"),
        ({"country": "CA"}, "13125550100"),
        ({"number_type": "toll_free"}, "13125550100"),
        ({"country": "US", "state": "IL"}, "12065550100"),
    ],
)
def test_number_that_does_not_match_the_criteria_is_no_offer(criteria: dict[str, Any], shown: str) -> None:
    number = f"<Number><Number>{shown}</Number>{REGION}</Number>"
    assert _provider(_Answers(_list(number))).search_numbers(_numbers(**criteria)) == []


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: _list(total=0),
        lambda: _exception(404, "Not found"),
        lambda: _exception(400, "No numbers available in this region"),
        lambda: _exception(400, "Could not find any matching numbers"),
        lambda: _exception(400, "No such keyword"),
        lambda: httpx.Response(404, json={"ResourceException": {"HttpStatus": 404, "Message": "None found"}}),
    ],
)
def test_empty_result_is_recognized_in_every_form(nothing: Callable[[], Answer]) -> None:
    assert _provider(_Answers(nothing())).search_numbers(_numbers()) == []
    assert _provider(_Answers(nothing())).search_keywords(_keywords("SUN")) == []
    assert _provider(_Answers(nothing())).search_regions(Query()) == []


def test_invalid_and_excess_numbers_are_left_out() -> None:
    odd = "<Number><Number>67076</Number></Number><Number/><Number>13105551212</Number>"
    found = [FOUND.replace("1212", str(n)) for n in range(1000, 1009)]
    offers = _provider(_Answers(_list(odd, *found))).search_numbers(_numbers(3))
    assert [offer.value for offer in offers] == ["+13105551000", "+13105551001", "+13105551002"]


@pytest.mark.parametrize(
    ("criteria", "named"),
    [
        ({"features": ["sms"], "cities": ["Seattle"]}, "cities, features"),
        ({"area_code": "206"}, "area_code"),
        ({"number_type": "mobile"}, "local and toll-free"),
        ({"country": "DE"}, "US and Canada"),
        ({"prefix": "120"}, "prefix"),
        ({"number_type": "toll_free", "city": "Seattle"}, "region"),
    ],
)
def test_unsupported_criteria_are_refused_before_anything_is_sent(criteria: dict[str, Any], named: str) -> None:
    answers = _Answers(_list())
    for search in (_provider(answers).search_numbers, _provider(answers).search_regions):
        with pytest.raises(RefusedError, match=named):
            search(_numbers(**criteria))
    assert answers.requests == []


def test_search_for_numbers_needs_criteria() -> None:
    with pytest.raises(RefusedError):
        _provider(_Answers(_list())).search_numbers(_keywords("SUN"))


def test_taken_keywords_are_absent_and_the_others_spelled_as_requested() -> None:
    answers = _Answers(
        _list(*(f"<Keyword><Keyword>{keyword}</Keyword></Keyword>" for keyword in ("SUN", "OTHER", "STAR")))
    )
    assert _provider(answers).search_keywords(_keywords("Star", "MOON", "sun")) == [
        Offer(value="Star", kind="keyword"),
        Offer(value="sun", kind="keyword"),
    ]
    assert answers.requests[0].url.raw_path.endswith(b"/number/keyword/search?Keywords=Star+MOON+sun")


@pytest.mark.parametrize("keywords", [(), ("",), ("SUN", "MO ON"), ("S&Count=1",), ("A" * 65,), ("SONNE\n",), ("é",)])
def test_invalid_keyword_is_refused_before_anything_is_sent(keywords: tuple[str, ...]) -> None:
    answers = _Answers(_list())
    with pytest.raises(RefusedError):
        _provider(answers).search_keywords(_keywords(*keywords))
    assert answers.requests == []


def test_every_available_keyword_is_returned_whatever_the_limit() -> None:
    """A keyword that was cut off would read as taken."""
    answers = _Answers(_list(*(f"<Keyword><Keyword>{keyword}</Keyword></Keyword>" for keyword in ("SUN", "MOON"))))
    assert len(_provider(answers).search_keywords(_keywords("SUN", "MOON", limit=1))) == 2


def test_regions_are_searched_and_named_by_their_content() -> None:
    answers = _Answers(
        _list(
            REGION,
            "<Region><Prefix>1206</Prefix><Country>US</Country></Region>",
            "<Region><State>WA</State></Region>",
            "<Region><Country>CA</Country><Unheard>of</Unheard></Region>",
            "<Region><Latitude>1.0</Latitude></Region>",
            "<Region/>",
            total=6,
        )
    )
    offers = _provider(answers).search_regions(_numbers(7, **WHOLE_REGION))
    assert offers[0] == Offer(value="Seattle, WA, US", kind="region", country="US", region=TOLD_REGION)
    assert [offer.value for offer in offers[1:]] == ["1206, US", "WA", "CA"]
    assert answers.asked() == ["GET /number/regions"]
    assert dict(answers.requests[0].url.params) == ASKED_REGION | {"MaxResults": "7", "FirstResult": "0"}


def test_all_regions_are_searched_without_criteria() -> None:
    answers = _Answers(_list(REGION, REGION))
    assert len(_provider(answers).search_regions(Query(limit=1))) == 1
    _provider(answers).search_regions(Query(limit=5000))
    assert [dict(request.url.params) for request in answers.requests] == [
        {"MaxResults": "1", "FirstResult": "0"},
        {"MaxResults": "1000", "FirstResult": "0"},
    ]


def test_toll_free_numbers_have_no_regions() -> None:
    with pytest.raises(RefusedError):
        _provider(_Answers(_list())).search_regions(_numbers(number_type="toll_free"))


def test_namespaces_count_and_prefixes_do_not() -> None:
    swapped = (
        b'<ResourceList xmlns="http://api.callfire.com/resource" xmlns:d="http://api.callfire.com/data">'
        b"<d:Number><d:Number>13105551212</d:Number></d:Number></ResourceList>"
    )
    assert len(_provider(_Answers(swapped)).search_numbers(_numbers())) == 1
    other = swapped.replace(b"http://api.callfire.com/data", b"urn:other")
    assert _provider(_Answers(other)).search_numbers(_numbers()) == []


_UNHAPPY: list[tuple[Answer, type[ProviderError]]] = [
    (_exception(400, "Count is required"), RefusedError),
    (httpx.Response(404, text="<html>"), RefusedError),
    (httpx.Response(400, text="not XML"), RefusedError),
    (_exception(401, "Unauthorized"), AccountFaultError),
    # About this call: another kind of search may be allowed, and so may a purchase.
    (httpx.Response(403), NotPermittedError),
    (_exception(403, "Forbidden"), NotPermittedError),
    (_exception(400, "Service temporarily unavailable"), UnreadableError),
    (httpx.Response(409), UnreadableError),
    (_exception(400, "Rate Limit Reached"), AccountFaultError),
    (httpx.Response(429), AccountFaultError),
    (httpx.Response(408), UnreadableError),
    (httpx.Response(500), UnreadableError),
    (httpx.Response(302), UnreadableError),
    (b"<html>", UnreadableError),
    (b"{}", UnreadableError),
    (CREATED, UnreadableError),
    (_list(FOUND)[:-9], UnreadableError),
    (b'<!DOCTYPE a [<!ENTITY x "1">]>' + _list(FOUND).partition(b"?>")[2], UnreadableError),
    (httpx.ReadTimeout("slow"), UnreadableError),
    (httpx.ConnectError("refused"), UnreadableError),
]


@pytest.mark.parametrize(("answer", "error"), _UNHAPPY)
@pytest.mark.parametrize(
    "read",
    [
        lambda provider: provider.search_numbers(_numbers()),
        lambda provider: provider.search_keywords(_keywords("SUN")),
        lambda provider: provider.search_regions(Query()),
        lambda provider: provider.owned(None),
        lambda provider: provider.owned("keywords:0"),
        lambda provider: provider.registrations(),
    ],
)
def test_outcome_of_each_search_or_list_response(
    read: Callable[[Provider], object], answer: Answer, error: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError) as caught:
        read(_provider(_Answers(answer)))
    assert type(caught.value) is error
    assert str(caught.value).startswith(("HTTP ", "ReadTimeout", "ConnectError"))


# Owned assets ---------------------------------------------------------------------------------------------------------


def test_owned_number_is_read_with_every_field() -> None:
    answers = _Answers(_list(NUMBER, total=1))
    page = _provider(answers).owned(None)
    assert page.items == (
        Owned(
            value="+13105551212",
            kind=AssetKind.NUMBER,
            provider_status="ACTIVE",
            country="US",
            number_type="local",
            features=("voice",),
            since=datetime(2016, 8, 20, tzinfo=UTC),
            until=datetime(2016, 9, 20, tzinfo=UTC),
        ),
    )
    assert page.cursor == "keywords:0"
    assert answers.asked() == ["GET /number"]
    assert dict(answers.requests[0].url.params) == {"FirstResult": "0", "MaxResults": "100"}


def test_owned_keyword_is_read_with_every_field() -> None:
    answers = _Answers(_list(KEYWORD, total=41))
    page = _provider(answers).owned("keywords:40")
    assert page.items == (
        Owned(
            value="CHOCOLATE",
            kind=AssetKind.KEYWORD,
            provider_status="ACTIVE",
            since=datetime(2016, 8, 20, tzinfo=UTC),
            until=datetime(2016, 9, 20, tzinfo=UTC),
        ),
    )
    assert page.cursor is None
    assert answers.asked() == ["GET /number/keyword"]
    assert dict(answers.requests[0].url.params) == {"FirstResult": "40", "MaxResults": "100"}


def _owning(numbers: int, keywords: int, *, tell_total: bool) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        is_keyword = request.url.path.endswith("/keyword")
        first, most = (int(request.url.params[name]) for name in ("FirstResult", "MaxResults"))
        shown, of = (KEYWORD, keywords) if is_keyword else (NUMBER, numbers)
        elements = [shown.replace("1310555", f"1{n:06}").replace("CHOCOLATE", f"WORD{n}") for n in range(of)]
        total = of if tell_total else None
        return httpx.Response(200, content=_list(*elements[first:][:most], total=total))

    return answer


@pytest.mark.parametrize("tell_total", [True, False])
@pytest.mark.parametrize(("numbers", "keywords"), [(0, 0), (1, 0), (0, 1), (100, 100), (101, 205)])
def test_all_owned_assets_are_listed_once_numbers_first(numbers: int, keywords: int, tell_total: bool) -> None:
    provider = _provider(_Answers(_owning(numbers, keywords, tell_total=tell_total)))
    items: list[Owned] = []
    cursor = None
    for _ in range(8):
        page = provider.owned(cursor)
        items += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert cursor is None
    assert [item.kind for item in items] == [AssetKind.NUMBER] * numbers + [AssetKind.KEYWORD] * keywords
    assert len({item.value for item in items}) == numbers + keywords


@pytest.mark.parametrize("total", ["many", "-1", "", "\u0661"])
def test_odd_total_does_not_hide_the_page_after_a_full_one(total: str) -> None:
    page = _provider(_Answers(_list(*[NUMBER] * 100, total=total))).owned(None)
    assert page.cursor == "numbers:100"


def test_unreachable_total_ends_at_the_first_empty_page() -> None:
    assert _provider(_Answers(_list(total=7))).owned("numbers:5").cursor == "keywords:0"
    assert _provider(_Answers(_list(total=7))).owned("keywords:5").cursor is None


@pytest.mark.parametrize(
    "cursor",
    ["", "numbers", "numbers:", "numbers:-1", "numbers:\u0661", "leases:0", "numbers:0:0", "numbers:" + "1" * 10],
)
def test_invalid_cursor_is_refused(cursor: str) -> None:
    answers = _Answers(_list())
    with pytest.raises(RefusedError):
        _provider(answers).owned(cursor)
    assert answers.requests == []


@pytest.mark.parametrize(
    ("told", "since"),
    [
        ("2016-08-20Z", datetime(2016, 8, 20, tzinfo=UTC)),
        ("2016-08-20", datetime(2016, 8, 20, tzinfo=UTC)),
        ("2016-08-20-07:00", datetime(2016, 8, 20, 7, tzinfo=UTC)),
        ("2016-02-30Z", None),
        ("0001-01-01+14:00", None),
        ("2016-08-20T00:00:00Z", None),
        ("soon", None),
        ("", None),
    ],
)
def test_lease_dates_begin_at_midnight(told: str, since: datetime | None) -> None:
    [item] = _provider(_Answers(_list(NUMBER.replace("2016-08-20Z", told)))).owned(None).items
    assert item.since == since


@pytest.mark.parametrize(
    ("told", "given_back"),
    [
        (NUMBER, False),
        (NUMBER.replace("ACTIVE", "RELEASED"), True),
        (NUMBER.replace("<AutoRenew>true", "<AutoRenew>false"), True),
        (NUMBER.replace("<AutoRenew>true</AutoRenew>", ""), False),
        (NUMBER.replace(LEASE, ""), False),
        (NUMBER.replace("ACTIVE", "UNAVAILABLE"), False),
    ],
)
def test_lease_without_renewal_counts_as_released(told: str, given_back: bool) -> None:
    [item] = _provider(_Answers(_list(told))).owned(None).items
    assert item.given_back is given_back


def test_unreadable_number_still_counts_as_owned() -> None:
    short = "<Number><Number>67076</Number><Status>MOONED</Status></Number>"
    page = _provider(_Answers(_list(short))).owned(None)
    assert page.items == (Owned(value="67076", kind=AssetKind.NUMBER, provider_status="MOONED"),)


@pytest.mark.parametrize(
    "written",
    ["2065550100", "+12065550100", "(206) 555-0100", "206-555-0100", "<!-- -->12065550100"],
)
def test_owned_number_in_another_notation_is_the_same_number(written: str) -> None:
    shown = [
        f"<Number><Number>{written}</Number></Number>",
        f"<Number><NationalFormat>{written}</NationalFormat></Number>",
    ]
    page = _provider(_Answers(_list(*shown))).owned(None)
    assert [item.value for item in page.items] == ["+12065550100"] * 2


@pytest.mark.parametrize("odd", ["<Number/>", "<Number><Status>ACTIVE</Status></Number>"])
def test_unreadable_owned_number_is_not_left_out(odd: str) -> None:
    page = _provider(_Answers(_list(NUMBER, odd))).owned(None)
    assert ([item.value for item in page.items], page.unread) == (["+13105551212"], ("a number without its digits",))
    with pytest.raises(UnreadableError):
        _provider(_Answers(_list(NUMBER, odd))).candidates(_unclear(LOCAL))
    keywords = f"{KEYWORD}{odd.replace('Number', 'Keyword')}"
    page = _provider(_Answers(_list(keywords))).owned("keywords:0")
    assert ([item.value for item in page.items], page.unread) == (["CHOCOLATE"], ("a keyword without its text",))


def test_list_of_another_kind_is_no_list() -> None:
    with pytest.raises(UnreadableError):
        _provider(_Answers(_list(NUMBER, "<Item>12065550100</Item>"))).owned(None)


def test_lists_in_json_are_read() -> None:
    # The shapes of CallFire's Java client's fixtures query.json and queryKeywords.json, and of a live response's number.
    lease = {"LeaseBegin": "2016-08-20Z", "LeaseEnd": "2016-09-20Z", "AutoRenew": True}
    numbers = [{"Number": 13105551212, "TollFree": False, "Region": {"Prefix": 1310555}, "LeaseInfo": lease}]
    answers = _Answers(
        httpx.Response(200, json={"ResourceList": {"@totalResults": 1, "Number": numbers}}),
        httpx.Response(200, json={"ResourceList": {"Keyword": {"Keyword": "SUN", "LeaseInfo": lease}}}),
    )
    provider = _provider(answers)
    [number], [keyword] = provider.owned(None).items, provider.owned("keywords:0").items
    assert (number.value, number.number_type, number.given_back) == ("+13105551212", "local", False)
    assert (keyword.value, keyword.until) == ("SUN", datetime(2016, 9, 20, tzinfo=UTC))


# Releasing ------------------------------------------------------------------------------------------------------------


RELEASED_KEYWORD = KEYWORD.replace("<AutoRenew>true", "<AutoRenew>false")


def _forms(answers: _Answers) -> list[dict[str, list[str]]]:
    sent = [request for request in answers.requests if request.method == "PUT"]
    assert {request.headers["content-type"] for request in sent} <= {"application/x-www-form-urlencoded"}
    return [parse_qs(request.content.decode(), strict_parsing=True) for request in sent]


def test_release_of_a_number_is_sent_as_documented() -> None:
    answers = _Answers(_resource(NUMBER), httpx.Response(204))
    assert _provider(answers).release("+13105551212", AssetKind.NUMBER) == "released; leased until 2016-09-20"
    assert answers.asked() == ["GET /number/13105551212", "PUT /number/release"]
    assert _forms(answers) == [{"Number": ["13105551212"]}]


def test_release_of_a_keyword_names_its_short_code_and_is_verified() -> None:
    no_number = _exception(404, "Not found")
    answers = _Answers(_list(KEYWORD), no_number, httpx.Response(204), _list(RELEASED_KEYWORD))
    assert _provider(answers).release("Chocolate", AssetKind.KEYWORD) == "released; leased until 2016-09-20"
    poll = "GET /number/keyword"
    assert answers.asked() == [poll, "GET /number/67076", "PUT /number/release", poll]
    assert _forms(answers) == [{"Number": ["67076"], "Keyword": ["CHOCOLATE"]}]


@pytest.mark.parametrize(
    ("keyword", "answers"),
    [
        # A short code of the account's own would be released with it.
        (KEYWORD, [_resource(NUMBER.replace("13105551212", "67076"))]),
        (KEYWORD.replace("67076", ""), []),
        (KEYWORD.replace("67076", "short"), []),
    ],
)
def test_keyword_is_released_alone_if_no_number_can_be_named(keyword: str, answers: list[Answer]) -> None:
    asked = _Answers(_list(keyword), *answers, httpx.Response(204), _list(RELEASED_KEYWORD))
    _provider(asked).release("CHOCOLATE", AssetKind.KEYWORD)
    assert _forms(asked) == [{"Keyword": ["CHOCOLATE"]}]


def test_keyword_refused_with_its_short_code_is_tried_alone() -> None:
    answers = _Answers(
        _list(KEYWORD),
        _exception(404, "Not found"),
        _exception(400, "Number is not yours"),
        httpx.Response(204),
        _list(RELEASED_KEYWORD),
    )
    _provider(answers).release("CHOCOLATE", AssetKind.KEYWORD)
    assert _forms(answers) == [{"Number": ["67076"], "Keyword": ["CHOCOLATE"]}, {"Keyword": ["CHOCOLATE"]}]


def test_keyword_refused_in_every_form_says_where_to_release_it() -> None:
    answers = _Answers(_list(KEYWORD), _exception(404, "Not found"), _exception(400, "Number is required"))
    with pytest.raises(RefusedError, match="on its own pages"):
        _provider(answers).release("CHOCOLATE", AssetKind.KEYWORD)
    assert len(_forms(answers)) == 2


def test_keyword_that_still_renews_is_not_released() -> None:
    answers = _Answers(_list(KEYWORD), _exception(404, "Not found"), httpx.Response(204), _list(KEYWORD))
    with pytest.raises(OutcomeUnknownError, match="still renews"):
        _provider(answers).release("CHOCOLATE", AssetKind.KEYWORD)


def test_keyword_that_disappears_at_once_is_released() -> None:
    answers = _Answers(_list(KEYWORD), _exception(404, "Not found"), httpx.Response(204), _list(total=0))
    assert _provider(answers).release("CHOCOLATE", AssetKind.KEYWORD) == "released; leased until 2016-09-20"


@pytest.mark.parametrize(
    ("shown", "value", "kind"),
    [
        (_resource(NUMBER.replace("ACTIVE", "RELEASED")), "+13105551212", AssetKind.NUMBER),
        (_list(KEYWORD.replace("<AutoRenew>true", "<AutoRenew>0")), "chocolate", AssetKind.KEYWORD),
    ],
)
def test_released_number_is_not_released_again(shown: bytes, value: str, kind: AssetKind) -> None:
    answers = _Answers(shown)
    assert _provider(answers).release(value, kind) == "released; leased until 2016-09-20"
    assert len(answers.requests) == 1


def test_release_without_an_end_date_has_none() -> None:
    answers = _Answers(_resource(NUMBER.replace(LEASE, "")), httpx.Response(204))
    assert _provider(answers).release("+13105551212", AssetKind.NUMBER) == "released"


@pytest.mark.parametrize(
    ("answer", "value", "kind", "error"),
    [
        (_exception(404, "Not found"), "+13105551212", AssetKind.NUMBER, NoSuchThingError),
        (b"", "+493012345", AssetKind.NUMBER, NoSuchThingError),
        (b"", "+1310555121/order", AssetKind.NUMBER, NoSuchThingError),
        (_list(KEYWORD, total=1), "VANILLA", AssetKind.KEYWORD, NoSuchThingError),
        (_resource(NUMBER), "+13105551213", AssetKind.NUMBER, UnreadableError),
        (b"<html>", "+13105551212", AssetKind.NUMBER, UnreadableError),
        (_exception(500, "?"), "+13105551212", AssetKind.NUMBER, UnreadableError),
        (_exception(401, "?"), "+13105551212", AssetKind.NUMBER, AccountFaultError),
        (_list(KEYWORD, total=10**9), "VANILLA", AssetKind.KEYWORD, UnreadableError),
    ],
)
def test_number_not_certainly_there_is_not_released(
    answer: Answer, value: str, kind: AssetKind, error: type[ProviderError]
) -> None:
    answers = _Answers(answer)
    with pytest.raises(ProviderError) as caught:
        _provider(answers).release(value, kind)
    assert type(caught.value) is error
    assert {request.method for request in answers.requests} <= {"GET"}
    assert len(answers.requests) <= 20


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        # It was listed a moment ago: taken for gone, it would continue to cost.
        (_exception(404, "Not found"), OutcomeUnknownError),
        (httpx.Response(200, content=_exception(400, "Number is not yours").content), OutcomeUnknownError),
        (_exception(400, "Number is invalid"), RefusedError),
        (httpx.Response(403), NotPermittedError),
        (_exception(401, "Unauthorized"), AccountFaultError),
        (_exception(429, "Rate Limit Reached"), AccountFaultError),
        (_exception(408, "?"), OutcomeUnknownError),
        (_exception(500, "?"), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.ConnectError("no"), NotSentError),
    ],
)
def test_release_is_never_repeated_and_its_outcomes_are_distinguished(
    answer: Answer, error: type[ProviderError]
) -> None:
    answers = _Answers(_resource(NUMBER), answer)
    with pytest.raises(ProviderError) as caught:
        _provider(answers).release("+13105551212", AssetKind.NUMBER)
    assert type(caught.value) is error
    assert answers.asked() == ["GET /number/13105551212", "PUT /number/release"]


# Candidates -----------------------------------------------------------------------------------------------------------


def _unclear(*items: dict[str, Any]) -> Order:
    """Return an order whose last attempt began at 08:30 UTC on 22 November."""
    message = OrderMessage.model_validate({"order_id": "order-1", "provider": "callfire", "items": items})
    order, _ = placing.receive(message, reference="reference", correlation_id="c", now=NOW)
    return placing.begin(order, (), None, NOW, Timings(), content_lock="a" * 64)[0]


def _lease(number: int, begin: str = "2026-11-22Z", *, toll_free: str = "false") -> str:
    number_ = NUMBER.replace("13105551212", str(number)).replace("2016-08-20Z", begin)
    return number_.replace("<TollFree>false", f"<TollFree>{toll_free}")


def _leases(provider: Provider, order: Order) -> list[Owned]:
    return [candidate for candidate in provider.candidates(order) if isinstance(candidate, Owned)]


LOCAL: dict[str, Any] = {"criteria": {"country": "US"}, "quantity": 2}


@pytest.mark.parametrize(
    ("begin", "is_named"),
    [
        ("2026-11-22Z", True),
        ("2026-11-22", True),
        ("2026-11-23Z", True),
        ("2026-11-21Z", False),
        # Its day began at 07:00 UTC on the 21st and was over at 07:00 on the 22nd.
        ("2026-11-21-07:00", False),
        ("2026-11-22-07:00", True),
        # Its day began at 14:00 UTC on the 21st: the attempt was in it.
        ("2026-11-22+10:00", True),
        ("2016-08-20Z", False),
        ("yesterday", True),
    ],
)
def test_lease_that_began_on_the_day_of_the_attempt_or_later_is_a_candidate(begin: str, is_named: bool) -> None:
    found = _leases(_provider(_Answers(_list(_lease(13105551212, begin), total=1))), _unclear(LOCAL))
    assert [each.value for each in found] == (["+13105551212"] if is_named else [])


def test_attempt_just_after_midnight_may_be_the_day_before_at_callfire() -> None:
    order = _unclear(LOCAL)
    assert order.attempt
    began_at = datetime(2026, 11, 22, 0, 0, 30, tzinfo=UTC)
    order = order.with_(attempt=order.attempt.with_(began_at=began_at))
    assert len(_provider(_Answers(_list(_lease(13105551212, "2026-11-21Z")))).candidates(order)) == 1


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ([LOCAL], ["+13105551212", "+13105551214", "unheard"]),
        ([{"criteria": {"number_type": "toll_free"}, "quantity": 1}], ["+18885551213", "+13105551214"]),
        ([{"numbers": ["+18885551213", "+13105559999"]}], ["+18885551213", "unheard"]),
        ([{"keywords": ["Chocolate"]}], ["Chocolate"]),
        ([{"numbers": ["+18885551213"]}, {"keywords": ["vanilla"]}], ["+18885551213", "unheard"]),
    ],
)
def test_lease_of_an_ordered_kind_is_a_candidate(items: list[dict[str, Any]], named: list[str]) -> None:
    numbers = [
        _lease(13105551212),
        _lease(18885551213, toll_free="true"),
        _lease(13105551214, toll_free="?"),
        "<Number><Number>unheard</Number><TollFree>false</TollFree></Number>",
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        is_of_keywords = request.url.path.endswith("/keyword")
        keywords = [KEYWORD.replace("2016-08-20Z", "2026-11-22Z"), KEYWORD.replace("CHOCOLATE", "MINT")]
        return httpx.Response(200, content=_list(*(keywords if is_of_keywords else numbers)))

    answers = _Answers(answer)
    found = _leases(_provider(answers), _unclear(*items))
    assert [each.value for each in found] == named
    kinds = {"/number/keyword" if "keywords" in item else "/number" for item in items}
    assert {call.removeprefix("GET ") for call in answers.asked()} == kinds


@pytest.mark.parametrize("tell_total", [True, False])
def test_both_ends_of_a_long_list_are_read_and_nothing_else(tell_total: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first, most = (int(request.url.params[name]) for name in ("FirstResult", "MaxResults"))
        numbers = [_lease(13105550000 + n) for n in range(first, min(first + most, 2600))]
        return httpx.Response(200, content=_list(*numbers, total=2600 if tell_total else None))

    answers = _Answers(answer)
    found = [int(lease.value[-4:]) for lease in _leases(_provider(answers), _unclear(LOCAL))]
    last = range(2100, 2600) if tell_total else range(500, 1000)
    assert found == [*range(500), *last]
    assert len(answers.requests) == 2


def test_order_that_was_never_sent_has_no_candidates() -> None:
    answers = _Answers(_list(_lease(13105551212)))
    assert _provider(answers).candidates(_unclear(LOCAL).with_(attempt=None)) == []
    assert answers.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_exception(400, "?"), UnreadableError),
        (_exception(500, "?"), UnreadableError),
        (b"<html>", UnreadableError),
        (_exception(401, "?"), AccountFaultError),
    ],
)
def test_unreadable_candidates_are_not_an_empty_list(answer: Answer, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _provider(_Answers(answer)).candidates(_unclear(LOCAL))
    assert type(caught.value) is error


# Subscriptions --------------------------------------------------------------------------------------------------------


def test_subscriptions_are_listed_without_the_token() -> None:
    by_email = (
        '<Subscription id="124"><Enabled>false</Enabled><Endpoint>desk@example.com</Endpoint>'
        "<NotificationFormat>EMAIL</NotificationFormat><TriggerEvent>MOONED</TriggerEvent></Subscription>"
    )
    answers = _Answers(_list(SUBSCRIPTION, by_email, '<Subscription id="x"/>', '<Subscription id="125"/>', total=4))
    assert _provider(answers).registrations() == [
        REGISTRATION,
        Registration(
            id="124", url="desk@example.com", event="MOONED", enabled=False, provider_status="false", note=NOTE
        ),
        Registration(id="125", url="", event="", enabled=False, provider_status="", note=NOTE),
    ]
    assert answers.asked() == ["GET /subscription"]
    assert dict(answers.requests[0].url.params) == {"FirstResult": "0", "MaxResults": "1000"}


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        (ENDPOINT, SHOWN_ENDPOINT),
        (f"{ENDPOINT}/more?token=secret#secret", SHOWN_ENDPOINT),
        ("https://desk.example/v1/Postbacks/CallFire/secret", "https://desk.example/v1/Postbacks/CallFire/{token}"),
        ("https://desk.example/postbacks/callfire/", "https://desk.example/postbacks/callfire/{token}"),
        ("https://me:secret@elsewhere.example/hook?key=secret", "https://elsewhere.example/hook"),
        ("http://www.yourwebsite.com/somephpfile.php", "http://www.yourwebsite.com/somephpfile.php"),
        ("desk@example.com", "desk@example.com"),
        ("", ""),
    ],
)
def test_address_is_shown_without_possible_secrets(endpoint: str, shown: str) -> None:
    assert without_secrets(endpoint) == shown


@given(st.text(string.printable, max_size=20), st.text(string.ascii_letters + string.digits + "-_%.~", min_size=1))
def test_our_token_is_never_shown(before: str, token: str) -> None:
    secret = f"secret{token}"
    assert secret not in without_secrets(f"https://{before}/postbacks/callfire/{secret}")


def _endless(request: httpx.Request) -> httpx.Response:
    first = int(request.url.params["FirstResult"])
    elements = [SUBSCRIPTION.replace("123", str(first + n)) for n in range(100)]
    return httpx.Response(200, content=_list(*elements, total=10**9))


def test_endless_list_of_subscriptions_is_given_up() -> None:
    answers = _Answers(_endless)
    assert len(_provider(answers).registrations()) == 1000
    assert [request.url.params["FirstResult"] for request in answers.requests] == [str(n * 100) for n in range(10)]


def test_subscribing_sends_the_documented_form_and_reads_the_result() -> None:
    answers = _Answers(_list(total=0), httpx.Response(201, content=CREATED), _resource(SUBSCRIPTION))
    assert _provider(answers).register(ENDPOINT, "CAMPAIGN_FINISHED") == REGISTRATION
    assert answers.asked() == ["GET /subscription", "POST /subscription", "GET /subscription/123"]
    request = answers.requests[1]
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(request.content.decode(), strict_parsing=True)
    [request_id] = form.pop("RequestId")
    assert request_id.startswith("urn:uuid:")
    assert form == {
        "Enabled": ["true"],
        "Endpoint": [ENDPOINT],
        "NotificationFormat": ["XML"],
        "TriggerEvent": ["CAMPAIGN_FINISHED"],
    }


def _request_id(url: str, event: str) -> str:
    answers = _Answers(_list(total=0), httpx.Response(201, content=CREATED), _resource(SUBSCRIPTION))
    _provider(answers).register(url, event)
    return parse_qs(answers.requests[1].content.decode())["RequestId"][0]


def test_request_id_is_the_same_only_for_a_repeat() -> None:
    ids = [
        _request_id(ENDPOINT, "CAMPAIGN_FINISHED"),
        _request_id(ENDPOINT, "CAMPAIGN_FINISHED"),
        _request_id(ENDPOINT, "CAMPAIGN_STARTED"),
        _request_id(f"{ENDPOINT}2", "CAMPAIGN_FINISHED"),
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_existing_subscription_is_returned() -> None:
    answers = _Answers(_list(SUBSCRIPTION, total=1))
    assert _provider(answers).register(ENDPOINT, "CAMPAIGN_FINISHED") == REGISTRATION
    assert answers.asked() == ["GET /subscription"]


@pytest.mark.parametrize(
    "there",
    [
        SUBSCRIPTION.replace(ENDPOINT, f"{ENDPOINT}2"),
        SUBSCRIPTION.replace("CAMPAIGN_FINISHED", "CAMPAIGN_STARTED"),
        SUBSCRIPTION.replace("<SubscriptionFilter/>", FILTER),
    ],
)
def test_another_address_event_or_filter_is_another_subscription(there: str) -> None:
    answers = _Answers(_list(there, total=1), httpx.Response(201, content=CREATED), _resource(SUBSCRIPTION))
    _provider(answers).register(ENDPOINT, "CAMPAIGN_FINISHED")
    assert "POST /subscription" in answers.asked()


def test_without_an_event_the_known_events_are_listed() -> None:
    answers = _Answers(_list())
    with pytest.raises(RefusedError) as caught:
        _provider(answers).register(ENDPOINT, None)
    assert str(caught.value) == (
        "CallFire needs a trigger event; it documents INBOUND_CALL_FINISHED, INBOUND_TEXT_FINISHED, "
        "OUTBOUND_CALL_FINISHED, OUTBOUND_TEXT_FINISHED, CAMPAIGN_STARTED, CAMPAIGN_STOPPED, CAMPAIGN_FINISHED: "
        "none is about number orders, though it recommends a postback for them"
    )
    assert answers.requests == []


@pytest.mark.parametrize("event", ["", "campaign_finished", "CAMPAIGN FINISHED", "A&Enabled=false", "A" * 65, "A\n"])
def test_invalid_event_name_is_refused_before_anything_is_sent(event: str) -> None:
    answers = _Answers(_list())
    with pytest.raises(RefusedError):
        _provider(answers).register(ENDPOINT, event)
    assert answers.requests == []


_MADE = httpx.Response(201, content=CREATED)


@pytest.mark.parametrize(
    ("made", "read", "error"),
    [
        (_exception(400, "TriggerEvent is unknown"), b"", RefusedError),
        (_exception(401, "Unauthorized"), b"", AccountFaultError),
        (httpx.Response(429), b"", AccountFaultError),
        (httpx.Response(403), b"", NotPermittedError),
        (httpx.Response(404), b"", RefusedError),
        (httpx.Response(500), b"", OutcomeUnknownError),
        (httpx.Response(201), b"", OutcomeUnknownError),
        (httpx.Response(201, headers={"location": "https://desk.example/subscription/1x"}), b"", OutcomeUnknownError),
        (httpx.Response(201, content=CREATED.replace(b"123", b"x")), b"", OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), b"", OutcomeUnknownError),
        (httpx.ConnectError("refused"), b"", NotSentError),
        # Created but unreadable: a repeat finds it in the list.
        (_MADE, httpx.Response(503), UnreadableError),
        (_MADE, httpx.Response(401), AccountFaultError),
        (_MADE, b"<html>", UnreadableError),
        (_MADE, _list(), UnreadableError),
        (_MADE, _resource(SUBSCRIPTION.replace('"123"', '"124"')), UnreadableError),
        # The RequestId is remembered, but its subscription is gone.
        (_MADE, httpx.Response(404), RefusedError),
    ],
)
def test_outcome_of_each_subscribe_response(made: Answer, read: Answer, error: type[ProviderError]) -> None:
    answers = _Answers(_list(total=0), made, read)
    with pytest.raises(ProviderError) as caught:
        _provider(answers).register(ENDPOINT, "CAMPAIGN_FINISHED")
    assert type(caught.value) is error
    assert answers.asked().count("POST /subscription") == 1
    assert "very-secret-token" not in repr(caught.value)


def test_unsubscribing_is_one_delete() -> None:
    answers = _Answers(httpx.Response(200))
    _provider(answers).unregister("123")
    assert answers.asked() == ["DELETE /subscription/123"]
    assert answers.requests[0].content == b""


@pytest.mark.parametrize("registration_id", ["", "x", "1/2", "..", "\u0661", "1" * 21, "1\n"])
def test_invalid_subscription_id_is_refused_before_anything_is_sent(registration_id: str) -> None:
    answers = _Answers(httpx.Response(200))
    with pytest.raises(RefusedError):
        _provider(answers).unregister(registration_id)
    assert answers.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_exception(404, "Not found"), NoSuchThingError),
        (_exception(400, "Bad"), RefusedError),
        (httpx.Response(401), AccountFaultError),
        (httpx.Response(500), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.ConnectError("refused"), NotSentError),
    ],
)
def test_outcome_of_each_unsubscribe_response(answer: Answer, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _provider(_Answers(answer)).unregister("123")
    assert type(caught.value) is error


def test_every_call_takes_its_slot() -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise SlotBusyError(timedelta(seconds=9))

    answers = _Answers(_list(total=0), httpx.Response(201, content=CREATED), _resource(SUBSCRIPTION))
    provider = _provider(answers, count)
    provider.register(ENDPOINT, "CAMPAIGN_FINISHED")
    for call in (
        lambda: provider.search_numbers(_numbers()),
        lambda: provider.search_keywords(_keywords("SUN")),
        lambda: provider.search_regions(Query()),
        lambda: provider.owned(None),
        provider.registrations,
        lambda: provider.unregister("123"),
    ):
        with pytest.raises(SlotBusyError):
            call()
    assert len(answers.requests) == 3


# Odd responses --------------------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    [
        "Number",
        "Keyword",
        "Region",
        "Subscription",
        "Status",
        "TollFree",
        "LeaseInfo",
        "LeaseBegin",
        "City",
        "Country",
        "NumberConfiguration",
        "TextFeature",
        "Enabled",
        "Endpoint",
        "TriggerEvent",
        "Unheard",
    ]
)
_TEXTS = st.sampled_from(
    (
        "| |13105551212|+13105551212|2016-08-20Z|0000-00-00Z|true|ENABLED|NaN|\u202e|&lt;a&gt;|<!-- -->|"
        f"https://desk.example/postbacks/callfire/secret|{'9' * 300}"
    ).split("|")
)
_ELEMENTS = st.recursive(
    _TEXTS,
    lambda inner: st.builds(
        lambda name, content, number: f'<{name} id="{number}">{"".join(content)}</{name}>',
        _NAMES,
        st.lists(inner, max_size=4),
        st.integers(-1, 200),
    ),
    max_leaves=12,
)


@given(st.lists(_ELEMENTS, max_size=4), st.none() | st.integers() | st.text(string.ascii_letters, max_size=3))
def test_any_list_is_read(elements: list[str], total: int | str | None) -> None:
    provider = _provider(_Answers(_list(*elements, total=total)))
    offers = provider.search_numbers(_numbers()) + provider.search_regions(Query())
    assert all(offer.value.isprintable() and offer.value for offer in offers)
    assert all(offer.value == "SUN" for offer in provider.search_keywords(_keywords("SUN")))
    for cursor in (None, "keywords:0"):
        with suppress(UnreadableError):
            assert all(item.value.isprintable() and item.value for item in provider.owned(cursor).items)
    with suppress(UnreadableError):
        assert all("secret" not in registration.url for registration in provider.registrations())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_reported_as_unreadable(content: bytes) -> None:
    provider = _provider(_Answers(content))
    for read in (lambda: provider.owned(None), provider.registrations):
        with pytest.raises(UnreadableError):
            read()
