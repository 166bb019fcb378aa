"""What is fuzzed: every place at which others' bytes enter, each with the properties that any input must leave true.

A target is a function of bytes. It raises if a property does not hold. `tests.fuzz.measured` adds the bounds of time and memory.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from numberdesk.domain import notices, patterns, text
from numberdesk.domain.capabilities import check
from numberdesk.domain.clock import EARLIEST, LATEST
from numberdesk.domain.durations import parse_duration
from numberdesk.domain.model import GivenInstant
from numberdesk.domain.request import InvalidMessageError, OrderMessage, Request, read_message
from numberdesk.providers import json_values, numbers, registry, xml
from numberdesk.providers.base import NotAHintError, ProviderError
from numberdesk.services.paging import Tokens, peek
from numberdesk.services.ports import ConflictError, UnreadableRowError
from numberdesk.services.problems import ProblemError
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal, unmarshal
from tests.fuzz import answers, api, receiver
from tests.fuzz.source import Source, edited
from tests.fuzz.source import text as text_of
from tests.support.builders import START, body
from tests.support.desks import ADesk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numberdesk.domain.issues import ValidationIssue
    from numberdesk.providers.base import Hint

RECORDED = answers.ROOT / "tests" / "recorded"
SECONDS = 2.0
"""Of processor time for one input, with the fuzzer's instrumentation."""


@dataclass(frozen=True, slots=True)
class Target:
    """One entrance."""

    run: Callable[[bytes], None]
    inputs: int
    """How many `make fuzz` tries, in proportion to what one costs."""
    longest: int = 4096
    """Bytes of an input."""
    seconds: float = SECONDS


# --- Webhooks ---


def _hints(provider: str, data: bytes) -> list[Hint]:
    try:
        found = registry.read_hints(provider, data)
    except NotAHintError:
        return []
    for hint in found:
        for each in (hint.webhook_id, hint.webhook_type, hint.provider_order_id, hint.reference):
            assert each is None or 0 < len(each.encode()) <= 300, "an id that no key of the table holds"
        assert hint.occurred_at is None or EARLIEST <= hint.occurred_at < LATEST
    return found


def telnyx_hints(data: bytes) -> None:
    """Read any body as Telnyx's webhook, or an edited sample."""
    source = Source(data)
    if source.byte() % 2:
        _hints("telnyx", json.dumps(edited(source.pick(_samples("telnyx")), source)).encode())
    else:
        _hints("telnyx", source.rest())


def callfire_hints(data: bytes) -> None:
    """Read any body as CallFire's postback: XML, JSON, or edited JSON."""
    source = Source(data)
    if source.byte() % 2:
        _hints("callfire", json.dumps(edited(source.pick(_samples("callfire")), source)).encode())
    else:
        _hints("callfire", source.rest())


@cache
def _samples(folder: str) -> list[Any]:
    samples = answers.ROOT / "layers" / "core" / "numberdesk" / "providers" / folder / "samples"
    return [json.loads(path.read_text()) for path in sorted(samples.glob("*.json"))]


def parse_xml(data: bytes) -> None:
    """Parse any bytes as XML."""
    try:
        xml.parse(data)
    except ValueError:
        return


# --- Providers' answers ---


def provider_answers(provider: str) -> Callable[[bytes], None]:
    """Return the target of one adapter: every operation, with answers that are edited, cut, or something else altogether."""

    def run(data: bytes) -> None:
        source = Source(data)
        provider_order_id, kept = answers.recorded(provider)
        calls = answers.calls(provider, answers.an_order(provider, provider_order_id))
        name = source.pick(list(calls))
        transport = answers.Replay(kept.get(name, []), source)
        with suppress(ProviderError):
            calls[name](answers.adapter(provider, transport))

    return run


# --- Orders ---

_BODIES: tuple[dict[str, Any], ...] = (
    body(),
    body(
        "order-2",
        {"criteria": {"country": "DE", "area_code": "30", "features": ["sms"]}, "quantity": 2},
        reminders=["P7D", "PT4H"],
        answers=[{"requirement": "Business Name", "value": {"kind": "text", "text": "Example GmbH"}}],
        extension={"before": "P1D", "most": 2},
        metadata={"team": "a", "n": 7},
    ),
    body(
        "order-3",
        {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 4},
        provider="telesign",
        contact={"email": "desk@example.com", "contact_name": "Desk"},
        requirements=[{"id": "letter", "name": "Letter", "kind": "document"}],
        deadline="2026-12-01T08:00:00Z",
    ),
    body("order-4", {"numbers": ["+12065550143"]}, {"keywords": ["CAKE"]}, provider="callfire"),
)


def order_message(data: bytes) -> None:
    """Put any message on the order queue, or an edited order: it is refused with the reason, or recorded and bought once."""
    source = Source(data)
    written = text_of(source.rest()) if source.byte() % 2 == 0 else _json(edited(source.pick(_BODIES), source))
    read, issues = _read(written)
    assert all("\n" not in str(issue) and len(str(issue)) < 2000 for issue in issues)
    assert (read is None) == bool(issues)
    if read is not None:
        check(read, registry.capabilities(read.provider))
        assert (
            read.content_hash()
            == OrderMessage.model_validate_json(read.model_dump_json(), context=_NAMES).content_hash()
        )
        Request.of(read).content_hash(by_counts=False)
    desk = ADesk()
    desk.placer.handle(written, message_id="m-1", correlation_id="c-1", time_left=lambda: answers.MINUTES)
    assert len(desk.carrier.bought) <= 1
    assert desk.refused or desk.store.orders, "neither refused nor recorded"


def _read(written: str) -> tuple[OrderMessage | None, list[ValidationIssue]]:
    try:
        return read_message(written, registry.NAMES), []
    except InvalidMessageError as error:
        return None, error.issues


_NAMES = {"providers": registry.NAMES}


def sync_message(data: bytes) -> None:
    """Put any authenticated webhook, or any message at all, on the sync queue: a webhook is kept, and nothing is ever bought."""
    source = Source(data)
    kind = source.byte() % 3
    desk = ADesk()
    desk.placer.handle(_json(body()), message_id="m-1", correlation_id="c-1", time_left=lambda: answers.MINUTES)
    bought = list(desk.carrier.bought)
    if kind == 0:
        provider = source.pick(("telnyx", "callfire"))
        desk.syncer.handle(receiver.queued(provider, source.rest()))
        assert desk.store.webhooks, "a webhook that was answered 200 is not kept"
    else:
        message = source.pick(_MESSAGES)
        written = _json(edited(message, source)) if kind == 1 else text_of(source.rest())
        try:
            read = json.loads(written)
            desk.syncer.handle(read)
        except Exception:  # noqa: BLE001, S110 - runtime.failures: it comes again, and becomes a dead letter with the reason
            pass
    assert desk.carrier.bought == bought


@cache
def _queued() -> tuple[dict[str, Any], ...]:
    folder = RECORDED / "0.1.0" / "messages"
    return tuple(json.loads(json.loads(path.read_text())["body"]) for path in sorted(folder.glob("*.json")))


_MESSAGES = _queued()


# --- The table ---


class _Rows:
    """A DynamoDB client that has these items."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = items

    def query(self, **_request: Any) -> dict[str, Any]:
        return {"Items": self._items}


@cache
def _rows() -> dict[str, list[dict[str, Any]]]:
    kept = {}
    for name in ("order", "ledger", "webhook", "comment"):
        document = json.loads((RECORDED / "0.1.0" / "rows" / f"{name}.json").read_text())
        kept[name] = [unmarshal(_from_json(item)) for item in document["items"]]
    return kept


def _from_json(value: Any) -> Any:
    """Read DynamoDB's JSON, in which bytes are base64."""
    if isinstance(value, dict):
        return {
            name: base64.b64decode(inner) if name == "B" and isinstance(inner, str) else _from_json(inner)
            for name, inner in value.items()
        }
    return [_from_json(inner) for inner in value] if isinstance(value, list) else value


def rows(data: bytes) -> None:
    """Read edited rows of the table: an order, its ledger, webhooks and comments."""
    source = Source(data)
    name = source.pick(("order", "ledger", "webhook", "comment"))
    items = edited(_rows()[name], source)
    try:
        client: Any = _Rows([_whole(item) for item in items])
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError):
        return  # not an item that DynamoDB would have taken
    table = Table(client, "orders")
    try:
        if name == "order":
            table.get("order-1")
        elif name == "ledger":
            table.ledger("order-1", after=None, limit=99)
        elif name == "webhook":
            table.kept_webhooks("order-1", "2026-11-22", after=None, limit=99)
        else:
            table.kept_comments("order-1", after=None, limit=99)
    except (UnreadableRowError, ConflictError):
        return


def _whole(item: Any) -> dict[str, Any]:
    """Return DynamoDB's form of an item. Keys are strings, in every table of DynamoDB."""
    if not isinstance(item, dict) or not isinstance(item.get("pk"), str) or not isinstance(item.get("sk"), str):
        raise TypeError("no key")
    made = marshal(item)
    json.dumps(made, default=lambda _: "").encode()
    return made


# --- Times, numbers, patterns, texts ---

_given_instant = TypeAdapter(GivenInstant)


def times(data: bytes) -> None:
    """Read any text as a duration, an instant, an amount and a phone number."""
    written = text_of(data)
    for value in (written, _number(written)):
        found = json_values.instant(value)
        assert found is None or EARLIEST <= found < LATEST
        assert len(json_values.amount(value) or "") <= 256
        assert len(json_values.identifier(value) or "") <= 256
        assert (json_values.integer(value) or 0) <= 10**18
    with suppress(ValueError):
        assert answers.NO_TIME < parse_duration(written) <= answers.A_YEAR
    with suppress(ValidationError):
        assert EARLIEST <= _given_instant.validate_python(written) < LATEST
    number = numbers.number(written, "US", "DE")
    assert number is None or number.startswith("+")
    numbers.numbers(written, "US")


def _number(written: str) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None


def pattern(data: bytes) -> None:
    """Match a text against a provider's pattern."""
    written, _, said = text_of(data).partition("\n")
    assert patterns.matches(written, said) in (True, False, None)
    assert patterns.matches(written, said * 40) in (True, False, None)


def mails(data: bytes) -> None:
    """Make messages to people of an event of the bus, and of others' texts."""
    source = Source(data)
    others = text_of(source.some())
    for most in (1, 40, 4000):
        for line in (text.harmless(others, most), text.quoted(others, most), text.quoted_lines(others, most)):
            assert "\n" not in line
            assert line.isprintable()
        paragraph = text.paragraph(others, most)
        assert len(paragraph.encode()) <= max(most, 40)
        text.cut(others, most)
    event = edited(source.pick(_events()), source) if source.byte() % 2 else None
    try:
        notice = notices.read(_json(event) if event is not None else text_of(source.rest()))
    except ValueError:
        return
    for made in (
        *notices.mails([notice, notice.with_(id="another")]),
        notices.sum_up([notices.hold_back(notice, START)]),
    ):
        assert made.subject.isascii()
        assert made.subject.isprintable()
        assert 0 < len(made.subject) < 100
        assert 0 < len(made.text.encode()) <= 256 * 1024


@cache
def _events() -> list[Any]:
    folder = RECORDED / "0.1.0" / "events"
    return [json.loads(json.loads(path.read_text())["body"]) for path in sorted(folder.glob("*.json"))]


_tokens = Tokens(lambda: b"a key that no caller has")


def paging_token(data: bytes) -> None:
    """Go on reading a list by any token: only one that the list gave is taken."""
    token = text_of(data)
    place = peek(token)
    try:
        taken = _tokens.place("orders", token)
    except ProblemError:
        return
    assert taken == place
    assert token == _tokens.page("orders", (), place).after, "a forged token"


def _json(document: Any) -> str:
    return json.dumps(document)


TARGETS: Mapping[str, Target] = {
    "receiver": Target(receiver.handle, 30_000),
    "signature": Target(receiver.verify, 30_000),
    "keys": Target(receiver.keys, 150_000),
    "telnyx_hints": Target(telnyx_hints, 150_000),
    "callfire_hints": Target(callfire_hints, 120_000),
    "xml": Target(parse_xml, 180_000),
    "telnyx_answers": Target(provider_answers("telnyx"), 15_000),
    "telesign_answers": Target(provider_answers("telesign"), 15_000),
    "callfire_answers": Target(provider_answers("callfire"), 15_000),
    "order_message": Target(order_message, 20_000),
    "sync_message": Target(sync_message, 15_000),
    "api": Target(api.call, 12_000),
    "paging_token": Target(paging_token, 180_000),
    "times": Target(times, 120_000, longest=400),
    "patterns": Target(pattern, 60_000, longest=600, seconds=1.0),
    "mails": Target(mails, 40_000),
    "rows": Target(rows, 12_000),
}
"""By name. Together more than a million inputs."""
