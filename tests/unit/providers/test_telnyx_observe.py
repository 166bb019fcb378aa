"""Observing a Telnyx order: the meaning of each response, the cost of a poll, and what a poll can do without."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.order import Asset, Order, Requirement
from numberdesk.domain.request import OrderMessage, Request
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import DeadlinesSeen, Snapshot, UnknownValue
from numberdesk.domain.statuses import AssetState, OrderState, Phase, RequirementState
from numberdesk.providers.base import Credentials, ProviderError, UnreadableError
from numberdesk.providers.telnyx.adapter import build
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numberdesk.domain.snapshot import AssetSeen
    from numberdesk.providers.base import Provider

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ORDER_ID = "12ade33a-21c0-473b-b055-b3c836e1c292"


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


def _order(provider_order_id: str = ORDER_ID, *, version: int = 0, requirements: tuple[Requirement, ...] = ()) -> Order:
    return Order(
        order_id="order-1",
        provider="telnyx",
        account="default",
        state=OrderState.PENDING,
        version=version,
        reference="reference-1",
        request=Request.of(_message(("US", "local", 1))),
        request_hash="0",
        correlation_id="correlation-1",
        received_at=NOW,
        updated_at=NOW,
        provider_order_id=provider_order_id,
        requirements=requirements,
    )


class _Bought:
    """An order bought at the simulator, and its polls."""

    def __init__(self, *kinds: tuple[str, str, int]) -> None:
        self.simulator = TelnyxSimulator(Clock(NOW))
        self.adapter = _adapter(SimulatorTransport(self.simulator))
        self.id = self.adapter.place(self.adapter.plan(_message(*kinds)), "reference-1").provider_order_id

    def poll(self, *, version: int = 0, requirements: tuple[Requirement, ...] = ()) -> Snapshot:
        return self.adapter.observe(_order(self.id, version=version, requirements=requirements))

    def calls(self, operation: str | None = None) -> int:
        return len(self.simulator.requests(operation))


def _states(snapshot: Snapshot) -> dict[str | None, tuple[str, RequirementState, int]]:
    return {seen.name: (seen.provider_status, seen.state, seen.numbers) for seen in snapshot.requirements}


# A whole life at the simulator


def test_order_with_requirements_shows_them_with_their_deadline() -> None:
    bought = _Bought(("DE", "local", 3))
    snapshot = bought.poll()
    assert (snapshot.phase, snapshot.provider_status, snapshot.lists_every_asset) == (Phase.OPEN, "pending", True)
    [sub_order] = snapshot.sub_orders
    assert (sub_order.provider_status, sub_order.country, sub_order.number_type) == ("pending", "DE", "local")
    assert {(asset.state, asset.provider_status) for asset in snapshot.assets} == {
        (AssetState.ACTION_REQUIRED, "pending/requirement-info-pending")
    }
    assert {(asset.sub_order_id, asset.country, asset.number_type) for asset in snapshot.assets} == {
        (sub_order.id, "DE", "local")
    }
    assert len({asset.provider_id for asset in snapshot.assets} - {None}) == 3
    awaited = ("awaiting-value", RequirementState.AWAITING_VALUE, 3)
    assert _states(snapshot) == {"End User Address": awaited, "Identity Document": awaited, "Business Name": awaited}
    assert [seen.kind for seen in snapshot.requirements] == ["address", "document", "text"]
    assert snapshot.deadlines == (DeadlinesSeen(sub_order.id, ((NOW + timedelta(days=14), 3),)),)
    assert snapshot.comments == ()


def test_supplied_values_erase_the_deadline() -> None:
    bought = _Bought(("DE", "local", 2))
    bought.simulator.supply(bought.id)
    snapshot = bought.poll()
    assert {asset.state for asset in snapshot.assets} == {AssetState.UNDER_REVIEW}
    assert {seen.state for seen in snapshot.requirements} == {RequirementState.UNDER_REVIEW}
    assert [seen.values for seen in snapshot.deadlines] == [()]


def test_rejection_has_its_reason_and_new_deadline() -> None:
    bought = _Bought(("DE", "local", 2), ("US", "local", 1))
    bought.simulator.reject("Identity Document", "The scan is cut off.", new_deadline_seconds=3600)
    bought.simulator.supply(bought.id)
    bought.simulator.advance(130)
    rejected_at = NOW + timedelta(seconds=120)
    snapshot = bought.poll()
    assert _states(snapshot) == {
        "End User Address": ("approved", RequirementState.APPROVED, 2),
        "Identity Document": ("declined", RequirementState.REJECTED, 2),
        "Business Name": ("pending-approval", RequirementState.UNDER_REVIEW, 2),
    }
    german, american = snapshot.sub_orders
    assert {seen.sub_order_id: seen.values for seen in snapshot.deadlines} == {
        german.id: ((rejected_at + timedelta(hours=1), 2),),
        american.id: (),
    }
    [comment] = snapshot.comments
    assert (comment.sub_order_id, comment.by_provider, comment.at) == (german.id, True, rejected_at)
    assert comment.body == "The scan is cut off."
    assert "cut off" not in repr(snapshot)


def test_approval_leads_to_active_numbers() -> None:
    bought = _Bought(("DE", "local", 1))
    bought.simulator.supply(bought.id)
    bought.simulator.advance(600)
    snapshot = bought.poll()
    assert (snapshot.phase, snapshot.provider_status) == (Phase.ENDED, "success")
    assert [(asset.state, asset.provider_status) for asset in snapshot.assets] == [
        (AssetState.ACTIVE, "success/approved")
    ]
    assert {seen.state for seen in snapshot.requirements} == {RequirementState.APPROVED}
    assert bought.calls("get_number") == 0


@pytest.mark.parametrize(("status", "phase"), [("cancelled", Phase.CANCELLED), ("failure", Phase.FAILED)])
def test_missed_deadline_cancels_whatever_the_order_status_is(status: str, phase: Phase) -> None:
    bought = _Bought(("DE", "local", 1))
    bought.simulator.configure(auto_cancel_status=status)
    bought.simulator.advance(15 * 86400)
    snapshot = bought.poll()
    assert snapshot.phase is phase
    assert [asset.state for asset in snapshot.assets] == [AssetState.CANCELLED]
    assert snapshot.requirements == ()


def test_sub_orders_end_separately() -> None:
    bought = _Bought(("US", "local", 1), ("US", "toll_free", 2), ("CA", "local", 1))
    bought.simulator.fail_sub_order(country_code="CA")
    bought.simulator.advance(60)
    snapshot = bought.poll()
    assert len(snapshot.sub_orders) == 3
    assert {(asset.country, asset.number_type): asset.state for asset in snapshot.assets} == {
        ("US", "local"): AssetState.ACTIVE,
        ("US", "toll_free"): AssetState.ACTIVE,
        ("CA", "local"): AssetState.FAILED,
    }


def test_deleted_numbers_are_deleted() -> None:
    bought = _Bought(("US", "local", 2))
    bought.simulator.advance(60)
    bought.simulator.delete_numbers(bought.id)
    snapshot = bought.poll()
    assert snapshot.phase is Phase.DELETED
    assert {asset.state for asset in snapshot.assets} == {AssetState.DELETED}


# The cost of a poll


def test_poll_sends_exactly_these_requests() -> None:
    bought = _Bought(("DE", "local", 3))
    before = bought.calls()
    [number, *others] = bought.simulator.orders()[0]["sub_orders"][0]["numbers"]
    in_turn = sorted(others, key=lambda it: it["phone_number"])
    snapshot = bought.poll()
    asked = [(request.path, request.query) for request in bought.simulator.requests()[before:]]
    assert asked == [
        (f"/v2/number_orders/{bought.id}", {}),
        ("/v2/sub_number_orders", {"filter[order_request_id]": bought.id, "filter[include_phone_numbers]": "true"}),
        (f"/v2/number_order_phone_numbers/{number['id']}", {}),
        (
            "/v2/comments",
            {"filter[comment_record_type]": "sub_number_order", "filter[comment_record_id]": snapshot.sub_orders[0].id},
        ),
        (
            "/v2/regulatory_requirements",
            {"filter[country_code]": "DE", "filter[phone_number_type]": "local", "filter[action]": "ordering"},
        ),
        *((f"/v2/number_order_phone_numbers/{other['id']}", {}) for other in in_turn),
    ]


def test_recorded_names_are_not_read_again() -> None:
    bought = _Bought(("DE", "local", 1))
    first = bought.poll()
    on_record = tuple(
        Requirement(
            id=s.id,
            sub_order_id=s.sub_order_id,
            state=s.state,
            provider_status=s.provider_status,
            numbers=1,
            name=s.name,
        )
        for s in first.requirements
    )
    again = bought.poll(requirements=on_record)
    assert bought.calls("regulatory_requirements") == 1
    assert _states(again) == _states(first)


@pytest.mark.parametrize(("count", "calls"), [(1, 5), (3, 7), (250, 25)])
def test_number_of_calls_does_not_grow_with_the_numbers(count: int, calls: int) -> None:
    bought = _Bought(("DE", "local", count))
    before = bought.calls()
    snapshot = bought.poll()
    # The calls left over read single numbers, in turns.
    assert bought.calls() - before == calls
    assert len(snapshot.assets) == count
    # Sub orders embed only their first 50 numbers: what those show holds for the others in the same status.
    assert {seen.numbers for seen in snapshot.requirements} == {count}
    assert [sum(numbers for _, numbers in seen.values) for seen in snapshot.deadlines] == [count]


# An order of 40 sub orders, with prepared responses


def _row(index: int, status: str = "requirement-info-pending") -> dict[str, Any]:
    return {
        "id": f"n-{index}",
        "phone_number": f"+4930{1000000 + index}",
        "country_code": f"C{index}",
        "phone_number_type": "local",
        "status": "pending",
        "requirements_status": status,
        "regulatory_requirements": [{"requirement_id": f"r-{index}", "field_type": "address", "field_value": "x"}],
    }


class _Telnyx:
    """Prepared responses: `paths` gives the function that answers for each resource."""

    def __init__(self, rows: list[dict[str, Any]], **order: Any) -> None:
        self.asked: list[str] = []
        self.parts: set[str] = set()
        """The values of all filters that were ever asked by: sub orders for comments, countries for names."""
        self.rows = rows
        self.order: Any = {
            "id": ORDER_ID,
            "status": "pending",
            "phone_numbers": rows,
            "sub_number_orders_ids": [f"s-{row['id']}" for row in rows],
            **order,
        }
        self.subs: Any = [
            {
                "id": f"s-{row['id']}",
                "order_request_id": ORDER_ID,
                "country_code": row["country_code"],
                "phone_number_type": "local",
                "status": "pending",
            }
            for row in rows
        ]
        self.failing: Mapping[str, httpx.Response | Exception] = {}
        self.number: Callable[[str], dict[str, Any]] = lambda number_id: {
            "id": number_id,
            "deadline": "2026-12-06T08:00:00Z",
        }
        self.comments: Any = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        resource, _, one = request.url.path.removeprefix("/v2/").partition("/")
        self.asked.append(f"{resource}/{one}" if one else resource)
        self.parts |= {value for name, value in request.url.params.items() if name != "filter[order_request_id]"}
        failure = self.failing.get(self.asked[-1]) or self.failing.get(resource)
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return failure
        data: Any
        match resource, one:
            case "number_orders", _:
                data = self.order
            case "sub_number_orders", "":
                data = self.subs
            case "sub_number_orders", _:
                data = {"id": one, "order_request_id": ORDER_ID, "country_code": "C0", "phone_number_type": "local"}
            case "number_order_phone_numbers", _:
                data = self.number(one)
            case "comments", _:
                data = self.comments
            case _:
                data = []
        return httpx.Response(200, content=json.dumps({"data": data}).encode())

    def count(self, resource: str) -> int:
        return sum(asked.partition("/")[0] == resource for asked in self.asked)

    def poll(self, **order: Any) -> Snapshot:
        self.asked.clear()
        return _adapter(httpx.MockTransport(self)).observe(_order(**order))


def test_poll_never_takes_more_than_25_calls() -> None:
    telnyx = _Telnyx([_row(index, "requirement-info-exception") for index in range(40)])
    snapshot = telnyx.poll()
    assert len(telnyx.asked) == 25
    assert len(snapshot.assets) == 40
    # If there is more to read than calls, comments and names still get their turn.
    assert (telnyx.count("comments"), telnyx.count("regulatory_requirements")) == (5, 2)
    assert len(snapshot.deadlines) == telnyx.count("number_order_phone_numbers") == 16


def test_every_part_of_a_large_order_is_read_eventually() -> None:
    telnyx = _Telnyx([_row(index, "requirement-info-exception") for index in range(40)])
    deadlines: set[str] = set()
    for version in range(40):
        deadlines |= {seen.sub_order_id for seen in telnyx.poll(version=version).deadlines}
    assert deadlines == {f"s-n-{index}" for index in range(40)}
    assert deadlines | {f"C{index}" for index in range(40)} <= telnyx.parts


def test_numbers_in_different_statuses_are_read_separately() -> None:
    rows = [
        {**_row(index, status), "country_code": "C0"}
        for index, status in enumerate(["requirement-info-pending"] * 2 + ["requirement-info-exception"] * 3)
    ]
    telnyx = _Telnyx(rows)
    telnyx.subs = telnyx.subs[:1]
    telnyx.order["sub_number_orders_ids"] = ["s-n-0"]
    late, soon = "2026-12-06T08:00:00+00:00", "2026-11-30T08:00:00Z"
    telnyx.number = lambda number_id: {"id": number_id, "deadline": late if number_id in ("n-0", "n-1") else soon}
    [seen] = telnyx.poll().deadlines
    assert seen.values == ((datetime(2026, 11, 30, 8, tzinfo=UTC), 3), (datetime(2026, 12, 6, 8, tzinfo=UTC), 2))
    telnyx.number = lambda number_id: {"id": number_id, "deadline": soon}
    [seen] = telnyx.poll().deadlines
    assert seen.values == ((datetime(2026, 11, 30, 8, tzinfo=UTC), 5),)


# What a poll can do without


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(404, json={"errors": [{"code": "10005"}]}),
        httpx.Response(400),
        httpx.Response(401),
        httpx.Response(429, headers={"Retry-After": "60"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": {"id": "another", "deadline": None}}),
        httpx.Response(200, json={"data": {"id": "n-0", "deadline": "soon"}}),
        httpx.Response(200, json={"data": {"id": "n-0", "deadline": 7}}),
        httpx.ReadTimeout("slow"),
    ],
)
def test_unreadable_deadlines_are_left_out(answer: httpx.Response | Exception) -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.failing = {"number_order_phone_numbers": answer}
    snapshot = telnyx.poll()
    assert snapshot.deadlines == ()
    assert [asset.state for asset in snapshot.assets] == [AssetState.ACTION_REQUIRED]


def test_one_unreadable_number_leaves_the_other_deadlines() -> None:
    telnyx = _Telnyx([_row(0), _row(1)])
    telnyx.failing = {"number_order_phone_numbers/n-0": httpx.Response(500)}
    assert [seen.sub_order_id for seen in telnyx.poll().deadlines] == ["s-n-1"]


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(403), httpx.Response(200, json={"data": 7})])
def test_unreadable_comments_and_names_do_not_fail_the_poll(answer: httpx.Response) -> None:
    telnyx = _Telnyx([_row(0, "requirement-info-exception")])
    telnyx.failing = {"comments": answer, "regulatory_requirements": answer}
    snapshot = telnyx.poll()
    assert (telnyx.count("comments") > 0, snapshot.comments) == (True, ())
    assert [seen.name for seen in snapshot.requirements] == [None]
    assert len(snapshot.deadlines) == 1


@pytest.mark.parametrize(
    ("answer", "most"), [(httpx.Response(429, headers={"Retry-After": "60"}), 1), (httpx.ReadTimeout("slow"), 2)]
)
def test_poll_stops_at_repeated_failures(answer: httpx.Response | Exception, most: int) -> None:
    telnyx = _Telnyx([_row(index) for index in range(20)])
    telnyx.failing = {"number_order_phone_numbers": answer}
    telnyx.poll()
    assert telnyx.count("number_order_phone_numbers") == most
    assert telnyx.count("regulatory_requirements") == 0


def test_poll_fails_without_its_sub_orders() -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.failing = {"sub_number_orders": httpx.Response(503)}
    with pytest.raises(UnreadableError):
        telnyx.poll()


@pytest.mark.parametrize("order", [None, [], {}, {"id": None}, {"id": "another", "status": "deleted"}])
def test_response_without_the_order_is_none(order: object) -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.order = order
    with pytest.raises(UnreadableError):
        telnyx.poll()


def test_sub_orders_are_read_if_the_number_filter_is_unsupported() -> None:
    telnyx = _Telnyx([_row(0)])

    def refusing(request: httpx.Request) -> httpx.Response:
        if "filter[include_phone_numbers]" in request.url.params:
            return httpx.Response(400, json={"errors": [{"code": "10031", "title": "Invalid filter"}]})
        return telnyx(request)

    snapshot = _adapter(httpx.MockTransport(refusing)).observe(_order())
    assert [seen.id for seen in snapshot.sub_orders] == ["s-n-0"]


def test_sub_orders_missing_from_the_list_are_read_separately() -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.subs = []
    snapshot = telnyx.poll()
    assert "sub_number_orders/s-n-0" in telnyx.asked
    assert [asset.sub_order_id for asset in snapshot.assets] == ["s-n-0"]
    assert len(snapshot.deadlines) == 1


def test_sub_orders_of_another_order_are_not_ours() -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.subs.append({"id": "s-foreign", "order_request_id": "foreign", "status": "failure"})
    assert [seen.id for seen in telnyx.poll().sub_orders] == ["s-n-0"]


def test_comments_are_read_wherever_something_is_vetted() -> None:
    bought = _Bought(("DE", "local", 1), ("US", "local", 1), ("FR", "local", 1))
    bought.simulator.comment(bought.id, "Please wait.")
    german, _, french = (sub_order.id for sub_order in bought.poll().sub_orders)
    assert {comment.sub_order_id for comment in bought.poll().comments} == {german, french}
    asked = {request.query["filter[comment_record_id]"] for request in bought.simulator.requests("list_comments")}
    assert asked == {german, french}
    bought.simulator.cancel(bought.id, country_code="FR")
    assert {comment.sub_order_id for comment in bought.poll().comments} == {german}


def test_comments_show_whether_they_were_read() -> None:
    bought = _Bought(("DE", "local", 1))
    bought.simulator.comment(bought.id, "Please wait.")
    [comment] = bought.poll().comments
    assert not comment.read
    bought.adapter.mark_read(comment.id)
    assert [each.read for each in bought.poll().comments] == [True]


def test_comments_on_rejections_come_first_and_not_alone() -> None:
    rows = [_row(n, "requirement-info-exception" if n < 20 else "requirement-info-pending") for n in range(40)]
    telnyx = _Telnyx(rows)
    read: list[str] = []
    for version in range(20):
        telnyx.parts.clear()
        telnyx.poll(version=version)
        read += [part for part in telnyx.parts if part.startswith("s-n-")]
        others = [part for part in telnyx.parts if part.startswith("s-n-") and int(part[4:]) >= 20]
        assert (telnyx.count("comments"), len(others)) == (5, 1)
    assert set(read) == {f"s-n-{n}" for n in range(40)}


def test_comments_are_distinguished_by_author() -> None:
    telnyx = _Telnyx([_row(0, "requirement-info-exception")])
    comment = {
        "id": "c-1",
        "body": "Why\ud800?\nBecause.",
        "commenter_type": "user",
        "created_at": "2026-11-22T08:00:00Z",
    }
    telnyx.comments = [
        comment,
        {**comment, "id": "c-2", "commenter_type": "admin", "comment_record_id": "s-n-0"},
        {**comment, "id": "c-3", "comment_record_id": "s-foreign"},
        {**comment, "id": "c-4", "body": None},
        {**comment, "id": "c-5", "created_at": None},
        {**comment, "id": None},
        {**comment, "id": "c-6", "commenter_type": None},
        {**comment, "id": "c-7", "commenter_type": "robot", "created_at": "10 Mar 2026"},
        None,
    ]
    snapshot = telnyx.poll()
    text = "Why??\nBecause."
    assert [(seen.id, seen.by_provider, seen.body) for seen in snapshot.comments] == [
        ("c-1", False, text),
        ("c-2", True, text),
        # Its time is not shown: it counts as new.
        ("c-5", False, text),
        ("c-6", True, text),
        ("c-7", True, text),
    ]
    assert snapshot.comments[-1].at == NOW
    assert set(snapshot.unknown_values) == {
        UnknownValue("comment.body", "(null)"),
        UnknownValue("comment.id", "(null)"),
        UnknownValue("comment.commenter_type", "robot"),
        UnknownValue("comment.created_at", "10 Mar 2026"),
        UnknownValue("comments", "(null)"),
    }


# Requirements of each number


def test_each_number_has_its_own_requirements() -> None:
    bought = _Bought(("DE", "local", 60))
    bought.simulator.configure(sparse_numbers=False)
    first, *_, last = bought.poll().assets
    requirements = {requirement.id: requirement.name for requirement in bought.poll().requirements}
    bought.adapter.supply(
        _order(bought.id).with_(assets=tuple(Asset(**_fields(each)) for each in (first, last))),
        dict.fromkeys(requirements, "x"),
        number=last.value,
    )
    bought.simulator.reject("address", "No.", times=1)
    bought.simulator.advance(61)
    seen = {asset.value: asset.requirements for asset in bought.poll().assets}
    assert {requirements[each.id]: (each.state, each.provider_status) for each in seen[first.value]} == dict.fromkeys(
        ["End User Address", "Identity Document", "Business Name"], (RequirementState.AWAITING_VALUE, "awaiting-value")
    )
    # Beyond the first fifty that its sub order embeds, and the only one in its status: its own record shows little.
    assert {each.provider_status for each in seen[last.value]} == {"requirement-info-exception"}
    bought.simulator.configure(requirement_status_everywhere=True)
    seen = {asset.value: asset.requirements for asset in bought.poll().assets}
    assert {requirements[each.id]: each.state for each in seen[last.value]} == {
        "End User Address": RequirementState.REJECTED,
        "Identity Document": RequirementState.UNDER_REVIEW,
        "Business Name": RequirementState.UNDER_REVIEW,
    }


def test_ended_number_has_no_open_requirements() -> None:
    bought = _Bought(("DE", "local", 1))
    assert [len(asset.requirements) for asset in bought.poll().assets] == [3]
    bought.simulator.cancel(bought.id)
    assert [asset.requirements for asset in bought.poll().assets] == [()]


def _fields(asset: AssetSeen) -> dict[str, Any]:
    return {
        "value": asset.value,
        "state": asset.state,
        "provider_status": asset.provider_status,
        "provider_id": asset.provider_id,
    }


# Statuses


@pytest.mark.parametrize(
    ("status", "requirements_status", "sub_order", "order", "state"),
    [
        ("pending", "approved", "pending", "pending", AssetState.PENDING),
        ("pending", None, "pending", "pending", AssetState.PENDING),
        ("pending", "pending", "pending", "pending", AssetState.PENDING),
        ("pending", "requirement-info-pending", "pending", "pending", AssetState.ACTION_REQUIRED),
        ("pending", "requirement-info-exception", "pending", "pending", AssetState.ACTION_REQUIRED),
        ("pending", "requirement-info-under-review", "pending", "pending", AssetState.UNDER_REVIEW),
        ("pending", "something-new", "pending", "pending", AssetState.UNKNOWN),
        ("pending", "requirement-info-pending", "cancelled", "pending", AssetState.CANCELLED),
        ("pending", "requirement-info-pending", "failure", "pending", AssetState.FAILED),
        ("pending", "approved", "deleted", "pending", AssetState.DELETED),
        ("pending", "cancelled", "pending", "pending", AssetState.CANCELLED),
        ("pending", "approved", "pending", "cancelled", AssetState.CANCELLED),
        ("pending", "approved", None, "failure", AssetState.FAILED),
        # Another part of the order failed; this one is in progress.
        ("pending", "approved", "success", "failure", AssetState.PENDING),
        ("success", "approved", "success", "success", AssetState.ACTIVE),
        ("success", "approved", "failure", "failure", AssetState.ACTIVE),
        ("success", "approved", "cancelled", "cancelled", AssetState.ACTIVE),
        ("success", "deleted", "success", "success", AssetState.DELETED),
        ("success", "approved", "deleted", "pending", AssetState.DELETED),
        ("success", "approved", None, "deleted", AssetState.DELETED),
        ("failure", "approved", "failure", "failure", AssetState.FAILED),
        ("failure", "cancelled", "failure", "failure", AssetState.CANCELLED),
        ("failure", None, "cancelled", "pending", AssetState.CANCELLED),
        ("failure", None, None, "cancelled", AssetState.CANCELLED),
        ("failure", "deleted", "deleted", "deleted", AssetState.FAILED),
        (None, "approved", "success", "success", AssetState.UNKNOWN),
        ("something-new", "approved", "success", "success", AssetState.UNKNOWN),
    ],
)
def test_state_of_a_number_follows_from_the_statuses_around_it(
    status: str | None, requirements_status: str | None, sub_order: str | None, order: str, state: AssetState
) -> None:
    telnyx = _Telnyx([{**_row(0), "status": status, "requirements_status": requirements_status}], status=order)
    telnyx.subs[0]["status"] = sub_order
    snapshot = telnyx.poll()
    assert [asset.state for asset in snapshot.assets] == [state]
    new = {"something-new"} & {status, requirements_status}
    # An ended order that does not show what became of a number: this is not an ordinary absence.
    assert {unknown.value for unknown in snapshot.unknown_values} == ({"(null)"} if status is None else new)


@pytest.mark.parametrize(
    ("provider_status", "phase"),
    [
        ("pending", Phase.OPEN),
        ("success", Phase.ENDED),
        ("failure", Phase.FAILED),
        ("cancelled", Phase.CANCELLED),
        ("deleted", Phase.DELETED),
        ("partial_success", Phase.UNKNOWN),
    ],
)
def test_phase_is_the_orders_status(provider_status: str, phase: Phase) -> None:
    snapshot = _Telnyx([_row(0)], status=provider_status).poll()
    assert (snapshot.phase, snapshot.provider_status) == (phase, provider_status)
    expected = (UnknownValue("number_order.status", provider_status),) if phase is Phase.UNKNOWN else ()
    assert snapshot.unknown_values == expected


@pytest.mark.parametrize(
    ("requirements_status", "has_value", "state"),
    [
        ("approved", True, RequirementState.APPROVED),
        ("requirement-info-under-review", True, RequirementState.UNDER_REVIEW),
        ("requirement-info-pending", False, RequirementState.AWAITING_VALUE),
        ("requirement-info-pending", True, RequirementState.UNDER_REVIEW),
        ("requirement-info-exception", False, RequirementState.AWAITING_VALUE),
        ("requirement-info-exception", True, RequirementState.REJECTED),
        ("pending", True, RequirementState.UNKNOWN),
    ],
)
def test_requirement_without_a_status_has_its_numbers(
    requirements_status: str, has_value: bool, state: RequirementState
) -> None:
    row = _row(0, requirements_status)
    row["regulatory_requirements"][0]["field_value"] = "x" if has_value else None
    [seen] = _Telnyx([row]).poll().requirements
    assert (seen.state, seen.provider_status, seen.numbers) == (state, requirements_status, 1)


def test_rejection_is_not_spread_to_requirements_beside_a_shown_one() -> None:
    row = _row(0, "requirement-info-exception")
    row["regulatory_requirements"].append({"requirement_id": "r-x", "field_value": "x", "status": "declined"})
    assert [(seen.id, seen.state) for seen in _Telnyx([row]).poll().requirements] == [
        ("r-0", RequirementState.UNKNOWN),
        ("r-x", RequirementState.REJECTED),
    ]


def test_status_shown_on_the_numbers_record_counts() -> None:
    telnyx = _Telnyx([_row(0, "requirement-info-exception")])
    requirement = {"requirement_id": "r-0", "field_type": "address_id", "field_value": "x", "status": "declined"}
    telnyx.number = lambda number_id: {"id": number_id, "regulatory_requirements": [requirement]}
    [seen] = telnyx.poll().requirements
    assert (seen.state, seen.provider_status, seen.kind) == (RequirementState.REJECTED, "declined", "address")


def test_least_satisfied_number_stands_for_its_sub_order() -> None:
    rows = [{**_row(index), "country_code": "C0"} for index in range(4)]
    for row, status in zip(rows, ["approved", "declined", "declined", "expired"], strict=True):
        row["regulatory_requirements"] = [{"requirement_id": "r", "status": status}]
    telnyx = _Telnyx(rows)
    telnyx.subs = telnyx.subs[:1]
    telnyx.order["sub_number_orders_ids"] = ["s-n-0"]
    snapshot = telnyx.poll()
    [seen] = snapshot.requirements
    assert (seen.state, seen.provider_status, seen.numbers) == (RequirementState.REJECTED, "declined", 2)
    assert snapshot.unknown_values == (UnknownValue("regulatory_requirement.status", "expired"),)


@pytest.mark.parametrize(
    ("field_type", "kind"),
    [
        ("textual", "text"),
        ("string", "text"),
        ("datetime", "date"),
        ("date", "date"),
        ("address", "address"),
        ("address_id", "address"),
        ("document", "document"),
        ("number_order_document_id", "document"),
        ("action", "action"),
        (None, None),
    ],
)
def test_kinds_of_requirements_are_normalized(field_type: str | None, kind: str | None) -> None:
    row = _row(0)
    row["regulatory_requirements"][0]["field_type"] = field_type
    assert [seen.kind for seen in _Telnyx([row]).poll().requirements] == [kind]


@pytest.mark.parametrize(("shown", "ours"), [("mobile", "mobile"), ("landline", None), ("new", None), (None, None)])
def test_number_type_is_one_that_can_be_ordered(shown: str | None, ours: str | None) -> None:
    telnyx = _Telnyx([{**_row(0), "phone_number_type": shown}])
    [asset] = telnyx.poll().assets
    assert (asset.number_type, asset.sub_order_id) == (ours, "s-n-0")


def test_requirement_values_stay_at_the_provider() -> None:
    row = _row(0)
    row["regulatory_requirements"][0]["field_value"] = "Erika Mustermann"
    assert "Mustermann" not in repr(_Telnyx([row]).poll())


# Malformed responses


def _mutations() -> st.SearchStrategy[tuple[int, object]]:
    odd: st.SearchStrategy[object] = st.sampled_from(
        [None, "", "new_word", 7, 7.5, True, [], {}, [None], [[]], [{}], {"id": None}, "\ud800", "x" * 300]
    )
    return st.tuples(st.integers(min_value=0, max_value=10**6), odd)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += [(value, key), *_places(inner)]
    return found


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(_mutations(), min_size=1, max_size=4), st.booleans())
def test_no_response_crashes_a_poll(mutations: list[tuple[int, object]], remove: bool) -> None:
    row = _row(0, "requirement-info-exception")
    telnyx = _Telnyx([row, _row(1)])
    telnyx.subs[0]["phone_numbers"] = [copy.deepcopy(row)]
    comment = {"id": "c-1", "body": "Why.", "commenter_type": "admin", "created_at": "2026-11-22T08:00:00Z"}
    answers: Any = {
        "order": telnyx.order,
        "subs": telnyx.subs,
        "number": {
            "id": "n-0",
            "deadline": "2026-12-06T08:00:00Z",
            "regulatory_requirements": [{"status": "declined"}],
        },
        "comments": [comment],
    }
    answers = copy.deepcopy(answers)
    for position, odd in mutations:
        places = _places(answers)
        holder, key = places[position % len(places)]
        if remove and isinstance(holder, dict) and holder is not answers:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(odd)
    telnyx.order, telnyx.subs, telnyx.comments = answers["order"], answers["subs"], answers["comments"]
    telnyx.number = lambda _: answers["number"]
    try:
        snapshot = telnyx.poll()
    except ProviderError:
        return
    repr(snapshot).encode()
    assert all(asset.value.startswith("+") for asset in snapshot.assets)
    assert all(seen.numbers >= 1 for seen in snapshot.requirements)


# Other notations: read if unambiguous, otherwise reported, and never left out silently


def _drifted(place: str, value: object) -> _Telnyx:
    """Return an order of two German numbers with one changed field."""
    rows = [_german(0), _german(1)]
    telnyx = _Telnyx(rows)
    telnyx.subs = [{**telnyx.subs[0], "country_code": "DE"}]
    telnyx.order["sub_number_orders_ids"] = ["s-n-0"]
    record = {"deadline": "2026-12-06T08:00:00Z", "requirements_status": "requirement-info-pending"}
    comment = {"id": "c-1", "body": "Why.", "commenter_type": "admin", "created_at": "2026-11-22T08:00:00Z"}
    holder, _, name = place.partition(".")
    holders: dict[str, dict[str, Any]] = {
        "order": telnyx.order,
        "sub_order": telnyx.subs[0],
        "number": rows[0],
        "requirement": rows[0]["regulatory_requirements"][0],
        "record": record,
        "comment": comment,
    }
    holders[holder][name] = value
    telnyx.number = lambda number_id: {"id": number_id, **record}
    telnyx.comments = [comment]
    return telnyx


def _german(index: int) -> dict[str, Any]:
    row = {**_row(index), "country_code": "DE"}
    row["regulatory_requirements"] = [{"requirement_id": "r-0", "field_type": "address", "field_value": None}]
    return row


_ODD: tuple[object, ...] = ({"value": "x"}, [], ["x"], 7.5, True, "\ud800")
_TYPES = {
    "dict": "(an object)",
    "list": "(a list)",
    "bool": "(true or false)",
    "float": "7.5",
    "str": "(not printable)",
}
_PLACES = {
    "order.status": "number_order.status",
    "sub_order.status": "sub_number_order.status",
    "sub_order.country_code": "sub_number_order.country_code",
    "sub_order.phone_number_type": "sub_number_order.phone_number_type",
    "number.status": "phone_number.status",
    "number.requirements_status": "phone_number.requirements_status",
    "number.phone_number": "phone_number.phone_number",
    "number.id": "phone_number.id",
    "requirement.requirement_id": "regulatory_requirement.requirement_id",
    "requirement.status": "regulatory_requirement.status",
    "requirement.field_type": "regulatory_requirement.field_type",
    "record.deadline": "number_order_phone_number.deadline",
    "comment.id": "comment.id",
    "comment.created_at": "comment.created_at",
    "comment.read_at": "comment.read_at",
    "comment.commenter_type": "comment.commenter_type",
}


@pytest.mark.parametrize("odd", _ODD, ids=repr)
@pytest.mark.parametrize(("place", "field"), _PLACES.items())
def test_value_in_another_notation_is_reported(place: str, field: str, odd: object) -> None:
    told = {unknown.field: unknown.value for unknown in _drifted(place, odd).poll().unknown_values}
    assert told[field] == _TYPES[type(odd).__name__]


def test_documented_response_has_nothing_to_report() -> None:
    assert _drifted("order.status", "pending").poll().unknown_values == ()


@pytest.mark.parametrize(
    ("deadline", "read"),
    [
        (1796544000, True),
        ("1796544000", True),
        (1796544000000, True),
        ("2026-12-06T09:00:00+01:00", True),
        ("10 Mar 2026", False),
        ("9999-12-31T23:59:59Z", False),
        (7, False),
        ({"at": "2026-12-06T08:00:00Z"}, False),
    ],
)
def test_unreadable_deadline_makes_its_sub_orders_deadline_unread(deadline: object, read: bool) -> None:
    snapshot = _drifted("record.deadline", deadline).poll()
    assert snapshot.deadlines == ((DeadlinesSeen("s-n-0", ((NOW + timedelta(days=14), 2),)),) if read else ())
    assert snapshot.unread_deadlines == (frozenset() if read else {"s-n-0"})
    assert bool(snapshot.unknown_values) is not read


@pytest.mark.parametrize(
    "shown",
    [493030901820, "493030901820", "030 30901820", "+49 (30) 309018-20", {"phone_number": "+493030901820"}],
)
def test_number_in_another_notation_is_the_same_number(shown: object) -> None:
    snapshot = _drifted("number.phone_number", shown).poll()
    assert "+493030901820" in {asset.value for asset in snapshot.assets}
    assert snapshot.unknown_values == ()


def test_unreadable_number_is_identified_by_its_id_or_may_be_delivered() -> None:
    telnyx = _drifted("number.phone_number", "soon")
    [provider_status] = telnyx.poll().unknown_values
    assert provider_status == UnknownValue("phone_number.phone_number", "soon", of_asset=True)
    known = Asset(value="+4930111111", state=AssetState.PENDING, provider_status="pending", provider_id="n-0")
    snapshot = _adapter(httpx.MockTransport(telnyx)).observe(_order().with_(assets=(known,)))
    assert "+4930111111" in {asset.value for asset in snapshot.assets}
    assert not snapshot.assets_unread


@pytest.mark.parametrize(
    ("shown", "values", "unread"),
    [
        ({"id": "n-0", "phone_number": "+493030901820", "status": "success"}, {"+493030901820"}, set()),
        ("+493030901820", {"+493030901820"}, set()),
        (["+493030901820", "+493030901821"], {"+493030901820", "+493030901821"}, set()),
        ("+493030901820, +493030901821", {"+493030901820", "+493030901821"}, set()),
        ([493030901820], {"+493030901820"}, set()),
        ({"count": 2}, set(), {"(null)"}),
        ([["+493030901820"], None], set(), {"(a list)", "(null)"}),
        (True, set(), {"(true or false)"}),
    ],
)
def test_numbers_that_are_no_list_of_objects(shown: object, values: set[str], unread: set[str]) -> None:
    telnyx = _Telnyx([_german(0)], phone_numbers=shown, status="success")
    telnyx.subs[0]["status"] = "success"
    order = _order().with_(request=Request.of(_message(("DE", "local", 2))))
    snapshot = _adapter(httpx.MockTransport(telnyx)).observe(order)
    assert {asset.value for asset in snapshot.assets} == values
    of_numbers = {unknown.value for unknown in snapshot.unknown_values if unknown.field != "phone_number.status"}
    assert of_numbers == unread
    # Each number without a status, in an ended order, may have been delivered.
    assert snapshot.assets_unread is bool(unread or (values and not isinstance(shown, dict)))


@pytest.mark.parametrize("provider_status", ["Pending", "PENDING", " pending "])
def test_status_is_case_insensitive(provider_status: str) -> None:
    snapshot = _drifted("number.status", provider_status).poll()
    assert {asset.state for asset in snapshot.assets} == {AssetState.ACTION_REQUIRED}
    assert snapshot.unknown_values == ()
    snapshot = _drifted("number.requirements_status", "REQUIREMENT_INFO_PENDING").poll()
    assert {asset.provider_status for asset in snapshot.assets} == {"pending/requirement-info-pending"}


@pytest.mark.parametrize("torn", [None, 7, {}, {"id": None, "status": "success"}, {"status": "success"}, ["s-n-0"]])
def test_unreadable_sub_order_is_reported(torn: object) -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.subs.append(torn)
    snapshot = telnyx.poll()
    assert [sub_order.id for sub_order in snapshot.sub_orders] == ["s-n-0"]
    assert [unknown.field.partition(".")[0] for unknown in snapshot.unknown_values] in (
        ["sub_number_order"],
        ["sub_number_orders"],
    )


def test_integer_ids_are_ids() -> None:
    telnyx = _Telnyx([{**_row(0), "id": 11}])
    telnyx.subs[0]["id"] = 22
    telnyx.order["sub_number_orders_ids"] = [22]
    telnyx.number = lambda number_id: {"id": int(number_id), "deadline": "2026-12-06T08:00:00Z"}
    snapshot = telnyx.poll()
    assert [sub_order.id for sub_order in snapshot.sub_orders] == ["22"]
    assert [asset.provider_id for asset in snapshot.assets] == ["11"]
    assert [deadline.sub_order_id for deadline in snapshot.deadlines] == ["22"]


def test_requirement_values_and_comments_are_never_reported_as_statuses() -> None:
    secret = "Erika Mustermann"
    telnyx = _drifted("requirement.field_value", {"name": secret})
    telnyx.comments = [{"id": "c-1", "body": {"text": secret}}, {"id": {"x": 1}, "body": secret}]
    snapshot = telnyx.poll()
    assert "Mustermann" not in repr(snapshot)
    assert {unknown.field for unknown in snapshot.unknown_values} == {"comment.body", "comment.id"}


# Sparse responses


def _sparse(statuses: Mapping[str, str | None], status: str = "pending") -> _Telnyx:
    """Return an order of one sub order whose numbers show only that a requirement is not met; their records show which."""
    rows = [
        {
            "id": number_id,
            "phone_number": f"+4930{1000000 + index}",
            "country_code": "DE",
            "phone_number_type": "local",
            "status": status,
            "requirements_met": False,
        }
        for index, number_id in enumerate(statuses)
    ]
    telnyx = _Telnyx(rows)
    telnyx.subs = [{**telnyx.subs[0], "country_code": "DE"}]
    telnyx.order["sub_number_orders_ids"] = [telnyx.subs[0]["id"]]
    telnyx.number = lambda number_id: {
        "id": number_id,
        "deadline": "2026-12-06T08:00:00Z",
        "requirements_status": statuses[number_id],
        "regulatory_requirements": [{"requirement_id": "r-0", "field_type": "address", "field_value": None}],
    }
    return telnyx


def test_details_missing_from_the_order_come_from_the_numbers_records() -> None:
    telnyx = _sparse(dict.fromkeys((f"n-{index}" for index in range(3)), "requirement-info-pending"))
    snapshot = telnyx.poll()
    assert {(asset.state, asset.provider_status) for asset in snapshot.assets} == {
        (AssetState.ACTION_REQUIRED, "pending/requirement-info-pending")
    }
    assert [(requirement.id, requirement.state) for requirement in snapshot.requirements] == [
        ("r-0", RequirementState.AWAITING_VALUE)
    ]
    assert snapshot.deadlines == (DeadlinesSeen("s-n-0", ((NOW + timedelta(days=14), 3),)),)
    # No additional call: the record is read for its deadline anyway.
    assert telnyx.count("number_order_phone_numbers") == 3


@pytest.mark.parametrize("ids", [["s-n-0", "s-n-1"], None])
def test_number_of_an_unseen_sub_order_does_not_end_with_another(ids: list[str] | None) -> None:
    telnyx = _Telnyx([_row(0), _row(1)], sub_number_orders_ids=ids)
    failed = {**telnyx.subs[0], "status": "failure"}
    if ids is None:
        # Only the list's own figures show that there are more.
        cut = {"data": [failed], "meta": {"total_pages": 9}}
        telnyx.failing = {"sub_number_orders": httpx.Response(200, content=json.dumps(cut).encode())}
    else:
        telnyx.subs, telnyx.failing = [failed], {"sub_number_orders/s-n-1": httpx.Response(500)}
    states = {asset.value: asset.state for asset in telnyx.poll().assets}
    assert states == {"+49301000000": AssetState.FAILED, "+49301000001": AssetState.ACTION_REQUIRED}


def test_deviating_number_does_not_alternate() -> None:
    statuses: dict[str, str | None] = dict.fromkeys((f"n-{index}" for index in range(40)), "requirement-info-pending")
    statuses["n-30"] = "requirement-info-under-review"
    telnyx, order = _sparse(statuses), _order()
    adapter = _adapter(httpx.MockTransport(telnyx))
    words: list[dict[str, str]] = []
    for _ in range(8):
        snapshot = adapter.observe(order)
        words.append({asset.value: asset.provider_status.partition("/")[2] for asset in snapshot.assets})
        order = order.with_(
            number_cursor=snapshot.number_cursor,
            assets=tuple(
                Asset(value=asset.value, state=asset.state, provider_status=asset.provider_status)
                for asset in snapshot.assets
            ),
        )
    apart = [shown["+49301000030"] for shown in words]
    assert apart == sorted(apart), "found once by the number_cursor, it stays"
    assert apart[-1] == "requirement-info-under-review"
    assert {shown["+49301000000"] for shown in words} == {"requirement-info-pending"}
    statuses |= dict.fromkeys(statuses, "requirement-info-under-review")
    assert {asset.provider_status for asset in adapter.observe(order).assets} == {
        "pending/requirement-info-under-review"
    }


def test_last_reading_of_a_number_holds_while_its_record_is_unreadable() -> None:
    telnyx = _sparse({"n-0": "requirement-info-pending"})
    telnyx.failing = {"number_order_phone_numbers": httpx.Response(503)}
    [first] = telnyx.poll().assets
    assert (first.state, first.provider_status) == (AssetState.PENDING, "pending")
    known = Asset(
        value=first.value, state=AssetState.ACTION_REQUIRED, provider_status="pending/requirement-info-pending"
    )
    [again] = _adapter(httpx.MockTransport(telnyx)).observe(_order().with_(assets=(known,))).assets
    assert (again.state, again.provider_status) == (AssetState.ACTION_REQUIRED, "pending/requirement-info-pending")


@pytest.mark.parametrize("count", [1, 40])
def test_sparse_sub_orders_take_no_more_calls_than_available(count: int) -> None:
    telnyx = _Telnyx([_row(index) for index in range(count)])
    for row in telnyx.rows:
        del row["requirements_status"]
    snapshot = telnyx.poll()
    assert len(telnyx.asked) <= 25
    assert len(snapshot.assets) == count


# Truncated lists


class _Paged:
    """A list in pages selected by `page[number]`, with the total figures."""

    def __init__(
        self, telnyx: _Telnyx, resource: str, pages: Sequence[list[Any]], *, pages_at_all: bool = True
    ) -> None:
        self.telnyx, self.resource, self.pages, self.pages_at_all = telnyx, resource, pages, pages_at_all

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != f"/v2/{self.resource}":
            return self.telnyx(request)
        self.telnyx(request)
        number = int(request.url.params.get("page[number]", "1")) if self.pages_at_all else 1
        meta = {"page_number": number, "total_pages": len(self.pages)}
        return httpx.Response(200, json={"data": self.pages[number - 1], "meta": meta})

    def poll(self, **changes: Any) -> Snapshot:
        self.telnyx.asked.clear()
        return _adapter(httpx.MockTransport(self)).observe(_order().with_(**changes))


def _comments(*ids: int) -> list[dict[str, Any]]:
    return [
        {"id": f"c-{each}", "body": "x", "commenter_type": "admin", "created_at": f"2026-11-22T07:{each:02}:00Z"}
        for each in ids
    ]


@pytest.mark.parametrize("pages", [[(1, 2), (3, 4), (5, 6)], [(6, 5), (4, 3), (2, 1)]], ids=["oldest", "newest"])
def test_comments_are_read_to_the_last_page(pages: list[tuple[int, ...]]) -> None:
    paged = _Paged(_Telnyx([_row(0)]), "comments", [_comments(*page) for page in pages])
    snapshot = paged.poll()
    assert {comment.id for comment in snapshot.comments} == {f"c-{each}" for each in range(1, 7)}
    assert snapshot.unknown_values == ()
    # Recorded comments are not read again: one page, or the first and the last.
    paged.poll(comments_seen=tuple(f"c-{each}" for each in range(1, 7)))
    assert paged.telnyx.count("comments") == (2 if pages[0] == (1, 2) else 1)


@pytest.mark.parametrize("first", [1, 59])
def test_newest_of_many_comment_pages_are_read_and_the_rest_is_reported(first: int) -> None:
    ids = list(range(1, 60) if first == 1 else range(59, 0, -1))
    paged = _Paged(_Telnyx([_row(0)]), "comments", [_comments(*ids[at : at + 2]) for at in range(0, 59, 2)])
    snapshot = paged.poll()
    assert len(paged.telnyx.asked) <= 25
    assert {"c-59", "c-58", "c-57"} <= {comment.id for comment in snapshot.comments}
    assert [unknown.field for unknown in snapshot.unknown_values] == ["comments"]


def test_list_with_unreachable_pages_is_reported() -> None:
    paged = _Paged(_Telnyx([_row(0)]), "comments", [_comments(1), []], pages_at_all=False)
    snapshot = paged.poll()
    assert [comment.id for comment in snapshot.comments] == ["c-1"]
    assert snapshot.unknown_values == (UnknownValue("comments", "more pages than were read"),)


def test_sub_orders_are_read_to_the_last_page() -> None:
    telnyx = _Telnyx([_row(index) for index in range(9)])
    telnyx.order["sub_number_orders_ids"] = []
    paged = _Paged(telnyx, "sub_number_orders", [telnyx.subs[:3], telnyx.subs[3:6], telnyx.subs[6:]])
    assert len(paged.poll().sub_orders) == 9


def test_names_of_requirements_are_read_to_the_last_page() -> None:
    pages: list[list[Any]] = [
        [{"regulatory_requirements": [{"id": f"r-{index}", "name": f"Submission {index}"}]}] for index in (7, 0)
    ]
    snapshot = _Paged(_Telnyx([_row(0)]), "regulatory_requirements", pages).poll()
    assert [requirement.name for requirement in snapshot.requirements] == ["Submission 0"]


# Cancelling


@pytest.mark.parametrize(("status", "tried"), [("Pending", True), ({"value": "x"}, True), ("success", False)])
def test_sub_order_with_an_unreadable_status_is_cancelled_if_possible(status: object, tried: bool) -> None:
    telnyx = _Telnyx([_row(0)])
    telnyx.subs[0]["status"] = status
    adapter = _adapter(httpx.MockTransport(telnyx))
    if tried:
        assert adapter.cancel(_order()) == "1 of 1 sub orders cancelled"
    else:
        with pytest.raises(ProviderError, match="only while they are pending"):
            adapter.cancel(_order())
    assert ("sub_number_orders/s-n-0/cancel" in telnyx.asked) is tried
