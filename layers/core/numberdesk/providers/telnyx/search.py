"""Choosing numbers at Telnyx.

"Only phone numbers that were previously returned in a search" may be ordered (guide: number orders), so every number is
searched first, those asked for by name too.

A search has a limit and no pages, and no source says how many results it gives at most. So one that gives too few is made
again for numbers that end in 0, in 1 and so on, and in two digits where even those give as many as the first one did. What
that does not find within its bounds is left out of the order, as numbers are that are not there.
"""

from __future__ import annotations

import random
import re
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

import phonenumbers

from numberdesk.domain.request import CriteriaItem, NumbersItem
from numberdesk.domain.snapshot import AssetSeen
from numberdesk.domain.words import AssetKind, AssetState
from numberdesk.providers.base import RefusedError
from numberdesk.providers.lenient import Fields, amount, fields, rows, text
from numberdesk.providers.telnyx.api import BadRequestError

if TYPE_CHECKING:
    from numberdesk.domain.request import Criteria, OrderMessage
    from numberdesk.providers.telnyx.api import Api

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MOST_NAMED = 5
_SPARE = 10
"""Results asked for beyond those needed, to choose among."""
_MOST_RESULTS = 10_000
"""What a search is asked for at most: orders of more numbers are published nowhere."""
_FEWEST = 10
"""Results from which on their number may be a bound of Telnyx's and not of what there is."""
_MOST_FURTHER = 100
"""Further searches for one order."""
_MOST_FRUITLESS = 3
"""Further searches one after the other that found nothing new: there is no more."""
_MOST_TIME = timedelta(seconds=60)
"""For the further searches of one item: place_order has three minutes to search, to buy and to write."""
_NEARBY = "10"
"""Results of a search for one number: its digits may stand within longer numbers, too."""


def e164(value: object) -> str | None:
    """Give a number in E.164 with its plus, else None."""
    return value if isinstance(value, str) and _E164.fullmatch(value) else None


class Search:
    """The choice of numbers for one order."""

    def __init__(self, api: Api, message: OrderMessage, exclude: frozenset[str]) -> None:
        """Prepare; nothing is searched.

        `exclude` holds for numbers chosen by us. Those asked for by name are simply looked for again: an order that was
        refused names all its numbers as gone, whichever of them it was.
        """
        self._api = api
        self._message = message
        self._exclude = exclude
        self._further = _MOST_FURTHER
        self.chosen: dict[str, AssetSeen] = {}
        """What is to be ordered, by number."""
        self.groups: dict[str, str] = {}
        """The requirement group of a number, where its item names one."""
        self.lacking: list[str] = []
        """What could not be had, in words, item by item."""

    def run(self) -> None:
        """Search for everything.

        Raises:
            RefusedError: nothing of it can be had, or Telnyx finds the criteria wrong.
            UnreadableError, AccountFaultError, SlotBusyError: try again later.
        """
        # Those asked for by name come first, so that no criteria take them.
        for position, item in enumerate(self._message.items, 1):
            if isinstance(item, NumbersItem):
                self._choose_named(position, item)
        for position, item in enumerate(self._message.items, 1):
            if isinstance(item, CriteriaItem):
                self._choose_fitting(position, item)
        if not self.chosen:
            by_criteria = all(isinstance(item, CriteriaItem) for item in self._message.items)
            raise RefusedError("none of the numbers is available", numbers_gone=by_criteria)

    def _choose_named(self, position: int, item: NumbersItem) -> None:
        absent = []
        for number in item.numbers:
            # Named in two items, it can be had for one.
            found = None if number in self.chosen else self._find(number)
            if found is None:
                absent.append(number)
            else:
                self._take(found, item)
        if absent:
            named = ", ".join(absent[:_MOST_NAMED]) + (", ..." if len(absent) > _MOST_NAMED else "")
            self.lacking.append(f"item {position}: {len(absent)} of {item.count} numbers not available ({named})")

    def _find(self, number: str) -> AssetSeen | None:
        country = region(number)
        if country is None:
            return None  # of no country (+800, +883, ...), and the search needs one
        found = results(
            self._api,
            ("filter[country_code]", country),
            ("filter[phone_number][contains]", phonenumbers.national_significant_number(phonenumbers.parse(number))),
            ("filter[limit]", _NEARBY),
        )
        return next((_chosen(row, country, None) for value, row in found if value == number), None)

    def _choose_fitting(self, position: int, item: CriteriaItem) -> None:
        criteria = item.criteria
        fitting = self._find_fitting(criteria, item.quantity)
        # Orders with equal criteria at the same time get the same results: each chooses its own among them. Near matches
        # come after exact ones.
        mixed = list(fitting.items())
        random.Random(self._message.order_id).shuffle(mixed)  # noqa: S311 - nothing secret hangs on it
        mixed.sort(key=lambda found: found[1].get("best_effort") is True)
        taken = mixed[: item.quantity]
        for _, row in taken:
            self._take(_chosen(row, criteria.country, criteria.number_type), item)
        if len(taken) < item.quantity:
            self.lacking.append(f"item {position}: {len(taken)} of {item.quantity} numbers found")

    def _find_fitting(self, criteria: Criteria, quantity: int) -> dict[str, Fields]:
        """Search for as many numbers as are wanted, and some more, of those that may be chosen."""
        # So many more that enough remain when those that may not be chosen are among the results.
        limit = min(quantity + len(self._exclude) + len(self.chosen) + _SPARE, _MOST_RESULTS)
        found = results(self._api, *filters(criteria, limit))
        most = len(found)
        fitting = self._free(found)
        if most < _FEWEST:
            return fitting
        endings = deque("0123456789")
        until = self._api.clock.now() + _MOST_TIME
        fruitless = 0
        while endings and len(fitting) < quantity and self._further and fruitless < _MOST_FRUITLESS:
            if self._api.clock.now() >= until:
                break
            self._further -= 1
            ending = endings.popleft()
            narrower = criteria.model_copy(update={"ends_with": ending + (criteria.ends_with or "")})
            try:
                found = results(self._api, *filters(narrower, limit))
            except RefusedError:
                # It took the search without the ending: what that found is what there is.
                break
            known = len(fitting)
            fitting |= self._free(found)
            fruitless = 0 if len(fitting) > known else fruitless + 1
            if len(found) >= most:
                endings.extend(f"{digit}{ending}" for digit in "0123456789")
        return fitting

    def _free(self, found: list[tuple[str, Fields]]) -> dict[str, Fields]:
        return {value: row for value, row in found if value not in self.chosen and value not in self._exclude}

    def _take(self, asset: AssetSeen, item: NumbersItem | CriteriaItem) -> None:
        self.chosen[asset.value] = asset
        if item.requirement_group_id:
            self.groups[asset.value] = item.requirement_group_id


def results(api: Api, *params: tuple[str, str]) -> list[tuple[str, Fields]]:
    """Search; gives the numbers found in E.164, and what is said of each.

    Raises:
        RefusedError: Telnyx finds the search wrong.
        UnreadableError, AccountFaultError, SlotBusyError: try again later.
    """
    try:
        body = api.get("available_phone_numbers", *params)
    except BadRequestError as error:
        # It would find the same search wrong for ever.
        raise RefusedError(f"the search was refused: {error.detail}", code=error.code) from error
    return [(value, row) for row in rows(body["data"]) if (value := e164(row.get("phone_number")))]


def region(number: str) -> str | None:
    """Tell the country of a number in E.164; for one in no country's plan the main country of its code."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    country = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return country if re.fullmatch("[A-Z]{2}", country) and country != phonenumbers.UNKNOWN_REGION else None


def filters(criteria: Criteria, limit: int) -> list[tuple[str, str]]:
    """Write criteria as filters of `GET /available_phone_numbers`."""
    named = {
        "country_code": criteria.country,
        "phone_number_type": criteria.number_type,
        "national_destination_code": criteria.area_code,
        "phone_number][starts_with": criteria.starts_with,
        "phone_number][contains": criteria.contains,
        "phone_number][ends_with": criteria.ends_with,
        "locality": criteria.city,
        "administrative_area": criteria.state,
        "rate_center": criteria.rate_center,
        # One feature looks alike in every published form; several go as the official SDK sends them.
        "features": ",".join(criteria.features),
        "best_effort": _flag(criteria.best_effort),
        "quickship": _flag(criteria.quickship),
        "limit": str(limit),
    }
    return [(f"filter[{name}]", value) for name, value in named.items() if value]


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _chosen(row: Fields, country: str | None, number_type: str | None) -> AssetSeen:
    # A result says its country among its regions, and its type nowhere.
    regions = (region for region in rows(row.get("region_information")) if region.get("region_type") == "country_code")
    shown = next((name for region in regions if (name := text(region.get("region_name")))), None)
    costs = fields(row.get("cost_information"))
    return AssetSeen(
        kind=AssetKind.NUMBER,
        value=str(row["phone_number"]),
        state=AssetState.PENDING,
        word="chosen",
        country=shown or country,
        number_type=number_type,
        features=features(row),
        upfront_cost=amount(costs.get("upfront_cost")),
        monthly_cost=amount(costs.get("monthly_cost")),
        currency=text(costs.get("currency")),
    )


def features(row: Fields) -> tuple[str, ...] | None:
    """Give what a number that was found can do, by Telnyx's names; none where it is not told."""
    told = row.get("features")
    return tuple(name for it in rows(told) if (name := text(it.get("name")))) if isinstance(told, list) else None
