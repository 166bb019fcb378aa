"""What a webhook leads to: whose order it polls, once, and what is kept of it."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from numberdesk.domain.statuses import AssetState, OrderState
from numberdesk.providers import base
from numberdesk.services import erasing
from tests.support.desks import ADesk
from tests.support.orders import a_comment, a_message, a_snapshot, received

SECOND = timedelta(seconds=1)


def webhook(event_id: str = "e-1", provider_order_id: str = "po-1", status: str = "pending", **more: Any) -> bytes:
    payload = {"id": provider_order_id, "record_type": "number_order", "status": status, **more}
    data = {"id": event_id, "event_type": "number_order.complete", "record_type": "event", "payload": payload}
    return json.dumps({"data": data}).encode()


def take_in(desk: ADesk, body: bytes, at: datetime, *, kind: str = "webhook", account: str = "default") -> None:
    sent = {
        "provider": "telnyx",
        "account": account,
        "key": "00ff",
        "received_at": at.isoformat(),
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "body": base64.b64encode(body).decode(),
    }
    desk.syncer.handle({kind: sent})


@pytest.fixture
def desk() -> ADesk:
    """Return a desk with an order that was polled a minute ago."""
    made = ADesk()
    made.place()
    made.wake()
    made.time += timedelta(minutes=1)
    return made


def polls(desk: ADesk) -> int:
    return len(desk.carrier.named("observe"))


def test_webhook_leads_to_one_poll_however_often_it_comes(desk: ADesk) -> None:
    before = polls(desk)
    for _ in range(5):
        take_in(desk, webhook(), desk.time)
        desk.time += timedelta(minutes=1)
    assert polls(desk) == before + 1


def test_test_webhook_never_hides_a_genuine_one(desk: ADesk) -> None:
    before = polls(desk)
    take_in(desk, webhook(), desk.time, kind="test_webhook")
    desk.time += timedelta(minutes=1)
    take_in(desk, webhook(), desk.time)
    assert polls(desk) == before + 2
    kept = [each.webhook_id for owner, each in desk.store.webhooks if owner == "order-1"]
    assert len(kept) == len(set(kept)) == 2
    assert sorted(each.is_test for _, each in desk.store.webhooks) == [False, True]


@pytest.mark.parametrize(("late", "more"), [(-SECOND, 0), (0 * SECOND, 1), (SECOND, 1)])
def test_webhook_from_before_a_poll_is_covered_by_it(desk: ADesk, late: timedelta, more: int) -> None:
    before, began = polls(desk), desk.order.poll_began_at
    assert began is not None
    take_in(desk, webhook(), began + late)
    assert polls(desk) == before + more
    assert desk.store.receipt("order-1", "e-1") is not None


def test_webhook_of_an_end_is_polled_although_a_poll_just_before_it_showed_none(desk: ADesk) -> None:
    before, began = polls(desk), desk.order.poll_began_at
    assert began is not None
    take_in(desk, webhook(status="success"), began - SECOND)
    assert polls(desk) == before + 1


def test_webhook_of_one_account_polls_no_order_of_another(desk: ADesk) -> None:
    before = polls(desk)
    take_in(desk, webhook("e-2"), desk.time, account="second")
    take_in(desk, webhook("e-3", "po-9", customer_reference=desk.order.reference), desk.time, account="second")
    assert polls(desk) == before
    assert desk.counted["UnmatchedWebhooks", None] == 2


def test_webhook_finds_its_order_by_the_reference_too(desk: ADesk) -> None:
    sent = a_message(order_id="order-2")
    other = received(sent)
    desk.store.create(other, sent, [])
    take_in(desk, webhook("e-4", "po-9", customer_reference=other.reference), desk.time)
    assert [owner for owner, _ in desk.store.webhooks] == ["order-2"]
    assert desk.counted["UnmatchedWebhooks", None] == 0


def test_nothing_personal_comes_back_to_an_erased_order(desk: ADesk) -> None:
    order = desk.order.with_(state=OrderState.COMPLETED, ended_at=desk.time, erased_at=desk.time)
    desk.store.orders["order-1"] = order
    desk.carrier.snapshot = a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE)._replace(comments=(a_comment(),))
    take_in(desk, webhook("e-5"), desk.time)
    assert [each.body for _, each in desk.store.webhooks if each.webhook_id == "e-5"] in ([None], [])
    assert desk.store.comments == {}
    assert desk.order.erased_at is not None


def test_webhook_that_cannot_be_read_is_kept_with_the_reason(desk: ADesk) -> None:
    take_in(desk, b"not JSON", desk.time)
    [(owner, kept)] = desk.store.webhooks
    assert (owner, kept.body) == (None, b"not JSON")
    assert kept.reason
    assert desk.counted["UnmatchedWebhooks", None] == 1


@pytest.mark.parametrize("error", [base.UnreadableError("503"), base.NoSuchOrderError("404")])
def test_poll_that_reads_nothing_is_recorded_and_tried_again(desk: ADesk, error: Exception) -> None:
    desk.carrier.fails["observe"] = [error]
    take_in(desk, webhook(), desk.time)
    assert desk.order.unreadable_since == desk.time
    assert desk.counted["PollsFailed", None] == 1
    assert desk.order.wake_at is not None
    assert desk.order.wake_at <= desk.time + timedelta(seconds=2), "a webhook asked for it"


def test_erasing_takes_the_metadata_too_and_is_repeated(desk: ADesk) -> None:
    order = desk.order.with_(metadata_key="team/a")
    erased, change = erasing.mark_erased(order, "ada", desk.time)
    assert (erased.metadata_key, erased.erased_at) == (None, desk.time)
    assert erased.erasures_due == tuple(desk.time + later for later in erasing.AGAIN)
    assert change.data["by"] == "ada"


def test_order_with_nothing_to_poll_is_woken_once() -> None:
    desk = ADesk()
    now = desk.time
    over = received().with_(state=OrderState.CANCELLED, ended_at=now, next_poll_at=now, hint_polls=(now,), wake_at=now)
    desk.store.orders["order-1"] = over
    desk.wake()
    assert (desk.order.wake_at, desk.order.next_poll_at, desk.order.hint_polls) == (None, None, ())
    assert polls(desk) == 0


def test_stale_wake_polls_nothing(desk: ADesk) -> None:
    before = polls(desk)
    stale = desk.time - timedelta(days=1)
    desk.syncer.handle({"wake": {"order_id": "order-1", "wake_at": stale.isoformat()}})
    assert polls(desk) == before
