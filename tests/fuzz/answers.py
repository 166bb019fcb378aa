"""The providers' calls, the answers that the simulators give to them, and a transport that gives these answers with edits.

`python -m tests.fuzz.answers` records the answers anew.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError, fromstring, tostring

import httpx

from numberdesk.domain.order import Asset, SubOrder
from numberdesk.domain.request import Criteria
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind, AssetState
from numberdesk.domain.values import Address
from numberdesk.providers import registry
from numberdesk.providers.base import Credentials, Plan, ProviderError, Query
from tests.fuzz.source import edited
from tests.support.builders import START, message, received

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from local.simulators.base import Simulator
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.providers.base import Provider
    from tests.fuzz.source import Source

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "corpus"
MINUTES, NO_TIME, A_YEAR = timedelta(minutes=3), timedelta(0), timedelta(days=366)
MOST_CALLS = 400
"""Of one operation of an adapter. Each is an HTTP request: a provider that says that there is more must not keep it going."""

Recorded = dict[str, list[dict[str, Any]]]
"""By operation, the answers to its requests in order: `status`, `type` and `body`."""

CREDENTIALS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "telnyx": ({"api_key": "KEY"}, {}),
    "telesign": ({"customer_id": "CUSTOMER", "api_key": "dGVsZXNpZ24gc2VjcmV0"}, {}),
    "callfire": (
        {"login": "LOGIN", "password": "PASSWORD"},
        {"v2_find": True, "v2_base_url": "https://callfire.test/v2"},
    ),
}
GERMAN = {"criteria": {"country": "DE", "area_code": "30"}, "quantity": 2}
ITEMS: dict[str, tuple[dict[str, Any], ...]] = {
    "telnyx": (GERMAN, {"numbers": ["+13125550143"]}),
    "telesign": ({"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 4},),
    "callfire": (
        {"numbers": ["+12065550143"]},
        {"keywords": ["CAKE"]},
        {"criteria": {"city": "Seattle"}, "quantity": 2},
    ),
}
PLANNED: dict[str, dict[str, object]] = {
    "telnyx": {"phone_numbers": [{"phone_number": "+4930901820"}]},
    "telesign": {"country_iso2": "BE", "quantity": 4},
    "callfire": {"Keywords": "CAKE"},
}
ADDRESS = Address(
    first_name="Erika",
    last_name="Mustermann",
    street_address="Musterweg 1",
    locality="Berlin",
    postal_code="10115",
    country_code="DE",
)
SEARCHES = {
    "telnyx": Query(criteria=Criteria(country="US", city="Seattle")),
    "telesign": Query(criteria=Criteria(country="BE", features=["sms"])),
    "callfire": Query(criteria=Criteria(country="US", city="Seattle")),
}
EVENTS = {"callfire": "CAMPAIGN_FINISHED"}


_HEADERS = (b"retry-after", b"x-ratelimit-reset", b"location", b"date", b"content-encoding", b"content-type")


class Still:
    """`domain.clock.Clock` that stands still."""

    def now(self) -> datetime:
        return START

    def sleep(self, duration: timedelta) -> None:
        pass


def order_message(provider: str) -> OrderMessage:
    """Return the message of the order that all calls are about."""
    return message("order-1", *ITEMS[provider], provider=provider)


def an_order(provider: str, provider_order_id: str) -> Order:
    """Return the order that all calls are about."""
    order, _ = received(order_message(provider))
    number = Asset(value="+4930901820", kind=AssetKind.NUMBER, state=AssetState.PENDING, provider_status="pending")
    part = SubOrder(id="sub-order-1", provider_status="pending", country="DE", number_type="local")
    return order.with_(provider_order_id=provider_order_id, assets=(number,), sub_orders=(part,))


def calls(provider: str, order: Order) -> Mapping[str, Callable[[Provider], object]]:
    """Return every operation of an adapter (`providers.base.Provider`), by name."""
    sent = order_message(provider)
    of_order = str(order.provider_order_id)
    return {
        "plan": lambda it: it.plan(sent),
        "place": lambda it: it.place(Plan(PLANNED[provider]), order.reference),
        "find": lambda it: it.find(order, sent),
        "observe": lambda it: it.observe(order),
        "candidates": lambda it: it.candidates(order),
        "cancel": lambda it: it.cancel(order),
        "catalogue": lambda it: it.catalogue(country="DE", number_type="local"),
        "catalogue_of_number": lambda it: it.catalogue(number="+4930901820"),
        "check_group": lambda it: it.check_group("group-1", country="DE", number_type="local"),
        "create_address": lambda it: it.create_address(ADDRESS, "reference"),
        "upload_document": lambda it: it.upload_document(b"%PDF", "bill.pdf", "application/pdf", "reference"),
        "supply": lambda it: it.supply(order, {"requirement-1": "value"}),
        "attach_group": lambda it: it.attach_group(order, "group-1"),
        "comments": lambda it: it.comments(of_order),
        "comment": lambda it: it.comment(of_order, "More time, please."),
        "mark_read": lambda it: it.mark_read("comment-1"),
        "search_numbers": lambda it: it.search_numbers(SEARCHES[provider]),
        "search_keywords": lambda it: it.search_keywords(Query(keywords=("CAKE", "PIZZA"))),
        "search_regions": lambda it: it.search_regions(SEARCHES[provider]),
        "owned": lambda it: it.owned(None),
        "orders": lambda it: it.orders(None),
        "release": lambda it: it.release("+12065550143", AssetKind.NUMBER),
        "release_keyword": lambda it: it.release("CAKE", AssetKind.KEYWORD),
        "registrations": lambda it: it.registrations(),
        "register": lambda it: it.register("https://desk.example/webhooks", EVENTS.get(provider)),
        "unregister": lambda it: it.unregister("1"),
    }


def adapter(provider: str, transport: httpx.BaseTransport) -> Provider:
    """Return an adapter whose requests go to this transport."""
    values, settings = CREDENTIALS[provider]
    root = {"telnyx": "/v2", "telesign": "", "callfire": "/api/1.1/rest"}[provider]
    credentials = Credentials(provider, "default", f"https://{provider}.test{root}", values, settings)
    made: Provider = registry.adapter(provider).build(credentials, Still(), Timings(), transport=transport)
    return made


@cache
def recorded(provider: str) -> tuple[str, Recorded]:
    """Return the provider's id of the order, and the recorded answers."""
    kept = json.loads((FOLDER / "answers" / f"{provider}.json").read_text(encoding="utf-8"))
    return kept["provider_order_id"], kept["answers"]


class Replay(httpx.BaseTransport):
    """Gives the recorded answers of one operation, each as it is or as the source says."""

    def __init__(self, answers: list[dict[str, Any]], source: Source) -> None:
        self.calls = 0
        self._answers = answers or [{"status": 200, "type": "application/json", "body": "{}"}]
        self._source = source

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, whatever it asks."""
        assert self.calls < MOST_CALLS, "the adapter goes on calling"
        answer = self._answers[min(self.calls, len(self._answers) - 1)]
        self.calls += 1
        status, kind, content = answer["status"], answer["type"], answer["body"].encode()
        headers: list[tuple[bytes, bytes]] = []
        match self._source.byte() % 8:
            case 1 | 2 | 3:
                content = _edited(content, self._source)
            case 4:
                content = self._source.some()
            case 5:
                status = 200 + (self._source.byte() << 1 | self._source.byte() & 1) % 400
                content = _edited(content, self._source)
            case 6:
                headers = [(self._source.pick(_HEADERS), self._source.some())]
                status = self._source.pick((429, 200, 201, 302, 503, 401))
            case 7:
                raise self._source.pick((httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError))("fuzzed")
        return httpx.Response(status, headers=[(b"content-type", kind.encode()), *headers], content=content)


def _edited(content: bytes, source: Source) -> bytes:
    """Edit JSON as values, XML as elements, anything else as bytes."""
    if content.lstrip()[:1] == b"<":
        try:
            root = fromstring(content)  # noqa: S314 - our own recordings
        except ParseError:
            return source.some()
        for _ in range(source.byte() % 4 + 1):
            _edit_element(root, source)
        return tostring(root)
    try:
        document = json.loads(content)
    except ValueError:
        return source.some()
    return json.dumps(edited(document, source)).encode()


def _edit_element(root: Element, source: Source) -> None:
    elements = list(root.iter())
    element = elements[(source.byte() << 8 | source.byte()) % len(elements)]
    written = str(source.value()).encode("utf-8", "replace").decode()
    match source.byte() % 6:
        case 0:
            element.clear()
        case 1:
            element.tag = written or "x"
        case 2:
            element.set(source.pick(("id", "href", "totalResults", "x")), written)
        case 3:
            element.extend(list(element)[:1] * (source.byte() % 40))
        case 4:
            element.tail = written
        case _:
            element.text = written


class _Recording(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.answers: list[dict[str, Any]] = []
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        content = answer.read().decode()
        kind = answer.headers.get("content-type", "")
        self.answers.append({"status": answer.status_code, "type": kind, "body": content})
        return answer


def record() -> None:
    """Let the simulators answer every operation, and keep the answers."""
    from local.simulators.base import SimulatorTransport  # noqa: PLC0415 - not there where the fuzzer runs
    from local.simulators.callfire import CallFireSimulator  # noqa: PLC0415
    from local.simulators.clock import Clock  # noqa: PLC0415
    from local.simulators.telesign import TeleSignSimulator  # noqa: PLC0415
    from local.simulators.telnyx import TelnyxSimulator  # noqa: PLC0415

    clock = Clock(datetime(2026, 11, 22, 8, tzinfo=UTC))
    simulators: dict[str, Simulator] = {
        "telnyx": TelnyxSimulator(clock, keys=["KEY"]),
        "telesign": TeleSignSimulator(clock, customer_id="CUSTOMER", api_key="dGVsZXNpZ24gc2VjcmV0"),
        "callfire": CallFireSimulator(clock, login="LOGIN", password="PASSWORD"),
    }
    (FOLDER / "answers").mkdir(parents=True, exist_ok=True)
    for provider, simulator in simulators.items():
        inner = SimulatorTransport(simulator)
        plan = adapter(provider, inner).plan(order_message(provider))
        purchase = _Recording(inner)
        placed = adapter(provider, purchase).place(plan, an_order(provider, "").reference)
        clock.advance(60)
        answers: Recorded = {}
        order = an_order(provider, placed.provider_order_id)
        for name, call in calls(provider, order).items():
            transport = _Recording(inner)
            try:
                call(adapter(provider, transport))
            except ProviderError as error:
                print(provider, name, type(error).__name__, error)  # noqa: T201 - a command
            answers[name] = transport.answers[:12]
        answers["place"] = purchase.answers
        kept = {"provider_order_id": placed.provider_order_id, "answers": answers}
        (FOLDER / "answers" / f"{provider}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
