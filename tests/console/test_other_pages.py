"""Numbers, profiles, dead letters, providers and placing over the real API."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.aws import ALICE, TOKEN
from tests.support.builders import body

if TYPE_CHECKING:
    import pytest

    from tests.support.aws import World
    from tests.support.console import Visitor


def test_numbers_of_an_account_are_listed_with_their_totals(busy: World, visitor: Visitor) -> None:
    text = visitor.get("/numbers", account="telnyx/default")
    values = [asset.value for asset in busy.order("chicago").assets]
    assert all(value in text for value in values)
    rows = list(
        csv.DictReader(io.StringIO(visitor.browser.get("/numbers.csv?account=telnyx/default").text.lstrip("\ufeff")))
    )
    # A number begins with a plus, which a spreadsheet would compute.
    assert {row["value"] for row in rows} >= {f"'{value}" for value in values}


def test_account_that_lists_no_numbers_says_so(busy: World, visitor: Visitor) -> None:
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


def test_activity_shows_who_did_what_with_a_link_and_is_filtered_by_person(busy: World, visitor: Visitor) -> None:
    assert "Nothing was done in 2026-11." in visitor.get("/activity")
    for principal, reason in ((ALICE, "Telnyx <called>."), (ALICE.replace("alice", "bob"), "Once more.")):
        busy.api("POST", "/orders/german/sync", {"reason": reason}, principal=principal)
        busy.clock.advance(2)
    busy.api("PUT", "/placing", {"open": False, "reason": "Stocktaking."})
    text = visitor.get("/activity")
    assert "Sync requested" in text
    for said in ("alice", "bob", "Once more.", "Placing stopped", "Telnyx <called>.", "Stocktaking."):
        assert said in text
    assert '<a href="/orders/german">german</a>' in visitor.page
    [bobs] = {unescape(link) for link in re.findall(r'href="(/activity\?[^"]+)"', visitor.page) if "bob" in link}
    text = visitor.get(bobs)
    assert "What bob did in 2026-11" in text
    assert "Once more." in text
    assert "Stocktaking." not in text
    assert "Nothing was done in 2026-10." in visitor.get("/activity", month="2026-10")
    assert "this is no month" in visitor.get("/activity", month="soon", status=400).lower()
    assert set(visitor.calls()) == {("GET", "/activity")}


def test_activity_is_paged(busy: World, visitor: Visitor) -> None:
    for number in range(60):
        busy.api("PUT", "/placing", {"open": bool(number % 2), "reason": f"number {number}."})
        busy.clock.advance(1)
    text = visitor.get("/activity")
    assert ("number 59." in text, "number 9." in text) == (True, False)
    [link] = re.findall(r'href="([^"]+)" rel="next"', visitor.page)
    text = visitor.get(unescape(link))
    assert ("number 10." in text, "number 9." in text, "number 0." in text) == (False, True, True)


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


def test_dead_letter_goes_back_only_after_it_was_shown(busy: World, visitor: Visitor) -> None:
    text = visitor.get("/dead-letters")
    assert "items: List should have at least 1 item" in text
    assert "erika@example.com" not in visitor.page
    assert "No dead letter is selected." in visitor.submit("/dead-letters/orders/redrive", status=400)
    visitor.get("/dead-letters")
    text = visitor.submit("/dead-letters/orders/redrive", {"scope": "all"})
    assert "These go back to the order queue." in text
    assert busy.peek("OrderQueue") == []
    assert "1 messages went back" in visitor.submit("/dead-letters/orders/redrive")
    assert [message["order_id"] for message in busy.peek("OrderQueue")] == ["broken"]


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


def test_account_is_retired_with_a_reason_and_used_again(busy: World, visitor: Visitor) -> None:
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
