"""What a command works with: the stack, what it prints to, the clock, and how it asks before money or data is at stake."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from numberdesk.domain import wording
from numberdesk_cli.acts import left_of
from numberdesk_cli.client import Client
from numberdesk_cli.errors import DeskError, Exit, UsageError
from numberdesk_cli.explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.api.models.orders import OrderView
    from numberdesk_cli.explanation import Act, ActName
    from numberdesk_cli.output import Output
    from numberdesk_cli.target import Target

MAX_REASON = 500


def _now() -> datetime:
    return datetime.now(UTC)


def _answer(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


@dataclass
class Session:
    """One command's session with a stack. The stack is looked for when it is first needed."""

    find: Callable[[], Target]
    out: Output
    connect: Callable[[Target], Client] = Client
    now: Callable[[], datetime] = _now
    asks: Callable[[str], str] = _answer
    can_ask: Callable[[], bool] = field(default=lambda: sys.stdin.isatty() and sys.stderr.isatty())

    @cached_property
    def target(self) -> Target:
        """The stack; it is shown as soon as it is known."""
        found = self.find()
        self.out.note(f"[{found.name}]")
        return found

    @cached_property
    def client(self) -> Client:
        """A client of its API."""
        return self.connect(self.target)

    def decide(
        self,
        order_id: str,
        name: ActName,
        send: Callable[[OrderView, str], OrderView],
        *,
        reason: str | None = None,
        dry_run: bool,
        yes: bool,
        needs_reason: bool = True,
    ) -> int:
        """Show what an act changes and costs, ask, and do it.

        Args:
            order_id: whose.
            name: the act.
            send: does it, given the order as it was shown and the reason.
            reason: why; asked for on a terminal.
            dry_run: only show.
            yes: do not ask.
            needs_reason: whether it is not done without a reason.

        Raises:
            UsageError: nobody can be asked, and neither --yes nor a reason was given.
        """
        order = self.client.order(order_id)
        act = next((each for each in explain(order, self.now()).acts if each.name == name), None)
        if act is None:
            raise DeskError(
                f"{order_id} takes no {name} now: it is {order.state.value}",
                f"`numberdesk explain {order_id}` says what can be done.",
            )
        self._show(order, act)
        if dry_run:
            self.out.note("Nothing was done (--dry-run).")
            return Exit.DONE
        reason = self._reason(reason, needs=needs_reason)
        self.confirm(f"{act.title}: {order_id}?", yes=yes)
        after = send(order, reason)
        self.show_done(after)
        return Exit.DONE

    def _show(self, order: OrderView, act: Act) -> None:
        now = self.now()
        self.out.note(
            f"{order.order_id} at {wording.provider_name(order.provider)}: {explain(order, now).headline}", style=""
        )
        self.out.note(f"{act.title}: {act.effect}", style="")
        if act.cost:
            self.out.note(f"Cost: {act.cost}.", style="bold")
        if act.name == "approve":
            self.out.note(f"Left of today's limits: {left_of(self.client.spending(), order)}.", style="bold")
        if order.acknowledged and order.acknowledged.until > now:
            self.out.note(
                f"{wording.who(order.acknowledged.by)} is at it until {order.acknowledged.until:%H:%M:%S}Z.",
                style="bold",
            )

    def _reason(self, given: str | None, *, needs: bool) -> str:
        if given is None and needs:
            if not self.can_ask():
                raise UsageError(
                    "a reason is needed; it stands in the ledger", "Add --reason TEXT, without personal data."
                )
            given = self.asks("Reason (stands in the ledger; no personal data): ")
        given = (given or "").strip()
        if needs and not given:
            raise UsageError("a reason is needed; nothing was done", "Add --reason TEXT, without personal data.")
        if len(given) > MAX_REASON:
            raise UsageError(
                f"the reason has {len(given)} characters, and at most {MAX_REASON} are taken", "Shorten it."
            )
        return given

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask whether to go on.

        Raises:
            UsageError: nobody can be asked, and --yes was not given.
            DeskError: the answer is no.
        """
        if yes:
            return
        if not self.can_ask():
            raise UsageError("nobody can be asked here; nothing was done", "Add --yes, or run it on a terminal.")
        if self.asks(f"{question} [yes/no] ").lower() not in ("y", "yes"):
            raise DeskError("nothing was done")

    def show_done(self, after: OrderView) -> None:
        """Show an order after an act."""
        if self.out.as_json:
            self.out.json(after)
            return
        story = explain(after, self.now())
        self.out.line(f"{after.order_id}: {story.headline}")
        for reason in story.reasons:
            self.out.line(f"  {reason}")
        if story.waits_for:
            self.out.line(f"It waits for {story.waits_for}.")


OrderId = Annotated[str, Parameter(help="The order's id.")]
Provider = Annotated[str, Parameter(help="The provider's name, such as telnyx.")]
Country = Annotated[str, Parameter(help="The country, as two letters, such as DE.")]
NumberType = Annotated[str, Parameter(help="The type of number, such as local.")]
Account = Annotated[str, Parameter(help="The account at the provider.")]
SubOrder = Annotated[str | None, Parameter(help="Only this sub order, by its id at the provider.")]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
DryRun = Annotated[Flag, Parameter(help="Show what would happen, and change nothing.")]
Yes = Annotated[Flag, Parameter(help="Do not ask for confirmation.")]
Text = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""Free text, or a file's name where - is standard input: it may begin with a hyphen."""
Reason = Annotated[
    str | None,
    Parameter(allow_leading_hyphen=True, help="Why. The ledger keeps it for good, so write no personal data."),
]
Desk = Annotated[Session, Parameter(parse=False)]
"""The session as a parameter of a command."""
