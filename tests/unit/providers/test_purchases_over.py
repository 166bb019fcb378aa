"""Purchases that ended without numbers, by each provider's statuses; and the lease to cancel for a number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from numberdesk.domain import placing
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers import registry
from numberdesk.providers.base import Credentials, NoSuchThingError
from tests.support.builders import message

if TYPE_CHECKING:
    from numberdesk.domain.order import Order
    from numberdesk.providers.base import Provider

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
KEYS = {
    "telnyx": {"api_key": "KEY"},
    "telesign": {"customer_id": "CUSTOMER", "api_key": "a2V5"},
    "callfire": {"login": "LOGIN", "password": "PASSWORD"},
}
ITEM = {"criteria": {"country": "US"}, "quantity": 1}


class _Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def connected(provider: str, answer: Any, asked: list[httpx.Request] | None = None) -> Provider:
    """Return a provider that gives the same JSON response to every request."""

    def answering(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return httpx.Response(200, json=answer)

    url = f"https://{provider}.test"
    settings = {"v2_find": True, "v2_base_url": url} if provider == "callfire" else {}
    credentials = Credentials(provider, "default", url, KEYS[provider], settings)
    transport = httpx.MockTransport(answering)
    connection: Provider = registry.adapter(provider).build(credentials, _Clock(), Timings(), transport=transport)
    return connection


def unclear(provider: str) -> Order:
    """Return an order whose last attempt began just now."""
    sent = message("order-1", {"criteria": {}, "quantity": 1} if provider == "callfire" else ITEM, provider=provider)
    order, _ = placing.receive(sent, reference="our-reference", correlation_id="c", now=NOW)
    return placing.begin(order, (), None, NOW, Timings(), content_lock=None)[0]


def listed(provider: str, *words: str | None) -> dict[str, Any]:
    """Return a provider's list with a purchase of the order in each of these states."""
    if provider == "telnyx":
        rows: list[dict[str, Any]] = [
            {"id": f"po-{index}", "status": provider_status, "customer_reference": "our-reference"}
            for index, provider_status in enumerate(words)
        ]
        return {"data": rows, "meta": {"total_pages": 1, "page_number": 1, "total_results": len(rows)}}
    if provider == "telesign":
        rows = [
            {"order_id": f"po-{index}", "status": provider_status, "description": "[ref our-reference]"}
            for index, provider_status in enumerate(words)
        ]
        return {"data": rows, "pagination": {"total_pages": 1}}
    created = int(NOW.timestamp() * 1000)
    rows = [
        {"id": index, "status": provider_status, "created": created, "localNumbers": {"ordered": 1, "fulfilled": []}}
        for index, provider_status in enumerate(words)
    ]
    return {"items": rows, "totalCount": len(rows)}


@pytest.mark.parametrize(
    ("provider", "words", "over"),
    [
        ("telnyx", ["cancelled", "failure", "deleted"], True),
        ("telnyx", ["success", "pending", "draft", "something new", None], False),
        ("telesign", ["cancelled", "Rejected"], True),
        ("telesign", ["accepted", "in_progress", "resolved", "something new", None], False),
        ("callfire", ["ERRORED", "VOID", "REJECTED"], True),
        ("callfire", ["NEW", "PROCESSING", "FINISHED", "SOMETHING_NEW", None], False),
    ],
)
def test_purchases_ended_without_numbers_are_recognized(provider: str, words: list[str | None], *, over: bool) -> None:
    connection = connected(provider, listed(provider, *words))
    found = connection.find(unclear(provider), None)
    assert [(each.provider_status, each.over) for each in found] == [
        (provider_status, over) for provider_status in words
    ]
    shown = connection.orders(None).items
    assert [(each.provider_status, each.over) for each in shown] == [
        (provider_status or "", over) for provider_status in words
    ]


# TeleSign's leases


def lease(lease_id: int, status: str | None, number: str = "32470000001") -> dict[str, Any]:
    return {"phone_number": number, "status": status, "lease": {"lease_id": lease_id}}


@pytest.mark.parametrize("status", ["cancelled", "canceled", "Cancelled"])
def test_cancelled_lease_counts_as_released(status: str) -> None:
    shown = {"data": [lease(1, status), lease(2, "active", "32470000002"), lease(3, None, "32470000003")]}
    owned = connected("telesign", shown | {"pagination": {"total_pages": 1}}).owned(None).items
    assert [(each.provider_id, each.given_back) for each in owned] == [("1", True), ("2", False), ("3", False)]


@pytest.mark.parametrize("leases", [[(1, "cancelled"), (2, "active")], [(2, None), (1, "cancelled")]])
def test_active_lease_is_the_one_released(leases: list[tuple[int, str | None]]) -> None:
    asked: list[httpx.Request] = []
    shown = {"data": [lease(*each) for each in leases], "pagination": {"total_pages": 1}}
    connected("telesign", shown, asked).release("+32470000001", AssetKind.NUMBER)
    assert [(request.method, request.url.path.rpartition("/")[2]) for request in asked] == [
        ("GET", "leases"),
        ("DELETE", "2"),
    ]


def test_number_with_only_ended_leases_has_none() -> None:
    asked: list[httpx.Request] = []
    shown = {"data": [lease(1, "cancelled")], "pagination": {"total_pages": 1}}
    with pytest.raises(NoSuchThingError):
        connected("telesign", shown, asked).release("+32470000001", AssetKind.NUMBER)
    assert [request.method for request in asked] == ["GET"]
