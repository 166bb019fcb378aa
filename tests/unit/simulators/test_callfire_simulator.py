"""The CallFire simulator behaves as the stories need, in CallFire's own shapes."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from defusedxml import ElementTree

from local.simulators.base import SimulatorTransport
from local.simulators.callfire import CallFireSimulator
from local.simulators.clock import Clock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
D, R, N = (
    f"{{{uri}}}"
    for uri in (
        "http://api.callfire.com/data",
        "http://api.callfire.com/resource",
        "http://api.callfire.com/notification/xsd",
    )
)
BASE = "/api/1.1/rest/number"
FORM = {"Numbers": "12065550100 18885550101", "Keywords": "CHOCOLATE VANILLA", "localCount": "3", "City": "Seattle"}


@pytest.fixture
def simulator() -> CallFireSimulator:
    simulator = CallFireSimulator(
        Clock(START), login="login", password="password", postback_urls=["https://desk.example/callfire/token"]
    )
    simulator.outbox.send = lambda url, headers, body: 200
    return simulator


@pytest.fixture
def client(simulator: CallFireSimulator) -> httpx.Client:
    return httpx.Client(
        transport=SimulatorTransport(simulator),
        base_url="https://callfire.test",
        auth=("login", "password"),
        headers={"Accept": "application/xml"},
    )


def create(client: httpx.Client, **form: str) -> str:
    answer = client.post(f"{BASE}/order", data=form or FORM)
    assert answer.status_code == 201, answer.text
    root = ElementTree.fromstring(answer.text)
    assert root.tag == f"{R}ResourceReference"
    order_id = root.findtext(f"{R}Id")
    assert root.findtext(f"{R}Location", "").endswith(f"/number/order/{order_id}")
    return str(order_id)


def read(client: httpx.Client, order_id: str) -> dict[str, str | None]:
    """Return the status, and the fulfilled assets by group."""
    answer = client.get(f"{BASE}/order/{order_id}")
    assert answer.status_code == 200, answer.text
    order = ElementTree.fromstring(answer.text).find(f"{D}NumberOrder")
    assert order is not None
    assert order.get("id") == order_id
    groups = {item.tag.removeprefix(D): item.findtext(f"{D}Fulfilled") for item in order if len(item)}
    return {"Status": order.findtext(f"{D}Status"), **groups}


@pytest.mark.parametrize("prefixes", ["vendor", "swapped", "numbered"])
def test_order_finishes_with_one_keyword_missing(
    simulator: CallFireSimulator, client: httpx.Client, prefixes: str
) -> None:
    simulator.configure(prefixes=prefixes)
    simulator.unavailable(keywords=["vanilla"])
    order_id = create(client)
    statuses = []
    for _ in range(3):
        statuses.append(read(client, order_id)["Status"])
        simulator.advance(2)
    assert statuses == ["NEW", "PROCESSING", "FINISHED"]
    order = read(client, order_id)
    local = str(order["LocalNumbers"]).split()
    assert len(local) == 4
    assert all(n.startswith("1206") for n in local)
    assert (order["TollFreeNumbers"], order["Keywords"]) == ("18885550101", "CHOCOLATE")


def test_fulfilled_is_absent_if_nothing_was_delivered(simulator: CallFireSimulator, client: httpx.Client) -> None:
    simulator.limit_bulk(local=0)
    order_id = create(client, localCount="2")
    simulator.advance(4)
    assert read(client, order_id) == {"Status": "FINISHED", "LocalNumbers": None}


def test_every_status_can_be_scripted(simulator: CallFireSimulator, client: httpx.Client) -> None:
    simulator.end_as("APPROVE_TIER_ONE", "WAITING")
    simulator.end_as("ERRORED", "BROKEN", with_items=True)
    waiting, broken = create(client, Keywords="WAITING"), create(client, Keywords="BROKEN")
    simulator.advance(4)
    assert read(client, waiting) == {"Status": "APPROVE_TIER_ONE", "Keywords": None}
    assert read(client, broken) == {"Status": "ERRORED", "Keywords": "BROKEN"}
    simulator.set_status("FINISHED", waiting)
    assert read(client, waiting) == {"Status": "FINISHED", "Keywords": "WAITING"}


def test_too_frequent_reads_are_counted_and_can_be_refused(simulator: CallFireSimulator, client: httpx.Client) -> None:
    order_id = create(client)
    for seconds in (1.0, 0.5, 0.5):
        simulator.advance(seconds)
        read(client, order_id)
    assert simulator.too_fast() == 2
    simulator.configure(refuse_too_fast=True)
    answer = client.get(f"{BASE}/order/{order_id}")
    assert answer.status_code == 429
    assert ElementTree.fromstring(answer.text).findtext(f"{R}Message") == "Rate Limit Reached"


@pytest.mark.parametrize(
    "form",
    [{"Count": "3"}, {"City": "Seattle"}, {"Numbers": "2065550100"}, {"Keywords": "NO-GOOD"}, {"localCount": "x"}],
)
def test_invalid_orders_are_refused(simulator: CallFireSimulator, client: httpx.Client, form: dict[str, str]) -> None:
    answer = client.post(f"{BASE}/order", data=form)
    assert answer.status_code == 400
    root = ElementTree.fromstring(answer.text)
    assert (root.tag, root.findtext(f"{R}HttpStatus")) == (f"{R}ResourceException", "400")
    assert simulator.purchases() == 0


def test_json_variant(simulator: CallFireSimulator, client: httpx.Client) -> None:
    created = client.post(f"{BASE}/order.json", data={"Keywords": "SUN MOON"}).json()["ResourceReference"]
    simulator.advance(4)
    order = client.get(f"{BASE}/order/{created['Id']}.json").json()["Resource"]["NumberOrder"]
    assert (order["@id"], order["Keywords"]["Fulfilled"]) == (created["Id"], "SUN MOON")
    assert client.get(f"{BASE}/order/1.json").json() == {
        "ResourceException": {"HttpStatus": 404, "Message": "Not found"}
    }


def test_v2_lists_orders(simulator: CallFireSimulator, client: httpx.Client) -> None:
    first = int(create(client, localCount="2"))
    simulator.advance(10)
    second = int(create(client, Keywords="SUN"))
    page = client.get("/v2/orders").json()
    assert ([o["id"] for o in page["items"]], page["totalCount"], page["limit"]) == ([second, first], 2, 20)
    since = str(int(START.timestamp() * 1000) + 1)
    recent = client.get("/v2/orders", params={"intervalBegin": since, "status": "NEW,PROCESSING"}).json()
    assert [o["id"] for o in recent["items"]] == [second]
    order = client.get(f"/v2/orders/{first}").json()
    assert order["created"] == int(START.timestamp() * 1000)
    assert (order["localNumbers"]["ordered"], len(order["localNumbers"]["fulfilled"])) == (2, 2)
    simulator.configure(v2_enabled=False)
    assert client.get("/v2/orders").json()["httpStatusCode"] == 403


def test_postback_reports_the_end(simulator: CallFireSimulator, client: httpx.Client) -> None:
    simulator.postbacks("MOON", off=True)
    order_id = create(client, Keywords="SUN")
    create(client, Keywords="MOON")
    assert simulator.pump() == []
    simulator.advance(4)
    (sent,) = simulator.pump()
    assert sent.headers["content-type"] == "text/xml; charset=UTF-8"
    root = ElementTree.fromstring(sent.body.decode())
    assert root.tag == f"{N}NumberOrderFinished"
    assert root.findtext(f"{D}NumberOrder[@id='{order_id}']/{D}Status") == "FINISHED"
    simulator.send_postback(order_id, copies=2)
    assert len(simulator.pump()) == 2


def test_searches_and_owned_assets(simulator: CallFireSimulator, client: httpx.Client) -> None:
    listed = ElementTree.fromstring(client.get(f"{BASE}/search", params={"Count": "2", "City": "Seattle"}).text)
    number = listed.findtext(f"{D}Number/{D}Number", "")
    assert (listed.get("totalResults"), number[:4]) == ("2", "1206")
    assert client.get(f"{BASE}/search").status_code == 400
    simulator.unavailable(keywords=["MOON"])
    create(client, Numbers=number, Keywords="SUN")
    simulator.advance(4)
    owned = ElementTree.fromstring(client.get(f"{BASE}/{number}").text)
    assert owned.findtext(f"{D}Number/{D}LeaseInfo/{D}LeaseBegin") == "2026-03-02Z"
    assert ElementTree.fromstring(client.get(BASE).text).findtext(f"{D}Number/{D}Number") == number
    assert ElementTree.fromstring(client.get(f"{BASE}/keyword").text).findtext(f"{D}Keyword/{D}Keyword") == "SUN"
    free = ElementTree.fromstring(client.get(f"{BASE}/keyword/search", params={"Keywords": "SUN MOON STAR"}).text)
    assert [k.text for k in free.iter(f"{D}Keyword") if k.text] == ["STAR"]


def lease(client: httpx.Client, number: str) -> tuple[str, str, str]:
    """Return status, end and renewal of a number's lease."""
    shown = ElementTree.fromstring(client.get(f"{BASE}/{number}").text)
    paths = (f"{D}Status", f"{D}LeaseInfo/{D}LeaseEnd", f"{D}LeaseInfo/{D}AutoRenew")
    status, end, renews = (shown.findtext(f"{D}Number/{path}", "") for path in paths)
    return status, end, renews


def test_lease_renews_until_it_is_released(simulator: CallFireSimulator, client: httpx.Client) -> None:
    number = simulator.buy_by_hand()[1:]
    assert lease(client, number) == ("ACTIVE", "2026-04-01Z", "true")
    simulator.advance(31 * 86400)
    assert lease(client, number) == ("ACTIVE", "2026-05-01Z", "true")
    for _ in range(2):
        assert client.put(f"{BASE}/release", data={"Number": number}).status_code == 204
        assert lease(client, number) == ("RELEASED", "2026-05-01Z", "false")
        simulator.advance(86400)
    assert simulator.is_released(f"+{number}")
    simulator.advance(30 * 86400)
    assert client.get(f"{BASE}/{number}").status_code == 404
    assert not simulator.owns(f"+{number}")
    assert simulator.sales() == []


def test_release_of_a_missing_lease_is_refused(simulator: CallFireSimulator, client: httpx.Client) -> None:
    simulator.buy_by_hand(keyword="Mint")
    foreign = simulator.buy_by_hand("toll_free", account="other")
    simulator.configure(live=False)
    for form, status in (({}, 400), ({"Numbers": "1"}, 400), ({"Keyword": "SUN"}, 404), ({"Number": foreign[1:]}, 404)):
        assert client.put(f"{BASE}/release", data=form).status_code == status
    assert not simulator.is_released("Mint")
    assert client.put(f"{BASE}/release", data={"Keyword": "mint"}).status_code == 204
    assert simulator.is_released("MINT")


def test_live_release_of_a_keyword_needs_a_number(simulator: CallFireSimulator, client: httpx.Client) -> None:
    simulator.buy_by_hand(keyword="Mint")
    assert client.put(f"{BASE}/release", data={"Keyword": "MINT"}).status_code == 400
    simulator.configure(keeps_keywords=True)
    assert client.put(f"{BASE}/release", data={"Keyword": "MINT", "Number": "67076"}).status_code == 204
    assert not simulator.is_released("MINT")
    simulator.configure(keeps_keywords=False)
    assert client.put(f"{BASE}/release", data={"Keyword": "MINT", "Number": "67076"}).status_code == 204
    assert simulator.is_released("MINT")


@pytest.mark.parametrize("live", [True, False])
def test_live_systems_answer_json_without_an_accept_header(simulator: CallFireSimulator, live: bool) -> None:
    simulator.configure(live=live)
    anything = httpx.Client(
        transport=SimulatorTransport(simulator), base_url="https://callfire.test", auth=("login", "password")
    )
    made = anything.post(f"{BASE}/order", data=FORM)
    simulator.advance(4)
    listed = anything.get(BASE)
    refused = anything.get(f"{BASE}/order/1")
    assert {each.headers["content-type"] for each in (made, listed, refused)} == {
        f"application/{'json' if live else 'xml'}"
    }
    if live:
        assert made.json()["ResourceReference"]["Id"] == 1_428_507_003
        assert len(listed.json()["ResourceList"]["Number"]) == 5


@pytest.mark.parametrize(
    ("notation", "written"),
    [
        ("eleven", "12065550100 18885550101"),
        ("ten", "2065550100 8885550101"),
        ("plus", "+12065550100 +18885550101"),
        ("hyphens", "1-206-555-0100 1-888-555-0101"),
        ("commas", "12065550100,18885550101"),
    ],
)
def test_delivered_numbers_have_the_configured_notation(
    simulator: CallFireSimulator, client: httpx.Client, notation: str, written: str
) -> None:
    simulator.configure(notation=notation)
    order_id = create(client, Numbers="12065550100 18885550101")
    simulator.advance(4)
    shown = read(client, order_id)
    between = "," if notation == "commas" else " "
    assert between.join(filter(None, (shown["LocalNumbers"], shown["TollFreeNumbers"]))) == written


def test_order_that_waits_for_payment_shows_no_groups_in_v2(simulator: CallFireSimulator, client: httpx.Client) -> None:
    order_id = create(client, localCount="2")
    simulator.set_status("WAIT_FOR_PAYMENT")
    assert set(client.get(f"/v2/orders/{order_id}").json()) == {"id", "status", "created", "totalCost"}
    simulator.configure(live=False)
    assert client.get(f"/v2/orders/{order_id}").json()["localNumbers"]["ordered"] == 2


def test_empty_search_has_the_configured_form(simulator: CallFireSimulator, client: httpx.Client) -> None:
    paths = (f"{BASE}/search?Count=1&City=Nowhere", f"{BASE}/regions?City=Nowhere", f"{BASE}/keyword/search?Keywords=")
    for status in (200, 400, 404):
        simulator.configure(nothing_found=status)
        assert {client.get(path).status_code for path in paths} == {status}
    simulator.configure(ignores_filters=True)
    assert client.get(paths[0]).status_code == 200


def test_removed_assets_are_gone(simulator: CallFireSimulator, client: httpx.Client) -> None:
    create(client, Keywords="SUN")
    simulator.advance(4)
    simulator.take_away("sun")
    assert not simulator.owns("SUN")
    assert read(client, simulator.orders()[0]["order_id"])["Keywords"] == "SUN"
    for call in (simulator.take_away, simulator.is_released):
        with pytest.raises(LookupError):
            call("SUN")


def test_credentials_and_purchases(simulator: CallFireSimulator, client: httpx.Client) -> None:
    refused = client.post(f"{BASE}/order", data=FORM, auth=("login", "wrong"))
    assert refused.status_code == 401
    create(client)
    assert simulator.purchases(number="12065550100") == simulator.purchases(number="VANILLA", City="Seattle") == 1
    assert simulator.purchases(City="Boston") == 0
    simulator.revoke("login")
    assert client.get(BASE).status_code == 401
