from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from local.simulators.clock import Clock
from numberdesk.api.models.base import PathNumber
from numberdesk.api.models.desk import WebhookView
from numberdesk.api.models.orders import GiveBack, OrderView
from numberdesk.domain.gate import Gate
from numberdesk.domain.lists import metadata_key
from numberdesk.domain.order import Asset, Hold
from numberdesk.domain.statuses import AssetState, HoldKind
from numberdesk.services.paging import Tokens
from numberdesk.services.ports import KeptWebhook, Webhook
from numberdesk.services.problems import Problem, ProblemError
from numberdesk.services.reading import Reading, Wanted
from tests.support.builders import START, entries, message, received
from tests.support.functions import DeskClock
from tests.support.memory_store import MemoryStore

TOKENS = Tokens(lambda: b"key")


@dataclass
class Desk:
    store: MemoryStore
    reading: Reading

    def receive(self, order_id: str, **fields: Any) -> None:
        sent = message(order_id, **fields)
        order, changes = received(sent)
        order = order.with_(metadata_key=metadata_key(fields["metadata"]["team"]))
        assert self.store.create(order, sent, entries(order, *changes))


@pytest.fixture
def desk() -> Desk:
    store = MemoryStore()
    return Desk(store, Reading(store, DeskClock(Clock(START)), TOKENS, "team"))


@pytest.mark.parametrize(
    ("stored", "asked"),
    [(7, "7"), ("4711", "4711"), ("red", "red"), (True, "true"), ("true", "true"), ("null", "null"), ("1.5", "1.5")],
)
def test_orders_are_listed_by_the_exact_value_of_the_listed_key(desk: Desk, stored: object, asked: str) -> None:
    desk.receive("order-1", metadata={"team": stored})
    desk.receive("order-2", metadata={"team": "other"})
    page = desk.reading.orders(Wanted(metadata=asked), limit=10, token=None)
    assert [order.order_id for order in page.items] == ["order-1"]


@given(st.text(min_size=1), st.text())
def test_token_is_valid_for_its_own_list(place: str, listing: str) -> None:
    token = TOKENS.page(listing, (), place).after
    assert TOKENS.place(listing, token) == place
    for other in (Tokens(lambda: b"another key"), TOKENS):
        with pytest.raises(ProblemError) as caught:
            other.place(listing + "x" if other is TOKENS else listing, token)
        assert (caught.value.problem, caught.value.issues[0].field) == (Problem.INVALID, "next")


def test_half_a_character_makes_no_token() -> None:
    with pytest.raises(ProblemError) as caught:
        TOKENS.place("orders", "YQ.\ud800")
    assert caught.value.problem is Problem.INVALID


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(ProblemError):
        TOKENS.place("open", text)


def keep(store: MemoryStore, number: int, body: bytes | None) -> None:
    event = Webhook(
        webhook_id=f"event-{number}",
        provider="telnyx",
        account="default",
        received_at=START + timedelta(seconds=number),
        body_sha256=hashlib.sha256(body or b"").hexdigest(),
        body=body,
    )
    store.keep_webhook(event, None, expires_at=START + timedelta(days=30))


def test_page_of_webhooks_fits_into_a_response_and_the_next_continues(desk: Desk) -> None:
    for number in range(9):
        keep(desk.store, number, b"x" * 256 * 1024)
    seen, token, pages = [], None, 0
    while pages == 0 or token:
        page = desk.reading.unmatched(date(2026, 11, 22), limit=100, token=token)
        assert 1 <= len(page.items) <= 2
        seen += [kept.webhook.webhook_id for kept in page.items]
        token, pages = page.after, pages + 1
    assert (seen, pages) == ([f"event-{number}" for number in range(9)], 5)


@pytest.mark.parametrize(
    ("body", "document", "text"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}, None),
        (b"<Notification/>", None, "<Notification/>"),
        (b"\xff\xfe", None, None),
        (None, None, None),
        (b'{"a": NaN}', None, '{"a": NaN}'),
        (b"1e999", None, "1e999"),
        (b"[" * 2000, None, "[" * 2000),
        (b'"\\ud800"', None, '"\\ud800"'),
    ],
)
def test_webhook_is_shown_in_its_own_form(body: bytes | None, document: object, text: str | None) -> None:
    event = Webhook("e", "telnyx", "default", datetime(2026, 11, 22, tzinfo=UTC), "", body=body)
    view = WebhookView.of(KeptWebhook("place", event))
    assert (view.document, view.text) == (document, text)
    assert view.model_dump(mode="json")["document"] == document


def many(store: MemoryStore, *states: AssetState) -> None:
    """Make an order of this many numbers."""
    order = store.orders["order-1"]
    numbers = tuple(
        Asset(value=f"+1312555{place:04}", state=state, provider_status=state.value)
        for place, state in enumerate(states)
    )
    store.commit(order, order.with_(version=order.version + 1, assets=numbers), ())


def test_order_of_ten_thousand_numbers_shows_the_first_and_counts_all(desk: Desk) -> None:
    desk.receive("order-1", metadata={"team": 7})
    many(desk.store, *[AssetState.ACTIVE] * 9_990, *[AssetState.FAILED] * 10)
    view = OrderView.of(desk.reading.order("order-1"))
    assert [asset.value for asset in view.assets] == [f"+1312555{place:04}" for place in range(100)]
    assert view.asset_count == 10_000
    assert view.model_dump(mode="json")["assets_by_state"] == {"active": 9_990, "failed": 10}


def test_numbers_that_change_state_between_pages_move_no_others(desk: Desk) -> None:
    desk.receive("order-1", metadata={"team": 7})
    many(desk.store, *[AssetState.PENDING] * 7)
    seen, token = [], None
    for _ in range(3):
        page = desk.reading.numbers("order-1", AssetState.PENDING, limit=2, token=token)
        seen += [item.value[-1] for item in page.items]
        token = page.after
        many(desk.store, *[AssetState.ACTIVE] * 2, *[AssetState.PENDING] * 5)
    assert (seen, token) == (["0", "1", "2", "3", "4", "5"], page.after)
    rest = desk.reading.numbers("order-1", AssetState.PENDING, limit=2, token=token)
    assert ([item.value[-1] for item in rest.items], rest.after) == (["6"], None)


def test_order_held_for_the_switch_shows_the_current_reason_once(desk: Desk) -> None:
    desk.receive("order-1", metadata={"team": 7})
    order = desk.store.orders["order-1"]
    why = "placing is switched off by alice: another time"
    held = order.with_(version=2, waiting_for=why, hold=Hold(kind=HoldKind.SWITCH, why=why, since=START))
    desk.store.commit(order, held, ())
    assert desk.reading.order("order-1").waiting_for == why
    by = "arn:aws:sts::123456789012:assumed-role/desk/bob"
    desk.store.switch = Gate(version=2, open=False, reason="this time", by=by, table_id=desk.store.table)
    assert desk.reading.order("order-1").waiting_for == "placing is switched off by bob: this time"
    # A poll does not write what is shown.
    assert desk.store.orders["order-1"].waiting_for == why


@pytest.mark.parametrize("written", ["+4930901820", " 4930901820", "4930901820"])
def test_number_in_a_path_is_the_same_in_every_encoding_of_its_plus(written: str) -> None:
    value = TypeAdapter(PathNumber).validate_python(written)
    assert GiveBack(confirm="+4930901820").confirmed(value) == "+4930901820"


@pytest.mark.parametrize("written", ["", "+", "49+30", "a/b", "%2F", "%2B4930901820", "x" * 65, "4930901820\n"])
def test_invalid_number_or_keyword_in_a_path_is_none(written: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PathNumber).validate_python(written)
