"""The result of a run: the checks that hold for every order, the table, and `.local/run.json`."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.play import DEAD_LETTERS, Play, PlayedOrder, attribute
from local.simulator_process import BUILT_IN
from numberdesk.domain.clock import instant_text
from numberdesk.domain.statuses import ChangeKind

PATIENCE = 15.0
"""Seconds that the last events have to reach the bus and people."""


def settle(play: Play) -> None:
    """Wait until every order is as expected, or until the time is over."""
    began = play.now()
    while (play.now() - began).total_seconds() < PATIENCE and any(faults_of_order(order) for order in play.orders):
        play.stage.rest(0.5)
        play.poll()


def faults_of_order(order: PlayedOrder) -> list[str]:
    """Return the promises that an order broke; empty if all is as expected."""
    found = []
    if order.state != order.ends:
        found.append(f"ended {order.state or 'nowhere'}, expected {order.ends}")
    if (bought := order.count_purchases()) != order.purchases:
        found.append(f"bought {bought} times, expected {order.purchases}")
    if (sent := order.count_reminders()) != order.reminders:
        found.append(f"{sent} reminders, expected {order.reminders}")
    reminders = Counter(
        (entry.data["deadline_id"], entry.data["deadline_version"], entry.data["reminder"])
        for entry in order.entries("DeadlineApproaching")
    )
    found += [
        f"reminder {reminder} of deadline {name}, version {version}, fired {n} times"
        for (name, version, reminder), n in reminders.items()
        if n > 1
    ]
    # Entries removed by a restore of the table were published before it. An order that starts over has the same entry ids.
    expected = [entry for entry in (*order.wiped, *order.ledger) if entry.is_event]
    promised = {entry.id: entry for entry in expected}
    published = Counter(event["detail"]["id"] for event in order.events())
    found += [
        f"{promised[each].kind.value} was not published on the bus" for each in promised.keys() - published.keys()
    ]
    found += [f"event {each} is on the bus but not in the ledger" for each in published.keys() - promised.keys()]
    for entry in expected:
        heard = bool(entry.message) and any(person.startswith(entry.message) for person in order.play.people)
        if heard != entry.notify:
            found.append(f"{entry.kind.value}: people {'were' if heard else 'were not'} notified")
    # The refusal of another message under the same id has that message's correlation id.
    ids = {entry.correlation_id for entry in order.ledger if entry.kind is not ChangeKind.ORDER_REFUSED}
    if len(ids) > 1:
        found.append(f"several correlation ids: {ids}")
    return found


def faults_of_run(play: Play) -> list[str]:
    """Return the faults that belong to no order."""
    found = []
    for provider in BUILT_IN:
        sold = len(play.ask(provider, "sales"))
        expected = sum(order.purchases for order in play.orders if order.provider == provider)
        if sold != expected:
            found.append(f"{provider} sold {sold} times, the orders expect {expected}")
    for queue in DEAD_LETTERS:
        found += [
            f"{queue}DeadLetterQueue: {attribute(letter, 'reason') or letter['Body'][:300]}"
            for letter in play.take_dead_letters(queue)
        ]
    return found + leaks(play)


def leaks(play: Play) -> list[str]:
    """Return the private values found in a log, sent to applications or people, or beside a dead letter.

    People get e-mails. The body of a dead letter is the message itself, unchanged, and is sent
    again from there: it may contain anything; its attributes may not.
    """
    places = {
        "a message to people": "\n".join(play.people),
        "an event on the bus": json.dumps(play.events),
        "the attributes of a dead letter": json.dumps([letter.get("MessageAttributes", {}) for letter in play.letters]),
    }
    places |= {
        f"the non-personal data of {order.order_id}": order.record.impersonal for order in play.orders if order.record
    }
    logs = {f"the log {name}": text for name, text in play.stage.logs().items()}
    private = {**play.stage.private, **play.private}
    return [*_found(play.personal, places), *_found(private | play.personal, logs)]


def _found(values: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Return which value is in which text, as it is or escaped as JSON."""
    return [
        f"{what} is in {where}"
        for what, value in values.items()
        for where, text in places.items()
        if value in text or json.dumps(value)[1:-1] in text
    ]


def timeline(order: PlayedOrder) -> str:
    """Return the states and the seconds at which each was reached, from the moment the message was sent."""
    parts: list[str] = []
    for entry in order.ledger:
        state = entry.state.value if entry.state else ""
        if state and (not parts or not parts[-1].startswith(f"{state} ")):
            parts.append(f"{state} {(entry.at - (order.sent_at or entry.at)).total_seconds():.1f}")
    return ", ".join(parts)


def table(play: Play, faults: dict[str, list[str]]) -> str:
    """Return one line per order with its states and times. Of very many orders, only those that are not as expected."""
    rows = [("order", "state @ seconds", "reminders", "bought", "ended", "as expected")]
    rows += [
        (
            order.order_id,
            timeline(order),
            str(order.count_reminders()),
            str(order.count_purchases()),
            order.state,
            "no" if faults[order.order_id] else "yes",
        )
        for order in sorted(play.orders, key=lambda order: order.story)
        if faults[order.order_id] or not order.quiet
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def write(play: Play, path: Path) -> None:
    """Write the results of stories and orders as JSON."""
    stories = [
        {"story": story.number, "passed": story.passed, "title": story.title, "why_not": story.why_not}
        for story in play.stories
    ]
    orders: list[dict[str, Any]] = [
        {
            "order_id": order.order_id,
            "story": order.story,
            "provider": order.provider,
            "state": order.state,
            "expected": order.ends,
            "purchases": order.count_purchases(),
            "reminders": order.count_reminders(),
            "ledger": [
                {"at": instant_text(e.at), "kind": e.kind.value, "state": e.state, "data": e.data} for e in order.ledger
            ],
        }
        for order in sorted(play.orders, key=lambda order: order.story)
    ]
    path.write_text(json.dumps({"stories": stories, "orders": orders}, indent=2))
