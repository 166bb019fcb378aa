"""Play for each alarm on numberdesk's own metrics the trouble that triggers it, and write docs/ages.md: `make ages`.

The troubles are in `tests/support/ages.py`, the evaluation of alarms in `tests/support/alarms.py`. The tests play
the same, and check the page against it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.support.ages import TROUBLES, Played, play
from tests.support.alarms import NAMESPACE, alarms
from tests.support.stack import resolved

PAGE = Path(__file__).resolve().parent.parent / "docs" / "ages.md"
_OURS = ("Metric", "Measures", "Alarm threshold", "Went off after", "Recovered after")
_AWSS = ("Metric", "Measures", "Alarm threshold")
_TEXT = """# Ages

<!-- Made by `make ages`. Do not edit. -->

Waiting work has an age metric, and each age has an alarm. Once a minute the sweep writes the age of the oldest of each kind, or zero if
nothing waits. `make ages` plays each failure on an in-memory AWS with the simulated providers and a simulated clock, evaluates the
template's alarms by CloudWatch's rules over the metrics that the functions wrote, and prints these tables: how long after the failure
began the alarm went off, and how long after its end the alarm recovered. On AWS a metric takes about a minute more, because it is
extracted from a log.

## numberdesk's own

{ours}

An alarm goes off up to a minute after its threshold, because the sweep runs once a minute; if the order must be polled first, that delay
is added. `OldestUnreadableSeconds` recovers when a poll of the order succeeds again, at quiet times within the hour.
`OldestNotUnderstoodSeconds` recovers in the same way, once everything can be read. `UnannouncedChanges` and other counters recover when the
counted events have left the alarm's period.

## AWS's

These metrics come from AWS and are not played.

{awss}
"""


def row(alarm: str, played: Played) -> str:
    """Make a line of the table."""
    watched = alarms()[alarm]
    provider = dict(watched.metric[2]).get("provider")
    name = f"`{watched.metric[1]}`" + (f" ({provider})" if provider else "")
    times = (_span(played.after), _span(played.recovered))
    return _line((name, TROUBLES[alarm].what, _threshold(alarm), *times))


def page(played: dict[str, Played]) -> str:
    """Make the page."""
    ours = [_line(_OURS), _line(["---"] * len(_OURS)), *(row(alarm, how) for alarm, how in played.items())]
    awss = [_line(_AWSS), _line(["---"] * len(_AWSS))]
    for name, alarm in resolved("AWS::CloudWatch::Alarm").items():
        if alarm["Namespace"] != NAMESPACE and "Age" in alarm["MetricName"]:
            seconds = alarm["Threshold"] / (1000 if alarm["MetricName"] == "IteratorAge" else 1)
            what = {"OrderQueueAgeAlarm": "The oldest message on the order queue"}
            what |= {"SyncQueueAgeAlarm": "The oldest message on the sync queue"}
            what |= {"NotificationQueueAgeAlarm": "The oldest message to people on their queue"}
            what |= {"StreamAgeAlarm": "The oldest change of the table that the stream has not handed over"}
            awss.append(_line((f"`{alarm['MetricName']}`", what[name], f"> {_span(timedelta(seconds=seconds))}")))
    return _TEXT.format(ours="\n".join(ours), awss="\n".join(awss))


def main() -> None:
    """Play everything, print it and write it."""
    played = {}
    for alarm, trouble in TROUBLES.items():
        played[alarm] = play(alarm, trouble)
        print(row(alarm, played[alarm]), flush=True)
    PAGE.write_text(page(played), encoding="utf-8")
    print(f"docs/{PAGE.name}")


def _threshold(alarm: str) -> str:
    watched = alarms()[alarm]
    within = _span(watched.period * watched.periods)
    if watched.comparison == "LessThanThreshold":
        return f"none in {within}"
    if watched.metric[1].endswith("Seconds"):
        return f"> {_span(timedelta(seconds=watched.threshold))}"
    if watched.metric[1].endswith("Bytes"):
        return f"> {watched.threshold / 1000:.0f} KB"
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
