"""Search for numbers at Telnyx without ordering them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.listings import Offer
from numberdesk.providers.base import RefusedError
from numberdesk.providers.json_values import Fields, amount, fields, text
from numberdesk.providers.telnyx.capabilities import CAPABILITIES
from numberdesk.providers.telnyx.search import country_shown, features, filters, fits, regions, results

if TYPE_CHECKING:
    from numberdesk.domain.request import Criteria
    from numberdesk.providers.base import Query
    from numberdesk.providers.telnyx.api import Api

# `region_type` of a search result, by the names that criteria have.
_REGIONS = {"location": "city", "state": "state", "rate_center": "rate_center"}


def search_numbers(api: Api, query: Query) -> list[Offer]:
    """Search for numbers. They can be ordered for a while after; nothing is reserved.

    Raises:
        RefusedError: the search has no country, or criteria that Telnyx does not have.
        NotPermittedError: the account may not search, or is not shown the results.
    """
    criteria = query.criteria
    if criteria is None or criteria.country is None:
        raise RefusedError("Telnyx searches by criteria with a country; name one")
    if unknown := sorted(criteria.fields_used() - CAPABILITIES.criteria_fields - {"number_type"}):
        raise RefusedError(f"Telnyx cannot search by {', '.join(unknown)}; remove it")
    found = results(api, *filters(criteria, query.limit))
    if found.hidden and not found.shown:
        raise found.not_shown()
    # Telnyx ignores a filter that it does not know. Near matches are shown as such; nothing is bought here.
    near = criteria.model_copy(update={"best_effort": True})
    return [_offer(value, row, criteria) for value, row in found.shown if fits(value, row, near)][: query.limit]


def _offer(value: str, row: Fields, criteria: Criteria) -> Offer:
    costs = fields(row.get("cost_information"))
    return Offer(
        value=value,
        kind="number",
        country=country_shown(row) or criteria.country,
        # A result does not show its type; all are of the requested one.
        number_type=criteria.number_type,
        features=features(row),
        upfront_cost=amount(costs.get("upfront_cost")),
        monthly_cost=amount(costs.get("monthly_cost")),
        currency=text(costs.get("currency")),
        region={ours: name for theirs, ours in _REGIONS.items() if (name := regions(row).get(theirs))},
        best_effort=row.get("best_effort") is True,
    )
