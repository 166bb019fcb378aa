"""Hints read from Telnyx's webhooks."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.providers.base import Hint, NotAHintError
from numberdesk.providers.telnyx.hints import read_hints
from tests.support.imports import LAYER

SAMPLES = LAYER / "numberdesk" / "providers" / "telnyx" / "samples"
ORDER = "e3dcb7d4-4f0b-4800-bd9f-b04cc684a82f"


def _read(**changes: Any) -> Hint:
    data = {
        "event_type": "number_order.complete",
        "id": "event-1",
        "occurred_at": "2024-09-13T09:12:21+00:00",
        "payload": {"id": ORDER, "record_type": "number_order", "status": "success"},
    }
    [hint] = read_hints(json.dumps({"data": data | changes}).encode())
    return hint


def test_sample_with_nulls_is_read() -> None:
    assert read_hints((SAMPLES / "number_order.complete.json").read_bytes()) == [
        Hint(
            webhook_id="da5ddb44-4eda-45f0-b8a7-913a4092eccc",
            webhook_type="number_order.complete",
            provider_order_id=ORDER,
            reference=None,
            says_ended=True,
            occurred_at=datetime(2024, 9, 13, 9, 12, 21, 140324, UTC),
        )
    ]


def test_cancelled_order_is_read_with_its_reference() -> None:
    [hint] = read_hints((SAMPLES / "number_order.complete-cancelled.json").read_bytes())
    assert hint.reference == "0b0f2f0e-6c1c-5d0e-9a39-6f2f6b2a4f3d"
    assert hint.says_ended


def test_event_of_another_kind_of_order_names_none_of_ours() -> None:
    [hint] = read_hints((SAMPLES / "advanced_order.status_update.json").read_bytes())
    assert (hint.webhook_type, hint.provider_order_id, hint.says_ended) == ("advanced_order.status_update", None, False)


@pytest.mark.parametrize(
    ("status", "says_ended"),
    [
        ("success", True),
        ("failure", True),
        ("cancelled", True),
        ("deleted", True),
        ("partial_success", True),
        (None, True),
        ([], True),
        ("pending", False),
    ],
)
def test_complete_claims_an_end_unless_the_order_is_pending(status: object, says_ended: bool) -> None:
    assert _read(payload={"id": ORDER, "record_type": "number_order", "status": status}).says_ended is says_ended


@pytest.mark.parametrize(
    ("status", "says_ended"), [("success", True), ("cancelled", True), ("new_word", False), (None, False)]
)
def test_other_event_of_an_order_claims_an_end_by_its_status(status: str | None, says_ended: bool) -> None:
    hint = _read(event_type="number_order.status_updated", payload={"id": ORDER, "status": status})
    assert (hint.webhook_type, hint.provider_order_id) == ("number_order.status_updated", ORDER)
    assert hint.says_ended is says_ended


@pytest.mark.parametrize(
    ("payload", "order_id"),
    [
        ({"id": "sub-1", "record_type": "sub_number_order", "order_request_id": ORDER, "status": "success"}, ORDER),
        ({"id": "n-1", "record_type": "number_order_phone_number", "order_request_id": ORDER}, ORDER),
        ({"id": "group-1", "record_type": "requirement_group", "status": "approved"}, None),
        ({"number_order_id": ORDER}, ORDER),
        ({"id": "whatever"}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_unknown_event_leads_to_an_order_only_by_an_order_id(payload: object, order_id: str | None) -> None:
    hint = _read(event_type="requirement_group.status_updated", payload=payload)
    assert hint.provider_order_id == order_id
    assert not hint.says_ended


@pytest.mark.parametrize("webhook_id", [None, 7, "", "x" * 257, "line\nbreak", "\ud800"])
def test_event_without_a_usable_id_is_identified_by_its_body(webhook_id: object) -> None:
    body = json.dumps({"data": {"id": webhook_id}}).encode()
    assert read_hints(body) == [
        Hint(f"sha256:{hashlib.sha256(body).hexdigest()}", "unknown", None, None, says_ended=False)
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-09-13T09:12:21.140324Z", datetime(2024, 9, 13, 9, 12, 21, 140324, UTC)),
        ("2024-09-13T11:12:21+02:00", datetime(2024, 9, 13, 9, 12, 21, tzinfo=UTC)),
        ("2024-09-13T09:12:21", datetime(2024, 9, 13, 9, 12, 21, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("yesterday", None),
        (1726218741, datetime(2024, 9, 13, 9, 12, 21, tzinfo=UTC)),
        (None, None),
    ],
)
def test_dates_are_read_in_both_forms(written: object, read: datetime | None) -> None:
    assert _read(occurred_at=written).occurred_at == read


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"secret-value",
        b"\xff\xfe\x00",
        '{"data": {}}'.encode("utf-16"),
        b"[" * 100_000,
        b"7" * 10_000,
        b"[]",
        b"null",
        b'{"data": null}',
        b'{"data": []}',
        b'{"event_type": "number_order.complete"}',
        b'{"data": {"id": "x"}',
    ],
)
def test_body_without_an_event_is_not_a_hint(body: bytes) -> None:
    with pytest.raises(NotAHintError) as caught:
        read_hints(body)
    assert "secret-value" not in str(caught.value)
    assert caught.value.__cause__ is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
_NAMES = ("event_type", "id", "occurred_at", "payload")
_PAYLOAD_NAMES = ("id", "record_type", "status", "order_request_id", "number_order_id", "customer_reference")


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_random_input_is_a_hint_or_none_and_nothing_else(body: bytes) -> None:
    try:
        hints = read_hints(body)
    except NotAHintError:
        return
    assert len(hints) == 1


@given(
    data=st.dictionaries(st.sampled_from(_NAMES), _JSON),
    payload=st.dictionaries(st.sampled_from(_PAYLOAD_NAMES), _JSON | st.just("number_order")),
)
def test_every_shape_of_an_event_is_read(data: dict[str, Any], payload: dict[str, Any]) -> None:
    [hint] = read_hints(json.dumps({"data": {"payload": payload} | data}).encode())
    for value in (hint.webhook_id, hint.webhook_type, hint.provider_order_id, hint.reference):
        # Parts of a key must be storable and short.
        assert value is None or 0 < len(value.encode()) <= 4 * 256


def test_order_id_that_is_an_integer_is_read() -> None:
    assert _read(payload={"id": 17, "record_type": "number_order"}).provider_order_id == "17"
