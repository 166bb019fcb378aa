"""Play for each alarm on numberdesk's own metrics the trouble that it is there for, and write docs/ages.md: `make ages`.

What is played and by which rules the alarms are evaluated: `tests/support/ages.py` and `tests/support/alarms.py`. The tests play
the same, and hold the page to it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.support.ages import TROUBLES, Played, play
from tests.support.alarms import NAMESPACE, alarms
from tests.support.stack import resolved

PAGE = Path(__file__).resolve().parent.parent / "docs" / "ages.md"
_OURS = ("metric", "of what", "the alarm rings at", "it went off after", "and was over after")
_AWSS = ("metric", "of what", "the alarm rings at")
_TEXT = """# Ages

<!-- Made by `make ages`. Do not edit. -->

Whatever waits has an age, and every age an alarm. The sweep says once a minute how old the oldest of each is; zero where nothing
waits. `make ages` plays each trouble on a local AWS in memory, with the simulated providers and a clock of their own, evaluates
the template's alarms by CloudWatch's rules over the metrics that the functions wrote, and prints these tables: how long after
the trouble began its alarm went off, and how long after its end all was well again. On AWS a metric takes about a minute more
to be read out of a log.

## numberdesk's own

{ours}

An age goes off later than at its threshold by the minute of the sweep, and where something must first be polled, by the time to
that. `OldestUnreadableSeconds` is over when the order is polled again with success, in quiet times within the hour; so is
`OldestNotUnderstoodSeconds`, once all can be read. `UnannouncedChanges` and what is counted once are over when that has left the alarm's period.

## AWS's

Not played: these metrics are AWS's.

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
    """Write a time for people, to the minute."""
    minutes = round(time.total_seconds() / 60)
    hours, minutes = divmod(minutes, 60) if minutes >= 120 else (0, minutes)  # noqa: PLR2004 - below two hours, minutes
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min")) if number)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
