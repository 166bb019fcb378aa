"""Providers: their accounts, registered webhooks, and searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from numberdesk.domain.capabilities import Ability
from numberdesk.domain.profile import NUMBER_TYPES
from numberdesk_cli.console.gathering import part
from numberdesk_cli.console.values import REASON
from numberdesk_cli.console.visit import issues_of, status_of
from numberdesk_cli.errors import ProblemError, UsageError

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk_cli.console.visit import Visit
    from numberdesk_cli.errors import DeskError

What = Literal["numbers", "keywords", "regions"]
_WHAT: dict[What, Ability] = {
    "numbers": Ability.SEARCH_NUMBERS,
    "keywords": Ability.SEARCH_KEYWORDS,
    "regions": Ability.SEARCH_REGIONS,
}
CRITERIA = ("country", "number_type", "city", "state", "area_code", "prefix", "starts_with", "ends_with", "contains")
_MAX_LIMIT = 100


def providers(visit: Visit) -> Response:
    """Show what each provider can do, and its accounts."""
    able, accounts = visit.console.read(visit.client.providers), visit.console.read(visit.client.accounts)
    return visit.page("providers.html", providers=able.result(), accounts=part(accounts))


def account(visit: Visit) -> Response:
    """Show an account: its registered webhooks, and perhaps the offers of a search."""
    return _account(visit)


def _account(visit: Visit, *, status: int = 200, error: DeskError | None = None) -> Response:
    provider, name, query = visit.path("provider"), visit.path("account"), visit.request.query_params
    client, read = visit.client, visit.console.read
    able, accounts = read(client.providers), read(client.accounts)
    registered = read(lambda: client.registrations(provider, name))
    offers = read(lambda: _search(visit, provider, name)) if query.get("what") else None
    capabilities = next((each for each in able.result() if each.provider == provider), None)
    if capabilities is None:
        raise UsageError("there is no such provider here", "Choose one of the list.")
    found = part(offers) if offers else None
    faults = (
        {field.removeprefix("criteria."): text for field, text in issues_of(found.error)}
        if found and found.error
        else {}
    )
    return visit.page(
        "account.html",
        status=status_of(found.error) if found and found.error else status,
        provider=provider,
        account=name,
        capabilities=capabilities,
        known=next((e for e in accounts.result() if (e.provider, e.account) == (provider, name)), None),
        registrations=part(registered),
        offers=found,
        faults=faults,
        wanted={key: visit.query(key) for key in ("what", "keywords", "limit", *CRITERIA)},
        searchable=[what for what, ability in _WHAT.items() if ability in capabilities.abilities],
        criteria=[each for each in CRITERIA if each in capabilities.criteria_fields],
        types=capabilities.number_types or sorted(NUMBER_TYPES),
        error=error,
    )


def _search(visit: Visit, provider: str, name: str) -> Any:
    what, limit = visit.query("what"), visit.query("limit") or "20"
    if what not in get_args(What) or not limit.isdecimal() or not 1 <= int(limit) <= _MAX_LIMIT:
        raise UsageError(f"the search is not complete: choose what, and 1 to {_MAX_LIMIT} offers", "Fill it in again.")
    criteria = {each: visit.query(each) for each in CRITERIA if visit.query(each)}
    keywords = visit.query("keywords").replace(",", " ").split()
    return visit.client.search(
        provider,
        what=cast("What", what),
        criteria=criteria or None,
        keywords=keywords,
        limit=int(limit),
        account=name,
    )


def register(visit: Visit) -> Response:
    """Register this stack's webhook."""
    provider, name = visit.path("provider"), visit.path("account")
    event, token = visit.form.text("event") or None, visit.form.text("token") or None
    try:
        made = visit.client.register(provider, account=name, event=event, token=token)
    except ProblemError as error:
        return _account(visit, status=error.status, error=error)
    return visit.go(f"/providers/{provider}/{name}", f"The webhook for {made.event} was registered.")


def unregister(visit: Visit) -> Response:
    """Delete a registration; first say what follows."""
    provider, name, registration_id = visit.path("provider"), visit.path("account"), visit.form.text("registration")
    if visit.form.text("sure") != "yes":
        return visit.page("unregister.html", provider=provider, account=name, registration=registration_id)
    visit.client.unregister(provider, registration_id, name)
    return visit.go(f"/providers/{provider}/{name}", "The registration was deleted.")


def retire(visit: Visit) -> Response:
    """Take an account out of use, or back into it; first say what follows."""
    provider, name, back = visit.path("provider"), visit.path("account"), visit.form.text("back") == "yes"
    reason = visit.form.text("reason")
    if visit.form.text("sure") != "yes" or not reason:
        faults = {"reason": REASON} if visit.form.text("sure") else {}
        shown = {"provider": provider, "account": name, "reinstates": back}
        return visit.page("retire.html", status=400 if faults else 200, faults=faults, **shown)
    if back:
        visit.client.reinstate(provider, name, reason=reason)
    else:
        visit.client.retire(provider, name, force=visit.form.text("force") == "yes", reason=reason)
    done = "is used again" if back else "was retired"
    return visit.go(f"/providers/{provider}/{name}", f"The account {provider}/{name} {done}.")


_PATH = "/providers/{provider}/{account}"
VIEWS = (
    ("GET", "/providers", providers),
    ("GET", _PATH, account),
    ("POST", f"{_PATH}/register", register),
    ("POST", f"{_PATH}/unregister", unregister),
    ("POST", f"{_PATH}/retire", retire),
)
