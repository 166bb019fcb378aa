"""What a person can do about an order now, and what each act changes and costs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import wording
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.statuses import (
    DELIVERED,
    ENDED,
    FOLLOWED,
    FOR_A_PERSON,
    OWED,
    AssetState,
    HoldKind,
    OrderState,
)
from numberdesk.domain.text import quoted
from numberdesk.providers import registry
from numberdesk_cli.explanation import Act

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from numberdesk.api.models.orders import OrderView
    from numberdesk.api.models.today import SpendingView


def possible(order: OrderView, now: datetime) -> tuple[Act, ...]:
    """Return the acts that an order takes now, the most useful first."""
    return (*_decisions(order), *_answers(order, now), *_always(order))


def _abilities(order: OrderView) -> frozenset[Ability]:
    # A stack may have a provider that this command does not know: the API then says what it cannot do.
    return registry.capabilities(order.provider).abilities if order.provider in registry.NAMES else frozenset(Ability)


def cost_of(order: OrderView) -> str:
    """Say what the purchase costs, as far as that is known."""
    if order.hold and order.hold.quote:
        return wording.priced(order.hold.quote)
    known = [f"{each.upfront} {quoted(each.currency)} upfront and {each.monthly} every month" for each in order.costs]
    return " and ".join(known)


def left_of(spending: SpendingView, order: OrderView) -> str:
    """Say what is left of the limits of an order's account today."""
    mine = [each for each in spending.accounts if (each.provider, each.account) == (order.provider, order.account)]
    limits = [
        *(f"{each.numbers.left} of {each.numbers.limit} numbers" for each in mine if each.numbers.limit is not None),
        *(
            f"{cost.left} of {cost.limit} {cost.currency}"
            for each in mine
            for cost in each.cost
            if cost.limit is not None
        ),
    ]
    per_order = spending.numbers_per_order
    if per_order is not None:
        limits.append(f"at most {per_order} in one order")
    return ", ".join(limits) or "there is no limit"


def _decisions(order: OrderView) -> Iterator[Act]:
    """Decisions about money."""
    provider, name = wording.provider_name(order.provider), order.order_id
    if order.hold and order.hold.kind in FOR_A_PERSON:
        limit = order.hold.kind is HoldKind.LIMIT
        yield Act(
            "approve",
            "Approve the purchase",
            f"numberdesk orders approve {name}",
            (
                f"It goes on in spite of the limit, for what is shown and no more, and is bought at {provider} within minutes."
                if limit
                else "It goes on. If it was bought before the restore after all, it is bought twice: look at the provider first."
            ),
            cost_of(order),
            spends=True,
        )
        yield Act(
            "reject",
            "Reject it",
            f"numberdesk orders reject {name} --reason TEXT",
            "It is cancelled before anything is bought. The reason stays in its ledger.",
            spends=True,
        )
    if order.state is OrderState.UNKNOWN or (order.hold and order.hold.kind is HoldKind.RESTORED):
        yield Act(
            "resolve",
            "Say what became of the purchase",
            f"numberdesk orders resolve {name} --placed-as ID (or --not-placed cancel, --not-placed again)",
            f"Look at {provider} first. With an id, the purchase is looked up there and followed. Not placed is believed: if it was bought "
            "after all and is placed again, it is bought twice.",
            cost_of(order),
            spends=True,
        )
    if order.delivery_unread:
        yield Act(
            "resolve",
            "Say what was delivered",
            f"numberdesk orders resolve {name} --delivered NUMBER",
            f"Look at {provider} for what the order delivered beside what is recorded. The order ends with that.",
            spends=True,
        )


def _answers(order: OrderView, now: datetime) -> Iterator[Act]:
    """Work on requirements and deadlines."""
    provider, name, abilities = wording.provider_name(order.provider), order.order_id, _abilities(order)
    owed = [each for each in order.requirements if each.state in OWED]
    at_provider = order.state in FOLLOWED
    if any(each.own for each in owed) and (order.state not in ENDED or order.state in DELIVERED):
        yield Act(
            "supply",
            "Tick off its own list",
            f"numberdesk requirements supply {name} REQUIREMENT --done",
            "It is noted as done. Nothing is sent to the provider.",
        )
    elif owed and at_provider and Ability.VALUES in abilities:
        yield Act(
            "supply",
            "Supply values",
            f"numberdesk requirements supply {name} REQUIREMENT --text TEXT (or --date, --file, --address-id)",
            f"The values are checked, then submitted to {provider}, whose people review them.",
        )
    ahead = [each for each in order.deadlines if each.value > now]
    if at_provider and any(not each.own for each in ahead) and Ability.EXTENSIONS in abilities:
        yield Act(
            "extend",
            "Ask for more time",
            f"numberdesk extend {name}",
            f"A comment asks {provider} for more time. It is not sure to be granted; the deadline stays until {provider} moves it.",
        )
    if at_provider and order.sub_orders and Ability.COMMENTS in abilities:
        yield Act(
            "comment",
            "Write to the reviewers",
            f"numberdesk comments add {name} TEXT",
            f"{provider}'s reviewers read it. It cannot be taken back.",
        )
    if order.state not in ENDED:
        yield Act(
            "acknowledge",
            "Say that you are on it",
            f"numberdesk acknowledge {name} --for 4h",
            "The next reminder names you. Reminders and deadlines go on.",
        )


def _always(order: OrderView) -> Iterator[Act]:
    provider, name = wording.provider_name(order.provider), order.order_id
    if order.state in FOLLOWED:
        yield Act(
            "sync", "Poll now", f"numberdesk orders sync {name}", f"numberdesk reads the order at {provider} at once."
        )
    if order.state not in ENDED and (order.state not in FOLLOWED or Ability.CANCEL in _abilities(order)):
        yield Act("cancel", "Cancel it", f"numberdesk orders cancel {name}", _cancelling(order, provider), spends=True)
    if order.assets_by_state.get(AssetState.ACTIVE) and Ability.RELEASE in _abilities(order):
        yield Act(
            "release",
            "Release a number",
            f"numberdesk numbers release {name} NUMBER",
            f"It is given back to {provider} for good. A moment later somebody else may have it.",
            spends=True,
        )
    if order.state in ENDED and order.erased_at is None:
        yield Act(
            "erase",
            "Erase its personal data",
            f"numberdesk orders erase {name}",
            "Its message, values, comments, webhooks and files are deleted for good. The ledger stays. Copies on the bus, in e-mails and at "
            "the provider are not reached.",
            spends=True,
        )


def _cancelling(order: OrderView, provider: str) -> str:
    if order.state is OrderState.RECEIVED:
        return "It is cancelled before anything is bought."
    if order.state in FOLLOWED:
        have = order.assets_by_state.get(AssetState.ACTIVE, 0)
        kept = f" {wording.count(have, 'number')} already delivered stay yours and are billed." if have else ""
        return f"What {provider} has not delivered yet is cancelled there, if it is in time.{kept}"
    return "It is cancelled as soon as it is clear whether it was bought."
