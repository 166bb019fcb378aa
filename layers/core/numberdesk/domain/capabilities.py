"""What a provider can do, as data, and the check of an order against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.request import (
    Contact,
    Criteria,
    CriteriaItem,
    KeywordsItem,
    NumbersItem,
    OrderMessage,
    Partial,
    parse_duration,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Findability(StrEnum):
    """How surely a purchase with an unknown outcome can be found again."""

    EXACT = "exact"  # our reference is echoed and can be searched: absence is proof
    BY_CONTENT = "by_content"  # list and compare: a match is proof, absence is none
    WEAK = "weak"


class Ability(StrEnum):
    """What a provider's API offers beside placing and following orders."""

    CATALOGUE = "catalogue"  # says what numbers of a country and type take before they are bought
    VALUES = "values"  # takes values for requirements
    COMMENTS = "comments"
    EXTENSIONS = "extensions"  # more time, asked for in a comment
    CANCEL = "cancel"
    SEARCH_NUMBERS = "search_numbers"
    SEARCH_KEYWORDS = "search_keywords"
    SEARCH_REGIONS = "search_regions"
    OWNED = "owned"  # lists what the account owns
    REGISTER = "register"  # registers webhooks or postbacks by API
    ORDERS = "orders"  # lists the account's number orders
    RELEASE = "release"  # takes numbers or keywords back


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One provider's declared abilities."""

    provider: str
    sends_webhooks: bool
    findability: Findability
    match_is_proof: bool
    """Whether a purchase that was found is surely ours (our reference is on it), or may be another of the same content."""
    abilities: frozenset[Ability]
    knows_deadlines: bool
    """Whether requirements and their deadlines are in its API; where not, an order may bring its own."""
    promises_all_or_nothing: bool
    max_items: Mapping[str, int]
    """Most items of each kind in one order: `numbers`, `keywords`, and `criteria` or `criteria.<number type>`."""
    max_total_items: int | None
    max_assets: int
    """Most numbers and keywords in one order."""
    criteria_fields: frozenset[str]
    max_named_numbers: int | None = None
    """Most numbers by name in one order, where those are fewer."""
    required_criteria_fields: frozenset[str] = frozenset()
    number_types: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    takes_contact: bool = False
    takes_requirement_groups: bool = False
    group_countries: Mapping[str, str] = field(default_factory=dict)
    """Countries whose orders must carry a fulfilled requirement group, each with its calling code."""
    cadence: tuple[timedelta, ...] = (
        timedelta(seconds=2),
        timedelta(seconds=5),
        timedelta(seconds=15),
        timedelta(seconds=60),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
    )
    """Pauses between polls of an open order; the last one goes on for ever."""
    pending: Mapping[str, timedelta] = field(default_factory=dict)
    """How long an order may be pending before people are told, by kind of number (see `pending.usual`)."""
    finds_by_counts: bool = False
    """Whether what is found shows only how many numbers it was for: orders of as many cannot be told apart by it."""
    call_interval: timedelta = timedelta(0)
    """Least time between two calls with one account, over all Lambdas; zero is no limit."""
    ways_out: Mapping[str, str] = field(default_factory=dict)
    """For a refused kind of item: what to do instead."""
    not_sure: tuple[str, ...] = ()
    """What its documentation leaves open or contradicts, and what numberdesk does about it: for people."""


def check(message: OrderMessage, capabilities: Capabilities) -> list[ValidationIssue]:
    """Say everything that this provider cannot take of an order. Pure; an empty list means that all is well."""
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
            issues.append(
                ValidationIssue(
                    where, "item_not_taken", f"{name} does not take {kind.replace('.', ' of type ')}; {way_out}"
                )
            )
            continue
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] == limit + 1 and (most is None or len(message.items) <= most):
            issues.append(
                ValidationIssue(
                    where,
                    "too_many_items",
                    f"{name} takes at most {limit} item of {kind} in one order; join them or send several orders",
                )
            )
        if isinstance(item, CriteriaItem):
            issues.extend(check_criteria(item.criteria, f"{where}.criteria", capabilities))
        if (
            not isinstance(item, KeywordsItem)
            and item.requirement_group_id
            and not capabilities.takes_requirement_groups
        ):
            issues.append(
                ValidationIssue(
                    f"{where}.requirement_group_id", "field_not_taken", f"{name} has no requirement groups; remove it"
                )
            )
    if message.partial is Partial.REFUSE and not capabilities.promises_all_or_nothing:
        issues.append(
            ValidationIssue(
                "partial",
                "not_promised",
                f"{name} does not promise all or nothing; use accept, or order each number by itself",
            )
        )
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
        True: f"{name} says itself what is required and until when; remove it",
        False: f"{name} has no requirements in its API; list the order's own under requirements and deadline",
    }
    issues += [
        ValidationIssue(field_, "field_not_taken", ways_out[capabilities.knows_deadlines])
        for field_, is_given, taken in given
        if is_given and not taken
    ]
    no_order = (
        "a file is uploaded to an order that is there; put it into a profile, name a document, or supply it later"
    )
    no_tick = "this ticks off what is on an order's own list; supply a value"
    issues += [
        ValidationIssue(f"answers.{index}.value", "not_taken", no_order if answer.value.kind == "file" else no_tick)
        for index, answer in enumerate(message.answers)
        if answer.value.kind in ("file", "done")
    ]
    if message.extension is not None:
        before = parse_duration(message.extension.before)
        if not any(parse_duration(reminder) <= before for reminder in message.reminders):
            text = "no reminder of the order fires so near to the deadline; add one, or ask earlier"
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
    """Say everything that this provider cannot take of criteria, which stand at `where`. Pure."""
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
