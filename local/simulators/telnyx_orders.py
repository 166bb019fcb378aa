"""Telnyx number orders as a state machine over time: sub orders, requirements, vetting, deadlines, activation.

Plain objects, no HTTP. ``Lifecycle.advance`` lets everything happen that is due, in the order in which it is due.

What Telnyx does not publish and was chosen here:
- Requirements of a number are vetted one after another, each taking ``vetting_seconds``, once all values are there.
- A sub order is ``success`` or ``failure`` when all its numbers are; with some of each it is ``mixed_status``. The same
  rule makes the order's status from its sub orders (ended ones alike: all cancelled -> cancelled, all deleted ->
  deleted; deleted ones do not count while others remain). So clients have to decide from the numbers.
- A missed deadline cancels the sub order whose numbers missed it: numbers ``failure`` with requirements ``cancelled``
  and the passed deadline left to read; the sub order reads ``auto_cancel_status`` (``cancelled`` or ``failure``).
"""

from __future__ import annotations

import re
import uuid
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

from local.simulators.base import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Requirements of a country's numbers as (name, field type); toll-free numbers and countries not named have none.
REQUIREMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "DE": (("End User Address", "address"), ("Identity Document", "document"), ("Business Name", "textual")),
    "FR": (("End User Address", "address"), ("Identity Document", "document")),
    "AU": (("End User Address", "address"),),
    "CH": (("End User Address", "address"), ("Contact Name", "textual")),
    "DK": (("End User Address", "address"), ("Contact Name", "textual")),
    "IT": (("End User Address", "address"), ("Identity Document", "document")),
    "NO": (("End User Address", "address"), ("Contact Name", "textual")),
    "PT": (("End User Address", "address"), ("Identity Document", "document")),
    "SE": (("End User Address", "address"), ("Contact Name", "textual")),
    # Made up, one for each acceptance criterion.
    "NL": (
        ("End User Address", "address"),
        ("Trade Register Number", "textual"),
        ("Legal Form", "textual"),
        ("Date of Incorporation", "datetime"),
    ),
}
GROUP_REQUIRED = frozenset({"CH", "DK", "IT", "NO", "PT", "SE"})
"""Countries whose numbers need a fulfilled requirement group at creation (requirement groups guide)."""

AWAITING, UNDER_VETTING, APPROVED, DECLINED = "awaiting-value", "pending-approval", "approved", "declined"
INFO_PENDING, UNDER_REVIEW, EXCEPTION = (
    "requirement-info-pending",
    "requirement-info-under-review",
    "requirement-info-exception",
)


@dataclass
class TelnyxSettings(Settings):
    """All times in seconds. Changed by ``configure``."""

    activation_seconds: float = 2
    vetting_seconds: float = 60
    deadline_seconds: float = 14 * 86400
    auto_cancel_status: str = "cancelled"
    mixed_status: str = "failure"
    list_lag_seconds: float = 0
    """A new order is not in GET /number_orders for this long."""
    fuzzy_reference: bool = False
    """filter[customer_reference] matches what contains the text, whatever its case."""
    requirement_status_everywhere: bool = False
    """Show each requirement's status in GET /number_orders/{id} and /number_order_phone_numbers too."""
    sparse_numbers: bool = True
    """Live: pending numbers in an order and its sub orders show ``requirements_met: false`` and no ``requirements_status``.

    Their own records do.
    """
    page_size: int = 20
    """Live: how many comments, sub orders and requirement types one answer holds, although none of these declares pages."""
    deadline_notation: str = "iso"
    """Or ``seconds``, ``milliseconds`` (since 1970), ``text`` (10 Mar 2026), ``far`` (the year 9999)."""
    number_notation: str = "e164"
    """Or ``integer``, ``national``, ``masked``."""
    status_notation: str = "text"
    """Or ``object``, ``upper``."""
    validates_addresses: bool = True
    """Live: refuse an address that is no emergency address, unless ``validate_address`` is false."""
    check_criteria: bool = True
    """Refuse a text that breaks its acceptance criteria."""
    owned_lag_seconds: float = 0
    """A number is not in GET /phone_numbers for this long after it was activated (about two seconds have been seen)."""
    registered_webhooks: bool = True
    """Tell the webhooks of notification settings that orders completed, beside those of ``webhook_urls``."""
    asynchronous_settings: bool = False
    """New notification settings are 201 and enabled a second later."""
    check_values: bool = False
    """Refuse an address or document value that is not the id of one created here."""
    webhook_on_cancel: bool = True
    webhook_same_timestamp: bool = False
    """A repeated attempt is signed with the first attempt's timestamp."""
    rate_limit: int = 2000
    """Calls a second and account; more are 429."""
    default_search_limit: int = 50
    max_search_results: int | None = None
    """Most results of one search, whatever its limit, and nothing says so."""
    upfront_cost: str = "1.00"
    monthly_cost: str = "1.00"
    currency: str = "USD"
    """What every number that a search finds costs."""
    numbers_error_status: int = 422
    """HTTP status of 85000 and 85001 (not documented; 409 has been seen too)."""
    numbers_error_code: str = ""
    """What is told of a number that is gone or was not searched; empty: 10027 live, else 85001 or 85000."""
    nothing_found_status: int = 400
    """HTTP status of 10031, which a search without a result is told by, live."""
    ignored_filters: tuple[str, ...] = ()
    """Filters of a search that have no effect, as if Telnyx did not know them (``national_destination_code``, ...)."""
    block_status: int = 403


@dataclass(frozen=True)
class Acceptance:
    """The criteria of a text."""

    min_length: int = 1
    max_length: int = 200
    values: tuple[str, ...] = ()
    characters: str = ""
    regex: str = ""
    case_sensitive: bool = False

    def fault(self, text: str) -> str:
        """Return what is wrong with a text; empty if nothing is."""
        values = self.values if self.case_sensitive else tuple(value.casefold() for value in self.values)
        if not self.min_length <= len(text) <= self.max_length:
            return f"takes {self.min_length} to {self.max_length} characters"
        if values and (text if self.case_sensitive else text.casefold()) not in values:
            return "is not one of the acceptable values"
        if self.regex and not re.fullmatch(self.regex, text):
            return f"does not match {self.regex}"
        return ""


ACCEPTANCE = {
    ("NL", "Trade Register Number"): Acceptance(8, 8, characters="numeric", regex="[0-9]{8}"),
    ("NL", "Legal Form"): Acceptance(values=("BV", "NV", "VOF")),
    ("NL", "Date of Incorporation"): Acceptance(10, 10, regex="[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


@dataclass(frozen=True)
class RequirementType:
    id: str
    name: str
    field_type: str
    country_code: str

    @property
    def acceptance(self) -> Acceptance:
        return ACCEPTANCE.get((self.country_code, self.name), Acceptance())

    def fault(self, value: str) -> str:
        """Return what is wrong with a value, as far as a text shows it; empty if nothing is."""
        return self.acceptance.fault(value) if self.field_type in ("textual", "datetime") else ""


@cache
def requirement_types(country_code: str) -> tuple[RequirementType, ...]:
    """Ids are the same in every run, so that tests can name them."""
    return tuple(
        RequirementType(str(uuid.uuid5(uuid.NAMESPACE_URL, f"telnyx/{country_code}/{name}")), name, kind, country_code)
        for name, kind in REQUIREMENTS.get(country_code, ())
    )


def required(country_code: str, phone_number_type: str) -> tuple[RequirementType, ...]:
    return () if phone_number_type == "toll_free" else requirement_types(country_code)


@dataclass
class Requirement:
    """One requirement of one ordered number."""

    type: RequirementType
    value: str | None = None
    status: str = AWAITING
    vet_at: datetime | None = None

    def is_named(self, name: str) -> bool:
        return name in (self.type.id, self.type.name, self.type.field_type)


@dataclass
class Number:
    """A number order phone number."""

    id: str
    phone_number: str
    country_code: str
    phone_number_type: str
    locality: str
    bundle_id: str | None
    requirements: list[Requirement]
    status: str = "pending"
    requirements_status: str = APPROVED
    deadline: datetime | None = None
    activate_at: datetime | None = None
    active_since: datetime | None = None

    def met(self) -> bool:
        return all(r.status == APPROVED for r in self.requirements)

    def owed(self) -> list[Requirement]:
        return [r for r in self.requirements if r.status in (AWAITING, DECLINED)]


def combined(statuses: Iterable[str], mixed_status: str) -> str:
    """Return the status of a parent from its children's (see the module's text)."""
    found = set(statuses)
    if "pending" in found:
        return "pending"
    if len(found) > 1:
        found.discard("deleted")
    return found.pop() if len(found) == 1 else mixed_status


@dataclass
class SubOrder:
    id: str
    country_code: str
    phone_number_type: str
    numbers: list[Number]
    created_at: datetime
    updated_at: datetime
    ended: str | None = None
    """A status that does not come from the numbers: cancelled, deleted, or failure by a missed deadline."""
    extensions: list[tuple[datetime, float]] = field(default_factory=list)
    """When deadlines move, and by how many seconds."""

    def status(self, mixed_status: str) -> str:
        return self.ended or combined((n.status for n in self.numbers), mixed_status)


@dataclass
class Order:
    id: str
    account: str
    customer_reference: str | None
    connection_id: str | None
    messaging_profile_id: str | None
    billing_group_id: str | None
    subs: list[SubOrder]
    created_at: datetime
    updated_at: datetime
    stale: tuple[datetime, Order] | None = None
    """Until when GETs still show which older state."""

    def numbers(self) -> Iterator[Number]:
        for sub in self.subs:
            yield from sub.numbers

    def status(self, mixed_status: str) -> str:
        return combined((s.status(mixed_status) for s in self.subs), mixed_status)


@dataclass(frozen=True)
class Selector:
    """Which orders or sub orders a script applies to: everything given must match.

    ``order`` is an order id, a customer_reference, a number in the order, or "*".
    """

    order: str = "*"
    country_code: str | None = None
    phone_number_type: str | None = None

    def fits(self, order: Order) -> bool:
        named = self.order in ("*", order.id, order.customer_reference)
        return named or any(n.phone_number == self.order for n in order.numbers())

    def fits_sub(self, order: Order, sub: SubOrder) -> bool:
        return (
            self.fits(order)
            and self.country_code in (None, sub.country_code)
            and self.phone_number_type in (None, sub.phone_number_type)
        )


@dataclass
class Rejection:
    selector: Selector
    requirement: str
    reason: str
    new_deadline_seconds: float | None
    times: int


@dataclass
class Grant:
    """An extension, granted some time after a comment requested it."""

    selector: Selector
    seconds: float
    after_seconds: float
    times: int


@dataclass
class Comment:
    id: str
    body: str
    record_type: str
    record_id: str
    commenter: str
    commenter_type: str
    created_at: datetime
    updated_at: datetime
    read_at: datetime | None = None


@dataclass(frozen=True)
class _Event:
    at: datetime
    happen: Callable[[], None]


@dataclass
class Lifecycle:
    """Every order and its transitions. ``on_complete(order, at)`` is called when an order stops being pending."""

    settings: TelnyxSettings
    new_uuid: Callable[[], str]
    on_complete: Callable[[Order, datetime], None]
    orders: dict[str, Order] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    failures: list[tuple[Selector, int | None]] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    deadlines: list[tuple[Selector, float]] = field(default_factory=list)
    erasures: list[tuple[Selector, float]] = field(default_factory=list)
    """Whose deadlines are erased, and how many seconds before they are reached."""
    late_gets: list[tuple[Selector, float]] = field(default_factory=list)
    _pending: dict[str, Order] = field(default_factory=dict)
    _next_at: dict[str, datetime | None] = field(default_factory=dict)
    """When something happens next to an order, as long as nobody touched any."""

    def status(self, item: Order | SubOrder) -> str:
        return item.status(self.settings.mixed_status)

    # Beginning --------------------------------------------------------------------------------------------------

    def begin(self, order: Order) -> None:
        """Accept a new order whose numbers may already have values (from a requirement group)."""
        self.orders[order.id] = order
        self._pending[order.id] = order
        now = order.created_at
        for sub in order.subs:
            due = now + timedelta(seconds=self._deadline_length(order, sub))
            for number in sub.numbers:
                if number.requirements:
                    number.requirements_status = INFO_PENDING
                    number.deadline = due.replace(microsecond=0)
                self.submitted(number, now)

    def _deadline_length(self, order: Order, sub: SubOrder) -> float:
        scripted = [seconds for selector, seconds in self.deadlines if selector.fits_sub(order, sub)]
        return scripted[-1] if scripted else self.settings.deadline_seconds

    def submitted(self, number: Number, at: datetime) -> None:
        """After values arrived: if no requirement is open any more, erase the deadline and start vetting."""
        if number.status != "pending" or number.owed():
            return
        number.deadline = None
        if number.met():
            self._ready(number, at)
            return
        number.requirements_status = UNDER_REVIEW
        vetted_at = at
        for requirement in number.requirements:
            if requirement.status == UNDER_VETTING and requirement.vet_at is None:
                vetted_at += timedelta(seconds=self.settings.vetting_seconds)
                requirement.vet_at = vetted_at

    def _ready(self, number: Number, at: datetime) -> None:
        number.requirements_status = APPROVED
        number.activate_at = at + timedelta(seconds=self.settings.activation_seconds)

    def supply(self, order: Order, numbers: Iterable[Number], values: dict[str, str], at: datetime) -> int:
        """Put values (requirement id -> value) on the numbers; approved requirements stay. Return how many were accepted."""
        taken = 0
        for number in numbers:
            if number.status != "pending":
                continue
            for requirement in number.requirements:
                value = values.get(requirement.type.id)
                if value is not None and requirement.status != APPROVED:
                    requirement.value, requirement.status, requirement.vet_at = value, UNDER_VETTING, None
                    taken += 1
            self.submitted(number, at)
        order.updated_at = at
        return taken

    # The passing of time ----------------------------------------------------------------------------------------

    def advance(self, now: datetime, *, reading: bool = False) -> None:
        """Let everything happen that is due by ``now``.

        ``reading``: nothing changes after it, so the next due time is kept, as finding it needs all the numbers of an order.
        """
        for order in list(self._pending.values()):
            if order.id in self._next_at and ((at := self._next_at[order.id]) is None or at > now):
                continue
            while (event := self._next(order)) is not None and event.at <= now:
                self.change(order, event.at, event.happen)
            self._next_at[order.id] = event.at if event is not None else None
        if not reading:
            self._next_at.clear()

    def change(self, order: Order, at: datetime, happen: Callable[[], None]) -> None:
        """Do something to an order, and what follows if that ended it."""
        late = [seconds for selector, seconds in self.late_gets if selector.fits(order)]
        before = deepcopy(order) if late else None
        was_pending = self.status(order) == "pending"
        happen()
        order.updated_at = at
        if was_pending and self.status(order) != "pending":
            self._pending.pop(order.id, None)
            if before is not None:
                order.stale = (at + timedelta(seconds=late[-1]), before)
            self.on_complete(order, at)

    def _next(self, order: Order) -> _Event | None:
        return min((e for sub in order.subs for e in self._due(order, sub)), key=lambda e: e.at, default=None)

    def _due(self, order: Order, sub: SubOrder) -> Iterator[_Event]:
        """Return the next event of a sub order; numbers due at the same instant are one event."""
        if self.status(sub) != "pending":
            return
        pending = [n for n in sub.numbers if n.status == "pending"]
        vettings = {(r.vet_at, r.type.id) for n in pending for r in n.requirements if r.vet_at is not None}
        for at, requirement_id in sorted(vettings)[:1]:
            yield _Event(at, partial(self._vet, order, sub, requirement_id, at))
        if sub.extensions:
            at, seconds = min(sub.extensions)
            yield _Event(at, partial(self._extend, sub, (at, seconds)))
        if deadline := min((n.deadline for n in pending if n.deadline is not None), default=None):
            yield _Event(deadline, partial(self.cancel, sub, deadline, self.settings.auto_cancel_status))
            for before in [seconds for selector, seconds in self.erasures if selector.fits_sub(order, sub)]:
                yield _Event(deadline - timedelta(seconds=before), partial(self.erase, sub))
        if activate_at := min((n.activate_at for n in pending if n.activate_at is not None), default=None):
            yield _Event(activate_at, partial(self._activate, order, sub, activate_at))

    def _vet(self, order: Order, sub: SubOrder, requirement_id: str, at: datetime) -> None:
        """Decide one requirement as the reviewers would, for all due numbers of the sub order."""
        cases = [(n, r) for n in sub.numbers for r in n.requirements if r.type.id == requirement_id and r.vet_at == at]
        rejection = next(
            (x for x in self.rejections if x.selector.fits_sub(order, sub) and cases[0][1].is_named(x.requirement)),
            None,
        )
        for number, requirement in cases:
            requirement.vet_at = None
            requirement.status = APPROVED if rejection is None else DECLINED
            if rejection is not None:
                length = rejection.new_deadline_seconds
                length = self._deadline_length(order, sub) if length is None else length
                number.requirements_status = EXCEPTION
                number.deadline = (at + timedelta(seconds=length)).replace(microsecond=0)
            elif number.met():
                self._ready(number, at)
        sub.updated_at = at
        if rejection is not None:
            rejection.times -= 1
            if rejection.times <= 0:
                self.rejections.remove(rejection)
            self.comment(sub.id, rejection.reason, at)

    def _activate(self, order: Order, sub: SubOrder, at: datetime) -> None:
        due = [n for n in sub.numbers if n.status == "pending" and n.activate_at == at]
        failing = next((f for f in self.failures if f[0].fits_sub(order, sub)), None)
        count = 0 if failing is None else len(due) if failing[1] is None else failing[1]
        for index, number in enumerate(due):
            number.status = "failure" if index < count else "success"
            number.activate_at = None
            number.active_since = at if number.status == "success" else None
        sub.updated_at = at

    def _extend(self, sub: SubOrder, extension: tuple[datetime, float]) -> None:
        sub.extensions.remove(extension)
        self.extend(sub, extension[1])

    def erase(self, sub: SubOrder) -> None:
        """Erase the set deadlines; the requirements stay open."""
        for number in sub.numbers:
            number.deadline = None

    def extend(self, sub: SubOrder, seconds: float) -> None:
        """Move the set deadlines."""
        for number in sub.numbers:
            if number.deadline is not None:
                number.deadline += timedelta(seconds=seconds)

    # Actions of people --------------------------------------------------------------------------------------------

    def cancel(self, sub: SubOrder, at: datetime, status: str = "cancelled") -> None:
        """End a sub order: its numbers that are not active fail. A passed deadline stays readable."""
        for number in sub.numbers:
            if number.status == "pending":
                number.status, number.requirements_status, number.activate_at = "failure", "cancelled", None
                for requirement in number.requirements:
                    requirement.vet_at = None
        sub.ended, sub.updated_at = status, at

    def delete(self, sub: SubOrder, at: datetime) -> None:
        """Remove the numbers from the account. Their own status has no value for it; requirements_status has."""
        for number in sub.numbers:
            number.requirements_status, number.deadline, number.activate_at = "deleted", None, None
        sub.ended, sub.updated_at = "deleted", at

    def delete_number(self, order: Order, number: Number, at: datetime) -> None:
        """Remove one number from the account; with the last of them its sub order reads ``deleted``."""
        number.requirements_status, order.updated_at = "deleted", at
        for sub in order.subs:
            if number in sub.numbers and all(n.requirements_status == "deleted" for n in sub.numbers):
                self.delete(sub, at)

    def comment(
        self,
        record_id: str,
        body: str,
        at: datetime,
        *,
        commenter: str = "number-ops@telnyx.example",
        commenter_type: str = "admin",
        record_type: str = "sub_number_order",
    ) -> Comment:
        comment = Comment(self.new_uuid(), body, record_type, record_id, commenter, commenter_type, at, at)
        self.comments[comment.id] = comment
        return comment

    def asked(self, order: Order, sub: SubOrder, at: datetime) -> None:
        """A customer commented: the first matching script grants an extension, later and unannounced."""
        grant = next((each for each in self.grants if each.selector.fits_sub(order, sub)), None)
        if grant is not None:
            sub.extensions.append((at + timedelta(seconds=grant.after_seconds), grant.seconds))
            grant.times -= 1
            if grant.times <= 0:
                self.grants.remove(grant)

    def visible(self, order: Order, now: datetime) -> Order:
        """Return the order as GETs show it now."""
        return order.stale[1] if order.stale is not None and now < order.stale[0] else order
