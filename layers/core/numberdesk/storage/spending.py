"""Sums of what was reserved at an account on a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from numberdesk.domain import costs
from numberdesk.domain.costs import Spent, currencies
from numberdesk.services.ports import ConflictError, LimitError
from numberdesk.storage.dynamodb import Dynamo, Write, update
from numberdesk.storage.values import decimals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.order import Order, Reservation
    from numberdesk.storage.values import Item, Key

SUMS_KEPT = timedelta(days=40)
"""How long the sums of a day are kept."""
_NOTHING = Decimal(0)


class Spending(Dynamo):
    """Implements `services.stores.Spending`."""

    def spent(self, provider: str, account: str, day: str) -> Spent:
        return spent_of_item(self._get(sums_key(provider, account, day), decimals) or {})

    def spent_each(self, accounts: Sequence[tuple[str, str]], day: str) -> dict[tuple[str, str], Spent]:
        keys = {sums_key(provider, account, day): (provider, account) for provider, account in accounts}
        found = {(str(item["pk"]), str(item["sk"])): item for item in self._get_batches(keys, plain=decimals)}
        return {account: spent_of_item(found.get(key, {})) for key, account in keys.items()}

    def _sums_writes(self, before: Order, after: Order, limits: Limits | None) -> Iterator[Write]:
        """Update the sums of the account's days to what the order reserves.

        Raises:
            LimitError: that exceeds a limit already.
        """
        for day in dict.fromkeys(reserved.day for reserved in (before.reserved, after.reserved) if reserved):
            old, new = sums(before.reserved, day), sums(after.reserved, day)
            added = {name: new.get(name, _NOTHING) - old.get(name, _NOTHING) for name in new | old}
            added = {name: value for name, value in added.items() if value}
            if not added:
                continue
            rooms: dict[str, Decimal] = {}
            if limits is not None and max(added.values()) > 0:
                if why := self._beyond(before, after, limits):
                    raise LimitError(why)
                rooms = {
                    name: most - added.get(name, _NOTHING) for name, most in max_sums(limits, after.reserved).items()
                }

            def beyond() -> Exception:
                why = self._beyond(before, after, limits) if limits else None
                # Another order released enough meanwhile: retry.
                return LimitError(why) if why else ConflictError()

            # Placeholders, because the provider chooses the currency's name.
            names = {name: f"#sum{index}" for index, name in enumerate(dict.fromkeys((*added, *rooms)))}
            yield update(
                sums_key(after.provider, after.account, day),
                "SET expires_at = :expires ADD " + ", ".join(f"{names[name]} :add{names[name][1:]}" for name in added),
                # A missing sum is zero.
                " AND ".join(
                    (f"(attribute_not_exists({names[name]}) OR " if room >= 0 else "(")
                    + f"{names[name]} <= :room{names[name][1:]})"
                    for name, room in rooms.items()
                ),
                {":expires": int((datetime.fromisoformat(f"{day}T00:00Z") + SUMS_KEPT).timestamp())}
                | {f":add{names[name][1:]}": value for name, value in added.items()}
                | {f":room{names[name][1:]}": value for name, value in rooms.items()},
                names={place: name for name, place in names.items()},
                fails=beyond,
            )

    def _beyond(self, before: Order, after: Order, limits: Limits) -> str | None:
        """Return which limit the order's reservation exceeds, given the sums as they are now."""
        now = after.reserved
        if now is None:
            return None
        spent = self.spent(after.provider, after.account, now.day)
        # The sums include what this order had reserved on that day before.
        mine = sums(before.reserved, now.day)
        others = Spent(
            numbers=spent.numbers - int(mine.get("numbers", _NOTHING)),
            cost={
                currency: str(Decimal(cost) - mine.get(cost_attribute(currency), _NOTHING))
                for currency, cost in spent.cost.items()
            },
        )
        return costs.beyond(limits, now, others)


def sums_key(provider: str, account: str, day: str) -> Key:
    return f"ACCOUNT#{provider}#{account}", f"SPENT#{day}"


def sums(reserved: Reservation | None, day: str) -> dict[str, Decimal]:
    """Return what a reservation adds to the sums of a day, by attribute."""
    if reserved is None or reserved.day != day:
        return {}
    cost = {cost_attribute(currency): Decimal(amount) for currency, amount in reserved.cost.items()}
    return {"numbers": Decimal(reserved.numbers), **cost}


def cost_attribute(currency: str) -> str:
    return f"cost_{currency}"


def max_sums(limits: Limits, reserved: Reservation | None) -> dict[str, Decimal]:
    """Return the limits of a day's sums that apply to a reservation, by attribute."""
    held_to = currencies(limits, reserved) if reserved else ()
    most = {cost_attribute(currency): limits.cost_per_day[currency] for currency in held_to}
    return most if limits.numbers_per_day is None else {"numbers": Decimal(limits.numbers_per_day), **most}


def spent_of_item(item: Item) -> Spent:
    """Read the sums of a day from decimals."""
    cost = {name.removeprefix("cost_"): value for name, value in item.items() if name.startswith("cost_")}
    return Spent(
        numbers=int(item.get("numbers", 0)),
        cost={currency: costs.amount_text(amount) for currency, amount in cost.items() if amount},
    )
