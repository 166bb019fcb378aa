"""Acts on one order: shown before they are done, asked for twice where they spend, refused where the order changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support import aws
from tests.support.aws import ALICE, SECRETS
from tests.support.builders import body
from tests.support.console import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws import World
    from tests.support.console import Visitor

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}
PDF = b"%PDF-1.7 a proof of identity"


@pytest.fixture
def vetted(world: World) -> World:
    """Return a world with an order whose requirements need values."""
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", GERMAN))
    world.pass_time(3)
    return world


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk that buys one number per order unless a person approves more, and an order that is held."""
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as made:
        made.send(body())
        made.settle()
        yield Desk(made, tmp_path / "views.json")


def fill_in(visitor: Visitor, name: str, fields: dict[str, Any], *, status: int = 200, **more: Any) -> str:
    """Fill in the form of the requirement of this name and send it."""
    start = visitor.page.index(f'name="label" value="{name}"')
    form = visitor.page[visitor.page.rindex("<form", 0, start) : visitor.page.index("</form>", start) + 7]
    whole, visitor.page = visitor.page, f"{visitor.page.split('<main', 1)[0]}{form}"
    try:
        return visitor.submit("/orders/order-1/requirements", fields, status=status, **more)
    except StopIteration:
        visitor.page = whole
        raise


# Requirements


def test_requirements_are_answered_with_text_address_and_document(vetted: World, visitor: Visitor) -> None:
    visitor.get("/orders/order-1")
    assert "The value for Business Name was recorded" in fill_in(visitor, "Business Name", {"text": "Example GmbH"})
    address = {
        "business_name": "Example GmbH",
        "street_address": "Unter den Linden 1",
        "locality": "Berlin",
        "postal_code": "10117",
        "country_code": "DE",
    }
    filled = {f"address.{name}": value for name, value in address.items()}
    fill_in(visitor, "End User Address", filled)
    file = {"file": ("proof.pdf", PDF, "application/pdf")}
    text = fill_in(visitor, "Identity Document", {}, files=file)
    assert "Unter den Linden" not in visitor.page
    assert "by alice" in text.lower()
    assert len(vetted.objects()) == 1
    vetted.pass_time(120, steps=4, sweep=True)
    assert vetted.order().state is OrderState.COMPLETED


@pytest.mark.parametrize(
    ("name", "fields", "file", "told"),
    [
        ("Business Name", {}, None, "Give a value."),
        ("End User Address", {"address_id": "a-1", "address.locality": "Berlin"}, None, "Give one value"),
        ("End User Address", {"address.locality": "Berlin"}, None, "Field required"),
        (
            "Identity Document",
            {},
            ("proof.pdf", b"MZ not what it says", "application/pdf"),
            "is not a PDF, JPEG or PNG",
        ),
        ("Identity Document", {}, ("proof.pdf", b"", "application/pdf"), "The file is empty."),
        ("Identity Document", {}, ("proof.png", PDF, "image/png"), "ends with .pdf"),
        ("Identity Document", {"document_id": "d"}, ("proof.pdf", PDF, "application/pdf"), "Give one value"),
        ("Business Name", {"text": "x" * 3000}, None, "at most"),
    ],
)
def test_value_that_does_not_do_is_told_at_its_form_and_nothing_is_supplied(
    vetted: World, visitor: Visitor, name: str, fields: dict[str, str], file: Any, told: str
) -> None:
    visitor.get("/orders/order-1")
    text = fill_in(visitor, name, fields, files={"file": file} if file else None, status=400)
    assert told in text
    assert vetted.order().operations == ()
    assert all(f'value="{value}"' in visitor.page for value in fields.values() if len(value) < 100)


def test_file_beyond_the_limit_is_refused_before_it_is_uploaded(tmp_path: Path) -> None:
    with aws.world(MaxFileBytes="1000") as world, Desk(world, tmp_path / "views.json").visitor() as visitor:
        world.telnyx.configure(vetting_seconds=1)
        world.send(body("order-1", GERMAN))
        world.pass_time(3)
        visitor.start()
        visitor.get("/orders/order-1")
        file = {"file": ("proof.pdf", PDF + b" " * 1000, "application/pdf")}
        text = fill_in(visitor, "Identity Document", {}, files=file, status=502)
        assert "bytes, and at most 1000 are taken" in text
        assert "Make the file smaller" in text
        assert world.objects() == []


def test_requirement_that_somebody_else_answered_meanwhile_is_not_answered_again(
    vetted: World, visitor: Visitor
) -> None:
    visitor.get("/orders/order-1")
    value = {"requirement": "Business Name", "value": {"kind": "text", "text": "Bob's GmbH"}}
    vetted.api("POST", "/orders/order-1/requirements", {"values": [value]})
    visitor.calls()
    text = fill_in(visitor, "Business Name", {"text": "Example GmbH"}, status=409)
    assert "This requirement changed since the page was loaded; nothing was sent." in text
    assert 'value="Example GmbH"' in visitor.page
    assert not [each for each in visitor.calls() if each[0] != "GET"]


@pytest.fixture
def two(world: World) -> tuple[str, ...]:
    """Return the numbers of an order of two numbers whose requirements need values."""
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", {**GERMAN, "quantity": 2}))
    world.pass_time(3)
    return tuple(asset.value for asset in world.order().assets)


def test_value_is_supplied_for_one_number_alone(world: World, two: tuple[str, ...], visitor: Visitor) -> None:
    visitor.get("/orders/order-1")
    told = fill_in(visitor, "Business Name", {"text": "Example GmbH", "number": "+49301234567"}, status=400)
    assert "the order has no such number" in told
    assert world.order().operations == ()
    told = fill_in(visitor, "Business Name", {"text": "Example GmbH", "number": two[1]})
    assert f"The value for Business Name of {two[1]} was recorded" in told
    assert f"for {two[1]} is on its way" in told
    [operation] = world.order().operations
    assert (operation.number, operation.sub_order_id) == (two[1], None)
    world.pass_time(10)
    assert f"It stands otherwise for: {two[1]}" in visitor.get("/orders/order-1")


def test_order_is_answered_with_a_requirement_group(world: World, two: tuple[str, ...], visitor: Visitor) -> None:
    group_id = world.telnyx.full_group("DE", "local")
    visitor.get("/orders/order-1")
    action = "/orders/order-1/requirement-group"
    assert "Give the id of a requirement group." in visitor.submit(action, {}, status=400)
    told = visitor.submit(action, {"requirement_group_id": group_id, "number": "+49301234567"}, status=400)
    assert "the order has no such number" in told
    assert f'value="{group_id}"' in visitor.page
    assert f"The requirement group {group_id} was recorded" in visitor.submit(
        action, {"requirement_group_id": group_id}
    )
    assert visitor.where == "/orders/order-1"
    [operation] = world.order().operations
    assert (operation.group_id, operation.number) == (group_id, None)
    world.pass_time(120, steps=4, sweep=True)
    assert world.order().state is OrderState.COMPLETED
    assert action not in visitor.get("/orders/order-1")
    assert action not in visitor.page


def test_one_number_is_answered_with_a_requirement_group(world: World, two: tuple[str, ...], visitor: Visitor) -> None:
    group_id = world.telnyx.full_group("DE", "local")
    visitor.get("/orders/order-1")
    visitor.submit("/orders/order-1/requirement-group", {"requirement_group_id": group_id, "number": two[0]})
    assert f"{group_id} for {two[0]}" in visitor.get("/orders/order-1")
    world.pass_time(120, steps=4, sweep=True)
    shown = {asset.value: asset.state.value for asset in world.order().assets}
    assert (shown[two[0]], shown[two[1]]) == ("active", "action_required")


def test_own_requirement_is_ticked_off_and_back(world: World, visitor: Visitor) -> None:
    more: dict[str, Any] = {"requirements": [{"id": "letter", "name": "Letter of authority"}]}
    contact = {"email": "desk@example.com", "contact_name": "Desk", "use_case": "two-factor"}
    belgian = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}
    world.send(body("order-1", belgian, provider="telesign", contact=contact, **more))
    world.pass_time(3)
    visitor.get("/orders/order-1")
    assert "Letter of authority was noted." in fill_in(visitor, "Letter of authority", {"done": "yes"})
    assert world.order().requirements[0].state == "approved"
    fill_in(visitor, "Letter of authority", {})
    assert world.order().requirements[0].state == "awaiting_value"


# Comments and time


def test_comment_is_written_and_read(vetted: World, visitor: Visitor) -> None:
    vetted.telnyx.comment("*", "Which of the two addresses?")
    vetted.pass_time(120, steps=4, sweep=True)
    assert "Which of the two addresses?" in visitor.get("/orders/order-1")
    assert "Write something." in visitor.submit("/orders/order-1/comments", {"text": " "}, status=400)
    text = visitor.submit("/orders/order-1/comments", {"text": "The first."})
    assert "The comment goes to the reviewers now." in text
    [comment] = vetted.api("GET", "/orders/order-1/comments")[1]["items"]
    assert "is marked as read" in visitor.submit(f"/orders/order-1/comments/{comment['id']}/read")
    vetted.pass_time(120, steps=4, sweep=True)
    shown = vetted.api("GET", "/orders/order-1/comments")[1]["items"]
    assert {(each["body"], each["by_provider"]) for each in shown} == {
        ("Which of the two addresses?", True),
        ("The first.", False),
    }


def test_more_time_is_asked_for_in_ones_own_words(vetted: World, visitor: Visitor) -> None:
    text = visitor.get("/orders/order-1/acts/extend")
    assert "It is not sure to be granted" in text
    done = visitor.submit("/orders/order-1/acts/extend", {"text": "The lease is on its way."})
    assert "Ask for more time: done." in done
    [operation] = vetted.order().operations
    assert (operation.kind.value, operation.by) == ("extension", ALICE)


def test_acknowledgement_names_who_is_on_it(vetted: World, visitor: Visitor) -> None:
    visitor.get("/orders/order-1/acts/acknowledge")
    assert "Choose one of these." in visitor.submit("/orders/order-1/acts/acknowledge", {"hours": "5000"}, status=400)
    text = visitor.submit("/orders/order-1/acts/acknowledge", {"hours": "4", "reason": "Asking sales."})
    assert "It is being worked on by alice, until 2026-11-22 12:00" in text
    visitor.get("/orders/order-1/acts/sync")
    visitor.submit("/orders/order-1/acts/sync", {"reason": "Telnyx called."})
    reasons = {entry.kind: entry.data["reason"] for entry in vetted.ledger() if "reason" in entry.data}
    assert reasons == {
        ChangeKind.REMINDER_ACKNOWLEDGED: "Asking sales.",
        ChangeKind.SYNC_REQUESTED: "Telnyx called.",
    }


# Money


def test_approval_shows_the_cost_and_is_asked_for_twice(limited: Desk) -> None:
    world = limited.world
    with limited.visitor() as visitor:
        visitor.start()
        act = "/orders/order-1/acts/approve"
        text = visitor.get(act)
        assert "2 numbers or keywords at" in text
        assert "a limit on spending: it asks for 2 numbers, and 1 is the limit" in text
        assert "Left of the account's limits today" in text
        assert "Say why." in visitor.submit(act, {"reason": ""}, status=400)
        wrong = visitor.submit(act, {"reason": "agreed", "most.USD": "a lot"}, status=400)
        assert "Write an amount such as 15.00." in wrong
        text = visitor.submit(act, {"reason": "agreed with finance", "most.USD": "100.00"})
        assert "Once more: approve the purchase?" in text
        assert world.order().approvals == ()
        assert "Approve the purchase: done." in visitor.submit(act)
    [approval] = world.order().approvals
    assert (approval.by, approval.most) == (ALICE, {"USD": "100.00"})
    [approved] = [entry for entry in world.ledger() if entry.kind is ChangeKind.ORDER_APPROVED]
    assert approved.data["reason"] == "agreed with finance"
    world.pass_time(3)
    assert world.order().state is OrderState.COMPLETED


def test_order_that_changed_between_the_two_questions_is_shown_and_nothing_is_sent(limited: Desk) -> None:
    world = limited.world
    act = "/orders/order-1/acts/reject"
    with limited.visitor() as visitor:
        visitor.start()
        visitor.get(act)
        visitor.submit(act, {"reason": "two are too many"})
        world.api("POST", "/orders/order-1/acknowledgements", {"until": "2026-11-22T12:00:00Z"})
        visitor.calls()
        text = visitor.submit(act, status=409)
        assert "The order was changed since its page was loaded; nothing was sent." in text
        assert "Reminder acknowledged" in text
        assert "by alice" in text
        assert "two are too many" in visitor.page
        assert not [each for each in visitor.calls() if each[0] != "GET"]
        assert world.order().state is OrderState.RECEIVED
        # It was looked at again, and is decided anew.
        visitor.submit(act)
        assert "Reject it: done." in visitor.submit(act)
    assert world.order().state is OrderState.CANCELLED


def test_act_that_the_order_no_longer_takes_is_refused_with_the_way_back(limited: Desk) -> None:
    with limited.visitor() as visitor:
        visitor.start()
        visitor.get("/orders/order-1/acts/approve")
        limited.world.api("POST", "/orders/order-1/reject", {"reason": "no"})
        text = visitor.submit("/orders/order-1/acts/approve", {"reason": "yes"}, status=400)
        assert "This cannot be done now: the order is cancelled." in text
        assert "'explode' is nothing that can be done" in visitor.get("/orders/order-1/acts/explode", status=404)


def test_refusal_of_the_api_is_shown_with_its_mend(limited: Desk) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(403, json={"message": "no"}) if request.method == "POST" else None

    with limited.visitor() as visitor:
        visitor.start()
        act = "/orders/order-1/acts/approve"
        visitor.get(act)
        visitor.submit(act, {"reason": "agreed"})
        visitor.transport.before = refuse
        text = visitor.submit(act, status=403)
        assert "These AWS credentials are not allowed to do that." in text
        assert "(read, operate or spend: docs/api.md)" in text


def test_unknown_outcome_says_that_it_must_not_be_repeated(limited: Desk) -> None:
    def lose(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            raise httpx.ReadTimeout("lost", request=request)
        return None

    with limited.visitor() as visitor:
        visitor.start()
        act = "/orders/order-1/acts/approve"
        visitor.get(act)
        visitor.submit(act, {"reason": "agreed"})
        visitor.transport.before = lose
        text = visitor.submit(act, status=502)
        assert "Sent, outcome unknown" in text
        assert "Do not repeat it." in text
        assert '<form method="post" action="/orders/' not in visitor.page


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"outcome": ""}, "Choose what became of the purchase."),
        ({"outcome": "placed_as", "placed_as": ""}, "Give the provider's id of the order."),
        ({"outcome": "placed_as", "placed_as": "987654"}, ""),
    ],
)
def test_resolution_that_does_not_do_is_told_at_its_field(
    world: World, visitor: Visitor, fields: dict[str, str], told: str
) -> None:
    unclear(world)
    act = "/orders/order-1/acts/resolve"
    visitor.get(act)
    if told:
        assert told in visitor.submit(act, {"reason": "looked", **fields}, status=400)
    else:
        visitor.submit(act, {"reason": "looked", **fields})
        text = visitor.submit(act, status=400)
        assert 'id="placed-as-fault"' in visitor.page
        assert 'value="987654"' in visitor.page
        assert "Say what became of the purchase" in text
    assert world.order().state is OrderState.UNKNOWN


def unclear(world: World) -> str:
    """Make an order whose purchase is unclear, and return the purchase."""
    world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    world.callfire.fault("create_order", "lose_answer")
    world.send(body("order-1", SEATTLE, provider="callfire"))
    world.deliver("place_order")
    assert world.order().state is OrderState.UNKNOWN
    return str(world.callfire.orders()[-1]["order_id"])


def test_unknown_purchase_is_resolved_by_its_id(world: World, visitor: Visitor) -> None:
    bought = unclear(world)
    act = "/orders/order-1/acts/resolve"
    assert "it is bought twice" in visitor.get(act)
    visitor.submit(act, {"reason": "It is in their portal.", "outcome": "placed_as", "placed_as": bought})
    assert "Say what became of the purchase: done." in visitor.submit(act)
    assert world.order().provider_order_id == bought


def test_purchase_that_was_not_made_is_cancelled(world: World, visitor: Visitor) -> None:
    unclear(world)
    act = "/orders/order-1/acts/resolve"
    visitor.get(act)
    visitor.submit(act, {"reason": "Nothing is there.", "outcome": "cancel"})
    visitor.submit(act)
    assert world.order().state is OrderState.CANCELLED


def test_order_is_cancelled_polled_and_erased(vetted: World, visitor: Visitor) -> None:
    visitor.get("/orders/order-1/acts/sync")
    assert "Poll now: done." in visitor.submit("/orders/order-1/acts/sync")
    act = "/orders/order-1/acts/cancel"
    visitor.get(act)
    visitor.submit(act, {"reason": "The office moved."})
    assert vetted.order().operations == ()
    visitor.submit(act)
    assert [each.kind.value for each in vetted.order().operations] == ["cancel"]
    vetted.pass_time(120, steps=4, sweep=True)
    assert vetted.order().state is OrderState.CANCELLED
    act = "/orders/order-1/acts/erase"
    visitor.get(act)
    visitor.submit(act, {"reason": "It was asked for."})
    assert vetted.order().erased_at is None
    visitor.submit(act)
    assert vetted.order().erased_at is not None


def test_number_is_released_after_it_was_written_and_asked_twice(world: World, visitor: Visitor) -> None:
    world.send(body())
    world.pass_time(3)
    first = world.order().assets[0].value
    visitor.get("/orders/order-1")
    assert f"/orders/order-1/acts/release?number=%2B{first[1:]}" in visitor.page
    act = "/orders/order-1/acts/release"
    visitor.get(act, number=first)
    assert f'value="{first}"' in visitor.page
    assert "exactly as the order shows it" in visitor.submit(act, {"reason": "unused", "number": ""}, status=400)
    visitor.submit(act, {"reason": "unused", "number": first})
    assert "Release a number: done." in visitor.submit(act)
    world.pass_time(120, steps=4, sweep=True)
    assert world.order().assets[0].released_at is not None


def test_webhooks_of_an_order_are_handled_again_after_they_were_shown(world: World, visitor: Visitor) -> None:
    world.send(body())
    world.pass_time(3)
    world.clear("SyncQueue")
    visitor.get("/orders/order-1")
    assert "1 webhook goes back" in visitor.submit("/orders/order-1/replay")
    assert world.peek("SyncQueue") == []
    assert "1 webhooks are handled again." in visitor.submit("/orders/order-1/replay")
    assert len(world.peek("SyncQueue")) == 1
