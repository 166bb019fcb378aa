"""Every provider's requests state the formats that they accept, and a purchase is recognized in other notations."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from numberdesk.domain.request import OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers import registry
from numberdesk.providers.base import Credentials, OutcomeUnknownError, Plan, Provider, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

ORDER_ID = "2a1b3c4d-0f0e-4d0c-8b0a-090807060504"
VALUES = {
    "telnyx": {"api_key": "KEY"},
    "telesign": {"customer_id": "CUSTOMER", "api_key": "a2V5"},
    "callfire": {"login": "LOGIN", "password": "PASSWORD"},
}
TAKEN = {"telnyx": "application/json", "telesign": "application/json", "callfire": "application/xml"}


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 8, 30, tzinfo=UTC)

    def sleep(self, duration: timedelta) -> None:
        pass


def _provider(name: str, transport: httpx.MockTransport) -> Provider:
    credentials = Credentials(name, "default", registry.PROVIDERS[name].base_url, VALUES[name])
    provider: Provider = registry.adapter(name).build(credentials, _Clock(), Timings(), transport=transport)
    return provider


def _place(answer: httpx.Response) -> str:
    provider = _provider("telnyx", httpx.MockTransport(lambda _: answer))
    return provider.place(Plan({"phone_numbers": [{"phone_number": "+13125550100"}]}), "reference").provider_order_id


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"data": {"id": ORDER_ID, "phone_numbers": [{"id": ORDER_ID[::-1]}]}}),
        httpx.Response(200, json={"id": ORDER_ID, "status": "pending"}),
        httpx.Response(201, json={"data": [{"id": ORDER_ID}]}),
        httpx.Response(200, json={"number_order": {"id": ORDER_ID.upper()}}),
        httpx.Response(200, content=b"\xef\xbb\xbf" + f'{{"id": "{ORDER_ID}"}}'.encode()),
        httpx.Response(200, content=f"<?xml version='1.0'?><number_order><id>{ORDER_ID}</id></number_order>".encode()),
        httpx.Response(200, content=f'<response><data id="{ORDER_ID}"/></response>'.encode()),
        httpx.Response(201, headers={"location": f"https://api.telnyx.com/v2/number_orders/{ORDER_ID}?x=1"}),
    ],
)
def test_telnyx_order_id_is_found_in_any_notation(answer: httpx.Response) -> None:
    assert _place(answer).lower() == ORDER_ID


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"data": {"phone_numbers": [{"id": ORDER_ID}]}}),
        httpx.Response(200, json={"data": {"customer": {"id": ORDER_ID}}}),
        httpx.Response(200, json={"data": {}, "errors": [{"code": "10007"}], "id": ORDER_ID}),
        httpx.Response(200, json={"id": ORDER_ID, "order_id": ORDER_ID.replace("2", "3")}),
        httpx.Response(200, json={"id": 4711}),
        httpx.Response(
            200, json={"data": {"data": {"data": {"data": {"data": {"data": {"data": {"id": ORDER_ID}}}}}}}}
        ),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=f"<number_order><id>{ORDER_ID}</id>".encode()),
        httpx.Response(200, content=f"<!DOCTYPE a [<!ENTITY i '{ORDER_ID}'>]><order><id>&i;</id></order>".encode()),
        httpx.Response(201, headers={"location": f"https://api.telnyx.com/v2/phone_numbers/{ORDER_ID}"}),
        httpx.Response(201, headers={"location": "https://[broken/number_orders/1"}),
    ],
)
def test_ambiguous_id_makes_the_purchase_an_unknown_outcome(answer: httpx.Response) -> None:
    with pytest.raises(OutcomeUnknownError):
        _place(answer)


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_request_states_the_formats_it_accepts(name: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    provider: Any = _provider(name, httpx.MockTransport(answer))
    message = OrderMessage.model_validate(
        {"order_id": "o", "provider": name, "items": [{"criteria": {"country": "US"}, "quantity": 1}]}
    )
    calls: list[Callable[[], object]] = [
        lambda: provider.place(Plan({"country_iso2": "US"}), "reference"),
        lambda: provider.plan(message),
        lambda: provider.owned(None),
        lambda: provider.release("+13125550100", AssetKind.NUMBER),
        provider.registrations,
        lambda: provider.unregister("1"),
    ]
    for call in calls:
        with suppress(ProviderError):
            call()
    assert len(asked) >= 3
    assert {tuple(request.headers.get_list("accept")) for request in asked} == {(TAKEN[name],)}
