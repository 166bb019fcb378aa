from datetime import UTC, datetime

import pytest

from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.request import OrderMessage
from tests.contract.provider_cases import Bench, ProviderContract

_KEY = "KEY0199A-telnyx-secret"


class TestTelnyx(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        simulator = TelnyxSimulator(
            Clock(datetime(2026, 11, 22, 8, tzinfo=UTC)),
            keys=[_KEY],
            webhook_urls=["https://desk.example/webhooks/telnyx"],
        )
        # Telnyx does not document whether references are compared exactly: here they are not.
        simulator.configure(fuzzy_reference=True)
        return Bench(
            simulator=simulator,
            message=OrderMessage.model_validate(
                {
                    "order_id": "order-1",
                    "provider": "telnyx",
                    "items": [{"criteria": {"country": "US", "area_code": "312"}, "quantity": 2}],
                }
            ),
            values={"api_key": _KEY},
            secrets=(_KEY,),
            login=_KEY,
            purchase="create_order",
            poll="get_order",
            listing="list_orders",
            release="delete_owned",
            refuse=lambda: simulator.sell_out("US"),
            deliver=lambda: simulator.advance(60),
            show_word=lambda order_id, provider_status: simulator.cancel(order_id, status=provider_status),
        )
