"""The page docs/crashes.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.crashes.director import Mode, reason_against
from tests.crashes.matrix import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from tests.crashes.matrix import Cell, Point, Recording

_TEXT = """# Crashes

<!-- Made by `make crashes`. Do not edit. -->

`make crashes` plays the scenarios of `tests/crashes/scenarios.py` on an in-memory AWS with the simulated providers and a simulated
clock. It finds every call of AWS and of a provider that a function makes, and lets each of them go wrong in each way. Then all works
again, time passes, webhooks are sent again, and people do what an operator does: they repeat an API call that got a 5xx, look at the
carrier for a purchase whose outcome is unknown, and redrive dead letters.

At the end of each it checks: no order was bought twice; the records say what the carriers say; no order is left `placing` or `unknown`;
no message is left on a queue, and none is on a dead-letter queue without a reason; every event was published, and people were told;
each reminder was sent once; nothing personal is in a log. A cell says how the orders ended, how many purchases there were, and what
people were told more or less than in the undisturbed scenario.

{points} points, {cells} cells, commit {commit}, {date}.

## Ways to go wrong

| Column | A call of AWS | A call of a provider |
|---|---|---|
| killed before | Lambda ends the function before the call | the same |
| killed after | Lambda ends the function after the call did its work | the same |
| answer lost | the call does its work, and all of botocore's attempts time out | the call does its work, and the answer does not come |
| done twice | botocore repeats the call after a lost answer; the second answer counts | the request is repeated |
| throttled | the call is refused as throttled as long as the invocation lasts | 429 as long as the invocation lasts |
| unavailable | - | 503 as long as the invocation lasts, without the work |

A call that several scenarios make is played in the first of them: where it is made first and, if it changes something, where it is made
last. A dash means that the way cannot occur: {dashes}.

## Scenarios

| Scenario | Undisturbed |
|---|---|
{scenarios}

{functions}"""


def page(
    points: Sequence[Point], cells: Sequence[Cell], recordings: Mapping[str, Recording], *, commit: str, date: date
) -> str:
    """Make the page."""
    by_function: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        by_function[point.call.function].append(point)
    ended = {(cell.point.id, cell.mode): cell.ending for cell in cells}
    dashes = dict.fromkeys(reason for point in points for mode in Mode if (reason := reason_against(point.call, mode)))
    return _TEXT.format(
        points=len(points),
        cells=len(cells),
        commit=commit,
        date=date.isoformat(),
        dashes="; ".join(dashes),
        scenarios="\n".join(_line((name, says(it.ending))) for name, it in recordings.items()),
        functions="\n".join(_function(name, these, ended, recordings) for name, these in by_function.items()),
    )


def _function(
    name: str,
    these: Sequence[Point],
    ended: Mapping[tuple[str, Mode], Ending],
    recordings: Mapping[str, Recording],
) -> str:
    columns = ("Point", "Call", "By", "Scenario", *(str(mode) for mode in Mode))
    lines = [f"## {name}", "", _line(columns), _line(["---"] * len(columns))]
    for point in these:
        undisturbed = recordings[point.scenario].ending
        cells = [_cell(ended.get((point.id, mode)), undisturbed) for mode in Mode]
        last = ", last" if point.name.endswith("(last)") else ""
        site = " < ".join(f"`{each}`" for each in point.call.site)
        call = f"{point.call.operation} ({point.call.target}{last})"
        lines.append(_line((f"`{point.id}`", call, site, point.scenario, *cells)))
    return "\n".join([*lines, ""])


def failure(cell: Cell) -> str:
    """Return a line about a cell that failed, with the command that replays it."""
    faults, states = "; ".join(cell.ending.faults), cell.ending.states
    return f"{cell.mode}: {cell.point.name}: {faults} {states}\n    make crashes POINT={cell.point.id}"


def says(ending: Ending) -> str:
    """Say how a scenario ended."""
    states = Counter(ending.states.values())
    parts = [
        *(f"{count} {state}" if len(ending.states) > 1 else state for state, count in sorted(states.items())),
        f"{ending.purchases} purchase{'' if ending.purchases == 1 else 's'}",
        *(f"{_times(count)}{kind} told" for kind, count in sorted(Counter(ending.told).items())),
    ]
    return ", ".join(parts)


def _cell(ending: Ending | None, undisturbed: Ending) -> str:
    if ending is None:
        return "-"
    more = Counter(ending.told) - Counter(undisturbed.told)
    less = Counter(undisturbed.told) - Counter(ending.told)
    parts = [says(Ending(states=ending.states, purchases=ending.purchases))]
    parts += [f"{_times(count)}{kind} told" for kind, count in sorted(more.items())]
    parts += [f"{_times(count)}{kind} not told" for kind, count in sorted(less.items())]
    resolved = len(ending.resolved) - len(undisturbed.resolved)
    parts += ["resolved by a person"] if resolved > 0 else []
    letters = len(ending.dead_letters) - len(undisturbed.dead_letters)
    parts += [f"{letters} dead letter{'' if letters == 1 else 's'} with a reason"] if letters > 0 else []
    return ", ".join(parts)


def _times(count: int) -> str:
    return "" if count == 1 else f"{count} x "


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
