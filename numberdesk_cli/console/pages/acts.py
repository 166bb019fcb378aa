"""Acts on one order: each is shown with its effect and cost before it is done, for the order as it was seen.

What can make numberdesk buy, or gives something up for good, is asked for twice. If the order changed since its page was loaded, nothing is
sent: the page says what happened meanwhile. Whether somebody may do it, the API decides.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

from numberdesk_cli.acts import left_of
from numberdesk_cli.console.jobs import held_since
from numberdesk_cli.console.values import REASON, FaultsError
from numberdesk_cli.console.visit import issues_of
from numberdesk_cli.errors import DeskError, NotFoundError, ProblemError, UsageError
from numberdesk_cli.explain import explain
from numberdesk_cli.explanation import ActName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response

    from numberdesk.api.models.orders import OrderView
    from numberdesk.domain.ledger import Entry
    from numberdesk_cli.client import Client
    from numberdesk_cli.console.visit import Form, Visit
    from numberdesk_cli.explanation import Act

HOURS = (1, 4, 24, 72, 168)
_LEDGER = 500
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?")
_DELIVERED = re.compile(r"[\s,;]+")


def confirm(visit: Visit) -> Response:
    """Show what an act does, before it is done."""
    order = visit.client.order(visit.path("order_id"))
    values = {"number": visit.query("number")}
    return _form(visit, order, values)


def do(visit: Visit) -> Response:
    """Do an act, if the order is still the one that was seen."""
    form = visit.form
    order = visit.client.order(visit.path("order_id"))
    act = _act(order, visit)
    if form.text("version") != str(order.version):
        return _form(visit, order, form.values(), status=409, meanwhile=_meanwhile(visit, order, form.text("version")))
    send = _SENDERS[act.name]
    try:
        ready = send(order, form, visit.now())
        if act.spends and form.text("sure") != "yes":
            return _form(visit, order, form.values(), template="act_sure.html")
        ready(visit.client)
    except FaultsError as error:
        return _form(visit, order, form.values(), status=400, error=error, faults=error.faults)
    except ProblemError as error:
        return _form(visit, order, form.values(), status=error.status, error=error, faults=_faults(error))
    return visit.go(f"/orders/{order.order_id}", f"{act.title}: done. {act.effect}")


def _act(order: OrderView, visit: Visit) -> Act:
    name = visit.path("act")
    if name not in get_args(ActName):
        raise NotFoundError("not-found", "There is no such act", 404, f"{name!r} is nothing that can be done")
    for act in explain(order, visit.now()).acts:
        if act.name == name and act.name in _SENDERS:
            return act
    state = order.state.value.replace("_", " ")
    raise UsageError(
        f"this cannot be done now: the order is {state}", "Go back to the order; it shows what can be done."
    )


def _form(
    visit: Visit,
    order: OrderView,
    values: Mapping[str, str],
    *,
    template: str = "act.html",
    status: int = 200,
    error: DeskError | None = None,
    faults: Mapping[str, str] | None = None,
    meanwhile: list[Entry] | None = None,
) -> Response:
    act = _act(order, visit)
    return visit.page(
        template,
        status=status,
        order=order,
        act=act,
        allowance=_allowance(visit, order) if act.name == "approve" else "",
        explanation=explain(order, visit.now()),
        values=values,
        error=error,
        faults=faults or {},
        meanwhile=meanwhile,
        hours=HOURS,
        doing=[operation for operation in order.operations if operation.open],
        back=f"/orders/{order.order_id}",
    )


def _allowance(visit: Visit, order: OrderView) -> str:
    """Say what is left of the account's limits today. Without it the rest of the page still helps."""
    try:
        return left_of(visit.client.spending(), order)
    except DeskError as error:
        return f"it cannot be read: {error}"


def _meanwhile(visit: Visit, order: OrderView, seen: str) -> list[Entry]:
    """Return what the ledger says since the version that was seen."""
    if not seen.isdecimal():
        return []
    entries = islice(visit.client.ledger(order.order_id), _LEDGER)
    return [entry for entry in entries if int(entry.position.partition(".")[0]) > int(seen)]


def _faults(error: ProblemError) -> dict[str, str]:
    return {field.replace("not_placed.place_again", "outcome"): message for field, message in issues_of(error)}


# What each act sends. A form that does not do raises FaultsError before anything is sent.


def _approve(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    most, faults = {}, {}
    for name, text in form.values().items():
        currency = name.removeprefix("most.")
        if currency == name or not text.strip():
            continue
        most[currency] = text.strip()
        if not _AMOUNT.fullmatch(most[currency]):
            faults[name] = "Write an amount such as 15.00."
    if faults:
        raise FaultsError(faults)
    reason, since = _reason(form), _since(order, form)
    return lambda client: client.approve(order.order_id, since=since, most=most or None, reason=reason)


def _reason(form: Form) -> str:
    """Return why somebody does it; the ledger keeps it."""
    if reason := form.text("reason"):
        return reason
    raise FaultsError({"reason": REASON})


def _since(order: OrderView, form: Form) -> datetime | None:
    """Return the hold that was decided on, as the page showed it."""
    text = form.text("since")
    return datetime.fromisoformat(text) if text else held_since(order)


def _reject(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    reason, since = _reason(form), _since(order, form)
    return lambda client: client.reject(order.order_id, reason, since=since)


def _cancel(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    reason, sub_order_id = _reason(form), form.text("sub_order_id") or None
    return lambda client: client.cancel(order.order_id, sub_order_id, reason=reason)


def _resolve(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    outcome, text = form.text("outcome"), form.text("attempt")
    attempt = int(text) if text.isdecimal() else order.attempt.number if order.attempt else 0
    sent: dict[str, Any]
    if outcome == "placed_as":
        if not form.text("placed_as"):
            raise FaultsError({"placed_as": "Give the provider's id of the order."})
        sent = {"placed_as": form.text("placed_as"), "attempt": attempt}
    elif outcome in ("again", "cancel"):
        sent = {"place_again": outcome == "again", "attempt": attempt}
    elif outcome == "delivered":
        sent = {"delivered": [each for each in _DELIVERED.split(form.text("delivered")) if each]}
    else:
        raise FaultsError({"outcome": "Choose what became of the purchase."})
    reason = _reason(form)
    return lambda client: client.resolve(order.order_id, reason=reason, **sent)


def _comment(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    text = form.text("text")
    if not text:
        raise FaultsError({"text": "Write something."})
    return lambda client: client.comment(order.order_id, text, form.text("sub_order_id") or None)


def _extend(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    text, sub_order_id = form.text("text") or None, form.text("sub_order_id") or None
    return lambda client: client.extend(order.order_id, text=text, sub_order_id=sub_order_id)


def _acknowledge(order: OrderView, form: Form, now: datetime) -> Callable[[Client], object]:
    if form.text("hours") not in map(str, HOURS):
        raise FaultsError({"hours": "Choose one of these."})
    until, reason = now + timedelta(hours=int(form.text("hours"))), form.text("reason") or None
    return lambda client: client.acknowledge(order.order_id, until, reason=reason)


def _sync(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    reason = form.text("reason") or None
    return lambda client: client.sync(order.order_id, reason=reason)


def _release(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    number = form.text("number")
    if not number:
        raise FaultsError({"number": "Write the number or keyword, exactly as the order shows it."})
    reason = _reason(form)
    return lambda client: client.release(order.order_id, number, reason=reason)


def _erase(order: OrderView, form: Form, _: datetime) -> Callable[[Client], object]:
    reason = _reason(form)
    return lambda client: client.erase(order.order_id, reason=reason)


_SENDERS: Mapping[str, Callable[[OrderView, Form, datetime], Callable[[Client], object]]] = {
    "approve": _approve,
    "reject": _reject,
    "cancel": _cancel,
    "resolve": _resolve,
    "comment": _comment,
    "extend": _extend,
    "acknowledge": _acknowledge,
    "sync": _sync,
    "release": _release,
    "erase": _erase,
}
"""By act. `supply` has its forms on the order's page."""

VIEWS = (
    ("GET", "/orders/{order_id}/acts/{act}", confirm),
    ("POST", "/orders/{order_id}/acts/{act}", do),
)
