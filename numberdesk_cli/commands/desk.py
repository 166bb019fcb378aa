"""The desk itself: placing, accounts, spending, dead letters, webhooks that are handled again."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from numberdesk.domain import wording
from numberdesk_cli.commands.orders import Limit
from numberdesk_cli.errors import Exit, UsageError
from numberdesk_cli.session import Account, Desk, DryRun, Flag, Provider, Reason, Yes

if TYPE_CHECKING:
    from numberdesk.api.models.desk import AccountView, DeadLetterView, PlacingView, Replayed
    from numberdesk.api.models.today import CountView
    from numberdesk_cli.session import Session

placing = App(name="placing", help="Stop placing orders, and start it again.")
accounts = App(name="accounts", help="List, retire and reinstate accounts at providers.")
dead_letters = App(name="dead-letters", help="Show messages that could not be handled, and put them back.")

Queue = Annotated[Literal["orders", "sync"], Parameter(help="The queue that the messages were meant for.")]


def register(app: App) -> None:
    """Add the commands."""
    app.command(placing)
    app.command(accounts)
    app.command(dead_letters)
    app.command(replay)
    app.command(spending)
    app.command(overview, name="status")
    app.command(activity)
    app.command(vetting)


# Placing


@placing.command
def status(*, desk: Desk) -> int:
    """Show whether orders are placed, and if not, why."""
    _show(desk, desk.client.placing())
    return Exit.DONE


def _show(desk: Session, view: PlacingView) -> None:
    if desk.out.as_json:
        desk.out.json(view)
        return
    desk.out.line("Orders are placed." if view.placing else f"No order is placed: {view.closed_because}.")
    if view.by:
        desk.out.line(
            f"The switch was turned {'on' if view.open else 'off'} by {view.by}: {view.reason or 'no reason given'}."
        )
    if view.restored:
        desk.out.line("This is a restored table that nobody has confirmed.")
    if view.not_compared:
        desk.out.line(f"Not compared with the records yet: {', '.join(view.not_compared)}.")


@placing.command(name="close")
def close(*, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False, desk: Desk) -> int:
    """Stop placing orders. New orders are accepted and wait; polls and reminders continue."""
    if reason is None:
        raise UsageError(
            "a reason is needed; nothing was done", "Add --reason TEXT; waiting orders and people are told."
        )
    desk.out.note("All placing stops at once. Orders are accepted and wait; polls and reminders go on.", style="")
    return _turn(desk, is_open=False, reason=reason, dry_run=dry_run, yes=yes)


@placing.command(name="open")
def open_(*, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False, desk: Desk) -> int:
    """Start placing orders again."""
    desk.out.note("Orders are placed again within minutes, those that waited first.", style="")
    return _turn(desk, is_open=True, reason=reason or "", dry_run=dry_run, yes=yes)


def _turn(desk: Session, *, is_open: bool, reason: str, dry_run: bool, yes: bool) -> int:
    if dry_run:
        desk.out.note("Nothing was done (--dry-run).")
        return Exit.DONE
    desk.confirm(f"{'Open' if is_open else 'Close'} placing of {desk.target.name}?", yes=yes)
    _show(desk, desk.client.turn_placing(is_open=is_open, reason=reason))
    return Exit.DONE


@placing.command(name="confirm-restore")
def confirm_restore(
    *, without: list[str] | None = None, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False, desk: Desk
) -> int:
    """Start placing orders from a restored table, after you have read InventoryDiffers.

    Args:
        without: Accounts (PROVIDER/ACCOUNT) that can no longer be read, so that numberdesk need not compare them.
    """
    view = desk.client.placing()
    _show(desk, view)
    desk.out.note(
        "Orders are placed again. What was bought after the backup and is not in the table may be bought twice.",
        style="",
    )
    if dry_run:
        desk.out.note("Nothing was done (--dry-run).")
        return Exit.DONE
    desk.confirm(f"Confirm the restored table of {desk.target.name}?", yes=yes)
    _show(desk, desk.client.confirm_restore(without=without or (), reason=reason))
    return Exit.DONE


def spending(*, desk: Desk) -> int:
    """Show how much of each account's limits is reserved today, and how much is left."""
    view = desk.client.spending()
    if desk.out.as_json:
        desk.out.json(view)
        return Exit.DONE
    rows = [
        row
        for each in view.accounts
        for row in (
            (
                f"{each.provider}/{each.account}",
                "numbers",
                each.numbers.reserved,
                each.numbers.limit,
                each.numbers.left,
            ),
            *(
                (f"{each.provider}/{each.account}", cost.currency, cost.reserved, cost.limit, cost.left)
                for cost in each.cost
            ),
        )
    ]
    desk.out.items(
        rows,
        [
            ("ACCOUNT", lambda row: row[0]),
            ("OF", lambda row: row[1]),
            ("RESERVED", lambda row: row[2]),
            ("LIMIT", lambda row: row[3]),
            ("LEFT", lambda row: row[4]),
        ],
        none="no account is in use",
    )
    desk.out.note(f"The day ends in {wording.time_left(view.ends_at - desk.now())} (UTC).")
    return Exit.DONE


def overview(*, desk: Desk) -> int:
    """Show an overview: orders by state, orders that have waited too long, and each account."""
    view = desk.client.status()
    if desk.out.as_json:
        desk.out.json(view)
        return Exit.DONE
    for name, count in (
        ("open", view.open),
        ("needs a person" if view.attention.count == 1 else "need a person", view.attention),
        ("with a deadline", view.with_deadline),
    ):
        desk.out.line(f"{_count(count)} {name}")
    for name, waiting in view.waiting.items():
        age = wording.time_left(view.at - waiting.since)
        desk.out.line(f"{_count(waiting.orders)} {name.replace('_', ' ')}, the first for {age}")
    desk.out.line(
        f"Received in {view.month}: {', '.join(f'{_count(n)} {state.value}' for state, n in view.states.items() if n.count) or 'none'}"
    )
    if view.sweep:
        depths = ", ".join(
            f"{'?' if queue.waiting is None else queue.waiting} on the queue {name}"
            for name, queue in view.sweep.queues.items()
        )
        desk.out.line(f"The sweep last ran {wording.time_left(view.at - view.sweep.at)} ago: {depths}")
    desk.out.items(
        view.accounts,
        [
            ("ACCOUNT", lambda it: f"{it.provider}/{it.account}"),
            ("BLOCKED SINCE", lambda it: it.blocked_since),
            ("WHY", lambda it: it.blocked_because),
            ("FAILED POLLS", lambda it: f"{it.lately.failed} of {it.lately.polls}"),
            ("LAST WEBHOOK", lambda it: it.webhook_at),
            ("UNKNOWN", lambda it: _count(it.unknown)),
            ("COMPARED", lambda it: it.compared_at),
            ("DIFFERENCES", lambda it: [f"{number} {kind}" for kind, number in it.differences.items()]),
        ],
        none="no account is in use",
    )
    return Exit.DONE


def vetting(
    *, months: Annotated[int, Parameter(help="How many months, the present one included: 1 to 12.")] = 3, desk: Desk
) -> int:
    """Show how long numbers were vetted, by provider, country and type: from their first requirement to the delivery, estimated."""
    desk.out.items(
        desk.client.vetting(months).items,
        [
            ("NUMBERS", lambda it: f"{it.provider} {it.country} {it.number_type}"),
            ("ENDED", lambda it: it.ended),
            ("DELIVERED", lambda it: it.delivered),
            ("HALF WITHIN", lambda it: _time(it.median_seconds)),
            ("NINE IN TEN WITHIN", lambda it: _time(it.p90_seconds)),
        ],
        none=f"no vetting ended in the last {wording.count(months, 'month')}",
    )
    return Exit.DONE


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else wording.time_left(timedelta(seconds=seconds))


def activity(*, month: str | None = None, by: str | None = None, limit: Limit = 50, desk: Desk) -> int:
    """List who did what through the API, the latest first.

    Args:
        month: What was done in this month (2026-11), by default the present one.
        by: Only what this principal did: its ARN, as --json shows it.
        limit: The most that are listed; 0 lists all.
    """
    desk.out.items(
        islice(desk.client.activity(month=month, by=by), limit or None),
        [
            ("WHEN", lambda it: it.at),
            ("WHO", lambda it: wording.who(it.actor)),
            ("WHAT", lambda it: it.data.get("operation") or it.kind.value),
            ("ON", lambda it: it.subject),
            ("REASON", lambda it: it.data.get("reason")),
        ],
        none="nobody did anything in that month",
    )
    return Exit.DONE


def _count(view: CountView) -> str:
    return f"{view.count}{'+' if view.more else ''}"


# Accounts


@accounts.command(name="list")
def list_accounts(*, desk: Desk) -> int:
    """List the accounts whose credentials numberdesk has read at least once."""
    desk.out.items(
        desk.client.accounts(),
        [
            ("PROVIDER", lambda it: it.provider),
            ("ACCOUNT", lambda it: it.account),
            ("FIRST READ", lambda it: it.read_at),
            ("RETIRED", lambda it: it.retired_at),
            ("BY", lambda it: it.retired_by or None),
        ],
        none="no account's credentials were read yet",
    )
    return Exit.DONE


@accounts.command
def retire(
    provider: Provider, account: Account, *, force: Flag = False, reason: Reason = None, yes: Yes = False, desk: Desk
) -> int:
    """Retire an account. New orders for it are refused or held.

    Args:
        force: Retire it although it has open orders. Those at the provider are still followed; those that wait are held.
    """
    desk.confirm(f"Retire {provider}/{account}?", yes=yes)
    _show_account(desk, desk.client.retire(provider, account, force=force, reason=reason))
    return Exit.DONE


@accounts.command
def reinstate(provider: Provider, account: Account, *, reason: Reason = None, yes: Yes = False, desk: Desk) -> int:
    """Reinstate a retired account. The orders that wait for it are placed."""
    desk.confirm(f"Use {provider}/{account} again?", yes=yes)
    _show_account(desk, desk.client.reinstate(provider, account, reason=reason))
    return Exit.DONE


def _show_account(desk: Session, view: AccountView) -> None:
    if desk.out.as_json:
        desk.out.json(view)
    else:
        desk.out.line(f"{view.provider}/{view.account} is {'retired' if view.retired_at else 'in use'}.")


# Dead letters


@dead_letters.command(name="list")
def list_dead_letters(*, desk: Desk) -> int:
    """List the messages of each dead-letter queue."""
    for queue in ("orders", "sync"):
        desk.out.items(
            ({"queue": queue, **letter.model_dump(mode="json")} for letter in desk.client.dead_letters(queue)),
            [
                ("MESSAGE", lambda it: it["message_id"]),
                ("QUEUE", lambda it: it["queue"]),
                ("SET ASIDE", lambda it: it["sent_at"]),
                ("ORDER", lambda it: it["order_id"]),
                ("REASON", lambda it: it["reason"] or "it failed again and again"),
            ],
            none=f"no dead letters of {queue}",
        )
    return Exit.DONE


@dead_letters.command
def show(queue: Queue, message_id: str, *, desk: Desk) -> int:
    """Show a dead letter with its reason and its body, which may hold personal data.

    Args:
        message_id: The id, as `dead-letters list` shows it.
    """
    found: DeadLetterView | None = next(
        (letter for letter in desk.client.dead_letters(queue) if letter.message_id == message_id), None
    )
    if found is None:
        raise UsageError(
            f"{message_id} is not among the dead letters of {queue} that are shown",
            "`numberdesk dead-letters list` lists them.",
        )
    desk.out.fields(
        found,
        [
            ("message", lambda it: it.message_id),
            ("set aside", lambda it: it.sent_at),
            ("reason", lambda it: it.reason or "it failed again and again"),
            ("order", lambda it: it.order_id),
            ("correlation id", lambda it: it.correlation_id),
            ("body", lambda it: it.body),
        ],
    )
    return Exit.DONE


@dead_letters.command
def redrive(queue: Queue, *message_ids: str, dry_run: DryRun = False, yes: Yes = False, desk: Desk) -> int:
    """Put dead letters back on their queue: the named ones, or all. An order is never bought twice by this.

    Args:
        message_ids: The ids, as `dead-letters list` shows them; without any, all of the queue.
    """
    ids = list(message_ids) or None
    would = desk.client.redrive(queue, ids, dry_run=True)
    desk.out.note(
        f"{len(would.items)} message(s) of {queue} go back{' (and more are left)' if would.more else ''}:", style=""
    )
    for each in would.items:
        desk.out.note(f"  {each.message_id}  {each.order_id or ''}  {each.reason or ''}", style="")
    if would.not_found:
        desk.out.note(f"Not found: {', '.join(would.not_found)}", style="")
    if dry_run or not would.items:
        desk.out.note("Nothing was done.")
        return Exit.DONE
    desk.confirm("Put them back?", yes=yes)
    # Those that were shown, and none that came meanwhile.
    done = desk.client.redrive(queue, [each.message_id for each in would.items], dry_run=False)
    if desk.out.as_json:
        desk.out.json(done)
    else:
        desk.out.line(f"{len(done.items)} put back.")
    return Exit.DONE


def replay(
    order_id: str | None = None,
    *webhook_ids: str,
    unmatched: Annotated[
        date | None, Parameter(help="Instead of an order: the webhooks of this day that belong to no order.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    desk: Desk,
) -> int:
    """Handle stored webhooks again: those of an order, or those of a day that belong to no order.

    Args:
        order_id: The order's id.
        webhook_ids: The ids of the webhooks, as `orders webhooks` lists them; without any, all of them.
    """
    if (order_id is None) == (unmatched is None):
        raise UsageError("name an order, or a day with --unmatched; nothing was done", "Give one of them.")
    ids = list(webhook_ids) or None

    def send(*, dry: bool, those: list[str] | None) -> Replayed:
        if unmatched is not None:
            return desk.client.replay_unmatched(unmatched, those, dry_run=dry)
        return desk.client.replay(order_id or "", those, dry_run=dry)

    would = send(dry=True, those=ids)
    desk.out.note(
        f"{len(would.webhook_ids)} webhook(s) are handled again; {len(would.skipped)} were too large to be kept.",
        style="",
    )
    if dry_run or not would.webhook_ids:
        desk.out.note("Nothing was done.")
        return Exit.DONE
    desk.confirm("Handle them again?", yes=yes)
    done = send(dry=False, those=would.webhook_ids)
    if desk.out.as_json:
        desk.out.json(done)
    else:
        desk.out.line(f"{len(done.webhook_ids)} handled again.")
    return Exit.DONE
