"""What will it take? The requirements of numbers before they are bought, and of an order beside where each stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.capabilities import Ability
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.request import CriteriaItem, NumbersItem
from numberdesk.domain.statuses import OWN
from numberdesk.providers import registry
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.order import Order, Requirement
    from numberdesk.services.ports import Providers
    from numberdesk.services.stores import Orders

MAX_READS = 10
"""Countries and types whose requirements are read for one order: they must fit into the time of one request."""


class About(NamedTuple):
    """What numbers of one sort take: a country and type, or the sort of one number."""

    country: str | None
    number_type: str | None
    number: str | None = None


class Stand(NamedTuple):
    """One requirement of a sub order: what it takes, and where it stands. Either may be missing, not both.

    Without a specification the provider's catalogue does not name it, or was not read; without a state it was not asked for yet.
    """

    specification: Specification | None
    requirement: Requirement | None


class Stands(NamedTuple):
    """The requirements of one sub order; of an order that has none yet, of one of its items; `own` is the order's own list."""

    sub_order_id: str | None
    about: About
    own: bool
    read: bool
    """Whether the provider's catalogue was read for it."""
    requirements: tuple[Stand, ...]


@dataclass(slots=True, eq=False, repr=False)
class Catalogue:
    """Answers from the providers' catalogues of requirements."""

    store: Orders
    providers: Providers

    def requirements(self, provider: str, account: str, about: About) -> list[Specification]:
        """Say what numbers of a country and type take, or what one number takes.

        Raises:
            ProblemError: neither or both were given, or the provider says nothing of the kind.
            ProviderError: it could not be read.
        """
        by_type = about.country is not None and about.number_type is not None
        if (about.number is None) == (not by_type) or (
            about.number is not None and (about.country or about.number_type)
        ):
            text = "give country and number_type, or number alone"
            raise ProblemError(Problem.INVALID, "the request is not valid", [ValidationIssue("", "one_question", text)])
        if about.country is not None and (issues := check_country(about.country)):
            raise ProblemError(Problem.INVALID, "the request is not valid", issues)
        if Ability.CATALOGUE not in registry.capabilities(provider).abilities:
            raise ProblemError(Problem.NOT_ABLE, f"{provider} does not say what numbers take")
        return self._read(provider, account, about)

    def of_order(self, order_id: str) -> list[Stands]:
        """Say what an order's sub orders take, and where each requirement stands.

        Raises:
            ProblemError: there is no such order.
            ProviderError: the catalogue could not be read.
        """
        order = self.store.get(order_id)
        if order is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no order of this id")
        able = Ability.CATALOGUE in registry.capabilities(order.provider).abilities
        known: dict[About, list[Specification]] = {}
        found = []
        for sub_order_id, about in _parts(order) if able else ():
            read = (about in known or len(known) < MAX_READS) and about != About(None, None)
            if read and about not in known:
                known[about] = self._read(order.provider, order.account, about)
            stands = _joined(order, sub_order_id, known.get(about, []))
            found.append(Stands(sub_order_id, about, own=False, read=read, requirements=stands))
        if own := tuple(Stand(None, requirement) for requirement in order.requirements if requirement.own):
            found.append(Stands(None, About(None, None), own=True, read=False, requirements=own))
        return found

    def _read(self, provider: str, account: str, about: About) -> list[Specification]:
        connection = self.providers.connect(provider, account)
        return connection.catalogue(country=about.country, number_type=about.number_type, number=about.number)


def check_country(country: str) -> list[ValidationIssue]:
    """Say whether there is no such country: a provider asked about it answers as if its numbers took nothing."""
    # It brings every country's numbering plan.
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415

    if country in SUPPORTED_REGIONS:
        return []
    return [ValidationIssue("country", "no_such_country", "no country with telephone numbers has this code")]


def _parts(order: Order) -> Iterator[tuple[str | None, About]]:
    """Give an order's sub orders; of one that has none yet, what it asks for."""
    if order.sub_orders:
        for sub_order in order.sub_orders:
            about = About(sub_order.country, sub_order.number_type)
            if about.country is None or about.number_type is None:
                number = next((asset.value for asset in order.assets if asset.sub_order_id == sub_order.id), None)
                about = About(None, None, number)
            yield sub_order.id, about
        return
    asked = []
    for item in order.request.items:
        if isinstance(item, CriteriaItem) and item.criteria.country is not None:
            asked.append(About(item.criteria.country, item.criteria.number_type))
        elif isinstance(item, NumbersItem):
            asked += [About(None, None, number) for number in item.numbers]
    for about in dict.fromkeys(asked):
        yield None, about


def _joined(order: Order, sub_order_id: str | None, specifications: list[Specification]) -> tuple[Stand, ...]:
    wanted = {
        requirement.id: requirement
        for requirement in order.requirements
        if not requirement.own and requirement.sub_order_id == (sub_order_id or OWN)
    }
    joined = [Stand(specification, wanted.pop(specification.id, None)) for specification in specifications]
    return (*joined, *(Stand(None, requirement) for requirement in wanted.values()))
