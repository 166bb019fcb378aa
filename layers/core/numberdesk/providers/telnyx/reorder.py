"""Order the numbers of an earlier attempt with an unknown outcome once more: exactly these, and no others.

A number is sold once, so the second of two orders for it is refused with code 85001, whichever comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.request import CriteriaItem, NumbersItem
from numberdesk.domain.snapshot import AssetSeen
from numberdesk.domain.statuses import AssetKind, AssetState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.order import Asset
    from numberdesk.domain.request import OrderMessage


class Reorder:
    """The choice of an earlier attempt, in the form of `Search`. Nothing is read for it.

    Numbers must have been found by "a recent search" (guide: number search), and the earlier attempt searched for them. How long that
    counts is published only for v1: 24 hours. After that they are refused with code 85000, and nothing is bought.
    """

    def __init__(self, message: OrderMessage, reuse: Sequence[Asset]) -> None:
        """Find the item of each number, for its requirement group and for what is lacking.

        A number requested by name belongs to that item; any other belongs to the first criteria of its country and type that still lack
        numbers, which is how they were chosen.
        """
        self.chosen = {each.value: _chosen(each) for each in reuse if each.kind is AssetKind.NUMBER}
        self.groups: dict[str, str] = {}
        self.lacking: list[str] = []
        self.not_fitting = 0
        left = dict(self.chosen)
        # As in `Search`, those requested by name come first.
        for position, item in enumerate(message.items, 1):
            if isinstance(item, NumbersItem):
                taken = [number for number in item.numbers if left.pop(number, None)]
                self._note(position, item, taken)
        for position, item in enumerate(message.items, 1):
            if isinstance(item, CriteriaItem):
                taken = [value for value, asset in left.items() if _fits(asset, item)][: item.quantity]
                for value in taken:
                    del left[value]
                self._note(position, item, taken)

    def _note(self, position: int, item: NumbersItem | CriteriaItem, taken: Sequence[str]) -> None:
        if item.requirement_group_id:
            self.groups |= dict.fromkeys(taken, item.requirement_group_id)
        if len(taken) < item.count:
            self.lacking.append(f"item {position}: {len(taken)} of {item.count} numbers found")


def _fits(asset: AssetSeen, item: CriteriaItem) -> bool:
    return (asset.country, asset.number_type) == (item.criteria.country, item.criteria.number_type)


def _chosen(asset: Asset) -> AssetSeen:
    return AssetSeen(
        kind=asset.kind,
        value=asset.value,
        state=AssetState.PENDING,
        provider_status="chosen",
        country=asset.country,
        number_type=asset.number_type,
        features=asset.features,
        upfront_cost=asset.upfront_cost,
        monthly_cost=asset.monthly_cost,
        currency=asset.currency,
    )
