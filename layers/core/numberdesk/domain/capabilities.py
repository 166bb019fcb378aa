"""A provider's capabilities as data, and the check of an order against them. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.durations import parse_duration
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.request import (
    Contact,
    Criteria,
    CriteriaItem,
    KeywordsItem,
    NumbersItem,
    OrderMessage,
    Partial,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Findability(StrEnum):
    """How reliably a purchase with an unknown outcome can be found."""

    EXACT = "exact"  # our reference can be searched for: absence is proof
    BY_CONTENT = "by_content"  # orders are listed and compared: a match is proof, absence is not
    WEAK = "weak"


class Ability(StrEnum):
    """What a provider's API offers beside placing and following orders."""

    CATALOGUE = "catalogue"  # lists the requirements of a country and number type before a purchase
    VALUES = "values"  # accepts values for requirements
    COMMENTS = "comments"
    EXTENSIONS = "extensions"  # more time, requested in a comment
    CANCEL = "cancel"
    SEARCH_NUMBERS = "search_numbers"
    SEARCH_KEYWORDS = "search_keywords"
    SEARCH_REGIONS = "search_regions"
    OWNED = "owned"  # lists what the account owns
    REGISTER = "register"  # registers webhooks or postbacks by API
    DELIVERIES = "deliveries"  # lists the webhooks that it sent, and how they were answered
    ORDERS = "orders"  # lists the account's number orders
    RELEASE = "release"  # gives numbers or keywords back


_CADENCE = tuple(timedelta(seconds=each) for each in (2, 5, 15, 60, 300, 900, 3600))


class Capabilities(NamedTuple):
    """One provider's declared abilities."""

    provider: str
    sends_webhooks: bool
    findability: Findability
    match_is_proof: bool
    """Whether a found purchase is certainly ours (it has our reference) and not another of the same content."""
    abilities: frozenset[Ability]
    knows_deadlines: bool
    """Whether its API has requirements and deadlines. If not, an order may bring its own."""
    promises_all_or_nothing: bool
    max_items: Mapping[str, int]
    """Most items of each kind in one order, by `numbers`, `keywords`, and `criteria` or `criteria.<number type>`."""
    max_total_items: int | None
    max_assets: int
    """Most numbers and keywords in one order."""
    criteria_fields: frozenset[str]
    max_named_numbers: int | None = None
    """Most numbers by name in one order, if fewer."""
    required_criteria_fields: frozenset[str] = frozenset()
    number_types: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    takes_contact: bool = False
    takes_requirement_groups: bool = False
    group_countries: Mapping[str, str] = MappingProxyType({})
    """Countries whose orders need a fulfilled requirement group, each with its calling code."""
    cadence: tuple[timedelta, ...] = _CADENCE
    """Pauses between polls of an open order; the last one repeats."""
    pending: Mapping[str, timedelta] = MappingProxyType({})
    """How long an order may be pending before people are notified, by kind of number (see `pending.usual`)."""
    finds_by_counts: bool = False
    """Whether a found purchase shows only how many numbers it is for, so that orders of as many cannot be distinguished."""
    call_interval: timedelta = timedelta(0)
    """Minimum time between two calls with one account, over all Lambdas; zero is no limit."""
    ways_out: Mapping[str, str] = MappingProxyType({})
    """What to do instead, by unsupported kind of item."""
    not_sure: tuple[str, ...] = ()
    """What its documentation leaves open or contradicts, and how numberdesk handles that: for people."""


def check(message: OrderMessage, capabilities: Capabilities) -> list[ValidationIssue]:
    """Return every issue of an order that this provider does not support; an empty list means none."""
    name = capabilities.provider
    issues = _check_sizes(message, capabilities)
    most = capabilities.max_total_items
    seen: dict[str, int] = {}
    for index, item in enumerate(message.items):
        where = f"items.{index}"
        kind = _kind(item, capabilities)
        limit = capabilities.max_items.get(kind)
        if limit is None:
            way_out = capabilities.ways_out.get(kind.partition(".")[0], "use another provider for it")
            text = f"{name} does not take {kind.replace('.', ' of type ')}; {way_out}"
            issues.append(ValidationIssue(where, "item_not_taken", text))
            continue
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] == limit + 1 and (most is None or len(message.items) <= most):
            text = f"{name} takes at most {limit} item of {kind} in one order; join them or send several orders"
            issues.append(ValidationIssue(where, "too_many_items", text))
        if isinstance(item, CriteriaItem):
            issues.extend(check_criteria(item.criteria, f"{where}.criteria", capabilities))
        group = None if isinstance(item, KeywordsItem) else item.requirement_group_id
        if group and not capabilities.takes_requirement_groups:
            text = f"{name} has no requirement groups; remove it"
            issues.append(ValidationIssue(f"{where}.requirement_group_id", "field_not_taken", text))
    if message.partial is Partial.REFUSE and not capabilities.promises_all_or_nothing:
        text = f"{name} does not promise all or nothing; use accept, or order each number by itself"
        issues.append(ValidationIssue("partial", "not_promised", text))
    if message.contact != Contact() and not capabilities.takes_contact:
        issues.append(ValidationIssue("contact", "field_not_taken", f"{name} takes no contact fields; remove them"))
    return issues + _check_requirements(message, capabilities)


def _check_requirements(message: OrderMessage, capabilities: Capabilities) -> list[ValidationIssue]:
    name = capabilities.provider
    issues: list[ValidationIssue] = []
    for index, item in enumerate(message.items):
        if isinstance(item, KeywordsItem) or item.requirement_group_id:
            continue
        if isinstance(item, CriteriaItem):
            needing = {item.criteria.country or ""} & set(capabilities.group_countries)
        else:
            codes = capabilities.group_countries.items()
            needing = {
                country for country, code in codes if any(number.startswith(f"+{code}") for number in item.numbers)
            }
        issues += [
            ValidationIssue(
                f"items.{index}.requirement_group_id",
                "group_needed",
                f"{name} sells numbers in {country} only with a fulfilled requirement group; make one there and name it here",
            )
            for country in sorted(needing)
        ]
    given = [
        ("answers", bool(message.answers), Ability.VALUES in capabilities.abilities),
        ("extension", message.extension is not None, Ability.EXTENSIONS in capabilities.abilities),
        ("requirements", bool(message.requirements), not capabilities.knows_deadlines),
        ("deadline", message.deadline is not None, not capabilities.knows_deadlines),
    ]
    ways_out = {
        True: f"{name} sets requirements and deadlines itself; remove it",
        False: f"{name} has no requirements in its API; list the order's own under requirements and deadline",
    }
    issues += [
        ValidationIssue(field_, "field_not_taken", ways_out[capabilities.knows_deadlines])
        for field_, is_given, taken in given
        if is_given and not taken
    ]
    no_order = (
        "a file can only be uploaded to an existing order; put it into a profile, name a document, or supply it later"
    )
    no_tick = "this ticks off requirements of an order's own list; supply a value"
    issues += [
        ValidationIssue(f"answers.{index}.value", "not_taken", no_order if answer.value.kind == "file" else no_tick)
        for index, answer in enumerate(message.answers)
        if answer.value.kind in ("file", "done")
    ]
    if message.extension is not None:
        before = parse_duration(message.extension.before)
        if not any(parse_duration(reminder) <= before for reminder in message.reminders):
            text = "no reminder of the order fires that close to the deadline; add one, or choose a longer time"
            issues.append(ValidationIssue("extension.before", "never_fires", text))
    if message.deadline is not None and not message.requirements:
        issues.append(ValidationIssue("requirements", "missing", "a deadline needs a list of what is due by then"))
    return issues


def _check_sizes(message: OrderMessage, capabilities: Capabilities) -> list[ValidationIssue]:
    name = capabilities.provider
    issues: list[ValidationIssue] = []
    if message.count > capabilities.max_assets:
        text = f"one {name} order takes at most {capabilities.max_assets} numbers and keywords; split it into several orders"
        issues.append(ValidationIssue("items", "too_many", text))
    named = sum(item.count for item in message.items if isinstance(item, NumbersItem))
    max_named = capabilities.max_named_numbers
    if max_named is not None and max_named < named <= capabilities.max_assets:
        way_out = "each is searched for first; split it into several orders, or use criteria"
        text = f"{name} orders take at most {max_named} numbers by name: {way_out}"
        issues.append(ValidationIssue("items", "too_many_named", text))
    most = capabilities.max_total_items
    if most is not None and len(message.items) > most:
        text = f"{name} takes {most} item in one order; send one order for each"
        issues.append(ValidationIssue("items", "too_many_items", text))
    return issues


def _kind(item: NumbersItem | CriteriaItem | KeywordsItem, capabilities: Capabilities) -> str:
    if isinstance(item, NumbersItem):
        return "numbers"
    if isinstance(item, KeywordsItem):
        return "keywords"
    if "criteria" in capabilities.max_items:
        return "criteria"
    return f"criteria.{item.criteria.number_type}"


def check_criteria(criteria: Criteria, where: str, capabilities: Capabilities) -> list[ValidationIssue]:
    """Return every issue of criteria that this provider does not support; `where` is their path in the message."""
    name = capabilities.provider
    issues = [
        ValidationIssue(f"{where}.{used}", "field_not_taken", f"{name} cannot search by {used}; remove it")
        for used in sorted(criteria.fields_used() - capabilities.criteria_fields - {"number_type"})
    ]
    issues += [
        ValidationIssue(f"{where}.{missing}", "missing", f"{name} needs {missing}")
        for missing in sorted(capabilities.required_criteria_fields - criteria.fields_used())
    ]
    if capabilities.number_types and criteria.number_type not in capabilities.number_types:
        known = ", ".join(sorted(capabilities.number_types))
        issues.append(ValidationIssue(f"{where}.number_type", "not_taken", f"{name} takes these types: {known}"))
    issues += [
        ValidationIssue(f"{where}.features", "not_taken", f"{name} cannot ask for {feature}; remove it")
        for feature in criteria.features
        if "features" in capabilities.criteria_fields and feature not in capabilities.features
    ]
    return issues
