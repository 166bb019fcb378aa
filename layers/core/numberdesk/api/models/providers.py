"""What providers can do, what they offer, and where they send webhooks."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from numberdesk.api.models.base import Out, Provider
from numberdesk.domain.capabilities import Ability, Findability
from numberdesk.domain.model import Given
from numberdesk.domain.request import Criteria, Keyword
from numberdesk.domain.values import Account

_MAX_KEYWORDS = 250
"""Keywords of one search: no source names a limit."""


class Search(Given):
    """What is searched for. Reserves and buys nothing."""

    account: Account = "default"
    what: Literal["numbers", "keywords", "regions"]
    criteria: Criteria | None = Field(default=None, description="Of numbers or regions.")
    keywords: Annotated[list[Keyword], Field(max_length=_MAX_KEYWORDS)] = Field(
        default_factory=list, description="Which of these can be had."
    )
    limit: Annotated[int, Field(ge=1, le=100, strict=True)] = 20


class NewRegistration(Given):
    """A webhook or postback to register: its address is this stack's own."""

    account: Account = "default"
    event: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="What the webhook reports, by the provider's name; by default changes of number orders, if there is such a name.",
    )
    token: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="Where the provider signs nothing: the token in the address. The receiver must know its SHA-256.",
    )


Names = Annotated[list[str], BeforeValidator(sorted)]


class ProviderView(Out):
    """What a provider can do."""

    provider: Provider
    abilities: Annotated[list[Ability], BeforeValidator(sorted)]
    sends_webhooks: bool
    findability: Findability
    match_is_proof: bool
    knows_deadlines: bool
    promises_all_or_nothing: bool
    max_items: dict[str, int]
    max_total_items: int | None
    max_assets: int = Field(description="Most numbers and keywords in one order.")
    max_named_numbers: int | None = Field(description="Most numbers by name in one order, where those are fewer.")
    criteria_fields: Names
    required_criteria_fields: Names
    number_types: Names
    features: Names
    takes_contact: bool
    takes_requirement_groups: bool
    group_countries: Names = Field(description="Countries whose orders must carry a fulfilled requirement group.")
