"""How much of what a provider shows an order's record takes in. Pure.

Every text of a provider is bounded where it is read (`providers.json_values`); this bounds how many things there are. What has grown
long lies on pages beside the order's row (`storage.pages`), so that these bounds are far above any order that was ever seen; they
hold the time of a poll and the names of the pages, which are on the row. What is left out is told once, as a word is that is not
known, and the order counts as not understood for as long as it is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.snapshot import DeadlinesSeen, UnknownValue

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import AssetSeen, Snapshot

MAX_ASSETS = 20_000
"""Numbers and keywords of one order. Telnyx sells 10,000 in one."""
MAX_OF_AN_ASSET = 50
"""Requirements of one number, and features."""
MAX_SUB_ORDERS = 200
MAX_REQUIREMENTS = 2_000
"""Of all sub orders of an order together."""
MAX_DEADLINES = 50
"""Different ones of one sub order. Those due last are told with the first of them: too early, and not too late."""
MAX_COMMENTS = 5_000
"""Of one order. Further ones are neither kept nor told."""
MAX_TURNED = 100
"""Comments that are kept anew at one poll, since their being read changed: each is a call to the table."""
MAX_REASONS = 20
"""Comments that are given as the reason of one rejection, and that are told with one message."""
MAX_ADOPTED = 10
"""Purchases that an order takes as its own at once."""
MAX_HINT_POLLS = 10
"""Further polls that are on record."""

T = TypeVar("T")


def bounded(order: Order, snapshot: Snapshot) -> Snapshot:
    """Leave out of a snapshot what is more than a record takes, and note that something is left out.

    What is on record already is never left out: it goes on being followed.
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
        for one in seen:
            if key(one) in taken or len(taken) < most:
                taken.add(key(one))
                kept.append(one)
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
    return replace(
        snapshot,
        assets=assets,
        sub_orders=sub_orders,
        requirements=within(
            "requirements",
            snapshot.requirements,
            ((requirement.sub_order_id, requirement.id) for requirement in order.requirements),
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
    return replace(asset, requirements=asset.requirements[:MAX_OF_AN_ASSET], features=features)


def _earliest(seen: DeadlinesSeen) -> DeadlinesSeen:
    if len(seen.values) <= MAX_DEADLINES:
        return seen
    told = sorted(seen.values)
    last = told[MAX_DEADLINES - 1 :]
    together = (last[0][0], sum(numbers for _, numbers in last))
    return DeadlinesSeen(seen.sub_order_id, (*told[: MAX_DEADLINES - 1], together))
