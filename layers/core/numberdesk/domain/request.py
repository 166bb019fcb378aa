"""The order message that an application sends to the order queue. Unknown fields are rejected.

`make docs` generates the JSON Schema in `docs/order-message.schema.json` from these models.
"""

from __future__ import annotations

import hashlib
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError

from numberdesk.domain.durations import parse_duration
from numberdesk.domain.issues import MAX_ISSUES, ValidationIssue
from numberdesk.domain.model import Given, GivenInstant
from numberdesk.domain.text import did_you_mean, read_json
from numberdesk.domain.values import KINDS, NOT_DOTS, Account, Answer, ProviderName, is_id, short_enough

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_MAX_ORDER_ID = 64
OrderId = Annotated[str, Field(max_length=_MAX_ORDER_ID, pattern=NOT_DOTS)]
"""An order's id. Every valid one can be part of a path."""


def _distinct(values: list[str]) -> list[str]:
    if len({value.casefold() for value in values}) != len(values):
        message = "the same value is here twice; name each once"
        raise ValueError(message)
    return values


def _one_duration(text: str) -> str:
    parse_duration(text)
    return text


def _ladder(reminders: list[str]) -> list[str]:
    durations = [parse_duration(reminder) for reminder in reminders]
    if len(set(durations)) != len(durations):
        message = "two reminders are equally long; name each once"
        raise ValueError(message)
    return reminders


E164 = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+4930901820"])]
Keyword = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$", examples=["CHOCOLATE"])]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"])]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,15}$")]
Text = Annotated[str, Field(min_length=1, max_length=256)]


def _degrees(value: float) -> float:
    # To ten centimetres. A float can be smaller than any number that DynamoDB stores.
    return round(value, 6)


class Partial(StrEnum):
    """Whether to accept a part of an order."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class Criteria(Given):
    """Criteria for numbers. Each provider supports some of these fields; an unsupported one is rejected."""

    country: CountryCode | None = Field(default=None, description="ISO 3166-1 alpha-2.")
    number_type: Literal["local", "toll_free", "mobile", "national", "shared_cost"] = "local"
    features: Annotated[list[Literal["sms", "mms", "voice", "fax", "emergency"]], AfterValidator(_distinct)] = Field(
        default_factory=list, description="What each number must be able to do."
    )
    prefix: Digits | None = Field(
        default=None, description="First digits, country code included, no plus (TeleSign, CallFire)."
    )
    area_code: Digits | None = Field(default=None, description="National destination code (Telnyx).")
    starts_with: Digits | None = Field(default=None, description="First digits, without the country code (Telnyx).")
    ends_with: Digits | None = Field(default=None, description="Last digits (Telnyx).")
    contains: Digits | None = Field(default=None, description="Digits anywhere, without the country code (Telnyx).")
    city: Text | None = None
    cities: Annotated[list[Text], Field(min_length=1, max_length=50), AfterValidator(_distinct)] | None = Field(
        default=None, description="Any of these cities (TeleSign)."
    )
    state: Text | None = Field(default=None, description="State or province; two letters in the US and Canada.")
    zipcode: Annotated[str, Field(pattern=r"^[0-9]{5}$")] | None = None
    rate_center: Text | None = None
    lata: Digits | None = None
    latitude: Annotated[float, Field(ge=-90, le=90), AfterValidator(_degrees)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180), AfterValidator(_degrees)] | None = None
    time_zone: Text | None = Field(default=None, examples=["America/Los_Angeles"])
    best_effort: bool | None = Field(default=None, description="Take near matches too (Telnyx, US and Canada).")
    quickship: bool | None = Field(
        default=None, description="Only numbers that activate at once (Telnyx, +1 toll-free)."
    )

    def fields_used(self) -> frozenset[str]:
        """Return the names of the fields that are set."""
        return frozenset(name for name, value in self if value not in (None, []))


class NumbersItem(Given):
    """Numbers by name."""

    numbers: Annotated[list[E164], Field(min_length=1), AfterValidator(_distinct)]
    requirement_group_id: Text | None = Field(default=None, description="A fulfilled requirement group (Telnyx).")

    @property
    def count(self) -> int:
        """How many numbers this item asks for."""
        return len(self.numbers)


class CriteriaItem(Given):
    """A quantity of numbers that meet criteria."""

    criteria: Criteria
    quantity: Annotated[int, Field(ge=1, strict=True)]
    requirement_group_id: Text | None = Field(default=None, description="A fulfilled requirement group (Telnyx).")

    @property
    def count(self) -> int:
        """How many numbers this item asks for."""
        return self.quantity


class KeywordsItem(Given):
    """Keywords (CallFire)."""

    keywords: Annotated[list[Keyword], Field(min_length=1), AfterValidator(_distinct)]

    @property
    def count(self) -> int:
        """How many keywords this item asks for."""
        return len(self.keywords)


def _item_kind(value: Any) -> str | None:
    if isinstance(value, NumbersItem | CriteriaItem | KeywordsItem):
        return value.__class__.__name__.removesuffix("Item").lower()
    kinds = [kind for kind in ("numbers", "criteria", "keywords") if isinstance(value, dict) and kind in value]
    return kinds[0] if len(kinds) == 1 else None


Item = Annotated[
    Annotated[NumbersItem, Tag("numbers")]
    | Annotated[CriteriaItem, Tag("criteria")]
    | Annotated[KeywordsItem, Tag("keywords")],
    Discriminator(
        _item_kind,
        custom_error_type="item_kind",
        custom_error_message="an item holds exactly one of numbers, criteria (with quantity) or keywords; split it into several items",
    ),
]


class Contact(Given):
    """Who orders and what for, if the provider asks (TeleSign). Personal data: stored separately, and erasable."""

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] | None = None
    contact_name: Text | None = None
    use_case: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    description: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class OwnRequirement(Given):
    """One requirement of the order's own list, for a provider without requirements in its API. People tick it off."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    name: Text
    kind: Literal["text", "date", "address", "document", "action"] | None = None


class ExtensionPolicy(Given):
    """When to request an extension automatically: as a reminder fires while a value is still missing."""

    before: Annotated[str, AfterValidator(_one_duration)] = Field(
        default="P1D", description="The first reminder that requests one, as an ISO 8601 duration before the deadline."
    )
    most: Annotated[int, Field(ge=1, le=5, strict=True)] = Field(
        default=1,
        description="Most requests for one sub order, over all its deadlines, including those that people make.",
    )


def _distinct_ids(requirements: list[OwnRequirement]) -> list[OwnRequirement]:
    _distinct([requirement.id for requirement in requirements])
    return requirements


_FIELD = re.compile("[a-z][a-z0-9_]{0,63}", re.ASCII)
"""The form of a field's name."""
_QUOTED = re.compile("'([^']*)'")  # a known value in a message of pydantic
DEFAULT_REMINDERS = ("P7D", "P3D", "P1D", "PT4H", "PT1H")

_MOST = 2**53 - 1
# Not every JSON reader reads a larger number exactly, and DynamoDB stores 38 digits at most.
MetadataValue = (
    Annotated[str, Field(max_length=1024)] | Annotated[int, Field(strict=True, ge=-_MOST, le=_MOST)] | bool | None
)


class OrderMessage(Given):
    """One order for numbers or keywords of one provider account."""

    order_id: OrderId = Field(
        description="Your business key, unique in the stack. An id buys once, however often it is sent."
    )
    provider: ProviderName
    account: Account = Field(
        default="default",
        description="The set of credentials at the provider: the secret `<stack>/<provider>/<account>`.",
    )
    items: Annotated[list[Item], Field(min_length=1, max_length=50)]
    partial: Partial = Field(
        default=Partial.ACCEPT, description="`refuse` is valid only if the provider promises all or nothing."
    )
    contact: Contact = Field(default_factory=Contact)
    reminders: Annotated[list[str], Field(max_length=20), AfterValidator(_ladder)] = Field(
        default_factory=lambda: list(DEFAULT_REMINDERS),
        description="When to remind people, as ISO 8601 durations before a deadline.",
    )
    answers: Annotated[list[Answer], Field(max_length=50), AfterValidator(short_enough)] = Field(
        default_factory=list,
        description="Values for requirements, checked before the purchase and submitted when they are required (Telnyx). "
        "Personal data: stored separately, and erasable.",
    )
    profiles: bool = Field(default=True, description="Whether stored profiles answer the order's requirements.")
    extension: ExtensionPolicy | None = Field(
        default=None, description="When to request an extension automatically (Telnyx)."
    )
    requirements: Annotated[list[OwnRequirement], Field(max_length=50), AfterValidator(_distinct_ids)] = Field(
        default_factory=list, description="The order's own requirements, if the provider has none (TeleSign, CallFire)."
    )
    deadline: GivenInstant | None = Field(
        default=None, description="The deadline of the order's own requirements, an ISO 8601 instant with time zone."
    )
    metadata: Annotated[dict[Annotated[str, Field(max_length=128)], MetadataValue], Field(max_length=50)] = Field(
        default_factory=dict,
        description="Your own key-value pairs. They are stored with the order and passed on to nobody.",
    )

    @property
    def count(self) -> int:
        """How many numbers and keywords the order asks for in all."""
        return sum(item.count for item in self.items)

    def content_hash(self) -> str:
        """Hash the whole message (SHA-256, hexadecimal). A message with a known order id must have the same hash."""
        return hashlib.sha256(_canonical(self).encode()).hexdigest()


def _canonical(model: Given) -> str:
    # Without defaults: a field that a later version adds must not change the hash of an old message.
    document = model.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


class Request(Given):
    """The part of a message that the order row stores: what to buy, without personal data."""

    items: tuple[Item, ...]
    partial: Partial
    reminders: tuple[str, ...]
    profiles: bool = True
    answered: bool = False
    """Whether the message has answers."""
    extension: ExtensionPolicy | None = None

    @classmethod
    def of(cls, message: OrderMessage) -> Request:
        """Return a message's part without personal data."""
        return cls(
            items=tuple(message.items),
            partial=message.partial,
            reminders=tuple(message.reminders),
            profiles=message.profiles,
            answered=bool(message.answers),
            extension=message.extension,
        )

    @property
    def count(self) -> int:
        """How many numbers and keywords the order asks for in all."""
        return sum(item.count for item in self.items)

    def content_hash(self, *, by_counts: bool) -> str:
        """Hash the content to buy (SHA-256, hexadecimal).

        Two orders of equal content cannot be distinguished at a provider that shows no reference. `by_counts` is for a provider that,
        before delivery, shows only how many numbers and keywords an order is for.
        """
        if by_counts:
            keywords = sum(item.count for item in self.items if isinstance(item, KeywordsItem))
            parts = [str(self.count - keywords), str(keywords)]
        else:
            parts = sorted(map(_canonical, self.items))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_message(body: str, providers: Collection[str]) -> OrderMessage:
    """Parse and validate the body of an order message.

    Args:
        body: the message body.
        providers: the names of the known providers.

    Raises:
        InvalidMessageError: It has issues. They name fields and hold no value of the message.
    """
    try:
        document = read_json(body)
    except ValueError:
        raise InvalidMessageError(
            [ValidationIssue("", "not_json", "the message is not JSON; send one JSON object")]
        ) from None
    if not isinstance(document, dict):
        raise InvalidMessageError([ValidationIssue("", "not_an_object", "the message must be one JSON object")])
    try:
        return OrderMessage.model_validate(document, context={"providers": providers})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise InvalidMessageError(issues_of(details)) from None


def shown_name(name: str) -> str:
    """Give the name of an unknown field, or `?` where it does not read like one: it may be anything that somebody sent."""
    return name if _FIELD.fullmatch(name) else "?"


def issues_of(details: Iterable[Any]) -> list[ValidationIssue]:
    """Convert pydantic's errors to validation issues that name fields but hold no values."""
    return list(dict.fromkeys(_issue(detail, suggest=place < MAX_ISSUES) for place, detail in enumerate(details)))


def _issue(detail: Any, *, suggest: bool) -> ValidationIssue:
    kind = str(detail["type"])
    names = list(detail["loc"])
    if names and names[0] == "metadata":
        # The sender's own key may be personal data.
        return ValidationIssue(
            "metadata",
            "metadata_value",
            "at most 50 keys of at most 128 characters; a value is text of at most 1024 characters, a whole number, true, false or null",
        )
    if kind == "unknown_field":
        # So may an unknown field: it is named only if it looks like a field.
        names[-1] = shown_name(str(names[-1]))
    if kind == "union_tag_invalid":
        # Its text would quote what was sent.
        nearest = did_you_mean(detail["input"].get("kind"), KINDS) or f"; it is one of {', '.join(KINDS)}"
        return ValidationIssue(f"{_path(names)}.kind", "unknown_kind", f"unknown kind of value{nearest}")
    if kind in ("enum", "literal_error"):
        nearest = did_you_mean(detail["input"], _QUOTED.findall(str(detail["msg"])) if suggest else ())
        return ValidationIssue(_path(names), kind, f"{detail['msg']}{nearest}")
    if kind == "string_pattern_mismatch" and "numbers" in names:
        text = "not an E.164 number; write a plus, the country code and the rest, digits only"
        return ValidationIssue(_path(names), "not_e164", text)
    if kind in ("string_pattern_mismatch", "string_too_long") and names and (allowed := _NAMES.get(str(names[-1]))):
        # One code for all that can be wrong with a name.
        return ValidationIssue(_path(names), "string_pattern_mismatch", allowed)
    return ValidationIssue(_path(names), kind, str(detail["msg"]).removeprefix("Value error, "))


def _path(parts: list[Any]) -> str:
    # Pydantic adds the kind of an item or a value before the field; the sender did not write it.
    match parts:
        case ["items", int(index), "numbers" | "criteria" | "keywords", *rest] if rest:
            parts = ["items", index, *rest]
    parts = [
        part for before, part in zip([None, *parts], parts, strict=False) if before != "value" or part not in KINDS
    ]
    return ".".join(map(str, parts))


_NAMES = {
    "order_id": "this does not match the form of a name in a path: at most 64 letters, digits, dots, underscores, colons and hyphens, and not dots alone",
    "account": "this does not match the form of a name in a path: at most 64 letters, digits, dots, underscores and hyphens, and not dots alone",
}
"""The form of names that are part of paths, by field."""


def is_order_id(text: str) -> bool:
    """Whether a text is a valid order id."""
    return len(text) <= _MAX_ORDER_ID and is_id(text)


def readable_order_id(body: str) -> str | None:
    """Return the order id of a message that may be invalid otherwise; none if it has no valid one."""
    try:
        order_id = read_json(body)["order_id"]
    except (ValueError, TypeError, KeyError):
        return None
    return order_id if isinstance(order_id, str) and is_order_id(order_id) else None


class InvalidMessageError(ValueError):
    """An invalid order message, with all its validation issues."""

    def __init__(self, issues: list[ValidationIssue]) -> None:
        """Store the issues."""
        super().__init__("; ".join(str(issue) for issue in issues))
        self.issues = issues
