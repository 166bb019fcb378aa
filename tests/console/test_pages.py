"""The pages over the real API: what they show, what they cost, and what they say when something fails."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from bench import pages
from bench.pages import BOUNDS
from numberdesk_cli.console.pages import VIEWS
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World
    from tests.support.console import Desk, Visitor

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}


def rejected(world: World) -> None:
    """Let the reviewers reject the business name."""
    world.telnyx.supply("*")
    world.pass_time(60, steps=2, sweep=True)


# What they cost


def test_pages_make_a_bounded_number_of_calls(busy: World, desk: Desk) -> None:
    shown = list(pages.show(desk, "german", BOUNDS))
    print(*pages.lines(shown, BOUNDS), sep="\n")  # noqa: T201 - the cost of each page is what this tells
    assert list(pages.broken(shown, BOUNDS, timed=False)) == []


def test_every_page_has_a_bound() -> None:
    """Beside those that only lead elsewhere, or show what a form began."""
    paths = {path.partition("?")[0].format(order_id="german") for path in BOUNDS}
    for method, path, _ in VIEWS:
        shown = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        assert (
            method != "GET" or path in ("/bulk/{job}", "/go", "/profiles/choose") or any(map(shown.fullmatch, paths))
        ), path


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (pages.Shown("/orders", 200, 2, 0, 0.1, 0.1), "/orders: 2 API calls, at most 1"),
        (pages.Shown("/orders", 200, 1, 1, 0.1, 0.1), "/orders: 1 API calls that change something"),
        (pages.Shown("/orders", 200, 1, 0, 0.8, 0.5), "/orders: 0.800 s, at most 0.750 s"),
        (pages.Shown("/orders", 500, 1, 0, 0.1, 0.1), "/orders: HTTP 500"),
    ],
)
def test_page_beyond_a_bound_is_named(page: pages.Shown, told: str) -> None:
    assert list(pages.broken([page], BOUNDS, timed=True)) == [told]


def endless(request: httpx.Request) -> httpx.Response | None:
    """Answer each list of orders with a full page, and one more after it."""
    if not request.url.path.endswith("/orders"):
        return None
    page, limit = int(request.url.params.get("next", "0")), int(request.url.params["limit"])
    items = [
        {
            "order_id": f"order-{page * limit + number:04}",
            "provider": "telnyx",
            "account": "default",
            "state": "action_required",
            "received_at": "2026-11-20T08:00:00Z",
            "updated_at": "2026-11-20T08:00:00Z",
            "next_deadline": f"2026-12-{1 + number % 20:02}T08:00:00Z",
            "attention": ["requirements_owed"],
        }
        for number in range(limit)
    ]
    return httpx.Response(200, json={"items": items, "next": str(page + 1), "unreadable": ["order-lost"]})


def test_calls_stay_within_their_bounds_where_lists_have_no_end(visitor: Visitor) -> None:
    visitor.transport.before = endless
    for path in ("/", "/?part=needs", "/orders", "/orders?part=rows"):
        visitor.calls()
        text = visitor.get(path)
        assert len(visitor.calls()) <= BOUNDS[path]
    assert "there are more" in text
    text = visitor.get("/")
    assert "300 or more orders need a person, soonest deadline first; the first 50 are shown" in text
    assert visitor.page.count('id="needs-order-') == 50
    answer = visitor.browser.get("/orders.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="orders-first-10000.csv"'
    assert answer.text.count("\n") == 10_001


# Today


def test_today_shows_what_needs_a_person_soonest_deadline_first(busy: World, visitor: Visitor) -> None:
    busy.telnyx.set_deadline(seconds=2 * 86400, order="*")
    busy.send(body("sooner", GERMAN))
    busy.pass_time(60, steps=3, sweep=True)
    text = visitor.get("/")
    assert "Requirements need a value." in text
    assert visitor.page.index('id="needs-sooner"') < visitor.page.index('id="needs-german"')
    assert "in 1 day 23 hours" in text
    assert "Order messages 1" in text
    assert "Orders are placed" in text
    assert "telnyx" in text.lower()


def test_today_shows_the_sweep_the_queues_and_each_accounts_health(busy: World, visitor: Visitor) -> None:
    assert "No sweep was made yet" in visitor.get("/")
    busy.send(body("waiting"))
    busy.function("wake_orders")({})
    busy.clock.advance(40)
    text = visitor.get("/?part=desk")
    assert re.search(r"Last swept \d+ seconds ago", text)
    assert re.search(r"Order queue 1 waiting, some since \d+ seconds ago", text)
    assert re.search(r"Sync queue \d+ waiting", text)
    assert re.search(r"\d+, the first [^:]+: none failed", text)
    assert "badge bad" not in visitor.page
    assert re.search(r'<td data-label="Last webhook"><time', visitor.page)
    busy.clock.advance(600)
    visitor.get("/?part=desk")
    assert re.search(r'<p class="badge bad">Last swept', visitor.page)


def test_today_shows_how_long_vetting_takes(busy: World, visitor: Visitor) -> None:
    assert "No vetting ended with a delivered number since 2026-09." in visitor.get("/")
    for _ in range(2):
        busy.telnyx.supply("*")
        busy.pass_time(60, steps=2, sweep=True)
    assert busy.order("german").state.value == "completed"
    text = visitor.get("/")
    assert "Telnyx DE local" in text
    assert "Nine in ten within" in text
    [row] = re.findall(r'<tr><th scope="row">Telnyx DE local</th>(.*?)</tr>', visitor.page)
    assert row.endswith("<td>1</td>")


def test_part_of_today_that_fails_leaves_the_others(busy: World, visitor: Visitor) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(403, json={"message": "Missing"}) if request.url.path.endswith("/placing") else None

    visitor.transport.before = refuse
    text = visitor.get("/")
    assert "These AWS credentials are not allowed to do that." in text
    assert "Attach the stack's policy for it" in text
    assert "german" in text


# Orders


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, ["german"]),
        ({"open": "true"}, ["german"]),
        ({"attention": "true"}, ["german"]),
        ({"state": "completed"}, ["chicago"]),
        ({"provider": "telnyx"}, ["german", "chicago"]),
        ({"provider": "telnyx", "month": "2026-10"}, []),
        ({"country": "DE"}, ["german"]),
        ({"deadline_before": "2027-01-01T00:00"}, ["german"]),
    ],
    ids=str,
)
def test_every_filter_of_the_api_is_in_the_address(
    busy: World, visitor: Visitor, query: dict[str, Any], shown: list[str]
) -> None:
    visitor.get("/orders", **query)
    for order_id in ("german", "chicago"):
        assert (f'href="/orders/{order_id}"' in visitor.page) is (order_id in shown)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"state": "lost"}, "Input should be"),
        ({"state": "pending", "open": "true"}, "give exactly one of"),
        ({"open": "true", "month": "2026-11"}, "this list is not kept by month"),
        ({"deadline_before": "soon"}, "The deadline is not an instant. Write it as 2026-11-22T08:00 (UTC)."),
        ({"metadata": "7"}, "lists orders by no metadata key"),
    ],
    ids=str,
)
def test_wrong_filter_is_told_and_stays_filled_in(visitor: Visitor, query: dict[str, Any], told: str) -> None:
    assert told in visitor.get("/orders", status=400, **query)
    assert all(f'value="{value}"' in visitor.page for value in query.values() if value not in ("lost", "pending"))


def test_list_goes_on_by_its_token_and_sorts_the_page(visitor: Visitor) -> None:
    visitor.transport.before = endless
    for sort, name in (("order", "ascending"), ("-deadline", "descending")):
        text = visitor.get("/orders", provider="telnyx", sort=sort)
        assert f'aria-sort="{name}"' in visitor.page
        assert "The record of order-lost cannot be read." in text
        ids = [part.split('"')[0] for part in visitor.page.split('id="order-order-')[1:]]
        key = int if sort == "order" else (lambda each: -(int(each) % 50 % 20))
        assert (len(ids), ids) == (50, sorted(ids, key=key))
    following = visitor.page.split('rel="next"')[0].rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
    visitor.get(following)
    assert 'href="/orders/order-0050"' in visitor.page
    assert 'href="/orders/order-0000"' not in visitor.page


def test_saved_view_is_kept_in_the_file_and_can_be_deleted(desk: Desk, visitor: Visitor) -> None:
    visitor.get("/orders", attention="true")
    text = visitor.submit("/views", {"name": "<b>Mine</b>"})
    assert "The view <b>Mine</b> was saved." in text
    assert "<b>Mine" not in visitor.page
    assert json.loads(desk.views.read_text()) == {"<b>Mine</b>": "attention=true"}
    assert 'href="/orders?attention=true">&lt;b&gt;Mine' in visitor.page
    assert "a view's name has 1 to 60 characters" in visitor.submit("/views", {"name": " "}, status=400).lower()
    visitor.get("/orders")
    visitor.submit("/views/delete")
    assert json.loads(desk.views.read_text()) == {}
    desk.views.write_text("[1]")
    assert "does not hold saved views" in visitor.get("/orders")


def test_orders_are_downloaded_as_csv(busy: World, visitor: Visitor) -> None:
    answer = visitor.browser.get("/orders.csv", params={"provider": "telnyx"})
    assert answer.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {(row["order_id"], row["state"]) for row in rows} == {
        ("german", "action_required"),
        ("chicago", "completed"),
    }
    assert visitor.browser.get("/orders.csv", params={"state": "lost"}).status_code == 400


def test_search_goes_to_an_order(visitor: Visitor) -> None:
    answer = visitor.browser.get("/go", params={"order": "a.b:c-1"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders/a.b:c-1")
    assert "No order has such an id." in visitor.get("/go", order="a/b", status=400)


# One order


def test_order_says_why_it_is_so_and_what_can_be_done(busy: World, visitor: Visitor) -> None:
    rejected(busy)
    text = visitor.get("/orders/german")
    assert "It was bought at Telnyx, which needs something before it delivers: 0 of 1 delivered." in text
    assert "It waits for values for its requirements" in text
    assert "1 requirement was rejected and needs another value" in text
    # Addresses and documents have no length to keep to, only the name has one.
    assert text.count("1 to 200 characters.") == 1
    assert "The register shows another name." in text
    assert "Requirement rejected" in text
    assert "by numberdesk (following)" in text
    assert "Order received" in text
    for act in ("Supply values", "Ask for more time", "Cancel it", "Poll now", "Say that you are on it"):
        assert act in text
    assert "History of the deadline" in text
    assert '<circle class="step-set"' in visitor.page


def test_order_is_sent_to_a_poll_only_if_it_changed(busy: World, visitor: Visitor) -> None:
    visitor.get("/orders/german")
    poll = visitor.page.split('hx-get="')[1].split('"')[0]
    visitor.calls()
    assert visitor.browser.get(poll).status_code == 204
    assert len(visitor.calls()) == 1
    busy.api("POST", "/orders/german/acknowledgements", {"until": "2026-11-23T08:00:00Z"})
    changed = visitor.browser.get(poll)
    assert changed.status_code == 200
    assert changed.text.lstrip().startswith('<div id="order"')
    assert "It is being worked on by alice" in changed.text


def test_order_whose_provider_cannot_be_read_still_shows_the_rest(busy: World, visitor: Visitor) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(503) if request.url.path.endswith("/german/requirements") else None

    visitor.transport.before = refuse
    text = visitor.get("/orders/german")
    assert "The API answered 503." in text
    assert "Order received" in text


def test_unknown_order_and_lost_network_are_told_in_one_sentence_with_the_mend(visitor: Visitor) -> None:
    assert "There is no order of this id" in visitor.get("/orders/nobodys", status=404)

    def lose(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("name or service not known", request=request)

    visitor.transport.before = lose
    text = visitor.get("/orders/german", status=503)
    assert "cannot be reached (ConnectError); nothing was sent." in text
    assert "Check the network" in text
    assert "Traceback" not in text


def test_webhook_is_shown_as_it_came_without_what_looks_personal(busy: World, visitor: Visitor) -> None:
    [number] = [asset.value for asset in busy.order("chicago").assets][:1]
    visitor.get("/orders/chicago")
    shown = visitor.page.split('aria-label="Body of the webhook 1">')[1].split("</pre>")[0]
    assert "number_order.complete" in shown
    assert number in shown
