"""Submissions to Telnyx: values, requirement groups, addresses, documents, comments; and cancelling."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.order import Asset, Order, Requirement, SubOrder
from numberdesk.domain.request import OrderMessage, Request
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import AssetState, OrderState, RequirementState
from numberdesk.domain.values import Address
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NotPermittedError,
    NotSentError,
    OutcomeUnknownError,
    ProviderError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.telnyx.adapter import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.snapshot import Snapshot
    from numberdesk.providers.base import Provider

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECRET = "Erika Mustermann"


class _Still:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def _adapter(transport: httpx.BaseTransport) -> Provider:
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY-telnyx"})
    return build(credentials, _Still(), Timings(), transport=transport)


def _message(*kinds: tuple[str, str, int]) -> OrderMessage:
    items = [{"criteria": {"country": country, "number_type": kind}, "quantity": n} for country, kind, n in kinds]
    return OrderMessage.model_validate({"order_id": "order-1", "provider": "telnyx", "items": items})


def _order(**known: Any) -> Order:
    return Order(
        order_id="order-1",
        provider="telnyx",
        account="default",
        state=OrderState.PENDING,
        version=1,
        reference="reference-1",
        request=Request.of(_message(("US", "local", 1))),
        request_hash="0",
        correlation_id="correlation-1",
        received_at=NOW,
        updated_at=NOW,
        provider_order_id=known.pop("provider_order_id", "o-1"),
        **known,
    )


def _requirement(requirement_id: str, sub_order_id: str) -> Requirement:
    state = RequirementState.AWAITING_VALUE
    return Requirement(
        id=requirement_id, sub_order_id=sub_order_id, state=state, provider_status="awaiting-value", numbers=1
    )


class _Bought:
    """An order bought at the simulator, recorded after a poll."""

    def __init__(self, *kinds: tuple[str, str, int]) -> None:
        self.simulator = TelnyxSimulator(Clock(NOW))
        self.adapter = _adapter(SimulatorTransport(self.simulator))
        self.id = self.adapter.place(self.adapter.plan(_message(*kinds)), "reference-1").provider_order_id

    def poll(self) -> Snapshot:
        return self.adapter.observe(_order(provider_order_id=self.id))

    def order(self) -> Order:
        seen = self.poll()
        return _order(
            provider_order_id=self.id,
            sub_orders=tuple(
                SubOrder(id=sub_order.id, provider_status=sub_order.provider_status) for sub_order in seen.sub_orders
            ),
            requirements=tuple(
                _requirement(requirement.id, requirement.sub_order_id) for requirement in seen.requirements
            ),
            assets=tuple(
                Asset(
                    value=asset.value,
                    state=asset.state,
                    provider_status=asset.provider_status,
                    provider_id=asset.provider_id,
                )
                for asset in seen.assets
            ),
        )

    def values(self) -> dict[str, str]:
        return {requirement.id: "12345678" for requirement in self.poll().requirements}

    def states(self) -> dict[str, set[RequirementState]]:
        """Return the states of the requirements of each number."""
        return {asset.value: {requirement.state for requirement in asset.requirements} for asset in self.poll().assets}

    def sent(self, *operations: str) -> list[tuple[str, str]]:
        return [
            (request.method, request.path) for request in self.simulator.requests() if request.operation in operations
        ]


class _Telnyx:
    """Prepared responses: each call gets the next one; the last one repeats."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []
        self.adapter = _adapter(httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        return [(each.method, each.url.path, json.loads(each.content) if each.content else None) for each in self.seen]


def _data(**data: object) -> httpx.Response:
    return httpx.Response(200, json={"data": data})


def _error(status: int, *codes: object) -> httpx.Response:
    errors = [{"code": code, "title": "Some title", "detail": SECRET, "source": {"pointer": SECRET}} for code in codes]
    return httpx.Response(status, json={"errors": errors})


# Supplying values


def test_values_for_the_whole_order_reach_every_number() -> None:
    bought = _Bought(("DE", "local", 2), ("FR", "local", 1), ("US", "local", 1))
    assert bought.adapter.supply(bought.order(), bought.values()) == "pending"
    assert len(bought.sent("update_sub_order")) == 2
    assert bought.sent("update_order", "update_number") == []
    assert all(states <= {RequirementState.UNDER_REVIEW} for states in bought.states().values())


def test_each_sub_order_gets_the_values_of_its_requirements() -> None:
    order = _order(
        sub_orders=(
            SubOrder(id="s-1", provider_status="pending"),
            SubOrder(id="s-2", provider_status="new"),
            SubOrder(id="s-3", provider_status="success"),
        ),
        requirements=(
            _requirement("r-1", "s-1"),
            _requirement("r-2", "s-1"),
            _requirement("r-1", "s-2"),
            _requirement("r-4", "s-3"),
        ),
    )
    telnyx = _Telnyx(_data(status="pending"), _data(status="new"), _data(status=None))
    assert telnyx.adapter.supply(order, {"r-1": "one", "r-2": "two", "r-4": "four"}) == "pending, new, taken"
    assert telnyx.sent == [
        (
            "PATCH",
            "/v2/sub_number_orders/s-1",
            {
                "regulatory_requirements": [
                    {"requirement_id": "r-1", "field_value": "one"},
                    {"requirement_id": "r-2", "field_value": "two"},
                ]
            },
        ),
        (
            "PATCH",
            "/v2/sub_number_orders/s-2",
            {"regulatory_requirements": [{"requirement_id": "r-1", "field_value": "one"}]},
        ),
        # Of no known open sub order: the order itself is read.
        (
            "PATCH",
            "/v2/number_orders/o-1",
            {"regulatory_requirements": [{"requirement_id": "r-4", "field_value": "four"}]},
        ),
    ]


def test_values_for_one_sub_order_or_number_stay_there() -> None:
    bought = _Bought(("DE", "local", 2), ("FR", "local", 1))
    order, [german, french, *_] = bought.order(), bought.poll().sub_orders
    of_french = {
        requirement.id: "x" for requirement in bought.poll().requirements if requirement.sub_order_id == french.id
    }
    assert bought.adapter.supply(order, of_french, sub_order_id=french.id) == "pending"
    first, second, other = (asset.value for asset in bought.poll().assets)
    assert bought.states() == {
        first: {RequirementState.AWAITING_VALUE},
        second: {RequirementState.AWAITING_VALUE},
        other: {RequirementState.UNDER_REVIEW},
    }
    of_german = {
        requirement.id: "x" for requirement in bought.poll().requirements if requirement.sub_order_id == german.id
    }
    provider_status = bought.adapter.supply(order, of_german, number=second)
    assert provider_status == "requirement-info-under-review"
    assert bought.states()[first] == {RequirementState.AWAITING_VALUE}
    assert bought.states()[second] == {RequirementState.UNDER_REVIEW}


def test_already_satisfied_is_a_success() -> None:
    bought = _Bought(("DE", "local", 1))
    order, values = bought.order(), bought.values()
    bought.adapter.supply(order, values)
    bought.simulator.advance(181)
    assert bought.adapter.supply(order, values) == "already satisfied"


@pytest.mark.parametrize("status", [400, 403, 409, 422])
def test_already_satisfied_is_recognized_by_its_code(status: int) -> None:
    telnyx = _Telnyx(_error(status, "85003"))
    assert telnyx.adapter.supply(_order(), {"r-1": SECRET}) == "already satisfied"


def test_value_that_violates_its_criteria_is_refused() -> None:
    bought = _Bought(("NL", "local", 1))
    wrong = dict.fromkeys(bought.values(), "x" * 300)
    with pytest.raises(RefusedError) as caught:
        bought.adapter.supply(bought.order(), wrong)
    assert str(caught.value) == "10027: Unprocessable Entity (HTTP 422)"


def test_refusal_of_one_sub_order_does_not_delay_the_others() -> None:
    order = _order(
        sub_orders=tuple(SubOrder(id=f"s-{n}", provider_status="pending") for n in range(3)),
        requirements=tuple(_requirement("r-1", f"s-{n}") for n in range(3)),
    )
    telnyx = _Telnyx(_error(422, "10027"), _data(status="pending"), _error(422, "85003"))
    with pytest.raises(RefusedError) as caught:
        telnyx.adapter.supply(order, {"r-1": SECRET})
    assert str(caught.value) == "10027: 1 of 3 parts of the order: Some title (HTTP 422)"
    assert len(telnyx.seen) == 3
    assert SECRET not in str(caught.value)


def test_transient_failure_postpones_everything() -> None:
    order = _order(
        sub_orders=tuple(SubOrder(id=f"s-{n}", provider_status="pending") for n in range(3)),
        requirements=tuple(_requirement("r-1", f"s-{n}") for n in range(3)),
    )
    telnyx = _Telnyx(_data(status="pending"), httpx.ReadTimeout("slow"))
    with pytest.raises(OutcomeUnknownError):
        telnyx.adapter.supply(order, {"r-1": SECRET})
    assert len(telnyx.seen) == 2


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ({"sub_order_id": "s-foreign"}, RefusedError),
        ({"number": "+4930901821"}, RefusedError),
        # Its record is read by the next poll.
        ({"number": "+4930901820"}, NotSentError),
    ],
)
def test_nothing_is_written_to_requirements_that_the_order_lacks(
    where: dict[str, str], kind: type[ProviderError]
) -> None:
    asset = Asset(value="+4930901820", state=AssetState.PENDING, provider_status="chosen")
    order = _order(sub_orders=(SubOrder(id="s-1", provider_status="pending"),), assets=(asset,))
    telnyx = _Telnyx(_data())
    calls: list[Callable[[], str]] = [
        lambda: telnyx.adapter.supply(order, {"r-1": SECRET}, **where),
        lambda: telnyx.adapter.attach_group(order, "g-1", **where),
    ]
    for call in calls:
        with pytest.raises(ProviderError) as caught:
            call()
        assert type(caught.value) is kind
    assert telnyx.seen == []


# The meaning of failures, for every call that changes something and buys nothing


_ADDRESS = Address(
    first_name="Erika",
    last_name="Mustermann",
    street_address="Heidestraße 17",
    locality="Köln",
    postal_code="51147",
    country_code="DE",
)
_WRITES: dict[str, Callable[[Provider], object]] = {
    "supply": lambda adapter: adapter.supply(_order(), {"r-1": SECRET}),
    "attach_group": lambda adapter: adapter.attach_group(
        _order(sub_orders=(SubOrder(id="s-1", provider_status="pending"),)), "g-1"
    ),
    "create_address": lambda adapter: adapter.create_address(_ADDRESS, "reference-1"),
    "upload_document": lambda adapter: adapter.upload_document(b"x", "id.pdf", "application/pdf", "reference-1"),
    "comment": lambda adapter: adapter.comment("s-1", SECRET),
    "mark_read": lambda adapter: adapter.mark_read("c-1"),
}


@pytest.mark.parametrize("write", _WRITES)
@pytest.mark.parametrize(
    ("answer", "kind", "throttled"),
    [
        *((_error(status, "10015"), RefusedError, False) for status in (400, 404, 409, 422)),
        *((_error(422, code), RefusedError, False) for code in ("85002", "10005", "10027", 10033)),
        (_error(409, "85002"), RefusedError, False),
        (_error(400), RefusedError, False),
        *((_error(422, code), AccountFaultError, False) for code in ("10009", "20002", "20012", "20100")),
        # A 403 about one call applies to that call only, whatever it says.
        *(
            (_error(403, *codes), NotPermittedError, False)
            for codes in (("10009",), ("10010",), ("10038",), ("10039",), ("10015",), ("4711",), ())
        ),
        *((_error(422, code), NotPermittedError, False) for code in ("10038", "20014", "20016", "20017")),
        (_error(422, "4711"), RefusedError, False),
        *((_error(*each), AccountFaultError, False) for each in ((403, "10010", "20013"), (401, "10010"), (402,))),
        (_error(401), AccountFaultError, False),
        (_error(429), AccountFaultError, True),
        (_error(403, "10011"), AccountFaultError, True),
        *((_error(422, code), OutcomeUnknownError, False) for code in ("10007", "10008", "10035", "10036", "10037")),
        (_error(409, "10036"), OutcomeUnknownError, False),
        (_error(409), OutcomeUnknownError, False),
        *((_error(status, "10015"), OutcomeUnknownError, False) for status in (408, 423, 500, 502, 503, 504)),
        (httpx.Response(302), OutcomeUnknownError, False),
        (httpx.Response(200, text="<html>"), OutcomeUnknownError, False),
        (httpx.Response(200, json={"data": None}), OutcomeUnknownError, False),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError, False),
        (httpx.ConnectError("down"), NotSentError, False),
    ],
)
def test_write_failures_are_distinguished(
    write: str, answer: httpx.Response | Exception, kind: type[ProviderError], throttled: bool
) -> None:
    telnyx = _Telnyx(answer)
    with pytest.raises(ProviderError) as caught:
        _WRITES[write](telnyx.adapter)
    assert type(caught.value) is kind
    assert getattr(caught.value, "throttled", False) is throttled
    assert SECRET not in str(caught.value)
    # Sent once: the caller decides whether it may be repeated.
    assert len(telnyx.seen) == 1


@pytest.mark.parametrize("write", ["create_address", "upload_document", "comment"])
def test_success_without_an_id_is_an_unknown_outcome(write: str) -> None:
    with pytest.raises(OutcomeUnknownError):
        _WRITES[write](_Telnyx(_data(id=None)).adapter)


# Requirement groups


def _group(**changed: Any) -> httpx.Response:
    """Return a requirement group as Telnyx shows it: not wrapped in `data`."""
    group = {
        "id": "g-1",
        "country_code": "CH",
        "phone_number_type": "local",
        "action": "ordering",
        "status": "approved",
        "customer_reference": None,
        "record_type": "requirement_group",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "regulatory_requirements": [
            {
                "requirement_id": "r-1",
                "field_type": "address",
                "field_value": "1293384261075731499",
                "expires_at": None,
            },
            {"requirement_id": "r-2", "field_type": "textual", "field_value": SECRET, "status": "approved"},
        ],
    }
    return httpx.Response(200, json={**group, **changed})


def _item(**told: object) -> list[dict[str, object]]:
    return [{"requirement_id": "r-2", "field_value": SECRET, "status": "approved", "expires_at": None, **told}]


def _values(*values: object) -> list[dict[str, object]]:
    return [{"requirement_id": f"r-{n}", "field_value": value} for n, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("changed", "issues"),
    [
        ({}, []),
        ({"status": "unapproved"}, []),
        ({"status": "pending-approval"}, []),
        ({"status": "something-new"}, []),
        ({"regulatory_requirements": []}, []),
        ({"country_code": "DK"}, ["the requirement group has country_code DK, and the numbers CH"]),
        (
            {"phone_number_type": "mobile"},
            ["the requirement group has phone_number_type mobile, and the numbers local"],
        ),
        ({"action": "porting"}, ["the requirement group is for porting, not for ordering"]),
        ({"status": "declined"}, ["the requirement group is declined"]),
        ({"status": "expired"}, ["the requirement group is expired"]),
        ({"status": "no-longer-eligible"}, ["the requirement group is no-longer-eligible"]),
        (
            {"regulatory_requirements": _values("x", None, "")},
            ["the requirement group has no value for r-2, r-3"],
        ),
        # One of its values may be unusable although the group as a whole is reported as good.
        *(
            (
                {"regulatory_requirements": _item(status=status)},
                [f"the requirement group has a value for r-2 that is {status}"],
            )
            for status in ("declined", "expired", "rejected", "no-longer-eligible", "cancelled")
        ),
        *(
            ({"regulatory_requirements": _item(status=status)}, [])
            for status in ("approved", "unapproved", "new", None)
        ),
        ({"regulatory_requirements": _item(status={})}, []),
        *(
            (
                {"regulatory_requirements": _item(expires_at=past)},
                ["the requirement group has a value for r-2 that has expired"],
            )
            for past in ("2026-11-22T07:59:59Z", "2026-11-22T08:00:00+00:00", "2020-01-01T00:00:00.000000Z")
        ),
        *(
            ({"regulatory_requirements": _item(expires_at=later)}, [])
            for later in ("2026-11-22T08:00:01Z", "2027-01-01T00:00:00Z", None, "", "never", 7)
        ),
        ({"expires_at": "2026-11-22T07:00:00Z"}, ["the requirement group has expired"]),
        (
            {"regulatory_requirements": [*_item(status="declined"), *_values(None)]},
            [
                "the requirement group has no value for r-1",
                "the requirement group has a value for r-2 that is declined",
            ],
        ),
        (
            {"country_code": "DK", "status": "expired"},
            ["the requirement group has country_code DK, and the numbers CH", "the requirement group is expired"],
        ),
    ],
)
def test_all_issues_of_a_requirement_group_are_listed(changed: dict[str, Any], issues: list[str]) -> None:
    telnyx = _Telnyx(_group(**changed))
    assert telnyx.adapter.check_group("g-1", country="CH", number_type="local") == issues
    assert telnyx.sent == [("GET", "/v2/requirement_groups/g-1", None)]


def test_requirement_group_is_not_checked_against_unknown_requirements() -> None:
    assert _Telnyx(_group()).adapter.check_group("g-1", country=None, number_type=None) == []


@pytest.mark.parametrize(
    "answer", [_error(404), _error(404, "10005"), _error(400, "10005"), _error(400, "10006"), _error(422, "10006")]
)
def test_missing_requirement_group_is_an_issue(answer: httpx.Response) -> None:
    found = _Telnyx(answer).adapter.check_group("g-1", country="CH", number_type="local")
    assert found == ["there is no such requirement group"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_error(503), UnreadableError),
        *(
            (_error(status, code), UnreadableError)
            for status in (400, 404, 409, 422)
            for code in ("10007", "10008", "10035", "10036", "10037")
        ),
        # None of this says that there is no such group.
        *((_error(status, code), UnreadableError) for status in (400, 422) for code in ("10015", "10027", "4711")),
        (_error(400), UnreadableError),
        (_error(401), AccountFaultError),
        *((_error(403, *codes), NotPermittedError) for codes in (("10038",), ("10010",), ())),
        (_group(id="g-2"), UnreadableError),
        (httpx.Response(200, json={}), UnreadableError),
        (httpx.Response(200, json=[]), UnreadableError),
    ],
)
def test_unreadable_requirement_group_has_no_issues_yet(answer: httpx.Response, kind: type[ProviderError]) -> None:
    with pytest.raises(kind):
        _Telnyx(answer).adapter.check_group("g-1", country="CH", number_type="local")


@pytest.mark.parametrize(("group_id", "path"), [("../number_orders", b"..%2Fnumber_orders"), ("..", b"%2E%2E")])
def test_ids_stay_one_path_segment(group_id: str, path: bytes) -> None:
    telnyx = _Telnyx(_error(404))
    telnyx.adapter.check_group(group_id, country=None, number_type=None)
    assert telnyx.seen[0].url.raw_path == b"/v2/requirement_groups/" + path


def _filled_group(bought: _Bought) -> str:
    client = httpx.Client(
        transport=SimulatorTransport(bought.simulator),
        base_url="https://api.telnyx.com/v2",
        headers={"Authorization": "Bearer KEY-telnyx"},
    )
    given = [{"requirement_id": it, "field_value": value} for it, value in bought.values().items()]
    kind = {"country_code": "DE", "phone_number_type": "local", "action": "ordering"}
    return str(client.post("/requirement_groups", json=kind | {"regulatory_requirements": given}).json()["id"])


def test_requirement_group_answers_for_the_whole_order() -> None:
    bought = _Bought(("DE", "local", 2))
    assert bought.adapter.attach_group(bought.order(), _filled_group(bought)) == "pending"
    assert {asset.state for asset in bought.poll().assets} == {AssetState.UNDER_REVIEW}
    assert len(bought.sent("sub_order_group")) == 1


def test_requirement_group_answers_for_one_number() -> None:
    bought = _Bought(("DE", "local", 2))
    first, second = (asset.value for asset in bought.poll().assets)
    provider_status = bought.adapter.attach_group(bought.order(), _filled_group(bought), number=second)
    assert provider_status == "requirement-info-under-review"
    assert bought.states() == {first: {RequirementState.AWAITING_VALUE}, second: {RequirementState.UNDER_REVIEW}}


def test_requirement_group_is_attached_to_open_sub_orders_with_requirements() -> None:
    parts = (("s-1", "pending"), ("s-2", "success"), ("s-3", "pending"))
    order = _order(
        sub_orders=tuple(SubOrder(id=it, provider_status=provider_status) for it, provider_status in parts),
        requirements=(_requirement("r-1", "s-2"), _requirement("r-1", "s-3")),
    )
    telnyx = _Telnyx(_data(status="pending"))
    telnyx.adapter.attach_group(order, "g-1")
    content = {"requirement_group_id": "g-1"}
    assert telnyx.sent == [("POST", "/v2/sub_number_orders/s-3/requirement_group", content)]
    telnyx.adapter.attach_group(order.with_(requirements=()), "g-1", sub_order_id="s-1")
    assert telnyx.sent[1:] == [("POST", "/v2/sub_number_orders/s-1/requirement_group", content)]
    telnyx.adapter.attach_group(order.with_(requirements=()), "g-1")
    assert [path for _, path, _ in telnyx.sent[2:]] == [
        "/v2/sub_number_orders/s-1/requirement_group",
        "/v2/sub_number_orders/s-3/requirement_group",
    ]


def test_requirement_group_needs_an_open_requirement() -> None:
    telnyx = _Telnyx(_data())
    with pytest.raises(NotSentError):
        telnyx.adapter.attach_group(_order(), "g-1")
    with pytest.raises(RefusedError, match="nothing of the order is open"):
        telnyx.adapter.attach_group(_order(sub_orders=(SubOrder(id="s-1", provider_status="cancelled"),)), "g-1")
    assert telnyx.seen == []


# Addresses and documents


def test_address_is_created_as_telnyx_expects_it() -> None:
    telnyx = _Telnyx(_data(id="1293384261075731499", record_type="address"))
    assert telnyx.adapter.create_address(_ADDRESS, "reference-1") == "1293384261075731499"
    assert telnyx.sent == [
        (
            "POST",
            "/v2/addresses",
            {
                "first_name": "Erika",
                "last_name": "Mustermann",
                "street_address": "Heidestraße 17",
                "locality": "Köln",
                "postal_code": "51147",
                "country_code": "DE",
                "business_name": "",
                "address_book": False,
                "validate_address": False,
                "customer_reference": "reference-1",
            },
        )
    ]


@pytest.mark.parametrize("name", ["address_book", "validate_address"])
def test_address_handling_at_telnyx_is_a_setting(name: str) -> None:
    def adapter(value: object, telnyx: _Telnyx) -> Provider:
        credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY"}, {name: value})
        return build(credentials, _Still(), Timings(), transport=httpx.MockTransport(telnyx))

    telnyx = _Telnyx(_data(id="1293384261075731499"))
    fuller = _ADDRESS.model_copy(update={"borough": "Mitte", "neighborhood": "Kiez", "phone_number": "+4930901820"})
    adapter(True, telnyx).create_address(fuller, "reference-1")  # noqa: FBT003 - a setting's value
    [(_, _, sent)] = telnyx.sent
    other = ({"address_book", "validate_address"} - {name}).pop()
    assert (sent[name], sent[other]) == (True, False)
    assert (sent["borough"], sent["neighborhood"], sent["phone_number"]) == ("Mitte", "Kiez", "+4930901820")
    with pytest.raises(AccountFaultError, match=name):
        adapter("yes", telnyx)


def test_address_unsuitable_for_emergencies_is_accepted() -> None:
    bought = _Bought(("DE", "local", 1))
    assert bought.adapter.create_address(_ADDRESS, "reference-1")
    [asked] = bought.simulator.requests("create_address")
    assert (asked.json["address_book"], asked.json["validate_address"]) == (False, False)


def test_address_and_document_are_accepted_as_values() -> None:
    bought = _Bought(("DE", "local", 1))
    bought.simulator.configure(check_values=True)
    address_id = bought.adapter.create_address(_ADDRESS, "reference-1")
    document_id = bought.adapter.upload_document(b"%PDF-1.7", "id.pdf", "application/pdf", "reference-1")
    made = {"address": address_id, "document": document_id, "text": "Example GmbH"}
    values = {requirement.id: made[requirement.kind or ""] for requirement in bought.poll().requirements}
    assert bought.adapter.supply(bought.order(), values) == "pending"
    assert {asset.state for asset in bought.poll().assets} == {AssetState.UNDER_REVIEW}


def test_document_is_uploaded_as_the_sdk_does() -> None:
    telnyx = _Telnyx(_data(id="d-1", status="pending", av_scan_status="pending_scan"))
    assert telnyx.adapter.upload_document(b"\x00\xff", "id.png", "image/png", "reference-1") == "d-1"
    file = base64.b64encode(b"\x00\xff").decode()
    content = {"file": file, "filename": "id.png", "customer_reference": "reference-1"}
    assert telnyx.sent == [("POST", "/v2/documents", content)]


# Comments


def test_comments_are_posted_read_and_marked() -> None:
    bought = _Bought(("DE", "local", 1))
    [sub_order] = bought.poll().sub_orders
    comment_id = bought.adapter.comment(sub_order.id, "More time, please: ß\nThanks")
    bought.simulator.comment(bought.id, "Granted.")
    mine, theirs = bought.adapter.comments(sub_order.id)
    assert mine == CommentSeen(
        id=comment_id,
        sub_order_id=sub_order.id,
        body="More time, please: ß\nThanks",
        by_provider=False,
        at=NOW,
        read=False,
    )
    assert (theirs.body, theirs.by_provider, theirs.read) == ("Granted.", True, False)
    bought.adapter.mark_read(theirs.id)
    assert [comment.read for comment in bought.adapter.comments(sub_order.id)] == [False, True]
    # A poll shows the same.
    assert bought.poll().comments == tuple(bought.adapter.comments(sub_order.id))


@pytest.mark.parametrize(("answer", "kind"), [(_error(503), UnreadableError), (_error(401), AccountFaultError)])
def test_unreadable_comments_are_not_an_empty_list(answer: httpx.Response, kind: type[ProviderError]) -> None:
    with pytest.raises(kind):
        _Telnyx(answer).adapter.comments("s-1")


def test_more_comments_than_can_be_read_are_not_all_of_them() -> None:
    """One that is behind them may be our own, which would be posted once more."""
    row = {"id": "c-1", "body": "Granted.", "created_at": "2026-11-22T08:00:00Z"}
    first = httpx.Response(200, json={"data": [row], "meta": {"total_pages": 2}})
    with pytest.raises(UnreadableError, match="more comments than can be read"):
        _Telnyx(first, _error(503)).adapter.comments("s-1")


@pytest.mark.parametrize(("commenter", "by_provider"), [(None, False), ("user", False), ("admin", True)])
def test_comment_without_an_author_may_be_our_own(commenter: str | None, *, by_provider: bool) -> None:
    row = {"id": "c-1", "body": "More time, please", "created_at": "2026-11-22T08:00:00Z", "commenter_type": commenter}
    [shown] = _Telnyx(httpx.Response(200, json={"data": [row]})).adapter.comments("s-1")
    assert shown.by_provider is by_provider


def test_comment_fits_into_an_item_of_the_table() -> None:
    """An item holds 400 KB at most; a character may take four bytes."""
    row = {"id": "c-1", "body": "\N{GRINNING FACE}" * 500_000, "created_at": "2026-11-22T08:00:00Z"}
    [shown] = _Telnyx(httpx.Response(200, json={"data": [row]})).adapter.comments("s-1")
    assert len(shown.body.encode()) == 200_000


# Cancelling


def test_pending_sub_orders_are_cancelled() -> None:
    bought = _Bought(("US", "local", 1), ("DE", "local", 1), ("FR", "local", 1))
    bought.simulator.advance(5)  # the American one is delivered
    assert bought.adapter.cancel(bought.order()) == "2 of 3 sub orders cancelled"
    assert [asset.state for asset in bought.poll().assets] == [
        AssetState.ACTIVE,
        AssetState.CANCELLED,
        AssetState.CANCELLED,
    ]
    # A repeat says the same and sends nothing.
    before = len(bought.sent("cancel_sub_order"))
    assert bought.adapter.cancel(bought.order()) == "2 of 3 sub orders cancelled"
    assert len(bought.sent("cancel_sub_order")) == before == 2


def test_one_sub_order_is_cancelled() -> None:
    bought = _Bought(("DE", "local", 1), ("FR", "local", 1))
    order = bought.order()
    assert bought.adapter.cancel(order, sub_order_id=order.sub_orders[1].id) == "1 of 1 sub orders cancelled"
    assert [sub_order.provider_status for sub_order in bought.poll().sub_orders] == ["pending", "cancelled"]


def test_delivered_order_is_not_cancelled() -> None:
    bought = _Bought(("US", "local", 1))
    bought.simulator.advance(5)
    with pytest.raises(RefusedError, match="only while they are pending; now: success"):
        bought.adapter.cancel(bought.order())
    assert bought.sent("cancel_sub_order") == []


def test_cancelling_works_before_the_first_poll() -> None:
    bought = _Bought(("DE", "local", 1))
    assert bought.adapter.cancel(_order(provider_order_id=bought.id)) == "1 of 1 sub orders cancelled"


def _listed(*parts: tuple[str, str], order_id: str = "o-1") -> httpx.Response:
    rows = [{"id": it, "status": provider_status, "order_request_id": order_id} for it, provider_status in parts]
    return httpx.Response(
        200, json={"data": [*rows, {"id": "foreign", "order_request_id": "o-2", "status": "pending"}]}
    )


_PENDING = tuple(SubOrder(id=each, provider_status="pending") for each in ("s-1", "s-2"))


def test_before_the_first_poll_the_order_itself_names_its_sub_orders() -> None:
    """The list of sub orders has no paging, and may lag: the sub orders that it omits must not be left alone."""
    telnyx = _Telnyx(_data(sub_number_orders_ids=["s-1", "s-2"]), _listed(("s-1", "pending")), _data(status="pending"))
    assert telnyx.adapter.cancel(_order()) == "2 of 2 sub orders cancelled"
    assert [(method, path) for method, path, _ in telnyx.sent] == [
        ("GET", "/v2/number_orders/o-1"),
        ("GET", "/v2/sub_number_orders"),
        ("GET", "/v2/sub_number_orders/s-2"),
        ("PATCH", "/v2/sub_number_orders/s-1/cancel"),
        ("PATCH", "/v2/sub_number_orders/s-2/cancel"),
    ]


def test_cancelling_sends_exactly_these_requests() -> None:
    telnyx = _Telnyx(_listed(("s-1", "pending")), _data(status="cancelled"))
    telnyx.adapter.cancel(_order(sub_orders=_PENDING[:1]))
    listed, cancelled = telnyx.seen
    assert listed.url.params.multi_items() == [("filter[order_request_id]", "o-1")]
    assert (cancelled.method, cancelled.url.path) == ("PATCH", "/v2/sub_number_orders/s-1/cancel")
    assert (cancelled.content, cancelled.headers.get("content-type")) == (b"", None)


def test_sub_orders_missing_from_the_list_are_read() -> None:
    order = _order(sub_orders=tuple(SubOrder(id=each, provider_status="pending") for each in ("s-1", "s-2", "s-3")))
    telnyx = _Telnyx(_listed(("s-1", "success")), _data(status="pending"), _error(404, "10005"), _data())
    assert telnyx.adapter.cancel(order) == "1 of 3 sub orders cancelled"
    assert [path for _, path, _ in telnyx.sent[1:]] == [
        "/v2/sub_number_orders/s-2",
        "/v2/sub_number_orders/s-3",
        "/v2/sub_number_orders/s-2/cancel",
    ]


def test_sub_order_that_ended_meanwhile_is_no_longer_cancelled() -> None:
    with pytest.raises(RefusedError) as caught:
        _Telnyx(_listed(("s-1", "pending")), _error(422, "10027")).adapter.cancel(_order(sub_orders=_PENDING[:1]))
    assert caught.value.code == "10027"
    telnyx = _Telnyx(_listed(("s-1", "pending"), ("s-2", "pending")), _error(422, "10027"), _data(status="cancelled"))
    assert telnyx.adapter.cancel(_order(sub_orders=_PENDING)) == "1 of 2 sub orders cancelled"


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([_error(503)], NotSentError),
        ([_error(401)], AccountFaultError),
        ([_listed(("s-1", "pending")), httpx.ReadTimeout("slow")], OutcomeUnknownError),
        ([_listed(("s-1", "pending")), _error(422, "10036")], OutcomeUnknownError),
        ([_listed(("s-1", "something-new"))], RefusedError),
        ([_listed(("s-1", "failure"))], RefusedError),
    ],
)
def test_failed_cancellations_are_distinguished(
    answers: list[httpx.Response | Exception], kind: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError) as caught:
        _Telnyx(*answers).adapter.cancel(_order(sub_orders=_PENDING[:1]))
    assert type(caught.value) is kind


@pytest.mark.parametrize("shown", [_data(), _data(sub_number_orders_ids=[]), _data(sub_number_orders_ids="odd")])
def test_sub_orders_not_visible_yet_are_cancelled_later(shown: httpx.Response) -> None:
    """A cancellation requested before the purchase is sent right after it: nothing to cancel yet is no refusal."""
    with pytest.raises(NotSentError):
        _Telnyx(shown, _listed()).adapter.cancel(_order())


def test_sub_order_of_others_is_not_cancelled() -> None:
    telnyx = _Telnyx(_data())
    with pytest.raises(NotSentError):
        telnyx.adapter.cancel(_order(provider_order_id=None))
    with pytest.raises(RefusedError, match="no such sub order"):
        telnyx.adapter.cancel(_order(sub_orders=(SubOrder(id="s-1", provider_status="pending"),)), sub_order_id="s-2")
    assert telnyx.seen == []
