"""Numbers: what an account owns, since when, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.api.models.base import Listing
from numberdesk.domain.listings import Owned
from numberdesk_cli.console import words
from numberdesk_cli.console.csv_files import download
from numberdesk_cli.console.gathering import part
from numberdesk_cli.console.listing import address, one_page
from numberdesk_cli.console.visit import status_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk.api.models.desk import AccountView
    from numberdesk_cli.console.visit import Visit

_CSV_PAGES = 100
_COLUMNS = (
    "value",
    "kind",
    "country",
    "number_type",
    "provider_status",
    "since",
    "until",
    "monthly_cost",
    "upfront_cost",
    "currency",
    "given_back",
)


def split(text: str) -> tuple[str, str]:
    """Return provider and account of `provider/account`."""
    provider, _, account = text.partition("/")
    return provider, account or "default"


def in_use(accounts: list[AccountView]) -> list[str]:
    """Name the accounts as `provider/account`, those in use first."""
    ordered = sorted(accounts, key=lambda each: (each.retired_at is not None, each.provider, each.account))
    return [f"{each.provider}/{each.account}" for each in ordered]


def numbers(visit: Visit) -> Response:
    """Show a page of what an account owns, as long as the provider's pages are."""
    accounts = in_use(visit.client.accounts())
    chosen = visit.query("account") or (accounts[0] if accounts else "")
    found = part(visit.console.read(lambda: _page(visit, chosen))) if chosen else None
    listed = found.value if found else None
    costs = [(each.monthly_cost, each.currency) for each in listed.items if not each.given_back] if listed else []
    return visit.page(
        "numbers.html",
        status=status_of(found.error) if found and found.error else 200,
        accounts=accounts,
        chosen=chosen,
        found=found,
        totals=words.totals(costs),
        unpriced=sum(amount is None for amount, _ in costs),
        next_page=address("/numbers", {"account": chosen, "next": (listed.next if listed else "") or ""}),
        csv=address("/numbers.csv", {"account": chosen}),
    )


def _page(visit: Visit, chosen: str, token: str | None = None) -> Listing[Owned]:
    provider, account = split(chosen)
    # The provider decides how long a page is.
    return one_page(
        visit.client,
        Listing[Owned],
        "providers",
        provider,
        "numbers",
        query={"account": account},
        token=visit.query("next") if token is None else token,
        limit=None,
    )


def numbers_csv(visit: Visit) -> Response:
    """Download what an account owns."""
    found: list[Owned] = []
    token = ""  # nosec B105 # the place in a list
    for _ in range(_CSV_PAGES):
        page = _page(visit, visit.query("account"), token)
        found, token = found + page.items, page.next or ""
        if not token:
            break
    rows = ([each.model_dump(mode="json")[name] for name in _COLUMNS] for each in found)
    return download("numbers-incomplete.csv" if token else "numbers.csv", _COLUMNS, rows)


VIEWS = (("GET", "/numbers", numbers), ("GET", "/numbers.csv", numbers_csv))
