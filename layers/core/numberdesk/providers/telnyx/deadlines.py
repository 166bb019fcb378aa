"""The deadlines of an order's numbers.

A deadline is on the record of its number alone, and an order can have 10,000 numbers. Numbers of one sub order in the same
requirements status share a deadline as a rule, so one of them is read for all at each poll. That the others still share it
is seen in turn: a rota reads each number by itself, some at each poll. One whose deadline differs from its group's is apart
from then on; those that were found apart with the same deadline are read by one of them at each poll, as a group is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numberdesk.domain.snapshot import DeadlinesSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

MAX_APART = 6
"""Deadlines apart from their groups' that are read anew at each poll, for each group; the earliest. The rota reads the others."""
_KEPT_FOR_NUMBERS = 3
_MAX_VALUES = 50
"""Most deadlines told of one sub order: all of them lie in the order's row."""


@dataclass(frozen=True, slots=True)
class OpenNumber:
    """One number that is open. `apart` is its own deadline, where it is on record as apart from its group's."""

    value: str
    id: str | None
    sub_order_id: str
    status: str | None
    vetted: bool
    apart: datetime | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the record of a number shows."""

    deadline: datetime | None


@dataclass(slots=True)
class _Group:
    """The open numbers of one sub order in one requirements status."""

    numbers: list[OpenNumber]
    main: datetime | None = None
    read: dict[str, datetime | None] = field(default_factory=dict)
    """By number, of those whose record was read."""
    moved: dict[datetime, datetime | None] = field(default_factory=dict)
    """What a deadline that was apart has become: those that had it move together."""

    @property
    def kinds(self) -> dict[datetime | None, list[OpenNumber]]:
        kinds: dict[datetime | None, list[OpenNumber]] = defaultdict(list)
        for number in self.numbers:
            kinds[number.apart].append(number)
        return kinds

    def apart(self, number: OpenNumber) -> datetime | None:
        """Give a number's own deadline where it differs from the group's.

        One that was erased for it alone has no value of its own: it counts with its group, so that people are reminded of a
        number too many and not of one too few.
        """
        if number.value in self.read:
            own = self.read[number.value]
        else:
            own = self.moved[number.apart] if number.apart is not None else None
        return None if own == self.main else own


class Deadlines:
    """What one poll learns of deadlines. Every read costs a call; how many are left is asked before each."""

    def __init__(
        self,
        numbers: Sequence[OpenNumber],
        *,
        places: Sequence[str],
        start: int,
        standing: Mapping[str, Collection[datetime]],
        now: datetime,
        read: Callable[[OpenNumber], Shown | None],
        calls_left: Callable[[], int],
    ) -> None:
        """Prepare; nothing is read.

        Args:
            numbers: those that are open.
            places: all of the order's numbers, always in the same order, those of a sub order together.
            start: where in it the rota goes on.
            standing: the deadlines on record, by sub order.
            now: the present.
            read: reads a number's record; none where it cannot be read.
            calls_left: how many more reads there may be.
        """
        self._places = places
        self._standing = standing
        self._now = now
        self._read_record = read
        self._calls_left = calls_left
        self._numbers = {number.value: number for number in numbers}
        groups: dict[tuple[str, str | None], _Group] = {}
        for number in numbers:
            groups.setdefault((number.sub_order_id, number.status), _Group([])).numbers.append(number)
        self._groups = groups
        self._of_sub_order: dict[str, list[_Group]] = defaultdict(list)
        for (sub_order_id, _), group in groups.items():
            self._of_sub_order[sub_order_id].append(group)
        self._seen: list[str] = []
        """The sub orders of which all was read."""
        self._tried: set[str] = set()
        self.representatives: list[str] = []
        """The numbers that were read for their groups."""
        self.number_cursor = start % len(places) if places else 0
        """Where the next poll goes on."""
        self.numbers_read = 0

    @property
    def kept(self) -> int:
        """Calls that are kept for the number_cursor, so that it goes on in an order of many sub orders, too."""
        others = (len(group.numbers) - 1 for group in self._groups.values() if self._needs_reading(group.numbers[0]))
        return min(sum(others), _KEPT_FOR_NUMBERS)

    def read(self, sub_order_ids: Sequence[str], *, kept: int) -> None:
        """Read for each group one number, and one for each deadline apart from it.

        The sub order that the rota has come to goes first. One that takes more calls than are left is left to a later poll.
        """
        for sub_order_id in self._in_turn(sub_order_ids):
            groups = self._of_sub_order[sub_order_id]
            needed = sum(1 + min(len(group.kinds) - 1, MAX_APART) for group in groups)
            if needed <= self._calls_left() - kept:
                self._tried.add(sub_order_id)
                if all(self._read_group(group, kept=kept) for group in groups):
                    self._seen.append(sub_order_id)

    def go_round(self) -> None:
        """Read further numbers by themselves, from where the last poll stopped, with all calls that are left."""
        first = self._next_in_turn()
        for _ in self._places:
            number = self._numbers.get(self._places[self.number_cursor])
            if number is not None and self._needs_reading(number):
                if self._calls_left() < 1:
                    return
                if number.sub_order_id in self._seen:
                    self._read_in_turn(number)
                elif first is None or number.sub_order_id != first.sub_order_id:
                    # Nothing to compare it with; the next poll begins with its sub order.
                    return
            self.number_cursor = (self.number_cursor + 1) % len(self._places)

    def seen(self) -> tuple[DeadlinesSeen, ...]:
        """Give the deadlines of the sub orders of which all was read."""
        return tuple(DeadlinesSeen(sub_order_id, self._values(sub_order_id)) for sub_order_id in self._seen)

    def apart(self) -> dict[str, datetime | None]:
        """Give by number what is known anew of deadlines apart: of those read, and of those that move with one of them."""
        return {
            number.value: group.apart(number)
            for sub_order_id in self._seen
            for group in self._of_sub_order[sub_order_id]
            for number in group.numbers
            if number.value in group.read or number.apart is not None
        }

    def _values(self, sub_order_id: str) -> tuple[tuple[datetime, int], ...]:
        values: Counter[datetime] = Counter()
        for group in self._of_sub_order[sub_order_id]:
            own = Counter(group.apart(number) or group.main for number in group.numbers)
            values.update({value: count for value, count in own.items() if value is not None})
        told = sorted(values.items())
        if len(told) > _MAX_VALUES:
            # Those due last are told with the first of them: too early, and not too late.
            told, last = told[: _MAX_VALUES - 1], told[_MAX_VALUES - 1 :]
            told.append((last[0][0], sum(count for _, count in last)))
        return tuple(told)

    def _read_group(self, group: _Group, *, kept: int) -> bool:
        kinds = group.kinds
        # Where all were apart, most of them are the group now.
        base = None if None in kinds else max(kinds, key=lambda kind: len(kinds[kind]))
        members = kinds.pop(base)
        # Always the first: numbers that differ would make the deadline seem to move to and fro.
        if not self._read_one(group, members[0]):
            return False
        self.representatives.append(members[0].value)
        group.main = group.read[members[0].value]
        standing = self._standing.get(members[0].sub_order_id, ())
        if standing and group.main not in standing and len(members) > 1 and self._calls_left() > kept:
            # It moved for all, or for this one alone: another is asked, too.
            last = members[-1]
            if self._read_one(group, last) and group.read[last.value] in standing:
                group.main = group.read[last.value]
        if base is not None:
            group.moved[base] = group.main
        for index, (kind, those) in enumerate(sorted((kind, it) for kind, it in kinds.items() if kind is not None)):
            if index < MAX_APART:
                if not self._read_one(group, those[0]):
                    return False
                group.moved[kind] = group.read[those[0].value]
            elif kind > self._now:
                group.moved[kind] = kind
            else:
                return False
        return True

    def _read_one(self, group: _Group, number: OpenNumber) -> bool:
        shown = self._read_record(number)
        if shown is not None:
            group.read[number.value] = shown.deadline
        return shown is not None

    def _read_in_turn(self, number: OpenNumber) -> None:
        group = self._groups[number.sub_order_id, number.status]
        # One that cannot be read waits for its next turn: it must not hold up the others.
        if number.value not in group.read and self._read_one(group, number):
            self.numbers_read += 1

    def _needs_reading(self, number: OpenNumber) -> bool:
        """Whether a number may have a deadline."""
        group = self._groups[number.sub_order_id, number.status]
        owed = group.main is not None or bool(self._standing.get(number.sub_order_id))
        return number.vetted or number.apart is not None or owed

    def _next_in_turn(self) -> OpenNumber | None:
        turns = (*self._places[self.number_cursor :], *self._places[: self.number_cursor])
        open_numbers = (self._numbers[value] for value in turns if value in self._numbers)
        return next((number for number in open_numbers if self._needs_reading(number)), None)

    def _in_turn(self, sub_order_ids: Sequence[str]) -> list[str]:
        first = self._next_in_turn() if self.kept else None
        if first is None or first.sub_order_id not in sub_order_ids:
            return list(sub_order_ids)
        return [
            first.sub_order_id,
            *(sub_order_id for sub_order_id in sub_order_ids if sub_order_id != first.sub_order_id),
        ]
