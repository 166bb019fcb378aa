"""Text from others cannot break a line, become a link, hide, pass for our own words, or outgrow its carrier."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from numberdesk.api.problems import ProblemDocument
from numberdesk.domain import ledger, notices, text, wording
from numberdesk.domain.change import ALL_OR_NOTHING, Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.ledger import Entry
from numberdesk.domain.messages import desk, purchase, vetting
from numberdesk.domain.order import Approval, Cost, Quote, Requirement, SubOrder
from numberdesk.domain.statuses import ChangeKind, HoldKind, OperationKind, RequirementState
from numberdesk.messaging.events import MAX_BYTES, entry_size
from numberdesk.messaging.sqs import json_text
from numberdesk.providers.base import RefusedError
from numberdesk.services.problems import Problem, ProblemError
from numberdesk.storage.ledger import entry_item
from numberdesk.storage.values import marshal
from tests.support.orders import ZONE, pending, said
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
NASTY = (
    "\nSubject: pay now\r\nhttps://evil.example.com/a?b",
    "www.evil.com",
    "x\u2028mailto:a@evil.com",
    "ht\u200btps://evil.com",
    "\u202egpj.exe\u202c",
    "<a href='http://evil.com'>click</a>",
    "[click](https://evil.com)",
    "all good\u201d The order is cancelled. \u201c",
    "javascript:alert(1)",
    "HTTP://EVIL.COM",
    "a\x00b\x1b[31m\x7f",
    "\ud800\udfff\ufeff",
    "x" * 20_000,
    "\u20ac" * 20_000,
    "\\" * 20_000,
    '"' * 20_000,
    "",
)
HOSTILE = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from((*NASTY[:12], "name", " ", ": ")), max_size=6).map("".join),
    st.text(max_size=60),
)
LIVE = re.compile(r"\b[a-z][a-z0-9+.-]*://|\bwww\.|\b(?:mailto|javascript|data|tel):|\.com\b", re.IGNORECASE)


def assert_harmless(line: str) -> None:
    assert line.isprintable()
    assert not set(line) & set(LINE_BREAKS)
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs") for each in set(line))
    assert LIVE.search(line) is None, LIVE.search(line)
    line.encode()


@settings(deadline=None)
@example("a.com.")
@given(HOSTILE)
def test_quotation_is_one_harmless_marked_line_of_bounded_length(written: str) -> None:
    for line, most in ((text.quoted(written), 200), (text.quoted(written, 20), 20), (text.harmless(written), 200)):
        assert_harmless(line)
        assert len(line) <= most + len(text.SHORTENED) + 2
    line = text.quoted(written)
    if not re.fullmatch(r"[A-Za-z0-9._:@+=#-]+", line):
        assert line[0] == "\u201c"
        assert line[-1] == "\u201d"
        assert not set(line[1:-1]) & set('\u201c\u201d"<>`')
    assert text.harmless(text.harmless(written)) in (
        text.harmless(written),
        text.harmless(written)[:200] + text.SHORTENED,
    )


@settings(deadline=None)
@given(HOSTILE, st.integers(50, 3000))
def test_paragraph_is_harmless_bounded_in_bytes_and_otherwise_unchanged(written: str, most: int) -> None:
    line = text.paragraph(written, most)
    assert_harmless(line)
    assert len(line.encode()) <= most
    assert text.paragraph(line, most) == line


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Registration", "Registration"),
        ("Proof of address", "“Proof of address”"),
        ("kyc@2", "kyc@2"),
        ("see https://example.com/a", "“see https[:]//example[.]com/a”"),
        ("a\nb", "“a b”"),
        ('the "best"', "“the 'best'”"),
        ("+4930901820", "+4930901820"),
        ("12.50 USD", "“12.50 USD”"),
        ("Größe der Firma", "“Größe der Firma”"),
        ("", "“”"),
    ],
)
def test_harmless_text_stays_readable(written: str, shown: str) -> None:
    assert text.quoted(written) == shown


def test_lines_of_a_comment_are_quoted_on_one_line() -> None:
    assert text.quoted_lines("Blurred.\n\nSend it again: http://a.de/b\n", 1000) == (
        "“Blurred. / Send it again: http[:]//a[.]de/b”"
    )


def _facts(hostile: str) -> list[tuple[ChangeKind, Mapping[str, object]]]:
    """Return every kind of change that notifies people, in all its forms, with this text wherever others' text can appear."""
    many = [{"id": hostile, "name": hostile, "state": "rejected"}] * 20
    at = instant_text(NOW)
    asked = {
        "sub_order_id": "s-1",
        "requirements": many,
        "requirement_count": 40,
        "answered": [hostile],
        "answered_count": 3,
    }
    due = {"deadline": at, "numbers": 2}
    ended = {"delivered": 1, "asked": 2, "provider_status": hostile}
    operations = [
        {
            "operation": kind.value,
            "by": hostile,
            "reason": hostile,
            **asked,
            **scope,
            **dict.fromkeys(("group_id", "duplicate_id"), hostile),
        }
        for kind in OperationKind
        for scope in ({"sub_order_id": "s-1"}, {"sub_order_id": hostile}, {"number": hostile})
    ]
    facts: list[tuple[ChangeKind, Mapping[str, object]]] = [
        *((ChangeKind.ORDER_PLACED, {"found": found, "shortfall": hostile}) for found in (True, False)),
        *((ChangeKind.ORDER_HELD, {"hold": hold.value, "why": hostile}) for hold in HoldKind),
        *((ChangeKind.ORDER_UNKNOWN, {"searching": searching, "look_for": hostile}) for searching in (True, False)),
        *(
            (ChangeKind.DUPLICATE_PURCHASE_FOUND, {"recorded": theirs, "duplicate": hostile, "cancelling": cancelling})
            for theirs in (hostile, None)
            for cancelling in (True, False)
        ),
        (ChangeKind.ORDER_COMPLETED, ended),
        (ChangeKind.ORDER_PARTIALLY_COMPLETED, {**ended, "missing": hostile}),
        (ChangeKind.ORDER_FAILED, {"reason": "refused", "detail": hostile, "code": hostile}),
        (ChangeKind.ORDER_FAILED, {"reason": "ended_by_provider", "provider_status": hostile}),
        *(
            (
                kind,
                {
                    "sub_order_id": hostile,
                    "state": "cancelled",
                    "numbers": 1,
                    "deadline_missed": False,
                    "asked_by": hostile,
                    "reason": hostile,
                    **more,
                    "unannounced": True,
                },
            )
            for kind in (ChangeKind.ORDER_CANCELLED, ChangeKind.SUB_ORDER_ENDED)
            for more in ({}, {"rejected_because": hostile})
        ),
        (ChangeKind.ORDER_DELETED, {}),
        (ChangeKind.ORDER_STILL_PENDING, {"pending_since": at, "usual_seconds": 3600.0, "provider_status": hostile}),
        (ChangeKind.ORDER_STUCK, {"failed_runs": 3}),
        (ChangeKind.PERSONAL_DATA_ERASED, {"by": hostile, "reason": hostile}),
        (ChangeKind.PROVIDER_CONTRADICTION, {"recorded": "completed", "shown": hostile, "provider_status": hostile}),
        (ChangeKind.PROVIDER_CONTRADICTION, {"recorded": ALL_OR_NOTHING, "shown": "1 of 2"}),
        (ChangeKind.UNKNOWN_PROVIDER_VALUE, {"field": hostile, "values": [hostile] * 20, "value_count": 40}),
        (
            ChangeKind.DELIVERY_UNREAD,
            {**ended, "unread": [{"field": hostile, "value": hostile}] * 20, "unread_count": 40},
        ),
        (ChangeKind.VALUE_UNSTABLE, {"what": "deadline", "sub_order_id": hostile, "deadline": at, "values": [at]}),
        (ChangeKind.VALUE_UNSTABLE, {"what": "requirements", "sub_order_id": hostile, "requirements": [hostile] * 20}),
        *(
            (ChangeKind.VALUE_UNSTABLE, {"what": what, "sub_order_id": hostile, "values": [hostile] * 40})
            for what in ("state", "sub_order", "delivery", "outcome")
        ),
        *(
            (ChangeKind.REQUIREMENT_REQUESTED, {**asked, "deadline": until, "deadlines_read": read})
            for until in (at, None)
            for read in (True, False, None)
        ),
        *(
            (
                ChangeKind.REQUIREMENT_REJECTED,
                {**asked, "deadline": at, "deadlines_read": True, "comment_ids": [hostile] * comments},
            )
            for comments in range(3)
        ),
        (ChangeKind.REQUIREMENT_APPROVED, asked),
        *(
            (kind, {**due, "sub_order_id": sub_order_id, "reason": "over"})
            for kind in (ChangeKind.DEADLINE_SET, ChangeKind.DEADLINE_ERASED, ChangeKind.DEADLINE_MISSED)
            for sub_order_id in ("", "s-1", hostile)
        ),
        (
            ChangeKind.DEADLINE_MOVED,
            {**due, "sub_order_id": hostile, "was": at, "extended": True, "asked_for": True, "unannounced": True},
        ),
        *(
            (
                ChangeKind.DEADLINE_APPROACHING,
                {
                    **due,
                    "sub_order_id": sub_order_id,
                    "reminder": "P1D",
                    "first": False,
                    "unstable": True,
                    "confirmed_at": at,
                    "unconfirmed_since": at,
                    "owed": many,
                    "owed_count": 40,
                    "acknowledged_by": by,
                    "acknowledged_until": at,
                    "asking_for_more_time": False,
                },
            )
            for sub_order_id in ("", "s-1", hostile)
            for by in (hostile, None)
        ),
        (ChangeKind.COMMENT_RECEIVED, {"sub_order_id": hostile, "count": 3}),
    ]
    for operation in operations:
        facts += [
            (kind, operation)
            for kind in (
                ChangeKind.REQUIREMENT_SUBMITTED,
                ChangeKind.EXTENSION_REQUESTED,
                ChangeKind.NUMBER_RELEASED,
            )
        ]
        facts.append((ChangeKind.OPERATION_REJECTED, {**operation, "outcome": hostile}))
        waits = {**operation, "outcome": hostile, "asked_at": at, "deadline": at}
        facts += [(ChangeKind.OPERATION_WAITING, {**waits, "permitted": permitted}) for permitted in (True, False)]
    return facts


def _all_messages(hostile: str) -> list[str]:
    requirement = Requirement(
        id=hostile,
        sub_order_id="s-1",
        state=RequirementState.REJECTED,
        provider_status=hostile,
        numbers=1,
        name=hostile,
        own=True,
    )
    order = pending().with_(
        provider_order_id=hostile,
        account=hostile,
        sub_orders=(SubOrder(id="s-1", provider_status=hostile, country=hostile or "DE", number_type=hostile),),
        requirements=(requirement,),
    )
    before = order.with_(provider_order_id=None)
    quote = Quote(numbers=1, costs=(Cost(currency=hostile, upfront="1", monthly="1", numbers=1),))
    approval = Approval(kind=HoldKind.LIMIT, by=hostile, at=NOW, quote=quote, most={hostile: "1"})
    return [
        *(said(Change.of(kind, data), of) for kind, data in _facts(hostile) for of in (order, before)),
        wording.beyond_limit(hostile, quote, approval),
        wording.listed([hostile] * 40),
        desk.inventory_differs(hostile, hostile, {"orphan": [hostile] * 40}),
        desk.placing_stopped(hostile, hostile),
        desk.placing_resumed(hostile, hostile),
        desk.account_blocked(hostile, hostile, hostile),
        desk.table_restored(),
        desk.row_unreadable(hostile, hostile),
    ]


@settings(deadline=None, max_examples=examples(20), suppress_health_check=[HealthCheck.data_too_large])
@given(HOSTILE)
def test_no_message_to_people_contains_raw_text_of_others(hostile: str) -> None:
    for message in _all_messages(hostile):
        assert_harmless(message)
        assert len(message.encode()) <= 3 * ledger.MAX_MESSAGE
        assert len(an_entry(message=message).message.encode()) <= ledger.MAX_MESSAGE


def test_every_kind_of_message_is_covered() -> None:
    told = {kind for kind in ChangeKind if kind in {**purchase.SENTENCES, **vetting.SENTENCES}}
    assert {kind for kind, _ in _facts("x")} == told
    tried = set(re.findall(r"desk\.(\w+)\(", Path(__file__).read_text(encoding="utf-8")))
    assert {name for name, each in vars(desk).items() if getattr(each, "__module__", "") == desk.__name__} == tried


def _stored(entry: Entry) -> int:
    """Return roughly the bytes of an entry's item: names and values."""
    marshal(entry_item(entry))
    return len(json.dumps(entry_item(entry), ensure_ascii=False).encode())


def an_entry(**fields: Any) -> Entry:
    return Entry.model_validate(
        {
            "id": "e-1",
            "subject": "order/order-1",
            "position": "0000000001.000",
            "at": NOW,
            "kind": ChangeKind.ORDER_REFUSED,
            "actor": "place_order",
            "correlation_id": "c-1",
            **fields,
        }
    )


JSON = st.recursive(
    st.one_of(HOSTILE, st.integers(-(2**53), 2**53), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None, max_examples=examples(30), suppress_health_check=list(HealthCheck))
@given(data=st.dictionaries(HOSTILE, JSON, max_size=5), message=HOSTILE, comments=st.lists(HOSTILE, max_size=10))
def test_entry_fits_its_item_and_its_event_fits_the_bus(
    data: dict[str, Any], message: str, comments: list[str]
) -> None:
    assert_fits(data, message, comments)


@pytest.mark.parametrize("filling", ["\u20ac", "\\", '"', "\x00", "\ud800", "\uffff", "a\n", "\N{GRINNING FACE}", "."])
def test_largest_entries_events_and_comments_fit(filling: str) -> None:
    assert_fits({"issues": [filling * 5000] * 400}, filling * 100_000, [filling * 50_000] * 50)
    assert_fits({f"{filling}{n}": filling * 5000 for n in range(1000)}, filling * 100_000, [filling * 50_000] * 3)
    assert_fits({filling * 50_000: {filling: [[{}] * 5000] * 50}}, filling, [filling])


def assert_fits(data: dict[str, Any], message: str, comments: list[str]) -> None:
    entry = an_entry(
        data=data,
        message=message,
        actor=message,
        correlation_id=message,
        comment_ids=[f"c-{n}" * 60 for n in range(3000)],
    )
    assert len(json_text(entry.data).encode(errors="replace")) <= ledger.MAX_DATA
    assert Entry.model_validate(entry.model_dump()) == entry
    assert _stored(entry) < 80_000
    detail = dict(ledger.event_detail(entry, comments))
    assert_harmless(str(detail["message"]))
    shown = {"Source": "numberdesk", "DetailType": entry.kind.value, "Detail": json_text(detail)}
    assert entry_size(shown) < MAX_BYTES  # type: ignore[arg-type]


@settings(deadline=None, max_examples=examples(30))
@given(HOSTILE)
@example("x" * 84 + " www.evil.company")
def test_mail_is_harmless_and_fits_the_topic(hostile: str) -> None:
    told = ledger.event_detail(an_entry(message=hostile, account=hostile, provider=hostile), [hostile] * 40)
    event = json.dumps({"detail-type": "OrderRefused", "detail": told})
    mail = notices.mail([notices.read(event)])
    assert_harmless(mail.subject)
    assert mail.subject.isascii()
    assert len(mail.subject) < 100
    assert_harmless(mail.text)
    assert len(mail.text.encode()) < 262_144
    raw = json.dumps({"detail-type": hostile, "detail": {**told, "message": hostile, "order_id": hostile}})
    mail = notices.mail([notices.read(raw)])
    assert_harmless(mail.subject)
    assert_harmless(mail.text)


def test_twenty_issues_of_four_hundred_names_each_are_recorded_and_reported() -> None:
    names = [f"{'Nachweis über den Geschäftssitz' * 8} {n}" for n in range(400)]
    issues = [ValidationIssue(f"answers.{n}", "not_asked", f"it asks for: {', '.join(names)}") for n in range(20)]
    entry = an_entry(
        message="; ".join(map(str, issues)),
        data={"issues": [{"field": issue.field, "code": issue.code, "message": issue.message} for issue in issues]},
    )
    assert entry.message.endswith(text.SHORTENED)
    assert _stored(entry) < 80_000
    assert len(wording.listed(names).encode()) < ledger.MAX_MESSAGE


@settings(deadline=None)
@given(HOSTILE, st.integers(0, 400))
def test_problem_is_harmless_and_bounded(hostile: str, number: int) -> None:
    issues = [ValidationIssue(hostile, hostile, hostile)] * number
    error = ProblemError(Problem.INVALID, hostile, issues)
    document = ProblemDocument(Problem.INVALID, error.detail, issues).document("r-1")
    assert len(json.dumps(document)) < 512_000
    assert_harmless(str(document["detail"]))
    errors: Any = document["errors"]
    assert len(errors) <= 51
    for each in errors:
        assert_harmless(each["message"])
    if number > 50:
        assert errors[-1]["message"] == f"and {number - 50} more; mend these first"
    told = ProblemDocument(Problem.PROVIDER_REFUSED, hostile).document("r-1")
    assert_harmless(str(told["detail"]))


@given(HOSTILE, HOSTILE)
def test_text_of_a_provider_is_one_harmless_line(detail: str, code: str) -> None:
    error = RefusedError(detail, code=code)
    for text_of in (str(error), error.detail, error.code):
        assert_harmless(text_of)
        assert len(text_of.encode()) < 5000


def test_changes_are_bounded_in_the_ledger() -> None:
    order = pending()
    change = Change(kind=ChangeKind.ORDER_FAILED, data={"reason": "refused", "detail": "a\nb" * 20_000, "code": ""})
    [entry] = ledger.entries(order, [change], NOW, "sync_order", ZONE)
    assert_harmless(entry.message)
    assert len(entry.message.encode()) <= ledger.MAX_MESSAGE
