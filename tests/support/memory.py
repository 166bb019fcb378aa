"""What sync_order holds at once for the largest order that it is meant for, and for the largest file. Run as a process of its own."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
from aws_lambda_powertools.utilities import batch

from numberdesk.domain.clock import Clock
from numberdesk.domain.fold import Rules, fold
from numberdesk.domain.order import Asset
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import AssetSeen, Snapshot
from numberdesk.domain.statuses import AssetKind, AssetState, Phase
from numberdesk.providers import registry
from numberdesk.providers.base import Credentials, Provider
from numberdesk.storage.orders import dumped, request_item, row_item
from numberdesk.storage.pages import order_of_items, pages
from numberdesk.storage.values import marshal, unmarshal
from tests.support.orders import pending

NUMBERS = 10_000
FILE_BYTES = 20_971_520
"""The most that MaxFileBytes may be."""
NOW = datetime(2026, 11, 30, tzinfo=UTC)
LOADED = (boto3.client, batch.process_partial_response)


class _Still(Clock):
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def poll() -> None:
    """Read an order, fold what a poll saw, and make what is written, as items are on the wire."""
    numbers = tuple(
        Asset(
            kind=AssetKind.NUMBER,
            value=f"+49301{index:07}",
            state=AssetState.PENDING,
            provider_status="pending",
            provider_id=f"{index:036}",
        )
        for index in range(NUMBERS)
    )
    order = pending().with_(assets=numbers)
    written = pages(pending().with_(assets=()), order, dumped(order))
    order = order.with_(pages=written.names, field_pages=written.fields)
    items = [row_item(order), request_item(order), *written.new]
    wire = json.loads(json.dumps([marshal(item) for item in items], default=lambda it: it.decode("latin-1")))
    assert wire
    read = order_of_items({item["sk"]: unmarshal(marshal(item)) for item in items})
    assert read is not None
    seen = tuple(
        AssetSeen(kind=AssetKind.NUMBER, value=each.value, state=AssetState.ACTIVE, provider_status="success")
        for each in numbers
    )
    capabilities = registry.capabilities("telnyx")
    rules = Rules(Timings(), capabilities.cadence, capabilities.pending)
    snapshot = Snapshot("po-1", Phase.OPEN, "pending", assets=seen, lists_every_asset=True)
    folded = fold(read, snapshot, began_at=NOW, now=NOW, rules=rules, says_ended=False, unannounced=False)
    assert len(pages(read, folded.order, dumped(folded.order)).new) == NUMBERS // 250


def submit() -> None:
    """Send a file on to the provider."""
    answer = httpx.MockTransport(lambda request: httpx.Response(200, json={"data": {"id": str(len(request.content))}}))
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY"})
    telnyx: Provider = registry.adapter("telnyx").build(credentials, _Still(), Timings(), transport=answer)
    size = int(telnyx.upload_document(bytes(FILE_BYTES), "proof.pdf", "application/pdf", "reference"))
    assert size > FILE_BYTES


if __name__ == "__main__":
    {"poll": poll, "submit": submit}[sys.argv[1]]()
    # getrusage counts what the process held that started this one.
    [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    sys.stdout.write(str(int(peak) // 1024))
