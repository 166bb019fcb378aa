"""The TeleSign simulator behaves as the stories need, in TeleSign's own shapes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telesign import Digest, TeleSignSimulator

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = base64.b64encode(b"key").decode()
FORM: dict[str, Any] = {
    "country_iso2": "BE",
    "quantity": "4",
    "number_type": "mobile",
    "number_pattern": "324",
    "pattern_method": "prefix",
    "partial_order_match": "true",
    "city": ["Antwerp", "Brussels"],
    "description": "ref-1",
}
ORDERS = "/v1/phone_numbers/direct_orders"


@pytest.fixture
def simulator() -> TeleSignSimulator:
    return TeleSignSimulator(Clock(START), customer_id="CUSTOMER", api_key=KEY)


@pytest.fixture
def client(simulator: TeleSignSimulator) -> httpx.Client:
    return httpx.Client(
        transport=SimulatorTransport(simulator), base_url="https://telesign.test", auth=("CUSTOMER", KEY)
    )


def create(client: httpx.Client, **changes: Any) -> str:
    answer = client.post(ORDERS, data=FORM | changes)
    assert answer.status_code == 200, answer.text
    order_id: str = answer.json()["data"]["order_id"]
    return order_id


def read(client: httpx.Client, order_id: str) -> dict[str, Any]:
    (order,) = client.get(f"{ORDERS}/{order_id}").json()["data"]
    assert isinstance(order, dict)
    return order


def code(answer: httpx.Response) -> int:
    (error,) = answer.json()["errors"]
    number: int = error["code"]
    return number


def test_create_and_status_differ_in_shape_and_date(client: httpx.Client) -> None:
    created = client.post(ORDERS, data=FORM).json()["data"]
    assert created["order_accepted_date"] == "Mon, 02 Mar 2026 09:00:00 -0000"
    assert created["city"] == ["Antwerp", "Brussels"]
    assert (created["status"], created["numbers"], created["last_date_modified"]) == ("accepted", [], None)
    assert created["capabilities"] == {"sms": True, "voice": True}
    body = client.get(f"{ORDERS}/{created['order_id']}").json()
    assert body["pagination"] == {"page": 1, "total_pages": 1, "page_size": 10}
    assert body["data"][0]["order_accepted_date"] == "2026-03-02T09:00:00.000Z"
    assert not set(created["order_id"]) <= set("0123456789abcdef-")


def test_partial_match_delivers_the_available_numbers(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    simulator.available("BE", "mobile", 3)
    order_id = create(client)
    simulator.advance(2)
    assert read(client, order_id)["status"] == "in progress"
    simulator.advance(3)
    order = read(client, order_id)
    assert (order["status"], order["quantity"], len(order["numbers"])) == ("resolved", 4, 3)
    assert all(n.startswith("324") and len(n) == 11 for n in order["numbers"])
    assert len(client.get("/v1/phone_numbers/leases").json()["data"]) == 3


def test_without_partial_match_it_is_all_or_nothing(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    simulator.available("BE", "mobile", 3)
    refused, small = create(client, partial_order_match="false"), create(client, quantity="3")
    simulator.advance(5)
    assert (read(client, refused)["status"], read(client, refused)["numbers"]) == ("rejected", [])
    assert (read(client, small)["status"], len(read(client, small)["numbers"])) == ("resolved", 3)


def test_cancel_only_while_accepted(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    early, late = create(client), create(client)
    assert client.delete(f"{ORDERS}/{early}").json()["data"][0]["status"] == "cancelled"
    simulator.advance(2)
    assert client.delete(f"{ORDERS}/{late}").status_code == 400
    simulator.advance(3)
    assert [read(client, o)["status"] for o in (early, late)] == ["cancelled", "resolved"]


def test_one_order_can_be_slow(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    simulator.pace(progress_seconds=60, resolve_seconds=90, order="ref-slow")
    slow, usual = create(client, description="ref-slow"), create(client, description="ref-usual")
    simulator.advance(59)
    assert [read(client, order)["status"] for order in (slow, usual)] == ["accepted", "resolved"]
    simulator.advance(1)
    assert read(client, slow)["status"] == "in progress"
    simulator.advance(30)
    assert read(client, slow)["status"] == "resolved"


def test_list_is_paged_and_can_lag_and_hide_orders(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    for index in range(3):
        create(client, description=f"ref-{index}")
    page = client.get(ORDERS, params={"page": "2", "page_size": "2"}).json()
    assert page["pagination"] == {"page": 2, "total_pages": 2, "page_size": 2}
    assert [o["description"] for o in page["data"]] == ["ref-0"]
    simulator.configure(list_lag_seconds=10)
    assert client.get(ORDERS).json()["data"] == []
    simulator.advance(10)
    assert len(client.get(ORDERS).json()["data"]) == 3
    simulator.configure(list_hides=True)
    assert client.get(ORDERS).json()["data"] == []


def test_unknown_statuses(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    simulator.end_as("on hold", "ref-odd")
    odd, usual = create(client, description="urgent (ref-odd)"), create(client)
    simulator.advance(5)
    assert [read(client, o)["status"] for o in (odd, usual)] == ["on hold", "resolved"]
    simulator.set_status("resolved", odd)
    assert len(read(client, odd)["numbers"]) == 4


@pytest.mark.parametrize(
    "changes",
    [{"quantity": "0"}, {"country_iso2": ""}, {"pattern_method": ""}, {"partial_order_match": "yes"}, {"county": "BE"}],
)
def test_invalid_orders_are_refused(
    simulator: TeleSignSimulator, client: httpx.Client, changes: dict[str, str]
) -> None:
    answer = client.post(ORDERS, data=FORM | changes)
    assert (answer.status_code, code(answer)) == (400, -10001)
    assert simulator.purchases() == 0


def test_purchases_are_counted_by_description(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    create(client, description="Continuous numbers preferred ref-7")
    assert simulator.purchases(reference="ref-7") == 1
    assert simulator.purchases(reference="ref-7", country_iso2="DE") == 0
    simulator.block(code="-10030")
    assert code(client.post(ORDERS, data=FORM)) == -10030


def test_basic_credentials(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    assert code(client.get(ORDERS, auth=("CUSTOMER", "wrong"))) == -30015
    assert code(client.get(ORDERS, auth=("STRANGER", KEY))) == -30000
    simulator.revoke("CUSTOMER")
    assert client.get(ORDERS).status_code == 401
    simulator.allow("CUSTOMER", KEY)
    assert client.get(ORDERS).status_code == 200


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("POST", b"test=param", "2xVlmbrxLjYrrPun3G3WMNG6Jon4yKcTeOoK9DjXJ/Q="),
        ("POST", b"test=%CF%BF", "h8d4I0RTxErbxYXuzCOtNqb/f0w3Ck8e5SEkGNj01+8="),
        ("GET", b"", "aUm7I+9GKl3ww7PNeeJntCT0iS7b+EmRKEE4LnRzChQ="),
    ],
)
def test_digest_agrees_with_the_published_vectors(method: str, body: bytes, expected: str) -> None:
    digest = Digest(
        method=method,
        path="/v1/resource",
        content_type="application/x-www-form-urlencoded" if body else "",
        date="Wed, 14 Dec 2016 18:20:12 GMT",
        auth_method="HMAC-SHA256",
        nonce="A1592C6F-E384-4CDB-BC42-C3AB970369E9",
        body=body,
    )
    key = "EXAMPLE----TE8sTgg45yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw=="
    assert digest.signature(key) == expected


def signed(nonce: str, at: datetime = START, key: str = KEY, auth_method: str = "HMAC-SHA256") -> dict[str, str]:
    date = format_datetime(at, usegmt=True)
    signature = Digest("GET", ORDERS, "", date, auth_method, nonce, b"").signature(key)
    return {
        "Authorization": f"TSA CUSTOMER:{signature}",
        "Date": date,
        "x-ts-auth-method": auth_method,
        "x-ts-nonce": nonce,
    }


def test_digest_is_verified_with_date_and_nonce(simulator: TeleSignSimulator) -> None:
    client = httpx.Client(transport=SimulatorTransport(simulator), base_url="https://telesign.test")
    assert client.get(ORDERS, headers=signed("n-1"), params={"page": "1"}).status_code == 200
    assert code(client.get(ORDERS, headers=signed("n-1"))) == -30012
    assert code(client.get(ORDERS, headers=signed("n-2", key=base64.b64encode(b"other").decode()))) == -30006
    assert code(client.get(ORDERS, headers=signed("n-3", auth_method="HMAC-SHA1"))) == -30008
    simulator.advance(15 * 60 + 1)
    assert code(client.get(ORDERS, headers=signed("n-4"))) == -30010
    assert code(client.get(ORDERS)) == -30004
    assert code(client.get(ORDERS, headers={"Authorization": "Bearer x"})) == -30005


def test_throttled(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    simulator.fault("list_orders", "throttle")
    answer = client.get(ORDERS)
    assert (answer.status_code, code(answer)) == (429, -40007)
    assert "retry-after" not in answer.headers


def test_search_and_leases(client: httpx.Client) -> None:
    number = client.get("/v1/phone_numbers/numbers", params={"country_iso2": "BE"}).json()["data"][0]["phone_number"]
    form = {"country_iso2": "BE", "phone_number": number}
    lease = client.post("/v1/phone_numbers/leases", data=form).json()["data"]
    assert code(client.post("/v1/phone_numbers/leases", data=form)) == -10001
    assert client.delete(f"/v1/phone_numbers/leases/{lease['lease']['lease_id']}").status_code == 200
    assert client.get("/v1/phone_numbers/leases").json()["data"] == []


def test_leases_can_be_added_and_removed_outside_the_orders(simulator: TeleSignSimulator, client: httpx.Client) -> None:
    simulator.configure(setup_price=0.8, recurring_price=1.25)
    number = simulator.buy_by_hand()
    [lease] = client.get("/v1/phone_numbers/leases").json()["data"]
    assert (lease["phone_number"], lease["setup_price"], lease["recurring_price"]) == (number[1:], 0.8, 1.25)
    assert lease["lease"] == {
        "lease_id": 3914,
        "created_on_utc": "2026-03-02T09:00:00.000000Z",
        "expires_on_utc": None,
    }
    assert simulator.owns(number)
    assert not simulator.owns(number, "other")
    with pytest.raises(LookupError):
        simulator.take_away(number, "other")
    simulator.take_away(number)
    assert client.get("/v1/phone_numbers/leases").json()["data"] == []
    assert (simulator.orders(), simulator.sales()) == ([], [])
