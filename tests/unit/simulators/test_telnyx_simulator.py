"""The Telnyx simulator behaves as the stories need, in Telnyx's own shapes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def simulator() -> TelnyxSimulator:
    simulator = TelnyxSimulator(Clock(START), keys=["KEY"], webhook_urls=["https://desk.example/hook"])
    simulator.configure(sparse_numbers=False)
    simulator.outbox.send = lambda url, headers, body: 200
    return simulator


@pytest.fixture
def client(simulator: TelnyxSimulator) -> httpx.Client:
    return httpx.Client(
        transport=SimulatorTransport(simulator),
        base_url="https://api.telnyx.test/v2",
        headers={"Authorization": "Bearer KEY"},
    )


def search(client: httpx.Client, **filters: Any) -> list[str]:
    params = {f"filter[{name}]": str(value) for name, value in filters.items()}
    answer = client.get("/available_phone_numbers", params=params)
    assert answer.status_code == 200, answer.text
    return [item["phone_number"] for item in answer.json()["data"]]


def order(client: httpx.Client, *numbers: str, reference: str = "ref-1") -> httpx.Response:
    items = [{"phone_number": number} for number in numbers]
    return client.post("/number_orders", json={"phone_numbers": items, "customer_reference": reference})


def german_order(client: httpx.Client, count: int = 3, reference: str = "ref-1") -> dict[str, Any]:
    answer = order(client, *search(client, country_code="DE", limit=count), reference=reference)
    data: dict[str, Any] = answer.json()["data"]
    return data


def values(order_data: dict[str, Any], *without: str) -> list[dict[str, str]]:
    requirements = order_data["phone_numbers"][0]["regulatory_requirements"]
    return [
        {"requirement_id": r["requirement_id"], "field_value": f"value of {r['field_type']}"}
        for r in requirements
        if r["field_type"] not in without
    ]


def read(client: httpx.Client, path: str, **params: str) -> dict[str, Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def deadlines(client: httpx.Client, order_data: dict[str, Any]) -> set[str | None]:
    return {read(client, f"/number_order_phone_numbers/{n['id']}")["deadline"] for n in order_data["phone_numbers"]}


def error_code(answer: httpx.Response) -> str:
    code: str = answer.json()["errors"][0]["code"]
    return code


def test_search_result_has_the_documented_shape(client: httpx.Client) -> None:
    answer = client.get("/available_phone_numbers", params={"filter[country_code]": "US", "filter[limit]": "1"})
    body = answer.json()
    assert body["meta"] == body["metadata"] == {"total_results": 1, "best_effort_results": 0}
    assert body["data"][0].keys() == {
        "record_type", "phone_number", "vanity_format", "best_effort", "quickship", "reservable",
        "region_information", "cost_information", "features",
    }  # fmt: skip
    assert isinstance(body["data"][0]["cost_information"]["upfront_cost"], str)
    assert answer.headers["x-ratelimit-remaining"] == "1999"


def test_search_patterns_apply_to_the_national_number(client: httpx.Client) -> None:
    assert all(n.startswith("+1206") for n in search(client, country_code="US", locality="Seattle", limit=3))
    after_ndc = {"national_destination_code": "312", "phone_number][starts_with": "77"}
    assert all(n.startswith("+131277") for n in search(client, country_code="US", limit=3, **after_ndc))
    ending = search(client, country_code="US", limit=5, **{"phone_number][ends_with": "42"})
    assert len(set(ending)) == 5
    assert all(n.endswith("42") for n in ending)


@pytest.mark.parametrize("live", [True, False])
def test_search_without_a_result_is_an_error_live(simulator: TelnyxSimulator, client: httpx.Client, live: bool) -> None:
    simulator.configure(live=live)
    nothing = {"filter[country_code]": "US", "filter[phone_number][contains]": "5*5"}
    answer = client.get("/available_phone_numbers", params=nothing)
    told = (answer.status_code, error_code(answer)) if live else (answer.status_code, answer.json()["data"])
    assert told == ((400, "10031") if live else (200, []))


@pytest.mark.parametrize("features", [{"filter[features]": "sms,voice"}, {"filter[features][]": ["sms", "voice"]}])
def test_features_have_two_spellings(
    simulator: TelnyxSimulator, client: httpx.Client, features: dict[str, Any]
) -> None:
    plain = {"country_code": "NZ", "phone_number_type": "local"}
    simulator.add_inventory(
        [
            {"phone_number": "+6491234567", **plain, "features": ["voice"]},
            {"phone_number": "+6491234568", **plain, "features": ["voice", "sms"]},
        ]
    )
    found = client.get("/available_phone_numbers", params={"filter[country_code]": "NZ", **features}).json()["data"]
    assert [n["phone_number"] for n in found] == ["+6491234568"]


@pytest.mark.parametrize(("live", "not_searched", "gone"), [(True, "10027", "10027"), (False, "85000", "85001")])
def test_only_searched_numbers_can_be_ordered_and_each_is_sold_once(
    simulator: TelnyxSimulator, client: httpx.Client, live: bool, not_searched: str, gone: str
) -> None:
    simulator.configure(live=live)
    assert error_code(order(client, "+13125550100")) == not_searched
    (number,) = search(client, country_code="US", limit=1)
    assert order(client, number).status_code == 200
    assert error_code(order(client, number)) == gone
    assert number not in search(client, country_code="US", limit=5)
    (other,) = search(client, country_code="US", limit=1)
    simulator.advance(24 * 3600 + 1)
    assert error_code(order(client, other)) == not_searched
    assert simulator.purchases(reference="ref-1") == simulator.purchases(number=number) == 1


def test_order_without_requirements_is_activated_and_announced(
    simulator: TelnyxSimulator, client: httpx.Client
) -> None:
    created = order(client, *search(client, country_code="US", limit=2)).json()["data"]
    assert (created["status"], created["phone_numbers_count"]) == ("pending", 2)
    assert simulator.pump() == []
    simulator.advance(2)
    (sent,) = simulator.pump()
    assert read(client, f"/number_orders/{created['id']}")["status"] == "success"
    event = json.loads(sent.body)
    assert event["meta"] == {"attempt": 1, "delivered_to": "https://desk.example/hook"}
    payload = event["data"]["payload"]
    assert (payload["status"], payload["customer_reference"], payload["connection_id"]) == ("success", "ref-1", None)
    assert payload["created_at"].endswith("+00:00")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(simulator.public_key()))
    signature = base64.b64decode(sent.headers["telnyx-signature-ed25519"])
    key.verify(signature, sent.headers["telnyx-timestamp"].encode() + b"|" + sent.body)
    assert read(client, "/public_key")["public"] == simulator.public_key()


def test_order_is_split_by_country_and_type_and_one_part_fails(
    simulator: TelnyxSimulator, client: httpx.Client
) -> None:
    simulator.fail_sub_order("ref-1", country_code="GB")
    numbers = [
        *search(client, country_code="US", limit=1),
        *search(client, country_code="US", phone_number_type="toll_free", limit=1),
        *search(client, country_code="GB", limit=2),
    ]
    created = order(client, *numbers).json()["data"]
    assert len(created["sub_number_orders_ids"]) == 3
    simulator.advance(2)
    subs = read(client, "/sub_number_orders", **{"filter[order_request_id]": created["id"]})
    kinds = [(s["country_code"], s["phone_number_type"], s["status"]) for s in subs]  # type: ignore[index]
    assert sorted(kinds) == [("GB", "local", "failure"), ("US", "local", "success"), ("US", "toll_free", "success")]
    assert read(client, f"/number_orders/{created['id']}")["status"] == "failure"
    simulator.configure(mixed_status="success")
    assert read(client, f"/number_orders/{created['id']}")["status"] == "success"


def test_requirements_are_vetted_rejected_corrected_and_approved(
    simulator: TelnyxSimulator, client: httpx.Client
) -> None:
    simulator.reject("document", "The scan is not readable", order="ref-1", new_deadline_seconds=600)
    simulator.set_deadline(300, country_code="DE")
    created = german_order(client)
    sub_path = f"/sub_number_orders/{created['sub_number_orders_ids'][0]}"
    assert {n["requirements_status"] for n in created["phone_numbers"]} == {"requirement-info-pending"}
    assert deadlines(client, created) == {"2026-03-02T09:05:00Z"}

    some = values(created, "textual")
    client.patch(sub_path, json={"regulatory_requirements": some}).raise_for_status()
    simulator.advance(200)
    assert deadlines(client, created) == {"2026-03-02T09:05:00Z"}  # one value is still missing, so nothing is vetted

    client.patch(sub_path, json={"regulatory_requirements": values(created)}).raise_for_status()
    assert deadlines(client, created) == {None}
    simulator.advance(120)
    embedded = read(client, sub_path, **{"filter[include_phone_numbers]": "true"})["phone_numbers"]
    assert {n["requirements_status"] for n in embedded} == {"requirement-info-exception"}
    statuses = {r["field_type"]: r["status"] for r in embedded[0]["regulatory_requirements"]}
    assert statuses == {"address": "approved", "document": "declined", "textual": "pending-approval"}
    assert deadlines(client, created) == {(START + timedelta(seconds=920)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    about = {"filter[comment_record_type]": "sub_number_order", "filter[comment_record_id]": embedded and sub_path[19:]}
    (comment,) = read(client, "/comments", **about)
    assert (comment["body"], comment["commenter_type"]) == ("The scan is not readable", "admin")  # type: ignore[index]

    better = values(created, "address", "textual")
    client.patch(sub_path, json={"regulatory_requirements": better}).raise_for_status()
    simulator.advance(62)
    ended = read(client, f"/number_orders/{created['id']}")
    assert ended["status"] == "success"
    assert {n["requirements_status"] for n in ended["phone_numbers"]} == {"approved"}
    again = client.patch(sub_path, json={"regulatory_requirements": better})
    assert error_code(again) == "85003"


def test_requirement_status_and_deadline_are_only_where_telnyx_shows_them(client: httpx.Client) -> None:
    created = german_order(client, 1)
    number = read(client, f"/number_order_phone_numbers/{created['phone_numbers'][0]['id']}")
    assert "status" not in number["regulatory_requirements"][0]
    assert "deadline" not in created["phone_numbers"][0]
    sub = read(client, f"/sub_number_orders/{created['sub_number_orders_ids'][0]}")
    assert "phone_numbers" not in sub
    assert sub["regulatory_requirements"][0].keys() == {"record_type", "requirement_id", "field_type"}


@pytest.mark.parametrize("provider_status", ["cancelled", "failure"])
def test_missed_deadline_cancels_the_order(
    simulator: TelnyxSimulator, client: httpx.Client, provider_status: str
) -> None:
    simulator.configure(deadline_seconds=20, auto_cancel_status=provider_status)
    created = german_order(client)
    simulator.advance(19)
    assert read(client, f"/number_orders/{created['id']}")["status"] == "pending"
    simulator.advance(1)
    ended = read(client, f"/number_orders/{created['id']}")
    assert ended["status"] == provider_status
    assert {(n["status"], n["requirements_status"]) for n in ended["phone_numbers"]} == {("failure", "cancelled")}
    assert deadlines(client, created) == {"2026-03-02T09:00:20Z"}


def test_deadline_moves_unannounced(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.configure(deadline_seconds=20)
    extended, erased = german_order(client, reference="extended"), german_order(client, reference="erased")
    simulator.extend_deadline(100, "extended")
    simulator.erase_deadline("erased")
    simulator.advance(119)
    assert deadlines(client, extended) == {"2026-03-02T09:02:00Z"}
    assert deadlines(client, erased) == {None}
    simulator.advance(3600)
    assert read(client, f"/number_orders/{extended['id']}")["status"] == "cancelled"
    assert read(client, f"/number_orders/{erased['id']}")["status"] == "pending"


def test_deadline_is_erased_shortly_before_it_is_reached(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.configure(deadline_seconds=20)
    simulator.erase_deadlines_before(5, "erased")
    erased, kept = german_order(client, reference="erased"), german_order(client, reference="kept")
    simulator.advance(14)
    assert deadlines(client, erased) == {"2026-03-02T09:00:20Z"}
    simulator.advance(1)
    assert deadlines(client, erased) == {None}
    assert deadlines(client, kept) == {"2026-03-02T09:00:20Z"}
    simulator.advance(3600)
    assert read(client, f"/number_orders/{erased['id']}")["status"] == "pending"


def test_cancel_and_delete_in_the_portal(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    created = german_order(client)
    assert simulator.supply("ref-1") == 9
    simulator.advance(3 * 60 + 2)
    assert read(client, f"/number_orders/{created['id']}")["status"] == "success"
    simulator.delete_numbers("ref-1")
    assert read(client, f"/number_orders/{created['id']}")["status"] == "deleted"
    other = german_order(client, reference="ref-2")
    sub_path = f"/sub_number_orders/{other['sub_number_orders_ids'][0]}"
    assert client.patch(f"{sub_path}/cancel").json()["data"]["status"] == "cancelled"
    assert client.patch(f"{sub_path}/cancel").status_code == 422


def test_orders_are_found_by_reference_with_reduced_numbers(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    for reference in ("ref-1", "REF-10", "ref-2"):
        order(client, *search(client, country_code="US", limit=1), reference=reference)
    exact = client.get("/number_orders", params={"filter[customer_reference]": "ref-1"}).json()
    assert [o["customer_reference"] for o in exact["data"]] == ["ref-1"]
    assert exact["data"][0]["phone_numbers"][0].keys() == {"id", "phone_number"}
    simulator.configure(fuzzy_reference=True)
    fuzzy = client.get("/number_orders", params={"filter[customer_reference]": "ref-1", "page[size]": "1"}).json()
    assert fuzzy["meta"] == {"page_number": 1, "page_size": 1, "total_pages": 2, "total_results": 2}
    assert error_code(client.get("/number_orders", params={"filter[reference]": "x"})) == "10031"


def test_new_order_can_be_missing_from_the_list_for_a_while(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.configure(list_lag_seconds=5)
    order(client, *search(client, country_code="US", limit=1))
    assert client.get("/number_orders").json()["data"] == []
    simulator.advance(5)
    assert len(client.get("/number_orders").json()["data"]) == 1


def test_sub_order_embeds_at_most_fifty_numbers(client: httpx.Client) -> None:
    created = order(client, *search(client, country_code="US", limit=60)).json()["data"]
    sub = read(
        client,
        f"/sub_number_orders/{created['sub_number_orders_ids'][0]}",
        **{"filter[include_phone_numbers]": "true"},
    )
    assert (sub["phone_numbers_count"], len(sub["phone_numbers"])) == (60, 50)


def test_some_countries_need_a_fulfilled_requirement_group(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    numbers = search(client, country_code="CH", limit=1)
    assert error_code(order(client, *numbers)) == "10027"
    kind = {"country_code": "CH", "phone_number_type": "local", "action": "ordering"}
    group = client.post("/requirement_groups", json=kind).json()
    item = {"phone_number": numbers[0], "requirement_group_id": group["id"]}
    assert error_code(client.post("/number_orders", json={"phone_numbers": [item]})) == "10027"
    given = [{"requirement_id": r["requirement_id"], "field_value": "x"} for r in group["regulatory_requirements"]]
    client.patch(f"/requirement_groups/{group['id']}", json={"regulatory_requirements": given})
    submitted = client.post(f"/requirement_groups/{group['id']}/submit_for_approval").json()
    assert {r["status"] for r in submitted["regulatory_requirements"]} == {"pending-approval"}
    simulator.advance(60)
    assert client.get("/requirement_groups").json()[0]["status"] == "approved"
    created = client.post("/number_orders", json={"phone_numbers": [item]}).json()["data"]
    simulator.advance(2)
    assert read(client, f"/number_orders/{created['id']}")["status"] == "success"


def test_group_attached_later_shows_each_requirement(client: httpx.Client) -> None:
    created = german_order(client, 1)
    kind = {"country_code": "DE", "phone_number_type": "local", "action": "ordering"}
    group = client.post("/requirement_groups", json=kind | {"regulatory_requirements": values(created)}).json()
    path = f"/number_order_phone_numbers/{created['phone_numbers'][0]['id']}/requirement_group"
    number = client.post(path, json={"requirement_group_id": group["id"]}).json()["data"]
    assert (number["deadline"], number["requirements_status"]) == (None, "requirement-info-under-review")
    assert {r["status"] for r in number["regulatory_requirements"]} == {"pending-approval"}


def test_unlinked_document_is_deleted_after_half_an_hour(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.configure(check_values=True)
    created = german_order(client, 1)
    submissions = [
        client.post("/documents", json={"file": "QUJD", "filename": "id.pdf"}).json()["data"] for _ in range(2)
    ]
    requirement = next(
        r for r in created["phone_numbers"][0]["regulatory_requirements"] if r["field_type"] == "document"
    )
    item = {"requirement_id": requirement["requirement_id"], "field_value": "not an id"}
    path = f"/number_orders/{created['id']}"
    assert error_code(client.patch(path, json={"regulatory_requirements": [item]})) == "10027"
    item["field_value"] = submissions[0]["id"]
    client.patch(path, json={"regulatory_requirements": [item]}).raise_for_status()
    simulator.advance(30 * 60)
    assert [client.get(f"/documents/{p['id']}").status_code for p in submissions] == [200, 404]


def test_requirements_can_be_read_before_ordering(client: httpx.Client) -> None:
    params = {"filter[country_code]": "DE", "filter[phone_number_type]": "local", "filter[action]": "ordering"}
    (found,) = read(client, "/regulatory_requirements", **params)
    fields = [(r["name"], r["field_type"]) for r in found["regulatory_requirements"]]  # type: ignore[index]
    assert fields == [
        ("End User Address", "address"),
        ("Identity Document", "document"),
        ("Business Name", "textual"),
    ]
    first = found["regulatory_requirements"][0]["id"]  # type: ignore[index]
    assert read(client, f"/requirement_types/{first}")["type"] == "address"


def test_webhooks_can_be_duplicated_late_or_lost_and_are_retried(
    simulator: TelnyxSimulator, client: httpx.Client
) -> None:
    answers = iter([500, 200, 200])
    simulator.outbox.send = lambda url, headers, body: next(answers)
    simulator.webhooks("twice", copies=2, delay_seconds=10)
    simulator.webhooks("never", off=True)
    for reference in ("twice", "never"):
        order(client, *search(client, country_code="US", limit=1), reference=reference)
    simulator.advance(11)
    assert simulator.pump() == []
    simulator.advance(1)
    first, second = simulator.pump()
    assert (first.status, second.status) == (500, 200)
    simulator.advance(2)
    (repeated,) = simulator.pump()
    assert json.loads(repeated.body)["meta"]["attempt"] == 2
    assert {json.loads(a.body)["data"]["id"] for a in (first, second, repeated)} == {
        json.loads(first.body)["data"]["id"]
    }
    assert int(repeated.headers["telnyx-timestamp"]) - int(first.headers["telnyx-timestamp"]) == 2


def test_webhooks_can_come_out_of_order(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.delivery(newest_first=True)
    for reference in ("first", "second"):
        order(client, *search(client, country_code="US", limit=1), reference=reference)
        simulator.advance(1)
    simulator.advance(2)
    bodies = [json.loads(attempt.body) for attempt in simulator.pump()]
    assert [b["data"]["payload"]["customer_reference"] for b in bodies] == ["second", "first"]


def test_orders_are_listed_by_creation(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    for reference in ("first", "second"):
        order(client, *search(client, country_code="US", limit=1), reference=reference)
        simulator.advance(10)
    middle = "2026-03-02T09:00:05Z"
    for end, expected in (("gt", "second"), ("lt", "first")):
        found = client.get("/number_orders", params={f"filter[created_at][{end}]": middle}).json()["data"]
        assert [o["customer_reference"] for o in found] == [expected]
    assert error_code(client.get("/number_orders", params={"filter[created_at][gt]": "yesterday"})) == "10031"


def test_webhook_can_arrive_before_the_get_shows_the_change(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.late_get(5, "ref-1")
    created = order(client, *search(client, country_code="US", limit=1)).json()["data"]
    simulator.advance(2)
    (attempt,) = simulator.pump()
    assert json.loads(attempt.body)["data"]["payload"]["status"] == "success"
    assert read(client, f"/number_orders/{created['id']}")["status"] == "pending"
    simulator.advance(5)
    assert read(client, f"/number_orders/{created['id']}")["status"] == "success"


def test_webhooks_can_be_forged_and_invented(simulator: TelnyxSimulator) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(simulator.public_key()))
    forged = simulator.signed_webhook(payload={"id": "not-ours"}, wrong_key=True)
    stale = simulator.signed_webhook(payload={"id": "not-ours"}, age_seconds=400)
    assert int(stale["headers"]["telnyx-timestamp"]) == int(START.timestamp()) - 400
    for made, genuine in ((forged, False), (stale, True)):
        signed = f"{made['headers']['telnyx-timestamp']}|{made['body']}".encode()
        signature = base64.b64decode(made["headers"]["telnyx-signature-ed25519"])
        if genuine:
            key.verify(signature, signed)
        else:
            with pytest.raises(InvalidSignature):
                key.verify(signature, signed)
    event_id = simulator.send_webhook(event_type="requirement_group.status_updated", payload={"id": "g"})
    (attempt,) = simulator.pump()
    assert json.loads(attempt.body)["data"]["id"] == event_id


def test_revoked_key_blocked_account_and_throttling(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    numbers = search(client, country_code="US", limit=1)
    simulator.block(code="20100")
    assert error_code(order(client, *numbers)) == "20100"
    simulator.unblock("default")
    simulator.revoke("KEY")
    refused = order(client, *numbers)
    assert (refused.status_code, error_code(refused)) == (401, "10009")
    simulator.allow("KEY")
    simulator.configure(rate_limit=2)
    simulator.advance(1)
    assert [client.get("/number_orders").status_code for _ in range(3)] == [200, 200, 429]
    assert simulator.sales() == []


def test_accounts_are_isolated(simulator: TelnyxSimulator, client: httpx.Client) -> None:
    simulator.allow("OTHER", account="other")
    created = german_order(client, 1)
    stranger = {"Authorization": "Bearer OTHER"}
    assert client.get(f"/number_orders/{created['id']}", headers=stranger).status_code == 404
    assert client.get("/number_orders", headers=stranger).json()["data"] == []
    assert simulator.public_key("other") != simulator.public_key()
