"""Webhooks that were kept are handled again: as what they were, and only if they are wanted."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from numberdesk.services.dead_letters import MAX_MOVED, DeadLetterDesk
from numberdesk.services.ports import Webhook
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_message, received


def kept(desk: ADesk, *webhook_ids: str, order_id: str | None = "order-1", body: bytes | None = b"{}") -> None:
    for index, webhook_id in enumerate(webhook_ids):
        at = NOW + timedelta(seconds=index)
        webhook = Webhook(webhook_id, "telnyx", "default", at, "00ff", body=body)
        desk.store.keep_webhook(webhook, order_id, expires_at=NOW + timedelta(days=90))


@pytest.fixture
def desk() -> ADesk:
    made = ADesk()
    made.store.create(received(), a_message(), [])
    return made


def dead_letters(desk: ADesk) -> DeadLetterDesk:
    return DeadLetterDesk(desk.store, desk.sync_queue, {})


def sent(desk: ADesk) -> list[dict[str, Any]]:
    return [message for message, _, _ in desk.sync_queue.messages]


def test_test_webhook_is_replayed_as_a_test_and_a_genuine_one_as_genuine(desk: ADesk) -> None:
    kept(desk, "event-1", "test:event-2")
    replayed = dead_letters(desk).replay("order-1", None, dry_run=False)
    assert replayed.webhook_ids == ("event-1", "test:event-2")
    assert [list(message) for message in sent(desk)] == [["webhook"], ["test_webhook"]]
    assert {base64.b64decode(message[name]["body"]) for message in sent(desk) for name in message} == {b"{}"}


def test_dry_run_says_the_same_and_sends_nothing(desk: ADesk) -> None:
    kept(desk, "event-1", "event-2")
    dry = dead_letters(desk).replay("order-1", {"event-2"}, dry_run=True)
    assert (dry.dry_run, dry.webhook_ids, sent(desk)) == (True, ("event-2",), [])
    assert dead_letters(desk).replay("order-1", {"event-2"}, dry_run=False).webhook_ids == dry.webhook_ids
    assert len(sent(desk)) == 1


def test_webhook_without_its_body_is_skipped(desk: ADesk) -> None:
    kept(desk, "event-1", body=None)
    replayed = dead_letters(desk).replay("order-1", None, dry_run=False)
    assert (replayed.webhook_ids, replayed.skipped, sent(desk)) == ((), ("event-1",), [])


def test_nothing_is_replayed_if_one_that_is_named_is_missing(desk: ADesk) -> None:
    kept(desk, "event-1")
    for order_id, named in (("order-1", {"event-1", "event-9"}), ("order-9", None)):
        with pytest.raises(ProblemError) as missing:
            dead_letters(desk).replay(order_id, named, dry_run=False)
        assert missing.value.problem is Problem.NOT_FOUND
    assert sent(desk) == []


@pytest.mark.parametrize(("count", "more"), [(MAX_MOVED, False), (MAX_MOVED + 1, True)])
def test_request_replays_up_to_its_bound_and_says_if_there_are_more(desk: ADesk, count: int, *, more: bool) -> None:
    ids = [f"event-{index:03}" for index in range(count)]
    kept(desk, *ids)
    replayed = dead_letters(desk).replay("order-1", None, dry_run=False)
    assert (len(replayed.webhook_ids), replayed.more) == (MAX_MOVED, more)
    # One that is named is found wherever it is.
    assert dead_letters(desk).replay("order-1", {ids[-1]}, dry_run=True).webhook_ids == (ids[-1],)


def test_webhooks_of_no_order_are_replayed_by_their_day(desk: ADesk) -> None:
    kept(desk, "event-1", order_id=None)
    kept(desk, "event-2")
    assert dead_letters(desk).replay_unmatched(NOW.date(), None, dry_run=False).webhook_ids == ("event-1",)
    tomorrow = NOW.date() + timedelta(days=1)
    assert dead_letters(desk).replay_unmatched(tomorrow, None, dry_run=False).webhook_ids == ()
