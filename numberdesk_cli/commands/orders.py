"""Orders: submit, list, show, watch, and decide about them."""

from __future__ import annotations

import itertools
import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from numberdesk.api.models.orders import Submitted
from numberdesk.domain import wording
from numberdesk.domain.statuses import ENDED, OrderState
from numberdesk_cli.errors import DeskError, Exit, NotFoundError, UsageError
from numberdesk_cli.explain import ATTENTION, explain, is_vetted
from numberdesk_cli.session import Desk, DryRun, Flag, OrderId, Reason, SubOrder, Text, Yes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numberdesk.api.models.orders import OrderView
    from numberdesk.api.models.today import VettingTimesView
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.lists import Summary
    from numberdesk_cli.session import Session

orders = App(name=["orders", "order"], help="Submit, list, show and watch orders, and decide about them.")

Open = Annotated[Flag, Parameter(name="--open")]
Limit = Annotated[int, Parameter(validator=Number(gte=0), help="List at most this many; 0 lists all.")]
Seconds = Annotated[float, Parameter(validator=Number(gte=0.1, lte=3600))]


def register(app: App) -> None:
    """Add the commands."""
    app.command(orders)
    app.command(needs_attention, name="needs-attention")
    app.command(deadlines)
    app.command(tell, name="explain")
    app.command(export)


@orders.command
def submit(file: Text, *, desk: Desk) -> int:
    """Submit an order. Submitting the same message again is harmless.

    Args:
        file: A file with an order message (docs/order-message.md), or - for standard input.
    """
    message = read_json_file(file)
    done = desk.client.submit(message)
    if isinstance(done, Submitted):
        desk.out.json(done) if desk.out.as_json else desk.out.line(
            f"{done.order_id}: accepted; it is placed within a moment."
        )
    else:
        desk.out.note(f"{done.order_id} was submitted before. Nothing is ordered again.")
        desk.show_done(done)
    return Exit.DONE


def read_json_file(file: str) -> dict[str, Any]:
    """Read a JSON object from a file, or from standard input.

    Raises:
        UsageError: it cannot be read, or is no JSON object.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        read = json.loads(text, parse_constant=_refuse)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "Name a file, or - for standard input.") from error
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{file} is not JSON{where}; nothing was sent", "Mend the file.") from error
    if not isinstance(read, dict):
        raise UsageError(f"{file} is not a JSON object; nothing was sent", "Mend the file.")
    return read


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


@orders.command(name="list")
def list_(
    *,
    state: OrderState | None = None,
    provider: str | None = None,
    country: str | None = None,
    metadata: str | None = None,
    month: str | None = None,
    is_open: Open = False,
    attention: Flag = False,
    deadline_before: datetime | None = None,
    limit: Limit = 50,
    desk: Desk,
) -> int:
    """List orders, the newest first. Without a filter, list the open ones.

    Args:
        state: Only orders in this state.
        provider: Only orders at this provider.
        country: Only orders with numbers of this country.
        metadata: Only orders with this value under the metadata key by which the stack lists orders.
        month: With --state, --provider, --country or --metadata: only orders received in this month, such as 2026-11; by default, the current month.
        is_open: Only orders that have not ended.
        attention: Only orders that need a person.
        deadline_before: Only orders whose next deadline is before this instant, the nearest first.
    """
    filters: dict[str, Any] = {
        "state": state,
        "provider": provider,
        "country": country,
        "metadata": metadata,
        "month": month,
        "attention": attention,
        "deadline_before": deadline_before,
    }
    is_open = is_open or not any(filters.values())
    return _list(desk, desk.client.orders(**filters, is_open=is_open), limit, "no order matches")


def needs_attention(*, limit: Limit = 50, desk: Desk) -> int:
    """List the orders that need a person, the nearest deadline first."""
    far = datetime.max.replace(tzinfo=desk.now().tzinfo)
    found = sorted(desk.client.orders(attention=True), key=lambda order: order.next_deadline or far)
    return _list(desk, iter(found), limit, "no order needs a person")


def deadlines(*, within: str = "30d", limit: Limit = 50, desk: Desk) -> int:
    """List the orders with a deadline, the nearest first, with the time left.

    Args:
        within: How far to look ahead: 90m, 4h, 30d.
    """
    until = desk.now() + duration(within)
    return _list(desk, desk.client.orders(deadline_before=until), limit, f"no deadline within {within}")


def _list(desk: Session, found: Iterator[Summary], limit: int, none: str) -> int:
    now = desk.now()
    shown = itertools.islice(found, limit) if limit else found

    def left(order: Summary) -> str:
        if order.next_deadline is None:
            return "-"
        return wording.time_left(order.next_deadline - now) if order.next_deadline > now else "passed"

    count = desk.out.items(
        shown,
        [
            ("ORDER", lambda order: order.order_id),
            (
                "PROVIDER",
                lambda order: order.provider if order.account == "default" else f"{order.provider}/{order.account}",
            ),
            ("STATE", lambda order: order.state.value),
            ("RECEIVED", lambda order: order.received_at),
            ("DEADLINE", lambda order: order.next_deadline),
            ("TIME LEFT", left),
            ("NEEDS", lambda order: " ".join(ATTENTION.get(each, each) for each in order.attention) or "-"),
        ],
        none=none,
    )
    if limit and count == limit and next(found, None) is not None:
        desk.out.note(f"There are more than {limit}; add --limit 0 for all.")
    return Exit.DONE


@orders.command
def show(order_id: OrderId, *, desk: Desk) -> int:
    """Show an order, and what you can do about it."""
    order = desk.client.order(order_id)
    desk.out.fields(
        order,
        [
            ("order", lambda it: it.order_id),
            ("state", lambda it: it.state.value),
            ("needs a person", lambda it: " ".join(ATTENTION.get(each, each) for each in it.attention)),
            ("provider", lambda it: f"{it.provider}, account {it.account}"),
            ("their id", lambda it: it.provider_order_id),
            ("their status", lambda it: it.provider_status),
            ("received", lambda it: it.received_at),
            ("placed", lambda it: it.placed_at),
            ("ended", lambda it: it.ended_at),
            ("asked for", lambda it: it.request.count),
            ("numbers", lambda it: [f"{asset.value} {asset.state.value}" for asset in it.assets[:20]]),
            (
                "costs",
                lambda it: [f"{cost.upfront} {cost.currency} upfront, {cost.monthly} a month" for cost in it.costs],
            ),
            ("requirements", lambda it: [f"{each.label}: {each.state.value}" for each in it.requirements[:20]]),
            ("deadlines", lambda it: [each.value for each in it.deadlines]),
            ("next poll", lambda it: it.next_poll_at),
            ("version", lambda it: it.version),
        ],
    )
    if not desk.out.as_json:
        desk.out.line()
        _tell(desk, order)
    return Exit.DONE


def tell(order_id: OrderId, *, desk: Desk) -> int:
    """Explain an order: why it is in its state, what it waits for, what comes next, and what you can do now."""
    _tell(desk, desk.client.order(order_id))
    return Exit.DONE


def _tell(desk: Session, order: OrderView) -> None:
    vetting = _vetting(desk, order)
    if not desk.out.as_json:
        for line in lines_of(order, desk.now(), vetting):
            desk.out.line(line)
        return
    story = explain(order, desk.now(), vetting=vetting)
    desk.out.json(
        {
            "order_id": order.order_id,
            "state": order.state.value,
            "headline": story.headline,
            "reasons": list(story.reasons),
            "waits_for": story.waits_for,
            "since": story.since and story.since.isoformat(),
            "next": [{"at": each.at.isoformat(), "what": each.what} for each in story.next],
            "acts": [
                {"name": act.name, "command": act.command, "effect": act.effect, "cost": act.cost} for act in story.acts
            ],
        }
    )


def _vetting(desk: Session, order: OrderView) -> Sequence[VettingTimesView]:
    """Read what is usual, while that is waited for. Without it the rest is told all the same."""
    if not is_vetted(order):
        return ()
    try:
        return desk.client.vetting().items
    except DeskError:
        return ()


def lines_of(order: OrderView, now: datetime, vetting: Sequence[VettingTimesView] = ()) -> Iterator[str]:
    """Write an explanation as the lines of a terminal."""
    story = explain(order, now, vetting=vetting)
    yield f"{order.order_id}: {story.headline}"
    yield from (f"  {reason}" for reason in story.reasons)
    if story.waits_for:
        since = f" {wording.time_left(now - story.since)}" if story.since and story.since < now else ""
        yield f"It has waited{since} for {story.waits_for}."
    if story.next:
        yield "Next:"
        for coming in story.next:
            yield f"  in {wording.time_left(coming.at - now):<22} {coming.what}"
    if story.acts:
        yield "What you can do:"
        for act in story.acts:
            yield f"  {act.command}"
            yield f"      {act.effect}{f' It costs {act.cost}.' if act.cost else ''}"


@orders.command
def watch(*order_ids: str, after: str = "", every: Seconds = 3.0, desk: Desk) -> int:
    """Follow orders, and print what happens to them until all have ended.

    You can interrupt it and start it again at any time. With --after, it continues after an entry that it printed before.
    The exit code is 0 if every order was completed, and 6 otherwise.

    Args:
        order_ids: The orders to follow.
        after: Print only what happened after this position; --json prints each entry with its `position`.
        every: Read the orders again after this many seconds.
    """
    if not order_ids:
        raise UsageError("no order is named", "Name the orders to follow.")
    known: dict[str, tuple[int, str]] = dict.fromkeys(order_ids, (0, after))
    states: dict[str, OrderState] = {}
    while True:
        for order_id in order_ids:
            if states.get(order_id) in ENDED:
                continue
            try:
                order = desk.client.order(order_id)
            except NotFoundError:
                if order_id in states:
                    raise
                continue  # it was submitted just now, or it never was: the caller decides how long to wait
            version, position = known[order_id]
            if order.version != version:
                position = _tell_news(desk, order_id, position)
                known[order_id] = order.version, position
            states[order_id] = order.state
        if len(states) == len(set(order_ids)) and all(state in ENDED for state in states.values()):
            break
        time.sleep(every)
    return Exit.DONE if set(states.values()) == {OrderState.COMPLETED} else Exit.UNFINISHED


def _tell_news(desk: Session, order_id: str, after: str) -> str:
    for entry in sorted(desk.client.ledger(order_id), key=lambda entry: entry.position):
        if entry.position > after:
            after = entry.position
            desk.out.json(entry) if desk.out.as_json else desk.out.line(line_of(entry))
    return after


def line_of(entry: Entry) -> str:
    """Write a ledger entry in one line."""
    return f"{entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.order_id or ''}  {entry.kind.value}  {_what(entry)}"


def _what(entry: Entry) -> str:
    """Return an entry's message; of one without, its data as names and values."""

    def value(of: Any) -> str:
        return of if isinstance(of, str) else json.dumps(of, ensure_ascii=False)

    data = (f"{name.replace('_', ' ')}: {value(of)}" for name, of in entry.data.items() if of is not None)
    return entry.message or "; ".join(data)


@orders.command
def ledger(order_id: OrderId, *, desk: Desk) -> int:
    """Print everything that happened to an order, and who did it."""
    desk.out.items(
        desk.client.ledger(order_id),
        [
            ("WHEN", lambda entry: entry.at),
            ("WHAT", lambda entry: entry.kind.value),
            ("WHO", lambda entry: wording.who(entry.actor)),
            ("STATE", lambda entry: entry.state and entry.state.value),
            ("MESSAGE", _what),
        ],
    )
    return Exit.DONE


@orders.command
def webhooks(order_id: OrderId, *, desk: Desk) -> int:
    """List an order's webhooks. With --json, print their bodies as well, which may hold personal data."""
    desk.out.items(
        desk.client.webhooks(order_id),
        [
            ("WEBHOOK", lambda it: it.webhook_id),
            ("RECEIVED", lambda it: it.received_at),
            ("PROVIDER", lambda it: it.provider),
        ],
        none="no webhook is kept",
    )
    return Exit.DONE


@orders.command
def cancel(
    order_id: OrderId,
    *,
    sub_order: SubOrder = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    desk: Desk,
) -> int:
    """Cancel an order, or one of its sub orders."""
    return desk.decide(
        order_id,
        "cancel",
        lambda order, why: desk.client.cancel(order.order_id, sub_order, reason=why),
        reason=reason,
        dry_run=dry_run,
        yes=yes,
    )


@orders.command
def approve(
    order_id: OrderId,
    *,
    most: Annotated[
        list[str] | None,
        Parameter(negative="", help="Buy only if no more than this is due at once, such as USD=15.00."),
    ] = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    desk: Desk,
) -> int:
    """Approve a held order at the cost that is shown."""
    bounds = dict(_pair(each) for each in most or ()) or None
    return desk.decide(
        order_id,
        "approve",
        lambda order, why: desk.client.approve(
            order_id, since=order.hold.since if order.hold else None, most=bounds, reason=why
        ),
        reason=reason,
        dry_run=dry_run,
        yes=yes,
    )


def _pair(text: str) -> tuple[str, str]:
    currency, _, amount = text.partition("=")
    if not currency or not amount:
        raise UsageError(f"--most {text!r} is no currency and amount; nothing was sent", "Write --most USD=15.00.")
    return currency, amount


@orders.command
def reject(order_id: OrderId, *, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False, desk: Desk) -> int:
    """Reject a held order: it is cancelled before anything is bought."""
    return desk.decide(
        order_id,
        "reject",
        lambda order, why: desk.client.reject(order_id, why, since=order.hold.since if order.hold else None),
        reason=reason,
        dry_run=dry_run,
        yes=yes,
    )


@orders.command
def resolve(
    order_id: OrderId,
    *,
    placed_as: str | None = None,
    not_placed: Literal["cancel", "again"] | None = None,
    delivered: Annotated[list[str] | None, Parameter(negative="")] = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    desk: Desk,
) -> int:
    """Say what became of a purchase whose outcome is unknown.

    Args:
        placed_as: The purchase was made: the provider's id of it. numberdesk looks it up there first.
        not_placed: Nothing was bought: cancel the order, or place it again. numberdesk cannot check this.
        delivered: What was delivered in addition to the record, for an order whose delivery could not be read.
    """
    if [placed_as, not_placed, delivered].count(None) != 2:  # noqa: PLR2004 - all but one
        raise UsageError(
            "give exactly one answer; nothing was sent",
            "Add --placed-as ID, --not-placed cancel|again or --delivered NUMBER.",
        )
    return desk.decide(
        order_id,
        "resolve",
        lambda order, why: desk.client.resolve(
            order_id,
            placed_as=placed_as,
            place_again=None if not_placed is None else not_placed == "again",
            delivered=delivered,
            attempt=None if delivered is not None else order.attempt.number if order.attempt else 0,
            reason=why,
        ),
        reason=reason,
        dry_run=dry_run,
        yes=yes,
    )


@orders.command
def erase(order_id: OrderId, *, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False, desk: Desk) -> int:
    """Erase the personal data of an order that has ended."""
    return desk.decide(
        order_id,
        "erase",
        lambda order, why: desk.client.erase(order.order_id, reason=why),
        reason=reason,
        dry_run=dry_run,
        yes=yes,
    )


@orders.command
def sync(order_id: OrderId, *, reason: Reason = None, desk: Desk) -> int:
    """Poll an order at its provider now."""
    desk.show_done(desk.client.sync(order_id, reason=reason))
    return Exit.DONE


def duration(text: str) -> timedelta:
    """Read 90s, 90m, 4h or 30d.

    Raises:
        UsageError: it is none of these.
    """
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdecimal() or len(number) > 5:  # noqa: PLR2004 - more is no time that anybody waits for
        raise UsageError(f"{text!r} is not a duration", "Write 90s, 90m, 4h or 30d.")
    return timedelta(**{units[unit]: int(number)})


def export(
    *,
    format_: Annotated[Literal["csv", "jsonl"], Parameter(name="--format", help="The format.")] = "csv",
    state: OrderState | None = None,
    provider: str | None = None,
    country: str | None = None,
    month: str | None = None,
    is_open: Open = False,
    numbers: Flag = False,
    desk: Desk,
) -> int:
    """Write orders to standard output as CSV or JSON Lines, for spreadsheets and programs.

    Args:
        state: Only orders in this state.
        provider: Only orders at this provider.
        country: Only orders with numbers of this country.
        month: Only orders received in this month, such as 2026-11; by default, the current month.
        is_open: Only orders that have not ended. This is the default if there is no other filter.
        numbers: Write one line for each number with its cost, not one for each order.
    """
    from numberdesk_cli.export import write  # noqa: PLC0415 - loaded where it is used

    filters: dict[str, Any] = {"state": state, "provider": provider, "country": country, "month": month}
    found = desk.client.orders(**filters, is_open=is_open or not any(filters.values()))
    rows = (
        (
            {"order_id": order.order_id, **number.model_dump(mode="json")}
            for order in found
            for number in desk.client.numbers(order.order_id)
        )
        if numbers
        else (order.model_dump(mode="json") for order in found)
    )
    count = write(rows, sys.stdout, as_csv=format_ == "csv")
    desk.out.note(f"{count} lines")
    return Exit.DONE
