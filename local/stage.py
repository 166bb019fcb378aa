"""Where stories are played, as far as a story may see and touch it.

`local.deployed` has the stage of a run: the deployed stack, in the time of the wall clock. The tests have another, in one process
and in a time of its own, so that a story takes seconds there.
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
    """What the API answered."""

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
    """A numberdesk with its providers, and the way in that everybody has."""

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
        """Every secret of the run that was made until now, by name: it must be in no log."""

    @property
    def records(self) -> Records:
        """The order table."""

    def now(self) -> datetime:
        """The present, in the stage's time."""

    def rest(self, seconds: float) -> None:
        """Let so much time pass since the last rest, and whatever falls due happen.

        Raises:
            PermissionMissingError: see `check_permissions`, which this does now and then.
        """

    def playing(self) -> AbstractContextManager[None]:
        """While stories are played: the schedules run, or whatever stands in for them."""

    def ask(self, provider: str, control: str, **arguments: Any) -> Any:
        """Run a simulator's control and give its result, as JSON has it.

        Raises:
            LookupError: it refused.
        """

    def die_after_purchase(self, provider: str, reference: str) -> None:
        """Let the function that buys the order of this reference die: the provider took it, and nothing of that is written."""

    def call(self, call: Call) -> Future[Answer]:
        """Call the API as the operator. Until the answer is there, other stories go on."""

    def post_webhook(self, headers: Mapping[str, str], body: str) -> int:
        """Post to the address for Telnyx's webhooks; the status of the answer."""

    def upload(self, form: Mapping[str, Any], content: bytes) -> int:
        """Post a file by a form that the API gave; the status of the answer."""

    def read_notifications(self) -> list[str]:
        """What people were told since the last time: each paragraph of each message that arrived."""

    def hear_bus(self) -> list[dict[str, Any]]:
        """What came on the bus since the last time."""

    def reconcile_inventory(self) -> None:
        """Let reconcile_inventory run once, as its schedule does every minute."""

    def copy_table(self) -> list[Item]:
        """Every item of the order table, as a backup holds them."""

    def restore_table(self, copy: Sequence[Item]) -> None:
        """Put the order table back to a copy of it, as a restored table looks to numberdesk (see `Records.restore`)."""

    def files(self) -> list[str]:
        """The keys of all files that were uploaded and are still there, in any version."""

    def log_of(self, function: str) -> list[str]:
        """Every line that a function has logged; where that cannot be told apart, those of the others, too."""

    def logs(self) -> dict[str, str]:
        """Everything that was ever logged, by the log's name."""

    def check_permissions(self) -> None:
        """Look for a function that was refused something by AWS.

        Raises:
            PermissionMissingError: one was; nothing after that is worth telling.
        """

    def renew_resale_key(self) -> None:
        """A good key again for TeleSign's account `resale`: there, and in its secret."""


class PermissionMissingError(Exception):
    """A function was refused by AWS; the message is the line of its log."""
