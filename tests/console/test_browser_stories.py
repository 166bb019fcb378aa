"""The console as people use it, in a real browser."""

from __future__ import annotations

import re
from threading import Event
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from numberdesk.domain.statuses import OrderState
from tests.support import aws
from tests.support.aws import SECRETS
from tests.support.browser import window as open_window
from tests.support.builders import body
from tests.support.console import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from playwright.sync_api import Browser, FilePayload, Locator

    from tests.support.browser import Window

pytestmark = pytest.mark.xdist_group("browser")

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}
BOB = "arn:aws:iam::123456789012:user/bob"
PDF: FilePayload = {"name": "both <b>sides</b>.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 both sides"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk that buys one number per order unless a person approves more."""
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as made:
        made.telnyx.configure(vetting_seconds=1)
        yield Desk(made, tmp_path / "views.json")


def order(desk: Desk, order_id: str = "order-1", *items: dict[str, object]) -> None:
    """Send an order and let it be placed."""
    with desk.lock:
        desk.world.send(body(order_id, *items))
        desk.world.pass_time(3)


def live(desk: Desk, seconds: float = 120) -> None:
    """Let time pass."""
    with desk.lock:
        desk.world.pass_time(seconds, steps=4, sweep=True)


def test_rejected_requirement_is_answered_with_a_document(desk: Desk, window: Window) -> None:
    desk.world.telnyx.reject("Identity Document", "<script>document.title='x'</script> No date of birth.")
    order(desk, "order-1", GERMAN)
    with desk.lock:
        desk.world.telnyx.supply("*")
    live(desk)
    page = window.page
    window.go("/")
    page.get_by_role("link", name="order-1").click()
    window.says("1 requirement was rejected and needs another value")
    assert page.title() == "order-1 · numberdesk"
    card = page.get_by_role("article").filter(has=page.get_by_role("heading", name="Identity Document"))
    expect(card).to_contain_text("<script>document.title='x'</script> No date of birth.")
    card.get_by_label("Document (PDF, JPEG or PNG)").set_input_files(PDF)
    card.get_by_role("button", name="Supply").click()
    window.says("The value for Identity Document was recorded and goes to the provider now.")
    expect(card).to_contain_text("A value of alice is on its way")
    # Without a reload the page shows what comes of it.
    live(desk)
    expect(card).to_contain_text("approved")
    window.says("It is complete: 1 of 1 delivered.")
    assert desk.world.order().state is OrderState.COMPLETED


def test_one_number_and_then_the_order_are_answered(desk: Desk, window: Window) -> None:
    order(desk, "order-1", GERMAN, GERMAN)
    with desk.lock:
        desk.world.api("POST", "/orders/order-1/approve", {})
    live(desk, 10)
    window.go("/orders/order-1")
    page = window.page
    number = desk.world.order().assets[0].value
    card = page.get_by_role("article").filter(has=page.get_by_role("heading", name="Business Name"))
    card.get_by_label("Text").fill("Example GmbH")
    card.get_by_label("For one number only").fill(number)
    card.get_by_role("button", name="Supply").click()
    window.says(f"The value for Business Name of {number} was recorded")
    live(desk, 30)
    with desk.lock:
        group_id = desk.world.telnyx.full_group("DE", "local")
    window.go("/orders/order-1")
    page.get_by_text("Answer with a requirement group").click()
    page.get_by_label("Id of the requirement group").fill(group_id)
    page.get_by_role("button", name="Attach the group").click()
    window.says(f"The requirement group {group_id} was recorded and goes to the provider now.")
    live(desk)
    window.says("It is complete: 2 of 2 delivered.")


def test_more_time_is_asked_for(desk: Desk, window: Window) -> None:
    order(desk, "order-1", GERMAN)
    window.go("/orders/order-1")
    window.page.get_by_role("link", name="Ask for more time").first.click()
    window.says("It is not sure to be granted")
    window.page.get_by_label("In your own words").fill("The lease is signed next week.")
    window.page.get_by_role("button", name="Ask for more time").click()
    window.says("Ask for more time: done.")
    live(desk)
    window.says("The lease is signed next week.")


def test_order_over_a_limit_is_approved(desk: Desk, window: Window) -> None:
    order(desk)
    page = window.page
    window.go("/orders?attention=true")
    page.get_by_role("link", name="order-1").click()
    page.get_by_role("link", name="Approve the purchase").click()
    window.says("2 numbers or keywords at 4.00 USD at once")
    page.get_by_label("Reason").fill("Agreed with finance.")
    page.get_by_role("button", name="Approve the purchase").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Once more: approve the purchase?")
    assert desk.world.order().approvals == ()
    page.get_by_role("button", name="Yes: approve the purchase").click()
    window.says("Approve the purchase: done.")
    live(desk)
    window.says("It is complete: 2 of 2 delivered.")


def test_unknown_purchase_is_resolved(desk: Desk, window: Window) -> None:
    with desk.lock:
        desk.world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
        desk.world.callfire.fault("create_order", "lose_answer")
        desk.world.send(body("order-1", SEATTLE, provider="callfire"))
        desk.world.deliver("place_order")
        bought = str(desk.world.callfire.orders()[-1]["order_id"])
    page = window.page
    window.go("/orders/order-1")
    page.get_by_role("link", name="Say what became of the purchase").click()
    page.get_by_label("It was bought; the provider").check()
    page.get_by_role("textbox", name="The provider's id").fill(bought)
    page.get_by_label("Reason").fill("It is in their portal.")
    page.get_by_role("button", name="Say what became of the purchase").click()
    page.get_by_role("button", name="Yes: say what became of the purchase").click()
    window.says("Say what became of the purchase: done.")
    assert desk.world.order().provider_order_id == bought


def test_dead_letter_is_put_back(desk: Desk, window: Window) -> None:
    with desk.lock:
        desk.world.send({"order_id": "broken", "provider": "telnyx", "items": []})
        desk.world.settle()
    page = window.page
    window.go("/")
    page.get_by_role("link", name="Dead letters").first.click()
    window.says("items: List should have at least 1 item")
    page.get_by_label("Select the message of").check()
    page.get_by_role("button", name="Show what a redrive would do").first.click()
    window.says("These go back to the order queue.")
    assert desk.world.peek("OrderQueue") == []
    page.get_by_role("button", name="Put 1 back").click()
    window.says("1 messages went back to their queue.")
    assert [message["order_id"] for message in desk.world.peek("OrderQueue")] == ["broken"]


def test_bulk_cancel_is_stopped_half_way(desk: Desk, window: Window) -> None:
    for number in range(6):
        order(desk, f"order-{number}")
    third, go_on = Event(), Event()

    def wait(request: httpx.Request) -> None:
        if request.url.path == "/v1/orders/order-2/cancel":
            third.set()
            assert go_on.wait(30)

    window.transport.ahead = wait
    page = window.page
    window.go("/orders?attention=true&sort=order")
    page.get_by_label("Select all of this page").check()
    page.get_by_role("combobox", name="Do").select_option("cancel")
    page.get_by_role("button", name="Freeze the list").click()
    window.says("The list is frozen: 6 orders take this.")
    page.get_by_label("Reason").fill("The office moved.")
    page.get_by_label("Yes: cancel, these 6 orders").check()
    page.get_by_role("button", name="Cancel: 6 orders").click()
    assert third.wait(30)
    window.says("2 of 6 done")
    page.get_by_role("button", name="Stop").click()
    window.says("It stops after the present order.")
    go_on.set()
    window.says("It was stopped: 3 done, 0 failed, 3 not sent.")
    assert [desk.world.order(f"order-{number}").state.value for number in range(6)] == ["cancelled"] * 3 + [
        "received"
    ] * 3
    checked = page.get_by_role("table", name="What was not done stays selected").get_by_role("checkbox")
    expect(checked).to_have_count(3)
    for number in range(3):
        expect(checked.nth(number)).to_be_checked()


def test_order_is_found_acknowledged_and_left_by_keyboard_alone(desk: Desk, window: Window) -> None:
    order(desk, "order-1", GERMAN)
    page = window.page
    window.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    window.press("Escape", "/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("order-1")
    window.press("Enter")
    window.says("What can be done")
    focus_on(window, "Say that you are on it")
    window.press("Enter")
    page.wait_for_url("**/acts/acknowledge")
    focus_on(window, "For how long", by="select")
    page.keyboard.type("24")
    focus_on(window, "Say that you are on it", by="button")
    window.press("Enter")
    window.says("Say that you are on it: done.")
    assert desk.world.order().acknowledged is not None
    window.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("placing")
    window.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Placing")
    window.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("order-1")
    window.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("order-1")
    window.go("/orders")
    window.press("j", "x")
    expect(page.get_by_label("Select order-1")).to_be_checked()
    window.press("Enter")
    page.wait_for_url("**/orders/order-1")


def focus_on(window: Window, text: str, *, by: str = "a") -> None:
    """Press Tab until an element with this text or label has the focus, which must be visible."""
    for _ in range(80):
        window.press("Tab")
        found = window.page.evaluate(
            """(by) => { const it = document.activeElement; const style = getComputedStyle(it);
            return it.matches(by) ? [it.textContent + [...(it.labels || [])].map((each) => each.textContent).join(),
                                     style.outlineStyle, style.outlineWidth] : null; }""",
            by,
        )
        if found and text in found[0]:
            assert found[1:] == ["solid", "3px"]
            return
    pytest.fail(f"{text} was not reached by Tab")


def test_change_by_somebody_else_is_told_before_anything_is_sent(desk: Desk, window: Window, browser: Browser) -> None:
    order(desk)
    with open_window(desk, browser, BOB) as other:
        for each in (window, other):
            each.go("/orders/order-1/acts/reject")
            each.page.get_by_label("Reason").fill(f"decided by {'bob' if each is other else 'alice'}")
        other.page.get_by_role("button", name="Reject it").click()
        window.go("/orders/order-1/acts/acknowledge")
        window.page.get_by_role("button", name="Say that you are on it").click()
        window.says("Say that you are on it: done.")
        other.page.get_by_role("button", name="Yes: reject it").click()
        other.says("The order was changed since its page was loaded; nothing was sent.")
        other.says("Reminder acknowledged")
        expect(other.page.get_by_label("Reason")).to_have_value("decided by bob")
        expect(other.page.get_by_role("main")).to_contain_text("alice, until")
        assert desk.world.order().state is OrderState.RECEIVED
        other.page.get_by_role("button", name="Reject it").click()
        other.page.get_by_role("button", name="Yes: reject it").click()
        other.says("Reject it: done.")
    assert desk.world.order().state is OrderState.CANCELLED


def test_page_waits_with_its_refresh_while_somebody_types_and_goes_on_afterwards(desk: Desk, window: Window) -> None:
    order(desk, "order-1", GERMAN)
    page = window.page
    window.go("/orders/order-1")
    reply = page.get_by_label("Reply to the reviewers")
    reply.fill("We are looking for")
    with desk.lock:
        desk.world.api("POST", "/orders/order-1/acknowledgements", {"until": "2026-12-01T08:00:00Z"})
    window.says("Not refreshed while you type or select.")
    expect(reply).to_have_value("We are looking for")
    assert "It is being worked on" not in page.inner_text("main")
    reply.fill("")
    page.evaluate("document.activeElement.blur()")
    window.says("It is being worked on by alice")
    expect(page.get_by_text("Not refreshed while you type or select.")).to_be_hidden()


def test_page_says_when_it_is_no_longer_live(desk: Desk, window: Window) -> None:
    window.go("/orders")
    expect(page_is_stale(window)).to_be_hidden()
    window.page.context.clear_cookies()
    expect(page_is_stale(window)).to_be_visible()


def page_is_stale(window: Window) -> Locator:
    """Return the line that says so."""
    return window.page.get_by_text(re.compile("This page is not live just now"))
