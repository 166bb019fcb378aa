"""The numbers and sub orders of an order, folded one by one from what a poll saw. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.order import Asset, AssetRequirement, SubOrder
from numberdesk.domain.statuses import (
    OPEN_ASSETS,
    AssetState,
    Phase,
)

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import AssetRequirementSeen, AssetSeen, Snapshot


LOST = frozenset({Phase.CANCELLED, Phase.FAILED, Phase.DELETED})


def merge_sub_orders(order: Order, snapshot: Snapshot) -> tuple[SubOrder, ...]:
    merged = {sub_order.id: sub_order for sub_order in order.sub_orders}
    for seen in snapshot.sub_orders:
        known = merged.get(seen.id)
        merged[seen.id] = SubOrder(
            id=seen.id,
            provider_status=seen.provider_status,
            country=seen.country or (known.country if known else None),
            number_type=seen.number_type or (known.number_type if known else None),
        )
    return tuple(merged.values())


def fail_unlisted(order: Order, snapshot: Snapshot) -> tuple[Asset, ...]:
    """Give up numbers that a provider which lists every number never listed, in an order that it calls over.

    One answer may be torn. A poll before that saw the same word for the whole makes two; the word that came with the purchase,
    or that a person's answer was checked by, is no poll.
    """
    lost = snapshot.phase in LOST
    over = lost or (snapshot.phase is Phase.ENDED and bool(snapshot.assets))
    # One that could not be read may be any of them.
    polled_at = order.poll_began_at is not None and not snapshot.assets_unread
    if not (polled_at and snapshot.lists_every_asset and over and order.provider_status == snapshot.provider_status):
        return order.assets
    listed = {(asset.kind, asset.value) for asset in snapshot.assets}
    # Where no number is listed at all, and the whole is lost, those that were listed before are lost with it.
    with_it = lost and not snapshot.assets
    return tuple(
        asset.with_(state=AssetState.FAILED, provider_status="never listed")
        if (asset.provider_id is None or with_it)
        and asset.state in OPEN_ASSETS
        and (asset.kind, asset.value) not in listed
        else asset
        for asset in order.assets
    )


def merge(assets: tuple[Asset, ...], snapshot: Snapshot, now: datetime) -> tuple[Asset, ...]:
    merged = {(asset.kind, asset.value): asset for asset in assets}
    # Most numbers of an order stand alike: what their requirements come to is made once.
    requirements_seen: dict[tuple[AssetRequirementSeen, ...], tuple[AssetRequirement, ...]] = {}
    for seen in snapshot.assets:
        known = merged.get((seen.kind, seen.value))
        if known is not None and known.released_at is not None:
            # Given back through the desk. The provider's order goes on showing it as sold.
            continue
        if seen.requirements not in requirements_seen:
            requirements_seen[seen.requirements] = tuple(
                AssetRequirement(
                    id=requirement.id, state=requirement.state, provider_status=requirement.provider_status
                )
                for requirement in seen.requirements
            )
        merged[seen.kind, seen.value] = _merge_asset(known, seen, requirements_seen[seen.requirements], snapshot, now)
    return tuple(merged.values())


def _merge_asset(
    known: Asset | None,
    seen: AssetSeen,
    requirements_seen: tuple[AssetRequirement, ...],
    snapshot: Snapshot,
    now: datetime,
) -> Asset:
    # A word that we do not know says nothing about what was settled.
    settled = known is not None and seen.state is AssetState.UNKNOWN and known.state not in OPEN_ASSETS
    fields: dict[str, object] = {
        "kind": seen.kind,
        "value": seen.value,
        "state": known.state if known is not None and settled else seen.state,
        "provider_status": seen.provider_status,
        # A torn answer may leave these out; what was known stays.
        "provider_id": seen.provider_id or (known.provider_id if known else None),
        "sub_order_id": seen.sub_order_id or (known.sub_order_id if known else None),
        "country": seen.country or (known.country if known else None),
        "number_type": seen.number_type or (known.number_type if known else None),
        "requirements": requirements_seen or (known.requirements if known else ()),
        "features": seen.features if seen.features is not None else (known.features if known else None),
        "upfront_cost": seen.upfront_cost or (known.upfront_cost if known else None),
        "monthly_cost": seen.monthly_cost or (known.monthly_cost if known else None),
        "currency": seen.currency or (known.currency if known else None),
        "since": seen.since or (known.since if known else None) or (now if seen.state is AssetState.ACTIVE else None),
        "deadline_override": _deadline_override(known, seen, snapshot),
    }
    # The very same record where nothing changed: what is the same need not be written.
    if known is not None and all(getattr(known, name) == value for name, value in fields.items()):
        return known
    return Asset.model_validate(fields)


def _deadline_override(known: Asset | None, seen: AssetSeen, snapshot: Snapshot) -> datetime | None:
    """Give a number's own deadline, where it differs from that of the others in its status.

    What this poll read of it counts, else what was known. Over, or in another status, it has none: there it is one of others.
    """
    if seen.state not in OPEN_ASSETS:
        return None
    if seen.value in snapshot.deadline_overrides:
        return snapshot.deadline_overrides[seen.value]
    return known.deadline_override if known is not None and known.provider_status == seen.provider_status else None
