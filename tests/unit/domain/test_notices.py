"""Each event is in exactly one message to people, and SNS accepts every message."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import notices
from numberdesk.domain.statuses import EVENTS, HoldKind
from tests.support.builders import START

MAX_SNS_TAKES = 262_144
TEXTS = st.one_of(
    st.text(max_size=80), st.just("a \ud800"), st.integers(0, 120_000).map(lambda size: "\N{SNOWMAN}" * size)
)
"""The longest are more bytes than SNS takes, and half a character is none."""


@st.composite
def events(draw: st.DrawFn) -> str:
    """Draw an event as the bus delivers it, or one drawn before."""
    order_id = draw(st.one_of(st.none(), st.text(max_size=70), st.sampled_from(["a", "b"])))
    account = draw(st.sampled_from([None, "default", "second"]))
    detail: dict[str, Any] = {
        "id": str(draw(st.integers(0, 9))),
        "at": START.isoformat(),
        "order_id": order_id,
        "provider": account and "telnyx",
        "account": account,
        "data": draw(
            st.sampled_from([{}, {"hold": HoldKind.LIMIT}, {"deadline": START.isoformat()}, {"deadline": None}])
        ),
        "message": draw(TEXTS),
    }
    return json.dumps({"detail-type": draw(st.sampled_from([*sorted(EVENTS), "SomethingNew"])), "detail": detail})


@given(st.lists(events(), min_size=1, max_size=20))
def test_every_event_is_in_exactly_one_message_that_sns_accepts(texts: list[str]) -> None:
    read = [notices.read(text) for text in texts]
    mails = list(notices.mails(read))
    assert Counter(each.id for mail in mails for each in mail.notices) == Counter({each.id for each in read})
    for mail in mails:
        assert re.fullmatch(r"[A-Z][ -~]{0,98}", mail.subject)
        assert 0 < len(mail.text.encode()) <= MAX_SNS_TAKES
        assert mail.text.strip()
        assert len({(each.kind, each.part) for each in mail.notices}) == 1
        for notice in mail.notices:
            assert notice.text in mail.text
            assert len(mail.notices) == 1 or notice.about in mail.text
    kinds = Counter((mail.notices[0].kind, mail.notices[0].part) for mail in mails)
    if sum(len(each.text.encode()) + len(each.about) for each in read) < notices.MAX_BYTES // 2:
        assert max(kinds.values()) == 1


def an_event(kind: str, message: str = "It is so.", **detail: Any) -> notices.Notice:
    known: dict[str, Any] = {
        "id": str(detail),
        "at": START.isoformat(),
        "order_id": None,
        "provider": None,
        "account": None,
        "data": {},
    }
    return notices.read(json.dumps({"detail-type": kind, "detail": known | detail | {"message": message}}))


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        ([an_event("OrderHeld", order_id="a")], "Order held: a"),
        ([an_event("OrderHeld", order_id="a"), an_event("OrderHeld", order_id="b")], "Order held: 2 orders"),
        (
            [an_event("CommentReceived", order_id="a", id="1"), an_event("CommentReceived", order_id="a", id="2")],
            "Comment received: a, 2 messages",
        ),
        (
            [an_event("CommentReceived", order_id=each, id=each + n) for each in "ab" for n in "12"],
            "Comment received: 2 orders, 4 messages",
        ),
        ([an_event("InventoryDiffers", provider="telnyx", account="x")], "Inventory differs: telnyx/x"),
        (
            [an_event("ProviderAccountBlocked", provider="telnyx", account=each) for each in "ab"],
            "Provider account blocked: 2 accounts",
        ),
        ([an_event("OrderRefused")], "Order refused"),
        ([an_event("OrderRefused", id=each) for each in "abc"], "Order refused: 3 messages"),
        ([an_event("OrderFailed", order_id="\u00fc\n" * 70)], "Order failed: " + "??" * 42 + "?"),
    ],
)
def test_subject_names_kind_and_count(told: list[notices.Notice], subject: str) -> None:
    assert notices.mail(told).subject == subject


def test_event_without_a_text_uses_the_subject_as_text() -> None:
    assert notices.mail([an_event("OrderHeld", " \n", order_id="a")]).text == "Order held: a"


def test_thousand_orders_take_as_few_messages_as_sns_allows() -> None:
    read = [
        an_event("OrderHeld", f"Order {n} is held. " + "x" * 350, order_id=f"order-{n:060}", id=str(n))
        for n in range(1000)
    ]
    mails = list(notices.mails(read))
    assert len(mails) == 3
    named = [name for mail in mails for name in mail.text.split("\n\n")[1].split(", ")]
    assert named == [each.about for each in read]
