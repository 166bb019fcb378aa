"""One poll of a Telnyx number order: the order, its sub orders, deadlines, comments, and the names of requirements.

What is where (OpenAPI document and guides): the order lists every number with its status; sub orders embed their first 50
numbers, and only there each requirement has a status; the deadline is on the record of a number alone; why something was
rejected is in the comments of its sub order; what a requirement is called is in the regulatory requirements of its country.

Live answers show less, and write it otherwise: whatever of them cannot be read is noted (see `Reader`), to be told once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.snapshot import (
    AssetRequirementSeen,
    AssetSeen,
    CommentSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
)
from numberdesk.domain.statuses import (
    OPEN_ASSETS,
    VETTED_ASSETS,
    AssetKind,
    AssetState,
    Phase,
    RequirementState,
    ValueKind,
)
from numberdesk.providers import numbers as notations
from numberdesk.providers.base import AccountFaultError, NoSuchOrderError, SlotBusyError, UnreadableError
from numberdesk.providers.lenient import Fields, fields, identifier, instant, prose, text
from numberdesk.providers.reader import Reader
from numberdesk.providers.telnyx.api import BadRequestError, NotFoundError, resource
from numberdesk.providers.telnyx.deadlines import Deadlines, OpenNumber, Shown
from numberdesk.providers.telnyx.statuses import value_kind
from numberdesk.providers.telnyx.submissions import about, comments_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.providers.telnyx.api import Api

_T = TypeVar("_T")

MAX_CALLS = 25
"""Most calls of one poll. Where more would be needed, some parts are left to later polls."""
MAX_TIME = timedelta(seconds=60)
"""Time after which a poll makes do with what it has: a Lambda has two minutes to read and to commit."""
_MAX_MISSING_SUB_ORDERS = 5
_MAX_FURTHER_PAGES = 8
"""Further pages of one list that a poll reads."""
_KEPT_FOR_COMMENTS = 5
_KEPT_FOR_NAMES = 2
_MAX_FAILURES = 2
"""Failed reads after which a poll makes do with what it has: each may have cost three time-outs."""

# Orders and sub orders alike. `cancelled` and `deleted` are in the guide (number orders) and not in the OpenAPI document.
_PHASES = {
    "pending": Phase.OPEN,
    "success": Phase.ENDED,
    "failure": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    "deleted": Phase.DELETED,
}
# What a pending number comes to when the whole that it belongs to has ended.
_ENDED_WITH = {
    "failure": AssetState.FAILED,
    "cancelled": AssetState.CANCELLED,
    "deleted": AssetState.DELETED,
}
_OVER = frozenset({"success", *_ENDED_WITH})
# `status` of a number (OpenAPI: pending, success, failure).
_NUMBER_STATUSES = frozenset({"pending", "success", "failure"})
# `requirements_status` of a pending number (OpenAPI; guide: number orders).
_INFO_PENDING = "requirement-info-pending"
_EXCEPTION = "requirement-info-exception"
_UNDER_REVIEW = "requirement-info-under-review"
_PENDING_NUMBERS = {
    "pending": AssetState.PENDING,
    "approved": AssetState.PENDING,
    _INFO_PENDING: AssetState.ACTION_REQUIRED,
    _EXCEPTION: AssetState.ACTION_REQUIRED,
    _UNDER_REVIEW: AssetState.UNDER_REVIEW,
}
_REQUIREMENTS_STATUSES = frozenset({*_PENDING_NUMBERS, "cancelled", "deleted"})
# `status` of a requirement (SDK, numbers of sub orders).
_REQUIREMENTS = {
    "awaiting-value": RequirementState.AWAITING_VALUE,
    "pending-approval": RequirementState.UNDER_REVIEW,
    "approved": RequirementState.APPROVED,
    "declined": RequirementState.REJECTED,
}
_LEAST_SATISFIED_FIRST = (
    RequirementState.REJECTED,
    RequirementState.AWAITING_VALUE,
    RequirementState.UNKNOWN,
    RequirementState.UNDER_REVIEW,
    RequirementState.APPROVED,
)
# Ours for `phone_number_type`; sub orders and number records also know `landline`, which is none of the types to order.
_NUMBER_TYPES = frozenset({"local", "toll_free", "mobile", "national", "shared_cost"})


@dataclass(frozen=True, slots=True)
class _Requirement:
    """One requirement of one number. `word` is its status where it is shown."""

    id: str
    kind: str | None
    has_value: bool
    provider_status: str | None


@dataclass(frozen=True, slots=True)
class _Number:
    """One number, from all that the answers show of it."""

    value: str
    id: str | None
    sub_order_id: str | None
    status: str | None
    around: tuple[str | None, str | None]
    """The words of its sub order and of its order."""
    country: str | None
    number_type: str | None
    requirements_status: str | None
    requirements: tuple[_Requirement, ...]
    sparse: bool
    """It waits for something, and its order does not show for what."""

    @property
    def state(self) -> AssetState:
        return _state(self.status, self.requirements_status, *self.around)

    @property
    def provider_status(self) -> str:
        return "/".join(
            provider_status for provider_status in (self.status, self.requirements_status) if provider_status
        )


class Poll:
    """One poll of one order."""

    def __init__(self, api: Api, order: Order) -> None:
        """Prepare; nothing is read. `order.provider_order_id` is set."""
        self._api = api
        self._order = order
        self._order_id = order.provider_order_id or ""
        self._last_call = api.calls + MAX_CALLS
        self._enough_at = api.clock.now() + MAX_TIME
        self._failures = 0
        self._reader = Reader()
        self._parts_unseen = False
        """Whether the order has sub orders that this poll did not see."""
        self._shown: dict[str, Fields] = {}
        """The records of numbers that were read, by their id."""
        self._records: dict[str, tuple[_Requirement, ...]] = {}
        """What the records of numbers show of requirements, where they show a status."""
        self._unread_deadlines: set[str] = set()
        self._by_id = {asset.provider_id: asset.value for asset in order.assets if asset.provider_id}
        self._countries = _countries(order)

    def snapshot(self) -> Snapshot:
        """Read.

        A failing read of the order or of the list of sub orders fails the poll. Any other leaves out what it would have shown.

        Raises:
            UnreadableError, NoSuchOrderError, AccountFaultError, SlotBusyError: nothing was seen.
        """
        shown = self._read_order()
        order_word = self._reader.enum("number_order.status", shown.get("status"), _PHASES)
        sub_orders = {
            sub_order_id: (sub_order, self._reader.enum("sub_number_order.status", sub_order.get("status"), _PHASES))
            for sub_order_id, sub_order in self._read_sub_orders(shown).items()
        }
        numbers = self._filled(self._numbers(shown, order_word, sub_orders))
        vetted = self._vetted(numbers, sub_orders)
        unnamed = self._unnamed(numbers, sub_orders)
        deadlines = self._deadlines(numbers)
        # Deadlines come first, but not so that comments, names or the rota never had their turn.
        for_names = min(len(unnamed), _KEPT_FOR_NAMES)
        for_comments = min(len(vetted), _KEPT_FOR_COMMENTS)
        for_numbers = deadlines.kept
        with_numbers = {number.sub_order_id for number in numbers}
        parts = self._rotated([sub_order_id for sub_order_id in sub_orders if sub_order_id in with_numbers])
        deadlines.read(parts, kept=for_comments + for_names + for_numbers)
        comments = self._read_comments(vetted, kept=for_names + for_numbers)
        names = self._read_names(unnamed, kept=for_numbers)
        deadlines.go_round()
        numbers = [self._by_itself(number) for number in numbers]
        # Not what the rota saw of requirements: it would show at one poll and not at the next.
        read = {value: self._records[value] for value in deadlines.representatives if value in self._records}
        numbers = [
            replace(number, requirements=read[number.value]) if number.value in read else number for number in numbers
        ]
        states = self._states(numbers)
        return Snapshot(
            provider_order_id=self._order_id,
            phase=_PHASES.get(order_word or "", Phase.UNKNOWN),
            provider_status=order_word or "",
            assets=tuple(_asset(number, states.get(number.value, ())) for number in numbers),
            lists_every_asset=True,
            sub_orders=tuple(
                SubOrderSeen(
                    id=sub_order_id,
                    provider_status=provider_status or "",
                    country=self._reader.text("sub_number_order.country_code", sub_order.get("country_code")),
                    number_type=self._reader.text(
                        "sub_number_order.phone_number_type", sub_order.get("phone_number_type")
                    ),
                )
                for sub_order_id, (sub_order, provider_status) in sub_orders.items()
            ),
            requirements=tuple(self._requirements(numbers, states, names)),
            deadlines=deadlines.seen(),
            comments=tuple(comments),
            unknown_values=self._reader.noted,
            unread_deadlines=frozenset(self._unread_deadlines),
            apart=deadlines.apart(),
            number_cursor=deadlines.number_cursor,
            numbers_read=deadlines.numbers_read,
        )

    # The order, its sub orders and numbers

    def _read_order(self) -> Fields:
        try:
            shown = fields(self._api.get(resource("number_orders", self._order_id))["data"])
        except NotFoundError as error:
            raise NoSuchOrderError(error.detail, code=error.code) from error
        if identifier(shown.get("id")) != self._order_id:
            raise UnreadableError("an answer that does not show the order")
        return shown

    def _read_sub_orders(self, order: Fields) -> dict[str, Fields]:
        ours = ("filter[order_request_id]", self._order_id)
        with_numbers = ("filter[include_phone_numbers]", "true")
        try:
            listed = self._listed("sub_number_orders", ours, with_numbers, strict=True)
        except BadRequestError:
            # This filter has come and gone in the OpenAPI document; without it, only statuses of requirements are missed.
            listed = self._listed("sub_number_orders", ours)
        found: dict[str, Fields] = {}
        for sub_order in self._reader.rows("sub_number_orders", listed):
            sub_order_id = self._reader.id("sub_number_order.id", sub_order.get("id"))
            if sub_order_id is not None and identifier(sub_order.get("order_request_id")) in (self._order_id, None):
                found[sub_order_id] = sub_order
        # The list answers with paging figures and declares no way to page: ask for what it left out one by one.
        ids = order.get("sub_number_orders_ids")
        told = [
            self._reader.id("number_order.sub_number_orders_ids", each)
            for each in (ids if isinstance(ids, list) else [ids])
            if each not in (None, "")
        ]
        left_out = [one for one in told if one and one not in found]
        for sub_order_id in self._rotated(left_out)[:_MAX_MISSING_SUB_ORDERS]:
            sub_order = fields(self._try(resource("sub_number_orders", sub_order_id), with_numbers))
            if identifier(sub_order.get("id")) == sub_order_id:
                found[sub_order_id] = sub_order
        self._parts_unseen = any(one not in found for one in left_out) or (self._parts_unseen and not left_out)
        return found

    def _numbers(
        self, order: Fields, order_word: str | None, sub_orders: Mapping[str, tuple[Fields, str | None]]
    ) -> list[_Number]:
        of_order = {self._value(row, {}): row for row in self._rows_of_numbers(order)}
        embedded = {
            self._value(row, sub_order): (sub_order_id, row)
            for sub_order_id, (sub_order, _) in sub_orders.items()
            for row in self._rows_of_numbers(sub_order)
        }
        of_kinds = _of_kinds(sub_orders)
        numbers = []
        for value in dict.fromkeys([*of_order, *embedded]):
            if value is None:
                continue
            sub_order_id, later = embedded.get(value, (None, {}))
            # Sub orders are read after the order: what both show, they show as it is later.
            shown = of_order.get(value, {}) | {name: one for name, one in later.items() if one not in (None, "", [])}
            if sub_order_id is None:
                # None embeds it: it is told by its kind, or because there is but one. Of another, it may be open still.
                candidates = of_kinds.get(_kind_of(shown)) or ([] if self._parts_unseen else list(sub_orders))
                sub_order_id = candidates[0] if len(candidates) == 1 else None
            sub_order_word = sub_orders[sub_order_id][1] if sub_order_id else None
            numbers.append(self._number(value, shown, sub_order_id, (sub_order_word, order_word)))
        return numbers

    def _number(
        self, value: str, shown: Fields, sub_order_id: str | None, around: tuple[str | None, str | None]
    ) -> _Number:
        read = self._reader
        status = read.enum("phone_number.status", shown.get("status"), _NUMBER_STATUSES, of_asset=True)
        if shown.get("status") in (None, "") and around[0] != "pending" and _OVER.intersection(around):
            # Whether it was delivered is what an order that is over must tell.
            read.note("phone_number.status", shown.get("status"), of_asset=True)
        requirements_status = read.enum(
            "phone_number.requirements_status", shown.get("requirements_status"), _REQUIREMENTS_STATUSES
        )
        requirements = self._requirements_shown(shown)
        owes = shown.get("requirements_met") is False or any(
            requirement.provider_status != "approved" for requirement in requirements
        )
        number_type = read.text("phone_number.phone_number_type", shown.get("phone_number_type"))
        return _Number(
            value=value,
            id=read.text("phone_number.id", shown.get("id")),
            sub_order_id=sub_order_id,
            status=status,
            around=around,
            country=read.text("phone_number.country_iso_alpha2", shown.get("country_iso_alpha2"))
            or read.text("phone_number.country_code", shown.get("country_code")),
            number_type=number_type if number_type in _NUMBER_TYPES else None,
            requirements_status=requirements_status,
            requirements=requirements,
            sparse=status == "pending" and not requirements_status and owes,
        )

    def _rows_of_numbers(self, holder: Fields) -> Iterator[Fields]:
        """Give what is shown of each number: an object, or the number alone."""
        shown = holder.get("phone_numbers")
        for item in shown if isinstance(shown, list) else [shown] if shown is not None else []:
            if isinstance(item, dict):
                yield item
            elif isinstance(item, str | int) and not isinstance(item, bool):
                found = notations.numbers(item, *self._countries)
                for value in (*found.read, *found.unread):
                    yield {"phone_number": value}
            else:
                self._reader.note("phone_numbers", item, of_asset=True)

    def _value(self, row: Fields, holder: Fields) -> str | None:
        """Give a number in E.164. One that cannot be read is known by its id, where it was read before."""
        shown = row.get("phone_number")
        if isinstance(shown, str) and notations.E164.fullmatch(shown):
            return shown
        told = (row.get("country_iso_alpha2"), row.get("country_code"), holder.get("country_code"))
        country = next((each for each in told if isinstance(each, str) and each), None)
        known = self._by_id.get(identifier(row.get("id")) or "")
        value = notations.number(shown, *([country] if country else self._countries))
        if value is None:
            self._reader.note("phone_number.phone_number", shown, of_asset=known is None)
        return value or known

    # Numbers of which the order shows little

    def _filled(self, numbers: Sequence[_Number]) -> list[_Number]:
        """Take from the record of a number the requirements status that its order does not show.

        One number of a sub order is read for all that show as little. Those that stood as it did move with it; where it is not
        read in this poll, or one of them was seen to stand apart, what is on record holds.
        """
        known = {
            asset.value: asset.provider_status.removeprefix("pending/")
            for asset in self._order.assets
            if asset.provider_status.startswith("pending/")
        }
        sparse: dict[str | None, list[_Number]] = defaultdict(list)
        for number in numbers:
            if number.sparse:
                sparse[number.sub_order_id].append(number)
        filled = {}
        for sub_order_id in self._rotated(list(sparse)):
            first, was = sparse[sub_order_id][0], known.get(sparse[sub_order_id][0].value)
            may_read = self._calls_left() > _KEPT_FOR_COMMENTS + _KEPT_FOR_NAMES
            record = self._record(first.id) if may_read else {}
            status, requirements = self._own_status(first), self._requirements_shown(record)
            for number in sparse[sub_order_id]:
                own = known.get(number.value)
                stands = status if own is None or (status is not None and own == was) else own
                # Which requirements there are holds for all of them; where each stands does not.
                theirs = (
                    requirements
                    if number is first
                    else tuple(replace(requirement, provider_status=None) for requirement in requirements)
                )
                filled[number.value] = replace(
                    number, requirements_status=stands, requirements=number.requirements or theirs
                )
        return [filled.get(number.value, number) for number in numbers]

    def _by_itself(self, number: _Number) -> _Number:
        """Give a number of which the order shows little as its own record shows it, where that was read."""
        status = self._own_status(number) if number.sparse else None
        return replace(number, requirements_status=status) if status else number

    def _own_status(self, number: _Number) -> str | None:
        shown = self._shown.get(number.id or "", {}).get("requirements_status")
        field = "number_order_phone_number.requirements_status"
        return self._reader.enum(field, shown, _REQUIREMENTS_STATUSES)

    def _record(self, number_id: str | None) -> Fields:
        """Read a number's own record, once in a poll; empty where it cannot be read."""
        if number_id is None:
            return {}
        if number_id not in self._shown:
            record = fields(self._try(resource("number_order_phone_numbers", number_id)))
            if identifier(record.get("id")) != number_id:
                return {}
            self._shown[number_id] = record
        return self._shown[number_id]

    # Deadlines

    def _deadlines(self, numbers: Sequence[_Number]) -> Deadlines:
        order = self._order
        on_record = {asset.value: asset for asset in order.assets if asset.apart is not None}
        standing: dict[str, set[datetime]] = defaultdict(set)
        for deadline in order.deadlines:
            if not deadline.own:
                standing[deadline.sub_order_id].add(deadline.value)
        open_numbers = []
        for number in numbers:
            if number.state not in OPEN_ASSETS or number.sub_order_id is None:
                continue
            known = on_record.get(number.value)
            # In another status it is of another group, and what it had there says nothing.
            apart = known.apart if known is not None and known.provider_status == number.provider_status else None
            open_numbers.append(
                OpenNumber(
                    value=number.value,
                    id=number.id,
                    sub_order_id=number.sub_order_id,
                    status=number.requirements_status,
                    vetted=number.state in VETTED_ASSETS,
                    apart=apart,
                )
            )
        return Deadlines(
            open_numbers,
            places=[each.value for each in sorted(numbers, key=lambda it: (it.sub_order_id or "", it.value))],
            start=order.number_cursor,
            standing=standing,
            now=self._api.clock.now(),
            read=self._read_number,
            calls_left=self._calls_left,
        )

    def _read_number(self, number: OpenNumber) -> Shown | None:
        """Read a number's record: its deadline, which may be none, and what it shows of requirements."""
        record = self._record(number.id)
        if not record:
            return None
        shown = self._requirements_shown(record)
        if any(requirement.provider_status for requirement in shown):
            self._records[number.value] = shown
        # "At which point the deadline is erased" (guide: number orders): none means that nothing is owed.
        deadline = record.get("deadline")
        value = self._reader.instant("number_order_phone_number.deadline", deadline)
        if value is None and deadline not in (None, ""):
            self._unread_deadlines.add(number.sub_order_id)
            return None
        return Shown(value)

    # Requirements, their names, and comments

    def _states(self, numbers: Sequence[_Number]) -> dict[str, tuple[AssetRequirementSeen, ...]]:
        """Tell where each requirement of each number stands that is open or delivered.

        Where no status of a requirement is shown for a number (beyond the first 50 of a sub order), it is taken from those
        numbers of the sub order that are in the same requirements status, else it is derived from that.
        """
        shown: dict[tuple[str | None, str | None, str], tuple[RequirementState, str]] = {}
        living = [each for each in numbers if each.sub_order_id and each.state in {*OPEN_ASSETS, AssetState.ACTIVE}]
        for number in living:
            for requirement in number.requirements:
                if requirement.provider_status:
                    seen = (_requirement_state(requirement.provider_status), requirement.provider_status)
                    key = (number.sub_order_id, number.requirements_status, requirement.id)
                    shown[key] = min(shown.get(key, seen), seen, key=_rank)
        states = {}
        for number in living:
            of_number = {}
            for requirement in number.requirements:
                key = (number.sub_order_id, number.requirements_status, requirement.id)
                if requirement.provider_status:
                    seen = (_requirement_state(requirement.provider_status), requirement.provider_status)
                else:
                    seen = shown.get(key) or _derived(number, requirement)
                of_number[requirement.id] = AssetRequirementSeen(requirement.id, *seen)
            states[number.value] = tuple(of_number.values())
        return states

    def _requirements(
        self,
        numbers: Sequence[_Number],
        states: Mapping[str, Sequence[AssetRequirementSeen]],
        names: Mapping[str, tuple[str, str | None]],
    ) -> list[RequirementSeen]:
        """Sum up the requirements of each sub order's numbers."""
        known = {requirement.id: requirement for requirement in self._order.requirements}
        kinds: dict[str, str | None] = {}
        found: dict[tuple[str, str], list[tuple[RequirementState, str]]] = defaultdict(list)
        for number in numbers:
            for seen in states.get(number.value, ()):
                found[number.sub_order_id or "", seen.id].append((seen.state, seen.provider_status))
            for requirement in number.requirements:
                kinds[requirement.id] = kinds.get(requirement.id) or requirement.kind
        summed = []
        for (sub_order_id, requirement_id), of_numbers in found.items():
            least, provider_status = min(of_numbers, key=_rank)
            name, kind = names.get(requirement_id, (None, None))
            summed.append(
                RequirementSeen(
                    id=requirement_id,
                    sub_order_id=sub_order_id,
                    state=least,
                    provider_status=provider_status,
                    numbers=sum(state is least for state, _ in of_numbers),
                    name=name or (known[requirement_id].name if requirement_id in known else None),
                    kind=kinds[requirement_id] or kind,
                )
            )
        return summed

    def _unnamed(
        self, numbers: Sequence[_Number], sub_orders: Mapping[str, tuple[Fields, str | None]]
    ) -> list[tuple[str, str]]:
        """The countries and number types with requirements whose names are not on record."""
        named = {requirement.id for requirement in self._order.requirements if requirement.name}
        lacking = {
            number.sub_order_id
            for number in numbers
            if number.state in OPEN_ASSETS and any(requirement.id not in named for requirement in number.requirements)
        }
        wanted = (_kind_of(sub_order) for sub_order_id, (sub_order, _) in sub_orders.items() if sub_order_id in lacking)
        return list(dict.fromkeys((country, kind) for country, kind in wanted if country and kind))

    def _read_names(self, wanted: Sequence[tuple[str, str]], *, kept: int) -> dict[str, tuple[str, str | None]]:
        """Read name and kind of requirements, by id."""
        names: dict[str, tuple[str, str | None]] = {}
        for kind in self._rotated(wanted):
            if self._calls_left() <= kept:
                break
            data = self._or_none(partial(self._listed, "regulatory_requirements", *_names_of(*kind), kept=kept))
            for row in self._reader.rows("regulatory_requirements", data):
                for requirement in self._reader.rows("regulatory_requirements", row.get("regulatory_requirements")):
                    requirement_id = self._reader.text("regulatory_requirement.id", requirement.get("id"))
                    name = " ".join(prose(requirement.get("name"), most=256).split())
                    if requirement_id and name:
                        names[requirement_id] = (name, self._kind(requirement))
        return names

    def _vetted(self, numbers: Sequence[_Number], sub_orders: Iterable[str]) -> list[str]:
        """Name the sub orders that reviewers may have a word on: those with a rejection first, but others among them, too."""
        asking = {number.sub_order_id for number in numbers if number.state in OPEN_ASSETS and number.requirements}
        with_rejection = {
            number.sub_order_id for number in numbers if number.state in OPEN_ASSETS and _is_rejected(number)
        }
        rejected = self._rotated([sub_order for sub_order in sub_orders if sub_order in with_rejection])
        others = self._rotated([sub_order for sub_order in sub_orders if sub_order in asking - with_rejection])
        kept = _KEPT_FOR_COMMENTS - 1
        return [*rejected[:kept], *others[:1], *rejected[kept:], *others[1:]]

    def _read_comments(self, sub_order_ids: Sequence[str], *, kept: int) -> list[CommentSeen]:
        comments: dict[str, CommentSeen] = {}
        for sub_order_id in sub_order_ids:
            if self._calls_left() <= kept:
                break
            read = partial(self._listed, backwards=_oldest_first, enough=self._all_seen, kept=kept)
            data = self._or_none(partial(read, "comments", *about(sub_order_id)))
            shown = comments_shown(self._reader, data, sub_order_id, self._api.clock.now())
            comments |= {comment.id: comment for comment in shown}
        return list(comments.values())

    def _all_seen(self, page: Sequence[object]) -> bool:
        """Whether every comment of a page is on record: those of further pages, which are older, are too."""
        seen = set(self._order.comments_seen)
        return all(identifier(fields(row).get("id")) in seen for row in page)

    def _requirements_shown(self, shown: Fields) -> tuple[_Requirement, ...]:
        found = []
        for row in self._reader.rows("phone_number.regulatory_requirements", shown.get("regulatory_requirements")):
            requirement_id = self._reader.text("regulatory_requirement.requirement_id", row.get("requirement_id"))
            if requirement_id is None:
                self._reader.note("regulatory_requirement.requirement_id", row.get("requirement_id"))
                continue
            found.append(
                _Requirement(
                    id=requirement_id,
                    kind=self._kind(row),
                    # Only whether there is one: values are personal.
                    has_value=row.get("field_value") not in (None, ""),
                    provider_status=self._reader.enum(
                        "regulatory_requirement.status", row.get("status"), _REQUIREMENTS
                    ),
                )
            )
        return tuple(found)

    def _kind(self, row: Fields) -> str | None:
        provider_status = self._reader.text("regulatory_requirement.field_type", row.get("field_type"))
        kind = value_kind(provider_status)
        return provider_status if kind is ValueKind.UNKNOWN else kind.value

    # The budget of calls

    def _calls_left(self) -> int:
        if self._failures >= _MAX_FAILURES or self._api.clock.now() >= self._enough_at:
            return 0
        return self._last_call - self._api.calls

    def _try(self, path: str, *params: tuple[str, str]) -> object:
        """Read `data` of something that the poll can do without; None where there is no call left, or it fails."""
        if self._calls_left() < 1:
            return None
        return self._or_none(lambda: self._api.get(path, *params)["data"])

    def _or_none(self, read: Callable[[], object]) -> object:
        """Read, and count it where that fails."""
        try:
            return read()
        except (NotFoundError, BadRequestError):
            return None
        except UnreadableError:
            self._failures += 1
        except (AccountFaultError, SlotBusyError):
            # Throttled or blocked: more calls would make it worse. The next poll will say so at its first call.
            self._failures = _MAX_FAILURES
        return None

    def _rotated(self, items: Sequence[_T]) -> list[_T]:
        """Begin elsewhere at each poll, so that none is always the one left out. Each poll makes a new version."""
        start = self._order.version % len(items) if items else 0
        return [*items[start:], *items[:start]]

    def _listed(
        self,
        path: str,
        *params: tuple[str, str],
        kept: int = 0,
        backwards: Callable[[Sequence[object]], bool] = lambda _: False,
        enough: Callable[[Sequence[object]], bool] = lambda _: False,
        strict: bool = False,
    ) -> object:
        """Read `data` of a list, with further pages while there are calls; that there are more is noted."""
        last = self._api.calls + _MAX_FURTHER_PAGES
        data, whole = self._api.listed(
            path,
            *params,
            may_go_on=lambda: self._api.calls <= last and self._calls_left() > kept,
            backwards=backwards,
            enough=enough,
            strict=strict,
        )
        if not whole:
            self._parts_unseen = True
            self._reader.note(path, "more pages than were read")
        return data


def _countries(order: Order) -> tuple[str, ...]:
    """The countries that an order's numbers may be of."""
    asked = (item.criteria.country for item in order.request.items if isinstance(item, CriteriaItem))
    chosen = (asset.country for asset in order.assets)
    return tuple(dict.fromkeys(country for country in (*asked, *chosen) if country))


def _names_of(country: str, number_type: str) -> tuple[tuple[str, str], ...]:
    """Give the filters of the requirements of a country's numbers."""
    return (
        ("filter[country_code]", country),
        ("filter[phone_number_type]", number_type),
        ("filter[action]", "ordering"),
    )


def _oldest_first(page: Sequence[object]) -> bool:
    dates = [at for row in page if (at := instant(fields(row).get("created_at")))]
    return bool(dates) and dates[0] < dates[-1]


def _state(
    status: str | None, requirements_status: str | None, sub_order_word: str | None, order_word: str | None
) -> AssetState:
    """Tell a number's state. Its own status knows neither `cancelled` nor `deleted`: those stand in the words around it."""
    around = (requirements_status, sub_order_word, order_word)
    match status:
        case "success":
            return AssetState.DELETED if "deleted" in around else AssetState.ACTIVE
        case "failure":
            return AssetState.CANCELLED if "cancelled" in around else AssetState.FAILED
        case "pending":
            # An order that failed may hold a sub order that did not.
            ending = (requirements_status, sub_order_word, order_word if sub_order_word != "success" else None)
            ended = next(
                (_ENDED_WITH[provider_status] for provider_status in ending if provider_status in _ENDED_WITH), None
            )
            return ended or _PENDING_NUMBERS.get(requirements_status or "pending", AssetState.UNKNOWN)
        case _:
            return AssetState.UNKNOWN


def _of_kinds(sub_orders: Mapping[str, tuple[Fields, str | None]]) -> dict[tuple[str | None, str | None], list[str]]:
    """Name the sub orders of each country and number type. Telnyx makes one for each."""
    of_kinds: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
    for sub_order_id, (sub_order, _) in sub_orders.items():
        of_kinds[_kind_of(sub_order)].append(sub_order_id)
    return of_kinds


def _kind_of(shown: Fields) -> tuple[str | None, str | None]:
    return text(shown.get("country_code")), text(shown.get("phone_number_type"))


def _derived(number: _Number, requirement: _Requirement) -> tuple[RequirementState, str]:
    """Derive a requirement's state from its number's requirements status."""
    provider_status = number.requirements_status or ""
    match provider_status:
        case "approved":
            state = RequirementState.APPROVED
        case "requirement-info-under-review":
            state = RequirementState.UNDER_REVIEW
        case "requirement-info-pending" | "requirement-info-exception" if not requirement.has_value:
            state = RequirementState.AWAITING_VALUE
        case "requirement-info-pending":
            state = RequirementState.UNDER_REVIEW
        case "requirement-info-exception" if not any(other.provider_status for other in number.requirements):
            # One of them was rejected and nothing shows which; better all are told than none. The comment says more.
            state = RequirementState.REJECTED
        case _:
            state = RequirementState.UNKNOWN
    return state, provider_status


def _requirement_state(provider_status: str) -> RequirementState:
    return _REQUIREMENTS.get(provider_status, RequirementState.UNKNOWN)


def _rank(seen: tuple[RequirementState, str]) -> int:
    return _LEAST_SATISFIED_FIRST.index(seen[0])


def _is_rejected(number: _Number) -> bool:
    return number.requirements_status == _EXCEPTION or any(
        _requirement_state(requirement.provider_status or "") is RequirementState.REJECTED
        for requirement in number.requirements
    )


def _asset(number: _Number, requirements: tuple[AssetRequirementSeen, ...]) -> AssetSeen:
    return AssetSeen(
        kind=AssetKind.NUMBER,
        value=number.value,
        state=number.state,
        provider_status=number.provider_status,
        provider_id=number.id,
        sub_order_id=number.sub_order_id,
        country=number.country,
        number_type=number.number_type,
        requirements=requirements,
    )
