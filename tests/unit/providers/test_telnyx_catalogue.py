"""Telnyx's requirements, from two sources that disagree, as one model."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.catalogue import Criteria, Specification, check
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ValueKind
from numberdesk.domain.values import TextValue
from numberdesk.providers.base import AccountFaultError, Credentials, Provider, RefusedError, UnreadableError
from numberdesk.providers.telnyx.adapter import build
from numberdesk.providers.telnyx.catalogue import criteria, specification
from tests.support.properties import examples

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


class _Still:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def _adapter(transport: httpx.BaseTransport) -> Provider:
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY-telnyx"})
    return build(credentials, _Still(), Timings(), transport=transport)


class _Telnyx:
    """Prepared responses, by resource."""

    def __init__(self, requirements: object = (), types: object = ()) -> None:
        self.requirements: Any = requirements
        self.types: Any = types
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        answer = self.types if request.url.path.endswith("requirement_types") else self.requirements
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json={"data": answer})

    def catalogue(self, **asked: str) -> list[Specification]:
        return _adapter(httpx.MockTransport(self)).catalogue(**asked)


def _row(*requirements: object, **row: object) -> dict[str, object]:
    of = {"country_code": "DE", "phone_number_type": "local", "action": "ordering"}
    return {**of, **row, "regulatory_requirements": list(requirements)}


REQUIREMENT: dict[str, object] = {
    "id": "r-1",
    "name": "Business Name",
    "field_type": "textual",
    "description": "The business that uses the numbers.",
    "example": "Example GmbH",
    "acceptance_criteria": {"min_length": "2", "max_length": "80"},
}
TYPE: dict[str, object] = {
    "id": "r-1",
    "name": "End User Business Name",
    "type": "textual",
    "description": "Another description",
    "example": "Another example",
    "record_type": "requirement_type",
    "acceptance_criteria": {
        "time_limit": None,
        "locality_limit": None,
        "acceptable_values": [],
        "acceptable_characters": None,
        "min_length": None,
        "max_length": 40,
    },
}


def test_catalogue_of_a_country_is_read_completely_from_the_simulator() -> None:
    simulator = TelnyxSimulator(Clock(NOW))
    found = _adapter(SimulatorTransport(simulator)).catalogue(country="NL", number_type="local")
    assert [(each.name, each.kind, each.provider_status) for each in found] == [
        ("End User Address", ValueKind.ADDRESS, "address"),
        ("Trade Register Number", ValueKind.TEXT, "textual"),
        ("Legal Form", ValueKind.TEXT, "textual"),
        ("Date of Incorporation", ValueKind.DATE, "datetime"),
    ]
    assert {(each.country, each.number_type) for each in found} == {("NL", "local")}
    register, form = found[1].criteria, found[2].criteria
    assert register == Criteria(
        min_length=8, max_length=8, accepted_characters="numeric", pattern="[0-9]{8}", case_sensitive=False
    )
    assert form.accepted_values == ("BV", "NV", "VOF")
    # The criteria are what the check needs.
    assert check(found[2], TextValue(kind="text", text="bv"), "v") == []
    assert {each.code for each in check(found[1], TextValue(kind="text", text="1x"), "v")} == {
        "too_short",
        "characters",
        "pattern",
    }
    assert simulator.requests("list_requirement_types") == []


def test_catalogue_of_one_number_is_requested_by_the_number() -> None:
    telnyx = _Telnyx([_row(REQUIREMENT)])
    [found] = telnyx.catalogue(number="+4930901820")
    assert (found.id, found.country, found.number_type) == ("r-1", "DE", "local")
    assert [url.params.multi_items() for url in telnyx.asked] == [
        [("filter[phone_number]", "+4930901820"), ("filter[action]", "ordering")]
    ]


def test_number_without_requirements_has_an_empty_catalogue() -> None:
    assert _Telnyx([]).catalogue(country="US", number_type="local") == []


def test_requirement_is_not_overruled_by_its_type() -> None:
    telnyx = _Telnyx([_row(REQUIREMENT)], [TYPE])
    [found] = telnyx.catalogue(country="DE", number_type="local")
    assert len(telnyx.asked) == 1
    assert (found.name, found.description, found.example) == (
        "Business Name",
        "The business that uses the numbers.",
        "Example GmbH",
    )
    assert (found.criteria.min_length, found.criteria.max_length) == (2, 80)


@pytest.mark.parametrize(
    ("lacking", "shown"),
    [
        ({"field_type": None}, ("Business Name", ValueKind.TEXT, "textual", 80)),
        ({"field_type": "hologram"}, ("Business Name", ValueKind.TEXT, "textual", 80)),
        ({"name": None}, ("End User Business Name", ValueKind.TEXT, "textual", 80)),
        ({"name": None, "label": "A label"}, ("A label", ValueKind.TEXT, "textual", 80)),
        ({"description": ""}, ("Business Name", ValueKind.TEXT, "textual", 80)),
        ({"acceptance_criteria": None}, ("Business Name", ValueKind.TEXT, "textual", 40)),
        ({"acceptance_criteria": {"max_length": "None"}}, ("Business Name", ValueKind.TEXT, "textual", 40)),
    ],
)
def test_missing_details_come_from_the_type(lacking: dict[str, object], shown: tuple[str, ValueKind, str, int]) -> None:
    telnyx = _Telnyx([_row({**REQUIREMENT, **lacking})], [TYPE, {"id": "r-2", "name": "Another"}, None])
    [found] = telnyx.catalogue(country="DE", number_type="local")
    assert telnyx.asked[-1].path == "/v2/requirement_types"
    assert (found.name, found.kind, found.provider_status, found.criteria.max_length) == shown
    assert found.description


def test_unknown_kind_is_kept() -> None:
    telnyx = _Telnyx([_row({"id": "r-1", "field_type": "hologram"})], [{"id": "r-1", "type": "hologram_id"}])
    [found] = telnyx.catalogue(country="DE")
    assert (found.kind, found.provider_status, found.name) == (ValueKind.UNKNOWN, "hologram", "r-1")


def test_other_countries_types_and_actions_are_left_out() -> None:
    telnyx = _Telnyx(
        [
            _row({**REQUIREMENT, "id": "for porting"}, action="porting"),
            _row({**REQUIREMENT, "id": "for Austria"}, country_code="AT"),
            _row({**REQUIREMENT, "id": "for mobile"}, phone_number_type="mobile"),
            _row(REQUIREMENT, REQUIREMENT, action="both"),
            _row({**REQUIREMENT, "id": "told without them"}, country_code=None, phone_number_type=None, action=None),
            _row({**REQUIREMENT, "id": None}, None, 7),
            None,
        ]
    )
    found = telnyx.catalogue(country="DE", number_type="local")
    assert [each.id for each in found] == ["r-1", "told without them"]
    assert {(each.country, each.number_type) for each in found} == {("DE", "local")}


def test_types_that_telnyx_does_not_list_are_skipped() -> None:
    telnyx = _Telnyx([_row({"id": "r-1", "field_type": "address"})], httpx.Response(404))
    assert [each.kind for each in telnyx.catalogue(country="DE")] == [ValueKind.ADDRESS]


def test_temporarily_unreadable_types_are_read_again_later() -> None:
    # A value would be checked against fewer criteria than there are.
    telnyx = _Telnyx([_row({"id": "r-1", "field_type": "address"})], httpx.Response(503))
    with pytest.raises(UnreadableError):
        telnyx.catalogue(country="DE")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            httpx.Response(400, json={"errors": [{"code": "10032", "title": "Invalid value", "detail": "XX"}]}),
            RefusedError,
        ),
        (httpx.Response(404), RefusedError),
        (httpx.Response(422, json={"errors": [{"code": "10015", "title": "Bad Request"}]}), RefusedError),
        # Nothing says that a retry would not help.
        (httpx.Response(422), UnreadableError),
        *(
            (httpx.Response(status, json={"errors": [{"code": code, "title": "Later"}]}), UnreadableError)
            for status in (400, 404, 422)
            for code in ("10007", "10008", "10036", "10037")
        ),
        (httpx.Response(401), AccountFaultError),
        (httpx.Response(429, headers={"Retry-After": "60"}), AccountFaultError),
        (httpx.Response(503), UnreadableError),
        (httpx.Response(200, text="<html>"), UnreadableError),
    ],
)
def test_failures_are_distinguished(answer: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        _Telnyx(answer).catalogue(country="XX", number_type="local")
    assert type(caught.value) is kind or kind is UnreadableError
    assert "XX" not in str(caught.value)


def test_catalogue_of_everything_is_refused() -> None:
    telnyx = _Telnyx([])
    with pytest.raises(RefusedError, match="name one of them"):
        telnyx.catalogue(number_type="local")
    assert telnyx.asked == []


@pytest.mark.parametrize(
    ("provider_status", "kind"),
    [
        ("textual", ValueKind.TEXT),
        ("string", ValueKind.TEXT),
        ("datetime", ValueKind.DATE),
        ("date", ValueKind.DATE),
        ("address", ValueKind.ADDRESS),
        ("address_id", ValueKind.ADDRESS),
        ("document", ValueKind.DOCUMENT),
        ("document_id", ValueKind.DOCUMENT),
        ("number_order_document_id", ValueKind.DOCUMENT),
        ("action", ValueKind.ACTION),
        ("Textual", ValueKind.TEXT),
    ],
)
def test_every_spelling_of_a_kind_is_known(provider_status: str, kind: ValueKind) -> None:
    found = specification("r-1", {"field_type": provider_status}, {}, None, None)
    assert (found.kind, found.provider_status) == (kind, provider_status)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        # As in the OpenAPI document's example of regulatory requirements.
        (
            {
                "acceptable_values": ["a", "b"],
                "acceptable_characters": "alphanumeric",
                "min_length": "1",
                "max_length": "20",
                "locality_limit": "Same area as the number",
                "time_limit": "3 months",
                "regex": "^[a-z]+$",
                "case_sensitive": "true",
            },
            Criteria(
                min_length=1,
                max_length=20,
                accepted_values=("a", "b"),
                accepted_characters="alphanumeric",
                pattern="^[a-z]+$",
                case_sensitive=True,
                locality_limit="Same area as the number",
                time_limit="3 months",
            ),
        ),
        # As live requirement types have them.
        (TYPE["acceptance_criteria"], Criteria(max_length=40)),
        # As `GET /phone_numbers_regulatory_requirements` has them.
        (
            {"field_type": "address_id", "field_value": "", "locality_limit": "DE"},
            Criteria(locality_limit="DE", unread={"field_type": "address_id"}),
        ),
        ({"min_length": "None", "max_length": "", "regex": None, "acceptable_values": []}, Criteria()),
        ({"min_length": 3, "max_length": 0}, Criteria(min_length=3)),
        ({"case_sensitive": "False"}, Criteria(case_sensitive=False)),
        ({"case_sensitive": False}, Criteria(case_sensitive=False)),
        ({"case_sensitive": "perhaps"}, Criteria(unread={"case_sensitive": "perhaps"})),
        ({"min_length": "two"}, Criteria(unread={"min_length": "two"})),
        ({"min_length": -1}, Criteria(unread={"min_length": "-1"})),
        ({"min_length": True}, Criteria(unread={"min_length": "true"})),
        ({"max_length": 2.5}, Criteria(unread={"max_length": "2.5"})),
        ({"acceptable_values": "a, b"}, Criteria(unread={"acceptable_values": "a, b"})),
        ({"acceptable_values": ["a", {}]}, Criteria(unread={"acceptable_values": '["a", {}]'})),
        ({"acceptable_values": ["a", 7]}, Criteria(accepted_values=("a", "7"))),
        ({"time_limit": 90}, Criteria(time_limit="90")),
        ({"regex": "/^a$/i"}, Criteria(unread={"regex": "/^a$/i"})),
        ({"page_limit": {"most": 3}}, Criteria(unread={"page_limit": '{"most": 3}'})),
        ({"regex": "a" * 600}, Criteria(unread={"regex": "a" * 500})),
    ],
)
def test_criteria_are_read_in_every_notation(told: dict[str, object], read: Criteria) -> None:
    shown = {**REQUIREMENT, "acceptance_criteria": told}
    assert specification("r-1", shown, {}, None, None).criteria == read


def _json() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    lists = st.lists(scalars, max_size=3)
    return scalars | lists | st.dictionaries(st.text(max_size=8), scalars | lists, max_size=3) | st.just([{"id": {}}])


_NAMES = st.sampled_from([*Criteria.model_fields, "acceptable_values", "acceptable_characters", "regex", "", "\ud800"])


@given(st.dictionaries(_NAMES, _json(), max_size=6))
def test_no_criteria_crash(told: dict[str, Any]) -> None:
    read = criteria(told)
    read.model_dump_json().encode()
    assert Criteria.model_validate_json(read.model_dump_json()) == read


@given(
    st.dictionaries(st.sampled_from(["name", "label", "field_type", "description", "acceptance_criteria"]), _json()),
    st.dictionaries(st.sampled_from(["name", "type", "example", "acceptance_criteria"]), _json()),
)
def test_no_requirement_crashes(shown: dict[str, Any], of_type: dict[str, Any]) -> None:
    found = specification("r-1", shown, of_type, "DE", "local")
    assert found.name
    found.model_dump_json().encode()


@settings(max_examples=examples(30), deadline=None)
@given(_json(), _json())
def test_no_response_crashes_the_catalogue(requirements: Any, types: Any) -> None:
    telnyx = _Telnyx(
        httpx.Response(200, content=_dumped({"data": [_row(requirements), requirements]})),
        httpx.Response(200, content=_dumped({"data": types})),
    )
    for found in telnyx.catalogue(country="DE"):
        assert found.id


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


# Truncated lists


def _in_pages(request: httpx.Request, pages: list[list[Any]]) -> httpx.Response:
    number = int(request.url.params.get("page[number]", "1"))
    return httpx.Response(200, json={"data": pages[number - 1], "meta": {"total_pages": len(pages)}})


def test_paged_catalogue_is_read_to_the_end() -> None:
    requirements = [[_row({"id": f"r-{index}"})] for index in range(3)]
    types = [[{**TYPE, "id": f"r-{index}", "name": f"Submission {index}"}] for index in range(3)]

    def answer(request: httpx.Request) -> httpx.Response:
        return _in_pages(request, types if request.url.path.endswith("requirement_types") else requirements)

    found = _adapter(httpx.MockTransport(answer)).catalogue(country="DE", number_type="local")
    assert [(each.id, each.name) for each in found] == [(f"r-{index}", f"Submission {index}") for index in range(3)]


def test_catalogue_that_cannot_be_read_to_the_end_is_none() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        del request
        return httpx.Response(200, json={"data": [_row(REQUIREMENT)], "meta": {"total_pages": 2}})

    with pytest.raises(UnreadableError, match="more requirements"):
        _adapter(httpx.MockTransport(answer)).catalogue(country="DE", number_type="local")
