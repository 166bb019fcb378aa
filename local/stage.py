"""The interface between stories and the system that they run on.

`local.deployed` has the stage of a run: the deployed stack, in real time. The tests have another, in one process
and in virtual time, so that a story takes seconds.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from local.records import Item, Records


@dataclass(frozen=True)
class Answer:
    """A response of the API."""

    status: int
    """Zero if it did not answer; the body then says why."""
    body: Any
    """JSON; none where there was no body."""
    content_type: str


@dataclass(frozen=True)
class Call:
    """One call of the API."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] | None = None


class Stage(Protocol):
    """A numberdesk with its providers, and its public interfaces."""

    operator: str
    """The ARN of the principal who calls the API."""
    scope: str
    """AWS account, region and stack, as references at providers are made of it."""
    outputs: Mapping[str, str]
    """The stack's."""
    sqs: Any
    """A boto3 client of its queues."""

    @property
    def private(self) -> Mapping[str, str]:
        """Return every secret of the run created until now, by name: it must be in no log."""

    @property
    def records(self) -> Records:
        """Return the order table."""

    def now(self) -> datetime:
        """Return the present, in the stage's time."""

    def rest(self, seconds: float) -> None:
        """Let this much time pass since the last rest, and run what becomes due.

        Raises:
            PermissionMissingError: see `check_permissions`, which this calls now and then.
        """

    def playing(self) -> AbstractContextManager[None]:
        """Run the schedules, or their substitute, while stories are played."""

    def ask(self, provider: str, control: str, **arguments: Any) -> Any:
        """Run a simulator's control and return its result, as JSON has it.

        Raises:
            LookupError: it refused.
        """

    def die_after_purchase(self, provider: str, reference: str) -> None:
        """Let the function that buys the order of this reference die after the provider accepted it and before anything is written."""

    def call(self, call: Call) -> Future[Answer]:
        """Call the API as the operator. Other stories continue until the response arrives."""

    def post_webhook(self, headers: Mapping[str, str], body: str) -> int:
        """Post to the URL for Telnyx's webhooks and return the status of the response."""

    def upload(self, form: Mapping[str, Any], content: bytes) -> int:
        """Post a file by a form that the API gave and return the status of the response."""

    def read_notifications(self) -> list[str]:
        """Return the notifications since the last time: each paragraph of each message that arrived."""

    def hear_bus(self) -> list[dict[str, Any]]:
        """Return the events on the bus since the last time."""

    def reconcile_inventory(self) -> None:
        """Let reconcile_inventory run once, as its schedule does every minute."""

    def copy_table(self) -> list[Item]:
        """Return every item of the order table, as a backup holds them."""

    def restore_table(self, copy: Sequence[Item]) -> None:
        """Replace the order table's content by a copy, as a restored table looks to numberdesk (see `Records.restore`)."""

    def files(self) -> list[str]:
        """Return the keys of all uploaded files that still exist, in any version."""

    def log_of(self, function: str) -> list[str]:
        """Return every line that a function has logged; where the functions cannot be distinguished, also those of the others."""

    def logs(self) -> dict[str, str]:
        """Return everything that was ever logged, by the log's name."""

    def check_permissions(self) -> None:
        """Check that AWS denied no function an action.

        Raises:
            PermissionMissingError: it did; later results would prove nothing.
        """

    def renew_resale_key(self) -> None:
        """Give TeleSign's account `resale` a valid key again: there, and in its secret."""


class PermissionMissingError(Exception):
    """AWS denied a function an action; the message is the line of its log."""
