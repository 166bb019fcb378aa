"""The deadlines of an order's numbers.

Only a number's own record shows its deadline, and an order can have 10,000 numbers. As a rule the numbers of one sub order in the same
requirements status share a deadline, so each poll reads one of them for the whole group. A rota also reads some numbers individually at
each poll, to check that they still share it. A number whose deadline differs from its group's is apart from then on; those apart with
the same deadline are again read by one of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.snapshot import DeadlinesSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

MAX_APART = 6
"""How many deadlines apart each poll reads for each group, the earliest first. The rota reads the others."""
_KEPT_FOR_NUMBERS = 3
_MAX_VALUES = 50
"""Deadlines of one sub order: the order's row holds all of them."""


class OpenNumber(NamedTuple):
    """One open number. `apart` is its own deadline, if it is recorded as apart from its group's."""

    value: str
    id: str | None
    sub_order_id: str
    status: str | None
    vetted: bool
    apart: datetime | None


class Shown(NamedTuple):
    """What the record of a number shows."""

    deadline: datetime | None


@dataclass(slots=True, eq=False, repr=False)
class _Group:
    """The open numbers of one sub order in one requirements status."""

    numbers: list[OpenNumber]
    main: datetime | None = None
    read: dict[str, datetime | None] = field(default_factory=dict)
    """Deadlines by number, from the records that were read."""
    moved: dict[datetime, datetime | None] = field(default_factory=dict)
    """New values of deadlines apart: the numbers that shared one move together."""

    @property
    def kinds(self) -> dict[datetime | None, list[OpenNumber]]:
        kinds: dict[datetime | None, list[OpenNumber]] = defaultdict(list)
        for number in self.numbers:
            kinds[number.apart].append(number)
        return kinds

    def apart(self, number: OpenNumber) -> datetime | None:
        """Return a number's own deadline if it differs from the group's.

        A number whose own deadline was removed counts with its group, so that people are reminded of one too many and not of one too few.
        """
        if number.value in self.read:
            own = self.read[number.value]
        else:
            own = self.moved[number.apart] if number.apart is not None else None
        return None if own == self.main else own


class Deadlines:
    """What one poll learns of deadlines. Each read costs a call, and `calls_left` is checked before it."""

    def __init__(
        self,
        numbers: Sequence[OpenNumber],
        *,
        places: Sequence[str],
        start: int,
        recorded: Mapping[str, Collection[datetime]],
        now: datetime,
        read: Callable[[OpenNumber], Shown | None],
        calls_left: Callable[[], int],
    ) -> None:
        """Prepare; nothing is read.

        Args:
            numbers: the open numbers.
            places: all of the order's numbers, always in the same order, those of a sub order together.
            start: the position in `places` at which the rota continues.
            recorded: deadlines on the order, by sub order.
            now: the present, in UTC.
            read: reads a number's record; None where it cannot be read.
            calls_left: how many more reads are allowed.
        """
        self._places = places
        self._recorded = recorded
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
        """The sub orders that were read completely."""
        self.representatives: list[str] = []
        """The numbers that were read for their groups."""
        self.number_cursor = start % len(places) if places else 0
        """Where the next poll continues."""
        self.numbers_read = 0

    @property
    def kept(self) -> int:
        """Calls reserved for the rota, so that it advances in an order with many sub orders too."""
        others = (len(group.numbers) - 1 for group in self._groups.values() if self._needs_reading(group.numbers[0]))
        return min(sum(others), _KEPT_FOR_NUMBERS)

    def read(self, sub_order_ids: Sequence[str], *, kept: int) -> None:
        """Read one number for each group, and one for each deadline apart from it.

        The sub order at which the rota has arrived comes first. One that takes more calls than are left is left to a later poll.
        """
        for sub_order_id in self._in_turn(sub_order_ids):
            groups = self._of_sub_order[sub_order_id]
            needed = sum(1 + min(len(group.kinds) - 1, MAX_APART) for group in groups)
            is_affordable = needed <= self._calls_left() - kept
            if is_affordable and all(self._read_group(group, kept=kept) for group in groups):
                self._seen.append(sub_order_id)

    def go_round(self) -> None:
        """Read more numbers individually, from where the last poll stopped, with all calls that are left."""
        first = self._next_in_turn()
        for _ in self._places:
            number = self._numbers.get(self._places[self.number_cursor])
            if number is not None and self._needs_reading(number):
                if self._calls_left() < 1:
                    return
                if number.sub_order_id in self._seen:
                    self._read_in_turn(number)
                elif first is None or number.sub_order_id != first.sub_order_id:
                    # There is nothing to compare it with; the next poll begins with its sub order.
                    return
            self.number_cursor = (self.number_cursor + 1) % len(self._places)

    def seen(self) -> tuple[DeadlinesSeen, ...]:
        """Return the deadlines of the sub orders that were read completely."""
        return tuple(DeadlinesSeen(sub_order_id, self._values(sub_order_id)) for sub_order_id in self._seen)

    def apart(self) -> dict[str, datetime | None]:
        """Return, by number, what was learned of deadlines apart: of numbers that were read, and of those that move with one of them."""
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
        found = sorted(values.items())
        if len(found) > _MAX_VALUES:
            # The last ones count as the earliest of them: people are reminded too early, not too late.
            found, last = found[: _MAX_VALUES - 1], found[_MAX_VALUES - 1 :]
            found.append((last[0][0], sum(count for _, count in last)))
        return tuple(found)

    def _read_group(self, group: _Group, *, kept: int) -> bool:
        kinds = group.kinds
        # If all are apart, the most common deadline is the group's now.
        base = None if None in kinds else max(kinds, key=lambda kind: len(kinds[kind]))
        members = kinds.pop(base)
        # Always the first: reading different numbers would make the deadline seem to change back and forth.
        if not self._read_one(group, members[0]):
            return False
        self.representatives.append(members[0].value)
        group.main = group.read[members[0].value]
        recorded = self._recorded.get(members[0].sub_order_id, ())
        if recorded and group.main not in recorded and len(members) > 1 and self._calls_left() > kept:
            # It moved for all, or for this number only: read another one too.
            last = members[-1]
            if self._read_one(group, last) and group.read[last.value] in recorded:
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
        # A number that cannot be read waits for its next turn and must not hold up the others.
        if number.value not in group.read and self._read_one(group, number):
            self.numbers_read += 1

    def _needs_reading(self, number: OpenNumber) -> bool:
        """Return whether a number may have a deadline."""
        group = self._groups[number.sub_order_id, number.status]
        owed = group.main is not None or bool(self._recorded.get(number.sub_order_id))
        return number.vetted or number.apart is not None or owed

    def _next_in_turn(self) -> OpenNumber | None:
        turns = (*self._places[self.number_cursor :], *self._places[: self.number_cursor])
        open_numbers = (self._numbers[value] for value in turns if value in self._numbers)
        return next((number for number in open_numbers if self._needs_reading(number)), None)

    def _in_turn(self, sub_order_ids: Sequence[str]) -> list[str]:
        first = self._next_in_turn() if self.kept else None
        if first is None or first.sub_order_id not in sub_order_ids:
            return list(sub_order_ids)
        return [first.sub_order_id, *(each for each in sub_order_ids if each != first.sub_order_id)]
