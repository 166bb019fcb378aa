"""The Telnyx simulator besides orders: owned numbers, notification settings, criteria, documents, extensions."""

from __future__ import annotations

import base64
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
    simulator = TelnyxSimulator(Clock(START), keys=["KEY"])
    simulator.outbox.send = lambda url, headers, body: 200
    return simulator


@pytest.fixture
def client(simulator: TelnyxSimulator) -> httpx.Client:
    return httpx.Client(
        transport=SimulatorTransport(simulator),
        base_url="https://api.telnyx.test/v2",
        headers={"Authorization": "Bearer KEY"},
    )


def order(client: httpx.Client, country: str, count: int = 1) -> dict[str, Any]:
    params = {"filter[country_code]": country, "filter[limit]": str(count)}
    found = client.get("/available_phone_numbers", params=params).json()["data"]
    items = [{"phone_number": item["phone_number"]} for item in found]
    data: dict[str, Any] = client.post("/number_orders", json={"phone_numbers": items}).json()["data"]
    return data


def made(client: httpx.Client, path: str, **content: Any) -> dict[str, Any]:
    answer = client.post(path, json=content)
    assert answer.is_success, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def condition(client: httpx.Client, name: str) -> str:
    listed = client.get("/notification_event_conditions").json()["data"]
    return str(next(each["id"] for each in listed if name in each["name"]))


def test_numbers_are_owned_from_activation_until_deletion(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.configure(owned_lag_seconds=2)
    bought = order(client, "US", 3)
    german = order(client, "DE")
    simulator.advance(3)
    assert client.get("/phone_numbers").json()["data"] == []
    simulator.advance(1)
    page = client.get("/phone_numbers", params={"page[size]": "2", "page[number]": "2", "sort": "phone_number"}).json()
    assert page["meta"] == {"page_number": 2, "page_size": 2, "total_pages": 2, "total_results": 3}
    [last] = page["data"]
    assert last["phone_number"] == max(each["phone_number"] for each in bought["phone_numbers"])
    assert last["id"].isdigit()
    assert client.get("/phone_numbers", params={"filter[country_iso_alpha2]": "DE"}).json()["data"] == []
    simulator.delete_numbers(bought["id"])
    simulator.supply(german["id"])
    simulator.advance(600)
    [only] = client.get("/phone_numbers", params={"filter[status]": "active"}).json()["data"]
    assert only["country_iso_alpha2"] == "DE"


def test_registered_webhook_is_called_for_number_orders(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    profile = made(client, "/notification_profiles", name="desk")
    channel = made(
        client,
        "/notification_channels",
        channel_type_id="webhook",
        channel_destination="https://desk.example/registered",
        notification_profile_id=profile["id"],
    )
    about = {"notification_profile_id": profile["id"], "notification_channel_id": channel["id"]}
    simulator.configure(asynchronous_settings=True)
    content = {**about, "notification_event_condition_id": condition(client, "number order")}
    answer = client.post("/notification_settings", json=content)
    setting = answer.json()["data"]
    assert (answer.status_code, setting["status"]) == (201, "enable-received")
    simulator.advance(1)
    order(client, "US")
    simulator.advance(2)
    assert [attempt.url for attempt in simulator.pump()] == ["https://desk.example/registered"]
    assert client.delete(f"/notification_channels/{channel['id']}").status_code == 422
    assert client.delete(f"/notification_settings/{setting['id']}").json()["data"]["status"] == "deleted"
    assert client.delete(f"/notification_channels/{channel['id']}").status_code == 200
    order(client, "US")
    simulator.advance(2)
    assert simulator.pump() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"notification_channel_id": "another"},
        {"notification_profile_id": ""},
        {"notification_event_condition_id": "another"},
        {"name": "Low balance"},  # never sent to webhooks
        {"name": "Data limit"},  # needs a parameter
    ],
)
def test_invalid_setting_is_refused(client: httpx.Client, changed: dict[str, str]) -> None:
    profile = made(client, "/notification_profiles", name="desk")
    content = {"channel_type_id": "webhook", "channel_destination": "https://x.example"}
    channel = made(client, "/notification_channels", notification_profile_id=profile["id"], **content)
    name = changed.pop("name", "number order")
    setting = {
        "notification_profile_id": profile["id"],
        "notification_channel_id": channel["id"],
        "notification_event_condition_id": condition(client, name),
        **changed,
    }
    assert client.post("/notification_settings", json=setting).status_code in (400, 422)
    assert client.get("/notification_settings").json()["data"] == []


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("Trade Register Number", "12345678", True),
        ("Trade Register Number", "1234567", False),
        ("Trade Register Number", "1234567x", False),
        ("Legal Form", "bv", True),
        ("Legal Form", "GmbH", False),
        ("Date of Incorporation", "2001-02-03", True),
        ("Date of Incorporation", "3.2.2001", False),
        ("End User Address", "x" * 300, True),  # an id: not checked as a text
    ],
)
def test_values_are_checked_against_their_criteria(client: httpx.Client, name: str, value: str, taken: bool) -> None:
    bought = order(client, "NL")
    params = {"filter[phone_number]": bought["phone_numbers"][0]["phone_number"]}
    [row] = client.get("/regulatory_requirements", params=params).json()["data"]
    [requirement] = [each for each in row["regulatory_requirements"] if each["name"] == name]
    item = {"requirement_id": requirement["id"], "field_value": value}
    answer = client.patch(f"/number_orders/{bought['id']}", json={"regulatory_requirements": [item]})
    assert (answer.status_code == 200) is taken
    if not taken:
        assert answer.json()["errors"][0]["code"] == "10027"


def test_documents_are_accepted_in_two_forms(client: httpx.Client) -> None:
    encoded = base64.b64encode(b"%PDF-1.7").decode()
    in_json = made(client, "/documents?content-type=multipart", file=encoded, filename="id.pdf")
    files = {"file": ("id.pdf", b"%PDF-1.7", "application/pdf")}
    in_parts = client.post("/documents", files=files, data={"customer_reference": "ref"}).json()["data"]
    assert (in_json["sha256"], in_json["content_type"]) == (in_parts["sha256"], in_parts["content_type"])
    assert in_parts["customer_reference"] == "ref"
    assert client.post("/documents", json={"file": "?"}).status_code == 422


def test_address_needs_a_name(client: httpx.Client) -> None:
    content: dict[str, Any] = {"street_address": "Platz 1", "locality": "Berlin", "country_code": "DE"}
    content |= {"first_name": "Erika", "validate_address": False}
    assert client.post("/addresses", json=content).status_code == 422
    assert made(client, "/addresses", **content, business_name="Example GmbH")["id"].isdigit()


def test_address_is_validated_for_emergencies_by_default(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    content = {"street_address": "Platz 1", "locality": "Berlin", "country_code": "DE", "business_name": "Example GmbH"}
    assert client.post("/addresses", json=content).status_code == 422
    assert client.post("/addresses", json={**content, "validate_address": True}).status_code == 422
    assert client.post("/addresses", json={**content, "validate_address": False}).is_success
    simulator.configure(live=False)
    assert client.post("/addresses", json=content).is_success


@pytest.mark.parametrize("live", [True, False])
def test_lists_without_declared_pages_are_truncated_live(
    simulator: TelnyxSimulator, client: httpx.Client, live: bool
) -> None:
    simulator.configure(live=live, page_size=2)
    bought = order(client, "DE")
    for index in range(5):
        simulator.comment("*", f"Comment {index}")
    about = {"filter[comment_record_id]": bought["sub_number_orders_ids"][0]}
    pages = [client.get("/comments", params={**about, "page[number]": number}).json() for number in (1, 2, 3)]
    assert [len(page["data"]) for page in pages] == ([2, 2, 1] if live else [5, 5, 5])
    assert pages[0]["meta"]["total_pages"] == (3 if live else 1)


@pytest.mark.parametrize("live", [True, False])
def test_pending_numbers_in_an_order_are_sparse_live(
    simulator: TelnyxSimulator, client: httpx.Client, live: bool
) -> None:
    simulator.configure(live=live)
    bought = order(client, "DE")
    [shown] = client.get(f"/number_orders/{bought['id']}").json()["data"]["phone_numbers"]
    assert (shown["requirements_met"], "requirements_status" in shown) == (False, not live)
    record = client.get(f"/number_order_phone_numbers/{shown['id']}").json()["data"]
    assert record["requirements_status"] == "requirement-info-pending"


@pytest.mark.parametrize(
    ("settings", "field", "kind"),
    [
        ({"deadline_notation": "seconds"}, "deadline", int),
        ({"deadline_notation": "text"}, "deadline", str),
        ({"number_notation": "integer"}, "phone_number", int),
        ({"number_notation": "masked"}, "phone_number", str),
        ({"status_notation": "object"}, "status", dict),
    ],
)
def test_values_drift_on_request(
    simulator: TelnyxSimulator, client: httpx.Client, settings: dict[str, Any], field: str, kind: type
) -> None:
    bought = order(client, "DE")
    path = f"/number_order_phone_numbers/{bought['phone_numbers'][0]['id']}"
    before = client.get(path).json()["data"][field]
    simulator.configure(**settings)
    after = client.get(path).json()["data"][field]
    assert isinstance(after, kind)
    assert after != before


def test_comment_extends_the_deadline_later_and_unannounced(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.set_deadline(3600)
    simulator.grant_extension(7200, after_seconds=60, country_code="DE")
    bought = order(client, "DE")
    number = f"/number_order_phone_numbers/{bought['phone_numbers'][0]['id']}"

    def ask() -> None:
        about = {"comment_record_type": "sub_number_order", "comment_record_id": bought["sub_number_orders_ids"][0]}
        made(client, "/comments", body="More time, please.", **about)

    ask()
    assert client.get(number).json()["data"]["deadline"] == "2026-03-02T10:00:00Z"
    simulator.advance(60)
    assert client.get(number).json()["data"]["deadline"] == "2026-03-02T12:00:00Z"
    ask()  # the script was for one comment
    simulator.advance(60)
    assert client.get(number).json()["data"]["deadline"] == "2026-03-02T12:00:00Z"
    comments = client.get("/comments").json()["data"]
    assert {comment["commenter_type"] for comment in comments} == {"user"}


def test_numbers_can_be_added_and_removed_outside_the_api(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    number = simulator.buy_by_hand()
    [listed] = client.get("/number_orders").json()["data"]
    assert (listed["status"], listed["customer_reference"]) == ("success", None)
    assert [each["phone_number"] for each in client.get("/phone_numbers").json()["data"]] == [number]
    assert simulator.sales() == []
    assert simulator.owns(number)
    assert not simulator.owns(number, "other")
    simulator.take_away(number)
    assert client.get("/phone_numbers").json()["data"] == []
    assert client.get("/number_orders").json()["data"][0]["status"] == "success"
    with pytest.raises(LookupError):
        simulator.take_away(number)


def test_one_of_several_numbers_is_deleted(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    bought = order(client, "US", 2)
    simulator.advance(3)
    first, second = client.get("/phone_numbers").json()["data"]
    assert client.delete(f"/phone_numbers/{first['id']}").json()["data"]["status"] == "deleted"
    assert client.delete(f"/phone_numbers/{first['id']}").status_code == 404
    assert client.delete(f"/phone_numbers/{bought['phone_numbers'][0]['id']}").status_code == 404
    shown = client.get(f"/number_orders/{bought['id']}").json()["data"]
    statuses = {each["phone_number"]: each["requirements_status"] for each in shown["phone_numbers"]}
    assert statuses == {first["phone_number"]: "deleted", second["phone_number"]: "approved"}
    assert shown["status"] == "success"


def test_numbers_have_the_configured_cost(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.configure(upfront_cost="3.00", monthly_cost="2.50", currency="EUR")
    [found] = client.get(
        "/available_phone_numbers", params={"filter[country_code]": "US", "filter[limit]": "1"}
    ).json()["data"]
    assert found["cost_information"] == {"upfront_cost": "3.00", "monthly_cost": "2.50", "currency": "EUR"}


def test_log_of_deliveries_shows_what_was_sent_and_how_it_was_answered(
    simulator: TelnyxSimulator, client: httpx.Client
) -> None:
    url = "https://desk.example/webhooks/telnyx"
    simulator.webhook_urls([url])
    simulator.outbox.send = lambda url, headers, body: 503
    simulator.allow("OTHER", account="other")
    simulator.send_webhook(payload={"id": "o-1"})
    simulator.pump()
    assert client.get("/webhook_deliveries").json()["data"] == [], "it is tried again"
    for _ in range(3):
        simulator.advance(60)
        simulator.pump()
    simulator.outbox.send = lambda url, headers, body: 200
    event_id = simulator.send_webhook(event_type="number_order.other")
    simulator.pump()
    later, earlier = client.get("/webhook_deliveries").json()["data"]
    assert (later["webhook"]["id"], later["status"], len(later["attempts"])) == (event_id, "delivered", 1)
    assert (earlier["status"], len(earlier["attempts"])) == ("failed", 4)
    assert earlier["attempts"][0]["started_at"] > earlier["attempts"][3]["started_at"]
    assert earlier["attempts"][0]["http"]["response"]["status"] == 503
    for query, found in (
        ({"filter[status][eq]": "failed"}, [earlier]),
        ({"filter[event_type]": "number_order.complete,number_order.nothing"}, [earlier]),
        ({"filter[webhook][contains]": event_id}, [later]),
        ({"filter[attempts][contains]": "desk.example"}, [later, earlier]),
        ({"filter[attempts][contains]": "elsewhere"}, []),
        ({"filter[started_at][gte]": later["started_at"]}, [later]),
        ({"filter[started_at][lte]": "2026-03-02T09:00:00+00:00"}, [earlier]),
    ):
        shown = client.get("/webhook_deliveries", params=query).json()["data"]
        assert shown == found, query
    assert client.get("/webhook_deliveries", params={"filter[started_at][gte]": "soon"}).status_code == 400
    other = client.get("/webhook_deliveries", headers={"Authorization": "Bearer OTHER"})
    assert other.json()["data"] == []
