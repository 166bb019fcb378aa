"""A desk with something to show on every page of the console, for tests in a browser and for screenshots."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support import aws
from tests.support.aws import TOKEN
from tests.support.builders import body
from tests.support.console import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
LONG_ID = "held-with-an-id-that-is-as-long-as-an-id-may-be-64-characters-1"


@contextmanager
def full_desk(views: Path) -> Iterator[Desk]:
    """Make the desk: orders that wait, were rejected, are held and are complete, a dead letter, a profile, a registration, an act.

    Args:
        views: the file of the saved views.
    """
    with aws.world(SpendingLimits='{"numbers_per_order": 2, "cost_per_day": {"USD": "500"}}') as world:
        world.telnyx.configure(vetting_seconds=1)
        world.telnyx.reject("Business Name", "The register shows another name.", new_deadline_seconds=20 * 3600)
        world.send(body("german", GERMAN))
        world.send(body("chicago", {"criteria": {"country": "US", "city": "Chicago"}, "quantity": 1}))
        three = {"criteria": {"country": "US", "city": "Chicago"}, "quantity": 3}
        for order_id in ("held", "held-with-an-id-that-is-as-long-as-an-id-may-be-64-characters-1"):
            world.send(body(order_id, three))
        world.send({"order_id": "broken", "provider": "telnyx", "items": []})
        world.telnyx.send_webhook(payload={"id": "none-of-ours"})
        world.pass_time(3)
        world.telnyx.supply("*")
        world.pass_time(120, steps=4, sweep=True)
        text = {"kind": "text", "text": "Example GmbH"}
        answers = {"answers": [{"requirement": "Business Name", "value": text}]}
        world.api("PUT", "/profiles/telnyx/default/DE/local", answers)
        hook = {"event": "CAMPAIGN_FINISHED", "token": TOKEN}
        world.api("POST", "/providers/callfire/webhooks", hook)
        world.api("POST", "/orders/german/sync", {"reason": "Telnyx says that the review is done."})
        yield Desk(world, views)
