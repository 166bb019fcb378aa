"""What providers require for numbers, as one model for all of them, and the check of a value against it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field

from numberdesk.domain import patterns
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.model import Record
from numberdesk.domain.statuses import ValueKind
from numberdesk.domain.text import harmless, quoted
from numberdesk.domain.values import KINDS, DateValue, TextValue
from numberdesk.domain.wording import listed

if TYPE_CHECKING:
    from numberdesk.domain.values import Value


class Criteria(Record):
    """Criteria for a value. Each one that is set must be met."""

    min_length: int | None = None
    max_length: int | None = None
    accepted_values: tuple[str, ...] = ()
    accepted_characters: str | None = None
    """The provider's text, for people. It is checked only if `character_class` can parse it."""
    pattern: str | None = None
    """A regular expression that the whole value must match. It is checked only if `domain.patterns` can parse it."""
    case_sensitive: bool = True
    """Whether `accepted_values` are case-sensitive."""
    locality_limit: str | None = None
    """For people: where an address may be."""
    time_limit: str | None = None
    """For people: how old a document may be."""
    unread: dict[str, str] = Field(default_factory=dict)
    """The provider's criteria that numberdesk does not know, by name. They are shown to people; only the provider checks them."""


class Specification(Record):
    """One requirement of a provider for numbers of one country and type."""

    id: str
    name: str
    kind: ValueKind
    provider_status: str = ""
    """The provider's own name of the kind."""
    description: str = ""
    example: str = ""
    criteria: Criteria = Field(default_factory=Criteria)
    country: str | None = None
    number_type: str | None = None


_CLASSES = {
    # Providers' names of sets of characters, in lower case and without blanks.
    "alphanumeric": r"[A-Za-z0-9]",
    "alphabetic": r"[A-Za-z]",
    "letters": r"[A-Za-z]",
    "numeric": r"[0-9]",
    "digits": r"[0-9]",
}


def character_class(text: str) -> str | None:
    """Convert a provider's text about accepted characters to a regular expression's class; none if it is prose."""
    if len(text) <= patterns.MAX_PATTERN and re.fullmatch(r"\[[^\[\]]+\]", text):
        return text if patterns.readable(f"{text}*") else None
    return _CLASSES.get(re.sub(r"[^a-z]", "", text.lower()))


def check(specification: Specification, value: Value, where: str) -> list[ValidationIssue]:
    """Return every issue of a value for a requirement. Issues never hold the value."""
    name, wanted, kind = quoted(specification.name), specification.kind, KINDS[value.kind]
    if kind is None:
        return [ValidationIssue(where, "not_own", f"{name} is the provider's requirement; supply a value for it")]
    if wanted is ValueKind.ACTION:
        text = f"{name} is done outside numberdesk: {harmless(specification.description) or 'see the provider'}"
        return [ValidationIssue(where, "action", text)]
    if wanted is not ValueKind.UNKNOWN and kind is not wanted:
        return [ValidationIssue(where, "wrong_kind", f"{name} takes a value of kind {_kinds(wanted)}")]
    if isinstance(value, TextValue):
        return _check_text(specification, value.text, where)
    if isinstance(value, DateValue):
        return _check_text(specification, value.date.isoformat(), where)
    return []


def _kinds(kind: ValueKind) -> str:
    return " or ".join(name for name, of in KINDS.items() if of is kind)


def _check_text(specification: Specification, text: str, where: str) -> list[ValidationIssue]:
    name, criteria = quoted(specification.name), specification.criteria
    issues = []
    if criteria.min_length is not None and len(text) < criteria.min_length:
        issues.append(ValidationIssue(where, "too_short", f"{name} takes at least {criteria.min_length} characters"))
    if criteria.max_length is not None and len(text) > criteria.max_length:
        issues.append(ValidationIssue(where, "too_long", f"{name} takes at most {criteria.max_length} characters"))
    if criteria.accepted_values:
        accepted = criteria.accepted_values
        known = (
            text in accepted if criteria.case_sensitive else text.casefold() in {each.casefold() for each in accepted}
        )
        if not known:
            issues.append(ValidationIssue(where, "not_accepted", f"{name} takes one of: {listed(accepted)}"))
    characters = character_class(criteria.accepted_characters) if criteria.accepted_characters else None
    if characters and patterns.matches(f"{characters}*", text) is False:
        text = f"{name} takes only these characters: {quoted(criteria.accepted_characters or '')}"
        issues.append(ValidationIssue(where, "characters", text))
    if criteria.pattern and patterns.matches(criteria.pattern, text) is False:
        issues.append(ValidationIssue(where, "pattern", f"{name} must match {quoted(criteria.pattern)}"))
    return issues
