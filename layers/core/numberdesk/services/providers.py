"""What providers can do, what can be had there, what an account owns, and where its webhooks go. Buys nothing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.domain.capabilities import Ability, check_criteria
from numberdesk.domain.issues import ValidationIssue
from numberdesk.providers import registry
from numberdesk.providers.base import NOT_TAKEN, RefusedError
from numberdesk.providers.info import WebhookAuth
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from numberdesk.domain.capabilities import Capabilities
    from numberdesk.domain.listings import Delivery, Offer, Owned, Registration
    from numberdesk.providers.base import Query, Sent
    from numberdesk.services.paging import Tokens
    from numberdesk.services.ports import Page, Providers
    from numberdesk.services.receive import Keys

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_SEARCHES = {
    "numbers": (Ability.SEARCH_NUMBERS, "has no search for numbers"),
    "keywords": (Ability.SEARCH_KEYWORDS, "has no keywords"),
    "regions": (Ability.SEARCH_REGIONS, "has no search for regions"),
}


@dataclass(slots=True, eq=False, repr=False)
class ProviderDesk:
    """Asks providers."""

    providers: Providers
    tokens: Tokens
    digests: Keys
    """The tokens that the receiver knows, as SHA-256."""

    def capabilities(self) -> list[Capabilities]:
        """Say what each provider can do."""
        return [registry.capabilities(provider) for provider in registry.NAMES]

    def search(self, provider: str, account: str, what: str, query: Query) -> list[Offer]:
        """Search for `numbers`, `keywords` or `regions`. Reserves and buys nothing.

        Raises:
            ProblemError: the provider has no such search, or the query is none for it.
            ProviderError: see `providers.base.Provider`.
        """
        ability, text = _SEARCHES[what]
        _needs(provider, ability, text)
        issues = []
        if what == "keywords" and not query.keywords:
            issues.append(ValidationIssue("keywords", "missing", "name the keywords"))
        if what != "keywords" and query.keywords:
            issues.append(ValidationIssue("keywords", "not_taken", f"a search for {what} takes criteria"))
        if what == "keywords" and query.criteria is not None:
            issues.append(ValidationIssue("criteria", "not_taken", "a search for keywords takes keywords"))
        if what == "numbers" and query.criteria is None:
            issues.append(ValidationIssue("criteria", "missing", "say what the numbers must be like"))
        if what != "keywords" and query.criteria is not None:
            issues += check_criteria(query.criteria, "criteria", registry.capabilities(provider))
        if issues:
            raise ProblemError(Problem.INVALID, "the request is not valid", issues)
        connection = self.providers.connect(provider, account)
        searches = {
            "numbers": connection.search_numbers,
            "keywords": connection.search_keywords,
            "regions": connection.search_regions,
        }
        try:
            return searches[what](query)
        except RefusedError as error:
            if error.code != NOT_TAKEN:
                raise
            # What an order takes, a search need not: that the adapter knows alone.
            raise ProblemError(
                Problem.INVALID, "the request is not valid", [ValidationIssue("criteria", NOT_TAKEN, error.detail)]
            ) from None

    def owned(self, provider: str, account: str, *, token: str | None) -> Page[Owned]:
        """List what an account owns, in pages as the provider makes them."""
        _needs(provider, Ability.OWNED, "does not list what an account owns")
        listing = f"owned/{provider}/{account}"
        cursor = self.tokens.place(listing, token)
        page = self.providers.connect(provider, account).owned(cursor)
        return self.tokens.page(listing, page.items, page.cursor)

    def registrations(self, provider: str, account: str) -> list[Registration]:
        """List the webhooks or postbacks that are registered."""
        _needs(provider, Ability.REGISTER, "has no webhooks to register")
        return self.providers.connect(provider, account).registrations()

    def register(
        self, provider: str, account: str, base_url: str, event: str | None, token: str | None
    ) -> Registration:
        """Register this stack's own address. `token` is what stands in it where the provider signs nothing.

        Raises:
            ProblemError: the provider has none, or the token is not one that the receiver knows.
            ProviderError: see `providers.base.Provider`.
        """
        _needs(provider, Ability.REGISTER, "has no webhooks to register")
        route = registry.PROVIDERS[provider].webhook or ""
        if route is WebhookAuth.TOKEN:
            token = self._checked(provider, account, token)
        elif token is not None:
            text = f"{provider} signs what it sends; leave the token out"
            raise ProblemError(
                Problem.INVALID, "the request is not valid", [ValidationIssue("token", "not_taken", text)]
            )
        url = base_url + route.format(provider=provider, token=token)
        return self.providers.connect(provider, account).register(url, event)

    def unregister(self, provider: str, account: str, registration_id: str) -> None:
        """Delete a registration."""
        _needs(provider, Ability.REGISTER, "has no webhooks to register")
        self.providers.connect(provider, account).unregister(registration_id)

    def deliveries(self, provider: str, account: str, wanted: Sent, *, token: str | None) -> Page[Delivery]:
        """List webhooks that the provider sent, and how they were answered, in pages as the provider makes them."""
        _needs(provider, Ability.DELIVERIES, "has no log of its webhooks")
        listing = f"deliveries/{provider}/{account}/{wanted!r}"
        cursor = self.tokens.place(listing, token)
        page = self.providers.connect(provider, account).deliveries(wanted, cursor)
        return self.tokens.page(listing, page.items, page.cursor)

    def _checked(self, provider: str, account: str, token: str | None) -> str:
        """Let only a token be registered by which its postbacks are known: any other would be refused for ever."""
        if token is not None and _TOKEN.fullmatch(token):
            digest = hashlib.sha256(token.encode()).hexdigest()
            of_account = [known.lower() for name, known in self.digests.get(provider, ()) if name == account]
            if digest in of_account:
                return token
        text = (
            f"give the token whose SHA-256 stands for account {account} in the parameter "
            f"{registry.PROVIDERS[provider].keys_parameter}: 16 to 128 letters, digits, - and _; make one, set the parameter, deploy, then register"
        )
        raise ProblemError(Problem.INVALID, "the request is not valid", [ValidationIssue("token", "not_known", text)])


def _needs(provider: str, ability: Ability, text: str) -> None:
    if ability not in registry.capabilities(provider).abilities:
        raise ProblemError(Problem.NOT_ABLE, f"{provider} {text}")
