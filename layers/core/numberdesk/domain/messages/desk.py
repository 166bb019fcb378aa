"""Messages to people that are about no order: accounts, the switch, a restored table, an unreadable row. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.text import quoted
from numberdesk.domain.wording import because, listed, name, provider_name, reason, who

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIFFERENCES = {
    "orphan": "owned there, in no order here",
    "vanished": "in an order here, not owned there any more",
    "double": "held by two orders here",
    "orphan_order": "orders there that are no order's here",
    "double_order": "references that two orders there carry",
    "vanished_order": "open orders here that are not listed there",
    "unread_owned": "owned there, in a notation that cannot be read; while there are any, nothing is reported as gone",
    "unread_order": "orders there whose id cannot be read",
}


def inventory_differs(provider: str, account: str, kinds: Mapping[str, Sequence[str]]) -> str:
    """Report new differences between an account's inventory and the records."""
    found = "; ".join(f"{_DIFFERENCES[kind]}: {len(values)} ({listed(values)})" for kind, values in kinds.items())
    return (
        f"{provider_name(provider)}, account {name(account)}: the provider's list and numberdesk's records differ. {found}. "
        "Nothing was changed. Give back what nobody needs, and ask the provider about what is gone. Each difference is reported once."
    )


def placing_stopped(by: str, given: str) -> str:
    """Report that placing was switched off."""
    return f"Placing was switched off by {who(by)}{because(given)}. Orders are accepted and wait as received; polls and reminders go on."


def placing_resumed(by: str, given: str) -> str:
    """Report that placing was switched on."""
    return f"Placing was switched on again by {who(by)}{because(given)}. Waiting orders are placed within minutes."


def table_restored() -> str:
    """Report a restored table."""
    return (
        "The order table was restored from a backup: it does not know what was bought since. Placing is off. Every account is being "
        "compared with the records; check the differences, then confirm the restore through numberdesk's API. Polls and reminders go on."
    )


def row_unreadable(pk: str, sk: str, *, is_newer: bool = False) -> str:
    """Report a row of the table that cannot be read."""
    row = f"pk {quoted(pk)}, sk {quoted(sk)}. It is skipped, and everything else goes on; this is reported once."
    if is_newer:
        return f"A row of the order table was written by a newer version of numberdesk: {row} Deploy that version, or a later one."
    return (
        f"A row of the order table cannot be read: {row} If it is an order's, check the order at its provider, and restore the row from "
        "a backup of the table."
    )


def account_blocked(provider: str, account: str, why: str) -> str:
    """Report a blocked account."""
    return (
        f"{provider_name(provider)} refuses the account {name(account)}: {reason(why)}. Placing there is paused and no order fails; orders wait as "
        "received. Fix the account or its secret; numberdesk retries automatically."
    )
