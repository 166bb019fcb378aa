"""CallFire's Region, as the fields of a form or query, and as criteria (CallFire's `callfire-data.xsd`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.providers.base import RefusedError
from numberdesk.providers.callfire.statuses import COUNTRIES
from numberdesk.providers.callfire.xmldoc import value

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from numberdesk.domain.request import Criteria

_REGION = {
    "prefix": "Prefix",
    "city": "City",
    "state": "State",
    "zipcode": "Zipcode",
    "country": "Country",
    "lata": "Lata",
    "rate_center": "RateCenter",
    "latitude": "Latitude",
    "longitude": "Longitude",
    "time_zone": "TimeZone",
}


def region_fields(criteria: Criteria) -> dict[str, str]:
    """Return criteria as the fields of a Region; none for toll-free numbers, which have no region.

    Raises:
        RefusedError: CallFire sells no such numbers or cannot search by a field, which is named.
    """
    if unknown := sorted(criteria.fields_used() - _REGION.keys() - {"number_type"}):
        raise RefusedError(f"CallFire cannot search by {', '.join(unknown)}; remove them")
    if criteria.number_type not in ("local", "toll_free"):
        raise RefusedError("CallFire sells local and toll-free numbers only")
    if criteria.country not in (None, *COUNTRIES):
        raise RefusedError("CallFire sells numbers of the US and Canada only")
    # "4-7 digit prefix" (CallFire docs: order new numbers), the country code 1 included.
    if criteria.prefix and not 4 <= len(criteria.prefix) <= 7:  # noqa: PLR2004
        raise RefusedError("CallFire's prefix has 4 to 7 digits, the country code 1 included")
    values = criteria.model_dump(exclude_none=True)
    region = {name: str(values[field]) for field, name in _REGION.items() if field in values}
    if criteria.number_type == "toll_free":
        if region.keys() - {"Country"}:
            # Dropping them silently would buy something else than was requested.
            raise RefusedError("CallFire's toll-free numbers cannot be searched by region; remove those criteria")
        return {}
    return region


def read_region(element: Element | None) -> dict[str, str]:
    """Return a Region by the names of criteria."""
    if element is None:
        return {}
    return {field: found for field, name in _REGION.items() if (found := value(element, name))}
