"""The pages over the real API: what they show, what they cost, and what they say when something fails."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.aws import TOKEN
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World
    from tests.support.console import Desk, Visitor

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}
CONTACT = {"email": "desk@example.com", "contact_name": "Desk", "use_case": "two-factor"}
BOUNDS = {
    "/": 10,
    "/?part=needs": 4,
    "/?part=desk": 4,
    "/orders": 1,
    "/orders?part=rows": 1,
    "/orders/german": 7,
    "/orders/german/numbers": 1,
    "/orders/german/timeline": 1,
    "/orders/german/acts/extend": 1,
    "/numbers": 2,
    "/profiles": 1,
    "/profiles/telnyx/default/DE/local": 2,
    "/dead-letters": 4,
    "/providers": 2,
    "/providers/telnyx/default": 3,
    "/providers/telnyx/default?what=numbers&country=US&limit=5": 4,
    "/placing": 1,
}
"""The most API calls that each page makes, whatever the desk holds."""


@pytest.fixture
def vetted(world: World) -> World:
    """Return a world with an order that is vetted, one that is complete, and a dead letter."""
    world.telnyx.configure(vetting_seconds=1)
    world.telnyx.reject("Business Name", "The register shows another name.")
    world.send(body("german", GERMAN))
    world.send(body("chicago"))
    world.send({"order_id": "broken", "provider": "telnyx", "items": [], "contact": {"email": "erika@example.com"}})
    world.pass_time(3)
    return world


def rejected(world: World) -> None:
    """Let the reviewers reject the business name."""
    world.telnyx.supply("*")
    world.pass_time(60, steps=2, sweep=True)


# What they cost


def test_pages_make_a_bounded_number_of_calls(vetted: World, visitor: Visitor) -> None:
    for path, most in BOUNDS.items():
        visitor.calls()
        visitor.get(path)
        made = visitor.calls()
        print(f"{path}: {len(made)} of {most} calls")  # noqa: T201 - the cost of each page is what this tells
        assert len(made) <= most, made
        # Nobody's look at a page changes anything; a search is a POST that reads.
        assert all(method == "GET" or where.endswith("/search") for method, where in made)


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


def test_today_shows_what_needs_a_person_soonest_deadline_first(vetted: World, visitor: Visitor) -> None:
    vetted.telnyx.set_deadline(seconds=2 * 86400, order="*")
    vetted.send(body("sooner", GERMAN))
    vetted.pass_time(60, steps=3, sweep=True)
    text = visitor.get("/")
    assert "Requirements need a value." in text
    assert visitor.page.index('id="needs-sooner"') < visitor.page.index('id="needs-german"')
    assert "in 1 day 23 hours" in text
    assert "Order messages 1" in text
    assert "Orders are placed" in text
    assert "telnyx" in text.lower()


def test_part_of_today_that_fails_leaves_the_others(vetted: World, visitor: Visitor) -> None:
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
    vetted: World, visitor: Visitor, query: dict[str, Any], shown: list[str]
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


def test_orders_are_downloaded_as_csv(vetted: World, visitor: Visitor) -> None:
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


def test_order_says_why_it_is_so_and_what_can_be_done(vetted: World, visitor: Visitor) -> None:
    rejected(vetted)
    text = visitor.get("/orders/german")
    assert "It was bought at Telnyx, which needs something before it delivers: 0 of 1 delivered." in text
    assert "It waits for values for its requirements" in text
    assert "1 requirement was rejected and needs another value" in text
    assert "The register shows another name." in text
    assert "Requirement rejected" in text
    assert "by numberdesk (following)" in text
    assert "Order received" in text
    for act in ("Supply values", "Ask for more time", "Cancel it", "Poll now", "Say that you are on it"):
        assert act in text
    assert "History of the deadline" in text
    assert '<circle class="step-set"' in visitor.page


def test_order_is_sent_to_a_poll_only_if_it_changed(vetted: World, visitor: Visitor) -> None:
    visitor.get("/orders/german")
    poll = visitor.page.split('hx-get="')[1].split('"')[0]
    visitor.calls()
    assert visitor.browser.get(poll).status_code == 204
    assert len(visitor.calls()) == 1
    vetted.api("POST", "/orders/german/acknowledgements", {"until": "2026-11-23T08:00:00Z"})
    changed = visitor.browser.get(poll)
    assert changed.status_code == 200
    assert changed.text.lstrip().startswith('<div id="order"')
    assert "It is being worked on by alice" in changed.text


def test_order_whose_provider_cannot_be_read_still_shows_the_rest(vetted: World, visitor: Visitor) -> None:
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


def test_webhook_is_shown_as_it_came_without_what_looks_personal(vetted: World, visitor: Visitor) -> None:
    [number] = [asset.value for asset in vetted.order("chicago").assets][:1]
    visitor.get("/orders/chicago")
    shown = visitor.page.split('aria-label="Body of the webhook 1">')[1].split("</pre>")[0]
    assert "number_order.complete" in shown
    assert number in shown


# The other pages


def test_numbers_of_an_account_are_listed_with_their_totals(vetted: World, visitor: Visitor) -> None:
    text = visitor.get("/numbers", account="telnyx/default")
    values = [asset.value for asset in vetted.order("chicago").assets]
    assert all(value in text for value in values)
    rows = list(
        csv.DictReader(io.StringIO(visitor.browser.get("/numbers.csv?account=telnyx/default").text.lstrip("\ufeff")))
    )
    # A number begins with a plus, which a spreadsheet would compute.
    assert {row["value"] for row in rows} >= {f"'{value}" for value in values}


def test_account_that_lists_no_numbers_says_so(vetted: World, visitor: Visitor) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        problem = {
            "type": "urn:numberdesk:problem:not-able",
            "title": "The provider cannot do this",
            "status": 409,
            "detail": "the provider cannot do this: it lists no numbers",
            "instance": "urn:numberdesk:request:1",
            "errors": [],
        }
        return httpx.Response(409, json=problem) if request.url.path.endswith("/numbers") else None

    visitor.transport.before = refuse
    assert "it lists no numbers" in visitor.get("/numbers", account="telnyx/default", status=409)


def test_profile_is_made_edited_disabled_and_deleted(world: World, visitor: Visitor) -> None:
    here = "/profiles/telnyx/default/DE/local"
    answer = visitor.browser.get(
        "/profiles/choose",
        params={"provider": "telnyx", "account": "default", "country": "DE", "number_type": "local"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == here
    assert "There is no such profile yet" in visitor.get(here)
    assert 'value="Business Name"' in visitor.page
    wrong = {"enabled": "yes", "a0.requirement": "Business Name", "a0.text": "x", "a0.date": "2026-01-01"}
    assert "Give one value" in visitor.submit(here, wrong, status=400)
    unnamed = {"enabled": "yes", "a0.requirement": "", "a0.text": "Example GmbH"}
    assert "Name the requirement that this answers." in visitor.submit(here, unnamed, status=400)
    address = {"a1.requirement": "End User Address", "a1.address.locality": "Berlin"}
    text = visitor.submit(here, {"a0.requirement": "Business Name", "a0.text": "Example GmbH", **address}, status=400)
    assert "Field required" in text
    assert 'value="Example GmbH"' in visitor.page
    pdf = {"a1.file": ("proof.pdf", b"%PDF-1.7 proof", "application/pdf")}
    filled = {"a0.requirement": "Business Name", "a0.text": "Example GmbH", "a1.requirement": "Identity Document"}
    visitor.get(here)
    assert "The profile was saved." in visitor.submit(here, {"enabled": "yes", **filled}, files=pdf)
    profile = world.api("GET", here)[1]
    assert [each["value"]["kind"] for each in profile["answers"]] == ["text", "file"]
    assert (profile["enabled"], len(world.objects())) == (True, 1)
    stale = visitor.page
    assert "The profile is disabled." in visitor.submit(f"{here}/switch")
    assert world.api("GET", here)[1]["enabled"] is False
    visitor.page = stale
    assert "changed since the page was loaded" in visitor.submit(f"{here}/switch", status=400)
    assert "DE local" in visitor.get("/profiles", provider="telnyx")
    visitor.get(here)
    visitor.submit(f"{here}/delete")
    assert world.api("GET", here)[0] == 200
    assert "were deleted" in visitor.submit(f"{here}/delete")
    assert world.api("GET", here)[0] == 404


def test_dead_letter_goes_back_only_after_it_was_shown(vetted: World, visitor: Visitor) -> None:
    text = visitor.get("/dead-letters")
    assert "items: List should have at least 1 item" in text
    assert "erika@example.com" not in visitor.page
    assert "No dead letter is selected." in visitor.submit("/dead-letters/orders/redrive", status=400)
    visitor.get("/dead-letters")
    text = visitor.submit("/dead-letters/orders/redrive", {"scope": "all"})
    assert "These go back to the order queue." in text
    assert vetted.peek("OrderQueue") == []
    assert "1 messages went back" in visitor.submit("/dead-letters/orders/redrive")
    assert [message["order_id"] for message in vetted.peek("OrderQueue")] == ["broken"]


def test_webhook_of_no_order_is_replayed_after_it_was_shown(world: World, visitor: Visitor) -> None:
    world.telnyx.send_webhook(payload={"id": "none-of-ours"})
    world.settle()
    assert "no order of ours" in visitor.get("/dead-letters")
    assert "None came on 2026-11-21" in visitor.get("/dead-letters", day="2026-11-21")
    assert "This is no day." in visitor.get("/dead-letters", day="yesterday", status=400)
    visitor.get("/dead-letters", day="2026-11-22")
    visitor.submit("/dead-letters/unmatched/replay", {"scope": "all"})
    assert world.peek("SyncQueue") == []
    assert "1 webhooks are handled again" in visitor.submit("/dead-letters/unmatched/replay")
    assert len(world.peek("SyncQueue")) == 1


def test_webhook_is_registered_and_unregistered_at_its_provider(world: World, visitor: Visitor) -> None:
    here = "/providers/callfire/default"
    assert "CallFire" in visitor.get("/providers")
    visitor.get(here)
    token = {"token": TOKEN}
    assert "CallFire needs a trigger event" in visitor.submit(f"{here}/register", token, status=422)
    visitor.submit(f"{here}/register", {**token, "event": "CAMPAIGN_FINISHED"})
    assert "Delete the registration for" in visitor.page
    visitor.submit(f"{here}/unregister")
    assert "Delete the registration?" in visitor.page
    assert "The registration was deleted." in visitor.submit(f"{here}/unregister")
    assert "Delete the registration for" not in visitor.page


def test_search_shows_offers_and_tells_what_is_wrong_with_it(world: World, visitor: Visitor) -> None:
    here = "/providers/telnyx/default"
    text = visitor.get(here, what="numbers", country="US", limit="5")
    assert "5 offers" in text
    assert "country : String should match" in visitor.get(here, what="numbers", country="usa", status=400)
    assert "The search is not complete" in visitor.get(here, what="numbers", limit="0", status=400)
    assert world.bought() == 0


def test_account_is_retired_with_a_reason_and_used_again(vetted: World, visitor: Visitor) -> None:
    here = "/providers/telnyx/default"
    visitor.get(here)
    assert "Numbers that it owns stay yours" in visitor.submit(f"{here}/retire")
    assert "Say why." in visitor.submit(f"{here}/retire", {"reason": ""}, status=400)
    refused = visitor.submit(f"{here}/retire", {"reason": "It was sold."}, status=409)
    assert "add --force" in refused
    visitor.get(here)
    visitor.submit(f"{here}/retire")
    assert "was retired" in visitor.submit(f"{here}/retire", {"reason": "It was sold.", "force": "yes"})
    visitor.submit(f"{here}/retire")
    assert "is used again" in visitor.submit(f"{here}/retire", {"reason": "It was not."})


def test_placing_is_switched_with_a_reason_and_only_as_it_was_seen(world: World, visitor: Visitor) -> None:
    visitor.get("/placing")
    stale = visitor.page
    assert "Say why" in visitor.submit("/placing", {"reason": ""}, status=400)
    text = visitor.submit("/placing", {"reason": "The price list is wrong."})
    assert "Placing is switched off: nothing is bought." in text
    assert "The price list is wrong." in text
    assert world.api("GET", "/placing")[1]["open"] is False
    visitor.page = stale
    assert "Somebody turned the switch" in visitor.submit("/placing", {"reason": "again"}, status=409)
    visitor.get("/placing")
    assert "Placing is switched on." in visitor.submit("/placing", {"reason": "It is right again."})
    assert world.api("GET", "/placing")[1]["open"] is True


def test_restored_table_is_confirmed_after_it_was_asked_twice(world: World, visitor: Visitor) -> None:
    world.send(body())
    world.pass_time(3)
    items = world.copy()
    world.restore(items)
    assert "This table was restored" in visitor.get("/placing")
    without = {"without": "telnyx/default"}
    assert "Confirm the restore?" in visitor.submit("/placing/confirm-restore", without)
    assert "Say why." in visitor.submit("/placing/confirm-restore", {"reason": ""}, status=400)
    until = (world.clock.now() - timedelta(days=1)).isoformat()
    wrong = visitor.submit(
        "/placing/confirm-restore", {"reason": "Compared by hand.", "search_until": until}, status=400
    )
    assert "this instant has passed" in wrong
    visitor.get("/placing")
    visitor.submit("/placing/confirm-restore", without)
    text = visitor.submit("/placing/confirm-restore", {"reason": "Compared by hand."})
    assert "The restored table was confirmed" in text
    assert world.api("GET", "/placing")[1]["restored"] is False


def test_failure_of_the_console_itself_shows_no_traceback(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyError("erika@example.com")

    monkeypatch.setattr("numberdesk_cli.console.pages.orders.filters", broken)
    text = visitor.get("/orders", status=502)
    assert "The console failed (KeyError in orders.py:" in text
    assert "erika" not in text
