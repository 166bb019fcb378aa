from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.catalogue import Specification
from numberdesk.domain.order import Asset, Requirement, SubOrder
from numberdesk.domain.statuses import AssetState, RequirementState, ValueKind
from numberdesk.services.catalogue import MAX_READS, About, Catalogue
from numberdesk.services.problems import ProblemError
from tests.support.builders import entries, message, received
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

ADDRESS = Specification(id="r-1", name="Address", kind=ValueKind.ADDRESS)


class Asked:
    """Providers that record which catalogues were read."""

    def __init__(self) -> None:
        self.calls: list[About] = []

    def connect(self, provider: str, account: str, **_: Any) -> Asked:
        assert (provider, account) == ("telnyx", "default")
        return self

    def refresh(self, provider: str, account: str) -> bool:
        return False

    def catalogue(self, *, country: str | None, number_type: str | None, number: str | None) -> list[Specification]:
        self.calls.append(About(country, number_type, number))
        return [ADDRESS]


def catalogue(order: Order | None = None, **changes: Any) -> tuple[Catalogue, Asked]:
    store, asked = MemoryStore(), Asked()
    sent = message()
    new = order or received(sent)[0]
    store.create(new, sent, entries(new))
    if changes:
        store.commit(new, new.with_(version=2, **changes), ())
    return Catalogue(store, asked), asked  # type: ignore[arg-type] # as much of a provider as is asked for


def requirement(sub_order_id: str, id_: str, **more: Any) -> Requirement:
    state = RequirementState.AWAITING_VALUE
    return Requirement(id=id_, sub_order_id=sub_order_id, state=state, provider_status=state.value, numbers=1, **more)


def test_sub_orders_of_one_kind_share_a_catalogue_and_keep_their_own_states() -> None:
    subs = (
        SubOrder(id="s-1", provider_status="", country="DE", number_type="local"),
        SubOrder(id="s-2", provider_status="", country="DE", number_type="local"),
    )
    wanted = (requirement("s-1", "r-1"), requirement("s-2", "r-9"))
    desk, asked = catalogue(sub_orders=subs, requirements=wanted)
    first, second = desk.of_order("order-1")
    assert asked.calls == [About("DE", "local")]
    assert [(each.specification, each.requirement) for each in first.requirements] == [(ADDRESS, wanted[0])]
    # Requirements that the catalogue does not name are listed nevertheless.
    assert [(each.specification, each.requirement) for each in second.requirements] == [
        (ADDRESS, None),
        (None, wanted[1]),
    ]


def test_sub_order_of_unknown_kind_is_looked_up_by_its_number() -> None:
    number = Asset(value="+4930901820", state=AssetState.PENDING, provider_status="", sub_order_id="s-1")
    desk, asked = catalogue(sub_orders=(SubOrder(id="s-1", provider_status=""),), assets=(number,))
    desk.of_order("order-1")
    assert asked.calls == [About(None, None, "+4930901820")]


def test_unplaced_order_is_looked_up_by_its_criteria() -> None:
    desk, asked = catalogue()
    [part] = desk.of_order("order-1")
    assert asked.calls == [About("US", "local")]
    assert (part.sub_order_id, part.read) == (None, True)


def test_reads_are_bounded_by_the_time_of_one_request() -> None:
    subs = tuple(
        SubOrder(id=f"s-{n}", provider_status="", country=f"A{chr(65 + n)}", number_type="local") for n in range(12)
    )
    desk, asked = catalogue(sub_orders=subs)
    parts = desk.of_order("order-1")
    assert len(asked.calls) == MAX_READS
    assert [part.read for part in parts] == [True] * MAX_READS + [False] * 2


@pytest.mark.parametrize(
    "about",
    [About(None, None), About("DE", None), About(None, "local"), About("DE", "local", "+49"), About("DE", None, "+49")],
)
def test_incomplete_or_contradictory_question_is_refused(about: About) -> None:
    desk, asked = catalogue()
    with pytest.raises(ProblemError):
        desk.requirements("telnyx", "default", about)
    assert asked.calls == []
