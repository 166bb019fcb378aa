"""Extreme instants and durations: every value accepted from an adapter or a sender can be used in all later arithmetic."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from numberdesk.api.models.desk import ConfirmRestore
from numberdesk.api.models.orders import OnIt
from numberdesk.domain import outcome, placing
from numberdesk.domain.clock import EARLIEST, LATEST, instant_text
from numberdesk.domain.durations import parse_duration
from numberdesk.domain.fold import Rules, fold, fold_unreadable
from numberdesk.domain.ledger import entries
from numberdesk.domain.lists import memberships
from numberdesk.domain.order import Order
from numberdesk.domain.request import InvalidMessageError, read_message
from numberdesk.domain.settings import Timings
from numberdesk.providers import registry
from numberdesk.providers.json_values import instant
from tests.support.orders import CADENCE, NOW, SCOPE, a_message, owing, pending

if TYPE_CHECKING:
    from numberdesk.domain.issues import ValidationIssue

_ZONES = sorted(available_timezones())
_EDGES = [
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999+00:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "1970-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999999Z",
    "2100-01-01T00:00:00Z",
]
_LAST = ["2000-01-01T00:00:00Z", "2000-01-01T14:00:00+14:00", "2099-12-31T23:59:59.999999Z"]
_WRITTEN = st.one_of(
    st.sampled_from(_EDGES + _LAST),
    st.datetimes().map(lambda it: it.isoformat() + "Z"),
    st.datetimes(datetime(1995, 1, 1), datetime(2105, 1, 1)).map(lambda it: it.isoformat()),  # noqa: DTZ001
    st.integers(-(10**15), 10**15),
    st.floats(),
    st.integers(0, 10**14).map(str),
)
_DURATIONS = st.one_of(
    st.sampled_from(["P366D", "PT1S", "P365DT23H59M59S", "P99999999D", "PT9999999999S", "P0D"]),
    st.integers(1, 10**10).map(lambda it: f"PT{it}S"),
)


def _lives(order: Order, zone: ZoneInfo, value: datetime) -> None:
    """Take an order with a deadline through everything that calculates with instants."""
    rules = Rules(Timings(), CADENCE)
    for at in (NOW, value - timedelta(days=1), value, value + timedelta(days=1)):
        first = fold(order, owing(value), began_at=at, now=at, rules=rules)
        then = fold(first.order, owing(value - timedelta(hours=1)), began_at=at, now=at, rules=rules)
        folded = fold_unreadable(then.order, began_at=at, now=at, rules=rules, retry_after=timedelta(days=1))
        for each in (first, then, folded):
            entries(each.order, each.changes, at, "test", zone)
        stored = folded.order.model_dump_json()
        assert Order.model_validate_json(stored) == folded.order
        assert len(instant_text(value)) == len(instant_text(NOW))
        memberships(folded.order)


@given(_WRITTEN, st.sampled_from(_ZONES), _DURATIONS)
def test_any_instant_read_from_a_provider_can_be_calculated_with(written: object, zone: str, reminder: str) -> None:
    value = instant(written)
    if value is not None:
        assert EARLIEST <= value < LATEST
        assert value.utcoffset() == timedelta(0)
        try:
            parse_duration(reminder)
        except ValueError:
            return
        _lives(pending(a_message(reminders=[reminder])), ZoneInfo(zone), value)


@given(_WRITTEN, st.sampled_from(_ZONES))
def test_any_instant_of_a_sender_can_be_calculated_with(written: object, zone: str) -> None:
    message: dict[str, Any] = {
        "order_id": "order-1",
        "provider": "callfire",
        "items": [{"criteria": {"city": "Seattle"}, "quantity": 2}],
        "requirements": [{"id": "r", "name": "Submission"}],
        "deadline": written,
    }
    issues: list[ValidationIssue] = []
    try:
        taken = read_message(json.dumps(message), registry.NAMES)
    except InvalidMessageError as error:
        issues = error.issues
    assert {issue.field for issue in issues} <= {"deadline"}
    if issues or taken.deadline is None:
        return
    order, _ = placing.receive(taken, reference=placing.reference_of(SCOPE, "order-1"), correlation_id="c", now=NOW)
    order = placing.begin(order, (), None, NOW, Timings(), content_lock=None)[0]
    _lives(outcome.placed(order, "po-1", "NEW", NOW)[0], ZoneInfo(zone), taken.deadline)


@pytest.mark.parametrize("written", _EDGES)
def test_instant_out_of_bounds_is_a_validation_issue_of_its_field(written: str) -> None:
    assert instant(written) is None
    message = {"order_id": "a", "provider": "callfire", "items": [{"keywords": ["SUN"]}], "deadline": written}
    with pytest.raises(InvalidMessageError) as caught:
        read_message(json.dumps(message), registry.NAMES)
    [issue] = caught.value.issues
    assert issue.field == "deadline"
    assert "year" in issue.message


@pytest.mark.parametrize(("wish", "name"), [(OnIt, "until"), (ConfirmRestore, "search_until")])
@pytest.mark.parametrize("written", _EDGES)
def test_instant_out_of_bounds_in_a_command_is_a_validation_issue(
    wish: type[BaseModel], name: str, written: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        wish.model_validate_json(json.dumps({name: written}))
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize("written", _LAST)
def test_last_instants_within_the_bounds_are_accepted(written: str) -> None:
    assert instant(written) is not None


@pytest.mark.parametrize(
    "written",
    [
        "2026-12-06T08:00:00Z",
        "2026-12-06T09:00:00+01:00",
        "2026-12-06 08:00:00 UTC",
        "20261206T080000Z",
        1796544000,
        1796544000.0,
        1796544000000,
        "1796544000",
        "1796544000000",
    ],
)
def test_instants_in_other_notations_are_read(written: object) -> None:
    assert instant(written) == datetime(2026, 12, 6, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "10 Mar 2026",
        "soon",
        "",
        "17965440",
        17965440,
        True,
        None,
        {},
        float("nan"),
        float("inf"),
        10**400,
        "1796544000.5x",
    ],
)
def test_invalid_instant_is_read_as_none(written: object) -> None:
    assert instant(written) is None


@pytest.mark.parametrize("name", ["read_timeout", "send_window", "settling", "doubt", "slot_patience"])
def test_durations_in_settings_are_bounded(name: str) -> None:
    with pytest.raises(ValidationError):
        Timings.model_validate({name: "P999999999D"})
