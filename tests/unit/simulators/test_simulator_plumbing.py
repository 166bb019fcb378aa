"""Faults, request log, and HTTP controls: common to all simulators, shown on Telnyx's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def simulator() -> TelnyxSimulator:
    return TelnyxSimulator(Clock(START), keys=["KEY"])


@pytest.fixture
def client(simulator: TelnyxSimulator) -> httpx.Client:
    headers = {"Authorization": "Bearer KEY"}
    return httpx.Client(transport=SimulatorTransport(simulator), base_url="https://telnyx.test", headers=headers)


def buy(client: httpx.Client, timeout: float = 5) -> httpx.Response:
    params = {"filter[country_code]": "US", "filter[limit]": "1"}
    number = client.get("/v2/available_phone_numbers", params=params).json()["data"][0]["phone_number"]
    return client.post("/v2/number_orders", json={"phone_numbers": [{"phone_number": number}]}, timeout=timeout)


def test_lost_response_comes_after_the_work(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.fault("create_order", "lose_answer")
    with pytest.raises(httpx.ReadTimeout):
        buy(client)
    assert simulator.purchases() == 1
    assert buy(client).status_code == 200


def test_dropped_connection_does_no_work(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.fault("create_order", "drop_before")
    with pytest.raises(httpx.ConnectError):
        buy(client)
    assert simulator.purchases() == 0


def test_slow_response_is_lost_on_an_impatient_client(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.fault("create_order", "slow", times=2, seconds=3)
    assert buy(client, timeout=5).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        buy(client, timeout=2)
    assert simulator.purchases() == 2


@pytest.mark.parametrize(
    ("kind", "status", "bought"),
    [("status", 503, 0), ("status_after", 502, 1), ("nonsense", 200, 1), ("truncated", 200, 1)],
)
def test_wrong_responses(simulator: TelnyxSimulator, client: httpx.Client, kind: Any, status: int, bought: int) -> None:
    simulator.fault("create_order", kind, status=status)
    answer = buy(client)
    assert answer.status_code == status
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()
    assert simulator.purchases() == bought


def test_fault_waits_for_a_call_that_contains_a_text(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.fault("create_order", "status", holding="mine")
    assert buy(client).status_code == 200
    order = {"phone_numbers": [{"phone_number": "+13125550100"}], "customer_reference": "all mine"}
    assert client.post("/v2/number_orders", json=order).status_code == 500
    assert simulator.purchases() == 1


def test_throttling_response_is_the_providers_own(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.fault("list_orders", "throttle", after=1, retry_after="7", reset=3)
    assert client.get("/v2/number_orders").status_code == 200
    answer = client.get("/v2/number_orders")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, "10011")
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-reset"]) == ("7", "3")
    assert client.get("/v2/number_orders").status_code == 200


def test_requests_are_logged_without_credentials(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    buy(client)
    client.get("/v2/nowhere")
    search, create, lost = simulator.requests()
    assert (search.operation, search.query["filter[country_code]"]) == ("search", "US")
    assert (create.operation, create.account, create.status) == ("create_order", "default", 200)
    assert create.json["phone_numbers"][0]["phone_number"].startswith("+1312")
    assert (lost.operation, lost.status) == ("unrouted", 404)
    assert "KEY" not in repr(simulator.requests())


def test_controls_over_http(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    buy(client)
    assert client.post("/_sim/advance", json={"seconds": 2}).json() == {"result": "2026-03-02T09:00:02+00:00"}
    (order,) = client.get("/_sim/orders").json()["result"]
    assert order["status"] == "success"
    assert client.post("/_sim/purchases", json={"reference": "none"}).json() == {"result": 0}
    assert [r["operation"] for r in client.get("/_sim/requests").json()["result"]] == ["search", "create_order"]
    assert len(client.get("/_sim/requests", params={"operation": "search"}).json()["result"]) == 1
    assert client.post("/_sim/configure", json={"no_such": 1}).status_code == 400
    assert client.post("/_sim/supply", json={"order": "none"}).status_code == 404
    assert client.post("/_sim/clock").status_code == 404
    assert client.post("/_sim/fault", json={"operation": "search", "kind": "nonsensical"}).status_code == 400


def test_same_seed_gives_the_same_world() -> None:
    worlds = [TelnyxSimulator(Clock(START), seed=5, keys=["KEY"]) for _ in range(2)]
    for world in worlds:
        buy(
            httpx.Client(
                transport=SimulatorTransport(world), base_url="https://t.test", headers={"Authorization": "Bearer KEY"}
            )
        )
    assert worlds[0].orders() == worlds[1].orders()
