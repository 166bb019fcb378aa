"""Bulk acts: a frozen list, a confirmation with a reason, progress, a stop, and what failed stays selected."""

from __future__ import annotations

import re
import time
from threading import Event
from typing import TYPE_CHECKING

import httpx
import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support import aws
from tests.support.builders import body
from tests.support.console import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.console import Visitor

HELD = 6


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Desk, Visitor]]:
    """Return a desk whose orders are held beyond a limit, and a visitor."""
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as made:
        for number in range(HELD):
            made.send(body(f"order-{number}"))
        made.settle()
        desk = Desk(made, tmp_path / "views.json")
        with desk.visitor() as visitor:
            visitor.start()
            yield desk, visitor


def wait_for(visitor: Visitor, text: str) -> str:
    """Poll the page of a bulk act until it says this, and return its text."""
    here, end = visitor.where, time.monotonic() + 20
    while time.monotonic() < end:
        shown = visitor.get(here)
        if text in shown:
            return shown
        time.sleep(0.02)
    raise AssertionError(shown)


def freeze(visitor: Visitor, act: str, *ids: str, query: str = "attention=true") -> str:
    """Freeze the list of these orders, or of all that match, and return the page's text."""
    visitor.get(f"/orders?{query}")
    chosen = {"scope": "selected", "order": list(ids)} if ids else {"scope": "all"}
    visitor.submit("/bulk", {"act": act, **chosen})
    return wait_for(visitor, "The list is frozen")


def confirm(visitor: Visitor, **fields: str) -> str:
    """Confirm a frozen list."""
    return visitor.submit(
        f"{visitor.where.removesuffix('/run')}/run", {"reason": "agreed with finance", "sure": "yes", **fields}
    )


def states(desk: Desk) -> list[OrderState]:
    """Return the states of the orders."""
    return [desk.world.order(f"order-{number}").state for number in range(HELD)]


def test_all_that_match_are_frozen_shown_with_their_cost_and_cancelled_with_a_reason(
    held: tuple[Desk, Visitor],
) -> None:
    desk, visitor = held
    text = freeze(visitor, "cancel")
    assert f"The list is frozen: {HELD} orders take this." in text
    assert text.count("It is cancelled before anything is bought.") == HELD
    # Who comes to match later is not in it.
    desk.world.send(body("later"))
    desk.world.settle()
    assert states(desk) == [OrderState.RECEIVED] * HELD
    confirm(visitor)
    text = wait_for(visitor, "It is over")
    assert f"{HELD} done, 0 failed, 0 not sent." in text
    assert states(desk) == [OrderState.CANCELLED] * HELD
    assert desk.world.order("later").state is OrderState.RECEIVED
    [entry] = [each for each in desk.world.ledger("ORDER#order-0") if each.kind is ChangeKind.ORDER_CANCELLED]
    assert "agreed with finance" in entry.model_dump_json()


def test_approval_in_bulk_shows_each_cost_and_is_for_the_hold_that_was_seen(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held
    text = freeze(visitor, "approve", "order-1", "order-2", "order-3")
    assert text.count("2 numbers or keywords at 4.00 USD at once") == 3
    desk.world.api("POST", "/orders/order-2/approve")
    confirm(visitor)
    text = wait_for(visitor, "It is over")
    assert "2 done, 1 failed, 0 not sent." in text
    assert "Its hold changed since the list was frozen; nothing was sent." in text
    assert re.search(r'name="order" value="order-2" checked', visitor.page)
    assert [len(desk.world.order(f"order-{number}").approvals) for number in range(4)] == [0, 1, 1, 1]


def test_confirmation_needs_a_reason_and_a_yes(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held
    freeze(visitor, "cancel")
    run = f"{visitor.where}/run"
    text = visitor.submit(run, {"reason": "", "sure": ""}, status=400)
    assert "Say why, in 1 to 500 characters." in text
    assert "Confirm that this is the list that you mean." in text
    assert states(desk) == [OrderState.RECEIVED] * HELD


def test_bulk_act_runs_once_with_its_reason(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held
    freeze(visitor, "acknowledge")
    page = visitor.page
    assert "Choose one of these." in visitor.submit(
        f"{visitor.where}/run", {"reason": "x", "sure": "yes", "hours": "99"}, status=400
    )
    confirm(visitor, hours="4")
    wait_for(visitor, "It is over")
    told = [it for it in desk.world.ledger("ORDER#order-0") if it.kind is ChangeKind.REMINDER_ACKNOWLEDGED]
    assert [it.data["reason"] for it in told] == ["agreed with finance"]
    visitor.page = page
    text = visitor.submit(f"{visitor.where}/run", {"reason": "again", "sure": "yes", "hours": "4"}, status=400)
    assert "This bulk act is done; it runs once." in text


def test_stop_leaves_the_rest_unsent_and_selected(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held
    freeze(visitor, "cancel")
    third, go_on = Event(), Event()
    visitor.transport.ahead = held_at(lambda path: path == "/v1/orders/order-2/cancel", third, go_on)
    confirm(visitor)
    assert third.wait(20)
    assert f"2 of {HELD} done" in visitor.get(visitor.where)
    text = visitor.submit(f"{visitor.where}/stop")
    assert "It stops after the present order." in text
    go_on.set()
    text = wait_for(visitor, "It was stopped")
    assert f"3 done, 0 failed, {HELD - 3} not sent." in text
    assert states(desk) == [OrderState.CANCELLED] * 3 + [OrderState.RECEIVED] * (HELD - 3)
    visitor.submit("/bulk")
    assert f"The list is frozen: {HELD - 3} orders take this." in wait_for(visitor, "The list is frozen")


def held_at(where: Callable[[str], bool], reached: Event, go_on: Event) -> Callable[[httpx.Request], None]:
    """Make a request wait."""

    def ahead(request: httpx.Request) -> None:
        if where(request.url.path):
            reached.set()
            assert go_on.wait(20)

    return ahead


def test_order_that_does_not_take_the_act_is_left_out_and_says_why(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held
    desk.world.api("POST", "/orders/order-0/reject", {"reason": "no"})
    text = freeze(visitor, "cancel", "order-0", "order-1", "nobodys")
    assert "1 order takes this, 2 do not and are left out" in text
    assert "It does not take this as it stands now." in text
    assert "there is no order of this id" in text
    visitor.get("/orders")
    visitor.submit("/bulk", {"act": "cancel", "scope": "selected", "order": ["nobodys"]})
    assert "No order of the list takes this now." in wait_for(visitor, "No order of the list")


def test_lost_answer_is_told_as_unknown_and_not_selected_again(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held

    def lose(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == "/v1/orders/order-1/cancel":
            raise httpx.ReadTimeout("lost", request=request)
        return None

    freeze(visitor, "cancel", "order-0", "order-1", "order-2")
    visitor.transport.before = lose
    confirm(visitor)
    text = wait_for(visitor, "It is over")
    assert "2 done, 0 failed, 0 not sent, 1 with an unknown outcome." in text
    assert "Do not repeat it: look at each first." in text
    assert 'value="order-1" checked' not in visitor.page
    assert desk.world.order("order-2").state is OrderState.CANCELLED


def test_missing_permission_stops_the_whole_act(held: tuple[Desk, Visitor]) -> None:
    desk, visitor = held
    freeze(visitor, "cancel")
    visitor.transport.before = lambda request: (
        httpx.Response(403, json={"message": "no"}) if request.method == "POST" else None
    )
    confirm(visitor)
    text = wait_for(visitor, "The bulk act stopped.")
    assert "These AWS credentials are not allowed to do that." in text
    assert f"0 done, 1 failed, {HELD - 1} not sent." in text
    assert len([each for each in visitor.calls() if each[0] == "POST"]) == 1
    assert states(desk) == [OrderState.RECEIVED] * HELD


def test_choice_without_an_act_or_an_order_is_refused(held: tuple[Desk, Visitor]) -> None:
    _, visitor = held
    visitor.get("/orders")
    assert "No act was chosen." in visitor.submit("/bulk", {"act": "explode", "scope": "all"}, status=400)
    visitor.get("/orders")
    assert "No order is selected." in visitor.submit("/bulk", {"act": "cancel", "scope": "selected"}, status=400)
    assert "There is no such bulk act here." in visitor.get("/bulk/none", status=400)


def test_more_orders_than_one_act_takes_are_refused(
    held: tuple[Desk, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, visitor = held
    monkeypatch.setattr("numberdesk_cli.console.jobs.MAX_ITEMS", HELD - 1)
    visitor.get("/orders", attention="true")
    visitor.submit("/bulk", {"act": "cancel", "scope": "all"})
    text = wait_for(visitor, "The bulk act stopped.")
    assert f"More than {HELD - 1} orders match; nothing was done." in text
