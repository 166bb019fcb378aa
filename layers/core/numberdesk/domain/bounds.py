"""How much of a provider's answers an order's record stores. Pure.

The length of a provider's texts is bounded where they are read (`providers.json_values`); this module bounds how many items there are.
Long fields are stored on pages beside the order's row (`storage.pages`), so these bounds are far above any order ever seen; they limit
the time of a poll and the page names on the row. What is left out is reported once, like an unknown value, and the order counts as not
understood while the provider shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.snapshot import DeadlinesSeen, UnknownValue

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import AssetSeen, Snapshot

MAX_ASSETS = 20_000
"""Most numbers and keywords of one order. Telnyx sells 10,000 in one."""
MAX_OF_AN_ASSET = 50
"""Most requirements of one number, and most features."""
MAX_SUB_ORDERS = 200
MAX_REQUIREMENTS = 2_000
"""Most requirements of all sub orders of an order together."""
MAX_DEADLINES = 50
"""Most different deadlines of one sub order. The last ones are merged into the earliest of them: too early rather than too late."""
MAX_COMMENTS = 5_000
"""Most comments of one order. Further ones are neither stored nor reported."""
MAX_TURNED = 100
"""Most comments stored anew at one poll because their read mark changed: each is a call to the table."""
MAX_REASONS = 20
"""Most comments given as the reason of one rejection, or sent with one message."""
MAX_ADOPTED = 10
"""Most purchases that an order adopts at once."""
MAX_HINT_POLLS = 10
"""Most further polls on record."""

T = TypeVar("T")


def bounded(order: Order, snapshot: Snapshot) -> Snapshot:
    """Remove from a snapshot what exceeds the bounds, and add an unknown value that says so.

    What is on record already is never removed.
    """
    left_out: list[UnknownValue] = []

    def within(
        name: str,
        seen: Sequence[T],
        known: Iterable[Hashable],
        most: int,
        key: Callable[[T], Hashable],
        *,
        of_asset: bool = False,
    ) -> tuple[T, ...]:
        taken = set(known)
        kept = []
        for each in seen:
            if key(each) in taken or len(taken) < most:
                taken.add(key(each))
                kept.append(each)
        if len(kept) < len(seen):
            left_out.append(UnknownValue(name, f"(more than {most:,})", of_asset))
        return tuple(kept)

    assets = within(
        "numbers",
        snapshot.assets,
        ((asset.kind, asset.value) for asset in order.assets),
        MAX_ASSETS,
        lambda it: (it.kind, it.value),
        of_asset=True,
    )
    if any(map(_is_long, assets)):
        assets = tuple(_shortened(asset) if _is_long(asset) else asset for asset in assets)
        left_out.append(UnknownValue("number.requirements", f"(more than {MAX_OF_AN_ASSET})"))
    sub_orders = within(
        "sub_orders",
        snapshot.sub_orders,
        (sub_order.id for sub_order in order.sub_orders),
        MAX_SUB_ORDERS,
        lambda it: it.id,
    )
    with_deadline = {deadline.sub_order_id for deadline in order.deadlines if not deadline.own}
    deadlines = within("deadlines", snapshot.deadlines, with_deadline, MAX_SUB_ORDERS, lambda it: it.sub_order_id)
    return snapshot._replace(
        assets=assets,
        sub_orders=sub_orders,
        requirements=within(
            "requirements",
            snapshot.requirements,
            (requirement.key for requirement in order.requirements),
            MAX_REQUIREMENTS,
            lambda it: (it.sub_order_id, it.id),
        ),
        deadlines=tuple(map(_earliest, deadlines)),
        comments=within("comments", snapshot.comments, order.comments_seen, MAX_COMMENTS, lambda it: it.id),
        unknown_values=(*snapshot.unknown_values, *left_out),
    )


def _is_long(asset: AssetSeen) -> bool:
    return max(len(asset.requirements), len(asset.features or ())) > MAX_OF_AN_ASSET


def _shortened(asset: AssetSeen) -> AssetSeen:
    features = None if asset.features is None else asset.features[:MAX_OF_AN_ASSET]
    return asset._replace(requirements=asset.requirements[:MAX_OF_AN_ASSET], features=features)


def _earliest(seen: DeadlinesSeen) -> DeadlinesSeen:
    if len(seen.values) <= MAX_DEADLINES:
        return seen
    values = sorted(seen.values)
    last = values[MAX_DEADLINES - 1 :]
    merged = (last[0][0], sum(numbers for _, numbers in last))
    return DeadlinesSeen(seen.sub_order_id, (*values[: MAX_DEADLINES - 1], merged))
