"""Builders of orders and snapshots, with defaults for everything that a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from numberdesk.domain import messages, outcome, placing
from numberdesk.domain.fold import Folded, Rules, fold
from numberdesk.domain.order import SubOrder
from numberdesk.domain.request import OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import AssetSeen, CommentSeen, DeadlinesSeen, RequirementSeen, Snapshot, SubOrderSeen
from numberdesk.domain.statuses import AssetKind, AssetState, Phase, RequirementState

if TYPE_CHECKING:
    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order
    from numberdesk.domain.statuses import ChangeKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CADENCE = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 60, 300, 900, 3600))
RULES = Rules(Timings(), CADENCE)
ZONE = ZoneInfo("Europe/Berlin")
GERMAN = SubOrder(id="s-1", provider_status="pending", country="DE", number_type="local")
SCOPE = "000000000000/eu-central-1/numberdesk"


def a_message(**changes: Any) -> OrderMessage:
    """Return an order message for two German local numbers at Telnyx."""
    fields: dict[str, Any] = {
        "order_id": "order-1",
        "provider": "telnyx",
        "items": [{"criteria": {"country": "DE"}, "quantity": 2}],
        "reminders": ["P3D", "P1D", "PT1H"],
    }
    return OrderMessage.model_validate({**fields, **changes})


def received(message: OrderMessage | None = None) -> Order:
    """Return an order that was just received."""
    message = message or a_message()
    reference = placing.reference_of(SCOPE, message.order_id)
    return placing.receive(message, reference=reference, correlation_id="c-1", now=NOW)[0]


def chosen(*values: str) -> tuple[AssetSeen, ...]:
    """Return the numbers named in a purchase."""
    return tuple(AssetSeen(AssetKind.NUMBER, value, AssetState.PENDING, "chosen", country="DE") for value in values)


def in_placing(message: OrderMessage | None = None) -> Order:
    """Return an order whose intent is written."""
    return placing.begin(
        received(message), chosen("+4930111", "+4930222"), None, NOW, RULES.timings, content_lock=None
    )[0]


def pending(message: OrderMessage | None = None) -> Order:
    """Return an order that was bought."""
    return outcome.placed(in_placing(message), "po-1", "pending", NOW)[0]


def numbers(*states: AssetState, sub_order: str = "s-1") -> tuple[AssetSeen, ...]:
    """Return the order's numbers, in these states."""
    values = ("+4930111", "+4930222", "+4930333")
    return tuple(
        AssetSeen(AssetKind.NUMBER, value, state, state.value, f"id-{value}", sub_order, "DE", "local")
        for value, state in zip(values, states, strict=False)
    )


def a_snapshot(*states: AssetState, **changes: Any) -> Snapshot:
    """Return what Telnyx shows with the numbers in these states."""
    fields: dict[str, Any] = {
        "provider_order_id": "po-1",
        "phase": Phase.OPEN,
        "provider_status": "pending",
        "assets": numbers(*states),
        "lists_every_asset": True,
        "sub_orders": (SubOrderSeen("s-1", "pending", "DE", "local"),),
    }
    return Snapshot(**{**fields, **changes})


def owing(
    deadline: datetime | None, state: RequirementState = RequirementState.AWAITING_VALUE, **changes: Any
) -> Snapshot:
    """Return what Telnyx shows with a requirement in this state, and its deadline."""
    asset = AssetState.UNDER_REVIEW if state is RequirementState.UNDER_REVIEW else AssetState.ACTION_REQUIRED
    fields: dict[str, Any] = {
        "requirements": (RequirementSeen("r-1", "s-1", state, state.value, 2, "Proof of address", "document"),),
        "deadlines": (DeadlinesSeen("s-1", ((deadline, 2),) if deadline else ()),),
    }
    return a_snapshot(asset, asset, **{**fields, **changes})


def a_comment(comment_id: str = "c-1", body: str = "The document cannot be read.", at: datetime = NOW) -> CommentSeen:
    """Return a reviewer's comment."""
    return CommentSeen(comment_id, "s-1", body, by_provider=True, at=at)


def poll(
    order: Order, snapshot: Snapshot, at: datetime = NOW, *, says_ended: bool = False, unannounced: bool = False
) -> Folded:
    """Fold a poll that began and ended at one instant."""
    return fold(order, snapshot, began_at=at, now=at, rules=RULES, says_ended=says_ended, unannounced=unannounced)


def only(folded: Folded, kind: ChangeKind) -> Change:
    """Return the only change of a kind."""
    [change] = [change for change in folded.changes if change.kind is kind]
    return change


def said(change: Change, order: Order | None = None, now: datetime = NOW) -> str:
    """Return the text that people get for a change."""
    return messages.render(order or pending().with_(sub_orders=(GERMAN,)), change, now, ZONE)


def kinds(folded: Folded) -> list[str]:
    """Return the kinds of the changes."""
    return [change.kind.value for change in folded.changes]
