"""Fold the numbers and sub orders that a poll read, one by one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.order import Asset, AssetRequirement, SubOrder
from numberdesk.domain.statuses import OPEN_ASSETS, AssetState, Phase

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.listings import Owned
    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import AssetRequirementSeen, AssetSeen, Snapshot


LOST = frozenset({Phase.CANCELLED, Phase.FAILED, Phase.DELETED})
_KEPT = ("provider_id", "sub_order_id", "country", "number_type", "upfront_cost", "monthly_cost", "currency", "since")


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
    """Fail numbers that were never listed in an order that has ended, at a provider that lists every number.

    A single answer may be torn, so the provider's status of the order must be the same as at the poll before. A status that came
    with the purchase, or with the check of a person's answer, does not count as a poll.
    """
    lost = snapshot.phase in LOST
    over = lost or (snapshot.phase is Phase.ENDED and bool(snapshot.assets))
    # A number that could not be read may be any of them.
    polled_at = order.poll_began_at is not None and not snapshot.assets_unread
    if not (polled_at and snapshot.lists_every_asset and over and order.provider_status == snapshot.provider_status):
        return order.assets
    listed = {(asset.kind, asset.value) for asset in snapshot.assets}
    # If no number is listed and the whole order is lost, numbers listed before are lost with it.
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
    # Most numbers of an order have equal requirements: each set is made once.
    requirements_seen: dict[tuple[AssetRequirementSeen, ...], tuple[AssetRequirement, ...]] = {}
    for seen in snapshot.assets:
        known = merged.get((seen.kind, seen.value))
        if known is not None and known.released_at is not None:
            # Released through numberdesk. The provider's order still shows it as sold.
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
    # An unknown status does not undo a settled state.
    settled = known is not None and seen.state is AssetState.UNKNOWN and known.state not in OPEN_ASSETS
    fields: dict[str, object] = {
        "kind": seen.kind,
        "value": seen.value,
        "state": known.state if known is not None and settled else seen.state,
        "provider_status": seen.provider_status,
        "requirements": requirements_seen or (known.requirements if known else ()),
        "features": seen.features if seen.features is not None else (known.features if known else None),
        "deadline_override": _deadline_override(known, seen, snapshot),
    }
    # A torn answer may leave these out; the known value stays.
    fields |= {name: getattr(seen, name) or getattr(known, name, None) for name in _KEPT}
    fields["since"] = fields["since"] or (now if seen.state is AssetState.ACTIVE else None)
    # The very same object if nothing changed: pages of unchanged numbers are not written.
    if known is not None and all(getattr(known, name) == value for name, value in fields.items()):
        return known
    return Asset.model_validate(fields)


def _deadline_override(known: Asset | None, seen: AssetSeen, snapshot: Snapshot) -> datetime | None:
    """Return a number's own deadline, if it differs from that of the others in its status.

    What this poll read counts, or else what was known in the same status. A number that is not open has none.
    """
    if seen.state not in OPEN_ASSETS:
        return None
    if seen.value in snapshot.deadline_overrides:
        return snapshot.deadline_overrides[seen.value]
    return known.deadline_override if known is not None and known.provider_status == seen.provider_status else None


def enriched(asset: Asset, owned: Owned | None) -> Asset:
    """Add to a number what its provider says of it and its order did not: features, costs, and an earlier start."""
    if owned is None or asset.released_at is not None:
        return asset
    is_older = owned.since is not None and (asset.since is None or owned.since < asset.since)
    richer = asset.with_(
        features=owned.features if asset.features is None else asset.features,
        upfront_cost=owned.upfront_cost if asset.upfront_cost is None else asset.upfront_cost,
        monthly_cost=owned.monthly_cost if asset.monthly_cost is None else asset.monthly_cost,
        currency=owned.currency if asset.currency is None else asset.currency,
        since=owned.since if is_older else asset.since,
    )
    return asset if richer == asset else richer
