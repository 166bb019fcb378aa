"""Play each trouble that a metric of numberdesk's own shows, until its alarm goes off and recovers, and write docs/ages.md: `make ages`.

The troubles are in `tests/support/ages.py`, the evaluation of alarms in `tests/support/alarms.py`. The tests play
the same, and check the page against it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.support.ages import TROUBLES, Played, Trouble, play
from tests.support.alarms import alarms
from tests.support.stack import resolved

PAGE = Path(__file__).resolve().parent.parent / "docs" / "ages.md"
_OURS = ("Metric", "Measures", "Alarm", "Threshold", "Went off after", "Recovered after")
_AWSS = ("Metric", "Measures", "Threshold")
_TEXT = """# Ages

<!-- Made by `make ages`. Do not edit. -->

Waiting work has an age metric, and each age has an alarm, some of them together. Every five minutes the sweep writes the age of the oldest of each
kind; where nothing waits it writes none, and the alarm takes that for good. `make ages` plays each failure on an in-memory AWS with the simulated providers and a simulated clock, evaluates the
template's alarms by CloudWatch's rules over the metrics that the functions wrote, and prints these tables: how long after the failure
began the alarm went off, and how long after its end the alarm recovered. On AWS a metric takes about a minute more, because it is
extracted from a log.

## numberdesk's own

{ours}

An alarm goes off up to five minutes after its threshold, because ages are written every five minutes (that of overdue wakes every minute); if the order must be polled first, that delay
is added. `OldestUnreadableSeconds` recovers when a poll of the order succeeds again, at quiet times within the hour.
`OldestNotUnderstoodSeconds` recovers in the same way, once everything can be read. `UnannouncedChanges` and other counters recover when the
counted events have left the alarm's period and the two before it, in which CloudWatch looks where there is no newer data.

`TroublesAlarm` and `OverlookedAlarm` watch a metric of the same name, to which each of these adds. AWS bills each metric of each alarm. People
are told of most of them one by one, before or with the alarm; the dashboard shows which it was.

## AWS's

These metrics come from AWS and are not played.

{awss}
"""


def row(name: str, played: Played) -> str:
    """Make a line of the table."""
    trouble, (metric, _, provider) = TROUBLES[name], name.partition(" ")
    times = (_span(played.after), _span(played.recovered))
    shown = f"`{metric}` {provider}".rstrip()
    return _line((shown, trouble.what, f"`{trouble.alarm}`", _threshold(trouble), *times))


def page(played: dict[str, Played]) -> str:
    """Make the page."""
    ours = [_line(_OURS), _line(["---"] * len(_OURS)), *(row(name, how) for name, how in played.items())]
    awss = [_line(_AWSS), _line(["---"] * len(_AWSS))]
    for name, alarm in resolved("AWS::CloudWatch::Alarm").items():
        if "Age" in alarm["MetricName"]:
            what = {"OrderQueueAgeAlarm": "The oldest message on the order queue"}
            what |= {"SyncQueueAgeAlarm": "The oldest message on the sync queue"}
            what |= {"NotificationQueueAgeAlarm": "The oldest message to people on their queue"}
            awss.append(
                _line((f"`{alarm['MetricName']}`", what[name], f"> {_span(timedelta(seconds=alarm['Threshold']))}"))
            )
    return _TEXT.format(ours="\n".join(ours), awss="\n".join(awss))


def main() -> None:
    """Play everything, print it and write it."""
    played = {}
    for name, trouble in TROUBLES.items():
        played[name] = play(trouble)
        print(row(name, played[name]), flush=True)
    PAGE.write_text(page(played), encoding="utf-8")
    print(f"docs/{PAGE.name}")


def _threshold(trouble: Trouble) -> str:
    watched = alarms()[trouble.alarm]
    within = _span(watched.period * watched.periods)
    if trouble.overlooked_after is not None:
        return f"> {_span(trouble.overlooked_after)}"
    if watched.comparison == "LessThanThreshold":
        return f"none in {within}"
    if watched.metric[1].endswith("Seconds"):
        return f"> {_span(timedelta(seconds=watched.threshold))}"
    return f"{watched.threshold + 1:.0f} or more in {within}"


def _span(time: timedelta) -> str:
    """Return a time for people, to the minute."""
    minutes = round(time.total_seconds() / 60)
    hours, minutes = divmod(minutes, 60) if minutes >= 120 else (0, minutes)  # noqa: PLR2004 - below two hours, minutes
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min")) if number)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
