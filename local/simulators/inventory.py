"""Numbers for sale: an unlimited, deterministic stock per country and number type, and what tests add to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FEATURES = ("sms", "mms", "voice", "fax", "emergency")


@dataclass(frozen=True)
class Plan:
    """The format of numbers of one country and type: calling code, usual area code, length of the national number."""

    calling_code: str
    ndc: str
    length: int


# Enough of the world for the stories; national numbers have a length that is valid in the real numbering plan.
PLANS: dict[tuple[str, str], Plan] = {
    ("US", "local"): Plan("1", "312", 10),
    ("US", "toll_free"): Plan("1", "888", 10),
    ("CA", "local"): Plan("1", "416", 10),
    ("CA", "toll_free"): Plan("1", "877", 10),
    ("GB", "local"): Plan("44", "20", 10),
    ("GB", "mobile"): Plan("44", "7400", 10),
    ("GB", "toll_free"): Plan("44", "800", 10),
    ("DE", "local"): Plan("49", "30", 10),
    ("DE", "mobile"): Plan("49", "151", 11),
    ("DE", "toll_free"): Plan("49", "800", 10),
    ("FR", "local"): Plan("33", "1", 9),
    ("FR", "mobile"): Plan("33", "6", 9),
    ("BE", "local"): Plan("32", "2", 8),
    ("BE", "mobile"): Plan("32", "460", 9),
    ("NL", "local"): Plan("31", "20", 9),
    ("NL", "mobile"): Plan("31", "6", 9),
    ("ES", "local"): Plan("34", "91", 9),
    ("CH", "local"): Plan("41", "44", 9),
    ("DK", "local"): Plan("45", "32", 8),
    ("IT", "local"): Plan("39", "06", 10),
    ("NO", "local"): Plan("47", "22", 8),
    ("PT", "local"): Plan("351", "21", 9),
    ("SE", "local"): Plan("46", "8", 9),
    ("AU", "local"): Plan("61", "2", 9),
}

AREAS: dict[tuple[str, str], str] = {
    ("US", "CHICAGO"): "312",
    ("US", "SEATTLE"): "206",
    ("US", "NEW YORK"): "212",
    ("US", "SAN FRANCISCO"): "415",
    ("US", "LOS ANGELES"): "213",
    ("CA", "TORONTO"): "416",
    ("GB", "LONDON"): "20",
    ("DE", "BERLIN"): "30",
    ("DE", "MUNICH"): "89",
    ("DE", "HAMBURG"): "40",
    ("FR", "PARIS"): "1",
    ("BE", "BRUSSELS"): "2",
    ("NL", "AMSTERDAM"): "20",
    ("CH", "ZURICH"): "44",
    ("IT", "ROME"): "06",
}


@dataclass(frozen=True)
class Stock:
    """One number for sale, E.164 with plus."""

    phone_number: str
    country_code: str
    phone_number_type: str
    locality: str = ""
    features: tuple[str, ...] = FEATURES
    cost: tuple[str, str, str] | None = None
    """Upfront, monthly and currency, where they differ from the settings of the simulator."""

    def national(self) -> str:
        plan = PLANS.get((self.country_code, self.phone_number_type))
        return self.phone_number[1 + len(plan.calling_code) :] if plan else self.phone_number[1:]


@dataclass(frozen=True)
class Wanted:
    """A search. The patterns apply to the national number, or to what follows the area code if one is given."""

    country_code: str
    phone_number_type: str
    ndc: str = ""
    locality: str = ""
    starts_with: str = ""
    contains: str = ""
    ends_with: str = ""
    features: frozenset[str] = frozenset()

    def matches(self, stock: Stock) -> bool:
        national = stock.national()
        rest = national.removeprefix(self.ndc)
        return (
            (stock.country_code, stock.phone_number_type) == (self.country_code, self.phone_number_type)
            and national.startswith(self.ndc)
            and (not self.locality or stock.locality.upper() == self.locality.upper())
            and rest.startswith(self.starts_with)
            and self.contains in rest
            and rest.endswith(self.ends_with)
            and self.features <= set(stock.features)
        )


class Inventory:
    """The stock. The same search returns the same numbers until they are sold or taken."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._known: dict[str, Stock] = {}
        self._added: dict[str, Stock] = {}
        self._gone: set[str] = set()
        self._empty: set[tuple[str, str]] = set()

    def add(self, stock: Stock) -> None:
        """Put a number up for sale, or change its terms; searches return it before the generated ones."""
        self._known[stock.phone_number] = stock
        self._added[stock.phone_number] = stock
        self._gone.discard(stock.phone_number)

    def take(self, numbers: Iterable[str]) -> None:
        """Mark these as sold, here or elsewhere."""
        self._gone.update(numbers)

    def sell_out(self, country_code: str, phone_number_type: str, *, sold_out: bool = True) -> None:
        """Return no generated numbers of this country and type any more (those added by hand remain)."""
        (self._empty.add if sold_out else self._empty.discard)((country_code, phone_number_type))

    def is_gone(self, number: str) -> bool:
        return number in self._gone

    def get(self, number: str) -> Stock | None:
        """Return a number that was added or has been in a search result."""
        return self._known.get(number)

    def recognise(self, number: str) -> Stock | None:
        """Return a number as far as its digits show: known here, or in the usual area of one of the plans."""
        fitting = [
            (country, kind)
            for (country, kind), plan in PLANS.items()
            if number.startswith(f"+{plan.calling_code}{plan.ndc}")
            and len(number) == 1 + len(plan.calling_code) + plan.length
        ]
        return self.get(number) or (Stock(number, *fitting[0]) if fitting else None)

    def find(self, wanted: Wanted, limit: int) -> list[Stock]:
        """Return up to ``limit`` numbers that are for sale and match."""
        added = (s for s in self._added.values() if wanted.matches(s) and s.phone_number not in self._gone)
        found = list(islice(added, limit))
        if (wanted.country_code, wanted.phone_number_type) not in self._empty:
            taken = self._gone | self._added.keys()
            found += islice((s for s in self._generate(wanted) if s.phone_number not in taken), limit - len(found))
        for stock in found:
            self._known[stock.phone_number] = stock
        return found

    def _generate(self, wanted: Wanted) -> Iterator[Stock]:
        """Practically endless: the digits left free by area code and pattern are counted through."""
        plan = PLANS.get((wanted.country_code, wanted.phone_number_type))
        patterns = wanted.ndc + wanted.starts_with + wanted.contains + wanted.ends_with
        if plan is None or not wanted.features <= set(FEATURES) or (patterns and not patterns.isdigit()):
            return
        area = AREAS.get((wanted.country_code, wanted.locality.upper())) if wanted.locality else plan.ndc
        if area is None or (wanted.locality and wanted.ndc and wanted.ndc != area):
            return
        if wanted.ndc:
            head = wanted.ndc + wanted.starts_with
        else:
            head = wanted.starts_with + area[len(wanted.starts_with) :]
            if wanted.locality and not head.startswith(area):
                return
        areas = [
            name for (country, name), ndc in AREAS.items() if country == wanted.country_code and head.startswith(ndc)
        ]
        locality = areas[0] if areas and wanted.phone_number_type == "local" else ""
        head += wanted.contains
        free = plan.length - len(head) - len(wanted.ends_with)
        if free < 0:
            return
        if free and plan.calling_code == "1" and len(head) == 3:
            head, free = head + "5", free - 1  # North American exchanges do not begin with 0 or 1
        for index in range(10**free):
            # 7919 is prime to 10, so this walks through every value once without looking like a counter.
            digits = str((index * 7919 + self._seed * 104729) % 10**free).zfill(free) if free else ""
            number = f"+{plan.calling_code}{head}{digits}{wanted.ends_with}"
            yield Stock(number, wanted.country_code, wanted.phone_number_type, locality)
