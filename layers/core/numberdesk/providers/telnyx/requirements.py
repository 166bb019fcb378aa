"""The requirements of an order's numbers: what is shown of each, their names, and a summary by sub order."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from numberdesk.domain.snapshot import RequirementSeen
from numberdesk.domain.statuses import OPEN_ASSETS, ValueKind
from numberdesk.providers.json_values import Fields, prose, text
from numberdesk.providers.telnyx.number import Requirement, rank
from numberdesk.providers.telnyx.statuses import REQUIREMENTS, value_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import AssetRequirementSeen
    from numberdesk.domain.statuses import RequirementState
    from numberdesk.providers.reader import Reader
    from numberdesk.providers.telnyx.budget import Budget
    from numberdesk.providers.telnyx.number import Number


class Requirements:
    """What one poll sees of an order's requirements."""

    def __init__(self, order: Order, reader: Reader, budget: Budget) -> None:
        self._order = order
        self._reader = reader
        self._budget = budget

    def shown(self, shown: Fields) -> tuple[Requirement, ...]:
        found = []
        for row in self._reader.rows("phone_number.regulatory_requirements", shown.get("regulatory_requirements")):
            requirement_id = self._reader.text("regulatory_requirement.requirement_id", row.get("requirement_id"))
            if requirement_id is None:
                self._reader.note("regulatory_requirement.requirement_id", row.get("requirement_id"))
                continue
            found.append(
                Requirement(
                    id=requirement_id,
                    kind=self._kind(row),
                    # Only whether there is one: values are personal data.
                    has_value=row.get("field_value") not in (None, ""),
                    provider_status=self._reader.enum("regulatory_requirement.status", row.get("status"), REQUIREMENTS),
                )
            )
        return tuple(found)

    def _kind(self, row: Fields) -> str | None:
        provider_status = self._reader.text("regulatory_requirement.field_type", row.get("field_type"))
        kind = value_kind(provider_status)
        return provider_status if kind is ValueKind.UNKNOWN else kind.value

    def summed(
        self,
        numbers: Sequence[Number],
        states: Mapping[str, Sequence[AssetRequirementSeen]],
        names: Mapping[str, tuple[str, str | None]],
    ) -> list[RequirementSeen]:
        """Summarise the requirements of each sub order's numbers."""
        known = {requirement.id: requirement for requirement in self._order.requirements}
        kinds: dict[str, str | None] = {}
        found: dict[tuple[str, str], list[tuple[RequirementState, str]]] = defaultdict(list)
        for number in numbers:
            for seen in states.get(number.value, ()):
                found[number.sub_order_id or "", seen.id].append((seen.state, seen.provider_status))
            for requirement in number.requirements:
                kinds[requirement.id] = kinds.get(requirement.id) or requirement.kind
        summed = []
        for (sub_order_id, requirement_id), of_numbers in found.items():
            least, provider_status = min(of_numbers, key=rank)
            name, kind = names.get(requirement_id, (None, None))
            summed.append(
                RequirementSeen(
                    id=requirement_id,
                    sub_order_id=sub_order_id,
                    state=least,
                    provider_status=provider_status,
                    numbers=sum(state is least for state, _ in of_numbers),
                    name=name or (known[requirement_id].name if requirement_id in known else None),
                    kind=kinds[requirement_id] or kind,
                )
            )
        return summed

    def unnamed(
        self, numbers: Sequence[Number], sub_orders: Mapping[str, tuple[Fields, str | None]]
    ) -> list[tuple[str, str]]:
        """Return the countries and number types with requirements whose names are not recorded."""
        named = {requirement.id for requirement in self._order.requirements if requirement.name}
        lacking = {
            number.sub_order_id
            for number in numbers
            if number.state in OPEN_ASSETS and any(requirement.id not in named for requirement in number.requirements)
        }
        wanted = (kind_of(sub_order) for sub_order_id, (sub_order, _) in sub_orders.items() if sub_order_id in lacking)
        return list(dict.fromkeys((country, kind) for country, kind in wanted if country and kind))

    def read_names(self, wanted: Sequence[tuple[str, str]], *, kept: int) -> dict[str, tuple[str, str | None]]:
        """Read name and kind of requirements, by id."""
        names: dict[str, tuple[str, str | None]] = {}
        for kind in self._budget.rotated(wanted):
            if self._budget.calls_left() <= kept:
                break
            data = self._budget.or_none(
                partial(self._budget.listed, "regulatory_requirements", *_names_of(*kind), kept=kept)
            )
            for row in self._reader.rows("regulatory_requirements", data):
                for requirement in self._reader.rows("regulatory_requirements", row.get("regulatory_requirements")):
                    requirement_id = self._reader.text("regulatory_requirement.id", requirement.get("id"))
                    name = " ".join(prose(requirement.get("name"), most=256).split())
                    if requirement_id and name:
                        names[requirement_id] = (name, self._kind(requirement))
        return names


def _names_of(country: str, number_type: str) -> tuple[tuple[str, str], ...]:
    """Return the filters for the requirements of a country's numbers."""
    return (
        ("filter[country_code]", country),
        ("filter[phone_number_type]", number_type),
        ("filter[action]", "ordering"),
    )


def kind_of(shown: Fields) -> tuple[str | None, str | None]:
    """Return country and number type of a sub order or a number."""
    return text(shown.get("country_code")), text(shown.get("phone_number_type"))
