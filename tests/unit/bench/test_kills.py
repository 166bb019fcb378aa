"""The bench that kills functions sends what it claims, behaves as a carrier does, and counts correctly."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from bench import kills
from bench.kills import Carrier, Sent, counted_states, died_at_work, orders, state_of, twice_at_times
from local.records import Record
from numberdesk.domain.capabilities import check
from numberdesk.domain.change import Change
from numberdesk.domain.request import read_message
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers import registry
from tests.support.builders import entries, message, received

if TYPE_CHECKING:
    from pathlib import Path


def test_orders_are_valid_and_of_every_provider() -> None:
    made = orders(100)
    read = [read_message(json.dumps(each), registry.NAMES) for each in made]
    assert len({each.order_id for each in read}) == 100
    assert Counter(each.provider for each in read) == {"telnyx": 75, "telesign": 13, "callfire": 12}
    assert [issue for each in read for issue in check(each, registry.capabilities(each.provider))] == []


def test_some_webhooks_are_sent_twice_and_none_is_left_out() -> None:
    shots = [(f"e-{n}", b"{}") for n in range(80)]
    deck = twice_at_times(shots, 100, random.Random(1))
    assert len(deck) == 100
    assert {webhook_id for webhook_id, _ in deck} == {webhook_id for webhook_id, _ in shots}


@pytest.mark.parametrize(
    ("answers", "statuses"),
    [
        ([200], (200,)),
        ([502, 200], (502, 200)),
        ([0, 503, 429, 200], (0, 503, 429, 200)),
        ([502] * 9, (502, 502, 502, 502)),
    ],
)
def test_carrier_repeats_until_it_is_answered_200(
    monkeypatch: pytest.MonkeyPatch, answers: list[int], statuses: tuple[int, ...]
) -> None:
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        status = answers.pop(0)
        if status == 0:
            raise httpx.ReadTimeout("too late")
        return httpx.Response(status)

    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(kills, "transport", lambda: httpx.MockTransport(answer))
    over: list[int] = []
    [sent] = Carrier("http://127.0.0.1", lambda _: {}).send([("e-1", b"{}")], over.append)
    assert sent == Sent("e-1", statuses)
    assert sent.accepted is (200 in statuses)
    assert over == [1]
    assert [each for each in pauses if each >= 1] == [2.0, 4.0, 8.0][: len(statuses) - 1]


def test_runs_that_ended_with_their_process_are_counted_by_function(tmp_path: Path) -> None:
    log = tmp_path / "emulator.log"
    failed = "ESM: Lambda numberdesk-{} failed processing {} batch from q (errorType=Runtime.ExitError errorMessage={})"
    log.write_text(
        "\n".join(
            [
                failed.format("sync_order", "SQS", "Worker process died"),
                failed.format("sync_order", "SQS", "[Errno 32] Broken pipe"),
                failed.format("publish_changes", "DynamoDB stream", "Worker process died"),
                failed.format("place_order", "SQS", "Task timed out after 40.00 seconds"),
                "something else",
            ]
        )
    )
    assert died_at_work(log) == {"sync_order": 2, "publish_changes": 1}


def test_states_are_counted() -> None:
    assert counted_states({"a": "completed", "b": "pending", "c": "completed"}) == "completed: 2, pending: 1"


@pytest.mark.parametrize(("searching", "expected"), [(True, "unknown"), (False, "unknown, left to a person")])
def test_unknown_outcome_is_an_end_only_when_people_are_told(searching: bool, expected: str) -> None:
    order, _ = received(message())
    change = Change.of(
        ChangeKind.ORDER_UNKNOWN, {"from": "placing", "why": "no answer", "searching": searching, "look_for": "Look."}
    )
    unclear = order.with_(state=OrderState.UNKNOWN)
    assert state_of(Record(unclear, tuple(entries(unclear, change)), (), ())) == expected
