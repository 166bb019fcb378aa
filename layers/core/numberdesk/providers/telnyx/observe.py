"""One poll of a Telnyx number order: the order, its sub orders, deadlines, comments, and the names of requirements.

Where things are (OpenAPI document and guides): the order lists every number with its status; sub orders embed their first 50 numbers,
and only there does each requirement have a status; only a number's own record shows its deadline; the reasons for a rejection are in the
comments of its sub order; the names of requirements are in the regulatory requirements of the country.

Live responses show less and differ in notation: what cannot be read is noted (see `Reader`) and reported once.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.snapshot import CommentSeen, Snapshot, SubOrderSeen
from numberdesk.domain.statuses import OPEN_ASSETS, VETTED_ASSETS, Phase
from numberdesk.providers import numbers as notations
from numberdesk.providers.base import NoSuchOrderError, UnreadableError
from numberdesk.providers.json_values import Fields, fields, identifier, instant
from numberdesk.providers.reader import Reader
from numberdesk.providers.telnyx.api import resource
from numberdesk.providers.telnyx.budget import Budget
from numberdesk.providers.telnyx.deadlines import Deadlines, OpenNumber, Shown
from numberdesk.providers.telnyx.errors import BadRequestError, NotFoundError
from numberdesk.providers.telnyx.number import (
    NUMBER_STATUSES,
    NUMBER_TYPES,
    PARTS_OVER,
    REQUIREMENTS_STATUSES,
    Number,
    Requirement,
    asset_seen,
    is_rejected,
    states_of,
)
from numberdesk.providers.telnyx.requirements import Requirements, kind_of
from numberdesk.providers.telnyx.statuses import PHASES
from numberdesk.providers.telnyx.submissions import about, comments_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.providers.telnyx.api import Api

_MAX_MISSING_SUB_ORDERS = 5
_KEPT_FOR_COMMENTS = 5
_KEPT_FOR_NAMES = 2


class Poll:
    """One poll of one order. `order.provider_order_id` is set."""

    def __init__(self, api: Api, order: Order) -> None:
        self._api = api
        self._order = order
        self._order_id = order.provider_order_id or ""
        self._reader = Reader()
        self._budget = Budget(api, self._reader, order.version)
        self._requirements = Requirements(order, self._reader, self._budget)
        self._comments_seen = frozenset(order.comments_seen)
        self._parts_unseen = False
        """Whether the order has sub orders that this poll did not see."""
        self._shown: dict[str, Fields] = {}
        """The records of numbers that were read, by id."""
        self._records: dict[str, tuple[Requirement, ...]] = {}
        """The requirements in the records of numbers, if they show a status."""
        self._unread_deadlines: set[str] = set()
        self._by_id = {asset.provider_id: asset.value for asset in order.assets if asset.provider_id}
        self._countries = _countries(order)

    def snapshot(self) -> Snapshot:
        """Read the order.

        If reading the order or the list of sub orders fails, the poll fails. Any other failed read leaves out what it would have shown.
        """
        shown = self._read_order()
        order_status = self._reader.enum("number_order.status", shown.get("status"), PHASES)
        sub_orders = {
            sub_order_id: (sub_order, self._reader.enum("sub_number_order.status", sub_order.get("status"), PHASES))
            for sub_order_id, sub_order in self._read_sub_orders(shown).items()
        }
        numbers = self._filled(self._numbers(shown, order_status, sub_orders))
        vetted = self._vetted(numbers, sub_orders)
        unnamed = self._requirements.unnamed(numbers, sub_orders)
        deadlines = self._deadlines(numbers)
        # Deadlines come first, but comments, names and the rota have reserved calls.
        for_names = min(len(unnamed), _KEPT_FOR_NAMES)
        for_comments = min(len(vetted), _KEPT_FOR_COMMENTS)
        for_numbers = deadlines.kept
        with_numbers = {number.sub_order_id for number in numbers}
        parts = self._budget.rotated([sub_order_id for sub_order_id in sub_orders if sub_order_id in with_numbers])
        deadlines.read(parts, kept=for_comments + for_names + for_numbers)
        comments = self._read_comments(vetted, kept=for_names + for_numbers)
        names = self._requirements.read_names(unnamed, kept=for_numbers)
        deadlines.go_round()
        numbers = [self._by_itself(number) for number in numbers]
        # Requirements that only the rota read are left out: they would appear at one poll and not at the next.
        read = {value: self._records[value] for value in deadlines.representatives if value in self._records}
        numbers = [
            number._replace(requirements=read[number.value]) if number.value in read else number for number in numbers
        ]
        states = states_of(numbers)
        return Snapshot(
            provider_order_id=self._order_id,
            phase=PHASES.get(order_status or "", Phase.UNKNOWN),
            provider_status=order_status or "",
            assets=tuple(asset_seen(number, states.get(number.value, ())) for number in numbers),
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
            requirements=tuple(self._requirements.summed(numbers, states, names)),
            deadlines=deadlines.seen(),
            comments=tuple(comments),
            unknown_values=self._reader.noted,
            unread_deadlines=frozenset(self._unread_deadlines),
            deadline_overrides=deadlines.apart(),
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
            listed = self._budget.listed("sub_number_orders", ours, with_numbers, strict=True)
        except BadRequestError:
            # This filter has come and gone in the OpenAPI document; without it, only statuses of requirements are missing.
            listed = self._budget.listed("sub_number_orders", ours)
        found: dict[str, Fields] = {}
        for sub_order in self._reader.rows("sub_number_orders", listed):
            sub_order_id = self._reader.id("sub_number_order.id", sub_order.get("id"))
            if sub_order_id is not None and identifier(sub_order.get("order_request_id")) in (self._order_id, None):
                found[sub_order_id] = sub_order
        # The list shows paging figures, but no parameter for pages is documented: read what it left out one by one.
        ids = order.get("sub_number_orders_ids")
        named = [
            self._reader.id("number_order.sub_number_orders_ids", each)
            for each in (ids if isinstance(ids, list) else [ids])
            if each not in (None, "")
        ]
        left_out = [one for one in named if one and one not in found]
        for sub_order_id in self._budget.rotated(left_out)[:_MAX_MISSING_SUB_ORDERS]:
            sub_order = fields(self._budget.read(resource("sub_number_orders", sub_order_id), with_numbers))
            if identifier(sub_order.get("id")) == sub_order_id:
                found[sub_order_id] = sub_order
        self._parts_unseen = any(one not in found for one in left_out) or (self._budget.pages_left and not left_out)
        return found

    def _numbers(
        self, order: Fields, order_status: str | None, sub_orders: Mapping[str, tuple[Fields, str | None]]
    ) -> list[Number]:
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
            # Sub orders are read after the order: of what both show, theirs is newer.
            shown = of_order.get(value, {}) | {name: one for name, one in later.items() if one not in (None, "", [])}
            if sub_order_id is None:
                # No sub order embeds it: it belongs to the one of its kind, or to the only one. A wrong one would give a wrong status.
                candidates = of_kinds.get(kind_of(shown)) or ([] if self._parts_unseen else list(sub_orders))
                sub_order_id = candidates[0] if len(candidates) == 1 else None
            of_sub_order = sub_orders[sub_order_id][1] if sub_order_id else None
            numbers.append(self._number(value, shown, sub_order_id, (of_sub_order, order_status)))
        return numbers

    def _number(
        self, value: str, shown: Fields, sub_order_id: str | None, around: tuple[str | None, str | None]
    ) -> Number:
        read = self._reader
        status = read.enum("phone_number.status", shown.get("status"), NUMBER_STATUSES, of_asset=True)
        if shown.get("status") in (None, "") and around[0] != "pending" and PARTS_OVER.intersection(around):
            # An order that ended must show whether it was delivered.
            read.note("phone_number.status", shown.get("status"), of_asset=True)
        requirements_status = read.enum(
            "phone_number.requirements_status", shown.get("requirements_status"), REQUIREMENTS_STATUSES
        )
        requirements = self._requirements.shown(shown)
        owes = shown.get("requirements_met") is False or any(
            requirement.provider_status != "approved" for requirement in requirements
        )
        number_type = read.text("phone_number.phone_number_type", shown.get("phone_number_type"))
        return Number(
            value=value,
            id=read.text("phone_number.id", shown.get("id")),
            sub_order_id=sub_order_id,
            status=status,
            around=around,
            country=read.text("phone_number.country_iso_alpha2", shown.get("country_iso_alpha2"))
            or read.text("phone_number.country_code", shown.get("country_code")),
            number_type=number_type if number_type in NUMBER_TYPES else None,
            requirements_status=requirements_status,
            requirements=requirements,
            sparse=status == "pending" and not requirements_status and owes,
        )

    def _rows_of_numbers(self, holder: Fields) -> Iterator[Fields]:
        """Yield what is shown of each number: an object, or the number only."""
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
        """Return a number in E.164. One that cannot be read is recognised by its id, if it was read before."""
        shown = row.get("phone_number")
        if isinstance(shown, str) and notations.E164.fullmatch(shown):
            return shown
        named = (row.get("country_iso_alpha2"), row.get("country_code"), holder.get("country_code"))
        country = next((each for each in named if isinstance(each, str) and each), None)
        known = self._by_id.get(identifier(row.get("id")) or "")
        value = notations.number(shown, *([country] if country else self._countries))
        if value is None:
            self._reader.note("phone_number.phone_number", shown, of_asset=known is None)
        return value or known

    # Numbers of which the order shows too little

    def _filled(self, numbers: Sequence[Number]) -> list[Number]:
        """Complete the requirements status of numbers whose order does not show it, from their records.

        One number of a sub order is read for all of those. Numbers that had the same status as it change with it. If it is not read in this
        poll, or a number was seen in another status, the recorded status stays.
        """
        known = {
            asset.value: asset.provider_status.removeprefix("pending/")
            for asset in self._order.assets
            if asset.provider_status.startswith("pending/")
        }
        sparse: dict[str | None, list[Number]] = defaultdict(list)
        for number in numbers:
            if number.sparse:
                sparse[number.sub_order_id].append(number)
        filled = {}
        for sub_order_id in self._budget.rotated(list(sparse)):
            first, was = sparse[sub_order_id][0], known.get(sparse[sub_order_id][0].value)
            may_read = self._budget.calls_left() > _KEPT_FOR_COMMENTS + _KEPT_FOR_NAMES
            record = self._record(first.id) if may_read else {}
            status, requirements = self._own_status(first), self._requirements.shown(record)
            for number in sparse[sub_order_id]:
                own = known.get(number.value)
                new_status = status if own is None or (status is not None and own == was) else own
                # All of them have the same requirements, but not the same statuses.
                theirs = (
                    requirements
                    if number is first
                    else tuple(requirement._replace(provider_status=None) for requirement in requirements)
                )
                filled[number.value] = number._replace(
                    requirements_status=new_status, requirements=number.requirements or theirs
                )
        return [filled.get(number.value, number) for number in numbers]

    def _by_itself(self, number: Number) -> Number:
        """Return a number whose order shows little with the status in its own record, if that was read."""
        status = self._own_status(number) if number.sparse else None
        return number._replace(requirements_status=status) if status else number

    def _own_status(self, number: Number) -> str | None:
        shown = self._shown.get(number.id or "", {}).get("requirements_status")
        field = "number_order_phone_number.requirements_status"
        return self._reader.enum(field, shown, REQUIREMENTS_STATUSES)

    def _record(self, number_id: str | None) -> Fields:
        """Read a number's own record, once in a poll; empty where it cannot be read."""
        if number_id is None:
            return {}
        if number_id not in self._shown:
            record = fields(self._budget.read(resource("number_order_phone_numbers", number_id)))
            if identifier(record.get("id")) != number_id:
                return {}
            self._shown[number_id] = record
        return self._shown[number_id]

    # Deadlines

    def _deadlines(self, numbers: Sequence[Number]) -> Deadlines:
        order = self._order
        on_record = {asset.value: asset for asset in order.assets if asset.deadline_override is not None}
        recorded: dict[str, set[datetime]] = defaultdict(set)
        for deadline in order.deadlines:
            if not deadline.own:
                recorded[deadline.sub_order_id].add(deadline.value)
        open_numbers = []
        for number in numbers:
            if number.state not in OPEN_ASSETS or number.sub_order_id is None:
                continue
            known = on_record.get(number.value)
            # In another status it is in another group, and its earlier deadline no longer counts.
            apart = (
                known.deadline_override
                if known is not None and known.provider_status == number.provider_status
                else None
            )
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
            recorded=recorded,
            now=self._api.clock.now(),
            read=self._read_number,
            calls_left=self._budget.calls_left,
        )

    def _read_number(self, number: OpenNumber) -> Shown | None:
        """Read a number's record: its deadline, which may be None, and its requirements."""
        record = self._record(number.id)
        if not record:
            return None
        shown = self._requirements.shown(record)
        if any(requirement.provider_status for requirement in shown):
            self._records[number.value] = shown
        # "At which point the deadline is erased" (guide: number orders): without one, nothing is required.
        deadline = record.get("deadline")
        value = self._reader.instant("number_order_phone_number.deadline", deadline)
        if value is None and deadline not in (None, ""):
            self._unread_deadlines.add(number.sub_order_id)
            return None
        return Shown(value)

    # Requirements, their names, and comments

    def _vetted(self, numbers: Sequence[Number], sub_orders: Iterable[str]) -> list[str]:
        """Return the sub orders that may have reviewers' comments: those with a rejection first, but one of the others among the first few."""
        asking = {number.sub_order_id for number in numbers if number.state in OPEN_ASSETS and number.requirements}
        with_rejection = {
            number.sub_order_id for number in numbers if number.state in OPEN_ASSETS and is_rejected(number)
        }
        rejected = self._budget.rotated([sub_order for sub_order in sub_orders if sub_order in with_rejection])
        others = self._budget.rotated([sub_order for sub_order in sub_orders if sub_order in asking - with_rejection])
        kept = _KEPT_FOR_COMMENTS - 1
        return [*rejected[:kept], *others[:1], *rejected[kept:], *others[1:]]

    def _read_comments(self, sub_order_ids: Sequence[str], *, kept: int) -> list[CommentSeen]:
        comments: dict[str, CommentSeen] = {}
        for sub_order_id in sub_order_ids:
            if self._budget.calls_left() <= kept:
                break
            read = partial(self._budget.listed, backwards=_oldest_first, enough=self._all_seen, kept=kept)
            data = self._budget.or_none(partial(read, "comments", *about(sub_order_id)))
            shown = comments_shown(self._reader, data, sub_order_id, self._api.clock.now())
            comments |= {comment.id: comment for comment in shown}
        return list(comments.values())

    def _all_seen(self, page: Sequence[object]) -> bool:
        """Return whether every comment of a page is recorded; so are those of later pages, which are older."""
        return all(identifier(fields(row).get("id")) in self._comments_seen for row in page)


def _countries(order: Order) -> tuple[str, ...]:
    """Return the countries that an order's numbers may be from."""
    asked = (item.criteria.country for item in order.request.items if isinstance(item, CriteriaItem))
    chosen = (asset.country for asset in order.assets)
    return tuple(dict.fromkeys(country for country in (*asked, *chosen) if country))


def _oldest_first(page: Sequence[object]) -> bool:
    dates = [at for row in page if (at := instant(fields(row).get("created_at")))]
    return bool(dates) and dates[0] < dates[-1]


def _of_kinds(sub_orders: Mapping[str, tuple[Fields, str | None]]) -> dict[tuple[str | None, str | None], list[str]]:
    """Return the sub orders of each country and number type. Telnyx makes one for each."""
    of_kinds: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
    for sub_order_id, (sub_order, _) in sub_orders.items():
        of_kinds[kind_of(sub_order)].append(sub_order_id)
    return of_kinds
