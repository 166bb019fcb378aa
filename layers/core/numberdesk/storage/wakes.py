"""What the sweep needs of the table: which orders are due, since when others wait, and the last sweep. It reads no whole order."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from numberdesk.domain.activity import SHARDS
from numberdesk.domain.clock import instant_text
from numberdesk.domain.statuses import OrderState, WakeKind
from numberdesk.domain.sweep import OnItsWay, QueueSeen, Sweep
from numberdesk.services.ports import Due, Waking
from numberdesk.storage.dynamodb import NOT_NEWER, put
from numberdesk.storage.gates import Gates
from numberdesk.storage.ledger import Ledger
from numberdesk.storage.values import instant, keyed, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numberdesk.storage.values import Item, Key

WAKE_SHARDS = 2
"""Partitions of each kind in the wake index. A sweep queries all of them, and DynamoDB takes 1,000 writes a second in each."""
_EARLIER_SHARDS = 8
"""As many as version 0.1.0 had."""
_EARLIER_HOLDS = 3600.0
"""Seconds for which it is remembered which of those beyond `WAKE_SHARDS` still have orders."""
_SWEEP: Key = ("DESK#sweep", "LAST")


class Wakes(Gates, Ledger):
    """Implements `services.stores.Wakes`."""

    def due(self, kind: WakeKind, until: datetime, limit: int) -> list[Due]:
        """Return orders of a kind that are due until then, the earliest first.

        However long they are overdue: a missed sweep is made up for. The index follows its table with a delay.
        """
        found: list[Due] = []
        for shard in (*wake_shards(kind), *self._earlier(kind)):
            values = {":shard": shard, ":until": instant_text(until)}
            keys, _ = self._index("wake", "wake_shard = :shard AND wake_at <= :until", values, limit)
            found += [Due(str(key["pk"]).removeprefix("ORDER#"), str(key["wake_at"])) for key in keys]
        return sorted(found, key=lambda due: due.place)[:limit]

    def _earlier(self, kind: WakeKind) -> list[str]:
        """Return the shards with orders that an earlier version wrote. The next commit of such an order moves it."""
        known = ("earlier shards", kind.value)
        asked_at, shards = self._known.get(known, (0.0, []))
        # Wall-clock time: see `table_id`.
        if abs(time.time() - asked_at) > _EARLIER_HOLDS:
            beyond = wake_shards(kind, _EARLIER_SHARDS)[WAKE_SHARDS:]
            shards = [each for each in beyond if self._index("wake", "wake_shard = :shard", {":shard": each}, 1)[0]]
            self._known[known] = (time.time(), shards)
        return list(shards)

    def waking(self, order_ids: Sequence[str]) -> dict[str, Waking | None]:
        keys = [(f"ORDER#{order_id}", "ORDER") for order_id in dict.fromkeys(order_ids)]
        names = {f"#{name}": name for name in ("pk", "sk", "v", *_WAKING)}
        shown: dict[str, Any] = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        rows = self._readable(self._get_batches(keys, **shown), _waking)
        return {pk.removeprefix("ORDER#"): row for (pk, _), row in rows}

    def put_off(self, due: Due, until: datetime) -> bool:
        key, values = (f"ORDER#{due.order_id}", "ORDER"), {":until": instant_text(until), ":found": due.place}
        return self._update(key, "SET wake_at = :until", "wake_at = :found", values)

    def oldest(self, partition: str) -> datetime | None:
        places: list[str] = []
        for shard in range(SHARDS):
            keys, _ = self._index("lists", "list_pk = :shard", {":shard": f"{partition}/{shard}"}, 1)
            places += [key["list_sk"] for key in keys]
        return instant(min(places).partition("#")[0]) if places else None

    def sweep(self) -> Sweep | None:
        return self._record(_SWEEP, _sweep_of_item)

    def put_sweep(self, sweep: Sweep) -> None:
        self._write(put(_sweep_item(sweep), NOT_NEWER))


def wake_shards(kind: WakeKind, count: int = WAKE_SHARDS) -> list[str]:
    """Return the shards of the wake index for orders of a kind."""
    # The shards without a name also have rows of all kinds that an earlier version wrote.
    name = "" if kind is WakeKind.POLL else kind.value
    return [f"{name}{shard}" for shard in range(count)]


_WAKING = ("order_id", "state", "received_at", "wake_at", "sweep_at")


def _waking(item: Item) -> Waking:
    at = {name: instant(item[name]) if item.get(name) else None for name in ("wake_at", "sweep_at")}
    return Waking(item["order_id"], OrderState(item["state"]), instant(item["received_at"]), **at)


def _sweep_item(sweep: Sweep) -> Item:
    queues = {
        name: {"waiting": seen.waiting, "since": instant_text(seen.since) if seen.since else None}
        for name, seen in sweep.queues.items()
    }
    item = keyed(
        _SWEEP, at=instant_text(sweep.at), woken=sweep.woken, overdue_seconds=sweep.overdue_seconds, queues=queues
    )
    if sweep.on_their_way:
        sent = {
            order_id: {"wake_at": instant_text(wake.wake_at), "until": instant_text(wake.until)}
            for order_id, wake in sweep.on_their_way.items()
        }
        # Of hundreds of wakes: instants are alike.
        item["on_their_way"] = pack(json.dumps(sent).encode())
    return item


def _sweep_of_item(item: Item) -> Sweep:
    sent = json.loads(unpack(item["on_their_way"])) if "on_their_way" in item else {}
    return Sweep(
        at=instant(item["at"]),
        woken=item["woken"],
        overdue_seconds=item["overdue_seconds"],
        queues={
            name: QueueSeen(seen["waiting"], instant(seen["since"]) if seen.get("since") else None)
            for name, seen in item["queues"].items()
        },
        on_their_way={
            order_id: OnItsWay(instant(wake["wake_at"]), instant(wake["until"])) for order_id, wake in sent.items()
        },
    )
