"""Orders: every list of the API with its filter in the address, saved views, and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse

from numberdesk.api.models.orders import OrderList
from numberdesk.domain.request import is_order_id
from numberdesk.domain.statuses import OrderState
from numberdesk.providers.registry import NAMES
from numberdesk_cli.console.csv_files import download
from numberdesk_cli.console.gathering import Part, part
from numberdesk_cli.console.jobs import MAX_ITEMS, TITLES
from numberdesk_cli.console.listing import PAGE, address, read_instant, some_orders
from numberdesk_cli.console.visit import issues_of, status_of
from numberdesk_cli.errors import DeskError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response

    from numberdesk.domain.lists import Summary
    from numberdesk_cli.console.visit import Visit

FILTERS = ("state", "provider", "country", "metadata", "month", "open", "attention", "deadline_before")
"""The API's own names. They stand in the address as they stand there."""
_CSV_PAGES = 100
_COLUMNS = (
    "order_id",
    "provider",
    "account",
    "state",
    "attention",
    "next_deadline",
    "received_at",
    "updated_at",
    "ended_at",
    "provider_order_id",
    "provider_status",
)
_SORTS: Mapping[str, Callable[[Summary], Any]] = {
    "order": lambda each: each.order_id,
    "provider": lambda each: (each.provider, each.account),
    "state": lambda each: each.state.value,
    # Those without a deadline come last, whichever way.
    "deadline": lambda each: each.next_deadline,
    "received": lambda each: each.received_at,
    "updated": lambda each: each.updated_at,
}


def filters(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of an address; without any, the open orders."""
    given = {name: parameters.get(name, "").strip() for name in FILTERS}
    filled = {name: value for name, value in given.items() if value}
    return filled or {"open": "true"}


def api_query(filled: Mapping[str, str]) -> dict[str, Any]:
    """Return filters as the API takes them.

    Raises:
        UsageError: an instant is none.
    """
    query: dict[str, Any] = dict(filled)
    if "deadline_before" in query:
        query["deadline_before"] = read_instant(query["deadline_before"], "the deadline")
    return query


def orders(visit: Visit) -> Response:
    """Show a page of a list."""
    filled, sort, token = filters(visit.request.query_params), visit.query("sort"), visit.query("next")
    listed = part(
        visit.console.read(lambda: visit.client.order_page(api_query(filled), limit=PAGE, token=token or None))
    )
    found = listed.value or OrderList(items=[], next=None, unreadable=[])
    error = listed.error
    faults = dict(issues_of(error)) if error else {}
    context = {
        "filled": filled,
        "rows": _sorted(found.items, sort),
        "found": found,
        "error": error,
        "faults": faults,
        "sort": sort,
        "sorts": {name: _sort_address(filled, sort, token, name) for name in _SORTS},
        "token": token,
        "here": address("/orders", filled),
        "next_page": address("/orders", filled, sort=sort, next=found.next or ""),
        "refresh": address("/orders", filled, sort=sort, next=token, part="rows"),
        "csv": address("/orders.csv", filled),
        "source": address("", filled).removeprefix("?"),
        "acts": TITLES,
        "most": MAX_ITEMS,
    }
    status = status_of(error) if error else 200
    if visit.query("part") == "rows":
        return visit.page("parts/order_rows.html", status=status, **context)
    views = _views(visit)
    jobs = visit.console.jobs.recent()
    states, providers = [each.value for each in OrderState], list(NAMES)
    return visit.page(
        "orders.html", status=status, views=views, jobs=jobs, states=states, providers=providers, **context
    )


def _views(visit: Visit) -> Part[dict[str, str]]:
    try:
        return Part(value=visit.console.views.read())
    except DeskError as error:
        return Part(error=error)


def _sorted(rows: list[Summary], sort: str) -> list[Summary]:
    key = _SORTS.get(sort.removeprefix("-"))
    if key is None:
        return rows
    known = [row for row in rows if key(row) is not None]
    return [*sorted(known, key=key, reverse=sort.startswith("-")), *(row for row in rows if key(row) is None)]


def _sort_address(filled: Mapping[str, str], sort: str, token: str, name: str) -> str:
    return address("/orders", filled, sort=f"-{name}" if sort == name else name, next=token)


def orders_csv(visit: Visit) -> Response:
    """Download all orders of a list, up to ten thousand."""
    found, more = some_orders(visit.client, api_query(filters(visit.request.query_params)), _CSV_PAGES)
    rows = ([_cell(order, name) for name in _COLUMNS] for order in found)
    return download("orders-first-10000.csv" if more else "orders.csv", _COLUMNS, rows)


def _cell(order: Summary, name: str) -> object:
    value = order.model_dump(mode="json")[name]
    return " ".join(value) if isinstance(value, list) else value


def go_to(visit: Visit) -> Response:
    """Go to the order that somebody searches for.

    Raises:
        UsageError: no order can have such an id.
    """
    wanted = visit.query("order")
    if not is_order_id(wanted):
        raise UsageError("no order has such an id", "An id has at most 64 letters, digits, dots, colons and hyphens.")
    return RedirectResponse(f"/orders/{wanted}", 303)


def save_view(visit: Visit) -> Response:
    """Save a filter under a name."""
    name, filled = visit.form.text("name"), filters(visit.form.values())
    visit.console.views.save(name, address("", filled).removeprefix("?"))
    return visit.go(address("/orders", filled), f"The view {name} was saved.")


def delete_view(visit: Visit) -> Response:
    """Delete a saved view."""
    name = visit.form.text("name")
    visit.console.views.delete(name)
    return visit.go("/orders", f"The view {name} was deleted.")


VIEWS = (
    ("GET", "/orders", orders),
    ("GET", "/orders.csv", orders_csv),
    ("GET", "/go", go_to),
    ("POST", "/views", save_view),
    ("POST", "/views/delete", delete_view),
)
