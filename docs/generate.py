"""Writes the pages of docs/ that come from the code: `make docs`. A test fails where one of them is stale."""

from __future__ import annotations

import ast
import itertools
import json
from collections import defaultdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter

from docs import examples, limits
from numberdesk.api.document import document
from numberdesk.api.models import OrderMessage
from numberdesk.domain import settings
from numberdesk.domain.capabilities import Ability, Findability
from numberdesk.domain.order import duration_text
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ENDED, EVENTS, MOVES, ChangeKind, OrderState
from numberdesk.providers import registry
from tests.support.stack import template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from docs.examples import Event
    from numberdesk.domain.capabilities import Capabilities

DOCS = Path(__file__).resolve().parent
DURATION = TypeAdapter(timedelta, config=ConfigDict(ser_json_timedelta="iso8601"))
_MADE = "<!-- Made by `make docs` from the code. Do not edit. -->"
_BEGIN, _END = "<!-- made by `make docs` -->\n", "<!-- end -->\n"

STATES: dict[OrderState, str] = {
    OrderState.RECEIVED: "Taken in with its message; nothing has been sent for it. It may wait here: for its turn, or for a blocked account.",
    OrderState.PLACING: "The intent is written; one sender may call the provider, once, until `send_before`.",
    OrderState.UNKNOWN: "It was sent and no clear answer came back. It is looked for and never sent again.",
    OrderState.PENDING: "Bought; the provider is working on it.",
    OrderState.ACTION_REQUIRED: "Bought; the provider waits for somebody: for requirements, or for money. Or it calls the order over, and what it delivered could not all be read.",
    OrderState.COMPLETED: "Everything that was asked for was delivered.",
    OrderState.PARTIALLY_COMPLETED: "Over, with less delivered than was asked for.",
    OrderState.FAILED: "Over, with nothing delivered: the provider refused it or gave it up.",
    OrderState.CANCELLED: "Over, with nothing delivered: cancelled by somebody, or by the provider at a missed deadline.",
    OrderState.DELETED: "Everything that was delivered is gone from the account again.",
}

WHEN: dict[ChangeKind, str] = {
    ChangeKind.ORDER_PLACED: "The provider said yes, or a purchase whose answer was lost was found there. People are told of one that was found.",
    ChangeKind.ORDER_REFUSED: "A message on the order queue is no order, asks for what its provider does not take, or reuses an order id for another request. It lies in the order dead-letter queue.",
    ChangeKind.ORDER_COMPLETED: "Everything was delivered; also when a later poll corrects a partially completed order.",
    ChangeKind.ORDER_PARTIALLY_COMPLETED: "The order is over and something is missing.",
    ChangeKind.ORDER_FAILED: "The provider refused the order (`reason`: `refused`), or ended it with nothing delivered (`ended_by_provider`).",
    ChangeKind.ORDER_CANCELLED: "The order was cancelled at the provider, or by it at a missed deadline, with nothing delivered.",
    ChangeKind.ORDER_DELETED: "All numbers of the order are gone from the account.",
    ChangeKind.SUB_ORDER_ENDED: "A part of the order was cancelled, or failed, while the rest of the order goes on. The end of the whole order tells that of its parts.",
    ChangeKind.ORDER_UNKNOWN: "The order was sent and no clear answer came back. People are told, with what to look for, once it was not found within the settling time, or at once where the provider cannot be searched.",
    ChangeKind.ORDER_STILL_PENDING: "The provider leaves the order pending for longer than is usual for its numbers (the setting `pending`), and nothing moves. Told once, and again only after progress: a number delivered, a requirement approved, another state.",
    ChangeKind.ORDER_STUCK: "Three runs in a row for the order ended by a time-out, a crash or an error. It is tried again less and less often, and needs a person (`stuck`). Told once, until a run has an outcome.",
    ChangeKind.DELIVERY_UNREAD: "The provider calls the order over, and what it delivered could not all be read: it may be more than is recorded, so that nobody should order again before somebody has checked. The order stays open, `action_required`, until it can be read or a person says what was delivered. Told once.",
    ChangeKind.PROVIDER_ACCOUNT_BLOCKED: "A provider refuses the account itself: its key, permissions, funds or verification. Once a block, however many orders wait. It is about an account, not about an order.",
    ChangeKind.PROVIDER_CONTRADICTION: "The provider shows what cannot follow from the record, or delivers less of an order that was all or nothing.",
    ChangeKind.UNKNOWN_PROVIDER_VALUE: "The provider shows something that numberdesk cannot read: a word that it does not know, or a value in a strange notation. Once for each word and order; those of one field in one poll are one event, and after fifty it is only said that there are more.",
    ChangeKind.REQUIREMENT_REQUESTED: "The provider asks for values or documents. One event for a sub order, whatever the number of requirements.",
    ChangeKind.REQUIREMENT_REJECTED: "A reviewer rejected what was supplied. It waits up to the rejection grace for the comment that says why and for the new deadline, so that one message says it all.",
    ChangeKind.REQUIREMENT_APPROVED: "What was supplied was approved.",
    ChangeKind.DEADLINE_SET: "A sub order has a deadline that it did not have before. People hear of it with the requirements.",
    ChangeKind.DEADLINE_MOVED: "A deadline has another value; its reminders start anew. People are not told apart where a rejection of the same poll tells it.",
    ChangeKind.DEADLINE_ERASED: "A deadline is gone: nothing is owed, or its part of the order is over; its reminders are gone with it.",
    ChangeKind.DEADLINE_APPROACHING: "A reminder is due and the deadline still stands. Once for each deadline, version and reminder; seen late, only the most urgent reminder.",
    ChangeKind.DEADLINE_MISSED: "A deadline passed and was not met.",
    ChangeKind.VALUE_UNSTABLE: "The provider shows something now so and now otherwise: deadlines, states of requirements, the state of the order or of a part of it, or what became of it. Told once; of a deadline the earliest value is kept, of a state the one that asks for most, and further changes are not told until the same was read for hours.",
    ChangeKind.REQUIREMENT_SUBMITTED: "Values or a requirement group went to the provider, and it took them. The values are in no event.",
    ChangeKind.OPERATION_REJECTED: "Something that was asked to be done at the provider was not: it refused, or could not be reached again and again. Not told to people where the order ended meanwhile.",
    ChangeKind.OPERATION_WAITING: "Something that was asked to be done at the provider waits: for longer than the setting `operation_patience`, or because the account may not make this very call (`permitted`: false). It is tried again by itself. Told once for each reason, at most three.",
    ChangeKind.COMMENT_RECEIVED: "A reviewer left comments that are not the reason of a rejection. Each is told once; the publisher appends their text.",
    ChangeKind.ORDER_HELD: "A received order is held. Beyond a limit on spending, or where it may have been bought before a restore, it waits for a person, who is told; while placing is off it waits for that. Told once, when it begins; beyond a limit it begins anew where what was approved is no longer what would be bought.",
    ChangeKind.PERSONAL_DATA_ERASED: "What is personal of an order was erased, as a person asked.",
    ChangeKind.DUPLICATE_PURCHASE_FOUND: "An order has a second purchase at its provider, or one that is over has one all the same. It is cancelled where the provider can.",
    ChangeKind.NUMBER_RELEASED: "A number or keyword was given back to the provider, as a person asked.",
    ChangeKind.PLACING_STOPPED: "The switch was turned: nothing is placed. It is about no order and no account.",
    ChangeKind.PLACING_RESUMED: "The switch was turned again: orders that wait are placed.",
    ChangeKind.TABLE_RESTORED: "The order table is one that was restored: nothing is placed until every account was compared with the records and a person has confirmed it.",
    ChangeKind.ROW_UNREADABLE: "A row of the order table cannot be read. It is left out, and everything else goes on. Once for each row.",
    ChangeKind.INVENTORY_DIFFERS: "The daily comparison of an account with the records found what was not told before. Once for each difference, until it is gone and comes back.",
    ChangeKind.EXTENSION_REQUESTED: "More time was asked for in a comment, by a person or by the order's policy. A grant shows as DeadlineMoved.",
}

DETAIL = {
    "id": "Fixed for what happened: an event that is delivered twice carries the same one.",
    "at": "When it was recorded, UTC.",
    "order_id": "Yours; null where the event is about no order.",
    "provider": f"One of {', '.join(f'`{name}`' for name in registry.NAMES)}; null for a message that was refused.",
    "account": "The account at the provider; null likewise.",
    "provider_order_id": "The provider's id of the order, once it is known.",
    "state": "The order's state after the change, see [states](states.md).",
    "correlation_id": "The same in logs, ledger and events: the `correlation_id` attribute of the order message, else its queue message id.",
    "notify": "Whether people are told `message`, by their topic; several of one kind within seconds are one message there.",
    "data": "What a program needs, see each event.",
    "message": "One paragraph that a person can act on.",
}

DATA = {
    "failed_runs": "How many runs ended so, one after the other.",
    "acknowledged_by": "Who acknowledged a reminder last; else null.",
    "acknowledged_until": "Until when that one is on it, UTC; else null.",
    "asked_by": "Who asked for the cancellation, if somebody did; else null.",
    "asked_at": "When it was asked for, UTC.",
    "pending_since": "Since when nothing has moved, UTC.",
    "permitted": "Whether nothing forbids it; false where the account may not make the call.",
    "tries": "How often it was tried.",
    "usual_seconds": "How long orders of this kind are pending at most when all is well.",
    "asked_for": "Whether more time had been asked for.",
    "asking_for_more_time": "Whether the order's policy asks for more time with this reminder.",
    "by": "Who asked for it: an IAM principal, `order` (it came with the order), `profile` or `policy`.",
    "cancelling": "Whether the provider is being asked to cancel it.",
    "double": "Held by two orders here: `count`, and the `first` twenty.",
    "double_order": "References that two orders at the provider carry: `count`, and the `first` twenty.",
    "pk": "The row's partition key in the order table.",
    "sk": "Its sort key.",
    "hold": "`limit` (beyond a limit on spending), `restored` (it may have been bought before a restore), `switch` (placing is off), `not_permitted` (the account may not do what it needs) or `no_account` (there is no such account, or it was retired).",
    "number": "The number or keyword.",
    "quote": "Beyond a limit, what the purchase takes: `numbers`, `costs` by currency (`upfront` and `monthly` amounts, and how many `numbers` they are of), and for how many numbers no upfront or monthly cost is known (`without_upfront`, `without_monthly`); else null. A release approves this.",
    "orphan": "Owned at the provider and in no order here: `count`, and the `first` twenty.",
    "orphan_order": "Orders at the provider that are no order's here: `count`, and the `first` twenty of its ids.",
    "rejected_because": "Why a person refused it, where one did.",
    "duplicate": "The provider's id of the purchase too many.",
    "duplicate_id": "Likewise.",
    "vanished": "In an order here and not owned at the provider any more: `count`, and the `first` twenty.",
    "vanished_order": "Open orders here that the provider does not list: `count`, and the `first` twenty.",
    "unread_owned": "Owned at the provider in a notation that cannot be read: `count`, and the `first` twenty. While there is any, nothing is called gone.",
    "unread_order": "Orders at the provider whose id cannot be read: `count`, and the `first` twenty.",
    "comments": "The ids of the comments quoted in `message`, at most twenty.",
    "operation": "What was asked to be done: `supply`, `group`, `comment`, `extension`, `read`, `cancel`, `cancel_duplicate` or `release`.",
    "operation_id": "Which of the order's operations.",
    "extended": "Whether the new value is later.",
    "group_id": "The requirement group.",
    "outcome": "What the provider said: its code and title, or its id of what it made.",
    "unannounced": "Whether no notification led to the poll that found it.",
    "asked": "How many numbers and keywords the order asks for.",
    "code": "The provider's own code.",
    "comment_ids": "The comments quoted in `message`.",
    "deadline": "The instant, UTC; null where none is set.",
    "deadline_id": "Which of the order's deadlines.",
    "deadline_missed": "Whether a missed deadline is why.",
    "deadline_version": "Which value of this deadline, counted from 1.",
    "delivered": "How many were delivered.",
    "detail": "What happened, in the provider's title for it or in ours.",
    "issues": "Everything that is wrong, at most 50: `field`, a stable `code`, and `message`. Never a value of the message.",
    "field": "Where the word stood.",
    "first_delivered": "The first twenty of what was delivered.",
    "first_numbers": "The first twenty of them.",
    "found": "Whether it was found by polling.",
    "from": "The state before.",
    "searching": "Whether it is still being looked for.",
    "message_id": "The queue's id of the message.",
    "missing": "What was not delivered, for people.",
    "numbers": "How many numbers it concerns.",
    "owed": "The requirements that are missing or rejected, at most twenty.",
    "provider_order_id": "The provider's id of the order.",
    "reason": "`refused` or `ended_by_provider`; of the switch, why it was turned.",
    "reason_is_certain": "Whether one comment belongs to one rejected requirement; else all new comments are quoted.",
    "answered": "Ids of requirements for which values on file are being submitted; people are asked for the others only.",
    "recorded": "What the record says.",
    "requirements": "At most twenty: `id`, `name`, `kind`, the provider's `word`, and how many `numbers`.",
    "reminder": "How long before the deadline, as in the order message.",
    "shortfall": "What was left out when the purchase was prepared, for people; else null.",
    "state": "`cancelled` or `failed`.",
    "shown": "What the provider shows.",
    "sub_order_id": "The provider's sub order.",
    "to": "The state after.",
    "unconfirmed_since": "Since when the provider could not be read; else null.",
    "values": "The first twenty of several values; of a deadline the instants shown in turn, UTC.",
    "was": "The value before, UTC.",
    "what": "`deadline`, `requirements`, `state`, `sub_order`, `delivery` or `outcome`.",
    "why": "What happened instead of a clear answer; of an order that is held, what holds it.",
    "unread": "What could not be read, at most twenty: the `field` that it stood in, and the `word`.",
    "provider_status": "The provider's own status, as it writes it.",
    "value": "What could not be read.",
}


def order_message_schema() -> str:
    """Make the JSON Schema of an order message. What it cannot say, the reader of the message still checks."""
    schema = OrderMessage.model_json_schema()
    bodies = [{"order_id": order_id, **order} for order_id, order in examples.ORDERS.items()]
    return _json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "examples": bodies})


def states() -> str:
    """Print the table of moves."""
    rows = [
        [
            f"`{state.value}`" + (" (ended)" if state in ENDED else ""),
            STATES[state],
            ", ".join(f"`{target.value}`" for target in OrderState if target in MOVES[state]) or "stays",
        ]
        for state in OrderState
    ]
    return _page(
        "Order states",
        "The same words for every provider; the provider's own word is kept beside them. Anything that a provider shows beyond "
        "these moves is not applied and told as `ProviderContradiction`.",
        _table(["State", "What it means", "May become"], rows),
    )


def events() -> str:
    """Describe every event, each with the example that the real services gave."""
    told = by_kind(examples.events())
    summary = _table(
        ["Event", "When", "People"],
        [[f"[{kind.value}](#{kind.value.lower()})", WHEN[kind], _people(told[kind])] for kind in in_order()],
    )
    sections = [
        "\n\n".join(
            [
                f"## {kind.value}",
                WHEN[kind],
                _table(["`data`", "What it says"], [[f"`{name}`", text] for name, text in data_fields(told[kind])]),
                f"```json\n{_json(told[kind][0])}```",
            ]
        )
        for kind in in_order()
    ]
    return _page(
        "Events",
        "numberdesk tells what happens on its event bus, in the past tense: source `numberdesk`, the event's name as `detail-type`. "
        "Delivery is at least once, and a repeat carries the same `id`. EventBridge keeps no order: `at` tells what came first.",
        "Every `detail` holds:",
        _table(["Field", "What it says"], [[f"`{name}`", text] for name, text in DETAIL.items()]),
        summary,
        "The examples below are what the real services say over one scripted history, in the order of the table; EventBridge adds "
        "its own fields around them.",
        *sections,
    )


def in_order() -> list[ChangeKind]:
    """Give the events as the code lists them."""
    return [kind for kind in ChangeKind if kind in EVENTS]


def by_kind(told: Iterable[Event]) -> dict[ChangeKind, list[Event]]:
    """Sort events by their kind."""
    sorted_events = defaultdict(list)
    for event in told:
        sorted_events[ChangeKind(event["detail-type"])].append(event)
    return sorted_events


def data_fields(told: Sequence[Event]) -> list[tuple[str, str]]:
    """Give the fields of `data` of one kind of event, over all its examples, and what each says."""
    datas = [event["detail"]["data"] for event in told]
    names = list(dict.fromkeys(name for data in datas for name in data))
    return [
        (name, DATA[name] + ("" if all(name in data for data in datas) else " Not always there.")) for name in names
    ]


def _people(told: Sequence[Event]) -> str:
    match {event["detail"]["notify"] for event in told}:
        case answers if answers == {True, False}:
            return "sometimes"
        case answers:
            return "yes" if True in answers else "no"


MAKES_UP: list[tuple[str, Callable[[Capabilities], bool], str]] = [
    (
        "Tells by webhook what became of an order",
        lambda it: it.sends_webhooks,
        "numberdesk polls on a cadence, at least every tenth of the time to a deadline; a postback that comes is a hint to poll.",
    ),
    (
        "Finds a purchase with an unknown outcome by our reference",
        lambda it: it.findability is Findability.EXACT,
        "Orders are listed and compared where that is possible; what is not found stays `unknown`, people are told what to look for, and a person says what became of it. Of equal orders only one is on its way at a time.",
    ),
    (
        "Delivers all or nothing if asked to",
        lambda it: it.promises_all_or_nothing,
        "`partial: refuse` is refused before anything is bought; what is missing of an order is named.",
    ),
    (
        "Has requirements, deadlines and vetting in its API",
        lambda it: it.knows_deadlines,
        "An order brings its own list and deadline; numberdesk keeps them, reminds, and people tick them off.",
    ),
    (
        "Says beforehand what numbers will take",
        lambda it: Ability.CATALOGUE in it.abilities,
        "There is nothing to read; ask its people, and put what they say on the order's own list.",
    ),
    (
        "Takes values and documents",
        lambda it: Ability.VALUES in it.abilities,
        "Send them to its people; the order's own list says what is still to be sent.",
    ),
    (
        "Has comments to read and to write",
        lambda it: Ability.COMMENTS in it.abilities,
        "Its people are reached outside numberdesk.",
    ),
    (
        "Is asked for more time",
        lambda it: Ability.EXTENSIONS in it.abilities,
        "The order's own deadline is nobody else's: an acknowledged reminder says who is on it.",
    ),
    (
        "Cancels an order",
        lambda it: Ability.CANCEL in it.abilities,
        "Only an order that has not been sent can be cancelled; afterwards the answer is a clear no.",
    ),
    (
        "Is searched for numbers",
        lambda it: Ability.SEARCH_NUMBERS in it.abilities,
        "An order by criteria finds out.",
    ),
    (
        "Is searched for keywords",
        lambda it: Ability.SEARCH_KEYWORDS in it.abilities,
        "It sells none.",
    ),
    (
        "Is searched for regions",
        lambda it: Ability.SEARCH_REGIONS in it.abilities,
        "A search for numbers shows the places of what it finds.",
    ),
    (
        "Lists what an account owns",
        lambda it: Ability.OWNED in it.abilities,
        "The orders' records say what was delivered.",
    ),
    (
        "Registers webhooks by API",
        lambda it: Ability.REGISTER in it.abilities,
        "It sends none for number orders, so there is nothing to register.",
    ),
    (
        "Lists an account's orders",
        lambda it: Ability.ORDERS in it.abilities,
        "The daily comparison reads what is owned alone: a second order shows by the numbers that it brought.",
    ),
    (
        "Takes numbers and keywords back",
        lambda it: Ability.RELEASE in it.abilities,
        "They are given back in its portal; the daily comparison sees that they are gone.",
    ),
]
"""What a provider may be able to do, and how numberdesk makes up for it where one cannot."""

ABILITIES: dict[str, tuple[str, Callable[[Capabilities], str]]] = {
    "sends_webhooks": ("Sends webhooks for number orders", lambda it: _yes(it.sends_webhooks)),
    "findability": ("A purchase with an unknown outcome is found", lambda it: f"`{it.findability.value}`"),
    "match_is_proof": ("A match is surely ours", lambda it: _yes(it.match_is_proof)),
    "pending": (
        "Pending for longer than this is told",
        lambda it: ", ".join(f"`{kind}` {duration_text(limit)}" for kind, limit in it.pending.items()),
    ),
    "finds_by_counts": (
        "Orders are told apart by how many numbers they are for, and no more",
        lambda it: _yes(it.finds_by_counts),
    ),
    "abilities": ("Its API also has", lambda it: _codes(ability.value for ability in it.abilities)),
    "knows_deadlines": ("Knows deadlines", lambda it: _yes(it.knows_deadlines)),
    "promises_all_or_nothing": (
        "Promises all or nothing (`partial: refuse`)",
        lambda it: _yes(it.promises_all_or_nothing),
    ),
    "max_items": (
        "Items in one order, at most",
        lambda it: _listed(f"{most} `{kind}`" for kind, most in it.max_items.items()),
    ),
    "max_total_items": ("Items in all, at most", lambda it: str(it.max_total_items or "")),
    "max_assets": ("Numbers and keywords in one order, at most", lambda it: str(it.max_assets)),
    "max_named_numbers": (
        "Numbers by name in one order, at most",
        lambda it: str(it.max_named_numbers or it.max_assets) if "numbers" in it.max_items else "",
    ),
    "criteria_fields": (
        "Criteria",
        lambda it: _codes(it.criteria_fields | ({"number_type"} if it.number_types else set())),
    ),
    "required_criteria_fields": ("Criteria that must be given", lambda it: _codes(it.required_criteria_fields)),
    "number_types": ("Number types", lambda it: _codes(it.number_types)),
    "features": ("Features", lambda it: _codes(it.features)),
    "takes_contact": ("Contact fields", lambda it: _yes(it.takes_contact)),
    "takes_requirement_groups": ("Requirement groups", lambda it: _yes(it.takes_requirement_groups)),
    "group_countries": (
        "A fulfilled requirement group is a must for numbers in",
        lambda it: _listed(sorted(it.group_countries)),
    ),
    "cadence": ("Pauses between polls; the last goes on", lambda it: _listed(_iso(pause) for pause in it.cadence)),
    "call_interval": (
        "Least time between two calls with one account",
        lambda it: _iso(it.call_interval) if it.call_interval else "",
    ),
    "ways_out": (
        "Instead of what it does not take",
        lambda it: "; ".join(f"{kind}: {way}" for kind, way in it.ways_out.items()),
    ),
}
"""How each field of `Capabilities` is told."""


def providers() -> str:
    """Print what each provider can do."""
    able = [registry.capabilities(name) for name in registry.NAMES]
    rows = [[title, *(say(each) or "none" for each in able)] for title, say in ABILITIES.values()]
    rows.append(["Hosts", *(_codes(registry.PROVIDERS[name].hosts) for name in registry.NAMES)])
    rows.append(
        ["Base URL unless the account's secret says otherwise"]
        + [f"`{registry.PROVIDERS[name].base_url}`" for name in registry.NAMES]
    )
    return _page(
        "Providers",
        "What each provider can do, as its module declares it. An order that asks for something else is refused, naming the "
        "way out.",
        "## What each can do, and how numberdesk makes up for what it cannot",
        _table(
            ["", *registry.NAMES, "Where it cannot"],
            [[title, *(_yes(can(each)) for each in able), instead] for title, can, instead in MAKES_UP],
        ),
        "## What each takes",
        _table(["", *registry.NAMES], rows),
        "A purchase with an unknown outcome is found `exact`ly where the provider echoes our reference and can be searched by it, so that "
        "absence is proof; `by_content` where orders are listed and compared, so that only a match says something.",
        "## What is not sure",
        "\n".join(f"- {one}" for each in able for one in each.not_sure),
    )


def provider(name: str) -> str:
    """Give a provider's own page, with what its words mean printed anew; a page that is not there yet begins with that."""
    path, title = DOCS / "providers" / f"{name}.md", registry.PROVIDERS[name].title
    page = path.read_text(encoding="utf-8") if path.exists() else f"# {title}\n\n{_BEGIN}{_END}"
    before, _, rest = page.partition(_BEGIN)
    tables = [
        _table([what, "Here"], [[f"`{word}`", f"`{ours.value}`"] for word, ours in words.items()])
        for what, words in registry.statuses(name).items()
    ]
    return before + _BEGIN + "\n\n".join(tables) + "\n" + _END + rest.partition(_END)[2]


def all_settings() -> str:
    """Print the template's parameters and the times that the desk keeps."""
    parameters = [
        [
            f"`{name}`",
            f"`{parameter['Default']}`" if parameter.get("Default", "") != "" else "",
            parameter["Description"],
        ]
        for name, parameter in template()["Parameters"].items()
    ]
    defaults = Timings().model_dump(mode="json")
    said = timing_docs()
    times = [[f"`{name}`", _default(value), said[name]] for name, value in defaults.items()]
    return _page(
        "Settings",
        "## Parameters of the template\n\n`sam deploy --guided` asks for them; samconfig.toml keeps them.",
        _table(["Parameter", "Default", "What it does"], parameters),
        "## Times\n\nThe parameter `Timings` is one JSON object with those of these that differ from their defaults, as ISO 8601 "
        'durations or seconds: `{"settling": "PT5M", "cadence": {"telesign": ["PT10S", "PT1M", "PT1H"]}}`.',
        _table(["Time", "Default", "What it does"], times),
    )


def all_limits() -> str:
    """List what is bounded, by how much, and what holds it."""
    parts = []
    for title, rows in limits.LIMITS.items():
        parts += [f"## {title}", _table(["Bound", "Value", "Set in", "Held by"], map(_limit, rows))]
    return _page(
        "Limits",
        "What a provider, a sender or a backlog can make the desk do has a bound. Each row names what holds it: tests, which "
        "`make test` runs (one alone: `.venv/bin/pytest <its name>`), or a command that measures it. What is beyond a bound is told where it matters; it is never dropped silently.",
        *parts,
    )


def _limit(row: limits.Limit) -> list[str]:
    return [
        row.what,
        row.text(),
        ", ".join(f"`{each}`" for each in row.set_in()),
        ", ".join(f"`{each}`" for each in row.held_by),
    ]


def openapi() -> str:
    """The API, as an OpenAPI 3.1 document."""
    return _json(document())


def timing_docs() -> dict[str, str]:
    """Read what stands below each field of `Timings`."""
    tree = ast.parse(Path(settings.__file__).read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == Timings.__name__)
    said = {}
    for field, text in itertools.pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                said[name] = words
    return said


PAGES: dict[str, Callable[[], str]] = {
    "order-message.schema.json": order_message_schema,
    "openapi.json": openapi,
    "states.md": states,
    "events.md": events,
    "providers.md": providers,
    "settings.md": all_settings,
    "limits.md": all_limits,
    **{f"providers/{name}.md": partial(provider, name) for name in registry.NAMES},
}


def main() -> None:
    """Write every page."""
    for name, make in PAGES.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(make(), encoding="utf-8")
        print(f"docs/{name}")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _page(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"# {title}", _MADE, *paragraphs]).rstrip() + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)


def _codes(values: Iterable[str]) -> str:
    return _listed(f"`{value}`" for value in sorted(values))


def _iso(duration: timedelta) -> str:
    text: str = DURATION.dump_python(duration, mode="json")
    return f"`{text}`"


def _default(value: str | list[str] | dict[str, Any]) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    return _listed(f"`{each}`" for each in value) if value else "each provider's own"


if __name__ == "__main__":
    main()
