"""Hints read from CallFire's postbacks. The shapes are ours; see the reader."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.providers.base import Hint, NotAHintError
from numberdesk.providers.callfire.hints import read_hints
from numberdesk.providers.callfire.statuses import PHASES
from tests.support.imports import LAYER

SAMPLES = LAYER / "numberdesk" / "providers" / "callfire" / "samples"
NAMESPACES = 'xmlns="http://api.callfire.com/data" xmlns:n="http://api.callfire.com/notification/xsd"'


def _xml(order: str = "", root: str = "n:NumberOrderFinished") -> bytes:
    return f"<{root} {NAMESPACES}><n:SubscriptionId>1</n:SubscriptionId>{order}</{root}>".encode()


def test_xml_sample_names_its_order() -> None:
    body = (SAMPLES / "number-order-finished.xml").read_bytes()
    assert read_hints(body) == [
        Hint(
            webhook_id=f"sha256:{hashlib.sha256(body).hexdigest()}",
            webhook_type="NumberOrderFinished",
            provider_order_id="1428507003",
            reference=None,
            says_ended=True,
        )
    ]


def test_json_sample_names_its_order() -> None:
    [hint] = read_hints((SAMPLES / "number-order-finished.json").read_bytes())
    assert (hint.webhook_type, hint.provider_order_id, hint.says_ended) == (
        "NumberOrderNotification",
        "3833623003",
        True,
    )


def test_notification_about_something_else_names_no_order() -> None:
    [hint] = read_hints((SAMPLES / "text-notification.xml").read_bytes())
    assert (hint.webhook_type, hint.provider_order_id, hint.says_ended) == ("TextNotification", None, False)


def test_prefixes_do_not_matter() -> None:
    body = (
        b'<NumberOrderFinished xmlns="http://api.callfire.com/notification/xsd" xmlns:q="http://api.callfire.com/data">'
        b'<q:NumberOrder id="7"><q:Status>NEW</q:Status></q:NumberOrder></NumberOrderFinished>'
    )
    [hint] = read_hints(body)
    assert (hint.webhook_type, hint.provider_order_id, hint.says_ended) == ("NumberOrderFinished", "7", False)


def test_order_of_another_namespace_is_no_order() -> None:
    body = _xml().replace(b"<n:SubscriptionId>", b'<NumberOrder xmlns="urn:other" id="7"/><n:SubscriptionId>')
    [hint] = read_hints(body)
    assert hint.provider_order_id is None


@pytest.mark.parametrize(
    ("status", "says_ended"),
    [
        ("FINISHED", True),
        ("ERRORED", True),
        ("VOID", True),
        ("NEW", False),
        ("WAIT_FOR_PAYMENT", False),
        # An unknown status claims nothing; the notification's name does.
        ("MOONED", True),
        ("", True),
    ],
)
def test_claimed_end_comes_from_the_status_or_else_the_name(status: str, says_ended: bool) -> None:
    [hint] = read_hints(_xml(f'<NumberOrder id="7"><Status>{status}</Status></NumberOrder>'))
    assert hint.says_ended is says_ended


def test_unknown_event_claims_no_end() -> None:
    [hint] = read_hints(_xml('<NumberOrder id="7"/>', root="n:NumberOrderTouched"))
    assert (hint.webhook_type, hint.says_ended) == ("NumberOrderTouched", False)


def test_several_orders_are_several_hints_once_each() -> None:
    hints = read_hints(_xml('<NumberOrder id="7"/><NumberOrder id="8"/><NumberOrder id="7"/>'))
    assert [hint.provider_order_id for hint in hints] == ["7", "8"]


def test_too_many_orders_are_refused() -> None:
    with pytest.raises(NotAHintError):
        read_hints(_xml("".join(f'<NumberOrder id="{n}"/>' for n in range(11))))


@pytest.mark.parametrize("order_id", ["", "abc", "-1", "1 2", "9" * 21])
def test_invalid_order_id_is_left_out(order_id: str) -> None:
    [hint] = read_hints(_xml(f'<NumberOrder id="{order_id}"/>'))
    assert hint.provider_order_id is None


@pytest.mark.parametrize(
    "document",
    [
        {"NumberOrderNotification": None},
        {"NumberOrderNotification": {"NumberOrder": None}},
        {"NumberOrderNotification": {"NumberOrder": []}},
        {"NumberOrderNotification": {"NumberOrder": {"@id": None, "Status": None}}},
        {"NumberOrderNotification": {"NumberOrder": {"@id": {"deep": 1}}}},
        {"NumberOrderNotification": {"SubscriptionId": 1}},
        {},
    ],
)
def test_json_with_nulls_and_gaps_is_a_hint_without_an_order(document: object) -> None:
    [hint] = read_hints(json.dumps(document).encode())
    assert hint.provider_order_id is None


def test_invalid_event_name_is_not_passed_on() -> None:
    [hint] = read_hints(json.dumps({"a\nb": {"NumberOrder": {"@id": 7}}}).encode())
    assert (hint.webhook_type, hint.provider_order_id) == ("unknown", "7")


_BOMB = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>'
_EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<a>",
        b"<html><body>hello</body></html>",
        b"[]",
        b"{",
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        _xml('<NumberOrder id="7">\xff</NumberOrder>').decode().encode("latin-1"),
        _BOMB + _xml('<NumberOrder id="7">&y;</NumberOrder>'),
        _EXTERNAL + _xml('<NumberOrder id="7">&x;</NumberOrder>'),
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">' + _xml('<NumberOrder id="7"/>'),
    ],
)
def test_unreadable_body_is_not_a_hint(body: bytes) -> None:
    with pytest.raises(NotAHintError):
        read_hints(body)


def test_reason_contains_nothing_of_the_body() -> None:
    with pytest.raises(NotAHintError) as caught:
        read_hints(b"<secretvalue><secretvalue>")
    assert "secretvalue" not in str(caught.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["NumberOrder", "@id", "id", "Status"]) | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    body=st.one_of(
        st.binary(max_size=300),
        _json.map(lambda value: json.dumps(value).encode()),
        st.text(max_size=60).map(lambda text: _xml(f'<NumberOrder id="7"><Status>{text}</Status></NumberOrder>')),
        st.binary(max_size=20).map(lambda noise: _xml('<NumberOrder id="7">').replace(b"7", noise)),
    )
)
def test_only_not_a_hint_is_ever_raised(body: bytes) -> None:
    try:
        hints = read_hints(body)
    except NotAHintError:
        return
    assert hints
    assert all(hint.webhook_id == f"sha256:{hashlib.sha256(body).hexdigest()}" for hint in hints)


def test_every_published_status_is_known() -> None:
    assert set(PHASES) == {
        *("NEW", "PROCESSING", "FINISHED", "ERRORED", "VOID"),
        *("WAIT_FOR_PAYMENT", "ADJUSTED", "APPROVE_TIER_ONE", "APPROVE_TIER_TWO", "REJECTED"),
        *("PAYMENT_ERROR", "PARTIALLY_ADJUSTED", "ACH_ERROR", "PROCESSING_ACH"),
    }
