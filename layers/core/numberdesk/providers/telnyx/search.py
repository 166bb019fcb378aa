"""Choose numbers at Telnyx.

"Only phone numbers that were previously returned in a search" may be ordered (guide: number orders), so every number is searched for
first, those requested by name too.

A search has a limit and no pages, and its greatest number of results is not published. A search with too few results is repeated for
numbers that end in 0, in 1 and so on, and in two digits where these return as many as the first one did. What is not found within these
bounds is left out of the order, like numbers that are not available.
"""

from __future__ import annotations

import random
import re
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.listings import Offer
from numberdesk.domain.request import CriteriaItem, NumbersItem
from numberdesk.domain.snapshot import AssetSeen
from numberdesk.domain.statuses import AssetKind, AssetState
from numberdesk.providers.base import NotPermittedError, RefusedError
from numberdesk.providers.json_values import Fields, amount, fields, rows, text
from numberdesk.providers.numbers import e164
from numberdesk.providers.telnyx.errors import BadRequestError, NothingPassesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.request import Criteria, OrderMessage
    from numberdesk.providers.telnyx.api import Api

_HIDDEN = re.compile(r"\+[1-9][0-9]*(?:[-*xX_#.•]){2,14}[0-9]*")
"""A number that is only partly shown to the account, e.g. `+14375------`."""
_MAX_NAMED = 5
_SPARE = 10
"""Results requested beyond those needed, to choose among."""
_MAX_RESULTS = 10_000
"""The limit of a search: larger orders are not documented."""
_FEWEST = 10
"""From this many results on, Telnyx may have limited them."""
_MAX_FURTHER = 100
"""Further searches for one order."""
_MAX_FRUITLESS = 3
"""Consecutive further searches with known results only, after which there are no more. A search without results does not count."""
_MAX_TIME = timedelta(seconds=60)
"""For the further searches of one item: place_order has three minutes to search, to buy and to write."""
_NEARBY = "10"
"""Results of a search for one number: longer numbers may contain its digits."""


class Search:
    """The choice of numbers for one order."""

    def __init__(self, api: Api, message: OrderMessage, exclude: frozenset[str]) -> None:
        """Prepare; nothing is searched.

        `exclude` applies to numbers chosen by us. Those requested by name are searched for again: a refused order names all its numbers as
        gone, whichever of them it was.
        """
        self._api = api
        self._message = message
        self._exclude = exclude
        self._further = _MAX_FURTHER
        self.chosen: dict[str, AssetSeen] = {}
        """What to order, by number."""
        self.groups: dict[str, str] = {}
        """The requirement group of a number, if its item names one."""
        self.lacking: list[str] = []
        """What is not available: a sentence for each item."""
        self.not_fitting = 0
        """How many results did not match."""
        self._not_permitted: NotPermittedError | None = None

    def run(self) -> None:
        """Search for everything.

        What the account may not search for, or is not shown, is left out like what is not available, unless nothing else is left.

        Raises:
            RefusedError: nothing is available, or Telnyx finds the criteria wrong.
            NotPermittedError: nothing is available to this account.
        """
        # Those requested by name come first, so that no criteria take them.
        for position, item in enumerate(self._message.items, 1):
            if isinstance(item, NumbersItem):
                self._choose_named(position, item)
        for position, item in enumerate(self._message.items, 1):
            if isinstance(item, CriteriaItem):
                self._choose_fitting(position, item)
        if not self.chosen and self._not_permitted is not None:
            raise self._not_permitted
        if not self.chosen:
            by_criteria = all(isinstance(item, CriteriaItem) for item in self._message.items)
            unfit = f" ({self.not_fitting} results did not match)" if self.not_fitting else ""
            detail = f"none of the numbers is available{unfit}"
            raise RefusedError(detail, numbers_unavailable=by_criteria, not_fitting=self.not_fitting)

    def _choose_named(self, position: int, item: NumbersItem) -> None:
        absent, why = [], None
        for number in item.numbers:
            try:
                # A number in two items can be bought for one of them.
                found = None if number in self.chosen else self._find(number)
            except NotPermittedError as error:
                found, why = None, self._note(error)
            if found is None:
                absent.append(number)
            else:
                self._take(found, item)
        if absent:
            named = ", ".join(absent[:_MAX_NAMED]) + (", ..." if len(absent) > _MAX_NAMED else "")
            because = f"; {why}" if why else ""
            self.lacking.append(
                f"item {position}: {len(absent)} of {item.count} numbers not available ({named}{because})"
            )

    def _find(self, number: str) -> AssetSeen | None:
        import phonenumbers  # noqa: PLC0415 - takes long, and only a search by name needs it

        country = region(number)
        if country is None:
            return None  # of no country (+800, +883, ...), and the search needs one
        found = results(
            self._api,
            ("filter[country_code]", country),
            ("filter[phone_number][contains]", phonenumbers.national_significant_number(phonenumbers.parse(number))),
            ("filter[limit]", _NEARBY),
        )
        named = next((_chosen(row, country, None) for value, row in found.shown if value == number), None)
        if named is None and found.hidden:
            raise found.not_shown()
        return named

    def _note(self, error: NotPermittedError) -> str:
        self._not_permitted = self._not_permitted or error
        return str(error)

    def _choose_fitting(self, position: int, item: CriteriaItem) -> None:
        criteria = item.criteria
        before = self.not_fitting
        try:
            fitting, hidden = self._find_fitting(criteria, item.quantity)
        except NotPermittedError as error:
            fitting, hidden = {}, error
        # Concurrent orders with equal criteria get the same results, so each chooses differently. Near matches come after exact ones.
        mixed = list(fitting.items())
        random.Random(self._message.order_id).shuffle(mixed)  # noqa: S311 - not a secret
        mixed.sort(key=lambda found: found[1].get("best_effort") is True)
        taken = mixed[: item.quantity]
        for _, row in taken:
            self._take(_chosen(row, criteria.country, criteria.number_type), item)
        if len(taken) < item.quantity:
            unfit = self.not_fitting - before
            reasons = [f"{unfit} results did not match"] if unfit else []
            reasons += [self._note(hidden)] if hidden else []
            because = f" ({'; '.join(reasons)})" if reasons else ""
            self.lacking.append(f"item {position}: {len(taken)} of {item.quantity} numbers found{because}")

    def _find_fitting(self, criteria: Criteria, quantity: int) -> tuple[dict[str, Fields], NotPermittedError | None]:
        """Search for at least as many numbers as requested that may be chosen, and report whether some results are not shown.

        Raises:
            NotPermittedError: the account may not search for them.
        """
        # Enough must remain if all numbers that may not be chosen are among the results.
        limit = min(quantity + len(self._exclude) + len(self.chosen) + _SPARE, _MAX_RESULTS)
        seen: set[str] = set()
        found = results(self._api, *filters(criteria, limit))
        hidden = found.not_shown() if found.hidden else None
        most = len(found.shown)
        fitting = self._free(found, criteria, seen)
        if most < _FEWEST:
            return fitting, hidden
        endings = deque("0123456789")
        until = self._api.clock.now() + _MAX_TIME
        fruitless = 0
        while endings and len(fitting) < quantity and self._further and fruitless < _MAX_FRUITLESS:
            if self._api.clock.now() >= until:
                break
            self._further -= 1
            ending = endings.popleft()
            narrower = criteria.model_copy(update={"ends_with": ending + (criteria.ends_with or "")})
            try:
                found = results(self._api, *filters(narrower, limit))
            except (RefusedError, NotPermittedError):
                # Telnyx accepted the search without the ending: use its results.
                break
            known = len(fitting)
            fitting |= self._free(found, criteria, seen)
            fruitless = 0 if len(fitting) > known else fruitless + bool(found.shown)
            if len(found.shown) >= most:
                endings.extend(f"{digit}{ending}" for digit in "0123456789")
        return fitting, hidden

    def _free(self, found: Results, criteria: Criteria, seen: set[str]) -> dict[str, Fields]:
        """Return the results that match and may be chosen. Each result that does not match is counted once."""
        free = {}
        for value, row in found.shown:
            if not fits(value, row, criteria):
                self.not_fitting += value not in seen
            elif value not in self.chosen and value not in self._exclude:
                free[value] = row
            seen.add(value)
        return free

    def _take(self, asset: AssetSeen, item: NumbersItem | CriteriaItem) -> None:
        self.chosen[asset.value] = asset
        if item.requirement_group_id:
            self.groups[asset.value] = item.requirement_group_id


class Results(NamedTuple):
    """The results of a search."""

    shown: Sequence[tuple[str, Fields]] = ()
    """Numbers in E.164, and what is shown of each."""
    hidden: int = 0
    """How many are only partly shown."""

    def not_shown(self) -> NotPermittedError:
        """Return the error for results that cannot be ordered because they are not shown in full."""
        return NotPermittedError(
            f"Telnyx shows {self.hidden} of the numbers found in part only, as it does where the account's level does not permit to "
            "order them"
        )


def results(api: Api, *params: tuple[str, str]) -> Results:
    """Search.

    Raises:
        RefusedError: Telnyx finds the search wrong.
    """
    try:
        found = rows(api.get("available_phone_numbers", *params)["data"])
    except NothingPassesError:
        return Results()
    except BadRequestError as error:
        # The same search would always be wrong.
        named = _NAMES.get(error.parameter or "", "")
        which = f"{named} is wrong: " if named else ""
        raise RefusedError(f"the search was refused: {which}{error.detail}", code=error.code) from error
    shown = [(value, row) for row in found if (value := e164(row.get("phone_number")))]
    hidden = sum(isinstance(it := row.get("phone_number"), str) and bool(_HIDDEN.fullmatch(it)) for row in found)
    return Results(shown, hidden)


def fits(value: str, row: Fields, criteria: Criteria) -> bool:
    """Return whether a result matches: Telnyx ignores a filter that it does not know."""
    if criteria.quickship and row.get("quickship") is False:
        return False
    shown = Offer(
        value=value,
        kind="number",
        country=country_shown(row),
        number_type=text(row.get("phone_number_type")),
        features=features(row),
    )
    from numberdesk.domain.fitting import misfit  # noqa: PLC0415 - the numbering plans take long to import, and polls need none

    return misfit(criteria, shown, near=row.get("best_effort") is True, state=regions(row).get("state")) is None


def region(number: str) -> str | None:
    """Return the country of a number in E.164; for one outside every country's plan, the main country of its code."""
    import phonenumbers  # noqa: PLC0415 - as above

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    country = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return country if re.fullmatch("[A-Z]{2}", country) and country != phonenumbers.UNKNOWN_REGION else None


_FILTERS = {
    "country": "country_code",
    "number_type": "phone_number_type",
    "area_code": "national_destination_code",
    "starts_with": "phone_number][starts_with",
    "contains": "phone_number][contains",
    "ends_with": "phone_number][ends_with",
    "city": "locality",
    "state": "administrative_area",
    "rate_center": "rate_center",
    "features": "features",
    "best_effort": "best_effort",
    "quickship": "quickship",
}
"""Fields of criteria by Telnyx's filters."""
_NAMES = {f"filter[{name}]": field for field, name in _FILTERS.items()}


def filters(criteria: Criteria, limit: int) -> list[tuple[str, str]]:
    """Return criteria as filters of `GET /available_phone_numbers`."""
    named = [(f"filter[{name}]", _written(getattr(criteria, field))) for field, name in _FILTERS.items()]
    return [*((name, value) for name, value in named if value), ("filter[limit]", str(limit))]


def _written(value: str | bool | list[str] | None) -> str | None:
    if isinstance(value, list):
        # The published forms agree for one feature; several are sent as the official SDK does.
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else value


def _chosen(row: Fields, country: str | None, number_type: str | None) -> AssetSeen:
    costs = fields(row.get("cost_information"))
    return AssetSeen(
        kind=AssetKind.NUMBER,
        value=str(row["phone_number"]),
        state=AssetState.PENDING,
        provider_status="chosen",
        # A result does not show its type.
        country=country_shown(row) or country,
        number_type=number_type,
        features=features(row),
        upfront_cost=amount(costs.get("upfront_cost")),
        monthly_cost=amount(costs.get("monthly_cost")),
        currency=text(costs.get("currency")),
    )


def features(row: Fields) -> tuple[str, ...] | None:
    """Return what a result can do, by Telnyx's names; None where it does not say."""
    shown = row.get("features")
    return tuple(name for each in rows(shown) if (name := text(each.get("name")))) if isinstance(shown, list) else None


def country_shown(row: Fields) -> str | None:
    """Return the country of a result, which is among its regions."""
    return regions(row).get("country_code")


def regions(row: Fields) -> dict[str, str]:
    """Return the places of a result, by Telnyx's region types."""
    shown = (
        (text(each.get("region_type")), text(each.get("region_name"))) for each in rows(row.get("region_information"))
    )
    return {kind: name for kind, name in shown if kind and name}
