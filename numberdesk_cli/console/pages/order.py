"""One order: why it is as it is, all that happened, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from starlette.responses import Response

from numberdesk.api.models.base import Listing
from numberdesk.api.models.orders import NumberView
from numberdesk.domain.ledger import Entry
from numberdesk.domain.statuses import FOLLOWED, OPEN_ASSETS, AssetKind, AssetState, RequirementState
from numberdesk.providers import registry
from numberdesk_cli.console import charts
from numberdesk_cli.console.gathering import part
from numberdesk_cli.console.listing import address, one_page
from numberdesk_cli.explain import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.api.models.orders import OrderView
    from numberdesk.api.models.requirements import OrderRequirementsView, StandView
    from numberdesk.domain.order import Operation, Requirement
    from numberdesk_cli.console.visit import Visit
    from numberdesk_cli.errors import DeskError

_ENTRIES = 300
"""Ledger entries that the page reads; the whole timeline has pages of its own."""
_WEBHOOKS = 20
_COMMENTS = 100
_STALE_MINUTES = 5
"""How old the relative times of a page may become while its order does not change."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A form of the page that was refused: it is shown again as it was filled in, with what is wrong."""

    form: str
    told: str
    mend: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def by(cls, form: str, error: DeskError, values: Mapping[str, str], faults: Mapping[str, str]) -> Refused:
        """Tell an error at the form that led to it."""
        return cls(form, str(error), error.mend, values, faults)


@dataclass(frozen=True, slots=True)
class Asked:
    """One requirement of an order, as the page shows it."""

    name: str
    id: str
    sub_order_id: str
    kind: str
    own: bool
    stand: StandView
    coming: tuple[Operation, ...]
    """Values on their way to the provider."""
    seen: str
    """How it stands, to notice when somebody else answers it meanwhile."""
    numbers: tuple[str, ...]
    """The numbers that it can be answered for one by one; empty where there is no more than one."""
    differing: tuple[tuple[str, RequirementState], ...]
    """Numbers where it stands otherwise."""

    @property
    def open(self) -> bool:
        """Whether it was asked for, so that it takes a value."""
        return self.stand.requirement is not None

    @property
    def form(self) -> str:
        """Name its form."""
        return f"answer-{self.sub_order_id}-{self.id}"


def coming(order: OrderView, sub_order_id: str, requirement_id: str) -> tuple[Operation, ...]:
    """Return the operations that bring a value for a requirement."""
    return tuple(
        operation
        for operation in order.operations
        if operation.open
        and requirement_id in operation.requirement_ids
        and operation.sub_order_id in (None, sub_order_id)
    )


def standing(order: OrderView, sub_order_id: str, requirement_id: str) -> str:
    """Say how a requirement stands, in one line that changes whenever it does."""
    found = next((each for each in order.requirements if each.key == (sub_order_id, requirement_id)), None)
    if found is None:
        return "-"
    at = found.rejected_at.isoformat() if found.rejected_at else ""
    open_ = ",".join(each.id for each in coming(order, sub_order_id, requirement_id))
    return f"{found.state.value}/{found.operation_id or ''}/{at}/{open_}"


def order(visit: Visit) -> Response:
    """Show an order; to a poll only if it changed."""
    seen = visit.query("seen")
    if seen and seen == _seen(visit, visit.client.order(visit.path("order_id"))):
        return Response(status_code=204)
    return show(visit, template="parts/order.html" if seen else "order.html")


def show(visit: Visit, *, template: str = "order.html", status: int = 200, refused: Refused | None = None) -> Response:
    """Show an order, perhaps with a form that was refused."""
    client, read, order_id = visit.client, visit.console.read, visit.path("order_id")
    reading = read(lambda: client.order(order_id))
    happened = read(lambda: list(islice(client.ledger(order_id), _ENTRIES)))
    asked = read(lambda: client.order_requirements(order_id))
    said = read(lambda: list(islice(client.comments(order_id), _COMMENTS)))
    came = read(lambda: list(islice(client.webhooks(order_id), _WEBHOOKS)))
    times = read(client.vetting)
    # Without the order there is nothing to show; without another part the rest still is.
    found = reading.result()
    ledger, parts, comments, webhooks, usual = part(happened), part(asked), part(said), part(came), part(times)
    return visit.page(
        template,
        status=status,
        order=found,
        explanation=explain(found, visit.now(), vetting=usual.value.items if usual.value else ()),
        ledger=ledger,
        entries=list(reversed(ledger.value or [])),
        cut=len(ledger.value or []) == _ENTRIES,
        histories=charts.deadline_histories(ledger.value or [], visit.now()),
        parts=parts,
        asked=[_asked(found, each) for each in parts.value or []],
        comments=comments,
        webhooks=webhooks,
        refused=refused,
        takes_group=takes_group(found),
        group_numbers=numbers_of(found, ""),
        seen=_seen(visit, found),
    )


def _seen(visit: Visit, found: OrderView) -> str:
    """Say which state of an order a page shows. It changes after some minutes, so that relative times do not grow old."""
    now = visit.now()
    return f"{found.version}.{int(now.timestamp()) // (60 * _STALE_MINUTES)}"


def _asked(shown: OrderView, part_: OrderRequirementsView) -> tuple[OrderRequirementsView, list[Asked]]:
    made = []
    for stand in part_.requirements:
        requirement, specification = stand.requirement, stand.specification
        kind = specification.kind.value if specification else (requirement and requirement.kind) or "unknown"
        id_ = specification.id if specification else requirement.id if requirement else ""
        # The order's own list belongs to no sub order; nor does what an order without sub orders asks for.
        sub_order_id = part_.sub_order_id or ""
        made.append(
            Asked(
                name=specification.name if specification else requirement.label if requirement else "",
                id=id_,
                sub_order_id=sub_order_id,
                kind="own" if part_.own else kind,
                own=part_.own,
                stand=stand,
                coming=coming(shown, sub_order_id, id_),
                seen=standing(shown, sub_order_id, id_),
                numbers=() if part_.own else numbers_of(shown, sub_order_id),
                differing=_differing(shown, sub_order_id, requirement) if requirement else (),
            )
        )
    return part_, made


def numbers_of(order: OrderView, sub_order_id: str) -> tuple[str, ...]:
    """Return the numbers that a value or a group can be supplied for one by one, as far as the order shows them."""
    found = [each for each in order.assets if each.kind is AssetKind.NUMBER and sub_order_id in ("", each.sub_order_id)]
    return tuple(each.value for each in found if each.state in OPEN_ASSETS) if len(found) > 1 else ()


def _differing(
    order: OrderView, sub_order_id: str, requirement: Requirement
) -> tuple[tuple[str, RequirementState], ...]:
    return tuple(
        (asset.value, its.state)
        for asset in order.assets
        if asset.sub_order_id == (sub_order_id or None)
        for its in asset.requirements
        if its.id == requirement.id and its.state not in (requirement.state, RequirementState.UNKNOWN)
    )


def takes_group(order: OrderView) -> bool:
    """Say whether an order can be answered with a requirement group."""
    asked = any(not each.own for each in order.requirements)
    # The API decides about a provider that this command does not know.
    able = order.provider not in registry.NAMES or registry.capabilities(order.provider).takes_requirement_groups
    return asked and able and order.state in FOLLOWED


def numbers(visit: Visit) -> Response:
    """Show a page of an order's numbers, all or those in a state."""
    order_id, state = visit.path("order_id"), visit.query("state")
    query = {"state": state or None}
    found = one_page(
        visit.client, Listing[NumberView], "orders", order_id, "numbers", query=query, token=visit.query("next")
    )
    here = f"/orders/{order_id}/numbers"
    return visit.page(
        "order_numbers.html",
        order_id=order_id,
        found=found,
        rows=found.items,
        state=state,
        states=[each.value for each in AssetState],
        next_page=address(here, {"state": state, "next": found.next or ""}),
    )


def timeline(visit: Visit) -> Response:
    """Show a page of an order's whole ledger, the oldest first."""
    order_id = visit.path("order_id")
    found = one_page(visit.client, Listing[Entry], "orders", order_id, "ledger", query={}, token=visit.query("next"))
    next_page = address(f"/orders/{order_id}/timeline", {"next": found.next or ""})
    return visit.page("order_timeline.html", order_id=order_id, found=found, entries=found.items, next_page=next_page)


VIEWS = (
    ("GET", "/orders/{order_id}", order),
    ("GET", "/orders/{order_id}/numbers", numbers),
    ("GET", "/orders/{order_id}/timeline", timeline),
)
