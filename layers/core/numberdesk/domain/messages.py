"""What people are told: one paragraph that says which order, what happened, until when, and what to do.

Nothing personal is written here. A reviewer's comment is stored apart; the publisher appends it. Whatever somebody else wrote
(names, ids, codes, reasons, words of a provider) is quoted; see `domain.text`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from numberdesk.domain import text
from numberdesk.domain.order import duration_text
from numberdesk.domain.text import harmless, quoted
from numberdesk.domain.titles import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Approval, Deadline, Operation, Order, Quote, Requirement
    from numberdesk.domain.snapshot import UnknownValue

_ID = re.compile("[A-Za-z0-9._:-]{1,64}", re.ASCII)
_LONG = 1000
"""Characters of a reason that a person gives."""
_MAX_OF_A_NAME = 200
_MAX_TOLD = 4000
"""Bytes of what another part of numberdesk says of it: why an order waits, what an operation came to."""


def provider_name(provider: str) -> str:
    """Write a provider's name as it does itself."""
    return TITLES.get(provider) or quoted(provider)


def subject(order: Order) -> str:
    """Name an order: ours, the provider's, and the account where it is not the default one."""
    theirs = f", their id {quoted(order.provider_order_id)}" if order.provider_order_id else ""
    account = "" if order.account == "default" else f", account {_name(order.account)}"
    return f"Order {_name(order.order_id)} ({provider_name(order.provider)}{account}{theirs})"


def instant(value: datetime, zone: ZoneInfo) -> str:
    """Write an instant in UTC, and in the user's zone where that is another."""
    utc = value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return utc if zone.key == "UTC" else f"{utc} ({value.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key})"


def listed(values: Iterable[str], most: int = 20) -> str:
    """Write a list of names, ids or words of others for people; a long one is cut and says so."""
    return text.listed(values, most)


def _name(name: str) -> str:
    """Write an id whose characters are known (`request.ORDER_ID_PATTERN`) as it is, and anything else as quoted."""
    return text.paragraph(name, _MAX_OF_A_NAME) if _ID.fullmatch(name) else quoted(name)


def count(number: int, noun: str) -> str:
    """Write `1 number`, `3 numbers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def time_left(duration: timedelta) -> str:
    """Write how long something still lasts, as nearly as people care: its two largest units."""
    rest = max(int(duration.total_seconds()), 0)
    parts = []
    for noun, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(count(number, noun))
    return " ".join(parts[:2]) or "0 seconds"


def placed(order: Order, *, found: bool) -> str:
    """Tell a purchase."""
    how = (
        "was found at the provider after its answer had been lost; it was bought once, and nothing is to be done"
        if found
        else "was placed"
    )
    short = f" Left out: {_told(order.shortfall)}." if order.shortfall else ""
    return f"{subject(order)} {how}.{short}"


def completed(order: Order, delivered: int) -> str:
    """Tell that all is there."""
    left = [
        requirement.label
        for requirement in order.requirements
        if requirement.own and requirement.state.value != "approved"
    ]
    todo = f" Still to do on its own list: {listed(left)}. Tick it off through numberdesk's API." if left else ""
    return f"{subject(order)} is complete: {delivered} of {order.request.count} delivered.{todo}"


def partially_completed(order: Order, delivered: int, missing: str) -> str:
    """Tell what is missing."""
    return (
        f"{subject(order)} ended with only {delivered} of {order.request.count} delivered. Missing: {_told(missing)}. "
        "What was delivered is yours and billed; order the rest anew under another order id if you still need it."
    )


def failed(order: Order, reason: str) -> str:
    """Tell that nothing came of it."""
    return f"{subject(order)} failed: {_told(reason)}. Nothing was delivered. Correct it and order again under another order id."


def cancelled(order: Order, *, missed: bool, asked_for: str | None = None, unannounced: bool = False) -> str:
    """Tell a cancellation."""
    why = "because a deadline for its requirements was missed" if missed else "at the provider"
    if asked_for and not missed:
        why = f"as {who(asked_for)} asked"
    told = " Polling found this; no notification was sent." if unannounced else ""
    return (
        f"{subject(order)} was cancelled {why}; nothing was delivered.{told} Order again under another order id if you still "
        "need it."
    )


def sub_order_ended(
    order: Order, sub_order_id: str, state: str, numbers: int, *, missed: bool, asked_for: str | None, unannounced: bool
) -> str:
    """Tell the end of a part."""
    why = "because a deadline for its requirements was missed" if missed else "at the provider"
    if asked_for and not missed:
        why = f"as {who(asked_for)} asked"
    told = " Polling found this; no notification was sent." if unannounced else ""
    return (
        f"{subject(order)}: {_where(order, sub_order_id)} {'was ' if state == 'cancelled' else ''}{state} {why}; "
        f"{count(numbers, 'number')} of it will not be delivered.{told} The rest of the order goes on. Order again under another "
        "order id if you still need what is lost."
    )


def who(by: str) -> str:
    """Name who did something: a principal by the end of its ARN, which is what people know it by.

    Of a role's session the role comes first: the session's name is what its user chose, and may be anybody's.
    """
    named = {
        "order": "the order itself",
        "profile": "a profile",
        "policy": "the order's policy",
        "restore": "whoever erased it before the table was restored",
    }
    session = re.fullmatch(r"arn:[^:]*:sts::[^:]*:assumed-role/([^/]+)/([^/]+)", by)
    if session:
        return f"the role {quoted(session[1])} (session {quoted(session[2])})"
    return named.get(by) or quoted(by.rpartition("/")[2] or by)


def submitted(order: Order, operation: Operation, labels: list[str]) -> str:
    """Tell what was submitted."""
    what = f"requirement group {quoted(operation.group_id)}" if operation.group_id else f"values for {listed(labels)}"
    return f"{subject(order)}: {what} submitted for {_scope(order, operation)}, supplied by {who(operation.by)}."


def _what(operation: Operation, labels: list[str]) -> str:
    return {
        "supply": f"The values for {listed(labels) or 'requirements'}",
        "group": f"The requirement group {quoted(operation.group_id or '')}",
        "comment": "The comment",
        "extension": "The request for more time",
        "read": "The mark on a comment as read",
        "cancel": "The cancellation",
        "cancel_duplicate": f"The cancellation of the duplicate purchase {quoted(operation.duplicate_id or '')}",
        "release": f"Giving back {quoted(operation.number or '')}",
    }[operation.kind.value]


def operation_rejected(order: Order, operation: Operation, labels: list[str]) -> str:
    """Tell what was not done."""
    todo = {
        "supply": "Correct them and supply them again.",
        "group": "See the group at the provider, and name a fulfilled one.",
        "cancel": "The order goes on; see it at the provider.",
        "cancel_duplicate": "See at the provider what can be given back.",
        "release": "It is still yours and costs on; see it at the provider.",
    }.get(operation.kind.value, "See the order at the provider.")
    return (
        f"{subject(order)}: {_what(operation, labels)} for {_scope(order, operation)}, asked for by {who(operation.by)}, was not taken: "
        f"{_told(operation.outcome)}. {todo}"
    )


def operation_waiting(
    order: Order, operation: Operation, labels: list[str], until: datetime | None, zone: ZoneInfo, *, permitted: bool
) -> str:
    """Tell what is still to be done, why it waits, and by when somebody must act; `permitted` where nothing forbids it."""
    provider = provider_name(order.provider)
    by_when = f" by {instant(until, zone)}, the order's next deadline" if until is not None else ""
    if permitted:
        todo = f"See what holds it up, or do it at {provider} yourself{by_when}"
    else:
        todo = (
            f"Have it permitted to the account {quoted(order.account)} at {provider} (its level, a verification, what its key may do), or do "
            f"it there yourself{by_when}"
        )
    why = _told(operation.outcome) or "it was not tried yet"
    return (
        f"{subject(order)}: {_what(operation, labels)} for {_scope(order, operation)}, asked for by {who(operation.by)} on "
        f"{instant(operation.asked_at, zone)}, waits: {why}. {todo}. It is tried again by itself, less often the longer it waits, and "
        "at once when the order is synced through numberdesk's API; other orders go on."
    )


def extension_requested(order: Order, operation: Operation) -> str:
    """Tell that more time was asked for."""
    return (
        f"{subject(order)}: more time was asked for in a comment on {_scope(order, operation)}, by {who(operation.by)}. The provider "
        "may grant it without a word; numberdesk polls."
    )


def extension_text(order: Order) -> str:
    """Write the comment that asks a provider for more time."""
    return (
        f"We are still gathering what is required for this order (our reference {order.reference}). Please extend its "
        "deadline. Thank you."
    )


def comments_received(order: Order, sub_order_id: str, number: int) -> str:
    """Tell of comments; the publisher appends them."""
    return (
        f"{subject(order)}: the provider's reviewer left {count(number, 'comment')} on {_where(order, sub_order_id)}. "
        "Answer through numberdesk's API or at the provider."
    )


def _scope(order: Order, operation: Operation) -> str:
    if operation.number:
        return f"number {quoted(operation.number)}"
    return _where(order, operation.sub_order_id) if operation.sub_order_id else "the whole order"


def held(order: Order, why: str) -> str:
    """Tell an order that a person must decide on."""
    return (
        f"{subject(order)} is held, and is not sent to its provider: {_told(why)}. Approve or reject it through numberdesk's API; until "
        "then it stays received."
    )


def priced(quote: Quote) -> str:
    """Say what a purchase takes: `2 numbers or keywords at 12.00 USD at once (2.00 USD of it every month)`; and what is not known."""
    what = "1 number or keyword" if quote.numbers == 1 else f"{quote.numbers} numbers or keywords"
    known = [
        f"{Decimal(cost.upfront) + Decimal(cost.monthly)} {quoted(cost.currency)} at once ({cost.monthly} {quoted(cost.currency)} of it every month)"
        for cost in quote.costs
    ]
    lacking = {"upfront cost": quote.without_upfront, "monthly cost": quote.without_monthly}
    unknown = [f"{name} of {number}" for name, number in lacking.items() if number]
    said = f"{what} at {' and '.join(known)}" if known else what
    if not unknown:
        return said
    return f"{said}; not known: the {' and the '.join(unknown)}"


def beyond_limit(why: str, quote: Quote, approval: Approval | None) -> str:
    """Say why a limit holds an order: with what the purchase takes now, and what was approved where somebody approved another."""
    said = f"a limit on spending: {_told(why)}; the purchase is now {priced(quote)}"
    if approval is None or approval.quote is None:
        return said
    most = ", ".join(f"{value} {quoted(currency)}" for currency, value in (approval.most or {}).items())
    return f"{said}; {who(approval.by)} approved {priced(approval.quote)}{f', up to {most}' if most else ''}"


def held_back(order: Order, why: str) -> str:
    """Tell an order that goes on by itself."""
    return f"{subject(order)} waits: {_told(why)}. It goes on by itself."


def not_permitted(order: Order, why: str) -> str:
    """Tell an order that its provider does not permit to its account."""
    return (
        f"{subject(order)} waits: {_told(why)}. Nothing was bought. Have it permitted to the account at {provider_name(order.provider)} (its "
        "level, a verification, what its key may do), or cancel the order. It is tried again by itself; other orders go on."
    )


def no_account(order: Order, why: str) -> str:
    """Tell an order for an account that there is not."""
    return (
        f"{subject(order)} waits: {_told(why)}. Nothing was bought. It goes on by itself once the account can be used; if the name is wrong, "
        "cancel the order and order again with the right one, under another order id."
    )


def duplicate_found(order: Order, duplicate_id: str, *, cancelling: bool) -> str:
    """Tell a purchase too many."""
    what = (
        f"was bought a second time as {quoted(duplicate_id)}; its own purchase is {quoted(order.provider_order_id)}"
        if order.provider_order_id
        else f"is over ({order.state.value}), and a purchase of it was found all the same: {quoted(duplicate_id)}"
    )
    todo = (
        "numberdesk is cancelling that; see at the provider whether it was in time."
        if cancelling
        else "The provider has no way to cancel it: give its numbers back there if you do not need them."
    )
    return f"{subject(order)} {what}. {todo}"


def erased(order: Order, by: str) -> str:
    """Tell that what is personal was erased."""
    return (
        f"{subject(order)}: its personal data was erased, as {who(by)} asked. Events and e-mails that went out, dead letters and the "
        "provider's own records are not reached by that."
    )


def number_released(order: Order, value: str, by: str) -> str:
    """Tell a number given back."""
    return f"{subject(order)}: {quoted(value)} was given back to the provider, as {who(by)} asked; it costs nothing from the end of what is paid."


_DIFFERENCES = {
    "orphan": "owned there, in no order here",
    "vanished": "in an order here, not owned there any more",
    "double": "held by two orders here",
    "orphan_order": "orders there that are no order's here",
    "double_order": "references that two orders there carry",
    "vanished_order": "open orders here that are not listed there",
    "unread_owned": "owned there, in a notation that cannot be read; nothing is called gone while there are any",
    "unread_order": "orders there whose id cannot be read",
}


def inventory_differs(provider: str, account: str, kinds: Mapping[str, Sequence[str]]) -> str:
    """Tell what a comparison of an account with the records found that was not told before."""
    found = "; ".join(f"{_DIFFERENCES[kind]}: {len(values)} ({listed(values)})" for kind, values in kinds.items())
    return (
        f"{provider_name(provider)}, account {_name(account)}: what the provider says and what numberdesk has on record differ. {found}. "
        "Nothing was changed. Give back what nobody needs, ask the provider for what is gone; each is told once."
    )


def placing_stopped(by: str, reason: str) -> str:
    """Tell the switch."""
    return f"Placing was switched off by {who(by)}{_because(reason)}. Orders are taken in and wait as received; polls and reminders go on."


def placing_resumed(by: str, reason: str) -> str:
    """Tell the switch."""
    return f"Placing was switched on again by {who(by)}{_because(reason)}. Orders that wait are placed within minutes."


def table_restored() -> str:
    """Tell a restored table."""
    return (
        "The order table was restored from a backup: it does not know what was bought since. Placing is off. Every account is being "
        "compared with the records; see what differs, then confirm the restore through numberdesk's API. Polls and reminders go on."
    )


def row_unreadable(pk: str, sk: str) -> str:
    """Tell a row of the table that cannot be read."""
    return (
        f"A row of the order table cannot be read: pk {quoted(pk)}, sk {quoted(sk)}. It is left out and everything else goes on; this is "
        "told once. If it is an order's, check the order at its provider, and restore the row from a backup of the table."
    )


def cancelled_before(order: Order, by: str, rejected_because: str | None = None) -> str:
    """Tell a cancellation before anything was bought."""
    if rejected_because is not None:
        return f"{subject(order)} was rejected by {who(by)} before anything was bought{_because(rejected_because)}."
    return f"{subject(order)} was cancelled before anything was bought, as {who(by)} asked."


def deleted(order: Order) -> str:
    """Tell that the numbers are gone."""
    if all(asset.released_at for asset in order.assets):
        return f"All numbers of {subject(order)} were given back; nothing of it is left to be paid for. There is nothing to do."
    return (
        f"All numbers of {subject(order)} were deleted from the account. If nobody of yours did that, ask the provider."
    )


def unknown(order: Order, *, searching: bool, look_for: str) -> str:
    """Tell a purchase with an unknown outcome."""
    if searching:
        return (
            f"{subject(order)} was sent, and no clear answer came back. It may have been bought; it is not sent again blindly. "
            "numberdesk is looking for it at the provider and will say what it finds."
        )
    return (
        f"{subject(order)} was sent, no clear answer came back, and it could not be found by searching. It may have been bought; it is not "
        f"sent again, and stays unknown until a person finds out. {_told(look_for)}"
    )


def account_blocked(provider: str, account: str, reason: str) -> str:
    """Tell a blocked account."""
    return (
        f"{provider_name(provider)} refuses the account {_name(account)}: {_told(reason)}. Placing there is paused and no order fails; orders wait as "
        "received. Mend the account or put a good key into its secret: numberdesk probes by itself and goes on."
    )


def stuck(order: Order, runs: int) -> str:
    """Tell that runs for an order end without an outcome."""
    return (
        f"{subject(order)}: {runs} runs in a row ended by a time-out, a crash or an error, without an outcome. The order is tried again in a "
        "quarter of an hour, and then less and less often; until then its provider is not asked. Look for its order id in the logs of "
        "place_order and sync_order. If the order itself is the cause, cancel it and send a corrected one under a new id."
    )


def still_pending(order: Order, since: datetime, usual: timedelta, now: datetime, zone: ZoneInfo) -> str:
    """Tell an order that its provider leaves pending."""
    provider = provider_name(order.provider)
    provider_status = f", which calls it {quoted(order.provider_status)}" if order.provider_status else ""
    return (
        f"{subject(order)} has been pending at {provider}{provider_status}, without progress since {instant(since, zone)} "
        f"({time_left(now - since)}). Up to {time_left(usual)} are usual for numbers of this kind. Ask {provider} what it waits "
        "for, or cancel it if you no longer need it. It is followed on; this is told once while nothing moves."
    )


def contradiction(order: Order, shown: str) -> str:
    """Tell what does not fit."""
    return (
        f"{subject(order)} is recorded as {order.state.value}, but the provider now shows {_told(shown)}. The record was left as it is; please "
        "check the order at the provider and decide which is right."
    )


def not_all_or_nothing(order: Order, delivered: int) -> str:
    """Tell a broken promise."""
    return (
        f"{subject(order)} was asked for all or nothing, and {provider_name(order.provider)} delivered {delivered} of {order.request.count}. "
        "They are recorded as delivered and are billed; give them back there if they are of no use, and ask the provider why."
    )


def unknown_values(order: Order, field: str, values: Sequence[str]) -> str:
    """Tell what of a provider's answers could not be read."""
    what = f"{text.joined(map(_shown, values))} in {text.paragraph(field, _MAX_OF_A_NAME)}"
    return (
        f"{subject(order)}: {provider_name(order.provider)} shows something that numberdesk cannot read: {what}. The order is followed "
        "on; look there what it says, and whether it changes what is to be done."
    )


def delivery_unread(order: Order, delivered: int, values: Sequence[UnknownValue]) -> str:
    """Tell an order that is over with something delivered that could not be read."""
    what = text.joined(f"{_shown(value.value)} in {text.paragraph(value.field, _MAX_OF_A_NAME)}" for value in values)
    return (
        f"{subject(order)} is over at {provider_name(order.provider)}, and what it delivered could not all be read: {what}. "
        f"{delivered} of {order.request.count} are recorded as delivered; it may be more. Do not order again: check the order there "
        "first. It stays open and is polled on; say through numberdesk's API what was delivered, or wait until it can be read."
    )


def requirements_requested(
    order: Order, requirements: list[Requirement], deadlines: list[Deadline], zone: ZoneInfo, *, read: bool | None
) -> str:
    """Tell what must be supplied; `read` says what became of the deadlines in this poll (see `_until`)."""
    return (
        f"{subject(order)} needs {count(len(requirements), 'requirement')} for {_where(order, requirements[0].sub_order_id)}: "
        f"{listed(r.label for r in requirements)}. {_until(deadlines, zone, read=read)} Supply the values through numberdesk's API or at the provider."
    )


def requirements_rejected(
    order: Order,
    requirements: list[Requirement],
    deadlines: list[Deadline],
    comments: int,
    zone: ZoneInfo,
    *,
    read: bool | None,
) -> str:
    """Tell a rejection; the publisher appends the comments."""
    why = {
        0: "The provider has not said why yet; see the comments of the order there.",
        1: "The reviewer's comment follows.",
    }.get(comments, f"Which of the reviewer's comments gives the reason is not certain; all {comments} follow.")
    return (
        f"{subject(order)}: {listed(r.label for r in requirements)} for {_where(order, requirements[0].sub_order_id)} "
        f"{'was' if len(requirements) == 1 else 'were'} rejected. {_until(deadlines, zone, read=read)} Correct and submit again. {why}"
    )


def requirements_approved(order: Order, requirements: list[Requirement]) -> str:
    """Tell an approval."""
    return f"{subject(order)}: {listed(r.label for r in requirements)} approved for {_where(order, requirements[0].sub_order_id)}."


def deadline_set(order: Order, deadline: Deadline, zone: ZoneInfo) -> str:
    """Tell a new deadline."""
    if deadline.own:
        return f"{subject(order)}: what is on its own list is due by {instant(deadline.value, zone)}."
    return (
        f"{subject(order)}: values for {count(deadline.numbers, 'number')} of {_where(order, deadline.sub_order_id)} are due by "
        f"{instant(deadline.value, zone)}; after that the provider cancels."
    )


def deadline_moved(order: Order, deadline: Deadline, was: datetime, zone: ZoneInfo) -> str:
    """Tell a moved deadline."""
    return (
        f"{subject(order)}: the deadline of {_where(order, deadline.sub_order_id)} moved from {instant(was, zone)} to "
        f"{instant(deadline.value, zone)}. Reminders follow the new one."
    )


def deadline_unstable(order: Order, deadline: Deadline, values: Sequence[datetime], zone: ZoneInfo) -> str:
    """Tell a deadline that flickers."""
    return (
        f"{subject(order)}: the provider answers with different deadlines of {_where(order, deadline.sub_order_id)} in turn: "
        f"{text.joined(instant(value, zone) for value in values)}. Reminders follow the earliest, {instant(deadline.value, zone)}, and further "
        "changes are not told until it answers the same for hours. Look there which one holds."
    )


def requirements_unstable(order: Order, sub_order_id: str, labels: Sequence[str]) -> str:
    """Tell requirements whose states flicker."""
    return (
        f"{subject(order)}: the provider answers with different states of {listed(labels)} for {_where(order, sub_order_id)} in turn. The "
        "one that asks for most is kept, and further changes are not told until it answers the same for hours. Look there which one holds."
    )


def unstable(order: Order, what: str, values: Sequence[str]) -> str:
    """Tell whatever else flickers."""
    return (
        f"{subject(order)}: the provider answers differently in turn about {what}: {listed(values)}. Further changes are not told until it "
        "answers the same for hours. Look at the order there."
    )


def deadline_erased(
    order: Order, deadline: Deadline, zone: ZoneInfo, *, over: bool = False, others: bool = False
) -> str:
    """Tell an erased deadline; `over` where nothing that it was for is open any more, `others` where other ones stand there."""
    if deadline.own:
        how = "was missed" if deadline.missed else "is met"
        return f"{subject(order)}: everything on its own list is done; its deadline, {instant(deadline.value, zone)}, {how}."
    left = "no number has it any more, and another one stands" if others else "nothing is owed for now"
    return (
        f"{subject(order)}: the deadline of {_where(order, deadline.sub_order_id)}, {instant(deadline.value, zone)}, was erased; "
        f"{'none of its numbers is open any more' if over else left}."
    )


def deadline_approaching(
    order: Order,
    deadline: Deadline,
    owed: list[Requirement],
    reminder: timedelta,
    unconfirmed_since: datetime | None,
    now: datetime,
    zone: ZoneInfo,
    *,
    asking: bool,
) -> str:
    """Remind."""
    what = text.joined(f"{quoted(r.label)} ({'rejected' if r.state.value == 'rejected' else 'missing'})" for r in owed)
    doubt = (
        f" The provider cannot be read; the deadline was last confirmed at {instant(deadline.confirmed_at, zone)} and not since "
        f"{instant(unconfirmed_since, zone)}."
        if unconfirmed_since
        else ""
    )
    if deadline.unstable:
        doubt += " The provider answers with different deadlines in turn; this is the earliest of them."
    left = f"{subject(order)}: {time_left(deadline.value - now)} left ({duration_text(reminder)} reminder) until {instant(deadline.value, zone)}"
    if deadline.own:
        return (
            f"{left}, the order's own deadline. Still to do: {what}. {_before_purchase(order)}Tick it off through numberdesk's API."
            f"{_on_it(order, deadline, now, zone)}"
        )
    time = (
        "More time is being asked for; it is not sure to be granted."
        if asking
        else "Supply the values through numberdesk's API or at the provider, or ask for more time there."
    )
    return (
        f"{left}, when the provider cancels {count(deadline.numbers, 'number')} of {_where(order, deadline.sub_order_id)}. "
        f"Still owed: {what or 'see the order at the provider'}. {time}{_on_it(order, deadline, now, zone)}{doubt}"
    )


def _before_purchase(order: Order) -> str:
    """Say of an order that is not at its provider yet why not, and what to do; nothing of one that is."""
    why = f": {order.waiting_for}" if order.waiting_for else ""
    match order.state.value:
        case "received" if order.hold is not None and order.hold.kind.value in ("limit", "restored"):
            return f"The order is held and not placed{why}. Approve or reject it through numberdesk's API. "
        case "received":
            return (
                f"The order is not placed yet{why}. It is tried again by itself; mend what holds it up, or cancel it. "
            )
        case "placing":
            return "The order is being placed. "
        case "unknown":
            return (
                "Whether the order was bought is not known. Look for it at the provider, and say through numberdesk's API as which order "
                "it was placed, or that it was not. "
            )
    return ""


def _on_it(order: Order, deadline: Deadline, now: datetime, zone: ZoneInfo) -> str:
    """Say whether somebody acknowledged the reminder before this one."""
    acknowledged = order.acknowledged
    if acknowledged is None:
        return " Nobody has acknowledged the reminder before this one." if deadline.fired else ""
    until = instant(acknowledged.until, zone)
    if acknowledged.until > now:
        return f" {who(acknowledged.by)} is on it until {until}."
    return f" {who(acknowledged.by)} was on it until {until}, which is over."


def deadline_missed(order: Order, deadline: Deadline, zone: ZoneInfo) -> str:
    """Tell a missed deadline."""
    if deadline.own:
        return (
            f"{subject(order)}: its own deadline, {instant(deadline.value, zone)}, passed with its list not done. "
            f"{_before_purchase(order)}The provider knows nothing of it and cancels nothing; decide whether the order is still of use."
        )
    return (
        f"{subject(order)}: the deadline of {_where(order, deadline.sub_order_id)}, {instant(deadline.value, zone)}, passed with requirements "
        f"unmet; the provider cancels {count(deadline.numbers, 'number')}, or did so. Ask the provider at once if you still want "
        "them, or order again."
    )


def _until(deadlines: list[Deadline], zone: ZoneInfo, *, read: bool | None) -> str:
    """Say until when. `read`: all deadlines were read (true), one stands there that cannot be read (false), or they were not read."""
    if read is False:
        beside = f"One is {instant(min(d.value for d in deadlines), zone)}; another" if deadlines else "A deadline"
        return f"{beside} stands at the provider in a notation that numberdesk cannot read: look there until when."
    if deadlines:
        return f"Until {instant(min(d.value for d in deadlines), zone)}, or the provider cancels."
    if read is None:
        return "Whether the provider has set a deadline could not be read yet."
    return "The provider has set no deadline yet."


def _because(reason: str) -> str:
    return f": {quoted(reason, _LONG)}" if reason else ""


def _shown(value: str) -> str:
    """Quote a provider's value, always with marks: which letters are its own is what people look for there."""
    inside = harmless(value).replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    return f"'{inside}'"


def _told(said: str) -> str:
    """Take in what another part says, which has quoted what it took from others."""
    return text.paragraph(said, _MAX_TOLD)


def _where(order: Order, sub_order_id: str) -> str:
    sub_order = next((s for s in order.sub_orders if s.id == sub_order_id), None)
    if sub_order is None or not sub_order.country:
        return f"sub order {quoted(sub_order_id)}"
    kind = f" {quoted(sub_order.number_type.replace('_', '-'))}" if sub_order.number_type else ""
    return f"{quoted(sub_order.country)}{kind} (sub order {quoted(sub_order_id)})"
