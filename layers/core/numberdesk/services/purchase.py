"""Record a purchase whose id is known. It is known whatever becomes of the table: as a last resort the id goes to SyncQueue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.domain import outcome
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.statuses import OrderState
from numberdesk.providers import registry
from numberdesk.providers.base import Placed
from numberdesk.services.log import what_broke
from numberdesk.services.ports import ClaimedError

if TYPE_CHECKING:
    from datetime import timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order
    from numberdesk.services.desk import Desk


def keep(desk: Desk, order: Order, placed: Placed, *, until: timedelta, actor: str) -> None:
    """Record a purchase, or hand its id on.

    Args:
        desk: the ports.
        order: as it was when it was bought.
        placed: what the provider said.
        until: for how long others that write the order are met again and again.
        actor: who records it.

    Raises:
        Exception: it could be neither recorded nor handed on. The message comes again, and buys nothing: the order is looked for.
    """
    attempt = order.attempt.number if order.attempt else 0
    try:
        record(desk, order, placed, attempt, until=until, actor=actor)
    except Exception as error:  # noqa: BLE001 - whatever it is, the id must not be lost
        desk.log.error("a purchase could not be recorded", extra=what_broke(error))  # noqa: TRY400 - without its text
        said: dict[str, Any] = {
            "order_id": order.order_id,
            "attempt": attempt,
            "provider_order_id": placed.provider_order_id,
            "provider_status": placed.provider_status,
        }
        desk.sync_queue.send({"bought": said})


def take_in(desk: Desk, said: dict[str, Any], *, actor: str) -> None:
    """Record a purchase whose id was handed on.

    Raises:
        Exception: it could not be recorded. The message comes again.
    """
    order = desk.store.get(said["order_id"])
    if order is None:
        desk.log.error("a purchase of no order of ours", extra={"provider_order_id": said["provider_order_id"]})
        return
    desk.log.append_keys(order_id=order.order_id, correlation_id=order.correlation_id)
    placed = Placed(said["provider_order_id"], said["provider_status"])
    record(desk, order, placed, said["attempt"], until=desk.timings.write_margin, actor=actor)


def record(desk: Desk, order: Order, purchased: Placed, attempt: int, *, until: timedelta, actor: str) -> None:
    """Record a purchase, whatever the order has become since its attempt: a late answer is a purchase found.

    Raises:
        ConflictError: others write the order again and again.
    """
    can_cancel = Ability.CANCEL in registry.capabilities(order.provider).abilities
    provider_order_id, status = purchased.provider_order_id, purchased.provider_status

    def step(order: Order) -> Step | None:
        found = order.state is not OrderState.PLACING or order.attempt is None or order.attempt.number != attempt
        made = outcome.placed(order, provider_order_id, status, desk.clock.now(), found=found, can_cancel=can_cancel)
        return made if made[1] else None

    try:
        desk.update(order, step, actor, until=until)
    except ClaimedError as error:
        desk.log.error(  # noqa: TRY400 - no trace is needed
            "the provider answered with another order's id", extra={"claimed_by": error.order_id}
        )
