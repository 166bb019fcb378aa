"""Commands about regulatory requirements: supply values, attach a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import catalogue, deadlines, operations, parts, wording
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.schedule import schedule
from numberdesk.domain.statuses import (
    DELIVERED,
    FOLLOWED,
    OperationKind,
    OperationState,
    RequirementState,
    ValueKind,
)
from numberdesk.domain.values import DoneValue, FileValue, Payload
from numberdesk.providers import registry
from numberdesk.services.commands.edit import (
    Edit,
    Editor,
    ended,
    new_operation,
    require_ability,
    require_placed,
    require_sub_order,
)
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numberdesk.domain.order import Operation, Order, Requirement
    from numberdesk.domain.values import Answer, StoredFile

_Found = tuple["Requirement", tuple[int, "Answer"]]
"""A requirement, and the answer that is for it with that one's place."""
_SUPPLIABLE = frozenset({RequirementState.AWAITING_VALUE, RequirementState.REJECTED})


class RequirementCommands(Editor):
    """Commands about regulatory requirements: supply values, attach a group."""

    __slots__ = ()

    def supply(
        self,
        order_id: str,
        answers: Sequence[Answer],
        by: str,
        *,
        sub_order_id: str | None = None,
        number: str | None = None,
        resubmit: bool = False,
    ) -> Order:
        """Supply values for requirements, or tick off what is on the order's own list.

        Args:
            order_id: whose.
            answers: requirements by id or name, each with its value.
            by: who supplies them.
            sub_order_id: for this sub order only.
            number: for this number (E.164) only.
            resubmit: also where a value was supplied already, even the same one.
        """
        order = self._get(order_id)
        specifications = self._specifications(order, answers)
        files = self._take_files(order, answers)

        def edit(order: Order, now: datetime) -> Edit:
            ticks = all(isinstance(answer.value, DoneValue) for answer in answers)
            if order.ended and not (ticks and order.state in DELIVERED):
                raise ended(order)
            if not any(requirement.own for requirement in order.requirements):
                require_placed(order)
            found = _match(order, answers, sub_order_id, number)
            if any(it.own for it, _ in found):
                return self._tick(order, found, now)
            require_placed(order)
            require_ability(order, Ability.VALUES)
            issues = [
                issue
                for it, (index, answer) in found
                for issue in catalogue.check(
                    specifications.get((it.sub_order_id, it.id)) or _as_shown(it), answer.value, f"values.{index}.value"
                )
            ]
            if issues:
                raise ProblemError(Problem.INVALID, "nothing was supplied", list(dict.fromkeys(issues)))
            values = {it.id: answer.value for it, (_, answer) in found}
            kept = Payload(values=values, files=files)
            if not resubmit and self._on_its_way(order, found, kept, number):
                return Edit(order, (), {})
            operation = new_operation(
                order,
                OperationKind.SUPPLY,
                by,
                now,
                sub_order_id=sub_order_id,
                number=number,
                requirement_ids=tuple(values),
            )
            return self._add_operations(order, [operation], {operation.id: kept})

        return self._edit(order_id, by, edit, ended_too=True)

    def attach_group(
        self,
        order_id: str,
        group_id: str,
        by: str,
        *,
        sub_order_id: str | None = None,
        number: str | None = None,
        resubmit: bool = False,
    ) -> Order:
        """Answer with a requirement group: the whole order, one sub order or one number."""

        def edit(order: Order, now: datetime) -> Edit:
            require_placed(order)
            require_ability(order, Ability.VALUES)
            operation = new_operation(
                order, OperationKind.GROUP, by, now, sub_order_id=sub_order_id, number=number, group_id=group_id
            )
            concerned = _of_scope(order, sub_order_id, number)
            if not concerned:
                raise ProblemError(Problem.INVALID, "the order has no requirements there")
            for other in order.operations:
                elsewhere = number is not None and other.number not in (None, number)
                theirs = set(_keys(operations.answered(order, other))) if other.open and not elsewhere else set()
                if theirs & set(_keys(concerned)):
                    if (
                        other.group_id == group_id
                        and other.number in (None, number)
                        and theirs >= set(_keys(concerned))
                    ):
                        return Edit(order, (), {})
                    raise _being_supplied(other)
            wanted = (OperationKind.GROUP, OperationState.DONE, group_id, sub_order_id, number)
            done = {(each.kind, each.state, each.group_id, each.sub_order_id, each.number) for each in order.operations}
            if not resubmit and wanted in done:
                detail = "this group was attached already; set resubmit to attach it as it is now"
                raise ProblemError(Problem.ALREADY_SUPPLIED, detail)
            return self._add_operations(order, [operation], {})

        return self._edit(order_id, by, edit)

    def _tick(self, order: Order, found: Sequence[tuple[Requirement, tuple[int, Answer]]], now: datetime) -> Edit:
        others = [
            ValidationIssue(
                f"values.{index}.value", "wrong_kind", f"{it.label} is on the order's own list: tick it off with done"
            )
            for it, (index, answer) in found
            if not (it.own and isinstance(answer.value, DoneValue))
        ]
        if others:
            raise ProblemError(Problem.INVALID, "nothing was ticked off", others)
        ticked, changes = order, []
        for done in (True, False):
            ids = {
                it.id for it, (_, answer) in found if isinstance(answer.value, DoneValue) and answer.value.done is done
            }
            ticked, more = deadlines.tick(ticked, ids, done=done, now=now)
            changes += more
        if not changes:
            return Edit(order, (), {})
        if ticked.state in FOLLOWED:
            # A poll folds what follows from it.
            return Edit(ticked.with_(next_poll_at=now, wake_at=now), changes, {})
        rules = self.desk.rules(order)
        return Edit(schedule(ticked, now, rules.timings, rules.cadence, keep_next_poll=True), changes, {})

    def _on_its_way(self, order: Order, found: Sequence[_Found], kept: Payload, number: str | None) -> bool:
        """Hold values against those on their way and those supplied before; says whether all of them are on their way."""
        others = [operations.covering(order, requirement, number) for requirement, _ in found]
        differing = []
        for (requirement, (index, _)), other in zip(found, others, strict=True):
            if other is None:
                continue
            there = self.desk.store.kept(order.order_id, other.id)
            same = there is not None and there.values.get(requirement.id) == kept.values[requirement.id]
            if not same or None in others or other.number not in (None, number):
                differing.append((index, other))
        if differing:
            text = "other values are on their way for this; see what comes of them first"
            issues = [ValidationIssue(f"values.{index}.requirement", "being_supplied", text) for index, _ in differing]
            raise _being_supplied(differing[0][1], issues)
        if others and None not in others:
            return True
        told = [
            (index, why)
            for requirement, (index, _) in found
            if (why := self._already(order, requirement, kept, number)) is not None
        ]
        if told:
            issues = [ValidationIssue(f"values.{index}.requirement", "already_supplied", why) for index, why in told]
            raise ProblemError(Problem.ALREADY_SUPPLIED, told[0][1], list(dict.fromkeys(issues)))
        return False

    def _already(self, order: Order, requirement: Requirement, kept: Payload, number: str | None) -> str | None:
        """Say why a requirement takes no value unless resubmit is set; none where it takes this one."""
        state = _state(order, requirement, number)
        if state not in _SUPPLIABLE:
            return f"{requirement.label} is {state.value}; set resubmit to supply another value"
        # For the whole, the last value of each number counts, too: it may have been supplied for that one alone.
        there = [asset.value for asset in order.assets if asset.sub_order_id == requirement.sub_order_id]
        places = (number,) if number else (None, *there)
        before = {
            operation_id for place in places if (operation_id := _last_supply(order, requirement, place)) is not None
        }
        values = [self.desk.store.kept(order.order_id, operation_id) for operation_id in sorted(before)]
        if any(
            value is not None and value.values.get(requirement.id) == kept.values[requirement.id] for value in values
        ):
            return f"the same value for {requirement.label} was submitted before; correct it, or set resubmit"
        return None

    def _specifications(self, order: Order, answers: Sequence[Answer]) -> dict[tuple[str, str], Specification]:
        """Read what the order's sub orders take, for what is answered: by sub order and requirement."""
        abilities = registry.capabilities(order.provider).abilities
        if order.state not in FOLLOWED or Ability.CATALOGUE not in abilities:
            return {}
        concerned = {
            requirement.sub_order_id
            for requirement in order.requirements
            if not requirement.own and any(answer.is_for(requirement.id, requirement.name) for answer in answers)
        }
        found: dict[tuple[str, str], Specification] = {}
        for sub_order in order.sub_orders:
            if sub_order.id in concerned and sub_order.country and sub_order.number_type:
                provider = self.desk.providers.connect(order.provider, order.account)
                read = provider.catalogue(country=sub_order.country, number_type=sub_order.number_type)
                found |= {(sub_order.id, each.id): each for each in read}
        return found

    def _take_files(self, order: Order, answers: Sequence[Answer]) -> dict[str, StoredFile]:
        """Take the files that answers name, and tell all that is wrong with them at once."""
        files, issues, problem = {}, [], Problem.FILE_MISSING
        for index, answer in enumerate(answers):
            if isinstance(answer.value, FileValue):
                try:
                    files[answer.value.file_id] = self.uploads.take(f"order/{order.order_id}", answer.value.file_id)
                except ProblemError as error:
                    problem = error.problem
                    issues.append(ValidationIssue(f"values.{index}.value.file_id", error.problem.value, error.detail))
        if issues:
            raise ProblemError(problem, "a file cannot be used", issues)
        return files


def _as_shown(requirement: Requirement) -> Specification:
    """What a requirement takes, as far as the order shows it."""
    kind = ValueKind(requirement.kind) if requirement.kind in set(ValueKind) else ValueKind.UNKNOWN
    return Specification(id=requirement.id, name=requirement.label, kind=kind)


def _being_supplied(other: Operation, issues: Sequence[ValidationIssue] = ()) -> ProblemError:
    detail = f"other values, supplied by {other.by}, are on their way for this; see what comes of them first"
    return ProblemError(Problem.BEING_SUPPLIED, detail, issues)


def _state(order: Order, requirement: Requirement, number: str | None) -> RequirementState:
    """Where a requirement stands: of its sub order, or of one number, whose own state may be another."""
    of_number = (each for asset in order.assets if number and asset.value == number for each in asset.requirements)
    state = next((each.state for each in of_number if each.id == requirement.id), RequirementState.UNKNOWN)
    # A word that nobody knows says nothing.
    return requirement.state if state is RequirementState.UNKNOWN else state


def _last_supply(order: Order, requirement: Requirement, number: str | None) -> str | None:
    """The operation that submitted the last value for a requirement as a whole, or for one number's."""
    known = {operation.id for operation in order.operations}
    supplied = [
        operation.id
        for operation in order.operations
        if operation.state is OperationState.DONE
        and operation.kind is OperationKind.SUPPLY
        and operation.number in (None, number)
        and requirement in operations.answered(order, operation)
    ]
    if not supplied and requirement.operation_id and requirement.operation_id not in known:
        # So long ago that the ledger alone still has it.
        return requirement.operation_id
    return supplied[-1] if supplied else None


def _keys(requirements: Sequence[Requirement]) -> list[tuple[str, str]]:
    return [(requirement.sub_order_id, requirement.id) for requirement in requirements]


def _of_scope(order: Order, sub_order_id: str | None, number: str | None) -> list[Requirement]:
    """The order's requirements that a wish concerns: of all, of one sub order, or of the sub order of a number."""
    if sub_order_id is not None and number is not None:
        issue = ValidationIssue("number", "one_of", "name a sub order or a number, not both")
        raise ProblemError(Problem.INVALID, "nothing was done", [issue])
    if sub_order_id is not None:
        require_sub_order(order, sub_order_id)
    if number is not None:
        asset = next((each for each in order.assets if each.value == number), None)
        if asset is None:
            raise ProblemError(
                Problem.INVALID,
                "nothing was done",
                [ValidationIssue("number", "unknown", "the order has no such number")],
            )
        if asset.sub_order_id is not None:
            require_sub_order(order, asset.sub_order_id)
        return [requirement for requirement in order.requirements if requirement.sub_order_id == asset.sub_order_id]
    there = [requirement for requirement in order.requirements if sub_order_id in (None, requirement.sub_order_id)]
    return [each for each in there if not parts.has_ended(order, each.sub_order_id)]


def _match(
    order: Order, answers: Sequence[Answer], sub_order_id: str | None, number: str | None
) -> list[tuple[Requirement, tuple[int, Answer]]]:
    """Find the requirements that answers are for, each with its answer and that one's place."""
    there = _of_scope(order, sub_order_id, number)
    issues: list[ValidationIssue] = []
    found: list[tuple[Requirement, tuple[int, Answer]]] = []
    taken: set[tuple[str, str]] = set()
    for index, answer in enumerate(answers):
        matching = [each for each in there if answer.is_for(each.id, each.name)]
        if not matching:
            known = wording.listed(dict.fromkeys(each.label for each in there)) or "nothing"
            issue = ValidationIssue(
                f"values.{index}.requirement", "unknown", f"the order has no such requirement; it has: {known}"
            )
            issues.append(issue)
        if taken & set(_keys(matching)):
            issues.append(
                ValidationIssue(f"values.{index}.requirement", "twice", "it is answered twice; answer it once")
            )
        taken |= set(_keys(matching))
        found += [(each, (index, answer)) for each in matching]
    if issues:
        raise ProblemError(Problem.INVALID, "nothing was supplied", issues)
    return found
